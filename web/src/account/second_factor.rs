//! The second step of one's own account: setting it up with an application on a telephone, its
//! recovery codes, and removing it.

use actix_web::{HttpResponse, http::StatusCode, http::header::LOCATION, web};
use askama::Template;
use lianshi_store::{
    Site,
    accounts::{self, Owed, SecondFactor, SecondFactorOffer, SecondFactorRefusal, Session},
};
use serde::Deserialize;

use super::settle;
use crate::{
    WebState,
    access::{
        Access::{Owing, SignedIn},
        Caller, Pages,
    },
    code,
    csrf::{self, Posted},
    form::Errors,
    page::{Page, render_as},
    problem::Problem,
    session::{Nothing, cookie_of, second_step::explain},
};

#[derive(Template)]
#[template(path = "account/second_factor.html")]
struct SecondFactorPage {
    page: Page,
    /// In use.
    factor: Option<SecondFactor>,
    /// Waits for its first code.
    offer: Option<SecondFactorOffer>,
    /// Must be set up before anything else.
    owed: bool,
    /// Recovery codes that were just made: shown on this page only.
    codes: Vec<String>,
    errors: Errors,
}

impl SecondFactorPage {
    fn drawn(&self, offer: &SecondFactorOffer) -> String {
        code::draw(&self.page.t("second-code-title"), &offer.address)
    }
}

/// What the page shows beside the state of the account.
#[derive(Default)]
struct Shown {
    status: StatusCode,
    codes: Vec<String>,
    errors: Errors,
}

/// The routes of this page.
pub fn declare(routes: &mut Pages) {
    let owing = Owing(&[Owed::SecondFactor]);
    routes
        .get("/account/second-factor", owing, show)
        .post("/account/second-factor/begin", owing, begin)
        .post("/account/second-factor/confirm", owing, confirm)
        .post("/account/second-factor/recovery-codes", SignedIn, renew_codes)
        .post("/account/second-factor/remove", SignedIn, remove);
}

/// `GET /account/second-factor`
pub async fn show(
    page: Page,
    caller: Caller,
    state: web::Data<WebState>,
) -> Result<HttpResponse, Problem> {
    let session = caller.session.ok_or(Problem::SignIn)?;
    render_factor(page, session, &state, Shown::default()).await
}

async fn render_factor(
    page: Page,
    session: Session,
    state: &WebState,
    Shown { status, codes, errors }: Shown,
) -> Result<HttpResponse, Problem> {
    let owed = session.owes(state.second_factor).is_some();
    let site = state.site.clone();
    let (factor, offer) = state
        .read(move |read| {
            let factor = accounts::second_factor(read, &session.user)?;
            Ok((factor, accounts::waiting_second_factor(read, (&site, &session.user))?))
        })
        .await?;
    let owed = owed && factor.is_none();
    render_as(status, &SecondFactorPage { page, factor, offer, owed, codes, errors })
}

/// `POST /account/second-factor/begin`: makes a secret, which waits for its first code.
pub async fn begin(
    page: Page,
    caller: Caller,
    state: web::Data<WebState>,
    _: Posted<Nothing>,
) -> Result<HttpResponse, Problem> {
    let session = caller.session.ok_or(Problem::SignIn)?;
    let user = session.user.clone();
    let begun = state.run(move |site| settle(accounts::offer_second_factor(site, &user))).await?;
    match begun {
        Ok(_) => {
            let back = (LOCATION, "/account/second-factor");
            Ok(HttpResponse::SeeOther().insert_header(back).finish())
        }
        Err(refused) => refuse(page, session, &state, (&refused, "code")).await,
    }
}

/// A code, in whichever of the page's forms it was typed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CodeForm {
    #[serde(alias = "renew", alias = "remove")]
    code: String,
}

/// `POST /account/second-factor/confirm`: takes the secret into use and shows the recovery codes,
/// once. The session goes on under a new id.
pub async fn confirm(
    page: Page,
    caller: Caller,
    state: web::Data<WebState>,
    form: Posted<CodeForm>,
) -> Result<HttpResponse, Problem> {
    let session = caller.session.ok_or(Problem::SignIn)?;
    let outcome = attempt(&state, &session, form.0, accounts::confirm_second_factor).await?;
    let done = match outcome {
        Ok(done) => done,
        Err(refused) => return refuse(page, session, &state, (&refused, "code")).await,
    };
    let secret = done.session.clone();
    let renewed = state.run(move |site| Ok(accounts::resume_session(site, &secret)?)).await?;
    let renewed = renewed.ok_or(Problem::SignIn)?;
    let page = page.with_csrf(csrf::token(&renewed)?);
    let shown = Shown { codes: done.recovery_codes, ..Shown::default() };
    let mut response = render_factor(page, renewed, &state, shown).await?;
    let cookie = cookie_of(&state.site, done.session);
    response.add_cookie(&cookie).map_err(|error| Problem::Template(error.to_string()))?;
    Ok(response)
}

/// `POST /account/second-factor/recovery-codes`: new ones in place of the old, shown once.
pub async fn renew_codes(
    page: Page,
    caller: Caller,
    state: web::Data<WebState>,
    form: Posted<CodeForm>,
) -> Result<HttpResponse, Problem> {
    let session = caller.session.ok_or(Problem::SignIn)?;
    match attempt(&state, &session, form.0, accounts::renew_recovery_codes).await? {
        Ok(codes) => {
            let shown = Shown { codes, ..Shown::default() };
            render_factor(page, session, &state, shown).await
        }
        Err(refused) => refuse(page, session, &state, (&refused, "renew")).await,
    }
}

/// `POST /account/second-factor/remove`
pub async fn remove(
    page: Page,
    caller: Caller,
    state: web::Data<WebState>,
    form: Posted<CodeForm>,
) -> Result<HttpResponse, Problem> {
    let session = caller.session.ok_or(Problem::SignIn)?;
    match attempt(&state, &session, form.0, accounts::remove_second_factor).await? {
        Ok(()) => {
            let back = (LOCATION, "/account?done=second-factor");
            Ok(HttpResponse::SeeOther().insert_header(back).finish())
        }
        Err(refused) => refuse(page, session, &state, (&refused, "remove")).await,
    }
}

/// Tries a code, off the async threads.
async fn attempt<T: Send + 'static>(
    state: &WebState,
    session: &Session,
    form: CodeForm,
    act: fn(&Site, &Session, &str) -> Result<T, lianshi_store::Failure<SecondFactorRefusal>>,
) -> Result<Result<T, SecondFactorRefusal>, Problem> {
    let session = session.clone();
    state.run(move |site| settle(act(site, &session, &form.code))).await
}

async fn refuse(
    page: Page,
    session: Session,
    state: &WebState,
    (refused, field): (&SecondFactorRefusal, &'static str),
) -> Result<HttpResponse, Problem> {
    let (status, errors) = explain(&page, refused, field);
    render_factor(page, session, state, Shown { status, errors, ..Shown::default() }).await
}
