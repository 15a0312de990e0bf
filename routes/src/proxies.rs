//! Where a request comes from. A proxy in front of the node speaks for everybody, so what it says
//! of them is read, and believed from the proxies named in `node.toml` alone: anyone can write a
//! header.

use std::net::{IpAddr, SocketAddr};

use actix_web::{HttpRequest, http::header::HeaderMap, web::Data};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// The proxies that are believed, and where they write whom they speak for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proxies {
    /// Their addresses, single ones or networks such as `10.0.0.0/8`.
    #[serde(default)]
    pub trusted: Vec<Network>,
    /// The one header they write. The other is never read: a client could have sent it through.
    #[serde(default)]
    pub header: ProxyHeader,
}

/// A header in which proxies name the client.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProxyHeader {
    /// What most proxies write by default.
    #[default]
    XForwardedFor,
    /// RFC 7239.
    Forwarded,
}

/// An address or a network, as people write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Network(IpNet);

impl TryFrom<String> for Network {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        let network: IpNet = network.map_err(|_| {
            format!("`{text}` is neither an address nor a network such as 10.0.0.0/8")
        })?;
        Ok(Self(network))
    }
}

impl From<Network> for String {
    fn from(network: Network) -> Self {
        network.0.to_string()
    }
}

impl Proxies {
    /// Whether nothing is configured.
    pub fn is_none(&self) -> bool {
        self.trusted.is_empty()
    }

    /// The networks that are believed.
    pub fn networks(&self) -> impl Iterator<Item = IpNet> {
        self.trusted.iter().map(|network| network.0)
    }

    /// Who sent a request that `peer` delivered: the last of those named that is no trusted proxy.
    /// What is behind something unreadable is not known, so the last known one stands for it.
    fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        if !self.trusts(client) {
            return client;
        }
        for named in self.named(headers).iter().rev() {
            let Some(address) = address_of(named) else { return client };
            client = address.to_canonical();
            if !self.trusts(client) {
                return client;
            }
        }
        client
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.networks().any(|network| network.contains(&address))
    }

    /// Whom the header names, first to last; each proxy adds at the end.
    fn named<'h>(&self, headers: &'h HeaderMap) -> Vec<&'h str> {
        let name = match self.header {
            ProxyHeader::XForwardedFor => "x-forwarded-for",
            ProxyHeader::Forwarded => "forwarded",
        };
        // A line that is no text names somebody unreadable.
        let lines = headers.get_all(name).map(|line| line.to_str().unwrap_or("?"));
        let elements = lines.flat_map(|line| line.split(','));
        elements
            .map(|element| match self.header {
                ProxyHeader::XForwardedFor => element.trim(),
                ProxyHeader::Forwarded => named_for(element),
            })
            .collect()
    }
}

/// The value of `for=` in an element of `Forwarded`; empty when it names nobody.
fn named_for(element: &str) -> &str {
    let pairs = element.split(';').filter_map(|pair| pair.trim().split_once('='));
    let value = pairs.into_iter().find(|(name, _)| name.eq_ignore_ascii_case("for"));
    value.map_or("", |(_, value)| value.trim().trim_matches('"'))
}

/// Reads `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]` and `[2001:db8::1]:80`.
fn address_of(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse().ok();
    address.or_else(|| text.parse::<SocketAddr>().ok().map(|socket| socket.ip()))
}

/// Who sent a request. `None` only where there is no connection, as in tests of single handlers.
pub fn client(request: &HttpRequest) -> Option<IpAddr> {
    let peer = request.peer_addr()?.ip();
    match request.app_data::<Data<Proxies>>() {
        Some(proxies) => Some(proxies.client(peer, request.headers())),
        None => Some(peer.to_canonical()),
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn proxies(header: &str) -> Proxies {
        let json = format!(r#"{{"trusted":["127.0.0.1","10.0.0.0/8","::1"],"header":"{header}"}}"#);
        serde_json::from_str(&json).expect("proxies")
    }

    fn sender(header: &str, peer: &str, lines: &[&str]) -> String {
        let mut request = TestRequest::default();
        for line in lines {
            request = request.append_header((header, *line));
        }
        let request = request.to_http_request();
        let peer = peer.parse().expect("an address");
        proxies(header).client(peer, request.headers()).to_string()
    }

    #[test]
    fn only_a_trusted_proxy_is_believed() {
        let of = |peer, lines: &[&str]| sender("x-forwarded-for", peer, lines);
        assert_eq!(of("127.0.0.1", &["192.0.2.7"]), "192.0.2.7");
        assert_eq!(of("203.0.113.9", &["192.0.2.7"]), "203.0.113.9");
        assert_eq!(of("::ffff:127.0.0.1", &["192.0.2.7"]), "192.0.2.7");
    }

    #[test]
    fn what_a_client_wrote_before_the_proxy_is_not_believed() {
        let of = |lines: &[&str]| sender("x-forwarded-for", "127.0.0.1", lines);
        assert_eq!(of(&["198.51.100.1, 192.0.2.7"]), "192.0.2.7");
        assert_eq!(of(&["198.51.100.1", "192.0.2.7, 10.1.2.3"]), "192.0.2.7");
        assert_eq!(of(&["192.0.2.7, unknown, 10.1.2.3"]), "10.1.2.3");
        assert_eq!(of(&["192.0.2.7, , 10.1.2.3"]), "10.1.2.3");
        assert_eq!(of(&[]), "127.0.0.1");
    }

    #[test]
    fn the_header_that_is_not_configured_is_never_read() {
        let request = TestRequest::default()
            .insert_header(("forwarded", "for=198.51.100.1"))
            .insert_header(("x-forwarded-for", "192.0.2.7"))
            .to_http_request();
        let peer = "127.0.0.1".parse().expect("an address");
        let of = |header| proxies(header).client(peer, request.headers()).to_string();
        assert_eq!(of("x-forwarded-for"), "192.0.2.7");
        assert_eq!(of("forwarded"), "198.51.100.1");
        assert_eq!(Proxies::default().client(peer, request.headers()).to_string(), "127.0.0.1");
    }

    #[test]
    fn forwarded_is_read_in_every_form_of_its_specification() {
        let of = |lines: &[&str]| sender("forwarded", "127.0.0.1", lines);
        assert_eq!(of(&["for=192.0.2.7;proto=https;by=10.0.0.1"]), "192.0.2.7");
        assert_eq!(of(&["proto=https; For=\"[2001:db8::7]:4711\", for=10.0.0.2"]), "2001:db8::7");
        assert_eq!(of(&["for=\"[2001:db8::7]\""]), "2001:db8::7");
        assert_eq!(of(&["for=192.0.2.7:80"]), "192.0.2.7");
        assert_eq!(of(&["for=192.0.2.7, for=_hidden"]), "127.0.0.1");
        assert_eq!(of(&["by=192.0.2.7"]), "127.0.0.1");
    }

    #[test]
    fn a_network_that_means_nothing_is_refused() {
        for bad in ["proxy.example", "10.0.0.0/40", "", "*"] {
            assert!(Network::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }
}
