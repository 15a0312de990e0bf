//! Addresses that requests come from, as limits see them. One subscriber of IPv6 has a whole /64
//! and may use a new address for each request, so it counts as one; an IPv4 address in its IPv6
//! form is that IPv4 address.

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
};

/// How many of the 128 bits of an IPv6 address tell a subscriber.
const SUBSCRIBER_MASK: u128 = !0 << 64;

/// An IPv4 address or an IPv6 /64: whoever a limit is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Neighborhood(IpAddr);

impl Neighborhood {
    /// The one an address is in.
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => Self(v4.into()),
            IpAddr::V6(v6) => Self(Ipv6Addr::from(u128::from(v6) & SUBSCRIBER_MASK).into()),
        }
    }

    /// The first address in it.
    pub fn first_address(self) -> IpAddr {
        self.0
    }
}

impl fmt::Display for Neighborhood {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V4(v4) => write!(f, "{v4}"),
            IpAddr::V6(v6) => write!(f, "{v6}/64"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(address: &str) -> String {
        Neighborhood::of(address.parse().expect("an address")).to_string()
    }

    #[test]
    fn a_subscriber_of_ipv6_counts_as_one_and_an_ipv4_address_by_itself() {
        assert_eq!(shown("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
        assert_eq!(shown("2001:db8:1:2:ffff::1"), shown("2001:db8:1:2::"));
        assert_ne!(shown("2001:db8:1:3::1"), shown("2001:db8:1:2::1"));
        assert_eq!(shown("::ffff:192.0.2.7"), "192.0.2.7");
        assert_ne!(shown("192.0.2.7"), shown("192.0.2.8"));
    }
}
