//! `lianshi backup`: what a node must not lose, in one folder, as one moment showed it.

use std::{
    collections::BTreeMap,
    fs,
    io::Write as _,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, ensure};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use lianshi_registry::{id::Origin, key::PublicKey, time::Timestamp};
use lianshi_store::{
    Db,
    backup::{self, Contents},
};
use serde::{Deserialize, Serialize};

use super::At;
use crate::{
    clock,
    folder::{Folder, private},
};

/// The version of this form of a backup.
pub(super) const BACKUP_VERSION: u32 = 1;
/// Says what is in a backup, and is written last: a folder without it is none.
pub(super) const MANIFEST: &str = "backup.json";
/// The files of a data folder that are saved as they are.
pub(super) const SETTINGS: [&str; 2] = ["node.toml", "charter.toml"];
/// The secret keys, saved when asked for.
pub(super) const KEYS: [&str; 4] =
    ["keys/identity.key", "keys/log.key", "keys/witness.key", "keys/seal.key"];

/// Save the database, node.toml and charter.toml in a new folder, while the node serves or not.
#[derive(Debug, Args)]
pub struct Backup {
    /// The folder to make. It holds what the database holds, so keep it as safe as that.
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Save the four secret keys, too. Whoever can read such a backup can speak, sign and cosign as
    /// this node; without it, keep a copy of keys/ in another place.
    #[arg(long)]
    keys: bool,
}

/// `backup.json`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manifest {
    /// [`BACKUP_VERSION`].
    pub v: u32,
    /// The program that made it.
    pub program: String,
    /// When it was made.
    pub made_at: Timestamp,
    /// The log the node wrote.
    pub origin: Origin,
    /// The key it signed with.
    pub log_key: PublicKey,
    /// SHA-256 of the other files, in hexadecimal.
    pub files: BTreeMap<String, String>,
    /// The database.
    pub database: Contents,
}

impl Backup {
    /// Runs it.
    pub fn run(&self, at: &At) -> anyhow::Result<()> {
        let folder = at.folder()?;
        let dir = &self.dir;
        let occupied = fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some());
        ensure!(!occupied, "{} is not empty; give an empty or new folder", dir.display());
        private::make_folder(dir)?;
        let db = Db::open(&folder.database_url()).context("cannot open the database")?;
        let manifest = save(&folder, &db, (dir, self.keys))?;
        let rows: u64 = manifest.database.tables.iter().map(|table| table.rows).sum();
        let keys = if self.keys {
            "The secret keys are in it: whoever reads it can speak as this node."
        } else {
            "The keys are not in it: keep a copy of keys/ in another place."
        };
        let tables = manifest.database.tables.len();
        at.print(
            &manifest,
            format!("Saved {rows} rows of {tables} tables to {}.\n{keys}", dir.display()),
        )
    }
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
    write_new(&dir.join(MANIFEST), serde_json::to_string_pretty(&manifest)?.as_bytes())?;
    fs::File::open(dir)?.sync_all()?;
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
