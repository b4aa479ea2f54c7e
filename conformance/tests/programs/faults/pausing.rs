//! SIGSTOP, for longer than any silence is forgiven. The tracker of one group and a peer of another are stopped at the
//! same time, so that the test waits for the bound once.

use std::{
    thread,
    time::{Duration, Instant},
};

use nix::sys::signal::Signal;
use papo_proto::wire::tracker::{FromTracker, Status, ToTracker};

use super::{tell, within};
use crate::{
    conversation::{heard, ids_once},
    support::{
        BOUND,
        papo::{Papo, in_a_room, row, text, texts},
        raw::Raw,
        tracker::Tracker,
    },
};

/// Others notice within this; a loaded machine is given a little more.
const NOTICED_WITHIN: Duration = Duration::from_secs(45);
/// Lines of each before, during and after the pause.
const LINES: usize = 30;

/// Two people in a room, linked.
#[track_caller]
fn two_in_a_room(tracker: &Tracker) -> [Papo; 2] {
    in_a_room(["ana", "bia"].map(|name| Papo::registered(name, tracker)))
}

fn say(papo: &mut Papo, when: &str) {
    for number in 0..LINES {
        papo.line(&format!("{when} {number}"));
    }
}

fn all_of(whens: &[&str]) -> Vec<String> {
    whens.iter().flat_map(|when| (0..LINES).map(move |number| format!("{when} {number}"))).collect()
}

/// How long it took since then, which is not too long.
#[track_caller]
fn noticed(since: Instant, who: &str) -> Duration {
    let took = since.elapsed();
    assert!(took <= within(NOTICED_WITHIN), "{who} noticed after {took:?}");
    took
}

/// Everyone has heard everything, once and in order.
#[track_caller]
fn assert_whole(one: &Papo, other: &Papo, whens: &[&str]) {
    for (from, to) in [(one, other), (other, one)] {
        to.wait_message(all_of(whens).last().expect("some"));
        assert_eq!(heard(&to.events(), from.user()), all_of(whens), "{} to {}", from.user(), to.user());
        ids_once(&to.events());
        from.wait_for_all("delivered", whens.len() * LINES, |event| text(event, "to") == to.user());
    }
}

/// Reads until the tracker tells that someone is offline; it answers pings meanwhile.
fn wait_offline(observer: &mut Raw, user: &str) {
    loop {
        match observer.receive().expect("it stays in") {
            FromTracker::Ping { nonce } => observer.send(&ToTracker::Pong { nonce }).expect("it stays in"),
            FromTracker::Contact { contact } if contact.name.as_str() == user && contact.status == Status::Offline => {
                return;
            }
            _ => {}
        }
    }
}

fn stop_a_peer() {
    let tracker = Tracker::start();
    let [mut ana, mut bia] = two_in_a_room(&tracker);
    let mut observer = Raw::connect(tracker.address, 5).expect("it listens");
    observer.register("dora", "pw").expect("it answers");
    observer.join("sala").expect("it answers");
    for one in [&mut ana, &mut bia] {
        one.wait_for("room", |event| texts(event, "members").len() == 3);
        say(one, "before");
    }
    for one in [&mut ana, &mut bia] {
        one.wait_for_all("said", LINES, |_| true);
        one.mark();
    }
    bia.process.signal(Signal::SIGSTOP);
    let since = Instant::now();
    say(&mut ana, "meanwhile");
    thread::scope(|scope| {
        scope.spawn(|| {
            wait_offline(&mut observer, "bia");
            tell(format_args!("the tracker notices a stopped peer after {:.1} s", noticed(since, "it").as_secs_f64()));
        });
        ana.wait_for("peer", |event| text(event, "what") == "lost" && text(event, "user") == "bia");
        tell(format_args!("a peer notices a stopped peer after {:.1} s", noticed(since, "ana").as_secs_f64()));
    });
    bia.process.signal(Signal::SIGCONT);
    let since = Instant::now();
    say(&mut bia, "meanwhile");
    bia.wait_for("logged_in", |_| true);
    bia.wait_linked("ana");
    for one in [&mut ana, &mut bia] {
        say(one, "after");
        one.unmark();
    }
    assert_whole(&ana, &bia, &["before", "meanwhile", "after"]);
    tell(format_args!("a peer that goes on has heard everything {:.1} s later", since.elapsed().as_secs_f64()));
}

fn stop_a_tracker() {
    let tracker = Tracker::start();
    let [mut ana, mut bia] = two_in_a_room(&tracker);
    for one in [&mut ana, &mut bia] {
        say(one, "before");
        one.wait_for_all("said", LINES, |_| true);
        one.mark();
    }
    tracker.process.signal(Signal::SIGSTOP);
    let since = Instant::now();
    for one in [&mut ana, &mut bia] {
        say(one, "meanwhile");
        // What its system accepts for it is answered by nobody.
        one.line("/create quarto");
    }
    for one in [&ana, &bia] {
        one.wait_for("notice", |event| text(event, "code") == "tracker_lost");
        tell(format_args!("a peer notices a stopped tracker after {:.1} s", noticed(since, "it").as_secs_f64()));
    }
    tracker.process.signal(Signal::SIGCONT);
    let since = Instant::now();
    for one in [&mut ana, &mut bia] {
        one.wait_for("logged_in", |_| true);
        say(one, "after");
        one.unmark();
    }
    assert_whole(&ana, &bia, &["before", "meanwhile", "after"]);
    let rooms = ana.ask("/rooms", "rooms");
    let row = row(&rooms, "rooms", "room", "sala").expect("it is kept");
    assert_eq!(texts(row, "members"), ["ana", "bia"], "{rooms}");
    assert!(since.elapsed() < BOUND);
    tell(format_args!("all are back {:.1} s after the tracker goes on", since.elapsed().as_secs_f64()));
}

#[test]
fn whoever_is_stopped_is_noticed_in_time_and_loses_and_doubles_nothing() {
    thread::scope(|scope| {
        scope.spawn(stop_a_peer);
        scope.spawn(stop_a_tracker);
    });
}
