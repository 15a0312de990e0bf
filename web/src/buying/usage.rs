//! Usage of a subscription: what the provider last reported, and how old that is.

use actix_web::{HttpResponse, web};
use askama::Template;
use lianshi_market::{subscription::Side, usage::Recount};
use lianshi_registry::time::Timestamp;
use lianshi_store::usage;

use crate::{
    WebState,
    access::Caller,
    chart,
    contract::Dossier,
    months::{self, Month},
    page::{Page, render},
    problem::Problem,
    text::{Count as _, Value},
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
    /// The count fell once: the serving node lost records.
    recounted: Option<String>,
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
    let as_of = reported.as_ref().map(|reported| reported.as_of);
    let recounted = reported.as_ref().and_then(|reported| reported.recounted);
    let days = reported.map(|reported| reported.days).unwrap_or_default();
    render(&UsagePage {
        counted: as_of
            .map(|at| page.t2("usage-as-of", &("time", page.time(&at)), &("ago", page.ago(&at)))),
        recounted: recounted.map(|(at, recount)| recount_words(&page, at, recount)),
        old: dossier.silent,
        total: lianshi_market::usage::total_calls(&days),
        chart: chart::of_days(&page, &days),
        months: months::of(&days),
        page,
        dossier,
    })
}

/// That the count fell, when and by how much, so that nobody has to notice by themselves.
fn recount_words(page: &Page, at: Timestamp, recount: Recount) -> String {
    page.lang.text(
        "usage-recounted",
        &[
            ("time", Value::Text(page.time(&at))),
            ("before", Value::Number(recount.before.count())),
            ("now", Value::Number(recount.now.count())),
        ],
    )
}
