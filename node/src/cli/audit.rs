//! `lianshi audit`: the chain of recorded acts.

use clap::Subcommand;
use lianshi_store::audit::{self, Verdict};
use serde_json::json;

use super::At;

/// What `lianshi audit` can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Recompute the chain and name the first row that does not fit.
    Verify,
}

impl Command {
    /// Runs it.
    pub fn run(&self, at: &At) -> anyhow::Result<()> {
        match self {
            Self::Verify => verify(at),
        }
    }
}

fn verify(at: &At) -> anyhow::Result<()> {
    let site = at.folder()?.command_site()?;
    match site.db.read(audit::verify)? {
        Verdict::Whole { rows, head } => {
            let head = hex::encode(head);
            let text = format!("The audit trail is whole: {rows} rows, head {head}");
            at.print(&json!({ "whole": true, "rows": rows, "head": head }), text)
        }
        Verdict::Broken { seq } => {
            at.print(
                &json!({ "whole": false, "first_broken_row": seq }),
                format!("The audit trail is broken at row {seq}"),
            )?;
            anyhow::bail!(
                "audit row {seq} does not fit; compare with a backup made before it was changed"
            )
        }
    }
}
