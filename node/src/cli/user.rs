//! `lianshi user`: organizations of the books, people, their passwords, roles and API tokens.

mod token;

use std::{collections::BTreeSet, path::PathBuf};

use anyhow::{Context as _, ensure};
use clap::{Args, Subcommand};
use lianshi_registry::{entry::Texts, id::DivisionCode, uscc::Uscc};
use lianshi_store::{
    Site,
    accounts::{self, Mailbox, NewUser, OrganizationRecord, Role, Scope},
};
use serde_json::json;

use super::At;
use crate::folder::private;

/// What `lianshi user` can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Add and list organizations.
    #[command(subcommand)]
    Organization(Organization),
    /// Add a person. Prints a random first password unless a file with one is given; either is to
    /// be changed when they sign in.
    Add(Add),
    /// List the people.
    List,
    /// Give a person other roles; ends their sessions.
    Roles {
        /// Who.
        login: String,
        /// All their roles from now on.
        #[arg(required = true)]
        roles: Vec<String>,
    },
    /// Give a person another password, to be changed when they sign in; ends their sessions and
    /// tokens.
    Password {
        /// Who.
        login: String,
        /// File whose first line is the password; a random one is printed when not given.
        #[arg(long)]
        password_file: Option<PathBuf>,
    },
    /// Keep a person out: ends their sessions and tokens.
    Disable {
        /// Who.
        login: String,
    },
    /// Let a disabled person in again.
    Enable {
        /// Who.
        login: String,
    },
    /// Remove the second step of somebody who lost what makes the codes; ends their sessions. Make
    /// sure first who asks.
    ResetSecondFactor {
        /// Who.
        login: String,
    },
    /// Say where a person hears of what was decided: an e-mail address, or nowhere when none is
    /// given.
    Mailbox {
        /// Who.
        login: String,
        /// The address.
        address: Option<String>,
    },
    /// Make, list and revoke API tokens.
    #[command(subcommand)]
    Token(token::Command),
}

/// What `lianshi user organization` can do.
#[derive(Debug, Subcommand)]
pub enum Organization {
    /// Add an organization.
    Add {
        /// Unified social credit code.
        uscc: String,
        /// Name in Chinese.
        #[arg(long)]
        name_zh: String,
        /// Name in English.
        #[arg(long)]
        name_en: String,
        /// Its division, six digits; this node's when not given.
        #[arg(long)]
        division: Option<String>,
        /// `enterprise`, or `authority`, `provider`, `operator`, `partner`, `platform_operator`,
        /// `regulator`.
        #[arg(long, default_value = accounts::ENTERPRISE)]
        kind: String,
    },
    /// List the organizations.
    List,
}

/// `lianshi user add`.
#[derive(Debug, Args)]
pub struct Add {
    /// What they log in with.
    login: String,
    /// Unified social credit code of the organization they act for.
    #[arg(long)]
    organization: String,
    /// What to call them; the login when not given.
    #[arg(long)]
    name: Option<String>,
    /// A role; may be given several times.
    #[arg(long = "role", required = true)]
    roles: Vec<String>,
    /// File whose first line is the password.
    #[arg(long)]
    password_file: Option<PathBuf>,
}

/// Kinds of organizations: the roles of the chain and the enterprise that only buys.
const KINDS: [&str; 7] = [
    accounts::ENTERPRISE,
    "authority",
    "provider",
    "operator",
    "partner",
    "platform_operator",
    "regulator",
];

impl Command {
    /// Runs it.
    pub fn run(&self, at: &At) -> anyhow::Result<()> {
        let site = at.folder()?.command_site()?;
        let node = At::actor();
        match self {
            Self::Organization(command) => command.run(at, &site),
            Self::Add(add) => add.run(at, &site),
            Self::List => list(at, &site),
            Self::Roles { login, roles } => {
                accounts::set_roles(&site, &node, (&Scope::Node, login), &parse_roles(roles)?)?;
                let text = format!("{login} now has the roles {}.", roles.join(", "));
                at.print(&json!({ "login": login, "roles": roles }), text)
            }
            Self::Password { login, password_file } => {
                let (password, shown) = password(password_file.as_deref())?;
                accounts::set_password(&site, &node, (&Scope::Node, login), &password)?;
                let text = format!("{login} has a new password{}.", told(shown.as_deref()));
                at.print(&json!({ "login": login, "password": shown }), text)
            }
            Self::Disable { login } => {
                accounts::set_disabled(&site, &node, (&Scope::Node, login), true)?;
                let value = json!({ "login": login, "disabled": true });
                at.print(&value, format!("{login} is disabled and logged out."))
            }
            Self::Enable { login } => {
                accounts::set_disabled(&site, &node, (&Scope::Node, login), false)?;
                let value = json!({ "login": login, "disabled": false });
                at.print(&value, format!("{login} may log in again."))
            }
            Self::ResetSecondFactor { login } => {
                accounts::reset_second_factor(&site, &node, (&Scope::Node, login))?;
                let text = format!("{login} signs in without a second step and is logged out.");
                at.print(&json!({ "login": login, "second_factor": false }), text)
            }
            Self::Mailbox { login, address } => {
                let mailbox = address.as_deref().map(Mailbox::parse).transpose()?;
                accounts::set_mailbox(&site, &node, (&Scope::Node, login), mailbox.as_ref())?;
                let text = match &mailbox {
                    Some(mailbox) => format!("{login} hears of things at {mailbox}."),
                    None => format!("{login} hears of nothing by e-mail."),
                };
                at.print(&json!({ "login": login, "mailbox": address }), text)
            }
            Self::Token(command) => command.run(at, &site),
        }
    }
}

impl Organization {
    fn run(&self, at: &At, site: &Site) -> anyhow::Result<()> {
        match self {
            Self::Add { uscc, name_zh, name_en, division, kind } => {
                ensure!(KINDS.contains(&kind.as_str()), "the kind is one of {}", KINDS.join(", "));
                let division = match division {
                    Some(code) => DivisionCode::parse(code)?,
                    None => site.division.clone(),
                };
                let record = OrganizationRecord {
                    uscc: Uscc::parse(uscc)?,
                    name: Texts { zh: name_zh.clone(), en: name_en.clone() },
                    division,
                    kind: kind.clone(),
                };
                accounts::add_organization(site, &At::actor(), &record)?;
                let text = format!("{} {name_zh} is in the books.", record.uscc);
                at.print(&json!({ "uscc": record.uscc }), text)
            }
            Self::List => {
                let all = site.db.read(accounts::organizations)?;
                let line = |one: &OrganizationRecord| {
                    format!("{}  {:<18}  {}", one.uscc, one.kind, one.name.zh)
                };
                let text = all.iter().map(line).collect::<Vec<_>>().join("\n");
                let value = |one: &OrganizationRecord| {
                    json!({
                        "uscc": one.uscc, "name": one.name, "kind": one.kind,
                        "division": one.division,
                    })
                };
                at.print(&all.iter().map(value).collect::<Vec<_>>(), text)
            }
        }
    }
}

impl Add {
    fn run(&self, at: &At, site: &Site) -> anyhow::Result<()> {
        let (password, shown) = password(self.password_file.as_deref())?;
        let new = NewUser {
            login: self.login.clone(),
            organization: Uscc::parse(&self.organization)?,
            display_name: self.name.clone().unwrap_or_else(|| self.login.clone()),
            roles: parse_roles(&self.roles)?,
            password,
        };
        let user = accounts::add_user(site, &At::actor(), &Scope::Node, &new)?;
        let text = format!("{} may log in{}.", user.login, told(shown.as_deref()));
        at.print(&json!({ "login": user.login, "roles": self.roles, "password": shown }), text)
    }
}

fn list(at: &At, site: &Site) -> anyhow::Result<()> {
    let all = site.db.read(|read| accounts::users(read, &Scope::Node))?;
    let roles = |user: &accounts::User| -> Vec<&str> {
        user.roles.iter().map(|role| role.as_str()).collect()
    };
    let line = |user: &accounts::User| {
        let state = if user.disabled { " (disabled)" } else { "" };
        format!("{:<24}  {}  {}{state}", user.login, user.organization, roles(user).join(", "))
    };
    let text = all.iter().map(line).collect::<Vec<_>>().join("\n");
    let value = |user: &accounts::User| {
        json!({
            "login": user.login, "name": user.display_name, "organization": user.organization,
            "roles": roles(user), "disabled": user.disabled,
        })
    };
    at.print(&all.iter().map(value).collect::<Vec<_>>(), text)
}

fn parse_roles(names: &[String]) -> anyhow::Result<BTreeSet<Role>> {
    let known = || Role::ALL.map(Role::as_str).join(", ");
    names
        .iter()
        .map(|name| Role::parse(name).with_context(|| format!("`{name}` is none of {}", known())))
        .collect()
}

/// The password of a file, or a random one together with what to show of it.
fn password(file: Option<&std::path::Path>) -> anyhow::Result<(String, Option<String>)> {
    if let Some(file) = file {
        private::demand([file.to_owned()])?;
        let text = std::fs::read_to_string(file)
            .with_context(|| format!("cannot read {}", file.display()))?;
        let line = text.lines().next().unwrap_or_default().to_owned();
        return Ok((line, None));
    }
    let random = accounts::random_grouped()?;
    Ok((random.clone(), Some(random)))
}

fn told(password: Option<&str>) -> String {
    password.map_or_else(String::new, |password| format!(" with the password {password}"))
}
