//! What a handler returns instead of an answer, and how it reaches the reader: a localized page, or
//! problem JSON (RFC 9457) under `/api/`. Handlers return [`Problem`] with `?`; the middleware
//! [`explain`] turns it into words.

use std::fmt;

use actix_web::{
    Error, HttpRequest, HttpResponse, ResponseError,
    body::{BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::{StatusCode, header},
    middleware::Next,
    web::Data,
};
use askama::Template;
use lianshi_registry::refusal::Refusal;
use lianshi_store::{Failure, Fault, accounts::Owed};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    access::{denial, is_api},
    foreign,
    page::Page,
    preferences::{Ways, encode},
    refusal, visitor,
};

/// When to come back to a node that is busy.
const BUSY_RETRY_SECONDS: u64 = 1;
/// When to come back to a node that can write nothing: somebody has to make room first, or let it.
const NO_ROOM_RETRY_SECONDS: u64 = 30;

/// Why there is no answer.
#[derive(Debug)]
pub enum Problem {
    /// The rules say no.
    Refused {
        /// Stable code.
        code: &'static str,
        /// The article, where one applies.
        rule: Option<String>,
        /// The refusal in its own words, shown where no text exists for the code.
        detail: String,
    },
    /// Nothing here, or nothing this visitor may know of.
    NotFound,
    /// It was here, or its time is over: whoever keeps a copy begins anew.
    Gone,
    /// Only for signed-in people: pages lead to the sign-in page and back.
    SignIn,
    /// Only after what the person must do before anything else; pages lead there.
    Owed(Owed),
    /// Signed in, without the role.
    Forbidden,
    /// The request does not parse; what is wrong, for programs.
    Malformed(String),
    /// A form that did not come from our own pages or whose token is stale.
    CrossSite,
    /// Too many attempts.
    Throttled {
        /// When to come back.
        retry_after_seconds: u64,
    },
    /// The machinery failed.
    Fault(Fault),
    /// A template did not render.
    Template(String),
}

impl Problem {
    /// A refusal of any room.
    pub fn refused(refusal: &impl Refusal) -> Self {
        Self::Refused { code: refusal.code(), rule: refusal.rule(), detail: refusal.to_string() }
    }

    /// The stable code programs match on.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Refused { code, .. } => code,
            Self::NotFound => "web.not_found",
            Self::Gone => "web.gone",
            Self::SignIn => "web.sign_in",
            Self::Owed(_) => "web.owed",
            Self::Forbidden => "web.forbidden",
            Self::Malformed(_) => "web.malformed",
            Self::CrossSite => "web.cross_site",
            Self::Throttled { .. } => "web.throttled",
            Self::Fault(fault) if fault.refuses_writes() => "web.no_room",
            Self::Fault(fault) if fault.is_transient() => "web.busy",
            Self::Fault(_) | Self::Template(_) => "web.fault",
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { detail, .. } | Self::Malformed(detail) => f.write_str(detail),
            Self::Fault(fault) => write!(f, "{fault}"),
            Self::Template(error) => write!(f, "a template failed: {error}"),
            other => f.write_str(other.code()),
        }
    }
}

impl std::error::Error for Problem {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Fault(fault) => std::error::Error::source(fault),
            _ => None,
        }
    }
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl<R: Refusal> From<Failure<R>> for Problem {
    fn from(failure: Failure<R>) -> Self {
        match failure {
            Failure::Refused(refusal) => Self::refused(&refusal),
            Failure::Fault(fault) => Self::Fault(fault),
        }
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::Refused { code, .. } => refusal::status(code),
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Gone => StatusCode::GONE,
            Self::SignIn => StatusCode::UNAUTHORIZED,
            Self::Forbidden | Self::Owed(_) | Self::CrossSite => StatusCode::FORBIDDEN,
            Self::Malformed(_) => StatusCode::BAD_REQUEST,
            Self::Throttled { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Fault(fault) if fault.is_transient() => StatusCode::SERVICE_UNAVAILABLE,
            Self::Fault(_) | Self::Template(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn error_response(&self) -> HttpResponse {
        let mut builder = HttpResponse::build(self.status_code());
        let retry_after_seconds = match self {
            Self::Throttled { retry_after_seconds } => Some(*retry_after_seconds),
            Self::Fault(fault) => fault_retry_seconds(fault),
            _ => None,
        };
        if let Some(seconds) = retry_after_seconds {
            builder.insert_header((header::RETRY_AFTER, seconds.to_string()));
        }
        builder.finish()
    }
}

/// When to come back after a fault; `None` where that is of no use.
pub(crate) fn fault_retry_seconds(fault: &Fault) -> Option<u64> {
    if fault.refuses_writes() {
        Some(NO_ROOM_RETRY_SECONDS)
    } else {
        fault.is_transient().then_some(BUSY_RETRY_SECONDS)
    }
}

/// Problem details as the API answers them.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProblemDetails {
    /// `urn:lianshi:problem:` and the code.
    #[serde(rename = "type")]
    pub kind: String,
    /// The sentence in the language of the request.
    pub title: String,
    /// HTTP status.
    pub status: u16,
    /// What exactly is wrong.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// Stable code, such as `subscription.plan_retired`.
    pub code: String,
    /// The article of the ruleset, where one applies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// Reference number of the log line, for faults.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
}

#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage {
    page: Page,
    title: String,
    text: String,
    rule: Option<String>,
    reference: Option<String>,
    status: u16,
}

/// Middleware: gives every failed answer its words. Handlers and extractors fail with a response;
/// a middleware inside this one must do the same (`ServiceRequest::error_response`), because an
/// `Err` has lost the request that says in which language to answer.
pub async fn explain(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    // The request must not be cloned before it is routed; handlers and the access middleware give
    // their errors as answers that remember them.
    let response = next.call(request).await?.map_into_boxed_body();
    let status = response.status();
    let spoken = response.headers().contains_key(header::CONTENT_TYPE)
        && response.response().error().is_none();
    if spoken || !(status.is_client_error() || status.is_server_error()) {
        return Ok(response);
    }
    let (http_request, response) = response.into_parts();
    if let Some(problem) = response.error().and_then(Error::as_error::<Problem>) {
        denial::tell(&http_request, problem).await;
    }
    let words = Words::of(&http_request, &response);
    let mut explained = words.answer(&http_request, status);
    for (name, value) in response.headers() {
        if !explained.headers().contains_key(name) {
            explained.headers_mut().append(name.clone(), value.clone());
        }
    }
    Ok(ServiceResponse::new(http_request, explained))
}

/// What there is to say about one failed request.
struct Words {
    code: &'static str,
    rule: Option<String>,
    detail: String,
    reference: Option<String>,
    owed: Option<Owed>,
}

impl Words {
    fn of(request: &HttpRequest, response: &HttpResponse) -> Self {
        let error = response.error();
        if let Some(problem) = error.and_then(Error::as_error::<Problem>) {
            return Self::of_problem(request, problem);
        }
        let detail = error.map(ToString::to_string).unwrap_or_default();
        let code = match response.status() {
            StatusCode::NOT_FOUND => "web.not_found",
            StatusCode::METHOD_NOT_ALLOWED => "web.method",
            StatusCode::PAYLOAD_TOO_LARGE => "web.too_large",
            status if status.is_client_error() => "web.malformed",
            _ => "web.fault",
        };
        let reference = (code == "web.fault").then(|| log_fault(request, &detail));
        let detail = if reference.is_some() { String::new() } else { detail };
        Self { code, rule: None, detail, reference, owed: None }
    }

    fn of_problem(request: &HttpRequest, problem: &Problem) -> Self {
        let (code, detail) = (problem.code(), String::new());
        let mut words = Self { code, rule: None, detail, reference: None, owed: None };
        match problem {
            Problem::Refused { rule, detail, .. } => {
                words.rule.clone_from(rule);
                words.detail.clone_from(detail);
            }
            Problem::Owed(owed) => words.owed = Some(*owed),
            Problem::Malformed(detail) => words.detail.clone_from(detail),
            Problem::Fault(_) | Problem::Template(_) => {
                words.reference = Some(log_fault(request, &chain(problem)));
            }
            _ => {}
        }
        words
    }

    fn answer(self, request: &HttpRequest, status: StatusCode) -> HttpResponse {
        let page = Page::of(request);
        let key = refusal::key(self.code);
        let text = page.lang.find(&key).unwrap_or_else(|| self.detail.clone());
        if is_api(request) {
            let mut answer = HttpResponse::build(status);
            if status == StatusCode::UNAUTHORIZED {
                answer.insert_header((header::WWW_AUTHENTICATE, "Bearer realm=\"lianshi\""));
            }
            return answer.content_type("application/problem+json").json(ProblemDetails {
                kind: format!("urn:lianshi:problem:{}", self.code),
                title: text,
                status: status.as_u16(),
                detail: self.detail,
                code: self.code.to_owned(),
                rule: self.rule,
                reference: self.reference,
            });
        }
        if status == StatusCode::UNAUTHORIZED && self.code == "web.sign_in" {
            let ways = request.app_data::<Data<Ways>>();
            let back = ways.map_or_else(|| page.path.clone(), |ways| ways.back(&page.path));
            let location = format!("/login?next={}", encode(&back));
            return HttpResponse::SeeOther().insert_header((header::LOCATION, location)).finish();
        }
        if let Some(owed) = self.owed {
            // Only a page that was asked for can be gone back to.
            let next = if request.method().is_safe() { page.path.as_str() } else { "/" };
            let location = (header::LOCATION, visitor::owed_path(owed, next));
            return HttpResponse::SeeOther().insert_header(location).finish();
        }
        let title = page.t(title_key(status));
        let template = ProblemPage {
            page,
            title,
            text,
            rule: self.rule,
            reference: self.reference,
            status: status.as_u16(),
        };
        let html = template.render().map_or_else(|_| status.to_string(), foreign::mark);
        HttpResponse::build(status).content_type("text/html; charset=utf-8").body(html)
    }
}

fn title_key(status: StatusCode) -> &'static str {
    match status {
        StatusCode::NOT_FOUND => "problem-not-found",
        StatusCode::FORBIDDEN => "problem-forbidden",
        StatusCode::TOO_MANY_REQUESTS => "problem-too-many",
        status if status.is_server_error() => "problem-service",
        _ => "problem-refused",
    }
}

/// Logs once, with a reference the reader can quote.
fn log_fault(request: &HttpRequest, chain: &str) -> String {
    let mut bytes = [0_u8; 5];
    // A reference of zeros is still a reference.
    let _ = getrandom::fill(&mut bytes);
    let reference = hex::encode(bytes);
    tracing::error!(%reference, method = %request.method(), path = request.path(), chain, "a request failed");
    reference
}

pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}
