//! Two people on one network, without a tracker, find each other and talk. One sends a directory and a file to the
//! other, who is killed while the file comes and goes on with it after the next start.

use std::net::{IpAddr, SocketAddr};

use papo_proto::peer::{
    self, Notice, Peer, Request,
    interface::{Lan, PeerEvent, Target},
};

use crate::world::NodeId;

use super::{
    LATER, Recording, done, heard, host, name, newcomer, quit, recording, say, stage::Stage, with_what_was_kept,
};

/// Plays it.
pub(super) fn record() -> Vec<Recording> {
    let mut world = Stage::new(4);
    world.lan.is_there = true;
    let files = &mut world.host(host(2)).files;
    files.put_directory("/home/ana/fotos");
    files.put_directory("/home/ana/fotos/vazia");
    files.put_file("/home/ana/fotos/praia.jpg", b"areia e mar", false);
    files.put_file("/home/ana/fotos/mostra.sh", b"#!/bin/sh", true);
    files.put_file("/home/ana/plano.pdf", &[b'p'; 20_000], false);

    let ana = world.start::<Peer>(host(2), neighbour(host(2), 41, "ana"));
    let bia = world.start::<Peer>(host(3), neighbour(host(3), 42, "bia"));
    linked(&mut world, ana, "bia");
    linked(&mut world, bia, "ana");
    say(&mut world, ana, Target::All, "há alguém?");
    heard(&mut world, bia, "há alguém?");

    let to_bia = |path: &str| Request::Send { to: Target::User(name("bia")), path: path.to_owned() };
    done(&mut world, ana, to_bia("/home/ana/fotos"));
    let transfer = offered(&mut world, bia);
    done(&mut world, bia, Request::Accept { transfer });
    received(&mut world, bia);

    done(&mut world, ana, to_bia("/home/ana/plano.pdf"));
    let transfer = offered(&mut world, bia);
    done(&mut world, bia, Request::Accept { transfer });
    let killed = bia;
    world.kill(killed);
    let start = with_what_was_kept(&world, killed, 43, neighbour(host(3), 42, "bia"));
    let bia = world.start::<Peer>(host(3), start);
    received(&mut world, bia);

    quit(&mut world, ana);
    quit(&mut world, bia);
    vec![
        recording(&world, ana, "neighbours.ana.jsonl"),
        recording(&world, killed, "neighbours.bia-killed.jsonl"),
        recording(&world, bia, "neighbours.bia.jsonl"),
    ]
}

/// Someone without a tracker.
fn neighbour(ip: IpAddr, seed: u8, user: &str) -> peer::Start {
    peer::Start {
        listen: SocketAddr::new(ip, 6061),
        lan: Some(Lan { port: 9091, hosts_tracker: None }),
        tracker: None,
        credentials: None,
        ..newcomer(seed, user)
    }
}

/// Waits until someone is linked to another one.
#[track_caller]
fn linked(world: &mut Stage, node: NodeId, user: &str) {
    world.wait_peer(node, LATER, |notice| match notice {
        Notice::Peer { what: PeerEvent::Linked, user: who, .. } if *who == name(user) => Some(()),
        _ => None,
    });
}

/// Waits until someone is offered something: its number.
#[track_caller]
fn offered(world: &mut Stage, node: NodeId) -> u64 {
    world.wait_peer(node, LATER, |notice| match notice {
        Notice::Offer { transfer, .. } => Some(*transfer),
        _ => None,
    })
}

/// Waits until something has arrived whole.
#[track_caller]
fn received(world: &mut Stage, node: NodeId) {
    world.wait_peer(node, LATER, |notice| matches!(notice, Notice::Received { .. }).then_some(()));
}
