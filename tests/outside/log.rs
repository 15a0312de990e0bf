//! The log and its canonical entries, judged by Python's pymerkle, hashlib and rfc8785.

use std::{
    fs,
    path::{Path, PathBuf},
};

use lianshi_node::folder::Folder;
use lianshi_registry::{
    entry::{Entry, Fact, Organization, OrganizationKind, Texts},
    id::DivisionCode,
    json,
    uscc::Uscc,
};
use lianshi_store::log;
use serde_json::Value;
use support::run_well;

use crate::python;

const ORIGIN: &str = "ningbo.example/yinzhou/1";
/// Texts that canonical forms get wrong: escapes, separators, characters beyond U+FFFF.
const TEXTS: [&str; 8] = [
    "演示单位",
    "a\"b\\c/d",
    "<script>&amp;</script>",
    "line\u{2028}paragraph\u{2029}",
    "emoji \u{1f600} \u{10ffff}",
    "é ñ ü",
    "\u{ff21}\u{fffd}\u{e000}",
    "",
];

/// A data folder whose log holds `count` entries, and the files of its log.
fn exported(folder: &Path, count: usize) -> PathBuf {
    let data = folder.join("data");
    let init = ["init", "--name", "yinzhou", "--name-zh", "鄞州", "--name-en", "Yinzhou"];
    let place = ["--division", "330212", "--found", "ningbo.example"];
    run_well(&data, &[init.as_slice(), &place].concat());
    let opened = Folder::open(&data).expect("just made");
    let site = opened.command_site().expect("a fresh database");
    let entries: Vec<Entry> = (0..count).map(entry).collect();
    site.db.write(|write| log::create_own(write, &site)).expect("begun");
    for group in entries.chunks(70) {
        let appended = site.db.write(|write| log::append(write, &site.origin, group, site.now()));
        assert_eq!(appended.expect("appended").len(), group.len());
        log::publish_head(&site).expect("signed");
    }
    let files = folder.join("export");
    run_well(&data, &["log", "export", ORIGIN, files.to_str().expect("a plain path")]);
    files
}

fn entry(number: usize) -> Entry {
    let text = TEXTS[number % TEXTS.len()];
    Entry {
        at: lianshi_registry::time::Timestamp::from_millis(0),
        by: "yinzhou".to_owned(),
        fact: Fact::OrganizationListed(Organization {
            uscc: Uscc::parse("91350100M000100Y43").expect("the standard's example"),
            name: Texts { zh: format!("{text}{number}"), en: text.to_owned() },
            kind: OrganizationKind::Provider,
            division: DivisionCode::parse("330212").expect("a code"),
        }),
    }
}

#[test]
fn the_root_of_seven_hundred_entries_is_what_pymerkle_computes() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let files = exported(folder.path(), 700);
    let path = files.to_str().expect("a plain path");
    let checked = python("log_root.py", &[path, ORIGIN, "700"]).expect("pymerkle agrees");
    let note = fs::read_to_string(files.join("checkpoint")).expect("there");
    assert_eq!(note.lines().nth(2), Some(checked.trim()));
}

#[test]
fn a_changed_byte_is_found_from_outside() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let files = exported(folder.path(), 300);
    let path = files.to_str().expect("a plain path");
    python("log_root.py", &[path, ORIGIN, "300"]).expect("whole at first");
    for name in ["tile/entries/000", "tile/0/001.p/44", "tile/1/000.p/1"] {
        let file = files.join(name);
        let whole = fs::read(&file).expect("there");
        let mut changed = whole.clone();
        changed[20] ^= 1;
        fs::write(&file, changed).expect("written");
        let refused = python("log_root.py", &[path, ORIGIN, "300"]);
        assert!(refused.is_err(), "{name} was changed and nobody saw it");
        fs::write(&file, whole).expect("written");
    }
}

#[test]
fn canonical_forms_are_those_of_rfc8785() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut lines: Vec<String> = (0..TEXTS.len())
        .map(|number| {
            let bytes = json::encode_entry(&entry(number)).expect("inside the profile");
            let text = String::from_utf8(bytes).expect("UTF-8");
            vector(&text, &text)
        })
        .collect();
    for source in [
        r#"{"b":1,"a":2,"B":3,"_":4,"1":5,"aa":6,"~":7,"$":8}"#,
        r"[9007199254740991,-9007199254740991,0,-1]",
        "{ \"z\" : [ ] , \"y\" : { } , \"x\" : [ true , false , \"\\u00e9\\u6f14\\/\" ] }",
        r#""\u20ac\ud83d\ude00""#,
        "[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]",
    ] {
        let value: Value = serde_json::from_str(source).expect("JSON");
        let bytes = json::canonicalize(&value).expect("inside the profile");
        lines.push(vector(source, &String::from_utf8(bytes).expect("UTF-8")));
    }
    let file = folder.path().join("vectors");
    fs::write(&file, lines.concat()).expect("written");
    let count = python("canonical.py", &[file.to_str().expect("plain")]).expect("rfc8785 agrees");
    assert_eq!(count.trim(), lines.len().to_string());
}

fn vector(source: &str, canonical: &str) -> String {
    format!("{}\n", serde_json::json!([source, canonical]))
}
