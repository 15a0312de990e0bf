//! Usage as the provider counts it and reports it to the home node: one count for each day and
//! operation of a subscription. A report carries whole counts, never differences, so that a lost,
//! repeated or late one does no harm.

use lianshi_registry::{
    id::NodeName,
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
    fn days_a_report_no_longer_reaches_are_not_taken_back() {
        let known = [count("2025-01-01", "verify", 5), count("2026-11-21", "verify", 2)];
        assert_eq!(report(vec![count("2026-11-21", "verify", 2)]).recount(&known), None);
    }
}
