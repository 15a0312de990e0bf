//! Synchronization: how every node comes to hold every log. A pure state machine, `step(now, input)
//! -> outputs`; the driver carries outputs out and brings answers back as inputs, in any order,
//! late, twice or never.
//!
//! - Checkpoints travel as **hints**: whoever signs or adopts one announces it to every connected
//!   peer that is not known to have it. Loss is harmless.
//! - Truth comes from **exchanging heads** when a link stands and at intervals, those that differ
//!   ([`Digest`]), and from **pulling** ranges of entries that are checked against the signed root
//!   before they are stored ([`Pulled::verify`]).
//! - A range is pulled from one peer, so what fails to verify is that peer's fault; the next try
//!   goes elsewhere.
//! - What a peer claimed is forgotten when it is held here, and with the connection: a peer that
//!   lost its disk is asked anew.
//! - Two signed checkpoints that contradict each other are reported with their proof and **freeze**
//!   the log; nothing resolves that by itself. Those of one size are seen at once. Of different
//!   sizes, the larger one's entries do not continue what is held: before a peer is blamed for
//!   false bytes it is asked what the larger log says of the smaller size ([`crate::fork`]).

mod claim;
mod digest;
mod doubt;
mod examine;
mod head;
mod log;
mod message;
mod patience;
mod pull;
mod range;
mod steady;

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    entry::ENTRY_BYTES_COUNTED,
    id::{NodeName, Origin},
    merkle::Hash,
    time::Timestamp,
};
use digest::Shown;
use examine::Unexamined;
use log::{Doubt, Log};
use patience::Served;
use pull::{Pull, Storing};

pub use digest::{DIGEST_BYTES, Digest, HEADS_BYTES_MAX};
pub use examine::{KEEP_AFTER_MS, UNEXAMINED_MAX};
pub use head::{SignedHead, Source};
pub use log::VOUCHED_MAX;
pub use message::{Comparison, Conflict, Input, Output, PullFault, RequestId};
pub use range::{PullRefusal, Pulled, Tail, Verified};

/// Time between two exchanges of heads with one peer; some seconds are added by name, so that a
/// node does not ask all its peers at once.
pub const HEADS_INTERVAL_MS: i64 = 30_000;
/// When an exchange brought no answer, the next follows after this.
pub const HEADS_RETRY_MS: i64 = 3_000;
/// A request without an answer is given up after this; the network gives up earlier by itself.
pub const REQUEST_MS_MAX: i64 = 20_000;
/// A peer that did not have what it claimed is passed over for that log for this long.
pub const AVOID_MISSING_MS: i64 = 5_000;
/// A peer whose bytes did not verify is passed over for that log for this long.
pub const AVOID_FALSE_MS: i64 = 60_000;
/// After a failure to store, the log rests this long: the disk may be full.
pub const STORE_RETRY_MS: i64 = 2_000;
/// Bundles of one range: 2048 entries, at most 32 MiB, one commit.
pub const RANGE_BUNDLES: u64 = 8;
/// Logs pulled at the same time: bounds memory at two ranges each.
pub const PULLS_MAX: usize = 4;

/// What a node knows of one connected peer.
#[derive(Debug, Default)]
struct Peer {
    avoided_until: BTreeMap<Origin, Timestamp>,
    heads_due: Timestamp,
}

/// A request on its way.
#[derive(Debug)]
struct Pending {
    peer: NodeName,
    what: Wanted,
    deadline: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Wanted {
    Heads,
    Bundle(Origin, u64),
    Proof(Origin),
    /// What a larger head says of the size held.
    Prefix(SignedHead),
}

/// The state of one node's synchronization.
#[derive(Debug)]
pub struct Sync {
    own: Origin,
    clock: steady::Steady,
    /// The time of the step.
    now: Timestamp,
    logs: BTreeMap<Origin, Log>,
    shown: Shown,
    peers: BTreeMap<NodeName, Peer>,
    /// How members have served so far: one entry each.
    served: BTreeMap<NodeName, Served>,
    /// Heads that connected peers have and this node does not hold yet.
    claims: BTreeMap<Origin, BTreeMap<NodeName, SignedHead>>,
    /// Heads that were shown and not compared with entries yet.
    unexamined: BTreeMap<Origin, Vec<Unexamined>>,
    pulls: BTreeMap<Origin, Pull>,
    storing: BTreeMap<Origin, Storing>,
    /// The log whose pull began last: the next in turn follows it.
    begun_last: Option<Origin>,
    pending: BTreeMap<RequestId, Pending>,
    next_request: RequestId,
    /// Pulls that something happened to in this step.
    touched: BTreeSet<Origin>,
    /// Logs of which a pull may be able to begin since this step; the others wait for a place, or
    /// for the next tick.
    stirred: BTreeSet<Origin>,
    /// Whether every log is looked at in this step, and not only those.
    looks_at_all: bool,
}

impl Sync {
    /// A node that writes `own` and knows nothing yet.
    pub fn new(own: Origin) -> Self {
        Self {
            own,
            clock: steady::Steady::default(),
            now: Timestamp::default(),
            logs: BTreeMap::new(),
            shown: Shown::new(),
            peers: BTreeMap::new(),
            served: BTreeMap::new(),
            claims: BTreeMap::new(),
            unexamined: BTreeMap::new(),
            pulls: BTreeMap::new(),
            storing: BTreeMap::new(),
            begun_last: None,
            pending: BTreeMap::new(),
            next_request: 0,
            touched: BTreeSet::new(),
            stirred: BTreeSet::new(),
            looks_at_all: false,
        }
    }

    /// Takes one input and gives what to do next.
    pub fn step(&mut self, now: Timestamp, input: Input) -> Vec<Output> {
        let now = self.clock.read(now);
        self.now = now;
        let mut out = Vec::new();
        let places_taken = self.pulls.len();
        let asks = matches!(
            input,
            Input::Tick | Input::Connected(_) | Input::Sources(_) | Input::Disconnected(_)
        );
        match input {
            Input::Sources(sources) => self.take_sources(&sources),
            Input::Held { origin, size, root, head } => {
                self.take_held(origin, (size, root), head, &mut out);
            }
            Input::Connected(peer) => {
                // A second link to the same peer is a new start: whatever it claimed before may be
                // lost.
                self.forget_peer(&peer);
                self.peers.insert(peer, Peer { heads_due: now, ..Peer::default() });
            }
            Input::Disconnected(peer) => self.forget_peer(&peer),
            Input::Heads { request, heads } => self.take_heads(now, request, heads, &mut out),
            Input::Announced { peer, head } => self.take_claim(&peer, head, &mut out),
            Input::Fetched { request, bytes } => self.take_part(now, request, bytes, &mut out),
            Input::Failed { request } => self.take_failure(now, request),
            Input::Stored { origin, size, root } => {
                self.take_stored(&origin, (size, root), &mut out);
            }
            Input::NotStored { origin, fault } => {
                self.take_not_stored(now, &origin, fault, &mut out);
            }
            Input::TailDropped { origin, size, root } => {
                self.take_dropped(&origin, (size, root), &mut out);
            }
            Input::Compared { head, found } => self.take_compared(&head, found, &mut out),
            Input::Forked(origin) => self.stop(&origin),
            Input::Tick => {
                self.looks_at_all = true;
                self.stirred.extend(self.pulls.keys().cloned());
                self.expire(now);
                self.keep_waiting(&mut out);
            }
        }
        if asks {
            self.ask_heads(now, &mut out);
        }
        self.advance_pulls(now, places_taken, &mut out);
        out
    }

    /// The logs that hold less than a connected peer claims: how many, for the status page.
    pub fn lagging(&self) -> usize {
        self.claims.len()
    }

    /// Claims and requests remembered: a peer adds what is on its way from it, and at most one
    /// claim for each log on the list; a log adds at most [`UNEXAMINED_MAX`] heads.
    pub fn remembered(&self) -> usize {
        let avoided: usize = self.peers.values().map(|peer| peer.avoided_until.len()).sum();
        let claims: usize = self.claims.values().map(BTreeMap::len).sum();
        let unexamined: usize = self.unexamined.values().map(Vec::len).sum();
        self.pending.len() + avoided + claims + unexamined
    }

    fn take_sources(&mut self, sources: &[Source]) {
        let listed: BTreeMap<Origin, u64> = sources
            .iter()
            .filter(|source| source.origin != self.own)
            .map(|source| (source.origin.clone(), source.quota_bytes / ENTRY_BYTES_COUNTED))
            .collect();
        let mut is_changed = false;
        for (origin, quota) in &listed {
            let log = self.logs.entry(origin.clone()).or_default();
            let before = log.quota_entries.replace(*quota);
            is_changed |= before != Some(*quota);
            if let Some(head) = log.head.clone().filter(|_| before.is_none() && !log.frozen) {
                self.shown.put(head);
            }
        }
        let dropped: Vec<Origin> = self
            .logs
            .iter_mut()
            .filter(|(origin, log)| log.quota_entries.is_some() && !listed.contains_key(*origin))
            .map(|(origin, log)| {
                log.quota_entries = None;
                origin.clone()
            })
            .collect();
        for origin in &dropped {
            self.shown.remove(origin);
            self.drop_claims(origin);
            self.forget_examined(origin, |_| true);
            self.drop_pull(origin);
        }
        if is_changed || !dropped.is_empty() {
            // A log that is new on the list may be held by peers that told of it before.
            self.peers.values_mut().for_each(|peer| peer.heads_due = Timestamp::default());
        }
    }

    fn take_held(
        &mut self,
        origin: Origin,
        (size, root): (u64, Hash),
        head: Option<SignedHead>,
        out: &mut Vec<Output>,
    ) {
        let log = self.logs.entry(origin.clone()).or_default();
        if size > log.size {
            (log.size, log.root, log.moved_at) = (size, root, self.now);
        }
        let Some(head) = head.filter(|head| log.is_behind(head)) else {
            return self.compare_next(&origin, out);
        };
        self.adopt(head, out);
        self.drop_claims(&origin);
        if origin == self.own {
            self.announce(&origin, out);
        }
    }

    /// A head that the entries held lead to.
    fn adopt(&mut self, head: SignedHead, out: &mut Vec<Output>) {
        let origin = head.origin().clone();
        let Some(log) = self.logs.get_mut(&origin) else { return };
        let is_own = *head.origin() == self.own;
        if !log.frozen && (is_own || log.quota_entries.is_some()) {
            self.shown.put(head.clone());
        }
        if let Some(older) = log.head.replace(head) {
            log.vouch(&older);
        }
        let (vouched, held) = (log.vouched.clone(), log.head.clone());
        self.forget_examined(&origin, |other| {
            let is_held = held.as_ref() == Some(other);
            is_held || vouched.contains(&(other.size(), other.root()))
        });
        self.compare_next(&origin, out);
    }

    fn ask_heads(&mut self, now: Timestamp, out: &mut Vec<Output>) {
        let asked: BTreeSet<&NodeName> = self
            .pending
            .values()
            .filter(|pending| pending.what == Wanted::Heads)
            .map(|pending| &pending.peer)
            .collect();
        let due: Vec<NodeName> = self
            .peers
            .iter()
            .filter(|(name, peer)| peer.heads_due <= now && !asked.contains(name))
            .map(|(name, _)| name.clone())
            .collect();
        for peer in due {
            let request = self.request(now, &peer, Wanted::Heads);
            out.push(Output::AskHeads { request, peer, digest: self.shown.digest() });
        }
    }

    fn request(&mut self, now: Timestamp, peer: &NodeName, what: Wanted) -> RequestId {
        self.next_request += 1;
        let deadline = now.plus_millis(REQUEST_MS_MAX);
        self.pending.insert(self.next_request, Pending { peer: peer.clone(), what, deadline });
        self.next_request
    }

    fn forget_peer(&mut self, name: &NodeName) {
        self.peers.remove(name);
        self.claims.retain(|_, claims| {
            claims.remove(name);
            !claims.is_empty()
        });
        for pending in self.pending.values().filter(|pending| pending.peer == *name) {
            if let Wanted::Prefix(newer) = &pending.what
                && let Some(log) = self.logs.get_mut(newer.origin())
                && log.doubt == Doubt::Asked
            {
                log.doubt = Doubt::None;
            }
        }
        self.pending.retain(|_, pending| pending.peer != *name);
        self.pulls.retain(|_, pull| pull.peer() != name);
    }

    /// Tells every connected peer that is not known to have it.
    fn announce(&self, origin: &Origin, out: &mut Vec<Output>) {
        let Some(head) = self.logs.get(origin).and_then(|log| log.head.as_ref()) else { return };
        let claims = self.claims.get(origin);
        for name in self.peers.keys() {
            let claim = claims.and_then(|claims| claims.get(name));
            if claim.is_none_or(|claim| claim.size() < head.size()) {
                out.push(Output::Announce { peer: name.clone(), head: head.clone() });
            }
        }
    }
}

#[cfg(test)]
mod tests;
