//! What was counted for subscriptions in a month up to a sequence of the meter, summed by the
//! database.

use std::collections::BTreeMap;

use diesel::{dsl::sql, prelude::*, sql_types::BigInt};
use lianshi_market::rating::{Count, Usage};
use lianshi_registry::time::Period;

use super::periods::days;
use crate::{
    Fault, Read,
    schema::{recalled_usage, usage_days, usage_events, usage_months},
};

/// Calls and units by subscription and operation.
type Sums = BTreeMap<(String, String), (i64, i64)>;
/// The same of one subscription.
pub(super) type Counts = BTreeMap<String, (i64, i64)>;

/// What was counted for a subscription in a month.
#[derive(Default)]
pub(super) struct Counted {
    /// Up to the bound.
    pub counts: Counts,
    /// Calls of all events, also beyond it: what the month itself must say.
    pub calls: i64,
}

/// Counts as the meter must have them: not below zero.
pub(super) fn usage_of(counts: Counts) -> Result<Usage, String> {
    let mut usage = Usage::new();
    for (operation, (calls, units)) in counts {
        let whole = |count: i64| {
            u64::try_from(count).map_err(|_| format!("`{operation}` was counted {count} times"))
        };
        let count = Count { calls: whole(calls)?, units: whole(units)? };
        if count != Count::default() {
            usage.insert(operation, count);
        }
    }
    Ok(usage)
}

/// What was counted for a range of subscriptions in a month by events up to `bound`: the sums of
/// its days, less what came later. The reads must be of one snapshot.
pub(super) fn counted(
    read: &mut Read<'_>,
    range: (&str, &str),
    (period, bound): (Period, i64),
) -> Result<BTreeMap<String, Counted>, Fault> {
    let (first_day, last_day) = days(period);
    let sums: Vec<(String, String, i64, i64)> = usage_days::table
        .filter(usage_days::subscription.between(range.0, range.1))
        .filter(usage_days::day.between(first_day, last_day))
        .group_by((usage_days::subscription, usage_days::operation))
        .select((
            usage_days::subscription,
            usage_days::operation,
            sql::<BigInt>("CAST(SUM(calls) AS BIGINT)"),
            sql::<BigInt>("CAST(SUM(units) AS BIGINT)"),
        ))
        .load(&mut **read)?;
    let later = later(read, range, (period, bound))?;
    let mut counted: BTreeMap<String, Counted> = BTreeMap::new();
    for (subscription, operation, calls, units) in sums {
        let key = (subscription, operation);
        let (later_calls, later_units) = later.get(&key).copied().unwrap_or_default();
        let (subscription, operation) = key;
        let of_subscription = counted.entry(subscription).or_default();
        of_subscription.calls += calls;
        of_subscription.counts.insert(operation, (calls - later_calls, units - later_units));
    }
    Ok(counted)
}

/// What events after `bound` added to a month, and counts that were recalled after it: read from
/// them themselves, of the few subscriptions that have any.
fn later(
    read: &mut Read<'_>,
    range: (&str, &str),
    (period, bound): (Period, i64),
) -> Result<Sums, Fault> {
    let touched: Vec<String> = usage_months::table
        .filter(usage_months::subscription.between(range.0, range.1))
        .filter(usage_months::period.eq(period.to_string()))
        .filter(usage_months::last_seq.gt(bound))
        .select(usage_months::subscription)
        .load(&mut **read)?;
    let mut later = Sums::new();
    for subscription in touched {
        let sums: Vec<(String, i64, i64)> = usage_events::table
            .filter(usage_events::subscription.eq(&subscription))
            .filter(usage_events::at.ge(period.start().millis()))
            .filter(usage_events::at.lt(period.end().millis()))
            .filter(usage_events::seq.gt(bound))
            .group_by(usage_events::operation)
            .select((
                usage_events::operation,
                sql::<BigInt>("COUNT(*)"),
                sql::<BigInt>("CAST(SUM(units) AS BIGINT)"),
            ))
            .load(&mut **read)?;
        let (first_day, last_day) = days(period);
        let recalled: Vec<(String, i64, i64)> = recalled_usage::table
            .filter(recalled_usage::subscription.eq(&subscription))
            .filter(recalled_usage::day.between(first_day, last_day))
            .filter(recalled_usage::seq.gt(bound))
            .select((recalled_usage::operation, recalled_usage::calls, recalled_usage::units))
            .load(&mut **read)?;
        for (operation, calls, units) in sums.into_iter().chain(recalled) {
            let sum = later.entry((subscription.clone(), operation)).or_default();
            *sum = (sum.0 + calls, sum.1 + units);
        }
    }
    Ok(later)
}
