//! How the swarm is built: tcp, noise and yamux; identify, ping and one request-response protocol;
//! an allow-list and connection limits. No discovery of any kind: addresses come from admission
//! entries and the charter.

use std::time::Duration;

use lianshi_registry::{
    key::KeyPair,
    program::Program,
    wire::{ANSWER_BYTES_MAX, REQUEST_BYTES_MAX},
};
use libp2p::{
    Multiaddr, Swarm, SwarmBuilder, allow_block_list, connection_limits, identify,
    multiaddr::Protocol, ping, request_response, swarm::NetworkBehaviour,
};

use super::{
    StartError,
    serving::SERVING_PER_PEER_MAX,
    transport::{self, Port},
    wire::{Codec, LARGE_FRAMES_MAX, PROTOCOL, SMALL_FRAME_BYTES_MAX},
};

/// Links between members stay open this long without a request: longer than the interval of head
/// exchanges.
const IDLE_TIMEOUT: Duration = Duration::from_mins(2);
/// A dead link is noticed after at most the interval, the timeout and the ten seconds that libp2p
/// then tries to open a stream for a second ping, because it forgives the first: 20 s.
const PING_INTERVAL: Duration = Duration::from_secs(5);
const PING_TIMEOUT: Duration = Duration::from_secs(5);
/// A bundle of 4 MiB takes 4 s on 8 Mbit/s; three times that is a stall.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);
/// Dialing and handshake together, for a connection this node opens.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(10);
/// Streams of one connection that carry a request at a time, in both directions together.
pub(super) const STREAMS_MAX: usize = 64;
const PENDING_OUTBOUND_MAX: u32 = 64;
/// Both sides may dial at once, and a dead link may linger beside its successor.
const PER_PEER_MAX: usize = 3;
/// What a peer gets before this node has read it, on every stream, as yamux grants it.
const WINDOW_BYTES: usize = 256 * 1024;

/// The most memory one peer can make this node use for its requests and their answers, whatever it
/// sends and however little it reads: on each connection the frames being read, small and large,
/// and once the answers that are not sent. Streams refused at once are read no further, so of the
/// others only the large ones may have a window's worth waiting.
pub const MEMORY_PER_PEER_MAX: usize = PER_PEER_MAX
    * (STREAMS_MAX * SMALL_FRAME_BYTES_MAX + LARGE_FRAMES_MAX * (REQUEST_BYTES_MAX + WINDOW_BYTES))
    + SERVING_PER_PEER_MAX * ANSWER_BYTES_MAX;

#[derive(NetworkBehaviour)]
pub(super) struct Behaviour {
    pub(super) allowed: allow_block_list::Behaviour<allow_block_list::AllowedPeers>,
    pub(super) limits: connection_limits::Behaviour,
    pub(super) identify: identify::Behaviour,
    pub(super) ping: ping::Behaviour,
    pub(super) exchange: request_response::Behaviour<Codec>,
}

/// Why a transport could not be made.
type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Builds a swarm that listens.
pub(super) fn build(identity: &KeyPair, port: &Port) -> Result<Swarm<Behaviour>, StartError> {
    let transport = |error: &dyn std::fmt::Display| StartError::Transport(error.to_string());
    let keypair = libp2p::identity::Keypair::ed25519_from_bytes(identity.seed())
        .map_err(|error| transport(&error))?;
    let mut swarm = SwarmBuilder::with_existing_identity(keypair)
        .with_tokio()
        .with_other_transport(|keypair| port.transport(keypair).map_err(Cause::from))
        .map_err(|error| transport(&error))?
        .with_behaviour(|keypair| behaviour(keypair.public(), port))
        .map_err(|error| transport(&error))?
        .with_swarm_config(|config| config.with_idle_connection_timeout(IDLE_TIMEOUT))
        .with_connection_timeout(CONNECTION_TIMEOUT)
        .build();
    let listen = &port.address;
    let taken = |source| StartError::Listen { address: listen.to_string(), source };
    probe(listen).map_err(|error| taken(error.into()))?;
    swarm.listen_on(listen.clone()).map_err(|error| taken(error.into()))?;
    Ok(swarm)
}

/// Finds out whether the port is free. The transport lets several sockets share a port, so a second
/// node on it would not be refused but take half of the connections.
fn probe(listen: &Multiaddr) -> std::io::Result<()> {
    let port = listen.iter().find_map(|part| match part {
        Protocol::Tcp(port) if port != 0 => Some(port),
        _ => None,
    });
    if let (Some(ip), Some(port)) = (transport::ip(listen), port) {
        std::net::TcpListener::bind((ip, port))?;
    }
    Ok(())
}

fn behaviour(public: libp2p::identity::PublicKey, port: &Port) -> Behaviour {
    let limits = connection_limits::ConnectionLimits::default()
        .with_max_pending_incoming(u32::try_from(port.pending_max).ok())
        .with_max_pending_outgoing(Some(PENDING_OUTBOUND_MAX))
        .with_max_established_per_peer(u32::try_from(PER_PEER_MAX).ok())
        .with_max_established(u32::try_from(port.links_max).ok());
    let identify = identify::Config::new(PROTOCOL.to_string(), public)
        .with_agent_version(Program::this().to_string())
        .with_hide_listen_addrs(true);
    let exchange = request_response::Config::default()
        .with_request_timeout(REQUEST_TIMEOUT)
        .with_max_concurrent_streams(STREAMS_MAX);
    Behaviour {
        allowed: allow_block_list::Behaviour::default(),
        limits: connection_limits::Behaviour::new(limits),
        identify: identify::Behaviour::new(identify),
        ping: ping::Behaviour::new(
            ping::Config::new().with_interval(PING_INTERVAL).with_timeout(PING_TIMEOUT),
        ),
        exchange: request_response::Behaviour::new(
            [(PROTOCOL, request_response::ProtocolSupport::Full)],
            exchange,
        ),
    }
}
