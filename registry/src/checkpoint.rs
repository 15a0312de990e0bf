//! Checkpoints, exactly as C2SP tlog-checkpoint says: the size and root of a log at one moment, as
//! a note signed with the log's key under the log's origin. What a log signed once it may never
//! contradict.

mod body;

pub use body::Body;
pub(crate) use body::decimal;

use crate::{
    id::Origin,
    key::{KeyPair, PublicKey},
    merkle::{Hash, empty_root},
    note::{Algorithm, Note, NoteError, VerifierKey},
};

/// Largest log a checkpoint may tell of: what fits a signed 64-bit integer of the store.
pub const SIZE_MAX: u64 = 1 << 62;

/// Size and root of a log.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Checkpoint {
    /// The log.
    pub origin: Origin,
    /// Entries in it.
    pub size: u64,
    /// Root of its tree.
    pub root: Hash,
}

/// Why a checkpoint was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// Not the three lines of a checkpoint.
    #[error("not a checkpoint: {0}")]
    Malformed(&'static str),
    /// Not a signed note, or not signed by the log.
    #[error("the checkpoint's signature is refused")]
    Note(#[source] NoteError),
    /// A checkpoint of another log.
    #[error("the checkpoint is of `{found}`, not of `{expected}`")]
    OtherOrigin {
        /// The log asked for.
        expected: Box<Origin>,
        /// The log it tells of.
        found: Box<Origin>,
    },
}

impl Checkpoint {
    /// The text that is signed.
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, self.root.to_base64())
    }

    /// Parses the text of a checkpoint of one of this program's logs. Extension lines, which no
    /// log of a federation has, are refused: what cannot be passed on as evidence must not be
    /// believed anywhere either.
    pub fn parse(text: &str) -> Result<Self, CheckpointError> {
        let bad = CheckpointError::Malformed;
        let Body { origin, size, root } = Body::parse(text)?;
        let origin = Origin::parse(&origin).map_err(|_| bad("its origin is not of this kind"))?;
        if size == 0 && root != empty_root() {
            return Err(bad("it gives an empty log another root"));
        }
        let checkpoint = Self { origin, size, root };
        if text == checkpoint.text() {
            Ok(checkpoint)
        } else {
            Err(bad("it has lines beside the three of a log"))
        }
    }

    /// Signs it; gives the note as it is stored and served.
    pub fn sign(&self, log_key: &KeyPair) -> String {
        // An origin is a valid key name, and the text plain, whatever the values are.
        Note::sign(self.text(), &self.origin.to_string(), log_key)
            .map(|note| note.encode())
            .unwrap_or_default()
    }

    /// Opens a note as a checkpoint of `origin`, signed with the log's key.
    pub fn open(
        note: &[u8],
        origin: &Origin,
        log_key: &PublicKey,
    ) -> Result<Self, CheckpointError> {
        let note = Note::parse(note).map_err(CheckpointError::Note)?;
        note.verify(&[vkey(origin, *log_key)]).map_err(CheckpointError::Note)?;
        let checkpoint = Self::parse(&note.text)?;
        if checkpoint.origin == *origin {
            Ok(checkpoint)
        } else {
            Err(CheckpointError::OtherOrigin {
                expected: Box::new(origin.clone()),
                found: Box::new(checkpoint.origin),
            })
        }
    }

    /// What a note tells without anyone having verified it: enough to decide which key must have
    /// signed.
    pub fn claimed(note: &[u8]) -> Result<Self, CheckpointError> {
        Self::parse(&Note::parse(note).map_err(CheckpointError::Note)?.text)
    }
}

/// The key of a log as outside tools take it; `Display` gives the vkey text.
#[expect(clippy::expect_used, reason = "an origin has neither spaces nor plus signs")]
pub fn vkey(origin: &Origin, log_key: PublicKey) -> VerifierKey {
    VerifierKey::new(&origin.to_string(), Algorithm::Ed25519, log_key).expect("origins are names")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merkle::leaf_hash;

    fn origin(text: &str) -> Origin {
        Origin::parse(text).expect("an origin")
    }

    fn checkpoint() -> Checkpoint {
        let origin = origin("ningbo.example/yinzhou/1");
        Checkpoint { origin, size: 700, root: leaf_hash(b"root") }
    }

    #[test]
    fn a_signed_checkpoint_opens_with_its_key_only() {
        let (key, other) = (KeyPair::from_seed([1; 32]), KeyPair::from_seed([2; 32]));
        let checkpoint = checkpoint();
        let note = checkpoint.sign(&key);
        let opened = Checkpoint::open(note.as_bytes(), &checkpoint.origin, &key.public());
        assert_eq!(opened, Ok(checkpoint.clone()));
        assert_eq!(Checkpoint::claimed(note.as_bytes()), Ok(checkpoint.clone()));
        let opened = Checkpoint::open(note.as_bytes(), &checkpoint.origin, &other.public());
        assert_eq!(opened, Err(CheckpointError::Note(NoteError::Unverified)));
        let elsewhere = origin("ningbo.example/haishu/1");
        assert!(Checkpoint::open(note.as_bytes(), &elsewhere, &key.public()).is_err());
        let forged = note.replace("\n700\n", "\n701\n");
        let opened = Checkpoint::open(forged.as_bytes(), &checkpoint.origin, &key.public());
        assert!(matches!(opened, Err(CheckpointError::Note(NoteError::BadSignature(_)))));
    }

    #[test]
    fn a_text_of_another_log_under_this_logs_name_is_refused() {
        let key = KeyPair::from_seed([1; 32]);
        let text = checkpoint().text();
        let elsewhere = origin("ningbo.example/haishu/1");
        let note = Note::sign(text, &elsewhere.to_string(), &key).expect("plain").encode();
        let opened = Checkpoint::open(note.as_bytes(), &elsewhere, &key.public());
        assert!(matches!(opened, Err(CheckpointError::OtherOrigin { .. })));
    }

    #[test]
    fn texts_parse_back_and_odd_forms_are_refused() {
        let good = checkpoint().text();
        assert_eq!(Checkpoint::parse(&good), Ok(checkpoint()));
        let empty = "a.example/b/1\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n";
        assert_eq!(Checkpoint::parse(empty).map(|empty| empty.size), Ok(0));
        for bad in [
            String::new(),
            good.trim_end().to_owned(),
            format!("{good}\n"),
            format!("{good}extension\n"),
            good.replace("700", "0700"),
            good.replace("700", "+700"),
            good.replace("700", "-1"),
            good.replace("700", ""),
            good.replace("700", "0"),
            good.replace("700", "18446744073709551616"),
            good.replace("700", "9223372036854775807"),
            good.replace("=\n", "\n"),
            good.replace("yinzhou/1", "yin zhou"),
            "ningbo.example/yinzhou/1\n700\n".to_owned(),
        ] {
            assert!(Checkpoint::parse(&bad).is_err(), "{bad:?}");
        }
    }
}
