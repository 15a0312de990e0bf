//! The pages and the JSON API of a node: actix-web handlers, askama templates, two languages, one
//! look. A handler extracts, calls one `store` function, and renders; it decides nothing.

pub mod access;
mod account;
mod actor;
mod address;
pub mod api;
pub mod assets;
mod body;
mod buying;
mod catalog;
mod certificate;
mod chart;
mod code;
pub mod contract;
pub mod contract_api;
pub mod csrf;
mod differences;
mod entered;
mod federation;
pub mod figures;
pub mod filters;
mod finance;
mod foreign;
pub mod form;
mod home;
mod icon;
pub mod letters;
mod listing;
pub mod logs;
mod months;
mod names;
pub mod navigation;
mod node;
mod nodes;
pub mod notice;
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
pub mod shell;
pub mod statement;
pub mod text;
pub mod topology;
mod users;
mod verify;
pub mod visitor;
pub mod witness;

use std::sync::Arc;

use actix_web::{
    middleware::{Compress, from_fn},
    web,
};
use lianshi_routes::pace::{Rate, Shares};
use lianshi_store::{
    Db, Fault, Read, Site,
    accounts::{
        Owed,
        Role::{Finance, NodeAdmin, OrgAdmin, Regulator},
        SecondFactorRule,
    },
};

use access::{
    Access::{Everyone, Owing, Roles, SignedIn},
    Pages, Persons,
};

pub use problem::Problem;

/// Largest request body in bytes: forms and API calls are a few hundred.
pub const BODY_BYTES_MAX: usize = 64 * 1024;

/// What the handlers share.
#[derive(Clone)]
pub struct WebState {
    /// This node.
    pub site: Site,
    /// Whether roles that hold money or access must sign in with a second step.
    pub second_factor: SecondFactorRule,
    /// What strangers may submit to the witness.
    submissions: Arc<Shares>,
}

/// Checkpoints that one address may submit: a writer asks at most once a second, and once more
/// where the witness says another size; each is verified and written.
const SUBMISSIONS: Rate = Rate { per_second: 5, burst: 50 };

impl WebState {
    /// Around a node; the second step is required unless
    /// [said otherwise](Self::with_second_factor).
    pub fn new(site: Site) -> Self {
        let submissions = Arc::new(Shares::new(SUBMISSIONS));
        Self { site, second_factor: SecondFactorRule::Required, submissions }
    }

    /// With the rule of the node's configuration.
    #[must_use]
    pub fn with_second_factor(self, second_factor: SecondFactorRule) -> Self {
        Self { second_factor, ..self }
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

/// Adds every service of this room. Call it last: its pages answer whatever no service before them
/// took.
pub fn configure(cfg: &mut web::ServiceConfig, state: WebState) {
    logs::configure(cfg, state.clone());
    witness::configure(cfg, state.clone());
    let pages = pages();
    let ways = preferences::Ways::of(&pages.declared());
    cfg.service(
        pages
            .scope(|| async { Err::<&str, _>(Problem::NotFound) })
            .app_data(web::Data::new(state))
            .app_data(web::Data::new(ways))
            .app_data(web::FormConfig::default().limit(BODY_BYTES_MAX))
            .app_data(web::JsonConfig::default().limit(BODY_BYTES_MAX))
            .wrap(from_fn(address::admit))
            .wrap(from_fn(problem::explain))
            .wrap(from_fn(lianshi_routes::headers::secure))
            .wrap(Compress::default())
            .wrap(from_fn(lianshi_routes::head::answer)),
    );
}

/// Every page and API route, declared.
pub fn pages() -> Pages {
    let mut routes = Pages::new("", Persons);
    routes.with(public).with(signed_in);
    routes
}

/// The routes anyone may use.
fn public(routes: &mut Pages) {
    routes
        .get("/", Everyone, home::show)
        .get("/catalog", Everyone, catalog::show)
        .get("/products/{number}", Everyone, product::show)
        .get("/products/{number}/entry", Everyone, product::entry)
        .get("/certificate/{number}", Everyone, certificate::show)
        .get("/certificate/{number}/proof", Everyone, certificate::proof)
        .get("/federation", Everyone, federation::show)
        .get("/node/{node}", Everyone, node::show)
        .with(registry::declare)
        .with(verify::declare)
        .with(api::declare)
        .post("/preferences", Everyone, preferences::keep)
        .get("/assets/{name}", Everyone, assets::serve);
}

/// The routes of people with an account.
fn signed_in(routes: &mut Pages) {
    routes
        .get("/login", Everyone, session::show_login)
        .post("/login", Everyone, session::log_in)
        .get("/login/second", Owing(&[Owed::SecondStep]), session::second_step::show)
        .post("/login/second", Owing(&[Owed::SecondStep]), session::second_step::prove)
        .post("/logout", Owing(&Owed::ALL), session::log_out)
        .get("/account", SignedIn, account::show)
        .get("/account/password", Owing(&[Owed::OwnPassword]), account::password::show)
        .post("/account/password", Owing(&[Owed::OwnPassword]), account::password::change)
        .with(account::second_factor::declare)
        .post("/account/sessions/end", SignedIn, account::end_sessions)
        .get("/account/mailbox", SignedIn, account::mailbox::show)
        .post("/account/mailbox", SignedIn, account::mailbox::change)
        .post("/account/tokens", SignedIn, account::make_token)
        .post("/account/tokens/{id}/revoke", SignedIn, account::revoke_token)
        .get("/finance/periods", Roles(&[Finance]), finance::periods)
        .get("/finance/periods/{period}", Roles(&[Finance]), finance::period)
        .get("/finance/periods/{period}/close", Roles(&[Finance]), finance::ask_close)
        .post("/finance/periods/{period}/close", Roles(&[Finance]), finance::close)
        .get("/finance/differences", Roles(&[Finance]), differences::list)
        .get("/finance/differences/{number}", Roles(&[Finance]), differences::show)
        .post("/finance/differences/{number}", Roles(&[Finance]), differences::decide)
        .get("/finance/statements", Roles(&[Finance, Regulator]), finance::statements)
        .get("/finance/statements/{number}", Roles(&[Finance, Regulator]), finance::statement)
        .get("/letters", Roles(&[NodeAdmin, Finance]), letters::list)
        .post("/letters", Roles(&[NodeAdmin, Finance]), letters::decide)
        .get("/audit", Roles(&[NodeAdmin, Regulator]), oversight::show)
        .get("/users", Roles(&[NodeAdmin, OrgAdmin]), users::list)
        .post("/users", Roles(&[NodeAdmin, OrgAdmin]), users::add)
        .get("/users/{login}", Roles(&[NodeAdmin, OrgAdmin]), users::person::show)
        .post("/users/{login}/roles", Roles(&[NodeAdmin, OrgAdmin]), users::person::set_roles)
        .post("/users/{login}/password", Roles(&[NodeAdmin, OrgAdmin]), users::person::set_password)
        .post(
            "/users/{login}/second-factor/reset",
            Roles(&[NodeAdmin, OrgAdmin]),
            users::person::reset_second_factor,
        )
        .post("/users/{login}/disable", Roles(&[NodeAdmin, OrgAdmin]), users::person::disable)
        .post("/users/{login}/enable", Roles(&[NodeAdmin, OrgAdmin]), users::person::enable)
        .with(buying::declare)
        .with(providing::declare)
        .with(contract_api::declare);
}
