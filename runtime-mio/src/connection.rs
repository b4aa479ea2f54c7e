//! One stream socket: what is known of its readiness, and what waits to be written.
//!
//! ```text
//!   Dialling ──connected──▶ Open ──Close Flush, or the other end is done first──▶ Closing ──▶ gone
//!      └──refused──▶ gone     └──Close Abort, reset──▶ gone
//! ```
//!
//! Closing writes what is queued, then ends its own direction, then reads and discards until the other end is done
//! too: a socket that is closed with unread bytes resets, and a reset destroys what was sent before it.
//!
//! Invariant: `readable` and `writable` are false only before the first edge and after `WouldBlock`, so one will come.

use std::{
    collections::VecDeque,
    io::{self, ErrorKind, Read as _, Write as _},
    net::{Shutdown, SocketAddr},
    time::Duration,
};

use mio::net::TcpStream;
use papo_proto::{
    machine::{Closed, Refusal},
    pieces::pieces,
};
use socket2::{SockRef, TcpKeepalive};

/// How long a connection that is being closed may take to write what is queued and to hear the other end's end.
pub const FLUSH_MAX: Duration = Duration::from_secs(5);
/// The kernel takes no more than this ahead of what it has sent, so that a backlog does not stand before a chat line.
#[cfg(any(target_os = "linux", target_os = "android"))]
const NOT_SENT_LOW_WATER: u32 = 128 * 1024;
/// Whoever speaks a protocol without pings is asked by the kernel whether it is there, after such a silence and so often:
/// with the system's nine times (Linux) a host that vanished is known to be gone after two minutes.
const KEEPALIVE_AFTER: Duration = Duration::from_secs(30);
const KEEPALIVE_EVERY: Duration = Duration::from_secs(10);
/// A queue that is empty keeps no more memory than this.
const KEPT_BYTES_MAX: usize = 16 * 1024;

/// Where a connection is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The kernel is connecting.
    Dialling,
    /// The machine knows it.
    Open,
    /// The machine knows it no more.
    Closing {
        /// This end's direction is ended.
        shut: bool,
    },
}

/// A stream socket and its queue.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    pub(crate) phase: Phase,
    out: VecDeque<u8>,
    pub(crate) readable: bool,
    pub(crate) writable: bool,
    /// The level that the machine set.
    pub(crate) reading: bool,
    /// The machine waits for its queue to be empty.
    pub(crate) wants_write: bool,
    /// Writing failed; what the other end said before is still to be read.
    broken: bool,
    /// The other end is done.
    ended: bool,
}

/// What reading came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReadOutcome {
    /// So many bytes.
    Bytes(usize),
    /// Nothing more for now.
    Blocked,
    /// Nothing more ever.
    Ended(Closed),
}

/// What writing came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WriteOutcome {
    /// The queue is empty.
    Empty,
    /// The kernel takes no more for now.
    Blocked,
    /// The bound was reached; the kernel might take more.
    More,
    /// The kernel will never take more.
    Broken,
}

/// What a dial came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DialOutcome {
    /// Not decided.
    Waiting,
    /// It stands.
    Connected { local: SocketAddr, remote: SocketAddr },
    /// It does not.
    Refused(Refusal),
}

impl Connection {
    /// A connection in `phase`: dialling or open.
    pub(crate) fn new(stream: TcpStream, phase: Phase) -> Self {
        prepare(&stream);
        Self {
            stream,
            phase,
            out: VecDeque::new(),
            readable: false,
            writable: phase == Phase::Open,
            reading: true,
            wants_write: false,
            broken: false,
            ended: false,
        }
    }

    pub(crate) const fn stream_mut(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    /// Whether reading may bring something that is wanted.
    pub(crate) fn wants_read(&self) -> bool {
        self.readable
            && match self.phase {
                Phase::Dialling => false,
                Phase::Open => self.reading,
                Phase::Closing { .. } => true,
            }
    }

    /// Whether the machine is to be told that it may write.
    pub(crate) fn is_inviting(&self) -> bool {
        self.phase == Phase::Open && self.wants_write && self.writable && self.out.is_empty() && !self.broken
    }

    /// Whether the other end is done, and the machine knows.
    pub(crate) fn is_over(&self) -> bool {
        self.ended && self.phase == Phase::Open
    }

    pub(crate) fn queued(&self) -> usize {
        self.out.len()
    }

    /// How the dial goes.
    pub(crate) fn check_dial(&mut self) -> DialOutcome {
        match self.stream.take_error() {
            Ok(None) => {}
            Ok(Some(error)) | Err(error) => return DialOutcome::Refused(refusal(&error)),
        }
        match (self.stream.peer_addr(), self.stream.local_addr()) {
            // Two ends on one port, each dialling the other, are one socket: nobody else is there.
            (Ok(remote), Ok(local)) if local == remote => DialOutcome::Refused(Refusal::Refused),
            (Ok(remote), Ok(local)) => {
                self.phase = Phase::Open;
                self.readable = true;
                self.writable = true;
                DialOutcome::Connected { local, remote }
            }
            (Err(error), _) if error.kind() == ErrorKind::NotConnected => DialOutcome::Waiting,
            (Err(error), _) | (_, Err(error)) => DialOutcome::Refused(refusal(&error)),
        }
    }

    /// Reads once.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> ReadOutcome {
        loop {
            match self.stream.read(buffer) {
                Ok(0) => return self.read_ended(if self.broken { Closed::Reset } else { Closed::End }),
                Ok(length) => return ReadOutcome::Bytes(length),
                Err(error) => match error.kind() {
                    ErrorKind::Interrupted => {}
                    ErrorKind::WouldBlock if self.broken => return self.read_ended(Closed::Reset),
                    ErrorKind::WouldBlock => {
                        self.readable = false;
                        return ReadOutcome::Blocked;
                    }
                    ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe => {
                        return self.read_ended(Closed::Reset);
                    }
                    _ => return self.read_ended(Closed::Lost),
                },
            }
        }
    }

    fn read_ended(&mut self, reason: Closed) -> ReadOutcome {
        self.ended = true;
        self.readable = false;
        ReadOutcome::Ended(reason)
    }

    /// Appends to the queue. What is said to a connection that is broken is lost, as it would be on the way.
    pub(crate) fn queue(&mut self, bytes: &[u8]) {
        if !self.broken {
            for piece in pieces(bytes) {
                self.out.extend(piece);
            }
        }
    }

    /// Writes what is queued, about `bytes_max` at most.
    pub(crate) fn flush(&mut self, bytes_max: usize) -> WriteOutcome {
        let mut written = 0;
        while !self.out.is_empty() {
            if !self.writable || self.phase == Phase::Dialling {
                return WriteOutcome::Blocked;
            }
            if written >= bytes_max {
                return WriteOutcome::More;
            }
            match self.stream.write(self.out.as_slices().0) {
                Ok(0) => return self.write_failed("the kernel takes nothing"),
                Ok(length) => {
                    self.out.drain(..length);
                    written += length;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.writable = false,
                Err(error) => return self.write_failed(error),
            }
        }
        if self.out.capacity() > KEPT_BYTES_MAX {
            self.out.shrink_to(KEPT_BYTES_MAX);
        }
        WriteOutcome::Empty
    }

    /// Nothing more can be said. What the other end said before is still to be heard, so that its last words are not
    /// lost; until the machine reads them, the connection stands.
    fn write_failed(&mut self, why: impl std::fmt::Display) -> WriteOutcome {
        log::debug!("a write failed: {why}");
        self.broken = true;
        self.readable = true;
        self.out = VecDeque::new();
        WriteOutcome::Broken
    }

    /// The machine has done with it; the queue is still to be written. False when there is nothing to wait for.
    pub(crate) fn close(&mut self) -> bool {
        if self.broken || self.phase == Phase::Dialling {
            return false;
        }
        self.phase = Phase::Closing { shut: false };
        self.wants_write = false;
        self.readable = !self.ended;
        true
    }

    /// The queue is written: ends this direction. False when there is nothing more to wait for.
    pub(crate) fn shut(&mut self) -> bool {
        self.phase = Phase::Closing { shut: true };
        self.stream.shutdown(Shutdown::Write).is_ok() && !self.ended
    }

    /// Makes the kernel reset the connection when it is dropped.
    pub(crate) fn abort(&self) {
        if let Err(error) = SockRef::from(&self.stream).set_linger(Some(Duration::ZERO)) {
            log::debug!("a connection ends without a reset: {error}");
        }
    }
}

/// Sets what all connections have. What the system does not offer is done without.
fn prepare(stream: &TcpStream) {
    if let Err(error) = stream.set_nodelay(true) {
        log::debug!("no TCP_NODELAY: {error}");
    }
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE_AFTER).with_interval(KEEPALIVE_EVERY);
    if let Err(error) = SockRef::from(stream).set_tcp_keepalive(&keepalive) {
        log::debug!("no SO_KEEPALIVE: {error}");
    }
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if let Err(error) = SockRef::from(stream).set_tcp_notsent_lowat(NOT_SENT_LOW_WATER) {
        log::debug!("no TCP_NOTSENT_LOWAT: {error}");
    }
}

/// Why a dial or a listener did not come to be, in the contract's words.
pub(crate) fn refusal(error: &io::Error) -> Refusal {
    match error.kind() {
        ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset => Refusal::Refused,
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable | ErrorKind::NetworkDown => Refusal::Unreachable,
        ErrorKind::TimedOut => Refusal::TimedOut,
        ErrorKind::AddrInUse => Refusal::AddressInUse,
        ErrorKind::AddrNotAvailable => Refusal::AddressNotAvailable,
        ErrorKind::PermissionDenied => Refusal::Denied,
        _ if is_exhausted(error) => Refusal::Exhausted,
        _ => Refusal::Other,
    }
}

/// Whether descriptors or memory ran out: EMFILE, ENFILE, ENOMEM, ENOBUFS.
pub(crate) fn is_exhausted(error: &io::Error) -> bool {
    /// They have these numbers on every Unix; the standard library has no kind for them.
    const ENFILE: i32 = 23;
    const EMFILE: i32 = 24;
    const ENOBUFS: i32 = if cfg!(any(target_os = "linux", target_os = "android")) { 105 } else { 55 };
    error.kind() == ErrorKind::OutOfMemory
        || cfg!(unix) && matches!(error.raw_os_error(), Some(ENFILE | EMFILE | ENOBUFS))
}
