//! Each invariant is broken by a few facts, and found; and the facts that come close to it break nothing.

use std::{net::SocketAddr, time::Duration};

use papo_proto::{
    error::Counters,
    machine::{Closed, ConnId, Seq},
    peer::{
        Change, Command, Note, Notice, Problem, Request,
        change::Realm,
        interface::{Credentials, PeerSeen, RoomSeen, Target},
    },
    time::Wall,
    tracker,
    wire::{
        peer::Have,
        tracker::{Status, StatusText},
    },
};

use super::{CONTRACT, INVARIANTS, bounds, directory, messages, order, promises, requests, rest, stage::Stage, trust};
use crate::{
    sim::{
        cast::{PersonId, Role, name},
        hostile,
    },
    world::{
        fact::What,
        resident::{Kept, Told, Wish},
    },
};

#[test]
fn every_invariant_has_a_name_of_its_own_and_a_sentence() {
    let names = INVARIANTS.iter().map(|(name, _)| *name).collect::<std::collections::BTreeSet<_>>();
    assert_eq!(names.len(), INVARIANTS.len());
    assert!(INVARIANTS.iter().all(|(name, sentence)| !name.is_empty() && sentence.contains(' ')));
}

#[test]
fn a_broken_contract_is_told() {
    let mut stage = Stage::in_a_room();
    stage.person(0, What::Broke("time stands still".to_owned()));
    stage.broken(CONTRACT);
}

// The tracker.

#[test]
fn a_directory_that_contradicts_itself_is_found() {
    let room = Stage::empty().room_id();
    let joins = |name, epoch| tracker::Change::MemberAdded { room, name, epoch };
    for wrong in [
        |stage: &Stage| vec![stage.account(0)],
        |stage: &Stage| vec![tracker::Change::MemberAdded { room: stage.room_id(), name: stage.name(1), epoch: 4 }],
        |_: &Stage| vec![tracker::Change::LastSeen { name: name("nobody"), at: Wall(1) }],
        |stage: &Stage| vec![tracker::Change::RoomRemoved { room: papo_proto::wire::room::RoomId(stage.key(0).0) }],
    ] {
        let mut stage = Stage::in_a_room();
        stage.tracker_keeps(wrong(&stage));
        stage.broken(directory::CONSISTENT);
    }
    let mut stage = Stage::in_a_room();
    let stranger = tracker::Change::AccountAdded {
        name: name("dora"),
        verifier: tracker::change::Verifier("phc".to_owned()),
        key: Some(Stage::stranger().key()),
        at: Wall(1),
    };
    stage.tracker_keeps(vec![stranger]);
    stage.broken_nothing();
    stage.tracker_keeps(vec![joins(name("dora"), 4)]);
    stage.broken(directory::CONSISTENT);
}

#[test]
fn an_epoch_that_does_not_count_is_found() {
    let mut stage = Stage::in_a_room();
    stage.asks(2, Request::Leave { room: stage.room() });
    stage.tracker_keeps(vec![tracker::Change::MemberRemoved { room: stage.room_id(), name: stage.name(2), epoch: 5 }]);
    stage.broken(directory::CONSISTENT);
}

#[test]
fn a_membership_ends_once_for_each_time_that_it_was_asked_for() {
    let mut stage = Stage::in_a_room();
    let left = tracker::Change::MemberRemoved { room: stage.room_id(), name: stage.name(2), epoch: 4 };
    let back = tracker::Change::MemberAdded { room: stage.room_id(), name: stage.name(2), epoch: 5 };
    let again = tracker::Change::MemberRemoved { room: stage.room_id(), name: stage.name(2), epoch: 6 };
    stage.asks(2, Request::Leave { room: stage.room() });
    stage.tracker_keeps(vec![left]);
    stage.tracker_keeps(vec![back]);
    stage.broken_nothing();
    stage.tracker_keeps(vec![again]);
    stage.broken(directory::NOTHING_LOST);
}

#[test]
fn a_room_ends_when_its_owner_deletes_it_and_not_when_somebody_else_wants_it() {
    for (who, fine) in [(0, true), (1, false)] {
        let mut stage = Stage::in_a_room();
        stage.asks(who, Request::Delete { room: stage.room() });
        stage.tracker_keeps(vec![tracker::Change::RoomRemoved { room: stage.room_id() }]);
        if fine { stage.broken_nothing() } else { stage.broken(directory::NOTHING_LOST) }
    }
}

// What people are told that is done.

#[test]
fn what_is_told_to_be_done_and_is_not_kept_is_found() {
    let status = |text| Request::Status { status: Status::Away, text: StatusText::new(text).expect("short") };
    let other = || name("papagaio-copa");
    for request in [
        Request::Create { room: other(), capacity: None, plaintext: false },
        Request::Join { room: other() },
        Request::Leave { room: Stage::empty().room() },
        Request::Delete { room: Stage::empty().room() },
        status("papagaio 1"),
        Request::Plaintext { open: true },
    ] {
        let mut stage = Stage::in_a_room();
        stage.done(0, request);
        stage.broken(promises::KEPT_BEFORE_SAID);
    }
    let mut stage = Stage::in_a_room();
    let token = stage.asks(0, status("papagaio 1"));
    let text = StatusText::new("papagaio 1").expect("short");
    stage.tracker_keeps(vec![tracker::Change::AccountStatus { name: stage.name(0), status: Status::Away, text }]);
    stage.outcome(0, token, None);
    let token = stage.asks(1, Request::Leave { room: stage.room() });
    stage.tracker_keeps(vec![tracker::Change::MemberRemoved { room: stage.room_id(), name: stage.name(1), epoch: 4 }]);
    stage.outcome(1, token, None);
    stage.broken_nothing();
}

#[test]
fn a_login_without_an_account_is_found() {
    let mut stage = Stage::empty();
    stage.person(0, What::Started(stage.ip(0)));
    stage.logs_in(0);
    stage.broken(promises::KEPT_BEFORE_SAID);
}

// Messages.

#[test]
fn what_is_said_shown_or_acknowledged_before_it_is_kept_is_found() {
    let mut stage = Stage::in_a_room();
    let entry = stage.says(0, "papagaio #1", &[]);
    let said = |id: String| Notice::Said {
        id,
        to: Target::Room(Stage::empty().room()),
        at: Wall(1),
        text: "papagaio #1".to_owned(),
        waiting: Vec::new(),
    };
    stage.told(0, said(entry.entry.id().to_string()));
    stage.broken_nothing();
    let have = Have { log: entry.entry.log, seq: 1 };
    let receiver = stage.key(1);
    stage.keeps(0, vec![Change::EntriesAcknowledged { room: stage.room_id(), receiver, have }]);
    stage.broken(messages::KEPT_BEFORE_ACKNOWLEDGED);
    stage.told(0, Notice::Delivered { id: entry.entry.id().to_string(), to: stage.name(2) });
    stage.broken(messages::KEPT_BEFORE_ACKNOWLEDGED);
    let incoming = stage.incoming(&entry, 0, false);
    stage.told(1, Notice::Message(incoming));
    stage.broken(messages::KEPT_BEFORE_ACKNOWLEDGED);
    stage.told(0, said("another".to_owned()));
    assert!(stage.model.take_violations().iter().any(|found| found.invariant == messages::KEPT_BEFORE_ACKNOWLEDGED.0));
}

#[test]
fn what_is_shown_or_delivered_twice_is_found() {
    let mut stage = Stage::in_a_room();
    let entry = stage.says(0, "papagaio #1", &[]);
    stage.hears(1, &entry, 0, false);
    let delivered = Notice::Delivered { id: entry.entry.id().to_string(), to: stage.name(1) };
    stage.told(0, delivered.clone());
    stage.broken_nothing();
    stage.told(0, delivered);
    stage.broken(messages::AT_MOST_ONCE);
    let incoming = stage.incoming(&entry, 0, false);
    stage.told(1, Notice::Message(incoming));
    let found = stage.model.take_violations();
    assert!(found.iter().any(|found| found.invariant == messages::AT_MOST_ONCE.0), "{found:?}");
    let private = stage.says_privately(0, 1, 1, "papagaio #2");
    stage.hears_privately(1, 0, &private);
    stage.broken_nothing();
    let have = Have { log: entry.entry.log, seq: 1 };
    stage.keeps(0, vec![Change::PrivateAcknowledged { receiver: stage.key(1), have }]);
    stage.broken_nothing();
    stage.says_privately(0, 1, 2, "papagaio #2");
    stage.broken(messages::AT_MOST_ONCE);
}

#[test]
fn whoever_is_shown_as_another_is_found() {
    let mut stage = Stage::in_a_room();
    let entry = stage.says(0, "papagaio #1", &[]);
    stage.hears(1, &entry, 2, false);
    stage.broken(messages::TRUE_AUTHOR);
    // Nobody asked for it.
    let entry = stage.entry(2, "papagaio #2", &[]);
    stage.keeps(2, vec![Change::EntrySaid { entry, receivers: Vec::new() }]);
    stage.broken(messages::TRUE_AUTHOR);
    // Nobody said it.
    let entry = stage.entry(2, "papagaio #3", &[]);
    let incoming = stage.incoming(&entry, 2, false);
    stage.keeps(1, vec![Change::EntrySeen { entry, incoming }]);
    stage.broken(messages::TRUE_AUTHOR);
}

#[test]
fn a_label_with_its_key_stands_for_its_owner_and_for_nobody_else() {
    let mut stage = Stage::in_a_room();
    let label = |stage: &Stage, person| {
        let text = format!("{}~{}", stage.name(person), stage.key(person).short());
        name(&text.chars().take(32).collect::<String>())
    };
    for (labelled, fine) in [(0, true), (2, false)] {
        let label = label(&stage, labelled);
        stage.keeps(1, vec![Change::Pinned { realm: Realm::Lan, name: label.clone(), key: stage.key(0) }]);
        stage.model.take_violations();
        let text = format!("papagaio #{labelled}");
        let mut private = stage.says_privately(0, 1, 1 + labelled as u64, &text);
        private.from = label;
        stage.hears_privately(1, 0, &private);
        if fine { stage.broken_nothing() } else { stage.broken(messages::TRUE_AUTHOR) }
    }
}

#[test]
fn what_goes_to_others_than_those_to_whom_it_was_said_is_found() {
    let mut stage = Stage::in_a_room();
    let private = stage.says_privately(0, 1, 1, "papagaio #1");
    stage.hears_privately(2, 0, &private);
    stage.broken(messages::RECEIVERS_ONLY);
    let stranger = Stage::stranger().key();
    stage.says_to(0, "papagaio #2", &[], vec![stranger]);
    stage.broken(messages::RECEIVERS_ONLY);
    // What was not said to somebody hostile, that one may not learn.
    let learns = |stage: &mut Stage, id: &str, text: &str| {
        let (id, text, by) = (id.to_owned(), text.to_owned(), stage.key(0));
        let learned = hostile::Learned { id, to: stranger, by, room: None, text };
        stage.happens(Role::Hostile, 200, What::Told(Told::Hostile(hostile::Notice::Learned(learned))));
    };
    learns(&mut stage, &private.id, "papagaio #1");
    stage.broken(messages::RECEIVERS_ONLY);
    learns(&mut stage, &private.id, "papagaio #0");
    assert!(stage.model.take_violations().iter().any(|found| found.invariant == messages::TRUE_AUTHOR.0));
    learns(&mut stage, "nothing", "papagaio #3");
    stage.broken(messages::KEPT_BEFORE_ACKNOWLEDGED);
}

#[test]
fn a_member_that_is_left_out_is_found_unless_its_author_was_told() {
    for warned in [false, true] {
        let mut stage = Stage::in_a_room();
        let receivers = vec![stage.key(1)];
        let entry = stage.says_to(0, "papagaio #1", &[], receivers);
        if warned {
            stage.told(0, Notice::Note(Note::Dropped { user: stage.name(2), count: 1 }));
        }
        let (id, to) = (entry.entry.id().to_string(), Target::Room(stage.room()));
        stage.told(0, Notice::Said { id, to, at: Wall(1), text: "papagaio #1".to_owned(), waiting: Vec::new() });
        if warned { stage.broken_nothing() } else { stage.broken(messages::RECEIVERS_ONLY) }
    }
}

// Order.

#[test]
fn an_answer_before_its_question_is_found_unless_a_gap_is_shown() {
    for gap in [false, true] {
        let mut stage = Stage::in_a_room();
        let question = stage.says(0, "papagaio #1", &[]);
        stage.hears(1, &question, 0, false);
        let answer = stage.says(1, "papagaio #2", &[question.entry.id()]);
        stage.hears(2, &answer, 1, gap);
        stage.broken_nothing();
        stage.hears(2, &question, 0, false);
        if gap { stage.broken_nothing() } else { stage.broken(order::CAUSAL_ORDER) }
    }
}

#[test]
fn what_an_author_says_comes_in_the_order_of_saying() {
    let mut stage = Stage::in_a_room();
    let first = stage.says(0, "papagaio #1", &[]);
    let second = stage.says(0, "papagaio #2", &[first.entry.id()]);
    stage.hears(1, &first, 0, false);
    stage.hears(1, &second, 0, false);
    stage.broken_nothing();
    stage.hears(2, &second, 0, true);
    stage.hears(2, &first, 0, false);
    stage.broken(order::CAUSAL_ORDER);
    let one = stage.says_privately(0, 1, 1, "papagaio #3");
    let other = stage.says_privately(0, 1, 2, "papagaio #4");
    stage.model.take_violations();
    stage.hears_privately(1, 0, &other);
    stage.hears_privately(1, 0, &one);
    stage.broken(order::CAUSAL_ORDER);
}

#[test]
fn who_does_not_name_what_it_has_seen_is_found() {
    let mut stage = Stage::in_a_room();
    let question = stage.says(0, "papagaio #1", &[]);
    stage.hears(1, &question, 0, false);
    stage.says(1, "papagaio #2", &[]);
    stage.broken(order::CAUSAL_ORDER);
}

#[test]
fn a_newcomer_need_not_wait_for_its_baseline() {
    let mut stage = Stage::in_a_room();
    let question = stage.says(0, "papagaio #1", &[]);
    stage.hears(1, &question, 0, false);
    let answer = stage.says(1, "papagaio #2", &[question.entry.id()]);
    stage.keeps(2, vec![Change::Baseline { room: stage.room_id(), heads: vec![question.entry.id()] }]);
    stage.hears(2, &answer, 1, false);
    stage.hears(2, &question, 0, false);
    stage.broken_nothing();
}

// Trust, wires, bounds.

#[test]
fn a_pin_that_is_replaced_unasked_is_found() {
    for (asked, fine) in [(false, false), (true, true)] {
        let mut stage = Stage::in_a_room();
        let key = Stage::stranger().key();
        stage.tracker_keeps(vec![tracker::Change::AccountKey { name: stage.name(1), key: Some(key) }]);
        if asked {
            stage.asks(0, Request::Trust { user: stage.name(1) });
        }
        stage.keeps(0, vec![stage.pinned(1, key)]);
        if fine { stage.broken_nothing() } else { stage.broken(trust::PINS_STAY) }
    }
    let mut stage = Stage::in_a_room();
    stage.keeps(0, vec![stage.pinned(1, stage.key(1))]);
    stage.broken_nothing();
    let address = "tracker:6060".to_owned();
    let key = stage.cast.trackers[0].identity.key();
    stage.keeps(0, vec![Change::TrackerPinned { address: address.clone(), key }]);
    stage.broken_nothing();
    stage.keeps(0, vec![Change::TrackerPinned { address, key: Stage::stranger().key() }]);
    stage.broken(trust::PINS_STAY);
}

#[test]
fn a_key_that_an_account_never_had_is_found() {
    let mut stage = Stage::in_a_room();
    stage.asks(0, Request::Trust { user: stage.name(1) });
    stage.keeps(0, vec![stage.pinned(1, Stage::stranger().key())]);
    stage.broken(trust::PINS_STAY);
}

#[test]
fn bounds_hold_at_their_limits_and_are_found_past_them() {
    let mut stage = Stage::in_a_room();
    for number in 1..=2 {
        stage.says_privately(0, 1, number, &format!("papagaio #{number}"));
    }
    stage.broken_nothing();
    stage.says_privately(0, 1, 3, "papagaio #3");
    stage.broken(bounds::BOUNDS);
    let limits = &stage.cast.people[1].limits;
    let (commits, links) = (limits.outputs_waiting_max + 256, 2 * (limits.links_max + limits.links_unknown_max));
    let remote = SocketAddr::new(stage.ip(0), 6061);
    for _ in 0..commits {
        stage.person(1, What::Committing(Seq(1), Vec::<Kept>::new()));
    }
    stage.broken_nothing();
    stage.person(1, What::Committing(Seq(1), Vec::new()));
    stage.broken(bounds::BOUNDS);
    let limits = &stage.cast.people[2].limits;
    let dials = 2 * limits.dials_max + limits.lan_dials_max + 1;
    let links = links + 2 * dials;
    for conn in 0..=links {
        stage.person(2, What::Opened(ConnId(2 * conn as u64), remote));
    }
    stage.broken_nothing();
    stage.person(2, What::Opened(ConnId(1), remote));
    stage.broken(bounds::BOUNDS);
    stage.person(2, What::Closed(ConnId(0), Closed::End));
    stage.person(2, What::Hung(ConnId(2)));
    stage.person(2, What::Opened(ConnId(3), remote));
    stage.broken_nothing();
}

#[test]
fn dials_under_way_hold_at_their_limit_and_are_found_past_it() {
    let mut stage = Stage::in_a_room();
    let limits = &stage.cast.people[2].limits;
    let dials = 2 * limits.dials_max + limits.lan_dials_max + 1;
    let tracker = stage.cast.trackers[0].address();
    let dials_one = |stage: &mut Stage, number: usize| {
        stage.person(2, What::Dialled(ConnId(2 * number as u64 + 1), tracker));
    };
    (0..dials).for_each(|number| dials_one(&mut stage, number));
    stage.person(2, What::Refused(1));
    dials_one(&mut stage, dials);
    stage.person(2, What::Hung(ConnId(3)));
    dials_one(&mut stage, dials + 1);
    stage.person(2, What::Opened(ConnId(5), tracker));
    dials_one(&mut stage, dials + 2);
    stage.broken_nothing();
    dials_one(&mut stage, dials + 3);
    stage.broken(bounds::BOUNDS);
}

// Requests and sessions.

#[test]
fn an_outcome_again_or_of_nothing_is_found() {
    let mut stage = Stage::in_a_room();
    let token = stage.asks(0, Request::Drain);
    stage.outcome(0, token, None);
    stage.broken_nothing();
    stage.outcome(0, token, None);
    stage.broken(requests::ANSWERED_ONCE);
    stage.outcome(0, 99, None);
    stage.broken(requests::ANSWERED_ONCE);
}

#[test]
fn whoever_speaks_after_its_end_is_found() {
    let mut stage = Stage::in_a_room();
    stage.told(0, Notice::Stopped { unacknowledged: 0 });
    let token = stage.asks(0, Request::Drain);
    stage.outcome(0, token, Some(Problem::Stopping));
    stage.broken_nothing();
    stage.told(0, Notice::LoggedOut);
    stage.broken(requests::NOTHING_AFTER_THE_END);
    stage.tracker_tells(tracker::Notice::Stopped);
    stage.broken_nothing();
    let counters = Counters::default();
    stage.tracker_tells(tracker::Notice::Counters { counters, connections: 0, sessions: 0, users: 0, rooms: 0 });
    stage.broken_nothing();
    stage.tracker_tells(tracker::Notice::LoggedOut { name: stage.name(0) });
    stage.broken(requests::NOTHING_AFTER_THE_END);
}

#[test]
fn a_session_that_ends_twice_or_begins_by_itself_is_found() {
    let mut stage = Stage::in_a_room();
    stage.logs_in(0);
    stage.told(0, Notice::LoggedOut);
    stage.broken_nothing();
    stage.told(0, Notice::LoggedOut);
    stage.broken(requests::SESSIONS_ALTERNATE);
    stage.logs_in(0);
    stage.broken(requests::SESSIONS_ALTERNATE);
}

// At rest.

#[test]
fn at_rest_one_connection_stands_between_two() {
    for (links, fine) in [(0, false), (1, true), (2, false)] {
        let mut stage = Stage::in_a_room();
        stage.rests(links);
        if fine { stage.broken_nothing() } else { stage.broken(rest::ONE_LINK_A_PAIR) }
    }
    // Somebody wanted none.
    let mut stage = Stage::in_a_room();
    stage.done(1, Request::Disconnect { user: stage.name(0) });
    stage.rests(0);
    stage.broken_nothing();
    let mut stage = Stage::in_a_room();
    let realm = Realm::Tracker(stage.cast.trackers[0].identity.key());
    stage.keeps(0, vec![Change::Blocked { realm, name: stage.name(1), blocked: true }]);
    stage.rests(0);
    stage.broken_nothing();
}

fn peer(stage: &Stage, person: PersonId) -> PeerSeen {
    PeerSeen {
        user: stage.name(person),
        address: None,
        status: Status::Online,
        status_text: StatusText::default(),
        room: None,
        last_seen: Wall(1),
        linked: true,
        blocked: false,
        plaintext: false,
    }
}

#[test]
fn at_rest_everyone_sees_those_who_are_logged_in() {
    for (count, fine) in [(3, true), (2, false)] {
        let mut stage = Stage::in_a_room();
        let token = stage.asks(0, Request::Peers { prefix: String::new() });
        let peers = (0..count).map(|person| peer(&stage, person)).collect();
        stage.told(0, Notice::Peers { peers });
        stage.outcome(0, token, None);
        stage.rests(1);
        if fine { stage.broken_nothing() } else { stage.broken(rest::PRESENCE) }
    }
    let mut stage = Stage::in_a_room();
    stage.told(1, Notice::Note(Note::TrackerLost { tracker: "tracker".to_owned(), retry_ms: 1 }));
    stage.rests(1);
    stage.broken(rest::PRESENCE);
    let credentials = Credentials { name: stage.name(1), password: None, register: false, token: None };
    let token = stage.asks(1, Request::Login(credentials));
    stage.outcome(1, token, Some(Problem::TrackerSilent));
    stage.rests(1);
    stage.broken_nothing();
}

#[test]
fn at_rest_everyone_sees_rooms_as_they_are_kept() {
    for (order, capacity, fine) in [([0, 1, 2], 3, true), ([0, 2, 1], 3, false), ([0, 1, 2], 4, false)] {
        let mut stage = Stage::in_a_room();
        let token = stage.asks(0, Request::Rooms { prefix: String::new() });
        let members = order.map(|person| stage.name(person)).to_vec();
        let (room, owner) = (stage.room(), stage.name(0));
        let rooms = vec![RoomSeen { room, owner, members, capacity, plaintext: false, joined: true }];
        stage.told(0, Notice::Rooms { rooms });
        stage.outcome(0, token, None);
        stage.rests(1);
        if fine { stage.broken_nothing() } else { stage.broken(rest::ROOMS_AS_KEPT) }
    }
    let mut stage = Stage::in_a_room();
    let token = stage.asks(0, Request::Users { room: Some(stage.room()) });
    let users = vec![peer(&stage, 0), peer(&stage, 1)];
    stage.told(0, Notice::Users { room: Some(stage.room()), users });
    stage.outcome(0, token, None);
    stage.rests(1);
    stage.broken(rest::ROOMS_AS_KEPT);
}

#[test]
fn at_rest_everything_has_arrived_and_was_told() {
    let mut stage = Stage::in_a_room();
    let entry = stage.says(0, "papagaio #1", &[]);
    stage.rests(1);
    stage.broken(rest::EVERYTHING_ARRIVES);
    let have = Have { log: entry.entry.log, seq: 1 };
    for person in 1..3 {
        stage.hears(person, &entry, 0, false);
        let receiver = stage.key(person);
        stage.keeps(0, vec![Change::EntriesAcknowledged { room: stage.room_id(), receiver, have }]);
    }
    stage.rests(1);
    stage.broken(rest::EVERYTHING_ARRIVES);
    for person in 1..3 {
        stage.told(0, Notice::Delivered { id: entry.entry.id().to_string(), to: stage.name(person) });
    }
    stage.rests(1);
    stage.broken_nothing();
    // Dropped, and not told so.
    stage.says_to(0, "papagaio #2", &[entry.entry.id()], vec![stage.key(1)]);
    let receiver = stage.key(1);
    stage.keeps(0, vec![Change::ReceiverDropped { room: Some(stage.room_id()), receiver }]);
    stage.rests(1);
    stage.broken(rest::EVERYTHING_ARRIVES);
    stage.told(0, Notice::Note(Note::Dropped { user: stage.name(1), count: 1 }));
    stage.rests(1);
    stage.broken_nothing();
    // Kept, and not shown.
    let private = stage.says_privately(0, 1, 1, "papagaio #3");
    let (author, have) = (stage.key(0), Have { log: 2, seq: 1 });
    stage.keeps(1, vec![Change::PrivateSeen { author, have, incoming: private }]);
    stage.keeps(0, vec![Change::PrivateAcknowledged { receiver: stage.key(1), have }]);
    stage.told(0, Notice::Delivered { id: papo_proto::peer::outbox::private_id(&author, 2, 1), to: stage.name(1) });
    stage.rests(1);
    stage.broken(rest::EVERYTHING_ARRIVES);
}

#[test]
fn at_rest_whoever_was_turned_away_waits_to_be_called_and_whoever_unblocks_calls_while_it_runs() {
    let mut stage = Stage::in_a_room();
    let realm = Realm::Tracker(stage.cast.trackers[0].identity.key());
    let (ana, bia) = (stage.name(0), stage.name(1));
    let blocks = |blocked| vec![Change::Blocked { realm, name: ana.clone(), blocked }];
    stage.says_privately(0, 1, 1, "papagaio #1");
    stage.keeps(1, blocks(true));
    stage.told(0, Notice::Note(Note::Refused { user: bia.clone() }));
    stage.asks(0, Request::Delete { room: stage.room() });
    stage.tracker_keeps(vec![tracker::Change::RoomRemoved { room: stage.room_id() }]);
    stage.keeps(1, blocks(false));
    stage.rests(1);
    stage.broken(rest::EVERYTHING_ARRIVES);
    // Started again, bia does not know that it is to call.
    stage.person(1, What::Ended);
    stage.person(1, What::Started(stage.ip(1)));
    stage.logs_in(1);
    stage.rests(1);
    stage.broken_nothing();
    stage.done(0, Request::Say { to: Target::User(bia), text: "papagaio #2".to_owned() });
    stage.rests(1);
    stage.broken(rest::EVERYTHING_ARRIVES);
}

#[test]
fn at_rest_no_request_waits_for_longer_than_requests_may_take() {
    let mut stage = Stage::in_a_room();
    stage.asks(0, Request::Drain);
    stage.pass(Duration::from_secs(60));
    stage.asks(1, Request::Drain);
    stage.told(1, Notice::Note(Note::TrackerQuit));
    stage.rests(1);
    stage.broken_nothing();
    stage.pass(Duration::from_secs(60));
    stage.told(1, Notice::Note(Note::TrackerQuit));
    stage.rests(1);
    stage.broken(rest::EVERYTHING_ANSWERED);
}

#[test]
fn a_new_device_begins_anew_and_what_the_lost_one_had_stays_acknowledged() {
    let mut stage = Stage::in_a_room();
    let entry = stage.says(0, "papagaio #1", &[]);
    stage.hears(1, &entry, 0, false);
    stage.person(1, What::Ended);
    stage.model.note_new_device(1, Stage::stranger().key());
    let have = Have { log: entry.entry.log, seq: 1 };
    let receiver = stage.key(1);
    stage.keeps(0, vec![Change::EntriesAcknowledged { room: stage.room_id(), receiver, have }]);
    stage.broken_nothing();
    stage.person(1, What::Asked(Wish::Peer(Command::Quit)));
    stage.broken_nothing();
}
