//! What strangers send, and that nobody else notices.

use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use papo_proto::{
    error::Fault,
    wire::tracker::{FromTracker, Prefix, ToTracker},
};
use socket2::{Domain, SockAddr, Socket, Type};

use crate::{
    faults::within,
    support::{
        BOUND,
        papo::{PASSWORD, Papo, text},
        proxy::Proxy,
        raw::Raw,
        tracker::{Tracker, counter},
    },
};

/// Everyone hostile is gone within this.
const GONE_WITHIN: Duration = Duration::from_secs(10);
/// The most memory that a tracker under attack may take: the two password checks that may be under way (19 MiB each),
/// the unfinished frames (64 MiB at most), and the program itself.
const MEMORY_BYTES_MAX: u64 = 192 * 1024 * 1024;

/// A stranger's connection. Waits for its end are bounded.
fn stranger(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(BOUND)).expect("a socket option");
    stream
}

/// Reads until the other end closes; how long that took, and what it said.
#[track_caller]
fn wait_gone(mut stream: &TcpStream, since: Instant) -> (Duration, Vec<u8>) {
    let mut said = Vec::new();
    match stream.read_to_end(&mut said) {
        Ok(_) => {}
        Err(error) if matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) => {}
        Err(error) => panic!("it was not closed: {error}"),
    }
    (since.elapsed(), said)
}

/// Sends something as a stranger; it must be gone in time. What was said to it.
#[track_caller]
fn refused(address: SocketAddr, what: &str, bytes: &[u8]) -> Vec<u8> {
    let mut stream = stranger(address);
    let since = Instant::now();
    // It may be refused before it has sent everything.
    let _ = stream.write_all(bytes);
    let (took, said) = wait_gone(&stream, since);
    assert!(took <= within(GONE_WITHIN), "{what} stayed for {took:?}");
    said
}

/// Two who talk, one line after the other, while something else goes on.
pub(crate) struct Talk {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<(usize, Duration)>,
}

impl Talk {
    pub(crate) fn start(tracker: &Tracker) -> Self {
        let [mut ana, mut bia] = ["ana", "bia"].map(|name| Papo::registered(name, tracker));
        ana.create("sala");
        bia.join("sala");
        bia.line("/chat #sala");
        ana.wait_linked("bia");
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            let (mut lines, mut slowest) = (0, Duration::ZERO);
            while !stopped.load(Ordering::SeqCst) || lines < 10 {
                let (since, line) = (Instant::now(), format!("line {lines}"));
                bia.line(&line);
                ana.wait_message(&line);
                // The tracker answers, too.
                ana.ask("/rooms", "rooms");
                slowest = slowest.max(since.elapsed());
                lines += 1;
            }
            assert_eq!((ana.quit(), bia.quit()), (0, 0));
            (lines, slowest)
        });
        Self { stop, thread }
    }

    /// Ends it; every line arrived, and none took long.
    #[track_caller]
    pub(crate) fn stop(self) {
        self.stop.store(true, Ordering::SeqCst);
        let (lines, slowest) = self.thread.join().expect("they talked");
        assert!(slowest < within(GONE_WITHIN), "one of {lines} lines took {slowest:?}");
    }
}

/// What a stranger might send first, and the fault that it is counted as.
fn openings(preface: &[u8]) -> Vec<(&'static str, Vec<u8>, Fault)> {
    let with = |rest: &[u8]| [preface, rest].concat();
    let mut hello = vec![0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03];
    hello.extend([0x5a; 506]);
    vec![
        ("garbage", (0..4096u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 11) as u8).collect(), Fault::NotPapo),
        ("HTTP", b"GET / HTTP/1.1\r\nHost: papo\r\n\r\n".to_vec(), Fault::NotPapo),
        ("a TLS ClientHello", hello, Fault::NotPapo),
        ("a length of 65,535 and silence", with(&[0xff, 0xff]), Fault::FrameTooLong),
        ("half a frame", with(&[0x00, 0x20, 1, 2, 3]), Fault::HandshakeTimeout),
        ("an all-zero point", with(&[&[0x00, 0x20][..], &[0; 32]].concat()), Fault::Handshake),
        ("a first message that is too short", with(&[0x00, 0x05, 1, 2, 3, 4, 5]), Fault::Handshake),
        ("an empty frame", with(&[0x00, 0x00]), Fault::Handshake),
        ("nothing", Vec::new(), Fault::HandshakeTimeout),
        ("half a preface", preface[..7].to_vec(), Fault::HandshakeTimeout),
    ]
}

#[test]
fn whatever_strangers_send_to_a_tracker_they_are_gone_in_ten_seconds_with_their_counter() {
    let tracker = Tracker::start();
    let talk = Talk::start(&tracker);
    let mut openings = openings(b"papo/1 tracker\n");
    openings.push(("a peer's preface", b"papo/1 peer\n".to_vec(), Fault::WrongPreface));
    for (what, _, fault) in &openings {
        assert_eq!(counter(&tracker.counters(), *fault), 0, "{what} is not counted yet");
    }
    let address = tracker.address;
    let strangers =
        openings.clone().into_iter().map(|(what, bytes, _)| thread::spawn(move || refused(address, what, &bytes)));
    let strangers = strangers.collect::<Vec<_>>();
    let slow = thread::spawn(move || one_byte_a_second(address, b"papo/1 tracker\n"));
    for stranger in strangers {
        let said = stranger.join().expect("it was refused in time");
        assert!(said.len() < 512, "strangers are told next to nothing");
    }
    slow.join().expect("it was refused in time");
    let counters = tracker.counters();
    for fault in [Fault::NotPapo, Fault::WrongPreface, Fault::FrameTooLong, Fault::Handshake, Fault::HandshakeTimeout] {
        let sent = openings.iter().filter(|(_, _, counted)| *counted == fault).count();
        let sent = sent + usize::from(fault == Fault::HandshakeTimeout);
        assert_eq!(counter(&counters, fault), sent as u64, "{fault}: {counters}");
    }
    talk.stop();
    if let Some(peak) = tracker.process.memory_peak() {
        assert!(peak < MEMORY_BYTES_MAX, "{peak} bytes of memory");
    }
}

/// One byte a second, of something that would be valid if it came faster.
fn one_byte_a_second(address: SocketAddr, preface: &[u8]) {
    let stream = stranger(address);
    let mut writer = stream.try_clone().expect("a second handle");
    let bytes = [preface, &[0x00, 0x20], &[9; 32]].concat();
    let since = Instant::now();
    let slow = thread::spawn(move || {
        for byte in bytes {
            // The pace is what is tested here; nothing waits for it.
            if writer.write_all(&[byte]).is_err() {
                return;
            }
            thread::sleep(Duration::from_secs(1));
        }
    });
    let (took, _) = wait_gone(&stream, since);
    assert!(took <= within(GONE_WITHIN), "one byte a second stayed for {took:?}");
    slow.join().expect("the writer ends");
}

#[test]
fn whatever_strangers_send_to_a_peer_they_are_gone_in_ten_seconds() {
    let tracker = Tracker::start();
    let [mut ana, mut bia] = ["ana", "bia"].map(|name| Papo::registered(name, &tracker));
    let address = text(&ana.wait_for("ready", |_| true), "listen").parse::<SocketAddr>().expect("an address");
    let strangers = openings(b"papo/1 peer\n")
        .into_iter()
        .map(|(what, bytes, _)| thread::spawn(move || refused(address, what, &bytes)));
    let strangers = strangers.collect::<Vec<_>>();
    let slow = thread::spawn(move || one_byte_a_second(address, b"papo/1 peer\n"));
    for number in 0..20 {
        bia.line(&format!("/msg ana {number}"));
        ana.wait_message(&number.to_string());
    }
    for stranger in strangers {
        stranger.join().expect("it was refused in time");
    }
    slow.join().expect("it was refused in time");
    bia.line("/msg ana still there");
    ana.wait_message("still there");
    assert_eq!(ana.quit(), 0);
}

#[test]
fn before_login_nothing_is_done_and_nobody_stays() {
    let tracker = Tracker::start();
    let talk = Talk::start(&tracker);
    // A command.
    let mut stranger = Raw::connect(tracker.address, 7).expect("it speaks the protocol");
    let since = Instant::now();
    stranger.send(&ToTracker::ListPeers { request: 1, prefix: Prefix::default(), after: None }).expect("it is sent");
    let (took, said) = wait_gone(&stranger.stream, since);
    assert!(took <= within(GONE_WITHIN) && said.len() < 128, "{took:?}, {} bytes", said.len());
    tracker.wait_counter(Fault::Unexpected, 1);
    // Silence.
    let stranger = Raw::connect(tracker.address, 7).expect("it speaks the protocol");
    let (took, _) = wait_gone(&stranger.stream, Instant::now());
    assert!(took <= within(GONE_WITHIN), "{took:?}");
    tracker.wait_counter(Fault::LoginTimeout, 1);
    // A frame of more than 1 KiB.
    let mut stranger = Raw::connect(tracker.address, 7).expect("it speaks the protocol");
    let since = Instant::now();
    stranger.stream.write_all(&[0x04, 0x01]).expect("it is sent");
    let (took, _) = wait_gone(&stranger.stream, since);
    assert!(took <= within(GONE_WITHIN), "{took:?}");
    tracker.wait_counter(Fault::FrameTooLong, 1);
    // A message that is none, well sealed.
    let mut stranger = Raw::connect(tracker.address, 7).expect("it speaks the protocol");
    let since = Instant::now();
    let bytes = stranger.seal(&[250, 1, 2, 3]);
    stranger.stream.write_all(&bytes).expect("it is sent");
    let (took, _) = wait_gone(&stranger.stream, since);
    assert!(took <= within(GONE_WITHIN), "{took:?}");
    tracker.wait_counter(Fault::Malformed, 1);
    talk.stop();
}

#[test]
fn a_replayed_session_is_refused() {
    let tracker = Tracker::start();
    let tap = Proxy::start(tracker.address);
    let spec = format!("{}#{}", tap.address, tracker.fingerprint);
    let options = crate::support::papo::Options::new("ana").tracker(&spec).register(PASSWORD);
    let mut ana = options.log_in();
    ana.create("sala");
    assert_eq!(ana.quit(), 0);
    let session = tap.flows().into_iter().next().expect("it went through the tap");
    assert!(session.up.starts_with(b"papo/1 tracker\n") && session.up.len() > 300);
    let before = counter(&tracker.counters(), Fault::Handshake);
    let said = refused(tracker.address, "a replayed session", &session.up);
    assert!(said.len() < 512);
    assert_eq!(tracker.wait_counter(Fault::Handshake, before + 1), before + 1);
}

#[test]
fn silent_connections_keep_nobody_of_their_own_address_out() {
    let tracker = Tracker::start();
    // As many as may be without a login, and some more: the oldest make room.
    let silent = (0..300).map(|_| stranger(tracker.address)).collect::<Vec<_>>();
    let mut ana = Raw::connect(tracker.address, 1).expect("there is room");
    let welcome = ana.register("ana", "pw").expect("it answers");
    assert!(matches!(welcome, FromTracker::Welcome { .. }), "{welcome:?}");
    // Had she waited until the silent ones were gone by themselves, the last of these would not have had to make room.
    assert_eq!(tracker.wait_counter(Fault::TooManyFromAddress, 45), 45);
    drop(silent);
}

#[test]
fn two_thousand_connections_from_one_address_disturb_nobody() {
    const FLOOD: usize = 2_000;
    let tracker = Tracker::start();
    let talk = Talk::start(&tracker);
    // Another address of this host, where the system has it, so that it is the address that is to blame.
    let from = [[127, 0, 0, 2], [127, 0, 0, 1]].map(|ip| SocketAddr::from((ip, 0)));
    let since = Instant::now();
    let mut flood = Vec::with_capacity(FLOOD);
    for _ in 0..FLOOD {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        let bound = from.iter().find(|&&address| socket.bind(&SockAddr::from(address)).is_ok());
        bound.expect("loopback has an address");
        socket.connect(&SockAddr::from(tracker.address)).expect("the tracker accepts, if only to refuse");
        flood.push(TcpStream::from(socket));
    }
    let connected = since.elapsed();
    let mut longest = Duration::ZERO;
    for stream in &flood {
        stream.set_read_timeout(Some(BOUND)).expect("a socket option");
        longest = longest.max(wait_gone(stream, since).0);
    }
    assert!(longest <= within(GONE_WITHIN) + connected, "one stayed for {longest:?}");
    let counters = tracker.counters();
    let (refused, silent) =
        (counter(&counters, Fault::TooManyFromAddress), counter(&counters, Fault::HandshakeTimeout));
    assert_eq!(refused + silent, FLOOD as u64, "{counters}");
    assert!(refused >= FLOOD as u64 / 2, "{counters}");
    talk.stop();
    if let Some(peak) = tracker.process.memory_peak() {
        assert!(peak < MEMORY_BYTES_MAX, "{peak} bytes of memory");
    }
}
