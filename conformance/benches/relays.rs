//! How many texts the relays deliver, beside what the same host does in a bare loop over the same sockets.
//!
//! `cargo bench -p papo-conformance --bench relays` prints one line each. In each round each of fifty clients says one
//! text, and then hears those of all others: whoever measures does the same work in both cases, on the same core or
//! another. Nothing is asserted here: time is no test.

#![expect(clippy::print_stdout, reason = "figures are what it is for")]

#[expect(dead_code, reason = "the harness of the scenarios, of which this needs a part")]
#[path = "../tests/programs/support/mod.rs"]
mod support;

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream, UdpSocket},
    thread,
    time::Instant,
};

use mio::{Events, Interest, Poll, Token};
use support::{BOUND, tracker::Tracker};

/// Clients of a relay.
const CLIENTS: usize = 50;
/// Rounds of deliveries: so many that no member of the relay for UDP is sent more than it may at once.
const ROUNDS: usize = 180;
/// What each says in each round.
const TEXT: [u8; 64] = [b'x'; 64];
/// Questions to a relay for UDP.
const PINGS: u32 = 20_000;

fn main() {
    let options: [&dyn AsRef<OsStr>; 4] = [&"--relay-tcp", &"127.0.0.1:0", &"--relay-udp", &"127.0.0.1:0"];
    let tracker = Tracker::start_with(&options);
    let address = |protocol: &str| -> SocketAddr {
        let begin = format!("papo-tracker relays {protocol} on ");
        let line = tracker.process.wait_stdout("where it relays", |line| line.starts_with(&begin));
        let rest = line.trim_start_matches(&begin);
        rest.split_once(',').expect("an address").0.parse().expect("an address")
    };
    println!("deliveries each second, {CLIENTS} clients, {} bytes each", TEXT.len());
    tell("tcp", deliveries_by_tcp(address("tcp")), deliveries_by_tcp(bare_tcp()));
    tell("udp", deliveries_by_udp(address("udp")), deliveries_by_udp(bare_udp()));
    println!("questions each second, one after the other");
    tell("`ping` by udp", pings(address("udp")), pings(bare_echo()));
}

fn tell(what: &str, rate: f64, bare: f64) {
    println!("  {rate:>9.0}  {what} (a bare loop: {bare:.0}, {:.2} of that)", rate / bare);
}

/// How long what a client is told of one round is: the texts of all others, with who said each.
fn round_bytes(ports: &[u16], own: u16) -> usize {
    let told = |port: &u16| format!("('127.0.0.1', {port}) disse: ").len() + TEXT.len();
    ports.iter().filter(|port| **port != own).map(told).sum()
}

fn rate(rounds: impl FnOnce()) -> f64 {
    let since = Instant::now();
    rounds();
    (CLIENTS * (CLIENTS - 1) * ROUNDS) as f64 / since.elapsed().as_secs_f64()
}

fn deliveries_by_tcp(relay: SocketAddr) -> f64 {
    let mut clients = (0..CLIENTS).map(|_| TcpStream::connect(relay).expect("it listens")).collect::<Vec<_>>();
    let ports = clients.iter().map(|one| one.local_addr().expect("an address").port()).collect::<Vec<_>>();
    for client in &clients {
        client.set_nodelay(true).and_then(|()| client.set_read_timeout(Some(BOUND))).expect("a socket");
    }
    let mut buffer = vec![0; CLIENTS * 1024];
    let mut round = |clients: &mut Vec<TcpStream>| {
        clients.iter_mut().for_each(|client| client.write_all(&TEXT).expect("it is taken"));
        for (client, port) in clients.iter_mut().zip(&ports) {
            client.read_exact(&mut buffer[..round_bytes(&ports, *port)]).expect("all of it comes");
        }
    };
    settle_tcp(&mut clients);
    rate(|| (0..ROUNDS).for_each(|_| round(&mut clients)))
}

/// Waits until every client is there: until each hears the first.
fn settle_tcp(clients: &mut [TcpStream]) {
    let (first, others) = clients.split_first_mut().expect("there are some");
    let mut waiting = (0..others.len()).collect::<BTreeSet<_>>();
    let port = first.local_addr().expect("an address").port();
    let told = format!("('127.0.0.1', {port}) disse: x").len();
    while !waiting.is_empty() {
        // Whoever has heard one hears another, which is taken off below.
        first.write_all(b"x").expect("it is taken");
        for (number, other) in others.iter_mut().enumerate() {
            other.set_read_timeout(Some(std::time::Duration::from_millis(200))).expect("a socket");
            let mut buffer = vec![0; told];
            if other.read_exact(&mut buffer).is_ok() {
                waiting.remove(&number);
            }
            other.set_read_timeout(Some(BOUND)).expect("a socket");
        }
    }
}

/// A loop over sockets: what comes by one goes to all others, with who said it.
fn bare_tcp() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        let accepted = (0..CLIENTS).map(|_| listener.accept().expect("a client")).collect::<Vec<_>>();
        let mut poll = Poll::new().expect("the system polls");
        let mut clients = Vec::new();
        for (number, (stream, remote)) in accepted.into_iter().enumerate() {
            stream.set_nonblocking(true).and_then(|()| stream.set_nodelay(true)).expect("a socket");
            let mut stream = mio::net::TcpStream::from_std(stream);
            poll.registry().register(&mut stream, Token(number), Interest::READABLE).expect("it is polled");
            let prefix = format!("('{}', {}) disse: ", remote.ip(), remote.port());
            clients.push((stream, prefix.into_bytes()));
        }
        let (mut events, mut buffer) = (Events::with_capacity(CLIENTS), [0; 1024]);
        loop {
            poll.poll(&mut events, None).expect("the system polls");
            for event in &events {
                let Token(from) = event.token();
                while let Ok(count) = clients[from].0.read(&mut buffer) {
                    if count == 0 {
                        return;
                    }
                    let told = [&clients[from].1, &buffer[..count]].concat();
                    for (number, (client, _)) in clients.iter_mut().enumerate() {
                        if number != from {
                            client.write_all(&told).expect("a round fits the buffer");
                        }
                    }
                }
            }
        }
    });
    address
}

fn deliveries_by_udp(relay: SocketAddr) -> f64 {
    let clients = (0..CLIENTS).map(|_| udp_client(relay)).collect::<Vec<_>>();
    let mut buffer = [0; 2048];
    // Each joins, and those before it hear so.
    for (number, client) in clients.iter().enumerate() {
        client.send(b"Novo participante no chat.").expect("it goes");
        for other in &clients[..number] {
            other.recv(&mut buffer).expect("it comes");
        }
    }
    rate(|| {
        for _ in 0..ROUNDS {
            for client in &clients {
                client.send(&TEXT).expect("it goes");
            }
            for client in &clients {
                for _ in 1..CLIENTS {
                    client.recv(&mut buffer).expect("none is lost");
                }
            }
        }
    })
}

fn udp_client(relay: SocketAddr) -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    socket.connect(relay).and_then(|()| socket.set_read_timeout(Some(BOUND))).expect("a socket");
    socket
}

/// The same for datagrams.
fn bare_udp() -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let address = socket.local_addr().expect("an address");
    thread::spawn(move || {
        let (mut clients, mut buffer) = (BTreeSet::new(), [0; 2048]);
        while let Ok((count, from)) = socket.recv_from(&mut buffer) {
            clients.insert(from);
            let prefix = format!("('{}', {}) disse: ", from.ip(), from.port());
            let told = [prefix.as_bytes(), &buffer[..count]].concat();
            for client in clients.iter().filter(|client| **client != from) {
                socket.send_to(&told, client).expect("it goes");
            }
        }
    });
    address
}

fn pings(relay: SocketAddr) -> f64 {
    let (client, mut buffer) = (udp_client(relay), [0; 64]);
    let since = Instant::now();
    for _ in 0..PINGS {
        client.send(b"ping").expect("it goes");
        assert_eq!(client.recv(&mut buffer).expect("it is answered"), 4);
    }
    f64::from(PINGS) / since.elapsed().as_secs_f64()
}

/// Sends back what comes.
fn bare_echo() -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let address = socket.local_addr().expect("an address");
    thread::spawn(move || {
        let mut buffer = [0; 64];
        while let Ok((count, from)) = socket.recv_from(&mut buffer) {
            socket.send_to(&buffer[..count], from).expect("it goes");
        }
    });
    address
}
