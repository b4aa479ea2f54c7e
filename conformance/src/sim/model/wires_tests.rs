//! What goes out and should not is found.

use std::net::{Ipv4Addr, SocketAddr};

use papo_proto::{
    machine::ConnId,
    peer::{Notice, Request},
    wire::{beacon::Beacon, codec::Wire as _},
};

use super::{stage::Stage, wires};
use crate::{
    sim::{
        cast::{BYSTANDER, LAN_PORT, MARK, Role},
        hostile,
    },
    world::{datagrams::BROADCAST, fact::What, resident::Told},
};

#[test]
fn a_secret_on_a_wire_is_found_over_the_bounds_of_what_is_sent_at_once() {
    let mut stage = Stage::in_a_room();
    let sends = |stage: &mut Stage, conn, bytes: &[u8]| stage.person(0, What::Sent(ConnId(conn), bytes.to_vec()));
    sends(&mut stage, 1, b"noise papag");
    sends(&mut stage, 3, b"aio");
    stage.broken_nothing();
    sends(&mut stage, 1, b"aio noise");
    stage.broken(wires::SECRECY);
    let key = stage.key(2).0;
    sends(&mut stage, 5, &key[..20]);
    stage.broken_nothing();
    sends(&mut stage, 5, &key[20..]);
    stage.broken(wires::SECRECY);
    let device = Stage::stranger().key();
    stage.model.note_new_device(1, device);
    sends(&mut stage, 7, &device.0);
    stage.broken(wires::SECRECY);
}

#[test]
fn whoever_dials_a_third_party_is_found() {
    let mut stage = Stage::in_a_room();
    let dials = |stage: &mut Stage, person, to| stage.person(person, What::Dialled(ConnId(1), to));
    let bystander = SocketAddr::new(BYSTANDER, 6061);
    let listens = SocketAddr::new(stage.ip(1), 6061);
    let tracker = stage.cast.trackers[0].address();
    dials(&mut stage, 0, tracker);
    stage.broken_nothing();
    dials(&mut stage, 0, listens);
    stage.broken(wires::NO_THIRD_PARTY);
    stage.told(1, Notice::Ready { user: stage.name(1), listen: listens, key: stage.key(1) });
    dials(&mut stage, 0, listens);
    stage.asks(0, Request::Connect { address: bystander });
    dials(&mut stage, 0, bystander);
    stage.broken_nothing();
    dials(&mut stage, 1, bystander);
    stage.broken(wires::NO_THIRD_PARTY);
    stage.happens(Role::Tracker(0), 100, What::Dialled(ConnId(1), listens));
    stage.broken(wires::NO_THIRD_PARTY);
}

/// What somebody says who can be dialled at that port.
fn beacon(port: u16) -> Vec<u8> {
    Beacon { port, instance: 7, tracker: Some(6060) }.to_bytes()
}

#[test]
fn only_the_source_of_a_beacon_is_dialled_at_the_port_that_it_names_and_by_who_heard_it() {
    let mut stage = Stage::in_a_room();
    let dials = |stage: &mut Stage, person, to| stage.person(person, What::Dialled(ConnId(1), to));
    let from = SocketAddr::from(([10, 66, 0, 1], LAN_PORT));
    let at = |port| SocketAddr::new(from.ip(), port);
    stage.person(0, What::Heard(from, beacon(22)));
    dials(&mut stage, 0, at(22));
    stage.broken_nothing();
    for (person, to) in [(0, at(LAN_PORT)), (0, at(6060)), (1, at(22))] {
        dials(&mut stage, person, to);
        stage.broken(wires::NO_THIRD_PARTY);
    }
    // A third party on no network of theirs, and what is no beacon.
    let bystander = SocketAddr::new(BYSTANDER, 22);
    stage.person(0, What::Heard(bystander, beacon(22)));
    stage.person(0, What::Heard(at(1), beacon(23)[1..].to_vec()));
    for to in [bystander, at(23)] {
        dials(&mut stage, 0, to);
        stage.broken(wires::NO_THIRD_PARTY);
    }
    stage.person(0, What::Ended);
    dials(&mut stage, 0, at(22));
    stage.broken(wires::NO_THIRD_PARTY);
}

#[test]
fn somebody_hostile_may_be_dialled_where_it_says_and_can_aim_nobody_at_anybody_else() {
    let mut stage = Stage::in_a_room();
    let dials = |stage: &mut Stage, to| stage.person(0, What::Dialled(ConnId(1), to));
    let claimed = SocketAddr::new(hostile::HOST, 22);
    dials(&mut stage, claimed);
    stage.broken(wires::NO_THIRD_PARTY);
    let acted = Told::Hostile(hostile::Notice::Acted(hostile::Habit::ThirdParties));
    stage.happens(Role::Hostile, 101, What::Told(acted));
    dials(&mut stage, claimed);
    stage.broken_nothing();
    for ip in [BYSTANDER, Ipv4Addr::new(10, 66, 0, 1).into()] {
        dials(&mut stage, SocketAddr::new(ip, 6061));
        stage.broken(wires::NO_THIRD_PARTY);
    }
}

#[test]
fn a_datagram_that_is_no_beacon_for_all_or_answers_another_is_found() {
    let mut stage = Stage::in_a_room();
    let everyone = SocketAddr::new(BROADCAST.into(), LAN_PORT);
    stage.person(0, What::Called(everyone, beacon(6061), false));
    stage.broken_nothing();
    let somebody = SocketAddr::new(stage.ip(1), LAN_PORT);
    let marked = [&beacon(6061)[..], MARK.as_bytes()].concat();
    for (to, bytes, answers) in [
        (somebody, beacon(6061), false),
        (SocketAddr::new(BROADCAST.into(), 22), beacon(6061), false),
        (everyone, beacon(6061), true),
        (everyone, marked, false),
        (everyone, b"ana".to_vec(), false),
    ] {
        stage.person(0, What::Called(to, bytes, answers));
        stage.broken(wires::CALLS);
    }
}
