//! Whether the parts of a folder belong together. Keys, charter and database are kept and brought
//! back apart, and one that is another node's, or another federation's, must not be worked with.

use anyhow::ensure;
use lianshi_registry::{entry::Admission, id::Origin, key::NodeKeys};
use lianshi_store::log::Head;

use super::Folder;

/// Refuses a folder whose database holds other logs than its keys and its charter speak of.
pub(super) fn check(folder: &Folder, heads: &[Head]) -> anyhow::Result<()> {
    let origin = folder.origin();
    for head in heads {
        let held = &head.origin;
        ensure!(
            !head.own || continues(held, &origin),
            "the database holds the log {held}, but node.toml and charter.toml make this node write \
             {origin}; one of them belongs to another node or federation: bring the right one back"
        );
        let is_own_key = head.log_key == folder.keys.log.public();
        ensure!(
            *held != origin || is_own_key,
            "{} is not the key of {origin}, whose public part is {}; bring that key back from the \
             backup of the keys (without it the log has ended: raise `generation` in node.toml and \
             be admitted anew)",
            folder.path.join("keys/log.key").display(),
            head.log_key
        );
        let named = folder.charter.logs().find(|(origin, _)| *origin == held);
        ensure!(
            named.is_none_or(|(_, key)| key == head.log_key),
            "{} names another key for {held} than its entries held here are signed with ({}); ask \
             that root authority for its charter",
            folder.path.join("charter.toml").display(),
            head.log_key
        );
    }
    Ok(())
}

/// A later generation of the same node's log, or the same.
fn continues(held: &Origin, origin: &Origin) -> bool {
    (held.domain(), held.node()) == (origin.domain(), origin.node())
}

/// The roles whose key is not the one the node was admitted with.
pub fn strange_keys(keys: &NodeKeys, admission: &Admission) -> Vec<&'static str> {
    let roles = [
        ("identity", &keys.identity, admission.identity_key),
        ("log", &keys.log, admission.log_key),
        ("witness", &keys.witness, admission.witness_key),
        ("seal", &keys.seal, admission.seal_key),
    ];
    let strange = roles.into_iter().filter(|(_, held, admitted)| held.public() != *admitted);
    strange.map(|(role, _, _)| role).collect()
}
