//! Silent connections to the peer ports of a running demo: members that come back find their way
//! in.

use std::{io, time::Duration};

use support::{federation::Federation, raise_own_files, wait_for};
use tokio::{io::AsyncReadExt as _, net::TcpStream, task::JoinSet};

/// Silent connections held to each port all the time.
const STRANGERS: usize = 200;
/// A member is back within this: it starts, dials and shakes hands.
const BACK_SECONDS: u64 = 12;

/// Says nothing, and comes again whenever it is cut off.
async fn be_silent(address: String) {
    loop {
        if let Ok(mut stream) = TcpStream::connect(&address).await {
            let _: io::Result<usize> = stream.read_to_end(&mut Vec::new()).await;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_keep_no_member_away() {
    raise_own_files();
    let mut federation = Federation::found("");
    federation.start().await;
    let mut strangers = JoinSet::new();
    for node in [&federation.ningbo, &federation.yinzhou, &federation.haishu] {
        let (host, ops) = node.ops.trim_start_matches("http://").split_once(':').expect("a port");
        let peers = ops.parse::<u16>().expect("a port") + 1;
        for _ in 0..STRANGERS {
            strangers.spawn(be_silent(format!("{host}:{peers}")));
        }
    }
    let url = format!("{}/metrics", federation.ningbo.ops);
    let line = "lianshi_log_signed_size{node=\"ningbo\",origin=\"ningbo.example/haishu/1\"} ";
    let example = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../docs/examples/division-code.toml");
    for _ in 0..2 {
        federation.haishu.kill();
        federation.haishu.start().await;
        support::federation::publish(&federation.haishu, &example);
        let logs = support::run_json(&federation.haishu.data, &["log", "list"]);
        let own = logs.as_array().expect("logs").iter().find(|log| log["own"] == true).cloned();
        let size = own.expect("the own log")["size"].as_u64().expect("a size");
        wait_for("what haishu says at ningbo", BACK_SECONDS, || async {
            let text = reqwest::get(&url).await.ok()?.text().await.ok()?;
            let held =
                text.lines().find_map(|text| text.strip_prefix(line))?.parse::<u64>().ok()?;
            (held >= size).then_some(())
        })
        .await;
    }
}
