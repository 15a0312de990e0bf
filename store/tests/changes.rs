//! Keeping a copy of the catalog: a list by cursor while the catalog changes, and what changed
//! since.

use std::collections::BTreeSet;

use lianshi_registry::{catalog::ProductStatus, id::RegistrationNumber};
use lianshi_store::{
    Db,
    catalog::{self, Changes, Moment, Query},
};

use crate::{
    catalog::{EXAMPLE, act, now, publish, search, site},
    federation::admit,
    support::on_both,
};

fn page(db: &Db, after: &str, size: u32) -> Vec<RegistrationNumber> {
    let after = Some(after.to_owned());
    let query = Query { status: "any".to_owned(), after, size, ..Query::default() };
    search(db, &query).items.into_iter().map(|hit| hit.number).collect()
}

fn moment(db: &Db) -> Moment {
    db.read(catalog::now).expect("read")
}

fn since(db: &Db, moment: &Moment, size: u32) -> Option<Changes> {
    db.read(|read| catalog::changes(read, moment, (size, now()))).expect("read")
}

fn numbers(changes: &Changes) -> Vec<RegistrationNumber> {
    changes.items.iter().map(|hit| hit.number.clone()).collect()
}

#[test]
fn a_list_by_cursor_neither_skips_nor_repeats_while_the_catalog_changes() {
    on_both(|db| {
        admit(db, None);
        let neighbor = site(db, "haishu", "330203");
        let district = site(db, "yinzhou", "330212");
        let before: BTreeSet<RegistrationNumber> =
            (0..7).map(|_| publish(&district, EXAMPLE)).collect();
        let as_of = moment(db);
        let (mut seen, mut after) = (Vec::new(), String::new());
        loop {
            let page = page(db, &after, 2);
            let Some(last) = page.last() else { break };
            after = last.to_string();
            seen.extend(page);
            // Before and behind the cursor, and on a page that was read.
            publish(&neighbor, EXAMPLE);
            act(&district, "product.paused", seen[0].as_str());
            act(&district, "product.resumed", seen[0].as_str());
            if seen.len() < 8 {
                publish(&district, EXAMPLE);
            }
        }
        let listed: BTreeSet<RegistrationNumber> = seen.iter().cloned().collect();
        assert_eq!(listed.len(), seen.len(), "nothing is repeated");
        assert!(before.is_subset(&listed), "nothing that was there is skipped");
        // What the cursor had passed is told as changed.
        let changes = since(db, &as_of, 100).expect("known");
        let changed: BTreeSet<RegistrationNumber> = numbers(&changes).into_iter().collect();
        let all: BTreeSet<RegistrationNumber> = page(db, "", 100).into_iter().collect();
        assert_eq!(listed.union(&changed).cloned().collect::<BTreeSet<_>>(), all);
        assert!(changed.contains(&seen[0]));
    });
}

#[test]
fn what_changed_since_a_moment_is_told_once_in_pages_and_misses_nothing() {
    on_both(|db| {
        let site = site(db, "yinzhou", "330212");
        let start = moment(db);
        let made: Vec<RegistrationNumber> = (0..5).map(|_| publish(&site, EXAMPLE)).collect();
        let first = since(db, &start, 2).expect("known");
        assert_eq!((numbers(&first), first.more), (made[..2].to_vec(), true));
        // A change moves a product behind those that wait.
        act(&site, "product.paused", made[2].as_str());
        let second = since(db, &first.until, 100).expect("known");
        let expected = [&made[3], &made[4], &made[2]].map(Clone::clone);
        assert_eq!((numbers(&second), second.more), (expected.to_vec(), false));
        assert_eq!(second.items[2].status, ProductStatus::Paused);
        let nothing = since(db, &second.until, 100).expect("known");
        assert_eq!((nothing.items.len(), &nothing.until), (0, &second.until));
        let text = second.until.to_string();
        assert_eq!(Moment::parse(&text), Some(second.until.clone()));
        for bad in ["", ".", "0.", ".1", "0.-1", "0.x", "g.1", "0.99999999999999999999"] {
            assert_eq!(Moment::parse(bad), None, "{bad}");
        }
    });
}

#[test]
fn a_moment_that_the_node_does_not_know_is_refused_and_a_rebuild_is_told() {
    on_both(|db| {
        let site = site(db, "yinzhou", "330212");
        let made: Vec<RegistrationNumber> = (0..3).map(|_| publish(&site, EXAMPLE)).collect();
        let known = moment(db);
        let beyond = Moment::parse("0.999999").expect("a moment");
        assert_eq!(since(db, &beyond, 10), None, "of a time to come");
        catalog::rebuild(db, &|_, _| {}).expect("rebuilt");
        let told: BTreeSet<RegistrationNumber> =
            numbers(&since(db, &known, 10).expect("known")).into_iter().collect();
        assert_eq!(told, made.into_iter().collect());
        // The database may have forgotten changes that were told.
        db.write(|write| lianshi_store::recovery::finish(write, &site, &[])).expect("recovered");
        assert_eq!(since(db, &known, 10), None, "of a time before the recovery");
        assert!(since(db, &moment(db), 10).is_some());
    });
}
