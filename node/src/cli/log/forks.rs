//! `lianshi log forks` and `lianshi log judge`: what is known of logs of which two histories were
//! signed, and the check of such evidence by anybody, offline.

use std::{fs, path::Path};

use anyhow::{Context as _, ensure};
use lianshi_registry::{checkpoint, fork::Fork, json, note::VerifierKey};
use lianshi_store::{Site, forks};
use serde_json::json;

use crate::cli::At;

/// Lists the forked logs held here; with `--json` with their evidence, one file for `judge` each.
pub(super) fn list(at: &At, site: &Site) -> anyhow::Result<()> {
    let known = site.db.read(forks::all)?;
    let rows: Vec<_> = known
        .iter()
        .map(|fork| {
            json!({
                "origin": fork.evidence.origin,
                "told_by": fork.told_by,
                "told_index": fork.told_index,
                "known_at": fork.known_at,
                "evidence": fork.evidence,
            })
        })
        .collect();
    let line = |fork: &forks::Known| {
        let (told_by, index) = (&fork.told_by, fork.told_index);
        format!("{}: proved by entry {index} of {told_by}", fork.evidence.origin)
    };
    let lines: Vec<String> = known.iter().map(line).collect();
    let none = "No log held here is known to be forked.".to_owned();
    at.print(&rows, if lines.is_empty() { none } else { lines.join("\n") })
}

/// Checks evidence from a file against the key the log is known by; an error when it proves
/// nothing.
pub(super) fn judge(at: &At, file: &Path, vkey: &str) -> anyhow::Result<()> {
    let known = VerifierKey::parse(vkey).context("--vkey is not a verifier key")?;
    let shown = file.display();
    let text = fs::read_to_string(file).with_context(|| format!("cannot read {shown}"))?;
    let evidence: Fork = json::read(text.as_bytes())
        .with_context(|| format!("{shown} is no evidence as `lianshi log forks --json` prints"))?;
    let named = checkpoint::vkey(&evidence.origin, evidence.log_key);
    ensure!(named == known, "{shown} is about the key {named}, not about {known}");
    let (older, newer) = evidence
        .verify()
        .with_context(|| format!("{shown} proves no fork of {}", evidence.origin))?;
    let origin = &evidence.origin;
    let value = json!({
        "origin": origin,
        "log_key": evidence.log_key,
        "older": { "size": older.size(), "root": older.root().to_base64() },
        "newer": { "size": newer.size(), "root": newer.root().to_base64() },
        "forked": true,
    });
    let text = format!(
        "{origin} was forked: its key signed {} entries with root {} and {} entries with root {}, \
         and no single history has both.",
        older.size(),
        older.root().to_base64(),
        newer.size(),
        newer.root().to_base64()
    );
    at.print(&value, text)
}
