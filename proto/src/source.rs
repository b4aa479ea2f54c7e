//! Where connections come from, as far as it tells who has to share with whom.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// One holder of connections: an IPv4 address, or an IPv6 network of 64 bits, which one host has to itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Source(IpAddr);

impl Source {
    /// Of an address.
    #[must_use]
    pub fn of(ip: IpAddr) -> Self {
        Self(masked(ip, 32, 64))
    }

    /// The neighbourhood that it is in.
    #[must_use]
    pub fn network(self) -> Network {
        Network::of(self.0)
    }
}

/// A neighbourhood that shares its turns and its delays at the password check: IPv4 by 24 bits, IPv6 by 64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Network(IpAddr);

impl Network {
    /// Of an address.
    #[must_use]
    pub fn of(ip: IpAddr) -> Self {
        Self(masked(ip, 24, 64))
    }
}

/// How many of something each source has.
///
/// Invariant: a source without any is forgotten.
#[derive(Debug, Default)]
pub struct PerSource {
    counts: BTreeMap<Source, usize>,
}

impl PerSource {
    /// How many the source of an address has.
    #[must_use]
    pub fn of(&self, ip: IpAddr) -> usize {
        self.counts.get(&Source::of(ip)).copied().unwrap_or_default()
    }

    /// One more.
    pub fn add(&mut self, ip: IpAddr) {
        *self.counts.entry(Source::of(ip)).or_default() += 1;
    }

    /// One less.
    ///
    /// # Panics
    /// When it has none.
    pub fn remove(&mut self, ip: IpAddr) {
        let source = Source::of(ip);
        let count = self.counts.get_mut(&source).expect("what is taken away was added");
        *count -= 1;
        if *count == 0 {
            self.counts.remove(&source);
        }
    }
}

fn masked(ip: IpAddr, v4_bits: u32, v6_bits: u32) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V4(ip) => Ipv4Addr::from_bits(ip.to_bits() & (u32::MAX << (u32::BITS - v4_bits))).into(),
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() & (u128::MAX << (u128::BITS - v6_bits))).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn a_source_is_counted_until_it_has_none() {
        let (one, other) = (ip("10.0.0.1"), ip("10.0.0.2"));
        let mut counts = PerSource::default();
        counts.add(one);
        counts.add(one);
        assert_eq!((counts.of(one), counts.of(other)), (2, 0));
        counts.remove(one);
        assert_eq!(counts.of(one), 1);
        counts.remove(one);
        assert!(counts.counts.is_empty());
    }

    #[test]
    fn a_source_is_an_ipv4_address_or_an_ipv6_network() {
        assert_ne!(Source::of(ip("10.0.0.1")), Source::of(ip("10.0.0.2")));
        assert_eq!(Source::of(ip("10.0.0.1")), Source::of(ip("::ffff:10.0.0.1")));
        assert_eq!(Source::of(ip("2001:db8::1")), Source::of(ip("2001:db8::ffff:1")));
        assert_ne!(Source::of(ip("2001:db8::1")), Source::of(ip("2001:db8:0:1::1")));
        assert_eq!(Network::of(ip("10.0.0.1")), Network::of(ip("10.0.0.2")));
        assert_ne!(Network::of(ip("10.0.0.1")), Network::of(ip("10.0.1.1")));
    }
}
