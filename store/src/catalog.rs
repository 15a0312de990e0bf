//! The catalog as tables: what the logs say, folded, in a form that pages can search. Everything
//! here follows from the logs: [`rebuild`] makes the same rows and the same digest again.

mod anew;
mod change;
pub(crate) mod folds;
mod index;
pub(crate) mod objects;
mod offer;
mod parties;
pub(crate) mod project;
mod publish;
mod rebuild;
mod search;
mod words;

use std::collections::{BTreeMap, BTreeSet};

use diesel::prelude::*;
use lianshi_registry::{
    catalog::{self, Object, ObjectKind},
    entry::StatementSealed,
    id::Origin,
    time::Period,
    word::Word,
};

pub use anew::fold_anew;
pub(crate) use change::begin_anew;
pub use change::{Changes, Moment, changes, now};
pub use folds::{FoldState, fold_state};
pub(crate) use index::index_some;
pub use index::{TERMS_MAX, index};
use objects::Stored;
pub use offer::{Offer, authorized_products, organization, product, split_for};
pub use parties::{
    PartyShare, SHARE_PRODUCTS_MAX, SharePage, ShareStanding, VERSIONS_MAX, shares_of,
};
pub(crate) use project::of_log as project_log;
pub use publish::{Publication, publish};
pub(crate) use rebuild::refold;
pub use rebuild::{Rebuilt, rebuild};
pub use search::{FacetValue, Facets, Hit, PAGE_ITEMS_MAX, Page, Query, Sort, search};

use crate::{
    db::Read,
    fault::Fault,
    fold::unfolded::UnfoldedRow,
    schema::{catalog_objects, unfolded_entries},
};

/// A close as a log has it.
pub(crate) struct SealedClose {
    pub entry: StatementSealed,
    /// Index of the entry.
    pub index: u64,
}

/// The periods that a node's logs say were closed, in whichever generation, oldest first.
pub(crate) fn sealed_closes(read: &mut Read<'_>, node: &Origin) -> Result<BTreeSet<Period>, Fault> {
    let mut closes = BTreeSet::new();
    for generation in 1..=node.generation() {
        let log = Origin::new(node.domain().clone(), node.node().clone(), generation);
        objects::for_each_in_log(read, ObjectKind::Statement, &log, |object| {
            if let Object::Statement(sealed) = object {
                closes.insert(sealed.period);
            }
        })?;
    }
    Ok(closes)
}

/// What a node's logs say of its close of a period, the latest generation that does; `None` when
/// none does.
pub(crate) fn sealed_close(
    read: &mut Read<'_>,
    node: &Origin,
    period: Period,
) -> Result<Option<SealedClose>, Fault> {
    let sealed = objects::by_name(read, ObjectKind::Statement, &period.to_string())?;
    let of_node =
        |origin: &Origin| origin.node() == node.node() && origin.domain() == node.domain();
    let of_node = sealed.into_iter().filter(|sealed| of_node(&sealed.origin));
    let latest = of_node.max_by_key(|sealed| sealed.origin.generation());
    Ok(latest.and_then(|Stored { object, index, .. }| match object {
        Object::Statement(entry) => Some(SealedClose { entry, index }),
        _ => None,
    }))
}

/// The digest of the catalog held here. Nodes that hold the same logs have the same digest.
pub fn digest(read: &mut Read<'_>) -> Result<[u8; 32], Fault> {
    let rows: Vec<(String, Vec<u8>)> = catalog_objects::table
        .select((catalog_objects::object_key, catalog_objects::state_hash))
        .load(&mut **read)?;
    let mut objects = Vec::with_capacity(rows.len());
    for (key, hash) in rows {
        let hash: [u8; 32] =
            hash.try_into().map_err(|_| Fault::corrupt("catalog_objects", &key))?;
        objects.push((key, hash));
    }
    Ok(catalog::digest(objects))
}

/// Loads the dictionary behind search, which takes a moment, before somebody waits for it.
pub fn prepare() {
    words::prepare();
}

/// How many objects of a kind the catalog holds.
pub fn count(read: &mut Read<'_>, kind: ObjectKind) -> Result<u64, Fault> {
    let rows: i64 = catalog_objects::table
        .filter(catalog_objects::kind.eq(kind.word()))
        .count()
        .get_result(&mut **read)?;
    Ok(u64::try_from(rows).unwrap_or_default())
}

/// An entry that is in its log but not in the catalog: quarantined, or awaiting a newer program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfolded {
    /// Its log.
    pub origin: Origin,
    /// Its index.
    pub index: u64,
    /// Its kind, empty when it could not be read.
    pub kind: String,
    /// Stable code of the reason.
    pub code: String,
    /// The reason in words.
    pub reason: String,
    /// It is not unlawful: this program cannot read it yet.
    pub awaiting: bool,
}

impl Unfolded {
    /// `quarantined` or `awaiting`.
    pub fn sort(&self) -> &'static str {
        if self.awaiting { "awaiting" } else { "quarantined" }
    }
}

fn parse_unfolded(row: UnfoldedRow) -> Result<Unfolded, Fault> {
    let corrupt = |what: String| Fault::corrupt("unfolded_entries", what);
    Ok(Unfolded {
        origin: Origin::parse(&row.origin).map_err(|error| corrupt(error.to_string()))?,
        index: u64::try_from(row.entry_index).map_err(|error| corrupt(error.to_string()))?,
        kind: row.kind,
        code: row.code,
        reason: row.reason,
        awaiting: row.awaiting,
    })
}

/// The newest quarantined entries of every log, at most `limit`.
pub fn quarantined(read: &mut Read<'_>, limit: i64) -> Result<Vec<Unfolded>, Fault> {
    newest(read, (false, limit))
}

/// The newest entries of every log that await a newer program, at most `limit`.
pub fn awaiting(read: &mut Read<'_>, limit: i64) -> Result<Vec<Unfolded>, Fault> {
    newest(read, (true, limit))
}

fn newest(read: &mut Read<'_>, (awaiting, limit): (bool, i64)) -> Result<Vec<Unfolded>, Fault> {
    let rows: Vec<UnfoldedRow> = unfolded_entries::table
        .filter(unfolded_entries::awaiting.eq(awaiting))
        .order((unfolded_entries::origin.asc(), unfolded_entries::entry_index.desc()))
        .limit(limit)
        .select(UnfoldedRow::as_select())
        .load(&mut **read)?;
    rows.into_iter().map(parse_unfolded).collect()
}

/// The entries of a log that are not in the catalog, from index `from` on and before `end`, at most
/// `limit` of each sort, by index.
pub fn unfolded_between(
    read: &mut Read<'_>,
    origin: &Origin,
    (from, end): (u64, u64),
    limit: i64,
) -> Result<Vec<Unfolded>, Fault> {
    let index = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    let mut found = Vec::new();
    for awaiting in [false, true] {
        let rows: Vec<UnfoldedRow> = unfolded_entries::table
            .filter(unfolded_entries::awaiting.eq(awaiting))
            .filter(unfolded_entries::origin.eq(origin.to_string()))
            .filter(unfolded_entries::entry_index.ge(index(from)))
            .filter(unfolded_entries::entry_index.lt(index(end)))
            .order(unfolded_entries::entry_index.asc())
            .limit(limit)
            .select(UnfoldedRow::as_select())
            .load(&mut **read)?;
        found.extend(rows);
    }
    found.sort_by_key(|row| row.entry_index);
    found.into_iter().map(parse_unfolded).collect()
}

/// Entries of each sort that are counted: a log of nothing else must not slow a page.
pub const UNFOLDED_COUNTED_MAX: i64 = 10_000;

/// How many entries of each log are quarantined, of the first [`UNFOLDED_COUNTED_MAX`] of all; logs
/// without any are left out.
pub fn quarantine_counts(read: &mut Read<'_>) -> Result<BTreeMap<String, u64>, Fault> {
    counts(read, false)
}

/// The same for entries that await a newer program.
pub fn awaiting_counts(read: &mut Read<'_>) -> Result<BTreeMap<String, u64>, Fault> {
    counts(read, true)
}

fn counts(read: &mut Read<'_>, awaiting: bool) -> Result<BTreeMap<String, u64>, Fault> {
    let origins: Vec<String> = unfolded_entries::table
        .filter(unfolded_entries::awaiting.eq(awaiting))
        .order((unfolded_entries::origin.asc(), unfolded_entries::entry_index.asc()))
        .limit(UNFOLDED_COUNTED_MAX)
        .select(unfolded_entries::origin)
        .load(&mut **read)?;
    let mut counts = BTreeMap::new();
    for origin in origins {
        *counts.entry(origin).or_insert(0) += 1;
    }
    Ok(counts)
}
