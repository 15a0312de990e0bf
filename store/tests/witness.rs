//! The witness and the quorum on both databases: what was cosigned is remembered whatever happens
//! beside, and a checkpoint is settled only by the members the charter counts.

use lianshi_registry::{
    checkpoint::Checkpoint,
    entry::{ENTRY_BYTES_MAX, Entry, Fact},
    fork::Fork,
    json,
    key::PublicKey,
    merkle::leaf_hash,
    note::{Note, Signature},
    policy::Rule,
    refusal::Refusal as _,
    sync::{Conflict, SignedHead},
    witness::{Submission, read_cosignatures},
};
use lianshi_store::{
    Db, Failure, Site, Write,
    audit::{self, Actor},
    forks, log, members,
    quorum::{self, Reach},
    recovery::{self, Cause},
    witness,
};

use crate::{
    replica::{Three, adopt, adopt_all, head, publish, pulled, three},
    support::on_both,
};

/// Three nodes that know each other, yinzhou's log having 300 entries.
fn acquainted(db: &Db) -> Three {
    let three = three(db);
    publish(&three.writer, 300);
    log::publish_head(&three.root).expect("signed");
    adopt_all(&three.reader, &three.root);
    adopt_all(&three.writer, &three.root);
    three
}

/// What the writer submits to a witness that cosigned `old` entries last.
fn submission(writer: &Site, old: u64) -> Submission {
    let held = head(writer, &writer.origin).expect("own");
    let size = held.checkpoint_size;
    let proof = writer.db.read(|read| log::consistency_proof(read, &writer.origin, old, size));
    let proof = proof.expect("read").expect("held");
    Submission::new(old, proof, &held.checkpoint).expect("sound")
}

/// Another tree of the same size, signed by the writer.
fn fork(writer: &Site, size: u64) -> Submission {
    let other = Checkpoint { origin: writer.origin.clone(), size, root: leaf_hash(b"other") };
    Submission::new(size, Vec::new(), &other.sign(&writer.log_key)).expect("well formed")
}

fn submit(site: &Site, submission: &Submission) -> u16 {
    witness::submit(site, &submission.encode()).expect("answered").status
}

fn cosignature(site: &Site, submission: &Submission) -> Signature {
    let answer = witness::submit(site, &submission.encode()).expect("answered");
    assert_eq!(answer.status, 200, "{}", answer.body);
    let keys = [site.cosigner().vkey().clone()];
    read_cosignatures(answer.body.as_bytes(), &submission.note().text, &keys)
        .expect("its own")
        .remove(0)
}

/// The writer's newest checkpoint with these cosignatures.
fn note(writer: &Site, signatures: Vec<Signature>) -> String {
    let held = head(writer, &writer.origin).expect("own");
    let mut note = Note::parse(held.checkpoint.as_bytes()).expect("a note");
    note.signatures.extend(signatures);
    note.encode()
}

fn settle(site: &Site, writer: &Site, note: &str) -> Result<bool, &'static str> {
    let members = site.db.read(members::all).expect("read");
    match quorum::settle(site, &members, (&writer.origin, note)) {
        Ok(fresh) => Ok(fresh),
        Err(Failure::Refused(refusal)) => Err(refusal.code()),
        Err(Failure::Fault(fault)) => panic!("{fault}"),
    }
}

#[test]
fn a_witness_remembers_what_it_cosigned_and_never_two_histories() {
    on_both(|db| {
        let Three { writer, reader, .. } = &acquainted(db);
        let first = submission(writer, 0);
        assert_eq!(submit(reader, &first), 200);
        assert_eq!(submit(reader, &first), 409, "it begins at 300 now");
        publish(writer, 100);
        assert_eq!(submit(reader, &submission(writer, 0)), 409);
        assert_eq!(submit(reader, &submission(writer, 300)), 200);
        assert_eq!(submit(reader, &fork(writer, 300)), 409, "an older size is not asked about");
        assert_eq!(submit(reader, &fork(writer, 400)), 409);
        publish(writer, 100);
        assert_eq!(submit(reader, &submission(writer, 400)), 422, "a forked log is over");
    });
}

#[test]
fn of_two_submissions_at_once_only_one_is_cosigned() {
    on_both(|db| {
        let Three { writer, reader, .. } = &acquainted(db);
        assert_eq!(submit(reader, &submission(writer, 0)), 200);
        let held = head(writer, &writer.origin).expect("own");
        // Ten trees of 400 entries; one of them continues the 300, and each claims to be the first.
        publish(writer, 100);
        let honest = submission(writer, 300);
        let statuses: Vec<u16> = std::thread::scope(|scope| {
            let asked: Vec<_> = (0..8).map(|_| scope.spawn(|| submit(reader, &honest))).collect();
            asked.into_iter().map(|asked| asked.join().expect("answered")).collect()
        });
        assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
        assert!(statuses.iter().all(|status| *status == 200 || *status == 409));
        assert_eq!(held.checkpoint_size, 300);
    });
}

#[test]
fn two_histories_submitted_are_told_once() {
    on_both(|db| {
        let Three { writer, reader, .. } = &acquainted(db);
        assert_eq!(submit(reader, &submission(writer, 0)), 200);
        for _ in 0..3 {
            assert_eq!(submit(reader, &fork(writer, 300)), 409);
        }
        let rows = reader.db.read(|read| audit::newest(read, None, 50)).expect("read");
        let kept: Vec<_> = rows.iter().filter(|row| row.action == "fork.witnessed").collect();
        assert_eq!(kept.len(), 1);
        assert_eq!(kept[0].after, fork(writer, 300).note().encode());
        assert!(kept[0].before.contains("\n300\n"));
        let told = head(reader, &reader.origin).expect("own").size;
        assert_eq!(told, 1, "one entry in its own log");
    });
}

#[test]
fn what_the_replica_contradicts_is_not_cosigned_but_told() {
    on_both(|db| {
        let Three { writer, reader, .. } = &acquainted(db);
        adopt_all(reader, writer);
        let other = fork(writer, 300);
        let first = Submission::new(0, Vec::new(), &other.note().encode()).expect("well formed");
        assert_eq!(submit(reader, &first), 422);
        let known = reader.db.read(forks::all).expect("read");
        let [known] = known.as_slice() else { panic!("{known:?}") };
        assert!(known.evidence.verify().is_ok());
        assert_eq!(known.told_by, reader.origin);
    });
}

#[test]
fn entries_still_being_pulled_speak_against_what_is_submitted() {
    on_both(|db| {
        let Three { writer, reader, .. } = &acquainted(db);
        assert_eq!(adopt(reader, writer, pulled(writer, 0, 256)), Ok(256));
        let held = head(reader, &writer.origin).expect("held");
        assert_eq!(held.checkpoint_size, 0, "no head is held whole");
        let submitted = |note: &str| Submission::new(0, Vec::new(), note).expect("well formed");
        let other = fork(writer, 200);
        assert_eq!(submit(reader, &submitted(&other.note().encode())), 422);
        let known = reader.db.read(forks::all).expect("read");
        let [known] = known.as_slice() else { panic!("{known:?}") };
        assert!(known.evidence.verify().is_ok());
    });
}

#[test]
fn a_log_that_grows_past_what_was_cosigned_must_lead_through_it() {
    on_both(|db| {
        let Three { writer, reader, .. } = &acquainted(db);
        let other = fork(writer, 200);
        let first = Submission::new(0, Vec::new(), &other.note().encode()).expect("well formed");
        assert_eq!(submit(reader, &first), 200, "nothing is held that speaks against it");
        let key = writer.log_key.public();
        assert!(!witness::check(reader, &writer.origin, key).expect("read"));
        adopt_all(reader, writer);
        assert!(witness::check(reader, &writer.origin, key).expect("read"));
        let forked = reader.db.read(forks::origins).expect("read");
        assert_eq!(forked, std::slice::from_ref(&writer.origin));
    });
}

/// Two heads of one size that the writer signed.
fn conflict(writer: &Site, size: u64) -> Conflict {
    let key = writer.log_key.public();
    let head = |root: &[u8]| {
        let checkpoint = Checkpoint { origin: writer.origin.clone(), size, root: leaf_hash(root) };
        SignedHead::open(&checkpoint.sign(&writer.log_key), &writer.origin, &key).expect("signed")
    };
    Conflict { older: head(b"one"), newer: head(b"other"), proof: Vec::new() }
}

#[test]
fn a_fork_is_told_before_anything_of_the_log_is_held_and_by_everybody() {
    on_both(|db| {
        let Three { root, writer, reader, .. } = &acquainted(db);
        assert!(head(root, &writer.origin).is_none());
        let key = writer.log_key.public();
        let conflict = conflict(writer, 7);
        assert!(forks::witness(root, key, &conflict).expect("told"));
        assert!(!forks::witness(root, key, &conflict).expect("told"), "known");
        log::publish_head(root).expect("signed");
        adopt_all(reader, writer);
        adopt_all(reader, root);
        let own = || head(reader, &reader.origin).map_or(0, |head| head.size);
        let before = own();
        for _ in 0..2 {
            forks::attend(reader).expect("attended");
            assert_eq!(own(), before + 1, "told in its own log, once");
        }
        let known = reader.db.read(forks::all).expect("read");
        assert_eq!(known[0].told_by, root.origin, "who told it first stays");
    });
}

/// An entry that tells of a fork, as long as an entry may be: an unknown signature beside the log's
/// fills it up.
fn padded(author: &Site, conflict: &Conflict, log_key: PublicKey) -> Entry {
    let evidence = conflict.evidence(log_key);
    let filled = |bytes: usize| {
        let junk = Signature { name: "junk".to_owned(), key_id: [9; 4], bytes: vec![9; bytes] };
        let mut evidence = evidence.clone();
        evidence.older.push(junk.line().trim_end().to_owned());
        let fact = Fact::ForkWitnessed(Box::new(evidence));
        Entry { at: author.now(), by: author.node.to_string(), fact }
    };
    let fits = |entry: &Entry| json::encode_entry(entry).is_ok();
    let longest = (1..ENTRY_BYTES_MAX).rev().map(filled).find(fits).expect("one fits");
    assert!(json::encode_entry(&longest).expect("fits").len() > ENTRY_BYTES_MAX - 4);
    longest
}

fn say(author: &Site, entry: &Entry) {
    let entries = std::slice::from_ref(entry);
    let said = author.db.write(|write| log::append(write, &author.origin, entries, author.now()));
    said.expect("appended");
    log::publish_head(author).expect("signed");
}

/// What a node tells of forks in its own log.
fn told(site: &Site) -> Vec<Fork> {
    let size = head(site, &site.origin).map_or(0, |head| head.size);
    let entries = site.db.read(|read| log::entries(read, &site.origin, 0, size)).expect("read");
    let facts = entries.iter().filter_map(|bytes| match json::parse_entry(bytes).ok()?.fact {
        Fact::ForkWitnessed(fork) => Some(*fork),
        _ => None,
    });
    facts.collect()
}

#[test]
fn evidence_that_fills_an_entry_is_told_again_without_what_fills_it() {
    on_both(|db| {
        let Three { root, writer, reader, .. } = &acquainted(db);
        let conflict = conflict(writer, 7);
        say(root, &padded(root, &conflict, writer.log_key.public()));
        adopt_all(reader, writer);
        adopt_all(reader, root);
        forks::attend(reader).expect("attended");
        assert_eq!(told(reader), [conflict.evidence(writer.log_key.public())]);
        let forked = reader.db.read(forks::origins).expect("read");
        assert_eq!(forked, std::slice::from_ref(&writer.origin));
        log::publish_head(reader).expect("signed");
    });
}

#[test]
fn a_node_that_awaits_recovery_keeps_forks_and_tells_them_after_it() {
    on_both(|db| {
        let Three { root, writer, reader, .. } = &acquainted(db);
        let key = writer.log_key.public();
        let require =
            |write: &mut Write<'_>| recovery::require(write, Cause::Restored, reader.now());
        reader.db.write(require).expect("required");
        let conflict = conflict(writer, 7);
        say(root, &padded(root, &conflict, key));
        adopt_all(reader, writer);
        adopt_all(reader, root);
        // Another one, which it sees itself.
        let mut of_root = conflict.clone();
        let checkpoint = |seed: &[u8]| {
            let root_hash = leaf_hash(seed);
            let checkpoint = Checkpoint { origin: root.origin.clone(), size: 9, root: root_hash };
            let note = checkpoint.sign(&root.log_key);
            SignedHead::open(&note, &root.origin, &root.log_key.public()).expect("signed")
        };
        (of_root.older, of_root.newer) = (checkpoint(b"one"), checkpoint(b"other"));
        assert!(forks::witness(reader, root.log_key.public(), &of_root).expect("kept"));
        for _ in 0..2 {
            forks::attend(reader).expect("attended");
        }
        assert!(told(reader).is_empty());
        let known = reader.db.read(forks::all).expect("read");
        assert!(known.len() == 2 && known.iter().all(|one| one.known_at.millis() > 0), "{known:?}");
        reader.db.write(|write| recovery::finish(write, reader, &[])).expect("recovered");
        forks::attend(reader).expect("attended");
        assert_eq!(told(reader).len(), 2);
        let known = reader.db.read(forks::all).expect("read");
        let seen = known.iter().find(|one| one.told_by == reader.origin).expect("its own");
        let place = reader.db.read(|read| log::entries(read, &reader.origin, seen.told_index, 1));
        let place = json::parse_entry(&place.expect("read")[0]).expect("an entry");
        assert_eq!(place.fact, Fact::ForkWitnessed(Box::new(seen.evidence.clone())));
    });
}

#[test]
fn a_note_that_was_padded_on_its_way_is_kept_as_it_was_signed() {
    on_both(|db| {
        let Three { writer, .. } = &acquainted(db);
        let key = writer.log_key.public();
        let signed = head(writer, &writer.origin).expect("own").checkpoint;
        let mut padded = Note::parse(signed.as_bytes()).expect("a note");
        let junk = Signature { name: "junk".to_owned(), key_id: [9; 4], bytes: vec![9; 900] };
        padded.signatures.insert(0, junk);
        let opened = SignedHead::open(&padded.encode(), &writer.origin, &key).expect("signed");
        assert_eq!(opened.note(), signed);
        let text = format!("{}extension\n", padded.text);
        let longer = Note::sign(text, &writer.origin.to_string(), &writer.log_key);
        let longer = longer.expect("plain").encode();
        assert!(SignedHead::open(&longer, &writer.origin, &key).is_err());
    });
}

#[test]
fn a_withdrawn_member_is_followed_no_more() {
    on_both(|db| {
        let Three { root, writer, reader, .. } = &acquainted(db);
        assert_eq!(submit(reader, &submission(writer, 0)), 200);
        let change = lianshi_registry::entry::MemberChange {
            node: writer.node.clone(),
            from_index: 300,
            reason: "test".to_owned(),
        };
        let withdrawn = lianshi_registry::member::Status::Withdrawn;
        members::change(root, &Actor::node(), &change, withdrawn).expect("withdrawn");
        log::publish_head(root).expect("signed");
        adopt_all(reader, root);
        publish(writer, 10);
        assert_eq!(submit(reader, &submission(writer, 300)), 404);
    });
}

#[test]
fn a_checkpoint_is_settled_by_the_quorum_of_the_charter() {
    on_both(|db| {
        let Three { root, writer, reader, .. } = &acquainted(db);
        adopt_all(reader, writer);
        let submitted = submission(writer, 0);
        let one = cosignature(reader, &submitted);
        let two = cosignature(root, &submitted);
        let own = writer.cosigner().cosign(&submitted.note().text, 9).expect("a time");

        let missed = Err("policy.quorum_missed");
        assert_eq!(settle(reader, writer, &note(writer, vec![one.clone()])), missed);
        let with_own = note(writer, vec![one.clone(), own]);
        assert_eq!(settle(reader, writer, &with_own), missed, "its own witness does not count");
        let whole = note(writer, vec![one, two]);
        let standing = |site: &Site| {
            let settled = site.db.read(|read| quorum::settled(read, &writer.origin));
            let head = head(site, &writer.origin).expect("held");
            quorum::reach(&head, settled.expect("read").as_ref()).0
        };
        assert_eq!(standing(reader), Reach::Signed);
        let mut padded = Note::parse(whole.as_bytes()).expect("a note");
        let junk = Signature { name: "junk".to_owned(), key_id: [9; 4], bytes: vec![9; 900] };
        padded.signatures.insert(1, junk);
        assert_eq!(settle(reader, writer, &padded.encode()), Ok(true));
        let kept = reader.db.read(|read| quorum::settled(read, &writer.origin)).expect("read");
        assert_eq!(kept.expect("kept").note, whole, "what others put beside it is left out");
        assert_eq!(settle(reader, writer, &whole), Ok(false), "known already");
        assert_eq!(settle(writer, writer, &whole), Ok(true));
        assert_eq!(standing(reader), Reach::Settled);
        publish(writer, 1);
        assert_eq!(standing(writer), Reach::Signed, "one more is not settled yet");
    });
}

#[test]
fn a_quorum_settles_nothing_this_node_cannot_compare() {
    on_both(|db| {
        let Three { root, writer, reader, .. } = &acquainted(db);
        let submitted = submission(writer, 0);
        let signatures = vec![cosignature(reader, &submitted), cosignature(root, &submitted)];
        let whole = note(writer, signatures);
        assert_eq!(settle(reader, writer, &whole), Err("quorum.log_unknown"));
        adopt_all(reader, writer);
        let other = fork(writer, 300);
        let forged = |site: &Site| site.cosigner().cosign(&other.note().text, 9).expect("a time");
        let mut note = other.note().clone();
        note.signatures.extend([forged(reader), forged(root)]);
        assert_eq!(settle(reader, writer, &note.encode()), Err("quorum.contradicts"));
        let lone = under(reader, Rule { dishonest_max: Some(2), ..Rule::default() });
        assert_eq!(settle(&lone, writer, &whole), Err("quorum.rule_unmet"));
    });
}

/// The same node under another charter.
fn under(site: &Site, quorum: Rule) -> Site {
    Site { quorum, ..site.clone() }
}

#[test]
fn only_the_witnesses_a_charter_names_settle_anything() {
    on_both(|db| {
        let Three { root, writer, reader, .. } = &acquainted(db);
        adopt_all(reader, writer);
        let submitted = submission(writer, 0);
        let (named, other) = (cosignature(root, &submitted), cosignature(reader, &submitted));
        let naming = |names: &[&Site]| {
            let witnesses = names.iter().map(|site| site.node.clone()).collect();
            under(reader, Rule { witnesses, ..Rule::default() })
        };
        let by_root = naming(&[root]);
        let missed = Err("policy.quorum_missed");
        assert_eq!(settle(&by_root, writer, &note(writer, vec![other])), missed);
        // Whoever names only the writer itself has named nobody, which is not a federation of one.
        let nobody = naming(&[writer]);
        let whole = note(writer, vec![named]);
        assert_eq!(settle(&nobody, writer, &whole), Err("quorum.rule_unmet"));
        assert_eq!(settle(&by_root, writer, &whole), Ok(true));
    });
}
