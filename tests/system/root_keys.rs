//! A root authority whose keys are replaced or stolen: they stand in the charter, so the next
//! charter says what holds. Every node reads it, and no member is lost.

use std::{fs, path::Path};

use serde_json::Value;
use support::{
    Process,
    federation::{Federation, Node, publish},
    free_ports, run, run_json, run_well, wait_for,
};

/// How long news may take to reach everybody, with room for a loaded test machine.
const ARRIVES_SECONDS: u64 = 60;

fn example() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/examples/division-code.toml")
}

/// The members as a node knows them: name, status, log, and the roles of the keys they used before.
fn members(node: &Node) -> Value {
    let members = run_json(&node.data, &["member", "list"]);
    let members = members.as_array().expect("a list").iter();
    let told = members.map(|one| {
        let retired = one["past"]["retired"].as_array().cloned().unwrap_or_default();
        let roles: Vec<Value> = retired.into_iter().map(|key| key["role"].clone()).collect();
        serde_json::json!([one["node"], one["status"], one["origin"], roles])
    });
    told.collect()
}

/// Waits until every node knows these members, and the newest product of one of them.
async fn agree(nodes: [&Node; 3], expected: &Value, products: u64) {
    let client = reqwest::Client::new();
    wait_for(&format!("all to know {expected}"), ARRIVES_SECONDS, || async {
        for node in nodes {
            if members(node) != *expected || node.count(&client, "").await? != products {
                return None;
            }
        }
        Some(())
    })
    .await;
    for node in nodes {
        assert_eq!(run_json(&node.data, &["log", "forks"]), Value::Array(Vec::new()));
    }
}

/// Gives every node the charter in which the block of the one root authority is this.
fn hand_out(nodes: [&Node; 3], block: &str) {
    for node in nodes {
        let file = node.data.join("charter.toml");
        let charter = fs::read_to_string(&file).expect("a charter");
        let head = charter.split("[[root]]").next().expect("what comes before");
        fs::write(&file, format!("{head}{block}\n")).expect("written");
    }
}

fn stop(federation: &mut Federation) {
    federation.ningbo.kill();
    federation.yinzhou.kill();
    federation.haishu.kill();
}

#[tokio::test]
async fn a_root_authority_replaces_its_keys_and_stays_who_it_is() {
    let mut federation = Federation::found("");
    federation.start().await;
    publish(&federation.yinzhou, &example());
    for role in ["seal", "witness", "identity"] {
        run_well(&federation.ningbo.data, &["keys", "rotate", role]);
    }
    let block = run_well(&federation.ningbo.data, &["member", "root"]);
    stop(&mut federation);
    hand_out([&federation.ningbo, &federation.yinzhou, &federation.haishu], &block);
    federation.yinzhou.start().await;
    federation.haishu.start().await;
    // Who only reads the charter knows the root authority still, by what it said of itself before.
    let known = |roles: &[&str]| {
        serde_json::json!([
            ["haishu", "active", "ningbo.example/haishu/1", []],
            ["ningbo", "active", "ningbo.example/ningbo/1", roles],
            ["yinzhou", "active", "ningbo.example/yinzhou/1", []],
        ])
    };
    assert_eq!(members(&federation.yinzhou), known(&[]));
    federation.ningbo.start().await;
    let renewed = federation.ningbo.application();
    run_well(&federation.ningbo.data, &["member", "admit", &renewed]);
    publish(&federation.yinzhou, &example());
    let nodes = [&federation.ningbo, &federation.yinzhou, &federation.haishu];
    agree(nodes, &known(&["identity", "witness", "seal"]), 2).await;
}

#[tokio::test]
async fn a_root_authority_whose_log_key_was_stolen_goes_on_and_the_thief_does_not() {
    let mut federation = Federation::found("");
    federation.start().await;
    publish(&federation.yinzhou, &example());
    let all = [&federation.ningbo, &federation.yinzhou, &federation.haishu];
    let known = |generation: u32, yinzhou: &str, roles: &[&str]| {
        let root = format!("ningbo.example/ningbo/{generation}");
        serde_json::json!([
            ["haishu", "active", "ningbo.example/haishu/1", []],
            ["ningbo", "active", root, roles],
            ["yinzhou", yinzhou, "ningbo.example/yinzhou/1", []],
        ])
    };
    agree(all, &known(1, "active", &[]), 1).await;
    let logs = run_json(&federation.ningbo.data, &["log", "list"]);
    let own = logs.as_array().expect("logs").iter().find(|log| log["own"] == true);
    let honest = own.expect("its own")["size"].to_string();

    // Whoever has the key throws a member out.
    let thief = ["member", "withdraw", "yinzhou", "--reason", "试验"];
    run_well(&federation.ningbo.data, &thief);
    wait_for("haishu to believe it", ARRIVES_SECONDS, || async {
        (members(&federation.haishu) == known(1, "withdrawn", &[])).then_some(())
    })
    .await;

    stop(&mut federation);
    let (data, port) = (federation.ningbo.data.clone(), federation.ningbo.url.clone());
    let stolen = data.with_file_name("stolen");
    fs::rename(&data, &stolen).expect("moved");
    let charter = stolen.join("charter.toml").display().to_string();
    let port = port.rsplit_once(':').expect("a port").1;
    let anew = [
        ["init", "--name", "ningbo", "--division", "330200"].as_slice(),
        &["--name-zh", "宁波市公共数据节点", "--name-en", "Ningbo node"],
        &["--base-port", port, "--charter", &charter, "--generation", "2"],
    ];
    run_well(&data, &anew.concat());
    let unsaid = run(&data, &["member", "root"]);
    assert!(String::from_utf8_lossy(&unsaid.stderr).contains("--until"), "{unsaid:?}");
    let block = run_well(&data, &["member", "root", "--until", &honest]);
    hand_out([&federation.ningbo, &federation.yinzhou, &federation.haishu], &block);
    federation.yinzhou.start().await;
    federation.haishu.start().await;
    run_well(&data, &["recover", "--from", &federation.yinzhou.url]);
    run_well(&data, &["member", "admit", &federation.ningbo.application()]);
    federation.ningbo.start().await;
    publish(&federation.yinzhou, &example());
    let nodes = [&federation.ningbo, &federation.yinzhou, &federation.haishu];
    agree(nodes, &known(2, "active", &["identity", "log", "witness", "seal"]), 2).await;

    // The thief goes on with what it has, linked to whoever lets it, and nobody listens.
    let free = free_ports(3);
    let first: u16 = port.parse().expect("a number");
    let file = stolen.join("node.toml");
    let moved = (0..3).fold(fs::read_to_string(&file).expect("a configuration"), |text, place| {
        text.replace(&(first + place).to_string(), &(free + place).to_string())
    });
    fs::write(&file, moved).expect("written");
    run_well(&stolen, &["member", "withdraw", "haishu", "--reason", "试验"]);
    let ops = format!("http://127.0.0.1:{}/readyz", free + 1);
    let arguments = ["serve", "--data", &stolen.display().to_string()];
    let served = Process::start(&arguments, &stolen.join("serve.log"));
    wait_for("the thief to serve", ARRIVES_SECONDS, || async {
        reqwest::get(&ops).await.ok()?.status().is_success().then_some(())
    })
    .await;
    let suspend = ["member", "suspend", "haishu", "--reason", "试验"];
    run_well(&data, &suspend);
    wait_for("the others to hear the root authority", ARRIVES_SECONDS, || async {
        members(&federation.yinzhou)[0][1].eq("suspended").then_some(())
    })
    .await;
    assert_eq!(members(&federation.yinzhou)[2][1], "active");
    served.kill();
}
