//! Inspecting a whole log from its static files, from the bundles up: every entry against its leaf
//! hash, every tile against the tiles below it, the root against the signed checkpoint. Trusts
//! nothing but the checkpoint, which the caller has opened, and says where the log first fails.

use std::collections::BTreeMap;

use crate::{
    checkpoint::Body,
    json,
    merkle::{Hash, leaf_hash},
    refusal::Refusal,
    tile::{
        BundleError, Coordinate, Edge, HashTile, Level, cut_bundle, cut_hashes, decode_hashes,
        split_bundle,
    },
};

/// Bytes of a hash in a tile.
const HASH_BYTES: usize = 32;

/// Where a log first fails.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// A tile or bundle that the checkpoint's size requires is not there.
    #[error("{0} is missing")]
    Missing(Coordinate),
    /// A bundle's bytes are not entries behind their lengths.
    #[error("{bundle}: {error}")]
    Bundle {
        /// The bundle.
        bundle: Coordinate,
        /// What is wrong with it.
        error: BundleError,
    },
    /// A bundle with too few or too many entries.
    #[error("{bundle} holds {found} entries")]
    BundleWidth {
        /// The bundle.
        bundle: Coordinate,
        /// How many it holds.
        found: usize,
    },
    /// A hash tile of another length.
    #[error("{tile} has {bytes} bytes, not {}", usize::from(tile.width) * HASH_BYTES)]
    TileLength {
        /// The tile.
        tile: Coordinate,
        /// Bytes found.
        bytes: usize,
    },
    /// An entry is not the one its leaf hash stands for.
    #[error("entry {index} in {bundle} is not the one whose hash stands in {tile}")]
    Entry {
        /// Its index.
        index: u64,
        /// The bundle that holds it.
        bundle: Coordinate,
        /// The tile that holds its hash.
        tile: Coordinate,
    },
    /// A hash of a tile is not that of the hashes below it.
    #[error("hash {place} of {tile} is not that of the tile below it")]
    Node {
        /// The tile.
        tile: Coordinate,
        /// Which of its hashes, from 0.
        place: usize,
    },
    /// Bundles and tiles agree with each other and not with the checkpoint.
    #[error("the {size} entries have the root {}, the checkpoint says {}", computed.to_base64(), signed.to_base64())]
    Root {
        /// Entries of the log.
        size: u64,
        /// Their root.
        computed: Hash,
        /// The root in the checkpoint.
        signed: Hash,
    },
    /// A file that does not belong to a log of this size.
    #[error("{0} does not belong to the log")]
    Stray(String),
    /// A narrower tile, kept from an earlier size, that is not the beginning of the present one.
    #[error("{0} is not the beginning of the tile it grew into")]
    Leftover(Coordinate),
}

impl Refusal for Flaw {
    fn code(&self) -> &'static str {
        match self {
            Self::Missing(_) => "inspection.tile_missing",
            Self::Bundle { .. } => "inspection.bundle_malformed",
            Self::BundleWidth { .. } => "inspection.bundle_width",
            Self::TileLength { .. } => "inspection.tile_length",
            Self::Entry { .. } => "inspection.entry_differs",
            Self::Node { .. } => "inspection.node_differs",
            Self::Root { .. } => "inspection.root_differs",
            Self::Stray(_) => "inspection.file_stray",
            Self::Leftover(_) => "inspection.leftover_differs",
        }
    }
}

/// Why an inspection ended early.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stopped<E> {
    /// The log is flawed.
    Flawed(Flaw),
    /// A file could not be read, which says nothing about the log.
    Unread(E),
}

/// What a sound log holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Inspected {
    /// Entries, each of which was hashed.
    pub entries: u64,
    /// How many of them are not canonical entries of a kind this program knows; a fold passes them
    /// over.
    pub unknown: u64,
}

/// Inspects the files of a log whose checkpoint was opened. `read` gives the bytes of a path such
/// as `tile/0/000`, `None` when there is none; `progress` is told the entries done so far.
pub fn inspect<E>(
    head: &Body,
    mut read: impl FnMut(&str) -> Result<Option<Vec<u8>>, E>,
    mut progress: impl FnMut(u64),
) -> Result<Inspected, Stopped<E>> {
    let mut edge = Edge::default();
    let mut inspected = Inspected::default();
    let mut newest: BTreeMap<u8, HashTile> = BTreeMap::new();
    for bundle in Coordinate::all(Level::Entries, 0, head.size) {
        let leaves = inspect_bundle(bundle, &mut read, &mut inspected)?;
        for tile in edge.extend(&leaves).into_iter().filter(|tile| tile.level > 0) {
            if tile.coordinate().is_full() {
                compare(&tile, &mut read)?;
            }
            newest.insert(tile.level, tile);
        }
        progress(edge.size());
    }
    for tile in newest.values().filter(|tile| !tile.coordinate().is_full()) {
        compare(tile, &mut read)?;
    }
    let (computed, signed) = (edge.root(), head.root);
    if computed == signed {
        Ok(inspected)
    } else {
        Err(Stopped::Flawed(Flaw::Root { size: head.size, computed, signed }))
    }
}

/// Checks a file that lies beside those [`inspect`] asks for: only narrower tiles of earlier
/// sizes may.
pub fn inspect_leftover<E>(
    path: &str,
    size: u64,
    mut read: impl FnMut(&str) -> Result<Option<Vec<u8>>, E>,
) -> Result<(), Stopped<E>> {
    let stray = || Stopped::Flawed(Flaw::Stray(path.to_owned()));
    let tile = Coordinate::parse(path).map_err(|_| stray())?;
    let wide = Coordinate::at(tile.level, tile.number, size).filter(|_| tile.lies_in(size));
    let wide = wide.ok_or_else(stray)?;
    if wide == tile {
        return Ok(());
    }
    let narrow_bytes = bytes_of(tile, &mut read)?;
    let wide_bytes = bytes_of(wide, &mut read)?;
    let begins = match tile.level {
        Level::Entries => cut_bundle(&wide_bytes, tile.width),
        Level::Hashes(_) => cut_hashes(&wide_bytes, tile.width),
    };
    if begins == Some(narrow_bytes.as_slice()) {
        Ok(())
    } else {
        Err(Stopped::Flawed(Flaw::Leftover(tile)))
    }
}

/// Leaf hashes of a bundle, which must be those of its level-0 tile.
fn inspect_bundle<E>(
    bundle: Coordinate,
    read: &mut impl FnMut(&str) -> Result<Option<Vec<u8>>, E>,
    inspected: &mut Inspected,
) -> Result<Vec<Hash>, Stopped<E>> {
    let flawed = |flaw| Err(Stopped::Flawed(flaw));
    let bytes = bytes_of(bundle, read)?;
    let entries = match split_bundle(&bytes) {
        Ok(entries) => entries,
        Err(error) => return flawed(Flaw::Bundle { bundle, error }),
    };
    if entries.len() != usize::from(bundle.width) {
        return flawed(Flaw::BundleWidth { bundle, found: entries.len() });
    }
    let tile = Coordinate { level: Level::Hashes(0), ..bundle };
    let stored = hashes_of(tile, read)?;
    let mut leaves = Vec::with_capacity(entries.len());
    for (entry, stored) in entries.iter().zip(stored) {
        let leaf = leaf_hash(entry);
        let index = inspected.entries;
        if leaf != stored {
            return flawed(Flaw::Entry { index, bundle, tile });
        }
        leaves.push(leaf);
        inspected.entries += 1;
        inspected.unknown += u64::from(json::parse_entry(entry).is_err());
    }
    Ok(leaves)
}

/// Compares a stored tile with the hashes computed from the tiles below it.
fn compare<E>(
    tile: &HashTile,
    read: &mut impl FnMut(&str) -> Result<Option<Vec<u8>>, E>,
) -> Result<(), Stopped<E>> {
    let place = tile.coordinate();
    let stored = hashes_of(place, read)?;
    match tile.hashes.iter().zip(&stored).position(|(computed, stored)| computed != stored) {
        None => Ok(()),
        Some(wrong) => Err(Stopped::Flawed(Flaw::Node { tile: place, place: wrong })),
    }
}

fn hashes_of<E>(
    tile: Coordinate,
    read: &mut impl FnMut(&str) -> Result<Option<Vec<u8>>, E>,
) -> Result<Vec<Hash>, Stopped<E>> {
    let bytes = bytes_of(tile, read)?;
    let hashes = decode_hashes(&bytes).filter(|hashes| hashes.len() == usize::from(tile.width));
    hashes.ok_or(Stopped::Flawed(Flaw::TileLength { tile, bytes: bytes.len() }))
}

/// The bytes of a tile. Where a partial one is gone because the log has grown, the full one in its
/// place is cut.
fn bytes_of<E>(
    tile: Coordinate,
    read: &mut impl FnMut(&str) -> Result<Option<Vec<u8>>, E>,
) -> Result<Vec<u8>, Stopped<E>> {
    if let Some(bytes) = read(&tile.to_string()).map_err(Stopped::Unread)? {
        return Ok(bytes);
    }
    let missing = Stopped::Flawed(Flaw::Missing(tile));
    if tile.is_full() {
        return Err(missing);
    }
    let full = read(&tile.full().to_string()).map_err(Stopped::Unread)?;
    let cut = full.as_deref().and_then(|bytes| match tile.level {
        Level::Entries => cut_bundle(bytes, tile.width),
        Level::Hashes(_) => cut_hashes(bytes, tile.width),
    });
    cut.map(<[u8]>::to_vec).ok_or(missing)
}
