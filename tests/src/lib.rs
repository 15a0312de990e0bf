//! What the whole-system tests share: the built program, nodes as real processes with their own
//! folders and ports, and waiting for a condition instead of for a time.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

pub mod demo;
pub mod federation;

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::atomic::{AtomicU16, Ordering},
    time::Duration,
};

use serde_json::Value;

/// The program under test, built by `tests/run` before the tests.
pub fn program() -> PathBuf {
    let test = std::env::current_exe().expect("the path of this test");
    let folder = test.parent().and_then(Path::parent).expect("target/debug");
    let program = folder.join("lianshi");
    assert!(program.exists(), "{} is not built; run tests/run", program.display());
    program
}

/// Runs a command on a data folder and returns what it printed; its exit status is the caller's to
/// judge.
pub fn run(data: &Path, arguments: &[&str]) -> Output {
    Command::new(program())
        .args(arguments)
        .arg("--data")
        .arg(data)
        .output()
        .expect("the program starts")
}

/// Runs a command that must succeed; returns its standard output.
pub fn run_well(data: &Path, arguments: &[&str]) -> String {
    let output = run(data, arguments);
    assert!(
        output.status.success(),
        "lianshi {} failed: {}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// Runs a command that must succeed with `--json`.
pub fn run_json(data: &Path, arguments: &[&str]) -> Value {
    let mut arguments = arguments.to_vec();
    arguments.push("--json");
    serde_json::from_str(&run_well(data, &arguments)).expect("JSON")
}

/// Ports given out so far by this process.
static TAKEN: AtomicU16 = AtomicU16::new(0);

/// `count` consecutive free ports on loopback; different tests and processes get different ones.
pub fn free_ports(count: u16) -> u16 {
    let spread = u16::try_from(std::process::id() % 300).unwrap_or(0) * 100;
    loop {
        let base = 20_000 + (spread + TAKEN.fetch_add(count, Ordering::Relaxed)) % 30_000;
        let free = (base..base + count).all(|port| TcpListener::bind(("127.0.0.1", port)).is_ok());
        if free {
            return base;
        }
    }
}

/// A process that is killed when the test ends, however it ends.
pub struct Process(Child);

impl Process {
    /// Starts the program; its log goes to `log`.
    pub fn start(arguments: &[&str], log: &Path) -> Self {
        let file = std::fs::OpenOptions::new().create(true).append(true).open(log).expect("a log");
        let child = Command::new(program())
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(file.try_clone().expect("a second handle"))
            .stderr(file)
            .spawn()
            .expect("the program starts");
        Self(child)
    }

    /// `kill -9`: nothing is flushed, nothing is said.
    pub fn kill(mut self) {
        self.0.kill().expect("killed");
        self.0.wait().expect("gone");
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        self.0.try_wait().expect("its state").is_none()
    }

    /// Waits for its end and returns whether it ended well.
    pub fn ended_well(&mut self) -> bool {
        self.0.wait().expect("its end").success()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Already gone is as good.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Asks again until the answer is there; fails with what was waited for.
pub async fn wait_for<T, F>(what: &str, seconds: u64, mut ask: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let asked = tokio::time::timeout(Duration::from_secs(seconds), async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    asked.await.unwrap_or_else(|_| panic!("waited {seconds} s in vain for {what}"))
}

/// JSON of a page of the API, if it answers with 200.
pub async fn json(client: &reqwest::Client, url: &str) -> Option<Value> {
    let answer = client.get(url).send().await.ok()?;
    if answer.status() == 200 { answer.json().await.ok() } else { None }
}
