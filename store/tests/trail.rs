//! The trail's proof on both databases: what is cut off, rewritten or lost contradicts the seals of
//! the public log, and the seal at fault is named.

use lianshi_registry::{refusal::Refusal as _, time::Timestamp};
use lianshi_store::{
    Db, Failure, Fault, Site,
    audit::{self, Act, Actor, Denied, LogVerdict, Loss, Report, SEAL_ROWS_MIN, Verdict, When},
    log,
    recovery::{self, Cause},
};

use crate::{
    replica::{Three, adopt_all, three},
    support::{self, blob, execute, on_both},
};

/// A member that may append: it knows that it was admitted.
fn member(db: &Db) -> Three {
    let three = three(db);
    log::publish_head(&three.root).expect("signed");
    adopt_all(&three.reader, &three.root);
    three
}

fn act(db: &Db, number: i64) {
    let act = Act {
        at: Timestamp::from_millis(1_000),
        actor: &Actor::node(),
        action: "test.act",
        object: &format!("object {number}"),
        outcome: "done",
        before: "",
        after: "",
    };
    db.write(|write| audit::record(write, &act)).expect("recorded");
}

fn acts(db: &Db, count: i64) {
    (0..count).for_each(|number| act(db, number));
}

fn seal(site: &Site, when: When) -> Option<u64> {
    let sealed = audit::seal(site, when).expect("sealed");
    log::publish_head(site).expect("signed");
    sealed
}

fn check(site: &Site) -> Report {
    audit::check(site).expect("checked")
}

fn sealed_rows(report: &Report) -> Option<i64> {
    report.contradicted.as_ref().map(|seal| seal.rows)
}

#[test]
fn fifty_rows_cut_off_the_end_of_the_trail_contradict_the_seal_in_the_log() {
    on_both(|db| {
        let Three { reader, .. } = &member(db);
        acts(db, 10);
        assert_eq!(seal(reader, When::Now), Some(0));
        acts(db, 60);
        assert_eq!(seal(reader, When::Now), Some(1));
        let report = check(reader);
        assert!(report.is_whole(), "{report:?}");
        assert_eq!((report.seals, report.unsealed()), (2, 0));
        act(db, 71);
        assert_eq!(check(reader).unsealed(), 1);

        execute(db, "DELETE FROM audit_rows WHERE seq > 20");
        let report = check(reader);
        assert!(matches!(report.chain, Verdict::Whole { rows: 20, .. }), "the chain by itself");
        assert!(!report.is_whole());
        let seal = report.contradicted.clone().expect("contradicted");
        assert_eq!((seal.index, seal.rows), (1, 70));
        let refusal = db.read(audit::contradiction).expect("read").expect("contradicted");
        assert_eq!(refusal.code(), "audit.seal_contradicted");
        assert!(refusal.to_string().contains("70 rows in entry 1"), "{refusal}");
        // Nor does it help to act on until there are as many rows again.
        acts(db, 60);
        assert_eq!(sealed_rows(&check(reader)), Some(70));
        let refused = audit::seal(reader, When::Now);
        assert!(matches!(refused, Err(Failure::Refused(_))), "{refused:?}");
    });
}

#[test]
fn a_trail_written_anew_contradicts_its_first_seal_whatever_the_database_says_of_seals() {
    on_both(|db| {
        let Three { reader, .. } = &member(db);
        acts(db, 30);
        seal(reader, When::Now);
        execute(db, "DELETE FROM audit_rows");
        execute(db, "DELETE FROM node_state WHERE name = 'audit.sealed'");
        (0..40).for_each(|number| act(db, number + 1));
        assert_eq!(db.read(audit::contradiction).expect("read"), None, "it forgot its seals");
        assert_eq!(seal(reader, When::Now), Some(1), "and seals again");
        assert_eq!(sealed_rows(&check(reader)), Some(30), "and the log forgets nothing");
    });
}

#[test]
fn a_log_that_is_not_the_signed_one_proves_nothing() {
    on_both(|db| {
        let Three { reader, .. } = &member(db);
        acts(db, 30);
        seal(reader, When::Now);
        acts(db, 30);
        seal(reader, When::Now);
        assert_eq!(check(reader).log, LogVerdict::Signed);
        // Both ends cut: of the trail, and of the log that has its seal.
        let origin = reader.origin.to_string();
        execute(db, "DELETE FROM audit_rows WHERE seq > 30");
        let root = db.read(|read| log::root_at(read, &reader.origin, 1)).expect("read");
        let root = blob(db, root.expect("a root").bytes());
        let cut = |size: u8| {
            format!(
                "UPDATE logs SET size = {size}, checkpoint_size = 0, checkpoint = '', \
                 root = {root} \
                 WHERE origin = '{origin}'"
            )
        };
        execute(db, &cut(1));
        let report = check(reader);
        assert_eq!(report.log, LogVerdict::Short { signed: 2, held: 1 });
        assert!(!report.is_whole());
        execute(db, &cut(2));
        let report = check(reader);
        assert_eq!(report.log, LogVerdict::Altered, "the root is that of one entry");
    });
}

#[test]
fn a_seal_is_made_when_it_is_due_and_no_more_often() {
    on_both(|db| {
        let Three { reader, .. } = &member(db);
        let at = |clock: fn() -> Timestamp| Site { clock, ..reader.clone() };
        let minute = at(|| Timestamp::from_millis(60_000));
        assert_eq!(seal(&minute, When::Now), None, "nothing happened");
        acts(db, SEAL_ROWS_MIN - 1);
        assert_eq!(seal(&minute, When::Due), None, "too few, and too young");
        act(db, 99);
        assert_eq!(seal(&minute, When::Due), Some(0));
        acts(db, SEAL_ROWS_MIN);
        let nine = at(|| Timestamp::from_millis(10 * 60_000));
        assert_eq!(seal(&nine, When::Due), None, "ten minutes have not passed");
        let eleven = at(|| Timestamp::from_millis(11 * 60_000));
        assert_eq!(seal(&eleven, When::Due), Some(1));
        act(db, 100);
        let hour = at(|| Timestamp::from_millis(61 * 60_000));
        assert_eq!(seal(&hour, When::Due), Some(2), "one row waits an hour at most");
        assert_eq!(seal(&hour, When::Now), None, "every row is sealed");
        assert!(check(&hour).is_whole());
    });
}

#[test]
fn a_trail_that_lost_rows_in_a_restore_says_so_in_public_and_goes_on() {
    on_both(|db| {
        let Three { reader, .. } = &member(db);
        acts(db, 60);
        seal(reader, When::Now);
        // As a backup of row 30 brings it back, with the log had from others.
        execute(db, "DELETE FROM audit_rows WHERE seq > 30");
        execute(db, "DELETE FROM node_state WHERE name = 'audit.sealed'");
        db.write(|write| {
            recovery::require(write, Cause::Restored, reader.now())?;
            Ok::<_, Fault>(())
        })
        .expect("required");
        assert_eq!(audit::seal(reader, When::Now).expect("asked"), None, "not before it recovered");
        db.write(|write| recovery::finish(write, reader, &[])).expect("finished");
        let told = db.read(|read| audit::newest(read, None, 1)).expect("read");
        assert_eq!((told[0].action.as_str(), told[0].seq), ("trail.resume", 31));
        assert_eq!((told[0].before.as_str(), told[0].after.as_str()), ("60", "30"));
        assert_eq!(sealed_rows(&check(reader)), Some(60), "until everybody is told");
        assert_eq!(seal(reader, When::Loss), Some(1));
        act(db, 32);
        assert_eq!(seal(reader, When::Loss), None, "it is told once");
        let report = check(reader);
        assert!(report.is_whole(), "{report:?}");
        assert_eq!(report.losses, [Loss { from: 31, to: 60, index: 1 }]);
        assert_eq!(report.unsealed(), 1);
        // What comes after is bound as ever.
        acts(db, 40);
        seal(reader, When::Now);
        execute(db, "DELETE FROM audit_rows WHERE seq > 50");
        assert_eq!(sealed_rows(&check(reader)), Some(72));
    });
}

#[test]
fn a_node_that_is_no_member_yet_seals_nothing() {
    on_both(|db| {
        let Three { reader, .. } = &three(db);
        acts(db, 30);
        assert_eq!(seal(reader, When::Now), None);
    });
}

fn denied<'a>(actor: &'a Actor, object: &'a str, address: &'a str) -> Denied<'a> {
    Denied { actor, action: "access.page", object, outcome: "forbidden", address }
}

#[test]
fn refused_attempts_are_rows_with_a_mark_for_their_address_and_the_same_again_is_counted() {
    on_both(|db| {
        let Three { reader, .. } = &three(db);
        let at = |clock: fn() -> Timestamp| Site { clock, ..reader.clone() };
        let july = at(|| Timestamp::parse("2026-07-31T15:00:10Z").expect("a time"));
        let actor = Actor { name: "ma".to_owned(), organization: String::new() };
        for _ in 0..18 {
            audit::deny(&july, &denied(&actor, "/finance", "192.0.2.7")).expect("told");
        }
        let rows = || db.read(|read| audit::newest(read, None, 50)).expect("read");
        assert_eq!(rows().len(), 1, "the first at once");
        let next = at(|| Timestamp::parse("2026-07-31T15:01:00Z").expect("a time"));
        audit::settle_denials(&next, false).expect("settled");
        let told = rows();
        assert_eq!(told.len(), 2);
        let mark = told[1].after.clone();
        assert!(mark.starts_with(audit::MARK_PREFIX), "{mark}");
        assert_eq!(told[0].after, format!("{mark} ×17"));
        assert_eq!((told[0].actor.as_str(), told[0].object.as_str()), ("ma", "/finance"));
        let shown = |text: &str| {
            db.read(|read| audit::addresses_in(read, [text])).expect("read").get(&mark).cloned()
        };
        assert_eq!(shown(&told[0].after).as_deref(), Some("192.0.2.7"));
        assert!(!support::contents(db)["audit_rows"].concat().contains("192.0.2.7"));

        // The trail stays whole when the address has ended.
        let forget = |now: &str| {
            let now = Timestamp::parse(now).expect("a time");
            db.write(|write| audit::forget_addresses(write, now)).expect("forgotten")
        };
        assert_eq!(forget("2027-01-31T15:59:59Z"), 0, "six months have not passed");
        assert_eq!(forget("2027-01-31T16:00:00Z"), 1);
        assert_eq!(shown(&mark), None);
        assert!(matches!(db.read(audit::verify).expect("read"), Verdict::Whole { rows: 2, .. }));
    });
}
