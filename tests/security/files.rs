//! What lies on the disk: nobody but its owner reads it, whatever the mask of the shell is, and the
//! program works with nothing that others may look into.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use support::{demo::Demo, program, run, run_well};

/// Every file and folder below a folder, and the folder itself.
fn below(folder: &Path) -> Vec<PathBuf> {
    let mut all = vec![folder.to_owned()];
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() { all.extend(below(&path)) } else { all.push(path) }
    }
    all
}

/// Those that others have any right to. A file may go while a node works.
fn open(paths: &[PathBuf]) -> Vec<&PathBuf> {
    let is_open = |path: &&PathBuf| {
        fs::metadata(path).is_ok_and(|found| found.permissions().mode() & 0o077 != 0)
    };
    paths.iter().filter(is_open).collect()
}

/// Runs the program from a shell that takes no right from anybody.
fn run_unmasked(data: &Path, arguments: &[&str]) -> Output {
    let output = Command::new("sh")
        .args(["-c", "umask 0; exec \"$0\" \"$@\""])
        .arg(program())
        .args(arguments)
        .arg("--data")
        .arg(data)
        .output()
        .expect("sh");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {said}");
    output
}

#[tokio::test]
async fn everything_a_running_demo_wrote_is_its_owners_alone() {
    let demo = Demo::shared().await;
    let mut all = below(&demo.data);
    // Written by this test's shell, not by the program.
    all.retain(|path| path.file_name().is_none_or(|name| name != "demo.log"));
    assert_eq!(open(&all), Vec::<&PathBuf>::new());
    for name in ["demo.json", "haishu/node.toml", "haishu/node.sqlite", "haishu/node.sqlite-wal"] {
        assert!(all.contains(&demo.data.join(name)), "{name} was looked at");
    }
}

#[tokio::test]
async fn what_a_command_writes_elsewhere_is_its_owners_alone_without_any_mask() {
    let demo = Demo::shared().await;
    let data = demo.data.join("haishu");
    let out = tempfile::tempdir().expect("a folder");
    let at = |name: &str| out.path().join(name).display().to_string();
    run_unmasked(&data, &["backup", &at("backup"), "--keys"]);
    run_unmasked(&data, &["ledger", "export", "--format", "csv", "--output", &at("ledger.csv")]);
    let (log, copy) = (demo.node("haishu", "log_origin"), at("log"));
    run_unmasked(&data, &["log", "export", &log, &copy]);
    let product = demo.subscription("product");
    run_unmasked(&data, &["certificate", "export", &product, "-o", &at("certificate")]);
    let mut all = below(out.path());
    // This folder is the test's own.
    all.retain(|path| path != out.path());
    assert_eq!(open(&all), Vec::<&PathBuf>::new());
    for name in ["backup/keys/log.key", "backup/tables/users.jsonl", "ledger.csv", "log/checkpoint"]
    {
        assert!(all.contains(&out.path().join(name)), "{name} was looked at");
    }
}

#[test]
fn a_folder_that_others_may_look_into_is_refused_with_the_command_that_closes_it() {
    let base = tempfile::tempdir().expect("a folder");
    let data = base.path().join("node");
    let names = ["--name", "haishu", "--name-zh", "海曙", "--name-en", "Haishu"];
    let place = ["--division", "330203", "--found", "ningbo.example"];
    run_unmasked(&data, &[&["init"][..], &names, &place].concat());
    run_unmasked(&data, &["member", "admit", &data.join("application.toml").display().to_string()]);
    assert_eq!(open(&below(&data)), Vec::<&PathBuf>::new());
    for (name, mode) in [("", 0o755), ("keys", 0o750), ("node.toml", 0o644), ("node.sqlite", 0o604)]
    {
        let path = data.join(name);
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("opened");
        let refused = run(&data, &["status"]);
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success(), "{name} is open to others");
        let (_, command) = said.split_once("try again: ").expect("a command");
        let mended = Command::new("sh").args(["-c", command]).status().expect("sh");
        assert!(mended.success(), "{command}");
        run_well(&data, &["status"]);
    }
}
