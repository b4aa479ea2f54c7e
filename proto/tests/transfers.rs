//! Files and directories between peers, in a small world with disks in memory.

#![allow(clippy::unwrap_used, reason = "tests")]

mod world;

use papo_proto::{
    disk::{BLOCK_BYTES_MAX, memory::Node},
    peer::{Notice, Request, interface::Target},
    wire::transfer::{AHEAD_BYTES_MAX, CHUNK_BYTES_MAX},
};
use sha2::{Digest as _, Sha256};
use world::{NodeId, World, host::user};

/// Two who are linked.
fn linked() -> (World, NodeId, NodeId) {
    let mut world = World::default();
    let ana = world.peer(1, "ana");
    let bia = world.peer(2, "bia");
    let address = world.listens_at(bia);
    world.done(ana, Request::Connect { address });
    (world, ana, bia)
}

/// Bytes that are not alike anywhere.
fn content(length: usize) -> Vec<u8> {
    let mut state = 1_u32;
    (0..length)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        })
        .collect()
}

fn send(world: &mut World, from: NodeId, to: Target, path: &str) {
    world.done(from, Request::Send { to, path: path.to_owned() });
}

/// The number of the last offer that someone was told of.
fn offer(world: &World, node: NodeId) -> u64 {
    let last = world.notices(node).iter().rev().find_map(|notice| match notice {
        Notice::Offer { transfer, .. } => Some(*transfer),
        _ => None,
    });
    last.expect("an offer")
}

fn accept(world: &mut World, node: NodeId) {
    let transfer = offer(world, node);
    world.done(node, Request::Accept { transfer });
}

fn sent(world: &World, node: NodeId) -> usize {
    world.notices(node).iter().filter(|notice| matches!(notice, Notice::Sent { .. })).count()
}

fn received(world: &World, node: NodeId) -> usize {
    world.notices(node).iter().filter(|notice| matches!(notice, Notice::Received { .. })).count()
}

fn file(bytes: &[u8]) -> Node {
    Node::File { bytes: bytes.to_vec(), executable: false }
}

#[test]
fn a_file_is_offered_accepted_sent_checked_and_given_its_name() {
    let (mut world, ana, bia) = linked();
    world.files(ana).put_file("/home/ana/notas.txt", b"oi", false);
    send(&mut world, ana, user("bia"), "/home/ana/notas.txt");
    assert!(world.files(bia).received().is_empty(), "nothing is created before it is accepted");
    accept(&mut world, bia);
    assert_eq!(world.files(bia).received_as("notas.txt"), [(String::new(), file(b"oi"))]);
    assert_eq!((sent(&world, ana), received(&world, bia)), (1, 1));
    assert_eq!((world.files(ana).open(), world.files(bia).open()), (0, 0), "nothing is left open");
    assert_eq!((world.files(ana).kept().count(), world.files(bia).kept().count()), (0, 0), "nothing is left over");
}

#[test]
fn files_of_every_length_around_the_edges_arrive_whole() {
    let (mut world, ana, bia) = linked();
    let edges = [CHUNK_BYTES_MAX, BLOCK_BYTES_MAX, usize::try_from(AHEAD_BYTES_MAX).unwrap(), 3 << 20];
    let around = edges.iter().flat_map(|edge| [edge - 1, *edge, edge + 1]);
    for length in [0, 1].into_iter().chain(around) {
        let (bytes, name) = (content(length), format!("file-{length}"));
        world.files(ana).put_file(&format!("/home/ana/{name}"), &bytes, false);
        send(&mut world, ana, user("bia"), &format!("/home/ana/{name}"));
        accept(&mut world, bia);
        assert_eq!(world.files(bia).received_as(&name), [(String::new(), file(&bytes))]);
        let sum = papo_proto::wire::transfer::Hash(Sha256::digest(&bytes).into());
        let told = world.notices(bia).iter().rev().find_map(|notice| match notice {
            Notice::Received { sha256, path, .. } => Some((*sha256, path.clone())),
            _ => None,
        });
        let (told, path) = told.expect("it arrived");
        assert_eq!((told, path.ends_with(&name)), (sum, true));
    }
}
