//! Members that no link is kept with, as most are in a large federation.

use std::{net::TcpListener, sync::Arc};

use lianshi_node::net::{self, Answer, LinkEvent, Listen, NetError, NetHandle, Peer, Serve};
use lianshi_registry::key::KeyPair;
use tokio::sync::mpsc;

use crate::nodes::name;

/// A network that answers letters with the name of its node.
struct Member {
    peer: Peer,
    net: NetHandle,
    links: mpsc::UnboundedReceiver<LinkEvent>,
}

fn peer(node: &str, seed: u8) -> Peer {
    let free = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound");
    Peer {
        node: name(node),
        identity_key: KeyPair::from_seed([seed; 32]).public(),
        addresses: vec![format!("/ip4/127.0.0.1/tcp/{}", free.port())],
        kept: false,
    }
}

fn start(node: &str, seed: u8) -> Member {
    let peer = peer(node, seed);
    let said = node.as_bytes().to_vec();
    let serve: Serve = Arc::new(move |_, _| Answer::Done(said.clone()));
    let listen = peer.addresses.first().expect("one").clone();
    let (net, links) =
        net::start(&KeyPair::from_seed([seed; 32]), &Listen::at(&listen), serve).expect("started");
    Member { peer, net, links }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_is_dialed_when_there_is_something_to_say_and_not_before() {
    let (one, two, mut kept, silent) =
        (start("one", 1), start("two", 2), start("kept", 3), start("silent", 4));
    let away = peer("away", 5);
    for member in [&two, &kept, &silent] {
        member.net.set_peers(vec![one.peer.clone()]).await;
    }
    let linked = Peer { kept: true, ..kept.peer.clone() };
    let others = [two.peer.clone(), silent.peer.clone(), away.clone()];
    one.net.set_peers([vec![linked], others.to_vec()].concat()).await;
    let letter = |to: &Peer| {
        let (net, to) = (one.net.clone(), to.node.clone());
        async move { net.send(&to, "market.message", b"hello".to_vec()).await }
    };
    // Many at once: they wait for the same connection.
    let answers = futures::future::join_all((0..10).map(|_| letter(&two.peer))).await;
    assert!(answers.iter().all(|answer| *answer == Ok(b"two".to_vec())), "{answers:?}");
    assert_eq!(kept.links.recv().await, Some(LinkEvent::Connected(name("one"))));
    assert_eq!(letter(&away).await, Err(NetError::NotConnected(name("away"))));
    let connected = one.net.connected();
    assert!(!connected.contains(&name("silent")), "nobody asked it anything: {connected:?}");
    for member in [one, two, kept, silent] {
        member.net.stop().await;
    }
}
