//! A restored side is told what it said and heard, and believes of it what its own seals show.

use super::*;

/// Everything said of an automatic contract that the enterprise ended, as the provider kept it.
fn ended() -> (Pair, Vec<Message>) {
    let offering = offering();
    let opened = Process::open(parties(), request(&offering, "auto", 12), Some(&offering), now())
        .expect("open");
    let first = opened.send[0].clone();
    let agreed = Process::receive_first(parties(), &first, Some(&offering), now()).expect("agreed");
    let mut pair = Pair { home: opened.process, provider: agreed.process, kinds: Vec::new() };
    let mut kept = vec![first];
    let mut waiting = std::collections::VecDeque::from(agreed.send);
    let mut commands = vec![key_order("key", 0), Command::End { text: "no need".to_owned() }];
    commands.reverse();
    loop {
        let Some(message) = waiting.pop_front() else {
            let Some(command) = commands.pop() else { return (pair, kept) };
            let step = pair.home.command(command, Some(&offering), now()).expect("allowed");
            pair.home = step.process;
            waiting.extend(step.send);
            continue;
        };
        kept.push(message.clone());
        let to = match message.from {
            Side::Home => &mut pair.provider,
            Side::Provider => &mut pair.home,
        };
        let Ok(Received::Step(step)) = to.receive(&message, Some(&offering), now()) else {
            panic!("taken")
        };
        *to = step.process;
        waiting.extend(step.send);
    }
}

fn code(outcome: Result<Reconciled, MessageRefusal>) -> &'static str {
    outcome.expect_err("refused").code()
}

#[test]
fn whoever_forgot_the_ending_it_told_is_told_of_it() {
    let (pair, kept) = ended();
    let reconcile = |held| Process::reconcile((&parties(), Side::Home), held, &kept).expect("fits");
    for forgotten in 1..=kept.len() {
        let held = &kept[..kept.len() - forgotten];
        let reconciled = reconcile(held);
        let (step, played) = reconciled.recalled.expect("the ending is its own");
        assert_eq!((played, &reconciled.unheard[..]), (kept.len(), &[][..]));
        assert_eq!(step.process, pair.home, "{forgotten} messages forgotten");
        assert_eq!(step.effects.len(), 1, "the key");
    }
    assert_eq!(reconcile(&kept), Reconciled { recalled: None, unheard: Vec::new() });
}

#[test]
fn what_only_the_other_side_said_is_heard_as_it_would_have_been() {
    let (_, kept) = ended();
    let home = &kept[..kept.len() - 1];
    let provider = Process::reconcile((&parties(), Side::Provider), home, &kept).expect("fits");
    let expected = Reconciled { recalled: None, unheard: vec![kept.len() - 1] };
    assert_eq!(provider, expected, "the ending");
}

#[test]
fn an_agreement_other_than_the_one_that_was_verified_is_not_recalled() {
    let (_, mut kept) = ended();
    let Body::Agreement(agreement) = &mut kept[1].body else { panic!("an agreement") };
    agreement.terms.plan.calls_per_month_max = 1;
    let told = Process::reconcile((&parties(), Side::Home), &[], &kept);
    assert_eq!(code(told), "message.illegal");
    let missing = Process::reconcile((&parties(), Side::Home), &[], &kept[1..]);
    assert_eq!(code(missing), "message.illegal");
}

#[test]
fn an_agreement_of_others_and_a_history_without_the_ending_are_not_recalled() {
    let (_, kept) = ended();
    let others = Parties { home: crate::sample::node("cixi"), ..parties() };
    let told = Process::reconcile((&others, Side::Home), &[], &kept);
    assert_eq!(code(told), "message.not_party");
    // The last word was an ending; another of the same number would bring the contract back.
    let mut revived = kept.clone();
    let last = revived.len() - 1;
    revived[last] = Message { seq: 4, ..kept[last - 1].clone() };
    let told = Process::reconcile((&parties(), Side::Home), &kept, &revived);
    assert_eq!(code(told), "message.differs");
}

#[test]
fn what_was_heard_is_never_given_up_for_what_is_said_now() {
    let (_, kept) = ended();
    let mut other = kept.clone();
    other[1].at = other[1].at.plus_millis(1_000);
    let told = Process::reconcile((&parties(), Side::Home), &kept[..2], &other);
    assert_eq!(code(told), "message.differs");
    // One that forgot what it said knows nothing of what came after it.
    let mut forgetful = kept.clone();
    forgetful.remove(3);
    let told = Process::reconcile((&parties(), Side::Home), &kept[..4], &forgetful);
    assert_eq!(code(told), "message.differs");
}
