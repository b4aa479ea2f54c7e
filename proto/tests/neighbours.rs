//! A neighbour that does what a test says: what a peer says to it before and after it knows who that is.

mod host;

use std::net::Ipv4Addr;

use host::{Host, Stranger, identity};
use papo_proto::{
    channel::Preface,
    machine::{Event, Interface},
    peer::{Peer, interface::Lan},
    wire::{beacon::Beacon, codec::Wire as _, peer::ToPeer, tracker::Goodbye},
};

/// Longer than a dial to a neighbour is left to the other end.
const A_WHILE_MS: u64 = 3_000;

fn on_a_network() -> Host<Peer> {
    let mut host = Host::peer(|start| start.lan = Some(Lan { port: 9091, hosts_tracker: None }));
    let loopback = Interface::alone(Ipv4Addr::LOCALHOST.into());
    let broadcast = Some(Ipv4Addr::new(127, 255, 255, 255));
    host.event(Event::Interfaces(vec![Interface { prefix: 8, broadcast, ..loopback }]));
    host
}

/// Somebody with the identity of that number calls, is dialled, and answers.
fn found(host: &mut Host<Peer>, number: u8) -> Stranger {
    host.datagram(9, &Beacon { port: 7000, instance: 1, tracker: None }.to_bytes());
    host.pass(A_WHILE_MS);
    Stranger::answer(host, Preface::Peer, number)
}

#[test]
fn another_way_to_somebody_who_is_linked_is_given_up_before_anything_is_said_there() {
    let is_smaller = |number: &u8| identity(*number).key() < identity(1).key();
    let (smaller, larger) = ((2..).find(is_smaller), (2..).find(|number| !is_smaller(number)));
    // Whichever link would stay if both stood.
    for number in [smaller, larger].into_iter().flatten() {
        let mut host = on_a_network();
        let mut link = host.link(number);
        assert!(matches!(link.heard()[..], [ToPeer::Hello { .. }]));
        let mut again = found(&mut host, number);
        assert_eq!(again.heard::<ToPeer>(), [ToPeer::Bye { reason: Goodbye::Duplicate }]);
        assert!(host.closed.contains(&again.conn) && !host.closed.contains(&link.conn));
        link.exchange(&mut host);
        assert!(matches!(link.heard()[..], [ToPeer::Ping { .. }]), "whether it still stands, has to be seen");
    }
}
