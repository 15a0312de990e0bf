//! Appending: entries, their bundle and every hash tile they change, in one transaction.

use diesel::prelude::*;
use lianshi_registry::{
    entry::{Entry, counted_bytes},
    id::Origin,
    json,
    merkle::{Hash, leaf_hash},
    tile::{Coordinate, Edge, HashTile, Level, TILE_WIDTH, encode_bundle, encode_hashes},
    time::Timestamp,
};

use super::{read, signed};
use crate::{
    Fault, Read, Write, crash, fold, recovery,
    schema::{log_tiles, logs},
};

/// Where a log stands after an append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tip {
    /// Entries in it.
    pub size: u64,
    /// Root of its tree.
    pub root: Hash,
}

/// Appends entries to this node's own log and folds them. Gives their indexes. An entry outside the
/// profile is the caller's fault: what people typed is refused before it becomes an entry.
pub fn append(
    write: &mut Write<'_>,
    own: &Origin,
    entries: &[Entry],
    now: Timestamp,
) -> Result<Vec<u64>, Fault> {
    let bytes: Vec<Vec<u8>> = entries
        .iter()
        .map(|entry| json::encode_entry(entry).map_err(Fault::Entry))
        .collect::<Result<_, _>>()?;
    append_bytes(write, own, &bytes, now)
}

/// Appends the canonical bytes of entries and folds them.
pub(super) fn append_bytes(
    write: &mut Write<'_>,
    own: &Origin,
    bytes: &[Vec<u8>],
    now: Timestamp,
) -> Result<Vec<u64>, Fault> {
    recovery::ensure_recovered(&mut write.as_read())?;
    let first = size(&mut write.as_read(), own)?;
    let tip = extend(write, own, bytes)?;
    fold::apply(write, own, first, &fold::parse(bytes))?;
    crash::point("append.folded");
    diesel::update(logs::table.filter(logs::origin.eq(own.to_string())))
        .set((logs::folded_size.eq(signed(tip.size)?), logs::confirmed_at.eq(now.millis())))
        .execute(&mut **write)?;
    Ok((first..tip.size).collect())
}

/// Appends the bytes of entries to any log held here, without folding.
pub fn extend(write: &mut Write<'_>, origin: &Origin, entries: &[Vec<u8>]) -> Result<Tip, Fault> {
    let before = size(&mut write.as_read(), origin)?;
    let mut edge = read::load_edge(&mut write.as_read(), origin, before)?;
    let leaves: Vec<Hash> = entries.iter().map(|entry| leaf_hash(entry)).collect();
    let tiles = edge.extend(&leaves);
    store(write, (origin, before), entries, (&edge, &tiles))
}

/// Stores entries behind the `before` that are held, with the edge and the tiles they lead to.
pub(crate) fn store(
    write: &mut Write<'_>,
    (origin, before): (&Origin, u64),
    entries: &[Vec<u8>],
    (edge, tiles): (&Edge, &[HashTile]),
) -> Result<Tip, Fault> {
    for tile in tiles {
        put(write, (origin, before), tile.coordinate(), encode_hashes(&tile.hashes))?;
    }
    crash::point("append.tiles");
    put_bundles(write, (origin, before), entries)?;
    crash::point("append.bundles");
    let tip = Tip { size: edge.size(), root: edge.root() };
    diesel::update(logs::table.filter(logs::origin.eq(origin.to_string())))
        .set((
            logs::size.eq(signed(tip.size)?),
            logs::root.eq(tip.root.bytes().as_slice()),
            logs::entry_bytes.eq(logs::entry_bytes + signed(counted(entries))?),
        ))
        .execute(&mut **write)?;
    Ok(tip)
}

/// Forgets the entries of a replica from `size` on, and their tiles; what was folded of them is the
/// caller's to undo.
pub(crate) fn shorten(write: &mut Write<'_>, origin: &Origin, size: u64) -> Result<Tip, Fault> {
    let edge = read::load_edge(&mut write.as_read(), origin, size)?;
    let dropped = read::counted_from(&mut write.as_read(), origin, size)?;
    let levels: Vec<i64> = log_tiles::table
        .filter(log_tiles::origin.eq(origin.to_string()))
        .select(log_tiles::level)
        .distinct()
        .load(&mut **write)?;
    for level in levels {
        let kept = Level::from_number(level)
            .ok_or_else(|| Fault::corrupt("log_tiles", format!("level {level}")))?
            .count(size)
            .div_ceil(u64::from(TILE_WIDTH));
        diesel::delete(
            log_tiles::table
                .filter(log_tiles::origin.eq(origin.to_string()))
                .filter(log_tiles::level.eq(level))
                .filter(log_tiles::number.ge(signed(kept)?)),
        )
        .execute(&mut **write)?;
    }
    let tip = Tip { size, root: edge.root() };
    diesel::update(logs::table.filter(logs::origin.eq(origin.to_string())))
        .set((
            logs::size.eq(signed(tip.size)?),
            logs::root.eq(tip.root.bytes().as_slice()),
            logs::entry_bytes.eq(logs::entry_bytes - signed(dropped)?),
        ))
        .execute(&mut **write)?;
    Ok(tip)
}

/// What entries count towards their log's quota.
pub(crate) fn counted(entries: &[Vec<u8>]) -> u64 {
    entries.iter().fold(0, |sum, entry| sum.saturating_add(counted_bytes(entry.len())))
}

fn put_bundles(
    write: &mut Write<'_>,
    (origin, before): (&Origin, u64),
    entries: &[Vec<u8>],
) -> Result<(), Fault> {
    let bad = |error| Fault::corrupt("log_tiles", error);
    let last = before / u64::from(TILE_WIDTH);
    let mut rest = entries;
    if let Some(partial) = Coordinate::at(Level::Entries, last, before)
        && !rest.is_empty()
    {
        let room = usize::from(TILE_WIDTH - partial.width).min(rest.len());
        let (filling, after) = rest.split_at(room);
        let mut bytes = read::row(&mut write.as_read(), origin, partial)?;
        bytes.extend(encode_bundle(filling).map_err(bad)?);
        put(write, (origin, before), widened(partial, filling.len()), bytes)?;
        rest = after;
    }
    let whole = before.div_ceil(u64::from(TILE_WIDTH));
    for (number, bundle) in (whole..).zip(rest.chunks(usize::from(TILE_WIDTH))) {
        let empty = Coordinate { level: Level::Entries, number, width: 0 };
        let bytes = encode_bundle(bundle).map_err(bad)?;
        put(write, (origin, before), widened(empty, bundle.len()), bytes)?;
    }
    Ok(())
}

fn widened(coordinate: Coordinate, by: usize) -> Coordinate {
    let by = u16::try_from(by).unwrap_or(TILE_WIDTH);
    Coordinate { width: coordinate.width + by, ..coordinate }
}

/// Writes a tile of a log that had `before` entries, which tells whether its row exists.
fn put(
    write: &mut Write<'_>,
    (origin, before): (&Origin, u64),
    tile: Coordinate,
    bytes: Vec<u8>,
) -> Result<(), Fault> {
    let (level, number) = (tile.level.number(), signed(tile.number)?);
    let contents = (log_tiles::width.eq(i64::from(tile.width)), log_tiles::bytes.eq(bytes));
    let changed = if Coordinate::at(tile.level, tile.number, before).is_some() {
        diesel::update(log_tiles::table.find((origin.to_string(), level, number)))
            .set(contents)
            .execute(&mut **write)?
    } else {
        let place = (
            log_tiles::origin.eq(origin.to_string()),
            log_tiles::level.eq(level),
            log_tiles::number.eq(number),
        );
        diesel::insert_into(log_tiles::table).values((place, contents)).execute(&mut **write)?
    };
    if changed == 1 { Ok(()) } else { Err(Fault::corrupt("log_tiles", format!("no {tile}"))) }
}

fn size(read: &mut Read<'_>, origin: &Origin) -> Result<u64, Fault> {
    let head = super::head(read, origin)?;
    head.map(|head| head.size)
        .ok_or_else(|| Fault::corrupt("logs", format!("log {origin} was never begun")))
}
