//! What the documents promise, with the name of a test: that test must exist.

use std::fs;

use crate::sources::{root, rust_sources};

/// The tables of what a compromised node cannot do or cost, and of what is not believed of it, and
/// how many rows there are at least; their last column names tests.
const SECTIONS: [(&str, usize); 4] = [
    ("## A compromised district node", 20),
    ("## What one member can cost", 10),
    ("## A compromised root authority", 5),
    ("## What a receiver holds a letter against", 12),
];

#[test]
fn what_a_compromised_node_cannot_do_has_its_test() {
    let document = fs::read_to_string(root().join("docs/protocol.md")).expect("the protocol");
    for (section, rows) in SECTIONS {
        has_its_tests(&document, section, rows);
    }
}

fn has_its_tests(document: &str, section: &str, rows_min: usize) {
    let (_, section) = document.split_once(section).expect("the section");
    let section = section.split("\n## ").next().unwrap_or_default();
    let rows = section.lines().filter(|line| line.starts_with("| ") && !line.contains("| test |"));
    let sources = rust_sources();
    let mut named = 0;
    for row in rows {
        let last = row.trim_end_matches([' ', '|']).rsplit('|').next().unwrap_or_default();
        for test in last.split(',').map(|test| test.trim().trim_matches('`')) {
            let head = format!("fn {test}(");
            let exists = sources.iter().any(|source| source.text.contains(&head));
            assert!(exists, "no test is named `{test}`, of the row\n{row}");
        }
        named += 1;
    }
    assert!(named >= rows_min, "only {named} promises were found: the table is read wrongly");
}
