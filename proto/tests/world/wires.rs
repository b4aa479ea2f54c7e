//! The connections between the machines of a world, and what befalls them.

use std::net::SocketAddr;

use papo_proto::machine::{Closed, ConnId, Event, Refusal};

use super::{NodeId, Step, World};

/// One end of a connection.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct End {
    pub(super) node: NodeId,
    pub(super) epoch: u64,
    pub(super) conn: ConnId,
}

impl World {
    /// What two nodes send each other is kept back, or let through.
    pub fn delay_between(&mut self, one: NodeId, other: NodeId, delayed: bool) {
        self.delay_from(one, other, delayed);
        self.delay_from(other, one, delayed);
    }

    /// What one node sends another is kept back, or let through.
    pub fn delay_from(&mut self, from: NodeId, to: NodeId, delayed: bool) {
        let ends = self.wires.iter().filter(|(end, far)| (end.node, far.node) == (to, from)).map(|(end, _)| *end);
        for end in ends.filter(|end| self.open.contains(end)).collect::<Vec<_>>() {
            if delayed {
                self.unread.entry(end).or_default();
            } else {
                for event in self.unread.remove(&end).unwrap_or_default() {
                    self.queue.push_back(Step::Event(end.node, end.epoch, event));
                }
            }
        }
        self.settle();
    }

    /// Cuts every connection between two nodes.
    pub fn cut_between(&mut self, one: NodeId, other: NodeId) {
        let ends = self.wires.iter().filter(|(a, b)| a.node == one && b.node == other).map(|(a, b)| (*a, *b));
        for (near, far) in ends.collect::<Vec<_>>() {
            for end in [near, far] {
                self.lose_under_way(end);
                self.arrive(end, Event::Closed { conn: end.conn, reason: Closed::Reset });
            }
        }
        self.settle();
    }

    /// One end closes: it hears nothing more, and the other hears of it behind what was sent.
    pub(super) fn close(&mut self, near: End, reason: Closed) {
        self.unread.remove(&near);
        if self.open.remove(&near)
            && let Some(far) = self.wires.get(&near).copied()
        {
            if reason == Closed::Reset {
                self.lose_under_way(far);
            }
            self.arrive(far, Event::Closed { conn: far.conn, reason });
        }
    }

    /// A reset may overtake what was sent before it.
    pub(super) fn lose_under_way(&mut self, end: End) {
        if let Some(weather) = &mut self.weather {
            weather.lose(end);
        }
    }

    /// Something is on its way to an end of a connection.
    pub(super) fn arrive(&mut self, end: End, event: Event<'static, ()>) {
        match &mut self.weather {
            Some(weather) => weather.carry(self.now, end, event),
            None => self.deliver(end, event),
        }
    }

    /// Something comes to an end of a connection, now or once it is read again.
    pub(super) fn deliver(&mut self, end: End, event: Event<'static, ()>) {
        match self.unread.get_mut(&end) {
            Some(waiting) => waiting.push(event),
            None => self.queue.push_back(Step::Event(end.node, end.epoch, event)),
        }
    }

    /// How many connections stand between two nodes.
    pub fn connections_between(&self, one: NodeId, other: NodeId) -> usize {
        let both = |a: &End, b: &End| self.open.contains(a) && self.open.contains(b);
        self.wires.iter().filter(|(a, b)| a.node == one && b.node == other && both(a, b)).count()
    }

    /// The connections between two nodes vanish without either's noticing.
    pub fn lose_silently(&mut self, one: NodeId, other: NodeId) {
        let between = |a: &End, b: &End| (a.node, b.node) == (one, other) || (a.node, b.node) == (other, one);
        self.wires.retain(|a, b| !between(a, b));
    }

    /// A stranger connects to a node, says this, and then nothing more. All strangers share an address.
    pub fn garbage(&mut self, node: NodeId, bytes: &[u8]) {
        let (address, listener) =
            self.listeners.iter().find(|(_, (of, _))| *of == node).map(|(at, (_, by))| (*at, *by)).expect("it listens");
        self.next_even += 2;
        let (conn, epoch) = (ConnId(self.next_even), self.nodes[node].epoch);
        self.open.insert(End { node, epoch, conn });
        // From another address than any node's.
        let remote = SocketAddr::new([127, 0, 0, 66].into(), 9);
        let opened = Event::Opened { conn, listener: Some(listener), local: address, remote };
        self.queue.push_back(Step::Event(node, epoch, opened));
        self.queue.push_back(Step::Event(node, epoch, Event::Received { conn, bytes: bytes.to_vec().into() }));
        self.settle();
    }

    /// How many connections a node holds open.
    pub fn open_ends(&self, node: NodeId) -> usize {
        self.open.iter().filter(|end| end.node == node).count()
    }

    /// Whether an event still concerns its connection; one that is not read keeps it.
    pub(super) fn is_live(&mut self, node: NodeId, epoch: u64, event: &Event<'static, ()>) -> bool {
        match event {
            Event::Received { conn, .. } => {
                let end = End { node, epoch, conn: *conn };
                if let Some(waiting) = self.unread.get_mut(&end) {
                    waiting.push(event.clone());
                    return false;
                }
                self.open.contains(&end)
            }
            Event::Writable { conn, .. } | Event::Opened { conn, .. } => {
                self.open.contains(&End { node, epoch, conn: *conn })
            }
            Event::Closed { conn, .. } => self.open.remove(&End { node, epoch, conn: *conn }),
            _ => true,
        }
    }

    pub(super) fn connect(&mut self, near: End, address: SocketAddr) {
        let listening = self.listeners.get(&address).copied().filter(|_| !self.unreachable.contains(&address));
        let source = self.lan.on_dialled(self.now, near.node, address);
        let Some((node, listener)) = listening else {
            if self.lan.is_silent(address) {
                return;
            }
            let refused = Event::Refused { id: near.conn.0, reason: Refusal::Refused };
            return self.queue.push_back(Step::Event(near.node, near.epoch, refused));
        };
        self.next_even += 2;
        self.next_port = self.next_port.wrapping_add(1).max(40_000);
        let far = End { node, epoch: self.nodes[node].epoch, conn: ConnId(self.next_even) };
        let dialler = SocketAddr::new(source, self.next_port);
        self.wires.insert(near, far);
        self.wires.insert(far, near);
        self.open.extend([near, far]);
        let opened = Event::Opened { conn: far.conn, listener: Some(listener), local: address, remote: dialler };
        self.arrive(far, opened);
        let opened = Event::Opened { conn: near.conn, listener: None, local: dialler, remote: address };
        self.arrive(near, opened);
    }
}
