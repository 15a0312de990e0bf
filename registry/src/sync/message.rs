//! What reaches the state machine and what it answers: the contract with its driver.

use super::{Digest, Pulled, SignedHead, Source};
use crate::{
    fork::Fork,
    id::{NodeName, Origin},
    key::PublicKey,
    merkle::Hash,
};

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
        /// Root of the entries stored.
        root: Hash,
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
        /// What the peer shows, as [`Sync::answer`](super::Sync::answer) makes it.
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
        /// Root of the entries stored.
        root: Hash,
    },
    /// [`Output::Store`] changed nothing.
    NotStored {
        /// The log.
        origin: Origin,
        /// Why.
        fault: PullFault,
    },
    /// [`Output::DropTail`] is done.
    TailDropped {
        /// The log.
        origin: Origin,
        /// Entries stored now.
        size: u64,
        /// Root of the entries stored.
        root: Hash,
    },
    /// [`Output::Compare`] is done.
    Compared {
        /// The head asked about.
        head: SignedHead,
        /// What came of it.
        found: Comparison,
    },
    /// Somebody proved that a log was forked.
    Forked(Origin),
    /// Time passes.
    Tick,
}

/// What a node does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Ask a peer for the checkpoints it holds, where they are not those held here.
    AskHeads {
        /// To be named in the answer.
        request: RequestId,
        /// Whom.
        peer: NodeName,
        /// What is held here.
        digest: Digest,
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
        /// Path below the log's prefix, as over HTTP, or `entries/<from>/<to>`,
        /// `proof/<from>/<to>`, `prefix/<from>/<to>`.
        path: String,
    },
    /// Verify a range and store it.
    Store(Box<Pulled>),
    /// The node that writes the log has nothing newer than this node holds.
    Confirmed(Origin),
    /// Two validly signed checkpoints contradict each other: the log is frozen.
    Conflict(Box<Conflict>),
    /// Compare a head with the entries held, which are not fewer.
    Compare(SignedHead),
    /// Keep a head on disk until the log has grown to it, and examine it then: it has waited for
    /// long, and may be all that shows a second history.
    Keep(SignedHead),
    /// Forget the entries beyond the signed head: they were pulled towards a larger head that the
    /// log does not lead to any more.
    DropTail(Origin),
    /// A peer holds a checkpoint of this node's own log that is larger than the log: the data
    /// folder is older than what was signed, and nothing more may be signed.
    OwnLogBehind(SignedHead),
}

/// What the entries held say of a signed head that is not larger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Comparison {
    /// It lies on them.
    Contained,
    /// They belong to another history, which was signed too.
    Contradicted(Box<Conflict>),
    /// They belong to another history or are fewer by now, and nothing that was signed for them is
    /// at hand.
    Unproved,
}

impl Comparison {
    /// The contradiction, where there is one.
    pub fn conflict(self) -> Option<Conflict> {
        match self {
            Self::Contradicted(conflict) => Some(*conflict),
            Self::Contained | Self::Unproved => None,
        }
    }
}

/// Two signed heads that contradict each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The smaller one.
    pub older: SignedHead,
    /// The larger one, or another of the same size.
    pub newer: SignedHead,
    /// What the newer one says of the older size; empty at equal sizes.
    pub proof: Vec<Hash>,
}

impl Conflict {
    /// The evidence to publish.
    pub fn evidence(&self, log_key: PublicKey) -> Fork {
        let notes = (self.older.note(), self.newer.note());
        Fork::new((self.older.origin(), log_key), notes, &self.proof)
    }
}

/// Whose fault it is that a range was not stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PullFault {
    /// This node's own: the disk, or the log moved meanwhile.
    Own,
    /// The peer's: no bundles, or not those asked for.
    Peer,
    /// The entries do not lead to the signed root: the peer's, or a forked log.
    Root,
    /// The log's writer's: with the range the log would be larger than its quota.
    Quota,
}
