//! Two root authorities, one after the other in the charter: each admits inside its division,
//! nobody takes the other's names, every node knows the same members and folds the same catalog,
//! and a node that joins after one withdrew folds it too.

use std::{fs, path::Path};

use serde_json::Value;
use support::{
    federation::{Node, publish},
    free_ports, run, run_json, run_well, wait_for,
};
use tempfile::TempDir;

/// How long news may take to reach everybody, with room for a loaded test machine.
const ARRIVES_SECONDS: u64 = 60;

const CITY: (&str, &str, &str, &str) = ("ningbo", "330200", "宁波市公共数据节点", "Ningbo node");
const OTHER: (&str, &str, &str, &str) =
    ("hangzhou", "330100", "杭州市公共数据节点", "Hangzhou node");
const DISTRICT: (&str, &str, &str, &str) =
    ("yinzhou", "330212", "鄞州区公共数据节点", "Yinzhou node");
const OTHERS: (&str, &str, &str, &str) = ("xihu", "330106", "西湖区公共数据节点", "Xihu node");
const LATE: (&str, &str, &str, &str) = ("fuyang", "330111", "富阳区公共数据节点", "Fuyang node");

struct Two {
    nodes: Vec<Node>,
    base: u16,
    folder: TempDir,
}

impl Two {
    /// Both cities name each other in the charter, and have admitted a district each.
    fn found() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let base = free_ports(15);
        let charter = folder.path().join("ningbo/charter.toml").display().to_string();
        let at = |place: u16| (folder.path(), base + place * 3);
        let city = Node::make(at(0), CITY, &["--found", "two.example"]);
        let other = Node::make(at(1), OTHER, &["--charter", &charter]);
        let block = run_well(&other.data, &["member", "root"]);
        for node in [&city, &other] {
            let file = node.data.join("charter.toml");
            let named = fs::read_to_string(&file).expect("a charter");
            fs::write(&file, format!("{named}\n{block}\n")).expect("written");
        }
        let district = Node::make(at(2), DISTRICT, &["--charter", &charter]);
        let others = Node::make(at(3), OTHERS, &["--charter", &charter]);
        for (root, node) in
            [(&city, &city), (&other, &other), (&city, &district), (&other, &others)]
        {
            run_well(&root.data, &["member", "admit", &node.application()]);
        }
        Self { nodes: vec![city, other, district, others], base, folder }
    }

    /// A district of the second city, which admits it now.
    fn join(&mut self) {
        let charter = self.nodes[0].data.join("charter.toml").display().to_string();
        let at = (self.folder.path(), self.base + 12);
        let late = Node::make(at, LATE, &["--charter", &charter]);
        run_well(&self.nodes[1].data, &["member", "admit", &late.application()]);
        self.nodes.push(late);
    }

    /// Waits until every node says the same of members, catalog and heads, and `of` that.
    async fn agree(&self, what: &str, of: impl Fn(&Value) -> bool) {
        wait_for(&format!("all to agree on {what}"), ARRIVES_SECONDS, || async {
            let said: Vec<Value> = self.nodes.iter().map(said).collect();
            let first = said.first()?;
            (said.iter().all(|one| one == first) && of(first)).then_some(())
        })
        .await;
    }
}

/// What a node says of the federation, without what only it can know.
fn said(node: &Node) -> Value {
    let members = run_json(&node.data, &["member", "list"]);
    let standing: Vec<Value> = members
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| serde_json::json!([one["node"], one["division"], one["status"]]))
        .collect();
    let digest = run_json(&node.data, &["catalog", "digest"])["digest"].clone();
    let logs = run_json(&node.data, &["log", "list"]);
    let heads: Vec<Value> = logs
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| serde_json::json!([one["origin"], one["checkpoint_size"]]))
        .collect();
    serde_json::json!({ "members": standing, "digest": digest, "heads": heads })
}

fn refused(root: &Node, node: &Node) -> String {
    let output = run(&root.data, &["member", "admit", &node.application()]);
    assert!(!output.status.success(), "{} admitted {}", root.name, node.name);
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::test]
async fn two_root_authorities_admit_side_by_side_and_everybody_folds_the_same() {
    let mut two = Two::found();
    let [city, other, district, others] = two.nodes.as_slice() else { panic!("four nodes") };
    // Nobody admits another root authority, or speaks outside its division.
    for (root, node) in [(city, other), (other, city)] {
        assert!(
            refused(root, node).contains("stand in the charter"),
            "{} {}",
            root.name,
            node.name
        );
    }
    for (root, node) in [(city, others), (other, district)] {
        assert!(refused(root, node).contains("lies outside"), "{} {}", root.name, node.name);
    }
    for node in &mut two.nodes {
        node.start().await;
    }
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/examples/division-code.toml");
    publish(&two.nodes[2], &example);
    two.agree("four members and what the district published", |said| {
        let published =
            |head: &Value| head[0] == "two.example/yinzhou/1" && head[1].as_u64() > Some(0);
        said["members"].as_array().is_some_and(|members| members.len() == 4)
            && said["heads"].as_array().is_some_and(|heads| heads.iter().any(published))
    })
    .await;
    for node in &two.nodes {
        wait_for(&format!("{} to know it settled", node.name), ARRIVES_SECONDS, || async {
            let logs = run_json(&node.data, &["log", "list"]);
            let logs = logs.as_array().expect("a list").iter();
            let of_district = logs.clone().find(|one| one["origin"] == "two.example/yinzhou/1")?;
            (of_district["state"] == "settled").then_some(())
        })
        .await;
    }

    // Who withdrew is cut off, and what it said before counts, also where it was never heard.
    let withdraw = ["member", "withdraw", "yinzhou", "--reason", "试验"];
    run_well(&two.nodes[0].data, &withdraw);
    two.agree("the withdrawal", |said| said["members"].to_string().contains("withdrawn")).await;
    two.nodes[2].kill();
    two.join();
    let late = two.nodes.last_mut().expect("it joined");
    late.start().await;
    two.nodes.remove(2);
    two.agree("five members, one of them withdrawn", |said| {
        let members = said["members"].as_array().map_or(0, Vec::len);
        let heads = said["heads"].to_string();
        members == 5 && heads.contains("two.example/yinzhou/1")
    })
    .await;
}
