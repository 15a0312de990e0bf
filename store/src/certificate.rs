//! Proofs to take away: an entry, its place in the log and the checkpoint that most members vouch
//! for, read in one snapshot. A certificate is the proof of the entry that describes a product.

use lianshi_registry::{certificate, id::Origin, inclusion::InclusionFile, merkle::Hash};

use crate::{Fault, Read, catalog::Offer, log, quorum, quorum::Reach};

/// The file of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFile {
    /// A tlog-proof with the entry inside.
    pub bytes: Vec<u8>,
    /// Entries the checkpoint inside covers.
    pub size: u64,
    /// Who vouches for the checkpoint: the quorum, or the log alone.
    pub reach: Reach,
}

/// An entry proved to lie under a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryProof {
    /// Its index.
    pub index: u64,
    /// Its bytes.
    pub entry: Vec<u8>,
    /// From the leaf's sibling to the root's child.
    pub hashes: Vec<Hash>,
    /// Entries the checkpoint covers.
    pub size: u64,
    /// The checkpoint as a signed note.
    pub note: String,
    /// Who vouches for it.
    pub reach: Reach,
}

impl EntryProof {
    /// The proof as a tlog-proof file with the entry inside.
    pub fn file(self) -> InclusionFile {
        certificate::file(self.entry, (self.index, self.hashes), &self.note)
    }
}

/// The certificate of a product as a file. `None` while no signed checkpoint held here covers the
/// entry.
pub fn file(read: &mut Read<'_>, offer: &Offer) -> Result<Option<CertificateFile>, Fault> {
    let proof = proof(read, &offer.origin, offer.origin_index)?;
    Ok(proof.map(|proof| CertificateFile {
        size: proof.size,
        reach: proof.reach,
        bytes: proof.file().encode(),
    }))
}

/// The proof of an entry. `None` while no signed checkpoint held here covers it.
pub fn proof(
    read: &mut Read<'_>,
    origin: &Origin,
    index: u64,
) -> Result<Option<EntryProof>, Fault> {
    let Some((size, note, reach)) = checkpoint(read, origin, index)? else { return Ok(None) };
    let missing = || Fault::corrupt("log_tiles", format!("{origin} lacks entry {index}"));
    let entry = log::entry(read, origin, index)?.ok_or_else(missing)?;
    let hashes = log::inclusion_proof(read, origin, index, size)?.ok_or_else(missing)?;
    Ok(Some(EntryProof { index, entry, hashes, size, note, reach }))
}

/// How far the entry that describes a product is vouched for.
pub fn reach(read: &mut Read<'_>, offer: &Offer) -> Result<Reach, Fault> {
    let found = checkpoint(read, &offer.origin, offer.origin_index)?;
    Ok(found.map_or(Reach::Local, |(_, _, reach)| reach))
}

/// The settled checkpoint where it covers the entry, else the newest signed one.
fn checkpoint(
    read: &mut Read<'_>,
    origin: &Origin,
    index: u64,
) -> Result<Option<(u64, String, Reach)>, Fault> {
    let settled = quorum::settled(read, origin)?;
    let settled = settled.map(|settled| (settled.size, settled.note, Reach::Settled));
    let head = log::head(read, origin)?;
    let signed = head.map(|head| (head.checkpoint_size, head.checkpoint, Reach::Signed));
    let covers = |(size, _, _): &(u64, String, Reach)| *size > index;
    Ok(settled.filter(covers).or_else(|| signed.filter(covers)))
}
