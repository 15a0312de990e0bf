//! The right edge of a log: the partial tiles, which are all that appending needs to know of the
//! tree.

use super::{Coordinate, Level, TILE_WIDTH};
use crate::merkle::{Hash, empty_root, root_of};

/// The hashes of the rightmost, partial tile of each level. Holds at most 255 hashes a level
/// however large the log is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Edge {
    size: u64,
    rows: Vec<Vec<Hash>>,
}

/// A hash tile that an append made or widened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HashTile {
    /// Level of the tile.
    pub level: u8,
    /// Which one of its level.
    pub number: u64,
    /// 1 to 256 hashes.
    pub hashes: Vec<Hash>,
}

impl HashTile {
    /// Where it stands and how wide it is.
    pub fn coordinate(&self) -> Coordinate {
        let width = u16::try_from(self.hashes.len()).unwrap_or(TILE_WIDTH);
        Coordinate { level: Level::Hashes(self.level), number: self.number, width }
    }
}

impl Edge {
    /// The partial hash tiles of a log of `size` entries: what [`Edge::load`] asks for.
    pub fn tiles(size: u64) -> impl Iterator<Item = Coordinate> {
        (0..8).filter_map(move |level| {
            let level = Level::Hashes(level);
            let last = level.count(size) / u64::from(TILE_WIDTH);
            Coordinate::at(level, last, size)
        })
    }

    /// The edge of a log of `size` entries, from its partial tiles. `None` when `tile` gives fewer
    /// hashes than it was asked for; hashes beyond are left out.
    pub fn load(size: u64, mut tile: impl FnMut(Coordinate) -> Option<Vec<Hash>>) -> Option<Self> {
        let mut rows = Vec::new();
        for coordinate in Self::tiles(size) {
            let Level::Hashes(level) = coordinate.level else { continue };
            let mut hashes = tile(coordinate)?;
            if hashes.len() < usize::from(coordinate.width) {
                return None;
            }
            hashes.truncate(usize::from(coordinate.width));
            rows.resize(usize::from(level), Vec::new());
            rows.push(hashes);
        }
        Some(Self { size, rows })
    }

    /// Entries before the edge.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Root of the tree.
    pub fn root(&self) -> Hash {
        let mut tail: Option<Hash> = None;
        for row in &self.rows {
            let mut hashes = row.clone();
            hashes.extend(tail);
            if !hashes.is_empty() {
                tail = Some(root_of(&hashes));
            }
        }
        tail.unwrap_or_else(empty_root)
    }

    /// Appends leaves and gives every hash tile that changed, full ones and the new partial ones.
    /// Each appears once.
    pub fn extend(&mut self, leaves: &[Hash]) -> Vec<HashTile> {
        let mut changed = Vec::new();
        let mut arrived = leaves.to_vec();
        let mut level: u8 = 0;
        while !arrived.is_empty() {
            let place = usize::from(level);
            if self.rows.len() <= place {
                self.rows.resize(place + 1, Vec::new());
            }
            let mut number = Level::Hashes(level).count(self.size) / u64::from(TILE_WIDTH);
            let mut above = Vec::new();
            if let Some(row) = self.rows.get_mut(place) {
                for hash in arrived {
                    row.push(hash);
                    if row.len() == usize::from(TILE_WIDTH) {
                        above.push(root_of(row));
                        changed.push(HashTile { level, number, hashes: std::mem::take(row) });
                        number += 1;
                    }
                }
                if !row.is_empty() {
                    changed.push(HashTile { level, number, hashes: row.clone() });
                }
            }
            arrived = above;
            level += 1;
        }
        self.size += u64::try_from(leaves.len()).unwrap_or(u64::MAX);
        changed
    }
}
