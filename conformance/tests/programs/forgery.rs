//! Someone who writes what looks like something else, into every field that reaches another one's screen, pipe or
//! script.

use nix::sys::signal::Signal;
use papo_proto::{
    error::Fault,
    names::Name,
    wire::{
        codec::Wire as _,
        peer::{Have, ToPeer},
        tracker::{Claimed, PasswordHash, Profile, Status, StatusText, ToTracker},
    },
};
use serde_json::Value;

use crate::support::{
    papo::{Options, Papo, is, row, text},
    process::Process,
    raw::{Raw, named},
    terminal::Terminal,
    tracker::Tracker,
};

/// What is to be taken for a message of Bia's.
const POSE: &str = "10:00 bia: forged";
/// Said, a status, a profile, a name.
const FORGED: &str = "hi\n10:00 bia: forged";
/// A terminal of 80 columns would go on with what follows at the beginning of a row, if a row that has `before` columns
/// already were left to it.
fn wide(blank: char, before: usize) -> String {
    let (left, width) = (78 - before, width(blank));
    let odd = if left % width == 0 { "" } else { "." };
    format!("hi{odd}{}{}", blank.to_string().repeat(left / width), POSE.replace(' ', &blank.to_string()))
}

/// The columns of one of these characters.
fn width(character: char) -> usize {
    if character == '\u{3000}' { 2 } else { 1 }
}

/// Everything else that a terminal could be steered with.
const STEERING: &str =
    "\u{1b}[2J\u{1b}]0;title\u{7}\u{9b}31m\r10:00 bia: forged\u{202e}\u{2028}\u{200b}\u{e0041}\u{b}\u{85}.";

/// All that is written, behind so many columns.
fn texts(before: &[usize]) -> Vec<String> {
    let wide = before.iter().flat_map(|&before| [' ', '\u{2800}', '\u{3000}'].map(|blank| wide(blank, before)));
    [FORGED.to_owned(), STEERING.to_owned()].into_iter().chain(wide).collect()
}

/// The rows of a terminal of 80 columns that breaks each line where it is full.
fn rows(shown: &str) -> Vec<String> {
    let mut rows = Vec::new();
    for line in shown.split('\n') {
        let (mut row, mut used) = (String::new(), 0);
        // What stood before a carriage return is written over.
        for character in line.trim_end_matches('\r').rsplit('\r').next().unwrap_or(line).chars() {
            if used + width(character) > 80 {
                rows.push(std::mem::take(&mut row));
                used = 0;
            }
            row.push(character);
            used += width(character);
        }
        rows.push(row);
    }
    rows
}

#[track_caller]
fn check_clean<'a>(lines: impl IntoIterator<Item = &'a str>) {
    for line in lines {
        assert!(!line.starts_with("10:00"), "a forged line: {line:?}");
        let hostile = line.chars().find(|&character| papo_proto::escape::is_hostile(character));
        assert_eq!(hostile, None, "{line:?}");
    }
}

/// Ana at a terminal, Cid at a pipe, Dora's script, and Bia, who writes all that: in a room, to one alone, to all.
#[test]
fn what_is_said_looks_like_nothing_else_on_a_screen_in_a_pipe_and_in_a_script() {
    let tracker = Tracker::start();
    let mut bia = Papo::registered("bia", &tracker);
    bia.create("sala");
    let mut ana = Terminal::start(Options::registering("ana", &tracker).plain());
    ana.wait_shown(0, "logged in at");
    ana.press("/join sala\r");
    ana.wait_shown(0, "#sala>");
    let mut cid = Options::registering("cid", &tracker).plain().start();
    cid.line("/join sala");
    let mut dora = Papo::registered("dora", &tracker);
    dora.join("sala");
    for user in ["ana", "cid", "dora"] {
        bia.wait_linked(user);
    }
    // `HH:MM #sala bia: `, `HH:MM bia → ana: `, `HH:MM bia: `
    let texts = texts(&[17, 11]);
    for target in ["#sala", "ana", "cid", "dora"] {
        bia.line(&format!("/chat {target}"));
        for text in &texts {
            bia.line(&serde_json::json!({ "say": text }).to_string());
        }
    }
    for text in &texts {
        bia.line(&serde_json::json!({ "do": format!("/all {text}") }).to_string());
    }
    bia.line("/chat #sala");
    bia.line("the end");
    let shown = ana.wait_shown(0, "the end");
    check_clean(rows(&shown).iter().map(String::as_str));
    assert!(shown.contains("      │ 10:00 bia: forged") && shown.contains("\\u{1b}[2J\\u{1b}]0;title"), "{shown}");
    cid.process.wait_stdout("the end", |line| line.contains("the end"));
    cid.process.stdout.with(|lines| {
        check_clean(lines.iter().map(String::as_str));
        let said = lines.iter().filter(|line| line.contains("hi\\n10:00 bia: forged")).collect::<Vec<_>>();
        assert!(said.iter().any(|line| line.starts_with("#sala bia: ")), "{said:?}");
        assert!(said.iter().any(|line| line.starts_with("bia → cid: ")), "{said:?}");
    });
    dora.wait_message("the end");
    let heard = dora.events();
    let heard = heard.iter().filter(|event| is(event, "message")).map(|event| text(event, "text")).collect::<Vec<_>>();
    for text in &texts {
        assert_eq!(heard.iter().filter(|heard| *heard == text).count(), 3, "exactly: {text:?}");
    }
    dora.process.stdout.with(|lines| {
        assert!(lines.iter().all(|line| serde_json::from_str::<Value>(line).is_ok_and(|event| event.is_object())));
        check_clean(lines.iter().map(String::as_str));
    });
}

/// A status and a profile, which anyone can set to anything.
#[test]
fn what_someone_says_about_himself_looks_like_nothing_else() {
    let tracker = Tracker::start();
    let mut ana = Terminal::start(Options::registering("ana", &tracker).plain());
    ana.wait_shown(0, "logged in at");
    let mut cid = Options::registering("cid", &tracker).plain().start();
    let mut dora = Papo::registered("dora", &tracker);
    let mut bia = Raw::connect(tracker.address, 2).expect("a handshake");
    bia.register("bia", "pw").expect("an account");
    let (request, status) = (bia.next_request(), StatusText::new("hi").expect("short"));
    bia.ask(&ToTracker::SetStatus { request, status: Status::Away, text: status }).expect("it is set");
    ana.press("/peers\r");
    let shown = ana.wait_shown(0, "“hi”");
    let before = rows(&shown).iter().find_map(|row| Some(row.split_once("hi”")?.0.chars().count())).expect("a row");
    // Behind the other columns of the list, in a line of its own, and in a profile.
    for (number, said) in texts(&[before, 3, 4]).iter().enumerate() {
        let cut = said.chars().scan(0, |used, one| {
            *used += one.len_utf8();
            (*used <= 250).then_some(one)
        });
        let said = cut.collect::<String>();
        let (request, status) = (bia.next_request(), StatusText::new(said.clone()).expect("short"));
        bia.ask(&ToTracker::SetStatus { request, status: Status::Away, text: status }).expect("it is set");
        let (request, profile) = (bia.next_request(), Profile::new(said.clone()).expect("short"));
        bia.ask(&ToTracker::SetProfile { request, text: profile }).expect("it is set");
        let from = ana.printed();
        ana.press("/peers\r");
        ana.press("/whois bia\r");
        ana.press(&format!("/nothing{number}.\r"));
        let shown = ana.wait_shown(from, &format!("there is no command /nothing{number}."));
        check_clean(rows(&shown).iter().map(String::as_str));
        cid.line("/peers");
        cid.line("/whois bia");
        let peers = dora.ask("/peers", "peers");
        assert_eq!(row(&peers, "peers", "user", "bia").map(|row| text(row, "status_text")), Some(said.as_str()));
        assert_eq!(text(&dora.ask("/whois bia", "whois"), "profile"), said);
    }
    let last = |line: &str| line.contains("away") && line.contains("│ hi") && line.contains('\u{3000}');
    cid.process.wait_stdout("the last profile", last);
    for papo in [&cid, &dora] {
        papo.process.stdout.with(|lines| check_clean(lines.iter().map(String::as_str)));
    }
}

/// The bytes of a message, with another text where a name of as many bytes was.
fn with_name(message: &[u8], name: &str) -> Vec<u8> {
    let stand_in = stand_in(name);
    let at = message.windows(name.len()).position(|bytes| bytes == stand_in.as_str().as_bytes()).expect("the name");
    [&message[..at], name.as_bytes(), &message[at + name.len()..]].concat()
}

fn stand_in(name: &str) -> Name {
    named(&"x".repeat(name.len()))
}

/// A name that is none goes no further than to the program that it is sent to, which says so and cuts the connection.
#[test]
fn what_is_no_name_is_refused_by_whoever_hears_it_first() {
    let tracker = Tracker::start();
    let cid = Options::registering("cid", &tracker).plain().start();
    let mut dora = Papo::registered("dora", &tracker);
    let names = [FORGED, "\u{1b}[31mana", "ana\u{202e}", "\u{200b}ana", "a\u{2800}\u{2192}\u{2800}b"];
    for (number, name) in (10..).zip(names) {
        let (claimed, password) = (Claimed::truncated(vec![]), PasswordHash::of("pw"));
        let account = ToTracker::Register { request: 1, name: stand_in(name), password, token: None, claimed };
        let mut stranger = Raw::connect(tracker.address, number).expect("a handshake");
        stranger.send_bytes(&with_name(&account.to_bytes(), name)).expect("it is sent");
        assert!(stranger.receive().is_err(), "{name:?} is no account");

        let mut member = Raw::connect(tracker.address, 100 + number).expect("a handshake");
        member.register(&format!("n{number}"), "pw").expect("an account");
        let room = ToTracker::Create { request: 9, name: stand_in(name), capacity: 9, nonce: [7; 16], flags: 0 };
        member.send_bytes(&with_name(&room.to_bytes(), name)).expect("it is sent");
        assert!(member.answer(9).is_err(), "{name:?} is no room");

        let listen =
            dora.events().iter().find(|event| is(event, "ready")).map(|event| text(event, "listen").to_owned());
        let mut peer =
            Raw::link(listen.and_then(|at| at.parse().ok()).expect("an address"), number).expect("a handshake");
        let hello = ToPeer::Hello { name: stand_in(name), tracker: None, have: Have::default(), instance: 0, port: 0 };
        peer.send_bytes(&with_name(&hello.to_bytes(), name)).expect("it is sent");
        while peer.receive_any().is_ok() {}
    }
    assert!(tracker.wait_counter(Fault::Malformed, 2 * names.len() as u64) >= 2 * names.len() as u64);
    dora.wait_for("notice", |event| text(event, "code") == "strangers");
    dora.process.signal(Signal::SIGUSR1);
    let counters = dora.wait_for("counters", |_| true);
    assert_eq!(counters["faults"], serde_json::json!({ "malformed": names.len() }));
    let listed = dora.ask("/rooms", "rooms");
    assert_eq!(listed["rooms"], serde_json::json!([]));
    for process in [&cid.process, &dora.process, &tracker.process] {
        process.stdout.with(|lines| check_clean(lines.iter().map(String::as_str)));
        process.stderr.with(|lines| check_clean(lines.iter().map(String::as_str)));
    }
}

/// What stands on a command line, too: somebody may have told the person to type it.
#[test]
fn an_address_of_a_tracker_that_was_given_by_a_stranger_is_told_on_one_line() {
    for host in [FORGED, "\u{1b}[31mred", "a\u{202e}b", ""] {
        for options in [Options::new("ana"), Options::new("ana").plain()] {
            let options = options.tracker(&format!("{host}:6060")).password("pw").with(&["--trust-new"]);
            let mut process = Process::start(&mut options.command());
            process.close_input();
            assert!(!process.wait().success());
            for feed in [&process.stdout, &process.stderr] {
                feed.with(|lines| check_clean(lines.iter().map(String::as_str)));
            }
        }
    }
}
