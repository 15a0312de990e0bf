//! Months of contracts that no close stated: a contract came into force after its month was closed,
//! or came back after a restore. They are stated by the next close.

use std::collections::{BTreeMap, BTreeSet};

use diesel::prelude::*;
use lianshi_registry::time::{Period, Timestamp};

use super::{drafts, parked};
use crate::{
    Fault, Read,
    schema::{close_subjects, usage_months},
};

/// A month no close stated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct MissedMonth {
    pub period: Period,
    /// Something was counted in it.
    pub used: bool,
}

/// The missed months of contracts by their ids, or what is wrong with what earlier closes kept.
pub(super) type Missed = BTreeMap<String, Result<Vec<MissedMonth>, String>>;

/// Looks for them before `period`, among contracts with their first instants, in the order of their
/// ids. What the close before rated had its earlier months looked at then.
pub(super) fn missed(
    read: &mut Read<'_>,
    (period, previous): (Period, Option<Period>),
    contracts: &[(&str, Timestamp)],
) -> Result<Missed, Fault> {
    let mut missed = Missed::new();
    let rated = rated(read, previous, contracts)?;
    for (id, starts_at) in contracts {
        let after_previous = previous.filter(|_| rated.contains(*id)).map(Period::next);
        let begun = starts_at.period().max(after_previous.unwrap_or(starts_at.period()));
        let months: Vec<Period> = std::iter::successors(Some(begun), |month| Some(month.next()))
            .take_while(|month| *month < period)
            .collect();
        if months.is_empty() {
            continue;
        }
        missed.insert((*id).to_owned(), of_contract(read, (id, months))?);
    }
    Ok(missed)
}

/// Those of some contracts that the close before rated.
fn rated(
    read: &mut Read<'_>,
    previous: Option<Period>,
    contracts: &[(&str, Timestamp)],
) -> Result<BTreeSet<String>, Fault> {
    let (Some(previous), Some((first, _)), Some((last, _))) =
        (previous, contracts.first(), contracts.last())
    else {
        return Ok(BTreeSet::new());
    };
    let rated: Vec<String> = close_subjects::table
        .filter(close_subjects::period.eq(previous.to_string()))
        .filter(close_subjects::subscription.between(first, last))
        .select(close_subjects::subscription)
        .load(&mut **read)?;
    Ok(rated.into_iter().collect())
}

fn of_contract(
    read: &mut Read<'_>,
    (id, mut months): (&str, Vec<Period>),
) -> Result<Result<Vec<MissedMonth>, String>, Fault> {
    let stated = match drafts::months_of(read, (&months, id))? {
        Ok(stated) => stated,
        Err(what) => return Ok(Err(what)),
    };
    let set_aside = parked::months_of(read, id)?;
    months.retain(|month| !stated.contains(month) && !set_aside.contains(month));
    let used: Vec<String> = usage_months::table
        .filter(usage_months::subscription.eq(id))
        .select(usage_months::period)
        .load(&mut **read)?;
    let is_used = |month: Period| used.contains(&month.to_string());
    Ok(Ok(months.into_iter().map(|period| MissedMonth { period, used: is_used(period) }).collect()))
}
