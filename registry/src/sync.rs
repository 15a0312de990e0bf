//! Synchronization: how every node comes to hold every log. A pure state machine, `step(now, input)
//! -> outputs`; the driver carries outputs out and brings answers back as inputs, in any order,
//! late, twice or never.
//!
//! - Checkpoints travel as **hints**: whoever signs or adopts one announces it to every connected
//!   peer that is not known to have it. Loss is harmless.
//! - Truth comes from **exchanging heads** when a link stands and at intervals, and from
//!   **pulling** ranges of entries that are checked against the signed root before they are stored
//!   ([`Pulled::verify`]).
//! - A range is pulled from one peer, so what fails to verify is that peer's fault; the next try
//!   goes elsewhere.
//! - What a peer claimed is forgotten with its connection: a peer that lost its disk is asked anew.
//! - Two signed checkpoints of one size with different roots are reported and **freeze** the log;
//!   nothing resolves that by itself.

mod claim;
mod head;
mod pull;
mod range;

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    id::{NodeName, Origin},
    time::Timestamp,
};

pub use head::{SignedHead, Source};
pub use range::{PullRefusal, Pulled, Verified};

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

/// Names one request until its answer.
pub type RequestId = u64;

/// What happens to a node.
#[derive(Debug, Clone)]
pub enum Input {
    /// The logs to hold, from the charter and the members; replaces the earlier list. The node's
    /// own log is never pulled.
    Sources(Vec<Source>),
    /// What is stored of a log: at the start, and whenever the own log has a new signed checkpoint.
    Held {
        /// The log.
        origin: Origin,
        /// Entries stored; more than the checkpoint's size in the middle of a pull.
        size: u64,
        /// The newest signed checkpoint stored.
        head: Option<SignedHead>,
    },
    /// A link to a peer stands.
    Connected(NodeName),
    /// The link is gone.
    Disconnected(NodeName),
    /// The answer to [`Output::AskHeads`]: checkpoints that opened with the key of their source.
    Heads {
        /// Which request.
        request: RequestId,
        /// What the peer holds.
        heads: Vec<SignedHead>,
    },
    /// A peer announced a checkpoint.
    Announced {
        /// Who.
        peer: NodeName,
        /// What.
        head: SignedHead,
    },
    /// The answer to [`Output::Fetch`].
    Fetched {
        /// Which request.
        request: RequestId,
        /// The resource.
        bytes: Vec<u8>,
    },
    /// A request brought nothing.
    Failed {
        /// Which request.
        request: RequestId,
    },
    /// [`Output::Store`] was verified and is durable.
    Stored {
        /// The log.
        origin: Origin,
        /// Entries stored now.
        size: u64,
    },
    /// [`Output::Store`] changed nothing.
    NotStored {
        /// The log.
        origin: Origin,
        /// Whether the bytes did not verify; else the fault is this node's own.
        peer_at_fault: bool,
    },
    /// Time passes.
    Tick,
}

/// What a node does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Ask a peer for the checkpoints it holds.
    AskHeads {
        /// To be named in the answer.
        request: RequestId,
        /// Whom.
        peer: NodeName,
    },
    /// Tell a peer of a checkpoint; no answer is awaited.
    Announce {
        /// Whom.
        peer: NodeName,
        /// What.
        head: SignedHead,
    },
    /// Ask a peer for a static resource of a log.
    Fetch {
        /// To be named in the answer.
        request: RequestId,
        /// Whom.
        peer: NodeName,
        /// Of which log.
        origin: Origin,
        /// Path below the log's prefix, as over HTTP, or `proof/<from>/<to>`.
        path: String,
    },
    /// Verify a range and store it.
    Store(Box<Pulled>),
    /// The node that writes the log has nothing newer than this node holds.
    Confirmed(Origin),
    /// Two validly signed checkpoints contradict each other: the log is frozen.
    Conflict(Box<Conflict>),
    /// A peer holds a checkpoint of this node's own log that is larger than the log: the data
    /// folder is older than what was signed, and nothing more may be signed.
    OwnLogBehind(Box<SignedHead>),
}

/// Evidence that a log was forked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// One checkpoint.
    pub one: SignedHead,
    /// Another of the same log and size with another root.
    pub other: SignedHead,
}

/// What a node knows of one log.
#[derive(Debug, Default)]
struct Log {
    size: u64,
    head: Option<SignedHead>,
    pull: Option<pull::Pull>,
    storing: Option<pull::Storing>,
    rests_until: Timestamp,
    frozen: bool,
}

impl Log {
    fn is_behind(&self, other: &SignedHead) -> bool {
        self.head.as_ref().is_none_or(|held| held.size() < other.size())
    }
}

/// What a node knows of one connected peer.
#[derive(Debug, Default)]
struct Peer {
    claims: BTreeMap<Origin, SignedHead>,
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
}

/// The state of one node's synchronization.
#[derive(Debug)]
pub struct Sync {
    own: Origin,
    sources: BTreeMap<Origin, Source>,
    logs: BTreeMap<Origin, Log>,
    peers: BTreeMap<NodeName, Peer>,
    pending: BTreeMap<RequestId, Pending>,
    next_request: RequestId,
}

impl Sync {
    /// A node that writes `own` and knows nothing yet.
    pub fn new(own: Origin) -> Self {
        Self {
            own,
            sources: BTreeMap::new(),
            logs: BTreeMap::new(),
            peers: BTreeMap::new(),
            pending: BTreeMap::new(),
            next_request: 0,
        }
    }

    /// Takes one input and gives what to do next.
    pub fn step(&mut self, now: Timestamp, input: Input) -> Vec<Output> {
        let mut out = Vec::new();
        match input {
            Input::Sources(sources) => self.take_sources(sources),
            Input::Held { origin, size, head } => self.take_held(origin, (size, head), &mut out),
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
            Input::Stored { origin, size } => self.take_stored(&origin, size, &mut out),
            Input::NotStored { origin, peer_at_fault } => {
                self.take_not_stored(now, &origin, peer_at_fault);
            }
            Input::Tick => self.expire(now),
        }
        self.ask_heads(now, &mut out);
        self.advance_pulls(now, &mut out);
        out
    }

    /// The logs that hold less than a connected peer claims: how many, for the status page.
    pub fn lagging(&self) -> usize {
        let behind = |origin: &&Origin| {
            let held = self.logs.get(*origin);
            let more = |claim: &SignedHead| held.is_none_or(|log| log.is_behind(claim));
            self.peers.values().any(|peer| peer.claims.get(*origin).is_some_and(more))
        };
        self.sources.keys().filter(behind).count()
    }

    fn take_sources(&mut self, sources: Vec<Source>) {
        let sources: BTreeMap<Origin, Source> = sources
            .into_iter()
            .filter(|source| source.origin != self.own)
            .map(|source| (source.origin.clone(), source))
            .collect();
        if sources == self.sources {
            return;
        }
        self.sources = sources;
        let known: BTreeSet<Origin> = self.sources.keys().cloned().collect();
        for peer in self.peers.values_mut() {
            peer.claims.retain(|origin, _| known.contains(origin));
            peer.avoided_until.retain(|origin, _| known.contains(origin));
            // A log that is new on the list may be held by peers that told of it before.
            peer.heads_due = Timestamp::default();
        }
        let dropped: Vec<Origin> =
            self.logs.keys().filter(|o| **o != self.own && !known.contains(*o)).cloned().collect();
        for origin in dropped {
            self.drop_pull(&origin);
        }
    }

    fn take_held(
        &mut self,
        origin: Origin,
        (size, head): (u64, Option<SignedHead>),
        out: &mut Vec<Output>,
    ) {
        let log = self.logs.entry(origin.clone()).or_default();
        let is_newer = head.as_ref().is_some_and(|head| log.is_behind(head));
        log.size = log.size.max(size);
        if is_newer {
            log.head = head;
        }
        if is_newer && origin == self.own {
            self.announce(&origin, out);
        }
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
            out.push(Output::AskHeads { request, peer });
        }
    }

    fn request(&mut self, now: Timestamp, peer: &NodeName, what: Wanted) -> RequestId {
        self.next_request += 1;
        let deadline = now.plus_millis(REQUEST_MS_MAX);
        self.pending.insert(self.next_request, Pending { peer: peer.clone(), what, deadline });
        self.next_request
    }

    fn take_failure(&mut self, now: Timestamp, request: RequestId) {
        let Some(Pending { peer, what, .. }) = self.pending.remove(&request) else { return };
        match what {
            Wanted::Heads => {
                if let Some(peer) = self.peers.get_mut(&peer) {
                    peer.heads_due = now.plus_millis(HEADS_RETRY_MS);
                }
            }
            Wanted::Bundle(origin, _) | Wanted::Proof(origin) => {
                self.avoid(&peer, &origin, now.plus_millis(AVOID_MISSING_MS));
                self.drop_pull(&origin);
            }
        }
    }

    fn expire(&mut self, now: Timestamp) {
        let late: Vec<RequestId> =
            self.pending.iter().filter(|(_, p)| p.deadline <= now).map(|(id, _)| *id).collect();
        for request in late {
            self.take_failure(now, request);
        }
    }

    fn forget_peer(&mut self, name: &NodeName) {
        self.peers.remove(name);
        self.pending.retain(|_, pending| pending.peer != *name);
        let of_peer = |log: &Log| log.pull.as_ref().is_some_and(|pull| pull.peer() == name);
        for log in self.logs.values_mut().filter(|log| of_peer(log)) {
            log.pull = None;
        }
    }

    fn avoid(&mut self, peer: &NodeName, origin: &Origin, until: Timestamp) {
        if let Some(peer) = self.peers.get_mut(peer) {
            peer.avoided_until.insert(origin.clone(), until);
        }
    }

    /// Tells every connected peer that is not known to have it.
    fn announce(&self, origin: &Origin, out: &mut Vec<Output>) {
        let Some(head) = self.logs.get(origin).and_then(|log| log.head.as_ref()) else { return };
        for (name, peer) in &self.peers {
            if peer.claims.get(origin).is_none_or(|claim| claim.size() < head.size()) {
                out.push(Output::Announce { peer: name.clone(), head: head.clone() });
            }
        }
    }
}
