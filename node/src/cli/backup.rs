//! `lianshi backup`: what a node must not lose, in one folder, as one moment showed it.

mod manifest;

use std::{
    collections::BTreeMap,
    fs,
    io::Write as _,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, ensure};
use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use lianshi_store::{Db, backup};
use serde_json::json;

use manifest::{BACKUP_VERSION, SETTINGS};
pub(super) use manifest::{KEYS, Manifest, Source};

use super::At;
use crate::{
    clock,
    folder::{Folder, private},
};

/// Save the database, node.toml and charter.toml in a new folder, while the node serves or not.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Backup {
    #[command(subcommand)]
    act: Option<Act>,
    /// The folder to make. It holds what the database holds, so keep it as safe as that.
    #[arg(value_name = "DIR", required = true)]
    dir: Option<PathBuf>,
    /// Save the four secret keys, too. Whoever can read such a backup can speak, sign and cosign as
    /// this node; without it, keep a copy of keys/ in another place.
    #[arg(long)]
    keys: bool,
}

/// What else can be done with backups.
#[derive(Debug, Subcommand)]
enum Act {
    /// Say whether a backup is whole, unaltered and sealed by its node; nothing is changed.
    Verify(Source),
}

impl Backup {
    /// Runs it.
    pub fn run(&self, at: &At) -> anyhow::Result<()> {
        match (&self.act, &self.dir) {
            (Some(Act::Verify(source)), _) => verify(at, source),
            (None, Some(dir)) => self.make(at, dir),
            (None, None) => anyhow::bail!("name the folder to make"),
        }
    }

    fn make(&self, at: &At, dir: &Path) -> anyhow::Result<()> {
        let folder = at.folder()?;
        folder.begun()?;
        let occupied = fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some());
        ensure!(!occupied, "{} is not empty; give an empty or new folder", dir.display());
        private::make_folder(dir)?;
        folder.ensure_format()?;
        let db = Db::open(&folder.database_url()).context("cannot open the database")?;
        let manifest = save(&folder, &db, (dir, self.keys))?;
        let rows: u64 = manifest.database.tables.iter().map(|table| table.rows).sum();
        let keys = if self.keys {
            "The secret keys are in it: whoever reads it can speak as this node."
        } else {
            "The keys are not in it: keep a copy of keys/ in another place."
        };
        let (tables, key) = (manifest.database.tables.len(), folder.keys.seal.public());
        at.print(
            &manifest,
            format!(
                "Saved {rows} rows of {tables} tables to {}.\n{keys}\nSealed with {key}; note it \
                 where the backup is not.",
                dir.display()
            ),
        )
    }
}

fn verify(at: &At, source: &Source) -> anyhow::Result<()> {
    let manifest = source.judged(at)?;
    let rows: u64 = manifest.database.tables.iter().map(|table| table.rows).sum();
    let tables = manifest.database.tables.len();
    let (origin, made_at) = (&manifest.origin, manifest.made_at);
    at.print(
        &json!({
            "whole": true, "origin": origin, "made_at": made_at, "tables": tables, "rows": rows,
        }),
        format!(
            "The backup of {origin} as it was at {made_at} is whole: {rows} rows of {tables} \
             tables, sealed by the node."
        ),
    )
}

fn save(folder: &Folder, db: &Db, (dir, keys): (&Path, bool)) -> anyhow::Result<Manifest> {
    let bar = progress()?;
    let made_at = clock::now();
    let database = backup::save(db, dir, &|table| {
        bar.set_message(table.to_owned());
        bar.tick();
    })
    .context("the backup is not whole")?;
    bar.finish_and_clear();
    let mut files = BTreeMap::new();
    let wanted = SETTINGS.iter().chain(if keys { KEYS.iter() } else { [].iter() });
    for name in wanted {
        copy(&folder.path.join(name), &dir.join(name))?;
        files.insert((*name).to_owned(), backup::hash_file(&dir.join(name))?);
    }
    let manifest = Manifest {
        v: BACKUP_VERSION,
        program: env!("CARGO_PKG_VERSION").to_owned(),
        made_at,
        origin: folder.origin(),
        log_key: folder.keys.log.public(),
        files,
        database,
    };
    manifest::write(dir, &manifest, &folder.keys.seal)?;
    Ok(manifest)
}

/// A line that names the table at work.
pub(super) fn progress() -> anyhow::Result<ProgressBar> {
    let style = ProgressStyle::with_template("{spinner} {msg}");
    Ok(ProgressBar::new_spinner().with_style(style.context("the progress line's template")?))
}

/// Copies a file that nobody else may read to a place where none is.
pub(super) fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    let bytes = fs::read(from).with_context(|| format!("cannot read {}", from.display()))?;
    write_new(to, &bytes)
}

fn write_new(to: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let write = || {
        if let Some(parent) = to.parent() {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(parent)?;
        }
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(to)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().with_context(|| format!("cannot write {}", to.display()))
}
