//! `lianshi letters`: what other nodes refused for good, and whom letters wait for in vain.

use clap::Subcommand;
use lianshi_registry::id::NodeName;
use lianshi_store::{
    Fault, Site,
    accounts::Mailbox,
    notices,
    outbox::{self, ParkedLetter, Unreached},
    subscriptions::correspondence,
};
use serde_json::json;

use super::At;

/// What `lianshi letters` can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List the letters that were refused for good, and the nodes that do not take theirs.
    List,
    /// Send a refused letter again, when what was in its way is mended.
    Send {
        /// Its id, as `lianshi letters list` shows it.
        id: String,
    },
    /// After a restore: do not wait until a node has told what was said since the backup. Contracts
    /// with it go on as they are held here, also those that were ended meanwhile. It is asked all
    /// the same when it comes back.
    GoOnWithout {
        /// The node, as `lianshi status` names it.
        #[arg(value_parser = NodeName::parse)]
        node: NodeName,
    },
    /// Ask a node once more what both wrote, while everything goes on: statements this node forgot
    /// come back, and copies of contracts that differ are found.
    Ask {
        /// The node.
        #[arg(value_parser = NodeName::parse)]
        node: NodeName,
    },
    /// Send a test notice to every webhook of node.toml, and to a mailbox; the serving node brings
    /// them, and what fails is listed here.
    TryNotice {
        /// An e-mail address.
        #[arg(long)]
        mailbox: Option<String>,
    },
    /// Give a refused letter up: what it says is not said. The audit trail keeps that it was.
    GiveUp {
        /// Its id, as `lianshi letters list` shows it.
        id: String,
        /// Why, for the audit trail.
        #[arg(long)]
        why: String,
    },
}

impl Command {
    /// Runs it.
    pub fn run(&self, at: &At) -> anyhow::Result<()> {
        let site = at.folder()?.command_site()?;
        match self {
            Self::List => list(at, &site),
            Self::Send { id } => {
                outbox::send_again(&site, &At::actor(), id)?;
                at.print(&json!({ "sent": id }), format!("{id} is sent again."))
            }
            Self::GoOnWithout { node } => {
                let was_awaited = site.db.write(|write| {
                    correspondence::go_on_without(write, &site, (&At::actor(), node))
                })?;
                anyhow::ensure!(was_awaited, "{node} is not waited for; see `lianshi status`");
                at.print(&json!({ "without": node }), format!("{node} is not waited for."))
            }
            Self::Ask { node } => {
                let is_asked = site
                    .db
                    .write(|write| correspondence::ask_again(write, &site, (&At::actor(), node)))?;
                anyhow::ensure!(is_asked, "{node} is no other member, or is asked already");
                at.print(
                    &json!({ "asked": node }),
                    format!(
                        "{node} is asked by the serving node; `lianshi status` tells until when."
                    ),
                )
            }
            Self::TryNotice { mailbox } => {
                let mailbox = mailbox.as_deref().map(Mailbox::parse).transpose()?;
                notices::try_out(&site, mailbox.as_ref())?;
                let text = "A test notice is on its way; `lianshi letters list` shows what fails.";
                at.print(&json!({ "tried": true }), text.to_owned())
            }
            Self::GiveUp { id, why } => {
                outbox::give_up(&site, &At::actor(), (id, why))?;
                at.print(&json!({ "given_up": id }), format!("{id} is given up."))
            }
        }
    }
}

fn list(at: &At, site: &Site) -> anyhow::Result<()> {
    let (parked, count, unreached) = site.db.read(|read| {
        let count = outbox::parked_count(read)?;
        Ok::<_, Fault>((outbox::parked(read)?, count, outbox::unreached(read)?))
    })?;
    let mut text = match count {
        0 => "No letter was refused for good.".to_owned(),
        count => format!("Refused for good: {count}"),
    };
    for ParkedLetter { id, target, parked_at, code, text: words, .. } in &parked {
        text.push_str(&format!("\n  {id}  {target}  {parked_at}  {code}: {words}"));
    }
    for Unreached { target, created_at, attempts, last_error } in &unreached {
        text.push_str(&format!(
            "\n{target} takes no letters: one of {created_at} was tried {attempts} times, {last_error}"
        ));
    }
    let letters: Vec<_> = parked
        .iter()
        .map(|letter| {
            json!({
                "id": letter.id, "kind": letter.kind, "to": letter.target,
                "written_at": letter.created_at, "refused_at": letter.parked_at,
                "code": letter.code, "text": letter.text,
            })
        })
        .collect();
    let nodes: Vec<_> = unreached
        .iter()
        .map(|node| {
            json!({
                "node": node.target, "written_at": node.created_at, "attempts": node.attempts,
                "error": node.last_error,
            })
        })
        .collect();
    at.print(&json!({ "refused_count": count, "refused": letters, "unreached": nodes }), text)
}
