//! My subscriptions: the list, one with its timeline and reasons, and its end.

use actix_web::{HttpResponse, http::header::LOCATION, web};
use askama::Template;
use lianshi_market::subscription::{Side, SubscriptionView};
use lianshi_store::{
    accounts::Role,
    subscriptions::{self, Decision},
};
use serde::Deserialize;

use crate::{
    WebState,
    access::Caller,
    account::settle,
    contract::{self, Moment},
    csrf::Posted,
    page::{Page, render, render_as},
    plans,
    problem::Problem,
    refusal,
};

#[derive(Template)]
#[template(path = "buying/subscriptions.html")]
struct ListPage {
    page: Page,
    views: Vec<SubscriptionView>,
}

/// `GET /subscriptions`
pub async fn list(
    page: Page,
    caller: Caller,
    state: web::Data<WebState>,
) -> Result<HttpResponse, Problem> {
    let buyer = caller.user.organization;
    let views = state.read(move |read| subscriptions::for_buyer(read, &buyer)).await?;
    render(&ListPage { page, views })
}

#[derive(Template)]
#[template(path = "buying/subscription.html")]
struct DetailPage {
    page: Page,
    view: SubscriptionView,
    moments: Vec<Moment>,
    may_act: bool,
}

/// `GET /subscriptions/{id}`
pub async fn show(
    page: Page,
    caller: Caller,
    state: web::Data<WebState>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let view = contract::of_party(&state, &caller.user, (&id, Side::Home)).await?;
    let key = view.id.clone();
    let history = state.read(move |read| subscriptions::history(read, &key, Side::Home)).await?;
    let moments = contract::timeline(&page, &view, &history);
    let may_act = caller.user.has(Role::Buyer);
    render(&DetailPage { page, view, moments, may_act })
}

#[derive(Template)]
#[template(path = "buying/end.html")]
struct EndPage {
    page: Page,
    view: SubscriptionView,
    reason: String,
    error: Option<String>,
    back: String,
}

/// `GET /subscriptions/{id}/end`: what ending means, before it is done.
pub async fn ask_end(
    page: Page,
    caller: Caller,
    state: web::Data<WebState>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let view = contract::of_party(&state, &caller.user, (&id, Side::Home)).await?;
    let back = format!("/subscriptions/{}", view.id);
    render(&EndPage { page, view, reason: String::new(), error: None, back })
}

/// Why a subscription is ended.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// In words the other side reads.
    #[serde(default)]
    pub reason: String,
}

/// `POST /subscriptions/{id}/end`
pub async fn end(
    page: Page,
    caller: Caller,
    state: web::Data<WebState>,
    (id, form): (web::Path<String>, Posted<Reason>),
) -> Result<HttpResponse, Problem> {
    end_as(page, caller, &state, (&id, Side::Home, form.0.reason)).await
}

/// Ends a subscription from either side and shows the form again when that is refused.
pub async fn end_as(
    page: Page,
    caller: Caller,
    state: &WebState,
    (id, side, reason): (&str, Side, String),
) -> Result<HttpResponse, Problem> {
    let view = contract::of_party(state, &caller.user, (id, side)).await?;
    let back = match side {
        Side::Home => format!("/subscriptions/{}", view.id),
        Side::Provider => format!("/provider/subscriptions/{}", view.id),
    };
    let (key, actor, text) = (view.id.clone(), caller.actor(), reason.clone());
    let outcome =
        state.run(move |site| settle(subscriptions::end(site, &actor, &key, &text))).await?;
    match outcome {
        Ok(()) => Ok(HttpResponse::SeeOther().insert_header((LOCATION, back)).finish()),
        Err(refused) => {
            let (status, words) = refusal::explain(&page, &refused);
            render_as(status, &EndPage { page, view, reason, error: Some(words), back })
        }
    }
}

/// `GET /provider/subscriptions/{id}/end`: the same page for the operator.
pub async fn ask_end_as_provider(
    page: Page,
    caller: Caller,
    state: web::Data<WebState>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let view = contract::of_party(&state, &caller.user, (&id, Side::Provider)).await?;
    let back = format!("/provider/subscriptions/{}", view.id);
    render(&EndPage { page, view, reason: String::new(), error: None, back })
}

/// The buyer's answer to an offer.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    #[serde(default)]
    answer: String,
    #[serde(default)]
    reason: String,
}

/// `POST /subscriptions/{id}/offer`: takes the offered terms or declines them.
pub async fn answer_offer(
    caller: Caller,
    state: web::Data<WebState>,
    (id, form): (web::Path<String>, Posted<Answer>),
) -> Result<HttpResponse, Problem> {
    let view = contract::of_party(&state, &caller.user, (&id, Side::Home)).await?;
    let back = format!("/subscriptions/{}", view.id);
    let decision = match form.0.answer.as_str() {
        "accept" => Decision::Accept,
        "decline" => Decision::Decline { text: form.0.reason },
        other => return Err(Problem::Malformed(format!("`{other}` is no answer"))),
    };
    let actor = caller.actor();
    state.run(move |site| Ok(subscriptions::decide(site, &actor, &view.id, decision)?)).await?;
    Ok(HttpResponse::SeeOther().insert_header((LOCATION, back)).finish())
}
