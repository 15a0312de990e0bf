//! Where a new node listens, and by what others reach it. What cannot be reached that way is
//! refused here, not at the first visitor.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, ToSocketAddrs as _};

use anyhow::{Context as _, bail, ensure};
use reqwest::Url;

use crate::folder::public_url;

/// Ports of a node: pages, operations, peers.
const PORTS: u16 = 3;

/// What the command line says.
pub(super) struct Wanted<'a> {
    /// An address of this machine, a name of it, or all of its addresses.
    pub(super) host: &'a str,
    /// Base URL others reach the pages by, where it is not the host itself.
    pub(super) public_url: Option<&'a str>,
    /// Address other nodes reach the peer port by, where it is not the host itself.
    pub(super) peer_host: Option<IpAddr>,
    /// First of the three ports.
    pub(super) base_port: u16,
}

/// What goes into `node.toml`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Places {
    pub(super) listen: String,
    pub(super) listen_ops: String,
    pub(super) listen_peer: String,
    pub(super) public_url: String,
    pub(super) peer_address: String,
}

impl Wanted<'_> {
    pub(super) fn places(&self) -> anyhow::Result<Places> {
        let last = self.base_port.checked_add(PORTS - 1).filter(|_| self.base_port > 0);
        let last = last.context("--base-port needs three ports from it on; choose a lower one")?;
        let ops = last - 1;
        let host = self.host.trim_start_matches('[').trim_end_matches(']');
        let ip = own_address(host)?;
        let public_url = match self.public_url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None if ip.is_unspecified() => bail!(
                "{host} stands for all addresses of this machine, and nobody can reach it by that: \
                 say what others use, such as --public-url https://node.example"
            ),
            None if host.contains(':') => format!("http://[{host}]:{}", self.base_port),
            None => format!("http://{host}:{}", self.base_port),
        };
        public_url::check(&public_url)?;
        let reached = match self.peer_host {
            Some(address) => address,
            None if ip.is_unspecified() => address_of(&public_url)?,
            None => ip,
        };
        ensure!(!reached.is_unspecified(), "--peer-host must be one address, not {reached}");
        Ok(Places {
            listen: SocketAddr::new(ip, self.base_port).to_string(),
            // Health and metrics are for this machine; whoever wants them elsewhere says so in
            // node.toml.
            listen_ops: SocketAddr::from((Ipv4Addr::LOCALHOST, ops)).to_string(),
            listen_peer: peer_address(ip, last),
            public_url,
            peer_address: peer_address(reached, last),
        })
    }
}

/// The address of this machine that a text names.
fn own_address(host: &str) -> anyhow::Result<IpAddr> {
    let mut found = resolve(host)?;
    // Every system can be reached by IPv4; a name often stands for both.
    found.sort_by_key(IpAddr::is_ipv6);
    let own = found.iter().find(|ip| TcpListener::bind((**ip, 0)).is_ok());
    own.copied().with_context(|| {
        let found: Vec<String> = found.iter().map(IpAddr::to_string).collect();
        format!(
            "{host} is {}, which is no address of this machine; listen on one that is, or on all \
             with --host 0.0.0.0, and give the name others use with --public-url",
            found.join(" and ")
        )
    })
}

fn resolve(host: &str) -> anyhow::Result<Vec<IpAddr>> {
    if let Ok(address) = host.parse() {
        return Ok(vec![address]);
    }
    let found = (host, 0).to_socket_addrs();
    let found =
        found.with_context(|| format!("`{host}` is neither an address nor a known name"))?;
    Ok(found.map(|socket| socket.ip()).collect())
}

/// The address of a URL's host, for other nodes: they dial addresses, not names.
fn address_of(public_url: &str) -> anyhow::Result<IpAddr> {
    let url = Url::parse(public_url).with_context(|| format!("`{public_url}` is no URL"))?;
    let host = url.host_str().unwrap_or_default();
    let found = resolve(host.trim_start_matches('[').trim_end_matches(']')).ok();
    found.and_then(|found| found.first().copied()).with_context(|| {
        format!("{host} has no address yet; say how other nodes reach this one with --peer-host IP")
    })
}

fn peer_address(ip: IpAddr, port: u16) -> String {
    let family = if ip.is_ipv6() { "ip6" } else { "ip4" };
    format!("/{family}/{ip}/tcp/{port}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(host: &str, public_url: Option<&str>) -> anyhow::Result<Places> {
        Wanted { host, public_url, peer_host: None, base_port: 8800 }.places()
    }

    fn refusal(host: &str, public_url: Option<&str>) -> String {
        format!("{:#}", places(host, public_url).expect_err("refused"))
    }

    #[test]
    fn a_host_gives_addresses_that_can_be_listened_on_and_reached() {
        for (host, listen, url, peer) in [
            ("127.0.0.1", "127.0.0.1:8800", "http://127.0.0.1:8800", "/ip4/127.0.0.1/tcp/8802"),
            ("::1", "[::1]:8800", "http://[::1]:8800", "/ip6/::1/tcp/8802"),
            ("[::1]", "[::1]:8800", "http://[::1]:8800", "/ip6/::1/tcp/8802"),
            ("localhost", "127.0.0.1:8800", "http://localhost:8800", "/ip4/127.0.0.1/tcp/8802"),
        ] {
            let made = places(host, None).expect(host);
            assert_eq!((made.listen.as_str(), made.public_url.as_str()), (listen, url));
            assert_eq!((made.listen_peer.as_str(), made.peer_address.as_str()), (peer, peer));
        }
    }

    #[test]
    fn the_operations_port_stays_inside_whatever_the_host_is() {
        let all = places("0.0.0.0", Some("http://192.0.2.7:8800/")).expect("possible");
        assert_eq!(
            (all.listen.as_str(), all.listen_ops.as_str()),
            ("0.0.0.0:8800", "127.0.0.1:8801")
        );
        assert_eq!(all.public_url, "http://192.0.2.7:8800");
        assert_eq!(all.listen_peer, "/ip4/0.0.0.0/tcp/8802");
        assert_eq!(all.peer_address, "/ip4/192.0.2.7/tcp/8802");
        assert_eq!(places("::1", None).expect("possible").listen_ops, "127.0.0.1:8801");
    }

    #[test]
    fn what_nobody_could_reach_is_refused_with_what_to_do() {
        assert!(refusal("0.0.0.0", None).contains("--public-url"));
        assert!(refusal("::", None).contains("--public-url"));
        assert!(refusal("192.0.2.7", None).contains("no address of this machine"));
        assert!(refusal("no-such-host.invalid", None).contains("neither an address"));
        assert!(
            refusal("127.0.0.1", Some("https://a.example/lianshi")).contains("host of its own")
        );
        assert!(refusal("0.0.0.0", Some("https://no-such.invalid")).contains("--peer-host"));
        let high =
            Wanted { host: "127.0.0.1", public_url: None, peer_host: None, base_port: 65534 };
        assert!(format!("{:#}", high.places().expect_err("refused")).contains("lower"));
    }

    #[test]
    fn peers_are_told_the_address_they_are_to_use() {
        let peer_host = "198.51.100.7".parse().ok();
        let public_url = Some("https://no-such.invalid");
        let wanted = Wanted { host: "0.0.0.0", public_url, peer_host, base_port: 8800 };
        let made = wanted.places().expect("possible");
        assert_eq!(made.peer_address, "/ip4/198.51.100.7/tcp/8802");
        assert_eq!(made.public_url, "https://no-such.invalid");
    }
}
