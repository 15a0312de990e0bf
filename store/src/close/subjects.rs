//! What a close rates: the subscriptions that were ever in force, page by page in the order of
//! their ids, each with what was counted for it up to the ingest bound, and with the earlier months
//! that are still to be stated. Counting is left to the database; a page holds sums, never events,
//! and is read in one snapshot.

use std::collections::{BTreeMap, BTreeSet};

use diesel::{
    dsl::{exists, not, sql},
    prelude::*,
    sql_types::Bool,
};
use lianshi_market::{
    agreement::Agreement,
    close::{Inputs, Subject},
    rating::{LateUsage, Usage},
    subscription::Side,
};
use lianshi_registry::{
    id::NodeName,
    time::{Period, Timestamp},
    uscc::Uscc,
};

use super::{
    counts::{Counted, Counts, counted, usage_of},
    missed::{MissedMonth, missed},
    parked::OwedMonths,
    periods::{BILLED, latest_closed},
};
use crate::{
    Fault, Read,
    schema::{subscriptions, usage_months},
    subscriptions::PROVIDER_SIDE,
};

/// Subscriptions rated at once: a few MiB with their agreements.
const PAGE_SUBSCRIPTIONS: i64 = 1000;

/// A subscription that cannot be rated because of what is stored about it.
pub(super) struct Unreadable {
    pub subscription: String,
    /// Earlier months with late calls.
    pub late: Vec<Period>,
    /// What is wrong, in words.
    pub what: String,
}

/// An earlier month to be billed, or what is wrong with its counts.
type Month = Result<LateUsage, String>;

/// Walks through the subscriptions of a close.
pub(super) struct Pages<'a> {
    period: Period,
    ingest_to: i64,
    /// Ingest bound of the close before; later events of earlier periods are late. `None` for the
    /// first close.
    billed_to: Option<i64>,
    /// Months that were set aside before.
    owed: &'a OwedMonths,
    /// The period closed before, if any was.
    previous: Option<Period>,
    after: String,
    done: u64,
    total: u64,
}

impl<'a> Pages<'a> {
    /// Begins a walk for these inputs.
    pub(super) fn begin(
        read: &mut Read<'_>,
        inputs: &Inputs,
        owed: &'a OwedMonths,
    ) -> Result<Self, Fault> {
        let previous = latest_closed(read, Some(inputs.period))?;
        let closed_before = previous.as_ref().map(|view| view.period);
        let billed_to = previous.and_then(|view| view.closed).map(|closed| closed.ingest_to);
        let total: i64 = subscriptions::table
            .filter(subscriptions::side.eq(Side::Provider.as_str()))
            .filter(subscriptions::state.eq(BILLED[0]).or(subscriptions::state.eq(BILLED[1])))
            .filter(subscriptions::starts_at.lt(inputs.period.end().millis()))
            .count()
            .get_result(&mut **read)?;
        Ok(Self {
            period: inputs.period,
            ingest_to: inputs.ingest_to,
            billed_to,
            owed,
            previous: closed_before,
            after: String::new(),
            done: 0,
            total: parsed(u64::try_from(total))?,
        })
    }

    /// The next subscriptions; `None` when there are no more. What cannot be read of one is told
    /// in its place.
    pub(super) fn next(
        &mut self,
        read: &mut Read<'_>,
    ) -> Result<Option<Vec<Result<Subject, Unreadable>>>, Fault> {
        let rows: Vec<ContractRow> = subscriptions::table
            .filter(sql::<Bool>(PROVIDER_SIDE))
            .filter(subscriptions::id.gt(&self.after))
            .filter(subscriptions::state.eq(BILLED[0]).or(subscriptions::state.eq(BILLED[1])))
            .filter(subscriptions::starts_at.lt(self.period.end().millis()))
            .order(subscriptions::id.asc())
            .limit(PAGE_SUBSCRIPTIONS)
            .select(ContractRow::as_select())
            .load(&mut **read)?;
        let (Some(first), Some(last)) = (rows.first(), rows.last()) else { return Ok(None) };
        let range = (first.id.as_str(), last.id.as_str());
        let mut counts = counted(read, range, (self.period, self.ingest_to))?;
        let mut late = self.late(read, range)?;
        let contracts: Vec<(&str, Timestamp)> =
            rows.iter().map(|row| (row.id.as_str(), row.begins())).collect();
        let mut missed = missed(read, (self.period, self.previous), &contracts)?;
        let mut noted = self.noted(read, range)?;
        self.after.clone_from(&last.id);
        self.done += parsed(u64::try_from(rows.len()))?;
        let mut subjects = Vec::with_capacity(rows.len());
        for row in rows {
            let Counted { counts, calls } = counts.remove(&row.id).unwrap_or_default();
            let late = late.remove(&row.id).unwrap_or_default();
            let missed = missed.remove(&row.id).unwrap_or_else(|| Ok(Vec::new()));
            let noted = noted.remove(&row.id).unwrap_or_default();
            let subject = self.subject(read, row, (counts, late, missed))?;
            subjects.push(match subject {
                Ok(Subject { subscription, late, .. }) if noted != calls => {
                    let what = format!("its days count {calls} calls and its month {noted}");
                    let late = late.into_iter().map(|month| month.period).collect();
                    Err(Unreadable { subscription, late, what })
                }
                subject => subject,
            });
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

    /// Up to where earlier months were billed.
    pub(super) const fn billed_to(&self) -> Option<i64> {
        self.billed_to
    }

    /// Months with calls that belong to no billed subscription: money nobody would be billed for.
    /// Asked at the end; those that wait already are not told again.
    pub(super) fn strangers(&self, read: &mut Read<'_>) -> Result<Vec<(Period, String)>, Fault> {
        let billed = subscriptions::table
            .filter(subscriptions::id.eq(usage_months::subscription))
            .filter(subscriptions::side.eq(Side::Provider.as_str()))
            .filter(subscriptions::state.eq(BILLED[0]).or(subscriptions::state.eq(BILLED[1])))
            .filter(subscriptions::starts_at.lt(self.period.end().millis()));
        let unbilled = usage_months::table
            .filter(not(exists(billed)))
            .select((usage_months::period, usage_months::subscription));
        let mut months: BTreeSet<(String, String)> = BTreeSet::new();
        let of_now = usage_months::period.eq(self.period.to_string());
        months.extend(unbilled.filter(of_now).load::<(String, String)>(&mut **read)?);
        // Nothing is late for a first close. Asked by the sequence alone, which finds few months of
        // all there were.
        if let Some(billed_to) = self.billed_to {
            let since = usage_months::last_seq.gt(billed_to);
            months.extend(unbilled.filter(since).load::<(String, String)>(&mut **read)?);
        }
        let mut strangers = Vec::with_capacity(months.len());
        for (period, subscription) in months {
            let period = parsed(Period::parse(&period))?;
            let waits = self.owed.get(&subscription).is_some_and(|m| m.contains_key(&period));
            if period <= self.period && !waits {
                strangers.push((period, subscription));
            }
        }
        Ok(strangers)
    }

    /// Calls of the period as its months keep them: what the days must sum to.
    fn noted(
        &self,
        read: &mut Read<'_>,
        range: (&str, &str),
    ) -> Result<BTreeMap<String, i64>, Fault> {
        let months: Vec<(String, i64)> = usage_months::table
            .filter(usage_months::subscription.between(range.0, range.1))
            .filter(usage_months::period.eq(self.period.to_string()))
            .select((usage_months::subscription, usage_months::calls))
            .load(&mut **read)?;
        Ok(months.into_iter().collect())
    }

    /// Earlier months with calls that came after their close, by subscription.
    fn late(
        &self,
        read: &mut Read<'_>,
        range: (&str, &str),
    ) -> Result<BTreeMap<String, Vec<Period>>, Fault> {
        let Some(billed_to) = self.billed_to else { return Ok(BTreeMap::new()) };
        let months: Vec<(String, String)> = usage_months::table
            .filter(usage_months::subscription.between(range.0, range.1))
            .filter(usage_months::last_seq.gt(billed_to))
            .filter(usage_months::period.lt(self.period.to_string()))
            .order((usage_months::subscription.asc(), usage_months::period.asc()))
            .select((usage_months::subscription, usage_months::period))
            .load(&mut **read)?;
        let mut late: BTreeMap<String, Vec<Period>> = BTreeMap::new();
        for (subscription, month) in months {
            late.entry(subscription).or_default().push(parsed(Period::parse(&month))?);
        }
        Ok(late)
    }

    /// One subscription with everything counted for it.
    fn subject(
        &self,
        read: &mut Read<'_>,
        row: ContractRow,
        (counts, late, missed): (Counts, Vec<Period>, Result<Vec<MissedMonth>, String>),
    ) -> Result<Result<Subject, Unreadable>, Fault> {
        let id = row.id.clone();
        let missed = match missed {
            Ok(missed) => missed,
            Err(what) => return Ok(Err(Unreadable { subscription: id, late, what })),
        };
        let owed = self.owed.get(&id);
        let late: Vec<Period> = late
            .into_iter()
            .filter(|late| missed.iter().all(|month| month.period != *late))
            .filter(|period| owed.is_none_or(|months| !months.contains_key(period)))
            .collect();
        let mut months = Vec::with_capacity(late.len());
        for period in &late {
            months.push(self.month(read, &id, (*period, self.billed_to))?);
        }
        let mut waiting = Vec::new();
        for (month, owed) in owed.into_iter().flatten() {
            waiting.push(self.month(read, &id, (*month, owed.billed_to))?);
        }
        let mut new = Vec::with_capacity(missed.len());
        for MissedMonth { period, used } in missed {
            let (before, now) = (Usage::new(), Usage::new());
            let unused = LateUsage { period, fee_due: true, before, now };
            new.push(if used { self.month(read, &id, (period, None))? } else { Ok(unused) });
        }
        let built = row.into_subject(counts, (months, waiting, new));
        Ok(built.map_err(|what| Unreadable { subscription: id, late, what }))
    }

    /// A month of a subscription that is yet to be billed from `billed_to` on, or from its
    /// beginning.
    fn month(
        &self,
        read: &mut Read<'_>,
        subscription: &str,
        (period, billed_to): (Period, Option<i64>),
    ) -> Result<Month, Fault> {
        let mut at = |bound| -> Result<Counts, Fault> {
            let mut counted = counted(read, (subscription, subscription), (period, bound))?;
            Ok(counted.remove(subscription).unwrap_or_default().counts)
        };
        let before = billed_to.map(&mut at).transpose()?.unwrap_or_default();
        let now = at(self.ingest_to)?;
        let fee_due = billed_to.is_none();
        Ok(usage_of(before)
            .and_then(|before| Ok(LateUsage { period, fee_due, before, now: usage_of(now)? })))
    }
}

fn parsed<T, E: std::fmt::Display>(outcome: Result<T, E>) -> Result<T, Fault> {
    outcome.map_err(|error| Fault::corrupt("subscriptions", error))
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = subscriptions)]
struct ContractRow {
    id: String,
    home_node: String,
    buyer_uscc: String,
    buyer_name: String,
    agreement: String,
    agreement_hash: Vec<u8>,
    starts_at: Option<i64>,
    ends_at: Option<i64>,
    ended_at: Option<i64>,
    fees_end_at: Option<i64>,
}

impl ContractRow {
    /// First instant of its term.
    fn begins(&self) -> Timestamp {
        Timestamp::from_millis(self.starts_at.unwrap_or(i64::MAX))
    }

    /// The subject with its earlier months, late ones and those that wait; or what is wrong.
    fn into_subject(
        self,
        counts: Counts,
        (late, owed, missed): (Vec<Month>, Vec<Month>, Vec<Month>),
    ) -> Result<Subject, String> {
        let agreement: Agreement = serde_json::from_str(&self.agreement)
            .map_err(|error| format!("its agreement: {error}"))?;
        let ends_at = [self.ends_at, self.fees_end_at.or(self.ended_at)]
            .into_iter()
            .flatten()
            .map(Timestamp::from_millis)
            .fold(agreement.ends_at, Timestamp::min);
        let mut subject = Subject {
            subscription: self.id,
            agreement_hash: hex::encode(self.agreement_hash),
            home: NodeName::parse(&self.home_node).map_err(|error| error.to_string())?,
            buyer: Uscc::known(&self.buyer_uscc).map_err(|error| error.to_string())?,
            buyer_name: self.buyer_name,
            operator: agreement.operator,
            product: agreement.product,
            plan: agreement.terms.plan,
            purpose: agreement.terms.purpose,
            starts_at: agreement.starts_at,
            ends_at,
            usage: usage_of(counts)?,
            late: late.into_iter().collect::<Result<_, _>>()?,
            owed: Vec::new(),
        };
        // What of it still cannot be read goes on waiting, and holds up nothing else.
        for mut month in owed.into_iter().flatten() {
            month.fee_due &= subject.owes_fee_in(month.period);
            subject.owed.push(month);
        }
        for month in missed {
            let mut month = month?;
            month.fee_due &= subject.owes_fee_in(month.period);
            if month.fee_due || month.now != month.before {
                subject.owed.push(month);
            }
        }
        subject.owed.sort_by_key(|month| month.period);
        Ok(subject)
    }
}
