//! The outbox with one absent peer: how long a letter takes to a node that is there, and what is
//! written meanwhile, with nothing else waiting and with thousands of letters that wait for a node
//! that is away.

use std::{
    fs,
    path::PathBuf,
    sync::{Arc, mpsc::Receiver, mpsc::channel},
    time::Duration,
};

use anyhow::{Context as _, ensure};
use clap::Args;
use lianshi_market::message::MESSAGE_KIND;
use lianshi_node::{
    net::{self, Answer, Listen, NetHandle, Peer, Request, Serve},
    post::{self, outlets::Outlets},
};
use lianshi_registry::{id::NodeName, key::KeyPair, wire};
use lianshi_store::{
    Fault, Site,
    outbox::{self, OutboxRow},
    statements,
};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::{
    disk::fdatasync,
    node::node,
    report::Report,
    stopwatch::{Stopwatch, millis, percentile},
};

/// Bytes of a letter, about those of a statement.
const LETTER_BYTES: usize = 3_000;
/// Letters written in one transaction while the stage is set.
const WRITTEN_AT_ONCE: usize = 1_000;
/// Pause between two letters that are measured.
const PAUSE: Duration = Duration::from_millis(50);
/// Longest a letter or a link may take.
const LIMIT: Duration = Duration::from_mins(2);
/// Where the two nodes listen.
const ADDRESSES: [&str; 2] = ["/ip4/127.0.0.1/tcp/18471", "/ip4/127.0.0.1/tcp/18472"];
/// Whom the letters are for that are measured, and whom the others are for.
const THERE: &str = "haishu";
const AWAY: &str = "beilun";

/// Measure letters to a node that is there while others wait for one that is away.
#[derive(Debug, Args)]
pub struct Outbox {
    /// Letters that wait for the node that is away.
    #[arg(long, default_value_t = 30_000)]
    waiting: usize,
    /// Letters that are measured.
    #[arg(long, default_value_t = 200)]
    letters: usize,
    /// URL of an empty PostgreSQL database; a fresh SQLite file when not given.
    #[arg(long)]
    database: Option<String>,
    /// Where the data folder is made; the disk that is measured.
    #[arg(long, default_value = ".")]
    folder: PathBuf,
}

impl Outbox {
    /// Runs it.
    pub fn run(&self) -> anyhow::Result<()> {
        let root = tempfile::tempdir_in(&self.folder)?;
        let fdatasync = fdatasync(root.path())?;
        let site = node(root.path(), self.database.as_deref())?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let rows = runtime.block_on(self.measure(&site))?;
        let database = if self.database.is_some() { "PostgreSQL" } else { "SQLite" };
        let what = format!("Letters to a node that is there, on {database}");
        Report { name: "outbox", what, fdatasync, rows }.print()
    }

    async fn measure(&self, site: &Site) -> anyhow::Result<Vec<Vec<(&'static str, Value)>>> {
        let (heard, letters) = channel();
        let taken = wire::Receipt::Taken.to_bytes();
        let take: Serve = Arc::new(move |_, request| match request {
            Request::Letter { .. } => {
                // Nobody listens once the measurement ends.
                let _ = heard.send(());
                Answer::Done(taken.clone())
            }
            _ => Answer::Missing,
        });
        let none: Serve = Arc::new(|_, _| Answer::Missing);
        let keys = [KeyPair::from_seed([11; 32]), KeyPair::from_seed([12; 32])];
        let (near, _near) = net::start(&keys[0], &Listen::at(ADDRESSES[0]), none)?;
        let (far, _far) = net::start(&keys[1], &Listen::at(ADDRESSES[1]), take)?;
        let absent = peer(AWAY, &KeyPair::from_seed([13; 32]), "/ip4/127.0.0.1/tcp/1")?;
        near.set_peers(vec![peer(THERE, &keys[1], ADDRESSES[1])?, absent]).await;
        far.set_peers(vec![peer(site.node.as_str(), &keys[0], ADDRESSES[0])?]).await;
        linked(near.clone()).await?;
        let wake = Arc::new(Notify::new());
        let outlets = Arc::new(Outlets::new(site, None, &[])?);
        let post = tokio::spawn(post::run(site.clone(), near.clone(), outlets, Arc::clone(&wake)));
        let mut rows = vec![self.send(site, &wake, (&letters, 0)).await?];
        let ids: Vec<usize> = (0..self.waiting).collect();
        for ids in ids.chunks(WRITTEN_AT_ONCE) {
            let waiting: Vec<_> =
                ids.iter().map(|id| letter(*id, AWAY, statements::KIND)).collect();
            enqueue(site, &waiting)?;
        }
        rows.push(self.send(site, &wake, (&letters, self.waiting)).await?);
        post.abort();
        near.stop().await;
        far.stop().await;
        Ok(rows)
    }

    async fn send(
        &self,
        site: &Site,
        wake: &Notify,
        (heard, waiting): (&Receiver<()>, usize),
    ) -> anyhow::Result<Vec<(&'static str, Value)>> {
        let (before, whole) = (written()?, Stopwatch::start());
        let mut taken = Vec::with_capacity(self.letters);
        for id in 0..self.letters {
            let watch = Stopwatch::start();
            enqueue(site, &[letter(id + waiting, THERE, MESSAGE_KIND)])?;
            wake.notify_waiters();
            tokio::task::block_in_place(|| heard.recv_timeout(LIMIT))
                .context("it did not arrive")?;
            taken.push(watch.elapsed());
            tokio::time::sleep(PAUSE).await;
        }
        let bytes = written()?.saturating_sub(before);
        let longest = taken.iter().max().copied().unwrap_or_default();
        let seconds = whole.elapsed().as_secs_f64();
        Ok(vec![
            ("waiting", json!(waiting)),
            ("letters", json!(taken.len())),
            ("p50_ms", json!(millis(percentile(&mut taken, 50)))),
            ("p99_ms", json!(millis(percentile(&mut taken, 99)))),
            ("longest_ms", json!(millis(longest))),
            ("written_kib_s", json!(f64::from(u32::try_from(bytes / 1024)?) / seconds)),
        ])
    }
}

fn peer(name: &str, key: &KeyPair, address: &str) -> anyhow::Result<Peer> {
    Ok(Peer {
        node: NodeName::parse(name)?,
        identity_key: key.public(),
        addresses: vec![address.to_owned()],
        kept: true,
    })
}

async fn linked(mut net: NetHandle) -> anyhow::Result<()> {
    let there = NodeName::parse(THERE)?;
    let mut linked = net.connected();
    let watch = Stopwatch::start();
    while !linked.contains(&there) {
        ensure!(watch.elapsed() < LIMIT, "the two nodes did not find each other");
        linked = net.next_change().await.context("the network has stopped")?;
    }
    Ok(())
}

fn letter(id: usize, target: &str, kind: &str) -> OutboxRow {
    OutboxRow {
        id: format!("{kind}/{id:08}"),
        kind: kind.to_owned(),
        target: target.to_owned(),
        ordering_key: format!("{kind}/{id:08}"),
        payload: vec![b'x'; LETTER_BYTES],
        created_at: 0,
        due_at: 0,
        attempts: 0,
        last_error: String::new(),
    }
}

fn enqueue(site: &Site, letters: &[OutboxRow]) -> Result<(), Fault> {
    site.db.write(|write| {
        letters.iter().try_for_each(|letter| outbox::enqueue(write, letter).map(drop))
    })
}

/// Bytes this process has caused to be written, as Linux counts them.
fn written() -> anyhow::Result<u64> {
    let text = fs::read_to_string("/proc/self/io")?;
    let line = text.lines().find_map(|line| line.strip_prefix("write_bytes:"));
    Ok(line.context("the kernel does not tell write_bytes")?.trim().parse()?)
}
