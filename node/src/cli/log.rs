//! `lianshi log`: keys, heads, entries and files of the logs a node holds, its own and replicas;
//! and the check of any log from its files.

pub(super) mod files;
mod forks;
pub(super) mod verify;

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, ensure};
use clap::Subcommand;
use indicatif::{ProgressBar, ProgressStyle};
use lianshi_registry::{
    checkpoint::{Checkpoint, vkey},
    id::Origin,
    policy::Policy,
    tile::{Coordinate, Level},
};
use lianshi_store::{
    Fault, Site,
    log::{self, Head},
    members,
    quorum::{self, Settled},
};
use serde_json::json;

use super::At;
use crate::folder::{Folder, private};

/// What `lianshi log` can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List the logs held here with their heads.
    List,
    /// Print the key that verifies a log's checkpoints, as outside tools take it.
    Vkey {
        /// The log, such as `ningbo.example/yinzhou/1`; this node's own when not given.
        origin: Option<String>,
    },
    /// Show an entry.
    #[command(subcommand)]
    Show(Show),
    /// Print the policy that outside tools take: the log, its witnesses and how many must cosign.
    Policy {
        /// The log; this node's own when not given.
        origin: Option<String>,
    },
    /// Write a log as the files that are served: checkpoint, tiles and bundles.
    Export {
        /// The log, such as `ningbo.example/yinzhou/1`.
        origin: String,
        /// Where to; must be empty or absent.
        dir: PathBuf,
    },
    Verify(verify::Verify),
    /// List the logs of which two histories were signed; with --json with the evidence.
    Forks,
    /// Check evidence of a fork, as `lianshi log forks --json` prints it; needs no data folder.
    Judge {
        /// The file with the `evidence` of one fork.
        file: PathBuf,
        /// The key of the log, as `lianshi log vkey` prints it and as you know it from elsewhere:
        /// evidence can name any key.
        #[arg(long)]
        vkey: String,
    },
}

/// What can be shown.
#[derive(Debug, Subcommand)]
pub enum Show {
    /// One entry, exactly as it is stored and hashed.
    Entry {
        /// Its index, from 0.
        index: u64,
        /// The log; this node's own when not given.
        #[arg(long)]
        origin: Option<String>,
    },
}

impl Command {
    /// Runs it.
    pub fn run(&self, at: &At) -> anyhow::Result<()> {
        // What is verified comes from elsewhere, and so may whoever verifies it.
        if let Self::Verify(verify) = self {
            return verify.run(at);
        }
        if let Self::Judge { file, vkey } = self {
            return forks::judge(at, file, vkey);
        }
        let folder = at.folder()?;
        let site = folder.command_site()?;
        match self {
            Self::List => list(at, &site),
            Self::Policy { origin } => policy(at, &folder, &site, origin.as_deref()),
            Self::Vkey { origin } => {
                let head = head(&site, origin.as_deref())?;
                let key = vkey(&head.origin, head.log_key).to_string();
                at.print(&json!({ "origin": head.origin, "vkey": key }), &key)
            }
            Self::Show(Show::Entry { index, origin }) => {
                show_entry(at, &site, (origin.as_deref(), *index))
            }
            Self::Export { origin, dir } => export(at, &site, (origin, dir)),
            Self::Verify(verify) => verify.run(at),
            Self::Forks => forks::list(at, &site),
            Self::Judge { file, vkey } => forks::judge(at, file, vkey),
        }
    }
}

fn list(at: &At, site: &Site) -> anyhow::Result<()> {
    let (heads, settled) =
        site.db.read(|read| Ok::<_, Fault>((log::heads(read)?, quorum::all(read)?)))?;
    let rows: Vec<_> = heads
        .iter()
        .map(|head| {
            let settled = settled.iter().find(|settled| settled.origin == head.origin);
            let (reach, since) = quorum::reach(head, settled);
            json!({
                "origin": head.origin,
                "own": head.own,
                "size": head.size,
                "root": head.root.to_base64(),
                "checkpoint_size": head.checkpoint_size,
                "checkpoint_at": head.checkpoint_at,
                "confirmed_at": head.confirmed_at,
                "folded_size": head.folded_size,
                "state": reach.as_str(),
                "since": since,
                "vkey": vkey(&head.origin, head.log_key).to_string(),
            })
        })
        .collect();
    let lines: Vec<String> = heads
        .iter()
        .map(|head| line(head, settled.iter().find(|settled| settled.origin == head.origin)))
        .collect();
    let none = "No log is held here yet; start the node with `lianshi serve`.".to_owned();
    at.print(&rows, if lines.is_empty() { none } else { lines.join("\n") })
}

fn line(head: &Head, settled: Option<&Settled>) -> String {
    let Head { origin, size, checkpoint_size, root, .. } = head;
    let kind = if head.own { "own" } else { "replica" };
    let settled_size = settled.map_or(0, |settled| settled.size);
    let (root, confirmed) = (root.to_base64(), confirmed(head));
    format!(
        "{origin}  {kind}  {size} entries, {checkpoint_size} signed, {settled_size} settled, \
         {confirmed}  root {root}"
    )
}

/// How current a log is here: when the node that writes it last said that nothing newer exists.
pub(super) fn confirmed(head: &Head) -> String {
    match head.confirmed_at {
        _ if head.own => "current".to_owned(),
        Some(at) => format!("confirmed {at}"),
        None => "never confirmed".to_owned(),
    }
}

fn show_entry(at: &At, site: &Site, (origin, index): (Option<&str>, u64)) -> anyhow::Result<()> {
    let head = head(site, origin)?;
    let bytes = site
        .db
        .read(|read| log::entry(read, &head.origin, index))?
        .with_context(|| format!("{} has {} entries, from 0", head.origin, head.size))?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let value: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    at.print(&json!({ "origin": head.origin, "index": index, "entry": value }), text)
}

/// Every active member but the log's own node may witness it, as many as the charter asks for.
fn policy(at: &At, folder: &Folder, site: &Site, origin: Option<&str>) -> anyhow::Result<()> {
    let head = head(site, origin)?;
    let members = site.db.read(members::all)?;
    let log = (&head.origin, head.log_key);
    let policy = Policy::of_federation(&folder.charter.quorum, &members, log)?.to_string();
    at.print(&json!({ "origin": head.origin, "policy": policy }), policy.trim_end())
}

fn export(at: &At, site: &Site, (origin, dir): (&str, &Path)) -> anyhow::Result<()> {
    let occupied = fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some());
    ensure!(!occupied, "{} is not empty; give an empty or new folder", dir.display());
    let head = head(site, Some(origin))?;
    let (node, generation) = (head.origin.node(), head.origin.generation());
    let note = site.db.read(|read| log::checkpoint(read, node, generation))?;
    let note = note.with_context(|| {
        let origin = &head.origin;
        format!("{origin} has no signed checkpoint yet; start the node with `lianshi serve`")
    })?;
    // The checkpoint read here says how far to go, whatever is appended meanwhile.
    let size = Checkpoint::open(note.as_bytes(), &head.origin, &head.log_key)?.size;
    let levels = [Level::Entries].into_iter().chain((0..8).map(Level::Hashes));
    let tiles: Vec<Coordinate> = levels.flat_map(|level| Coordinate::all(level, 0, size)).collect();
    let bar = ProgressBar::new(u64::try_from(tiles.len())?).with_style(
        ProgressStyle::with_template("{bar:40} {pos}/{len} tiles")
            .context("the progress bar's template")?,
    );
    for tile in bar.wrap_iter(tiles.iter()) {
        let bytes = site
            .db
            .read(|read| log::tile(read, &head.origin, *tile))?
            .with_context(|| format!("{tile} is missing"))?;
        write(&dir.join(tile.to_string()), &bytes)?;
    }
    bar.finish_and_clear();
    write(&dir.join("checkpoint"), note.as_bytes())?;
    let key = vkey(&head.origin, head.log_key).to_string();
    at.print(
        &json!({ "origin": head.origin, "size": size, "tiles": tiles.len(), "vkey": key }),
        format!(
            "Wrote {size} entries of {} in {} files to {}.\nThe key that verifies it: {key}",
            head.origin,
            tiles.len() + 1,
            dir.display()
        ),
    )
}

fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
    }
    private::write(path, bytes)
}

fn head(site: &Site, origin: Option<&str>) -> anyhow::Result<Head> {
    let origin = match origin {
        Some(text) => Origin::parse(text)?,
        None => site.origin.clone(),
    };
    let head = site.db.read(|read| log::head(read, &origin))?;
    head.with_context(|| {
        format!("no log {origin} is held here; `lianshi log list` shows those that are")
    })
}
