//! A node comes back from a backup that is older than divisions: those a party's node stood by come
//! back under its own seal, and those the maker has no receipt for go out again.

use lianshi_market::correspondence::{Division, Divisions, Question};
use lianshi_store::{
    Site, allocations, audit, recovery,
    statements::{self, LetterKind},
    subscriptions::correspondence,
};

use super::{
    forged::in_worlds,
    letters::{World, answer, forged, letters},
    stage::{close_month, meter, month, node, sql},
};
use crate::support::contents;

/// What the provider tells ningbo of divisions.
fn told(world: &World) -> Divisions {
    let asked = Question::Divisions { since_ms: i64::MIN, skip: 0 };
    let asked = serde_json::to_vec(&asked).expect("JSON");
    let told = correspondence::answer(&world.provider, &world.party.node, &asked);
    let told: Divisions = serde_json::from_slice(&told.expect("answered")).expect("divisions");
    assert!(told.next.is_none(), "few");
    told
}

/// Carries the provider's division to the party, and the receipt back.
fn confirm(world: &World) -> Vec<u8> {
    let division = world.letter(&letters(&world.provider), "ningbo");
    assert_eq!(answer(&world.party, "yinzhou", &division), "taken");
    carry_receipts(world);
    division
}

fn carry_receipts(world: &World) {
    for receipt in letters(&world.party) {
        assert_eq!(answer(&world.provider, "ningbo", &receipt.payload), "taken");
    }
}

/// The rows of the party's node about divisions.
fn held(site: &Site) -> Vec<Vec<String>> {
    let mut all = contents(&site.db);
    ["split_documents", "allocations", "split_receipts"]
        .map(|table| all.remove(table).expect("a table"))
        .to_vec()
}

/// The database of before, which was recovered.
fn forget(site: &Site) {
    for table in ["split_documents", "allocations", "split_receipts"] {
        sql(site, &format!("DELETE FROM {table} WHERE side = 'party'"));
    }
    site.db.write(|write| recovery::finish(write, site, &[])).expect("recovered");
}

fn settle(site: &Site) {
    let yinzhou = node("yinzhou");
    site.db.write(|write| correspondence::settled(write, site, &yinzhou)).expect("settled");
}

fn acts(site: &Site, action: &str) -> usize {
    let acts = site.db.read(|read| audit::newest(read, None, 100)).expect("read");
    acts.iter().filter(|act| act.action == action).count()
}

#[test]
fn what_a_restored_party_stood_by_comes_back_under_its_own_seal() {
    in_worlds(|world| {
        let World { provider, party, contract, .. } = world;
        confirm(world);
        meter(provider, contract, "2026-11-05T04:00:00Z", 4);
        close_month(provider, "2026-11");
        let november = world.letter(&letters(provider), "ningbo");
        let before = held(party);
        forget(party);
        assert_eq!(answer(party, "yinzhou", &november), "statement.recovering");
        let known = told(world);
        assert_eq!(known.divisions.len(), 2);
        let october = Divisions { divisions: known.divisions[..1].to_vec(), next: None };
        assert!(october.divisions[0].receipt.is_some());
        for _ in 0..2 {
            statements::take_divisions(party, &provider.node, &october).expect("taken");
            assert_eq!(held(party), before, "as it was, once");
        }
        assert_eq!((acts(party, "division.recall"), letters(party).len()), (1, 0));
        // What it had not taken is judged as the letter it would have been, and goes on from there.
        statements::take_divisions(party, &provider.node, &known).expect("taken");
        assert_eq!((acts(party, "division.receive"), acts(party, "division.gap")), (2, 0));
        carry_receipts(world);
        assert!(told(world).divisions.iter().all(|one| one.receipt.is_some()));
        settle(party);
        assert_eq!(answer(party, "yinzhou", &november), "taken", "a repeat");
        assert_eq!(acts(party, "division.receive"), 2);
        let whole = told(world);
        assert_eq!(whole.next, None);
        let last = whole.divisions.last().expect("one").made_ms;
        let next = (last, u64::try_from(whole.divisions.len()).expect("few"));
        let asked = Question::Divisions { since_ms: next.0, skip: next.1 };
        let rest =
            correspondence::answer(provider, &party.node, &serde_json::to_vec(&asked).unwrap());
        let rest: Divisions = serde_json::from_slice(&rest.expect("answered")).expect("divisions");
        assert_eq!(rest, Divisions { divisions: Vec::new(), next: None }, "the list goes on");
    });
}

#[test]
fn a_receipt_of_something_else_makes_no_division_true() {
    in_worlds(|world| {
        let World { provider, home, party, .. } = world;
        confirm(world);
        forget(party);
        let before = held(party);
        let true_one = told(world).divisions.remove(0);
        let mut document =
            lianshi_market::close::DivisionDocument::read(true_one.document.as_bytes())
                .expect("a division");
        document.period = month("2026-11");
        let (text, hash) = document.seal_text();
        let id = format!("{}/{}", document.period, document.product);
        let sealed = |kind, id: &str, hash| {
            let letter = forged(kind, id, hash, "");
            let letter = statements::Letter::parse(&letter).expect("a letter");
            String::from_utf8(letter.sealed.to_bytes()).expect("JSON")
        };
        let other = sealed(LetterKind::Division, &id, hash);
        let of_old = sealed(LetterKind::DivisionReceipt, &id, hash);
        for (what, from, one) in [
            // It begins at zero, and nothing was divided before as far as is known here: but its
            // period and shares are judged.
            (
                "the receipt of another",
                provider,
                Division { document: text.replace("2026-11", "2025-12"), ..true_one.clone() },
            ),
            (
                "a receipt that the maker sealed",
                provider,
                Division {
                    sealed: other.clone(),
                    document: true_one.document.clone(),
                    receipt: Some(of_old),
                    ..true_one.clone()
                },
            ),
            (
                "a receipt as the division",
                provider,
                Division {
                    sealed: true_one.receipt.clone().expect("a receipt"),
                    ..true_one.clone()
                },
            ),
            ("told by another", home, true_one.clone()),
        ] {
            let told = Divisions { divisions: vec![one], next: None };
            statements::take_divisions(party, &from.node, &told).expect("looked at");
            assert_eq!(held(party), before, "{what}");
        }
        let left = party.db.read(correspondence::left).expect("read");
        assert!(
            left.iter()
                .any(|left| (left.node.as_str(), left.kind.as_str()) == ("yinzhou", "division"))
        );
        // Nobody else is told of it.
        let asked = br#"{"ask":"divisions","since_ms":0,"skip":0}"#;
        let none = correspondence::answer(provider, &home.node, asked).expect("answered");
        assert_eq!(none, br#"{"divisions":[],"next":null}"#);
    });
}

#[test]
fn a_restored_maker_sends_again_what_it_has_no_receipt_for() {
    in_worlds(|world| {
        let World { provider, party, .. } = world;
        confirm(world);
        let confirmed = || {
            let made = provider.db.read(|read| allocations::in_period(read, month("2026-10")));
            made.expect("read")[0].confirmed_by.clone()
        };
        assert_eq!(confirmed(), [party.node.clone()].into());
        statements::send_divisions_again(provider, &party.node).expect("looked");
        assert_eq!(letters(provider).len(), 0, "what is confirmed is not sent");
        sql(provider, "DELETE FROM split_receipts");
        assert!(confirmed().is_empty(), "forgotten");
        statements::send_divisions_again(provider, &party.node).expect("sent");
        let again = letters(provider);
        assert_eq!(again.len(), 1);
        assert_eq!(answer(party, "yinzhou", &again[0].payload), "taken");
        carry_receipts(world);
        assert_eq!(confirmed(), [party.node.clone()].into());
        assert_eq!(acts(party, "division.receive"), 1, "the party had it");
    });
}
