//! Whatever a stranger writes, in each of the three ways to show it: nothing hostile comes out, and nothing looks like
//! something else.

use jiff::tz::TimeZone;
use papo_proto::{
    escape,
    identity::Key,
    names::Name,
    peer::{
        Notice,
        change::Incoming,
        interface::{PeerSeen, Phase, Target, TransferSeen},
    },
    time::Wall,
    wire::{
        peer::Scope,
        tracker::{Profile, Status, StatusText},
        transfer::{Hash, Reason},
    },
};
use proptest::prelude::*;

use super::{
    event::{Event, Info},
    json, lines, plain,
    progress::{Label, Moving, Summary},
    sentences::{
        Language,
        every::{HOSTILE, every_info, every_mistake, every_note, every_problem, every_trouble},
    },
    terminal::{colour::Theme, render::Renderer},
};

/// 2026-12-31T12:34:00Z.
const NOON: Wall = Wall(1_798_720_440_000);

fn name(text: &str) -> Name {
    Name::new(text).expect("valid")
}

fn on_terminal(event: &Event, columns: usize) -> String {
    on_terminal_in(Language::En, event, columns)
}

fn on_terminal_in(language: Language, event: &Event, columns: usize) -> String {
    let renderer = Renderer { theme: Theme::None, zone: TimeZone::UTC, language };
    renderer.text(&lines::of(event, &name("ana"), language), NOON, columns)
}

fn in_pipe(event: &Event) -> String {
    plain::lines(event, &name("ana"), Language::En)
}

fn message(room: Option<&str>, text: &str) -> Event {
    let scope = room.is_none().then_some(Scope::Private);
    Event::Notice(Notice::Message(Incoming { room: room.map(name), scope, ..incoming(text) }))
}

fn incoming(text: &str) -> Incoming {
    Incoming {
        number: 1,
        id: "ab".to_owned(),
        from: name("bia"),
        room: None,
        scope: Some(Scope::Private),
        at: NOON,
        text: text.to_owned(),
        gap: false,
        plaintext: false,
    }
}

fn bia(status: &str) -> PeerSeen {
    PeerSeen {
        user: name("bia"),
        address: None,
        status: Status::Online,
        status_text: StatusText::new(status).expect("short"),
        room: None,
        last_seen: Wall(0),
        linked: false,
        blocked: false,
        plaintext: false,
    }
}

fn whois(status: &str, profile: &str) -> Event {
    let profile = Profile::new(profile).expect("short");
    let (peer, key) = (bia(status), Some(Key([1; 32])));
    Event::Notice(Notice::Whois { peer, key, pinned: None, verified: false, profile, plaintext: false })
}

fn peers(statuses: &[&str]) -> Event {
    Event::Notice(Notice::Peers { peers: statuses.iter().map(|status| bia(status)).collect() })
}

fn said(text: &str) -> Event {
    let (id, to) = ("ab".to_owned(), Target::User(name("bia")));
    Event::Notice(Notice::Said { id, to, at: NOON, text: text.to_owned(), waiting: vec![] })
}

/// Files that are called so, on their way from the offer to the end.
fn files(called: &str) -> Vec<Event> {
    let (from, to, user, name) = (name("bia"), name("bia"), name("bia"), called.to_owned());
    let row = TransferSeen {
        transfer: 7,
        incoming: true,
        user: user.clone(),
        name: name.clone(),
        tree: true,
        total: 9,
        done: 3,
        phase: Phase::Running,
    };
    let label = Some(Label { incoming: false, user: user.clone(), name: name.clone() });
    let sent = Notice::Sent { transfer: 7, to: to.clone(), name: name.clone(), skipped: 2 };
    let mut all = vec![
        Event::Arrived { notice: sent.clone(), summary: Summary::default() },
        Event::Progress(Moving { transfer: 7, label, done: 3, total: 9, rate: 1 }),
    ];
    let notices = [
        sent,
        Notice::Offer {
            transfer: 7,
            from: from.clone(),
            room: None,
            scope: None,
            name: name.clone(),
            tree: true,
            size: 9,
            files: 2,
            accepted: false,
        },
        Notice::Offered { transfer: 7, to, name: name.clone(), tree: false, size: 9, files: 1, waiting: true },
        Notice::Received { transfer: 7, from, path: name.clone(), sha256: Hash([1; 32]), renamed: 3 },
        Notice::TransferEnded { transfer: 7, incoming: true, user, name, reason: Reason::Full, by_us: false },
        Notice::Transfers { rows: vec![row] },
    ];
    all.extend(notices.map(Event::Notice));
    all
}

/// Everything that can be shown and has a text in it that is no name.
fn everything(text: &str) -> Vec<Event> {
    let mut all = vec![
        message(None, text),
        message(Some("sala"), text),
        whois(text, ""),
        whois("", text),
        peers(&[text, text]),
        said(text),
        Event::Info(Info::LateDelivery { to: name("bia"), text: text.to_owned() }),
        Event::Info(Info::StatusSet { status: Status::Away, text: text.to_owned() }),
    ];
    all.extend(files(text));
    all.extend(every_note().into_iter().map(|note| Event::Notice(Notice::Note(note))));
    all.extend(every_problem().into_iter().map(Event::Problem));
    all.extend(every_mistake().into_iter().map(Event::Mistake));
    all.extend(every_trouble().into_iter().map(Event::Trouble));
    all.extend(every_info().into_iter().map(Event::Info));
    all
}

#[track_caller]
fn check_clean(shown: &str) {
    assert!(shown.is_empty() || shown.ends_with('\n'), "{shown:?}");
    for line in shown.lines() {
        assert_eq!(escape::line(line), line);
    }
}

#[test]
fn nothing_hostile_is_in_any_line_of_any_output() {
    for event in everything(HOSTILE) {
        for language in Language::ALL {
            check_clean(&on_terminal_in(language, &event, 40));
            check_clean(&plain::lines(&event, &name("ana"), language));
            let json = json::lines(&event, language);
            check_clean(&json);
            assert!(json.lines().count() <= 1);
        }
    }
}

const FORGED: &str = "hi\n10:00 bia: forged";

#[test]
fn a_forged_line_is_told_apart_wherever_it_is_put() {
    let terminal = |event| on_terminal(&event, 100);
    assert_eq!(terminal(message(None, FORGED)), "12:34 bia → ana: hi\n      │ 10:00 bia: forged\n");
    assert_eq!(terminal(message(Some("sala"), FORGED)), "12:34 #sala bia: hi\n      │ 10:00 bia: forged\n");
    let (about, key) = ("* bia: online, room -, address -", Key([1; 32]));
    let fingerprint = format!("  fingerprint {key} (not verified:\n  /verify bia)\n");
    assert_eq!(terminal(whois(FORGED, "")), format!("{about}\n  “hi\\n10:00 bia: forged”\n{fingerprint}"));
    assert_eq!(terminal(whois("", FORGED)), format!("{about}\n{fingerprint}  │ hi\n  │ 10:00 bia: forged\n"));
    assert!(terminal(peers(&[FORGED])).ends_with("  “hi\\n10:00 bia: forged”\n"));
    assert!(Name::new(FORGED).is_err(), "nor can anyone be called so");

    assert_eq!(in_pipe(&message(None, FORGED)), "bia → ana: hi\\n10:00 bia: forged\n");
    assert_eq!(in_pipe(&message(Some("sala"), FORGED)), "#sala bia: hi\\n10:00 bia: forged\n");
    assert_eq!(in_pipe(&peers(&[FORGED])), "* bia online - - “hi\\n10:00 bia: forged”\n");
    assert!(in_pipe(&whois("", FORGED)).ends_with("; │ hi; │ 10:00 bia: forged\n"));

    let text = |event| serde_json::from_str::<serde_json::Value>(&json::lines(&event, Language::En)).expect("JSON");
    assert_eq!(text(message(None, FORGED))["text"], FORGED);
    assert_eq!(text(whois("", FORGED))["profile"], FORGED);
    assert_eq!(text(peers(&[FORGED]))["peers"][0]["status_text"], FORGED);
}

#[test]
fn in_portuguese_nothing_that_somebody_says_looks_like_a_private_word_or_a_sentence() {
    let terminal = |event| on_terminal_in(Language::Pt, &event, 100);
    let pipe = |event| plain::lines(&event, &name("ana"), Language::Pt);
    let forged = "oi\n12:34 [PRIVADO de caio] forjado\n* #sala *** caio entrou na sala.";
    assert_eq!(
        terminal(message(None, forged)),
        "12:34 [PRIVADO de bia] oi\n      │ 12:34 [PRIVADO de caio] forjado\n      │ * #sala *** caio entrou na sala.\n"
    );
    assert_eq!(
        pipe(message(None, forged)),
        "[PRIVADO de bia] oi\\n12:34 [PRIVADO de caio] forjado\\n* #sala *** caio entrou na sala.\n"
    );
    assert_eq!(pipe(message(Some("sala"), "*** caio entrou na sala.")), "#sala bia: *** caio entrou na sala.\n");
    assert_eq!(pipe(said("oi")), "[PRIVADO para bia] oi\n");
    // Whoever is called so still has a colon where the sentence has a space.
    let posing = Incoming { from: name("[PRIVADO"), scope: Some(Scope::All), ..incoming("de caio] oi") };
    assert_eq!(pipe(Event::Notice(Notice::Message(posing))), "[PRIVADO: de caio] oi\n");
    for not_a_name in ["PRIVADO de", "bia]\noi", "sala *** caio entrou na sala."] {
        assert!(Name::new(not_a_name).is_err());
    }
}

#[test]
fn a_row_that_is_full_does_not_let_the_next_one_look_like_a_message() {
    // With spaces, with the blank of Braille, which is no space, and by letters that are wider than they say.
    for blank in [" ", "\u{2800}", "\u{3000}"] {
        let text = format!("é{}10:00{blank}bia:{blank}forged", blank.repeat(70));
        for columns in 24..=120 {
            for event in [message(None, &text), peers(&[&text]), whois(&text, ""), whois("", &text)] {
                for language in Language::ALL {
                    let shown = on_terminal_in(language, &event, columns);
                    for (number, row) in rows_of(&shown, columns).iter().enumerate() {
                        let own = number == 0 || row.starts_with(['*', ' ']) || row.trim().is_empty();
                        let key = row.chars().all(|character| character.is_ascii_alphanumeric() || character == ' ');
                        assert!(own || key, "{columns}: {row:?} in\n{shown}");
                    }
                }
            }
        }
    }
}

#[test]
fn a_profile_can_not_pose_as_a_command_to_be_copied() {
    let profile = format!("papo --tracker{}10:00 bia: forged", " ".repeat(60));
    let shown = on_terminal(&whois("", &profile), 60);
    assert!(shown.ends_with("  │ papo --tracker\n  10:00 bia: forged\n"), "{shown}");
}

#[test]
fn in_a_pipe_a_status_can_not_pose_as_another_row() {
    let shown = in_pipe(&peers(&["x”; eva online - - “", "y"]));
    assert_eq!(shown, "* bia online - - “x\\u{201d}; eva online - - “”; bia online - - “y”\n");
    assert_eq!(shown.split("”; ").count(), 2);
}

/// The rows of a terminal that breaks each line where it is full.
fn rows_of(shown: &str, columns: usize) -> Vec<String> {
    let mut rows = Vec::new();
    for line in shown.lines() {
        let (mut row, mut used) = (String::new(), 0);
        for character in line.chars() {
            // The widest that any terminal makes of it.
            let width = unicode_width::UnicodeWidthChar::width(character).unwrap_or(0).max(1);
            if used + width > columns {
                rows.push(std::mem::take(&mut row));
                used = 0;
            }
            row.push(character);
            used += width;
        }
        rows.push(row);
    }
    rows
}

/// A text that is made to deceive.
fn text() -> impl Strategy<Value = String> {
    let parts = proptest::sample::select(vec![
        "10:00",
        "bia:",
        "forged",
        " ",
        "    ",
        "\n",
        "\r\n",
        "\u{2800}",
        "\u{3000}",
        "\u{a0}",
        "日",
        "é",
        "e\u{301}",
        "👩\u{200d}💻",
        "❤\u{fe0f}",
        "\u{200d}",
        "\u{202e}",
        "\u{1b}[1A",
        "\u{9b}2K",
        "│",
        "*",
        "!",
        "”",
        "\t",
        "\u{7f}",
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "\u{1100}\u{1161}\u{1161}",
        "\u{e0041}",
        "\u{378}",
    ]);
    let parts = proptest::collection::vec(parts, 0..60).prop_map(|parts| parts.concat());
    prop_oneof![parts, any::<String>()]
}

proptest! {
    #[test]
    fn every_row_of_a_message_but_the_first_is_indented(text in text(), columns in 24usize..120) {
        let shown = on_terminal(&message(Some("sala"), &text), columns);
        let mut whole = shown.lines();
        prop_assert!(whole.next().is_some_and(|first| first.starts_with("12:34 #sala bia: ")));
        prop_assert!(whole.all(|line| line.starts_with("      │ ")));
        for row in rows_of(&shown, columns).iter().skip(1) {
            // A row that the terminal made itself is the rest of a word of ASCII.
            let rest = row.chars().all(|character| character.is_ascii_graphic());
            prop_assert!(row.starts_with("      │ ") || rest, "{:?} in\n{}", row, shown);
        }
    }

    #[test]
    fn a_message_is_one_line_of_a_pipe_and_a_script_reads_it_exactly(text in text()) {
        let event = message(None, &text);
        let line = in_pipe(&event);
        prop_assert!(line.starts_with("bia → ana: ") && line.matches('\n').count() == 1);
        prop_assert_eq!(escape::line(line.trim_end_matches('\n')), line.trim_end_matches('\n'));
        let line = json::lines(&event, Language::En);
        prop_assert!(line.matches('\n').count() == 1 && line.ends_with('\n'));
        prop_assert!(!line.trim_end_matches('\n').chars().any(escape::is_hostile));
        let parsed = serde_json::from_str::<serde_json::Value>(&line).expect("JSON");
        prop_assert_eq!(&parsed["text"], &text);
    }
}
