//! What every shell room of a node shares: its database, who it is, its keys and its clock. Made
//! once by `node`, handed to `web`, `gateway` and the jobs.

use std::{path::PathBuf, sync::Arc};

use lianshi_registry::{
    cosignature::Cosigner,
    entry::Texts,
    id::{DivisionCode, NodeName, Origin},
    key::KeyPair,
    policy::Rule,
    time::Timestamp,
};

use crate::Db;

/// This node.
#[derive(Clone)]
pub struct Site {
    /// Its database.
    pub db: Db,
    /// Its short name.
    pub node: NodeName,
    /// What people call it.
    pub name: Texts,
    /// The division it speaks for.
    pub division: DivisionCode,
    /// The log it writes.
    pub origin: Origin,
    /// Base of its public pages, calls and logs, without a trailing slash.
    pub public_url: String,
    /// Signs checkpoints.
    pub log_key: KeyPair,
    /// Signs contracts, reports and statements.
    pub seal_key: KeyPair,
    /// Cosigns checkpoints of others.
    pub witness_key: KeyPair,
    /// How many members must cosign a checkpoint, as the charter says.
    pub quorum: Rule,
    /// Its data folder.
    pub folder: PathBuf,
    /// Reads the clock.
    pub clock: fn() -> Timestamp,
    /// Called after a commit that wrote to the log or the outbox, so that jobs need not wait for
    /// their interval.
    pub nudge: Arc<dyn Fn() + Send + Sync>,
}

impl Site {
    /// The time.
    pub fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// This node as a witness.
    pub fn cosigner(&self) -> Cosigner {
        Cosigner::of_node(&self.origin, self.witness_key.clone())
    }

    /// Wakes the jobs.
    pub fn nudge(&self) {
        (self.nudge)();
    }
}
