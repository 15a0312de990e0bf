//! tlog-witness v1.0.

use lianshi_registry::{
    checkpoint::Checkpoint,
    cosignature::{Cosigner, seconds},
    merkle::{Hash, consistency_proof, empty_root, leaf_hash, root_of},
    note::{Note, VerifierKey},
    refusal::Refusal as _,
    witness::{
        Advance, Cosigned, SUBMISSION_BYTES_MAX, Submission, SubmissionError, WitnessRefusal,
        decide, read_cosignatures,
    },
};
use proptest::prelude::*;

use crate::specimen::{cosigners, entry, log_key, log_vkey, origin};

fn witness() -> Cosigner {
    cosigners().remove(0)
}

fn leaves(count: u64) -> Vec<Hash> {
    (0..count).map(|number| leaf_hash(&entry(number))).collect()
}

fn proof(old: u64, new: u64) -> Vec<Hash> {
    let all = leaves(new);
    let source = |level: u8, index: u64| {
        let start = usize::try_from(index << level).ok()?;
        let end = usize::try_from((index + 1) << level).ok()?;
        all.get(start..end).map(root_of)
    };
    consistency_proof(old, new, source).expect("inside")
}

fn checkpoint(size: u64) -> String {
    let root = root_of(&leaves(size));
    Checkpoint { origin: origin(), size, root }.sign(&log_key())
}

fn submission(old: u64, new: u64) -> Submission {
    Submission::new(old, proof(old, new), &checkpoint(new)).expect("sound")
}

fn ask(
    submission: &Submission,
    keys: &[VerifierKey],
    last: Option<&Cosigned>,
) -> Result<Advance, WitnessRefusal> {
    decide(submission, keys, last, (&witness(), 1_795_000_000))
}

fn follow(submission: &Submission, last: Option<&Cosigned>) -> Result<Advance, WitnessRefusal> {
    ask(submission, &[log_vkey()], last)
}

fn at(size: u64) -> Cosigned {
    follow(&submission(0, size), None).expect("cosigned").next
}

fn status(result: Result<Advance, WitnessRefusal>) -> u16 {
    result.map_or_else(|refusal| refusal.status(), |_| 200)
}

#[test]
fn the_body_is_old_size_proof_lines_an_empty_line_and_the_checkpoint() {
    let whole = submission(3, 7);
    let text = String::from_utf8(whole.encode()).expect("UTF-8");
    assert!(text.starts_with("old 3\n"));
    assert_eq!(text.lines().position(str::is_empty), Some(1 + proof(3, 7).len()));
    assert!(text.ends_with(&checkpoint(7)));
    assert_eq!(Submission::parse(text.as_bytes()), Ok(whole));
}

#[test]
fn a_malformed_body_is_400() {
    let good = String::from_utf8(submission(3, 7).encode()).expect("UTF-8");
    for bad in [
        String::new(),
        good.replace("old 3", "old 03"),
        good.replace("old 3", "old  3"),
        good.replace("old 3", "old -3"),
        good.replace("old 3", "Old 3"),
        good.replace("old 3\n", ""),
        good.replace("\n\n", "\n"),
        good.replacen("=\n", "\n", 1),
        good.replacen('\n', "\r\n", 1),
    ] {
        let error = Submission::parse(bad.as_bytes()).expect_err(&bad);
        assert_eq!(WitnessRefusal::Malformed(error).status(), 400);
    }
}

#[test]
fn an_old_size_above_the_checkpoint_is_400() {
    let error = Submission::new(8, Vec::new(), &checkpoint(7)).expect_err("shrunk");
    assert_eq!(error, SubmissionError::Shrunk { old: 8, size: 7 });
    assert_eq!(WitnessRefusal::Malformed(error).status(), 400);
}

#[test]
fn no_more_than_sixty_three_proof_lines_and_sixteen_kibibytes_are_read() {
    let body = |lines: usize| {
        let hash = leaf_hash(b"x").to_base64() + "\n";
        format!("old 3\n{}\n{}", hash.repeat(lines), checkpoint(7))
    };
    assert!(Submission::parse(body(63).as_bytes()).is_ok());
    assert_eq!(Submission::parse(body(64).as_bytes()), Err(SubmissionError::Proof(64)));
    let long = vec![b'o'; SUBMISSION_BYTES_MAX + 1];
    assert_eq!(Submission::parse(&long), Err(SubmissionError::TooLarge(long.len())));
}

#[test]
fn an_unknown_origin_is_404_whatever_its_form() {
    assert_eq!(status(ask(&submission(0, 7), &[], None)), 404);
    let odd = "no url at all\n7\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n".to_owned();
    let note = Note::sign(odd, "somebody", &log_key()).expect("plain").encode();
    let parsed = Submission::new(0, Vec::new(), &note).expect("well formed");
    assert_eq!(status(ask(&parsed, &[], None)), 404);
}

#[test]
fn no_known_signature_or_a_failing_one_is_403_and_unknown_ones_are_ignored() {
    let stranger = lianshi_registry::key::KeyPair::from_seed([77; 32]);
    let root = root_of(&leaves(7));
    let foreign = Checkpoint { origin: origin(), size: 7, root }.sign(&stranger);
    let foreign = Submission::new(0, Vec::new(), &foreign).expect("well formed");
    assert_eq!(status(follow(&foreign, None)), 403);
    let forged = checkpoint(7).replace("\n7\n", "\n8\n");
    let forged = Submission::new(0, Vec::new(), &forged).expect("well formed");
    assert_eq!(status(follow(&forged, None)), 403);
    let mut both = Note::parse(checkpoint(7).as_bytes()).expect("a note");
    both.signatures.insert(0, foreign.note().signatures[0].clone());
    let both = Submission::new(0, Vec::new(), &both.encode()).expect("well formed");
    let advance = follow(&both, None).expect("one key is known");
    let kept = Note::parse(advance.next.note.as_bytes()).expect("a note");
    assert_eq!(kept.signatures.len(), 2, "the log's and the witness's, not the stranger's");
}

#[test]
fn another_old_size_is_409_with_the_size_to_begin_from() {
    let last = at(5);
    for old in [0, 3, 6] {
        let refusal = follow(&submission(old, 7), Some(&last)).expect_err("another size");
        assert_eq!(refusal.status(), 409);
        assert_eq!(refusal.answer(), ("text/x.tlog.size", "5\n".to_owned()));
    }
    let refusal = follow(&submission(3, 7), None).expect_err("never cosigned");
    assert_eq!(refusal.answer(), ("text/x.tlog.size", "0\n".to_owned()));
    assert_eq!(status(follow(&submission(5, 7), Some(&last))), 200);
}

/// Both roots of size zero are known: "If the old size matches the checkpoint size, the witness
/// MUST check that the root hashes are also identical. If they don't match, the witness MUST
/// respond with a "409 Conflict" HTTP status code." (tlog-witness v1.0.0)
#[test]
fn a_size_of_zero_with_another_root_is_409() {
    let text = format!("{}\n0\n{}\n", origin(), leaf_hash(b"x").to_base64());
    let note = Note::sign(text, &origin().to_string(), &log_key()).expect("plain").encode();
    let lying = Submission::new(0, Vec::new(), &note).expect("well formed");
    assert_eq!(status(follow(&lying, None)), 409);
    let empty = Checkpoint { origin: origin(), size: 0, root: empty_root() }.sign(&log_key());
    let empty = Submission::new(0, Vec::new(), &empty).expect("well formed");
    assert_eq!(status(follow(&empty, None)), 200);
}

#[test]
fn a_proof_beside_old_size_zero_is_422() {
    let with = Submission::new(0, proof(3, 7), &checkpoint(7)).expect("well formed");
    assert_eq!(status(follow(&with, None)), 422);
}

#[test]
fn a_proof_that_does_not_hold_is_422() {
    let last = at(3);
    let mut changed = proof(3, 7);
    changed[0] = leaf_hash(b"x");
    for bad in [changed, proof(4, 7), Vec::new(), proof(3, 7)[1..].to_vec()] {
        let bad = Submission::new(3, bad, &checkpoint(7)).expect("well formed");
        assert_eq!(status(follow(&bad, Some(&last))), 422);
    }
}

/// "If the old size matches the checkpoint size, the witness MUST check that the root hashes are
/// also identical. If they don't match, the witness MUST respond with a "409 Conflict" HTTP status
/// code." (tlog-witness v1.0.0; the text after that tag says 422.)
#[test]
fn one_size_with_another_root_is_409_and_is_a_fork() {
    let last = at(7);
    let root = leaf_hash(b"another");
    let other = Checkpoint { origin: origin(), size: 7, root }.sign(&log_key());
    let other = Submission::new(7, Vec::new(), &other).expect("well formed");
    let refusal = follow(&other, Some(&last)).expect_err("a fork");
    assert_eq!(refusal.status(), 409);
    assert_eq!(refusal.code(), "witness.two_roots");
    let same = submission(7, 7);
    assert_eq!(status(follow(&same, Some(&last))), 200);
    let padded = Submission::new(7, proof(3, 7), &checkpoint(7)).expect("well formed");
    let refused = follow(&padded, Some(&last)).expect_err("one size needs no proof");
    assert_eq!((refused.status(), refused.code()), (422, "witness.inconsistent"));
}

#[test]
fn the_answer_is_a_cosignature_with_a_time_over_the_submitted_text() {
    let advance = follow(&submission(0, 7), None).expect("cosigned");
    let line = advance.cosignature.line();
    assert!(line.starts_with('\u{2014}') && line.ends_with('\n'));
    assert_eq!(seconds(&advance.cosignature.bytes), Some(1_795_000_000));
    let note = Note::parse(checkpoint(7).as_bytes()).expect("a note");
    let known = [witness().vkey().clone()];
    let read = read_cosignatures(line.as_bytes(), &note.text, &known).expect("ours");
    assert_eq!(read, [advance.cosignature]);
    assert_eq!((advance.next.size, advance.next.root), (7, root_of(&leaves(7))));
}

#[test]
fn a_client_ignores_cosignatures_of_unknown_keys() {
    let advance = follow(&submission(0, 7), None).expect("cosigned");
    let stranger = cosigners().remove(2);
    let text = Note::parse(checkpoint(7).as_bytes()).expect("a note").text;
    let other = stranger.cosign(&text, 5).expect("a time").line();
    let answer = other.clone() + &advance.cosignature.line();
    let known = [witness().vkey().clone()];
    assert_eq!(read_cosignatures(answer.as_bytes(), &text, &known).expect("ours").len(), 1);
    assert!(read_cosignatures(other.as_bytes(), &text, &known).is_err());
    assert!(read_cosignatures(b"", &text, &known).is_err());
    let sneaked = format!("more\n\n{}", advance.cosignature.line());
    assert!(read_cosignatures(sneaked.as_bytes(), &text, &known).is_err());
}

#[test]
fn what_is_remembered_is_what_monitors_are_given() {
    let note = Note::parse(at(7).note.as_bytes()).expect("a note");
    let keys = [log_vkey(), witness().vkey().clone()];
    assert_eq!(note.verify(&keys).expect("both").len(), 2);
}

#[test]
fn a_clock_that_was_turned_back_turns_back_no_statement() {
    let last = at(5);
    let earlier = decide(&submission(5, 7), &[log_vkey()], Some(&last), (&witness(), 9));
    assert_eq!(earlier.expect("cosigned").next.seconds, last.seconds);
    let unset = decide(&submission(0, 7), &[log_vkey()], None, (&witness(), 0));
    assert_eq!(unset, Err(WitnessRefusal::Clock));
}

proptest! {
    /// Whatever is submitted in whatever order, what the witness remembers only ever grows, and it
    /// never signs two histories.
    #[test]
    fn a_witness_never_turns_back(
        steps in prop::collection::vec((0..9_u64, 0..9_u64, any::<bool>()), 1..40),
    ) {
        let mut last: Option<Cosigned> = None;
        for (old, new, lies) in steps {
            let root = if lies { leaf_hash(b"lie") } else { root_of(&leaves(new)) };
            let note = Checkpoint { origin: origin(), size: new, root }.sign(&log_key());
            let hashes = if old <= new { proof(old, new) } else { Vec::new() };
            let Ok(submitted) = Submission::new(old, hashes, &note) else { continue };
            if let Ok(advance) = follow(&submitted, last.as_ref()) {
                let before = last.as_ref().map_or(0, |last| last.size);
                prop_assert!(advance.next.size >= before);
                let same_root = last.as_ref().is_none_or(|l| l.root == advance.next.root);
                prop_assert!(advance.next.size > before || before == 0 || same_root);
                last = Some(advance.next);
            }
        }
    }

    #[test]
    fn garbage_never_panics_and_what_parses_prints_back(bytes: Vec<u8>, cut in 0..400_usize) {
        let good = submission(3, 7).encode();
        let mut spliced = good[..cut.min(good.len())].to_vec();
        spliced.extend(&bytes);
        for candidate in [bytes, spliced] {
            if let Ok(parsed) = Submission::parse(&candidate) {
                prop_assert_eq!(parsed.encode(), candidate);
            }
        }
    }
}
