//! `kill -9` during a storm of calls: every acknowledged call is metered exactly once, and the
//! books stay whole.

use std::{collections::BTreeMap, sync::Arc};

use support::{
    demo::{Demo, Door},
    run, run_json, wait_for,
};
use tokio::sync::Mutex;

/// How often the process is killed.
const KILLS: u32 = 20;
/// Callers at once.
const CALLERS: u32 = 8;
/// Calls that must have been acknowledged in a round before the process is killed.
const CALLS_BEFORE_KILL: usize = 12;

/// Every idempotency key sent, with the answer if one came.
type Sent = Arc<Mutex<BTreeMap<String, Option<String>>>>;

async fn call(client: &reqwest::Client, door: &Door, key: &str) -> Option<String> {
    let answer = door.call(client, key).await.ok()?;
    if answer.status() == 429 {
        // The plan's rate limit answered; not acknowledged, to be sent again.
        return None;
    }
    assert_eq!(answer.status(), 200, "a call is answered or not, never wrongly");
    answer.text().await.ok()
}

async fn caller(name: String, door: Door, sent: Sent) {
    let client = reqwest::Client::new();
    for number in 0.. {
        let key = format!("{name}-{number}");
        sent.lock().await.insert(key.clone(), None);
        match call(&client, &door, &key).await {
            Some(answer) => {
                sent.lock().await.insert(key, Some(answer));
            }
            None => return,
        }
    }
}

#[tokio::test]
async fn every_acknowledged_call_is_metered_exactly_once() {
    let mut demo = Demo::start().await;
    let door = demo.door();
    let before = demo.usage().await;
    let sent: Sent = Arc::default();

    for round in 0..KILLS {
        let answered = acknowledged(&sent).await;
        let callers: Vec<_> = (0..CALLERS)
            .map(|index| {
                let name = format!("storm-{round}-{index}");
                tokio::spawn(caller(name, door.clone(), Arc::clone(&sent)))
            })
            .collect();
        wait_for("calls to be answered", 60, || async {
            (acknowledged(&sent).await >= answered + CALLS_BEFORE_KILL).then_some(())
        })
        .await;
        demo.kill();
        for caller in callers {
            caller.await.expect("a caller ends");
        }
        demo.resume(&[]).await;
    }

    // Everything once more: what was recorded is answered as before and not charged again, the rest
    // is charged now.
    let client = reqwest::Client::new();
    let all = sent.lock().await.clone();
    for (key, first) in &all {
        let again = wait_for("a repeated call", 120, || call(&client, &door, key)).await;
        if let Some(first) = first {
            assert_eq!(&again, first, "the same key gives the same answer");
        }
    }
    assert_eq!(
        demo.usage().await,
        before + u64::try_from(all.len()).unwrap(),
        "each key is charged once"
    );

    let yinzhou = demo.data.join("yinzhou");
    assert_eq!(run_json(&yinzhou, &["audit", "verify"])["whole"], true);
    let ledger = run(&yinzhou, &["ledger", "check"]);
    assert!(ledger.status.success(), "{}", String::from_utf8_lossy(&ledger.stderr));
}

async fn acknowledged(sent: &Sent) -> usize {
    sent.lock().await.values().filter(|answer| answer.is_some()).count()
}
