//! `lianshi serve`: runs one node until it is told to stop.

use std::path::PathBuf;

use clap::Args;

use super::{At, serving};
use crate::{
    files, journal, serve,
    supervisor::{self, Signals},
};

/// Serve pages, calls, logs and peers.
#[derive(Debug, Args)]
pub struct Serve {
    /// Write the log to this file, begun anew on SIGHUP, instead of standard error.
    #[arg(long, value_name = "FILE")]
    log_file: Option<PathBuf>,
}

impl Serve {
    /// Runs it until Ctrl-C or SIGTERM.
    pub fn run(&self, at: &At) -> anyhow::Result<()> {
        let folder = at.folder()?;
        serving((self.log_file.as_deref(), journal::LOGGED), async {
            let mut signals = Signals::listen()?;
            let share = files::share(1)?;
            let Some(running) = signals.unless_stopped(serve::start(&folder, share)).await else {
                return Ok(());
            };
            let running = running?;
            supervisor::tell_ready();
            signals.stop().await;
            supervisor::tell_stopping();
            running.stop().await;
            Ok(())
        })
    }
}
