//! The form of a code: how long it is and what stands where, so that a mistyped one is told to the
//! caller before anything is looked for.

use std::fmt;

use lianshi_registry::uscc::Uscc;
use serde::{Deserialize, Serialize};

/// Longest mask in characters: codes are shorter.
const MASK_CHARS_MAX: usize = 64;
/// The mask of a unified social credit code, with its check character.
const USCC: &str = "uscc";

/// What a code looks like: `9` is a digit, `@` a letter, `*` either, everything else stands for
/// itself. `uscc` is a unified social credit code whose check character fits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Mask(String);

impl Mask {
    /// Whether a normalized text has the form.
    pub fn fits(&self, text: &str) -> bool {
        if self.0 == USCC {
            return Uscc::parse(text).is_ok();
        }
        let fits = |(mask, c): (char, char)| match mask {
            '9' => c.is_ascii_digit(),
            '@' => c.is_ascii_uppercase(),
            '*' => c.is_ascii_digit() || c.is_ascii_uppercase(),
            other => other.to_ascii_uppercase() == c,
        };
        self.0.chars().count() == text.chars().count() && self.0.chars().zip(text.chars()).all(fits)
    }
}

impl TryFrom<String> for Mask {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let chars = text.chars().count();
        if (1..=MASK_CHARS_MAX).contains(&chars) && !text.chars().any(char::is_control) {
            Ok(Self(text))
        } else {
            Err(format!("a mask has 1 to {MASK_CHARS_MAX} characters, not {chars}"))
        }
    }
}

impl From<Mask> for String {
    fn from(mask: Mask) -> Self {
        mask.0
    }
}

impl fmt::Display for Mask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
