//! What a frontend decides, as transcripts of inputs and effects in words.

use std::net::SocketAddr;

use papo_proto::{
    machine::Refusal,
    peer::{
        Note,
        interface::{PeerEvent, PeerSeen},
    },
    time::Wall,
};

use super::{super::sentences::Language, *};

fn name(text: &str) -> Name {
    Name::new(text).expect("valid")
}

fn listen() -> SocketAddr {
    ([127, 0, 0, 1], 6061).into()
}

fn host_refused() -> Event {
    Event::Trouble(Trouble::HostRefused { address: "0.0.0.0:6060".to_owned(), reason: Refusal::AddressInUse })
}

fn setup(terminal: bool, tracker: bool) -> Setup {
    let paths = Paths { start: "/srv".into(), home: Some("/home/ana".into()) };
    Setup {
        terminal,
        json: !terminal,
        me: name("ana"),
        tracker,
        password: None,
        token: None,
        register: false,
        registering: false,
        paths,
    }
}

/// A session, and what it does in words.
struct Played {
    session: Session,
}

impl Played {
    fn new(setup: Setup) -> Self {
        Self { session: Session::new(setup) }
    }

    fn pipe() -> Self {
        let mut played = Self::new(setup(false, false));
        played.notice(ready());
        played
    }

    fn terminal() -> Self {
        let mut played = Self::new(setup(true, true));
        played.notice(ready());
        played.notice(logged_in());
        // Names for completion, which it asks for by itself.
        assert_eq!(std::mem::take(&mut played.session.pending).len(), 3);
        played.session.lists.clear();
        played.session.tokens = 0;
        played
    }

    fn input(&mut self, input: Input) -> Vec<String> {
        self.session.handle(input).iter().map(word).collect()
    }

    fn notice(&mut self, notice: Notice) -> Vec<String> {
        self.input(Input::Notice(notice))
    }

    fn line(&mut self, text: &str) -> Vec<String> {
        self.input(Input::Line { text: text.to_owned(), prompt: None })
    }

    fn outcome(&mut self, token: u64, problem: Option<Problem>) -> Vec<String> {
        self.notice(Notice::Outcome { token, problem })
    }

    /// Joins a room, and is in it.
    fn join(&mut self, room: &str) {
        self.line(&format!("/join {room}"));
        let token = self.session.tokens;
        self.outcome(token, None);
    }
}

fn ready() -> Notice {
    Notice::Ready { user: name("ana"), listen: listen(), key: Key([1; 32]) }
}

fn logged_in() -> Notice {
    Notice::LoggedIn { user: name("ana"), tracker: "t:6060".to_owned() }
}

fn word(effect: &Effect) -> String {
    match effect {
        Effect::Show(Event::Notice(notice)) => {
            let debug = format!("{notice:?}");
            format!("show {}", debug.split([' ', '(']).next().unwrap_or_default())
        }
        Effect::Show(Event::Arrived { .. } | Event::Progress(_) | Event::Counters { .. } | Event::Relay(_)) => {
            unreachable!("the session makes none")
        }
        Effect::Show(Event::Problem(problem)) => format!("error {}", problem.code()),
        Effect::Show(Event::Mistake(mistake)) => format!("error {}", mistake.code()),
        Effect::Show(Event::Trouble(trouble)) => format!("error {}", trouble.code()),
        Effect::Show(Event::Inactive(user)) => format!("inactive {user}"),
        Effect::Show(Event::Info(info)) => format!("info: {}", sentences::info(Language::En, info)[0]),
        Effect::Tell(Command::Ask { token, request }) => format!("ask {token} {request:?}"),
        Effect::Tell(command) => format!("tell {command:?}"),
        Effect::Learn(_) => "learn".to_owned(),
        Effect::Next => "next".to_owned(),
        Effect::Prompt(Prompt::Chat(target)) => format!("prompt {}", sentences::target(Language::En, target)),
        Effect::Prompt(Prompt::Password { again, .. }) => {
            format!("prompt password{}", if *again { " again" } else { "" })
        }
        Effect::Prompt(Prompt::Confirm { .. }) => "prompt confirm".to_owned(),
        Effect::Leave(code) => format!("leave {code}"),
        Effect::Abandon(code) => format!("abandon {code}"),
    }
}

#[test]
fn in_a_pipe_lines_wait_until_it_is_ready_and_logged_in() {
    let mut alone = Played::new(setup(false, false));
    assert_eq!(alone.notice(ready()), ["show Ready", "next"]);
    let mut tracked = Played::new(setup(false, true));
    assert_eq!(tracked.notice(ready()), ["show Ready"]);
    assert_eq!(tracked.notice(logged_in()), ["show LoggedIn", "next"]);
    assert_eq!(tracked.notice(logged_in()), ["show LoggedIn"], "again after a reconnect, but no second turn");
}

#[test]
fn lines_run_one_at_a_time_each_after_the_formers_outcome() {
    let mut pipe = Played::pipe();
    assert_eq!(pipe.line("/rooms"), ["ask 1 Rooms { prefix: \"\" }"]);
    assert_eq!(pipe.notice(Notice::Rooms { rooms: vec![] }), ["show Rooms"]);
    assert_eq!(pipe.outcome(1, None), ["next"]);
    assert_eq!(pipe.line(""), ["next"]);
    assert_eq!(pipe.line("/jion sala"), ["error unknown_command", "next"]);
    assert_eq!(pipe.line("hello"), ["ask 2 Say { to: All, text: \"hello\" }"]);
    assert_eq!(pipe.outcome(2, Some(Problem::NobodyLinked)), ["error nobody_linked", "next"]);
    assert_eq!(pipe.outcome(2, None), Vec::<String>::new(), "an outcome counts once");
    assert_eq!(pipe.input(Input::BadLine(Trouble::NotUtf8)), ["error not_utf8", "next"]);
}

#[test]
fn at_a_terminal_a_slow_outcome_counts_for_its_line_though_others_were_entered_meanwhile() {
    let mut terminal = Played::terminal();
    terminal.line("/ping bia");
    terminal.line("/ping caio");
    assert_eq!(terminal.outcome(2, None), ["next"]);
    assert_eq!(terminal.outcome(1, Some(Problem::TimedOut)), ["inactive bia", "next"]);
}

#[test]
fn objects_say_text_as_it_is_and_do_commands_only() {
    let mut pipe = Played::pipe();
    assert_eq!(pipe.line(r#"{"say":"/quit"}"#), ["ask 1 Say { to: All, text: \"/quit\" }"]);
    pipe.outcome(1, None);
    assert_eq!(pipe.line(r#" {"do":"/ping bia"}"#), ["ask 2 Ping { user: \"bia\" }"]);
    pipe.outcome(2, None);
    for bad in [
        "{",
        "{}",
        r#"{"say":1}"#,
        r#"{"say":"a","do":"/b"}"#,
        r#"{"do":"hello"}"#,
        r#"{"do":"//hello"}"#,
        r#"{"shout":"a"}"#,
        r#"{"say":"a"} x"#,
        r#"{"say":"\ud800"}"#,
    ] {
        assert_eq!(pipe.line(bad), ["error bad_json", "next"], "{bad}");
    }
    assert_eq!(pipe.line(r#"{"do":"/jion"}"#), ["error unknown_command", "next"]);
    pipe.session.setup.json = false;
    assert_eq!(pipe.line("{braces}"), ["ask 3 Say { to: All, text: \"{braces}\" }"], "plain text without --json");
}

#[test]
fn at_the_end_of_input_it_waits_for_what_was_said_and_ends_well() {
    let mut pipe = Played::pipe();
    assert_eq!(pipe.input(Input::End), ["ask 1 Drain"]);
    assert_eq!(pipe.outcome(1, None), ["tell Quit"]);
    assert_eq!(pipe.line("late"), Vec::<String>::new());
    assert_eq!(pipe.notice(Notice::Stopped { unacknowledged: 0 }), ["show Stopped", "leave 0"]);
}

#[test]
fn a_start_that_fails_in_a_pipe_ends_with_the_code_of_the_reason_and_tells_it_once() {
    let tracker = || "t:6060".to_owned();
    let unreachable = Problem::TrackerUnreachable { tracker: tracker(), reason: papo_proto::machine::Refusal::Refused };
    let bad = || Problem::Tracker { failure: Failure::BadCredentials };
    let changed = Problem::TrackerKeyChanged { tracker: tracker(), expected: Key([1; 32]), shown: Key([2; 32]) };
    for (problem, code) in [(unreachable, 4), (bad(), 3), (changed, 3)] {
        let mut pipe = Played::new(setup(false, true));
        pipe.notice(ready());
        assert_eq!(pipe.notice(Notice::Failed(problem)), ["show Failed", "tell Quit"]);
        let stopped = pipe.notice(Notice::Stopped { unacknowledged: 0 });
        assert_eq!(stopped.last(), Some(&format!("leave {code}")));
    }
    let mut pipe = Played::new(setup(false, true));
    let needed = Notice::PasswordNeeded { user: name("ana"), tracker: tracker() };
    assert_eq!(pipe.notice(needed), ["error password_missing", "tell Quit"]);
    assert_eq!(pipe.notice(Notice::Failed(bad())), Vec::<String>::new());
    let mut pipe = Played::new(setup(false, true));
    let unknown = Notice::UnknownTracker { tracker: tracker(), key: Key([1; 32]) };
    let told = pipe.notice(unknown);
    assert_eq!(told[0], "error tracker_not_trusted");
    assert!(told[1].contains("accept: false") && told[2] == "tell Quit", "{told:?}");
}

#[test]
fn at_a_terminal_a_tracker_that_does_not_answer_is_told_and_waited_for() {
    let mut terminal = Played::new(setup(true, true));
    terminal.notice(ready());
    let reason = papo_proto::machine::Refusal::TimedOut;
    let unreachable = Problem::TrackerUnreachable { tracker: "t:6060".to_owned(), reason };
    let told = terminal.notice(Notice::Failed(unreachable));
    assert!(told.len() == 2 && told[0] == "show Failed" && told[1].starts_with("info: papo keeps trying"), "{told:?}");
}

#[test]
fn a_tracker_that_is_lost_later_ends_nothing() {
    let mut pipe = Played::new(setup(false, true));
    pipe.notice(ready());
    pipe.notice(logged_in());
    let lost = Note::TrackerLost { tracker: "t:6060".to_owned(), retry_ms: 900 };
    assert_eq!(pipe.notice(Notice::Note(lost)), ["show Note"]);
    assert_eq!(pipe.notice(Notice::Failed(Problem::TrackerSilent)), ["show Failed"]);
}

#[test]
fn a_room_becomes_the_target_once_it_is_entered() {
    let mut terminal = Played::terminal();
    assert_eq!(terminal.line("/join sala"), ["ask 1 Join { room: \"sala\" }"]);
    assert_eq!(terminal.outcome(1, None), ["prompt #sala", "next"]);
    assert_eq!(terminal.line("oi"), ["ask 2 Say { to: Room(\"sala\"), text: \"oi\" }"]);
    terminal.outcome(2, None);
    terminal.line("/create outra");
    let refused = Some(Problem::Tracker { failure: Failure::RoomExists });
    assert_eq!(terminal.outcome(3, refused), ["error room_exists", "next"]);
    let asked = "ask 4 Talk { to: User(\"bia\") }";
    assert_eq!(terminal.line("/chat bia"), ["info: you talk to @bia now", asked, "prompt @bia"]);
    // It is the target all the same: what is typed next must not be heard by others.
    let unknown = Some(Problem::UnknownUser { user: name("bia") });
    assert_eq!(terminal.outcome(4, unknown), ["error unknown_user", "next"]);
    assert_eq!(terminal.session.prompt(), Prompt::Chat(Target::User(name("bia"))));
    assert_eq!(terminal.line("/leave"), ["info: you talk to everyone now", "prompt everyone", "next"]);
}

#[test]
fn what_arrives_changes_the_target_only_when_its_room_is_gone() {
    let room = |room: &str, what, user: &str| Notice::Room {
        room: name(room),
        what,
        user: name(user),
        members: vec![name("ana")],
    };
    let mut terminal = Played::terminal();
    terminal.join("sala");
    for (what, user) in [(RoomEvent::Joined, "bia"), (RoomEvent::Left, "bia"), (RoomEvent::Evicted, "bia")] {
        assert_eq!(terminal.notice(room("sala", what, user)), ["show Room"]);
    }
    assert_eq!(terminal.notice(room("outra", RoomEvent::Deleted, "bia")), ["show Room"]);
    let gone = "info: #sala is not there for you any more; you talk to everyone now";
    assert_eq!(terminal.notice(room("sala", RoomEvent::Deleted, "bia")), ["show Room", gone, "prompt everyone"]);
    terminal.join("sala");
    assert_eq!(terminal.notice(room("sala", RoomEvent::Evicted, "ana")), ["show Room", gone, "prompt everyone"]);
    terminal.join("sala");
    assert_eq!(terminal.notice(room("sala", RoomEvent::Left, "ana")), ["show Room", "prompt everyone"]);
}

#[test]
fn a_line_goes_to_whom_its_prompt_named_whatever_has_happened_since() {
    let mut terminal = Played::terminal();
    terminal.join("sala");
    let prompt = terminal.session.prompt();
    let deleted = RoomEvent::Deleted;
    terminal.notice(Notice::Room { room: name("sala"), what: deleted, user: name("bia"), members: vec![] });
    let said = terminal.input(Input::Line { text: "only here".to_owned(), prompt: Some(prompt) });
    assert_eq!(said, ["ask 2 Say { to: Room(\"sala\"), text: \"only here\" }"]);
}

#[test]
fn an_unknown_tracker_is_asked_about_and_only_a_clear_answer_counts() {
    let mut terminal = Played::new(setup(true, true));
    let key = Key([7; 32]);
    let asked = terminal.notice(Notice::UnknownTracker { tracker: "t:6060".to_owned(), key });
    assert!(asked[0].starts_with("info: the tracker at t:6060 is not known"), "{asked:?}");
    assert_eq!(asked[1], "prompt confirm");
    assert_eq!(terminal.line("hello"), ["error yes_or_no", "next"]);
    let answered = terminal.line("yes");
    assert_eq!(answered, ["tell TrustTracker { key: Key(07070707), accept: true }", "prompt everyone", "next"]);
}

#[test]
fn a_new_password_is_asked_for_twice_and_an_old_one_once() {
    let mut terminal = Played::terminal();
    let wanted = "info: choose a password; it is not shown while you type";
    assert_eq!(terminal.line("/register bia"), [wanted, "prompt password", "next"]);
    assert_eq!(terminal.line("one"), ["prompt password again", "next"]);
    assert_eq!(terminal.line("two"), ["error passwords_differ", "prompt password", "next"]);
    terminal.line("one");
    let asked = terminal.line("one");
    assert!(asked[0].starts_with("ask 1 Register(Credentials { name: \"bia\"") && asked[1] == "prompt everyone");
    terminal.outcome(1, None);
    terminal.line("/login");
    assert!(terminal.line("one")[0].starts_with("ask 2 Login(Credentials { name: \"ana\""));
    terminal.outcome(2, None);
    terminal.line("/login");
    let skipped = terminal.line("");
    assert_eq!(skipped.last().map(String::as_str), Some("next"));
    assert!(skipped[0].starts_with("info: no password"), "{skipped:?}");
}

#[test]
fn that_an_account_is_made_is_told_once_and_a_mere_login_not() {
    let told = |played: &mut Played| {
        let logged_in = Notice::LoggedIn { user: name("ana"), tracker: "t:6060".to_owned() };
        played.notice(logged_in).iter().any(|effect| effect == "info: your account is made")
    };
    let mut pipe = Played::new(Setup { registering: true, ..setup(false, true) });
    assert_eq!((told(&mut pipe), told(&mut pipe)), (true, false), "it logs in again after a while");
    pipe.session.setup.password = Some(PasswordHash::of("x"));
    pipe.line("/register bia");
    assert_eq!((told(&mut pipe), told(&mut pipe)), (true, false));
    pipe.line("/register bia");
    pipe.line("/login");
    assert!(!told(&mut pipe), "the account was there already");
}

#[test]
fn a_needed_password_is_asked_for_and_the_refusal_behind_it_not_told() {
    let mut terminal = Played::new(setup(true, true));
    let needed = || Notice::PasswordNeeded { user: name("ana"), tracker: "t:6060".to_owned() };
    let bad = || Problem::Tracker { failure: Failure::BadCredentials };
    assert_eq!(terminal.notice(needed())[1], "prompt password");
    assert_eq!(terminal.notice(Notice::Failed(bad())), Vec::<String>::new());
    terminal.line("wrong");
    assert_eq!(terminal.outcome(1, Some(bad())), ["error bad_credentials", "next"], "a wrong password is told");
}

#[test]
fn a_pipe_uses_the_password_of_the_start_or_says_that_it_has_none() {
    let mut pipe = Played::pipe();
    assert_eq!(pipe.line("/login"), ["error password_missing", "next"]);
    pipe.session.setup.password = Some(PasswordHash::of("x"));
    assert!(pipe.line("/register bia")[0].starts_with("ask 1 Register"));
}

#[test]
fn a_ping_without_answer_is_a_measurement_and_no_error() {
    let mut pipe = Played::pipe();
    pipe.line("/ping bia");
    assert_eq!(pipe.outcome(1, Some(Problem::TimedOut)), ["inactive bia", "next"]);
    pipe.line("/ping bia");
    let unlinked = Problem::NotLinked { user: name("bia") };
    assert_eq!(pipe.outcome(2, Some(unlinked)), ["error not_linked", "next"]);
}

#[test]
fn what_waited_is_told_when_it_is_delivered_and_what_did_not_is_not() {
    let mut terminal = Played::terminal();
    let said = |id: &str, waiting: &[&str]| Notice::Said {
        id: id.to_owned(),
        to: Target::Room(name("sala")),
        at: Wall(0),
        text: "a long story\nwith two lines".to_owned(),
        waiting: waiting.iter().map(|one| name(one)).collect(),
    };
    let delivered = |id: &str, to: &str| Notice::Delivered { id: id.to_owned(), to: name(to) };
    terminal.notice(said("a", &[]));
    terminal.notice(said("b", &["bia"]));
    assert_eq!(terminal.notice(delivered("a", "bia")), ["show Delivered"]);
    assert_eq!(terminal.notice(delivered("b", "bia")), ["show Delivered", "info: bia has now: a long story…"]);
    assert_eq!(terminal.notice(delivered("b", "bia")), ["show Delivered"]);
    for number in 0..=LATE_MAX {
        terminal.notice(said(&number.to_string(), &["bia"]));
    }
    assert_eq!(terminal.session.late.len(), LATE_MAX);
}

#[test]
fn ctrl_c_explains_first_and_quits_when_repeated_and_a_line_between_starts_over() {
    let mut terminal = Played::terminal();
    let how = ["info: Ctrl-C again, Ctrl-D or /quit ends papo"];
    assert_eq!(terminal.input(Input::Interrupt), how);
    terminal.line("");
    assert_eq!(terminal.input(Input::Interrupt), how);
    assert_eq!(terminal.input(Input::Interrupt), ["tell Quit"]);
    assert_eq!(terminal.notice(Notice::Stopped { unacknowledged: 2 }), ["show Stopped", "leave 130"]);
    let mut terminal = Played::terminal();
    assert_eq!(terminal.input(Input::End), ["tell Quit"]);
    assert_eq!(terminal.notice(Notice::Stopped { unacknowledged: 0 })[1], "leave 0");
}

#[test]
fn a_signal_says_goodbye_and_a_second_one_does_not_wait() {
    for (interrupt, code) in [(true, 130), (false, 0)] {
        let mut pipe = Played::pipe();
        assert_eq!(pipe.input(Input::Signal { interrupt }), ["tell Quit"]);
        assert_eq!(pipe.input(Input::Signal { interrupt }), [format!("abandon {code}")]);
        assert_eq!(pipe.notice(Notice::Stopped { unacknowledged: 0 })[1], format!("leave {code}"));
    }
    let mut pipe = Played::pipe();
    assert_eq!(pipe.input(Input::OutputClosed), ["tell Quit"]);
    assert_eq!(pipe.notice(Notice::Stopped { unacknowledged: 0 })[1], "leave 1");
}

#[test]
fn a_tracker_that_can_not_be_hosted_ends_the_program() {
    let mut pipe = Played::pipe();
    assert_eq!(pipe.input(Input::Fail(host_refused())), ["error host_refused", "tell Quit"]);
    assert_eq!(pipe.notice(Notice::Stopped { unacknowledged: 0 })[1], "leave 1");
}

#[test]
fn lists_and_links_are_shown_as_they_come() {
    let mut terminal = Played::terminal();
    let peer = Notice::Peer { what: PeerEvent::Linked, user: name("bia"), address: None, plaintext: false };
    assert_eq!(terminal.notice(peer), ["show Peer"]);
    assert_eq!(terminal.notice(Notice::Peers { peers: Vec::<PeerSeen>::new() }), ["show Peers"]);
}

#[test]
fn names_are_learned_quietly_once_and_what_the_person_asks_for_is_shown() {
    let mut terminal = Played::new(setup(true, true));
    terminal.notice(ready());
    let asked = terminal.notice(logged_in());
    assert_eq!(asked, ["ask 2 Rooms { prefix: \"\" }", "ask 3 Peers { prefix: \"\" }", "show LoggedIn"]);
    assert_eq!(terminal.notice(logged_in()), ["show LoggedIn"]);
    terminal.line("/rooms");
    assert_eq!(terminal.notice(Notice::Rooms { rooms: vec![] }), ["learn"]);
    assert_eq!(terminal.outcome(2, None), Vec::<String>::new());
    assert_eq!(terminal.outcome(3, Some(Problem::TrackerSilent)), Vec::<String>::new(), "nobody asked for it");
    assert_eq!(terminal.notice(Notice::Rooms { rooms: vec![] }), ["show Rooms"]);
    assert_eq!(terminal.outcome(4, None), ["next"]);
    terminal.line("/peers");
    assert_eq!(terminal.notice(Notice::Peers { peers: vec![] }), ["show Peers"]);
}

#[test]
fn what_nothing_else_shows_is_told_once_it_is_done() {
    let mut pipe = Played::pipe();
    pipe.line("/status away at lunch");
    assert_eq!(pipe.outcome(1, None), ["info: you are away to others now: “at lunch”", "next"]);
    pipe.line("/profile");
    assert_eq!(pipe.outcome(2, None), ["info: your profile is empty now", "next"]);
    pipe.line("/plaintext off");
    assert_eq!(pipe.outcome(3, Some(Problem::NotLoggedIn)), ["error not_logged_in", "next"]);
    assert_eq!(pipe.line("/status"), ["ask 4 Whois { user: \"ana\" }"]);
}

#[test]
fn after_a_stop_the_prompt_is_shown_anew() {
    let mut terminal = Played::terminal();
    assert_eq!(terminal.input(Input::Resumed), ["prompt everyone"]);
    terminal.join("sala");
    assert_eq!(terminal.input(Input::Resumed), ["prompt #sala"]);
}

#[test]
fn a_peer_that_is_about_to_end_does_not_say_that_it_is_ready() {
    let mut pipe = Played::new(setup(false, true));
    pipe.input(Input::Fail(host_refused()));
    assert!(pipe.notice(ready()).is_empty());
}

#[test]
fn an_object_with_two_fields_or_none_is_told_so() {
    let mut pipe = Played::pipe();
    for (line, why) in [(r#"{"say":"a","do":"/peers"}"#, BadObject::ManyFields), ("{}", BadObject::Empty)] {
        let effects = pipe.session.handle(Input::Line { text: line.to_owned(), prompt: None });
        let told = Effect::Show(Event::Trouble(Trouble::BadJson(why)));
        assert!(effects.contains(&told), "{line}: {effects:?}");
    }
}

#[test]
fn a_typed_path_is_made_absolute_and_each_order_about_a_transfer_is_answered() {
    let mut pipe = Played::pipe();
    let sent = pipe.line("/send bia ~/two words.txt");
    let expected = Request::Send { to: Target::User(name("bia")), path: "/home/ana/two words.txt".to_owned() };
    assert_eq!(sent, [format!("ask 1 {expected:?}")]);
    assert_eq!(pipe.outcome(1, None), ["next"]);
    assert!(pipe.line("/send all film.mkv")[0].contains("\"/srv/film.mkv\""));
    pipe.outcome(2, None);
    for (token, line) in (3..).zip(["/accept 7", "/pause 7", "/resume 7"]) {
        pipe.line(line);
        let told = pipe.outcome(token, None);
        assert!(told[0].starts_with("info: transfer 7 ") && told[1] == "next", "{told:?}");
    }
    pipe.line("/cancel 7");
    assert_eq!(pipe.outcome(6, Some(Problem::UnknownTransfer { transfer: 7 })), ["error unknown_transfer", "next"]);
}

#[test]
fn the_transfers_that_are_asked_for_at_the_start_are_learned_and_those_of_the_person_shown() {
    let mut terminal = Played::new(setup(true, false));
    assert!(terminal.notice(ready()).iter().any(|effect| effect == "ask 1 Transfers"));
    let rows = || Notice::Transfers { rows: Vec::new() };
    assert_eq!(terminal.notice(rows()), ["learn"]);
    terminal.outcome(1, None);
    terminal.line("/transfers");
    assert_eq!(terminal.notice(rows()), ["show Transfers"]);
}
