//! Every target with changed samples, from a seed: what can be done without a fuzzer, and with any
//! compiler.

use std::panic::{AssertUnwindSafe, catch_unwind};

use lianshi_fuzz::{TARGETS, Target};

/// Changed samples each target reads.
const ROUNDS: u64 = 20_000;
/// Changes made to one sample at most.
const CHANGES_MAX: u64 = 4;

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % u64::try_from(bound.max(1)).expect("small"))
            .expect("small")
    }
}

/// One change: a bit, a byte, a piece lost, repeated, brought from another sample, or moved.
fn change(bytes: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    let at = random.below(bytes.len());
    let end = (at + random.below(40)).min(bytes.len());
    match random.below(8) {
        0 if !bytes.is_empty() => bytes[at] ^= 1 << random.below(8),
        1 if !bytes.is_empty() => {
            let odd = [0, 0xff, b'\n', b' ', b'"', b'9', b'/', b'=', 0x80];
            bytes[at] = odd[random.below(odd.len())];
        }
        2 => bytes.truncate(at),
        3 => drop(bytes.drain(at..end)),
        4 => {
            let piece = bytes[at..end].to_vec();
            bytes.splice(at..at, piece);
        }
        5 => {
            let from = random.below(other.len());
            let to = (from + random.below(60)).min(other.len());
            bytes.splice(at..end, other[from..to].iter().copied());
        }
        6 => bytes
            .splice(
                at..at,
                [b"0".as_slice(), b"99999999999999999999"][random.below(2)].iter().copied(),
            )
            .for_each(drop),
        _ => bytes.insert(at, u8::try_from(random.below(256)).expect("a byte")),
    }
}

/// The first failure of a target.
fn torture(target: &Target) -> Option<String> {
    let samples = (target.samples)();
    for sample in &samples {
        (target.read)(sample);
    }
    for seed in 0..ROUNDS {
        let mut random = Random(seed);
        let mut bytes = samples[random.below(samples.len())].clone();
        let other = &samples[random.below(samples.len())];
        for _ in 0..=random.below(usize::try_from(CHANGES_MAX).expect("small")) {
            change(&mut bytes, other, &mut random);
        }
        if catch_unwind(AssertUnwindSafe(|| (target.read)(&bytes))).is_err() {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            return Some(format!("`{}` failed with seed {seed}: {text:?}", target.name));
        }
    }
    None
}

#[test]
fn no_parser_panics_or_reads_what_it_would_not_write() {
    let (one, other) = TARGETS.split_at(TARGETS.len() / 2);
    let failures: Vec<String> = std::thread::scope(|scope| {
        let run =
            |half: &'static [Target]| scope.spawn(|| half.iter().filter_map(torture).collect());
        let (one, other): (Vec<String>, Vec<String>) = {
            let (one, other) = (run(one), run(other));
            (one.join().expect("caught"), other.join().expect("caught"))
        };
        one.into_iter().chain(other).collect()
    });
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn every_sample_is_one_the_parser_takes() {
    use lianshi_registry::{
        checkpoint::Checkpoint, fork::Fork, inclusion::InclusionFile, json, key, note, policy,
        seal, text, tile, wire, witness,
    };
    let origin = || lianshi_registry::id::Origin::parse("ningbo.example/yinzhou/1").expect("a log");
    let takes = |name: &str, bytes: &[u8]| -> bool {
        let text = std::str::from_utf8(bytes).unwrap_or_default();
        match name {
            "note" => note::Note::parse(bytes).is_ok(),
            "checkpoint" => Checkpoint::claimed(bytes).is_ok(),
            "cosignature" => note::Signature::parse(text.trim_end()).is_some(),
            "submission" => witness::Submission::parse(bytes).is_ok(),
            "policy" => policy::Policy::parse(bytes).is_ok(),
            "proof" => InclusionFile::parse(bytes).is_ok(),
            "fork" => serde_json::from_slice::<Fork>(bytes).is_ok_and(|fork| fork.verify().is_ok()),
            "entry" => json::parse_entry(bytes).is_ok(),
            "bundle" => tile::split_bundle(bytes).is_ok(),
            "tile" => tile::Coordinate::parse(text).is_ok() || tile::decode_hashes(bytes).is_some(),
            "wire" => {
                wire::Request::decode(bytes).is_some() || wire::Answer::decode(bytes).is_some()
            }
            "sealed" => seal::Sealed::parse(bytes).is_ok(),
            "receipt" => wire::Receipt::parse(bytes).is_some(),
            "publish" => lianshi_governance::publish::wanted(text, &origin()).is_ok(),
            "key" => {
                note::VerifierKey::parse(text).is_ok()
                    || key::PublicKey::parse(text).is_ok()
                    || key::KeyPair::from_hex(text).is_some()
            }
            "text" => text::Kind::Note.read(text).is_ok(),
            "foreign" => json::read_value(bytes).is_ok(),
            other => panic!("no check of the samples of `{other}`"),
        }
    };
    for target in &TARGETS {
        for sample in (target.samples)() {
            assert!(takes(target.name, &sample), "{}: {sample:?}", target.name);
        }
    }
}
