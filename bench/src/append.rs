//! Durable appends: callers hand entries to the grouped writer and wait for their index; meanwhile
//! every new head is signed and stored, as a serving node does. Each entry is encoded, hashed,
//! bundled, tiled, folded into the catalog and committed with a sync.
//!
//! The baseline is a writer in the same groups that stores the same bytes, one row each, in a table
//! of the same database file, and does nothing else.

use std::{
    path::Path,
    sync::{
        Arc,
        mpsc::{Receiver, sync_channel},
    },
    thread,
    time::Duration,
};

use anyhow::{Context as _, anyhow, ensure};
use clap::Args;
use lianshi_registry::{
    entry::{Entry, Fact, Organization, OrganizationKind, Texts},
    id::{DivisionCode, NodeName, Origin},
    json,
    key::KeyPair,
    time::Timestamp,
    uscc::Uscc,
};
use lianshi_store::{Db, Site, log, rehearsal::logs::bare_writer};
use serde_json::{Value, json as value};

use crate::{
    disk::fdatasync,
    filler,
    report::Report,
    stopwatch::{Stopwatch, millis, per_second, percentile},
};

/// A code that is valid and names nobody: the example of the standard.
const ORGANIZATION: &str = "91350100M000100Y43";

/// Durable appends to a node's own log, signed heads included.
#[derive(Debug, Args)]
pub struct Append {
    /// Entries each run appends.
    #[arg(long, default_value_t = 20_000)]
    entries: usize,
    /// Callers at the same time, one run for each number.
    #[arg(long, value_delimiter = ',', default_value = "1,16,64,256")]
    callers: Vec<usize>,
    /// Entries a caller hands in at once.
    #[arg(long, default_value_t = 1)]
    batch: usize,
    /// Bytes of an entry, about.
    #[arg(long, default_value_t = 1024)]
    bytes: usize,
    /// URL of an empty PostgreSQL database; a fresh SQLite file when not given.
    #[arg(long)]
    database: Option<String>,
    /// Where the data folders are made; the disk that is measured.
    #[arg(long, default_value = ".")]
    folder: std::path::PathBuf,
}

impl Append {
    /// Runs it.
    pub fn run(&self) -> anyhow::Result<()> {
        ensure!(self.batch > 0 && self.entries > 0, "nothing to append");
        let root = tempfile::tempdir_in(&self.folder)?;
        let fdatasync = fdatasync(root.path())?;
        let mut rows = Vec::new();
        for (generation, callers) in (1..).zip(&self.callers) {
            let folder = root.path().join(format!("{callers}-{generation}"));
            std::fs::create_dir(&folder)?;
            rows.push(self.measure(&folder, (*callers).max(1), generation)?);
        }
        let database = if self.database.is_some() { "PostgreSQL" } else { "SQLite" };
        let what = format!(
            "Durable appends on {database}: entries of about {} bytes, {} at once",
            self.bytes, self.batch
        );
        Report { name: "append", what, fdatasync, rows }.print()
    }

    fn measure(
        &self,
        folder: &Path,
        callers: usize,
        generation: u32,
    ) -> anyhow::Result<Vec<(&'static str, Value)>> {
        let (nudge, nudged) = sync_channel(1);
        let wake = move || {
            // A full channel means that the publisher will run anyway.
            let _ = nudge.try_send(());
        };
        let site = self.site(folder, generation, Arc::new(wake))?;
        let writer = log::writer(&site)?;
        let rounds = self.entries.div_ceil(callers * self.batch);
        let entry = entry(self.bytes)?;
        let publisher = thread::spawn({
            // Without the nudge of its own, so that it ends with those who can nudge it.
            let site = Site { nudge: Arc::new(|| {}), ..site.clone() };
            move || publish(&site, &nudged)
        });
        let entries = vec![entry.clone(); self.batch];
        let (mut taken, elapsed) = at_once(callers, rounds, || {
            writer.call(entries.clone())??;
            site.nudge();
            Ok(())
        })?;
        drop(writer);
        let bare = bare_writer(&site)?;
        let bytes = json::encode_entry(&entry)?;
        // A row each: a caller with several entries hands them in one after the other.
        let (mut bare_taken, bare_elapsed) = at_once(callers, rounds * self.batch, || {
            bare.call(bytes.clone())?;
            Ok(())
        })?;
        drop(bare);
        let origin = site.origin.clone();
        let db = site.db.clone();
        drop(site);
        let heads = publisher.join().map_err(|_| anyhow!("the publisher panicked"))??;
        let head = db.read(|read| log::head(read, &origin))?.context("the log is gone")?;
        let appended = rounds * callers * self.batch;
        ensure!(head.size == u64::try_from(appended)?, "an answered entry is missing");
        Ok(vec![
            ("callers", value!(callers)),
            ("entries", value!(appended)),
            ("appends_per_s", value!(per_second(appended, elapsed))),
            ("p50_ms", value!(millis(percentile(&mut taken, 50)))),
            ("p99_ms", value!(millis(percentile(&mut taken, 99)))),
            ("signed_heads", value!(heads)),
            ("bare_rows_per_s", value!(per_second(appended, bare_elapsed))),
            ("bare_p50_ms", value!(millis(percentile(&mut bare_taken, 50)))),
            ("bare_p99_ms", value!(millis(percentile(&mut bare_taken, 99)))),
            ("of_bare", value!(bare_elapsed.as_secs_f64() / elapsed.as_secs_f64())),
        ])
    }

    fn site(
        &self,
        folder: &Path,
        generation: u32,
        nudge: Arc<dyn Fn() + Send + Sync>,
    ) -> anyhow::Result<Site> {
        let db = match &self.database {
            Some(url) => Db::open(url)?,
            None => Db::open_file(&folder.join("node.sqlite"))?,
        };
        let site = Site {
            db,
            node: NodeName::parse("bench")?,
            name: Texts { zh: "测量".to_owned(), en: "Bench".to_owned() },
            division: DivisionCode::parse("330212")?,
            origin: Origin::parse(&format!("bench.example/bench/{generation}"))?,
            public_url: "http://127.0.0.1:1".to_owned(),
            log_key: KeyPair::from_seed([1; 32]),
            seal_key: KeyPair::from_seed([2; 32]),
            witness_key: KeyPair::from_seed([3; 32]),
            quorum: lianshi_registry::policy::Rule::default(),
            folder: folder.to_owned(),
            clock: lianshi_node::clock::now,
            nudge,
        };
        site.db.write(|write| log::create_own(write, &site))?;
        Ok(site)
    }
}

/// Lets callers do the same thing again and again, all at once; gives how long each call took and
/// how long all of it.
fn at_once(
    callers: usize,
    rounds: usize,
    call: impl Fn() -> anyhow::Result<()> + Sync,
) -> anyhow::Result<(Vec<Duration>, Duration)> {
    let watch = Stopwatch::start();
    let taken = thread::scope(|scope| {
        let calling: Vec<_> = (0..callers).map(|_| scope.spawn(|| again(rounds, &call))).collect();
        calling
            .into_iter()
            .map(|caller| caller.join().map_err(|_| anyhow!("a caller panicked"))?)
            .collect::<anyhow::Result<Vec<Vec<Duration>>>>()
    })?;
    Ok((taken.concat(), watch.elapsed()))
}

fn again(rounds: usize, call: impl Fn() -> anyhow::Result<()>) -> anyhow::Result<Vec<Duration>> {
    let mut taken = Vec::with_capacity(rounds);
    for _ in 0..rounds {
        let watch = Stopwatch::start();
        call()?;
        taken.push(watch.elapsed());
    }
    Ok(taken)
}

/// Signs a head whenever it is nudged; ends when nobody can nudge any more.
fn publish(site: &Site, nudged: &Receiver<()>) -> anyhow::Result<usize> {
    let mut heads = 0;
    while nudged.recv().is_ok() {
        heads += usize::from(log::publish_head(site)?.fresh);
    }
    Ok(heads)
}

fn entry(bytes: usize) -> anyhow::Result<Entry> {
    Ok(Entry {
        at: Timestamp::from_millis(0),
        by: "bench".to_owned(),
        fact: Fact::OrganizationListed(Organization {
            uscc: Uscc::parse(ORGANIZATION)?,
            name: filler::names(bytes),
            kind: OrganizationKind::Provider,
            division: DivisionCode::parse("330212")?,
        }),
    })
}
