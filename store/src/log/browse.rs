//! Looking through a log from its end: entries of one kind, newest first, by index. A look opens a
//! bounded number of bundles however long the log is and however rare the kind.

use lianshi_registry::{id::Origin, tile::TILE_WIDTH};

use super::{entries, head};
use crate::{Fault, Read};

/// Entries one look gives.
pub const BROWSED_MAX: usize = 25;
/// Bundles one look opens: 4,096 entries, some megabytes.
pub const BUNDLES_OPENED_MAX: u64 = 16;

/// What one look found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Browsed {
    /// Entries with their indexes, newest first.
    pub entries: Vec<(u64, Vec<u8>)>,
    /// Everything from here on, below where the look began, was looked at; older entries follow
    /// unless this is zero.
    pub down_to: u64,
}

/// The newest entries below index `before` that `wanted` accepts.
pub fn browse(
    read: &mut Read<'_>,
    origin: &Origin,
    before: u64,
    wanted: &dyn Fn(&[u8]) -> bool,
) -> Result<Browsed, Fault> {
    let held = head(read, origin)?.map_or(0, |head| head.size);
    let mut found = Browsed { entries: Vec::new(), down_to: before.min(held) };
    for _ in 0..BUNDLES_OPENED_MAX {
        let Some(last) = found.down_to.checked_sub(1) else { break };
        let first = last - last % u64::from(TILE_WIDTH);
        let bundle = entries(read, origin, first, found.down_to - first)?;
        for bytes in bundle.into_iter().rev() {
            found.down_to = found.down_to.saturating_sub(1);
            if wanted(&bytes) {
                found.entries.push((found.down_to, bytes));
                if found.entries.len() == BROWSED_MAX {
                    return Ok(found);
                }
            }
        }
    }
    Ok(found)
}
