//! One socket for datagrams.
//!
//! Where the system says so (Linux, by its error queue), one that does not broadcast learns of addresses at which nobody
//! hears it.
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
    /// Errors may wait to be read.
    pub(crate) failed: bool,
    /// The machine was told that it stands.
    pub(crate) announced: bool,
}

/// What listening came to.
#[derive(Debug)]
pub(crate) enum Heard {
    /// A datagram of so many bytes.
    Datagram { from: SocketAddr, length: usize },
    /// Nobody hears at this address.
    Undeliverable { to: SocketAddr },
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
        } else {
            undeliverable::want(&socket, address)?;
        }
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        Ok(Self { socket: UdpSocket::from_std(socket.into()), readable: false, failed: false, announced: false })
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
        if self.failed {
            match undeliverable::next(&self.socket) {
                Some(to) => return Heard::Undeliverable { to },
                None => self.failed = false,
            }
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
        let mut sent = self.socket.send_to(bytes, to);
        if sent.as_ref().is_err_and(is_of_a_former_one) {
            // Whoever is told of it has sent nothing, and is told once.
            sent = self.socket.send_to(bytes, to);
        }
        if let Err(error) = sent {
            log::debug!("a datagram to {to} could not be sent: {error}");
        }
    }
}

/// Whether an error may be what a former datagram met on its way.
fn is_of_a_former_one(error: &io::Error) -> bool {
    use ErrorKind::{ConnectionRefused, HostUnreachable, NetworkUnreachable};
    matches!(error.kind(), ConnectionRefused | HostUnreachable | NetworkUnreachable)
}

/// What the network sent back, from Linux's error queue (ip(7), `IP_RECVERR`).
#[cfg(any(target_os = "linux", target_os = "android"))]
mod undeliverable {
    use std::{
        io::{self, IoSliceMut},
        net::{SocketAddr, SocketAddrV6},
        os::fd::AsRawFd as _,
    };

    use mio::net::UdpSocket;
    use nix::{
        cmsg_space,
        errno::Errno,
        libc::{sock_extended_err, sockaddr_in6},
        sys::socket::{ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt, sockopt},
    };
    use socket2::Socket;

    /// From now on errors are kept for [`next`].
    pub(super) fn want(socket: &Socket, address: SocketAddr) -> io::Result<()> {
        match address {
            SocketAddr::V4(_) => setsockopt(socket, sockopt::Ipv4RecvErr, &true)?,
            SocketAddr::V6(_) => setsockopt(socket, sockopt::Ipv6RecvErr, &true)?,
        }
        Ok(())
    }

    /// The next address at which nobody hears; other errors are passed over.
    pub(super) fn next(socket: &UdpSocket) -> Option<SocketAddr> {
        loop {
            let mut none = [];
            let mut bytes = [IoSliceMut::new(&mut none)];
            let mut control = cmsg_space!(sock_extended_err, sockaddr_in6);
            let flags = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
            let told = recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut bytes, Some(&mut control), flags).ok()?;
            let is_unreachable = told.cmsgs().ok()?.any(|one| match one {
                ControlMessageOwned::Ipv4RecvErr(error, _) | ControlMessageOwned::Ipv6RecvErr(error, _) => {
                    let errno = i32::try_from(error.ee_errno).map(Errno::from_raw);
                    matches!(errno, Ok(Errno::ECONNREFUSED | Errno::EHOSTUNREACH | Errno::ENETUNREACH))
                }
                _ => false,
            });
            let to = told.address.and_then(|to| address_of(&to));
            if let (true, Some(to)) = (is_unreachable, to) {
                return Some(to);
            }
        }
    }

    fn address_of(address: &SockaddrStorage) -> Option<SocketAddr> {
        let v4 = address.as_sockaddr_in().map(|v4| SocketAddr::new(v4.ip().into(), v4.port()));
        v4.or_else(|| address.as_sockaddr_in6().map(|v6| SocketAddrV6::from(*v6).into()))
    }
}

/// Elsewhere nothing is learnt: who is silent for long is forgotten in time.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod undeliverable {
    use std::{io, net::SocketAddr};

    use mio::net::UdpSocket;
    use socket2::Socket;

    pub(super) const fn want(_: &Socket, _: SocketAddr) -> io::Result<()> {
        Ok(())
    }

    pub(super) const fn next(_: &UdpSocket) -> Option<SocketAddr> {
        None
    }
}
