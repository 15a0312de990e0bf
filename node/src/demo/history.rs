//! The demo's past: three months of calls, metered as the gateway meters them, each at its own
//! time.

use lianshi_market::subscription::SubscriptionId;
use lianshi_registry::{
    id::RegistrationNumber,
    time::{Date, Period, Timestamp},
    uscc::Uscc,
};
use lianshi_store::{
    Fault, Site,
    usage::{self, Metered, Metering, OUTCOME_ANSWERED},
};

/// The full months of a demo's past; the running one follows them.
#[derive(Debug, Clone, Copy)]
pub struct Months {
    /// Closed.
    pub oldest: Period,
    /// Over, waiting to be closed.
    pub last_full: Period,
}

impl Months {
    /// Seen from an instant.
    pub fn at(now: Timestamp) -> Self {
        let last_full = now.period().previous();
        Self { oldest: last_full.previous(), last_full }
    }

    /// When the nodes were founded: the last full week before the oldest month.
    pub fn founding(self) -> Timestamp {
        self.oldest.start().plus_millis(-7 * DAY_MS + 9 * HOUR_MS)
    }
}

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
/// Business hours calls are spread over.
const OPEN_HOURS: u64 = 10;

/// A subscription with calls to be made in its name.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The subscription.
    pub subscription: SubscriptionId,
    /// Its buyer.
    pub buyer: Uscc,
    /// The product.
    pub product: RegistrationNumber,
    /// The operation.
    pub operation: String,
    /// The key.
    pub key_id: String,
    /// Calls on an ordinary working day.
    pub calls_per_day: u64,
    /// Calls a month that the plan includes.
    pub included_calls: u64,
    /// Most calls in a month, from the plan.
    pub calls_per_month_max: u64,
}

/// Meters a day's calls of all callers in one group, as a busy gateway would.
pub fn meter_day(
    site: &Site,
    day: Date,
    until: Timestamp,
    callers: &[Caller],
) -> anyhow::Result<u64> {
    let mut batch = Vec::new();
    for caller in callers {
        for index in 0..calls_on(day, caller) {
            let at = moment(day, index, caller);
            if at < until {
                batch.push(metering(caller, day, index, at));
            }
        }
    }
    batch.sort_by_key(|call| call.at);
    let outcomes: Vec<Metered> =
        site.db.write(|write| usage::meter(write, &site.node, &batch)).map_err(fault)?;
    let recorded = outcomes.iter().filter(|one| matches!(one, Metered::Recorded { .. })).count();
    Ok(u64::try_from(recorded)?)
}

fn fault(fault: Fault) -> anyhow::Error {
    fault.into()
}

fn metering(caller: &Caller, day: Date, index: u64, at: Timestamp) -> Metering {
    Metering {
        subscription: caller.subscription.to_string(),
        buyer: caller.buyer.to_string(),
        product: caller.product.to_string(),
        operation: caller.operation.clone(),
        at,
        request_id: format!("demo-{day}-{}-{index}", caller.key_id),
        key_id: caller.key_id.clone(),
        outcome: OUTCOME_ANSWERED.to_owned(),
        units: 1,
        included_calls: caller.included_calls,
        calls_per_month_max: caller.calls_per_month_max,
        subject: None,
        idempotency: None,
        status: 200,
        answer: Vec::new(),
    }
}

/// How many calls: fewer at the ends of a week, and a wave over the month, from the date alone.
fn calls_on(day: Date, caller: &Caller) -> u64 {
    let number = u64::try_from(day.start().millis() / DAY_MS).unwrap_or(0);
    let wave = (number * 7 + 3) % 5;
    let ordinary = caller.calls_per_day + wave * caller.calls_per_day / 10;
    // Day 0 of the epoch was a Thursday; days 2 and 3 of such a week are Saturday and Sunday.
    if matches!(number % 7, 2 | 3) { ordinary / 4 } else { ordinary }
}

fn moment(day: Date, index: u64, caller: &Caller) -> Timestamp {
    let spread = OPEN_HOURS * 3600 / calls_on(day, caller).max(1);
    let seconds = i64::try_from(index * spread + index % 37).unwrap_or(0);
    day.start().plus_millis(8 * HOUR_MS + seconds * 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_months_of_a_past_follow_each_other() {
        let now = Timestamp::parse("2026-01-05T00:00:00Z").expect("a time");
        let months = Months::at(now);
        assert_eq!(months.oldest.to_string(), "2025-11");
        assert_eq!(months.last_full.to_string(), "2025-12");
        assert!(months.founding() < months.oldest.start());
    }
}
