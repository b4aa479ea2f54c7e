//! Datagrams: a network on which all hosts hear each other, and what may become of each on its way.
//!
//! A datagram to the network's broadcast address goes to every socket of its port, its sender's too. On the way to each it
//! may be lost, doubled or late, and so come in another order. Where nobody said that there is such a network, every
//! host is alone.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use papo_proto::{
    machine::{Event, Interface, SocketId},
    rng::Seed,
};

use super::{NodeId, World};
use crate::luck::Luck;

/// All hosts of the cast, and whoever is hostile, are in this network; the bystander is not.
const NETWORK: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 0);
const PREFIX: u8 = 8;
/// Where all of them hear.
pub(crate) const BROADCAST: Ipv4Addr = Ipv4Addr::new(10, 255, 255, 255);
/// One that is late, is so by this much at most.
const LATE_MAX: Duration = Duration::from_secs(8);
/// The first port that is given to a socket that takes any.
const FREE_PORT: u16 = 49_152;

/// The network of all hosts.
#[derive(Debug)]
pub(crate) struct Lan {
    /// Whether there is one.
    pub(crate) is_there: bool,
    /// How many datagrams are lost.
    pub(crate) loss: f64,
    /// How many come twice.
    pub(crate) doubling: f64,
    /// How many are late.
    pub(crate) delay: f64,
    sockets: BTreeMap<(NodeId, SocketId), u16>,
    luck: Luck,
}

/// The network, as from its first address.
fn network() -> Interface {
    Interface { prefix: PREFIX, broadcast: Some(BROADCAST), ..Interface::alone(NETWORK.into()) }
}

/// Whether an address is on the network.
pub(crate) fn is_near(address: IpAddr) -> bool {
    network().reaches(address)
}

impl Lan {
    pub(super) fn new(seed: &Seed) -> Self {
        let luck = Luck::of(seed, "datagrams", 0);
        Self { is_there: false, loss: 0.0, doubling: 0.0, delay: 0.0, sockets: BTreeMap::new(), luck }
    }

    /// An address with the network around it, where there is one.
    pub(super) fn interface(&self, address: IpAddr) -> Interface {
        if self.is_there && is_near(address) { Interface { address, ..network() } } else { Interface::alone(address) }
    }

    /// The port that the socket has got, which for 0 is one that nobody has.
    pub(super) fn bind(&mut self, node: NodeId, socket: SocketId, port: u16) -> u16 {
        let free = || (FREE_PORT..).find(|port| !self.sockets.values().any(|used| used == port));
        let port = if port == 0 { free().expect("there are more ports than sockets") } else { port };
        self.sockets.insert((node, socket), port);
        port
    }

    pub(super) fn close(&mut self, node: NodeId, id: u64) {
        self.sockets.remove(&(node, SocketId(id)));
    }

    pub(super) fn forget(&mut self, node: NodeId) {
        self.sockets.retain(|(of, _), _| *of != node);
    }

    pub(super) fn hears(&self, node: NodeId, socket: SocketId) -> bool {
        self.sockets.contains_key(&(node, socket))
    }

    /// How long each copy of a datagram takes beyond the latency.
    fn next_fates(&mut self) -> Vec<Duration> {
        let copies = match (self.luck.chance(self.loss), self.luck.chance(self.doubling)) {
            (true, _) => 0,
            (false, false) => 1,
            (false, true) => 2,
        };
        let late = |luck: &mut Luck, delay| {
            if luck.chance(delay) { luck.duration(Duration::from_millis(1), LATE_MAX) } else { Duration::ZERO }
        };
        (0..copies).map(|_| late(&mut self.luck, self.delay)).collect()
    }
}

impl World {
    /// A machine sends a datagram.
    pub(super) fn send_datagram(&mut self, node: NodeId, socket: SocketId, to: SocketAddr, bytes: &[u8]) {
        let from =
            SocketAddr::new(self.processes[node].ip, self.lan.sockets.get(&(node, socket)).map_or(0, |port| *port));
        if to.ip() != IpAddr::V4(BROADCAST) {
            self.send_to(from, to, bytes);
        } else if self.lan.is_there {
            self.call(from, to.port(), bytes);
        }
    }

    /// A datagram from an address, whether it is its sender's or not, to one address.
    pub(crate) fn send_to(&mut self, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        let ip = |node: NodeId| self.processes[node].ip;
        let hearing = self.lan.sockets.iter().filter(|((node, _), port)| **port == to.port() && ip(*node) == to.ip());
        let hearing = hearing.map(|(key, _)| *key).collect::<Vec<_>>();
        self.carry(from, &hearing, bytes);
    }

    /// A datagram from an address, whether it is its sender's or not, to all who hear that port.
    pub(crate) fn call(&mut self, from: SocketAddr, port: u16, bytes: &[u8]) {
        let hearing =
            self.lan.sockets.iter().filter(|(_, of)| **of == port).map(|((node, socket), _)| (*node, *socket));
        let hearing = hearing.collect::<Vec<_>>();
        self.carry(from, &hearing, bytes);
    }

    fn carry(&mut self, from: SocketAddr, hearing: &[(NodeId, SocketId)], bytes: &[u8]) {
        for &(node, socket) in hearing {
            let ip = self.processes[node].ip;
            if !self.net.passes(from.ip(), ip) {
                continue;
            }
            for late in self.lan.next_fates() {
                let after = self.net.latency(from.ip(), ip) + late;
                self.tell(after, node, Event::Datagram { socket, from, bytes: bytes.to_vec().into() });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use papo_proto::{
        peer::{
            Notice, Peer,
            interface::{Lan as Wanted, PeerEvent},
        },
        time::Time,
    };

    use super::*;
    use crate::{
        scripts,
        world::fact::{Fact, What},
    };

    /// Whether two find each other within ten minutes on a network like this.
    fn find(change: impl FnOnce(&mut Lan)) -> bool {
        let mut world = World::new(&Seed([7; 32]), false);
        world.lan.is_there = true;
        change(&mut world.lan);
        for (seed, user) in [(1, "ana"), (2, "bia")] {
            let mut start = scripts::newcomer(seed, user);
            (start.tracker, start.credentials) = (None, None);
            start.lan = Some(Wanted { port: 9091, hosts_tracker: None });
            world.start::<Peer>(IpAddr::from([10, 0, 0, seed]), start, 1 << 20);
        }
        while world.step(Time::after_start(Duration::from_secs(600))) {}
        let facts = world.take_facts();
        let broken = facts.iter().find(|fact| matches!(fact.what, What::Broke(_)));
        assert!(broken.is_none(), "{broken:?}");
        let linked = |fact: &&Fact| {
            matches!(&fact.what, What::Told(told)
                if matches!(told.peer(), Some(Notice::Peer { what: PeerEvent::Linked, .. })))
        };
        let both = facts.iter().filter(linked).map(|fact| fact.node).collect::<std::collections::BTreeSet<_>>();
        assert_ne!(both.len(), 1, "a link has two ends");
        both.len() == 2
    }

    #[test]
    fn peers_find_each_other_whatever_becomes_of_most_datagrams_and_not_where_all_are_lost() {
        assert!(find(|_| {}));
        assert!(find(|lan| (lan.loss, lan.doubling, lan.delay) = (0.8, 0.9, 0.9)));
        assert!(!find(|lan| lan.loss = 1.0));
        assert!(!find(|lan| lan.is_there = false));
    }
}
