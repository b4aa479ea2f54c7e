//! A person at a terminal.

use nix::sys::{signal::Signal, termios::LocalFlags};

use crate::support::{
    papo::{Options, Papo, is, text},
    terminal::Terminal,
    tracker::Tracker,
};

/// Messages that arrive while someone types.
const BURST: usize = 500;

/// Ana at a terminal and Bia at a pipe, both in one room and linked.
fn ana_at_a_terminal(tracker: &Tracker) -> (Terminal, Papo) {
    let mut bia = Papo::registered("bia", tracker);
    bia.create("sala");
    bia.line("/chat #sala");
    let mut ana = Terminal::start(at_terminal(tracker));
    ana.wait_shown(0, "logged in at");
    ana.press("/join sala\r");
    ana.wait_shown(0, "#sala>");
    bia.wait_linked("ana");
    // Printed in the midst of a test, it would bring a prompt that the test takes for another one.
    ana.wait_shown(0, "linked to bia");
    (ana, bia)
}

fn at_terminal(tracker: &Tracker) -> Options {
    Options::registering("ana", tracker).plain()
}

#[test]
fn a_line_typed_while_five_hundred_messages_arrive_is_intact_and_so_are_they() {
    let tracker = Tracker::start();
    let (mut ana, mut bia) = ana_at_a_terminal(&tracker);
    let typed = (0..12).map(|number| format!("palavra{number} 日本語 ção 🎉 ")).collect::<String>();
    let from = ana.printed();
    let keys = typed.trim_end().chars().collect::<Vec<_>>();
    for number in 0..BURST {
        bia.line(&format!("burst-{number}-端"));
        // A key now and then, so that the typing lasts as long as the burst.
        if let Some(key) = keys.get(number / 2).filter(|_| number % 2 == 0) {
            ana.press(&key.to_string());
        }
        if number % 50 == 49 {
            ana.wait_shown(from, &format!("burst-{}-端", number - 25));
        }
    }
    for key in keys.iter().skip(BURST.div_ceil(2)) {
        ana.press(&key.to_string());
    }
    ana.wait_shown(from, &format!("burst-{}-端", BURST - 1));
    assert!(heard_lines(&bia).is_empty(), "nothing is said before Enter");
    ana.press("\r");
    bia.wait_message(typed.trim_end());
    let shown = ana.shown();
    let mut rest = shown.as_str();
    for number in 0..BURST {
        let wanted = format!("burst-{number}-端");
        let at = rest.find(&wanted).unwrap_or_else(|| panic!("{wanted} is not shown, or not in its place\n{shown}"));
        rest = &rest[at + wanted.len()..];
    }
    assert_eq!(heard_lines(&bia), [typed.trim_end()]);
}

/// What Bia heard.
fn heard_lines(bia: &Papo) -> Vec<String> {
    bia.events().iter().filter(|event| is(event, "message")).map(|event| text(event, "text").to_owned()).collect()
}

#[test]
fn a_paste_of_twenty_lines_is_one_message() {
    let tracker = Tracker::start();
    let (mut ana, bia) = ana_at_a_terminal(&tracker);
    let block = (0..20).map(|number| format!("linha {number}")).collect::<Vec<_>>();
    ana.press(&format!("\u{1b}[200~{}\u{1b}[201~", block.join("\r")));
    ana.press("\r");
    bia.wait_message(&block.join("\n"));
    assert_eq!(heard_lines(&bia).len(), 1);
}

#[test]
fn ctrl_c_clears_the_line_and_ctrl_d_leaves() {
    let tracker = Tracker::start();
    let (mut ana, bia) = ana_at_a_terminal(&tracker);
    ana.press("never said");
    ana.wait_shown(0, "never said");
    let from = ana.printed();
    ana.press("\u{3}");
    ana.wait_shown(from, "#sala>");
    ana.press("said\r");
    bia.wait_message("said");
    // Between two lines the terminal itself would take the key.
    ana.wait_until(from, "the next prompt", |shown| {
        shown.rsplit("said").next().is_some_and(|end| end.contains("#sala>"))
    });
    ana.press("\u{4}");
    assert_eq!(ana.wait_code(), 0);
    assert_eq!(heard_lines(&bia), ["said"]);
}

#[test]
fn ctrl_c_twice_on_an_empty_line_interrupts() {
    let tracker = Tracker::start();
    let mut ana = Terminal::start(at_terminal(&tracker));
    ana.wait_shown(0, "everyone>");
    ana.press("\u{3}");
    ana.wait_shown(0, "Ctrl-C again");
    ana.press("\u{3}");
    assert_eq!(ana.wait_code(), 130);
}

#[test]
fn history_and_completion_help_to_type() {
    let tracker = Tracker::start();
    let (mut ana, bia) = ana_at_a_terminal(&tracker);
    ana.press("first thing\r");
    bia.wait_message("first thing");
    ana.press("\u{1b}[A");
    ana.press(" again\r");
    bia.wait_message("first thing again");
    // Completion of a command, and of a name: /ms<tab> → /msg, bi<tab> → bia.
    ana.press("/ms\tbi\tcompleted\r");
    let message = bia.wait_message("completed");
    assert_eq!(text(&message, "scope"), "private");
}

#[test]
fn what_arrives_never_changes_the_target() {
    let tracker = Tracker::start();
    let (mut ana, mut bia) = ana_at_a_terminal(&tracker);
    bia.line("/msg ana psst");
    ana.wait_shown(0, "psst");
    ana.press("to the room\r");
    assert_eq!(text(&bia.wait_message("to the room"), "room"), "sala");
    let from = ana.printed();
    ana.press("/chat bia\r");
    ana.wait_shown(from, "@bia>");
    ana.press("to her alone\r");
    assert_eq!(text(&bia.wait_message("to her alone"), "scope"), "private");
}

#[test]
fn whoever_hosts_for_the_first_time_is_asked_for_a_password_and_can_be_joined() {
    let mut ana = Terminal::start(Options::new("ana").plain().with(&["--host", "127.0.0.1:0"]));
    ana.wait_shown(0, "new password for ana:");
    ana.press("never-shown\r");
    ana.wait_shown(0, "the same again:");
    ana.press("never-shown\r");
    let shown = ana.wait_shown(0, "logged in at");
    ana.press("/create sala\r");
    ana.wait_shown(0, "#sala>");
    let invitation = shown.split_once("papo --tracker").expect("how others come in").1;
    let spec = invitation.split_whitespace().next().expect("an address and a fingerprint");

    let mut bia = Options::new("bia").tracker(spec).register("another").log_in();
    bia.join("sala");
    bia.line("aqui estou");
    ana.wait_shown(0, "aqui estou");
    ana.press("bem-vinda\r");
    bia.wait_message("bem-vinda");
    ana.press("/quit\r");
    assert_eq!(ana.wait_code(), 0);
    assert!(!ana.shown().contains("never-shown"), "a password is never shown");
}

#[test]
fn after_a_stop_the_line_is_edited_again() {
    let tracker = Tracker::start();
    let (mut ana, bia) = ana_at_a_terminal(&tracker);
    ana.press("draft ");
    ana.wait_shown(0, "draft");
    let from = ana.printed();
    ana.resume_from_shell();
    ana.wait_shown(from, "#sala> draft");
    // Without an editor, the tabulator and the other keys would be a part of the text.
    ana.press("\u{1}\u{b}/ms\tbi\tafter the stop\r");
    assert_eq!(text(&bia.wait_message("after the stop"), "scope"), "private");
}

#[test]
fn what_is_typed_between_two_lines_is_not_echoed_by_the_terminal() {
    let tracker = Tracker::start();
    let (mut ana, _bia) = ana_at_a_terminal(&tracker);
    // While the tracker does not answer, the next prompt waits.
    tracker.process.signal(Signal::SIGSTOP);
    ana.press("/rooms\r");
    let between = ana.wait_modes("between two lines", |modes| modes.contains(LocalFlags::ICANON));
    assert!(!between.contains(LocalFlags::ECHO), "a password that is typed ahead would be shown");
    tracker.process.signal(Signal::SIGCONT);
    ana.press("/quit\r");
    assert_eq!(ana.wait_code(), 0);
}
