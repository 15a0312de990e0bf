//! Closing a closed period again, in the mind only: from the subscriptions as they were rated the
//! same statements, divisions and result hash must come out, whatever became of contracts and
//! catalog since; and what was counted must be what the meter has up to the bound. Only divisions
//! that still carried fractions of a fen, and statements made before subjects were kept, are taken
//! as recorded.

use diesel::prelude::*;
use lianshi_market::{
    close::{Inputs, Run, StatementDocument, Subject, Takings},
    rating::Usage,
    split::Agreement,
    subscription::Side,
};
use lianshi_registry::time::Period;

use super::{
    counts::{counted, usage_of},
    drafts::SubjectRow,
    parked::{parked_in, taken_up},
    periods,
};
use crate::{
    Fault, Read, Site,
    allocations::{DivisionRow, DivisionSide},
    schema::{close_subjects, split_documents, statements},
};

/// Subscriptions computed again at once.
const PAGE_SUBJECTS: i64 = 1_000;

/// What a recomputation found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recomputed {
    /// The result hash that was sealed, in hexadecimal.
    pub sealed: String,
    /// The one the pinned inputs give.
    pub computed: String,
    /// The close was put together again after it was forgotten: what it was pinned to is not known,
    /// and the hash cannot be computed.
    pub recovered: bool,
    /// Nothing was missing or unreadable on the way, the meter has what was counted, and divisions
    /// that are not computed again divide what was invoiced.
    pub whole: bool,
}

impl Recomputed {
    /// Whether both are the same, and all adds up.
    pub fn fits(&self) -> bool {
        (self.recovered || self.sealed == self.computed) && self.whole
    }
}

/// Computes a closed period again; `None` when it is not closed.
pub fn recompute(
    read: &mut Read<'_>,
    site: &Site,
    period: Period,
) -> Result<Option<Recomputed>, Fault> {
    let Some(closed) = periods::closed(read, period)?.and_then(|view| view.closed) else {
        return Ok(None);
    };
    let inputs = Inputs {
        node: site.node.clone(),
        division: site.division.clone(),
        period,
        event_to: closed.event_to.millis(),
        ingest_to: closed.ingest_to,
    };
    let mut run = Run::begin(inputs.clone());
    let rated = rate(read, &mut run, &inputs)?;
    let divided = divide(read, &mut run, period)?;
    for view in parked_in(read, period)? {
        run.park(view.parked);
    }
    let computed = hex::encode(run.finish().result_hash);
    Ok(Some(Recomputed {
        sealed: closed.result_hash,
        computed,
        recovered: closed.recovered,
        whole: rated && divided,
    }))
}

/// Rates every subscription as it was rated. Gives whether all could be, from what the meter has.
fn rate(read: &mut Read<'_>, run: &mut Run, inputs: &Inputs) -> Result<bool, Fault> {
    let bound = (inputs.period, inputs.ingest_to);
    let mut whole = true;
    let mut after = String::new();
    loop {
        let rows: Vec<SubjectRow> = close_subjects::table
            .filter(close_subjects::period.eq(inputs.period.to_string()))
            .filter(close_subjects::subscription.gt(&after))
            .order(close_subjects::subscription.asc())
            .limit(PAGE_SUBJECTS)
            .select(SubjectRow::as_select())
            .load(&mut **read)?;
        let (Some(first), Some(last)) = (rows.first(), rows.last()) else { return Ok(whole) };
        let mut counts = counted(read, (&first.subscription, &last.subscription), bound)?;
        after.clone_from(&last.subscription);
        for row in rows {
            if row.subject.is_empty() {
                whole &= recorded(read, (inputs.period, &row.subscription))?
                    .is_some_and(|document| run.take_recorded(&document));
                continue;
            }
            let counted = counts.remove(&row.subscription).unwrap_or_default();
            let counted: Option<Usage> = usage_of(counted.counts).ok();
            let subject: Option<Subject> = serde_json::from_str(&row.subject).ok();
            whole &= subject.is_some_and(|subject| {
                run.rate(&subject).is_ok()
                    && subject.subscription == row.subscription
                    && counted.is_some_and(|counted| counted == subject.usage)
            });
        }
    }
}

/// The statement of a subscription that was made for a period.
fn recorded(
    read: &mut Read<'_>,
    (period, subscription): (Period, &str),
) -> Result<Option<StatementDocument>, Fault> {
    let text: Option<String> = statements::table
        .filter(statements::side.eq(Side::Provider.as_str()))
        .filter(statements::period.eq(period.to_string()))
        .filter(statements::subscription.eq(subscription))
        .select(statements::document)
        .first(&mut **read)
        .optional()?;
    Ok(text.and_then(|text| StatementDocument::read(text.as_bytes()).ok()))
}

/// Divides again what this close divided. Gives whether what is not computed again fits.
fn divide(read: &mut Read<'_>, run: &mut Run, period: Period) -> Result<bool, Fault> {
    let text = period.to_string();
    let made_now = split_documents::made_in.is_null().and(split_documents::period.eq(&text));
    let rows: Vec<DivisionRow> = split_documents::table
        .filter(split_documents::side.eq(DivisionSide::Provider.as_str()))
        .filter(split_documents::made_in.eq(&text).or(made_now))
        .order((split_documents::period.asc(), split_documents::product.asc()))
        .select(DivisionRow::as_select())
        .load(&mut **read)?;
    let takings: Vec<Takings> = taken_up(read, period)?.into_iter().chain(run.takings()).collect();
    let mut fits = true;
    for row in rows {
        let Ok(document) = row.read() else {
            fits = false;
            continue;
        };
        let Some((so_far, _)) = document.stretch() else {
            fits &= run.take_carried(&document);
            continue;
        };
        let of = |takings: &&Takings| {
            takings.period == document.period && takings.product == document.product
        };
        let Some(takings) = takings.iter().find(of) else {
            // Nothing was earned for it: whatever it says, the result is another.
            fits = false;
            continue;
        };
        let agreement = Agreement::recorded(document.agreement.clone(), &document.parts);
        fits &= run.divide(takings, &agreement, so_far).is_ok();
    }
    Ok(fits)
}
