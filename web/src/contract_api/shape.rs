//! A subscription as JSON.

use lianshi_market::subscription::SubscriptionView;
use lianshi_registry::{entry::Texts, time::Timestamp, word::Word as _};
use lianshi_store::subscriptions::HistoryLine;
use serde::Serialize;
use utoipa::ToSchema;

use crate::contract;

/// A subscription.
#[derive(Debug, Serialize, ToSchema)]
pub struct Subscription {
    /// `S-` and 26 characters, the same on both nodes.
    id: String,
    /// Whose copy this is: `home` or `provider`.
    side: &'static str,
    /// `requested`, `offered`, `accepted`, `agreed`, `verified`, `finalized`, `terminated`, `ended`
    /// or `expired`.
    state: &'static str,
    /// Whether calls are served now, as far as the contract is concerned.
    active: bool,
    /// Why it is over or its term was cut, latest first.
    reasons: Vec<Reason>,
    /// Registration number of the product.
    product: String,
    /// What the product was called.
    #[schema(value_type = Object)]
    product_name: Texts,
    /// Code of the plan.
    plan: String,
    /// `industry` or `public_good`.
    purpose: &'static str,
    /// The same in the enterprise's words.
    purpose_note: String,
    /// Why it is needed beside another subscription to the product; empty otherwise.
    second_reason: String,
    /// Term in months.
    months: u32,
    /// Node of the enterprise.
    home: String,
    /// Node that serves the calls.
    provider: String,
    /// Unified social credit code of the enterprise.
    buyer: String,
    /// Its name.
    buyer_name: String,
    /// Hash of the agreement, equal on both nodes; empty before there is one.
    agreement_hash: String,
    /// UTC.
    requested_at: String,
    /// UTC, first instant of the term.
    starts_at: Option<String>,
    /// UTC, first instant after the term.
    ends_at: Option<String>,
    /// Messages the other node has not taken yet.
    undelivered: i64,
    /// What happened, oldest first; only where one subscription is asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    history: Vec<Happened>,
}

/// Why.
#[derive(Debug, Serialize, ToSchema)]
pub struct Reason {
    /// Stable code.
    code: String,
    /// What people wrote, or the rule in words.
    text: String,
    /// Which side: `home` or `provider`; empty for a cut.
    by: String,
    /// UTC.
    at: Option<String>,
}

/// One line of a history.
#[derive(Debug, Serialize, ToSchema)]
pub struct Happened {
    /// UTC.
    at: String,
    /// Which side.
    by: &'static str,
    /// `request`, `offer`, `agreement` and so on.
    what: String,
}

impl Subscription {
    /// From one side's copy.
    pub fn of(view: SubscriptionView, history: &[HistoryLine], now: Timestamp) -> Self {
        let text = |at: Option<Timestamp>| at.map(|at| at.to_string());
        let ending = view.ending.iter().map(|ending| Reason {
            code: ending.code.clone(),
            text: ending.text.clone(),
            by: ending.by.to_string(),
            at: Some(ending.at.to_string()),
        });
        let cut = view.notice.iter().map(|cut| Reason {
            code: cut.code.clone(),
            text: cut.text.clone(),
            by: String::new(),
            at: None,
        });
        Self {
            reasons: ending.chain(cut).collect(),
            state: contract::state_code(&view, now),
            active: view.is_active(now),
            history: history.iter().map(Happened::of).collect(),
            side: view.side.as_str(),
            purpose: view.purpose.word(),
            id: view.id.to_string(),
            product: view.product.to_string(),
            product_name: view.product_name,
            second_reason: view.second_reason,
            plan: view.plan_code,
            purpose_note: view.purpose_note,
            months: view.months,
            home: view.home.to_string(),
            provider: view.provider.to_string(),
            buyer: view.buyer.to_string(),
            buyer_name: view.buyer_name,
            agreement_hash: view.agreement_hash,
            requested_at: view.requested_at.to_string(),
            starts_at: text(view.starts_at),
            ends_at: text(view.ends_at),
            undelivered: view.undelivered,
        }
    }
}

impl Happened {
    fn of(line: &HistoryLine) -> Self {
        Self { at: line.at.to_string(), by: line.by.as_str(), what: line.kind.clone() }
    }
}
