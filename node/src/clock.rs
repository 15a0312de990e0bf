//! The only place that reads the system clock.

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

use lianshi_registry::time::Timestamp;

/// The latest time this process gave out.
static LATEST: AtomicI64 = AtomicI64::new(0);

/// The time, never earlier than a time this process gave out before: a clock that jumps backwards
/// makes time stand still until it catches up, instead of writing records out of order.
#[expect(clippy::disallowed_methods, reason = "this is the one clock")]
pub fn now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let millis = i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX);
    let latest = LATEST.fetch_max(millis, Ordering::Relaxed);
    Timestamp::from_millis(millis.max(latest))
}
