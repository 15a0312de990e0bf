//! A cold replica over loopback: one node holds a log, another joins with an empty folder; both run
//! the peers of a serving node. Counted is everything until the last entry is verified, stored with
//! its tiles and folded.

use std::{net::TcpListener, path::Path, sync::Arc, time::Duration};

use anyhow::{Context as _, ensure};
use clap::Args;
use lianshi_node::{
    cli::member::admit_self,
    folder::{CharterSource, Config, Folder},
    peer::{self, Letters},
};
use lianshi_registry::{
    entry::{ENTRY_VERSION, Entry, Fact, Organization, OrganizationKind, Texts},
    id::{DivisionCode, FederationDomain, NodeName, Origin},
    uscc,
};
use lianshi_store::{Site, audit::Actor, log, members};
use serde_json::json;
use tokio::sync::Notify;

use crate::{
    disk::fdatasync,
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
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let elapsed = runtime.block_on(replicate((&root, &root_site), &reader, size))?;
        let count = usize::try_from(size)?;
        let row = vec![
            ("entries", json!(size)),
            ("seconds", json!(millis(elapsed) / 1000.0)),
            ("entries_per_s", json!(per_second(count, elapsed))),
        ];
        let what = format!("A cold replica over loopback: entries of about {} bytes", self.bytes);
        Report { name: "replica", what, fdatasync, rows: vec![row] }.print()
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
            name: Texts {
                zh: "测量单位".to_owned(),
                en: "x".repeat(self.bytes.saturating_sub(250)),
            },
            kind: OrganizationKind::Provider,
            division: site.division.clone(),
        });
        Ok(Entry { v: ENTRY_VERSION, at: site.now(), by: site.node.to_string(), fact })
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
        public_url: String::new(),
        peer_addresses: vec![peer],
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
    let giving =
        peer::start(root, root_site, Arc::new(Notify::new()), Arc::clone(&letters)).await?;
    let reader_site = reader.command_site()?;
    let watch = Stopwatch::start();
    let taking = peer::start(reader, &reader_site, Arc::new(Notify::new()), letters).await?;
    while size(&reader_site, &root_site.origin)? < size_wanted {
        ensure!(watch.elapsed() < LIMIT, "the replica did not arrive in time");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let elapsed = watch.elapsed();
    taking.stop().await;
    giving.stop().await;
    Ok(elapsed)
}

fn size(site: &Site, origin: &Origin) -> anyhow::Result<u64> {
    let head = site.db.read(|read| log::head(read, origin))?;
    Ok(head.map_or(0, |head| head.checkpoint_size))
}
