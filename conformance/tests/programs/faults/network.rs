//! Bad wires: delay, resets, one byte a write.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener},
    ops::Range,
    time::Instant,
};

use super::{Dice, by_form, tell};
use crate::{
    conversation::{heard, ids_once},
    support::{
        papo::{Options, PASSWORD, Papo, text, texts},
        tracker::Tracker,
        wire::BadWire,
    },
};

/// A session says less than a link, and is to be cut all the same.
const SESSION_BYTES: Range<u64> = 800..2_500;
/// Lines of each who talks.
fn lines() -> usize {
    by_form(150, 1_000)
}

fn line(user: &str, number: usize) -> String {
    format!("{user} {number} {}", "x".repeat(number * 7 % 300))
}

/// Each has heard every line of each other, in order and once.
#[track_caller]
fn assert_whole(people: &[Papo]) {
    for one in people {
        for other in people.iter().filter(|other| other.user() != one.user()) {
            // Part by part, so that each wait has its own bound.
            for number in (0..lines()).rev().step_by(100).collect::<Vec<_>>().into_iter().rev() {
                one.wait_message(&line(other.user(), number));
            }
            let all = (0..lines()).map(|number| line(other.user(), number)).collect::<Vec<_>>();
            assert_eq!(heard(&one.events(), other.user()), all, "{} to {}", other.user(), one.user());
        }
        ids_once(&one.events());
        one.wait_for_all("delivered", (people.len() - 1) * lines(), |_| true);
    }
}

/// Another address of this host for each number, where it has them (Linux has all of 127.0.0.0/8).
fn other_loopback(number: u8) -> IpAddr {
    let other = IpAddr::V4(Ipv4Addr::new(127, 0, 1, number));
    let has = TcpListener::bind(SocketAddr::new(other, 0)).is_ok();
    if has { other } else { Ipv4Addr::LOCALHOST.into() }
}

/// A listener at that address whose port is free on loopback, too; and there.
fn twin_ports(seen: IpAddr) -> (TcpListener, SocketAddr) {
    loop {
        let wire = TcpListener::bind(SocketAddr::new(seen, 0)).expect("a port");
        let port = wire.local_addr().expect("it is bound").port();
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        // Where there is no other address, the others dial each other without a wire between them.
        if seen == listen.ip() {
            return (wire, SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
        }
        if TcpListener::bind(listen).is_ok() {
            return (wire, listen);
        }
    }
}

fn report(what: &str, wires: &[BadWire], lines: usize, since: Instant) -> (u64, u64) {
    let counts = wires.iter().map(BadWire::counts);
    let sum = counts.fold((0, 0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1, sum.2 + one.2));
    let (connections, resets, bytes) = sum;
    tell(format_args!(
        "{what}: {lines} lines once and in order in {:.1} s, over {connections} connections with {resets} resets, \
         {bytes} bytes",
        since.elapsed().as_secs_f64()
    ));
    (resets, bytes)
}

#[test]
fn over_bad_wires_to_the_tracker_and_between_peers_a_room_hears_everything_once_and_in_order() {
    let mut dice = Dice::new();
    let tracker = Tracker::start();
    let (mut links, mut sessions) = (Vec::new(), Vec::new());
    // The tracker sees each at an address of its own, tells the others of it, and there stands a wire to its listener.
    let people = ["ana", "bia", "caio"].iter().zip(1..).map(|(&user, number)| {
        let seen = other_loopback(number);
        let (link, listen) = twin_ports(seen);
        links.push(BadWire::start(link, listen, None, dice.below(u64::MAX)));
        let session = TcpListener::bind("127.0.0.1:0").expect("a port");
        let seed = dice.below(u64::MAX);
        sessions.push(BadWire::start_resetting(session, tracker.address, Some(seen), seed, SESSION_BYTES));
        let spec = format!("{}#{}", sessions.last().expect("it was made").address, tracker.fingerprint);
        Options::new(user).tracker(&spec).register(PASSWORD).listen(&listen.to_string()).log_in()
    });
    let mut people = people.collect::<Vec<_>>();
    people[0].create("sala");
    for one in &mut people[1..] {
        one.join("sala");
    }
    for one in &mut people {
        one.wait_for("room", |event| texts(event, "members").len() == 3);
        one.line("/chat #sala");
    }
    let since = Instant::now();
    links.iter().chain(&sessions).for_each(BadWire::spoil);
    for number in 0..lines() {
        for one in &mut people {
            let line = line(one.user(), number);
            one.line(&line);
            if number.is_multiple_of(10) {
                // Something for the wire to the tracker to spoil.
                one.line("/peers");
            }
        }
    }
    for one in &people {
        one.wait_for_all("said", lines(), |_| true);
    }
    assert_whole(&people);
    let (resets, _) = report("to the tracker", &sessions, 0, since);
    assert!(resets > 0, "sessions were cut, too");
    for one in &mut people {
        // They come back by themselves.
        let logins = 1 + one.events().iter().filter(|event| text(event, "code") == "tracker_lost").count();
        one.wait_for_all("logged_in", logins, |_| true);
    }
    let (resets, bytes) = report("between peers", &links, people.len() * lines(), since);
    if other_loopback(1) != IpAddr::from(Ipv4Addr::LOCALHOST) {
        let texts = (0..lines()).map(|number| line("ana", number).len()).sum::<usize>() as u64;
        assert!(bytes > 3 * texts && resets > 0, "{bytes} bytes of {texts} went over the wires, {resets} resets");
    }
}

#[test]
fn over_one_bad_wire_two_without_a_tracker_hear_everything_once_and_in_order() {
    let mut dice = Dice::new();
    let mut people = ["ana", "bia"].map(|user| Options::new(user).start());
    let at_bia = text(&people[1].wait_for("ready", |_| true), "listen").parse().expect("an address");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let wire = BadWire::start(listener, at_bia, None, dice.below(u64::MAX));
    // There is no other way from one to the other: who hears of nobody's address dials none.
    people[0].line(&format!("/connect {}", wire.address));
    for (one, other) in [(0, "bia"), (1, "ana")] {
        people[one].wait_linked(other);
    }
    let since = Instant::now();
    wire.spoil();
    for number in 0..lines() {
        for (one, other) in [(0, "bia"), (1, "ana")] {
            let line = line(people[one].user(), number);
            people[one].line(&format!("/msg {other} {line}"));
        }
    }
    assert_whole(&people);
    let (resets, _) = report("between two without a tracker", &[wire], 2 * lines(), since);
    assert!(resets > 0, "the wire was bad");
}
