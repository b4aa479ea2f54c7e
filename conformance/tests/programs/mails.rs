//! The mails of `papo monitor`, at a mail server with STARTTLS and logins. Section C of the old systems' formats.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{
    monitor::{Answer, monitor, relay},
    support::{
        BOUND,
        process::Process,
        recording::replay,
        smtp::{self, Habit, Mail, MailServer, PASSWORD, USER},
    },
};

/// What every monitor here is told, and more.
fn arguments<'a>(server: &'a MailServer, password: &'a Path, more: &[&'a str]) -> Vec<String> {
    let (address, password) = (server.address.to_string(), password.to_string_lossy());
    let envelope = ["--mail-from", "Monitor <monitor@correio.example>", "--mail-to", "ana@correio.example"];
    let fixed = ["--smtp", &address, "--smtp-user", USER, "--smtp-password-file", &password, "--json"];
    fixed.iter().chain(&envelope).chain(more).map(ToString::to_string).collect()
}

/// A directory with a file in which a password stands, and that file.
fn password_file(password: &str) -> (tempfile::TempDir, std::path::PathBuf) {
    use std::os::unix::fs::PermissionsExt as _;
    let place = tempfile::tempdir().expect("a directory");
    let file = place.path().join("password");
    std::fs::write(&file, format!("{password}\n")).expect("it is written");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).expect("it is ours");
    (place, file)
}

fn start(target: std::net::SocketAddr, arguments: &[String]) -> Process {
    monitor(target, &arguments.iter().map(String::as_str).collect::<Vec<_>>())
}

/// The objects of this kind that were told so far.
fn told(monitor: &Process, event: &str) -> Vec<Value> {
    let objects = monitor.stdout.with(|lines| {
        lines.iter().map(|line| serde_json::from_str::<Value>(line).expect("an object")).collect::<Vec<_>>()
    });
    objects.into_iter().filter(|object| object["event"] == event).collect()
}

/// Waits for so many objects with this code.
#[track_caller]
fn wait_coded(monitor: &Process, code: &str, count: usize) -> Vec<Value> {
    let found = monitor.stdout.wait(BOUND, |lines| {
        let objects = lines.iter().map(|line| serde_json::from_str::<Value>(line).expect("an object"));
        let coded = objects.filter(|object| object["code"] == code).collect::<Vec<_>>();
        (coded.len() >= count).then_some(coded)
    });
    found.unwrap_or_else(|| panic!("{code} was not told {count} times\n{}", monitor.story()))
}

/// The mail in Portuguese about a measurement: every byte of it.
fn in_portuguese(target: std::net::SocketAddr, measured: &Value) -> Mail {
    let status = match measured["status"].as_str() {
        Some("normal") => "Normal",
        Some("slow") => "Lenta",
        Some("very_slow") => "Muito Lenta",
        Some("inactive") => "Inativa",
        other => panic!("{other:?}"),
    };
    // The object tells microseconds.
    let ms = measured["ms"]
        .as_f64()
        .map_or_else(|| "Sem Resposta".to_owned(), |ms| format!("{:.2}", (ms * 100.0 + 0.001).floor() / 100.0));
    Mail {
        envelope: ("monitor@correio.example".to_owned(), "ana@correio.example".to_owned()),
        subject: format!("Alerta de latência: {status}"),
        body: format!("A conexão ao {target} está {status}.\nLatência: {ms} ms"),
    }
}

/// Two questions are answered at once, one slowly, one never.
const ANSWERS: [Option<u64>; 5] = [Some(0), Some(0), Some(350), None, None];

#[track_caller]
fn measure(more: &[&str]) -> (Vec<Value>, Vec<Mail>, std::net::SocketAddr) {
    let (server, (_place, password), (target, answers)) =
        (MailServer::start(Habit::Proper), password_file(PASSWORD), relay());
    for ms in ANSWERS {
        let answer = ms.map_or(Answer::Never, |ms| Answer::After(Duration::from_millis(ms)));
        answers.send(answer).expect("it waits");
    }
    let authority = smtp::authority();
    let count = ANSWERS.len().to_string();
    let usual = ["--smtp-ca", &authority.to_string_lossy(), "--interval", "0.1", "--timeout", "0.6", "--count", &count];
    let mut monitor = start(target, &arguments(&server, &password, &[&usual, more].concat()));
    assert_eq!(monitor.wait_code(), 0, "{}", monitor.story());
    let measured = told(&monitor, "latency");
    assert_eq!(measured.len(), ANSWERS.len());
    let mails = server.mails.with(<[Mail]>::to_vec);
    assert_eq!(told(&monitor, "notice").len(), mails.len(), "each is told\n{}", monitor.story());
    server.bare.with(|lines| assert!(lines.iter().all(|line| line.starts_with("EHLO ") || line == "STARTTLS")));
    (measured, mails, target)
}

#[test]
fn each_change_is_a_mail_in_the_older_monitors_words() {
    let place = tempfile::tempdir().expect("a directory");
    let record = place.path().join("monitor.jsonl");
    let (measured, mails, target) = measure(&["--text", "pt", "--record", &record.to_string_lossy()]);
    let mut changes = measured.clone();
    changes.dedup_by(|next, last| next["status"] == last["status"]);
    assert!((2..ANSWERS.len()).contains(&changes.len()), "{measured:?}");
    assert_eq!(mails, changes.iter().map(|one| in_portuguese(target, one)).collect::<Vec<_>>());
    let (code, printed) = replay(&record);
    assert_eq!(code, 0, "{printed}");
}

#[test]
fn every_measurement_is_a_mail_where_that_is_wanted() {
    let (measured, mails, target) = measure(&["--mail-every", "--text", "pt"]);
    assert_eq!(mails, measured.iter().map(|one| in_portuguese(target, one)).collect::<Vec<_>>());
    let (_, mails, target) = measure(&["--mail-every"]);
    assert_eq!(mails[4].subject, "Latency alert: inactive");
    assert_eq!(mails[4].body, format!("The connection to {target} is inactive.\nLatency: no answer"));
}

/// A monitor that measures without end, and that can't send its mail for this reason.
#[track_caller]
fn unsent(server: &MailServer, password: &str, trusting: bool, why: &str) -> Process {
    let ((_place, password), (target, answers)) = (password_file(password), relay());
    answers.send(Answer::Twice).expect("it waits");
    let authority = smtp::authority();
    let authority = authority.to_string_lossy();
    let trust = ["--smtp-ca", &authority];
    let quick = ["--interval", "0.1", "--timeout", "0.1"];
    let more = [&quick[..], if trusting { &trust } else { &[] }].concat();
    let monitor = start(target, &arguments(server, &password, &more));
    let failed = wait_coded(&monitor, "mail_failed", 2);
    for one in &failed {
        let text = one["text"].as_str().expect("a text");
        assert!(text.contains(why) && !text.contains('\u{1b}'), "{text}");
    }
    // It was tried again after a second at the earliest: it measured meanwhile.
    assert!(told(&monitor, "latency").len() > 2, "{}", monitor.story());
    monitor
}

#[test]
fn a_wrong_password_is_told_and_nothing_stops() {
    let server = MailServer::start(Habit::Proper);
    unsent(&server, "outra", true, "senha errada");
    assert_eq!(server.mails.len(), 0);
}

#[test]
fn a_server_without_tls_or_with_a_strangers_certificate_is_told_nothing() {
    let open = MailServer::start(Habit::Open);
    unsent(&open, PASSWORD, true, "STARTTLS");
    let stranger = MailServer::start(Habit::Proper);
    unsent(&stranger, PASSWORD, false, "certificate");
    for server in [open, stranger] {
        assert_eq!(server.mails.len(), 0);
        let known = ["EHLO ", "QUIT", "STARTTLS"];
        server.bare.with(|lines| {
            assert!(lines.iter().all(|line| known.iter().any(|known| line.starts_with(known))), "{lines:?}");
        });
    }
}

#[test]
fn a_mail_waits_until_its_server_is_back() {
    let server = MailServer::start(Habit::Away);
    let monitor = unsent(&server, PASSWORD, true, "");
    server.set(Habit::Proper);
    let first = server.mails.wait(BOUND, |mails| mails.first().cloned());
    assert_eq!(first.expect("it comes").subject, "Latency alert: normal", "{}", monitor.story());
    wait_coded(&monitor, "mail_sent", 1);
}

#[test]
fn a_server_that_says_nothing_holds_up_the_end_for_ten_seconds_at_most() {
    let (server, (_place, password), (target, answers)) =
        (MailServer::start(Habit::Silent), password_file(PASSWORD), relay());
    answers.send(Answer::Twice).expect("it waits");
    let mut monitor = start(target, &arguments(&server, &password, &["--count", "1"]));
    monitor.wait_stdout("a measurement", |line| line.contains("latency"));
    let measured = Instant::now();
    assert_eq!(monitor.wait_code(), 0);
    // The monitor counts ten seconds; a busy host may start and end it late.
    assert!(measured.elapsed() < Duration::from_secs(15), "{:?}", measured.elapsed());
    assert_eq!(wait_coded(&monitor, "mails_unsent", 1).len(), 1);
}

#[test]
fn what_is_missing_for_mails_is_told_at_once() {
    let (target, _answers) = relay();
    let (place, garbage) = password_file("no certificate");
    let garbage = garbage.to_string_lossy();
    let envelope = ["--smtp", "127.0.0.1:9", "--mail-from", "a@b.example", "--mail-to", "c@d.example"];
    let with = |more: &[&'static str]| [&envelope[..], more].concat();
    let missing = place.path().join("missing").to_string_lossy().into_owned();
    let refused = [
        (vec!["--smtp", "127.0.0.1:9"], "--mail-from"),
        (vec!["--mail-every"], "--smtp"),
        (vec!["--smtp", "127.0.0.1:9", "--mail-from", "nobody", "--mail-to", "c@d.example"], "--mail-from"),
        (with(&["--smtp-user", "ana"]), "PAPO_SMTP_PASSWORD"),
        ([&envelope[..], &["--smtp-ca", &garbage]].concat(), "PEM"),
        ([&envelope[..], &["--smtp-ca", &missing]].concat(), "can't be read"),
    ];
    for (arguments, told) in refused {
        let mut monitor = monitor(target, &arguments);
        assert_eq!(monitor.wait_code(), 2, "{arguments:?}");
        monitor.stderr.with(|lines| assert!(lines.iter().any(|line| line.contains(told)), "{told}: {lines:?}"));
    }
}
