//! The table: every route of the pages and the API, and who may use it.

use lianshi_store::accounts::Role::{
    self, Buyer, Contributor, Finance, NodeAdmin, OrgAdmin, Provider, Regulator,
};

use super::{
    Access::{self, Everyone, Roles, SignedIn},
    Route,
};

/// Who sees what an organization subscribes to and pays.
const BUYING: &[Role] = &[Buyer, OrgAdmin];

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
    get("/products/{number}/entry", Everyone),
    get("/certificate/{number}", Everyone),
    get("/certificate/{number}/proof", Everyone),
    get("/federation", Everyone),
    get("/node/{node}", Everyone),
    get("/registry/{node}/{generation}", Everyone),
    get("/registry/{node}/{generation}/{index}", Everyone),
    get("/registry/{node}/{generation}/{index}/entry", Everyone),
    get("/registry/{node}/{generation}/{index}/proof", Everyone),
    get("/verify", Everyone),
    get("/verify/{node}/{generation}", Everyone),
    get("/verify/{node}/{generation}/vkey", Everyone),
    get("/verify/{node}/{generation}/policy", Everyone),
    // Signing in and out, the own account
    get("/login", Everyone),
    post("/login", Everyone),
    post("/logout", SignedIn),
    get("/account", SignedIn),
    get("/account/password", SignedIn),
    post("/account/password", SignedIn),
    post("/account/sessions/end", SignedIn),
    post("/account/tokens", SignedIn),
    post("/account/tokens/{id}/revoke", SignedIn),
    // Buying
    get("/products/{number}/subscribe", Roles(&[Buyer])),
    get("/products/{number}/subscribe/terms", Roles(&[Buyer])),
    get("/products/{number}/subscribe/check", Roles(&[Buyer])),
    post("/products/{number}/subscribe", Roles(&[Buyer])),
    get("/subscriptions", Roles(BUYING)),
    get("/subscriptions/{id}", Roles(BUYING)),
    get("/subscriptions/{id}/requested", Roles(BUYING)),
    get("/subscriptions/{id}/end", Roles(&[Buyer])),
    post("/subscriptions/{id}/end", Roles(&[Buyer])),
    post("/subscriptions/{id}/offer", Roles(&[Buyer])),
    get("/subscriptions/{id}/keys", Roles(&[Buyer])),
    post("/subscriptions/{id}/keys", Roles(&[Buyer])),
    get("/subscriptions/{id}/keys/{key}/revoke", Roles(&[Buyer])),
    post("/subscriptions/{id}/keys/{key}/revoke", Roles(&[Buyer])),
    get("/subscriptions/{id}/usage", Roles(BUYING)),
    get("/bills", Roles(BUYING)),
    get("/bills/{number}", Roles(BUYING)),
    // Providing
    get("/provider/requests", Roles(&[Provider])),
    get("/provider/subscriptions", Roles(&[Provider])),
    get("/provider/subscriptions/{id}", Roles(&[Provider])),
    post("/provider/subscriptions/{id}/agree", Roles(&[Provider])),
    post("/provider/subscriptions/{id}/refuse", Roles(&[Provider])),
    get("/provider/subscriptions/{id}/end", Roles(&[Provider])),
    post("/provider/subscriptions/{id}/end", Roles(&[Provider])),
    get("/provider/revenue", Roles(&[Provider])),
    get("/contributor/lines", Roles(&[Contributor, Provider])),
    // The node's finance
    get("/finance/periods", Roles(&[Finance])),
    get("/finance/periods/{period}", Roles(&[Finance])),
    get("/finance/periods/{period}/close", Roles(&[Finance])),
    post("/finance/periods/{period}/close", Roles(&[Finance])),
    get("/finance/statements", Roles(&[Finance, Regulator])),
    get("/finance/statements/{number}", Roles(&[Finance, Regulator])),
    // Oversight and administration
    get("/audit", Roles(&[NodeAdmin, Regulator])),
    get("/users", Roles(&[NodeAdmin, OrgAdmin])),
    post("/users", Roles(&[NodeAdmin, OrgAdmin])),
    get("/users/{login}", Roles(&[NodeAdmin, OrgAdmin])),
    post("/users/{login}/roles", Roles(&[NodeAdmin, OrgAdmin])),
    post("/users/{login}/password", Roles(&[NodeAdmin, OrgAdmin])),
    post("/users/{login}/disable", Roles(&[NodeAdmin, OrgAdmin])),
    post("/users/{login}/enable", Roles(&[NodeAdmin, OrgAdmin])),
    // The JSON API
    get("/api/v1/openapi.json", Everyone),
    get("/api/v1/products", Everyone),
    get("/api/v1/products/{id}", Everyone),
    get("/api/v1/catalog/digest", Everyone),
    get("/api/v1/subscriptions", Roles(&[Buyer, OrgAdmin, Provider])),
    post("/api/v1/subscriptions", Roles(&[Buyer])),
    get("/api/v1/subscriptions/{id}", Roles(&[Buyer, OrgAdmin, Provider])),
    post("/api/v1/subscriptions/{id}/decision", Roles(&[Provider])),
    post("/api/v1/subscriptions/{id}/end", Roles(&[Buyer, Provider])),
    post("/api/v1/subscriptions/{id}/keys", Roles(&[Buyer])),
    get("/api/v1/subscriptions/{id}/usage", Roles(&[Buyer, OrgAdmin, Provider])),
    get("/api/v1/statements", Roles(&[Buyer, OrgAdmin, Provider, Finance])),
];
