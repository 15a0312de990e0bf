//! The charter: what the members of a federation agree on outside any log.

use anyhow::ensure;
use lianshi_registry::{
    id::{DivisionCode, FederationDomain, Origin},
    key::{NodeKeys, PublicKey},
    member::{self, FormerLog},
    policy::Rule,
};
use serde::{Deserialize, Serialize};

use super::Config;

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
        };
        self.root.iter().map(root).collect()
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
            for other in self.root.iter().skip(place + 1) {
                let shares = other.keys().into_iter().any(|key| root.keys().contains(&key));
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
}

impl Root {
    fn keys(&self) -> [PublicKey; 4] {
        [self.identity_key, self.log_key, self.witness_key, self.seal_key]
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
    }
}
