//! Fresh databases for tests.

use std::sync::atomic::{AtomicU32, Ordering};

use lianshi_store::Db;

static NEXT: AtomicU32 = AtomicU32::new(0);

/// Runs one body on a fresh SQLite file and on a fresh PostgreSQL database.
pub fn on_both(body: impl Fn(&Db)) {
    on_sqlite(&body);
    on_postgres(&body);
}

/// Runs a body on a fresh SQLite file.
pub fn on_sqlite(body: impl Fn(&Db)) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    body(&Db::open_file(&folder.path().join("node.sqlite")).expect("a fresh SQLite database"));
}

/// Runs a body on a fresh PostgreSQL database.
pub fn on_postgres(body: impl Fn(&Db)) {
    body(&Db::open(&fresh_postgres()).expect("a fresh PostgreSQL database"));
}

/// Makes a fresh database in the test cluster and returns its URL.
pub fn fresh_postgres() -> String {
    use diesel::{Connection as _, RunQueryDsl as _};
    let cluster = std::env::var("LIANSHI_TEST_POSTGRES").expect(
        "LIANSHI_TEST_POSTGRES is not set; run the tests with tests/run, which starts a cluster",
    );
    let name = format!("lianshi_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let mut conn =
        diesel::PgConnection::establish(&format!("{cluster}/postgres")).expect("the test cluster");
    diesel::sql_query(format!("CREATE DATABASE {name}"))
        .execute(&mut conn)
        .expect("a new database");
    format!("{cluster}/{name}")
}
