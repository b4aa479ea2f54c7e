//! Many clients of one tracker: what is confirmed is kept however it ends, and greed harms only the greedy.

use std::{
    collections::BTreeMap,
    io::{ErrorKind, Read as _, Write as _},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, Sender},
    },
    thread,
    time::{Duration, Instant},
};

use papo_proto::{
    error::Fault,
    wire::{
        codec::Wire as _,
        tracker::{Failure, FromTracker, Prefix, ToTracker},
    },
};

use crate::{
    hostile::Talk,
    support::{BOUND, raw::Raw, tracker::Tracker},
};

/// How often the tracker is killed; `PAPO_KILLS` says otherwise.
const KILLS: u32 = 6;
/// Clients that are busy when it is.
const BUSY: u32 = 4;

/// What a client knows of its membership in a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Member {
    Is,
    IsNot,
    /// It has asked, and was not answered.
    Perhaps,
}

/// What one client was told is done.
#[derive(Debug)]
struct Confirmed {
    name: String,
    identity: u32,
    rooms: BTreeMap<String, Member>,
}

/// Makes an account and rooms, joins those of others, leaves them again, until the tracker is gone; `done` hears of
/// each thing that was confirmed.
fn be_busy(tracker: &Tracker, round: u32, number: u32, done: &Sender<()>) -> Option<Confirmed> {
    let (name, identity) = (format!("u{round}x{number}"), round * BUSY + number);
    let mut client = Raw::connect(tracker.address, identity).ok()?;
    let FromTracker::Welcome { .. } = client.register(&name, "pw").ok()? else { panic!("{name} is free") };
    let mut confirmed = Confirmed { name, identity, rooms: BTreeMap::new() };
    for step in 0.. {
        // The test has heard enough before the tracker is gone.
        let _ = done.send(());
        let other = format!("r{round}x{}x{}", (number + 1) % BUSY, step / 3);
        let (room, wanted, answer) = match step % 3 {
            0 => {
                let room = format!("r{round}x{number}x{}", step / 3);
                confirmed.rooms.insert(room.clone(), Member::Perhaps);
                let answer = client.create(&room);
                (room, Member::Is, answer)
            }
            1 => {
                confirmed.rooms.insert(other.clone(), Member::Perhaps);
                let answer = client.join(&other);
                (other, Member::Is, answer)
            }
            _ if step % 2 == 0 => {
                confirmed.rooms.insert(other.clone(), Member::Perhaps);
                let answer = client.leave(&other);
                (other, Member::IsNot, answer)
            }
            _ => continue,
        };
        match answer {
            Ok(FromTracker::Done { .. }) => confirmed.rooms.insert(room, wanted),
            Ok(FromTracker::Failed { failure: Failure::UnknownRoom | Failure::NotMember, .. }) => {
                confirmed.rooms.insert(room, Member::IsNot)
            }
            Ok(FromTracker::Failed { failure: Failure::TooManyRooms, .. }) => {
                confirmed.rooms.insert(room, Member::IsNot);
                break;
            }
            Ok(other) => panic!("{}: {other:?}", confirmed.name),
            Err(_) => break,
        };
    }
    Some(confirmed)
}

/// Logs in by key and compares the rooms that one is told of.
#[track_caller]
fn check_kept(tracker: &Tracker, confirmed: &Confirmed) {
    let mut client = Raw::connect(tracker.address, confirmed.identity).expect("it is back");
    let welcome = client.log_in_by_key(&confirmed.name).expect("it answers");
    assert!(matches!(welcome, FromTracker::Welcome { .. }), "the account of {} is lost: {welcome:?}", confirmed.name);
    let mut told = Vec::new();
    loop {
        match client.receive().expect("it tells the rooms") {
            FromTracker::Room { room } => told.push(room.record.name.to_string()),
            FromTracker::Synced => break,
            _ => {}
        }
    }
    for (room, member) in &confirmed.rooms {
        let is_told = told.contains(room);
        match member {
            Member::Is => assert!(is_told, "{} is no more in {room}: {told:?}", confirmed.name),
            Member::IsNot => assert!(!is_told, "{} is in {room} again", confirmed.name),
            Member::Perhaps => {}
        }
    }
}

#[test]
fn nothing_that_was_confirmed_is_lost_however_often_a_busy_tracker_is_killed() {
    let kills = std::env::var("PAPO_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(KILLS);
    let mut tracker = Tracker::start();
    let mut known = Vec::new();
    for round in 0..=kills {
        let (sender, done) = mpsc::channel();
        let confirmed = thread::scope(|scope| {
            let busy = (0..BUSY).map(|number| {
                let (sender, tracker) = (sender.clone(), &tracker);
                scope.spawn(move || be_busy(tracker, round, number, &sender))
            });
            let busy = busy.collect::<Vec<_>>();
            drop(sender);
            // Each time at another moment.
            for _ in 0..BUSY + round * 37 % 150 {
                done.recv_timeout(BOUND).expect("they are busy");
            }
            if round < kills {
                tracker.process.signal(nix::sys::signal::Signal::SIGKILL);
            } else {
                tracker.process.signal(nix::sys::signal::Signal::SIGTERM);
            }
            drop(done);
            busy.into_iter().map(|busy| busy.join().expect("it ends with the tracker")).collect::<Vec<_>>()
        });
        let status = tracker.process.wait();
        if round == kills {
            assert_eq!(status.code(), Some(0), "a busy tracker ends in order when it is asked to");
        }
        tracker.restart();
        let confirmed = confirmed.into_iter().flatten().collect::<Vec<_>>();
        assert!(!confirmed.is_empty(), "round {round}");
        // Everyone of this round, and someone of each before.
        confirmed.iter().chain(&known).for_each(|confirmed| check_kept(&tracker, confirmed));
        known.extend(confirmed.into_iter().take(1));
    }
}

fn questions(client: &mut Raw, count: u32) -> Vec<u8> {
    let question = |request| ToTracker::ListPeers { request, prefix: Prefix::default(), after: None };
    (0..count).flat_map(|number| client.seal(&question(1000 + number).to_bytes())).collect()
}

#[test]
fn whoever_is_logged_in_and_floods_or_never_reads_or_dawdles_harms_nobody_else() {
    let tracker = Tracker::start();
    // Many are there, so that lists are long.
    let crowd = (0..60u32).map(|number| {
        let mut client = Raw::connect(tracker.address, number).expect("it listens");
        let welcome = client.register(&format!("someone-of-the-crowd-{number}"), "pw").expect("it answers");
        assert!(matches!(welcome, FromTracker::Welcome { .. }), "{welcome:?}");
        client
    });
    let mut crowd = crowd.collect::<Vec<_>>();
    let talk = Talk::start(&tracker);
    let before = tracker.memory_peak();

    // A byte a second, of a frame that would be valid.
    let mut slow = crowd.pop().expect("one of many");
    let bytes = slow.seal(&ToTracker::Ping { nonce: 1 }.to_bytes());
    let dawdler = thread::spawn(move || {
        let since = Instant::now();
        for byte in bytes {
            // The pace is what is tested here; nothing waits for it.
            if slow.stream.write_all(&[byte]).is_err() {
                break;
            }
            thread::sleep(Duration::from_secs(1));
        }
        since.elapsed()
    });
    // Questions whose answers nobody reads: some megabytes each, if they were given.
    for client in crowd.iter_mut().take(40) {
        let bytes = questions(client, 400);
        client.stream.write_all(&bytes).expect("it is taken");
    }
    // As many questions as fit, and the answers read as fast as they come.
    let stop = Arc::new(AtomicBool::new(false));
    let floods = crowd.drain(40..42).map(|mut client| {
        let mut reader = client.stream.try_clone().expect("a second handle");
        let reading = thread::spawn(move || {
            let (mut chunk, mut sum) = (vec![0; 64 * 1024], 0);
            while let Ok(count @ 1..) = reader.read(&mut chunk) {
                sum += count;
            }
            sum
        });
        let stop = Arc::clone(&stop);
        thread::spawn(move || {
            while !stop.load(Ordering::SeqCst) {
                let bytes = questions(&mut client, 200);
                client.stream.write_all(&bytes).expect("who reads is not cut off");
            }
            client.stream.shutdown(std::net::Shutdown::Both).expect("it still stands");
            reading.join().expect("it read")
        })
    });
    let floods = floods.collect::<Vec<_>>();
    // Messages that are none, and frames that are too long.
    let mut malformed = crowd.pop().expect("one of many");
    let bytes = malformed.seal(&[250, 1, 2, 3]);
    malformed.stream.write_all(&bytes).expect("it is sent");
    assert_gone(&mut malformed);
    let mut long = crowd.pop().expect("one of many");
    long.stream.write_all(&[0xff, 0xff]).expect("it is sent");
    assert_gone(&mut long);
    // One that hears nothing more, but has ended its own direction only.
    let mut half = crowd.pop().expect("one of many");
    half.stream.shutdown(std::net::Shutdown::Write).expect("it is open");
    assert_gone(&mut half);

    let took = dawdler.join().expect("it was cut off");
    assert!(took <= Duration::from_secs(10), "{took:?}");
    stop.store(true, Ordering::SeqCst);
    for flood in floods {
        let read = flood.join().expect("it was not cut off");
        assert!(read > 1024 * 1024, "{read} bytes of answers");
    }
    tracker.wait_counter(Fault::FrameTimeout, 1);
    tracker.wait_counter(Fault::Malformed, 1);
    tracker.wait_counter(Fault::FrameTooLong, 1);
    talk.stop();
    if let Some((before, after)) = before.zip(tracker.memory_peak()) {
        assert!(after - before < 40 * 1024 * 1024, "{} KiB more", (after - before) / 1024);
    }
}

/// Reads until the other end closes.
#[track_caller]
fn assert_gone(client: &mut Raw) {
    client.set_patience(Duration::from_secs(10));
    let mut rest = Vec::new();
    match client.stream.read_to_end(&mut rest) {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        Err(error) => panic!("it was not closed: {error}"),
    }
}

#[test]
fn whoever_knows_the_password_gets_in_while_others_of_the_same_address_guess() {
    const GUESSERS: u32 = 100;
    let tracker = Tracker::start();
    let mut ana = Raw::connect(tracker.address, 1).expect("it listens");
    ana.register("ana", "right").expect("it answers");
    drop(ana);
    let before = tracker.memory_peak();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let (sender, guessed) = mpsc::channel();
        for number in 0..GUESSERS {
            let (stop, sender, address) = (&stop, sender.clone(), tracker.address);
            scope.spawn(move || {
                while !stop.load(Ordering::SeqCst) {
                    let Ok(mut client) = Raw::connect(address, 100 + number) else { continue };
                    let name = if number % 2 == 0 { "ana" } else { "nobody" };
                    while let Ok(answer) = client.log_in(name, "wrong") {
                        let failed = matches!(answer, FromTracker::Failed { failure: Failure::BadCredentials, .. });
                        assert!(failed, "{answer:?}");
                        // The test may have seen enough.
                        let _ = sender.send(());
                        if stop.load(Ordering::SeqCst) {
                            return;
                        }
                    }
                }
            });
        }
        for _ in 0..GUESSERS {
            guessed.recv_timeout(BOUND).expect("they guess");
        }
        let since = Instant::now();
        let welcome = Raw::connect(tracker.address, 2).and_then(|mut ana| ana.log_in("ana", "right"));
        let took = since.elapsed();
        stop.store(true, Ordering::SeqCst);
        assert!(matches!(welcome, Ok(FromTracker::Welcome { .. })), "{welcome:?}");
        assert!(took < Duration::from_secs(15), "a peer gives a request up after that; it took {took:?}");
    });
    if let Some((before, after)) = before.zip(tracker.memory_peak()) {
        assert!(after - before < 40 * 1024 * 1024, "{} KiB more", (after - before) / 1024);
    }
}
