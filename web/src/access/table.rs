//! The table: every route of the pages and the API, and who may use it.

use super::{
    Access::{self, Everyone, SignedIn},
    Route,
};

const fn get(pattern: &'static str, access: Access) -> Route {
    Route { method: "GET", pattern, access }
}

const fn post(pattern: &'static str, access: Access) -> Route {
    Route { method: "POST", pattern, access }
}

/// Every route. A route without a row is answered like an absent page.
pub const ROUTES: &[Route] = &[
    // Public pages
    get("/", Everyone),
    post("/preferences", Everyone),
    get("/assets/{name}", Everyone),
    get("/catalog", Everyone),
    get("/products/{number}", Everyone),
    get("/certificate/{number}", Everyone),
    get("/federation", Everyone),
    // Signing in and out, the own account
    get("/login", Everyone),
    post("/login", Everyone),
    post("/logout", SignedIn),
    get("/account", SignedIn),
    post("/account/sessions/end", SignedIn),
    post("/account/tokens", SignedIn),
    post("/account/tokens/{id}/revoke", SignedIn),
    // The JSON API
    get("/api/v1/openapi.json", Everyone),
    get("/api/v1/products", Everyone),
    get("/api/v1/products/{id}", Everyone),
    get("/api/v1/catalog/digest", Everyone),
];
