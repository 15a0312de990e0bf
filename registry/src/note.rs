//! Signed notes, exactly as C2SP signed-note says: a text, an empty line, and lines of signatures.
//! Checkpoints are notes. Signatures of unknown keys or algorithms are carried along and ignored; a
//! known key's signature must hold.

mod key;

use base64::{Engine as _, prelude::BASE64_STANDARD};

pub use key::{Algorithm, NoteKeyError, VerifierKey};

use crate::key::KeyPair;

/// Largest note in bytes: the specification asks for room for sixteen signatures and says that one
/// may have five thousand bytes, which base64 makes 107 KB; other implementations cap at 1 MB.
pub const NOTE_BYTES_MAX: usize = 128 * 1024;
/// Most signature lines, as in other implementations.
pub const SIGNATURES_MAX: usize = 100;
/// What a signature line begins with: an em dash and a space.
const SIGNATURE_PREFIX: &str = "\u{2014} ";

/// Why a note was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Larger than [`NOTE_BYTES_MAX`].
    #[error("the note has {0} bytes, at most {NOTE_BYTES_MAX} are accepted")]
    TooLarge(usize),
    /// Not UTF-8, or with control characters.
    #[error("the note is not plain text")]
    NotText,
    /// No empty line with signatures after it.
    #[error("the note has no signatures")]
    NoSignatures,
    /// A signature line of another form.
    #[error("signature line {0} is malformed")]
    SignatureLine(usize),
    /// More than [`SIGNATURES_MAX`] lines.
    #[error("the note has more than 100 signatures")]
    TooManySignatures,
    /// The signature of a known key does not fit.
    #[error("the signature of `{0}` does not fit")]
    BadSignature(String),
    /// No known key signed.
    #[error("no trusted key signed the note")]
    Unverified,
}

/// A signature line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// Name of the key that made it.
    pub name: String,
    /// Id of the key.
    pub key_id: [u8; 4],
    /// What the key's algorithm puts here.
    pub bytes: Vec<u8>,
}

impl Signature {
    /// Parses a signature line, without its line feed.
    pub fn parse(line: &str) -> Option<Self> {
        let (name, encoded) = line.strip_prefix(SIGNATURE_PREFIX)?.split_once(' ')?;
        let decoded = BASE64_STANDARD.decode(encoded).ok()?;
        let (key_id, bytes) = decoded.split_first_chunk::<4>()?;
        let fits = key::is_name(name) && !bytes.is_empty();
        fits.then(|| Self { name: name.to_owned(), key_id: *key_id, bytes: bytes.to_vec() })
    }

    /// The signature line with its line feed.
    pub fn line(&self) -> String {
        let payload = [self.key_id.as_slice(), &self.bytes].concat();
        format!("{SIGNATURE_PREFIX}{} {}\n", self.name, BASE64_STANDARD.encode(payload))
    }
}

/// A note taken apart; nothing in it is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// What was signed; ends in a line feed.
    pub text: String,
    /// The signature lines, in their order.
    pub signatures: Vec<Signature>,
}

impl Note {
    /// Takes a note apart at its last empty line.
    pub fn parse(bytes: &[u8]) -> Result<Self, NoteError> {
        if bytes.len() > NOTE_BYTES_MAX {
            return Err(NoteError::TooLarge(bytes.len()));
        }
        let whole = std::str::from_utf8(bytes).map_err(|_| NoteError::NotText)?;
        if whole.bytes().any(|byte| byte < 0x20 && byte != b'\n') {
            return Err(NoteError::NotText);
        }
        let split = whole.rfind("\n\n").ok_or(NoteError::NoSignatures)?;
        let (text, rest) = whole.split_at(split + 1);
        let lines = rest.strip_prefix('\n').and_then(|lines| lines.strip_suffix('\n'));
        let mut signatures = Vec::new();
        for (place, line) in lines.ok_or(NoteError::NoSignatures)?.split('\n').enumerate() {
            if place == SIGNATURES_MAX {
                return Err(NoteError::TooManySignatures);
            }
            signatures.push(Signature::parse(line).ok_or(NoteError::SignatureLine(place + 1))?);
        }
        Ok(Self { text: text.to_owned(), signatures })
    }

    /// Verifies the note against known keys and gives, for each that signed, its place in `keys`
    /// and its signature. Refused when a known key's signature does not fit, or none of them
    /// signed. A second signature of one key is passed over.
    pub fn verify(&self, keys: &[VerifierKey]) -> Result<Vec<(usize, &Signature)>, NoteError> {
        let mut verified: Vec<(usize, &Signature)> = Vec::new();
        for signature in &self.signatures {
            let known = keys.iter().enumerate().find(|(_, key)| key.made(signature));
            let Some((place, key)) = known else { continue };
            if verified.iter().any(|(other, _)| *other == place) {
                continue;
            }
            key.verify(&self.text, &signature.bytes)
                .map_err(|_| NoteError::BadSignature(signature.name.clone()))?;
            verified.push((place, signature));
        }
        if verified.is_empty() { Err(NoteError::Unverified) } else { Ok(verified) }
    }

    /// Signs a text with an Ed25519 key under a name. The text must end in a line feed and hold no
    /// other control character; else `None`, and likewise when the name cannot name a key.
    pub fn sign(text: String, name: &str, key: &KeyPair) -> Option<Self> {
        let control = text.bytes().any(|byte| byte < 0x20 && byte != b'\n');
        if control || !text.ends_with('\n') {
            return None;
        }
        let verifier = VerifierKey::new(name, Algorithm::Ed25519, key.public()).ok()?;
        let signature = Signature {
            name: name.to_owned(),
            key_id: verifier.id(),
            bytes: key.sign(text.as_bytes()).to_vec(),
        };
        Some(Self { text, signatures: vec![signature] })
    }

    /// The note as it is stored and served.
    pub fn encode(&self) -> String {
        let lines: String = self.signatures.iter().map(Signature::line).collect();
        format!("{}\n{lines}", self.text)
    }
}

#[cfg(test)]
mod tests;
