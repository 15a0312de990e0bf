//! What an operator's products earned, and what each party was given of it.

use actix_web::{HttpResponse, web};
use askama::Template;
use lianshi_store::{
    allocations::{self, AllocationLine},
    statements::{self, Revenue},
};

use crate::{
    WebState,
    access::Caller,
    names::{self, Names},
    page::{Page, render},
    problem::Problem,
};

#[derive(Template)]
#[template(path = "providing/revenue.html")]
struct RevenuePage {
    page: Page,
    revenue: Vec<Revenue>,
    names: Names,
}

/// `GET /provider/revenue`
pub async fn show(
    page: Page,
    caller: Caller,
    state: web::Data<WebState>,
) -> Result<HttpResponse, Problem> {
    let operator = caller.user.organization;
    let (revenue, names) = state
        .read(move |read| {
            let revenue = statements::revenue(read, &operator)?;
            let names = names::of(read, revenue.iter().map(|line| &line.product))?;
            Ok((revenue, names))
        })
        .await?;
    render(&RevenuePage { page, revenue, names })
}

#[derive(Template)]
#[template(path = "providing/lines.html")]
struct LinesPage {
    page: Page,
    lines: Vec<AllocationLine>,
    names: Names,
}

/// `GET /contributor/lines`: what the caller's organization was given.
pub async fn lines(
    page: Page,
    caller: Caller,
    state: web::Data<WebState>,
) -> Result<HttpResponse, Problem> {
    let party = caller.user.organization;
    let (lines, names) = state
        .read(move |read| {
            let lines = allocations::for_party(read, &party)?;
            let names = names::of(read, lines.iter().map(|line| &line.product))?;
            Ok((lines, names))
        })
        .await?;
    render(&LinesPage { page, lines, names })
}
