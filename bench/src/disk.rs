//! The disk under a measurement: without its sync latency no durable figure means anything.

use std::{fs::File, io::Write as _, path::Path};

use serde_json::{Value, json};

use crate::stopwatch::{Stopwatch, millis, percentile};

/// Writes followed by a sync that are measured.
const SYNCS: usize = 200;

/// Appends 4 KiB and syncs, again and again, in `folder`; gives median and tail in milliseconds.
pub fn fdatasync(folder: &Path) -> anyhow::Result<Value> {
    let path = folder.join("fdatasync.probe");
    let mut file = File::create(&path)?;
    let mut taken = Vec::with_capacity(SYNCS);
    for _ in 0..SYNCS {
        file.write_all(&[0x5a; 4096])?;
        let watch = Stopwatch::start();
        file.sync_data()?;
        taken.push(watch.elapsed());
    }
    std::fs::remove_file(&path)?;
    let at = |taken: &mut Vec<_>, percent| millis(percentile(taken, percent));
    Ok(json!({
        "p50_ms": at(&mut taken, 50),
        "p90_ms": at(&mut taken, 90),
        "p99_ms": at(&mut taken, 99),
    }))
}
