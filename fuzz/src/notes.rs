//! Signed notes and what is made of them.

use lianshi_registry::{
    certificate,
    checkpoint::{Body, Checkpoint},
    cosignature,
    fork::Fork,
    inclusion::InclusionFile,
    note::Note,
    policy::Policy,
    sync::SignedHead,
    witness::{self, Submission, read_cosignatures},
};

use crate::specimen;

/// A signed note.
pub fn note(bytes: &[u8]) {
    let Ok(note) = Note::parse(bytes) else { return };
    assert_eq!(Note::parse(note.encode().as_bytes()), Ok(note.clone()));
    let _ = note.verify(&[specimen::log_vkey(), specimen::cosigner().vkey().clone()]);
}

/// A checkpoint: of any log, of one of ours, and one that is verified.
pub fn checkpoint(bytes: &[u8]) {
    if let Ok(note) = Note::parse(bytes) {
        let _ = Body::parse(&note.text);
    }
    let Ok(claimed) = Checkpoint::claimed(bytes) else { return };
    assert_eq!(Checkpoint::parse(&claimed.text()), Ok(claimed));
    if let Ok(opened) = Checkpoint::open(bytes, &specimen::origin(), &specimen::log_key().public())
    {
        assert!(specimen::is_signed(&opened), "a checkpoint nobody signed was opened");
    }
}

/// The answer of a witness, over a text that is known.
pub fn cosignature(bytes: &[u8]) {
    let text = specimen::checkpoint().text();
    let keys = [specimen::cosigner().vkey().clone()];
    if let Ok(read) = read_cosignatures(bytes, &text, &keys) {
        assert!(!read.is_empty(), "nothing was read as something");
        let seconds = read.iter().map(|signature| cosignature::seconds(&signature.bytes));
        assert!(
            seconds.flatten().all(|seconds| seconds == specimen::COSIGNED_AT),
            "a witness was made to state another time"
        );
    }
}

/// The body of `add-checkpoint`, and the decision on it.
pub fn submission(bytes: &[u8]) {
    let Ok(submission) = Submission::parse(bytes) else { return };
    assert_eq!(Submission::parse(&submission.encode()), Ok(submission.clone()));
    let (keys, cosigner) = ([specimen::log_vkey()], specimen::cosigner());
    let by = (&cosigner, specimen::COSIGNED_AT);
    if let Ok(advance) = witness::decide(&submission, &keys, None, by) {
        let origin = specimen::origin();
        let next = Checkpoint { origin, size: advance.next.size, root: advance.next.root };
        assert!(specimen::is_signed(&next), "a checkpoint nobody signed was cosigned");
    }
}

/// A trust policy.
pub fn policy(bytes: &[u8]) {
    let Ok(policy) = Policy::parse(bytes) else { return };
    assert_eq!(Policy::parse(policy.to_string().as_bytes()), Ok(policy.clone()));
    let _ = policy.exclude_split_view(1);
    let _ = policy.open(&specimen::cosigned_checkpoint());
}

/// A proof of inclusion, and the certificate it may be.
pub fn proof(bytes: &[u8]) {
    let _ = certificate::prove(bytes, &specimen::policy());
    let Ok(file) = InclusionFile::parse(bytes) else { return };
    assert_eq!(InclusionFile::parse(&file.encode()), Ok(file));
}

/// Evidence of a fork. None but the holder of the log's key can make any.
pub fn fork(bytes: &[u8]) {
    let Ok(evidence) = serde_json::from_slice::<Fork>(bytes) else { return };
    if let Ok((older, newer)) = evidence.verify()
        && evidence.log_key == specimen::log_key().public()
    {
        let was_signed = |head: &SignedHead| {
            let (origin, size, root) = (head.origin().clone(), head.size(), head.root());
            specimen::is_signed(&Checkpoint { origin, size, root })
        };
        assert!(was_signed(&older) && was_signed(&newer), "evidence was forged");
        // What is told again proves the same.
        let normal = evidence.normal().expect("proved");
        assert_eq!(normal.verify(), Ok((older, newer)));
    }
}
