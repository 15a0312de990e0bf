//! Who asks, and whether a page or an API route is for them. The declaration of a route says whose
//! it is ([`lianshi_routes`]); [`Persons`] finds out who makes the request and holds it against
//! that.

mod caller;
pub(crate) mod denial;

use actix_web::{
    Error, HttpMessage as _, HttpRequest, dev::ServiceRequest, http::header::AUTHORIZATION,
    web::Data,
};
use futures::future::LocalBoxFuture;
pub use lianshi_routes::Access;
use lianshi_routes::{Declared, Judge, Routes};
use lianshi_store::accounts::{self, Owed, User};

pub use caller::Caller;

use crate::{WebState, csrf, origin, problem::Problem, session};

/// The pages and the API, as they are declared.
pub type Pages = Routes<Persons>;

/// Knows people by their session, programs by their token.
#[derive(Debug, Clone, Copy)]
pub struct Persons;

impl Judge for Persons {
    fn judge(
        self,
        request: &ServiceRequest,
        declared: Declared,
    ) -> LocalBoxFuture<'_, Result<(), Error>> {
        Box::pin(async move { Ok(judge(request, declared).await?) })
    }
}

async fn judge(request: &ServiceRequest, declared: Declared) -> Result<(), Problem> {
    let state = request.app_data::<Data<WebState>>().cloned().ok_or(Problem::NotFound)?;
    let caller = identify(request, &state).await?;
    let owed = caller.as_ref().and_then(|caller| caller.owes(state.second_factor));
    let caller = caller.filter(|_| owed.is_none_or(|owed| serves(declared.access, owed)));
    if let Some(caller) = &caller {
        request.extensions_mut().insert(caller.visitor());
        request.extensions_mut().insert(caller.clone());
    }
    if declared.method == "POST" && !is_api(request.request()) {
        origin::demand_own(request.request())?;
    }
    // Who still owes something is nobody, but where they do it.
    if let (Some(owed), None, false) = (owed, &caller, declared.access == Access::Everyone) {
        return Err(Problem::Owed(owed));
    }
    admits(declared.access, caller.as_ref().map(|caller| &caller.user))
}

/// Whether a route is the place to do what is owed.
fn serves(access: Access, owed: Owed) -> bool {
    matches!(access, Access::Owing(served) if served.contains(&owed))
}

/// Whether a route is for this user; `None` is an anonymous visitor.
fn admits(access: Access, user: Option<&User>) -> Result<(), Problem> {
    match (access, user) {
        (Access::Everyone, _) | (Access::SignedIn | Access::Owing(_), Some(_)) => Ok(()),
        (Access::SignedIn | Access::Owing(_) | Access::Roles(_), None) => Err(Problem::SignIn),
        (Access::Roles(roles), Some(user)) => {
            let entitled = roles.iter().any(|role| user.has(*role));
            if entitled { Ok(()) } else { Err(Problem::Forbidden) }
        }
        // No page is opened by a proof that it would have to ask for itself.
        (Access::Proof | Access::Operations, _) => Err(Problem::NotFound),
    }
}

/// Pages know people by their session, the API by a bearer token and by nothing else.
async fn identify(request: &ServiceRequest, state: &WebState) -> Result<Option<Caller>, Problem> {
    if is_api(request.request()) {
        let header = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let Some(header) = header else { return Ok(None) };
        // The scheme is read in any case (RFC 9110, section 11.1).
        let bearer =
            header.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let secret = bearer.map(|(_, secret)| secret.trim()).unwrap_or_default().to_owned();
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

/// Whether a request is for the API, whose callers are programs. The one place that decides it, by
/// the path as the router reads it, whatever its spelling.
pub fn is_api(request: &HttpRequest) -> bool {
    let path = request.match_info().as_str();
    path == "/api" || path.starts_with("/api/")
}
