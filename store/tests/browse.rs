//! Looking through logs and what is known of their nodes: bounded, by index, the same on both
//! databases.

use std::sync::Arc;

use lianshi_registry::{
    entry::Texts,
    id::{DivisionCode, NodeName, Origin},
    key::KeyPair,
    time::Timestamp,
};
use lianshi_store::{
    Db, Fault, Site,
    log::{self, BROWSED_MAX, BUNDLES_OPENED_MAX},
    members,
};

use crate::support::on_both;

fn origin() -> Origin {
    Origin::parse("ningbo.example/yinzhou/1").expect("an origin")
}

/// A log of short entries; every 1000th is rare.
fn with_log(db: &Db, size: u64) {
    db.write(|write| {
        log::create_replica(write, &origin(), KeyPair::from_seed([1; 32]).public())?;
        let entry =
            |index: u64| format!("{}{index}", if index.is_multiple_of(1000) { "r" } else { "c" });
        let entries: Vec<Vec<u8>> = (0..size).map(|index| entry(index).into_bytes()).collect();
        log::extend(write, &origin(), &entries)?;
        Ok::<_, Fault>(())
    })
    .expect("extended");
}

#[test]
fn a_look_opens_a_bounded_number_of_bundles_and_the_next_goes_on_where_it_ended() {
    on_both(|db| {
        let size = 10_100;
        with_log(db, size);
        let look = |before: u64, rare: bool| {
            let wanted = move |bytes: &[u8]| !rare || bytes.starts_with(b"r");
            db.read(|read| log::browse(read, &origin(), before, &wanted)).expect("read")
        };
        let all = look(u64::MAX, false);
        let indexes: Vec<u64> = all.entries.iter().map(|(index, _)| *index).collect();
        let newest: Vec<u64> = (size - 25..size).rev().collect();
        assert_eq!((indexes, all.down_to), (newest, size - 25));
        assert_eq!(all.entries[0].1, b"c10099");

        let mut found = Vec::new();
        let mut before = size;
        let mut looks = 0;
        while before > 0 {
            let looked = look(before, true);
            assert!(before - looked.down_to <= BUNDLES_OPENED_MAX * 256, "{before}");
            assert!(looked.down_to < before && looked.entries.len() <= BROWSED_MAX);
            found.extend(looked.entries.iter().map(|(index, _)| *index));
            before = looked.down_to;
            looks += 1;
        }
        assert_eq!(found, (0..=10_000).rev().step_by(1000).collect::<Vec<u64>>());
        assert_eq!(looks, 3, "39 whole bundles and a part, sixteen at a look");
        assert_eq!(look(0, false).entries, Vec::new());
    });
}

#[test]
fn a_version_is_kept_as_it_was_last_said_and_never_longer_than_a_line() {
    on_both(|db| {
        let folder = tempfile::tempdir().expect("a folder");
        let site = Site {
            db: db.clone(),
            node: NodeName::parse("yinzhou").expect("a name"),
            name: Texts { zh: "鄞州".to_owned(), en: "Yinzhou".to_owned() },
            division: DivisionCode::parse("330212").expect("a code"),
            origin: origin(),
            public_url: "http://127.0.0.1:1".to_owned(),
            log_key: KeyPair::from_seed([1; 32]),
            seal_key: KeyPair::from_seed([2; 32]),
            witness_key: KeyPair::from_seed([3; 32]),
            quorum: lianshi_registry::policy::Rule::default(),
            folder: folder.path().to_owned(),
            clock: || Timestamp::from_millis(1000),
            nudge: Arc::new(|| {}),
        };
        let node = NodeName::parse("haishu").expect("a name");
        let long = "x".repeat(5_000);
        for (said, kept) in [
            ("lianshi/0.1.0", "lianshi/0.1.0"),
            ("lianshi/0.2.0", "lianshi/0.2.0"),
            ("<b>\u{202e}\nx 区", "<b>x"),
            (&long, &long[..40]),
        ] {
            members::heard_version(&site, &node, said).expect("kept");
            let versions = db.read(members::versions).expect("read");
            assert_eq!(versions.get("haishu").map(String::as_str), Some(kept));
            assert_eq!(versions.len(), 1);
        }
    });
}
