//! Restores, and the making of a folder of a node that was there before, that end without warning
//! at every named point: the database is never taken for that of a new node, what was there before
//! is not lost on the way, and doing it again does it.

use std::{
    fs,
    os::unix::process::ExitStatusExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use lianshi_store::crash::{CRASH_AT, RESTORE_POINTS};
use support::{
    federation::{Node, publish},
    free_ports, once_more, psql, run, run_json, run_well, run_with_room,
};

const CITY: (&str, &str, &str, &str) = ("ningbo", "330200", "宁波市公共数据节点", "Ningbo node");

/// Bytes by which the largest file may grow from try to try.
const ROOM_STEP: u64 = 128 << 10;

fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/examples/division-code.toml")
}

/// Runs a command that ends at a point, passed before so often. Gives whether the point was met.
fn ends(data: &Path, arguments: &[&str], point: &str) -> bool {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rehearsed"));
    command.args(arguments).arg("--data").arg(data).env(CRASH_AT, point);
    let output = command.output().expect("the program starts");
    let signal = output.status.signal();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(signal.is_some() || output.status.success(), "{arguments:?}: {said}");
    signal.is_some()
}

fn refused(data: &Path, arguments: &[&str]) -> String {
    let output = run(data, arguments);
    assert!(!output.status.success(), "{arguments:?} was not refused");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn own_size(data: &Path) -> u64 {
    let logs = run_json(data, &["log", "list"]);
    let own = logs.as_array().expect("logs").iter().find(|log| log["own"] == true).cloned();
    own.map_or(0, |own| own["size"].as_u64().expect("a size"))
}

/// A node with a log, a backup of it with its keys, and what it said after that.
struct Scene {
    folder: tempfile::TempDir,
    node: Node,
    backup: String,
    saved: u64,
}

impl Scene {
    fn made() -> Self {
        Self::on("")
    }

    /// On a database by its URL; empty for SQLite.
    fn on(database: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let source = ["--found", "one.example", "--database", database];
        let node = Node::make((folder.path(), free_ports(3)), CITY, &source);
        run_well(&node.data, &["member", "admit", &node.application()]);
        publish(&node, &example());
        let backup = folder.path().join("backup").display().to_string();
        run_well(&node.data, &["backup", "--keys", &backup]);
        let saved = own_size(&node.data);
        publish(&node, &example());
        assert!(own_size(&node.data) > saved);
        Self { folder, node, backup, saved }
    }

    fn seal_key(&self) -> String {
        let listed = run_json(&self.node.data, &["keys", "list"]);
        let seal = listed.as_array().expect("keys").iter().find(|key| key["role"] == "seal");
        seal.expect("a seal key")["key"].as_str().expect("a key").to_owned()
    }

    fn is_restored(&self, data: &Path, point: &str) {
        assert_eq!(own_size(data), self.saved, "{point}");
        let said = refused(data, &["catalog", "publish", &example().display().to_string()]);
        assert!(said.contains("lianshi recover"), "{point}: {said}");
        assert!(!data.join("unfinished").exists(), "{point}");
    }
}

/// Says nothing new before it is restored, or after that recovered.
fn is_silent(data: &Path, point: &str) {
    let said = refused(data, &["catalog", "publish", &example().display().to_string()]);
    let is_known = said.contains("lianshi restore") || said.contains("lianshi recover");
    assert!(is_known, "{point}: {said}");
    assert!(refused(data, &["serve"]).contains("lianshi "), "{point}");
}

#[test]
fn a_restore_that_ends_early_leaves_no_new_node_on_an_empty_disk() {
    let scene = Scene::made();
    let restore = ["restore", &scene.backup, "--seal-key", &scene.seal_key()];
    // A table in the middle, too.
    let points = RESTORE_POINTS.map(|point| format!("{point}:0"));
    for point in points.iter().map(String::as_str).chain(["restore.table:9", "file.written:0"]) {
        let data = scene.folder.path().join("anew");
        assert!(ends(&data, &restore, point), "{point} is not passed");
        if data.join("node.toml").exists() {
            is_silent(&data, point);
        }
        run_well(&data, &restore);
        scene.is_restored(&data, point);
        fs::remove_dir_all(&data).expect("removed");
    }
}

#[test]
fn a_restore_that_finds_no_room_leaves_no_new_node() {
    let scene = Scene::made();
    let restore = ["restore", &scene.backup, "--seal-key", &scene.seal_key()];
    let data = scene.folder.path().join("small");
    let mut failed = 0;
    for room in (1..).map(|step| step * ROOM_STEP) {
        let output = run_with_room(&data, &restore, room);
        if output.status.success() {
            break;
        }
        failed += 1;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let is_told = said.contains("full") || said.contains("too large");
        assert!(is_told, "{room} bytes: {said}");
        if data.join("node.toml").exists() {
            is_silent(&data, &format!("{room} bytes"));
        }
        if failed % 3 == 0 {
            // Where there is room again, it is done over what was begun.
            run_well(&data, &restore);
            scene.is_restored(&data, &format!("{room} bytes"));
        }
        if data.exists() {
            fs::remove_dir_all(&data).expect("removed");
        }
    }
    assert!(failed > 3, "only {failed} tries found no room");
    scene.is_restored(&data, "room");
}

#[test]
fn a_restore_over_data_is_whole_or_nothing() {
    let scene = Scene::made();
    let data = scene.folder.path().join("over");
    let size = own_size(&scene.node.data);
    for (point, is_done) in [
        ("restore.emptied", false),
        ("restore.table", false),
        ("restore.committed", true),
        ("restore.finished", true),
    ] {
        assert!(copy(&scene.node.data, &data) > 3);
        let restore = ["restore", &scene.backup];
        assert!(refused(&data, &restore).contains("--replace"), "{point}");
        assert_eq!(own_size(&data), size, "nothing was changed");
        let point = format!("{point}:0");
        assert!(ends(&data, &["restore", "--replace", &scene.backup], &point), "{point}");
        if !is_done {
            // What was there is there, and goes on.
            assert_eq!(own_size(&data), size, "{point}");
            let more = once_more(&example()).display().to_string();
            run_well(&data, &["catalog", "publish", &more]);
            assert!(own_size(&data) > size, "{point}");
            run_well(&data, &["restore", "--replace", &scene.backup]);
        }
        scene.is_restored(&data, &point);
        fs::remove_dir_all(&data).expect("removed");
    }
}

#[test]
fn a_restore_over_data_on_postgresql_is_whole_or_nothing() {
    let cluster = std::env::var("LIANSHI_TEST_POSTGRES")
        .expect("LIANSHI_TEST_POSTGRES is not set; run the tests with tests/run");
    let name = format!("restored_{}", std::process::id());
    psql(&format!("{cluster}/postgres"), &format!("CREATE DATABASE {name}"));
    let scene = Scene::on(&format!("{cluster}/{name}"));
    let data = &scene.node.data;
    let restore = ["restore", "--replace", &scene.backup];
    for point in ["restore.emptied:0", "restore.table:0", "restore.table:9"] {
        let size = own_size(data);
        assert!(ends(data, &restore, point), "{point}");
        // What was there is there, and goes on.
        assert_eq!(own_size(data), size, "{point}");
        run_well(data, &["catalog", "publish", &once_more(&example()).display().to_string()]);
        assert!(own_size(data) > size, "{point}");
    }
    for point in ["restore.committed:0", "restore.finished:0"] {
        assert!(ends(data, &restore, point), "{point}");
        scene.is_restored(data, point);
    }
    run_well(data, &restore);
    scene.is_restored(data, "whole");
}

/// Copies a folder; gives how many files.
fn copy(from: &Path, to: &Path) -> usize {
    let status = Command::new("cp").arg("-a").arg(from).arg(to).status().expect("cp");
    assert!(status.success());
    fs::read_dir(to).expect("copied").count()
}

#[test]
fn a_folder_made_for_a_node_that_returns_is_never_that_of_a_new_one_and_takes_a_backup() {
    let scene = Scene::made();
    let charter = scene.node.data.join("charter.toml").display().to_string();
    let keys = scene.node.data.join("keys").display().to_string();
    let port = scene.node.url.rsplit_once(':').expect("a port").1.to_owned();
    let rejoin = [
        ["init", "--name", CITY.0, "--division", CITY.1].as_slice(),
        &["--name-zh", CITY.2, "--name-en", CITY.3, "--base-port", &port],
        &["--charter", &charter, "--rejoin", &keys],
    ];
    let rejoin = rejoin.concat();
    let data = scene.folder.path().join("rejoined");
    for point in ["return.marked:0", "commit.before:0", "commit.after:0", "commit.before:1"] {
        assert!(ends(&data, &rejoin, point), "{point} is not passed");
        if data.join("node.toml").exists() {
            is_silent(&data, point);
            // As the instructions say: a backup of it goes into the folder that was made.
            run_well(&data, &["restore", &scene.backup]);
            scene.is_restored(&data, point);
        } else {
            assert!(refused(&data, &["log", "list"]).contains("lianshi init"), "{point}");
        }
        fs::remove_dir_all(&data).expect("removed");
    }
    run_well(&data, &rejoin);
    is_silent(&data, "whole");
    run_well(&data, &["restore", &scene.backup]);
    scene.is_restored(&data, "whole");
}
