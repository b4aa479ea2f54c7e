//! Whoever was turned away: by a block, for its key, or since a person wanted no link; and how it is welcome again.

mod world;

use std::time::Duration;

use papo_proto::peer::Request;
use world::{
    World, credentials,
    host::{in_a_room, sala, user},
    name,
};

/// As long as it takes to be back after anything.
const A_WHILE: Duration = Duration::from_secs(40);

#[test]
fn a_link_that_was_ended_on_purpose_is_not_dialled_again_when_its_other_end_comes_back() {
    let (mut world, tracker, [ana, bia]) = in_a_room(["ana", "bia"]);
    world.done(ana, Request::Disconnect { user: name("bia") });
    world.cut_between(tracker, bia);
    world.cut_between(tracker, ana);
    world.pass(Duration::from_secs(120));
    assert_eq!(world.connections_between(ana, bia), 0);
    world.say(ana, user("bia"), "again");
    world.pass(A_WHILE);
    assert_eq!(world.heard(bia), ["ana: again"]);
}

#[test]
fn a_stranger_whose_key_is_accepted_for_an_account_is_in_its_rooms_at_once() {
    let (mut world, tracker, [ana, bia]) = in_a_room(["ana", "bia"]);
    let phone = world.member_with(50, "bia", tracker, |start| start.credentials = None);
    let address = world.listens_at(ana);
    world.done(phone, Request::Connect { address });
    world.kill(bia);
    world.say(ana, sala(), "1");
    world.done(phone, Request::Login(credentials("bia", "secret", false)));
    world.pass(Duration::from_secs(1));
    assert!(world.heard(phone).is_empty(), "not before its key is accepted");
    world.done(ana, Request::Trust { user: name("bia") });
    world.pass(Duration::from_secs(1));
    assert_eq!(world.heard(phone), ["ana: 1"]);
    world.say(phone, sala(), "2");
    assert_eq!(world.heard(ana), ["bia: 2"]);
}

#[test]
fn a_key_that_is_trusted_is_dialled_whatever_the_former_one_wanted() {
    let (mut world, tracker, [ana, bia]) = in_a_room(["ana", "bia"]);
    // Bia does not accept ana's new key, and tells it to stay away.
    world.kill(ana);
    let ana = world.new_device(11, "ana", tracker);
    world.pass(A_WHILE);
    world.say_later(ana, sala(), "1");
    // Bia has a new device, too, and knows nothing of that.
    world.kill(bia);
    let bia = world.new_device(12, "bia", tracker);
    world.pass(A_WHILE);
    world.done(ana, Request::Trust { user: name("bia") });
    world.pass(A_WHILE);
    assert_eq!(world.connections_between(ana, bia), 1);
    assert_eq!(world.heard(bia), ["ana: 1"]);
}

#[test]
fn what_was_said_to_whoever_blocked_its_author_arrives_when_that_is_over() {
    let mut world = World::default();
    let tracker = world.tracker(100);
    let (ana, bia) = (world.member(1, "ana", tracker), world.member(2, "bia", tracker));
    world.done(bia, Request::Block { user: name("ana") });
    world.say_later(ana, user("bia"), "1");
    world.pass(A_WHILE);
    assert!(world.heard(bia).is_empty());
    world.done(bia, Request::Unblock { user: name("ana") });
    world.pass(A_WHILE);
    assert_eq!(world.heard(bia), ["ana: 1"]);
}

#[test]
fn who_is_unblocked_while_nobody_is_logged_in_is_called_after_the_next_login() {
    let mut world = World::default();
    let tracker = world.tracker(100);
    let (ana, bia) = (world.member(1, "ana", tracker), world.member(2, "bia", tracker));
    world.done(bia, Request::Block { user: name("ana") });
    // Started again, bia does not know where ana is.
    world.kill(bia);
    world.restart_by_key(bia);
    world.say_later(ana, user("bia"), "1");
    world.pass(A_WHILE);
    world.done(bia, Request::Logout);
    world.done(bia, Request::Unblock { user: name("ana") });
    world.pass(A_WHILE);
    assert!(world.heard(bia).is_empty());
    world.done(bia, Request::Login(credentials("bia", "secret", false)));
    world.pass(A_WHILE);
    assert_eq!(world.heard(bia), ["ana: 1"]);
}

#[test]
fn who_is_unblocked_before_a_restart_is_called_behind_it_and_once_only() {
    let mut world = World::default();
    let tracker = world.tracker(100);
    let (ana, bia) = (world.member(1, "ana", tracker), world.member(2, "bia", tracker));
    world.done(bia, Request::Block { user: name("ana") });
    world.say_later(ana, user("bia"), "1");
    world.pass(A_WHILE);
    let address = world.listens_at(tracker);
    world.kill(tracker);
    world.done(bia, Request::Unblock { user: name("ana") });
    world.kill(bia);
    world.start_at(tracker, address);
    world.restart_by_key(bia);
    world.pass(3 * A_WHILE);
    assert_eq!(world.heard(bia), ["ana: 1"]);
    // Called once, it is nobody to call for ever.
    world.done(ana, Request::Disconnect { user: name("bia") });
    world.kill(bia);
    world.restart_by_key(bia);
    world.pass(A_WHILE);
    assert_eq!(world.connections_between(ana, bia), 0);
}

#[test]
fn who_was_turned_away_for_its_new_key_is_called_when_that_is_trusted() {
    let mut world = World::default();
    let tracker = world.tracker(100);
    let (ana, bia) = (world.member(1, "ana", tracker), world.member(2, "bia", tracker));
    world.done(bia, Request::Whois { user: name("ana") });
    world.kill(ana);
    let ana = world.new_device(11, "ana", tracker);
    world.done(bia, Request::Whois { user: name("ana") });
    world.say_later(ana, user("bia"), "1");
    world.pass(A_WHILE);
    assert!(world.heard(bia).is_empty());
    world.done(bia, Request::Trust { user: name("ana") });
    world.pass(A_WHILE);
    assert_eq!(world.heard(bia), ["ana: 1"]);
}
