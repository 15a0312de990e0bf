//! The envelope of a letter: who sent it sealed it, as what it was sent, with a key it holds or
//! held, and may speak. What it says is not read here.

use lianshi_market::letter::{EnvelopeRefusal, Room};
use lianshi_registry::{id::NodeName, key::PublicKey, seal::Sealed};

use crate::{
    Site,
    db::{Failure, Read},
    members,
    statements::Letter,
};

/// A letter whose seal was checked.
pub struct Incoming {
    /// The node that sent and sealed it.
    pub from: NodeName,
    /// The kind under the seal.
    pub kind: String,
    /// What is sealed.
    pub payload: Vec<u8>,
    /// What travelled beside the seal: the document that a letter of a close names by its hash.
    pub document: String,
    /// The envelope, as it is kept for evidence.
    pub sealed: Vec<u8>,
}

/// Opens a letter for a room.
pub(super) fn read(
    read: &mut Read<'_>,
    site: &Site,
    from: &NodeName,
    (room, bytes): (Room, &[u8]),
) -> Result<Incoming, Failure<EnvelopeRefusal>> {
    let refuse = |refusal: EnvelopeRefusal| Failure::Refused(refusal);
    if room == Room::Statements {
        let letter = Letter::parse(bytes).map_err(|error| refuse(error.into()))?;
        return open(read, site, from, (&letter.sealed, &letter.document));
    }
    let sealed = of_kind(room.as_str(), bytes).map_err(refuse)?;
    let opened = open(read, site, from, (&sealed, ""))?;
    // Kept byte by byte as it came: what both sides hold is compared by its hash.
    Ok(Incoming { sealed: bytes.to_vec(), ..opened })
}

/// Opens what a node sealed, with what came beside it.
pub fn open(
    read: &mut Read<'_>,
    site: &Site,
    from: &NodeName,
    (sealed, document): (&Sealed, &str),
) -> Result<Incoming, Failure<EnvelopeRefusal>> {
    let refuse = |refusal: EnvelopeRefusal| Failure::Refused(refusal);
    if sealed.claimed_sender() != from {
        let sealed_by = sealed.claimed_sender().clone();
        return Err(refuse(EnvelopeRefusal::NotOfSender { from: from.clone(), sealed_by }));
    }
    let keys = seal_keys(read, site, from)?;
    let payload = sealed.open_with(&keys).map_err(|error| refuse(error.into()))?;
    Ok(Incoming {
        from: from.clone(),
        kind: sealed.kind().to_owned(),
        payload,
        document: document.to_owned(),
        sealed: sealed.to_bytes(),
    })
}

fn of_kind(sent: &'static str, bytes: &[u8]) -> Result<Sealed, EnvelopeRefusal> {
    let sealed = Sealed::parse(bytes)?;
    if sealed.kind() == sent {
        return Ok(sealed);
    }
    Err(EnvelopeRefusal::OtherKind { sent, sealed: sealed.kind().to_owned() })
}

/// Opens what is kept of a node as evidence, with keys it seals or sealed with.
pub fn unseal(
    by: &NodeName,
    keys: &[PublicKey],
    (kind, bytes): (&'static str, &[u8]),
) -> Result<Vec<u8>, EnvelopeRefusal> {
    let sealed = of_kind(kind, bytes)?;
    if sealed.claimed_sender() != by {
        let sealed_by = sealed.claimed_sender().clone();
        return Err(EnvelopeRefusal::NotOfSender { from: by.clone(), sealed_by });
    }
    Ok(sealed.open_with(keys)?)
}

/// The keys that a node seals or sealed with, if it may speak.
pub fn seal_keys(
    read: &mut Read<'_>,
    site: &Site,
    from: &NodeName,
) -> Result<Vec<PublicKey>, Failure<EnvelopeRefusal>> {
    if *from == site.node {
        return Ok(members::own_seal_keys(read, site)?);
    }
    let refuse = |refusal| Failure::Refused(refusal);
    let member = members::by_node(read, from)?
        .ok_or_else(|| refuse(EnvelopeRefusal::SenderUnknown(from.clone())))?;
    if member.may_write().is_err() {
        return Err(refuse(EnvelopeRefusal::SenderSuspended(from.clone())));
    }
    Ok(member.seal_keys())
}
