//! The own account: where one is signed in, and the tokens for programs.

use actix_web::{HttpResponse, http::StatusCode, http::header::LOCATION, web};
use askama::Template;
use lianshi_registry::time::Timestamp;
use lianshi_store::{
    Failure,
    accounts::{self, AccountRefusal, NewToken, Session, TokenRow},
};
use serde::Deserialize;

use crate::{
    WebState,
    access::Caller,
    csrf::Posted,
    page::{Page, render_as},
    problem::Problem,
    refusal,
    session::Nothing,
};

#[derive(Template)]
#[template(path = "account/account.html")]
struct AccountPage {
    page: Page,
    login: String,
    roles: Vec<String>,
    sessions: Vec<Shown>,
    tokens: Vec<TokenRow>,
    made: Option<NewToken>,
    error: Option<String>,
}

/// A session as the page shows it.
struct Shown {
    created_at: Timestamp,
    seen_at: Timestamp,
    own: bool,
}

impl AccountPage {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "templates pass references")]
    fn time_of(&self, millis: &i64) -> String {
        self.page.time(&Timestamp::from_millis(*millis))
    }

    fn works(&self, token: &TokenRow) -> bool {
        token.revoked_at.is_none() && token.expires_at > self.page.now.millis()
    }
}

/// `GET /account`
pub async fn show(
    page: Page,
    caller: Caller,
    state: web::Data<WebState>,
) -> Result<HttpResponse, Problem> {
    render_account(page, caller, &state, Ok(None)).await
}

async fn render_account(
    page: Page,
    caller: Caller,
    state: &WebState,
    outcome: Result<Option<NewToken>, AccountRefusal>,
) -> Result<HttpResponse, Problem> {
    let (user, now) = (caller.user.clone(), state.site.now());
    let (sessions, tokens) = state
        .read(move |read| {
            Ok((accounts::sessions_of(read, &user, now)?, accounts::tokens_of(read, &user)?))
        })
        .await?;
    let own = caller.session.map(|session| session.id_hash);
    let shown = |session: Session| Shown {
        own: own.as_ref() == Some(&session.id_hash),
        created_at: session.created_at,
        seen_at: session.seen_at,
    };
    let (status, made, error) = match outcome {
        Ok(made) => (StatusCode::OK, made, None),
        Err(refused) => {
            let (status, words) = refusal::explain(&page, &refused);
            (status, None, Some(words))
        }
    };
    let template = AccountPage {
        login: caller.user.login.clone(),
        roles: caller.user.roles.iter().map(|role| page.word("role", role)).collect(),
        sessions: sessions.into_iter().map(shown).collect(),
        tokens,
        made,
        error,
        page,
    };
    render_as(status, &template)
}

/// A token to be made.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenForm {
    #[serde(default)]
    label: String,
    #[serde(default)]
    days: String,
}

/// `POST /account/tokens`: the token is shown on the answering page and nowhere else.
pub async fn make_token(
    page: Page,
    caller: Caller,
    state: web::Data<WebState>,
    form: Posted<TokenForm>,
) -> Result<HttpResponse, Problem> {
    let (user, form) = (caller.user.clone(), form.0);
    let outcome = state
        .run(move |site| {
            let days = form.days.trim().parse().unwrap_or_default();
            let owner = (user.login.as_str(), form.label.as_str());
            settle(accounts::create_token(site, &user.actor(), owner, days))
        })
        .await?;
    render_account(page, caller, &state, outcome.map(Some)).await
}

/// `POST /account/tokens/{id}/revoke`
pub async fn revoke_token(
    caller: Caller,
    state: web::Data<WebState>,
    id: web::Path<String>,
    _: Posted<Nothing>,
) -> Result<HttpResponse, Problem> {
    let user = caller.user;
    state.run(move |site| Ok(accounts::revoke_token(site, &user.actor(), &user, &id)?)).await?;
    Ok(HttpResponse::SeeOther().insert_header((LOCATION, "/account")).finish())
}

/// `POST /account/sessions/end`: ends all sessions, this one among them.
pub async fn end_sessions(
    caller: Caller,
    state: web::Data<WebState>,
    _: Posted<Nothing>,
) -> Result<HttpResponse, Problem> {
    let user = caller.user;
    state.run(move |site| Ok(accounts::end_sessions(site, &user.actor(), &user)?)).await?;
    Ok(HttpResponse::SeeOther().insert_header((LOCATION, "/login")).finish())
}

/// Separates what the page answers itself, a refusal, from what it does not, a fault.
pub fn settle<T, R>(outcome: Result<T, Failure<R>>) -> Result<Result<T, R>, Problem> {
    match outcome {
        Ok(value) => Ok(Ok(value)),
        Err(Failure::Refused(refusal)) => Ok(Err(refusal)),
        Err(Failure::Fault(fault)) => Err(Problem::Fault(fault)),
    }
}
