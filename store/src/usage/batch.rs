//! One batch of calls inside its transaction: counters are read once and written once, however many
//! calls touch them.

use std::collections::BTreeMap;

use diesel::prelude::*;
use lianshi_registry::{id::NodeName, time::Period};

use super::{
    buyer::{self, BuyerKey, Counts},
    meter::{Comparison, MeterRefusal, Metered, Metering, answer_of},
    stored,
    subject::{Secrets, Subject},
};
use crate::{
    db::{Read, Write},
    dialect::{BULK_ROWS_MAX, insert_all, insert_if_absent},
    fault::Fault,
    schema::{idempotent_answers, recalled_usage, usage_days, usage_events, usage_months},
};

#[derive(Insertable)]
#[diesel(table_name = usage_events)]
struct EventRow {
    gateway: String,
    seq: i64,
    subscription: String,
    product: String,
    operation: String,
    at: i64,
    day: String,
    request_id: String,
    key_id: String,
    outcome: String,
    units: i64,
}

#[derive(Insertable)]
#[diesel(table_name = idempotent_answers)]
struct AnswerRow {
    subscription: String,
    idempotency_key: String,
    body_hash: Vec<u8>,
    status: i64,
    answer: Vec<u8>,
    seq: i64,
    at: i64,
}

/// The counts of a subscription in a month.
#[derive(Clone, Copy, Default)]
pub(super) struct Month {
    stored: bool,
    pub calls: i64,
    pub units: i64,
    pub last_seq: i64,
}

/// What is added to the counts of a subscription and operation on a day.
#[derive(Clone, Copy, Default)]
pub(super) struct Day {
    pub calls: i64,
    pub units: i64,
    pub last_seq: i64,
}

/// What a batch will write, gathered so that each counter is read and written once however many
/// calls touch it.
pub(super) struct Batch {
    gateway: String,
    last_seq: i64,
    events: Vec<EventRow>,
    buyers: BTreeMap<BuyerKey, Counts>,
    secrets: Secrets,
    months: BTreeMap<(String, Period), Month>,
    days: BTreeMap<(String, String, String), Day>,
}

impl Batch {
    pub(super) fn begin(write: &mut Write<'_>, gateway: &NodeName) -> Result<Self, Fault> {
        let gateway = gateway.to_string();
        let last_seq = last_seq(&mut write.as_read(), &gateway)?;
        Ok(Self {
            gateway,
            last_seq,
            events: Vec::new(),
            buyers: BTreeMap::new(),
            secrets: Secrets::default(),
            months: BTreeMap::new(),
            days: BTreeMap::new(),
        })
    }

    pub(super) fn take(
        &mut self,
        write: &mut Write<'_>,
        call: &Metering,
    ) -> Result<Metered, Fault> {
        if let Some(idempotency) = &call.idempotency
            && let Some(known) = answer_of(&mut write.as_read(), &call.subscription, idempotency)?
        {
            return Ok(known);
        }
        let key = BuyerKey::of(call);
        let mut counts = match self.buyers.get(&key) {
            Some(counts) => *counts,
            None => buyer::load(&mut write.as_read(), &key)?,
        };
        if let Err(refusal) = self.admit(write, call, (&key, &mut counts))? {
            return Ok(Metered::Refused(refusal));
        }
        self.last_seq += 1;
        counts.calls += 1;
        // The included calls are the buyer's first ones of the month, whichever subscription they
        // came through.
        let units = if counts.included < stored(call.included_calls) {
            counts.included += 1;
            0
        } else {
            stored(call.units)
        };
        self.buyers.insert(key, counts);
        self.keep_event(write, call, units)?;
        let calls_this_month = u64::try_from(counts.calls).unwrap_or_default();
        let seq = u64::try_from(self.last_seq).unwrap_or_default();
        Ok(Metered::Recorded { seq, calls_this_month })
    }

    /// Holds a call against what its buyer used of the product, and keeps the subject it is about.
    fn admit(
        &mut self,
        write: &mut Write<'_>,
        call: &Metering,
        (key, counts): (&BuyerKey, &mut Counts),
    ) -> Result<Result<(), MeterRefusal>, Fault> {
        let resets_at = key.resets_at();
        if counts.calls >= stored(call.calls_per_month_max) {
            let max = call.calls_per_month_max;
            return Ok(Err(MeterRefusal::QuotaUsed { max, resets_at }));
        }
        let Some(claim) = &call.subject else { return Ok(Ok(())) };
        let subject = self.secrets.subject(write, key, claim)?;
        if subject.known.is_none() && counts.subjects >= stored(claim.per_month_max) {
            let max = claim.per_month_max;
            return Ok(Err(MeterRefusal::SubjectBudgetUsed { max, resets_at }));
        }
        let has_failed = match &claim.comparison {
            None => false,
            Some(comparison) => match guess(comparison, (&subject, &*counts), key) {
                Ok(has_failed) => has_failed,
                Err(refusal) => return Ok(Err(refusal)),
            },
        };
        subject.keep(write, key, has_failed)?;
        counts.subjects += i64::from(subject.known.is_none());
        counts.mismatches += i64::from(has_failed);
        Ok(Ok(()))
    }

    fn month(
        &mut self,
        write: &mut Write<'_>,
        subscription: &str,
        period: Period,
    ) -> Result<Month, Fault> {
        if let Some(month) = self.months.get(&(subscription.to_owned(), period)) {
            return Ok(*month);
        }
        load_month(&mut write.as_read(), subscription, period)
    }

    fn keep_event(
        &mut self,
        write: &mut Write<'_>,
        call: &Metering,
        units: i64,
    ) -> Result<(), Fault> {
        let period = call.at.period();
        let mut month = self.month(write, &call.subscription, period)?;
        month.calls += 1;
        month.units = month.units.saturating_add(units);
        month.last_seq = self.last_seq;
        self.months.insert((call.subscription.clone(), period), month);
        let day = call.at.date().to_string();
        let key = (call.subscription.clone(), day.clone(), call.operation.clone());
        let count = self.days.entry(key).or_default();
        count.calls += 1;
        count.units = count.units.saturating_add(units);
        count.last_seq = self.last_seq;
        self.events.push(EventRow {
            gateway: self.gateway.clone(),
            seq: self.last_seq,
            subscription: call.subscription.clone(),
            product: call.product.clone(),
            operation: call.operation.clone(),
            at: call.at.millis(),
            day,
            request_id: call.request_id.clone(),
            key_id: call.key_id.clone(),
            outcome: call.outcome.clone(),
            units,
        });
        let Some(idempotency) = &call.idempotency else { return Ok(()) };
        // Written at once, so that a twin later in the same batch finds it.
        diesel::insert_into(idempotent_answers::table)
            .values(AnswerRow {
                subscription: call.subscription.clone(),
                idempotency_key: idempotency.key.clone(),
                body_hash: idempotency.body_hash.to_vec(),
                status: i64::from(call.status),
                answer: call.answer.clone(),
                seq: self.last_seq,
                at: call.at.millis(),
            })
            .execute(&mut **write)?;
        Ok(())
    }

    pub(super) fn save(self, write: &mut Write<'_>) -> Result<(), Fault> {
        let mut events = self.events;
        while !events.is_empty() {
            let rest = events.split_off(events.len().min(BULK_ROWS_MAX));
            insert_all!(write, usage_events::table, &events)?;
            events = rest;
        }
        for (key, counts) in &self.buyers {
            buyer::save(write, key, counts)?;
        }
        for ((subscription, period), month) in &self.months {
            save_month(write, subscription, *period, month)?;
        }
        for ((subscription, day, operation), count) in &self.days {
            add_day(write, (subscription, day, operation), count)?;
        }
        Ok(())
    }
}

/// Whether a comparison failed, unless so many did that nothing more is told: a right guess is then
/// refused like a wrong one.
fn guess(
    comparison: &Comparison,
    (subject, counts): (&Subject, &Counts),
    key: &BuyerKey,
) -> Result<bool, MeterRefusal> {
    let resets_at = key.resets_at();
    let Comparison { has_failed, per_subject_max, per_buyer_max } = *comparison;
    if subject.known.unwrap_or(0) >= stored(per_subject_max) {
        return Err(MeterRefusal::SubjectGuessesUsed { max: per_subject_max, resets_at });
    }
    if counts.mismatches >= stored(per_buyer_max) {
        return Err(MeterRefusal::GuessesUsed { max: per_buyer_max, resets_at });
    }
    Ok(has_failed)
}

/// The sequence that was given last, to a call or to a count that was recalled.
pub(super) fn last_seq(read: &mut Read<'_>, gateway: &str) -> Result<i64, Fault> {
    let metered: Option<i64> = usage_events::table
        .filter(usage_events::gateway.eq(gateway))
        .order(usage_events::seq.desc())
        .select(usage_events::seq)
        .first(&mut **read)
        .optional()?;
    let recalled: Option<i64> = recalled_usage::table
        .filter(recalled_usage::gateway.eq(gateway))
        .order(recalled_usage::seq.desc())
        .select(recalled_usage::seq)
        .first(&mut **read)
        .optional()?;
    Ok(metered.max(recalled).unwrap_or(0))
}

pub(super) fn load_month(
    read: &mut Read<'_>,
    subscription: &str,
    period: Period,
) -> Result<Month, Fault> {
    let row: Option<(i64, i64, i64)> = usage_months::table
        .filter(usage_months::subscription.eq(subscription))
        .filter(usage_months::period.eq(period.to_string()))
        .select((usage_months::calls, usage_months::units, usage_months::last_seq))
        .first(&mut **read)
        .optional()?;
    Ok(row.map_or_else(Month::default, |(calls, units, last_seq)| Month {
        stored: true,
        calls,
        units,
        last_seq,
    }))
}

pub(super) fn save_month(
    write: &mut Write<'_>,
    subscription: &str,
    period: Period,
    month: &Month,
) -> Result<(), Fault> {
    let counts = (
        usage_months::calls.eq(month.calls),
        usage_months::units.eq(month.units),
        usage_months::last_seq.eq(month.last_seq),
    );
    if month.stored {
        diesel::update(usage_months::table)
            .filter(usage_months::subscription.eq(subscription))
            .filter(usage_months::period.eq(period.to_string()))
            .set(counts)
            .execute(&mut **write)?;
    } else {
        let key = (
            usage_months::subscription.eq(subscription),
            usage_months::period.eq(period.to_string()),
        );
        diesel::insert_into(usage_months::table).values((key, counts)).execute(&mut **write)?;
    }
    Ok(())
}

pub(super) fn add_day(
    write: &mut Write<'_>,
    (subscription, day, operation): (&str, &str, &str),
    count: &Day,
) -> Result<(), Fault> {
    let updated = diesel::update(usage_days::table)
        .filter(usage_days::subscription.eq(subscription))
        .filter(usage_days::day.eq(day))
        .filter(usage_days::operation.eq(operation))
        .set((
            usage_days::calls.eq(usage_days::calls + count.calls),
            usage_days::units.eq(usage_days::units + count.units),
            usage_days::last_seq.eq(count.last_seq),
        ))
        .execute(&mut **write)?;
    if updated > 0 {
        return Ok(());
    }
    insert_if_absent!(
        write,
        usage_days::table,
        (
            usage_days::subscription.eq(subscription),
            usage_days::day.eq(day),
            usage_days::operation.eq(operation),
            usage_days::calls.eq(count.calls),
            usage_days::units.eq(count.units),
            usage_days::last_seq.eq(count.last_seq),
        )
    )?;
    Ok(())
}
