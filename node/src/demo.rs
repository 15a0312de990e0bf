//! `lianshi demo`: three nodes in one process, with everything a visitor needs to try the main job.
//! The first start builds the folders by the same functions the commands use, in the order an
//! operator would; later starts only serve.

mod build;
mod cast;
pub mod content;
mod contracts;
mod data;
mod describe;
#[cfg(feature = "evil")]
pub mod evil;
mod history;
mod language;
mod mishap;
mod people;
mod steps;

use std::{fs, path::PathBuf};

use anyhow::bail;

pub use language::Language;
use mishap::Mishap;

use crate::{
    files,
    folder::{Folder, private},
    serve::{self, Running},
    supervisor::{self, Signals},
};

/// How far apart the ports of two nodes lie: three are used by each.
const PORTS_PER_NODE: u16 = 10;
/// Nodes that share the limit of open files of this process: the second half of one that lies is a
/// fourth.
const PROCESS_NODES: usize = if cfg!(feature = "evil") { 4 } else { 3 };
/// Marks a build under way; a folder that still has it was never finished and is built anew.
const BUILDING: &str = "demo.building";
/// What the demo says about itself.
const ABOUT: &str = "demo.json";

/// What the command line asks for.
#[derive(Debug, Clone)]
pub struct Options {
    /// Folder of the three nodes.
    pub data: PathBuf,
    /// First of the ports used.
    pub base_port: u16,
    /// Remove what is there and build again.
    pub fresh: bool,
    /// Names of the nodes to start; all when empty.
    pub nodes: Vec<String>,
    /// What is printed is said in it.
    pub language: Language,
    /// A node that is to show two histories.
    #[cfg(feature = "evil")]
    pub evil: Option<String>,
}

/// Builds on a first start, serves, and returns when it is told to stop.
pub async fn run(options: &Options) -> anyhow::Result<()> {
    let served = Box::pin(build_and_serve(options)).await;
    served.map_err(|error| {
        anyhow::Error::msg(mishap::told(&error, options.language, options.base_port))
    })
}

async fn build_and_serve(options: &Options) -> anyhow::Result<()> {
    let mut signals = Signals::listen()?;
    let starting = signals.unless_stopped(Box::pin(start(options))).await;
    let Some(running) = starting else { return Ok(()) };
    let running = running?;
    supervisor::tell_ready();
    signals.stop().await;
    supervisor::tell_stopping();
    // All at once: what one of them still says to another is answered.
    futures::future::join_all(running.into_iter().map(Running::stop)).await;
    Ok(())
}

async fn start(options: &Options) -> anyhow::Result<Vec<Running>> {
    let names = wanted(options)?;
    if options.fresh || options.data.join(BUILDING).exists() {
        clear(options)?;
    }
    let share = files::share(PROCESS_NODES)?;
    if !options.data.join(ABOUT).exists() {
        private::make_folder(&options.data)?;
        private::write(&options.data.join(BUILDING), "")?;
        build::build(options, share).await?;
        fs::remove_file(options.data.join(BUILDING))?;
    }
    demand_private(options)?;
    #[cfg(feature = "evil")]
    evil::prepare(options)?;
    let mut running = Vec::new();
    for name in names {
        let folder = Folder::open(&options.data.join(name))?;
        running.push(serve::start(&folder, share).await?);
    }
    describe::print(&options.data, options.language)?;
    #[cfg(feature = "evil")]
    evil::join(options, &mut running, share).await?;
    Ok(running)
}

/// Refuses a demo that others may look into: it holds every password. One command closes all of it.
fn demand_private(options: &Options) -> anyhow::Result<()> {
    let mut all = vec![options.data.clone(), options.data.join(ABOUT)];
    for node in &cast::NODES {
        let path = options.data.join(node.name);
        all.extend(private::of_folder(&path)?);
        all.extend(private::database_files(&path.join("node.sqlite")));
    }
    private::demand(all)
}

/// The nodes to start, in the order of the federation.
fn wanted(options: &Options) -> anyhow::Result<Vec<&'static str>> {
    let known: Vec<&'static str> = cast::NODES.iter().map(|node| node.name).collect();
    for name in &options.nodes {
        if !known.contains(&name.as_str()) {
            return Err(Mishap::UnknownNode(name.clone()).into());
        }
    }
    let all = options.nodes.is_empty();
    Ok(known.into_iter().filter(|name| all || options.nodes.iter().any(|n| n == name)).collect())
}

/// Removes what a demo made, and nothing else.
fn clear(options: &Options) -> anyhow::Result<()> {
    for node in &cast::NODES {
        let path = options.data.join(node.name);
        if path.join("serve.lock").exists() {
            // A running demo would go on writing into removed files.
            drop(serve::lock(&path)?);
        }
        match fs::remove_dir_all(&path) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => bail!("cannot remove {}: {error}", path.display()),
        }
    }
    for file in [ABOUT, BUILDING] {
        match fs::remove_file(options.data.join(file)) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => bail!("cannot remove {file}: {error}"),
        }
    }
    Ok(())
}
