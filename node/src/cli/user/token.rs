//! `lianshi user token`: what programs sign in with.

use anyhow::Context as _;
use clap::Subcommand;
use lianshi_store::{
    Site,
    accounts::{self, Token, TokenOrder, User},
    audit::Actor,
};
use serde_json::json;

use super::{super::At, parse_roles};

/// What `lianshi user token` can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a token, printed once. It ends with its owner's password, sessions or account.
    Make {
        /// Whose.
        login: String,
        /// What it may do: a role of its owner; may be given several times.
        #[arg(long = "role", required = true)]
        roles: Vec<String>,
        /// What it is for.
        #[arg(long, default_value = "command line")]
        label: String,
        /// Days it lives.
        #[arg(long, default_value_t = 90)]
        days: i64,
    },
    /// List a person's tokens.
    List {
        /// Whose.
        login: String,
    },
    /// End a token.
    Revoke {
        /// Whose.
        login: String,
        /// Its number, as the list shows it.
        id: String,
    },
}

impl Command {
    /// Runs it.
    pub(super) fn run(&self, at: &At, site: &Site) -> anyhow::Result<()> {
        let node = Actor::node();
        match self {
            Self::Make { login, roles, label, days } => {
                let carried = parse_roles(roles)?;
                let order = TokenOrder { login, label, roles: &carried, days: *days };
                let token = accounts::create_token(site, &node, &order)?;
                let value = json!({
                    "id": token.id, "login": login, "roles": roles, "token": token.secret,
                    "expires_at": token.expires_at,
                });
                let until = token.expires_at;
                let secret = &token.secret;
                at.print(&value, format!("{secret}\nShown once; valid until {until}."))
            }
            Self::List { login } => list(at, site, &find(site, login)?),
            Self::Revoke { login, id } => {
                accounts::revoke_token(site, &node, &find(site, login)?, id)?;
                at.print(&json!({ "id": id, "revoked": true }), format!("{id} is ended."))
            }
        }
    }
}

fn find(site: &Site, login: &str) -> anyhow::Result<User> {
    let found = site.db.read(|read| accounts::user_by_login(read, login))?;
    found.with_context(|| format!("there is no user `{login}`; see `lianshi user list`"))
}

fn list(at: &At, site: &Site, user: &User) -> anyhow::Result<()> {
    let tokens = site.db.read(|read| accounts::tokens_of(read, user))?;
    let roles = |token: &Token| -> Vec<&str> { token.roles.iter().map(|r| r.as_str()).collect() };
    let now = site.now();
    let line = |token: &Token| {
        let state = if token.ends_at > now { "until" } else { "ended" };
        let roles = roles(token).join(", ");
        format!("{}  {state} {}  {roles}  {}", token.id, token.ends_at, token.label)
    };
    let value = |token: &Token| {
        json!({
            "id": token.id, "label": token.label, "roles": roles(token),
            "created_at": token.created_at, "ends_at": token.ends_at,
            "works": token.ends_at > now,
        })
    };
    let text = tokens.iter().map(line).collect::<Vec<_>>().join("\n");
    at.print(&tokens.iter().map(value).collect::<Vec<_>>(), text)
}
