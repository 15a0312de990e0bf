//! How a node is stopped and started by what looks after it: every answer under way is delivered,
//! the word to the supervisor is kept, the log is begun anew, and it starts again at once.

use std::{
    os::unix::net::UnixDatagram,
    path::Path,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use support::{Process, demo::Demo, federation::Federation, wait_for};

/// Callers at once: more than the node has cores, so that some always wait.
const CALLERS: usize = 24;
/// Longest a stop takes here: nothing is slow.
const STOPPED_SECONDS: u64 = 20;

/// Calls until the node is gone; gives how many were answered.
async fn call_until_gone(demo: &Demo, signal: &str) -> u64 {
    let door = demo.door();
    let is_told = Arc::new(AtomicBool::new(false));
    let callers: Vec<_> = (0..CALLERS)
        .map(|caller| {
            let (door, is_told) = (door.clone(), Arc::clone(&is_told));
            let signal = signal.to_owned();
            tokio::spawn(async move {
                let client = reqwest::Client::new();
                let mut answered = 0;
                for number in 0_u64.. {
                    match door.call(&client, &format!("{signal}-{caller}-{number}")).await {
                        Ok(answer) if answer.status() == 200 => {
                            answer.bytes().await.expect("an answer that began is whole");
                            answered += 1;
                        }
                        // Faster than the plan allows: the load goes on at the pace of the plan.
                        Ok(other) => {
                            assert_eq!(other.status(), 429);
                            tokio::time::sleep(Duration::from_millis(50)).await;
                        }
                        Err(error) => {
                            assert!(is_told.load(Ordering::Relaxed), "before the signal: {error}");
                            break;
                        }
                    }
                }
                answered
            })
        })
        .collect();
    let before = demo.usage().await;
    wait_for("calls under way", 20, || async { (demo.usage().await > before + 50).then_some(()) })
        .await;
    is_told.store(true, Ordering::Relaxed);
    demo.signal(signal);
    let mut answered = 0;
    for caller in callers {
        answered += caller.await.expect("a caller");
    }
    answered
}

#[tokio::test]
async fn every_call_that_was_metered_is_answered_whoever_stops_the_node() {
    let mut demo = Demo::start().await;
    let mut used = demo.usage().await;
    for signal in ["TERM", "HUP", "INT"] {
        let answered = call_until_gone(&demo, signal).await;
        assert!(demo.ended_well(STOPPED_SECONDS).await, "{signal}: it stops by itself, and well");
        demo.resume(&[]).await;
        let metered = demo.usage().await - used;
        assert_eq!(metered, answered, "{signal}: calls metered and calls answered");
        used += metered;
    }
}

/// What the supervisor hears next.
fn hear(socket: &UnixDatagram) -> String {
    let mut word = [0; 256];
    let size = socket.recv(&mut word).expect("the supervisor is told in time");
    String::from_utf8_lossy(&word[..size]).into_owned()
}

#[tokio::test]
async fn a_supervisor_is_told_and_may_start_it_again_at_once() {
    let federation = Federation::found("");
    let data = federation.ningbo.data.clone();
    let socket_path = data.join("notify.socket");
    let socket = UnixDatagram::bind(&socket_path).expect("a socket");
    socket.set_read_timeout(Some(Duration::from_mins(1))).expect("a limit");
    let data_text = data.display().to_string();
    let log = data.join("serve.log");
    let start = || {
        let notify = format!("NOTIFY_SOCKET={}", socket_path.display());
        let program = support::program().display().to_string();
        let arguments = [notify.as_str(), &program, "serve", "--data", &data_text];
        Process::start_program(Path::new("/usr/bin/env"), &arguments, &log)
    };
    let mut process = start();
    assert_eq!(hear(&socket), "READY=1");
    let ready = format!("{}/readyz", federation.ningbo.ops);
    assert_eq!(reqwest::get(&ready).await.expect("answered").status(), 200);
    process.signal("TERM");
    assert_eq!(hear(&socket), "STOPPING=1");
    assert!(process.ended_well_within(STOPPED_SECONDS).await);
    // Restart=always with no pause, after a stop and after a crash.
    let process = start();
    assert_eq!(hear(&socket), "READY=1");
    process.kill();
    let mut process = start();
    assert_eq!(hear(&socket), "READY=1");
    process.signal("TERM");
    assert!(process.ended_well_within(STOPPED_SECONDS).await);
}

#[tokio::test]
async fn a_log_file_that_was_taken_away_is_begun_anew() {
    let federation = Federation::found("");
    let data = &federation.ningbo.data;
    let (log, kept) = (data.join("node.log"), data.join("node.log.1"));
    let (log_text, data_text) = (log.display().to_string(), data.display().to_string());
    let arguments = ["serve", "--data", &data_text, "--log-file", &log_text];
    let mut process = Process::start(&arguments, &data.join("stderr.log"));
    let lines = |path: &Path| std::fs::read_to_string(path).unwrap_or_default();
    wait_for("its first line", 60, || async { lines(&log).contains("serving").then_some(()) })
        .await;
    std::fs::rename(&log, &kept).expect("renamed");
    process.signal("HUP");
    wait_for("the new file", 20, || async { lines(&log).contains("anew").then_some(()) }).await;
    assert!(process.is_running(), "and it serves on");
    assert!(lines(&kept).contains("serving"));
    process.signal("TERM");
    assert!(process.ended_well_within(STOPPED_SECONDS).await);
}

/// What systemd will hold the program to.
#[test]
fn the_unit_file_fits_the_program() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/examples/lianshi.service");
    let unit = std::fs::read_to_string(path).expect("the example");
    let value = |name: &str| {
        let of_name = |line: &str| Some(line.strip_prefix(name)?.strip_prefix('=')?.to_owned());
        unit.lines().find_map(of_name).unwrap_or_else(|| panic!("no {name}"))
    };
    assert_eq!(value("Type"), "notify");
    assert_eq!(value("KillSignal"), "SIGTERM");
    let patience: u64 = value("TimeoutStopSec").parse().expect("seconds");
    assert!(
        patience > lianshi_node::http::STOP_SECONDS,
        "systemd would kill it before it has stopped"
    );
    assert_eq!(value("Restart"), "on-failure");
    let started = value("ExecStart");
    let mut words = started.split(' ');
    assert_eq!(words.next(), Some("/usr/local/bin/lianshi"));
    let mut command = Command::new(support::program());
    let understood = command.args(words).arg("--help").output().expect("run");
    assert!(understood.status.success(), "{}", String::from_utf8_lossy(&understood.stderr));
}
