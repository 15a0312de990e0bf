//! The ledger, judged by Beancount and hledger: both recompute every balance of a real export, and
//! both refuse one that was changed by a fen.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use lianshi_market::{agreement::Agreement, subscription::Side};
use lianshi_node::folder::Folder;
use lianshi_registry::time::{Period, Timestamp};
use lianshi_store::{Fault, rehearsal, usage};
use support::{run_json, run_well};

/// Contracts on the stage.
const CONTRACTS: u32 = 40;

/// A name with everything that ends or begins a tag.
fn buyer_name(n: u32) -> String {
    format!("企业{n}, party: 甲; \"乙\" 100%")
}

/// A node whose books were closed for September and October.
fn closed(folder: &Path) -> PathBuf {
    let data = folder.join("data");
    let init = ["init", "--name", "yinzhou", "--name-zh", "鄞州", "--name-en", "Yinzhou"];
    let place = ["--division", "330212", "--found", "ningbo.example"];
    run_well(&data, &[init.as_slice(), &place].concat());
    let site = Folder::open(&data).expect("just made").command_site().expect("a site");
    rehearsal::stage(&site, 3).expect("staged");
    let september = Period::parse("2026-09").expect("a month");
    let agreements: Vec<_> = (0..CONTRACTS)
        .map(|n| {
            let product = rehearsal::product_number(&site, 1 + n % 3).expect("a number");
            let buyer = rehearsal::buyer(n % 7).expect("a buyer");
            let agreement = rehearsal::agreement(&site, (n, &product), buyer, september);
            Agreement { buyer_name: buyer_name(n % 7), ..agreement }
        })
        .collect();
    let written = site.db.write(|write| rehearsal::contract(write, Side::Provider, &agreements));
    written.expect("contracts");
    for (n, agreement) in (0_usize..).zip(&agreements) {
        for at in ["2026-09-30T15:59:59Z", "2026-09-30T16:00:00Z"] {
            let at = Timestamp::parse(at).expect("a time");
            let calls = vec![rehearsal::metering(agreement, "verify", at); n % 11];
            let metered = site.db.write(|write| usage::meter(write, &site.node, &calls));
            metered.map_or_else(|fault: Fault| panic!("{fault}"), |_| ());
        }
    }
    for period in ["2026-09", "2026-10"] {
        let first = run_json(&data, &["period", "close", period]);
        assert_eq!(first["repeated"], false);
        let second = run_json(&data, &["period", "close", period]);
        assert_eq!(
            (&second["repeated"], &second["result_hash"]),
            (&true.into(), &first["result_hash"])
        );
    }
    assert_eq!(run_json(&data, &["ledger", "check"])["holds"], true);
    data
}

/// The export in a file of its own.
fn exported(data: &Path, format: &str) -> PathBuf {
    let path = data.join(format!("export.{format}"));
    let name = path.to_str().expect("UTF-8");
    run_well(data, &["ledger", "export", "--format", format, "--output", name]);
    path
}

/// The same with one posting changed by a fen.
fn forged(path: &Path) -> PathBuf {
    let text = fs::read_to_string(path).expect("readable");
    let line = text
        .lines()
        .find(|line| line.trim_start().starts_with("Assets:Receivable") && line.ends_with("0 CNY"))
        .expect("a posting");
    let more = format!("{}1 CNY", line.strip_suffix("0 CNY").expect("the ending"));
    let forged = path.with_file_name("forged.journal");
    fs::write(&forged, text.replacen(line, &more, 1)).expect("written");
    forged
}

/// Whether a program accepts a file, and what it said.
fn judged(command: &mut Command) -> (bool, String) {
    let output = command.env("LC_ALL", "C.UTF-8").output().expect("the program starts");
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

#[test]
fn beancount_agrees_to_the_fen() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = exported(&closed(folder.path()), "beancount");
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.venv/bin/bean-check");
    assert!(program.exists(), "{} is missing; run tests/run outside", program.display());
    let check = |path: &Path| judged(Command::new(&program).arg(path));
    let (accepted, said) = check(&path);
    assert!(accepted, "{said}");
    assert!(fs::read_to_string(&path).expect("readable").contains("~ 0.00 CNY"));
    let (accepted, said) = check(&forged(&path));
    assert!(!accepted && said.contains("does not balance"), "{said}");
}

#[test]
fn hledger_agrees_to_the_fen() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = exported(&closed(folder.path()), "hledger");
    let check = |path: &Path| {
        let arguments = ["check", "--strict", "ordereddates"];
        judged(Command::new("hledger").arg("-f").arg(path).args(arguments))
    };
    let (accepted, said) = check(&path);
    assert!(accepted, "{said}");
    let (accepted, said) = check(&forged(&path));
    assert!(!accepted, "{said}");
}

#[test]
fn hledgers_own_tag_reader_finds_the_names_that_went_in() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = exported(&closed(folder.path()), "hledger");
    let tags = |arguments: &[&str]| {
        let (read, said) = judged(Command::new("hledger").arg("-f").arg(&path).args(arguments));
        assert!(read, "{said}");
        said
    };
    assert_eq!(tags(&["tags"]), "name\n", "names make no tags of their own");
    let said = tags(&["tags", "--values", "name"]);
    let found: Vec<String> =
        said.lines().map(|line| line.replace("%2C", ",").replace("%25", "%")).collect();
    for n in 0..7 {
        assert!(found.contains(&buyer_name(n)), "{} is not among {found:?}", buyer_name(n));
    }
}

#[test]
fn csv_sums_to_what_was_closed() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = closed(folder.path());
    let text = fs::read_to_string(exported(&data, "csv")).expect("readable");
    let fen = |amount: &str| amount.replace('.', "").parse::<i64>().expect("an amount");
    let fees: i64 = text
        .lines()
        .map(|line| line.split(',').collect::<Vec<_>>())
        .filter(|cells| cells[8] == "fee")
        .map(|cells| fen(cells[6]))
        .sum();
    let closed: i64 = ["2026-09", "2026-10"]
        .map(|period| run_json(&data, &["period", "show", period]))
        .iter()
        .map(|shown| fen(shown["total"].as_str().expect("a text")))
        .sum();
    assert!(fees > 0);
    assert_eq!(fees, closed);
}
