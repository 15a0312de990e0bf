//! Subscriptions, keys, usage and statements as JSON, for programs with a token. The same store
//! calls as the pages, the same parties: what belongs to somebody else is answered like what does
//! not exist.

mod shape;
mod statements;
mod subscriptions;
mod usage;

use actix_web::web;
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

/// The routes; the table of roles says who may use them.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.route("/api/v1/subscriptions", web::get().to(subscriptions::list))
        .route("/api/v1/subscriptions", web::post().to(subscriptions::request))
        .route("/api/v1/subscriptions/{id}", web::get().to(subscriptions::show))
        .route("/api/v1/subscriptions/{id}/decision", web::post().to(subscriptions::decide))
        .route("/api/v1/subscriptions/{id}/end", web::post().to(subscriptions::end))
        .route("/api/v1/subscriptions/{id}/keys", web::post().to(usage::create_key))
        .route("/api/v1/subscriptions/{id}/usage", web::get().to(usage::read_usage))
        .route("/api/v1/statements", web::get().to(statements::list_statements));
}
