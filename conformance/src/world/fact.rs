//! What can be seen of a world: everything that an invariant may speak about.

use std::net::{IpAddr, SocketAddr};

use papo_proto::{
    disk::memory::Node,
    machine::{Closed, ConnId, Seq},
    time::Time,
};

use super::{
    NodeId,
    resident::{Kept, Told, Wish},
};

/// Something that happened at a machine.
#[derive(Debug, Clone)]
pub(crate) struct Fact {
    /// When, in the world's time.
    pub(crate) at: Time,
    /// At which machine.
    pub(crate) node: NodeId,
    /// What.
    pub(crate) what: What,
}

/// What happened. Some of it only people read, when something went wrong.
#[derive(Debug, Clone)]
#[expect(dead_code, reason = "people read it")]
pub(crate) enum What {
    /// Its process began, on the host with this address.
    Started(IpAddr),
    /// Its process ended, however.
    Ended,
    /// Its host asked for something.
    Asked(Wish),
    /// It told its host something.
    Told(Told),
    /// It wants changes to be made durable.
    Committing(Seq, Vec<Kept>),
    /// These changes are on its disk from now on, whether it knows that yet or not.
    Durable(Seq, Vec<Kept>),
    /// It dials an address.
    Dialled(ConnId, SocketAddr),
    /// What it dialled was refused.
    Refused(u64),
    /// A connection stands.
    Opened(ConnId, SocketAddr),
    /// It heard that a connection is over.
    Closed(ConnId, Closed),
    /// It ended a connection itself.
    Hung(ConnId),
    /// Something got its name among the files that it received: that, and what is in it.
    Published(String, Vec<(String, Node)>),
    /// A datagram came, or so it seems, from that address.
    Heard(SocketAddr, Vec<u8>),
    /// It sent a datagram there; whether when it was told of one.
    Called(SocketAddr, Vec<u8>, bool),
    /// It sent bytes.
    Sent(ConnId, Vec<u8>),
    /// It, or the world around it, broke a rule of the contract.
    Broke(String),
}
