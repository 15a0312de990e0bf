//! One round of asking: a checkpoint, whom to ask, and what each of them answered.

use std::collections::BTreeMap;

use lianshi_registry::{
    checkpoint::Checkpoint,
    id::NodeName,
    note::{Note, SIGNATURES_MAX, Signature, VerifierKey},
    policy::Policy,
    witness::{Submission, read_cosignatures},
};
use lianshi_store::{Site, log};

use crate::net::{NetHandle, Request};

/// The statuses of the specification that change what is done next.
const COSIGNED: u16 = 200;
const OTHER_SIZE: u16 = 409;

/// A checkpoint that is to be settled.
pub(super) struct Gathering {
    checkpoint: Checkpoint,
    note: Note,
    policy: Policy,
    witnesses: Vec<(NodeName, VerifierKey)>,
    collected: BTreeMap<NodeName, Signature>,
}

/// What a witness answered.
pub(super) struct Answered {
    pub(super) node: NodeName,
    /// Entries it is known to have cosigned last.
    pub(super) size: u64,
    pub(super) signature: Option<Signature>,
}

impl Gathering {
    /// `None` for a note that is no checkpoint, which a stored one always is.
    pub(super) fn new(checkpoint: &str, policy: Policy) -> Option<Self> {
        let note = Note::parse(checkpoint.as_bytes()).ok()?;
        let checkpoint = Checkpoint::claimed(checkpoint.as_bytes()).ok()?;
        let named = policy.witnesses().iter().filter_map(|witness| {
            Some((NodeName::parse(&witness.name).ok()?, witness.key.clone()))
        });
        let witnesses = named.collect();
        Some(Self { checkpoint, note, policy, witnesses, collected: BTreeMap::new() })
    }

    /// Whether both are about one checkpoint.
    pub(super) fn is_of(&self, other: &Self) -> bool {
        self.note.text == other.note.text
    }

    /// What was collected, under the members of now.
    pub(super) fn under(self, newest: Self) -> Self {
        Self { collected: self.collected, ..newest }
    }

    /// The witnesses that have not cosigned yet.
    pub(super) fn missing(&self) -> impl Iterator<Item = &NodeName> {
        self.witnesses
            .iter()
            .map(|(node, _)| node)
            .filter(|node| !self.collected.contains_key(node))
    }

    /// Keeps what a witness signed.
    pub(super) fn take(&mut self, answered: Answered) {
        if let Some(signature) = answered.signature {
            self.collected.insert(answered.node, signature);
        }
    }

    /// Whether these answers and what was collected before are a quorum.
    pub(super) fn suffices(&self, answers: &[Answered]) -> bool {
        let fresh = answers.iter().filter_map(|answer| answer.signature.clone());
        self.encode(self.collected.values().cloned().chain(fresh)).is_some()
    }

    /// Asks one witness, beginning from the size it is believed to have cosigned last; where it
    /// says otherwise, once more from there.
    pub(super) async fn ask(
        &self,
        site: &Site,
        net: &NetHandle,
        (node, old): (NodeName, u64),
    ) -> Answered {
        let mut answered = Answered { node, size: old, signature: None };
        for _ in 0..2 {
            let asked = self.ask_from(site, net, &answered.node, answered.size).await;
            match asked {
                Some((COSIGNED, body)) => {
                    answered.signature = self.read(&answered.node, &body);
                    if answered.signature.is_some() {
                        answered.size = self.checkpoint.size;
                    }
                    break;
                }
                Some((OTHER_SIZE, body)) if size_in(&body).is_some() => match size_in(&body) {
                    Some(size) if size != answered.size => answered.size = size,
                    _ => break,
                },
                Some((status, body)) => {
                    let (node, said) = (&answered.node, String::from_utf8_lossy(&body));
                    tracing::warn!(%node, status, said = %said.trim(), "a witness does not cosign");
                    answered.size = 0;
                    break;
                }
                None => break,
            }
        }
        answered
    }

    /// Status and body of one submission; `None` when no answer came, or when the witness has
    /// cosigned more than this checkpoint.
    async fn ask_from(
        &self,
        site: &Site,
        net: &NetHandle,
        node: &NodeName,
        old: u64,
    ) -> Option<(u16, Vec<u8>)> {
        let (db, checkpoint) = (site.db.clone(), self.checkpoint.clone());
        let proof = tokio::task::spawn_blocking(move || {
            db.read(|read| log::consistency_proof(read, &checkpoint.origin, old, checkpoint.size))
        });
        let proof = proof.await.ok()?.ok()??;
        let submission = Submission::new(old, proof, &self.note.encode()).ok()?;
        let answer = net.ask(node, Request::Witness(submission.encode())).await.ok()?;
        let (status, body) = answer.split_first_chunk::<2>()?;
        Some((u16::from_be_bytes(*status), body.to_vec()))
    }

    fn read(&self, node: &NodeName, body: &[u8]) -> Option<Signature> {
        let (_, key) = self.witnesses.iter().find(|(known, _)| known == node)?;
        let read = read_cosignatures(body, &self.note.text, std::slice::from_ref(key));
        read.map_err(|error| tracing::warn!(%node, %error, "a cosignature is refused"))
            .ok()?
            .into_iter()
            .next()
    }

    /// The checkpoint with the cosignatures collected, when they are a quorum.
    pub(super) fn cosigned(&self) -> Option<String> {
        self.encode(self.collected.values().cloned())
    }

    fn encode(&self, cosignatures: impl Iterator<Item = Signature>) -> Option<String> {
        let mut note = self.note.clone();
        let room = SIGNATURES_MAX.saturating_sub(note.signatures.len());
        note.signatures.extend(cosignatures.take(room));
        let note = note.encode();
        self.policy.open(note.as_bytes()).ok().map(|_| note)
    }
}

fn size_in(body: &[u8]) -> Option<u64> {
    std::str::from_utf8(body).ok()?.strip_suffix('\n')?.parse().ok()
}
