//! Peers: drives `registry::sync` between the store and the network. The state machine decides;
//! this task carries its outputs out and brings the answers back. Disk and signatures run on
//! blocking threads.

mod carry;
mod poll;
mod serve;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use anyhow::Context as _;
use lianshi_registry::{
    id::{NodeName, Origin},
    key::PublicKey,
    sync::{Digest, Input, Output, SignedHead, Sync},
};
use lianshi_store::{Site, catalog, forks, log, members};
use tokio::{
    sync::{Notify, mpsc, oneshot, watch},
    task::JoinHandle,
    time::{Duration, MissedTickBehavior, interval},
};

use crate::{
    folder::Folder,
    net::{self, LinkEvent, NetHandle},
    serve::unless_full,
    trouble::Trouble,
};
use poll::{Duty, Poll, Seen};

/// Reads letters: called on a blocking thread with the sender, the kind and the sealed bytes. What
/// it returns goes back to the sender; an `Err` is a refusal the sender reads.
pub type Letters =
    Arc<dyn Fn(NodeName, String, Vec<u8>) -> Result<Vec<u8>, String> + Send + std::marker::Sync>;

/// What comes in from peers.
pub struct Inbound {
    /// Reads their letters.
    pub letters: Letters,
    /// Connections there may be, the handshakes among them.
    pub connections: usize,
}

/// How often the own log is looked at: another process may have appended to it, and peers must hear
/// within two seconds.
const POLL_MS: u64 = 200;
/// While this process writes nothing, it is looked at only this often: what other processes do.
const LOOK_MS: i64 = 500;
/// A starting node asks its peers for checkpoints of its own log before it signs a new one, and
/// waits this long for the first answer; a node without peers signs then.
const SIGN_GRACE_MS: i64 = 1_500;

/// Announced heads that wait for the state machine. Whoever announces more waits, in the requests
/// its quota allows.
const ANNOUNCED_MAX: usize = 1_024;

/// The keys of the logs a checkpoint may be of, the own among them; shared, for there are thousands
/// and every announcement looks one up.
type LogKeys = Arc<BTreeMap<Origin, PublicKey>>;

/// The peers of a serving node.
pub struct Peers {
    /// Sends letters.
    pub net: NetHandle,
    task: JoinHandle<()>,
}

impl Peers {
    /// Closes every link and ends the task.
    pub async fn stop(self) {
        self.net.stop().await;
        self.task.abort();
        // An aborted task ends with an error that says just that.
        let _ = self.task.await;
    }
}

/// Starts talking to the federation. `wake` is the site's nudge.
pub async fn start(
    folder: &Folder,
    site: &Site,
    wake: Arc<Notify>,
    inbound: Inbound,
) -> anyhow::Result<Peers> {
    let prepared = {
        let (folder, site) = (folder.clone(), site.clone());
        tokio::task::spawn_blocking(move || prepare(&folder, &site)).await??
    };
    let (mail_in, mail) = mpsc::unbounded_channel();
    let (keys_in, keys) = watch::channel(LogKeys::default());
    let (announced_in, announced) = mpsc::channel(ANNOUNCED_MAX);
    let hatch = serve::Hatch { keys, mail: mail_in.clone(), announced: announced_in };
    let serve = serve::door(site.clone(), hatch, inbound.letters);
    let listen =
        net::Listen { address: &folder.config.listen_peer, connections: inbound.connections };
    let (net, links) = net::start(&folder.keys.identity, &listen, serve)
        .context("cannot start the peer network; change listen_peer in node.toml")?;
    let mut driver = Driver {
        sign_from: site.now().plus_millis(SIGN_GRACE_MS).millis(),
        folder: folder.clone(),
        site: site.clone(),
        net: net.clone(),
        sync: Sync::new(site.origin.clone()),
        keys: keys_in,
        mail: mail_in,
        kept: BTreeSet::new(),
        seen: Seen::default(),
        polling: false,
        looked: None,
        indexing: Arc::default(),
        signing_refused: String::new(),
        troubles: BTreeMap::new(),
    };
    driver.begin(prepared).await;
    let task = tokio::spawn(driver.run(links, mail, announced, wake));
    Ok(Peers { net, task })
}

/// What a starting node holds.
struct Prepared {
    held: Vec<Input>,
    poll: Poll,
}

/// Begins the own log, admits a root authority to its own federation, and reads what is held.
fn prepare(folder: &Folder, site: &Site) -> anyhow::Result<Prepared> {
    let begun = site.db.read(|read| log::head(read, &site.origin))?.is_some();
    match site.db.write(|write| log::create_own(write, site)) {
        // It was begun before: nothing is lost by beginning it no second time.
        Err(fault) if begun => unless_full(Err(fault), "looking after the own log")?,
        done => done?,
    }
    crate::cli::member::admit_self(folder, site)?;
    // What an earlier process left between two transactions.
    if let Err(error) = forks::examine_every_kept(site) {
        tracing::error!(%error, "heads seen before could not be compared");
    }
    let heads = site.db.read(log::heads)?;
    let held = heads.iter().map(|head| Input::Held {
        origin: head.origin.clone(),
        size: head.size,
        root: head.root,
        head: SignedHead::open(&head.checkpoint, &head.origin, &head.log_key).ok(),
    });
    let held = held.collect();
    let poll = poll::look(site, folder, &Seen::default(), false);
    Ok(Prepared { held, poll })
}

/// A head that a peer announced or submitted, verified.
struct Announced {
    peer: NodeName,
    head: SignedHead,
}

/// What reaches the driver from its helpers.
enum Mail {
    /// An input of the state machine.
    Input(Input),
    /// The heads a peer holds arrived: the first such answer allows signing.
    Heads(Input),
    /// A peer asks for the heads it does not hold.
    Asked(Digest, oneshot::Sender<Vec<SignedHead>>),
    /// The own log and the members were looked at; `None` when that ended unexpectedly.
    Polled(Option<Box<Poll>>),
}

struct Driver {
    site: Site,
    net: NetHandle,
    folder: Folder,
    sync: Sync,
    keys: watch::Sender<LogKeys>,
    mail: mpsc::UnboundedSender<Mail>,
    /// The members heads are exchanged with. Links to others are dialed when there is something to
    /// say, and end by themselves.
    kept: BTreeSet<NodeName>,
    seen: Seen,
    polling: bool,
    /// What the last look began with, and when: it need not be repeated while nothing changes.
    looked: Option<(u64, bool, i64)>,
    indexing: Arc<AtomicBool>,
    sign_from: i64,
    signing_refused: String,
    troubles: BTreeMap<Duty, Trouble>,
}

impl Driver {
    async fn begin(&mut self, prepared: Prepared) {
        self.take_poll(prepared.poll).await;
        for input in prepared.held {
            self.step(input);
        }
    }

    async fn run(
        mut self,
        mut links: mpsc::UnboundedReceiver<LinkEvent>,
        mut mail: mpsc::UnboundedReceiver<Mail>,
        mut announced: mpsc::Receiver<Announced>,
        wake: Arc<Notify>,
    ) {
        let mut tick = interval(Duration::from_millis(POLL_MS));
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                event = links.recv() => match event {
                    Some(event) => self.linked(event),
                    None => return,
                },
                Some(letter) = mail.recv() => self.read(letter).await,
                Some(Announced { peer, head }) = announced.recv() => {
                    self.step(Input::Announced { peer, head });
                }
                () = wake.notified() => {
                    self.looked = None;
                    self.poll();
                }
                _ = tick.tick() => {
                    self.step(Input::Tick);
                    self.poll();
                }
            }
        }
    }

    fn linked(&mut self, event: LinkEvent) {
        match event {
            LinkEvent::Connected(node) => {
                tracing::info!(%node, "a peer is connected");
                if self.kept.contains(&node) {
                    self.step(Input::Connected(node));
                }
            }
            LinkEvent::Disconnected(node) => {
                tracing::info!(%node, "a peer is gone");
                self.step(Input::Disconnected(node));
            }
            LinkEvent::Introduced(node, version) => {
                let site = self.site.clone();
                tokio::task::spawn_blocking(move || {
                    // Only for people to see; the next introduction tries again.
                    if let Err(error) = members::heard_version(&site, &node, &version) {
                        tracing::debug!(%node, %error, "what a peer said of itself was not kept");
                    }
                });
            }
        }
    }

    async fn read(&mut self, mail: Mail) {
        match mail {
            Mail::Input(input) => self.step(input),
            Mail::Heads(input) => {
                self.sign_from = self.sign_from.min(self.site.now().millis());
                self.step(input);
            }
            Mail::Asked(digest, answer) => {
                // The asker is gone when this fails.
                let _ = answer.send(self.sync.answer(&digest));
            }
            Mail::Polled(poll) => {
                self.polling = false;
                if poll.as_ref().is_none_or(|poll| poll.is_troubled()) {
                    self.looked = None;
                }
                if let Some(poll) = poll {
                    self.take_poll(*poll).await;
                }
            }
        }
    }

    fn step(&mut self, input: Input) {
        let outputs = self.sync.step(self.site.now(), input);
        for output in outputs {
            self.carry_out(output);
        }
    }

    fn carry_out(&self, output: Output) {
        let carrier = carry::Carrier {
            site: self.site.clone(),
            net: self.net.clone(),
            keys: self.keys.subscribe(),
            mail: self.mail.clone(),
        };
        carrier.carry(output);
    }

    fn poll(&mut self) {
        let now = self.site.now().millis();
        let (commits, may_sign) = (self.site.db.commits(), self.sign_from <= now);
        let is_known = self.looked.is_some_and(|(looked, signed, at)| {
            (looked, signed) == (commits, may_sign) && (at..at + LOOK_MS).contains(&now)
        });
        if self.polling || is_known {
            return;
        }
        self.polling = true;
        self.looked = Some((commits, may_sign, now));
        self.index();
        let (site, seen, mail) = (self.site.clone(), self.seen.clone(), self.mail.clone());
        let folder = self.folder.clone();
        tokio::spawn(async move {
            let look = move || poll::look(&site, &folder, &seen, may_sign);
            let poll = tokio::task::spawn_blocking(look).await;
            if let Err(error) = &poll {
                tracing::error!(%error, "looking for changes ended unexpectedly; tried again");
            }
            // The driver is gone when this fails.
            let _ = mail.send(Mail::Polled(poll.ok().map(Box::new)));
        });
    }

    /// Writes the words of products that changed, beside everything else; once at a time.
    fn index(&self) {
        let (site, indexing) = (self.site.clone(), Arc::clone(&self.indexing));
        if indexing.swap(true, Ordering::AcqRel) {
            return;
        }
        tokio::task::spawn_blocking(move || {
            if let Err(error) = catalog::index(&site.db) {
                tracing::error!(%error, "the catalog is not indexed; tried again");
            }
            indexing.store(false, Ordering::Release);
        });
    }

    /// Begins to exchange heads with some members and ends it with others; links that stand are
    /// used as they are.
    fn keep(&mut self, kept: BTreeSet<NodeName>) {
        let before = std::mem::replace(&mut self.kept, kept);
        for node in self.net.connected() {
            match (before.contains(&node), self.kept.contains(&node)) {
                (false, true) => self.step(Input::Connected(node)),
                (true, false) => self.step(Input::Disconnected(node)),
                _ => {}
            }
        }
    }

    async fn take_poll(&mut self, poll: Poll) {
        for (duty, outcome) in poll.outcomes {
            let trouble = self.troubles.entry(duty);
            trouble.or_insert_with(|| Trouble::new(duty.what())).hear(outcome);
        }
        if let Some(refusal) = poll.refusal
            && refusal != self.signing_refused
        {
            tracing::error!(reason = %refusal, "nothing is signed");
            self.signing_refused = refusal;
        }
        if let Some(members) = poll.members {
            if !members.strange_keys.is_empty() {
                tracing::error!(
                    roles = ?members.strange_keys,
                    "these files in keys/ are not the keys this node was admitted with: peers will \
                     refuse it; bring them back from the backup of the keys"
                );
            }
            self.keys.send_replace(members.keys);
            let peers = members.peers.iter().filter(|peer| peer.kept);
            let kept = peers.map(|peer| peer.node.clone()).collect();
            self.net.set_peers(members.peers).await;
            self.step(Input::Sources(members.sources));
            self.keep(kept);
        }
        if let Some(head) = poll.own {
            let (origin, size, root) = (head.origin().clone(), head.size(), head.root());
            self.step(Input::Held { origin, size, root, head: Some(head) });
        }
        for origin in poll.forked {
            tracing::error!(%origin, "the log is known to be forked and is followed no more");
            self.step(Input::Forked(origin));
        }
        self.seen = poll.seen;
    }
}
