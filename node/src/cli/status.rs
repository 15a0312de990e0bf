//! `lianshi status`: how the node is, in a few lines.

use std::collections::BTreeSet;

use clap::Args;
use lianshi_registry::id::NodeName;
use lianshi_store::{
    Fault,
    catalog::{self, FoldState},
    members,
    outbox::{self, Waiting},
    overview::{self, LogState},
    recovery::{self, Pending},
    subscriptions::correspondence::{self, LeftOut, UnlikeCopy},
};
use serde_json::{Value, json};

use super::At;
use crate::{
    folder::Difference,
    leap::{self, Leap},
};

/// What was not taken after a restore, shown on a screen.
const LEFT_OUT_SHOWN: usize = 10;

/// Say how the node is.
#[derive(Debug, Args)]
pub struct Status {}

impl Status {
    /// Runs it.
    #[expect(clippy::unused_self, reason = "every command runs the same way")]
    pub fn run(&self, at: &At) -> anyhow::Result<()> {
        let folder = at.folder()?;
        let site = folder.command_site()?;
        let (logs, waiting, parked) = site.db.read(|read| {
            let parked = outbox::parked_count(read)?;
            Ok::<_, Fault>((overview::logs(read)?, outbox::waiting(read)?, parked))
        })?;
        let (recovery, unlike) = site.db.read(|read| {
            Ok::<_, Fault>((recovery::pending(read)?, correspondence::unlike(read)?))
        })?;
        let awaited = site.db.read(correspondence::awaited)?;
        let leap = site.db.read(Leap::written)?;
        let fold = site.db.read(catalog::fold_state)?;
        let later = site.db.read(correspondence::asked_later)?;
        let uncounted = site.db.read(correspondence::uncounted)?;
        let left = site.db.read(correspondence::left)?;
        let member = site.db.read(|read| members::by_node(read, &site.node))?;
        let differences =
            member.map(|member| folder.differences(&member.admission)).unwrap_or_default();
        let mut text = format!(
            "{} ({}), division {}\nserving: {}\nwaiting letters: {waiting}",
            site.node,
            site.name.zh,
            site.division,
            if crate::serve::lock(&folder.path).is_ok() { "no" } else { "yes" },
        );
        text.push_str(&refused(parked));
        text.push_str(&ahead(leap));
        text.push_str(&folding(fold));
        text.push_str(&restored(recovery, (&awaited, &later), &unlike));
        text.push_str(&not_counted(&uncounted));
        text.push_str(&left_out(&left));
        text.push_str(&not_as_admitted(&differences));
        text.push_str("\nlogs held:");
        for log in &logs {
            text.push_str(&line(log));
        }
        let value = json!({
            "node": site.node,
            "division": site.division,
            "outbox_waiting": waiting.counted(),
            "outbox_waiting_more": matches!(waiting, Waiting::MoreThan(_)),
            "letters_refused": parked,
            "recovery": recovery,
            "clock_ahead": leap,
            "fold_version": fold.version,
            "folding": { "logs": fold.logs, "behind": fold.behind },
            "awaited": awaited,
            "asked_later": later,
            "uncounted": uncounted,
            "left_out": left.iter().map(described_left).collect::<Vec<_>>(),
            "unlike_copies": unlike.iter().map(|copy| json!({
                "subscription": copy.process, "side": copy.side.as_str(), "node": copy.node,
                "code": copy.code, "since": copy.at,
            })).collect::<Vec<_>>(),
            "not_as_admitted": differences,
            "logs": logs.iter().map(described).collect::<Vec<_>>(),
        });
        at.print(&value, text)
    }
}

/// What was not taken after a restore, for programs.
fn described_left(left: &LeftOut) -> Value {
    json!({
        "node": left.node, "kind": left.kind, "object": left.object, "code": left.code,
        "since": left.at(),
    })
}

/// How far the logs are folded again after an upgrade.
fn folding(fold: FoldState) -> String {
    if fold.is_whole() {
        return String::new();
    }
    let (behind, logs, version) = (fold.behind, fold.logs, fold.version);
    format!(
        "\nfolding again by version {version} of the catalog: {behind} of {logs} logs are left; \
         pages show the catalog of before, and `lianshi serve` goes on with it"
    )
}

/// Letters that wait for a person.
fn refused(parked: i64) -> String {
    match parked {
        0 => String::new(),
        _ => format!("\nletters refused for good: {parked}; see `lianshi letters list`"),
    }
}

/// A clock that was set back.
fn ahead(leap: Option<Leap>) -> String {
    let Some(Leap { ahead_s, until }) = leap else { return String::new() };
    format!(
        "\nclock: the newest act is dated {until}, {ahead_s} s ahead of this machine's clock, which \
         ran ahead or was set back: {}",
        leap::COSTS
    )
}

/// What others were told otherwise.
fn not_as_admitted(differences: &[Difference]) -> String {
    let mut text = String::new();
    for Difference { what, admitted, here } in differences {
        text.push_str(&format!(
            "\nnot as admitted: {what} is {here} in node.toml, and {admitted} to everybody else; run \
             `lianshi member renew`"
        ));
    }
    text
}

/// What is still to be done after a restore.
fn restored(
    recovery: Option<Pending>,
    (awaited, later): (&BTreeSet<NodeName>, &BTreeSet<NodeName>),
    unlike: &[UnlikeCopy],
) -> String {
    let mut text = String::new();
    if let Some(pending) = recovery {
        let (cause, since) = (pending.cause.as_str(), pending.since);
        text.push_str(&format!(
            "\nrecovery: needed since {since} ({cause}); stop the node and run `lianshi log \
             recover`"
        ));
    }
    if !awaited.is_empty() {
        let nodes: Vec<&str> = awaited.iter().map(NodeName::as_str).collect();
        text.push_str(&format!(
            "\nrestored: {} still to be asked what was said since; no call under their contracts \
             is answered before. For one that will not come back, run `lianshi letters \
             go-on-without NODE`",
            nodes.join(", ")
        ));
    }
    if !later.is_empty() {
        let nodes: Vec<&str> = later.iter().map(NodeName::as_str).collect();
        text.push_str(&format!("\nasked what was said, while all goes on: {}", nodes.join(", ")));
    }
    for copy in unlike {
        text.push_str(&format!(
            "\ndiffers from the copy of {}: subscription {}, {} ({})",
            copy.node, copy.process, copy.text, copy.code
        ));
    }
    text
}

/// Nodes that cannot tell what was reported to them.
fn not_counted(nodes: &BTreeSet<NodeName>) -> String {
    if nodes.is_empty() {
        return String::new();
    }
    let nodes: Vec<&str> = nodes.iter().map(NodeName::as_str).collect();
    format!(
        "\nnot counted: calls reported to {} since the backup; an older program runs there. When it \
         is newer, run `lianshi letters ask NODE`",
        nodes.join(", ")
    )
}

/// What was told after a restore and not taken.
fn left_out(left: &[LeftOut]) -> String {
    let mut text = String::new();
    for LeftOut { node, kind, object, code, .. } in left.iter().take(LEFT_OUT_SHOWN) {
        text.push_str(&format!("\nnot taken: {kind} {object}, told by {node}: {code}"));
    }
    let more = left.len().saturating_sub(LEFT_OUT_SHOWN);
    if more > 0 {
        text.push_str(&format!("\n{more} more were not taken; see `lianshi status --json`"));
    }
    if !left.is_empty() {
        text.push_str("\nwhen what they rest on has come, run `lianshi letters ask NODE`");
    }
    text
}

/// A log, for programs.
fn described(log: &LogState) -> Value {
    json!({
        "origin": log.head.origin,
        "own": log.head.own,
        "size": log.head.size,
        "signed_size": log.head.checkpoint_size,
        "root": log.head.root.to_base64(),
        "confirmed_at": log.head.confirmed_at,
        "state": log.reach.as_str(),
        "since": log.since,
        "settled_size": log.settled_size,
        "cosignatures": log.cosignatures,
        "lag": log.lag,
        "quarantined": log.quarantined,
        "awaiting": log.awaiting,
        "forked": log.forked,
    })
}

/// A log in a line; what is nothing is left out.
fn line(log: &LogState) -> String {
    let head = &log.head;
    let mark = if head.own { "own" } else { "replica" };
    let mut text = format!(
        "\n  {:<28} {mark:<8} {:>8} entries, {:<7} {}",
        head.origin.to_string(),
        head.size,
        log.reach.as_str(),
        super::log::confirmed(head)
    );
    if log.settled_size > 0 {
        text.push_str(&format!(", {} settled by {} witnesses", log.settled_size, log.cosignatures));
    }
    for (count, what) in [
        (log.lag, "behind"),
        (log.quarantined, "quarantined"),
        (log.awaiting, "awaiting a newer program"),
    ] {
        if count > 0 {
            text.push_str(&format!(", {count} {what}"));
        }
    }
    if log.forked {
        text.push_str(", FORKED: see `lianshi log forks`");
    }
    text
}
