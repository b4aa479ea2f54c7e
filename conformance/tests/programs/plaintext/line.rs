//! The tracker as a super peer of the line system: section A of the old systems' formats.

use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    time::{Duration, Instant},
};

use serde_json::json;

use crate::support::{
    BOUND,
    older::Older,
    papo::{Papo, row},
    tracker::Tracker,
};

/// As much as such a client reads, once.
const READ_BYTES: usize = 1024;

fn start() -> Tracker {
    Tracker::start_with(&[&"--allow-plaintext"])
}

/// What one request brings: one read, as such a client does, and then the end.
#[track_caller]
fn ask(tracker: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(tracker).expect("it listens");
    stream.set_read_timeout(Some(BOUND)).expect("a timeout");
    stream.write_all(request.as_bytes()).expect("it is taken");
    answer(&mut stream)
}

#[track_caller]
fn answer(stream: &mut TcpStream) -> String {
    let mut buffer = [0; READ_BYTES];
    let count = match stream.read(&mut buffer) {
        Err(error) if error.kind() == ErrorKind::ConnectionReset => 0,
        read => read.expect("something comes in time"),
    };
    if count > 0 {
        assert_eq!(stream.read(&mut [0; 1]).unwrap_or(0), 0, "the server answers once and closes");
    }
    String::from_utf8(buffer[..count].to_vec()).expect("an old client dies of half a character")
}

/// A peer that listens, for as long as this is kept.
fn listener() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    (listener, port)
}

#[track_caller]
fn register(tracker: &Tracker, port: u16, name: &str) {
    assert_eq!(ask(tracker.address, &format!("REGISTER 127.0.0.1 {port} {name}")), "REGISTERED");
}

#[test]
fn register_is_answered_and_ping_lists_rows_without_a_trailing_newline() {
    let tracker = start();
    assert_eq!(ask(tracker.address, "PING"), "", "nobody is zero bytes");
    let ((_ana, one), (_bia, two)) = (listener(), listener());
    register(&tracker, one, "ana");
    assert_eq!(ask(tracker.address, "PING"), format!("127.0.0.1 {one} ana"), "listed at once");
    register(&tracker, two, "João");
    let rows = ask(tracker.address, "LIST");
    let mut rows = rows.split('\n').collect::<Vec<_>>();
    rows.sort_unstable();
    let mut expected = [format!("127.0.0.1 {one} ana"), format!("127.0.0.1 {two} João")];
    expected.sort_unstable();
    assert_eq!(rows, expected);
    // The same address and port overwrites.
    register(&tracker, two, "bia");
    let rows = ask(tracker.address, "PING");
    assert!(rows.contains(&format!("127.0.0.1 {two} bia")) && !rows.contains("João"), "{rows}");
}

#[test]
fn a_request_ends_at_a_newline_with_the_stream_or_after_a_silence() {
    let tracker = start();
    let (_ana, port) = listener();
    let request = format!("REGISTER 127.0.0.1 {port} ana");
    assert_eq!(ask(tracker.address, &format!("{request}\n")), "REGISTERED");
    assert_eq!(ask(tracker.address, &format!("{request}\r\n")), "REGISTERED");
    let mut ended = TcpStream::connect(tracker.address).expect("it listens");
    ended.set_read_timeout(Some(BOUND)).expect("a timeout");
    ended.write_all(request.as_bytes()).expect("it is taken");
    ended.shutdown(Shutdown::Write).expect("it ends");
    assert_eq!(answer(&mut ended), "REGISTERED");
    // Split at every byte.
    for cut in 1..request.len() {
        let mut stream = TcpStream::connect(tracker.address).expect("it listens");
        stream.set_read_timeout(Some(BOUND)).expect("a timeout");
        stream.write_all(&request.as_bytes()[..cut]).expect("it is taken");
        stream.write_all(&request.as_bytes()[cut..]).expect("it is taken");
        stream.write_all(b"\n").expect("it is taken");
        assert_eq!(answer(&mut stream), "REGISTERED", "cut at {cut}");
    }
}

#[test]
fn what_is_malformed_is_closed_without_a_word_and_others_go_on() {
    let tracker = start();
    let (_ana, port) = listener();
    for request in [
        format!("REGISTER 127.0.0.1 {port} ana maria\n"),
        format!("REGISTER 127.0.0.1 {port}\n"),
        "REGISTER nowhere 5000 ana\n".to_owned(),
        "REGISTER 127.0.0.1 70000 ana\n".to_owned(),
        "PERGUNTA\n".to_owned(),
        format!("REGISTER 127.0.0.1 {port} {}\n", "a".repeat(2_000)),
    ] {
        assert_eq!(ask(tracker.address, &request), "", "{request:?}");
    }
    // Clients probe by connecting and closing, and may close without reading.
    for request in ["", "PING", "REGISTER 127.0.0.1 1024 x"] {
        let mut stream = TcpStream::connect(tracker.address).expect("it listens");
        stream.write_all(request.as_bytes()).expect("it is taken");
    }
    register(&tracker, port, "ana");
}

#[test]
fn a_peer_whose_listener_stops_answering_leaves_the_list_and_may_come_back() {
    let tracker = Tracker::start_with(&[&"--allow-plaintext", &"--ping-interval", &"1"]);
    let (ana, one) = listener();
    let (bia, two) = listener();
    register(&tracker, one, "ana");
    register(&tracker, two, "bia");
    let registered = Instant::now();
    drop(ana);
    let is_listed = || ask(tracker.address, "PING").contains(" ana");
    assert!(is_listed());
    // Who answers is probed as often.
    while is_listed() {
        assert!(registered.elapsed() < BOUND, "it never leaves the list");
        bia.accept().expect("it is probed");
    }
    // It is probed after 5 s at the earliest, and dropped after two failures.
    assert!(registered.elapsed() >= Duration::from_secs(5), "{:?}", registered.elapsed());
    assert_eq!(ask(tracker.address, "PING"), format!("127.0.0.1 {two} bia"), "who answers stays");
    register(&tracker, one, "ana");
    assert!(is_listed());
}

#[test]
fn a_list_has_whole_rows_only_in_one_read_of_1024_bytes() {
    let tracker = start();
    let peers = (0..60).map(|_| listener()).collect::<Vec<_>>();
    for (number, (_, port)) in peers.iter().enumerate() {
        register(&tracker, *port, &format!("nome-bem-comprido-ação{number:02}"));
    }
    let list = ask(tracker.address, "PING");
    assert!(list.len() <= READ_BYTES && list.len() > READ_BYTES - 64, "{}", list.len());
    for listed in list.split('\n') {
        let fields = listed.split(' ').collect::<Vec<_>>();
        let [ip, port, name] = fields[..] else { panic!("{listed:?}") };
        let number =
            name.strip_prefix("nome-bem-comprido-ação").expect("a whole name").parse::<usize>().expect("whole");
        assert_eq!((ip, port.parse()), ("127.0.0.1", Ok(peers[number].1)));
    }
}

#[test]
fn one_directory_shows_everybody_to_everybody() {
    let tracker = start();
    let (_caio, port) = listener();
    register(&tracker, port, "caio");
    let mut ana = Papo::registered("ana", &tracker);
    let mut bia = Older::registered("bia", tracker.address);
    let listed = ask(tracker.address, "PING");
    for name in [" ana", " bia", " caio"] {
        assert!(listed.contains(name), "{listed}");
    }
    let peers = bia.ask(&json!({ "cmd": "LIST_PEERS" }));
    assert_eq!(peers["peers"]["caio"]["port"], port);
    let rows = ana.ask("/peers", "peers");
    let seen = row(&rows, "peers", "user", &format!("caio@127.0.0.1:{port}")).expect("it is listed");
    assert_eq!(seen["plaintext"], true);
    // Nobody can register as somebody who has an account: in the others' lists the account counts.
    let (_false, other) = listener();
    register(&tracker, other, "bia");
    let rows = ana.ask("/peers", "peers");
    assert!(row(&rows, "peers", "user", &format!("bia@127.0.0.1:{other}")).is_none());
    let peers = bia.ask(&json!({ "cmd": "LIST_PEERS" }));
    assert_eq!(peers["peers"]["bia"]["port"], bia.listen.port());
}
