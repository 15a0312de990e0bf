//! What the node's finance staff do: look at periods, close them, read all statements and how
//! revenue was divided.

use actix_web::{HttpResponse, http::header::LOCATION, web};
use askama::Template;
use lianshi_market::{money::Amount, subscription::Side};
use lianshi_registry::time::Period;
use lianshi_store::{
    allocations::{self, DivisionView},
    close::{self, ParkedView, PeriodState, PeriodView},
    statements::{self, StatementPage, StatementQuery, StatementState},
};

use crate::{
    WebState,
    access::Caller,
    account::settle,
    buying::bills::{Wanted, show_statement},
    csrf::Posted,
    form::Errors,
    names::{self, Names, Parties},
    page::{Page, render, render_as},
    problem::Problem,
    session::Nothing,
};

#[derive(Template)]
#[template(path = "finance/periods.html")]
struct PeriodsPage {
    page: Page,
    periods: Vec<PeriodView>,
    parked: Vec<ParkedView>,
}

/// The look of a period's tag; the word in it says the same.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "templates pass references")]
pub fn class_of(state: &PeriodState) -> &'static str {
    match state {
        PeriodState::Running => "line",
        PeriodState::Open => "teal",
        PeriodState::Closed => "ok",
        PeriodState::Forgotten => "warn",
    }
}

/// `GET /finance/periods`
pub async fn periods(page: Page, state: web::Data<WebState>) -> Result<HttpResponse, Problem> {
    let now = page.now;
    let site = state.site.clone();
    let (periods, parked) = state
        .read(move |read| Ok((close::periods(read, &site, now)?, close::waiting(read)?)))
        .await?;
    render(&PeriodsPage { page, periods, parked })
}

#[derive(Template)]
#[template(path = "finance/period.html")]
struct PeriodPage {
    page: Page,
    /// The own log, `node/generation`.
    log: String,
    view: PeriodView,
    statements: StatementPage,
    divisions: Vec<DivisionView>,
    parked: Vec<ParkedView>,
    names: Names,
    buyers: Parties,
}

/// `GET /finance/periods/{period}`
pub async fn period(
    page: Page,
    state: web::Data<WebState>,
    period: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let period = Period::parse(&period).map_err(|_| Problem::NotFound)?;
    let (site, now) = (state.site.clone(), page.now);
    let (view, statements, divisions, parked, (names, buyers)) = state
        .read(move |read| {
            let view = close::period(read, &site, period, now)?;
            let query = StatementQuery { period: Some(period), ..StatementQuery::default() };
            let statements = statements::issued(read, &query)?;
            let divisions = allocations::in_period(read, period)?;
            let listed = statements.items.iter().map(|item| &item.product);
            let divided = divisions.iter().map(|division| &division.document.product);
            let names = names::of(read, listed.chain(divided))?;
            let buyers = Parties::of(read, statements.items.iter().map(|item| &item.buyer))?;
            let parked = close::parked_in(read, period)?;
            Ok((view, statements, divisions, parked, (names, buyers)))
        })
        .await?;
    let origin = &state.site.origin;
    let log = format!("{}/{}", origin.node(), origin.generation());
    render(&PeriodPage { page, log, view, statements, divisions, parked, names, buyers })
}

#[derive(Template)]
#[template(path = "finance/close.html")]
struct ClosePage {
    page: Page,
    view: PeriodView,
    errors: Errors,
}

async fn view_of(state: &WebState, page: &Page, period: &str) -> Result<PeriodView, Problem> {
    let period = Period::parse(period).map_err(|_| Problem::NotFound)?;
    let (site, now) = (state.site.clone(), page.now);
    state.read(move |read| close::period(read, &site, period, now)).await
}

/// `GET /finance/periods/{period}/close`: what closing means, before it is done.
pub async fn ask_close(
    page: Page,
    state: web::Data<WebState>,
    period: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let view = view_of(&state, &page, &period).await?;
    render(&ClosePage { page, view, errors: Errors::default() })
}

/// `POST /finance/periods/{period}/close`
pub async fn close(
    page: Page,
    caller: Caller,
    state: web::Data<WebState>,
    (period, _): (web::Path<String>, Posted<Nothing>),
) -> Result<HttpResponse, Problem> {
    let view = view_of(&state, &page, &period).await?;
    let (actor, wanted) = (caller.actor(), view.period);
    let outcome = state.run(move |site| settle(close::close_period(site, &actor, wanted))).await?;
    match outcome {
        Ok(_) => {
            let location = format!("/finance/periods/{}", view.period);
            Ok(HttpResponse::SeeOther().insert_header((LOCATION, location)).finish())
        }
        Err(refused) => {
            let (status, errors) = Errors::refused(&page, &refused, "close");
            render_as(status, &ClosePage { page, view, errors })
        }
    }
}

#[derive(Template)]
#[template(path = "finance/statements.html")]
struct StatementsPage {
    page: Page,
    bills: StatementPage,
    names: Names,
    buyers: Parties,
    wanted: Wanted,
    errors: Errors,
}

/// `GET /finance/statements`
pub async fn statements(
    page: Page,
    state: web::Data<WebState>,
    wanted: web::Query<Wanted>,
) -> Result<HttpResponse, Problem> {
    let wanted = wanted.into_inner();
    let query = match wanted.query(&page) {
        Ok(query) => query,
        Err(errors) => {
            let status = errors.status();
            let nothing = StatementsPage {
                page,
                bills: StatementPage::default(),
                names: Names::default(),
                buyers: Parties::default(),
                wanted,
                errors,
            };
            return render_as(status, &nothing);
        }
    };
    let (bills, names, buyers) = state
        .read(move |read| {
            let bills = statements::issued(read, &query)?;
            let names = names::of(read, bills.items.iter().map(|item| &item.product))?;
            let buyers = Parties::of(read, bills.items.iter().map(|item| &item.buyer))?;
            Ok((bills, names, buyers))
        })
        .await?;
    render(&StatementsPage { page, bills, names, buyers, wanted, errors: Errors::default() })
}

/// `GET /finance/statements/{number}`
pub async fn statement(
    page: Page,
    state: web::Data<WebState>,
    number: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let found =
        state.read(move |read| statements::by_number(read, &number, Side::Provider)).await?;
    show_statement(page, &state, found.ok_or(Problem::NotFound)?, "/finance/statements").await
}
