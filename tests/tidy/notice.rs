//! `NOTICE` names everything that is compiled into the program with its licence, so that an office
//! can meet the licences' terms by passing the file on. It is compared with what cargo resolves.

use std::{collections::BTreeSet, fs, path::PathBuf, process::Command};

use crate::sources::root;

/// Between these lines of `NOTICE` stand the crates, one a line.
const BEGIN: &str = "Crates compiled in:\n\n";
/// One platform for everybody: what a Debian server runs.
const TARGET: &str = "x86_64-unknown-linux-gnu";
/// What crates compile in that was not written in Rust, by the crate that carries it.
const CARRIED: [(&str, &str); 4] = [
    ("libsqlite3-sys", "SQLite"),
    ("pq-src", "PostgreSQL"),
    ("openssl-src", "OpenSSL"),
    ("zstd-sys", "Zstandard"),
];

fn cargo_tree(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--offline", "--prefix", "none", "--target", TARGET])
        .args(["--package", "lianshi-node"])
        // What other members of the workspace switch on is not compiled into the program.
        .env_remove("CARGO_RESOLVER_FEATURE_UNIFICATION")
        .args(arguments)
        .current_dir(root())
        .output()
        .expect("cargo tree runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("names are UTF-8")
}

/// `name, licence` of every crate that is compiled in, ours left out.
fn compiled_in() -> BTreeSet<String> {
    let tree = cargo_tree(&["--edges", "normal", "--format", "{p}|{l}"]);
    let packages = tree.lines().filter_map(|line| line.trim_end_matches(" (*)").split_once('|'));
    packages
        .filter(|(package, _)| !package.starts_with("lianshi-"))
        .filter_map(|(package, licence)| Some((package.split(' ').next()?, licence)))
        .map(|(name, licence)| {
            format!("{name}, {}", licence.replace('/', " OR ").replace("  ", " "))
        })
        .collect()
}

fn notice() -> String {
    fs::read_to_string(root().join("NOTICE")).expect("NOTICE")
}

#[test]
fn the_notice_names_every_crate_that_is_compiled_in() {
    let notice = notice();
    let (_, list) = notice.split_once(BEGIN).expect("the list");
    let named: BTreeSet<String> =
        list.lines().take_while(|line| !line.is_empty()).map(str::to_owned).collect();
    let wanted = compiled_in();
    assert!(wanted.len() > 100, "only {} crates: the list is wrong", wanted.len());
    let missing: Vec<&str> = wanted.difference(&named).map(String::as_str).collect();
    let surplus: Vec<&str> = named.difference(&wanted).map(String::as_str).collect();
    assert!(
        missing.is_empty() && surplus.is_empty(),
        "NOTICE: add in alphabetical order\n{}\nand remove\n{}",
        missing.join("\n"),
        surplus.join("\n")
    );
}

#[test]
fn the_notice_names_what_crates_carry_of_other_languages() {
    let tree = cargo_tree(&["--edges", "normal,build", "--format", "{p}"]);
    let notice = notice();
    for (name, project) in CARRIED {
        let carried = tree.lines().any(|line| line.split(' ').next() == Some(name));
        assert_eq!(carried, notice.contains(&format!("\n{project}, ")), "{project}, by {name}");
    }
}

/// Apache-2.0, section 4(d): what a NOTICE file says is passed on.
#[test]
fn the_notices_of_others_are_passed_on() {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--locked", "--offline", "--format-version", "1"])
        .args(["--filter-platform", TARGET])
        .current_dir(root())
        .output()
        .expect("cargo metadata runs");
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let names: BTreeSet<String> = compiled_in()
        .iter()
        .filter_map(|line| line.split_once(',').map(|(name, _)| name.to_owned()))
        .collect();
    let notice = notice();
    let mut seen = 0;
    for package in metadata["packages"].as_array().expect("packages") {
        let name = package["name"].as_str().expect("a name");
        if !names.contains(name) {
            continue;
        }
        seen += 1;
        let manifest = PathBuf::from(package["manifest_path"].as_str().expect("a path"));
        for file in fs::read_dir(manifest.parent().expect("a folder")).expect("its files") {
            let path = file.expect("a file").path();
            let stem = path.file_name().unwrap_or_default().to_string_lossy().to_uppercase();
            if stem.starts_with("NOTICE") {
                let text = fs::read_to_string(&path).expect("text");
                assert!(notice.contains(text.trim()), "NOTICE lacks that of {name}");
            }
        }
    }
    assert!(seen > 100, "only {seen} crates were looked at");
}
