//! A cold replica over loopback: one node holds a log, another joins with an empty folder; both run
//! the peers of a serving node. Counted is everything until the last entry is verified, stored with
//! its tiles and folded.
//!
//! Two baselines over what the replica then holds: hashing the bytes of every entry with SHA-256,
//! and inserting the same rows, tiles and folded objects, into an empty database with nothing
//! around. Two more rows say what reading the entries costs in one thread, and what it would cost
//! to write the canonical form of each and compare.

use std::{net::TcpListener, path::Path, sync::Arc, time::Duration};

use anyhow::{Context as _, ensure};
use clap::Args;
use lianshi_node::{
    cli::member::admit_self,
    files::PEERS_MAX,
    folder::{CharterSource, Config, Folder},
    peer::{self, Inbound, Letters},
};
use lianshi_registry::{
    entry::{Entry, Fact, Organization, OrganizationKind, Texts},
    id::{DivisionCode, FederationDomain, NodeName, Origin},
    json,
    merkle::leaf_hash,
    sync::RANGE_BUNDLES,
    tile::TILE_WIDTH,
    uscc,
};
use lianshi_routes::proxies::Proxies;
use lianshi_store::{
    Db, Site, accounts::SecondFactorRule, audit::Actor, log, members, rehearsal::logs::Rows,
};
use serde_json::json as value;
use tokio::sync::Notify;

use crate::{
    disk::fdatasync,
    filler, memory,
    report::Report,
    stopwatch::{Stopwatch, millis, per_second},
};

/// Entries appended at once while the log is made: one bundle.
const APPENDED_AT_ONCE: u64 = 256;
/// Longest the replica may take.
const LIMIT: Duration = Duration::from_mins(30);

/// Measure how fast a new node gets a log.
#[derive(Debug, Args)]
pub struct Replica {
    /// Entries in the log.
    #[arg(long, default_value_t = 100_000)]
    entries: u64,
    /// Bytes of an entry, about.
    #[arg(long, default_value_t = 1024)]
    bytes: usize,
    /// Where the data folders are made; the disk that is measured.
    #[arg(long, default_value = ".")]
    folder: std::path::PathBuf,
}

impl Replica {
    /// Runs it.
    pub fn run(&self) -> anyhow::Result<()> {
        let home = tempfile::tempdir_in(&self.folder)?;
        let fdatasync = fdatasync(home.path())?;
        let root = node(home.path(), ("ningbo", "330200"), None)?;
        let reader = node(home.path(), ("haishu", "330203"), Some(&root))?;
        let root_site = root.command_site()?;
        root_site.db.write(|write| log::create_own(write, &root_site))?;
        admit_self(&root, &root_site)?;
        members::admit(&root_site, &Actor::node(), &reader.application())?;
        self.fill(&root_site)?;
        log::publish_head(&root_site)?;
        let size = size(&root_site, &root_site.origin)?;
        memory::reset_peak()?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let elapsed = runtime.block_on(replicate((&root, &root_site), &reader, size))?;
        let peak_mib = memory::peak_mib()?;
        filler::is_folded(&reader.command_site()?.db)?;
        let held = (&reader.command_site()?.db, &root_site.origin);
        let hashing = over_entries(held, size, |entry| {
            std::hint::black_box(leaf_hash(entry));
            Ok(())
        })?;
        let reading = over_entries(held, size, |entry| {
            std::hint::black_box(json::parse_entry(entry)?);
            Ok(())
        })?;
        let writing = over_entries(held, size, |entry| {
            let value = serde_json::from_slice(entry)?;
            ensure!(json::canonicalize(&value)? == entry, "not canonical");
            std::hint::black_box(serde_json::from_value::<Entry>(value)?);
            Ok(())
        })?;
        let inserting = insert(held, &home.path().join("bare.sqlite"))?;
        let count = usize::try_from(size)?;
        let row = |what: &str, elapsed: Duration, peak_mib: Option<f64>| {
            vec![
                ("what", value!(what)),
                ("entries", value!(size)),
                ("seconds", value!(millis(elapsed) / 1000.0)),
                ("entries_per_s", value!(per_second(count, elapsed))),
                ("peak_mib_of_both_nodes", value!(peak_mib)),
            ]
        };
        let rows = vec![
            row("replica", elapsed, Some(peak_mib)),
            row("baseline: SHA-256 of the same bytes", hashing, None),
            row("baseline: insert of the same rows", inserting, None),
            row("of it: reading the same entries", reading, None),
            row("the same by writing the canonical form", writing, None),
        ];
        let what = format!("A cold replica over loopback: entries of about {} bytes", self.bytes);
        Report { name: "replica", what, fdatasync, rows }.print()
    }

    fn fill(&self, site: &Site) -> anyhow::Result<()> {
        let mut number = 0;
        while number < self.entries {
            let end = (number + APPENDED_AT_ONCE).min(self.entries);
            let entries: anyhow::Result<Vec<Entry>> =
                (number..end).map(|number| self.entry(site, number)).collect();
            let entries = entries?;
            site.db.write(|write| log::append(write, &site.origin, &entries, site.now()))?;
            number = end;
        }
        Ok(())
    }

    fn entry(&self, site: &Site, number: u64) -> anyhow::Result<Entry> {
        let code = uscc::complete(&format!("91{}{number:09}", site.division));
        let fact = Fact::OrganizationListed(Organization {
            uscc: code.context("nine digits")?,
            name: filler::names(self.bytes),
            kind: OrganizationKind::Provider,
            division: site.division.clone(),
        });
        Ok(Entry { at: site.now(), by: site.node.to_string(), fact })
    }
}

fn node(
    home: &Path,
    (name, division): (&str, &str),
    root: Option<&Folder>,
) -> anyhow::Result<Folder> {
    let free = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let peer = format!("/ip4/127.0.0.1/tcp/{}", free.port());
    let config = Config {
        node: NodeName::parse(name)?,
        name: Texts { zh: "测量".to_owned(), en: name.to_owned() },
        division: DivisionCode::parse(division)?,
        level: if root.is_none() { "city" } else { "district" }.to_owned(),
        generation: 1,
        database: String::new(),
        listen: "127.0.0.1:0".to_owned(),
        listen_ops: "127.0.0.1:0".to_owned(),
        listen_peer: peer.clone(),
        public_url: "http://127.0.0.1:1".to_owned(),
        peer_addresses: vec![peer],
        second_factor: SecondFactorRule::Required,
        proxies: Proxies::default(),
        mail: None,
        webhooks: Vec::new(),
    };
    let charter = match root {
        Some(root) => CharterSource::Join(root.charter.clone()),
        None => CharterSource::Found(FederationDomain::parse("bench.example")?),
    };
    Folder::init(&home.join(name), config, charter)
}

/// Starts both nodes and waits until the second holds as much as the first.
async fn replicate(
    (root, root_site): (&Folder, &Site),
    reader: &Folder,
    size_wanted: u64,
) -> anyhow::Result<Duration> {
    let letters: Letters = Arc::new(|_, _, _| Err("no letters".to_owned()));
    let inbound = || Inbound { letters: Arc::clone(&letters), connections: PEERS_MAX };
    let giving = peer::start(root, root_site, Arc::new(Notify::new()), inbound()).await?;
    let reader_site = reader.command_site()?;
    let watch = Stopwatch::start();
    let taking = peer::start(reader, &reader_site, Arc::new(Notify::new()), inbound()).await?;
    while size(&reader_site, &root_site.origin)? < size_wanted {
        ensure!(watch.elapsed() < LIMIT, "the replica did not arrive in time");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let elapsed = watch.elapsed();
    taking.stop().await;
    giving.stop().await;
    Ok(elapsed)
}

/// How long doing something with every entry takes in one thread; fetching them is not counted.
fn over_entries(
    (db, origin): (&Db, &Origin),
    size: u64,
    work: impl Fn(&[u8]) -> anyhow::Result<()>,
) -> anyhow::Result<Duration> {
    let mut elapsed = Duration::ZERO;
    let mut from = 0;
    while from < size {
        let entries = db.read(|read| log::entries(read, origin, from, APPENDED_AT_ONCE))?;
        let watch = Stopwatch::start();
        for entry in &entries {
            work(entry)?;
        }
        elapsed += watch.elapsed();
        from += u64::try_from(entries.len())?;
        ensure!(!entries.is_empty(), "the log ends before its size");
    }
    Ok(elapsed)
}

/// How long inserting the same rows takes, as many in a transaction as a pulled range brings;
/// reading them is not counted.
fn insert((db, origin): (&Db, &Origin), file: &Path) -> anyhow::Result<Duration> {
    let bare = Db::open_file(file)?;
    let site_log = db.read(|read| log::head(read, origin))?.context("the log is gone")?;
    bare.write(|write| log::create_replica(write, origin, site_log.log_key))?;
    let tiles = i64::try_from(RANGE_BUNDLES)?;
    let wanted = (tiles, tiles * i64::from(TILE_WIDTH));
    let mut elapsed = Duration::ZERO;
    let mut rows = Rows::default();
    while let Some(next) = db.read(|read| rows.next(read, origin, wanted))? {
        let watch = Stopwatch::start();
        next.insert(&bare)?;
        elapsed += watch.elapsed();
        rows = next;
    }
    Ok(elapsed)
}

fn size(site: &Site, origin: &Origin) -> anyhow::Result<u64> {
    let head = site.db.read(|read| log::head(read, origin))?;
    Ok(head.map_or(0, |head| head.checkpoint_size))
}
