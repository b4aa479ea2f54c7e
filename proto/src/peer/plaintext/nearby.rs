//! Who calls out on this host's networks as the older LAN peers do.
//!
//! A beacon is believed only where it names its own source, at a port that a person may listen on. Somebody is told of
//! at the second beacon: a papo that allows plain text calls out like that too, and is known by its own beacons until
//! then. The table is bounded as that of the neighbours is.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use crate::{
    limits::{Limits, ms},
    machine::SocketId,
    time::Time,
};

/// Lower ports belong to the services of a host, not to peers.
const PORT_MIN: u16 = 1024;
/// Two beacons that are closer are one.
const AGAIN: Duration = Duration::from_secs(1);

#[derive(Debug)]
struct Caller {
    first: Time,
    last: Time,
    told: bool,
}

/// See the [module](self).
#[derive(Debug, Default)]
pub struct Nearby {
    /// The socket, once it was asked for and unless it was refused.
    pub socket: Option<SocketId>,
    /// Whether it stands.
    pub bound: bool,
    callers: BTreeMap<SocketAddr, Caller>,
}

impl Nearby {
    /// A beacon came from `from` and names `address`: whether somebody is there of whom nobody was told.
    pub fn handle_beacon(&mut self, now: Time, from: IpAddr, address: SocketAddr, limits: &Limits) -> bool {
        if address.ip() != from.to_canonical() || address.port() < PORT_MIN {
            return false;
        }
        if let Some(caller) = self.callers.get_mut(&address) {
            caller.last = now;
            let is_new = !caller.told && now >= caller.first + AGAIN;
            caller.told |= is_new;
            return is_new;
        }
        let here = self.callers.range(SocketAddr::new(address.ip(), 0)..=SocketAddr::new(address.ip(), u16::MAX));
        if here.count() < limits.lan_heard_per_address_max && self.callers.len() < limits.lan_heard_max {
            self.callers.insert(address, Caller { first: now, last: now, told: false });
        }
        false
    }

    /// Somebody there speaks papo.
    pub fn forget(&mut self, address: SocketAddr) {
        self.callers.remove(&address);
    }

    /// Who was not heard for too long: those of whom somebody was told.
    pub fn forget_silent(&mut self, now: Time, limits: &Limits) -> Vec<SocketAddr> {
        let is_silent = |caller: &Caller| now - caller.last >= ms(limits.lan_heard_ms_max);
        let gone = self.callers.extract_if(.., |_, caller| is_silent(caller));
        gone.filter(|(_, caller)| caller.told).map(|(address, _)| address).collect()
    }

    /// Everyone who is there.
    pub fn addresses(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        self.callers.iter().filter(|(_, caller)| caller.told).map(|(address, _)| *address)
    }

    /// Whether somebody is there who calls so.
    #[must_use]
    pub fn has(&self, address: SocketAddr) -> bool {
        self.callers.contains_key(&address)
    }

    /// Where whoever dials from there listens, if only one calls from that host.
    #[must_use]
    pub fn only_at(&self, ip: IpAddr) -> Option<SocketAddr> {
        let mut here = self.addresses().filter(|address| address.ip() == ip.to_canonical());
        here.next().filter(|_| here.next().is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms_since: u64) -> Time {
        Time::ZERO + ms(ms_since)
    }

    fn address(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn somebody_is_there_at_the_second_beacon_and_gone_after_silence() {
        let (mut nearby, limits) = (Nearby::default(), Limits::DEFAULT);
        let bia = address("10.0.0.5:7000");
        assert!(!nearby.handle_beacon(at(0), bia.ip(), bia, &limits));
        assert!(!nearby.handle_beacon(at(999), bia.ip(), bia, &limits), "too close");
        assert_eq!((nearby.addresses().count(), nearby.has(bia)), (0, true));
        assert!(nearby.handle_beacon(at(1_000), bia.ip(), bia, &limits));
        assert!(!nearby.handle_beacon(at(6_000), bia.ip(), bia, &limits), "it is known");
        assert_eq!(nearby.only_at(bia.ip()), Some(bia));
        assert_eq!(nearby.forget_silent(at(6_000 + limits.lan_heard_ms_max - 1), &limits), []);
        assert_eq!(nearby.forget_silent(at(6_000 + limits.lan_heard_ms_max), &limits), [bia]);
        assert_eq!(nearby.addresses().count(), 0);
    }

    #[test]
    fn a_beacon_speaks_for_its_own_source_only_and_the_table_is_bounded() {
        let limits = Limits { lan_heard_max: 3, lan_heard_per_address_max: 2, ..Limits::DEFAULT };
        let mut nearby = Nearby::default();
        for (from, named) in
            [("10.0.0.5", "10.0.0.6:7000"), ("10.0.0.5", "10.0.0.5:1023"), ("10.0.0.5", "0.0.0.0:7000")]
        {
            nearby.handle_beacon(at(0), from.parse().expect("an address"), address(named), &limits);
            assert!(!nearby.has(address(named)), "{named}");
        }
        for (named, taken) in [
            ("10.0.0.5:1024", true),
            ("10.0.0.5:7001", true),
            ("10.0.0.5:7002", false),
            ("10.0.0.6:7000", true),
            ("10.0.0.7:7000", false),
        ] {
            nearby.handle_beacon(at(0), address(named).ip(), address(named), &limits);
            assert_eq!(nearby.has(address(named)), taken, "{named}");
        }
    }
}
