//! Members that give false, torn or endless bytes, or sign with another key than the one they were
//! admitted with: refused under their name, stored nowhere, and no hindrance to the others.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use lianshi_node::{
    net::{Answer, Request, Serve},
    ops,
};
use lianshi_registry::{checkpoint::Checkpoint, key::KeyPair, tile::Coordinate};
use lianshi_store::{Site, log};

use crate::{
    SETTLE,
    nodes::{Federation, eventually},
};

/// What a false member makes of true bytes.
#[derive(Clone, Copy)]
struct Lie {
    node: &'static str,
    division: &'static str,
    /// The code it is refused with; none where the frame already is.
    code: Option<&'static str>,
    heads: fn(Vec<u8>) -> Answer,
    bundle: fn(Vec<u8>) -> Answer,
}

fn forged_heads(_: Vec<u8>) -> Answer {
    let origin = lianshi_registry::id::Origin::parse("ningbo.example/yinzhou/1").expect("valid");
    let root = lianshi_registry::merkle::leaf_hash(b"made up");
    let note = Checkpoint { origin, size: 9_000, root }.sign(&KeyPair::from_seed([66; 32]));
    Answer::Done(serde_json::to_vec(&[note]).expect("JSON"))
}

fn changed(mut bytes: Vec<u8>) -> Answer {
    bytes[9] ^= 1;
    Answer::Done(bytes)
}

fn repeated(bytes: Vec<u8>) -> Answer {
    Answer::Done([bytes.clone(), bytes].concat())
}

fn oversized(_: Vec<u8>) -> Answer {
    Answer::Done([60_000_u16.to_be_bytes().to_vec(), vec![b' '; 60_000]].concat())
}

/// How often [`endless`] was asked.
static ENDLESS: AtomicUsize = AtomicUsize::new(0);

/// More than any frame may hold.
fn endless(_: Vec<u8>) -> Answer {
    ENDLESS.fetch_add(1, Ordering::Relaxed);
    Answer::Done(vec![b' '; 8 << 20])
}

fn torn(mut bytes: Vec<u8>) -> Answer {
    bytes.truncate(bytes.len() - 3);
    Answer::Done(bytes)
}

fn garbage(_: Vec<u8>) -> Answer {
    Answer::Done(b"no list of notes".to_vec())
}

fn lies() -> [Lie; 7] {
    let lie = |node, division, code, bundle: fn(Vec<u8>) -> Answer| Lie {
        node,
        division,
        code,
        heads: Answer::Done,
        bundle,
    };
    let of_heads = |node, division, code, heads: fn(Vec<u8>) -> Answer| Lie {
        node,
        division,
        code: Some(code),
        heads,
        bundle: Answer::Done,
    };
    [
        lie("jiangbei", "330205", Some("sync.other_root"), changed),
        lie("beilun", "330206", Some("sync.wrong_count"), repeated),
        lie("zhenhai", "330211", Some("sync.entry_too_large"), oversized),
        lie("fenghua", "330213", Some("sync.bundle_malformed"), torn),
        lie("xiangshan", "330225", None, endless),
        of_heads("ninghai", "330226", "sync.heads_malformed", garbage),
        of_heads("yuyao", "330281", "sync.head_refused", forged_heads),
    ]
}

/// Answers what is asked about the writer's log, and lies about it.
fn serve(writer: &Site, lie: Lie) -> Serve {
    let site = writer.clone();
    Arc::new(move |_, request| match request {
        Request::Heads(_) => {
            let note = log::publish_head(&site).expect("signed").note;
            (lie.heads)(serde_json::to_vec(&[note]).expect("JSON"))
        }
        Request::Resource { path, .. } => {
            let Ok(place) = Coordinate::parse(&path) else { return Answer::Missing };
            let tile = site.db.read(|read| log::tile(read, &site.origin, place));
            tile.expect("read").map_or(Answer::Missing, lie.bundle)
        }
        _ => Answer::Done(Vec::new()),
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_false_members_give_is_refused_under_their_name_and_had_from_others() {
    ops::install_metrics();
    let mut federation = Federation::new();
    for lie in lies() {
        federation.add(lie.node, lie.division);
        federation.admit(lie.node);
    }
    federation.publish("yinzhou", 100);
    let writer = federation.site("yinzhou").clone();
    federation.start("ningbo").await;
    for lie in lies() {
        let _linked = federation.start_false(lie.node, serve(&writer, lie)).await;
        match lie.code {
            Some(code) => federation.refused(SETTLE, lie.node, code).await,
            None => eventually(SETTLE, || ENDLESS.load(Ordering::Relaxed) > 0).await,
        }
        assert_eq!(federation.size_at("ningbo", "yinzhou"), 0, "{} was believed", lie.node);
    }
    federation.start("yinzhou").await;
    eventually(SETTLE, || federation.size_at("ningbo", "yinzhou") == 100).await;
    eventually(SETTLE, || federation.digest("ningbo") == federation.digest("yinzhou")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_signed_with_another_key_than_the_admitted_one_is_refused_under_its_nodes_name() {
    ops::install_metrics();
    let mut federation = Federation::new();
    federation.add("cixi", "330282");
    federation.admit("cixi");
    federation.change_log_key("cixi");
    federation.publish("cixi", 10);
    for node in ["ningbo", "cixi", "haishu"] {
        federation.start(node).await;
    }
    federation.refused(SETTLE, "cixi", "sync.head_refused").await;
    federation.publish("haishu", 10);
    eventually(SETTLE, || federation.size_at("ningbo", "haishu") == 10).await;
    eventually(SETTLE, || federation.size_at("cixi", "haishu") == 10).await;
    assert_eq!(federation.size_at("ningbo", "cixi"), 0);
    assert_eq!(federation.size_at("haishu", "cixi"), 0);
}
