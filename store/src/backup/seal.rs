//! The seal on a backup: the node says with its seal key which manifest it wrote. A manifest names
//! hashes, and anyone can compute hashes; only the node can seal them.

use lianshi_registry::{
    id::Origin,
    key::{KeyPair, PublicKey},
    seal::{SealError, Sealed},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::RestoreRefusal;

/// The kind of message, covered by the signature.
const KIND: &str = "backup";

/// What is sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// The log of the node the backup is of.
    pub origin: Origin,
    /// When it was made.
    pub made_at: Timestamp,
    /// SHA-256 of the manifest's bytes, in hexadecimal.
    pub manifest: String,
}

/// Seals the bytes of a manifest.
pub fn seal(
    manifest: &[u8],
    (origin, made_at): (&Origin, Timestamp),
    seal_key: &KeyPair,
) -> Vec<u8> {
    let manifest = hex::encode(Sha256::digest(manifest));
    let claim = Claim { origin: origin.clone(), made_at, manifest };
    // A claim of three short texts always becomes JSON.
    let payload = serde_json::to_vec(&claim).unwrap_or_default();
    Sealed::new(origin.node().clone(), KIND, &payload, seal_key).to_bytes()
}

/// Opens the seal of a manifest with the key the restorer knows. What the manifest itself says, and
/// any key that came with it, proves nothing.
pub fn open(sealed: &[u8], manifest: &[u8], seal_key: &PublicKey) -> Result<Claim, RestoreRefusal> {
    let foreign =
        |error: SealError| RestoreRefusal::Unsealed { key: *seal_key, reason: error.to_string() };
    let sealed = Sealed::parse(sealed).map_err(foreign)?;
    let payload = sealed.open(seal_key).map_err(foreign)?;
    let unfit = |what: &str| RestoreRefusal::Damaged(what.to_owned());
    let claim: Claim =
        serde_json::from_slice(&payload).map_err(|_| unfit("its seal is not of a backup"))?;
    if sealed.kind() != KIND || sealed.claimed_sender() != claim.origin.node() {
        return Err(unfit("its seal is not of a backup"));
    }
    if claim.manifest != hex::encode(Sha256::digest(manifest)) {
        return Err(unfit("backup.json is not what was sealed"));
    }
    Ok(claim)
}

#[cfg(test)]
mod tests {
    use lianshi_registry::refusal::Refusal as _;

    use super::*;

    #[test]
    fn a_seal_fits_its_manifest_its_node_and_its_key_and_nothing_else() {
        let key = KeyPair::from_seed([3; 32]);
        let origin = Origin::parse("ningbo.example/yinzhou/1").expect("valid");
        let at = Timestamp::from_millis(7_000);
        let sealed = seal(b"{}", (&origin, at), &key);
        let claim = open(&sealed, b"{}", &key.public()).expect("its own");
        assert_eq!((claim.origin, claim.made_at), (origin.clone(), at));
        let altered = open(&sealed, b"{ }", &key.public()).expect_err("another manifest");
        assert_eq!(altered.code(), "backup.damaged");
        let other = KeyPair::from_seed([4; 32]);
        let foreign = open(&sealed, b"{}", &other.public()).expect_err("another key");
        assert_eq!(foreign.code(), "backup.unsealed");
        // A letter of the node is sealed with the same key and is no backup.
        let letter = Sealed::new(origin.node().clone(), "receipt", b"{}", &key).to_bytes();
        assert!(open(&letter, b"{}", &key.public()).is_err());
        for garbage in [&b""[..], b"{}", b"null"] {
            assert_eq!(
                open(garbage, b"{}", &key.public()).expect_err("none").code(),
                "backup.unsealed"
            );
        }
    }
}
