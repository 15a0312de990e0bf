//! Inclusion and consistency proofs: made from complete subtrees, checked from hashes alone (RFC
//! 9162 sections 2.1.3 and 2.1.4).

use super::{Hash, empty_root, node_hash, range_root, split_point};

/// Why a proof was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MerkleError {
    /// The leaf's index is not below the tree's size.
    #[error("index {index} lies outside a tree of {size} entries")]
    OutsideTree {
        /// The leaf.
        index: u64,
        /// The tree.
        size: u64,
    },
    /// The older tree is larger than the newer one.
    #[error("a tree of {new} entries cannot continue one of {old}")]
    Shrunk {
        /// Size of the older tree.
        old: u64,
        /// Size of the newer tree.
        new: u64,
    },
    /// Too few or too many hashes for these sizes.
    #[error("the proof has the wrong number of hashes")]
    Length,
    /// The hashes do not give the roots.
    #[error("the proof does not lead to the root")]
    Mismatch,
}

/// Hashes that prove leaf `index` in the tree of `size` leaves, from the leaf to the root. `source`
/// is that of [`super::root`]. `None` when the index lies outside or the source lacks a hash.
pub fn inclusion_proof(
    index: u64,
    size: u64,
    mut source: impl FnMut(u8, u64) -> Option<Hash>,
) -> Option<Vec<Hash>> {
    if index >= size {
        return None;
    }
    let (mut start, mut count) = (0, size);
    let mut proof = Vec::new();
    while count > 1 {
        let left = split_point(count);
        if index < start + left {
            proof.push(range_root(start + left, count - left, &mut source)?);
            count = left;
        } else {
            proof.push(range_root(start, left, &mut source)?);
            start += left;
            count -= left;
        }
    }
    proof.reverse();
    Some(proof)
}

/// Hashes that prove the tree of `new` leaves to continue the tree of its first `old` leaves; empty
/// when either is the other or `old` is zero. `None` when `old` is larger or the source lacks a
/// hash.
pub fn consistency_proof(
    old: u64,
    new: u64,
    mut source: impl FnMut(u8, u64) -> Option<Hash>,
) -> Option<Vec<Hash>> {
    if old > new {
        return None;
    }
    let mut proof = Vec::new();
    if old == 0 || old == new {
        return Some(proof);
    }
    let (mut start, mut count, mut old_left) = (0, new, old);
    while old_left != count {
        let left = split_point(count);
        if old_left <= left {
            proof.push(range_root(start + left, count - left, &mut source)?);
            count = left;
        } else {
            proof.push(range_root(start, left, &mut source)?);
            start += left;
            count -= left;
            old_left -= left;
        }
    }
    // The verifier knows the old root itself, so it is left out where the old tree is one complete
    // subtree.
    if start > 0 {
        proof.push(range_root(start, count, &mut source)?);
    }
    proof.reverse();
    Some(proof)
}

/// Checks that `leaf` is number `index` in the tree of `size` leaves with `root`.
pub fn verify_inclusion(
    leaf: Hash,
    (index, size): (u64, u64),
    proof: &[Hash],
    root: Hash,
) -> Result<(), MerkleError> {
    if index >= size {
        return Err(MerkleError::OutsideTree { index, size });
    }
    let mut path = Path { node: index, last: size - 1 };
    let mut hash = leaf;
    for sibling in proof {
        if path.last == 0 {
            return Err(MerkleError::Length);
        }
        if path.joins_left() {
            hash = node_hash(sibling, &hash);
        } else {
            hash = node_hash(&hash, sibling);
        }
        path.climb();
    }
    if path.last != 0 {
        return Err(MerkleError::Length);
    }
    if hash == root { Ok(()) } else { Err(MerkleError::Mismatch) }
}

/// Checks that the tree `new` (size and root) continues the tree `old`.
pub fn verify_consistency(
    (old_size, old_root): (u64, Hash),
    (new_size, new_root): (u64, Hash),
    proof: &[Hash],
) -> Result<(), MerkleError> {
    if old_size > new_size {
        return Err(MerkleError::Shrunk { old: old_size, new: new_size });
    }
    if old_size == 0 || old_size == new_size {
        let same = old_size == 0 && old_root == empty_root() && new_size > 0;
        return match proof {
            [] if same || old_root == new_root => Ok(()),
            [] => Err(MerkleError::Mismatch),
            _ => Err(MerkleError::Length),
        };
    }
    let (first, rest) = if old_size.is_power_of_two() {
        (&old_root, proof)
    } else {
        proof.split_first().ok_or(MerkleError::Length)?
    };
    let roots = both_roots((old_size, new_size), *first, rest)?;
    if roots == (old_root, new_root) { Ok(()) } else { Err(MerkleError::Mismatch) }
}

/// Hashes that tell the roots of the first `old` and of all `new` leaves to somebody who knows
/// neither: a consistency proof that always begins with the last complete subtree of the older
/// tree. `None` when `old` is zero or not below `new`, or the source lacks a hash.
pub fn prefix_proof(
    old: u64,
    new: u64,
    mut source: impl FnMut(u8, u64) -> Option<Hash>,
) -> Option<Vec<Hash>> {
    if old == 0 || old >= new {
        return None;
    }
    let mut proof = Vec::new();
    if old.is_power_of_two() {
        proof.push(range_root(0, old, &mut source)?);
    }
    proof.extend(consistency_proof(old, new, source)?);
    Some(proof)
}

/// The roots of the first `old` and of all `new` leaves to which the hashes of [`prefix_proof`]
/// lead. Whoever knows one of them learns the other.
pub fn prefix_roots(old: u64, new: u64, proof: &[Hash]) -> Result<(Hash, Hash), MerkleError> {
    if old == 0 || old >= new {
        return Err(MerkleError::Shrunk { old, new });
    }
    let (first, rest) = proof.split_first().ok_or(MerkleError::Length)?;
    both_roots((old, new), *first, rest)
}

/// Climbs from the last complete subtree of the older tree to both roots.
fn both_roots(
    (old, new): (u64, u64),
    first: Hash,
    rest: &[Hash],
) -> Result<(Hash, Hash), MerkleError> {
    let mut path = Path { node: old - 1, last: new - 1 };
    path.skip_right_children();
    let (mut old_hash, mut new_hash) = (first, first);
    for sibling in rest {
        if path.last == 0 {
            return Err(MerkleError::Length);
        }
        if path.joins_left() {
            old_hash = node_hash(sibling, &old_hash);
            new_hash = node_hash(sibling, &new_hash);
        } else {
            new_hash = node_hash(&new_hash, sibling);
        }
        path.climb();
    }
    if path.last == 0 { Ok((old_hash, new_hash)) } else { Err(MerkleError::Length) }
}

/// A walk from a node to the root, level by level: the node's index in its level, and that of the
/// level's last node.
struct Path {
    node: u64,
    last: u64,
}

impl Path {
    /// Whether the next hash of a proof is the left sibling; if the node has no right sibling,
    /// levels without one are passed over.
    fn joins_left(&mut self) -> bool {
        let left = self.node & 1 == 1 || self.node == self.last;
        if left {
            while self.node & 1 == 0 && self.node != 0 {
                self.climb();
            }
        }
        left
    }

    fn skip_right_children(&mut self) {
        while self.node & 1 == 1 {
            self.climb();
        }
    }

    fn climb(&mut self) {
        self.node >>= 1;
        self.last >>= 1;
    }
}
