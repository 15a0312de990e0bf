//! Which periods there are, which are closed, and in which order they may be.

use diesel::{
    dsl::sql,
    prelude::*,
    sql_types::{BigInt, Bool},
};
use lianshi_market::{money::Amount, subscription::Side, term};
use lianshi_registry::time::{Date, Period, Timestamp};

use super::{
    CloseRefusal, Underway, drafts, recall,
    turn::{self, Turn},
};
use crate::{
    Failure, Fault, Read, Site, catalog,
    schema::{periods, subscriptions, usage_months},
    subscriptions::PROVIDER_SIDE,
};

/// Where a period stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PeriodState {
    /// Still running.
    Running,
    /// Over and not closed.
    Open,
    /// Closed, for ever.
    Closed,
    /// Closed, as this node's log says, and not in its books any more.
    Forgotten,
}

impl PeriodState {
    /// How the row of a close says that it was put together again.
    pub(super) const RECOVERED: &'static str = "recovered";

    /// As stored and translated: `running`, `open`, `closed`, `forgotten`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Open => "open",
            Self::Closed => "closed",
            Self::Forgotten => "forgotten",
        }
    }
}

/// A period of this node's books.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeriodView {
    /// The period.
    pub period: Period,
    /// Where it stands.
    pub state: PeriodState,
    /// Calls counted in it so far; for a closed one the calls on its statements, late ones
    /// included.
    pub calls: u64,
    /// What its close came to; `None` before.
    pub closed: Option<ClosedView>,
    /// The close that is at work on it.
    pub underway: Option<Underway>,
}

/// What the close of a period came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClosedView {
    /// When.
    pub at: Timestamp,
    /// By whom: a login, or `node`.
    pub by: String,
    /// Bound of event time.
    pub event_to: Timestamp,
    /// Bound of ingestion: the last sequence of the meter it saw.
    pub ingest_to: i64,
    /// How many statements.
    pub statements: u64,
    /// What they sum to.
    pub total: Amount,
    /// SHA-256 of the result, in hexadecimal, as sealed in the log.
    pub result_hash: String,
    /// It was forgotten, and put together again from what the enterprises' nodes hold: the result
    /// hash is the log's, and cannot be computed again.
    pub recovered: bool,
    /// Index of the `statement.sealed` entry in this node's log.
    pub log_index: u64,
    /// Statements and divisions that are sealed and do not stand in the books yet.
    pub to_carry: u64,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = periods)]
struct PeriodRow {
    period: String,
    state: String,
    event_to: i64,
    ingest_to: i64,
    closed_at: i64,
    closed_by: String,
    statement_count: i64,
    calls: i64,
    total_fen: i64,
    result_hash: Vec<u8>,
    log_index: i64,
}

impl PeriodRow {
    fn into_view(self, read: &mut Read<'_>) -> Result<PeriodView, Fault> {
        let period = parsed(Period::parse(&self.period))?;
        Ok(PeriodView {
            period,
            state: PeriodState::Closed,
            calls: parsed(u64::try_from(self.calls))?,
            closed: Some(ClosedView {
                at: Timestamp::from_millis(self.closed_at),
                by: self.closed_by,
                event_to: Timestamp::from_millis(self.event_to),
                ingest_to: self.ingest_to,
                statements: parsed(u64::try_from(self.statement_count))?,
                total: Amount::from_fen(self.total_fen),
                result_hash: hex::encode(self.result_hash),
                recovered: self.state == PeriodState::RECOVERED,
                log_index: parsed(u64::try_from(self.log_index))?,
                to_carry: parsed(u64::try_from(drafts::left(read, period)?))?,
            }),
            underway: None,
        })
    }
}

fn parsed<T, E: std::fmt::Display>(outcome: Result<T, E>) -> Result<T, Fault> {
    outcome.map_err(|error| Fault::corrupt("periods", error))
}

/// A closed period, if it is.
pub(super) fn closed(read: &mut Read<'_>, period: Period) -> Result<Option<PeriodView>, Fault> {
    let row: Option<PeriodRow> = periods::table
        .filter(periods::period.eq(period.to_string()))
        .select(PeriodRow::as_select())
        .first(&mut **read)
        .optional()?;
    row.map(|row| row.into_view(read)).transpose()
}

/// The latest closed period before `before`, or of all.
pub(super) fn latest_closed(
    read: &mut Read<'_>,
    before: Option<Period>,
) -> Result<Option<PeriodView>, Fault> {
    let mut rows = periods::table.order(periods::period.desc()).into_boxed();
    if let Some(before) = before {
        rows = rows.filter(periods::period.lt(before.to_string()));
    }
    let row: Option<PeriodRow> =
        rows.select(PeriodRow::as_select()).first(&mut **read).optional()?;
    row.map(|row| row.into_view(read)).transpose()
}

/// The latest period whose books are closed or being closed: what its close reads stays as it is.
pub(crate) fn latest(read: &mut Read<'_>) -> Result<Option<Period>, Fault> {
    let closed = latest_closed(read, None)?.map(|view| view.period);
    Ok(closed.max(turn::underway(read)?.map(|underway| underway.period)))
}

/// The latest period whose close was forgotten and put together again.
pub(crate) fn latest_recovered(read: &mut Read<'_>) -> Result<Option<Period>, Fault> {
    let latest: Option<String> = periods::table
        .filter(periods::state.eq(PeriodState::RECOVERED))
        .select(diesel::dsl::max(periods::period))
        .first(&mut **read)?;
    latest.map(|text| parsed(Period::parse(&text))).transpose()
}

/// One period, whatever its state.
pub fn period(
    read: &mut Read<'_>,
    site: &Site,
    period: Period,
    now: Timestamp,
) -> Result<PeriodView, Fault> {
    if let Some(view) = closed(read, period)? {
        return Ok(view);
    }
    let state = if catalog::sealed_close(read, &site.origin, period)?.is_some() {
        PeriodState::Forgotten
    } else if now < period.end() {
        PeriodState::Running
    } else {
        PeriodState::Open
    };
    let begun = turn::underway(read)?.filter(|underway| underway.period == period);
    // What was ended before its seal says nothing of the period: it is swept by whoever comes next.
    let at_work = begun.is_some() && Turn::is_taken(site)?;
    let underway = begun.filter(|_| at_work);
    Ok(PeriodView { period, state, calls: calls_in(read, period)?, closed: None, underway })
}

/// Every period from the first with anything to bill to the running one, newest first.
pub fn periods(read: &mut Read<'_>, site: &Site, now: Timestamp) -> Result<Vec<PeriodView>, Fault> {
    let rows: Vec<PeriodRow> = periods::table.select(PeriodRow::as_select()).load(&mut **read)?;
    let mut views: Vec<PeriodView> =
        rows.into_iter().map(|row| row.into_view(read)).collect::<Result<_, _>>()?;
    let running = now.period();
    let first = match views.iter().map(|view| view.period).max() {
        Some(latest) => latest.next(),
        None => first_to_bill(read)?.map_or(running, |first| first.min(running)),
    };
    let forgotten = recall::forgotten(read, site)?.map(|sealed| sealed.entry.period);
    let mut next = forgotten.map_or(first, |forgotten| forgotten.min(first));
    while next <= running {
        if views.iter().all(|view| view.period != next) {
            views.push(period(read, site, next, now)?);
        }
        next = next.next();
    }
    views.sort_by_key(|view| std::cmp::Reverse(view.period));
    Ok(views)
}

fn calls_in(read: &mut Read<'_>, period: Period) -> Result<u64, Fault> {
    let calls: i64 = usage_months::table
        .filter(usage_months::period.eq(period.to_string()))
        .select(sql::<BigInt>("CAST(COALESCE(SUM(calls), 0) AS BIGINT)"))
        .first(&mut **read)?;
    parsed(u64::try_from(calls))
}

/// The first period in which anything was counted or a subscription began.
fn first_to_bill(read: &mut Read<'_>) -> Result<Option<Period>, Fault> {
    let used: Option<String> =
        usage_months::table.select(diesel::dsl::min(usage_months::period)).first(&mut **read)?;
    let used = used.map(|text| parsed(Period::parse(&text))).transpose()?;
    let began: Option<i64> = subscriptions::table
        .filter(subscriptions::side.eq(Side::Provider.as_str()))
        .filter(subscriptions::state.eq(BILLED[0]).or(subscriptions::state.eq(BILLED[1])))
        .select(diesel::dsl::min(subscriptions::starts_at))
        .first(&mut **read)?;
    let began = began.map(|millis| Timestamp::from_millis(millis).period());
    Ok(used.into_iter().chain(began).min())
}

/// States of subscriptions that can have something to bill.
pub(crate) const BILLED: [&str; 2] = ["finalized", "ended"];

/// Periods close in order: none before the latest closed one, and none while an earlier one has
/// something to bill.
pub(super) fn check_order(
    read: &mut Read<'_>,
    period: Period,
) -> Result<(), Failure<CloseRefusal>> {
    let latest = latest_closed(read, None)?.map(|view| view.period);
    if let Some(latest) = latest
        && latest > period
    {
        return Err(Failure::Refused(CloseRefusal::Passed { period, latest }));
    }
    let first = match latest {
        Some(latest) => Some(latest.next()),
        None => first_to_bill(read)?,
    };
    let Some(mut earlier) = first else { return Ok(()) };
    while earlier < period {
        if calls_in(read, earlier)? > 0 || has_fee(read, earlier)? {
            return Err(Failure::Refused(CloseRefusal::EarlierOpen { period, earlier }));
        }
        earlier = earlier.next();
    }
    Ok(())
}

/// How a monthly fee reads in the canonical text of an agreement. What people write into it is
/// escaped, so it never looks like this.
const MONTHLY_FEE: &str = "%\"model\":\"flat_monthly\"%";

/// A subscription with its beginning, end of term, ending, and from when that counts for fees.
type TermRow = (String, Option<i64>, Option<i64>, Option<i64>, Option<i64>);

/// Subscriptions looked at in one query for a fee that is due.
const FEE_ROWS: i64 = 500;

/// Whether a monthly fee is due in a period. Only asked of periods that would be skipped, which
/// have no usage.
fn has_fee(read: &mut Read<'_>, period: Period) -> Result<bool, Fault> {
    let start = period.start().millis();
    let mut after = String::new();
    loop {
        let rows: Vec<TermRow> = subscriptions::table
            .filter(subscriptions::id.gt(&after))
            .filter(sql::<Bool>(PROVIDER_SIDE))
            .filter(subscriptions::state.eq(BILLED[0]).or(subscriptions::state.eq(BILLED[1])))
            .filter(subscriptions::starts_at.lt(period.end().millis()))
            .filter(subscriptions::ends_at.gt(start))
            .filter(
                subscriptions::ended_at
                    .is_null()
                    .or(subscriptions::ended_at.gt(start))
                    .or(subscriptions::fees_end_at.gt(start)),
            )
            .filter(subscriptions::agreement.like(MONTHLY_FEE))
            .order(subscriptions::id.asc())
            .limit(FEE_ROWS)
            .select((
                subscriptions::id,
                subscriptions::starts_at,
                subscriptions::ends_at,
                subscriptions::ended_at,
                subscriptions::fees_end_at,
            ))
            .load(&mut **read)?;
        let Some((last, ..)) = rows.last() else { return Ok(false) };
        after.clone_from(last);
        let owes = |(_, starts_at, ends_at, ended_at, fees_end_at): &TermRow| {
            let ends_at = [*ends_at, fees_end_at.or(*ended_at)].into_iter().flatten().min();
            starts_at.zip(ends_at).is_some_and(|(from, until)| {
                let [from, until] = [from, until].map(Timestamp::from_millis);
                term::bills_fee(from, until, period)
            })
        };
        if rows.iter().any(owes) {
            return Ok(true);
        }
    }
}

/// The days of a period as stored texts, first and last.
pub(super) fn days(period: Period) -> (String, String) {
    let text = |day: Date| day.to_string();
    (text(period.first_day()), text(period.last_day()))
}
