//! One side comes back from a backup that is older than a close: its statements and the seals under
//! them come back from the other, and no month is closed twice.

use lianshi_market::{
    money::Amount,
    subscription::{Side, SubscriptionId},
};
use lianshi_registry::{entry::Fact, json, time::Period};
use lianshi_store::{
    close::{self, Missing, PeriodState},
    ledger, log, rehearsal,
    statements::{self, StatementState, StatementView},
    subscriptions::correspondence,
    usage,
};

use super::{
    World, approve,
    world::{Backup, Node, answer, buyers_clerk, node, operators_clerk, pass, wanted},
};

const MONTH: &str = "2026-11";
/// A day.
pub const DAY_MS: i64 = 86_400_000;

/// Each begins its time anew, so one is made after the other.
pub const ON_BOTH: [fn() -> World; 3] = [World::new, || World::mixed(false), || World::mixed(true)];

pub fn november() -> Period {
    Period::parse(MONTH).expect("a month")
}

/// Two contracts in force in November, one of them with calls that cost something.
fn begin() -> (World, [SubscriptionId; 2]) {
    begin_in(World::new())
}

pub fn begin_in(mut world: World) -> (World, [SubscriptionId; 2]) {
    let mut contract = || {
        let mut wanted = wanted("manual", 12);
        "another department".clone_into(&mut wanted.second_reason);
        let site = &world.home.site;
        let id = lianshi_store::subscriptions::request(site, &buyers_clerk(), wanted);
        let id = id.expect("requested");
        world.carry_all();
        approve(&world, &id);
        world.carry_all();
        id
    };
    let ids = [contract(), contract()];
    call(&mut world, &ids[0], 140);
    (world, ids)
}

pub fn call(world: &mut World, id: &SubscriptionId, calls: usize) {
    let site = &world.provider.site;
    let agreement = world.same(id).agreement.expect("in force");
    let call = rehearsal::metering(&agreement, "verify", site.now());
    let calls = vec![call; calls];
    site.db.write(|write| usage::meter(write, &site.node, &calls)).expect("metered");
    usage::enqueue_reports(site).expect("reported");
    world.carry_all();
}

fn close(world: &World) -> close::CloseResult {
    close::close_period(&world.provider.site, &operators_clerk(), november()).expect("closed")
}

fn bill(node: &Node, side: Side) -> Option<StatementView> {
    let number = "ST-330212-202611-0000001";
    node.site.db.read(|read| statements::by_number(read, number, side)).expect("read")
}

/// What the provider's log says comes back with the log; here, that November was closed.
fn log_comes_back(provider: &Node, sealed: &Fact) {
    provider.replicate("yinzhou", std::slice::from_ref(sealed));
}

/// What the log says of a close.
pub fn sealed_entry(provider: &Node, result: &close::CloseResult) -> Fact {
    let site = &provider.site;
    let index = result.period.closed.as_ref().expect("closed").log_index;
    let bytes = site.db.read(|read| log::entry(read, &site.origin, index)).expect("read");
    json::parse_entry(&bytes.expect("there")).expect("an entry").fact
}

#[test]
fn a_month_that_the_provider_forgot_is_put_together_from_the_home_nodes_copies() {
    for world in ON_BOTH {
        let (mut world, _) = begin_in(world());
        pass(14 * DAY_MS);
        let saved: Backup = world.provider.save();
        let closed = close(&world);
        for letter in world.provider.letters() {
            assert_eq!(world.deliver(Side::Provider, &letter), "taken");
        }
        let receipts = world.home.letters();
        let receipt = receipts.iter().find(|letter| letter.kind == statements::KIND);
        let receipt = receipt.expect("the home node stands by the statement").clone();
        world.home.put_back(&receipts);
        world.carry_all();
        let (there, here) = (bill(&world.home, Side::Home), bill(&world.provider, Side::Provider));
        let waits = world.home.site.db.read(statements::waiting).expect("read");
        assert!(waits.is_empty(), "{:?}", waits[0].difference);
        let there = there.expect("at home");
        assert_eq!(here.expect("issued").item.state, StatementState::Checked);
        let sealed = sealed_entry(&world.provider, &closed);

        world.provider.restore(&saved);
        log_comes_back(&world.provider, &sealed);
        let site = world.provider.site.clone();
        let recover = || {
            close::recover_period(
                &site,
                &operators_clerk(),
                (november(), Missing::Awaited),
                &mut |_| Ok(()),
            )
        };
        assert_eq!(answer(recover().map(drop)), "period.awaiting");
        world.reconcile(Side::Provider);
        let again = close::close_period(&site, &operators_clerk(), november()).map(drop);
        assert_eq!(answer(again), "period.forgotten", "it is never closed twice");
        let view = site.db.read(|read| close::period(read, &site, november(), site.now()));
        assert_eq!(view.expect("read").state, PeriodState::Forgotten);
        let late = world.deliver(Side::Home, &receipt);
        assert_eq!(late, "statement.recovering", "what it answers comes back");
        let recovered = recover().expect("recovered");
        assert!(!recovered.repeated);
        assert_eq!(world.deliver(Side::Home, &receipt), "taken");
        let (was, is) = (closed.period.closed.expect("closed"), recovered.period.closed);
        let is = is.expect("closed");
        assert!(is.recovered);
        assert_eq!((is.statements, is.total), (was.statements, was.total));
        assert_eq!((is.result_hash, is.log_index > 0), (was.result_hash, true));
        assert_eq!(recovered.period.calls, 140);
        let check = site.db.read(|read| ledger::check(read, &site)).expect("checked");
        assert!(check.holds(), "{:#?}", check.findings);
        assert!(recover().expect("it is there").repeated);
        world.carry_all();
        let here = bill(&world.provider, Side::Provider).expect("it is there again");
        assert_eq!((&here.document, &here.hash), (&there.document, &there.hash));
        assert_eq!(here.item.state, StatementState::Checked, "under both seals");
        // And December goes on from there.
        pass(31 * DAY_MS);
        let december = november().next();
        let closed = close::close_period(&site, &operators_clerk(), december).expect("closed");
        assert_eq!(closed.period.closed.expect("closed").total, Amount::ZERO);
        assert_eq!(
            answer(
                close::recover_period(
                    &site,
                    &operators_clerk(),
                    (december.next(), Missing::Awaited),
                    &mut |_| Ok(())
                )
                .map(drop)
            ),
            "period.not_forgotten"
        );
    }
}

#[test]
fn a_forgotten_month_with_a_statement_missing_is_not_put_together() {
    let (mut world, [_, second]) = begin();
    call(&mut world, &second, 30);
    pass(14 * DAY_MS);
    let saved = world.provider.save();
    let closed = close(&world);
    // The first letter is lost with the database that held it.
    let letters = world.provider.letters();
    let arrived = letters.iter().filter(|letter| !letter.id.ends_with("0000001"));
    for letter in arrived.filter(|letter| letter.kind == statements::KIND) {
        assert_eq!(world.deliver(Side::Provider, letter), "taken");
    }
    world.home.letters();
    let sealed = sealed_entry(&world.provider, &closed);
    world.provider.restore(&saved);
    log_comes_back(&world.provider, &sealed);
    let site = world.provider.site.clone();
    let recover = |missing| {
        let wanted = (november(), missing);
        close::recover_period(&site, &operators_clerk(), wanted, &mut |_| Ok(()))
    };
    assert_eq!(answer(recover(Missing::GivenUp).map(drop)), "period.awaiting", "nobody was asked");
    world.reconcile(Side::Provider);
    match recover(Missing::Awaited) {
        Err(lianshi_store::Failure::Refused(refusal)) => {
            let told = refusal.to_string();
            let expected = "1 of 2 statements of 2026-11 came back, ST-330212-202611-0000001 is";
            assert!(told.starts_with(expected), "{told}");
        }
        other => panic!("not refused: {other:?}"),
    }
    let recovered = recover(Missing::GivenUp).expect("a person gave it up").period;
    let recovered = recovered.closed.expect("closed");
    assert_eq!((recovered.statements, recovered.recovered), (1, true));
    let was = closed.period.closed.expect("closed").total;
    let given_up = was.minus(recovered.total).expect("less");
    assert!(given_up > Amount::ZERO);
    let holds = || {
        let check = site.db.read(|read| ledger::check(read, &site)).expect("checked");
        assert!(check.holds(), "{:#?}", check.findings);
    };
    holds();
    // The next close states its month anew.
    pass(31 * DAY_MS);
    let december = close::close_period(&site, &operators_clerk(), november().next());
    let december = december.expect("closed").period.closed.expect("closed");
    assert_eq!((december.statements, december.total), (1, given_up));
    holds();
}

#[test]
fn what_a_restored_home_node_stood_by_comes_back_under_its_own_seal() {
    for world in ON_BOTH {
        let (mut world, [calling, _]) = begin_in(world());
        let saved = world.home.save();
        call(&mut world, &calling, 10);
        pass(14 * DAY_MS);
        close(&world);
        world.carry_all();
        let before = bill(&world.home, Side::Home).expect("at home");
        assert_eq!(before.item.total, Amount::from_fen(50 * 50));
        world.home.restore(&saved);
        assert!(bill(&world.home, Side::Home).is_none(), "forgotten");
        world.reconcile(Side::Home);
        let after = bill(&world.home, Side::Home).expect("it came back");
        assert_eq!(
            (&after.document, &after.countersigned),
            (&before.document, &before.countersigned)
        );
        world.carry_all();
        let waiting = world.home.site.db.read(statements::waiting_count).expect("read");
        assert_eq!(waiting, 0, "what bears its own seal is not judged again");
    }
}

/// What a person of the home node decided of a statement is told again to a provider that forgot
/// it.
#[test]
fn what_a_person_decided_of_a_statement_is_heard_again_after_a_restore() {
    let decisions = [
        (statements::Verdict::Decline, StatementState::Declined),
        (statements::Verdict::Accept, StatementState::Accepted),
    ];
    for (world, (verdict, decided)) in ON_BOTH.into_iter().flat_map(|on| decisions.map(|d| (on, d)))
    {
        let (mut world, [calling, _]) = begin_in(world());
        let site = world.provider.site.clone();
        let agreement = world.same(&calling).agreement.expect("in force");
        // Calls whose report does not leave before the statement.
        let calls = vec![rehearsal::metering(&agreement, "verify", site.now()); 5];
        site.db.write(|write| usage::meter(write, &site.node, &calls)).expect("metered");
        pass(14 * DAY_MS);
        close(&world);
        let issued = world.provider.save();
        world.carry_all();
        let home = &world.home.site;
        let waiting = home.db.read(statements::waiting).expect("read");
        let [waits] = waiting.as_slice() else { panic!("{waiting:?}") };
        let number = waits.document.number.clone();
        let clerk = lianshi_store::audit::Actor::command("clerk");
        statements::decide(home, &clerk, &number, (verdict, "用量报告没有到")).expect("decided");
        world.carry_all();
        let held = |world: &World| {
            let db = &world.provider.site.db;
            let view = db.read(|read| statements::by_number(read, &number, Side::Provider));
            let view = view.expect("read").expect("issued");
            (view.item.state, view.objection)
        };
        let before = held(&world);
        assert_eq!(before.0, decided);
        world.provider.restore(&issued);
        assert_eq!(held(&world), (StatementState::Issued, None), "forgotten");
        world.provider.letters();
        world.reconcile(Side::Provider);
        world.carry_all();
        let (state, said) = held(&world);
        let (said, first) = (said.expect("again"), before.1.expect("said"));
        assert_eq!(state, decided);
        assert_eq!((said.difference, said.note), (first.difference, first.note));
    }
}

#[test]
fn what_was_stated_and_never_taken_goes_again_and_receipts_come_back() {
    let (mut world, _) = begin();
    pass(14 * DAY_MS);
    let nothing = world.home.save();
    close(&world);
    // The home node took it, and its receipt was lost with the provider's database.
    let statement = world.provider.next_letter().expect("the statement");
    let issued = world.provider.save();
    assert_eq!(world.carry(Side::Provider, &statement), "taken");
    world.home.letters();
    world.provider.restore(&issued);
    assert_eq!(
        bill(&world.provider, Side::Provider).expect("issued").item.state,
        StatementState::Issued
    );
    world.reconcile(Side::Provider);
    let state = bill(&world.provider, Side::Provider).expect("issued").item.state;
    assert_eq!(state, StatementState::Checked, "the receipt came back with the question");
    // The home node forgot it, and the provider's letter is long delivered.
    world.provider.letters();
    world.home.restore(&nothing);
    let site = world.home.site.clone();
    let actor = lianshi_store::audit::Actor::command("clerk");
    let to_ask = || site.db.read(correspondence::to_ask).expect("read");
    let all = to_ask();
    for node in &all {
        let without =
            site.db.write(|write| correspondence::go_on_without(write, &site, (&actor, node)));
        assert!(without.expect("written down"));
    }
    assert!(site.db.read(correspondence::awaited).expect("read").is_empty());
    assert_eq!(to_ask(), all, "nobody waits for them, and they are asked when they come back");
    let again = |name: &str| {
        let node = node(name);
        site.db.write(|write| correspondence::ask_again(write, &site, (&actor, &node)))
    };
    for node in &all {
        site.db.write(|write| correspondence::settled(write, &site, node)).expect("settled");
    }
    assert!(to_ask().is_empty());
    let asked = ["yinzhou", "yinzhou", "haishu", "nowhere"].map(|name| again(name).expect("done"));
    assert_eq!(asked, [true, false, false, false]);
    assert_eq!(to_ask(), [node("yinzhou")].into());
    let saved = world.provider.save();
    world.provider.restore(&saved);
    world.reconcile(Side::Provider);
    let letter = world.provider.next_letter().expect("it goes again");
    assert_eq!(letter.id, statement.id);
    world.carry_all();
    assert!(bill(&world.home, Side::Home).is_some());
}
