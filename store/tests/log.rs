//! The logs of a node: appends, tiles and proofs on both databases, and the head through crashes
//! and restored backups.

use std::{
    fs,
    path::Path,
    sync::{Arc, Barrier},
    thread,
};

use lianshi_registry::{
    checkpoint::Checkpoint,
    entry::{Entry, Fact, ResourceWithdrawn, Texts},
    id::{DivisionCode, NodeName, NumberKind, Origin, RegistrationNumber},
    json,
    key::KeyPair,
    merkle::{Hash, leaf_hash, root_of, verify_consistency, verify_inclusion},
    refusal::Refusal as _,
    tile::{Coordinate, Level, split_bundle},
    time::Timestamp,
};
use lianshi_store::{
    Db, Failure, Fault, Site,
    log::{self, HeadRefusal},
    recovery,
};

use crate::support::{on_both, on_sqlite};

fn origin() -> Origin {
    Origin::parse("ningbo.example/yinzhou/1").expect("an origin")
}

fn site(db: &Db, folder: &Path) -> Site {
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
        folder: folder.to_owned(),
        clock: || Timestamp::from_millis(1000),
        nudge: Arc::new(|| {}),
    };
    site.db.write(|write| log::create_own(write, &site)).expect("begun");
    site
}

/// Runs a body with a node on a fresh database and folder.
fn with_site(db: &Db, body: impl FnOnce(&Site)) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    body(&site(db, folder.path()));
}

fn entry(sequence: u32) -> Entry {
    let division = DivisionCode::parse("330212").expect("a code");
    let number = RegistrationNumber::new(&division, NumberKind::Resource, 2026, sequence);
    let fact = Fact::ResourceWithdrawn(ResourceWithdrawn {
        number: number.expect("fits"),
        reason: "test 测试".to_owned(),
    });
    Entry { at: Timestamp::from_millis(0), by: "yinzhou".to_owned(), fact }
}

fn raw(from: u64, count: u64) -> Vec<Vec<u8>> {
    (from..from + count).map(|i| format!("{{\"n\":{i}}}").into_bytes()).collect()
}

fn extend(site: &Site, entries: &[Vec<u8>]) -> log::Tip {
    site.db.write(|write| log::extend(write, &site.origin, entries)).expect("extended")
}

fn held(site: &Site) -> log::Head {
    site.db.read(|read| log::head(read, &site.origin)).expect("read").expect("begun")
}

fn refused(outcome: Result<log::Published, Failure<HeadRefusal>>) -> HeadRefusal {
    match outcome {
        Err(Failure::Refused(refusal)) => refusal,
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn entries_appended_in_groups_are_read_back_by_index() {
    on_both(|db| {
        with_site(db, |site| {
            let now = site.now();
            let append = |entries: &[Entry]| {
                let appended = db.write(|write| log::append(write, &site.origin, entries, now));
                appended.expect("appended")
            };
            assert_eq!(append(&[]), Vec::<u64>::new());
            assert_eq!(append(&[entry(1)]), [0]);
            assert_eq!(append(&[entry(2), entry(3)]), [1, 2]);
            let stored = db.read(|read| log::entry(read, &site.origin, 1)).expect("read");
            assert_eq!(json::parse_entry(&stored.expect("there")), Ok(entry(2)));
            let head = held(site);
            assert_eq!((head.size, head.folded_size, head.checkpoint_size), (3, 3, 0));
            let none = db.read(|read| log::entry(read, &site.origin, 3)).expect("read");
            assert_eq!(none, None);
        });
    });
}

#[test]
fn every_size_around_a_tile_keeps_bundles_tiles_and_proofs() {
    on_both(|db| {
        with_site(db, |site| {
            let (mut leaves, mut known) = (Vec::new(), Vec::new());
            for size in [0_u64, 1, 255, 256, 257, 511, 512, 65_536, 70_000] {
                let from = u64::try_from(leaves.len()).expect("small");
                let arrived = raw(from, size - from);
                leaves.extend(arrived.iter().map(|entry| leaf_hash(entry)));
                let tip = extend(site, &arrived);
                assert_eq!((tip.size, tip.root), (size, root_of(&leaves)));
                let published = log::publish_head(site).expect("signed");
                assert_eq!(published.checkpoint.size, size);
                assert_eq!(published.checkpoint.root, tip.root);
                known.push((tip.size, tip.root));
                check_edge(site, &leaves);
                check_proofs(site, &leaves, &known);
            }
        });
    });
}

/// The last tiles of each kind are there, exactly as wide as the log, and nothing beyond.
fn check_edge(site: &Site, leaves: &[Hash]) {
    let size = u64::try_from(leaves.len()).expect("small");
    let tile = |at| site.db.read(|read| log::tile(read, &site.origin, at)).expect("read");
    for level in [Level::Entries, Level::Hashes(0), Level::Hashes(1), Level::Hashes(2)] {
        let last = level.count(size) / 256;
        for number in last.saturating_sub(2)..last + 2 {
            let there = Coordinate::at(level, number, size);
            for width in [1, 2, 111, 112, 113, 254, 255, 256] {
                let coordinate = Coordinate { level, number, width };
                let expected = there.is_some_and(|there| there.width >= width);
                let bytes = tile(coordinate);
                assert_eq!(bytes.is_some(), expected, "{coordinate} of {size}");
                let Some(bytes) = bytes else { continue };
                let first = usize::try_from(number * 256).expect("small");
                match level {
                    Level::Entries => {
                        let entries = split_bundle(&bytes).expect("a bundle");
                        assert_eq!(entries.len(), usize::from(width));
                        assert_eq!(leaf_hash(entries[0]), leaves[first]);
                    }
                    Level::Hashes(0) => assert_eq!(&bytes[..32], leaves[first].bytes()),
                    Level::Hashes(_) => assert_eq!(bytes.len(), usize::from(width) * 32),
                }
            }
        }
    }
}

fn check_proofs(site: &Site, leaves: &[Hash], known: &[(u64, Hash)]) {
    let (size, root) = *known.last().expect("one");
    for (old, old_root) in known {
        let proof = site
            .db
            .read(|read| log::consistency_proof(read, &site.origin, *old, size))
            .expect("read")
            .expect("held");
        assert_eq!(verify_consistency((*old, *old_root), (size, root), &proof), Ok(()));
        let root_then = site.db.read(|read| log::root_at(read, &site.origin, *old)).expect("read");
        assert_eq!(root_then, Some(*old_root));
    }
    for index in [0, 1, 255, 256, 511, 65_535, 65_536, 69_999] {
        let proof = site
            .db
            .read(|read| log::inclusion_proof(read, &site.origin, index, size))
            .expect("read");
        assert_eq!(proof.is_some(), index < size);
        let Some(proof) = proof else { continue };
        let leaf = leaves[usize::try_from(index).expect("small")];
        assert_eq!(verify_inclusion(leaf, (index, size), &proof, root), Ok(()));
    }
    let beyond =
        site.db.read(|read| log::consistency_proof(read, &site.origin, 0, size + 1)).expect("read");
    assert_eq!(beyond, None);
}

#[test]
fn what_no_checkpoint_covers_is_not_served() {
    on_both(|db| {
        with_site(db, |site| {
            extend(site, &raw(0, 3));
            let three = Coordinate::parse("tile/entries/000.p/3").expect("a path");
            let two = Coordinate::parse("tile/entries/000.p/2").expect("a path");
            let tile = |at| db.read(|read| log::tile(read, &site.origin, at)).expect("read");
            assert_eq!(tile(three), None);
            log::publish_head(site).expect("signed");
            assert!(tile(three).is_some());
            extend(site, &raw(3, 300));
            assert!(tile(three).is_some(), "the published width stays");
            assert!(tile(two).is_some());
            assert_eq!(tile(three.full()), None);
            let unpublished = db
                .read(|read| log::unpublished_tile(read, &site.origin, three.full()))
                .expect("read");
            assert!(unpublished.is_some());
        });
    });
}

#[test]
fn ranges_of_entries_cross_bundles_and_end_with_the_log() {
    on_both(|db| {
        with_site(db, |site| {
            extend(site, &raw(0, 600));
            let range = |from, count| {
                db.read(|read| log::entries(read, &site.origin, from, count)).expect("read")
            };
            assert_eq!(range(250, 300), raw(250, 300));
            assert_eq!(range(599, 10), raw(599, 1));
            assert_eq!(range(600, 10), Vec::<Vec<u8>>::new());
            assert_eq!(range(0, u64::MAX), raw(0, 600));
            assert_eq!(range(u64::MAX, u64::MAX), Vec::<Vec<u8>>::new());
        });
    });
}

#[test]
fn a_failed_transaction_leaves_no_trace_of_its_entries() {
    on_both(|db| {
        with_site(db, |site| {
            extend(site, &raw(0, 300));
            let before = held(site);
            let failed: Result<(), Fault> = db.write(|write| {
                log::extend(write, &site.origin, &raw(300, 500))?;
                Err(Fault::corrupt("test", "on purpose"))
            });
            assert!(failed.is_err());
            assert_eq!(held(site), before);
            extend(site, &raw(300, 1));
            let all = db.read(|read| log::entries(read, &site.origin, 0, 1000)).expect("read");
            assert_eq!(all, raw(0, 301));
        });
    });
}

#[test]
fn an_entry_outside_the_profile_appends_nothing() {
    on_both(|db| {
        with_site(db, |site| {
            let mut bad = entry(2);
            bad.by = "line\nfeed".to_owned();
            let entries = [entry(1), bad];
            let outcome = db.write(|write| log::append(write, &site.origin, &entries, site.now()));
            assert!(matches!(outcome, Err(Fault::Entry(_))), "{outcome:?}");
            assert_eq!(held(site).size, 0);
        });
    });
}

#[test]
fn a_grouped_writer_answers_each_caller_with_its_own_indexes() {
    on_both(|db| {
        with_site(db, |site| {
            let writer = log::writer(site).expect("a thread");
            let mut answers: Vec<Vec<u64>> = thread::scope(|scope| {
                let callers: Vec<_> = (0..8_u32)
                    .map(|caller| {
                        let writer = writer.clone();
                        scope.spawn(move || {
                            let ask = |round: u32| {
                                let first = caller * 100 + round * 2 + 1;
                                let entries = vec![entry(first), entry(first + 1)];
                                writer.call(entries).expect("done").expect("inside the profile")
                            };
                            (0..10).map(ask).collect::<Vec<Vec<u64>>>()
                        })
                    })
                    .collect();
                callers.into_iter().flat_map(|caller| caller.join().expect("ran")).collect()
            });
            assert!(answers.iter().all(|indexes| indexes[1] == indexes[0] + 1), "{answers:?}");
            answers.sort();
            assert_eq!(answers.concat(), (0..160).collect::<Vec<u64>>());
            let mut bad = entry(1);
            bad.by = String::from("line\nfeed");
            let outcome = writer.call(vec![entry(1), bad]).expect("answered");
            assert!(outcome.is_err(), "{outcome:?}");
            assert_eq!(writer.call(vec![entry(1)]).expect("done"), Ok(vec![160]));
        });
    });
}

#[test]
fn an_unknown_log_is_a_fault_to_append_and_absent_to_read() {
    on_both(|db| {
        let outcome =
            db.write(|write| log::append(write, &origin(), &[entry(1)], Timestamp::default()));
        assert!(matches!(outcome, Err(Fault::Corrupt { .. })));
        let node = NodeName::parse("yinzhou").expect("a name");
        assert_eq!(db.read(|read| log::checkpoint(read, &node, 1)).expect("read"), None);
        assert_eq!(db.read(|read| log::entry(read, &origin(), 0)).expect("read"), None);
    });
}

#[test]
fn two_processes_append_to_one_database() {
    on_both(|db| {
        with_site(db, |site| {
            let start = Barrier::new(2);
            let appended: Vec<Vec<u64>> = thread::scope(|scope| {
                let process = |writer: u32| {
                    let (site, start) = (site.clone(), &start);
                    move || {
                        start.wait();
                        let mut indexes = Vec::new();
                        for round in 0..20 {
                            let entries = [entry(writer + round)];
                            // What a caller does when the store says busy: try again.
                            let appended = (0..20).find_map(|_| {
                                let now = site.now();
                                let db = &site.db;
                                db.write(|w| log::append(w, &site.origin, &entries, now)).ok()
                            });
                            indexes.extend(appended.expect("got through"));
                            log::publish_head(&site).expect("signed");
                        }
                        indexes
                    }
                };
                let (one, two) = (scope.spawn(process(100)), scope.spawn(process(200)));
                vec![one.join().expect("ran"), two.join().expect("ran")]
            });
            let mut all: Vec<u64> = appended.concat();
            all.sort_unstable();
            assert_eq!(all, (0..40).collect::<Vec<u64>>(), "each index once");
            let head = held(site);
            assert_eq!((head.size, head.checkpoint_size), (40, 40));
            let entries = db.read(|read| log::entries(read, &site.origin, 0, 40)).expect("read");
            let leaves: Vec<Hash> = entries.iter().map(|entry| leaf_hash(entry)).collect();
            assert_eq!(head.root, root_of(&leaves));
        });
    });
}

#[test]
fn publishing_again_changes_nothing_and_the_note_verifies() {
    on_both(|db| {
        with_site(db, |site| {
            let first = log::publish_head(site).expect("signed");
            assert!(first.fresh);
            assert_eq!(first.checkpoint.size, 0);
            assert!(!log::publish_head(site).expect("signed").fresh);
            extend(site, &raw(0, 5));
            let published = log::publish_head(site).expect("signed");
            assert!(published.fresh);
            let head = held(site);
            assert_eq!(head.checkpoint, published.note);
            let key = site.log_key.public();
            let opened = Checkpoint::open(head.checkpoint.as_bytes(), &site.origin, &key);
            assert_eq!(opened, Ok(published.checkpoint));
        });
    });
}

#[test]
fn a_crash_between_storing_entries_and_signing_is_made_good() {
    on_both(|db| {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let before = site(db, folder.path());
        extend(&before, &raw(0, 2));
        log::publish_head(&before).expect("signed");
        extend(&before, &raw(2, 3));
        let restarted = site(db, folder.path());
        assert_eq!(held(&restarted).checkpoint_size, 2);
        let published = log::publish_head(&restarted).expect("signed");
        assert_eq!((published.checkpoint.size, published.fresh), (5, true));
    });
}

#[test]
fn a_crash_between_writing_the_file_and_storing_the_note_is_made_good() {
    on_both(|db| {
        with_site(db, |site| {
            let tip = extend(site, &raw(0, 2));
            let signed =
                Checkpoint { origin: origin(), size: tip.size, root: tip.root }.sign(&site.log_key);
            fs::write(site.folder.join("signed-head"), &signed).expect("written");
            let published = log::publish_head(site).expect("stored");
            assert_eq!((published.note.as_str(), published.fresh), (signed.as_str(), true));
            assert_eq!(held(site).checkpoint, signed);
            // The same, with more entries in between.
            let tip = extend(site, &raw(2, 2));
            let signed =
                Checkpoint { origin: origin(), size: tip.size, root: tip.root }.sign(&site.log_key);
            fs::write(site.folder.join("signed-head"), &signed).expect("written");
            extend(site, &raw(4, 2));
            assert_eq!(log::publish_head(site).expect("signed").checkpoint.size, 6);
        });
    });
}

#[test]
fn a_torn_next_file_is_ignored() {
    on_sqlite(|db| {
        with_site(db, |site| {
            extend(site, &raw(0, 2));
            fs::write(site.folder.join("signed-head.next"), "ningbo.exa").expect("written");
            assert_eq!(log::publish_head(site).expect("signed").checkpoint.size, 2);
        });
    });
}

#[test]
fn a_restored_backup_is_refused_until_it_holds_what_was_signed() {
    on_both(|backup| {
        on_sqlite(|newer| {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let before = site(newer, folder.path());
            extend(&before, &raw(0, 2));
            extend(&before, &raw(2, 3));
            log::publish_head(&before).expect("signed");
            let restored = site(backup, folder.path());
            extend(&restored, &raw(0, 2));
            let refusal = refused(log::publish_head(&restored));
            assert_eq!(refusal, HeadRefusal::AheadOfDatabase { signed: 5, held: 2 });
            assert_eq!(refusal.code(), "log.head_ahead_of_database");
            assert!(held(&restored).checkpoint.is_empty(), "nothing was published");
            // The missing entries come back, and more: signed again, once the peers were asked.
            extend(&restored, &raw(2, 3));
            assert_eq!(refused(log::publish_head(&restored)), HeadRefusal::Unrecovered);
            restored.db.write(|write| recovery::finish(write, &restored, &[])).expect("finished");
            extend(&restored, &raw(5, 1));
            assert_eq!(log::publish_head(&restored).expect("signed").checkpoint.size, 6);
        });
    });
}

#[test]
fn a_restored_backup_that_grew_differently_is_refused() {
    on_both(|backup| {
        on_sqlite(|newer| {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let before = site(newer, folder.path());
            extend(&before, &raw(0, 5));
            log::publish_head(&before).expect("signed");
            let restored = site(backup, folder.path());
            extend(&restored, &raw(0, 2));
            extend(&restored, &raw(100, 4));
            let refusal = refused(log::publish_head(&restored));
            assert_eq!(refusal, HeadRefusal::Contradicts { size: 5 });
            assert_eq!(refusal.code(), "log.head_contradicted");
        });
    });
}

#[test]
fn a_whole_restored_folder_is_refused_once_a_peer_shows_the_newer_head() {
    on_both(|db| {
        with_site(db, |site| {
            let tip = extend(site, &raw(0, 2));
            log::publish_head(site).expect("signed");
            let sign = |size, root| Checkpoint { origin: origin(), size, root }.sign(&site.log_key);
            let same = sign(tip.size, tip.root);
            assert!(!log::remember_head(site, same.as_bytes()).expect("own"), "known already");
            let newer = sign(9, leaf_hash(b"lost"));
            assert!(log::remember_head(site, newer.as_bytes()).expect("own"));
            let refusal = refused(log::publish_head(site));
            assert_eq!(refusal, HeadRefusal::AheadOfDatabase { signed: 9, held: 2 });
            let older = sign(8, leaf_hash(b"lost"));
            assert!(!log::remember_head(site, older.as_bytes()).expect("own"));
            let fork = sign(1, leaf_hash(b"other"));
            assert!(log::remember_head(site, fork.as_bytes()).expect("own"));
            assert_eq!(refused(log::publish_head(site)), HeadRefusal::Contradicts { size: 1 });
        });
    });
}

#[test]
fn heads_of_other_keys_and_damaged_files_are_refused() {
    on_sqlite(|db| {
        with_site(db, |site| {
            let tip = extend(site, &raw(0, 2));
            let foreign = Checkpoint { origin: origin(), size: tip.size, root: tip.root }
                .sign(&KeyPair::from_seed([9; 32]));
            let outcome = log::remember_head(site, foreign.as_bytes());
            assert!(matches!(outcome, Err(Failure::Refused(HeadRefusal::Unreadable(_)))));
            for content in [foreign.as_str(), "", "garbage"] {
                fs::write(site.folder.join("signed-head"), content).expect("written");
                let refusal = refused(log::publish_head(site));
                assert_eq!(refusal.code(), "log.head_unreadable");
            }
        });
    });
}

#[test]
fn a_folder_that_cannot_be_written_signs_nothing() {
    on_sqlite(|db| {
        with_site(db, |site| {
            extend(site, &raw(0, 2));
            // A folder in the file's place makes the rename fail, as a full disk would.
            fs::create_dir(site.folder.join("signed-head.next")).expect("made");
            let outcome = log::publish_head(site);
            assert!(matches!(outcome, Err(Failure::Fault(Fault::File { .. }))), "{outcome:?}");
            assert!(held(site).checkpoint.is_empty());
            fs::remove_dir(site.folder.join("signed-head.next")).expect("removed");
            assert!(log::publish_head(site).expect("signed").fresh);
        });
    });
}
