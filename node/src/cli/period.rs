//! `lianshi period`.

use clap::Subcommand;

use super::At;

/// What `lianshi period` can do.
#[derive(Debug, Subcommand)]
pub enum Command {}

impl Command {
    /// Runs it.
    pub fn run(&self, at: &At) -> anyhow::Result<()> {
        let _ = at;
        match *self {}
    }
}
