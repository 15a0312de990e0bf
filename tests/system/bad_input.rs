//! Every input gets a clear answer and nothing is lost: wrong folders, ports, locks, keys and
//! files.

use std::{
    fs,
    net::TcpListener,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Output,
};

use support::{
    alter,
    federation::{Federation, publish},
    program, run, run_json,
};

fn refusal(output: &Output) -> String {
    assert!(!output.status.success(), "it should have been refused");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn example() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/examples/division-code.toml")
}

#[test]
fn a_folder_that_is_none_says_how_to_make_one() {
    let folder = tempfile::tempdir().unwrap();
    let said = refusal(&run(&folder.path().join("nowhere"), &["audit", "verify"]));
    assert!(said.contains("lianshi init"), "{said}");
}

#[test]
fn a_second_init_in_the_same_folder_is_refused() {
    let federation = Federation::found("");
    let again = run(
        &federation.ningbo.data,
        &[
            "init",
            "--name",
            "ningbo",
            "--division",
            "330200",
            "--name-zh",
            "x",
            "--name-en",
            "x",
            "--found",
            "ningbo.example",
        ],
    );
    let said = refusal(&again);
    assert!(said.contains("is a data folder already"), "{said}");
}

#[test]
fn a_key_others_can_read_is_refused() {
    let federation = Federation::found("");
    let key = federation.ningbo.data.join("keys/log.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let said = refusal(&run(&federation.ningbo.data, &["audit", "verify"]));
    assert!(said.contains("chmod 600"), "{said}");
}

/// Replaces a file of a folder, keeping who may read it.
fn replace(federation: &Federation, file: &str, content: impl AsRef<[u8]>) -> PathBuf {
    let path = federation.ningbo.data.join(file);
    fs::write(&path, content).unwrap();
    path
}

#[test]
fn a_key_file_that_holds_no_key_is_named_with_what_to_do() {
    let federation = Federation::found("");
    for role in ["identity", "log", "witness", "seal"] {
        let file = format!("keys/{role}.key");
        let right = fs::read(federation.ningbo.data.join(&file)).unwrap();
        let long = "a".repeat(66);
        let contents: [&[u8]; 6] =
            [b"", b"secret", &right[..62], long.as_bytes(), &[0xff; 64], b"\0"];
        for content in contents {
            let path = replace(&federation, &file, content);
            let said = refusal(&run(&federation.ningbo.data, &["status"]));
            assert!(said.contains(&path.display().to_string()), "{said}");
            assert!(said.contains("backup of the keys"), "{said}");
        }
        let path = replace(&federation, &file, &right);
        fs::rename(&path, path.with_extension("gone")).unwrap();
        let said = refusal(&run(&federation.ningbo.data, &["status"]));
        assert!(said.contains("cannot read") && said.contains("backup of the keys"), "{said}");
        fs::rename(path.with_extension("gone"), &path).unwrap();
        run_json(&federation.ningbo.data, &["status"]);
    }
}

#[test]
fn another_log_key_than_the_one_the_log_was_begun_with_is_refused() {
    let federation = Federation::found("");
    let right = fs::read(federation.ningbo.data.join("keys/log.key")).unwrap();
    let path = replace(&federation, "keys/log.key", "ab".repeat(32));
    for command in [&["status"][..], &["serve"], &["audit", "verify"]] {
        let said = refusal(&run(&federation.ningbo.data, command));
        assert!(said.contains(&path.display().to_string()), "{said}");
        assert!(said.contains("bring that key back"), "{said}");
    }
    replace(&federation, "keys/log.key", right);
    run_json(&federation.ningbo.data, &["status"]);
}

#[test]
fn a_charter_that_is_none_or_another_federations_is_refused() {
    let federation = Federation::found("");
    let charter = fs::read_to_string(federation.ningbo.data.join("charter.toml")).unwrap();
    let refused = |content: &str, words: &str| {
        replace(&federation, "charter.toml", content);
        let said = refusal(&run(&federation.ningbo.data, &["status"]));
        assert!(said.contains("charter.toml") && said.contains(words), "{said}");
    };
    refused("", "is not a charter");
    refused("[[root]]\nlog_key = 5", "is not a charter");
    refused(&charter.replace("ningbo.example", "shaoxing.example"), "another node or federation");
    let others = Federation::found("");
    let other = fs::read_to_string(others.ningbo.data.join("charter.toml")).unwrap();
    assert_ne!(other, charter);
    refused(&other, "names another key");
    replace(&federation, "charter.toml", &charter);
    run_json(&federation.ningbo.data, &["status"]);

    let application = federation.yinzhou.data.join("application.toml").display().to_string();
    let fresh = federation.ningbo.data.join("fresh");
    let mut init = vec!["init", "--name", "beilun", "--division", "330206", "--name-zh", "x"];
    init.extend(["--name-en", "x", "--charter", &application]);
    let said = refusal(&run(&fresh, &init));
    assert!(said.contains("is not a charter") && said.contains(&application), "{said}");
    let charter = federation.ningbo.data.join("charter.toml").display().to_string();
    let said = refusal(&run(&federation.ningbo.data, &["member", "admit", &charter]));
    assert!(said.contains("is not an application") && said.contains(&charter), "{said}");
}

#[test]
fn an_entry_larger_than_any_may_be_is_refused_at_its_line() {
    let federation = Federation::found("");
    let text = fs::read_to_string(example()).unwrap();
    let field = "{ name = \"code\", label = { zh = \"代码\", en = \"Code\" }, type = \"text\", confirmed = true },\n";
    let begin = text.find("fields = [").unwrap() + "fields = [".len();
    let many: String =
        (0..400).map(|n| field.replace("\"code\"", &format!("\"code{n}\""))).collect();
    let large = federation.yinzhou.data.join("large.toml");
    fs::write(&large, format!("{}{many}{}", &text[..begin], &text[begin..])).unwrap();
    let path = large.display().to_string();
    let said = refusal(&run(&federation.yinzhou.data, &["catalog", "publish", &path]));
    assert!(said.contains("[entry.too_large]") && said.contains("line "), "{said}");
    assert_eq!(run_json(&federation.yinzhou.data, &["catalog", "list"])["total"], 0);
}

#[test]
fn a_result_that_cannot_be_printed_is_an_error_and_no_panic() {
    let federation = Federation::found("");
    let full = fs::OpenOptions::new().write(true).open("/dev/full").expect("Linux has it");
    let output = std::process::Command::new(program())
        .args(["status", "--data"])
        .arg(&federation.ningbo.data)
        .stdout(full)
        .output()
        .expect("the program starts");
    let said = refusal(&output);
    assert!(said.contains("cannot be printed") && said.contains("No space left"), "{said}");
    assert_eq!(output.status.code(), Some(1), "an error, not a panic");
}

#[tokio::test]
async fn a_second_serve_refuses_and_commands_work_beside_the_first() {
    let mut federation = Federation::found("");
    federation.yinzhou.start().await;
    let said = refusal(&run(&federation.yinzhou.data, &["serve"]));
    assert!(said.contains("another process serves"), "{said}");
    publish(&federation.yinzhou, &example());
    assert_eq!(run_json(&federation.yinzhou.data, &["audit", "verify"])["whole"], true);
}

#[test]
fn a_taken_port_is_named() {
    let federation = Federation::found("");
    let address = federation.ningbo.url.trim_start_matches("http://");
    let _taken = TcpListener::bind(address).unwrap();
    let said = refusal(&run(&federation.ningbo.data, &["serve"]));
    assert!(said.contains(address) && said.contains("another program"), "{said}");
}

#[test]
fn a_database_of_a_newer_program_is_refused() {
    let federation = Federation::found("");
    run_json(&federation.ningbo.data, &["audit", "verify"]);
    let newer = "INSERT INTO __diesel_schema_migrations (version) VALUES ('9999')";
    alter(&federation.ningbo.data.join("node.sqlite"), newer);
    let said = refusal(&run(&federation.ningbo.data, &["audit", "verify"]));
    assert!(said.contains("newer version"), "{said}");
}

#[test]
fn a_file_with_errors_publishes_nothing_and_names_every_line() {
    let federation = Federation::found("");
    let text = fs::read_to_string(example()).unwrap();
    let broken = federation.yinzhou.data.join("broken.toml");
    fs::write(&broken, text.replace("form = \"verification\"", "form = \"raw_table\"")).unwrap();
    let output =
        run(&federation.yinzhou.data, &["catalog", "publish", &broken.display().to_string()]);
    let said = refusal(&output);
    assert!(said.contains("line"), "{said}");
    let list = run_json(&federation.yinzhou.data, &["catalog", "list"]);
    assert_eq!(list["total"], 0, "{list}");
}

#[test]
fn an_edited_audit_row_is_named() {
    let federation = Federation::found("");
    publish(&federation.yinzhou, &example());
    let whole = run_json(&federation.yinzhou.data, &["audit", "verify"]);
    assert!(whole["rows"].as_i64().unwrap() > 0, "{whole}");
    let edit = "UPDATE audit_rows SET outcome = 'edited' WHERE seq = 1";
    alter(&federation.yinzhou.data.join("node.sqlite"), edit);
    let said = refusal(&run(&federation.yinzhou.data, &["audit", "verify"]));
    assert!(said.contains("row 1"), "{said}");
}
