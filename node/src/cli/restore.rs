//! `lianshi restore`: brings back what `lianshi backup` saved, of this node and no other. What was
//! signed after the backup is not in it, so nothing is signed before `lianshi recover`.

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use lianshi_registry::id::Origin;
use lianshi_store::{
    Failure,
    backup::{self, RestoreRefusal, Target},
    recovery::Unfinished,
};
use serde_json::json;

use super::{
    At,
    backup::{KEYS, Manifest, Source, copy, progress},
};
use crate::{
    clock,
    folder::{Folder, private},
    serve,
};

/// Bring back a backup; the node must not serve meanwhile.
#[derive(Debug, Args)]
pub struct Restore {
    #[command(flatten)]
    source: Source,
    /// Replace a database that holds data: everything in it is lost.
    #[arg(long)]
    replace: bool,
}

impl Restore {
    /// Runs it.
    pub fn run(&self, at: &At) -> anyhow::Result<()> {
        let manifest = self.source.judged(at)?;
        let placed = self.place_files(at, &manifest)?;
        let folder = at.folder()?;
        ensure_same_node(&folder, &manifest)?;
        let _lock = serve::lock(&folder.path)?;
        let bar = progress()?;
        let url = folder.database_url();
        let target = Target { url: &url, folder: &folder.path, replace: self.replace };
        let saved = (self.source.dir.as_path(), &manifest.database);
        let loaded = backup::load(target, saved, clock::now(), &|table| {
            bar.set_message(table.to_owned());
            bar.tick();
        });
        bar.finish_and_clear();
        match loaded {
            Ok(()) => {}
            Err(Failure::Refused(RestoreRefusal::Occupied)) => {
                if placed {
                    // The database is not new.
                    Unfinished::finish(&folder.path)?;
                }
                bail!(
                    "the database of {} holds data; it was not changed (--replace gives that data \
                     up for the backup)",
                    folder.path.display()
                )
            }
            Err(error) => return Err(error).context("the backup is not restored"),
        }
        // Brings the schema up to date and checks that everything belongs together.
        Unfinished::finish(&folder.path)?;
        folder.command_site()?;
        let (origin, made_at) = (&manifest.origin, manifest.made_at);
        at.print(
            &json!({ "origin": origin, "made_at": made_at, "next": "lianshi recover" }),
            format!(
                "Restored {origin} as it was at {made_at}.\nWhat it signed since is not in the \
                 backup: run `lianshi recover` before `lianshi serve`. Until then nothing is \
                 published, signed or cosigned."
            ),
        )
    }

    /// Puts the settings, and keys if the backup has them, where there are none; gives whether it
    /// did.
    fn place_files(&self, at: &At, manifest: &Manifest) -> anyhow::Result<bool> {
        let data = at.path();
        if data.join("node.toml").exists() {
            return Ok(false);
        }
        // Should this end in between, the folder is not that of a new node.
        private::make_folder(&data)?;
        Unfinished::Return.mark(&data)?;
        for name in KEYS.iter().chain(&["charter.toml", "node.toml"]) {
            let to = data.join(name);
            if manifest.files.contains_key(*name) && !to.exists() {
                copy(&self.source.dir.join(name), &to)?;
            }
        }
        Ok(true)
    }
}

fn ensure_same_node(folder: &Folder, manifest: &Manifest) -> anyhow::Result<()> {
    let (own, saved) = (folder.origin(), &manifest.origin);
    let node = |origin: &Origin| (origin.domain().clone(), origin.node().clone());
    ensure!(
        node(&own) == node(saved) && own.generation() >= saved.generation(),
        "the backup is of {saved}, but {} is the folder of {own}",
        folder.path.display()
    );
    ensure!(
        own.generation() > saved.generation() || folder.keys.log.public() == manifest.log_key,
        "the backup is of a node with the log key {}, which {} is not; bring that key back from \
         the backup of the keys",
        manifest.log_key,
        folder.path.join("keys/log.key").display()
    );
    Ok(())
}
