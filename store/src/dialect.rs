//! The only file that asks which database it is talking to.

use diesel::{
    QueryResult,
    connection::{AnsiTransactionManager, SimpleConnection, TransactionManager},
    migration::{Migration, MigrationSource},
    result::{DatabaseErrorKind, Error as DieselError},
};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use crate::{db::Conn, fault::Fault};

/// Migrations for SQLite.
pub(crate) const SQLITE: EmbeddedMigrations = embed_migrations!("../migrations/sqlite");
/// The same versions for PostgreSQL.
pub(crate) const POSTGRES: EmbeddedMigrations = embed_migrations!("../migrations/postgres");

/// How long SQLite waits for another process's write lock before it says busy.
const SQLITE_BUSY_MS: u32 = 15_000;

/// Settings of a fresh connection: on SQLite a write-ahead log with a sync at every commit, and
/// foreign keys.
pub(crate) fn prepare(conn: &mut Conn) -> QueryResult<()> {
    match conn {
        Conn::Sqlite(sqlite) => {
            sqlite.batch_execute(&format!("PRAGMA busy_timeout = {SQLITE_BUSY_MS};"))?;
            sqlite.batch_execute("PRAGMA journal_mode = WAL;")?;
            sqlite.batch_execute("PRAGMA synchronous = FULL;")?;
            sqlite.batch_execute("PRAGMA foreign_keys = ON;")?;
            sqlite.batch_execute("PRAGMA cache_size = -16000;")
        }
        Conn::Postgres(postgres) => {
            postgres.batch_execute("SET TIME ZONE 'UTC'; SET lock_timeout = '15s';")
        }
    }
}

/// Starts a transaction that will write: SQLite takes its one write lock now, PostgreSQL checks
/// serializability.
pub(crate) fn begin_write(conn: &mut Conn) -> Result<(), Fault> {
    Ok(match conn {
        Conn::Sqlite(sqlite) => {
            AnsiTransactionManager::begin_transaction_sql(sqlite, "BEGIN IMMEDIATE")
        }
        Conn::Postgres(postgres) => AnsiTransactionManager::begin_transaction_sql(
            postgres,
            "BEGIN ISOLATION LEVEL SERIALIZABLE",
        ),
    }?)
}

/// Starts a snapshot.
pub(crate) fn begin_read(conn: &mut Conn) -> Result<(), Fault> {
    Ok(match conn {
        Conn::Sqlite(sqlite) => {
            AnsiTransactionManager::begin_transaction_sql(sqlite, "BEGIN DEFERRED")
        }
        Conn::Postgres(postgres) => AnsiTransactionManager::begin_transaction_sql(
            postgres,
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        ),
    }?)
}

/// Ends a transaction without its changes.
pub(crate) fn rollback(conn: &mut Conn) -> Result<(), Fault> {
    Ok(match conn {
        Conn::Sqlite(sqlite) => AnsiTransactionManager::rollback_transaction(sqlite),
        Conn::Postgres(postgres) => AnsiTransactionManager::rollback_transaction(postgres),
    }?)
}

/// Commits.
pub(crate) fn commit(conn: &mut Conn) -> Result<(), Fault> {
    Ok(match conn {
        Conn::Sqlite(sqlite) => AnsiTransactionManager::commit_transaction(sqlite),
        Conn::Postgres(postgres) => AnsiTransactionManager::commit_transaction(postgres),
    }?)
}

/// What a database error says about the machine below it.
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
}

/// How both databases word it: the driver passes their texts on, but not their codes.
const TROUBLES: [(&str, Trouble); 9] = [
    ("could not serialize", Trouble::Conflict),
    ("deadlock detected", Trouble::Conflict),
    ("database is locked", Trouble::Locked),
    ("due to lock timeout", Trouble::Locked),
    ("database or disk is full", Trouble::Full),
    ("No space left on device", Trouble::Full),
    ("Disk quota exceeded", Trouble::Full),
    ("disk I/O error", Trouble::Disk),
    // SQLite gave the whole transaction up by itself, as it does when it finds no room, and the
    // driver tells only that its own savepoint is gone.
    ("no such savepoint", Trouble::Disk),
];

/// Reads a database error; `None` for one that is not about the machine.
pub(crate) fn trouble(error: &DieselError) -> Option<Trouble> {
    match error {
        DieselError::DatabaseError(DatabaseErrorKind::SerializationFailure, _) => {
            Some(Trouble::Conflict)
        }
        DieselError::DatabaseError(_, info) => {
            let text = info.message();
            TROUBLES.iter().find(|(words, _)| text.contains(words)).map(|(_, trouble)| *trouble)
        }
        _ => None,
    }
}

/// Brings the schema up to date; refuses a schema from the future.
pub(crate) fn migrate(conn: &mut Conn) -> Result<(), Fault> {
    match conn {
        Conn::Sqlite(sqlite) => migrate_with(sqlite, SQLITE),
        Conn::Postgres(postgres) => migrate_with(postgres, POSTGRES),
    }
}

fn migrate_with<C, DB>(conn: &mut C, source: EmbeddedMigrations) -> Result<(), Fault>
where
    C: MigrationHarness<DB>,
    DB: diesel::backend::Backend,
    EmbeddedMigrations: MigrationSource<DB>,
{
    let fail =
        |error: Box<dyn std::error::Error + Send + Sync>| Fault::Migration(error.to_string());
    let known: Vec<String> = MigrationSource::<DB>::migrations(&source)
        .map_err(fail)?
        .iter()
        .map(|migration| migration.name().version().to_string())
        .collect();
    for applied in conn.applied_migrations().map_err(fail)? {
        if !known.contains(&applied.to_string()) {
            return Err(Fault::Newer(applied.to_string()));
        }
    }
    conn.run_pending_migrations(source).map_err(fail)?;
    Ok(())
}

/// Inserts one row unless its key is already there; tells whether it did.
/// `insert_if_absent!(write, table, values)`.
macro_rules! insert_if_absent {
    ($write:expr, $table:expr, $values:expr) => {{
        use diesel::RunQueryDsl as _;
        let inserted = match $write.conn() {
            $crate::db::Conn::Postgres(postgres) => diesel::insert_into($table)
                .values($values)
                .on_conflict_do_nothing()
                .execute(postgres),
            $crate::db::Conn::Sqlite(sqlite) => {
                diesel::insert_into($table).values($values).on_conflict_do_nothing().execute(sqlite)
            }
        };
        inserted.map(|rows| rows > 0)
    }};
}
pub(crate) use insert_if_absent;

/// Inserts many rows with one statement; keep a call below [`BULK_ROWS_MAX`] rows.
/// `insert_all!(write, table, rows)` with `rows: &Vec<_>`.
macro_rules! insert_all {
    ($write:expr, $table:expr, $rows:expr) => {{
        use diesel::RunQueryDsl as _;
        match $write.conn() {
            $crate::db::Conn::Postgres(postgres) => {
                diesel::insert_into($table).values($rows).execute(postgres)
            }
            $crate::db::Conn::Sqlite(sqlite) => {
                diesel::insert_into($table).values($rows).execute(sqlite)
            }
        }
    }};
}
pub(crate) use insert_all;

/// Rows of one bulk insert: with eleven columns far below the bind limits of both databases.
pub(crate) const BULK_ROWS_MAX: usize = 500;

/// Inserts those of many rows whose keys are not there yet; keep a call below [`BULK_ROWS_MAX`]
/// rows. `insert_all_if_absent!(write, table, rows)` with `rows: &[_]`.
macro_rules! insert_all_if_absent {
    ($write:expr, $table:expr, $rows:expr) => {{
        use diesel::RunQueryDsl as _;
        match $write.conn() {
            $crate::db::Conn::Postgres(postgres) => {
                diesel::insert_into($table).values($rows).on_conflict_do_nothing().execute(postgres)
            }
            $crate::db::Conn::Sqlite(sqlite) => $rows.iter().try_fold(0, |sum, row| {
                let inserted = diesel::insert_into($table)
                    .values(row)
                    .on_conflict_do_nothing()
                    .execute(sqlite);
                inserted.map(|rows| sum + rows)
            }),
        }
    }};
}
pub(crate) use insert_all_if_absent;
