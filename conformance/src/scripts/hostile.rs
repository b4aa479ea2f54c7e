//! Strangers send what strangers send, to a tracker and to a peer, while two people talk. Each is gone within ten
//! seconds.

use std::{net::SocketAddr, time::Duration};

use papo_proto::{
    channel::{Channel, Preface, StaticKey, Step},
    identity::Identity,
    peer::{Problem, Request, interface::Target},
    rng::Seed,
    tracker::Notice,
    wire::{
        codec::Wire as _,
        tracker::{Prefix, ToTracker},
    },
};

use super::{
    Recording, TRACKER, done, heard, host, log_in, name, newcomer, open, outcome, quit, recording, say, shut_down,
    stage::Stage, told, tracker,
};

/// From where all strangers come.
const STRANGERS: u8 = 66;
/// More connections of strangers at once are refused; so few, that the recording stays small.
const ANONYMOUS_MAX: usize = 24;

/// Plays it.
pub(super) fn record() -> Vec<Recording> {
    let mut world = Stage::new(3);
    let mut start = tracker(30, Vec::new());
    start.limits.anonymous_per_address_max = ANONYMOUS_MAX;
    let tracker = open(&mut world, start);
    let ana = log_in(&mut world, host(2), newcomer(31, "ana"));
    let bia = log_in(&mut world, host(3), newcomer(32, "bia"));
    done(&mut world, ana, Request::Create { room: name("sala"), capacity: None, plaintext: false });
    done(&mut world, bia, Request::Join { room: name("sala") });

    let at_ana = SocketAddr::new(host(2), 6061);
    let mut strangers = openings(&mut world, TRACKER, b"papo/1 tracker\n");
    strangers.extend(openings(&mut world, at_ana, b"papo/1 peer\n"));
    strangers.push(before_login(&mut world));
    say(&mut world, bia, Target::Room(name("sala")), "ouves-me?");
    heard(&mut world, ana, "ouves-me?");
    world.run(Duration::from_secs(10));
    for stranger in strangers {
        assert!(!world.told(stranger).1, "stranger {stranger} is still there");
    }

    // More at once than one address may have.
    let flood = (0..2 * ANONYMOUS_MAX).map(|_| world.dial(host(STRANGERS), TRACKER)).collect::<Vec<_>>();
    world.run(Duration::from_secs(1));
    let standing = flood.iter().filter(|&&stranger| world.told(stranger).1).count();
    assert_eq!(standing, ANONYMOUS_MAX, "the others were refused at once");
    world.run(Duration::from_secs(10));
    assert!(flood.iter().all(|&stranger| !world.told(stranger).1), "silence is no reason to stay");

    let refused = outcome(&mut world, ana, Request::Connect { address: at_ana });
    assert_eq!(refused, Some(Problem::Oneself));
    say(&mut world, ana, Target::User(name("bia")), "tudo bem");
    heard(&mut world, bia, "tudo bem");
    world.ask_tracker(tracker, papo_proto::tracker::Command::Count);
    told(&mut world, tracker, |notice| matches!(notice, Notice::Counters { .. }));
    quit(&mut world, ana);
    quit(&mut world, bia);
    shut_down(&mut world, tracker);
    vec![recording(&world, tracker, "hostile.tracker.jsonl"), recording(&world, ana, "hostile.peer.jsonl")]
}

/// One stranger for each thing that might come first.
fn openings(world: &mut Stage, to: SocketAddr, preface: &[u8]) -> Vec<u64> {
    let with = |rest: &[u8]| [preface, rest].concat();
    let garbage = Seed([4; 32]).stream("garbage", 0).bytes::<256>();
    let said = [
        garbage.to_vec(),
        b"GET / HTTP/1.1\r\nHost: papo\r\n\r\n".to_vec(),
        [&[0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03][..], &[0x5a; 64]].concat(),
        with(&[0xff, 0xff]),
        with(&[0x00, 0x20, 1, 2, 3]),
        with(&[&[0x00, 0x20][..], &[0; 32]].concat()),
        with(&[0x00, 0x00]),
        b"papo/2 tracker\n".to_vec(),
        preface[..4].to_vec(),
        Vec::new(),
    ];
    let strangers = said.map(|bytes| (world.dial(host(STRANGERS), to), bytes));
    world.run(Duration::from_millis(50));
    for (stranger, bytes) in &strangers {
        if !bytes.is_empty() {
            world.say(*stranger, bytes);
        }
    }
    let mut all = strangers.iter().map(|(stranger, _)| *stranger).collect::<Vec<_>>();

    // One that gives up by itself.
    let fickle = world.dial(host(STRANGERS), to);
    world.run(Duration::from_millis(50));
    world.say(fickle, preface);
    world.hang_up(fickle);
    all.push(fickle);

    // One byte a second.
    let slow = world.dial(host(STRANGERS), to);
    for byte in with(&[0x00, 0x20, 9, 9, 9, 9]) {
        world.run(Duration::from_secs(1));
        world.say(slow, &[byte]);
    }
    all.push(slow);
    all
}

/// A stranger who completes the handshake and asks for the list of peers without an account.
fn before_login(world: &mut Stage) -> u64 {
    let stranger = world.dial(host(STRANGERS), TRACKER);
    world.run(Duration::from_millis(50));
    let seed = Seed([5; 32]);
    let statics = StaticKey::draw(&mut seed.stream("static", 0));
    let (mut out, mut read) = (Vec::new(), 0);
    let identity = Identity::from_secret(&[66; 32]);
    let mut channel = Channel::dial(Preface::Tracker, identity, &statics, seed.stream("channel", 0), &mut out);
    loop {
        world.say(stranger, &out);
        out.clear();
        world.run(Duration::from_millis(10));
        let told = world.told(stranger).0;
        channel.handle_bytes(&told[read..]);
        read = told.len();
        match channel.next_step(16 * 1024, &mut out).expect("the tracker speaks the protocol") {
            Some(Step::Identified(_)) => channel.confirm(&mut out),
            Some(Step::Established(_)) => break,
            Some(Step::Message(_)) | None => panic!("the tracker answers a handshake by a handshake"),
        }
    }
    channel.seal(&ToTracker::ListPeers { request: 1, prefix: Prefix::default(), after: None }.to_bytes(), &mut out);
    world.say(stranger, &out);
    stranger
}
