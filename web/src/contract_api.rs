//! Subscriptions, keys, usage and statements as JSON, for programs with a token. The same store
//! calls as the pages, the same parties: what belongs to somebody else is answered like what does
//! not exist.

mod shape;
mod statements;
mod subscriptions;
mod usage;

use lianshi_store::accounts::Role::{self, Buyer, Finance, OrgAdmin, Provider};

use crate::access::{Access::Roles, Pages};
use utoipa::OpenApi;

use crate::problem::ProblemDetails;

/// Their part of the API's description.
#[derive(OpenApi)]
#[openapi(
    paths(
        subscriptions::list,
        subscriptions::request,
        subscriptions::show,
        subscriptions::decide,
        subscriptions::end,
        usage::create_key,
        usage::read_usage,
        statements::list_statements,
    ),
    components(schemas(ProblemDetails)),
    tags((name = "contracts", description = "Subscriptions, keys, usage and statements"))
)]
pub struct Contracts;

/// Who reads subscriptions, of whichever side.
const PARTIES: &[Role] = &[Buyer, OrgAdmin, Provider];

/// The routes.
pub fn declare(routes: &mut Pages) {
    routes
        .get("/api/v1/subscriptions", Roles(PARTIES), subscriptions::list)
        .post("/api/v1/subscriptions", Roles(&[Buyer]), subscriptions::request)
        .get("/api/v1/subscriptions/{id}", Roles(PARTIES), subscriptions::show)
        .post("/api/v1/subscriptions/{id}/decision", Roles(&[Provider]), subscriptions::decide)
        .post("/api/v1/subscriptions/{id}/end", Roles(&[Buyer, Provider]), subscriptions::end)
        .post("/api/v1/subscriptions/{id}/keys", Roles(&[Buyer]), usage::create_key)
        .get("/api/v1/subscriptions/{id}/usage", Roles(PARTIES), usage::read_usage)
        .get(
            "/api/v1/statements",
            Roles(&[Buyer, OrgAdmin, Provider, Finance]),
            statements::list_statements,
        );
}
