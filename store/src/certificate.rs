//! Certificates as files: the entry that describes a product, its proof and the checkpoint that
//! most members vouch for, read in one snapshot.

use lianshi_registry::certificate;

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

/// The certificate of a product as a file. `None` while no signed checkpoint held here covers the
/// entry.
pub fn file(read: &mut Read<'_>, offer: &Offer) -> Result<Option<CertificateFile>, Fault> {
    let (origin, index) = (&offer.origin, offer.origin_index);
    let Some((size, note, reach)) = checkpoint(read, offer)? else { return Ok(None) };
    let missing = || Fault::corrupt("log_tiles", format!("{origin} lacks entry {index}"));
    let entry = log::entry(read, origin, index)?.ok_or_else(missing)?;
    let hashes = log::inclusion_proof(read, origin, index, size)?.ok_or_else(missing)?;
    let bytes = certificate::file(entry, (index, hashes), &note).encode();
    Ok(Some(CertificateFile { bytes, size, reach }))
}

/// How far the entry that describes a product is vouched for.
pub fn reach(read: &mut Read<'_>, offer: &Offer) -> Result<Reach, Fault> {
    Ok(checkpoint(read, offer)?.map_or(Reach::Local, |(_, _, reach)| reach))
}

/// The settled checkpoint where it covers the entry, else the newest signed one.
fn checkpoint(read: &mut Read<'_>, offer: &Offer) -> Result<Option<(u64, String, Reach)>, Fault> {
    let settled = quorum::settled(read, &offer.origin)?;
    let settled = settled.map(|settled| (settled.size, settled.note, Reach::Settled));
    let head = log::head(read, &offer.origin)?;
    let signed = head.map(|head| (head.checkpoint_size, head.checkpoint, Reach::Signed));
    let covers = |(size, _, _): &(u64, String, Reach)| *size > offer.origin_index;
    Ok(settled.filter(covers).or_else(|| signed.filter(covers)))
}
