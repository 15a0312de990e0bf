//! Whole numbers and months as people type them into a field: with full-width digits, thousands
//! separators and spaces around them. What is anything else is said to be wrong at the field; it
//! never becomes a number nobody typed.

use lianshi_registry::time::Period;

/// Digits of a group between separators.
const GROUP: usize = 3;

/// The text with full-width digits, letters and signs as narrow ones, without spaces around it.
fn narrow(text: &str) -> String {
    const FULL_WIDTH: std::ops::RangeInclusive<u32> = 0xFF01..=0xFF5E;
    const FULL_TO_ASCII: u32 = 0xFEE0;
    let one = |character: char| {
        let code = u32::from(character);
        if FULL_WIDTH.contains(&code) {
            char::from_u32(code - FULL_TO_ASCII).unwrap_or(character)
        } else {
            character
        }
    };
    text.trim().chars().map(one).collect()
}

/// A whole number from 0 to `max`; none for anything else. Commas or spaces may stand before every
/// third digit from the end, and nowhere else.
pub fn whole_number(text: &str, max: u64) -> Option<u64> {
    let text = narrow(text);
    let groups: Vec<&str> = text.split([',', ' ', '\u{a0}', '\u{202f}']).collect();
    let (first, rest) = groups.split_first()?;
    let digits = |group: &str| !group.is_empty() && group.bytes().all(|b| b.is_ascii_digit());
    let grouped = rest.is_empty() || first.len() <= GROUP;
    if !digits(first) || !grouped || rest.iter().any(|one| one.len() != GROUP || !digits(one)) {
        return None;
    }
    groups.concat().parse().ok().filter(|number| *number <= max)
}

/// A month, `2026-10`; none for anything else.
pub fn month(text: &str) -> Option<Period> {
    Period::parse(&narrow(text)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_type_for_a_number_is_that_number() {
        for (text, number) in [
            ("0", 0),
            ("9999", 9_999),
            ("９９９９", 9_999),
            ("10,000", 10_000),
            ("１０，０００", 10_000),
            ("1 000 000", 1_000_000),
            (" 12 ", 12),
            ("\u{3000}12\u{3000}", 12),
            ("007", 7),
        ] {
            assert_eq!(whole_number(text, 1_000_000_000), Some(number), "{text}");
        }
    }

    #[test]
    fn anything_else_is_no_number() {
        let junk = [
            "",
            " ",
            "abc",
            "-1",
            "+1",
            "1.5",
            "1,5",
            "1,00,000",
            "1000,000",
            ",100",
            "100,",
            "1e3",
            "一万",
            "9\u{200b}9",
            "0x10",
            "１０．５",
            "99999999999999999999",
        ];
        for text in junk {
            assert_eq!(whole_number(text, u64::MAX), None, "{text}");
        }
        assert_eq!(whole_number("1001", 1000), None);
        assert_eq!(whole_number("1000", 1000), Some(1000));
    }

    #[test]
    fn a_month_is_read_in_either_width() {
        let october = Period::parse("2026-10").ok();
        assert_eq!(month(" 2026-10"), october);
        assert_eq!(month("２０２６－１０"), october);
        for text in ["", "October", "2026-13", "2026-1", "2026/10"] {
            assert_eq!(month(text), None, "{text}");
        }
    }
}
