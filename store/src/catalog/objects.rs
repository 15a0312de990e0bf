//! Rows of catalog objects: loaded by key, written back with their hash.

use std::collections::BTreeMap;

use diesel::prelude::*;
use lianshi_registry::{
    catalog::{Object, ObjectKey, ObjectKind, object_hash},
    id::Origin,
};

use crate::{
    db::{Read, Write},
    fault::Fault,
    schema::catalog_objects,
};

/// Keys asked for in one statement: far below SQLite's limit on variables.
const KEYS_MAX: usize = 400;

/// A stored object.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    /// Its log.
    pub origin: Origin,
    /// What it is.
    pub object: Object,
}

#[derive(Insertable)]
#[diesel(table_name = catalog_objects)]
struct NewRow<'a> {
    object_key: &'a str,
    kind: &'a str,
    name: &'a str,
    parent: &'a str,
    origin: &'a str,
    first_index: i64,
    last_index: i64,
    state: &'a str,
    state_hash: &'a [u8],
}

/// Loads the objects with these keys; absent ones are left out.
pub(crate) fn load(
    read: &mut Read<'_>,
    keys: &[ObjectKey],
) -> Result<BTreeMap<ObjectKey, Object>, Fault> {
    let by_text: BTreeMap<String, &ObjectKey> =
        keys.iter().map(|key| (key.to_string(), key)).collect();
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
    let rows: Vec<(String, String)> = catalog_objects::table
        .filter(catalog_objects::name.eq(name))
        .filter(catalog_objects::kind.eq(kind.as_str()))
        .select((catalog_objects::origin, catalog_objects::state))
        .load(&mut **read)?;
    rows.into_iter().map(|(origin, state)| stored(&origin, &state)).collect()
}

/// The plans, ceilings and splits of a product in one log, in the order of their keys.
pub(crate) fn of_product(
    read: &mut Read<'_>,
    number: &str,
    origin: &Origin,
) -> Result<Vec<Object>, Fault> {
    let mut rows: Vec<(String, String)> = catalog_objects::table
        .filter(catalog_objects::parent.eq(number))
        .filter(catalog_objects::origin.eq(origin.to_string()))
        .select((catalog_objects::object_key, catalog_objects::state))
        .load(&mut **read)?;
    // Sorted here: databases disagree about the order of texts.
    rows.sort();
    rows.into_iter().map(|(_, state)| parse(&state)).collect()
}

/// All objects of a kind in one log.
pub(crate) fn in_log(
    read: &mut Read<'_>,
    kind: ObjectKind,
    origin: &Origin,
) -> Result<Vec<Object>, Fault> {
    let states: Vec<String> = catalog_objects::table
        .filter(catalog_objects::origin.eq(origin.to_string()))
        .filter(catalog_objects::kind.eq(kind.as_str()))
        .select(catalog_objects::state)
        .load(&mut **read)?;
    states.iter().map(|state| parse(state)).collect()
}

/// Writes the new state of an object that the entry at `index` changed.
pub(crate) fn save(
    write: &mut Write<'_>,
    key: &ObjectKey,
    object: &Object,
    index: u64,
) -> Result<(), Fault> {
    let text_key = key.to_string();
    let state = object.to_text();
    let hash = object_hash(&text_key, &state);
    let index = i64::try_from(index).unwrap_or(i64::MAX);
    let changed =
        diesel::update(catalog_objects::table.filter(catalog_objects::object_key.eq(&text_key)))
            .set((
                catalog_objects::last_index.eq(index),
                catalog_objects::state.eq(&state),
                catalog_objects::state_hash.eq(&hash[..]),
            ))
            .execute(&mut **write)?;
    if changed == 0 {
        let parent = match object {
            Object::Product(_) => None,
            other => other.product_number(),
        };
        let row = NewRow {
            object_key: &text_key,
            kind: key.kind.as_str(),
            name: &key.name,
            parent: parent.map_or("", |number| number.as_str()),
            origin: &key.origin.to_string(),
            first_index: index,
            last_index: index,
            state: &state,
            state_hash: &hash,
        };
        diesel::insert_into(catalog_objects::table).values(&row).execute(&mut **write)?;
    }
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

fn stored(origin: &str, state: &str) -> Result<Stored, Fault> {
    let origin = Origin::parse(origin).map_err(|e| Fault::corrupt("catalog_objects", e))?;
    Ok(Stored { origin, object: parse(state)? })
}
