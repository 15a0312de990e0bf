//! Real nodes witness each other: everything is settled while enough of them live, nothing more
//! when one is missing, and a witness that was killed remembers what it signed.

use std::path::Path;

use lianshi_registry::witness::Submission;
use serde_json::Value;
use support::{
    federation::{Federation, Node, publish},
    json, run_json, wait_for,
};

/// How long a checkpoint may take to be settled everywhere, with room for a loaded test machine.
const SETTLES_SECONDS: u64 = 30;

/// What a node says of the head of yinzhou's log.
async fn head(node: &Node) -> Option<Value> {
    let url = format!("{}/api/v1/catalog/digest", node.url);
    let told = json(&reqwest::Client::new(), &url).await?;
    let heads = told["heads"].as_array()?.clone();
    heads.into_iter().find(|head| head["origin"] == "ningbo.example/yinzhou/1")
}

/// Waits until a node says this of it; gives the head.
async fn reaches(node: &Node, state: &str, more_than: u64) -> Value {
    wait_for(&format!("{} to say {state}", node.name), SETTLES_SECONDS, || async {
        let head = head(node).await?;
        let grown = head["size"].as_u64()? > more_than;
        (grown && head["state"] == state).then_some(head)
    })
    .await
}

fn publish_more(node: &Node) -> u64 {
    let before = run_json(&node.data, &["log", "list"]);
    let own = before.as_array().expect("logs").iter().find(|log| log["own"] == true).cloned();
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/examples/division-code.toml");
    publish(node, &example);
    own.map_or(0, |own| own["size"].as_u64().expect("a size"))
}

#[tokio::test]
async fn a_log_is_settled_while_its_quorum_lives_and_again_when_it_is_back() {
    let mut federation = Federation::found("");
    federation.start().await;
    let before = publish_more(&federation.yinzhou);
    for node in [&federation.yinzhou, &federation.ningbo, &federation.haishu] {
        let head = reaches(node, "settled", before).await;
        assert_eq!(head["settled_size"], head["size"]);
        assert!(head["since"].is_string());
    }

    federation.haishu.kill();
    let before = publish_more(&federation.yinzhou);
    let head = reaches(&federation.ningbo, "signed", before).await;
    assert_eq!(head["settled_size"], before, "one witness of two is no quorum");

    federation.haishu.start().await;
    reaches(&federation.yinzhou, "settled", before).await;
    reaches(&federation.haishu, "settled", before).await;
}

#[tokio::test]
async fn a_killed_witness_remembers_what_it_signed() {
    let mut federation = Federation::found("");
    federation.start().await;
    let before = publish_more(&federation.yinzhou);
    let size = reaches(&federation.haishu, "settled", before).await["size"].as_u64();
    federation.haishu.kill();
    federation.haishu.start().await;
    let note = reqwest::get(format!("{}/log/yinzhou/1/checkpoint", federation.haishu.url)).await;
    let note = note.expect("served").text().await.expect("text");
    // As if it had never cosigned anything.
    let forgetful = Submission::new(0, Vec::new(), &note).expect("a checkpoint").encode();
    let url = format!("{}/witness/add-checkpoint", federation.haishu.url);
    let answer = reqwest::Client::new().post(url).body(forgetful).send().await.expect("answered");
    assert_eq!(answer.status(), 409);
    assert_eq!(answer.headers()["content-type"], "text/x.tlog.size");
    assert_eq!(answer.text().await.expect("text"), format!("{}\n", size.expect("a size")));
}
