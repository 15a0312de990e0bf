//! Terms that run out: the contract stays as it was agreed, and each is told of once.

use lianshi_market::subscription::{Side, State};
use lianshi_registry::{
    entry::{AuthorizationEnd, AuthorizationEnding, Fact},
    id::NumberKind,
};
use lianshi_store::{
    Db, Site,
    audit::{self, AuditRow},
    rehearsal, subscriptions,
};

use super::{
    World,
    stated::DAY_MS,
    world::{number, pass},
};
use crate::support::on_both;

fn tell(site: &Site) -> usize {
    subscriptions::tell_ended(site).expect("told")
}

/// Acts about terms that ran out, newest first.
fn told(db: &Db) -> Vec<AuditRow> {
    let rows = db.read(|read| audit::newest(read, None, 10_000)).expect("read");
    rows.into_iter().filter(|row| row.action == "subscription.term_ended").collect()
}

#[test]
fn each_side_tells_of_its_contract_once_and_leaves_it_as_it_was() {
    // Each has its own time.
    let worlds: [fn() -> World; 3] = [World::new, || World::mixed(true), || World::mixed(false)];
    for mut world in worlds.into_iter().map(|begin| begin()) {
        let id = world.request("auto", 12);
        world.carry_all();
        let agreed = world.same(&id);
        for node in [&world.home, &world.provider] {
            assert_eq!((tell(&node.site), tell(&node.site)), (0, 0), "from now on");
        }
        pass(364 * DAY_MS);
        for node in [&world.home, &world.provider] {
            assert_eq!(tell(&node.site), 0, "a day is left");
        }
        pass(2 * DAY_MS);
        for (node, side) in [(&world.home, Side::Home), (&world.provider, Side::Provider)] {
            assert_eq!((tell(&node.site), tell(&node.site)), (1, 0));
            let rows = told(&node.site.db);
            assert_eq!((rows[0].actor.as_str(), rows[0].object.as_str()), ("node", id.as_str()));
            assert_eq!(rows.len(), 1);
            assert!(!node.view(&id, side).expect("held").is_active(super::world::now()));
        }
        assert_eq!(world.same(&id), agreed, "no letter, and no other state");
    }
}

#[test]
fn what_a_backup_forgot_is_told_again_and_nothing_else() {
    let mut world = World::mixed(false);
    let id = world.request("auto", 12);
    world.carry_all();
    assert_eq!(tell(&world.provider.site), 0);
    let saved = world.provider.save();
    pass(366 * DAY_MS);
    assert_eq!(tell(&world.provider.site), 1);
    world.provider.restore(&saved);
    world.reconcile(Side::Provider);
    assert_eq!(world.same(&id).state, State::Finalized, "the same letters, the same copy");
    assert_eq!((tell(&world.provider.site), tell(&world.provider.site)), (1, 0));
}

#[test]
fn the_catalog_ends_no_contract_whose_term_is_over() {
    let worlds: [fn() -> World; 2] = [World::new, || World::mixed(false)];
    for mut world in worlds.into_iter().map(|begin| begin()) {
        let id = world.request("auto", 12);
        world.carry_all();
        pass(366 * DAY_MS);
        let number = number(NumberKind::Authorization);
        let (how, reason) = (AuthorizationEnding::Revoked, "breach".to_owned());
        world.publish(&[Fact::AuthorizationEnded(AuthorizationEnd { number, how, reason })]);
        assert_eq!(subscriptions::follow_catalog(&world.provider.site).expect("followed"), 0);
        assert_eq!(world.same(&id).state, State::Finalized);
    }
}

#[test]
fn many_that_end_together_are_told_of_page_by_page() {
    on_both(|db| {
        let site = crate::usage::site(db, "yinzhou", 1);
        let period = site.now().period();
        let contracts = |first: u32, count: u32, began: lianshi_registry::time::Period| {
            let product = rehearsal::product_number(&site, 1).expect("a number");
            let of = |n| {
                let buyer = rehearsal::buyer(n).expect("a buyer");
                rehearsal::agreement(&site, (first + n, &product), buyer, began)
            };
            let agreements: Vec<_> = (0..count).map(of).collect();
            let put = |write: &mut lianshi_store::Write<'_>| {
                rehearsal::contract(write, Side::Provider, &agreements)
            };
            db.write(put).expect("written");
        };
        // They last a year: these ended at the beginning of this month.
        let year_ago = period.first_day().plus_years(-1).period();
        contracts(0, 7, year_ago);
        assert_eq!(tell(&site), 0, "before it was first asked");
        let later = Site { clock: || crate::usage::at("2027-11-20T04:00:00Z"), ..site.clone() };
        contracts(1_000, 450, period);
        contracts(2_000, 3, period.next());
        assert_eq!((tell(&later), tell(&later)), (450, 0));
        let mut objects: Vec<String> = told(db).into_iter().map(|row| row.object).collect();
        objects.sort();
        objects.dedup();
        assert_eq!(objects.len(), 450, "each once");
    });
}
