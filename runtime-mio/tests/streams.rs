//! Connections on real loopback sockets: they open, carry bytes, and end as asked.

mod puppet;

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
};

use papo_proto::machine::{CloseHow, Closed};
use puppet::{Habits, OPTIONS, Order, PATIENCE, finish, run};

#[test]
fn what_a_client_says_comes_back() {
    let (running, [puppet]) = run(OPTIONS, [Habits { echo: true, ..Habits::default() }]);
    let (_, address) = puppet.listen();
    let mut client = TcpStream::connect(address).expect("it listens");
    client.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    client.write_all(b"hello").expect("it reads");
    let mut answer = [0; 5];
    client.read_exact(&mut answer).expect("it answers");
    assert_eq!(&answer, b"hello");
    let conn = puppet.opened();
    drop(client);
    assert_eq!(puppet.closed(conn), Closed::End);
    puppet.stop();
    finish(running);
}

#[test]
fn two_machines_in_one_reactor_talk_by_sockets() {
    let (running, [host, guest]) = run(OPTIONS, [Habits { echo: true, ..Habits::default() }, Habits::default()]);
    let (_, address) = host.listen();
    guest.order(Order::Connect(address));
    let conn = guest.opened();
    assert_eq!(conn.0 % 2, 1, "a dial has the machine's id");
    guest.order(Order::Send(conn, b"through the kernel".to_vec()));
    assert_eq!(guest.received(conn, 18), b"through the kernel");
    guest.order(Order::Close(conn.0, CloseHow::Flush));
    let accepted = host.opened();
    assert_eq!(accepted.0 % 2, 0, "an accepted connection has the driver's id");
    assert_eq!(host.closed(accepted), Closed::End);
    host.stop();
    guest.stop();
    finish(running);
}
