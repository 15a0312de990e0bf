//! Cosignatures, exactly as C2SP tlog-cosignature v1 says for Ed25519: a witness states that at a
//! time a checkpoint was the largest of its log it had seen, consistent with all before. The signed
//! message does not name the witness, so a witness's key serves nothing else.

use crate::{
    entry::witness_name,
    id::Origin,
    key::KeyPair,
    note::{Algorithm, NoteKeyError, Signature, VerifierKey},
};

/// Largest time a cosignature may carry, in seconds since 1970: 2^63 - 1.
pub const SECONDS_MAX: u64 = (1 << 63) - 1;

/// Who cosigns: a name and the witness's private key.
#[derive(Debug, Clone)]
pub struct Cosigner {
    vkey: VerifierKey,
    key: KeyPair,
}

impl Cosigner {
    /// Names a witness. The name should be an address without a scheme, such as
    /// `ningbo.example/haishu/witness`.
    pub fn new(name: &str, key: KeyPair) -> Result<Self, NoteKeyError> {
        let vkey = VerifierKey::new(name, Algorithm::CosignatureV1, key.public())?;
        Ok(Self { vkey, key })
    }

    /// The node that writes a log, as a witness of others.
    #[expect(clippy::expect_used, reason = "domains and nodes have neither spaces nor plus signs")]
    pub fn of_node(origin: &Origin, key: KeyPair) -> Self {
        Self::new(&witness_name(origin), key).expect("a name")
    }

    /// The key that verifies its cosignatures; `Display` gives the vkey text.
    pub fn vkey(&self) -> &VerifierKey {
        &self.vkey
    }

    /// Cosigns the text of a checkpoint at a time in seconds since 1970. `None` for time zero,
    /// which would state nothing, and for times beyond [`SECONDS_MAX`].
    pub fn cosign(&self, text: &str, seconds: u64) -> Option<Signature> {
        if seconds == 0 || seconds > SECONDS_MAX {
            return None;
        }
        let signature = self.key.sign(&message(seconds, text));
        let bytes = [seconds.to_be_bytes().as_slice(), &signature].concat();
        Some(Signature { name: self.vkey.name().to_owned(), key_id: self.vkey.id(), bytes })
    }
}

/// The time a cosignature's bytes carry, in seconds since 1970; to be believed only after the
/// signature was verified. `None` for bytes of another form.
pub fn seconds(signature: &[u8]) -> Option<u64> {
    split(signature).map(|(seconds, _)| seconds)
}

/// What is signed: header, time, and the whole text of the checkpoint.
pub(crate) fn message(seconds: u64, text: &str) -> Vec<u8> {
    format!("cosignature/v1\ntime {seconds}\n{text}").into_bytes()
}

/// Time and Ed25519 signature of a cosignature's bytes.
pub(crate) fn split(signature: &[u8]) -> Option<(u64, &[u8])> {
    let (time, rest) = signature.split_first_chunk::<8>()?;
    let seconds = u64::from_be_bytes(*time);
    (seconds <= SECONDS_MAX).then_some((seconds, rest))
}
