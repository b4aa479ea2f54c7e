//! Peers of one network find each other: who calls, who hears, who is dialled, and what strangers cannot make of it.

mod world;

use std::{
    collections::{BTreeSet, VecDeque},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use papo_proto::{
    error::Fault,
    limits::Limits,
    machine::Refusal,
    peer::{
        Command, Note, Notice, Problem, Request,
        interface::{PeerEvent, Target, TrackerAddress},
    },
    wire::{beacon::Beacon, codec::Wire as _},
};
use world::{
    NodeId, World, credentials,
    host::user,
    lan::{PORT, interface},
    name,
};

/// So quickly whoever is there is found.
const SOON: Duration = Duration::from_secs(3);
/// So quickly whoever vanished is noticed.
const NOTICED: Duration = Duration::from_secs(30);
/// Where the one is who is there, among many that are not.
const TRUE: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2));
const LONG: Duration = Duration::from_secs(600);

fn events(world: &World, node: NodeId) -> Vec<(PeerEvent, String)> {
    let told = world.notices(node).iter().filter_map(|notice| match notice {
        Notice::Peer { what, user, .. } => Some((*what, user.to_string())),
        _ => None,
    });
    told.collect()
}

fn notes(world: &World, node: NodeId) -> Vec<Note> {
    let told = world.notices(node).iter().filter_map(|notice| match notice {
        Notice::Note(note) => Some(note.clone()),
        _ => None,
    });
    told.collect()
}

/// Who is listed: name, address, whether linked.
fn listed(world: &mut World, node: NodeId) -> Vec<(String, Option<String>, bool)> {
    world.done(node, Request::Peers { prefix: String::new() });
    let last = world.notices(node).iter().rev().find_map(|notice| match notice {
        Notice::Peers { peers } => Some(peers.clone()),
        _ => None,
    });
    let row = |one: papo_proto::peer::interface::PeerSeen| {
        (one.user.to_string(), one.address.map(|address| address.to_string()), one.linked)
    };
    last.expect("a list").into_iter().map(row).collect()
}

fn linked(world: &World, one: NodeId, other: NodeId) -> bool {
    world.connections_between(one, other) == 1
}

/// What a stranger calls out.
fn beacon(port: u16, instance: u64) -> Vec<u8> {
    Beacon { port, instance, tracker: None }.to_bytes()
}

fn at(address: &str) -> SocketAddr {
    format!("{address}:{PORT}").parse().expect("an address")
}

fn two() -> (World, NodeId, NodeId) {
    let mut world = World::default();
    let (ana, bia) = (world.neighbour(1, "ana", &["10.0.0.1/24"]), world.neighbour(2, "bia", &["10.0.0.2/24"]));
    world.pass(SOON);
    (world, ana, bia)
}

#[test]
fn two_of_one_network_find_each_other_within_seconds_and_talk_to_everyone() {
    let (mut world, ana, bia) = two();
    for (one, other) in [(ana, "bia"), (bia, "ana")] {
        let told = [(PeerEvent::Found, other.to_owned()), (PeerEvent::Linked, other.to_owned())];
        assert_eq!(events(&world, one), told);
        assert_eq!(notes(&world, one), []);
    }
    assert!(linked(&world, ana, bia));
    assert_eq!(world.lan.dialled.len(), 1, "the one with the smaller number dials: {:?}", world.lan.dialled);
    world.say(ana, Target::All, "olá");
    assert_eq!(world.heard(bia), ["ana: olá"]);
    let bia_at = world.listens_at(bia).to_string();
    assert_eq!(listed(&mut world, ana), [("bia".to_owned(), Some(bia_at), true)]);
}

#[test]
fn links_stay_while_nothing_is_said_and_nobody_is_dialled_twice() {
    let (mut world, ana, bia) = two();
    world.pass(LONG);
    assert!(linked(&world, ana, bia));
    assert_eq!((events(&world, ana).len(), world.lan.dialled.len()), (2, 1));
    let calls = world.lan.called.iter().filter(|(_, node, ..)| *node == ana).count();
    assert!((120..=241).contains(&calls), "one each 2.5 to 5 s: {calls}");
}

#[test]
fn who_is_alone_hears_itself_and_dials_nobody() {
    let mut world = World::default();
    let ana = world.neighbour(1, "ana", &["10.0.0.1/24", "192.168.7.1/24", "127.0.0.1/8"]);
    world.pass(LONG);
    assert_eq!((world.lan.dialled.len(), notes(&world, ana), events(&world, ana)), (0, vec![], vec![]));
    let called = world.lan.called.iter().map(|(_, _, to, _)| *to).collect::<BTreeSet<_>>();
    assert_eq!(called, [at("10.0.0.255"), at("127.255.255.255"), at("192.168.7.255")].into());
}

#[test]
fn more_are_linked_than_may_be_dialled_at_once() {
    let mut world = World::default();
    let all = (1..=6_u8).map(|number| {
        world.at(&[&format!("10.0.0.{number}/24")]).peer_with(number, &format!("u{number}"), |start| {
            start.listen = SocketAddr::from(([0, 0, 0, 0], 0));
            start.lan = Some(papo_proto::peer::interface::Lan { port: PORT, hosts_tracker: None });
            start.limits.lan_dials_max = 1;
        })
    });
    let all = all.collect::<Vec<_>>();
    world.pass(10 * SOON);
    for (at, one) in all.iter().enumerate() {
        for other in &all[at + 1..] {
            assert!(linked(&world, *one, *other), "{one} and {other}");
        }
    }
}

#[test]
fn several_on_one_host_find_each_other() {
    // In whatever order their numbers make them dial.
    for first in 1..20 {
        let mut world = World::default();
        let all = [first, first + 1, first + 2];
        let all = all.map(|number| world.neighbour(number, &format!("u{number}"), &["10.0.0.1/24", "127.0.0.1/8"]));
        world.pass(2 * SOON);
        for (one, other) in [(0, 1), (0, 2), (1, 2)] {
            assert!(linked(&world, all[one], all[other]), "{one} and {other} of those from {first} on");
        }
    }
}

#[test]
fn a_host_in_two_networks_shows_another_number_in_each_and_joins_nobody_else() {
    let mut world = World::default();
    let middle = world.neighbour(1, "ana", &["10.0.0.1/24", "10.1.0.1/24"]);
    let (left, right) = (world.neighbour(2, "bia", &["10.0.0.2/24"]), world.neighbour(3, "caio", &["10.1.0.3/24"]));
    world.pass(2 * SOON);
    assert!(linked(&world, middle, left) && linked(&world, middle, right));
    assert_eq!(world.connections_between(left, right), 0);
    let shown = world.lan.called.iter().filter(|(_, node, ..)| *node == middle);
    let shown = shown.map(|(_, _, to, bytes)| (*to, Beacon::from_bytes(bytes).expect("a beacon").instance));
    assert_eq!(shown.collect::<BTreeSet<_>>().len(), 2, "one number for each network, and it stays");
}

#[test]
fn two_that_share_two_networks_have_one_link_and_look_at_the_other_way_once() {
    let mut world = World::default();
    let addresses = |last| [format!("10.0.0.{last}/24"), format!("10.1.0.{last}/24")];
    let both = [1, 2].map(|number: u8| {
        let addresses = addresses(number);
        world.neighbour(number, &format!("u{number}"), &[&addresses[0], &addresses[1]])
    });
    world.pass(2 * SOON);
    let dialled = world.lan.dialled.len();
    assert!(linked(&world, both[0], both[1]) && dialled <= 4, "{:?}", world.lan.dialled);
    world.pass(LONG);
    assert!(linked(&world, both[0], both[1]));
    assert_eq!(world.lan.dialled.len(), dialled, "nothing new is to be learned");
    for one in both {
        assert_eq!(notes(&world, one), [], "a second way is no stranger's");
        assert_eq!(events(&world, one).len(), 2, "{:?}", events(&world, one));
    }
}

#[test]
fn only_a_beacons_own_source_on_a_network_of_ours_is_dialled() {
    let mut world = World::default();
    let ana = world.neighbour(1, "ana", &["10.0.0.1/24"]);
    world.lan.silent = vec![interface("10.0.0.0/8")];
    world.datagram(ana, at("8.8.8.8"), &beacon(53, 7));
    world.datagram(ana, at("10.0.1.2"), &beacon(22, 8));
    world.pass(LONG);
    assert!(world.lan.dialled.is_empty(), "{:?}", world.lan.dialled);
    world.datagram(ana, at("10.0.0.9"), &beacon(1234, 9));
    world.pass(SOON);
    let dialled = world.lan.dialled.iter().map(|(_, _, to)| to.to_string()).collect::<BTreeSet<_>>();
    assert_eq!(dialled, ["10.0.0.9:1234".to_owned()].into());
}

#[test]
fn what_is_no_beacon_is_counted_and_does_nothing() {
    let mut world = World::default();
    let ana = world.neighbour(1, "ana", &["10.0.0.1/24"]);
    let whole = beacon(6061, 7);
    let mut wrong = (0..whole.len()).map(|cut| whole[..cut].to_vec()).collect::<Vec<_>>();
    wrong.extend([[&whole[..], &[0]].concat(), vec![0xff; 65_507], beacon(0, 7), beacon(6061, 0), vec![b'p'; 17]]);
    for bytes in &wrong {
        world.datagram(ana, at("10.0.0.9"), bytes);
    }
    world.pass(LONG);
    assert!(world.lan.dialled.is_empty());
    world.command(ana, Command::Count);
    let counted = world.notices(ana).iter().find_map(|notice| match notice {
        Notice::Counters { counters, .. } => counters.iter().find(|(fault, _)| *fault == Fault::Malformed),
        _ => None,
    });
    assert_eq!(counted.map(|(_, count)| count), Some(wrong.len() as u64));
}

/// Where nobody answers, not too many are dialled at once, and never two of one address.
#[track_caller]
fn check_dials(world: &World, node: NodeId) {
    let lasts = Duration::from_millis(Limits::DEFAULT.lan_dial_ms_max);
    let mut under_way = VecDeque::new();
    for (at, _, to) in world.lan.dialled.iter().filter(|(_, of, to)| *of == node && to.ip() != TRUE) {
        while under_way.front().is_some_and(|(since, _)| *since + lasts <= *at) {
            under_way.pop_front();
        }
        assert!(under_way.iter().all(|(_, other)| *other != to.ip()), "{to} twice at once");
        under_way.push_back((*at, to.ip()));
        assert!(under_way.len() <= Limits::DEFAULT.lan_dials_max, "{} at once", under_way.len());
    }
}

#[test]
fn ten_thousand_made_up_neighbours_of_one_address_hide_nobody() {
    let mut world = World::default();
    let ana = world.neighbour(1, "ana", &["10.0.0.1/16"]);
    world.lan.silent = vec![interface("10.0.0.0/8")];
    for port in 1..=10_000 {
        world.datagram(ana, at("10.0.9.9"), &beacon(port, u64::from(port)));
    }
    let bia = world.neighbour(2, "bia", &["10.0.0.2/16"]);
    world.pass(SOON);
    assert!(linked(&world, ana, bia));
    check_dials(&world, ana);
}

/// After how many seconds two find each other while ten thousand that do not exist call in every five seconds at both, and
/// called before either did.
fn found_among_ten_thousand(seed: u8) -> u64 {
    let mut world = World::default();
    world.lan.silent = vec![interface("10.0.0.0/8")];
    world.lan.deaf.insert(Ipv4Addr::new(10, 0, 255, 255));
    let both = [("ana", 1), ("bia", 2)].map(|(text, last)| {
        let address = format!("10.0.0.{last}/16");
        world.neighbour(seed + last, text, &[&address])
    });
    for round in 0..360 {
        for number in 0..10_000_u32 {
            let from = Ipv4Addr::from_bits(0x0a00_0100 + number);
            for one in both {
                let bytes = beacon(6061, 1 << 40 | u64::from(number));
                world.datagram(one, SocketAddr::new(from.into(), PORT), &bytes);
            }
        }
        world.settle();
        world.lan.deaf.clear();
        world.pass(Duration::from_secs(5));
        if linked(&world, both[0], both[1]) {
            for one in both {
                check_dials(&world, one);
            }
            return 5 * (round + 1);
        }
    }
    panic!("never found");
}

#[test]
fn ten_thousand_made_up_addresses_that_call_again_and_again_only_delay_those_who_are_there() {
    let found_after_s = found_among_ten_thousand(10);
    assert!(found_after_s <= 60, "{found_after_s} s");
}

#[test]
fn an_interface_goes_and_comes_and_both_are_linked_again_within_ten_seconds() {
    let (mut world, ana, bia) = two();
    world.lose_silently(ana, bia);
    world.move_to(bia, &[]);
    world.pass(2 * NOTICED);
    assert_eq!(events(&world, ana).last(), Some(&(PeerEvent::Lost, "bia".to_owned())));
    world.move_to(bia, &["10.0.0.77/24"]);
    world.pass(Duration::from_secs(10));
    assert!(linked(&world, ana, bia) || linked(&world, bia, ana));
    let (user, address, up) = listed(&mut world, ana).remove(0);
    assert!(user == "bia" && up && address.expect("an address").starts_with("10.0.0.77:"), "where she is now");
}

#[test]
fn who_vanishes_is_noticed_within_thirty_seconds_and_leaves_the_list() {
    // However long ago it was heard last.
    for secs in 60..75 {
        let (mut world, ana, bia) = two();
        world.pass(Duration::from_secs(secs));
        world.deafen(bia);
        world.pass(NOTICED);
        assert_eq!(events(&world, ana).last(), Some(&(PeerEvent::Lost, "bia".to_owned())), "after {secs} s");
        assert_eq!(listed(&mut world, ana), []);
        let dialled = world.lan.dialled.len();
        world.pass(LONG);
        assert_eq!(world.lan.dialled.len(), dialled, "who is not heard is not dialled");
    }
}

#[test]
fn who_leaves_in_order_leaves_the_list_at_once_and_comes_back_within_seconds() {
    let (mut world, ana, bia) = two();
    world.command(bia, Command::Quit);
    world.kill(bia);
    assert_eq!(events(&world, ana).last(), Some(&(PeerEvent::Lost, "bia".to_owned())));
    assert_eq!(listed(&mut world, ana), []);
    let dialled = world.lan.dialled.len();
    world.pass(Duration::from_secs(20));
    assert_eq!(world.lan.dialled.len(), dialled, "nobody is looked for");
    world.start(bia);
    world.pass(SOON);
    assert!(linked(&world, ana, bia));
}

#[test]
fn a_host_that_lost_its_power_is_linked_again_soon_after_it_is_back() {
    let (mut world, ana, bia) = two();
    world.pass(Duration::from_secs(60));
    world.lose_silently(ana, bia);
    let listen = world.listens_at(bia);
    world.kill(bia);
    world.pass(SOON);
    world.start_at(bia, SocketAddr::new([0, 0, 0, 0].into(), listen.port()));
    world.pass(Duration::from_secs(12));
    assert!(linked(&world, ana, bia), "{:?}", events(&world, ana));
}

#[test]
fn whoever_was_disconnected_is_left_alone_until_the_person_says_otherwise() {
    let (mut world, ana, bia) = two();
    world.done(ana, Request::Disconnect { user: name("bia") });
    world.pass(LONG);
    assert_eq!(world.connections_between(ana, bia), 0);
    assert_eq!(listed(&mut world, ana), [("bia".to_owned(), None, false)], "she is there, and not linked");
    let address = world.listens_at(bia);
    world.done(ana, Request::Connect { address });
    assert!(linked(&world, ana, bia));
    world.done(ana, Request::Disconnect { user: name("bia") });
    world.pass(LONG);
    assert_eq!(world.connections_between(ana, bia), 0);
    world.say(ana, user("bia"), "ainda aí?");
    world.pass(SOON);
    assert_eq!(world.heard(bia), ["ana: ainda aí?"]);
}

#[test]
fn whoever_was_disconnected_stays_so_when_it_is_started_again_and_not_when_oneself_is() {
    let (mut world, ana, bia) = two();
    world.done(ana, Request::Disconnect { user: name("bia") });
    let told = |world: &World| (events(world, bia), notes(world, bia));
    let before = told(&world);
    world.kill(bia);
    world.start(bia);
    world.pass(LONG);
    assert_eq!(world.connections_between(ana, bia), 0);
    assert_eq!(told(&world), before, "nobody comes and goes");
    let dialled = world.lan.dialled.len();
    world.pass(LONG);
    assert_eq!(world.lan.dialled.len(), dialled, "neither tries again and again");
    let address = world.listens_at(ana);
    let refused = Problem::LinkFault { address, fault: Fault::Refused };
    assert_eq!(world.problem(bia, Request::Connect { address }), refused, "not by hand, either");
    // What she says waits for ana's word, and she is told so.
    world.say_later(bia, user("ana"), "desculpa");
    world.pass(SOON);
    assert_eq!((world.heard(ana), notes(&world, bia).pop()), (vec![], Some(Note::Refused { user: name("ana") })));
    world.say(ana, user("bia"), "volta");
    world.pass(SOON);
    assert_eq!((world.heard(bia), world.heard(ana)), (vec!["ana: volta".into()], vec!["bia: desculpa".into()]));
    world.done(ana, Request::Disconnect { user: name("bia") });
    world.kill(ana);
    world.start(ana);
    world.pass(2 * SOON);
    assert!(linked(&world, ana, bia), "a hold is not kept");
}

#[test]
fn who_was_known_by_a_label_and_logs_in_is_called_by_its_account_once_the_tracker_lists_it() {
    let mut world = World::default();
    let tracker = world.tracker_of_neighbour(100, "10.0.0.9/24");
    let ana = world.at(&["10.0.0.1/24"]).member_with(1, "ana", tracker, |start| {
        start.listen = SocketAddr::from(([0, 0, 0, 0], 0));
        start.lan = Some(papo_proto::peer::interface::Lan { port: PORT, hosts_tracker: None });
    });
    let bia = world.neighbour(2, "bia", &["10.0.0.2/24"]);
    world.pass(SOON);
    let linked_to = |world: &mut World| {
        let rows = listed(world, ana).into_iter().filter(|(_, _, linked)| *linked);
        rows.map(|(user, ..)| user).collect::<Vec<_>>()
    };
    assert_eq!(linked_to(&mut world), [format!("bia~{}", world.key(bia).short())]);
    let listens = world.listens_at(tracker);
    let key = Some(world.key(tracker));
    let address = TrackerAddress { host: listens.ip().to_string(), port: listens.port(), key };
    world.done(bia, Request::TakeTracker { address });
    world.done(bia, Request::Register(credentials("bia", "secret", true)));
    assert_eq!(linked_to(&mut world), ["bia"], "and there is no second row of the label");
    world.say(bia, Target::All, "oi");
    assert_eq!(world.heard(ana), ["bia: oi"]);
    world.say(ana, user("bia"), "olá");
    assert_eq!(world.heard(bia), ["ana: olá"]);
}

#[test]
fn whoever_is_blocked_gets_no_link_and_one_again_once_it_is_not() {
    let (mut world, ana, bia) = two();
    world.done(ana, Request::Block { user: name("bia") });
    world.pass(LONG);
    assert_eq!(world.connections_between(ana, bia), 0);
    let dialled = world.lan.dialled.len();
    world.pass(LONG);
    assert_eq!(world.lan.dialled.len(), dialled, "neither tries again and again");
    world.done(ana, Request::Unblock { user: name("bia") });
    world.pass(Duration::from_secs(10));
    assert!(linked(&world, ana, bia));
}

#[test]
fn after_a_restart_whoever_was_blocked_is_told_so_once_by_its_key() {
    let (mut world, ana, bia) = two();
    world.done(ana, Request::Block { user: name("bia") });
    // Whoever was told so before has forgotten it.
    for one in [ana, bia] {
        world.kill(one);
    }
    for one in [ana, bia] {
        world.start(one);
    }
    world.pass(LONG);
    assert_eq!(world.connections_between(ana, bia), 0);
    let dialled = world.lan.dialled.len();
    world.pass(LONG);
    assert_eq!(world.lan.dialled.len(), dialled, "neither tries again and again");
}

#[test]
fn a_tracker_that_a_neighbour_hosts_is_offered_once_and_nothing_is_sent_there_before_the_person_agrees() {
    let mut world = World::default();
    let ana = world.neighbour(1, "ana", &["10.0.0.1/24"]);
    let tracker = world.tracker_of_neighbour(100, "10.0.0.2/24");
    let offered = world.listens_at(tracker);
    let host = Beacon { port: 6061, instance: 9, tracker: Some(offered.port()) };
    for _ in 0..20 {
        world.datagram(ana, SocketAddr::new(offered.ip(), PORT), &host.to_bytes());
        world.pass(Duration::from_secs(5));
    }
    assert_eq!(notes(&world, ana), [Note::TrackerOffered { address: offered }]);
    assert!(world.lan.dialled.iter().all(|(_, _, to)| *to != offered), "{:?}", world.lan.dialled);
    world.done(ana, Request::Trackers);
    assert_eq!(world.notices(ana).iter().rev().nth(1), Some(&Notice::Trackers { taken: None, offered: vec![offered] }));
    let key = Some(world.key(tracker));
    let address = TrackerAddress { host: offered.ip().to_string(), port: offered.port(), key };
    world.done(ana, Request::TakeTracker { address: address.clone() });
    assert!(world.lan.dialled.iter().all(|(_, _, to)| *to != offered), "taking is not yet going there");
    let token = world.ask(ana, Request::Register(credentials("ana", "secret", true)));
    world.pass(SOON);
    assert_eq!(world.outcome(ana, token), Some(None));
    let other = world.problem(ana, Request::TakeTracker { address });
    assert_eq!(other, Problem::TrackerInUse { tracker: offered.to_string() });
}

#[test]
fn who_logs_in_is_found_by_its_account_also_where_the_tracker_is_away_at_first() {
    let mut world = World::default();
    let tracker = world.tracker_of_neighbour(100, "10.0.0.9/24");
    let both = [(1, "ana"), (2, "bia")].map(|(number, text)| {
        world.at(&[&format!("10.0.0.{number}/24")]).member_with(number, text, tracker, |start| {
            start.listen = SocketAddr::from(([0, 0, 0, 0], 0));
            start.lan = Some(papo_proto::peer::interface::Lan { port: PORT, hosts_tracker: None });
        })
    });
    world.pass(SOON);
    for (one, other) in [(both[0], "bia"), (both[1], "ana")] {
        let told = events(&world, one);
        assert!(told.contains(&(PeerEvent::Linked, other.to_owned())), "{told:?}");
    }
    world.kill(tracker);
    for one in both {
        world.kill(one);
    }
    for one in both {
        world.restart_by_key(one);
    }
    world.pass(2 * SOON);
    assert!(linked(&world, both[0], both[1]), "without the tracker they find each other all the same");
}

#[test]
fn of_each_address_one_tracker_is_offered_and_of_a_crowd_so_many() {
    let mut world = World::default();
    let ana = world.neighbour(1, "ana", &["10.0.0.1/24"]);
    world.lan.silent = vec![interface("10.0.0.0/8")];
    let max = Limits::DEFAULT.lan_trackers_max;
    for number in 0..100_u16 {
        let offer = Beacon { port: 6061, instance: 7, tracker: Some(7000 + number) }.to_bytes();
        world.datagram(ana, at("10.0.0.9"), &offer);
    }
    world.settle();
    assert_eq!(notes(&world, ana).len(), 1);
    for number in 10..100_u8 {
        let offer = Beacon { port: 6061, instance: 7, tracker: Some(7000) }.to_bytes();
        world.datagram(ana, SocketAddr::from(([10, 0, 0, number], PORT)), &offer);
    }
    world.settle();
    assert_eq!(notes(&world, ana).len(), max);
}

#[test]
fn a_hosted_tracker_is_told_of_on_the_networks_where_it_can_be_reached() {
    let mut world = World::default();
    let ana = world.neighbour(1, "ana", &["10.0.0.1/24"]);
    let host = world.neighbour_hosting(2, "bia", &["10.0.0.2/24", "10.1.0.2/24"], "10.0.0.2:6060");
    world.pass(SOON);
    let offered = Note::TrackerOffered { address: "10.0.0.2:6060".parse().expect("an address") };
    assert_eq!(notes(&world, ana), [offered]);
    let told = world.lan.called.iter().filter(|(_, node, ..)| *node == host);
    for (_, _, to, bytes) in told {
        let tracker = Beacon::from_bytes(bytes).expect("a beacon").tracker;
        assert_eq!(tracker, (to.ip() == IpAddr::from([10, 0, 0, 255])).then_some(6060), "at {to}");
    }
}

#[test]
fn without_the_port_of_the_beacons_nobody_is_found_and_the_rest_goes_on() {
    let mut world = World::default();
    world.lan.denied.insert(0);
    let (ana, bia) = (world.neighbour(1, "ana", &["10.0.0.1/24"]), world.neighbour(2, "bia", &["10.0.0.2/24"]));
    world.pass(LONG);
    assert_eq!(notes(&world, ana), [Note::LanRefused { port: PORT, reason: Refusal::AddressInUse }]);
    assert_eq!(world.connections_between(ana, bia), 0);
    let address = world.listens_at(bia);
    world.done(ana, Request::Connect { address });
    world.say(ana, user("bia"), "oi");
    assert_eq!(world.heard(bia), ["ana: oi"]);
}

#[test]
fn where_broadcasts_are_dropped_an_address_by_hand_works_and_where_all_is_the_person_is_told() {
    let mut world = World::default();
    world.lan.deaf.insert(Ipv4Addr::new(10, 0, 0, 255));
    let (ana, bia) = (world.neighbour(1, "ana", &["10.0.0.1/24"]), world.neighbour(2, "bia", &["10.0.0.2/24"]));
    world.pass(LONG);
    assert_eq!(world.connections_between(ana, bia), 0);
    let address = world.listens_at(bia);
    world.done(ana, Request::Connect { address });
    assert!(linked(&world, ana, bia));
    world.lan.silent = vec![interface("10.0.0.0/24")];
    let address = "10.0.0.99:6061".parse().expect("an address");
    let token = world.ask(ana, Request::Connect { address });
    world.pass(Duration::from_millis(Limits::DEFAULT.dial_ms_max));
    assert_eq!(world.outcome(ana, token), Some(Some(Problem::Unreachable { address, reason: Refusal::TimedOut })));
}

#[test]
fn who_listens_on_one_address_calls_on_its_network_only_and_who_wants_no_lan_calls_nowhere() {
    let mut world = World::default();
    let lan = papo_proto::peer::interface::Lan { port: PORT, hosts_tracker: None };
    for (number, listen, lan, called) in [
        (1, "10.1.0.1:6061", Some(lan), vec!["10.1.0.255"]),
        (2, "[::]:6061", Some(lan), vec![]),
        (3, "10.9.9.9:6061", Some(lan), vec![]),
        (4, "0.0.0.0:6061", None, vec![]),
    ] {
        let node = world.at(&["10.0.0.1/24", "10.1.0.1/24"]).peer_with(number, "ana", |start| {
            start.listen = listen.parse().expect("an address");
            start.lan = lan;
        });
        world.pass(Duration::from_secs(20));
        let to = world.lan.called.iter().filter(|(_, of, ..)| *of == node).map(|(_, _, to, _)| *to);
        assert_eq!(to.collect::<BTreeSet<_>>(), called.into_iter().map(at).collect(), "{listen}");
        world.kill(node);
    }
}

#[test]
fn those_who_are_dialled_in_vain_are_dialled_ever_more_seldom() {
    let mut world = World::default();
    let ana = world.neighbour(1, "ana", &["10.0.0.1/24"]);
    for _ in 0..120 {
        world.datagram(ana, at("10.0.0.9"), &beacon(6061, 7));
        world.pass(Duration::from_secs(5));
    }
    let dials = world.lan.dialled.len();
    assert!((20..60).contains(&dials), "{dials} dials in 600 s, of which the later ones are 15 to 30 s apart");
}
