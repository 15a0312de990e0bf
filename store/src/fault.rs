//! Faults: what goes wrong that is nobody's decision. Disk, database, a row that does not parse. A
//! fault is never turned into a default; it is logged once where it is handled, and the user sees a
//! reference number.

use std::path::Path;

use lianshi_registry::json::EntryRefusal;

/// Why the store could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// No connection could be had in time.
    #[error("no database connection: {0}")]
    Connection(String),
    /// The database refused a statement or a transaction.
    #[error("the database refused")]
    Database(#[from] diesel::result::Error),
    /// A write was tried again and again against other writers and never got through.
    #[error("the database stayed busy through {attempts} attempts")]
    Busy {
        /// How often it was tried.
        attempts: u32,
    },
    /// The data folder or database was written by a newer program.
    #[error(
        "the database was made by a newer version of lianshi (migration {0}); start that version instead"
    )]
    Newer(String),
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
    /// The database URL names no database this program can open.
    #[error("`{0}` is no database URL; use sqlite:///path/to/file or postgres://…")]
    Url(String),
}

impl Fault {
    /// A row of `table` that does not parse.
    pub fn corrupt(table: &'static str, what: impl ToString) -> Self {
        Self::Corrupt { table, what: what.to_string() }
    }

    /// A file that could not be read or written.
    pub fn file(path: &Path, source: std::io::Error) -> Self {
        Self::File { path: path.display().to_string(), source }
    }

    /// Whether a row was already there under its key: another writer wrote it first.
    pub fn is_duplicate(&self) -> bool {
        use diesel::result::{DatabaseErrorKind::UniqueViolation, Error::DatabaseError};
        matches!(self, Self::Database(DatabaseError(UniqueViolation, _)))
    }

    /// Whether trying again later may help.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Busy { .. } | Self::Connection(_))
    }
}
