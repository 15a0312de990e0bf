//! The session cookie and the pages that begin and end a session.

pub mod second_step;
mod transport;

use std::borrow::Cow;

use actix_web::{
    HttpRequest, HttpResponse,
    cookie::{Cookie, SameSite, time},
    http::{
        StatusCode,
        header::{HeaderName, HeaderValue, LOCATION, ORIGIN},
    },
    web,
};
use askama::Template;
use lianshi_routes::proxies;
use lianshi_store::{
    Failure, Site,
    accounts::{self, Attempt, LoginRefusal, random_hex},
};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::{
    WebState,
    access::Caller,
    address,
    csrf::{self, Posted},
    form::Errors,
    page::{Page, render_as},
    preferences::own_path,
    problem::Problem,
    refusal::come_back,
    visitor::owed_path,
};

/// How the name of the cookie with the session's id begins. The prefix makes browsers take it from
/// this host over a trustworthy connection only.
pub const SESSION_COOKIE: &str = "__Host-lianshi-session-";
/// When to come back while too many people sign in.
const BUSY_RETRY_SECONDS: i64 = 5;
/// How the name of the cookie begins that makes a browser known to one login.
pub const DEVICE_COOKIE: &str = "__Host-lianshi-device-";
/// Cookie that ties the sign-in form to the browser it was shown in.
const FORM_COOKIE: &str = "__Host-lianshi-form";

/// The whole name: cookies know no ports, and several nodes may share a host.
fn session_cookie(site: &Site) -> String {
    format!("{SESSION_COOKIE}{}", site.node)
}

/// One for each login: several people may use a browser, and none of them takes another's place.
fn device_cookie(site: &Site, login: &str) -> String {
    let digest = Sha256::digest(accounts::normal_login(login).as_bytes());
    let short = digest.get(..8).map(hex::encode).unwrap_or_default();
    format!("{DEVICE_COOKIE}{}-{short}", site.node)
}

/// The session id a request carries.
pub fn cookie_value(request: &HttpRequest) -> Option<String> {
    let state = request.app_data::<web::Data<WebState>>()?;
    let cookie = request.cookie(&session_cookie(&state.site));
    cookie.map(|cookie| cookie.value().to_owned())
}

/// Where a request comes from.
pub fn address(request: &HttpRequest) -> String {
    proxies::client(request).map_or_else(String::new, |address| address.to_string())
}

fn cookie<'c>(name: impl Into<Cow<'c, str>>, value: String) -> Cookie<'c> {
    Cookie::build(name, value)
        .path("/")
        .secure(true)
        .http_only(true)
        .same_site(SameSite::Lax)
        .finish()
}

/// The cookie that carries a session's id.
pub fn cookie_of(site: &Site, secret: String) -> Cookie<'static> {
    cookie(session_cookie(site), secret)
}

#[derive(Template)]
#[template(path = "account/login.html")]
struct LoginPage {
    page: Page,
    next: String,
    login: String,
    token: String,
    /// The browser would not keep the cookie; where to go instead.
    plain: bool,
    errors: Errors,
}

impl LoginPage {
    fn new(page: Page, request: &HttpRequest, next: String) -> Result<Self, Problem> {
        let state = request.app_data::<web::Data<WebState>>();
        let public_url = state.map_or("", |state| state.site.public_url.as_str());
        Ok(Self {
            plain: transport::loses_cookies(request, public_url),
            page,
            next,
            login: String::new(),
            token: random_hex::<16>()?,
            errors: Errors::default(),
        })
    }
}

/// Where to go after signing in.
#[derive(Debug, Deserialize)]
pub struct Next {
    #[serde(default)]
    next: String,
}

/// `GET /login`
pub async fn show_login(
    request: HttpRequest,
    page: Page,
    query: web::Query<Next>,
) -> Result<HttpResponse, Problem> {
    login_page(StatusCode::OK, LoginPage::new(page, &request, own_path(&query.next))?)
}

fn login_page(status: StatusCode, form: LoginPage) -> Result<HttpResponse, Problem> {
    let mut response = render_as(status, &form)?;
    let cookie = cookie(FORM_COOKIE, form.token);
    response.add_cookie(&cookie).map_err(|error| Problem::Template(error.to_string()))?;
    Ok(response)
}

/// What the sign-in form sends.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoginForm {
    #[serde(default)]
    login: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    next: String,
}

/// `POST /login`
pub async fn log_in(
    request: HttpRequest,
    page: Page,
    state: web::Data<WebState>,
    body: web::Bytes,
) -> Result<HttpResponse, Problem> {
    let (token, rest) = csrf::split_token(&body)?;
    demand_own_form(&request, &token)?;
    let form: LoginForm = csrf::parse(&rest)?;
    let (login, next) = (form.login.clone(), own_path(&form.next));
    let shown = LoginPage::new(page, &request, next.clone())?;
    if shown.plain {
        // Checked or not, the browser would not be signed in.
        return login_page(StatusCode::UNPROCESSABLE_ENTITY, shown);
    }
    let address = address(&request);
    let replaces = cookie_value(&request);
    let device_cookie = device_cookie(&state.site, &login);
    let device = request.cookie(&device_cookie).map(|cookie| cookie.value().to_owned());
    let outcome = state
        .run(move |site| {
            let attempt = Attempt {
                login: &form.login,
                password: &form.password,
                address: &address,
                replaces: replaces.as_deref(),
                device: device.as_deref(),
            };
            match accounts::log_in(site, &attempt) {
                Ok(session) => Ok(Ok(session)),
                Err(Failure::Refused(refusal)) => Ok(Err(refusal)),
                Err(Failure::Fault(fault)) => Err(Problem::Fault(fault)),
            }
        })
        .await?;
    match outcome {
        Ok(session) => {
            let mut device = cookie(device_cookie, session.device);
            device.set_max_age(time::Duration::days(accounts::DEVICE_DAYS));
            let mut answer = arrive(&state, session.secret, &next).await?;
            let kept = answer.add_cookie(&device);
            kept.map_err(|error| Problem::Template(error.to_string()))?;
            Ok(answer)
        }
        Err(refusal) => {
            let (status, words) = explain(&shown.page, &refusal);
            let errors = Errors::one("login", words);
            let wait = match refusal {
                LoginRefusal::TryLater { seconds } => Some(seconds),
                LoginRefusal::Busy => Some(BUSY_RETRY_SECONDS),
                LoginRefusal::Wrong => None,
            };
            let answer = login_page(status, LoginPage { login, errors, ..shown })?;
            Ok(come_back(answer, wait))
        }
    }
}

/// Leads a session that begins to where its owner wanted to go, or to what they must do before.
async fn arrive(state: &WebState, secret: String, next: &str) -> Result<HttpResponse, Problem> {
    let begun = secret.clone();
    let session = state.run(move |site| Ok(accounts::resume_session(site, &begun)?)).await?;
    let owed = session.and_then(|session| session.owes(state.second_factor));
    let location = owed.map_or_else(|| next.to_owned(), |owed| owed_path(owed, next));
    Ok(HttpResponse::SeeOther()
        .insert_header((LOCATION, location))
        .cookie(cookie_of(&state.site, secret))
        .finish())
}

fn explain(page: &Page, refusal: &LoginRefusal) -> (StatusCode, String) {
    match refusal {
        LoginRefusal::Wrong => (StatusCode::UNPROCESSABLE_ENTITY, page.t("refusal-login-wrong")),
        LoginRefusal::TryLater { seconds } => {
            (StatusCode::TOO_MANY_REQUESTS, page.tn("login-try-later", *seconds))
        }
        LoginRefusal::Busy => (StatusCode::SERVICE_UNAVAILABLE, page.t("login-busy")),
    }
}

/// The origin was checked already where the browser names one; where it does not, the form must
/// carry what its cookie says.
fn demand_own_form(request: &HttpRequest, token: &str) -> Result<(), Problem> {
    let headers = request.headers();
    if headers.contains_key("sec-fetch-site") || headers.contains_key(ORIGIN) {
        return Ok(());
    }
    let cookie = request.cookie(FORM_COOKIE).ok_or(Problem::CrossSite)?;
    let same = cookie.value().as_bytes().ct_eq(token.as_bytes());
    if !token.is_empty() && bool::from(same) { Ok(()) } else { Err(Problem::CrossSite) }
}

/// A form that sends nothing but its token.
#[derive(Debug, Deserialize)]
pub struct Nothing {}

/// `POST /logout`
pub async fn log_out(
    caller: Caller,
    state: web::Data<WebState>,
    _: Posted<Nothing>,
) -> Result<HttpResponse, Problem> {
    let session = caller.session.ok_or(Problem::SignIn)?;
    state
        .run(move |site| Ok(accounts::end_session(site, &session.user, &session.id_hash)?))
        .await?;
    let mut gone = cookie(session_cookie(&state.site), String::new());
    gone.make_removal();
    let clear = HeaderName::from_static("clear-site-data");
    Ok(HttpResponse::SeeOther()
        .insert_header((LOCATION, "/"))
        .insert_header((clear, HeaderValue::from_static("\"cache\", \"storage\"")))
        .cookie(gone)
        .finish())
}
