//! Contracts follow the catalog: whatever may end or cut one has it looked at, in whichever process
//! it happens, and nothing else does.

use lianshi_market::subscription::{Side, State, SubscriptionId};
use lianshi_registry::{
    checkpoint::Checkpoint,
    entry::{AuthorizationEnd, AuthorizationEnding, Fact, Product, ProductNotice},
    id::NumberKind,
    sync::{Conflict, SignedHead},
};
use lianshi_store::{Failure, Site, forks, subscriptions};

use super::{
    World, approve,
    world::{day, number, product},
};
use crate::support::{execute, heard::heard};

/// Both databases on the provider's side, with a contract in force that was looked at.
fn in_force() -> [(World, SubscriptionId); 2] {
    [World::new(), World::mixed(false)].map(|mut world| {
        let id = world.request("auto", 12);
        world.carry_all();
        assert_eq!(follow(&world), (0, true), "a new contract");
        assert_eq!(follow(&world), (0, false));
        (world, id)
    })
}

fn authorization_ended() -> [Fact; 1] {
    let number = number(NumberKind::Authorization);
    let (how, reason) = (AuthorizationEnding::Revoked, "breach".to_owned());
    [Fact::AuthorizationEnded(AuthorizationEnd { number, how, reason })]
}

/// How many contracts changed, and whether any was looked at.
fn follow(world: &World) -> (usize, bool) {
    let (changed, asked) = heard(|| subscriptions::follow_catalog(&world.provider.site));
    assert!(!asked.is_empty(), "heard");
    (changed.expect("followed"), asked.iter().any(|sql| sql.contains("subscriptions")))
}

fn state(world: &World, id: &SubscriptionId) -> State {
    world.provider.view(id, Side::Provider).expect("held").state
}

#[test]
fn an_ended_authorization_ends_the_contract_with_notice() {
    for (mut world, id) in in_force() {
        world.publish(&authorization_ended());
        assert_eq!(follow(&world), (1, true));
        assert_eq!(follow(&world), (0, false));
        world.carry_all();
        let view = world.same(&id);
        assert_eq!(view.state, State::Ended);
        assert_eq!(view.ending.expect("a reason").code, "authorization.ended");
    }
}

#[test]
fn a_shortened_validity_cuts_the_term_with_notice() {
    for (mut world, id) in in_force() {
        let shorter = Product { valid_until: day("2027-03-01"), ..product() };
        world.publish(&[Fact::ProductRevised(Box::new(shorter))]);
        assert_eq!(follow(&world), (1, true));
        // The row of the contract changed, which has it looked at once more.
        assert_eq!((follow(&world), follow(&world)), ((0, false), (0, false)));
        world.carry_all();
        let view = world.same(&id);
        assert_eq!((view.state, view.ends_at), (State::Finalized, Some(day("2027-03-01").start())));
        assert!(view.notice.is_some() && !view.is_active(day("2027-03-01").start()));
    }
}

#[test]
fn what_changes_nothing_of_a_contract_is_looked_at_once() {
    for (world, _) in in_force() {
        let reason = "maintenance".to_owned();
        let paused = ProductNotice { number: number(NumberKind::Product), reason };
        world.publish(&[Fact::ProductPaused(paused)]);
        assert_eq!((follow(&world), follow(&world)), ((0, true), (0, false)));
        subscriptions::follow_anew(&world.provider.site).expect("noted");
        assert_eq!((follow(&world), follow(&world)), ((0, true), (0, false)), "a new start");
    }
}

#[test]
fn what_another_process_publishes_is_followed() {
    for (world, id) in in_force() {
        world.provider.beside().replicate("yinzhou", &authorization_ended());
        assert_eq!(follow(&world), (1, true));
        assert_eq!(state(&world, &id), State::Ended);
    }
}

#[test]
fn a_contract_that_comes_into_force_after_the_end_of_what_it_rests_on_is_ended() {
    for mut world in [World::new(), World::mixed(false)] {
        let id = world.request("manual", 12);
        world.carry_all();
        approve(&world, &id);
        // The home node hears of it later.
        world.provider.replicate("yinzhou", &authorization_ended());
        assert_eq!(follow(&world), (0, false), "nothing is in force");
        world.carry_all();
        assert_eq!(state(&world, &id), State::Finalized);
        assert_eq!(follow(&world), (1, true));
        assert_eq!(state(&world, &id), State::Ended);
    }
}

/// A log that is known to be forked is frozen whatever else is said in it.
fn fork(site: &Site) {
    let head = |said: &[u8]| {
        let root = lianshi_registry::merkle::leaf_hash(said);
        let note = Checkpoint { origin: site.origin.clone(), size: 5, root }.sign(&site.log_key);
        SignedHead::open(&note, &site.origin, &site.log_key.public()).expect("signed")
    };
    let (older, newer) = (head(b"one"), head(b"other"));
    let conflict = Conflict { older, newer, proof: Vec::new() };
    let told = forks::witness(site, site.log_key.public(), &conflict);
    assert!(matches!(told, Ok(true)), "{:?}", told.map_err(|e: Failure<_>| e.to_string()));
}

#[test]
fn what_ends_behind_a_frozen_log_is_followed() {
    for (world, id) in in_force() {
        fork(&world.provider.site);
        assert_eq!(follow(&world), (0, true));
        world.provider.replicate("yinzhou", &authorization_ended());
        assert_eq!(follow(&world), (1, true), "the catalog lists it as frozen, as before");
        assert_eq!(state(&world, &id), State::Ended);
    }
}

#[test]
fn a_contract_that_cannot_be_written_is_tried_again_and_holds_no_other_up() {
    for (mut world, id) in in_force() {
        let mut wanted = super::wanted("auto", 12);
        "another department".clone_into(&mut wanted.second_reason);
        let other = subscriptions::request(&world.home.site, &super::buyers_clerk(), wanted);
        let other = other.expect("requested");
        world.carry_all();
        approve(&world, &other);
        world.carry_all();
        let db = &world.provider.site.db;
        let change = |by: &str| {
            execute(db, &format!("UPDATE subscriptions SET negotiation = {by} WHERE id = '{id}'"));
        };
        change("'?' || negotiation");
        world.publish(&authorization_ended());
        for _ in 0..2 {
            assert!(subscriptions::follow_catalog(&world.provider.site).is_err());
            assert_eq!(state(&world, &other), State::Ended);
        }
        change("SUBSTR(negotiation, 2)");
        assert_eq!((follow(&world), follow(&world)), ((1, true), (0, false)));
        assert_eq!(state(&world, &id), State::Ended);
    }
}

#[test]
fn a_restored_provider_follows_once_it_was_told_what_it_forgot() {
    for (mut world, id) in in_force() {
        let saved = world.provider.save();
        world.provider.restore(&saved);
        world.publish(&authorization_ended());
        for _ in 0..2 {
            assert_eq!(follow(&world), (0, true), "nothing is done with it yet");
        }
        world.reconcile(Side::Provider);
        assert_eq!(follow(&world), (1, true));
        world.carry_all();
        assert_eq!(world.same(&id).state, State::Ended);
        assert_eq!(follow(&world), (0, false));
    }
}
