//! Bodies by which a root authority admits, suspends, reinstates and withdraws nodes.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::{Deserialize, Serialize};

use super::Texts;
use crate::{
    address::PublicUrl,
    id::{DivisionCode, NodeName, Origin},
    key::{KeyPair, NodeKeys, PublicKey},
    note::{Algorithm, VerifierKey},
};

/// First line of what the four keys sign, so that it passes for nothing else they sign.
const POSSESSION_CONTEXT: &str = "lianshi/admission/v1";

/// That whoever asks to be admitted holds the four keys: each signs the log and all four public
/// keys. Base64 of 64 bytes each.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Possession {
    /// By the identity key.
    pub identity: String,
    /// By the log key.
    pub log: String,
    /// By the witness key.
    pub witness: String,
    /// By the seal key.
    pub seal: String,
}

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
    /// Bytes of entries that peers hold of its log, each entry counted as
    /// [`counted_bytes`](super::counted_bytes) does; what goes beyond is not pulled.
    pub quota_bytes: u64,
    /// That the node holds the four keys. Nothing where it is not asked for again: what was judged
    /// when the entry came is not kept beside it.
    #[serde(default)]
    pub possession: Possession,
}

impl Admission {
    /// The same with these keys, and the proof that the node holds them.
    #[must_use]
    pub fn proved(self, keys: &NodeKeys) -> Self {
        let NodeKeys { identity, log, witness, seal } = keys;
        let mut proved = Self {
            identity_key: identity.public(),
            log_key: log.public(),
            witness_key: witness.public(),
            seal_key: seal.public(),
            ..self
        };
        let text = proved.possession_text();
        let sign = |key: &KeyPair| BASE64_STANDARD.encode(key.sign(text.as_bytes()));
        proved.possession = Possession {
            identity: sign(identity),
            log: sign(log),
            witness: sign(witness),
            seal: sign(seal),
        };
        proved
    }

    /// Whether each of the four keys signed. What a root authority may decide (names, addresses,
    /// division, quota) is not part of it; the log and the keys, which nobody else may choose, are.
    pub fn is_proved(&self) -> bool {
        let text = self.possession_text();
        let pairs = [
            (self.identity_key, &self.possession.identity),
            (self.log_key, &self.possession.log),
            (self.witness_key, &self.possession.witness),
            (self.seal_key, &self.possession.seal),
        ];
        pairs.into_iter().all(|(key, signature)| {
            let bytes = BASE64_STANDARD.decode(signature).ok().and_then(|b| b.try_into().ok());
            bytes.is_some_and(|bytes: [u8; 64]| key.verify(text.as_bytes(), &bytes).is_ok())
        })
    }

    fn possession_text(&self) -> String {
        let Self { origin, identity_key, log_key, witness_key, seal_key, .. } = self;
        format!(
            "{POSSESSION_CONTEXT}\n{origin}\n{identity_key}\n{log_key}\n{witness_key}\n{seal_key}\n"
        )
    }

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
