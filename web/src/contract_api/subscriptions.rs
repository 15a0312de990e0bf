//! Asking for, deciding and ending subscriptions.

use actix_web::{
    HttpResponse,
    http::header::LOCATION,
    web::{Data, Path},
};
use lianshi_market::subscription::{Side, SubscriptionId, SubscriptionView};
use lianshi_registry::{entry::Purpose, id::RegistrationNumber, word::Word as _};
use lianshi_store::{
    accounts::{Role, User},
    catalog,
    subscriptions::{self, Decision, RequestSubscription},
};
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use serde_json::Number;
use utoipa::ToSchema;

use super::shape::Subscription;
use crate::{
    WebState,
    access::Caller,
    body::Body,
    contract,
    problem::{Problem, ProblemDetails},
};

/// The sides a person's roles let them see, the bought one first.
fn sides(user: &User) -> Vec<Side> {
    let buys = user.has(Role::Buyer) || user.has(Role::OrgAdmin);
    let home = buys.then_some(Side::Home);
    home.into_iter().chain(user.has(Role::Provider).then_some(Side::Provider)).collect()
}

/// The copy the caller may see, whichever side it is.
pub async fn find(state: &WebState, user: &User, id: &str) -> Result<SubscriptionView, Problem> {
    let id = SubscriptionId::parse(id).map_err(|_| Problem::NotFound)?;
    let user = user.clone();
    let found = state
        .read(move |read| {
            for side in sides(&user) {
                if let Some(view) = contract::find(read, &user, (&id, side))? {
                    return Ok(Some(view));
                }
            }
            Ok(None)
        })
        .await?;
    found.ok_or(Problem::NotFound)
}

/// Subscriptions of the caller's organization.
#[derive(Debug, Serialize, ToSchema)]
pub struct Subscriptions {
    /// How many.
    total: usize,
    /// Newest first.
    items: Vec<Subscription>,
}

/// The subscriptions of the caller's organization: those it bought and those to its products.
#[utoipa::path(get, path = "/api/v1/subscriptions", tag = "contracts",
    operation_id = "list_subscriptions",
    responses((status = 200, body = Subscriptions), (status = 401, body = ProblemDetails)))]
pub async fn list(caller: Caller, state: Data<WebState>) -> Result<HttpResponse, Problem> {
    let now = state.site.now();
    let user = caller.user;
    let views = state
        .read(move |read| {
            let mut views = Vec::new();
            for side in sides(&user) {
                views.extend(match side {
                    Side::Home => subscriptions::for_buyer(read, &user.organization)?,
                    Side::Provider => subscriptions::for_provider(read, &user.organization)?,
                });
            }
            Ok(views)
        })
        .await?;
    let items: Vec<Subscription> =
        views.into_iter().map(|view| Subscription::of(view, &[], now)).collect();
    Ok(HttpResponse::Ok().json(Subscriptions { total: items.len(), items }))
}

/// A subscription to ask for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// Registration number of the product.
    #[schema(pattern = "^[0-9]{6}-P-[0-9]{4}-[0-9]{7}-[0-9A-Z]$")]
    product: String,
    /// Code of the plan.
    plan: String,
    /// `industry` or `public_good`; the plan's when left out.
    #[schema(pattern = "^(industry|public_good)$")]
    purpose: Option<String>,
    /// What it will be used for.
    purpose_note: String,
    /// Term in months.
    #[serde(deserialize_with = "whole_number")]
    months: u32,
    /// Why another subscription is needed, for a product the organization holds one to. A person of
    /// the operator reads it.
    #[serde(default)]
    second_reason: String,
}

/// A whole number as JSON Schema means it: `3.0` is one too.
fn whole_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let number = Number::deserialize(deserializer)?;
    let text = number.to_string();
    let whole = text.strip_suffix(".0").unwrap_or(&text);
    whole.parse().map_err(|_| D::Error::custom(format!("{text} is no number of months")))
}

/// Asks for a subscription. The product's node decides; the answer tells the number.
#[utoipa::path(post, path = "/api/v1/subscriptions", tag = "contracts", request_body = Wanted,
    operation_id = "request_subscription",
    responses((status = 201, body = Subscription), (status = 422, body = ProblemDetails)))]
pub async fn request(
    caller: Caller,
    state: Data<WebState>,
    wanted: Body<Wanted>,
) -> Result<HttpResponse, Problem> {
    let wanted = wanted.0;
    // What cannot be a number is no product either.
    let product = RegistrationNumber::parse(&wanted.product).map_err(|_| Problem::NotFound)?;
    let purpose = purpose_asked(&state, &product, &wanted).await?;
    let (user, actor) = (caller.user.clone(), caller.actor());
    let order = RequestSubscription {
        product,
        plan: wanted.plan,
        purpose,
        purpose_note: wanted.purpose_note,
        months: wanted.months,
        buyer: user.organization.clone(),
        buyer_name: user.organization_name.zh.clone(),
        second_reason: wanted.second_reason,
    };
    let id = state.run(move |site| Ok(subscriptions::request(site, &actor, order)?)).await?;
    let view = find(&state, &caller.user, id.as_str()).await?;
    let location = format!("/api/v1/subscriptions/{id}");
    let body = Subscription::of(view, &[], state.site.now());
    Ok(HttpResponse::Created().insert_header((LOCATION, location)).json(body))
}

async fn purpose_asked(
    state: &WebState,
    product: &RegistrationNumber,
    wanted: &Wanted,
) -> Result<Purpose, Problem> {
    if let Some(code) = &wanted.purpose {
        return Purpose::read(code)
            .ok_or_else(|| Problem::Malformed(format!("`{code}` is no purpose")));
    }
    let (number, plan) = (product.clone(), wanted.plan.clone());
    let offer = state.read(move |read| catalog::product(read, &number)).await?;
    Ok(offer
        .and_then(|offer| offer.plan(&plan).map(|plan| plan.purpose))
        .unwrap_or(Purpose::Industry))
}

/// One subscription with its state, reasons and history.
#[utoipa::path(get, path = "/api/v1/subscriptions/{id}", tag = "contracts",
    operation_id = "show_subscription",
    params(("id" = String, Path)),
    responses((status = 200, body = Subscription), (status = 404, body = ProblemDetails)))]
pub async fn show(
    caller: Caller,
    state: Data<WebState>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let view = find(&state, &caller.user, &id).await?;
    let (key, side) = (view.id.clone(), view.side);
    let history = state.read(move |read| subscriptions::history(read, &key, side)).await?;
    Ok(HttpResponse::Ok().json(Subscription::of(view, &history, state.site.now())))
}

/// A decision.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Decided {
    /// The operator's `agree` or `refuse` to a request, the enterprise's `accept` or `decline` to
    /// an offer.
    #[schema(pattern = "^(agree|refuse|accept|decline)$")]
    decision: String,
    /// Why, for `refuse` and `decline`.
    #[serde(default)]
    reason: String,
}

/// Decides a request or answers an offer.
#[utoipa::path(post, path = "/api/v1/subscriptions/{id}/decision", tag = "contracts",
    operation_id = "decide_subscription",
    params(("id" = String, Path)), request_body = Decided,
    responses((status = 200, body = Subscription), (status = 404, body = ProblemDetails),
        (status = 422, body = ProblemDetails)))]
pub async fn decide(
    caller: Caller,
    state: Data<WebState>,
    (id, decided): (Path<String>, Body<Decided>),
) -> Result<HttpResponse, Problem> {
    let Decided { decision, reason } = decided.0;
    let (side, decision) = match decision.as_str() {
        "agree" => (Side::Provider, Decision::Approve),
        "refuse" => (Side::Provider, Decision::Refuse { text: reason }),
        "accept" => (Side::Home, Decision::Accept),
        "decline" => (Side::Home, Decision::Decline { text: reason }),
        other => return Err(Problem::Malformed(format!("`{other}` is no decision"))),
    };
    let role = match side {
        Side::Provider => Role::Provider,
        Side::Home => Role::Buyer,
    };
    if !caller.user.has(role) {
        return Err(Problem::Forbidden);
    }
    let view = contract::of_party(&state, &caller.user, (&id, side)).await?;
    let (actor, key) = (caller.actor(), view.id.clone());
    state.run(move |site| Ok(subscriptions::decide(site, &actor, &key, decision)?)).await?;
    let view = contract::of_party(&state, &caller.user, (&id, side)).await?;
    Ok(HttpResponse::Ok().json(Subscription::of(view, &[], state.site.now())))
}

/// Why it is ended.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EndReason {
    /// Read by the other side.
    reason: String,
}

/// Withdraws a request or ends a subscription, from either side.
#[utoipa::path(post, path = "/api/v1/subscriptions/{id}/end", tag = "contracts",
    operation_id = "end_subscription",
    params(("id" = String, Path)), request_body = EndReason,
    responses((status = 200, body = Subscription), (status = 404, body = ProblemDetails),
        (status = 422, body = ProblemDetails)))]
pub async fn end(
    caller: Caller,
    state: Data<WebState>,
    (id, reason): (Path<String>, Body<EndReason>),
) -> Result<HttpResponse, Problem> {
    let view = find(&state, &caller.user, &id).await?;
    let (actor, key, text) = (caller.actor(), view.id, reason.0.reason);
    state.run(move |site| Ok(subscriptions::end(site, &actor, &key, &text)?)).await?;
    let view = find(&state, &caller.user, &id).await?;
    Ok(HttpResponse::Ok().json(Subscription::of(view, &[], state.site.now())))
}
