//! Who comes in: how many connections a tracker has, from one address, and of those that have not logged in.
//!
//! Invariant: the counts are those of the connections that were admitted and have not left; an address without any is
//! forgotten.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use crate::{error::Fault, limits::Limits};

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

fn masked(ip: IpAddr, v4_bits: u32, v6_bits: u32) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V4(ip) => Ipv4Addr::from_bits(ip.to_bits() & (u32::MAX << (u32::BITS - v4_bits))).into(),
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() & (u128::MAX << (u128::BITS - v6_bits))).into(),
    }
}

#[derive(Debug, Default)]
struct Count {
    all: usize,
    anonymous: usize,
}

/// Counts connections and refuses those past the bounds.
#[derive(Debug, Default)]
pub struct Gate {
    connections: usize,
    sources: BTreeMap<Source, Count>,
}

impl Gate {
    /// A connection came. It counts as anonymous until [`Self::handle_login`].
    ///
    /// # Errors
    /// When it is one too many; then it is not counted.
    pub fn admit(&mut self, ip: IpAddr, limits: &Limits) -> Result<(), Fault> {
        if self.connections >= limits.connections_max {
            return Err(Fault::TooManyConnections);
        }
        let source = Source::of(ip);
        let (all, anonymous) = self.sources.get(&source).map_or((0, 0), |count| (count.all, count.anonymous));
        if all >= limits.connections_per_address_max || anonymous >= limits.anonymous_per_address_max {
            return Err(Fault::TooManyFromAddress);
        }
        self.connections += 1;
        let count = self.sources.entry(source).or_default();
        count.all += 1;
        count.anonymous += 1;
        Ok(())
    }

    /// An admitted connection logged in.
    pub fn handle_login(&mut self, ip: IpAddr) {
        self.counted(ip).anonymous -= 1;
    }

    /// It logged out and stays.
    pub fn handle_logout(&mut self, ip: IpAddr) {
        self.counted(ip).anonymous += 1;
    }

    /// An admitted connection is gone.
    pub fn handle_gone(&mut self, ip: IpAddr, anonymous: bool) {
        self.connections -= 1;
        let count = self.counted(ip);
        count.all -= 1;
        count.anonymous -= usize::from(anonymous);
        if count.all == 0 {
            self.sources.remove(&Source::of(ip));
        }
    }

    fn counted(&mut self, ip: IpAddr) -> &mut Count {
        self.sources.get_mut(&Source::of(ip)).expect("an admitted connection is counted")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
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

    #[test]
    fn each_bound_holds_at_the_limit_and_one_past_it() {
        let limits = Limits {
            connections_max: 5,
            connections_per_address_max: 3,
            anonymous_per_address_max: 2,
            ..Limits::default()
        };
        let (one, other) = (ip("10.0.0.1"), ip("10.0.0.2"));
        let mut gate = Gate::default();
        assert_eq!(gate.admit(one, &limits), Ok(()));
        assert_eq!(gate.admit(one, &limits), Ok(()));
        assert_eq!(gate.admit(one, &limits), Err(Fault::TooManyFromAddress), "two are anonymous");
        gate.handle_login(one);
        assert_eq!(gate.admit(one, &limits), Ok(()));
        gate.handle_login(one);
        assert_eq!(gate.admit(one, &limits), Err(Fault::TooManyFromAddress), "three from one address");
        assert_eq!(gate.admit(other, &limits), Ok(()));
        assert_eq!(gate.admit(other, &limits), Ok(()));
        assert_eq!(gate.admit(ip("10.0.0.3"), &limits), Err(Fault::TooManyConnections));
        gate.handle_gone(one, false);
        gate.handle_logout(one);
        assert_eq!(gate.admit(one, &limits), Err(Fault::TooManyFromAddress), "it is anonymous again");
        gate.handle_gone(one, true);
        gate.handle_gone(one, true);
        assert_eq!(gate.sources.len(), 1, "an address without connections is forgotten");
    }
}
