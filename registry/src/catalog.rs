//! The catalog: a pure fold of the set of logs. Inside a log entries count by their index; an
//! object belongs to the log that speaks of it, and what it stands on (organization, resource,
//! authorization, product) is looked up in the same log. No clock and no arrival order enters, so
//! every node that holds the same logs reaches the same digest.
//!
//! The rules that protect buyers and the public are checked here again, on receipt, and not
//! trusted: scope, grade, public good free of charge, price within the ceiling. (The closed list of
//! product forms is kept by the parser.)

mod decide;
mod needs;
mod object;
mod quarantine;
pub mod rule;
mod standing;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

pub use decide::{Change, Located, decide};
pub use needs::needs;
pub use object::{
    AuthorizationState, AuthorizationStatus, Object, ObjectKey, ObjectKind, OrganizationState,
    PlanState, ProductState, ResourceState,
};
pub use quarantine::Quarantine;
pub use standing::{Links, NodeStanding, ProductStatus, Standing, standing};

use crate::{
    entry::Entry,
    id::{DivisionCode, Origin},
    json::{self, Newer},
};

/// Version of the fold: what is read, how it is judged, and how objects are written down. It is
/// part of the digest, so digests are compared within one version. Whatever lets the same logs give
/// other objects makes another version, and the states of the one before must still be read: they
/// are served until every log is folded again. Rows that pages list follow from objects and their
/// standing: where only those change, it is another version as well.
pub const FOLD_VERSION: u32 = if cfg!(feature = "next") { 2 } else { 1 };

/// Objects by key: what a decision may look at.
pub type Known = BTreeMap<ObjectKey, Object>;

/// Reads the bytes of an entry for the fold; what cannot be read is quarantined, or awaits a newer
/// program ([`Quarantine::newer`]).
pub fn read_entry(bytes: &[u8]) -> Result<Entry, Quarantine> {
    Ok(json::parse_entry(bytes)?)
}

/// The hash of one object: over its key and its state in canonical JSON.
pub fn object_hash(key: &str, state: &str) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update(b"lianshi/catalog/object/v1\n");
    hasher.update(key.as_bytes());
    hasher.update(b"\n");
    hasher.update(state.as_bytes());
    hasher.finalize().into()
}

/// The digest of a catalog: over the version of the fold and all object keys and hashes, in the
/// byte order of the keys. Give them in any order.
pub fn digest(objects: impl IntoIterator<Item = (String, [u8; 32])>) -> [u8; 32] {
    let sorted: BTreeMap<String, [u8; 32]> = objects.into_iter().collect();
    let mut hasher = Sha256::new();
    hasher.update(b"lianshi/catalog/v2\n");
    hasher.update(format!("fold {FOLD_VERSION}\n"));
    for (key, hash) in &sorted {
        hasher.update(key.as_bytes());
        hasher.update(b"\n");
        hasher.update(hash);
    }
    hasher.finalize().into()
}

/// A whole catalog in memory, for simulations, property tests and outside checks of a folder of
/// logs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Catalog {
    objects: Known,
    quarantined: BTreeMap<(Origin, u64), Quarantine>,
    awaiting: BTreeMap<(Origin, u64), Newer>,
}

impl Catalog {
    /// Folds one entry of a log. Entries of one log must come in the order of their index; logs may
    /// be interleaved. `division` is the one the log's node may speak for.
    pub fn apply(&mut self, origin: &Origin, index: u64, division: &DivisionCode, bytes: &[u8]) {
        let located = Located { origin, index, division };
        let outcome = read_entry(bytes).and_then(|entry| decide(&entry, &located, &self.objects));
        match outcome {
            Ok(changes) => {
                for change in changes {
                    self.objects.insert(change.key, change.object);
                }
            }
            Err(quarantine) => match quarantine.newer() {
                Some(newer) => {
                    self.awaiting.insert((origin.clone(), index), newer.clone());
                }
                None => {
                    self.quarantined.insert((origin.clone(), index), quarantine);
                }
            },
        }
    }

    /// Its digest.
    pub fn digest(&self) -> [u8; 32] {
        digest(self.objects.iter().map(|(key, object)| {
            let key = key.to_string();
            let hash = object_hash(&key, &object.to_text());
            (key, hash)
        }))
    }

    /// Its objects.
    pub fn objects(&self) -> &Known {
        &self.objects
    }

    /// Entries that a newer program may read.
    pub fn awaiting(&self) -> &BTreeMap<(Origin, u64), Newer> {
        &self.awaiting
    }

    /// Entries that no rule allows, with the reason.
    pub fn quarantined(&self) -> &BTreeMap<(Origin, u64), Quarantine> {
        &self.quarantined
    }
}
