//! Statements of other nodes that differ from what this node derives: finance reads the difference,
//! stands by the statement all the same or declines it, and says why.

use actix_web::{HttpResponse, http::header::LOCATION, web};
use askama::Template;
use lianshi_market::close::{Difference, WaitingState};
use lianshi_registry::refusal::Refusal as _;
use lianshi_store::{
    catalog,
    statements::{self, Verdict, WAITING_MAX, WaitingStatement},
};
use serde::Deserialize;

use crate::{
    WebState,
    access::Caller,
    account::settle,
    csrf::Posted,
    figures,
    form::Errors,
    names::{self, Names, Operations, Parties},
    page::{Page, render, render_as},
    problem::Problem,
    statement::Explained,
    text::Value,
};

#[derive(Template)]
#[template(path = "finance/differences.html")]
struct ListPage {
    page: Page,
    waiting: Vec<WaitingStatement>,
    names: Names,
    /// Further ones are not listed.
    more: bool,
}

/// `GET /finance/differences`
pub async fn list(page: Page, state: web::Data<WebState>) -> Result<HttpResponse, Problem> {
    let (waiting, names, count) = state
        .read(|read| {
            let waiting = statements::waiting(read)?;
            let names = names::of(read, waiting.iter().map(|one| &one.document.product))?;
            Ok((waiting, names, statements::waiting_count(read)?))
        })
        .await?;
    render(&ListPage { page, waiting, names, more: count > WAITING_MAX })
}

#[derive(Template)]
#[template(path = "finance/difference.html")]
struct OnePage {
    page: Page,
    view: WaitingStatement,
    lines: Vec<Explained>,
    product_name: String,
    buyer_name: String,
    note: String,
    errors: Errors,
}

/// `GET /finance/differences/{number}`
pub async fn show(
    page: Page,
    state: web::Data<WebState>,
    number: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let shown = one(page, &state, &number).await?;
    render(&shown)
}

async fn one(page: Page, state: &WebState, number: &str) -> Result<OnePage, Problem> {
    let number = number.to_owned();
    let (view, offer, parties) = state
        .read(move |read| {
            let Some(view) = statements::decided_of(read, &number)? else {
                return Ok((None, None, Parties::default()));
            };
            let offer = catalog::product(read, &view.document.product)?;
            let parties = Parties::of(read, [&view.document.buyer].into_iter())?;
            Ok((Some(view), offer, parties))
        })
        .await?;
    let view = view.ok_or(Problem::NotFound)?;
    let operations = Operations::of(offer.as_ref());
    let name = offer.as_ref().map(|offer| page.of_texts(&offer.product.name).to_owned());
    Ok(OnePage {
        lines: crate::statement::explain(&page, &view.document, &operations),
        product_name: name.unwrap_or_else(|| view.document.product.to_string()),
        buyer_name: parties.get(&page, &view.document.buyer, &view.document.buyer_name),
        page,
        view,
        note: String::new(),
        errors: Errors::default(),
    })
}

/// What is decided.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decided {
    verdict: String,
    #[serde(default)]
    note: String,
}

/// `POST /finance/differences/{number}`
pub async fn decide(
    page: Page,
    caller: Caller,
    state: web::Data<WebState>,
    (number, Posted(decided)): (web::Path<String>, Posted<Decided>),
) -> Result<HttpResponse, Problem> {
    let verdict = match decided.verdict.as_str() {
        "accept" => Verdict::Accept,
        "decline" => Verdict::Decline,
        other => return Err(Problem::Malformed(format!("verdict `{other}`"))),
    };
    let shown = one(page, &state, &number).await?;
    let (actor, note, wanted) = (caller.actor(), decided.note.clone(), number.into_inner());
    let of = wanted.clone();
    let outcome = state
        .run(move |site| settle(statements::decide(site, &actor, &of, (verdict, &note))))
        .await?;
    match outcome {
        Ok(()) => {
            let location = format!("/finance/differences/{wanted}");
            Ok(HttpResponse::SeeOther().insert_header((LOCATION, location)).finish())
        }
        Err(refused) => {
            let (status, errors) = Errors::refused(&shown.page, &refused, "note");
            render_as(status, &OnePage { note: decided.note, errors, ..shown })
        }
    }
}

/// A difference in words.
pub fn words(page: &Page, difference: &Difference) -> String {
    let count = |value: u64| Value::Number(i64::try_from(value).unwrap_or(i64::MAX));
    let text = |value: &dyn ToString| Value::Text(value.to_string());
    let yuan = |amount: &lianshi_market::money::Amount| Value::Text(figures::yuan(amount.fen()));
    let key = format!("difference-{}", difference.code().replace(['.', '_'], "-"));
    let values: Vec<(&'static str, Value)> = match difference {
        Difference::Terms { field, agreed, stated } => {
            vec![("field", text(field)), ("agreed", text(agreed)), ("stated", text(stated))]
        }
        Difference::PeriodAhead { period }
        | Difference::NotEarlier { period }
        | Difference::OutsideTerm { period }
        | Difference::FeeNotDue { period }
        | Difference::BilledBefore { period } => vec![("period", text(period))],
        Difference::Lines { period, stated, expected } => {
            vec![("period", text(period)), ("stated", yuan(stated)), ("expected", yuan(expected))]
        }
        Difference::Included { period, given, due } => {
            vec![("period", text(period)), ("given", count(*given)), ("due", count(*due))]
        }
        Difference::LateBase { period, operation, billed, stated } => vec![
            ("period", text(period)),
            ("operation", text(operation)),
            ("billed", count(billed.calls)),
            ("stated", count(stated.calls)),
        ],
        Difference::MoreThanReported { period, operation, stated, reported } => vec![
            ("period", text(period)),
            ("operation", text(operation)),
            ("stated", count(stated.calls)),
            ("reported", count(reported.calls)),
        ],
    };
    page.lang.text(&key, &values)
}
