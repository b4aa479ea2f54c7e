//! `papo relay-chat`: in a pipe and at a terminal, by the relays of `papo-tracker`, and by relays that are as a test
//! wants them. Section C of the old systems' formats.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream, UdpSocket},
    process::Command,
    time::{Duration, Instant},
};

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::{
    relays::{Tcp, relays, wait_counted},
    support::{BOUND, process::Process, programs, recording::replay, terminal::Terminal},
};

fn command(protocol: &str, relay: SocketAddr, more: &[&str]) -> Command {
    let mut command = programs::papo();
    command.args(["relay-chat", protocol, &relay.to_string(), "--user", "ana"]).args(more);
    command
}

fn chat(protocol: &str, relay: SocketAddr, more: &[&str]) -> Process {
    Process::start(&mut command(protocol, relay, more))
}

/// The next object of this kind that has this text.
#[track_caller]
fn wait_event(chat: &Process, event: &str, text: Option<&str>) -> Value {
    let found = chat.stdout.wait(BOUND, |lines| {
        let mut objects = lines.iter().map(|line| serde_json::from_str::<Value>(line).expect("an object"));
        objects.find(|object| object["event"] == event && text.is_none_or(|text| object["text"] == text))
    });
    found.unwrap_or_else(|| panic!("{event} {text:?} never came\n{}", chat.story()))
}

/// How often this was told.
fn count(chat: &Process, event: &str, text: &str) -> usize {
    let is_it = |line: &String| {
        let object = serde_json::from_str::<Value>(line).expect("an object");
        object["event"] == event && object["text"] == text
    };
    chat.stdout.with(|lines| lines.iter().filter(|line| is_it(line)).count())
}

/// A relay for TCP in a test's own hands.
fn accept(listener: &TcpListener) -> TcpStream {
    let (stream, _) = listener.accept().expect("it dials");
    stream.set_read_timeout(Some(BOUND)).expect("a timeout");
    stream
}

#[test]
fn two_who_talk_by_a_relay_and_an_old_client_hear_each_other_and_nobody_himself() {
    for protocol in ["tcp", "udp"] {
        let (tracker, tcp, udp) = relays(&[]);
        let relay = if protocol == "tcp" { tcp } else { udp };
        let place = tempfile::tempdir().expect("a directory");
        let record = place.path().join("chat.jsonl");
        let mut ana = chat(protocol, relay, &["--json", "--record", &record.to_string_lossy()]);
        assert_eq!(wait_event(&ana, "joined", None)["relay"], relay.to_string());
        wait_counted(&tracker, protocol, "clients 1");
        let mut bia = chat(protocol, relay, &["--json"]);
        wait_event(&bia, "joined", None);
        wait_counted(&tracker, protocol, "clients 2");
        if protocol == "udp" {
            wait_event(&ana, "message", Some("Novo participante no chat."));
        }
        let texts = ["Olá!", "/etc/hosts", "a/sair", "ping", "linha 1\nlinha 2", "日本 🙂"];
        for text in texts {
            ana.write_line(&serde_json::json!({ "say": text }).to_string());
        }
        for text in texts {
            wait_event(&ana, "said", Some(text));
            // What the relay would have taken for the wish to leave, or for a question.
            let heard = match (protocol, text) {
                (_, "a/sair") => "a /sair",
                ("udp", "ping") => "ping ",
                _ => text,
            };
            let message = wait_event(&bia, "message", Some(heard));
            assert!(message["from"].as_str().is_some_and(|from| from.starts_with("127.0.0.1:")), "{message}");
        }
        bia.write_line("oi, ana");
        wait_event(&ana, "message", Some("oi, ana"));
        wait_event(&bia, "said", Some("oi, ana"));
        for (text, chat) in [("Olá!", &ana), ("oi, ana", &bia)] {
            assert_eq!((count(chat, "said", text), count(chat, "message", text)), (1, 0), "{text}");
        }
        if protocol == "tcp" {
            let mut old = Tcp::connect(relay);
            wait_counted(&tracker, protocol, "clients 3");
            ana.write_line("Olá!");
            assert_eq!(old.hear().split_once(" disse: ").map(|(_, text)| text.to_owned()).as_deref(), Some("Olá!"));
            old.say("velho\n");
            wait_event(&ana, "message", Some("velho\n"));
        }
        ana.close_input();
        bia.write_line("/sair");
        assert_eq!((ana.wait_code(), bia.wait_code()), (0, 0), "{}", ana.story());
        wait_counted(&tracker, protocol, "clients 0");
        let (code, printed) = replay(&record);
        assert_eq!(code, 0, "{printed}");
    }
}

#[test]
fn in_a_pipe_what_comes_is_a_line_each_and_cannot_look_like_another() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let mut ana = chat("tcp", listener.local_addr().expect("an address"), &[]);
    let mut relay = accept(&listener);
    relay.write_all("('10.0.0.7', 61536) disse: oi\u{1b}[2J\nana: forjado\n".as_bytes()).expect("it goes");
    relay.write_all(b"('10.0.0.8', 9) disse: tchau").expect("it goes");
    ana.wait_stdout("what was said last", |line| line == "10.0.0.8:9: tchau");
    ana.stdout.with(|lines| assert_eq!(lines[1], "10.0.0.7:61536: oi\\u{1b}[2J\\nana: forjado", "{lines:?}"));
    ana.write_line("Olá!");
    ana.wait_stdout("what was said", |line| line == "ana: Olá!");
    ana.close_input();
    let mut said = String::new();
    relay.read_to_string(&mut said).expect("text, and its end");
    assert_eq!((said.as_str(), ana.wait_code()), ("Olá!", 0));
}

#[test]
fn texts_longer_than_a_relay_tells_whole_are_cut_and_reach_it_one_by_one() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let mut ana = chat("tcp", listener.local_addr().expect("an address"), &["--json"]);
    let mut relay = accept(&listener);
    let long = "é日".repeat(1_000);
    ana.write_line(&long);
    ana.close_input();
    let mut heard = String::new();
    let mut buffer = [0; 4096];
    loop {
        match relay.read(&mut buffer).expect("in time") {
            0 => break,
            count => heard += std::str::from_utf8(&buffer[..count]).expect("whole characters"),
        }
    }
    assert_eq!((heard, ana.wait_code()), (long, 0));
}

#[test]
fn every_byte_that_a_relay_for_udp_is_sent_is_as_old_clients_send_it() {
    let relay = UdpSocket::bind("127.0.0.1:0").expect("a port");
    relay.set_read_timeout(Some(BOUND)).expect("a timeout");
    let mut ana = chat("udp", relay.local_addr().expect("an address"), &["--json"]);
    let receive = || {
        let mut datagram = [0; 2048];
        let (count, from) = relay.recv_from(&mut datagram).expect("it comes");
        (String::from_utf8(datagram[..count].to_vec()).expect("text"), from)
    };
    let (mut question, from) = receive();
    assert_eq!(question, "ping");
    relay.send_to(b"ping", from).expect("it goes");
    while question == "ping" {
        question = receive().0;
    }
    assert_eq!((question.as_str(), question.len()), ("Novo participante no chat.", 26));
    relay.send_to("('127.0.0.1', 61536) disse: Olá!".as_bytes(), from).expect("it goes");
    relay.send_to(b"\xff\xfe", from).expect("it goes");
    let heard = wait_event(&ana, "message", Some("Olá!"));
    assert_eq!(heard["from"], "127.0.0.1:61536");
    ana.write_line("oi");
    assert_eq!(receive().0, "oi");
    ana.write_line("/sair");
    assert_eq!((receive().0.as_str(), ana.wait_code()), ("/sair", 0));
}

#[test]
fn where_there_is_no_relay_that_is_said_and_the_exit_code_is_four() {
    // Whoever has bound a port and does not listen, or does not answer, is no relay.
    let closed = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
    closed.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("a port");
    let closed_at = closed.local_addr().ok().and_then(|address| address.as_socket()).expect("an address");
    let silent = UdpSocket::bind("127.0.0.1:0").expect("a port");
    for (protocol, relay) in [("tcp", closed_at), ("udp", silent.local_addr().expect("an address"))] {
        let started = Instant::now();
        let mut ana = chat(protocol, relay, &[]);
        ana.write_line("Olá!");
        assert_eq!(ana.wait_code(), 4, "{}", ana.story());
        ana.wait_stdout("why", |line| line.starts_with("! there is no relay to talk by: "));
        assert!(started.elapsed() < Duration::from_secs(30));
    }
    let mut ana = chat("tcp", closed_at, &["--json", "--lang", "pt"]);
    assert_eq!(ana.wait_code(), 4);
    assert_eq!(wait_event(&ana, "error", None)["code"], "relay_unreachable");
    assert_eq!(chat("sctp", closed_at, &[]).wait_code(), 2);
}

#[test]
fn a_relay_that_is_lost_is_found_again_and_what_waits_is_said_there() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let mut ana = chat("tcp", listener.local_addr().expect("an address"), &["--json"]);
    drop(accept(&listener));
    let lost = ana.stdout.wait(BOUND, |lines| lines.iter().find(|line| line.contains("relay_lost")).cloned());
    assert!(lost.is_some(), "{}", ana.story());
    ana.write_line("ainda aqui");
    let mut relay = accept(&listener);
    ana.close_input();
    let mut said = String::new();
    relay.read_to_string(&mut said).expect("text, and its end");
    assert_eq!((said.as_str(), ana.wait_code()), ("ainda aqui", 0));
    let joined = |line: &&String| line.contains("\"joined\"");
    assert_eq!(ana.stdout.with(|lines| lines.iter().filter(joined).count()), 2);
}

#[test]
fn at_a_terminal_what_comes_is_printed_above_what_is_typed() {
    let place = tempfile::tempdir().expect("a directory");
    let data = place.path().to_string_lossy().into_owned();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let relay = listener.local_addr().expect("an address");
    let mut ana = Terminal::start_command(&command("tcp", relay, &["--data", &data]));
    let mut relay = accept(&listener);
    ana.wait_shown(0, "everyone>");
    ana.press("meio");
    ana.wait_grid("the draft", |grid| grid.row_with("everyone> meio").is_some());
    relay.write_all("('10.0.0.7', 61536) disse: Olá!\u{1b}[31m".as_bytes()).expect("it goes");
    ana.wait_grid("the message above the draft", |grid| {
        let message = grid.row_with("10.0.0.7:61536: Olá!\\u{1b}[31m");
        message.is_some_and(|message| grid.row_with("everyone> meio").is_some_and(|draft| message < draft))
    });
    ana.press(" dia\r");
    let mut buffer = [0; 64];
    let count = relay.read(&mut buffer).expect("it was said");
    assert_eq!(&buffer[..count], b"meio dia");
    // Completion and history are the peer's; the commands are not.
    let from = ana.printed();
    ana.press("/he\t\r");
    ana.wait_until(from, "help about three commands", |shown| {
        shown.contains("/sair") && shown.contains("Everything else is said") && !shown.contains("/join")
    });
    ana.press("\u{1b}[A\u{1b}[A");
    ana.wait_grid("the line before, again", |grid| grid.rows_with("everyone> meio dia") == 2);
    ana.press("\r");
    let count = relay.read(&mut buffer).expect("it was said again");
    assert_eq!(&buffer[..count], b"meio dia");
    ana.press("/sair\r");
    assert_eq!(ana.wait_code(), 0);
}

#[test]
fn a_signal_ends_it_in_order() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    for (signal, code) in [(Signal::SIGINT, 130), (Signal::SIGTERM, 0)] {
        let mut ana = chat("tcp", listener.local_addr().expect("an address"), &["--json"]);
        let mut relay = accept(&listener);
        wait_event(&ana, "joined", None);
        ana.signal(signal);
        assert_eq!(ana.wait_code(), code);
        assert_eq!(relay.read(&mut [0; 9]).expect("its end"), 0);
    }
}
