//! Closing a closed period again, in the mind only: from its pinned inputs the same statements,
//! divisions and result hash must come out, whatever arrived since. Only divisions that still
//! carried fractions of a fen are taken as recorded.

use diesel::prelude::*;
use lianshi_market::{
    close::{Inputs, Run},
    split::Agreement,
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
    /// Divisions that are not computed again divide what was invoiced.
    pub carried_fit: bool,
}

impl Recomputed {
    /// Whether both are the same, and all adds up.
    pub fn fits(&self) -> bool {
        self.sealed == self.computed && self.carried_fit
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
    let mut fits = true;
    for row in rows {
        let document = row.read()?;
        let Some((so_far, _)) = document.stretch() else {
            fits &= run.take_carried(&document);
            continue;
        };
        let agreement = Agreement::recorded(document.agreement.clone(), &document.parts);
        run.divide(&document.product, &agreement, so_far).map_err(close_fault)?;
    }
    let computed = hex::encode(run.finish().result_hash);
    Ok(Some(Recomputed { sealed: closed.result_hash, computed, carried_fit: fits }))
}
