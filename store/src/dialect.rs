//! The only file that asks which database it is talking to.

mod cells;
mod trouble;

use diesel::{
    QueryResult, RunQueryDsl as _,
    connection::{
        AnsiTransactionManager, DefaultLoadingMode, SimpleConnection, TransactionManager,
    },
    migration::{Migration, MigrationSource},
    pg::PgRowByRowLoadingMode,
    result::Error as DieselError,
    sql_query,
};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use crate::{
    db::{CONNECTIONS_MAX, Conn},
    fault::Fault,
};
pub(crate) use cells::{Cell, Column};
use cells::{Cells, bind_postgres, bind_sqlite, values};
pub(crate) use trouble::{Trouble, trouble};

/// Migrations for SQLite.
pub(crate) const SQLITE: EmbeddedMigrations = embed_migrations!("../migrations/sqlite");
/// The same versions for PostgreSQL.
pub(crate) const POSTGRES: EmbeddedMigrations = embed_migrations!("../migrations/postgres");

/// How long SQLite waits for another process's write lock before it says busy.
const SQLITE_BUSY_MS: u32 = 15_000;

/// How long a question whether the database can be written waits for a lock: half of the two
/// seconds in which it must be known.
const PROBE_MS: u32 = 1_000;
/// What all connections of a process together keep of a SQLite database in memory, and each of
/// them.
const SQLITE_CACHES_KIB: u32 = 96 * 1024;
const SQLITE_CACHE_KIB: u32 = SQLITE_CACHES_KIB / CONNECTIONS_MAX;
/// What SQLite's log of changes may keep of the disk once its changes are in the database: twice
/// what it writes down at once.
pub(crate) const WAL_KEPT_BYTES: u64 = 8 << 20;

/// Settings of a fresh connection: on SQLite a write-ahead log with a sync at every commit, and
/// foreign keys.
pub(crate) fn prepare(conn: &mut Conn) -> QueryResult<()> {
    match conn {
        Conn::Sqlite(sqlite) => {
            sqlite.batch_execute(&format!("PRAGMA busy_timeout = {SQLITE_BUSY_MS};"))?;
            sqlite.batch_execute("PRAGMA journal_mode = WAL;")?;
            sqlite.batch_execute("PRAGMA synchronous = FULL;")?;
            sqlite.batch_execute("PRAGMA foreign_keys = ON;")?;
            sqlite.batch_execute(&format!("PRAGMA cache_size = -{SQLITE_CACHE_KIB};"))?;
            sqlite.batch_execute(&format!("PRAGMA journal_size_limit = {WAL_KEPT_BYTES};"))
        }
        Conn::Postgres(postgres) => {
            postgres.batch_execute("SET TIME ZONE 'UTC'; SET lock_timeout = '15s';")
        }
    }
}

/// Settings of a connection that only asks whether the database can be written: it waits for
/// nobody for longer than [`PROBE_MS`].
pub(crate) fn prepare_probe(conn: &mut Conn) -> QueryResult<()> {
    match conn {
        Conn::Sqlite(sqlite) => {
            sqlite.batch_execute(&format!("PRAGMA busy_timeout = {PROBE_MS};"))?;
            sqlite.batch_execute("PRAGMA synchronous = FULL;")?;
            sqlite.batch_execute("PRAGMA cache_size = -64;")
        }
        Conn::Postgres(postgres) => postgres.batch_execute(&format!(
            "SET lock_timeout = {PROBE_MS}; SET statement_timeout = {};",
            2 * PROBE_MS
        )),
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

/// Writes the log of changes down and gives its room back, where there is one and nobody works
/// with it; waits for nobody.
pub(crate) fn checkpoint_unless_busy(conn: &mut Conn) -> Result<(), Fault> {
    let Conn::Sqlite(sqlite) = conn else { return Ok(()) };
    sqlite.batch_execute("PRAGMA busy_timeout = 0;")?;
    let written = sqlite.batch_execute("PRAGMA wal_checkpoint(TRUNCATE);");
    sqlite.batch_execute(&format!("PRAGMA busy_timeout = {SQLITE_BUSY_MS};"))?;
    match written.map_err(Fault::from) {
        Err(Fault::Locked(_)) => Ok(()),
        done => done,
    }
}

/// Writes the log of changes down and gives its room back, where there is one and nobody reads in
/// it.
pub(crate) fn checkpoint(conn: &mut Conn) -> Result<(), Fault> {
    Ok(match conn {
        Conn::Sqlite(sqlite) => sqlite.batch_execute("PRAGMA wal_checkpoint(TRUNCATE);"),
        Conn::Postgres(_) => Ok(()),
    }?)
}

/// Brings the schema up to date; refuses a schema from the future. Writes nothing where there is
/// nothing to do: such a database may be one that can only be read.
pub(crate) fn migrate(conn: &mut Conn) -> Result<(), Fault> {
    match applied(conn) {
        Ok(applied) => {
            ensure_known(conn, &applied)?;
            if applied.len() == known(conn)?.len() {
                return Ok(());
            }
        }
        Err(fault) if fault.is_transient() => return Err(fault),
        // There is no table of them yet.
        Err(_) => {}
    }
    let run = match conn {
        Conn::Sqlite(sqlite) => sqlite.run_pending_migrations(SQLITE).map(drop),
        Conn::Postgres(postgres) => postgres.run_pending_migrations(POSTGRES).map(drop),
    };
    run.map_err(failed)
}

/// Refuses versions of migrations that this program does not know.
pub(crate) fn ensure_known(conn: &Conn, versions: &[String]) -> Result<(), Fault> {
    let known = known(conn)?;
    match versions.iter().find(|version| !known.contains(version)) {
        Some(newer) => Err(Fault::Newer(newer.clone())),
        None => Ok(()),
    }
}

fn known(conn: &Conn) -> Result<Vec<String>, Fault> {
    match conn {
        Conn::Sqlite(_) => versions_of::<diesel::sqlite::Sqlite>(&SQLITE),
        Conn::Postgres(_) => versions_of::<diesel::pg::Pg>(&POSTGRES),
    }
}

fn versions_of<DB: diesel::backend::Backend>(
    source: &EmbeddedMigrations,
) -> Result<Vec<String>, Fault>
where
    EmbeddedMigrations: MigrationSource<DB>,
{
    let migrations = MigrationSource::<DB>::migrations(source).map_err(failed)?;
    Ok(migrations.iter().map(|migration| migration.name().version().to_string()).collect())
}

/// A migration that failed: told as the trouble of the database it was, if it was one.
fn failed(error: Box<dyn std::error::Error + Send + Sync>) -> Fault {
    let fault = Fault::from(DieselError::QueryBuilderError(error));
    if let Fault::Database(error) = fault { Fault::Migration(error.to_string()) } else { fault }
}

/// Runs the migrations of these versions and no others.
pub(crate) fn migrate_to(conn: &mut Conn, versions: &[String]) -> Result<(), Fault> {
    match conn {
        Conn::Sqlite(sqlite) => migrate_some(sqlite, SQLITE, versions),
        Conn::Postgres(postgres) => migrate_some(postgres, POSTGRES, versions),
    }
}

/// Reverts every migration: no table is left, and no row.
pub(crate) fn revert(conn: &mut Conn) -> Result<(), Fault> {
    let reverted = match conn {
        Conn::Sqlite(sqlite) => sqlite.revert_all_migrations(SQLITE).map(drop),
        Conn::Postgres(postgres) => postgres.revert_all_migrations(POSTGRES).map(drop),
    };
    reverted.map_err(failed)
}

/// The versions of the migrations that were run, in their order.
pub(crate) fn applied(conn: &mut Conn) -> Result<Vec<String>, Fault> {
    texts(conn, "SELECT CAST(version AS TEXT) FROM __diesel_schema_migrations ORDER BY version")
}

fn migrate_some<C, DB>(
    conn: &mut C,
    source: EmbeddedMigrations,
    versions: &[String],
) -> Result<(), Fault>
where
    C: MigrationHarness<DB>,
    DB: diesel::backend::Backend,
    EmbeddedMigrations: MigrationSource<DB>,
{
    for migration in conn.pending_migrations(source).map_err(failed)? {
        if versions.contains(&migration.name().version().to_string()) {
            conn.run_migration(migration.as_ref()).map_err(failed)?;
        }
    }
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

/// Inserts many rows, on PostgreSQL with one statement; keep a call below [`BULK_ROWS_MAX`] rows.
/// On SQLite they go one by one, as the driver would do it, but without a savepoint of its own:
/// where SQLite gives up the transaction, that would be missed and hide why. `insert_all!(write,
/// table, rows)` with `rows: &Vec<_>`.
macro_rules! insert_all {
    ($write:expr, $table:expr, $rows:expr) => {{
        use diesel::RunQueryDsl as _;
        match $write.conn() {
            $crate::db::Conn::Postgres(postgres) => {
                diesel::insert_into($table).values($rows).execute(postgres)
            }
            $crate::db::Conn::Sqlite(sqlite) => $rows.iter().try_fold(0, |sum, row| {
                let inserted = diesel::insert_into($table).values(row).execute(sqlite);
                inserted.map(|rows| sum + rows)
            }),
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

/// Runs a query and gives each row to `take`, one at a time, however many there are.
pub(crate) fn each_row(
    conn: &mut Conn,
    sql: &str,
    take: &mut dyn FnMut(Vec<Cell>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    match conn {
        Conn::Sqlite(sqlite) => sql_query(sql)
            .load_iter::<Cells, DefaultLoadingMode>(sqlite)?
            .try_for_each(|row| take(row?.0)),
        Conn::Postgres(postgres) => sql_query(sql)
            .load_iter::<Cells, PgRowByRowLoadingMode>(postgres)?
            .try_for_each(|row| take(row?.0)),
    }
}

/// Inserts rows whose cells stand in the order of `columns`; keep a call below [`BULK_ROWS_MAX`]
/// rows.
pub(crate) fn insert_rows(
    conn: &mut Conn,
    (table, columns): (&str, &[Column]),
    rows: Vec<Vec<Cell>>,
) -> QueryResult<usize> {
    let names: Vec<String> = columns.iter().map(|column| format!("\"{}\"", column.name)).collect();
    let start = format!("INSERT INTO \"{table}\" ({}) VALUES ", names.join(", "));
    let count = rows.len();
    match conn {
        Conn::Sqlite(sqlite) => {
            let text = start + &values(count, columns.len(), |_| "?".to_owned());
            rows.into_iter()
                .flatten()
                .fold(sql_query(text).into_boxed(), bind_sqlite)
                .execute(sqlite)
        }
        Conn::Postgres(postgres) => {
            let text = start + &values(count, columns.len(), |place| format!("${place}"));
            let kinds = columns.iter().cycle();
            rows.into_iter()
                .flatten()
                .zip(kinds)
                .fold(sql_query(text).into_boxed(), bind_postgres)
                .execute(postgres)
        }
    }
}

/// The names of this program's tables, in any order.
pub(crate) fn tables(conn: &mut Conn) -> Result<Vec<String>, Fault> {
    let sql = match conn {
        Conn::Sqlite(_) => {
            "SELECT name FROM sqlite_schema WHERE type = 'table' \
             AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name <> '__diesel_schema_migrations'"
        }
        Conn::Postgres(_) => {
            "SELECT tablename::text FROM pg_tables WHERE schemaname = current_schema() \
             AND tablename <> '__diesel_schema_migrations'"
        }
    };
    texts(conn, sql)
}

/// The columns of a table, in their order.
pub(crate) fn columns(conn: &mut Conn, table: &str) -> Result<Vec<Column>, Fault> {
    let sql = match conn {
        Conn::Sqlite(_) => format!(
            "SELECT name || ' ' || lower(type) FROM pragma_table_info('{table}') ORDER BY cid"
        ),
        Conn::Postgres(_) => format!(
            "SELECT column_name::text || ' ' || data_type::text FROM information_schema.columns \
             WHERE table_schema = current_schema() AND table_name = '{table}' \
             ORDER BY ordinal_position"
        ),
    };
    texts(conn, &sql)?.iter().map(|line| Column::parse(table, line)).collect()
}

/// The tables whose rows the rows of a table refer to.
pub(crate) fn referred(conn: &mut Conn, table: &str) -> Result<Vec<String>, Fault> {
    let sql = match conn {
        Conn::Sqlite(_) => {
            format!("SELECT DISTINCT \"table\" FROM pragma_foreign_key_list('{table}')")
        }
        Conn::Postgres(_) => format!(
            "SELECT DISTINCT confrelid::regclass::text FROM pg_constraint \
             WHERE contype = 'f' AND conrelid = '{table}'::regclass"
        ),
    };
    texts(conn, &sql)
}

fn texts(conn: &mut Conn, sql: &str) -> Result<Vec<String>, Fault> {
    let mut found = Vec::new();
    each_row(conn, sql, &mut |row| {
        found.extend(row.into_iter().filter_map(|cell| match cell {
            Cell::Text(text) => Some(text),
            _ => None,
        }));
        Ok(())
    })?;
    Ok(found)
}
