//! Entry bundles: up to 256 entries, each behind its length in two bytes, big-endian.

use super::TILE_WIDTH;

/// Longest entry the two-byte length can tell.
pub const ENTRY_LENGTH_MAX: usize = 65_535;

/// Why bytes are not a bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// An entry ends after the bytes do.
    #[error("the bundle is cut off inside entry {0}")]
    Truncated(usize),
    /// No entry, or more than 256.
    #[error("a bundle holds 1 to 256 entries, not {0}")]
    Count(usize),
    /// An entry longer than [`ENTRY_LENGTH_MAX`].
    #[error("entry {0} is longer than 65535 bytes")]
    EntryTooLong(usize),
}

/// The bundle of up to 256 entries.
pub fn encode_bundle<E: AsRef<[u8]>>(entries: &[E]) -> Result<Vec<u8>, BundleError> {
    if entries.is_empty() || entries.len() > usize::from(TILE_WIDTH) {
        return Err(BundleError::Count(entries.len()));
    }
    let bytes = entries.iter().map(|entry| entry.as_ref().len() + 2).sum();
    let mut bundle = Vec::with_capacity(bytes);
    for (place, entry) in entries.iter().enumerate() {
        let entry = entry.as_ref();
        let length = u16::try_from(entry.len()).map_err(|_| BundleError::EntryTooLong(place))?;
        bundle.extend_from_slice(&length.to_be_bytes());
        bundle.extend_from_slice(entry);
    }
    Ok(bundle)
}

/// The entries of a bundle.
pub fn split_bundle(bytes: &[u8]) -> Result<Vec<&[u8]>, BundleError> {
    let mut entries = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        if entries.len() == usize::from(TILE_WIDTH) {
            return Err(BundleError::Count(entries.len() + 1));
        }
        let (entry, after) = split_entry(rest).ok_or(BundleError::Truncated(entries.len()))?;
        entries.push(entry);
        rest = after;
    }
    if entries.is_empty() { Err(BundleError::Count(0)) } else { Ok(entries) }
}

/// The bundle of the first `width` entries of a bundle. `None` when there are fewer.
pub fn cut_bundle(bytes: &[u8], width: u16) -> Option<&[u8]> {
    let mut rest = bytes;
    for _ in 0..width {
        (_, rest) = split_entry(rest)?;
    }
    bytes.get(..bytes.len() - rest.len())
}

fn split_entry(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<2>()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
}
