//! A serving node: pages, calls and logs on one port, operations on another, peers on a third, and
//! the jobs between them. Everything it starts stops with it.

use std::{
    fs,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use actix_server::{Server, ServerHandle};
use actix_web::web::Data;
use anyhow::Context as _;
use lianshi_gateway::Gateway;
use lianshi_store::{
    Fault, Site, accounts, catalog, close, copies, datasets, members, recovery, room,
    subscriptions, usage,
};
use lianshi_web::WebState;
use tokio::{sync::Notify, task::JoinHandle};

use crate::{
    files::Share,
    folder::{Difference, Folder, public_url},
    http::{self, Port},
    leap, ops,
    peer::{self, Inbound, Letters, Peers},
    post::{self, outlets::Outlets},
    trail,
    trouble::Trouble,
    witnessing,
};

/// Threads that answer pages and calls: two cores, and blocking work has its own pool.
const HTTP_WORKERS: usize = 2;
/// How often changed counts are sealed for their home nodes: half of the two seconds they may take.
const REPORTS_MS: u64 = 1_000;
/// How often it is looked for a close that somebody ended in the middle, and for room to give back.
const CLOSES_MS: u64 = 15_000;
/// How often it is looked for logs that another version of the fold made; there are some after an
/// upgrade only.
const FOLDS_MS: u64 = 60_000;
/// How often ended sessions and old stored answers are swept.
const SWEEP_MS: u64 = 600_000;

/// A serving node.
pub struct Running {
    /// What its rooms share.
    pub site: Site,
    servers: Vec<ServerHandle>,
    peers: Peers,
    tasks: Vec<JoinHandle<()>>,
    // Held until the end: the proof that no second process serves this folder.
    _lock: fs::File,
}

impl Running {
    /// Stops everything: no new requests, answers under way are finished, then the jobs end.
    pub async fn stop(self) {
        for server in &self.servers {
            server.stop(true).await;
        }
        // While peers still hear of it.
        trail::seal_last(self.site.clone()).await;
        self.peers.stop().await;
        for task in &self.tasks {
            task.abort();
        }
        for task in self.tasks {
            // An aborted task ends with an error that says just that.
            let _ = task.await;
        }
    }
}

/// Starts serving a data folder with so many connections. Refuses when another process serves it or
/// a port is in use.
pub async fn start(folder: &Folder, share: Share) -> anyhow::Result<Running> {
    let lock = lock(&folder.path)?;
    public_url::check(&folder.config.public_url)?;
    let folder = &as_admitted(folder.clone()).await?;
    ops::install_metrics();
    let wake = Arc::new(Notify::new());
    let nudge = {
        let wake = Arc::clone(&wake);
        Arc::new(move || wake.notify_waiters())
    };
    let opened = folder.clone();
    let site = tokio::task::spawn_blocking(move || {
        let site = opened.site(nudge)?;
        // Whoever cannot write can still be read; the sweep beats again.
        unless_full(recovery::beat(&site), "counting this start")?;
        anyhow::Ok(site)
    });
    let site = site.await??;

    let pages = serve_pages(folder, &site, share.pages)?;
    let operations = serve_operations(folder, &site, share.operations)?;
    // The first search would wait for the dictionary.
    tokio::task::spawn_blocking(catalog::prepare);
    let servers = vec![pages.handle(), operations.handle()];
    let letters: Letters = {
        let site = site.clone();
        Arc::new(move |from, kind, bytes| post::receive(&site, &from, &kind, &bytes))
    };
    let inbound = Inbound { letters, connections: share.peers };
    let peers = peer::start(folder, &site, Arc::clone(&wake), inbound).await?;
    let outlets =
        Arc::new(Outlets::new(&site, folder.config.mail.as_ref(), &folder.config.webhooks)?);
    let tasks = vec![
        tokio::spawn(report_end(pages)),
        tokio::spawn(report_end(operations)),
        tokio::spawn(post::run(site.clone(), peers.net.clone(), outlets, wake)),
        tokio::spawn(post::reconcile(site.clone(), peers.net.clone())),
        tokio::spawn(post::follow_catalog(site.clone())),
        tokio::spawn(witnessing::run(site.clone(), peers.net.clone())),
        tokio::spawn(trail::run(site.clone())),
        tokio::spawn(every(REPORTS_MS, site.clone(), &REPORTS)),
        tokio::spawn(every(FOLDS_MS, site.clone(), &FOLDS)),
        tokio::spawn(every(CLOSES_MS, site.clone(), &CLOSES)),
        tokio::spawn(every(SWEEP_MS, site.clone(), &SWEEP)),
    ];
    tracing::info!(node = %site.node, address = %folder.config.listen, "serving");
    Ok(Running { site, servers, peers, tasks, _lock: lock })
}

/// What a start can do without while nothing can be written; it is done later, by the jobs.
pub fn unless_full(done: Result<(), Fault>, what: &'static str) -> Result<(), Fault> {
    match done {
        Err(fault) if fault.refuses_writes() => {
            let fault: &dyn std::error::Error = &fault;
            tracing::error!(what, fault, "left for later: nothing can be written; reading goes on");
            Ok(())
        }
        done => done,
    }
}

/// The folder with those keys in use that the root authority admitted since the last start. Tells
/// where its configuration is not what others were told.
async fn as_admitted(mut folder: Folder) -> anyhow::Result<Folder> {
    let taken = tokio::task::spawn_blocking(move || {
        for role in folder.take_charter_keys()? {
            tracing::info!(role = role.as_str(), "a new key is in use");
        }
        let site = folder.command_site()?;
        let member = site.db.read(|read| members::by_origin(read, &site.origin))?;
        if let Some(member) = member {
            for role in folder.take_admitted_keys(&member.admission)? {
                tracing::info!(role = role.as_str(), "a new key is in use");
            }
            for Difference { what, admitted, here } in folder.differences(&member.admission) {
                tracing::warn!(
                    what,
                    admitted,
                    here,
                    "node.toml is not what the node was admitted with, which others go by; run \
                     `lianshi member renew` and give application.toml to the root authority"
                );
            }
        }
        anyhow::Ok(folder)
    });
    taken.await?
}

/// Pages, the API, calls and logs on the public port.
fn serve_pages(folder: &Folder, site: &Site, connections: usize) -> anyhow::Result<Server> {
    let gateway = Gateway::start(site.clone())?;
    let state = WebState::new(site.clone()).with_second_factor(folder.config.second_factor);
    let port = Port { address: &folder.config.listen, connections, workers: HTTP_WORKERS };
    let seats = http::seats(connections);
    let proxies = Data::new(folder.config.proxies.clone());
    seats.favor(proxies.networks());
    http::serve(&port, &seats, move |config| {
        config.app_data(Data::clone(&proxies));
        lianshi_gateway::configure(config, gateway.clone());
        lianshi_web::configure(config, state.clone());
    })
}

/// Health and metrics on the operations port.
fn serve_operations(folder: &Folder, site: &Site, connections: usize) -> anyhow::Result<Server> {
    let site = site.clone();
    let watch = ops::Watch::start(site.clone()).context("no thread to ask the database")?;
    let port = Port { address: &folder.config.listen_ops, connections, workers: 1 };
    http::serve(&port, &http::seats(connections), move |config| {
        ops::configure(config, site.clone(), watch.clone());
    })
}

/// A job of the store, and what it is called where it fails.
type Job = (&'static str, fn(&Site) -> Result<(), Fault>);

/// Changed counts leave for their home nodes.
const REPORTS: [Job; 1] = [("usage reports", |site| {
    let sealed = usage::enqueue_reports(site)?;
    if sealed > 0 {
        site.nudge();
    }
    Ok(())
})];

/// What an upgrade leaves to be done while the node serves.
const FOLDS: [Job; 1] = [("folding the logs again", |site| {
    let folded = catalog::fold_anew(&site.db, &|done, total| {
        tracing::info!(done, total, "folding the logs again after an upgrade");
    })?;
    if folded > 0 {
        tracing::info!(logs = folded, "every log is folded by this program");
    }
    Ok(())
})];

/// What is looked at often: the clock, what was ended in the middle of a close or of copying lines,
/// and what a load left of the disk.
const CLOSES: [Job; 4] = [
    ("comparing the clock", |_| {
        leap::tell();
        Ok(())
    }),
    ("going on with a close", close::go_on),
    ("copying lines to whom their parties named", copies::send_past),
    ("giving room on the disk back", |site| room::give_back(&site.db)),
];

/// What is swept: first what gives room back.
const SWEEP: [Job; 7] = [
    ("sweeping loads that were given up", |site| datasets::sweep_abandoned(site).map(drop)),
    ("counting on beside the database", recovery::beat),
    ("keeping spare room", |site| room::keep_spare(&site.folder)),
    ("telling of terms that ran out", |site| subscriptions::tell_ended(site).map(drop)),
    ("sweeping ended sessions", |site| accounts::sweep(site).map(drop)),
    ("forgetting stored answers", |site| usage::in_parts(site, usage::forget_answers)),
    ("forgetting asked subjects", |site| usage::in_parts(site, usage::forget_subjects)),
];

/// Does jobs of the store again and again, until the task is aborted. A fault is told once and its
/// job tried again next time; the others are done whatever became of it.
async fn every(pause_ms: u64, site: Site, jobs: &'static [Job]) {
    let mut ticks = tokio::time::interval(Duration::from_millis(pause_ms));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut troubles: Vec<Trouble> = jobs.iter().map(|(what, _)| Trouble::new(what)).collect();
    loop {
        ticks.tick().await;
        for ((what, job), trouble) in jobs.iter().zip(&mut troubles) {
            let site = site.clone();
            match tokio::task::spawn_blocking(move || job(&site)).await {
                Ok(done) => {
                    trouble.hear(done);
                }
                Err(error) => tracing::error!(%error, "{what} ended unexpectedly; tried again"),
            }
        }
    }
}

/// Another process serves this data folder.
#[derive(Debug, thiserror::Error)]
#[error(
    "another process serves {} already; stop it first (other commands work beside it)",
    .0.display()
)]
pub struct Served(pub PathBuf);

/// Takes the lock of a data folder; refuses when another process holds it.
pub fn lock(folder: &Path) -> anyhow::Result<fs::File> {
    let path = folder.join("serve.lock");
    let mut options = fs::OpenOptions::new();
    let file = options.create(true).truncate(false).write(true).mode(0o600).open(&path);
    let file = file.with_context(|| format!("cannot open {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(Served(folder.to_owned()).into()),
        Err(fs::TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("cannot lock {}", path.display()))
        }
    }
}

async fn report_end(server: impl Future<Output = std::io::Result<()>>) {
    if let Err(error) = server.await {
        tracing::error!(%error, "a server ended");
    }
}
