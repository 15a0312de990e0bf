//! Tiles: how a log is stored and served, exactly as C2SP tlog-tiles says. A hash tile holds up to
//! 256 hashes of one level, an entry bundle up to 256 entries. A full tile never changes; a partial
//! one is known by its width, and every width a checkpoint was made for stays available.

mod bundle;
mod edge;

use std::fmt;

pub use bundle::{BundleError, ENTRY_LENGTH_MAX, cut_bundle, encode_bundle, split_bundle};
pub use edge::{Edge, HashTile};

use crate::merkle::{Hash, root_of};

/// Hashes or entries of a full tile.
pub const TILE_WIDTH: u16 = 256;
/// Levels of the tree between two levels of tiles.
pub const TILE_HEIGHT: u8 = 8;
/// Highest level of a tile the path format allows; a tree of 2^64 leaves has eight.
pub const LEVEL_MAX: u8 = 63;
/// Bytes of a hash.
const HASH_BYTES: usize = 32;

/// What a tile holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Entries, served as `tile/entries/…`.
    Entries,
    /// Hashes of subtrees of 256^level leaves, served as `tile/<level>/…`.
    Hashes(u8),
}

impl Level {
    /// The number it has in the store: -1 for entries.
    pub fn number(self) -> i64 {
        match self {
            Self::Entries => -1,
            Self::Hashes(level) => i64::from(level),
        }
    }

    /// Reads [`Level::number`].
    pub fn from_number(number: i64) -> Option<Self> {
        match number {
            -1 => Some(Self::Entries),
            _ => u8::try_from(number).ok().map(Self::Hashes),
        }
    }

    /// How many hashes or entries of this level a log of `size` entries has.
    pub fn count(self, size: u64) -> u64 {
        match self {
            Self::Entries => size,
            Self::Hashes(level) => {
                size.checked_shr(u32::from(level) * u32::from(TILE_HEIGHT)).unwrap_or(0)
            }
        }
    }
}

/// A tile or bundle of one log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Coordinate {
    /// What it holds.
    pub level: Level,
    /// Which one, from the left.
    pub number: u64,
    /// How many hashes or entries, 1 to 256.
    pub width: u16,
}

/// Why a path names no tile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no tile path")]
pub struct PathError(String);

impl Coordinate {
    /// Parses `tile/<L>/<N>[.p/<W>]` or `tile/entries/<N>[.p/<W>]`. Every tile has exactly one
    /// path: no leading zeroes but those of the three-digit groups.
    pub fn parse(path: &str) -> Result<Self, PathError> {
        let parsed = Self::parse_parts(path).filter(|coordinate| coordinate.to_string() == path);
        parsed.ok_or_else(|| PathError(path.chars().take(100).collect()))
    }

    fn parse_parts(path: &str) -> Option<Self> {
        let (level, rest) = path.strip_prefix("tile/")?.split_once('/')?;
        let level = match level {
            "entries" => Level::Entries,
            digits => Level::Hashes(digits.parse().ok().filter(|level| *level <= LEVEL_MAX)?),
        };
        let (number, width) = match rest.split_once(".p/") {
            Some((number, width)) => (number, width.parse().ok().filter(|w| *w < TILE_WIDTH)?),
            None => (rest, TILE_WIDTH),
        };
        if width == 0 {
            return None;
        }
        let mut value: u64 = 0;
        for group in number.split('/') {
            let digits = group.strip_prefix('x').unwrap_or(group);
            if digits.len() != 3 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            value = value.checked_mul(1000)?.checked_add(digits.parse().ok()?)?;
        }
        Some(Self { level, number: value, width })
    }

    /// The tile with the same place in a log of `size` entries, as wide as it is there. `None` when
    /// it is empty.
    pub fn at(level: Level, number: u64, size: u64) -> Option<Self> {
        let left = level.count(size).checked_sub(number.checked_mul(u64::from(TILE_WIDTH))?)?;
        let width = u16::try_from(left.min(u64::from(TILE_WIDTH))).ok()?;
        (width > 0).then_some(Self { level, number, width })
    }

    /// Whether it is full.
    pub fn is_full(&self) -> bool {
        self.width == TILE_WIDTH
    }

    /// Whether a log of `size` entries has this tile at this width.
    pub fn lies_in(&self, size: u64) -> bool {
        Self::at(self.level, self.number, size).is_some_and(|there| there.width >= self.width)
    }

    /// The full tile in whose place it stands.
    #[must_use]
    pub fn full(self) -> Self {
        Self { width: TILE_WIDTH, ..self }
    }

    /// Every tile of one level of a log of `size` entries from the one that holds leaf, or hash,
    /// `from` on.
    pub fn all(level: Level, from: u64, size: u64) -> impl Iterator<Item = Self> {
        let first = from / u64::from(TILE_WIDTH);
        let end = level.count(size).div_ceil(u64::from(TILE_WIDTH));
        (first..end).filter_map(move |number| Self::at(level, number, size))
    }
}

/// The path: `tile/0/x001/x234/067`, `tile/entries/000.p/12`.
impl fmt::Display for Coordinate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.level {
            Level::Entries => f.write_str("tile/entries/")?,
            Level::Hashes(level) => write!(f, "tile/{level}/")?,
        }
        let mut groups = vec![format!("{:03}", self.number % 1000)];
        let mut rest = self.number / 1000;
        while rest > 0 {
            groups.push(format!("x{:03}", rest % 1000));
            rest /= 1000;
        }
        groups.reverse();
        f.write_str(&groups.join("/"))?;
        if self.is_full() { Ok(()) } else { write!(f, ".p/{}", self.width) }
    }
}

/// The bytes of a hash tile: its hashes one after the other.
pub fn encode_hashes(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| *hash.bytes()).collect()
}

/// The hashes of a hash tile. `None` when the bytes are not 1 to 256 whole hashes.
pub fn decode_hashes(bytes: &[u8]) -> Option<Vec<Hash>> {
    let (whole, rest) = bytes.as_chunks::<HASH_BYTES>();
    let count_fits = (1..=usize::from(TILE_WIDTH)).contains(&whole.len());
    (rest.is_empty() && count_fits).then(|| whole.iter().copied().map(Hash::from_bytes).collect())
}

/// The first `width` hashes of a hash tile's bytes. `None` when there are fewer.
pub fn cut_hashes(bytes: &[u8], width: u16) -> Option<&[u8]> {
    bytes.get(..usize::from(width) * HASH_BYTES)
}

/// The hash of a complete subtree (as the proofs of [`crate::merkle`] ask for) from tiles:
/// `tile(level, number)` gives the hashes of a tile as wide as it is known. `None` when they do not
/// suffice.
pub fn node_from_tiles(
    (level, index): (u8, u64),
    tile: impl FnOnce(u8, u64) -> Option<Vec<Hash>>,
) -> Option<Hash> {
    let (tile_level, within) = (level / TILE_HEIGHT, level % TILE_HEIGHT);
    let count = 1_u64 << within;
    let first = index.checked_mul(count)?;
    let hashes = tile(tile_level, first / u64::from(TILE_WIDTH))?;
    let start = usize::try_from(first % u64::from(TILE_WIDTH)).ok()?;
    let end = start.checked_add(usize::try_from(count).ok()?)?;
    hashes.get(start..end).map(root_of)
}

#[cfg(test)]
mod tests;
