//! What a node holds, told in two kilobytes: the logs are spread over buckets by the hash of their
//! origin, and a bucket's fingerprint is a hash over the heads in it. Two nodes that exchange heads
//! send only those of buckets that differ. With three thousand logs a bucket has about two dozen
//! heads, five kilobytes, where all of them would be three quarters of a megabyte.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use super::{SignedHead, Sync};
use crate::id::Origin;

/// More buckets make digests longer, fewer make answers longer; around three thousand logs, one of
/// which has just moved, the sum is smallest near here.
const BUCKETS: usize = 128;
/// A log's own writer chooses its heads, and must not find two histories with one fingerprint:
/// 128 bits ask for 2^64 tries.
const FINGERPRINT_BYTES: usize = 16;
/// Length of every digest.
pub const DIGEST_BYTES: usize = BUCKETS * FINGERPRINT_BYTES;
/// Bytes of heads in one answer, a quarter of the largest frame: about four thousand. What is left
/// out follows in the next exchange, when the others are held.
pub const HEADS_BYTES_MAX: usize = 1024 * 1024;

type Fingerprint = [u8; FINGERPRINT_BYTES];

/// The fingerprints of what a node holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digest(Vec<Fingerprint>);

impl Digest {
    /// The bytes on the wire, always [`DIGEST_BYTES`].
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.concat()
    }

    /// Reads [`Digest::to_bytes`] back; `None` for any other length.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let (fingerprints, rest) = bytes.as_chunks();
        (rest.is_empty() && fingerprints.len() == BUCKETS).then(|| Self(fingerprints.to_vec()))
    }
}

/// The heads a node shows to others: of its own log and of those on its list, but of no frozen one,
/// on which nodes may differ for ever.
#[derive(Debug)]
pub(super) struct Shown(Vec<Bucket>);

#[derive(Debug, Clone, Default)]
struct Bucket {
    heads: BTreeMap<Origin, SignedHead>,
    /// `None` when a head changed since it was computed.
    fingerprint: Option<Fingerprint>,
}

impl Shown {
    pub(super) fn new() -> Self {
        Self(vec![Bucket::default(); BUCKETS])
    }

    pub(super) fn put(&mut self, head: SignedHead) {
        if let Some(bucket) = self.bucket(head.origin()) {
            bucket.heads.insert(head.origin().clone(), head);
            bucket.fingerprint = None;
        }
    }

    pub(super) fn remove(&mut self, origin: &Origin) {
        if let Some(bucket) = self.bucket(origin) {
            bucket.heads.remove(origin);
            bucket.fingerprint = None;
        }
    }

    fn bucket(&mut self, origin: &Origin) -> Option<&mut Bucket> {
        let mut hash = Sha256::new();
        hash_origin(&mut hash, origin);
        let first = hash.finalize().first().copied().map_or(0, usize::from);
        self.0.get_mut(first % BUCKETS)
    }

    pub(super) fn digest(&mut self) -> Digest {
        Digest(self.0.iter_mut().map(Bucket::fingerprint).collect())
    }
}

impl Bucket {
    fn fingerprint(&mut self) -> Fingerprint {
        *self.fingerprint.get_or_insert_with(|| {
            let mut hash = Sha256::new();
            for (origin, head) in &self.heads {
                hash_origin(&mut hash, origin);
                hash.update(head.size().to_be_bytes());
                hash.update(head.root().bytes());
            }
            hash.finalize().first_chunk().copied().unwrap_or_default()
        })
    }
}

/// Names hold no slash, so no two origins give the same bytes.
fn hash_origin(hash: &mut Sha256, origin: &Origin) {
    for name in [origin.domain().as_str(), origin.node().as_str()] {
        hash.update(name);
        hash.update(b"/");
    }
    hash.update(origin.generation().to_be_bytes());
}

impl Sync {
    /// What to answer a node that asks for heads and holds what `digest` says: first the head of
    /// the own log, by which the asker knows that there is nothing newer, then those of the buckets
    /// that differ.
    pub fn answer(&mut self, digest: &Digest) -> Vec<SignedHead> {
        let own = self.logs.get(&self.own).and_then(|log| log.head.clone());
        let mut heads = Vec::from_iter(own);
        let mut bytes: usize = heads.iter().map(|head| head.note().len()).sum();
        for (bucket, theirs) in self.shown.0.iter_mut().zip(&digest.0) {
            if bucket.fingerprint() == *theirs {
                continue;
            }
            for head in bucket.heads.values().filter(|head| *head.origin() != self.own) {
                bytes += head.note().len();
                if bytes > HEADS_BYTES_MAX {
                    return heads;
                }
                heads.push(head.clone());
            }
        }
        heads
    }
}
