//! What a close writes before it is sealed, in pages that hold nobody up: each subscription as it
//! was rated, and the documents that came of it. Nobody else reads them: until the seal they mean
//! nothing, and what is left of a close that was ended is swept away.

use std::collections::BTreeSet;

use diesel::prelude::*;
use lianshi_market::close::{Divided, Issued, Subject};
use lianshi_registry::time::Period;

use super::{
    PAUSE_MS,
    turn::{self, Turn},
};
use crate::{
    Fault, Read, Site, Write,
    db::pause,
    dialect::{BULK_ROWS_MAX, insert_all},
    schema::{close_drafts, close_subjects, periods},
    statements,
};

/// Rows that one transaction removes.
const SWEPT_AT_ONCE: i64 = 1_000;

/// A subscription as a close rated it, as stored.
#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = close_subjects)]
pub(super) struct SubjectRow {
    period: String,
    pub subscription: String,
    /// JSON; empty where a statement was made before this was kept.
    pub subject: String,
}

impl SubjectRow {
    /// The row of a subject.
    pub(super) fn of(period: Period, subject: &Subject) -> Result<Self, Fault> {
        let text = serde_json::to_string(subject)
            .map_err(|error| Fault::corrupt("close_subjects", error))?;
        let subscription = subject.subscription.clone();
        Ok(Self { period: period.to_string(), subscription, subject: text })
    }
}

impl SubjectRow {
    /// The row of a subscription whose statement is known and nothing else.
    pub(super) fn recorded(period: Period, subscription: String) -> Self {
        Self { period: period.to_string(), subscription, subject: String::new() }
    }
}

impl SubjectRow {
    /// The months its close stated: its own, and earlier ones.
    fn months(&self, read: &mut Read<'_>) -> Result<Result<Vec<Period>, String>, Fault> {
        let own = match Period::parse(&self.period) {
            Ok(own) => own,
            Err(error) => return Ok(Err(error.to_string())),
        };
        if self.subject.is_empty() {
            let stated = statements::stated(read, (own, &self.subscription))?;
            let stated = stated.map(|document| document.months().collect::<Vec<_>>());
            return Ok(Ok(stated.into_iter().flatten().chain([own]).collect()));
        }
        let subject: Result<Subject, _> = serde_json::from_str(&self.subject);
        Ok(subject.map_err(|error| error.to_string()).map(|subject| {
            let earlier = subject.owed.iter().chain(&subject.late);
            earlier.map(|month| month.period).chain([own]).collect()
        }))
    }
}

/// What a draft is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DraftKind {
    /// A statement.
    Statement,
    /// A division.
    Division,
}

impl DraftKind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Statement => "statement",
            Self::Division => "division",
        }
    }
}

/// A document of a close, as stored.
#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = close_drafts)]
pub(super) struct DraftRow {
    period: String,
    pub position: i64,
    kind: String,
    pub document: String,
    document_hash: Vec<u8>,
}

impl DraftRow {
    /// The draft of a statement at its place.
    pub(super) fn statement(period: Period, position: i64, issued: Issued) -> Self {
        Self::new((period, position, DraftKind::Statement), issued.text, issued.hash.to_vec())
    }

    /// The draft of a division at its place.
    pub(super) fn division(period: Period, position: i64, divided: Divided) -> Self {
        Self::new((period, position, DraftKind::Division), divided.text, divided.hash.to_vec())
    }

    /// The draft of a statement that came back.
    pub(super) fn recalled(
        (period, position): (Period, i64),
        document: String,
        hash: Vec<u8>,
    ) -> Self {
        Self::new((period, position, DraftKind::Statement), document, hash)
    }

    fn new(
        (period, position, kind): (Period, i64, DraftKind),
        document: String,
        document_hash: Vec<u8>,
    ) -> Self {
        let (period, kind) = (period.to_string(), kind.as_str().to_owned());
        Self { period, position, kind, document, document_hash }
    }

    /// The period of its close.
    pub(super) fn period(&self) -> Result<Period, Fault> {
        Period::parse(&self.period).map_err(|error| Fault::corrupt("close_drafts", error))
    }

    /// What it is.
    pub(super) fn kind(&self) -> Result<DraftKind, Fault> {
        [DraftKind::Statement, DraftKind::Division]
            .into_iter()
            .find(|kind| kind.as_str() == self.kind)
            .ok_or_else(|| Fault::corrupt("close_drafts", &self.kind))
    }

    /// SHA-256 of the document.
    pub(super) fn hash(&self) -> Result<[u8; 32], Fault> {
        let hash = self.document_hash.as_slice();
        hash.try_into().map_err(|error| Fault::corrupt("close_drafts", error))
    }
}

/// Writes a page.
pub(super) fn write(
    write: &mut Write<'_>,
    subjects: &[SubjectRow],
    drafts: &[DraftRow],
) -> Result<(), Fault> {
    for subjects in subjects.chunks(BULK_ROWS_MAX) {
        insert_all!(write, close_subjects::table, subjects)?;
    }
    for drafts in drafts.chunks(BULK_ROWS_MAX) {
        insert_all!(write, close_drafts::table, drafts)?;
    }
    Ok(())
}

/// What the closes of these months stated of a subscription: their own months, and earlier ones
/// that they took up; or what does not read of it.
pub(super) fn months_of(
    read: &mut Read<'_>,
    (closes, subscription): (&[Period], &str),
) -> Result<Result<BTreeSet<Period>, String>, Fault> {
    let closes: Vec<String> = closes.iter().map(ToString::to_string).collect();
    let rows: Vec<SubjectRow> = close_subjects::table
        .filter(close_subjects::period.eq_any(closes))
        .filter(close_subjects::subscription.eq(subscription))
        .select(SubjectRow::as_select())
        .load(&mut **read)?;
    let mut months = BTreeSet::new();
    for row in rows {
        match row.months(read)? {
            Ok(stated) => months.extend(stated),
            Err(error) => {
                return Ok(Err(format!("what the close of {} kept of it: {error}", row.period)));
            }
        }
    }
    Ok(Ok(months))
}

/// The next drafts of the first period that is sealed, in their order.
pub(super) fn sealed(read: &mut Read<'_>, limit: i64) -> Result<Vec<DraftRow>, Fault> {
    let left =
        diesel::dsl::exists(close_drafts::table.filter(close_drafts::period.eq(periods::period)));
    let first: Option<String> = periods::table
        .filter(left)
        .order(periods::period.asc())
        .select(periods::period)
        .first(&mut **read)
        .optional()?;
    let Some(period) = first else { return Ok(Vec::new()) };
    Ok(close_drafts::table
        .filter(close_drafts::period.eq(period))
        .order(close_drafts::position.asc())
        .limit(limit)
        .select(DraftRow::as_select())
        .load(&mut **read)?)
}

/// Documents of a period that stand nowhere else yet.
pub(super) fn left(read: &mut Read<'_>, period: Period) -> Result<i64, Fault> {
    let drafts = close_drafts::table.filter(close_drafts::period.eq(period.to_string()));
    Ok(drafts.count().get_result(&mut **read)?)
}

/// Takes a page of drafts out; gives whether it was still there.
pub(super) fn take(write: &mut Write<'_>, page: &[DraftRow]) -> Result<bool, Fault> {
    let (Some(first), Some(last)) = (page.first(), page.last()) else { return Ok(false) };
    let rows = close_drafts::table
        .filter(close_drafts::period.eq(&first.period))
        .filter(close_drafts::position.between(first.position, last.position));
    match diesel::delete(rows).execute(&mut **write)? {
        0 => Ok(false),
        all if all == page.len() => Ok(true),
        some => Err(Fault::corrupt("close_drafts", format!("{some} of {} are left", page.len()))),
    }
}

/// Removes what closes that were ended before their seal left behind, a part at a time.
pub(super) fn sweep(_turn: &Turn, site: &Site) -> Result<(), Fault> {
    while let Some(ended) = site.db.read(turn::underway)? {
        while site.db.write(|write| sweep_some(write, ended.period))? {
            pause(PAUSE_MS);
        }
    }
    Ok(())
}

/// Removes some of a period; gives whether more is left.
fn sweep_some(write: &mut Write<'_>, period: Period) -> Result<bool, Fault> {
    let text = period.to_string();
    let drafts = close_drafts::table
        .filter(close_drafts::period.eq(&text))
        .order(close_drafts::position.asc())
        .limit(SWEPT_AT_ONCE)
        .select(close_drafts::position);
    let drafts: Vec<i64> = drafts.load(&mut **write)?;
    if let (Some(first), Some(last)) = (drafts.first(), drafts.last()) {
        let rows = close_drafts::table
            .filter(close_drafts::period.eq(&text))
            .filter(close_drafts::position.between(first, last));
        diesel::delete(rows).execute(&mut **write)?;
        return Ok(true);
    }
    let subjects = close_subjects::table
        .filter(close_subjects::period.eq(&text))
        .order(close_subjects::subscription.asc())
        .limit(SWEPT_AT_ONCE)
        .select(close_subjects::subscription);
    let subjects: Vec<String> = subjects.load(&mut **write)?;
    if let (Some(first), Some(last)) = (subjects.first(), subjects.last()) {
        let rows = close_subjects::table
            .filter(close_subjects::period.eq(&text))
            .filter(close_subjects::subscription.between(first, last));
        diesel::delete(rows).execute(&mut **write)?;
        return Ok(true);
    }
    turn::forget(write, period)?;
    Ok(false)
}
