//! Rooms in which the programs of older systems may take part, and those who keep out of them.

mod world;

use papo_proto::{
    peer::{Notice, Problem, Request},
    wire::tracker::{Failure, RoomEvent},
};
use world::{World, name};

/// A member of the tracker who allows plain text.
fn open(world: &mut World, number: u8, text: &str, tracker: usize) -> usize {
    world.member_with(number, text, tracker, |start| start.allow_plaintext = true)
}

#[test]
fn whoever_does_not_allow_plain_text_neither_makes_nor_joins_a_plaintext_room() {
    let mut world = World::default();
    let tracker = world.tracker(100);
    let (ana, bia) = (open(&mut world, 1, "ana", tracker), open(&mut world, 2, "bia", tracker));
    let caio = world.member(3, "caio", tracker);
    let create = |room: &str| Request::Create { room: name(room), capacity: None, plaintext: true };
    let refused = Some(Some(Problem::Tracker { failure: Failure::PlaintextRoom }));
    world.done(ana, create("praça"));
    let token = world.ask(caio, create("beco"));
    world.settle();
    assert_eq!(world.outcome(caio, token), refused);
    let token = world.ask(caio, Request::Join { room: name("praça") });
    world.settle();
    assert_eq!(world.outcome(caio, token), refused);
    world.done(bia, Request::Join { room: name("praça") });
    let joined =
        |notice: &Notice| matches!(notice, Notice::Room { what: RoomEvent::Joined, user, .. } if *user == name("bia"));
    assert!(world.notices(ana).iter().any(joined));
    world.done(ana, Request::Create { room: name("sala"), capacity: None, plaintext: false });
    world.done(caio, Request::Join { room: name("sala") });
    world.notices(caio);
    world.done(caio, Request::Rooms { prefix: String::new() });
    let listed = world.notices(caio).iter().find_map(|notice| match notice {
        Notice::Rooms { rooms } => Some(rooms),
        _ => None,
    });
    let listed =
        listed.expect("it was asked for").iter().map(|row| (row.room.clone(), row.plaintext)).collect::<Vec<_>>();
    assert_eq!(listed, [(name("praça"), true), (name("sala"), false)]);
}
