//! A tracker is killed and comes back with what it had kept; two people talk meanwhile. One of them is killed and comes
//! back, too. Then the other comes from another device, and its new key has to be accepted.

use std::time::Duration;

use papo_proto::{
    identity::Identity,
    peer::{
        Problem, Request,
        interface::{Credentials, Target},
    },
};

use crate::world::resident::Kept;

use super::{
    LATER, Recording, credentials, done, heard, host, log_in, logged_in, name, newcomer, open, outcome, quit,
    recording, say, shut_down, stage::Stage, tracker, with_what_was_kept,
};

/// Plays it.
pub(super) fn record() -> Vec<Recording> {
    let mut world = Stage::new(2);
    let first = open(&mut world, tracker(20, Vec::new()));
    let ana = log_in(&mut world, host(2), newcomer(21, "ana"));
    let bia = log_in(&mut world, host(3), newcomer(22, "bia"));
    let sala = || Target::Room(name("sala"));
    done(&mut world, ana, Request::Create { room: name("sala"), capacity: None, plaintext: false });
    done(&mut world, bia, Request::Join { room: name("sala") });
    say(&mut world, ana, sala(), "antes");
    heard(&mut world, bia, "antes");

    world.kill(first);
    say(&mut world, ana, sala(), "entretanto");
    heard(&mut world, bia, "entretanto");
    say(&mut world, bia, Target::User(name("ana")), "diretamente");
    heard(&mut world, ana, "diretamente");
    world.run(Duration::from_secs(90));

    let kept = world.kept(first).filter_map(|kept| match kept {
        Kept::Tracker(change) => Some(change.clone()),
        Kept::Peer(_) => None,
    });
    let kept = kept.collect();
    let second = open(&mut world, tracker(23, kept));
    logged_in(&mut world, ana, LATER);
    logged_in(&mut world, bia, LATER);
    say(&mut world, bia, sala(), "depois");
    heard(&mut world, ana, "depois");

    // A peer is killed too, and comes back by its key with what it had kept.
    let killed = bia;
    world.kill(killed);
    say(&mut world, ana, sala(), "enquanto dormias");
    let mut start = with_what_was_kept(&world, killed, 26, newcomer(22, "bia"));
    start.credentials = Some(Credentials { password: None, ..credentials("bia", false) });
    let bia = log_in(&mut world, host(3), start);
    heard(&mut world, bia, "enquanto dormias");

    // Another device: the first session is told and ends, the contact blocks until the key is accepted.
    let mut start = newcomer(24, "ana");
    start.identity = Identity::from_secret(&[25; 32]);
    start.credentials = Some(credentials("ana", false));
    let phone = log_in(&mut world, host(4), start);
    world.run(Duration::from_secs(5));
    let to_ana = |text: &str| Request::Say { to: Target::User(name("ana")), text: text.to_owned() };
    assert!(matches!(outcome(&mut world, bia, to_ana("quem és tu")), Some(Problem::KeyChanged { .. })));
    done(&mut world, bia, Request::Verify { user: name("ana") });
    done(&mut world, bia, Request::Trust { user: name("ana") });
    done(&mut world, bia, to_ana("bem-vinda"));
    heard(&mut world, phone, "bem-vinda");
    done(&mut world, bia, Request::Logout);
    done(&mut world, bia, Request::Login(Credentials { password: None, ..credentials("bia", false) }));

    quit(&mut world, ana);
    quit(&mut world, phone);
    quit(&mut world, bia);
    shut_down(&mut world, second);
    vec![
        recording(&world, first, "reconnect.tracker-killed.jsonl"),
        recording(&world, second, "reconnect.tracker.jsonl"),
        recording(&world, ana, "reconnect.ana.jsonl"),
        recording(&world, phone, "reconnect.phone.jsonl"),
        recording(&world, killed, "reconnect.bia-killed.jsonl"),
        recording(&world, bia, "reconnect.bia.jsonl"),
    ]
}
