//! Scripts: a papo that is started, told a few things through its pipe, and ends.

use std::net::TcpListener;

use crate::support::{
    papo::{Options, Papo, is, text, texts},
    process::Process,
    tracker::Tracker,
};

/// Gives a papo all of its input at once, and waits for its end; its exit code and its events.
fn run(options: Options, input: &[&str]) -> (i32, Vec<serde_json::Value>) {
    let mut papo = options.start();
    for line in input {
        papo.line(line);
    }
    papo.process.close_input();
    let code = papo.process.wait_code();
    (code, papo.events())
}

#[test]
fn a_script_that_runs_again_and_again_reaches_someone_with_whom_it_shares_no_room() {
    let tracker = Tracker::start();
    let bia = Papo::registered("bia", &tracker);
    let first = Options::registering("ana", &tracker);
    for (round, options) in [first.clone(), first.clone().by_key(), first.by_key()].into_iter().enumerate() {
        let said = format!("round {round}");
        let (code, events) = run(options, &[&format!("/msg bia {said}")]);
        assert_eq!(code, 0);
        assert!(events.iter().any(|event| is(event, "delivered")), "{events:?}");
        bia.wait_message(&said);
    }
}

#[test]
fn every_command_of_a_script_has_an_answer() {
    let tracker = Tracker::start();
    let mut ana = Papo::registered("ana", &tracker);
    ana.create("sala");
    let again = ana.ask("/join sala", "room");
    assert_eq!((text(&again, "what"), text(&again, "user")), ("joined", "ana"));
    assert_eq!(texts(&again, "members"), ["ana"]);
    for (command, told) in
        [("/status away at lunch", "away"), ("/profile cellist", "profile"), ("/plaintext off", "closed")]
    {
        assert!(text(&ana.ask(command, "notice"), "text").contains(told), "{command}");
    }
    let ready = ana.wait_for("ready", |_| true);
    for command in ["/whois ana", "/status"] {
        let me = ana.ask(command, "whois");
        assert_eq!((text(&me, "user"), text(&me, "status"), text(&me, "profile")), ("ana", "away", "cellist"));
        assert_eq!(text(&me, "fingerprint"), text(&ready, "fingerprint"));
        assert_eq!(text(&me, "address"), text(&ready, "listen"));
    }
    assert_eq!(text(&ana.ask("/chat nobody", "error"), "code"), "unknown_user");
    assert_eq!(text(&ana.ask("never heard", "error"), "code"), "unknown_user", "and not said to the room");
    assert_eq!(text(&ana.ask("/chat #nowhere", "error"), "code"), "not_in_room");
}

#[test]
fn what_listens_and_says_nothing_is_told_as_no_tracker_in_time() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = silent.local_addr().expect("an address").to_string();
    let (code, events) = run(Options::new("ana").tracker(&address).password("x").with(&["--trust-new"]), &[]);
    assert_eq!(code, 4);
    let error = events.iter().find(|event| is(event, "error")).expect("an error");
    assert_eq!(text(error, "code"), "tracker_fault");
    assert!(text(error, "text").contains(&address), "{error}");
}

#[test]
fn an_address_of_a_tracker_is_told_as_it_is_typed() {
    let options = Options::new("ana").tracker("[::1]:1").password("x").plain();
    let mut papo = Process::start(&mut options.command());
    papo.close_input();
    assert_eq!(papo.wait_code(), 4);
    papo.wait_stdout("which tracker", |line| line.contains("[::1]:1"));
}
