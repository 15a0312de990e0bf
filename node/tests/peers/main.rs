//! Nodes in one process, with real folders, databases and libp2p over loopback TCP.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that breaks its own invariants must stop"
)]

mod dead_link;
mod fair;
mod false_peers;
mod flood;
mod hostile;
mod nodes;
mod on_demand;

use std::time::Duration;

use lianshi_node::net::NetError;
use lianshi_registry::{entry::MemberChange, member::Status};
use lianshi_store::{audit::Actor, members};
use nodes::{Federation, eventually, name};

/// What the federation promises: a change is seen everywhere within two seconds.
const PROMISE: Duration = Duration::from_secs(2);
/// For everything that first needs a connection.
const SETTLE: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_node_says_every_node_holds_within_two_seconds() {
    let mut federation = Federation::new();
    for node in ["ningbo", "yinzhou", "haishu"] {
        federation.start(node).await;
    }
    eventually(SETTLE, || federation.all_hold_the_same(3)).await;
    // Another process beside the serving one: nothing nudges.
    federation.publish("yinzhou", 300);
    eventually(PROMISE, || federation.size_at("haishu", "yinzhou") == 300).await;
    eventually(PROMISE, || federation.all_hold_the_same(3)).await;
    assert_eq!(federation.digest("haishu"), federation.digest("yinzhou"));
    assert_eq!(federation.digest("haishu"), federation.digest("ningbo"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_is_had_from_others_while_its_node_is_down_and_its_age_shows() {
    let mut federation = Federation::new();
    federation.start("ningbo").await;
    federation.start("yinzhou").await;
    federation.publish("yinzhou", 3000);
    eventually(SETTLE, || federation.size_at("ningbo", "yinzhou") == 3000).await;
    eventually(SETTLE, || federation.confirmed_at("ningbo", "yinzhou").is_some()).await;
    federation.stop("yinzhou").await;
    eventually(SETTLE, || !federation.net("ningbo").connected().contains(&name("yinzhou"))).await;
    federation.start("haishu").await;
    eventually(SETTLE, || federation.size_at("haishu", "yinzhou") == 3000).await;
    // Read now: what was under way when the link broke is written by the time haishu has it all.
    let confirmed = federation.confirmed_at("ningbo", "yinzhou");
    assert_eq!(federation.confirmed_at("haishu", "yinzhou"), None, "nobody but yinzhou confirms");
    federation.publish("haishu", 1);
    eventually(SETTLE, || federation.size_at("ningbo", "haishu") == 1).await;
    assert_eq!(federation.confirmed_at("ningbo", "yinzhou"), confirmed);
    federation.publish("yinzhou", 1);
    federation.start("yinzhou").await;
    eventually(SETTLE, || federation.size_at("haishu", "yinzhou") == 3001).await;
    eventually(SETTLE, || federation.confirmed_at("haishu", "yinzhou") > confirmed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn letters_arrive_between_members_and_a_suspended_nodes_letters_are_refused() {
    let mut federation = Federation::new();
    for node in ["ningbo", "yinzhou", "haishu"] {
        federation.start(node).await;
    }
    let haishu = federation.net("haishu");
    eventually(SETTLE, || haishu.connected().contains(&name("yinzhou"))).await;
    // Of two links that both sides opened at once one is closed; what was on it is sent again, as
    // the outbox does.
    let mut answer = Err(NetError::Lost(String::new()));
    for _ in 0..3 {
        if matches!(answer, Err(NetError::Lost(_))) {
            eventually(SETTLE, || haishu.connected().contains(&name("yinzhou"))).await;
            answer = haishu.send(&name("yinzhou"), "market.message", b"hello".to_vec()).await;
        }
    }
    assert_eq!(answer, Ok(b"haishu market.message hello".to_vec()));
    let refused = haishu.send(&name("yinzhou"), "no.such.room", Vec::new()).await;
    assert_eq!(refused, Err(NetError::Refused("no such room".to_owned())));
    let stranger = haishu.send(&name("nobody"), "market.message", Vec::new()).await;
    assert_eq!(stranger, Err(NetError::NotAMember(name("nobody"))));
    let large = haishu.send(&name("yinzhou"), "market.message", vec![0; 1 << 20]).await;
    assert!(matches!(large, Err(NetError::TooLarge(_))));

    federation.publish("haishu", 10);
    eventually(PROMISE, || federation.size_at("yinzhou", "haishu") == 10).await;
    let before = federation.digest("yinzhou");
    let change = MemberChange { node: name("haishu"), from_index: 4, reason: "test".to_owned() };
    let root = federation.site("ningbo");
    members::change(root, &Actor::node(), &change, Status::Suspended).expect("suspended");
    eventually(PROMISE, || federation.status_at("yinzhou", "haishu") == "suspended").await;
    let refused = haishu.send(&name("yinzhou"), "market.message", b"hello".to_vec()).await;
    let Err(NetError::Refused(reason)) = refused else { panic!("read a suspended node's letter") };
    assert!(reason.starts_with("member.suspended"), "{reason}");
    assert_ne!(federation.digest("yinzhou"), before, "entries from index 4 on are taken back");
    eventually(PROMISE, || federation.all_hold_the_same(3)).await;
    eventually(PROMISE, || federation.digest("haishu") == federation.digest("yinzhou")).await;

    members::change(root, &Actor::node(), &change, Status::Active).expect("reinstated");
    eventually(PROMISE, || federation.digest("yinzhou") == before).await;
    eventually(PROMISE, || federation.digest("haishu") == before).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_and_a_withdrawn_node_are_not_linked() {
    let mut federation = Federation::new();
    federation.add("stranger", "330206");
    for node in ["ningbo", "yinzhou", "stranger"] {
        federation.start(node).await;
    }
    let ningbo = federation.net("ningbo");
    eventually(SETTLE, || ningbo.connected().contains(&name("yinzhou"))).await;
    assert!(!ningbo.connected().contains(&name("stranger")));
    assert_eq!(federation.size_at("stranger", "ningbo"), 0);
    let change = MemberChange { node: name("yinzhou"), from_index: 0, reason: "test".to_owned() };
    let root = federation.site("ningbo");
    members::change(root, &Actor::node(), &change, Status::Withdrawn).expect("withdrawn");
    eventually(PROMISE, || !ningbo.connected().contains(&name("yinzhou"))).await;
    let gone = ningbo.send(&name("yinzhou"), "market.message", Vec::new()).await;
    assert_eq!(gone, Err(NetError::NotAMember(name("yinzhou"))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_comes_back_is_connected_again() {
    let mut federation = Federation::new();
    federation.start("ningbo").await;
    federation.start("yinzhou").await;
    let ningbo = federation.net("ningbo");
    eventually(SETTLE, || ningbo.connected().contains(&name("yinzhou"))).await;
    federation.stop("yinzhou").await;
    eventually(SETTLE, || !ningbo.connected().contains(&name("yinzhou"))).await;
    let lost = ningbo.send(&name("yinzhou"), "market.message", Vec::new()).await;
    assert_eq!(lost, Err(NetError::NotConnected(name("yinzhou"))));
    federation.start("yinzhou").await;
    eventually(SETTLE, || ningbo.connected().contains(&name("yinzhou"))).await;
    eventually(SETTLE, || federation.status_at("yinzhou", "ningbo") == "active").await;
    let answer = ningbo.send(&name("yinzhou"), "market.message", b"again".to_vec()).await;
    assert_eq!(answer, Ok(b"ningbo market.message again".to_vec()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_port_in_use_is_a_clear_error() {
    let mut federation = Federation::new();
    federation.start("ningbo").await;
    let error = federation.start_again("ningbo").await.err().expect("the port is taken");
    let text = format!("{error:#}");
    assert!(text.contains("cannot listen on /ip4/127.0.0.1/tcp/"), "{text}");
}
