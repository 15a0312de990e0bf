//! A node that shows two histories on purpose, to see the others notice: `lianshi demo --evil
//! NODE`. Only in builds with the feature `evil`, which an optimized build cannot have.
//!
//! The node runs as two halves with the same keys and the same past. Each is linked to one of the
//! other two nodes and tells the other one nothing; each has published something else under the
//! same index, and signed it.

#[cfg(not(debug_assertions))]
compile_error!("the feature `evil` is for tests; build without --release");

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::Context as _;
use lianshi_registry::id::NodeName;
use lianshi_store::{audit::Actor, catalog, log};

use super::{
    Options, PORTS_PER_NODE,
    cast::{self, NODES},
    content::{self, Item, Terms},
};
use crate::{
    clock,
    files::Share,
    folder::{Folder, private},
    net::Peer,
    serve::{self, Running},
};

/// In the folder of a half: the one node it is linked to.
const SHOWN_TO: &str = "shown-to";
/// The second half's folder, beside the first.
const TWIN: &str = "twin";

/// Leaves a half only the peer its history is shown to.
pub fn keep_shown(folder: &Path, peers: &mut BTreeMap<NodeName, Peer>) {
    if let Ok(only) = fs::read_to_string(folder.join(SHOWN_TO)) {
        peers.retain(|node, _| node.as_str() == only);
    }
}

/// Makes the halves before anything runs, or an honest node of what was one.
pub fn prepare(options: &Options) -> anyhow::Result<()> {
    let twin = options.data.join(TWIN);
    if twin.exists() {
        drop(serve::lock(&twin)?);
        fs::remove_dir_all(&twin)?;
    }
    for node in &NODES {
        let mark = options.data.join(node.name).join(SHOWN_TO);
        if mark.exists() {
            fs::remove_file(mark)?;
        }
    }
    let Some(evil) = &options.evil else { return Ok(()) };
    let [first, second] = others(evil)?;
    let folder = Folder::open(&options.data.join(evil))?;
    copy(&folder.path, &twin)?;
    let mut config = folder.config.clone();
    let base = options.base_port + u16::try_from(NODES.len())? * PORTS_PER_NODE;
    config.listen = format!("127.0.0.1:{base}");
    config.listen_ops = format!("127.0.0.1:{}", base + 1);
    config.listen_peer = format!("/ip4/127.0.0.1/tcp/{}", base + 2);
    private::write(&twin.join("node.toml"), toml::to_string(&config)?)?;
    private::write(&folder.path.join(SHOWN_TO), first)?;
    private::write(&twin.join(SHOWN_TO), second)?;
    let items = content::items()?;
    let own = items.iter().filter(|item| item.node == *evil);
    for (half, item) in [folder.path, twin].iter().zip(own) {
        sign(&Folder::open(half)?, item)?;
    }
    Ok(())
}

/// Publishes one product at a half that is not linked to anybody, and signs it.
fn sign(half: &Folder, item: &Item) -> anyhow::Result<()> {
    let sector = content::SECTORS.iter().find(|sector| sector.code == item.sector);
    let sector = sector.with_context(|| format!("no sector {}", item.sector))?;
    let terms = Terms::from_founding(clock::now().date());
    let node = cast::node(half.config.node.as_str())?;
    let file = content::publishing_file(node, sector, &[item], terms)?;
    let site = half.command_site()?;
    catalog::publish(&site, &Actor::node(), &file)?;
    log::publish_head(&site).context("this node was found out before; begin anew with --fresh")?;
    Ok(())
}

/// Starts the second half.
pub async fn join(
    options: &Options,
    running: &mut Vec<Running>,
    share: Share,
) -> anyhow::Result<()> {
    let Some(evil) = &options.evil else { return Ok(()) };
    running.push(serve::start(&Folder::open(&options.data.join(TWIN))?, share).await?);
    println!("{evil} has signed two histories and shows each to one node");
    Ok(())
}

/// The two nodes that are told different things.
fn others(evil: &str) -> anyhow::Result<[&'static str; 2]> {
    let names: Vec<&'static str> =
        NODES.iter().map(|node| node.name).filter(|name| *name != evil).collect();
    <[&str; 2]>::try_from(names).map_err(|_| anyhow::anyhow!("there is no demo node `{evil}`"))
}

fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    private::make_folder(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
