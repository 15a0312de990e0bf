//! tcp, noise and yamux, and how many strangers may be on their way through them. Until its
//! handshake is done a connection is nobody's: it has little time, and gives way to a newer one
//! when there are too many, so that silent ones keep no member out.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use ipnet::IpNet;
use libp2p::{
    Multiaddr, PeerId, Transport,
    core::{
        ConnectedPoint,
        muxing::StreamMuxerBox,
        transport::{Boxed, timeout::TransportTimeout},
        upgrade::Version,
    },
    identity::Keypair,
    multiaddr::Protocol,
    noise, tcp, yamux,
};

use crate::seats::{Bounds, Seated, Seats};

/// Time for the handshake of one that comes in: five round trips around the world.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(4);
/// Handshakes at a time: bounds what strangers can make us compute.
const HANDSHAKES_MAX: usize = 64;
/// The fewest that are of use.
const HANDSHAKES_MIN: usize = 8;
/// Links at a time: a province has about a hundred districts; three connections each, and room.
const LINKS_MAX: usize = 512;
/// Streams of one connection that exist, some of which are being opened or closed.
const STREAMS_OPEN_MAX: usize = 2 * super::swarm::STREAMS_MAX;

/// Where is listened, and to how many.
#[derive(Clone)]
pub(super) struct Port {
    pub(super) address: Multiaddr,
    pub(super) handshakes: Seats,
    /// Handshakes, those among them that have just been given up.
    pub(super) pending_max: usize,
    pub(super) links_max: usize,
}

impl Port {
    /// Divides so many connections among handshakes and links.
    pub(super) fn new(address: Multiaddr, connections: usize) -> Self {
        let all = (connections / 4).clamp(HANDSHAKES_MIN, HANDSHAKES_MAX);
        let pending_max = 2 * all;
        Self {
            address,
            handshakes: Seats::new(Bounds { all, per_address: all / 2 }),
            pending_max,
            links_max: connections.saturating_sub(pending_max).clamp(HANDSHAKES_MIN, LINKS_MAX),
        }
    }

    /// Strangers do not take the places of those who come from here.
    pub(super) fn expect<'a>(&self, addresses: impl IntoIterator<Item = &'a Multiaddr>) {
        self.handshakes.favor(addresses.into_iter().filter_map(ip).map(IpNet::from));
    }

    /// The transport of one swarm.
    pub(super) fn transport(
        &self,
        keypair: &Keypair,
    ) -> Result<Boxed<(PeerId, StreamMuxerBox)>, noise::Error> {
        let (entering, settling) = (self.handshakes.clone(), self.handshakes.clone());
        let transport = tcp::tokio::Transport::new(tcp::Config::default().nodelay(true))
            .map(move |stream, point| enter(&entering, stream, &point))
            .upgrade(Version::V1Lazy)
            .authenticate(noise::Config::new(keypair)?)
            .multiplex(streams())
            .map(move |(peer, streams), point| {
                if let Some(remote) = incoming(&point) {
                    settling.settle(remote);
                }
                (peer, StreamMuxerBox::new(streams))
            });
        let transport = TransportTimeout::with_ingoing_timeout(transport, HANDSHAKE_TIMEOUT);
        Ok(transport.map_err(io::Error::other).boxed())
    }
}

fn enter<T>(seats: &Seats, stream: T, point: &ConnectedPoint) -> Seated<T> {
    match point {
        ConnectedPoint::Dialer { .. } => Seated::free(stream),
        ConnectedPoint::Listener { .. } => {
            match incoming(point).and_then(|remote| seats.enter(remote)) {
                Some(seat) => Seated::new(stream, seat),
                None => Seated::closed(stream),
            }
        }
    }
}

/// Where a connection comes from that this node did not open.
fn incoming(point: &ConnectedPoint) -> Option<SocketAddr> {
    let ConnectedPoint::Listener { send_back_addr, .. } = point else { return None };
    let port = send_back_addr.iter().find_map(|part| match part {
        Protocol::Tcp(port) => Some(port),
        _ => None,
    })?;
    Some(SocketAddr::new(ip(send_back_addr)?, port))
}

/// The IP address in a libp2p address.
pub(super) fn ip(address: &Multiaddr) -> Option<IpAddr> {
    address.iter().find_map(|part| match part {
        Protocol::Ip4(address) => Some(address.into()),
        Protocol::Ip6(address) => Some(address.into()),
        _ => None,
    })
}

fn streams() -> yamux::Config {
    let mut config = yamux::Config::default();
    config.set_max_num_streams(STREAMS_OPEN_MAX);
    config
}
