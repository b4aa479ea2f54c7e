//! A port by which the papos of one test find each other, and no others.

use std::{
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    sync::mpsc,
    thread,
    time::Duration,
};

use papo_proto::wire::{beacon::Beacon, codec::Wire as _};
use socket2::{Domain, Socket, Type};

/// So that whoever begins to listen soon hears it.
const CALLS_EVERY: Duration = Duration::from_millis(200);

/// A UDP port that is this test's own for as long as this is kept.
#[derive(Debug)]
pub(crate) struct LanPort {
    /// Hears what is called out.
    pub(crate) socket: UdpSocket,
}

impl LanPort {
    /// One that the system chooses.
    pub(crate) fn choose() -> Self {
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, None).expect("a socket");
        socket.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)).into()).expect("a port");
        // Only now: a port that others may share could be one that is in use.
        socket.set_reuse_address(true).expect("the port is shared");
        socket.set_broadcast(true).expect("it broadcasts");
        Self { socket: socket.into() }
    }

    /// Its number.
    pub(crate) fn port(&self) -> u16 {
        self.socket.local_addr().expect("it has an address").port()
    }

    /// Calls out, again and again until what this gives is dropped, that somebody listens at that port of this host.
    pub(crate) fn call(&self, port: u16) -> mpsc::Sender<()> {
        let (socket, to) = (self.socket.try_clone().expect("a second handle"), self.port());
        let bytes = Beacon { port, instance: 1, tracker: None }.to_bytes();
        let (sender, dropped) = mpsc::channel();
        thread::spawn(move || {
            while dropped.recv_timeout(CALLS_EVERY) == Err(mpsc::RecvTimeoutError::Timeout) {
                socket.send_to(&bytes, ("127.255.255.255", to)).expect("it goes");
            }
        });
        sender
    }
}
