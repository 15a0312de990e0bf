//! What the entries beyond the newest checkpoint of a replica were pulled towards: a signed head
//! and the proof that they lead to it. If another history of the log shows, this proves that the
//! entries held were signed too.

use diesel::prelude::*;
use lianshi_registry::{
    id::Origin,
    merkle::Hash,
    sync::{SignedHead, Tail},
    tile::{decode_hashes, encode_hashes},
};

use super::{Head, read::with_nodes};
use crate::{Fault, Read, Write, schema::tails};

/// Notes what the entries stored with it belong to; once they reach the head, the checkpoint itself
/// says so.
pub(crate) fn keep_tail(write: &mut Write<'_>, tail: &Tail) -> Result<(), Fault> {
    let origin = tail.head.origin();
    drop_tail(write, origin)?;
    if tail.proof.is_empty() {
        return Ok(());
    }
    diesel::insert_into(tails::table)
        .values((
            tails::origin.eq(origin.to_string()),
            tails::note.eq(tail.head.note()),
            tails::proof.eq(encode_hashes(&tail.proof)),
        ))
        .execute(&mut **write)?;
    Ok(())
}

/// Forgets it, with the entries.
pub(crate) fn drop_tail(write: &mut Write<'_>, origin: &Origin) -> Result<(), Fault> {
    diesel::delete(tails::table.find(origin.to_string())).execute(&mut **write)?;
    Ok(())
}

/// The head towards which the entries held were pulled; `None` where that is not known.
pub(crate) fn tail_head(read: &mut Read<'_>, held: &Head) -> Result<Option<SignedHead>, Fault> {
    Ok(load(read, held)?.map(|tail| tail.head))
}

fn load(read: &mut Read<'_>, held: &Head) -> Result<Option<Tail>, Fault> {
    let row: Option<(String, Vec<u8>)> = tails::table
        .find(held.origin.to_string())
        .select((tails::note, tails::proof))
        .first(&mut **read)
        .optional()?;
    let Some((note, proof)) = row else { return Ok(None) };
    let head = SignedHead::open(&note, &held.origin, &held.log_key);
    let head = head.map_err(|error| Fault::corrupt("tails", error))?;
    let proof = decode_hashes(&proof).ok_or_else(|| Fault::corrupt("tails", "proof"))?;
    Ok(Some(Tail { head, proof }))
}

/// That head, and what it says of the first `old` entries held.
pub(crate) fn tail_proof(
    read: &mut Read<'_>,
    held: &Head,
    old: u64,
) -> Result<Option<(SignedHead, Vec<Hash>)>, Fault> {
    let Some(tail) = load(read, held)? else { return Ok(None) };
    let told = with_nodes(read, &held.origin, held.size, |source| {
        tail.prefix_proof(old, held.size, source)
    })?;
    Ok(told.map(|proof| (tail.head, proof)))
}
