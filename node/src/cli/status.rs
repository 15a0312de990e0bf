//! `lianshi status`: how the node is, in a few lines.

use clap::Args;
use lianshi_store::{Fault, log, outbox, quorum, recovery};
use serde_json::json;

use super::At;

/// Say how the node is.
#[derive(Debug, Args)]
pub struct Status {}

impl Status {
    /// Runs it.
    #[expect(clippy::unused_self, reason = "every command runs the same way")]
    pub fn run(&self, at: &At) -> anyhow::Result<()> {
        let folder = at.folder()?;
        let site = folder.command_site()?;
        let (heads, settled, waiting) = site.db.read(|read| {
            Ok::<_, Fault>((log::heads(read)?, quorum::all(read)?, outbox::waiting(read)?))
        })?;
        let recovery = site.db.read(recovery::pending)?;
        let reach = |head: &log::Head| {
            let settled = settled.iter().find(|settled| settled.origin == head.origin);
            quorum::reach(head, settled).0.as_str()
        };
        let mut text = format!(
            "{} ({}), division {}\nserving: {}\nwaiting letters: {waiting}",
            site.node,
            site.name.zh,
            site.division,
            if crate::serve::lock(&folder.path).is_ok() { "no" } else { "yes" },
        );
        if let Some(pending) = recovery {
            let (cause, since) = (pending.cause.as_str(), pending.since);
            text.push_str(&format!(
                "\nrecovery: needed since {since} ({cause}); stop the node and run `lianshi log \
                 recover`"
            ));
        }
        text.push_str("\nlogs held:");
        for head in &heads {
            let mark = if head.own { "own" } else { "replica" };
            text.push_str(&format!(
                "
  {:<28} {mark:<8} {:>8} entries, {:<7} {}",
                head.origin.to_string(),
                head.size,
                reach(head),
                super::log::confirmed(head)
            ));
        }
        let value = json!({
            "node": site.node,
            "division": site.division,
            "outbox_waiting": waiting,
            "recovery": recovery,
            "logs": heads.iter().map(|head| json!({
                "origin": head.origin, "own": head.own, "size": head.size,
                "confirmed_at": head.confirmed_at, "state": reach(head),
            })).collect::<Vec<_>>(),
        });
        at.print(&value, text)
    }
}
