//! What was begun with a whole database and may have been ended by a power cut: a file in the data
//! folder says so, durable before the first change and removed after the last. A database that is
//! empty for such a reason is never taken for that of a new node.

use std::{
    fs::{self, File},
    io::ErrorKind,
    path::Path,
};

use crate::{Fault, crash, durable};

const FILE: &str = "unfinished";

/// What was begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfinished {
    /// A backup is being restored: what the database holds is nobody's.
    Restore,
    /// A folder is being made of a node that was there before: its database has to be marked
    /// [`Lost`](super::Cause::Lost) before anything is signed.
    Return,
}

impl Unfinished {
    fn as_str(self) -> &'static str {
        match self {
            Self::Restore => "restore",
            Self::Return => "return",
        }
    }

    /// Begins: the mark is on disk when this returns.
    pub fn mark(self, folder: &Path) -> Result<(), Fault> {
        durable::replace(folder, FILE, &format!("{}\n", self.as_str()))?;
        crash::point(match self {
            Self::Restore => "restore.marked",
            Self::Return => "return.marked",
        });
        Ok(())
    }

    /// Everything is done.
    pub fn finish(folder: &Path) -> Result<(), Fault> {
        crash::point("restore.finished");
        let path = folder.join(FILE);
        let failed = |error| Fault::file(&path, error);
        match fs::remove_file(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            removed => removed.map_err(failed)?,
        }
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)
    }
}

/// What was begun in a folder and not finished, if anything was. A mark that cannot be read is that
/// of a restore, which allows least.
pub fn unfinished(folder: &Path) -> Result<Option<Unfinished>, Fault> {
    let path = folder.join(FILE);
    match fs::read_to_string(&path) {
        Ok(text) if text.trim() == Unfinished::Return.as_str() => Ok(Some(Unfinished::Return)),
        Ok(_) => Ok(Some(Unfinished::Restore)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Fault::file(&path, error)),
    }
}
