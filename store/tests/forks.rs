//! Signed heads that somebody showed, compared with what is held.

use lianshi_registry::{
    checkpoint::Checkpoint,
    merkle::leaf_hash,
    sync::{Comparison, SignedHead, UNEXAMINED_MAX},
};
use lianshi_store::{
    Db, Site,
    forks::{self, Seen},
    log, replica,
};

use crate::{
    replica::{Three, adopt, adopt_all, publish, pulled, three},
    support::{contents, on_both},
};

/// The reader knows the writer, which has written ten entries that the reader holds.
fn following(db: &Db) -> Three {
    let three = three(db);
    log::publish_head(&three.root).expect("signed");
    adopt_all(&three.reader, &three.root);
    publish(&three.writer, 10);
    adopt_all(&three.reader, &three.writer);
    three
}

/// A head that the writer signed, of this size, of another history.
fn other(writer: &Site, size: u64, said: &str) -> SignedHead {
    let root = leaf_hash(said.as_bytes());
    let note = Checkpoint { origin: writer.origin.clone(), size, root }.sign(&writer.log_key);
    SignedHead::open(&note, &writer.origin, &writer.log_key.public()).expect("signed")
}

/// The head of the writer's first entries, as they are.
fn same(writer: &Site, size: u64) -> SignedHead {
    let origin = writer.origin.clone();
    let root = writer.db.read(|read| log::root_at(read, &origin, size)).expect("read");
    let note = Checkpoint { origin, size, root: root.expect("held") }.sign(&writer.log_key);
    SignedHead::open(&note, &writer.origin, &writer.log_key.public()).expect("signed")
}

fn compare(reader: &Site, head: &SignedHead) -> Comparison {
    forks::compare(reader, head).expect("compared")
}

#[test]
fn entries_that_nobody_serves_on_prove_the_history_they_were_pulled_from() {
    on_both(|db| {
        let Three { writer, reader, .. } = &three(db);
        publish(writer, 700);
        assert_eq!(adopt(reader, writer, pulled(writer, 0, 512)), Ok(512));
        for size in [1, 100, 256, 511, 512] {
            assert_eq!(compare(reader, &same(writer, size)), Comparison::Contained, "{size}");
            let shown = other(writer, size, "served by others");
            let Some(conflict) = compare(reader, &shown).conflict() else { panic!("{size}") };
            assert_eq!((conflict.older.size(), conflict.newer.size()), (size, 700));
            let evidence = conflict.evidence(writer.log_key.public());
            assert!(evidence.verify().is_ok(), "{size}");
        }
        assert_eq!(compare(reader, &other(writer, 513, "beyond")), Comparison::Unproved);
        // What nobody serves on is dropped with what it proves.
        assert_eq!(replica::drop_tail(reader, &writer.origin).expect("dropped").0, 0);
        assert_eq!(compare(reader, &same(writer, 100)), Comparison::Unproved);
        assert_eq!(contents(db)["kept_heads"].len(), 1, "but for the head itself");
        // When the log is whole, its checkpoint says the same.
        assert_eq!(adopt(reader, writer, pulled(writer, 0, 512)), Ok(512));
        assert_eq!(adopt(reader, writer, pulled(writer, 512, 700)), Ok(700));
        let conflict = compare(reader, &other(writer, 700, "as large")).conflict();
        let conflict = conflict.expect("contradicted");
        assert!(conflict.evidence(writer.log_key.public()).verify().is_ok());
    });
}

#[test]
fn a_head_beyond_the_log_is_kept_over_a_restart_and_compared_when_the_log_reaches_it() {
    on_both(|db| {
        let Three { writer, reader, .. } = &following(db);
        let key = writer.log_key.public();
        let log = (&writer.origin, key);
        publish(writer, 10);
        let sound = same(writer, 15);
        for seen in [&sound, &other(writer, 18, "escaping"), &other(writer, 30, "far")] {
            assert!(!forks::examine(reader, key, (seen, Seen::Shown)).expect("kept"));
        }
        assert!(!forks::examine_kept(reader, log).expect("examined"), "nothing reaches them");
        adopt_all(reader, writer);
        assert!(forks::examine_kept(reader, log).expect("examined"));
        let forked = reader.db.read(forks::origins).expect("read");
        assert_eq!(forked, std::slice::from_ref(&writer.origin));
        assert!(!forks::examine_kept(reader, log).expect("examined"), "once");
    });
}

#[test]
fn what_a_process_that_ended_had_not_compared_is_compared_at_the_next_start() {
    on_both(|db| {
        let Three { root, writer, reader, .. } = &following(db);
        assert!(!forks::examine_every_kept(reader).expect("examined"), "nothing is kept");
        for (of, size) in [(writer, 18), (root, 90)] {
            let seen = other(of, size, "escaping");
            let seen = (&seen, Seen::Shown);
            assert!(!forks::examine(reader, of.log_key.public(), seen).expect("kept"));
        }
        publish(writer, 10);
        adopt_all(reader, writer);
        // Here the process ended: the log was adopted, and nobody looked at what it reached.
        assert!(reader.db.read(forks::origins).expect("read").is_empty());
        assert!(forks::examine_every_kept(reader).expect("examined"));
        let forked = reader.db.read(forks::origins).expect("read");
        assert_eq!(forked, std::slice::from_ref(&writer.origin), "and the other log waits on");
        assert!(!forks::examine_every_kept(reader).expect("examined"), "once");
    });
}

#[test]
fn heads_that_a_member_signs_without_end_take_a_bounded_place() {
    on_both(|db| {
        let Three { writer, reader, .. } = &following(db);
        // What peers showed before is displaced by no submission.
        let shown = other(writer, 1_000, "shown");
        let key = writer.log_key.public();
        assert!(!forks::examine(reader, key, (&shown, Seen::Shown)).expect("kept"));
        for number in 11..200 {
            let seen = other(writer, number, "flood");
            let seen_as = Seen::Submitted;
            assert!(
                !forks::examine(reader, writer.log_key.public(), (&seen, seen_as)).expect("kept")
            );
        }
        let kept = contents(db)["kept_heads"].len();
        assert_eq!(kept, UNEXAMINED_MAX + 1);
        assert!(contents(db)["kept_heads"].iter().any(|row| row.contains("1000")));
    });
}
