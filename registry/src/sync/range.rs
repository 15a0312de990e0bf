//! A pulled range of entries, and its check against the signed root: leaves are appended to the
//! edge of what is stored, and the root that results must be the signed one, or be proved
//! consistent with it. Nothing is stored before.

use super::{PullFault, SignedHead};
use crate::{
    entry::ENTRY_BYTES_MAX,
    id::NodeName,
    merkle::{Hash, MerkleError, leaf_hash, prefix_proof, prefix_proof_beyond, verify_consistency},
    refusal::Refusal,
    tile::{BundleError, Edge, HashTile, TILE_WIDTH, decode_hashes, split_bundle},
};

/// A range as a peer gave it; nothing about it is believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pulled {
    /// Who gave it.
    pub peer: NodeName,
    /// First entry wanted.
    pub from: u64,
    /// One past the last.
    pub to: u64,
    /// The entry bundles from the one that holds `from` on; the first is whole, or begins at
    /// `from`.
    pub bundles: Vec<Vec<u8>>,
    /// Hashes that prove the tree of `to` entries consistent with the head; none when `to` is the
    /// head's size.
    pub proof: Option<Vec<u8>>,
    /// The signed head the range belongs to.
    pub head: SignedHead,
}

/// A range that belongs to the signed head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Index of the first entry.
    pub from: u64,
    /// The entries, exact bytes.
    pub entries: Vec<Vec<u8>>,
    /// Hash tiles that changed.
    pub tiles: Vec<HashTile>,
    /// The edge after them.
    pub edge: Edge,
    /// The signed head they belong to, and how they lead to it.
    pub tail: Tail,
}

impl Verified {
    /// The head, when the range reaches it.
    pub fn head(&self) -> Option<&SignedHead> {
        Some(&self.tail.head).filter(|head| head.size() == self.edge.size())
    }
}

/// The larger signed head towards which the entries beyond the newest complete one were pulled:
/// what proves, if it comes to that, that they were signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tail {
    /// The head.
    pub head: SignedHead,
    /// The consistency proof from the entries held to it; empty when they reach it.
    pub proof: Vec<Hash>,
}

impl Tail {
    /// What its history says of the first `old` of the `held` entries, whose complete subtrees
    /// `source` has; `None` where that is not known.
    pub fn prefix_proof(
        &self,
        old: u64,
        held: u64,
        source: impl FnMut(u8, u64) -> Option<Hash>,
    ) -> Option<Vec<Hash>> {
        let new = self.head.size();
        match (old == new, held == new) {
            (true, _) => Some(Vec::new()),
            (_, true) => prefix_proof(old, new, source),
            _ => prefix_proof_beyond(old, (held, new), &self.proof, source),
        }
    }
}

/// Why a range was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PullRefusal {
    /// The log here has grown or shrunk since the range was asked for.
    #[error("the range begins at {from}, but {size} entries are stored")]
    Moved {
        /// Where the range begins.
        from: u64,
        /// Entries stored.
        size: u64,
    },
    /// Bytes that are no bundle.
    #[error("not a bundle: {0}")]
    Bundle(#[from] BundleError),
    /// More or fewer entries than asked for.
    #[error("the bundles end at {found}, not at {expected}")]
    Count {
        /// What was asked for.
        expected: u64,
        /// What came.
        found: u64,
    },
    /// An entry over the limit.
    #[error("entry {0} is larger than any entry may be")]
    EntryTooLarge(u64),
    /// The proof is no list of hashes, or missing.
    #[error("not a consistency proof")]
    Proof,
    /// The log would be larger than its quota.
    #[error("with this range the log has {bytes} bytes, and {quota_bytes} are its quota")]
    OverQuota {
        /// Bytes it would have.
        bytes: u64,
        /// What its admission allows.
        quota_bytes: u64,
    },
    /// The entries do not lead to the signed root.
    #[error("the entries are not those the checkpoint signs: {0}")]
    OtherRoot(#[source] MerkleError),
}

impl Refusal for PullRefusal {
    fn code(&self) -> &'static str {
        match self {
            Self::Moved { .. } => "sync.moved",
            Self::Bundle(_) => "sync.bundle_malformed",
            Self::Count { .. } => "sync.wrong_count",
            Self::EntryTooLarge(_) => "sync.entry_too_large",
            Self::Proof => "sync.proof_malformed",
            Self::OverQuota { .. } => "sync.over_quota",
            Self::OtherRoot(_) => "sync.other_root",
        }
    }
}

impl PullRefusal {
    /// Whose fault it is.
    pub fn fault(&self) -> PullFault {
        match self {
            Self::Moved { .. } => PullFault::Own,
            Self::OtherRoot(_) => PullFault::Root,
            Self::OverQuota { .. } => PullFault::Quota,
            _ => PullFault::Peer,
        }
    }
}

impl Pulled {
    /// Checks the range on the edge of what is stored.
    pub fn verify(self, mut edge: Edge) -> Result<Verified, PullRefusal> {
        if edge.size() != self.from {
            return Err(PullRefusal::Moved { from: self.from, size: edge.size() });
        }
        let entries = self.entries()?;
        let leaves: Vec<Hash> = entries.iter().map(|entry| leaf_hash(entry)).collect();
        let tiles = edge.extend(&leaves);
        let proof = match &self.proof {
            None if self.to == self.head.size() => Vec::new(),
            None => return Err(PullRefusal::Proof),
            Some(bytes) => decode_hashes(bytes).ok_or(PullRefusal::Proof)?,
        };
        let signed = (self.head.size(), self.head.root());
        verify_consistency((self.to, edge.root()), signed, &proof)
            .map_err(PullRefusal::OtherRoot)?;
        let tail = Tail { head: self.head, proof };
        Ok(Verified { from: self.from, entries, tiles, edge, tail })
    }

    /// The entries wanted: of a whole first bundle, those before `from` are stored already.
    fn entries(&self) -> Result<Vec<Vec<u8>>, PullRefusal> {
        let width = u64::from(TILE_WIDTH);
        let held = self.from % width;
        let whole = self.to.min(self.from - held + width) - (self.from - held);
        let mut index = self.from;
        let mut entries = Vec::new();
        for (place, bundle) in self.bundles.iter().enumerate() {
            let found = split_bundle(bundle)?;
            let is_whole = place == 0 && u64::try_from(found.len()) == Ok(whole);
            let skipped = if is_whole { usize::try_from(held).unwrap_or(0) } else { 0 };
            for entry in found.into_iter().skip(skipped) {
                if entry.len() > ENTRY_BYTES_MAX {
                    return Err(PullRefusal::EntryTooLarge(index));
                }
                entries.push(entry.to_vec());
                index += 1;
            }
            let is_last = place + 1 == self.bundles.len();
            if !is_last && !index.is_multiple_of(width) {
                return Err(PullRefusal::Count { expected: self.to, found: index });
            }
        }
        let found = if self.bundles.is_empty() { self.from } else { index };
        if found == self.to {
            Ok(entries)
        } else {
            Err(PullRefusal::Count { expected: self.to, found })
        }
    }
}
