//! Ed25519 keys of a node. A node has four, one for each role, and never shares them between roles:
//! identity (libp2p), log (checkpoints), witness (cosignatures) and seal (contracts, statements,
//! receipts). Every printed key and signature names its algorithm, so that others can stand beside
//! Ed25519.

use std::fmt;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// The label in front of printed keys and signatures.
const ALGORITHM: &str = "ed25519:";

/// Why a key or signature was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not `ed25519:` and canonical base64 of the right length.
    #[error("`{0}` is not a key of the form ed25519:<base64>")]
    Malformed(String),
    /// A small-order or non-canonical point, refused because anyone could sign for it.
    #[error("the public key is a weak or non-canonical point")]
    Weak,
    /// The signature does not fit the key and message.
    #[error("the signature does not fit")]
    BadSignature,
}

/// A private key. It has no `Display`, and `Debug` hides it.
#[derive(Clone)]
pub struct KeyPair(SigningKey);

impl KeyPair {
    /// From 32 random bytes, which the caller takes from the operating system.
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Self(SigningKey::from_bytes(&seed))
    }

    /// Reads what a key file holds: 64 hexadecimal digits, with white space around them.
    pub fn from_hex(text: &str) -> Option<Self> {
        let bytes = hex::decode(text.trim()).ok()?;
        Some(Self::from_seed(bytes.try_into().ok()?))
    }

    /// What a key file holds.
    pub fn to_hex(&self) -> String {
        hex::encode(self.seed())
    }

    /// The 32 secret bytes.
    pub fn seed(&self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key().to_bytes())
    }

    /// Signs bytes; 64 bytes of signature.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyPair({})", self.public())
    }
}

/// The four keys of a node.
#[derive(Debug, Clone)]
pub struct NodeKeys {
    /// libp2p identity.
    pub identity: KeyPair,
    /// Signs checkpoints.
    pub log: KeyPair,
    /// Cosigns checkpoints of others.
    pub witness: KeyPair,
    /// Signs contracts, receipts and statements.
    pub seal: KeyPair,
}

/// A public key, printed `ed25519:<base64>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// From 32 bytes; refuses points that are not canonical or of small order.
    pub fn from_bytes(bytes: [u8; 32]) -> Result<Self, KeyError> {
        let key = VerifyingKey::from_bytes(&bytes).map_err(|_| KeyError::Weak)?;
        // The key keeps the bytes it was made from; only its point, compressed anew, tells whether
        // they were the canonical ones.
        let canonical = key.to_edwards().compress().to_bytes() == bytes;
        if canonical && !key.is_weak() { Ok(Self(bytes)) } else { Err(KeyError::Weak) }
    }

    /// Parses `ed25519:<base64>`.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let bad = || KeyError::Malformed(text.to_owned());
        let encoded = text.strip_prefix(ALGORITHM).ok_or_else(bad)?;
        let bytes = BASE64_STANDARD.decode(encoded).map_err(|_| bad())?;
        Self::from_bytes(bytes.try_into().map_err(|_| bad())?)
    }

    /// The 32 bytes.
    pub fn bytes(&self) -> [u8; 32] {
        self.0
    }

    /// Checks a signature strictly (no malleability, no weak keys).
    pub fn verify(&self, message: &[u8], signature: &[u8; 64]) -> Result<(), KeyError> {
        let key = VerifyingKey::from_bytes(&self.0).map_err(|_| KeyError::Weak)?;
        let signature = ed25519_dalek::Signature::from_bytes(signature);
        key.verify_strict(message, &signature).map_err(|_| KeyError::BadSignature)
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{ALGORITHM}{}", BASE64_STANDARD.encode(self.0))
    }
}

impl Serialize for PublicKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PublicKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_file_holds_64_hexadecimal_digits() {
        let pair = KeyPair::from_seed([7; 32]);
        let read = |text: &str| KeyPair::from_hex(text).map(|pair| pair.public());
        assert_eq!(read(&format!("{}\n", pair.to_hex())), Some(pair.public()));
        for text in ["", "07", &"g".repeat(64), &"0".repeat(66)] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn keys_print_and_parse_back_and_signatures_hold() {
        let pair = KeyPair::from_seed([7; 32]);
        let public = PublicKey::parse(&pair.public().to_string()).expect("own key");
        let signature = pair.sign(b"message");
        assert_eq!(public.verify(b"message", &signature), Ok(()));
        assert_eq!(public.verify(b"massage", &signature), Err(KeyError::BadSignature));
    }

    #[test]
    fn small_order_points_are_refused() {
        let mut identity = [0_u8; 32];
        identity[0] = 1;
        assert_eq!(PublicKey::from_bytes(identity), Err(KeyError::Weak));
        assert_eq!(PublicKey::from_bytes([0; 32]), Err(KeyError::Weak));
    }

    /// The field's prime p = 2^255 - 19 and `above`, little-endian: a second name of the y
    /// coordinate `above`.
    fn beyond_the_prime(above: u8, sign: u8) -> [u8; 32] {
        let mut bytes = [0xff_u8; 32];
        bytes[0] = 0xed + above;
        bytes[31] = 0x7f | sign;
        bytes
    }

    #[test]
    fn a_second_name_of_a_sound_point_is_refused() {
        let names = (0..19).flat_map(|y| [beyond_the_prime(y, 0), beyond_the_prime(y, 0x80)]);
        let sound: Vec<_> = names
            .filter(|name| VerifyingKey::from_bytes(name).is_ok_and(|key| !key.is_weak()))
            .collect();
        assert!(!sound.is_empty(), "the library decodes some of them");
        for name in sound {
            assert_eq!(PublicKey::from_bytes(name), Err(KeyError::Weak), "{name:02x?}");
        }
    }

    #[test]
    fn a_signature_has_one_form() {
        // The order of the group, added to the scalar of a signature, gives a second signature to
        // verifiers that do not look.
        let order: [u8; 32] = {
            let hex = "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";
            hex::decode(hex).expect("hexadecimal").try_into().expect("32 bytes")
        };
        let pair = KeyPair::from_seed([7; 32]);
        let mut signature = pair.sign(b"message");
        let mut carry = 0;
        for (byte, add) in signature[32..].iter_mut().zip(order) {
            let sum = u16::from(*byte) + u16::from(add) + carry;
            *byte = sum.to_le_bytes()[0];
            carry = sum >> 8;
        }
        assert_eq!(pair.public().verify(b"message", &signature), Err(KeyError::BadSignature));
    }
}
