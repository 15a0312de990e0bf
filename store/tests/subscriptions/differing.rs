//! What a provider agrees to is held against the catalog that the home node itself holds: what
//! differs from a current one ends the negotiation, and one that may be behind is waited for.

use lianshi_market::{
    agreement::Agreement,
    message::{Body, CLOCK_SKEW_MS, MESSAGE_KIND, Message},
    subscription::{Side, State, SubscriptionId},
};
use lianshi_registry::{
    entry::{AuthorizationEnd, AuthorizationEnding, Fact, Guard, Product},
    id::NumberKind,
    json,
    price::Price,
    seal::Sealed,
};
use lianshi_store::outbox::OutboxRow;

use super::{
    World,
    world::{node, number, pass, product, seal_key},
};

/// A request that its provider just agreed to, and the agreement, which is still with it.
fn agreed(world: &mut World) -> (SubscriptionId, OutboxRow) {
    let id = world.request("auto", 12);
    let request = world.home.next_letter().expect("the request");
    assert_eq!(world.carry(Side::Home, &request), "taken");
    let letter = world.provider.next_letter().expect("the agreement");
    (id, letter)
}

/// The agreement in other words, under the provider's own seal.
fn reworded(letter: &OutboxRow, change: fn(&mut Agreement)) -> OutboxRow {
    let key = seal_key("yinzhou");
    let sealed = Sealed::parse(&letter.payload).expect("sealed");
    let opened = sealed.open(&key.public()).expect("by the provider");
    let mut message: Message = json::read_letter(&opened).expect("a message");
    let Body::Agreement(agreement) = &mut message.body else { panic!("{message:?}") };
    change(agreement);
    let payload = serde_json::to_vec(&message).expect("JSON");
    let bytes = Sealed::new(node("yinzhou"), MESSAGE_KIND, &payload, &key).to_bytes();
    OutboxRow { payload: bytes, ..letter.clone() }
}

/// What the provider says, or what only the home node hears, and what is told of it.
type Other = (&'static str, fn(&mut Agreement), Option<Fact>);

fn others() -> [Other; 7] {
    let ended = AuthorizationEnd {
        number: number(NumberKind::Authorization),
        how: AuthorizationEnding::Revoked,
        reason: "the grantor took it back".to_owned(),
    };
    [
        ("what the catalog says", |it| it.terms.split_version = 2, None),
        ("what the catalog says", |it| it.terms.split_hash = "ab".repeat(32), None),
        ("what the catalog says", |it| "330000-2024".clone_into(&mut it.terms.ruleset), None),
        ("what the catalog says", |it| it.terms.guard.smallest_cell += 1, None),
        ("what the catalog says", |it| "1.1".clone_into(&mut it.terms.product_version), None),
        (
            "the terms",
            |it| {
                let price = Price::parse("0.6").expect("a price");
                it.terms.plan.charge =
                    lianshi_registry::entry::Charge::PerCall { price, included_calls: 100 };
            },
            None,
        ),
        ("what the catalog says", |_| {}, Some(Fact::AuthorizationEnded(ended))),
    ]
}

#[test]
fn an_agreement_that_differs_from_a_current_catalog_ends_and_waits_for_one_that_is_behind() {
    let worlds: [fn() -> World; 3] = [World::new, || World::mixed(false), || World::mixed(true)];
    for world in worlds {
        for (at, (what, change, heard)) in others().into_iter().enumerate() {
            let mut world = world();
            world.confirm();
            let (id, letter) = agreed(&mut world);
            let letter = reworded(&letter, change);
            if let Some(fact) = heard {
                world.home.replicate("yinzhou", &[fact]);
            }
            // However late it is: the catalog is as old as it was.
            pass(2 * CLOCK_SKEW_MS);
            let held = |world: &World| world.home.view(&id, Side::Home).expect("held").state;
            for _ in 0..2 {
                assert_eq!(
                    world.deliver(Side::Provider, &letter),
                    "message.catalog_behind",
                    "{at}"
                );
                assert_eq!(held(&world), State::Requested, "{at}");
                assert!(world.home.next_letter().is_none(), "{at}: nothing is said");
            }
            world.confirm();
            assert_eq!(world.carry(Side::Provider, &letter), "taken", "{at}");
            assert_eq!(held(&world), State::Terminated, "{at}");
            let ending = world.home.view(&id, Side::Home).and_then(|view| view.ending);
            let ending = ending.expect("a reason");
            let said = (ending.by, ending.code.as_str(), ending.text.as_str());
            assert_eq!(said, (Side::Home, "agreement.differs", what), "{at}");
            world.carry_all();
            let (_, provider) = world.both(&id);
            assert_eq!(provider.ending.expect("told").code, "agreement.differs", "{at}");
        }
    }
}

#[test]
fn an_agreement_to_what_the_home_node_has_not_heard_of_waits_until_it_has() {
    for mut world in [World::new(), World::mixed(false), World::mixed(true)] {
        world.confirm();
        let id = world.request("auto", 12);
        let guard = Guard { smallest_cell: 3, ..product().guard };
        let stricter = Product { guard: guard.clone(), ..product() };
        let stricter = Fact::ProductRevised(Box::new(stricter));
        world.provider.replicate("yinzhou", std::slice::from_ref(&stricter));
        let request = world.home.next_letter().expect("the request");
        assert_eq!(world.carry(Side::Home, &request), "taken");
        let letter = world.provider.next_letter().expect("the agreement");
        pass(2 * CLOCK_SKEW_MS);
        assert_eq!(world.deliver(Side::Provider, &letter), "message.catalog_behind");
        world.home.replicate("yinzhou", &[stricter]);
        world.carry_all();
        let view = world.same(&id);
        assert_eq!(view.state, State::Finalized);
        assert_eq!(view.agreement.expect("held").terms.guard, guard);
    }
}
