//! What a member was before: earlier generations of its log, and keys it used.

use serde::{Deserialize, Serialize};

use super::{Member, StandingChange};
use crate::{entry::Admission, key::PublicKey};

/// Earlier generations and keys, the oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Past {
    /// Logs it wrote before it withdrew and was admitted anew.
    pub generations: Vec<Generation>,
    /// Keys it used.
    pub retired: Vec<RetiredKey>,
}

/// A log a node wrote before the one it writes now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Generation {
    /// Who the node was then, as the last admission entry of that time said.
    pub admission: Admission,
    /// The index of the first admission entry of that time in the root authority's log.
    pub admitted_index: u64,
    /// Suspensions and reinstatements, the withdrawal last.
    pub changes: Vec<StandingChange>,
}

/// What a key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyRole {
    /// The libp2p identity.
    Identity,
    /// Signs checkpoints.
    Log,
    /// Cosigns checkpoints of others.
    Witness,
    /// Signs contracts and statements.
    Seal,
}

impl KeyRole {
    /// The word in file names and commands.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Log => "log",
            Self::Witness => "witness",
            Self::Seal => "seal",
        }
    }
}

/// A key that was replaced. What it signed before stays signed; nobody may be admitted with it
/// again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetiredKey {
    /// What it was for.
    pub role: KeyRole,
    /// The public part.
    pub key: PublicKey,
    /// The index of the entry that replaced it, in the root authority's log.
    pub until_index: u64,
}

/// The keys of an admission by role.
pub(super) fn keys(admission: &Admission) -> [(KeyRole, PublicKey); 4] {
    [
        (KeyRole::Identity, admission.identity_key),
        (KeyRole::Log, admission.log_key),
        (KeyRole::Witness, admission.witness_key),
        (KeyRole::Seal, admission.seal_key),
    ]
}

impl Past {
    /// The past of a node whose newest admission replaces some keys by entry `index`.
    pub(super) fn rekeyed(&self, before: &Admission, after: &Admission, index: u64) -> Self {
        let mut past = self.clone();
        let pairs = keys(before).into_iter().zip(keys(after));
        let replaced = pairs.filter(|((_, before), (_, after))| before != after);
        past.retired.extend(replaced.map(|((role, key), _)| RetiredKey {
            role,
            key,
            until_index: index,
        }));
        past
    }

    /// The past of a node that withdrew as `before` and is admitted anew by entry `index`. A root
    /// authority whose log alone ended keeps its other keys.
    pub(super) fn succeeded(&self, before: &Member, after: &Admission, index: u64) -> Self {
        let mut past = self.clone();
        past.generations.push(Generation {
            admission: before.admission.clone(),
            admitted_index: before.admitted_index,
            changes: before.changes.clone(),
        });
        let kept = keys(after);
        let left = keys(&before.admission).into_iter().filter(|key| !kept.contains(key));
        past.retired.extend(left.map(|(role, key)| RetiredKey { role, key, until_index: index }));
        past
    }
}
