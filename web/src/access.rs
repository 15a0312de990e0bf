//! Who may use which route. One table names every route; the middleware [`admit`] finds out who
//! asks, looks the route up and lets the request through or refuses it. A route that is not in the
//! table is answered like an absent page, so forgetting it cannot open it.

mod caller;
mod table;

use actix_web::{
    Error, HttpMessage as _,
    body::{BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::{Method, header::AUTHORIZATION},
    middleware::Next,
    web::Data,
};
use lianshi_store::accounts::{self, Role, User};

pub use caller::Caller;
pub use table::ROUTES;

use crate::{WebState, csrf, origin, problem::Problem, session};

/// Who may use a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anyone.
    Everyone,
    /// Anyone who is signed in.
    SignedIn,
    /// Whoever has at least one of these roles.
    Roles(&'static [Role]),
}

impl Access {
    /// Whether the table lets this user in; `None` is an anonymous visitor.
    pub fn admits(self, user: Option<&User>) -> Result<(), Problem> {
        match (self, user) {
            (Self::Everyone, _) | (Self::SignedIn, Some(_)) => Ok(()),
            (_, None) => Err(Problem::SignIn),
            (Self::Roles(roles), Some(user)) => {
                let entitled = roles.iter().any(|role| user.has(*role));
                if entitled { Ok(()) } else { Err(Problem::Forbidden) }
            }
        }
    }
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Route {
    /// `GET` or `POST`.
    pub method: &'static str,
    /// The route's pattern, as registered.
    pub pattern: &'static str,
    /// Who may use it.
    pub access: Access,
}

/// The row of a route.
pub fn row(method: &Method, pattern: &str) -> Option<&'static Route> {
    ROUTES.iter().find(|route| route.method == method.as_str() && route.pattern == pattern)
}

/// Middleware: identifies the caller and applies the table.
pub async fn admit(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    match judge(&request).await {
        Ok(()) => Ok(next.call(request).await?.map_into_boxed_body()),
        Err(problem) => {
            let (request, _) = request.into_parts();
            Ok(ServiceResponse::from_err(problem, request).map_into_boxed_body())
        }
    }
}

async fn judge(request: &ServiceRequest) -> Result<(), Problem> {
    let state = request.app_data::<Data<WebState>>().cloned().ok_or(Problem::NotFound)?;
    let caller = identify(request, &state).await?;
    if let Some(caller) = &caller {
        request.extensions_mut().insert(caller.visitor());
        request.extensions_mut().insert(caller.clone());
    }
    let Some(pattern) = request.match_pattern() else { return Ok(()) };
    let Some(route) = row(request.method(), &pattern) else {
        // Where the path is known and the method is not, the router says so.
        let known = ROUTES.iter().any(|route| route.pattern == pattern);
        return if known { Ok(()) } else { Err(Problem::NotFound) };
    };
    if !request.method().is_safe() && !is_api(request) {
        origin::demand_own(request.request())?;
    }
    route.access.admits(caller.as_ref().map(|caller| &caller.user))
}

/// Pages know people by their session, the API by a bearer token and by nothing else.
async fn identify(request: &ServiceRequest, state: &WebState) -> Result<Option<Caller>, Problem> {
    if is_api(request) {
        let header = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let Some(header) = header else { return Ok(None) };
        let secret = header.strip_prefix("Bearer ").unwrap_or_default().trim().to_owned();
        let now = state.site.now();
        let user = state.read(move |read| accounts::user_by_token(read, &secret, now)).await?;
        // A token that does not work is not an anonymous visitor.
        let user = user.ok_or(Problem::SignIn)?;
        return Ok(Some(Caller { user, session: None, csrf_token: String::new() }));
    }
    let Some(secret) = session::cookie_value(request.request()) else { return Ok(None) };
    let session = state
        .run(move |site| accounts::resume_session(site, &secret).map_err(Problem::from))
        .await?;
    session
        .map(|session| {
            let csrf_token = csrf::token(&session)?;
            Ok(Caller { user: session.user.clone(), session: Some(session), csrf_token })
        })
        .transpose()
}

fn is_api(request: &ServiceRequest) -> bool {
    request.path().starts_with("/api/")
}
