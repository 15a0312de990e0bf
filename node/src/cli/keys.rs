//! `lianshi keys`: the public parts of this node's keys, those it used before, and how one is
//! replaced. Only the root authority can say that a key is replaced; this makes the key and what
//! the authority needs.

use clap::Subcommand;
use lianshi_registry::member::{KeyRole, Member};
use lianshi_store::members;
use serde_json::json;

use super::At;
use crate::{
    folder::{Folder, parse_role, private},
    serve,
};

/// What `lianshi keys` can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List the keys in use, those that wait to be admitted, and those that were replaced.
    List,
    /// Make the next key of a role and an application with it for the root authority, which runs
    /// `lianshi member admit FILE`. Until then the old key stays in use.
    Rotate {
        /// identity, witness or seal.
        role: String,
    },
    /// Put the next key of a role into use, after the root authority admitted it. `serve` does this
    /// when it starts and has read so; after a new identity key it cannot read so any more.
    Take {
        /// identity, witness or seal.
        role: String,
    },
}

impl Command {
    /// Runs it.
    pub fn run(&self, at: &At) -> anyhow::Result<()> {
        let mut folder = at.folder()?;
        match self {
            Self::List => list(at, &folder),
            Self::Rotate { role } => rotate(at, &folder, parse_role(role)?),
            Self::Take { role } => {
                let role = parse_role(role)?;
                let _lock = serve::lock(&folder.path)?;
                folder.take_key(role)?;
                let name = role.as_str();
                at.print(
                    &json!({ "taken": name }),
                    format!("The next {name} key is in use; the old one is gone."),
                )
            }
        }
    }
}

fn rotate(at: &At, folder: &Folder, role: KeyRole) -> anyhow::Result<()> {
    let application = folder.prepare_key(role)?;
    let file = folder.path.join("application.toml");
    private::write(&file, toml::to_string(&application)?)?;
    let (role, file) = (role.as_str(), file.display());
    let is_root = folder.charter.root.iter().any(|root| root.origin == folder.origin());
    let next = if is_root {
        format!(
            "Put what `lianshi member root` prints into charter.toml on every node in place of \
             this node's block, start each anew, this one last, and run `lianshi member admit \
             {file}` here."
        )
    } else {
        format!(
            "Give {file} to the root authority, which runs `lianshi member admit FILE`; then start \
             this node anew."
        )
    };
    at.print(&application, format!("The next {role} key waits. {next}"))
}

fn list(at: &At, folder: &Folder) -> anyhow::Result<()> {
    let site = folder.command_site()?;
    let member = site.db.read(|read| members::by_node(read, &site.node))?;
    let keys = &folder.keys;
    let roles = [
        (KeyRole::Identity, &keys.identity),
        (KeyRole::Log, &keys.log),
        (KeyRole::Witness, &keys.witness),
        (KeyRole::Seal, &keys.seal),
    ];
    let mut rows = Vec::new();
    for (role, key) in roles {
        rows.push((role, "in use", key.public()));
        if let Some(next) = folder.next_key(role)? {
            rows.push((role, "next", next.public()));
        }
    }
    let past = |member: &Member| member.past.retired.clone();
    for retired in member.as_ref().map(past).unwrap_or_default() {
        rows.push((retired.role, "replaced", retired.key));
    }
    let value: Vec<_> = rows
        .iter()
        .map(|(role, state, key)| json!({ "role": role, "state": state, "key": key }))
        .collect();
    let lines: Vec<String> = rows
        .iter()
        .map(|(role, state, key)| format!("{:<9} {state:<9} {key}", role.as_str()))
        .collect();
    at.print(&value, lines.join("\n"))
}
