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
/// Subscriptions kept before those idle for a minute are forgotten.
const SUBSCRIPTIONS_KEPT: usize = 10_000;

/// When each subscription called in the last minute.
#[derive(Default)]
pub(crate) struct Rates {
    calls: Mutex<BTreeMap<String, VecDeque<i64>>>,
}

impl Rates {
    /// Takes one call, or tells in how many milliseconds one will be free.
    pub(crate) fn take(&self, subscription: &str, max: u32, now: Timestamp) -> Result<(), i64> {
        let max = usize::try_from(max).unwrap_or(usize::MAX).min(CALLS_MAX);
        let now = now.millis();
        // A panic elsewhere cannot leave half a change here: each is one push or pop.
        let mut all = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() > SUBSCRIPTIONS_KEPT {
            all.retain(|_, calls| calls.back().is_some_and(|last| now - last < WINDOW_MS));
        }
        if !all.contains_key(subscription) {
            all.insert(subscription.to_owned(), VecDeque::new());
        }
        let Some(calls) = all.get_mut(subscription) else { return Ok(()) };
        // Calls of the future were made before the clock was set back: they count from now, so that
        // nobody waits longer than a window.
        for ahead in calls.iter_mut().rev().take_while(|call| **call > now) {
            *ahead = now;
        }
        while calls.front().is_some_and(|first| now - first >= WINDOW_MS) {
            calls.pop_front();
        }
        if calls.len() < max {
            calls.push_back(now);
            return Ok(());
        }
        // Where the plan's limit was lowered, more than the first must leave before one is free.
        let must_leave = calls.len().saturating_sub(max);
        Err(calls.get(must_leave).map_or(WINDOW_MS, |first| first + WINDOW_MS - now))
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
