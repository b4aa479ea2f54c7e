//! `papo send` and `papo receive`: one thing done from a shell, and an exit code that says how it went.

use std::{
    ops::{Deref, DerefMut},
    path::Path,
};

use nix::sys::signal::Signal;

use super::{MB, assert_same, make, number};
use crate::support::{
    lan::LanPort,
    meter::Meter,
    papo::{Options, is, text},
    process::Process,
    terminal::Terminal,
    tracker::Tracker,
};

/// Someone on a network of the test's own.
fn on(lan: &LanPort, user: &str) -> Options {
    Options::new(user).lan(lan.port())
}

fn send(options: Options, path: &Path, to: &str) -> Options {
    options.with(&["send", &path.to_string_lossy(), "--to", to])
}

/// A run of papo, whose data directory lives as long as it does.
struct Run {
    process: Process,
    _options: Options,
}

impl Deref for Run {
    type Target = Process;

    fn deref(&self) -> &Process {
        &self.process
    }
}

impl DerefMut for Run {
    fn deref_mut(&mut self) -> &mut Process {
        &mut self.process
    }
}

fn started(options: Options) -> Run {
    let mut process = Process::start(&mut options.command());
    process.close_input();
    Run { process, _options: options }
}

/// A place with a file in it.
fn place(bytes: u64) -> (tempfile::TempDir, std::path::PathBuf) {
    let place = tempfile::tempdir().expect("a directory");
    let path = make(place.path(), "film um.mkv", bytes);
    (place, path)
}

#[test]
fn a_file_and_a_directory_go_from_one_shell_to_another() {
    let lan = LanPort::choose();
    let (place, path) = place(3 * MB);
    std::fs::create_dir(place.path().join("fotos")).expect("made");
    make(&place.path().join("fotos"), "one", 100);
    let receiving = on(&lan, "bia").plain().with(&["receive", "--from", "ana"]);
    let receiver = started(receiving.clone());
    let directory = place.path().join("fotos");
    let sending = send(on(&lan, "ana").plain(), &path, "bia").with(&[&directory.to_string_lossy()]);
    let mut sender = started(sending);
    assert_eq!(sender.wait_code(), 0, "{}", receiver.story());
    let sent = sender.stdout.with(<[String]>::to_vec);
    assert!(sent.len() == 2 && sent.iter().all(|line| line.starts_with("* bia has “")), "{sent:?}");
    for name in ["film um.mkv", "fotos"] {
        let line = receiver.wait_stdout("what was received", |line| line.contains(name));
        assert!(
            line.contains(&*receiving.received().join(name).to_string_lossy()) && line.contains("from ana"),
            "{line}"
        );
    }
    assert_same(&path, &receiving.received().join("film um.mkv"));
    assert_same(&directory.join("one"), &receiving.received().join("fotos/one"));
    receiver.signal(Signal::SIGINT);
    let mut receiver = receiver;
    assert_eq!(receiver.wait_code(), 130);
}

#[test]
fn once_ends_with_the_first_that_arrives_and_scripts_are_told_by_events() {
    let lan = LanPort::choose();
    let (_place, path) = place(MB);
    let mut receiver = on(&lan, "bia").with(&["receive", "--once"]).start();
    let mut sender = send(on(&lan, "ana"), &path, "@bia").start();
    assert_eq!((sender.process.wait_code(), receiver.process.wait_code()), (0, 0));
    let sent = sender.wait_for("sent", |event| text(event, "to") == "bia");
    assert_eq!(text(&sent, "name"), "film um.mkv");
    let received = receiver.wait_for("received", |_| true);
    assert_eq!(text(&received, "from"), "ana");
    assert_same(&path, Path::new(text(&received, "path")));
}

#[test]
fn what_is_rejected_is_a_failure_and_who_is_not_there_is_unreachable() {
    let lan = LanPort::choose();
    let (_place, path) = place(1000);
    let mut nobody = started(send(on(&lan, "ana").plain(), &path, "bia").with(&["--wait", "1"]));
    assert_eq!(nobody.wait_code(), 4, "{}", nobody.story());
    assert!(nobody.story().contains("bia was not there"), "{}", nobody.story());

    let mut bia = on(&lan, "bia").start();
    let mut sender = started(send(on(&lan, "ana").plain(), &path, "bia"));
    let offer = bia.wait_for("offer", |_| true);
    bia.line(&format!("/reject {}", number(&offer)));
    assert_eq!(sender.wait_code(), 1, "{}", sender.story());
    assert!(sender.story().contains("bia rejected it"), "{}", sender.story());
}

#[test]
fn what_makes_no_sense_or_is_not_there_is_told_before_anything_is_done() {
    let options = Options::new("ana").plain();
    let mut nothing = started(options.clone().with(&["send", "--to", "bia"]));
    assert_eq!(nothing.wait_code(), 2);
    let mut missing = started(send(options, Path::new("/nowhere/film.mkv"), "bia"));
    assert_eq!(missing.wait_code(), 1);
    assert!(
        missing.story().contains("“/nowhere/film.mkv” can't be sent: there is no such file"),
        "{}",
        missing.story()
    );
}

#[test]
fn whoever_has_papo_running_is_told_to_send_from_there() {
    let ana = Options::new("ana").start();
    ana.wait_for("ready", |_| true);
    let (_place, path) = place(5);
    for (task, said) in [
        (send(ana.options(), &path, "bia"), "another papo uses"),
        (send(ana.options(), &path, "bia"), "type /send bia PATH there"),
        (ana.options().with(&["receive"]), "type /accept there"),
    ] {
        let mut run = started(task.plain());
        assert_eq!(run.wait_code(), 1);
        assert!(run.story().contains(said) && run.story().contains("--data"), "{}", run.story());
    }
}

#[test]
fn whoever_is_interrupted_starts_the_same_again_and_it_goes_on() {
    let lan = LanPort::choose();
    let (_place, path) = place(40 * MB);
    let mut receiver = on(&lan, "bia").with(&["receive", "--once"]).start();
    let options = send(Options::new("ana"), &path, "bia");
    let mut sender = options.clone().start();
    // Bia finds her by a slow wire, so that there is time to interrupt.
    let listen = text(&sender.wait_for("ready", |_| true), "listen").to_owned();
    let meter = Meter::start(listen.parse().expect("an address"));
    meter.limit(10 * MB);
    let _calls = lan.call(meter.address.port());
    sender.wait_for("progress", |event| event["done"].as_u64().is_some_and(|done| done > 10 * MB));
    sender.process.signal(Signal::SIGINT);
    assert_eq!(sender.process.wait_code(), 130, "{}", sender.process.story());
    assert!(!sender.events().iter().any(|event| is(event, "sent")));

    meter.unlimit();
    let mut again = options.listen(&listen).start();
    let began = again.wait_for("progress", |_| true);
    assert!(began["done"].as_u64().is_some_and(|done| done > 8 * MB), "{began}");
    assert_eq!((again.process.wait_code(), receiver.process.wait_code()), (0, 0), "{}", again.process.story());
    assert_same(&path, Path::new(text(&receiver.wait_for("received", |_| true), "path")));
}

#[test]
fn with_a_tracker_whoever_has_an_account_is_reached_and_refusals_have_their_codes() {
    let tracker = Tracker::start();
    let (_place, path) = place(MB);
    let mut receiver = Options::registering("bia", &tracker).with(&["receive", "--once"]).log_in();
    let ana = Options::registering("ana", &tracker);
    let mut sender = send(ana.clone(), &path, "bia").start();
    assert_eq!((sender.process.wait_code(), receiver.process.wait_code()), (0, 0), "{}", sender.process.story());
    assert_same(&path, Path::new(text(&receiver.wait_for("received", |_| true), "path")));

    let mut unknown = started(send(ana.clone().by_key().plain(), &path, "nobody"));
    assert_eq!(unknown.wait_code(), 4, "{}", unknown.story());
    let stranger = Options::new("ana").tracker(&tracker.spec()).password("wrong").plain();
    let mut refused = started(send(stranger, &path, "bia"));
    assert_eq!(refused.wait_code(), 3, "{}", refused.story());
}

#[test]
fn what_is_said_to_someone_who_only_receives_is_shown_when_it_talks() {
    let lan = LanPort::choose();
    let receiving = on(&lan, "bia").with(&["receive"]);
    let mut receiver = receiving.clone().start();
    let mut ana = on(&lan, "ana").start();
    ana.wait_linked("bia");
    ana.line("/msg bia are you there?");
    ana.wait_for("delivered", |_| true);
    receiver.process.signal(Signal::SIGTERM);
    assert_eq!(receiver.process.wait_code(), 0);
    assert!(!receiver.events().iter().any(|event| is(event, "message")));
    let talking = on(&lan, "bia").on(&receiver.shared_data()).start();
    talking.wait_message("are you there?");
}

#[test]
fn at_a_terminal_there_are_bars() {
    let lan = LanPort::choose();
    let (_place, path) = place(60 * MB);
    let receiving = on(&lan, "bia").plain().with(&["receive", "--once"]);
    let mut receiver = Terminal::start(receiving.clone());
    receiver.wait_shown(0, "waiting for what others send");
    let mut sender = Terminal::start(send(on(&lan, "ana").plain(), &path, "bia"));
    for (terminal, preposition) in [(&sender, "to bia"), (&receiver, "from ana")] {
        terminal.wait_until(0, "a bar", |shown| {
            let drawn = |line: &str| line.contains('█') && line.contains(&format!("“film um.mkv” {preposition}: "));
            shown.split(['\r', '\n']).any(drawn)
        });
    }
    assert_eq!((sender.wait_code(), receiver.wait_code()), (0, 0));
    assert!(receiver.shown().contains("received “") && sender.shown().contains("* bia has “film um.mkv” (60 MB"));
    assert_same(&path, &receiving.received().join("film um.mkv"));
}
