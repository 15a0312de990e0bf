//! What is limited is counted for a buyer and a product, over all its subscriptions; what was asked
//! about is kept under a secret of the month and forgotten with it.

use diesel::RunQueryDsl as _;
use lianshi_registry::{
    id::{NumberKind, RegistrationNumber},
    time::{Period, Timestamp},
    uscc::{Uscc, complete},
};
use lianshi_store::usage::{
    BuyerMonth, Comparison, SUBJECTS_KEPT_MS, buyer_month, forget_subjects, usage_month,
};

use super::*;

fn buyer() -> Uscc {
    complete("91330203MA2TEQT03").expect("a fictitious code")
}

fn product() -> RegistrationNumber {
    let division = DivisionCode::parse("330212").expect("valid");
    RegistrationNumber::new(&division, NumberKind::Product, 2026, 1).expect("fits")
}

/// A call of the buyer through one of its subscriptions.
fn through(subscription: &str) -> Metering {
    let product = product().to_string();
    Metering { buyer: buyer().to_string(), product, ..call(subscription) }
}

fn november() -> Period {
    Period::parse("2026-11").expect("a month")
}

fn used(db: &Db) -> BuyerMonth {
    db.read(|read| buyer_month(read, (&buyer(), &product()), november())).expect("read")
}

fn codes(outcomes: &[Metered]) -> Vec<&'static str> {
    let code = |outcome: &Metered| match outcome {
        Metered::Refused(refusal) => refusal.code(),
        Metered::Recorded { .. } => "recorded",
        Metered::Repeated { .. } => "repeated",
    };
    outcomes.iter().map(code).collect()
}

#[test]
fn a_second_subscription_opens_no_second_quota() {
    on_both(|db| {
        let limited = |id: &str| Metering { calls_per_month_max: 20, ..through(id) };
        let first = vec![limited("S-1"); 15];
        let second = vec![limited("S-2"); 15];
        assert_eq!(seqs(&meter(db, &first)).len(), 15);
        let outcomes = meter(db, &second);
        assert_eq!(seqs(&outcomes).len(), 5, "twenty, not forty");
        assert_eq!(codes(&outcomes)[5], "call.quota_used");
        assert_eq!(used(db).calls, 20);
        let other = Metering { buyer: "another".to_owned(), ..limited("S-3") };
        assert_eq!(seqs(&meter(db, &[other])).len(), 1, "others have their own");
        let product = "330212-P-2026-0000002-V".to_owned();
        let elsewhere = Metering { product, ..limited("S-4") };
        assert_eq!(seqs(&meter(db, &[elsewhere])).len(), 1, "so have other products");
    });
}

#[test]
fn included_calls_are_given_once_however_often_one_subscribes() {
    on_both(|db| {
        let charged = |id: &str| Metering { included_calls: 10, ..through(id) };
        meter(db, &vec![charged("S-1"); 7]);
        meter(db, &vec![charged("S-2"); 7]);
        let units = |id: &str| {
            let month = db.read(|read| usage_month(read, id, november())).expect("read");
            (month.calls, month.units)
        };
        assert_eq!((units("S-1"), units("S-2")), ((7, 0), (7, 4)));
        assert_eq!(used(db).included, 10);
        // A plan that includes nothing takes nothing from one that does.
        meter(db, &[through("S-3")]);
        assert_eq!(units("S-3"), (1, 1));
        let december = Metering { at: at("2026-12-01T04:00:00Z"), ..charged("S-2") };
        meter(db, &[december]);
        assert_eq!(units("S-2"), (7, 4), "another month, another ten");
    });
}

#[test]
fn subjects_are_counted_over_all_subscriptions() {
    on_both(|db| {
        let about = |id: &str, subject: u8| {
            let claim = SubjectClaim { hash: [subject; 32], per_month_max: 3, comparison: None };
            Metering { subject: Some(claim), ..through(id) }
        };
        let first = [about("S-1", 1), about("S-1", 2), about("S-1", 3)];
        assert_eq!(seqs(&meter(db, &first)).len(), 3);
        let outcomes = meter(db, &[about("S-2", 4), about("S-2", 3)]);
        assert_eq!(codes(&outcomes), ["call.subject_budget_used", "recorded"]);
        assert_eq!(used(db).subjects, 3);
    });
}

fn stating(id: &str, subject: u8, has_failed: bool) -> Metering {
    let comparison = Comparison { has_failed, per_subject_max: 3, per_buyer_max: 5 };
    let claim =
        SubjectClaim { hash: [subject; 32], per_month_max: 100, comparison: Some(comparison) };
    Metering { subject: Some(claim), ..through(id) }
}

#[test]
fn guesses_about_one_subject_end_and_a_right_one_is_not_told_then() {
    on_both(|db| {
        let wrong = |id| stating(id, 1, true);
        let outcomes = meter(db, &[wrong("S-1"), wrong("S-2"), wrong("S-1")]);
        assert_eq!(seqs(&outcomes).len(), 3);
        let outcomes = meter(db, &[stating("S-1", 1, false), stating("S-2", 1, true)]);
        assert_eq!(codes(&outcomes), ["call.subject_guesses_used"; 2]);
        let outcomes = meter(db, &[stating("S-1", 2, false), stating("S-1", 2, false)]);
        assert_eq!(seqs(&outcomes).len(), 2, "what agrees is no guess");
        assert_eq!((used(db).mismatches, used(db).subjects, used(db).calls), (3, 2, 5));
        let december = Metering { at: at("2026-12-01T04:00:00Z"), ..wrong("S-1") };
        assert_eq!(seqs(&meter(db, &[december])).len(), 1);
    });
}

#[test]
fn guesses_of_one_buyer_end_over_all_subjects() {
    on_both(|db| {
        let wrong: Vec<Metering> = (1..=6).map(|subject| stating("S-1", subject, true)).collect();
        let outcomes = meter(db, &wrong);
        assert_eq!((seqs(&outcomes).len(), codes(&outcomes)[5]), (5, "call.guesses_used"));
        assert_eq!(codes(&meter(db, &[stating("S-2", 9, false)])), ["call.guesses_used"]);
        assert_eq!(used(db).subjects, 5, "what is refused is not kept");
        let plain = SubjectClaim { hash: [9; 32], per_month_max: 100, comparison: None };
        let uncompared = Metering { subject: Some(plain), ..through("S-1") };
        assert_eq!(codes(&meter(db, &[uncompared])), ["recorded"], "nothing is compared here");
    });
}

/// Whether a value stands in a column of bytes.
fn is_kept(db: &Db, (table, column): (&str, &str), value: &[u8]) -> bool {
    let text = if is_postgres(db) {
        format!("'\\x{}'::bytea", hex(value))
    } else {
        format!("X'{}'", hex(value))
    };
    let query = format!("SELECT 1 AS seq FROM {table} WHERE {column} = {text}");
    let found: usize = db
        .write(|write| {
            let rows: Vec<Found> = diesel::sql_query(&query).load(&mut **write)?;
            Ok::<_, Fault>(rows.len())
        })
        .expect("read");
    found > 0
}

#[derive(diesel::QueryableByName)]
struct Found {
    #[diesel(sql_type = diesel::sql_types::Integer)]
    #[expect(dead_code, reason = "only whether there are rows is asked")]
    seq: i32,
}

fn hex(bytes: &[u8]) -> String {
    hex::encode(bytes)
}

#[test]
fn many_subjects_are_forgotten_part_after_part() {
    on_both(|db| {
        let row = |n: u32, period: &str| {
            let hash = blob(db, n.to_be_bytes());
            format!("('{period}', 'buyer {}', 'product', {hash}, 0)", n % 3)
        };
        let rows: Vec<String> = (0..2_500).map(|n| row(n, "2026-10")).collect();
        let stays = row(1, "2026-12");
        execute(db, &format!("INSERT INTO asked_subjects VALUES {}, {stays}", rows.join(", ")));
        let now = november().end().plus_millis(SUBJECTS_KEPT_MS);
        let forget = || db.write(|write| forget_subjects(write, now)).expect("forgotten");
        assert_eq!([forget(), forget(), forget(), forget()], [1_000, 1_000, 500, 0]);
        let left: Vec<Found> = db
            .read(|read| Ok::<_, Fault>(diesel::sql_query(LEFT).load(&mut **read)?))
            .expect("read");
        assert_eq!(left.len(), 1);
    });
}

const LEFT: &str = "SELECT 1 AS seq FROM asked_subjects WHERE period = '2026-12'";

#[test]
fn a_subject_is_kept_only_under_a_secret_of_the_month_and_goes_with_it() {
    on_both(|db| {
        let rows = |table: &str| {
            let query = format!("SELECT 1 AS seq FROM {table}");
            let rows: Result<Vec<Found>, Fault> =
                db.write(|write| Ok(diesel::sql_query(&query).load(&mut **write)?));
            rows.expect("read").len()
        };
        meter(db, &[about(7, NOON), about(8, NOON), about(7, "2026-12-01T04:00:00Z")]);
        assert_eq!((rows("asked_subjects"), rows("subject_secrets")), (3, 2));
        assert!(!is_kept(db, ("asked_subjects", "subject_hash"), &[7; 32]), "a bare hash");
        let forget = |now: Timestamp| {
            let gone: Result<usize, Fault> = db.write(|write| forget_subjects(write, now));
            gone.expect("forgotten")
        };
        let over = november().end();
        assert_eq!(forget(over), 0, "calls that are under way still find theirs");
        assert_eq!(forget(over.plus_millis(SUBJECTS_KEPT_MS)), 2);
        assert_eq!((rows("asked_subjects"), rows("subject_secrets")), (1, 1));
        meter(db, &[about(7, "2026-12-01T04:00:00Z")]);
        assert_eq!(rows("asked_subjects"), 1, "December's subject is still known");
    });
}

const UP: [&str; 2] = [
    include_str!("../../../migrations/sqlite/0019_buyers/up.sql"),
    include_str!("../../../migrations/postgres/0019_buyers/up.sql"),
];
const DOWN: [&str; 2] = [
    include_str!("../../../migrations/sqlite/0019_buyers/down.sql"),
    include_str!("../../../migrations/postgres/0019_buyers/down.sql"),
];

#[test]
fn a_month_that_runs_is_counted_on_after_the_upgrade() {
    on_both(|db| {
        let place = usize::from(is_postgres(db));
        let all = |statements: &str| {
            for statement in statements.split(';').filter(|one| !one.trim().is_empty()) {
                run(db, statement);
            }
        };
        all(DOWN[place]);
        let agreement = r#"{"terms":{"plan":{"charge":{"model":"per_call","price":"0.5","included_calls":3}}}}"#;
        let product = product();
        for (id, seqs) in [("S-1", 1..=2), ("S-2", 3..=5)] {
            subscription(db, id, "provider", ("haishu", "yinzhou"));
            run(
                db,
                &format!(
                    "UPDATE subscriptions SET buyer_uscc = '{}', product = '{product}', \
                     agreement = '{agreement}' WHERE id = '{id}'",
                    buyer()
                ),
            );
            let (calls, last) = (seqs.clone().count(), *seqs.end());
            for seq in seqs {
                run(
                    db,
                    &format!(
                        "INSERT INTO usage_events (gateway, seq, subscription, product, operation, \
                         at, day, request_id, key_id, outcome, units) VALUES ('yinzhou', {seq}, \
                         '{id}', '{product}', 'verify', {seq}, '2026-11-20', 'r', 'k', \
                         'answered', 1)"
                    ),
                );
            }
            run(
                db,
                &format!(
                    "INSERT INTO usage_days (subscription, day, operation, calls, units, last_seq) \
                     VALUES ('{id}', '2026-11-20', 'verify', {calls}, {calls}, {last})"
                ),
            );
            run(
                db,
                &format!(
                    "INSERT INTO usage_months (subscription, period, calls, units, last_seq, \
                     subjects) VALUES ('{id}', '2026-11', {calls}, {calls}, {last}, {calls})"
                ),
            );
        }
        all(UP[place]);
        let units = |id: &str| {
            let month = db.read(|read| usage_month(read, id, november())).expect("read");
            let days = db.read(|read| usage::usage_days(read, id)).expect("read");
            assert_eq!(month.units, days.iter().map(|day| day.units).sum::<u64>());
            (month.calls, month.units)
        };
        assert_eq!((units("S-1"), units("S-2")), ((2, 0), (3, 2)));
        let used = used(db);
        assert_eq!((used.calls, used.included, used.subjects), (5, 3, 5));
        meter(db, &[Metering { included_calls: 3, ..through("S-1") }]);
        assert_eq!(units("S-1"), (3, 1), "the included ones are used");
    });
}
