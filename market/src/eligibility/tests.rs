//! A test for each reason why a request is not met, and for the cut of the term.

use lianshi_registry::{
    entry::{BuyerKind, Charge, Purpose},
    refusal::Refusal as _,
};

use super::*;
use crate::sample::{day, noon, offering, request};

/// A change of what is offered or asked for.
type Change = fn(&mut Offering, &mut Request);

fn code(change: Change) -> &'static str {
    let mut offering = offering();
    let mut request = request(&offering, "manual", 12);
    change(&mut offering, &mut request);
    match judge(&request, Some(&offering), noon("2026-11-21")) {
        Ok(_) => "met",
        Err(refusal) => refusal.code(),
    }
}

#[test]
fn what_cannot_be_had_is_refused_with_its_own_code() {
    let cases: [(&str, Change); 23] = [
        ("met", |_, _| {}),
        ("subscription.product_not_offered", |o, _| o.status = ProductStatus::Paused),
        ("subscription.product_expired", |o, _| o.product.valid_until = day("2026-11-21")),
        ("subscription.operator_changed", |o, r| o.product.operator = r.buyer.clone()),
        ("subscription.plan_unknown", |_, r| r.plan = "none".to_owned()),
        ("subscription.plan_retired", |_, r| r.plan = "old".to_owned()),
        ("subscription.purpose_not_covered", |_, r| r.purpose = Purpose::PublicGood),
        ("subscription.purpose_not_covered", |o, _| o.product.purposes.clear()),
        ("subscription.purpose_not_covered", |o, _| {
            o.authorization.as_mut().expect("there").purposes.clear();
        }),
        ("subscription.purpose_missing", |_, r| r.purpose_note = "  ".to_owned()),
        ("subscription.text", |_, r| r.purpose_note = "a\u{202e}b".to_owned()),
        ("subscription.text_too_long", |_, r| r.purpose_note = "用".repeat(501)),
        ("subscription.term_out_of_range", |_, r| r.months = 0),
        ("subscription.term_out_of_range", |_, r| r.months = 25),
        ("subscription.authorization_not_in_force", |o, _| o.authorization = None),
        ("subscription.authorization_not_in_force", |o, _| {
            o.authorization_status = Some(AuthorizationStatus::Suspended);
        }),
        ("subscription.authorization_not_in_force", |o, _| {
            o.authorization.as_mut().expect("there").from = day("2026-11-22");
        }),
        ("subscription.past_authorization", |o, _| {
            o.authorization.as_mut().expect("there").until = day("2026-11-21");
        }),
        ("subscription.second_needs_reason", |o, _| o.held.live = 1),
        ("subscription.second_needs_reason", |_, r| r.second_reason = " ".to_owned()),
        ("subscription.text_too_long", |_, r| r.second_reason = "用".repeat(501)),
        ("met", |o, r| {
            o.held.live = 1;
            r.second_reason = "another department pays for its own".to_owned();
        }),
        ("subscription.too_many_waiting", |o, _| o.held.waiting = WAITING_PER_BUYER_MAX),
    ];
    for (expected, change) in cases {
        assert_eq!(code(change), expected);
    }
    let request = request(&offering(), "manual", 12);
    let unknown = judge(&request, None, noon("2026-11-21"));
    assert_eq!(unknown.map_err(|no| no.code()), Err("subscription.product_unknown"));
}

#[test]
fn refusals_of_the_authorization_cite_their_rule() {
    let mut offering = offering();
    offering.authorization_status = Some(AuthorizationStatus::Ended);
    let request = request(&offering, "manual", 12);
    let refusal = judge(&request, Some(&offering), noon("2026-11-21")).expect_err("ended");
    assert_eq!(refusal.rule(), Some(offering.scope_rule));
}

#[test]
fn a_term_ends_with_the_authorization_or_the_certificate() {
    let mut offering = offering();
    let now = noon("2026-11-21");
    let request = request(&offering, "manual", 24);
    let terms = judge(&request, Some(&offering), now).expect("met");
    assert!(terms.is_cut(now));
    assert_eq!(terms.end_of_term(now), day("2028-01-01").start());
    offering.product.valid_until = day("2027-06-01");
    let terms = judge(&request, Some(&offering), now).expect("met");
    assert_eq!(terms.end_of_term(now), day("2027-06-01").start());
    let month = judge(&Request { months: 1, ..request }, Some(&offering), now).expect("met");
    assert!(!month.is_cut(now));
    assert_eq!(month.end_of_term(now), day("2026-12-21").start());
}

#[test]
fn contracts_follow_what_they_stand_on() {
    let ends_at = day("2027-11-21").start();
    let mut offering = offering();
    assert_eq!(consequence(Some(&offering), ends_at), None);
    assert_eq!(consequence(None, ends_at), None);
    offering.status = ProductStatus::Paused;
    offering.authorization_status = Some(AuthorizationStatus::Suspended);
    assert_eq!(consequence(Some(&offering), ends_at), None, "calls rest, the contract stays");
    offering.product.valid_until = day("2027-02-01");
    let cut = consequence(Some(&offering), ends_at);
    assert!(
        matches!(cut, Some(Consequence::Cut { ends_at, .. }) if ends_at == day("2027-02-01").start())
    );
    offering.authorization_status = Some(AuthorizationStatus::Ended);
    let ended = consequence(Some(&offering), ends_at);
    assert!(matches!(ended, Some(Consequence::End { code: "authorization.ended", .. })));
    offering.status = ProductStatus::Delisted;
    let delisted = consequence(Some(&offering), ends_at);
    assert!(matches!(delisted, Some(Consequence::End { code: "product.delisted", .. })));
}

#[test]
fn a_free_plan_is_agreed_to_at_once_only_for_kinds_it_names_and_without_trade() {
    let plan = Plan {
        purpose: Purpose::PublicGood,
        charge: Charge::Free,
        qualifies: vec![BuyerKind::StateOrgan, BuyerKind::Foundation, BuyerKind::Enterprise],
        ..crate::sample::plan("free", true)
    };
    let offering = offering();
    let check = |code: &str, note: &str, expected: bool| {
        let mut request = request(&offering, "auto", 12);
        request.purpose = Purpose::PublicGood;
        request.buyer = crate::sample::uscc(code);
        request.purpose_note = note.to_owned();
        assert_eq!(is_automatic(&plan, &request), expected, "{code} {note}");
    };
    check("11330203MB2TEQT03", "关爱独居老人", true);
    check("53330203MJ2TEQT03", "to help the elderly", true);
    check("12330203MB2TEQT03", "关爱独居老人", false);
    // Named by a plan all the same: an enterprise may trade.
    check("91330203MA2TEQT03", "关爱独居老人", false);
    check("11330203MB2TEQT03", "Commercial use and resale", false);
    check("11330203MB2TEQT03", "用于商业转售", false);
}

#[test]
fn paid_plans_are_agreed_to_at_once_but_a_second_subscription_is_read() {
    let offering = offering();
    let mut request = request(&offering, "auto", 12);
    let plan = crate::sample::plan("auto", true);
    assert!(is_automatic(&plan, &request));
    assert!(!is_automatic(&crate::sample::plan("manual", false), &request));
    request.second_reason = "another department".to_owned();
    assert!(!is_automatic(&plan, &request));
}

#[test]
fn the_kind_of_a_buyer_stands_in_its_code() {
    let kind = |seventeen: &str| BuyerKind::of(&crate::sample::uscc(seventeen));
    assert_eq!(kind("11330203MB2TEQT03"), BuyerKind::StateOrgan);
    assert_eq!(kind("12330203MB2TEQT03"), BuyerKind::PublicInstitution);
    assert_eq!(kind("51330203MJ2TEQT03"), BuyerKind::SocialOrganization);
    assert_eq!(kind("91330203MA2TEQT03"), BuyerKind::Enterprise);
    assert_eq!(kind("93330203MA2TEQT03"), BuyerKind::Cooperative);
    assert_eq!(kind("81330203MA2TEQT03"), BuyerKind::Other);
}
