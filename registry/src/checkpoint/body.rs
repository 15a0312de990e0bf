//! The text of any log's checkpoint, whatever form its origin has: what a witness and a verifier of
//! other people's logs read.

use super::{CheckpointError, SIZE_MAX};
use crate::merkle::Hash;

/// The three lines of a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body {
    /// The log, by the name it gives itself.
    pub origin: String,
    /// Entries in it.
    pub size: u64,
    /// Root of its tree.
    pub root: Hash,
}

impl Body {
    /// Parses the text of a note. Extension lines are passed over; they must not be empty.
    pub fn parse(text: &str) -> Result<Self, CheckpointError> {
        let bad = CheckpointError::Malformed;
        let body = text.strip_suffix('\n').ok_or(bad("it does not end in a line feed"))?;
        let mut lines = body.split('\n');
        let mut line = || lines.next().ok_or(bad("it has fewer than three lines"));
        let (origin, size, root) = (line()?, line()?, line()?);
        if origin.is_empty() {
            return Err(bad("its origin is empty"));
        }
        if lines.any(str::is_empty) {
            return Err(bad("it has an empty extension line"));
        }
        let size = decimal(size).filter(|size| *size <= SIZE_MAX);
        let size = size.ok_or(bad("its size is not a decimal number"))?;
        let root = Hash::from_base64(root).ok_or(bad("its root is not a hash in base64"))?;
        Ok(Self { origin: origin.to_owned(), size, root })
    }
}

/// A number in ASCII digits without leading zeroes, as all these formats write numbers.
pub(crate) fn decimal(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let shortest = text == "0" || !text.starts_with('0');
    if digits && shortest { text.parse().ok() } else { None }
}
