//! Usage as the provider counts it and reports it to the home node: one count for each day and
//! operation of a subscription. A report carries whole counts, never differences, so that a lost,
//! repeated or late one does no harm.

use std::collections::BTreeMap;

use lianshi_registry::{
    id::NodeName,
    text::Kind,
    time::{Date, Timestamp},
};
use serde::{Deserialize, Serialize};

/// Kind of the sealed message and of the outbox row.
pub const REPORT_KIND: &str = "usage.report";
/// Version of the report's format.
pub const REPORT_VERSION: u32 = 1;
/// Days one report goes back: a little over a year, so that every month a statement can still name
/// is inside. With eight operations a day it stays below the limit of a sealed payload.
pub const REPORT_DAYS_MAX: i64 = 400;
/// Most counts in one report: keeps it below 256 KiB; older days are left out first.
pub const REPORT_COUNTS_MAX: usize = 2_400;

/// Most calls of one day and operation that a report may tell of: ten million in each second. Sums
/// of as many as a report has stay far from the end of whole numbers.
pub const DAY_CALLS_MAX: u64 = 1 << 40;

/// What one subscription used on one day through one operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DayCount {
    /// The civil day in Asia/Shanghai.
    pub day: Date,
    /// The operation.
    pub operation: String,
    /// Calls answered.
    pub calls: u64,
    /// Units charged for: the calls less those a plan includes.
    pub units: u64,
}

/// The payload of a sealed usage report, provider to home.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UsageReport {
    /// [`REPORT_VERSION`].
    pub v: u32,
    /// The subscription.
    pub subscription: String,
    /// The node that served the calls.
    pub provider: NodeName,
    /// When the counts were read.
    pub as_of: Timestamp,
    /// Sequence of the newest event counted: a report never replaces one with a higher sequence.
    pub last_seq: u64,
    /// The counts, oldest first.
    pub days: Vec<DayCount>,
}

/// Sum of calls, saturating: counts never come near the limit.
pub fn total_calls(days: &[DayCount]) -> u64 {
    days.iter().fold(0, |sum, day| sum.saturating_add(day.calls))
}

/// A count that fell. Usage is only ever added to, so a provider that reports less than it once did
/// has lost records, most likely because it was restored from a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recount {
    /// Calls known before, over the days the report speaks of.
    pub before: u64,
    /// Calls reported for them now.
    pub now: u64,
}

impl UsageReport {
    /// What is wrong with its form, in words, if something is.
    pub fn ensure_sound(&self) -> Result<(), String> {
        if self.v != REPORT_VERSION || self.days.len() > REPORT_COUNTS_MAX {
            return Err("version or length".to_owned());
        }
        for count in &self.days {
            let operation = Kind::Code.check(&count.operation);
            operation.map_err(|error| format!("`operation` {error}"))?;
            if count.units > count.calls {
                return Err("more units than calls".to_owned());
            }
            if count.calls > DAY_CALLS_MAX {
                return Err("more calls than a day has".to_owned());
            }
        }
        Ok(())
    }

    /// What its maker counted by it and has no record of any more: for each day and operation of
    /// which it has more calls than are `held`, the difference, oldest first. Nothing is ever
    /// taken back of what is held, and no difference has more units than calls.
    pub fn beyond(&self, held: &[DayCount]) -> Vec<DayCount> {
        let by_place = |days: &[DayCount]| {
            let mut counts: BTreeMap<(Date, String), (u64, u64)> = BTreeMap::new();
            for day in days {
                let count = counts.entry((day.day, day.operation.clone())).or_default();
                *count = (count.0.max(day.calls), count.1.max(day.units));
            }
            counts
        };
        let held = by_place(held);
        let reported = by_place(&self.days).into_iter();
        let beyond = reported.filter_map(|((day, operation), (calls, units))| {
            let held = held.get(&(day, operation.clone())).copied().unwrap_or_default();
            let calls = calls.saturating_sub(held.0);
            let units = units.saturating_sub(held.1).min(calls);
            (calls > 0).then_some(DayCount { day, operation, calls, units })
        });
        beyond.collect()
    }

    /// The first day the report speaks of; days before it stay as they were reported.
    pub fn first_day(&self) -> Date {
        let oldest = self.as_of.date().plus_days(-REPORT_DAYS_MAX);
        self.days.first().map_or(oldest, |count| count.day)
    }

    /// What the report takes back of the counts known before; `None` while every one of them stands
    /// or grew.
    pub fn recount(&self, known: &[DayCount]) -> Option<Recount> {
        let since = self.first_day();
        let spoken_of: Vec<&DayCount> = known.iter().filter(|count| count.day >= since).collect();
        let now = |of: &DayCount| {
            let same = |one: &&DayCount| one.day == of.day && one.operation == of.operation;
            self.days.iter().find(same).map_or(0, |count| count.calls)
        };
        let fell = spoken_of.iter().any(|count| now(count) < count.calls);
        fell.then(|| Recount {
            before: spoken_of.iter().fold(0, |sum, count| sum.saturating_add(count.calls)),
            now: total_calls(&self.days),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(day: &str, operation: &str, calls: u64) -> DayCount {
        let day = Date::parse(day).expect(day);
        DayCount { day, operation: operation.to_owned(), calls, units: calls }
    }

    fn report(days: Vec<DayCount>) -> UsageReport {
        UsageReport {
            v: REPORT_VERSION,
            subscription: "S-1".to_owned(),
            provider: NodeName::parse("yinzhou").expect("a name"),
            as_of: Timestamp::parse("2026-11-21T03:00:00Z").expect("a time"),
            last_seq: 9,
            days,
        }
    }

    #[test]
    fn counts_that_stand_or_grow_take_nothing_back() {
        let known = [count("2026-11-20", "verify", 5), count("2026-11-21", "verify", 2)];
        assert_eq!(report(known.to_vec()).recount(&known), None);
        let grown = vec![
            count("2026-11-20", "verify", 5),
            count("2026-11-21", "list", 1),
            count("2026-11-21", "verify", 3),
        ];
        assert_eq!(report(grown.clone()).recount(&known), None);
        assert_eq!(report(grown).recount(&[]), None);
    }

    #[test]
    fn a_count_that_fell_is_told_even_where_others_grew() {
        let known = [count("2026-11-20", "verify", 5), count("2026-11-21", "verify", 2)];
        let shrunk =
            report(vec![count("2026-11-20", "verify", 4), count("2026-11-21", "verify", 9)]);
        assert_eq!(shrunk.recount(&known), Some(Recount { before: 7, now: 13 }));
        let gone = report(vec![count("2026-11-20", "verify", 5)]);
        assert_eq!(gone.recount(&known), Some(Recount { before: 7, now: 5 }));
        assert_eq!(report(vec![]).recount(&known), Some(Recount { before: 7, now: 0 }));
    }

    #[test]
    fn what_is_recalled_is_what_was_reported_and_is_not_held() {
        let days = vec![count("2026-11-20", "verify", 5), count("2026-11-21", "list", 2)];
        let reported = report(days.clone());
        assert_eq!(reported.beyond(&[]), days);
        assert_eq!(reported.beyond(&days), []);
        let held = [count("2026-11-20", "verify", 3), count("2026-11-21", "list", 9)];
        assert_eq!(reported.beyond(&held), [count("2026-11-20", "verify", 2)]);
        assert_eq!(reported.ensure_sound(), Ok(()));
        let twice =
            report(vec![count("2026-11-20", "verify", 5), count("2026-11-20", "verify", 4)]);
        assert_eq!(twice.beyond(&[]), [count("2026-11-20", "verify", 5)], "a day counts once");
    }

    /// Whatever is reported and held: together they are the larger of both, nothing is lowered, and
    /// what was recalled once is not recalled again.
    #[test]
    fn whatever_is_held_nothing_is_lowered_and_nothing_recalled_twice() {
        let mut seed = 7_u64;
        let mut below = |bound: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 33) % bound
        };
        let some = |below: &mut dyn FnMut(u64) -> u64| -> Vec<DayCount> {
            let mut days = Vec::new();
            for day in ["2026-11-20", "2026-11-21", "2026-12-01"] {
                for operation in ["list", "verify"] {
                    let calls = below(4) * below(1 << 40);
                    let units = if calls == 0 { 0 } else { below(calls + 1) };
                    if calls > 0 {
                        days.push(DayCount { units, ..count(day, operation, calls) });
                    }
                }
            }
            days
        };
        let of = |days: &[DayCount], at: &DayCount| {
            let same = |one: &&DayCount| one.day == at.day && one.operation == at.operation;
            days.iter().find(same).map_or((0, 0), |one| (one.calls, one.units))
        };
        for _ in 0..2_000 {
            let (reported, held) = (report(some(&mut below)), some(&mut below));
            let beyond = reported.beyond(&held);
            let mut then = held.clone();
            for more in &beyond {
                assert!(more.calls > 0 && more.units <= more.calls, "{more:?}");
                let same =
                    |one: &&mut DayCount| one.day == more.day && one.operation == more.operation;
                match then.iter_mut().find(same) {
                    Some(one) => {
                        (one.calls, one.units) = (one.calls + more.calls, one.units + more.units);
                    }
                    None => then.push(more.clone()),
                }
            }
            for at in held.iter().chain(&reported.days) {
                let [(now, units), (before, _), (said, _)] =
                    [&then, &held, &reported.days].map(|days| of(days, at));
                assert_eq!(now, before.max(said), "{at:?}");
                assert!(units <= now && units >= of(&held, at).1, "{at:?}");
            }
            then.sort_by_key(|one| (one.day, one.operation.clone()));
            assert_eq!(report(then.clone()).recount(&reported.days), None, "the next is no less");
            assert_eq!(reported.beyond(&then), [], "once");
        }
    }

    #[test]
    fn days_a_report_no_longer_reaches_are_not_taken_back() {
        let known = [count("2025-01-01", "verify", 5), count("2026-11-21", "verify", 2)];
        assert_eq!(report(vec![count("2026-11-21", "verify", 2)]).recount(&known), None);
    }
}
