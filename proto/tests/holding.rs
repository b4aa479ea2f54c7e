//! Transfers that either end holds, lets go on or ends, at every point of their lives and while the link is down.

mod world;

use papo_proto::{disk::BLOCK_BYTES_MAX, peer::Request, wire::transfer::Reason};
use world::{
    NodeId, World,
    files::{content, file, linked},
    host::user,
};

const LENGTH: usize = 2 * BLOCK_BYTES_MAX + 5;
/// So many files, so that their list takes its time, too.
const FILES: usize = 150;

/// What is sent, as it is received.
fn put(world: &mut World, node: NodeId) {
    let files = world.files(node);
    files.put_directory("/home/all");
    files.put_file("/home/all/big", &content(LENGTH), false);
    for number in 0..FILES {
        files.put_file(&format!("/home/all/{number:0>100}"), b"x", false);
    }
}

/// A directory is on its way, of which so many steps were made; none, where it takes fewer.
fn begun(steps: usize) -> Option<(World, NodeId, NodeId)> {
    let (mut world, ana, bia) = linked();
    put(&mut world, ana);
    world.send(ana, user("bia"), "/home/all");
    world.ask_unsettled(bia, Request::Accept { transfer: 1 });
    world.settle_some(steps).then_some((world, ana, bia))
}

#[track_caller]
fn assert_whole(world: &mut World, ana: NodeId, bia: NodeId, at: &str) {
    let tree = world.files(bia).received_as("all");
    assert_eq!(tree.len(), FILES + 2, "{at}");
    assert!(tree.contains(&("big".to_owned(), file(&content(LENGTH)))), "{at}");
    assert_eq!((world.arrived(ana), world.received(bia).len()), (1, 1), "{at}");
    assert!(world.state(ana).transfers.is_empty(), "{at}");
    world.assert_tidy(ana);
    world.assert_tidy(bia);
}

/// How the link is when something is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Link {
    Stands,
    IsCut,
    IsCutAfterwards,
}

const LINKS: [Link; 3] = [Link::Stands, Link::IsCut, Link::IsCutAfterwards];

fn at_every_point(check: impl Fn(World, NodeId, NodeId, NodeId, Link, &str)) {
    for (half, receiver) in [true, false].into_iter().enumerate() {
        for (third, link) in LINKS.into_iter().enumerate() {
            // Each has points of its own; together they are close.
            for steps in (half + 2 * third..).step_by(12) {
                let Some((world, ana, bia)) = begun(steps) else {
                    assert!(steps > 40, "it takes its steps");
                    break;
                };
                let node = if receiver { bia } else { ana };
                check(world, ana, bia, node, link, &format!("at {steps}, receiver {receiver}, link {link:?}"));
            }
        }
    }
}

/// Something is asked for, whatever comes of it, and then both are linked.
fn ask(world: &mut World, (ana, bia): (NodeId, NodeId), node: NodeId, request: Request, link: Link) {
    if link == Link::IsCut {
        world.cut_between(ana, bia);
    }
    world.ask_unsettled(node, request);
    if link == Link::IsCutAfterwards {
        world.settle_some(3);
        world.cut_between(ana, bia);
    }
    world.settle();
    if link != Link::Stands {
        world.link(ana, bia);
    }
}

#[test]
fn what_is_held_at_any_point_rests_until_it_is_let_go_and_arrives_whole() {
    at_every_point(|mut world, ana, bia, node, link, at| {
        ask(&mut world, (ana, bia), node, Request::Pause { transfer: 1 }, link);
        if world.received(bia).is_empty() {
            assert_eq!(
                (world.files(ana).open(), world.files(bia).open()),
                (0, 0),
                "who waits holds nothing open, {at}"
            );
        }
        ask(&mut world, (ana, bia), node, Request::Resume { transfer: 1 }, link);
        assert_whole(&mut world, ana, bia, at);
    });
}

#[test]
fn what_is_held_and_let_go_at_once_arrives_whole() {
    at_every_point(|mut world, ana, bia, node, link, at| {
        world.ask_unsettled(node, Request::Pause { transfer: 1 });
        ask(&mut world, (ana, bia), node, Request::Resume { transfer: 1 }, link);
        assert_whole(&mut world, ana, bia, at);
    });
}

#[test]
fn what_is_ended_at_any_point_leaves_nothing_or_has_arrived() {
    at_every_point(|mut world, ana, bia, node, link, at| {
        ask(&mut world, (ana, bia), node, Request::Cancel { transfer: 1 }, link);
        let reasons = |world: &World, of| world.ended(of).into_iter().map(|(reason, _)| reason).collect::<Vec<_>>();
        if world.received(bia).is_empty() {
            let reason = reasons(&world, node);
            assert!(reason == [Reason::Cancelled] || reason == [Reason::Rejected], "{reason:?} {at}");
            assert_eq!((reasons(&world, ana).len(), reasons(&world, bia).len()), (1, 1), "both are told, {at}");
            assert!(world.files(bia).received().is_empty(), "{at}");
        } else {
            // It was all there already.
            assert_eq!(world.files(bia).received_as("all").len(), FILES + 2, "{at}");
        }
        assert!(world.state(ana).transfers.is_empty(), "{at}");
        world.assert_tidy(ana);
        world.assert_tidy(bia);
    });
}
