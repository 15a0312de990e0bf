//! Metering: exact quotas and budgets, idempotency, dense sequences, and reports that only ever
//! move forward.

mod buyers;

use std::sync::Arc;

use diesel::RunQueryDsl as _;
use lianshi_market::usage::{REPORT_KIND, total_calls};
use lianshi_registry::{
    entry::Texts,
    id::{DivisionCode, NodeName, Origin},
    key::KeyPair,
    refusal::Refusal as _,
    seal::Sealed,
    time::{Date, Timestamp},
};
use lianshi_store::{
    Db, Failure, Fault, Site, letters, outbox,
    usage::{self, Idempotency, MeterRefusal, Metered, Metering, SubjectClaim},
};

use crate::support::{blob, execute, fresh_postgres, on_both};

const NOON: &str = "2026-11-20T04:00:00Z";

pub fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).expect("a time")
}

fn node(name: &str) -> NodeName {
    NodeName::parse(name).expect("a name")
}

pub fn site(db: &Db, name: &str, seed: u8) -> Site {
    Site {
        db: db.clone(),
        node: node(name),
        name: Texts { zh: name.to_owned(), en: name.to_owned() },
        division: DivisionCode::parse("330212").expect("valid"),
        origin: Origin::parse(&format!("ningbo.example/{name}/1")).expect("valid"),
        public_url: "http://127.0.0.1:1".to_owned(),
        log_key: KeyPair::from_seed([seed; 32]),
        seal_key: KeyPair::from_seed([seed + 100; 32]),
        witness_key: KeyPair::from_seed([3; 32]),
        quorum: lianshi_registry::policy::Rule::default(),
        folder: std::env::temp_dir(),
        clock: || at(NOON),
        nudge: Arc::new(|| {}),
    }
}

fn call(subscription: &str) -> Metering {
    Metering {
        subscription: subscription.to_owned(),
        buyer: format!("buyer of {subscription}"),
        product: "330212-P-2026-0000001-X".to_owned(),
        operation: "verify".to_owned(),
        at: at(NOON),
        request_id: "r".to_owned(),
        key_id: "K-1".to_owned(),
        outcome: usage::OUTCOME_ANSWERED.to_owned(),
        units: 1,
        included_calls: 0,
        calls_per_month_max: 1_000,
        subject: None,
        idempotency: None,
        status: 200,
        answer: b"{}".to_vec(),
    }
}

fn twin(key: &str, body: u8) -> Metering {
    let idempotency = Idempotency { key: key.to_owned(), body_hash: [body; 32] };
    Metering { idempotency: Some(idempotency), answer: vec![body], ..call("S-1") }
}

fn about(subject: u8, at_text: &str) -> Metering {
    let claim = SubjectClaim { hash: [subject; 32], per_month_max: 2, comparison: None };
    Metering { subject: Some(claim), at: at(at_text), ..call("S-1") }
}

fn meter(db: &Db, calls: &[Metering]) -> Vec<Metered> {
    db.write(|write| usage::meter(write, &node("yinzhou"), calls)).expect("metered")
}

fn seqs(outcomes: &[Metered]) -> Vec<u64> {
    let seq = |outcome: &Metered| match outcome {
        Metered::Recorded { seq, .. } => Some(*seq),
        _ => None,
    };
    outcomes.iter().filter_map(seq).collect()
}

fn event_seqs(db: &Db) -> Vec<i64> {
    #[derive(diesel::QueryableByName)]
    struct Row {
        #[diesel(sql_type = diesel::sql_types::BigInt)]
        seq: i64,
    }
    let rows: Vec<Row> = db
        .write(|write| {
            let query = diesel::sql_query("SELECT seq FROM usage_events ORDER BY seq");
            Ok::<_, Fault>(query.load(&mut **write)?)
        })
        .expect("read");
    rows.into_iter().map(|row| row.seq).collect()
}

fn run(db: &Db, sql: &str) {
    db.write(|write| Ok::<_, Fault>(diesel::sql_query(sql).execute(&mut **write)?)).expect(sql);
}

/// A subscription as far as usage looks at it.
fn subscription(db: &Db, id: &str, side: &str, (home, provider): (&str, &str)) {
    let hash = if is_postgres(db) { "''::bytea" } else { "X''" };
    run(
        db,
        &format!(
            "INSERT INTO subscriptions (id, side, home_node, provider_node, product, plan, \
             purpose, purpose_note, buyer_uscc, buyer_name, provider_uscc, state, reason_code, \
             reason_text, ended_by, negotiation, agreement, agreement_hash, requested_at, \
             updated_at, sent_seq, received_seq) VALUES ('{id}', '{side}', '{home}', '{provider}', \
             '', '', '', '', '', '', '', 'finalized', '', '', '', '', '', {hash}, 0, 0, 0, 0)"
        ),
    );
}

fn member(db: &Db, name: &str, seal_key: &KeyPair) {
    run(
        db,
        &format!(
            "INSERT INTO members (node, origin, division, level, name_zh, name_en, identity_key, \
             log_key, witness_key, seal_key, addresses, public_url, quota_bytes, status, \
             changes, admitted_by, admitted_index) \
             VALUES ('{name}', 'ningbo.example/{name}/1', '330212', 'district', '', '', '{key}', \
             '{key}', '{key}', '{key}', '[]', '', 0, 'active', '[]', 'ningbo.example/ningbo/1', 0)",
            key = seal_key.public()
        ),
    );
}

fn is_postgres(db: &Db) -> bool {
    let version = "SELECT 1 WHERE version() IS NOT NULL";
    db.write(|write| Ok::<_, Fault>(diesel::sql_query(version).execute(&mut **write)?)).is_ok()
}

#[test]
fn events_are_dense_and_counted_by_day_and_month() {
    on_both(|db| {
        let late = Metering { at: at("2026-11-20T16:00:00Z"), ..call("S-1") };
        let next = Metering { at: at("2026-11-30T16:00:00Z"), ..call("S-1") };
        assert_eq!(seqs(&meter(db, &[call("S-1"), late, call("S-2")])), [1, 2, 3]);
        assert_eq!(seqs(&meter(db, &[call("S-1"), next])), [4, 5]);
        assert_eq!(event_seqs(db), [1, 2, 3, 4, 5]);
        let days = db.read(|read| usage::usage_days(read, "S-1")).expect("read");
        let counts: Vec<(String, u64)> =
            days.iter().map(|day| (day.day.to_string(), day.calls)).collect();
        let expected = [("2026-11-20", 2), ("2026-11-21", 1), ("2026-12-01", 1)];
        assert_eq!(counts, expected.map(|(day, calls)| (day.to_owned(), calls)));
        let november = Date::parse("2026-11-01").expect("valid").period();
        let month = db.read(|read| usage::usage_month(read, "S-1", november)).expect("read");
        assert_eq!((month.calls, month.units), (3, 3));
    });
}

#[test]
fn the_quota_of_a_month_is_exact_even_inside_one_batch() {
    on_both(|db| {
        let limited = || Metering { calls_per_month_max: 3, ..call("S-1") };
        let outcomes = meter(db, &[limited(), limited(), limited(), limited(), call("S-2")]);
        assert_eq!(seqs(&outcomes), [1, 2, 3, 4]);
        let resets_at = at("2026-11-30T16:00:00Z");
        let used = Metered::Refused(MeterRefusal::QuotaUsed { max: 3, resets_at });
        assert_eq!(outcomes[3], used);
        assert_eq!(meter(db, &[limited()]), [used]);
        let december = Metering { at: resets_at, ..limited() };
        assert_eq!(seqs(&meter(db, &[december])), [5]);
    });
}

#[test]
fn a_storm_from_many_writers_never_exceeds_the_quota() {
    let url = fresh_postgres();
    let folder = tempfile::tempdir().expect("a folder");
    let file = format!("sqlite://{}", folder.path().join("node.sqlite").display());
    for (url, threads) in [(url, 4), (file, 8)] {
        let db = Db::open(&url).expect("a database");
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    for _ in 0..10 {
                        let limited = Metering { calls_per_month_max: 25, ..call("S-1") };
                        // A writer that lost too often records nothing, which is no harm here.
                        let _: Result<_, Fault> = db.write(|write| {
                            usage::meter(write, &node("yinzhou"), std::slice::from_ref(&limited))
                        });
                    }
                });
            }
        });
        let recorded = event_seqs(&db);
        let expected: Vec<i64> = (1..=i64::try_from(recorded.len()).expect("few")).collect();
        assert_eq!(recorded, expected, "dense");
        let days = db.read(|read| usage::usage_days(read, "S-1")).expect("read");
        assert!(recorded.len() <= 25, "{}", recorded.len());
        assert_eq!(total_calls(&days), u64::try_from(recorded.len()).expect("few"));
    }
}

#[test]
fn distinct_subjects_of_a_month_are_bounded_and_repeats_are_free() {
    on_both(|db| {
        let calls = [about(1, NOON), about(2, NOON), about(1, NOON), about(3, NOON)];
        let outcomes = meter(db, &calls);
        assert_eq!(seqs(&outcomes), [1, 2, 3]);
        let Metered::Refused(refusal) = &outcomes[3] else { panic!("{outcomes:?}") };
        assert_eq!(refusal.code(), "call.subject_budget_used");
        assert_eq!(seqs(&meter(db, &[about(2, NOON), about(3, "2026-12-01T04:00:00Z")])), [4, 5]);
    });
}

#[test]
fn twins_have_one_effect_and_one_answer() {
    on_both(|db| {
        let outcomes = meter(db, &[twin("a", 1), twin("a", 1), twin("a", 2), twin("b", 2)]);
        assert_eq!(seqs(&outcomes), [1, 2]);
        assert_eq!(outcomes[1], Metered::Repeated { status: 200, answer: vec![1] });
        assert_eq!(outcomes[2], Metered::Refused(MeterRefusal::IdempotencyConflict));
        let mut again = twin("a", 1);
        again.answer = b"another answer".to_vec();
        again.calls_per_month_max = 0;
        let repeated = Metered::Repeated { status: 200, answer: vec![1] };
        assert_eq!(meter(db, &[again]), [repeated], "also when the quota is used");
        let other = Metering { subscription: "S-2".to_owned(), ..twin("a", 2) };
        assert_eq!(seqs(&meter(db, &[other])), [3], "keys belong to a subscription");
        let late = at(NOON).plus_millis(usage::ANSWER_KEPT_MS + 1);
        let gone: Result<usize, Fault> = db.write(|write| usage::forget_answers(write, late));
        assert_eq!(gone.expect("forgotten"), 3);
    });
}

#[test]
fn many_answers_are_forgotten_part_after_part_and_young_ones_stay() {
    on_both(|db| {
        let old = at(NOON).millis();
        let row = |n: i64| {
            let (hash, stored_at) = (blob(db, [1]), old + n / 2);
            format!("('S-1', 'key {n}', {hash}, 200, {hash}, {n}, {stored_at})")
        };
        let rows: Vec<String> = (0..2_500).map(row).collect();
        execute(db, &format!("INSERT INTO idempotent_answers VALUES {}", rows.join(", ")));
        // All but those of the last 100 milliseconds are old.
        let now = Timestamp::from_millis(old + 1_150).plus_millis(usage::ANSWER_KEPT_MS);
        let forget = || db.write(|write| usage::forget_answers(write, now)).expect("forgotten");
        assert_eq!([forget(), forget(), forget(), forget()], [1_002, 1_002, 296, 0]);
    });
}

#[test]
fn a_failed_batch_leaves_nothing() {
    on_both(|db| {
        let failed: Result<(), Fault> = db.write(|write| {
            usage::meter(write, &node("yinzhou"), &[about(1, NOON), twin("a", 1)])?;
            Err(Fault::corrupt("test", "a full disk"))
        });
        assert!(failed.is_err());
        assert_eq!(event_seqs(db), Vec::<i64>::new());
        assert!(db.read(|read| usage::usage_days(read, "S-1")).expect("read").is_empty());
        assert_eq!(seqs(&meter(db, &[twin("a", 1)])), [1]);
    });
}

#[test]
fn acknowledged_calls_are_there_after_reopening() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("node.sqlite");
    let db = Db::open_file(&file).expect("opened");
    meter(&db, &[call("S-1"), twin("a", 1)]);
    drop(db);
    let db = Db::open_file(&file).expect("opened again");
    assert_eq!(event_seqs(&db), [1, 2]);
    let repeated = Metered::Repeated { status: 200, answer: vec![1] };
    assert_eq!(meter(&db, &[twin("a", 1), call("S-1")])[0], repeated);
    assert_eq!(event_seqs(&db), [1, 2, 3]);
}

#[test]
fn a_home_at_the_provider_reads_its_usage_without_the_network() {
    on_both(|db| {
        let site = site(db, "yinzhou", 1);
        subscription(db, "S-1", "provider", ("yinzhou", "yinzhou"));
        subscription(db, "S-1", "home", ("yinzhou", "yinzhou"));
        assert_eq!(usage::enqueue_reports(&site).expect("nothing yet"), 0);
        meter(db, &[call("S-1"), call("S-1")]);
        assert_eq!(usage::enqueue_reports(&site).expect("reported"), 1);
        assert_eq!(usage::enqueue_reports(&site).expect("nothing new"), 0);
        let reported = db.read(|read| usage::reported_usage(read, "S-1")).expect("read");
        let reported = reported.expect("a report");
        assert_eq!((total_calls(&reported.days), reported.last_seq), (2, 2));
        assert_eq!(db.read(outbox::waiting).expect("read").counted(), 0);
    });
}

#[test]
fn one_report_waits_and_the_newest_wins_in_any_order() {
    on_both(|db| {
        let yinzhou = site(db, "yinzhou", 1);
        subscription(db, "S-1", "provider", ("haishu", "yinzhou"));
        let report = |calls: &[Metering]| -> Vec<u8> {
            meter(db, calls);
            assert_eq!(usage::enqueue_reports(&yinzhou).expect("reported"), 1);
            let due = db.read(|read| outbox::due(read, yinzhou.now(), 10)).expect("due");
            assert_eq!(due.len(), 1, "a newer report takes the place of an older one");
            due[0].payload.clone()
        };
        let older = report(&[call("S-1")]);
        let newer =
            report(&[call("S-1"), Metering { operation: "list".to_owned(), ..call("S-1") }]);

        let folder = tempfile::tempdir().expect("a folder");
        let home_db = Db::open_file(&folder.path().join("home.sqlite")).expect("opened");
        let haishu = site(&home_db, "haishu", 2);
        let receive =
            |bytes: &[u8]| match letters::receive(&haishu, &yinzhou.node, (REPORT_KIND, bytes)) {
                Ok(()) => "taken",
                Err(Failure::Refused(refusal)) => refusal.code(),
                Err(Failure::Fault(fault)) => panic!("{fault}"),
            };
        assert_eq!(receive(&newer), "letter.sender_unknown");
        member(&home_db, "yinzhou", &yinzhou.seal_key);
        assert_eq!(receive(&newer), "usage.unknown_subscription");
        subscription(&home_db, "S-1", "home", ("haishu", "yinzhou"));
        assert_eq!([receive(&newer), receive(&older), receive(&newer)], ["taken"; 3]);
        let reported = home_db.read(|read| usage::reported_usage(read, "S-1")).expect("read");
        let reported = reported.expect("a report");
        assert_eq!((total_calls(&reported.days), reported.last_seq), (3, 3));
        assert_eq!(reported.days.len(), 2, "by operation");

        assert_eq!(receive(b"{}"), "letter.malformed");
        let text = String::from_utf8(newer.clone()).expect("JSON");
        assert_eq!(receive(text.replace("yinzhou", "ningbo").as_bytes()), "letter.not_of_sender");
        let longer = text.replace("\"sig\":\"", "\"sig\":\"AAAA");
        assert_eq!(receive(longer.as_bytes()), "letter.malformed");
        let forged = text.replace("\"kind\":\"usage.report\"", "\"kind\":\"statement\"");
        assert_eq!(receive(forged.as_bytes()), "letter.other_kind");
        let other = Sealed::new(yinzhou.node.clone(), REPORT_KIND, b"{}", &haishu.seal_key);
        assert_eq!(receive(&other.to_bytes()), "letter.seal");
    });
}

#[test]
fn a_report_to_a_silent_peer_keeps_its_patience() {
    on_both(|db| {
        let yinzhou = site(db, "yinzhou", 1);
        subscription(db, "S-1", "provider", ("haishu", "yinzhou"));
        meter(db, &[call("S-1")]);
        usage::enqueue_reports(&yinzhou).expect("reported");
        let now = yinzhou.now();
        let due = db.read(|read| outbox::due(read, now, 10)).expect("due");
        db.write(|write| outbox::failed(write, &due[0].id, "no route", now)).expect("failed");
        meter(db, &[call("S-1")]);
        usage::enqueue_reports(&yinzhou).expect("reported");
        assert!(db.read(|read| outbox::due(read, now, 10)).expect("due").is_empty());
        db.write(|write| outbox::wake(write, "haishu", now)).expect("woken");
        assert_eq!(db.read(|read| outbox::due(read, now, 10)).expect("due").len(), 1);
    });
}

/// A provider restored from a backup reports less than before. The home once kept the old count
/// until the meter had passed it, and then took the other one without a word.
#[test]
fn a_provider_that_was_restored_is_believed_and_the_fall_is_told() {
    on_both(|db| {
        let yinzhou = site(db, "yinzhou", 1);
        subscription(db, "S-1", "provider", ("haishu", "yinzhou"));
        let folder = tempfile::tempdir().expect("a folder");
        let home_db = Db::open_file(&folder.path().join("home.sqlite")).expect("opened");
        let haishu = site(&home_db, "haishu", 2);
        member(&home_db, "yinzhou", &yinzhou.seal_key);
        subscription(&home_db, "S-1", "home", ("haishu", "yinzhou"));
        let carry = |from: &Site| {
            usage::enqueue_reports(from).expect("reported");
            let due = from.db.read(|read| outbox::due(read, from.now(), 10)).expect("due");
            for letter in &due {
                letters::receive(&haishu, &yinzhou.node, (&letter.kind, &letter.payload))
                    .expect("taken");
                from.db.write(|write| outbox::done(write, &letter.id)).expect("done");
            }
            let reported = home_db.read(|read| usage::reported_usage(read, "S-1")).expect("read");
            let reported = reported.expect("a report");
            let recounted = reported.recounted.map(|(_, recount)| (recount.before, recount.now));
            (total_calls(&reported.days), recounted)
        };
        meter(db, &[call("S-1"), call("S-1"), call("S-1")]);
        assert_eq!(carry(&yinzhou), (3, None));

        // The same provider without what it metered, later: as after a restore.
        let restored_folder = tempfile::tempdir().expect("a folder");
        let restored_db = Db::open_file(&restored_folder.path().join("y.sqlite")).expect("opened");
        let restored = Site { clock: later, ..site(&restored_db, "yinzhou", 1) };
        subscription(&restored_db, "S-1", "provider", ("haishu", "yinzhou"));
        let ends_at = at(NOON).date().plus_days(30).start().millis();
        run(&restored_db, &format!("UPDATE subscriptions SET ends_at = {ends_at}"));
        restored_db.write(usage::report_anew).expect("anew");
        assert_eq!(carry(&restored), (0, Some((3, 0))), "told at once, without a call");
        assert_eq!(usage::enqueue_reports(&restored).expect("nothing new"), 0);

        meter(&restored_db, &[call("S-1")]);
        assert_eq!(carry(&restored), (1, Some((3, 0))), "and it stays told");
    });
}

/// Five minutes after the clock of the other sites.
fn later() -> Timestamp {
    at(NOON).plus_millis(5 * 60_000)
}
