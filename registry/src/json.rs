//! Canonical JSON: RFC 8785 (JCS) under a narrow profile, the one form an entry has. Member names
//! are ASCII; there are no fractions, no exponents and no null; integers lie within ±(2^53-1),
//! which every reader holds exactly; texts are in NFC without control characters; nesting ends at
//! 16. What is signed and hashed are these bytes, never a re-serialization.

mod canonical;
mod foreign;
mod typed;

use icu_normalizer::ComposingNormalizerBorrowed;
use serde_json::Value;

pub use foreign::{ForeignRefusal, read, read_letter, read_value};

use crate::{
    entry::{ENTRY_BYTES_MAX, Entry, FIRST_VERSION, Fact},
    refusal::Refusal,
    text::Kind,
};
pub(crate) use typed::{Mismatch, Typed};

/// Deepest nesting; entries use five levels.
pub const DEPTH_MAX: usize = 16;
/// Largest integer a double holds exactly together with its neighbors: 2^53-1.
pub const INTEGER_MAX: i64 = (1 << 53) - 1;

/// Why bytes or values are not an entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntryRefusal {
    /// More than [`ENTRY_BYTES_MAX`] bytes.
    #[error("an entry has at most {ENTRY_BYTES_MAX} bytes, this one {0}")]
    TooLarge(usize),
    /// Not JSON.
    #[error("not JSON: {0}")]
    Malformed(String),
    /// JSON in another form than the canonical one: order, spaces, escapes, repeated names.
    #[error("the JSON is not in canonical form (RFC 8785)")]
    NotCanonical,
    /// A value the profile leaves out.
    #[error("the profile of entries leaves out {0}")]
    OutsideProfile(Outside),
    /// A version of its kind that never was.
    #[error("there is no version {0} of its kind")]
    UnknownVersion(u64),
    /// `v` and `kind` are missing, or the body does not fit the kind.
    #[error("not an entry of a known kind: {0}")]
    UnknownBody(String),
    /// What a newer program may have written.
    #[error(transparent)]
    Newer(#[from] Newer),
}

/// What this program cannot read and a newer one may. Such an entry is kept, shown as awaiting a
/// newer program and folded after an upgrade; nobody is blamed for it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Newer {
    /// A kind that this program does not know.
    #[error("this program does not know entries of kind `{kind}`")]
    Kind {
        /// The kind.
        kind: String,
    },
    /// A later version of a known kind.
    #[error("this program reads `{kind}` up to version {newest}, and this is version {version}")]
    Version {
        /// The kind.
        kind: String,
        /// Its version.
        version: u64,
        /// The newest that is read here.
        newest: u32,
    },
    /// A word that no closed list of this program has.
    #[error("this program does not know the word `{word}` in an entry of kind `{kind}`")]
    Word {
        /// The kind.
        kind: String,
        /// The word.
        word: String,
    },
}

impl Newer {
    /// The kind of the entry.
    pub fn kind(&self) -> &str {
        match self {
            Self::Kind { kind } | Self::Version { kind, .. } | Self::Word { kind, .. } => kind,
        }
    }
}

/// What the profile leaves out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Outside {
    /// Fractions, exponents and negative zero.
    #[error("numbers that are not whole")]
    Fraction,
    /// Beyond ±(2^53-1).
    #[error("integers beyond 2^53-1")]
    Integer,
    /// Null.
    #[error("null")]
    Null,
    /// A member name with other characters.
    #[error("member names that are empty or not ASCII")]
    Name,
    /// A control character in a text.
    #[error("control characters")]
    Control,
    /// A text that Unicode would compose differently.
    #[error("texts that are not in NFC")]
    Normalization,
    /// Nested deeper than [`DEPTH_MAX`].
    #[error("nesting deeper than {DEPTH_MAX}")]
    Depth,
}

impl Refusal for EntryRefusal {
    fn code(&self) -> &'static str {
        match self {
            Self::TooLarge(_) => "entry.too_large",
            Self::Malformed(_) => "entry.malformed",
            Self::NotCanonical => "entry.not_canonical",
            Self::OutsideProfile(_) => "entry.outside_profile",
            Self::UnknownVersion(_) => "entry.unknown_version",
            Self::UnknownBody(_) => "entry.unknown_body",
            Self::Newer(Newer::Kind { .. }) => "entry.newer_kind",
            Self::Newer(Newer::Version { .. }) => "entry.newer_version",
            Self::Newer(Newer::Word { .. }) => "entry.newer_word",
        }
    }
}

/// The canonical bytes of a value inside the profile.
pub fn canonicalize(value: &Value) -> Result<Vec<u8>, EntryRefusal> {
    check(value, 1).map_err(EntryRefusal::OutsideProfile)?;
    serde_json_canonicalizer::to_vec(value)
        .map_err(|error| EntryRefusal::Malformed(error.to_string()))
}

/// Parses bytes that must be the canonical form of a value inside the profile, at most
/// [`ENTRY_BYTES_MAX`] long.
pub fn parse(bytes: &[u8]) -> Result<Value, EntryRefusal> {
    if bytes.len() > ENTRY_BYTES_MAX {
        return Err(EntryRefusal::TooLarge(bytes.len()));
    }
    let value: Value = serde_json::from_slice(bytes)
        .map_err(|error| EntryRefusal::Malformed(error.to_string()))?;
    check(&value, 1).map_err(EntryRefusal::OutsideProfile)?;
    let rest = canonical::strip(&value, bytes);
    if rest.is_some_and(<[u8]>::is_empty) { Ok(value) } else { Err(EntryRefusal::NotCanonical) }
}

/// Parses an entry from its stored bytes, which must be canonical.
pub fn parse_entry(bytes: &[u8]) -> Result<Entry, EntryRefusal> {
    let value = parse(bytes)?;
    let unknown = |what: &str| EntryRefusal::UnknownBody(what.to_owned());
    let version = value.get("v").and_then(Value::as_u64).ok_or_else(|| unknown("no version"))?;
    let kind = value.get("kind").and_then(Value::as_str).ok_or_else(|| unknown("no kind"))?;
    let Some(newest) = Fact::version_of(kind) else {
        let is_kind = is_kind(kind).then(|| Newer::Kind { kind: kind.to_owned() });
        return Err(is_kind.map_or_else(|| unknown("its kind is no name"), EntryRefusal::Newer));
    };
    let kind = kind.to_owned();
    if version > u64::from(newest) {
        return Err(Newer::Version { kind, version, newest }.into());
    }
    if version < u64::from(FIRST_VERSION) {
        return Err(EntryRefusal::UnknownVersion(version));
    }
    Entry::read(value).map_err(|mismatch| match mismatch {
        Mismatch::Word(word) if Kind::Code.check(&word).is_ok() => {
            Newer::Word { kind, word }.into()
        }
        other => EntryRefusal::UnknownBody(other.to_string()),
    })
}

/// Whether a text is the name of a kind: an object and what happened to it, as in `product.listed`.
fn is_kind(text: &str) -> bool {
    text.split_once('.').is_some_and(|(object, event)| {
        [object, event].iter().all(|part| Kind::Code.check(part).is_ok())
    })
}

/// The bytes of an entry as the log stores them.
pub fn encode_entry(entry: &Entry) -> Result<Vec<u8>, EntryRefusal> {
    let value =
        serde_json::to_value(entry).map_err(|error| EntryRefusal::Malformed(error.to_string()))?;
    let bytes = canonicalize(&value)?;
    let fits = bytes.len() <= ENTRY_BYTES_MAX;
    if fits { Ok(bytes) } else { Err(EntryRefusal::TooLarge(bytes.len())) }
}

fn check(value: &Value, depth: usize) -> Result<(), Outside> {
    match value {
        Value::Null => Err(Outside::Null),
        Value::Bool(_) => Ok(()),
        Value::Number(number) if number.is_f64() => Err(Outside::Fraction),
        Value::Number(number) => {
            let fits = number.as_i64().is_some_and(|n| (-INTEGER_MAX..=INTEGER_MAX).contains(&n));
            if fits { Ok(()) } else { Err(Outside::Integer) }
        }
        Value::String(text) => check_text(text),
        Value::Array(_) | Value::Object(_) if depth > DEPTH_MAX => Err(Outside::Depth),
        Value::Array(values) => values.iter().try_for_each(|value| check(value, depth + 1)),
        Value::Object(members) => members.iter().try_for_each(|(name, value)| {
            if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_graphic()) {
                return Err(Outside::Name);
            }
            check(value, depth + 1)
        }),
    }
}

fn check_text(text: &str) -> Result<(), Outside> {
    if text.is_ascii() {
        // Most texts are; looking at bytes is what a processor does many at a time.
        let control = text.bytes().any(|byte| byte.is_ascii_control());
        return if control { Err(Outside::Control) } else { Ok(()) };
    }
    if text.chars().any(char::is_control) {
        Err(Outside::Control)
    } else if ComposingNormalizerBorrowed::new_nfc().is_normalized(text) {
        Ok(())
    } else {
        Err(Outside::Normalization)
    }
}

#[cfg(test)]
mod tests;
