//! The command line. One file per noun; `--json` on everything that prints; errors say what to do
//! next.

use std::{
    env,
    io::Write as _,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};
use lianshi_registry::text;
use lianshi_store::audit::Actor;

use crate::{
    folder::{Folder, private},
    journal,
};

mod audit;
mod backup;
mod catalog;
mod certificate;
mod dataset;
mod demo;
mod init;
mod keys;
mod ledger;
mod letters;
mod log;
pub mod member;
mod period;
mod recover;
mod restore;
mod serve;
mod status;
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

/// Where a node's data folder is when nobody says otherwise.
const DATA_DEFAULT: &str = "lianshi-data";

/// Options of every command that works on a data folder.
#[derive(Debug, Clone, Args)]
pub struct At {
    /// The node's data folder [default: lianshi-data].
    #[arg(long, value_name = "DIR", global = true)]
    pub data: Option<PathBuf>,
    /// Print JSON instead of text.
    #[arg(long, global = true)]
    pub json: bool,
}

impl At {
    /// Opens the data folder.
    pub fn folder(&self) -> anyhow::Result<Folder> {
        Folder::open(&self.path())
    }

    /// The data folder.
    pub fn path(&self) -> PathBuf {
        self.data.clone().unwrap_or_else(|| PathBuf::from(DATA_DEFAULT))
    }

    /// Whoever runs the command, as the audit trail names them: the account of the system, also
    /// behind `sudo`.
    pub fn actor() -> Actor {
        let account = ["SUDO_USER", "USER", "LOGNAME"].iter().find_map(|name| env::var(name).ok());
        Actor::command(account.as_deref().unwrap_or("unknown"))
    }

    /// Prints a result: `value` as JSON when asked for, else `text`.
    pub fn print(
        &self,
        value: &impl serde::Serialize,
        text: impl std::fmt::Display,
    ) -> anyhow::Result<()> {
        if !self.json {
            return say(text);
        }
        self.print_json(value)
    }

    /// Prints JSON when asked for, else nothing: for what fails, whose text is the error itself.
    pub fn print_json(&self, value: &impl serde::Serialize) -> anyhow::Result<()> {
        if !self.json {
            return Ok(());
        }
        put(&text::shown_json(&serde_json::to_string_pretty(value)?))
    }
}

/// Prints a line; what would move the cursor or turn the direction of writing is written out, for
/// texts of other nodes and of older programs may hold it. A full disk behind the output is an
/// error to be told, not a panic after the work is done.
fn say(text: impl std::fmt::Display) -> anyhow::Result<()> {
    put(&text::shown(&text.to_string()))
}

fn put(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    let said = writeln!(out, "{text}").and_then(|()| out.flush());
    said.context("it is done, but the result cannot be printed")
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a data folder with fresh keys.
    Init(init::Init),
    /// Build and run three nodes to try.
    Demo(demo::Demo),
    /// Serve pages, calls, logs and peers.
    Serve(serve::Serve),
    /// Say how the node is.
    Status(status::Status),
    /// Show and check the audit trail.
    #[command(subcommand)]
    Audit(audit::Command),
    /// Save what the node must not lose.
    Backup(backup::Backup),
    /// Publish to and rebuild the catalog.
    #[command(subcommand)]
    Catalog(catalog::Command),
    /// Show, write and judge certificates of products.
    #[command(subcommand)]
    Certificate(certificate::Command),
    /// Load data behind a product.
    #[command(subcommand)]
    Dataset(dataset::Command),
    /// Show and replace this node's keys.
    #[command(subcommand)]
    Keys(keys::Command),
    /// Export the ledger.
    #[command(subcommand)]
    Ledger(ledger::Command),
    /// Show and settle letters that other nodes refused for good.
    #[command(subcommand)]
    Letters(letters::Command),
    /// Show keys and heads of the logs held here.
    #[command(subcommand)]
    Log(log::Command),
    /// Admit, suspend and list member nodes.
    #[command(subcommand)]
    Member(member::Command),
    /// Close a settlement period and show its statements.
    #[command(subcommand)]
    Period(period::Command),
    Recover(recover::Recover),
    /// Bring back a backup.
    Restore(restore::Restore),
    /// Manage organizations, users and tokens.
    #[command(subcommand)]
    User(user::Command),
}

/// Runs the command line and returns its exit status: 0 done, 1 failed or refused, 2 wrong usage.
#[expect(clippy::print_stderr, reason = "printing is what a command line does")]
pub fn main() -> ExitCode {
    private::mask();
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The error may repeat what another node or a file says.
            eprintln!("lianshi: {}", text::shown(&format!("{error:#}")));
            ExitCode::FAILURE
        }
    }
}

/// Runs a serving command on a runtime of its own, with its log in a file or on standard error, and
/// what is logged where `RUST_LOG` says nothing.
fn serving(
    (log_file, filter): (Option<&Path>, &str),
    work: impl Future<Output = anyhow::Result<()>>,
) -> anyhow::Result<()> {
    journal::begin(log_file, filter)?;
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(work)
}

fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let at = &arguments.at;
    match &arguments.command {
        Command::Init(command) => command.run(at),
        Command::Demo(command) => command.run(at),
        Command::Serve(command) => command.run(at),
        Command::Status(command) => command.run(at),
        Command::Audit(command) => command.run(at),
        Command::Backup(command) => command.run(at),
        Command::Catalog(command) => command.run(at),
        Command::Certificate(command) => command.run(at),
        Command::Dataset(command) => command.run(at),
        Command::Keys(command) => command.run(at),
        Command::Ledger(command) => command.run(at),
        Command::Letters(command) => command.run(at),
        Command::Log(command) => command.run(at),
        Command::Member(command) => command.run(at),
        Command::Period(command) => command.run(at),
        Command::Recover(command) => command.run(at),
        Command::Restore(command) => command.run(at),
        Command::User(command) => command.run(at),
    }
}
