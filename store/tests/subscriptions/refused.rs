//! What one side refused binds nobody, and no date that a side writes takes back what was due.

use diesel::{RunQueryDsl as _, sql_query};
use lianshi_market::{
    agreement::Agreement,
    message::{Body, MESSAGE_KIND, Message},
    subscription::{Side, State, SubscriptionId},
};
use lianshi_registry::{
    entry::{Ceiling, Charge, ChargeUnit, Fact, Plan},
    id::NumberKind,
    price::Price,
    seal::Sealed,
    time::Period,
};
use lianshi_store::{Fault, close, outbox::OutboxRow, rehearsal, statements, subscriptions, usage};

use super::{
    World, approve,
    stated::{DAY_MS, ON_BOTH, november},
    world::{Node, buyers_clerk, day, number, operators_clerk, pass, plan, seal_key},
};

/// The letter as its sender would have sealed it with another message in it.
fn forged(letter: &OutboxRow, by: &Node, change: impl FnOnce(&mut Message)) -> OutboxRow {
    let name = &by.site.node;
    let sealed = Sealed::parse(&letter.payload).expect("sealed");
    let key = seal_key(name.as_str());
    let payload = sealed.open(&key.public()).expect("by this node");
    let mut message: Message = serde_json::from_slice(&payload).expect("a message");
    change(&mut message);
    let payload = serde_json::to_vec(&message).expect("JSON");
    let payload = Sealed::new(name.clone(), MESSAGE_KIND, &payload, &key).to_bytes();
    OutboxRow { payload, ..letter.clone() }
}

/// The provider's copy becomes what a provider would make of it that says `agreement` holds.
fn put_in_force(provider: &Node, agreement: &Agreement) {
    let id = agreement.subscription.as_str();
    let written: Result<(), Fault> = provider.site.db.write(|write| {
        sql_query(format!("DELETE FROM subscriptions WHERE id = '{id}'")).execute(&mut **write)?;
        rehearsal::contract(write, Side::Provider, std::slice::from_ref(agreement))
    });
    written.expect("written");
}

#[test]
fn a_statement_under_an_agreement_that_was_refused_is_refused() {
    for world in ON_BOTH {
        let mut world = world();
        let id = world.request("manual", 12);
        world.carry_all();
        approve(&world, &id);
        let letters = world.provider.letters();
        let [letter] = letters.as_slice() else { panic!("{} letters", letters.len()) };
        let mut early = None;
        let letter = forged(letter, &world.provider, |message| {
            let Body::Agreement(agreement) = &mut message.body else { panic!("an agreement") };
            agreement.starts_at = agreement.starts_at.plus_millis(-60 * DAY_MS);
            agreement.ends_at = agreement.terms.end_of_term(agreement.starts_at);
            early = Some((**agreement).clone());
        });
        assert_eq!(world.deliver(Side::Provider, &letter), "taken");
        let view = world.home.view(&id, Side::Home).expect("there");
        let why = view.ending.map(|ending| ending.code);
        assert_eq!((view.state, why.as_deref()), (State::Terminated, Some("agreement.differs")));
        world.home.letters();

        let early = early.expect("forged");
        put_in_force(&world.provider, &early);
        let site = world.provider.site.clone();
        let calls = [rehearsal::metering(&early, "verify", site.now())];
        site.db.write(|write| usage::meter(write, &site.node, &calls)).expect("metered");
        usage::enqueue_reports(&site).expect("reported");
        let counts = world.provider.letters();
        let [counts] = counts.as_slice() else { panic!("{} letters", counts.len()) };
        assert_eq!(world.deliver(Side::Provider, counts), "usage.never_in_force");
        pass(14 * DAY_MS);
        let closed = close::close_period(&site, &operators_clerk(), november()).expect("closed");
        assert_eq!(closed.period.closed.expect("closed").statements, 1);
        for letter in world.provider.letters() {
            let expected = match letter.kind.as_str() {
                statements::KIND => "statement.never_in_force",
                _ => "usage.never_in_force",
            };
            assert_eq!(world.deliver(Side::Provider, &letter), expected);
        }
        let home = &world.home.site.db;
        assert_eq!(home.read(statements::waiting_count).expect("read"), 0);
        let billed =
            home.read(|read| statements::by_number(read, "ST-330212-202611-0000001", Side::Home));
        assert!(billed.expect("read").is_none(), "nothing is countersigned");
    }
}

/// A contract with a fee of 100 yuan a month, from 21 November on, and November closed.
fn monthly(world: &mut World) -> SubscriptionId {
    let charge = Charge::FlatMonthly { price: Price::parse("100").expect("a price") };
    let ceiling = Ceiling {
        product: number(NumberKind::Product),
        unit: ChargeUnit::Month,
        price_max: Price::parse("100").expect("a price"),
        document: "document".to_owned(),
    };
    let plan = Plan { charge, ..plan("monthly", true) };
    world.publish(&[Fact::CeilingFiled(ceiling), Fact::PlanPublished(plan)]);
    let id = world.request("monthly", 12);
    world.carry_all();
    assert_eq!(world.same(&id).state, State::Finalized);
    pass(14 * DAY_MS);
    assert_eq!(billed(world, november()), 10_000);
    world.carry_all();
    id
}

/// What a month came to, in fen.
fn billed(world: &World, period: Period) -> i64 {
    let closed = close::close_period(&world.provider.site, &operators_clerk(), period);
    closed.expect("closed").period.closed.expect("closed").total.fen()
}

/// The home node's end of a contract, dated to 2 December.
fn dated_back(world: &World, id: &SubscriptionId) -> OutboxRow {
    subscriptions::end(&world.home.site, &buyers_clerk(), id, "over").expect("ended");
    let letter = world.home.next_letter().expect("the ending");
    forged(&letter, &world.home, |message| {
        let Body::End(ending) = &mut message.body else { panic!("an end") };
        ending.at = day("2026-12-02").start();
    })
}

#[test]
fn an_ending_dated_back_removes_no_fee_that_was_due_when_it_came() {
    for world in ON_BOTH {
        let mut world = world();
        let id = monthly(&mut world);
        // To 25 December: a month of the term began on the 21st.
        pass(20 * DAY_MS);
        let letter = dated_back(&world, &id);
        assert_eq!(world.deliver(Side::Home, &letter), "taken");
        let ended = world.provider.view(&id, Side::Provider).expect("there");
        assert_eq!(ended.state, State::Ended);
        // Said once more, with another number.
        let again = forged(&letter, &world.home, |message| message.seq += 1);
        world.deliver(Side::Home, &again);
        pass(10 * DAY_MS);
        assert_eq!(billed(&world, november().next()), 10_000);
        pass(31 * DAY_MS);
        assert_eq!(billed(&world, november().next().next()), 0, "and none after it came");
    }
}

#[test]
fn of_two_endings_that_cross_the_one_that_counts_first_ends_the_fees() {
    for world in ON_BOTH {
        let mut world = world();
        let id = monthly(&mut world);
        let back = dated_back(&world, &id);
        pass(5 * DAY_MS);
        subscriptions::end(&world.provider.site, &operators_clerk(), &id, "over").expect("ended");
        pass(15 * DAY_MS);
        assert_eq!(world.deliver(Side::Home, &back), "taken");
        pass(10 * DAY_MS);
        assert_eq!(billed(&world, november().next()), 0, "the provider itself ended it before");
    }
}
