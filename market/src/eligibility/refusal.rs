//! Why a subscription, or an act on one, is refused.

use lianshi_registry::{
    catalog::ProductStatus,
    id::{NodeName, RegistrationNumber},
    refusal::Refusal,
    text::{NOTE_CHARS_MAX, TextRefusal},
};

use crate::subscription::State;

/// Why a subscription, or an act on one, is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubscriptionRefusal {
    /// No such product in the catalog.
    #[error("product {0} is not in the catalog")]
    ProductUnknown(RegistrationNumber),
    /// The product is not listed.
    #[error("product {product} is not offered: {status} {reason}")]
    ProductNotOffered {
        /// The product.
        product: RegistrationNumber,
        /// Its status.
        status: ProductStatus,
        /// Why, as the catalog tells.
        reason: String,
    },
    /// The product is operated by another organization than the one asked.
    #[error("product {0} has another operator now")]
    OperatorChanged(RegistrationNumber),
    /// The product's registration ran out.
    #[error("the registration of product {0} has expired")]
    ProductExpired(RegistrationNumber),
    /// The product has no such plan.
    #[error("product {product} has no plan `{plan}`")]
    PlanUnknown {
        /// The product.
        product: RegistrationNumber,
        /// The plan asked for.
        plan: String,
    },
    /// The plan takes no new subscriptions.
    #[error("plan `{0}` takes no new subscriptions")]
    PlanRetired(String),
    /// The plan, product or authorization does not cover the purpose.
    #[error("the plan or its authorization does not cover this purpose")]
    PurposeNotCovered {
        /// The rule that says so.
        rule: String,
    },
    /// The enterprise did not say what it will use the product for.
    #[error("say in a sentence what the product will be used for")]
    PurposeMissing,
    /// A second subscription to a product opens no second quota, so it needs a reason.
    #[error("you hold a subscription to product {0} already; say why you need another")]
    SecondNeedsReason(RegistrationNumber),
    /// Enough requests wait.
    #[error("{0} of your requests wait for a decision already; wait for it or withdraw some")]
    TooManyWaiting(u64),
    /// A text is too long.
    #[error("the text has {chars} characters, at most {NOTE_CHARS_MAX} are accepted")]
    TextTooLong {
        /// How many it has.
        chars: usize,
    },
    /// A text has characters that cannot be shown.
    #[error("the text {0}")]
    Text(TextRefusal),
    /// The term is zero or longer than the plan allows.
    #[error("a term of {months} months is not offered: 1 to {max}")]
    TermOutOfRange {
        /// Months asked for.
        months: u32,
        /// Months the plan allows.
        max: u32,
    },
    /// This node was restored, and has not asked the other side's yet what both wrote.
    #[error("this node was restored and is asking `{0}` what was said before; try again soon")]
    AwaitsNode(NodeName),
    /// The authorization is not known, suspended or over.
    #[error("the authorization of the product is not in force: {status}")]
    AuthorizationNotInForce {
        /// Its status.
        status: &'static str,
        /// The rule that says so.
        rule: String,
    },
    /// The authorization ends before the term could begin.
    #[error("the authorization of the product is over since {until}")]
    PastAuthorization {
        /// First day it is no longer in force.
        until: String,
        /// The rule that says so.
        rule: String,
    },
    /// There is no such subscription, or it is another organization's.
    #[error("there is no such subscription")]
    Unknown,
    /// The act does not fit the state.
    #[error("this cannot be done while the subscription is {state}")]
    NotInState {
        /// Where it stands.
        state: State,
    },
    /// The other node has the word.
    #[error("the other node is about to answer; try again when the state has changed")]
    AwaitsOtherSide,
    /// A refusal or an ending needs a reason the other side can read.
    #[error("give a reason the other side can read")]
    ReasonMissing,
    /// Calls are not served: keys can neither be made.
    #[error("the subscription is not in force")]
    NotInForce,
    /// A key needs a name, a short one.
    #[error("give the key a name of 1 to 60 characters")]
    KeyLabel,
    /// Enough keys.
    #[error("the subscription has {0} valid keys already; revoke one first")]
    TooManyKeys(usize),
    /// No such key, or it was revoked before.
    #[error("there is no such key, or it is revoked already")]
    KeyUnknown,
}

impl Refusal for SubscriptionRefusal {
    fn code(&self) -> &'static str {
        match self {
            Self::ProductUnknown(_) => "subscription.product_unknown",
            Self::ProductNotOffered { .. } => "subscription.product_not_offered",
            Self::OperatorChanged(_) => "subscription.operator_changed",
            Self::ProductExpired(_) => "subscription.product_expired",
            Self::PlanUnknown { .. } => "subscription.plan_unknown",
            Self::PlanRetired(_) => "subscription.plan_retired",
            Self::PurposeNotCovered { .. } => "subscription.purpose_not_covered",
            Self::PurposeMissing => "subscription.purpose_missing",
            Self::SecondNeedsReason(_) => "subscription.second_needs_reason",
            Self::TooManyWaiting(_) => "subscription.too_many_waiting",
            Self::TextTooLong { .. } => "subscription.text_too_long",
            Self::Text(_) => "subscription.text",
            Self::TermOutOfRange { .. } => "subscription.term_out_of_range",
            Self::AuthorizationNotInForce { .. } => "subscription.authorization_not_in_force",
            Self::PastAuthorization { .. } => "subscription.past_authorization",
            Self::Unknown => "subscription.unknown",
            Self::NotInState { .. } => "subscription.not_in_state",
            Self::AwaitsOtherSide => "subscription.awaits_other_side",
            Self::AwaitsNode(_) => "subscription.awaits_node",
            Self::ReasonMissing => "subscription.reason_missing",
            Self::NotInForce => "subscription.not_in_force",
            Self::KeyLabel => "subscription.key_label",
            Self::TooManyKeys(_) => "subscription.too_many_keys",
            Self::KeyUnknown => "subscription.key_unknown",
        }
    }

    fn rule(&self) -> Option<String> {
        match self {
            Self::AuthorizationNotInForce { rule, .. }
            | Self::PastAuthorization { rule, .. }
            | Self::PurposeNotCovered { rule } => (!rule.is_empty()).then(|| rule.clone()),
            _ => None,
        }
    }
}
