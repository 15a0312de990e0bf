//! A full disk and a locked database in the middle of an append, a call and a close: the act is
//! refused with what to do, nothing of it stays, and the same connections go on afterwards.

use std::{collections::BTreeMap, sync::Arc};

use diesel::{
    Connection as _, QueryableByName, RunQueryDsl as _, SqliteConnection,
    connection::SimpleConnection as _, sql_query, sql_types::BigInt,
};
use lianshi_registry::{
    entry::{Entry, Fact, Organization, OrganizationKind, Texts},
    merkle::{leaf_hash, root_of},
    uscc,
};
use lianshi_store::{
    Db, Failure, Fault, Site,
    audit::{self, Actor, Verdict},
    catalog, close,
    db::Conn,
    group::{Group, GroupError},
    log, rehearsal,
    usage::{self, Idempotency, Metered, Metering},
};

use crate::{
    money::{
        books,
        stage::{contracts, month, on_stage, time},
    },
    support::{contents, fresh_postgres, on_both, on_every_connection, on_postgres, on_sqlite},
};

/// Entries of the append.
const ENTRIES: u64 = 60;

/// The acts that must never be half done.
const ACTS: [Act; 3] = [Act::Append, Act::Call, Act::Close];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Append,
    Call,
    Close,
}

/// A node with calls to bill and a meter as a gateway has it.
struct Stage<'s> {
    site: &'s Site,
    meter: Group<Metering, Metered>,
    call: Metering,
}

impl<'s> Stage<'s> {
    fn new(site: &'s Site) -> Self {
        let held = contracts(site, 30);
        let calls: Vec<Metering> = held
            .iter()
            .map(|held| rehearsal::metering(held, "verify", time("2026-10-09T04:00:00Z")))
            .collect();
        site.db.write(|write| usage::meter(write, &site.node, &calls)).expect("metered");
        let node = site.node.clone();
        let run = move |write: &mut lianshi_store::Write<'_>, calls: &[Metering]| {
            usage::meter(write, &node, calls)
        };
        let meter = Group::start(site.db.clone(), "test-meter", run).expect("a thread");
        let mut call = rehearsal::metering(&held[0], "verify", time("2026-10-10T04:00:00Z"));
        call.idempotency = Some(Idempotency { key: "order-1".to_owned(), body_hash: [1; 32] });
        call.answer = vec![b'x'; 60_000];
        Self { site, meter, call }
    }

    fn act(&self, act: Act) -> Result<(), Arc<Fault>> {
        let site = self.site;
        match act {
            Act::Append => site
                .db
                .write(|write| log::append(write, &site.origin, &entries(site), site.now()))
                .map(|_| ())
                .map_err(Arc::new),
            Act::Call => match self.meter.call(self.call.clone()) {
                Ok(Metered::Recorded { .. }) => Ok(()),
                Ok(other) => panic!("{other:?}"),
                Err(GroupError::Failed(fault)) => Err(fault),
                Err(other) => panic!("{other:?}"),
            },
            Act::Close => match close::close_period(site, &Actor::node(), month("2026-10")) {
                Ok(result) => {
                    assert!(!result.repeated, "it was closed when it said that it was not");
                    Ok(())
                }
                Err(Failure::Fault(fault)) => Err(Arc::new(fault)),
                Err(Failure::Refused(refusal)) => panic!("{refusal}"),
            },
        }
    }

    /// Everything is whole, and the call was recorded once.
    fn check(&self) {
        let Site { db, origin, .. } = self.site;
        // What a close sealed and found no room for is in the books as soon as there is room.
        close::go_on(self.site).expect("gone on");
        books::hold(self.site);
        let verdict = db.read(audit::verify).expect("verified");
        assert!(matches!(verdict, Verdict::Whole { .. }), "{verdict:?}");
        let rebuilt = catalog::rebuild(db, &|_, _| {}).expect("rebuilt");
        assert_eq!(rebuilt.before, rebuilt.after);
        let head = db.read(|read| log::head(read, origin)).expect("read").expect("own");
        let stored = db.read(|read| log::entries(read, origin, 0, u64::MAX)).expect("read");
        let leaves: Vec<_> = stored.iter().map(|entry| leaf_hash(entry)).collect();
        assert_eq!(head.root, root_of(&leaves));
        assert!(matches!(self.meter.call(self.call.clone()), Ok(Metered::Repeated { .. })));
    }
}

fn entries(site: &Site) -> Vec<Entry> {
    let entry = |number: u64| Entry {
        at: site.now(),
        by: site.node.to_string(),
        fact: Fact::OrganizationListed(Organization {
            uscc: uscc::complete(&format!("91{}{number:09}", site.division)).expect("digits"),
            name: Texts { zh: "示例单位".repeat(20), en: "Example unit".to_owned() },
            kind: OrganizationKind::Provider,
            division: site.division.clone(),
        }),
    };
    (1..=ENTRIES).map(entry).collect()
}

#[derive(QueryableByName)]
struct Pages {
    #[diesel(sql_type = BigInt)]
    pages: i64,
}

fn page_count(db: &Db) -> i64 {
    let counted: Pages = db
        .read(|read| {
            let asked = sql_query("SELECT page_count AS pages FROM pragma_page_count");
            Ok::<_, Fault>(asked.get_result(&mut **read)?)
        })
        .expect("counted");
    counted.pages
}

/// What stands: all but what a close writes before its seal, which means nothing to anybody.
fn standing(db: &Db) -> BTreeMap<String, Vec<String>> {
    let mut standing = contents(db);
    for staged in ["closings", "close_subjects", "close_drafts"] {
        assert!(standing.remove(staged).is_some(), "{staged} is a table");
    }
    for rows in standing.values_mut() {
        rows.retain(|row| !row.contains("close.met"));
    }
    standing
}

fn give_room(db: &Db, pages: i64) {
    on_every_connection(db, &format!("PRAGMA max_page_count = {pages}"));
}

/// SQLite is held to the pages it has, then to one more, and so on: the disk is full at every
/// place where an act needs room.
#[test]
fn a_disk_that_is_full_anywhere_leaves_nothing_and_with_room_it_goes_on() {
    on_sqlite(|db| {
        on_stage(db, |site| {
            let stage = Stage::new(site);
            for act in ACTS {
                let before = standing(db);
                let pages = page_count(db);
                let mut refused = 0;
                loop {
                    give_room(db, pages + refused);
                    let Err(fault) = stage.act(act) else { break };
                    let is_full = matches!(*fault, Fault::Full(_)) && fault.is_transient();
                    assert!(is_full, "{act:?}: {fault:?}");
                    assert!(fault.to_string().contains("the disk is full"), "{fault}");
                    assert_eq!(standing(db), before, "{act:?} with {refused} pages of room");
                    refused += 1;
                }
                assert!(refused > 5, "{act:?} found no room only {refused} times");
            }
            give_room(db, i64::from(u32::MAX) - 1);
            stage.check();
        });
    });
}

/// Everything is refused while `lock` is held on the other connection, and goes on afterwards.
fn refused_while_locked(site: &Site, impatient: &str, mut lock: impl FnMut(bool)) {
    let stage = Stage::new(site);
    on_every_connection(&site.db, impatient);
    for act in ACTS {
        let before = standing(&site.db);
        lock(true);
        let fault = stage.act(act).expect_err("locked");
        assert!(matches!(*fault, Fault::Locked(_)), "{act:?}: {fault:?}");
        assert!(fault.is_transient() && fault.to_string().contains("try again"));
        lock(false);
        assert_eq!(standing(&site.db), before, "{act:?}");
        stage.act(act).unwrap_or_else(|fault| panic!("{act:?}: {fault:?}"));
    }
    stage.check();
}

#[test]
fn a_sqlite_file_locked_for_too_long_is_told_and_when_free_it_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("node.sqlite");
    let db = Db::open_file(&path).expect("a database");
    let mut other = SqliteConnection::establish(&path.display().to_string()).expect("opened");
    on_stage(&db, |site| {
        refused_while_locked(site, "PRAGMA busy_timeout = 20", |locked| {
            let statement = if locked { "BEGIN IMMEDIATE" } else { "ROLLBACK" };
            other.batch_execute(statement).expect("locked or freed");
        });
    });
}

#[test]
fn postgresql_tables_locked_for_too_long_are_told_and_when_free_it_goes_on() {
    let url = fresh_postgres();
    let db = Db::open(&url).expect("a database");
    let mut other = diesel::PgConnection::establish(&url).expect("opened");
    on_stage(&db, |site| {
        refused_while_locked(site, "SET lock_timeout = '20ms'", |locked| {
            let statement = if locked {
                "BEGIN; LOCK TABLE log_tiles, usage_events, statements IN SHARE MODE"
            } else {
                "ROLLBACK"
            };
            other.batch_execute(statement).expect("locked or freed");
        });
    });
}

#[test]
fn a_lock_that_is_let_go_in_time_is_waited_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("node.sqlite");
    let db = Db::open_file(&path).expect("a database");
    let mut other = SqliteConnection::establish(&path.display().to_string()).expect("opened");
    on_stage(&db, |site| {
        let stage = Stage::new(site);
        for act in ACTS {
            other.batch_execute("BEGIN IMMEDIATE").expect("locked");
            std::thread::scope(|scope| {
                let acting = scope.spawn(|| stage.act(act));
                // Reading goes on meanwhile, and sees nothing of the act.
                let before = contents(&db);
                assert_eq!(contents(&db), before, "{act:?}");
                assert!(!acting.is_finished(), "{act:?} did not wait");
                other.batch_execute("ROLLBACK").expect("freed");
                let done = acting.join().expect("ran");
                done.unwrap_or_else(|fault| panic!("{act:?}: {fault:?}"));
            });
        }
        stage.check();
    });
}

#[test]
fn a_database_that_hangs_up_in_the_middle_is_told_as_such_and_asked_again_afterwards() {
    let db = Db::open(&fresh_postgres()).expect("a database");
    let hang_up = "SELECT pg_terminate_backend(pg_backend_pid())";
    let written = db.write(|write| {
        write.batch_execute("CREATE TABLE half_done (id TEXT)")?;
        // The first tells that it ends, the second finds nobody.
        let _ = write.batch_execute(hang_up);
        Ok::<_, Fault>(write.batch_execute("SELECT 1")?)
    });
    let committed = db.write(|write| {
        write.batch_execute("CREATE TABLE half_done (id TEXT)")?;
        let _ = write.batch_execute(hang_up);
        Ok::<_, Fault>(())
    });
    let read = db.read(|read| Ok::<_, Fault>(read.batch_execute(hang_up)?));
    let read_on = db.read(|read| {
        let _ = read.batch_execute(hang_up);
        Ok::<_, Fault>(node_rows(&mut *read)?)
    });
    for outcome in [written, committed, read, read_on] {
        let fault = outcome.expect_err("it hung up");
        assert!(matches!(fault, Fault::Connection(_)) && fault.is_transient(), "{fault:?}");
    }
    let left = db.read(|read| Ok::<_, Fault>(read.batch_execute("SELECT * FROM half_done")?));
    assert!(matches!(left, Err(Fault::Database(_))), "nothing of it stays: {left:?}");
    db.write(|write| Ok::<_, Fault>(write.batch_execute("SELECT 1")?)).expect("it goes on");
}

/// A question that the driver prepares, as all of the program's are.
fn node_rows(conn: &mut Conn) -> diesel::QueryResult<()> {
    sql_query("SELECT name FROM node_state").execute(conn).map(drop)
}

#[test]
fn a_database_that_may_only_be_read_is_told_as_such_and_read_on() {
    on_both(|db| {
        let on_postgres = db.read(|read| Ok::<_, Fault>(matches!(**read, Conn::Postgres(_))));
        let (only_read, free) = if on_postgres.expect("read") {
            (
                "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
                "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE",
            )
        } else {
            ("PRAGMA query_only = ON", "PRAGMA query_only = OFF")
        };
        let change = "INSERT INTO node_state (name, value) VALUES ('test', '1')";
        on_every_connection(db, only_read);
        let fault = db.write(|write| Ok::<_, Fault>(write.batch_execute(change)?)).expect_err("no");
        assert!(matches!(fault, Fault::ReadOnly(_)), "{fault:?}");
        assert!(fault.is_transient() && fault.refuses_writes() && !fault.is_of_disk());
        db.read(|read| Ok::<_, Fault>(node_rows(&mut *read)?)).expect("it is read");
        on_every_connection(db, free);
        db.write(|write| Ok::<_, Fault>(write.batch_execute(change)?)).expect("it goes on");
    });
}

#[test]
fn a_full_disk_of_postgresql_is_told_as_such() {
    on_postgres(|db| {
        let full = "DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '53100', MESSAGE = \
            'could not extend file \"base/16384/16385\": No space left on device'; END $$";
        let fault = db.write(|write| Ok::<_, Fault>(write.batch_execute(full)?)).expect_err("full");
        assert!(matches!(fault, Fault::Full(_)), "{fault:?}");
    });
}
