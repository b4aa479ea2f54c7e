//! What a machine is told of the host that it runs on.

use std::net::{IpAddr, Ipv4Addr};

use serde::{Deserialize, Serialize};

/// An address of this host, and the network around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Interface {
    /// The address.
    pub address: IpAddr,
    /// How many of its first bits all addresses of the network share.
    pub prefix: u8,
    /// Where a datagram reaches all of the network, where there is such an address: its directed broadcast.
    pub broadcast: Option<Ipv4Addr>,
}

impl Interface {
    /// An address of its own, with no network around it.
    #[must_use]
    pub const fn alone(address: IpAddr) -> Self {
        let prefix = match address {
            IpAddr::V4(_) => 32,
            IpAddr::V6(_) => 128,
        };
        Self { address, prefix, broadcast: None }
    }

    /// Whether an address is on its network.
    #[must_use]
    pub fn reaches(&self, other: IpAddr) -> bool {
        let (own, other, bits) = match (self.address, other) {
            (IpAddr::V4(own), IpAddr::V4(other)) => (own.to_bits().into(), other.to_bits().into(), 32),
            (IpAddr::V6(own), IpAddr::V6(other)) => (own.to_bits(), other.to_bits(), 128),
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => return false,
        };
        let differ: u128 = own ^ other;
        differ.checked_shr(bits - u32::from(self.prefix).min(bits)).unwrap_or(0) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interface_reaches_its_own_network_and_no_other() {
        let interface =
            |address: &str, prefix| Interface { prefix, ..Interface::alone(address.parse().expect("an address")) };
        let reaches = |own: Interface, other: &str| own.reaches(other.parse().expect("an address"));
        let lan = interface("192.168.1.2", 24);
        assert!(reaches(lan, "192.168.1.255") && !reaches(lan, "192.168.2.1") && !reaches(lan, "::1"));
        assert!(reaches(interface("10.0.0.1", 0), "192.168.1.1"), "everything is on its network");
        let alone = Interface::alone("10.0.0.1".parse().expect("an address"));
        assert!(reaches(alone, "10.0.0.1") && !reaches(alone, "10.0.0.2"));
        assert!(reaches(interface("fe80::1", 64), "fe80::2") && !reaches(interface("fe80::1", 64), "fe81::2"));
        assert!(reaches(interface("::1", 0), "fe80::1"));
    }
}
