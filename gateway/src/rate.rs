//! The rate limit: at most so many calls in any sixty seconds, exactly. A plan's limit is a promise
//! to the provider's database, so the window slides; a token bucket would let through almost twice
//! the number in its first minute.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Mutex, PoisonError},
};

use lianshi_registry::time::Timestamp;

const WINDOW_MS: i64 = 60_000;
/// Highest limit that is kept exactly; each call of the last minute takes eight bytes. Plans above
/// it are held to it.
const CALLS_MAX: usize = 600_000;
/// Shares kept before those idle for a minute are forgotten.
const SHARES_KEPT: usize = 10_000;

/// When each buyer called each product in the last minute.
#[derive(Default)]
pub(crate) struct Rates {
    calls: Mutex<BTreeMap<String, VecDeque<i64>>>,
}

/// What is left of a minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Left {
    /// Calls that may still be made now.
    pub calls: u64,
    /// Seconds until one more may be made.
    pub renewed_s: u64,
}

impl Rates {
    /// What is left of the last minute, without taking any of it. Every call asks, and a busy
    /// minute holds half a million: none of them is looked at but those that are over.
    pub(crate) fn left(&self, share: &str, max: u32, now: Timestamp) -> Left {
        let now = now.millis();
        let mut all = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut used, mut waits) = (0, 0);
        if let Some(calls) = all.get_mut(share) {
            forget_over(calls, now);
            used = calls.len();
            let first = calls.front();
            waits = first.map_or(0, |first| (first + WINDOW_MS - now).clamp(0, WINDOW_MS));
        }
        Left {
            calls: u64::from(max).saturating_sub(u64::try_from(used).unwrap_or(u64::MAX)),
            renewed_s: u64::try_from(waits).unwrap_or(0).div_ceil(1000),
        }
    }

    /// Takes one call of a share (`Contract::share`), or tells in how many milliseconds one will be
    /// free.
    pub(crate) fn take(&self, share: &str, max: u32, now: Timestamp) -> Result<(), i64> {
        let max = usize::try_from(max).unwrap_or(usize::MAX).min(CALLS_MAX);
        let now = now.millis();
        // A panic elsewhere cannot leave half a change here: each is one push or pop.
        let mut all = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() > SHARES_KEPT {
            all.retain(|_, calls| calls.back().is_some_and(|last| now - last < WINDOW_MS));
        }
        if !all.contains_key(share) {
            all.insert(share.to_owned(), VecDeque::new());
        }
        let Some(calls) = all.get_mut(share) else { return Ok(()) };
        // Calls of the future were made before the clock was set back: they count from now, so that
        // nobody waits longer than a window.
        for ahead in calls.iter_mut().rev().take_while(|call| **call > now) {
            *ahead = now;
        }
        forget_over(calls, now);
        if calls.len() < max {
            calls.push_back(now);
            return Ok(());
        }
        // Where the plan's limit was lowered, more than the first must leave before one is free.
        let must_leave = calls.len().saturating_sub(max);
        Err(calls.get(must_leave).map_or(WINDOW_MS, |first| first + WINDOW_MS - now))
    }
}

/// Forgets the calls whose minute is over.
fn forget_over(calls: &mut VecDeque<i64>, now: i64) {
    while calls.front().is_some_and(|first| now - first >= WINDOW_MS) {
        calls.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_set_back_makes_nobody_wait_longer_than_a_window() {
        let rates = Rates::default();
        let take = |millis| rates.take("S-1", 2, Timestamp::from_millis(millis));
        assert_eq!([take(7_200_000), take(7_200_001)], [Ok(()); 2]);
        assert_eq!(take(3_600_000), Err(WINDOW_MS));
        assert_eq!(take(3_600_000 + WINDOW_MS - 1), Err(1));
        assert_eq!(take(3_600_000 + WINDOW_MS), Ok(()));
    }

    #[test]
    fn what_is_left_is_told_without_taking_it() {
        let rates = Rates::default();
        let at = Timestamp::from_millis;
        assert_eq!(rates.left("S-1", 3, at(0)), Left { calls: 3, renewed_s: 0 });
        assert_eq!([rates.take("S-1", 3, at(0)), rates.take("S-1", 3, at(500))], [Ok(()); 2]);
        let left = Left { calls: 1, renewed_s: 59 };
        assert_eq!([rates.left("S-1", 3, at(1_000)); 2], [left; 2]);
        assert_eq!(rates.left("S-1", 3, at(60_000)), Left { calls: 2, renewed_s: 1 });
        assert_eq!(rates.left("S-1", 1, at(1_000)).calls, 0, "a limit that was lowered");
    }

    #[test]
    fn no_sixty_seconds_hold_more_than_the_limit() {
        let rates = Rates::default();
        let take = |millis| rates.take("S-1", 3, Timestamp::from_millis(millis));
        assert_eq!([take(0), take(10), take(59_999)], [Ok(()); 3]);
        assert_eq!(take(59_999), Err(1));
        assert_eq!(take(60_000), Ok(()));
        assert_eq!(take(60_001), Err(9));
        assert_eq!(rates.take("S-2", 3, Timestamp::from_millis(60_001)), Ok(()));
        assert_eq!(rates.take("S-3", 0, Timestamp::from_millis(60_001)), Err(WINDOW_MS));
    }
}
