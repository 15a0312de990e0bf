//! The negotiation: every refusal, and both copies equal after any sequence of messages.

mod fees;
mod held;
mod mirror;
mod recall;

use lianshi_registry::{catalog::ProductStatus, refusal::Refusal as _};

use super::*;
use crate::{
    eligibility::Consequence,
    key::NEW_KEY_BYTES,
    sample::{day, noon, offering, parties, plan, request},
    subscription::State::{
        Accepted, Agreed, Ended, Finalized, Offered, Requested, Terminated, Verified,
    },
};

fn now() -> Timestamp {
    noon("2026-11-21")
}

/// Both copies, with messages carried at once and in order until nobody has anything to say.
struct Pair {
    home: Process,
    provider: Process,
    kinds: Vec<&'static str>,
}

impl Pair {
    fn open(code: &str, months: u32, provider_offering: &Offering) -> Self {
        let offering = offering();
        let request = request(&offering, code, months);
        let step = Process::open(parties(), request, Some(&offering), now()).expect("open");
        let first = &step.send[0];
        let answer =
            Process::receive_first(parties(), first, Some(provider_offering), now()).expect("new");
        let mut pair =
            Self { home: step.process, provider: answer.process, kinds: vec!["request"] };
        pair.carry(answer.send, provider_offering);
        pair
    }

    fn carry(&mut self, messages: Vec<Message>, offering: &Offering) {
        let mut waiting = std::collections::VecDeque::from(messages);
        while let Some(message) = waiting.pop_front() {
            self.kinds.push(message.body.kind());
            let to = match message.from {
                Side::Home => &mut self.provider,
                Side::Provider => &mut self.home,
            };
            match to.receive(&message, Some(offering), now()).expect("taken") {
                Received::Step(step) => {
                    *to = step.process;
                    waiting.extend(step.send);
                }
                Received::Repeat => panic!("no repeats here"),
            }
        }
    }

    fn act(&mut self, side: Side, command: Command, offering: &Offering) {
        let copy = match side {
            Side::Home => &mut self.home,
            Side::Provider => &mut self.provider,
        };
        let step = copy.command(command, Some(offering), now()).expect("allowed");
        *copy = step.process;
        self.carry(step.send, offering);
    }

    fn states(&self) -> (State, State) {
        (self.home.state, self.provider.state)
    }
}

#[test]
fn an_automatic_plan_is_in_force_without_a_person() {
    let offering = offering();
    let pair = Pair::open("auto", 12, &offering);
    assert_eq!(pair.states(), (Finalized, Finalized));
    assert_eq!(pair.kinds, ["request", "agreement", "verification", "finalization"]);
    assert_eq!(pair.home.agreement, pair.provider.agreement);
    assert_eq!(pair.home.agreement_hash(), pair.provider.agreement_hash());
    assert_eq!(pair.home.ends_at, Some(day("2027-11-21").start()));
    assert!(pair.home.in_force(now()) && !pair.home.in_force(day("2027-11-21").start()));
}

#[test]
fn a_manual_plan_waits_for_the_provider() {
    let offering = offering();
    let mut pair = Pair::open("manual", 12, &offering);
    assert_eq!(pair.states(), (Requested, Requested));
    pair.act(Side::Provider, Command::Approve, &offering);
    assert_eq!(pair.states(), (Finalized, Finalized));
}

#[test]
fn a_refusal_is_read_at_home() {
    let offering = offering();
    let mut pair = Pair::open("manual", 12, &offering);
    let text = "no capacity before spring".to_owned();
    pair.act(Side::Provider, Command::Refuse { text: text.clone() }, &offering);
    assert_eq!(pair.states(), (Terminated, Terminated));
    let ending = pair.home.ending.expect("a reason");
    assert_eq!((ending.code.as_str(), &ending.text), ("provider.refused", &text));
}

#[test]
fn a_request_the_catalog_forbids_meanwhile_is_refused_by_the_provider_itself() {
    let mut offering = offering();
    offering.status = ProductStatus::Delisted;
    let pair = Pair::open("auto", 12, &offering);
    assert_eq!(pair.states(), (Terminated, Terminated));
    assert_eq!(pair.home.ending, pair.provider.ending);
    let ending = pair.home.ending.expect("a reason");
    assert_eq!(ending.code, "subscription.product_not_offered");
}

#[test]
fn a_term_past_the_authorization_is_offered_cut_and_taken_by_itself() {
    let offering = offering();
    let pair = Pair::open("auto", 24, &offering);
    assert_eq!(pair.states(), (Finalized, Finalized));
    let all = ["request", "offer", "acceptance", "agreement", "verification", "finalization"];
    assert_eq!(pair.kinds, all);
    assert_eq!(pair.home.ends_at, Some(day("2028-01-01").start()));
}

#[test]
fn another_price_is_offered_and_waits_for_the_enterprise() {
    let mut changed = offering();
    let mut dearer = plan("auto", true);
    dearer.calls_per_month_max = 5;
    changed.plans = vec![dearer.clone()];
    let mut pair = Pair::open("auto", 12, &changed);
    assert_eq!(pair.states(), (Offered, Offered));
    let mut declined = Pair { kinds: Vec::new(), ..pair_of(&pair) };
    declined.act(Side::Home, Command::Decline { text: "too little".to_owned() }, &changed);
    assert_eq!(declined.states(), (Terminated, Terminated));
    pair.act(Side::Home, Command::Accept, &changed);
    assert_eq!(pair.states(), (Finalized, Finalized));
    assert_eq!(pair.home.agreement.expect("agreed").terms.plan, dearer);
}

fn pair_of(pair: &Pair) -> Pair {
    Pair { home: pair.home.clone(), provider: pair.provider.clone(), kinds: Vec::new() }
}

#[test]
fn an_agreement_that_differs_from_what_was_asked_ends_the_negotiation_on_both() {
    type Change = fn(&mut Agreement);
    let changes: [Change; 6] = [
        |a| a.terms.plan.calls_per_minute_max = 1,
        |a| a.terms.months = 3,
        |a| a.ends_at = a.ends_at.plus_millis(1000),
        |a| a.buyer_name = "Somebody Else".to_owned(),
        |a| a.terms.purpose_note = "anything".to_owned(),
        |a| a.home = a.provider.clone(),
    ];
    for change in changes {
        let offering = offering();
        let mut pair = Pair::open("manual", 12, &offering);
        let step =
            pair.provider.command(Command::Approve, Some(&offering), now()).expect("approved");
        let mut message = step.send[0].clone();
        let Body::Agreement(agreement) = &mut message.body else { panic!("an agreement") };
        change(agreement);
        pair.provider = step.process;
        pair.carry(vec![message], &offering);
        assert_eq!(pair.states(), (Terminated, Terminated));
        assert_eq!(pair.home.ending, pair.provider.ending);
        assert_eq!(pair.home.ending.expect("a reason").code, "agreement.differs");
    }
}

#[test]
fn either_side_ends_a_contract_and_both_hold_it() {
    for side in [Side::Home, Side::Provider] {
        let offering = offering();
        let mut pair = Pair::open("auto", 12, &offering);
        pair.act(side, Command::End { text: "enough".to_owned() }, &offering);
        assert_eq!(pair.states(), (Ended, Ended));
        assert_eq!(pair.home.ending, pair.provider.ending);
        assert_eq!(pair.home.ending.expect("a reason").by, side);
    }
}

#[test]
fn a_shortened_authorization_cuts_and_an_ended_one_ends() {
    let offering = offering();
    let mut pair = Pair::open("auto", 12, &offering);
    let ends_at = day("2027-02-01").start();
    let cut = Consequence::Cut { ends_at, code: "authorization.shortened", text: "t".to_owned() };
    pair.act(Side::Provider, Command::Follow(cut), &offering);
    assert_eq!((pair.home.ends_at, pair.provider.ends_at), (Some(ends_at), Some(ends_at)));
    assert_eq!(pair.home.notice, pair.provider.notice);
    let end = Consequence::End { code: "authorization.ended", text: "t".to_owned() };
    pair.act(Side::Provider, Command::Follow(end), &offering);
    assert_eq!(pair.states(), (Ended, Ended));
}

fn key_order(label: &str, active: usize) -> Command {
    let (_, grant) = KeyGrant::new([3; NEW_KEY_BYTES], label, now(), day("2027-11-21").start());
    Command::IssueKey(KeyOrder { grant, active })
}

#[test]
fn acts_that_do_not_fit_are_refused_with_their_codes() {
    let offering = offering();
    let requested = Pair::open("manual", 12, &offering);
    let active = Pair::open("auto", 12, &offering);
    let mut over = Pair::open("auto", 12, &offering);
    over.act(Side::Home, Command::End { text: "done".to_owned() }, &offering);
    let end = |text: &str| Command::End { text: text.to_owned() };
    let refuse = |text: &str| Command::Refuse { text: text.to_owned() };
    let accepted = Process { state: Accepted, ..requested.home.clone() };
    let agreed = Process { state: Agreed, ..requested.provider.clone() };
    let verified = Process { state: Verified, ..requested.home.clone() };
    let cases = [
        (&requested.provider, refuse(" "), "subscription.reason_missing"),
        (&requested.provider, refuse(&"x".repeat(501)), "subscription.text_too_long"),
        (&requested.home, Command::Approve, "subscription.unknown"),
        (&requested.provider, Command::Accept, "subscription.unknown"),
        (&requested.home, Command::Accept, "subscription.not_in_state"),
        (&active.provider, Command::Approve, "subscription.not_in_state"),
        (&over.home, end("again"), "subscription.not_in_state"),
        (&accepted, end("stop"), "subscription.awaits_other_side"),
        (&agreed, end("stop"), "subscription.awaits_other_side"),
        (&verified, end("stop"), "subscription.awaits_other_side"),
        (&active.home, end(""), "subscription.reason_missing"),
        (&requested.home, key_order("key", 0), "subscription.not_in_force"),
        (&over.home, key_order("key", 0), "subscription.not_in_force"),
        (&active.provider, key_order("key", 0), "subscription.unknown"),
        (&active.home, key_order(" ", 0), "subscription.key_label"),
        (&active.home, key_order(&"k".repeat(61), 0), "subscription.key_label"),
        (&active.home, key_order("key", 10), "subscription.too_many_keys"),
    ];
    for (process, command, expected) in cases {
        let refusal = process.command(command, Some(&offering), now()).expect_err(expected);
        assert_eq!(refusal.code(), expected);
    }
}

#[test]
fn messages_that_do_not_fit_are_refused_and_change_nothing() {
    let offering = offering();
    let pair = Pair::open("manual", 12, &offering);
    let step = pair.provider.command(Command::Approve, Some(&offering), now()).expect("approved");
    let agreement = step.send[0].clone();
    let hashed = Body::Finalization(crate::message::Hashed { hash: String::new() });
    let finalization = Message { state: Finalized, body: hashed, ..agreement.clone() };
    let other = SubscriptionId::from_random([1; 16]);
    let cases = [
        (Message { seq: 2, ..agreement.clone() }, "message.gap"),
        (Message { from: Side::Home, ..agreement.clone() }, "message.not_party"),
        (Message { process: other, ..agreement.clone() }, "message.not_party"),
        (Message { state: Offered, ..agreement.clone() }, "message.malformed"),
        (finalization, "message.illegal"),
    ];
    for (message, expected) in cases {
        let refusal = pair.home.receive(&message, None, now()).expect_err(expected);
        assert_eq!(refusal.code(), expected);
        assert_eq!(refusal.may_retry(), expected == "message.gap");
    }
    let first = Process::receive_first(parties(), &agreement, None, now());
    assert_eq!(first.expect_err("not a request").code(), "message.illegal");
}

#[test]
fn a_message_refused_for_good_ends_the_process_on_both() {
    let offering = offering();
    let pair = Pair::open("auto", 12, &offering);
    let step = pair.home.command(key_order("key", 0), None, now()).expect("issued");
    let rejection = Rejection {
        seq: step.send[0].seq,
        was_final: false,
        code: "message.illegal".to_owned(),
        text: "t".to_owned(),
    };
    let gave_up = step.process.command(Command::GiveUp(rejection), None, now()).expect("gave up");
    let mut after = Pair { home: gave_up.process, ..pair_of(&pair) };
    after.carry(gave_up.send, &offering);
    assert_eq!(after.states(), (Ended, Ended));
    assert_eq!(after.home.ending, after.provider.ending);
}
