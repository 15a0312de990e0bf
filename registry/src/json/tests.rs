//! Every rule of the profile, and entries through their canonical form and back.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::{
    entry::{Fact, Organization, OrganizationKind, Texts},
    id::DivisionCode,
    time::Timestamp,
    uscc::Uscc,
};

fn entry(zh: &str) -> Entry {
    Entry {
        at: Timestamp::parse("2026-11-21T03:00:00Z").expect("a time"),
        by: "yinzhou".to_owned(),
        fact: Fact::OrganizationListed(Organization {
            uscc: Uscc::parse("91350100M000100Y43").expect("the standard's example"),
            name: Texts { zh: zh.to_owned(), en: "Demonstration office".to_owned() },
            kind: OrganizationKind::Provider,
            division: DivisionCode::parse("330212").expect("a code"),
        }),
    }
}

#[test]
fn an_entry_has_one_form_and_parses_from_it_alone() {
    let bytes = encode_entry(&entry("演示单位")).expect("inside the profile");
    let text = String::from_utf8(bytes.clone()).expect("UTF-8");
    assert!(text.starts_with(r#"{"at":"2026-11-21T03:00:00Z","body":{"division":"330212","#));
    assert!(text.ends_with(r#","by":"yinzhou","kind":"organization.listed","v":1}"#), "{text}");
    assert!(text.contains("演示单位"), "texts are not escaped");
    assert_eq!(parse_entry(&bytes), Ok(entry("演示单位")));
    let check = |from: &str, to: &str, error: EntryRefusal| {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text);
        assert_eq!(parse_entry(changed.as_bytes()), Err(error), "{changed}");
    };
    check(",\"by\"", ", \"by\"", EntryRefusal::NotCanonical);
    check("演示", "\\u6f14示", EntryRefusal::NotCanonical);
    check("{\"at\"", "{\"at\":\"2026-11-21T03:00:00Z\",\"at\"", EntryRefusal::NotCanonical);
    check("\"v\":1", "\"v\":1.0", EntryRefusal::OutsideProfile(Outside::Fraction));
    check("\"v\":1", "\"v\":0", EntryRefusal::UnknownVersion(0));
    check("\"v\":1", "\"w\":1", EntryRefusal::UnknownBody("no version".into()));
    check("\"kind\":\"organization.listed\",", "", EntryRefusal::UnknownBody("no kind".into()));
    for (from, to) in [
        ("organization.listed", "organization"),
        ("organization.listed", "organization.SOLD"),
        ("\"kind\":\"provider\"", "\"kind\":\"No Word\""),
        ("\"kind\":\"provider\"", "\"kind\":7"),
        ("\"v\":1", "\"v\":1,\"w\":1"),
        ("\"by\":\"yinzhou\",", ""),
        ("\"division\":\"330212\"", "\"division\":\"33021\""),
        ("03:00:00Z", "03:00:00+"),
    ] {
        let changed = text.replacen(from, to, 1);
        let refused = parse_entry(changed.as_bytes());
        assert!(matches!(refused, Err(EntryRefusal::UnknownBody(_))), "{changed} {refused:?}");
    }
    assert!(matches!(parse_entry(b"{"), Err(EntryRefusal::Malformed(_))));
    assert!(matches!(parse_entry(b"\xff"), Err(EntryRefusal::Malformed(_))));
}

#[test]
fn what_a_newer_program_may_have_written_is_told_apart() {
    let bytes = encode_entry(&entry("演示单位")).expect("inside the profile");
    let text = String::from_utf8(bytes).expect("UTF-8");
    let read = |from: &str, to: &str| {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text);
        match parse_entry(changed.as_bytes()) {
            Err(EntryRefusal::Newer(newer)) => newer,
            other => panic!("{changed} {other:?}"),
        }
    };
    let (listed, sold) = ("organization.listed".to_owned(), "organization.sold".to_owned());
    assert_eq!(read(&listed, &sold), Newer::Kind { kind: sold });
    let later = Newer::Version { kind: listed.clone(), version: 2, newest: 1 };
    assert_eq!(read("\"v\":1", "\"v\":2"), later);
    let word = Newer::Word { kind: listed, word: "broker".to_owned() };
    assert_eq!(read("\"kind\":\"provider\"", "\"kind\":\"broker\""), word);
}

#[test]
fn values_outside_the_profile_are_refused() {
    let check = |text: &str, outside: Option<Outside>| {
        let value: Value = serde_json::from_str(text).expect("JSON");
        let refusal = canonicalize(&value).err();
        assert_eq!(refusal, outside.map(EntryRefusal::OutsideProfile), "{text}");
    };
    check("9007199254740991", None);
    check("-9007199254740991", None);
    check("9007199254740992", Some(Outside::Integer));
    check("-9007199254740992", Some(Outside::Integer));
    check("18446744073709551615", Some(Outside::Integer));
    check("1e2", Some(Outside::Fraction));
    check("-0", Some(Outside::Fraction));
    check("0.5", Some(Outside::Fraction));
    check("[null]", Some(Outside::Null));
    check(r#"{"":1}"#, Some(Outside::Name));
    check(r#"{"名":1}"#, Some(Outside::Name));
    check(r#"{"a b":1}"#, Some(Outside::Name));
    check(r#""a\u0000""#, Some(Outside::Control));
    check(r#""line\n""#, Some(Outside::Control));
    check(r#""\u007f""#, Some(Outside::Control));
    check(r#""\u0085""#, Some(Outside::Control));
    check("\"e\u{301}\"", Some(Outside::Normalization));
    check("\"\u{e9}\"", None);
    check("\"\u{f90a}\"", Some(Outside::Normalization));
    check(&format!("{}{}", "[".repeat(16), "]".repeat(16)), None);
    check(&format!("{}{}", "[".repeat(17), "]".repeat(17)), Some(Outside::Depth));
}

#[test]
fn entries_end_at_sixteen_kibibytes() {
    let long = |count: usize| encode_entry(&entry(&"a".repeat(count)));
    let base = long(1).expect("small").len() - 1;
    let full = long(ENTRY_BYTES_MAX - base).expect("exactly full");
    assert_eq!(full.len(), ENTRY_BYTES_MAX);
    assert!(parse_entry(&full).is_ok());
    let over = ENTRY_BYTES_MAX + 1;
    assert_eq!(long(over - base), Err(EntryRefusal::TooLarge(over)));
    assert_eq!(parse(&vec![b' '; over]), Err(EntryRefusal::TooLarge(over)));
}

#[test]
fn every_refusal_has_its_code() {
    for (refusal, code) in [
        (EntryRefusal::TooLarge(1), "entry.too_large"),
        (EntryRefusal::Malformed(String::new()), "entry.malformed"),
        (EntryRefusal::NotCanonical, "entry.not_canonical"),
        (EntryRefusal::OutsideProfile(Outside::Null), "entry.outside_profile"),
        (EntryRefusal::UnknownVersion(2), "entry.unknown_version"),
        (EntryRefusal::UnknownBody(String::new()), "entry.unknown_body"),
        (Newer::Kind { kind: String::new() }.into(), "entry.newer_kind"),
        (
            Newer::Version { kind: String::new(), version: 2, newest: 1 }.into(),
            "entry.newer_version",
        ),
        (Newer::Word { kind: String::new(), word: String::new() }.into(), "entry.newer_word"),
    ] {
        assert_eq!(refusal.code(), code);
    }
}

#[test]
fn serde_json_keeps_its_default_features() {
    // Any crate of the graph could switch these on, and with them change what is refused and how
    // numbers print.
    let number: Value = serde_json::from_str("1.50").expect("a number");
    assert_eq!(number.to_string(), "1.5", "arbitrary_precision is on");
    assert_eq!(json!({"b": 1, "a": 2}).to_string(), r#"{"a":2,"b":1}"#, "preserve_order is on");
}

#[test]
fn texts_are_written_as_rfc_8785_says() {
    let value = json!({"b": "\u{20ac}\u{2028}\"\\/<", "a_1": [true, -7], "B": {}});
    let bytes = canonicalize(&value).expect("inside the profile");
    let expected = "{\"B\":{},\"a_1\":[true,-7],\"b\":\"\u{20ac}\u{2028}\\\"\\\\/<\"}";
    assert_eq!(String::from_utf8(bytes).expect("UTF-8"), expected);
}

fn inside() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::from),
        (-INTEGER_MAX..=INTEGER_MAX).prop_map(Value::from),
        "[a-zA-Z0-9 \"\\\\/区划数据é]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map("[!-~]{1,8}", inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn canonical_bytes_parse_back_to_the_value(value in inside()) {
        let bytes = canonicalize(&value).expect("inside the profile");
        prop_assert_eq!(parse(&bytes), Ok(value));
    }

    #[test]
    fn bytes_are_canonical_when_the_library_writes_the_same(
        value in inside(), place: prop::sample::Index, byte: u8
    ) {
        let written = serde_json_canonicalizer::to_vec(&value).expect("JSON");
        prop_assert_eq!(canonical::strip(&value, &written), Some(&[][..]));
        let mut other = written.clone();
        let place = place.index(other.len());
        other[place] = byte;
        // Another byte is another value or no canonical form of any.
        let agrees = serde_json::from_slice::<Value>(&other).ok().filter(|value| {
            serde_json_canonicalizer::to_vec(value).is_ok_and(|form| form == other)
        });
        prop_assert_eq!(parse(&other).is_ok(), agrees.is_some_and(|v| canonicalize(&v).is_ok()));
        // Loosely written, it is refused.
        let loose = serde_json::to_vec_pretty(&value).expect("JSON");
        prop_assert_eq!(parse(&loose).is_ok(), loose == written);
    }

    #[test]
    fn garbage_never_panics(bytes: Vec<u8>) {
        let _ = parse_entry(&bytes);
    }
}
