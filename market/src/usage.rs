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
    /// Units charged for; equal to the calls where a plan charges by call.
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
