//! What an operator does at the node of its products: decide requests, watch subscriptions, read
//! its revenue; and what every party of a split does: see its shares and what it was given.

use lianshi_store::accounts::Role::{Contributor, Provider};

use crate::access::{Access::Roles, Pages};

pub mod lines;
pub mod revenue;
pub mod subscriptions;

/// Its routes.
pub fn declare(routes: &mut Pages) {
    routes
        .get("/provider/requests", Roles(&[Provider]), subscriptions::requests)
        .get("/provider/subscriptions", Roles(&[Provider]), subscriptions::list)
        .get("/provider/subscriptions/{id}", Roles(&[Provider]), subscriptions::show)
        .post("/provider/subscriptions/{id}/agree", Roles(&[Provider]), subscriptions::agree)
        .post("/provider/subscriptions/{id}/refuse", Roles(&[Provider]), subscriptions::refuse)
        .get("/provider/subscriptions/{id}/end", Roles(&[Provider]), subscriptions::ask_end)
        .post("/provider/subscriptions/{id}/end", Roles(&[Provider]), subscriptions::end)
        .get("/provider/revenue", Roles(&[Provider]), revenue::show)
        .get("/contributor/lines", Roles(&[Contributor, Provider]), lines::show)
        .post("/contributor/lines", Roles(&[Contributor, Provider]), lines::decide);
}
