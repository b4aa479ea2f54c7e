//! The relays and their client, driven by anything that a driver may do, and the text that they are about.
//!
//! Invariants, besides those of the driver: whatever clients send, they are sent text, in pieces that an old client reads
//! at once, each with who said it; nothing comes back to whoever said it; who reads hears all that is said while he is
//! there, once and in order; an address that has not joined is sent no more than it sent.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    time::Duration,
};

use papo_proto::{
    limits::Limits,
    machine::{ConnId, Event, Refusal, SocketId, WRITABLE_BYTES_MAX},
    plaintext::{
        READ_BYTES,
        text::{TextStream, pieces},
    },
    relay::{
        Command, Start, TcpRelay, UdpRelay,
        chat::{self, Chat, Protocol},
        udp::PING,
    },
};

use super::{
    cursor::{Cursor, seed_of},
    driver::{Driver, Question, STOPS_MAX},
};

/// So many operations tell a story.
const OPERATIONS_MAX: usize = 384;
/// Clients in all: each has a number of its own.
const CLIENTS_MAX: u8 = 24;
/// What clients say beside anything.
const SAID: [&[u8]; 12] = [
    "Olá!".as_bytes(),
    b"/sair",
    b"/s",
    b"air\r\n",
    b"ping",
    b"Novo participante no chat.",
    b"\xf0\x9f\x99",
    b"\x82",
    b"\xff",
    "日本語".as_bytes(),
    b" ",
    b"",
];

/// A text as bytes, and the same bytes cut anywhere.
pub fn text_stream(data: &[u8]) {
    let mut choices = Cursor::new(data);
    let (cut, bytes_max) = (choices.below(256) + 1, choices.below(64) + 4);
    let bytes = choices.rest();
    let mut stream = TextStream::default();
    let whole = stream.push(bytes);
    let mut stream = TextStream::default();
    let in_pieces = bytes.chunks(cut).map(|chunk| stream.push(chunk)).collect::<String>();
    assert_eq!(whole, in_pieces, "how a stream is cut changes nothing");
    let valid = bytes.utf8_chunks().map(|chunk| chunk.valid()).collect::<String>();
    assert_eq!(whole, valid, "what is text is kept, and nothing else");
    let cut = pieces(&whole, bytes_max).collect::<Vec<_>>();
    assert!(cut.iter().all(|piece| !piece.is_empty() && piece.len() <= bytes_max));
    assert_eq!(cut.concat(), whole);
}

fn limits(choices: &mut Cursor<'_>) -> Limits {
    let tight = Limits {
        relay_clients_max: 4,
        relay_clients_per_source_max: 2,
        relay_burst_bytes_max: 600,
        relay_bytes_per_s_max: 1_000,
        relay_outflow_burst_bytes_max: 1_500,
        relay_outflow_per_s_max: 700,
        relay_waiting_bytes_max: 300,
        relay_untaken_bytes_max: 2_000,
        chat_waiting_bytes_max: 300,
        ..Limits::DEFAULT
    };
    choices.pick(&[Limits::DEFAULT, tight])
}

/// Something that a client says: nothing in it looks like the beginning of what a relay tells.
fn said(choices: &mut Cursor<'_>) -> Vec<u8> {
    match choices.below(SAID.len() + 2) {
        0 => choices.bytes(255).iter().map(|&byte| if byte == b'(' { b'.' } else { byte }).collect(),
        1 => [b'x', 0xc3, 0xa9][..1 + choices.below(3)].repeat(choices.below(2_000)),
        number => SAID[number - 2].to_vec(),
    }
}

fn client(number: u8) -> SocketAddr {
    // A few share an address.
    SocketAddr::from(([10, 0, 0, number / 3], 40_000 + u16::from(number)))
}

fn prefix(from: SocketAddr) -> String {
    format!("('{}', {}) disse: ", from.ip(), from.port())
}

// TCP.

/// A client of the relay for TCP.
struct Client {
    remote: SocketAddr,
    /// What it was sent.
    heard: Vec<u8>,
    /// What it was let say.
    said: Vec<u8>,
    is_there: bool,
}

/// Plays a story of the relay for TCP.
pub fn tcp_relay(data: &[u8]) {
    let mut choices = Cursor::new(data);
    let start = Start { listen: ([0, 0, 0, 0], 12345).into(), limits: limits(&mut choices) };
    let max = start.limits.out_bytes_max;
    let mut driver = Driver::<TcpRelay>::start(start, max);
    driver.due();
    driver.answer_listeners(true);
    let mut clients = BTreeMap::<ConnId, Client>::new();
    // The first of all reads everything, and says nothing.
    let mut next = 0;
    let witness = join(&mut driver, &mut clients, &mut next).expect("there is room");
    for _ in 0..OPERATIONS_MAX {
        let Some(operation) = choices.next_operation() else { break };
        let other = |driver: &Driver<TcpRelay>, choices: &mut Cursor<'_>| {
            choices.any(driver.wires.keys().copied().filter(|&conn| conn != witness).collect::<Vec<_>>().into_iter())
        };
        match operation % 8 {
            0 if next < CLIENTS_MAX => drop(join(&mut driver, &mut clients, &mut next)),
            0..=3 => {
                let bytes = said(&mut choices);
                if let Some(conn) = other(&driver, &mut choices).filter(|_| !bytes.is_empty()) {
                    clients.get_mut(&conn).expect("it is known").said.extend_from_slice(&bytes);
                    driver.send(conn, &bytes);
                }
            }
            4 => driver.pass_a_while(&mut choices),
            5 => driver.meet_deadline(),
            6 => {
                if let Some(conn) = other(&driver, &mut choices) {
                    driver.drain(conn, WRITABLE_BYTES_MAX);
                }
            }
            _ => {
                if let Some(conn) = other(&driver, &mut choices) {
                    driver.close(
                        conn,
                        choices.pick(&[papo_proto::machine::Closed::End, papo_proto::machine::Closed::Lost]),
                    );
                }
            }
        }
        driver.drain(witness, WRITABLE_BYTES_MAX);
        driver.settle_wires(false);
        listen(&mut driver, &mut clients);
    }
    // Everything that waits is said.
    for _ in 0..STOPS_MAX {
        driver.pass(driver.now + Duration::from_millis(500), STOPS_MAX);
        driver.settle_wires(true);
        listen(&mut driver, &mut clients);
    }
    check_stories(&clients, witness);
    driver.tell(Event::Command(Command::Shutdown));
    assert!(driver.wires.is_empty() && driver.machine_is_done());
}

fn join(driver: &mut Driver<TcpRelay>, clients: &mut BTreeMap<ConnId, Client>, next: &mut u8) -> Option<ConnId> {
    let remote = client(*next);
    *next += 1;
    let conn = driver.accept(remote)?;
    clients.insert(conn, Client { remote, heard: Vec::new(), said: Vec::new(), is_there: false });
    listen(driver, clients);
    driver.wires.contains_key(&conn).then_some(conn)
}

/// Takes what clients were sent.
fn listen(driver: &mut Driver<TcpRelay>, clients: &mut BTreeMap<ConnId, Client>) {
    for (conn, bytes) in driver.next_said() {
        clients.get_mut(&conn).expect("it is known").heard.extend_from_slice(&bytes);
    }
    for (conn, client) in clients {
        client.is_there = driver.wires.contains_key(conn);
    }
}

/// What a client heard of each other.
fn by_speaker(client: &Client, clients: &BTreeMap<ConnId, Client>) -> BTreeMap<SocketAddr, String> {
    let heard = std::str::from_utf8(&client.heard).expect("what is relayed is text");
    let mut by_speaker = BTreeMap::<SocketAddr, String>::new();
    let mut rest = heard;
    while !rest.is_empty() {
        let speaks = clients.values().find(|other| rest.starts_with(&prefix(other.remote)));
        let from = speaks.unwrap_or_else(|| panic!("nobody says {rest:?}")).remote;
        assert_ne!(from, client.remote, "nothing comes back");
        let behind = &rest[prefix(from).len()..];
        let (text, left) = behind.split_at(behind.find("('").unwrap_or(behind.len()));
        assert!(!text.is_empty() && text.len() + prefix(from).len() <= READ_BYTES, "{text:?}");
        *by_speaker.entry(from).or_default() += text;
        rest = left;
    }
    by_speaker
}

fn check_stories(clients: &BTreeMap<ConnId, Client>, witness: ConnId) {
    let all = by_speaker(&clients[&witness], clients);
    for client in clients.values() {
        let mut stream = TextStream::default();
        let said = stream.push(&client.said);
        let told = all.get(&client.remote).map_or("", String::as_str);
        assert!(said.starts_with(told), "{told:?} is not what was said: {said:?}");
        // The witness may have been silent for too long.
        if client.is_there && clients[&witness].is_there {
            assert_eq!(said, told, "who is still there was heard with all that he said");
            for (from, heard) in by_speaker(client, clients) {
                assert!(all[&from].ends_with(&heard), "{heard:?} is not all since he came");
            }
        }
    }
}

// UDP.

/// Plays a story of the relay for UDP.
pub fn udp_relay(data: &[u8]) {
    let mut choices = Cursor::new(data);
    let listen = SocketAddr::from(([0, 0, 0, 0], 12345));
    let start = Start { listen, limits: limits(&mut choices) };
    let (max, clients_max) = (start.limits.out_bytes_max, start.limits.relay_clients_max);
    let mut driver = Driver::<UdpRelay>::start(start, max);
    driver.due();
    let socket = SocketId(driver.ids_of(|question| matches!(question, Question::Bind(_)))[0]);
    driver.bind(socket, listen);
    // Those who have said something that joins, and what the others were sent beyond what they sent.
    let (mut joined, mut owed) = (BTreeSet::new(), BTreeMap::<SocketAddr, i64>::new());
    for _ in 0..OPERATIONS_MAX {
        let Some(operation) = choices.next_operation() else { break };
        let from = client(choices.byte() % CLIENTS_MAX);
        match operation % 8 {
            0..=4 => {
                let bytes = said(&mut choices);
                *owed.entry(from).or_default() -= i64::try_from(bytes.len()).expect("datagrams are short");
                driver.hear(socket, from, &bytes);
                let text = std::str::from_utf8(&bytes).ok().filter(|text| !text.is_empty() && bytes != PING);
                if text.is_some_and(|text| text.trim_end_matches(['\r', '\n']) != "/sair") {
                    joined.insert(from);
                }
                check_datagrams(&mut driver, from, &bytes, &joined, &mut owed);
                assert!(joined.len() <= clients_max || clients_max < usize::from(CLIENTS_MAX));
            }
            5 => driver.tell(Event::Undeliverable { socket, to: from }),
            6 => driver.pass_a_while(&mut choices),
            _ => driver.meet_deadline(),
        }
        assert!(driver.calls.is_empty(), "nobody is sent anything because time passes");
    }
    driver.tell(Event::Command(Command::Shutdown));
}

/// What a datagram led to.
fn check_datagrams(
    driver: &mut Driver<UdpRelay>,
    from: SocketAddr,
    bytes: &[u8],
    joined: &BTreeSet<SocketAddr>,
    owed: &mut BTreeMap<SocketAddr, i64>,
) {
    let mut told = BTreeMap::<SocketAddr, Vec<String>>::new();
    for (to, datagram) in std::mem::take(&mut driver.calls) {
        *owed.entry(to).or_default() += i64::try_from(datagram.len()).expect("datagrams are short");
        if bytes == PING {
            assert_eq!((to, datagram.as_slice()), (from, PING), "a question is answered to who asked, and only so");
            continue;
        }
        assert!(to != from && datagram.len() <= READ_BYTES, "{to} is sent {} bytes", datagram.len());
        let text = String::from_utf8(datagram).expect("what is relayed is text");
        let piece = text.strip_prefix(&prefix(from)).expect("it says who said it");
        told.entry(to).or_default().push(piece.to_owned());
    }
    let said = std::str::from_utf8(bytes).unwrap_or_default();
    let cut = pieces(said, READ_BYTES - prefix(from).len()).collect::<Vec<_>>();
    for (to, heard) in told {
        assert!(joined.contains(&to), "{to} has not joined");
        let mut rest = cut.iter();
        assert!(heard.iter().all(|piece| rest.any(|cut| cut == piece)), "{heard:?} of {cut:?}");
    }
    let others = owed.iter().filter(|(address, _)| !joined.contains(*address));
    others.for_each(|(address, owed)| assert!(*owed <= 0, "{address} has not joined, and is sent more than it sent"));
}

// Their client.

/// Plays a story of a client of either relay.
pub fn relay_chat(data: &[u8]) {
    let mut choices = Cursor::new(data);
    let limits = limits(&mut choices);
    let protocol = choices.pick(&[Protocol::Tcp, Protocol::Udp]);
    let max = limits.out_bytes_max;
    let start = chat::Start { limits, seed: seed_of(data), protocol, host: "relay.example".to_owned(), port: 12345 };
    let mut driver = Driver::<Chat>::start(start, max);
    let (relay, here) = (SocketAddr::from(([10, 0, 0, 9], 12345)), SocketAddr::from(([10, 0, 0, 1], 50_000)));
    let (mut given, mut ended) = (0, Vec::new());
    driver.due();
    for _ in 0..OPERATIONS_MAX {
        let Some(operation) = choices.next_operation() else { break };
        let asked = |driver: &Driver<Chat>, fits: fn(&Question) -> bool| driver.ids_of(fits).first().copied();
        match operation % 16 {
            0 | 1 => {
                if let Some(id) = asked(&driver, |question| matches!(question, Question::Resolve(_))) {
                    let addresses = vec![relay; choices.below(3)];
                    driver.answer(id, |request| Event::Resolved { request, addresses });
                }
            }
            2 | 3 => {
                if let Some(id) = asked(&driver, |question| matches!(question, Question::Connect(_))) {
                    driver.open(ConnId(id), here, relay);
                } else if let Some(id) = asked(&driver, |question| matches!(question, Question::Bind(_))) {
                    driver.bind(SocketId(id), here);
                }
            }
            4 => {
                let fits = |question: &Question| matches!(question, Question::Connect(_) | Question::Bind(_));
                if let Some(id) = asked(&driver, fits) {
                    driver.refuse(id, choices.pick(&[Refusal::Refused, Refusal::Exhausted]));
                }
            }
            5..=7 => {
                let text = String::from_utf8_lossy(&said(&mut choices)).into_owned();
                given += usize::from(!text.is_empty());
                driver.tell(Event::Command(chat::Command::Say(text)));
            }
            8 | 9 => {
                let mut bytes = if choices.flag() { prefix(client(choices.byte())).into_bytes() } else { Vec::new() };
                bytes.extend(said(&mut choices));
                if let Some(conn) = driver.any_wire(&mut choices).filter(|_| !bytes.is_empty()) {
                    driver.send(conn, &bytes);
                }
                driver.hear_all(choices.pick(&[relay, client(1)]), &bytes);
            }
            10 => driver.hear_all(relay, PING),
            11 => driver.tell(Event::Command(chat::Command::Output { open: choices.flag() })),
            12 => driver.close_any(&mut choices),
            13 if operation > 240 => driver.tell(Event::Command(chat::Command::Leave)),
            14 => driver.pass_a_while(&mut choices),
            _ => driver.meet_deadline(),
        }
        driver.settle_wires(true);
        ended.extend(
            std::mem::take(&mut driver.notices)
                .into_iter()
                .filter(|notice| !matches!(notice, chat::Notice::Heard { .. } | chat::Notice::Missed(_))),
        );
        check_said(&mut driver);
    }
    driver.tell(Event::Command(chat::Command::Leave));
    driver.pass(driver.now + Duration::from_secs(11), STOPS_MAX * STOPS_MAX);
    check_said(&mut driver);
    ended.extend(std::mem::take(&mut driver.notices));
    let count = |fits: fn(&chat::Notice) -> bool| ended.iter().filter(|notice| fits(notice)).count();
    assert_eq!(count(|notice| matches!(notice, chat::Notice::Stopped { .. })), 1, "it ends, once");
    assert!(count(|notice| matches!(notice, chat::Notice::Said { .. })) <= given, "what is said was given");
    assert!(driver.wires.is_empty() && driver.machine_is_done(), "nothing is left");
}

/// Whatever leaves a client is text that any relay tells whole, and no wish to leave but its own.
fn check_said(driver: &mut Driver<Chat>) {
    let mut datagrams = std::mem::take(&mut driver.calls).into_iter().map(|(_, bytes)| bytes).peekable();
    while let Some(bytes) = datagrams.next() {
        let text = String::from_utf8(bytes).expect("what is said is text");
        assert!(text.len() < READ_BYTES - 40, "{} bytes", text.len());
        let leaves = text.trim_end_matches(['\r', '\n']) == "/sair";
        assert!(!leaves || datagrams.peek().is_none(), "something follows the end");
    }
    for (_, bytes) in driver.next_said() {
        assert!(std::str::from_utf8(&bytes).is_ok(), "what is said is text");
    }
}
