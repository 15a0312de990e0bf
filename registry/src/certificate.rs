//! Certificates to take away: the entry that describes a product, its proof of inclusion and the
//! cosigned checkpoint in one file, judged offline against a trust policy. The file is a C2SP
//! tlog-proof whose `extra` line holds the entry's bytes.
//!
//! A proof speaks of the past: that this entry stood in the log when the witnesses signed. It
//! cannot say that nobody suspended, revised or withdrew the product since.

use crate::{
    checkpoint::Body,
    entry::{Entry, Fact, Product},
    inclusion::{InclusionFile, InclusionFileError},
    json::{self, EntryRefusal},
    merkle::{Hash, MerkleError, leaf_hash, verify_inclusion},
    policy::{Policy, PolicyRefusal, Vouched},
    refusal::Refusal,
    time::{Date, Timestamp},
};

/// Why a certificate was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateRefusal {
    /// Not a proof file.
    #[error("the file is no proof: {0}")]
    File(InclusionFileError),
    /// The proof carries no entry.
    #[error("the file holds no entry beside its proof")]
    EntryMissing,
    /// The policy does not accept the checkpoint.
    #[error("{0}")]
    Policy(PolicyRefusal),
    /// The entry does not lie in the log.
    #[error("the entry is not proved to lie in the log: {0}")]
    Inclusion(MerkleError),
    /// The entry is proved and not one this program reads.
    #[error("the entry is proved, and cannot be read: {0}")]
    Entry(EntryRefusal),
    /// The entry is proved and describes no product.
    #[error("the entry is proved, and is a `{0}`, which describes no product")]
    OtherKind(&'static str),
}

impl Refusal for CertificateRefusal {
    fn code(&self) -> &'static str {
        match self {
            Self::File(_) => "certificate.file_malformed",
            Self::EntryMissing => "certificate.entry_missing",
            Self::Policy(refusal) => refusal.code(),
            Self::Inclusion(_) => "certificate.not_included",
            Self::Entry(_) => "certificate.entry_unreadable",
            Self::OtherKind(_) => "certificate.other_kind",
        }
    }
}

/// A certificate that the policy accepts, whatever the calendar says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proved {
    /// What the entry says.
    pub product: Product,
    /// When the office says it acted.
    pub at: Timestamp,
    /// Index of the entry.
    pub index: u64,
    /// Hash of the entry as a leaf.
    pub leaf: Hash,
    /// The checkpoint it lies under, and who cosigned it.
    pub vouched: Vouched,
}

/// Where a day lies to a certificate's window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// Before the day the office acted.
    NotBegun,
    /// Inside.
    Open,
    /// On or after the first day no longer valid.
    Closed,
}

/// The file of a certificate: the entry, its place and proof, and a signed checkpoint, best with
/// the cosignatures of witnesses.
pub fn file(entry: Vec<u8>, (index, hashes): (u64, Vec<Hash>), checkpoint: &str) -> InclusionFile {
    InclusionFile { extra: Some(entry), index, hashes, checkpoint: checkpoint.as_bytes().to_vec() }
}

/// Judges the bytes of a certificate file against a policy.
pub fn prove(bytes: &[u8], policy: &Policy) -> Result<Proved, CertificateRefusal> {
    let file = InclusionFile::parse(bytes).map_err(CertificateRefusal::File)?;
    let entry = file.extra.ok_or(CertificateRefusal::EntryMissing)?;
    let vouched = policy.open(&file.checkpoint).map_err(CertificateRefusal::Policy)?;
    let leaf = leaf_hash(&entry);
    let Body { size, root, .. } = vouched.body;
    verify_inclusion(leaf, (file.index, size), &file.hashes, root)
        .map_err(CertificateRefusal::Inclusion)?;
    let Entry { at, fact, .. } = json::parse_entry(&entry).map_err(CertificateRefusal::Entry)?;
    match fact {
        Fact::ProductRegistered(product) | Fact::ProductRevised(product) => {
            Ok(Proved { product: *product, at, index: file.index, leaf, vouched })
        }
        other => Err(CertificateRefusal::OtherKind(other.kind())),
    }
}

impl Proved {
    /// First day of the window: the day the office acted.
    pub fn from(&self) -> Date {
        self.at.date()
    }

    /// First day no longer in the window.
    pub fn until(&self) -> Date {
        self.product.valid_until
    }

    /// Where a day lies.
    pub fn window(&self, today: Date) -> Window {
        if today < self.from() {
            Window::NotBegun
        } else if today < self.until() {
            Window::Open
        } else {
            Window::Closed
        }
    }

    /// The last moment the witnesses spoke for the log as it is proved here, whatever a dishonest
    /// minority of them states; `None` without witnesses, for then nothing in the file tells when
    /// it was made.
    pub fn witnessed_at(&self) -> Option<Timestamp> {
        self.vouched.seconds().map(Timestamp::from_seconds)
    }
}
