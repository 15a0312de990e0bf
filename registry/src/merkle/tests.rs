//! Against `ct-merkle`, and properties of our own proofs.

use ct_merkle::{ConsistencyProof, InclusionProof, RootHash, mem_backed_tree::MemoryBackedTree};
use proptest::prelude::*;
use sha2::Sha256;

use super::*;

type Oracle = MemoryBackedTree<Sha256, Vec<u8>>;

fn entries(count: usize) -> Vec<Vec<u8>> {
    (0..count).map(|i| format!("entry {i}").into_bytes()).collect()
}

fn oracle(entries: &[Vec<u8>]) -> Oracle {
    let mut tree = Oracle::new();
    for entry in entries {
        tree.push(entry.clone());
    }
    tree
}

fn leaves(entries: &[Vec<u8>]) -> Vec<Hash> {
    entries.iter().map(|entry| leaf_hash(entry)).collect()
}

/// Hashes of complete subtrees, computed anew each time.
fn source(leaves: &[Hash]) -> impl FnMut(u8, u64) -> Option<Hash> {
    move |level, index| {
        let start = usize::try_from(index << level).ok()?;
        let end = usize::try_from((index + 1) << level).ok()?;
        leaves.get(start..end).map(root_of)
    }
}

fn oracle_root(tree: &Oracle) -> Hash {
    Hash::from_slice(tree.root().as_bytes()).expect("32 bytes")
}

#[test]
fn the_empty_root_is_the_hash_of_nothing() {
    assert_eq!(empty_root().to_base64(), "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
    assert_eq!(root_of(&[]), empty_root());
    assert_eq!(root(0, |_, _| None), Some(empty_root()));
}

#[test]
fn published_vectors_of_rfc_6962_hold() {
    // From the certificate-transparency reference implementation: roots of its eight test leaves.
    let inputs = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657"];
    let last = "606162636465666768696a6b6c6d6e6f";
    let leaves: Vec<Hash> = inputs
        .iter()
        .chain([&last])
        .map(|text| leaf_hash(&hex::decode(text).expect("hexadecimal")))
        .collect();
    let roots = [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];
    for (size, root) in (1..).zip(roots) {
        assert_eq!(root_of(&leaves[..size]).to_string(), root, "{size}");
    }
}

#[test]
fn every_root_and_proof_up_to_seventy_entries_agrees_with_ct_merkle() {
    let all = entries(70);
    let leaves = leaves(&all);
    for size in 1..=all.len() {
        let tree = oracle(&all[..size]);
        let root_here = root_of(&leaves[..size]);
        let size_u64 = u64::try_from(size).expect("small");
        assert_eq!(root_here, oracle_root(&tree));
        assert_eq!(root(size_u64, source(&leaves)), Some(root_here));
        for index in 0..size {
            let index_u64 = u64::try_from(index).expect("small");
            let proof = inclusion_proof(index_u64, size_u64, source(&leaves)).expect("inside");
            let bytes: Vec<u8> = proof.iter().flat_map(|hash| *hash.bytes()).collect();
            assert_eq!(bytes, tree.prove_inclusion(index).as_bytes());
            let at = (index_u64, size_u64);
            assert_eq!(verify_inclusion(leaves[index], at, &proof, root_here), Ok(()));
        }
        for old in 1..=size {
            let old_u64 = u64::try_from(old).expect("small");
            let proof = consistency_proof(old_u64, size_u64, source(&leaves)).expect("inside");
            let bytes: Vec<u8> = proof.iter().flat_map(|hash| *hash.bytes()).collect();
            assert_eq!(bytes, tree.prove_consistency(size - old).as_bytes(), "{old} {size}");
            let older = (old_u64, root_of(&leaves[..old]));
            assert_eq!(verify_consistency(older, (size_u64, root_here), &proof), Ok(()));
            let prefix = prefix_proof(old_u64, size_u64, source(&leaves));
            assert_eq!(prefix.is_some(), old < size, "{old} {size}");
            if let Some(prefix) = prefix {
                let roots = prefix_roots(old_u64, size_u64, &prefix);
                assert_eq!(roots, Ok((older.1, root_here)), "{old} {size}");
                let short = prefix_roots(old_u64, size_u64, &prefix[1..]);
                assert_ne!(short, roots, "{old} {size}");
            }
        }
    }
}

#[test]
fn what_is_held_and_a_proof_of_the_rest_say_what_the_whole_says() {
    let all = leaves(&entries(40));
    for new in 2..=40 {
        for held in 1..new {
            let all = &all[..usize::try_from(new).expect("small")];
            let continues = consistency_proof(held, new, source(all)).expect("whole");
            let held_leaves = &all[..usize::try_from(held).expect("small")];
            for old in 0..=held + 1 {
                let made = prefix_proof_beyond(old, (held, new), &continues, source(held_leaves));
                let whole = prefix_proof(old, new, source(all)).filter(|_| old <= held);
                assert_eq!(made, whole, "{old} of {held} of {new}");
            }
            let fewer = &continues[..continues.len() - 1];
            let made = prefix_proof_beyond(held, (held, new), fewer, source(held_leaves));
            let root = made.and_then(|proof| prefix_roots(held, new, &proof).ok());
            assert_ne!(root.map(|(_, whole)| whole), Some(root_of(all)), "{held} of {new}");
        }
    }
}

#[test]
fn sizes_outside_are_refused() {
    let leaves = leaves(&entries(4));
    let root = root_of(&leaves);
    assert_eq!(inclusion_proof(4, 4, source(&leaves)), None);
    assert_eq!(inclusion_proof(0, 0, source(&leaves)), None);
    assert_eq!(consistency_proof(5, 4, source(&leaves)), None);
    assert_eq!(
        verify_inclusion(leaves[0], (4, 4), &[], root),
        Err(MerkleError::OutsideTree { index: 4, size: 4 })
    );
    assert_eq!(
        verify_consistency((5, root), (4, root), &[]),
        Err(MerkleError::Shrunk { old: 5, new: 4 })
    );
}

#[test]
fn the_empty_tree_is_continued_by_every_tree_with_an_empty_proof() {
    let root = leaf_hash(b"one");
    assert_eq!(verify_consistency((0, empty_root()), (1, root), &[]), Ok(()));
    assert_eq!(verify_consistency((0, empty_root()), (0, empty_root()), &[]), Ok(()));
    assert_eq!(
        verify_consistency((0, root), (1, leaf_hash(b"two")), &[]),
        Err(MerkleError::Mismatch)
    );
    assert_eq!(verify_consistency((0, empty_root()), (1, root), &[root]), Err(MerkleError::Length));
    assert_eq!(verify_consistency((1, root), (1, root), &[root]), Err(MerkleError::Length));
    assert_eq!(verify_consistency((1, root), (1, empty_root()), &[]), Err(MerkleError::Mismatch));
}

#[test]
fn longer_and_shorter_proofs_are_refused() {
    let leaves = leaves(&entries(13));
    let root = root_of(&leaves);
    let proof = inclusion_proof(12, 13, source(&leaves)).expect("inside");
    let mut longer = proof.clone();
    longer.push(root);
    let shorter = &proof[..proof.len() - 1];
    let leaf = leaves[12];
    assert_eq!(verify_inclusion(leaf, (12, 13), &longer, root), Err(MerkleError::Length));
    assert_eq!(verify_inclusion(leaf, (12, 13), shorter, root), Err(MerkleError::Length));
    let older = (7, root_of(&leaves[..7]));
    let proof = consistency_proof(7, 13, source(&leaves)).expect("inside");
    let mut longer = proof.clone();
    longer.push(root);
    let shorter = &proof[..proof.len() - 1];
    assert_eq!(verify_consistency(older, (13, root), &longer), Err(MerkleError::Length));
    assert_eq!(verify_consistency(older, (13, root), shorter), Err(MerkleError::Length));
    assert_eq!(verify_consistency(older, (13, root), &[]), Err(MerkleError::Length));
}

proptest! {
    #[test]
    fn proofs_of_large_trees_satisfy_ct_merkle(size in 1_usize..1500, a: u16, b: u16) {
        let all = entries(size);
        let leaves = leaves(&all);
        let tree = oracle(&all);
        let root: RootHash<Sha256> = tree.root();
        let index = usize::from(a) % size;
        let old = usize::from(b) % size + 1;
        let wide = |n: usize| u64::try_from(n).expect("small");
        let digests = |proof: &[Hash]| -> Vec<_> {
            proof.iter().map(|hash| (*hash.bytes()).into()).collect()
        };
        let proof = inclusion_proof(wide(index), wide(size), source(&leaves)).expect("inside");
        let theirs = InclusionProof::<Sha256>::from_digests(&digests(&proof));
        prop_assert!(root.verify_inclusion(&all[index], wide(index), &theirs).is_ok());
        let proof = consistency_proof(wide(old), wide(size), source(&leaves)).expect("inside");
        let theirs = ConsistencyProof::<Sha256>::from_digests(&digests(&proof));
        let older = oracle(&all[..old]).root();
        prop_assert!(root.verify_consistency(&older, &theirs).is_ok());
    }

    #[test]
    fn a_changed_proof_is_refused(size in 2_u64..300, index: u64, at: usize, bit in 0_u32..256) {
        let all = entries(usize::try_from(size).expect("small"));
        let leaves = leaves(&all);
        let root = root_of(&leaves);
        let index = index % size;
        let place = usize::try_from(index).expect("small");
        let flip = |proof: &mut Vec<Hash>| {
            let at = at % proof.len();
            let byte = usize::try_from(bit / 8).expect("small");
            proof[at].0[byte] ^= 1 << (bit % 8);
        };
        let mut proof = inclusion_proof(index, size, source(&leaves)).expect("inside");
        flip(&mut proof);
        prop_assert!(verify_inclusion(leaves[place], (index, size), &proof, root).is_err());
        if index > 0 {
            let older = (index, root_of(&leaves[..place]));
            let mut proof = consistency_proof(index, size, source(&leaves)).expect("inside");
            flip(&mut proof);
            prop_assert!(verify_consistency(older, (size, root), &proof).is_err());
        }
    }

    #[test]
    fn garbage_never_panics(index: u64, size: u64, count in 0_usize..70) {
        let proof = vec![empty_root(); count];
        let leaf = leaf_hash(b"");
        prop_assert!(verify_inclusion(leaf, (index, size), &proof, empty_root()).is_err());
        let _ = verify_consistency((index, empty_root()), (size, leaf_hash(b"")), &proof);
    }
}
