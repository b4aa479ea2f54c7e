//! What happened once in a storm, or could have: each story alone, in a world without weather.

mod world;

use std::time::Duration;

use papo_proto::peer::{Request, interface::Target};
use world::{NodeId, World, name};

/// As long as it takes to be back after anything.
const A_WHILE: Duration = Duration::from_secs(40);

fn sala() -> Target {
    Target::Room(name("sala"))
}

/// A tracker and members who are all in one room.
fn in_a_room<const N: usize>(names: [&str; N]) -> (World, NodeId, [NodeId; N]) {
    let mut world = World::default();
    let tracker = world.tracker(100);
    let mut number = 0;
    let members = names.map(|text| {
        number += 1;
        world.member(number, text, tracker)
    });
    world.done(members[0], Request::Create { room: name("sala"), capacity: None });
    for member in &members[1..] {
        world.done(*member, Request::Join { room: name("sala") });
    }
    world.pass(Duration::from_secs(2));
    (world, tracker, members)
}

#[test]
fn who_comes_back_to_a_room_is_heard_again() {
    let (mut world, _, [ana, bia]) = in_a_room(["ana", "bia"]);
    world.say(bia, sala(), "1");
    world.say(bia, sala(), "2");
    world.done(bia, Request::Leave { room: name("sala") });
    world.done(bia, Request::Join { room: name("sala") });
    world.pass(A_WHILE);
    world.say(bia, sala(), "3");
    assert_eq!(world.heard(ana), ["bia: 1", "bia: 2", "bia: 3"]);
    world.done(bia, Request::Leave { room: name("sala") });
    world.kill(bia);
    world.restart_by_key(bia);
    world.done(bia, Request::Join { room: name("sala") });
    world.pass(A_WHILE);
    world.say(bia, sala(), "4");
    assert_eq!(world.heard(ana).last().map(String::as_str), Some("bia: 4"));
}
