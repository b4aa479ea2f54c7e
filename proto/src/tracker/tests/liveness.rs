//! Deadlines: handshake, login, silence; and the end of the tracker itself.

use super::*;
use crate::wire::tracker::Goodbye;

#[test]
fn it_listens_at_its_first_event_and_wants_one_if_none_comes() {
    let world = World::new();
    assert_eq!(world.notices, [Notice::Listening { address: "127.0.0.1:0".parse().expect("an address") }]);
    assert_eq!(Tracker::start(start(Vec::new())).deadline(), Some(Time::ZERO));
    assert_eq!(world.tracker.deadline(), None, "an idle tracker sleeps");
}

#[test]
fn a_connection_that_does_not_finish_its_handshake_is_gone_in_time() {
    let mut world = World::new();
    let silent = world.open("10.0.0.1:4000");
    let slow = world.open("10.0.0.2:4000");
    world.bytes(slow, b"papo/1 tra");
    world.pass(7_999);
    assert_eq!((world.closed(silent), world.closed(slow)), (None, None));
    assert_eq!(world.tracker.deadline(), Some(Time::after_start(Duration::from_secs(8))));
    world.pass(1);
    assert_eq!((world.closed(silent), world.closed(slow)), (Some(CloseHow::Abort), Some(CloseHow::Abort)));
    assert_eq!(world.faults(), [Fault::HandshakeTimeout, Fault::HandshakeTimeout]);
    assert_eq!(world.tracker.deadline(), None);
}

#[test]
fn many_deadlines_at_once_are_worked_off_a_bounded_number_an_event() {
    let mut world = World::new();
    for host in 0..3u8 {
        for port in 0..200 {
            world.open(&format!("10.0.0.{host}:{}", 4_000 + port));
        }
    }
    world.now = Time::after_start(Duration::from_secs(8));
    for left in [600 - 256, 600 - 512, 0] {
        world.event(Event::Due);
        assert_eq!(world.tracker.sessions.len(), left);
    }
    assert_eq!(world.tracker.deadline(), None);
}

#[test]
fn one_who_does_not_log_in_is_gone_in_time_whatever_else_it_says() {
    let mut world = World::new();
    let conn = world.connect("10.0.0.1:4000", 1);
    for _ in 0..7 {
        world.pass(1_000);
        assert_eq!(world.ask(conn, &ToTracker::Ping { nonce: 1 }), ["Pong 1"]);
    }
    world.pass(999);
    assert_eq!(world.closed(conn), None);
    world.pass(1);
    assert_eq!((world.closed(conn), world.faults()), (Some(CloseHow::Abort), vec![Fault::LoginTimeout]));
}

#[test]
fn the_login_deadline_stands_still_while_a_password_is_checked() {
    let mut world = World::new();
    world.checks_at_once = false;
    let conn = world.connect("10.0.0.1:4000", 1);
    world.pass(5_000);
    world.send(conn, &login(1, "ana", "pw"));
    assert_eq!(world.tracker.deadline(), None);
    world.pass(60_000);
    world.check();
    assert_eq!(world.show(conn), ["Failed 1 BadCredentials"]);
    world.pass(2_999);
    assert_eq!(world.closed(conn), None);
    world.pass(1);
    assert_eq!(world.closed(conn), Some(CloseHow::Abort));
}

#[test]
fn who_logged_out_and_stays_away_is_told_goodbye_and_blamed_for_nothing() {
    let mut world = World::new();
    let ana = world.register("ana", 1);
    world.ask(ana, &ToTracker::Logout { request: 2 });
    world.pass(8_000);
    assert_eq!((world.show(ana), world.closed(ana)), (vec!["Bye Quit".to_owned()], Some(CloseHow::Flush)));
    assert_eq!(world.faults(), []);
}

#[test]
fn one_who_answers_pings_lives_and_is_pinged_after_silence_only() {
    let mut world = World::new();
    let ana = world.register("ana", 1);
    let mut pings = 0;
    for _ in 0..120 {
        world.pass(1_000);
        for message in world.take(ana) {
            let FromTracker::Ping { nonce } = message else { panic!("{message:?}") };
            pings += 1;
            world.send(ana, &ToTracker::Pong { nonce });
        }
    }
    assert!((8..=16).contains(&pings), "every 7.5 to 15 s: {pings}");
    for _ in 0..60 {
        world.pass(1_000);
        assert_eq!(world.ask(ana, &ToTracker::Ping { nonce: 5 }), ["Pong 5"], "who talks is not pinged");
    }
    assert_eq!(world.closed(ana), None);
}

#[test]
fn a_half_open_connection_is_found_in_time_and_its_user_shown_offline() {
    let mut world = World::new();
    let (ana, bia) = (world.register("ana", 1), world.register("bia", 2));
    world.ask(ana, &create(2, "sala", 0));
    world.ask(bia, &join(2, "sala"));
    let since = world.now;
    world.faults();
    while world.closed(bia).is_none() {
        world.pass(100);
        for message in world.take(ana) {
            if let FromTracker::Ping { nonce } = message {
                world.send(ana, &ToTracker::Pong { nonce });
            }
        }
    }
    assert_eq!(world.now - since, Duration::from_secs(35));
    assert_eq!(world.faults(), [Fault::Silent]);
    assert_eq!(world.tracker.online.keys().collect::<Vec<_>>(), ["ana"]);
    assert!(world.show(bia).iter().filter(|line| *line == "Ping").count() >= 2, "it was asked first");
}

#[test]
fn a_goodbye_ends_a_session_without_blame() {
    let mut world = World::new();
    let ana = world.register("ana", 1);
    world.send(ana, &ToTracker::Bye { reason: Goodbye::Quit });
    assert_eq!((world.closed(ana), world.tracker.sessions.len()), (Some(CloseHow::Flush), 0));
    assert_eq!(world.faults(), []);
    world.check_log();
}

#[test]
fn a_shutdown_says_goodbye_after_what_is_held_and_stops_once_all_is_kept() {
    let mut world = World::new();
    let (ana, bia) = (world.register("ana", 1), world.register("bia", 2));
    let greeting = world.open("10.0.0.9:4000");
    world.commits_at_once = false;
    world.send(ana, &create(2, "sala", 0));
    world.notices.clear();
    world.event(Event::Command(Command::Shutdown));
    world.event(Event::Command(Command::Shutdown));
    assert_eq!(world.closed(greeting), Some(CloseHow::Abort));
    assert_eq!((world.show(ana), world.closed(ana)), (vec![], None), "the answer is held, and the goodbye behind it");
    let (seq, _) = world.commits.front().expect("the room").clone();
    world.next_commit();
    world.event(Event::Committed(seq));
    assert_eq!(world.show(ana), ["Room sala of ana [ana]/32 @1", "Done 2", "Bye Quit"]);
    assert_eq!(world.show(bia), ["Bye Quit"]);
    assert_eq!((world.closed(ana), world.closed(bia)), (Some(CloseHow::Flush), Some(CloseHow::Flush)));
    assert_eq!(world.notices, [], "when they were last seen is not kept yet");
    world.commit();
    assert_eq!(world.notices, [Notice::Stopped]);
    assert_eq!(world.tracker.deadline(), None);
    let late = world.open("10.0.0.8:4000");
    assert_eq!(world.closed(late), Some(CloseHow::Abort), "nobody comes in any more");
    world.check_log();
}

#[test]
fn counters_say_what_was_refused_and_how_things_stand() {
    let mut world = World::new();
    world.register("ana", 1);
    let http = world.open("10.0.0.9:4000");
    world.bytes(http, b"GET / HTTP/1.1\r\n\r\n");
    assert_eq!(world.closed(http), Some(CloseHow::Abort));
    world.notices.clear();
    world.event(Event::Command(Command::Count));
    let [Notice::Counters { counters, connections, sessions, users, rooms }] = &world.notices[..] else {
        panic!("{:?}", world.notices)
    };
    assert_eq!(counters.iter().collect::<Vec<_>>(), [(Fault::NotPapo, 1)]);
    assert_eq!((*connections, *sessions, *users, *rooms), (1, 1, 1, 0));
}

#[test]
fn the_same_events_give_the_same_actions() {
    let life = || {
        let mut world = World::new();
        let (ana, bia) = (world.register("ana", 1), world.register("bia", 2));
        world.ask(ana, &create(2, "sala", 0));
        world.ask(bia, &join(2, "sala"));
        world.pass(60_000);
        let bytes = world.clients.values().map(|client| client.bytes).collect::<Vec<_>>();
        (bytes, world.notices, world.log, world.now)
    };
    assert_eq!(life(), life());
}
