//! Programs that are killed, and what is not lost by it.

use serde_json::Value;

use crate::{
    conversation::{heard, ids_once},
    support::{
        papo::{Options, PASSWORD, Papo, in_a_room, is, row, text, texts},
        tracker::Tracker,
    },
};

/// Two people in a room, linked.
#[track_caller]
fn two_in_a_room(tracker: &Tracker) -> [Papo; 2] {
    in_a_room(["ana", "bia"].map(|name| Papo::registered(name, tracker)))
}

/// `count` lines of this stem.
fn lines(stem: &str, count: usize) -> Vec<String> {
    (0..count).map(|number| format!("{stem} {number}")).collect()
}

fn say_all(papo: &mut Papo, lines: &[String]) {
    for line in lines {
        papo.line(line);
    }
}

/// Texts of messages, in the order in which they were shown.
fn messages(events: &[Value]) -> Vec<(String, String)> {
    let messages = events.iter().filter(|event| is(event, "message"));
    messages.map(|event| (text(event, "id").to_owned(), text(event, "text").to_owned())).collect()
}

#[test]
fn a_tracker_killed_in_mid_conversation_loses_nothing_that_it_confirmed_and_all_are_back_by_themselves() {
    let mut tracker = Tracker::start();
    let [mut ana, mut bia] = two_in_a_room(&tracker);
    bia.line("/create quarto 7");
    bia.wait_for("room", |event| text(event, "room") == "quarto" && text(event, "what") == "created");
    bia.line("/chat #sala");
    let (first, meanwhile, last) = (lines("before", 40), lines("meanwhile", 40), lines("after", 10));

    say_all(&mut ana, &first);
    bia.wait_message("before 5");
    tracker.process.kill();
    bia.wait_message("before 39");
    say_all(&mut ana, &meanwhile);
    bia.line("/msg ana directly");
    bia.wait_message("meanwhile 39");
    ana.wait_message("directly");
    ana.wait_for_all("delivered", 80, |event| text(event, "to") == "bia");

    for one in [&mut ana, &mut bia] {
        one.mark();
    }
    tracker.restart();
    for one in [&ana, &bia] {
        one.wait_for("logged_in", |_| true);
    }
    let rooms = ana.ask("/rooms", "rooms");
    for (room, owner, members, capacity) in [("sala", "ana", &["ana", "bia"][..], 32), ("quarto", "bia", &["bia"], 7)] {
        let row = row(&rooms, "rooms", "room", room).unwrap_or_else(|| panic!("{room} is lost: {rooms}"));
        assert_eq!((text(row, "owner"), texts(row, "members")), (owner, members.iter().map(|&m| m.into()).collect()));
        assert_eq!(row["capacity"], capacity, "{row}");
    }
    say_all(&mut ana, &last);
    bia.wait_message("after 9");
    assert_eq!(heard(&bia.events(), "ana"), [first, meanwhile, last].concat());
    ids_once(&bia.events());

    // The account is there with its password, and the room for someone new.
    assert_eq!(ana.quit(), 0);
    let mut phone = Options::new("ana").tracker(&tracker.spec()).password(PASSWORD).log_in();
    assert_eq!(phone.quit(), 0);
    let mut caio = Papo::registered("caio", &tracker);
    caio.join("sala");
}

#[test]
fn a_peer_killed_and_back_misses_nothing_and_sees_nothing_twice() {
    let tracker = Tracker::start();
    let [mut ana, mut bia] = two_in_a_room(&tracker);
    let all = lines("line", 150);
    say_all(&mut ana, &all[..100]);
    bia.wait_message("line 20");
    bia.process.kill();
    let before = messages(&bia.events());
    ids_once(&bia.events());
    say_all(&mut ana, &all[100..]);
    ana.wait_for_all("said", 150, |_| true);

    let again = bia.options().by_key().log_in();
    again.wait_message("line 149");
    ana.wait_for_all("delivered", 150, |event| text(event, "to") == "bia");
    let after = messages(&again.events());
    ids_once(&again.events());
    // What was shown in the very moment of the kill may be shown again, under the same id and nowhere else.
    let overlap = before.iter().position(|shown| shown == &after[0]).unwrap_or(before.len());
    let union = before[..overlap].iter().chain(&after).map(|(_, text)| text.clone()).collect::<Vec<_>>();
    assert_eq!(union, all);
    assert_eq!(before[overlap..], after[..before.len() - overlap]);
}

#[test]
fn what_a_killed_peer_had_said_arrives_once_and_in_order() {
    let tracker = Tracker::start();
    let [ana, mut bia] = two_in_a_room(&tracker);
    let (first, second) = (lines("said", 100), lines("again", 20));
    say_all(&mut bia, &first);
    bia.wait_for_all("said", 60, |_| true);
    bia.process.kill();
    let kept = bia.events().iter().filter(|event| is(event, "said")).count();

    let mut again = bia.options().by_key().log_in();
    again.line("/chat #sala");
    say_all(&mut again, &second);
    ana.wait_message("again 19");
    let heard = heard(&ana.events(), "bia");
    ids_once(&ana.events());
    // What it had confirmed is there; what it had not may be there, but only without a hole.
    let said = heard.len() - second.len();
    assert!(said >= kept, "{kept} were confirmed, {said} arrived");
    assert_eq!(heard, [&first[..said], &second].concat());
}

#[test]
fn a_message_to_someone_offline_waits_over_a_restart_and_is_delivered_once() {
    let tracker = Tracker::start();
    let [mut ana, mut bia] = two_in_a_room(&tracker);
    assert_eq!(bia.quit(), 0);
    ana.wait_for("peer", |event| text(event, "what") == "lost" && text(event, "user") == "bia");
    ana.line("/msg bia quando voltares");
    ana.line("e a todos na sala");
    let said = ana.wait_for_all("said", 2, |_| true);
    assert_eq!(ana.quit(), 0);
    assert!(!ana.events().iter().any(|event| is(event, "delivered")), "nobody could have received it");

    let ana = ana.options().by_key().log_in();
    let bia = bia.options().by_key().log_in();
    bia.wait_message("quando voltares");
    bia.wait_message("e a todos na sala");
    for said in &said {
        ana.wait_for("delivered", |event| text(event, "id") == text(said, "id") && text(event, "to") == "bia");
    }
    // Once: not again with the next link.
    let mut ana = ana;
    assert_eq!(ana.quit(), 0);
    let mut ana = ana.options().by_key().log_in();
    ana.line("/msg bia por fim");
    bia.wait_message("por fim");
    let texts = messages(&bia.events()).into_iter().map(|(_, text)| text).collect::<Vec<_>>();
    let mut sorted = texts.clone();
    sorted.sort();
    assert_eq!(sorted, ["e a todos na sala", "por fim", "quando voltares"]);
    assert_eq!(texts.last().map(String::as_str), Some("por fim"));
}

#[test]
fn a_tracker_that_is_asked_to_end_tells_everyone_and_exits_well() {
    let mut tracker = Tracker::start();
    let [mut ana, bia] = two_in_a_room(&tracker);
    assert_eq!(tracker.terminate(), 0);
    for one in [&ana, &bia] {
        one.wait_for("notice", |event| text(event, "text").contains("tracker"));
    }
    ana.line("we still talk");
    bia.wait_message("we still talk");
}
