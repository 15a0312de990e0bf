//! What an operator's products earned.

use actix_web::{HttpResponse, web};
use askama::Template;
use lianshi_store::statements::{self, Revenue};

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
