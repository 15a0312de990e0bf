//! Named points at which a rehearsal may end the process, as a power cut would. In the program they
//! are nothing.

/// The point at which the process ends, and how often it is passed before: `name:times`.
#[cfg(feature = "rehearsal")]
pub const CRASH_AT: &str = "LIANSHI_CRASH_AT";

/// Every point of a log.
#[cfg(feature = "rehearsal")]
pub const POINTS: [&str; 12] = [
    "append.tiles",
    "append.bundles",
    "append.folded",
    "commit.before",
    "commit.after",
    "head.compared",
    "file.written",
    "file.synced",
    "file.renamed",
    "adopt.verified",
    "adopt.stored",
    "cosign.remembered",
];

/// Every point inside a restore, or the making of a folder of a node that returns.
#[cfg(feature = "rehearsal")]
pub const RESTORE_POINTS: [&str; 6] = [
    "return.marked",
    "restore.marked",
    "restore.emptied",
    "restore.table",
    "restore.committed",
    "restore.finished",
];

/// Every point inside a close.
#[cfg(feature = "rehearsal")]
pub const CLOSE_POINTS: [&str; 5] =
    ["close.rated", "close.parked", "close.divided", "close.sealed", "close.carried"];

/// Ends the process here when a rehearsal asks for it.
#[cfg(feature = "rehearsal")]
pub(crate) fn point(name: &str) {
    use std::sync::atomic::{AtomicU32, Ordering};

    static PASSED: AtomicU32 = AtomicU32::new(0);
    let Ok(wanted) = std::env::var(CRASH_AT) else { return };
    let Some((point, times)) = wanted.split_once(':') else { return };
    let times = times.parse().unwrap_or(0);
    if point == name && PASSED.fetch_add(1, Ordering::Relaxed) == times {
        std::process::abort();
    }
}

/// Nothing.
#[cfg(not(feature = "rehearsal"))]
pub(crate) fn point(_: &str) {}
