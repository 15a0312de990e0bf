//! Strangers that connect and say nothing. They take the places of one another, never of a member.

use std::{
    cell::RefCell,
    io::{self, Read as _},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use lianshi_node::net::{self, Answer, Listen, NetHandle, Peer, Serve};
use lianshi_registry::key::KeyPair;

use crate::nodes::{Links, eventually, name};

/// Silent connections held all the time; each that is closed is replaced.
const STRANGERS: usize = 200;
/// A member is linked within this, whatever strangers do: far below a handshake's time.
const LINKED: Duration = Duration::from_secs(3);

/// Keeps a port full of silence until it is dropped.
struct Flood(Arc<AtomicBool>);

impl Flood {
    /// Returns when all of them have connected once.
    fn at(port: u16) -> Self {
        let goes_on = Arc::new(AtomicBool::new(true));
        let flag = Arc::clone(&goes_on);
        let (told, full) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let mut held: Vec<TcpStream> = Vec::new();
            while flag.load(Ordering::Relaxed) {
                held.retain_mut(is_open);
                while held.len() < STRANGERS {
                    let Ok(silent) = TcpStream::connect(("127.0.0.1", port)) else { break };
                    silent.set_nonblocking(true).expect("a socket");
                    held.push(silent);
                }
                // Only the first time is waited for.
                let _ = told.send(());
                std::thread::park_timeout(Duration::from_millis(100));
            }
        });
        full.recv().expect("as many as are wanted");
        Self(goes_on)
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

fn is_open(silent: &mut TcpStream) -> bool {
    let read = silent.read(&mut [0; 256]);
    matches!(read, Ok(1..)) || matches!(read, Err(e) if e.kind() == io::ErrorKind::WouldBlock)
}

fn key(seed: u8) -> KeyPair {
    KeyPair::from_seed([seed; 32])
}

fn start(seed: u8, address: &str) -> (NetHandle, Links) {
    let serve: Serve = Arc::new(|_, _| Answer::Missing);
    net::start(&key(seed), &Listen::at(address), serve).expect("started")
}

fn peer(node: &str, seed: u8, addresses: Vec<String>) -> Peer {
    Peer { node: name(node), identity_key: key(seed).public(), addresses, kept: true }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silent_strangers_keep_no_member_out() {
    let port =
        TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound").port();
    let address = format!("/ip4/127.0.0.1/tcp/{port}");
    let (node, _links) = start(1, &address);
    // It knows no address of the member's and cannot dial it: the member must get in.
    node.set_peers(vec![peer("yinzhou", 2, Vec::new())]).await;
    let _flood = Flood::at(port);
    // As many times as a lucky moment would not explain.
    for _ in 0..4 {
        let (member, _links) = start(2, "/ip4/127.0.0.1/tcp/0");
        member.set_peers(vec![peer("ningbo", 1, vec![address.clone()])]).await;
        eventually(LINKED, || node.connected().contains(&name("yinzhou"))).await;
        member.stop().await;
        eventually(LINKED, || !node.connected().contains(&name("yinzhou"))).await;
    }
}

/// A handshake's time, and as much again for a machine with other work.
const GIVEN_UP: Duration = Duration::from_secs(8);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handshake_that_does_not_begin_is_given_up() {
    let port =
        TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound").port();
    let (_node, _links) = start(1, &format!("/ip4/127.0.0.1/tcp/{port}"));
    let silent = TcpStream::connect(("127.0.0.1", port)).expect("connected");
    silent.set_nonblocking(true).expect("a socket");
    let silent = RefCell::new(silent);
    eventually(GIVEN_UP, || !is_open(&mut silent.borrow_mut())).await;
}
