//! Pulling one log from its served files: ranges of bundles, each proved with the served hashes to
//! belong to the signed head before it is stored.

use std::collections::BTreeMap;

use anyhow::{Context as _, ensure};
use lianshi_registry::{
    key::PublicKey,
    merkle::{Hash, consistency_proof},
    sync::{Pulled, RANGE_BUNDLES, SignedHead},
    tile::{Coordinate, Level, TILE_WIDTH, decode_hashes, encode_hashes, node_from_tiles},
};
use lianshi_store::{Site, log, replica};

use crate::cli::log::files::Files;

/// Pulls everything of a log up to a head that its key signed. An error leaves whole ranges, none
/// half stored.
pub(super) fn pull(
    site: &Site,
    files: &Files,
    (log_key, head): (PublicKey, &SignedHead),
) -> anyhow::Result<()> {
    let origin = head.origin();
    let mut tiles = Tiles { files, size: head.size(), known: BTreeMap::new() };
    loop {
        let held = site.db.read(|read| log::head(read, origin))?;
        let from = held.map_or(0, |held| held.size);
        if from >= head.size() {
            return Ok(());
        }
        let width = u64::from(TILE_WIDTH);
        let to = ((from / width + RANGE_BUNDLES) * width).min(head.size());
        let pulled = Pulled {
            peer: origin.node().clone(),
            from,
            to,
            bundles: bundles(files, (from, to), head.size())?,
            proof: if to < head.size() { Some(tiles.proof(to)?) } else { None },
            head: head.clone(),
        };
        let stored = if *origin == site.origin {
            replica::recover(site, pulled)
        } else {
            replica::adopt(site, log_key, pulled)
        };
        stored.with_context(|| format!("entries {from} to {to} of {origin}"))?;
    }
}

fn bundles(files: &Files, (from, to): (u64, u64), size: u64) -> anyhow::Result<Vec<Vec<u8>>> {
    let width = u64::from(TILE_WIDTH);
    let read = |number: u64| {
        let place = Coordinate::at(Level::Entries, number, size).context("beyond the log")?;
        files.read(&place.to_string())?.with_context(|| format!("{place} is missing"))
    };
    (from / width..to.div_ceil(width)).map(read).collect()
}

/// The hash tiles of a log, read once each.
struct Tiles<'f> {
    files: &'f Files,
    size: u64,
    known: BTreeMap<(u8, u64), Option<Vec<Hash>>>,
}

impl Tiles<'_> {
    /// Hashes that prove the tree of the first `to` entries to be the beginning of the signed one.
    fn proof(&mut self, to: u64) -> anyhow::Result<Vec<u8>> {
        let mut failure = None;
        let proof = consistency_proof(to, self.size, |level, index| {
            node_from_tiles((level, index), |level, number| {
                self.tile(level, number).map_err(|error| failure = Some(error)).ok().flatten()
            })
        });
        match failure {
            Some(error) => Err(error),
            None => Ok(encode_hashes(&proof.context("its hash tiles do not suffice")?)),
        }
    }

    fn tile(&mut self, level: u8, number: u64) -> anyhow::Result<Option<Vec<Hash>>> {
        if let Some(known) = self.known.get(&(level, number)) {
            return Ok(known.clone());
        }
        let Some(place) = Coordinate::at(Level::Hashes(level), number, self.size) else {
            return Ok(None);
        };
        let bytes = self.files.read(&place.to_string())?;
        let hashes = bytes.as_deref().and_then(decode_hashes);
        ensure!(hashes.is_some(), "{place} is missing or no tile");
        self.known.insert((level, number), hashes.clone());
        Ok(hashes)
    }
}
