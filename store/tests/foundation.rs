//! Transactions, the audit chain, the outbox and number series.

use diesel::{RunQueryDsl as _, sql_query};
use lianshi_registry::{refusal::Refusal as _, time::Timestamp};
use lianshi_store::{
    Db, Failure, Fault,
    audit::{self, Act, Actor, Verdict},
    numbers,
    outbox::{self, OutboxRow, Waiting},
};

use crate::support::on_both;

fn row(id: &str, key: &str) -> OutboxRow {
    OutboxRow {
        id: id.to_owned(),
        kind: "test".to_owned(),
        target: "haishu".to_owned(),
        ordering_key: key.to_owned(),
        payload: b"bytes".to_vec(),
        created_at: 1,
        due_at: 1,
        attempts: 0,
        last_error: String::new(),
    }
}

#[test]
fn a_database_and_what_stands_beside_it_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().expect("a folder");
    let db = Db::open_file(&folder.path().join("node.sqlite")).expect("opened");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder.path()).expect("listed") {
        let entry = entry.expect("an entry");
        let mode = entry.metadata().expect("its mode").permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", entry.path().display());
        seen += 1;
    }
    assert_eq!(seen, 3, "the database, its log and their index");
    drop(db);
}

#[test]
fn a_url_that_is_none_is_told_without_its_password() {
    let refused = Db::open("postgre://office:geheim@db.example/node").err().expect("refused");
    let said = refused.to_string();
    assert!(said.contains("`postgre…`") && !said.contains("geheim"), "{said}");
}

#[test]
fn a_failed_write_leaves_nothing_and_gives_its_number_back() {
    on_both(|db| {
        let failed: Result<(), Fault> = db.write(|write| {
            assert_eq!(numbers::next(write, "P-2026")?, 1);
            Err(Fault::corrupt("test", "on purpose"))
        });
        assert!(failed.is_err());
        let number: Result<i64, Fault> = db.write(|write| numbers::next(write, "P-2026"));
        assert_eq!(number.expect("second try"), 1);
    });
}

#[test]
fn the_audit_chain_is_whole_as_written() {
    on_both(|db| {
        for index in 0..5 {
            let act = Act {
                at: Timestamp::from_millis(index),
                actor: &Actor::node(),
                action: "test.act",
                object: "object",
                outcome: "done",
                before: "",
                after: "after",
            };
            db.write(|write| audit::record(write, &act)).expect("recorded");
        }
        let verdict = db.read(audit::verify).expect("verified");
        assert!(matches!(verdict, Verdict::Whole { rows: 5, .. }), "{verdict:?}");
    });
}

#[test]
fn the_outbox_keeps_order_within_a_key_and_ignores_repeats() {
    on_both(|db| {
        db.write(|write| {
            assert!(outbox::enqueue(write, &row("a-1", "a"))?);
            assert!(!outbox::enqueue(write, &row("a-1", "a"))?);
            outbox::enqueue(write, &row("a-2", "a"))?;
            outbox::enqueue(write, &row("b-1", "b"))?;
            Ok::<_, Fault>(())
        })
        .expect("enqueued");
        let now = Timestamp::from_millis(10);
        let ids = |now| -> Vec<String> {
            let rows = db.read(|read| outbox::due(read, now, 10)).expect("due");
            rows.into_iter().map(|row| row.id).collect()
        };
        assert_eq!(ids(now), ["a-1", "b-1"]);
        db.write(|write| outbox::failed(write, "a-1", "no route", now)).expect("failed");
        assert_eq!(ids(now), ["b-1"], "a-2 waits behind a-1");
        db.write(|write| outbox::wake(write, "haishu", now)).expect("woken");
        db.write(|write| outbox::done(write, "a-1")).expect("done");
        assert_eq!(ids(now), ["a-2", "b-1"]);
    });
}

#[test]
fn what_waits_is_counted_to_a_bound() {
    on_both(|db| {
        db.write(|write| outbox::enqueue(write, &row("a-1", "a"))).expect("enqueued");
        let copies = "WITH RECURSIVE numbers(number) AS (\
                          SELECT 2 UNION ALL SELECT number + 1 FROM numbers WHERE number < 10000\
                      ) INSERT INTO outbox (id, kind, target, ordering_key, payload, created_at, \
                          due_at, attempts, last_error) \
                      SELECT 'b-' || number, kind, target, 'b-' || number, payload, created_at, \
                          due_at, attempts, last_error FROM outbox, numbers";
        let put = db.write(|write| sql_query(copies).execute(&mut **write).map_err(Fault::from));
        assert_eq!(put.expect("put"), 9_999);
        let waiting = || db.read(outbox::waiting).expect("read");
        assert_eq!(waiting(), Waiting::Exactly(10_000));
        db.write(|write| outbox::enqueue(write, &row("a-2", "a"))).expect("enqueued");
        assert_eq!((waiting(), waiting().counted()), (Waiting::MoreThan(10_000), 10_000));
        assert_eq!(waiting().to_string(), "more than 10000");
    });
}

#[test]
fn a_letter_refused_for_good_waits_for_a_person_and_is_seen() {
    on_both(|db| {
        let site = crate::accounts::site(db);
        let letter = |id| {
            db.write(|write| outbox::enqueue(write, &row(id, id))).expect("enqueued");
            let due = db.read(|read| outbox::due(read, site.now(), 10)).expect("due");
            due.into_iter().find(|letter| letter.id == id).expect("due")
        };
        let park = |letter: &OutboxRow| {
            let why = ("statement.declined", "declined by a person");
            db.write(|write| outbox::park(write, &site, letter, why)).expect("set aside");
        };
        let parked = || -> Vec<String> {
            let parked = db.read(outbox::parked).expect("read");
            parked.into_iter().map(|letter| format!("{} {}", letter.id, letter.code)).collect()
        };
        let (first, second) = (letter("a-1"), letter("a-2"));
        park(&first);
        park(&first);
        park(&second);
        park(&letter("a-2"));
        assert_eq!(parked(), ["a-1 statement.declined", "a-2 statement.declined"]);
        assert_eq!(db.read(outbox::waiting).expect("read").counted(), 1, "one notice of both");

        let actor = Actor::command("clerk");
        outbox::send_again(&site, &actor, "a-1").expect("sent");
        let due = db.read(|read| outbox::due(read, site.now(), 10)).expect("due");
        assert_eq!((&due[0].payload, due[0].attempts), (&first.payload, 0), "as it was");
        let code = |outcome: Result<(), Failure<outbox::LetterRefusal>>| match outcome {
            Err(Failure::Refused(refusal)) => refusal.code(),
            other => panic!("{other:?}"),
        };
        assert_eq!(code(outbox::send_again(&site, &actor, "a-1")), "letter.not_parked");
        assert_eq!(code(outbox::give_up(&site, &actor, ("a-2", " "))), "letter.why");
        outbox::give_up(&site, &actor, ("a-2", "agreed by telephone")).expect("given up");
        assert_eq!((parked().len(), db.read(outbox::waiting).expect("read").counted()), (0, 2));
        park(&due[0]);
        assert_eq!(parked(), ["a-1 statement.declined"], "refused again");
        assert!(matches!(db.read(audit::verify), Ok(Verdict::Whole { rows: 6, .. })));
    });
}
