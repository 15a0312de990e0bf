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

/// Where a head was seen. Each has places of its own among those that are kept, so that a member
/// that submits without end displaces nothing that peers showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// Peers showed it, or it settled.
    Shown,
    /// It was submitted to the witness.
    Submitted,
}

/// A signed head was seen somewhere: when it contradicts the entries held, the fork is told; when
/// it lies beyond them, it is kept. Gives whether a fork was news.
pub fn examine(
    site: &Site,
    log_key: PublicKey,
    (head, seen): (&SignedHead, Seen),
) -> Result<bool, Failure<ForkRefusal>> {
    match compare(site, head)? {
        Comparison::Contradicted(conflict) => witness(site, log_key, &conflict),
        Comparison::Contained => Ok(false),
        Comparison::Unproved => {
            let is_kept = site.db.read(|read| is_kept(read, head))?;
            if !is_kept {
                let chance = chance()?;
                site.db.write(|write| keep(write, (head, seen), chance))?;
            }
            // The log may have grown to it meanwhile.
            examine_kept(site, (head.origin(), log_key))
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

fn is_kept(read: &mut Read<'_>, head: &SignedHead) -> Result<bool, Fault> {
    let (size, root) = (signed(head.size())?, head.root().to_base64());
    let row = kept_heads::table.find((head.origin().to_string(), size, root));
    let found: Option<i64> = row.select(kept_heads::size).first(&mut **read).optional()?;
    Ok(found.is_some())
}

/// Keeps a signed head until the log has grown to it. Of each log and origin at most
/// [`UNEXAMINED_MAX`] are kept; a further one takes the place of any, by [`chance`], so that nobody
/// can choose which is forgotten.
pub(crate) fn keep(
    write: &mut Write<'_>,
    (head, seen): (&SignedHead, Seen),
    chance: u8,
) -> Result<(), Fault> {
    let (size, origin) = (signed(head.size())?, head.origin().to_string());
    let submitted = seen == Seen::Submitted;
    let of_log = kept_heads::table
        .filter(kept_heads::origin.eq(&origin))
        .filter(kept_heads::submitted.eq(submitted));
    let kept: Vec<(i64, String)> =
        of_log.select((kept_heads::size, kept_heads::root)).load(&mut **write)?;
    let row = (
        kept_heads::origin.eq(&origin),
        kept_heads::size.eq(size),
        kept_heads::root.eq(head.root().to_base64()),
        kept_heads::note.eq(head.note()),
        kept_heads::submitted.eq(submitted),
    );
    let is_new = insert_if_absent!(write, kept_heads::table, row)?;
    if is_new
        && kept.len() >= UNEXAMINED_MAX
        && let Some((size, root)) = kept.get(usize::from(chance) % kept.len())
    {
        forget(write, (&origin, *size, root))?;
    }
    Ok(())
}

/// Which head [`keep`] forgets when there is no room: drawn before the transaction.
pub(crate) fn chance() -> Result<u8, Fault> {
    let mut byte = [0];
    getrandom::fill(&mut byte).map_err(|error| Fault::Randomness(error.to_string()))?;
    Ok(u8::from_le_bytes(byte))
}

fn signed(size: u64) -> Result<i64, Fault> {
    i64::try_from(size).map_err(|error| Fault::corrupt("kept_heads", error))
}

/// A log has grown: the kept heads that it has reached are compared, and forgotten where they lie
/// on what its checkpoint signs; entries beyond that may be dropped again. Gives whether one
/// contradicts it, which is then told.
pub fn examine_kept(
    site: &Site,
    (origin, log_key): (&Origin, PublicKey),
) -> Result<bool, Failure<ForkRefusal>> {
    let name = origin.to_string();
    let (reached, settled) = site.db.read(|read| reached(read, origin))?;
    let mut told = false;
    for (size, root, note) in reached {
        if let Ok(head) = SignedHead::open(&note, origin, &log_key) {
            match compare(site, &head)? {
                Comparison::Contained if head.size() <= settled => {}
                Comparison::Contradicted(conflict) => told |= witness(site, log_key, &conflict)?,
                Comparison::Contained | Comparison::Unproved => continue,
            }
        }
        // Signed with a key of before, it says nothing any more.
        site.db.write(|write| forget(write, (&name, size, &root)))?;
    }
    Ok(told)
}

/// The same for every log: what a process that ended between two transactions left.
pub fn examine_every_kept(site: &Site) -> Result<bool, Failure<ForkRefusal>> {
    let heads = site.db.read(|read| {
        let origins: Vec<String> =
            kept_heads::table.select(kept_heads::origin).distinct().load(&mut **read)?;
        let mut heads = Vec::new();
        for origin in origins {
            let origin =
                Origin::parse(&origin).map_err(|error| Fault::corrupt("kept_heads", error))?;
            heads.extend(log::head(read, &origin)?);
        }
        Ok::<_, Fault>(heads)
    })?;
    let mut told = false;
    for head in heads {
        told |= examine_kept(site, (&head.origin, head.log_key))?;
    }
    Ok(told)
}

type Kept = (i64, String, String);

/// The kept heads that the entries held reach, and the size of the checkpoint.
fn reached(read: &mut Read<'_>, origin: &Origin) -> Result<(Vec<Kept>, u64), Fault> {
    let kept: Vec<Kept> = kept_heads::table
        .filter(kept_heads::origin.eq(origin.to_string()))
        .order((kept_heads::size, kept_heads::root))
        .select((kept_heads::size, kept_heads::root, kept_heads::note))
        .load(&mut **read)?;
    if kept.is_empty() {
        return Ok((kept, 0));
    }
    let held = log::head(read, origin)?;
    let (size, settled) = held.map_or((0, 0), |head| (head.size, head.checkpoint_size));
    let is_reached = |of: i64| u64::try_from(of).is_ok_and(|of| of <= size);
    Ok((kept.into_iter().filter(|(of, ..)| is_reached(*of)).collect(), settled))
}

fn forget(write: &mut Write<'_>, (origin, size, root): (&str, i64, &str)) -> Result<(), Fault> {
    diesel::delete(kept_heads::table.find((origin, size, root))).execute(&mut **write)?;
    Ok(())
}
