//! Statements and divisions on their way between nodes: checked by both, once, and refused when
//! anything is wrong.

use lianshi_market::{agreement::Agreement, close::DivisionDocument, subscription::Side};
use lianshi_registry::{
    entry::{Entry, Fact, Share, ShareRole, Split, SplitBase, Texts},
    id::NodeName,
    refusal::Refusal as _,
    seal::Sealed,
    time::Timestamp,
};
use lianshi_store::{
    Db, Failure, Fault, Site, allocations, audit, fold, letters as post, log,
    outbox::{self, OutboxRow},
    rehearsal,
    statements::{self, Claim, Letter, LetterKind, StatementQuery, StatementState},
    usage,
};

use super::stage::{agreement, close_month, key, meter, month, node, site};
use crate::support::{fresh_postgres, on_sqlite};

/// yinzhou has sold to a buyer at haishu and shares with a party at ningbo.
pub struct World {
    pub provider: Site,
    pub home: Site,
    pub party: Site,
    pub contract: Agreement,
}

fn with_world(body: impl Fn(&World)) {
    on_sqlite(|db| {
        on_sqlite(|other| {
            let home = Db::open(&fresh_postgres()).expect("a database");
            body(&world(db, &home, other));
        });
    });
}

pub fn world(provider: &Db, home: &Db, party: &Db) -> World {
    let provider = site(provider, "yinzhou", "330212");
    let home = site(home, "haishu", "330203");
    let party = site(party, "ningbo", "330200");
    rehearsal::stage(&provider, 1).expect("staged");
    let mut contract = agreement(&provider, 1);
    contract.home = home.node.clone();
    for (site, side) in [(&provider, Side::Provider), (&home, Side::Home)] {
        let contracts = [contract.clone()];
        site.db.write(|write| rehearsal::contract(write, side, &contracts)).expect("written");
    }
    share_with(&provider, &party.node);
    meter(&provider, &contract, "2026-10-05T04:00:00Z", 13);
    report(&provider, &home);
    replicate(&provider, &party);
    close_month(&provider, "2026-10");
    World { provider, home, party, contract }
}

/// What the provider registered and agreed so far is in the other node's catalog.
pub fn replicate(provider: &Site, to: &Site) {
    let origin = &provider.origin;
    let held = to.db.read(|read| log::head(read, origin)).expect("read");
    let from = held.map_or(0, |held| held.size);
    let entries = provider.db.read(|read| log::entries(read, origin, from, u64::MAX));
    let entries = entries.expect("read");
    let done: Result<(), Fault> = to.db.write(|write| {
        log::create_replica(write, origin, provider.log_key.public())?;
        log::extend(write, origin, &entries)?;
        fold::apply(write, origin, from, &fold::parse(&entries))
    });
    done.expect("folded");
}

/// The home node hears what was used.
pub fn report(provider: &Site, home: &Site) {
    usage::enqueue_reports(provider).expect("reported");
    for letter in letters(provider) {
        post::receive(home, &provider.node, (&letter.kind, &letter.payload)).expect("taken");
    }
}

/// A second version of the split gives a third to a party that reads at another node.
fn share_with(site: &Site, node: &NodeName) {
    share_product_with(site, 1, (2, "2026-01"), node);
}

/// A version of a product's split gives a third to the party, from a month on.
pub fn share_product_with(
    site: &Site,
    product: u32,
    (version, from): (u32, &str),
    node: &NodeName,
) {
    let share = |uscc, node: &NodeName, share_ppm| Share {
        party: uscc,
        name: Texts { zh: "演练".to_owned(), en: "Rehearsal".to_owned() },
        role: ShareRole::Provider,
        node: node.clone(),
        share_ppm,
    };
    let product = rehearsal::product_number(site, product).expect("a number");
    let operator = agreement(site, 1).operator;
    let split = Split {
        product,
        version,
        from: month(from),
        base: SplitBase::Invoiced,
        consents: Vec::new(),
        shares: vec![
            share(operator, &site.node, 666_667),
            share(rehearsal::buyer(77).expect("a code"), node, 333_333),
        ],
    };
    let by = site.node.to_string();
    let fact = Fact::SplitAgreed(split);
    // Published before it begins, so that nobody has to consent.
    let at = super::stage::time("2025-12-20T04:00:00Z");
    let entry = Entry { at, by, fact };
    site.db
        .write(|write| log::append(write, &site.origin, std::slice::from_ref(&entry), site.now()))
        .expect("appended");
}

/// Takes all letters out of a node's outbox.
pub fn letters(site: &Site) -> Vec<OutboxRow> {
    let far = Timestamp::from_millis(i64::MAX);
    let due = site.db.read(|read| outbox::due(read, far, 100)).expect("due");
    for letter in &due {
        site.db.write(|write| outbox::done(write, &letter.id)).expect("done");
    }
    due
}

/// What a letter of this room is, under its seal.
pub fn kind_of(letter: &OutboxRow) -> LetterKind {
    let read = Letter::parse(&letter.payload).expect("a letter");
    LetterKind::parse(read.sealed.kind()).expect("a kind")
}

/// Takes out what waits for others, and gives what is a receipt, in order.
pub fn receipts(site: &Site) -> Vec<OutboxRow> {
    let mut sent = letters(site);
    sent.retain(|letter| kind_of(letter) != LetterKind::Objection);
    sent
}

pub fn answer(to: &Site, from: &str, bytes: &[u8]) -> &'static str {
    match post::receive(to, &node(from), (statements::KIND, bytes)) {
        Ok(()) => "taken",
        Err(Failure::Refused(refusal)) => refusal.code(),
        Err(Failure::Fault(fault)) => panic!("a fault: {fault:?}"),
    }
}

impl World {
    pub fn letter(&self, letters: &[OutboxRow], target: &str) -> Vec<u8> {
        let to = letters.iter().find(|letter| letter.target == target);
        to.unwrap_or_else(|| panic!("a letter of {} to {target}", self.provider.node))
            .payload
            .clone()
    }

    fn state_at(&self, side: Side) -> Option<StatementState> {
        let site = if side == Side::Home { &self.home } else { &self.provider };
        let view = site
            .db
            .read(|read| statements::by_number(read, "ST-330212-202610-0000001", side))
            .expect("read");
        view.map(|view| view.item.state)
    }
}

#[test]
fn both_nodes_hold_both_seals_in_the_end() {
    with_world(|world| {
        let sent = letters(&world.provider);
        assert_eq!(sent.len(), 2);
        assert_eq!(world.state_at(Side::Provider), Some(StatementState::Issued));
        assert_eq!(answer(&world.home, "yinzhou", &world.letter(&sent, "haishu")), "taken");
        assert_eq!(answer(&world.party, "yinzhou", &world.letter(&sent, "ningbo")), "taken");
        for (site, name) in [(&world.home, "haishu"), (&world.party, "ningbo")] {
            let receipts = letters(site);
            assert_eq!(receipts.len(), 1);
            assert_eq!(answer(&world.provider, name, &receipts[0].payload), "taken");
            assert_eq!(answer(&world.provider, name, &receipts[0].payload), "taken", "a repeat");
        }
        for side in [Side::Home, Side::Provider] {
            assert_eq!(world.state_at(side), Some(StatementState::Checked));
        }
        let bills = world
            .home
            .db
            .read(|read| {
                statements::for_buyer(read, &world.contract.buyer, &StatementQuery::default())
            })
            .expect("read");
        assert_eq!((bills.total, bills.sum.fen()), (1, 550));
        let party = rehearsal::buyer(77).expect("a code");
        let lines = world.party.db.read(|read| allocations::for_party(read, &party, 1));
        let lines = lines.expect("read").items;
        assert_eq!((lines.len(), lines[0].amount.fen()), (1, 183));
        let held = world
            .party
            .db
            .read(|read| allocations::division(read, month("2026-10"), &world.contract.product));
        assert_eq!(held.expect("read").expect("there").document.parts.len(), 2);
        let made = world
            .provider
            .db
            .read(|read| allocations::in_period(read, month("2026-10")))
            .expect("read");
        assert_eq!(made[0].nodes, made[0].confirmed_by);
    });
}

/// A program's comparison was once called a confirmation, as if somebody had looked.
#[test]
fn the_trail_calls_what_a_program_compared_checked_and_nothing_confirmed() {
    let compared = |world: &World| {
        let sent = letters(&world.provider);
        assert_eq!(answer(&world.home, "yinzhou", &world.letter(&sent, "haishu")), "taken");
        assert_eq!(answer(&world.party, "yinzhou", &world.letter(&sent, "ningbo")), "taken");
        for (site, name) in [(&world.home, "haishu"), (&world.party, "ningbo")] {
            assert_eq!(answer(&world.provider, name, &letters(site)[0].payload), "taken");
        }
        let acts = world.provider.db.read(|read| audit::newest(read, None, 100)).expect("read");
        for action in ["statement.check", "division.check"] {
            let found: Vec<_> = acts.iter().filter(|act| act.action == action).collect();
            assert_eq!(found.len(), 1, "{action}");
            assert_eq!(found[0].actor, audit::Actor::node().name, "no person did it");
        }
        for site in [&world.provider, &world.home, &world.party] {
            let acts = site.db.read(|read| audit::newest(read, None, 100)).expect("read");
            let said: Vec<_> = acts.iter().filter(|act| act.action.contains("confirm")).collect();
            assert!(said.is_empty(), "{said:?}");
        }
    };
    on_sqlite(|home| on_sqlite(|party| on_sqlite(|db| compared(&world(db, home, party)))));
    let [db, home, party] = [0, 1, 2].map(|_| Db::open(&fresh_postgres()).expect("a database"));
    compared(&world(&db, &home, &party));
}

#[test]
fn a_repeated_letter_is_answered_again_and_changes_nothing() {
    with_world(|world| {
        let sent = letters(&world.provider);
        let letter = world.letter(&sent, "haishu");
        assert_eq!(answer(&world.home, "yinzhou", &letter), "taken");
        let first = letters(&world.home);
        let before = super::books::counts(&world.home);
        assert_eq!(answer(&world.home, "yinzhou", &letter), "taken");
        let second = letters(&world.home);
        assert_eq!(first[0].payload, second[0].payload);
        assert_eq!(super::books::counts(&world.home), before);
    });
}

/// A letter of yinzhou about any document.
pub fn forged(kind: LetterKind, id: &str, hash: [u8; 32], document: &str) -> Vec<u8> {
    forged_by("yinzhou", kind, (id, hash), document)
}

/// A letter of any node about any document.
pub fn forged_by(
    by: &str,
    kind: LetterKind,
    (id, hash): (&str, [u8; 32]),
    document: &str,
) -> Vec<u8> {
    let claim = Claim {
        v: statements::LETTER_VERSION,
        id: id.to_owned(),
        hash: hex::encode(hash),
        at: Timestamp::from_millis(0),
    };
    let sealed = claim.seal(&node(by), kind, &key(by, 3));
    Letter::new(document, sealed).to_bytes()
}

#[test]
fn what_is_wrong_with_a_statement_is_named() {
    with_world(|world| {
        let sent = letters(&world.provider);
        let letter = world.letter(&sent, "haishu");
        let text = String::from_utf8(letter.clone()).expect("json");
        let check = |bytes: &[u8], from: &str, code: &str| {
            assert_eq!(answer(&world.home, from, bytes), code);
        };
        check(b"", "yinzhou", "letter.malformed");
        check(&letter[..letter.len() - 3], "yinzhou", "letter.malformed");
        check(&vec![b' '; 600_000], "yinzhou", "letter.too_large");
        check(&letter, "ningbo", "letter.not_of_sender");
        let renamed = text.replace("\"by\":\"yinzhou\"", "\"by\":\"ningbo\"");
        check(renamed.as_bytes(), "ningbo", "letter.seal");
        let stranger = text.replace("\"by\":\"yinzhou\"", "\"by\":\"beilun\"");
        check(stranger.as_bytes(), "beilun", "letter.sender_unknown");
        let other_kind = text.replace("\"kind\":\"statement\"", "\"kind\":\"gift\"");
        check(other_kind.as_bytes(), "yinzhou", "letter.seal");
        let claim = b"{}";
        let gift = Sealed::new(node("yinzhou"), "gift", claim, &world.provider.seal_key);
        check(&Letter::new("", gift).to_bytes(), "yinzhou", "statement.unknown_kind");
        let empty = Sealed::new(node("yinzhou"), "statement", claim, &world.provider.seal_key);
        check(&Letter::new("", empty).to_bytes(), "yinzhou", "statement.malformed");
        let cheaper = text.replace("5.50", "0.50");
        check(cheaper.as_bytes(), "yinzhou", "statement.wrong_hash");
        let uneven = text.replacen("5.50", "0.50", 1);
        check(uneven.as_bytes(), "yinzhou", "statement.bad_document");

        let number = "ST-330212-202610-0000001";
        let view =
            world.provider.db.read(|read| statements::by_number(read, number, Side::Provider));
        let document = view.expect("read").expect("there").document;
        let sealed = |document: &lianshi_market::close::StatementDocument| {
            let (text, hash) = document.seal_text();
            forged(LetterKind::Statement, &document.number, hash, &text)
        };
        let mut elsewhere = document.clone();
        elsewhere.home_node = node("ningbo");
        check(&sealed(&elsewhere), "yinzhou", "statement.misdirected");
        let mut unknown = document.clone();
        "S-unknown".clone_into(&mut unknown.subscription);
        check(&sealed(&unknown), "yinzhou", "statement.unknown_subscription");
        let mut padded = document.clone();
        padded.agreement_hash = "00".repeat(32);
        check(&sealed(&padded), "yinzhou", "statement.not_as_agreed");
        check(&letter, "yinzhou", "taken");
        let mut second = document.clone();
        second.buyer_name = "another".to_owned();
        check(&sealed(&second), "yinzhou", "statement.conflict");
        second.number = "ST-330212-202610-0000002".to_owned();
        check(&sealed(&second), "yinzhou", "statement.conflict");
        let receipt = forged(LetterKind::StatementReceipt, number, [0; 32], "");
        check(&receipt, "yinzhou", "statement.unknown_document");
    });
}

#[test]
fn what_is_wrong_with_a_division_is_named() {
    with_world(|world| {
        let sent = letters(&world.provider);
        let letter = world.letter(&sent, "ningbo");
        assert_eq!(answer(&world.home, "yinzhou", &letter), "statement.misdirected");
        let views = world.provider.db.read(|read| allocations::in_period(read, month("2026-10")));
        let document: DivisionDocument = views.expect("read")[0].document.clone();
        let id = format!("2026-10/{}", document.product);
        let mut other = document.clone();
        other.parts[0].party.name.zh = "别人".to_owned();
        let (text, hash) = other.seal_text();
        let other = forged(LetterKind::Division, &id, hash, &text);
        let wrong = forged(LetterKind::Division, &id, [1; 32], &text);
        assert_eq!(answer(&world.party, "yinzhou", &wrong), "statement.wrong_hash");
        assert_eq!(answer(&world.party, "yinzhou", &letter), "taken");
        assert_eq!(answer(&world.party, "yinzhou", &other), "statement.conflict");
        let receipt = forged(LetterKind::DivisionReceipt, &id, hash, "");
        assert_eq!(answer(&world.provider, "yinzhou", &receipt), "statement.unknown_document");
    });
}

#[test]
fn a_buyer_at_the_same_node_gets_its_bill_the_same_way() {
    on_sqlite(|db| {
        let site = site(db, "yinzhou", "330212");
        rehearsal::stage(&site, 1).expect("staged");
        let contract = agreement(&site, 1);
        for side in [Side::Provider, Side::Home] {
            let contracts = [contract.clone()];
            site.db.write(|write| rehearsal::contract(write, side, &contracts)).expect("written");
        }
        meter(&site, &contract, "2026-10-05T04:00:00Z", 3);
        usage::enqueue_reports(&site).expect("reported");
        close_month(&site, "2026-10");
        for _ in 0..2 {
            for letter in letters(&site) {
                assert_eq!(answer(&site, "yinzhou", &letter.payload), "taken");
            }
        }
        let number = "ST-330212-202610-0000001";
        for side in [Side::Provider, Side::Home] {
            let view = site.db.read(|read| statements::by_number(read, number, side));
            let view = view.expect("read").expect("there");
            assert_eq!(view.item.state, StatementState::Checked);
            assert!(view.countersigned.is_some());
        }
        super::books::hold(&site);
    });
}
