//! Three nodes as three processes: the city as root authority and two districts, admitted through
//! the command line.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::{Process, Usage, free_ports, json, once_more, program, run_json, run_well, wait_for};

/// One node: its folder, its ports and, while it runs, its process.
pub struct Node {
    /// Short name.
    pub name: &'static str,
    /// Data folder.
    pub data: PathBuf,
    /// Base URL of its pages.
    pub url: String,
    /// Base URL of its operations port.
    pub ops: String,
    process: Option<Process>,
}

impl Node {
    /// A node whose folder is made below `folder` with these names, on three ports from `port` on;
    /// `source` is what `init` is told about the federation.
    pub fn make(
        (folder, port): (&Path, u16),
        (name, division, name_zh, name_en): (&'static str, &str, &str, &str),
        source: &[&str],
    ) -> Self {
        let data = folder.join(name);
        let port_text = port.to_string();
        let mut arguments = vec!["init", "--name", name, "--division", division];
        arguments.extend(["--name-zh", name_zh, "--name-en", name_en, "--base-port", &port_text]);
        arguments.extend(source);
        run_well(&data, &arguments);
        let url = format!("http://127.0.0.1:{port}");
        let ops = format!("http://127.0.0.1:{}", port + 1);
        Self { name, data, url, ops, process: None }
    }

    /// The file a root authority needs to admit it.
    pub fn application(&self) -> String {
        self.data.join("application.toml").display().to_string()
    }

    /// Starts serving and waits until it can be read.
    pub async fn start(&mut self) {
        self.start_program(&program()).await;
    }

    /// The same with another build of the program.
    pub async fn start_program(&mut self, program: &Path) {
        let data = self.data.display().to_string();
        let log = self.data.join("serve.log");
        self.process = Some(Process::start_program(program, &["serve", "--data", &data], &log));
        let url = format!("{}/readyz?for=read", self.ops);
        wait_for(&format!("{} to be ready; see {}", self.name, log.display()), 60, || async {
            let answer = reqwest::get(&url).await.ok()?;
            answer.status().is_success().then_some(())
        })
        .await;
    }

    /// Lets it write no file beyond so many bytes, or any file again.
    pub fn limit_files(&self, bytes: Option<u64>) {
        self.process.as_ref().expect("it runs").limit_files(bytes);
    }

    /// What the running node has used since it started.
    pub fn usage(&self) -> Usage {
        self.process.as_ref().expect("it runs").usage()
    }

    /// Kills it without warning.
    pub fn kill(&mut self) {
        if let Some(process) = self.process.take() {
            process.kill();
        }
    }

    /// How many products its catalog shows for a search.
    pub async fn count(&self, client: &reqwest::Client, query: &str) -> Option<u64> {
        let url = format!("{}/api/v1/products?q={query}", self.url);
        json(client, &url).await?.get("total")?.as_u64()
    }
}

/// A running federation in a temporary folder.
pub struct Federation {
    /// The city, root authority.
    pub ningbo: Node,
    /// A district.
    pub yinzhou: Node,
    /// Another district.
    pub haishu: Node,
    // Removed with the test.
    _folder: TempDir,
}

/// What tells the three nodes apart.
const NODES: [(&str, &str, &str, &str); 3] = [
    ("ningbo", "330200", "宁波市公共数据节点", "Ningbo node"),
    ("yinzhou", "330212", "鄞州区公共数据节点", "Yinzhou node"),
    ("haishu", "330203", "海曙区公共数据节点", "Haishu node"),
];

impl Federation {
    /// Makes the folders, founds the federation at the city and admits the districts.
    /// `city_database` is a database URL, or empty for SQLite. Nothing runs yet.
    pub fn found(city_database: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let base = free_ports(9);
        let charter = folder.path().join("ningbo/charter.toml");
        let make = |index: u16, database: &str| {
            let names = *NODES.get(usize::from(index)).expect("three nodes");
            let charter = charter.display().to_string();
            let source = if index == 0 {
                ["--database", database, "--found", "ningbo.example"]
            } else {
                ["--database", database, "--charter", &charter]
            };
            Node::make((folder.path(), base + index * 3), names, &source)
        };
        let ningbo = make(0, city_database);
        let yinzhou = make(1, "");
        let haishu = make(2, "");
        for node in [&ningbo, &yinzhou, &haishu] {
            run_well(&ningbo.data, &["member", "admit", &node.application()]);
        }
        Self { ningbo, yinzhou, haishu, _folder: folder }
    }

    /// Starts all three.
    pub async fn start(&mut self) {
        self.ningbo.start().await;
        self.yinzhou.start().await;
        self.haishu.start().await;
    }
}

/// Publishes what a file says at a node with the command line, also where it was published before;
/// returns what it printed.
pub fn publish(node: &Node, file: &Path) -> serde_json::Value {
    run_json(&node.data, &["catalog", "publish", &once_more(file).display().to_string()])
}
