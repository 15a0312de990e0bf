//! What the documents promise, with the name of a test: that test must exist.

use std::fs;

use crate::sources::{root, rust_sources};

/// The table of what a compromised node cannot do; its last column names tests.
const SECTION: &str = "## A compromised district node";

#[test]
fn what_a_compromised_node_cannot_do_has_its_test() {
    let document = fs::read_to_string(root().join("docs/protocol.md")).expect("the protocol");
    let (_, section) = document.split_once(SECTION).expect("the section");
    let section = section.split("\n## ").next().unwrap_or_default();
    let rows = section.lines().filter(|line| line.starts_with("| ") && !line.contains("| test |"));
    let sources = rust_sources();
    let mut named = 0;
    for row in rows {
        let last = row.trim_end_matches([' ', '|']).rsplit('|').next().unwrap_or_default();
        let test = last.trim().trim_matches('`');
        let head = format!("fn {test}(");
        let exists = sources.iter().any(|source| source.text.contains(&head));
        assert!(exists, "no test is named `{test}`, of the row\n{row}");
        named += 1;
    }
    assert!(named > 10, "only {named} promises were found: the table is read wrongly");
}
