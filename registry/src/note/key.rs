//! Keys as signed notes name them: `name+id+base64(type || public key)`, the text called vkey.

use std::fmt;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use sha2::{Digest as _, Sha256};

use super::Signature;
use crate::{
    cosignature,
    key::{KeyError, PublicKey},
};

/// What a key signs with, and over which bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// Type 0x01: Ed25519 over the note's text.
    Ed25519,
    /// Type 0x04: Ed25519 over a time and the note's text, by a witness (tlog-cosignature v1).
    CosignatureV1,
}

impl Algorithm {
    fn byte(self) -> u8 {
        match self {
            Self::Ed25519 => 0x01,
            Self::CosignatureV1 => 0x04,
        }
    }

    fn from_byte(byte: u8) -> Option<Self> {
        [Self::Ed25519, Self::CosignatureV1].into_iter().find(|known| known.byte() == byte)
    }
}

/// Why a text is not a vkey.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteKeyError {
    /// Not `name+id+base64`.
    #[error("not a verifier key of the form name+id+base64")]
    Malformed,
    /// Empty, with a space, a plus or a control character.
    #[error("`{0}` cannot name a key")]
    Name(String),
    /// The id is not that of the name and key.
    #[error("the key id does not belong to this name and key")]
    Id,
    /// An algorithm this program does not verify.
    #[error("unknown key type {0:#04x}")]
    Algorithm(u8),
    /// The key itself is refused.
    #[error("the public key is refused")]
    Key(#[source] KeyError),
}

/// A public key under the name it signs notes with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    algorithm: Algorithm,
    key: PublicKey,
}

impl VerifierKey {
    /// Names a key. The name of a log's key is the log's origin.
    pub fn new(name: &str, algorithm: Algorithm, key: PublicKey) -> Result<Self, NoteKeyError> {
        if is_name(name) {
            Ok(Self { name: name.to_owned(), algorithm, key })
        } else {
            Err(NoteKeyError::Name(name.to_owned()))
        }
    }

    /// Parses a vkey. Its base64 part may contain `+` itself.
    pub fn parse(text: &str) -> Result<Self, NoteKeyError> {
        let (name, rest) = text.split_once('+').ok_or(NoteKeyError::Malformed)?;
        let (id, encoded) = rest.split_once('+').ok_or(NoteKeyError::Malformed)?;
        let decoded = BASE64_STANDARD.decode(encoded).map_err(|_| NoteKeyError::Malformed)?;
        let (byte, key) = decoded.split_first().ok_or(NoteKeyError::Malformed)?;
        let algorithm = Algorithm::from_byte(*byte).ok_or(NoteKeyError::Algorithm(*byte))?;
        let key: [u8; 32] = key.try_into().map_err(|_| NoteKeyError::Malformed)?;
        let key = PublicKey::from_bytes(key).map_err(NoteKeyError::Key)?;
        let key = Self::new(name, algorithm, key)?;
        if hex::encode(key.id()) == id { Ok(key) } else { Err(NoteKeyError::Id) }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it signs with.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The public key.
    pub fn key(&self) -> PublicKey {
        self.key
    }

    /// SHA-256(name || 0x0A || type || public key), the first four bytes.
    pub fn id(&self) -> [u8; 4] {
        let mut hasher = Sha256::new();
        hasher.update(self.name.as_bytes());
        hasher.update([b'\n', self.algorithm.byte()]);
        hasher.update(self.key.bytes());
        let [a, b, c, d, ..]: [u8; 32] = hasher.finalize().into();
        [a, b, c, d]
    }

    /// Whether a signature line claims to be of this key: both the name and the id are its own.
    pub fn made(&self, signature: &Signature) -> bool {
        self.name == signature.name && self.id() == signature.key_id
    }

    /// Checks a signature's bytes over a note's text.
    pub(super) fn verify(&self, text: &str, signature: &[u8]) -> Result<(), KeyError> {
        let fixed = |bytes: &[u8]| bytes.try_into().map_err(|_| KeyError::BadSignature);
        match self.algorithm {
            Algorithm::Ed25519 => self.key.verify(text.as_bytes(), &fixed(signature)?),
            Algorithm::CosignatureV1 => {
                let (seconds, rest) =
                    cosignature::split(signature).ok_or(KeyError::BadSignature)?;
                self.key.verify(&cosignature::message(seconds, text), &fixed(rest)?)
            }
        }
    }
}

/// The vkey.
impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let typed = [&[self.algorithm.byte()], self.key.bytes().as_slice()].concat();
        write!(f, "{}+{}+{}", self.name, hex::encode(self.id()), BASE64_STANDARD.encode(typed))
    }
}

/// Whether a text may name a key.
pub(super) fn is_name(text: &str) -> bool {
    let barred = |c: char| c.is_whitespace() || c.is_control() || c == '+';
    !text.is_empty() && !text.contains(barred)
}
