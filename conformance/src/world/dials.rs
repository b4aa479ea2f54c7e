//! Listeners and dials: how a connection comes to stand, or does not.
//!
//! A dial crosses the network, its answer crosses it back, and the acceptor hears of it after that. What nothing answers
//! is sent again every second, as kernels do.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use papo_proto::{
    machine::{Closed, ConnId, Event, ListenerId, Refusal},
    time::Time,
};

use super::{
    Happening, NodeId, World,
    net::{End, Motion, Net, Owner},
};

/// Until a dial that nothing answered is sent again.
const DIAL_AGAIN: Duration = Duration::from_secs(1);
/// A dial that nothing answers is given up after so long.
const DIAL_MAX: Duration = Duration::from_secs(127);
/// A connection that its acceptor has not heard of yet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Arrival {
    pub(super) node: NodeId,
    pub(super) listener: ListenerId,
    pub(super) local: SocketAddr,
    pub(super) remote: SocketAddr,
}

impl World {
    pub(super) fn listen(&mut self, node: NodeId, listener: ListenerId, address: SocketAddr) {
        let ip = self.processes[node].ip;
        let port = if address.port() == 0 { self.next_port() } else { address.port() };
        let address = SocketAddr::new(ip, port);
        let event = if self.listeners.contains_key(&address) || self.host(ip).taken_ports.contains(&port) {
            self.refused.insert((node, listener.0));
            Event::Refused { id: listener.0, reason: Refusal::AddressInUse }
        } else {
            self.listeners.insert(address, (node, listener));
            Event::Listening { listener, address }
        };
        self.tell(Duration::ZERO, node, event);
    }

    /// A port that the system chooses.
    pub(super) fn next_port(&mut self) -> u16 {
        self.ports += 1;
        Net::ephemeral(IpAddr::V4(Ipv4Addr::LOCALHOST), self.ports).port()
    }

    pub(super) fn on_dial(&mut self, from: Owner, ip: IpAddr, conn: ConnId, to: SocketAddr, since: Time) {
        if !self.dials.contains(&(from, conn)) {
            return;
        }
        if !self.net.passes(ip, to.ip()) || self.host(to.ip()).deaf {
            return self.dial_again(from, ip, conn, to, since);
        }
        if self.host(ip).unreachable {
            return self.refuse(from, conn, Refusal::Unreachable);
        }
        let delay = self.net.latency(to.ip(), ip);
        self.plan(delay, Happening::Dialled { from, ip, conn, to, since });
    }

    pub(super) fn dial_again(&mut self, from: Owner, ip: IpAddr, conn: ConnId, to: SocketAddr, since: Time) {
        if self.now.since(since) > DIAL_MAX {
            self.refuse(from, conn, Refusal::TimedOut);
        } else {
            self.plan(DIAL_AGAIN, Happening::Dial { from, ip, conn, to, since });
        }
    }

    pub(super) fn refuse(&mut self, from: Owner, conn: ConnId, reason: Refusal) {
        self.dials.remove(&(from, conn));
        if let Owner::Node(node) = from {
            self.refused.insert((node, conn.0));
            self.tell(Duration::ZERO, node, Event::Refused { id: conn.0, reason });
        }
    }

    /// The answer to a dial arrives: there is a connection, or nobody listens.
    pub(super) fn on_dialled(&mut self, from: Owner, ip: IpAddr, conn: ConnId, to: SocketAddr, since: Time) {
        if !self.dials.contains(&(from, conn)) {
            return;
        }
        if !self.net.passes(to.ip(), ip) {
            return self.dial_again(from, ip, conn, to, since);
        }
        let refuses = self.host(to.ip()).refuses;
        let Some(&(acceptor, listener)) = self.listeners.get(&to).filter(|_| !refuses) else {
            return self.refuse(from, conn, Refusal::Refused);
        };
        self.dials.remove(&(from, conn));
        let local = Net::ephemeral(ip, self.ports);
        self.ports += 1;
        let out_bytes_max = match from {
            Owner::Node(node) => self.processes[node].out_bytes_max,
            Owner::Stranger(_) => usize::MAX,
        };
        let far = (Owner::Node(acceptor), to.ip(), self.processes[acceptor].out_bytes_max);
        let end = self.net.connect(conn, (from, ip, out_bytes_max), far).other();
        if self.host(to.ip()).descriptors_left == Some(0) {
            // Turned away: the machine never hears of it.
            self.net.abort(self.now, end, Closed::Reset);
        } else {
            self.arrivals.insert(end, Arrival { node: acceptor, listener, local: to, remote: local });
            let delay = self.net.latency(ip, to.ip());
            self.plan(delay, Happening::Move { end, motion: Motion::Readable });
        }
        if let Owner::Node(node) = from {
            self.tell(Duration::ZERO, node, Event::Opened { conn, listener: None, local, remote: to });
        }
        self.take_motions();
    }

    /// A process hears of a connection, unless its listener is gone: then so is the connection.
    pub(super) fn accept(&mut self, end: End, Arrival { node, listener, local, remote }: Arrival) {
        if self.listeners.get(&local) != Some(&(node, listener)) {
            return self.net.abort(self.now, end, Closed::Reset);
        }
        let conn = self.processes[node].next_accepted();
        self.net.accept(end, conn);
        self.handle(node, Event::Opened { conn, listener: Some(listener), local, remote });
    }
}
