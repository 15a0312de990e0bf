//! The unified social credit code of an organization (GB 32100-2015): 18 characters with a check
//! character. Typing errors are named as what they are.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// Characters a code may use; the position is the value. I, O, S, V and Z are left out by the
/// standard.
const ALPHABET: &str = "0123456789ABCDEFGHJKLMNPQRTUWXY";
/// Length of a code.
const CODE_CHARS: usize = 18;

/// Why a text is not a unified social credit code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UsccError {
    /// Not 18 characters.
    #[error("`{text}` has {chars} characters, a unified social credit code has 18")]
    Length {
        /// As normalized.
        text: String,
        /// How many there are.
        chars: usize,
    },
    /// A letter the standard leaves out because it looks like a digit.
    #[error(
        "`{letter}` at place {place} is never used in a unified social credit code; was `{digit}` meant?"
    )]
    LookAlike {
        /// The letter found.
        letter: char,
        /// The place, from 1.
        place: usize,
        /// The digit it looks like.
        digit: char,
    },
    /// A character outside the alphabet, or a letter where the division's digits stand.
    #[error("`{character}` at place {place} is not allowed in a unified social credit code")]
    Character {
        /// The character found.
        character: char,
        /// The place, from 1.
        place: usize,
    },
    /// The last character does not fit the others.
    #[error(
        "`{text}` has the wrong check character, expected `{expected}`: a character was mistyped"
    )]
    Check {
        /// As normalized.
        text: String,
        /// What the standard computes.
        expected: char,
    },
}

/// A checked unified social credit code in normal form (half-width, upper case).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uscc(String);

impl Uscc {
    /// Normalizes (trim, full-width to half-width, upper case) and checks.
    pub fn parse(text: &str) -> Result<Self, UsccError> {
        let normal = normalize(text);
        let chars = normal.chars().count();
        if chars != CODE_CHARS {
            return Err(UsccError::Length { text: normal, chars });
        }
        let mut sum = 0;
        let mut weight = 1;
        for (index, character) in normal.chars().enumerate() {
            let place = index + 1;
            let value = value_at(character, place)?;
            if place < CODE_CHARS {
                sum += value * weight;
                weight = weight * 3 % 31;
            }
        }
        let expected = ALPHABET.chars().nth((31 - sum % 31) % 31).unwrap_or('0');
        if normal.ends_with(expected) {
            Ok(Self(normal))
        } else {
            Err(UsccError::Check { text: normal, expected })
        }
    }

    /// The 18 characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Computes the check character of the first 17 characters, to issue plainly fictitious codes for
/// demonstrations.
pub fn complete(first_seventeen: &str) -> Option<Uscc> {
    ALPHABET.chars().find_map(|check| Uscc::parse(&format!("{first_seventeen}{check}")).ok())
}

fn normalize(text: &str) -> String {
    let half_width = |c: char| match c {
        '\u{ff01}'..='\u{ff5e}' => {
            u32::from(c).checked_sub(0xfee0).and_then(char::from_u32).unwrap_or(c)
        }
        other => other,
    };
    text.trim().chars().map(half_width).map(|c| c.to_ascii_uppercase()).collect()
}

fn value_at(character: char, place: usize) -> Result<usize, UsccError> {
    let look_alike = match character {
        'I' => Some('1'),
        'O' => Some('0'),
        'S' => Some('5'),
        'Z' => Some('2'),
        _ => None,
    };
    if let Some(digit) = look_alike {
        return Err(UsccError::LookAlike { letter: character, place, digit });
    }
    let digits_only = (3..=8).contains(&place);
    match ALPHABET.find(character) {
        Some(value) if !digits_only || value < 10 => Ok(value),
        _ => Err(UsccError::Character { character, place }),
    }
}

impl fmt::Display for Uscc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Uscc {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// People may write it as they like; between programs it has one form, so that no two entries say
/// the same in other bytes.
impl<'de> Deserialize<'de> for Uscc {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let code = Self::parse(&text).map_err(D::Error::custom)?;
        if code.0 == text { Ok(code) } else { Err(D::Error::custom("not in its normal form")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALID: [&str; 8] = [
        "9144030071526726XG",
        "91330100799655058B",
        "91110000802100433B",
        "91330200MA2TEQT175",
        "1133020300TEQT0238",
        "11640100MB1TEQT358",
        "11120000MB1TEQT434",
        "11440311MB1TEQT51Q",
    ];

    #[test]
    fn valid_codes_pass_in_any_width_and_case() {
        for code in VALID {
            assert_eq!(Uscc::parse(code).expect(code).as_str(), code);
            assert!(Uscc::parse(&format!(" {} ", code.to_lowercase())).is_ok());
        }
        assert!(Uscc::parse("９１３３０２００MA2TEQT175").is_ok());
    }

    #[test]
    fn between_programs_a_code_has_one_form() {
        let read = |text: &str| serde_json::from_value::<Uscc>(text.into()).is_ok();
        assert!(read("91330200MA2TEQT175"));
        for text in [" 91330200MA2TEQT175", "91330200ma2teqt175", "９１330200MA2TEQT175"] {
            assert!(!read(text), "{text}");
        }
    }

    #[test]
    fn any_single_change_is_refused() {
        for code in VALID {
            for (at, old) in code.char_indices() {
                for new in ALPHABET.chars().filter(|new| *new != old) {
                    let mut changed = code.to_owned();
                    changed.replace_range(at..=at, &new.to_string());
                    assert!(Uscc::parse(&changed).is_err(), "{changed}");
                }
            }
        }
    }

    #[test]
    fn a_letter_o_for_zero_is_named() {
        let error = Uscc::parse("9133O200MA2TEQT175").expect_err("letter O");
        assert_eq!(error, UsccError::LookAlike { letter: 'O', place: 5, digit: '0' });
    }

    #[test]
    fn seventeen_and_nineteen_characters_are_refused() {
        for text in ["91330200MA2TEQT17", "91330200MA2TEQT1755"] {
            assert!(matches!(Uscc::parse(text), Err(UsccError::Length { .. })));
        }
    }
}
