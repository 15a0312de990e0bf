//! A close is made in stages while everything else goes on: what happens between them neither stops
//! it nor changes what it pinned, and what it left behind is gone on with.

use lianshi_market::{agreement::Agreement, money::Amount, subscription::Side};
use lianshi_registry::{
    entry::{Charge, Plan},
    id::Origin,
    price::Price,
    refusal::Refusal as _,
};
use lianshi_store::{
    Db, Failure, Fault, Site,
    audit::{self, Actor},
    backup, catalog,
    close::{self, CloseRefusal, Step},
    ledger, log, outbox,
    recovery::{self, Cause},
    rehearsal, statements,
    subscriptions::correspondence,
};

use super::{
    books,
    stage::{agreement, close_month, contracts, fits, hold, meter, month, on_stage, sql, time},
};
use crate::support::{
    fresh_postgres,
    heard::{self, heard},
    on_both,
};

/// The `n`-th contract with a fee of 100 yuan a month.
fn flat(site: &Site, n: u32) -> Agreement {
    let mut flat = agreement(site, n);
    let charge = Charge::FlatMonthly { price: Price::parse("100").expect("a price") };
    flat.terms.plan = Plan { charge, ..flat.terms.plan };
    flat
}

/// Kinds and amounts of the lines of a statement.
fn lines(site: &Site, number: &str) -> Vec<(&'static str, i64)> {
    let view = site.db.read(|read| statements::by_number(read, number, Side::Provider));
    let lines = view.expect("read").expect("there").document.lines;
    lines.iter().map(|line| (line.kind.as_str(), line.amount.fen())).collect()
}

#[test]
fn a_contract_in_force_after_its_month_was_closed_is_stated_late_and_once() {
    on_both(|db| {
        on_stage(db, |site| {
            hold(site, &flat(site, 1));
            let october = close_month(site, "2026-10").period.closed.expect("closed");
            assert_eq!(october.total, Amount::from_fen(10_000));
            // The home node's word came in November.
            hold(site, &flat(site, 2));
            assert!(fits(site, "2026-10"), "what came later is not of October's close");
            let november = close_month(site, "2026-11").period.closed.expect("closed");
            assert_eq!((november.statements, november.total.fen()), (2, 30_000));
            let late = lines(site, "ST-330212-202611-0000002");
            assert_eq!(late, [("monthly_fee", 10_000), ("late_fee", 10_000)]);
            let acts = site.db.read(|read| audit::newest(read, None, 100)).expect("read");
            assert!(acts.iter().all(|act| act.action != "period.take_up"), "nothing waited");
            books::hold(site);
            assert!(fits(site, "2026-10") && fits(site, "2026-11"));
        });
    });
}

#[test]
fn a_missed_month_that_does_not_come_out_waits_with_its_reason() {
    on_both(|db| {
        on_stage(db, |site| {
            contracts(site, 1);
            close_month(site, "2026-10");
            let mut absurd = agreement(site, 2);
            let price = Price::from_micro(lianshi_registry::price::PRICE_MICRO_MAX);
            let price = price.expect("the highest");
            absurd.terms.plan.charge = Charge::PerCall { price, included_calls: 0 };
            hold(site, &absurd);
            let mut call = rehearsal::metering(&absurd, "verify", time("2026-10-05T04:00:00Z"));
            call.units = 1 << 40;
            let calls = [call];
            site.db
                .write(|write| lianshi_store::usage::meter(write, &site.node, &calls))
                .expect("metered");
            close_month(site, "2026-11");
            let waiting = site.db.read(close::waiting).expect("read");
            let waits: Vec<_> = waiting.iter().map(|view| view.parked.period.to_string()).collect();
            assert_eq!(waits, ["2026-10"], "its October waits, and its November is stated");
            books::hold(site);
            assert!(fits(site, "2026-11"));
        });
    });
}

#[test]
fn what_becomes_of_a_contract_after_a_close_changes_nothing_of_it() {
    on_both(|db| {
        on_stage(db, |site| {
            let flat = flat(site, 1);
            hold(site, &flat);
            close_month(site, "2026-10");
            let of = format!("WHERE id = '{}'", flat.subscription);
            let ended = time("2026-10-01T00:00:00Z").millis() - 1;
            sql(
                site,
                &format!("UPDATE subscriptions SET state = 'ended', ended_at = {ended} {of}"),
            );
            assert!(fits(site, "2026-10"), "it was in force as far as was known");
            sql(
                site,
                &format!("UPDATE subscriptions SET buyer_name = 'another', agreement = '' {of}"),
            );
            assert!(fits(site, "2026-10"));
            books::hold(site);
        });
    });
}

#[test]
fn calls_and_rebuilds_beside_a_close_are_neither_lost_nor_in_it() {
    let undisturbed = std::cell::OnceCell::new();
    on_both(|db| {
        for disturbed in [false, true] {
            let folder = tempfile::tempdir().expect("a folder");
            let fresh = lianshi_store::Db::open_file(&folder.path().join("node.sqlite"));
            let fresh = fresh.expect("opened");
            // The undisturbed one has a database of its own.
            on_stage(if disturbed { db } else { &fresh }, |site| {
                // More than one page: the last one is read after the first calls came in.
                let mut contracts = contracts(site, 1_003);
                contracts.sort_by_key(|contract| contract.subscription.to_string());
                for contract in &contracts[999..] {
                    meter(site, contract, "2026-10-05T04:00:00Z", 12);
                }
                let mut steps = 0;
                let mut step = |step| {
                    steps += 1;
                    if disturbed && steps <= 3 {
                        meter(site, &contracts[1_001], "2026-10-31T04:00:00Z", 1);
                        meter(site, &contracts[1_002], "2026-11-01T04:00:00Z", 1);
                        catalog::rebuild(&site.db, &|_, _| ()).expect("rebuilt");
                    }
                    if steps == 2 {
                        assert!(matches!(step, Step::Rated { subscriptions: 1_003, .. }));
                    }
                    Ok(())
                };
                let result = close::close_with(site, &Actor::node(), month("2026-10"), &mut step);
                let hash = result.expect("closed").period.closed.expect("closed").result_hash;
                assert_eq!(undisturbed.get_or_init(|| hash.clone()), &hash);
                books::hold(site);
                if disturbed {
                    assert!(fits(site, "2026-10"));
                    close_month(site, "2026-11");
                    let late = lines(site, "ST-330212-202611-0000001");
                    assert_eq!(late, [("late_calls", 3 * 50)]);
                    books::hold(site);
                }
            });
        }
    });
}

#[test]
fn a_close_that_lost_its_turn_writes_nothing_more() {
    on_both(|db| {
        on_stage(db, |site| {
            let contracts = contracts(site, 3);
            meter(site, &contracts[0], "2026-10-05T04:00:00Z", 12);
            let before = books::counts(site);
            for lost_at in ["rated", "divided"] {
                let mut step = |step| {
                    let lost = matches!(
                        (step, lost_at),
                        (Step::Rated { .. }, "rated") | (Step::Divided, "divided")
                    );
                    if lost {
                        sql(site, "UPDATE closings SET attempt = 'another'");
                    }
                    Ok(())
                };
                match close::close_with(site, &Actor::node(), month("2026-10"), &mut step) {
                    Err(Failure::Refused(refusal)) => {
                        assert_eq!(refusal.code(), "period.superseded");
                    }
                    other => panic!("not refused: {other:?}"),
                }
                assert_eq!(books::counts(site), before, "{lost_at}");
            }
        });
    });
}

#[test]
fn what_is_sealed_is_carried_into_the_books_by_whoever_comes_next() {
    on_both(|db| {
        on_stage(db, |site| {
            let contracts = contracts(site, 450);
            for contract in &contracts {
                meter(site, contract, "2026-10-05T04:00:00Z", 12);
            }
            let stop = |at: u32| {
                let mut carried = 0;
                move |step| {
                    carried += u32::from(matches!(step, Step::Carried { .. }));
                    let stop = carried == at && matches!(step, Step::Carried { .. });
                    if stop { Err(Fault::corrupt("test", "power cut")) } else { Ok(()) }
                }
            };
            let october = month("2026-10");
            let close =
                |at: u32| close::close_with(site, &Actor::node(), october, &mut stop(at)).map(drop);
            assert!(matches!(close(1), Err(Failure::Fault(_))));
            let view = site.db.read(|read| close::period(read, site, october, site.now()));
            let closed = view.expect("read").closed.expect("it is sealed");
            assert_eq!((closed.statements, closed.to_carry), (450, 251));
            let far = lianshi_registry::time::Timestamp::from_millis(i64::MAX);
            let letters = site.db.read(|read| outbox::due(read, far, 1_000)).expect("read").len();
            assert_eq!(letters, 200, "what is carried has its letters");
            let check = site.db.read(|read| ledger::check(read, site)).expect("checked");
            let broken = check.findings.iter().filter(|finding| !finding.broken.is_empty());
            assert!(broken.map(|finding| finding.invariant).any(|name| name == "I9"));
            assert!(check.is_under_way(), "and nothing else is judged");
            let format = lianshi_market::export::Format::Beancount;
            let exported = site.db.read(|read| ledger::export(read, site, format, &mut Vec::new()));
            assert!(exported.expect_err("refused").to_string().contains("2026-10"));

            assert!(matches!(close(1), Err(Failure::Fault(_))), "the same close goes on");
            let swap = "UPDATE close_drafts SET document = REPLACE(document, 'verify', 'verifx')";
            sql(site, swap);
            assert!(close::go_on(site).is_err(), "only what was sealed is carried");
            sql(site, "UPDATE close_drafts SET document = REPLACE(document, 'verifx', 'verify')");
            close::go_on(site).expect("the serving process goes on");
            let again = close_month(site, "2026-10");
            assert!(again.repeated);
            assert_eq!(again.period.closed.expect("closed").to_carry, 0);
            let letters = site.db.read(|read| outbox::due(read, far, 1_000)).expect("read").len();
            assert_eq!(letters, 450, "each once");
            books::hold(site);
        });
    });
}

#[test]
fn what_was_not_sealed_is_swept_by_whoever_comes_next() {
    on_both(|db| {
        on_stage(db, |site| {
            let contracts = contracts(site, 3);
            let october = month("2026-10");
            meter(site, &contracts[0], "2026-10-05T04:00:00Z", 12);
            let before = books::counts(site);
            // As an attempt leaves it that was killed.
            sql(site, "INSERT INTO closings VALUES ('2026-10', 'a', 0, 'node', 0, 1, 3)");
            sql(site, "INSERT INTO close_subjects VALUES ('2026-10', 'a', '')");
            let underway = |site: &Site| {
                let view = site.db.read(|read| close::period(read, site, october, site.now()));
                view.expect("read").underway.map(|underway| (underway.done, underway.total))
            };
            assert_eq!(underway(site), None, "nobody is at work");
            close::go_on(site).expect("swept");
            assert_eq!(books::counts(site), before);
            let mut seen = None;
            let mut look = |step| {
                if matches!(step, Step::Rated { .. }) {
                    seen = underway(site);
                }
                Ok(())
            };
            let closed = close::close_with(site, &Actor::node(), october, &mut look);
            assert!(!closed.expect("closed").repeated);
            assert_eq!(seen, Some((3, 3)), "somebody is");
            books::hold(site);
        });
    });
}

#[test]
fn a_month_that_the_own_log_sealed_is_never_closed_again() {
    on_both(|db| {
        on_stage(db, |site| {
            let contracts = contracts(site, 1);
            meter(site, &contracts[0], "2026-10-05T04:00:00Z", 12);
            let sealed = close_month(site, "2026-10").period.closed.expect("closed");
            // The books of before, as a backup of before has them.
            for table in ["periods", "statements", "statement_lines", "close_subjects"] {
                sql(site, &format!("DELETE FROM {table}"));
            }
            // Nor is anything that came later, which would bill its months as missed.
            for text in ["2026-10", "2026-11"] {
                match close::close_period(site, &Actor::node(), month(text)) {
                    Err(Failure::Refused(refusal)) => {
                        let CloseRefusal::Forgotten { period, statements, result_hash } = &refusal
                        else {
                            panic!("refused otherwise: {refusal:?}")
                        };
                        assert_eq!((*period, *statements), (month("2026-10"), 1));
                        assert_eq!(result_hash, &sealed.result_hash);
                        assert_eq!(refusal.code(), "period.forgotten");
                    }
                    other => panic!("not refused: {other:?}"),
                }
            }
        });
    });
}

#[test]
fn a_month_that_an_earlier_generation_sealed_is_never_closed_again() {
    on_both(|db| {
        on_stage(db, |site| {
            let contracts = contracts(site, 1);
            meter(site, &contracts[0], "2026-10-05T04:00:00Z", 12);
            let sealed = close_month(site, "2026-10").period.closed.expect("closed");
            // The node lost its log key and began a second log.
            let origin = Origin::parse("ningbo.example/yinzhou/2").expect("an origin");
            let site = &Site { origin, ..site.clone() };
            db.write(|write| log::create_own(write, site)).expect("a log");
            assert!(close_month(site, "2026-10").repeated);
            for table in ["periods", "statements", "statement_lines", "close_subjects"] {
                sql(site, &format!("DELETE FROM {table}"));
            }
            for text in ["2026-10", "2026-11"] {
                match close::close_period(site, &Actor::node(), month(text)) {
                    Err(Failure::Refused(CloseRefusal::Forgotten {
                        period,
                        statements,
                        result_hash,
                    })) => {
                        assert_eq!((period, statements), (month("2026-10"), 1));
                        assert_eq!(result_hash, sealed.result_hash);
                    }
                    other => panic!("not refused: {other:?}"),
                }
            }
            let own = db.read(|read| log::head(read, &site.origin)).expect("read").expect("own");
            assert_eq!(own.size, 0, "nothing was sealed anew");
        });
    });
}

#[test]
fn a_close_on_a_node_that_has_to_recover_is_refused_before_it_works() {
    on_both(|db| {
        on_stage(db, |site| {
            let contracts = contracts(site, 3);
            meter(site, &contracts[0], "2026-10-05T04:00:00Z", 12);
            db.write(|write| recovery::require(write, Cause::Restored, site.now()))
                .expect("marked");
            let before = books::counts(site);
            let mut steps = Vec::new();
            let mut close = || {
                let mut step = |step| {
                    steps.push(step);
                    Ok(())
                };
                close::close_with(site, &Actor::node(), month("2026-10"), &mut step)
            };
            let changes = |asked: &[String]| -> Vec<String> {
                let is_change = |asked: &&String| {
                    ["INSERT", "UPDATE", "DELETE"].iter().any(|word| asked.starts_with(word))
                };
                asked.iter().filter(is_change).cloned().collect()
            };
            let (outcome, asked) = heard(&mut close);
            assert!(matches!(outcome, Err(Failure::Fault(Fault::Unrecovered))), "{outcome:?}");
            assert_eq!(changes(&asked), [""; 0], "nothing is begun");
            assert_eq!(books::counts(site), before);
            recover(site);
            let (outcome, asked) = heard(&mut close);
            outcome.expect("closed");
            assert!(!changes(&asked).is_empty(), "a positive control");
            assert!(!steps.is_empty() && steps[0] == Step::Rated { subscriptions: 3, of: 3 });
            books::hold(site);
        });
    });
}

/// A node on one of the databases, by its address.
fn on_addresses(body: impl Fn(&str, &Db)) {
    heard::listen();
    let folder = tempfile::tempdir().expect("a folder");
    let file = format!("sqlite://{}", folder.path().join("node.sqlite").display());
    for url in [file, fresh_postgres()] {
        body(&url, &Db::open(&url).expect("a database"));
    }
}

/// A backup, and what becomes of it.
struct Saved {
    folder: tempfile::TempDir,
    contents: backup::Contents,
}

impl Saved {
    fn of(db: &Db) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let contents = backup::save(db, &folder.path().join("backup"), &|_| {}).expect("saved");
        Self { folder, contents }
    }

    /// Back into the database it is of, under whoever works with it.
    fn restore(&self, url: &str, site: &Site) {
        let target = backup::Target { url, folder: self.folder.path(), replace: true };
        let dir = self.folder.path().join("backup");
        backup::load(target, (&dir, &self.contents), site.now(), &|_| {}).expect("restored");
    }
}

fn recover(site: &Site) {
    site.db.write(|write| recovery::finish(write, site, &[])).expect("recovered");
    for node in site.db.read(correspondence::awaited).expect("read") {
        site.db.write(|write| correspondence::settled(write, site, &node)).expect("settled");
    }
}

/// Where a backup of before a close, or of inside it, comes back.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Back {
    /// At the first step.
    Before,
    /// At the second step, a backup made at the first: with what the close had written by then.
    Within,
}

#[test]
fn a_restore_inside_a_close_ends_it_with_one_word_and_no_trace() {
    for back in [Back::Before, Back::Within] {
        for is_recovered in [false, true] {
            on_addresses(|url, db| {
                on_stage(db, |site| {
                    let contracts = contracts(site, 3);
                    meter(site, &contracts[0], "2026-10-05T04:00:00Z", 12);
                    let before = books::counts(site);
                    let mut saved = (back == Back::Before).then(|| Saved::of(db));
                    let mut step = |step| {
                        let is_struck = match (step, back) {
                            (Step::Rated { .. }, Back::Before) | (Step::Divided, Back::Within) => {
                                true
                            }
                            (Step::Rated { .. }, Back::Within) => {
                                saved = Some(Saved::of(db));
                                false
                            }
                            _ => false,
                        };
                        if is_struck {
                            saved.as_ref().expect("saved").restore(url, site);
                            if is_recovered {
                                recover(site);
                            }
                        }
                        Ok(())
                    };
                    let october = month("2026-10");
                    let outcome = close::close_with(site, &Actor::node(), october, &mut step);
                    let what = format!("{back:?} {is_recovered} {url}: {outcome:?}");
                    match outcome {
                        Err(Failure::Refused(refusal)) if is_recovered => {
                            assert_eq!(refusal.code(), "period.superseded", "{what}");
                        }
                        Err(Failure::Fault(Fault::Unrecovered)) if !is_recovered => {}
                        // The drafts of the backup are not those that were computed.
                        Err(Failure::Refused(CloseRefusal::Superseded { .. }))
                            if back == Back::Within => {}
                        _ => panic!("{what}"),
                    }
                    let left = books::counts(site);
                    let (acts, numbers) = (before.acts, before.numbers);
                    assert_eq!(books::Counts { numbers, acts, ..left }, before, "{what}");
                    if !is_recovered {
                        let again = close::close_period(site, &Actor::node(), october).map(drop);
                        let is_told = matches!(again, Err(Failure::Fault(Fault::Unrecovered)));
                        assert!(is_told, "{what}: {again:?}");
                        recover(site);
                    }
                    let closed = close_month(site, "2026-10");
                    assert!(!closed.repeated, "{what}");
                    assert_eq!(books::counts(site).entries, before.entries + 1, "{what}");
                    books::hold(site);
                    assert!(fits(site, "2026-10"));
                });
            });
        }
    }
}
#[test]
fn a_restore_while_a_close_is_carried_into_the_books_is_told() {
    for is_recovered in [false, true] {
        on_addresses(|url, db| {
            on_stage(db, |site| {
                for contract in &contracts(site, 450) {
                    meter(site, contract, "2026-10-05T04:00:00Z", 12);
                }
                let before = books::counts(site);
                let saved = Saved::of(db);
                let mut is_back = false;
                let mut step = |step| {
                    if matches!(step, Step::Carried { .. }) && !is_back {
                        is_back = true;
                        saved.restore(url, site);
                        if is_recovered {
                            recover(site);
                        }
                    }
                    Ok(())
                };
                let october = month("2026-10");
                let outcome = close::close_with(site, &Actor::node(), october, &mut step);
                let what = format!("{is_recovered} {url}: {outcome:?}");
                match outcome {
                    Err(Failure::Refused(refusal)) if is_recovered => {
                        assert_eq!(refusal.code(), "period.superseded", "{what}");
                    }
                    Err(Failure::Fault(Fault::Unrecovered)) if !is_recovered => {}
                    _ => panic!("{what}"),
                }
                let left = books::counts(site);
                let (acts, numbers) = (before.acts, before.numbers);
                assert_eq!(books::Counts { numbers, acts, ..left }, before, "{what}");
            });
        });
    }
}
