//! What one node asks another over their link, and what comes back, as bytes: a tag byte and its
//! fields; the end of the stream is the end of the message. Documented in docs/protocol.md. Streams
//! and their limits belong to the shell; nothing here trusts a byte.

mod receipt;

pub use receipt::Receipt;

use crate::{
    entry::ENTRY_BYTES_MAX, id::Origin, seal::PAYLOAD_BYTES_MAX, sync::Digest, text,
    witness::SUBMISSION_BYTES_MAX,
};

/// Largest request: a sealed letter is its payload in base64 inside a small JSON envelope.
pub const REQUEST_BYTES_MAX: usize = PAYLOAD_BYTES_MAX * 2;
/// Largest answer: a full bundle of 256 entries, each with its two length bytes.
pub const ANSWER_BYTES_MAX: usize = 256 * (ENTRY_BYTES_MAX + 2) + 1024;
/// Longest kind of letter and longest path: they are short words and tile paths.
const TEXT_BYTES_MAX: usize = 512;
/// Longest question about what was written: it names one process.
const QUESTION_BYTES_MAX: usize = 512;
/// What is kept of the reason of a refusal, in characters: it is stored and shown to people.
const REASON_CHARS_MAX: usize = 1000;

const TAG_HEADS: u8 = 1;
const TAG_ANNOUNCE: u8 = 2;
const TAG_RESOURCE: u8 = 3;
const TAG_LETTER: u8 = 4;
const TAG_WITNESS: u8 = 6;
const TAG_CORRESPONDENCE: u8 = 7;

const TAG_DONE: u8 = 1;
const TAG_MISSING: u8 = 2;
const TAG_BUSY: u8 = 3;
const TAG_REFUSED: u8 = 4;

/// What one node asks another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// The signed checkpoints held that the sender, by its digest, does not hold.
    Heads(Digest),
    /// A hint that this signed checkpoint exists and can be had from the sender.
    Announce(String),
    /// A static resource of a log by its path below `/log/<node>/<generation>/`: the same bytes as
    /// over HTTP. Beside those, `proof/<from>/<to>` gives a consistency proof.
    Resource {
        /// The log.
        origin: Origin,
        /// The path, such as `tile/entries/000.p/17`.
        path: String,
    },
    /// A sealed message for a room of the node.
    Letter {
        /// Which room: `market.message`, `usage.report`, `statement`.
        kind: String,
        /// The sealed bytes.
        bytes: Vec<u8>,
    },
    /// A checkpoint to be cosigned: the body of `add-checkpoint`, as over HTTP. The answer is the
    /// HTTP status in two bytes, big-endian, and the body.
    Witness(Vec<u8>),
    /// What the other side holds of what both wrote: a question in JSON, answered in JSON.
    Correspondence(Vec<u8>),
}

/// What comes back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Here it is.
    Done(Vec<u8>),
    /// Not held here.
    Missing,
    /// Too much to do; try later.
    Busy,
    /// No, with the reason.
    Refused(String),
}

impl Request {
    /// The bytes on the stream.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Heads(digest) => tagged(TAG_HEADS, &digest.to_bytes()),
            Self::Announce(note) => tagged(TAG_ANNOUNCE, note.as_bytes()),
            Self::Resource { origin, path } => {
                two_fields(TAG_RESOURCE, &origin.to_string(), path.as_bytes())
            }
            Self::Letter { kind, bytes } => two_fields(TAG_LETTER, kind, bytes),
            Self::Witness(body) => tagged(TAG_WITNESS, body),
            Self::Correspondence(question) => tagged(TAG_CORRESPONDENCE, question),
        }
    }

    /// Whether a frame that begins with this byte is a letter: all other requests are short.
    pub fn is_letter(tag: u8) -> bool {
        tag == TAG_LETTER
    }

    /// Reads what [`Request::encode`] wrote; `None` for anything else.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (tag, rest) = bytes.split_first()?;
        match *tag {
            TAG_HEADS => Some(Self::Heads(Digest::parse(rest)?)),
            TAG_ANNOUNCE => Some(Self::Announce(String::from_utf8(rest.to_vec()).ok()?)),
            TAG_RESOURCE => {
                let (origin, path) = split_fields(rest)?;
                let path = String::from_utf8(path.to_vec()).ok()?;
                (path.len() <= TEXT_BYTES_MAX).then_some(())?;
                Some(Self::Resource { origin: Origin::parse(&origin).ok()?, path })
            }
            TAG_LETTER => {
                let (kind, bytes) = split_fields(rest)?;
                Some(Self::Letter { kind, bytes: bytes.to_vec() })
            }
            TAG_WITNESS if rest.len() <= SUBMISSION_BYTES_MAX => Some(Self::Witness(rest.to_vec())),
            TAG_CORRESPONDENCE if rest.len() <= QUESTION_BYTES_MAX => {
                Some(Self::Correspondence(rest.to_vec()))
            }
            _ => None,
        }
    }
}

impl Answer {
    /// The bytes on the stream.
    pub fn encode(&self) -> Vec<u8> {
        let (tag, rest) = self.parts();
        tagged(tag, rest)
    }

    /// The first byte on the stream and those that follow: an answer may have four megabytes, which
    /// are not copied to be sent.
    pub fn parts(&self) -> (u8, &[u8]) {
        match self {
            Self::Done(bytes) => (TAG_DONE, bytes),
            Self::Missing => (TAG_MISSING, &[]),
            Self::Busy => (TAG_BUSY, &[]),
            Self::Refused(reason) => (TAG_REFUSED, reason.as_bytes()),
        }
    }

    /// Reads what [`Answer::encode`] wrote; `None` for anything else.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (tag, rest) = bytes.split_first()?;
        match *tag {
            TAG_DONE => Some(Self::Done(rest.to_vec())),
            TAG_MISSING if rest.is_empty() => Some(Self::Missing),
            TAG_BUSY if rest.is_empty() => Some(Self::Busy),
            TAG_REFUSED => {
                let reason = std::str::from_utf8(rest).ok()?;
                let cut = |text: &str| text.chars().take(REASON_CHARS_MAX).collect::<String>();
                let shown = text::shown(&cut(reason)).replace(['\n', '\t'], " ");
                Some(Self::Refused(cut(&shown)))
            }
            _ => None,
        }
    }
}

fn tagged(tag: u8, rest: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(rest.len() + 1);
    bytes.push(tag);
    bytes.extend_from_slice(rest);
    bytes
}

/// Tag, length of the first field in two bytes, first field, second field to the end.
fn two_fields(tag: u8, first: &str, second: &[u8]) -> Vec<u8> {
    let length = u16::try_from(first.len()).unwrap_or(u16::MAX);
    let mut bytes = tagged(tag, &length.to_be_bytes());
    bytes.extend_from_slice(first.as_bytes());
    bytes.extend_from_slice(second);
    bytes
}

fn split_fields(rest: &[u8]) -> Option<(String, &[u8])> {
    let (length, rest) = rest.split_first_chunk::<2>()?;
    let length = usize::from(u16::from_be_bytes(*length));
    (length <= TEXT_BYTES_MAX).then_some(())?;
    let (first, second) = rest.split_at_checked(length)?;
    Some((String::from_utf8(first.to_vec()).ok()?, second))
}

#[cfg(test)]
mod tests {
    use crate::sync::DIGEST_BYTES;

    use super::*;

    #[test]
    fn frames_decode_to_what_was_encoded() {
        let origin = Origin::parse("ningbo.example/yinzhou/1").expect("valid");
        for request in [
            Request::Heads(Digest::parse(&[7; DIGEST_BYTES]).expect("its length")),
            Request::Announce("note".to_owned()),
            Request::Resource { origin, path: "tile/entries/000.p/17".to_owned() },
            Request::Letter { kind: "market.message".to_owned(), bytes: vec![0, 255] },
            Request::Witness(b"old 0\n\n".to_vec()),
            Request::Correspondence(b"{}".to_vec()),
        ] {
            assert_eq!(Request::decode(&request.encode()), Some(request));
        }
        let refused = Answer::Refused("否".to_owned());
        for answer in [Answer::Done(vec![1, 2]), Answer::Missing, Answer::Busy, refused] {
            assert_eq!(Answer::decode(&answer.encode()), Some(answer));
        }
    }

    #[test]
    fn a_reason_is_read_as_what_can_be_stored_and_shown() {
        let answer = Answer::Refused(format!("a\0\u{1b}[2J{}", "长".repeat(5000)));
        let Some(Answer::Refused(reason)) = Answer::decode(&answer.encode()) else {
            panic!("a refusal")
        };
        assert!(reason.starts_with("a\\u{0}\\u{1b}[2J长"), "{reason}");
        assert_eq!(reason.chars().count(), REASON_CHARS_MAX);
    }

    #[test]
    fn garbage_is_no_frame() {
        for bytes in
            [&[][..], &[0], &[9, 1], &[1], &[1, 1], &[2, 0xff], &[3, 0xff, 0xff, 1], &[4, 0]]
        {
            assert_eq!(Request::decode(bytes), None, "{bytes:?}");
        }
        for bytes in [&[][..], &[0], &[2, 1], &[4, 0xff]] {
            assert_eq!(Answer::decode(bytes), None, "{bytes:?}");
        }
    }

    #[test]
    fn a_submission_over_the_limit_of_witnesses_is_no_request() {
        let body = |length| [vec![TAG_WITNESS], vec![b'o'; length]].concat();
        assert!(Request::decode(&body(SUBMISSION_BYTES_MAX)).is_some());
        assert_eq!(Request::decode(&body(SUBMISSION_BYTES_MAX + 1)), None);
    }
}
