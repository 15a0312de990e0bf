//! `docs/security.md` answers every requirement of OWASP ASVS 5.0, level 1 and 2: once, with yes
//! and a file that exists, or with no and a reason.

use std::{collections::BTreeSet, fs, ops::RangeInclusive};

use crate::sources::root;

/// Sections of the standard with the numbers of their requirements of level 1 and 2.
#[rustfmt::skip]
const SECTIONS: [(&str, RangeInclusive<u8>); 75] = [
    ("1.1", 1..=2), ("1.2", 1..=9), ("1.3", 1..=11), ("1.4", 1..=3), ("1.5", 1..=2),
    ("2.1", 1..=3), ("2.2", 1..=3), ("2.3", 1..=4), ("2.4", 1..=1), ("3.2", 1..=2),
    ("3.3", 1..=4), ("3.4", 1..=6), ("3.5", 1..=5), ("3.7", 1..=2), ("4.1", 1..=3),
    ("4.2", 1..=1), ("4.3", 1..=2), ("4.4", 1..=4), ("5.1", 1..=1), ("5.2", 1..=3),
    ("5.3", 1..=2), ("5.4", 1..=3), ("6.1", 1..=3), ("6.2", 1..=12), ("6.3", 1..=4),
    ("6.4", 1..=4), ("6.5", 1..=5), ("6.6", 1..=3), ("6.8", 1..=4), ("7.1", 1..=3),
    ("7.2", 1..=4), ("7.3", 1..=2), ("7.4", 1..=5), ("7.5", 1..=2), ("7.6", 1..=2),
    ("8.1", 1..=2), ("8.2", 1..=3), ("8.3", 1..=1), ("8.4", 1..=1), ("9.1", 1..=3),
    ("9.2", 1..=4), ("10.1", 1..=2), ("10.2", 1..=2), ("10.3", 1..=4), ("10.4", 1..=11),
    ("10.5", 1..=5), ("10.6", 1..=2), ("10.7", 1..=3), ("11.1", 1..=2), ("11.2", 1..=3),
    ("11.3", 1..=3), ("11.4", 1..=4), ("11.5", 1..=1), ("11.6", 1..=1), ("12.1", 1..=3),
    ("12.2", 1..=2), ("12.3", 1..=4), ("13.1", 1..=1), ("13.2", 1..=5), ("13.3", 1..=2),
    ("13.4", 1..=5), ("14.1", 1..=2), ("14.2", 1..=4), ("14.3", 1..=3), ("15.1", 1..=3),
    ("15.2", 1..=3), ("15.3", 1..=7), ("16.1", 1..=1), ("16.2", 1..=5), ("16.3", 1..=4),
    ("16.4", 1..=3), ("16.5", 1..=3), ("17.1", 1..=1), ("17.2", 1..=4), ("17.3", 1..=2),
];

/// One row of the document.
struct Row {
    number: String,
    answer: String,
    where_or_why: String,
}

fn rows() -> Vec<Row> {
    let document = fs::read_to_string(root().join("docs/security.md")).expect("the document");
    let cells = |line: &str| -> Vec<String> {
        line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()
    };
    let lines = document.lines().filter(|line| {
        line.strip_prefix("| ").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    });
    lines
        .map(|line| match cells(line).as_slice() {
            [number, _, answer, where_or_why] => Row {
                number: number.clone(),
                answer: answer.clone(),
                where_or_why: where_or_why.clone(),
            },
            other => panic!("not four cells: {other:?}"),
        })
        .collect()
}

#[test]
fn every_requirement_is_answered_once() {
    let wanted: BTreeSet<String> = SECTIONS
        .iter()
        .flat_map(|(section, numbers)| numbers.clone().map(move |n| format!("{section}.{n}")))
        .collect();
    assert_eq!(wanted.len(), 253, "the requirements of level 1 and 2");
    let rows = rows();
    let answered: BTreeSet<String> = rows.iter().map(|row| row.number.clone()).collect();
    assert_eq!(answered.len(), rows.len(), "none is answered twice");
    assert_eq!(wanted.difference(&answered).collect::<Vec<_>>(), Vec::<&String>::new());
    assert_eq!(answered.difference(&wanted).collect::<Vec<_>>(), Vec::<&String>::new());
}

#[test]
fn a_yes_names_files_that_exist_and_a_no_its_reason() {
    for row in rows() {
        let Row { number, answer, where_or_why } = &row;
        let named: Vec<&str> = where_or_why.split('`').skip(1).step_by(2).collect();
        let files: Vec<&&str> = named
            .iter()
            .filter(|name| !name.contains(' ') && (name.contains('/') || name.contains('.')))
            .collect();
        match answer.as_str() {
            "yes" => assert!(!files.is_empty(), "{number} names no file"),
            "no" => assert!(where_or_why.len() > 10, "{number} gives no reason"),
            other => panic!("{number} is answered with `{other}`"),
        }
        for file in files {
            assert!(root().join(file).exists(), "{number}: there is no {file}");
        }
    }
}
