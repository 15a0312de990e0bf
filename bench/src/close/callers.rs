//! Callers beside a close: each meters a call durably, pauses, and meters the next one.

use std::{
    fs,
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::channel,
    },
    thread::JoinHandle,
    time::Duration,
};

use anyhow::{Context as _, ensure};
use lianshi_market::agreement::Agreement;
use lianshi_store::{
    Site,
    group::Group,
    rehearsal,
    usage::{self, Metered, Metering},
};
use serde_json::{Value, json};

use crate::stopwatch::{Stopwatch, millis, pause, per_second, percentile};

/// Pause between two calls of a caller: eight callers then make about three hundred calls a second,
/// which leaves the machine to the close.
const PAUSE: Duration = Duration::from_millis(25);
/// How often the log of changes is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// Callers at work, until they are asked what they saw.
pub struct Callers {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
    seen: Arc<Seen>,
    watch: Stopwatch,
}

/// What the callers saw.
#[derive(Default)]
struct Seen {
    latencies: Mutex<Vec<Duration>>,
    failed: AtomicU64,
    wal_bytes: AtomicU64,
}

impl Callers {
    /// Starts so many callers, each with a contract of its own.
    pub fn start(site: &Site, agreements: &[Agreement]) -> anyhow::Result<Self> {
        let node = site.node.clone();
        let meter: Group<Metering, Metered> =
            Group::start(site.db.clone(), "bench-meter", move |write, calls| {
                usage::meter(write, &node, calls)
            })?;
        let (stop, seen) = (Arc::new(AtomicBool::new(false)), Arc::new(Seen::default()));
        let mut threads = Vec::new();
        for agreement in agreements {
            let call = rehearsal::metering(agreement, "verify", site.now());
            let (meter, seen, stop) = (meter.clone(), Arc::clone(&seen), Arc::clone(&stop));
            threads.push(std::thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    seen.call(&meter, &call);
                    pause(PAUSE);
                }
            }));
        }
        let wal = site.folder.join("node.sqlite-wal");
        let (watched, stopped) = (Arc::clone(&seen), Arc::clone(&stop));
        threads.push(std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                watched.look(&wal);
                pause(LOOK);
            }
        }));
        Ok(Self { stop, threads, seen, watch: Stopwatch::start() })
    }

    /// Stops them; gives their row of the table.
    pub fn finish(self, when: &'static str) -> anyhow::Result<Vec<(&'static str, Value)>> {
        let elapsed = self.watch.elapsed();
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().map_err(|_| anyhow::anyhow!("a caller panicked"))?;
        }
        let mut latencies = std::mem::take(
            &mut *self.seen.latencies.lock().unwrap_or_else(PoisonError::into_inner),
        );
        ensure!(!latencies.is_empty(), "no call was answered");
        let longest = *latencies.iter().max().context("a call")?;
        let mib = self.seen.wal_bytes.load(Ordering::Relaxed) / (1024 * 1024);
        Ok(vec![
            ("when", json!(when)),
            ("calls", json!(latencies.len())),
            ("calls_s", json!(per_second(latencies.len(), elapsed))),
            ("failed", json!(self.seen.failed.load(Ordering::Relaxed))),
            ("p50_ms", json!(millis(percentile(&mut latencies, 50)))),
            ("p99_ms", json!(millis(percentile(&mut latencies, 99)))),
            ("longest_ms", json!(millis(longest))),
            ("wal_mib", json!(mib)),
        ])
    }
}

impl Seen {
    fn call(&self, meter: &Group<Metering, Metered>, call: &Metering) {
        let (answer, outcome) = channel();
        let watch = Stopwatch::start();
        meter.submit(call.clone(), move |metered| {
            // Nobody listens once the measurement ends.
            let _ = answer.send(metered);
        });
        if let Ok(Ok(Metered::Recorded { .. })) = outcome.recv() {
            let mut all = self.latencies.lock().unwrap_or_else(PoisonError::into_inner);
            all.push(watch.elapsed());
        } else {
            self.failed.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn look(&self, wal: &PathBuf) {
        // PostgreSQL has none.
        let bytes = fs::metadata(wal).map_or(0, |file| file.len());
        self.wal_bytes.fetch_max(bytes, Ordering::Relaxed);
    }
}
