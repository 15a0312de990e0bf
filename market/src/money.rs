//! Money: whole fen in 64 bits with a currency beside it, 128 bits in between, checked arithmetic
//! only. Unit prices are finer than a fen (`registry::price`); the one place where they become fen
//! is [`charge`], which rounds half-up once.

use std::fmt;

use lianshi_registry::price::Price;
use rust_decimal::{Decimal, prelude::ToPrimitive as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// Micro-yuan of one fen.
pub const MICRO_PER_FEN: i128 = 10_000;
/// Fen of one yuan.
pub const FEN_PER_YUAN: i64 = 100;

/// Why a sum of money could not be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// More than 64 bits of fen: 9.2e16 yuan.
    #[error("the amount does not fit 64 bits of fen")]
    Overflow,
    /// Not a decimal number with at most two places.
    #[error("`{0}` is not an amount in yuan with at most two decimal places, such as 12.34")]
    Malformed(String),
    /// Not a currency this version settles in.
    #[error("`{0}` is not a currency of this federation; only CNY is settled")]
    Currency(String),
}

/// A currency. Public-data fees are settled in yuan; the type keeps the column honest when another
/// joins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Currency {
    /// Yuan renminbi.
    #[serde(rename = "CNY")]
    Cny,
}

impl Currency {
    /// Parses the ISO 4217 code.
    pub fn parse(text: &str) -> Result<Self, MoneyError> {
        if text == "CNY" { Ok(Self::Cny) } else { Err(MoneyError::Currency(text.to_owned())) }
    }

    /// The ISO 4217 code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Cny => "CNY",
        }
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// A sum of money in fen. Prints as yuan with exactly two places; in JSON it is that text, never a
/// number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Amount(i64);

impl Amount {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// From fen.
    pub const fn from_fen(fen: i64) -> Self {
        Self(fen)
    }

    /// The fen.
    pub const fn fen(self) -> i64 {
        self.0
    }

    /// Parses yuan with at most two places, as people write them.
    pub fn parse(text: &str) -> Result<Self, MoneyError> {
        let bad = || MoneyError::Malformed(text.to_owned());
        let plain = text.bytes().all(|b| b.is_ascii_digit() || b == b'.' || b == b'-');
        if !plain || text.is_empty() {
            return Err(bad());
        }
        let exact = Decimal::from_str_exact(text).map_err(|_| bad())?;
        if exact.normalize().scale() > 2 {
            return Err(bad());
        }
        let fen = exact.checked_mul(Decimal::from(FEN_PER_YUAN)).ok_or(MoneyError::Overflow)?;
        fen.to_i64().map(Self).ok_or(MoneyError::Overflow)
    }

    /// The sum of both.
    pub fn plus(self, other: Self) -> Result<Self, MoneyError> {
        self.0.checked_add(other.0).map(Self).ok_or(MoneyError::Overflow)
    }

    /// What is left when `other` is taken away.
    pub fn minus(self, other: Self) -> Result<Self, MoneyError> {
        self.0.checked_sub(other.0).map(Self).ok_or(MoneyError::Overflow)
    }

    /// The sum of many.
    pub fn sum(amounts: impl IntoIterator<Item = Self>) -> Result<Self, MoneyError> {
        amounts.into_iter().try_fold(Self::ZERO, Self::plus)
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let fen = self.0.unsigned_abs();
        let yuan = FEN_PER_YUAN.unsigned_abs();
        f.pad(&format!("{sign}{}.{:02}", fen / yuan, fen % yuan))
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let amount = Self::parse(&text).map_err(D::Error::custom)?;
        if amount.to_string() == text {
            Ok(amount)
        } else {
            Err(D::Error::custom(format!("`{text}` is not in the form {amount}")))
        }
    }
}

/// How a line was rounded. The name stands on every line, so that nobody has to guess.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rounding {
    /// Half a fen becomes a whole one (and, below zero, a whole one away from zero).
    HalfUp,
}

/// `quantity` units at `price`, rounded half-up to the fen: the only rounding on the way from a
/// meter to a bill.
pub fn charge(quantity: u64, price: Price) -> Result<Amount, MoneyError> {
    let micro =
        i128::from(quantity).checked_mul(i128::from(price.micro())).ok_or(MoneyError::Overflow)?;
    let fen = round_half_up(micro, MICRO_PER_FEN).ok_or(MoneyError::Overflow)?;
    i64::try_from(fen).map(Amount).map_err(|_| MoneyError::Overflow)
}

/// `numerator / denominator` to the nearest whole, halves away from zero. `None` when the
/// denominator is not positive or 128 bits do not suffice.
pub fn round_half_up(numerator: i128, denominator: i128) -> Option<i128> {
    if denominator <= 0 {
        return None;
    }
    let doubled = numerator.checked_abs()?.checked_mul(2)?.checked_add(denominator)?;
    let rounded = doubled / denominator.checked_mul(2)?;
    Some(if numerator < 0 { -rounded } else { rounded })
}

#[cfg(test)]
mod tests;
