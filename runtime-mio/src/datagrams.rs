//! One socket for datagrams.
//!
//! Invariant: `readable` is false only before the first edge and after `WouldBlock`.

use std::{
    io::{self, ErrorKind},
    net::SocketAddr,
};

use mio::net::UdpSocket;
use papo_proto::machine::DATAGRAM_BYTES_MAX;
use socket2::{Domain, Protocol, Socket, Type};

/// A socket that hears datagrams and sends them.
#[derive(Debug)]
pub(crate) struct Datagrams {
    socket: UdpSocket,
    pub(crate) readable: bool,
    /// The machine was told that it stands.
    pub(crate) announced: bool,
}

/// What listening came to.
#[derive(Debug)]
pub(crate) enum Heard {
    /// A datagram of so many bytes.
    Datagram { from: SocketAddr, length: usize },
    /// None waits.
    Blocked,
}

impl Datagrams {
    /// A socket at `address`: for its own family only. One that broadcasts shares its port with others that do.
    pub(crate) fn bind(address: SocketAddr, broadcast: bool) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        if broadcast {
            socket.set_reuse_address(true)?;
            // Linux lets sockets share a port with the above; the systems that come from BSD want this as well.
            #[cfg(all(unix, not(any(target_os = "linux", target_os = "solaris", target_os = "illumos"))))]
            socket.set_reuse_port(true)?;
            socket.set_broadcast(true)?;
        }
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        Ok(Self { socket: UdpSocket::from_std(socket.into()), readable: false, announced: false })
    }

    pub(crate) const fn socket_mut(&mut self) -> &mut UdpSocket {
        &mut self.socket
    }

    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Takes one datagram into `buffer`, which holds the longest.
    pub(crate) fn hear(&mut self, buffer: &mut [u8]) -> Heard {
        debug_assert!(buffer.len() >= DATAGRAM_BYTES_MAX, "a datagram is heard whole");
        if !self.readable {
            return Heard::Blocked;
        }
        match self.socket.recv_from(buffer) {
            Ok((length, from)) => Heard::Datagram { from, length },
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.readable = false;
                Heard::Blocked
            }
            // What a former datagram met on its way; the next look hears what waits behind it.
            Err(error) => {
                log::debug!("a datagram could not be received: {error}");
                Heard::Blocked
            }
        }
    }

    /// Sends one datagram. One that cannot be sent, because no way leads there or the network is full, is dropped.
    pub(crate) fn send(&self, to: SocketAddr, bytes: &[u8]) {
        if let Err(error) = self.socket.send_to(bytes, to) {
            log::debug!("a datagram to {to} could not be sent: {error}");
        }
    }
}
