//! The second step of signing in: a code of the person's application, or a recovery code.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use askama::Template;
use lianshi_store::accounts::{self, SecondFactorRefusal};
use serde::Deserialize;

use super::{address, arrive};
use crate::{
    WebState,
    access::Caller,
    account::settle,
    csrf::Posted,
    form::Errors,
    page::{Page, render_as},
    preferences::own_path,
    problem::Problem,
    refusal::come_back,
};

#[derive(Template)]
#[template(path = "account/second_step.html")]
struct SecondStepPage {
    page: Page,
    next: String,
    errors: Errors,
}

/// Where to go afterwards.
#[derive(Debug, Deserialize)]
pub struct Next {
    #[serde(default)]
    next: String,
}

/// `GET /login/second`
pub async fn show(page: Page, query: web::Query<Next>) -> Result<HttpResponse, Problem> {
    let next = own_path(&query.next);
    render_as(StatusCode::OK, &SecondStepPage { page, next, errors: Errors::default() })
}

/// What the form sends.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecondStepForm {
    #[serde(default)]
    code: String,
    #[serde(default)]
    next: String,
}

/// `POST /login/second`: the session goes on under a new id.
pub async fn prove(
    request: HttpRequest,
    caller: Caller,
    state: web::Data<WebState>,
    form: Posted<SecondStepForm>,
) -> Result<HttpResponse, Problem> {
    let session = caller.session.ok_or(Problem::SignIn)?;
    let (form, next) = (&form.0, own_path(&form.0.next));
    let (page, code, from) = (Page::of(&request), form.code.clone(), address(&request));
    let proved =
        move |site: &_| settle(accounts::prove_second_step(site, &session, (&code, &from)));
    match state.run(proved).await? {
        Ok(secret) => arrive(&state, secret, &next).await,
        Err(refused) => {
            let (status, errors) = explain(&page, &refused, "code");
            let wait = match refused {
                SecondFactorRefusal::TryLater { seconds } => Some(seconds),
                _ => None,
            };
            Ok(come_back(render_as(status, &SecondStepPage { page, next, errors })?, wait))
        }
    }
}

/// What a refused code says at its field.
pub fn explain(
    page: &Page,
    refused: &SecondFactorRefusal,
    field: &'static str,
) -> (StatusCode, Errors) {
    match refused {
        SecondFactorRefusal::TryLater { seconds } => {
            let words = page.tn("login-try-later", *seconds);
            (StatusCode::TOO_MANY_REQUESTS, Errors::one(field, words))
        }
        _ => Errors::refused(page, refused, field),
    }
}
