//! Inclusion and consistency proofs: made from complete subtrees, checked from hashes alone (RFC
//! 9162 sections 2.1.3 and 2.1.4).

use std::collections::BTreeMap;

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
    source: impl FnMut(u8, u64) -> Option<Hash>,
) -> Option<Vec<Hash>> {
    if old > new {
        return None;
    }
    if old == 0 || old == new {
        return Some(Vec::new());
    }
    let mut proof = prefix_proof(old, new, source)?;
    // The verifier knows the old root itself, so it is left out where the old tree is one complete
    // subtree.
    if old.is_power_of_two() {
        proof.remove(0);
    }
    Some(proof)
}

/// The ranges of leaves (start and count) whose hashes a proof needs: those beside the way from the
/// root of `new` leaves down to the last complete subtree of the first `old`, and that subtree.
fn ranges_of_proof(old: u64, new: u64) -> Vec<(u64, u64)> {
    let mut ranges = Vec::new();
    let (mut start, mut count, mut old_left) = (0, new, old);
    while old_left != count {
        let left = split_point(count);
        if old_left <= left {
            ranges.push((start + left, count - left));
            count = left;
        } else {
            ranges.push((start, left));
            start += left;
            count -= left;
            old_left -= left;
        }
    }
    ranges.push((start, count));
    ranges
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
    prefix_hashes(old, new, |start, count| range_root(start, count, &mut source))
}

/// [`prefix_proof`] of `new` leaves of which only the first `held` are at hand: `continues` is the
/// consistency proof from them to all. `None` also when `old` is above `held`, or `continues` has
/// too few hashes; whether they are the right ones is seen from the proof made.
pub fn prefix_proof_beyond(
    old: u64,
    (held, new): (u64, u64),
    continues: &[Hash],
    mut source: impl FnMut(u8, u64) -> Option<Hash>,
) -> Option<Vec<Hash>> {
    if old > held || held >= new {
        return None;
    }
    let ranges = ranges_of_proof(held, new);
    let beside = ranges.get(..ranges.len() - 1)?;
    if continues.len() < beside.len() {
        return None;
    }
    // A proof begins at the bottom.
    let beyond = beside.iter().copied().zip(continues.iter().rev().copied()).collect();
    prefix_hashes(old, new, |start, count| {
        root_across((start, count), held, &beyond, &mut |start, count| {
            range_root(start, count, &mut source)
        })
    })
}

/// The root of a range that may reach beyond the leaves held: put together from what is held and
/// the subtrees known beyond it.
fn root_across(
    (start, count): (u64, u64),
    held: u64,
    beyond: &BTreeMap<(u64, u64), Hash>,
    inside: &mut impl FnMut(u64, u64) -> Option<Hash>,
) -> Option<Hash> {
    if start + count <= held {
        return inside(start, count);
    }
    if start >= held {
        return beyond.get(&(start, count)).copied();
    }
    let left = split_point(count);
    let (one, other) = ((start, left), (start + left, count - left));
    let one = root_across(one, held, beyond, inside)?;
    Some(node_hash(&one, &root_across(other, held, beyond, inside)?))
}

fn prefix_hashes(
    old: u64,
    new: u64,
    mut root: impl FnMut(u64, u64) -> Option<Hash>,
) -> Option<Vec<Hash>> {
    if old == 0 || old >= new {
        return None;
    }
    ranges_of_proof(old, new).into_iter().rev().map(|(start, count)| root(start, count)).collect()
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
