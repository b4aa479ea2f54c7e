//! Peers with a tracker: accounts, rooms, presence, and talking on when the tracker or a member is gone.

mod world;

use std::time::Duration;

use papo_proto::{
    names::Name,
    peer::{Note, Notice, Problem, Request, interface::PeerSeen},
    wire::tracker::{Failure, Profile, RoomEvent, Status, StatusText},
};
use world::{
    World, credentials,
    host::{in_a_room, sala, user},
    identity, name,
};

/// As long as it takes to be back after anything.
const A_WHILE: Duration = Duration::from_secs(40);

fn room_events(world: &World, node: usize) -> Vec<(RoomEvent, String)> {
    let told = world.notices(node).iter().filter_map(|notice| match notice {
        Notice::Room { what, user, .. } => Some((*what, user.to_string())),
        _ => None,
    });
    told.collect()
}

fn members(world: &World, node: usize) -> Vec<String> {
    let last = world.notices(node).iter().rev().find_map(|notice| match notice {
        Notice::Room { members, .. } => Some(members.iter().map(Name::to_string).collect()),
        _ => None,
    });
    last.unwrap_or_default()
}

fn logins(world: &World, node: usize) -> usize {
    world.notices(node).iter().filter(|notice| matches!(notice, Notice::LoggedIn { .. })).count()
}

fn peers(world: &mut World, node: usize) -> Vec<PeerSeen> {
    world.done(node, Request::Peers { prefix: String::new() });
    let last = world.notices(node).iter().rev().find_map(|notice| match notice {
        Notice::Peers { peers } => Some(peers.clone()),
        _ => None,
    });
    last.expect("a list")
}

#[test]
fn three_in_a_room_hear_everything_in_order_and_a_private_message_is_private() {
    let (mut world, _, [ana, bia, carl]) = in_a_room(["ana", "bia", "carl"]);
    for round in 0..100 {
        for (speaker, text) in [(ana, "á"), (bia, "日本"), (carl, "👩\u{200d}💻")] {
            world.say(speaker, sala(), &format!("{text} {round}"));
        }
    }
    world.say(ana, user("bia"), "psst");
    let expected = |who: &str, text: &str| (0..100).map(|round| format!("{who}: {text} {round}")).collect::<Vec<_>>();
    let of =
        |heard: &[String], who: &str| heard.iter().filter(|line| line.starts_with(who)).cloned().collect::<Vec<_>>();
    for (listener, others) in [(ana, ["bia", "carl"]), (bia, ["ana", "carl"]), (carl, ["ana", "bia"])] {
        let heard = world.heard(listener);
        for who in others {
            let text = match who {
                "ana" => "á",
                "bia" => "日本",
                _ => "👩\u{200d}💻",
            };
            let mut lines = of(&heard, who);
            lines.retain(|line| !line.ends_with("psst"));
            assert_eq!(lines, expected(who, text));
        }
    }
    assert_eq!(world.heard(bia).last().map(String::as_str), Some("ana: psst"));
    assert_eq!(world.heard(carl).len(), 200);
    assert_eq!(world.delivered(ana).len(), 201);
    assert!(!world.notices(carl).iter().any(|notice| matches!(notice, Notice::Message(one) if one.gap)));
}

#[test]
fn a_newcomer_who_reaches_one_member_later_than_another_still_sees_the_question_before_the_answer() {
    let (mut world, tracker, [ana, bia]) = in_a_room(["ana", "bia"]);
    world.say(ana, sala(), "long ago");
    let carl = world.member(3, "carl", tracker);
    world.say(carl, user("ana"), "hello");
    world.pass(Duration::from_secs(2));
    world.delay_between(ana, carl, true);
    world.unreachable.extend([world.listens_at(bia), world.listens_at(carl)]);
    world.done(carl, Request::Join { room: name("sala") });
    world.say(ana, sala(), "question");
    world.unreachable.clear();
    world.pass(Duration::from_secs(2));
    assert_eq!(world.connections_between(bia, carl), 1);
    world.say(bia, sala(), "answer");
    world.delay_between(ana, carl, false);
    assert_eq!(world.heard(carl), ["ana: question", "bia: answer"]);
}

#[test]
fn nothing_that_is_secret_is_on_any_wire() {
    let (mut world, _, [ana, bia]) = in_a_room(["ana-banana", "bia-maria"]);
    world.say(ana, sala(), "the eagle has landed");
    world.say(bia, user("ana-banana"), "under the bridge");
    let hash = papo_proto::wire::tracker::PasswordHash::of("secret").0;
    let hex = papo_proto::hex::encode(&hash);
    let secrets: [&[u8]; 8] =
        [b"ana-banana", b"bia-maria", b"sala", b"eagle", b"bridge", b"secret", &hash, hex.as_bytes()];
    for secret in secrets {
        assert!(!world.tapped.windows(secret.len()).any(|window| window == secret));
    }
    assert!(world.tapped.windows(7).any(|window| window == b"papo/1 "), "the tap works");
}

#[test]
fn direct_talk_goes_on_without_the_tracker_and_everyone_is_back_by_itself() {
    let (mut world, tracker, [ana, bia, carl]) = in_a_room(["ana", "bia", "carl"]);
    let port = world.listens_at(tracker);
    world.kill(tracker);
    world.say(ana, sala(), "anyone?");
    assert_eq!(
        (world.heard(bia), world.heard(carl)),
        (vec!["ana: anyone?".to_owned()], vec!["ana: anyone?".to_owned()])
    );
    let lost = |notice: &Notice| matches!(notice, Notice::Note(Note::TrackerLost { .. }));
    world.pass(Duration::from_secs(300));
    assert_eq!(world.notices(ana).iter().filter(|notice| lost(notice)).count(), 1, "told once, not at every attempt");
    world.start_at(tracker, port);
    world.pass(A_WHILE);
    for node in [ana, bia, carl] {
        assert_eq!(logins(&world, node), 2);
    }
    world.say(carl, sala(), "here");
    assert_eq!(world.heard(ana), ["carl: here"]);
    assert_eq!(members(&world, ana), ["ana", "bia", "carl"]);
    let doubled = room_events(&world, ana);
    assert_eq!(doubled.len(), 3, "a reconnect that changed nothing tells nothing: {doubled:?}");
}

#[test]
fn a_member_that_was_killed_comes_back_to_its_rooms_and_gets_what_was_said() {
    let (mut world, _, [ana, bia, carl]) = in_a_room(["ana", "bia", "carl"]);
    world.say(ana, sala(), "1");
    world.kill(bia);
    world.say(ana, sala(), "2");
    world.say(carl, sala(), "3");
    world.say(ana, user("bia"), "4");
    let waiting = world
        .notices(ana)
        .iter()
        .any(|notice| matches!(notice, Notice::Said { text, waiting, .. } if text == "4" && *waiting == [name("bia")]));
    assert!(waiting, "what is not delivered is shown as such");
    world.restart_by_key(bia);
    world.pass(A_WHILE);
    let mut heard = world.heard(bia);
    heard.sort();
    assert_eq!(heard, ["ana: 1", "ana: 2", "ana: 4", "carl: 3"]);
    world.say(bia, sala(), "5");
    assert_eq!(world.heard(ana).last().map(String::as_str), Some("bia: 5"));
    assert!(world.state(ana).unacknowledged.is_empty() && world.state(carl).unacknowledged.is_empty());
}

#[test]
fn a_newcomer_hears_at_once_though_it_does_not_know_what_was_said_before() {
    let (mut world, tracker, [ana, bia]) = in_a_room(["ana", "bia"]);
    world.say(ana, sala(), "old");
    world.say(bia, sala(), "older answers");
    let carl = world.member(9, "carl", tracker);
    world.done(carl, Request::Join { room: name("sala") });
    world.pass(Duration::from_secs(2));
    world.say(ana, sala(), "welcome");
    world.say(bia, sala(), "hello");
    assert_eq!(world.heard(carl), ["ana: welcome", "bia: hello"]);
    world.say(carl, sala(), "thanks");
    assert_eq!(world.heard(ana).last().map(String::as_str), Some("carl: thanks"));
}

#[test]
fn a_login_from_another_device_replaces_the_session_and_the_changed_key_blocks_until_it_is_trusted() {
    let (mut world, tracker, [ana, bia]) = in_a_room(["ana", "bia"]);
    let phone = world.new_device(50, "bia", tracker);
    assert!(world.notices(bia).contains(&Notice::Note(Note::Replaced)));
    assert!(world.notices(bia).contains(&Notice::LoggedOut));
    world.pass(A_WHILE);
    assert_eq!((logins(&world, bia), logins(&world, phone)), (1, 1), "they do not fight");
    let (old, new) = (world.key(bia), world.key(phone));
    let changed = Notice::Note(Note::KeyChanged { user: name("bia"), old, new });
    assert_eq!(world.notices(ana).iter().filter(|notice| **notice == changed).count(), 1, "loudly, once");
    let say = Request::Say { to: user("bia"), text: "x".to_owned() };
    assert_eq!(world.problem(ana, say), Problem::KeyChanged { user: name("bia") });
    world.say(ana, sala(), "in the room");
    world.pass(A_WHILE);
    assert!(world.heard(phone).is_empty());
    world.done(ana, Request::Verify { user: name("bia") });
    world.done(phone, Request::Verify { user: name("ana") });
    let digits = |world: &World, node| {
        let told =
            |notice: &Notice| if let Notice::Digits { digits, .. } = notice { Some(digits.clone()) } else { None };
        world.notices(node).iter().find_map(told).expect("digits")
    };
    assert_eq!(digits(&world, ana), digits(&world, phone), "the digits are of the key that /trust would accept");
    world.done(ana, Request::Trust { user: name("bia") });
    world.pass(A_WHILE);
    assert_eq!(world.heard(phone), ["ana: in the room"], "what waited goes to the accepted key");
    world.say(ana, user("bia"), "hello");
    assert_eq!(world.heard(phone).len(), 2);
    assert!(world.heard(bia).is_empty(), "the former device hears nothing");
}

#[test]
fn wrong_passwords_and_unknown_users_are_told_apart_by_nothing() {
    let mut world = World::default();
    let tracker = world.tracker(100);
    world.member(1, "ana", tracker);
    let attempt = |world: &mut World, number, text: &str, password: &str| {
        let address = world.listens_at(tracker);
        let node = world.peer_with(number, text, |start| {
            start.tracker = Some(papo_proto::peer::interface::TrackerAddress {
                host: address.ip().to_string(),
                port: address.port(),
                key: Some(identity(100).key()),
            });
            start.credentials = Some(credentials(text, password, false));
        });
        world.pass(A_WHILE);
        world.notices(node).to_vec()
    };
    let refused = Notice::Failed(Problem::Tracker { failure: Failure::BadCredentials });
    assert!(attempt(&mut world, 2, "ana", "wrong").contains(&refused));
    assert!(attempt(&mut world, 3, "zoe", "wrong").contains(&refused));
}

#[test]
fn an_unknown_tracker_gets_no_credential_before_its_key_is_confirmed() {
    let mut world = World::default();
    let tracker = world.tracker(100);
    let ana = world.member(1, "ana", tracker);
    let address = world.listens_at(tracker);
    let unnamed =
        papo_proto::peer::interface::TrackerAddress { host: address.ip().to_string(), port: address.port(), key: None };
    let text = format!("{}:{}", unnamed.host, unnamed.port);
    let bia = world.peer_with(2, "bia", |start| {
        start.tracker = Some(unnamed.clone());
        start.credentials = Some(credentials("bia", "secret", true));
    });
    let key = world.key(tracker);
    assert!(world.notices(bia).contains(&Notice::UnknownTracker { tracker: text.clone(), key }));
    world.pass(A_WHILE);
    assert_eq!(logins(&world, bia), 0);
    world.command(bia, papo_proto::peer::Command::TrustTracker { key, accept: true });
    assert_eq!(logins(&world, bia), 1);
    assert_eq!(world.state(bia).trackers, [(text.clone(), key)]);
    // Another key at the pinned address is refused, loudly and for good.
    let other = world.peer_with(3, "carl", |start| {
        start.tracker = Some(unnamed.clone());
        start.credentials = Some(credentials("carl", "secret", true));
        start.state.trackers = vec![(text.clone(), world_key())];
    });
    let changed = Problem::TrackerKeyChanged { tracker: text, expected: world_key(), shown: key };
    assert!(world.notices(other).contains(&Notice::Failed(changed)));
    world.pass(A_WHILE);
    assert_eq!((logins(&world, other), logins(&world, ana)), (0, 1));
}

fn world_key() -> papo_proto::identity::Key {
    identity(77).key()
}

#[test]
fn leaving_waits_for_what_was_said_and_passes_the_room_on() {
    let (mut world, _, [ana, bia, carl]) = in_a_room(["ana", "bia", "carl"]);
    world.stall_disk(bia, true);
    world.say(ana, sala(), "farewell");
    let leave = world.ask(ana, Request::Leave { room: name("sala") });
    assert_eq!(world.outcome(ana, leave), None, "it waits for the acknowledgement");
    world.stall_disk(bia, false);
    assert_eq!(world.outcome(ana, leave), Some(None));
    assert_eq!(world.heard(bia), ["ana: farewell"]);
    assert_eq!(members(&world, bia), ["bia", "carl"]);
    assert!(room_events(&world, bia).contains(&(RoomEvent::Owner, "bia".to_owned())));
    let say = Request::Say { to: sala(), text: "x".to_owned() };
    assert_eq!(world.problem(ana, say), Problem::NotInRoom { room: name("sala") });
    assert_eq!(
        world.problem(carl, Request::Delete { room: name("sala") }),
        Problem::Tracker { failure: Failure::NotOwner }
    );
    world.done(bia, Request::Delete { room: name("sala") });
    assert_eq!(room_events(&world, carl).last(), Some(&(RoomEvent::Deleted, "bia".to_owned())));
    assert_eq!(room_events(&world, bia).last(), Some(&(RoomEvent::Deleted, "bia".to_owned())));
}

#[test]
fn someone_who_shares_no_room_is_found_by_the_tracker_and_gets_what_waited_when_it_comes() {
    let mut world = World::default();
    let tracker = world.tracker(100);
    let (ana, bia) = (world.member(1, "ana", tracker), world.member(2, "bia", tracker));
    world.say(ana, user("bia"), "1");
    world.pass(Duration::from_secs(5));
    assert_eq!(world.heard(bia), ["ana: 1"]);
    world.say(bia, user("ana"), "2");
    assert_eq!(world.heard(ana), ["bia: 2"]);
    world.kill(bia);
    world.say(ana, user("bia"), "3");
    world.pass(Duration::from_secs(300));
    world.restart_by_key(bia);
    world.pass(A_WHILE);
    assert_eq!(world.heard(bia), ["ana: 1", "ana: 3"]);
    let nobody = Request::Say { to: user("zoe"), text: "x".to_owned() };
    assert_eq!(world.problem(ana, nobody), Problem::Tracker { failure: Failure::UnknownUser });
}

#[test]
fn what_waits_for_someone_in_no_shared_room_is_sent_after_a_restart_of_its_author() {
    let mut world = World::default();
    let tracker = world.tracker(100);
    let (ana, bia) = (world.member(1, "ana", tracker), world.member(2, "bia", tracker));
    world.say(ana, user("bia"), "1");
    world.pass(Duration::from_secs(5));
    world.kill(bia);
    world.say(ana, user("bia"), "2");
    world.kill(ana);
    world.restart_by_key(bia);
    world.restart_by_key(ana);
    world.pass(A_WHILE);
    assert_eq!(world.heard(bia), ["ana: 1", "ana: 2"]);
}

#[test]
fn lists_show_who_is_there_and_who_of_ones_rooms_is_away() {
    let (mut world, tracker, [ana, bia]) = in_a_room(["ana", "bia"]);
    let status = StatusText::new("lunch").expect("short");
    world.done(bia, Request::Status { status: Status::Away, text: status.clone() });
    world.done(bia, Request::Profile { text: Profile::new("likes tea").expect("short") });
    let rows = peers(&mut world, ana);
    assert_eq!(rows.iter().map(|row| row.user.as_str()).collect::<Vec<_>>(), ["ana", "bia"]);
    assert_eq!((rows[1].status, &rows[1].status_text, rows[1].linked), (Status::Away, &status, true));
    assert_eq!(rows[1].room, Some(name("sala")));
    world.done(ana, Request::Whois { user: name("bia") });
    let told = world.notices(ana).iter().rev().find_map(|notice| match notice {
        Notice::Whois { key, profile, .. } => Some((*key, profile.as_str().to_owned())),
        _ => None,
    });
    assert_eq!(told, Some((Some(world.key(bia)), "likes tea".to_owned())));
    world.kill(bia);
    let rows = peers(&mut world, ana);
    assert_eq!((rows[1].status, rows[1].address, rows[1].linked), (Status::Offline, None, false));
    world.done(ana, Request::Rooms { prefix: "SA".to_owned() });
    let rooms = world.notices(ana).iter().rev().find_map(|notice| match notice {
        Notice::Rooms { rooms } => Some(rooms.clone()),
        _ => None,
    });
    let rooms = rooms.expect("a list");
    assert_eq!((rooms.len(), rooms[0].capacity, rooms[0].joined), (1, 32, true));
    assert_eq!(rooms[0].members, [name("ana"), name("bia")]);
    world.kill(tracker);
    assert_eq!(world.problem(ana, Request::Rooms { prefix: String::new() }), Problem::TrackerAway);
}

#[test]
fn a_long_list_comes_page_by_page_and_whole() {
    let mut world = World::default();
    let tracker = world.tracker(100);
    let ana = world.member(1, "ana", tracker);
    for number in 0..200 {
        world.done(
            ana,
            Request::Create {
                room: name(&format!("{}{number:03}", "sala".repeat(6))),
                capacity: Some(2),
                plaintext: false,
            },
        );
    }
    world.done(ana, Request::Rooms { prefix: String::new() });
    let rooms = world.notices(ana).iter().rev().find_map(|notice| match notice {
        Notice::Rooms { rooms } => Some(rooms.len()),
        _ => None,
    });
    assert_eq!(rooms, Some(200));
}

#[test]
fn logging_out_and_in_again_keeps_rooms_and_answers_each_request() {
    let (mut world, _, [ana, bia]) = in_a_room(["ana", "bia"]);
    world.done(ana, Request::Logout);
    assert!(world.notices(ana).contains(&Notice::LoggedOut));
    assert_eq!(world.problem(ana, Request::Join { room: name("sala") }), Problem::NotLoggedIn);
    world.pass(A_WHILE);
    assert_eq!(logins(&world, ana), 1, "it does not come back by itself");
    world.done(ana, Request::Login(credentials("ana", "secret", false)));
    assert_eq!(logins(&world, ana), 2);
    world.pass(Duration::from_secs(2));
    world.say(ana, sala(), "back");
    assert_eq!(world.heard(bia), ["ana: back"]);
    let again = Request::Login(credentials("ana", "secret", false));
    assert_eq!(world.problem(ana, again), Problem::Tracker { failure: Failure::AlreadyLoggedIn });
}

#[test]
fn an_answer_is_never_shown_before_its_question_even_when_the_question_comes_late() {
    let (mut world, _, [ana, bia, carl]) = in_a_room(["ana", "bia", "carl"]);
    world.delay_between(ana, carl, true);
    world.say(ana, sala(), "question");
    world.say(bia, sala(), "answer");
    assert!(world.heard(carl).is_empty(), "the answer waits for the question");
    world.delay_between(ana, carl, false);
    assert_eq!(world.heard(carl), ["ana: question", "bia: answer"]);
    world.delay_between(ana, carl, true);
    world.say(ana, sala(), "second question");
    world.say(bia, sala(), "second answer");
    world.pass(Duration::from_secs(3));
    assert_eq!(world.heard(carl).last().map(String::as_str), Some("bia: second answer"), "not for ever");
    let gap = |notice: &Notice| matches!(notice, Notice::Message(one) if one.gap);
    assert!(world.notices(carl).iter().any(gap), "and what is missing is visible");
}
