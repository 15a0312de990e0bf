//! What a home node compares before it stands by a statement: every line is derived again, from
//! what the home node holds itself. The agreement gives plan, parties and term; the statements it
//! stood by before give what a late line begins with; the provider's own sealed reports give how
//! much was used. Of the statement only the counts are new, and they are bounded on both sides.

use std::collections::{BTreeMap, BTreeSet};

use lianshi_registry::{
    refusal::Refusal,
    time::{Period, Timestamp},
};
use serde::{Deserialize, Serialize};

use super::{StatementDocument, document::count_of};
use crate::{
    agreement::Agreement,
    message::CLOCK_SKEW_MS,
    money::Amount,
    rating::{Count, LateUsage, LineExplanation, LineKind, RatedLine, Usage, rate, rate_late},
    term,
};

/// What a home node holds itself of a subscription.
#[derive(Debug, Clone)]
pub struct Held<'h> {
    /// The agreement both nodes hold.
    pub agreement: &'h Agreement,
    /// Its hash, in hexadecimal.
    pub agreement_hash: &'h str,
    /// First instant after it was over, by the home node's own record: its term or its ending.
    pub ends_at: Timestamp,
    /// The statements of it that the home node stood by before.
    pub confirmed: &'h [StatementDocument],
    /// Whether the buyer held another subscription to the product, which shares included calls.
    pub shares: bool,
    /// What the provider's sealed reports count, by month.
    pub reported: &'h BTreeMap<Period, Usage>,
    /// The home node's clock.
    pub now: Timestamp,
}

/// Where a statement is not what the home node derives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "difference", rename_all = "snake_case", deny_unknown_fields)]
pub enum Difference {
    /// It names something else than the agreement.
    #[error("`{field}` is {stated}, and agreed is {agreed}")]
    Terms {
        /// The member of the statement.
        field: String,
        /// What was agreed.
        agreed: String,
        /// What is stated.
        stated: String,
    },
    /// Its period is not over.
    #[error("{period} is not over")]
    PeriodAhead {
        /// The period.
        period: Period,
    },
    /// A late line about a month that is not earlier.
    #[error("{period} is no earlier month")]
    NotEarlier {
        /// The month.
        period: Period,
    },
    /// Calls of a month in which the subscription was not in force.
    #[error("the subscription was not in force in {period}")]
    OutsideTerm {
        /// The month.
        period: Period,
    },
    /// A fee that no month of the term begins in.
    #[error("no fee is due for {period}")]
    FeeNotDue {
        /// The month.
        period: Period,
    },
    /// Plan and counts give other lines.
    #[error("plan and counts give {expected} for {period}, and {stated} is stated")]
    Lines {
        /// The month.
        period: Period,
        /// What the lines stated sum to.
        stated: Amount,
        /// What they are by the plan.
        expected: Amount,
    },
    /// The plan includes another number of calls than were given free.
    #[error("{given} calls of {period} were free, and the plan includes {due} of them")]
    Included {
        /// The month.
        period: Period,
        /// Calls that cost nothing.
        given: u64,
        /// How many the plan includes.
        due: u64,
    },
    /// A late line begins with another count than was billed before.
    #[error("{} calls of `{operation}` were billed for {period} before, not {}", billed.calls, stated.calls)]
    LateBase {
        /// The month.
        period: Period,
        /// The operation.
        operation: String,
        /// Billed by the statements held.
        billed: Count,
        /// Said to be billed.
        stated: Count,
    },
    /// The fee of a month that a statement was taken for already.
    #[error("{period} was billed before")]
    BilledBefore {
        /// The month.
        period: Period,
    },
    /// More than the provider itself reported.
    #[error("{} calls of `{operation}` in {period} are stated and {} reported", stated.calls, reported.calls)]
    MoreThanReported {
        /// The month.
        period: Period,
        /// The operation.
        operation: String,
        /// Billed.
        stated: Count,
        /// Reported under the provider's seal.
        reported: Count,
    },
}

impl Difference {
    /// Whether a person may stand by the statement all the same. What contradicts the agreement is
    /// refused, and what is stated too early is stated again.
    pub const fn is_for_a_person(&self) -> bool {
        !matches!(self, Self::Terms { .. } | Self::PeriodAhead { .. } | Self::NotEarlier { .. })
    }

    /// The operation it is about, where it is about one.
    pub fn operation(&self) -> Option<&str> {
        match self {
            Self::LateBase { operation, .. } | Self::MoreThanReported { operation, .. } => {
                Some(operation)
            }
            _ => None,
        }
    }
}

impl Refusal for Difference {
    fn code(&self) -> &'static str {
        match self {
            Self::Terms { .. } => "statement.not_as_agreed",
            Self::PeriodAhead { .. } => "statement.period_ahead",
            Self::NotEarlier { .. } => "statement.not_earlier",
            Self::OutsideTerm { .. } => "statement.outside_term",
            Self::FeeNotDue { .. } => "statement.fee_not_due",
            Self::Lines { .. } => "statement.other_lines",
            Self::Included { .. } => "statement.included_calls",
            Self::LateBase { .. } => "statement.late_base",
            Self::BilledBefore { .. } => "statement.billed_before",
            Self::MoreThanReported { .. } => "statement.more_than_reported",
        }
    }
}

impl StatementDocument {
    /// Compares a statement with what the home node derives; gives the first difference.
    pub fn compare(&self, held: &Held<'_>) -> Result<(), Difference> {
        self.compare_terms(held)?;
        if self.period.end() > held.now.plus_millis(CLOCK_SKEW_MS) {
            return Err(Difference::PeriodAhead { period: self.period });
        }
        let (late, of_period): (Vec<&RatedLine>, Vec<&RatedLine>) =
            self.lines.iter().partition(|line| month_of(line).is_some());
        if !of_period.is_empty() {
            self.compare_month(held, &of_period)?;
        }
        let months: BTreeSet<Period> = late.iter().filter_map(|line| month_of(line)).collect();
        for month in months {
            let of_month = |line: &&&RatedLine| month_of(line) == Some(month);
            let lines: Vec<&RatedLine> = late.iter().filter(of_month).copied().collect();
            self.compare_late(held, month, &lines)?;
        }
        Ok(())
    }

    fn compare_terms(&self, held: &Held<'_>) -> Result<(), Difference> {
        let Agreement { terms, .. } = held.agreement;
        let agreed = held.agreement;
        let fields: [(&str, String, String); 11] = [
            ("subscription", agreed.subscription.to_string(), self.subscription.clone()),
            ("agreement_hash", held.agreement_hash.to_owned(), self.agreement_hash.clone()),
            ("provider_node", agreed.provider.to_string(), self.provider_node.to_string()),
            ("home_node", agreed.home.to_string(), self.home_node.to_string()),
            ("buyer", agreed.buyer.to_string(), self.buyer.to_string()),
            ("buyer_name", agreed.buyer_name.clone(), self.buyer_name.clone()),
            ("operator", agreed.operator.to_string(), self.operator.to_string()),
            ("product", agreed.product.to_string(), self.product.to_string()),
            ("plan", terms.plan.code.clone(), self.plan.clone()),
            ("plan_name", format!("{:?}", terms.plan.name), format!("{:?}", self.plan_name)),
            ("purpose", format!("{:?}", terms.purpose), format!("{:?}", self.purpose)),
        ];
        let other = fields.into_iter().find(|(_, agreed, stated)| agreed != stated);
        other.map_or(Ok(()), |(field, agreed, stated)| {
            Err(Difference::Terms { field: field.to_owned(), agreed, stated })
        })
    }

    /// The lines of the period itself.
    fn compare_month(&self, held: &Held<'_>, lines: &[&RatedLine]) -> Result<(), Difference> {
        let period = self.period;
        // What was stated late of a month that had no statement is not stated again.
        if !held.billed(period).is_empty() || held.has_late_fee(period) {
            return Err(Difference::BilledBefore { period });
        }
        let fee = lines.iter().any(|line| line.kind == LineKind::MonthlyFee);
        if fee && !term::bills_fee(held.agreement.starts_at, held.ends_at, period) {
            return Err(Difference::FeeNotDue { period });
        }
        let usage: Usage = lines
            .iter()
            .filter_map(|line| Some((line.operation.clone(), count_of(&line.explanation)?)))
            .collect();
        held.compare_usage(period, &usage)?;
        let expected = rate(&held.agreement.terms.plan.charge, fee, &usage);
        same_lines(period, lines, expected.unwrap_or_default())
    }

    /// The lines about one earlier month.
    fn compare_late(
        &self,
        held: &Held<'_>,
        period: Period,
        lines: &[&RatedLine],
    ) -> Result<(), Difference> {
        if period >= self.period {
            return Err(Difference::NotEarlier { period });
        }
        let fee_due = lines.iter().any(|line| line.kind == LineKind::LateFee);
        let before = held.billed(period);
        let mut now = before.clone();
        for line in lines {
            let LineExplanation::Late { before: said, now: counted, .. } = &line.explanation else {
                continue;
            };
            let operation = line.operation.clone();
            let billed = before.get(&operation).copied().unwrap_or_default();
            if billed != *said {
                return Err(Difference::LateBase { period, operation, billed, stated: *said });
            }
            now.insert(operation, *counted);
        }
        if fee_due {
            let is_stated = |earlier: &StatementDocument| earlier.period == period;
            if held.confirmed.iter().any(is_stated) || held.has_late_fee(period) {
                return Err(Difference::BilledBefore { period });
            }
            if !term::bills_fee(held.agreement.starts_at, held.ends_at, period) {
                return Err(Difference::FeeNotDue { period });
            }
        }
        held.compare_usage(period, &now)?;
        let late = LateUsage { period, fee_due, before, now };
        let expected = rate_late(&held.agreement.terms.plan.charge, &late);
        same_lines(period, lines, expected.unwrap_or_default())
    }
}

impl Held<'_> {
    /// Counts of a month: it lies in the term, they are no more than was reported, and the calls
    /// that the plan includes were free.
    fn compare_usage(&self, period: Period, usage: &Usage) -> Result<(), Difference> {
        let calls: u64 = usage.values().map(|count| count.calls).sum();
        let in_force = period.start() < self.ends_at && self.agreement.starts_at < period.end();
        if calls > 0 && !in_force {
            return Err(Difference::OutsideTerm { period });
        }
        let nothing = Usage::new();
        let reports = self.reported.get(&period).unwrap_or(&nothing);
        for (operation, stated) in usage {
            let reported = reports.get(operation).copied().unwrap_or_default();
            let is_more = stated.calls > reported.calls || stated.units > reported.units;
            if is_more || stated.units > stated.calls {
                let (operation, stated) = (operation.clone(), *stated);
                return Err(Difference::MoreThanReported { period, operation, stated, reported });
            }
        }
        let charge = &self.agreement.terms.plan.charge;
        let given: u64 = usage.values().map(|count| count.included()).sum();
        let due = calls.saturating_sub(Count::of_month(charge, calls).units);
        // All of them, or no more where another subscription shares them.
        if given == due || self.shares && given < due {
            Ok(())
        } else {
            Err(Difference::Included { period, given, due })
        }
    }

    /// Whether a statement held charged the fee of a month late.
    fn has_late_fee(&self, month: Period) -> bool {
        self.confirmed.iter().any(|earlier| earlier.late_fees().any(|fee| fee == month))
    }

    /// What the statements held billed of a month, the newest word on each operation.
    fn billed(&self, month: Period) -> Usage {
        let mut confirmed: Vec<&StatementDocument> = self.confirmed.iter().collect();
        confirmed.sort_by_key(|statement| statement.period);
        let mut billed = Usage::new();
        for statement in confirmed {
            for line in &statement.lines {
                let count = match &line.explanation {
                    LineExplanation::Late { period, now, .. } if *period == month => Some(*now),
                    of_period if statement.period == month => count_of(of_period),
                    _ => None,
                };
                if let Some(count) = count {
                    billed.insert(line.operation.clone(), count);
                }
            }
        }
        billed
    }
}

/// The earlier month a line is about; `None` for a line of the period itself.
const fn month_of(line: &RatedLine) -> Option<Period> {
    match &line.explanation {
        LineExplanation::Late { period, .. } | LineExplanation::LateFee { period, .. } => {
            Some(*period)
        }
        _ => None,
    }
}

fn same_lines(
    period: Period,
    stated: &[&RatedLine],
    expected: Vec<RatedLine>,
) -> Result<(), Difference> {
    if expected.iter().eq(stated.iter().copied()) {
        return Ok(());
    }
    let sum = |lines: &mut dyn Iterator<Item = Amount>| {
        Amount::sum(lines).unwrap_or(Amount::from_fen(i64::MAX))
    };
    Err(Difference::Lines {
        period,
        stated: sum(&mut stated.iter().map(|line| line.amount)),
        expected: sum(&mut expected.iter().map(|line| line.amount)),
    })
}

#[cfg(test)]
mod tests;
