//! The network: one libp2p swarm in its own task. It only translates: requests and letters go out,
//! answers come back, inbound requests are handed to a [`Serve`] function on a blocking thread. It
//! decides nothing, keeps nothing, and does no disk or signature work in its loop.

mod handle;
mod link;
mod quota;
mod serving;
mod swarm;
mod task;
mod transport;
mod wire;

use std::sync::Arc;

pub use lianshi_registry::wire::{Answer, Request};
use lianshi_registry::{
    id::NodeName,
    key::{KeyPair, PublicKey},
};
use libp2p::{Multiaddr, PeerId};
use tokio::sync::mpsc;

use crate::files::PEERS_MAX;

pub use handle::{NetError, NetHandle};
pub(crate) use quota::BUSY;
pub use swarm::MEMORY_PER_PEER_MAX;
use transport::Port;

/// Answers inbound requests, called on a blocking thread with the name of the authenticated sender.
pub type Serve = Arc<dyn Fn(NodeName, Request) -> Answer + Send + Sync>;

/// A node this one may talk to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Its name.
    pub node: NodeName,
    /// Its identity key; connections from other keys are refused.
    pub identity_key: PublicKey,
    /// Where it is reached; addresses that do not parse are left out.
    pub addresses: Vec<String>,
    /// Whether a link is kept; another member is dialed when it is asked something.
    pub kept: bool,
}

/// What happened to a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkEvent {
    /// The first connection to a peer stands.
    Connected(NodeName),
    /// The last connection to a peer is gone.
    Disconnected(NodeName),
    /// What a peer says of the program it runs; nothing vouches for it.
    Introduced(NodeName, String),
}

/// Why the network did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The listening address is not a libp2p address.
    #[error("`{0}` is not a peer address such as /ip4/127.0.0.1/tcp/8802")]
    Address(String),
    /// The key or the transport could not be set up.
    #[error("cannot set up the peer transport: {0}")]
    Transport(String),
    /// The port is taken or may not be used.
    #[error("cannot listen on {address}; is another process using the port?")]
    Listen {
        /// Where.
        address: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + std::marker::Sync>,
    },
}

/// Where to listen, and to how many.
#[derive(Debug, Clone, Copy)]
pub struct Listen<'a> {
    /// libp2p address.
    pub address: &'a str,
    /// Connections there may be, the handshakes among them.
    pub connections: usize,
}

impl<'a> Listen<'a> {
    /// An address with as many connections as a node may need.
    pub fn at(address: &'a str) -> Self {
        Self { address, connections: PEERS_MAX }
    }
}

/// Starts the swarm in its own task. Links come and go on the returned channel. The task ends with
/// [`NetHandle::stop`]; a panic inside is logged and the swarm is built anew.
pub fn start(
    identity: &KeyPair,
    listen: &Listen<'_>,
    serve: Serve,
) -> Result<(NetHandle, mpsc::UnboundedReceiver<LinkEvent>), StartError> {
    let address: Multiaddr =
        listen.address.parse().map_err(|_| StartError::Address(listen.address.to_owned()))?;
    let port = Port::new(address, listen.connections);
    let swarm = swarm::build(identity, &port)?;
    Ok(task::spawn(identity.clone(), port, swarm, serve))
}

/// The libp2p peer id of an identity key.
pub fn peer_id(key: &PublicKey) -> Option<PeerId> {
    let key = libp2p::identity::ed25519::PublicKey::try_from_bytes(&key.bytes()).ok()?;
    Some(libp2p::identity::PublicKey::from(key).to_peer_id())
}
