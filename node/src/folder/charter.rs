//! The charter: what the members of a federation agree on outside any log.

use std::collections::BTreeSet;

use anyhow::{Context as _, ensure};
use lianshi_registry::{
    id::{DivisionCode, FederationDomain, Origin},
    key::{NodeKeys, PublicKey},
    member::{self, FormerKey, FormerLog, KeyRole},
    policy::Rule,
};
use serde::{Deserialize, Serialize};

use super::{Config, Folder, rotation::ROTATED};

/// `charter.toml`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Charter {
    /// The federation's domain name.
    pub domain: FederationDomain,
    /// How many members must cosign a checkpoint before it is settled.
    #[serde(default, skip_serializing_if = "Rule::is_default")]
    pub quorum: Rule,
    /// Its root authorities.
    pub root: Vec<Root>,
}

impl Charter {
    /// The root authorities as the membership fold needs them, in the order of the charter.
    pub fn roots(&self) -> Vec<member::Root> {
        let root = |root: &Root| member::Root {
            origin: root.origin.clone(),
            division: root.division.clone(),
            log_key: root.log_key,
            identity_key: root.identity_key,
            witness_key: root.witness_key,
            seal_key: root.seal_key,
            former: root.former.clone(),
            retired: root.retired.clone(),
        };
        self.root.iter().map(root).collect()
    }

    /// The logs of the root authorities, also those it ended, with the keys that signed them: of
    /// each the oldest first.
    pub fn logs(&self) -> impl Iterator<Item = (&Origin, PublicKey)> {
        self.root.iter().flat_map(|root| {
            let former = root.former.iter().map(|former| (&former.origin, former.log_key));
            former.chain([(&root.origin, root.log_key)])
        })
    }

    /// Refuses a charter under which names or keys of root authorities would be ambiguous.
    pub fn check(&self) -> anyhow::Result<()> {
        ensure!(!self.root.is_empty(), "it names no root authority");
        for (place, root) in self.root.iter().enumerate() {
            let name = root.origin.node();
            let logs = root.former.iter().map(|former| &former.origin).chain([&root.origin]);
            for log in logs.clone() {
                let is_its_own = log.node() == name && log.domain() == &self.domain;
                ensure!(
                    is_its_own,
                    "{log} is no log of the root authority {name} of {}",
                    self.domain
                );
            }
            let generations = logs.map(Origin::generation);
            ensure!(
                generations.is_sorted_by(|before, after| before < after),
                "the former logs of {name} are not given from the oldest to the one before {}",
                root.origin
            );
            ensure!(
                root.retired.iter().all(|former| former.role != KeyRole::Log),
                "a log key of {name} is under `retired`; with it the log ended, so the log stands \
                 under `former`"
            );
            let keys = root.keys();
            let different: BTreeSet<_> = keys.iter().collect();
            ensure!(different.len() == keys.len(), "a key of {name} serves twice");
            for other in self.root.iter().skip(place + 1) {
                let shares = other.keys().iter().any(|key| keys.contains(key));
                ensure!(
                    other.origin.node() != name && !shares,
                    "{name} and {} have a name or a key in common",
                    other.origin.node()
                );
            }
        }
        Ok(())
    }
}

/// A root authority: a node whose log admits the others.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Root {
    /// Its log.
    pub origin: Origin,
    /// The division inside which it admits.
    pub division: DivisionCode,
    /// Public log key.
    pub log_key: PublicKey,
    /// Public libp2p identity key.
    pub identity_key: PublicKey,
    /// Public key of its witness.
    pub witness_key: PublicKey,
    /// Public seal key.
    pub seal_key: PublicKey,
    /// libp2p addresses for the first contact.
    pub addresses: Vec<String>,
    /// Logs it wrote before their key was lost or stolen, the oldest first, each with the number of
    /// its entries that count.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub former: Vec<FormerLog>,
    /// Other keys it used before they were replaced: what they sealed and cosigned stays valid.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub retired: Vec<FormerKey>,
}

impl Root {
    fn keys(&self) -> Vec<PublicKey> {
        let now = [self.identity_key, self.log_key, self.witness_key, self.seal_key];
        let logs = self.former.iter().map(|former| former.log_key);
        now.into_iter().chain(logs).chain(self.retired.iter().map(|former| former.key)).collect()
    }

    /// This block with a key replaced, the one before among those it used.
    fn rekeyed(mut self, role: KeyRole, next: PublicKey) -> Self {
        let now = match role {
            KeyRole::Identity => &mut self.identity_key,
            KeyRole::Log => &mut self.log_key,
            KeyRole::Witness => &mut self.witness_key,
            KeyRole::Seal => &mut self.seal_key,
        };
        let key = std::mem::replace(now, next);
        self.retired.push(FormerKey { role, key });
        self
    }
}

impl Folder {
    /// This node as a charter is to name it as a root authority: with the keys that wait to be
    /// used, and what it used before as the charter it has says. When that names an earlier log of
    /// this node, the log ended after `until` entries; refuses when that is not said.
    pub fn as_root(&self, until: Option<u64>) -> anyhow::Result<Root> {
        let root = root_of(&self.charter.domain, &self.config, &self.keys);
        let is_named = |named: &&Root| named.origin.node() == &self.config.node;
        let Some(named) = self.charter.root.iter().find(is_named) else { return Ok(root) };
        if named.origin == root.origin {
            ensure!(
                until.is_none(),
                "the charter names {}, which this folder writes; --until is for the folder of the \
                 next generation",
                named.origin
            );
            let mut block = Root { addresses: root.addresses, ..named.clone() };
            for role in ROTATED {
                let next = self.next_key(role)?.map(|next| next.public());
                if let Some(next) = next.filter(|next| !named.keys().contains(next)) {
                    block = block.rekeyed(role, next);
                }
            }
            return Ok(block);
        }
        let until = until.with_context(|| {
            format!(
                "{} ends when the charter names {}; say with --until how many of its entries \
                 count, from a member that holds them (`lianshi log list`)",
                named.origin, root.origin
            )
        })?;
        let ended = FormerLog { origin: named.origin.clone(), log_key: named.log_key, until };
        let former = named.former.iter().cloned().chain([ended]).collect();
        Ok(Root { former, ..root })
    }
}

/// A node as a charter names a root authority.
pub(super) fn root_of(domain: &FederationDomain, config: &Config, keys: &NodeKeys) -> Root {
    Root {
        origin: Origin::new(domain.clone(), config.node.clone(), config.generation),
        division: config.division.clone(),
        log_key: keys.log.public(),
        identity_key: keys.identity.public(),
        witness_key: keys.witness.public(),
        seal_key: keys.seal.public(),
        addresses: config.peer_addresses.clone(),
        former: Vec::new(),
        retired: Vec::new(),
    }
}
