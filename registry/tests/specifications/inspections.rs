//! A whole log from its bundles up: sound ones of every awkward size, and every kind of tampering.

use std::convert::Infallible;

use lianshi_registry::{
    inspection::{Inspected, Stopped, inspect, inspect_leftover},
    policy::{Policy, PolicyRefusal},
};

use crate::{
    specimen::{Specimen, policy},
    tampering,
};

/// Why a log was refused.
#[derive(Debug)]
#[expect(dead_code, reason = "printed when a test fails")]
enum Rejected {
    Checkpoint(PolicyRefusal),
    Files(Stopped<Infallible>),
}

/// Judges files as `lianshi log verify DIR --policy FILE` does.
fn judge(log: &Specimen, policy: &Policy) -> Result<Inspected, Rejected> {
    let none = Vec::new();
    let note = log.files.get("checkpoint").unwrap_or(&none);
    let vouched = policy.open(note).map_err(Rejected::Checkpoint)?;
    let read = |path: &str| Ok(log.files.get(path).cloned());
    let inspected = inspect(&vouched.body, read, |_| {}).map_err(Rejected::Files)?;
    for path in log.files.keys().filter(|path| *path != "checkpoint") {
        inspect_leftover(path, vouched.body.size, read).map_err(Rejected::Files)?;
    }
    Ok(inspected)
}

/// Sizes at which tiles fill, begin and rise a level.
const SIZES: [u64; 11] = [0, 1, 255, 256, 257, 511, 512, 65_535, 65_536, 65_537, 70_000];

#[test]
fn sound_logs_of_every_awkward_size_are_accepted() {
    for size in SIZES {
        let judged = judge(&Specimen::new(size), &policy()).expect("sound");
        assert_eq!(judged, Inspected { entries: size, unknown: size });
    }
}

#[test]
fn every_kind_of_tampering_is_rejected() {
    let sound = Specimen::new(tampering::SIZE);
    judge(&sound, &policy()).expect("sound before");
    let kinds = tampering::all();
    assert!(kinds.len() >= 20, "{} kinds", kinds.len());
    for kind in kinds {
        let mut log = sound.clone();
        (kind.apply)(&mut log);
        assert!(log.files != sound.files, "{}: nothing was changed", kind.name);
        assert!(judge(&log, &policy()).is_err(), "{}: nobody saw it", kind.name);
    }
}

#[test]
fn the_place_of_the_first_flaw_is_told() {
    let check = |told: &str, apply: fn(&mut Specimen)| {
        let mut log = Specimen::new(70_000);
        apply(&mut log);
        let rejected = format!("{:?}", judge(&log, &policy()).expect_err("tampered with"));
        assert!(rejected.contains(told), "{rejected} does not tell {told}");
    };
    check("Entry { index: 768,", |log| log.file("tile/entries/003")[9] ^= 1);
    check(
        "Node { tile: Coordinate { level: Hashes(1), number: 1, width: 17 }, place: 2 }",
        |log| {
            log.file("tile/1/001.p/17")[64] ^= 1;
        },
    );
    check(
        "TileLength { tile: Coordinate { level: Hashes(2), number: 0, width: 1 }, bytes: 33 }",
        |log| {
            log.file("tile/2/000.p/1").push(0);
        },
    );
    check("Missing(Coordinate { level: Entries, number: 273, width: 112 })", |log| {
        drop(log.files.remove("tile/entries/273.p/112"));
    });
    check("Stray(\"tile/0/274\")", |log| log.put("tile/0/274", Vec::new()));
}

#[test]
fn partial_tiles_of_earlier_sizes_may_stay() {
    let mut log = Specimen::new(600);
    let earlier = Specimen::new(530);
    for (path, bytes) in &earlier.files {
        if path != "checkpoint" {
            log.put(path, bytes.clone());
        }
    }
    judge(&log, &policy()).expect("leftovers agree");
}

#[test]
fn a_partial_tile_that_is_gone_is_cut_from_the_full_one() {
    let earlier = Specimen::new(511);
    let body = policy().open(&earlier.files["checkpoint"]).expect("cosigned").body;
    let mut grown = Specimen::new(512);
    grown.files.remove("tile/1/000.p/2");
    grown.put("tile/1/000.p/1", earlier.files["tile/1/000.p/1"].clone());
    let read = |path: &str| Ok::<_, ()>(grown.files.get(path).cloned());
    let inspected = inspect(&body, read, |_| {}).expect("the log has only grown");
    assert_eq!(inspected.entries, 511);
}
