//! Denied access, told to the audit trail: who was refused what, and from where. Sign-ins that fail
//! are told where they are judged.

use actix_web::{HttpMessage as _, HttpRequest, http::header::AUTHORIZATION, web::Data};
use lianshi_store::audit::{self, Actor, Denied};

use super::{Caller, is_api};
use crate::{
    WebState,
    problem::{Problem, chain},
    session,
};

/// Tells of a refusal that is one: a role that is missing, a form of another site, a token that
/// does not work. A visitor who is led to the sign-in page was not refused anything.
pub async fn tell(request: &HttpRequest, problem: &Problem) {
    let outcome = match problem {
        Problem::Forbidden | Problem::CrossSite => problem.code(),
        Problem::SignIn if is_api(request) && request.headers().contains_key(AUTHORIZATION) => {
            "web.token_unknown"
        }
        _ => return,
    };
    let Some(state) = request.app_data::<Data<WebState>>() else { return };
    let actor = request.extensions().get::<Caller>().map_or_else(Actor::stranger, Caller::actor);
    let action = if is_api(request) { "access.api" } else { "access.page" };
    // The pattern and not the path: what people type into an address is not kept.
    let pattern = request.match_pattern().unwrap_or_default();
    let object = format!("{} {pattern}", request.method());
    let address = session::address(request);
    let told = state
        .run(move |site| {
            let (object, address) = (object.as_str(), address.as_str());
            let denied = Denied { actor: &actor, action, object, outcome, address };
            Ok(audit::deny(site, &denied)?)
        })
        .await;
    if let Err(error) = told {
        tracing::error!(chain = chain(&error), "a refusal could not be told to the audit trail");
    }
}
