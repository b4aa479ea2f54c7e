//! The relays of `papo-tracker`, with clients that know nothing but sockets. Section C of the old systems' formats.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream, UdpSocket},
    time::{Duration, Instant},
};

use nix::sys::signal::Signal;

use crate::support::{BOUND, recording::replay, tracker::Tracker};

/// As much as an old client reads at once.
const READ_BYTES: usize = 1024;
/// Nothing comes: what would come has had time to.
const SILENCE: Duration = Duration::from_millis(150);

/// A tracker with both relays, and where they are.
#[track_caller]
pub(crate) fn relays(extra: &[&str]) -> (Tracker, SocketAddr, SocketAddr) {
    let options = [&["--relay-tcp", "127.0.0.1:0", "--relay-udp", "127.0.0.1:0"], extra].concat();
    let options = options.iter().map(|option| option as &dyn AsRef<std::ffi::OsStr>).collect::<Vec<_>>();
    let tracker = Tracker::start_with(&options);
    let address = |protocol: &str| {
        let begin = format!("papo-tracker relays {protocol} on ");
        let line = tracker.process.wait_stdout("where it relays", |line| line.starts_with(&begin));
        let rest = line.trim_start_matches(&begin);
        rest.split_once(',').expect("an address").0.parse().expect("an address")
    };
    let (tcp, udp) = (address("tcp"), address("udp"));
    (tracker, tcp, udp)
}

/// Waits until the counters of a relay say this.
#[track_caller]
pub(crate) fn wait_counted(tracker: &Tracker, protocol: &str, wanted: &str) {
    let begin = format!("relay for {protocol}: ");
    let until = Instant::now() + BOUND;
    loop {
        let before = tracker.process.stderr.len();
        tracker.process.signal(Signal::SIGUSR1);
        let line = tracker
            .process
            .stderr
            .wait(BOUND, |lines| lines.get(before..)?.iter().find(|line| line.contains(&begin)).cloned());
        let line = line.unwrap_or_else(|| panic!("no counters came\n{}", tracker.process.story()));
        if line.contains(wanted) {
            return;
        }
        assert!(Instant::now() < until, "{line}, not {wanted}");
    }
}

/// An old client of the relay for TCP.
pub(crate) struct Tcp {
    stream: TcpStream,
    port: u16,
}

impl Tcp {
    pub(crate) fn connect(relay: SocketAddr) -> Self {
        let stream = TcpStream::connect(relay).expect("it listens");
        stream.set_read_timeout(Some(BOUND)).expect("a timeout");
        let port = stream.local_addr().expect("an address").port();
        Self { stream, port }
    }

    pub(crate) fn say(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).expect("it is taken");
    }

    /// What one read brings.
    #[track_caller]
    pub(crate) fn hear(&mut self) -> String {
        let mut buffer = [0; READ_BYTES];
        let count = self.stream.read(&mut buffer).expect("something comes in time");
        String::from_utf8(buffer[..count].to_vec()).expect("an old client dies of anything but text")
    }

    /// Reads until so much has come.
    #[track_caller]
    fn hear_all(&mut self, wanted: &str) {
        let mut heard = String::new();
        while heard.len() < wanted.len() {
            let more = self.hear();
            assert!(!more.is_empty(), "it ended behind {heard:?}");
            heard += &more;
        }
        assert_eq!(heard, wanted);
    }

    /// What another one is told of what this one says.
    fn told(&self, text: &str) -> String {
        format!("('127.0.0.1', {}) disse: {text}", self.port)
    }
}

#[test]
fn a_client_of_the_tcp_relay_is_heard_by_all_others_in_the_exact_shape() {
    let (tracker, relay, _) = relays(&[]);
    let [mut ana, mut bia, mut cid] = [(); 3].map(|()| Tcp::connect(relay));
    wait_counted(&tracker, "tcp", "clients 3");
    ana.say("Olá!");
    for other in [&mut bia, &mut cid] {
        let heard = other.hear();
        assert_eq!(heard, ana.told("Olá!"));
        assert_eq!((ana.port > 9_999, heard.len()), (true, 33));
    }
    bia.say("oi, ana");
    // Nothing came back of what she said herself: this is the first that she hears.
    assert_eq!(ana.hear(), bia.told("oi, ana"));
    cid.hear_all(&bia.told("oi, ana"));
    // Bytes that are no text reach nobody, and characters are never cut.
    ana.say(b"\xff\xfe");
    for (said, at_once) in [("日本", 1), ("é".repeat(3_000).as_str(), 6_000)] {
        for bytes in said.as_bytes().chunks(at_once) {
            ana.say(bytes);
        }
        for other in [&mut bia, &mut cid] {
            // In as many pieces as may be, each with who said it.
            let mut heard = String::new();
            while heard.replace(&ana.told(""), "").len() < said.len() {
                heard += &other.hear();
            }
            assert_eq!(heard.replace(&ana.told(""), ""), said);
        }
    }
    // Whoever leaves is let go, and the word is not passed on.
    ana.say("/sair");
    assert_eq!(ana.hear(), "", "the end of the stream");
    cid.say("ainda aqui");
    assert_eq!(bia.hear(), cid.told("ainda aqui"));
    drop(bia);
    wait_counted(&tracker, "tcp", "clients 1; 3 joined, 2 left");
}

/// An old client of the relay for UDP.
struct Udp {
    socket: UdpSocket,
    relay: SocketAddr,
    port: u16,
}

impl Udp {
    fn new(relay: SocketAddr) -> Self {
        Self::on(relay, UdpSocket::bind("127.0.0.1:0").expect("a port"))
    }

    fn on(relay: SocketAddr, socket: UdpSocket) -> Self {
        socket.set_read_timeout(Some(BOUND)).expect("a timeout");
        let port = socket.local_addr().expect("an address").port();
        Self { socket, relay, port }
    }

    fn say(&self, bytes: impl AsRef<[u8]>) {
        self.socket.send_to(bytes.as_ref(), self.relay).expect("it goes");
    }

    #[track_caller]
    fn hear(&self) -> String {
        let mut buffer = [0; READ_BYTES + 1];
        let (count, _) = self.socket.recv_from(&mut buffer).expect("something comes in time");
        assert!(count <= READ_BYTES, "a longer datagram would be cut");
        String::from_utf8(buffer[..count].to_vec()).expect("an old client dies of anything but text")
    }

    #[track_caller]
    fn hears_nothing(&self) {
        self.socket.set_read_timeout(Some(SILENCE)).expect("a timeout");
        assert!(self.socket.recv_from(&mut [0; READ_BYTES]).is_err(), "nothing was for it");
        self.socket.set_read_timeout(Some(BOUND)).expect("a timeout");
    }
}

#[test]
fn the_udp_relay_takes_in_whoever_says_something_and_answers_whoever_pings() {
    let place = tempfile::tempdir().expect("a directory");
    let record = place.path().join("tracker.jsonl").to_string_lossy().into_owned();
    let (mut tracker, _, relay) = relays(&["--record", &record]);
    let four_digits = (1_024..10_000).find_map(|port| UdpSocket::bind(("127.0.0.1", port)).ok()).expect("a free port");
    let (ana, bia) = (Udp::new(relay), Udp::on(relay, four_digits));
    let joins = "Novo participante no chat.";
    assert_eq!(joins.len(), 26);
    ana.say(joins);
    wait_counted(&tracker, "udp", "clients 1");
    bia.say(joins);
    let heard = ana.hear();
    assert_eq!((heard.as_str(), heard.len()), (&*format!("('127.0.0.1', {}) disse: {joins}", bia.port), 53));
    ana.say("Olá!");
    assert_eq!(bia.hear(), format!("('127.0.0.1', {}) disse: Olá!", ana.port));

    // Whoever measures hears its own answer and nothing else.
    let monitor = Udp::new(relay);
    monitor.say("ping");
    assert_eq!(monitor.hear(), "ping");
    ana.say("alguém aí?");
    assert_eq!(bia.hear(), format!("('127.0.0.1', {}) disse: alguém aí?", ana.port));
    monitor.hears_nothing();

    // What is no text reaches nobody; what is long comes in pieces.
    ana.say(b"\xff\xfe");
    ana.say("é".repeat(1_500));
    let told = (0..4).map(|_| bia.hear()).collect::<Vec<_>>();
    let prefix = format!("('127.0.0.1', {}) disse: ", ana.port);
    assert_eq!(told.concat().replace(&prefix, ""), "é".repeat(1_500));

    // Whoever is gone is forgotten, and stops nobody.
    let cid = Udp::new(relay);
    cid.say(joins);
    assert_eq!(bia.hear(), format!("('127.0.0.1', {}) disse: {joins}", cid.port));
    drop(cid);
    ana.say("cid?");
    assert_eq!(bia.hear(), format!("{prefix}cid?"));
    if cfg!(target_os = "linux") {
        wait_counted(&tracker, "udp", "1 could not be reached");
    }
    ana.say("/sair");
    wait_counted(&tracker, "udp", "clients 1");
    bia.hears_nothing();

    assert_eq!(tracker.terminate(), 0);
    for protocol in ["tcp", "udp"] {
        let (code, printed) = replay(format!("{record}.relay-{protocol}").as_ref());
        assert_eq!(code, 0, "{printed}");
    }
}

#[test]
fn an_address_that_is_taken_is_told_and_nothing_is_left_running() {
    let taken = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let mut tracker = Tracker::start_with(&[&"--relay-udp", &address]);
    assert_eq!(tracker.process.wait_code(), 1);
    let sentence = format!("papo-tracker cannot relay udp on {address}: another program listens there");
    assert!(tracker.process.story().contains(&sentence), "{}", tracker.process.story());
}
