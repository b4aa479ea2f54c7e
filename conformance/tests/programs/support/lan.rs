//! A port by which the papos of one test find each other, and no others.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};

use socket2::{Domain, Socket, Type};

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
}
