//! Signed heads: checkpoints whose signature was verified with the key of their log. There is no
//! other way to make one.

use std::sync::Arc;

use crate::{
    checkpoint::{Checkpoint, CheckpointError, vkey},
    id::{NodeName, Origin},
    key::PublicKey,
    merkle::Hash,
    note::Note,
};

/// A log to hold, as the charter or an admission entry names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The log.
    pub origin: Origin,
    /// The key that signs its checkpoints.
    pub log_key: PublicKey,
    /// Bytes of entries it may hold before peers stop pulling it, as an admission states them.
    pub quota_bytes: u64,
}

/// A verified checkpoint. Cloning shares it: it is held, claimed and announced at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedHead(Arc<Opened>);

#[derive(Debug, PartialEq, Eq)]
struct Opened {
    checkpoint: Checkpoint,
    note: String,
}

impl SignedHead {
    /// Verifies a checkpoint note against the log it must be of. What is kept is the text and the
    /// log's signature: nobody who hands a note on can make it larger.
    pub fn open(note: &str, origin: &Origin, log_key: &PublicKey) -> Result<Self, CheckpointError> {
        let checkpoint = Checkpoint::open(note.as_bytes(), origin, log_key)?;
        let mut kept = Note::parse(note.as_bytes()).map_err(CheckpointError::Note)?;
        let key = vkey(origin, *log_key);
        let of_log = kept.signatures.iter().position(|signature| key.made(signature));
        kept.signatures.swap(0, of_log.unwrap_or(0));
        kept.signatures.truncate(1);
        Ok(Self(Arc::new(Opened { checkpoint, note: kept.encode() })))
    }

    /// The log.
    pub fn origin(&self) -> &Origin {
        &self.0.checkpoint.origin
    }

    /// The node that writes the log.
    pub fn writer(&self) -> &NodeName {
        self.0.checkpoint.origin.node()
    }

    /// Entries it covers.
    pub fn size(&self) -> u64 {
        self.0.checkpoint.size
    }

    /// The root it signs.
    pub fn root(&self) -> Hash {
        self.0.checkpoint.root
    }

    /// The signed note, as stored and served.
    pub fn note(&self) -> &str {
        &self.0.note
    }
}
