//! What older clients may be sent: what is promised passes, and each thing that is not is found.

use std::{net::SocketAddr, time::Duration};

use papo_proto::{
    machine::ConnId,
    time::Time,
    tracker,
    wire::room::{CreationRecord, PLAINTEXT},
};

use super::{
    super::{stage::Stage, wires},
    *,
};
use crate::sim::cast::{BYSTANDER, name};

/// The process of the tracker.
const TRACKER: NodeId = 100;
/// The process of the client.
const CLIENT: NodeId = 200;
const CONN: ConnId = ConnId(2);
const DIALLED: ConnId = ConnId(3);

fn local() -> SocketAddr {
    SocketAddr::new(older::host(0), 40_000)
}

/// Three people and an older client, connected to the tracker.
fn stage() -> Stage {
    let mut stage = Stage::in_a_room();
    stage.model.expect_older(Time::ZERO + Duration::from_secs(1));
    by_tracker(&mut stage, What::Opened(CONN, local()));
    stage
}

fn by_tracker(stage: &mut Stage, what: What) {
    stage.happens(Role::Tracker(0), TRACKER, what);
}

fn by_client(stage: &mut Stage, notice: older::Notice) {
    stage.happens(Role::Older(0), CLIENT, What::Told(Told::Older(notice)));
}

fn asks(stage: &mut Stage, asked: u64) {
    by_client(stage, older::Notice::Asked { local: local(), asked, glued: false });
}

fn reads(stage: &mut Stage, read: u64) {
    by_client(stage, older::Notice::Read { local: local(), read });
}

fn writes(stage: &mut Stage, object: &str) {
    by_tracker(stage, What::Sent(CONN, object.as_bytes().to_vec()));
}

const OK: &str = r#"{"status":"OK"}"#;
const PUSH: &str = r#"{"status":"ROOM_UPDATE","msg":"","room":null}"#;

#[test]
fn what_is_promised_is_fine() {
    let mut stage = stage();
    for asked in 1..4 {
        asks(&mut stage, asked);
        writes(&mut stage, OK);
        reads(&mut stage, asked);
    }
    stage.pass(APART);
    writes(&mut stage, PUSH);
    stage.pass(APART);
    writes(&mut stage, PUSH);
    reads(&mut stage, 5);
    asks(&mut stage, 4);
    stage.pass(APART);
    writes(&mut stage, r#"{"status":"ERROR","msg":"Comando não suportado."}"#);
    by_tracker(&mut stage, What::Dialled(DIALLED, SocketAddr::new(older::host(0), older::PORT)));
    by_tracker(&mut stage, What::Opened(DIALLED, SocketAddr::new(older::host(0), older::PORT)));
    by_tracker(&mut stage, What::Sent(DIALLED, br#"{"cmd":"PING"}"#.to_vec()));
    by_client(&mut stage, older::Notice::Pinged { answered: true });
    stage.broken_nothing();
}

#[test]
fn two_objects_at_once_half_a_one_and_one_that_is_too_long_are_found() {
    let long = format!(r#"{{"status":"OK","msg":"{}"}}"#, "x".repeat(READ_BYTES));
    for wrong in [&format!("{OK}{OK}"), r#"{"status":"OK""#, "[]", "", &long] {
        let mut stage = stage();
        asks(&mut stage, 2);
        writes(&mut stage, wrong);
        stage.broken(ONE_OBJECT_A_READ);
    }
}

#[test]
fn an_object_that_follows_too_soon_is_found() {
    let follows = |first: &str, second: &str, apart: Duration, has_read: bool| {
        let mut stage = stage();
        asks(&mut stage, 1);
        writes(&mut stage, first);
        if has_read {
            reads(&mut stage, 1);
        }
        asks(&mut stage, 2);
        stage.pass(apart);
        writes(&mut stage, second);
        stage.model.take_violations().len()
    };
    let soon = APART - Duration::from_millis(10);
    assert_eq!(follows(OK, OK, soon, true), 0, "who asks has read");
    assert_eq!(follows(OK, OK, APART, false), 0);
    assert_eq!(follows(OK, OK, soon, false), 1);
    for (first, second) in [(OK, PUSH), (PUSH, OK), (PUSH, PUSH)] {
        assert_eq!(follows(first, second, soon, true), 1, "nobody knows when a push is read");
        assert_eq!(follows(first, second, APART, false), 0);
    }
}

#[test]
fn what_nobody_asked_for_is_found() {
    let mut unasked = stage();
    writes(&mut unasked, OK);
    unasked.broken(ONLY_WHAT_IS_ASKED);
    let mut other = stage();
    asks(&mut other, 1);
    writes(&mut other, r#"{"status":"HELLO"}"#);
    other.broken(ONLY_WHAT_IS_ASKED);
    for wrong in [OK, r#"{"cmd":"PING","x":1}"#] {
        let mut dialled = stage();
        let listener = SocketAddr::new(older::host(0), older::PORT);
        by_tracker(&mut dialled, What::Dialled(DIALLED, listener));
        by_tracker(&mut dialled, What::Opened(DIALLED, listener));
        by_tracker(&mut dialled, What::Sent(DIALLED, wrong.as_bytes().to_vec()));
        dialled.broken(ONLY_WHAT_IS_ASKED);
    }
}

#[test]
fn a_tracker_dials_nobody_but_the_host_that_came_to_it() {
    for wrong in [SocketAddr::new(BYSTANDER, older::PORT), SocketAddr::new(older::host(0), 22)] {
        let mut stage = stage();
        by_tracker(&mut stage, What::Dialled(DIALLED, wrong));
        stage.broken(wires::NO_THIRD_PARTY);
    }
}

#[test]
fn people_and_rooms_that_are_not_are_found() {
    let told = |object: String| {
        let mut stage = stage();
        let record = CreationRecord { nonce: [9; 16], name: name("velho-sala"), flags: PLAINTEXT, ..stage.record() };
        let (room, owner) = (record.id(), stage.name(0));
        stage.tracker_keeps(vec![
            tracker::Change::RoomAdded { record, owner: owner.clone(), capacity: 3, epoch: 0 },
            tracker::Change::MemberAdded { room, name: owner, epoch: 1 },
        ]);
        stage.broken_nothing();
        asks(&mut stage, 1);
        writes(&mut stage, &object);
        stage.model.take_violations().into_iter().map(|violation| violation.invariant).collect::<Vec<_>>()
    };
    let ana = "papagaio-ana0";
    let bia = "papagaio-Bia0";
    let peers = |user: &str| told(format!(r#"{{"status":"OK","peers":{{"{user}":{{}}}}}}"#));
    assert_eq!((peers(ana), peers("eva")), (vec![], vec![AS_KEPT.0]));
    let room = |room: &str, user: &str| {
        let room =
            format!(r#"{{"name":"{room}","peer_owner":{{"username":"{user}"}},"peer_one":null,"peer_two":null}}"#);
        let listed = told(format!(r#"{{"status":"OK","rooms":{{"x":{room}}}}}"#));
        let joined = told(format!(r#"{{"status":"OK","msg":"","room":{room}}}"#));
        assert_eq!(listed, joined);
        listed
    };
    assert_eq!(room("velho-sala", ana), Vec::<&str>::new());
    assert_eq!(room("velho-sala", bia), [AS_KEPT.0], "she was never in it");
    assert_eq!(room("papagaio-sala", ana), [AS_KEPT.0], "its members speak in secret");
    assert_eq!(room("nenhuma", ana), [AS_KEPT.0]);
}

#[test]
fn who_waits_in_vain_is_found_when_nothing_breaks_any_more() {
    let mut stage = stage();
    by_client(&mut stage, older::Notice::Unanswered);
    stage.broken_nothing();
    stage.pass(RECOVERY_MAX + Duration::from_secs(1));
    by_client(&mut stage, older::Notice::Unanswered);
    stage.broken(ANSWERED);
}
