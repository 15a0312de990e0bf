//! Closing a closed period again, in the mind only: from its pinned inputs the same statements,
//! divisions and result hash must come out, whatever arrived since.

use diesel::prelude::*;
use lianshi_market::{
    close::{Inputs, Run},
    split::{Agreement, Carries},
};
use lianshi_registry::time::Period;

use super::{close_fault, periods, subjects::Pages};
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
}

impl Recomputed {
    /// Whether they are the same.
    pub fn fits(&self) -> bool {
        self.sealed == self.computed
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
    let mut pages = Pages::begin(read, &inputs)?;
    while let Some(subjects) = pages.next(read)? {
        for subject in &subjects {
            run.rate(subject).map_err(close_fault)?;
        }
    }
    let rows: Vec<DivisionRow> = split_documents::table
        .filter(split_documents::side.eq(DivisionSide::Provider.as_str()))
        .filter(split_documents::period.eq(period.to_string()))
        .order(split_documents::product.asc())
        .select(DivisionRow::as_select())
        .load(&mut **read)?;
    for row in rows {
        let document = row.read()?;
        let agreement = Agreement::recorded(document.agreement.clone(), &document.parts);
        let carry = |part: &lianshi_market::split::Part| {
            (part.party.uscc.clone(), part.explanation.carry_before)
        };
        let mut carries: Carries = document.parts.iter().map(carry).collect();
        run.divide(&document.product, &agreement, &mut carries).map_err(close_fault)?;
    }
    let computed = hex::encode(run.finish().result_hash);
    Ok(Some(Recomputed { sealed: closed.result_hash, computed }))
}
