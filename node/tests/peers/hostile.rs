//! A member that speaks the wire itself and keeps to no rule: streams that never end, answers it
//! never reads, frames without measure, letters without pause. It costs this node a bounded amount,
//! the others notice nothing, and it stays a member.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, StreamExt as _};
use lianshi_node::net::{
    self, Answer, Listen, MEMORY_PER_PEER_MAX, NetHandle, Peer, Request, Serve,
};
use lianshi_registry::key::KeyPair;
use libp2p::{
    Multiaddr, PeerId, StreamProtocol, Swarm, SwarmBuilder, noise, ping,
    request_response::{self, Config, Event, Message, ProtocolSupport},
    swarm::{NetworkBehaviour, SwarmEvent},
    tcp, yamux,
};
use tokio::{sync::mpsc, time::timeout};

use crate::{
    PROMISE, SETTLE,
    nodes::{Links, eventually, name},
};

/// What the hostile member sends on a stream.
#[derive(Debug, Clone)]
struct Sent {
    bytes: Vec<u8>,
    /// Whether the stream ends after them.
    ends: bool,
}

/// The wire without its rules.
#[derive(Debug, Clone)]
struct Lawless {
    /// Whether it reads what it is answered.
    reads: bool,
}

impl request_response::Codec for Lawless {
    type Protocol = StreamProtocol;
    type Request = Sent;
    type Response = Vec<u8>;

    async fn read_request<T>(&mut self, _: &StreamProtocol, _: &mut T) -> io::Result<Sent>
    where
        T: AsyncRead + Unpin + Send,
    {
        Err(io::ErrorKind::Unsupported.into())
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Vec<u8>>
    where
        T: AsyncRead + Unpin + Send,
    {
        if !self.reads {
            return futures::future::pending().await;
        }
        let mut bytes = Vec::new();
        io.read_to_end(&mut bytes).await?;
        Ok(bytes)
    }

    async fn write_request<T>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        sent: Sent,
    ) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        io.write_all(&sent.bytes).await?;
        io.flush().await?;
        if sent.ends {
            return Ok(());
        }
        // One that never ends drips on until it is given up.
        loop {
            tokio::time::sleep(Duration::from_millis(200)).await;
            io.write_all(b".").await?;
            io.flush().await?;
        }
    }

    async fn write_response<T>(
        &mut self,
        _: &StreamProtocol,
        _: &mut T,
        _: Vec<u8>,
    ) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// What the hostile member speaks: it answers pings, or its link would be taken for dead.
#[derive(NetworkBehaviour)]
struct Speech {
    ping: ping::Behaviour,
    exchange: request_response::Behaviour<Lawless>,
}

/// The hostile member: what it is told to send, and what it is answered; `None` for a stream that
/// failed.
struct Hostile {
    send: mpsc::UnboundedSender<Sent>,
    answers: mpsc::UnboundedReceiver<Option<Vec<u8>>>,
}

impl Hostile {
    fn link(key: &KeyPair, (peer, address): (PeerId, Multiaddr), reads: bool) -> Self {
        let keypair = libp2p::identity::Keypair::ed25519_from_bytes(key.seed()).expect("a key");
        let config = Config::default()
            .with_request_timeout(Duration::from_mins(1))
            .with_max_concurrent_streams(100_000);
        let protocol = (StreamProtocol::new("/lianshi/1"), ProtocolSupport::Outbound);
        let exchange =
            request_response::Behaviour::with_codec(Lawless { reads }, [protocol], config);
        let mut swarm = SwarmBuilder::with_existing_identity(keypair)
            .with_tokio()
            .with_tcp(tcp::Config::default(), noise::Config::new, yamux::Config::default)
            .expect("a transport")
            .with_behaviour(|_| Speech { ping: ping::Behaviour::default(), exchange })
            .expect("a behaviour")
            .with_swarm_config(|config| config.with_idle_connection_timeout(SETTLE * 3))
            .build();
        swarm.dial(address.clone()).expect("dialed");
        let (send, sending) = mpsc::unbounded_channel();
        let (answered, answers) = mpsc::unbounded_channel();
        tokio::spawn(drive(swarm, (peer, address), sending, answered));
        Self { send, answers }
    }

    fn send(&self, bytes: Vec<u8>, ends: bool) {
        self.send.send(Sent { bytes, ends }).expect("the swarm lives");
    }

    /// The next answer, a frame's bytes; `None` for a stream that failed or ended without one.
    async fn answer(&mut self) -> Option<Vec<u8>> {
        let answer = timeout(SETTLE, self.answers.recv()).await.expect("in time");
        answer.expect("the swarm lives").filter(|bytes| !bytes.is_empty())
    }

    /// Asks, and is answered.
    async fn ask(&mut self, request: &Request) -> Option<Answer> {
        self.send(request.encode(), true);
        Answer::decode(&self.answer().await?)
    }
}

async fn drive(
    mut swarm: Swarm<Speech>,
    (peer, address): (PeerId, Multiaddr),
    mut sending: mpsc::UnboundedReceiver<Sent>,
    answered: mpsc::UnboundedSender<Option<Vec<u8>>>,
) {
    let mut linked = false;
    loop {
        tokio::select! {
            sent = sending.recv(), if linked => match sent {
                Some(sent) => drop(swarm.behaviour_mut().exchange.send_request(&peer, sent)),
                None => return,
            },
            event = swarm.select_next_some() => match event {
                SwarmEvent::ConnectionEstablished { .. } => linked = true,
                SwarmEvent::ConnectionClosed { .. }
                | SwarmEvent::OutgoingConnectionError { .. } => {
                    // Its admission may still be on the way.
                    linked = false;
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    swarm.dial(address.clone()).expect("dialed");
                }
                SwarmEvent::Behaviour(SpeechEvent::Exchange(Event::Message {
                    message: Message::Response { response, .. }, ..
                })) => drop(answered.send(Some(response))),
                SwarmEvent::Behaviour(SpeechEvent::Exchange(Event::OutboundFailure { .. })) => {
                    drop(answered.send(None));
                }
                _ => {}
            },
        }
    }
}

/// A node under attack, an honest member that is linked with it, and how often it was served.
struct Scene {
    node: NetHandle,
    honest: NetHandle,
    hostile: Hostile,
    served: Arc<AtomicUsize>,
    _links: [Links; 2],
}

fn key(seed: u8) -> KeyPair {
    KeyPair::from_seed([seed; 32])
}

fn free_address() -> String {
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    format!("/ip4/127.0.0.1/tcp/{}", free.local_addr().expect("bound").port())
}

/// The node answers every request of the hostile member with so many bytes.
async fn scene(answer_bytes: usize, reads: bool) -> Scene {
    let served = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&served);
    let serve: Serve = Arc::new(move |peer, _| {
        counted.fetch_add(1, Ordering::Relaxed);
        let size = if peer == name("hostile") { answer_bytes } else { 10 };
        Answer::Done(vec![7; size])
    });
    let address = free_address();
    let (node, node_links) = net::start(&key(1), &Listen::at(&address), serve).expect("started");
    let silent: Serve = Arc::new(|_, _| Answer::Missing);
    let (honest, honest_links) =
        net::start(&key(2), &Listen::at(&free_address()), silent).expect("started");
    let peer = |name_: &str, seed: u8, addresses: Vec<String>| Peer {
        node: name(name_),
        identity_key: key(seed).public(),
        addresses,
        kept: true,
    };
    node.set_peers(vec![peer("honest", 2, Vec::new()), peer("hostile", 3, Vec::new())]).await;
    honest.set_peers(vec![peer("node", 1, vec![address.clone()])]).await;
    let id = net::peer_id(&key(1).public()).expect("a key");
    let hostile = Hostile::link(&key(3), (id, address.parse().expect("an address")), reads);
    eventually(SETTLE, || node.connected().len() == 2 && honest.connected().len() == 1).await;
    Scene { node, honest, hostile, served, _links: [node_links, honest_links] }
}

impl Scene {
    /// The honest member is answered at once, and the hostile one still a member.
    async fn nobody_else_notices(&self) {
        let node = name("node");
        let letter = self.honest.send(&node, "market.message", b"hello".to_vec());
        let answer = timeout(PROMISE, letter).await.expect("in time");
        assert!(answer.is_ok(), "{answer:?}");
        assert!(self.node.connected().contains(&name("hostile")), "nobody is banned");
    }
}

fn letter(size: usize) -> Request {
    Request::Letter { kind: "market.message".to_owned(), bytes: vec![b'x'; size] }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_that_never_end_are_given_up_and_hold_nobody_up() {
    let mut scene = scene(10, true).await;
    for _ in 0..100 {
        scene.hostile.send(letter(100).encode(), false);
    }
    scene.nobody_else_notices().await;
    assert_eq!(scene.served.load(Ordering::Relaxed), 1, "half a letter is no letter");
    // All of them fail: those beyond the limit at once, the others when their time is over.
    for _ in 0..100 {
        assert_eq!(scene.hostile.answer().await, None);
    }
    let answer = scene.hostile.ask(&letter(100)).await;
    assert_eq!(answer, Some(Answer::Done(vec![7; 10])), "it is served again");
}

/// Memory of this process that is not swapped, in bytes.
fn resident_bytes() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux");
    let pages: usize = statm.split(' ').nth(1).expect("a field").parse().expect("a number");
    pages * 4096
}

/// Set in the process that measures its memory, in which no other test runs.
const ALONE: &str = "LIANSHI_TEST_ALONE";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_reads_no_answer_costs_a_bounded_amount_of_memory() {
    if std::env::var_os(ALONE).is_some() {
        return read_no_answer().await;
    }
    let name = "hostile::a_peer_that_reads_no_answer_costs_a_bounded_amount_of_memory";
    let mut alone = std::process::Command::new(std::env::current_exe().expect("this program"));
    let output = alone.args(["--exact", name, "--nocapture"]).env(ALONE, "1").output();
    let output = output.expect("it runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("1 passed"), "{said}");
}

async fn read_no_answer() {
    let scene = scene(4 << 20, false).await;
    let before = resident_bytes();
    for number in 0..100 {
        // Letters of the largest size that do not end, and requests whose answers nobody reads.
        let size = if number % 3 == 0 { 250_000 } else { 10 };
        scene.hostile.send(letter(size).encode(), number % 3 != 0);
    }
    let served = || scene.served.load(Ordering::Relaxed);
    eventually(SETTLE, || served() == 8).await;
    for _ in 0..20 {
        scene.nobody_else_notices().await;
    }
    assert_eq!(served(), 8 + 20, "the hostile member is given no more than eight answers");
    let grown = resident_bytes().saturating_sub(before);
    assert!(grown < MEMORY_PER_PEER_MAX, "{grown} bytes, bound {MEMORY_PER_PEER_MAX}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_without_measure_are_refused_one_by_one() {
    let mut scene = scene(10, true).await;
    let witness = [vec![6], vec![b'o'; 1 << 20]].concat();
    let announce = [vec![2], vec![b'a'; 1 << 20]].concat();
    for bytes in [witness, announce, vec![3; 1 << 20], vec![0; 1 << 22], letter(1 << 20).encode()] {
        scene.hostile.send(bytes, true);
        assert_eq!(scene.hostile.answer().await, None);
    }
    for bytes in [vec![], vec![9], vec![4, 0xff, 0xff, 0], vec![3, 0, 1, b'x']] {
        scene.hostile.send(bytes, true);
        assert_eq!(scene.hostile.answer().await, None);
    }
    assert_eq!(scene.served.load(Ordering::Relaxed), 0, "nothing of it was read");
    scene.nobody_else_notices().await;
    assert_eq!(scene.hostile.ask(&letter(10)).await, Some(Answer::Done(vec![7; 10])));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn letters_without_pause_are_answered_with_busy_and_later_again() {
    let mut scene = scene(10, true).await;
    let mut answers = (0, 0);
    // Fewer at a time than one connection may have, so that every one is answered.
    for _ in 0..300 {
        for _ in 0..10 {
            scene.hostile.send(letter(10).encode(), true);
        }
        for _ in 0..10 {
            match Answer::decode(&scene.hostile.answer().await.expect("an answer")) {
                Some(Answer::Done(_)) => answers.0 += 1,
                Some(Answer::Busy) => answers.1 += 1,
                other => panic!("{other:?}"),
            }
        }
    }
    let (done, busy) = answers;
    assert!(done >= 2_000, "the burst is answered, {done}");
    assert!(busy > 0, "and what comes after it is not, {done}");
    scene.nobody_else_notices().await;
    // What the rate earns is answered again.
    for _ in 0..100 {
        if scene.hostile.ask(&letter(10)).await != Some(Answer::Busy) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("it is never answered again");
}
