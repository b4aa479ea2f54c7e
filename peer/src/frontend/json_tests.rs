//! What scripts rely on: events, their fields, and that nothing hostile stands in a line.

use papo_proto::{
    error::{Counters, Fault},
    identity::Key,
    machine::Refusal,
    names::Name,
    peer::{Note, Problem, interface::Phase},
    wire::{
        tracker::{Failure, Profile, Status, StatusText},
        transfer::{Hash, Reason},
    },
};
use papo_runtime_mio::Stats;

use super::*;
use crate::frontend::{
    commands::{Mistake, Verb},
    event::Trouble,
    progress::Summary,
};

fn name(text: &str) -> Name {
    Name::new(text).expect("valid")
}

fn names(texts: &[&str]) -> Vec<Name> {
    texts.iter().map(|text| name(text)).collect()
}

fn bia() -> PeerSeen {
    PeerSeen {
        user: name("bia"),
        address: Some(([10, 0, 0, 2], 6061).into()),
        status: Status::Away,
        status_text: StatusText::new("lunch").expect("short"),
        room: Some(name("sala")),
        last_seen: Wall(1_798_761_599_000),
        linked: true,
        blocked: false,
        plaintext: false,
    }
}

const BIA: &str = r#"{"user":"bia","address":"10.0.0.2:6061","status":"away","status_text":"lunch","room":"sala",
    "last_seen":"2026-12-31T23:59:59.000Z","linked":true,"blocked":false,"plaintext":false}"#;

#[track_caller]
fn check(event: &Event, expected: &str) {
    let line = lines(event, Language::En);
    assert!(line.starts_with("{\"event\":") && line.ends_with('\n') && line.lines().count() == 1, "{line}");
    let parsed = serde_json::from_str::<Value>(&line).expect("JSON");
    assert_eq!(parsed, serde_json::from_str::<Value>(expected).expect("JSON"), "{line}");
}

fn incoming(text: &str) -> Incoming {
    Incoming {
        number: 3,
        id: "ab".to_owned(),
        from: name("bia"),
        room: None,
        scope: Some(Scope::Private),
        at: Wall(0),
        text: text.to_owned(),
        gap: false,
        plaintext: false,
    }
}

#[test]
fn each_notice_has_the_names_and_fields_that_scripts_rely_on() {
    let key = Key([0xab; 32]);
    let fingerprint = "ab".repeat(32);
    let address = ([10, 0, 0, 2], 6061).into();
    let all = [
        (
            Notice::Ready { user: name("ana"), listen: ([0, 0, 0, 0], 6061).into(), key },
            format!(r#"{{"event":"ready","user":"ana","listen":"0.0.0.0:6061","fingerprint":"{fingerprint}"}}"#),
        ),
        (
            Notice::LoggedIn { user: name("ana"), tracker: "t:6060".to_owned() },
            r#"{"event":"logged_in","user":"ana","tracker":"t:6060"}"#.to_owned(),
        ),
        (Notice::LoggedOut, r#"{"event":"logged_out"}"#.to_owned()),
        (Notice::Peers { peers: vec![bia()] }, format!(r#"{{"event":"peers","peers":[{BIA}]}}"#)),
        (
            Notice::Users { room: Some(name("sala")), users: vec![bia()] },
            format!(r#"{{"event":"users","room":"sala","users":[{BIA}]}}"#),
        ),
        (
            Notice::Rooms {
                rooms: vec![RoomSeen {
                    room: name("sala"),
                    owner: name("ana"),
                    members: names(&["ana", "bia"]),
                    capacity: 32,
                    plaintext: false,
                    joined: true,
                }],
            },
            r#"{"event":"rooms","rooms":[{"room":"sala","owner":"ana","members":["ana","bia"],"capacity":32,
                "plaintext":false,"joined":true}]}"#
                .to_owned(),
        ),
        (
            Notice::Room { room: name("sala"), what: RoomEvent::Evicted, user: name("bia"), members: names(&["ana"]) },
            r#"{"event":"room","room":"sala","what":"evicted","user":"bia","members":["ana"]}"#.to_owned(),
        ),
        (
            Notice::Peer { what: PeerEvent::Linked, user: name("bia"), address: Some(address), plaintext: false },
            r#"{"event":"peer","what":"linked","user":"bia","address":"10.0.0.2:6061","plaintext":false}"#.to_owned(),
        ),
        (
            Notice::Peer { what: PeerEvent::Lost, user: name("bia"), address: None, plaintext: false },
            r#"{"event":"peer","what":"lost","user":"bia","address":null,"plaintext":false}"#.to_owned(),
        ),
        (
            Notice::Said {
                id: "ab".to_owned(),
                to: Target::Room(name("sala")),
                at: Wall(0),
                text: "oi".to_owned(),
                waiting: names(&["bia"]),
            },
            r#"{"event":"said","id":"ab","text":"oi","scope":"room","room":"sala","to":null,"at":null,
                "waiting":["bia"]}"#
                .to_owned(),
        ),
        (
            Notice::Message(incoming("oi")),
            r#"{"event":"message","id":"ab","from":"bia","room":null,"scope":"private","text":"oi","at":null,
                "gap":false}"#
                .to_owned(),
        ),
        (
            Notice::Message(Incoming { scope: Some(Scope::All), at: Wall(1), gap: true, ..incoming("oi") }),
            r#"{"event":"message","id":"ab","from":"bia","room":null,"scope":"all","text":"oi",
                "at":"1970-01-01T00:00:00.001Z","gap":true}"#
                .to_owned(),
        ),
        (
            Notice::Message(Incoming { scope: Some(Scope::All), plaintext: true, ..incoming("oi") }),
            r#"{"event":"message","id":"ab","from":"bia","room":null,"scope":"all","text":"oi","at":null,
                "gap":false,"plaintext":true}"#
                .to_owned(),
        ),
        (
            Notice::Message(Incoming { scope: None, room: Some(name("sala")), ..incoming("oi") }),
            r#"{"event":"message","id":"ab","from":"bia","room":"sala","scope":"room","text":"oi","at":null,
                "gap":false}"#
                .to_owned(),
        ),
        (
            Notice::Delivered { id: "ab".to_owned(), to: name("bia") },
            r#"{"event":"delivered","id":"ab","to":"bia"}"#.to_owned(),
        ),
        (
            Notice::Digits { user: name("bia"), digits: "00000 11111".to_owned() },
            r#"{"event":"verify","user":"bia","digits":"00000 11111"}"#.to_owned(),
        ),
        (
            Notice::Pinged { user: name("bia"), us: 150_250 },
            r#"{"event":"latency","target":"bia","status":"slow","ms":150.25}"#.to_owned(),
        ),
        (
            Notice::Note(Note::Replaced),
            format!(
                r#"{{"event":"notice","code":"replaced","text":"{}"}}"#,
                sentences::note(Language::En, &Note::Replaced)
            ),
        ),
        (
            Notice::Failed(Problem::NotLoggedIn),
            format!(
                r#"{{"event":"error","code":"not_logged_in","text":"{}"}}"#,
                sentences::problem(Language::En, &Problem::NotLoggedIn)
            ),
        ),
        (
            Notice::Whois {
                peer: bia(),
                key: Some(key),
                pinned: None,
                verified: true,
                profile: Profile::new("cello").expect("short"),
                plaintext: false,
            },
            BIA.replace(
                "{\"user\"",
                &format!(
                    r#"{{"event":"whois","fingerprint":"{fingerprint}","pinned":null,"verified":true,"profile":"cello",
                        "plaintext":false,"user""#
                ),
            ),
        ),
    ];
    for (notice, expected) in all {
        check(&Event::Notice(notice), &expected);
    }
}

#[test]
fn files_have_the_events_that_scripts_rely_on() {
    let check = |notice, expected| check(&Event::Notice(notice), expected);
    let (bia, film) = (|| name("bia"), || "film.mkv".to_owned());
    check(
        Notice::Offer {
            transfer: 7,
            from: bia(),
            room: None,
            scope: Some(Scope::All),
            name: film(),
            tree: false,
            size: 9,
            files: 1,
            accepted: false,
        },
        r#"{"event":"offer","transfer":7,"from":"bia","name":"film.mkv","size":9,"files":1,"directory":false,
            "room":null,"scope":"all","accepted":false}"#,
    );
    check(
        Notice::Offered { transfer: 8, to: bia(), name: film(), tree: true, size: 9, files: 2, waiting: true },
        r#"{"event":"offered","transfer":8,"to":"bia","name":"film.mkv","directory":true,"size":9,"files":2,
            "waiting":true}"#,
    );
    let progress = r#"{"event":"progress","transfer":7,"done":3,"total":9}"#;
    check(Notice::Progress { transfer: 7, done: 3, total: 9 }, progress);
    let sha256 = Hash([0xab; 32]);
    let received = || Notice::Received { transfer: 7, from: bia(), path: "/r/film.mkv".to_owned(), sha256, renamed: 0 };
    let expected = format!(
        r#"{{"event":"received","transfer":7,"path":"/r/film.mkv","sha256":"{}","from":"bia","renamed":0}}"#,
        "ab".repeat(32)
    );
    check(received(), &expected);
    super::tests::check(&Event::Arrived { notice: received(), summary: Summary::default() }, &expected);
    let sent = r#"{"event":"sent","transfer":8,"to":"bia","name":"film.mkv","skipped":2}"#;
    check(Notice::Sent { transfer: 8, to: bia(), name: film(), skipped: 2 }, sent);
    check(
        Notice::TransferEnded {
            transfer: 7,
            incoming: true,
            user: bia(),
            name: film(),
            reason: Reason::Rejected,
            by_us: true,
        },
        r#"{"event":"transfer_ended","transfer":7,"incoming":true,"user":"bia","name":"film.mkv",
            "reason":"rejected","by_us":true,"text":"transfer 7 of “film.mkv” from bia ended: you rejected it"}"#,
    );
    let phase = Phase::Paused { here: false, there: true };
    let row =
        TransferSeen { transfer: 7, incoming: true, user: bia(), name: film(), tree: false, total: 9, done: 3, phase };
    check(
        Notice::Transfers { rows: vec![row] },
        r#"{"event":"transfers","transfers":[{"transfer":7,"incoming":true,"user":"bia","name":"film.mkv",
            "directory":false,"done":3,"total":9,"state":"paused there"}]}"#,
    );
}

#[test]
fn every_error_has_a_text_and_a_code() {
    let events = [
        (Event::Problem(Problem::Tracker { failure: Failure::BadCredentials }), "bad_credentials"),
        (Event::Mistake(Mistake::Usage(Verb::Join)), "usage"),
        (Event::Trouble(Trouble::NotUtf8), "not_utf8"),
        (
            Event::Notice(Notice::ListenRefused { listen: ([0, 0, 0, 0], 80).into(), reason: Refusal::Denied }),
            "listen_refused",
        ),
    ];
    for (event, code) in events {
        let parsed = serde_json::from_str::<Value>(&lines(&event, Language::En)).expect("JSON");
        assert_eq!((parsed["event"].as_str(), parsed["code"].as_str()), (Some("error"), Some(code)));
        assert!(parsed["text"].as_str().is_some_and(|text| !text.is_empty()));
    }
}

#[test]
fn counters_have_what_the_reactor_refused_too() {
    let mut counters = Counters::default();
    counters.count(Fault::Malformed);
    let stats = Stats { turned_away: 7, crowded_out: 2, ..Stats::default() };
    check(
        &Event::Counters { counters, links: 1, unacknowledged: 3, stats },
        r#"{"event":"counters","links":1,"unacknowledged":3,"faults":{"malformed":1},"turned_away":7,"crowded_out":2}"#,
    );
}

#[test]
fn an_unanswered_ping_is_a_measurement_too() {
    check(&Event::Inactive(name("bia")), r#"{"event":"latency","target":"bia","status":"inactive","ms":null}"#);
}

#[test]
fn a_script_reads_exactly_what_was_said_and_no_hostile_character_stands_in_the_line() {
    let hostile = "a\u{1b}[31m\u{9b}1m\u{202e}b\u{2028}c\nd\re\u{e0041}\u{7f}\"\\ 日本 👩\u{200d}💻";
    let line = lines(&Event::Notice(Notice::Message(incoming(hostile))), Language::En);
    assert!(!line.trim_end_matches('\n').chars().any(escape::is_hostile), "{line}");
    let parsed = serde_json::from_str::<Value>(&line).expect("JSON");
    assert_eq!(parsed["text"], hostile);
}

#[test]
fn what_the_frontend_answers_itself_is_not_told_to_scripts() {
    let silent = [
        Notice::Outcome { token: 1, problem: None },
        Notice::PasswordNeeded { user: name("ana"), tracker: "t:1".to_owned() },
        Notice::UnknownTracker { tracker: "t:1".to_owned(), key: Key([1; 32]) },
        Notice::Stopped { unacknowledged: 0 },
    ];
    for notice in silent {
        assert_eq!(lines(&Event::Notice(notice), Language::En), "");
    }
}

#[test]
fn the_text_of_a_notice_or_an_error_follows_the_language_and_nothing_else_does() {
    let parsed = |event: &Event, language| serde_json::from_str::<Value>(&lines(event, language)).expect("JSON");
    let whole = |event| Event::Notice(event);
    for event in [
        Event::Problem(Problem::NotLoggedIn),
        Event::Mistake(Mistake::Usage(Verb::Join)),
        Event::Trouble(Trouble::NotUtf8),
        Event::Info(Info::GoesOn),
        whole(Notice::Note(Note::Replaced)),
        whole(Notice::Stopped { unacknowledged: 2 }),
    ] {
        let (mut en, mut pt) = (parsed(&event, Language::En), parsed(&event, Language::Pt));
        assert_ne!(en["text"].take(), pt["text"].take());
        assert_eq!(en, pt, "but for the text");
    }
    for event in [Notice::Peers { peers: vec![bia()] }, Notice::Message(incoming("oi"))] {
        let event = whole(event);
        assert_eq!(lines(&event, Language::En), lines(&event, Language::Pt));
    }
}
