//! Closing periods: exact, repeatable, all or nothing, the same on both databases; and the letters
//! that carry statements and divisions between nodes.

pub mod books;
mod carried;
mod copies;
mod divided;
mod forged;
mod letters;
mod parked;
mod sequences;
mod shares;
pub mod stage;
mod staged;

use lianshi_market::{money::Amount, split::ShareExplanation, subscription::Side};
use lianshi_registry::{json, refusal::Refusal as _};
use lianshi_store::{
    Failure, Fault, Site, allocations,
    audit::Actor,
    close::{self, CloseRefusal, PeriodState, Step},
    ledger, log, outbox, rehearsal, statements,
};

use crate::support::{on_both, on_sqlite};
use stage::{agreement, close_month, contracts, meter, month, on_stage};

#[test]
fn a_close_bills_splits_posts_and_seals_to_the_fen() {
    on_both(|db| {
        on_stage(db, |site| {
            let held = contracts(site, 3);
            meter(site, &held[0], "2026-10-05T04:00:00Z", 12);
            meter(site, &held[1], "2026-10-31T15:59:59Z", 3);
            meter(site, &held[1], "2026-10-31T16:00:00Z", 100);
            let result = close_month(site, "2026-10");
            assert!(!result.repeated);
            let closed = result.period.closed.expect("closed");
            assert_eq!((closed.statements, closed.total), (2, Amount::from_fen(550)));
            assert_eq!(result.period.calls, 15);
            let page = site
                .db
                .read(|read| statements::issued(read, &statements::StatementQuery::default()))
                .expect("read");
            let shown: Vec<(&str, i64)> =
                page.items.iter().map(|item| (item.number.as_str(), item.total.fen())).collect();
            assert_eq!(
                shown,
                [("ST-330212-202610-0000001", 500), ("ST-330212-202610-0000002", 50)]
            );
            assert_eq!((page.total, page.sum), (2, Amount::from_fen(550)));
            let divisions =
                site.db.read(|read| allocations::in_period(read, month("2026-10"))).expect("read");
            let parts: Vec<i64> =
                divisions[0].document.parts.iter().map(|part| part.amount.fen()).collect();
            assert_eq!((divisions.len(), parts.iter().sum::<i64>()), (1, 550));
            let entry = site.db.read(|read| log::entry(read, &site.origin, closed.log_index));
            let entry = json::parse_entry(&entry.expect("read").expect("there")).expect("an entry");
            assert_eq!(entry.fact.kind(), "statement.sealed");
            assert!(serde_json::to_string(&entry).expect("text").contains(&closed.result_hash));
            books::hold(site);
        });
    });
}

#[test]
fn closing_again_changes_nothing_and_says_so() {
    on_both(|db| {
        on_stage(db, |site| {
            let held = contracts(site, 2);
            meter(site, &held[0], "2026-10-05T04:00:00Z", 12);
            let first = close_month(site, "2026-10");
            let before = books::counts(site);
            meter(site, &held[0], "2026-10-06T04:00:00Z", 5);
            let second = close_month(site, "2026-10");
            assert!(second.repeated);
            assert_eq!(second.period, first.period);
            assert_eq!(books::counts(site), before);
        });
    });
}

#[test]
fn both_databases_come_to_the_same_hash_and_the_same_books() {
    let close_on = |db: &lianshi_store::Db| {
        let mut seen = None;
        on_stage(db, |site| {
            let held = contracts(site, 30);
            for (index, agreement) in held.iter().enumerate() {
                meter(site, agreement, "2026-10-09T04:00:00Z", index);
            }
            close_month(site, "2026-10");
            meter(site, &held[3], "2026-10-31T04:00:00Z", 4);
            meter(site, &held[4], "2026-11-02T04:00:00Z", 9);
            let hash = close_month(site, "2026-11").period.closed.expect("closed").result_hash;
            books::hold(site);
            let mut export = Vec::new();
            let format = lianshi_market::export::Format::Beancount;
            let exported = site.db.read(|read| ledger::export(read, site, format, &mut export));
            exported.expect("exported");
            seen = Some((hash, String::from_utf8(export).expect("text")));
        });
        seen.expect("closed")
    };
    let first = std::cell::OnceCell::new();
    on_both(|db| {
        let here = close_on(db);
        assert_eq!(first.get_or_init(|| here.clone()), &here);
    });
}

#[test]
fn a_month_without_usage_closes_too() {
    on_both(|db| {
        on_stage(db, |site| {
            contracts(site, 2);
            let closed = close_month(site, "2026-10").period.closed.expect("closed");
            assert_eq!((closed.statements, closed.total), (0, Amount::ZERO));
            books::hold(site);
        });
    });
}

#[test]
fn a_close_that_stops_anywhere_leaves_nothing_and_succeeds_the_next_time() {
    let undisturbed = std::cell::OnceCell::new();
    on_both(|db| {
        on_stage(db, |site| {
            let held = contracts(site, 4);
            for agreement in &held {
                meter(site, agreement, "2026-10-05T04:00:00Z", 7);
            }
            let before = books::counts(site);
            for stop in [Step::Rated { subscriptions: 4, of: 4 }, Step::Divided, Step::Sealed] {
                let mut crash = |step| {
                    if step == stop { Err(Fault::corrupt("test", "power cut")) } else { Ok(()) }
                };
                let month = month("2026-10");
                let stopped = close::close_with(site, &Actor::node(), month, &mut crash);
                assert!(matches!(stopped, Err(Failure::Fault(_))), "{stop:?}");
                assert_eq!(books::counts(site), before, "{stop:?}");
            }
            let hash = close_month(site, "2026-10").period.closed.expect("closed").result_hash;
            assert_eq!(undisturbed.get_or_init(|| hash.clone()), &hash);
            books::hold(site);
        });
    });
}

#[test]
fn two_closes_at_once_have_one_effect() {
    on_both(|db| {
        on_stage(db, |site| {
            let held = contracts(site, 20);
            for agreement in &held {
                meter(site, agreement, "2026-10-05T04:00:00Z", 3);
            }
            let month = month("2026-10");
            let close = || close::close_period(site, &Actor::node(), month);
            let mut second = None;
            let mut inside = |step| {
                if matches!(step, Step::Rated { .. }) {
                    second = Some(close());
                }
                Ok(())
            };
            let first = close::close_with(site, &Actor::node(), month, &mut inside);
            assert!(!first.expect("closed").repeated);
            match second.expect("tried") {
                Err(Failure::Refused(refusal)) => {
                    assert_eq!(refusal.code(), "period.underway");
                    let told = refusal.to_string();
                    assert!(told.contains("2026-10") && told.contains("20 of 20"), "{told}");
                }
                other => panic!("not refused: {other:?}"),
            }
            let at_once: Vec<_> = std::thread::scope(|scope| {
                let closes: Vec<_> = (0..4).map(|_| scope.spawn(close)).collect();
                closes.into_iter().map(|close| close.join().expect("no panic")).collect()
            });
            assert!(at_once.iter().all(|again| again.as_ref().is_ok_and(|done| done.repeated)));
            books::hold(site);
        });
    });
}

fn refused(site: &Site, text: &str) -> CloseRefusal {
    match close::close_period(site, &Actor::node(), month(text)) {
        Err(Failure::Refused(refusal)) => refusal,
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn periods_close_in_order_and_only_when_over() {
    on_both(|db| {
        on_stage(db, |site| {
            let held = contracts(site, 1);
            meter(site, &held[0], "2026-10-05T04:00:00Z", 3);
            meter(site, &held[0], "2026-11-05T04:00:00Z", 3);
            let (october, november) = (month("2026-10"), month("2026-11"));
            let december = month("2026-12");
            let unfinished = refused(site, "2026-12");
            assert_eq!(
                unfinished,
                CloseRefusal::Unfinished { period: december, ends_at: december.end() }
            );
            let open = refused(site, "2026-11");
            assert_eq!(open, CloseRefusal::EarlierOpen { period: november, earlier: october });
            close_month(site, "2026-10");
            close_month(site, "2026-11");
            let passed = refused(site, "2026-09");
            assert_eq!(passed, CloseRefusal::Passed { period: month("2026-09"), latest: november });
            let codes = [unfinished.code(), open.code(), passed.code()];
            assert_eq!(codes, ["period.unfinished", "period.earlier_open", "period.passed"]);
            let shown = site.db.read(|read| close::periods(read, site, site.now())).expect("read");
            let shown: Vec<(String, PeriodState)> =
                shown.iter().map(|view| (view.period.to_string(), view.state)).collect();
            assert_eq!(
                shown,
                [
                    ("2026-12".to_owned(), PeriodState::Running),
                    ("2026-11".to_owned(), PeriodState::Closed),
                    ("2026-10".to_owned(), PeriodState::Closed),
                ]
            );
        });
    });
}

#[test]
fn an_open_month_with_a_fee_due_is_not_skipped() {
    on_sqlite(|db| {
        on_stage(db, |site| {
            let mut flat = agreement(site, 1);
            flat.terms.plan.charge = lianshi_registry::entry::Charge::FlatMonthly {
                price: lianshi_registry::price::Price::parse("99.995").expect("a price"),
            };
            let agreements = [flat];
            let written =
                site.db.write(|write| rehearsal::contract(write, Side::Provider, &agreements));
            written.expect("written");
            assert_eq!(refused(site, "2026-11").code(), "period.earlier_open");
            let closed = close_month(site, "2026-10").period.closed.expect("closed");
            assert_eq!(closed.total, Amount::from_fen(10_000));
            let closed = close_month(site, "2026-11").period.closed.expect("closed");
            assert_eq!(closed.total, Amount::from_fen(10_000));
            books::hold(site);
        });
    });
}

#[test]
fn late_usage_is_billed_in_the_next_statement_under_its_own_month() {
    on_both(|db| {
        on_stage(db, |site| {
            let held = contracts(site, 2);
            meter(site, &held[0], "2026-10-05T04:00:00Z", 1);
            let october = close_month(site, "2026-10");
            meter(site, &held[0], "2026-10-31T15:59:59Z", 10);
            meter(site, &held[1], "2026-11-01T04:00:00Z", 5);
            let november = close_month(site, "2026-11").period;
            assert_eq!(november.calls, 15);
            // 1 call was inside the 2 included ones; with 10 more, 9 are charged.
            let total = november.closed.expect("closed").total;
            assert_eq!(total, Amount::from_fen(9 * 50 + 3 * 50));
            let again = site
                .db
                .read(|read| close::recompute(read, site, month("2026-10")))
                .expect("computed")
                .expect("closed");
            assert_eq!(again.computed, october.period.closed.expect("closed").result_hash);
            books::hold(site);
            let read = |number: &str| {
                let view = site.db.read(|read| statements::by_number(read, number, Side::Provider));
                view.expect("read").expect("there").document
            };
            let late = &read("ST-330212-202611-0000001").lines[0];
            assert_eq!((late.kind.as_str(), late.quantity), ("late_calls", 10));
            let months = serde_json::to_value(&late.explanation).expect("json");
            assert_eq!(months["period"], "2026-10");
        });
    });
}

#[test]
fn parties_stay_within_a_fen_over_many_closes() {
    on_sqlite(|db| {
        on_stage(db, |site| {
            let held = contracts(site, 1);
            let mut period = month("2026-01");
            while period < month("2026-10") {
                assert_eq!(
                    close_month(site, &period.to_string()).period.calls,
                    0,
                    "nothing was agreed before October"
                );
                period = period.next();
            }
            meter(site, &held[0], "2026-10-05T04:00:00Z", 3);
            meter(site, &held[0], "2026-11-05T04:00:00Z", 3);
            close_month(site, "2026-10");
            close_month(site, "2026-11");
            let divided = |text: &str| -> Vec<(i64, i64, i64, i64)> {
                let views = site.db.read(|read| allocations::in_period(read, month(text)));
                views.expect("read")[0]
                    .document
                    .parts
                    .iter()
                    .map(|part| {
                        let ShareExplanation::Cumulative(said) = &part.explanation else {
                            panic!("carried")
                        };
                        let (from, to) = (said.base_from.fen(), said.base_to.fen());
                        (from, to, said.received.fen(), part.amount.fen())
                    })
                    .collect()
            };
            let (first, second) = (divided("2026-10"), divided("2026-11"));
            for (october, november) in first.iter().zip(&second) {
                assert_eq!((october.0, october.1), (0, 50), "it begins at zero");
                assert_eq!((november.0, november.1), (50, 100), "it goes on where it ended");
                assert_eq!(november.2, october.3, "what was given before is what it was given");
            }
            assert_eq!(first.iter().map(|part| part.3).sum::<i64>(), 50);
            assert_eq!(second.iter().map(|part| part.3).sum::<i64>(), 50);
            books::hold(site);
        });
    });
}

#[test]
fn the_outbox_holds_a_letter_for_every_statement() {
    on_sqlite(|db| {
        on_stage(db, |site| {
            let held = contracts(site, 3);
            for agreement in &held {
                meter(site, agreement, "2026-10-05T04:00:00Z", 3);
            }
            close_month(site, "2026-10");
            let far = lianshi_registry::time::Timestamp::from_millis(i64::MAX);
            let due = site.db.read(|read| outbox::due(read, far, 10)).expect("due");
            assert_eq!(due.len(), 3);
            assert!(due.iter().all(|row| row.kind == statements::KIND));
        });
    });
}
