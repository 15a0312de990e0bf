//! Signing the newest head of the node's own log. What was signed last is kept apart from the
//! database, in `DIR/signed-head`, and is on disk before anyone can see the signature: a database
//! that was lost or restored from a backup can then never lead to a second, contradicting head.

use std::{
    fs::{self, File},
    io::ErrorKind,
    path::Path,
};

use lianshi_registry::{
    checkpoint::{Checkpoint, CheckpointError},
    refusal::Refusal,
};

use super::{Head, confirm, head, root_at, store_checkpoint};
use crate::{
    Failure, Fault, Site, crash, durable, forks, private,
    recovery::{self, Cause},
};

/// The last signed checkpoint, as a signed note.
const SIGNED_HEAD: &str = "signed-head";
/// Held while the file is compared and replaced.
const SIGNED_HEAD_LOCK: &str = "signed-head.lock";

/// Why a head is not signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeadRefusal {
    /// The database is older than what this node signed.
    #[error(
        "this node signed a head of {signed} entries, but its database holds {held}: the database \
         was restored from a backup or lost; stop the node and run `lianshi recover`"
    )]
    AheadOfDatabase {
        /// Entries of the last signed head.
        signed: u64,
        /// Entries in the database.
        held: u64,
    },
    /// The database holds other entries than those this node signed for.
    #[error(
        "the database contradicts the signed head of {size} entries: the log has forked; bring \
         back the database that was signed for, or begin the next generation"
    )]
    Contradicts {
        /// Entries of the signed head.
        size: u64,
    },
    /// What this node signed is not known.
    #[error("{}", Fault::Unrecovered)]
    Unrecovered,
    /// Two histories of the log were signed.
    #[error(
        "this log was forked: two contradicting heads were signed with its key, and every node \
         knows; begin the next generation"
    )]
    Forked,
    /// A signed head that is none of this node's log.
    #[error("not a signed head of this node's log")]
    Unreadable(#[source] CheckpointError),
}

impl Refusal for HeadRefusal {
    fn code(&self) -> &'static str {
        match self {
            Self::AheadOfDatabase { .. } => "log.head_ahead_of_database",
            Self::Contradicts { .. } => "log.head_contradicted",
            Self::Unrecovered => "log.unrecovered",
            Self::Forked => "log.forked",
            Self::Unreadable(_) => "log.head_unreadable",
        }
    }
}

/// The newest signed head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// What was signed.
    pub checkpoint: Checkpoint,
    /// The signed note.
    pub note: String,
    /// Whether this call stored it.
    pub fresh: bool,
}

type Signed = (Checkpoint, String);

/// Signs the newest size of the node's own log and stores the checkpoint. Cheap when nothing
/// changed. Safe beside other processes on the same folder, and after a crash at any moment: what
/// the file holds and the database does not is stored, what is appended and not signed is signed.
pub fn publish_head(site: &Site) -> Result<Published, Failure<HeadRefusal>> {
    let _lock = lock(&site.folder)?;
    let signed = read_signed(site)?;
    let head = held(site)?;
    if site.db.read(|read| forks::is_forked(read, &site.origin))? {
        return Err(Failure::Refused(HeadRefusal::Forked));
    }
    if let Some((last, note)) = &signed {
        compare(site, &head, (last, note)).or_else(|refused| behind(site, refused))?;
    }
    if site.db.read(recovery::pending)?.is_some() {
        return Err(Failure::Refused(HeadRefusal::Unrecovered));
    }
    crash::point("head.compared");
    let (checkpoint, note) = match signed {
        Some((last, note)) if last.size == head.size => (last, note),
        _ => {
            let checkpoint =
                Checkpoint { origin: site.origin.clone(), size: head.size, root: head.root };
            let note = checkpoint.sign(&site.log_key);
            durable::replace(&site.folder, SIGNED_HEAD, &note)?;
            (checkpoint, note)
        }
    };
    let fresh = note != head.checkpoint;
    if fresh {
        let now = site.now();
        let row = (&checkpoint, note.as_str());
        site.db.write(|write| {
            store_checkpoint(write, row, now)?;
            confirm(write, &site.origin, now)
        })?;
    }
    Ok(Published { checkpoint, note, fresh })
}

/// A peer shows a checkpoint this node signed. A larger one than the last known, or one that
/// contradicts the database, is kept as the last signed head, and [`publish_head`] refuses until
/// the database holds it. Tells whether it was kept.
pub fn remember_head(site: &Site, note: &[u8]) -> Result<bool, Failure<HeadRefusal>> {
    let shown = open(site, note).map_err(Failure::Refused)?;
    let _lock = lock(&site.folder)?;
    let signed = read_signed(site)?;
    let held_root = site.db.read(|read| root_at(read, &site.origin, shown.size))?;
    let contradicts = held_root.is_some_and(|root| root != shown.root);
    let larger = signed.is_none_or(|(last, _)| last.size < shown.size) && held_root.is_none();
    if contradicts || larger {
        durable::replace(&site.folder, SIGNED_HEAD, &String::from_utf8_lossy(note))?;
        site.db.write(|write| recovery::require(write, Cause::Behind, site.now()))?;
    }
    Ok(contradicts || larger)
}

/// Refuses when the database does not continue what was signed.
fn compare(
    site: &Site,
    head: &Head,
    (last, note): (&Checkpoint, &str),
) -> Result<(), Failure<HeadRefusal>> {
    if last.size > head.size {
        let (signed, held) = (last.size, head.size);
        return Err(Failure::Refused(HeadRefusal::AheadOfDatabase { signed, held }));
    }
    if note == head.checkpoint {
        // Compared when it was stored; since then the log has only grown.
        return Ok(());
    }
    let root = site.db.read(|read| root_at(read, &site.origin, last.size))?;
    if root == Some(last.root) {
        Ok(())
    } else {
        Err(Failure::Refused(HeadRefusal::Contradicts { size: last.size }))
    }
}

/// A database that does not hold what was signed may have forgotten cosignatures as well.
fn behind(site: &Site, refused: Failure<HeadRefusal>) -> Result<(), Failure<HeadRefusal>> {
    if matches!(refused, Failure::Refused(_)) {
        site.db.write(|write| recovery::require(write, Cause::Behind, site.now()))?;
    }
    Err(refused)
}

/// Whether this node ever signed a head of its log that was not empty.
pub(super) fn has_signed(site: &Site) -> Result<bool, Fault> {
    match read_signed(site) {
        Ok(signed) => Ok(signed.is_some_and(|(last, _)| last.size > 0)),
        // It tells of a log, if not of this one: whatever stands there was signed by somebody.
        Err(Failure::Refused(_)) => Ok(true),
        Err(Failure::Fault(fault)) => Err(fault),
    }
}

/// Entries of the last head this node signed; `None` where nothing tells of one.
pub fn signed_size(site: &Site) -> Result<Option<u64>, Fault> {
    match read_signed(site) {
        Ok(signed) => Ok(signed.map(|(last, _)| last.size)),
        // A file of another log says nothing of this one.
        Err(Failure::Refused(_)) => Ok(None),
        Err(Failure::Fault(fault)) => Err(fault),
    }
}

fn held(site: &Site) -> Result<Head, Fault> {
    let held = site.db.read(|read| head(read, &site.origin))?;
    held.ok_or_else(|| Fault::corrupt("logs", format!("log {} was never begun", site.origin)))
}

fn open(site: &Site, note: &[u8]) -> Result<Checkpoint, HeadRefusal> {
    Checkpoint::open(note, &site.origin, &site.log_key.public()).map_err(HeadRefusal::Unreadable)
}

fn read_signed(site: &Site) -> Result<Option<Signed>, Failure<HeadRefusal>> {
    let path = site.folder.join(SIGNED_HEAD);
    let note = match fs::read_to_string(&path) {
        Ok(note) => note,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Fault::file(&path, error).into()),
    };
    let checkpoint = open(site, note.as_bytes()).map_err(Failure::Refused)?;
    Ok(Some((checkpoint, note)))
}

fn lock(folder: &Path) -> Result<File, Fault> {
    let path = folder.join(SIGNED_HEAD_LOCK);
    let mut options = private::options();
    let file = options
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(|error| Fault::file(&path, error))?;
    file.lock().map_err(|error| Fault::file(&path, error))?;
    Ok(file)
}
