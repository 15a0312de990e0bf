//! Bills of an enterprise: the statements its home node holds, and one of them to print.

use actix_web::{HttpResponse, web};
use askama::Template;
use lianshi_market::subscription::Side;
use lianshi_registry::time::Period;
use lianshi_store::{
    catalog,
    statements::{self, StatementPage, StatementQuery, StatementView},
};
use serde::Deserialize;

use crate::{
    WebState,
    access::Caller,
    names::{self, Names, Operations},
    page::{Page, render},
    problem::Problem,
    statement::Explained,
};

/// Which bills to list.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Wanted {
    #[serde(default)]
    period: String,
    #[serde(default)]
    page: String,
}

impl Wanted {
    /// As the store asks; what does not parse is not asked for.
    pub fn query(&self) -> StatementQuery {
        StatementQuery {
            period: Period::parse(&self.period).ok(),
            product: None,
            page: self.page.parse().unwrap_or(1),
        }
    }

    /// The period asked for, as it was typed.
    pub fn period(&self) -> &str {
        &self.period
    }
}

#[derive(Template)]
#[template(path = "buying/bills.html")]
struct ListPage {
    page: Page,
    bills: StatementPage,
    names: Names,
    wanted: Wanted,
}

/// `GET /bills`
pub async fn list(
    page: Page,
    caller: Caller,
    state: web::Data<WebState>,
    wanted: web::Query<Wanted>,
) -> Result<HttpResponse, Problem> {
    let (buyer, query) = (caller.user.organization, wanted.query());
    let (bills, names) = state
        .read(move |read| {
            let bills = statements::for_buyer(read, &buyer, &query)?;
            let names = names::of(read, bills.items.iter().map(|item| &item.product))?;
            Ok((bills, names))
        })
        .await?;
    render(&ListPage { page, bills, names, wanted: wanted.into_inner() })
}

#[derive(Template)]
#[template(path = "buying/bill.html")]
struct BillPage {
    page: Page,
    view: StatementView,
    lines: Vec<Explained>,
    product_name: String,
    operator_name: String,
    back: &'static str,
}

/// `GET /bills/{number}`
pub async fn show(
    page: Page,
    caller: Caller,
    state: web::Data<WebState>,
    number: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let buyer = caller.user.organization;
    let found = state.read(move |read| statements::by_number(read, &number, Side::Home)).await?;
    let view = found.filter(|view| view.item.buyer == buyer).ok_or(Problem::NotFound)?;
    show_statement(page, &state, view, "/bills").await
}

/// The page of a statement, whoever may see it.
pub async fn show_statement(
    page: Page,
    state: &WebState,
    view: StatementView,
    back: &'static str,
) -> Result<HttpResponse, Problem> {
    let number = view.item.product.clone();
    let offer = state.read(move |read| catalog::product(read, &number)).await?;
    let operations = Operations::of(offer.as_ref());
    let name = offer.as_ref().map(|offer| page.of_texts(&offer.product.name).to_owned());
    let operator = offer.and_then(|offer| offer.operator);
    let operator = operator.map(|operator| page.of_texts(&operator.name).to_owned());
    render(&BillPage {
        lines: crate::statement::explain(&page, &view.document, &operations),
        product_name: name.unwrap_or_else(|| view.item.product.to_string()),
        operator_name: operator.unwrap_or_else(|| view.item.operator.to_string()),
        page,
        view,
        back,
    })
}
