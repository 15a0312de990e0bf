//! What every route must be, written down by hand and compared with what the services declare: a
//! route that is added, or opened to somebody else, has to be added here too.

/// Who may use a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    Everyone,
    SignedIn,
    /// Whoever is signed in, also while they owe one of these things.
    Owing(&'static [&'static str]),
    Roles(&'static [&'static str]),
    /// Whoever proves something to the handler.
    Proof,
    /// The operations port.
    Operations,
}

use Who::{Everyone, Operations, Owing, Proof, Roles, SignedIn};

/// One route.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    pub method: &'static str,
    pub pattern: &'static str,
    pub who: Who,
}

const fn get(pattern: &'static str, who: Who) -> Row {
    Row { method: "GET", pattern, who }
}

const fn post(pattern: &'static str, who: Who) -> Row {
    Row { method: "POST", pattern, who }
}

const BUYER: Who = Roles(&["buyer"]);
const BUYING: Who = Roles(&["buyer", "org_admin"]);
const PROVIDER: Who = Roles(&["provider"]);
const PARTIES: Who = Roles(&["buyer", "org_admin", "provider"]);
const SHARING: Who = Roles(&["contributor", "provider"]);
const FINANCE: Who = Roles(&["finance"]);
const STATEMENTS: Who = Roles(&["finance", "regulator"]);
const ADMINS: Who = Roles(&["node_admin", "org_admin"]);
const LETTERS: Who = Roles(&["node_admin", "finance"]);

/// Every route of the public port.
pub const PUBLIC_PORT: &[Row] = &[
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
    get("/login", Everyone),
    post("/login", Everyone),
    get("/login/second", Owing(&["SecondStep"])),
    post("/login/second", Owing(&["SecondStep"])),
    post("/logout", Owing(&["SecondStep", "OwnPassword", "SecondFactor"])),
    get("/account", SignedIn),
    get("/account/mailbox", SignedIn),
    post("/account/mailbox", SignedIn),
    get("/account/password", Owing(&["OwnPassword"])),
    post("/account/password", Owing(&["OwnPassword"])),
    get("/account/second-factor", Owing(&["SecondFactor"])),
    post("/account/second-factor/begin", Owing(&["SecondFactor"])),
    post("/account/second-factor/confirm", Owing(&["SecondFactor"])),
    post("/account/second-factor/recovery-codes", SignedIn),
    post("/account/second-factor/remove", SignedIn),
    post("/account/sessions/end", SignedIn),
    post("/account/tokens", SignedIn),
    post("/account/tokens/{id}/revoke", SignedIn),
    get("/products/{number}/subscribe", BUYER),
    get("/products/{number}/subscribe/terms", BUYER),
    post("/products/{number}/subscribe/terms", BUYER),
    get("/products/{number}/subscribe/plan", BUYER),
    post("/products/{number}/subscribe/plan", BUYER),
    get("/products/{number}/subscribe/check", BUYER),
    post("/products/{number}/subscribe/check", BUYER),
    post("/products/{number}/subscribe", BUYER),
    get("/subscriptions", BUYING),
    get("/subscriptions/{id}", BUYING),
    get("/subscriptions/{id}/requested", BUYING),
    get("/subscriptions/{id}/end", BUYER),
    post("/subscriptions/{id}/end", BUYER),
    post("/subscriptions/{id}/offer", BUYER),
    get("/subscriptions/{id}/keys", BUYER),
    post("/subscriptions/{id}/keys", BUYER),
    get("/subscriptions/{id}/keys/{key}/revoke", BUYER),
    post("/subscriptions/{id}/keys/{key}/revoke", BUYER),
    get("/subscriptions/{id}/usage", BUYING),
    get("/bills", BUYING),
    get("/bills/{number}", BUYING),
    get("/provider/requests", PROVIDER),
    get("/provider/subscriptions", PROVIDER),
    get("/provider/subscriptions/{id}", PROVIDER),
    post("/provider/subscriptions/{id}/agree", PROVIDER),
    post("/provider/subscriptions/{id}/refuse", PROVIDER),
    get("/provider/subscriptions/{id}/end", PROVIDER),
    post("/provider/subscriptions/{id}/end", PROVIDER),
    get("/provider/revenue", PROVIDER),
    get("/contributor/lines", SHARING),
    post("/contributor/lines", SHARING),
    get("/finance/periods", FINANCE),
    get("/finance/periods/{period}", FINANCE),
    get("/finance/periods/{period}/close", FINANCE),
    post("/finance/periods/{period}/close", FINANCE),
    get("/letters", LETTERS),
    post("/letters", LETTERS),
    get("/finance/differences", FINANCE),
    get("/finance/differences/{number}", FINANCE),
    post("/finance/differences/{number}", FINANCE),
    get("/finance/statements", STATEMENTS),
    get("/finance/statements/{number}", STATEMENTS),
    get("/audit", Roles(&["node_admin", "regulator"])),
    get("/users", ADMINS),
    post("/users", ADMINS),
    get("/users/{login}", ADMINS),
    post("/users/{login}/roles", ADMINS),
    post("/users/{login}/password", ADMINS),
    post("/users/{login}/second-factor/reset", ADMINS),
    post("/users/{login}/disable", ADMINS),
    post("/users/{login}/enable", ADMINS),
    get("/api/v1/openapi.json", Everyone),
    get("/api/v1/products", Everyone),
    get("/api/v1/products/{id}", Everyone),
    get("/api/v1/catalog/changes", Everyone),
    get("/api/v1/catalog/digest", Everyone),
    get("/api/v1/subscriptions", PARTIES),
    post("/api/v1/subscriptions", BUYER),
    get("/api/v1/subscriptions/{id}", PARTIES),
    post("/api/v1/subscriptions/{id}/decision", PROVIDER),
    post("/api/v1/subscriptions/{id}/end", Roles(&["buyer", "provider"])),
    post("/api/v1/subscriptions/{id}/keys", BUYER),
    get("/api/v1/subscriptions/{id}/usage", PARTIES),
    get("/api/v1/statements", Roles(&["buyer", "org_admin", "provider", "finance"])),
    get("/log/{node}/{generation}/checkpoint", Everyone),
    get("/log/{node}/{generation}/{tile:tile/.*}", Everyone),
    post("/witness/add-checkpoint", Proof),
    get("/witness/{origin_hash}/checkpoint", Everyone),
    post("/call/{product}/{operation}", Proof),
];

/// Every route of the operations port.
pub const OPERATIONS_PORT: &[Row] =
    &[get("/healthz", Operations), get("/readyz", Operations), get("/metrics", Operations)];
