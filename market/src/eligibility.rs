//! May this enterprise have this product on this plan, for this purpose and term? Guard G3 before a
//! contract: the purpose lies inside the grant, the term ends no later than the authorization.

mod approval;
mod refusal;

pub use approval::{Asked, is_automatic};
pub use refusal::SubscriptionRefusal;

use lianshi_registry::{
    catalog::{AuthorizationStatus, ProductStatus},
    entry::{Authorization, Plan, Product, Purpose, Split, Texts},
    id::{NodeName, RegistrationNumber},
    text::{Kind, TextRefusal},
    time::Timestamp,
    uscc::Uscc,
    word::Word,
};
use serde::{Deserialize, Serialize};

use crate::agreement::{Terms, hash_of};

/// Most requests of one buyer that wait for a decision at a node: each takes a person's time, and
/// nobody needs an answer about more products at once.
pub const WAITING_PER_BUYER_MAX: u64 = 20;

/// What the catalog says about a product, as far as a subscription depends on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offering {
    /// The product.
    pub product: Product,
    /// Where it stands by the logs alone.
    pub status: ProductStatus,
    /// Why it is not offered, in words or by a code of the catalog; empty while listed.
    pub status_reason: String,
    /// The node that speaks for it.
    pub node: NodeName,
    /// Plans that take subscriptions.
    pub plans: Vec<Plan>,
    /// Codes of plans that no longer do.
    pub retired: Vec<String>,
    /// What it rests on, when the catalog knows it.
    pub authorization: Option<Authorization>,
    /// Whether that carries anything; its dates are checked beside.
    pub authorization_status: Option<AuthorizationStatus>,
    /// The rule that binds use to the authorization, as `governance` cites it for this division and
    /// day; empty where no ruleset has one.
    pub scope_rule: String,
    /// How its revenue is divided.
    pub split: Option<Split>,
    /// When this node last held all that the product's node had said; `None` where it never did.
    pub confirmed_at: Option<Timestamp>,
    /// What the buyer of a new request holds already; of interest to new requests only.
    pub held: Held,
}

/// What a buyer holds already when it asks for a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Held {
    /// Subscriptions to the product that are not over.
    pub live: u64,
    /// Requests, for any product, that wait for a decision.
    pub waiting: u64,
}

/// What an enterprise asks for, as its home node sends it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The product.
    pub product: RegistrationNumber,
    /// What it was called.
    pub product_name: Texts,
    /// Its operator.
    pub operator: Uscc,
    /// Code of the plan.
    pub plan: String,
    /// Hash of the plan the enterprise saw: another price makes the provider offer, not agree.
    pub plan_hash: String,
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
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub second_reason: String,
}

/// Decides whether a request can be met at `now`, and on which terms. The same on both nodes: the
/// home node asks before it sends, the provider before it agrees.
pub fn judge(
    request: &Request,
    offering: Option<&Offering>,
    now: Timestamp,
) -> Result<Terms, SubscriptionRefusal> {
    let offering =
        offering.ok_or_else(|| SubscriptionRefusal::ProductUnknown(request.product.clone()))?;
    read_note(&request.purpose_note, SubscriptionRefusal::PurposeMissing)?;
    let product = &offering.product;
    let authorization = authorization_in_force(offering, now)?;
    if offering.status != ProductStatus::Listed {
        return Err(SubscriptionRefusal::ProductNotOffered {
            product: product.number.clone(),
            status: offering.status,
            reason: offering.status_reason.clone(),
        });
    }
    if now >= product.valid_until.start() {
        return Err(SubscriptionRefusal::ProductExpired(product.number.clone()));
    }
    if product.operator != request.operator {
        return Err(SubscriptionRefusal::OperatorChanged(product.number.clone()));
    }
    let plan = open_plan(request, offering)?;
    let covered = plan.purpose == request.purpose
        && product.purposes.contains(&request.purpose)
        && authorization.purposes.contains(&request.purpose);
    if !covered {
        let rule = offering.scope_rule.clone();
        return Err(SubscriptionRefusal::PurposeNotCovered { rule });
    }
    if request.months == 0 || request.months > plan.term_months_max {
        return Err(SubscriptionRefusal::TermOutOfRange {
            months: request.months,
            max: plan.term_months_max,
        });
    }
    check_held(request, offering.held)?;
    Ok(Terms {
        product_version: product.version.clone(),
        plan: plan.clone(),
        purpose: request.purpose,
        purpose_note: request.purpose_note.clone(),
        forbidden_uses: product.forbidden_uses.clone(),
        months: request.months,
        ends_by: authorization.until.min(product.valid_until).start(),
        guard: product.guard.clone(),
        authorization: authorization.number.clone(),
        ruleset: authorization.ruleset.clone(),
        split_version: offering.split.as_ref().map_or(0, |split| split.version),
        split_hash: offering.split.as_ref().map_or_else(String::new, |s| hash_of("split", s)),
    })
}

fn check_held(request: &Request, held: Held) -> Result<(), SubscriptionRefusal> {
    if held.waiting >= WAITING_PER_BUYER_MAX {
        return Err(SubscriptionRefusal::TooManyWaiting(held.waiting));
    }
    if request.second_reason.is_empty() && held.live == 0 {
        return Ok(());
    }
    let missing = SubscriptionRefusal::SecondNeedsReason(request.product.clone());
    read_note(&request.second_reason, missing).map(drop)
}

fn authorization_in_force(
    offering: &Offering,
    now: Timestamp,
) -> Result<&Authorization, SubscriptionRefusal> {
    let rule = offering.scope_rule.clone();
    let Some(authorization) = &offering.authorization else {
        let status = "unknown";
        return Err(SubscriptionRefusal::AuthorizationNotInForce { status, rule });
    };
    if now >= authorization.until.start() {
        let until = authorization.until.to_string();
        return Err(SubscriptionRefusal::PastAuthorization { until, rule });
    }
    let status = match offering.authorization_status {
        Some(AuthorizationStatus::Active) if now < authorization.from.start() => "not begun",
        Some(AuthorizationStatus::Active) => return Ok(authorization),
        Some(status) => status.word(),
        None => "unknown",
    };
    Err(SubscriptionRefusal::AuthorizationNotInForce { status, rule })
}

fn open_plan<'a>(
    request: &Request,
    offering: &'a Offering,
) -> Result<&'a Plan, SubscriptionRefusal> {
    if let Some(plan) = offering.plans.iter().find(|plan| plan.code == request.plan) {
        return Ok(plan);
    }
    if offering.retired.contains(&request.plan) {
        return Err(SubscriptionRefusal::PlanRetired(request.plan.clone()));
    }
    Err(SubscriptionRefusal::PlanUnknown {
        product: request.product.clone(),
        plan: request.plan.clone(),
    })
}

/// Reads a reason or purpose people wrote: not blank, not longer than a paragraph.
pub fn read_note(text: &str, missing: SubscriptionRefusal) -> Result<String, SubscriptionRefusal> {
    Kind::Note.read(text).map_err(|refusal| match refusal {
        TextRefusal::Empty => missing,
        TextRefusal::TooLong { chars, .. } => SubscriptionRefusal::TextTooLong { chars },
        other => SubscriptionRefusal::Text(other),
    })
}

/// How a contract in force must change because the catalog did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Consequence {
    /// Over at once.
    End {
        /// Stable code.
        code: &'static str,
        /// The notice in words.
        text: String,
    },
    /// Over earlier than agreed.
    Cut {
        /// First instant after the new term.
        ends_at: Timestamp,
        /// Stable code.
        code: &'static str,
        /// The notice in words.
        text: String,
    },
}

/// What the catalog's present state means for a contract that runs until `ends_at`. A paused
/// product or a suspended authorization stops calls, not the contract.
pub fn consequence(offering: Option<&Offering>, ends_at: Timestamp) -> Option<Consequence> {
    let offering = offering?;
    if offering.status == ProductStatus::Delisted {
        let text = format!("product {} was delisted", offering.product.number);
        return Some(Consequence::End { code: "product.delisted", text });
    }
    let authorization = offering.authorization.as_ref()?;
    if offering.authorization_status == Some(AuthorizationStatus::Ended) {
        let text = format!("authorization {} has ended", authorization.number);
        return Some(Consequence::End { code: "authorization.ended", text });
    }
    let until = authorization.until.min(offering.product.valid_until).start();
    (until < ends_at).then(|| Consequence::Cut {
        ends_at: until,
        code: "authorization.shortened",
        text: format!("the term now ends with authorization {}", authorization.number),
    })
}

#[cfg(test)]
mod tests;
