//! Reading logs: tiles and bundles as they are served, single entries, and proofs made from tiles.

use std::collections::BTreeMap;

use diesel::prelude::*;
use lianshi_registry::{
    id::{NodeName, Origin},
    merkle::{self, Hash},
    tile::{
        Coordinate, Edge, Level, TILE_WIDTH, cut_bundle, cut_hashes, decode_hashes,
        node_from_tiles, split_bundle,
    },
};

use super::{Head, head, signed};
use crate::{
    Fault, Read, quorum,
    schema::{log_tiles, logs},
};

/// The log a node writes in a generation. `None` when this node does not hold it.
pub fn origin(
    read: &mut Read<'_>,
    node: &NodeName,
    generation: u32,
) -> Result<Option<Origin>, Fault> {
    let origin: Option<String> = logs::table
        .filter(logs::node.eq(node.as_str()))
        .filter(logs::generation.eq(i64::from(generation)))
        .select(logs::origin)
        .first(&mut **read)
        .optional()?;
    let parse = |text: String| Origin::parse(&text).map_err(|e| Fault::corrupt("logs", e));
    origin.map(parse).transpose()
}

/// The newest checkpoint of a node's log as a signed note, with the cosignatures of the quorum once
/// it is settled. `None` when this node holds no such log or no checkpoint of it.
pub fn checkpoint(
    read: &mut Read<'_>,
    node: &NodeName,
    generation: u32,
) -> Result<Option<String>, Fault> {
    let Some(origin) = origin(read, node, generation)? else { return Ok(None) };
    let Some(head) = head(read, &origin)? else { return Ok(None) };
    let settled = quorum::settled(read, &origin)?;
    let note = match settled {
        Some(settled) if settled.size == head.checkpoint_size => settled.note,
        _ => head.checkpoint,
    };
    Ok(Some(note).filter(|note| !note.is_empty()))
}

/// The bytes of a tile or bundle, exactly as wide as asked. `None` unless the newest checkpoint
/// covers it.
pub fn tile(
    read: &mut Read<'_>,
    origin: &Origin,
    tile: Coordinate,
) -> Result<Option<Vec<u8>>, Fault> {
    match head(read, origin)? {
        Some(head) if tile.lies_in(head.checkpoint_size) => row(read, origin, tile).map(Some),
        _ => Ok(None),
    }
}

/// Like [`tile`], also beyond the newest checkpoint: what is held, for making the next one.
pub fn unpublished_tile(
    read: &mut Read<'_>,
    origin: &Origin,
    tile: Coordinate,
) -> Result<Option<Vec<u8>>, Fault> {
    match head(read, origin)? {
        Some(head) if tile.lies_in(head.size) => row(read, origin, tile).map(Some),
        _ => Ok(None),
    }
}

/// The bytes of entry `index`. `None` when the log does not hold it.
pub fn entry(read: &mut Read<'_>, origin: &Origin, index: u64) -> Result<Option<Vec<u8>>, Fault> {
    Ok(entries(read, origin, index, 1)?.pop())
}

/// The bytes of up to `count` entries from index `from` on, fewer at the log's end.
pub fn entries(
    read: &mut Read<'_>,
    origin: &Origin,
    from: u64,
    count: u64,
) -> Result<Vec<Vec<u8>>, Fault> {
    let held = head(read, origin)?.map_or(0, |head| head.size);
    let end = from.saturating_add(count).min(held);
    let mut found = Vec::new();
    if from >= end {
        return Ok(found);
    }
    for bundle in Coordinate::all(Level::Entries, from, end) {
        let bytes = row(read, origin, bundle)?;
        let entries = split_bundle(&bytes).map_err(|e| Fault::corrupt("log_tiles", e))?;
        let first = bundle.number * u64::from(TILE_WIDTH);
        let inside = (first..).zip(entries).skip_while(|(index, _)| *index < from);
        found.extend(inside.map(|(_, entry)| entry.to_vec()));
    }
    Ok(found)
}

/// What the entries from index `from` on count towards their log's quota, read a bundle at a time.
pub(super) fn counted_from(read: &mut Read<'_>, origin: &Origin, from: u64) -> Result<u64, Fault> {
    let held = head(read, origin)?.map_or(0, |head| head.size);
    let (mut counted, mut at) = (0_u64, from);
    while at < held {
        let width = u64::from(TILE_WIDTH);
        let part = entries(read, origin, at, width - at % width)?;
        counted = counted.saturating_add(super::counted(&part));
        at += width - at % width;
    }
    Ok(counted)
}

/// Root of the log's first `size` entries. `None` when it holds fewer.
pub fn root_at(read: &mut Read<'_>, origin: &Origin, size: u64) -> Result<Option<Hash>, Fault> {
    match head(read, origin)? {
        Some(head) if head.size == size => Ok(Some(head.root)),
        Some(head) if head.size > size => Ok(Some(load_edge(read, origin, size)?.root())),
        _ => Ok(None),
    }
}

/// Proof that entry `index` lies in the log's first `size` entries. `None` when the log holds fewer
/// or the index lies outside.
pub fn inclusion_proof(
    read: &mut Read<'_>,
    origin: &Origin,
    index: u64,
    size: u64,
) -> Result<Option<Vec<Hash>>, Fault> {
    with_nodes(read, origin, size, |source| merkle::inclusion_proof(index, size, source))
}

/// Proof that the log's first `new` entries continue its first `old`. `None` when it holds fewer.
pub fn consistency_proof(
    read: &mut Read<'_>,
    origin: &Origin,
    old: u64,
    new: u64,
) -> Result<Option<Vec<Hash>>, Fault> {
    with_nodes(read, origin, new, |source| merkle::consistency_proof(old, new, source))
}

/// What the log's first `new` entries say of its first `old`, to somebody who doubts either. `None`
/// when it holds fewer, or `old` is zero or not below `new`.
pub fn prefix_proof(
    read: &mut Read<'_>,
    origin: &Origin,
    old: u64,
    new: u64,
) -> Result<Option<Vec<Hash>>, Fault> {
    with_nodes(read, origin, new, |source| merkle::prefix_proof(old, new, source))
}

/// Runs `make` with the hashes of the log's complete subtrees, reading each tile once.
pub(super) fn with_nodes<T>(
    read: &mut Read<'_>,
    origin: &Origin,
    size: u64,
    make: impl FnOnce(&mut dyn FnMut(u8, u64) -> Option<Hash>) -> Option<T>,
) -> Result<Option<T>, Fault> {
    let Some(Head { size: held, .. }) = head(read, origin)?.filter(|head| head.size >= size) else {
        return Ok(None);
    };
    let mut tiles: BTreeMap<(u8, u64), Option<Vec<Hash>>> = BTreeMap::new();
    let mut fault = None;
    let mut tile = |level, number| {
        let known = tiles.entry((level, number)).or_insert_with(|| {
            let place = Coordinate::at(Level::Hashes(level), number, held)?;
            hashes(read, origin, place).map_err(|error| fault = Some(error)).ok()
        });
        known.clone()
    };
    let made = make(&mut |level, index| node_from_tiles((level, index), &mut tile));
    fault.map_or(Ok(made), Err)
}

/// The right edge of the log's first `size` entries, which it must hold.
pub(crate) fn load_edge(read: &mut Read<'_>, origin: &Origin, size: u64) -> Result<Edge, Fault> {
    let mut fault = None;
    let edge = Edge::load(size, |place| {
        hashes(read, origin, place).map_err(|error| fault = Some(error)).ok()
    });
    match fault {
        Some(fault) => Err(fault),
        None => edge.ok_or_else(|| Fault::corrupt("log_tiles", format!("edge of {origin}"))),
    }
}

fn hashes(read: &mut Read<'_>, origin: &Origin, place: Coordinate) -> Result<Vec<Hash>, Fault> {
    let bytes = row(read, origin, place)?;
    decode_hashes(&bytes).ok_or_else(|| Fault::corrupt("log_tiles", format!("{origin} {place}")))
}

/// The bytes of a tile that must be stored, cut to its width.
pub(super) fn row(
    read: &mut Read<'_>,
    origin: &Origin,
    tile: Coordinate,
) -> Result<Vec<u8>, Fault> {
    let missing = || Fault::corrupt("log_tiles", format!("{origin} lacks {tile}"));
    let key = (origin.to_string(), tile.level.number(), signed(tile.number)?);
    let found: Option<(i64, Vec<u8>)> = log_tiles::table
        .find(key)
        .select((log_tiles::width, log_tiles::bytes))
        .first(&mut **read)
        .optional()?;
    let (width, bytes) = found.ok_or_else(missing)?;
    if width == i64::from(tile.width) {
        return Ok(bytes);
    }
    let cut = match tile.level {
        Level::Entries => cut_bundle(&bytes, tile.width),
        Level::Hashes(_) => cut_hashes(&bytes, tile.width),
    };
    cut.map(<[u8]>::to_vec).ok_or_else(missing)
}
