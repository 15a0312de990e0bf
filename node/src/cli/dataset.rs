//! `lianshi dataset`: the data behind a product's operations. `docs/datasets.md` describes file and
//! definition.

use std::{fmt::Write as _, fs::File, path::PathBuf};

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use lianshi_market::dataset::Definition;
use lianshi_registry::{id::RegistrationNumber, refusal::Refusal as _};
use lianshi_store::{
    Failure, Fault, Site, catalog,
    datasets::{self, Encoding, LoadRefusal, Target},
    room,
};
use serde_json::json;

use super::At;

/// Largest definition file: a few dozen columns take a few KiB.
const DEFINITION_BYTES_MAX: u64 = 256 * 1024;

/// What `lianshi dataset` can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Load a CSV file behind an operation of a product, all or nothing.
    Load(Load),
    /// Show what is loaded.
    List,
}

/// Load a CSV file behind an operation of a product, all or nothing.
#[derive(Debug, Args)]
pub struct Load {
    /// Registration number of the product.
    #[arg(long)]
    product: String,
    /// The operation it answers.
    #[arg(long)]
    operation: String,
    /// TOML file that says what the columns are.
    #[arg(long, value_name = "FILE")]
    definition: PathBuf,
    /// How the file is written.
    #[arg(long, value_enum, default_value_t = Written::Utf8)]
    encoding: Written,
    /// The data, CSV.
    file: PathBuf,
}

/// How a file is written.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Written {
    /// UTF-8.
    #[value(name = "utf-8")]
    Utf8,
    /// GB18030, GBK or GB2312, as spreadsheets in China save by themselves.
    Gb18030,
}

impl From<Written> for Encoding {
    fn from(written: Written) -> Self {
        match written {
            Written::Utf8 => Self::Utf8,
            Written::Gb18030 => Self::Gb18030,
        }
    }
}

impl Command {
    /// Runs it.
    pub fn run(&self, at: &At) -> anyhow::Result<()> {
        let site = at.folder()?.command_site()?;
        match self {
            Self::Load(load) => load.run(at, &site),
            Self::List => list(at, &site),
        }
    }
}

impl Load {
    fn run(&self, at: &At, site: &Site) -> anyhow::Result<()> {
        let target = self.target(site)?;
        let file = File::open(&self.file)
            .with_context(|| format!("cannot read {}", self.file.display()))?;
        let bytes = file.metadata()?.len();
        room::demand(&site.db, bytes)
            .with_context(|| format!("{} was not loaded", self.file.display()))?;
        let bar = progress_bar(bytes);
        let done = datasets::load(site, &At::actor(), &target, file, |progress| {
            bar.set_position(progress.bytes);
            bar.set_message(format!("{} rows", progress.rows));
        });
        bar.finish_and_clear();
        let loaded = done.map_err(|failure| self.explain(failure))?;
        let hash = hex::encode(&loaded.source_hash);
        at.print(
            &json!({
                "product": target.product,
                "operation": target.operation,
                "version": loaded.version,
                "rows": loaded.rows,
                "withheld": loaded.withheld,
                "sha256": hash,
            }),
            format!(
                "Loaded {} rows as version {} of {}/{}, {} of them withheld (sha256 {hash}).",
                loaded.rows, loaded.version, target.product, target.operation, loaded.withheld
            ),
        )
    }

    /// Reads the definition and holds it against the product as this node's catalog has it.
    fn target(&self, site: &Site) -> anyhow::Result<Target> {
        let product = RegistrationNumber::parse(&self.product)?;
        let shown = self.definition.display();
        let size = std::fs::metadata(&self.definition)
            .with_context(|| format!("cannot read {shown}"))?
            .len();
        if size > DEFINITION_BYTES_MAX {
            bail!("{shown} has {size} bytes; a definition has at most {DEFINITION_BYTES_MAX}");
        }
        let text = std::fs::read_to_string(&self.definition)
            .with_context(|| format!("cannot read {shown}"))?;
        let definition: Definition =
            toml::from_str(&text).with_context(|| format!("{shown} is not a definition"))?;
        definition.check().with_context(|| format!("{shown} is not usable"))?;
        let offer = site.db.read(|read| catalog::product(read, &product))?;
        let offer = offer.with_context(|| {
            format!("the catalog of this node has no product {product}; publish it first")
        })?;
        let known = offer.product.operations.iter().find(|known| known.name == self.operation);
        let operation = known.with_context(|| {
            let names: Vec<&str> =
                offer.product.operations.iter().map(|known| known.name.as_str()).collect();
            format!("{product} has no operation `{}`; it has: {}", self.operation, names.join(", "))
        })?;
        definition
            .check_operation(operation, offer.product.guard.smallest_cell)
            .with_context(|| format!("{shown} does not serve {product}/{}", self.operation))?;
        let encoding = self.encoding.into();
        Ok(Target { product, operation: self.operation.clone(), definition, encoding })
    }

    fn explain(&self, failure: Failure<LoadRefusal>) -> anyhow::Error {
        let refusal = match failure {
            Failure::Refused(refusal) => refusal,
            Failure::Fault(fault) => {
                return anyhow::Error::new(fault)
                    .context("nothing was loaded; the version in service stays");
            }
        };
        let mut text = format!("{} was not loaded: {refusal}", self.file.display());
        if let LoadRefusal::Rows { errors, more } = &refusal {
            for error in errors {
                let _ = write!(text, "\n  {error}");
            }
            if *more {
                text.push_str("\n  … and more");
            }
        }
        let _ = write!(text, "\nThe version in service stays. [{}]", refusal.code());
        anyhow::anyhow!(text)
    }
}

fn progress_bar(bytes: u64) -> ProgressBar {
    let bar = ProgressBar::new(bytes);
    let template = "{bar:40} {bytes}/{total_bytes} {msg} {elapsed}";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}

fn list(at: &At, site: &Site) -> anyhow::Result<()> {
    let all = site.db.read(datasets::all).map_err(|fault: Fault| fault)?;
    let mut text = String::new();
    for dataset in &all {
        let synthetic = if dataset.definition.synthetic { ", demonstration data" } else { "" };
        let _ = writeln!(
            text,
            "{}/{}: version {}, {} rows, loaded {}{synthetic}",
            dataset.product,
            dataset.operation,
            dataset.version,
            dataset.row_count,
            dataset.loaded_at
        );
    }
    if all.is_empty() {
        text.push_str("No data sets are loaded; see `lianshi dataset load --help`.\n");
    }
    let values: Vec<serde_json::Value> = all
        .iter()
        .map(|dataset| {
            json!({
                "product": dataset.product,
                "operation": dataset.operation,
                "version": dataset.version,
                "rows": dataset.row_count,
                "synthetic": dataset.definition.synthetic,
                "sha256": hex::encode(&dataset.source_hash),
                "loaded_at": dataset.loaded_at,
            })
        })
        .collect();
    at.print(&values, text.trim_end())
}
