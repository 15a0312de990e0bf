//! Nodes are not upgraded on one day. What a newer program writes is kept by the others, shown as
//! awaiting a newer program, and blamed on nobody; each folds it by itself after its own upgrade,
//! and digests that cannot be compared before are equal then.

use std::path::Path;

use lianshi_node::folder::Folder;
use lianshi_registry::json;
use lianshi_store::{fold, log};
use serde_json::{Value, json};
use support::{
    federation::{Federation, Node, publish},
    next_program, run_json, wait_for,
};

/// The operator of the example, and what the newer program's entry calls it.
const OPERATOR: &str = "91330212MA2DEM0026";
const BEFORE: &str = "Yinlian Data Operations Ltd (example)";
const RENAMED: &str = "鄞州联数运营有限公司(示例)";

/// What a node tells of its catalog: the version of its fold, whether all is folded by it, and the
/// digest.
async fn told(node: &Node) -> Option<(u64, bool, String)> {
    let url = format!("{}/api/v1/catalog/digest", node.url);
    let told = support::json(&reqwest::Client::new(), &url).await?;
    let digest = told["digest"].as_str()?.to_owned();
    Some((told["fold_version"].as_u64()?, told["folded"].as_bool()?, digest))
}

async fn folded(node: &Node, version: u64) -> String {
    let what = format!("{} to fold everything by version {version}", node.name);
    wait_for(&what, 60, || async {
        let (said, whole, digest) = told(node).await?;
        (said == version && whole).then_some(digest)
    })
    .await
}

async fn page(node: &Node, path: &str) -> String {
    let asked = reqwest::Client::new().get(format!("{}{path}", node.url));
    let answer = asked.header("accept-language", "en").send().await.expect("an answer");
    answer.text().await.expect("a page")
}

/// What a node tells of its copy of yinzhou's log: entries, and those it does not fold.
fn copy(node: &Node) -> Value {
    let status = run_json(&node.data, &["status"]);
    let logs = status["logs"].as_array().expect("a list");
    let of = |log: &&Value| log["origin"] == "ningbo.example/yinzhou/1";
    let log = logs.iter().find(of).expect("yinzhou's log");
    json!({ "size": log["size"], "awaiting": log["awaiting"], "quarantined": log["quarantined"] })
}

/// Writes an entry as the newer program of a stopped node would. Gives how many its log has.
fn write_newer(node: &Node) -> u64 {
    let site = Folder::open(&node.data).expect("a folder").command_site().expect("its database");
    let entry = json!({
        "at": "2026-11-21T03:00:00Z", "by": "yinzhou", "kind": "organization.renamed", "v": 1,
        "body": { "uscc": OPERATOR, "name": { "zh": RENAMED, "en": "Renamed (example)" } },
    });
    let entries = [json::canonicalize(&entry).expect("inside the profile")];
    let held = site.db.read(|read| log::head(read, &site.origin)).expect("read").expect("own").size;
    let appended = site.db.write(|write| {
        log::extend(write, &site.origin, &entries)?;
        fold::apply(write, &site.origin, held, &fold::parse(&entries))
    });
    appended.expect("appended");
    log::publish_head(&site).expect("signed");
    held + 1
}

#[tokio::test]
async fn a_newer_entry_waits_for_every_upgrade_and_digests_become_equal() {
    let mut federation = Federation::found("");
    federation.start().await;
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/examples/division-code.toml");
    let published = publish(&federation.yinzhou, &example);
    let product = published["published"].as_array().expect("a list").iter();
    let mut product = product.filter(|one| one["kind"] == "product.registered");
    let number = product.next().expect("a product")["id"].as_str().expect("a number").to_owned();
    let product = format!("/products/{number}");
    let next = next_program();

    federation.yinzhou.kill();
    let size = write_newer(&federation.yinzhou);
    federation.yinzhou.start_program(&next).await;
    let newer = folded(&federation.yinzhou, 2).await;
    assert!(page(&federation.yinzhou, &product).await.contains("Renamed (example)"));

    let mut today = Vec::new();
    for node in [&federation.ningbo, &federation.haishu] {
        let waits = json!({ "size": size, "awaiting": 1, "quarantined": 0 });
        wait_for(&format!("{} to hold what it cannot read", node.name), 60, || async {
            (copy(node) == waits).then_some(())
        })
        .await;
        let shown = page(node, &product).await;
        assert!(shown.contains("On offer") && shown.contains(BEFORE), "{shown}");
        today.push(folded(node, 1).await);
    }
    assert_eq!(today[0], today[1]);
    assert_ne!(today[0], newer);
    let seen = page(&federation.ningbo, "/federation").await;
    for word in ["await a newer program", "organization.renamed", "catalog version 2"] {
        assert!(seen.contains(word), "`{word}` in {seen}");
    }
    assert!(!seen.contains("Quarantined entries</h2>"), "nobody is blamed: {seen}");

    federation.haishu.kill();
    federation.haishu.start_program(&next).await;
    assert_eq!(folded(&federation.haishu, 2).await, newer);
    assert_eq!(folded(&federation.ningbo, 1).await, today[0]);
    federation.ningbo.kill();
    federation.ningbo.start_program(&next).await;
    assert_eq!(folded(&federation.ningbo, 2).await, newer);
    assert!(page(&federation.ningbo, &product).await.contains("Renamed (example)"));
    assert!(!page(&federation.ningbo, "/federation").await.contains("await a newer program"));
}
