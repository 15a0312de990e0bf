//! Subscriptions between two nodes: each with its own database, letters carried, lost, repeated and
//! reordered by the test, processes killed between any two of them.

mod counted;
mod differing;
mod followed;
mod refused;
mod restored;
pub mod stated;
mod terms;
pub mod world;

use lianshi_market::{
    key::KeyState,
    message::{GAP, MESSAGE_KIND, Message},
    subscription::{Side, State, SubscriptionId},
};
use lianshi_registry::{
    entry::{Fact, MemberChange, PlanRetired, ProductNotice, Purpose},
    id::NumberKind,
    key::KeyPair,
    seal::Sealed,
    time::Timestamp,
    wire::Receipt,
};
use lianshi_store::{
    audit::{self, Actor, Verdict},
    letters,
    outbox::{self, OutboxRow, RETRY},
    subscriptions::{self, Decision, RequestSubscription},
};
use world::{
    World, answer, buyer, buyers_clerk, day, node, number, operator, operators_clerk, pass, wanted,
};

pub fn approve(world: &World, id: &SubscriptionId) {
    subscriptions::decide(&world.provider.site, &operators_clerk(), id, Decision::Approve)
        .expect("approved");
}

/// The whole life of a subscription.
fn live(world: &mut World) {
    let id = world.request("manual", 12);
    assert_eq!(world.home.view(&id, Side::Home).expect("there").undelivered, 1);
    world.carry_all();
    let waiting = world
        .provider
        .site
        .db
        .read(|read| subscriptions::waiting_for_decision(read, Some(&operator())));
    assert_eq!(waiting.expect("read"), 1);
    assert_eq!(world.same(&id).state, State::Requested);
    approve(world, &id);
    world.carry_all();
    let view = world.same(&id);
    assert_eq!(view.state, State::Finalized);
    assert_eq!(view.agreement_hash.len(), 64);
    assert_eq!(view.ends_at, Some(day("2027-11-21").start()));

    let made = subscriptions::create_key(&world.home.site, &buyers_clerk(), &id, "billing");
    let made = made.expect("a key");
    let contract = |world: &World| {
        let hash = made.secret.hash();
        let site = &world.provider.site;
        site.db.read(|read| subscriptions::entitlement_by_key(read, &hash)).expect("read")
    };
    assert_eq!(contract(world), None, "the provider has not heard of it");
    world.carry_all();
    let found = contract(world).expect("known now");
    assert_eq!((found.home.as_str(), &found.buyer), ("haishu", &buyer()));
    let product = number(NumberKind::Product);
    assert_eq!(found.entitlement.admit(&product, None, world::now()), Ok(()));

    subscriptions::revoke_key(&world.home.site, &buyers_clerk(), &id, &made.id).expect("revoked");
    world.carry_all();
    assert!(contract(world).expect("still known").entitlement.key_revoked);
    for (site, side) in [(&world.home.site, Side::Home), (&world.provider.site, Side::Provider)] {
        let keys = site.db.read(|read| subscriptions::keys(read, &id, side)).expect("read");
        assert_eq!(keys.len(), 1);
        assert_eq!((keys[0].state, keys[0].label.as_str()), (KeyState::Revoked, "billing"));
        assert!(site.db.read(|read| subscriptions::history(read, &id, side)).unwrap().len() >= 6);
        let verdict = site.db.read(audit::verify).expect("read");
        assert!(matches!(verdict, Verdict::Whole { rows, .. } if rows >= 5));
    }
    let mine = world.home.site.db.read(|read| subscriptions::for_buyer(read, &buyer()));
    let theirs = world.provider.site.db.read(|read| subscriptions::for_provider(read, &operator()));
    assert_eq!((mine.unwrap().len(), theirs.unwrap().len()), (1, 1));

    pass(60_000);
    subscriptions::end(&world.home.site, &buyers_clerk(), &id, "no longer needed").expect("ended");
    world.carry_all();
    let view = world.same(&id);
    assert_eq!(view.state, State::Ended);
    let ending = view.ending.expect("a reason");
    assert_eq!((ending.by, ending.text.as_str()), (Side::Home, "no longer needed"));
}

#[test]
fn a_subscription_lives_on_any_pair_of_databases() {
    live(&mut World::new());
    live(&mut World::mixed(false));
    live(&mut World::mixed(true));
}

#[test]
fn a_refusal_is_read_at_home_with_its_reason() {
    let mut world = World::new();
    let id = world.request("manual", 12);
    world.carry_all();
    let refuse = Decision::Refuse { text: "本季度名额已满".to_owned() };
    subscriptions::decide(&world.provider.site, &operators_clerk(), &id, refuse).expect("refused");
    world.carry_all();
    let view = world.same(&id);
    assert_eq!(view.state, State::Terminated);
    let ending = view.ending.expect("a reason");
    assert_eq!((ending.by, ending.code.as_str()), (Side::Provider, "provider.refused"));
    assert_eq!(ending.text, "本季度名额已满");
}

/// What happens to one letter.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fate {
    Lost,
    ReceiptLost,
    Twice,
    SenderDies,
    ReceiverDies,
    BothDie,
}

const FATES: [Fate; 6] = [
    Fate::Lost,
    Fate::ReceiptLost,
    Fate::Twice,
    Fate::SenderDies,
    Fate::ReceiverDies,
    Fate::BothDie,
];

fn suffer(world: &mut World, side: Side, fate: Fate) {
    let Some(letter) = world.node(side).next_letter() else { return };
    match fate {
        Fate::Lost => {}
        Fate::ReceiptLost => assert_eq!(world.deliver(side, &letter), "taken"),
        Fate::Twice => {
            assert_eq!(world.deliver(side, &letter), "taken");
            assert_eq!(world.carry(side, &letter), "taken");
        }
        Fate::SenderDies => {
            assert_eq!(world.deliver(side, &letter), "taken");
            world.node(side).restart();
        }
        Fate::ReceiverDies => {
            world.node(side.other()).restart();
            assert_eq!(world.deliver(side, &letter), "taken");
            world.node(side.other()).restart();
        }
        Fate::BothDie => {
            assert_eq!(world.deliver(side, &letter), "taken");
            world.node(side).restart();
            world.node(side.other()).restart();
        }
    }
}

/// Carries letters one by one; the one with this number meets its fate first. Gives how many there
/// were.
fn carry_with(world: &mut World, fatal: usize, fate: Fate, count: &mut usize) {
    for _ in 0..50 {
        for side in [Side::Home, Side::Provider] {
            while world.node(side).next_letter().is_some() {
                if *count == fatal {
                    suffer(world, side, fate);
                }
                *count += 1;
                let Some(letter) = world.node(side).next_letter() else { continue };
                assert_eq!(world.carry(side, &letter), "taken");
            }
        }
    }
}

#[test]
fn every_state_survives_a_lost_message_and_a_death_on_either_side() {
    for fate in FATES {
        let mut letters = 0;
        let mut fatal = 0;
        // The long term makes the provider offer first: all states of the protocol are passed.
        while fatal <= letters {
            let mut world = World::new();
            let id = world.request("manual", 24);
            let mut count = 0;
            carry_with(&mut world, fatal, fate, &mut count);
            approve(&world, &id);
            carry_with(&mut world, fatal, fate, &mut count);
            assert_eq!(world.same(&id).state, State::Finalized, "{fate:?} at letter {fatal}");
            subscriptions::create_key(&world.home.site, &buyers_clerk(), &id, "k").expect("a key");
            carry_with(&mut world, fatal, fate, &mut count);
            let end = subscriptions::end(&world.provider.site, &operators_clerk(), &id, "closed");
            end.expect("ended");
            carry_with(&mut world, fatal, fate, &mut count);
            let view = world.same(&id);
            assert_eq!(view.state, State::Ended);
            let site = &world.provider.site;
            let keys = site.db.read(|read| subscriptions::keys(read, &id, Side::Provider));
            assert_eq!(keys.expect("read").len(), 1, "{fate:?} at letter {fatal}");
            letters = count;
            fatal += 1;
        }
        assert!(letters >= 8, "{letters} letters: six of the negotiation, a key and an end");
    }
}

#[test]
fn reordered_messages_wait_for_the_one_before() {
    let mut world = World::new();
    let id = world.request("auto", 12);
    world.carry_all();
    for label in ["one", "two", "three"] {
        subscriptions::create_key(&world.home.site, &buyers_clerk(), &id, label).expect("a key");
    }
    let letters = world.home.letters();
    assert_eq!(letters.len(), 3);
    assert_eq!(world.deliver(Side::Home, &letters[2]), "message.gap");
    assert_eq!(world.deliver(Side::Home, &letters[1]), "message.gap");
    assert_eq!(world.deliver(Side::Home, &letters[0]), "taken");
    assert_eq!(world.deliver(Side::Home, &letters[2]), "message.gap");
    assert_eq!(world.deliver(Side::Home, &letters[1]), "taken");
    assert_eq!(world.deliver(Side::Home, &letters[0]), "taken", "a repeat");
    world.home.put_back(&letters);
    world.carry_all();
    let site = &world.provider.site;
    let keys = site.db.read(|read| subscriptions::keys(read, &id, Side::Provider)).expect("read");
    assert_eq!(keys.len(), 3);
}

/// What is taken away goes before fifty statements of old, whatever became of it before.
fn hurries(mut world: World) {
    let id = world.request("auto", 12);
    world.carry_all();
    let site = world.home.site.clone();
    let made = subscriptions::create_key(&site, &buyers_clerk(), &id, "k").expect("a key");
    let key = world.home.next_letter().expect("its letter");
    let statement = |n: i64| OutboxRow {
        id: format!("statement/{n}"),
        ordering_key: format!("statement/{n}"),
        due_at: 1,
        ..key.clone()
    };
    let put = site
        .db
        .write(|write| (0..50).try_for_each(|n| outbox::enqueue(write, &statement(n)).map(drop)));
    put.expect("enqueued");
    let next = || {
        let due = site.db.read(|read| outbox::due_to(read, "yinzhou", (world::now(), 2)));
        let due: Vec<OutboxRow> = due.expect("due");
        assert_eq!(due.len(), 2);
        due[0].clone()
    };
    let fail = |letter: &OutboxRow| {
        let now = world::now();
        let failed = site.db.write(|write| outbox::failed(write, &letter.id, "no route", now));
        failed.expect("failed");
    };
    let wake = || {
        pass(1);
        site.db.write(|write| outbox::wake(write, "yinzhou", world::now())).expect("woken");
    };
    let done = |letter: &OutboxRow| {
        site.db.write(|write| outbox::done(write, &letter.id)).expect("done");
    };
    assert!(next().id.starts_with("statement/"), "{:?}", next());
    fail(&key);
    subscriptions::revoke_key(&site, &buyers_clerk(), &id, &made.id).expect("revoked");
    wake();
    assert_eq!(next().id, key.id, "the key was made before it was taken back, and tried");
    fail(&key);
    assert!(next().id.starts_with("statement/"), "it has its pause like any other");
    pass(RETRY.max_ms());
    assert_eq!(next().id, key.id);
    done(&key);

    let revocation = next();
    assert!(revocation.id.starts_with("market/"), "{revocation:?}");
    (0..3).for_each(|_| fail(&revocation));
    wake();
    assert_eq!(next().id, revocation.id, "nobody was there three times");
    let put_off = |code: &str| {
        let answer = letters::Answer::Receipt(Receipt::refused(code, "later", true));
        letters::settle(&site, vec![(next(), answer)]).expect("settled");
        pass(RETRY.max_ms());
    };
    put_off("message.ahead");
    assert_eq!(next().id, revocation.id, "it was put off");
    put_off(GAP);
    let mut resent = 0;
    while next().id != revocation.id {
        assert!(next().id.starts_with("market/"), "before it goes what is missing: {:?}", next());
        done(&next());
        resent += 1;
    }
    assert!(resent > 1, "{resent}");
    done(&revocation);

    subscriptions::end(&site, &buyers_clerk(), &id, "done").expect("ended");
    let ending = next();
    assert!(ending.id.starts_with("market/"), "{ending:?}");
    fail(&ending);
    wake();
    assert_eq!(next().id, ending.id);
}

#[test]
fn what_is_taken_away_is_told_before_what_is_only_said() {
    hurries(World::new());
    hurries(World::mixed(true));
}

#[test]
fn endings_that_cross_become_one() {
    let mut world = World::new();
    let id = world.request("auto", 12);
    world.carry_all();
    subscriptions::end(&world.provider.site, &operators_clerk(), &id, "ours").expect("ended");
    pass(5_000);
    subscriptions::end(&world.home.site, &buyers_clerk(), &id, "theirs").expect("ended");
    world.carry_all();
    let ending = world.same(&id).ending.expect("a reason");
    assert_eq!((ending.by, ending.text.as_str()), (Side::Provider, "ours"), "the earlier stands");
}

#[test]
fn one_node_may_be_both_sides() {
    let world = World::new();
    let site = &world.provider.site;
    let id = subscriptions::request(site, &buyers_clerk(), wanted("auto", 12)).expect("requested");
    while let Some(letter) = world.provider.next_letter() {
        assert_eq!(letter.target, "yinzhou");
        assert_eq!(
            answer(letters::receive(site, &site.node, (&letter.kind, &letter.payload))),
            "taken"
        );
        world.provider.settle(&letter.id);
    }
    for side in [Side::Home, Side::Provider] {
        assert_eq!(world.provider.view(&id, side).expect("held").state, State::Finalized);
    }
    let made = subscriptions::create_key(site, &buyers_clerk(), &id, "k").expect("a key");
    let letter = world.provider.next_letter().expect("the key's letter");
    assert_eq!(
        answer(letters::receive(site, &site.node, (&letter.kind, &letter.payload))),
        "taken"
    );
    world.provider.settle(&letter.id);
    let hash = made.secret.hash();
    let found = site.db.read(|read| subscriptions::entitlement_by_key(read, &hash));
    assert_eq!(found.expect("read").expect("valid").entitlement.key_id, made.id);
}

/// A change of what is asked for.
type Change = fn(&mut RequestSubscription);

/// The code a request is refused with at home.
fn request_code(world: &World, change: impl Fn(&mut RequestSubscription)) -> &'static str {
    let mut wanted = wanted("manual", 12);
    change(&mut wanted);
    answer(subscriptions::request(&world.home.site, &buyers_clerk(), wanted).map(|_| ()))
}

#[test]
fn requests_that_cannot_be_met_are_refused_at_home_already() {
    let world = World::new();
    assert_eq!(request_code(&world, |_| {}), "taken");
    let cases: [(&str, Change); 7] = [
        ("subscription.product_unknown", |w| w.product = number(NumberKind::Resource)),
        ("subscription.plan_unknown", |w| w.plan = "none".to_owned()),
        ("subscription.purpose_not_covered", |w| w.purpose = Purpose::PublicGood),
        ("subscription.purpose_missing", |w| w.purpose_note = String::new()),
        ("subscription.text", |w| w.purpose_note = "a\0b".to_owned()),
        ("subscription.text_too_long", |w| w.purpose_note = "长".repeat(501)),
        ("subscription.term_out_of_range", |w| w.months = 25),
    ];
    for (expected, change) in cases {
        assert_eq!(request_code(&world, change), expected);
    }
    let product = number(NumberKind::Product);
    let (code, reason) = ("manual".to_owned(), "replaced".to_owned());
    world.publish(&[Fact::PlanRetired(PlanRetired { product: product.clone(), code, reason })]);
    assert_eq!(request_code(&world, |_| {}), "subscription.plan_retired");
    let reason = "maintenance".to_owned();
    world.publish(&[Fact::ProductPaused(ProductNotice { number: product, reason })]);
    assert_eq!(request_code(&world, |_| {}), "subscription.product_not_offered");
    pass(day("2029-01-02").start().millis() - world::now().millis());
    assert_eq!(request_code(&world, |_| {}), "subscription.past_authorization");
}

#[test]
fn what_home_did_not_know_yet_the_provider_refuses_and_home_reads_it() {
    let mut world = World::new();
    let id = world.request("auto", 12);
    let (code, reason) = ("auto".to_owned(), "replaced".to_owned());
    let product = number(NumberKind::Product);
    world
        .provider
        .replicate("yinzhou", &[Fact::PlanRetired(PlanRetired { product, code, reason })]);
    world.carry_all();
    let view = world.same(&id);
    assert_eq!(view.state, State::Terminated);
    assert_eq!(view.ending.expect("a reason").code, "subscription.plan_retired");
}

#[test]
fn a_foreign_subscription_is_answered_like_an_absent_one() {
    let mut world = World::new();
    let id = world.request("manual", 12);
    world.carry_all();
    let stranger = Actor { name: "x".to_owned(), organization: "91330200MA2TEQT175".to_owned() };
    let (home, provider) = (&world.home.site, &world.provider.site);
    let absent = SubscriptionId::from_random([0; 16]);
    let unknown = "subscription.unknown";
    for (actor, id) in [(&stranger, &id), (&buyers_clerk(), &absent)] {
        assert_eq!(answer(subscriptions::end(home, actor, id, "x")), unknown);
        assert_eq!(answer(subscriptions::decide(provider, actor, id, Decision::Approve)), unknown);
        let key = subscriptions::create_key(home, actor, id, "x").map(|_| ());
        assert_eq!(answer(key), unknown);
        assert_eq!(answer(subscriptions::revoke_key(home, actor, id, "K-x")), unknown);
    }
    let own = subscriptions::decide(home, &buyers_clerk(), &id, Decision::Approve);
    assert_eq!(answer(own), unknown, "a buyer does not approve its own request");
    let early = subscriptions::create_key(home, &buyers_clerk(), &id, "x").map(|_| ());
    assert_eq!(answer(early), "subscription.not_in_force");
    let none = subscriptions::revoke_key(home, &buyers_clerk(), &id, "K-x");
    assert_eq!(answer(none), "subscription.key_unknown");
}

#[test]
fn an_eleventh_key_is_refused_until_one_is_revoked() {
    let mut world = World::new();
    let id = world.request("auto", 12);
    world.carry_all();
    let make = || subscriptions::create_key(&world.home.site, &buyers_clerk(), &id, "k");
    let first = make().expect("a key");
    for _ in 1..10 {
        make().expect("a key");
    }
    assert_eq!(answer(make().map(|_| ())), "subscription.too_many_keys");
    subscriptions::revoke_key(&world.home.site, &buyers_clerk(), &id, &first.id).expect("revoked");
    make().expect("there is room");
}

#[test]
fn letters_that_are_not_what_they_claim_are_refused_and_change_nothing() {
    let mut world = World::new();
    let id = world.request("manual", 12);
    let letter = world.home.next_letter().expect("the request");
    let (haishu, yinzhou) = (node("haishu"), node("yinzhou"));
    let receive = |from, bytes: &[u8]| {
        answer(letters::receive(&world.provider.site, from, (MESSAGE_KIND, bytes)))
    };
    let bytes = &letter.payload;
    let seal = KeyPair::from_seed([200; 32]);
    let forged = Sealed::new(haishu.clone(), MESSAGE_KIND, b"{}", &seal).to_bytes();
    let nobody = Sealed::new(node("nobody"), MESSAGE_KIND, b"{}", &seal).to_bytes();
    let key = &world.home.site.seal_key;
    let empty = Sealed::new(haishu.clone(), MESSAGE_KIND, b"{}", key).to_bytes();
    let other_kind = Sealed::new(haishu.clone(), "statement", b"{}", key).to_bytes();
    let cases: [(&_, &[u8], &str); 8] = [
        (&haishu, b"", "letter.malformed"),
        (&haishu, &bytes[..bytes.len() / 2], "letter.malformed"),
        (&haishu, &vec![b'x'; 600 * 1024], "letter.too_large"),
        (&haishu, &forged, "letter.seal"),
        (&haishu, &empty, "message.malformed"),
        (&haishu, &other_kind, "letter.other_kind"),
        (&yinzhou, bytes, "letter.not_of_sender"),
        (&node("nobody"), &nobody, "letter.sender_unknown"),
    ];
    for (from, bytes, expected) in cases {
        assert_eq!(receive(from, bytes), expected);
    }
    assert!(world.provider.view(&id, Side::Provider).is_none());
    assert_eq!(receive(&haishu, bytes), "taken");

    // The same sequence with another content, sealed by the right key.
    let sealed = Sealed::parse(bytes).expect("own letter");
    let payload = sealed.open(&key.public()).expect("own seal");
    let message: Message = serde_json::from_slice(&payload).expect("own message");
    let changed = Message { at: Timestamp::parse("2026-11-21T03:00:00Z").unwrap(), ..message };
    let changed = serde_json::to_vec(&changed).expect("json");
    let changed = Sealed::new(haishu.clone(), MESSAGE_KIND, &changed, key).to_bytes();
    assert_eq!(receive(&haishu, &changed), "message.differs");
    // Another member speaks for a party it is not.
    let foreign =
        Sealed::new(yinzhou.clone(), MESSAGE_KIND, &payload, &world.provider.site.seal_key);
    assert_eq!(receive(&yinzhou, &foreign.to_bytes()), "message.not_party");
    world.carry_all();
    let change = MemberChange { node: haishu.clone(), from_index: 0, reason: "x".to_owned() };
    world.provider.replicate("ningbo", &[Fact::MemberSuspended(change)]);
    subscriptions::end(&world.home.site, &buyers_clerk(), &id, "x").expect("withdrawn");
    let letter = world.home.next_letter().expect("the ending");
    assert_eq!(world.deliver(Side::Home, &letter), "letter.sender_suspended");
}

#[test]
fn a_message_refused_for_good_ends_the_subscription_on_both_sides() {
    let mut world = World::new();
    let id = world.request("auto", 12);
    world.carry_all();
    for label in ["one", "two"] {
        subscriptions::create_key(&world.home.site, &buyers_clerk(), &id, label).expect("a key");
    }
    let letter = world.home.next_letter().expect("the key's letter");
    let site = &world.home.site;
    subscriptions::rejected(site, &letter, "message.illegal", "on purpose").expect("given up");
    subscriptions::rejected(site, &letter, "message.illegal", "again").expect("no effect");
    world.carry_all();
    let view = world.same(&id);
    assert_eq!(view.state, State::Ended);
    assert_eq!(view.ending.expect("a reason").code, "message.refused");
}

/// Asks again for the product the buyer holds already.
fn ask_again(world: &World, reason: &str) -> Result<SubscriptionId, &'static str> {
    use lianshi_registry::refusal::Refusal as _;

    let order = RequestSubscription { second_reason: reason.to_owned(), ..wanted("auto", 12) };
    match subscriptions::request(&world.home.site, &buyers_clerk(), order) {
        Ok(id) => Ok(id),
        Err(lianshi_store::Failure::Refused(refusal)) => Err(refusal.code()),
        Err(lianshi_store::Failure::Fault(fault)) => panic!("{fault}"),
    }
}

#[test]
fn a_second_subscription_needs_a_reason_that_the_provider_reads() {
    let mut world = World::new();
    let first = world.request("auto", 12);
    world.carry_all();
    assert_eq!(world.same(&first).state, State::Finalized);
    assert_eq!(ask_again(&world, " "), Err("subscription.second_needs_reason"));
    let second = ask_again(&world, "另一部门单独结算").expect("asked");
    world.carry_all();
    let view = world.same(&second);
    assert_eq!((view.state, &*view.second_reason), (State::Requested, "另一部门单独结算"));
    approve(&world, &second);
    world.carry_all();
    assert_eq!(world.same(&second).state, State::Finalized);
    // What is over is no other subscription.
    for id in [&first, &second] {
        subscriptions::end(&world.home.site, &buyers_clerk(), id, "done").expect("ended");
    }
    world.carry_all();
    let third = ask_again(&world, "").expect("asked");
    world.carry_all();
    assert_eq!(world.same(&third).state, State::Finalized);
}

#[test]
fn a_provider_counts_what_a_buyer_holds_by_itself() {
    let mut world = World::new();
    world.request("auto", 12);
    world.carry_all();
    // A home node that forgot what its enterprise holds.
    let home = &world.home.site;
    home.db
        .write(|write| {
            use diesel::RunQueryDsl as _;
            Ok::<_, lianshi_store::Fault>(
                diesel::sql_query("UPDATE subscriptions SET state = 'ended'")
                    .execute(&mut **write)?,
            )
        })
        .expect("forgotten");
    let second = ask_again(&world, "").expect("home knows of no other");
    world.carry_all();
    let ending = world.same(&second).ending.expect("refused");
    assert_eq!(ending.code, "subscription.second_needs_reason");
}

#[test]
fn requests_that_wait_are_bounded_for_a_buyer() {
    let world = World::new();
    let ask = |n: u64| {
        let second_reason = if n == 0 { String::new() } else { format!("reason {n}") };
        request_code(&world, |wanted| wanted.second_reason.clone_from(&second_reason))
    };
    for n in 0..lianshi_market::eligibility::WAITING_PER_BUYER_MAX {
        assert_eq!(ask(n), "taken");
    }
    assert_eq!(ask(99), "subscription.too_many_waiting");
}
