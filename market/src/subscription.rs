//! What a subscription is to those who look at it: its number, the states it passes through (those
//! of the Dataspace Protocol 2025-1, mirrored on both nodes, and one more for contracts that
//! ended), how it ended, and what the gateway needs to know to let a call through.

use std::fmt;

use lianshi_registry::{
    entry::{Guard, Plan, Purpose, Texts},
    id::{NodeName, RegistrationNumber},
    time::Timestamp,
    uscc::Uscc,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::{
    agreement::{Agreement, Terms},
    base32::{base32, is_base32},
    entitlement::Entitlement,
    message::Cut,
};

/// Random bytes of a subscription id.
pub const SUBSCRIPTION_ID_BYTES: usize = 16;
const ID_CHARS: usize = 26;

/// A text that is no subscription id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a subscription id of the form S-xxxxxxxxxxxxxxxxxxxxxxxxxx")]
pub struct SubscriptionIdError(String);

/// Names one subscription on both nodes: `S-` and 26 characters, made at the home node.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubscriptionId(String);

impl SubscriptionId {
    /// From fresh random bytes.
    pub fn from_random(bytes: [u8; SUBSCRIPTION_ID_BYTES]) -> Self {
        Self(format!("S-{}", base32(&bytes)))
    }

    /// Reads an id as it is shown.
    pub fn parse(text: &str) -> Result<Self, SubscriptionIdError> {
        let fits =
            text.strip_prefix("S-").is_some_and(|rest| rest.len() == ID_CHARS && is_base32(rest));
        if fits { Ok(Self(text.to_owned())) } else { Err(SubscriptionIdError(text.to_owned())) }
    }

    /// The id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SubscriptionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for SubscriptionId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SubscriptionId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(D::Error::custom)
    }
}

/// Which of the two parties a node is in a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The node of the enterprise that buys: the consumer of the Dataspace Protocol.
    Home,
    /// The node of the product.
    Provider,
}

impl Side {
    /// As stored: `home`, `provider`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Home => "home",
            Self::Provider => "provider",
        }
    }

    /// Reads [`Side::as_str`] back.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "home" => Some(Self::Home),
            "provider" => Some(Self::Provider),
            _ => None,
        }
    }

    /// The other party.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Home => Self::Provider,
            Self::Provider => Self::Home,
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where a subscription stands. The first seven are the contract negotiation states of the
/// Dataspace Protocol 2025-1; a finalized contract that one side ended is [`State::Ended`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// The enterprise asked; the provider decides.
    Requested,
    /// The provider offered other terms; the enterprise decides.
    Offered,
    /// The enterprise took the offer.
    Accepted,
    /// The provider agreed and fixed the terms by hash.
    Agreed,
    /// The home node found the same hash.
    Verified,
    /// In force: keys can be made, calls are served.
    Finalized,
    /// The negotiation came to nothing; the reason says why.
    Terminated,
    /// The contract was in force and is over.
    Ended,
}

impl State {
    /// Every state, in the order of a negotiation.
    pub const ALL: [Self; 8] = [
        Self::Requested,
        Self::Offered,
        Self::Accepted,
        Self::Agreed,
        Self::Verified,
        Self::Finalized,
        Self::Terminated,
        Self::Ended,
    ];

    /// As stored and translated: `requested`, …, `ended`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Offered => "offered",
            Self::Accepted => "accepted",
            Self::Agreed => "agreed",
            Self::Verified => "verified",
            Self::Finalized => "finalized",
            Self::Terminated => "terminated",
            Self::Ended => "ended",
        }
    }

    /// Reads [`State::as_str`] back.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// Whether the contract was put in force, so that there is something to bill, and is over or
    /// not.
    pub fn has_been_in_force(self) -> bool {
        matches!(self, Self::Finalized | Self::Ended)
    }

    /// Whether nothing follows.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Terminated | Self::Ended)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Who ended a subscription, when and why; equal on both nodes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ending {
    /// Which side ended it.
    pub by: Side,
    /// Stable code that pages translate: the code of a refusal, `provider.refused`,
    /// `buyer.withdrew`, `buyer.ended`, `provider.ended`, `agreement.differs`, ….
    pub code: String,
    /// What people wrote, or the rule in words.
    pub text: String,
    /// When it was decided.
    pub at: Timestamp,
}

/// Why nothing is done under a copy, whatever its state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeldUp {
    /// This node was restored, and has not asked the other side's yet what both wrote.
    Awaited,
    /// It was asked, and the copies of the two nodes differ.
    Unlike {
        /// What differs, in words.
        what: String,
    },
}

/// A subscription as pages and the API show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscriptionView {
    /// Its id.
    pub id: SubscriptionId,
    /// Whose copy this is.
    pub side: Side,
    /// Node of the enterprise.
    pub home: NodeName,
    /// Node of the product.
    pub provider: NodeName,
    /// The product.
    pub product: RegistrationNumber,
    /// What the product was called when it was requested.
    pub product_name: Texts,
    /// Code of the plan.
    pub plan_code: String,
    /// The plan in full: as agreed, else as offered, else `None` (ask the catalog).
    pub plan: Option<Plan>,
    /// What it is used for.
    pub purpose: Purpose,
    /// The same in the enterprise's words.
    pub purpose_note: String,
    /// Why the enterprise needs it beside another to the same product; empty otherwise.
    pub second_reason: String,
    /// Months asked for.
    pub months: u32,
    /// The enterprise.
    pub buyer: Uscc,
    /// Its name.
    pub buyer_name: String,
    /// The product's operator.
    pub operator: Uscc,
    /// Where it stands. A term that ran out is found with [`SubscriptionView::is_active`].
    pub state: State,
    /// Terms offered in place of those asked for, while and after they were on the table.
    pub offer: Option<Terms>,
    /// The agreement, from `agreed` on.
    pub agreement: Option<Agreement>,
    /// Its hash in hexadecimal, equal on both nodes; empty before.
    pub agreement_hash: String,
    /// The latest cut of the term, with its reason.
    pub notice: Option<Cut>,
    /// Why it is over.
    pub ending: Option<Ending>,
    /// When it was asked for.
    pub requested_at: Timestamp,
    /// First instant of the term.
    pub starts_at: Option<Timestamp>,
    /// First instant after the term; earlier than agreed when an authorization ended.
    pub ends_at: Option<Timestamp>,
    /// When this copy last changed.
    pub updated_at: Timestamp,
    /// Messages the other node has not taken yet.
    pub undelivered: i64,
    /// What holds it up; calls are answered only where nothing does.
    pub held_up: Option<HeldUp>,
}

impl SubscriptionView {
    /// Whether calls are served at `now`, as far as the contract is concerned.
    pub fn is_active(&self, now: Timestamp) -> bool {
        self.state == State::Finalized && self.ends_at.is_some_and(|end| now < end)
    }
}

/// The contract behind an access key: what the gateway asks about before it answers a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contract {
    /// What the key opens, how often and until when.
    pub entitlement: Entitlement,
    /// The frozen plan with its charge.
    pub plan: Plan,
    /// Limits of the guard, frozen in the agreement.
    pub guard: Guard,
    /// The enterprise.
    pub buyer: Uscc,
    /// Its node, which gets the usage reports.
    pub home: NodeName,
}

impl Contract {
    /// What limits are counted for: the buyer and the product, so that a second subscription opens
    /// nothing anew.
    pub fn share(&self) -> String {
        format!("{}/{}", self.buyer, self.entitlement.product)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_states_read_back() {
        let id = SubscriptionId::from_random([7; SUBSCRIPTION_ID_BYTES]);
        assert_eq!(id.as_str().len(), 28);
        assert_eq!(SubscriptionId::parse(id.as_str()), Ok(id));
        for bad in ["", "S-", "S-0000000000000000000000000", "S-0000000000000000000000000O"] {
            assert!(SubscriptionId::parse(bad).is_err(), "{bad}");
        }
        for state in State::ALL {
            assert_eq!(State::parse(state.as_str()), Some(state));
        }
        for side in [Side::Home, Side::Provider] {
            assert_eq!(Side::parse(side.as_str()), Some(side));
            assert_eq!(side.other().other(), side);
        }
    }
}
