//! The JSON API under `/api/v1/`, described by OpenAPI. Public reading here; what needs a token is
//! merged in from the rooms that answer it. Errors are problem details (RFC 9457) with stable
//! codes.

pub mod catalog;
mod digest;

use actix_web::HttpResponse;
use utoipa::{
    OpenApi,
    openapi::{
        Components,
        security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme},
    },
};

use crate::{
    access::{Access::Everyone, Pages},
    contract_api::Contracts,
    problem::ProblemDetails,
};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Lianshi 联市",
        description = "A node of a federation of public-data marketplaces. \
            Amounts and prices are decimal texts in yuan, times are UTC, \
            errors are problem details with a stable `code`.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    paths(catalog::products, catalog::product, digest::digest),
    components(schemas(ProblemDetails)),
    tags((name = "catalog", description = "The public catalog, without a token"))
)]
struct Public;

/// The description of the whole API.
pub fn description() -> utoipa::openapi::OpenApi {
    let mut whole = Public::openapi();
    whole.merge(Contracts::openapi());
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
    let components = whole.components.get_or_insert_with(Components::new);
    components.add_security_scheme("token", SecurityScheme::Http(bearer));
    let declared = crate::pages().declared();
    for (path, item) in &mut whole.paths.paths {
        let open = declared.iter().any(|route| route.pattern == path && route.access == Everyone);
        if !open {
            let operations = [&mut item.get, &mut item.post];
            for operation in operations.into_iter().flatten() {
                operation.security = Some(vec![SecurityRequirement::new("token", [""; 0])]);
            }
        }
    }
    whole
}

/// `GET /api/v1/openapi.json`
async fn describe() -> HttpResponse {
    HttpResponse::Ok().json(description())
}

/// The public routes.
pub fn declare(routes: &mut Pages) {
    routes
        .get("/api/v1/openapi.json", Everyone, describe)
        .get("/api/v1/products", Everyone, catalog::products)
        .get("/api/v1/products/{id}", Everyone, catalog::product)
        .get("/api/v1/catalog/digest", Everyone, digest::digest);
}
