//! What strangers and greedy clients meet: bounds at the limit and one past it.

use super::*;
use crate::{
    channel::TAG_BYTES,
    wire::tracker::{Profile, StatusText},
};

#[test]
fn before_login_only_pings_and_logins_are_heard_and_the_rest_is_counted() {
    let mut world = World::new();
    let conn = world.connect("10.0.0.1:4000", 1);
    assert_eq!(world.ask(conn, &create(1, "sala", 0)), ["Failed 1 NotLoggedIn"]);
    assert_eq!(world.ask(conn, &ToTracker::Moved { claimed: claimed(&[]) }), [""; 0]);
    assert_eq!(world.ask(conn, &ToTracker::Ping { nonce: 9 }), ["Pong 9"]);
    assert_eq!(world.faults(), [Fault::Unexpected, Fault::Unexpected]);
    for request in 3..8 {
        assert_eq!(world.ask(conn, &join(request, "sala")), [format!("Failed {request} NotLoggedIn")]);
    }
    assert_eq!(world.closed(conn), None);
    assert_eq!(world.ask(conn, &join(8, "sala")), ["Failed 8 NotLoggedIn"]);
    assert_eq!(world.closed(conn), Some(CloseHow::Flush), "the eighth is one too many");
    assert!(world.tracker.sessions.is_empty());
}

#[test]
fn a_frame_before_login_has_at_most_1024_bytes() {
    let mut world = World::new();
    // A message of the longest length that fits is heard (and is none): the frame itself was let through.
    for (length, fault) in [(1_024 - TAG_BYTES, Fault::Malformed), (1_025 - TAG_BYTES, Fault::FrameTooLong)] {
        let conn = world.connect("10.0.0.1:4000", 1);
        let mut frame = Vec::new();
        world.client(conn).channel.seal(&vec![0; length], &mut frame);
        world.bytes(conn, &frame);
        assert_eq!((world.closed(conn), world.faults().pop()), (Some(CloseHow::Abort), Some(fault)));
    }
    let conn = world.connect("10.0.0.1:4000", 1);
    let mut header = Vec::new();
    frame::encode(&mut header, |out| out.resize(out.len() + 65_535, 0));
    world.bytes(conn, &header[..2]);
    assert_eq!(world.faults().pop(), Some(Fault::FrameTooLong), "refused by its length alone");
}

#[test]
fn after_login_a_frame_may_be_longer() {
    let mut world = World::new();
    let ana = world.register("ana", 1);
    let profile = Profile::new("x".repeat(1_024)).expect("at the bound");
    assert_eq!(world.ask(ana, &ToTracker::SetProfile { request: 2, text: profile }), ["Done 2"]);
    world.ask(ana, &ToTracker::Logout { request: 3 });
    let mut frame = Vec::new();
    world.client(ana).channel.seal(&[0; 2_000], &mut frame);
    world.bytes(ana, &frame);
    assert_eq!(world.faults().pop(), Some(Fault::FrameTooLong), "logged out, the bound is the old one");
}

#[test]
fn what_is_no_message_closes_the_connection_and_is_counted() {
    let mut world = World::new();
    for (bytes, fault) in [
        (&b"GET / HTTP/1.1\r\n\r\n"[..], Fault::NotPapo),
        (b"\x16\x03\x01\x02\x00", Fault::NotPapo),
        (b"papo/1 peer\n", Fault::WrongPreface),
        (b"papo/1 tracker\n\xff\xff", Fault::FrameTooLong),
    ] {
        let conn = world.open("10.0.0.1:4000");
        world.bytes(conn, bytes);
        assert_eq!((world.closed(conn), world.faults().pop()), (Some(CloseHow::Abort), Some(fault)));
    }
    let ana = world.register("ana", 1);
    let mut frame = Vec::new();
    world.client(ana).channel.seal(&[99, 1, 2], &mut frame);
    world.bytes(ana, &frame);
    assert_eq!(world.faults().pop(), Some(Fault::Malformed));
    assert!(world.tracker.online.is_empty() && world.tracker.sessions.is_empty());
    world.check_log();
}

#[test]
fn connections_of_one_address_are_bounded_and_others_come_in() {
    let limits = Limits { anonymous_per_address_max: 2, ..Limits::default() };
    let mut world = World::with(limits, Registration::Open, Vec::new());
    let (first, second) = (world.open("10.0.0.1:1"), world.open("10.0.0.1:2"));
    let other = world.open("10.0.0.2:1");
    assert_eq!((world.closed(first), world.closed(other)), (None, None));
    let third = world.open("10.0.0.1:3");
    assert_eq!((world.closed(first), world.faults()), (Some(CloseHow::Abort), vec![Fault::TooManyFromAddress]));
    assert_eq!((world.closed(second), world.closed(third), world.closed(other)), (None, None, None));
    world.hang_up(second);
    let fourth = world.open("10.0.0.1:4");
    assert_eq!((world.closed(third), world.closed(fourth)), (None, None));
    world.pass(8_000);
    assert_eq!(world.tracker.sessions.len(), 0);
    let (conn, ip) = (ConnId(100), "10.0.0.1".parse().expect("an address"));
    assert_eq!(world.tracker.gate.admit(conn, ip, &Limits::default()), Ok(()));
}

#[test]
fn whose_password_is_checked_makes_no_room_for_others_of_its_address() {
    let limits = Limits { anonymous_per_address_max: 2, ..Limits::default() };
    let mut world = World::with(limits, Registration::Open, Vec::new());
    world.checks_at_once = false;
    let [ana, bia] = [1, 2].map(|secret| world.connect("10.0.0.1:4000", secret));
    world.send(ana, &register(1, "ana", "pw"));
    let third = world.open("10.0.0.1:3");
    assert_eq!((world.closed(ana), world.closed(bia), world.closed(third)), (None, Some(CloseHow::Abort), None));
    world.check();
    assert_eq!(world.show(ana), ["Welcome 1 ana", "Synced"]);
    // All wait for a check: there is nobody to make room.
    let [caio, dora] = [3, 4].map(|secret| world.connect("10.0.0.3:4000", secret));
    world.send(caio, &register(1, "caio", "pw"));
    world.send(dora, &register(1, "dora", "pw"));
    let late = world.open("10.0.0.3:1");
    assert_eq!((world.closed(caio), world.closed(dora), world.closed(late)), (None, None, Some(CloseHow::Abort)));
}

#[test]
fn a_session_with_too_many_requests_under_way_is_not_read_until_they_are_answered() {
    let limits = Limits { requests_waiting_max: 2, ..Limits::default() };
    let mut world = World::with(limits, Registration::Open, Vec::new());
    let ana = world.register("ana", 1);
    world.commits_at_once = false;
    let requests = (2..=6).map(|request| ToTracker::SetProfile { request, text: text(&request.to_string()) });
    let bytes = world.seal(ana, &requests.collect::<Vec<_>>());
    world.bytes(ana, &bytes);
    assert_eq!((world.commits.len(), world.client(ana).reading), (2, false));
    let (seq, _) = world.commits.pop_front().expect("two wait");
    world.event(Event::Committed(seq));
    assert_eq!(
        (world.show(ana), world.commits.len()),
        (vec!["Done 2".to_owned()], 2),
        "as one is answered, one is heard"
    );
    assert!(!world.client(ana).reading);
    world.commits_at_once = true;
    let (seq, _) = world.commits.pop_back().expect("two wait");
    world.commits.clear();
    world.event(Event::Committed(seq));
    assert_eq!(world.show(ana), ["Done 3", "Done 4", "Done 5", "Done 6"]);
    assert!(world.client(ana).reading);
}

#[test]
fn one_who_makes_the_tracker_tell_others_too_much_is_held_back_and_loses_nothing() {
    let limits = Limits { pushes_burst_max: 10, pushes_per_s_max: 10, ..Limits::default() };
    let mut world = World::with(limits, Registration::Open, Vec::new());
    let (ana, bia) = (world.register("ana", 1), world.register("bia", 2));
    world.ask(ana, &create(2, "sala", 0));
    world.ask(bia, &join(2, "sala"));
    world.show(ana);
    world.pass(5_000);
    let moves = (1..=30).map(|host| ToTracker::Moved { claimed: claimed(&[&format!("192.168.0.{host}:6061")]) });
    let bytes = world.seal(bia, &moves.collect::<Vec<_>>());
    world.bytes(bia, &bytes);
    assert_eq!((world.show(ana).len(), world.client(bia).reading), (11, false), "a burst, and the one that passed it");
    assert_eq!(world.tracker.deadline(), Some(world.now + Duration::from_millis(100)));
    world.pass(1_000);
    assert_eq!(world.show(ana).len(), 10, "then at the rate that it may");
    world.pass(1_000);
    assert_eq!(world.show(ana).len(), 9, "and nothing is lost");
    assert!(world.client(bia).reading);
    assert_eq!(world.ask(bia, &ToTracker::Ping { nonce: 1 }), ["Pong 1"]);
}

#[test]
fn one_who_says_too_much_of_what_needs_no_answer_is_held_back_too() {
    let limits = Limits { pushes_burst_max: 10, pushes_per_s_max: 10, ..Limits::default() };
    let mut world = World::with(limits, Registration::Open, Vec::new());
    let ana = world.register("ana", 1);
    world.pass(5_000);
    let flood = (0..12).map(|nonce| ToTracker::Pong { nonce }).chain([ToTracker::Ping { nonce: 9 }]);
    let bytes = world.seal(ana, &flood.collect::<Vec<_>>());
    world.bytes(ana, &bytes);
    assert_eq!((world.show(ana).len(), world.client(ana).reading), (0, false));
    world.pass(1_000);
    assert_eq!((world.show(ana), world.client(ana).reading), (vec!["Pong 9".to_owned()], true));
}

#[test]
fn questions_are_not_answered_faster_than_the_answers_are_taken() {
    let limits = Limits { untaken_bytes_max: 1_000, ..Limits::default() };
    let mut world = World::with(limits, Registration::Open, Vec::new());
    let ana = world.register("ana", 1);
    world.writes_at_once = false;
    let questions = (2..=100).map(|request| ToTracker::WhoisName { request, name: name("ana") });
    let bytes = world.seal(ana, &questions.collect::<Vec<_>>());
    world.bytes(ana, &bytes);
    let first = world.show(ana).len();
    assert!((2..50).contains(&first), "{first} answers");
    assert_eq!((world.client(ana).reading, world.client(ana).wants_write), (false, true));
    // It takes them, late: it is there, and the next are answered.
    for _ in 0..3 {
        world.pass(30_000);
        world.client(ana).wants_write = false;
        world.event(Event::Writable { conn: ana, bytes: 64 * 1024 });
        let more = world.show(ana).iter().filter(|told| told.starts_with("Whois")).count();
        assert!((2..50).contains(&more) && world.client(ana).wants_write, "{more} answers");
    }
    // It takes nothing any more.
    world.pass(34_999);
    assert_eq!(world.closed(ana), None);
    world.pass(1);
    assert_eq!((world.closed(ana), world.faults()), (Some(CloseHow::Abort), vec![Fault::SlowReader]));
}

#[test]
fn a_frame_that_was_begun_is_whole_in_eight_seconds_or_never() {
    let mut world = World::new();
    let ana = world.register("ana", 1);
    let frame = world.seal(ana, &[ToTracker::Ping { nonce: 1 }]);
    // Slow, but not too slow; and again, since each frame has its own time.
    for nonce in 1..=3 {
        let frame = if nonce == 1 { frame.clone() } else { world.seal(ana, &[ToTracker::Ping { nonce }]) };
        world.bytes(ana, &frame[..1]);
        world.pass(7_999);
        world.bytes(ana, &frame[1..]);
        assert_eq!(world.show(ana), [format!("Pong {nonce}")]);
        world.pass(3_000);
    }
    let frame = world.seal(ana, &[ToTracker::Ping { nonce: 4 }, ToTracker::Ping { nonce: 5 }]);
    for byte in &frame[..7] {
        world.bytes(ana, &[*byte]);
        world.pass(1_000);
    }
    world.pass(999);
    assert_eq!(world.closed(ana), None);
    world.pass(1);
    assert_eq!((world.closed(ana), world.faults()), (Some(CloseHow::Abort), vec![Fault::FrameTimeout]));
    assert_eq!(world.tracker.deadline(), None, "and nothing is left to wait for");
}

#[test]
fn what_the_tracker_does_not_read_is_not_late() {
    let limits = Limits { requests_waiting_max: 1, ..Limits::default() };
    let mut world = World::with(limits, Registration::Open, Vec::new());
    let ana = world.register("ana", 1);
    world.commits_at_once = false;
    let bytes = world.seal(ana, &[2, 3].map(|request| ToTracker::SetProfile { request, text: text("x") }));
    world.bytes(ana, &bytes[..bytes.len() - 1]);
    assert!(!world.client(ana).reading);
    world.pass(20_000);
    assert_eq!(world.closed(ana), None);
    world.commits_at_once = true;
    world.commit();
    assert!(world.client(ana).reading);
    world.pass(7_999);
    world.bytes(ana, &bytes[bytes.len() - 1..]);
    assert_eq!(world.show(ana), ["Done 2", "Done 3"]);
}

#[test]
fn what_comes_behind_a_login_waits_for_its_end() {
    let mut world = World::new();
    let ana = world.register("ana", 1);
    world.hang_up(ana);
    world.checks_at_once = false;
    let conn = world.connect("10.0.0.1:5000", 1);
    let bytes = world.seal(conn, &[login(1, "ana", "pw ana"), create(2, "sala", 0)]);
    world.bytes(conn, &bytes);
    assert!(!world.client(conn).reading, "what it says meanwhile stays in the kernel");
    world.check();
    assert_eq!(world.show(conn), ["Welcome 1 ana", "Synced", "Room sala of ana [ana]/32 @1", "Done 2"]);
    assert!(world.client(conn).reading);
}

#[test]
fn unfinished_frames_are_bounded_together_and_the_oldest_goes() {
    let limits = Limits { unfinished_bytes_max: 1_000, ..Limits::default() };
    let mut world = World::with(limits, Registration::Open, Vec::new());
    let conns = [1, 2, 3].map(|secret| world.connect(&format!("10.0.0.{secret}:4000"), secret));
    let mut half = Vec::new();
    frame::encode(&mut half, |out| out.resize(out.len() + 1_000, 0));
    for &conn in &conns {
        world.pass(10);
        world.bytes(conn, &half[..400]);
    }
    assert_eq!(conns.map(|conn| world.closed(conn).is_some()), [true, false, false]);
    assert_eq!(world.faults(), [Fault::UnfinishedBytes]);
    world.hang_up(conns[1]);
    world.hang_up(conns[2]);
    let next = world.connect("10.0.0.4:4000", 4);
    world.bytes(next, &half[..1_000]);
    assert_eq!(world.closed(next), None, "what is gone is not counted");
}

#[test]
fn what_is_held_for_one_session_is_bounded() {
    let limits = Limits { out_bytes_max: 2_000, ..Limits::default() };
    let mut world = World::with(limits, Registration::Open, Vec::new());
    let (ana, bia) = (world.register("ana", 1), world.register("bia", 2));
    world.ask(ana, &create(2, "sala", 0));
    world.ask(bia, &join(2, "sala"));
    world.faults();
    world.commits_at_once = false;
    for request in 3..10 {
        let text = StatusText::new(format!("{request}{}", "x".repeat(250))).expect("short");
        world.send(ana, &ToTracker::SetStatus { request, status: crate::wire::tracker::Status::Busy, text });
    }
    assert_eq!((world.closed(bia), world.faults()), (Some(CloseHow::Abort), vec![Fault::SlowReader]));
    assert_eq!(world.closed(ana), None);
    world.commit();
    assert_eq!(world.show(ana).last().map(String::as_str), Some("Contact bia Offline"));
    world.check_log();
}

#[test]
fn a_flood_of_passwords_from_one_network_delays_another_by_one_check() {
    let limits = Limits { password_checks_max: 1, password_queue_per_address_max: 8, ..Limits::default() };
    let mut world = World::with(limits, Registration::Open, Vec::new());
    let ana = world.register("ana", 1);
    world.hang_up(ana);
    world.checks_at_once = false;
    let flood = (0..10u16).map(|port| {
        let conn = world.connect(&format!("192.0.2.1:{}", 4000 + port), 9);
        world.send(conn, &login(1, "bia", "guess"));
        conn
    });
    let flood = flood.collect::<Vec<_>>();
    assert_eq!(world.show(flood[9]), ["Failed 1 Busy"], "one is under way, eight wait");
    let conn = world.connect("10.0.0.1:5000", 1);
    world.send(conn, &login(1, "ana", "pw ana"));
    world.check();
    world.check();
    assert_eq!(world.show(conn), ["Welcome 1 ana", "Synced"]);
    for conn in &flood[1..] {
        if world.closed(*conn).is_none() {
            world.hang_up(*conn);
        }
    }
    while !world.checks.is_empty() {
        world.check();
    }
    assert_eq!((world.checks.len(), world.tracker.passwords.deadline()), (0, None), "who is gone is not checked");
}

#[test]
fn guesses_from_everywhere_never_lock_the_owner_out() {
    let mut world = World::new();
    let ana = world.register("ana", 1);
    world.hang_up(ana);
    for network in 0..20 {
        let conn = world.connect(&format!("192.0.{network}.1:4000"), 9);
        world.send(conn, &login(1, "ana", "guess"));
        world.pass(4_000);
        assert_eq!(world.show(conn), ["Failed 1 BadCredentials"]);
        world.hang_up(conn);
    }
    let conn = world.connect("10.0.0.1:5000", 1);
    world.send(conn, &login(1, "ana", "pw ana"));
    assert_eq!(world.tracker.deadline(), Some(world.now + Duration::from_secs(4)), "delayed, and not more");
    world.pass(4_000);
    assert_eq!(world.show(conn), ["Welcome 1 ana", "Synced"]);
}

#[test]
fn the_last_account_that_fits_is_made_and_not_one_more() {
    let limits = Limits { users_max: 2, ..Limits::default() };
    let mut world = World::with(limits, Registration::Open, Vec::new());
    world.register("ana", 1);
    world.register("bia", 2);
    let caio = world.connect("10.0.0.3:4000", 3);
    assert_eq!(world.ask(caio, &register(1, "caio", "pw")), ["Failed 1 Full"]);
}

#[test]
fn no_secret_shows_in_debug() {
    let mut world = World::new();
    world.checks_at_once = false;
    let conn = world.connect("10.0.0.1:4000", 1);
    world.send(conn, &register(1, "ana", "pw"));
    let hash = crate::hex::encode(&PasswordHash::of("pw").0);
    let shown = format!("{:?}{:?}", world.tracker, world.checks);
    world.check();
    let shown = format!("{shown}{:?}{:?}", world.tracker, world.log);
    assert!(!shown.contains(&hash) && !shown.contains(&format!("{:?}", PasswordHash::of("pw").0)));
    assert!(!shown.contains(&format!("{:?}", [200u8; 32])) && !shown.contains("phc "));
}
