//! What an enterprise does at its home node: subscribe, hold keys, watch its usage, read its bills.

use lianshi_store::accounts::Role::{self, Buyer, OrgAdmin};

use crate::access::{Access::Roles, Pages};

pub mod bills;
pub mod keys;
pub mod subscribe;
pub mod subscriptions;
pub mod usage;

/// Who sees what an organization subscribes to and pays.
const READERS: &[Role] = &[Buyer, OrgAdmin];

/// Its routes.
pub fn declare(routes: &mut Pages) {
    routes
        .get("/products/{number}/subscribe", Roles(&[Buyer]), subscribe::choose_plan)
        .post("/products/{number}/subscribe", Roles(&[Buyer]), subscribe::request)
        .get("/products/{number}/subscribe/plan", Roles(&[Buyer]), subscribe::begin_anew)
        .post("/products/{number}/subscribe/plan", Roles(&[Buyer]), subscribe::change_plan)
        .get("/products/{number}/subscribe/terms", Roles(&[Buyer]), subscribe::choose_terms)
        .post("/products/{number}/subscribe/terms", Roles(&[Buyer]), subscribe::change_terms)
        .get("/products/{number}/subscribe/check", Roles(&[Buyer]), subscribe::begin_anew)
        .post("/products/{number}/subscribe/check", Roles(&[Buyer]), subscribe::check)
        .get("/subscriptions", Roles(READERS), subscriptions::list)
        .get("/subscriptions/{id}", Roles(READERS), subscriptions::show)
        .get("/subscriptions/{id}/requested", Roles(READERS), subscribe::requested)
        .post("/subscriptions/{id}/offer", Roles(&[Buyer]), subscriptions::answer_offer)
        .get("/subscriptions/{id}/end", Roles(&[Buyer]), subscriptions::ask_end)
        .post("/subscriptions/{id}/end", Roles(&[Buyer]), subscriptions::end)
        .get("/subscriptions/{id}/keys", Roles(&[Buyer]), keys::show)
        .post("/subscriptions/{id}/keys", Roles(&[Buyer]), keys::create)
        .get("/subscriptions/{id}/keys/{key}/revoke", Roles(&[Buyer]), keys::ask_revoke)
        .post("/subscriptions/{id}/keys/{key}/revoke", Roles(&[Buyer]), keys::revoke)
        .get("/subscriptions/{id}/usage", Roles(READERS), usage::show)
        .get("/bills", Roles(READERS), bills::list)
        .get("/bills/{number}", Roles(READERS), bills::show);
}
