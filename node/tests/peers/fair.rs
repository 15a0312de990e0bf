//! Letters for one peer that is away, one that is linked and never answers, and one that does: the
//! last waits for neither, and what cannot leave is not written about again and again.

use std::{
    collections::HashSet,
    net::TcpListener,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    time::Duration,
};

use lianshi_node::{
    clock,
    net::{self, Answer, Listen, NetHandle, Peer, Request, Serve},
    post::{self, outlets::Outlets},
};
use lianshi_registry::{
    entry::Texts,
    id::{DivisionCode, Origin},
    key::KeyPair,
    policy::Rule,
    time::Timestamp,
    wire::Receipt,
};
use lianshi_store::{
    Db, Site,
    outbox::{self, OutboxRow},
};
use tokio::{sync::Notify, task::JoinHandle};

use crate::{SETTLE, name, nodes::eventually};

/// Letters that wait for each.
const LETTERS: usize = 400;
/// In which everything for whoever answers has arrived, in an unoptimized build: far less than the
/// fifteen seconds an unanswered letter takes.
const ARRIVES: Duration = Duration::from_secs(10);

pub fn key(seed: u8) -> KeyPair {
    KeyPair::from_seed([seed; 32])
}

pub fn free_address() -> String {
    let free = TcpListener::bind("127.0.0.1:0").expect("a port");
    format!("/ip4/127.0.0.1/tcp/{}", free.local_addr().expect("bound").port())
}

pub fn peer(node: &str, seed: u8, addresses: Vec<String>) -> Peer {
    Peer { node: name(node), identity_key: key(seed).public(), addresses, kept: true }
}

fn site(folder: &std::path::Path) -> Site {
    Site {
        db: Db::open_file(&folder.join("node.sqlite")).expect("a database"),
        node: name("node"),
        name: Texts { zh: "节点".to_owned(), en: "Node".to_owned() },
        division: DivisionCode::parse("330212").expect("a division"),
        origin: Origin::parse("tested.example/node/1").expect("an origin"),
        public_url: String::new(),
        log_key: key(1),
        seal_key: key(1),
        witness_key: key(1),
        quorum: Rule::default(),
        folder: folder.to_owned(),
        clock: clock::now,
        nudge: Arc::new(|| {}),
    }
}

fn letter(target: &str, number: usize) -> OutboxRow {
    let id = format!("{target}/{number:05}");
    OutboxRow {
        ordering_key: id.clone(),
        id,
        kind: "statement".to_owned(),
        target: target.to_owned(),
        payload: format!("letter {number:05}").into_bytes(),
        created_at: 0,
        due_at: 0,
        attempts: 0,
        last_error: String::new(),
    }
}

/// How many letters wait for a target, and how often they were tried together.
fn waiting(site: &Site, target: &str) -> (usize, i64) {
    let far = Timestamp::from_millis(i64::MAX);
    let rows = site.db.read(|read| outbox::due_to(read, target, (far, 10_000))).expect("read");
    (rows.len(), rows.iter().map(|row| row.attempts).sum())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_away_or_never_answers_keeps_nobody_else_waiting() {
    let folder = tempfile::tempdir().expect("a folder");
    let site = site(folder.path());
    let (letting_go, held) = mpsc::channel::<()>();
    let held = Arc::new(Mutex::new(held));
    let taken = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&taken);
    let answers: Serve = Arc::new(move |_, _| {
        counted.fetch_add(1, Ordering::Relaxed);
        Answer::Done(Receipt::Taken.to_bytes())
    });
    let frozen: Serve = Arc::new(move |_, _| {
        // Until the test is over: the sender is dropped then.
        let _ = held.lock().map(|held| held.recv());
        Answer::Missing
    });
    let none: Serve = Arc::new(|_, _| Answer::Missing);
    let address = free_address();
    let (node, _node_links) = net::start(&key(1), &Listen::at(&address), none).expect("started");
    let (honest, _links) =
        net::start(&key(2), &Listen::at(&free_address()), answers).expect("started");
    let (silent, _silent_links) =
        net::start(&key(3), &Listen::at(&free_address()), frozen).expect("started");
    let others = ["honest", "silent", "away"].into_iter().zip(2_u8..);
    node.set_peers(others.map(|(other, seed)| peer(other, seed, Vec::new())).collect()).await;
    for other in [&honest, &silent] {
        other.set_peers(vec![peer("node", 1, vec![address.clone()])]).await;
    }
    eventually(SETTLE, || node.connected().len() == 2).await;
    let put = site.db.write(|write| {
        // Those for whom nothing can leave come first, by target and by id.
        for target in ["away", "silent", "honest"] {
            for number in 0..LETTERS {
                outbox::enqueue(write, &letter(target, number))?;
            }
        }
        Ok::<_, lianshi_store::Fault>(())
    });
    put.expect("enqueued");

    let outlets = Arc::new(Outlets::new(&site, None, &[]).expect("into a folder"));
    let wake = Arc::new(Notify::new());
    let post = tokio::spawn(post::run(site.clone(), node.clone(), outlets, wake));
    eventually(ARRIVES, || waiting(&site, "honest").0 == 0).await;
    assert_eq!(taken.load(Ordering::Relaxed), LETTERS, "each once");
    for target in ["away", "silent"] {
        let (rows, attempts) = waiting(&site, target);
        assert_eq!(rows, LETTERS);
        assert!(attempts < 10, "{target}: {attempts} attempts are written down");
    }
    // Whoever comes back is served at once, though it rests.
    let answers: Serve = Arc::new(|_, _| Answer::Done(Receipt::Taken.to_bytes()));
    let (back, _back_links) =
        net::start(&key(4), &Listen::at(&free_address()), answers).expect("started");
    back.set_peers(vec![peer("node", 1, vec![address])]).await;
    eventually(ARRIVES, || waiting(&site, "away").0 == 0).await;
    post.abort();
    drop(letting_go);
    for net in [node, honest, silent, back] {
        net.stop().await;
    }
}

/// What a peer heard, in that order.
type Heard = Arc<Mutex<Vec<Vec<u8>>>>;

/// Takes every letter.
fn listening() -> (Serve, Heard) {
    let heard = Heard::default();
    let taken = Arc::clone(&heard);
    let serve: Serve = Arc::new(move |_, request| {
        let Request::Letter { bytes, .. } = request else { return Answer::Missing };
        taken.lock().expect("whole").push(bytes);
        Answer::Done(Receipt::Taken.to_bytes())
    });
    (serve, heard)
}

/// The post of a node that has one peer.
async fn posting(site: &Site, address: &str, other: Peer) -> (NetHandle, JoinHandle<()>) {
    let none: Serve = Arc::new(|_, _| Answer::Missing);
    let (node, _) = net::start(&key(1), &Listen::at(address), none).expect("started");
    node.set_peers(vec![other]).await;
    let outlets = Arc::new(Outlets::new(site, None, &[]).expect("into a folder"));
    let post = post::run(site.clone(), node.clone(), outlets, Arc::new(Notify::new()));
    (node, tokio::spawn(post))
}

fn enqueue(site: &Site, target: &str, letters: usize) {
    let put = site.db.write(|write| {
        (0..letters)
            .try_for_each(|number| outbox::enqueue(write, &letter(target, number)).map(drop))
    });
    put.expect("enqueued");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ending_is_the_first_that_a_node_hears_when_it_is_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let site = site(folder.path());
    enqueue(&site, "away", LETTERS);
    let ending = OutboxRow { payload: b"an ending".to_vec(), ..letter("away", LETTERS) };
    let put = site.db.write(|write| {
        outbox::enqueue(write, &ending)?;
        outbox::hurry(write, (&ending.id, &ending.ordering_key))
    });
    put.expect("enqueued");
    let address = free_address();
    let (node, post) = posting(&site, &address, peer("away", 4, Vec::new())).await;
    // The pause after it is long enough to come back in.
    eventually(SETTLE, || waiting(&site, "away").1 == 3).await;
    let (serve, heard) = listening();
    let (back, _links) = net::start(&key(4), &Listen::at(&free_address()), serve).expect("started");
    back.set_peers(vec![peer("node", 1, vec![address])]).await;
    eventually(ARRIVES, || waiting(&site, "away").0 == 0).await;
    let place = heard.lock().expect("whole").iter().position(|bytes| *bytes == ending.payload);
    assert_eq!(place, Some(0), "of {LETTERS}");
    post.abort();
    for net in [node, back] {
        net.stop().await;
    }
}

/// Takes every letter, each tenth when it comes once more.
fn busy_at_times() -> (Serve, Heard) {
    let (serve, heard) = listening();
    let busy_once = Mutex::new(HashSet::new());
    let at_times: Serve = Arc::new(move |from, request| {
        if let Request::Letter { bytes, .. } = &request
            && bytes.ends_with(b"9")
            && busy_once.lock().expect("whole").insert(bytes.clone())
        {
            return Answer::Busy;
        }
        serve(from, request)
    });
    (at_times, heard)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_busy_is_left_alone_for_a_moment_only() {
    let folder = tempfile::tempdir().expect("a folder");
    let site = site(folder.path());
    enqueue(&site, "honest", LETTERS);
    let (address, (serve, heard)) = (free_address(), busy_at_times());
    let (honest, _links) =
        net::start(&key(2), &Listen::at(&free_address()), serve).expect("started");
    honest.set_peers(vec![peer("node", 1, vec![address.clone()])]).await;
    let (node, post) = posting(&site, &address, peer("honest", 2, Vec::new())).await;
    eventually(SETTLE, || !heard.lock().expect("whole").is_empty()).await;
    // Forty times busy, for a fifth of a second each.
    eventually(2 * ARRIVES, || {
        let (rows, attempts) = waiting(&site, "honest");
        assert_eq!(attempts, 0, "what was not looked at keeps its place");
        rows == 0
    })
    .await;
    assert_eq!(heard.lock().expect("whole").len(), LETTERS, "each once");
    post.abort();
    for net in [node, honest] {
        net.stop().await;
    }
}
