//! The people of an organization, or of the whole node: adding them, keeping them out, letting them
//! in again.

use std::collections::BTreeSet;

use actix_web::{HttpResponse, http::StatusCode, http::header::LOCATION, web};
use askama::Template;
use lianshi_registry::uscc::Uscc;
use lianshi_store::accounts::{
    self, AccountRefusal, NewUser, OrganizationRecord, Role, Scope, User, random_hex,
};
use serde::Deserialize;

use crate::{
    WebState,
    access::Caller,
    account::settle,
    csrf::Posted,
    page::{Page, render_as},
    problem::Problem,
    refusal,
    session::Nothing,
};

/// Roles an organization's own administrator may give.
const OWN_ROLES: [Role; 4] = [Role::Buyer, Role::Provider, Role::Contributor, Role::OrgAdmin];

#[derive(Template)]
#[template(path = "oversight/users.html")]
struct UsersPage {
    page: Page,
    users: Vec<User>,
    organizations: Vec<OrganizationRecord>,
    roles: Vec<Role>,
    form: UserForm,
    made: Option<(String, String)>,
    error: Option<String>,
    own: String,
}

/// A person to be added.
#[derive(Debug, Default, Deserialize)]
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

/// What an attempt to add somebody came to.
type Outcome = Result<Option<(String, String)>, AccountRefusal>;

fn scope_of(user: &User) -> Scope {
    if user.has(Role::NodeAdmin) {
        Scope::Node
    } else {
        Scope::Organization(user.organization.clone())
    }
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
    let whole_node = scope == Scope::Node;
    let own = caller.user.organization.clone();
    let (users, mut organizations) = state
        .read(move |read| Ok((accounts::users(read, &scope)?, accounts::organizations(read)?)))
        .await?;
    organizations.retain(|organization| whole_node || organization.uscc == own);
    let (status, made, error) = match outcome {
        Ok(made) => (StatusCode::OK, made, None),
        Err(refused) => {
            let (status, words) = refusal::explain(&page, &refused);
            (status, None, Some(words))
        }
    };
    let roles = if whole_node { Role::ALL.to_vec() } else { OWN_ROLES.to_vec() };
    let own = caller.user.login;
    render_as(status, &UsersPage { page, users, organizations, roles, form, made, error, own })
}

/// `POST /users`: adds a person with a random first password, shown once on the answering page.
pub async fn add(
    page: Page,
    caller: Caller,
    state: web::Data<WebState>,
    form: Posted<UserForm>,
) -> Result<HttpResponse, Problem> {
    let (actor, scope, form) = (caller.actor(), scope_of(&caller.user), form.0);
    let password = random_hex::<8>()?;
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

/// `POST /users/{login}/disable`
pub async fn disable(
    caller: Caller,
    state: web::Data<WebState>,
    login: web::Path<String>,
    _: Posted<Nothing>,
) -> Result<HttpResponse, Problem> {
    set_disabled(caller, &state, login.into_inner(), true).await
}

/// `POST /users/{login}/enable`
pub async fn enable(
    caller: Caller,
    state: web::Data<WebState>,
    login: web::Path<String>,
    _: Posted<Nothing>,
) -> Result<HttpResponse, Problem> {
    set_disabled(caller, &state, login.into_inner(), false).await
}

async fn set_disabled(
    caller: Caller,
    state: &WebState,
    login: String,
    disabled: bool,
) -> Result<HttpResponse, Problem> {
    let (actor, scope) = (caller.actor(), scope_of(&caller.user));
    state
        .run(move |site| Ok(accounts::set_disabled(site, &actor, (&scope, &login), disabled)?))
        .await?;
    Ok(HttpResponse::SeeOther().insert_header((LOCATION, "/users")).finish())
}
