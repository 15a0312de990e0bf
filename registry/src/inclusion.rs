//! Proofs to take away, exactly as C2SP tlog-proof v1 says: that an entry lies in a log, readable
//! and checkable without any network. The file names the entry's index, the hashes from the leaf to
//! the root and the signed checkpoint; lianshi puts the entry itself into the `extra` line, so that
//! one file is enough.

use base64::{Engine as _, prelude::BASE64_STANDARD};

use crate::{
    checkpoint::{SIZE_MAX, decimal},
    merkle::{Hash, PROOF_HASHES_MAX},
    note::NOTE_BYTES_MAX,
};

/// First line of every proof.
const HEADER: &str = "c2sp.org/tlog-proof@v1\n";
/// Largest proof in bytes: the largest note, and room for the largest entry a bundle can hold.
pub const PROOF_BYTES_MAX: usize = 2 * NOTE_BYTES_MAX;

/// A proof taken apart; nothing in it is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InclusionFile {
    /// What the writer put beside the proof; nothing vouches for it by itself.
    pub extra: Option<Vec<u8>>,
    /// Index of the entry.
    pub index: u64,
    /// Hashes from the leaf's sibling to the root's child.
    pub hashes: Vec<Hash>,
    /// The signed checkpoint, verbatim.
    pub checkpoint: Vec<u8>,
}

/// Why bytes are not a proof.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InclusionFileError {
    /// Larger than [`PROOF_BYTES_MAX`].
    #[error("the proof has {0} bytes, at most {PROOF_BYTES_MAX} are accepted")]
    TooLarge(usize),
    /// Another first line.
    #[error("the first line is not `c2sp.org/tlog-proof@v1`")]
    Header,
    /// The `extra` line is not canonical base64.
    #[error("the `extra` line is not base64")]
    Extra,
    /// The `index` line is missing or not a decimal number.
    #[error("the `index` line is missing or malformed")]
    Index,
    /// A line that is not a hash in base64, or more hashes than any tree has.
    #[error("line {0} of the proof is not a hash, or one too many")]
    Hash(usize),
    /// No empty line with a checkpoint after it.
    #[error("the proof ends before its checkpoint")]
    Truncated,
}

impl InclusionFile {
    /// Takes a proof apart.
    pub fn parse(bytes: &[u8]) -> Result<Self, InclusionFileError> {
        if bytes.len() > PROOF_BYTES_MAX {
            return Err(InclusionFileError::TooLarge(bytes.len()));
        }
        let rest = bytes.strip_prefix(HEADER.as_bytes()).ok_or(InclusionFileError::Header)?;
        let (mut line, mut rest) = next_line(rest).ok_or(InclusionFileError::Truncated)?;
        let mut extra = None;
        if let Some(encoded) = line.strip_prefix("extra ") {
            let decoded = BASE64_STANDARD.decode(encoded);
            extra = Some(decoded.map_err(|_| InclusionFileError::Extra)?);
            (line, rest) = next_line(rest).ok_or(InclusionFileError::Truncated)?;
        }
        let index = line.strip_prefix("index ").and_then(decimal);
        let index = index.filter(|index| *index <= SIZE_MAX).ok_or(InclusionFileError::Index)?;
        let mut hashes = Vec::new();
        loop {
            (line, rest) = next_line(rest).ok_or(InclusionFileError::Truncated)?;
            if line.is_empty() {
                break;
            }
            let place = hashes.len() + 1;
            let hash = Hash::from_base64(line).filter(|_| place <= PROOF_HASHES_MAX);
            hashes.push(hash.ok_or(InclusionFileError::Hash(place))?);
        }
        Ok(Self { extra, index, hashes, checkpoint: rest.to_vec() })
    }

    /// The bytes of the file, which is named `….tlog-proof`.
    pub fn encode(&self) -> Vec<u8> {
        let mut text = HEADER.to_owned();
        if let Some(extra) = &self.extra {
            text.push_str(&format!("extra {}\n", BASE64_STANDARD.encode(extra)));
        }
        text.push_str(&format!("index {}\n", self.index));
        for hash in &self.hashes {
            text.push_str(&hash.to_base64());
            text.push('\n');
        }
        text.push('\n');
        [text.as_bytes(), &self.checkpoint].concat()
    }
}

/// A line without its line feed, and what follows.
fn next_line(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let (line, rest) = bytes.split_at_checked(end)?;
    Some((std::str::from_utf8(line).ok()?, rest.strip_prefix(b"\n")?))
}
