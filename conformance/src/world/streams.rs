//! The connections of a world, each with two ends and one delay.
//!
//! An end stops being one as soon as its owner closes it: what was on its way to it is dropped, as the contract says.
//! What arrives while an end is not read is held back, the news that the connection is over included.

use std::{collections::VecDeque, net::IpAddr, time::Duration};

use papo_proto::machine::{Closed, ConnId};

use super::NodeId;

/// Whose end it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    /// A machine's.
    Node(NodeId),
    /// A stranger's, who speaks from this address.
    Stranger(IpAddr),
}

impl Owner {
    /// Any stranger: their numbers tell them apart.
    pub(crate) const STRANGER: Self = Self::Stranger(IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED));

    const fn is_same(self, other: Self) -> bool {
        match (self, other) {
            (Self::Node(one), Self::Node(two)) => one == two,
            (Self::Stranger(_), Self::Stranger(_)) => true,
            _ => false,
        }
    }
}

/// Which end of its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// The one that dialled.
    Dialler,
    /// The one that accepted.
    Acceptor,
}

/// One end of one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct End {
    stream: usize,
    side: Side,
}

impl End {
    /// The end at the other side.
    pub(crate) const fn other(self) -> Self {
        let side = match self.side {
            Side::Dialler => Side::Acceptor,
            Side::Acceptor => Side::Dialler,
        };
        Self { stream: self.stream, side }
    }
}

/// What an end that is not read has not been told.
pub(crate) enum Held {
    /// Bytes.
    Bytes(Vec<u8>),
    /// The end of it all.
    Over(Closed),
}

struct HalfStream {
    owner: Owner,
    conn: u64,
    open: bool,
    reading: bool,
    held: VecDeque<Held>,
    /// What a stranger was told.
    told: Vec<u8>,
}

struct Connection {
    dialler: HalfStream,
    acceptor: HalfStream,
    delay: Duration,
}

/// Every connection that there ever was.
#[derive(Default)]
pub(crate) struct Streams {
    connections: Vec<Connection>,
    strangers: u64,
}

impl Streams {
    /// A number for a stranger's connection.
    pub(crate) fn next_stranger(&mut self) -> u64 {
        self.strangers += 1;
        self.strangers
    }

    /// A connection stands.
    pub(crate) fn connect(&mut self, dialler: (Owner, u64), acceptor: (Owner, u64), delay: Duration) {
        let half = |(owner, conn)| HalfStream {
            owner,
            conn,
            open: true,
            reading: true,
            held: VecDeque::new(),
            told: Vec::new(),
        };
        self.connections.push(Connection { dialler: half(dialler), acceptor: half(acceptor), delay });
    }

    /// The open end that its owner knows by this number.
    pub(crate) fn end(&self, owner: Owner, conn: u64) -> Option<End> {
        self.ends().find(|&end| {
            let half = self.half(end);
            half.open && half.conn == conn && half.owner.is_same(owner)
        })
    }

    /// Whose end it is, and by which number, while it is open.
    pub(crate) fn owner(&self, end: End) -> Option<(Owner, ConnId)> {
        let half = self.half(end);
        half.open.then_some((half.owner, ConnId(half.conn)))
    }

    /// Every open end of a machine.
    pub(crate) fn ends_of(&self, node: NodeId) -> Vec<End> {
        self.ends().filter(|&end| self.half(end).open && self.half(end).owner == Owner::Node(node)).collect()
    }

    /// How long bytes take from this end to the other.
    pub(crate) fn delay(&self, end: End) -> Duration {
        self.connections[end.stream].delay
    }

    /// What a stranger was told, and whether its connection stands.
    pub(crate) fn told(&self, stranger: u64) -> (&[u8], bool) {
        let mut halves = self.connections.iter().map(|connection| &connection.dialler);
        halves
            .find(|half| half.conn == stranger && half.owner.is_same(Owner::STRANGER))
            .map_or((&[], false), |half| (&half.told, half.open))
    }

    /// Bytes reach an end: to whom they are to be told, if now.
    pub(crate) fn arrive(&mut self, to: End, bytes: Vec<u8>) -> Option<(Owner, ConnId, Vec<u8>)> {
        let half = self.half_mut(to);
        if !half.open {
            return None;
        }
        if !half.reading || !half.held.is_empty() {
            half.held.push_back(Held::Bytes(bytes));
            return None;
        }
        if let Owner::Stranger(_) = half.owner {
            half.told.extend_from_slice(&bytes);
        }
        Some((half.owner, ConnId(half.conn), bytes))
    }

    /// The news that it is over reaches an end: to whom it is to be told, if now.
    pub(crate) fn over(&mut self, to: End, reason: Closed) -> Option<(Owner, ConnId)> {
        let half = self.half_mut(to);
        if !half.open {
            return None;
        }
        if !half.reading || !half.held.is_empty() {
            half.held.push_back(Held::Over(reason));
            return None;
        }
        half.open = false;
        Some((half.owner, ConnId(half.conn)))
    }

    /// Whether an end is read; what was held back is then taken by [`Self::next_held`].
    pub(crate) fn set_reading(&mut self, end: End, on: bool) {
        self.half_mut(end).reading = on;
    }

    /// The first of what an end was not told, if it is read again.
    pub(crate) fn next_held(&mut self, end: End) -> Option<Held> {
        let half = self.half_mut(end);
        if half.open && half.reading { half.held.pop_front() } else { None }
    }

    /// Its owner is done with an end.
    pub(crate) fn shut(&mut self, end: End) {
        self.half_mut(end).open = false;
    }

    fn ends(&self) -> impl DoubleEndedIterator<Item = End> + use<> {
        (0..self.connections.len()).flat_map(|stream| [Side::Dialler, Side::Acceptor].map(|side| End { stream, side }))
    }

    fn half(&self, end: End) -> &HalfStream {
        let connection = &self.connections[end.stream];
        match end.side {
            Side::Dialler => &connection.dialler,
            Side::Acceptor => &connection.acceptor,
        }
    }

    fn half_mut(&mut self, end: End) -> &mut HalfStream {
        let connection = &mut self.connections[end.stream];
        match end.side {
            Side::Dialler => &mut connection.dialler,
            Side::Acceptor => &mut connection.acceptor,
        }
    }
}
