//! Subscriptions on both sides. An act of a person, a message of the other node or a change of the
//! catalog goes through `market::negotiation`; what comes of it (the copy, messages to send, keys)
//! is written in one transaction. A node may be both sides at once and then keeps both copies.

mod act;
pub mod correspondence;
mod keys;
mod offering;
mod post;
mod receive;
mod rows;
mod terms;
mod unfollowed;
mod views;

use lianshi_market::key::AccessKey;
use lianshi_registry::{entry::Purpose, id::RegistrationNumber, time::Timestamp, uscc::Uscc};

pub use act::{decide, end, follow_anew, follow_catalog, request};
pub use keys::{create_key, entitlement_by_key, keys, revoke_key};
pub use post::{missed, rejected};
pub(crate) use receive::receive;
pub(crate) use rows::smallest_cell_promised;
pub use terms::tell_ended;
pub(crate) use unfollowed::note as note_product;
pub use views::{
    HistoryLine, LISTED_MAX, by_id, for_buyer, for_provider, history, of_node, waiting_for_decision,
};

/// The provider's copies, in SQL. Written as an expression, because SQLite would otherwise take an
/// index on the side and sort all that is left for every page, instead of walking the ids.
pub(crate) const PROVIDER_SIDE: &str = "side || '' = 'provider'";

/// What an enterprise asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestSubscription {
    /// The product.
    pub product: RegistrationNumber,
    /// Code of the plan.
    pub plan: String,
    /// What it will be used for.
    pub purpose: Purpose,
    /// The same in the enterprise's words.
    pub purpose_note: String,
    /// Length of the term in months.
    pub months: u32,
    /// The enterprise.
    pub buyer: Uscc,
    /// Its name.
    pub buyer_name: String,
    /// Why it needs another subscription to a product it holds one to; empty otherwise.
    pub second_reason: String,
}

/// What a person decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Provider: meets the request, or offers what can be had.
    Approve,
    /// Provider: refuses it, with a reason the enterprise reads at its node.
    Refuse {
        /// The reason.
        text: String,
    },
    /// Enterprise: takes the offered terms.
    Accept,
    /// Enterprise: does not take them.
    Decline {
        /// The reason.
        text: String,
    },
}

/// A key that was just made: the only time its secret exists outside the enterprise.
#[derive(Debug)]
pub struct NewKey {
    /// `K-…`.
    pub id: String,
    /// To be shown once; only its hash is stored.
    pub secret: AccessKey,
    /// First instant it is no longer valid: the end of the term.
    pub expires_at: Timestamp,
}
