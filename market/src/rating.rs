//! Rating: from a plan and counted calls to the lines of a bill. A fee for each month of the term,
//! a fee for each call beyond the included ones, or nothing; every counted call stands on exactly
//! one line, and every line says how it came about. Which calls are included is the meter's word:
//! the buyer's first ones of the month, over all its subscriptions to the product.

use std::collections::{BTreeMap, BTreeSet};

use lianshi_registry::{entry::Charge, price::Price, time::Period};
use serde::{Deserialize, Serialize};

use crate::money::{Amount, MoneyError, Rounding, charge};

/// What was counted of one operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Count {
    /// Answered calls.
    pub calls: u64,
    /// Units they are charged for: one for each call, none for a call that is included.
    pub units: u64,
}

impl Count {
    /// Calls of a month in which the buyer uses the product through no other subscription.
    pub fn of_month(plan: &Charge, calls: u64) -> Self {
        Self { calls, units: calls.saturating_sub(plan.included_calls()) }
    }

    /// Calls that cost nothing because the plan includes them.
    pub const fn included(self) -> u64 {
        self.calls.saturating_sub(self.units)
    }

    /// Both together; saturates far beyond any meter.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            calls: self.calls.saturating_add(other.calls),
            units: self.units.saturating_add(other.units),
        }
    }
}

/// Counts by operation of one subscription in one month.
pub type Usage = BTreeMap<String, Count>;

/// What a line is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LineKind {
    /// The fee of a month.
    MonthlyFee,
    /// Calls of this period.
    Calls,
    /// Calls of an earlier period that arrived after its close.
    LateCalls,
    /// The fee of an earlier month that could not be stated in its close.
    LateFee,
}

impl LineKind {
    /// The name in tables and files.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MonthlyFee => "monthly_fee",
            Self::Calls => "calls",
            Self::LateCalls => "late_calls",
            Self::LateFee => "late_fee",
        }
    }

    /// Parses the name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::MonthlyFee, Self::Calls, Self::LateCalls, Self::LateFee]
            .into_iter()
            .find(|kind| kind.as_str() == text)
    }
}

/// How a line came about: everything needed to compute it again and to explain it in any language.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "rule", rename_all = "snake_case", deny_unknown_fields)]
pub enum LineExplanation {
    /// The plan charges nothing.
    Free {
        /// What was counted.
        count: Count,
    },
    /// The fee of a month of the term.
    MonthlyFee {
        /// Yuan per month.
        price: Price,
        /// How fractions of a fen were treated.
        rounding: Rounding,
    },
    /// Calls paid by the month's fee.
    InsideMonthlyFee {
        /// What was counted.
        count: Count,
    },
    /// Calls charged one by one: (`count.calls` − `included`) × `price`.
    PerCall {
        /// What was counted.
        count: Count,
        /// Calls of this operation that were among the buyer's first ones of the month, which the
        /// plan includes.
        included: u64,
        /// Units charged.
        charged: u64,
        /// Yuan per unit.
        price: Price,
        /// How fractions of a fen were treated.
        rounding: Rounding,
    },
    /// Late calls: what the month costs with them, less what it cost without.
    Late {
        /// The month they belong to.
        period: Period,
        /// Counted for the month before these arrived.
        before: Count,
        /// Counted with them.
        now: Count,
        /// What this operation cost in that month before.
        amount_before: Amount,
        /// What it costs with them.
        amount_now: Amount,
    },
    /// The fee of an earlier month, stated late.
    LateFee {
        /// The month.
        period: Period,
        /// Yuan per month.
        price: Price,
        /// How fractions of a fen were treated.
        rounding: Rounding,
    },
}

/// One line of a bill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RatedLine {
    /// What it is for.
    pub kind: LineKind,
    /// The operation, empty for a monthly fee.
    pub operation: String,
    /// Calls, or 1 month.
    pub quantity: u64,
    /// Yuan per unit; zero where nothing is charged.
    pub price: Price,
    /// What it costs.
    pub amount: Amount,
    /// How it came about.
    pub explanation: LineExplanation,
}

/// Rates one subscription in one month. `owes_fee` tells that a month of its term is billed in it
/// ([`crate::term::bills_fee`]).
pub fn rate(plan: &Charge, owes_fee: bool, usage: &Usage) -> Result<Vec<RatedLine>, MoneyError> {
    let mut lines = Vec::with_capacity(usage.len() + 1);
    if let (Charge::FlatMonthly { price }, true) = (plan, owes_fee) {
        lines.push(RatedLine {
            kind: LineKind::MonthlyFee,
            operation: String::new(),
            quantity: 1,
            price: *price,
            amount: charge(1, *price)?,
            explanation: LineExplanation::MonthlyFee { price: *price, rounding: Rounding::HalfUp },
        });
    }
    for (operation, count) in usage.iter().filter(|(_, count)| **count != Count::default()) {
        lines.push(rate_calls(plan, operation, *count)?);
    }
    Ok(lines)
}

fn rate_calls(plan: &Charge, operation: &str, count: Count) -> Result<RatedLine, MoneyError> {
    let (price, amount, explanation) = match plan {
        Charge::Free => (Price::ZERO, Amount::ZERO, LineExplanation::Free { count }),
        Charge::FlatMonthly { .. } => {
            (Price::ZERO, Amount::ZERO, LineExplanation::InsideMonthlyFee { count })
        }
        Charge::PerCall { price, .. } => {
            let (included, charged) = (count.included(), count.units);
            let rounding = Rounding::HalfUp;
            let explanation =
                LineExplanation::PerCall { count, included, charged, price: *price, rounding };
            (*price, charge(charged, *price)?, explanation)
        }
    };
    Ok(RatedLine {
        kind: LineKind::Calls,
        operation: operation.to_owned(),
        quantity: count.calls,
        price,
        amount,
        explanation,
    })
}

/// Usage of a closed month that was not billed in its close: it arrived later, or the month was
/// set aside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LateUsage {
    /// The month it belongs to.
    pub period: Period,
    /// Nothing of the month was billed, and it bills a fee: that fee is due.
    pub fee_due: bool,
    /// What had been counted for that month when it was last billed.
    pub before: Usage,
    /// What is counted for it now.
    pub now: Usage,
}

/// Rates late usage: each line is the difference of the month's two ratings, so that the month
/// costs in the end what it would have cost at once. Never negative: more calls never cost less.
pub fn rate_late(plan: &Charge, late: &LateUsage) -> Result<Vec<RatedLine>, MoneyError> {
    let before = by_operation(rate(plan, false, &late.before)?);
    let now = by_operation(rate(plan, false, &late.now)?);
    let operations: BTreeSet<&String> = before.keys().chain(now.keys()).collect();
    let mut lines = Vec::new();
    if let (Charge::FlatMonthly { price }, true) = (plan, late.fee_due) {
        let (period, price, rounding) = (late.period, *price, Rounding::HalfUp);
        lines.push(RatedLine {
            kind: LineKind::LateFee,
            operation: String::new(),
            quantity: 1,
            price,
            amount: charge(1, price)?,
            explanation: LineExplanation::LateFee { period, price, rounding },
        });
    }
    for operation in operations {
        let count_before = late.before.get(operation).copied().unwrap_or_default();
        let count_now = late.now.get(operation).copied().unwrap_or_default();
        let amount_before = before.get(operation).map_or(Amount::ZERO, |line| line.amount);
        let amount_now = now.get(operation).map_or(Amount::ZERO, |line| line.amount);
        if count_before == count_now && amount_before == amount_now {
            continue;
        }
        lines.push(RatedLine {
            kind: LineKind::LateCalls,
            operation: operation.clone(),
            quantity: count_now.calls.saturating_sub(count_before.calls),
            price: now.get(operation).map_or(Price::ZERO, |line| line.price),
            amount: amount_now.minus(amount_before)?,
            explanation: LineExplanation::Late {
                period: late.period,
                before: count_before,
                now: count_now,
                amount_before,
                amount_now,
            },
        });
    }
    Ok(lines)
}

fn by_operation(lines: Vec<RatedLine>) -> BTreeMap<String, RatedLine> {
    lines.into_iter().map(|line| (line.operation.clone(), line)).collect()
}

#[cfg(test)]
mod tests;
