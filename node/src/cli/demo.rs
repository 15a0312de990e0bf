//! `lianshi demo`: three nodes to try, built on the first start.

use std::path::PathBuf;

use clap::Args;

use super::{At, block_on};
use crate::demo;

/// Where the demo lives when nobody says otherwise.
const DATA_DEFAULT: &str = "lianshi-demo";

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
    /// Let this node show two histories, to see the others notice.
    #[cfg(feature = "evil")]
    #[arg(long, conflicts_with = "nodes")]
    evil: Option<String>,
}

impl Demo {
    /// Runs it until Ctrl-C.
    pub fn run(&self, at: &At) -> anyhow::Result<()> {
        let data = at.data.clone().unwrap_or_else(|| PathBuf::from(DATA_DEFAULT));
        let options = demo::Options {
            data,
            base_port: self.base_port,
            fresh: self.fresh,
            nodes: self.nodes.clone(),
            #[cfg(feature = "evil")]
            evil: self.evil.clone(),
        };
        block_on(demo::run(&options))
    }
}
