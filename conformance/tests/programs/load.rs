//! Many clients of one tracker: greed harms only the greedy.

use std::{
    io::{ErrorKind, Read as _, Write as _},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
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
    faults::within,
    hostile::Talk,
    support::{BOUND, raw::Raw, tracker::Tracker},
};

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
    let before = tracker.process.memory_peak();

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
    assert!(took <= within(Duration::from_secs(10)), "{took:?}");
    stop.store(true, Ordering::SeqCst);
    for flood in floods {
        let read = flood.join().expect("it was not cut off");
        assert!(read > 1024 * 1024, "{read} bytes of answers");
    }
    tracker.wait_counter(Fault::FrameTimeout, 1);
    tracker.wait_counter(Fault::Malformed, 1);
    tracker.wait_counter(Fault::FrameTooLong, 1);
    talk.stop();
    if let Some((before, after)) = before.zip(tracker.process.memory_peak()) {
        assert!(after - before < 40 * 1024 * 1024, "{} KiB more", (after - before) / 1024);
    }
}

/// Reads until the other end closes.
#[track_caller]
fn assert_gone(client: &mut Raw) {
    client.set_patience(BOUND);
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
    let before = tracker.process.memory_peak();
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
        assert!(took < within(Duration::from_secs(15)), "a peer gives a request up after that; it took {took:?}");
    });
    if let Some((before, after)) = before.zip(tracker.process.memory_peak()) {
        assert!(after - before < 40 * 1024 * 1024, "{} KiB more", (after - before) / 1024);
    }
}
