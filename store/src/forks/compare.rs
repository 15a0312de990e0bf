//! Whether signed heads lie on the entries held. One that is larger than what is held says nothing
//! yet: it is kept, a few of each log, and compared when the log has grown to it.

use diesel::prelude::*;
use lianshi_registry::{
    fork::ForkRefusal,
    id::Origin,
    key::PublicKey,
    merkle::Hash,
    sync::{Comparison, Conflict, SignedHead, UNEXAMINED_MAX},
};

use super::witness;
use crate::{
    Failure, Fault, Read, Site, Write, dialect::insert_if_absent, log, schema::kept_heads,
};

/// A signed head was seen somewhere: when it contradicts the entries held, the fork is told; when
/// it lies beyond them, it is kept. Gives whether a fork was news.
pub fn examine(
    site: &Site,
    log_key: PublicKey,
    seen: &SignedHead,
) -> Result<bool, Failure<ForkRefusal>> {
    match compare(site, seen)? {
        Comparison::Contradicted(conflict) => witness(site, log_key, &conflict),
        Comparison::Contained => Ok(false),
        Comparison::Unproved => {
            keep(site, seen)?;
            Ok(false)
        }
    }
}

/// What the entries held say of a signed head that is not larger.
pub fn compare(site: &Site, older: &SignedHead) -> Result<Comparison, Fault> {
    let origin = older.origin();
    site.db.read(|read| {
        let Some(held) = log::head(read, origin)? else { return Ok(Comparison::Unproved) };
        match log::root_at(read, origin, older.size())? {
            None => return Ok(Comparison::Unproved),
            Some(root) if root == older.root() => return Ok(Comparison::Contained),
            Some(_) => {}
        }
        let newer = newer(read, &held, older.size())?;
        Ok(newer.map_or(Comparison::Unproved, |(newer, proof)| {
            Comparison::Contradicted(Box::new(Conflict { older: older.clone(), newer, proof }))
        }))
    })
}

type Proved = (SignedHead, Vec<Hash>);

/// The signed head that the first `old` entries held belong to, and what it says of them.
fn newer(read: &mut Read<'_>, held: &log::Head, old: u64) -> Result<Option<Proved>, Fault> {
    let (origin, size) = (&held.origin, held.checkpoint_size);
    if old > size {
        return log::tail_proof(read, held, old);
    }
    let newer = SignedHead::open(&held.checkpoint, origin, &held.log_key);
    let newer = newer.map_err(|error| Fault::corrupt("logs", error))?;
    let proof =
        if old == size { Some(Vec::new()) } else { log::prefix_proof(read, origin, old, size)? };
    Ok(proof.map(|proof| (newer, proof)))
}

/// Keeps a signed head until the log has grown to it. Of each log at most [`UNEXAMINED_MAX`] are
/// kept; a further one takes the place of any, so that nobody can choose which is forgotten.
fn keep(site: &Site, seen: &SignedHead) -> Result<(), Fault> {
    let size = i64::try_from(seen.size()).map_err(|e| Fault::corrupt("kept_heads", e))?;
    let origin = seen.origin().to_string();
    site.db.write(|write| {
        let of_log = kept_heads::table.filter(kept_heads::origin.eq(&origin));
        let kept: Vec<(i64, String)> =
            of_log.select((kept_heads::size, kept_heads::root)).load(&mut **write)?;
        let row = (
            kept_heads::origin.eq(&origin),
            kept_heads::size.eq(size),
            kept_heads::root.eq(seen.root().to_base64()),
            kept_heads::note.eq(seen.note()),
        );
        let is_new = insert_if_absent!(write, kept_heads::table, row)?;
        if is_new && kept.len() >= UNEXAMINED_MAX {
            let mut byte = [0];
            getrandom::fill(&mut byte).map_err(|e| Fault::Randomness(e.to_string()))?;
            if let Some((size, root)) = kept.get(usize::from(byte[0]) % kept.len()) {
                forget(write, (&origin, *size, root))?;
            }
        }
        Ok::<_, Fault>(())
    })
}

/// A log has grown: the kept heads that it has reached are compared, and forgotten where they lie
/// on it. Gives whether one contradicts it, which is then told.
pub fn examine_kept(
    site: &Site,
    (origin, log_key): (&Origin, PublicKey),
) -> Result<bool, Failure<ForkRefusal>> {
    let name = origin.to_string();
    let reached = site.db.read(|read| reached(read, origin))?;
    let mut told = false;
    for (size, root, note) in reached {
        if let Ok(head) = SignedHead::open(&note, origin, &log_key) {
            match compare(site, &head)? {
                Comparison::Contained => {}
                Comparison::Contradicted(conflict) => told |= witness(site, log_key, &conflict)?,
                Comparison::Unproved => continue,
            }
        }
        // Signed with a key of before, it says nothing any more.
        site.db.write(|write| forget(write, (&name, size, &root)))?;
    }
    Ok(told)
}

type Kept = (i64, String, String);

fn reached(read: &mut Read<'_>, origin: &Origin) -> Result<Vec<Kept>, Fault> {
    let kept: Vec<Kept> = kept_heads::table
        .filter(kept_heads::origin.eq(origin.to_string()))
        .order((kept_heads::size, kept_heads::root))
        .select((kept_heads::size, kept_heads::root, kept_heads::note))
        .load(&mut **read)?;
    if kept.is_empty() {
        return Ok(kept);
    }
    let held = log::head(read, origin)?.map_or(0, |head| head.size);
    let is_reached = |size: i64| u64::try_from(size).is_ok_and(|size| size <= held);
    Ok(kept.into_iter().filter(|(size, ..)| is_reached(*size)).collect())
}

fn forget(write: &mut Write<'_>, (origin, size, root): (&str, i64, &str)) -> Result<(), Fault> {
    diesel::delete(kept_heads::table.find((origin, size, root))).execute(&mut **write)?;
    Ok(())
}
