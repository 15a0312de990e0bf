//! In which order this node learned of changes, so that whoever keeps a copy of the catalog asks
//! for what changed since and misses nothing. The order is this node's own: logs reach another node
//! in another order, and a catalog that was rebuilt or recovered counts under another name.

use diesel::prelude::*;
use lianshi_registry::{id::RegistrationNumber, time::Timestamp};

use super::{
    project::ProductRow,
    search::{Hit, PAGE_ITEMS_MAX, hits_at},
};
use crate::{
    Fault, Read, Write,
    accounts::random_hex,
    schema::{catalog_changes, catalog_products},
    setting,
};

/// The name this node's count of changes has.
const EPOCH: &str = "catalog.epoch";

/// Longest name of a count: six random bytes.
const EPOCH_CHARS_MAX: usize = 12;
/// Longest number of a change: what a column holds.
const SEQ_DIGITS_MAX: usize = 18;

/// A moment in the order of changes: what a copy of the catalog is up to date with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    epoch: String,
    seq: i64,
}

impl Moment {
    /// Reads what [`Moment`] prints.
    pub fn parse(text: &str) -> Option<Self> {
        let (epoch, seq) = text.split_once('.')?;
        let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        let named = (1..=EPOCH_CHARS_MAX).contains(&epoch.len()) && epoch.bytes().all(is_hex);
        let counted = (1..=SEQ_DIGITS_MAX).contains(&seq.len())
            && seq.bytes().all(|byte| byte.is_ascii_digit());
        let seq = (named && counted).then(|| seq.parse().ok())??;
        Some(Self { epoch: epoch.to_owned(), seq })
    }
}

/// Opaque to whoever gets it.
impl std::fmt::Display for Moment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.epoch, self.seq)
    }
}

/// What changed after a moment, oldest change first, each product once and as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changes {
    /// Products that are there.
    pub items: Vec<Hit>,
    /// Numbers that no log speaks of any more.
    pub gone: Vec<RegistrationNumber>,
    /// What a copy that took all of these is up to date with.
    pub until: Moment,
    /// Whether there are more.
    pub more: bool,
}

/// Notes that a product changed just now.
pub(super) fn note(write: &mut Write<'_>, number: &str) -> Result<(), Fault> {
    let next = newest(&mut write.as_read())? + 1;
    let row = catalog_changes::table.find(number);
    let updated = diesel::update(row).set(catalog_changes::seq.eq(next)).execute(&mut **write)?;
    if updated == 0 {
        diesel::insert_into(catalog_changes::table)
            .values((catalog_changes::number.eq(number), catalog_changes::seq.eq(next)))
            .execute(&mut **write)?;
    }
    Ok(())
}

/// Notes what a rebuild did not find again: everything not noted after `before`.
pub(super) fn note_rest(write: &mut Write<'_>, before: i64) -> Result<(), Fault> {
    let rest: Vec<String> = catalog_changes::table
        .filter(catalog_changes::seq.le(before))
        .select(catalog_changes::number)
        .load(&mut **write)?;
    rest.iter().try_for_each(|number| note(write, number))
}

/// The number of the newest change.
pub(super) fn newest(read: &mut Read<'_>) -> Result<i64, Fault> {
    let last: Option<i64> =
        catalog_changes::table.select(diesel::dsl::max(catalog_changes::seq)).first(&mut **read)?;
    Ok(last.unwrap_or(0))
}

/// From now on changes count under another name: the database may have forgotten some.
pub(crate) fn begin_anew(write: &mut Write<'_>) -> Result<(), Fault> {
    setting::write(write, EPOCH, &random_hex::<6>()?)
}

/// The moment of a snapshot.
pub fn now(read: &mut Read<'_>) -> Result<Moment, Fault> {
    // Before the first recovery there is no need of a name.
    let epoch = setting::read(read, EPOCH)?.unwrap_or_else(|| "0".to_owned());
    Ok(Moment { epoch, seq: newest(read)? })
}

/// What changed since a moment, at most so many products; `None` for a moment that this node does
/// not know (any more): then the copy has to be made anew.
pub fn changes(
    read: &mut Read<'_>,
    since: &Moment,
    (size, at): (u32, Timestamp),
) -> Result<Option<Changes>, Fault> {
    let present = now(read)?;
    if present.epoch != since.epoch || present.seq < since.seq {
        return Ok(None);
    }
    let size = size.clamp(1, PAGE_ITEMS_MAX);
    let mut changed: Vec<(String, i64)> = catalog_changes::table
        .filter(catalog_changes::seq.gt(since.seq))
        .order(catalog_changes::seq.asc())
        .limit(i64::from(size) + 1)
        .select((catalog_changes::number, catalog_changes::seq))
        .load(&mut **read)?;
    let more = changed.len() > usize::try_from(size).unwrap_or(usize::MAX);
    if more {
        changed.pop();
    }
    let until = changed.last().map_or(since.seq, |(_, seq)| *seq);
    let numbers: Vec<String> = changed.into_iter().map(|(number, _)| number).collect();
    let rows: Vec<ProductRow> = catalog_products::table
        .filter(catalog_products::number.eq_any(&numbers))
        .select(ProductRow::as_select())
        .load(&mut **read)?;
    let mut items = hits_at(rows, at)?;
    let place = |hit: &Hit| numbers.iter().position(|number| *number == hit.number.to_string());
    items.sort_by_key(place);
    let there = |number: &&String| items.iter().any(|hit| hit.number.to_string() == **number);
    let gone = numbers.iter().filter(|number| !there(number)).map(|number| {
        RegistrationNumber::parse(number).map_err(|e| Fault::corrupt("catalog_changes", e))
    });
    let gone = gone.collect::<Result<_, _>>()?;
    Ok(Some(Changes { items, gone, until: Moment { epoch: present.epoch, seq: until }, more }))
}
