//! Slow and silent connections to a demo that may open 1,024 files. They take the seats of one
//! another: pages and calls are answered, heads are signed, and what takes too long is ended.

use std::{
    io,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use support::{demo::Demo, once_more, raise_own_files, run_json, wait_for};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
    time::{Instant, timeout},
};

/// Files the whole demo may open, as many systems allow by default.
const FILES: u64 = 1_024;
/// Slow bodies held all the time.
const SLOW: usize = 1_100;
/// How long they are held: longer than a body may take.
const HELD: Duration = Duration::from_secs(18);
/// How soon one that was cut off comes again.
const AGAIN: Duration = Duration::from_secs(3);
/// How often one asks who shares the address of the flood, and its turmoil.
const TRIES: usize = 3;
/// A page is shown within this, in an unoptimized build on a machine that does all this besides.
const SHOWN: Duration = Duration::from_secs(3);

/// A form that promises more than it sends.
const HEAD: &[u8] = b"POST /login HTTP/1.1\r\nHost: node\r\nSec-Fetch-Site: same-origin\r\n\
    Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 4000\r\n\r\nlogin=";

/// Sends a body a byte at a time, and begins anew whenever it is cut off.
async fn drip(address: String, begun: Arc<AtomicUsize>) {
    loop {
        let Ok(mut stream) = TcpStream::connect(&address).await else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        begun.fetch_add(1, Ordering::Relaxed);
        let mut sent = stream.write_all(HEAD).await;
        while sent.is_ok() {
            let answered = timeout(Duration::from_millis(700), stream.read(&mut [0; 512])).await;
            if answered.is_ok() {
                break;
            }
            sent = stream.write_all(b"x").await;
        }
        tokio::time::sleep(AGAIN).await;
    }
}

fn host(url: &str) -> String {
    url.trim_start_matches("http://").trim_end_matches('/').to_owned()
}

/// A client that comes from an address of loopback.
fn client(from: &str) -> reqwest::Client {
    let builder = reqwest::Client::builder().local_address(from.parse().ok()).timeout(SHOWN);
    builder.pool_max_idle_per_host(0).build().expect("a client")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_bodies_stop_neither_pages_nor_calls_nor_signing() {
    raise_own_files();
    let demo = Demo::start_with_files(FILES).await;
    let web = demo.node("yinzhou", "web");
    let begun = Arc::new(AtomicUsize::new(0));
    let mut slow = JoinSet::new();
    for _ in 0..SLOW {
        slow.spawn(drip(host(&web), Arc::clone(&begun)));
    }
    wait_for("the flood", 30, || async { (begun.load(Ordering::Relaxed) >= SLOW).then_some(()) })
        .await;
    let door = demo.door();
    let published = publish(&demo.data.join("yinzhou"));
    let flooded = Instant::now();
    let mut shown = 0_u32;
    while flooded.elapsed() < HELD {
        for (from, tries) in [("127.0.0.2", 1), ("127.0.0.1", TRIES)] {
            let key = format!("slow-{from}-{shown}");
            answered(tries, || client(from).get(&web).send()).await;
            answered(tries, || async { door.call(&client(from), &key).await }).await;
            shown += 1;
        }
    }
    assert!(shown > 20, "only {shown} pages in {HELD:?}");
    signed(&demo, published).await;
    drop(slow);
    assert!(begun.load(Ordering::Relaxed) > SLOW, "the slow ones were cut off and came again");
}

/// Asks until it is answered, at most so often.
async fn answered<F>(tries: usize, ask: impl Fn() -> F)
where
    F: Future<Output = reqwest::Result<reqwest::Response>>,
{
    let mut failed = Vec::new();
    for _ in 0..tries {
        match ask().await {
            Ok(answer) => return assert_eq!(answer.status(), 200),
            Err(error) => failed.push(error),
        }
    }
    panic!("not answered: {failed:?}");
}

/// Appends to the node's log by another process; gives the size its head must come to.
fn publish(data: &Path) -> u64 {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/examples/division-code.toml");
    run_json(data, &["catalog", "publish", &once_more(&file).display().to_string()]);
    let logs = run_json(data, &["log", "list"]);
    let own = logs.as_array().expect("logs").iter().find(|log| log["own"] == true).cloned();
    own.expect("the own log")["size"].as_u64().expect("a size")
}

/// Waits until another node holds the head, which the flooded one must have signed.
async fn signed(demo: &Demo, size: u64) {
    let url = format!("{}/metrics", demo.node("haishu", "ops"));
    let line = "lianshi_log_signed_size{node=\"haishu\",origin=\"ningbo.example/yinzhou/1\"} ";
    wait_for("the head at haishu", 10, || async {
        let text = reqwest::get(&url).await.ok()?.text().await.ok()?;
        let value = text.lines().find_map(|text| text.strip_prefix(line))?.parse::<u64>().ok()?;
        (value >= size).then_some(())
    })
    .await;
}

/// What a connection reads until it is ended, and after how long it was.
async fn until_ended(mut stream: TcpStream, limit: Duration) -> (String, Duration) {
    let began = Instant::now();
    let mut heard = Vec::new();
    let read = timeout(limit, stream.read_to_end(&mut heard)).await;
    match read {
        Ok(Ok(_)) => {}
        Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionReset => {}
        other => panic!("not ended after {limit:?}: {other:?}"),
    }
    (String::from_utf8_lossy(&heard).into_owned(), began.elapsed())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_keeps_the_node_waiting_is_ended() {
    let demo = Demo::shared().await;
    for port in ["web", "ops"] {
        let address = host(&demo.node("haishu", port));
        let open = |sent: &'static [u8]| {
            let address = address.clone();
            async move {
                let mut stream = TcpStream::connect(&address).await.expect("connected");
                stream.write_all(sent).await.expect("sent");
                until_ended(stream, Duration::from_secs(30)).await
            }
        };
        let (silent, half_head, idle, half_second, body) = tokio::join!(
            open(b""),
            open(b"GET / HTTP/1.1\r\nHost: no"),
            open(b"GET /healthz HTTP/1.1\r\nHost: node\r\n\r\n"),
            open(b"GET /healthz HTTP/1.1\r\nHost: node\r\n\r\nGET / HT"),
            open(HEAD),
        );
        for (what, (heard, _)) in [("silent", &silent), ("half a head", &half_head)] {
            let fits = heard.is_empty() || heard.starts_with("HTTP/1.1 408");
            assert!(fits, "{port}, {what}: {heard}");
        }
        for (heard, after) in [&idle, &half_second] {
            assert!(heard.starts_with("HTTP/1.1 "), "{port}: {heard}");
            assert!(*after > Duration::from_secs(5), "{port}: an idle browser is left a moment");
        }
        if port == "web" {
            let (heard, _) = &body;
            assert!(heard.starts_with("HTTP/1.1 408"), "{heard}");
            assert!(heard.contains("request body") && heard.contains("请求体"), "{heard}");
        }
    }
}

/// One that takes nothing of an answer keeps no seat either.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_does_not_read_is_ended() {
    let demo = Demo::shared().await;
    let mut stream =
        TcpStream::connect(host(&demo.node("haishu", "web"))).await.expect("connected");
    // More answers than both sides' buffers hold.
    let asked = b"GET /catalog HTTP/1.1\r\nHost: node\r\n\r\n".repeat(2_000);
    let began = Instant::now();
    let sent = timeout(Duration::from_mins(1), async {
        loop {
            stream.write_all(&asked).await?;
        }
        #[expect(unreachable_code, reason = "says what the block would give")]
        io::Result::Ok(())
    });
    let ended = sent.await.expect("it was ended in time").expect_err("ended, not answered");
    assert!(began.elapsed() > Duration::from_secs(1), "{ended}");
}
