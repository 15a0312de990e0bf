//! Closing a closed period again, in the mind only: from its pinned inputs the same statements,
//! divisions and result hash must come out, whatever arrived since. Only divisions that still
//! carried fractions of a fen are taken as recorded.

use std::collections::BTreeSet;

use diesel::prelude::*;
use lianshi_market::{
    close::{Inputs, Parked, ParkedKind, Run, Subject, Takings},
    split::Agreement,
};
use lianshi_registry::time::Period;

use super::{
    parked::{Waiting, parked_in},
    periods,
    subjects::{Pages, Unreadable},
};
use crate::{
    Fault, Read, Site,
    allocations::{DivisionRow, DivisionSide},
    schema::split_documents,
};

/// What a recomputation found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recomputed {
    /// The result hash that was sealed, in hexadecimal.
    pub sealed: String,
    /// The one the pinned inputs give.
    pub computed: String,
    /// Nothing was missing or unreadable on the way, and divisions that are not computed again
    /// divide what was invoiced.
    pub whole: bool,
}

impl Recomputed {
    /// Whether both are the same, and all adds up.
    pub fn fits(&self) -> bool {
        self.sealed == self.computed && self.whole
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
    let waiting = Waiting::load(read, period, true)?;
    let parked: Vec<Parked> =
        parked_in(read, period)?.into_iter().map(|view| view.parked).collect();
    let rated = rate(read, &mut run, (&inputs, &waiting, &parked))?;
    let divided = divide(read, &mut run, (period, &waiting))?;
    for parked in parked {
        run.park(parked);
    }
    let computed = hex::encode(run.finish().result_hash);
    Ok(Some(Recomputed { sealed: closed.result_hash, computed, whole: rated && divided }))
}

/// Rates every subscription that was not set aside. Gives whether all could be.
fn rate(
    read: &mut Read<'_>,
    run: &mut Run,
    (inputs, waiting, parked): (&Inputs, &Waiting, &[Parked]),
) -> Result<bool, Fault> {
    let aside: BTreeSet<&str> = parked
        .iter()
        .filter(|parked| parked.kind == ParkedKind::Statement)
        .map(|parked| parked.subject.as_str())
        .collect();
    let mut pages = Pages::begin(read, inputs, &waiting.months)?.again();
    let mut whole = true;
    while let Some(subjects) = pages.next(read)? {
        for subject in subjects {
            let (Ok(Subject { subscription: id, .. }) | Err(Unreadable { subscription: id, .. })) =
                &subject;
            if !aside.contains(id.as_str()) {
                whole &= subject.is_ok_and(|subject| run.rate(&subject).is_ok());
            }
        }
    }
    Ok(whole)
}

/// Divides again what this close divided. Gives whether what is not computed again fits.
fn divide(
    read: &mut Read<'_>,
    run: &mut Run,
    (period, waiting): (Period, &Waiting),
) -> Result<bool, Fault> {
    let text = period.to_string();
    let made_now = split_documents::made_in.is_null().and(split_documents::period.eq(&text));
    let rows: Vec<DivisionRow> = split_documents::table
        .filter(split_documents::side.eq(DivisionSide::Provider.as_str()))
        .filter(split_documents::made_in.eq(&text).or(made_now))
        .order((split_documents::period.asc(), split_documents::product.asc()))
        .select(DivisionRow::as_select())
        .load(&mut **read)?;
    let takings: Vec<Takings> = waiting.takings.iter().cloned().chain(run.takings()).collect();
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
