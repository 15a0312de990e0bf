//! What goes into a close: the bounds it is pinned to, and one subscription after another as its
//! period ends.

use lianshi_registry::{
    entry::{Plan, Purpose},
    id::{DivisionCode, NodeName, RegistrationNumber},
    time::{Period, Timestamp},
    uscc::Uscc,
};
use serde::{Deserialize, Serialize};

use crate::{
    rating::{LateUsage, Usage},
    term,
};

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

    /// The series its statements are numbered in, such as `ST-330212-202610`.
    pub fn series(&self) -> String {
        format!("ST-{}-{}", self.division, self.period.to_string().replace('-', ""))
    }
}

/// One subscription as its period ends: what was agreed, and what was counted. A close keeps it as
/// it rated it: computing the close again reads that, and nothing that may have changed since.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
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
    /// Earlier months that were set aside, oldest first; none of them is in `late`.
    pub owed: Vec<LateUsage>,
}

impl Subject {
    /// Whether the period bills the fee of a month of its term.
    pub fn owes_fee_in(&self, period: Period) -> bool {
        term::bills_fee(self.starts_at, self.ends_at, period)
    }
}
