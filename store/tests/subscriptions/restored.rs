//! One side comes back from a backup, and asks the other what both wrote before it goes on: what
//! was ended stays ended, what was taken back stays taken back, and what is said next fits.

use std::collections::BTreeSet;

use lianshi_market::{
    correspondence::{Letters, Question},
    entitlement::Standing,
    subscription::{HeldUp, Side, State, SubscriptionId},
};
use lianshi_registry::{entry::Fact, id::NodeName, refusal::Refusal as _, time::Period};
use lianshi_store::{
    Failure, Site,
    audit::{self, Actor, Verdict},
    close::{self, Missing},
    ledger, rehearsal,
    statements::{self, StatementQuery, StatementState},
    subscriptions::{self, NewKey, correspondence},
    usage,
};

use super::{
    World, approve,
    stated::{DAY_MS, sealed_entry},
    world::{Backup, Node, answer, buyers_clerk, now, operators_clerk, pass, wanted},
};

fn key(world: &World, id: &SubscriptionId, label: &str) -> NewKey {
    subscriptions::create_key(&world.home.site, &buyers_clerk(), id, label).expect("a key")
}

/// One more contract in force.
fn another(world: &mut World) -> SubscriptionId {
    let mut wanted = wanted("manual", 12);
    "another department".clone_into(&mut wanted.second_reason);
    let id = subscriptions::request(&world.home.site, &buyers_clerk(), wanted).expect("requested");
    world.carry_all();
    approve(world, &id);
    world.carry_all();
    id
}

fn end(world: &World, id: &SubscriptionId) {
    subscriptions::end(&world.home.site, &buyers_clerk(), id, "no longer needed").expect("ended");
}

fn standing(provider: &Node, key: &NewKey) -> (Standing, bool) {
    let (site, hash) = (&provider.site, key.secret.hash());
    let found = site.db.read(|read| subscriptions::entitlement_by_key(read, &hash));
    let found = found.expect("read").expect("known").entitlement;
    (found.standing, found.key_revoked)
}

/// A person of the node does not wait for another.
fn without(site: &Site, node: &NodeName) {
    let actor = Actor::command("clerk");
    let was_awaited = site
        .db
        .write(|write| correspondence::go_on_without(write, site, (&actor, node)))
        .expect("written down");
    assert!(was_awaited);
}

/// Three contracts: one whose key is taken back, one that is ended and one that is made after the
/// backup of a side.
struct Lived {
    world: World,
    kept: SubscriptionId,
    ended: SubscriptionId,
    made: SubscriptionId,
    keys: [NewKey; 3],
}

fn live_and_restore(mut world: World, side: Side) -> Lived {
    let (kept, ended) = (another(&mut world), another(&mut world));
    let keys = [key(&world, &kept, "first"), key(&world, &ended, "second")];
    world.carry_all();
    let saved = world.node(side).save();
    pass(60_000);
    subscriptions::revoke_key(&world.home.site, &buyers_clerk(), &kept, &keys[0].id)
        .expect("revoked");
    end(&world, &ended);
    let made = another(&mut world);
    let third = key(&world, &made, "third");
    world.carry_all();
    pass(60_000);
    world.node(side).restore(&saved);
    let [first, second] = keys;
    Lived { world, kept, ended, made, keys: [first, second, third] }
}

fn all_is_as_it_was(lived: &mut Lived) {
    let Lived { world, kept, ended, made, keys } = lived;
    assert_eq!(world.same(kept).state, State::Finalized);
    assert_eq!(world.same(made).state, State::Finalized);
    let ending = world.same(ended).ending.expect("it was ended");
    assert_eq!((ending.by, ending.text.as_str()), (Side::Home, "no longer needed"));
    assert_eq!(standing(&world.provider, &keys[0]), (Standing::InForce, true));
    assert_eq!(standing(&world.provider, &keys[1]).0, Standing::Ended);
    assert_eq!(standing(&world.provider, &keys[2]), (Standing::InForce, false));
    for (node, side) in [(&world.home, Side::Home), (&world.provider, Side::Provider)] {
        let site = &node.site;
        let history =
            |id| site.db.read(|read| subscriptions::history(read, id, side)).expect("read");
        let kinds: Vec<String> = history(kept).into_iter().map(|line| line.kind).collect();
        let said = ["request", "agreement", "verification", "finalization"];
        assert_eq!(kinds, [&said[..], &["key_issued", "key_revoked"]].concat());
        assert_eq!(history(made).len(), 5);
        assert_eq!(history(ended).len(), 6);
        let verdict = site.db.read(audit::verify).expect("read");
        assert!(matches!(verdict, Verdict::Whole { .. }), "{verdict:?}");
        assert_eq!(site.db.read(correspondence::unlike).expect("read"), []);
    }
    // And it goes on.
    let fourth = key(world, made, "fourth");
    subscriptions::revoke_key(&world.home.site, &buyers_clerk(), made, &keys[2].id)
        .expect("revoked");
    world.carry_all();
    assert_eq!(standing(&world.provider, &fourth), (Standing::InForce, false));
    assert!(standing(&world.provider, &keys[2]).1);
    end(world, kept);
    world.carry_all();
    assert_eq!(world.same(kept).state, State::Ended);
}

#[test]
fn a_restored_provider_serves_nobody_before_it_was_told_what_it_forgot() {
    for world in [World::new(), World::mixed(false), World::mixed(true)] {
        let mut lived = live_and_restore(world, Side::Provider);
        let Lived { world, kept, keys, .. } = &mut lived;
        assert_eq!(standing(&world.provider, &keys[0]).0, Standing::Awaited);
        assert_eq!(standing(&world.provider, &keys[1]).0, Standing::Awaited);
        let site = &world.provider.site;
        let refused = subscriptions::end(site, &operators_clerk(), kept, "ours");
        assert_eq!(answer(refused), "subscription.awaits_node");
        assert_eq!(subscriptions::follow_catalog(site).expect("followed"), 0);
        let month = Period::parse("2026-10").expect("a month");
        let closed = close::close_period(site, &operators_clerk(), month).map(drop);
        assert_eq!(answer(closed), "period.awaiting");
        key(world, kept, "while it asks");
        let letter = world.home.next_letter().expect("the key");
        assert_eq!(world.carry(Side::Home, &letter), "message.recovering", "it comes again");
        world.reconcile(Side::Provider);
        close::close_period(&world.provider.site, &operators_clerk(), month).expect("closed");
        world.carry_all();
        let keys =
            world.provider.site.db.read(|read| subscriptions::keys(read, kept, Side::Provider));
        assert_eq!(keys.expect("read").len(), 2);
        let site = &world.home.site;
        let held = site.db.read(|read| subscriptions::keys(read, kept, Side::Home)).expect("read");
        subscriptions::revoke_key(site, &buyers_clerk(), kept, &held[1].id).expect("revoked");
        world.carry_all();
        assert_eq!(world.same(kept).state, State::Finalized);
    }
}

#[test]
fn what_a_restored_side_forgot_comes_back_from_the_other() {
    for side in [Side::Home, Side::Provider] {
        for world in [World::new(), World::mixed(false), World::mixed(true)] {
            let mut lived = live_and_restore(world, side);
            lived.world.reconcile(side);
            assert!(lived.world.node(side).next_letter().is_none(), "nothing is to be said");
            all_is_as_it_was(&mut lived);
        }
    }
}

#[test]
fn a_restored_home_node_says_nothing_that_contradicts_what_it_said() {
    let mut lived = live_and_restore(World::new(), Side::Home);
    let Lived { world, kept, keys, .. } = &mut lived;
    let site = world.home.site.clone();
    let refused = subscriptions::revoke_key(&site, &buyers_clerk(), kept, &keys[0].id);
    assert_eq!(answer(refused), "subscription.awaits_node");
    world.reconcile(Side::Home);
    let refused = subscriptions::revoke_key(&site, &buyers_clerk(), kept, &keys[0].id);
    assert_eq!(answer(refused), "subscription.key_unknown", "it was taken back");
}

#[test]
fn what_the_other_side_lacks_goes_to_it_again() {
    let mut world = World::new();
    let id = world.request("auto", 12);
    world.carry_all();
    let saved = world.provider.save();
    let made = key(&world, &id, "forgotten by the provider");
    world.carry_all();
    // Its letter was acknowledged and is gone from the outbox; the provider asks for nothing.
    world.provider.restore(&saved);
    world.home.restore(&world.home.save());
    world.reconcile(Side::Home);
    let letter = world.home.next_letter().expect("the key goes again");
    assert_eq!(world.deliver(Side::Home, &letter), "message.recovering");
    world.reconcile(Side::Provider);
    world.carry_all();
    assert_eq!(standing(&world.provider, &made), (Standing::InForce, false));
    // Where a gap is told in the course of things, what is kept goes again too.
    world.provider.restore(&saved);
    let site = world.provider.site.clone();
    for node in site.db.read(correspondence::awaited).expect("read") {
        without(&site, &node);
    }
    subscriptions::revoke_key(&world.home.site, &buyers_clerk(), &id, &made.id).expect("revoked");
    let letter = world.home.next_letter().expect("the revocation");
    assert_eq!(world.carry(Side::Home, &letter), "message.gap");
    subscriptions::missed(&world.home.site, &letter).expect("sent again");
    world.carry_all();
    assert!(standing(&world.provider, &made).1);
}

#[test]
fn copies_that_differ_are_told_apart_and_serve_nobody() {
    let mut world = World::new();
    let id = world.request("auto", 12);
    world.carry_all();
    let made = key(&world, &id, "k");
    world.carry_all();
    let saved = world.provider.save();
    let site = world.provider.site.clone();
    let before = world.home.save();
    subscriptions::end(&site, &operators_clerk(), &id, "first").expect("ended");
    world.carry_all();
    assert_eq!(world.same(&id).state, State::Ended);
    let heard = world.home.save();
    // The provider forgot that, is not told because its people would not wait, and goes on.
    world.provider.restore(&saved);
    let site = world.provider.site.clone();
    for node in site.db.read(correspondence::awaited).expect("read") {
        without(&site, &node);
    }
    world.home.restore(&before);
    world.reconcile(Side::Home);
    pass(1_000);
    subscriptions::end(&site, &operators_clerk(), &id, "second").expect("ended");
    world.carry_all();
    // And the home node comes back from what it held in between.
    world.home.restore(&heard);
    world.reconcile(Side::Home);
    let unlike = world.home.site.db.read(correspondence::unlike).expect("read");
    let told: Vec<(&SubscriptionId, &str)> =
        unlike.iter().map(|copy| (&copy.process, copy.code.as_str())).collect();
    assert_eq!(told, [(&id, "message.differs")]);
    let ending = world.home.view(&id, Side::Home).expect("held").ending.expect("a reason");
    assert_eq!(ending.text, "first", "what was heard is not given up");
    assert_eq!(standing(&world.provider, &made).0, Standing::Ended);
}

/// Every message of a process as a node tells them.
fn told(node: &Node, to: &Node, id: &SubscriptionId, skip: u64) -> Vec<String> {
    let asked = Question::Letters { process: id.clone(), skip };
    let asked = serde_json::to_vec(&asked).expect("JSON");
    let told = correspondence::answer(&node.site, &to.site.node, &asked).expect("answered");
    serde_json::from_slice::<Letters>(&told).expect("letters").letters
}

#[test]
fn what_was_refused_for_good_does_not_bring_a_contract_back() {
    let mut world = World::new();
    let id = world.request("auto", 12);
    world.carry_all();
    key(&world, &id, "k");
    let refused = world.home.next_letter().expect("the key");
    subscriptions::rejected(&world.home.site, &refused, "message.illegal", "no").expect("ended");
    world.carry_all();
    assert_eq!(world.same(&id).state, State::Ended, "told in its place");
    let (home, provider) = (&world.home, &world.provider);
    let mut letters = told(provider, home, &id, 0);
    assert_eq!(told(provider, home, &id, 3), letters[3..], "those that are left");
    let last = letters.len() - 1;
    letters[last] = String::from_utf8(refused.payload).expect("JSON");
    let node = &provider.site.node;
    let take = |letters: &[String]| {
        answer(correspondence::take(&home.site, node, ((&id, Side::Home), letters)))
    };
    let unlike = || home.site.db.read(correspondence::unlike).expect("read");
    assert_eq!(take(&letters), "taken");
    assert_eq!(unlike()[0].code, "message.differs");
    let view = home.view(&id, Side::Home).expect("held");
    assert_eq!(view.state, State::Ended, "what is held stays");
    assert!(matches!(view.held_up, Some(HeldUp::Unlike { .. })));
    // A list with a hole, or of the other side, is no reason to ask for ever.
    letters.remove(1);
    assert_eq!(take(&letters), "taken");
    assert_eq!(take(&[]), "taken");
    assert_eq!(unlike()[0].code, "message.not_party");
    // And one that fits puts an end to it.
    assert_eq!(take(&told(provider, home, &id, 0)), "taken");
    assert_eq!(unlike(), []);
}

#[test]
fn nobody_is_told_of_what_others_wrote() {
    let mut world = World::new();
    let id = world.request("auto", 12);
    world.carry_all();
    let ningbo = super::node("ningbo");
    let asked = |question: &str| {
        let told = correspondence::answer(&world.home.site, &ningbo, question.as_bytes());
        String::from_utf8(told.expect("answered")).expect("JSON")
    };
    let none = r#"{"standings":[],"more":false}"#;
    assert_eq!(asked(r#"{"ask":"standings","after":null}"#), none);
    let letters = format!(r#"{{"ask":"letters","process":"{id}","skip":0}}"#);
    assert_eq!(asked(&letters), r#"{"letters":[],"more":false}"#);
    for malformed in ["", "{}", r#"{"ask":"everything"}"#, r#"{"ask":"standings","after":7}"#] {
        let refused = correspondence::answer(&world.home.site, &ningbo, malformed.as_bytes());
        assert_eq!(answer(refused.map(|_| ())), "correspondence.malformed");
    }
}

/// A small generator: the same seed lives the same life.
struct Seeded(u64);

impl Seeded {
    fn below(&mut self, bound: usize) -> usize {
        // The constants of PCG's underlying generator.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        usize::try_from(self.0 >> 33).expect("31 bits") % bound
    }

    fn side(&mut self) -> Side {
        if self.below(2) == 0 { Side::Home } else { Side::Provider }
    }
}

/// What one life has come to.
struct Life {
    world: World,
    seeded: Seeded,
    ids: Vec<SubscriptionId>,
    saved: Vec<(Side, Backup, usize)>,
    restores: usize,
    /// What the provider's log says of its closes; it comes back with the log.
    sealed: Vec<Fact>,
    /// Closes that were put together again.
    recovered: usize,
}

impl Life {
    fn unlike(&self) -> Vec<SubscriptionId> {
        let unlike = |node: &Node| node.site.db.read(correspondence::unlike).expect("read");
        let both = [unlike(&self.world.home), unlike(&self.world.provider)];
        both.into_iter().flatten().map(|copy| copy.process).collect()
    }

    /// One thing happens; what does not fit is refused and changes nothing.
    fn happen(&mut self) {
        let (home, provider) = (self.world.home.site.clone(), self.world.provider.site.clone());
        let at = self.seeded.below(self.ids.len().max(1));
        let id = self.ids.get(at).cloned();
        pass(1_000 * i64::try_from(self.seeded.below(600)).expect("few"));
        match (self.seeded.below(24), id) {
            (0..=2, _) => {
                let mut wanted = wanted(["auto", "manual"][self.seeded.below(2)], 24);
                "another department".clone_into(&mut wanted.second_reason);
                let asked = subscriptions::request(&home, &buyers_clerk(), wanted);
                self.ids.push(asked.expect("requested"));
            }
            (3..=5, Some(id)) => {
                let agree = subscriptions::Decision::Approve;
                let _ = subscriptions::decide(&provider, &operators_clerk(), &id, agree);
            }
            (6..=7, Some(id)) => {
                let _ = subscriptions::create_key(&home, &buyers_clerk(), &id, "k");
            }
            (8, Some(id)) => {
                let keys = home.db.read(|read| subscriptions::keys(read, &id, Side::Home));
                for key in keys.expect("read") {
                    let _ = subscriptions::revoke_key(&home, &buyers_clerk(), &id, &key.id);
                }
            }
            (9, Some(id)) => {
                let _ = match self.seeded.side() {
                    Side::Home => subscriptions::end(&home, &buyers_clerk(), &id, "over"),
                    Side::Provider => {
                        subscriptions::end(&provider, &operators_clerk(), &id, "over")
                    }
                };
            }
            (10..=15, _) => self.deliver(),
            (16..=17, _) => {
                let side = self.seeded.side();
                self.saved.push((side, self.world.node(side).save(), self.sealed.len()));
            }
            (18, _) if !self.saved.is_empty() => {
                let at = self.seeded.below(self.saved.len());
                let (side, saved, sealed) = &self.saved[at];
                let (side, sealed) = (*side, *sealed);
                self.world.node(side).restore(saved);
                if side == Side::Provider {
                    self.world.provider.replicate("yinzhou", &self.sealed[sealed..]);
                }
                self.world.reconcile(side);
                self.recover();
                self.restores += 1;
            }
            (19..=21, Some(_)) => self.call(at),
            (22, _) => {
                pass(32 * DAY_MS);
                self.close();
            }
            _ => {}
        }
    }

    /// The provider answers some calls of a contract in force, if there is one.
    fn call(&mut self, from: usize) {
        let site = self.world.provider.site.clone();
        let ids = self.ids[from..].iter().chain(&self.ids[..from]);
        let mut views = ids.filter_map(|id| self.world.provider.view(id, Side::Provider));
        let in_force = views.find(|view| view.state == State::Finalized);
        let Some(agreement) = in_force.and_then(|view| view.agreement) else { return };
        let calls = vec![rehearsal::metering(&agreement, "verify", site.now()); 60];
        site.db.write(|write| usage::meter(write, &site.node, &calls)).expect("metered");
        usage::enqueue_reports(&site).expect("reported");
    }

    /// The provider closes every month that is over, as far as it may.
    fn close(&mut self) {
        let site = self.world.provider.site.clone();
        let mut period = Period::parse("2026-11").expect("a month");
        while period < now().period() {
            match close::close_period(&site, &operators_clerk(), period) {
                Ok(closed) if closed.repeated => {}
                Ok(closed) => self.sealed.push(sealed_entry(&self.world.provider, &closed)),
                Err(Failure::Refused(refusal)) => {
                    let codes = ["period.forgotten", "period.earlier_open"];
                    assert!(codes.contains(&refusal.code()), "{refusal}");
                    return;
                }
                Err(Failure::Fault(fault)) => panic!("a fault: {fault:?}"),
            }
            period = period.next();
        }
    }

    /// What the provider's books forgot of its closes is put together, where all of it came back.
    fn recover(&mut self) {
        let site = self.world.provider.site.clone();
        let closes: BTreeSet<Period> = self
            .sealed
            .iter()
            .filter_map(|fact| match fact {
                Fact::StatementSealed(sealed) => Some(sealed.period),
                _ => None,
            })
            .collect();
        for period in closes {
            let wanted = (period, Missing::Awaited);
            match close::recover_period(&site, &operators_clerk(), wanted, &mut |_| Ok(())) {
                Ok(closed) => self.recovered += usize::from(!closed.repeated),
                Err(Failure::Refused(refusal)) => {
                    let codes = ["period.incomplete", "period.earlier_open"];
                    assert!(codes.contains(&refusal.code()), "{refusal}");
                    return;
                }
                Err(Failure::Fault(fault)) => panic!("a fault: {fault:?}"),
            }
        }
    }

    /// Every statement the provider issued is held by the home node under both seals, or waits
    /// there with its difference, or is about a contract that is known to differ.
    fn statements_are_held(&self) -> usize {
        let (home, provider) = (&self.world.home.site, &self.world.provider.site);
        let query = StatementQuery::default();
        let issued = provider.db.read(|read| statements::issued(read, &query)).expect("read");
        assert!(issued.total <= 50, "one page");
        let waiting = home.db.read(statements::waiting).expect("read");
        let unlike = self.unlike();
        for item in &issued.items {
            let held = |site: &Site, side| {
                let view = site.db.read(|read| statements::by_number(read, &item.number, side));
                view.expect("read")
            };
            let waits = waiting.iter().any(|waiting| waiting.document.number == item.number);
            let differs = unlike.iter().any(|id| id.as_str() == item.subscription);
            let own = held(provider, Side::Provider).expect("issued");
            match held(home, Side::Home) {
                Some(held) => {
                    assert_eq!((&held.document, &held.hash), (&own.document, &own.hash));
                    assert_eq!(own.item.state, StatementState::Checked, "{}", item.number);
                    assert_eq!(held.countersigned, own.countersigned);
                }
                None => assert!(waits || differs, "{} is nowhere", item.number),
            }
        }
        let check = provider.db.read(|read| ledger::check(read, provider)).expect("checked");
        assert!(check.holds(), "{:#?}", check.findings);
        issued.items.len()
    }

    /// Letters leave in their order, arrive twice, or their receipts are lost.
    fn deliver(&mut self) {
        let side = self.seeded.side();
        for _ in 0..self.seeded.below(6) {
            let Some(letter) = self.world.node(side).next_letter() else { return };
            match self.world.deliver(side, &letter) {
                "taken" if self.seeded.below(3) > 0 => self.world.node(side).settle(&letter.id),
                "taken" => {}
                "message.gap" => {
                    subscriptions::missed(&self.world.node(side).site, &letter).expect("again");
                }
                code => self.refused(side, &letter.id, code),
            }
        }
    }

    /// Only letters of copies that are known to differ are refused for good.
    fn refused(&mut self, side: Side, letter: &str, code: &str) {
        if letter.starts_with("statement/") && code == "statement.unknown_subscription" {
            return; // It is tried again: the contract may come back.
        }
        let known = self.unlike().iter().any(|id| letter.contains(id.as_str()));
        assert!(known, "{letter} was refused: {code}");
        self.world.node(side).settle(letter);
    }

    /// Everything arrives, and both hold the same, or it is known where they do not.
    fn settle(&mut self) {
        for _ in 0..2_000 {
            self.deliver();
        }
        let unlike = self.unlike();
        for side in [Side::Home, Side::Provider] {
            let left = self.world.node(side).letters();
            let known = |id: &str| unlike.iter().any(|unlike| id.contains(unlike.as_str()));
            assert!(left.iter().all(|letter| known(&letter.id)), "{left:?}");
        }
        for id in self.ids.iter().filter(|id| !unlike.contains(id)) {
            let home = self.world.home.view(id, Side::Home);
            let provider = self.world.provider.view(id, Side::Provider);
            if home.is_none() && provider.is_none() {
                continue; // The request was forgotten before it arrived.
            }
            // An offer that crossed the end of its negotiation is seen by one side only.
            let (home, provider) = self.world.both(id);
            let view = if home.state == State::Terminated { home } else { self.world.same(id) };
            assert_eq!((view.state, &view.ending), (provider.state, &provider.ending));
            let keys = |node: &Node, side| {
                node.site.db.read(|read| subscriptions::keys(read, id, side)).expect("read")
            };
            if view.state == State::Finalized {
                let here = keys(&self.world.home, Side::Home);
                assert_eq!(here, keys(&self.world.provider, Side::Provider));
            }
        }
    }
}

#[test]
fn whatever_is_restored_and_when_both_sides_hold_the_same_or_know_better() {
    let (mut restores, mut unlike, mut contracts) = (0, 0, 0);
    let (mut stated, mut recovered) = (0, 0);
    for seed in 0..10 {
        let world = if seed % 8 == 0 { World::mixed(seed % 16 == 0) } else { World::new() };
        let mut life = Life {
            world,
            seeded: Seeded(seed),
            ids: Vec::new(),
            saved: Vec::new(),
            restores: 0,
            sealed: Vec::new(),
            recovered: 0,
        };
        for _ in 0..120 {
            life.happen();
        }
        life.settle();
        stated += life.statements_are_held();
        recovered += life.recovered;
        restores += life.restores;
        unlike += life.unlike().len();
        contracts += life.ids.len();
    }
    eprintln!("{restores} restores, {contracts} contracts, {unlike} of them differ");
    eprintln!("{stated} statements, {recovered} months put together again");
    assert!(stated > 5 && recovered > 5, "{stated} statements, {recovered} recovered");
    assert!(restores >= 20, "{restores} restores");
    assert!(unlike * 10 < contracts, "{unlike} of {contracts} contracts differ");
}
