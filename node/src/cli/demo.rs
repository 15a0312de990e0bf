//! `lianshi demo`: three nodes to try, built on the first start.

use std::{env, path::PathBuf};

use clap::Args;

use super::{At, serving};
use crate::demo::{self, Language};

/// Where the demo lives when nobody says otherwise.
const DATA_DEFAULT: &str = "lianshi-demo";

/// What the nodes of a demo write to the log when `RUST_LOG` says nothing.
const LOGGED: &str = "warn,actix_http::h1::dispatcher=off";

/// Build and run three nodes to try.
#[derive(Debug, Args)]
pub struct Demo {
    /// First of the ports used: three for each node, ten apart.
    #[arg(long, default_value_t = 8800)]
    base_port: u16,
    /// Remove the demo that is there and build a new one.
    #[arg(long)]
    fresh: bool,
    /// Start only these, such as `ningbo,haishu`.
    #[arg(long, value_delimiter = ',')]
    nodes: Vec<String>,
    /// Language of what is printed [default: the shell's, by `LC_ALL`, `LC_MESSAGES` or `LANG`].
    #[arg(long, value_enum)]
    language: Option<Language>,
    /// Write the log to this file, begun anew on SIGHUP, instead of standard error.
    #[arg(long, value_name = "FILE")]
    log_file: Option<PathBuf>,
    /// Let this node show two histories, to see the others notice.
    #[cfg(feature = "evil")]
    #[arg(long, conflicts_with = "nodes")]
    evil: Option<String>,
}

impl Demo {
    /// Runs it until Ctrl-C or SIGTERM.
    pub fn run(&self, at: &At) -> anyhow::Result<()> {
        let data = at.data.clone().unwrap_or_else(|| PathBuf::from(DATA_DEFAULT));
        let options = demo::Options {
            data,
            base_port: self.base_port,
            fresh: self.fresh,
            nodes: self.nodes.clone(),
            language: self
                .language
                .unwrap_or_else(|| Language::of_shell(|name| env::var(name).ok())),
            #[cfg(feature = "evil")]
            evil: self.evil.clone(),
        };
        // What its nodes do is told by their pages; only what is wrong belongs between these lines.
        serving((self.log_file.as_deref(), LOGGED), demo::run(&options))
    }
}
