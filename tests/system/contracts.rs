//! What a node that was restored does with its contracts: nothing, before the other side told it
//! what was said since.

use std::path::PathBuf;

use serde_json::{Value, json};
use support::{demo::Demo, run_json, run_well, wait_for};

/// The longest a restored node may take to be told.
const TOLD_SECONDS: u64 = 60;

/// What a call of the demo's subscription is answered with: its status, and the code of a refusal.
async fn call(demo: &Demo, key: &str) -> (u16, String) {
    let answer = demo.door().call(&reqwest::Client::new(), key).await.expect("an answer");
    let status = answer.status().as_u16();
    let told: Value = answer.json().await.unwrap_or_default();
    (status, told["code"].as_str().unwrap_or_default().to_owned())
}

/// State of the demo's subscription as the enterprise's node holds it.
async fn state_at_home(demo: &Demo) -> String {
    let (_, _, token) = demo.account("haishu", "buyer");
    let url = home_url(demo, "");
    let answer = reqwest::Client::new().get(url).bearer_auth(token).send().await.expect("asked");
    let told: Value = answer.json().await.expect("JSON");
    told["state"].as_str().unwrap_or_else(|| panic!("no state in {told}")).to_owned()
}

fn home_url(demo: &Demo, path: &str) -> String {
    let id = demo.subscription("id");
    format!("{}/api/v1/subscriptions/{id}{path}", demo.node("haishu", "web"))
}

async fn end_at_home(demo: &Demo) {
    let (_, _, token) = demo.account("haishu", "buyer");
    let request = reqwest::Client::new().post(home_url(demo, "/end")).bearer_auth(token);
    let answer = request.json(&json!({ "reason": "no longer needed" })).send().await;
    let status = answer.expect("an answer").status();
    assert!(status.is_success(), "{status}");
}

/// Size of a node's own log, as it or another node holds it.
fn size_of(demo: &Demo, name: &str, holder: &str) -> u64 {
    let logs = run_json(&demo.data.join(holder), &["log", "list"]);
    let log = format!("ningbo.example/{name}/1");
    let logs = logs.as_array().expect("logs");
    let held = logs.iter().find(|held| held["origin"] == log.as_str());
    held.and_then(|held| held["size"].as_u64()).unwrap_or(0)
}

/// Everything ends without warning, when the others hold what the node signed; it is put back to
/// its backup and recovers its logs from them.
async fn put_back(demo: &mut Demo, name: &str, backup: &str) -> PathBuf {
    let is_held = |demo: &Demo| size_of(demo, name, "ningbo") == size_of(demo, name, name);
    loop {
        let held = || std::future::ready(is_held(demo).then_some(()));
        wait_for("the others to hold its log", 30, held).await;
        demo.kill();
        // It may have said something in that moment.
        if is_held(demo) {
            break;
        }
        demo.resume(&[]).await;
    }
    let data = demo.data.join(name);
    run_well(&data, &["restore", backup, "--replace"]);
    let others: Vec<&str> =
        ["ningbo", "yinzhou", "haishu"].into_iter().filter(|other| *other != name).collect();
    demo.resume(&["--nodes", &others.join(",")]).await;
    run_well(&data, &["recover"]);
    demo.signal("TERM");
    assert!(demo.ended_well(60).await);
    data
}

#[tokio::test]
async fn a_restored_node_is_told_that_a_contract_was_ended_before_it_does_anything() {
    let mut demo = Demo::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let backup = |name: &str| folder.path().join(name).display().to_string();
    for name in ["yinzhou", "haishu"] {
        run_well(&demo.data.join(name), &["backup", &backup(name)]);
    }
    assert_eq!(call(&demo, "before").await.0, 200);
    end_at_home(&demo).await;
    wait_for("the provider to hear of it", 20, || async {
        (call(&demo, "after").await == (403, "call.subscription_ended".to_owned())).then_some(())
    })
    .await;

    let yinzhou = put_back(&mut demo, "yinzhou", &backup("yinzhou")).await;
    demo.resume(&["--nodes", "yinzhou"]).await;
    assert_eq!(call(&demo, "alone").await, (503, "call.subscription_awaited".to_owned()));
    let awaited = run_json(&yinzhou, &["status"])["awaited"].clone();
    assert_eq!(awaited, json!(["haishu", "ningbo"]));
    demo.signal("TERM");
    assert!(demo.ended_well(60).await);
    demo.resume(&[]).await;
    wait_for("the provider to be told", TOLD_SECONDS, || async {
        let (status, code) = call(&demo, "again").await;
        assert_ne!(status, 200, "a contract that was ended is served");
        (code == "call.subscription_ended").then_some(())
    })
    .await;

    let haishu = put_back(&mut demo, "haishu", &backup("haishu")).await;
    demo.resume(&[]).await;
    wait_for("the home node to be told", TOLD_SECONDS, || async {
        (state_at_home(&demo).await == "ended").then_some(())
    })
    .await;
    wait_for("nobody to be asked any more", TOLD_SECONDS, || async {
        (run_json(&haishu, &["status"])["awaited"] == json!([])).then_some(())
    })
    .await;
    assert_eq!(run_json(&haishu, &["status"])["unlike_copies"], json!([]));
}
