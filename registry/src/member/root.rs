//! Root authorities, as the charter names them.

use serde::{Deserialize, Serialize};

use super::{KeyRole, MemberRefusal};
use crate::{
    entry::Admission,
    id::{DivisionCode, NodeName, Origin},
    key::PublicKey,
};

/// A root authority, as the charter names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Root {
    /// Its log.
    pub origin: Origin,
    /// The division inside which it admits, and speaks.
    pub division: DivisionCode,
    /// The key that signs the log's checkpoints.
    pub log_key: PublicKey,
    /// Its libp2p identity.
    pub identity_key: PublicKey,
    /// Cosigns checkpoints of others.
    pub witness_key: PublicKey,
    /// Signs contracts and statements.
    pub seal_key: PublicKey,
    /// Logs it wrote before, when their keys were lost or stolen: what they said counts up to an
    /// index. The oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub former: Vec<FormerLog>,
    /// Keys it used before: what they sealed and cosigned stays valid.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub retired: Vec<FormerKey>,
}

/// A key that a root authority used before, other than one of a log: with that the log ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FormerKey {
    /// What it was for.
    pub role: KeyRole,
    /// The public part.
    pub key: PublicKey,
}

/// A log that a root authority wrote before, as the charter ends it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FormerLog {
    /// The log.
    pub origin: Origin,
    /// The key that signed its checkpoints.
    pub log_key: PublicKey,
    /// Entries that count: those from this index on may be a thief's.
    pub until: u64,
}

impl Root {
    /// The root authority that an admission describes: what a charter says of it.
    pub fn of(admission: &Admission) -> Self {
        Self {
            origin: admission.origin.clone(),
            division: admission.division.clone(),
            log_key: admission.log_key,
            identity_key: admission.identity_key,
            witness_key: admission.witness_key,
            seal_key: admission.seal_key,
            former: Vec::new(),
            retired: Vec::new(),
        }
    }

    /// Its name.
    pub fn node(&self) -> &NodeName {
        self.origin.node()
    }

    /// Its logs, the oldest first.
    pub fn logs(&self) -> impl Iterator<Item = &Origin> {
        self.former.iter().map(|former| &former.origin).chain([&self.origin])
    }

    /// Whether the entry at `index` of a log is this root authority's word.
    pub(super) fn says(&self, origin: &Origin, index: u64) -> bool {
        let ended = |former: &FormerLog| former.origin == *origin && index < former.until;
        self.origin == *origin || self.former.iter().any(ended)
    }

    /// Whether a log is or was this root authority's.
    pub fn wrote(&self, origin: &Origin) -> bool {
        self.logs().any(|log| log == origin)
    }

    /// Whether the charter names this key for this purpose, now or before.
    pub(super) fn uses(&self, role: KeyRole, key: PublicKey) -> bool {
        let now = match role {
            KeyRole::Identity => self.identity_key,
            KeyRole::Log => self.log_key,
            KeyRole::Witness => self.witness_key,
            KeyRole::Seal => self.seal_key,
        };
        now == key || self.retired.contains(&FormerKey { role, key })
    }

    /// Every key the charter names for it, those of before too.
    pub(super) fn keys(&self) -> impl Iterator<Item = PublicKey> {
        let now = [self.identity_key, self.log_key, self.witness_key, self.seal_key];
        let logs = self.former.iter().map(|former| former.log_key);
        now.into_iter().chain(logs).chain(self.retired.iter().map(|former| former.key))
    }
}

/// The place in the charter of the root authority that says the entry at `index` of a log.
pub fn place_of(roots: &[Root], (origin, index): (&Origin, u64)) -> Option<usize> {
    roots.iter().position(|root| root.says(origin, index))
}

/// The root authority that says the entry at `index` of a log.
pub(super) fn root_of<'r>(
    roots: &'r [Root],
    at: (&Origin, u64),
) -> Result<&'r Root, MemberRefusal> {
    let root = place_of(roots, at).and_then(|place| roots.get(place));
    root.ok_or_else(|| MemberRefusal::NotARoot(at.0.clone()))
}
