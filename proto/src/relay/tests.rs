//! Both relays by themselves: who hears what, and at which bounds what happens.

use std::{net::SocketAddr, time::Duration};

use super::*;
use crate::{
    contract::Contract,
    limits::{LIMIT_MAX, ms},
    machine::{Action, CloseHow, Closed, ConnId, Event, Machine, SocketId},
    plaintext::paced::PAUSE,
    time::Time,
};

fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

/// A relay and what it does.
struct World<M: Machine> {
    relay: M,
    contract: Contract,
    out: Out,
    now: Time,
    /// What was sent to each connection or address, in order.
    sent: Vec<(String, String)>,
    closed: Vec<(u64, CloseHow)>,
    reading: Vec<(ConnId, bool)>,
    wanted: Vec<ConnId>,
    notices: Vec<Notice>,
}

impl<M: Machine<Start = Start, Command = Command, Notice = Notice, Change = ()>> World<M> {
    fn new(limits: Limits) -> Self {
        let relay = M::start(Start { listen: address("127.0.0.1:12345"), limits });
        assert_eq!(relay.deadline(), Some(Time::ZERO), "it listens although nothing happens");
        let mut world = Self {
            relay,
            contract: Contract::default(),
            out: Out::default(),
            now: Time::ZERO,
            sent: Vec::new(),
            closed: Vec::new(),
            reading: Vec::new(),
            wanted: Vec::new(),
            notices: Vec::new(),
        };
        world.tell(Event::Due);
        world
    }

    fn tell(&mut self, event: Event<'static, Command>) {
        self.contract.check_event(self.now, &event).expect("the tests keep the contract");
        self.relay.handle(self.now, event, &mut self.out);
        let mut out = std::mem::take(&mut self.out);
        out.drain_with(|action, bytes| {
            self.contract.check_action(&action).expect("the relay keeps the contract");
            let text = || String::from_utf8(bytes.to_vec()).expect("what leaves is text");
            match action {
                Action::Send { conn, .. } => self.sent.push((conn.to_string(), text())),
                Action::SendTo { to, .. } => self.sent.push((to.to_string(), text())),
                Action::Close { id, how } => self.closed.push((id, how)),
                Action::Reading(conn, reading) => self.reading.push((conn, reading)),
                Action::WantWrite(conn) => self.wanted.push(conn),
                Action::Notify(notice) => self.notices.push(notice),
                Action::Listen { .. } | Action::Bind { .. } => {}
                other => panic!("{other:?}"),
            }
        });
        self.out = out;
    }

    /// Time passes, with a stop at each deadline.
    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(at) = self.relay.deadline().filter(|&at| at <= end) {
            self.now = self.now.max(at);
            self.tell(Event::Due);
        }
        self.now = end;
    }

    fn sent(&mut self) -> Vec<(String, String)> {
        std::mem::take(&mut self.sent)
    }

    fn counters(&mut self) -> (usize, Counters) {
        self.tell(Event::Command(Command::Count));
        match self.notices.pop() {
            Some(Notice::Counters { clients, counters }) => (clients, counters),
            other => panic!("{other:?}"),
        }
    }
}

fn sent(to: impl ToString, text: &str) -> (String, String) {
    (to.to_string(), text.to_owned())
}

// TCP.

type Tcp = World<TcpRelay>;

fn tcp(limits: Limits) -> Tcp {
    let mut world = Tcp::new(limits);
    world.tell(Event::Listening { listener: crate::machine::ListenerId(1), address: address("127.0.0.1:12345") });
    assert_eq!(world.notices.pop(), Some(Notice::Listening { address: address("127.0.0.1:12345") }));
    world
}

impl Tcp {
    fn open(&mut self, number: u64, from: &str) -> ConnId {
        let conn = ConnId(2 * number);
        let listener = Some(crate::machine::ListenerId(1));
        self.tell(Event::Opened { conn, listener, local: address("127.0.0.1:12345"), remote: address(from) });
        conn
    }

    /// Three of one host.
    fn three(limits: Limits) -> (Self, [ConnId; 3]) {
        let mut world = tcp(limits);
        let conns = [1, 2, 3].map(|number| world.open(number, &format!("127.0.0.1:6153{number}")));
        (world, conns)
    }

    fn say(&mut self, conn: ConnId, bytes: impl AsRef<[u8]>) {
        self.tell(Event::Received { conn, bytes: bytes.as_ref().to_vec().into() });
    }
}

#[test]
fn what_one_says_goes_to_all_others_with_who_said_it_and_nothing_back() {
    let (mut world, [a, b, c]) = Tcp::three(Limits::DEFAULT);
    world.say(a, "Olá!");
    let line = "('127.0.0.1', 61531) disse: Olá!";
    assert_eq!(line.len(), 33);
    assert_eq!(world.sent(), [sent(b, line), sent(c, line)]);
    world.tell(Event::Closed { conn: c, reason: Closed::End });
    world.say(b, "oi\n");
    assert_eq!(world.sent(), [sent(a, "('127.0.0.1', 61532) disse: oi\n")]);
    let (clients, counters) = world.counters();
    assert_eq!((clients, counters.joined, counters.left, counters.messages, counters.deliveries), (2, 3, 1, 2, 3));
}

#[test]
fn an_address_of_ipv6_has_the_same_shape() {
    let mut world = tcp(Limits::DEFAULT);
    let (a, b) = (world.open(1, "[2001:db8::1]:4000"), world.open(2, "[::ffff:10.0.0.1]:5000"));
    world.say(a, "oi");
    world.say(b, "oi");
    assert_eq!(world.sent(), [sent(b, "('2001:db8::1', 4000) disse: oi"), sent(a, "('10.0.0.1', 5000) disse: oi")]);
}

#[test]
fn whoever_says_the_word_leaves_and_it_is_never_relayed_however_it_comes() {
    for cut in 0..=LEAVE.len() {
        let (mut world, [a, b, _]) = Tcp::three(Limits::DEFAULT);
        for piece in [&LEAVE[..cut], &LEAVE[cut..]].into_iter().filter(|piece| !piece.is_empty()) {
            world.say(a, piece);
        }
        assert_eq!(world.closed, [(a.0, CloseHow::Flush)], "cut at {cut}");
        assert_eq!(world.sent(), [], "cut at {cut}");
        world.say(b, "quem?");
        assert_eq!(world.sent().len(), 1, "it hears nothing more");
    }
    let (mut world, [a, b, c]) = Tcp::three(Limits::DEFAULT);
    world.say(a, "tchau/sair");
    let line = "('127.0.0.1', 61531) disse: tchau";
    assert_eq!(world.sent(), [sent(b, line), sent(c, line)]);
    assert_eq!(world.closed, [(a.0, CloseHow::Flush)]);
}

#[test]
fn what_only_begins_like_the_word_is_said_after_a_moment() {
    let (mut world, [a, b, c]) = Tcp::three(Limits::DEFAULT);
    world.say(a, "/");
    assert_eq!(world.sent(), []);
    world.pass(ms(99));
    assert_eq!(world.sent(), []);
    world.pass(ms(1));
    assert_eq!(world.sent().len(), 2);
    world.say(a, "/sa");
    world.say(a, "lve");
    let line = "('127.0.0.1', 61531) disse: /salve";
    assert_eq!(world.sent(), [sent(b, line), sent(c, line)]);
    assert_eq!(world.closed, []);
}

#[test]
fn a_character_that_comes_in_two_pieces_leaves_in_one_and_what_is_no_text_is_dropped() {
    let (mut world, [a, ..]) = Tcp::three(Limits::DEFAULT);
    let texts = |world: &mut Tcp| world.sent().into_iter().map(|(_, text)| text).collect::<Vec<_>>();
    world.say(a, [0xc3]);
    assert_eq!(world.sent(), []);
    world.say(a, [0xa1, b'!']);
    assert_eq!(texts(&mut world), ["('127.0.0.1', 61531) disse: á!"; 2]);
    world.say(a, b"\xff\xfe");
    assert_eq!(world.sent(), []);
    world.say(a, b"a\xffb");
    assert_eq!(texts(&mut world), ["('127.0.0.1', 61531) disse: ab"; 2]);
}

#[test]
fn a_long_text_is_cut_between_characters_into_what_is_read_at_once_and_paced() {
    let (mut world, [a, b, _]) = Tcp::three(Limits::DEFAULT);
    let text = "é".repeat(3_000);
    world.say(a, &text);
    world.pass(Duration::from_secs(5));
    let to_b = world.sent().into_iter().filter(|(to, _)| *to == b.to_string()).map(|(_, line)| line);
    let to_b = to_b.collect::<Vec<_>>();
    assert!(to_b.iter().all(|write| write.len() <= READ_BYTES));
    let whole = to_b.concat();
    assert_eq!(whole.replace("('127.0.0.1', 61531) disse: ", ""), text);
    assert_eq!(whole.matches("disse").count(), 7, "996 bytes and their prefix fill a read");
}

#[test]
fn there_is_room_for_so_many_and_so_many_of_one_address() {
    let limits = Limits { relay_clients_max: 3, relay_clients_per_source_max: 2, ..Limits::DEFAULT };
    let mut world = tcp(limits);
    world.open(1, "10.0.0.1:1");
    world.open(2, "10.0.0.1:2");
    let third = world.open(3, "10.0.0.1:3");
    assert_eq!(world.closed, [(third.0, CloseHow::Abort)]);
    world.open(4, "10.0.0.2:1");
    let fourth = world.open(5, "10.0.0.3:1");
    assert_eq!(world.closed[1..], [(fourth.0, CloseHow::Abort)]);
    world.tell(Event::Closed { conn: ConnId(2), reason: Closed::Reset });
    world.open(6, "10.0.0.3:2");
    let (clients, counters) = world.counters();
    assert_eq!((clients, counters.full), (3, 2));
}

#[test]
fn whoever_says_too_much_is_not_read_for_as_long_as_it_was_too_much() {
    let limits = Limits { relay_burst_bytes_max: 100, relay_bytes_per_s_max: 100, ..Limits::DEFAULT };
    let (mut world, [a, ..]) = Tcp::three(limits);
    world.say(a, "x".repeat(100));
    assert_eq!(world.reading, [], "the burst is free");
    world.say(a, "x".repeat(50));
    assert_eq!(world.reading, [(a, false)]);
    world.pass(ms(499));
    assert_eq!(world.reading.len(), 1);
    world.pass(ms(1));
    assert_eq!(world.reading, [(a, false), (a, true)]);
}

#[test]
fn while_text_waits_for_someones_pauses_nobody_is_read_and_nothing_is_lost() {
    let limits = Limits {
        relay_waiting_bytes_max: 3_800,
        relay_burst_bytes_max: LIMIT_MAX,
        relay_bytes_per_s_max: LIMIT_MAX,
        ..Limits::DEFAULT
    };
    let (mut world, [a, b, c]) = Tcp::three(limits);
    world.say(a, "é".repeat(2_300));
    assert_eq!(world.reading, [], "what waits is below the bound");
    world.say(b, "é".repeat(100));
    assert_eq!(world.reading.iter().filter(|(_, reading)| !reading).count(), 3, "past it, nobody is read");
    world.reading.clear();
    world.pass(PAUSE * 10);
    assert_eq!(world.reading, [(a, true), (b, true), (c, true)]);
    let heard = |world: &Tcp, who: ConnId| {
        let texts = world.sent.iter().filter(|(to, _)| *to == who.to_string()).map(|(_, text)| text.as_str());
        texts.collect::<String>().matches('é').count()
    };
    assert_eq!((heard(&world, a), heard(&world, b), heard(&world, c)), (100, 2_300, 2_400));
}

#[test]
fn what_was_held_back_is_said_when_the_connection_ends() {
    let (mut world, [a, b, c]) = Tcp::three(Limits::DEFAULT);
    world.say(a, "/s");
    world.tell(Event::Closed { conn: a, reason: Closed::End });
    let line = "('127.0.0.1', 61531) disse: /s";
    assert_eq!(world.sent(), [sent(b, line), sent(c, line)]);
}

#[test]
fn whoever_takes_in_time_what_came_at_once_is_not_given_up() {
    let limits = Limits { relay_untaken_bytes_max: 5_000, ..Limits::DEFAULT };
    let (mut world, [a, b, c]) = Tcp::three(limits);
    world.say(a, "x".repeat(4_000));
    assert_eq!(world.reading, []);
    world.say(a, "x".repeat(4_000));
    assert_eq!(world.reading, [(a, false), (b, false), (c, false)], "nobody is read meanwhile");
    world.pass(ms(999));
    for conn in [b, c] {
        world.tell(Event::Writable { conn, bytes: 1 });
    }
    assert_eq!(world.reading[3..], [(a, true), (b, true), (c, true)]);
    world.pass(Duration::from_secs(5));
    assert_eq!(world.closed, []);
}

#[test]
fn whoever_does_not_read_is_given_up_and_the_others_hear_everything() {
    let limits = Limits { relay_untaken_bytes_max: 5_000, ..Limits::DEFAULT };
    let (mut world, [a, b, c]) = Tcp::three(limits);
    for _ in 0..6 {
        world.say(a, "x".repeat(900));
        assert!(world.wanted.ends_with(&[c]) || world.wanted.contains(&c));
        world.tell(Event::Writable { conn: c, bytes: 1 });
    }
    world.pass(ms(999));
    assert_eq!(world.closed, []);
    world.pass(ms(1));
    assert_eq!(world.closed, [(b.0, CloseHow::Abort)]);
    assert_eq!(world.reading.last(), Some(&(c, true)), "the others are read again");
    let (clients, counters) = world.counters();
    assert_eq!((clients, counters.slow), (2, 1));
    let to_c = world.sent.iter().filter(|(to, _)| *to == c.to_string()).count();
    assert_eq!(to_c, 6);
}

#[test]
fn whoever_is_silent_for_a_day_is_given_up() {
    let (mut world, [a, b, c]) = Tcp::three(Limits::DEFAULT);
    world.pass(Duration::from_secs(12 * 3600));
    world.say(a, "ainda aqui");
    world.pass(Duration::from_secs(12 * 3600) - ms(1));
    assert_eq!(world.closed, []);
    world.pass(ms(1));
    assert_eq!(world.closed, [(b.0, CloseHow::Flush), (c.0, CloseHow::Flush)]);
    assert_eq!(world.counters().1.idle, 2);
}

#[test]
fn at_the_end_everyone_is_let_go_and_nothing_wants_to_happen() {
    let (mut world, [a, b, c]) = Tcp::three(Limits::DEFAULT);
    world.say(a, "/");
    world.tell(Event::Command(Command::Shutdown));
    let flushed = [a, b, c].map(|conn| (conn.0, CloseHow::Flush));
    assert_eq!(world.closed[0], (1, CloseHow::Abort));
    assert_eq!(world.closed[1..], flushed);
    assert_eq!(world.notices, [Notice::Stopped]);
    assert_eq!(world.relay.deadline(), None);
}

// UDP.

type Udp = World<UdpRelay>;

fn udp(limits: Limits) -> Udp {
    let mut world = Udp::new(limits);
    world.tell(Event::Bound { socket: SocketId(1), address: address("127.0.0.1:12345") });
    assert_eq!(world.notices.pop(), Some(Notice::Listening { address: address("127.0.0.1:12345") }));
    world
}

const A: &str = "127.0.0.1:6001";
const B: &str = "127.0.0.1:6002";
const C: &str = "127.0.0.1:6003";

impl Udp {
    fn say(&mut self, from: &str, bytes: impl AsRef<[u8]>) {
        let bytes = bytes.as_ref().to_vec().into();
        self.tell(Event::Datagram { socket: SocketId(1), from: address(from), bytes });
    }

    fn three(limits: Limits) -> Self {
        let mut world = udp(limits);
        for from in [A, B, C] {
            world.say(from, "Novo participante no chat.");
        }
        world.sent.clear();
        world
    }
}

#[test]
fn the_first_datagram_joins_and_is_told_to_all_others() {
    let mut world = udp(Limits::DEFAULT);
    world.say(A, "Novo participante no chat.");
    assert_eq!(world.sent(), [], "nobody else is there");
    world.say(B, "Novo participante no chat.");
    let line = "('127.0.0.1', 6002) disse: Novo participante no chat.";
    assert_eq!(line.len(), 53);
    assert_eq!(world.sent(), [sent(A, line)]);
    world.say(A, "Olá!");
    assert_eq!(world.sent(), [sent(B, "('127.0.0.1', 6001) disse: Olá!")]);
}

#[test]
fn ping_is_answered_to_its_sender_only_and_joins_nobody() {
    let mut world = Udp::three(Limits::DEFAULT);
    let stranger = "127.0.0.1:7000";
    world.say(stranger, "ping");
    world.say(A, "ping");
    assert_eq!(world.sent(), [sent(stranger, "ping"), sent(A, "ping")]);
    world.say(A, "oi");
    assert_eq!(world.sent().len(), 2, "the stranger hears nothing");
    world.say(stranger, "pings");
    assert_eq!(world.sent().len(), 3, "it has joined by saying something else");
}

#[test]
fn what_is_no_text_is_dropped_and_joins_nobody() {
    let mut world = Udp::three(Limits::DEFAULT);
    world.say(A, b"\xff\xfe");
    world.say("127.0.0.1:7000", b"\xc3");
    world.say("127.0.0.1:7001", "");
    assert_eq!(world.sent(), []);
    let (clients, counters) = world.counters();
    assert_eq!((clients, counters.not_text), (3, 2));
}

#[test]
fn a_long_datagram_is_told_in_pieces_that_are_read_whole() {
    let mut world = Udp::three(Limits::DEFAULT);
    let text = "é".repeat(2_000);
    world.say(A, &text);
    let told = world.sent();
    assert!(told.iter().all(|(_, line)| line.len() <= READ_BYTES));
    let to_b = told.iter().filter(|(to, _)| to == B).map(|(_, line)| line.as_str()).collect::<String>();
    assert_eq!(to_b.replace("('127.0.0.1', 6001) disse: ", ""), text);
}

#[test]
fn the_word_to_leave_is_not_relayed_and_whoever_says_it_hears_no_more() {
    let mut world = Udp::three(Limits::DEFAULT);
    world.say(A, "/sair");
    world.say("127.0.0.1:7000", "/sair");
    assert_eq!(world.sent(), []);
    world.say(B, "oi");
    assert_eq!(world.sent(), [sent(C, "('127.0.0.1', 6002) disse: oi")]);
    assert_eq!(world.counters().1.left, 1);
}

#[test]
fn whoever_cannot_be_reached_or_is_silent_for_an_hour_is_forgotten() {
    let mut world = Udp::three(Limits::DEFAULT);
    world.tell(Event::Undeliverable { socket: SocketId(1), to: address(B) });
    world.tell(Event::Undeliverable { socket: SocketId(1), to: address("127.0.0.1:7000") });
    world.say(A, "oi");
    assert_eq!(world.sent(), [sent(C, "('127.0.0.1', 6001) disse: oi")]);
    world.pass(Duration::from_secs(3600) - ms(1));
    assert_eq!(world.counters().0, 2);
    world.pass(ms(1));
    let (clients, counters) = world.counters();
    assert_eq!((clients, counters.unreachable, counters.idle), (0, 1, 2));
}

#[test]
fn members_are_bounded_and_one_too_many_is_sent_nothing() {
    let limits = Limits { relay_clients_max: 3, relay_clients_per_source_max: 2, ..Limits::DEFAULT };
    let mut world = udp(limits);
    for from in ["10.0.0.1:1", "10.0.0.1:2", "10.0.0.1:3", "10.0.0.2:1", "10.0.0.3:1"] {
        world.say(from, "oi");
    }
    let (clients, counters) = world.counters();
    assert_eq!((clients, counters.full), (3, 2));
    world.sent.clear();
    world.say("10.0.0.2:1", "quem está?");
    assert_eq!(world.sent().len(), 2);
    world.tell(Event::Undeliverable { socket: SocketId(1), to: address("10.0.0.1:1") });
    world.say("10.0.0.3:1", "oi");
    assert_eq!(world.counters().0, 3);
}

#[test]
fn what_one_says_and_what_one_is_sent_have_their_rates() {
    let limits = Limits {
        relay_burst_bytes_max: 10,
        relay_bytes_per_s_max: 10,
        relay_outflow_burst_bytes_max: 100,
        relay_outflow_per_s_max: 100,
        ..Limits::DEFAULT
    };
    let mut world = udp(limits);
    world.say(A, "1234567890");
    world.say(A, "1");
    assert_eq!(world.counters().1.too_fast, 1);
    world.pass(ms(100));
    world.say(A, "1");
    assert_eq!(world.counters().1.too_fast, 1, "a tenth of a second pays for a byte");
    for from in [B, C] {
        world.say(from, "123456789");
    }
    // The lines have 36 bytes: A hears two, then 28 of 100 are left, and C's does not fit any more.
    assert_eq!(world.sent().len(), 3);
    world.say("127.0.0.1:6004", "123456789");
    let to_a = world.sent().into_iter().filter(|(to, _)| to == A).count();
    assert_eq!((to_a, world.counters().1.too_much), (0, 1));
    world.pass(Duration::from_secs(1));
    world.say("127.0.0.1:6004", "123456789");
    assert_eq!(world.sent().len(), 3);
}

#[test]
fn to_whom_has_not_joined_never_more_goes_than_it_sent() {
    let mut world = Udp::three(Limits::DEFAULT);
    let stranger = "10.9.9.9:53";
    let (mut said, mut heard) = (0, 0);
    for bytes in [&b"ping"[..], b"\xff", b"", b"ping", b"/sair"] {
        world.say(stranger, bytes);
        world.say(A, "oi");
        said += bytes.len();
        heard += world.sent().iter().filter(|(to, _)| to == stranger).map(|(_, text)| text.len()).sum::<usize>();
        assert!(heard <= said);
    }
}

#[test]
fn a_relay_that_cannot_listen_says_so_and_ends_when_asked() {
    let mut world = Udp::new(Limits::DEFAULT);
    world.tell(Event::Refused { id: 1, reason: Refusal::AddressInUse });
    let refused = Notice::ListenRefused { address: address("127.0.0.1:12345"), reason: Refusal::AddressInUse };
    world.tell(Event::Command(Command::Shutdown));
    assert_eq!(world.notices, [refused, Notice::Stopped]);
    assert_eq!(world.closed, []);
}
