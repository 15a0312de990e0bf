//! What a close rates: the subscriptions that were ever in force, page by page in the order of
//! their ids, each with what was counted for it up to the ingest bound. Counting is left to the
//! database; a page holds sums, never events.

use std::collections::BTreeMap;

use diesel::{
    dsl::sql,
    prelude::*,
    sql_types::{BigInt, Bool},
};
use lianshi_market::{
    agreement::Agreement,
    close::{Inputs, Subject},
    rating::{Count, LateUsage, Usage},
    subscription::Side,
};
use lianshi_registry::{
    id::NodeName,
    time::{Period, Timestamp},
    uscc::Uscc,
};

use super::periods::{BILLED, days, latest_closed};
use crate::{
    Fault, Read,
    schema::{subscriptions, usage_days, usage_events, usage_months},
};

/// Subscriptions rated at once: a few MiB with their agreements.
const PAGE_SUBSCRIPTIONS: i64 = 1000;

/// The provider's copies. Written as an expression, because SQLite would otherwise take an index on
/// the side and sort all that is left for every page, instead of walking the ids.
const PROVIDER_SIDE: &str = "side || '' = 'provider'";

/// Calls and units by subscription and operation.
type Sums = BTreeMap<(String, String), (i64, i64)>;
/// Usage of a page's subscriptions.
type UsageOf = BTreeMap<String, Usage>;

/// Walks through the subscriptions of a close.
pub(super) struct Pages {
    period: Period,
    ingest_to: i64,
    /// Ingest bound of the close before; later events of earlier periods are late. `None` for the
    /// first close.
    billed_to: Option<i64>,
    after: String,
    done: u64,
    total: u64,
    /// Calls of the period, and months with late usage, that must be met on the way.
    uncounted: (i64, i64),
}

impl Pages {
    /// Begins a walk for these inputs.
    pub(super) fn begin(read: &mut Read<'_>, inputs: &Inputs) -> Result<Self, Fault> {
        let previous = latest_closed(read, Some(inputs.period))?;
        let billed_to = previous.and_then(|view| view.closed).map(|closed| closed.ingest_to);
        let total: i64 = subscriptions::table
            .filter(subscriptions::side.eq(Side::Provider.as_str()))
            .filter(subscriptions::state.eq(BILLED[0]).or(subscriptions::state.eq(BILLED[1])))
            .filter(subscriptions::starts_at.lt(inputs.period.end().millis()))
            .count()
            .get_result(&mut **read)?;
        let calls: i64 = usage_months::table
            .filter(usage_months::period.eq(inputs.period.to_string()))
            .select(sql::<BigInt>("CAST(COALESCE(SUM(calls), 0) AS BIGINT)"))
            .first(&mut **read)?;
        let late = match billed_to {
            None => 0,
            Some(bound) => usage_months::table
                .filter(usage_months::last_seq.gt(bound))
                .filter(usage_months::period.lt(inputs.period.to_string()))
                .count()
                .get_result(&mut **read)?,
        };
        Ok(Self {
            period: inputs.period,
            ingest_to: inputs.ingest_to,
            billed_to,
            after: String::new(),
            done: 0,
            total: parsed(u64::try_from(total))?,
            uncounted: (calls, late),
        })
    }

    /// The next subscriptions; `None` when there are no more.
    pub(super) fn next(&mut self, read: &mut Read<'_>) -> Result<Option<Vec<Subject>>, Fault> {
        let rows: Vec<SubjectRow> = subscriptions::table
            .filter(sql::<Bool>(PROVIDER_SIDE))
            .filter(subscriptions::id.gt(&self.after))
            .filter(subscriptions::state.eq(BILLED[0]).or(subscriptions::state.eq(BILLED[1])))
            .filter(subscriptions::starts_at.lt(self.period.end().millis()))
            .order(subscriptions::id.asc())
            .limit(PAGE_SUBSCRIPTIONS)
            .select(SubjectRow::as_select())
            .load(&mut **read)?;
        let (Some(first), Some(last)) = (rows.first(), rows.last()) else { return Ok(None) };
        let range = (first.id.as_str(), last.id.as_str());
        let mut usage = counted(read, range, (self.period, self.ingest_to))?;
        let mut late = self.late(read, range)?;
        self.after.clone_from(&last.id);
        self.done += parsed(u64::try_from(rows.len()))?;
        let mut subjects = Vec::with_capacity(rows.len());
        for row in rows {
            let usage = usage.remove(&row.id).unwrap_or_default();
            let late = late.remove(&row.id).unwrap_or_default();
            let calls = usage.values().map(|count| count.calls).sum::<u64>();
            self.uncounted.0 -= parsed(i64::try_from(calls))?;
            self.uncounted.1 -= parsed(i64::try_from(late.len()))?;
            subjects.push(row.into_subject(usage, late)?);
        }
        Ok(Some(subjects))
    }

    /// How many subscriptions were walked past.
    pub(super) const fn done(&self) -> u64 {
        self.done
    }

    /// How many there are.
    pub(super) const fn total(&self) -> u64 {
        self.total
    }

    /// Every counted call of the period, and every month with late calls, was met: a call of a
    /// subscription that was never in force would be money nobody is billed.
    pub(super) fn check_all_counted(&self) -> Result<(), Fault> {
        match self.uncounted {
            (0, 0) => Ok(()),
            (calls, months) => Err(Fault::corrupt(
                "usage_months",
                format!("{calls} calls and {months} late months belong to no billed subscription"),
            )),
        }
    }

    fn late(
        &self,
        read: &mut Read<'_>,
        range: (&str, &str),
    ) -> Result<BTreeMap<String, Vec<LateUsage>>, Fault> {
        let Some(billed_to) = self.billed_to else { return Ok(BTreeMap::new()) };
        let months: Vec<(String, String)> = usage_months::table
            .filter(usage_months::subscription.between(range.0, range.1))
            .filter(usage_months::last_seq.gt(billed_to))
            .filter(usage_months::period.lt(self.period.to_string()))
            .order((usage_months::subscription.asc(), usage_months::period.asc()))
            .select((usage_months::subscription, usage_months::period))
            .load(&mut **read)?;
        let mut late: BTreeMap<String, Vec<LateUsage>> = BTreeMap::new();
        for (subscription, month) in months {
            let period = parsed(Period::parse(&month))?;
            let range = (subscription.as_str(), subscription.as_str());
            let mut at = |bound| -> Result<Usage, Fault> {
                let mut usage = counted(read, range, (period, bound))?;
                Ok(usage.remove(&subscription).unwrap_or_default())
            };
            let (before, now) = (at(billed_to)?, at(self.ingest_to)?);
            late.entry(subscription).or_default().push(LateUsage { period, before, now });
        }
        Ok(late)
    }
}

/// What was counted for a range of subscriptions in a month by events up to `bound`: the sums of
/// its days, less what came later.
fn counted(
    read: &mut Read<'_>,
    range: (&str, &str),
    (period, bound): (Period, i64),
) -> Result<UsageOf, Fault> {
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
    let mut sums: Sums = sums
        .into_iter()
        .map(|(subscription, operation, calls, units)| ((subscription, operation), (calls, units)))
        .collect();
    for (key, (calls, units)) in later(read, range, (period, bound))? {
        if let Some(sum) = sums.get_mut(&key) {
            sum.0 -= calls;
            sum.1 -= units;
        }
    }
    let mut usage = UsageOf::new();
    for ((subscription, operation), (calls, units)) in sums {
        let count =
            Count { calls: parsed(u64::try_from(calls))?, units: parsed(u64::try_from(units))? };
        if count != Count::default() {
            usage.entry(subscription).or_default().insert(operation, count);
        }
    }
    Ok(usage)
}

/// What events after `bound` added to a month: read from the events themselves, of the few
/// subscriptions that have any.
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
        for (operation, calls, units) in sums {
            later.insert((subscription.clone(), operation), (calls, units));
        }
    }
    Ok(later)
}

fn parsed<T, E: std::fmt::Display>(outcome: Result<T, E>) -> Result<T, Fault> {
    outcome.map_err(|error| Fault::corrupt("subscriptions", error))
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = subscriptions)]
struct SubjectRow {
    id: String,
    home_node: String,
    buyer_uscc: String,
    buyer_name: String,
    agreement: String,
    agreement_hash: Vec<u8>,
    ends_at: Option<i64>,
    ended_at: Option<i64>,
}

impl SubjectRow {
    fn into_subject(self, usage: Usage, late: Vec<LateUsage>) -> Result<Subject, Fault> {
        let agreement: Agreement = parsed(serde_json::from_str(&self.agreement))?;
        let ends_at = [self.ends_at, self.ended_at]
            .into_iter()
            .flatten()
            .map(Timestamp::from_millis)
            .fold(agreement.ends_at, Timestamp::min);
        Ok(Subject {
            subscription: self.id,
            agreement_hash: hex::encode(self.agreement_hash),
            home: parsed(NodeName::parse(&self.home_node))?,
            buyer: parsed(Uscc::known(&self.buyer_uscc))?,
            buyer_name: self.buyer_name,
            operator: agreement.operator,
            product: agreement.product,
            plan: agreement.terms.plan,
            purpose: agreement.terms.purpose,
            starts_at: agreement.starts_at,
            ends_at,
            usage,
            late,
        })
    }
}
