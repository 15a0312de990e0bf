//! The only place that reads the system clock.

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

use lianshi_registry::time::Timestamp;

/// The latest time this process gave out.
static LATEST: AtomicI64 = AtomicI64::new(0);
/// How far this process's time lies behind the system's, in milliseconds: zero but while a
/// demonstration's past is made.
static BEHIND_MS: AtomicI64 = AtomicI64::new(0);

/// The time, never earlier than a time this process gave out before: a clock that jumps backwards
/// makes time stand still until it catches up, instead of writing records out of order.
#[expect(clippy::disallowed_methods, reason = "this is the one clock")]
pub fn now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let millis = i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX);
    let millis = millis.saturating_sub(BEHIND_MS.load(Ordering::Relaxed));
    let latest = LATEST.fetch_max(millis, Ordering::Relaxed);
    Timestamp::from_millis(millis.max(latest))
}

/// Lets the time of this process go on from `then`: how a demonstration's past is made by the same
/// functions as its present. Times already given out are never undercut.
pub(crate) fn go_on_from(then: Timestamp) {
    let real = now().millis().saturating_add(BEHIND_MS.load(Ordering::Relaxed));
    BEHIND_MS.store(real.saturating_sub(then.millis()).max(0), Ordering::Relaxed);
    LATEST.store(0, Ordering::Relaxed);
}

/// The system's time, whatever the time of this process.
pub(crate) fn present() -> Timestamp {
    now().plus_millis(BEHIND_MS.load(Ordering::Relaxed))
}

/// Back to the system's time.
pub(crate) fn go_on_from_the_present() {
    BEHIND_MS.store(0, Ordering::Relaxed);
}
