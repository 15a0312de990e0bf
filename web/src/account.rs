//! The own account: where one is signed in, the password, and the tokens for programs.

pub mod mailbox;
pub mod password;
pub mod second_factor;

use std::collections::BTreeSet;

use actix_web::{HttpResponse, http::StatusCode, http::header::LOCATION, web};
use askama::Template;
use lianshi_registry::time::Timestamp;
use lianshi_store::{
    Failure,
    accounts::{
        self, AccountRefusal, Mailbox, NewToken, Role, SecondFactor, Session, TOKENS_MAX, Token,
        TokenOrder, User,
    },
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
    tokens: Vec<Token>,
    second_factor: Option<SecondFactor>,
    mailbox: Option<Mailbox>,
    made: Option<NewToken>,
    form: TokenForm,
    errors: Errors,
    done: Option<&'static str>,
}

/// A session as the page shows it.
struct Shown {
    created_at: Timestamp,
    seen_at: Timestamp,
    ends_at: Timestamp,
    own: bool,
}

impl AccountPage {
    fn works(&self, token: &Token) -> bool {
        token.ends_at > self.page.now
    }

    /// How many more tokens there is room for.
    fn room(&self) -> i64 {
        let living = self.tokens.iter().filter(|token| self.works(token)).count();
        TOKENS_MAX - i64::try_from(living).unwrap_or(TOKENS_MAX)
    }

    fn chosen(&self, role: Role) -> bool {
        self.form.roles.contains(&role)
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
    let done = match done.done.as_str() {
        "password" => Some("password-done"),
        "second-factor" => Some("second-removed"),
        "mailbox" => Some("mailbox-done"),
        _ => None,
    };
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
    (Attempt { form, outcome }, done): (Attempt, Option<&'static str>),
) -> Result<HttpResponse, Problem> {
    let (user, now) = (caller.user.clone(), state.site.now());
    let (sessions, tokens, second_factor, mailbox) = state
        .read(move |read| {
            let sessions = accounts::sessions_of(read, &user, now)?;
            let tokens = accounts::tokens_of(read, &user)?;
            let second_factor = accounts::second_factor(read, &user)?;
            Ok((sessions, tokens, second_factor, accounts::mailbox(read, &user)?))
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
            let (status, errors) = Errors::refused(&page, &refused, field_of(&refused));
            (status, None, errors)
        }
    };
    let form = if made.is_some() { TokenForm::default() } else { form };
    let template = AccountPage {
        sessions: sessions.into_iter().map(shown).collect(),
        user: caller.user,
        tokens,
        second_factor,
        mailbox,
        made,
        form,
        errors,
        done,
        page,
    };
    render_as(status, &template)
}

/// The field a refusal is about.
fn field_of(refused: &AccountRefusal) -> &'static str {
    match refused {
        AccountRefusal::RoleMissing | AccountRefusal::TokenRole(_) => "roles",
        AccountRefusal::Name(_) | AccountRefusal::TokenLimit => "label",
        _ => "days",
    }
}

/// A token to be made.
#[derive(Debug, Clone)]
struct TokenForm {
    label: String,
    days: String,
    roles: BTreeSet<Role>,
}

impl Default for TokenForm {
    fn default() -> Self {
        Self { label: String::new(), days: TOKEN_DAYS.to_string(), roles: BTreeSet::new() }
    }
}

impl TokenForm {
    /// From the fields of the form: one for each role.
    fn read(fields: Vec<(String, String)>) -> Result<Self, Problem> {
        let mut form = Self { days: String::new(), ..Self::default() };
        for (name, value) in fields {
            match (name.as_str(), Role::parse(&value)) {
                ("label", _) => form.label = value,
                ("days", _) => form.days = value,
                ("role", Some(role)) => {
                    form.roles.insert(role);
                }
                _ => return Err(Problem::Malformed(format!("`{name}={value}` is not expected"))),
            }
        }
        Ok(form)
    }
}

/// `POST /account/tokens`: the token is shown on the answering page and nowhere else.
pub async fn make_token(
    page: Page,
    caller: Caller,
    state: web::Data<WebState>,
    fields: Posted<Vec<(String, String)>>,
) -> Result<HttpResponse, Problem> {
    let (user, form) = (caller.user.clone(), TokenForm::read(fields.0)?);
    let asked = form.clone();
    let outcome = state
        .run(move |site| {
            let days = asked.days.trim().parse().unwrap_or_default();
            let (login, label, roles) = (&user.login, &asked.label, &asked.roles);
            let order = TokenOrder { login, label, roles, days };
            settle(accounts::create_token(site, &user.actor(), &order))
        })
        .await?;
    let attempt = Attempt { form, outcome: outcome.map(Some) };
    render_account(page, caller, &state, (attempt, None)).await
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

/// `POST /account/sessions/end`: ends all sessions, this one among them, and all tokens.
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
