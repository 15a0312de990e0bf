//! The protocol between nodes, `/lianshi/1`: one request and one answer per stream, each a tag byte
//! and its fields, the end of the stream being the end of the message. Documented in
//! docs/protocol.md.

use std::io;

use futures::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use lianshi_registry::{
    entry::ENTRY_BYTES_MAX, id::Origin, seal::PAYLOAD_BYTES_MAX, sync::Digest,
    witness::SUBMISSION_BYTES_MAX,
};
use libp2p::{StreamProtocol, request_response};

/// Name and version of the protocol.
pub(super) const PROTOCOL: StreamProtocol = StreamProtocol::new("/lianshi/1");
/// Largest request: a sealed letter is its payload in base64 inside a small JSON envelope.
pub(super) const REQUEST_BYTES_MAX: usize = PAYLOAD_BYTES_MAX * 2;
/// Largest answer: a full bundle of 256 entries, each with its two length bytes.
pub(super) const ANSWER_BYTES_MAX: usize = 256 * (ENTRY_BYTES_MAX + 2) + 1024;
/// Longest kind of letter and longest path: they are short words and tile paths.
const TEXT_BYTES_MAX: usize = 512;

const TAG_HEADS: u8 = 1;
const TAG_ANNOUNCE: u8 = 2;
const TAG_RESOURCE: u8 = 3;
const TAG_LETTER: u8 = 4;
const TAG_WITNESS: u8 = 6;

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
        }
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
            _ => None,
        }
    }
}

impl Answer {
    /// The bytes on the stream.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Done(bytes) => tagged(TAG_DONE, bytes),
            Self::Missing => vec![TAG_MISSING],
            Self::Busy => vec![TAG_BUSY],
            Self::Refused(reason) => tagged(TAG_REFUSED, reason.as_bytes()),
        }
    }

    /// Reads what [`Answer::encode`] wrote; `None` for anything else.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (tag, rest) = bytes.split_first()?;
        match *tag {
            TAG_DONE => Some(Self::Done(rest.to_vec())),
            TAG_MISSING if rest.is_empty() => Some(Self::Missing),
            TAG_BUSY if rest.is_empty() => Some(Self::Busy),
            TAG_REFUSED => Some(Self::Refused(String::from_utf8(rest.to_vec()).ok()?)),
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

/// Reads and writes the frames with their limits.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Codec;

impl request_response::Codec for Codec {
    type Protocol = StreamProtocol;
    type Request = Request;
    type Response = Answer;

    async fn read_request<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Request>
    where
        T: AsyncRead + Unpin + Send,
    {
        let bytes = read_frame(io, REQUEST_BYTES_MAX).await?;
        Request::decode(&bytes).ok_or_else(|| invalid("not a request"))
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Answer>
    where
        T: AsyncRead + Unpin + Send,
    {
        let bytes = read_frame(io, ANSWER_BYTES_MAX).await?;
        Answer::decode(&bytes).ok_or_else(|| invalid("not an answer"))
    }

    async fn write_request<T>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        request: Request,
    ) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        io.write_all(&request.encode()).await
    }

    async fn write_response<T>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        answer: Answer,
    ) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        io.write_all(&answer.encode()).await
    }
}

async fn read_frame<T: AsyncRead + Unpin + Send>(io: &mut T, max: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(max).unwrap_or(u64::MAX);
    io.take(limit.saturating_add(1)).read_to_end(&mut bytes).await?;
    if bytes.len() > max { Err(invalid("the frame is too large")) } else { Ok(bytes) }
}

fn invalid(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use lianshi_registry::sync::DIGEST_BYTES;

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
        ] {
            assert_eq!(Request::decode(&request.encode()), Some(request));
        }
        let refused = Answer::Refused("否".to_owned());
        for answer in [Answer::Done(vec![1, 2]), Answer::Missing, Answer::Busy, refused] {
            assert_eq!(Answer::decode(&answer.encode()), Some(answer));
        }
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

    #[test]
    fn a_frame_over_the_limit_is_refused_and_one_at_the_limit_is_read() {
        let read = |size: usize| {
            let bytes = vec![1_u8; size];
            futures::executor::block_on(read_frame(&mut bytes.as_slice(), 100))
        };
        assert_eq!(read(100).expect("fits").len(), 100);
        assert!(read(101).is_err());
    }
}
