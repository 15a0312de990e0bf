//! What closes set aside, as stored: one row for each month of a subscription that no statement
//! could be made for, and for each product's month that could not be divided. A row stays open
//! until a later close got it out, and is never removed.

use std::collections::{BTreeMap, BTreeSet};

use diesel::prelude::*;
use lianshi_market::{
    close::{Earned, ParkReason, Parked, ParkedKind, Takings},
    money::Amount,
};
use lianshi_registry::{
    id::RegistrationNumber,
    time::{Period, Timestamp},
};

use crate::{
    Fault, Read, Write,
    audit::{self, Act, Actor},
    schema::parked,
};

/// Something set aside, with the closes between which it waited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParkedView {
    /// What, and why.
    pub parked: Parked,
    /// The close that set it aside.
    pub parked_in: Period,
    /// The close that got it out; `None` while it waits.
    pub resolved_in: Option<Period>,
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = parked)]
struct ParkedRow {
    parked_in: String,
    period: String,
    kind: String,
    subject: String,
    reason: String,
    detail: String,
    billed_to: Option<i64>,
    base_fen: i64,
    by_operator: String,
    resolved_in: String,
}

fn parsed<T, E: std::fmt::Display>(outcome: Result<T, E>) -> Result<T, Fault> {
    outcome.map_err(|error| Fault::corrupt("parked", error))
}

impl ParkedRow {
    fn new(parked: &Parked, parked_in: Period) -> Result<Self, Fault> {
        Ok(Self {
            parked_in: parked_in.to_string(),
            period: parked.period.to_string(),
            kind: parked.kind.as_str().to_owned(),
            subject: parked.subject.clone(),
            reason: parked.reason.as_str().to_owned(),
            detail: parked.detail.clone(),
            billed_to: parked.billed_to,
            base_fen: parked.base.fen(),
            by_operator: parsed(serde_json::to_string(&parked.by_operator))?,
            resolved_in: String::new(),
        })
    }

    fn into_view(self) -> Result<ParkedView, Fault> {
        let resolved_in = (!self.resolved_in.is_empty())
            .then(|| parsed(Period::parse(&self.resolved_in)))
            .transpose()?;
        Ok(ParkedView {
            parked: Parked {
                period: parsed(Period::parse(&self.period))?,
                kind: parsed(ParkedKind::parse(&self.kind).ok_or(&self.kind))?,
                reason: parsed(ParkReason::parse(&self.reason).ok_or(&self.reason))?,
                subject: self.subject,
                billed_to: self.billed_to,
                base: Amount::from_fen(self.base_fen),
                by_operator: parsed(serde_json::from_str(&self.by_operator))?,
                detail: self.detail,
            },
            parked_in: parsed(Period::parse(&self.parked_in))?,
            resolved_in,
        })
    }
}

/// What waits for a close, oldest first.
pub fn waiting(read: &mut Read<'_>) -> Result<Vec<ParkedView>, Fault> {
    let rows: Vec<ParkedRow> = parked::table
        .filter(parked::resolved_in.eq(""))
        .order((parked::period.asc(), parked::kind.asc(), parked::subject.asc()))
        .select(ParkedRow::as_select())
        .load(&mut **read)?;
    rows.into_iter().map(ParkedRow::into_view).collect()
}

/// What the close of a period set aside, whatever became of it.
pub fn parked_in(read: &mut Read<'_>, period: Period) -> Result<Vec<ParkedView>, Fault> {
    let rows: Vec<ParkedRow> = parked::table
        .filter(parked::parked_in.eq(period.to_string()))
        .order((parked::period.asc(), parked::kind.asc(), parked::subject.asc()))
        .select(ParkedRow::as_select())
        .load(&mut **read)?;
    rows.into_iter().map(ParkedRow::into_view).collect()
}

/// A month of a subscription that waits, and up to where it was billed.
pub(super) type OwedMonths = BTreeMap<String, BTreeMap<Period, Owed>>;

/// How a month waits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Owed {
    /// Up to which sequence of the meter it was billed; `None` when nothing of it was.
    pub billed_to: Option<i64>,
}

/// What waits as the close of a period begins.
pub(super) struct Waiting {
    /// Months of subscriptions.
    pub months: OwedMonths,
    /// Divisions, oldest first.
    pub takings: Vec<Takings>,
}

impl Waiting {
    /// Loads it for a close that is yet to be made.
    pub(super) fn load(read: &mut Read<'_>, close: Period) -> Result<Self, Fault> {
        let mut waiting = Self { months: OwedMonths::new(), takings: Vec::new() };
        for ParkedView { parked, .. } in resolved(read, close, "")? {
            if let Some(takings) = takings(&parked)? {
                waiting.takings.push(takings);
                continue;
            }
            // The first row of a month was billed least far.
            let months = waiting.months.entry(parked.subject).or_default();
            months.entry(parked.period).or_insert(Owed { billed_to: parked.billed_to });
        }
        Ok(waiting)
    }
}

/// The months of a subscription that were ever set aside.
pub(super) fn months_of(
    read: &mut Read<'_>,
    subscription: &str,
) -> Result<BTreeSet<Period>, Fault> {
    let months: Vec<String> = parked::table
        .filter(parked::kind.eq(ParkedKind::Statement.as_str()))
        .filter(parked::subject.eq(subscription))
        .select(parked::period)
        .load(&mut **read)?;
    months.iter().map(|month| parsed(Period::parse(month))).collect()
}

/// The divisions that a close took up.
pub(super) fn taken_up(read: &mut Read<'_>, close: Period) -> Result<Vec<Takings>, Fault> {
    let views = resolved(read, close, &close.to_string())?;
    views.iter().filter_map(|view| takings(&view.parked).transpose()).collect()
}

/// What was set aside before a close and came out where `by` says, oldest first.
fn resolved(read: &mut Read<'_>, close: Period, by: &str) -> Result<Vec<ParkedView>, Fault> {
    let rows: Vec<ParkedRow> = parked::table
        .filter(parked::parked_in.lt(close.to_string()))
        .filter(parked::resolved_in.eq(by))
        .order((parked::period.asc(), parked::subject.asc(), parked::parked_in.asc()))
        .select(ParkedRow::as_select())
        .load(&mut **read)?;
    rows.into_iter().map(ParkedRow::into_view).collect()
}

/// What a division that was set aside is to divide.
fn takings(parked: &Parked) -> Result<Option<Takings>, Fault> {
    if parked.kind == ParkedKind::Statement {
        return Ok(None);
    }
    Ok(Some(Takings {
        period: parked.period,
        product: parsed(RegistrationNumber::parse(&parked.subject))?,
        earned: Earned { base: parked.base, by_operator: parked.by_operator.clone() },
    }))
}

/// What a close sets aside and takes up again, written at its end.
pub(super) struct Park {
    close: Period,
    /// Everything set aside by this close.
    rows: Vec<ParkedRow>,
    resolved: BTreeSet<(Period, &'static str, String)>,
}

impl Park {
    /// Of the close of a period.
    pub(super) const fn new(close: Period) -> Self {
        Self { close, rows: Vec::new(), resolved: BTreeSet::new() }
    }

    /// Sets something aside.
    pub(super) fn set_aside(&mut self, parked: &Parked) -> Result<(), Fault> {
        self.rows.push(ParkedRow::new(parked, self.close)?);
        Ok(())
    }

    /// Something that waited came out.
    pub(super) fn take_up(&mut self, period: Period, kind: ParkedKind, subject: &str) {
        self.resolved.insert((period, kind.as_str(), subject.to_owned()));
    }

    /// Writes it all, each with its act.
    pub(super) fn write(
        &self,
        write: &mut Write<'_>,
        by: (&Actor, Timestamp),
    ) -> Result<(), Fault> {
        let close = self.close.to_string();
        for (period, kind, subject) in &self.resolved {
            diesel::update(parked::table)
                .filter(parked::resolved_in.eq(""))
                .filter(parked::period.eq(period.to_string()))
                .filter(parked::kind.eq(*kind))
                .filter(parked::subject.eq(subject))
                .set(parked::resolved_in.eq(&close))
                .execute(&mut **write)?;
            let object = format!("{period}/{subject}");
            record(write, by, ("period.take_up", &object), &close)?;
        }
        for row in &self.rows {
            diesel::insert_into(parked::table).values(row).execute(&mut **write)?;
            let object = format!("{}/{}", row.period, row.subject);
            record(write, by, ("period.park", &object), &row.reason)?;
        }
        Ok(())
    }
}

fn record(
    write: &mut Write<'_>,
    (actor, at): (&Actor, Timestamp),
    (action, object): (&'static str, &str),
    after: &str,
) -> Result<(), Fault> {
    let act = Act { at, actor, action, object, outcome: "done", before: "", after };
    audit::record(write, &act)
}
