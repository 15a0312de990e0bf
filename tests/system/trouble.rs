//! A full disk and a locked database under real processes: calls, appends and closes are refused
//! with what to do, reading goes on, nothing is half done, and afterwards everything goes on
//! without a restart.

use std::path::{Path, PathBuf};

use reqwest::Response;
use serde_json::Value;
use support::{
    Lock, Process, alter, count,
    demo::{Demo, Door},
    once_more, run, run_json, run_with_room, wait_for,
};

/// Calls at once while the disk is nearly full.
const CALLERS: usize = 8;
/// Rooms in bytes tried one after the other: nothing at all, and where a write stops half way.
const ROOMS: [u64; 5] = [0, 4_000, 30_000, 90_000, 500_000];

/// Acts at the command line, as the audit trail has them.
const ACTS: &str = "SELECT count(*) FROM audit_rows WHERE actor LIKE 'command %'";

fn example() -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/examples/division-code.toml");
    once_more(&file).display().to_string()
}

/// Status, code and when to come back.
async fn refusal(response: Response) -> (u16, String, u64) {
    let status = response.status().as_u16();
    let retry = response.headers().get("retry-after").expect("when to come back").to_str();
    let retry = retry.expect("digits").parse().expect("seconds");
    let body: Value = response.json().await.expect("JSON");
    (status, body["code"].as_str().expect("a code").to_owned(), retry)
}

/// What an act at the provider could have left half done.
#[derive(Debug, PartialEq)]
struct Books {
    log_size: u64,
    digest: String,
    /// Of what was done at the command line: what the node writes of visitors, it writes up to a
    /// minute later.
    acts: i64,
    periods: Value,
}

struct Provider {
    data: PathBuf,
}

impl Provider {
    fn books(&self) -> Books {
        let logs = run_json(&self.data, &["log", "list"]);
        let own = logs.as_array().expect("logs").iter().find(|log| log["own"] == true);
        let audit = run_json(&self.data, &["audit", "verify"]);
        assert_eq!(audit["whole"], true);
        Books {
            log_size: own.expect("the own log")["size"].as_u64().expect("a size"),
            digest: run_json(&self.data, &["catalog", "digest"])["digest"].to_string(),
            acts: count(&self.data.join("node.sqlite"), ACTS),
            periods: run_json(&self.data, &["period", "list"]),
        }
    }

    /// The month that waits to be closed.
    fn open_period(&self) -> String {
        let periods = run_json(&self.data, &["period", "list"]);
        let open = periods.as_array().expect("periods").iter().find(|row| row["state"] == "open");
        open.expect("an open month")["period"].as_str().expect("a month").to_owned()
    }

    /// Runs a command with more and more room until it is done; each refusal says what to do and
    /// leaves nothing. Gives how often it was refused.
    fn with_more_and_more_room(&self, arguments: &[&str]) -> usize {
        let rooms = ROOMS.into_iter().chain((20..31).map(|bits| 1 << bits));
        for (refused, room) in rooms.enumerate() {
            let before = self.books();
            let output = run_with_room(&self.data, arguments, room);
            if output.status.success() {
                return refused;
            }
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(said.contains("the disk") && said.contains("try again"), "{room}: {said}");
            assert_eq!(self.books(), before, "with room for {room} bytes: {said}");
        }
        panic!("a gigabyte of room is not enough for {arguments:?}");
    }

    fn check(&self) {
        assert_eq!(run_json(&self.data, &["audit", "verify"])["whole"], true);
        let ledger = run(&self.data, &["ledger", "check"]);
        assert!(ledger.status.success(), "{}", String::from_utf8_lossy(&ledger.stderr));
        let digest = self.books().digest;
        run_json(&self.data, &["catalog", "rebuild"]);
        assert_eq!(self.books().digest, digest, "a rebuild changes nothing");
    }
}

#[tokio::test]
async fn trouble_is_refused_leaves_nothing_and_is_over_when_its_cause_is() {
    let demo = Demo::start().await;
    let provider = Provider { data: demo.data.join("yinzhou") };
    full_disk_under_calls(&demo).await;
    full_disk_under_appends(&demo, &provider).await;
    locked_under_everything(&demo, &provider).await;
    locked_for_too_long(&demo, &provider).await;
    full_disk_under_a_close(&provider);
    broken_rows_under_calls(&demo, &provider).await;
    provider.check();
}

async fn full_disk_under_calls(demo: &Demo) {
    let (client, door) = (reqwest::Client::new(), demo.door());
    assert_eq!(door.call(&client, "before").await.expect("answered").status(), 200);
    let before = demo.usage().await;
    demo.limit_files(Some(0));
    let refused = door.call(&client, "full-0").await.expect("answered");
    assert_eq!(refusal(refused).await, (503, "call.cannot_record".to_owned(), 30));
    assert_eq!(demo.usage().await, before, "reading goes on, and nothing was counted");
    // Some calls find room and some do not; a write may stop anywhere.
    let mut sent: Vec<(String, Option<String>)> = vec![("full-0".to_owned(), None)];
    for room in ROOMS {
        demo.limit_files(Some(room));
        let keys: Vec<String> =
            (0..CALLERS).map(|caller| format!("full-{room}-{caller}")).collect();
        let calls = keys.iter().map(|key| settled(&client, &door, key));
        let answers = futures::future::join_all(calls).await;
        sent.extend(keys.into_iter().zip(answers));
    }
    assert!(sent.iter().filter(|(_, answer)| answer.is_none()).count() > CALLERS);
    demo.limit_files(None);
    for (key, first) in &sent {
        let again = door.call(&client, key).await.expect("answered");
        assert_eq!(again.status(), 200, "with room it goes on, without a restart");
        let again = again.text().await.expect("a body");
        assert!(first.as_ref().is_none_or(|first| *first == again), "{first:?} became {again}");
    }
    let sent = u64::try_from(sent.len()).expect("few");
    assert_eq!(demo.usage().await, before + sent, "each key is charged once");
}

/// The answer of a call, or `None` when it was refused for want of room.
async fn settled(client: &reqwest::Client, door: &Door, key: &str) -> Option<String> {
    let answer = door.call(client, key).await.expect("answered");
    if answer.status() == 200 {
        return Some(answer.text().await.expect("a body"));
    }
    assert_eq!(refusal(answer).await.1, "call.cannot_record");
    None
}

async fn full_disk_under_appends(demo: &Demo, provider: &Provider) {
    let client = reqwest::Client::new();
    let products = |node: &str| {
        let url = format!("{}/api/v1/products?node=yinzhou", demo.node(node, "web"));
        let client = client.clone();
        async move { support::json(&client, &url).await?["total"].as_u64() }
    };
    let before = products("haishu").await.expect("a count");
    let refused = provider.with_more_and_more_room(&["catalog", "publish", &example()]);
    assert!(refused > 1, "{refused}");
    // Appended by another process while the serving one can write nothing, not even its signature:
    // signed and carried as soon as there is room.
    demo.limit_files(Some(0));
    run_json(&provider.data, &["catalog", "publish", &example()]);
    demo.limit_files(None);
    wait_for("both products at haishu", 15, || async {
        (products("haishu").await? == before + 2).then_some(())
    })
    .await;
}

/// Waits until a started command has opened the database, and is thus about to write.
async fn about_to_write(command: &Process, what: &str) {
    wait_for(what, 30, || async { command.has_open("node.sqlite-wal").then_some(()) }).await;
}

async fn locked_under_everything(demo: &Demo, provider: &Provider) {
    let (client, door) = (reqwest::Client::new(), demo.door());
    let used = demo.usage().await;
    let before = provider.books();
    let lock = Lock::take(&provider.data.join("node.sqlite"));
    let call = {
        let (client, door) = (client.clone(), door.clone());
        tokio::spawn(async move { door.call(&client, "locked").await })
    };
    let data = provider.data.display().to_string();
    let log = demo.data.join("locked.log");
    let arguments = ["catalog", "publish", &example(), "--data", &data];
    let mut publish = Process::start(&arguments, &log);
    about_to_write(&publish, "the publishing command to open the database").await;
    // Reading goes on, and sees that nothing has happened.
    assert_eq!((demo.usage().await, provider.books()), (used, before));
    assert!(!call.is_finished() && publish.is_running(), "they wait");
    lock.release();
    assert_eq!(call.await.expect("ran").expect("answered").status(), 200);
    assert!(publish.ended_well(), "{}", std::fs::read_to_string(&log).unwrap());
    assert_eq!(demo.usage().await, used + 1);
}

async fn locked_for_too_long(demo: &Demo, provider: &Provider) {
    let (client, door) = (reqwest::Client::new(), demo.door());
    let (used, before) = (demo.usage().await, provider.books());
    let period = provider.open_period();
    let lock = Lock::take(&provider.data.join("node.sqlite"));
    let command = |arguments: Vec<String>| {
        let data = provider.data.clone();
        tokio::task::spawn_blocking(move || {
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            let output = run(&data, &arguments);
            assert!(!output.status.success(), "{arguments:?} was not refused");
            String::from_utf8_lossy(&output.stderr).into_owned()
        })
    };
    let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
    let publish = command(words(&["catalog", "publish", &example()]));
    let close = command(words(&["period", "close", &period]));
    let call = door.call(&client, "locked-long");
    let (publish, close, call) = tokio::join!(publish, close, call);
    for said in [publish.expect("ran"), close.expect("ran")] {
        assert!(said.contains("locked") && said.contains("try again"), "{said}");
    }
    assert_eq!(refusal(call.expect("answered")).await, (503, "call.busy".to_owned(), 1));
    lock.release();
    assert_eq!((demo.usage().await, provider.books()), (used, before));
    assert_eq!(door.call(&client, "locked-long").await.expect("answered").status(), 200);
}

fn full_disk_under_a_close(provider: &Provider) {
    let period = provider.open_period();
    let refused = provider.with_more_and_more_room(&["period", "close", &period]);
    assert!(refused > 1, "{refused}");
    let again = run_json(&provider.data, &["period", "close", &period]);
    assert_eq!(again["repeated"], true);
}

/// A row that means nothing is nobody's refusal: the caller hears that it failed, is not charged,
/// and the node goes on.
async fn broken_rows_under_calls(demo: &Demo, provider: &Provider) {
    let (client, door) = (reqwest::Client::new(), demo.door());
    let used = demo.usage().await;
    let database = provider.data.join("node.sqlite");
    alter(&database, "UPDATE dataset_rows SET cells = 'x' || cells");
    let failed = door.call(&client, "broken").await.expect("answered");
    assert_eq!(failed.status(), 500);
    let problem: Value = failed.json().await.expect("JSON");
    assert_eq!(problem["code"], "call.failed");
    assert!(problem["request_id"].is_string(), "{problem}");
    alter(&database, "UPDATE dataset_rows SET cells = substr(cells, 2)");
    assert_eq!(demo.usage().await, used);
    assert_eq!(door.call(&client, "broken").await.expect("answered").status(), 200);
}
