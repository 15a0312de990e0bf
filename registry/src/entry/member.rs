//! Bodies by which a root authority admits, suspends, reinstates and withdraws nodes.

use serde::{Deserialize, Serialize};

use super::Texts;
use crate::{
    address::PublicUrl,
    id::{DivisionCode, NodeName, Origin},
    key::PublicKey,
    note::{Algorithm, VerifierKey},
};

/// A node becomes a member: who it is, which division it may speak for, its four public keys and
/// where it is reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Admission {
    /// The node's short name.
    pub node: NodeName,
    /// What people call it.
    pub name: Texts,
    /// The division it speaks for, and by prefix the divisions inside it.
    pub division: DivisionCode,
    /// `city` or `district`.
    pub level: String,
    /// The log it writes.
    pub origin: Origin,
    /// Public part of the libp2p identity key; the peer id is derived from it.
    pub identity_key: PublicKey,
    /// Public part of the key that signs its checkpoints.
    pub log_key: PublicKey,
    /// Public part of the key that cosigns checkpoints of others.
    pub witness_key: PublicKey,
    /// Public part of the key that signs contracts and statements.
    pub seal_key: PublicKey,
    /// libp2p addresses, such as `/ip4/127.0.0.1/tcp/8801`.
    pub addresses: Vec<String>,
    /// Base of its pages, calls and logs, such as `http://127.0.0.1:8800`.
    pub public_url: String,
    /// How many entries its log may hold before peers stop pulling it.
    pub quota_entries: u64,
}

impl Admission {
    /// The base of its pages; `None` where an older program admitted what is no address, which is
    /// neither linked nor fetched from.
    pub fn base(&self) -> Option<PublicUrl> {
        PublicUrl::parse(&self.public_url).ok()
    }

    /// The key that verifies the node's cosignatures, under the name it cosigns with:
    /// `ningbo.example/haishu/witness`.
    #[expect(clippy::expect_used, reason = "domains and nodes have neither spaces nor plus signs")]
    pub fn witness_vkey(&self) -> VerifierKey {
        let name = witness_name(&self.origin);
        VerifierKey::new(&name, Algorithm::CosignatureV1, self.witness_key).expect("a name")
    }
}

/// The name under which the node that writes a log cosigns those of others. It outlives the
/// generations of the log.
pub fn witness_name(origin: &Origin) -> String {
    format!("{}/{}/witness", origin.domain(), origin.node())
}

/// A change of a member's standing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemberChange {
    /// The member.
    pub node: NodeName,
    /// Entries of its log from this index on are concerned.
    pub from_index: u64,
    /// Why, in words both languages of the office can read.
    pub reason: String,
}
