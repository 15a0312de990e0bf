//! My subscriptions: the list, one with its timeline and reasons, an answer to an offer, its end.

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
    contract::{
        self, Dossier, address,
        ending::{self, Reason},
    },
    csrf::Posted,
    form::Errors,
    page::{Page, render, render_as},
    plans,
    problem::Problem,
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
    dossier: Dossier,
    may_act: bool,
    reason: String,
    errors: Errors,
}

/// `GET /subscriptions/{id}`
pub async fn show(
    page: Page,
    caller: Caller,
    state: web::Data<WebState>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let dossier = Dossier::load(&page, &state, &caller.user, (&id, Side::Home)).await?;
    let may_act = caller.user.has(Role::Buyer);
    let errors = Errors::default();
    render(&DetailPage { page, dossier, may_act, reason: String::new(), errors })
}

/// `GET /subscriptions/{id}/end`: what ending means, before it is done.
pub async fn ask_end(
    page: Page,
    caller: Caller,
    state: web::Data<WebState>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    ending::ask(page, caller, &state, (&id, Side::Home)).await
}

/// `POST /subscriptions/{id}/end`
pub async fn end(
    page: Page,
    caller: Caller,
    state: web::Data<WebState>,
    (id, form): (web::Path<String>, Posted<Reason>),
) -> Result<HttpResponse, Problem> {
    ending::end(page, caller, &state, (&id, Side::Home, form.0)).await
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
    page: Page,
    caller: Caller,
    state: web::Data<WebState>,
    (id, form): (web::Path<String>, Posted<Answer>),
) -> Result<HttpResponse, Problem> {
    let dossier = Dossier::load(&page, &state, &caller.user, (&id, Side::Home)).await?;
    let Answer { answer, reason } = form.0;
    let decision = match answer.as_str() {
        "accept" => Decision::Accept,
        "decline" => Decision::Decline { text: reason.clone() },
        other => return Err(Problem::Malformed(format!("`{other}` is no answer"))),
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
            let (status, errors) = Errors::refused(&page, &refused, "reason");
            let may_act = caller.user.has(Role::Buyer);
            render_as(status, &DetailPage { page, dossier, may_act, reason, errors })
        }
    }
}
