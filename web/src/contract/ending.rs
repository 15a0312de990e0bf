//! Ending a subscription, from either side: what it means, the reason, and the end.

use actix_web::{HttpResponse, http::header::LOCATION};
use askama::Template;
use lianshi_market::subscription::{Side, SubscriptionView};
use lianshi_store::subscriptions;
use serde::Deserialize;

use super::{address, of_party};
use crate::{
    WebState,
    access::Caller,
    account::settle,
    form::Errors,
    page::{Page, render, render_as},
    problem::Problem,
};

#[derive(Template)]
#[template(path = "contract/end.html")]
struct EndPage {
    page: Page,
    back: String,
    view: SubscriptionView,
    reason: String,
    errors: Errors,
}

/// Why a subscription is ended.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// In words the other side reads.
    #[serde(default)]
    pub reason: String,
}

/// The page that asks, before anything is done.
pub async fn ask(
    page: Page,
    caller: Caller,
    state: &WebState,
    (id, side): (&str, Side),
) -> Result<HttpResponse, Problem> {
    let view = of_party(state, &caller.user, (id, side)).await?;
    let (back, reason) = (address(&view), String::new());
    render(&EndPage { page, back, view, reason, errors: Errors::default() })
}

/// Ends it, or shows the form again with what was wrong.
pub async fn end(
    page: Page,
    caller: Caller,
    state: &WebState,
    (id, side, Reason { reason }): (&str, Side, Reason),
) -> Result<HttpResponse, Problem> {
    let view = of_party(state, &caller.user, (id, side)).await?;
    let back = address(&view);
    let (key, actor, text) = (view.id.clone(), caller.actor(), reason.clone());
    let outcome =
        state.run(move |site| settle(subscriptions::end(site, &actor, &key, &text))).await?;
    match outcome {
        Ok(()) => Ok(HttpResponse::SeeOther().insert_header((LOCATION, back)).finish()),
        Err(refused) => {
            let (status, errors) = Errors::refused(&page, &refused, "reason");
            render_as(status, &EndPage { page, back, view, reason, errors })
        }
    }
}
