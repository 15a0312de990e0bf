//! An admitted member that writes what no program of ours would: names nobody can see or that turn
//! the direction of reading, NUL, codes of nobody, members given twice; in its log, and in letters
//! under its seal. The others keep its bytes, because the log is its word, show nothing of them,
//! say why, and go on as before; on both databases.

use std::{path::Path, sync::Arc};

use lianshi_node::{
    files::PEERS_MAX,
    folder::Folder,
    net::NetHandle,
    peer::{self, Inbound, Letters, Peers},
};
use lianshi_registry::{
    checkpoint::Checkpoint,
    entry::{ENTRY_BYTES_MAX, Entry, Fact},
    fork::Fork,
    id::{DivisionCode, NodeName, NumberKind, RegistrationNumber},
    json,
    merkle::leaf_hash,
    note::Signature,
    seal::Sealed,
    uscc,
    wire::Receipt,
};
use lianshi_store::{Site, log};
use serde_json::{Value, json};
use support::{
    federation::{Federation, Node, publish},
    run, run_json, wait_for,
};
use tokio::sync::Notify;

fn office() -> String {
    uscc::complete("91330203MA2TEQT01").expect("valid").to_string()
}

/// What the member says, with the code under which the others keep it in quarantine; empty for what
/// they fold.
fn entries() -> Vec<(&'static str, Vec<u8>)> {
    let organization = |uscc: &str, zh: &str| {
        json!({
            "at": "2026-11-21T03:00:00Z", "by": "haishu", "kind": "organization.listed", "v": 1,
            "body": {
                "uscc": uscc, "name": { "zh": zh, "en": "Office" }, "kind": "provider",
                "division": "330203",
            },
        })
    };
    let named = |zh: &str| organization(&office(), zh);
    let canonical = |value: Value| json::canonicalize(&value).expect("inside the profile");
    let raw = |value: Value| value.to_string().into_bytes();
    let twice = String::from_utf8(raw(named("双"))).expect("text");
    let twice = twice.replacen("\"by\":\"haishu\"", "\"by\":\"haishu\",\"by\":\"ningbo\"", 1);
    vec![
        ("entry.text", canonical(named("\u{200b}\u{200b}"))),
        ("entry.text", canonical(named("鄞州区\u{202e}gnihsihp"))),
        ("entry.text", canonical(named(&"长".repeat(2_000)))),
        ("entry.outside_profile", raw(named("空\u{0}字"))),
        ("entry.outside_profile", raw(named("色\u{1b}[31m"))),
        ("entry.not_canonical", twice.into_bytes()),
        ("entry.organization_code", canonical(organization("000000000000000000", "零"))),
        ("entry.malformed", b"\xff\xfe\x00\x00".to_vec()),
        ("", canonical(organization(&office(), "好单位"))),
    ]
}

/// The member as this test: its log grows by what it likes, and it is linked with the others.
pub struct Hostile {
    site: Site,
    pub peers: Peers,
}

impl Hostile {
    pub async fn start(data: &Path, say: impl FnOnce(&Site) -> Vec<Vec<u8>>) -> Self {
        let folder = Folder::open(data).expect("its folder");
        let site = folder.command_site().expect("its database");
        let entries = say(&site);
        site.db
            .write(|write| {
                log::create_own(write, &site)?;
                log::extend(write, &site.origin, &entries)
            })
            .expect("appended");
        log::publish_head(&site).expect("signed");
        let deaf: Letters = Arc::new(|_, _, _| Err("reads nothing".to_owned()));
        let wake = Arc::new(Notify::new());
        let inbound = Inbound { letters: deaf, connections: PEERS_MAX };
        let peers = peer::start(&folder, &site, wake, inbound).await.expect("linked");
        Self { site, peers }
    }

    fn net(&self) -> NetHandle {
        self.peers.net.clone()
    }

    async fn send(&self, to: &str, kind: &str, payload: &str) -> Receipt {
        let seal = &self.site.seal_key;
        let sealed = Sealed::new(self.site.node.clone(), kind, payload.as_bytes(), seal);
        let bytes = match kind {
            // Its letters carry the sealed claim beside the document it is about.
            "statement" => {
                let sealed = String::from_utf8(sealed.to_bytes()).expect("JSON");
                format!(r#"{{"v":1,"document":{payload},"sealed":{sealed}}}"#).into_bytes()
            }
            _ => sealed.to_bytes(),
        };
        let to = NodeName::parse(to).expect("valid");
        let answer = self.net().send(&to, kind, bytes).await.expect("an answer");
        Receipt::parse(&answer).expect("a receipt")
    }
}

/// A request for a product, with a name of the buyer and a note, as JSON.
fn request(process: u8, buyer_name: &str, note: &str) -> String {
    let process = format!("S-{}{process}", "0".repeat(25));
    let division = DivisionCode::parse("330212").expect("valid");
    let product = RegistrationNumber::new(&division, NumberKind::Product, 2026, 1).expect("fits");
    let office = office();
    format!(
        r#"{{"process":"{process}","from":"home","seq":1,"state":"requested",
        "at":"2026-11-21T03:00:00Z","body":{{"type":"request","content":{{
        "product":"{product}","product_name":{{"zh":"产品","en":"Product"}},
        "operator":"{office}","plan":"per-call","plan_hash":"","purpose":"industry",
        "purpose_note":"{note}","months":1,"buyer":"{office}",
        "buyer_name":"{buyer_name}"}}}}}}"#
    )
}

/// The quarantine of the member's log as a node holds it, in order.
fn quarantine(node: &Node) -> Vec<(u64, String)> {
    let told = run_json(&node.data, &["catalog", "quarantine"]);
    let all = told["quarantined"].as_array().expect("a list").iter();
    let of_haishu = all.filter(|one| one["origin"] == "ningbo.example/haishu/1");
    let mut held: Vec<(u64, String)> = of_haishu
        .map(|one| (one["index"].as_u64().unwrap(), one["code"].as_str().unwrap().to_owned()))
        .collect();
    held.sort();
    held
}

async fn page(url: &str) -> (u16, String) {
    let answer = reqwest::get(url).await.expect("an answer");
    (answer.status().as_u16(), answer.text().await.expect("text"))
}

/// Every page a stranger can reach about the member and its entries.
async fn shows_nothing_of_it(node: &Node) {
    let mut paths = vec![
        "/".to_owned(),
        "/catalog".to_owned(),
        "/federation".to_owned(),
        "/node/haishu".to_owned(),
        "/registry/haishu/1".to_owned(),
    ];
    paths.extend((0..entries().len()).map(|index| format!("/registry/haishu/1/{index}")));
    for path in paths {
        let (status, html) = page(&format!("{}{path}", node.url)).await;
        assert_eq!(status, 200, "{} {path}: {html}", node.name);
        let shown =
            ['\0', '\u{1b}', '\u{202e}', '\u{200b}'].into_iter().find(|c| html.contains(*c));
        assert_eq!(shown, None, "{} {path}", node.name);
    }
    let (status, _) = page(&format!("{}/readyz", node.ops)).await;
    assert_eq!(status, 200, "{} is healthy", node.name);
}

async fn letters_are_refused(hostile: &Hostile, node: &str) {
    let refused =
        async |kind: &str, payload: &str, what: &str| match hostile.send(node, kind, payload).await
        {
            Receipt::Refused { code, text, .. } => {
                assert!(code.ends_with(what), "{kind} {payload}: {code} {text}");
            }
            Receipt::Taken => panic!("{node} took {kind} {payload}"),
        };
    let name = "甬城公司";
    for (buyer, note) in [
        (name, "a\\u0000b"),
        (name, "a\\u202eb"),
        (name, "a\u{200b}b"),
        (name, "a\\u001b[2J"),
        ("\u{200b}\u{200b}", "x"),
        ("甬城\u{202e}", "x"),
        (" ", "x"),
    ] {
        refused("market.message", &request(1, buyer, note), "malformed").await;
    }
    let twice = request(1, name, "x").replacen("\"months\":1", "\"months\":1,\"months\":9", 1);
    refused("market.message", &twice, "malformed").await;
    let report = r#"{"v":1,"subscription":"S-00000000000000000000000000","provider":"haishu",
        "as_of":"2026-11-21T03:00:00Z","last_seq":1,"days":[{"day":"2026-11-21",
        "operation":"a\u0000b","calls":1,"units":1}]}"#;
    refused("usage.report", report, "malformed").await;
    refused("statement", "\"a\\u0000b\"", "").await;
    let good = hostile.send(node, "market.message", &request(2, name, "核对地址")).await;
    assert_eq!(good, Receipt::Taken, "{node} takes what is written as it should be");
}

/// The city on PostgreSQL, a district on SQLite, both serving; the other district is the test's.
async fn two_serve(name: &str) -> Federation {
    let cluster = std::env::var("LIANSHI_TEST_POSTGRES")
        .expect("LIANSHI_TEST_POSTGRES is not set; run the tests with tests/run");
    let name = format!("{name}_{}", std::process::id());
    let made = std::process::Command::new("psql")
        .args([&format!("{cluster}/postgres"), "-qc", &format!("CREATE DATABASE {name}")])
        .status()
        .expect("psql runs");
    assert!(made.success());
    let mut federation = Federation::found(&format!("{cluster}/{name}"));
    federation.ningbo.start().await;
    federation.yinzhou.start().await;
    federation
}

/// Evidence against the member itself, as long as an entry may be: it signs two heads, and fills up
/// what it tells of them.
fn padded_evidence(site: &Site) -> Vec<Vec<u8>> {
    let head = |seed: &[u8]| {
        Checkpoint { origin: site.origin.clone(), size: 7, root: leaf_hash(seed) }
            .sign(&site.log_key)
    };
    let key = site.log_key.public();
    let evidence = Fork::new((&site.origin, key), (&head(b"one"), &head(b"other")), &[]);
    let longest = (1..ENTRY_BYTES_MAX).rev().find_map(|bytes| {
        let junk = Signature { name: "junk".to_owned(), key_id: [9; 4], bytes: vec![9; bytes] };
        let mut evidence = evidence.clone();
        evidence.older.push(junk.line().trim_end().to_owned());
        let fact = Fact::ForkWitnessed(Box::new(evidence));
        let entry = Entry { at: site.now(), by: "haishu".to_owned(), fact };
        json::encode_entry(&entry).ok()
    });
    vec![longest.expect("one fits")]
}

/// A publishing file with one organization.
fn organization(round: usize) -> String {
    let uscc = uscc::complete(&format!("91330212MA2TEQT{round}1")).expect("valid");
    format!(
        "[[organization]]\nuscc = \"{uscc}\"\nname = {{ zh = \"示例\", en = \"Example\" }}\n\
         kind = \"provider\"\ndivision = \"330212\"\n"
    )
}

/// How much of a log a node holds, and how much of it is signed.
fn signed(node: &Node, log: &str) -> Value {
    let told = run_json(&node.data, &["log", "list"]);
    let logs = told.as_array().expect("a list").iter();
    let origin = format!("ningbo.example/{log}/1");
    let found = logs.clone().find(|one| one["origin"] == origin.as_str());
    let found = found.unwrap_or_else(|| panic!("{} holds {log}: {told}", node.name));
    json!({ "size": found["size"], "signed_size": found["checkpoint_size"] })
}

#[tokio::test]
async fn evidence_that_fills_an_entry_stops_no_duty_of_anybody() {
    let mut federation = two_serve("padded").await;
    let hostile = Hostile::start(&federation.haishu.data, padded_evidence).await;
    let is_told = |node: &Node, by: &str| {
        let known = run_json(&node.data, &["log", "forks"]);
        known.as_array().expect("a list").iter().any(|fork| {
            fork["origin"] == "ningbo.example/haishu/1" && fork["told_by"].as_str() == Some(by)
        })
    };
    for node in [&federation.ningbo, &federation.yinzhou] {
        wait_for(&format!("{} to know that haishu forked", node.name), 60, || async {
            is_told(node, "ningbo.example/haishu/1").then_some(())
        })
        .await;
    }
    hostile.peers.stop().await;
    // Each tells of it, signs, pulls and settles as before, also after a new start.
    for round in 1..=2 {
        for (from, to) in [("ningbo", "yinzhou"), ("yinzhou", "ningbo")] {
            let node = |name: &str| {
                if name == "ningbo" { &federation.ningbo } else { &federation.yinzhou }
            };
            let file = node(from).data.join("organization.toml");
            std::fs::write(&file, organization(round)).expect("written");
            publish(node(from), &file);
            wait_for(&format!("{to} to hold what {from} signed {round}"), 60, || async {
                let (own, held) = (signed(node(from), from), signed(node(to), from));
                (own["size"] == own["signed_size"] && own == held).then_some(())
            })
            .await;
        }
        federation.yinzhou.kill();
        federation.yinzhou.start().await;
    }
}

#[tokio::test]
async fn a_member_that_writes_what_nobody_may_read_harms_nobody_on_either_database() {
    let federation = two_serve("hostile").await;
    let written = |_: &Site| entries().into_iter().map(|(_, bytes)| bytes).collect();
    let hostile = Hostile::start(&federation.haishu.data, written).await;
    let honest = [&federation.ningbo, &federation.yinzhou];
    let expected: Vec<(u64, String)> = (0..)
        .zip(entries())
        .filter(|(_, (code, _))| !code.is_empty())
        .map(|(index, (code, _))| (index, code.to_owned()))
        .collect();
    for node in honest {
        wait_for(&format!("{} to hold the log of haishu", node.name), 60, || async {
            (quarantine(node) == expected).then_some(())
        })
        .await;
        shows_nothing_of_it(node).await;
        letters_are_refused(&hostile, node.name).await;
        shows_nothing_of_it(node).await;
    }
    // Nobody, not even the root authority, admits what could become a link or a command.
    let application = federation.haishu.data.join("application.toml");
    let lawful = std::fs::read_to_string(&application).expect("its application");
    let url = lawful.lines().find(|line| line.starts_with("public_url")).expect("a URL");
    for bad in ["javascript:alert(1)", "http://a.example'; id; '", "http://a.example/\\u0000"] {
        let changed = lawful.replace(url, &format!("public_url = \"{bad}\""));
        std::fs::write(&application, changed).expect("written");
        let file = application.display().to_string();
        let refused = run(&federation.ningbo.data, &["member", "admit", &file]);
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success() && said.contains("public address"), "{said}");
    }
    hostile.peers.stop().await;
}
