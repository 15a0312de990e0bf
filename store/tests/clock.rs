//! A clock that is set back: what is over stays over, nothing is lost or done twice, and the trail
//! of what happened stays whole although its times do not ascend.

use std::cell::Cell;

use lianshi_registry::{
    entry::{Entry, Fact, Organization, OrganizationKind, Texts},
    refusal::Refusal as _,
    time::Timestamp,
    uscc,
};
use lianshi_store::{
    Failure, Fault, Site,
    audit::{self, Actor, Verdict},
    catalog,
    close::{self, CloseResult},
    log,
    outbox::{self, OutboxRow, RETRY},
    usage,
};

use crate::{
    money::{
        books,
        stage::{contracts, meter, month, on_stage, time},
    },
    support::on_both,
};

thread_local! {
    /// The time of a test's site; each test has its thread.
    static NOW: Cell<Timestamp> = const { Cell::new(Timestamp::from_millis(0)) };
}

fn set(text: &str) {
    NOW.set(time(text));
}

fn close(site: &Site, text: &str) -> Result<CloseResult, &'static str> {
    match close::close_period(site, &Actor::node(), month(text)) {
        Ok(result) => Ok(result),
        Err(Failure::Refused(refusal)) => Err(refusal.code()),
        Err(Failure::Fault(fault)) => panic!("{fault:?}"),
    }
}

fn append(site: &Site, number: u64) -> u64 {
    let fact = Fact::OrganizationListed(Organization {
        uscc: uscc::complete(&format!("91{}{number:09}", site.division)).expect("digits"),
        name: Texts { zh: "示例单位".to_owned(), en: "Example unit".to_owned() },
        kind: OrganizationKind::Provider,
        division: site.division.clone(),
    });
    let entry = Entry { at: site.now(), by: site.node.to_string(), fact };
    let entries = [entry];
    let appended = site.db.write(|write| log::append(write, &site.origin, &entries, site.now()));
    appended.expect("appended")[0]
}

#[test]
fn a_closed_month_stays_closed_and_a_call_made_in_it_again_is_billed_later() {
    on_both(|db| {
        on_stage(db, |site| {
            let folder = tempfile::tempdir().expect("a folder");
            let site =
                &Site { clock: || NOW.get(), folder: folder.path().to_owned(), ..site.clone() };
            set("2026-11-05T04:00:00Z");
            let held = contracts(site, 1);
            meter(site, &held[0], "2026-10-09T04:00:00Z", 5);
            let october = close(site, "2026-10").expect("closed");
            let before = append(site, 1);
            log::publish_head(site).expect("signed");

            // Back into the month that is closed.
            set("2026-10-20T04:00:00Z");
            let again = close(site, "2026-10").expect("the same answer");
            assert!(again.repeated);
            assert_eq!(again.period, october.period);
            assert_eq!(close(site, "2026-11").expect_err("it has not begun"), "period.unfinished");
            let listed = site.db.read(|read| close::periods(read, site, site.now())).expect("read");
            assert_eq!(listed, [october.period], "nothing runs twice");
            meter(site, &held[0], "2026-10-20T04:00:00Z", 4);
            assert_eq!(append(site, 2), before + 1, "the log goes on in its order");
            assert!(log::publish_head(site).expect("signed").fresh);

            set("2026-12-05T04:00:00Z");
            let november = close(site, "2026-11").expect("closed").period;
            assert_eq!(november.calls, 4, "no call is lost");
            let days = site.db.read(|read| usage::usage_days(read, held[0].subscription.as_str()));
            let calls: u64 = days.expect("read").iter().map(|day| day.calls).sum();
            assert_eq!(calls, 9);
            books::hold(site);
            let verdict = site.db.read(audit::verify).expect("verified");
            assert!(matches!(verdict, Verdict::Whole { .. }), "{verdict:?}");
            let rebuilt = catalog::rebuild(db, &|_, _| {}).expect("rebuilt");
            assert_eq!(rebuilt.before, rebuilt.after);
        });
    });
}

#[test]
fn the_audit_trail_is_whole_although_its_times_go_back() {
    on_both(|db| {
        let times = ["2026-12-05T04:00:00Z", "2026-12-05T03:00:00Z", "1970-01-01T00:00:00Z"];
        for at in times {
            let act = audit::Act {
                at: time(at),
                actor: &Actor::node(),
                action: "test.act",
                object: "object",
                outcome: "done",
                before: "",
                after: "",
            };
            db.write(|write| audit::record(write, &act)).expect("recorded");
        }
        let verdict = db.read(audit::verify).expect("verified");
        assert!(matches!(verdict, Verdict::Whole { rows: 3, .. }), "{verdict:?}");
        let newest = db.read(|read| audit::newest(read, None, 10)).expect("read");
        let order: Vec<i64> = newest.iter().map(|row| row.seq).collect();
        assert_eq!(order, [3, 2, 1], "as it happened, not as the clock said");
    });
}

#[test]
fn a_letter_waits_no_longer_than_the_longest_pause_by_any_clock() {
    on_both(|db| {
        let now = time("2026-12-05T04:00:00Z");
        let row = OutboxRow {
            id: "a-1".to_owned(),
            kind: "test".to_owned(),
            target: "haishu".to_owned(),
            ordering_key: "a".to_owned(),
            payload: b"bytes".to_vec(),
            created_at: now.millis(),
            due_at: now.millis(),
            attempts: 10,
            last_error: String::new(),
        };
        db.write(|write| outbox::enqueue(write, &row)).expect("enqueued");
        db.write(|write| outbox::failed(write, "a-1", "no route", now)).expect("failed");
        let is_due = |at: Timestamp| -> bool {
            !db.read(|read| outbox::due(read, at, 10)).expect("read").is_empty()
        };
        assert!(!is_due(now), "it has just failed");
        assert!(is_due(now.plus_millis(RETRY.max_ms())));
        assert!(is_due(now.plus_millis(-3_600_000)), "the clock was set back by an hour");
        let done: Result<(), Fault> = db.write(|write| outbox::done(write, "a-1"));
        done.expect("done");
    });
}
