//! The Merkle tree of a log: hashing, roots and proofs as RFC 6962 defines them (RFC 9162 gives the
//! algorithms). The tree is never held in memory; proofs are made from the hashes of complete
//! subtrees, which tiles store.

mod proof;

use std::fmt;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use sha2::{Digest as _, Sha256};

pub use proof::{
    MerkleError, consistency_proof, inclusion_proof, prefix_proof, prefix_proof_beyond,
    prefix_roots, verify_consistency, verify_inclusion,
};

/// Longest proof of either kind: one hash for each level of a tree of 2^64 leaves, and one for the
/// old root.
pub const PROOF_HASHES_MAX: usize = 65;

/// A SHA-256 hash of a leaf, a node or a whole tree. Displayed in hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash([u8; 32]);

impl Hash {
    /// From its 32 bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// From exactly 32 bytes.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// From canonical base64, the form it has in checkpoints and proofs.
    pub fn from_base64(text: &str) -> Option<Self> {
        Self::from_slice(&BASE64_STANDARD.decode(text).ok()?)
    }

    /// The 32 bytes.
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Canonical base64.
    pub fn to_base64(self) -> String {
        BASE64_STANDARD.encode(self.0)
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hash({self})")
    }
}

/// Hash of a leaf: SHA-256(0x00 || entry).
pub fn leaf_hash(entry: &[u8]) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update([0]);
    hasher.update(entry);
    Hash(hasher.finalize().into())
}

/// Hash of an inner node: SHA-256(0x01 || left || right).
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut block = [1_u8; 65];
    let (_, children) = block.split_at_mut(1);
    let (first, second) = children.split_at_mut(32);
    first.copy_from_slice(&left.0);
    second.copy_from_slice(&right.0);
    Hash(Sha256::digest(block).into())
}

/// Root of the tree without leaves: SHA-256 of nothing.
pub fn empty_root() -> Hash {
    Hash(Sha256::digest([]).into())
}

/// Root over the hashes of neighboring subtrees, all complete and of one height but the last, which
/// may be any smaller tree. With leaf hashes it is the root of their tree.
pub fn root_of(hashes: &[Hash]) -> Hash {
    match hashes {
        [] => empty_root(),
        [only] => *only,
        [left, right] => node_hash(left, right),
        more => {
            let split = more.len().next_power_of_two() / 2;
            let (left, right) = more.split_at(split);
            node_hash(&root_of(left), &root_of(right))
        }
    }
}

/// Root of the tree of `size` leaves whose complete subtrees `source` knows: `source(level, index)`
/// is the hash of leaves
/// `index * 2^level .. (index + 1) * 2^level`. `None` when the source lacks one.
pub fn root(size: u64, mut source: impl FnMut(u8, u64) -> Option<Hash>) -> Option<Hash> {
    if size == 0 { Some(empty_root()) } else { range_root(0, size, &mut source) }
}

/// Hash of the leaves `start .. start + count`, where `start` is a multiple of the power of two
/// that holds `count`.
fn range_root(
    start: u64,
    count: u64,
    source: &mut impl FnMut(u8, u64) -> Option<Hash>,
) -> Option<Hash> {
    if count.is_power_of_two() {
        let level = count.trailing_zeros();
        return source(u8::try_from(level).ok()?, start >> level);
    }
    let left = split_point(count);
    let first = range_root(start, left, source)?;
    let second = range_root(start + left, count - left, source)?;
    Some(node_hash(&first, &second))
}

/// The largest power of two below `count`, which is at least two.
const fn split_point(count: u64) -> u64 {
    1 << (u64::BITS - 1 - (count - 1).leading_zeros())
}

#[cfg(test)]
mod tests;
