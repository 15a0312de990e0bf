//! The command line. One file per noun; `--json` on everything that prints; errors say what to do
//! next.

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand};

use crate::folder::Folder;

mod audit;
mod catalog;
mod dataset;
mod init;
mod ledger;
mod log;
pub mod member;
mod period;
mod user;

/// Lianshi 联市: a node in a federation of public-data marketplaces.
#[derive(Debug, Parser)]
#[command(name = "lianshi", version, about)]
struct Arguments {
    #[command(flatten)]
    at: At,
    #[command(subcommand)]
    command: Command,
}

/// Options of every command that works on a data folder.
#[derive(Debug, Clone, Args)]
pub struct At {
    /// The node's data folder.
    #[arg(long, value_name = "DIR", default_value = "lianshi-data", global = true)]
    pub data: PathBuf,
    /// Print JSON instead of text.
    #[arg(long, global = true)]
    pub json: bool,
}

impl At {
    /// Opens the data folder.
    pub fn folder(&self) -> anyhow::Result<Folder> {
        Folder::open(&self.data)
    }

    /// Prints a result: `value` as JSON when asked for, else `text`.
    #[expect(clippy::print_stdout, reason = "printing is what a command line does")]
    pub fn print(
        &self,
        value: &impl serde::Serialize,
        text: impl std::fmt::Display,
    ) -> anyhow::Result<()> {
        if self.json {
            println!("{}", serde_json::to_string_pretty(value)?);
        } else {
            println!("{text}");
        }
        Ok(())
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a data folder with fresh keys.
    Init(init::Init),
    /// Show and check the audit trail.
    #[command(subcommand)]
    Audit(audit::Command),
    /// Publish to and rebuild the catalog.
    #[command(subcommand)]
    Catalog(catalog::Command),
    /// Load data behind a product.
    #[command(subcommand)]
    Dataset(dataset::Command),
    /// Export the ledger.
    #[command(subcommand)]
    Ledger(ledger::Command),
    /// Show keys and heads of the logs held here.
    #[command(subcommand)]
    Log(log::Command),
    /// Admit, suspend and list member nodes.
    #[command(subcommand)]
    Member(member::Command),
    /// Close a settlement period and show its statements.
    #[command(subcommand)]
    Period(period::Command),
    /// Manage organizations, users and tokens.
    #[command(subcommand)]
    User(user::Command),
}

/// Runs the command line and returns its exit status: 0 done, 1 failed or refused, 2 wrong usage.
#[expect(clippy::print_stderr, reason = "printing is what a command line does")]
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("lianshi: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let at = &arguments.at;
    match &arguments.command {
        Command::Init(command) => command.run(at),
        Command::Audit(command) => command.run(at),
        Command::Catalog(command) => command.run(at),
        Command::Dataset(command) => command.run(at),
        Command::Ledger(command) => command.run(at),
        Command::Log(command) => command.run(at),
        Command::Member(command) => command.run(at),
        Command::Period(command) => command.run(at),
        Command::User(command) => command.run(at),
    }
}
