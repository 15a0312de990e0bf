//! The pages and the JSON API of a node: actix-web handlers, askama templates, two languages, one
//! look. A handler extracts, calls one `store` function, and renders; it decides nothing.

pub mod access;
mod account;
pub mod api;
pub mod assets;
mod buying;
mod catalog;
mod certificate;
mod chart;
pub mod contract;
pub mod contract_api;
pub mod csrf;
mod federation;
pub mod figures;
pub mod filters;
mod finance;
pub mod form;
mod head;
pub mod headers;
mod home;
mod icon;
pub mod listing;
pub mod logs;
mod months;
mod names;
pub mod navigation;
mod node;
mod nodes;
pub mod origin;
mod oversight;
pub mod page;
pub mod plans;
pub mod preferences;
pub mod problem;
mod product;
mod providing;
pub mod refusal;
mod registry;
pub mod session;
pub mod statement;
pub mod text;
pub mod topology;
mod users;
mod verify;
pub mod visitor;
pub mod witness;

use actix_web::{
    middleware::{Compress, from_fn},
    web,
};
use lianshi_store::{Db, Fault, Read, Site};

pub use problem::Problem;

/// Largest request body in bytes: forms and API calls are a few hundred.
pub const BODY_BYTES_MAX: usize = 64 * 1024;

/// What the handlers share.
#[derive(Clone)]
pub struct WebState {
    /// This node.
    pub site: Site,
}

impl WebState {
    /// Around a node.
    pub fn new(site: Site) -> Self {
        Self { site }
    }

    /// Reads in one snapshot, off the async threads.
    pub async fn read<T, F>(&self, f: F) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: FnOnce(&mut Read<'_>) -> Result<T, Fault> + Send + 'static,
    {
        let db: Db = self.site.db.clone();
        self.run(move |_| db.read(f).map_err(Problem::from)).await
    }

    /// Runs blocking work of the store off the async threads.
    pub async fn run<T, F>(&self, f: F) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: FnOnce(&Site) -> Result<T, Problem> + Send + 'static,
    {
        let site = self.site.clone();
        web::block(move || f(&site))
            .await
            .map_err(|_| Problem::Template("a blocking task was canceled".to_owned()))?
    }
}

/// Adds every page and API route. Call it last: it answers whatever no service before it took.
pub fn configure(cfg: &mut web::ServiceConfig, state: WebState) {
    logs::configure(cfg, state.clone());
    witness::configure(cfg, state.clone());
    cfg.service(
        web::scope("")
            .app_data(web::Data::new(state))
            .app_data(web::FormConfig::default().limit(BODY_BYTES_MAX))
            .app_data(web::JsonConfig::default().limit(BODY_BYTES_MAX))
            .wrap(from_fn(access::admit))
            .wrap(from_fn(problem::explain))
            .wrap(from_fn(headers::secure))
            .wrap(Compress::default())
            .wrap(from_fn(head::answer))
            .configure(public)
            .configure(signed_in)
            .default_service(web::to(|| async { Err::<&str, _>(Problem::NotFound) })),
    );
}

/// The routes anyone may use. Each has a row in [`access::ROUTES`].
fn public(cfg: &mut web::ServiceConfig) {
    cfg.route("/", web::get().to(home::show))
        .route("/catalog", web::get().to(catalog::show))
        .route("/products/{number}", web::get().to(product::show))
        .route("/products/{number}/entry", web::get().to(product::entry))
        .route("/certificate/{number}", web::get().to(certificate::show))
        .route("/certificate/{number}/proof", web::get().to(certificate::proof))
        .route("/federation", web::get().to(federation::show))
        .route("/node/{node}", web::get().to(node::show))
        .configure(registry::configure)
        .configure(verify::configure)
        .configure(api::configure)
        .route("/preferences", web::post().to(preferences::keep))
        .route("/assets/{name}", web::get().to(assets::serve));
}

/// The routes of people with an account. Each has a row in [`access::ROUTES`], which says whose.
fn signed_in(cfg: &mut web::ServiceConfig) {
    cfg.route("/login", web::get().to(session::show_login))
        .route("/login", web::post().to(session::log_in))
        .route("/logout", web::post().to(session::log_out))
        .route("/account", web::get().to(account::show))
        .route("/account/password", web::get().to(account::password::show))
        .route("/account/password", web::post().to(account::password::change))
        .route("/account/sessions/end", web::post().to(account::end_sessions))
        .route("/account/tokens", web::post().to(account::make_token))
        .route("/account/tokens/{id}/revoke", web::post().to(account::revoke_token))
        .route("/finance/periods", web::get().to(finance::periods))
        .route("/finance/periods/{period}", web::get().to(finance::period))
        .route("/finance/periods/{period}/close", web::get().to(finance::ask_close))
        .route("/finance/periods/{period}/close", web::post().to(finance::close))
        .route("/finance/statements", web::get().to(finance::statements))
        .route("/finance/statements/{number}", web::get().to(finance::statement))
        .route("/audit", web::get().to(oversight::show))
        .route("/users", web::get().to(users::list))
        .route("/users", web::post().to(users::add))
        .route("/users/{login}", web::get().to(users::person::show))
        .route("/users/{login}/roles", web::post().to(users::person::set_roles))
        .route("/users/{login}/password", web::post().to(users::person::set_password))
        .route("/users/{login}/disable", web::post().to(users::person::disable))
        .route("/users/{login}/enable", web::post().to(users::person::enable))
        .configure(buying::configure)
        .configure(providing::configure)
        .configure(contract_api::configure);
}
