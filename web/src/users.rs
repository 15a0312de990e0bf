//! The people of an organization, or of the whole node: the list, and adding one.

pub mod person;

use std::collections::BTreeSet;

use actix_web::{HttpResponse, http::StatusCode, web};
use askama::Template;
use lianshi_registry::{refusal::Refusal as _, uscc::Uscc};
use lianshi_store::accounts::{
    self, AccountRefusal, NewUser, OrganizationRecord, Role, Scope, User, random_grouped,
};
use serde::Deserialize;

use crate::{
    WebState,
    access::Caller,
    account::settle,
    csrf::Posted,
    form::Errors,
    page::{Page, render_as},
    problem::Problem,
};

#[derive(Template)]
#[template(path = "oversight/users.html")]
struct UsersPage {
    page: Page,
    users: Vec<User>,
    organizations: Vec<OrganizationRecord>,
    roles: Vec<Role>,
    form: UserForm,
    made: Option<(String, String)>,
    errors: Errors,
}

/// A person to be added.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserForm {
    #[serde(default)]
    login: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    organization: String,
    #[serde(default)]
    role: String,
}

/// What an attempt to add somebody came to: the login and the first password.
type Outcome = Result<Option<(String, String)>, AccountRefusal>;

/// Whose people somebody looks after.
fn scope_of(user: &User) -> Scope {
    if user.has(Role::NodeAdmin) {
        Scope::Node
    } else {
        Scope::Organization(user.organization.clone())
    }
}

/// The roles somebody may give.
fn roles_of(scope: &Scope) -> Vec<Role> {
    let whole_node = *scope == Scope::Node;
    Role::ALL.into_iter().filter(|role| whole_node || role.is_of_an_organization()).collect()
}

/// `GET /users`
pub async fn list(
    page: Page,
    caller: Caller,
    state: web::Data<WebState>,
) -> Result<HttpResponse, Problem> {
    render_users(page, caller, &state, (UserForm::default(), Ok(None))).await
}

async fn render_users(
    page: Page,
    caller: Caller,
    state: &WebState,
    (form, outcome): (UserForm, Outcome),
) -> Result<HttpResponse, Problem> {
    let scope = scope_of(&caller.user);
    let roles = roles_of(&scope);
    let whole_node = scope == Scope::Node;
    let own = caller.user.organization;
    let (users, mut organizations) = state
        .read(move |read| Ok((accounts::users(read, &scope)?, accounts::organizations(read)?)))
        .await?;
    organizations.retain(|organization| whole_node || organization.uscc == own);
    let (status, made, errors) = match outcome {
        Ok(made) => (StatusCode::OK, made, Errors::default()),
        Err(refused) => {
            let (status, errors) = Errors::refused(&page, &refused, field_of(&refused));
            (status, None, errors)
        }
    };
    render_as(status, &UsersPage { page, users, organizations, roles, form, made, errors })
}

/// The field a refusal is about.
fn field_of(refused: &AccountRefusal) -> &'static str {
    match refused.code() {
        "account.organization_unknown" => "organization",
        "account.name" => "name",
        "account.role_missing" | "account.role_unknown" | "account.role_reserved" => "role",
        _ => "login",
    }
}

/// `POST /users`: adds a person with a random first password, shown once on the answering page.
pub async fn add(
    page: Page,
    caller: Caller,
    state: web::Data<WebState>,
    form: Posted<UserForm>,
) -> Result<HttpResponse, Problem> {
    let (actor, scope, form) = (caller.actor(), scope_of(&caller.user), form.0);
    let password = random_grouped()?;
    let new = match read_form(&form, password.clone()) {
        Ok(new) => new,
        Err(refused) => return render_users(page, caller, &state, (form, Err(refused))).await,
    };
    let outcome =
        state.run(move |site| settle(accounts::add_user(site, &actor, &scope, &new))).await?;
    let made = outcome.map(|user| Some((user.login, password)));
    let form = if made.is_ok() { UserForm::default() } else { form };
    render_users(page, caller, &state, (form, made)).await
}

fn read_form(form: &UserForm, password: String) -> Result<NewUser, AccountRefusal> {
    let organization = Uscc::parse(&form.organization)
        .map_err(|_| AccountRefusal::OrganizationUnknown(form.organization.clone()))?;
    let role = Role::parse(&form.role).ok_or(AccountRefusal::RoleMissing)?;
    let name = if form.name.trim().is_empty() { &form.login } else { &form.name };
    Ok(NewUser {
        login: form.login.clone(),
        organization,
        display_name: name.clone(),
        roles: BTreeSet::from([role]),
        password,
    })
}
