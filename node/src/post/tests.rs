//! The post between two nodes: letters go out in order, come in once, and are tried again.

use std::{path::Path, sync::Arc};

use lianshi_registry::{
    entry::Texts,
    id::{DivisionCode, Origin},
    key::KeyPair,
    time::Timestamp,
};
use lianshi_store::Db;

use lianshi_market::{message::MESSAGE_KIND, usage::REPORT_KIND};
use lianshi_store::{
    outbox::{self, OutboxRow},
    statements,
};

use super::{
    delivery::{Carrier, Outcome, deliver},
    *,
};
use crate::{clock, net};

pub(super) fn site(folder: &Path) -> Site {
    let name = "yinzhou";
    Site {
        db: Db::open_file(&folder.join("node.sqlite")).expect("a database"),
        node: NodeName::parse(name).expect("a name"),
        name: Texts { zh: name.to_owned(), en: name.to_owned() },
        division: DivisionCode::parse("330212").expect("a division"),
        origin: Origin::parse("ningbo.example/yinzhou/1").expect("an origin"),
        public_url: String::new(),
        log_key: KeyPair::from_seed([1; 32]),
        seal_key: KeyPair::from_seed([2; 32]),
        witness_key: KeyPair::from_seed([3; 32]),
        quorum: lianshi_registry::policy::Rule::default(),
        folder: folder.to_owned(),
        clock: clock::now,
        nudge: Arc::new(|| {}),
    }
}

fn letter(id: &str, kind: &str, target: &str) -> OutboxRow {
    OutboxRow {
        id: id.to_owned(),
        kind: kind.to_owned(),
        target: target.to_owned(),
        ordering_key: id.to_owned(),
        payload: b"not sealed".to_vec(),
        created_at: 0,
        due_at: 0,
        attempts: 0,
        last_error: String::new(),
    }
}

#[test]
fn letters_nobody_can_read_are_refused_with_a_receipt() {
    let folder = tempfile::tempdir().expect("a folder");
    let site = site(folder.path());
    let from = NodeName::parse("haishu").expect("a name");
    let codes = [
        (MESSAGE_KIND, "letter.malformed", false),
        (REPORT_KIND, "letter.malformed", false),
        ("po\0em\u{202e}", "letter.unknown_kind", true),
    ];
    for (kind, expected, may_retry) in codes {
        let answer = receive(&site, &from, kind, b"not sealed").expect("a receipt");
        let Some(Receipt::Refused { code, again, .. }) = Receipt::parse(&answer) else {
            panic!("refused");
        };
        assert_eq!((code.as_str(), again), (expected, may_retry));
    }
}

#[tokio::test]
async fn a_round_settles_what_is_final_and_keeps_what_is_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let site = site(folder.path());
    let serve: net::Serve = Arc::new(|_, _| net::Answer::Missing);
    let identity = KeyPair::from_seed([3; 32]);
    let (net, _links) =
        net::start(&identity, &net::Listen::at("/ip4/127.0.0.1/tcp/0"), serve).expect("a network");
    let letters = [
        letter("own-bad", MESSAGE_KIND, "yinzhou"),
        letter("own-report", REPORT_KIND, "yinzhou"),
        letter("own-unknown", "poem", "yinzhou"),
        letter("own-statement", statements::KIND, "yinzhou"),
        letter("away", MESSAGE_KIND, "haishu"),
        letter("away-too", MESSAGE_KIND, "haishu"),
        letter("nowhere", MESSAGE_KIND, "Not A Node"),
    ];
    let put = site
        .db
        .write(|write| letters.iter().try_for_each(|row| outbox::enqueue(write, row).map(|_| ())));
    put.expect("enqueued");
    for (target, expected) in [
        ("yinzhou", Outcome::Answered),
        ("haishu", Outcome::Silent),
        ("Not A Node", Outcome::Silent),
        ("nobody", Outcome::Nothing),
    ] {
        let outcome = deliver(&site, &Carrier::Peers(&net), target).await.expect("tried");
        assert_eq!(outcome, expected, "{target}");
    }
    let far = Timestamp::from_millis(i64::MAX);
    let left = site.db.read(|read| outbox::due(read, far, 10)).expect("read");
    let mut left: Vec<(&str, bool)> =
        left.iter().map(|row| (row.id.as_str(), row.attempts == 1)).collect();
    left.sort_unstable();
    assert_eq!(
        left,
        [("away", true), ("away-too", false), ("nowhere", true), ("own-unknown", true)]
    );
    let (parked, unreached) = site
        .db
        .read(|read| Ok::<_, Fault>((outbox::parked(read)?, outbox::unreached(read)?)))
        .expect("read");
    let parked: Vec<(&str, &str)> =
        parked.iter().map(|letter| (letter.id.as_str(), letter.code.as_str())).collect();
    assert_eq!(parked, [("own-statement", "letter.malformed")], "a person has to see it");
    let unreached: Vec<(&str, i64)> =
        unreached.iter().map(|node| (node.target.as_str(), node.attempts)).collect();
    assert_eq!(unreached, [("Not A Node", 1), ("haishu", 1), ("yinzhou", 1)]);
    net.stop().await;
}

#[test]
fn what_waits_for_an_earlier_letter_is_not_due() {
    let folder = tempfile::tempdir().expect("a folder");
    let site = site(folder.path());
    let now = site.now();
    let of = |id: &str, due_at| OutboxRow {
        ordering_key: "process".to_owned(),
        due_at,
        ..letter(id, MESSAGE_KIND, "haishu")
    };
    let rows = [of("1", now.plus_millis(20_000).millis()), of("2", 0)];
    let put = site
        .db
        .write(|write| rows.iter().try_for_each(|row| outbox::enqueue(write, row).map(|_| ())));
    put.expect("enqueued");
    let due = |at: Timestamp| site.db.read(|read| outbox::targets_due(read, at)).expect("read");
    assert!(due(now).is_empty(), "its turn comes after the first");
    assert_eq!(due(now.plus_millis(20_000)), ["haishu"]);
}
