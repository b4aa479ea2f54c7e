//! One listening socket, and what it does when descriptors run out.
//!
//! mio tells of a waiting connection once. One that cannot be accepted, because the process has no descriptor for it,
//! would wait for ever, and its other end with it; so a [`Spare`] descriptor is kept with which it is accepted and
//! closed.
//!
//! Invariant: `readable` is false only before the first edge, after `WouldBlock`, or while a retry is set.

use std::{
    fs::File,
    io::{self, ErrorKind},
    net::SocketAddr,
};

use mio::net::{TcpListener, TcpStream};
use socket2::{Domain, Protocol, Socket, Type};

use crate::connection::is_exhausted;

/// Connections that the kernel keeps for a listener until they are accepted.
const QUEUE_MAX: i32 = 4096;

/// A listening socket.
#[derive(Debug)]
pub(crate) struct Listener {
    socket: TcpListener,
    pub(crate) readable: bool,
    /// The machine was told that it stands.
    pub(crate) announced: bool,
}

/// What accepting came to.
#[derive(Debug)]
pub(crate) enum Accepted {
    /// A connection.
    Stream { stream: TcpStream, local: SocketAddr, remote: SocketAddr },
    /// Descriptors ran out; a connection was closed.
    TurnedAway,
    /// A connection was gone before it was accepted.
    Failed,
    /// No connection waits.
    Blocked,
    /// Descriptors ran out, and nothing can be done now.
    Exhausted,
}

impl Listener {
    /// Listens at `address`: for its own family only, since one that took the other's too would keep its port from it.
    pub(crate) fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        // A port that was used a moment ago can be used again. Elsewhere it would let two programs share one.
        #[cfg(unix)]
        socket.set_reuse_address(true)?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(QUEUE_MAX)?;
        Ok(Self { socket: TcpListener::from_std(socket.into()), readable: false, announced: false })
    }

    pub(crate) const fn socket_mut(&mut self) -> &mut TcpListener {
        &mut self.socket
    }

    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Accepts one connection.
    pub(crate) fn accept(&mut self, spare: &mut Spare) -> Accepted {
        match self.accept_once() {
            Accepted::Exhausted if spare.give_up() => {
                let accepted = match self.accept_once() {
                    Accepted::Stream { .. } => Accepted::TurnedAway,
                    other => other,
                };
                spare.take_back();
                accepted
            }
            other => other,
        }
    }

    fn accept_once(&mut self) -> Accepted {
        if !self.readable {
            return Accepted::Blocked;
        }
        match self.socket.accept() {
            Ok((stream, remote)) => match stream.local_addr() {
                Ok(local) => Accepted::Stream { stream, local, remote },
                Err(_) => Accepted::Failed,
            },
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.readable = false;
                Accepted::Blocked
            }
            Err(error) if is_exhausted(&error) => Accepted::Exhausted,
            Err(error) => {
                log::debug!("a connection could not be accepted: {error}");
                Accepted::Failed
            }
        }
    }
}

/// A descriptor to give up for a moment when there are no others.
#[derive(Debug)]
pub(crate) struct Spare {
    file: Option<File>,
}

impl Spare {
    pub(crate) fn new() -> Self {
        let mut spare = Self { file: None };
        spare.take_back();
        spare
    }

    /// False when there is none; another is looked for.
    fn give_up(&mut self) -> bool {
        let had = self.file.take().is_some();
        if !had {
            self.take_back();
        }
        had
    }

    /// Any file will do.
    fn take_back(&mut self) {
        self.file = File::open(if cfg!(windows) { "NUL" } else { "/dev/null" }).ok();
    }
}
