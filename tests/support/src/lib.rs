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
pub mod small_disk;

use std::{
    fs,
    io::Read as _,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::atomic::{AtomicU16, AtomicU32, Ordering},
    time::Duration,
};

use serde_json::Value;

/// The program under test, built by `tests/run` before the tests.
pub fn program() -> PathBuf {
    built("lianshi")
}

/// The program with the feature `evil`: its demo can have a node that lies.
pub fn evil_program() -> PathBuf {
    built("lianshi-evil")
}

/// A program to come: the one with the feature `next`, which `tests/run` builds in one with `evil`.
pub fn next_program() -> PathBuf {
    built("lianshi-evil")
}

fn built(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("the path of this test");
    let folder = test.parent().and_then(Path::parent).expect("target/debug");
    let program = folder.join(name);
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

/// Runs a command that can write no file beyond so many bytes: what a full disk does to it, on any
/// disk.
pub fn run_with_room(data: &Path, arguments: &[&str], bytes: u64) -> Output {
    Command::new("sh")
        // Ignored, the signal becomes an error of the write, as a full disk is.
        .args(["-c", "trap '' XFSZ; exec prlimit --fsize=$0: -- \"$@\"", &bytes.to_string()])
        .arg(program())
        .args(arguments)
        .arg("--data")
        .arg(data)
        .output()
        .expect("sh and prlimit, which every Linux has")
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

/// A copy of a publishing file that says the same and is another file: published once more it
/// registers everything once more.
pub fn once_more(file: &Path) -> PathBuf {
    static COPIES: AtomicU32 = AtomicU32::new(0);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/published");
    fs::create_dir_all(&folder).expect("a folder");
    let (process, copy) = (std::process::id(), COPIES.fetch_add(1, Ordering::Relaxed));
    let text = fs::read_to_string(file).expect("the file");
    let path = folder.join(format!("{process}-{copy}.toml"));
    fs::write(&path, format!("{text}\n# {process}-{copy}\n")).expect("written");
    path
}

/// Ports given out so far by this process.
static TAKEN: AtomicU16 = AtomicU16::new(0);

/// `count` consecutive free ports on loopback; different tests and processes get different ones.
/// All lie below those that Linux gives to connections (32768 and up): one of these could be taken
/// by any client between this look and the start of the server.
pub fn free_ports(count: u16) -> u16 {
    let spread = u16::try_from(std::process::id() % 220).unwrap_or(0) * 100;
    loop {
        let base = 10_000 + (spread + TAKEN.fetch_add(count, Ordering::Relaxed)) % 22_000;
        let free = (base..base + count).all(|port| TcpListener::bind(("127.0.0.1", port)).is_ok());
        if free {
            return base;
        }
    }
}

/// Lets this process open as many files as it may: tests that hold thousands of connections need
/// them.
pub fn raise_own_files() {
    let pid = std::process::id().to_string();
    let raised =
        Command::new("sh").args(["-c", "prlimit --pid $0 --nofile=$(ulimit -Hn):", &pid]).status();
    assert!(raised.expect("sh and prlimit").success());
}

/// A process that is killed when the test ends, however it ends.
pub struct Process(Child);

/// The unit of times in `/proc` (`USER_HZ`), the same on every Linux.
const TICKS_PER_SECOND: u64 = 100;

/// What a process has used since it began.
#[derive(Debug, Clone, Copy)]
pub struct Usage {
    /// The most memory it held at once.
    pub memory_peak_bytes: u64,
    /// Time of processors.
    pub cpu_ms: u64,
}

impl Process {
    /// Starts the program; its log goes to `log`.
    pub fn start(arguments: &[&str], log: &Path) -> Self {
        Self::start_program(&program(), arguments, log)
    }

    /// The same with another build of it.
    pub fn start_program(program: &Path, arguments: &[&str], log: &Path) -> Self {
        let file = std::fs::OpenOptions::new().create(true).append(true).open(log).expect("a log");
        let child = Command::new("sh")
            // Without the signal a file that may not grow is an error, see `limit_files`. And
            // whoever started the tests with `nohup` did not mean this process.
            .args(["-c", "trap '' XFSZ; exec env --default-signal=HUP \"$0\" \"$@\""])
            .arg(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(file.try_clone().expect("a second handle"))
            .stderr(file)
            .spawn()
            .expect("the program starts");
        Self(child)
    }

    /// Lets it write no file beyond so many bytes, or any file again: a disk that fills up under it
    /// and has room again.
    pub fn limit_files(&self, bytes: Option<u64>) {
        let limit = bytes.map_or_else(|| "unlimited".to_owned(), |bytes| bytes.to_string());
        let pid = self.0.id().to_string();
        let limit = format!("--fsize={limit}:");
        let set = Command::new("prlimit").args(["--pid", &pid, &limit]).status();
        assert!(set.expect("prlimit, which every Linux has").success());
    }

    /// Starts a program that ends with the process of the tests, however that ends, and then takes
    /// its folder along: for what all tests of a process share.
    pub fn start_shared(arguments: &[&str], log: &Path, folder: &Path) -> Self {
        let file = std::fs::OpenOptions::new().create(true).append(true).open(log).expect("a log");
        let script = "trap '' INT TERM XFSZ; folder=$1; shift; \
            \"$0\" \"$@\" </dev/null & demo=$!; cat >/dev/null; \
            kill -9 $demo; wait $demo; rm -rf \"$folder\"";
        let child = Command::new("sh")
            .args(["-c", script])
            .arg(program())
            .arg(folder)
            .args(arguments)
            // Closed by the system when the tests end: then `cat` ends.
            .stdin(Stdio::piped())
            .stdout(file.try_clone().expect("a second handle"))
            .stderr(file)
            .spawn()
            .expect("the program starts");
        Self(child)
    }

    /// Whether it holds a file of this name open.
    pub fn has_open(&self, file: &str) -> bool {
        let Ok(open) = std::fs::read_dir(format!("/proc/{}/fd", self.0.id())) else { return false };
        let mut targets = open.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
        targets.any(|target| target.file_name().is_some_and(|name| name == file))
    }

    /// What it has used so far.
    pub fn usage(&self) -> Usage {
        let read = |file: &str| {
            std::fs::read_to_string(format!("/proc/{}/{file}", self.0.id())).expect("its state")
        };
        let status = read("status");
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
        let peak: u64 = peak.trim().trim_end_matches(" kB").parse().expect("kilobytes");
        // After the name of the program in parentheses; the eleventh and twelfth are its own time.
        let stat = read("stat");
        let (_, fields) = stat.rsplit_once(") ").expect("fields");
        let ticks: u64 =
            fields.split(' ').skip(11).take(2).map(|t| t.parse::<u64>().expect("t")).sum();
        Usage { memory_peak_bytes: peak * 1024, cpu_ms: ticks * 1000 / TICKS_PER_SECOND }
    }

    /// Sends it a signal, such as `TERM`.
    pub fn signal(&self, name: &str) {
        let pid = self.0.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &pid]).status();
        assert!(sent.expect("kill, which every system has").success());
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

    /// Whether it ends by itself within so many seconds, and well.
    pub async fn ended_well_within(&mut self, seconds: u64) -> bool {
        wait_for("the process to end", seconds, || {
            let status = self.0.try_wait().expect("its state");
            async move { status }
        })
        .await
        .success()
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

/// The write lock of a SQLite file, held by another program as a backup or an open shell holds it.
pub struct Lock(Child);

impl Lock {
    /// Takes the lock.
    pub fn take(database: &Path) -> Self {
        let script = "import sqlite3, sys\n\
            held = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=60)\n\
            held.execute('BEGIN IMMEDIATE')\n\
            print('held', flush=True)\n\
            sys.stdin.read()\n";
        let mut child = Command::new("python3")
            .args(["-c", script])
            .arg(database)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 runs");
        let mut said = [0; 4];
        child.stdout.as_mut().expect("piped").read_exact(&mut said).expect("it says so");
        assert_eq!(&said, b"held");
        Self(child)
    }

    /// Lets it go.
    pub fn release(mut self) {
        drop(self.0.stdin.take());
        assert!(self.0.wait().expect("its end").success());
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Already gone is as good.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs SQL on a SQLite file beside the program.
pub fn alter(database: &Path, sql: &str) {
    let script = "import sqlite3, sys\n\
        c = sqlite3.connect(sys.argv[1], timeout=60)\n\
        c.execute(sys.argv[2])\n\
        c.commit()\n";
    let status = Command::new("python3").args(["-c", script]).arg(database).arg(sql).status();
    assert!(status.expect("python3 runs").success(), "{sql}");
}

/// The number that a query of a SQLite file gives, read beside the program.
pub fn count(database: &Path, sql: &str) -> i64 {
    let script = "import sqlite3, sys\n\
        c = sqlite3.connect(sys.argv[1], timeout=60)\n\
        print(c.execute(sys.argv[2]).fetchone()[0])\n";
    let output = Command::new("python3").args(["-c", script]).arg(database).arg(sql).output();
    let output = output.expect("python3 runs");
    assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().parse().expect("a number")
}

/// Runs SQL on a PostgreSQL database beside the program.
pub fn psql(url: &str, sql: &str) {
    let done = Command::new("psql").args([url, "-qXc", sql]).output().expect("psql runs");
    assert!(done.status.success(), "{sql}: {}", String::from_utf8_lossy(&done.stderr));
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
