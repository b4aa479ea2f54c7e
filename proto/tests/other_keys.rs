//! Transfers with someone who has another key now: what goes there is offered to that one, what came from the former ends.

mod world;

use std::time::Duration;

use papo_proto::{
    limits::Limits,
    peer::{
        Notice, Problem, Request,
        change::{Arrival, Way},
        interface::Phase,
    },
    wire::transfer::Reason,
};
use world::{
    NodeId, World, credentials,
    files::{content, file},
    host::{in_a_room, user},
    name,
};

const A_WHILE: Duration = Duration::from_secs(40);
const LENGTH: usize = 3 << 20;

/// Ana and Bia are linked, by way of a tracker.
fn members() -> (World, NodeId, NodeId, NodeId) {
    let (world, tracker, [ana, bia]) = in_a_room(["ana", "bia"]);
    (world, tracker, ana, bia)
}

fn numbers(world: &World, node: NodeId, incoming: bool) -> Vec<u64> {
    let told = world.notices(node).iter().filter_map(|notice| match notice {
        Notice::Offer { transfer, .. } if incoming => Some(*transfer),
        Notice::Offered { transfer, .. } if !incoming => Some(*transfer),
        _ => None,
    });
    told.collect()
}

#[test]
fn what_goes_to_someone_is_offered_to_the_key_that_is_accepted_and_begins_anew() {
    let (mut world, tracker, ana, bia) = members();
    world.send_and_accept(ana, bia, "big", &content(LENGTH));
    world.pass_steps(|world| world.sent(ana) > LENGTH as u64 / 2);
    world.kill(bia);
    world.files(ana).put_file("/home/held", b"oi", false);
    world.send(ana, user("bia"), "/home/held");
    world.done(ana, Request::Pause { transfer: 2 });
    let phone = world.new_device(50, "bia", tracker);
    world.pass(A_WHILE);
    assert!(numbers(&world, phone, true).is_empty(), "nothing is offered to a key that nobody accepted");
    world.done(ana, Request::Trust { user: name("bia") });
    world.pass(A_WHILE);
    let former = |reason| vec![(reason, true), (reason, true)];
    assert_eq!((world.ended(ana), numbers(&world, ana, false)), (former(Reason::OtherKey), vec![1, 2, 3, 4]));
    assert_eq!(world.phases(ana), [Phase::Offered, Phase::Paused { here: true, there: false }]);
    for transfer in numbers(&world, phone, true) {
        world.done(phone, Request::Accept { transfer });
    }
    assert_eq!(world.files(phone).received_as("big"), [(String::new(), file(&content(LENGTH)))]);
    world.done(ana, Request::Resume { transfer: 4 });
    assert_eq!((world.received(phone).len(), world.arrived(ana)), (2, 2));
    // Of what the former key had, nothing is left here but what it is told should it come back.
    let kept = world.state(ana).transfers.iter().map(|kept| kept.number).collect::<Vec<_>>();
    assert_eq!(kept, [1, 2]);
    world.assert_tidy(phone);
}

#[test]
fn what_goes_to_someone_is_offered_at_once_over_a_link_that_stands_already() {
    let (mut world, tracker, ana, bia) = members();
    world.kill(bia);
    world.files(ana).put_file("/home/x", b"oi", false);
    world.send(ana, user("bia"), "/home/x");
    let phone = world.member_with(50, "bia", tracker, |start| start.credentials = None);
    world.link(phone, ana);
    world.done(phone, Request::Login(credentials("bia", "secret", false)));
    world.pass(Duration::from_secs(1));
    assert!(numbers(&world, phone, true).is_empty());
    world.done(ana, Request::Trust { user: name("bia") });
    assert_eq!(numbers(&world, phone, true), [1]);
    world.accept(phone);
    assert_eq!(world.files(phone).received_as("x"), [(String::new(), file(b"oi"))]);
}

#[test]
fn what_came_from_a_former_key_ends_and_leaves_nothing() {
    let (mut world, tracker, ana, bia) = members();
    world.send_and_accept(bia, ana, "begun", &content(LENGTH));
    world.pass_steps(|world| world.sent(bia) > LENGTH as u64 / 2);
    world.kill(bia);
    world.start(bia);
    world.files(bia).put_file("/home/y", b"oi", false);
    world.kill(bia);
    assert_eq!(world.files(ana).kept().count(), 1);
    let phone = world.new_device(50, "bia", tracker);
    world.pass(A_WHILE);
    assert_eq!(world.files(ana).kept().count(), 1, "whoever comes with another key ends nothing");
    world.done(ana, Request::Trust { user: name("bia") });
    world.pass(A_WHILE);
    assert_eq!(world.ended(ana), [(Reason::OtherKey, true)]);
    world.assert_tidy(ana);
    let problem = Problem::UnknownTransfer { transfer: 1 };
    assert_eq!(world.problem(ana, Request::Accept { transfer: 1 }), problem);
    // The new key's own files come as ever.
    world.send_and_accept(phone, ana, "begun", b"anew");
    world.settle();
    assert_eq!(world.files(ana).received_as("begun"), [(String::new(), file(b"anew"))]);
}

#[test]
fn an_offer_of_a_former_key_can_not_be_taken_and_what_is_whole_is_kept() {
    let (mut world, tracker, ana, bia) = members();
    world.files(bia).put_file("/home/y", b"oi", false);
    world.send(bia, user("ana"), "/home/y");
    world.send_and_accept(bia, ana, "whole", b"all of it");
    // All of it is there, and the store does not know yet.
    world.pass_steps(|world| world.sent(bia) > 0 && world.asked(ana, "Sync") > 0);
    world.kill(bia);
    let phone = world.new_device(50, "bia", tracker);
    world.pass(A_WHILE);
    world.done(ana, Request::Trust { user: name("bia") });
    assert_eq!(world.problem(ana, Request::Accept { transfer: 1 }), Problem::UnknownTransfer { transfer: 1 });
    world.pass(A_WHILE);
    assert_eq!(world.ended(ana), [(Reason::OtherKey, true)]);
    assert_eq!(world.files(ana).received_as("whole"), [(String::new(), file(b"all of it"))]);
    assert!(matches!(world.state(ana).transfers[0].way, Way::Incoming(Arrival::Ended(Some(Reason::OtherKey)))));
    assert!(numbers(&world, phone, true).is_empty());
}

#[test]
fn what_ended_without_the_other_end_knowing_is_forgotten_past_the_limit_with_its_note() {
    let mut world = World::default();
    let limits = Limits { transfers_ended_max: 2, ..Limits::DEFAULT };
    let ana = world.peer_with(1, "ana", |start| start.limits = limits);
    let bia = world.peer(2, "bia");
    world.link(ana, bia);
    world.send_several(ana, bia, 4, &content(LENGTH));
    world.pass_steps(|world| world.sent(ana) > 3 * LENGTH as u64);
    world.kill(bia);
    assert_eq!(world.files(ana).kept().count(), 4, "there are notes of each");
    for transfer in 1..=4 {
        world.done(ana, Request::Cancel { transfer });
    }
    assert_eq!((world.state(ana).transfers.len(), world.files(ana).kept().count()), (2, 2));
}
