//! signed-note.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use lianshi_registry::{
    cosignature::Cosigner,
    key::KeyPair,
    note::{Algorithm, Note, NoteError, NoteKeyError, Signature, VerifierKey},
};

const EXAMPLE_KEY: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
const EXAMPLE: &str = "This is an example message.\n\n\u{2014} example.com/foo \
    Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";

fn key(name: &str, seed: u8) -> VerifierKey {
    let public = KeyPair::from_seed([seed; 32]).public();
    VerifierKey::new(name, Algorithm::Ed25519, public).expect("a name")
}

fn note(name: &str, seed: u8) -> Note {
    Note::sign("text\n".to_owned(), name, &KeyPair::from_seed([seed; 32])).expect("plain")
}

fn parse(text: &str) -> Result<Note, NoteError> {
    Note::parse(text.as_bytes())
}

#[test]
fn the_example_of_the_specification_verifies() {
    let key = VerifierKey::parse(EXAMPLE_KEY).expect("the example");
    let note = parse(EXAMPLE).expect("the example");
    assert_eq!(note.verify(std::slice::from_ref(&key)).expect("signed").len(), 1);
    assert_eq!(note.encode(), EXAMPLE);
    let changed = parse(&EXAMPLE.replace("example message", "Example message")).expect("a note");
    assert!(matches!(changed.verify(&[key]), Err(NoteError::BadSignature(_))));
}

#[test]
fn a_note_is_valid_utf8() {
    let latin = [b"caf\xe9\n\n".as_slice(), note("a", 1).signatures[0].line().as_bytes()].concat();
    assert_eq!(Note::parse(&latin), Err(NoteError::NotText));
}

#[test]
fn a_note_has_no_control_character_but_the_line_feed() {
    let line = note("a", 1).signatures[0].line();
    for control in (0..0x20_u8).filter(|byte| *byte != b'\n') {
        let text = format!("a{}b\n\n{line}", char::from(control));
        assert_eq!(parse(&text), Err(NoteError::NotText), "{control:#04x}");
    }
}

#[test]
fn the_text_keeps_its_line_feed_and_ends_at_the_last_empty_line() {
    let line = note("a", 1).signatures[0].line();
    let parsed = parse(&format!("one\n\n\ntwo\n\n{line}")).expect("a note");
    assert_eq!(parsed.text, "one\n\n\ntwo\n");
    assert_eq!(parsed.signatures.len(), 1);
}

#[test]
fn a_key_name_is_not_empty_and_has_neither_spaces_nor_plus_signs() {
    let public = KeyPair::from_seed([1; 32]).public();
    for name in ["", "a b", "a\u{a0}b", "a\u{2003}b", "a\u{3000}b", "a+b", "a\tb", "a\nb"] {
        let named = VerifierKey::new(name, Algorithm::Ed25519, public);
        assert_eq!(named, Err(NoteKeyError::Name(name.to_owned())), "{name:?}");
    }
    let line = note("a", 1).signatures[0].line();
    for name in ["", "b c", "b\u{3000}c", "b+c"] {
        let text = format!("text\n\n{}", line.replacen('a', name, 1));
        assert_eq!(parse(&text), Err(NoteError::SignatureLine(1)), "{name:?}");
    }
}

#[test]
fn at_least_sixteen_of_the_largest_signatures_are_accepted() {
    let mut large = note("example.com/behind-the-sofa", 1);
    for place in 0..16 {
        let name = format!("witness.example.com/number-{place}");
        large.signatures.push(Signature { name, key_id: [9; 4], bytes: vec![7; 5_000] });
    }
    let parsed = Note::parse(large.encode().as_bytes()).expect("not too large");
    assert_eq!(parsed.verify(&[key("example.com/behind-the-sofa", 1)]).expect("signed").len(), 1);
}

#[test]
fn signatures_of_unknown_keys_are_ignored_though_they_share_name_or_id() {
    let known = key("a", 1);
    let mut shared = note("a", 1);
    let (name, id, bytes) = ("a".to_owned(), known.id(), vec![0; 64]);
    shared.signatures.insert(0, Signature { name: name.clone(), key_id: [1; 4], bytes });
    shared.signatures.insert(0, Signature { name: "b".into(), key_id: id, bytes: vec![0; 64] });
    shared.signatures.insert(0, Signature { name, key_id: [2; 4], bytes: vec![5; 2_428] });
    assert_eq!(shared.verify(std::slice::from_ref(&known)).expect("the third").len(), 1);
    shared.signatures.pop();
    assert_eq!(shared.verify(&[known]), Err(NoteError::Unverified));
}

#[test]
fn signatures_of_unknown_types_are_ignored() {
    let known = key("a", 1);
    for kind in [0x02_u8, 0x03, 0x05, 0x06, 0xfa, 0xff] {
        // The id another type of the same key would have.
        let mut hashed = b"a\n".to_vec();
        hashed.push(kind);
        hashed.extend(known.key().bytes());
        let digest = sha2_of(&hashed);
        let mut signed = note("a", 1);
        let unknown = Signature { name: "a".into(), key_id: digest, bytes: vec![3; 100] };
        signed.signatures.insert(0, unknown);
        assert_eq!(signed.verify(std::slice::from_ref(&known)).expect("ours").len(), 1);
    }
}

fn sha2_of(bytes: &[u8]) -> [u8; 4] {
    use sha2::Digest as _;
    let digest: [u8; 32] = sha2::Sha256::digest(bytes).into();
    [digest[0], digest[1], digest[2], digest[3]]
}

#[test]
fn a_known_signature_that_fails_rejects_the_note_whoever_else_signed() {
    let mut signed = note("a", 1);
    signed.signatures.push(note("b", 2).signatures.remove(0));
    let keys = [key("a", 1), key("b", 2)];
    assert_eq!(signed.verify(&keys).expect("both").len(), 2);
    signed.signatures[1].bytes[0] ^= 1;
    assert_eq!(signed.verify(&keys), Err(NoteError::BadSignature("b".into())));
    assert_eq!(signed.verify(&keys[..1]).expect("b is not known here").len(), 1);
    signed.signatures[1].bytes.truncate(63);
    assert_eq!(signed.verify(&keys), Err(NoteError::BadSignature("b".into())));
}

#[test]
fn a_note_without_a_known_signature_is_rejected() {
    assert_eq!(note("a", 1).verify(&[key("b", 1), key("a", 2)]), Err(NoteError::Unverified));
    assert_eq!(note("a", 1).verify(&[]), Err(NoteError::Unverified));
}

#[test]
fn one_key_has_another_id_for_each_type() {
    let pair = KeyPair::from_seed([1; 32]);
    let cosigner = Cosigner::new("a", pair).expect("a name");
    assert_ne!(key("a", 1).id(), cosigner.vkey().id());
    assert_eq!(key("a", 1).key(), cosigner.vkey().key());
}

#[test]
fn base64_is_canonical_in_signatures_and_keys() {
    let good = note("a", 1).encode();
    let line = good.lines().last().expect("a line");
    let (head, encoded) = line.rsplit_once(' ').expect("two parts");
    let bare = encoded.trim_end_matches('=');
    for bad in [bare.to_owned(), format!("{encoded}="), encoded.replace('/', "_"), {
        let last = bare.chars().next_back().expect("letters");
        let next = char::from(u8::try_from(last).expect("ASCII") + 1);
        format!("{}{next}=", &bare[..bare.len() - 1])
    }] {
        let text = good.replace(line, &format!("{head} {bad}"));
        if text != good {
            assert_eq!(parse(&text), Err(NoteError::SignatureLine(1)), "{bad}");
        }
    }
    assert_eq!(VerifierKey::parse(&format!("{EXAMPLE_KEY}=")), Err(NoteKeyError::Malformed));
}

#[test]
fn small_order_and_non_canonical_keys_are_refused_before_they_verify_anything() {
    let mut second_name_of_one = [0xff_u8; 32];
    second_name_of_one[0] = 0xee;
    second_name_of_one[31] = 0x7f;
    for bytes in [[0; 32], second_name_of_one] {
        let typed = [&[1], bytes.as_slice()].concat();
        let mut hashed = b"a\n".to_vec();
        hashed.extend(&typed);
        let id = hex::encode(sha2_of(&hashed));
        let vkey = format!("a+{id}+{}", BASE64_STANDARD.encode(typed));
        assert!(matches!(VerifierKey::parse(&vkey), Err(NoteKeyError::Key(_))), "{vkey}");
    }
}
