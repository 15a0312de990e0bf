//! One's own password: the current one, the new one, the new one again.

use actix_web::{HttpResponse, http::StatusCode, http::header::LOCATION, web};
use askama::Template;
use lianshi_store::accounts::{self, PasswordChange, PasswordRefusal};
use serde::Deserialize;

use super::settle;
use crate::{
    WebState,
    access::Caller,
    csrf::Posted,
    form::Errors,
    page::{Page, render, render_as},
    problem::Problem,
    refusal::come_back,
    session,
};

#[derive(Template)]
#[template(path = "account/password.html")]
struct PasswordPage {
    page: Page,
    login: String,
    /// Somebody else gave them the one they have.
    given: bool,
    errors: Errors,
}

/// `GET /account/password`
pub async fn show(page: Page, caller: Caller) -> Result<HttpResponse, Problem> {
    let given = is_given(&caller);
    render(&PasswordPage { page, login: caller.user.login, given, errors: Errors::default() })
}

fn is_given(caller: &Caller) -> bool {
    caller.session.as_ref().is_some_and(|session| session.standing.given_password)
}

/// The three passwords; what was typed is never shown again.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PasswordForm {
    #[serde(default)]
    current: String,
    #[serde(default)]
    new: String,
    #[serde(default)]
    again: String,
}

/// `POST /account/password`: changes it, ends every other session and every token, and gives this
/// session a new id.
pub async fn change(
    page: Page,
    caller: Caller,
    state: web::Data<WebState>,
    form: Posted<PasswordForm>,
) -> Result<HttpResponse, Problem> {
    let given = is_given(&caller);
    let session = caller.session.ok_or(Problem::SignIn)?;
    let (login, form) = (caller.user.login, form.0);
    let errors = look_over(&page, &form);
    if !errors.is_empty() {
        let form = PasswordPage { page, login, given, errors };
        return render_as(StatusCode::UNPROCESSABLE_ENTITY, &form);
    }
    let outcome = state
        .run(move |site| {
            let (current, new) = (form.current.as_str(), form.new.as_str());
            let change = PasswordChange { current, new, session: &session };
            settle(accounts::change_password(site, &change))
        })
        .await?;
    match outcome {
        Ok(secret) => {
            let location = (LOCATION, "/account?done=password");
            let cookie = session::cookie_of(&state.site, secret);
            Ok(HttpResponse::SeeOther().insert_header(location).cookie(cookie).finish())
        }
        Err(refused) => {
            let (status, errors) = explain(&page, &refused);
            let wait = match refused {
                PasswordRefusal::TryLater { seconds } => Some(seconds),
                _ => None,
            };
            Ok(come_back(render_as(status, &PasswordPage { page, login, given, errors })?, wait))
        }
    }
}

/// What can be told without asking the store.
fn look_over(page: &Page, form: &PasswordForm) -> Errors {
    let mut errors = Errors::default();
    if form.current.is_empty() {
        errors.add("current", page.t("password-current-missing"));
    }
    if form.new.is_empty() {
        errors.add("new", page.t("password-new-missing"));
    } else if form.new != form.again {
        errors.add("again", page.t("password-differs"));
    }
    errors
}

fn explain(page: &Page, refused: &PasswordRefusal) -> (StatusCode, Errors) {
    let at_current = |status, words| (status, Errors::one("current", words));
    match refused {
        PasswordRefusal::TryLater { seconds } => {
            at_current(StatusCode::TOO_MANY_REQUESTS, page.tn("login-try-later", *seconds))
        }
        PasswordRefusal::Busy => at_current(StatusCode::SERVICE_UNAVAILABLE, page.t("login-busy")),
        PasswordRefusal::CurrentWrong => Errors::refused(page, refused, "current"),
        PasswordRefusal::Unchanged | PasswordRefusal::New(_) => {
            Errors::refused(page, refused, "new")
        }
    }
}
