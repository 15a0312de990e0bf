//! What a database error says about the machine below it, in whichever words.

use diesel::result::{DatabaseErrorKind, Error as DieselError};

/// What is wrong below the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Another writer was faster.
    Conflict,
    /// Another process held a lock for too long.
    Locked,
    /// No room is left.
    Full,
    /// The disk failed to read or write.
    Disk,
    /// It may be read and not be written.
    ReadOnly,
    /// The database hung up, or is not there.
    Gone,
}

/// How both databases word it: the driver passes their texts on, but not all of their codes.
const TROUBLES: [(&str, Trouble); 17] = [
    ("could not serialize", Trouble::Conflict),
    ("deadlock detected", Trouble::Conflict),
    ("database is locked", Trouble::Locked),
    ("due to lock timeout", Trouble::Locked),
    ("database or disk is full", Trouble::Full),
    ("No space left on device", Trouble::Full),
    ("Disk quota exceeded", Trouble::Full),
    ("disk I/O error", Trouble::Disk),
    ("readonly database", Trouble::ReadOnly),
    ("in a hot standby", Trouble::ReadOnly),
    ("during recovery", Trouble::ReadOnly),
    ("unable to open database file", Trouble::Gone),
    ("terminating connection", Trouble::Gone),
    ("server closed the connection", Trouble::Gone),
    ("the database system is", Trouble::Gone),
    ("no connection to the server", Trouble::Gone),
    ("could not receive data from server", Trouble::Gone),
];

/// What is not sent at all, over any connection, as libpq words it.
const TOO_MANY: &str = "number of parameters";

fn worded(text: &str) -> Option<Trouble> {
    TROUBLES.iter().find(|(words, _)| text.contains(words)).map(|(_, trouble)| *trouble)
}

/// Reads a database error; `None` for one that is not about the machine.
pub(crate) fn trouble(error: &DieselError) -> Option<Trouble> {
    match error {
        DieselError::DatabaseError(DatabaseErrorKind::SerializationFailure, _) => {
            Some(Trouble::Conflict)
        }
        DieselError::DatabaseError(DatabaseErrorKind::ReadOnlyTransaction, _) => {
            Some(Trouble::ReadOnly)
        }
        DieselError::DatabaseError(DatabaseErrorKind::ClosedConnection, _)
        | DieselError::BrokenTransactionManager => Some(Trouble::Gone),
        DieselError::DatabaseError(DatabaseErrorKind::UnableToSendCommand, info) => {
            (!info.message().contains(TOO_MANY)).then_some(Trouble::Gone)
        }
        DieselError::DatabaseError(_, info) => worded(info.message()),
        DieselError::QueryBuilderError(error) => worded(&error.to_string()),
        // The end of a transaction fails where the database ended it before; why it did is what
        // the commit was told.
        DieselError::RollbackErrorOnCommit { commit_error, .. } => trouble(commit_error),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use diesel::{Connection as _, SqliteConnection, connection::SimpleConnection as _};

    use super::*;
    use crate::{db::Conn, dialect, fault::Fault};

    fn of(kind: DatabaseErrorKind, text: &str) -> DieselError {
        DieselError::DatabaseError(kind, Box::new(text.to_owned()))
    }

    #[test]
    fn a_commit_is_told_by_what_it_was_told_and_not_by_the_rollback_that_failed_after_it() {
        let full = of(DatabaseErrorKind::Unknown, "database or disk is full");
        let rollback = of(DatabaseErrorKind::Unknown, "cannot rollback - no transaction is active");
        let error = DieselError::RollbackErrorOnCommit {
            rollback_error: Box::new(rollback),
            commit_error: Box::new(full),
        };
        assert_eq!(trouble(&error), Some(Trouble::Full));
    }

    #[test]
    fn a_connection_that_takes_no_command_is_gone_in_any_language() {
        let text = "connection not open";
        let sent = of(DatabaseErrorKind::UnableToSendCommand, text);
        assert_eq!(trouble(&sent), Some(Trouble::Gone));
        assert_eq!(trouble(&of(DatabaseErrorKind::Unknown, text)), None);
        let text = "number of parameters must be between 0 and 65535";
        assert_eq!(trouble(&of(DatabaseErrorKind::UnableToSendCommand, text)), None);
    }

    #[test]
    fn a_migration_that_finds_no_room_says_so() {
        let mut sqlite = SqliteConnection::establish(":memory:").expect("in memory");
        sqlite.batch_execute("PRAGMA max_page_count = 40").expect("little room");
        let fault = dialect::migrate(&mut Conn::Sqlite(sqlite)).expect_err("no room");
        assert!(matches!(fault, Fault::Full(_)), "{fault:?}");
    }
}
