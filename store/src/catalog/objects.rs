//! Rows of catalog objects: loaded by key, written back with their hash.

use std::collections::BTreeMap;

use diesel::prelude::*;
use lianshi_registry::{
    catalog::{Object, ObjectKey, ObjectKind, object_hash},
    id::Origin,
    word::Word,
};

use crate::{
    db::{Read, Write},
    dialect::{BULK_ROWS_MAX, insert_all},
    fault::Fault,
    schema::catalog_objects,
};

/// Keys asked for in one statement: far below SQLite's limit on variables.
const KEYS_MAX: usize = 400;
/// Objects held in memory at a time where a whole log is gone through: at most 16 KiB each.
const PAGE_ROWS: i64 = 500;

/// A stored object.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    /// Its log.
    pub origin: Origin,
    /// What it is.
    pub object: Object,
    /// Index of the entry that spoke of it last.
    pub index: u64,
}

#[derive(Insertable)]
#[diesel(table_name = catalog_objects)]
struct StateRow {
    object_key: String,
    kind: &'static str,
    name: String,
    parent: String,
    origin: String,
    last_index: i64,
    state: String,
    state_hash: Vec<u8>,
}

/// Loads the objects with these keys; absent ones are left out.
pub(crate) fn load<'k>(
    read: &mut Read<'_>,
    keys: impl IntoIterator<Item = &'k ObjectKey>,
) -> Result<BTreeMap<ObjectKey, Object>, Fault> {
    let by_text: BTreeMap<String, &ObjectKey> =
        keys.into_iter().map(|key| (key.to_string(), key)).collect();
    let texts: Vec<&String> = by_text.keys().collect();
    let mut found = BTreeMap::new();
    for chunk in texts.chunks(KEYS_MAX) {
        let rows: Vec<(String, String)> = catalog_objects::table
            .filter(catalog_objects::object_key.eq_any(chunk.iter().copied()))
            .select((catalog_objects::object_key, catalog_objects::state))
            .load(&mut **read)?;
        for (key, state) in rows {
            if let Some(wanted) = by_text.get(&key) {
                found.insert((*wanted).clone(), parse(&state)?);
            }
        }
    }
    Ok(found)
}

/// Loads one object.
pub(crate) fn one(read: &mut Read<'_>, key: &ObjectKey) -> Result<Option<Object>, Fault> {
    let state: Option<String> = catalog_objects::table
        .filter(catalog_objects::object_key.eq(key.to_string()))
        .select(catalog_objects::state)
        .first(&mut **read)
        .optional()?;
    state.as_deref().map(parse).transpose()
}

/// All objects of a kind and name, one for each log that speaks of it.
pub(crate) fn by_name(
    read: &mut Read<'_>,
    kind: ObjectKind,
    name: &str,
) -> Result<Vec<Stored>, Fault> {
    let rows: Vec<(String, String, i64)> = catalog_objects::table
        .filter(catalog_objects::name.eq(name))
        .filter(catalog_objects::kind.eq(kind.word()))
        .select((catalog_objects::origin, catalog_objects::state, catalog_objects::last_index))
        .load(&mut **read)?;
    rows.into_iter().map(|(origin, state, index)| stored(&origin, &state, index)).collect()
}

/// The plans, ceilings and splits of a product in one log, in the order of their keys.
pub(crate) fn of_product(
    read: &mut Read<'_>,
    number: &str,
    origin: &Origin,
) -> Result<Vec<Object>, Fault> {
    let mut rows: Vec<(String, String)> = catalog_objects::table
        .filter(catalog_objects::parent.eq(number))
        // The index leaves out objects without a parent, and must be told that they are not meant.
        .filter(catalog_objects::parent.ne(""))
        .filter(catalog_objects::origin.eq(origin.to_string()))
        .select((catalog_objects::object_key, catalog_objects::state))
        .load(&mut **read)?;
    // Sorted here: databases disagree about the order of texts.
    rows.sort();
    rows.into_iter().map(|(_, state)| parse(&state)).collect()
}

/// Visits all objects of a kind in one log, some at a time: a member may have published any number.
pub(crate) fn for_each_in_log(
    read: &mut Read<'_>,
    kind: ObjectKind,
    origin: &Origin,
    mut visit: impl FnMut(Object),
) -> Result<(), Fault> {
    let mut after = String::new();
    loop {
        let rows: Vec<(String, String)> = catalog_objects::table
            .filter(catalog_objects::origin.eq(origin.to_string()))
            .filter(catalog_objects::kind.eq(kind.word()))
            .filter(catalog_objects::object_key.gt(&after))
            .order(catalog_objects::object_key.asc())
            .limit(PAGE_ROWS)
            .select((catalog_objects::object_key, catalog_objects::state))
            .load(&mut **read)?;
        let Some((last, _)) = rows.last() else { return Ok(()) };
        after.clone_from(last);
        for (_, state) in &rows {
            visit(parse(state)?);
        }
    }
}

/// Visits the hashes of all objects of a kind in one log with the index of the entry that changed
/// each last.
pub(super) fn for_each_hash_in_log(
    read: &mut Read<'_>,
    (kind, origin): (ObjectKind, &Origin),
    mut visit: impl FnMut(String, [u8; 32], u64),
) -> Result<(), Fault> {
    let mut after = String::new();
    loop {
        let rows: Vec<(String, Vec<u8>, i64)> = catalog_objects::table
            .filter(catalog_objects::origin.eq(origin.to_string()))
            .filter(catalog_objects::kind.eq(kind.word()))
            .filter(catalog_objects::object_key.gt(&after))
            .order(catalog_objects::object_key.asc())
            .limit(PAGE_ROWS)
            .select((
                catalog_objects::object_key,
                catalog_objects::state_hash,
                catalog_objects::last_index,
            ))
            .load(&mut **read)?;
        let Some((last, _, _)) = rows.last() else { return Ok(()) };
        after.clone_from(last);
        for (key, hash, index) in rows {
            let hash = hash.try_into().map_err(|_| Fault::corrupt("catalog_objects", &key))?;
            let index = u64::try_from(index).map_err(|e| Fault::corrupt("catalog_objects", e))?;
            visit(key, hash, index);
        }
    }
}

/// The new state of an object.
pub(crate) struct Changed<'a> {
    /// Which object.
    pub key: &'a ObjectKey,
    /// Its state from now on.
    pub object: &'a Object,
    /// Index of the entry that changed it last.
    pub index: u64,
    /// Whether it has a row already.
    pub stored: bool,
}

/// Writes new states, the new objects with few statements.
pub(crate) fn save<'a>(
    write: &mut Write<'_>,
    changed: impl Iterator<Item = Changed<'a>>,
) -> Result<(), Fault> {
    let mut fresh = Vec::new();
    for change in changed {
        let row = StateRow::new(&change);
        if change.stored {
            row.update(write)?;
        } else {
            fresh.push(row);
        }
    }
    for rows in fresh.chunks(BULK_ROWS_MAX) {
        insert_all!(write, catalog_objects::table, rows)?;
    }
    Ok(())
}

impl StateRow {
    fn new(change: &Changed<'_>) -> Self {
        let object_key = change.key.to_string();
        let state = change.object.to_text();
        let parent = match change.object {
            Object::Product(_) => None,
            other => other.product_number(),
        };
        Self {
            kind: change.key.kind.word(),
            name: change.key.name.clone(),
            parent: parent.map_or_else(String::new, ToString::to_string),
            origin: change.key.origin.to_string(),
            last_index: i64::try_from(change.index).unwrap_or(i64::MAX),
            state_hash: object_hash(&object_key, &state).to_vec(),
            state,
            object_key,
        }
    }

    fn update(&self, write: &mut Write<'_>) -> Result<(), Fault> {
        diesel::update(catalog_objects::table.find(&self.object_key))
            .set((
                catalog_objects::last_index.eq(self.last_index),
                catalog_objects::state.eq(&self.state),
                catalog_objects::state_hash.eq(&self.state_hash),
            ))
            .execute(&mut **write)?;
        Ok(())
    }
}

/// Forgets an object.
pub(super) fn forget(write: &mut Write<'_>, key: &ObjectKey) -> Result<(), Fault> {
    diesel::delete(catalog_objects::table.find(key.to_string())).execute(&mut **write)?;
    Ok(())
}

/// Forgets everything a log said, before it is folded again.
pub(crate) fn forget_log(write: &mut Write<'_>, origin: &Origin) -> Result<(), Fault> {
    diesel::delete(catalog_objects::table.filter(catalog_objects::origin.eq(origin.to_string())))
        .execute(&mut **write)?;
    Ok(())
}

fn parse(state: &str) -> Result<Object, Fault> {
    Object::from_text(state).map_err(|error| Fault::corrupt("catalog_objects", error))
}

fn stored(origin: &str, state: &str, index: i64) -> Result<Stored, Fault> {
    let origin = Origin::parse(origin).map_err(|e| Fault::corrupt("catalog_objects", e))?;
    let index = u64::try_from(index).map_err(|e| Fault::corrupt("catalog_objects", e))?;
    Ok(Stored { origin, object: parse(state)?, index })
}
