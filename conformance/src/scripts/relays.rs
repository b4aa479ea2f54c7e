//! A relay for TCP and one for UDP, with old clients and people, who lose one of them and find it again; and a monitor,
//! which mails what it measures.

use std::{net::SocketAddr, time::Duration};

use papo_proto::{
    limits::Limits,
    monitor::{self, Monitor, mails::MailsWanted, status::Thresholds},
    relay::{
        self, TcpRelay, UdpRelay,
        chat::{self, Chat, Protocol},
    },
    rng::Seed,
};

use super::{LATER, Recording, SOON, host, recording, stage::Stage};
use crate::world::{
    NodeId,
    resident::{Resident, Told, Wish},
};

const PORT: u16 = 12345;
const TCP: SocketAddr = SocketAddr::new(host(1), PORT);
const UDP: SocketAddr = SocketAddr::new(host(4), PORT);

/// Plays it.
pub(super) fn record() -> Vec<Recording> {
    let mut world = Stage::new(5);
    let tcp = relay::<TcpRelay>(&mut world, TCP);
    let udp = relay::<UdpRelay>(&mut world, UDP);

    // Old clients: raw bytes, cut and glued in any way.
    let [old, other] = [66, 67].map(|number| world.dial(host(number), TCP));
    let ana = talker(&mut world, 2, Protocol::Tcp, TCP);
    world.run(Duration::from_millis(100));
    for bytes in ["Olá!".as_bytes(), b"\xe6\x97", b"\xa5\xe6\x9c\xac\xff", b"at\xc3\xa9 j\xc3\xa1/sair\r\n"] {
        world.say(old, bytes);
        world.run(Duration::from_millis(100));
    }
    heard(&mut world, ana, "até já");
    say(&mut world, ana, "a/sair");
    world.run(SOON);
    let (told, _) = world.told(other);
    let told = String::from_utf8(told.to_vec()).expect("old clients are sent text");
    assert!(told.contains(") disse: Olá!(") && told.ends_with(") disse: a /sair"), "{told}");
    assert!(!world.told(old).1, "whoever leaves is let go");
    world.hang_up(other);

    // The relay is killed, and comes back.
    world.kill(tcp);
    said(&mut world, ana, |notice| matches!(notice, chat::Notice::Lost(_)));
    let again = relay::<TcpRelay>(&mut world, TCP);
    said(&mut world, ana, |notice| matches!(notice, chat::Notice::Joined { .. }));
    say(&mut world, ana, "ainda aqui");

    // The same by datagrams.
    let bia = talker(&mut world, 3, Protocol::Udp, UDP);
    let caio = talker(&mut world, 5, Protocol::Udp, UDP);
    heard(&mut world, bia, chat::JOIN);
    let old = SocketAddr::new(host(68), 50_000);
    for bytes in [&b"ping"[..], b"\xff", chat::JOIN.as_bytes(), "não ouço nada".as_bytes(), b"/sair"] {
        world.send_to(old, UDP, bytes);
        world.run(Duration::from_millis(100));
    }
    heard(&mut world, caio, "não ouço nada");
    say(&mut world, caio, &"é".repeat(1_000));
    heard(&mut world, bia, "é");

    // Someone measures how quickly it answers.
    let measuring = monitor::Start {
        limits: Limits::DEFAULT,
        host: UDP.ip().to_string(),
        port: PORT,
        interval_ms: 1_000,
        timeout_ms: 500,
        thresholds: Thresholds::DEFAULT,
        count: Some(4),
        mails: Some(MailsWanted::Changes),
    };
    let monitor = world.start::<Monitor>(host(6), measuring);
    mail(&mut world, monitor, monitor::Command::MailFailed("a senha está errada".to_owned()));
    mail(&mut world, monitor, monitor::Command::MailSent);
    leave(&mut world, bia);
    leave(&mut world, caio);
    world.kill(udp);
    mail(&mut world, monitor, monitor::Command::MailSent);
    world.wait(monitor, LATER, |told| matches!(told, Told::Monitor(monitor::Notice::Stopped { .. })).then_some(()));

    leave(&mut world, ana);
    world.wish(again, Wish::Relay(relay::Command::Count));
    world.wish(again, Wish::Relay(relay::Command::Shutdown));
    world.wait(again, SOON, |told| matches!(told, Told::Relay(relay::Notice::Stopped)).then_some(()));
    vec![
        recording(&world, tcp, "relays.tcp.jsonl"),
        recording(&world, again, "relays.tcp-again.jsonl"),
        recording(&world, udp, "relays.udp.jsonl"),
        recording(&world, ana, "relays.ana.jsonl"),
        recording(&world, bia, "relays.bia.jsonl"),
        recording(&world, monitor, "relays.monitor.jsonl"),
    ]
}

#[track_caller]
fn relay<M: Resident<Start = relay::Start>>(world: &mut Stage, address: SocketAddr) -> NodeId {
    let listen = SocketAddr::from(([0, 0, 0, 0], address.port()));
    let node = world.start::<M>(address.ip(), relay::Start { listen, limits: Limits::DEFAULT });
    world.wait(node, SOON, |told| matches!(told, Told::Relay(relay::Notice::Listening { .. })).then_some(()));
    node
}

/// Someone who talks by a relay.
#[track_caller]
fn talker(world: &mut Stage, number: u8, protocol: Protocol, relay: SocketAddr) -> NodeId {
    let (host_name, port) = (relay.ip().to_string(), relay.port());
    let seed = Seed([50 + number; 32]);
    let start = chat::Start { limits: Limits::DEFAULT, seed, protocol, host: host_name, port };
    let node = world.start::<Chat>(host(number), start);
    said(world, node, |notice| matches!(notice, chat::Notice::Joined { .. }));
    node
}

/// Waits for a notice of someone who talks.
#[track_caller]
fn said(world: &mut Stage, node: NodeId, what: impl Fn(&chat::Notice) -> bool) {
    world.wait(node, LATER, |told| match told {
        Told::Chat(notice) if what(notice) => Some(()),
        _ => None,
    });
}

#[track_caller]
fn say(world: &mut Stage, node: NodeId, text: &str) {
    world.wish(node, Wish::Chat(chat::Command::Say(text.to_owned())));
    said(world, node, |notice| matches!(notice, chat::Notice::Said { .. }));
}

/// Waits until someone has heard this, or what ends so.
#[track_caller]
fn heard(world: &mut Stage, node: NodeId, end: &str) {
    said(world, node, |notice| matches!(notice, chat::Notice::Heard { text, .. } if text.ends_with(end)));
}

#[track_caller]
fn leave(world: &mut Stage, node: NodeId) {
    world.wish(node, Wish::Chat(chat::Command::Leave));
    said(world, node, |notice| matches!(notice, chat::Notice::Stopped { unsaid: 0 }));
}

/// Waits for a mail, and tells how it went.
#[track_caller]
fn mail(world: &mut Stage, node: NodeId, how: monitor::Command) {
    world.wait(node, LATER, |told| matches!(told, Told::Monitor(monitor::Notice::Mail(_))).then_some(()));
    world.wish(node, Wish::Monitor(how));
}
