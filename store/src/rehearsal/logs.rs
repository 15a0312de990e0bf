//! Logs for measurements: the tree of a log without its entries, and the rows of a log written with
//! nothing around them, as a baseline for what the program does beside writing rows.

use diesel::prelude::*;
use lianshi_registry::{id::Origin, merkle::leaf_hash, tile::Edge};

use crate::{
    Db, Fault, Read, Site, Write,
    dialect::insert_all,
    group::Group,
    log,
    schema::{catalog_objects, log_tiles},
};

/// Leaves planted in one transaction: a tile of the second level.
const LEAVES_AT_ONCE: u64 = 65_536;
/// A level no tile has: bare rows stand there.
const BARE_LEVEL: i64 = 99;

/// Plants the tree of a log of `size` entries: every hash tile, and no entry. The leaves are hashes
/// of their indexes. The log must have been begun and be empty. `progress` hears how many stand.
pub fn plant(site: &Site, size: u64, progress: &mut dyn FnMut(u64)) -> Result<(), Fault> {
    let mut planted = 0;
    let mut edge = Edge::default();
    while planted < size {
        let end = (planted + LEAVES_AT_ONCE).min(size);
        let leaves: Vec<_> = (planted..end).map(|index| leaf_hash(&index.to_be_bytes())).collect();
        let tiles = edge.extend(&leaves);
        site.db.write(|write| log::store(write, (&site.origin, planted), &[], (&edge, &tiles)))?;
        planted = end;
        progress(planted);
    }
    Ok(())
}

/// A writer as that of a log, in the same groups, that stores each entry's bytes as one row and
/// does nothing else.
pub fn bare_writer(site: &Site) -> Result<Group<Vec<u8>, ()>, Fault> {
    let origin = site.origin.to_string();
    let mut number = 0;
    let run = move |write: &mut Write<'_>, requests: &[Vec<u8>]| {
        let rows: Vec<_> = (number..)
            .zip(requests)
            .map(|(number, bytes)| Tile {
                origin: origin.clone(),
                level: BARE_LEVEL,
                number,
                width: 1,
                bytes: bytes.clone(),
            })
            .collect();
        insert_all!(write, log_tiles::table, &rows)?;
        number += i64::try_from(rows.len()).unwrap_or(i64::MAX);
        Ok(vec![(); requests.len()])
    };
    Group::start(site.db.clone(), "bare-writer", run)
        .map_err(|error| Fault::file(&site.folder, error))
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = log_tiles)]
struct Tile {
    origin: String,
    level: i64,
    number: i64,
    width: i64,
    bytes: Vec<u8>,
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = catalog_objects)]
struct CatalogRow {
    object_key: String,
    kind: String,
    name: String,
    parent: String,
    origin: String,
    last_index: i64,
    state: String,
    state_hash: Vec<u8>,
}

/// Rows of a log and of the catalog folded from it, taken from one database for another.
#[derive(Default)]
pub struct Rows {
    tiles: Vec<Tile>,
    objects: Vec<CatalogRow>,
    /// Place of the last tile that was taken, and key of the last object.
    last: Option<(i64, i64)>,
    last_key: String,
}

impl Rows {
    /// The rows that follow these, at most `tiles` and `objects` of them; none at the end.
    pub fn next(
        &self,
        read: &mut Read<'_>,
        origin: &Origin,
        (tiles, objects): (i64, i64),
    ) -> Result<Option<Self>, Fault> {
        let (level, number) = self.last.unwrap_or((i64::MIN, 0));
        let after = log_tiles::level
            .gt(level)
            .or(log_tiles::level.eq(level).and(log_tiles::number.gt(number)));
        let mut rows = Self {
            tiles: log_tiles::table
                .filter(log_tiles::origin.eq(origin.to_string()))
                .filter(after)
                .order((log_tiles::level.asc(), log_tiles::number.asc()))
                .limit(tiles)
                .select(Tile::as_select())
                .load(&mut **read)?,
            objects: catalog_objects::table
                .filter(catalog_objects::object_key.gt(&self.last_key))
                .order(catalog_objects::object_key.asc())
                .limit(objects)
                .select(CatalogRow::as_select())
                .load(&mut **read)?,
            last: self.last,
            last_key: self.last_key.clone(),
        };
        if let Some(tile) = rows.tiles.last() {
            rows.last = Some((tile.level, tile.number));
        }
        if let Some(object) = rows.objects.last() {
            rows.last_key.clone_from(&object.object_key);
        }
        Ok((!rows.tiles.is_empty() || !rows.objects.is_empty()).then_some(rows))
    }

    /// Writes them in one transaction and does nothing else.
    pub fn insert(&self, db: &Db) -> Result<(), Fault> {
        db.write(|write| {
            for rows in self.tiles.chunks(crate::dialect::BULK_ROWS_MAX) {
                insert_all!(write, log_tiles::table, rows)?;
            }
            for rows in self.objects.chunks(crate::dialect::BULK_ROWS_MAX) {
                insert_all!(write, catalog_objects::table, rows)?;
            }
            Ok(())
        })
    }
}
