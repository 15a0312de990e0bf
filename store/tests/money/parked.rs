//! What cannot be computed for one product or subscription stops nobody else's close: it is set
//! aside with its reason, and comes out as soon as it can.

use lianshi_market::{
    close::{ParkReason, ParkedKind},
    money::Amount,
    subscription::Side,
};
use lianshi_registry::{
    entry::{Charge, Plan},
    price::{PRICE_MICRO_MAX, Price},
};
use lianshi_store::{
    Site, allocations,
    close::{self, ParkedView},
    rehearsal, statements,
};

use super::{
    books,
    stage::{close_month, contracts, fits, hold, meter, month, product_contract, site, sql},
};
use crate::support::on_both;

fn on_two_products(db: &lianshi_store::Db, body: impl FnOnce(&Site)) {
    let site = site(db, "yinzhou", "330212");
    rehearsal::stage(&site, 2).expect("staged");
    body(&site);
}

fn waiting(site: &Site) -> Vec<ParkedView> {
    site.db.read(close::waiting).expect("read")
}

/// The cumulative numbers and the close that made them, by product, of a month.
fn stretches(site: &Site, text: &str) -> Vec<(String, i64, i64, Option<String>)> {
    let views = site.db.read(|read| allocations::in_period(read, month(text))).expect("read");
    views
        .into_iter()
        .map(|view| {
            let (from, to) = view.document.stretch().expect("cumulative");
            let made_in = view.made_in.map(|period| period.to_string());
            (view.document.product.to_string(), from.fen(), to.fen(), made_in)
        })
        .collect()
}

#[test]
fn a_product_that_cannot_be_divided_waits_and_the_others_close() {
    let hashes = std::cell::OnceCell::new();
    on_both(|db| {
        on_two_products(db, |site| {
            let held = [product_contract(site, 1, 1), product_contract(site, 2, 2)];
            for agreement in &held {
                meter(site, agreement, "2026-10-05T04:00:00Z", 12);
                meter(site, agreement, "2026-11-05T04:00:00Z", 7);
            }
            let broken = held[1].product.to_string();
            let shares = "WHERE kind = 'split' AND name LIKE '".to_owned() + &broken + "%'";
            sql(
                site,
                &format!(
                    "UPDATE catalog_objects SET state = REPLACE(state, '166700', '166699') {shares}"
                ),
            );
            let october = close_month(site, "2026-10").period.closed.expect("closed");
            assert_eq!((october.statements, october.total), (2, Amount::from_fen(1_000)));
            assert_eq!(stretches(site, "2026-10").len(), 1, "the other one is divided");
            let set_aside = waiting(site);
            assert_eq!(set_aside.len(), 1);
            let parked = &set_aside[0].parked;
            assert_eq!((parked.kind, parked.reason), (ParkedKind::Division, ParkReason::Split));
            assert_eq!((parked.subject.as_str(), parked.base.fen()), (broken.as_str(), 500));
            assert!(parked.detail.contains("999998"), "{}", parked.detail);
            books::hold(site);
            assert!(fits(site, "2026-10"));

            let mended = "REPLACE(state, '166699', '166700')";
            sql(site, &format!("UPDATE catalog_objects SET state = {mended} {shares}"));
            let november = close_month(site, "2026-11").period.closed.expect("closed");
            assert_eq!(november.total, Amount::from_fen(500));
            let late: Vec<_> = stretches(site, "2026-10")
                .into_iter()
                .filter(|(product, ..)| *product == broken)
                .collect();
            assert_eq!(late, [(broken.clone(), 0, 500, Some("2026-11".to_owned()))]);
            let now = stretches(site, "2026-11");
            assert!(now.contains(&(broken.clone(), 500, 750, None)), "{now:?}");
            assert!(waiting(site).is_empty());
            let story = site.db.read(|read| close::parked_in(read, month("2026-10")));
            assert_eq!(story.expect("read")[0].resolved_in, Some(month("2026-11")));
            books::hold(site);
            assert!(fits(site, "2026-10") && fits(site, "2026-11"));
            let both = (october.result_hash, november.result_hash);
            assert_eq!(hashes.get_or_init(|| both.clone()), &both);
        });
    });
}

#[test]
fn products_that_the_catalog_lost_or_cannot_read_wait() {
    on_both(|db| {
        let site = &site(db, "yinzhou", "330212");
        rehearsal::stage(site, 3).expect("staged");
        let held = [1, 2, 3].map(|n| product_contract(site, n, n));
        for agreement in &held {
            meter(site, agreement, "2026-10-05T04:00:00Z", 3);
        }
        let gone = &held[0].product;
        sql(site, &format!("DELETE FROM catalog_products WHERE number = '{gone}'"));
        let torn = &held[1].product;
        sql(
            site,
            &format!(
                "UPDATE catalog_objects SET state = '!' || state \
                     WHERE kind = 'product' AND name = '{torn}'"
            ),
        );
        close_month(site, "2026-10");
        let reasons: Vec<ParkReason> =
            waiting(site).iter().map(|view| view.parked.reason).collect();
        assert_eq!(reasons, [ParkReason::ProductUnknown, ParkReason::Unreadable]);
        assert_eq!(stretches(site, "2026-10").len(), 1, "the third one is divided");
        let november = close_month(site, "2026-11").period.closed.expect("closed");
        assert_eq!(november.statements, 0);
        assert_eq!(waiting(site).len(), 2, "they still wait, once each");
        books::hold(site);
        assert!(fits(site, "2026-10") && fits(site, "2026-11"));
    });
}

#[test]
fn a_contract_that_cannot_be_read_waits_and_is_billed_when_it_can() {
    on_both(|db| {
        on_two_products(db, |site| {
            let held = contracts(site, 2);
            meter(site, &held[0], "2026-10-05T04:00:00Z", 12);
            meter(site, &held[1], "2026-10-05T04:00:00Z", 3);
            let id = held[0].subscription.to_string();
            let of = format!("WHERE id = '{id}'");
            sql(site, &format!("UPDATE subscriptions SET agreement = '!' || agreement {of}"));
            let october = close_month(site, "2026-10").period.closed.expect("closed");
            assert_eq!((october.statements, october.total.fen()), (1, 50));
            let parked = &waiting(site)[0].parked;
            assert_eq!(
                (parked.kind, parked.reason),
                (ParkedKind::Statement, ParkReason::Unreadable)
            );
            assert_eq!((parked.subject.clone(), parked.billed_to), (id.clone(), None));
            books::hold(site);
            // More of October arrives, and the contract is mended before November is closed.
            meter(site, &held[0], "2026-10-31T04:00:00Z", 1);
            sql(site, &format!("UPDATE subscriptions SET agreement = SUBSTR(agreement, 2) {of}"));
            let november = close_month(site, "2026-11").period.closed.expect("closed");
            assert_eq!((november.statements, november.total.fen()), (1, 11 * 50));
            let bill = site
                .db
                .read(|read| {
                    statements::by_number(read, "ST-330212-202611-0000001", Side::Provider)
                })
                .expect("read")
                .expect("there");
            let line = &bill.document.lines[0];
            assert_eq!((line.kind.as_str(), line.quantity), ("late_calls", 13));
            assert!(waiting(site).is_empty());
            books::hold(site);
            assert!(fits(site, "2026-10") && fits(site, "2026-11"));
        });
    });
}

#[test]
fn a_statement_that_nobody_would_read_waits_and_the_others_close() {
    on_both(|db| {
        on_two_products(db, |site| {
            let held = contracts(site, 2);
            for agreement in &held {
                meter(site, agreement, "2026-10-05T04:00:00Z", 3);
            }
            let of = format!("WHERE id = '{}'", held[0].subscription);
            sql(site, &format!("UPDATE subscriptions SET buyer_name = 'a\u{202e}b' {of}"));
            let october = close_month(site, "2026-10").period.closed.expect("closed");
            assert_eq!((october.statements, october.to_carry), (1, 0));
            assert_eq!(waiting(site)[0].parked.reason, ParkReason::Unreadable);
            books::hold(site);
            assert!(fits(site, "2026-10"));
        });
    });
}

/// A flat monthly fee of 100 yuan, and a price per call nobody could pay.
fn charge(of: &str) -> Charge {
    match of {
        "flat" => Charge::FlatMonthly { price: Price::parse("100").expect("a price") },
        _ => Charge::PerCall {
            price: Price::from_micro(PRICE_MICRO_MAX).expect("the highest"),
            included_calls: 0,
        },
    }
}

#[test]
fn a_month_that_waits_is_billed_with_its_fee_once() {
    on_both(|db| {
        on_two_products(db, |site| {
            let mut flat = super::stage::agreement(site, 1);
            flat.terms.plan = Plan { charge: charge("flat"), ..flat.terms.plan };
            hold(site, &flat);
            let of = format!("WHERE id = '{}'", flat.subscription);
            sql(site, &format!("UPDATE subscriptions SET agreement = '!' || agreement {of}"));
            close_month(site, "2026-10");
            sql(site, &format!("UPDATE subscriptions SET agreement = SUBSTR(agreement, 2) {of}"));
            let november = close_month(site, "2026-11").period.closed.expect("closed");
            assert_eq!(november.total.fen(), 20_000, "October's fee and November's");
            books::hold(site);
            assert!(fits(site, "2026-10") && fits(site, "2026-11"));
        });
    });
}

#[test]
fn an_amount_beyond_the_books_waits_and_the_others_close() {
    on_both(|db| {
        on_two_products(db, |site| {
            let held = contracts(site, 2);
            let mut absurd = super::stage::agreement(site, 3);
            absurd.terms.plan = Plan { charge: charge("absurd"), ..absurd.terms.plan };
            hold(site, &absurd);
            let mut call =
                rehearsal::metering(&absurd, "verify", super::stage::time("2026-10-05T04:00:00Z"));
            call.units = 1 << 40;
            let calls = [call];
            let metered =
                site.db.write(|write| lianshi_store::usage::meter(write, &site.node, &calls));
            metered.expect("metered");
            meter(site, &held[0], "2026-10-05T04:00:00Z", 12);
            meter(site, &absurd, "2026-11-05T04:00:00Z", 1);
            let october = close_month(site, "2026-10").period.closed.expect("closed");
            assert_eq!((october.statements, october.total.fen()), (1, 500));
            assert_eq!(waiting(site)[0].parked.reason, ParkReason::Amount);
            let november = close_month(site, "2026-11").period.closed.expect("closed");
            assert_eq!(november.statements, 1, "what can be billed is, beside what waits");
            assert_eq!(waiting(site).len(), 1);
            books::hold(site);
            assert!(fits(site, "2026-10") && fits(site, "2026-11"));
        });
    });
}

/// The shares are whole, and what they come to is no number of the books any more.
#[test]
fn a_division_beyond_the_books_waits_and_the_others_close() {
    on_both(|db| {
        on_two_products(db, |site| {
            let held = [product_contract(site, 1, 1), product_contract(site, 2, 2)];
            for agreement in &held {
                meter(site, agreement, "2026-10-05T04:00:00Z", 12);
                meter(site, agreement, "2026-11-05T04:00:00Z", 7);
            }
            close_month(site, "2026-10");
            let full = held[1].product.to_string();
            let far = i64::MAX - 600;
            let divided = |change: &str| {
                format!(
                    "UPDATE split_documents SET base_to_fen = base_to_fen {change} {far} \
                     WHERE product = '{full}'"
                )
            };
            sql(site, &divided("+"));
            let november = close_month(site, "2026-11").period.closed.expect("closed");
            assert_eq!((november.statements, november.total.fen()), (2, 500));
            let made = stretches(site, "2026-11");
            assert_eq!(made.len(), 1, "the other one is divided: {made:?}");
            let set_aside = waiting(site);
            assert_eq!(set_aside.len(), 1);
            let parked = &set_aside[0].parked;
            assert_eq!((parked.kind, parked.reason), (ParkedKind::Division, ParkReason::Split));
            assert_eq!((parked.subject.as_str(), parked.base.fen()), (full.as_str(), 250));
            sql(site, &divided("-"));
            books::hold(site);
            assert!(fits(site, "2026-10") && fits(site, "2026-11"));
        });
    });
}

#[test]
fn calls_that_nobody_would_be_billed_for_wait_until_somebody_is() {
    on_both(|db| {
        on_two_products(db, |site| {
            let held = contracts(site, 1);
            meter(site, &held[0], "2026-10-05T04:00:00Z", 3);
            let stranger = super::stage::agreement(site, 9);
            meter(site, &stranger, "2026-10-05T04:00:00Z", 5);
            let october = close_month(site, "2026-10").period.closed.expect("closed");
            assert_eq!((october.statements, october.total.fen()), (1, 50));
            let parked = &waiting(site)[0].parked;
            assert_eq!(parked.reason, ParkReason::NoContract);
            assert_eq!(parked.subject, stranger.subscription.to_string());
            let agreements = [stranger];
            let write = |write: &mut lianshi_store::Write<'_>| {
                rehearsal::contract(write, Side::Provider, &agreements)
            };
            site.db.write(write).expect("written");
            let november = close_month(site, "2026-11").period.closed.expect("closed");
            assert_eq!(november.total.fen(), 3 * 50);
            assert!(waiting(site).is_empty());
            books::hold(site);
            assert!(fits(site, "2026-10") && fits(site, "2026-11"));
        });
    });
}

#[test]
fn a_meter_that_contradicts_itself_about_one_subscription_stops_no_other() {
    on_both(|db| {
        on_two_products(db, |site| {
            let held = contracts(site, 2);
            meter(site, &held[0], "2026-10-05T04:00:00Z", 12);
            meter(site, &held[1], "2026-10-05T04:00:00Z", 3);
            let of = format!("WHERE subscription = '{}'", held[0].subscription);
            sql(site, &format!("UPDATE usage_days SET calls = calls - 1 {of}"));
            let october = close_month(site, "2026-10").period.closed.expect("closed");
            assert_eq!((october.statements, october.total.fen()), (1, 50));
            let parked = &waiting(site)[0].parked;
            assert_eq!(parked.reason, ParkReason::Unreadable);
            assert!(parked.detail.contains("11") && parked.detail.contains("12"));
            sql(site, &format!("UPDATE usage_days SET calls = -1 {of}"));
            close_month(site, "2026-11");
            assert_eq!(waiting(site).len(), 1, "it still waits, and November closed");
            books::hold(site);
        });
    });
}

#[test]
fn a_product_without_a_split_closes_when_it_changes_hands() {
    on_both(|db| {
        on_two_products(db, |site| {
            let held = contracts(site, 1);
            meter(site, &held[0], "2026-10-05T04:00:00Z", 3);
            meter(site, &held[0], "2026-11-05T04:00:00Z", 3);
            sql(site, "DELETE FROM catalog_objects WHERE kind = 'split'");
            close_month(site, "2026-10");
            let product = &held[0].product;
            let (old, new) = (held[0].operator.to_string(), rehearsal::buyer(77).expect("a code"));
            sql(
                site,
                &format!(
                    "UPDATE catalog_objects SET state = REPLACE(state, '{old}', '{new}') \
                     WHERE kind = 'product' AND name = '{product}'"
                ),
            );
            // One contract was made with the new operator, the other goes on with the old one.
            let mut second = super::stage::agreement(site, 2);
            second.operator = new.clone();
            hold(site, &second);
            meter(site, &second, "2026-11-05T04:00:00Z", 4);
            close_month(site, "2026-11");
            assert!(waiting(site).is_empty());
            let divided = |text: &str| -> Vec<(String, i64, i64)> {
                let views = site.db.read(|read| allocations::in_period(read, month(text)));
                let views = views.expect("read").into_iter();
                let of = |view: allocations::DivisionView| {
                    let (from, to) = view.document.stretch().expect("cumulative");
                    (view.document.agreement, from.fen(), to.fen())
                };
                views.map(of).collect()
            };
            let of = |operator: &str| format!("{product}/operator/{operator}");
            assert_eq!(divided("2026-10"), [(of(&old), 0, 50)]);
            // Who invoiced is who earned: the old one goes on, the new one begins at zero.
            let mut november = [(of(&old), 50, 100), (of(new.as_str()), 0, 100)];
            november.sort();
            assert_eq!(divided("2026-11"), november);
            books::hold(site);
            assert!(fits(site, "2026-10") && fits(site, "2026-11"));
            // The old one's revenue given to the new one is found, though every sum is right.
            let swapped = format!(
                "UPDATE statements SET provider_uscc = '{new}' WHERE provider_uscc = '{old}' \
                 AND period = '2026-11'"
            );
            sql(site, &swapped);
            let broken = books::broken(site);
            assert!(broken.contains(&"I12"), "{broken:?}");
        });
    });
}
