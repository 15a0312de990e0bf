//! Whether a database answers and can be written, as it is asked again and again; and what it
//! leaves of memory and disk to others when it is not used.

use std::fs;

use diesel::{
    Connection as _, QueryableByName, RunQueryDsl as _, SqliteConnection,
    connection::SimpleConnection as _, sql_query, sql_types::BigInt,
};
use lianshi_registry::time::Timestamp;
use lianshi_store::{
    Db, Fault,
    db::CONNECTIONS_MAX,
    readiness::{Probe, Readiness},
    room,
};

use crate::support::{execute, fresh_postgres, on_both, on_every_connection, on_sqlite};

fn now() -> Timestamp {
    Timestamp::from_millis(1_795_147_200_000)
}

fn rows(db: &Db) -> i64 {
    number(db, "SELECT count(*) AS number FROM node_state")
}

fn number(db: &Db, sql: &str) -> i64 {
    #[derive(QueryableByName)]
    struct Found {
        #[diesel(sql_type = BigInt)]
        number: i64,
    }
    let found: Found =
        db.read(|read| Ok::<_, Fault>(sql_query(sql).get_result(&mut **read)?)).expect("read");
    found.number
}

#[test]
fn a_database_is_ready_and_only_asked_for_good_it_is_written() {
    on_both(|db| {
        let mut probe = Probe::new(db);
        let before = rows(db);
        assert!(matches!(probe.ask(false, now()), Readiness::Writes));
        assert_eq!(rows(db), before, "nothing was written");
        for _ in 0..2 {
            assert!(matches!(probe.ask(true, now()), Readiness::Writes));
            assert_eq!(rows(db), before + 1);
        }
    });
}

#[test]
fn a_locked_database_can_be_read_until_it_is_free() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("node.sqlite");
    let file = Db::open_file(&path).expect("a database");
    let mut other = SqliteConnection::establish(&path.display().to_string()).expect("opened");
    let url = fresh_postgres();
    let served = Db::open(&url).expect("a database");
    let mut client = diesel::PgConnection::establish(&url).expect("opened");
    let lock = "BEGIN; LOCK TABLE node_state IN SHARE MODE";
    let mut sqlite = |sql: &str| other.batch_execute(sql).expect("done");
    let mut postgres = |sql: &str| client.batch_execute(sql).expect("done");
    locked(&file, "BEGIN IMMEDIATE", &mut sqlite);
    locked(&served, lock, &mut postgres);
}

fn locked(db: &Db, lock: &str, other: &mut dyn FnMut(&str)) {
    let mut probe = Probe::new(db);
    other(lock);
    let found = probe.ask(false, now());
    assert!(matches!(found, Readiness::Reads(Fault::Locked(_))), "{found:?}");
    other("ROLLBACK");
    assert!(matches!(probe.ask(false, now()), Readiness::Writes));
}

#[test]
fn a_postgresql_that_takes_no_changes_or_nobody_in_is_told_until_it_does() {
    let url = fresh_postgres();
    let db = Db::open(&url).expect("a database");
    let (cluster, name) = url.rsplit_once('/').expect("a name");
    let mut other =
        diesel::PgConnection::establish(&format!("{cluster}/postgres")).expect("the cluster");
    let mut run = |sql: String| other.batch_execute(&sql).expect("done");
    let hang_up =
        format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'");
    let mut probe = Probe::new(&db);
    assert!(matches!(probe.ask(false, now()), Readiness::Writes));
    run(format!("ALTER DATABASE {name} SET default_transaction_read_only = on; {hang_up}"));
    assert!(matches!(probe.ask(false, now()), Readiness::Gone(_)), "it hung up");
    for for_good in [false, true] {
        let found = probe.ask(for_good, now());
        assert!(matches!(found, Readiness::Reads(Fault::ReadOnly(_))), "{found:?}");
    }
    run(format!("ALTER DATABASE {name} RESET default_transaction_read_only"));
    run(format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false"));
    run(hang_up);
    for _ in 0..2 {
        let found = probe.ask(false, now());
        assert!(matches!(found, Readiness::Gone(Fault::Connection(_))), "{found:?}");
    }
    run(format!("ALTER DATABASE {name} ALLOW_CONNECTIONS true"));
    assert!(matches!(probe.ask(true, now()), Readiness::Writes));
}

#[test]
fn a_write_that_found_no_room_leaves_a_doubt_until_there_is_room_again() {
    on_sqlite(|db| {
        let mut probe = Probe::new(db);
        assert!(!probe.is_doubted());
        on_every_connection(db, "PRAGMA max_page_count = 1");
        let large = "INSERT INTO node_state (name, value) VALUES ('x', hex(zeroblob(99999)))";
        let full = db.write(|write| Ok::<_, Fault>(write.batch_execute(large)?));
        assert!(matches!(full, Err(Fault::Full(_))), "{full:?}");
        assert!(probe.is_doubted());
        assert!(matches!(probe.ask(true, now()), Readiness::Writes), "it has room of its own");
        assert!(!probe.is_doubted());
    });
}

#[test]
fn what_connections_keep_in_memory_is_bounded_together() {
    const MIB: i64 = 96;
    on_sqlite(|db| {
        let kept_kib = -number(db, "SELECT cache_size AS number FROM pragma_cache_size");
        assert!(kept_kib > 1_000, "{kept_kib}");
        assert!(kept_kib * i64::from(CONNECTIONS_MAX) <= MIB << 10, "{kept_kib}");
    });
}

#[test]
fn the_log_of_changes_gives_its_room_back_when_nobody_works_with_it() {
    const KEPT_BYTES: u64 = 8 << 20;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("node.sqlite");
    let db = Db::open_file(&path).expect("a database");
    let wal = folder.path().join("node.sqlite-wal");
    let size = || fs::metadata(&wal).expect("there").len();
    let grow = || {
        for _ in 0..10 {
            execute(&db, "REPLACE INTO node_state VALUES ('x', hex(zeroblob(1000000)))");
        }
    };
    // Nothing is written down while somebody reads in it.
    db.read(|read| {
        read.batch_execute("SELECT count(*) FROM node_state")?;
        grow();
        assert!(size() > KEPT_BYTES, "{}", size());
        room::give_back(&db)?;
        assert!(size() > KEPT_BYTES, "a reader is waited for, and by nobody");
        Ok::<_, Fault>(())
    })
    .expect("read");
    room::give_back(&db).expect("given back");
    assert_eq!(size(), 0);
    execute(&db, "DELETE FROM node_state WHERE name = 'x'");
    let small = size();
    room::give_back(&db).expect("nothing to give");
    assert_eq!(size(), small, "what it may keep it keeps");
}
