//! Requests to decide and the subscriptions they became.

use actix_web::{HttpResponse, http::header::LOCATION, web};
use askama::Template;
use lianshi_market::{
    subscription::{Side, State, SubscriptionView},
    usage::total_calls,
};
use lianshi_registry::uscc::Uscc;
use lianshi_store::{
    subscriptions::{self, Decision},
    usage,
};
use serde::Deserialize;

use crate::{
    WebState,
    access::Caller,
    account::settle,
    chart,
    contract::{
        self, Dossier, address,
        ending::{self, Reason},
    },
    csrf::Posted,
    form::Errors,
    months::{self, Month},
    names::Parties,
    page::{Page, render, render_as},
    problem::Problem,
    session::Nothing,
};

/// Reasons an operator chooses from; the text beside says the rest.
const REASONS: [&str; 5] = ["purpose", "capacity", "qualification", "incomplete", "other"];

#[derive(Template)]
#[template(path = "providing/list.html")]
struct ListPage {
    page: Page,
    views: Vec<SubscriptionView>,
    buyers: Parties,
    requests: bool,
}

/// The subscriptions to an operator's products, with what their buyers are called.
async fn provided(
    state: &WebState,
    operator: Uscc,
) -> Result<(Vec<SubscriptionView>, Parties), Problem> {
    let found = state.read(move |read| {
        let views = subscriptions::for_provider(read, &operator)?;
        let buyers = Parties::of(read, views.iter().map(|view| &view.buyer))?;
        Ok((views, buyers))
    });
    found.await
}

/// `GET /provider/requests`: what waits for a decision, oldest first.
pub async fn requests(
    page: Page,
    caller: Caller,
    state: web::Data<WebState>,
) -> Result<HttpResponse, Problem> {
    let (mut views, buyers) = provided(&state, caller.user.organization).await?;
    views.retain(|view| view.state == State::Requested);
    views.reverse();
    render(&ListPage { page, views, buyers, requests: true })
}

/// `GET /provider/subscriptions`
pub async fn list(
    page: Page,
    caller: Caller,
    state: web::Data<WebState>,
) -> Result<HttpResponse, Problem> {
    let (views, buyers) = provided(&state, caller.user.organization).await?;
    render(&ListPage { page, views, buyers, requests: false })
}

#[derive(Template)]
#[template(path = "providing/subscription.html")]
struct DetailPage {
    page: Page,
    dossier: Dossier,
    months: Vec<Month>,
    total: u64,
    chart: String,
    form: RefuseForm,
    errors: Errors,
}

/// `GET /provider/subscriptions/{id}`
pub async fn show(
    page: Page,
    caller: Caller,
    state: web::Data<WebState>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let dossier = Dossier::load(&page, &state, &caller.user, (&id, Side::Provider)).await?;
    render(&detail(page, &state, dossier).await?)
}

async fn detail(page: Page, state: &WebState, dossier: Dossier) -> Result<DetailPage, Problem> {
    let id = dossier.view.id.clone();
    let days = state.read(move |read| usage::usage_days(read, id.as_str())).await?;
    Ok(DetailPage {
        total: total_calls(&days),
        chart: chart::of_days(&page, &days),
        months: months::of(&days),
        page,
        dossier,
        form: RefuseForm::default(),
        errors: Errors::default(),
    })
}

/// `POST /provider/subscriptions/{id}/agree`
pub async fn agree(
    page: Page,
    caller: Caller,
    state: web::Data<WebState>,
    (id, _): (web::Path<String>, Posted<Nothing>),
) -> Result<HttpResponse, Problem> {
    decide(page, caller, &state, (&id, Decision::Approve, RefuseForm::default())).await
}

/// Why a request is refused.
#[derive(Debug, Default, Deserialize)]
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
    let form = form.0;
    let known = REASONS.contains(&form.reason.as_str());
    // The reason goes to the enterprise in the words chosen here, so that both nodes hold the same
    // text.
    let chosen = if known { page.word("refuse", &form.reason) } else { String::new() };
    let text = match (chosen.is_empty(), form.text.trim()) {
        (true, _) => String::new(),
        (false, "") => chosen,
        (false, text) => page.t2("reason-with-text", &("reason", chosen), &("text", text)),
    };
    decide(page, caller, &state, (&id, Decision::Refuse { text }, form)).await
}

/// Decides, or shows the form again with what was wrong.
async fn decide(
    page: Page,
    caller: Caller,
    state: &WebState,
    (id, decision, form): (&str, Decision, RefuseForm),
) -> Result<HttpResponse, Problem> {
    let dossier = Dossier::load(&page, state, &caller.user, (id, Side::Provider)).await?;
    let field = match &decision {
        Decision::Refuse { .. } if form.reason.is_empty() => "reason",
        Decision::Refuse { .. } => "text",
        _ => "agree",
    };
    let (key, actor) = (dossier.view.id.clone(), caller.actor());
    let outcome =
        state.run(move |site| settle(subscriptions::decide(site, &actor, &key, decision))).await?;
    match outcome {
        Ok(()) => {
            let location = (LOCATION, address(&dossier.view));
            Ok(HttpResponse::SeeOther().insert_header(location).finish())
        }
        Err(refused) => {
            let (status, errors) = Errors::refused(&page, &refused, field);
            let shown = detail(page, state, dossier).await?;
            render_as(status, &DetailPage { form, errors, ..shown })
        }
    }
}

/// `GET /provider/subscriptions/{id}/end`: what ending means, before it is done.
pub async fn ask_end(
    page: Page,
    caller: Caller,
    state: web::Data<WebState>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    ending::ask(page, caller, &state, (&id, Side::Provider)).await
}

/// `POST /provider/subscriptions/{id}/end`
pub async fn end(
    page: Page,
    caller: Caller,
    state: web::Data<WebState>,
    (id, form): (web::Path<String>, Posted<Reason>),
) -> Result<HttpResponse, Problem> {
    ending::end(page, caller, &state, (&id, Side::Provider, form.0)).await
}
