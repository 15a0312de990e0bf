//! Closing a closed period again, in the mind only: from the subscriptions as they were rated the
//! same statements, divisions and result hash must come out, whatever became of contracts and
//! catalog since; and what was counted must be what the meter has up to the bound. Only divisions
//! that still carried fractions of a fen, and statements made before subjects were kept, are taken
//! as recorded.

use std::collections::BTreeMap;

use diesel::{
    dsl::{exists, not},
    prelude::*,
};
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
    schema::{close_subjects, parked, split_documents, statements, usage_months},
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
    // What a forgotten close had set aside is not known.
    let nothing_left = closed.recovered || nothing_is_left_out(read, &inputs)?;
    let rated = nothing_left && rate(read, &mut run, (&inputs, closed.recovered))?;
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

/// Rates every subscription as it was rated. Gives whether all could be, from what the meter has,
/// and whether the statements here are those that come out.
fn rate(
    read: &mut Read<'_>,
    run: &mut Run,
    (inputs, recovered): (&Inputs, bool),
) -> Result<bool, Fault> {
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
        let range = (first.subscription.as_str(), last.subscription.as_str());
        let mut counts = counted(read, range, bound)?;
        let mut made = made(read, inputs.period, range)?;
        after.clone_from(&last.subscription);
        for row in rows {
            let made = made.remove(&row.subscription);
            if row.subject.is_empty() {
                let made = made.map(|text| StatementDocument::read(text.as_bytes()));
                whole &= made.is_none_or(|made| {
                    made.is_ok_and(|made| {
                        // Statements that were given up leave gaps.
                        run.take_recorded(&made) || recovered
                    })
                });
                continue;
            }
            let subject: Option<Subject> = serde_json::from_str(&row.subject).ok();
            let Some(subject) = subject.filter(|it| it.subscription == row.subscription) else {
                whole = false;
                continue;
            };
            let counted = counts.remove(&row.subscription).unwrap_or_default();
            let counted: Option<Usage> = usage_of(counted.counts).ok();
            whole &= counted.is_some_and(|counted| counted == subject.usage);
            for late in subject.owed.iter().chain(&subject.late) {
                whole &= now(read, &row.subscription, (late.period, bound.1))?
                    .is_some_and(|now| now == late.now);
            }
            let rated = run.rate(&subject);
            whole &= rated.is_ok_and(|rated| rated.map(|issued| issued.text) == made);
        }
    }
}

/// What the meter has of a month of a subscription up to a bound.
fn now(
    read: &mut Read<'_>,
    subscription: &str,
    bound: (Period, i64),
) -> Result<Option<Usage>, Fault> {
    let mut counted = counted(read, (subscription, subscription), bound)?;
    Ok(usage_of(counted.remove(subscription).unwrap_or_default().counts).ok())
}

/// The texts of the statements of a period, by their subscriptions.
fn made(
    read: &mut Read<'_>,
    period: Period,
    (first, last): (&str, &str),
) -> Result<BTreeMap<String, String>, Fault> {
    let made: Vec<(String, String)> = statements::table
        .filter(statements::side.eq(Side::Provider.as_str()))
        .filter(statements::period.eq(period.to_string()))
        .filter(statements::subscription.between(first, last))
        .select((statements::subscription, statements::document))
        .load(&mut **read)?;
    Ok(made.into_iter().collect())
}

/// Whether everything that was counted in a period up to the bound was rated or set aside.
fn nothing_is_left_out(read: &mut Read<'_>, inputs: &Inputs) -> Result<bool, Fault> {
    let (period, bound) = (inputs.period, inputs.ingest_to);
    let text = period.to_string();
    let rated = close_subjects::table
        .filter(close_subjects::period.eq(&text))
        .filter(close_subjects::subscription.eq(usage_months::subscription));
    let set_aside = parked::table
        .filter(parked::period.eq(&text))
        .filter(parked::subject.eq(usage_months::subscription));
    let others: Vec<String> = usage_months::table
        .filter(usage_months::period.eq(&text))
        .filter(not(exists(rated)).and(not(exists(set_aside))))
        .select(usage_months::subscription)
        .load(&mut **read)?;
    for subscription in others {
        if now(read, &subscription, (period, bound))?.is_none_or(|counted| !counted.is_empty()) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Divides again what this close divided. Gives whether what is not computed again fits.
fn divide(read: &mut Read<'_>, run: &mut Run, period: Period) -> Result<bool, Fault> {
    let text = period.to_string();
    let of_provider = split_documents::table
        .filter(split_documents::side.eq(DivisionSide::Provider.as_str()))
        .order((
            split_documents::period.asc(),
            split_documents::product.asc(),
            split_documents::agreement.asc(),
        ))
        .select(DivisionRow::as_select());
    // Of earlier months, then of its own.
    let mut rows: Vec<DivisionRow> =
        of_provider.filter(split_documents::made_in.eq(&text)).load(&mut **read)?;
    let of_now = split_documents::period.eq(&text).and(split_documents::made_in.is_null());
    rows.extend(of_provider.filter(of_now).load::<DivisionRow>(&mut **read)?);
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
        let own = takings.of(|operator| document.by_operator.contains_key(operator));
        fits &= own.is_ok_and(|own| run.divide(&own, &agreement, so_far).is_ok());
    }
    Ok(fits)
}
