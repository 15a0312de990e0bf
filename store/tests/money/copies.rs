//! Copies of a party's lines at another node: sent at its word alone, each line once, kept apart,
//! and taken only where the catalog has the party read there.

use lianshi_market::close::{CLOSE_TOTAL_MAX, COPY_VERSION, CopyDocument};
use lianshi_registry::{refusal::Refusal as _, time::Timestamp, uscc::Uscc};
use lianshi_store::{
    Db, Failure, Site, allocations,
    audit::Actor,
    copies::{self, CopyRefusal, Recipient},
    outbox::{self, OutboxRow},
    recovery::{self, Cause},
    rehearsal,
    statements::LetterKind,
    subscriptions::correspondence,
};
use serde_json::{Value, json};

use super::{
    books,
    letters::{self, World, answer, forged_by, kind_of, replicate, world},
    shares::with_one_line,
    stage::{close_month, meter, site, sql},
};
use crate::support::{fresh_postgres, on_both, on_sqlite};

/// Takes out everything that is sent, also what is sent one after the other.
fn letters(site: &Site) -> Vec<OutboxRow> {
    let mut sent = Vec::new();
    loop {
        let due = letters::letters(site);
        if due.is_empty() {
            return sent;
        }
        sent.extend(due);
    }
}

fn party() -> Uscc {
    rehearsal::buyer(77).expect("a code")
}

fn person() -> Actor {
    Actor { name: "li.na".to_owned(), organization: party().to_string() }
}

fn name(site: &Site, node: &str) -> &'static str {
    let said = code(copies::name(site, (&person(), &party()), node));
    copies::send_past(site).expect("sent");
    said
}

fn take_back(site: &Site, node: &str) -> &'static str {
    code(copies::take_back(site, (&person(), &party()), node))
}

fn code(outcome: Result<(), Failure<CopyRefusal>>) -> &'static str {
    match outcome {
        Ok(()) => "done",
        Err(Failure::Refused(refusal)) => refusal.code(),
        Err(Failure::Fault(fault)) => panic!("a fault: {fault:?}"),
    }
}

fn recipients(site: &Site) -> Vec<Recipient> {
    site.db.read(|read| copies::recipients(read, &party())).expect("read")
}

/// Period, sender and amount of what other nodes say.
fn received(site: &Site) -> Vec<(String, String, i64)> {
    let page = site.db.read(|read| copies::received(read, &party(), 1)).expect("read");
    let line = |line: &copies::CopiedLine| {
        assert_eq!(line.document.party, party());
        (line.document.period.to_string(), line.from.to_string(), line.document.amount.fen())
    };
    page.items.iter().map(line).collect()
}

/// yinzhou divides, the party reads at ningbo, and haishu holds the same catalog.
fn in_world(body: impl Fn(&World)) {
    on_both(|party| {
        on_sqlite(|provider| {
            let home = Db::open(&fresh_postgres()).expect("a database");
            let world = world(provider, &home, party);
            for letter in letters(&world.provider) {
                if letter.target == "ningbo" {
                    assert_eq!(answer(&world.party, "yinzhou", &letter.payload), "taken");
                }
            }
            letters(&world.party);
            replicate(&world.provider, &world.home);
            body(&world);
        });
    });
}

fn copies_in(sent: &[OutboxRow]) -> Vec<&OutboxRow> {
    sent.iter().filter(|letter| kind_of(letter) == LetterKind::LineCopy).collect()
}

/// Another month of yinzhou reaches ningbo; gives what ningbo wrote to others.
fn next_month(world: &World, text: &str) -> Vec<OutboxRow> {
    meter(&world.provider, &world.contract, &format!("{text}-05T04:00:00Z"), 13);
    close_month(&world.provider, text);
    for letter in letters(&world.provider) {
        if letter.target == "ningbo" {
            assert_eq!(answer(&world.party, "yinzhou", &letter.payload), "taken");
        }
    }
    letters(&world.party)
}

#[test]
fn a_party_has_its_lines_copied_to_a_node_it_names_until_it_takes_that_back() {
    in_world(|world| {
        let World { home, party: reads, .. } = world;
        assert!(copies_in(&letters(reads)).is_empty(), "nobody said so");
        assert_eq!(name(reads, "haishu"), "done");
        let sent = letters(reads);
        assert_eq!(copies_in(&sent).len(), 1, "what there was");
        assert_eq!(sent[0].target, "haishu");
        let text = String::from_utf8_lossy(&sent[0].payload);
        let operator = world.contract.operator.as_str();
        assert!(!text.contains(operator) && !text.contains("5.50"), "of itself only: {text}");
        let before = books::counts(home);
        assert_eq!(answer(home, "ningbo", &sent[0].payload), "taken");
        let receipts = letters(home);
        assert_eq!(answer(home, "ningbo", &sent[0].payload), "taken", "a repeat");
        assert_eq!(letters(home)[0].payload, receipts[0].payload);
        let october = ("2026-10".to_owned(), "ningbo".to_owned(), 183);
        assert_eq!(received(home), std::slice::from_ref(&october).to_vec());
        // It is the other node's word: no line of this one, and nothing in its books.
        let own = home.db.read(|read| allocations::for_party(read, &party(), 1)).expect("read");
        assert_eq!(own.total, 0);
        assert_eq!(books::counts(home).accounts, before.accounts);
        assert!(received(reads).is_empty());

        assert_eq!(recipients(reads)[0].confirmed, 0);
        for _ in 0..2 {
            assert_eq!(answer(reads, "haishu", &receipts[0].payload), "taken");
        }
        let held = recipients(reads);
        assert_eq!((held.len(), held[0].sent, held[0].confirmed, held[0].lapsed), (1, 1, 1, false));
        assert_eq!((held[0].node.as_str(), held[0].named_by.as_str()), ("haishu", "li.na"));
        assert_eq!(answer(reads, "yinzhou", &receipts[0].payload), "letter.not_of_sender");

        let november = next_month(world, "2026-11");
        let [copy] = copies_in(&november)[..] else { panic!("{november:?}") };
        assert_eq!(answer(home, "ningbo", &copy.payload), "taken");
        assert_eq!(received(home)[1], october);
        assert_eq!(received(home).len(), 2);

        // Said again, everything is sent again: the other node may have lost it.
        assert_eq!(name(reads, "haishu"), "done");
        assert_eq!(copies_in(&letters(reads)).len(), 2);
        assert_eq!(name(reads, "haishu"), "done");
        assert_eq!(take_back(reads, "haishu"), "done");
        assert!(copies_in(&letters(reads)).is_empty(), "nor what waited");
        assert_eq!(take_back(reads, "haishu"), "copy.not_named");
        assert!(recipients(reads).is_empty());
        assert_eq!(received(home).len(), 2, "what was told was told");
        books::hold(home);
    });
}

#[test]
fn only_members_other_than_this_node_are_named() {
    on_both(|db| {
        let site = &site(db, "ningbo", "330200");
        assert_eq!(name(site, "ningbo"), "copy.own_node");
        assert_eq!(name(site, "nobody"), "copy.no_member");
        assert_eq!(name(site, "no node"), "copy.no_member");
        assert_eq!(name(site, "yinzhou"), "done");
        for n in 1..copies::RECIPIENTS_MAX {
            let row = format!(
                "INSERT INTO line_recipients SELECT party_uscc, 'n{n}', named_at, named_by, waits, \
                 sent_period, sent_product FROM line_recipients WHERE node = 'yinzhou'"
            );
            sql(site, &row);
        }
        assert_eq!(name(site, "haishu"), "copy.full");
        assert_eq!(name(site, "yinzhou"), "done", "the same once more");
    });
}

#[test]
fn what_there_was_is_copied_a_part_at_a_time() {
    on_both(|db| {
        let site = &with_one_line(db);
        for year in 1980..2020 {
            for part in ["03", "06", "09"] {
                let period = format!("{year}-{part}");
                let of = "FROM allocations WHERE period = '2026-10'";
                sql(
                    site,
                    &format!(
                        "INSERT INTO allocations SELECT side, '{period}', product, agreement, \
                         party_uscc, party_name, role, provider_node, base_fen, amount_fen, \
                         explanation {of}"
                    ),
                );
                sql(
                    site,
                    &format!(
                        "INSERT INTO split_documents SELECT side, '{period}', product, agreement, \
                         provider_node, base_fen, issued_at, document_hash, \
                         REPLACE(document, '2026-10', '{period}'), sealed, base_from_fen, \
                         base_to_fen, made_in FROM split_documents WHERE period = '2026-10'"
                    ),
                );
            }
        }
        letters(site);
        let sent = || {
            let waiting = site.db.read(outbox::waiting).expect("read").counted();
            usize::try_from(waiting).expect("few")
        };
        assert_eq!(name(site, "yinzhou"), "done");
        assert_eq!((sent(), recipients(site)[0].sent), (121, 121));
        // Ended in the middle, it goes on where it was.
        sql(site, "DELETE FROM outbox WHERE id LIKE 'division.copy/%'");
        let middle = "waits = (1 = 1), sent_period = '2010-03', sent_product = ''";
        sql(site, &format!("UPDATE line_recipients SET {middle}"));
        copies::send_past(site).expect("sent");
        assert_eq!(sent(), 31);
        copies::send_past(site).expect("nothing left");
        assert_eq!(sent(), 31);
    });
}

/// A backup may hold what was taken back after it.
#[test]
fn a_restored_node_copies_nothing_before_a_person_says_so_again() {
    in_world(|world| {
        let reads = &world.party;
        assert_eq!(name(reads, "haishu"), "done");
        let far = Timestamp::from_millis(i64::MAX);
        let waits = reads.db.read(|read| outbox::due(read, far, 100)).expect("read");
        let no = ("statement.conflict", "no");
        reads.db.write(|write| outbox::park(write, reads, copies_in(&waits)[0], no)).expect("put");
        assert_eq!(name(reads, "haishu"), "done", "one is set aside, and one waits");
        sql(reads, "UPDATE line_recipients SET named_at = named_at - 1");
        let since = reads.now();
        let required = reads.db.write(|write| recovery::require(write, Cause::Restored, since));
        required.expect("to be recovered");
        let parked = reads.db.read(outbox::parked).expect("read");
        assert_eq!(parked, [], "what was taken back since may be in a backup");
        assert!(copies_in(&letters(reads)).is_empty());
        reads.db.write(|write| recovery::finish(write, reads, &[])).expect("recovered");
        let asked = &world.provider.node;
        let settled = reads.db.write(|write| correspondence::settled(write, reads, asked));
        settled.expect("asked");
        assert!(recipients(reads)[0].lapsed);
        assert!(copies_in(&next_month(world, "2026-11")).is_empty());
        sql(reads, "UPDATE line_recipients SET waits = (1 = 1), sent_period = ''");
        copies::send_past(reads).expect("nothing is due");
        assert!(copies_in(&letters(reads)).is_empty());
        assert_eq!(name(reads, "haishu"), "done");
        assert!(!recipients(reads)[0].lapsed);
        assert_eq!(copies_in(&letters(reads)).len(), 2);
    });
}

/// A copy that any node seals.
fn said(by: &str, document: &CopyDocument) -> Vec<u8> {
    let (text, hash) = document.seal_text();
    forged_by(by, LetterKind::LineCopy, (&document.id(), hash), &text)
}

#[test]
fn a_copy_that_differs_in_one_field_is_refused() {
    in_world(|world| {
        let World { home, provider, party: reads, .. } = world;
        assert_eq!(name(reads, "haishu"), "done");
        let sent = letters(reads);
        let letter: Value = serde_json::from_slice(&sent[0].payload).expect("JSON");
        let text = letter["document"].as_str().expect("a text");
        let document = CopyDocument::read(text.as_bytes()).expect("a copy");
        let product = document.product.to_string();
        let other = rehearsal::buyer(78).expect("a code");
        let operator = world.contract.operator.clone();
        let beyond = CLOSE_TOTAL_MAX.fen() + 1;
        let changes = [
            ("v", json!(COPY_VERSION + 1), "bad_document"),
            ("amount", json!("-0.01"), "bad_document"),
            ("amount", json!(format!("{}.{:02}", beyond / 100, beyond % 100)), "bad_document"),
            ("division_hash", json!("ab"), "bad_document"),
            ("reading_node", json!("yinzhou"), "misdirected"),
            ("reading_node", json!("haishu"), "misdirected"),
            ("provider_node", json!("haishu"), "misdirected"),
            ("provider_node", json!("ningbo"), "misdirected"),
            ("period", json!("2026-12"), "period_ahead"),
            ("period", json!("2025-12"), "no_such_share"),
            ("product", json!("330212-P-2026-0000077-X"), "bad_document"),
            ("agreement", json!(format!("{product}/split/1")), "no_such_share"),
            ("agreement", json!(format!("{product}/split/3")), "split_not_in_force"),
            ("agreement", json!(format!("{product}/operator/{}", party())), "no_such_share"),
            ("party", json!(other), "no_such_share"),
            // A party of the same split that reads elsewhere.
            ("party", json!(operator), "no_such_share"),
            ("role", json!("operator"), "no_such_share"),
            ("share_ppm", json!(333_334), "no_such_share"),
        ];
        for (field, value, code) in changes {
            let mut changed = serde_json::to_value(&document).expect("JSON");
            changed[field] = value.clone();
            let found = match serde_json::from_value::<CopyDocument>(changed) {
                Ok(changed) => answer(home, "ningbo", &said("ningbo", &changed)),
                Err(_) => "statement.bad_document",
            };
            assert_eq!(found, format!("statement.{code}"), "{field} {value}");
        }
        // Another member says it of a party that does not read there.
        let theirs = CopyDocument { reading_node: provider.node.clone(), ..document.clone() };
        assert_eq!(answer(home, "yinzhou", &said("yinzhou", &theirs)), "statement.no_such_share");
        let by_another = said("yinzhou", &document);
        assert_eq!(answer(home, "ningbo", &by_another), "letter.not_of_sender");
        let (text, _) = document.seal_text();
        let wrong = forged_by("ningbo", LetterKind::LineCopy, (&document.id(), [7; 32]), &text);
        assert_eq!(answer(home, "ningbo", &wrong), "statement.wrong_hash");
        assert!(received(home).is_empty());

        assert_eq!(answer(home, "ningbo", &sent[0].payload), "taken", "the true one");
        let mut another = document.clone();
        another.amount = lianshi_market::money::Amount::from_fen(184);
        assert_eq!(answer(home, "ningbo", &said("ningbo", &another)), "statement.conflict");
        assert_eq!(received(home).len(), 1);
        // A receipt for what was never sent, or of another document.
        let receipt = |id: &str, hash| {
            let bytes = forged_by("haishu", LetterKind::LineCopyReceipt, (id, hash), "");
            answer(reads, "haishu", &bytes)
        };
        let hash = document.seal_text().1;
        for (id, hash) in [("x", hash), ("2026-09/a/b", hash), (&document.id(), [7; 32])] {
            assert_eq!(receipt(id, hash), "statement.unknown_document", "{id}");
        }
        assert_eq!(recipients(reads)[0].confirmed, 0);
        assert_eq!(receipt(&document.id(), hash), "taken");
        assert_eq!(recipients(reads)[0].confirmed, 1);
    });
}
