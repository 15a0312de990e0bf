//! A party with shares in products of several nodes: every line that came is shown, and its shares
//! at every node.

use diesel::{RunQueryDsl as _, sql_query};
use lianshi_registry::{
    entry::{ShareRole, SplitBase},
    uscc::Uscc,
};
use lianshi_store::{
    Db, Fault, Read, Site, allocations,
    catalog::{self, PartyShare, ShareStanding},
    rehearsal,
};

use super::{
    letters::{answer, letters, replicate, share_product_with},
    stage::{close_month, meter, month, product_contract, site, sql},
};
use crate::support::{contents, fresh_postgres, on_both, on_sqlite};

/// The party that all of this is about.
fn party() -> Uscc {
    rehearsal::buyer(77).expect("a code")
}

/// Period, node that divided and amount of every line, newest first.
fn lines(site: &Site) -> Vec<(String, String, i64)> {
    let page = site.db.read(|read| allocations::for_party(read, &party(), 1)).expect("read");
    assert_eq!(page.total, u64::try_from(page.items.len()).expect("few"));
    let line = |line: &allocations::AllocationLine| {
        (line.period.to_string(), line.provider.to_string(), line.amount.fen())
    };
    page.items.iter().map(line).collect()
}

/// yinzhou with two products and ningbo with one; the party reads the lines of all at ningbo.
fn two_providers(yinzhou: &Db, ningbo: &Db) -> (Site, Site) {
    let provider = site(yinzhou, "yinzhou", "330212");
    let reads = site(ningbo, "ningbo", "330200");
    rehearsal::stage(&provider, 2).expect("staged");
    rehearsal::stage(&reads, 1).expect("staged");
    for product in [1, 2] {
        share_product_with(&provider, product, (2, "2026-01"), &reads.node);
    }
    share_product_with(&reads, 1, (2, "2026-01"), &reads.node);
    replicate(&provider, &reads);
    (provider, reads)
}

/// Brings what yinzhou wrote to ningbo; gives how many letters were taken.
fn bring(from: &Site, to: &Site) -> usize {
    let sent: Vec<_> = letters(from).into_iter().filter(|one| one.target == "ningbo").collect();
    for letter in &sent {
        assert_eq!(answer(to, "yinzhou", &letter.payload), "taken", "{}", letter.id);
    }
    sent.len()
}

#[test]
fn a_party_sees_every_line_of_own_and_of_other_nodes_products() {
    on_sqlite(|db| {
        let other = Db::open(&fresh_postgres()).expect("a database");
        let (provider, reads) = two_providers(db, &other);
        let sold = [product_contract(&provider, 1, 1), product_contract(&provider, 2, 2)];
        for contract in &sold {
            meter(&provider, contract, "2026-10-05T04:00:00Z", 6);
            meter(&provider, contract, "2026-11-05T04:00:00Z", 12);
        }
        let own = product_contract(&reads, 1, 1);
        meter(&reads, &own, "2026-10-05T04:00:00Z", 24);
        // The second product cannot be divided in time: its October comes with November's close.
        let second = &sold[1].product;
        let shares = format!("WHERE kind = 'split' AND name LIKE '{second}%'");
        let change = |from: &str, to: &str| {
            let state = format!("REPLACE(state, '{from}', '{to}')");
            sql(&provider, &format!("UPDATE catalog_objects SET state = {state} {shares}"));
        };
        change("333333", "333332");
        close_month(&provider, "2026-10");
        assert_eq!(bring(&provider, &reads), 1);
        close_month(&reads, "2026-10");
        let line = |period: &str, node: &str, fen| (period.to_owned(), node.to_owned(), fen);
        let (october, of_own) = (line("2026-10", "yinzhou", 67), line("2026-10", "ningbo", 367));
        let mut found = lines(&reads);
        found.sort_by_key(|line| line.2);
        assert_eq!(found, [october.clone(), of_own.clone()]);

        change("333332", "333333");
        close_month(&provider, "2026-11");
        assert_eq!(bring(&provider, &reads), 3, "the late month is a letter of its own");
        let found = lines(&reads);
        assert!(found[..2].iter().all(|line| line.0 == "2026-11"), "{found:?}");
        assert_eq!(found.iter().filter(|line| **line == october).count(), 2, "{found:?}");
        assert!(found.contains(&of_own), "{found:?}");
        let all: i64 = found.iter().map(|line| line.2).sum();
        let stated = found.iter().filter(|line| line.1 == "yinzhou").count();
        assert_eq!((found.len(), stated), (5, 4), "{found:?}");
        // A third of everything that was invoiced, to the fen for each product.
        let base = |site: &Site| -> i64 {
            let made = ["2026-10", "2026-11"].map(|text| {
                let made = site.db.read(|read| allocations::in_period(read, month(text)));
                made.expect("read").iter().map(|view| view.document.base.fen()).sum::<i64>()
            });
            made.iter().sum()
        };
        let third = (base(&provider) + base(&reads)) / 3;
        assert!((third - 3..=third + 3).contains(&all), "{all} of {third}");
    });
}

/// ningbo has divided one month with the party that reads there.
pub fn with_one_line(db: &Db) -> Site {
    let site = site(db, "ningbo", "330200");
    rehearsal::stage(&site, 1).expect("staged");
    share_product_with(&site, 1, (2, "2026-01"), &site.node);
    let contract = product_contract(&site, 1, 1);
    meter(&site, &contract, "2026-10-05T04:00:00Z", 6);
    close_month(&site, "2026-10");
    site
}

#[test]
fn a_party_leafs_through_as_many_lines_as_it_has() {
    on_both(|db| {
        let site = &with_one_line(db);
        for year in 1980..2020 {
            for name in ["03", "06", "09"] {
                sql(
                    site,
                    &format!(
                        "INSERT INTO allocations SELECT side, '{year}-{name}', product, agreement, \
                         party_uscc, party_name, role, provider_node, base_fen, amount_fen, \
                         explanation FROM allocations WHERE period = '2026-10'"
                    ),
                );
            }
        }
        let page = |number| {
            let page = site.db.read(|read| allocations::for_party(read, &party(), number));
            page.expect("read")
        };
        let (first, second, third) = (page(1), page(2), page(3));
        assert_eq!((first.total, first.items.len(), second.items.len()), (121, 100, 21));
        assert_eq!(first.items[0].period, month("2026-10"));
        assert_eq!(second.items.last().expect("one").period, month("1980-03"));
        assert!(third.items.is_empty());
        assert_eq!(page(0), first);
    });
}

/// Product, version, node where it is read and standing of every share.
fn shares(site: &Site, text: &str) -> Vec<(String, u32, String, ShareStanding)> {
    let page = site.db.read(|read| catalog::shares_of(read, &party(), (month(text), 1)));
    let page = page.expect("read");
    let of = |share: PartyShare| {
        assert_eq!((share.share_ppm, share.role), (333_333, ShareRole::Provider));
        assert_eq!(
            (share.base, share.name.en.as_str()),
            (SplitBase::Invoiced, "Rehearsal product")
        );
        assert!(share.product.to_string().starts_with(match share.owner.as_str() {
            "yinzhou" => "330212-P",
            "ningbo" => "330200-P",
            other => panic!("{other}"),
        }));
        (share.product.to_string(), share.version, share.node.to_string(), share.standing)
    };
    page.items.into_iter().map(of).collect()
}

#[test]
fn a_party_leafs_through_as_many_shares_as_it_has() {
    on_both(|db| {
        let site = site(db, "yinzhou", "330212");
        let products = u32::try_from(catalog::SHARE_PRODUCTS_MAX).expect("few") + 1;
        rehearsal::stage(&site, products).expect("staged");
        for product in 1..=products {
            share_product_with(&site, product, (2, "2026-01"), &site.node);
        }
        let page = |page| {
            let read =
                |read: &mut Read<'_>| catalog::shares_of(read, &party(), (month("2026-12"), page));
            let page = site.db.read(read).expect("read");
            (page.products, page.items.into_iter().map(|share| share.product).collect::<Vec<_>>())
        };
        let ((all, mut seen), (again, rest)) = (page(1), page(2));
        assert_eq!((all, again, seen.len(), rest.len()), (21, 21, 20, 1));
        seen.extend(rest);
        seen.dedup();
        assert_eq!(seen.len(), 21, "each once");
        assert_eq!((page(0), page(3).1), (page(1), Vec::new()));
    });
}

#[test]
fn a_party_sees_its_shares_at_every_node_where_they_stand() {
    on_both(|db| {
        on_sqlite(|other| {
            let (provider, reads) = two_providers(other, db);
            // From 2027 on it reads the lines of one of them at another node.
            let haishu = super::stage::node("haishu");
            share_product_with(&provider, 2, (3, "2027-01"), &haishu);
            replicate(&provider, &reads);
            let number =
                |site, n| rehearsal::product_number(site, n).expect("a number").to_string();
            let (own, one, two) = (number(&reads, 1), number(&provider, 1), number(&provider, 2));
            let at = |product: &String, version, node: &str, standing| {
                (product.clone(), version, node.to_owned(), standing)
            };
            let now = [
                at(&own, 2, "ningbo", ShareStanding::InForce),
                at(&one, 2, "ningbo", ShareStanding::InForce),
                at(&two, 3, "haishu", ShareStanding::Ahead),
                at(&two, 2, "ningbo", ShareStanding::InForce),
            ];
            assert_eq!(shares(&reads, "2026-12"), now);
            let later = shares(&reads, "2027-01");
            assert_eq!(later[2], at(&two, 3, "haishu", ShareStanding::InForce));
            assert_eq!(later[3], at(&two, 2, "ningbo", ShareStanding::Replaced));
            // The product's own node shows the same of it, and nothing of what it does not hold.
            assert_eq!(shares(&provider, "2026-12"), now[1..]);
            let nobody = rehearsal::buyer(78).expect("a code");
            let none =
                reads.db.read(|read| catalog::shares_of(read, &nobody, (month("2026-12"), 1)));
            assert_eq!(none.expect("read").products, 0);

            // Folded again from the logs, and listed for a catalog of before: the same rows.
            let listed = contents(&reads.db)["catalog_parties"].clone();
            assert!(listed.len() >= 3);
            catalog::rebuild(&reads.db, &|_, _| {}).expect("rebuilt");
            assert_eq!(contents(&reads.db)["catalog_parties"], listed);
            let forget = "DELETE FROM catalog_parties";
            let mark = "INSERT INTO catalog_unshared SELECT number FROM catalog_products";
            let done: Result<(), Fault> = reads.db.write(|write| {
                sql_query(forget).execute(&mut **write)?;
                sql_query(mark).execute(&mut **write)?;
                Ok(())
            });
            done.expect("forgotten");
            assert!(shares(&reads, "2026-12").is_empty());
            catalog::index(&reads.db).expect("listed");
            assert_eq!(contents(&reads.db)["catalog_parties"], listed);
            assert!(contents(&reads.db)["catalog_unshared"].is_empty());
        });
    });
}
