//! Metering: many calls, one transaction. What must never be exceeded (the monthly quota, the
//! budget of distinct subjects, the failed comparisons) and what must happen once (an idempotency
//! key) is decided here, where no other writer can come between.

use diesel::prelude::*;
use lianshi_registry::{id::NodeName, refusal::Refusal, time::Timestamp};

use super::batch::Batch;
use crate::{
    db::{Read, Write},
    fault::Fault,
    schema::idempotent_answers,
};

/// A call that has an answer and wants to be recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metering {
    /// The subscription.
    pub subscription: String,
    /// Code of the buyer: what is limited is counted for it and the product.
    pub buyer: String,
    /// The product's number.
    pub product: String,
    /// The operation.
    pub operation: String,
    /// When it was called.
    pub at: Timestamp,
    /// Id of the request.
    pub request_id: String,
    /// The key it came with.
    pub key_id: String,
    /// What kind of answer, such as [`super::OUTCOME_ANSWERED`].
    pub outcome: String,
    /// Units the call is charged for, unless the plan's included calls cover it.
    pub units: u64,
    /// Calls of a month that the plan covers.
    pub included_calls: u64,
    /// Most calls of the month the call lies in.
    pub calls_per_month_max: u64,
    /// The subject asked about, where the guard counts them.
    pub subject: Option<SubjectClaim>,
    /// The caller's idempotency key.
    pub idempotency: Option<Idempotency>,
    /// HTTP status of the answer.
    pub status: u16,
    /// The answer's bytes, kept for the idempotency key.
    pub answer: Vec<u8>,
}

/// A subject, and how many of them a month allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubjectClaim {
    /// Hash of what was asked about; it is kept only under a secret of the month.
    pub hash: [u8; 32],
    /// Most distinct subjects of a month.
    pub per_month_max: u64,
    /// What the caller stated about it, where something was compared.
    pub comparison: Option<Comparison>,
}

/// A comparison with what the caller stated, and how often it may fail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    /// The subject is there and something stated differs.
    pub has_failed: bool,
    /// Most failures about one subject in a month.
    pub per_subject_max: u64,
    /// Most failures of a buyer in a month.
    pub per_buyer_max: u64,
}

/// A caller's promise that equal keys mean the same call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idempotency {
    /// The key, unique within the subscription.
    pub key: String,
    /// Hash of product, operation and body.
    pub body_hash: [u8; 32],
}

/// What became of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Metered {
    /// Recorded: the answer may leave.
    Recorded {
        /// Its place among the gateway's events.
        seq: u64,
        /// Calls of the buyer to the product this month, this one included.
        calls_this_month: u64,
    },
    /// The same call was answered before: this answer leaves, nothing is charged.
    Repeated {
        /// HTTP status of the first answer.
        status: u16,
        /// The first answer.
        answer: Vec<u8>,
    },
    /// Not recorded, so not answered.
    Refused(MeterRefusal),
}

/// Why a call was not recorded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MeterRefusal {
    /// The month's calls are used up.
    #[error("all {max} calls of this month are used; the next month begins at {resets_at}")]
    QuotaUsed {
        /// The quota.
        max: u64,
        /// When the next month begins.
        resets_at: Timestamp,
    },
    /// The month's distinct subjects are used up.
    #[error("this month's {max} distinct subjects are used; the next month begins at {resets_at}")]
    SubjectBudgetUsed {
        /// The budget.
        max: u64,
        /// When the next month begins.
        resets_at: Timestamp,
    },
    /// Statements about this subject failed too often this month.
    #[error(
        "{max} statements about this subject differed this month; nothing more is compared until \
         {resets_at}"
    )]
    SubjectGuessesUsed {
        /// The limit.
        max: u64,
        /// When the next month begins.
        resets_at: Timestamp,
    },
    /// The buyer's statements failed too often this month.
    #[error(
        "{max} of your statements differed this month; nothing more is compared until {resets_at}"
    )]
    GuessesUsed {
        /// The limit.
        max: u64,
        /// When the next month begins.
        resets_at: Timestamp,
    },
    /// The idempotency key was used for another call.
    #[error("this idempotency key was used with another request")]
    IdempotencyConflict,
}

impl Refusal for MeterRefusal {
    fn code(&self) -> &'static str {
        match self {
            Self::QuotaUsed { .. } => "call.quota_used",
            Self::SubjectBudgetUsed { .. } => "call.subject_budget_used",
            Self::SubjectGuessesUsed { .. } => "call.subject_guesses_used",
            Self::GuessesUsed { .. } => "call.guesses_used",
            Self::IdempotencyConflict => "call.idempotency_conflict",
        }
    }
}

/// The answer kept for an idempotency key, or `None` when the key is new. A gateway asks before it
/// runs an engine; [`meter`] asks again.
pub fn answer_of(
    read: &mut Read<'_>,
    subscription: &str,
    idempotency: &Idempotency,
) -> Result<Option<Metered>, Fault> {
    let row: Option<(Vec<u8>, i64, Vec<u8>)> = idempotent_answers::table
        .filter(idempotent_answers::subscription.eq(subscription))
        .filter(idempotent_answers::idempotency_key.eq(&idempotency.key))
        .select((
            idempotent_answers::body_hash,
            idempotent_answers::status,
            idempotent_answers::answer,
        ))
        .first(&mut **read)
        .optional()?;
    let Some((body_hash, status, answer)) = row else { return Ok(None) };
    if body_hash != idempotency.body_hash {
        return Ok(Some(Metered::Refused(MeterRefusal::IdempotencyConflict)));
    }
    let status = u16::try_from(status)
        .map_err(|_| Fault::corrupt("idempotent_answers", format!("status {status}")))?;
    Ok(Some(Metered::Repeated { status, answer }))
}

/// Records a batch, in order, in the caller's transaction; one outcome for each call.
pub fn meter(
    write: &mut Write<'_>,
    gateway: &NodeName,
    batch: &[Metering],
) -> Result<Vec<Metered>, Fault> {
    let mut ledger = Batch::begin(write, gateway)?;
    let mut outcomes = Vec::with_capacity(batch.len());
    for call in batch {
        outcomes.push(ledger.take(write, call)?);
    }
    ledger.save(write)?;
    Ok(outcomes)
}
