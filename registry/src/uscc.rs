//! The unified social credit code of an organization (GB 32100-2015): who registered it and as
//! what, its division, its own nine characters, and a check character. Typing errors are named as
//! what they are, and so are numbers of something else.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::time::Date;

/// Characters a code may use; the position is the value. I, O, S, V and Z are left out by the
/// standard.
const ALPHABET: &str = "0123456789ABCDEFGHJKLMNPQRTUWXY";
/// Length of a code.
const CODE_CHARS: usize = 18;
/// Departments that register organizations, with the categories each knows (GB 32100-2015 table 1
/// with its amendment, and the 54 of village and residents' committees).
const CATEGORIES: [(char, &str); 12] = [
    ('1', "1239"),
    ('2', "19"),
    ('3', "123459"),
    ('4', "19"),
    ('5', "12349"),
    ('6', "129"),
    ('7', "129"),
    ('8', "19"),
    ('9', "1239"),
    ('A', "19"),
    ('N', "1239"),
    ('Y', "1"),
];
/// Provinces by the first two digits of a division (GB/T 2260), and 10 for what is registered with
/// the national authority. Whether a division was ever listed is not asked: development zones
/// register under codes of their own.
const PROVINCES: [&str; 35] = [
    "10", "11", "12", "13", "14", "15", "21", "22", "23", "31", "32", "33", "34", "35", "36", "37",
    "41", "42", "43", "44", "45", "46", "50", "51", "52", "53", "54", "61", "62", "63", "64", "65",
    "71", "81", "82",
];

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
    /// The first two characters name no department and category.
    #[error("`{text}` begins with no department and category that register organizations")]
    Category {
        /// As normalized.
        text: String,
    },
    /// Places 3 to 8 are no division.
    #[error("places 3 to 8 of `{text}` are no division code")]
    Division {
        /// As normalized.
        text: String,
    },
    /// The number of a citizen. It is not repeated: it is personal data.
    #[error("this is the number of a citizen, not the code of an organization")]
    Citizen,
}

/// A checked unified social credit code in normal form (half-width, upper case).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uscc(String);

impl Uscc {
    /// Normalizes (trim, full-width to half-width, upper case) and checks: what somebody wrote.
    pub fn parse(text: &str) -> Result<Self, UsccError> {
        let normal = normalize(text);
        // Before the check character, for a citizen's number rarely has a fitting one.
        if is_citizen(&normal) {
            return Err(UsccError::Citizen);
        }
        let code = Self::known(&normal)?;
        code.check()?;
        Ok(code)
    }

    /// The same for a code that was taken before, in its normal form: length, characters and check
    /// character only.
    pub fn known(normal: &str) -> Result<Self, UsccError> {
        let chars = normal.chars().count();
        if chars != CODE_CHARS {
            return Err(UsccError::Length { text: normal.to_owned(), chars });
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
            Ok(Self(normal.to_owned()))
        } else {
            Err(UsccError::Check { text: normal.to_owned(), expected })
        }
    }

    /// Whether it can be the code of an organization: a department and category that register any,
    /// a division, and no citizen's number.
    pub fn check(&self) -> Result<(), UsccError> {
        let text = || self.0.clone();
        if is_citizen(&self.0) {
            return Err(UsccError::Citizen);
        }
        let mut first = self.0.chars();
        let (department, category) = (first.next(), first.next());
        let known = CATEGORIES.iter().any(|(letter, categories)| {
            department == Some(*letter) && category.is_some_and(|c| categories.contains(c))
        });
        if !known {
            return Err(UsccError::Category { text: text() });
        }
        let at = |from: usize, to: usize| self.0.get(from..to).unwrap_or_default();
        let listed = PROVINCES.contains(&at(2, 4));
        // A province as a whole has no counties, and the nation no parts.
        let whole = at(4, 6) != "00" || at(6, 8) == "00";
        let nation = at(2, 4) != "10" || at(4, 8) == "0000";
        if listed && whole && nation { Ok(()) } else { Err(UsccError::Division { text: text() }) }
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

/// Whether a text is the number of a citizen (GB 11643-1999): province, a day of birth after 1800
/// at places 7 to 14, and its own check character. One in some thousand codes of organizations of
/// the few divisions that end in 19 or 20 looks the same; numbers of citizens never begin with 9,
/// as those of companies do.
fn is_citizen(text: &str) -> bool {
    const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    const CHECKS: &str = "10X98765432";
    let Some((digits, check)) = text.split_at_checked(CODE_CHARS - 1) else { return false };
    let values: Option<Vec<u32>> = digits.chars().map(|digit| digit.to_digit(10)).collect();
    let Some(values) = values else { return false };
    let sum: u32 = values.iter().zip(WEIGHTS).map(|(value, weight)| value * weight).sum();
    let expected = usize::try_from(sum % 11).ok().and_then(|at| CHECKS.chars().nth(at));
    let part = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
    let born = Date::parse(&format!("{}-{}-{}", part(6, 10), part(10, 12), part(12, 14)));
    PROVINCES.contains(&part(0, 2))
        && ["18", "19", "20"].contains(&part(6, 8))
        && born.is_ok()
        && expected.is_some_and(|expected| check.chars().eq([expected]))
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
/// the same in other bytes. What other nodes say is [checked](Uscc::check) where it is judged; what
/// was kept is read as it is.
impl<'de> Deserialize<'de> for Uscc {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::known(&text).map_err(D::Error::custom)
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
    fn zeros_and_other_departments_are_no_organization() {
        let zeros = "000000000000000000";
        assert!(Uscc::known(zeros).is_ok(), "its check character fits");
        assert_eq!(Uscc::parse(zeros), Err(UsccError::Category { text: zeros.to_owned() }));
        let check = |first: &str, expected: fn(String) -> Option<UsccError>| {
            let code = ALPHABET
                .chars()
                .find_map(|check| Uscc::known(&format!("{first}{check}")).ok())
                .expect("one check character fits");
            assert_eq!(Uscc::parse(code.as_str()).err(), expected(code.to_string()), "{first}");
        };
        let category: fn(String) -> _ = |text| Some(UsccError::Category { text });
        let division: fn(String) -> _ = |text| Some(UsccError::Division { text });
        check("01330212MA2TEQT01", category);
        check("94330212MA2TEQT01", category);
        check("Y2330212MA2TEQT01", category);
        check("91000000MA2TEQT01", division);
        check("91990000MA2TEQT01", division);
        check("91330012MA2TEQT01", division);
        check("91100001MA2TEQT01", division);
        for first in ["54330212ME2TEQT01", "N2330212MF2TEQT01", "91100000MA2TEQT01"] {
            check(first, |_| None);
        }
    }

    #[test]
    fn a_citizens_number_is_named_and_not_repeated() {
        // Examples of GB 11643 and of textbooks: nobody's.
        for number in ["11010519491231002X", "440524188001010014", "34052419800101001X"] {
            let refused = Uscc::parse(number).expect_err(number);
            assert_eq!(refused, UsccError::Citizen, "{number}");
            assert!(!refused.to_string().contains(number));
        }
        // A birthday that is none, and a check character that does not fit.
        for number in ["110105194913310021", "110105194912310021"] {
            assert_ne!(Uscc::parse(number), Err(UsccError::Citizen), "{number}");
        }
    }

    #[test]
    fn seventeen_and_nineteen_characters_are_refused() {
        for text in ["91330200MA2TEQT17", "91330200MA2TEQT1755"] {
            assert!(matches!(Uscc::parse(text), Err(UsccError::Length { .. })));
        }
    }
}
