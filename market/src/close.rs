//! The close of a period: a pure function of pinned inputs. Which instants and which counted calls
//! belong to it, each subscription's frozen agreement, each product's split version and what was
//! divided under it so far go in; numbered statements, transfers, divisions and one result hash
//! come out. The same inputs give the same hash on any machine and database.
//!
//! Subscriptions stream through a [`Run`] one at a time, so a close needs memory for its products,
//! not for its buyers.

mod compare;
mod copy;
mod document;
mod inputs;
mod objection;
mod parked;
mod posting;

use std::collections::BTreeMap;

use lianshi_registry::{id::RegistrationNumber, time::Period, uscc::Uscc};
use sha2::{Digest as _, Sha256};

pub use compare::{Difference, Held};
pub use copy::{COPY_VERSION, CopyDocument};
pub use document::{
    DIVISION_VERSION, DivisionDocument, DocumentError, LINES_MAX, PARTS_MAX, STATEMENT_VERSION,
    StatementDocument,
};
pub use inputs::{Inputs, Subject};
pub use objection::{OBJECTION_VERSION, ObjectionDocument, WaitingState};
pub use parked::{ParkReason, Parked, ParkedKind};

use crate::{
    ledger::LedgerError,
    money::{Amount, Currency, MoneyError},
    rating::{RatedLine, Usage, rate, rate_late},
    split::{self, Agreement as SplitAgreement, SplitError},
};

/// Most fen one close may invoice: ten trillion yuan. The sums of every account then fit 64 bits
/// for two hundred years, and one absurd statement is set aside instead of stopping all others.
pub const CLOSE_TOTAL_MAX: Amount = Amount::from_fen(1_000_000_000_000_000);

/// Why one subscription or product cannot be computed. The close parks it and goes on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CloseError {
    /// An amount does not fit.
    #[error("subscription `{subscription}`: {source}")]
    Money {
        /// The subscription.
        subscription: String,
        /// What did not fit.
        source: MoneyError,
    },
    /// The close would invoice more than it may.
    #[error("subscription `{subscription}` would bring the close above {CLOSE_TOTAL_MAX} yuan")]
    TooMuch {
        /// The subscription.
        subscription: String,
    },
    /// A statement that nobody could read.
    #[error("subscription `{subscription}` comes to {lines} lines, more than {LINES_MAX}")]
    Lines {
        /// The subscription.
        subscription: String,
        /// How many.
        lines: usize,
    },
    /// A base cannot be divided.
    #[error(transparent)]
    Split(#[from] SplitError),
    /// A document that nobody would take.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// A transfer cannot be posted.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// A statement made by a run, as it is kept; the document says what it posts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issued {
    /// The statement.
    pub document: StatementDocument,
    /// Its canonical text.
    pub text: String,
    /// SHA-256 of it.
    pub hash: [u8; 32],
}

/// What a product earned in the period.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Earned {
    /// The sum of its statements: what is divided.
    pub base: Amount,
    /// The same by the operator each agreement names; more than one when the product changed hands.
    pub by_operator: BTreeMap<Uscc, Amount>,
}

impl Earned {
    /// With one more statement of an operator.
    fn plus(&self, operator: &Uscc, total: Amount) -> Result<Self, MoneyError> {
        let mut earned = self.clone();
        earned.base = earned.base.plus(total)?;
        let of_operator = earned.by_operator.entry(operator.clone()).or_default();
        *of_operator = of_operator.plus(total)?;
        Ok(earned)
    }
}

/// What is to be divided: what a product earned in this period, or in one whose division was set
/// aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Takings {
    /// The period it was earned in; its split agreement governs.
    pub period: Period,
    /// The product.
    pub product: RegistrationNumber,
    /// How much.
    pub earned: Earned,
}

impl Takings {
    /// What of it was invoiced for some operators.
    pub fn of(&self, is_one: impl Fn(&Uscc) -> bool) -> Result<Self, MoneyError> {
        let by_operator: BTreeMap<Uscc, Amount> = self
            .earned
            .by_operator
            .iter()
            .filter(|(operator, _)| is_one(operator))
            .map(|(operator, amount)| (operator.clone(), *amount))
            .collect();
        let base = Amount::sum(by_operator.values().copied())?;
        let (period, product) = (self.period, self.product.clone());
        Ok(Self { period, product, earned: Earned { base, by_operator } })
    }
}

/// A division made by a run, as it is kept; the document says what it posts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Divided {
    /// The division.
    pub document: DivisionDocument,
    /// Its canonical text.
    pub text: String,
    /// SHA-256 of it.
    pub hash: [u8; 32],
}

/// What a close came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// How many statements.
    pub statement_count: u64,
    /// What they sum to.
    pub total: Amount,
    /// Calls on their lines, late ones included.
    pub calls: u64,
    /// SHA-256 over inputs, statements and divisions.
    pub result_hash: [u8; 32],
}

/// A close under way.
#[derive(Debug, Clone)]
pub struct Run {
    inputs: Inputs,
    hasher: Sha256,
    statement_count: u64,
    total: Amount,
    calls: u64,
    earned: BTreeMap<RegistrationNumber, Earned>,
    parked: Vec<Parked>,
}

impl Run {
    /// Begins with pinned inputs.
    pub fn begin(inputs: Inputs) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(b"lianshi/close/v1\n");
        hasher.update(document::canonical(&inputs));
        hasher.update(b"\n");
        Self {
            inputs,
            hasher,
            statement_count: 0,
            total: Amount::ZERO,
            calls: 0,
            earned: BTreeMap::new(),
            parked: Vec::new(),
        }
    }

    /// Rates one subscription. `None` when there is nothing to state: no fee and no call. An error
    /// leaves the run as it was. Subscriptions must come in the order of their ids, which decides
    /// the statement numbers.
    pub fn rate(&mut self, subject: &Subject) -> Result<Option<Issued>, CloseError> {
        let id = || subject.subscription.clone();
        let money = |source| CloseError::Money { subscription: id(), source };
        let charge = &subject.plan.charge;
        let owes_fee = subject.owes_fee_in(self.inputs.period);
        let mut lines = rate(charge, owes_fee, &subject.usage).map_err(money)?;
        for late in subject.owed.iter().chain(&subject.late) {
            lines.extend(rate_late(charge, late).map_err(money)?);
        }
        if lines.is_empty() {
            return Ok(None);
        }
        if lines.len() > LINES_MAX {
            return Err(CloseError::Lines { subscription: id(), lines: lines.len() });
        }
        let total = Amount::sum(lines.iter().map(|line| line.amount)).map_err(money)?;
        let sum = self.total.plus(total).map_err(money)?;
        if sum > CLOSE_TOTAL_MAX {
            return Err(CloseError::TooMuch { subscription: id() });
        }
        let number = statement_number(&self.inputs, self.statement_count + 1);
        let document = self.statement(subject, number, (lines, total));
        document.transfer()?;
        let earned = self.earned.get(&subject.product).cloned().unwrap_or_default();
        let earned = earned.plus(&subject.operator, total).map_err(money)?;
        let (text, hash) = document.seal_text();
        // Once sealed it must be read by everybody, this node first.
        StatementDocument::read(text.as_bytes())?;
        self.earned.insert(subject.product.clone(), earned);
        self.total = sum;
        self.statement_count += 1;
        self.calls = self.calls.saturating_add(calls_of(subject));
        self.hasher.update(hash);
        Ok(Some(Issued { document, text, hash }))
    }

    /// Takes a statement as it was recorded by a program that did not keep what it rated: what
    /// follows from it is compared, its lines are not computed again. Gives whether it has the next
    /// number of this close.
    pub fn take_recorded(&mut self, document: &StatementDocument) -> bool {
        let number = statement_number(&self.inputs, self.statement_count + 1);
        let earned = self.earned.entry(document.product.clone()).or_default();
        let sums = earned.plus(&document.operator, document.total).and_then(|earned| {
            let total = self.total.plus(document.total)?;
            Ok((earned, total))
        });
        let Ok((sum, total)) = sums else { return false };
        *earned = sum;
        self.total = total;
        self.statement_count += 1;
        self.calls = self.calls.saturating_add(document.calls());
        self.hasher.update(document.seal_text().1);
        document.number == number
    }

    fn statement(
        &self,
        subject: &Subject,
        number: String,
        (lines, total): (Vec<RatedLine>, Amount),
    ) -> StatementDocument {
        StatementDocument {
            v: STATEMENT_VERSION,
            number,
            period: self.inputs.period,
            provider_node: self.inputs.node.clone(),
            home_node: subject.home.clone(),
            subscription: subject.subscription.clone(),
            agreement_hash: subject.agreement_hash.clone(),
            buyer: subject.buyer.clone(),
            buyer_name: subject.buyer_name.clone(),
            operator: subject.operator.clone(),
            product: subject.product.clone(),
            plan: subject.plan.code.clone(),
            plan_name: subject.plan.name.clone(),
            purpose: subject.purpose,
            currency: Currency::Cny,
            lines,
            total,
        }
    }

    /// What each product that earned anything is to divide, in the order of product numbers;
    /// complete when every subscription was rated.
    pub fn takings(&self) -> Vec<Takings> {
        self.earned
            .iter()
            .filter(|(_, earned)| earned.base > Amount::ZERO)
            .map(|(product, earned)| Takings {
                period: self.inputs.period,
                product: product.clone(),
                earned: earned.clone(),
            })
            .collect()
    }

    /// Divides what a product earned, after `so_far` was divided under the same agreement version.
    /// What waits from earlier periods comes first, then this period's, each in the order of
    /// products. An error leaves the run as it was.
    pub fn divide(
        &mut self,
        takings: &Takings,
        agreement: &SplitAgreement,
        so_far: Amount,
    ) -> Result<Divided, CloseError> {
        let Takings { period, product, earned } = takings;
        let document = DivisionDocument {
            v: DIVISION_VERSION,
            period: *period,
            provider_node: self.inputs.node.clone(),
            product: product.clone(),
            agreement: agreement.id().to_owned(),
            currency: Currency::Cny,
            base: earned.base,
            by_operator: earned.by_operator.clone(),
            parts: split::divide(earned.base, agreement, so_far)?,
        };
        document.transfers(self.inputs.period)?;
        let (text, hash) = document.seal_text();
        DivisionDocument::read(text.as_bytes())?;
        self.hasher.update(hash);
        Ok(Divided { document, text, hash })
    }

    /// Sets one thing aside.
    pub fn park(&mut self, parked: Parked) {
        self.parked.push(parked);
    }

    /// Takes a division as an earlier program recorded it, when it still carried fractions of a
    /// fen: its parts are not computed again, but what they divide is compared. Gives whether it
    /// fits.
    pub fn take_carried(&mut self, recorded: &DivisionDocument) -> bool {
        let fits = recorded.is_carried()
            && self.earned.get(&recorded.product).is_some_and(|earned| {
                earned.base == recorded.base && earned.by_operator == recorded.by_operator
            });
        self.hasher.update(recorded.seal_text().1);
        fits
    }

    /// Ends the run.
    pub fn finish(mut self) -> Outcome {
        self.parked.sort();
        for parked in &self.parked {
            self.hasher.update(b"parked\n");
            self.hasher.update(document::canonical(parked));
        }
        self.hasher.update(self.statement_count.to_be_bytes());
        self.hasher.update(self.total.fen().to_be_bytes());
        Outcome {
            statement_count: self.statement_count,
            total: self.total,
            calls: self.calls,
            result_hash: self.hasher.finalize().into(),
        }
    }
}

fn calls_of(subject: &Subject) -> u64 {
    let counted = subject.usage.values().map(|count| count.calls).sum::<u64>();
    let late: u64 = subject
        .owed
        .iter()
        .chain(&subject.late)
        .map(|late| {
            let sum = |usage: &Usage| usage.values().map(|count| count.calls).sum::<u64>();
            sum(&late.now).saturating_sub(sum(&late.before))
        })
        .sum();
    counted.saturating_add(late)
}

/// The `n`-th statement number of a close, from 1, without gaps: `ST-330212-202610-0000001`.
pub fn statement_number(inputs: &Inputs, n: u64) -> String {
    format!("{}-{n:07}", inputs.series())
}

#[cfg(test)]
mod tests;
