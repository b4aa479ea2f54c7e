//! What people say of themselves, status and profile: over links where no tracker tells it, and kept.

mod host;
mod world;

use host::Host;
use papo_proto::{
    machine::Closed,
    peer::{
        Notice, Problem, Request,
        interface::{PeerSeen, TrackerAddress},
    },
    time::Wall,
    wire::{
        peer::{About, ToPeer},
        tracker::{Contact, Dialect, FromTracker, Profile, Status, StatusText, ToTracker},
    },
};
use world::{NodeId, World, credentials, name};

/// Ana, and bia who dialled her.
fn linked() -> (World, NodeId, NodeId) {
    let mut world = World::default();
    let (ana, bia) = (world.peer(1, "ana"), world.peer(2, "bia"));
    connect(&mut world, bia, ana);
    (world, ana, bia)
}

fn connect(world: &mut World, from: NodeId, to: NodeId) {
    let address = world.listens_at(to);
    world.done(from, Request::Connect { address });
}

fn status(text: &str) -> Request {
    Request::Status { status: Status::Away, text: StatusText::new(text).expect("short") }
}

fn profile(text: &str) -> Request {
    Request::Profile { text: Profile::new(text).expect("short") }
}

fn about(status: Status, status_text: &str, profile: &str) -> About {
    let (status_text, profile) = (StatusText::new(status_text).expect("short"), Profile::new(profile).expect("short"));
    About { status, status_text, profile }
}

/// What somebody is shown of somebody.
#[track_caller]
fn seen(world: &mut World, node: NodeId, user: &str) -> About {
    world.done(node, Request::Whois { user: name(user) });
    let whois = world.notices(node).iter().rev().find_map(|notice| match notice {
        Notice::Whois { peer: PeerSeen { status, status_text, .. }, profile, .. } => {
            Some(About { status: *status, status_text: status_text.clone(), profile: profile.clone() })
        }
        _ => None,
    });
    whois.expect("an answer")
}

/// What the list has of somebody.
#[track_caller]
fn listed(world: &mut World, node: NodeId, user: &str) -> (Status, String) {
    world.done(node, Request::Peers { prefix: user.to_owned() });
    let last = world.notices(node).iter().rev().find_map(|notice| match notice {
        Notice::Peers { peers } => Some(peers.clone()),
        _ => None,
    });
    let row = last.and_then(|peers| peers.into_iter().next()).expect("a row");
    (row.status, row.status_text.as_str().to_owned())
}

#[test]
fn without_a_tracker_those_who_are_linked_are_told_and_those_who_come() {
    let (mut world, ana, bia) = linked();
    assert_eq!(seen(&mut world, bia, "ana"), About::default());
    world.done(ana, status("almoço"));
    world.done(ana, profile("pinto casas"));
    let said = about(Status::Away, "almoço", "pinto casas");
    assert_eq!(seen(&mut world, bia, "ana"), said);
    assert_eq!(listed(&mut world, bia, "ana"), (Status::Away, "almoço".to_owned()));
    let carl = world.peer(9, "carl");
    connect(&mut world, carl, ana);
    assert_eq!(seen(&mut world, carl, "ana"), said);
    assert_eq!(seen(&mut world, ana, "ana"), said, "and oneself");
    world.done(ana, Request::Status { status: Status::Online, text: StatusText::default() });
    world.done(ana, profile(""));
    assert_eq!(seen(&mut world, carl, "ana"), About::default(), "it can be taken back");
    let offline = Request::Status { status: Status::Offline, text: StatusText::default() };
    assert_eq!(world.problem(ana, offline), Problem::OutOfRange);
}

#[test]
fn without_a_tracker_it_is_kept_over_a_restart_and_said_again() {
    let (mut world, ana, bia) = linked();
    world.done(ana, status("almoço"));
    world.done(ana, profile("pinto casas"));
    world.kill(ana);
    assert_eq!(seen(&mut world, bia, "ana"), about(Status::Offline, "", ""), "of whoever is away nothing is known");
    world.start(ana);
    let said = about(Status::Away, "almoço", "pinto casas");
    assert_eq!(seen(&mut world, ana, "ana"), said);
    connect(&mut world, bia, ana);
    assert_eq!(seen(&mut world, bia, "ana"), said);
}

#[test]
fn it_is_told_to_nobody_before_it_is_kept() {
    let (mut world, ana, bia) = linked();
    world.stall_disk(ana, true);
    world.ask(ana, profile("pinto casas"));
    assert_eq!(seen(&mut world, bia, "ana"), About::default());
    world.commit_and_kill(ana);
    world.start(ana);
    assert_eq!(seen(&mut world, ana, "ana"), about(Status::Online, "", "pinto casas"));
}

#[test]
fn whoever_has_a_tracker_says_what_its_account_says_there_and_what_it_kept_holds_without_one() {
    let mut world = World::default();
    let tracker = world.tracker(100);
    let (ana, bia) = (world.peer(1, "ana"), world.peer(2, "bia"));
    connect(&mut world, bia, ana);
    world.done(ana, status("em casa"));
    world.done(ana, profile("pinto casas"));
    let at_home = about(Status::Away, "em casa", "pinto casas");
    assert_eq!(seen(&mut world, bia, "ana"), at_home);
    let address = world.listens_at(tracker);
    let key = Some(world.key(tracker));
    let address = TrackerAddress { host: address.ip().to_string(), port: address.port(), key };
    world.done(ana, Request::TakeTracker { address });
    assert_eq!(seen(&mut world, bia, "ana"), About::default(), "nothing is known of the account yet");
    world.done(ana, Request::Register(credentials("ana", "secret", true)));
    world.done(ana, status("no trabalho"));
    world.done(ana, profile("vendo tinta"));
    let at_work = about(Status::Away, "no trabalho", "vendo tinta");
    assert_eq!(seen(&mut world, bia, "ana"), at_work, "to bia, who has no tracker, no other tells it");
    assert_eq!(seen(&mut world, ana, "ana"), at_work);
    world.done(ana, Request::Logout);
    world.done(ana, Request::Login(credentials("ana", "secret", false)));
    assert_eq!(seen(&mut world, bia, "ana"), at_work, "the account has kept it");
    world.kill(ana);
    world.start(ana);
    connect(&mut world, bia, ana);
    assert_eq!(seen(&mut world, bia, "ana"), at_home, "without the tracker what was kept here holds");
}

#[test]
fn of_whoever_is_known_by_a_label_the_link_tells_also_where_there_is_a_tracker() {
    let mut world = World::default();
    let tracker = world.tracker(100);
    let (ana, bia) = (world.member(1, "ana", tracker), world.peer(2, "bia"));
    connect(&mut world, bia, ana);
    world.done(bia, status("almoço"));
    world.done(bia, profile("pinto casas"));
    let label = format!("bia~{}", world.key(bia).short());
    assert_eq!(seen(&mut world, ana, &label), about(Status::Away, "almoço", "pinto casas"));
}

fn contact(number: u8, user: &str, status: Status, text: &str) -> Contact {
    Contact {
        name: name(user),
        key: Some(host::identity(number).key()),
        dialect: Dialect::Papo,
        status,
        status_text: StatusText::new(text).expect("short"),
        endpoints: papo_proto::wire::codec::List::truncated(Vec::new()),
        last_seen: Wall(1),
    }
}

#[test]
fn of_an_account_its_tracker_s_word_counts_also_while_it_is_away() {
    let mut host = Host::peer_of_tracker(100, |_| {});
    let mut tracker = host.log_in();
    tracker.say(&mut host, &FromTracker::Contact { contact: contact(2, "bia", Status::Away, "almoço") });
    let mut bia = host.link(2);
    bia.say(&mut host, &ToPeer::About { about: about(Status::Busy, "não", "eu é que sou a ana") });
    host.close(tracker.conn, Closed::End);
    host.ask(Request::Whois { user: name("bia") });
    let shown = host.notices.iter().find_map(|notice| match notice {
        Notice::Whois { peer, profile, .. } => Some((peer.status, peer.status_text.as_str(), profile.as_str())),
        _ => None,
    });
    assert_eq!(shown, Some((Status::Away, "almoço", "")));
}

/// What a link is told of its peer.
fn told(heard: Vec<ToPeer>) -> Vec<About> {
    heard.into_iter().filter_map(|said| if let ToPeer::About { about } = said { Some(about) } else { None }).collect()
}

#[test]
fn nothing_is_said_where_there_is_nothing_to_say_and_nothing_twice() {
    let mut host = Host::peer(|_| {});
    let mut bia = host.link(2);
    assert_eq!(told(bia.heard()), []);
    for _ in 0..2 {
        host.ask(profile("pinto casas"));
    }
    bia.exchange(&mut host);
    assert_eq!(told(bia.heard()), [about(Status::Online, "", "pinto casas")]);
}

#[test]
fn who_says_that_it_is_offline_is_cut_off() {
    let mut host = Host::peer(|_| {});
    let mut bia = host.link(2);
    bia.say(&mut host, &ToPeer::About { about: about(Status::Busy, "", "") });
    assert!(!host.closed.contains(&bia.conn));
    bia.say(&mut host, &ToPeer::About { about: about(Status::Offline, "", "") });
    assert!(host.closed.contains(&bia.conn));
}

#[test]
fn a_tracker_can_not_make_its_account_say_that_it_is_offline() {
    let mut host = Host::peer_of_tracker(100, |_| {});
    let mut tracker = host.log_in();
    let request = tracker.heard().into_iter().find_map(|asked| match asked {
        ToTracker::WhoisName { request, .. } => Some(request),
        _ => None,
    });
    let contact = contact(1, "ana", Status::Offline, "fui");
    let request = request.expect("it asks what it is");
    let whois = FromTracker::Whois { request, contact, profile: Profile::default(), plaintext: false };
    tracker.say(&mut host, &whois);
    let mut bia = host.link(2);
    assert_eq!(told(bia.heard()), [about(Status::Online, "fui", "")]);
}
