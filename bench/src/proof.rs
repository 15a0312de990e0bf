//! Inclusion proofs of a large log, made from its tiles in the database. The tree is planted
//! without entries: a proof reads hash tiles alone. Every proof is checked against the root.
//!
//! Three rows: with everything in memory; with the file thrown out of the system's page cache
//! before each proof, so that every tile comes from the disk; and, as the baseline, reading the one
//! tile that holds the leaf.

use std::{path::Path, process::Command, time::Duration};

use anyhow::{Context as _, ensure};
use clap::Args;
use lianshi_registry::{
    merkle::{leaf_hash, verify_inclusion},
    tile::{Coordinate, Level, TILE_WIDTH},
};
use lianshi_store::{Db, Site, log, rehearsal::logs::plant};
use serde_json::{Value, json};

use crate::{
    disk::fdatasync,
    memory, node,
    report::Report,
    stopwatch::{Stopwatch, millis, percentile},
};

/// Measure proofs of a large log.
#[derive(Debug, Args)]
pub struct Proof {
    /// Entries in the log.
    #[arg(long, default_value_t = 10_000_000)]
    entries: u64,
    /// Proofs from memory.
    #[arg(long, default_value_t = 10_000)]
    proofs: u64,
    /// Proofs from the disk.
    #[arg(long, default_value_t = 300)]
    cold: u64,
    /// Where the data folder is made; the disk that is measured.
    #[arg(long, default_value = ".")]
    folder: std::path::PathBuf,
}

impl Proof {
    /// Runs it.
    pub fn run(&self) -> anyhow::Result<()> {
        ensure!(self.entries > 0, "an empty log proves nothing");
        let home = tempfile::tempdir_in(&self.folder)?;
        let fdatasync = fdatasync(home.path())?;
        let file = home.path().join("node.sqlite");
        let site = site(home.path(), Db::open_file(&file)?)?;
        memory::reset_peak()?;
        let watch = Stopwatch::start();
        plant(&site, self.entries, &mut |_| {})?;
        let planted = watch.elapsed();
        let planted_mib = memory::peak_mib()?;
        memory::reset_peak()?;
        let rows = vec![
            self.row(&site, "from memory", self.proofs, || Ok(()))?,
            self.row(&site, "from disk", self.cold, || forget(&file))?,
            self.one_tile(&site, || Ok(()))?,
        ];
        let what = format!(
            "Inclusion proofs of a log of {} entries, planted in {:.1} s with {planted_mib:.0} MiB",
            self.entries,
            planted.as_secs_f64()
        );
        Report { name: "proof", what, fdatasync, rows }.print()
    }

    /// Proofs of entries all over the log, each checked; `before` runs ahead of each and is not
    /// counted.
    fn row(
        &self,
        site: &Site,
        what: &str,
        count: u64,
        before: impl Fn() -> anyhow::Result<()>,
    ) -> anyhow::Result<Row> {
        let origin = &site.origin;
        let head = site.db.read(|read| log::head(read, origin))?.context("the log is gone")?;
        let mut taken = Vec::new();
        for number in 0..count {
            let index = scattered(number) % self.entries;
            before()?;
            let watch = Stopwatch::start();
            let proof = site
                .db
                .read(|read| log::inclusion_proof(read, origin, index, self.entries))?
                .context("no proof")?;
            taken.push(watch.elapsed());
            let leaf = leaf_hash(&index.to_be_bytes());
            verify_inclusion(leaf, (index, self.entries), &proof, head.root)?;
        }
        row(what, taken)
    }

    fn one_tile(
        &self,
        site: &Site,
        before: impl Fn() -> anyhow::Result<()>,
    ) -> anyhow::Result<Row> {
        let mut taken = Vec::new();
        for number in 0..self.proofs {
            let place = scattered(number) % self.entries / u64::from(TILE_WIDTH);
            let tile = Coordinate::at(Level::Hashes(0), place, self.entries).context("a tile")?;
            before()?;
            let watch = Stopwatch::start();
            let read = site.db.read(|read| log::unpublished_tile(read, &site.origin, tile))?;
            taken.push(watch.elapsed());
            ensure!(read.is_some(), "no tile");
        }
        row("baseline: one tile", taken)
    }
}

type Row = Vec<(&'static str, Value)>;

fn row(what: &str, mut taken: Vec<Duration>) -> anyhow::Result<Row> {
    Ok(vec![
        ("what", json!(what)),
        ("count", json!(taken.len())),
        ("p50_ms", json!(millis(percentile(&mut taken, 50)))),
        ("p99_ms", json!(millis(percentile(&mut taken, 99)))),
        ("peak_mib", json!(memory::peak_mib()?)),
    ])
}

/// Throws a file out of the page cache, which `dd` does when it is told to and to copy nothing.
fn forget(file: &Path) -> anyhow::Result<()> {
    let done = Command::new("dd")
        .arg(format!("if={}", file.display()))
        .args(["iflag=nocache", "count=0", "status=none"])
        .status()?;
    ensure!(done.success(), "dd failed; it must be the one of GNU coreutils");
    Ok(())
}

/// Numbers all over the range, the same in every run (splitmix64).
fn scattered(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

fn site(folder: &Path, db: Db) -> anyhow::Result<Site> {
    let site = node::site(folder, db)?;
    site.db.write(|write| log::create_own(write, &site))?;
    Ok(site)
}
