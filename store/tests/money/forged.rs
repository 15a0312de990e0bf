//! Letters that differ from a true one in one thing each: refused with the code that names it, or,
//! where money is derived otherwise, kept for a person with the difference. On both databases.

use lianshi_market::{
    close::{Difference, DivisionDocument, ObjectionDocument, StatementDocument, WaitingState},
    money::Amount,
    subscription::Side,
};
use lianshi_registry::{
    id::{DivisionCode, NodeName, NumberKind, RegistrationNumber},
    refusal::Refusal as _,
};
use lianshi_store::{
    Db, Failure, Site, allocations,
    audit::Actor,
    recovery,
    statements::{self, DecisionRefusal, LetterKind, StatementState, StatementView, Verdict},
    subscriptions::correspondence,
};
use serde_json::{Value, json};

use super::{
    letters::{
        World, answer, forged, forged_by, kind_of, letters, receipts, replicate, report, world,
    },
    stage::{close_month, meter, month, sql},
};
use crate::support::{fresh_postgres, on_sqlite};

const NUMBER: &str = "ST-330212-202610-0000001";

/// Worlds whose home and party keep their books in either database.
pub fn in_worlds(body: impl Fn(&World)) {
    on_sqlite(|provider| {
        on_sqlite(|home| on_sqlite(|party| body(&world(provider, home, party))));
    });
    on_sqlite(|provider| {
        let [home, party] = [0, 1].map(|_| Db::open(&fresh_postgres()).expect("a database"));
        body(&world(provider, &home, &party));
    });
}

/// The provider's statement of November, with calls of October that came late.
fn november(world: &World) -> StatementDocument {
    let World { provider, home, contract, .. } = world;
    for letter in letters(provider) {
        if letter.target == home.node.as_str() {
            assert_eq!(answer(home, "yinzhou", &letter.payload), "taken");
        }
    }
    meter(provider, contract, "2026-11-05T04:00:00Z", 4);
    meter(provider, contract, "2026-10-30T04:00:00Z", 2);
    report(provider, home);
    close_month(provider, "2026-11");
    let number = "ST-330212-202611-0000001";
    let view = provider.db.read(|read| statements::by_number(read, number, Side::Provider));
    let document = view.expect("read").expect("issued").document;
    assert_eq!(document.lines.len(), 2, "{document:?}");
    document
}

fn sealed(document: &StatementDocument) -> Vec<u8> {
    let (text, hash) = document.seal_text();
    forged(LetterKind::Statement, &document.number, hash, &text)
}

/// The document with one member replaced.
fn with(document: &impl serde::Serialize, pointer: &str, value: &Value) -> Value {
    let mut text = serde_json::to_value(document).expect("JSON");
    let member = text.pointer_mut(pointer).unwrap_or_else(|| panic!("no {pointer}"));
    assert_ne!(member, value, "{pointer} is changed");
    *member = value.clone();
    text
}

/// The code by which the home node answers, or says what it waits for.
fn outcome(home: &Site, document: &StatementDocument) -> String {
    let code = answer(home, "yinzhou", &sealed(document));
    if code != "taken" {
        return code.to_owned();
    }
    let held = home.db.read(|read| statements::decided_of(read, &document.number)).expect("read");
    held.map_or_else(|| "taken".to_owned(), |held| format!("waits: {}", held.difference.code()))
}

#[test]
fn a_statement_that_differs_in_one_field_is_refused_or_waits_with_the_difference() {
    in_worlds(|world| {
        let document = november(world);
        let other = world.contract.operator.to_string();
        let refused = [
            ("/number", json!("ST-330212-202610-0000009"), "misdirected"),
            ("/number", json!("ST-330203-202611-0000001"), "misdirected"),
            ("/period", json!("2026-12"), "misdirected"),
            ("/provider_node", json!("ningbo"), "misdirected"),
            ("/home_node", json!("ningbo"), "misdirected"),
            ("/product", json!("330203-P-2026-0000001-C"), "misdirected"),
            ("/subscription", json!("S-unknown"), "unknown_subscription"),
            ("/agreement_hash", json!("00".repeat(32)), "not_as_agreed"),
            ("/buyer", json!(other), "not_as_agreed"),
            ("/buyer_name", json!("别人"), "not_as_agreed"),
            ("/operator", json!(document.buyer), "not_as_agreed"),
            ("/plan", json!("greedy"), "not_as_agreed"),
            ("/plan_name/zh", json!("贪心版"), "not_as_agreed"),
            ("/plan_name/en", json!("Greedy"), "not_as_agreed"),
            ("/purpose", json!("public_good"), "not_as_agreed"),
            ("/total", json!("1000000.00"), "bad_document"),
            ("/lines/0/amount", json!("0.01"), "bad_document"),
            ("/lines", json!([]), "bad_document"),
            ("/v", json!(2), "bad_document"),
            ("/lines/1/explanation/period", json!("2026-11"), "not_earlier"),
        ];
        for (pointer, value, code) in refused {
            let changed = with(&document, pointer, &value);
            let changed = serde_json::from_value::<StatementDocument>(changed);
            let changed = changed.unwrap_or_else(|error| panic!("{pointer}: {error}"));
            let found = outcome(&world.home, &changed);
            assert_eq!(found, format!("statement.{code}"), "{pointer} {value}");
        }
        let waits = [
            ("/lines/0/quantity", json!(5), "other_lines"),
            ("/lines/0/operation", json!("query"), "more_than_reported"),
            ("/lines/0/kind", json!("monthly_fee"), "other_lines"),
            ("/lines/0/price", json!("0.600000"), "other_lines"),
            ("/lines/0/explanation/count/calls", json!(5), "more_than_reported"),
            ("/lines/0/explanation/count/units", json!(1), "included_calls"),
            ("/lines/0/explanation/included", json!(9), "other_lines"),
            ("/lines/0/explanation/charged", json!(9), "other_lines"),
            ("/lines/0/explanation/price", json!("0.600000"), "other_lines"),
            ("/lines/1/kind", json!("late_fee"), "billed_before"),
            ("/lines/1/quantity", json!(3), "other_lines"),
            ("/lines/1/operation", json!("query"), "late_base"),
            ("/lines/1/explanation/period", json!("2026-09"), "late_base"),
            ("/lines/1/explanation/before/calls", json!(12), "late_base"),
            ("/lines/1/explanation/before/units", json!(10), "late_base"),
            ("/lines/1/explanation/now/calls", json!(16), "more_than_reported"),
            ("/lines/1/explanation/now/units", json!(16), "more_than_reported"),
            ("/lines/1/explanation/amount_before", json!("0.00"), "other_lines"),
            ("/lines/1/explanation/amount_now", json!("9.00"), "other_lines"),
        ];
        for (place, (pointer, value, code)) in waits.iter().enumerate() {
            let changed = with(&document, pointer, value);
            let changed = serde_json::from_value::<StatementDocument>(changed);
            let mut changed = changed.unwrap_or_else(|error| panic!("{pointer}: {error}"));
            changed.number = format!("ST-330212-202611-{:07}", 100 + place);
            let found = outcome(&world.home, &changed);
            assert_eq!(found, format!("waits: statement.{code}"), "{pointer} {value}");
            let mut next = changed.clone();
            next.number = format!("ST-330212-202611-{:07}", 500 + place);
            assert_eq!(outcome(&world.home, &next), "statement.conflict", "one is enough");
            assert_eq!(decide(&world.home, &changed.number, Verdict::Decline, "不符"), "done");
        }
        // Dearer lines that add up.
        for (place, line) in [0, 1].into_iter().enumerate() {
            let mut dearer = document.clone();
            dearer.number = format!("ST-330212-202611-{:07}", 200 + place);
            dearer.lines[line].amount = Amount::from_fen(100_000_000);
            let sum = Amount::sum(dearer.lines.iter().map(|line| line.amount));
            dearer.total = sum.expect("small");
            assert_eq!(outcome(&world.home, &dearer), "waits: statement.other_lines");
            assert_eq!(decide(&world.home, &dearer.number, Verdict::Decline, "不符"), "done");
        }
        let waiting = world.home.db.read(statements::waiting).expect("read");
        assert!(waiting.is_empty(), "all were declined");
        assert_eq!(receipts(&world.home).len(), 1, "October's receipt and no other");
        assert_eq!(outcome(&world.home, &document), "taken", "the true one");
        assert_eq!(receipts(&world.home).len(), 1);
    });
}

#[test]
fn what_was_on_its_way_is_waited_for_and_what_was_not_is_a_persons_to_decide() {
    in_worlds(|world| {
        let World { provider, home, contract, .. } = world;
        let sent = letters(provider);
        let october = world.letter(&sent, home.node.as_str());
        meter(provider, contract, "2026-11-05T04:00:00Z", 4);
        meter(provider, contract, "2026-10-30T04:00:00Z", 2);
        close_month(provider, "2026-11");
        let sent = letters(provider);
        let november = world.letter(&sent, home.node.as_str());
        let number = "ST-330212-202611-0000001";
        // November comes first, and before its counts: it waits, repeated or not.
        for _ in 0..2 {
            assert_eq!(answer(home, "yinzhou", &november), "taken");
            assert_eq!(home.db.read(statements::waiting_count).expect("read"), 1);
        }
        assert!(receipts(home).is_empty(), "nothing is countersigned");
        assert_eq!(answer(home, "yinzhou", &october), "taken");
        assert_eq!(receipts(home).len(), 1, "October's receipt");
        report(provider, home);
        let sent = receipts(home);
        assert_eq!(sent.len(), 1, "with its counts November fits");
        assert_eq!(answer(provider, home.node.as_str(), &sent[0].payload), "taken");
        let view = home.db.read(|read| statements::by_number(read, number, Side::Home));
        assert_eq!(view.expect("read").expect("kept").item.state, StatementState::Checked);
        assert!(home.db.read(|read| statements::decided_of(read, number)).expect("read").is_none());
    });
}

/// Decides, and gives the code of a refusal.
fn decide(home: &Site, number: &str, verdict: Verdict, note: &str) -> &'static str {
    match statements::decide(home, &Actor::command("caiwu"), number, (verdict, note)) {
        Ok(()) => "done",
        Err(Failure::Refused(refusal)) => refusal.code(),
        Err(Failure::Fault(fault)) => panic!("{fault}"),
    }
}

#[test]
fn a_person_stands_by_a_statement_or_declines_it_and_says_why() {
    in_worlds(|world| {
        let document = november(world);
        assert_eq!(receipts(&world.home).len(), 1);
        let of = |sequence: u32, calls: u64| {
            let mut other = document.clone();
            other.number = format!("ST-330212-202611-{sequence:07}");
            other.lines[0].quantity = calls;
            other
        };
        let (first, second) = (of(301, 9), of(302, 8));
        assert_eq!(outcome(&world.home, &first), "waits: statement.other_lines");
        let home = &world.home;
        assert_eq!(decide(home, NUMBER, Verdict::Accept, "核对过"), "statement.not_waiting");
        assert_eq!(decide(home, &first.number, Verdict::Accept, "  "), "statement.note");
        assert_eq!(decide(home, &first.number, Verdict::Decline, "次数不符"), "done");
        assert_eq!(decide(home, &first.number, Verdict::Accept, "核对过"), "statement.not_waiting");
        assert!(receipts(home).is_empty());
        assert_eq!(answer(home, "yinzhou", &sealed(&first)), "taken", "what was decided is told");
        let told = letters(home);
        assert_eq!(told.iter().map(kind_of).collect::<Vec<_>>(), [LetterKind::Objection]);
        assert_eq!(outcome(home, &second), "waits: statement.other_lines");
        assert_eq!(decide(home, &second.number, Verdict::Accept, "核对过"), "done");
        assert_eq!(receipts(home).len(), 1, "its receipt");
        let number = second.number.as_str();
        let view = home.db.read(|read| statements::by_number(read, number, Side::Home));
        assert_eq!(view.expect("read").expect("kept").item.state, StatementState::Accepted);
        let held = home.db.read(|read| statements::decided_of(read, number)).expect("read");
        let held = held.expect("how it differed is kept");
        assert_eq!(held.state, WaitingState::Accepted);
        let decision = held.decision.expect("decided");
        assert_eq!((decision.by.as_str(), decision.note.as_str()), ("command caiwu", "核对过"));
        assert_eq!(answer(home, "yinzhou", &sealed(&document)), "statement.conflict");
        let third = of(303, 7);
        assert_eq!(answer(home, "yinzhou", &sealed(&third)), "statement.conflict");
        assert!(matches!(DecisionRefusal::Taken.code(), "statement.period_taken"));
    });
}

/// A statement as the provider holds it.
fn stated(provider: &Site, number: &str) -> StatementView {
    let view = provider.db.read(|read| statements::by_number(read, number, Side::Provider));
    view.expect("read").expect("issued")
}

/// Takes everything that waits at home to the provider, the last letter first where `turned`.
fn bring(home: &Site, provider: &Site, turned: bool) {
    loop {
        let mut sent = letters(home);
        if turned {
            sent.reverse();
        }
        if sent.is_empty() {
            return;
        }
        for letter in sent {
            assert_eq!(answer(provider, home.node.as_str(), &letter.payload), "taken");
        }
    }
}

/// A provider sees that its statement waits at the home node, and what a person there decided.
#[test]
fn a_provider_is_told_that_its_statement_waits_and_what_was_decided() {
    in_worlds(|world| {
        let World { provider, home, contract, .. } = world;
        let october = stated(provider, NUMBER);
        meter(provider, contract, "2026-11-05T04:00:00Z", 4);
        close_month(provider, "2026-11");
        let number = "ST-330212-202611-0000001";
        let sent = letters(provider);
        let of = |number: &str| {
            let row = sent.iter().find(|row| row.id.ends_with(number));
            row.expect("on its way").payload.clone()
        };
        // November's counts have not come.
        assert_eq!(answer(home, "yinzhou", &of(number)), "taken");
        bring(home, provider, false);
        let held = stated(provider, number);
        assert_eq!(held.item.state, StatementState::Questioned);
        let said = held.objection.expect("said");
        assert_eq!((said.state, said.note.as_str()), (WaitingState::Waiting, ""));
        assert!(matches!(said.difference, Difference::MoreThanReported { .. }), "{said:?}");
        assert_eq!(decide(home, number, Verdict::Decline, "没有收到用量"), "done");
        bring(home, provider, false);
        let held = stated(provider, number);
        assert_eq!(held.item.state, StatementState::Declined);
        let said = held.objection.expect("said");
        assert_eq!((said.state, said.note.as_str()), (WaitingState::Declined, "没有收到用量"));
        let query = |state| statements::StatementQuery { state, ..Default::default() };
        let declined = query(Some(StatementState::Declined));
        let listed = provider.db.read(|read| statements::issued(read, &declined)).expect("read");
        assert_eq!(listed.items.iter().map(|item| &item.number).collect::<Vec<_>>(), [number]);
        // What fits has nothing said against it, and a decision is told with each repeat.
        assert_eq!(answer(home, "yinzhou", &of(NUMBER)), "taken");
        bring(home, provider, false);
        let held = stated(provider, NUMBER);
        assert_eq!((held.item.state, held.objection), (StatementState::Checked, None));
        assert_eq!(october.hash, held.hash);
        sql(provider, "DELETE FROM statement_objections");
        assert_eq!(answer(home, "yinzhou", &of(number)), "taken");
        bring(home, provider, false);
        assert_eq!(stated(provider, number).objection.expect("again").note, "没有收到用量");
    });
}

/// In whichever order decision and receipt arrive, and however often.
#[test]
fn what_a_person_accepted_is_said_to_be_accepted_by_a_person() {
    for turned in [false, true] {
        in_worlds(|world| {
            let World { provider, home, contract, .. } = world;
            meter(provider, contract, "2026-11-05T04:00:00Z", 4);
            close_month(provider, "2026-11");
            let number = "ST-330212-202611-0000001";
            for letter in letters(provider) {
                if letter.target == home.node.as_str() {
                    assert_eq!(answer(home, "yinzhou", &letter.payload), "taken");
                }
            }
            let before = letters(home);
            assert_eq!(decide(home, number, Verdict::Accept, "与对方核对过"), "done");
            bring(home, provider, turned);
            assert_eq!(stated(provider, number).item.state, StatementState::Accepted);
            // What was said before and comes late changes nothing.
            for letter in before {
                assert_eq!(answer(provider, home.node.as_str(), &letter.payload), "taken");
            }
            let held = stated(provider, number);
            assert_eq!(held.item.state, StatementState::Accepted);
            assert_eq!(held.objection.expect("said").note, "与对方核对过");
        });
    }
}

/// Nobody but the home node of a statement says anything against it, and only in its own words.
#[test]
fn an_objection_that_differs_in_one_field_is_refused() {
    in_worlds(|world| {
        let World { provider, home, .. } = world;
        let mut document = november(world);
        document.lines[0].quantity += 5;
        let _ = letters(home);
        let waits = outcome(home, &document);
        assert!(waits.starts_with("waits"), "{waits}");
        let sent = letters(home);
        assert_eq!(sent.iter().map(kind_of).collect::<Vec<_>>(), [LetterKind::Objection]);
        let letter = statements::Letter::parse(&sent[0].payload).expect("a letter");
        let said = ObjectionDocument::read(letter.document.as_bytes()).expect("an objection");
        let code = |by: &str, changed: &Value| {
            let text = changed.to_string();
            let number = changed["number"].as_str().expect("a number");
            let hash = match serde_json::from_value::<ObjectionDocument>(changed.clone()) {
                Ok(document) => document.seal_text().1,
                Err(_) => [0; 32],
            };
            answer(provider, by, &forged_by(by, LetterKind::Objection, (number, hash), &text))
        };
        let true_hash = json!(stated(provider, &said.number).hash);
        let fits = with(&said, "/statement_hash", &true_hash);
        for (pointer, value, expected) in [
            ("/v", json!(2), "bad_document"),
            ("/number", json!("ST-330212-202611-0000009"), "unknown_document"),
            ("/number", json!(NUMBER), "unknown_document"),
            ("/statement_hash", json!("00"), "unknown_document"),
            ("/state", json!("declined"), "bad_document"),
            ("/state", json!("forgotten"), "bad_document"),
            ("/note", json!("x"), "bad_document"),
            ("/difference/difference", json!("terms"), "bad_document"),
            ("/difference/period", json!("2026-13"), "bad_document"),
        ] {
            let found = code("haishu", &with(&fits, pointer, &value));
            assert_eq!(found, format!("statement.{expected}"), "{pointer} {value}");
        }
        // Another member's word about it is nothing.
        assert_eq!(code("yinzhou", &fits), "statement.unknown_document");
        assert_eq!(stated(provider, &said.number).objection, None);
        assert_eq!(code("haishu", &fits), "taken", "the true one");
    });
}

/// A product's number.
fn product(division: &str, sequence: u32) -> String {
    let division = DivisionCode::parse(division).expect("a division");
    let number = RegistrationNumber::new(&division, NumberKind::Product, 2026, sequence);
    number.expect("a number").to_string()
}

fn told(document: &DivisionDocument) -> Vec<u8> {
    let (text, hash) = document.seal_text();
    let id = format!("{}/{}", document.period, document.product);
    forged(LetterKind::Division, &id, hash, &text)
}

#[test]
fn a_division_that_differs_in_one_field_is_refused() {
    in_worlds(|world| {
        let made = world.provider.db.read(|read| allocations::in_period(read, month("2026-10")));
        let document: DivisionDocument = made.expect("read")[0].document.clone();
        let elsewhere: NodeName = NodeName::parse("haishu").expect("a name");
        let changes = [
            ("/v", json!(3), "bad_document"),
            ("/v", json!(1), "bad_document"),
            ("/provider_node", json!("ningbo"), "misdirected"),
            ("/product", json!("330203-P-2026-0000001-C"), "misdirected"),
            ("/product", json!(product("330212", 77)), "unknown_product"),
            ("/period", json!("2025-12"), "split_not_in_force"),
            ("/agreement", json!(format!("{}/split/1", document.product)), "split_not_in_force"),
            ("/base", json!("0.01"), "bad_document"),
            ("/parts/0/amount", json!("0.00"), "bad_document"),
            ("/parts/0/party/share_ppm", json!(1), "bad_document"),
            ("/parts/0/party/name/zh", json!("别人"), "shares_differ"),
            ("/parts/0/party/role", json!("platform"), "shares_differ"),
            ("/parts/0/party/node", json!(elsewhere), "misdirected"),
            ("/parts/0/explanation/base_to", json!("9.99"), "bad_document"),
            ("/parts/0/explanation/received", json!("9.99"), "bad_document"),
        ];
        for (pointer, value, code) in changes {
            let changed = with(&document, pointer, &value);
            let changed = serde_json::from_value::<DivisionDocument>(changed);
            let changed = changed.unwrap_or_else(|error| panic!("{pointer}: {error}"));
            let found = answer(&world.party, "yinzhou", &told(&changed));
            assert_eq!(found, format!("statement.{code}"), "{pointer} {value}");
        }
        // Its own shares, its own beginning: both add up.
        let parties: Vec<_> = document.parts.iter().map(|part| part.party.clone()).collect();
        let again = |shares: [u32; 2], from: i64| {
            let mut parts = document.parts.clone();
            for ((part, party), share) in parts.iter_mut().zip(&parties).zip(shares) {
                part.party = party.clone();
                part.party.share_ppm = share;
            }
            let agreement =
                lianshi_market::split::Agreement::recorded(document.agreement.clone(), &parts);
            let from = Amount::from_fen(from);
            let parts = lianshi_market::split::divide(document.base, &agreement, from);
            DivisionDocument { parts: parts.expect("divided"), ..document.clone() }
        };
        let shares = parties.iter().map(|party| party.share_ppm).collect::<Vec<_>>();
        let shares = [shares[0], shares[1]];
        let greedy = again([1_000_000 - 1, 1], 0);
        assert_eq!(answer(&world.party, "yinzhou", &told(&greedy)), "statement.shares_differ");
        let later = again(shares, 100_000);
        assert_eq!(answer(&world.party, "yinzhou", &told(&later)), "statement.division_missing");
        assert_eq!(answer(&world.party, "yinzhou", &told(&document)), "taken");
        let mut next = again(shares, 0);
        next.period = month("2026-11");
        assert_eq!(answer(&world.party, "yinzhou", &told(&next)), "statement.divided_before");
        let mut next = again(shares, document.base.fen());
        next.period = month("2026-11");
        assert_eq!(answer(&world.party, "yinzhou", &told(&next)), "taken");
        // A node that recovered from a loss takes the first that comes, and no other with a gap.
        let mut after = again(shares, 50_000);
        after.period = month("2026-12");
        assert_eq!(answer(&world.party, "yinzhou", &told(&after)), "statement.division_missing");
        let party = &world.party;
        party.db.write(|write| recovery::finish(write, party, &[])).expect("recovered");
        assert_eq!(answer(party, "yinzhou", &told(&after)), "statement.recovering");
        let yinzhou = NodeName::parse("yinzhou").expect("a name");
        party.db.write(|write| correspondence::settled(write, party, &yinzhou)).expect("settled");
        assert_eq!(answer(party, "yinzhou", &told(&after)), "taken");
        replicate(&world.provider, &world.party);
    });
}

/// The copy a statement is derived from may have ended after the backup.
#[test]
fn a_restored_home_node_signs_nothing_of_a_node_it_has_not_asked() {
    in_worlds(|world| {
        let document = november(world);
        let World { home, .. } = world;
        home.db.write(|write| recovery::finish(write, home, &[])).expect("recovered");
        let yinzhou = NodeName::parse("yinzhou").expect("a name");
        assert!(home.db.read(correspondence::awaited).expect("read").contains(&yinzhou));
        assert_eq!(outcome(home, &document), "statement.recovering");
        home.db.write(|write| correspondence::settled(write, home, &yinzhou)).expect("settled");
        assert_eq!(outcome(home, &document), "taken");
    });
}
