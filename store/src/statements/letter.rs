//! The letters of a close: a statement to the enterprise's node, a division to each contributor's
//! node, a copy of a line to whichever node its party names, and the receipt that comes back. What
//! is sealed is the claim "this node stands by the document of this hash"; the document travels
//! beside it, so that a seal stays a few hundred bytes and fits any size of document.

pub use lianshi_market::letter::STATEMENT_KIND as KIND;
use lianshi_registry::{
    id::NodeName,
    json,
    key::KeyPair,
    seal::{SealError, Sealed},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

/// Version of letters and claims.
pub const LETTER_VERSION: u32 = 1;

/// What a letter of this room says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LetterKind {
    /// A provider states what a subscription costs.
    Statement,
    /// A provider states how a product's revenue was divided.
    Division,
    /// The home node stands by the same statement.
    StatementReceipt,
    /// A contributor's node stands by the same division.
    DivisionReceipt,
    /// The home node does not stand by a statement: it waits for a person there, or what the
    /// person decided.
    Objection,
    /// A node repeats, at the word of a party that reads there, what one line of it came to.
    LineCopy,
    /// The node that the party named holds the same copy.
    LineCopyReceipt,
}

impl LetterKind {
    /// The kind under the seal.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Statement => "statement",
            Self::Division => "division",
            Self::StatementReceipt => "statement.receipt",
            Self::DivisionReceipt => "division.receipt",
            Self::Objection => "statement.objection",
            Self::LineCopy => "division.copy",
            Self::LineCopyReceipt => "division.copy.receipt",
        }
    }

    /// Reads [`LetterKind::as_str`] back.
    pub fn parse(text: &str) -> Option<Self> {
        [
            Self::Statement,
            Self::Division,
            Self::StatementReceipt,
            Self::DivisionReceipt,
            Self::Objection,
            Self::LineCopy,
            Self::LineCopyReceipt,
        ]
        .into_iter()
        .find(|kind| kind.as_str() == text)
    }
}

/// What is sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// [`LETTER_VERSION`].
    pub v: u32,
    /// The number of the statement or of the one objected to, the division's `<period>/<product>`,
    /// or the copy's `<period>/<product>/<party>`.
    pub id: String,
    /// SHA-256 of the document, in hexadecimal.
    pub hash: String,
    /// When it was sealed.
    pub at: Timestamp,
}

impl Claim {
    /// Seals a claim.
    pub fn seal(&self, by: &NodeName, kind: LetterKind, key: &KeyPair) -> Sealed {
        let payload = serde_json::to_vec(self).unwrap_or_default();
        Sealed::new(by.clone(), kind.as_str(), &payload, key)
    }
}

/// A letter as it travels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Letter {
    /// [`LETTER_VERSION`].
    pub v: u32,
    /// The document's canonical text; empty in a receipt, whose receiver wrote it.
    pub document: String,
    /// The sealed claim.
    pub sealed: Sealed,
}

/// Largest letter in bytes: a sealed claim and a document of 500 lines of 400 bytes, escaped.
pub const LETTER_BYTES_MAX: usize = 512 * 1024;

impl Letter {
    /// A letter.
    pub fn new(document: &str, sealed: Sealed) -> Self {
        Self { v: LETTER_VERSION, document: document.to_owned(), sealed }
    }

    /// The bytes to send.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads the bytes of a letter; nothing in it is believed yet.
    pub fn parse(bytes: &[u8]) -> Result<Self, SealError> {
        if bytes.len() > LETTER_BYTES_MAX {
            return Err(SealError::TooLarge(bytes.len()));
        }
        let letter: Self =
            json::read_letter(bytes).map_err(|error| SealError::Malformed(error.to_string()))?;
        if letter.v == LETTER_VERSION {
            Ok(letter)
        } else {
            Err(SealError::Malformed(format!("a letter of version {}", letter.v)))
        }
    }
}
