//! The JSON API under `/api/v1/`, described by OpenAPI. Public reading here; what needs a token is
//! merged in from the rooms that answer it. Errors are problem details (RFC 9457) with stable
//! codes.

pub mod catalog;
mod changes;
mod description;
mod digest;
mod texts;

use actix_web::{HttpResponse, web::Data};
use serde_json::Value;
use utoipa::OpenApi;

use crate::{
    WebState,
    access::{Access::Everyone, Pages},
    contract_api::Contracts,
    problem::{Problem, ProblemDetails},
};

/// Last page that can be asked for: no list has so many.
const PAGE_MAX: u32 = 1_000_000;

/// The page asked for, the first one when none is. The description names the same bounds.
pub(crate) fn page_asked(page: Option<u32>) -> Result<u32, Problem> {
    let page = page.unwrap_or(1);
    if (1..=PAGE_MAX).contains(&page) {
        Ok(page)
    } else {
        Err(Problem::Malformed(format!("page is from 1 to {PAGE_MAX}")))
    }
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Lianshi 联市",
        description = "A node of a federation of public-data marketplaces. \
            Amounts and prices are decimal texts in yuan, times are UTC, \
            errors are problem details with a stable `code`.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    paths(catalog::products, catalog::product, changes::changes, digest::digest),
    components(schemas(ProblemDetails)),
    tags((name = "catalog", description = "The public catalog, without a token"))
)]
struct Public;

/// The description of all HTTP interfaces of a node that others reach at `public_url`.
pub fn description(public_url: &str) -> Value {
    let mut whole = Public::openapi();
    whole.merge(Contracts::openapi());
    // What was made of types with names always becomes JSON.
    let described = serde_json::to_value(whole).unwrap_or_default();
    description::complete(described, &crate::pages().declared(), public_url)
}

/// `GET /api/v1/openapi.json`
async fn describe(state: Data<WebState>) -> HttpResponse {
    HttpResponse::Ok().json(description(&state.site.public_url))
}

/// The public routes.
pub fn declare(routes: &mut Pages) {
    routes
        .get("/api/v1/openapi.json", Everyone, describe)
        .get("/api/v1/products", Everyone, catalog::products)
        .get("/api/v1/products/{id}", Everyone, catalog::product)
        .get("/api/v1/catalog/changes", Everyone, changes::changes)
        .get("/api/v1/catalog/digest", Everyone, digest::digest);
}
