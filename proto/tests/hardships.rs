//! What happened once in a storm, or could have: each story alone, in a world without weather.

mod world;

use std::time::Duration;

use papo_proto::{
    contract::Contract,
    limits::Limits,
    machine::{Event, Machine as _, Outbox, Refusal},
    peer::{
        Command, Note, Notice, Peer, Problem, Request, Start, State,
        interface::{PeerEvent, Target, TrackerAddress},
    },
    rng::Seed,
    time::{Time, Wall},
    wire::tracker::{Profile, RoomEvent, Status},
};
use world::{
    NodeId, World, credentials,
    host::{in_a_room, sala, user},
    identity, name,
};

/// As long as it takes to be back after anything.
const A_WHILE: Duration = Duration::from_secs(40);

fn say(to: Target, text: &str) -> Request {
    Request::Say { to, text: text.to_owned() }
}

/// How often a peer told something.
fn told(world: &World, node: NodeId, what: impl Fn(&Notice) -> bool) -> usize {
    world.notices(node).iter().filter(|notice| what(notice)).count()
}

fn dropped(world: &World, node: NodeId) -> usize {
    let counts = world.notices(node).iter().filter_map(|notice| match notice {
        Notice::Note(Note::Dropped { count, .. }) => Some(*count),
        _ => None,
    });
    counts.sum()
}

#[test]
fn who_could_not_listen_has_nothing_to_close_at_the_end() {
    let listen = "127.0.0.1:6061".parse().expect("an address");
    let state = State { log: 1, ..State::default() };
    let mut peer = Peer::start(Start::new(Seed([1; 32]), identity(1), name("ana"), listen, state));
    let (mut out, mut contract) = (Outbox::default(), Contract::default());
    let refused = Event::Refused { id: 1, reason: Refusal::AddressInUse };
    for event in [Event::Wall(Wall(1)), refused, Event::Command(Command::Quit)] {
        assert_eq!(contract.check_event(Time::ZERO, &event), Ok(()));
        peer.handle(Time::ZERO, event, &mut out);
        out.drain_with(|action, _| assert_eq!(contract.check_action(&action), Ok(()), "{action:?}"));
    }
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

#[test]
fn who_comes_back_to_a_room_before_its_acknowledgement_arrived_is_shown_nothing_twice() {
    let (mut world, _, [ana, bia]) = in_a_room(["ana", "bia"]);
    // Ana hears nothing of bia's: neither the acknowledgement nor, from the tracker, that it left.
    world.say_later(ana, sala(), "1");
    world.stall_disk(ana, true);
    world.ask(ana, say(sala(), "2"));
    world.stall_disk(ana, false);
    assert_eq!(world.heard(bia), ["ana: 1", "ana: 2"]);
    world.delay_between(ana, bia, true);
    world.say(ana, sala(), "3");
    world.done(bia, Request::Leave { room: name("sala") });
    world.delay_between(ana, bia, false);
    world.done(bia, Request::Join { room: name("sala") });
    world.pass(A_WHILE);
    world.say(ana, sala(), "4");
    assert_eq!(world.heard(bia), ["ana: 1", "ana: 2", "ana: 4"]);
    assert_eq!(dropped(&world, ana), 1, "and what left with it is told");
}

#[test]
fn a_member_that_leaves_and_comes_back_faster_than_the_tracker_tells_still_gets_everything() {
    let (mut world, tracker, [ana, bia]) = in_a_room(["ana", "bia"]);
    world.delay_between(tracker, ana, true);
    world.done(bia, Request::Leave { room: name("sala") });
    world.done(bia, Request::Join { room: name("sala") });
    world.delay_between(tracker, ana, false);
    world.say(ana, sala(), "1");
    world.say(bia, sala(), "2");
    assert_eq!((world.heard(bia), world.heard(ana)), (vec!["ana: 1".to_owned()], vec!["bia: 2".to_owned()]));
}

#[test]
fn what_came_while_its_receiver_was_out_of_the_room_is_not_lost_behind_what_came_after() {
    let (mut world, tracker, [ana, bia]) = in_a_room(["ana", "bia"]);
    // Ana hears neither that bia leaves nor, until it has said more, that it is back.
    world.delay_between(tracker, ana, true);
    world.done(bia, Request::Leave { room: name("sala") });
    world.ask(ana, say(sala(), "1"));
    world.delay_between(ana, bia, true);
    world.ask(ana, say(sala(), "2"));
    world.done(bia, Request::Join { room: name("sala") });
    world.delay_between(ana, bia, false);
    assert_eq!(world.heard(bia), ["ana: 1", "ana: 2"]);
    assert_eq!(world.delivered(ana), ["bia", "bia"]);
    world.delay_between(tracker, ana, false);
    world.say(ana, sala(), "3");
    assert_eq!(world.heard(bia), ["ana: 1", "ana: 2", "ana: 3"]);
}

#[test]
fn what_was_dropped_by_its_author_does_not_hold_up_what_is_said_later() {
    let (mut world, tracker, [ana, bia]) = in_a_room(["ana", "bia"]);
    world.delay_between(tracker, ana, true);
    world.done(bia, Request::Leave { room: name("sala") });
    world.ask(ana, say(sala(), "1"));
    world.delay_between(tracker, ana, false);
    assert_eq!(dropped(&world, ana), 1);
    world.done(bia, Request::Join { room: name("sala") });
    world.say(ana, sala(), "2");
    assert_eq!(world.heard(bia), ["ana: 2"]);
}

#[test]
fn what_waits_for_someone_arrives_though_no_room_is_shared_any_more() {
    let end = |request: fn(papo_proto::names::Name) -> Request| {
        let (mut world, _, [ana, bia]) = in_a_room(["ana", "bia"]);
        world.kill(bia);
        world.say_later(ana, user("bia"), "1");
        world.pass(Duration::from_secs(5));
        world.done(ana, request(name("sala")));
        world.restart_by_key(bia);
        world.pass(Duration::from_secs(60));
        assert_eq!(world.heard(bia), ["ana: 1"]);
    };
    end(|room| Request::Leave { room });
    end(|room| Request::Delete { room });
}

#[test]
fn who_leaves_a_room_before_it_is_deleted_is_not_told_that_it_was() {
    let (mut world, _, [ana, bia]) = in_a_room(["ana", "bia"]);
    // What ana said is not acknowledged, so leaving and deleting wait for it, one after the other.
    world.stall_disk(bia, true);
    world.ask(ana, say(sala(), "1"));
    let leave = world.ask(ana, Request::Leave { room: name("sala") });
    world.pass(Duration::from_secs(1));
    let delete = world.ask(ana, Request::Delete { room: name("sala") });
    world.pass(Duration::from_secs(5));
    assert_eq!(world.outcome(ana, leave), Some(None));
    assert_eq!(world.outcome(ana, delete), Some(Some(Problem::NotInRoom { room: name("sala") })));
}

#[test]
fn a_link_that_waited_for_the_login_is_read_after_it() {
    let (mut world, tracker, [ana, bia]) = in_a_room(["ana", "bia"]);
    world.kill(bia);
    let carl = world.member(9, "carl", tracker);
    world.done(carl, Request::Join { room: name("sala") });
    // The tracker keeps its answer to bia's login until its disk is done with something else.
    world.stall_disk(tracker, true);
    world.ask(ana, Request::Profile { text: Profile::new("x").expect("short") });
    world.restart_by_key(bia);
    let address = world.listens_at(bia);
    let connect = world.ask(carl, Request::Connect { address });
    world.stall_disk(tracker, false);
    assert_eq!(world.outcome(carl, connect), Some(None));
    world.say(carl, sala(), "1");
    world.say(carl, user("bia"), "2");
    world.pass(Duration::from_secs(100));
    assert_eq!(world.heard(bia), ["carl: 1", "carl: 2"]);
    assert_eq!(world.delivered(carl).iter().filter(|to| *to == "bia").count(), 2);
}

#[test]
fn where_there_are_accounts_a_stranger_is_never_taken_for_one() {
    let mut world = World::default();
    let tracker = world.tracker(100);
    let (ana, bia) = (world.member(1, "ana", tracker), world.member(2, "bia", tracker));
    let stranger = world.peer(3, "bia");
    let address = world.listens_at(ana);
    world.done(stranger, Request::Connect { address });
    world.say(stranger, user("ana"), "it is me");
    let label = format!("bia~{}", world.key(stranger).short());
    assert_eq!(world.heard(ana), [format!("{label}: it is me")]);
    world.say_later(ana, user("bia"), "for the account");
    world.pass(A_WHILE);
    assert_eq!((world.heard(bia).len(), world.heard(stranger).len()), (1, 0));
    world.say(ana, user(&label), "for the stranger");
    assert_eq!((world.heard(bia).len(), world.heard(stranger).len()), (1, 1));
}

#[test]
fn a_label_of_the_time_without_a_tracker_is_no_account_later() {
    let mut world = World::default();
    let tracker = world.tracker(100);
    let bia = world.member(2, "bia", tracker);
    let stranger = world.peer(3, "bia");
    let ana = world.peer(1, "ana");
    let address = world.listens_at(stranger);
    world.done(ana, Request::Connect { address });
    assert!(world.state(ana).pins.iter().any(|(_, label, _)| *label == name("bia")));
    let state = world.state(ana).clone();
    world.kill(ana);
    let address = world.listens_at(tracker);
    let key = Some(world.key(tracker));
    let ana = world.peer_with(1, "ana", |start| {
        start.state = state;
        start.tracker = Some(TrackerAddress { host: address.ip().to_string(), port: address.port(), key });
        start.credentials = Some(credentials("ana", "secret", true));
    });
    let address = world.listens_at(ana);
    world.done(stranger, Request::Connect { address });
    world.say_later(ana, user("bia"), "for the account");
    world.pass(A_WHILE);
    assert_eq!((world.heard(bia).len(), world.heard(stranger).len()), (1, 0));
}

#[test]
fn who_calls_itself_as_this_peer_is_shown_as_someone_else() {
    let mut world = World::default();
    let (ana, other) = (world.peer(1, "ana"), world.peer(2, "Ana"));
    let address = world.listens_at(ana);
    world.done(other, Request::Connect { address });
    let label = format!("Ana~{}", world.key(other).short());
    world.say(ana, user(&label), "who?");
    assert_eq!(world.heard(other).len(), 1);
}

#[test]
fn a_new_account_of_the_same_device_is_linked_and_heard_under_its_own_name() {
    let (mut world, _, [ana, bia]) = in_a_room(["ana", "bia"]);
    world.say(bia, sala(), "1");
    world.done(bia, Request::Leave { room: name("sala") });
    world.done(bia, Request::Logout);
    // `aaa` stands before `bia` and `zoe` behind it; neither order may matter.
    for text in ["aaa", "zoe"] {
        world.done(bia, Request::Register(credentials(text, "secret", true)));
        world.done(bia, Request::Join { room: name("sala") });
        world.pass(A_WHILE);
        world.cut_between(ana, bia);
        world.pass(A_WHILE);
        world.say(bia, sala(), "2");
        world.say(ana, sala(), "3");
        world.say(ana, user(text), "4");
        assert_eq!(world.heard(ana).last(), Some(&format!("{text}: 2")));
        assert_eq!(world.heard(bia).iter().rev().take(2).collect::<Vec<_>>(), ["ana: 4", "ana: 3"]);
        world.done(bia, Request::Leave { room: name("sala") });
        world.done(bia, Request::Logout);
    }
}

#[test]
fn what_waits_for_someone_who_left_meanwhile_is_dropped_at_the_next_login_and_told() {
    let (mut world, _, [ana, bia, carl]) = in_a_room(["ana", "bia", "carl"]);
    world.kill(bia);
    world.say(ana, sala(), "1");
    world.kill(ana);
    world.restart_by_key(bia);
    world.done(bia, Request::Leave { room: name("sala") });
    world.restart_by_key(ana);
    world.pass(A_WHILE);
    assert_eq!(dropped(&world, ana), 1);
    assert!(world.state(ana).unacknowledged.is_empty());
    world.say(ana, sala(), "2");
    assert_eq!(world.heard(carl), ["ana: 1", "ana: 2"]);
}

#[test]
fn a_room_that_the_tracker_forgot_is_told_of_and_so_is_what_waited_there() {
    let (mut world, tracker, [ana, bia]) = in_a_room(["ana", "bia"]);
    world.kill(bia);
    world.say(ana, sala(), "1");
    let address = world.listens_at(tracker);
    world.kill(tracker);
    world.forget_rooms(tracker);
    world.start_at(tracker, address);
    world.pass(A_WHILE);
    let evicted = |notice: &Notice| matches!(notice, Notice::Room { what: RoomEvent::Evicted, .. });
    assert_eq!((told(&world, ana, evicted), dropped(&world, ana)), (1, 1));
    assert!(world.state(ana).unacknowledged.is_empty() && world.state(ana).rooms.is_empty());
    assert_eq!(world.problem(ana, say(sala(), "2")), Problem::NotInRoom { room: name("sala") });
}

#[test]
fn rooms_of_another_tracker_are_kept_for_when_one_is_back_there() {
    let (mut world, tracker, [ana, bia]) = in_a_room(["ana", "bia"]);
    world.kill(bia);
    world.say(ana, sala(), "1");
    let state = world.state(ana).clone();
    world.kill(ana);
    let other = world.tracker(101);
    let start = |world: &mut World, state, tracker: NodeId, register| {
        let (address, key) = (world.listens_at(tracker), Some(world.key(tracker)));
        world.peer_with(1, "ana", |start| {
            start.state = state;
            start.tracker = Some(TrackerAddress { host: address.ip().to_string(), port: address.port(), key });
            start.credentials = Some(credentials("ana", "secret", register));
        })
    };
    let away = start(&mut world, state, other, true);
    world.pass(A_WHILE);
    world.done(away, Request::Create { room: name("sala"), capacity: None, plaintext: false });
    world.say(away, sala(), "elsewhere");
    let state = world.state(away).clone();
    assert_eq!((state.rooms.len(), state.unacknowledged.len()), (2, 1));
    world.kill(away);
    start(&mut world, state, tracker, false);
    world.restart_by_key(bia);
    world.pass(A_WHILE);
    assert_eq!(world.heard(bia), ["ana: 1"]);
}

#[test]
fn a_newcomer_waits_for_a_question_that_is_on_its_way_to_it() {
    for run in 0..40 {
        let (mut world, tracker, [ana, bia]) = in_a_room(["ana", "bia"]);
        let carl = world.member(9, "carl", tracker);
        let seed = papo_proto::rng::Seed([run; 32]);
        world.weather = Some(world::weather::Weather::new(&seed, Duration::from_millis(400)));
        world.ask(carl, Request::Join { room: name("sala") });
        let joined = |world: &World, node| {
            told(world, node, |notice| matches!(notice, Notice::Room { user, .. } if *user == name("carl"))) > 0
        };
        while !joined(&world, ana) || !joined(&world, bia) {
            world.pass(Duration::from_millis(1));
        }
        world.say(ana, sala(), "question");
        while world.heard(bia).is_empty() {
            world.pass(Duration::from_millis(1));
        }
        world.say(bia, sala(), "answer");
        world.pass(A_WHILE);
        assert_eq!(world.heard(carl), ["ana: question", "bia: answer"], "run {run}");
    }
}

#[test]
fn every_request_is_answered_when_the_program_ends() {
    let mut world = World::default();
    let tracker = world.tracker(100);
    let (ana, bia) = (world.member(1, "ana", tracker), world.member(2, "bia", tracker));
    world.say_later(ana, user("bia"), "x");
    world.pass(A_WHILE);
    world.done(ana, Request::Logout);
    world.stall_disk(tracker, true);
    world.ask(bia, Request::Profile { text: Profile::new("x").expect("short") });
    let login = world.ask(ana, Request::Login(credentials("ana", "secret", false)));
    world.deafen(bia);
    let ping = world.ask(ana, Request::Ping { user: name("bia") });
    let drain = world.ask(ana, Request::Drain);
    assert_eq!((world.outcome(ana, login), world.outcome(ana, ping)), (None, None));
    world.command(ana, Command::Quit);
    for token in [login, ping] {
        assert!(world.outcome(ana, token).is_some_and(|problem| problem.is_some()), "{token}");
    }
    assert!(world.outcome(ana, drain).is_some());
    assert!(matches!(world.notices(ana).last(), Some(Notice::Stopped { .. })));
    assert_eq!(world.deadline(ana), None);
}

#[test]
fn a_login_that_is_asked_for_while_another_is_under_way_takes_its_place() {
    let mut world = World::default();
    let tracker = world.tracker(100);
    let (ana, bia) = (world.member(1, "ana", tracker), world.member(2, "bia", tracker));
    world.done(ana, Request::Logout);
    world.stall_disk(tracker, true);
    world.ask(bia, Request::Profile { text: Profile::new("x").expect("short") });
    let first = world.ask(ana, Request::Login(credentials("ana", "wrong", false)));
    let second = world.ask(ana, Request::Login(credentials("ana", "secret", false)));
    assert_eq!(world.outcome(ana, first), Some(Some(Problem::TrackerSilent)));
    world.stall_disk(tracker, false);
    world.pass(A_WHILE);
    assert_eq!(world.outcome(ana, second), Some(None));
    assert_eq!(told(&world, ana, |notice| matches!(notice, Notice::Outcome { token, .. } if *token == first)), 1);
}

#[test]
fn logging_out_while_the_tracker_is_away_ends_the_attempts() {
    let mut world = World::default();
    let tracker = world.tracker(100);
    let ana = world.member(1, "ana", tracker);
    let address = world.listens_at(tracker);
    world.kill(tracker);
    world.done(ana, Request::Logout);
    world.start_at(tracker, address);
    world.pass(Duration::from_secs(120));
    assert_eq!(told(&world, ana, |notice| matches!(notice, Notice::LoggedIn { .. })), 1);
    assert_eq!(world.deadline(ana), None);
}

#[test]
fn a_ping_over_a_link_that_ends_is_answered() {
    let mut world = World::default();
    let (ana, bia) = (world.peer(1, "ana"), world.peer(2, "bia"));
    let address = world.listens_at(bia);
    world.done(ana, Request::Connect { address });
    world.delay_between(ana, bia, true);
    let ping = world.ask(ana, Request::Ping { user: name("bia") });
    world.done(ana, Request::Disconnect { user: name("bia") });
    assert_eq!(world.outcome(ana, ping), Some(Some(Problem::NotLinked { user: name("bia") })));
}

#[test]
fn who_dials_again_after_a_silent_loss_is_let_in_within_10_seconds_whichever_key_is_smaller() {
    for (first, second) in [(1, 2), (2, 1)] {
        let mut world = World::default();
        let (ana, bia) = (world.peer(first, "ana"), world.peer(second, "bia"));
        let address = world.listens_at(bia);
        world.done(ana, Request::Connect { address });
        world.cut_between(ana, bia);
        let back = world.listens_at(ana);
        world.ask(bia, Request::Connect { address: back });
        world.pass(Duration::from_secs(60));
        assert_eq!(world.connections_between(ana, bia), 1);
        // The host of ana loses its power: nobody tells bia.
        world.lose_silently(ana, bia);
        world.kill(ana);
        world.start(ana);
        world.ask(ana, Request::Connect { address });
        world.pass(Duration::from_secs(10));
        world.ask(ana, say(user("bia"), "back"));
        world.pass(Duration::from_secs(1));
        assert_eq!(world.heard(bia), ["ana: back"]);
    }
}

#[test]
fn a_link_that_gives_way_to_its_double_is_not_told_of_twice() {
    for (first, second) in [(1, 2), (2, 1)] {
        let mut world = World::default();
        let (ana, bia) = (world.peer(first, "ana"), world.peer(second, "bia"));
        let (to_bia, to_ana) = (world.listens_at(bia), world.listens_at(ana));
        for run in 0..20 {
            let seed = papo_proto::rng::Seed([run; 32]);
            world.weather = Some(world::weather::Weather::new(&seed, Duration::from_millis(300)));
            world.ask_both((ana, Request::Connect { address: to_bia }), (bia, Request::Connect { address: to_ana }));
            world.pass(A_WHILE);
            assert_eq!(world.connections_between(ana, bia), 1);
            world.done(ana, Request::Disconnect { user: name("bia") });
            world.pass(A_WHILE);
            for node in [ana, bia] {
                let linked = |notice: &Notice| matches!(notice, Notice::Peer { what: PeerEvent::Linked, .. });
                let lost = |notice: &Notice| matches!(notice, Notice::Peer { what: PeerEvent::Lost, .. });
                let both = (told(&world, node, linked), told(&world, node, lost));
                assert_eq!(both, (usize::from(run) + 1, usize::from(run) + 1), "run {run}");
            }
        }
    }
}

#[test]
fn who_is_away_while_the_tracker_is_lost_is_not_shown_as_there() {
    let (mut world, tracker, [ana, bia]) = in_a_room(["ana", "bia"]);
    world.kill(tracker);
    world.kill(bia);
    world.done(ana, Request::Peers { prefix: String::new() });
    let rows = world.notices(ana).iter().rev().find_map(|notice| match notice {
        Notice::Peers { peers } => Some(peers.clone()),
        _ => None,
    });
    let rows = rows.expect("a list");
    assert_eq!((rows[0].user.as_str(), rows[0].status, rows[0].address), ("bia", Status::Offline, None));
}

#[test]
fn strangers_fill_no_memory_and_leave_room_for_accounts() {
    let mut world = World::default();
    let tracker = world.tracker(100);
    let address = world.listens_at(tracker);
    let ana = world.peer_with(1, "ana", |start| {
        start.limits = Limits { contacts_max: 8, ..Limits::DEFAULT };
        start.tracker = Some(TrackerAddress {
            host: address.ip().to_string(),
            port: address.port(),
            key: Some(world::identity(100).key()),
        });
        start.credentials = Some(credentials("ana", "secret", true));
    });
    let to_ana = world.listens_at(ana);
    for number in 10..20 {
        let stranger = world.peer(number, "x");
        world.ask(stranger, Request::Connect { address: to_ana });
    }
    assert_eq!(world.state(ana).pins.len(), 4);
    let bia = world.member(2, "bia", tracker);
    world.say_later(bia, user("ana"), "still heard");
    world.pass(A_WHILE);
    assert_eq!(world.heard(ana), ["bia: still heard"]);
}

#[test]
fn who_was_a_stranger_while_the_tracker_was_away_is_known_by_its_account_after_it() {
    let mut world = World::default();
    let tracker = world.tracker(100);
    let (ana, bia) = (world.member(1, "ana", tracker), world.member(2, "bia", tracker));
    let (address, to_bia) = (world.listens_at(tracker), world.listens_at(bia));
    world.kill(tracker);
    world.pass(Duration::from_secs(1));
    world.done(ana, Request::Connect { address: to_bia });
    world.ask(ana, say(Target::All, "1"));
    world.start_at(tracker, address);
    world.pass(A_WHILE);
    world.ask(ana, say(Target::All, "2"));
    assert_eq!(world.heard(bia), [format!("ana~{}: 1", world.key(ana).short()), "ana: 2".to_owned()]);
}

#[test]
fn callers_whom_nobody_asked_for_take_half_of_the_links_at_most() {
    let mut world = World::default();
    let tracker = world.tracker(9);
    let few = |start: &mut Start| start.limits.links_max = 4;
    let ana = world.member_with(1, "ana", tracker, few);
    let (bia, caio) = (world.member(2, "bia", tracker), world.member(3, "caio", tracker));
    let address = world.listens_at(ana);
    let strangers = [4, 5, 6].map(|number| world.peer(number, &format!("stranger{number}")));
    for stranger in strangers {
        world.ask(stranger, Request::Connect { address });
        world.pass(Duration::from_secs(1));
    }
    let links = told(&world, ana, |notice| matches!(notice, Notice::Peer { what: PeerEvent::Linked, .. }));
    assert_eq!(links, 2);
    for member in [ana, bia, caio] {
        let room = name("sala");
        world.done(
            member,
            if member == ana {
                Request::Create { room, capacity: None, plaintext: false }
            } else {
                Request::Join { room }
            },
        );
    }
    world.pass(Duration::from_secs(10));
    world.say(ana, Target::Room(name("sala")), "there is room");
    for member in [bia, caio] {
        assert_eq!(world.heard(member), ["ana: there is room"]);
    }
}

#[test]
fn what_was_not_taken_before_the_roster_came_is_not_acknowledged_by_what_follows_it() {
    let (mut world, tracker, [ana, bia]) = in_a_room(["ana", "bia"]);
    world.done(bia, Request::Leave { room: name("sala") });
    // Ana hears that bia is back, and bia does not yet.
    world.delay_from(tracker, bia, true);
    world.ask(bia, Request::Join { room: name("sala") });
    world.say(ana, sala(), "1");
    // The next one is under way while bia hears of it.
    world.delay_from(ana, bia, true);
    world.say(ana, sala(), "2");
    world.delay_from(tracker, bia, false);
    world.delay_from(ana, bia, false);
    world.pass(A_WHILE);
    assert_eq!(world.heard(bia), ["ana: 1", "ana: 2"]);
}

#[test]
fn who_left_a_room_while_nobody_told_is_greeted_again_when_it_is_back() {
    let (mut world, tracker, [ana, bia]) = in_a_room(["ana", "bia"]);
    world.done(bia, Request::Logout);
    world.done(ana, Request::Leave { room: name("sala") });
    world.done(bia, Request::Login(credentials("bia", "secret", false)));
    // Bia knows that ana is out, and does not hear that it is back before it has said something.
    world.delay_from(tracker, bia, true);
    world.done(ana, Request::Join { room: name("sala") });
    world.say(ana, sala(), "1");
    world.delay_from(tracker, bia, false);
    world.pass(A_WHILE);
    assert_eq!(world.heard(bia), ["ana: 1"]);
}

#[test]
fn what_waited_for_its_turn_when_its_receiver_left_is_not_acknowledged_by_what_follows_it() {
    let (mut world, tracker, [ana, bia, carl]) = in_a_room(["ana", "bia", "carl"]);
    // The answer waits at bia for the question, which does not come.
    world.delay_from(carl, bia, true);
    world.ask(carl, say(sala(), "question"));
    world.ask(ana, say(sala(), "answer"));
    // Ana does not hear that bia leaves, and its greeting only after it has said more.
    world.delay_from(tracker, ana, true);
    world.done(bia, Request::Leave { room: name("sala") });
    world.delay_from(bia, ana, true);
    world.done(bia, Request::Join { room: name("sala") });
    world.ask(ana, say(sala(), "more"));
    world.delay_from(bia, ana, false);
    world.pass(Duration::from_secs(20));
    assert_eq!(world.heard(bia), ["ana: answer", "ana: more"]);
}
