//! Two people register, meet in a room, talk in it and apart, look around, and say goodbye.

use std::time::Duration;

use papo_proto::{
    peer::{Problem, Request, interface::Target},
    wire::{
        codec::Text,
        tracker::{Failure, Status},
    },
};

use super::{
    Recording, done, heard, host, log_in, name, newcomer, open, outcome, quit, recording, say, shut_down, stage::Stage,
    tracker, tracker_address, tracker_identity,
};

/// Plays it.
pub(super) fn record() -> Vec<Recording> {
    let mut world = Stage::new(1);
    world.name_host("tracker.example", host(1));
    let tracker = open(&mut world, tracker(10, Vec::new()));
    let ana = log_in(&mut world, host(2), newcomer(11, "ana"));
    let mut start = newcomer(12, "bia");
    start.tracker = Some(tracker_address("tracker.example", Some(tracker_identity().key())));
    let bia = log_in(&mut world, host(3), start);

    let sala = || Target::Room(name("sala"));
    done(&mut world, ana, Request::Create { room: name("sala"), capacity: Some(2), plaintext: false });
    let refused = outcome(&mut world, bia, Request::Join { room: name("nenhures") });
    assert_eq!(refused, Some(Problem::Tracker { failure: Failure::UnknownRoom }));
    done(&mut world, bia, Request::Join { room: name("sala") });
    say(&mut world, bia, sala(), "olá, 日本語 👋");
    heard(&mut world, ana, "olá, 日本語 👋");
    for number in 0..5 {
        say(&mut world, ana, sala(), &format!("linha {number}"));
        say(&mut world, bia, sala(), &format!("resposta {number}"));
    }
    heard(&mut world, ana, "resposta 4");
    heard(&mut world, bia, "linha 4");
    say(&mut world, ana, Target::User(name("bia")), "só para ti\nem duas linhas");
    heard(&mut world, bia, "só para ti\nem duas linhas");
    say(&mut world, bia, Target::All, "para todos");
    heard(&mut world, ana, "para todos");

    for request in [
        Request::Peers { prefix: String::new() },
        Request::Rooms { prefix: String::new() },
        Request::Users { room: Some(name("sala")) },
        Request::Whois { user: name("bia") },
        Request::Verify { user: name("bia") },
        Request::Ping { user: name("bia") },
        Request::Status { status: Status::Away, text: Text::new("a almoçar").expect("short enough") },
        Request::Profile { text: Text::new("pinta casas").expect("short enough") },
        Request::Drain,
    ] {
        done(&mut world, ana, request);
    }
    assert_ne!(outcome(&mut world, ana, Request::Whois { user: name("ninguém") }), None);
    let refused = outcome(&mut world, bia, Request::Delete { room: name("sala") });
    assert_eq!(refused, Some(Problem::Tracker { failure: Failure::NotOwner }));

    // Time for pings, both ways and between the two.
    world.run(Duration::from_secs(60));
    done(&mut world, ana, Request::Leave { room: name("sala") });
    done(&mut world, bia, Request::Delete { room: name("sala") });
    quit(&mut world, ana);
    quit(&mut world, bia);
    shut_down(&mut world, tracker);
    vec![
        recording(&world, tracker, "whole-life.tracker.jsonl"),
        recording(&world, ana, "whole-life.ana.jsonl"),
        recording(&world, bia, "whole-life.bia.jsonl"),
    ]
}
