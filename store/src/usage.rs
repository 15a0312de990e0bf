//! Usage: what was answered, to whom, how often. Events are append-only and dense per gateway; an
//! event, the answer kept for its idempotency key and the counts made from it are one transaction.
//! The provider node meters and reports; the home node keeps the last report it received.

mod anew;
mod batch;
mod buyer;
mod meter;
mod recall;
mod report;
mod subject;

pub use anew::report_anew;
pub(crate) use anew::{report_anew_asked, report_anew_to};
pub use buyer::{BuyerMonth, buyer_month};
pub use meter::{
    Comparison, Idempotency, MeterRefusal, Metered, Metering, SubjectClaim, answer_of, meter,
};
pub(crate) use recall::reports;
pub use recall::take_reports;
pub(crate) use report::receive_report;
pub use report::{ReportRefusal, enqueue_reports};
pub use subject::{SUBJECTS_KEPT_MS, forget_subjects};

use diesel::prelude::*;
use lianshi_market::usage::{DayCount, Recount};
use lianshi_registry::time::{Date, Period, Timestamp};

use crate::{
    Site,
    close::PAUSE_MS,
    db::{Read, Write, pause},
    fault::Fault,
    schema::{idempotent_answers, usage_days, usage_months, usage_report_days, usage_reports},
};

/// Outcome of an event: what kind of answer was given. Every one of them is charged, but for those
/// the plan includes; a refused or failed call leaves no event.
pub const OUTCOME_ANSWERED: &str = "answered";
/// How long an answer is kept for its idempotency key: a day covers every sensible retry, and
/// answers are not kept longer than that because they are not ours to collect.
pub const ANSWER_KEPT_MS: i64 = 24 * 3_600_000;

/// Rows that one transaction forgets: calls are metered in between.
pub const FORGOTTEN_AT_ONCE: usize = 1_000;

/// What one subscription used in one month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MonthCount {
    /// Calls answered.
    pub calls: u64,
    /// Units charged for: less than the calls where a plan's included calls covered some.
    pub units: u64,
}

/// The last report the home node received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportedUsage {
    /// When the provider read the counts.
    pub as_of: Timestamp,
    /// When they arrived here.
    pub received_at: Timestamp,
    /// Sequence of the newest event counted.
    pub last_seq: u64,
    /// The counts, oldest first.
    pub days: Vec<DayCount>,
    /// The last time counts fell, when that was heard and by how much.
    pub recounted: Option<(Timestamp, Recount)>,
}

type DayRow = (String, String, i64, i64);

/// Usage of a subscription as this node metered it (provider's side), oldest first.
pub fn usage_days(read: &mut Read<'_>, subscription: &str) -> Result<Vec<DayCount>, Fault> {
    let rows: Vec<DayRow> = usage_days::table
        .filter(usage_days::subscription.eq(subscription))
        .order((usage_days::day.asc(), usage_days::operation.asc()))
        .select((usage_days::day, usage_days::operation, usage_days::calls, usage_days::units))
        .load(&mut **read)?;
    rows.into_iter().map(|row| day_count("usage_days", row)).collect()
}

/// The same from a day on.
pub fn usage_days_since(
    read: &mut Read<'_>,
    subscription: &str,
    first: Date,
) -> Result<Vec<DayCount>, Fault> {
    let rows: Vec<DayRow> = usage_days::table
        .filter(usage_days::subscription.eq(subscription))
        .filter(usage_days::day.ge(first.to_string()))
        .order((usage_days::day.asc(), usage_days::operation.asc()))
        .select((usage_days::day, usage_days::operation, usage_days::calls, usage_days::units))
        .load(&mut **read)?;
    rows.into_iter().map(|row| day_count("usage_days", row)).collect()
}

/// Usage of one month as this node metered it.
pub fn usage_month(
    read: &mut Read<'_>,
    subscription: &str,
    period: Period,
) -> Result<MonthCount, Fault> {
    let row: Option<(i64, i64)> = usage_months::table
        .filter(usage_months::subscription.eq(subscription))
        .filter(usage_months::period.eq(period.to_string()))
        .select((usage_months::calls, usage_months::units))
        .first(&mut **read)
        .optional()?;
    let Some((calls, units)) = row else { return Ok(MonthCount::default()) };
    let count = |value| count_of("usage_months", value);
    Ok(MonthCount { calls: count(calls)?, units: count(units)? })
}

/// Usage of a subscription as its provider last reported it (home's side); `None` before the first
/// report.
pub fn reported_usage(
    read: &mut Read<'_>,
    subscription: &str,
) -> Result<Option<ReportedUsage>, Fault> {
    let head: Option<ReportHead> = usage_reports::table
        .filter(usage_reports::subscription.eq(subscription))
        .select(ReportHead::as_select())
        .first(&mut **read)
        .optional()?;
    let Some(head) = head else { return Ok(None) };
    let days = reported_days(read, subscription)?;
    Ok(Some(ReportedUsage {
        as_of: Timestamp::from_millis(head.as_of),
        received_at: Timestamp::from_millis(head.received_at),
        last_seq: count_of("usage_reports", head.last_seq)?,
        days,
        recounted: head.recounted()?,
    }))
}

/// What is kept of the last report beside its counts.
#[derive(Queryable, Selectable)]
#[diesel(table_name = usage_reports)]
struct ReportHead {
    as_of: i64,
    received_at: i64,
    last_seq: i64,
    recounted_at: Option<i64>,
    recounted_before: Option<i64>,
    recounted_now: Option<i64>,
}

impl ReportHead {
    fn recounted(&self) -> Result<Option<(Timestamp, Recount)>, Fault> {
        let Some(at) = self.recounted_at else { return Ok(None) };
        let calls = |stored: Option<i64>| {
            let stored = stored.ok_or_else(|| Fault::corrupt("usage_reports", "half a recount"))?;
            count_of("usage_reports", stored)
        };
        let (before, now) = (calls(self.recounted_before)?, calls(self.recounted_now)?);
        Ok(Some((Timestamp::from_millis(at), Recount { before, now })))
    }
}

/// The counts of the last report, oldest first.
fn reported_days(read: &mut Read<'_>, subscription: &str) -> Result<Vec<DayCount>, Fault> {
    let rows: Vec<DayRow> = usage_report_days::table
        .filter(usage_report_days::subscription.eq(subscription))
        .order((usage_report_days::day.asc(), usage_report_days::operation.asc()))
        .select((
            usage_report_days::day,
            usage_report_days::operation,
            usage_report_days::calls,
            usage_report_days::units,
        ))
        .load(&mut **read)?;
    rows.into_iter().map(|row| day_count("usage_report_days", row)).collect()
}

/// Forgets part after part, until nothing is left to be forgotten, and leaves the database to calls
/// in between; a job does it now and then.
pub fn in_parts(
    site: &Site,
    forget: fn(&mut Write<'_>, Timestamp) -> Result<usize, Fault>,
) -> Result<(), Fault> {
    while site.db.write(|write| forget(write, site.now()))? > 0 {
        pause(PAUSE_MS);
    }
    Ok(())
}

/// Forgets answers older than [`ANSWER_KEPT_MS`], about [`FORGOTTEN_AT_ONCE`]. Gives how many went.
pub fn forget_answers(write: &mut Write<'_>, now: Timestamp) -> Result<usize, Fault> {
    let before = now.plus_millis(-ANSWER_KEPT_MS).millis();
    let old = idempotent_answers::at.lt(before);
    let last: Option<i64> = idempotent_answers::table
        .filter(old)
        .order(idempotent_answers::at.asc())
        .offset(i64::try_from(FORGOTTEN_AT_ONCE).unwrap_or(i64::MAX))
        .select(idempotent_answers::at)
        .first(&mut **write)
        .optional()?;
    // With those of the same millisecond.
    let old = old.and(idempotent_answers::at.le(last.unwrap_or(before)));
    Ok(diesel::delete(idempotent_answers::table.filter(old)).execute(&mut **write)?)
}

fn day_count(table: &'static str, row: DayRow) -> Result<DayCount, Fault> {
    let (day, operation, calls, units) = row;
    Ok(DayCount {
        day: Date::parse(&day).map_err(|error| Fault::corrupt(table, error))?,
        operation,
        calls: count_of(table, calls)?,
        units: count_of(table, units)?,
    })
}

fn count_of(table: &'static str, value: i64) -> Result<u64, Fault> {
    u64::try_from(value).map_err(|_| Fault::corrupt(table, format!("negative count {value}")))
}

fn stored(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
