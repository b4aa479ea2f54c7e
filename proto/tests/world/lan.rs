//! Networks between the machines of a world: who has which address, who hears a broadcast, whom a dial reaches.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

use papo_proto::{
    machine::{Event, Interface, Refusal, SocketId},
    peer::interface::Lan as Wanted,
    time::Time,
};

use super::{NodeId, Step, World};

/// The port of all beacons.
pub const PORT: u16 = 9091;

/// See the [module](self).
#[derive(Default)]
pub struct Lan {
    hosts: BTreeMap<NodeId, Vec<Interface>>,
    sockets: BTreeMap<NodeId, (SocketId, SocketAddr)>,
    /// Who may have no socket for datagrams.
    pub denied: BTreeSet<NodeId>,
    /// Broadcasts on these networks reach nobody, as where a firewall drops them.
    pub deaf: BTreeSet<Ipv4Addr>,
    /// On these networks, whoever is not there does not answer.
    pub silent: Vec<Interface>,
    /// What was called out: when, by whom, where, what.
    pub called: Vec<(Time, NodeId, SocketAddr, Vec<u8>)>,
    /// Who was dialled: when, by whom, where.
    pub dialled: Vec<(Time, NodeId, SocketAddr)>,
}

/// An address with its network, as in `10.0.0.1/24`.
pub fn interface(text: &str) -> Interface {
    let (address, prefix) = text.split_once('/').expect("an address and a prefix");
    let (address, prefix) = (address.parse::<Ipv4Addr>().expect("an address"), prefix.parse::<u8>().expect("a prefix"));
    let last = address.to_bits() | u32::MAX.checked_shr(prefix.into()).unwrap_or(0);
    Interface { address: address.into(), prefix, broadcast: Some(Ipv4Addr::from_bits(last)) }
}

fn interfaces(texts: &[&str]) -> Vec<Interface> {
    texts.iter().map(|text| interface(text)).collect()
}

impl Lan {
    /// What a node is told of its host.
    pub fn interfaces(&self, node: NodeId) -> Vec<Interface> {
        let loopback = || vec![Interface::alone(Ipv4Addr::LOCALHOST.into())];
        self.hosts.get(&node).cloned().unwrap_or_else(loopback)
    }

    /// Where a listener is reached.
    pub fn listens_at(&self, node: NodeId, address: SocketAddr) -> Vec<SocketAddr> {
        match self.hosts.get(&node) {
            Some(own) if address.ip().is_unspecified() => {
                own.iter().map(|one| SocketAddr::new(one.address, address.port())).collect()
            }
            _ => vec![address],
        }
    }

    /// A node dials; the address that it comes from.
    pub fn on_dialled(&mut self, now: Time, node: NodeId, to: SocketAddr) -> IpAddr {
        self.dialled.push((now, node, to));
        let own = self.hosts.get(&node).and_then(|own| own.iter().find(|one| one.reaches(to.ip())));
        own.map_or(to.ip(), |one| one.address)
    }

    /// Whether a dial to nobody is not even refused.
    pub fn is_silent(&self, to: SocketAddr) -> bool {
        self.silent.iter().any(|network| network.reaches(to.ip()))
    }

    /// A socket for a node.
    pub fn bind(&mut self, node: NodeId, socket: SocketId, address: SocketAddr) -> Event<'static, ()> {
        if self.denied.contains(&node) {
            return Event::Refused { id: socket.0, reason: Refusal::AddressInUse };
        }
        self.sockets.insert(node, (socket, address));
        Event::Bound { socket, address }
    }

    /// A node closes something.
    pub fn close(&mut self, node: NodeId, id: u64) {
        if self.sockets.get(&node).is_some_and(|(socket, _)| socket.0 == id) {
            self.sockets.remove(&node);
        }
    }

    /// A node is down.
    pub fn forget(&mut self, node: NodeId) {
        self.sockets.remove(&node);
    }
}

impl World {
    /// The next node has these addresses.
    pub fn at(&mut self, addresses: &[&str]) -> &mut Self {
        self.lan.hosts.insert(self.nodes.len(), interfaces(addresses));
        self
    }

    /// Adds a peer that listens on all its interfaces and calls out there.
    pub fn neighbour(&mut self, number: u8, text: &str, addresses: &[&str]) -> NodeId {
        self.neighbour_with(number, text, addresses, None)
    }

    /// Adds one that says that it hosts a tracker.
    pub fn neighbour_hosting(&mut self, number: u8, text: &str, addresses: &[&str], tracker: &str) -> NodeId {
        self.neighbour_with(number, text, addresses, Some(tracker.parse().expect("an address")))
    }

    fn neighbour_with(&mut self, number: u8, text: &str, on: &[&str], hosts_tracker: Option<SocketAddr>) -> NodeId {
        self.at(on).peer_with(number, text, |start| {
            start.listen = SocketAddr::from(([0, 0, 0, 0], 0));
            start.lan = Some(Wanted { port: PORT, hosts_tracker });
        })
    }

    /// Adds a tracker on a network.
    pub fn tracker_of_neighbour(&mut self, number: u8, address: &str) -> NodeId {
        let listen = SocketAddr::new(interface(address).address, 6060);
        self.at(&[address]).tracker_at(number, listen)
    }

    /// The host of a node has these addresses from now on.
    pub fn move_to(&mut self, node: NodeId, addresses: &[&str]) {
        self.lan.hosts.insert(node, interfaces(addresses));
        let listened = self.listeners.iter().find(|(_, (of, _))| *of == node).map(|(at, (_, by))| (at.port(), *by));
        self.listeners.retain(|_, (of, _)| *of != node);
        if let Some((port, listener)) = listened {
            for one in self.lan.interfaces(node) {
                self.listeners.insert(SocketAddr::new(one.address, port), (node, listener));
            }
        }
        let (epoch, told) = (self.nodes[node].epoch, self.lan.interfaces(node));
        self.queue.push_back(Step::Event(node, epoch, Event::Interfaces(told)));
        self.settle();
    }

    /// A datagram goes to all who hear it: the sender as well, where it is a broadcast.
    pub(super) fn carry_datagram(&mut self, node: NodeId, to: SocketAddr, bytes: &[u8]) {
        self.lan.called.push((self.now, node, to, bytes.to_vec()));
        let IpAddr::V4(broadcast) = to.ip() else { return };
        let source = self.lan.interfaces(node).into_iter().find(|one| one.broadcast == Some(broadcast));
        let (Some(source), false) = (source, self.lan.deaf.contains(&broadcast)) else { return };
        let from = SocketAddr::new(source.address, PORT);
        let near = |one: &NodeId| self.lan.interfaces(*one).iter().any(|other| other.broadcast == Some(broadcast));
        let hearing = self.lan.sockets.keys().copied().filter(near).collect::<Vec<_>>();
        for one in hearing {
            self.datagram(one, from, bytes);
        }
    }

    /// A datagram comes to a node, from wherever it claims.
    pub fn datagram(&mut self, node: NodeId, from: SocketAddr, bytes: &[u8]) {
        let Some(&(socket, _)) = self.lan.sockets.get(&node) else { return };
        let event = Event::Datagram { socket, from, bytes: bytes.to_vec().into() };
        self.queue.push_back(Step::Event(node, self.nodes[node].epoch, event));
    }
}
