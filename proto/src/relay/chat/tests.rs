//! The client by itself, with a relay that is there, late, silent or gone; then with the relays of this crate.

use super::*;
use crate::{
    contract::Contract,
    machine::DATAGRAM_BYTES_MAX,
    relay::{self, TcpRelay, UdpRelay},
};

const RELAY: &str = "10.0.0.1:12345";

fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

/// A client and what it does.
struct World {
    chat: Chat,
    contract: Contract,
    now: Time,
    resolving: Option<RequestId>,
    dialled: Vec<(ConnId, SocketAddr)>,
    bound: Vec<SocketId>,
    sent: Vec<String>,
    closed: Vec<u64>,
    reading: Vec<bool>,
    notices: Vec<Notice>,
}

impl World {
    fn new(protocol: Protocol, limits: Limits) -> Self {
        let (host, port) = ("relay.example".to_owned(), 12345);
        let mut world = Self {
            chat: Chat::start(Start { limits, seed: Seed([7; 32]), protocol, host, port }),
            contract: Contract::default(),
            now: Time::ZERO,
            resolving: None,
            dialled: Vec::new(),
            bound: Vec::new(),
            sent: Vec::new(),
            closed: Vec::new(),
            reading: Vec::new(),
            notices: Vec::new(),
        };
        world.tell(Event::Due);
        world
    }

    fn tell(&mut self, event: Event<'static, Command>) {
        self.contract.check_event(self.now, &event).expect("the tests keep the contract");
        let mut out = Outbox::default();
        self.chat.handle(self.now, event, &mut out);
        out.drain_with(|action, bytes| {
            self.contract.check_action(&action).expect("the client keeps the contract");
            match action {
                Action::Resolve { request, host, port } => {
                    assert_eq!((host.as_str(), port), ("relay.example", 12345));
                    self.resolving = Some(request);
                }
                Action::Connect { conn, address } => self.dialled.push((conn, address)),
                Action::Bind { socket, .. } => self.bound.push(socket),
                Action::Send { .. } | Action::SendTo { .. } => {
                    self.sent.push(String::from_utf8(bytes.to_vec()).expect("what is said is text"));
                }
                Action::Close { id, .. } => self.closed.push(id),
                Action::Reading(_, reading) => self.reading.push(reading),
                // When something was said is told by one test.
                Action::Notify(Notice::Heard { from, text, .. }) => {
                    self.notices.push(Notice::Heard { at: Wall(7), from, text });
                }
                Action::Notify(Notice::Said { text, .. }) => self.notices.push(said(&text)),
                Action::Notify(notice) => self.notices.push(notice),
                other => panic!("{other:?}"),
            }
        });
    }

    /// Time passes, with a stop at each deadline.
    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(at) = self.chat.deadline().filter(|&at| at <= end) {
            self.now = self.now.max(at);
            self.tell(Event::Due);
        }
        self.now = end;
    }

    fn resolve(&mut self, addresses: &[&str]) {
        let request = self.resolving.take().expect("it looks for the name");
        self.tell(Event::Resolved { request, addresses: addresses.iter().map(|text| address(text)).collect() });
    }

    /// The relay for TCP takes the connection.
    fn open(&mut self) -> ConnId {
        self.resolve(&[RELAY]);
        let (conn, remote) = self.dialled.pop().expect("it dials");
        self.tell(Event::Opened { conn, listener: None, local: address("10.0.0.2:50000"), remote });
        assert_eq!(self.notices.remove(0), Notice::Joined { address: remote });
        conn
    }

    /// The socket stands, and the relay for UDP was asked.
    fn bind(&mut self, addresses: &[&str]) -> SocketId {
        self.resolve(addresses);
        let socket = self.bound.pop().expect("it wants a socket");
        self.tell(Event::Bound { socket, address: address("0.0.0.0:50000") });
        assert_eq!(self.sent(), ["ping"]);
        socket
    }

    fn join(&mut self) -> SocketId {
        let socket = self.bind(&[RELAY]);
        self.datagram(socket, RELAY, b"ping");
        assert_eq!(self.notices(), [Notice::Joined { address: address(RELAY) }]);
        assert_eq!(self.sent(), [JOIN]);
        socket
    }

    fn datagram(&mut self, socket: SocketId, from: &str, bytes: &[u8]) {
        self.tell(Event::Datagram { socket, from: address(from), bytes: bytes.to_vec().into() });
    }

    fn receive(&mut self, conn: ConnId, text: &str) {
        self.tell(Event::Received { conn, bytes: text.as_bytes().to_vec().into() });
    }

    fn say(&mut self, text: &str) {
        self.tell(Event::Command(Command::Say(text.to_owned())));
    }

    fn sent(&mut self) -> Vec<String> {
        std::mem::take(&mut self.sent)
    }

    fn notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.notices)
    }
}

fn tcp() -> (World, ConnId) {
    let mut world = World::new(Protocol::Tcp, Limits::DEFAULT);
    let conn = world.open();
    (world, conn)
}

fn udp() -> (World, SocketId) {
    let mut world = World::new(Protocol::Udp, Limits::DEFAULT);
    let socket = world.join();
    (world, socket)
}

fn said(text: &str) -> Notice {
    Notice::Said { at: Wall(7), text: text.to_owned() }
}

fn heard(from: &str, text: &str) -> Notice {
    Notice::Heard { at: Wall(7), from: from.parse().ok(), text: text.to_owned() }
}

#[test]
fn what_is_said_goes_out_in_pieces_that_are_relayed_whole_with_a_pause_between() {
    let (mut world, _) = tcp();
    let long = "é".repeat(1_000);
    world.say("Olá!");
    world.say(&long);
    assert_eq!((world.sent(), world.notices()), (vec!["Olá!".to_owned()], vec![said("Olá!")]));
    world.pass(PAUSE - ms(1));
    assert_eq!(world.sent(), Vec::<String>::new());
    world.pass(ms(1));
    let first = world.sent();
    assert_eq!((first.len(), world.notices()), (1, vec![]), "it is not said whole yet");
    world.pass(2 * PAUSE);
    let rest = world.sent();
    assert_eq!(first.concat() + &rest.concat(), long);
    assert!(first.iter().chain(&rest).all(|piece| piece.len() <= SAY_BYTES_MAX));
    assert_eq!(world.notices(), [said(&long)]);
    let longest = "('ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', 65535) disse: ".len();
    assert!(longest + first[0].len() <= READ_BYTES);
}

#[test]
fn a_text_that_a_relay_would_take_for_something_else_gets_a_space() {
    let (mut world, _) = tcp();
    for (text, sent) in [
        ("/sair", " /sair"),
        ("vou/sair\r\n", "vou /sair\r\n"),
        ("vou /sair", "vou /sair"),
        ("ping", "ping"),
        ("/sai", "/sai"),
    ] {
        world.say(text);
        assert_eq!((world.sent(), world.notices()), (vec![sent.to_owned()], vec![said(text)]));
        world.pass(PAUSE);
    }
    world.say("r");
    assert_eq!(world.sent(), Vec::<String>::new(), "with what was said before it would be the wish to leave");
    world.pass(LONG_PAUSE - PAUSE);
    assert_eq!(world.sent(), ["r"]);
    let (mut world, _) = udp();
    world.say("ping");
    assert_eq!(world.sent(), ["ping "]);
}

#[test]
fn no_piece_of_a_text_is_the_wish_to_leave_wherever_it_is_cut() {
    for before in SAY_BYTES_MAX - 10..SAY_BYTES_MAX + 10 {
        let (mut world, _) = tcp();
        world.say(&("x".repeat(before) + "/sairy"));
        world.pass(4 * PAUSE);
        let sent = world.sent();
        assert!(sent.iter().all(|piece| !piece.ends_with("/sair") || piece.ends_with(" /sair")), "{before}");
        assert_eq!(sent.concat().replace(" /sair", "/sair"), "x".repeat(before) + "/sairy");
    }
}

#[test]
fn so_much_waits_to_be_said_and_what_is_past_it_is_refused() {
    let limits = Limits { chat_waiting_bytes_max: 10, ..Limits::DEFAULT };
    let mut world = World::new(Protocol::Tcp, limits);
    world.say("12345");
    world.say("67890");
    world.say("x");
    assert_eq!(world.notices(), [Notice::TooMuch]);
    world.open();
    world.pass(PAUSE);
    assert_eq!((world.sent().concat().as_str(), world.notices().len()), ("1234567890", 2));
    world.say("1234567890");
    world.say("x");
    assert!(matches!(world.notices()[..], [Notice::TooMuch]));
}

#[test]
fn what_is_heard_of_a_stream_is_told_as_who_said_what() {
    let (mut world, conn) = tcp();
    world.receive(conn, "('10.0.0.7', 61536) disse: Olá!('10.0.0.8', 9) disse: oi");
    assert_eq!(world.notices(), [heard("10.0.0.7:61536", "Olá!")]);
    world.pass(PAUSE);
    assert_eq!(world.notices(), [heard("10.0.0.8:9", "oi")]);
    world.receive(conn, "('10.0.0.8', 9) disse: tchau");
    world.tell(Event::Closed { conn, reason: Closed::End });
    assert_eq!(world.notices(), [heard("10.0.0.8:9", "tchau"), Notice::Lost(Trouble::Closed(Closed::End))]);
    world.pass(ms(1_000));
    world.open();
    world.receive(world.dialled.last().map_or(ConnId(conn.0 + 4), |dialled| dialled.0), "x");
}

#[test]
fn a_datagram_is_one_text_and_counts_only_from_the_relay() {
    let (mut world, socket) = udp();
    world.datagram(socket, RELAY, "('10.0.0.7', 1) disse: a('10.0.0.8', 2) disse: b".as_bytes());
    world.datagram(socket, "10.0.0.1:9", b"('10.0.0.7', 1) disse: forged");
    for nothing in [&b""[..], b"ping", b"\xff"] {
        world.datagram(socket, RELAY, nothing);
    }
    world.datagram(socket, RELAY, &vec![b'x'; DATAGRAM_BYTES_MAX]);
    let long = "x".repeat(DATAGRAM_BYTES_MAX);
    assert_eq!(world.notices(), [heard("10.0.0.7:1", "a('10.0.0.8', 2) disse: b"), heard("", &long)]);
}

#[test]
fn a_relay_that_is_not_there_is_told_and_tried_again_after_longer_waits() {
    let mut world = World::new(Protocol::Tcp, Limits::DEFAULT);
    world.resolve(&[]);
    assert_eq!(world.notices(), [Notice::Lost(Trouble::UnknownHost)]);
    world.pass(ms(1_000));
    world.resolve(&[RELAY, "[::1]:12345"]);
    let (first, _) = world.dialled.pop().expect("it dials");
    world.tell(Event::Refused { id: first.0, reason: Refusal::Refused });
    let (second, to) = world.dialled.pop().expect("it dials the other address");
    assert_eq!((to, world.notices()), (address("[::1]:12345"), vec![]));
    world.pass(ms(4_999));
    assert!(world.closed.is_empty());
    world.pass(ms(1));
    assert_eq!(world.closed, [second.0]);
    assert_eq!(world.notices(), [Notice::Lost(Trouble::Refused(Refusal::TimedOut))]);
    world.pass(ms(2_000));
    world.open();
    assert_eq!(world.chat.redial.failures(), 0);
}

#[test]
fn a_relay_for_udp_is_asked_until_it_answers_and_joined_once() {
    let mut world = World::new(Protocol::Udp, Limits::DEFAULT);
    let socket = world.bind(&[RELAY, "[::1]:12345"]);
    world.say("Olá!");
    world.pass(ms(2_999));
    assert_eq!(world.sent(), ["ping"; 5]);
    world.pass(ms(1));
    assert_eq!((world.closed.pop(), world.notices()), (Some(socket.0), vec![]));
    let socket = world.bound.pop().expect("it wants another socket");
    world.tell(Event::Bound { socket, address: address("[::]:50000") });
    // It sent that to an older one, which has it joined already.
    world.datagram(socket, "[::1]:12345", "('10.0.0.7', 1) disse: oi".as_bytes());
    world.datagram(socket, RELAY, b"ping");
    assert_eq!((world.sent(), world.notices()), (vec!["ping".to_owned()], vec![]));
    world.datagram(socket, "[::1]:12345", b"ping");
    world.datagram(socket, "[::1]:12345", b"ping");
    assert_eq!(world.notices(), [Notice::Joined { address: address("[::1]:12345") }, said("Olá!")]);
    assert_eq!(world.sent(), [JOIN, "Olá!"]);
}

#[test]
fn a_relay_for_udp_that_is_silent_or_gone_is_lost_and_joined_anew() {
    let (mut world, socket) = udp();
    for _ in 0..3 {
        world.pass(ms(20_000));
        assert_eq!((world.sent(), world.notices()), (vec!["ping".to_owned()], vec![]));
    }
    world.datagram(socket, RELAY, b"ping");
    world.pass(ms(60_000));
    assert_eq!((world.sent().len(), world.notices()), (3, vec![]), "it has answered meanwhile");
    world.pass(ms(20_000));
    assert_eq!((world.notices(), world.closed.pop()), (vec![Notice::Lost(Trouble::Silent)], Some(socket.0)));
    world.pass(ms(1_000));
    let socket = world.join();
    world.tell(Event::Undeliverable { socket, to: address("10.0.0.9:1") });
    assert_eq!(world.notices(), []);
    world.tell(Event::Undeliverable { socket, to: address(RELAY) });
    assert_eq!(world.notices(), [Notice::Lost(Trouble::Refused(Refusal::Refused))]);
    world.pass(ms(1_000));
    let socket = world.bind(&[RELAY]);
    world.tell(Event::Undeliverable { socket, to: address(RELAY) });
    assert_eq!(world.notices(), [Notice::Lost(Trouble::Refused(Refusal::Refused))], "at once, and not after a wait");
}

#[test]
fn while_nothing_can_be_shown_nothing_is_read_and_lost_datagrams_are_counted() {
    let (mut world, conn) = tcp();
    for open in [false, false, true] {
        world.tell(Event::Command(Command::Output { open }));
    }
    assert_eq!(world.reading, [false, true]);
    world.tell(Event::Command(Command::Output { open: false }));
    world.tell(Event::Closed { conn, reason: Closed::Reset });
    world.notices();
    world.pass(ms(1_000));
    world.open();
    assert_eq!(world.reading, [false, true, false, false], "the next connection is not read either");
    let (mut world, socket) = udp();
    world.tell(Event::Command(Command::Output { open: false }));
    world.datagram(socket, RELAY, b"x");
    world.datagram(socket, RELAY, b"y");
    assert_eq!(world.notices(), []);
    world.tell(Event::Command(Command::Output { open: true }));
    world.datagram(socket, RELAY, b"z");
    assert_eq!(world.notices(), [Notice::Missed(2), heard("", "z")]);
}

#[test]
fn at_the_end_what_waits_is_said_first_and_then_it_leaves() {
    let (mut world, socket) = udp();
    world.say("um");
    world.say("dois");
    world.tell(Event::Command(Command::Leave));
    world.say("três");
    assert_eq!(world.sent(), ["um"]);
    world.pass(PAUSE);
    assert_eq!(world.sent(), ["dois", "/sair"]);
    assert_eq!(world.notices(), [said("um"), said("dois"), Notice::Stopped { unsaid: 0 }]);
    assert_eq!((world.closed.pop(), world.chat.deadline()), (Some(socket.0), None));
}

#[test]
fn a_relay_that_was_lost_is_waited_for_ten_seconds_and_one_that_never_was_is_not() {
    let (mut world, conn) = tcp();
    world.tell(Event::Closed { conn, reason: Closed::Lost });
    world.say("um");
    world.tell(Event::Command(Command::Leave));
    world.notices();
    world.pass(ms(9_999));
    assert!(!world.notices().iter().any(|notice| matches!(notice, Notice::Stopped { .. })));
    world.pass(ms(1));
    assert_eq!(world.notices(), [Notice::Stopped { unsaid: 1 }]);
    let mut world = World::new(Protocol::Tcp, Limits::DEFAULT);
    world.say("um");
    world.tell(Event::Command(Command::Leave));
    assert_eq!(world.notices(), [Notice::Stopped { unsaid: 1 }]);
}

#[test]
fn a_long_text_is_cut_as_the_relays_of_this_crate_tell_it_whole() {
    // To the relay the client is at its longest address.
    let from = "[2001:0db8:1111:2222:3333:4444:5555:6666]:50000";
    let long = "é日".repeat(700);
    let (mut world, _) = udp();
    world.say(&long);
    world.pass(Duration::from_secs(1));
    let pieces = world.sent();
    let mut relay = UdpRelay::start(relay::Start { listen: address("[::]:12345"), limits: Limits::DEFAULT });
    let mut out = Outbox::default();
    relay.handle(Time::ZERO, Event::Due, &mut out);
    let socket = SocketId(1);
    let mut told = Vec::new();
    let datagrams =
        std::iter::once(("[::1]:9", JOIN.to_owned())).chain(pieces.iter().map(|piece| (from, piece.clone())));
    relay.handle(Time::ZERO, Event::Bound { socket, address: address("[::]:12345") }, &mut out);
    for (from, text) in datagrams {
        let bytes = text.into_bytes().into();
        relay.handle(Time::ZERO, Event::Datagram { socket, from: address(from), bytes }, &mut out);
        out.drain_with(|action, bytes| {
            if let Action::SendTo { to, .. } = action
                && to == address("[::1]:9")
            {
                told.push(hearing::of_datagram(std::str::from_utf8(bytes).expect("text")));
            }
        });
    }
    assert_eq!(told.len(), pieces.len(), "none was cut again");
    assert!(told.iter().all(|one| one.from == Some(address(from))));
    assert_eq!(told.into_iter().map(|one| one.text).collect::<String>(), long);
}

#[test]
fn the_relay_for_tcp_takes_no_text_for_the_wish_to_leave() {
    let (mut world, _) = tcp();
    let texts = ["/sair", "a/sair", "a /sair\n", "//sair", "/", "/s", "ping"];
    for text in texts {
        world.say(text);
    }
    world.pass(Duration::from_secs(2));
    let sent = world.sent();
    assert_eq!(sent.len(), texts.len());
    let mut relay = TcpRelay::start(relay::Start { listen: address("0.0.0.0:12345"), limits: Limits::DEFAULT });
    let mut out = Outbox::default();
    let conn = ConnId(2);
    let opened = Event::Opened { conn, listener: None, local: address(RELAY), remote: address("10.0.0.2:50000") };
    relay.handle(Time::ZERO, opened, &mut out);
    for (number, text) in (1..).zip(sent) {
        let now = Time::ZERO + LONG_PAUSE * number;
        relay.handle(now, Event::Due, &mut out);
        relay.handle(now, Event::Received { conn, bytes: text.clone().into_bytes().into() }, &mut out);
        let closes = out.actions().iter().any(|action| matches!(action, Action::Close { .. }));
        assert!(!closes, "{text:?}");
    }
}

#[test]
fn what_is_said_and_heard_has_the_time_on_the_wall() {
    let (mut world, conn) = tcp();
    world.tell(Event::Wall(Wall(1_000_000)));
    world.pass(ms(500));
    let mut out = Outbox::default();
    world.chat.handle(world.now, Event::Received { conn, bytes: b"oi".into() }, &mut out);
    world.chat.handle(world.now + PAUSE, Event::Due, &mut out);
    world.chat.handle(world.now + PAUSE, Event::Command(Command::Say("oi".to_owned())), &mut out);
    let at = |action: &Action<Notice, ()>| match action {
        Action::Notify(Notice::Heard { at, .. } | Notice::Said { at, .. }) => Some(at.0),
        _ => None,
    };
    assert_eq!(out.actions().iter().filter_map(at).collect::<Vec<_>>(), [1_000_550, 1_000_550]);
}
