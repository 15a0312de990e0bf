//! `lianshi serve`: runs one node until it is told to stop.

use anyhow::Context as _;
use clap::Args;

use super::{At, block_on};
use crate::serve;

/// Serve pages, calls, logs and peers.
#[derive(Debug, Args)]
pub struct Serve {}

impl Serve {
    /// Runs it until Ctrl-C.
    #[expect(clippy::unused_self, reason = "every command runs the same way")]
    pub fn run(&self, at: &At) -> anyhow::Result<()> {
        let folder = at.folder()?;
        block_on(async {
            let running = serve::start(&folder).await?;
            tokio::signal::ctrl_c().await.context("cannot wait for Ctrl-C")?;
            running.stop().await;
            Ok(())
        })
    }
}
