//! Reports that are made although nothing was called: the home nodes may hold counts that this node
//! has forgotten. A home that is still to be asked what was reported to it is told nothing before,
//! so that its counts do not fall; when it was asked, everything of it is reported.

use std::collections::BTreeMap;

use diesel::{dsl::sql, prelude::*, sql_types::Bool};
use lianshi_market::{subscription::Side, usage::REPORT_DAYS_MAX};
use lianshi_registry::id::NodeName;

use super::report::{REPORTS_PER_WRITE, keep_state, report_one, state};
use crate::{
    Fault, Read, Site, Write,
    close::BILLED,
    schema::{subscriptions, usage_months},
    setting,
    subscriptions::PROVIDER_SIDE,
};

/// Row of `node_state` while every subscription is reported anew: the last one that was.
const ANEW_AFTER: &str = "usage.anew_after";
/// Row of `node_state`: the homes whose subscriptions are reported anew, each with the last one
/// that was.
const ANEW_HOMES: &str = "usage.anew_homes";

/// Row of `node_state`: the homes that asked of late, and when.
const ANEW_ASKED: &str = "usage.anew_asked";
/// A home that asks again and again has everything reported no more often than this.
const ASKED_PAUSE_MS: i64 = 10 * 60_000;

/// Has every subscription reported once more, used or not. After a restore: the home nodes hold
/// counts that this node has forgotten.
pub fn report_anew(write: &mut Write<'_>) -> Result<(), Fault> {
    keep_state(write, ANEW_AFTER, Some(""))
}

/// The same of those with one home.
pub(crate) fn report_anew_to(write: &mut Write<'_>, home: &NodeName) -> Result<(), Fault> {
    let mut homes = homes(&mut write.as_read())?;
    homes.insert(home.clone(), String::new());
    setting::write(write, ANEW_HOMES, &homes)
}

/// The same because the home asks what was written, at most once in [`ASKED_PAUSE_MS`].
pub(crate) fn report_anew_asked(
    write: &mut Write<'_>,
    site: &Site,
    home: &NodeName,
) -> Result<(), Fault> {
    let now = site.now().millis();
    let asked: Option<BTreeMap<NodeName, i64>> = setting::read(&mut write.as_read(), ANEW_ASKED)?;
    let mut asked = asked.unwrap_or_default();
    // A time ahead is of before the clock was set back.
    asked.retain(|_, at| (now.saturating_sub(ASKED_PAUSE_MS)..=now).contains(at));
    if asked.contains_key(home) {
        return Ok(());
    }
    asked.insert(home.clone(), now);
    setting::write(write, ANEW_ASKED, &asked)?;
    report_anew_to(write, home)
}

fn homes(read: &mut Read<'_>) -> Result<BTreeMap<NodeName, String>, Fault> {
    Ok(setting::read(read, ANEW_HOMES)?.unwrap_or_default())
}

/// Whether something is to be reported anew.
pub(super) fn is_due(read: &mut Read<'_>) -> Result<bool, Fault> {
    Ok(state(read, ANEW_AFTER)?.is_some() || !homes(read)?.is_empty())
}

/// Reports the next subscriptions anew: those of which a report would still speak. Gives how many
/// were looked at, `None` where nothing was to be reported anew.
pub(super) fn report_next(write: &mut Write<'_>, site: &Site) -> Result<Option<usize>, Fault> {
    if let Some(after) = state(&mut write.as_read(), ANEW_AFTER)? {
        let some = report_after(write, site, (None, &after))?;
        keep_state(write, ANEW_AFTER, some.last().map(String::as_str))?;
        return Ok(Some(some.len()));
    }
    let mut homes = homes(&mut write.as_read())?;
    let Some((home, after)) = homes.pop_first() else { return Ok(None) };
    let some = report_after(write, site, (Some(&home), &after))?;
    if let Some(last) = some.last() {
        homes.insert(home, last.clone());
    }
    setting::write(write, ANEW_HOMES, &homes)?;
    Ok(Some(some.len()))
}

fn report_after(
    write: &mut Write<'_>,
    site: &Site,
    (home, after): (Option<&NodeName>, &str),
) -> Result<Vec<String>, Fault> {
    let oldest = site.now().date().plus_days(-REPORT_DAYS_MAX).start();
    let next = subscriptions::table
        .filter(subscriptions::id.gt(after))
        // Nothing is counted under a contract that is not in force yet, or never was.
        .filter(subscriptions::state.eq(BILLED[0]).or(subscriptions::state.eq(BILLED[1])))
        .filter(subscriptions::ends_at.gt(oldest.millis()))
        .order(subscriptions::id.asc())
        .limit(REPORTS_PER_WRITE)
        .select(subscriptions::id);
    let some: Vec<String> = match home {
        None => next.filter(sql::<Bool>(PROVIDER_SIDE)).load(&mut **write)?,
        Some(home) => next
            .filter(subscriptions::side.eq(Side::Provider.as_str()))
            .filter(subscriptions::home_node.eq(home.as_str()))
            .load(&mut **write)?,
    };
    for subscription in &some {
        let last_seq: Option<i64> = usage_months::table
            .filter(usage_months::subscription.eq(subscription))
            .select(diesel::dsl::max(usage_months::last_seq))
            .first(&mut **write)?;
        report_one(write, site, subscription, last_seq.unwrap_or(0))?;
    }
    Ok(some)
}
