//! Requests to decide and the subscriptions they became.

use actix_web::{HttpResponse, http::header::LOCATION, web};
use askama::Template;
use lianshi_market::{
    subscription::{Side, State, SubscriptionView},
    usage::{DayCount, total_calls},
};
use lianshi_store::{
    subscriptions::{self, Decision},
    usage,
};
use serde::Deserialize;

use crate::{
    WebState,
    access::Caller,
    account::settle,
    buying::subscriptions::{Reason, end_as},
    chart,
    contract::{self, Moment},
    csrf::Posted,
    page::{Page, render, render_as},
    plans,
    problem::Problem,
    refusal,
    session::Nothing,
};

/// Reasons an operator chooses from; the text beside says the rest.
const REASONS: [&str; 5] = ["purpose", "capacity", "qualification", "incomplete", "other"];

#[derive(Template)]
#[template(path = "providing/list.html")]
struct ListPage {
    page: Page,
    views: Vec<SubscriptionView>,
    requests: bool,
}

/// `GET /provider/requests`: what waits for a decision, oldest first.
pub async fn requests(
    page: Page,
    caller: Caller,
    state: web::Data<WebState>,
) -> Result<HttpResponse, Problem> {
    let operator = caller.user.organization;
    let mut views = state.read(move |read| subscriptions::for_provider(read, &operator)).await?;
    views.retain(|view| view.state == State::Requested);
    views.reverse();
    render(&ListPage { page, views, requests: true })
}

/// `GET /provider/subscriptions`
pub async fn list(
    page: Page,
    caller: Caller,
    state: web::Data<WebState>,
) -> Result<HttpResponse, Problem> {
    let operator = caller.user.organization;
    let views = state.read(move |read| subscriptions::for_provider(read, &operator)).await?;
    render(&ListPage { page, views, requests: false })
}

#[derive(Template)]
#[template(path = "providing/subscription.html")]
struct DetailPage {
    page: Page,
    view: SubscriptionView,
    moments: Vec<Moment>,
    days: Vec<DayCount>,
    total: u64,
    chart: String,
    reason: String,
    text: String,
    error: Option<String>,
}

/// `GET /provider/subscriptions/{id}`
pub async fn show(
    page: Page,
    caller: Caller,
    state: web::Data<WebState>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let view = contract::of_party(&state, &caller.user, (&id, Side::Provider)).await?;
    render(&detail(page, &state, view).await?)
}

async fn detail(
    page: Page,
    state: &WebState,
    view: SubscriptionView,
) -> Result<DetailPage, Problem> {
    let id = view.id.clone();
    let (history, days) = state
        .read(move |read| {
            let history = subscriptions::history(read, &id, Side::Provider)?;
            Ok((history, usage::usage_days(read, id.as_str())?))
        })
        .await?;
    Ok(DetailPage {
        moments: contract::timeline(&page, &view, &history),
        total: total_calls(&days),
        chart: chart::of_days(&page, &days),
        page,
        view,
        days,
        reason: String::new(),
        text: String::new(),
        error: None,
    })
}

/// `POST /provider/subscriptions/{id}/agree`
pub async fn agree(
    page: Page,
    caller: Caller,
    state: web::Data<WebState>,
    (id, _): (web::Path<String>, Posted<Nothing>),
) -> Result<HttpResponse, Problem> {
    let said = Said { decision: Decision::Approve, reason: String::new(), text: String::new() };
    decide(page, caller, &state, (&id, said)).await
}

/// Why a request is refused.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefuseForm {
    #[serde(default)]
    reason: String,
    #[serde(default)]
    text: String,
}

/// `POST /provider/subscriptions/{id}/refuse`
pub async fn refuse(
    page: Page,
    caller: Caller,
    state: web::Data<WebState>,
    (id, form): (web::Path<String>, Posted<RefuseForm>),
) -> Result<HttpResponse, Problem> {
    let RefuseForm { reason, text } = form.0;
    let known = REASONS.contains(&reason.as_str());
    // The reason goes to the enterprise in the words chosen here, so that both nodes hold the same
    // text.
    let chosen = if known { page.word("refuse", &reason) } else { String::new() };
    let words = match (chosen.is_empty(), text.trim()) {
        (true, _) => String::new(),
        (false, "") => chosen,
        (false, text) => page.t2("reason-with-text", &("reason", chosen), &("text", text)),
    };
    let said = Said { decision: Decision::Refuse { text: words }, reason, text };
    decide(page, caller, &state, (&id, said)).await
}

/// A decision and the form it came from.
struct Said {
    decision: Decision,
    reason: String,
    text: String,
}

async fn decide(
    page: Page,
    caller: Caller,
    state: &WebState,
    (id, said): (&str, Said),
) -> Result<HttpResponse, Problem> {
    let view = contract::of_party(state, &caller.user, (id, Side::Provider)).await?;
    let (key, actor, decision) = (view.id.clone(), caller.actor(), said.decision);
    let outcome =
        state.run(move |site| settle(subscriptions::decide(site, &actor, &key, decision))).await?;
    match outcome {
        Ok(()) => {
            let location = format!("/provider/subscriptions/{}", view.id);
            Ok(HttpResponse::SeeOther().insert_header((LOCATION, location)).finish())
        }
        Err(refused) => {
            let (status, words) = refusal::explain(&page, &refused);
            let shown = detail(page, state, view).await?;
            let (reason, text) = (said.reason, said.text);
            render_as(status, &DetailPage { reason, text, error: Some(words), ..shown })
        }
    }
}

/// `POST /provider/subscriptions/{id}/end`
pub async fn end(
    page: Page,
    caller: Caller,
    state: web::Data<WebState>,
    (id, form): (web::Path<String>, Posted<Reason>),
) -> Result<HttpResponse, Problem> {
    end_as(page, caller, &state, (&id, Side::Provider, form.0.reason)).await
}
