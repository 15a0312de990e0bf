//! tlog-checkpoint.

use lianshi_registry::{
    checkpoint::{Body, Checkpoint, CheckpointError},
    merkle::{empty_root, leaf_hash},
};

use crate::specimen::origin;

fn text() -> String {
    Checkpoint { origin: origin(), size: 70_000, root: leaf_hash(b"root") }.text()
}

fn refused(text: &str) -> bool {
    matches!(Body::parse(text), Err(CheckpointError::Malformed(_)))
}

#[test]
fn the_example_of_the_specification_parses() {
    let text = "example.com/behind-the-sofa\n20852163\n\
        CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
    let body = Body::parse(text).expect("the example");
    assert_eq!((body.origin.as_str(), body.size), ("example.com/behind-the-sofa", 20_852_163));
}

#[test]
fn an_origin_is_not_empty_and_may_have_any_form() {
    assert!(refused(&text().replace(&origin().to_string(), "")));
    for odd in ["no url", "with+plus", "中文", "https://example.com/log?x=1"] {
        let body = Body::parse(&text().replace(&origin().to_string(), odd)).expect("opaque");
        assert_eq!(body.origin, odd);
    }
}

#[test]
fn a_size_has_no_leading_zeroes_and_nothing_but_digits() {
    for bad in ["070000", "00", "+70000", "-1", "", " 70000", "70000 ", "0x10", "７"] {
        assert!(refused(&text().replace("70000", bad)), "{bad:?}");
    }
    assert!(refused(&text().replace("70000", "18446744073709551616")));
}

#[test]
fn a_root_is_canonical_base64_of_thirty_two_bytes() {
    let root = leaf_hash(b"root").to_base64();
    for bad in [root.trim_end_matches('=').to_owned(), format!("{root}="), "AAAA".to_owned()] {
        assert!(refused(&text().replace(&root, &bad)), "{bad}");
    }
}

#[test]
fn extension_lines_are_not_empty() {
    assert!(Body::parse(&format!("{}opaque line\n", text())).is_ok());
    assert!(refused(&format!("{}\n", text())));
    assert!(refused(&format!("{}one\n\ntwo\n", text())));
}

#[test]
fn there_are_at_least_three_lines_and_the_last_ends() {
    assert!(refused("example.com/log\n7\n"));
    assert!(refused(text().trim_end_matches('\n')));
}

#[test]
fn an_empty_log_has_size_zero_and_the_hash_of_nothing() {
    let empty = Checkpoint { origin: origin(), size: 0, root: empty_root() };
    assert!(empty.text().ends_with("\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"));
    assert_eq!(Checkpoint::parse(&empty.text()), Ok(empty));
    let other = Checkpoint { origin: origin(), size: 0, root: leaf_hash(b"x") };
    assert!(Checkpoint::parse(&other.text()).is_err());
}
