//! What the receiver of a letter answers.

use serde::{Deserialize, Serialize};

use crate::{json, text};

/// Longest code and text that are kept of a refusal: it is shown to people and sent on.
const CODE_CHARS_MAX: usize = 80;
const TEXT_CHARS_MAX: usize = 1000;

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

    /// Reads [`Receipt::to_bytes`] back. What the peer says of itself is cut to a paragraph.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        match json::read(bytes).ok()? {
            Self::Taken => Some(Self::Taken),
            Self::Refused { code, text, again } => Some(Self::Refused {
                code: code.chars().take(CODE_CHARS_MAX).collect(),
                text: text.chars().take(TEXT_CHARS_MAX).collect(),
                again,
            }),
        }
    }

    /// A refusal. Its words may repeat what the letter said; they are sent as what can be shown.
    pub fn refused(code: &str, words: &str, again: bool) -> Self {
        let text = text::nfc(&text::shown(words)).replace(['\n', '\t'], " ");
        Self::Refused { code: code.to_owned(), text, again }
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
        let words = "no field `a\0\u{202e}e\u{301}`\n";
        let told = Receipt::refused("a.b", words, true);
        assert_eq!(Receipt::parse(&told.to_bytes()), Some(told), "a receipt can always be read");
        let long = Receipt::refused(&"c".repeat(500), &"长".repeat(5000), true);
        let Some(Receipt::Refused { code, text, .. }) = Receipt::parse(&long.to_bytes()) else {
            panic!("a refusal")
        };
        assert_eq!((code.len(), text.chars().count()), (CODE_CHARS_MAX, TEXT_CHARS_MAX));
        assert_eq!(Receipt::parse(b"{\"answer\":\"taken\",\"answer\":\"taken\"}"), None);
        assert_eq!(Receipt::parse(b""), None);
        assert_eq!(Receipt::parse(b"{\"answer\":\"perhaps\"}"), None);
    }
}
