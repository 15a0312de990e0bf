//! What the receiver of a letter answers.

use serde::{Deserialize, Serialize};

/// The answer to a letter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Receipt {
    /// It was taken now, or had been before.
    Taken,
    /// It was not taken.
    Refused {
        /// Stable code.
        code: String,
        /// The refusal in words.
        text: String,
        /// Whether the same letter may be taken later.
        again: bool,
    },
}

impl Receipt {
    /// The bytes to send.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads [`Receipt::to_bytes`] back.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn receipts_read_back_and_garbage_is_none() {
        let refused =
            Receipt::Refused { code: "a.b".to_owned(), text: "no".to_owned(), again: false };
        for receipt in [Receipt::Taken, refused] {
            assert_eq!(Receipt::parse(&receipt.to_bytes()), Some(receipt));
        }
        assert_eq!(Receipt::parse(b""), None);
        assert_eq!(Receipt::parse(b"{\"answer\":\"perhaps\"}"), None);
    }
}
