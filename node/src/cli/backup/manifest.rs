//! `backup.json` and its seal: what a backup is of, what is in it, and the node's word for both.
//!
//! The key that judges the seal is never taken from the backup. It is that of the folder the
//! command works on, or the one the restorer names: a key from the page of the node at any other
//! member.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use lianshi_registry::{id::Origin, key::PublicKey, time::Timestamp};
use lianshi_store::backup::{self, Contents};
use serde::{Deserialize, Serialize};

use crate::{cli::At, folder};

/// The version of this form of a backup: since the second it is sealed.
pub(crate) const BACKUP_VERSION: u32 = 2;
/// Says what is in a backup.
pub(crate) const MANIFEST: &str = "backup.json";
/// The node's seal on the manifest, written last: a folder without it is no backup.
pub(crate) const SEAL: &str = "backup.seal";
/// The files of a data folder that are saved as they are.
pub(crate) const SETTINGS: [&str; 2] = ["node.toml", "charter.toml"];
/// The secret keys, saved when asked for.
pub(crate) const KEYS: [&str; 4] =
    ["keys/identity.key", "keys/log.key", "keys/witness.key", "keys/seal.key"];

/// `backup.json`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest {
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

/// A backup to be judged.
#[derive(Debug, Args)]
pub(crate) struct Source {
    /// The folder `lianshi backup` made.
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    /// The seal key of the node when it made the backup, where that is not the one in keys/ of this
    /// folder: it was replaced since, or lost. `lianshi keys list` and the page /node/NAME of any
    /// other member show it.
    #[arg(long, value_name = "ed25519:…", value_parser = PublicKey::parse)]
    seal_key: Option<PublicKey>,
}

impl Source {
    /// The manifest of a backup that is whole, unaltered and sealed by its node.
    pub(crate) fn judged(&self, at: &At) -> anyhow::Result<Manifest> {
        let manifest = self.opened(at)?;
        ensure!(
            SETTINGS.iter().all(|name| manifest.files.contains_key(*name)),
            "{} lacks a file: {} belong to every backup",
            self.dir.display(),
            SETTINGS.join(" and ")
        );
        for (name, hash) in &manifest.files {
            let known = SETTINGS.iter().chain(&KEYS).any(|known| known == name);
            ensure!(known, "{name} is no file of a backup");
            let file = self.dir.join(name);
            let found = backup::hash_file(&file)?;
            ensure!(found == *hash, "{} is not what was saved", file.display());
        }
        backup::verify(&self.dir, &manifest.database).context("the backup is not to be used")?;
        Ok(manifest)
    }

    fn opened(&self, at: &At) -> anyhow::Result<Manifest> {
        let path = self.dir.join(MANIFEST);
        let missing =
            |name: &str| format!("{} is no whole backup: {name} is missing", self.dir.display());
        let bytes = fs::read(&path).with_context(|| missing(MANIFEST))?;
        let unknown = || format!("{} is not of a backup this program knows", path.display());
        let version: serde_json::Value = serde_json::from_slice(&bytes).with_context(unknown)?;
        let version = version.get("v").and_then(serde_json::Value::as_u64);
        ensure!(
            version == Some(u64::from(BACKUP_VERSION)),
            "{} is a backup of another version; restore it with the program that made it",
            self.dir.display()
        );
        let sealed = fs::read(self.dir.join(SEAL)).with_context(|| missing(SEAL))?;
        let key = self.key(at)?;
        let claim = backup::open(&sealed, &bytes, &key).with_context(|| {
            format!(
                "{} is not what this node saved, or was sealed before its key was replaced \
                 (then name that key with --seal-key); nothing was changed",
                self.dir.display()
            )
        })?;
        let manifest: Manifest = serde_json::from_slice(&bytes).with_context(unknown)?;
        ensure!(
            (&claim.origin, claim.made_at) == (&manifest.origin, manifest.made_at),
            "the seal of {} is of another backup",
            self.dir.display()
        );
        Ok(manifest)
    }

    fn key(&self, at: &At) -> anyhow::Result<PublicKey> {
        if let Some(key) = self.seal_key {
            return Ok(key);
        }
        match folder::seal_key(&at.path())? {
            Some(key) => Ok(key),
            None => bail!(
                "{} has no keys that could tell who sealed the backup, and a key that came with \
                 the backup proves nothing: name the node's seal key with --seal-key; the page \
                 /node/NAME of any other member shows it",
                at.path().display()
            ),
        }
    }
}

/// Writes the manifest, and the seal after it.
pub(super) fn write(
    dir: &Path,
    manifest: &Manifest,
    seal_key: &lianshi_registry::key::KeyPair,
) -> anyhow::Result<()> {
    let bytes = serde_json::to_vec_pretty(manifest)?;
    let seal = backup::seal(&bytes, (&manifest.origin, manifest.made_at), seal_key);
    super::write_new(&dir.join(MANIFEST), &bytes)?;
    super::write_new(&dir.join(SEAL), &seal)?;
    fs::File::open(dir)?.sync_all()?;
    Ok(())
}
