//! Tessera's fsck and programs made with torchwood, both in Go and from elsewhere, judge our logs
//! and certificates. `tests/run go` builds them from the pinned modules of `tests/outside/go`, or
//! says that it could not.

use std::{
    fs,
    process::{Command, Output},
};

use crate::{
    laid::{Laid, SIZES, text, unseen},
    served::Served,
    shown,
    specimen::Specimen,
    tampering, tool,
};

/// Whether fsck finds the log sound. The released command exits with 0 whatever it finds, so its
/// word counts and not its status alone.
pub fn fsck(place: &str, vkey: &str) -> Result<(), String> {
    let output = Command::new(tool("go/fsck"))
        .args(["--ui=false", "-N", "4", "--storage_url", place, "--public_key", vkey])
        .output()
        .expect("the program starts");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let sound = output.status.success() && said.contains("Successfully fsck'd");
    if sound { Ok(()) } else { Err(said) }
}

pub fn judge(what: &str, policy: &str, place: &str) -> Output {
    let mut command = Command::new(tool("go/judge"));
    command.args([what, policy, place]).output().expect("the program starts")
}

fn fsck_files(log: &Laid) -> Result<(), String> {
    fsck(&format!("file://{}/", text(&log.files)), text(&log.vkey))
}

#[test]
fn fsck_finds_logs_of_every_awkward_size_sound() {
    for size in SIZES {
        let log = Laid::new(&Specimen::new(size));
        fsck_files(&log).unwrap_or_else(|said| panic!("{size}: {said}"));
    }
}

#[test]
fn fsck_rejects_every_kind_of_tampering_it_looks_for() {
    let sound = Specimen::new(tampering::SIZE);
    let mut log = Laid::new(&sound);
    fsck_files(&log).expect("sound");
    let missed = unseen(
        |kind| kind.fsck,
        |tampered| {
            log.become_like(tampered);
            fsck_files(&log).is_err()
        },
    );
    assert_eq!(missed, Vec::<&str>::new());
}

#[test]
fn torchwood_reads_every_entry_under_our_policy() {
    for size in SIZES {
        let log = Laid::new(&Specimen::new(size));
        let output = judge("log", text(&log.policy), text(&log.files));
        assert!(output.status.success(), "{size}: {}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), size.to_string());
    }
}

#[test]
fn torchwood_rejects_what_the_policy_rejects() {
    let sound = Specimen::new(tampering::SIZE);
    let mut log = Laid::new(&sound);
    let missed = unseen(
        |kind| kind.torchwood,
        |tampered| {
            log.become_like(tampered);
            !judge("log", text(&log.policy), text(&log.files)).status.success()
        },
    );
    assert_eq!(missed, Vec::<&str>::new());
    log.become_like(&sound);
    let policy = fs::read_to_string(&log.policy).expect("there");
    let strict = policy.replace(" 2 ningbo", " 3 ningbo");
    assert_ne!(strict, policy);
    fs::write(&log.policy, strict).expect("written");
    assert!(judge("log", text(&log.policy), text(&log.files)).status.success(), "three did");
}

#[tokio::test]
async fn the_logs_replicas_and_certificates_of_the_running_demo_are_accepted() {
    let served = Served::start().await;
    for log in &served.logs {
        fsck(&log.url, text(&log.vkey)).unwrap_or_else(|said| panic!("{}: {said}", log.url));
        let output = judge("log", text(&log.policy), &log.url);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let page = shown::page(&log.url).await;
        for program in ["fsck", "torchwood"] {
            // What the page builds in the source's folder lies where all programs are.
            let commands = shown::commands(&page, program).replace("./judge", "judge");
            shown::succeeded(&shown::paste(&commands, &tool("go")), &commands);
        }
    }
    assert!(!served.certificates.is_empty());
    for (file, policy) in &served.certificates {
        let output = judge("proof", text(policy), text(file));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(output.stdout.starts_with(b"{\"at\""), "the entry itself");
        let mut bytes = fs::read(file).expect("there");
        let place = bytes.len() / 3;
        bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
        let changed = file.with_extension("changed");
        fs::write(&changed, bytes).expect("written");
        assert!(!judge("proof", text(policy), text(&changed)).status.success());
    }
}
