//! One person, as an administrator sees them: their roles, a new password, keeping them out.

use std::collections::BTreeSet;

use actix_web::{HttpResponse, http::StatusCode, http::header::LOCATION, web};
use askama::Template;
use lianshi_store::{
    Failure,
    accounts::{self, AccountRefusal, Role, Scope, SecondFactor, User, random_grouped},
    audit::Actor,
};
use serde::Deserialize;

use super::{roles_of, scope_of};
use crate::{
    WebState,
    access::Caller,
    account::settle,
    csrf::Posted,
    form::Errors,
    page::{Page, render_as},
    problem::Problem,
    session::Nothing,
};

#[derive(Template)]
#[template(path = "oversight/user.html")]
struct UserPage {
    page: Page,
    user: User,
    /// Roles to choose from.
    roles: Vec<Role>,
    /// Those chosen, which are the person's own until something else was sent.
    chosen: BTreeSet<Role>,
    /// Why nothing can be changed here: it is oneself, or somebody the node looks after.
    closed: Option<String>,
    password: Option<String>,
    /// Their second step, if one is set up.
    second_factor: Option<SecondFactor>,
    errors: Errors,
    done: bool,
}

/// What the page shows beside the person.
#[derive(Default)]
struct Shown {
    chosen: Option<BTreeSet<Role>>,
    password: Option<String>,
    refused: Option<AccountRefusal>,
    done: bool,
}

/// What was done on the page this one follows.
#[derive(Debug, Default, Deserialize)]
pub struct Done {
    #[serde(default)]
    done: String,
}

/// `GET /users/{login}`
pub async fn show(
    page: Page,
    caller: Caller,
    state: web::Data<WebState>,
    (login, done): (web::Path<String>, web::Query<Done>),
) -> Result<HttpResponse, Problem> {
    let shown = Shown { done: !done.done.is_empty(), ..Shown::default() };
    render_user(page, &caller, &state, (&login, shown)).await
}

async fn render_user(
    page: Page,
    caller: &Caller,
    state: &WebState,
    (login, shown): (&str, Shown),
) -> Result<HttpResponse, Problem> {
    let scope = scope_of(&caller.user);
    let (wanted, within) = (login.to_owned(), scope.clone());
    let found = state
        .read(move |read| {
            let user = accounts::user_by_login(read, &wanted)?;
            let user = user.filter(|user| within.covers(&user.organization));
            let Some(user) = user else { return Ok(None) };
            let factor = accounts::second_factor(read, &user)?;
            Ok(Some((user, factor)))
        })
        .await?;
    let (user, second_factor) = found.ok_or(Problem::NotFound)?;
    let of_the_node = user.roles.iter().any(|role| !role.is_of_an_organization());
    let closed = if user.login == caller.user.login {
        Some(page.t("person-oneself"))
    } else if of_the_node && scope != Scope::Node {
        Some(page.t("refusal-account-node-role"))
    } else {
        None
    };
    let (status, errors) = shown.refused.map_or((StatusCode::OK, Errors::default()), |refused| {
        Errors::refused(&page, &refused, "roles")
    });
    let template = UserPage {
        roles: roles_of(&scope),
        chosen: shown.chosen.unwrap_or_else(|| user.roles.clone()),
        closed,
        password: shown.password,
        second_factor,
        errors,
        done: shown.done,
        user,
        page,
    };
    render_as(status, &template)
}

/// `POST /users/{login}/roles`: all roles the person has from now on, one field each.
pub async fn set_roles(
    page: Page,
    caller: Caller,
    state: web::Data<WebState>,
    (login, form): (web::Path<String>, Posted<Vec<(String, String)>>),
) -> Result<HttpResponse, Problem> {
    let roles = read_roles(&form.0)?;
    let chosen = roles.clone();
    let change = move |site: &_, actor: &Actor, whose: (&Scope, &str)| {
        accounts::set_roles(site, actor, whose, &roles)
    };
    let outcome = act(&caller, &state, &login, change).await?;
    answer(page, caller, &state, (&login, outcome, Some(chosen))).await
}

fn read_roles(fields: &[(String, String)]) -> Result<BTreeSet<Role>, Problem> {
    let role = |(name, value): &(String, String)| {
        let role = Role::parse(value).filter(|_| name == "role");
        role.ok_or_else(|| Problem::Malformed(format!("`{name}={value}` is no role")))
    };
    fields.iter().map(role).collect()
}

/// `POST /users/{login}/password`: a random one, shown once on the answering page.
pub async fn set_password(
    page: Page,
    caller: Caller,
    state: web::Data<WebState>,
    (login, _): (web::Path<String>, Posted<Nothing>),
) -> Result<HttpResponse, Problem> {
    let password = random_grouped()?;
    let new = password.clone();
    let change = move |site: &_, actor: &Actor, whose: (&Scope, &str)| {
        accounts::set_password(site, actor, whose, &new)
    };
    let outcome = act(&caller, &state, &login, change).await?;
    let shown = match outcome {
        Ok(()) => Shown { password: Some(password), ..Shown::default() },
        Err(refused) => Shown { refused: Some(refused), ..Shown::default() },
    };
    render_user(page, &caller, &state, (&login, shown)).await
}

/// `POST /users/{login}/second-factor/reset`: for somebody who lost what makes the codes.
pub async fn reset_second_factor(
    page: Page,
    caller: Caller,
    state: web::Data<WebState>,
    (login, _): (web::Path<String>, Posted<Nothing>),
) -> Result<HttpResponse, Problem> {
    let outcome = act(&caller, &state, &login, accounts::reset_second_factor).await?;
    answer(page, caller, &state, (&login, outcome, None)).await
}

/// `POST /users/{login}/disable`
pub async fn disable(
    page: Page,
    caller: Caller,
    state: web::Data<WebState>,
    (login, _): (web::Path<String>, Posted<Nothing>),
) -> Result<HttpResponse, Problem> {
    set_disabled(page, caller, &state, (&login, true)).await
}

/// `POST /users/{login}/enable`
pub async fn enable(
    page: Page,
    caller: Caller,
    state: web::Data<WebState>,
    (login, _): (web::Path<String>, Posted<Nothing>),
) -> Result<HttpResponse, Problem> {
    set_disabled(page, caller, &state, (&login, false)).await
}

async fn set_disabled(
    page: Page,
    caller: Caller,
    state: &WebState,
    (login, disabled): (&str, bool),
) -> Result<HttpResponse, Problem> {
    let change = move |site: &_, actor: &Actor, whose: (&Scope, &str)| {
        accounts::set_disabled(site, actor, whose, disabled)
    };
    let outcome = act(&caller, state, login, change).await?;
    answer(page, caller, state, (login, outcome, None)).await
}

/// Carries out a change of the person, off the async threads.
async fn act(
    caller: &Caller,
    state: &WebState,
    login: &str,
    change: impl FnOnce(
        &lianshi_store::Site,
        &Actor,
        (&Scope, &str),
    ) -> Result<(), Failure<AccountRefusal>>
    + Send
    + 'static,
) -> Result<Result<(), AccountRefusal>, Problem> {
    let (actor, scope, login) = (caller.actor(), scope_of(&caller.user), login.to_owned());
    state.run(move |site| settle(change(site, &actor, (&scope, &login)))).await
}

/// Leads back to the person's page, or shows it again with what was wrong.
async fn answer(
    page: Page,
    caller: Caller,
    state: &WebState,
    (login, outcome, chosen): (&str, Result<(), AccountRefusal>, Option<BTreeSet<Role>>),
) -> Result<HttpResponse, Problem> {
    match outcome {
        Ok(()) => {
            let location = format!("/users/{}?done=1", crate::preferences::encode(login));
            Ok(HttpResponse::SeeOther().insert_header((LOCATION, location)).finish())
        }
        Err(refused) => {
            let shown = Shown { chosen, refused: Some(refused), ..Shown::default() };
            render_user(page, &caller, state, (login, shown)).await
        }
    }
}
