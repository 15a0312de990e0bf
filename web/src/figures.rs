//! How numbers, money and times are printed: thousands separators, fixed places, ISO dates in
//! Asia/Shanghai. The same in both languages; units come from the texts.

use lianshi_registry::{price::Price, time::Timestamp};

/// A whole number with thousands separators: `33,920,000,000`.
pub fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let sign = if number < 0 { "-" } else { "" };
    format!("{sign}{}", group(&digits))
}

fn group(digits: &str) -> String {
    let count = digits.len();
    let mut out = String::with_capacity(count + count / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (count - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// An amount in fen as yuan with two places: `-1,234.05`.
pub fn yuan(fen: i64) -> String {
    let sign = if fen < 0 { "-" } else { "" };
    let fen = fen.unsigned_abs();
    format!("{sign}{}.{:02}", group(&(fen / 100).to_string()), fen % 100)
}

/// A unit price in yuan: two places at least, all six where they say something.
pub fn price(price: Price) -> String {
    let text = price.to_string();
    let (whole, places) = text.split_once('.').unwrap_or((&text, "00"));
    let kept = places.trim_end_matches('0');
    format!("{}.{kept:0<2}", group(whole))
}

/// An instant as people in the business zone read it: `2026-11-21 11:00:05`.
pub fn local_time(at: Timestamp) -> String {
    at.local()
}

/// Parts per million as percent, without idle zeros: `33.3333 %` is `33.3333`, `250000` is `25`.
pub fn percent(ppm: u32) -> String {
    let places = format!("{:04}", ppm % 10_000);
    let kept = places.trim_end_matches('0');
    let whole = ppm / 10_000;
    if kept.is_empty() { whole.to_string() } else { format!("{whole}.{kept}") }
}

/// Bytes as mebibytes with one place, rounded up: `0.1`, `256.0`.
pub fn mebibytes(bytes: u64) -> String {
    let tenths = u128::from(bytes).saturating_mul(10).div_ceil(1024 * 1024);
    format!("{}.{}", group(&(tenths / 10).to_string()), tenths % 10)
}

/// Millionths of a fen as fen, without idle zeros: `3,086.25`.
pub fn fen_exact(millionths: i128) -> String {
    let sign = if millionths < 0 { "-" } else { "" };
    let all = millionths.unsigned_abs();
    let (whole, places) = (group(&(all / 1_000_000).to_string()), all % 1_000_000);
    let places = format!("{places:06}");
    let kept = places.trim_end_matches('0');
    if kept.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{kept}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_money_and_prices_print_exactly() {
        assert_eq!(grouped(33_920_000_000), "33,920,000,000");
        assert_eq!(
            (grouped(0), grouped(999), grouped(-1000)),
            ("0".into(), "999".into(), "-1,000".into())
        );
        assert_eq!(
            (yuan(0), yuan(5), yuan(-123_405)),
            ("0.00".into(), "0.05".into(), "-1,234.05".into())
        );
        let micro = |micro| price(Price::from_micro(micro).expect("in range"));
        assert_eq!(
            (micro(500_000), micro(1), micro(1_200_000_000)),
            ("0.50".into(), "0.000001".into(), "1,200.00".into())
        );
        assert_eq!(
            [3_086_250_000, 7_000_000, -5, 0].map(fen_exact),
            ["3,086.25", "7", "-0.000005", "0"]
        );
        assert_eq!(
            (percent(250_000), percent(333_333), percent(1)),
            ("25".into(), "33.3333".into(), "0.0001".into())
        );
    }

    #[test]
    fn times_are_printed_in_the_business_zone() {
        let at = Timestamp::parse("2026-11-21T17:00:05Z").expect("valid");
        assert_eq!(local_time(at), "2026-11-22 01:00:05");
    }
}
