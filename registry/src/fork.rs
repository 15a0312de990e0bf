//! Forks: two checkpoints of one log, both signed with its key, that no single history contains.
//! Evidence of a fork proves itself: it needs no trust in whoever hands it on, and nothing ever
//! resolves it. A log that forked is over; its node begins another one under the next generation.

use serde::{Deserialize, Serialize};

use crate::{
    checkpoint::CheckpointError,
    id::Origin,
    key::PublicKey,
    merkle::{Hash, MerkleError, PROOF_HASHES_MAX, prefix_roots},
    refusal::Refusal,
    sync::SignedHead,
};

/// Evidence that the holder of a log's key signed two histories.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fork {
    /// The log.
    pub origin: Origin,
    /// The key that signed both.
    pub log_key: PublicKey,
    /// The checkpoint of the smaller log: the lines of a signed note (an entry has no line feeds).
    pub older: Vec<String>,
    /// The checkpoint of the larger log, or of one equally large, as lines.
    pub newer: Vec<String>,
    /// Where the sizes differ: what the newer history says of the older size, as
    /// [`crate::merkle::prefix_proof`] gives it, each hash in base64. Empty where they do not.
    pub proof: Vec<String>,
}

/// Why two checkpoints prove no fork.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ForkRefusal {
    /// A checkpoint that the key did not sign, or of another log.
    #[error("not two signed checkpoints of this log")]
    Checkpoint(#[source] CheckpointError),
    /// The newer checkpoint has fewer entries.
    #[error("the checkpoint given as the newer one has fewer entries")]
    Order,
    /// More hashes than a proof can have, or text that is no hash.
    #[error("the proof is not a list of hashes")]
    Proof,
    /// The proof does not belong to the newer checkpoint.
    #[error("the proof does not lead to the newer checkpoint")]
    Unproved(#[source] MerkleError),
    /// One history contains both.
    #[error("the two checkpoints do not contradict each other")]
    Consistent,
}

impl Refusal for ForkRefusal {
    fn code(&self) -> &'static str {
        match self {
            Self::Checkpoint(_) => "fork.checkpoint_refused",
            Self::Order => "fork.wrong_order",
            Self::Proof => "fork.proof_malformed",
            Self::Unproved(_) => "fork.unproved",
            Self::Consistent => "fork.consistent",
        }
    }
}

impl Fork {
    /// Puts evidence together; nothing is checked yet.
    pub fn new(
        (origin, log_key): (&Origin, PublicKey),
        (older, newer): (&str, &str),
        proof: &[Hash],
    ) -> Self {
        let lines = |note: &str| {
            note.strip_suffix('\n').unwrap_or(note).split('\n').map(str::to_owned).collect()
        };
        Self {
            origin: origin.clone(),
            log_key,
            older: lines(older),
            newer: lines(newer),
            proof: proof.iter().map(|hash| hash.to_base64()).collect(),
        }
    }

    /// Checks that it proves a fork: anybody can, offline. Gives the two checkpoints.
    pub fn verify(&self) -> Result<(SignedHead, SignedHead), ForkRefusal> {
        let open = |lines: &[String]| {
            let note = format!("{}\n", lines.join("\n"));
            SignedHead::open(&note, &self.origin, &self.log_key).map_err(ForkRefusal::Checkpoint)
        };
        let (older, newer) = (open(&self.older)?, open(&self.newer)?);
        let proof = self.hashes()?;
        judge((older.size(), older.root()), (newer.size(), newer.root()), &proof)?;
        Ok((older, newer))
    }

    /// Evidence that proves a fork, as everybody keeps it and tells it again: of each checkpoint
    /// the three lines and the log's signature. Whatever somebody put beside them is left out, so
    /// it fits an entry of whoever tells it.
    pub fn normal(&self) -> Result<Self, ForkRefusal> {
        let (older, newer) = self.verify()?;
        let notes = (older.note(), newer.note());
        Ok(Self::new((&self.origin, self.log_key), notes, &self.hashes()?))
    }

    fn hashes(&self) -> Result<Vec<Hash>, ForkRefusal> {
        if self.proof.len() > PROOF_HASHES_MAX {
            return Err(ForkRefusal::Proof);
        }
        let parsed = self.proof.iter().map(|text| Hash::from_base64(text));
        parsed.collect::<Option<_>>().ok_or(ForkRefusal::Proof)
    }
}

/// Whether two heads (size and root) of one log contradict each other, by what the newer history
/// says of the older size.
pub fn judge(
    (older_size, older_root): (u64, Hash),
    (newer_size, newer_root): (u64, Hash),
    proof: &[Hash],
) -> Result<(), ForkRefusal> {
    if newer_size < older_size {
        return Err(ForkRefusal::Order);
    }
    let told = if newer_size == older_size {
        if !proof.is_empty() {
            return Err(ForkRefusal::Proof);
        }
        newer_root
    } else {
        let (told, whole) =
            prefix_roots(older_size, newer_size, proof).map_err(ForkRefusal::Unproved)?;
        if whole != newer_root {
            return Err(ForkRefusal::Unproved(MerkleError::Mismatch));
        }
        told
    };
    if told == older_root { Err(ForkRefusal::Consistent) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        checkpoint::Checkpoint,
        checkpoint::SIZE_MAX,
        entry::ENTRY_BYTES_MAX,
        entry::{Entry, Fact},
        id::{DOMAIN_CHARS_MAX, NODE_NAME_CHARS_MAX},
        json,
        key::KeyPair,
        merkle::{leaf_hash, prefix_proof, root_of},
        note::{Note, SIGNATURES_MAX, Signature},
        time::Timestamp,
    };

    fn origin() -> Origin {
        Origin::parse("ningbo.example/haishu/1").expect("an origin")
    }

    fn key() -> KeyPair {
        KeyPair::from_seed([7; 32])
    }

    fn leaves(count: u64, branch: &str, from: u64) -> Vec<Hash> {
        let of = |n: u64| if n < from { "both" } else { branch };
        (0..count).map(|n| leaf_hash(format!("{} {n}", of(n)).as_bytes())).collect()
    }

    fn note(leaves: &[Hash]) -> String {
        let size = u64::try_from(leaves.len()).expect("small");
        Checkpoint { origin: origin(), size, root: root_of(leaves) }.sign(&key())
    }

    fn proof(leaves: &[Hash], old: u64) -> Vec<Hash> {
        let size = u64::try_from(leaves.len()).expect("small");
        let source = |level: u8, index: u64| {
            let start = usize::try_from(index << level).ok()?;
            let end = usize::try_from((index + 1) << level).ok()?;
            leaves.get(start..end).map(root_of)
        };
        prefix_proof(old, size, source).expect("inside")
    }

    fn fork(older: &[Hash], newer: &[Hash]) -> Fork {
        let old = u64::try_from(older.len()).expect("small");
        let hashes = if older.len() == newer.len() { Vec::new() } else { proof(newer, old) };
        Fork::new((&origin(), key().public()), (&note(older), &note(newer)), &hashes)
    }

    #[test]
    fn two_histories_of_any_two_sizes_are_proved() {
        for old in 1..20 {
            for new in old..40 {
                for from in [0, old - 1] {
                    let evidence = fork(&leaves(old, "one", from), &leaves(new, "other", from));
                    let told = evidence.verify();
                    let sizes = told.map(|(older, newer)| (older.size(), newer.size()));
                    assert_eq!(sizes, Ok((old, new)), "{old} {new} {from}");
                }
            }
        }
    }

    #[test]
    fn one_history_is_no_fork_whatever_the_sizes() {
        for old in 1..20 {
            for new in old..40 {
                let evidence = fork(&leaves(old, "one", 0), &leaves(new, "one", 0));
                assert_eq!(evidence.verify(), Err(ForkRefusal::Consistent), "{old} {new}");
            }
        }
    }

    #[test]
    fn what_somebody_puts_beside_the_signatures_is_not_told_again() {
        let good = fork(&leaves(5, "one", 3), &leaves(9, "other", 3));
        let mut padded = good.clone();
        let unknown = Signature { name: "x".repeat(90), key_id: [7; 4], bytes: vec![9; 100] };
        let line = unknown.line().trim_end().to_owned();
        padded.older.extend(vec![line.clone(); SIGNATURES_MAX - 1]);
        padded.newer.insert(4, line);
        assert!(padded.verify().is_ok(), "it proves what it proves");
        assert_eq!(padded.normal(), Ok(good));
        // Signed lines beside the three cannot be left out: no head of a log has them.
        let text = Note::parse(note(&leaves(5, "one", 3)).as_bytes()).expect("a note").text;
        let extended = Note::sign(text + "beside\n", &origin().to_string(), &key());
        let extended = extended.expect("text").encode();
        padded.older = Fork::new((&origin(), key().public()), (&extended, ""), &[]).older;
        assert_eq!(padded.normal().expect_err("refused").code(), "fork.checkpoint_refused");
    }

    #[test]
    fn the_longest_evidence_fits_an_entry_of_the_longest_name() {
        let part = "a".repeat(63);
        let node = "n".repeat(NODE_NAME_CHARS_MAX);
        let domain = [part.as_str(); 4].join(".");
        let origin = Origin::parse(&format!("{}/{node}/4294967295", &domain[..DOMAIN_CHARS_MAX]));
        let origin = origin.expect("the longest origin");
        let note = |size: u64| {
            Checkpoint { origin: origin.clone(), size, root: leaf_hash(b"x") }.sign(&key())
        };
        let proof = vec![leaf_hash(b"y"); PROOF_HASHES_MAX];
        let sizes = (note(SIZE_MAX - 1), note(SIZE_MAX));
        let evidence = Fork::new((&origin, key().public()), (&sizes.0, &sizes.1), &proof);
        let entry = Entry {
            at: Timestamp::from_millis(0),
            by: node,
            fact: Fact::ForkWitnessed(Box::new(evidence)),
        };
        let bytes = json::encode_entry(&entry).expect("it fits");
        assert!(bytes.len() < ENTRY_BYTES_MAX / 2, "{}", bytes.len());
    }

    #[test]
    fn evidence_that_proves_nothing_is_refused() {
        let (older, newer) = (leaves(5, "one", 3), leaves(9, "other", 3));
        let good = fork(&older, &newer);
        assert!(good.verify().is_ok());
        let refused = |change: fn(&mut Fork)| {
            let mut changed = good.clone();
            change(&mut changed);
            changed.verify().expect_err("refused").code()
        };
        assert_eq!(refused(|f| std::mem::swap(&mut f.older, &mut f.newer)), "fork.wrong_order");
        assert_eq!(refused(|f| f.proof.clear()), "fork.unproved");
        assert_eq!(refused(|f| f.proof.swap(0, 1)), "fork.unproved");
        assert_eq!(refused(|f| f.proof.push("x".to_owned())), "fork.proof_malformed");
        assert_eq!(refused(|f| f.proof = vec![f.proof[0].clone(); 66]), "fork.proof_malformed");
        let other_key = |f: &mut Fork| f.log_key = KeyPair::from_seed([8; 32]).public();
        assert_eq!(refused(other_key), "fork.checkpoint_refused");
        let other_log = |f: &mut Fork| {
            f.origin = Origin::parse("ningbo.example/yinzhou/1").expect("an origin");
        };
        assert_eq!(refused(other_log), "fork.checkpoint_refused");
        // A proof made up so that it "shows" another older root leads to another newer root.
        let made_up = |f: &mut Fork| f.proof[0] = leaf_hash(b"made up").to_base64();
        assert_eq!(refused(made_up), "fork.unproved");
        let text = serde_json::to_string(&good).expect("plain");
        assert_eq!(serde_json::from_str::<Fork>(&text).expect("its own form"), good);
    }
}
