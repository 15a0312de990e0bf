//! Two hundred ends without warning: at every named point of an append, a signature, an adoption
//! and a cosignature, and by `kill -9` wherever it strikes. Nothing acknowledged is lost, nothing
//! signed is contradicted, and the next start repairs what was half done.

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader},
    os::unix::process::ExitStatusExt as _,
    path::Path,
    process::{Command, Stdio},
};

use lianshi_registry::{
    checkpoint::Checkpoint,
    json,
    merkle::{Hash, leaf_hash, root_of},
    witness::Submission,
};
use lianshi_store::{
    Site, catalog,
    crash::{CRASH_AT, POINTS},
    log, witness,
};
use sha2::{Digest as _, Sha256};
use tests::crash::{Pair, entry, held, open};

/// Ends in all; those not at a named point are kills.
const ROUNDS: usize = 200;
/// Named points are struck when they are passed for the first to this time.
const PASSES: usize = 6;
/// Lines heard at most before a kill.
const LINES_MAX: u64 = 11;

/// What was acknowledged so far.
#[derive(Default)]
struct Acknowledged {
    appended: u64,
    /// Roots by size, of everything signed, adopted or cosigned.
    roots: BTreeMap<u64, String>,
    adopted: u64,
    cosigned: u64,
}

impl Acknowledged {
    fn hear(&mut self, line: &str) {
        let words: Vec<&str> = line.split(' ').collect();
        let size: u64 = words[1].parse().expect("a size");
        match words[0] {
            "appended" => self.appended = size,
            "adopted" => self.adopted = size,
            "cosigned" => self.cosigned = size,
            _ => {}
        }
        if let Some(root) = words.get(2) {
            let known = self.roots.entry(size).or_insert_with(|| (*root).to_owned());
            assert_eq!(known, root, "two roots of {size} entries");
        }
    }
}

/// How one run ends.
enum End {
    At(&'static str, usize),
    Killed(u64),
}

fn end(round: usize) -> End {
    let point = POINTS.get(round / PASSES);
    point.map_or_else(
        || End::Killed(1 + u64::try_from(round).expect("small") * 7919 % LINES_MAX),
        |point| End::At(point, round % PASSES),
    )
}

/// Runs the node until its end and hears all it says.
fn run(folder: &Path, acknowledged: &mut Acknowledged, end: &End) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_crash"));
    command.arg(folder).arg(acknowledged.cosigned.to_string()).stdout(Stdio::piped());
    command.stderr(Stdio::null());
    if let End::At(point, times) = end {
        command.env(CRASH_AT, format!("{point}:{times}"));
    }
    let mut child = command.spawn().expect("the rehearsal starts");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let mut heard = 0;
    for line in lines.by_ref().map_while(Result::ok) {
        acknowledged.hear(&line);
        heard += 1;
        assert!(heard < 10_000, "the point is never passed");
        if matches!(end, End::Killed(after) if heard == *after) {
            child.kill().expect("killed");
        }
    }
    let end = child.wait().expect("its end");
    assert!(end.signal().is_some(), "it ended by itself: {end}");
}

fn root_at(site: &Site, pair: &Pair, size: u64) -> Option<String> {
    let root = site.db.read(|read| log::root_at(read, &pair.writer.origin, size)).expect("read");
    root.map(|root| root.to_string())
}

/// What the witness cosigned last.
fn cosigned(pair: &Pair) -> Option<Checkpoint> {
    let hash = hex::encode(Sha256::digest(pair.writer.origin.to_string()));
    let note = pair.reader.db.read(|read| witness::cosigned(read, &hash)).expect("read")?;
    Some(Checkpoint::claimed(note.as_bytes()).expect("a checkpoint"))
}

/// Everything acknowledged is there, before and after the one repair at start.
fn check(pair: &Pair, acknowledged: &mut Acknowledged) {
    let Acknowledged { appended, adopted, .. } = *acknowledged;
    let writer = held(&pair.writer, pair).expect("its own");
    assert!(writer.size >= appended && writer.folded_size == writer.size, "{writer:?}");
    let signed = log::publish_head(&pair.writer).expect("repaired").checkpoint;
    assert_eq!(signed.size, writer.size);
    acknowledged.hear(&format!("signed {} {}", signed.size, signed.root));
    for (size, root) in &acknowledged.roots {
        assert_eq!(root_at(&pair.writer, pair, *size).as_ref(), Some(root), "of {size} entries");
    }
    if let Some(reader) = held(&pair.reader, pair) {
        assert!(reader.size >= adopted && reader.folded_size == reader.size, "{reader:?}");
        let root = reader.root.to_string();
        assert_eq!(root_at(&pair.writer, pair, reader.size), Some(root), "the copy is a prefix");
    }
    let last = cosigned(pair);
    assert!(last.as_ref().map_or(0, |last| last.size) >= acknowledged.cosigned, "it forgot");
    if let Some(last) = last {
        acknowledged.hear(&format!("cosigned {} {}", last.size, last.root));
        assert_eq!(submit(pair, 0, &last), 409, "it begins anew");
    }
}

/// How the witness answers a checkpoint that is said to be the next after `old` entries.
fn submit(pair: &Pair, old: u64, checkpoint: &Checkpoint) -> u16 {
    let note = checkpoint.sign(&pair.writer.log_key);
    let submission = Submission::new(old, Vec::new(), &note).expect("well formed").encode();
    witness::submit(&pair.reader, &submission).expect("answered").status
}

/// The witness still knows what it cosigned: another history is refused. It also ends the log here,
/// so this comes last.
fn check_memory(pair: &Pair) {
    let last = cosigned(pair).expect("something was cosigned");
    let other = Checkpoint { root: leaf_hash(b"other"), ..last };
    assert_eq!(submit(pair, other.size, &other), 409);
}

/// The whole log, from its entries up, and both catalogs.
fn check_whole(pair: &Pair) {
    pair.adopt().expect("all of it");
    let head = held(&pair.reader, pair).expect("a copy");
    let entries = pair.reader.db.read(|read| log::entries(read, &pair.writer.origin, 0, u64::MAX));
    let entries = entries.expect("read");
    for (index, bytes) in (0..).zip(&entries) {
        let expected = json::encode_entry(&entry(&pair.writer, index)).expect("inside the profile");
        assert_eq!(*bytes, expected, "entry {index}");
    }
    let leaves: Vec<Hash> = entries.iter().map(|bytes| leaf_hash(bytes)).collect();
    assert_eq!(root_of(&leaves), head.root);
    let rebuild = |site: &Site| catalog::rebuild(&site.db, &|_, _| {}).expect("rebuilt");
    for site in [&pair.writer, &pair.reader] {
        let rebuilt = rebuild(site);
        assert_eq!(rebuilt.before, rebuilt.after, "what was folded is what the log says");
    }
}

#[test]
fn two_hundred_crashes_lose_nothing_and_contradict_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut acknowledged = Acknowledged::default();
    for round in 0..ROUNDS {
        run(folder.path(), &mut acknowledged, &end(round));
        check(&open(folder.path()), &mut acknowledged);
    }
    assert!(POINTS.len() * PASSES < ROUNDS, "some are killed where nobody planned it");
    assert!(acknowledged.appended > 1_000 && acknowledged.cosigned > 0, "it did its work");
    let pair = open(folder.path());
    check_whole(&pair);
    check_memory(&pair);
}
