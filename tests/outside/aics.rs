//! `aics-tlog` and `aics-witness`, two Python programs from elsewhere, judge our logs, proofs and
//! witness requests. They need Python 3.12; `tests/run aics` makes their environment or says that
//! it could not.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use lianshi_registry::{
    checkpoint::Checkpoint,
    cosignature::seconds,
    id::Origin,
    merkle::{Hash, consistency_proof, leaf_hash, root_of},
    note::{Note, VerifierKey},
    witness::{self, Cosigned, Submission, WitnessRefusal, read_cosignatures},
};
use support::{free_ports, wait_for};

use crate::{
    laid::{Laid, SIZES, text, unseen},
    served::Served,
    shown,
    specimen::{ORIGIN, Specimen, cosigners, entry, log_key, log_vkey, origin},
    tampering, tool,
};

fn aics(program: &str, arguments: &[&str]) -> Output {
    Command::new(tool(&format!("aics/bin/{program}")))
        .args(arguments)
        .output()
        .expect("the program starts")
}

/// Runs `aics-tlog` on a log with its key and the three witnesses, two of which must have cosigned.
fn judge(log: &Laid, command: &str, more: &[&str]) -> Output {
    let keys: Vec<String> =
        cosigners().iter().map(|cosigner| cosigner.vkey().to_string()).collect();
    let mut arguments = vec![command, "--tiles", text(&log.files), "--vkey-file", text(&log.vkey)];
    arguments.extend(["--origin", ORIGIN, "--quorum", "2"]);
    arguments.extend(keys.iter().flat_map(|key| ["--witness-key", key.as_str()]));
    arguments.extend(more);
    aics("aics-tlog", &arguments)
}

fn accepted(output: &Output, what: &str) {
    let (out, err) = (&output.stdout, &output.stderr);
    let said = format!("{}{}", String::from_utf8_lossy(out), String::from_utf8_lossy(err));
    assert!(output.status.success(), "{what}: {said}");
}

#[test]
fn checkpoints_of_every_awkward_size_are_accepted() {
    for size in SIZES {
        let log = Laid::new(&Specimen::new(size));
        accepted(&judge(&log, "verify-checkpoint", &[]), &size.to_string());
    }
}

#[test]
fn entries_are_included_where_they_stand() {
    let log = Laid::new(&Specimen::new(70_000));
    let out = log.vkey.with_file_name("entry");
    for index in [0_u64, 255, 256, 65_535, 65_536, 69_999] {
        let number = index.to_string();
        let more = ["--index", &number, "--entry-out", text(&out)];
        accepted(&judge(&log, "verify-inclusion", &more), &number);
        assert_eq!(fs::read(&out).expect("written"), entry(index));
    }
    assert!(!judge(&log, "verify-inclusion", &["--index", "70000"]).status.success());
}

#[test]
fn a_grown_log_is_consistent_and_a_rewritten_one_is_not() {
    let mut log = Laid::new(&Specimen::new(70_000));
    let old = log.vkey.with_file_name("old");
    for size in [1_u64, 256, 700, 65_536, 69_999] {
        fs::write(&old, Specimen::new(size).checkpoint()).expect("written");
        let more = ["--old-checkpoint", text(&old)];
        accepted(&judge(&log, "verify-consistency", &more), &size.to_string());
    }
    let mut rewritten: Vec<Vec<u8>> = (0..70_000).map(entry).collect();
    rewritten[5] = b"never happened".to_vec();
    log.become_like(&Specimen::of(&rewritten));
    accepted(&judge(&log, "verify-checkpoint", &[]), "sound by itself");
    let more = ["--old-checkpoint", text(&old)];
    assert!(!judge(&log, "verify-consistency", &more).status.success());
}

#[test]
fn every_kind_of_tampering_it_looks_for_is_rejected() {
    let sound = Specimen::new(tampering::SIZE);
    let mut log = Laid::new(&sound);
    accepted(&judge(&log, "verify-checkpoint", &[]), "sound");
    let missed = unseen(
        |kind| kind.aics,
        |tampered| {
            log.become_like(tampered);
            !judge(&log, "verify-checkpoint", &[]).status.success()
        },
    );
    assert_eq!(missed, Vec::<&str>::new());
}

#[test]
fn it_builds_the_same_tiles() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for size in [1_u64, 257, 700, 65_537] {
        let leaves = folder.path().join("leaves");
        let lines: Vec<Vec<u8>> = (0..size).map(entry).collect();
        fs::write(&leaves, [lines.join(b"\n".as_slice()), b"\n".to_vec()].concat()).expect("there");
        let built = folder.path().join(size.to_string());
        let run = ["build-tiles", "--leaves", text(&leaves), "--out", text(&built)];
        accepted(&aics("aics-tlog", &run), "build-tiles");
        let ours = Specimen::new(size);
        for (path, bytes) in ours.files.iter().filter(|(path, _)| *path != "checkpoint") {
            assert_eq!(fs::read(built.join(path)).expect(path), *bytes, "{size} {path}");
        }
    }
}

/// A running `aics-witness` that follows our log.
struct Witness {
    url: String,
    vkey: VerifierKey,
    process: Child,
}

impl Drop for Witness {
    fn drop(&mut self) {
        // Already gone is as good.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Witness {
    async fn start(folder: &Path) -> Self {
        let config: PathBuf = folder.join("witness.json");
        let address = format!("127.0.0.1:{}", free_ports(1));
        let at = ["--config", text(&config)];
        let made = ["init", "--name", "witness.example/w1", "--listen", &address];
        let output = aics("aics-witness", &[&made[..], &at].concat());
        accepted(&output, "init");
        let printed = String::from_utf8(output.stdout).expect("UTF-8");
        let vkey = printed.split(['"', ' ', '\n']).find_map(|word| VerifierKey::parse(word).ok());
        let log = log_vkey().to_string();
        let follow = ["add-log", "--origin", ORIGIN, "--vkey", &log];
        accepted(&aics("aics-witness", &[&follow[..], &at].concat()), "add-log");
        let process = Command::new(tool("aics/bin/aics-witness"))
            .args([&["serve"], &at[..]].concat())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the witness starts");
        let url = format!("http://{address}");
        wait_for("the witness", 60, || async { reqwest::get(&url).await.ok() }).await;
        Self { url, vkey: vkey.expect("it prints its key"), process }
    }

    async fn ask(&self, body: Vec<u8>) -> (u16, String, Vec<u8>) {
        let url = format!("{}/add-checkpoint", self.url);
        let sent = reqwest::Client::new().post(url).body(body).send();
        let answer = sent.await.expect("an answer");
        let kind = answer.headers().get("content-type").map(|kind| kind.to_str().expect("ASCII"));
        let kind = kind.unwrap_or_default().to_owned();
        (answer.status().as_u16(), kind, answer.bytes().await.expect("a body").to_vec())
    }
}

fn submission(old: u64, new: u64) -> Submission {
    let leaves: Vec<Hash> = (0..new).map(|number| leaf_hash(&entry(number))).collect();
    let source = |level: u8, index: u64| {
        let start = usize::try_from(index << level).ok()?;
        let end = usize::try_from((index + 1) << level).ok()?;
        leaves.get(start..end).map(root_of)
    };
    let proof = consistency_proof(old, new, source).expect("inside");
    let signed = Checkpoint { origin: origin(), size: new, root: root_of(&leaves) };
    Submission::new(old, proof, &signed.sign(&log_key())).expect("sound")
}

#[tokio::test]
async fn a_witness_from_elsewhere_cosigns_what_we_submit() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let witness = Witness::start(folder.path()).await;
    for (old, new) in [(0, 1), (1, 255), (255, 256), (256, 700), (700, 700)] {
        let submitted = submission(old, new);
        let (status, _, body) = witness.ask(submitted.encode()).await;
        assert_eq!(status, 200, "{old} {new}: {}", String::from_utf8_lossy(&body));
        let keys = std::slice::from_ref(&witness.vkey);
        let read = read_cosignatures(&body, &submitted.note().text, keys);
        let lines = read.expect("its cosignature verifies");
        assert!(seconds(&lines[0].bytes).is_some_and(|seconds| seconds > 1_700_000_000));
    }
    let (status, kind, body) = witness.ask(submission(256, 800).encode()).await;
    assert_eq!((status, kind.as_str(), body.as_slice()), (409, "text/x.tlog.size", &b"700\n"[..]));
    let note = Note::parse(submission(0, 800).note().encode().as_bytes()).expect("a note");
    let unproved = Submission::new(700, Vec::new(), &note.encode()).expect("well formed");
    assert_eq!(witness.ask(unproved.encode()).await.0, 422);
    assert_eq!(witness.ask(b"old 07\n\nx\n".to_vec()).await.0, 400);
}

/// Our own witness on the same requests, in memory.
#[derive(Default)]
struct Ours(Option<Cosigned>);

impl Ours {
    fn ask(&mut self, body: &[u8]) -> u16 {
        let decided = match Submission::parse(body) {
            Ok(submission) => {
                let known = submission.body().origin == ORIGIN;
                let keys = if known { vec![log_vkey()] } else { Vec::new() };
                let by = (&cosigners()[0], 1_795_000_000);
                witness::decide(&submission, &keys, self.0.as_ref(), by)
            }
            Err(error) => Err(WitnessRefusal::Malformed(error)),
        };
        match decided {
            Ok(advance) => {
                self.0 = Some(advance.next);
                200
            }
            Err(refusal) => refusal.status(),
        }
    }
}

/// A checkpoint of the size cosigned last with another root.
const ANOTHER_ROOT: &str = "another root";

/// Requests of every kind in an order that matters, and the status each must have.
fn requests() -> Vec<(&'static str, Vec<u8>, u16)> {
    let sound = |old, new| submission(old, new).encode();
    let text = |old, new| String::from_utf8(sound(old, new)).expect("UTF-8");
    let signed = |root: Hash, size| Checkpoint { origin: origin(), size, root }.sign(&log_key());
    let other = signed(leaf_hash(b"other"), 700);
    let elsewhere = Origin::parse("ningbo.example/haishu/1").expect("an origin");
    let unknown = Checkpoint { origin: elsewhere, size: 3, root: leaf_hash(b"x") }.sign(&log_key());
    let proof = |old, new| {
        let whole = text(old, new);
        let (head, _) = whole.split_once("\n\n").expect("an empty line");
        head.split_once('\n').map_or(String::new(), |(_, lines)| format!("{lines}\n"))
    };
    vec![
        ("an empty line", b"\n".to_vec(), 400),
        ("an old size first", b"700\n\n".to_vec(), 400),
        ("a leading zero", text(0, 5).replace("old 0", "old 00").into_bytes(), 400),
        ("no empty line", text(0, 5).replacen("\n\n", "\n", 1).into_bytes(), 400),
        ("an unknown log", format!("old 0\n\n{unknown}").into_bytes(), 404),
        ("a forged size", text(0, 5).replace("\n5\n", "\n6\n").into_bytes(), 403),
        (
            "a proof for nothing",
            text(0, 5).replacen('\n', &format!("\n{}", proof(3, 5)), 1).into_bytes(),
            422,
        ),
        ("a wrong beginning", sound(3, 5), 409),
        ("the first", sound(0, 5), 200),
        ("the first again", sound(0, 5), 409),
        ("the same", sound(5, 5), 200),
        ("a continuation", sound(5, 700), 200),
        ("a stale beginning", sound(5, 800), 409),
        (ANOTHER_ROOT, format!("old 700\n\n{other}").into_bytes(), 409),
        (
            "no proof",
            format!("old 700\n\n{}", submission(0, 800).note().encode()).into_bytes(),
            422,
        ),
        (
            "another's proof",
            format!("old 700\n{}\n{}", proof(600, 800), submission(0, 800).note().encode())
                .into_bytes(),
            422,
        ),
        (
            "an older tree",
            format!("old 700\n\n{}", submission(0, 600).note().encode()).into_bytes(),
            400,
        ),
        ("the rest", sound(700, 800), 200),
    ]
}

#[tokio::test]
async fn our_witness_answers_like_theirs() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let theirs = Witness::start(folder.path()).await;
    let mut ours = Ours::default();
    for (name, body, status) in requests() {
        assert_eq!(ours.ask(&body), status, "ours: {name}");
        let (answered, _, said) = theirs.ask(body).await;
        // Theirs follows the text after the tag v1.0.0 here.
        let status = if name == ANOTHER_ROOT { 422 } else { status };
        assert_eq!(answered, status, "theirs: {name}: {}", String::from_utf8_lossy(&said));
    }
}

#[tokio::test]
async fn the_logs_and_replicas_of_the_running_demo_are_accepted() {
    let served = Served::start().await;
    for log in &served.logs {
        let policy = fs::read_to_string(&log.policy).expect("there");
        let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let witnesses = policy.lines().filter(|line| line.starts_with("witness ")).map(words);
        let keys: Vec<String> = witnesses.map(|line| line[2].clone()).collect();
        assert_eq!(keys.len(), 2, "the two other nodes");
        let mut arguments = vec!["verify-checkpoint", "--tiles", &log.url];
        arguments.extend(["--vkey-file", text(&log.vkey), "--origin", &log.origin]);
        arguments.extend(["--quorum", "2"]);
        arguments.extend(keys.iter().flat_map(|key| ["--witness-key", key.as_str()]));
        accepted(&aics("aics-tlog", &arguments), &log.url);
        let commands = shown::commands(&shown::page(&log.url).await, "aics");
        shown::succeeded(&shown::paste(&commands, &tool("aics/bin")), &commands);
    }
}
