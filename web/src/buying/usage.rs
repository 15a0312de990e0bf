//! Usage of a subscription: what the provider last reported, and how old that is.

use actix_web::{HttpResponse, web};
use askama::Template;
use lianshi_market::{
    subscription::{Side, SubscriptionView},
    usage::DayCount,
};
use lianshi_store::usage;

use crate::{
    WebState,
    access::Caller,
    chart, contract,
    page::{Page, render},
    problem::Problem,
};

/// Beyond this a count is called old: reports come within two seconds of a change.
const FRESH_MS: i64 = 60_000;

#[derive(Template)]
#[template(path = "buying/usage.html")]
struct UsagePage {
    page: Page,
    view: SubscriptionView,
    days: Vec<DayCount>,
    total: u64,
    chart: String,
    /// When the count was made, in words; absent before the first report.
    counted: Option<String>,
    old: bool,
}

/// `GET /subscriptions/{id}/usage`
pub async fn show(
    page: Page,
    caller: Caller,
    state: web::Data<WebState>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let view = contract::of_party(&state, &caller.user, (&id, Side::Home)).await?;
    let key = view.id.to_string();
    let reported = state.read(move |read| usage::reported_usage(read, &key)).await?;
    let as_of = reported.as_ref().map(|reported| reported.received_at);
    let days = reported.map(|reported| reported.days).unwrap_or_default();
    render(&UsagePage {
        counted: as_of
            .map(|at| page.t2("usage-as-of", &("time", page.time(&at)), &("ago", page.ago(&at)))),
        old: as_of.is_some_and(|at| page.now.millis() - at.millis() > FRESH_MS),
        total: lianshi_market::usage::total_calls(&days),
        chart: chart::of_days(&page, &days),
        page,
        view,
        days,
    })
}
