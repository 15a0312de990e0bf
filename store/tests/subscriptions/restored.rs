//! One side comes back from a backup, and asks the other what both wrote before it goes on: what
//! was ended stays ended, what was taken back stays taken back, and what is said next fits.

use std::collections::{BTreeMap, BTreeSet};

use lianshi_market::{
    correspondence::{Letters, Question},
    entitlement::Standing,
    subscription::{HeldUp, Side, State, SubscriptionId},
    usage::DayCount,
};
use lianshi_registry::{
    entry::Fact,
    id::NodeName,
    json,
    refusal::Refusal as _,
    seal::Sealed,
    time::{Period, Timestamp},
};
use lianshi_store::{
    Failure, Site,
    audit::{self, Actor, Verdict},
    close::{self, Missing, PeriodState},
    ledger,
    outbox::{self, OutboxRow},
    rehearsal,
    statements::{self, Claim, StatementQuery, StatementState, StatementView},
    subscriptions::{self, NewKey, correspondence},
    usage,
};

use super::{
    World, approve,
    stated::{DAY_MS, begin_in, sealed_entry},
    world::{Backup, Node, answer, buyers_clerk, now, operators_clerk, pass, seal_key, wanted},
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
    /// Days that were seen to be counted after a restore.
    counted: usize,
    /// Contracts of which a count fell.
    fell: usize,
    is_busy: bool,
    /// Only the provider is ever restored.
    is_home_safe: bool,
    /// Nothing more is held back.
    is_settling: bool,
    /// Letters that are under way for long, and until when.
    held_back: BTreeMap<String, Timestamp>,
    /// Letters that arrived, and arrive once more from here, long after.
    copies: Vec<(Side, OutboxRow, Timestamp)>,
    /// Letters that overtook others, that were held back, and that came once more.
    overtook: usize,
    late: usize,
    repeated: usize,
    /// Answers to what their receiver had forgotten, put off until it is back.
    forgotten: usize,
}

/// In place of the time until which a letter was held back, once it went.
const LET_GO: Timestamp = Timestamp::from_millis(0);
/// How long a letter that is late is under way.
const LATE_MS: i64 = 33 * DAY_MS;

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
        let what = self.seeded.below(24);
        // In a busy life contracts are in force, and called.
        let what = if self.is_busy && what < 10 { 19 + what % 3 } else { what };
        match (what, id) {
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
                let side = if self.is_home_safe { Side::Provider } else { side };
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
                if side == Side::Provider {
                    self.counts_came_back();
                }
                self.recover();
                self.restores += 1;
            }
            (19..=21, Some(_)) => self.call(at),
            (22, _) => {
                pass(32 * DAY_MS);
                self.close();
            }
            (23, _) => self.repeat_late(),
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

    /// Days of a subscription as its provider counts them, and as its home node was told.
    fn counts(&self, id: &SubscriptionId) -> (Vec<DayCount>, Option<usage::ReportedUsage>) {
        let (home, provider) = (&self.world.home.site.db, &self.world.provider.site.db);
        let held = provider.read(|read| usage::usage_days(read, id.as_str())).expect("read");
        let told = home.read(|read| usage::reported_usage(read, id.as_str())).expect("read");
        (held, told)
    }

    /// Contracts that both hold, and hold the same.
    fn alike(&self) -> Vec<SubscriptionId> {
        let unlike = self.unlike();
        let is_alike = |id: &&SubscriptionId| {
            let provided = self.world.provider.view(id, Side::Provider);
            !unlike.contains(id) && provided.is_some()
        };
        self.ids.iter().filter(is_alike).cloned().collect()
    }

    /// The restored provider counts no less than it reported.
    fn counts_came_back(&mut self) {
        for id in self.alike() {
            let (held, Some(told)) = self.counts(&id) else { continue };
            for day in &told.days {
                let is_it =
                    |one: &&DayCount| (one.day, &one.operation) == (day.day, &day.operation);
                let calls = held.iter().find(is_it).map_or(0, |one| one.calls);
                assert!(calls >= day.calls, "{id}: {calls} calls are held, and reported {day:?}");
            }
            self.counted += told.days.len();
        }
    }

    /// Both sides count the same, and no count ever fell; but for what a home node remembers that
    /// was itself older when the provider asked it, which it tells.
    fn counts_are_held(&mut self) {
        let site = self.world.provider.site.clone();
        pass(1_000);
        site.db.write(usage::report_anew).expect("anew");
        usage::enqueue_reports(&site).expect("reported");
        for _ in 0..500 {
            self.deliver();
        }
        for id in self.alike() {
            let (held, told) = self.counts(&id);
            let Some(told) = told else {
                assert!(held.is_empty(), "{id} was never reported");
                continue;
            };
            assert_eq!(held, told.days, "{id}");
            assert!(told.recounted.is_none() || !self.is_home_safe, "{id}: {:?}", told.recounted);
            self.fell += usize::from(told.recounted.is_some());
        }
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

    /// Whether a close is forgotten that cannot be put together, and listed as such.
    fn is_forgotten(&self) -> bool {
        let site = &self.world.provider.site;
        let views = site.db.read(|read| close::periods(read, site, now())).expect("read");
        views.iter().any(|view| view.state == PeriodState::Forgotten)
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
                    if held.countersigned != own.countersigned {
                        self.was_sealed_again(&own, &held);
                    }
                }
                None => assert!(waits || differs, "{} is nowhere", item.number),
            }
        }
        let check = provider.db.read(|read| ledger::check(read, provider)).expect("checked");
        assert!(check.holds(), "{:#?}", check.findings);
        issued.items.len()
    }

    /// A close that is put together again seals its statements again: one has two receipts.
    fn was_sealed_again(&self, own: &StatementView, held: &StatementView) {
        let site = &self.world.provider.site;
        let view = site.db.read(|read| close::period(read, site, own.document.period, site.now()));
        assert!(view.expect("read").closed.expect("closed").recovered, "{}", own.document.number);
        let claim = |view: &StatementView| {
            let sealed = Sealed::parse(view.countersigned.as_deref().expect("a receipt"));
            let opened = sealed.expect("sealed").open(&seal_key("haishu").public());
            let claim: Claim = json::read_letter(&opened.expect("by the home")).expect("a claim");
            (claim.id, claim.hash)
        };
        assert_eq!(claim(own), claim(held));
    }

    /// Any letter that may leave, of those that are not held back.
    fn any_letter(&mut self, side: Side) -> Option<OutboxRow> {
        let far = Timestamp::from_millis(i64::MAX);
        let db = self.world.node(side).site.db.clone();
        let mut due = db.read(|read| outbox::due(read, far, 100)).expect("due");
        due.retain(|letter| self.held_back.get(&letter.id).is_none_or(|until| *until <= now()));
        if due.is_empty() {
            return None;
        }
        let at = self.seeded.below(due.len());
        let letter = due.swap_remove(at);
        if let Some(until) = self.held_back.get_mut(&letter.id) {
            // Counted when it goes, and not each time that it is sent again.
            self.late += usize::from(*until != LET_GO);
            *until = LET_GO;
        } else if !self.is_settling && self.seeded.below(12) == 0 {
            self.held_back.insert(letter.id, now().plus_millis(LATE_MS));
            return None;
        }
        self.overtook += usize::from(at > 0);
        Some(letter)
    }

    /// Letters of one matter leave in their order, and overtake those of others; they are under way
    /// for a month, arrive twice, at once or much later, or their receipts are lost.
    fn deliver(&mut self) {
        let side = self.seeded.side();
        for _ in 0..self.seeded.below(6) {
            let Some(letter) = self.any_letter(side) else { return };
            match self.world.deliver(side, &letter) {
                "taken" => {
                    if self.seeded.below(3) > 0 {
                        self.world.node(side).settle(&letter.id);
                    }
                    if self.seeded.below(6) == 0 {
                        self.copies.push((side, letter, now()));
                    }
                }
                "message.gap" => {
                    subscriptions::missed(&self.world.node(side).site, &letter).expect("again");
                }
                code => self.refused(side, &letter.id, code),
            }
        }
    }

    /// What arrived more than a month ago arrives once more.
    fn repeat_late(&mut self) {
        let before = now().plus_millis(-LATE_MS);
        let (late, copies): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.copies).into_iter().partition(|(.., at)| *at <= before);
        self.copies = copies;
        for (side, letter, _) in late {
            let code = self.world.deliver(side, &letter);
            let is_known = self.unlike().iter().any(|id| letter.id.contains(id.as_str()));
            match code {
                // What it answers is forgotten, and comes back when its month is put together.
                "statement.recovering" => self.forgotten += 1,
                _ => assert!(code == "taken" || is_known, "{}: {code}", letter.id),
            }
            self.repeated += 1;
        }
    }

    /// Only letters of copies that are known to differ are refused for good.
    fn refused(&mut self, side: Side, letter: &str, code: &str) {
        let waits = [("statement/", "statement"), ("usage/", "usage")].map(|(queue, of)| {
            letter.starts_with(queue) && code == format!("{of}.unknown_subscription")
        });
        if waits.contains(&true) {
            return; // It is tried again: the contract may come back, or in force.
        }
        if code == "statement.recovering" {
            // What it answers is forgotten, and comes back when its month is put together again.
            self.forgotten += 1;
            return;
        }
        let known = self.unlike().iter().any(|id| letter.contains(id.as_str()));
        assert!(known, "{letter} was refused: {code}");
        self.world.node(side).settle(letter);
    }

    /// Everything arrives, and both hold the same, or it is known where they do not.
    fn settle(&mut self) {
        self.is_settling = true;
        pass(LATE_MS);
        self.repeat_late();
        for _ in 0..2 {
            self.recover();
            for _ in 0..1_000 {
                self.deliver();
            }
        }
        let unlike = self.unlike();
        let is_forgotten = self.is_forgotten();
        for side in [Side::Home, Side::Provider] {
            let left = self.world.node(side).letters();
            let known = |id: &str| unlike.iter().any(|unlike| id.contains(unlike.as_str()));
            let waits = |id: &str| {
                let answers = ["objection/", "statement.receipt/"];
                is_forgotten && answers.iter().any(|queue| id.starts_with(queue))
            };
            for OutboxRow { id, .. } in &left {
                assert!(known(id) || waits(id), "{id}");
            }
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

/// What lives of both kinds came to.
#[derive(Default)]
struct Lives {
    restores: usize,
    unlike: usize,
    contracts: usize,
    stated: usize,
    recovered: usize,
    counted: usize,
    fell: usize,
    overtook: usize,
    late: usize,
    repeated: usize,
    forgotten: usize,
}

impl Lives {
    fn live(&mut self, (world, ids): (World, Vec<SubscriptionId>), seed: u64) {
        let mut life = Life {
            world,
            seeded: Seeded(seed),
            is_busy: !ids.is_empty(),
            is_home_safe: !ids.is_empty() && seed.is_multiple_of(2),
            ids,
            saved: Vec::new(),
            restores: 0,
            sealed: Vec::new(),
            recovered: 0,
            counted: 0,
            fell: 0,
            is_settling: false,
            held_back: BTreeMap::new(),
            copies: Vec::new(),
            overtook: 0,
            late: 0,
            repeated: 0,
            forgotten: 0,
        };
        for _ in 0..120 {
            life.happen();
        }
        life.settle();
        life.counts_are_held();
        self.stated += life.statements_are_held();
        self.recovered += life.recovered;
        self.restores += life.restores;
        self.unlike += life.unlike().len();
        self.contracts += life.ids.len();
        self.counted += life.counted;
        self.fell += life.fell;
        self.forgotten += life.forgotten;
        self.overtook += life.overtook;
        self.late += life.late;
        self.repeated += life.repeated;
    }

    fn are_out_of_order(&self) {
        let Self { overtook, late, repeated, forgotten, .. } = self;
        let what =
            format!("{overtook} overtook, {late} late, {repeated} again, {forgotten} put off");
        assert!(*overtook > 100 && *late > 5 && *repeated > 20, "{what}");
    }
}

#[test]
fn whatever_is_restored_and_when_both_sides_hold_the_same_or_know_better() {
    let mut lives = Lives::default();
    for seed in 0..10 {
        let world = if seed % 8 == 0 { World::mixed(seed % 16 == 0) } else { World::new() };
        lives.live((world, Vec::new()), seed);
    }
    lives.are_out_of_order();
    let Lives { restores, unlike, contracts, stated, recovered, .. } = lives;
    eprintln!("{restores} restores, {contracts} contracts, {unlike} of them differ");
    eprintln!("{stated} statements, {recovered} months put together again");
    assert!(stated > 5 && recovered > 5, "{stated} statements, {recovered} recovered");
    assert!(restores >= 20, "{restores} restores");
    assert!(unlike * 10 < contracts, "{unlike} of {contracts} contracts differ");
}

/// The same where contracts are in force and called all the time.
#[test]
fn whatever_is_restored_and_when_no_count_falls() {
    let mut lives = Lives::default();
    for seed in 0..8 {
        let world = if seed % 4 == 0 { World::mixed(seed % 8 == 0) } else { World::new() };
        let (world, ids) = begin_in(world);
        lives.live((world, ids.to_vec()), 1_000 + seed);
    }
    lives.are_out_of_order();
    let Lives { restores, counted, fell, stated, .. } = lives;
    eprintln!("{restores} restores, {counted} days counted after them, {stated} statements");
    assert!(fell < 4, "the counts of {fell} contracts fell");
    assert!(counted > 50, "{counted} days were counted after a restore");
    assert!(stated > 10, "{stated} statements");
}
