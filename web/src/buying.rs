//! What an enterprise does at its home node: subscribe, hold keys, watch its usage, read its bills.

use actix_web::web;

pub mod bills;
pub mod keys;
pub mod subscribe;
pub mod subscriptions;
pub mod usage;

/// Its routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.route("/products/{number}/subscribe", web::get().to(subscribe::choose_plan))
        .route("/products/{number}/subscribe", web::post().to(subscribe::request))
        .route("/products/{number}/subscribe/terms", web::get().to(subscribe::choose_terms))
        .route("/products/{number}/subscribe/check", web::get().to(subscribe::check))
        .route("/subscriptions", web::get().to(subscriptions::list))
        .route("/subscriptions/{id}", web::get().to(subscriptions::show))
        .route("/subscriptions/{id}/requested", web::get().to(subscribe::requested))
        .route("/subscriptions/{id}/offer", web::post().to(subscriptions::answer_offer))
        .route("/subscriptions/{id}/end", web::get().to(subscriptions::ask_end))
        .route("/subscriptions/{id}/end", web::post().to(subscriptions::end))
        .route("/subscriptions/{id}/keys", web::get().to(keys::show))
        .route("/subscriptions/{id}/keys", web::post().to(keys::create))
        .route("/subscriptions/{id}/keys/{key}/revoke", web::get().to(keys::ask_revoke))
        .route("/subscriptions/{id}/keys/{key}/revoke", web::post().to(keys::revoke))
        .route("/subscriptions/{id}/usage", web::get().to(usage::show))
        .route("/bills", web::get().to(bills::list))
        .route("/bills/{number}", web::get().to(bills::show));
}
