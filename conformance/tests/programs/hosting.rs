//! One who hosts, one who joins, and lines without JSON.

use crate::support::{
    older::{Older, message},
    papo::{Options, PASSWORD, Papo, text, texts},
    tracker::Tracker,
};

/// How others come in, as the host is told it: `HOST:PORT#FINGERPRINT`.
#[track_caller]
fn invitation(host: &Papo) -> String {
    let hosting = host.wait_for("notice", |event| text(event, "code") == "hosting");
    let addresses = texts(&hosting, "addresses");
    let address = addresses.iter().find(|address| address.starts_with("127.0.0.1:"));
    let spec = format!("{}#{}", address.expect("it is reached over loopback"), text(&hosting, "fingerprint"));
    assert!(text(&hosting, "text").contains(&format!("papo --tracker {spec}")), "{hosting}");
    spec
}

#[test]
fn one_hosts_another_joins_and_they_talk() {
    let mut host = Options::new("ana").password(PASSWORD).with(&["--host", "127.0.0.1:0"]).start();
    let login = host.wait_for("logged_in", |_| true);
    assert_eq!(text(&login, "user"), "ana");
    let spec = invitation(&host);
    let mut guest = Options::new("bia").tracker(&spec).register(PASSWORD).log_in();
    host.create("sala");
    guest.join("sala");
    host.line("bem-vinda");
    guest.wait_message("bem-vinda");
    guest.line("obrigada");
    host.wait_message("obrigada");
    assert_eq!(guest.quit(), 0);
    assert_eq!(host.quit(), 0);

    // Hosted again, it is the same tracker with the same accounts.
    let host = host.options().by_key().log_in();
    let again = invitation(&host);
    assert_eq!(again.split_once('#').map(|(_, key)| key), spec.split_once('#').map(|(_, key)| key));
}

#[test]
fn a_host_who_allows_plain_text_lets_older_clients_in() {
    let options = Options::new("ana").password(PASSWORD).with(&["--host", "127.0.0.1:0", "--allow-plaintext"]);
    let mut host = options.log_in();
    let spec = invitation(&host);
    let address = spec.split('#').next().and_then(|address| address.parse().ok()).expect("an address");
    let mut bia = Older::registered("bia", address);
    bia.ask_room("CREATE_ROOM", "praça");
    host.join("praça");
    let mut to_host = bia.accept();
    assert_eq!(to_host.hear()["cmd"], "HELLO");
    to_host.say(&message(Some("praça"), "bia", "oi"));
    assert_eq!(host.wait_message("oi")["plaintext"], true);
}

#[test]
fn without_json_a_pipe_takes_and_gives_lines() {
    let tracker = Tracker::start();
    let mut ana = Options::registering("ana", &tracker).plain().start();
    let mut bia = Options::registering("bia", &tracker).plain().start();
    ana.line("/create sala");
    ana.process.wait_stdout("that the room is made", |line| line.contains("sala"));
    bia.line("/join sala");
    ana.process.wait_stdout("that bia came in", |line| line.contains("bia") && line.contains("sala"));
    bia.line("bom dia a todos 日本");
    let line = ana.process.wait_stdout("what bia says", |line| line.contains("bom dia a todos 日本"));
    assert!(line.contains("bia") && !line.contains('\u{1b}'), "no colours in a pipe: {line:?}");
    ana.line("/msg bia até já");
    bia.process.wait_stdout("what ana whispers", |line| line.contains("até já"));
    for one in [&mut ana, &mut bia] {
        assert_eq!(one.quit(), 0);
        one.process.stdout.with(|lines| {
            assert!(lines.iter().all(|line| !line.contains('\u{1b}') && !line.contains("> ")), "no prompt: {lines:?}");
        });
    }
}

#[test]
fn what_a_stranger_says_cannot_steer_a_terminal_or_pose_as_another_line() {
    let tracker = Tracker::start();
    let mut ana = Options::registering("ana", &tracker).plain().start();
    let mut bia = Options::registering("bia", &tracker).log_in();
    ana.line("/create sala");
    ana.process.wait_stdout("that the room is made", |line| line.contains("sala"));
    bia.join("sala");
    bia.line(r#"{"say":"red \u001b[31m and\nana: I owe you 100"}"#);
    bia.wait_for("delivered", |_| true);
    bia.line("done");
    ana.process.wait_stdout("the last line", |line| line.contains("done"));
    ana.process.stdout.with(|lines| {
        assert!(lines.iter().all(|line| !line.contains('\u{1b}')), "{lines:?}");
        let posing = lines.iter().find(|line| line.contains("I owe you")).expect("it is shown");
        assert!(!posing.trim_start().starts_with("ana"), "it looks like ana's own: {posing:?}");
    });
}
