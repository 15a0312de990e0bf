//! Reports: the provider node tells the home node what was used, as whole counts under its seal,
//! within two seconds of a change. At most one report of a subscription waits in the outbox: a
//! newer one takes the place of an older one.

use diesel::prelude::*;
use lianshi_market::{
    letter::EnvelopeRefusal,
    subscription::State,
    usage::{
        DayCount, REPORT_COUNTS_MAX, REPORT_DAYS_MAX, REPORT_KIND, REPORT_VERSION, UsageReport,
    },
};
use lianshi_registry::{id::NodeName, json, refusal::Refusal, seal::Sealed};

use super::{ReportedUsage, anew, count_of, recall, reported_usage, stored, usage_days_since};
use crate::{
    db::{Failure, Read, Write},
    dialect::{BULK_ROWS_MAX, insert_all},
    fault::Fault,
    letters::Incoming,
    outbox::{self, OutboxRow},
    schema::{
        node_state, outbox as outbox_table, subscriptions, usage_months, usage_report_days,
        usage_reports,
    },
    site::Site,
    statements,
    subscriptions::correspondence,
};

/// Subscriptions reported in one transaction: short enough to let calls be metered in between.
pub(super) const REPORTS_PER_WRITE: i64 = 32;
/// Row of `node_state`: every event up to this sequence has been put into a report.
const REPORTED_SEQ: &str = "usage.reported_seq";

/// Why a report was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReportRefusal {
    /// What is kept of a report is not opened.
    #[error(transparent)]
    Envelope(#[from] EnvelopeRefusal),
    /// Of another provider than the one that sealed it.
    #[error("the report is of another provider's counts")]
    NotOfSender,
    /// The payload is not a report of a version known here.
    #[error("the usage report cannot be read: {0}")]
    Malformed(String),
    /// No subscription of this id with this provider has its home here.
    #[error("no subscription `{0}` of the sender has its home here")]
    UnknownSubscription(String),
    /// Counts under an agreement that this node refused or that was withdrawn.
    #[error("subscription `{0}` was never in force here")]
    NotInForce(String),
}

impl ReportRefusal {
    /// Whether the same report may be taken later: the contract may still be on its way.
    pub fn may_retry(&self) -> bool {
        match self {
            Self::Envelope(refusal) => refusal.may_retry(),
            Self::UnknownSubscription(_) => true,
            Self::NotInForce(_) | Self::NotOfSender | Self::Malformed(_) => false,
        }
    }
}

impl Refusal for ReportRefusal {
    fn code(&self) -> &'static str {
        match self {
            Self::Envelope(refusal) => refusal.code(),
            Self::NotOfSender => "usage.not_of_sender",
            Self::Malformed(_) => "usage.malformed",
            Self::UnknownSubscription(_) => "usage.unknown_subscription",
            Self::NotInForce(_) => "usage.never_in_force",
        }
    }
}

/// Puts a report into the outbox for every subscription used since the last run; called by a job
/// every second. A subscription at home here is reported at once, without the network. Gives how
/// many were reported.
pub fn enqueue_reports(site: &Site) -> Result<usize, Fault> {
    let mut reported = 0;
    while site.db.read(is_report_due)? {
        let done = site.db.write(|write| report_some(write, site))?;
        reported += done;
    }
    if reported > 0 {
        site.nudge();
    }
    Ok(reported)
}

/// Asked first, because it takes no write lock.
fn is_report_due(read: &mut Read<'_>) -> Result<bool, Fault> {
    let low = reported_seq(read)?;
    Ok(!changed_since(read, low, 1)?.is_empty() || anew::is_due(read)?)
}

fn report_some(write: &mut Write<'_>, site: &Site) -> Result<usize, Fault> {
    if let Some(looked_at) = anew::report_next(write, site)? {
        return Ok(looked_at);
    }
    let low = reported_seq(&mut write.as_read())?;
    let changed = changed_since(&mut write.as_read(), low, REPORTS_PER_WRITE)?;
    let Some((_, newest)) = changed.last() else { return Ok(0) };
    for (subscription, last_seq) in &changed {
        report_one(write, site, subscription, *last_seq)?;
    }
    keep_reported_seq(write, *newest)?;
    Ok(changed.len())
}

/// Reports one subscription; its home is told nothing before it was asked what it was told.
pub(super) fn report_one(
    write: &mut Write<'_>,
    site: &Site,
    subscription: &str,
    last_seq: i64,
) -> Result<(), Fault> {
    let home: Option<String> = subscriptions::table
        .filter(subscriptions::id.eq(subscription))
        .filter(subscriptions::side.eq("provider"))
        .select(subscriptions::home_node)
        .first(&mut **write)
        .optional()?;
    let Some(home) = home else {
        tracing::warn!(subscription, "usage of a subscription this node does not provide");
        return Ok(());
    };
    if home != site.node.as_str() {
        let home = NodeName::parse(&home).map_err(|e| Fault::corrupt("subscriptions", e))?;
        if correspondence::is_awaited(&mut write.as_read(), &home)? {
            return Ok(());
        }
    }
    let now = site.now();
    let first = now.date().plus_days(-REPORT_DAYS_MAX);
    let mut days = usage_days_since(&mut write.as_read(), subscription, first)?;
    cut_to_newest(&mut days);
    let report = UsageReport {
        v: REPORT_VERSION,
        subscription: subscription.to_owned(),
        provider: site.node.clone(),
        as_of: now,
        last_seq: count_of("usage_months", last_seq)?,
        days,
    };
    let payload =
        serde_json::to_vec(&report).map_err(|error| Fault::corrupt("usage_days", error))?;
    let sealed = Sealed::new(site.node.clone(), REPORT_KIND, &payload, &site.seal_key).to_bytes();
    if home == site.node.as_str() {
        keep_report(write, site, &report, &sealed)?;
    } else {
        replace_pending(write, &home, &report, sealed)?;
    }
    Ok(())
}

/// Leaves out the oldest days, whole ones, where a report would grow too long.
fn cut_to_newest(days: &mut Vec<DayCount>) {
    let surplus = days.len().saturating_sub(REPORT_COUNTS_MAX);
    if let Some(last_cut) = surplus.checked_sub(1).and_then(|at| days.get(at)).map(|d| d.day) {
        days.retain(|count| count.day > last_cut);
    }
}

/// Takes the place of a report that still waits, and of its patience: a peer that cannot be reached
/// is not tried more often because calls go on.
fn replace_pending(
    write: &mut Write<'_>,
    home: &str,
    report: &UsageReport,
    sealed: Vec<u8>,
) -> Result<(), Fault> {
    let ordering_key = format!("usage/{}", report.subscription);
    let pending = outbox_table::table.filter(outbox_table::ordering_key.eq(&ordering_key));
    let waiting: Option<(i64, i64)> = pending
        .select((outbox_table::attempts, outbox_table::due_at))
        .order(outbox_table::id.desc())
        .first(&mut **write)
        .optional()?;
    diesel::delete(pending).execute(&mut **write)?;
    let id = format!("{ordering_key}/{:020}", report.last_seq);
    let row = OutboxRow::new(REPORT_KIND, (&id, &ordering_key), home, (sealed, report.as_of));
    let waiting = waiting.filter(|(tried, _)| *tried > 0);
    let (attempts, due_at) = waiting.unwrap_or((row.attempts, row.due_at));
    let row = OutboxRow { due_at, attempts, ..row };
    outbox::enqueue(write, &row)?;
    Ok(())
}

/// Takes a report from a provider node. An older or repeated one is accepted and changes nothing. A
/// later one that counts less, as a provider that was restored sends it, is taken and what it takes
/// back is kept to be shown.
pub(crate) fn receive_report(
    write: &mut Write<'_>,
    site: &Site,
    opened: &Incoming,
) -> Result<(), Failure<ReportRefusal>> {
    let from = &opened.from;
    let report = read(&opened.payload).map_err(Failure::Refused)?;
    if report.provider != *from {
        return Err(Failure::Refused(ReportRefusal::NotOfSender));
    }
    // What is counted before the contract is in force here, comes again.
    let known: Option<String> = subscriptions::table
        .filter(subscriptions::id.eq(&report.subscription))
        .filter(subscriptions::side.eq("home"))
        .filter(subscriptions::provider_node.eq(from.as_str()))
        .select(subscriptions::state)
        .first(&mut **write)
        .optional()?;
    let state = known
        .map(|state| State::parse(&state).ok_or_else(|| Fault::corrupt("subscriptions", &state)));
    match state.transpose()? {
        Some(state) if state.has_been_in_force() => {}
        Some(State::Terminated) => {
            return Err(Failure::Refused(ReportRefusal::NotInForce(report.subscription)));
        }
        _ => return Err(Failure::Refused(ReportRefusal::UnknownSubscription(report.subscription))),
    }
    Ok(keep_report(write, site, &report, &opened.sealed)?)
}

/// Reads what is under the seal of a report.
pub(super) fn read(payload: &[u8]) -> Result<UsageReport, ReportRefusal> {
    let report: UsageReport =
        json::read_letter(payload).map_err(|error| ReportRefusal::Malformed(error.to_string()))?;
    report.ensure_sound().map_err(ReportRefusal::Malformed)?;
    Ok(report)
}

fn keep_report(
    write: &mut Write<'_>,
    site: &Site,
    report: &UsageReport,
    sealed: &[u8],
) -> Result<(), Fault> {
    let now = site.now();
    let known = reported_usage(&mut write.as_read(), &report.subscription)?;
    let newer =
        |known: &ReportedUsage| report.last_seq > known.last_seq || report.as_of > known.as_of;
    if known.as_ref().is_some_and(|known| !newer(known)) {
        return Ok(());
    }
    let fell = known.as_ref().and_then(|known| report.recount(&known.days));
    let keys = recall::keys_of(&mut write.as_read(), site, &report.provider)?;
    let fallen = recall::fallen(&mut write.as_read(), (report, fell.is_some()), &keys)?;
    let recounted = fell.map(|fell| (now, fell)).or(known.and_then(|known| known.recounted));
    diesel::delete(usage_reports::table)
        .filter(usage_reports::subscription.eq(&report.subscription))
        .execute(&mut **write)?;
    diesel::insert_into(usage_reports::table)
        .values((
            usage_reports::subscription.eq(&report.subscription),
            usage_reports::as_of.eq(report.as_of.millis()),
            usage_reports::received_at.eq(now.millis()),
            usage_reports::last_seq.eq(stored(report.last_seq)),
            usage_reports::sealed.eq(sealed),
            usage_reports::recounted_at.eq(recounted.map(|(at, _)| at.millis())),
            usage_reports::recounted_before.eq(recounted.map(|(_, fell)| stored(fell.before))),
            usage_reports::recounted_now.eq(recounted.map(|(_, fell)| stored(fell.now))),
            usage_reports::fallen.eq(fallen),
        ))
        .execute(&mut **write)?;
    keep_report_days(write, report)?;
    // A statement may have waited for it.
    statements::look_again(write, site, &report.subscription)
}

#[derive(Insertable)]
#[diesel(table_name = usage_report_days)]
struct ReportDayRow {
    subscription: String,
    day: String,
    operation: String,
    calls: i64,
    units: i64,
}

/// Days inside the report are replaced; days before its first one stay, since a report goes back
/// only so far.
fn keep_report_days(write: &mut Write<'_>, report: &UsageReport) -> Result<(), Fault> {
    diesel::delete(usage_report_days::table)
        .filter(usage_report_days::subscription.eq(&report.subscription))
        .filter(usage_report_days::day.ge(report.first_day().to_string()))
        .execute(&mut **write)?;
    let row = |count: &DayCount| ReportDayRow {
        subscription: report.subscription.clone(),
        day: count.day.to_string(),
        operation: count.operation.clone(),
        calls: stored(count.calls),
        units: stored(count.units),
    };
    for some in report.days.chunks(BULK_ROWS_MAX) {
        let rows: Vec<ReportDayRow> = some.iter().map(row).collect();
        insert_all!(write, usage_report_days::table, &rows)?;
    }
    Ok(())
}

fn changed_since(read: &mut Read<'_>, low: i64, limit: i64) -> Result<Vec<(String, i64)>, Fault> {
    Ok(usage_months::table
        .filter(usage_months::last_seq.gt(low))
        .order(usage_months::last_seq.asc())
        .limit(limit)
        .select((usage_months::subscription, usage_months::last_seq))
        .load(&mut **read)?)
}

fn reported_seq(read: &mut Read<'_>) -> Result<i64, Fault> {
    state(read, REPORTED_SEQ)?
        .map_or(Ok(0), |text| text.parse().map_err(|_| Fault::corrupt("node_state", text)))
}

fn keep_reported_seq(write: &mut Write<'_>, seq: i64) -> Result<(), Fault> {
    keep_state(write, REPORTED_SEQ, Some(&seq.to_string()))
}

pub(super) fn state(read: &mut Read<'_>, name: &str) -> Result<Option<String>, Fault> {
    Ok(node_state::table
        .filter(node_state::name.eq(name))
        .select(node_state::value)
        .first(&mut **read)
        .optional()?)
}

pub(super) fn keep_state(
    write: &mut Write<'_>,
    name: &str,
    value: Option<&str>,
) -> Result<(), Fault> {
    diesel::delete(node_state::table.filter(node_state::name.eq(name))).execute(&mut **write)?;
    if let Some(value) = value {
        diesel::insert_into(node_state::table)
            .values((node_state::name.eq(name), node_state::value.eq(value)))
            .execute(&mut **write)?;
    }
    Ok(())
}
