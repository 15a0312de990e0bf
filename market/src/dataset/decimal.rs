//! Decimal numbers as texts: `1.5`, `1.50` and `01.5` are one number, and `9.5` is less than
//! `10.0`. They are never turned into floating point.

use std::cmp::Ordering;

/// The one text of a decimal number as [`crate::guard::is_decimal`] takes it: no zero before it or
/// behind it that says nothing, and no negative zero. Another text is given back as it is.
pub fn canonical(text: &str) -> String {
    let Some((is_negative, whole, places)) = parts(text) else { return text.to_owned() };
    let sign = if is_negative { "-" } else { "" };
    let whole = if whole.is_empty() { "0" } else { whole };
    let point = if places.is_empty() { "" } else { "." };
    format!("{sign}{whole}{point}{places}")
}

/// The order of two decimal numbers; texts that are none are compared as texts.
pub fn compare(one: &str, other: &str) -> Ordering {
    let (Some(first), Some(second)) = (parts(one), parts(other)) else { return one.cmp(other) };
    // Of whole parts without leading zeros the longer is the larger; places compare as texts.
    let size = |(_, whole, places): (bool, &'_ str, &'_ str)| {
        (whole.len(), whole.to_owned(), places.to_owned())
    };
    match (first.0, second.0) {
        (false, false) => size(first).cmp(&size(second)),
        (true, true) => size(second).cmp(&size(first)),
        (is_negative, _) => {
            if is_negative {
                Ordering::Less
            } else {
                Ordering::Greater
            }
        }
    }
}

/// Sign, whole part without leading zeros, and places without trailing ones.
fn parts(text: &str) -> Option<(bool, &str, &str)> {
    if !crate::guard::is_decimal(text) {
        return None;
    }
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, places) = digits.split_once('.').unwrap_or((digits, ""));
    let (whole, places) = (whole.trim_start_matches('0'), places.trim_end_matches('0'));
    let is_zero = whole.is_empty() && places.is_empty();
    Some((text.starts_with('-') && !is_zero, whole, places))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rust_decimal::Decimal;

    use super::*;

    #[test]
    fn one_number_has_one_text() {
        for (text, expected) in [
            ("1.50", "1.5"),
            ("01.5", "1.5"),
            ("-0.0", "0"),
            ("-0", "0"),
            ("007", "7"),
            ("-10.00", "-10"),
            ("0.05", "0.05"),
            ("1e3", "1e3"),
            ("", ""),
        ] {
            assert_eq!(canonical(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn texts_compare_as_their_numbers(
            one in "-?[0-9]{1,8}(\\.[0-9]{1,8})?",
            other in "-?[0-9]{1,8}(\\.[0-9]{1,8})?",
        ) {
            let number = |text: &str| text.parse::<Decimal>().expect("a number");
            prop_assert_eq!(compare(&one, &other), number(&one).cmp(&number(&other)));
            prop_assert_eq!(number(&canonical(&one)), number(&one));
            let same = canonical(&one) == canonical(&other);
            prop_assert_eq!(same, number(&one) == number(&other));
        }
    }
}
