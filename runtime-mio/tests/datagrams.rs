//! Datagrams: whole, from whom they say, to all of a network, and never in anybody else's way.

mod puppet;

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};

use papo_proto::machine::{CloseHow, DATAGRAM_BYTES_MAX, Event, Refusal, SocketId};
use puppet::{Habits, OPTIONS, Order, PATIENCE, Puppet, any_port, client, finish, heard, run};

#[track_caller]
fn bind(puppet: &Puppet, address: SocketAddr, broadcast: bool) -> (SocketId, SocketAddr) {
    puppet.order(Order::Bind(address, broadcast));
    puppet.wait_for(|_, event| match event {
        Event::Bound { socket, address } => Some((*socket, *address)),
        _ => None,
    })
}

/// The next datagram, from whom and what.
#[track_caller]
fn datagram(puppet: &Puppet) -> (SocketAddr, Vec<u8>) {
    puppet.wait_for(|_, event| match event {
        Event::Datagram { from, bytes, .. } => Some((*from, bytes.to_vec())),
        _ => None,
    })
}

fn outside() -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind(any_port()).expect("a port");
    socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let address = socket.local_addr().expect("an address");
    (socket, address)
}

#[test]
fn datagrams_come_and_go_whole_from_none_to_the_longest() {
    let (running, [puppet]) = run(OPTIONS, [Habits::default()]);
    let (socket, address) = bind(&puppet, any_port(), false);
    assert_ne!(address.port(), 0, "the port that the system chose");
    let (other, from) = outside();
    let mut buffer = vec![0; DATAGRAM_BYTES_MAX + 1];
    for length in [0, 1, 17, 1400, DATAGRAM_BYTES_MAX] {
        let bytes = (0..length).map(|at| u8::try_from(at % 251).expect("a byte")).collect::<Vec<_>>();
        other.send_to(&bytes, address).expect("it goes");
        assert_eq!(datagram(&puppet), (from, bytes.clone()), "{length} bytes");
        puppet.order(Order::SendTo(socket, from, bytes.clone()));
        let (count, source) = other.recv_from(&mut buffer).expect("it comes");
        assert_eq!((&buffer[..count], source), (&bytes[..], address), "{length} bytes");
    }
    puppet.stop();
    finish(running);
}

/// Only where the system tells of it.
#[cfg(target_os = "linux")]
#[test]
fn where_nobody_hears_is_told_and_others_are_heard_meanwhile() {
    let (running, [puppet]) = run(OPTIONS, [Habits::default()]);
    let (socket, address) = bind(&puppet, any_port(), false);
    let (other, from) = outside();
    let (gone, nobody) = outside();
    drop(gone);
    for _ in 0..3 {
        puppet.order(Order::SendTo(socket, nobody, b"is anybody there?".to_vec()));
        let told = puppet.wait_for(|_, event| match event {
            Event::Undeliverable { socket, to } => Some((*socket, *to)),
            _ => None,
        });
        assert_eq!(told, (socket, nobody));
        other.send_to(b"still here", address).expect("it goes");
        assert_eq!(datagram(&puppet), (from, b"still here".to_vec()));
    }
    puppet.stop();
    finish(running);
}

#[test]
fn a_broadcast_reaches_all_that_share_the_port_and_its_sender_too() {
    let (running, [one, other]) = run(OPTIONS, [Habits::default(), Habits::default()]);
    let everywhere = |port| SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
    let (socket, at) = bind(&one, everywhere(0), true);
    let (_, shared) = bind(&other, everywhere(at.port()), true);
    assert_eq!(shared, at);
    let to = SocketAddr::from((Ipv4Addr::new(127, 255, 255, 255), at.port()));
    one.order(Order::SendTo(socket, to, b"alo".to_vec()));
    let expected = (SocketAddr::from((Ipv4Addr::LOCALHOST, at.port())), b"alo".to_vec());
    assert_eq!((datagram(&one), datagram(&other)), (expected.clone(), expected));
    for puppet in [&one, &other] {
        puppet.stop();
    }
    finish(running);
}

#[test]
fn a_port_that_is_not_shared_is_refused_and_a_closed_socket_hears_nothing() {
    let (running, [puppet]) = run(OPTIONS, [Habits::default()]);
    let (taken, address) = outside();
    puppet.order(Order::Bind(address, false));
    let id = puppet.minted();
    assert_eq!(puppet.refused(id), Refusal::AddressInUse);
    let (socket, own) = bind(&puppet, any_port(), false);
    puppet.order(Order::Close(socket.0, CloseHow::Abort));
    puppet.ping();
    taken.send_to(b"late", own).expect("it goes");
    // It is there again only for who asks anew.
    let (_, again) = bind(&puppet, own, false);
    taken.send_to(b"anew", again).expect("it goes");
    assert_eq!(datagram(&puppet).1, b"anew");
    puppet.stop();
    finish(running);
}

#[test]
fn what_cannot_be_sent_is_dropped_and_the_next_goes() {
    let (running, [puppet]) = run(OPTIONS, [Habits::default()]);
    let (socket, _) = bind(&puppet, any_port(), false);
    let (other, to) = outside();
    let (gone, nobody) = outside();
    drop(gone);
    // Of the other family; to all, which this socket may not; to a port where nobody is, which comes back as an error.
    let wrong = ["[::1]:9".parse().expect("an address"), SocketAddr::from(([127, 255, 255, 255], to.port())), nobody];
    for to in wrong {
        puppet.order(Order::SendTo(socket, to, b"lost".to_vec()));
    }
    puppet.order(Order::SendTo(socket, to, b"found".to_vec()));
    let mut buffer = [0; 16];
    assert_eq!(other.recv_from(&mut buffer).expect("it comes").0, 5);
    puppet.stop();
    finish(running);
}

#[test]
fn a_flood_of_datagrams_keeps_no_connection_waiting() {
    let (running, [puppet]) = run(OPTIONS, [Habits { echo: true, ..Habits::default() }]);
    let (_, at) = bind(&puppet, any_port(), false);
    let (_, listens) = puppet.listen();
    let (sender, done) = (outside().0, std::sync::atomic::AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                let _ = sender.send_to(&[7; 17], at);
            }
        });
        let mut client = client(listens);
        for round in 0..50_u8 {
            std::io::Write::write_all(&mut client, &[round]).expect("it takes it");
            assert_eq!(heard(&mut client, 1), [round], "it is answered in the midst of it");
            // What is told is taken away, or it would fill the memory.
            drop(puppet.rest());
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    puppet.stop();
    finish(running);
}
