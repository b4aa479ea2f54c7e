//! People in a room, and two apart.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::{
    papo::{Papo, is, text, texts},
    tracker::Tracker,
};

/// Lines of each speaker.
const LINES: usize = 100;

/// Three people in one room, who all see each other there.
#[track_caller]
pub(crate) fn three_in_a_room(tracker: &Tracker) -> [Papo; 3] {
    let mut ana = Papo::registered("ana", tracker);
    let mut bia = Papo::registered("bia", tracker);
    let mut caio = Papo::registered("caio", tracker);
    ana.create("sala");
    bia.join("sala");
    caio.join("sala");
    for one in [&mut ana, &mut bia, &mut caio] {
        one.wait_for("room", |event| texts(event, "members").len() == 3);
        one.line("/chat #sala");
    }
    [ana, bia, caio]
}

/// What was heard from someone in a room, in the order in which it was shown.
pub(crate) fn heard(events: &[Value], from: &str) -> Vec<String> {
    let messages = events.iter().filter(|event| is(event, "message") && text(event, "from") == from);
    messages.map(|event| text(event, "text").to_owned()).collect()
}

/// The ids of all messages among the events; none may be there twice.
#[track_caller]
pub(crate) fn ids_once(events: &[Value]) -> Vec<String> {
    let ids = events.iter().filter(|event| is(event, "message")).map(|event| text(event, "id").to_owned());
    let ids = ids.collect::<Vec<_>>();
    let distinct = ids.iter().collect::<BTreeSet<_>>();
    assert_eq!(distinct.len(), ids.len(), "a message was shown twice");
    ids
}

/// A line of someone's, with characters of one, two, three and four bytes, wide and narrow ones.
fn line(speaker: &str, number: usize) -> String {
    const WIDE: [&str; 4] = ["olá, você", "日本語の文字", "👩‍💻🎉", "plain"];
    format!("{speaker} {number} {}", WIDE[number % WIDE.len()])
}

#[test]
fn a_hundred_lines_of_each_of_three_reach_the_others_all_in_order_and_once() {
    let tracker = Tracker::start();
    let mut people = three_in_a_room(&tracker);
    for number in 0..LINES {
        for one in &mut people {
            let line = line(one.user(), number);
            one.line(&line);
        }
    }
    for one in &people {
        let said = one.wait_for_all("said", LINES, |_| true);
        one.wait_for_all("message", 2 * LINES, |event| text(event, "scope") == "room");
        let delivered = one.wait_for_all("delivered", 2 * LINES, |_| true);

        let events = one.events();
        assert!(events.iter().all(Value::is_object), "every line of the output is one event");
        for other in people.iter().filter(|other| other.user() != one.user()) {
            let lines = (0..LINES).map(|number| line(other.user(), number)).collect::<Vec<_>>();
            assert_eq!(heard(&events, other.user()), lines, "{} heard {}", one.user(), other.user());
            for said in &said {
                let receipts = delivered
                    .iter()
                    .filter(|receipt| text(receipt, "id") == text(said, "id") && text(receipt, "to") == other.user());
                assert_eq!(receipts.count(), 1, "one receipt of {} for {said}", other.user());
            }
        }
        ids_once(&events);
        assert!(events.iter().filter(|event| is(event, "message")).all(|event| text(event, "room") == "sala"));
    }
    for one in &mut people {
        assert_eq!(one.quit(), 0);
    }
}

#[test]
fn an_answer_is_never_shown_before_what_it_answers() {
    let tracker = Tracker::start();
    let [mut ana, mut bia, caio] = three_in_a_room(&tracker);
    for number in 0..30 {
        ana.line(&format!("question {number}"));
        bia.wait_message(&format!("question {number}"));
        bia.line(&format!("answer {number}"));
        ana.wait_message(&format!("answer {number}"));
    }
    caio.wait_for_all("message", 60, |_| true);
    let events = caio.events();
    let shown = events.iter().filter(|event| is(event, "message")).map(|event| text(event, "text"));
    let expected = (0..30).flat_map(|number| [format!("question {number}"), format!("answer {number}")]);
    assert_eq!(shown.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
}

#[test]
fn a_private_message_is_never_seen_by_the_third() {
    let tracker = Tracker::start();
    let [mut ana, mut bia, mut caio] = three_in_a_room(&tracker);
    ana.line("/msg bia só entre nós 🤫");
    let message = bia.wait_message("só entre nós 🤫");
    assert_eq!((text(&message, "from"), text(&message, "scope"), text(&message, "room")), ("ana", "private", ""));
    let said = ana.wait_for("said", |event| text(event, "text") == "só entre nós 🤫");
    assert_eq!(text(&said, "id"), text(&message, "id"));
    ana.wait_for("delivered", |event| text(event, "id") == text(&said, "id") && text(event, "to") == "bia");
    bia.line("/msg ana respondo só a ti");
    ana.wait_message("respondo só a ti");

    // What is said to all after it arrives; so it would have, too.
    for one in [&mut ana, &mut bia] {
        one.line("to everyone here");
    }
    caio.wait_for_all("message", 2, |event| text(event, "text") == "to everyone here");
    assert_eq!(caio.quit(), 0);
    let all = caio.process.story();
    assert!(!all.contains("entre nós") && !all.contains("respondo"), "caio saw what was not his:\n{all}");
}

#[test]
fn what_is_said_to_all_reaches_everyone_linked() {
    let tracker = Tracker::start();
    let [mut ana, bia, caio] = three_in_a_room(&tracker);
    ana.wait_linked("bia");
    ana.wait_linked("caio");
    ana.line("/all bom dia");
    for one in [&bia, &caio] {
        let message = one.wait_message("bom dia");
        assert_eq!((text(&message, "scope"), text(&message, "room")), ("all", ""));
    }
}

#[test]
fn a_slash_and_commands_can_be_said_and_unknown_commands_never_are() {
    let tracker = Tracker::start();
    let [mut ana, bia, _caio] = three_in_a_room(&tracker);
    ana.line("//quit is a command");
    bia.wait_message("/quit is a command");
    ana.line(r#"{"say":"/quit"}"#);
    bia.wait_message("/quit");
    ana.line(r#"{"say":"two\nlines"}"#);
    bia.wait_message("two\nlines");
    ana.line("/nonsense aloud");
    let complaint = ana.wait_for("error", |event| text(event, "text").contains("nonsense"));
    assert!(!text(&complaint, "code").is_empty());
    ana.line(r#"{"do":"/peers"}"#);
    ana.wait_for("peers", |_| true);
    ana.line("last");
    bia.wait_message("last");
    assert_eq!(heard(&bia.events(), "ana"), ["/quit is a command", "/quit", "two\nlines", "last"]);
}

#[test]
fn at_the_end_of_input_it_waits_until_all_is_acknowledged_and_ends_well() {
    let tracker = Tracker::start();
    let [mut ana, bia, caio] = three_in_a_room(&tracker);
    for number in 0..50 {
        ana.line(&format!("parting word {number}"));
    }
    ana.process.close_input();
    assert_eq!(ana.process.wait_code(), 0);
    let events = ana.events();
    assert_eq!(events.iter().filter(|event| is(event, "delivered")).count(), 100, "{}", ana.process.story());
    for one in [&bia, &caio] {
        one.wait_message("parting word 49");
        assert_eq!(heard(&one.events(), "ana").len(), 50);
    }
}
