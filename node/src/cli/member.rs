//! `lianshi member`: who belongs to the federation. Only a root authority admits, suspends and
//! reinstates.

use std::path::PathBuf;

use anyhow::{Context as _, ensure};
use clap::{Args, Subcommand};
use lianshi_registry::{
    entry::{Admission, MemberChange, QUOTA_BYTES},
    id::NodeName,
    member::{Member, Status},
    text::Kind,
};
use lianshi_store::{Fault, Site, log, members};
use serde_json::json;

use super::At;
use crate::folder::{Difference, Folder, Root, public_url};

/// Largest quota in MiB, a terabyte: what one machine may hold of one log.
const QUOTA_MIB_MAX: u64 = 1024 * 1024;

fn quota_range() -> clap::builder::RangedU64ValueParser {
    clap::value_parser!(u64).range(1..=QUOTA_MIB_MAX)
}

/// What `lianshi member` can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Admit a node by its application file, or revise the admission of one.
    Admit {
        /// The file `lianshi init` made at the node: application.toml.
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// How large its log may become at its peers, in MiB; when absent, as large as before, and
        /// 256 MiB at first.
        #[arg(long, value_name = "MIB", value_parser = quota_range())]
        quota_mib: Option<u64>,
    },
    /// Write the application of this node anew after a change of node.toml, for the root authority,
    /// which runs `lianshi member admit FILE`.
    Renew,
    /// Suspend a node: its entries from an index on no longer count, its letters are refused.
    Suspend(Change),
    /// Lift a suspension.
    Reinstate(Change),
    /// End a membership for good.
    Withdraw(Change),
    /// List the members this node knows.
    List,
    /// Print this node as a root authority, to be put into charter.toml on every node: with the
    /// keys that wait to be used, and those the charter knew before.
    Root {
        /// How many entries of the log before this one count, when the charter is to end it.
        #[arg(long, value_name = "ENTRIES")]
        until: Option<u64>,
    },
}

/// A change of standing.
#[derive(Debug, Args)]
pub struct Change {
    /// The node's short name.
    node: String,
    /// First index of its log that is concerned; the size this node holds of it when not given.
    #[arg(long)]
    from: Option<u64>,
    /// Why; everyone can read it for ever.
    #[arg(long)]
    reason: String,
}

impl Command {
    /// Runs it.
    pub fn run(&self, at: &At) -> anyhow::Result<()> {
        let folder = at.folder()?;
        let site = folder.command_site()?;
        match self {
            Self::Admit { file, quota_mib } => admit(at, &folder, &site, (file, *quota_mib)),
            Self::Renew => renew(at, &folder, &site),
            Self::Suspend(change) => alter(at, &folder, &site, (change, Status::Suspended)),
            Self::Reinstate(change) => alter(at, &folder, &site, (change, Status::Active)),
            Self::Withdraw(change) => alter(at, &folder, &site, (change, Status::Withdrawn)),
            Self::List => list(at, &site),
            Self::Root { until } => root(at, &folder, *until),
        }
    }
}

fn ensure_root(folder: &Folder) -> anyhow::Result<()> {
    ensure!(
        folder.is_root(),
        "{} is not a root authority of {}; run this at one of them",
        folder.config.node,
        folder.charter.domain
    );
    Ok(())
}

fn admit(
    at: &At,
    folder: &Folder,
    site: &Site,
    (file, quota_mib): (&PathBuf, Option<u64>),
) -> anyhow::Result<()> {
    ensure_root(folder)?;
    let text =
        std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let mut application: Admission = toml::from_str(&text)
        .with_context(|| format!("{} is not an application", file.display()))?;
    admit_self(folder, site)?;
    // The quota is not the applicant's to choose.
    let before = site.db.read(|read| members::by_node(read, &application.node))?;
    let before = before.map_or(QUOTA_BYTES, |member| member.admission.quota_bytes);
    application.quota_bytes = quota_mib.map_or(before, |mib| mib * 1024 * 1024);
    let index = members::admit(site, &At::actor(), &application)?;
    let node = application.node;
    at.print(
        &json!({ "node": node, "index": index }),
        format!("Admitted {node} by entry {index} of {}.", site.origin),
    )
}

fn renew(at: &At, folder: &Folder, site: &Site) -> anyhow::Result<()> {
    public_url::check(&folder.config.public_url)?;
    let member = site.db.read(|read| members::by_node(read, &site.node))?;
    let member = member.with_context(|| {
        format!("{} was not admitted yet; its first application.toml is to be admitted", site.node)
    })?;
    let differences = folder.differences(&member.admission);
    let application = folder.renewal(&member.admission)?;
    let file = folder.path.join("application.toml");
    std::fs::write(&file, toml::to_string(&application)?)
        .with_context(|| format!("cannot write {}", file.display()))?;
    let mut text = format!(
        "Give {} to the root authority, which runs `lianshi member admit FILE`.",
        file.display()
    );
    for Difference { what, admitted, here } in &differences {
        text.push_str(&format!("\n  {what}: {admitted} becomes {here}"));
    }
    if differences.is_empty() {
        text.push_str("\nnode.toml says what the node is admitted with.");
    }
    at.print(&json!({ "application": application, "differences": differences }), text)
}

/// A root authority is the first member of its federation: admits it when it has not been. Does
/// nothing at other nodes.
pub fn admit_self(folder: &Folder, site: &Site) -> anyhow::Result<()> {
    if folder.is_root() && site.db.read(|read| members::by_node(read, &site.node))?.is_none() {
        members::admit(site, &At::actor(), &folder.application())?;
    }
    Ok(())
}

fn alter(
    at: &At,
    folder: &Folder,
    site: &Site,
    (change, status): (&Change, Status),
) -> anyhow::Result<()> {
    ensure_root(folder)?;
    let node = NodeName::parse(&change.node)?;
    let from_index = match change.from {
        Some(from) => from,
        None => held_size(site, &node)?,
    };
    let reason = Kind::Note.read(&change.reason).context("--reason")?;
    let body = MemberChange { node: node.clone(), from_index, reason };
    let index = members::change(site, &At::actor(), &body, status)?;
    at.print(
        &json!({ "node": node, "status": status, "from_index": from_index, "index": index }),
        format!("{node} is {} from its entry {from_index} on, by entry {index}.", status.as_str()),
    )
}

fn root(at: &At, folder: &Folder, until: Option<u64>) -> anyhow::Result<()> {
    #[derive(serde::Serialize)]
    struct Block {
        root: [Root; 1],
    }
    let root = folder.as_root(until)?;
    let text = toml::to_string(&Block { root: [root.clone()] })?;
    at.print(&root, text.trim_end())
}

fn held_size(site: &Site, node: &NodeName) -> anyhow::Result<u64> {
    Ok(site.db.read(|read| {
        let member = members::by_node(read, node)?;
        let head = member.map(|member| log::head(read, &member.admission.origin)).transpose()?;
        Ok::<_, Fault>(head.flatten().map_or(0, |head| head.size))
    })?)
}

fn list(at: &At, site: &Site) -> anyhow::Result<()> {
    let members = site.db.read(members::all)?;
    let lines: Vec<String> = members.iter().map(line).collect();
    let text = if lines.is_empty() {
        "No members yet; a root authority admits them with `lianshi member admit FILE`.".to_owned()
    } else {
        lines.join("\n")
    };
    let rows: Vec<serde_json::Value> = members
        .iter()
        .map(|member| {
            json!({
                "node": member.admission.node,
                "name": member.admission.name,
                "division": member.admission.division,
                "level": member.admission.level,
                "origin": member.admission.origin,
                "status": member.status(),
                "public_url": member.admission.public_url,
                "admitted_by": member.admitted_by,
                "admitted_index": member.admitted_index,
                "past": member.past,
            })
        })
        .collect();
    at.print(&rows, text)
}

fn line(member: &Member) -> String {
    let admission = &member.admission;
    format!(
        "{:<16} {} {:<9} {:<9} {} {}",
        admission.node.as_str(),
        admission.division,
        admission.level,
        member.status().as_str(),
        admission.public_url,
        admission.name.zh
    )
}
