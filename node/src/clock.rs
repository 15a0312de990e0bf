//! The only place that reads the system clock.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use lianshi_registry::time::Timestamp;

/// The latest time this process gave out, in microseconds, and when.
static LATEST: Mutex<Option<(Instant, i64)>> = Mutex::new(None);
/// How far this process's time lies behind the system's, in milliseconds: zero but while a
/// demonstration's past is made.
static BEHIND_MS: AtomicI64 = AtomicI64::new(0);

/// The time, never earlier than a time this process gave out before. When the system's clock is set
/// back, time goes on half as fast until the clock has caught up: nothing is written out of order,
/// and no deadline, limit or revocation waits for ever.
#[expect(clippy::disallowed_methods, reason = "this is the one clock")]
pub fn now() -> Timestamp {
    let system = system_micros();
    let instant = Instant::now();
    let mut latest = LATEST.lock().unwrap_or_else(PoisonError::into_inner);
    let time = match *latest {
        Some((then, given)) => {
            let passed = instant.saturating_duration_since(then).as_micros();
            follow(given, i64::try_from(passed).unwrap_or(i64::MAX), system)
        }
        None => system,
    };
    // Kept only when it moved, or many questions in a microsecond would make it stand still.
    if latest.is_none_or(|(_, given)| time > given) {
        *latest = Some((instant, time));
    }
    Timestamp::from_millis(time.div_euclid(1000))
}

#[expect(clippy::disallowed_methods, reason = "this is the one clock")]
fn system_micros() -> i64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let micros = i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX);
    micros.saturating_sub(BEHIND_MS.load(Ordering::Relaxed).saturating_mul(1000))
}

/// The system's clock, less what a demonstration's past lies behind it.
pub(crate) fn system_ms() -> i64 {
    system_micros().div_euclid(1000)
}

/// The time after `passed` since `given`, by a system clock that may have been set back.
fn follow(given: i64, passed: i64, system: i64) -> i64 {
    system.max(given.saturating_add(passed / 2))
}

/// Lets the time of this process go on from `then`: how a demonstration's past is made by the same
/// functions as its present. Times already given out are never undercut.
pub(crate) fn go_on_from(then: Timestamp) {
    let real = present().millis();
    BEHIND_MS.store(real.saturating_sub(then.millis()).max(0), Ordering::Relaxed);
    *LATEST.lock().unwrap_or_else(PoisonError::into_inner) = None;
}

/// The system's time, whatever the time of this process.
pub(crate) fn present() -> Timestamp {
    now().plus_millis(BEHIND_MS.load(Ordering::Relaxed))
}

/// Back to the system's time.
pub(crate) fn go_on_from_the_present() {
    BEHIND_MS.store(0, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_set_back_slows_time_until_it_has_caught_up() {
        const SECOND: i64 = 1_000_000;
        // Set back by ten seconds at 100: half as fast for twenty seconds, then as before.
        let mut given = 100 * SECOND;
        for passed in 1..=30 {
            let system = (90 + passed) * SECOND;
            let next = follow(given, SECOND, system);
            assert!(next > given, "time goes on");
            assert!(next >= system);
            given = next;
            let expected = (100 * SECOND + passed * SECOND / 2).max(system);
            assert_eq!(given, expected, "after {passed} seconds");
        }
        assert_eq!(given, 120 * SECOND);
        assert_eq!(follow(given, SECOND, 500 * SECOND), 500 * SECOND, "forwards at once");
    }

    #[test]
    fn times_given_out_never_go_back_and_never_stand_still() {
        let first = now();
        let mut last = first;
        while last.millis() < first.millis() + 3 {
            let next = now();
            assert!(next >= last);
            last = next;
        }
    }
}
