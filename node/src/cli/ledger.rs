//! `lianshi ledger`: the ledger for other programs, and its checks.

use std::{
    fs,
    io::{self, BufWriter},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use clap::{Subcommand, ValueEnum};
use lianshi_market::export;
use lianshi_store::{
    Site,
    ledger::{self, ExportError},
};
use serde_json::{Value, json};

use super::At;
use crate::folder::private;

/// What `lianshi ledger` can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write the whole ledger for another program.
    Export {
        /// For which program.
        #[arg(long)]
        format: Format,
        /// The file to write; standard output without it.
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Check the books against their invariants and compute every closed period again.
    Check,
}

/// Formats of export.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Format {
    /// For `bean-check` and Fava.
    Beancount,
    /// For `hledger`.
    Hledger,
    /// Comma-separated values, one transfer a row.
    Csv,
}

impl Command {
    /// Runs it.
    pub fn run(&self, at: &At) -> anyhow::Result<()> {
        let site = at.folder()?.command_site()?;
        match self {
            Self::Export { format, output } => export(at, &site, (*format, output.as_deref())),
            Self::Check => check(at, &site),
        }
    }
}

fn export(at: &At, site: &Site, (format, output): (Format, Option<&Path>)) -> anyhow::Result<()> {
    let format = match format {
        Format::Beancount => export::Format::Beancount,
        Format::Hledger => export::Format::Hledger,
        Format::Csv => export::Format::Csv,
    };
    let write = |out: &mut dyn io::Write| {
        site.db.read(|read| ledger::export(read, site, format, out)).map_err(anyhow::Error::from)
    };
    let Some(path) = output else {
        return write(&mut BufWriter::new(io::stdout().lock()));
    };
    // Written beside its place and moved there whole, so that nobody reads half a ledger.
    let partial = path.with_extension("partial");
    let file = private::create(&partial)?;
    let mut out = BufWriter::new(file);
    write(&mut out).inspect_err(|_| {
        let _ = fs::remove_file(&partial);
    })?;
    let file = out.into_inner().map_err(|error| ExportError::Write(error.into_error()))?;
    file.sync_all()?;
    fs::rename(&partial, path).with_context(|| format!("cannot write {}", path.display()))?;
    at.print(&json!({ "output": path }), format!("The ledger is in {}", path.display()))
}

fn check(at: &At, site: &Site) -> anyhow::Result<()> {
    let check = site.db.read(|read| ledger::check(read, site))?;
    let findings: Vec<Value> = check
        .findings
        .iter()
        .map(|finding| {
            json!({
                "invariant": finding.invariant,
                "what": finding.what,
                "holds": finding.broken.is_empty(),
                "broken": finding.broken,
            })
        })
        .collect();
    let text: Vec<String> = check
        .findings
        .iter()
        .map(|finding| match finding.broken.as_slice() {
            [] => format!("holds   {:>3}  {}", finding.invariant, finding.what),
            broken => {
                format!("BROKEN  {:>3}  {}: {}", finding.invariant, finding.what, broken.join(", "))
            }
        })
        .collect();
    at.print(&json!({ "holds": check.holds(), "findings": findings }), text.join("\n"))?;
    if !check.holds() {
        if check.is_under_way() {
            bail!("a close is being written into the books; check again when it is done");
        }
        bail!("the books are broken; do not close another period before this is understood");
    }
    Ok(())
}
