//! After an upgrade: what another version of the fold made is served, and made anew beside it.

use std::cell::RefCell;

use lianshi_registry::{
    catalog::FOLD_VERSION,
    id::{DivisionCode, NumberKind, RegistrationNumber},
    json,
};
use lianshi_store::{
    Db, Site,
    catalog::{self, FoldState, Query, Unfolded, fold_anew, fold_state},
    fold,
    format::{self, FormatRefusal},
    log,
};
use serde_json::json;

use super::{EXAMPLE, act, digest, publish, search, site};
use crate::{
    money::stage::sql,
    support::{contents, on_both},
};

/// Entries of the node itself that this program does not fold: one no rule allows, and three that a
/// newer program may read.
fn strange() -> Vec<Vec<u8>> {
    let entry = |kind: &str, v: u32, body: serde_json::Value| {
        let by = "yinzhou";
        let entry =
            json!({ "at": "2026-11-21T03:00:00Z", "by": by, "kind": kind, "v": v, "body": body });
        json::canonicalize(&entry).expect("inside the profile")
    };
    let organization = json!({
        "uscc": "91330212MA2DEM0026", "name": { "zh": "名", "en": "Name" }, "kind": "broker",
        "division": "330212",
    });
    let division = DivisionCode::parse("330212").expect("valid");
    let number = RegistrationNumber::new(&division, NumberKind::Product, 2026, 9).expect("fits");
    let number = number.as_str();
    vec![
        entry("product.paused", 1, json!({ "number": number, "reason": "r" })),
        entry("product.recalled", 1, json!({ "number": number })),
        entry("product.paused", 2, json!({ "number": number, "reason": "r", "until": "2027-01" })),
        entry("organization.listed", 1, organization),
        entry("member.paused", 1, json!({ "node": "haishu" })),
    ]
}

fn append(site: &Site, entries: &[Vec<u8>]) {
    let appended = site.db.write(|write| {
        let held = log::head(&mut write.as_read(), &site.origin)?.map_or(0, |head| head.size);
        log::extend(write, &site.origin, entries)?;
        fold::apply(write, &site.origin, held, &fold::parse(entries))
    });
    appended.expect("appended");
}

fn unfolded(db: &Db) -> (Vec<Unfolded>, Vec<Unfolded>) {
    db.read(|read| {
        Ok::<_, lianshi_store::Fault>((
            catalog::quarantined(read, 50)?,
            catalog::awaiting(read, 50)?,
        ))
    })
    .expect("read")
}

fn state(db: &Db) -> FoldState {
    db.read(fold_state).expect("read")
}

#[test]
fn what_a_newer_program_wrote_is_kept_apart_from_what_no_rule_allows() {
    on_both(|db| {
        let site = site(db, "yinzhou", "330212");
        publish(&site, EXAMPLE);
        append(&site, &strange());
        let (quarantined, awaiting) = unfolded(db);
        let codes = |entries: &[Unfolded]| {
            let mut codes: Vec<String> =
                entries.iter().map(|one| format!("{} {}", one.kind, one.code)).collect();
            codes.sort();
            codes
        };
        assert_eq!(codes(&quarantined), ["product.paused catalog.unknown"]);
        assert_eq!(
            codes(&awaiting),
            [
                "member.paused entry.newer_kind",
                "organization.listed entry.newer_word",
                "product.paused entry.newer_version",
                "product.recalled entry.newer_kind",
            ]
        );
        let before = digest(db);
        catalog::rebuild(db, &|_, _| {}).expect("rebuilt");
        assert_eq!((digest(db), unfolded(db)), (before, (quarantined, awaiting)));
    });
}

/// Tables as another version of the fold might have made them: an object too many, one missing, one
/// in another state, an entry folded that should not be and one not folded that should.
const OTHERWISE: [&str; 6] = [
    "UPDATE log_folds SET version = 0",
    "INSERT INTO catalog_objects SELECT 'plan/x/y@ningbo.example/yinzhou/1', kind, 'x/y', parent, \
     origin, last_index, state, state_hash FROM catalog_objects WHERE kind = 'plan' LIMIT 1",
    "DELETE FROM catalog_objects WHERE kind = 'split'",
    "UPDATE catalog_objects SET state_hash = (SELECT state_hash FROM catalog_objects \
     WHERE kind = 'resource' LIMIT 1), last_index = 0 WHERE kind = 'product'",
    "DELETE FROM unfolded_entries WHERE kind = 'product.recalled'",
    "INSERT INTO unfolded_entries SELECT awaiting, origin, 0, 'resource.cataloged', code, reason \
     FROM unfolded_entries WHERE kind = 'organization.listed'",
];

#[test]
fn after_an_upgrade_every_log_is_folded_again_and_read_meanwhile() {
    on_both(|db| {
        let site = site(db, "yinzhou", "330212");
        let number = publish(&site, EXAMPLE);
        act(&site, "product.paused", number.as_str());
        append(&site, &strange());
        assert_eq!(fold_anew(db, &|_, _| {}).expect("looked"), 0);
        let everything = || {
            let mut tables = contents(db);
            // The order in which this node learned of changes goes on.
            tables.remove("catalog_changes");
            (tables, digest(db), unfolded(db))
        };
        let before = everything();
        assert_eq!(state(db), FoldState { version: FOLD_VERSION, logs: 1, behind: 0 });
        let nothing_to_do = |_: u64, _: u64| panic!("nothing is folded again");
        assert_eq!(fold_anew(db, &nothing_to_do).expect("looked"), 0);

        for statement in OTHERWISE {
            sql(&site, statement);
        }
        assert_eq!(state(db).behind, 1);
        assert_ne!(everything(), before);
        let heard = RefCell::new(Vec::new());
        let progress = |done, total| {
            heard.borrow_mut().push((done, total));
            // Whoever reads meanwhile finds the product of before.
            let query =
                Query { q: number.to_string(), status: "any".to_owned(), ..Query::default() };
            assert_eq!(search(db, &query).total, 1);
        };
        assert_eq!(fold_anew(db, &progress).expect("folded"), 1);
        assert_eq!(everything(), before);
        assert!(state(db).is_whole());
        let size = db.read(|read| log::head(read, &site.origin)).expect("read").expect("own").size;
        assert_eq!(heard.into_inner().last(), Some(&(size, size)));
    });
}

#[test]
fn a_word_about_members_that_can_be_read_now_is_judged() {
    on_both(|db| {
        let site = site(db, "yinzhou", "330212");
        publish(&site, EXAMPLE);
        let suspended = json!({
            "at": "2026-11-21T03:00:00Z", "by": "yinzhou", "kind": "member.suspended", "v": 1,
            "body": { "node": "haishu", "from_index": 0, "reason": "r" },
        });
        append(&site, &[json::canonicalize(&suspended).expect("inside the profile")]);
        let judged = unfolded(db);
        assert_eq!((judged.0.len(), judged.1.len()), (1, 0), "yinzhou is no root authority");
        // As a program that did not know the kind kept it.
        for statement in [
            "UPDATE unfolded_entries SET awaiting = NOT awaiting, code = 'entry.newer_kind', \
             reason = 'unknown'",
            "UPDATE log_folds SET version = 0",
        ] {
            sql(&site, statement);
        }
        assert_eq!(fold_anew(db, &|_, _| {}).expect("folded"), 1);
        assert_eq!(unfolded(db), judged);
    });
}

#[test]
fn what_comes_while_a_log_is_folded_again_is_folded_with_it() {
    on_both(|db| {
        let site = site(db, "yinzhou", "330212");
        let number = publish(&site, EXAMPLE);
        append(&site, &strange());
        for statement in OTHERWISE {
            sql(&site, statement);
        }
        let rounds = RefCell::new(0);
        let progress = |_, _| {
            *rounds.borrow_mut() += 1;
            match *rounds.borrow() {
                1 => act(&site, "product.paused", number.as_str()),
                2 => append(&site, &strange()),
                _ => {}
            }
        };
        assert_eq!(fold_anew(db, &progress).expect("folded"), 1);
        assert!(*rounds.borrow() > 2 && state(db).is_whole());
        let made = (digest(db), unfolded(db));
        assert_eq!((made.1.0.len(), made.1.1.len()), (2, 8));
        catalog::rebuild(db, &|_, _| {}).expect("rebuilt");
        assert_eq!((digest(db), unfolded(db)), made);
    });
}

#[test]
fn a_database_of_another_format_is_refused_in_words() {
    on_both(|db| {
        format::ensure(db).expect("a new one");
        let site = site(db, "yinzhou", "330212");
        publish(&site, EXAMPLE);
        format::ensure(db).expect("its format is noted");
        sql(&site, "UPDATE node_state SET value = '2' WHERE name = 'entry_format'");
        assert!(matches!(format::ensure(db), Err(FormatRefusal::Newer(2))));
        sql(&site, "DELETE FROM node_state WHERE name = 'entry_format'");
        let refused = format::ensure(db).expect_err("of before");
        assert!(matches!(refused, FormatRefusal::GivenUp));
        assert!(refused.to_string().contains("lianshi init"), "{refused}");
    });
}
