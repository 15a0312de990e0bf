//! The own account: where one is signed in, the password, and the tokens for programs.

pub mod password;

use actix_web::{HttpResponse, http::StatusCode, http::header::LOCATION, web};
use askama::Template;
use lianshi_registry::time::Timestamp;
use lianshi_store::{
    Failure,
    accounts::{self, AccountRefusal, NewToken, Session, TokenRow, User},
};
use serde::Deserialize;

use crate::{
    WebState,
    access::Caller,
    csrf::Posted,
    form::Errors,
    page::{Page, render_as},
    problem::Problem,
    session::Nothing,
};

/// Days offered for a new token: a quarter.
const TOKEN_DAYS: i64 = 90;

#[derive(Template)]
#[template(path = "account/account.html")]
struct AccountPage {
    page: Page,
    user: User,
    sessions: Vec<Shown>,
    tokens: Vec<TokenRow>,
    made: Option<NewToken>,
    form: TokenForm,
    errors: Errors,
    done: bool,
}

/// A session as the page shows it.
struct Shown {
    created_at: Timestamp,
    seen_at: Timestamp,
    ends_at: Timestamp,
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

/// What was done on the page this one follows.
#[derive(Debug, Default, Deserialize)]
pub struct Done {
    #[serde(default)]
    done: String,
}

/// `GET /account`
pub async fn show(
    page: Page,
    caller: Caller,
    state: web::Data<WebState>,
    done: web::Query<Done>,
) -> Result<HttpResponse, Problem> {
    let blank = Attempt { form: TokenForm::default(), outcome: Ok(None) };
    let done = done.done == "password";
    render_account(page, caller, &state, (blank, done)).await
}

/// A token that was asked for and what came of it.
struct Attempt {
    form: TokenForm,
    outcome: Result<Option<NewToken>, AccountRefusal>,
}

async fn render_account(
    page: Page,
    caller: Caller,
    state: &WebState,
    (Attempt { form, outcome }, done): (Attempt, bool),
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
        ends_at: session.ends_at(),
    };
    let (status, made, errors) = match outcome {
        Ok(made) => (StatusCode::OK, made, Errors::default()),
        Err(refused) => {
            let (status, errors) = Errors::refused(&page, &refused, "days");
            (status, None, errors)
        }
    };
    let form = if made.is_some() { TokenForm::default() } else { form };
    let template = AccountPage {
        sessions: sessions.into_iter().map(shown).collect(),
        user: caller.user,
        tokens,
        made,
        form,
        errors,
        done,
        page,
    };
    render_as(status, &template)
}

/// A token to be made.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenForm {
    #[serde(default)]
    label: String,
    #[serde(default)]
    days: String,
}

impl Default for TokenForm {
    fn default() -> Self {
        Self { label: String::new(), days: TOKEN_DAYS.to_string() }
    }
}

/// `POST /account/tokens`: the token is shown on the answering page and nowhere else.
pub async fn make_token(
    page: Page,
    caller: Caller,
    state: web::Data<WebState>,
    form: Posted<TokenForm>,
) -> Result<HttpResponse, Problem> {
    let (user, form) = (caller.user.clone(), form.0);
    let asked = form.clone();
    let outcome = state
        .run(move |site| {
            let days = asked.days.trim().parse().unwrap_or_default();
            let owner = (user.login.as_str(), asked.label.as_str());
            settle(accounts::create_token(site, &user.actor(), owner, days))
        })
        .await?;
    let attempt = Attempt { form, outcome: outcome.map(Some) };
    render_account(page, caller, &state, (attempt, false)).await
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
