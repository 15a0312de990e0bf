//! `lianshi log verify`: checks a whole log from its files, with nothing but its key or a policy.
//! Needs no data folder and trusts none.

use std::{fs, path::PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use lianshi_registry::{
    inspection::{Inspected, Stopped, inspect, inspect_leftover},
    note::VerifierKey,
    policy::{Policy, Vouched},
    refusal::Refusal as _,
    time::Timestamp,
};
use serde_json::{Value, json};

use super::files::Files;
use crate::cli::At;

/// Check a log from its bundles up: every entry, every tile, the root and the signatures.
#[derive(Debug, Args)]
pub struct Verify {
    /// The folder with the log's files, or the address they are served under.
    #[arg(value_name = "DIR|URL")]
    place: String,
    /// The key that must have signed the checkpoint, as `lianshi log vkey` prints it.
    #[arg(long, required_unless_present = "policy")]
    vkey: Option<String>,
    #[command(flatten)]
    trust: Trust,
}

/// Whom to believe.
#[derive(Debug, Args)]
pub struct Trust {
    /// The file that says which witnesses must have cosigned, as `lianshi log policy` prints it.
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// Witnesses that may be dishonest; a quorum that could not bear them is refused.
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    dishonest: usize,
    /// Accept a policy whose quorum cannot exclude that a log shows two histories.
    #[arg(long)]
    unwitnessed: bool,
}

impl Trust {
    /// Reads the policy file. `None` when none was given.
    pub fn read(&self) -> anyhow::Result<Option<Policy>> {
        let Some(file) = &self.policy else { return Ok(None) };
        let bytes = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        let policy =
            Policy::parse(&bytes).with_context(|| format!("{} is not a policy", file.display()))?;
        if !self.unwitnessed {
            policy.exclude_split_view(self.dishonest).with_context(|| {
                format!("{} is refused (--unwitnessed accepts it)", file.display())
            })?;
        }
        Ok(Some(policy))
    }
}

/// What was found wrong, and its stable code.
struct Unsound {
    code: &'static str,
    what: String,
}

impl Verify {
    /// Runs it.
    pub fn run(&self, at: &At) -> anyhow::Result<()> {
        let policy = self.policy()?;
        let files = Files::at(&self.place)?;
        match judge(&files, &policy)? {
            Ok((vouched, inspected)) => at.print(
                &sound_json(&vouched, inspected),
                sound_text(&self.place, &vouched, inspected),
            ),
            Err(Unsound { code, what }) => {
                at.print_json(&json!({ "sound": false, "code": code, "flaw": what }))?;
                bail!("{} is not a sound log: {what}", self.place)
            }
        }
    }

    fn policy(&self) -> anyhow::Result<Policy> {
        let key = self.vkey.as_deref().map(VerifierKey::parse).transpose();
        let key = key.context("--vkey is not a verifier key")?;
        match (self.trust.read()?, key) {
            (Some(policy), Some(key)) => Ok(policy.only(key)),
            (Some(policy), None) => Ok(policy),
            (None, Some(key)) => Ok(Policy::of_log(key)),
            (None, None) => bail!("give --vkey, --policy or both"),
        }
    }
}

/// Judges the log. The outer error says that it could not be read, which proves nothing.
fn judge(files: &Files, policy: &Policy) -> anyhow::Result<Result<(Vouched, Inspected), Unsound>> {
    let Some(note) = files.read("checkpoint")? else {
        let what = "checkpoint is missing".to_owned();
        return Ok(Err(Unsound { code: "inspection.checkpoint_missing", what }));
    };
    let vouched = match policy.open(&note) {
        Ok(vouched) => vouched,
        Err(refusal) => {
            let what = format!("checkpoint: {refusal}");
            return Ok(Err(Unsound { code: refusal.code(), what }));
        }
    };
    let bar = ProgressBar::new(vouched.body.size).with_style(
        ProgressStyle::with_template("{bar:40} {pos}/{len} entries")
            .context("the progress bar's template")?,
    );
    let read = |path: &str| files.read(path);
    let inspected = inspect(&vouched.body, read, |done| bar.set_position(done));
    bar.finish_and_clear();
    let size = vouched.body.size;
    let inspected = inspected.and_then(|inspected| {
        for path in files.tiles().map_err(Stopped::Unread)? {
            inspect_leftover(&path, size, read)?;
        }
        Ok(inspected)
    });
    match inspected {
        Ok(inspected) => Ok(Ok((vouched, inspected))),
        Err(Stopped::Flawed(flaw)) => {
            Ok(Err(Unsound { code: flaw.code(), what: flaw.to_string() }))
        }
        Err(Stopped::Unread(error)) => Err(error),
    }
}

/// The witnesses that cosigned, with the times they stated.
pub fn witnesses_json(vouched: &Vouched) -> Vec<Value> {
    let witness = |(name, seconds): &(String, u64)| json!({ "name": name, "at": Timestamp::from_seconds(*seconds) });
    vouched.witnesses.iter().map(witness).collect()
}

fn sound_json(vouched: &Vouched, inspected: Inspected) -> Value {
    json!({
        "sound": true,
        "origin": vouched.body.origin,
        "size": vouched.body.size,
        "root": vouched.body.root.to_base64(),
        "settled": vouched.settled,
        "witnesses": witnesses_json(vouched),
        "unknown_entries": inspected.unknown,
    })
}

fn sound_text(place: &str, vouched: &Vouched, inspected: Inspected) -> String {
    let body = &vouched.body;
    let mut text = format!(
        "{place} is a sound log.\n{}: {} entries, root {}, every entry and tile checked.",
        body.origin,
        body.size,
        body.root.to_base64()
    );
    if inspected.unknown > 0 {
        text.push_str(&format!(
            "\n{} of them are of no kind this program knows.",
            inspected.unknown
        ));
    }
    for (name, seconds) in &vouched.witnesses {
        text.push_str(&format!("\nCosigned by {name} at {}.", Timestamp::from_seconds(*seconds)));
    }
    text.push_str(if vouched.settled {
        "\nThe quorum of the policy is met."
    } else {
        "\nNo witness was asked for: another reader may have been shown another history."
    });
    text
}
