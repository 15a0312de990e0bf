//! What an operator does at the node of its products: decide requests, watch subscriptions, read
//! its revenue.

use actix_web::web;

pub mod revenue;
pub mod subscriptions;

/// Its routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.route("/provider/requests", web::get().to(subscriptions::requests))
        .route("/provider/subscriptions", web::get().to(subscriptions::list))
        .route("/provider/subscriptions/{id}", web::get().to(subscriptions::show))
        .route("/provider/subscriptions/{id}/agree", web::post().to(subscriptions::agree))
        .route("/provider/subscriptions/{id}/refuse", web::post().to(subscriptions::refuse))
        .route("/provider/subscriptions/{id}/end", web::get().to(subscriptions::ask_end))
        .route("/provider/subscriptions/{id}/end", web::post().to(subscriptions::end))
        .route("/provider/revenue", web::get().to(revenue::show))
        .route("/contributor/lines", web::get().to(revenue::lines));
}
