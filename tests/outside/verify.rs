//! `lianshi log verify` and `lianshi certificate verify` as outsiders run them: without a data
//! folder, on files alone.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use serde_json::Value;

use crate::{
    laid::{Laid, SIZES, text},
    served::Served,
    shown,
    specimen::Specimen,
    tampering,
};

fn lianshi(arguments: &[&str]) -> Output {
    Command::new(support::program())
        .args(arguments)
        .current_dir(std::env::temp_dir())
        .output()
        .expect("the program starts")
}

fn verify(log: &Laid) -> Output {
    lianshi(&["log", "verify", text(&log.files), "--policy", text(&log.policy), "--json"])
}

#[test]
fn logs_of_every_awkward_size_are_sound() {
    for size in SIZES {
        let log = Laid::new(&Specimen::new(size));
        let output = verify(&log);
        assert!(output.status.success(), "{size}: {}", String::from_utf8_lossy(&output.stderr));
        let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!((&told["sound"], &told["size"]), (&true.into(), &size.into()));
        assert_eq!(told["witnesses"].as_array().expect("a list").len(), 3);
    }
}

#[test]
fn every_kind_of_tampering_is_named_and_fails() {
    let sound = Specimen::new(tampering::SIZE);
    let mut log = Laid::new(&sound);
    for kind in tampering::all() {
        let mut tampered = sound.clone();
        (kind.apply)(&mut tampered);
        log.become_like(&tampered);
        let output = verify(&log);
        assert_eq!(output.status.code(), Some(1), "{}", kind.name);
        let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!(told["sound"], false, "{}", kind.name);
        let code = told["code"].as_str().expect("a code");
        assert!(code.starts_with("inspection.") || code.starts_with("policy."), "{code}");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains("is not a sound log"), "{}: {said}", kind.name);
    }
    log.become_like(&sound);
    assert!(verify(&log).status.success(), "sound again");
}

#[test]
fn a_key_alone_suffices_and_another_does_not() {
    let log = Laid::new(&Specimen::new(300));
    let key = fs::read_to_string(&log.vkey).expect("there");
    let files = text(&log.files);
    let output = lianshi(&["log", "verify", files, "--vkey", key.trim()]);
    assert!(output.status.success());
    assert!(String::from_utf8_lossy(&output.stdout).contains("No witness was asked for"));
    let other = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
    assert!(!lianshi(&["log", "verify", files, "--vkey", other]).status.success());
    assert_eq!(lianshi(&["log", "verify", files]).status.code(), Some(2));
}

#[test]
fn a_policy_that_allows_a_split_view_is_refused_unless_that_is_wanted() {
    let log = Laid::new(&Specimen::new(3));
    let policy = fs::read_to_string(&log.policy).expect("there");
    let weak = policy.replace(" 2 ningbo", " 1 ningbo");
    assert_ne!(weak, policy);
    fs::write(&log.policy, weak).expect("written");
    let refused = verify(&log);
    assert!(!refused.status.success());
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("2·1 − 3 = -1 is not above 0"), "{said}");
    let (files, file) = (text(&log.files), text(&log.policy));
    let wanted = lianshi(&["log", "verify", files, "--policy", file, "--unwitnessed"]);
    assert!(wanted.status.success());
    fs::write(&log.policy, policy).expect("written");
    let careful = lianshi(&["log", "verify", files, "--policy", file, "--dishonest", "1"]);
    assert!(!careful.status.success());
    assert!(String::from_utf8_lossy(&careful.stderr).contains("2·2 − 3 = 1 is not above 1"));
}

/// What `lianshi certificate verify` says of a file.
fn certificate(file: &Path, policy: &Path) -> (bool, Value) {
    let output =
        lianshi(&["certificate", "verify", text(file), "--policy", text(policy), "--json"]);
    (output.status.success(), serde_json::from_slice(&output.stdout).expect("JSON"))
}

#[tokio::test]
async fn what_the_page_shows_is_what_the_command_line_prints_and_can_be_pasted() {
    let served = Served::start().await;
    let program = support::program();
    let programs = Path::new(&program).parent().expect("a folder");
    for log in &served.logs {
        let page = shown::page(&log.url).await;
        let printed = |file: &Path| fs::read_to_string(file).expect("there").trim().to_owned();
        assert_eq!(shown::element(&page, "vkey"), printed(&log.vkey));
        assert_eq!(shown::element(&page, "policy").trim(), printed(&log.policy));
        let commands = shown::commands(&page, "lianshi");
        shown::succeeded(&shown::paste(&commands, programs), &commands);
        let of_another = commands.replace("/log/", "/nothing/");
        assert!(!shown::paste(&of_another, programs).status.success(), "{of_another}");
    }
}

#[tokio::test]
async fn the_logs_replicas_and_certificates_of_the_running_demo_are_settled() {
    let served = Served::start().await;
    assert_eq!(served.logs.len(), 9, "three nodes, each with three logs");
    for log in &served.logs {
        let output = lianshi(&["log", "verify", &log.url, "--policy", text(&log.policy), "--json"]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!((&told["settled"], &told["unknown_entries"]), (&true.into(), &0.into()));
    }
    let (file, policy) = &served.certificates[0];
    let (valid, told) = certificate(file, policy);
    assert!(valid, "{told}");
    assert_eq!((&told["verdict"], &told["settled"]), (&"valid".into(), &true.into()));
    assert!(told["sentence"]["zh"].as_str().expect("a text").starts_with("凭证有效"));
    assert!(told["cannot_say"]["en"].as_str().expect("a text").contains("A proof cannot say"));
    assert_eq!(told["may_speak"], "not_judged");
    let data = served.demo.data.join("haishu");
    let arguments = ["certificate", "verify", text(file), "--policy", text(policy), "--json"];
    let output = lianshi(&[&arguments[..], &["--data", text(&data)]].concat());
    let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((output.status.success(), &told["may_speak"]), (true, &"yes".into()), "{told}");
    let other = served.logs.iter().find(|log| log.policy != *policy).expect("another log");
    let (valid, told) = certificate(file, &other.policy);
    assert!(!valid);
    assert_eq!(
        (&told["verdict"], &told["code"]),
        (&"refused".into(), &"policy.log_unknown".into())
    );

    let whole = fs::read_to_string(file).expect("there");
    let changed = file.with_extension("changed");
    let refused = |text: String, code: &str| {
        fs::write(&changed, text).expect("written");
        let (valid, told) = certificate(&changed, policy);
        assert!(!valid && told["code"] == code, "{code}: {told}");
    };
    refused(whole.replace("index ", "index 1"), "certificate.not_included");
    refused(whole.replace("extra ", "extra A"), "certificate.file_malformed");
    refused(whole.lines().take(9).collect(), "certificate.file_malformed");
    let witness = whole.lines().rfind(|line| line.contains("/witness ")).expect("cosigned");
    refused(whole.replace(&format!("{witness}\n"), ""), "policy.quorum_missed");
}
