//! What a close sets aside: one subscription or one product whose money cannot be computed never
//! stops the close of the others. It is parked with its reason, shown to finance, and tried again
//! by every close that follows, until it comes out.

use std::{collections::BTreeMap, fmt};

use lianshi_registry::{time::Period, uscc::Uscc};
use serde::Serialize;

use super::CloseError;
use crate::money::Amount;

/// What is set aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ParkedKind {
    /// The statement of a subscription for a month: nothing is invoiced yet.
    Statement,
    /// The division of what a product earned in a month: invoiced, and not divided yet.
    Division,
}

impl ParkedKind {
    /// The name in tables and texts.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Statement => "statement",
            Self::Division => "division",
        }
    }

    /// Parses the name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Statement, Self::Division].into_iter().find(|kind| kind.as_str() == text)
    }
}

/// Why something is set aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ParkReason {
    /// An amount is larger than the books hold.
    Amount,
    /// More lines than a statement may have.
    Lines,
    /// The shares cannot be handed out.
    Split,
    /// The product is not in the catalog.
    ProductUnknown,
    /// What is stored cannot be read.
    Unreadable,
    /// Calls were counted for a subscription without a contract that is billed.
    NoContract,
}

impl ParkReason {
    /// Every reason.
    pub const ALL: [Self; 6] = [
        Self::Amount,
        Self::Lines,
        Self::Split,
        Self::ProductUnknown,
        Self::Unreadable,
        Self::NoContract,
    ];

    /// The name in tables and texts.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Amount => "amount",
            Self::Lines => "lines",
            Self::Split => "split",
            Self::ProductUnknown => "product_unknown",
            Self::Unreadable => "unreadable",
            Self::NoContract => "no_contract",
        }
    }

    /// Parses the name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == text)
    }
}

impl fmt::Display for ParkReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<&CloseError> for ParkReason {
    fn from(error: &CloseError) -> Self {
        match error {
            CloseError::Money { .. } | CloseError::TooMuch { .. } | CloseError::Ledger(_) => {
                Self::Amount
            }
            CloseError::Lines { .. } => Self::Lines,
            CloseError::Split(_) => Self::Split,
            CloseError::Document(_) => Self::Unreadable,
        }
    }
}

/// One thing a close set aside. Its canonical text is part of the close's result.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Parked {
    /// The month whose money waits.
    pub period: Period,
    /// What waits.
    pub kind: ParkedKind,
    /// The subscription, or the product.
    pub subject: String,
    /// Why.
    pub reason: ParkReason,
    /// Up to which sequence of the meter the month was billed before; `None` when nothing of it
    /// was, its fee included.
    pub billed_to: Option<i64>,
    /// What is to be divided; nothing for a statement, which is yet to be computed.
    pub base: Amount,
    /// The same by operator.
    pub by_operator: BTreeMap<Uscc, Amount>,
    /// The reason in words, for people.
    #[serde(skip)]
    pub detail: String,
}

impl Parked {
    /// A month of a subscription that no statement could be made for.
    pub fn statement(
        (period, billed_to): (Period, Option<i64>),
        subscription: &str,
        (reason, detail): (ParkReason, impl ToString),
    ) -> Self {
        Self {
            period,
            kind: ParkedKind::Statement,
            subject: subscription.to_owned(),
            reason,
            billed_to,
            base: Amount::ZERO,
            by_operator: BTreeMap::new(),
            detail: detail.to_string(),
        }
    }
}
