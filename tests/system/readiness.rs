//! `/readyz` is red within two seconds when the database is lost, hangs or takes no changes, says
//! which, and is green again by itself; `?for=read` is green while the node can be read.

use std::time::Duration;

use support::{Lock, federation::Federation, free_ports, psql, wait_for};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
    time::Instant,
};

/// In so many seconds it is red.
const TOLD: Duration = Duration::from_secs(2);
/// How long is waited for it to be green again.
const AGAIN_SECONDS: u64 = 30;

/// What stands between the node and its database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    Open,
    /// Bytes are taken and go nowhere.
    Silent,
    /// Connections are ended, and new ones at once.
    Cut,
}

/// Carries bytes between a port and the database, as long as the line says so.
async fn carry(port: u16, target: String, line: watch::Receiver<Line>) {
    let listener = TcpListener::bind(("127.0.0.1", port)).await.expect("a port");
    loop {
        let (mut near, _) = listener.accept().await.expect("accepted");
        let (target, mut line) = (target.clone(), line.clone());
        tokio::spawn(async move {
            let Ok(mut far) = TcpStream::connect(&target).await else { return };
            loop {
                let now = *line.borrow_and_update();
                tokio::select! {
                    // What it carried when the line changed is lost with the connection.
                    _ = copy_bidirectional(&mut near, &mut far), if now == Line::Open => return,
                    () = std::future::ready(()), if now == Line::Cut => return,
                    changed = line.changed() => changed.expect("the test holds the line"),
                }
            }
        });
    }
}

/// What the node answers, and how long it took.
async fn ask(ops: &str, question: &str) -> (u16, String, Duration) {
    let begun = Instant::now();
    let answer = reqwest::get(format!("{ops}/readyz{question}")).await.expect("answered");
    let status = answer.status().as_u16();
    (status, answer.text().await.expect("a text"), begun.elapsed())
}

/// It is red in time, with these words, and each single answer comes in time.
async fn red(ops: &str, words: &str) {
    let begun = Instant::now();
    loop {
        let (status, text, took) = ask(ops, "").await;
        assert!(took < TOLD, "{words}: an answer took {took:?}");
        if status == 503 && text.contains(words) {
            let told = begun.elapsed();
            assert!(told < TOLD, "{words}: red after {told:?}");
            return;
        }
        assert!(begun.elapsed() < TOLD, "{words}: {status} {text}");
    }
}

async fn green(ops: &str) {
    wait_for("a green answer", AGAIN_SECONDS, || async {
        (ask(ops, "").await.0 == 200).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_node_on_postgresql_is_red_within_two_seconds_of_losing_it() {
    let cluster = std::env::var("LIANSHI_TEST_POSTGRES")
        .expect("LIANSHI_TEST_POSTGRES is not set; run the tests with tests/run");
    let (user, address) = cluster.rsplit_once('@').expect("a user and an address");
    let name = format!("ready_{}", std::process::id());
    psql(&format!("{cluster}/postgres"), &format!("CREATE DATABASE {name}"));
    let port = free_ports(1);
    let (set, line) = watch::channel(Line::Open);
    let carried = tokio::spawn(carry(port, address.to_owned(), line));
    let url = format!("{user}@127.0.0.1:{port}/{name}");
    let federation = tokio::task::spawn_blocking(move || Federation::found(&url));
    let mut federation = federation.await.expect("founded");
    let node = &mut federation.ningbo;
    node.start().await;
    green(&node.ops).await;

    set.send_replace(Line::Silent);
    red(&node.ops, "no database: it was asked").await;
    // Several ask: one question is under way, and all are answered in time.
    let asking = (0..5).map(|_| ask(&node.ops, "?for=read"));
    for (status, text, took) in futures::future::join_all(asking).await {
        assert!(status == 503 && text.contains("does not answer"), "{status} {text}");
        assert!(took < TOLD, "{took:?}");
    }
    assert_eq!(reqwest::get(format!("{}/healthz", node.ops)).await.expect("up").status(), 200);
    set.send_replace(Line::Cut);
    red(&node.ops, "no database").await;
    set.send_replace(Line::Open);
    green(&node.ops).await;

    let alter = format!("ALTER DATABASE {name} SET default_transaction_read_only = on");
    psql(&format!("{cluster}/postgres"), &alter);
    set.send_replace(Line::Cut);
    red(&node.ops, "no database").await;
    set.send_replace(Line::Open);
    wait_for("the words", AGAIN_SECONDS, || async {
        let (status, text, _) = ask(&node.ops, "?for=read").await;
        (status == 200 && text.contains("read only")).then_some(())
    })
    .await;
    red(&node.ops, "read only: the database can only be read").await;
    // It starts like this as well, and can be read.
    node.kill();
    node.start().await;
    red(&node.ops, "read only: the database can only be read").await;
    let reset = format!("ALTER DATABASE {name} RESET default_transaction_read_only");
    psql(&format!("{cluster}/postgres"), &reset);
    set.send_replace(Line::Cut);
    red(&node.ops, "no database").await;
    set.send_replace(Line::Open);
    green(&node.ops).await;
    federation.ningbo.kill();
    carried.abort();
}

#[tokio::test]
async fn a_node_whose_file_is_locked_or_finds_no_room_is_red_and_can_be_read() {
    let mut federation = Federation::found("");
    let node = &mut federation.ningbo;
    node.start().await;
    green(&node.ops).await;
    let lock = Lock::take(&node.data.join("node.sqlite"));
    red(&node.ops, "read only: another process holds the database locked").await;
    let (status, text, _) = ask(&node.ops, "?for=read").await;
    assert!(status == 200 && text.contains("read only"), "{status} {text}");
    lock.release();
    green(&node.ops).await;

    node.limit_files(Some(0));
    // A row is written for good twice a minute, or when a write failed.
    wait_for("a red answer", 60, || async {
        let (status, text, _) = ask(&node.ops, "").await;
        (status == 503 && text.contains("read only: the disk")).then_some(())
    })
    .await;
    assert_eq!(ask(&node.ops, "?for=read").await.0, 200);
    node.limit_files(None);
    green(&node.ops).await;
}
