//! Licences of everything the program is built from: permissive only.

use std::{collections::BTreeSet, process::Command};

/// Licences whose terms an office can meet by keeping the notice. MPL-2.0 concerns changes to its
/// own files only.
const ALLOWED: [&str; 16] = [
    "MIT",
    "MIT-0",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-1-Clause",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Zlib",
    "0BSD",
    "Unlicense",
    "CC0-1.0",
    "BSL-1.0",
    "Unicode-3.0",
    "CDLA-Permissive-2.0",
    "PostgreSQL",
];

/// Whether an SPDX expression can be met with allowed licences alone: every `AND` part has an
/// allowed `OR` choice.
fn is_permissive(expression: &str) -> bool {
    let flat = expression.replace(['(', ')'], " ").replace('/', " OR ");
    flat.split(" AND ")
        .all(|part| part.split(" OR ").any(|choice| ALLOWED.contains(&choice.trim())))
}

#[test]
fn every_dependency_is_permissive() {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--workspace", "--locked", "--offline", "--prefix", "none"])
        .args(["-f", "{p}|{l}"])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .output()
        .expect("cargo tree runs");
    let listed = String::from_utf8(output.stdout).expect("names are UTF-8");
    let packages: BTreeSet<(&str, &str)> =
        listed.lines().filter_map(|line| line.trim_end_matches(" (*)").rsplit_once('|')).collect();
    assert!(packages.len() > 100, "only {} packages: the list is wrong", packages.len());
    let offences: Vec<String> = packages
        .iter()
        .filter(|(_, licence)| !is_permissive(licence))
        .map(|(package, licence)| format!("{package}: {licence}"))
        .collect();
    assert!(offences.is_empty(), "not permissive:\n  {}", offences.join("\n  "));
}

#[test]
fn copyleft_is_told_apart() {
    assert!(is_permissive("MIT OR GPL-3.0-or-later"));
    assert!(is_permissive("(MIT OR Apache-2.0) AND Unicode-3.0"));
    assert!(!is_permissive("GPL-3.0-or-later"));
    assert!(!is_permissive("MIT AND AGPL-3.0"));
}
