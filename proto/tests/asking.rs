//! What a person asks for when it is least convenient, and how it is answered.

mod world;

use std::time::Duration;

use papo_proto::{
    limits::Limits,
    peer::{
        Notice, Problem, Request,
        interface::{PeerSeen, Target},
    },
    wire::tracker::{RoomEvent, Status, StatusText},
};
use world::{World, credentials, host::user, name};

fn room(text: &str) -> Target {
    Target::Room(name(text))
}

/// Two members of one tracker who share no room.
fn apart() -> (World, usize, [usize; 2]) {
    let mut world = World::default();
    let tracker = world.tracker(100);
    let members = [world.member(1, "ana", tracker), world.member(2, "bia", tracker)];
    (world, tracker, members)
}

#[test]
fn a_script_that_says_one_thing_and_ends_is_heard_by_someone_of_whom_nobody_told_it() {
    let (mut world, _, [ana, bia]) = apart();
    for round in 0..3 {
        world.say(ana, user("bia"), &format!("{round}"));
        let drained = world.ask(ana, Request::Drain);
        world.pass(Duration::from_millis(Limits::DEFAULT.redial_ms_min));
        let told = world.notices(ana);
        let is_end = |notice: &Notice| matches!(notice, Notice::Outcome { token, .. } if *token == drained);
        let end = told.iter().position(is_end).expect("the end of the input is not waited for without need");
        let delivered = told[..end].iter().filter(|notice| matches!(notice, Notice::Delivered { .. })).count();
        assert_eq!(delivered, round + 1, "bia is there, and the end of the input waits for her");
        // The next run knows bia by her key only.
        world.kill(ana);
        world.restart_by_key(ana);
    }
    assert_eq!(world.heard(bia), ["ana: 0", "ana: 1", "ana: 2"]);
}

#[test]
fn a_script_does_not_wait_for_someone_who_is_away() {
    let (mut world, _, [ana, bia]) = apart();
    world.say(ana, user("bia"), "1");
    world.pass(Duration::from_secs(2));
    world.kill(bia);
    world.kill(ana);
    world.restart_by_key(ana);
    world.say(ana, user("bia"), "2");
    let drained = world.ask(ana, Request::Drain);
    world.pass(Duration::from_millis(1));
    assert_eq!(world.outcome(ana, drained), Some(None), "the tracker said that she is away");
    world.pass(Duration::from_secs(40));
    world.restart_by_key(bia);
    world.pass(Duration::from_millis(2 * Limits::DEFAULT.redial_ms_max));
    assert_eq!(world.heard(bia), ["ana: 1", "ana: 2"]);
}

#[test]
fn whoever_joins_a_room_again_is_told_who_is_there() {
    let (mut world, _, [ana, bia]) = apart();
    world.done(ana, Request::Create { room: name("sala"), capacity: None, plaintext: false });
    world.done(bia, Request::Join { room: name("Sala") });
    let told = |world: &World, node| {
        let joined = world.notices(node).iter().filter_map(|notice| match notice {
            Notice::Room { what: RoomEvent::Joined, user, members, .. } => Some((user.to_string(), members.len())),
            _ => None,
        });
        joined.collect::<Vec<_>>()
    };
    let (before, others) = (told(&world, bia).len(), told(&world, ana).len());
    world.done(bia, Request::Join { room: name("sala") });
    assert_eq!(told(&world, bia)[before..], [("bia".to_owned(), 2)]);
    assert_eq!(told(&world, ana).len(), others, "nothing happened to the others");
}

#[test]
fn one_can_ask_who_one_is() {
    let (mut world, tracker, [ana, _]) = apart();
    let me = |world: &mut World| -> (PeerSeen, bool) {
        world.done(ana, Request::Whois { user: name("ana") });
        let last = world.notices(ana).iter().rev().find_map(|notice| match notice {
            Notice::Whois { peer, key, .. } => Some((peer.clone(), *key == Some(world.key(ana)))),
            _ => None,
        });
        last.expect("an answer")
    };
    let text = StatusText::new("lunch").expect("short");
    world.done(ana, Request::Status { status: Status::Away, text: text.clone() });
    let (seen, own_key) = me(&mut world);
    assert_eq!((seen.user.as_str(), seen.status, &seen.status_text), ("ana", Status::Away, &text));
    assert!(own_key && seen.address == Some(world.listens_at(ana)));
    world.kill(tracker);
    assert_eq!(me(&mut world).0.status, Status::Offline, "the tracker tells others so");
}

#[test]
fn it_can_be_known_beforehand_whether_something_can_be_said() {
    let (mut world, _, [ana, _]) = apart();
    let talk = |to| Request::Talk { to };
    world.done(ana, talk(user("bia")));
    world.done(ana, talk(Target::All));
    assert_eq!(world.problem(ana, talk(user("ana"))), Problem::Oneself);
    assert!(matches!(world.problem(ana, talk(user("nobody"))), Problem::Tracker { .. }));
    assert_eq!(world.problem(ana, talk(room("sala"))), Problem::NotInRoom { room: name("sala") });
    world.done(ana, Request::Create { room: name("sala"), capacity: None, plaintext: false });
    world.done(ana, talk(room("sala")));
    world.done(ana, Request::Block { user: name("bia") });
    assert_eq!(world.problem(ana, talk(user("bia"))), Problem::Blocked { user: name("bia") });
}

#[test]
fn while_a_tracker_is_away_one_is_not_told_to_log_in() {
    let (mut world, tracker, [ana, _]) = apart();
    world.kill(tracker);
    assert_eq!(world.problem(ana, Request::Join { room: name("sala") }), Problem::TrackerAway);
    world.done(ana, Request::Logout);
    assert_eq!(world.problem(ana, Request::Join { room: name("sala") }), Problem::NotLoggedIn);
}

#[test]
fn whoever_goes_on_under_another_account_is_told_under_the_former_that_its_rooms_are_gone() {
    let (mut world, _, [ana, _]) = apart();
    world.done(ana, Request::Create { room: name("sala"), capacity: None, plaintext: false });
    world.done(ana, Request::Logout);
    world.done(ana, Request::Register(credentials("novo", "secret", true)));
    let told = world.notices(ana).iter().filter_map(|notice| match notice {
        Notice::Room { what: RoomEvent::Evicted, user, .. } => Some(user.to_string()),
        _ => None,
    });
    assert_eq!(told.collect::<Vec<_>>(), ["ana"]);
    assert_eq!(world.problem(ana, Request::Leave { room: name("sala") }), Problem::NotInRoom { room: name("sala") });
}
