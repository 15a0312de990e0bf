//! The demo, running: every log at every node, and certificates of its products, as an outsider is
//! given them. Waits until the quorum has cosigned everything.

use std::{
    fs,
    path::{Path, PathBuf},
};

use support::{demo::Demo, json, run_well, wait_for};

use crate::laid::text;

const NODES: [&str; 3] = ["ningbo", "yinzhou", "haishu"];

/// A log as one of the nodes serves it.
pub struct Log {
    /// Prefix with a trailing slash.
    pub url: String,
    pub origin: String,
    /// A file with its key.
    pub vkey: PathBuf,
    /// A file with its policy.
    pub policy: PathBuf,
}

/// The demo and what outsiders know of it.
pub struct Served {
    /// Each of the three logs at each of the three nodes.
    pub logs: Vec<Log>,
    /// Certificate files, each with the policy that judges it.
    pub certificates: Vec<(PathBuf, PathBuf)>,
    /// Stops with the test.
    pub demo: Demo,
}

impl Served {
    pub async fn start() -> Self {
        let demo = Demo::start().await;
        for node in NODES {
            settled(&demo.node(node, "web")).await;
        }
        let mut logs = Vec::new();
        for writer in NODES {
            let origin = format!("ningbo.example/{writer}/1");
            let told = |what: &str| told(&demo, (writer, what), &origin);
            let (vkey, policy) = (told("vkey"), told("policy"));
            for viewer in NODES {
                let url = format!("{}/log/{writer}/1/", demo.node(viewer, "web"));
                let (vkey, policy, origin) = (vkey.clone(), policy.clone(), origin.clone());
                logs.push(Log { url, origin, vkey, policy });
            }
        }
        let certificates = certificates(&demo);
        Self { logs, certificates, demo }
    }
}

/// Waits until a node shows every log as settled.
async fn settled(url: &str) {
    let client = reqwest::Client::new();
    let page = format!("{url}/api/v1/catalog/digest");
    wait_for(&format!("{url} to be settled"), 60, || async {
        let told = json(&client, &page).await?;
        let heads = told["heads"].as_array()?.clone();
        (heads.len() == 3 && heads.iter().all(|head| head["state"] == "settled")).then_some(())
    })
    .await;
}

/// Keeps what `lianshi log vkey` or `policy` prints at the writer.
fn told(demo: &Demo, (node, what): (&str, &str), origin: &str) -> PathBuf {
    let data = PathBuf::from(demo.node(node, "data"));
    let file = demo.data.join(format!("{node}.{what}"));
    fs::write(&file, run_well(&data, &["log", what, origin])).expect("written");
    file
}

/// The certificate of every product of the demo, each written by a node that is not its own.
fn certificates(demo: &Demo) -> Vec<(PathBuf, PathBuf)> {
    let products = demo.about["products"].as_array().expect("products");
    let export = |product: &serde_json::Value| {
        let number = product["number"].as_str().expect("a number");
        let writer = product["node"].as_str().expect("a node");
        let other = NODES.into_iter().find(|node| *node != writer).expect("another");
        let file = demo.data.join(format!("{number}.tlog-proof"));
        let data = demo.node(other, "data");
        run_well(Path::new(&data), &["certificate", "export", number, "-o", text(&file)]);
        (file, demo.data.join(format!("{writer}.policy")))
    };
    products.iter().map(export).collect()
}
