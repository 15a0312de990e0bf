//! The messages of a negotiation: what the two nodes say to each other about one subscription. Each
//! carries the process, the sender's side and its sequence, and the state it leads to; the shell
//! seals it with the sender's seal key.

mod writing;

use lianshi_registry::{id::RegistrationNumber, refusal::Refusal, time::Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    agreement::{Agreement, Terms},
    eligibility::Request,
    key::KeyGrant,
    letter::EnvelopeRefusal,
    subscription::{Ending, Side, State, SubscriptionId},
};

/// Kind of the sealed envelope and of the letter that carries it.
pub const MESSAGE_KIND: &str = "market.message";

/// The code of [`MessageRefusal::Gap`], by which a sender knows that what it kept has to go again.
pub const GAP: &str = "message.gap";

/// How far the clocks of two nodes may be apart: what another node says happened this long from now
/// has happened, and what it says happened this long before it could, could.
pub const CLOCK_SKEW_MS: i64 = 5 * 60 * 1000;

/// One message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Message {
    /// The subscription it is about.
    pub process: SubscriptionId,
    /// Which side speaks.
    pub from: Side,
    /// The speaker's sequence in this process, from 1 without gaps.
    pub seq: u64,
    /// The state the speaker is in after saying it.
    pub state: State,
    /// When it was said, whole seconds.
    pub at: Timestamp,
    /// What is said.
    pub body: Body,
}

/// What is said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "content", rename_all = "snake_case")]
pub enum Body {
    /// Home: the enterprise asks (ContractRequestMessage).
    Request(Box<Request>),
    /// Provider: other terms than asked for (ContractOfferMessage).
    Offer(Box<Terms>),
    /// Home: the offer with this hash is taken (event ACCEPTED).
    Acceptance(Hashed),
    /// Provider: the contract (ContractAgreementMessage).
    Agreement(Box<Agreement>),
    /// Home: found the same hash (ContractAgreementVerificationMessage).
    Verification(Hashed),
    /// Provider: in force (event FINALIZED).
    Finalization(Hashed),
    /// Either: the negotiation is over (ContractNegotiationTerminationMessage).
    Termination(Ending),
    /// Either: the contract is over.
    End(Ending),
    /// Provider: the term ends earlier than agreed, because of what the product rests on.
    Cut(Cut),
    /// Home: the enterprise made a key.
    KeyIssued(KeyGrant),
    /// Home: the enterprise took a key back.
    KeyRevoked(KeyRevoked),
}

/// Names terms or an agreement by hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hashed {
    /// In hexadecimal.
    pub hash: String,
}

/// A term made shorter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cut {
    /// First instant after the new term.
    pub ends_at: Timestamp,
    /// Stable code.
    pub code: String,
    /// The notice in words.
    pub text: String,
}

/// A key taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyRevoked {
    /// Its id.
    pub id: String,
    /// When.
    pub at: Timestamp,
}

/// Kinds that take something away.
const TERMINATION: &str = "termination";
const END: &str = "end";
const CUT: &str = "cut";
const KEY_REVOKED: &str = "key_revoked";

impl Body {
    /// The name of the message, as stored beside its bytes.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Request(_) => "request",
            Self::Offer(_) => "offer",
            Self::Acceptance(_) => "acceptance",
            Self::Agreement(_) => "agreement",
            Self::Verification(_) => "verification",
            Self::Finalization(_) => "finalization",
            Self::Termination(_) => TERMINATION,
            Self::End(_) => END,
            Self::Cut(_) => CUT,
            Self::KeyIssued(_) => "key_issued",
            Self::KeyRevoked(_) => KEY_REVOKED,
        }
    }

    /// Whether it ends the process.
    pub fn is_ending(&self) -> bool {
        matches!(self, Self::Termination(_) | Self::End(_))
    }

    /// The state the speaker is in after saying it.
    pub fn leads_to(&self) -> State {
        match self {
            Self::Request(_) => State::Requested,
            Self::Offer(_) => State::Offered,
            Self::Acceptance(_) => State::Accepted,
            Self::Agreement(_) => State::Agreed,
            Self::Verification(_) => State::Verified,
            Self::Finalization(_) | Self::Cut(_) | Self::KeyIssued(_) | Self::KeyRevoked(_) => {
                State::Finalized
            }
            Self::Termination(_) => State::Terminated,
            Self::End(_) => State::Ended,
        }
    }
}

/// Whether what a message of a kind takes away is used until it arrives.
pub fn is_urgent(kind: &str) -> bool {
    [TERMINATION, END, CUT, KEY_REVOKED].contains(&kind)
}

/// Why a message is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MessageRefusal {
    /// The letter that brought it is not opened.
    #[error(transparent)]
    Envelope(#[from] EnvelopeRefusal),
    /// Not the JSON of a message, or its parts contradict each other.
    #[error("the message does not read: {0}")]
    Malformed(String),
    /// The sender is not the party it speaks for.
    #[error("the sender is not a party of this subscription")]
    NotParty,
    /// An earlier message is missing; it has to come first.
    #[error("message {expected} comes next, not {got}")]
    Gap {
        /// The next sequence.
        expected: u64,
        /// The one that came.
        got: u64,
    },
    /// A sequence came before with another content.
    #[error("message {0} came before with another content")]
    Differs(u64),
    /// A beginning or an ending that lies ahead.
    #[error("it says {at}, which lies ahead; the clocks of the nodes differ")]
    Ahead {
        /// When it says.
        at: Timestamp,
    },
    /// What the catalog held here says of the product is not yet what the message says.
    #[error("the catalog held here does not say yet what the terms of `{0}` say")]
    CatalogBehind(RegistrationNumber),
    /// The receiver was restored, and has not asked the sender yet what both wrote.
    #[error("this node was restored, and asks first what was said before")]
    Recovering,
    /// The states do not allow it.
    #[error("a {kind} from the {by} does not fit the state {state}")]
    Illegal {
        /// What came.
        kind: &'static str,
        /// From which side.
        by: Side,
        /// Where the process stands.
        state: State,
    },
}

impl MessageRefusal {
    /// Whether the same message may be taken later.
    pub fn may_retry(&self) -> bool {
        match self {
            Self::Envelope(refusal) => refusal.may_retry(),
            Self::Gap { .. } | Self::Ahead { .. } | Self::CatalogBehind(_) | Self::Recovering => {
                true
            }
            Self::Malformed(_) | Self::NotParty | Self::Differs(_) | Self::Illegal { .. } => false,
        }
    }
}

impl Refusal for MessageRefusal {
    fn code(&self) -> &'static str {
        match self {
            Self::Envelope(refusal) => refusal.code(),
            Self::Malformed(_) => "message.malformed",
            Self::NotParty => "message.not_party",
            Self::Gap { .. } => GAP,
            Self::Differs(_) => "message.differs",
            Self::Ahead { .. } => "message.ahead",
            Self::CatalogBehind(_) => "message.catalog_behind",
            Self::Recovering => "message.recovering",
            Self::Illegal { .. } => "message.illegal",
        }
    }
}
