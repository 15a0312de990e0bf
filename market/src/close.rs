//! The close of a period: a pure function of pinned inputs. Which instants and which counted calls
//! belong to it, each subscription's frozen agreement, each product's split version and what was
//! divided under it so far go in; numbered statements, transfers, divisions and one result hash
//! come out. The same inputs give the same hash on any machine and database.
//!
//! Subscriptions stream through a [`Run`] one at a time, so a close needs memory for its products,
//! not for its buyers.

mod document;

use std::collections::BTreeMap;

use lianshi_registry::{
    entry::{Plan, Purpose},
    id::{DivisionCode, NodeName, RegistrationNumber},
    time::{Period, Timestamp},
    uscc::Uscc,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

pub use document::{
    DIVISION_VERSION, DivisionDocument, DocumentError, STATEMENT_VERSION, StatementDocument,
};

use crate::{
    ledger::{self, Account, LedgerError, Reason, Transfer},
    money::{Amount, Currency, MoneyError},
    rating::{LateUsage, Usage, rate, rate_late},
    split::{self, Agreement as SplitAgreement, SplitError},
    term,
};

/// Why a close cannot be computed: none of these can be caused by a buyer or a caller.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CloseError {
    /// An amount does not fit.
    #[error("subscription `{subscription}`: {source}")]
    Money {
        /// The subscription, or the product.
        subscription: String,
        /// What did not fit.
        source: MoneyError,
    },
    /// A base cannot be divided.
    #[error(transparent)]
    Split(#[from] SplitError),
    /// A transfer cannot be posted.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// What a close is pinned to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inputs {
    /// The node whose books are closed.
    pub node: NodeName,
    /// Its division, part of every statement number.
    pub division: DivisionCode,
    /// The period.
    pub period: Period,
    /// Bound of event time: calls before this instant belong to the period or to an earlier one.
    pub event_to: i64,
    /// Bound of ingestion: the last sequence of the meter that this close saw; later ones are late
    /// usage.
    pub ingest_to: i64,
}

impl Inputs {
    /// Inputs of a period with the meter at `ingest_to`.
    pub fn new(node: NodeName, division: DivisionCode, period: Period, ingest_to: i64) -> Self {
        Self { node, division, period, event_to: period.end().millis(), ingest_to }
    }
}

/// One subscription as its period ends: what was agreed, and what was counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// Its id.
    pub subscription: String,
    /// Hash of the agreement, in hexadecimal.
    pub agreement_hash: String,
    /// The enterprise's node.
    pub home: NodeName,
    /// The enterprise.
    pub buyer: Uscc,
    /// Its name.
    pub buyer_name: String,
    /// Who is paid.
    pub operator: Uscc,
    /// The product.
    pub product: RegistrationNumber,
    /// The plan as agreed.
    pub plan: Plan,
    /// The purpose as agreed.
    pub purpose: Purpose,
    /// First instant of the term.
    pub starts_at: Timestamp,
    /// First instant after it was over: its term or its ending, whichever came first.
    pub ends_at: Timestamp,
    /// What was counted in the period.
    pub usage: Usage,
    /// What arrived for earlier periods since the last close, oldest period first.
    pub late: Vec<LateUsage>,
}

impl Subject {
    /// Whether the period bills the fee of a month of its term.
    pub fn owes_fee_in(&self, period: Period) -> bool {
        term::bills_fee(self.starts_at, self.ends_at, period)
    }
}

/// A statement made by a run, with what is kept and posted for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issued {
    /// The statement.
    pub document: StatementDocument,
    /// Its canonical text.
    pub text: String,
    /// SHA-256 of it.
    pub hash: [u8; 32],
    /// What it posts; nothing for a statement of nothing.
    pub transfer: Option<Transfer>,
}

/// What a product earned in the period.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Earned {
    /// The sum of its statements: what is divided.
    pub base: Amount,
    /// The same by the operator each agreement names; more than one when the product changed hands.
    pub by_operator: BTreeMap<Uscc, Amount>,
}

/// A division made by a run, with what is kept and posted for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Divided {
    /// The division.
    pub document: DivisionDocument,
    /// Its canonical text.
    pub text: String,
    /// SHA-256 of it.
    pub hash: [u8; 32],
    /// What it posts, first the base, then the parts above zero.
    pub transfers: Vec<Transfer>,
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
        }
    }

    /// Rates one subscription. `None` when there is nothing to state: no fee and no call.
    /// Subscriptions must come in the order of their ids, which decides the statement numbers.
    pub fn rate(&mut self, subject: &Subject) -> Result<Option<Issued>, CloseError> {
        let money =
            |source| CloseError::Money { subscription: subject.subscription.clone(), source };
        let charge = &subject.plan.charge;
        let owes_fee = subject.owes_fee_in(self.inputs.period);
        let mut lines = rate(charge, owes_fee, &subject.usage).map_err(money)?;
        for late in &subject.late {
            lines.extend(rate_late(charge, late).map_err(money)?);
        }
        if lines.is_empty() {
            return Ok(None);
        }
        let total = Amount::sum(lines.iter().map(|line| line.amount)).map_err(money)?;
        self.total = self.total.plus(total).map_err(money)?;
        self.earn(subject, total)?;
        self.statement_count += 1;
        self.calls = self.calls.saturating_add(calls_of(subject));
        let number = statement_number(&self.inputs, self.statement_count);
        let document = StatementDocument {
            v: STATEMENT_VERSION,
            number: number.clone(),
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
        };
        let (text, hash) = document.seal_text();
        self.hasher.update(hash);
        let transfer = (total > Amount::ZERO)
            .then(|| {
                Transfer::new(
                    self.purpose(Reason::Fee, number),
                    Account::Receivable(subject.buyer.clone()),
                    Account::Fees(subject.operator.clone()),
                    total,
                )
            })
            .transpose()?;
        Ok(Some(Issued { document, text, hash, transfer }))
    }

    fn earn(&mut self, subject: &Subject, total: Amount) -> Result<(), CloseError> {
        let money =
            |source| CloseError::Money { subscription: subject.product.to_string(), source };
        let earned = self.earned.entry(subject.product.clone()).or_default();
        earned.base = earned.base.plus(total).map_err(money)?;
        let of_operator = earned.by_operator.entry(subject.operator.clone()).or_default();
        *of_operator = of_operator.plus(total).map_err(money)?;
        Ok(())
    }

    /// What each product earned, in the order of product numbers; complete when every subscription
    /// was rated.
    pub fn earned(&self) -> &BTreeMap<RegistrationNumber, Earned> {
        &self.earned
    }

    /// Divides what a product earned, after `so_far` was divided under the same agreement version.
    /// Products must come in the order of [`Run::earned`]; one that earned nothing is not divided.
    pub fn divide(
        &mut self,
        product: &RegistrationNumber,
        agreement: &SplitAgreement,
        so_far: Amount,
    ) -> Result<Option<Divided>, CloseError> {
        let Some(earned) = self.earned.get(product).filter(|earned| earned.base > Amount::ZERO)
        else {
            return Ok(None);
        };
        let parts = split::divide(earned.base, agreement, so_far)?;
        let document = DivisionDocument {
            v: DIVISION_VERSION,
            period: self.inputs.period,
            provider_node: self.inputs.node.clone(),
            product: product.clone(),
            agreement: agreement.id().to_owned(),
            currency: Currency::Cny,
            base: earned.base,
            by_operator: earned.by_operator.clone(),
            parts,
        };
        let mut transfers = Vec::with_capacity(document.parts.len() + 1);
        for (operator, amount) in earned.by_operator.iter().filter(|(_, fen)| **fen > Amount::ZERO)
        {
            transfers.push(Transfer::new(
                self.purpose(Reason::SplitBase, product.to_string()),
                Account::Shares(operator.clone()),
                Account::SplitClearing,
                *amount,
            )?);
        }
        for part in document.parts.iter().filter(|part| part.amount > Amount::ZERO) {
            transfers.push(Transfer::new(
                self.purpose(Reason::SplitPart, product.to_string()),
                Account::SplitClearing,
                Account::Payable(part.party.uscc.clone()),
                part.amount,
            )?);
        }
        let (text, hash) = document.seal_text();
        self.hasher.update(hash);
        Ok(Some(Divided { document, text, hash, transfers }))
    }

    /// Takes a division as an earlier program recorded it, when it still carried fractions of a fen:
    /// its parts are not computed again, but what they divide is compared. Gives whether it fits.
    pub fn take_carried(&mut self, recorded: &DivisionDocument) -> bool {
        let fits = recorded.is_carried()
            && self.earned.get(&recorded.product).is_some_and(|earned| {
                earned.base == recorded.base && earned.by_operator == recorded.by_operator
            });
        self.hasher.update(recorded.seal_text().1);
        fits
    }

    fn purpose(&self, reason: Reason, reference: String) -> ledger::Purpose {
        ledger::Purpose { period: self.inputs.period, reason, reference }
    }

    /// Ends the run.
    pub fn finish(mut self) -> Outcome {
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
        .late
        .iter()
        .map(|late| {
            let sum = |usage: &Usage| usage.values().map(|count| count.calls).sum::<u64>();
            sum(&late.now).saturating_sub(sum(&late.before))
        })
        .sum();
    counted.saturating_add(late)
}

/// The `n`-th statement number of a close, from 1, without gaps: `ST-330212-202610-0000001`.
fn statement_number(inputs: &Inputs, n: u64) -> String {
    let month = inputs.period.to_string().replace('-', "");
    format!("ST-{}-{month}-{n:07}", inputs.division)
}

#[cfg(test)]
mod tests;
