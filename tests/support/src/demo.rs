//! The demo as a real process in a temporary folder, with what it says about itself in `demo.json`.

use std::{
    os::unix::fs::{DirBuilderExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::OnceCell;

use crate::{Process, evil_program, free_ports, program, wait_for};

/// Longest a call may take: more than the program waits for a locked database.
const CALL_LIMIT: Duration = Duration::from_secs(30);
/// Longest first start of the demo in an unoptimized build on a loaded machine.
const FIRST_START_SECONDS: u64 = 240;

/// What a caller needs.
#[derive(Debug, Clone)]
pub struct Door {
    /// Address of the operation.
    pub url: String,
    /// Access key.
    pub key: String,
    /// Body of a request.
    pub request: Value,
}

impl Door {
    /// Sends a call with an idempotency key.
    pub async fn call(
        &self,
        client: &reqwest::Client,
        idempotency_key: &str,
    ) -> reqwest::Result<reqwest::Response> {
        client
            .post(&self.url)
            .bearer_auth(&self.key)
            .header("Idempotency-Key", idempotency_key)
            .json(&self.request)
            .timeout(CALL_LIMIT)
            .send()
            .await
    }
}

/// A demo.
pub struct Demo {
    /// Folder of the three nodes.
    pub data: PathBuf,
    /// What `demo.json` says.
    pub about: Value,
    program: PathBuf,
    base_port: u16,
    process: Option<Process>,
    /// Removed with the demo.
    folder: Option<TempDir>,
}

/// Ports of a demo: ten for each of three nodes, and for the second half of one that lies.
const PORTS: u16 = 40;
/// The nodes of a demo.
const NODES: [&str; 3] = ["ningbo", "yinzhou", "haishu"];

impl Demo {
    /// Builds and starts a demo.
    pub async fn start() -> Self {
        Self::start_with(program(), &[]).await
    }

    /// One that may open so many files, all its nodes together.
    pub async fn start_with_files(files: u64) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let limited = folder.path().join("limited");
        let script = format!("#!/bin/sh\nulimit -n {files}\nexec {} \"$@\"\n", program().display());
        std::fs::write(&limited, script).expect("a script");
        let executable = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(&limited, executable).expect("made executable");
        let mut demo = Self::in_folder(limited, folder.path());
        demo.folder = Some(folder);
        demo.resume(&[]).await;
        demo
    }

    /// One in which a node is going to show two histories.
    pub async fn start_evil(name: &str) -> Self {
        Self::start_with(evil_program(), &["--evil", name]).await
    }

    /// The one that all tests of a process share: they leave it as they found it, but for accounts
    /// of their own.
    pub async fn shared() -> &'static Self {
        static SHARED: OnceCell<Demo> = OnceCell::const_new();
        SHARED.get_or_init(Self::start_shared).await
    }

    async fn start_with(program: PathBuf, arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut demo = Self::in_folder(program, folder.path());
        demo.folder = Some(folder);
        demo.resume(arguments).await;
        demo
    }

    fn in_folder(program: PathBuf, folder: &Path) -> Self {
        let data = folder.join("demo");
        let mut closed = std::fs::DirBuilder::new();
        closed.mode(0o700).create(&data).expect("the demo folder");
        let (about, base_port) = (Value::Null, free_ports(PORTS));
        Self { data, about, program, base_port, process: None, folder: None }
    }

    async fn start_shared() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder").keep();
        let mut demo = Self::in_folder(program(), &folder);
        let (data, port) = (demo.data.display().to_string(), demo.base_port.to_string());
        let arguments = ["demo", "--data", &data, "--base-port", &port];
        let process = Process::start_shared(&arguments, &demo.log(), &folder);
        demo.settle(process, &NODES).await;
        demo
    }

    fn log(&self) -> PathBuf {
        self.data.join("demo.log")
    }

    /// Starts again on the same folder, with more arguments, such as `--nodes ningbo,haishu`.
    pub async fn resume(&mut self, arguments: &[&str]) {
        let data = self.data.display().to_string();
        let port = self.base_port.to_string();
        let mut all = vec!["demo", "--data", &data, "--base-port", &port];
        all.extend_from_slice(arguments);
        let process = Process::start_program(&self.program, &all, &self.log());
        let named: Vec<&str> = match arguments {
            ["--nodes", list] => list.split(',').collect(),
            _ => NODES.to_vec(),
        };
        self.settle(process, &named).await;
    }

    /// Waits until the nodes named answer.
    async fn settle(&mut self, mut process: Process, named: &[&str]) {
        let log = self.log();
        let file = self.data.join("demo.json");
        self.about =
            wait_for(&format!("the demo; see {}", log.display()), FIRST_START_SECONDS, || {
                let text = std::fs::read_to_string(&file).ok();
                let runs = process.is_running();
                assert!(runs, "the demo ended: {}", std::fs::read_to_string(&log).unwrap());
                async move { serde_json::from_str(&text?).ok() }
            })
            .await;
        self.process = Some(process);
        for name in named {
            self.ready(name).await;
        }
    }

    /// Waits until a node can be read.
    pub async fn ready(&self, name: &str) {
        let url = format!("{}/readyz?for=read", self.node(name, "ops"));
        wait_for(&format!("{name} to be ready"), 60, || async {
            let answer = reqwest::get(&url).await.ok()?;
            answer.status().is_success().then_some(())
        })
        .await;
    }

    /// Sends the process of all nodes a signal, such as `TERM`.
    pub fn signal(&self, name: &str) {
        self.process.as_ref().expect("a running demo").signal(name);
    }

    /// Whether the process of all nodes ends by itself within so many seconds, and well.
    pub async fn ended_well(&mut self, seconds: u64) -> bool {
        let process = self.process.as_mut().expect("a running demo");
        let ended_well = process.ended_well_within(seconds).await;
        self.process = None;
        ended_well
    }

    /// Kills the process of all nodes.
    pub fn kill(&mut self) {
        if let Some(process) = self.process.take() {
            process.kill();
        }
    }

    /// Lets the process write no file beyond so many bytes, or any file again.
    pub fn limit_files(&self, bytes: Option<u64>) {
        self.process.as_ref().expect("a running demo").limit_files(bytes);
    }

    /// Where the subscription's product is called.
    pub fn door(&self) -> Door {
        Door {
            url: self.subscription("call_url"),
            key: self.subscription("key"),
            request: self.example_request(&self.subscription("product")),
        }
    }

    /// Calls of the subscription as its provider counts them.
    pub async fn usage(&self) -> u64 {
        let id = self.subscription("id");
        let (_, _, token) = self.account("yinzhou", "provider");
        let url = format!("{}/api/v1/subscriptions/{id}/usage", self.node("yinzhou", "web"));
        let answer = reqwest::Client::new().get(url).bearer_auth(token).send().await;
        let usage: Value = answer.expect("usage").json().await.expect("JSON");
        usage["total"].as_u64().unwrap_or_else(|| panic!("no total in {usage}"))
    }

    /// A text of a node in `demo.json`.
    pub fn node(&self, name: &str, field: &str) -> String {
        let nodes = self.about["nodes"].as_array().expect("nodes");
        let node = nodes.iter().find(|node| node["name"] == name).expect("a node of this name");
        node[field].as_str().expect("a text").to_owned()
    }

    /// An account of a node with a role: its user, password and token.
    pub fn account(&self, node: &str, role: &str) -> (String, String, String) {
        let accounts = self.about["accounts"].as_array().expect("accounts");
        let account = accounts
            .iter()
            .find(|account| account["node"] == node && account["role"] == role)
            .unwrap_or_else(|| panic!("no {role} at {node}"));
        let text = |field: &str| account[field].as_str().expect("a text").to_owned();
        (text("user"), text("password"), text("token"))
    }

    /// A text of the demo's subscription.
    pub fn subscription(&self, field: &str) -> String {
        self.about["subscription"][field].as_str().expect("a text").to_owned()
    }

    /// The example request of a product.
    pub fn example_request(&self, number: &str) -> Value {
        let products = self.about["products"].as_array().expect("products");
        let product = products.iter().find(|product| product["number"] == number);
        product.expect("the product")["example_request"].clone()
    }
}
