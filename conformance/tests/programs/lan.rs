//! Nobody sets anything up: those who run papo on one network find each other and talk.

use std::{
    net::UdpSocket,
    time::{Duration, Instant},
};

use nix::sys::signal::Signal;
use papo_proto::wire::{
    beacon::{BEACON_BYTES, Beacon},
    codec::Wire as _,
};

use crate::{
    faults::within,
    support::{
        BOUND,
        lan::LanPort,
        namespaces::Networks,
        papo::{Options, PASSWORD, Papo, row, text, texts},
        tracker::Tracker,
    },
};

/// Someone who listens on the loopback interface and calls out there.
fn neighbour(user: &str, lan: &LanPort) -> Papo {
    Options::new(user).lan(lan.port()).start()
}

#[test]
fn two_on_one_network_find_each_other_and_talk_without_any_set_up() {
    let lan = LanPort::choose();
    let (mut ana, mut bia) = (neighbour("ana", &lan), neighbour("bia", &lan));
    ana.wait_for("peer", |event| text(event, "what") == "found" && text(event, "user") == "bia");
    ana.wait_linked("bia");
    bia.wait_linked("ana");
    ana.line("olá, 日本");
    let heard = bia.wait_message("olá, 日本");
    assert_eq!((text(&heard, "from"), text(&heard, "scope")), ("ana", "all"));
    bia.line("oi");
    ana.wait_message("oi");
    let peers = ana.ask("/peers", "peers");
    let bia_there = row(&peers, "peers", "user", "bia").expect("bia is listed");
    let listens = bia.wait_for("ready", |_| true);
    assert_eq!(text(bia_there, "address"), text(&listens, "listen"), "where she can be dialled");
    ana.mark();
    assert_eq!(bia.quit(), 0);
    ana.wait_lost("bia");
    let peers = ana.ask("/peers", "peers");
    assert!(row(&peers, "peers", "user", "bia").is_none(), "who has left is not listed: {peers}");
}

#[test]
fn what_somebody_says_of_itself_is_seen_by_all_and_stays_when_it_comes_back() {
    let lan = LanPort::choose();
    let (mut ana, mut bia) = (neighbour("ana", &lan), neighbour("bia", &lan));
    ana.wait_linked("bia");
    bia.line("/status away a almoçar");
    bia.line("/profile pinto casas \u{1b}[2J");
    let is_told = |papo: &mut Papo| {
        papo.wait_linked("bia");
        papo.ask_until("/whois bia", "whois", |whois| text(whois, "profile") == "pinto casas \u{1b}[2J");
        let peers = papo.ask("/peers", "peers");
        let told = row(&peers, "peers", "user", "bia").expect("bia is listed");
        assert_eq!((text(told, "status"), text(told, "status_text")), ("away", "a almoçar"));
    };
    is_told(&mut ana);
    // Whoever comes later is told when the link stands.
    is_told(&mut neighbour("caio", &lan));
    let data = bia.shared_data();
    bia.process.kill();
    ana.wait_lost("bia");
    ana.mark();
    let mut again = Options::new("bia").on(&data).lan(lan.port()).start();
    let own = again.ask("/status", "whois");
    assert_eq!((text(&own, "status"), text(&own, "status_text")), ("away", "a almoçar"));
    is_told(&mut ana);
}

#[test]
fn who_does_not_want_to_be_found_neither_calls_nor_hears() {
    let lan = LanPort::choose();
    lan.socket.set_read_timeout(Some(BOUND)).expect("a timeout");
    let mut hidden = Options::new("ana").start();
    let bia = neighbour("bia", &lan);
    let mut buffer = [0; 1500];
    let listens = text(&bia.wait_for("ready", |_| true), "listen").to_owned();
    for _ in 0..2 {
        let (count, from) = lan.socket.recv_from(&mut buffer).expect("bia calls");
        let beacon = Beacon::from_bytes(&buffer[..count]).expect("a beacon");
        assert_eq!((count, format!("{}:{}", from.ip(), beacon.port)), (BEACON_BYTES, listens.clone()));
    }
    let peers = hidden.ask("/peers", "peers");
    assert!(peers["peers"].as_array().is_some_and(Vec::is_empty), "{peers}");
}

#[test]
fn who_stops_answering_is_noticed_and_who_goes_on_is_found_again() {
    let lan = LanPort::choose();
    let (mut ana, bia) = (neighbour("ana", &lan), neighbour("bia", &lan));
    ana.wait_linked("bia");
    ana.mark();
    bia.process.signal(Signal::SIGSTOP);
    let stopped = Instant::now();
    ana.wait_lost("bia");
    assert!(stopped.elapsed() < within(Duration::from_secs(30)), "after {:?}", stopped.elapsed());
    ana.mark();
    bia.process.signal(Signal::SIGCONT);
    ana.wait_linked("bia");
}

#[test]
fn where_the_port_is_another_program_s_the_person_is_told_and_everything_else_works() {
    // One that nobody else may have.
    let other = UdpSocket::bind("0.0.0.0:0").expect("a port");
    let port = other.local_addr().expect("an address").port();
    let mut ana = Options::new("ana").lan(port).start();
    let notice = ana.wait_for("notice", |event| text(event, "code") == "lan_refused");
    let told = text(&notice, "text");
    assert!(told.contains(&format!("UDP port {port}")) && told.contains("--lan-port"), "{told}");
    let bia = Options::new("bia").start();
    let listens = text(&bia.wait_for("ready", |_| true), "listen").to_owned();
    ana.line(&format!("/connect {listens}"));
    ana.wait_linked("bia");
    ana.line("oi");
    bia.wait_message("oi");
    assert_eq!(ana.quit(), 0);
}

#[test]
fn strangers_datagrams_do_no_harm() {
    let lan = LanPort::choose();
    let mut ana = neighbour("ana", &lan);
    ana.wait_for("ready", |_| true);
    let to = ("127.255.255.255", lan.port());
    for length in [0, 1, 16, 17, 18, 1400] {
        lan.socket.send_to(&vec![b'p'; length], to).expect("it goes");
    }
    for number in 1..=10_000_u16 {
        let made_up = Beacon { port: 20_000 + number, instance: u64::from(number), tracker: Some(number) };
        lan.socket.send_to(&made_up.to_bytes(), to).expect("it goes");
    }
    let bia = neighbour("bia", &lan);
    ana.wait_linked("bia");
    bia.wait_linked("ana");
    assert_eq!(ana.events().iter().filter(|event| text(event, "event") == "tracker_offered").count(), 1);
    assert_eq!(ana.quit(), 0);
}

#[test]
fn a_tracker_in_the_neighbourhood_is_offered_and_taken_when_the_person_says_so() {
    let lan = LanPort::choose();
    let host = Options::new("ana").lan(lan.port()).password(PASSWORD).with(&["--host", "127.0.0.1:0"]).log_in();
    let mut guest = Options::new("bia").lan(lan.port()).password(PASSWORD).start();
    let offered = text(&guest.wait_for("tracker_offered", |_| true), "address").to_owned();
    guest.wait_linked("ana");
    assert!(!guest.events().iter().any(|event| text(event, "event") == "logged_in"));
    let trackers = guest.ask("/tracker", "trackers");
    assert_eq!(texts(&trackers, "offered"), std::slice::from_ref(&offered));
    let hosting = host.wait_for("notice", |event| text(event, "code") == "hosting");
    guest.line(&format!("/tracker {offered}#{}", text(&hosting, "fingerprint")));
    guest.line("/register");
    assert_eq!(text(&guest.wait_for("logged_in", |_| true), "tracker"), offered);
    // Who has a tracker is offered none.
    assert!(!host.events().iter().any(|event| text(event, "event") == "tracker_offered"));
}

#[test]
fn members_of_a_tracker_are_found_by_their_accounts() {
    let (lan, tracker) = (LanPort::choose(), Tracker::start());
    let ana = Options::registering("ana", &tracker).lan(lan.port()).log_in();
    let bia = Options::registering("bia", &tracker).lan(lan.port()).log_in();
    ana.wait_linked("bia");
    bia.wait_linked("ana");
}

/// Someone on a host of its own, who says nothing of where to listen or call.
fn plain(user: &str) -> Options {
    Options::new(user).listen("0.0.0.0:6061").lan(9091)
}

#[test]
fn one_host_in_two_networks_finds_those_of_both_and_an_interface_may_go_and_come() {
    let Some(networks) = Networks::new(&["left", "middle", "right"]) else { return };
    networks.wire(("left", "10.77.1.1/24"), ("middle", "10.77.1.2/24"));
    networks.wire(("middle", "10.77.2.2/24"), ("right", "10.77.2.3/24"));
    let mut left = plain("ana").start_on(&networks, "left");
    let mut middle = plain("bia").start_on(&networks, "middle");
    let mut right = plain("caio").start_on(&networks, "right");
    left.wait_linked("bia");
    right.wait_linked("bia");
    middle.wait_linked("ana");
    middle.wait_linked("caio");
    middle.line("oi");
    left.wait_message("oi");
    right.wait_message("oi");
    let peers = left.ask("/peers", "peers");
    let there = row(&peers, "peers", "user", "bia").expect("bia is listed");
    assert_eq!(text(there, "address"), "10.77.1.2:6061");
    assert!(row(&peers, "peers", "user", "caio").is_none(), "no way leads to caio: {peers}");

    for one in [&mut left, &mut middle] {
        one.mark();
    }
    networks.ip("middle", "link set left down");
    left.wait_lost("bia");
    middle.wait_lost("ana");
    networks.ip("middle", "link set left up");
    left.wait_linked("bia");
    middle.wait_linked("ana");
    for one in [&mut left, &mut middle, &mut right] {
        assert_eq!(one.quit(), 0);
    }
}

#[test]
fn where_no_way_leads_or_a_firewall_drops_everything_the_person_is_told_why() {
    let Some(networks) = Networks::new(&["left", "right", "alone"]) else { return };
    networks.wire(("left", "10.77.1.1/24"), ("right", "10.77.1.2/24"));
    let mut alone = plain("caio").start_on(&networks, "alone");
    alone.wait_for("ready", |_| true);
    alone.line("/connect 10.77.1.2:6061");
    let why = alone.wait_error("unreachable");
    assert!(why.contains("10.77.1.2:6061") && why.contains("no way leads there"), "{why}");
    assert_eq!(alone.quit(), 0);

    if !networks.drop_incoming("right", &["udp dport 9091", "tcp dport 6061"]) {
        return;
    }
    let mut left = plain("ana").start_on(&networks, "left");
    let mut right = plain("bia").start_on(&networks, "right");
    left.wait_for("ready", |_| true);
    left.line("/connect 10.77.1.2:6061");
    let why = left.wait_error("unreachable");
    assert!(why.contains("10.77.1.2:6061") && why.contains("it took too long"), "{why}");
    // From the other side, there is a way.
    right.line("/connect 10.77.1.1:6061");
    right.wait_linked("ana");
    left.wait_linked("bia");
    assert_eq!((left.quit(), right.quit()), (0, 0));
}
