//! A demo node that shows two histories on purpose is frozen on the others, and what they publish
//! convinces somebody who was not there.

use std::{fs, path::Path, process::Command};

use support::{demo::Demo, evil_program, json, program, run_json, run_well, wait_for};

/// How long the others may take from the second signature on.
const FREEZES_SECONDS: u64 = 5;

/// Standing of a product as a node tells it.
async fn standing(client: &reqwest::Client, demo: &Demo, node: &str, number: &str) -> String {
    let url = format!("{}/api/v1/products/{number}", demo.node(node, "web"));
    let product = json(client, &url).await.expect("the product stays visible");
    product["status"].as_str().expect("a status").to_owned()
}

/// The options of `demo` in a build of the program.
fn options(program: &Path) -> String {
    let help = Command::new(program).args(["demo", "--help"]).output().expect("the program runs");
    String::from_utf8(help.stdout).expect("text")
}

#[test]
fn a_build_for_use_cannot_lie() {
    assert!(options(&evil_program()).contains("--evil"));
    let said = options(&program());
    assert!(said.contains("--fresh") && !said.contains("--evil"), "{said}");
}

#[tokio::test]
async fn a_node_that_shows_two_histories_is_frozen_within_five_seconds() {
    let demo = Demo::start_evil("haishu").await;
    let client = reqwest::Client::new();
    let products = demo.about["products"].as_array().expect("products");
    let of_evil = products.iter().find(|product| product["node"] == "haishu").expect("a product");
    let number = of_evil["number"].as_str().expect("a number");
    wait_for("haishu to sign two histories", 120, || async {
        let said = fs::read_to_string(demo.data.join("demo.log")).ok()?;
        said.contains("has signed two histories").then_some(())
    })
    .await;
    wait_for("haishu to be frozen on both others", FREEZES_SECONDS, || async {
        let ningbo = standing(&client, &demo, "ningbo", number).await;
        let yinzhou = standing(&client, &demo, "yinzhou", number).await;
        ([ningbo, yinzhou] == ["frozen", "frozen"]).then_some(())
    })
    .await;
    let page = format!("{}/federation", demo.node("yinzhou", "web"));
    let asked = client.get(page).header("accept-language", "en").send().await.expect("a page");
    let text = asked.text().await.expect("text");
    assert!(text.contains("role=\"alert\""), "no alarm on the federation page: {text}");

    let nowhere = tempfile::tempdir().expect("a folder");
    let known = run_json(&demo.data.join("ningbo"), &["log", "forks"]);
    let evidence = nowhere.path().join("evidence.json");
    fs::write(&evidence, known[0]["evidence"].to_string()).expect("written");
    let file = evidence.to_str().expect("a path");
    let vkey = demo.node("haishu", "log_vkey");
    let judged = run_well(nowhere.path(), &["log", "judge", file, "--vkey", &vkey]);
    assert!(judged.contains("no single history has both"), "{judged}");

    let others = demo.node("yinzhou", "log_vkey");
    assert!(!judge(file, &others), "evidence about another key was taken");
    let mut false_evidence = known[0]["evidence"].clone();
    false_evidence["newer"] = false_evidence["older"].clone();
    fs::write(&evidence, false_evidence.to_string()).expect("written");
    assert!(!judge(file, &vkey), "one history shown twice was taken for two");
}

fn judge(file: &str, vkey: &str) -> bool {
    let judged = Command::new(program()).args(["log", "judge", file, "--vkey", vkey]).output();
    judged.expect("the program runs").status.success()
}
