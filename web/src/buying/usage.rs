//! Usage of a subscription: what the provider last reported, and how old that is.

use actix_web::{HttpResponse, web};
use askama::Template;
use lianshi_market::subscription::Side;
use lianshi_store::usage;

use crate::{
    WebState,
    access::Caller,
    chart,
    contract::Dossier,
    months::{self, Month},
    page::{Page, render},
    problem::Problem,
};

#[derive(Template)]
#[template(path = "buying/usage.html")]
struct UsagePage {
    page: Page,
    dossier: Dossier,
    months: Vec<Month>,
    total: u64,
    chart: String,
    /// When the count was made, in words; absent before the first report.
    counted: Option<String>,
    /// Nothing was heard of the provider's node lately, so there may be calls not shown here.
    old: bool,
}

/// `GET /subscriptions/{id}/usage`
pub async fn show(
    page: Page,
    caller: Caller,
    state: web::Data<WebState>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let dossier = Dossier::load(&page, &state, &caller.user, (&id, Side::Home)).await?;
    let key = dossier.view.id.to_string();
    let reported = state.read(move |read| usage::reported_usage(read, &key)).await?;
    let as_of = reported.as_ref().map(|reported| reported.received_at);
    let days = reported.map(|reported| reported.days).unwrap_or_default();
    render(&UsagePage {
        counted: as_of
            .map(|at| page.t2("usage-as-of", &("time", page.time(&at)), &("ago", page.ago(&at)))),
        old: dossier.silent,
        total: lianshi_market::usage::total_calls(&days),
        chart: chart::of_days(&page, &days),
        months: months::of(&days),
        page,
        dossier,
    })
}
