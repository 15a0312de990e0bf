//! A clock that ran ahead and was set back, told to the people who run the node: how far ahead of
//! it this process's time is, or what was written before it started, and what that costs.

use std::sync::{Mutex, PoisonError};

use lianshi_registry::time::Timestamp;
use lianshi_store::{Fault, Read, audit};
use serde::Serialize;

use crate::clock;

/// What is not worth telling: two processes write beside each other, and clocks are corrected by
/// fractions of a second.
const TOLD_MS: i64 = 2_000;
/// What it costs, for people.
pub(crate) const COSTS: &str = "a running node's time goes on half as fast until the clock has \
     caught up; deadlines, terms and months are judged by it; other nodes let an agreement or an \
     ending wait that is dated more than five minutes ahead of their clocks, and a statement whose \
     month is not over there; what is older than a restart keeps its dates, and ages of it show zero";

/// What lies ahead of the system's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Leap {
    /// By how many seconds.
    pub ahead_s: i64,
    /// What is ahead: the date of the newest act, or the time of the process.
    pub until: Timestamp,
}

impl Leap {
    fn of(latest: Timestamp, system_ms: i64) -> Option<Self> {
        let ahead_ms = latest.millis().saturating_sub(system_ms);
        (ahead_ms >= TOLD_MS).then_some(Self { ahead_s: ahead_ms / 1_000, until: latest })
    }

    /// How far the newest act in the audit trail, whoever wrote it, is dated ahead.
    pub(crate) fn written(read: &mut Read<'_>) -> Result<Option<Self>, Fault> {
        let newest = audit::newest(read, None, 1)?;
        let at = newest.first().map(|row| Timestamp::from_millis(row.at));
        Ok(at.and_then(|at| Self::of(at, clock::system_ms())))
    }
}

/// Since when this process's time is ahead, as it counts time.
static SINCE: Mutex<Option<Timestamp>> = Mutex::new(None);

/// Tells, when it begins and when it is over, that the time of this process is ahead of the clock,
/// and counts by how much. A job of a serving node.
pub(crate) fn tell() {
    let leap = Leap::of(clock::now(), clock::system_ms());
    let ahead_s = leap.map_or(0, |leap| leap.ahead_s);
    metrics::gauge!("lianshi_clock_ahead_seconds")
        .set(f64::from(u32::try_from(ahead_s).unwrap_or(u32::MAX)));
    let mut since = SINCE.lock().unwrap_or_else(PoisonError::into_inner);
    match Change::since(&mut since, leap) {
        Some(Change::Began(leap)) => tracing::error!(
            ahead_s = leap.ahead_s,
            costs = COSTS,
            "the clock was set back: the time of this process is ahead of it"
        ),
        Some(Change::Over(began)) => {
            tracing::info!(since = %began, "the clock has caught up with the time of this process");
        }
        None => {}
    }
}

/// What is told once each time.
#[derive(Debug, PartialEq, Eq)]
enum Change {
    Began(Leap),
    Over(Timestamp),
}

impl Change {
    fn since(began: &mut Option<Timestamp>, leap: Option<Leap>) -> Option<Self> {
        match (leap, *began) {
            (Some(leap), None) => {
                *began = Some(leap.until);
                Some(Self::Began(leap))
            }
            (None, Some(_)) => began.take().map(Self::Over),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leap_is_told_from_two_seconds_on() {
        let of = |latest| Leap::of(Timestamp::from_millis(latest), 100_000).map(|l| l.ahead_s);
        assert_eq!(of(90_000), None);
        assert_eq!(of(101_999), None);
        assert_eq!(of(102_000), Some(2));
        assert_eq!(of(3_700_500), Some(3_600));
    }

    #[test]
    fn that_it_began_and_that_it_is_over_is_told_once() {
        let until = Timestamp::from_millis(100_000);
        let leap = Leap { ahead_s: 9, until };
        let mut began = None;
        let told: Vec<Option<Change>> = [None, Some(leap), Some(leap), None, None, Some(leap)]
            .map(|leap| Change::since(&mut began, leap))
            .into();
        let (first, over) = (Some(Change::Began(leap)), Some(Change::Over(until)));
        assert_eq!(told, [None, first, None, over, None, Some(Change::Began(leap))]);
    }
}
