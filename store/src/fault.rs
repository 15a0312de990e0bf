//! Faults: what goes wrong that is nobody's decision. Disk, database, a row that does not parse. A
//! fault is never turned into a default; it is logged once where it is handled, and the user sees a
//! reference number.

use std::{error::Error, io::ErrorKind, path::Path};

use diesel::result::Error as DieselError;
use lianshi_registry::json::EntryRefusal;

use crate::dialect::{self, Trouble};

/// Why the store could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// No connection could be had in time.
    #[error("no database connection: {0}")]
    Connection(String),
    /// The database refused a statement or a transaction.
    #[error("the database refused")]
    Database(#[source] DieselError),
    /// Another writer was faster; the same work done again may succeed.
    #[error("another writer was faster")]
    Conflict(#[source] DieselError),
    /// A write was tried again and again against other writers and never got through.
    #[error("the database stayed busy through {attempts} attempts; try again in a moment")]
    Busy {
        /// How often it was tried.
        attempts: u32,
    },
    /// Another process held the database for longer than anyone waits.
    #[error(
        "another process holds the database locked; end it, or wait until it is done, and try again"
    )]
    Locked(#[source] DieselError),
    /// No room is left.
    #[error("the disk is full; make room and try again")]
    Full(#[source] Box<dyn Error + Send + Sync>),
    /// The disk did not do what it was told.
    #[error(
        "the disk refuses to be written: it is full or failing; make room or mend it, and try again"
    )]
    Disk(#[source] DieselError),
    /// The database takes no changes: it is a standby, was set to be read only, or its files may
    /// not be written.
    #[error("the database can only be read now; see why it takes no changes, and try again")]
    ReadOnly(#[source] DieselError),
    /// The data folder or database was written by a newer program.
    #[error(
        "the database was made by a newer version of lianshi (migration {0}); start that version instead"
    )]
    Newer(String),
    /// The database forgot what this node signed.
    #[error(
        "the database came back from a backup or was lost, and what this node signed since is not \
         known: stop the node and run `lianshi recover`"
    )]
    Unrecovered,
    /// A migration failed.
    #[error("migration failed: {0}")]
    Migration(String),
    /// A stored row does not mean anything.
    #[error("corrupt row in {table}: {what}")]
    Corrupt {
        /// The table.
        table: &'static str,
        /// What does not parse.
        what: String,
    },
    /// The system gave no random bytes.
    #[error("no random bytes: {0}")]
    Randomness(String),
    /// A file of the data folder could not be read or written.
    #[error("cannot read or write {path}")]
    File {
        /// The file.
        path: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// An entry that may not stand in a log.
    #[error("the entry is refused")]
    Entry(#[source] EntryRefusal),
    /// The database URL names no database this program can open. Only how it begins is told:
    /// further on there may be a password.
    #[error("`{0}…` is no database URL; use sqlite:///path/to/file or postgres://…")]
    Url(String),
}

impl Fault {
    /// A row of `table` that does not parse.
    pub fn corrupt(table: &'static str, what: impl ToString) -> Self {
        Self::Corrupt { table, what: what.to_string() }
    }

    /// A file that could not be read or written.
    pub fn file(path: &Path, source: std::io::Error) -> Self {
        let kind = source.kind();
        let fault = Self::File { path: path.display().to_string(), source };
        match kind {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
                Self::Full(Box::new(fault))
            }
            _ => fault,
        }
    }

    /// Whether trying again later may help.
    pub fn is_transient(&self) -> bool {
        self.refuses_writes()
            || matches!(
                self,
                Self::Busy { .. }
                    | Self::Conflict(_)
                    | Self::Locked(_)
                    | Self::Connection(_)
                    | Self::Unrecovered
            )
    }

    /// Whether nothing can be written until somebody does something about it.
    pub fn refuses_writes(&self) -> bool {
        self.is_of_disk() || matches!(self, Self::ReadOnly(_))
    }

    /// Whether nothing can be written until somebody makes room.
    pub fn is_of_disk(&self) -> bool {
        matches!(self, Self::Full(_) | Self::Disk(_))
    }
}

impl From<DieselError> for Fault {
    fn from(error: DieselError) -> Self {
        match dialect::trouble(&error) {
            Some(Trouble::Conflict) => Self::Conflict(error),
            Some(Trouble::Locked) => Self::Locked(error),
            Some(Trouble::Full) => Self::Full(Box::new(error)),
            Some(Trouble::Disk) => Self::Disk(error),
            Some(Trouble::ReadOnly) => Self::ReadOnly(error),
            Some(Trouble::Gone) => Self::Connection(error.to_string()),
            None => Self::Database(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    // As Linux numbers them.
    const EFBIG: i32 = 27;
    const ENOSPC: i32 = 28;
    const EDQUOT: i32 = 122;

    #[test]
    fn a_file_that_finds_no_room_is_told_as_a_full_disk() {
        let path = Path::new("/srv/lianshi/signed-head");
        for errno in [ENOSPC, EFBIG, EDQUOT] {
            let fault = Fault::file(path, io::Error::from_raw_os_error(errno));
            assert!(fault.is_of_disk() && fault.is_transient(), "{fault:?}");
            let cause = fault.source().expect("the file").to_string();
            assert!(cause.contains("signed-head"), "{cause}");
        }
        let absent = Fault::file(path, io::Error::from(ErrorKind::NotFound));
        assert!(matches!(absent, Fault::File { .. }) && !absent.is_transient());
    }
}
