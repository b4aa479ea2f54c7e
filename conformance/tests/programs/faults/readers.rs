//! Clients that never read.
//!
//! Five hundred are in two rooms in which somebody is told of all the time. Most of them read, and some of those measure
//! how long a ping takes through the tracker. A hundred ask for much and then either read, too, or never again: the two
//! take turns, so that whatever else the host does weighs on both, and what is compared is measured in one run.

use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::TcpStream as StdStream,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use mio::{Events, Interest, Poll, Token, net::TcpStream};
use papo_proto::wire::{
    codec::{Text, Wire as _},
    tracker::{FromTracker, Prefix, Status, ToTracker},
};

use super::{by_form, is_long, p99_and_median, tell};
use crate::support::{BOUND, crowd, raw::Raw, tracker::Tracker};

/// Those who measure, and those of whom the others are told.
const PINGERS: u32 = 8;
const SPEAKERS: u32 = 2;
/// How often one of them is told of.
const SPOKEN_EVERY: Duration = Duration::from_millis(100);
/// Between two pings of one who measures.
const PINGED_EVERY: Duration = Duration::from_millis(5);
/// What each of the hundred asks for at first: answers that fill every buffer of the system's on the way.
const QUESTIONS: u32 = 30;
/// So many pings in a row that are answered so soon (on a loaded host, on a quiet one): then the answers have been given.
const QUICK_PINGS: u32 = 200;
const QUICK: (Duration, Duration) = (Duration::from_secs(1), Duration::from_millis(10));
/// The others' 99th percentile may be this many times what it is when all read.
const WORSE_MAX: f64 = 1.1;
/// What a tracker holds for a hundred who never read: each may leave some answers untaken, and pushes behind them.
const MEMORY_BYTES_MAX: u64 = 128 * 1024 * 1024;

fn log_in(tracker: &Tracker, number: u32) -> Raw {
    let mut client = Raw::connect(tracker.address, number).expect("it listens");
    let welcome = client.log_in_by_key(crowd::name(number).as_str()).expect("it answers");
    assert!(matches!(welcome, FromTracker::Welcome { .. }), "{welcome:?}");
    client
}

/// Reads from many connections, and makes nothing of it, until `over`.
fn drain(streams: &[StdStream], over: &AtomicBool, bytes: &AtomicUsize) {
    let mut poll = Poll::new().expect("descriptors");
    let mut streams = streams.iter().map(|stream| {
        let stream = stream.try_clone().expect("descriptors");
        stream.set_nonblocking(true).expect("a socket option");
        TcpStream::from_std(stream)
    });
    let mut streams = streams.by_ref().collect::<Vec<_>>();
    for (number, stream) in streams.iter_mut().enumerate() {
        poll.registry().register(stream, Token(number), Interest::READABLE).expect("descriptors");
    }
    let (mut events, mut chunk) = (Events::with_capacity(1024), vec![0; 64 * 1024]);
    while !over.load(Ordering::Relaxed) {
        poll.poll(&mut events, Some(Duration::from_millis(100))).expect("it waits");
        for event in &events {
            let stream = &mut streams[event.token().0];
            loop {
                match stream.read(&mut chunk) {
                    Ok(0) => panic!("who reads is not cut off"),
                    Ok(count) => bytes.fetch_add(count, Ordering::Relaxed),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(error) => panic!("who reads is not cut off: {error}"),
                };
            }
        }
    }
}

/// Those who read, in a run of several phases.
struct Room<'a> {
    tracker: &'a Tracker,
    /// Those who never read in every other phase.
    deaf: std::ops::Range<u32>,
    pingers: Vec<Raw>,
    speakers: Vec<Raw>,
    /// All others, who only read.
    silent: Vec<Raw>,
    spoken: u32,
}

impl Room<'_> {
    /// One phase: a hundred come, ask for much, and read it or not; meanwhile pings are timed.
    fn phase(&mut self, deaf: bool, length: Duration) -> Vec<Duration> {
        for client in &mut self.silent {
            // Whoever says nothing for long is given up.
            client.send(&ToTracker::Ping { nonce: 0 }).expect("it is taken");
        }
        let mut hundred = self.deaf.clone().map(|number| log_in(self.tracker, number)).collect::<Vec<_>>();
        for client in &mut hundred {
            let question = |request| ToTracker::ListPeers { request, prefix: Prefix::default(), after: None };
            let questions = (0..QUESTIONS).flat_map(|number| client.seal(&question(1_000 + number).to_bytes()));
            let questions = questions.collect::<Vec<_>>();
            client.stream.write_all(&questions).expect("it is taken");
        }
        if !deaf {
            for client in &mut hundred {
                client.answer(1_000 + QUESTIONS - 1).expect("who reads is answered");
            }
        }
        let streams = hundred.into_iter().map(|client| client.stream).collect::<Vec<_>>();
        let (over, bytes) = (AtomicBool::new(false), AtomicUsize::new(0));
        thread::scope(|scope| {
            let (over, bytes) = (&over, &bytes);
            if !deaf {
                let streams = &streams;
                scope.spawn(move || drain(streams, over, bytes));
            }
            // Pings stand in line behind what was asked for: until the tracker has done what it will do of that.
            let (settling, mut quick, (loaded, quiet)) = (Instant::now(), 0, QUICK);
            while quick < QUICK_PINGS {
                quick = if ping(&mut self.pingers[0], 0) < by_form(loaded, quiet) { quick + 1 } else { 0 };
                assert!(settling.elapsed() < BOUND, "it never comes to rest");
            }
            let until = Instant::now() + length;
            for speaker in &mut self.speakers {
                let mut spoken = self.spoken;
                scope.spawn(move || {
                    while Instant::now() < until {
                        spoken += 1;
                        speak(speaker, spoken);
                        thread::sleep(SPOKEN_EVERY);
                    }
                });
            }
            let pingers = self.pingers.iter_mut().map(|pinger| {
                scope.spawn(move || {
                    let mut times = Vec::new();
                    while Instant::now() < until {
                        times.push(ping(pinger, times.len() as u64));
                        thread::sleep(PINGED_EVERY);
                    }
                    times
                })
            });
            let pingers = pingers.collect::<Vec<_>>();
            let times = pingers.into_iter().flat_map(|pinger| pinger.join().expect("it is answered")).collect();
            self.spoken += 10_000;
            over.store(true, Ordering::Relaxed);
            times
        })
    }
}

/// How long the tracker takes to answer, pushes that come before the answer included.
fn ping(pinger: &mut Raw, number: u64) -> Duration {
    let since = Instant::now();
    pinger.send(&ToTracker::Ping { nonce: number }).expect("it is taken");
    loop {
        match pinger.receive().expect("who reads is not cut off") {
            FromTracker::Pong { nonce } if nonce == number => return since.elapsed(),
            FromTracker::Ping { nonce } => pinger.send(&ToTracker::Pong { nonce }).expect("it is taken"),
            _ => {}
        }
    }
}

/// Has everyone in its room told something. Its own answers are read by whoever drains it.
fn speak(speaker: &mut Raw, number: u32) {
    let text = Text::new(format!("{number} {}", "x".repeat(100))).expect("short enough");
    let request = speaker.next_request();
    speaker.send(&ToTracker::SetStatus { request, status: Status::Online, text }).expect("it is taken");
}

#[test]
fn a_hundred_of_five_hundred_who_never_read_delay_nobody_else() {
    let (clients, deaf) = by_form((150, 30), (500, 100));
    let tracker = Tracker::start_on(crowd::data(clients, 0));
    let mut all = (0..clients).map(|number| log_in(&tracker, number)).collect::<Vec<_>>();
    for room in 0..2 {
        let made = all[0].create(&format!("room-{room}")).expect("it answers");
        assert!(matches!(made, FromTracker::Done { .. }), "{made:?}");
    }
    for (number, client) in all.iter_mut().enumerate().skip(1) {
        let joined = client.join(&format!("room-{}", number % 2)).expect("it answers");
        assert!(matches!(joined, FromTracker::Done { .. }), "{joined:?}");
    }
    // Those who may not read come again in each phase.
    all.truncate((clients - deaf) as usize);
    let pingers = all.split_off(all.len() - PINGERS as usize);
    let speakers = all.split_off(all.len() - SPEAKERS as usize);
    let drained = speakers.iter().chain(&all).map(|client| client.stream.try_clone().expect("descriptors"));
    let drained = drained.collect::<Vec<_>>();
    let (over, bytes) = (AtomicBool::new(false), AtomicUsize::new(0));
    let [mut times_reading, mut times_deaf] = [Vec::new(), Vec::new()];
    let memory = thread::scope(|scope| {
        scope.spawn(|| drain(&drained, &over, &bytes));
        let mut room =
            Room { tracker: &tracker, deaf: clients - deaf..clients, pingers, speakers, silent: all, spoken: 0 };
        let length = by_form(Duration::from_millis(800), Duration::from_secs(4));
        // The first phase of each is not counted: whatever is done once is done in it.
        room.phase(false, length);
        room.phase(true, length);
        let before = bytes.load(Ordering::Relaxed);
        for _ in 0..by_form(1, 10) {
            times_reading.extend(room.phase(false, length));
            times_deaf.extend(room.phase(true, length));
        }
        assert!(bytes.load(Ordering::Relaxed) > before, "those who read were told nothing");
        over.store(true, Ordering::Relaxed);
        tracker.process.memory_peak()
    });
    let (p99_reading, half_reading) = p99_and_median(&mut times_reading);
    let (p99_deaf, half_deaf) = p99_and_median(&mut times_deaf);
    let worse = p99_deaf.as_secs_f64() / p99_reading.as_secs_f64();
    tell(format_args!(
        "99 of 100 pings within {} µs while all of {clients} read (median {}), within {} µs while {deaf} never read \
         (median {}): {worse:.3} times, {} and {} pings; the tracker took {} MiB at most",
        p99_reading.as_micros(),
        half_reading.as_micros(),
        p99_deaf.as_micros(),
        half_deaf.as_micros(),
        times_reading.len(),
        times_deaf.len(),
        memory.unwrap_or_default() / 1024 / 1024,
    ));
    assert!(times_deaf.iter().all(|time| *time < BOUND), "everyone is answered");
    assert!(memory.is_none_or(|memory| memory < MEMORY_BYTES_MAX), "{memory:?} bytes");
    assert!(!is_long() || worse <= WORSE_MAX, "{worse:.3} times");
}
