//! Counts that a provider forgot and its homes kept: each home holds the newest report of each
//! subscription as the provider itself sealed it. What such a report counts and the provider has no
//! record of any more comes back as a count of its own kind, which rests on that report: never as
//! calls, of which nothing more is known than how many there were.

use std::collections::BTreeMap;

use diesel::prelude::*;
use lianshi_market::{
    correspondence::{LETTERS_BYTES, Reported, Reports},
    subscription::{Side, SubscriptionId},
    usage::{DayCount, REPORT_KIND, UsageReport, total_calls},
};
use lianshi_registry::{id::NodeName, key::PublicKey, refusal::Refusal as _, time::Period};
use sha2::{Digest as _, Sha256};

use super::{
    batch::{self, Day},
    buyer::{self, BuyerKey},
    report::{self, ReportRefusal},
    stored, usage_days_since,
};
use crate::{
    Failure, Fault, Read, Site, Write,
    audit::{self, Act, Actor},
    close,
    dialect::{BULK_ROWS_MAX, insert_all, insert_if_absent},
    letters,
    schema::{recalled_reports, recalled_usage, subscriptions, usage_reports},
    subscriptions::correspondence::{NotTaken, Told, leave_out},
};

/// Subscriptions looked at for one answer: of the largest reports, sixteen MiB.
const REPORTS_AT_ONCE: i64 = 32;
/// Greatest sequence that is gone on from: one that the meter can still count beyond.
const SEQ_MAX: u64 = 1 << 53;

type Outcome<T> = Result<T, Failure<ReportRefusal>>;

fn refuse<T>(refusal: impl Into<ReportRefusal>) -> Outcome<T> {
    Err(Failure::Refused(refusal.into()))
}

/// What a provider is told of its own reports to this node.
pub(crate) fn reports(
    read: &mut Read<'_>,
    from: &NodeName,
    after: Option<&SubscriptionId>,
) -> Result<Reports, Fault> {
    let after = after.map(SubscriptionId::as_str).unwrap_or_default();
    let rows: Vec<(String, Vec<u8>, Option<Vec<u8>>)> = subscriptions::table
        .inner_join(usage_reports::table.on(usage_reports::subscription.eq(subscriptions::id)))
        .filter(subscriptions::side.eq(Side::Home.as_str()))
        .filter(subscriptions::provider_node.eq(from.as_str()))
        .filter(subscriptions::id.gt(after))
        .order(subscriptions::id.asc())
        .limit(REPORTS_AT_ONCE)
        .select((subscriptions::id, usage_reports::sealed, usage_reports::fallen))
        .load(&mut **read)?;
    let corrupt = |error: &dyn ToString| Fault::corrupt("usage_reports", error.to_string());
    let is_full = i64::try_from(rows.len()).is_ok_and(|rows| rows == REPORTS_AT_ONCE);
    let mut told = Reports { reports: Vec::new(), more: is_full };
    let mut size_bytes = 0;
    for (process, sealed, fallen) in rows {
        if size_bytes >= LETTERS_BYTES {
            told.more = true;
            break;
        }
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).map_err(|error| corrupt(&error));
        let sealed = [sealed].into_iter().chain(fallen).map(text);
        let sealed = sealed.collect::<Result<Vec<String>, Fault>>()?;
        size_bytes += sealed.iter().map(String::len).sum::<usize>();
        let process = SubscriptionId::parse(&process).map_err(|error| corrupt(&error))?;
        told.reports.push(Reported { process, sealed });
    }
    Ok(told)
}

/// The report that is kept beside a new one: the first that counted more, until the provider counts
/// as much again. It is the only record of what is missing.
pub(super) fn fallen(
    read: &mut Read<'_>,
    (report, fell): (&UsageReport, bool),
    keys: &[PublicKey],
) -> Result<Option<Vec<u8>>, Fault> {
    let kept: Option<(Vec<u8>, Option<Vec<u8>>)> = usage_reports::table
        .filter(usage_reports::subscription.eq(&report.subscription))
        .select((usage_reports::sealed, usage_reports::fallen))
        .first(&mut **read)
        .optional()?;
    let kept = kept.and_then(|(newest, before)| before.or(fell.then_some(newest)));
    Ok(kept.filter(|sealed| {
        let before = open(&report.provider, keys, sealed);
        // What cannot be read now may be read by whoever sealed it.
        before.map_or(true, |(before, _)| report.recount(&before.days).is_some())
    }))
}

/// Opens a report that a node sealed. Gives it with the hash of its sealed bytes.
fn open(
    by: &NodeName,
    keys: &[PublicKey],
    bytes: &[u8],
) -> Result<(UsageReport, [u8; 32]), ReportRefusal> {
    let report = report::read(&letters::unseal(by, keys, (REPORT_KIND, bytes))?)?;
    if report.provider != *by {
        return Err(ReportRefusal::NotOfSender);
    }
    if report.last_seq > SEQ_MAX {
        return Err(ReportRefusal::Malformed("its sequence".to_owned()));
    }
    Ok((report, Sha256::digest(bytes).into()))
}

/// Takes the reports that a home node kept, as this node sealed them. What they count and is not
/// held here is counted again; what does not fit changes nothing, and is listed for a person.
pub fn take_reports(site: &Site, node: &NodeName, told: &Reports) -> Result<(), Fault> {
    // The key of today alone: one that was taken out of use may be in other hands.
    let keys = [site.seal_key.public()];
    let mut never = NotTaken::new();
    for Reported { process, sealed } in &told.reports {
        for sealed in sealed {
            match take(site, node, (process, &keys), sealed.as_bytes()) {
                Ok(()) => {}
                Err(Failure::Refused(refusal)) => {
                    never.push((process.to_string(), refusal.code()));
                }
                Err(Failure::Fault(fault)) => return Err(fault),
            }
        }
    }
    leave_out(site, node, (Told::Report, &never))?;
    site.nudge();
    Ok(())
}

fn take(
    site: &Site,
    node: &NodeName,
    (process, keys): (&SubscriptionId, &[PublicKey]),
    sealed: &[u8],
) -> Outcome<()> {
    let (report, hash) = open(&site.node, keys, sealed).map_err(Failure::Refused)?;
    if report.subscription != process.as_str() {
        return refuse(ReportRefusal::NotOfSender);
    }
    site.db.write(|write| {
        let held: Option<(String, String)> = subscriptions::table
            .filter(subscriptions::id.eq(process.as_str()))
            .filter(subscriptions::side.eq(Side::Provider.as_str()))
            .filter(subscriptions::home_node.eq(node.as_str()))
            .select((subscriptions::buyer_uscc, subscriptions::product))
            .first(&mut **write)
            .optional()?;
        let Some(buyer) = held else {
            return refuse(ReportRefusal::UnknownSubscription(report.subscription.clone()));
        };
        Ok(recall(write, site, (&report, &buyer), &Evidence { node, sealed, hash })?)
    })
}

/// What a recalled count rests on.
struct Evidence<'a> {
    node: &'a NodeName,
    sealed: &'a [u8],
    hash: [u8; 32],
}

#[derive(Insertable)]
#[diesel(table_name = recalled_usage)]
struct RecalledRow {
    gateway: String,
    seq: i64,
    subscription: String,
    day: String,
    operation: String,
    calls: i64,
    units: i64,
    report_hash: Vec<u8>,
}

/// Counts again what a report counts beyond what is held. The sequence goes on after the one the
/// report ended with, so that what is reported next is newer.
fn recall(
    write: &mut Write<'_>,
    site: &Site,
    (report, buyer): (&UsageReport, &(String, String)),
    evidence: &Evidence<'_>,
) -> Result<(), Fault> {
    let read = &mut write.as_read();
    let held = usage_days_since(read, &report.subscription, report.first_day())?;
    let settled = close::latest_recovered(read)?;
    // What a close that was put together billed is not known by call: nothing is added to it.
    let (left, counts): (Vec<DayCount>, Vec<DayCount>) = report
        .beyond(&held)
        .into_iter()
        .partition(|count| settled.is_some_and(|settled| count.day.period() <= settled));
    record(write, site, &report.subscription, ("left", &left), evidence)?;
    if counts.is_empty() {
        return Ok(());
    }
    let gateway = site.node.to_string();
    let last_seq = batch::last_seq(&mut write.as_read(), &gateway)?;
    let mut seq = last_seq.max(stored(report.last_seq));
    let mut rows = Vec::with_capacity(counts.len());
    let mut by_month: BTreeMap<Period, (i64, i64)> = BTreeMap::new();
    for count in &counts {
        seq += 1;
        let (calls, units) = (stored(count.calls), stored(count.units));
        let day = count.day.to_string();
        let place = (report.subscription.as_str(), day.as_str(), count.operation.as_str());
        batch::add_day(write, place, &Day { calls, units, last_seq: seq })?;
        let sum = by_month.entry(count.day.period()).or_default();
        *sum = (sum.0.saturating_add(calls), sum.1.saturating_add(units));
        rows.push(RecalledRow {
            gateway: gateway.clone(),
            seq,
            subscription: report.subscription.clone(),
            day,
            operation: count.operation.clone(),
            calls,
            units,
            report_hash: evidence.hash.to_vec(),
        });
    }
    for rows in rows.chunks(BULK_ROWS_MAX) {
        insert_all!(write, recalled_usage::table, rows)?;
    }
    for (period, sum) in by_month {
        raise(write, (&report.subscription, buyer), (period, seq), sum)?;
    }
    let row = (
        recalled_reports::report_hash.eq(evidence.hash.to_vec()),
        recalled_reports::subscription.eq(&report.subscription),
        recalled_reports::home_node.eq(evidence.node.as_str()),
        recalled_reports::sealed.eq(evidence.sealed),
        recalled_reports::recalled_at.eq(site.now().millis()),
    );
    insert_if_absent!(write, recalled_reports::table, row)?;
    record(write, site, &report.subscription, ("done", &counts), evidence)
}

/// Raises a month of a subscription and of its buyer. Calls without a unit were included ones.
fn raise(
    write: &mut Write<'_>,
    (subscription, (buyer, product)): (&str, &(String, String)),
    (period, seq): (Period, i64),
    (calls, units): (i64, i64),
) -> Result<(), Fault> {
    let mut month = batch::load_month(&mut write.as_read(), subscription, period)?;
    month.calls = month.calls.saturating_add(calls);
    month.units = month.units.saturating_add(units);
    month.last_seq = seq;
    batch::save_month(write, subscription, period, &month)?;
    let key = BuyerKey { buyer: buyer.clone(), product: product.clone(), period };
    let mut counts = buyer::load(&mut write.as_read(), &key)?;
    counts.calls = counts.calls.saturating_add(calls);
    counts.included = counts.included.saturating_add(calls.saturating_sub(units));
    buyer::save(write, &key, &counts)
}

/// Writes down how many calls came back, or did not, and by which report.
fn record(
    write: &mut Write<'_>,
    site: &Site,
    subscription: &str,
    (outcome, counts): (&str, &[DayCount]),
    evidence: &Evidence<'_>,
) -> Result<(), Fault> {
    if counts.is_empty() {
        return Ok(());
    }
    let (actor, after) =
        (&Actor::node(), format!("{} {}", total_calls(counts), hex::encode(evidence.hash)));
    let act = Act {
        at: site.now(),
        actor,
        action: "usage.recall",
        object: subscription,
        outcome,
        before: "",
        after: &after,
    };
    audit::record(write, &act)
}

/// The seal keys of a provider, to open what is kept of it.
pub(super) fn keys_of(
    read: &mut Read<'_>,
    site: &Site,
    node: &NodeName,
) -> Result<Vec<PublicKey>, Fault> {
    match letters::seal_keys(read, site, node) {
        Ok(keys) => Ok(keys),
        Err(Failure::Refused(_)) => Ok(Vec::new()),
        Err(Failure::Fault(fault)) => Err(fault),
    }
}
