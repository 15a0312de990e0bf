//! Replicas: copies of other nodes' logs, grown by verified ranges. A range is checked against the
//! signed head before anything is written, and its entries, tiles, checkpoint and fold are one
//! transaction.
//!
//! When a replica is *confirmed*: only the node that writes a log can say that nothing newer
//! exists, so `confirmed_at` moves when that node itself, over its authenticated link, named the
//! head held here. What a third node relays extends the replica but says nothing about its age; a
//! replica that was never confirmed has no `confirmed_at`.

use lianshi_registry::{
    checkpoint::Checkpoint,
    id::Origin,
    key::PublicKey,
    merkle::Hash,
    sync::{PullRefusal, Pulled, Verified},
    tile::Edge,
};

use crate::{
    Failure, Fault, Read, Site, Write,
    catalog::{self, refold},
    crash, fold,
    forks::{self, Seen},
    log, members,
    recovery::{self, Cause},
};

/// Verifies a pulled range and stores it. Gives size and root of what is held afterwards.
pub fn adopt(
    site: &Site,
    log_key: PublicKey,
    pulled: Pulled,
) -> Result<(u64, Hash), Failure<PullRefusal>> {
    let (origin, announced) = (pulled.head.origin().clone(), pulled.head.size());
    let range = verify(site, &origin, pulled)?;
    let held = site.db.write(|write| {
        log::create_replica(write, &origin, log_key)?;
        log::announce(write, &origin, announced)?;
        store(write, site, (&origin, false), &range)
    })?;
    index(site);
    Ok(held)
}

/// What is stored is stored; what is not indexed now, a serving node does.
fn index(site: &Site) {
    if let Err(error) = catalog::index_some(&site.db) {
        tracing::warn!(%error, "what was stored is not indexed yet");
    }
}

/// The same for this node's own log, of which the database forgot something. What peers hold of it
/// was signed with its key, so it is its own word that comes back.
pub fn recover(site: &Site, pulled: Pulled) -> Result<(u64, Hash), Failure<PullRefusal>> {
    let origin = &site.origin;
    let range = verify(site, origin, pulled)?;
    let held = site.db.write(|write| {
        log::create_own(write, site)?;
        recovery::require(write, Cause::Behind, site.now())?;
        store(write, site, (origin, true), &range)
    })?;
    index(site);
    Ok(held)
}

fn verify(site: &Site, origin: &Origin, pulled: Pulled) -> Result<Range, Failure<PullRefusal>> {
    let edge = site.db.read(|read| edge(read, origin))?;
    let before = edge.root();
    let verified = pulled.verify(edge).map_err(Failure::Refused)?;
    let range = Range { before, entries: fold::parse(&verified.entries), verified };
    crash::point("adopt.verified");
    Ok(range)
}

/// The node that writes the log has nothing newer than what is held here.
pub fn confirm(site: &Site, origin: &Origin) -> Result<(), Fault> {
    site.db.write(|write| log::confirm(write, origin, site.now()))
}

/// Forgets the entries beyond the signed head, which were pulled towards a larger head that the log
/// does not lead to any more. Gives size and root of what is held afterwards.
pub fn drop_tail(site: &Site, origin: &Origin) -> Result<(u64, Hash), Fault> {
    let chance = forks::chance()?;
    site.db.write(|write| {
        let missing = || Fault::corrupt("logs", format!("no row of {origin}"));
        let held = log::head(&mut write.as_read(), origin)?.ok_or_else(missing)?;
        if held.own || held.size == held.checkpoint_size {
            return Ok((held.size, held.root));
        }
        // It is shown no more, and may be all there is of another history.
        if let Some(head) = log::tail_head(&mut write.as_read(), &held)? {
            forks::keep(write, (&head, Seen::Shown), chance)?;
        }
        log::drop_tail(write, origin)?;
        let tip = log::shorten(write, origin, held.checkpoint_size)?;
        refold(write, origin)?;
        Ok((tip.size, tip.root))
    })
}

fn edge(read: &mut Read<'_>, origin: &Origin) -> Result<Edge, Fault> {
    match log::head(read, origin)? {
        Some(head) => log::edge(read, origin, head.size),
        None => Ok(Edge::default()),
    }
}

/// A verified range on its way into the tables.
struct Range {
    verified: Verified,
    /// Root of what was held when it was verified.
    before: Hash,
    entries: Vec<fold::Parsed>,
}

fn store(
    write: &mut Write<'_>,
    site: &Site,
    (origin, own): (&Origin, bool),
    Range { verified, before, entries }: &Range,
) -> Result<(u64, Hash), Failure<PullRefusal>> {
    let missing = || Fault::corrupt("logs", format!("no row of {origin}"));
    let held = log::head(&mut write.as_read(), origin)?.ok_or_else(missing)?;
    // The range was verified on an edge read before this transaction began.
    if log::edge(&mut write.as_read(), origin, held.size)?.root() != held.root {
        return Err(Fault::corrupt("log_tiles", format!("edge of {origin}")).into());
    }
    if held.own != own || held.size != verified.from || held.root != *before {
        let (from, size) = (verified.from, held.size);
        return Err(Failure::Refused(PullRefusal::Moved { from, size }));
    }
    let quota_bytes = members::quota(&mut write.as_read(), origin)?;
    let bytes = held.bytes.saturating_add(log::counted(&verified.entries));
    if !own && bytes > quota_bytes {
        return Err(Failure::Refused(PullRefusal::OverQuota { bytes, quota_bytes }));
    }
    let range = (&verified.edge, verified.tiles.as_slice());
    let tip = log::store(write, (origin, verified.from), &verified.entries, range)?;
    log::keep_tail(write, &verified.tail)?;
    if let Some(head) = verified.head() {
        let checkpoint =
            Checkpoint { origin: origin.clone(), size: head.size(), root: head.root() };
        log::store_checkpoint(write, (&checkpoint, head.note()), site.now())?;
    }
    fold::apply(write, origin, verified.from, entries)?;
    log::mark_folded(write, origin, tip.size)?;
    crash::point("adopt.stored");
    Ok((tip.size, tip.root))
}
