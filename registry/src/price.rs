//! Unit prices in micro-yuan. In entries and files a price is a decimal text with exactly six
//! places (`"0.500000"`), so that no reader ever turns it into a floating-point number.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// Micro-yuan of one yuan.
pub const MICRO_PER_YUAN: i64 = 1_000_000;
/// Highest unit price, one hundred million yuan: far above any tariff, low enough that a product
/// with a call count fits 128 bits many times over.
pub const PRICE_MICRO_MAX: i64 = 100_000_000 * MICRO_PER_YUAN;

/// Why a text is not a price.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a price in yuan: write it as 0.5 or 0.500000, at most six places, from 0 to 100000000"
)]
pub struct PriceError(String);

/// A unit price: whole micro-yuan, from zero to [`PRICE_MICRO_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Price(i64);

impl Price {
    /// Nothing to pay.
    pub const ZERO: Self = Self(0);

    /// From micro-yuan; `None` outside the range.
    pub fn from_micro(micro: i64) -> Option<Self> {
        (0..=PRICE_MICRO_MAX).contains(&micro).then_some(Self(micro))
    }

    /// Micro-yuan.
    pub const fn micro(self) -> i64 {
        self.0
    }

    /// Parses yuan with up to six decimal places, as people write them.
    pub fn parse(text: &str) -> Result<Self, PriceError> {
        let bad = || PriceError(text.to_owned());
        let (whole, places) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !digits(places) || places.len() > 6 || whole.len() > 9 {
            return Err(bad());
        }
        let whole: i64 = whole.parse().map_err(|_| bad())?;
        let places: i64 = format!("{places:0<6}").parse().map_err(|_| bad())?;
        let micro = whole
            .checked_mul(MICRO_PER_YUAN)
            .and_then(|m| m.checked_add(places))
            .ok_or_else(bad)?;
        Self::from_micro(micro).ok_or_else(bad)
    }
}

/// Exactly six places: `0.500000`.
impl fmt::Display for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06}", self.0 / MICRO_PER_YUAN, self.0 % MICRO_PER_YUAN)
    }
}

impl Serialize for Price {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// In entries and between programs a price has one spelling, with six places: what is signed is
/// bytes. What people write is read by [`Price::parse`].
impl<'de> Deserialize<'de> for Price {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let price = Self::parse(&text).map_err(D::Error::custom)?;
        if price.to_string() == text {
            Ok(price)
        } else {
            Err(D::Error::custom(format!("the price `{text}` is to be written as `{price}`")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_read_and_print_exactly() {
        for (text, micro, printed) in [
            ("0.5", 500_000, "0.500000"),
            ("12", 12_000_000, "12.000000"),
            ("0.000001", 1, "0.000001"),
        ] {
            let price = Price::parse(text).expect(text);
            assert_eq!((price.micro(), price.to_string().as_str()), (micro, printed));
        }
        for text in ["\"0.5\"", "\"00.500000\"", "\"12\"", "0.5", "\"0.5000000\""] {
            assert!(serde_json::from_str::<Price>(text).is_err(), "{text} in an entry");
        }
        let same = serde_json::from_str::<Price>("\"0.500000\"").expect("its one spelling");
        assert_eq!(serde_json::to_string(&same).expect("plain"), "\"0.500000\"");
        for bad in ["", "-1", "0.0000001", "1e3", ".5", "1.", "1,5", "100000001"] {
            assert!(Price::parse(bad).is_err(), "{bad}");
        }
    }
}
