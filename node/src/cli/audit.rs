//! `lianshi audit`: the chain of recorded acts, and the seals the node's log has of it.

use clap::Subcommand;
use lianshi_store::audit::{self, LogVerdict, Report, Verdict};
use serde_json::json;

use super::At;

/// What `lianshi audit` can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Recompute the chain, compare it with every seal in the own log, and name what does not fit.
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
    let report = audit::check(&site)?;
    let faults = faults(&report);
    let (rows, head, broken) = match &report.chain {
        Verdict::Whole { rows, head } => (Some(*rows), Some(hex::encode(head)), None),
        Verdict::Broken { seq } => (None, None, Some(*seq)),
    };
    let value = json!({
        "whole": report.is_whole(),
        "rows": rows,
        "head": head,
        "first_broken_row": broken,
        "seals": report.seals,
        "newest_seal": report.newest,
        "contradicted_seal": report.contradicted,
        "unsealed_rows": report.unsealed(),
        "lost_rows": report.losses.iter().map(|loss| json!({
            "from": loss.from, "to": loss.to, "entry": loss.index,
        })).collect::<Vec<_>>(),
        "log": log_state(report.log),
    });
    if faults.is_empty() {
        let text = format!(
            "The audit trail is whole: {} rows, head {}\n{}",
            rows.unwrap_or_default(),
            head.unwrap_or_default(),
            seals(&report)
        );
        return at.print(&value, text);
    }
    at.print(&value, format!("The audit trail is not whole.\n{}", seals(&report)))?;
    anyhow::bail!("{}", faults.join("; "))
}

/// What contradicts the trail, each in a sentence.
fn faults(report: &Report) -> Vec<String> {
    let mut faults = Vec::new();
    if let Verdict::Broken { seq } = report.chain {
        faults.push(format!(
            "audit row {seq} does not fit; compare with a backup made before it was changed"
        ));
    }
    if let Some(seal) = &report.contradicted {
        faults.push(format!(
            "entry {} of the own log, of {}, seals {} rows with the head {}, and the trail does \
             not have them: rows were cut off or changed; compare with a backup made before",
            seal.index, seal.at, seal.rows, seal.head
        ));
    }
    match report.log {
        LogVerdict::Signed => {}
        LogVerdict::Altered => faults.push(
            "the entries of the own log do not lead to the head this node signed, so its seals \
             prove nothing; run `lianshi log verify` on a replica of another node"
                .to_owned(),
        ),
        LogVerdict::Short { signed, held } => faults.push(format!(
            "this node signed {signed} entries of its log and holds {held}: seals may be missing; \
             run `lianshi recover`"
        )),
    }
    faults
}

fn log_state(log: LogVerdict) -> &'static str {
    match log {
        LogVerdict::Signed => "signed",
        LogVerdict::Altered => "altered",
        LogVerdict::Short { .. } => "short",
    }
}

/// What the seals cover.
fn seals(report: &Report) -> String {
    let mut text = match &report.newest {
        None => "No seal of it is in the log yet.".to_owned(),
        Some(seal) => format!(
            "{} seals in the own log, the newest of {} rows in entry {} of {}; {} rows since.",
            report.seals,
            seal.rows,
            seal.index,
            seal.at,
            report.unsealed()
        ),
    };
    for loss in &report.losses {
        text.push_str(&format!(
            "\nRows {} to {} were lost with a restored backup, as entry {} says.",
            loss.from, loss.to, loss.index
        ));
    }
    text
}
