//! A provider comes back from a backup that is older than calls it metered: the homes hold its own
//! reports of them, and what those count is counted again, billed and reported.

use lianshi_market::{
    correspondence::{Question, Reported, Reports},
    message::MESSAGE_KIND,
    money::Amount,
    subscription::{Side, SubscriptionId},
    usage::{DayCount, REPORT_KIND, UsageReport, total_calls},
};
use lianshi_registry::{
    id::NodeName,
    seal::Sealed,
    time::{Period, Timestamp},
};
use lianshi_store::{
    Failure, Site,
    audit::Actor,
    close::{self, Missing},
    ledger,
    outbox::{self, OutboxRow},
    rehearsal, statements,
    subscriptions::correspondence,
    usage::{self, BuyerMonth, Metered},
};

use super::{
    World,
    stated::{DAY_MS, ON_BOTH, begin_in, call, november, sealed_entry},
    world::{answer, buyer, now, number, operators_clerk, pass, seal_key},
};
use crate::support::contents;

/// Answers calls without a word to the home node.
fn meter(world: &World, id: &SubscriptionId, calls: usize) -> Vec<Metered> {
    let site = &world.provider.site;
    let agreement = world.same(id).agreement.expect("in force");
    let call = rehearsal::metering(&agreement, "verify", site.now());
    let calls = vec![call; calls];
    site.db.write(|write| usage::meter(write, &site.node, &calls)).expect("metered")
}

fn held(world: &World, id: &SubscriptionId) -> Vec<DayCount> {
    let db = &world.provider.site.db;
    db.read(|read| usage::usage_days(read, id.as_str())).expect("read")
}

fn reported(world: &World, id: &SubscriptionId) -> usage::ReportedUsage {
    let db = &world.home.site.db;
    db.read(|read| usage::reported_usage(read, id.as_str())).expect("read").expect("a report")
}

/// What the home node tells of the reports it took.
fn told(world: &World) -> Reports {
    let asked = serde_json::to_vec(&Question::Counts { after: None }).expect("JSON");
    let provider = &world.provider.site.node;
    let told = correspondence::answer(&world.home.site, provider, &asked).expect("answered");
    serde_json::from_slice(&told).expect("reports")
}

fn of_buyer(site: &Site) -> BuyerMonth {
    let product = number(lianshi_registry::id::NumberKind::Product);
    let whose = (&buyer(), &product);
    site.db.read(|read| usage::buyer_month(read, whose, november())).expect("read")
}

fn books_hold(site: &Site) {
    let check = site.db.read(|read| ledger::check(read, site)).expect("checked");
    assert!(check.holds(), "{:#?}", check.findings);
}

/// November's books are closed; gives what was invoiced.
fn closed(world: &mut World, month: Period) -> Amount {
    let site = world.provider.site.clone();
    let closed = close::close_period(&site, &operators_clerk(), month).expect("closed");
    world.carry_all();
    let waits = world.home.site.db.read(statements::waiting).expect("read");
    assert!(waits.is_empty(), "{:?}", waits[0].difference);
    books_hold(&site);
    closed.period.closed.expect("closed").total
}

#[test]
fn what_a_restored_provider_metered_and_reported_is_counted_again() {
    for world in ON_BOTH {
        let (mut world, [first, second]) = begin_in(world());
        let saved = world.provider.save();
        call(&mut world, &first, 10);
        pass(DAY_MS);
        call(&mut world, &first, 5);
        call(&mut world, &second, 7);
        let (days, other) = (held(&world, &first), held(&world, &second));
        let (before, last_seq) = (reported(&world, &first), reported(&world, &second).last_seq);
        let of_month = of_buyer(&world.provider.site);
        assert_eq!((of_month.calls, of_month.included), (162, 100));

        world.provider.restore(&saved);
        assert_eq!(total_calls(&held(&world, &first)), 140, "forgotten");
        let site = world.provider.site.clone();
        usage::enqueue_reports(&site).expect("looked");
        let due = site.db.read(|read| outbox::due(read, Timestamp::from_millis(i64::MAX), 100));
        let reports = |letter: &OutboxRow| letter.kind == REPORT_KIND;
        assert!(!due.expect("due").iter().any(reports), "nothing is said before it was asked");
        world.carry_all();
        assert_eq!(reported(&world, &first), before);
        world.reconcile(Side::Provider);
        assert_eq!((held(&world, &first), held(&world, &second)), (days, other));
        assert_eq!(of_buyer(&site), BuyerMonth { subjects: 0, mismatches: 0, ..of_month });
        usage::enqueue_reports(&site).expect("reported");
        world.carry_all();
        let after = reported(&world, &first);
        assert_eq!((after.days, after.recounted), (before.days, None), "nothing fell");
        assert!(after.last_seq > before.last_seq);

        // And it goes on behind what was reported.
        let outcomes = meter(&world, &first, 1);
        let [Metered::Recorded { seq, calls_this_month }] = outcomes.as_slice() else {
            panic!("{outcomes:?}")
        };
        assert!((*seq > last_seq, *calls_this_month) == (true, 163), "{outcomes:?}");
        usage::enqueue_reports(&site).expect("reported");
        world.carry_all();
        assert_eq!(total_calls(&reported(&world, &first).days), 156);
        pass(14 * DAY_MS);
        assert_eq!(closed(&mut world, november()), Amount::from_fen((163 - 100) * 50));
    }
}

/// The month's quota is used up by what came back.
#[test]
fn what_came_back_uses_the_quota() {
    let (mut world, [first, _]) = begin_in(World::new());
    let saved = world.provider.save();
    call(&mut world, &first, 60);
    world.provider.restore(&saved);
    world.reconcile(Side::Provider);
    let site = &world.provider.site;
    let agreement = world.same(&first).agreement.expect("in force");
    let mut next = rehearsal::metering(&agreement, "verify", now());
    next.calls_per_month_max = 201;
    let calls = vec![next; 3];
    let outcomes = site.db.write(|write| usage::meter(write, &site.node, &calls));
    let outcomes = outcomes.expect("metered");
    let taken = |outcome: &&Metered| matches!(outcome, Metered::Recorded { .. });
    assert_eq!(outcomes.iter().filter(taken).count(), 1, "200 of 201 were used: {outcomes:?}");
}

/// A report of the provider in other words, sealed by somebody.
fn forged(
    report: &UsageReport,
    (by, kind): (&NodeName, &str),
    change: impl FnOnce(&mut UsageReport),
) -> Reports {
    let mut report = report.clone();
    let process = SubscriptionId::parse(&report.subscription).expect("an id");
    change(&mut report);
    let payload = serde_json::to_vec(&report).expect("JSON");
    let sealed = Sealed::new(by.clone(), kind, &payload, &seal_key(by.as_str()));
    let sealed = vec![String::from_utf8(sealed.to_bytes()).expect("JSON")];
    Reports { reports: vec![Reported { process, sealed }], more: false }
}

#[test]
fn only_what_the_provider_itself_sealed_of_its_own_contract_counts() {
    for world in ON_BOTH {
        let (mut world, [first, second]) = begin_in(world());
        let saved = world.provider.save();
        call(&mut world, &first, 10);
        let true_ones = told(&world);
        world.provider.restore(&saved);
        world.reconcile(Side::Provider);
        let site = world.provider.site.clone();
        let (home, own) = (world.home.site.node.clone(), site.node.clone());
        let root = super::node("ningbo");
        let days = vec![DayCount {
            day: now().date(),
            operation: "verify".to_owned(),
            calls: 1_000,
            units: 900,
        }];
        let report = UsageReport {
            v: lianshi_market::usage::REPORT_VERSION,
            subscription: first.to_string(),
            provider: own.clone(),
            as_of: now(),
            last_seq: 5_000,
            days,
        };
        let same = |_: &mut UsageReport| {};
        let by_provider = (&own, REPORT_KIND);
        let other_process = |mut told: Reports| {
            told.reports[0].process = second.clone();
            told
        };
        let broken = |told: Reports| Reports {
            reports: vec![Reported { sealed: vec!["{}".to_owned()], ..told.reports[0].clone() }],
            more: false,
        };
        let is_true = |from: &NodeName, told: &Reports| {
            let books = || {
                let mut books = contents(&site.db);
                books.retain(|table, _| !["left_out", "audit_rows"].contains(&table.as_str()));
                books
            };
            let before = books();
            usage::take_reports(&site, from, told).expect("looked at");
            books() != before
        };
        for (what, from, told) in [
            ("told twice", &home, true_ones.clone()),
            ("sealed by the home", &home, forged(&report, (&home, REPORT_KIND), same)),
            ("of another kind", &home, forged(&report, (&own, MESSAGE_KIND), same)),
            (
                "of another provider",
                &home,
                forged(&report, by_provider, |it| {
                    it.provider = home.clone();
                }),
            ),
            ("of another contract", &home, other_process(forged(&report, by_provider, same))),
            (
                "of no contract",
                &home,
                forged(&report, by_provider, |it| {
                    it.subscription = format!("{}2", &it.subscription[..it.subscription.len() - 1]);
                }),
            ),
            ("told by a stranger", &root, forged(&report, by_provider, same)),
            ("of another version", &home, forged(&report, by_provider, |it| it.v = 2)),
            (
                "with more units than calls",
                &home,
                forged(&report, by_provider, |it| {
                    it.days[0].units = 1_001;
                }),
            ),
            (
                "at the end of all sequences",
                &home,
                forged(&report, by_provider, |it| {
                    it.last_seq = u64::MAX;
                }),
            ),
            ("with less", &home, forged(&report, by_provider, |it| it.days[0].calls = 0)),
            ("broken", &home, broken(forged(&report, by_provider, same))),
        ] {
            assert!(!is_true(from, &told), "{what}");
        }
        let left = site.db.read(correspondence::left).expect("read");
        let of_home = left.iter().filter(|left| left.node == "haishu" && left.kind == "report");
        assert!(of_home.count() >= 2, "a person sees what was not taken: {left:?}");
        assert!(is_true(&home, &forged(&report, by_provider, same)), "and what is true counts");
        assert_eq!(total_calls(&held(&world, &first)), 1_000);
        books_hold(&site);
    }
}

/// A person went on without the home node, and the provider reported less than before: the home
/// node keeps what it was told, and tells it when it is asked.
#[test]
fn a_report_that_counted_more_is_kept_until_the_provider_counts_as_much() {
    for world in ON_BOTH {
        let (mut world, [first, _]) = begin_in(world());
        let saved = world.provider.save();
        call(&mut world, &first, 30);
        pass(1_000);
        world.provider.restore(&saved);
        let site = world.provider.site.clone();
        let actor = Actor::command("clerk");
        let home = world.home.site.node.clone();
        site.db
            .write(|write| correspondence::go_on_without(write, &site, (&actor, &home)))
            .expect("written down");
        usage::enqueue_reports(&site).expect("reported");
        world.carry_all();
        let fell = reported(&world, &first);
        let (_, fall) = fell.recounted.expect("told");
        assert_eq!((fall.before, fall.now), (170, 140));
        let of_first = |told: &Reports| {
            let of_first = told.reports.iter().find(|one| one.process == first);
            of_first.expect("told").sealed.len()
        };
        assert_eq!(of_first(&told(&world)), 2, "the newest, and the one before");
        pass(1_000);
        meter(&world, &first, 2);
        usage::enqueue_reports(&site).expect("reported");
        world.carry_all();
        world.reconcile(Side::Provider);
        // Of a day on which both were counted it is not known which calls are the same.
        assert_eq!(total_calls(&held(&world, &first)), 170);
        pass(1_000);
        usage::enqueue_reports(&site).expect("reported");
        world.carry_all();
        let after = reported(&world, &first);
        assert_eq!(total_calls(&after.days), 170);
        assert!(after.recounted.is_some(), "that it fell stays told");
        assert_eq!(of_first(&told(&world)), 1, "nothing is missing any more");
        pass(14 * DAY_MS);
        assert_eq!(closed(&mut world, november()), Amount::from_fen(70 * 50));
    }
}

#[test]
fn a_node_that_cannot_tell_is_written_down_and_holds_nobody_up() {
    let (world, _) = begin_in(World::new());
    let site = &world.provider.site;
    let home = &world.home.site.node;
    // As an older program answers what it does not know.
    let refused = correspondence::answer(&world.home.site, &site.node, br#"{"ask":"tomorrow"}"#);
    let Err(Failure::Refused(refusal)) = refused else { panic!("{refused:?}") };
    assert!(correspondence::is_unknown_question(&refusal.to_string()), "{refusal}");
    assert!(!correspondence::is_unknown_question("not a member"));
    let counted = |could_tell| {
        let written =
            site.db.write(|write| correspondence::counted(write, site, (home, could_tell)));
        written.expect("written down");
        site.db.read(correspondence::uncounted).expect("read")
    };
    assert!(counted(true).is_empty());
    let acts = || site.db.read(|read| lianshi_store::audit::newest(read, None, 3)).expect("read");
    assert_eq!(counted(false), [home.clone()].into());
    let newest = acts().remove(0);
    assert_eq!(
        (newest.action.as_str(), newest.object.as_str()),
        ("correspondence.uncounted", "haishu")
    );
    assert_eq!(counted(false).len(), 1);
    assert_eq!(acts()[0].seq, newest.seq, "once");
    assert!(counted(true).is_empty(), "until it can");
}

/// The month of the calls was closed after the backup: it is put together as it was billed, and
/// what came back is not billed again.
#[test]
fn what_a_forgotten_close_billed_is_not_billed_again() {
    for world in ON_BOTH {
        for is_told_in_time in [true, false] {
            let (mut world, [first, _]) = begin_in(world());
            let saved = world.provider.save();
            call(&mut world, &first, 60);
            let reports = told(&world);
            pass(14 * DAY_MS);
            let october = close::close_period(&world.provider.site, &operators_clerk(), november());
            let result = october.expect("closed");
            world.carry_all();
            let sealed = sealed_entry(&world.provider, &result);
            let billed = result.period.closed.expect("closed").total;
            assert_eq!(billed, Amount::from_fen(100 * 50));

            world.provider.restore(&saved);
            world.provider.replicate("yinzhou", std::slice::from_ref(&sealed));
            world.reconcile_with(Side::Provider, is_told_in_time);
            let site = world.provider.site.clone();
            let recover = |missing| {
                let wanted = (november(), missing);
                close::recover_period(&site, &operators_clerk(), wanted, &mut |_| Ok(()))
            };
            let recovered = recover(Missing::Awaited).expect("put together").period;
            assert_eq!(recovered.closed.expect("closed").total, billed);
            usage::take_reports(&site, &world.home.site.node, &reports).expect("told again");
            let counted = if is_told_in_time { 200 } else { 140 };
            assert_eq!(total_calls(&held(&world, &first)), counted);
            let newest = site.db.read(|read| lianshi_store::audit::newest(read, None, 1));
            let newest = newest.expect("read").remove(0);
            let was_left = (newest.action.as_str(), newest.outcome.as_str());
            assert_eq!(was_left == ("usage.recall", "left"), !is_told_in_time, "{newest:?}");
            books_hold(&site);
            pass(31 * DAY_MS);
            let december = close::close_period(&site, &operators_clerk(), november().next());
            let december = december.expect("closed").period.closed.expect("closed");
            assert_eq!((december.statements, december.total), (0, Amount::ZERO));
            assert_eq!(answer(recover(Missing::Awaited).map(drop)), "taken");
            books_hold(&site);
        }
    }
}

/// An enterprise's node that forgot what it was reported hears it again, though nobody calls.
#[test]
fn a_restored_home_node_is_reported_everything_again() {
    for world in ON_BOTH {
        let (mut world, [first, second]) = begin_in(world());
        let saved = world.home.save();
        call(&mut world, &first, 10);
        call(&mut world, &second, 7);
        let days = |world: &World| {
            [&first, &second].map(|id| {
                let db = &world.home.site.db;
                let reported = db.read(|read| usage::reported_usage(read, id.as_str()));
                reported.expect("read").map(|reported| reported.days)
            })
        };
        let before = days(&world);
        world.home.restore(&saved);
        assert_ne!(days(&world), before, "forgotten");
        world.reconcile(Side::Home);
        let provider = world.provider.site.clone();
        assert!(usage::enqueue_reports(&provider).expect("reported") >= 2);
        world.carry_all();
        assert_eq!(days(&world), before);

        // Who asks again and again is told no more often for that.
        let home = world.home.site.node.clone();
        let asked = serde_json::to_vec(&Question::Standings { after: None }).expect("JSON");
        correspondence::answer(&provider, &home, &asked).expect("answered");
        assert_eq!(usage::enqueue_reports(&provider).expect("looked"), 0);
        pass(11 * 60_000);
        correspondence::answer(&provider, &home, &asked).expect("answered");
        assert!(usage::enqueue_reports(&provider).expect("reported") >= 2);
    }
}
