//! Bills of an enterprise: the statements its home node holds, and one of them to print.

use actix_web::{HttpResponse, web};
use askama::Template;
use lianshi_market::subscription::Side;
use lianshi_store::{
    catalog,
    statements::{self, StatementPage, StatementQuery, StatementState, StatementView},
};
use serde::Deserialize;

use crate::{
    WebState,
    access::Caller,
    entered,
    form::Errors,
    names::{self, Names, Operations, Parties},
    page::{Page, render, render_as},
    problem::Problem,
    statement::Explained,
};

/// Which bills to list.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Wanted {
    #[serde(default)]
    period: String,
    #[serde(default)]
    state: String,
    #[serde(default)]
    page: String,
}

impl Wanted {
    /// As the store asks, or what is wrong at the field: a month that cannot be read shows nothing
    /// rather than everything.
    pub fn query(&self, page: &Page) -> Result<StatementQuery, Errors> {
        let period = match self.period.trim() {
            "" => None,
            typed => match entered::month(typed) {
                Some(period) => Some(period),
                None => return Err(Errors::one("period", page.t("period-wrong"))),
            },
        };
        let state = StatementState::parse(&self.state);
        if state.is_none() && !self.state.is_empty() {
            return Err(Errors::one("state", page.t("statement-state-wrong")));
        }
        let page = self.page.parse().unwrap_or(1);
        Ok(StatementQuery { period, state, page, ..StatementQuery::default() })
    }

    /// Whether they stand so.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "templates pass references")]
    pub fn stands(&self, state: &StatementState) -> bool {
        self.state == state.as_str()
    }

    /// The state asked for, as it was typed.
    pub fn state(&self) -> &str {
        &self.state
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
    errors: Errors,
}

/// `GET /bills`
pub async fn list(
    page: Page,
    caller: Caller,
    state: web::Data<WebState>,
    wanted: web::Query<Wanted>,
) -> Result<HttpResponse, Problem> {
    let (buyer, wanted) = (caller.user.organization, wanted.into_inner());
    let query = match wanted.query(&page) {
        Ok(query) => query,
        Err(errors) => {
            let (bills, names) = (StatementPage::default(), Names::default());
            let status = errors.status();
            return render_as(status, &ListPage { page, bills, names, wanted, errors });
        }
    };
    let (bills, names) = state
        .read(move |read| {
            let bills = statements::for_buyer(read, &buyer, &query)?;
            let names = names::of(read, bills.items.iter().map(|item| &item.product))?;
            Ok((bills, names))
        })
        .await?;
    render(&ListPage { page, bills, names, wanted, errors: Errors::default() })
}

#[derive(Template)]
#[template(path = "buying/bill.html")]
struct BillPage {
    page: Page,
    view: StatementView,
    lines: Vec<Explained>,
    product_name: String,
    buyer_name: String,
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
    let codes = [view.item.buyer.clone(), view.item.operator.clone()];
    let (offer, parties) = state
        .read(move |read| Ok((catalog::product(read, &number)?, Parties::of(read, codes.iter())?)))
        .await?;
    let operations = Operations::of(offer.as_ref());
    let name = offer.as_ref().map(|offer| page.of_texts(&offer.product.name).to_owned());
    render(&BillPage {
        lines: crate::statement::explain(&page, &view.document, &operations),
        product_name: name.unwrap_or_else(|| view.item.product.to_string()),
        buyer_name: parties.get(&page, &view.item.buyer, &view.item.buyer_name),
        operator_name: parties.get(&page, &view.item.operator, view.item.operator.as_str()),
        page,
        view,
        back,
    })
}
