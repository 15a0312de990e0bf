//! Everything a call can be refused for, with a stable code. Which HTTP status a refusal becomes is
//! told in `problem`.

use lianshi_market::{
    dataset::DefinitionRefusal, entitlement::EntitlementRefusal, guard::GuardRefusal,
    key::KeyTextError,
};
use lianshi_registry::refusal::Refusal;
use lianshi_store::{Fault, usage::MeterRefusal};

/// Why a call was not answered. Nothing of it is charged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallRefusal {
    /// No `Authorization: Bearer` header.
    #[error("send the access key as `Authorization: Bearer lk_…`")]
    KeyMissing,
    /// The bearer is no access key.
    #[error("{0}")]
    KeyMalformed(KeyTextError),
    /// No such key at this node.
    #[error("this access key is not known at this node")]
    KeyUnknown,
    /// The contract behind the key does not cover the call.
    #[error("{0}")]
    Entitlement(#[from] EntitlementRefusal),
    /// No such product at this node.
    #[error("no product of this number is served by this node")]
    ProductUnknown,
    /// The product is not offered now.
    #[error("the product is not offered now ({code}): {reason}")]
    ProductNotOffered {
        /// Why, as the catalog says.
        code: String,
        /// The same in words.
        reason: String,
    },
    /// The product has no such operation.
    #[error("the product has no operation of this name")]
    OperationUnknown,
    /// Too many calls in a minute.
    #[error("at most {max} calls in a minute; one is free in {retry_after_s} seconds")]
    RateExceeded {
        /// The limit.
        max: u32,
        /// When to come back.
        retry_after_s: u64,
    },
    /// Not `POST`.
    #[error("products are called with POST")]
    MethodNotAllowed,
    /// The body is larger than allowed.
    #[error("the body is larger than {0} bytes")]
    BodyTooLarge(usize),
    /// The body did not arrive in time.
    #[error("the body did not arrive within {0} seconds")]
    BodyTooSlow(u64),
    /// The connection broke.
    #[error("the body could not be read")]
    BodyUnreadable,
    /// The body is not JSON, names a member twice, or has a text with control characters.
    #[error("the body is no JSON that can be taken: {0}")]
    BodyNotJson(String),
    /// The request or the answer does not fit the operation's schema.
    #[error("{0}")]
    Guard(#[from] GuardRefusal),
    /// The key fields are longer than any key.
    #[error("the fields that find the subject are too long")]
    KeyTooLong,
    /// The idempotency key is not a plain token.
    #[error("an idempotency key has 1 to 128 visible ASCII characters")]
    IdempotencyKeyMalformed,
    /// The stated purpose is none of those known.
    #[error("the purpose is `public_good` or `industry`")]
    PurposeUnknown,
    /// Quota, subject budget or idempotency key.
    #[error("{0}")]
    Meter(#[from] MeterRefusal),
    /// The answer would be too long.
    #[error("the answer would have more than {max} points; ask for a narrower range")]
    TooManyPoints {
        /// The limit.
        max: usize,
    },
    /// The provider has loaded no data set.
    #[error("the provider has not loaded the data of this operation yet")]
    NoDataset,
    /// The data set does not serve the operation as described.
    #[error("the data of this operation does not fit its description: {0}")]
    DatasetUnfit(DefinitionRefusal),
    /// Too many calls wait.
    #[error("the gateway is busy; nothing was charged, try again")]
    Busy,
    /// The node's disk or database takes no record of the call.
    #[error(
        "the provider cannot record calls now, so none is answered or charged; try again later"
    )]
    CannotRecord,
    /// The call could not be answered or not be recorded.
    #[error("the call could not be answered; the provider finds it by the request id")]
    Failed,
}

impl CallRefusal {
    /// What a caller hears of a fault; the log has the whole of it.
    pub(crate) fn of_fault(fault: &Fault) -> Self {
        if fault.refuses_writes() {
            Self::CannotRecord
        } else if fault.is_transient() {
            Self::Busy
        } else {
            Self::Failed
        }
    }
}

impl Refusal for CallRefusal {
    fn code(&self) -> &'static str {
        match self {
            Self::KeyMissing => "call.key_missing",
            Self::KeyMalformed(_) => "call.key_malformed",
            Self::KeyUnknown => "call.key_unknown",
            Self::Entitlement(refusal) => refusal.code(),
            Self::ProductUnknown => "call.product_unknown",
            Self::ProductNotOffered { .. } => "call.product_not_offered",
            Self::OperationUnknown => "call.operation_unknown",
            Self::RateExceeded { .. } => "call.rate_exceeded",
            Self::MethodNotAllowed => "call.method_not_allowed",
            Self::BodyTooLarge(_) => "call.body_too_large",
            Self::BodyTooSlow(_) => "call.body_too_slow",
            Self::BodyUnreadable => "call.body_unreadable",
            Self::BodyNotJson(_) => "call.body_not_json",
            Self::Guard(refusal) => refusal.code(),
            Self::KeyTooLong => "call.key_too_long",
            Self::IdempotencyKeyMalformed => "call.idempotency_key_malformed",
            Self::PurposeUnknown => "call.purpose_unknown",
            Self::Meter(refusal) => refusal.code(),
            Self::TooManyPoints { .. } => "call.too_many_points",
            Self::NoDataset => "call.no_dataset",
            Self::DatasetUnfit(_) => "call.dataset_unfit",
            Self::Busy => "call.busy",
            Self::CannotRecord => "call.cannot_record",
            Self::Failed => "call.failed",
        }
    }
}
