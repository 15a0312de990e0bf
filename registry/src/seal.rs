//! Sealed messages: bytes one node signs with its seal key so that the other can show them to a
//! third party. Contracts, usage reports and statements travel like this.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::{Deserialize, Serialize};

use crate::{
    id::NodeName,
    json,
    key::{KeyError, KeyPair, PublicKey},
};

/// First line of every signed text, so that a seal never passes for another kind of signature.
const CONTEXT: &str = "lianshi/seal/v1";
/// Largest sealed payload in bytes: an agreement with its terms is a few KiB, a usage report of a
/// year of days below 100 KiB.
pub const PAYLOAD_BYTES_MAX: usize = 256 * 1024;

/// Why a sealed message was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Not the JSON of an envelope, or its payload is not canonical base64.
    #[error("not a sealed message: {0}")]
    Malformed(String),
    /// Larger than [`PAYLOAD_BYTES_MAX`].
    #[error("the sealed payload has {0} bytes, at most 262144 are accepted")]
    TooLarge(usize),
    /// The signature label names an algorithm this version does not know.
    #[error("unknown signature algorithm `{0}`")]
    Algorithm(String),
    /// The signature does not fit the sender's seal key.
    #[error("the seal of `{0}` does not fit")]
    Signature(NodeName),
}

/// A signed payload as it travels and as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sealed {
    alg: String,
    by: NodeName,
    kind: String,
    payload: String,
    sig: String,
}

impl Sealed {
    /// Signs `payload` as a message of `kind` by node `by`.
    pub fn new(by: NodeName, kind: &str, payload: &[u8], seal_key: &KeyPair) -> Self {
        let signature = seal_key.sign(&signed_text(&by, kind, payload));
        Self {
            alg: "ed25519".to_owned(),
            by,
            kind: kind.to_owned(),
            payload: BASE64_STANDARD.encode(payload),
            sig: BASE64_STANDARD.encode(signature),
        }
    }

    /// Reads an envelope without checking its signature; only [`Sealed::open`] gives the payload.
    pub fn parse(bytes: &[u8]) -> Result<Self, SealError> {
        if bytes.len() > PAYLOAD_BYTES_MAX * 2 {
            return Err(SealError::TooLarge(bytes.len()));
        }
        json::read(bytes).map_err(|error| SealError::Malformed(error.to_string()))
    }

    /// The bytes to send and keep.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Who claims to have sealed it: needed to find the key, believed only after [`Sealed::open`].
    pub fn claimed_sender(&self) -> &NodeName {
        &self.by
    }

    /// The kind of message, covered by the signature.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// Opens it with one of the keys the sender seals or sealed with, the newest first.
    pub fn open_with(&self, seal_keys: &[PublicKey]) -> Result<Vec<u8>, SealError> {
        let mut refused = SealError::Signature(self.by.clone());
        for key in seal_keys {
            match self.open(key) {
                Ok(payload) => return Ok(payload),
                Err(error) => refused = error,
            }
        }
        Err(refused)
    }

    /// Checks the signature against the sender's seal key and returns the payload.
    pub fn open(&self, seal_key: &PublicKey) -> Result<Vec<u8>, SealError> {
        if self.alg != "ed25519" {
            return Err(SealError::Algorithm(self.alg.clone()));
        }
        let malformed = |error: base64::DecodeError| SealError::Malformed(error.to_string());
        let payload = BASE64_STANDARD.decode(&self.payload).map_err(malformed)?;
        if payload.len() > PAYLOAD_BYTES_MAX {
            return Err(SealError::TooLarge(payload.len()));
        }
        let signature: [u8; 64] = BASE64_STANDARD
            .decode(&self.sig)
            .map_err(malformed)?
            .try_into()
            .map_err(|_| SealError::Malformed("signature length".to_owned()))?;
        seal_key
            .verify(&signed_text(&self.by, &self.kind, &payload), &signature)
            .map_err(|_: KeyError| SealError::Signature(self.by.clone()))?;
        Ok(payload)
    }
}

fn signed_text(by: &NodeName, kind: &str, payload: &[u8]) -> Vec<u8> {
    let mut text = format!("{CONTEXT}\n{by}\n{kind}\n{}\n", payload.len()).into_bytes();
    text.extend_from_slice(payload);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seal_opens_with_its_key_and_no_other() {
        let key = KeyPair::from_seed([1; 32]);
        let node = NodeName::parse("yinzhou").expect("valid");
        let sealed = Sealed::new(node.clone(), "agreement", b"{\"a\":1}", &key);
        let read = Sealed::parse(&sealed.to_bytes()).expect("own envelope");
        assert_eq!(read.open(&key.public()), Ok(b"{\"a\":1}".to_vec()));
        let other = KeyPair::from_seed([2; 32]).public();
        assert_eq!(read.open(&other), Err(SealError::Signature(node)));
        let mut changed = read;
        "statement".clone_into(&mut changed.kind);
        assert!(changed.open(&key.public()).is_err());
    }
}
