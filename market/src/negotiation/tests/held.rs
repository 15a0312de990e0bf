//! What a provider says is held against what this side knows itself: its catalog and its clock.

use super::*;
use crate::{agreement::Terms, message::CLOCK_SKEW_MS};

/// A request that waits, and the agreement by which the provider would answer it.
fn asked() -> (Pair, Message) {
    let offering = offering();
    let pair = Pair::open("manual", 12, &offering);
    let step = pair.provider.command(Command::Approve, Some(&offering), now()).expect("approved");
    let agreement = step.send[0].clone();
    (pair, agreement)
}

/// What the home node answers to an agreement; the code of a refusal in its place.
fn answered(home: &Process, message: &Message, offering: Option<&Offering>) -> String {
    match home.receive(message, offering, now()) {
        Ok(Received::Step(step)) => {
            let said = step.send.first().map(|answer| answer.body.kind());
            let ending = step.process.ending.map(|ending| ending.text);
            ending.or(said.map(str::to_owned)).expect("an answer")
        }
        Ok(Received::Repeat) => "repeat".to_owned(),
        Err(refusal) => refusal.code().to_owned(),
    }
}

#[test]
fn terms_are_the_published_ones_or_wait_until_the_catalog_is_as_new_as_they_are() {
    type Change = fn(&mut Terms);
    let (pair, agreement) = asked();
    let current = offering();
    // As new as the message by a clock that may be five minutes ahead is not as new.
    let confirmed_at = agreement.at.plus_millis(CLOCK_SKEW_MS - 1);
    let behind = Offering { confirmed_at: Some(confirmed_at), ..offering() };
    for known in [&current, &behind] {
        assert_eq!(answered(&pair.home, &agreement, Some(known)), "verification");
    }
    assert_eq!(answered(&pair.home, &agreement, None), "message.catalog_behind");
    let changes: [(&str, Change); 9] = [
        ("forbidden uses", |terms| terms.forbidden_uses.zh.push_str("一切")),
        ("guard", |terms| terms.guard.smallest_cell += 1),
        ("authorization", |terms| terms.authorization = terms.plan.product.clone()),
        ("ruleset", |terms| terms.ruleset.push('9')),
        ("split version", |terms| terms.split_version += 8),
        ("split", |terms| terms.split_hash = "00".repeat(32)),
        ("product version", |terms| terms.product_version.push('9')),
        ("end", |terms| terms.ends_by = terms.ends_by.plus_millis(86_400_000)),
        ("another end", |terms| terms.ends_by = day("2031-01-01").start()),
    ];
    for (what, change) in changes {
        let mut message = agreement.clone();
        let Body::Agreement(said) = &mut message.body else { panic!("an agreement") };
        change(&mut said.terms);
        said.ends_at = said.terms.end_of_term(said.starts_at);
        let found = answered(&pair.home, &message, Some(&current));
        assert_eq!(found, "what the catalog says", "{what}");
        let found = answered(&pair.home, &message, Some(&behind));
        assert_eq!(found, "message.catalog_behind", "{what}");
    }
}

#[test]
fn a_term_begins_after_it_was_asked_for_and_not_in_the_future() {
    let (pair, agreement) = asked();
    let current = offering();
    for (millis, fits) in [
        (-CLOCK_SKEW_MS, true),
        (-CLOCK_SKEW_MS - 1_000, false),
        (CLOCK_SKEW_MS, true),
        (CLOCK_SKEW_MS + 1_000, false),
    ] {
        let mut message = agreement.clone();
        let Body::Agreement(said) = &mut message.body else { panic!("an agreement") };
        said.starts_at = said.starts_at.plus_millis(millis);
        said.ends_at = said.terms.end_of_term(said.starts_at);
        let expected = match (fits, millis > 0) {
            (true, _) => "verification",
            (false, true) => "message.ahead",
            (false, false) => "the beginning of the term",
        };
        assert_eq!(answered(&pair.home, &message, Some(&current)), expected, "{millis}");
    }
    let mut long_ago = agreement;
    let Body::Agreement(said) = &mut long_ago.body else { panic!("an agreement") };
    said.starts_at = noon("2020-01-01");
    said.ends_at = said.terms.end_of_term(said.starts_at);
    assert_ne!(answered(&pair.home, &long_ago, Some(&current)), "verification");
}

#[test]
fn an_offer_of_other_terms_than_the_published_ones_is_no_offer() {
    let (pair, _) = asked();
    let current = offering();
    let Ok(terms) = judge(&pair.home.request, Some(&current), now()) else { panic!("offered") };
    let mut strict = terms.clone();
    strict.forbidden_uses.zh.push_str("一切");
    for (terms, expected) in [(terms, "acceptance"), (strict, "the catalog says other terms")] {
        let body = Body::Offer(Box::new(terms));
        let message = Message {
            process: pair.home.id.clone(),
            from: Side::Provider,
            seq: 1,
            state: body.leads_to(),
            at: now(),
            body,
        };
        assert_eq!(answered(&pair.home, &message, Some(&current)), expected);
    }
}

#[test]
fn nothing_ends_before_it_began_or_after_now() {
    let offering = offering();
    let pair = Pair::open("auto", 12, &offering);
    let command = Command::End { text: "over".to_owned() };
    let step = pair.home.command(command, Some(&offering), now()).expect("ended");
    let took = |millis: i64| {
        let mut message = step.send[0].clone();
        let Body::End(ending) = &mut message.body else { panic!("an end") };
        ending.at = ending.at.plus_millis(millis);
        let taken = pair.provider.receive(&message, Some(&offering), now());
        taken.map_err(|refusal| (refusal.code(), refusal.may_retry()))
    };
    let ended = |millis: i64| match took(millis).expect("taken") {
        Received::Step(step) => step.process.ending.expect("over").at,
        Received::Repeat => panic!("no repeat"),
    };
    for millis in [0, -CLOCK_SKEW_MS, CLOCK_SKEW_MS] {
        assert_eq!(ended(millis), now().plus_millis(millis));
    }
    assert_eq!(ended(-CLOCK_SKEW_MS - 1_000), now(), "it counts from its receipt");
    let mut later = pair.provider.clone();
    later.heard_at = Some(now().plus_millis(86_400_000));
    let heard = now().plus_millis(2 * 86_400_000);
    let taken = later.receive(&step.send[0], Some(&offering), heard).expect("taken");
    let Received::Step(taken) = taken else { panic!("no repeat") };
    let ended = taken.process.ending.expect("over").at;
    assert_eq!(ended, heard, "nor before what the same side said last");
    assert_eq!(took(CLOCK_SKEW_MS + 1_000).expect_err("ahead"), ("message.ahead", true));
}
