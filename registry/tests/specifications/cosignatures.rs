//! tlog-cosignature v1, Ed25519.

use lianshi_registry::{
    cosignature::{Cosigner, SECONDS_MAX, seconds},
    key::KeyPair,
    note::{Note, NoteError, Signature},
};
use sha2::{Digest as _, Sha256};

use crate::specimen::{Specimen, log_vkey};

const TEXT: &str = "example.com/behind-the-sofa\n20852163\n\
    CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";

fn pair() -> KeyPair {
    KeyPair::from_seed([6; 32])
}

fn cosigner() -> Cosigner {
    Cosigner::new("witness.example.com/w1", pair()).expect("a name")
}

fn cosigned(text: &str, seconds: u64) -> Note {
    let signature = cosigner().cosign(text, seconds).expect("a time");
    Note { text: text.to_owned(), signatures: vec![signature] }
}

#[test]
fn the_message_is_header_time_and_the_whole_text() {
    let signature = cosigner().cosign(TEXT, 1_679_315_147).expect("a time");
    let message = format!("cosignature/v1\ntime 1679315147\n{TEXT}");
    let signed: [u8; 64] = signature.bytes[8..].try_into().expect("64 bytes");
    assert_eq!(pair().public().verify(message.as_bytes(), &signed), Ok(()));
}

#[test]
fn the_payload_is_the_time_in_eight_bytes_and_the_signature() {
    let signature = cosigner().cosign(TEXT, 1_679_315_147).expect("a time");
    assert_eq!(signature.bytes.len(), 72);
    assert_eq!(signature.bytes[..8], 1_679_315_147_u64.to_be_bytes());
    assert_eq!(seconds(&signature.bytes), Some(1_679_315_147));
}

#[test]
fn the_key_id_is_that_of_type_4() {
    let mut hashed = b"witness.example.com/w1\n\x04".to_vec();
    hashed.extend(pair().public().bytes());
    let digest: [u8; 32] = Sha256::digest(hashed).into();
    assert_eq!(cosigner().vkey().id(), digest[..4]);
}

#[test]
fn extension_lines_are_part_of_the_message() {
    let mut extended = cosigned(&format!("{TEXT}extension\n"), 5);
    assert!(extended.verify(&[cosigner().vkey().clone()]).is_ok());
    extended.text = TEXT.to_owned();
    let name = "witness.example.com/w1".to_owned();
    assert_eq!(extended.verify(&[cosigner().vkey().clone()]), Err(NoteError::BadSignature(name)));
}

#[test]
fn a_time_beyond_two_to_the_sixty_three_is_neither_made_nor_believed() {
    assert!(cosigner().cosign(TEXT, SECONDS_MAX).is_some());
    assert_eq!(cosigner().cosign(TEXT, SECONDS_MAX + 1), None);
    let late = SECONDS_MAX + 1;
    let message = format!("cosignature/v1\ntime {late}\n{TEXT}");
    let bytes = [late.to_be_bytes().as_slice(), &pair().sign(message.as_bytes())].concat();
    let (name, key_id) = ("witness.example.com/w1".to_owned(), cosigner().vkey().id());
    let signatures = vec![Signature { name: name.clone(), key_id, bytes }];
    let note = Note { text: TEXT.to_owned(), signatures };
    assert_eq!(note.verify(&[cosigner().vkey().clone()]), Err(NoteError::BadSignature(name)));
}

#[test]
fn a_cosignature_never_omits_its_time() {
    assert_eq!(cosigner().cosign(TEXT, 0), None);
}

#[test]
fn a_cosignature_is_no_log_signature_and_the_other_way_round() {
    let log = Specimen::new(3);
    let note = Note::parse(&log.files["checkpoint"]).expect("a note");
    let signers = note.verify(&[log_vkey()]).expect("signed by the log");
    assert_eq!(signers.len(), 1, "cosignatures of unknown witnesses are ignored");
    let as_log = cosigned(TEXT, 5).signatures.remove(0).bytes;
    let key = lianshi_registry::note::VerifierKey::new(
        "witness.example.com/w1",
        lianshi_registry::note::Algorithm::Ed25519,
        pair().public(),
    )
    .expect("a name");
    let passed = Signature { name: key.name().to_owned(), key_id: key.id(), bytes: as_log };
    let note = Note { text: TEXT.to_owned(), signatures: vec![passed] };
    assert!(matches!(note.verify(&[key]), Err(NoteError::BadSignature(_))));
}
