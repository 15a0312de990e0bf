//! "Verify this yourself": the key, the policy and the exact commands by which anybody can check a
//! log served here with programs nobody here wrote, and in plain words what each of them proves and
//! what it does not.

mod commands;

use actix_web::{
    HttpResponse,
    web::{Data, Path},
};
use askama::Template;
use lianshi_registry::{id::Origin, policy::Policy, refusal::Refusal as _};
use lianshi_store::{Failure, Site, log, quorum};

use crate::{
    WebState,
    access::{Access::Everyone, Pages},
    logs,
    page::{Page, render},
    problem::Problem,
    registry::LogHead,
};
use commands::Tool;

/// Adds the pages.
pub fn declare(routes: &mut Pages) {
    routes
        .get("/verify", Everyone, own)
        .get("/verify/{node}/{generation}", Everyone, show)
        .get("/verify/{node}/{generation}/vkey", Everyone, key)
        .get("/verify/{node}/{generation}/policy", Everyone, policy);
}

#[derive(Template)]
#[template(path = "verify/log.html")]
struct VerifyPage {
    log: LogHead,
    /// What the files with its key and policy are called.
    file: String,
    /// Every log held here: node and generation.
    others: Vec<String>,
    /// The policy, or why the charter's rule makes none.
    policy: Result<String, &'static str>,
    tools: Vec<Tool>,
    page: Page,
}

/// What there is to say of one log.
struct Found {
    log: LogHead,
    others: Vec<String>,
    policy: Result<Policy, &'static str>,
}

/// The policy of the federation for a log held here; the inner error is the code of the rule that
/// makes none.
fn policy_of(site: &Site, origin: &Origin) -> Result<Result<Policy, &'static str>, Problem> {
    match site.db.read(|read| quorum::policy(read, site, origin)) {
        Ok(policy) => Ok(Ok(policy)),
        Err(Failure::Refused(refusal)) => Ok(Err(refusal.code())),
        Err(Failure::Fault(fault)) => Err(fault.into()),
    }
}

fn find(site: &Site, (node, generation): (&str, &str)) -> Result<Found, Problem> {
    let place = (node, generation);
    let found = site.db.read(|read| Ok((LogHead::at(read, place)?, log::heads(read)?)));
    let (log, heads) = found.map_err(Problem::Fault)?;
    let log = log.ok_or(Problem::NotFound)?;
    let path = |origin: &Origin| format!("{}/{}", origin.node(), origin.generation());
    Ok(Found {
        policy: policy_of(site, &log.origin)?,
        others: heads.iter().map(|head| path(&head.origin)).collect(),
        log,
    })
}

/// `GET /verify`: this node's own log.
pub async fn own(page: Page, state: Data<WebState>) -> Result<HttpResponse, Problem> {
    let origin = &state.site.origin;
    let (node, generation) = (origin.node().to_string(), origin.generation().to_string());
    answer(page, &state, (node, generation)).await
}

/// `GET /verify/{node}/{generation}`
pub async fn show(
    page: Page,
    state: Data<WebState>,
    path: Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    answer(page, &state, path.into_inner()).await
}

async fn answer(
    page: Page,
    state: &WebState,
    (node, generation): (String, String),
) -> Result<HttpResponse, Problem> {
    let found = state.run(move |site| find(site, (&node, &generation))).await?;
    let base = state.site.public_url.trim_end_matches('/');
    render(&VerifyPage {
        tools: commands::tools(base, &found.log, found.policy.as_ref().ok()),
        policy: found.policy.map(|policy| policy.to_string()),
        others: found.others,
        file: found.log.file(),
        log: found.log,
        page,
    })
}

/// `GET …/vkey`: as `lianshi log vkey` prints it.
pub async fn key(
    state: Data<WebState>,
    path: Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    let (node, generation) = path.into_inner();
    let log = state.read(move |read| LogHead::at(read, (&node, &generation))).await?;
    Ok(text(format!("{}\n", log.ok_or(Problem::NotFound)?.vkey)))
}

/// `GET …/policy`: as `lianshi log policy` prints it.
pub async fn policy(
    state: Data<WebState>,
    path: Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    let (node, generation) = path.into_inner();
    let named = logs::named(&node, &generation).ok_or(Problem::NotFound)?;
    let policy = state.run(move |site| {
        let origin = site.db.read(|read| log::origin(read, &named.0, named.1))?;
        policy_of(site, &origin.ok_or(Problem::NotFound)?)
    });
    match policy.await? {
        Ok(policy) => Ok(text(policy.to_string())),
        Err(_) => Err(Problem::NotFound),
    }
}

fn text(body: String) -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain; charset=utf-8").body(body)
}
