//! The specification's example, and a test for each of its demands.

use proptest::prelude::*;

use super::*;

/// The specification's example, signed by `example.com/foo`.
const EXAMPLE_KEY: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";

fn pair() -> KeyPair {
    KeyPair::from_seed([5; 32])
}

fn verifier(name: &str) -> VerifierKey {
    VerifierKey::new(name, Algorithm::Ed25519, pair().public()).expect("a name")
}

/// Places of the keys that signed.
fn places(note: &Note, keys: &[VerifierKey]) -> Result<Vec<usize>, NoteError> {
    Ok(note.verify(keys)?.into_iter().map(|(place, _)| place).collect())
}

fn signed(text: &str) -> String {
    Note::sign(text.to_owned(), "a.example/log", &pair()).expect("plain text").encode()
}

#[test]
fn the_key_of_the_specification_parses_and_prints() {
    let key = VerifierKey::parse(EXAMPLE_KEY).expect("the example");
    assert_eq!(key.name(), "example.com/foo");
    assert_eq!(hex::encode(key.id()), "530d903a");
    assert_eq!(key.to_string(), EXAMPLE_KEY);
}

#[test]
fn altered_keys_are_refused() {
    let check = |text: &str, error: NoteKeyError| {
        assert_eq!(VerifierKey::parse(text), Err(error), "{text}");
    };
    check("example.com/foo", NoteKeyError::Malformed);
    check("example.com/foo+530d903a", NoteKeyError::Malformed);
    check(&EXAMPLE_KEY.replace("530d903a", "530D903A"), NoteKeyError::Id);
    check(&EXAMPLE_KEY.replace("foo", "bar"), NoteKeyError::Id);
    check(&EXAMPLE_KEY.replace("+Aeky", "+Beky"), NoteKeyError::Algorithm(0x05));
    check(&EXAMPLE_KEY.replace("U2k", "U2"), NoteKeyError::Malformed);
    check(&EXAMPLE_KEY.replace("com/foo", "com/f o"), NoteKeyError::Name("example.com/f o".into()));
    assert!(VerifierKey::new("", Algorithm::Ed25519, pair().public()).is_err());
    assert!(VerifierKey::new("a\u{3000}b", Algorithm::Ed25519, pair().public()).is_err());
}

#[test]
fn a_key_whose_base64_contains_a_plus_parses() {
    let text = (0..=255_u8)
        .map(|seed| {
            let public = KeyPair::from_seed([seed; 32]).public();
            VerifierKey::new("a", Algorithm::Ed25519, public).expect("a name").to_string()
        })
        .find(|text| text.matches('+').count() > 2)
        .expect("one of 256 keys has a plus");
    assert_eq!(VerifierKey::parse(&text).expect("own key").to_string(), text);
}

#[test]
fn a_signed_text_verifies_and_prints_as_it_was() {
    let bytes = signed("first\n\nafter an empty line\n");
    let note = Note::parse(bytes.as_bytes()).expect("own note");
    assert_eq!(note.text, "first\n\nafter an empty line\n");
    assert_eq!(note.encode(), bytes);
    assert_eq!(places(&note, &[verifier("other"), verifier("a.example/log")]), Ok(vec![1]));
}

#[test]
fn a_known_key_that_does_not_fit_refuses_the_note_and_unknown_ones_are_ignored() {
    let bytes = signed("text\n").replace("text", "test");
    let note = Note::parse(bytes.as_bytes()).expect("a note");
    let name = "a.example/log".to_owned();
    assert_eq!(places(&note, &[verifier("a.example/log")]), Err(NoteError::BadSignature(name)));
    assert_eq!(places(&note, &[verifier("b.example/log")]), Err(NoteError::Unverified));
    assert_eq!(places(&note, &[]), Err(NoteError::Unverified));
}

#[test]
fn cosignatures_cover_time_and_text() {
    let text = "a.example/log\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n";
    let mut note = Note::sign(text.to_owned(), "a.example/log", &pair()).expect("plain text");
    let witness = KeyPair::from_seed([6; 32]);
    let key = VerifierKey::new("w.example", Algorithm::CosignatureV1, witness.public());
    let key = key.expect("a name");
    let signature = witness.sign(format!("cosignature/v1\ntime 17\n{text}").as_bytes());
    let bytes = [17_u64.to_be_bytes().as_slice(), &signature].concat();
    note.signatures.push(Signature { name: "w.example".into(), key_id: key.id(), bytes });
    let parsed = Note::parse(note.encode().as_bytes()).expect("a note");
    let keys = [verifier("a.example/log"), key];
    assert_eq!(places(&parsed, &keys), Ok(vec![0, 1]));
    note.signatures[1].bytes[7] = 18;
    assert_eq!(places(&note, &keys), Err(NoteError::BadSignature("w.example".into())));
    note.signatures[1].bytes.truncate(7);
    assert_eq!(places(&note, &keys), Err(NoteError::BadSignature("w.example".into())));
}

#[test]
fn a_repeated_signature_is_passed_over() {
    let mut note = Note::sign("text\n".to_owned(), "a.example/log", &pair()).expect("plain");
    note.signatures.push(note.signatures[0].clone());
    assert_eq!(places(&note, &[verifier("a.example/log")]), Ok(vec![0]));
}

#[test]
fn malformed_notes_are_refused() {
    let good = signed("text\n");
    let line = good.strip_prefix("text\n\n").expect("begins so").to_owned();
    let check = |bytes: &str, error: NoteError| {
        assert_eq!(Note::parse(bytes.as_bytes()), Err(error), "{bytes:?}");
    };
    check("", NoteError::NoSignatures);
    check("text\n", NoteError::NoSignatures);
    check("text\n\n", NoteError::NoSignatures);
    check("text\n\n\n", NoteError::NoSignatures);
    check(good.trim_end(), NoteError::NoSignatures);
    check(&format!("{good}\n"), NoteError::NoSignatures);
    check(&good.replace("text", "te\txt"), NoteError::NotText);
    check(&good.replace('\n', "\r\n"), NoteError::NotText);
    check(&good.replace('\u{2014}', "-"), NoteError::SignatureLine(1));
    check(&good.replace("\u{2014} ", "\u{2014}"), NoteError::SignatureLine(1));
    check(&good.replace("a.example/log", "a+example"), NoteError::SignatureLine(1));
    check(&format!("text\n\n{line}oops\n"), NoteError::SignatureLine(2));
    check("text\n\n\u{2014} a AAAAAA==\n", NoteError::SignatureLine(1));
    check("text\n\n\u{2014} a AAAAAAE\n", NoteError::SignatureLine(1));
    check("text\n\n\u{2014} a AAAAAAF=\n", NoteError::SignatureLine(1));
    check(&format!("text\n\n{}", line.repeat(101)), NoteError::TooManySignatures);
    assert!(Note::parse(format!("text\n\n{}", line.repeat(100)).as_bytes()).is_ok());
    assert_eq!(Note::parse(b"\xff\n\n"), Err(NoteError::NotText));
    let beyond = NOTE_BYTES_MAX + 1;
    assert_eq!(Note::parse(&vec![b'a'; beyond]), Err(NoteError::TooLarge(beyond)));
    assert_eq!(Note::sign("no line feed".into(), "a", &pair()), None);
    assert_eq!(Note::sign("tab\t\n".into(), "a", &pair()), None);
    assert_eq!(Note::sign("text\n".into(), "a b", &pair()), None);
}

proptest! {
    #[test]
    fn what_parses_prints_as_it_was(bytes: Vec<u8>, text in "[a-z \n]{0,40}") {
        for bytes in [bytes, signed(&format!("{text}\n")).into_bytes()] {
            if let Ok(note) = Note::parse(&bytes) {
                prop_assert_eq!(note.encode().into_bytes(), bytes);
            }
        }
    }
}
