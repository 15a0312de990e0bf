//! The proof of the trail: backups that somebody wrote to, and a trail that somebody cut. What was
//! changed is told, and nothing of it comes back.

use std::{
    fs,
    net::{IpAddr, Ipv4Addr},
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

use serde_json::Value;
use sha2::{Digest as _, Sha256};
use support::{alter, demo::Demo, run, run_json, run_well};
use tempfile::TempDir;

/// A backup of a demo's node, and a folder with its keys and nothing else to restore it in.
struct Saved {
    folder: TempDir,
    backup: PathBuf,
    target: PathBuf,
}

impl Saved {
    async fn of(node: &str) -> Self {
        let demo = Demo::shared().await;
        let data = demo.data.join(node);
        let folder = tempfile::tempdir().expect("a folder");
        let (backup, target) = (folder.path().join("backup"), folder.path().join("target"));
        run_well(&data, &["backup", &backup.display().to_string()]);
        let mut private = fs::DirBuilder::new();
        private.recursive(true).mode(0o700).create(target.join("keys")).expect("a folder");
        for role in ["identity", "log", "witness", "seal"] {
            let name = format!("keys/{role}.key");
            fs::copy(data.join(&name), target.join(&name)).expect("copied");
        }
        Self { folder, backup, target }
    }

    fn dir(&self) -> String {
        self.backup.display().to_string()
    }

    /// What `restore` and `backup verify` say; both must refuse.
    fn refused(&self) -> String {
        let dir = self.dir();
        let mut said = Vec::new();
        for arguments in [["backup", "verify", &dir].as_slice(), &["restore", &dir]] {
            let output = run(&self.target, arguments);
            assert!(!output.status.success(), "{arguments:?} was not refused");
            said.push(String::from_utf8_lossy(&output.stderr).into_owned());
        }
        assert!(!self.target.join("node.sqlite").exists(), "nothing is begun: {said:?}");
        assert!(!self.target.join("node.toml").exists(), "nothing is placed: {said:?}");
        said.concat()
    }

    fn manifest(&self) -> Value {
        let text = fs::read_to_string(self.backup.join("backup.json")).expect("a manifest");
        serde_json::from_str(&text).expect("JSON")
    }

    fn put_manifest(&self, manifest: &Value) {
        let text = serde_json::to_vec_pretty(manifest).expect("JSON");
        fs::write(self.backup.join("backup.json"), text).expect("written");
    }

    /// Changes a table's file and makes the manifest fit again, as anyone can.
    fn rewrite(&self, table: &str, change: impl Fn(&str) -> String) {
        let path = self.backup.join(format!("tables/{table}.jsonl"));
        let text = change(&fs::read_to_string(&path).expect("a table"));
        fs::write(&path, &text).expect("written");
        let mut manifest = self.manifest();
        let tables = manifest["database"]["tables"].as_array_mut().expect("tables");
        let row = tables.iter_mut().find(|row| row["name"] == table).expect("the table");
        row["rows"] = text.lines().count().into();
        row["sha256"] = hex::encode(Sha256::digest(&text)).into();
        self.put_manifest(&manifest);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_planted_administrator_is_not_restored() {
    let saved = Saved::of("yinzhou").await;
    let whole = run_json(&saved.target, &["backup", "verify", &saved.dir()]);
    assert_eq!(whole["whole"], true, "as it was made: {whole}");
    saved.rewrite("user_roles", |text| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let provider =
            lines.iter().find(|line| line.contains("provider")).expect("a provider").clone();
        lines.push(provider.replace("\"provider\"", "\"node_admin\""));
        lines.join("\n") + "\n"
    });
    let said = saved.refused();
    assert!(said.contains("backup.json is not what was sealed"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_left_out_is_missed() {
    let saved = Saved::of("yinzhou").await;
    let mut manifest = saved.manifest();
    let tables = manifest["database"]["tables"].as_array_mut().expect("tables");
    tables.retain(|table| table["name"] != "audit_rows");
    saved.put_manifest(&manifest);
    fs::remove_file(saved.backup.join("tables/audit_rows.jsonl")).expect("removed");
    let said = saved.refused();
    assert!(said.contains("not what was sealed"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_or_a_setting_changed_beside_the_manifest_is_told() {
    let saved = Saved::of("yinzhou").await;
    let settings = saved.backup.join("node.toml");
    let text = fs::read_to_string(&settings).expect("settings");
    fs::write(&settings, format!("{text}# anyone\n")).expect("written");
    let said = saved.refused();
    assert!(said.contains("node.toml is not what was saved"), "{said}");
    fs::write(&settings, text).expect("written");
    let path = saved.backup.join("tables/users.jsonl");
    let text = fs::read_to_string(&path).expect("users");
    fs::write(&path, text.replacen("false", "true", 1) + "\n").expect("written");
    let said = saved.refused();
    assert!(said.contains("users.jsonl is not what was saved"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_comes_with_the_backup_proves_nothing() {
    let demo = Demo::shared().await;
    let mut saved = Saved::of("yinzhou").await;
    // Another node's seal, which is a good seal of somebody else.
    let foreign = saved.folder.path().join("foreign");
    run_well(&demo.data.join("haishu"), &["backup", &foreign.display().to_string()]);
    fs::copy(foreign.join("backup.seal"), saved.backup.join("backup.seal")).expect("copied");
    let said = saved.refused();
    assert!(said.contains("not sealed with the key"), "{said}");
    // Nor does a whole backup of somebody else, with its keys.
    saved.backup = saved.folder.path().join("whole");
    run_well(&demo.data.join("haishu"), &["backup", &saved.dir(), "--keys"]);
    let said = saved.refused();
    assert!(said.contains("not sealed with the key"), "{said}");
    // And where no key is known, one has to be named.
    fs::remove_dir_all(saved.target.join("keys")).expect("removed");
    let said = saved.refused();
    assert!(said.contains("--seal-key"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_rows_cut_off_a_restored_trail_contradict_the_seal_that_is_named() {
    let saved = Saved::of("yinzhou").await;
    run_well(&saved.target, &["restore", &saved.dir()]);
    let whole = run_json(&saved.target, &["audit", "verify"]);
    assert_eq!(whole["whole"], true, "{whole}");
    let seal = &whole["newest_seal"];
    assert!(seal["rows"].as_i64().is_some_and(|rows| rows > 0), "{whole}");
    // What came after the newest seal is proved by the next one; fifty rows before it are gone too.
    let unsealed = whole["unsealed_rows"].as_u64().expect("a number");
    cut(&saved.target, unsealed + 50);
    let output = run(&saved.target, &["audit", "verify", "--json"]);
    assert!(!output.status.success(), "it is not whole");
    let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((&told["whole"], &told["first_broken_row"]), (&false.into(), &Value::Null));
    let contradicted = &told["contradicted_seal"];
    assert!(contradicted["index"].is_u64(), "{told}");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains(&format!("entry {} of the own log", contradicted["index"])), "{said}");
}

/// Rows of a running node's trail, as its file has them.
fn told(data: &Path, action: &str) -> Vec<String> {
    let script = r#"
import sqlite3, sys
rows = sqlite3.connect(sys.argv[1], timeout=60).execute("""
    SELECT actor, object, outcome, after, COALESCE(address, '') FROM audit_rows
    LEFT JOIN audit_addresses ON after LIKE mark || '%' WHERE action = ? ORDER BY seq""",
    (sys.argv[2],))
for row in rows:
    print(*row, sep='|')
"#;
    let output = std::process::Command::new("python3")
        .args(["-c", script])
        .arg(data.join("node.sqlite"))
        .arg(action)
        .output()
        .expect("python3 runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_was_refused_and_from_where_is_in_the_trail_and_does_not_fill_it() {
    // A node of its own, and an address: what other tests are refused meanwhile takes the rows that
    // a node keeps of a minute.
    let demo = Demo::start().await;
    let own = Ipv4Addr::new(127, 0, 0, 77);
    let client = reqwest::Client::builder().local_address(IpAddr::V4(own)).build().expect("built");
    let (_, _, token) = demo.account("haishu", "buyer");
    let web = demo.node("haishu", "web");
    let issued = format!("{web}/api/v1/statements?side=issued");
    for _ in 0..50 {
        let answer = client.get(&issued).bearer_auth(&token).send().await.expect("answered");
        assert_eq!(answer.status(), 403);
        let answer = client.get(&issued).bearer_auth("lt_none").send().await.expect("answered");
        assert_eq!(answer.status(), 401);
    }
    let data = demo.data.join("haishu");
    let rows = told(&data, "access.api");
    let of = |outcome: &str| -> Vec<&String> {
        let object = format!("|GET /api/v1/statements|{outcome}|A-");
        let told = |row: &&String| row.contains(&object) && row.ends_with(&format!("|{own}"));
        rows.iter().filter(told).collect()
    };
    for (outcome, actor) in [("web.forbidden", "token "), ("web.token_unknown", "stranger|")] {
        let rows = of(outcome);
        assert!((1..=8).contains(&rows.len()), "{} rows of {outcome}", rows.len());
        assert!(rows[0].starts_with(actor), "{rows:?}");
    }
    assert_eq!(run_json(&data, &["audit", "verify"])["whole"], true);
}

fn cut(data: &Path, rows: u64) {
    let last = "(SELECT MAX(seq) FROM audit_rows)";
    let sql = format!("DELETE FROM audit_rows WHERE seq > {last} - {rows}");
    alter(&data.join("node.sqlite"), &sql);
}
