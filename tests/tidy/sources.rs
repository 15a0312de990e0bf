//! Rules about the text of the sources themselves.

use std::{fs, path::PathBuf};

/// Longest file, tests apart: past that a module splits by a noun of the field.
const FILE_LINES_MAX: usize = 400;
/// Longest function.
const FUNCTION_LINES_MAX: usize = 60;
/// Longest line.
const LINE_CHARS_MAX: usize = 100;
/// Module names that tell nothing.
const EMPTY_NAMES: [&str; 7] = ["utils", "helpers", "common", "misc", "manager", "service", "core"];

pub struct Source {
    path: String,
    pub text: String,
}

impl Source {
    fn is_test(&self) -> bool {
        let path = &self.path;
        path.ends_with("/tests.rs") || path.contains("/tests/") || path.starts_with("tests/")
    }

    /// The text before the test module at the end of the file.
    fn product_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let end = self.text.lines().position(|line| line == "#[cfg(test)]").unwrap_or(usize::MAX);
        self.text.lines().enumerate().take(end).map(|(index, line)| (index + 1, line))
    }
}

pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

pub fn rust_sources() -> Vec<Source> {
    let listed = std::process::Command::new("git")
        .args(["ls-files", "-co", "--exclude-standard", "*.rs"])
        .current_dir(root())
        .output()
        .expect("git lists the sources");
    assert!(listed.status.success(), "git ls-files failed");
    let paths = String::from_utf8(listed.stdout).expect("paths are UTF-8");
    let sources: Vec<Source> = paths
        .lines()
        .filter_map(|path| {
            let text = fs::read_to_string(root().join(path)).ok()?;
            Some(Source { path: path.to_owned(), text })
        })
        .collect();
    assert!(sources.len() > 20, "only {} sources found: the list is wrong", sources.len());
    sources
}

fn check(rule: &str, offences: Vec<String>) {
    assert!(offences.is_empty(), "{rule}:\n  {}", offences.join("\n  "));
}

#[test]
fn files_stay_below_their_ceiling() {
    let too_long = |source: &Source| {
        let lines = source.product_lines().count();
        let exempt = source.is_test() || source.path == "store/src/schema.rs";
        (!exempt && lines > FILE_LINES_MAX).then(|| format!("{}: {lines} lines", source.path))
    };
    check("split by a noun of the field", rust_sources().iter().filter_map(too_long).collect());
}

#[test]
fn functions_stay_below_their_ceiling() {
    let mut offences = Vec::new();
    for source in rust_sources().iter().filter(|source| !source.is_test()) {
        offences.extend(long_functions(source));
    }
    check("a function says one thing", offences);
}

fn long_functions(source: &Source) -> Vec<String> {
    let mut offences = Vec::new();
    let mut open: Option<(usize, String, String)> = None;
    for (number, line) in source.product_lines() {
        let body = line.trim_start();
        let indent = line.get(..line.len() - body.len()).unwrap_or_default();
        if open.is_none() && starts_function(body) && !body.ends_with(';') && !body.ends_with('}') {
            open = Some((number, indent.to_owned(), body.to_owned()));
        }
        let Some((start, opened_at, head)) = &open else { continue };
        if line == format!("{opened_at}}}") || (line.ends_with(';') && indent == opened_at) {
            let lines = number - start + 1;
            if lines > FUNCTION_LINES_MAX {
                offences.push(format!("{}:{start}: {lines} lines: {head}", source.path));
            }
            open = None;
        }
    }
    offences
}

fn starts_function(body: &str) -> bool {
    let stripped = ["pub(crate) ", "pub(super) ", "pub ", "const ", "async ", "unsafe "]
        .iter()
        .fold(body, |rest, word| rest.strip_prefix(word).unwrap_or(rest));
    stripped.starts_with("fn ")
}

#[test]
fn a_long_function_is_found() {
    let body = "    let x = 1;\n".repeat(FUNCTION_LINES_MAX);
    let source = Source { path: "x.rs".to_owned(), text: format!("pub fn long() {{\n{body}}}\n") };
    assert_eq!(long_functions(&source).len(), 1);
}

#[test]
fn names_tell_who_lives_there() {
    let empty = |source: &Source| {
        let names_nothing = EMPTY_NAMES.iter().any(|name| {
            source.path.ends_with(&format!("/{name}.rs"))
                || source.path.contains(&format!("/{name}/"))
        });
        names_nothing.then(|| source.path.clone())
    };
    check(
        "name the module after a noun of the field",
        rust_sources().iter().filter_map(empty).collect(),
    );
}

#[test]
fn every_file_opens_with_what_it_is() {
    let silent = |source: &Source| (!source.text.starts_with("//!")).then(|| source.path.clone());
    check("open the file with a //! paragraph", rust_sources().iter().filter_map(silent).collect());
}

#[test]
fn unfinished_work_does_not_land() {
    let words = ["TO".to_owned() + "DO", "FIX".to_owned() + "ME", "#[ig".to_owned() + "nore"];
    let mut offences = Vec::new();
    for source in rust_sources() {
        for (index, line) in source.text.lines().enumerate() {
            if words.iter().any(|word| line.contains(word)) {
                offences.push(format!("{}:{}: {}", source.path, index + 1, line.trim()));
            }
        }
    }
    check("finish it or leave it out", offences);
}

#[test]
fn lines_fit_a_screen() {
    let mut offences = Vec::new();
    for source in rust_sources() {
        for (index, line) in source.text.lines().enumerate() {
            let chars = line.chars().count();
            // A sentence inside a string may run on; rustfmt keeps it whole.
            if chars > LINE_CHARS_MAX && !line.contains('"') {
                offences.push(format!("{}:{}: {chars} columns", source.path, index + 1));
            }
        }
    }
    check("break the line", offences);
}

#[test]
fn only_one_file_asks_which_database_it_is() {
    let mut offences = Vec::new();
    for source in rust_sources() {
        let allowed = ["store/src/dialect.rs", "store/src/db.rs", "tests/tidy/sources.rs"];
        if !source.is_test() && !allowed.contains(&source.path.as_str()) {
            let asks = ["Conn::Sqlite", "Conn::Postgres", "SqliteConnection", "PgConnection"];
            for (number, line) in source.product_lines() {
                if asks.iter().any(|word| line.contains(word)) {
                    offences.push(format!("{}:{number}: {}", source.path, line.trim()));
                }
            }
        }
    }
    check("move it to store/src/dialect.rs", offences);
}

#[test]
fn sql_lives_in_the_store() {
    let mut offences = Vec::new();
    for source in rust_sources().iter().filter(|source| {
        !source.is_test()
            && !source.path.starts_with("store/")
            && !source.path.starts_with("bench/")
    }) {
        for (number, line) in source.product_lines() {
            let sql =
                ["diesel::", "sql_query", "SELECT ", "INSERT INTO ", "UPDATE ", "DELETE FROM "];
            if !line.trim_start().starts_with("//") && sql.iter().any(|word| line.contains(word)) {
                offences.push(format!("{}:{number}: {}", source.path, line.trim()));
            }
        }
    }
    check("move it to the store", offences);
}

/// Ways to register a handler past `routes`, where each says who may use it.
const UNDECLARED: [&str; 10] = [
    ".route(",
    "web::get(",
    "web::post(",
    "web::put(",
    "web::delete(",
    "web::patch(",
    "web::route(",
    "web::resource(",
    "web::scope(",
    ".default_service(",
];

fn undeclared(source: &Source) -> Vec<String> {
    let lines = source.product_lines().filter(|(_, line)| {
        !line.trim_start().starts_with("//") && UNDECLARED.iter().any(|way| line.contains(way))
    });
    lines.map(|(number, line)| format!("{}:{number}: {}", source.path, line.trim())).collect()
}

#[test]
fn handlers_are_registered_with_who_may_use_them() {
    let mut offences = Vec::new();
    let elsewhere = |source: &&Source| {
        !source.is_test()
            && !source.path.starts_with("routes/")
            && !source.path.starts_with("bench/")
    };
    for source in rust_sources().iter().filter(elsewhere) {
        offences.extend(undeclared(source));
    }
    check("declare it with lianshi_routes::Routes", offences);
}

#[test]
fn an_undeclared_handler_is_found() {
    let text = "cfg.route(\"/x\", web::get().to(x));\n".to_owned();
    assert_eq!(undeclared(&Source { path: "web/src/x.rs".to_owned(), text }).len(), 1);
}
