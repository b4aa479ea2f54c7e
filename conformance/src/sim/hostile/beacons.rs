//! What anybody can call out on a network, as whomever it likes: the source of a datagram is its sender's word.
//!
//! A machine of this world sends datagrams only as itself. So what is called in another's name is told by
//! [`Notice::Called`], and whoever runs the world puts it there.

use std::{
    collections::VecDeque,
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

use papo_proto::{
    machine::Action,
    wire::{
        beacon::{BEACON_BYTES, Beacon},
        codec::Wire as _,
    },
};

use super::{
    HOST, Notice,
    machine::{Hostile, Out},
};
use crate::sim::cast::{BYSTANDER, LAN_PORT, PEER_PORT, TRACKER_PORT};

/// Calls of others that are remembered.
const HEARD_MAX: usize = 32;
/// Neighbours that are made up at once, and altogether.
const CROWD: usize = 60;
const CROWDS_MAX: usize = 10_000;
/// Ports that somebody may be said to listen at.
const PORTS: [u16; 6] = [PEER_PORT, PEER_PORT, TRACKER_PORT, 22, 1, u16::MAX];

/// What it remembers of calls.
#[derive(Debug, Default)]
pub(super) struct Calls {
    heard: VecDeque<(SocketAddr, Vec<u8>)>,
    made_up: usize,
}

impl Calls {
    /// Somebody called.
    pub(super) fn on_call(&mut self, from: SocketAddr, bytes: &[u8]) {
        if self.heard.len() == HEARD_MAX {
            self.heard.pop_front();
        }
        self.heard.push_back((from, bytes.to_vec()));
    }
}

impl Hostile {
    /// Hears what is called, if anything is.
    pub(super) fn listen_to_calls(&mut self, out: &mut Out) {
        let address = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), LAN_PORT);
        let socket = self.ids.next_socket();
        out.push(Action::Bind { socket, address, broadcast: true });
    }

    fn call(&mut self, from: IpAddr, bytes: Vec<u8>, out: &mut Out) {
        out.notify(Notice::Called { from: SocketAddr::new(from, LAN_PORT), bytes });
    }

    fn next_beacon(&mut self) -> Beacon {
        let tracker = *self.luck.pick(&[None, None, Some(TRACKER_PORT), Some(22)]);
        Beacon { port: *self.luck.pick(&PORTS), instance: self.luck.next_u64().max(1), tracker }
    }

    /// Somebody who is there, and may call itself.
    fn pick_host(&mut self) -> IpAddr {
        match self.pick_anyone() {
            _ if self.luck.chance(0.1) => HOST,
            (address, _) => address.ip(),
        }
    }

    /// Somebody who is not there.
    fn made_up_host(&mut self) -> IpAddr {
        let [a, b] = (self.luck.next_u64() as u16).to_be_bytes();
        IpAddr::V4(Ipv4Addr::new(10, 66, a, b))
    }
}

/// What is no beacon: of another version, too short, too long, with nothing in it, or anything.
pub(super) fn broken(node: &mut Hostile, out: &mut Out) {
    let from = node.pick_host();
    let whole = node.next_beacon().to_bytes();
    let bytes = match node.luck.below(6) {
        0 => whole[..node.luck.below(BEACON_BYTES)].to_vec(),
        1 => [&whole[..], &[0]].concat(),
        // The version, the port, the instance.
        2 => [&whole[..4], &[2], &whole[5..]].concat(),
        3 => [&whole[..5], &[0, 0], &whole[7..]].concat(),
        4 => [&whole[..7], &[0; 8], &whole[15..]].concat(),
        _ => node.next_bytes(1_400),
    };
    node.call(from, bytes, out);
}

/// A crowd that is not there: each with an address of its own, or all with one.
pub(super) fn crowds(node: &mut Hostile, out: &mut Out) {
    let one = if node.luck.chance(0.3) { Some(node.pick_host()) } else { None };
    for _ in 0..CROWD.min(CROWDS_MAX - node.calls.made_up) {
        node.calls.made_up += 1;
        let from = one.unwrap_or_else(|| node.made_up_host());
        let port = if one.is_some() { 1 + node.luck.below(65_535) as u16 } else { *node.luck.pick(&PORTS) };
        let beacon = Beacon { port, ..node.next_beacon() };
        node.call(from, beacon.to_bytes(), out);
    }
}

/// Others' calls again, as they were or as somebody else; and calls in the name of somebody who is there.
pub(super) fn echoes(node: &mut Hostile, out: &mut Out) {
    let from = node.pick_host();
    let heard = if node.calls.heard.is_empty() {
        None
    } else {
        Some(node.luck.pick(node.calls.heard.make_contiguous()).clone())
    };
    let (from, bytes) = match (heard, node.luck.below(4)) {
        (Some((speaker, bytes)), 0) => (speaker.ip(), bytes),
        (Some((_, bytes)), 1) => (from, bytes),
        // It was started again, as it seems.
        (Some((speaker, bytes)), 2) => match Beacon::from_bytes(&bytes) {
            Ok(beacon) => (speaker.ip(), Beacon { instance: node.luck.next_u64().max(1), ..beacon }.to_bytes()),
            Err(_) => (speaker.ip(), bytes),
        },
        _ => (from, node.next_beacon().to_bytes()),
    };
    node.call(from, bytes, out);
}

/// Calls in the name of a third party, who is on no network of the others or is nobody at all.
pub(super) fn third_parties(node: &mut Hostile, out: &mut Out) {
    let nowhere = [
        BYSTANDER,
        Ipv4Addr::LOCALHOST.into(),
        Ipv4Addr::UNSPECIFIED.into(),
        Ipv4Addr::BROADCAST.into(),
        Ipv4Addr::new(224, 0, 0, 1).into(),
        std::net::Ipv6Addr::LOCALHOST.into(),
    ];
    let (from, beacon) = (*node.luck.pick(&nowhere), node.next_beacon());
    node.call(from, beacon.to_bytes(), out);
}
