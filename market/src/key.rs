//! Access keys: the secret an enterprise sends with every call. A key belongs to one subscription,
//! is made and shown once at the home node and known elsewhere by its hash only.
//!
//! `lk_<prefix, 8>_<secret, 32><check, 4>`: the prefix tells keys apart in lists, the check
//! characters let a mistyped key be named as such without a look at the database.

use std::fmt;

use lianshi_registry::{text, time::Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::base32::{base32, is_base32};

/// Random bytes of a key: 5 for the prefix, 20 for the secret.
pub const KEY_BYTES: usize = 25;
/// Keys of one subscription that are valid at the same time: one in use and one for a rotation, for
/// a few systems of the enterprise.
pub const KEYS_ACTIVE_MAX: usize = 10;
const PREFIX_CHARS: usize = 8;
const SECRET_CHARS: usize = 32;
const CHECK_CHARS: usize = 4;

/// Why a text is not an access key. The text itself is not repeated: it may be a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyTextError {
    /// Not `lk_<8>_<36>` in the key alphabet.
    #[error("this is not an access key of the form lk_xxxxxxxx_…")]
    Form,
    /// The check characters do not fit.
    #[error("the access key was mistyped or cut off: its last characters do not fit")]
    Check,
}

/// An access key with its secret. `Debug` hides the secret; [`AccessKey::reveal`] shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessKey(String);

impl AccessKey {
    /// From fresh random bytes.
    pub fn from_random(bytes: [u8; KEY_BYTES]) -> Self {
        let all = base32(&bytes);
        let (prefix, secret) = all.split_at_checked(PREFIX_CHARS).unwrap_or((&all, ""));
        let body = format!("lk_{prefix}_{secret}");
        let check = check_of(&body);
        Self(body + &check)
    }

    /// Reads a key as callers send it.
    pub fn parse(text: &str) -> Result<Self, KeyTextError> {
        let rest = text.strip_prefix("lk_").ok_or(KeyTextError::Form)?;
        let (prefix, tail) = rest.split_once('_').ok_or(KeyTextError::Form)?;
        let fits = prefix.len() == PREFIX_CHARS
            && tail.len() == SECRET_CHARS + CHECK_CHARS
            && is_base32(prefix)
            && is_base32(tail);
        if !fits {
            return Err(KeyTextError::Form);
        }
        let at = text.len().saturating_sub(CHECK_CHARS);
        let (body, check) = text.split_at_checked(at).ok_or(KeyTextError::Form)?;
        if check == check_of(body) { Ok(Self(text.to_owned())) } else { Err(KeyTextError::Check) }
    }

    /// The part that may be shown again: `lk_` and eight characters.
    pub fn prefix(&self) -> &str {
        self.0.get(..3 + PREFIX_CHARS).unwrap_or_default()
    }

    /// What is stored in its place.
    pub fn hash(&self) -> KeyHash {
        KeyHash(Sha256::digest(self.0.as_bytes()).into())
    }

    /// The whole key, to be shown once.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AccessKey({}_…)", self.prefix())
    }
}

fn check_of(body: &str) -> String {
    let digest = Sha256::digest(format!("lianshi/key-check/v1\n{body}").as_bytes());
    let text = base32(&digest);
    text.get(..CHECK_CHARS).unwrap_or_default().to_owned()
}

/// SHA-256 of a whole access key. The secret has 160 random bits, so nothing slower is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyHash(pub [u8; 32]);

impl KeyHash {
    /// From 32 stored bytes.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }
}

impl TryFrom<String> for KeyHash {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let bytes = hex::decode(&text).map_err(|error| error.to_string())?;
        let hash = Self::from_slice(&bytes).ok_or("a key hash has 32 bytes")?;
        if String::from(hash) == text { Ok(hash) } else { Err("lower-case hex".to_owned()) }
    }
}

impl From<KeyHash> for String {
    fn from(hash: KeyHash) -> Self {
        hex::encode(hash.0)
    }
}

/// Random bytes of a new key with its id.
pub const NEW_KEY_BYTES: usize = KEY_BYTES + 10;

/// What the home node tells the provider about a new key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyGrant {
    /// Id of the key on both nodes, `K-…`.
    pub id: String,
    /// What the enterprise calls it.
    pub label: String,
    /// `lk_` and eight characters.
    pub prefix: String,
    /// What a call's key must hash to.
    pub hash: KeyHash,
    /// When it was made.
    pub created_at: Timestamp,
    /// First instant it is no longer valid.
    pub expires_at: Timestamp,
}

impl KeyGrant {
    /// A new key and what may be told about it, from fresh random bytes.
    pub fn new(
        random: [u8; NEW_KEY_BYTES],
        label: &str,
        created_at: Timestamp,
        expires_at: Timestamp,
    ) -> (AccessKey, Self) {
        let mut secret = [0; KEY_BYTES];
        let mut id = [0; NEW_KEY_BYTES - KEY_BYTES];
        let (for_secret, for_id) = random.split_at(KEY_BYTES);
        secret.copy_from_slice(for_secret);
        id.copy_from_slice(for_id);
        let key = AccessKey::from_random(secret);
        let grant = Self {
            id: format!("K-{}", base32(&id)),
            label: text::nfc(label.trim()).into_owned(),
            prefix: key.prefix().to_owned(),
            hash: key.hash(),
            created_at,
            expires_at,
        };
        (key, grant)
    }
}

/// Whether a key opens anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeyState {
    /// Valid, unless its time or its subscription is over.
    Active,
    /// Taken back by the enterprise.
    Revoked,
}

impl KeyState {
    /// As stored and translated: `active`, `revoked`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Revoked => "revoked",
        }
    }

    /// Reads [`KeyState::as_str`] back.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "active" => Some(Self::Active),
            "revoked" => Some(Self::Revoked),
            _ => None,
        }
    }
}

/// A key as lists show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyView {
    /// `K-…`.
    pub id: String,
    /// What the enterprise calls it.
    pub label: String,
    /// `lk_` and eight characters.
    pub prefix: String,
    /// Whether it was revoked.
    pub state: KeyState,
    /// When it was made.
    pub created_at: Timestamp,
    /// First instant it is no longer valid.
    pub expires_at: Timestamp,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_parse_back_and_typing_errors_are_named() {
        let key = AccessKey::from_random([0x5a; KEY_BYTES]);
        let text = key.reveal().to_owned();
        assert_eq!(text.len(), 3 + 8 + 1 + 32 + 4);
        assert_eq!(AccessKey::parse(&text), Ok(key.clone()));
        assert_eq!(key.prefix().len(), 11);
        let last = if text.ends_with('0') { "1" } else { "0" };
        let changed = format!("{}{last}", &text[..text.len() - 1]);
        assert_eq!(AccessKey::parse(&changed), Err(KeyTextError::Check));
        for bad in ["", "lk_", "lk_short_x", &text[1..], &text.to_uppercase()] {
            assert_eq!(AccessKey::parse(bad), Err(KeyTextError::Form), "{bad}");
        }
        assert!(!format!("{key:?}").contains(&text[12..]), "the secret stays hidden");
    }

    #[test]
    fn key_hashes_travel_as_lower_case_hex() {
        let hash = AccessKey::from_random([1; KEY_BYTES]).hash();
        let text = serde_json::to_string(&hash).expect("text");
        assert_eq!(serde_json::from_str::<KeyHash>(&text).expect("back"), hash);
        assert!(serde_json::from_str::<KeyHash>(&text.to_uppercase()).is_err());
        assert!(serde_json::from_str::<KeyHash>("\"00\"").is_err());
    }
}
