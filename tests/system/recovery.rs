//! Real nodes that lost something: a database restored from a backup, a whole disk. They find back
//! to what they signed, contradict none of it, and go on.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
};

use lianshi_registry::witness::Submission;
use serde_json::Value;
use support::{
    federation::{Federation, Node, publish},
    json, run, run_json, run_well, wait_for,
};

/// How long something may take to be everywhere, with room for a loaded test machine.
const SPREADS_SECONDS: u64 = 30;

fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/examples/division-code.toml")
}

async fn products(node: &Node, count: u64) {
    let client = reqwest::Client::new();
    wait_for(&format!("{count} products at {}", node.name), SPREADS_SECONDS, || async {
        (node.count(&client, "").await? == count).then_some(())
    })
    .await;
}

/// Waits until the three nodes show one digest, heads of the same sizes and no fork.
async fn agree(federation: &Federation) -> Value {
    let nodes = [&federation.ningbo, &federation.yinzhou, &federation.haishu];
    let client = reqwest::Client::new();
    let agreed = wait_for("one digest everywhere", SPREADS_SECONDS, || async {
        let mut told = Vec::new();
        for node in nodes {
            told.push(json(&client, &format!("{}/api/v1/catalog/digest", node.url)).await?);
        }
        let heads = |told: &Value| -> Vec<(Value, Value)> {
            let heads = told["heads"].as_array().cloned().unwrap_or_default();
            heads.iter().map(|head| (head["origin"].clone(), head["size"].clone())).collect()
        };
        let one = told
            .iter()
            .all(|other| other["digest"] == told[0]["digest"] && heads(other) == heads(&told[0]));
        one.then(|| told[0]["digest"].clone())
    })
    .await;
    for node in nodes {
        assert_eq!(run_json(&node.data, &["log", "forks"]), Value::Array(Vec::new()));
    }
    agreed
}

/// The refusal of a command.
fn refused(node: &Node, arguments: &[&str]) -> String {
    let output = run(&node.data, arguments);
    assert!(!output.status.success(), "{arguments:?} was not refused");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn own_size(node: &Node) -> u64 {
    let logs = run_json(&node.data, &["log", "list"]);
    let own = logs.as_array().expect("logs").iter().find(|log| log["own"] == true).cloned();
    own.expect("its own")["size"].as_u64().expect("a size")
}

/// Removes the database of a node that does not run, and nothing else.
fn lose_database(node: &Node) {
    for name in ["node.sqlite", "node.sqlite-wal", "node.sqlite-shm"] {
        let file = node.data.join(name);
        assert!(fs::remove_file(&file).is_ok() || name != "node.sqlite", "{}", file.display());
    }
}

/// Somebody who answers at a node's address and knows nothing.
struct Stranger {
    address: String,
    answering: std::thread::JoinHandle<()>,
}

impl Stranger {
    fn listen(url: &str) -> Self {
        let address = url.trim_start_matches("http://").to_owned();
        let listener = TcpListener::bind(&address).expect("a free port");
        let answering = std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.expect("a connection");
                let mut asked = [0; 4096];
                let length = stream.read(&mut asked).unwrap_or(0);
                if asked.starts_with(b"GET /leave") {
                    return;
                }
                let answer = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\
                    Connection: close\r\n\r\n";
                if length > 0 {
                    let _ = stream.write_all(answer);
                }
            }
        });
        Self { address, answering }
    }

    fn leave(self) {
        let mut stream = TcpStream::connect(&self.address).expect("it listens");
        stream.write_all(b"GET /leave HTTP/1.1\r\n\r\n").expect("sent");
        self.answering.join().expect("ended");
    }
}

#[tokio::test]
async fn a_restored_node_recovers_from_its_peers_and_goes_on() {
    let mut federation = Federation::found("");
    federation.start().await;
    publish(&federation.yinzhou, &example());
    products(&federation.haishu, 1).await;
    agree(&federation).await;

    let backup = tempfile::tempdir().expect("a folder");
    let dir = backup.path().join("backup").display().to_string();
    run_well(&federation.yinzhou.data, &["backup", &dir]);
    assert!(!Path::new(&dir).join("keys").exists(), "keys are saved only when asked for");
    assert!(refused(&federation.yinzhou, &["backup", &dir]).contains("is not empty"));
    let saved = own_size(&federation.yinzhou);
    publish(&federation.yinzhou, &example());
    products(&federation.haishu, 2).await;
    let size = own_size(&federation.yinzhou);
    assert!(size > saved);
    let digest = agree(&federation).await;

    assert!(refused(&federation.yinzhou, &["restore", &dir]).contains("another process serves"));
    federation.yinzhou.kill();
    assert!(refused(&federation.yinzhou, &["restore", &dir]).contains("--replace"));
    lose_database(&federation.yinzhou);
    run_well(&federation.yinzhou.data, &["restore", &dir]);
    assert_eq!(own_size(&federation.yinzhou), saved);
    let example = example().display().to_string();
    let said = refused(&federation.yinzhou, &["catalog", "publish", &example]);
    assert!(said.contains("lianshi recover"), "{said}");

    // Served before it is recovered it signs nothing and cosigns nothing, and forks nothing.
    federation.yinzhou.start().await;
    let note = reqwest::get(format!("{}/log/ningbo/1/checkpoint", federation.ningbo.url)).await;
    let note = note.expect("served").text().await.expect("text");
    let body = Submission::new(0, Vec::new(), &note).expect("a checkpoint").encode();
    let url = format!("{}/witness/add-checkpoint", federation.yinzhou.url);
    let submit = || async {
        let sent = reqwest::Client::new().post(&url).body(body.clone()).send();
        sent.await.expect("answered").status().as_u16()
    };
    assert_eq!(submit().await, 503);
    assert!(refused(&federation.yinzhou, &["recover"]).contains("another process serves"));
    federation.yinzhou.kill();

    // A member that is away may have seen what nobody else did.
    federation.haishu.kill();
    let said = refused(&federation.yinzhou, &["recover"]);
    assert!(said.contains("haishu") && said.contains("--without"), "{said}");
    assert_eq!(own_size(&federation.yinzhou), size, "what was pulled is kept");
    assert!(refused(&federation.yinzhou, &["catalog", "publish", &example]).contains("recover"));
    // It may have cosigned before it was suspended, too; and whoever else answers there is not it.
    let suspend = ["member", "suspend", "haishu", "--reason", "away"];
    run_well(&federation.ningbo.data, &suspend);
    let elsewhere = Stranger::listen(&federation.haishu.url);
    let said = refused(&federation.yinzhou, &["recover"]);
    assert!(said.contains("haishu") && said.contains("member signed"), "{said}");
    elsewhere.leave();
    run_well(&federation.ningbo.data, &["member", "reinstate", "haishu", "--reason", "back"]);
    federation.haishu.start().await;
    let recovered = run_json(&federation.yinzhou.data, &["recover"]);
    assert_eq!(recovered["size"], size);
    // The others live on meanwhile, so their logs may have grown.
    let again = run_json(&federation.yinzhou.data, &["recover"]);
    assert_eq!(again["size"], size);
    let pulled = again["pulled"].as_object().expect("what was pulled");
    assert!(pulled.keys().all(|log| !log.contains("/yinzhou/")), "once is enough: {again}");

    federation.yinzhou.start().await;
    assert_eq!(submit().await, 409, "it knows again that it cosigned");
    assert_eq!(agree(&federation).await, digest);
    let number = publish(&federation.yinzhou, Path::new(&example));
    products(&federation.haishu, 3).await;
    agree(&federation).await;
    assert!(number.to_string().contains("2026-0000003"), "numbers are not given twice: {number}");
}

#[tokio::test]
async fn a_node_that_lost_its_disk_and_kept_its_keys_is_rebuilt_from_the_others() {
    let mut federation = Federation::found("");
    federation.start().await;
    publish(&federation.yinzhou, &example());
    products(&federation.haishu, 1).await;
    let digest = agree(&federation).await;
    let size = own_size(&federation.yinzhou);
    federation.yinzhou.kill();

    let data = federation.yinzhou.data.clone();
    let kept = tempfile::tempdir().expect("a folder");
    for role in ["identity", "log", "witness", "seal"] {
        let name = format!("{role}.key");
        fs::copy(data.join("keys").join(&name), kept.path().join(&name)).expect("kept");
    }
    fs::remove_dir_all(&data).expect("lost");
    let charter = federation.ningbo.data.join("charter.toml").display().to_string();
    let port = federation.yinzhou.url.rsplit_once(':').expect("a port").1.to_owned();
    let keys = kept.path().display().to_string();
    let arguments = [
        ["init", "--name", "yinzhou", "--division", "330212"].as_slice(),
        &["--name-zh", "鄞州区公共数据节点", "--name-en", "Yinzhou node"],
        &["--base-port", &port, "--charter", &charter, "--rejoin", &keys],
    ];
    run_well(&data, &arguments.concat());
    assert!(refused(&federation.yinzhou, &["recover"]).contains("--from URL"));
    run_well(&data, &["recover", "--from", &federation.haishu.url]);
    assert_eq!(own_size(&federation.yinzhou), size);

    federation.yinzhou.start().await;
    assert_eq!(agree(&federation).await, digest);
    publish(&federation.yinzhou, &example());
    products(&federation.haishu, 2).await;
    products(&federation.ningbo, 2).await;
    assert_ne!(agree(&federation).await, digest);
}

#[tokio::test]
async fn a_root_authority_that_lost_its_database_founds_nothing_anew() {
    let mut federation = Federation::found("");
    federation.start().await;
    publish(&federation.yinzhou, &example());
    products(&federation.ningbo, 1).await;
    let digest = agree(&federation).await;
    federation.ningbo.kill();
    lose_database(&federation.ningbo);
    assert!(refused(&federation.ningbo, &["serve"]).contains("lianshi recover"));
    assert!(refused(&federation.ningbo, &["recover"]).contains("--from URL"));
    run_well(&federation.ningbo.data, &["recover", "--from", &federation.yinzhou.url]);
    federation.ningbo.start().await;
    assert_eq!(agree(&federation).await, digest);
}

fn init_again(node: &Node, charter: &Path, more: &[&str]) {
    let charter = charter.display().to_string();
    let port = node.url.rsplit_once(':').expect("a port").1.to_owned();
    let arguments = [
        ["init", "--name", "yinzhou", "--division", "330212"].as_slice(),
        &["--name-zh", "鄞州区公共数据节点", "--name-en", "Yinzhou node"],
        &["--base-port", &port, "--charter", &charter],
        more,
    ];
    run_well(&node.data, &arguments.concat());
}

#[tokio::test]
async fn a_node_that_lost_its_keys_goes_on_in_the_next_generation() {
    let mut federation = Federation::found("");
    federation.start().await;
    publish(&federation.yinzhou, &example());
    products(&federation.haishu, 1).await;
    agree(&federation).await;
    federation.yinzhou.kill();
    fs::remove_dir_all(&federation.yinzhou.data).expect("lost");

    let charter = federation.ningbo.data.join("charter.toml");
    init_again(&federation.yinzhou, &charter, &["--generation", "2"]);
    let file = federation.yinzhou.data.join("application.toml").display().to_string();
    let said = refused(&federation.ningbo, &["member", "admit", &file]);
    assert!(said.contains("cannot be changed"), "not before it withdrew: {said}");
    run_well(&federation.ningbo.data, &["member", "withdraw", "yinzhou", "--reason", "keys lost"]);
    run_well(&federation.ningbo.data, &["member", "admit", &file]);
    let members = run_json(&federation.ningbo.data, &["member", "list"]);
    let yinzhou = members.as_array().expect("members").iter().find(|m| m["node"] == "yinzhou");
    let past = &yinzhou.expect("a member")["past"];
    assert_eq!(past["generations"][0]["admission"]["origin"], "ningbo.example/yinzhou/1");
    assert_eq!(past["retired"].as_array().expect("keys").len(), 4);

    run_well(&federation.yinzhou.data, &["recover", "--from", &federation.ningbo.url]);
    federation.yinzhou.start().await;
    let published = publish(&federation.yinzhou, &example());
    assert!(published.to_string().contains("2026-0000002"), "after those before: {published}");
    agree(&federation).await;
    let client = reqwest::Client::new();
    for node in [&federation.ningbo, &federation.yinzhou, &federation.haishu] {
        for generation in [1, 2] {
            let url = format!("{}/log/yinzhou/{generation}/checkpoint", node.url);
            let answer = client.get(url).send().await.expect("answered");
            assert_eq!(answer.status(), 200, "generation {generation} at {}", node.name);
        }
    }
    // The old product stays under its node and its number, and is stopped; the new one is listed.
    let url = format!("{}/api/v1/products?status=any", federation.haishu.url);
    let listed = json(&client, &url).await.expect("a list");
    let items = listed["items"].as_array().expect("items");
    let status = |sequence: &str| {
        let of = |item: &&Value| item["number"].as_str().is_some_and(|n| n.contains(sequence));
        let item = items.iter().find(of).expect("shown");
        assert_eq!(item["node"], "yinzhou");
        item["status"].clone()
    };
    assert_eq!(
        (status("2026-0000001"), status("2026-0000002")),
        ("stopped".into(), "listed".into())
    );
    assert_eq!(run_json(&federation.haishu.data, &["log", "forks"]), Value::Array(Vec::new()));
}

#[tokio::test]
async fn replaced_keys_take_over_when_the_root_admits_them() {
    let mut federation = Federation::found("");
    federation.start().await;
    publish(&federation.yinzhou, &example());
    products(&federation.haishu, 1).await;
    let said = refused(&federation.haishu, &["keys", "rotate", "log"]);
    assert!(said.contains("--generation"), "{said}");
    for role in ["witness", "seal", "identity"] {
        run_json(&federation.haishu.data, &["keys", "rotate", role]);
    }
    let keys = |state: &str| -> Vec<Value> {
        let listed = run_json(&federation.haishu.data, &["keys", "list"]);
        let rows = listed.as_array().expect("keys").iter();
        rows.filter(|row| row["state"] == state).map(|row| row["key"].clone()).collect()
    };
    let (old, next) = (keys("in use"), keys("next"));
    assert_eq!((old.len(), next.len()), (4, 3));
    let file = federation.haishu.data.join("application.toml").display().to_string();
    run_well(&federation.ningbo.data, &["member", "admit", &file]);
    federation.haishu.kill();
    // With a new identity key nobody lets it read that it was admitted with it.
    for role in ["witness", "seal", "identity"] {
        run_well(&federation.haishu.data, &["keys", "take", role]);
    }
    federation.haishu.start().await;
    publish(&federation.yinzhou, &example());
    products(&federation.haishu, 2).await;
    let client = reqwest::Client::new();
    let url = format!("{}/api/v1/catalog/digest", federation.yinzhou.url);
    wait_for("the log to be settled with the new witness key", SPREADS_SECONDS, || async {
        let told = json(&client, &url).await?;
        let heads = told["heads"].as_array()?;
        let own = heads.iter().find(|head| head["origin"] == "ningbo.example/yinzhou/1")?;
        (own["state"] == "settled").then_some(())
    })
    .await;
    let listed = run_json(&federation.haishu.data, &["keys", "list"]);
    let rows = listed.as_array().expect("keys");
    let of = |state: &str| rows.iter().filter(|row| row["state"] == state).count();
    assert_eq!((of("in use"), of("next"), of("replaced")), (4, 0, 3));
    assert!(next.iter().all(|key| rows.iter().any(|r| r["key"] == *key && r["state"] == "in use")));
}
