//! Connections on real loopback sockets: they open, carry bytes, and end as asked.

mod puppet;

use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpListener},
    time::Instant,
};

use papo_proto::machine::{CloseHow, Closed, ConnId, Event, Refusal};
use papo_runtime_mio::FLUSH_MAX;
use puppet::{Habits, OPTIONS, Order, Told, any_port, client, finish, heard, run, small_client};

const MEGABYTE: usize = 1024 * 1024;

fn echo() -> Habits {
    Habits { echo: true, ..Habits::default() }
}

/// What a machine was told of one id besides its opening.
fn told_of(told: &[Told], id: u64) -> Vec<&Event<'static, ()>> {
    let of = |event: &Event<'static, ()>| match event {
        Event::Received { conn, .. } | Event::Closed { conn, .. } | Event::Writable { conn, .. } => conn.0 == id,
        Event::Opened { conn, listener, .. } => conn.0 == id && listener.is_none(),
        Event::Refused { id: refused, .. } => *refused == id,
        _ => false,
    };
    told.iter()
        .filter_map(|told| if let Told::Heard(_, event) = told { Some(event) } else { None })
        .filter(|e| of(e))
        .collect()
}

#[test]
fn what_a_client_says_comes_back() {
    let (running, [puppet]) = run(OPTIONS, [echo()]);
    let (_, address) = puppet.listen();
    let mut client = client(address);
    client.write_all(b"hello").expect("it reads");
    assert_eq!(heard(&mut client, 5), b"hello");
    let conn = puppet.opened();
    drop(client);
    assert_eq!(puppet.closed(conn), Closed::End);
    puppet.stop();
    finish(running);
}

#[test]
fn two_machines_in_one_reactor_talk_by_sockets() {
    let (running, [host, guest]) = run(OPTIONS, [echo(), Habits::default()]);
    let (_, address) = host.listen();
    guest.order(Order::Connect(address));
    let conn = guest.opened();
    assert_eq!(conn, ConnId(1), "a dial has the machine's own id, whatever the other machine minted");
    guest.order(Order::Send(conn, b"through the kernel".to_vec()));
    assert_eq!(guest.received(conn, 18), b"through the kernel");
    guest.order(Order::Close(conn.0, CloseHow::Flush));
    let accepted = host.opened();
    assert_eq!(accepted, ConnId(2), "an accepted connection has an id of the driver's");
    assert_eq!(host.closed(accepted), Closed::End);
    host.stop();
    guest.stop();
    finish(running);
}

#[test]
fn one_machine_has_several_listeners_and_each_connection_names_its_own() {
    let (running, [puppet]) = run(OPTIONS, [Habits::default()]);
    let listeners = [puppet.listen(), puppet.listen()];
    for (id, address) in listeners {
        let client = client(address);
        let (listener, local, remote) = puppet.wait_for(|_, event| match event {
            Event::Opened { listener, local, remote, .. } => Some((*listener, *local, *remote)),
            _ => None,
        });
        assert_eq!((listener, local), (Some(id), address));
        assert_eq!(Some(remote), client.local_addr().ok());
    }
    puppet.order(Order::Close(listeners[0].0.0, CloseHow::Flush));
    puppet.ping();
    let refused = std::net::TcpStream::connect(listeners[0].1).expect_err("it is closed");
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    client(listeners[1].1);
    puppet.opened();
    puppet.stop();
    finish(running);
}

#[test]
fn closing_delivers_everything_that_was_said_even_to_a_client_that_was_not_heard_out() {
    let (running, [puppet]) = run(OPTIONS, [Habits::default()]);
    let (_, address) = puppet.listen();
    let mut client = client(address);
    let conn = puppet.opened();
    // Bytes that nobody reads would turn an end into a reset, which destroys what is under way.
    puppet.order(Order::Reading(conn, false));
    puppet.ping();
    client.write_all(&vec![b'u'; 100_000]).expect("the kernel takes it");
    puppet.order(Order::All(vec![
        Order::Send(conn, vec![b'x'; 3 * MEGABYTE]),
        Order::Send(conn, b"last words".to_vec()),
        Order::Close(conn.0, CloseHow::Flush),
    ]));
    let told = puppet.ping();
    let mut all = Vec::new();
    client.read_to_end(&mut all).expect("an end, and no reset");
    assert_eq!(all.len(), 3 * MEGABYTE + 10);
    assert!(all.ends_with(b"xlast words"));
    client.write_all(b"too late").expect("the other end still listens to the end");
    drop(client);
    assert_eq!(told_of(&told, conn.0), [&Event::Closed { conn, reason: Closed::End }; 0]);
    puppet.stop();
    finish(running);
    assert_eq!(told_of(&puppet.rest(), conn.0).len(), 0, "after a close nothing of that id arrives");
}

#[test]
fn a_client_that_goes_on_talking_after_the_end_destroys_nothing_of_it() {
    let (running, [puppet]) = run(OPTIONS, [Habits::default()]);
    let (_, address) = puppet.listen();
    let mut client = small_client(address);
    let conn = puppet.opened();
    let words = vec![b'x'; 100_000];
    puppet.order(Order::All(vec![Order::Send(conn, words.clone()), Order::Close(conn.0, CloseHow::Flush)]));
    puppet.ping();
    puppet.ping();
    // Everything is in the kernels by now; a reset would destroy what is on this side.
    client.write_all(b"one more thing").expect("the kernel takes it");
    puppet.ping();
    client.write_all(b"and another").expect("the other end still listens");
    let mut all = Vec::new();
    client.read_to_end(&mut all).expect("an end, and no reset");
    assert_eq!(all, words);
    drop(client);
    puppet.stop();
    finish(running);
}

#[test]
fn a_client_that_reads_nothing_delays_the_end_by_no_more_than_the_flush() {
    let (running, [puppet]) = run(OPTIONS, [Habits::default()]);
    let (_, address) = puppet.listen();
    let mut stuck = client(address);
    let conn = puppet.opened();
    puppet.order(Order::Send(conn, vec![b'x'; 4 * MEGABYTE]));
    puppet.ping();
    let start = Instant::now();
    puppet.stop();
    finish(running);
    let took = start.elapsed();
    assert!((FLUSH_MAX..FLUSH_MAX * 2).contains(&took), "{took:?}");
    let mut rest = Vec::new();
    assert!(stuck.read_to_end(&mut rest).is_err_and(|error| error.kind() == ErrorKind::ConnectionReset));
}

#[test]
fn an_end_without_anything_left_to_say_takes_no_time() {
    let (running, [puppet]) = run(OPTIONS, [Habits::default()]);
    let (_, address) = puppet.listen();
    let mut client = client(address);
    puppet.opened();
    let start = Instant::now();
    puppet.stop();
    assert_eq!(client.read(&mut [0]).expect("an end"), 0);
    drop(client);
    finish(running);
    assert!(start.elapsed() < FLUSH_MAX, "it waited for nothing");
}

#[test]
fn an_abort_resets() {
    let (running, [puppet]) = run(OPTIONS, [Habits::default()]);
    let (_, address) = puppet.listen();
    let mut client = client(address);
    let conn = puppet.opened();
    puppet.order(Order::Close(conn.0, CloseHow::Abort));
    let error = client.read(&mut [0]).expect_err("a reset");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    puppet.stop();
    finish(running);
    assert_eq!(told_of(&puppet.rest(), conn.0).len(), 0, "after a close nothing of that id arrives");
}

#[test]
fn a_reset_is_told_apart_from_an_end() {
    let (running, [host, guest]) = run(OPTIONS, [Habits::default(), Habits::default()]);
    let (_, address) = host.listen();
    guest.order(Order::Connect(address));
    let (dialled, accepted) = (guest.opened(), host.opened());
    guest.order(Order::Close(dialled.0, CloseHow::Abort));
    assert_eq!(host.closed(accepted), Closed::Reset);
    host.stop();
    guest.stop();
    finish(running);
}

#[test]
fn last_words_are_heard_although_writing_has_failed() {
    let (running, [puppet]) = run(OPTIONS, [Habits::default()]);
    let (_, address) = puppet.listen();
    let mut client = client(address);
    let conn = puppet.opened();
    puppet.order(Order::Reading(conn, false));
    puppet.ping();
    client.write_all(b"last words").expect("the kernel takes it");
    drop(client);
    // The first is answered by a reset, which the second runs into.
    for _ in 0..3 {
        puppet.order(Order::Send(conn, b"are you there?".to_vec()));
        let told = puppet.ping();
        assert_eq!(told_of(&told, conn.0).len(), 0, "it is not read");
    }
    puppet.order(Order::Reading(conn, true));
    assert_eq!(puppet.received(conn, 10), b"last words");
    puppet.closed(conn);
    puppet.stop();
    finish(running);
}

#[test]
fn a_client_that_ends_its_own_direction_still_hears_what_was_said_to_it() {
    let (running, [puppet]) = run(OPTIONS, [echo()]);
    let (_, address) = puppet.listen();
    let mut client = client(address);
    client.write_all(&vec![b'e'; 2 * MEGABYTE]).expect("it reads");
    client.shutdown(Shutdown::Write).expect("it is open");
    let mut all = Vec::new();
    client.read_to_end(&mut all).expect("an end, and no reset");
    assert_eq!(all.len(), 2 * MEGABYTE);
    puppet.stop();
    finish(running);
}

#[test]
fn a_client_that_ends_its_own_direction_hears_what_is_said_to_its_end() {
    let (running, [puppet]) = run(OPTIONS, [Habits { farewell: Some("goodbye".to_owned()), ..Habits::default() }]);
    let (_, address) = puppet.listen();
    let mut client = client(address);
    client.write_all(b"x").expect("it reads");
    client.shutdown(Shutdown::Write).expect("it is open");
    let mut all = String::new();
    client.read_to_string(&mut all).expect("an end, and no reset");
    assert_eq!(all, "goodbye");
    puppet.stop();
    finish(running);
}

#[test]
fn a_dial_that_cannot_be_is_refused_with_its_reason() {
    let (running, [puppet]) = run(OPTIONS, [Habits::default()]);
    let silent = TcpListener::bind(any_port()).and_then(|listener| listener.local_addr()).expect("a free port");
    puppet.order(Order::Connect(silent));
    let id = puppet.minted();
    assert_eq!(puppet.refused(id), Refusal::Refused);
    // None of these ever leaves the host.
    for impossible in ["255.255.255.255:9", "224.0.0.1:9", "127.0.0.1:0", "[ff02::1]:9"] {
        puppet.order(Order::Connect(impossible.parse::<SocketAddr>().expect("an address")));
        let id = puppet.minted();
        puppet.refused(id);
    }
    puppet.stop();
    finish(running);
}

#[test]
fn a_listener_that_cannot_be_is_refused_with_its_reason() {
    let (running, [puppet]) = run(OPTIONS, [Habits::default()]);
    let taken = TcpListener::bind(any_port()).expect("a free port");
    puppet.order(Order::Listen(taken.local_addr().expect("it has one")));
    let id = puppet.minted();
    assert_eq!(puppet.refused(id), Refusal::AddressInUse);
    puppet.order(Order::Listen("203.0.113.1:0".parse().expect("an address that nobody has")));
    let id = puppet.minted();
    assert_eq!(puppet.refused(id), Refusal::AddressNotAvailable);
    puppet.stop();
    finish(running);
}

#[test]
fn nothing_is_told_of_what_was_closed_before_it_came_to_be() {
    let (running, [puppet]) = run(OPTIONS, [Habits::default()]);
    let there = TcpListener::bind(any_port()).expect("a free port");
    let address = there.local_addr().expect("it has one");
    let close = |id| Order::Close(id, CloseHow::Flush);
    puppet.order(Order::All(vec![
        Order::Connect(address),
        Order::Connect("224.0.0.1:9".parse().expect("an address")),
        Order::Listen(any_port()),
        Order::Listen(address),
        close(1),
        close(3),
        close(5),
        close(7),
    ]));
    // What is not to be told would be told in the turn after this one.
    let mut told = puppet.ping();
    told.extend(puppet.ping());
    for id in [1, 3, 5, 7] {
        assert_eq!(told_of(&told, id).len(), 0, "{told:?}");
    }
    puppet.order(Order::Connect(address));
    assert_eq!(puppet.opened(), ConnId(9));
    puppet.stop();
    finish(running);
}

#[test]
fn what_is_said_to_a_dial_goes_out_once_it_stands() {
    let (running, [host, guest]) = run(OPTIONS, [Habits::default(), Habits::default()]);
    let (_, address) = host.listen();
    guest.order(Order::All(vec![Order::Connect(address), Order::Send(ConnId(1), b"early".to_vec())]));
    let conn = host.opened();
    assert_eq!(host.received(conn, 5), b"early");
    host.stop();
    guest.stop();
    finish(running);
}

#[test]
fn a_crowd_is_let_in_and_each_is_answered() {
    const CROWD: usize = 300;
    let (running, [puppet]) = run(OPTIONS, [echo()]);
    let (_, address) = puppet.listen();
    let mut crowd = (0..CROWD).map(|_| client(address)).collect::<Vec<_>>();
    for (number, one) in crowd.iter_mut().enumerate() {
        one.write_all(&number.to_be_bytes()).expect("it reads");
    }
    for (number, one) in crowd.iter_mut().enumerate() {
        assert_eq!(heard(one, size_of::<usize>()), number.to_be_bytes());
    }
    drop(crowd);
    puppet.stop();
    assert_eq!(finish(running).accepted, CROWD as u64);
}
