//! Fresh databases for tests.

pub mod heard;
pub mod plan;

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU32, Ordering},
};

use diesel::{
    QueryResult, QueryableByName, RunQueryDsl as _, connection::SimpleConnection as _, sql_query,
    sql_types::Text,
};
use lianshi_store::{
    Db, Fault,
    db::{CONNECTIONS_MAX, Conn},
};

static NEXT: AtomicU32 = AtomicU32::new(0);

/// Runs one body on a fresh SQLite file and on a fresh PostgreSQL database.
pub fn on_both(body: impl Fn(&Db)) {
    on_sqlite(&body);
    on_postgres(&body);
}

/// Runs a body on a fresh SQLite file.
pub fn on_sqlite(body: impl Fn(&Db)) {
    heard::listen();
    let folder = tempfile::tempdir().expect("a temporary folder");
    body(&Db::open_file(&folder.path().join("node.sqlite")).expect("a fresh SQLite database"));
}

/// Runs a body on a fresh PostgreSQL database.
pub fn on_postgres(body: impl Fn(&Db)) {
    heard::listen();
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

/// A column of texts.
#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    line: String,
}

fn lines(conn: &mut Conn, sql: &str) -> QueryResult<Vec<String>> {
    let lines: Vec<Line> = sql_query(sql).load(conn)?;
    Ok(lines.into_iter().map(|line| line.line).collect())
}

/// Everything a database holds: each row as text, by table.
pub fn contents(db: &Db) -> BTreeMap<String, Vec<String>> {
    let dump = |conn: &mut Conn| {
        let is_postgres = matches!(conn, Conn::Postgres(_));
        let tables = lines(
            conn,
            if is_postgres {
                "SELECT tablename::text AS line FROM pg_tables WHERE schemaname = 'public'"
            } else {
                "SELECT name AS line FROM sqlite_schema WHERE type = 'table'"
            },
        )?;
        let mut all = BTreeMap::new();
        for table in tables {
            let rows = if is_postgres {
                format!("SELECT t::text AS line FROM {table} t ORDER BY 1")
            } else {
                let columns =
                    lines(conn, &format!("SELECT name AS line FROM pragma_table_info('{table}')"))?;
                let quoted: Vec<String> =
                    columns.iter().map(|column| format!("quote({column})")).collect();
                format!("SELECT {} AS line FROM {table} ORDER BY 1", quoted.join(" || ',' || "))
            };
            all.insert(table, lines(conn, &rows)?);
        }
        QueryResult::Ok(all)
    };
    db.read(|read| dump(&mut *read).map_err(Fault::from)).expect("read")
}

/// Runs statements on every connection a database may use, all of them open from then on.
pub fn on_every_connection(db: &Db, sql: &str) {
    nested(db, sql, CONNECTIONS_MAX);
}

fn nested(db: &Db, sql: &str, depth: u32) {
    if depth == 0 {
        return;
    }
    // On PostgreSQL a setting lasts only when its transaction is committed; SQLite would wait for
    // the one before it.
    let run = |conn: &mut Conn| {
        conn.batch_execute(sql)?;
        nested(db, sql, depth - 1);
        Ok::<(), Fault>(())
    };
    let on_postgres = db.read(|read| Ok::<_, Fault>(matches!(**read, Conn::Postgres(_))));
    if on_postgres.expect("read") {
        db.write(|write| run(&mut *write)).expect("set");
    } else {
        db.read(|read| run(&mut *read)).expect("set");
    }
}

/// Changes rows behind the program's back.
pub fn execute(db: &Db, sql: &str) {
    let run = |conn: &mut Conn| conn.batch_execute(sql).map_err(Fault::from);
    db.write(|write| run(&mut *write)).expect("executed");
}

/// Bytes as the database's own literal.
pub fn blob(db: &Db, bytes: impl AsRef<[u8]>) -> String {
    let hex = hex::encode(bytes);
    let on_postgres = db.read(|read| Ok::<_, Fault>(matches!(**read, Conn::Postgres(_))));
    if on_postgres.expect("read") { format!("'\\x{hex}'") } else { format!("x'{hex}'") }
}

/// SplitMix64.
pub struct Draw(pub u64);

impl Draw {
    pub fn within(&mut self, low: u64, high: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        low + (z ^ (z >> 31)) % (high - low + 1)
    }
}
