//! Statements as JSON.

use actix_web::{
    HttpResponse,
    web::{Data, Query},
};
use lianshi_registry::time::Period;
use lianshi_store::{
    accounts::{Role, User},
    statements::{self, StatementPage, StatementQuery, StatementState},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    WebState,
    access::Caller,
    api::page_asked,
    problem::{Problem, ProblemDetails},
};

/// Which statements.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct StatementsQuery {
    /// `YYYY-MM`; all periods when left out.
    #[param(pattern = "^20[0-9]{2}-(0[1-9]|1[0-2])$")]
    period: Option<String>,
    /// `bought`, `provided` or `issued` (the whole node, for its finance staff); the first the
    /// caller may see when left out.
    #[param(pattern = "^(bought|provided|issued)$")]
    side: Option<String>,
    /// Only those that stand so; all when left out.
    #[param(pattern = "^(issued|questioned|declined|checked|accepted)$")]
    state: Option<String>,
    /// Page, from 1.
    #[param(minimum = 1, maximum = 1_000_000)]
    page: Option<u32>,
}

/// A page of statements.
#[derive(Debug, Serialize, ToSchema)]
pub struct Statements {
    /// All that match.
    total: u64,
    /// What they sum to, in yuan.
    sum: String,
    /// This page, from 1.
    page: u32,
    /// Newest period first.
    items: Vec<Statement>,
}

/// A statement.
#[derive(Debug, Serialize, ToSchema)]
pub struct Statement {
    /// Its number.
    number: String,
    /// `YYYY-MM`.
    period: String,
    /// The subscription.
    subscription: String,
    /// Registration number of the product.
    product: String,
    /// Code of the plan.
    plan: String,
    /// Unified social credit code of the enterprise.
    buyer: String,
    /// Its name.
    buyer_name: String,
    /// Unified social credit code of who is paid.
    operator: String,
    /// What it costs, in yuan.
    total: String,
    /// `CNY`.
    currency: String,
    /// `issued`; `questioned`: it is not what the home node derives, and waits for a person there;
    /// `declined` by that person; `checked`: derived again and countersigned by the home node's
    /// program; or `accepted`: it differed, and a person at the home node stood by it.
    state: &'static str,
    /// UTC.
    issued_at: String,
}

/// Which books a person reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Books {
    Bought,
    Provided,
    Issued,
}

fn books_of(user: &User, wanted: Option<&str>) -> Result<Books, Problem> {
    let all = [
        ("bought", Books::Bought, user.has(Role::Buyer) || user.has(Role::OrgAdmin)),
        ("provided", Books::Provided, user.has(Role::Provider)),
        ("issued", Books::Issued, user.has(Role::Finance)),
    ];
    let known = wanted.is_none_or(|wanted| all.iter().any(|(name, ..)| *name == wanted));
    if !known {
        return Err(Problem::Malformed("`side` is bought, provided or issued".to_owned()));
    }
    let fits = |name: &str| wanted.is_none_or(|wanted| wanted == name);
    let found = all.into_iter().find(|(name, _, may)| *may && fits(name));
    found.map(|(_, books, _)| books).ok_or(Problem::Forbidden)
}

/// Statements: bills of an enterprise, those for an operator's products, or all of the node.
#[utoipa::path(get, path = "/api/v1/statements", tag = "contracts", params(StatementsQuery),
    responses((status = 200, body = Statements), (status = 400, body = ProblemDetails)))]
pub async fn list_statements(
    caller: Caller,
    state: Data<WebState>,
    query: Query<StatementsQuery>,
) -> Result<HttpResponse, Problem> {
    let malformed = |error| Problem::Malformed(format!("{error}"));
    let asked = page_asked(query.page)?;
    let period = query.period.as_deref().map(Period::parse).transpose().map_err(malformed)?;
    let books = books_of(&caller.user, query.side.as_deref())?;
    let stands = query.state.as_deref().map(|state| {
        let wrong = || "`state` is issued, questioned, declined, checked or accepted".to_owned();
        StatementState::parse(state).ok_or_else(|| Problem::Malformed(wrong()))
    });
    let wanted = StatementQuery { period, product: None, state: stands.transpose()?, page: asked };
    let organization = caller.user.organization;
    let page = state
        .read(move |read| match books {
            Books::Bought => statements::for_buyer(read, &organization, &wanted),
            Books::Provided => statements::for_provider(read, &organization, &wanted),
            Books::Issued => statements::issued(read, &wanted),
        })
        .await?;
    Ok(HttpResponse::Ok().json(page_of(page)))
}

fn page_of(page: StatementPage) -> Statements {
    let items = page.items.into_iter().map(|item| Statement {
        number: item.number,
        period: item.period.to_string(),
        subscription: item.subscription,
        product: item.product.to_string(),
        plan: item.plan,
        buyer: item.buyer.to_string(),
        buyer_name: item.buyer_name,
        operator: item.operator.to_string(),
        total: item.total.to_string(),
        currency: item.currency.code().to_owned(),
        state: item.state.as_str(),
        issued_at: item.issued_at.to_string(),
    });
    Statements {
        total: page.total,
        sum: page.sum.to_string(),
        page: page.page,
        items: items.collect(),
    }
}
