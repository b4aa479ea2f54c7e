//! The contract between papo's state machines and whatever drives them.
//!
//! A [`Machine`] is told what happened (an [`Event`]) and answers with what is to be done ([`Action`]s in an
//! [`Outbox`]). Nothing else passes between it and the world: no clock, no socket, no file, no thread. That is why a
//! recording of events is complete, why it replays byte for byte, and why a simulator can be the world.
//!
//! # The loop
//! A driver owns a machine, its [`Outbox`] and the real things behind the ids. It
//! 1. waits for something to happen, at most until [`Machine::deadline`];
//! 2. calls [`Machine::handle`] once for it, with the present [`Time`] (never the deadline's);
//! 3. applies every action of the outbox, in order, before the next event.
//!
//! `handle` cannot fail. A remote's fault becomes [`Action::Close`] and a notice; a user's mistake becomes a notice; a
//! broken invariant of the machine itself is a panic.
//!
//! # Events come in four families
//! - **Connections**: [`Event::Listening`], [`Event::Opened`], [`Event::Refused`], [`Event::Received`],
//!   [`Event::Writable`], [`Event::Closed`].
//! - **Datagrams**: [`Event::Bound`], [`Event::Datagram`].
//! - **Time**: [`Event::Due`], [`Event::Wall`].
//! - **The machine's own host**: [`Event::Command`], [`Event::Interfaces`].
//! - **Answers** to what the machine asked for: [`Event::Committed`], [`Event::PasswordChecked`],
//!   [`Event::Resolved`], [`Event::Disk`].
//!
//! # What a driver promises
//! - Time never goes backwards. `Due` comes only when the deadline has passed, and soon after.
//! - Each [`Action::Listen`] is answered by one `Listening` or `Refused`, each [`Action::Connect`] by one `Opened` or
//!   `Refused`, each [`Action::Bind`] by one `Bound` or `Refused`, unless the machine closed the id first.
//! - Each [`Action::Disk`] is answered by one `Disk` (see [`crate::disk`]).
//! - Connections that the driver accepted have even ids, minted by it. Everything that the machine asks for has an odd
//!   one, minted by the machine ([`OddIds`]). No id is ever used twice.
//! - Bytes arrive in order, at most [`RECEIVED_BYTES_MAX`] an event. `Closed` is the last event of a connection and
//!   comes after its last bytes.
//! - A datagram is whole, or it does not arrive; it may arrive twice, late, or never. One that cannot be sent is dropped.
//! - After [`Action::Close`] nothing more arrives for that id, not even `Closed`.
//! - A connection has one queue of bytes to write, so the order of sends is the order on the wire. A send that takes
//!   the queue past `out_bytes_max` closes the connection ([`Closed::SlowReader`]).
//! - [`Action::Commit`]s become durable in order; `Committed` names the last that is. A commit that fails ends the
//!   process: nothing that depends on it was said.
//!
//! # What a machine promises
//! - The same start and the same sequence of (time, event) give the same actions, byte for byte.
//! - At most [`DUE_TIMERS_MAX`] timers are worked off by one event; what is left keeps the deadline in the past.
//! - A deadline that was acted upon is gone: no event leaves the machine due without having made progress.
//! - Output that depends on a change is made only after that change is committed (see [`crate::durable`]).
//! - **Bulk** is asked for. `WantWrite(conn)`, once, is answered by one `Writable` when the queue is empty, with how
//!   much may be written; the machine answers with whole frames of at most 16 KiB and asks again. So a backlog never
//!   stands in front of the next chat line.
//! - **Reading** is a level. `Reading(conn, false)` holds back what a connection says until it is set again.
//! - What it asks for is bounded by its own limits; a driver need not bound requests.

use std::{
    borrow::Cow,
    fmt,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    ops::Range,
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    disk::{Answer, Ask, DiskError},
    time::{Time, Wall},
};

/// No [`Event::Received`] is longer.
pub const RECEIVED_BYTES_MAX: usize = 64 * 1024;
/// No [`Event::Writable`] invites more.
pub const WRITABLE_BYTES_MAX: usize = 64 * 1024;
/// No datagram is longer: what IPv4 can carry.
pub const DATAGRAM_BYTES_MAX: usize = 65_507;
/// No event works off more timers.
pub const DUE_TIMERS_MAX: usize = 256;

/// A deterministic state machine. See the [module](self) for what it and its driver promise each other.
pub trait Machine: Sized {
    /// Names the machine in a recording.
    const KIND: &'static str;
    /// Everything that it starts from: seed, limits, stored state.
    type Start: Serialize + DeserializeOwned;
    /// What its host may ask of it.
    type Command: Serialize + DeserializeOwned + fmt::Debug;
    /// What it tells its host.
    type Notice: Serialize + fmt::Debug;
    /// What it wants kept.
    type Change: Serialize + fmt::Debug;

    /// The machine at time zero.
    fn start(start: Self::Start) -> Self;

    /// Takes one event; what is to be done is appended to `out`.
    fn handle(&mut self, now: Time, event: Event<'_, Self::Command>, out: &mut Outbox<Self::Notice, Self::Change>);

    /// When it wants [`Event::Due`]. Cheap: the first of one ordered set.
    fn deadline(&self) -> Option<Time>;
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0)
            }
        }
    };
}

id! {
    /// A stream connection: even when accepted, odd when dialled.
    ConnId
}
id! {
    /// A listening socket; odd.
    ListenerId
}
id! {
    /// A socket for datagrams; odd.
    SocketId
}
id! {
    /// What a machine has open on the disk; odd.
    FileId
}
id! {
    /// A question to a worker; odd.
    RequestId
}
id! {
    /// The number of a commit, counted from 1. Zero is "nothing yet".
    Seq
}

impl Default for Seq {
    fn default() -> Self {
        Self::NONE
    }
}

impl Seq {
    /// Before the first commit.
    pub const NONE: Self = Self(0);

    /// The next one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// Mints the machine's ids: odd, rising, never reused.
#[derive(Debug, Default)]
pub struct OddIds {
    minted: u64,
}

impl OddIds {
    fn next(&mut self) -> u64 {
        self.minted += 1;
        self.minted * 2 - 1
    }

    /// The id of a dial.
    pub fn next_conn(&mut self) -> ConnId {
        ConnId(self.next())
    }

    /// The id of a listener.
    pub fn next_listener(&mut self) -> ListenerId {
        ListenerId(self.next())
    }

    /// The id of a socket for datagrams.
    pub fn next_socket(&mut self) -> SocketId {
        SocketId(self.next())
    }

    /// The id of something on the disk.
    pub fn next_file(&mut self) -> FileId {
        FileId(self.next())
    }

    /// The id of a question.
    pub fn next_request(&mut self) -> RequestId {
        RequestId(self.next())
    }
}

/// An address of this host, and the network around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Interface {
    /// The address.
    pub address: IpAddr,
    /// How many of its first bits all addresses of the network share.
    pub prefix: u8,
    /// Where a datagram reaches all of the network, where there is such an address: its directed broadcast.
    pub broadcast: Option<Ipv4Addr>,
}

impl Interface {
    /// An address of its own, with no network around it.
    #[must_use]
    pub const fn alone(address: IpAddr) -> Self {
        let prefix = match address {
            IpAddr::V4(_) => 32,
            IpAddr::V6(_) => 128,
        };
        Self { address, prefix, broadcast: None }
    }

    /// Whether an address is on its network.
    #[must_use]
    pub fn reaches(&self, other: IpAddr) -> bool {
        let (own, other, bits) = match (self.address, other) {
            (IpAddr::V4(own), IpAddr::V4(other)) => (own.to_bits().into(), other.to_bits().into(), 32),
            (IpAddr::V6(own), IpAddr::V6(other)) => (own.to_bits(), other.to_bits(), 128),
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => return false,
        };
        let differ: u128 = own ^ other;
        differ.checked_shr(bits - u32::from(self.prefix).min(bits)).unwrap_or(0) == 0
    }
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event<'a, Command> {
    /// The listener stands; `address` has the port that the system chose where 0 was asked for.
    Listening {
        /// As asked for.
        listener: ListenerId,
        /// Where it listens.
        address: SocketAddr,
    },
    /// A connection stands: accepted on `listener`, or dialled where that is `None`.
    Opened {
        /// The connection.
        conn: ConnId,
        /// The listener that it came in by.
        listener: Option<ListenerId>,
        /// This end.
        local: SocketAddr,
        /// The other end.
        remote: SocketAddr,
    },
    /// A dial, a listener or a socket did not come to be. `id` is its bare number.
    Refused {
        /// As asked for.
        id: u64,
        /// Why not.
        reason: Refusal,
    },
    /// Bytes of a connection, in order.
    Received {
        /// The connection.
        conn: ConnId,
        /// 1 to [`RECEIVED_BYTES_MAX`] bytes.
        #[serde(with = "crate::hex::bytes")]
        bytes: Cow<'a, [u8]>,
    },
    /// The queue of a connection is empty, as [`Action::WantWrite`] asked.
    Writable {
        /// The connection.
        conn: ConnId,
        /// How much may be sent now; at most [`WRITABLE_BYTES_MAX`].
        bytes: usize,
    },
    /// A connection ended, and not by this machine.
    Closed {
        /// The connection.
        conn: ConnId,
        /// How it ended.
        reason: Closed,
    },
    /// A socket for datagrams stands; `address` has the port that the system chose where 0 was asked for.
    Bound {
        /// As asked for.
        socket: SocketId,
        /// Where it hears.
        address: SocketAddr,
    },
    /// A datagram came.
    Datagram {
        /// The socket that heard it.
        socket: SocketId,
        /// Who sent it, as far as it can be believed.
        from: SocketAddr,
        /// At most [`DATAGRAM_BYTES_MAX`] bytes, perhaps none.
        #[serde(with = "crate::hex::bytes")]
        bytes: Cow<'a, [u8]>,
    },
    /// The deadline has passed.
    Due,
    /// The host asks for something.
    Command(Command),
    /// At the start, and whenever the wall clock moved against the monotonic one by over 1 s (so also after a suspend).
    Wall(Wall),
    /// At the start and on change: the addresses of this host's interfaces that are up.
    Interfaces(Vec<Interface>),
    /// Every commit up to and with this one is durable.
    Committed(Seq),
    /// The answer to [`Action::CheckPassword`].
    PasswordChecked {
        /// As asked.
        request: RequestId,
        /// The answer.
        outcome: PasswordOutcome,
    },
    /// The answer to [`Action::Resolve`]; nothing was found when it is empty.
    Resolved {
        /// As asked.
        request: RequestId,
        /// In the order of preference of the system's resolver.
        addresses: Vec<SocketAddr>,
    },
    /// The answer to [`Action::Disk`].
    Disk {
        /// As asked.
        request: RequestId,
        /// The answer.
        result: Result<Answer, DiskError>,
    },
}

impl<'a, Command> Event<'a, Command> {
    /// The same event for a machine with commands of another type.
    #[must_use]
    pub fn map_command<Other>(self, map: impl FnOnce(Command) -> Other) -> Event<'a, Other> {
        match self {
            Self::Command(command) => Event::Command(map(command)),
            Self::Listening { listener, address } => Event::Listening { listener, address },
            Self::Opened { conn, listener, local, remote } => Event::Opened { conn, listener, local, remote },
            Self::Refused { id, reason } => Event::Refused { id, reason },
            Self::Received { conn, bytes } => Event::Received { conn, bytes },
            Self::Writable { conn, bytes } => Event::Writable { conn, bytes },
            Self::Closed { conn, reason } => Event::Closed { conn, reason },
            Self::Bound { socket, address } => Event::Bound { socket, address },
            Self::Datagram { socket, from, bytes } => Event::Datagram { socket, from, bytes },
            Self::Due => Event::Due,
            Self::Wall(wall) => Event::Wall(wall),
            Self::Interfaces(addresses) => Event::Interfaces(addresses),
            Self::Committed(seq) => Event::Committed(seq),
            Self::PasswordChecked { request, outcome } => Event::PasswordChecked { request, outcome },
            Self::Resolved { request, addresses } => Event::Resolved { request, addresses },
            Self::Disk { request, result } => Event::Disk { request, result },
        }
    }
}

/// Why a dial, a listener or a socket did not come to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// Nothing listens there.
    Refused,
    /// No route leads there.
    Unreachable,
    /// It took too long.
    TimedOut,
    /// Another program listens on that address.
    AddressInUse,
    /// No interface has that address.
    AddressNotAvailable,
    /// This process may not.
    Denied,
    /// Descriptors or memory ran out.
    Exhausted,
    /// Something else.
    Other,
}

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Closed {
    /// The other end closed it in order.
    End,
    /// It was reset.
    Reset,
    /// The other end read too slowly: its queue passed `out_bytes_max`.
    SlowReader,
    /// The network gave up on it.
    Lost,
}

/// A question about a password.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PasswordCheck {
    /// Does the SHA-256 of the password match the stored verifier?
    Verify {
        /// An Argon2id PHC string.
        verifier: String,
        /// SHA-256 of the password.
        #[serde(with = "crate::hex::array")]
        password: [u8; 32],
    },
    /// Make a verifier.
    Create {
        /// SHA-256 of the password.
        #[serde(with = "crate::hex::array")]
        password: [u8; 32],
        /// The salt to use.
        #[serde(with = "crate::hex::array")]
        salt: [u8; 16],
    },
}

impl fmt::Debug for PasswordCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Verify { .. } => "Verify(secret)",
            Self::Create { .. } => "Create(secret)",
        })
    }
}

/// The answer to a [`PasswordCheck`].
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PasswordOutcome {
    /// The password is right.
    Matched,
    /// It is not.
    Mismatched,
    /// The verifier that was asked for, an Argon2id PHC string.
    Created(String),
}

impl fmt::Debug for PasswordOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Matched => "Matched",
            Self::Mismatched => "Mismatched",
            Self::Created(_) => "Created(secret)",
        })
    }
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action<Notice, Change> {
    /// Listen for connections.
    Listen {
        /// Names the listener.
        listener: ListenerId,
        /// Where; port 0 lets the system choose.
        address: SocketAddr,
    },
    /// Dial.
    Connect {
        /// Names the connection.
        conn: ConnId,
        /// Whom.
        address: SocketAddr,
    },
    /// Write bytes: a range of the outbox's buffer.
    Send {
        /// To whom.
        conn: ConnId,
        /// Which bytes; resolved by [`Outbox::drain_with`].
        #[serde(skip)]
        range: Range<usize>,
    },
    /// Hear datagrams, and be able to send them.
    Bind {
        /// Names the socket.
        socket: SocketId,
        /// Where; port 0 lets the system choose.
        address: SocketAddr,
        /// Whether it may send to all of a network, and shares its port with other programs that do.
        broadcast: bool,
    },
    /// Send a datagram: a range of the outbox's buffer.
    SendTo {
        /// From where.
        socket: SocketId,
        /// To whom.
        to: SocketAddr,
        /// Which bytes; resolved by [`Outbox::drain_with`].
        #[serde(skip)]
        range: Range<usize>,
    },
    /// End a connection, a dial, a listener or a socket.
    Close {
        /// Its bare number.
        id: u64,
        /// What becomes of the bytes that are queued.
        how: CloseHow,
    },
    /// Ask for one [`Event::Writable`].
    WantWrite(ConnId),
    /// Whether to read from a connection. At first it is read.
    Reading(ConnId, bool),
    /// Make changes durable, all or none.
    Commit {
        /// Counted from 1 without a gap.
        seq: Seq,
        /// In order.
        changes: Vec<Change>,
    },
    /// Do Argon2 on a worker.
    CheckPassword {
        /// Names the question.
        request: RequestId,
        /// The question.
        check: PasswordCheck,
    },
    /// Look a host name up on a worker.
    Resolve {
        /// Names the question.
        request: RequestId,
        /// A host name or an address.
        host: String,
        /// Goes into the answer.
        port: u16,
    },
    /// Let the disk do something, on a worker.
    Disk {
        /// Names the question.
        request: RequestId,
        /// The question.
        ask: Ask,
    },
    /// What was open on the disk is not needed any more. What was asked of it before is still answered.
    CloseFile(FileId),
    /// Tell the host.
    Notify(Notice),
}

impl<Notice, Change> Action<Notice, Change> {
    /// Which bytes of its outbox it sends; `None` for what sends nothing.
    #[must_use]
    pub const fn range(&self) -> Option<&Range<usize>> {
        match self {
            Self::Send { range, .. } | Self::SendTo { range, .. } => Some(range),
            Self::Listen { .. }
            | Self::Connect { .. }
            | Self::Bind { .. }
            | Self::Close { .. }
            | Self::WantWrite(_)
            | Self::Reading(..)
            | Self::Commit { .. }
            | Self::CheckPassword { .. }
            | Self::Resolve { .. }
            | Self::Disk { .. }
            | Self::CloseFile(_)
            | Self::Notify(_) => None,
        }
    }
}

/// What becomes of bytes that are queued when a connection is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CloseHow {
    /// They are written first, for 5 s at most.
    Flush,
    /// They are dropped and the connection is reset.
    Abort,
}

/// Collects the actions of one event. It is reused: its buffers keep their capacity.
#[derive(Debug)]
pub struct Outbox<Notice, Change> {
    actions: Vec<Action<Notice, Change>>,
    buffer: Vec<u8>,
}

impl<Notice, Change> Default for Outbox<Notice, Change> {
    fn default() -> Self {
        Self { actions: Vec::new(), buffer: Vec::new() }
    }
}

impl<Notice, Change> Outbox<Notice, Change> {
    /// Appends an action other than a send.
    pub fn push(&mut self, action: Action<Notice, Change>) {
        debug_assert!(
            !matches!(action, Action::Send { .. } | Action::SendTo { .. }),
            "sends are made by send, send_with and send_to"
        );
        self.actions.push(action);
    }

    /// Sends bytes.
    pub fn send(&mut self, conn: ConnId, bytes: &[u8]) {
        self.send_with(conn, |buffer| buffer.extend_from_slice(bytes));
    }

    /// Sends what `write` appends to the buffer; nothing if that is nothing.
    pub fn send_with<R>(&mut self, conn: ConnId, write: impl FnOnce(&mut Vec<u8>) -> R) -> R {
        let start = self.buffer.len();
        let result = write(&mut self.buffer);
        debug_assert!(self.buffer.len() >= start, "a writer only appends");
        if self.buffer.len() > start {
            self.actions.push(Action::Send { conn, range: start..self.buffer.len() });
        }
        result
    }

    /// Sends a datagram.
    ///
    /// # Panics
    /// When it is longer than [`DATAGRAM_BYTES_MAX`].
    pub fn send_to(&mut self, socket: SocketId, to: SocketAddr, bytes: &[u8]) {
        assert!(bytes.len() <= DATAGRAM_BYTES_MAX, "a datagram is bounded");
        let start = self.buffer.len();
        self.buffer.extend_from_slice(bytes);
        self.actions.push(Action::SendTo { socket, to, range: start..self.buffer.len() });
    }

    /// Tells the host.
    pub fn notify(&mut self, notice: Notice) {
        self.push(Action::Notify(notice));
    }

    /// Ends a connection.
    pub fn close(&mut self, conn: ConnId, how: CloseHow) {
        self.push(Action::Close { id: conn.0, how });
    }

    /// The actions so far, to look at.
    #[must_use]
    pub fn actions(&self) -> &[Action<Notice, Change>] {
        &self.actions
    }

    /// The bytes of a send.
    ///
    /// # Panics
    /// When the range is not of this outbox.
    #[must_use]
    pub fn bytes(&self, range: &Range<usize>) -> &[u8] {
        &self.buffer[range.clone()]
    }

    /// Whether there is nothing to do.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.actions.is_empty()
    }

    /// Takes every action in order, each with the bytes that it sends (empty for all but sends).
    pub fn drain_with(&mut self, mut apply: impl FnMut(Action<Notice, Change>, &[u8])) {
        for action in self.actions.drain(..) {
            let range = action.range().cloned().unwrap_or_default();
            apply(action, &self.buffer[range]);
        }
        self.buffer.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_a_machine_are_odd_and_never_repeat() {
        let mut ids = OddIds::default();
        assert_eq!(
            (ids.next_conn(), ids.next_listener(), ids.next_request()),
            (ConnId(1), ListenerId(3), RequestId(5))
        );
    }

    #[test]
    fn an_interface_reaches_its_own_network_and_no_other() {
        let interface =
            |address: &str, prefix| Interface { prefix, ..Interface::alone(address.parse().expect("an address")) };
        let reaches = |own: Interface, other: &str| own.reaches(other.parse().expect("an address"));
        let lan = interface("192.168.1.2", 24);
        assert!(reaches(lan, "192.168.1.255") && !reaches(lan, "192.168.2.1") && !reaches(lan, "::1"));
        assert!(reaches(interface("10.0.0.1", 0), "192.168.1.1"), "everything is on its network");
        let alone = Interface::alone("10.0.0.1".parse().expect("an address"));
        assert!(reaches(alone, "10.0.0.1") && !reaches(alone, "10.0.0.2"));
        assert!(reaches(interface("fe80::1", 64), "fe80::2") && !reaches(interface("fe80::1", 64), "fe81::2"));
        assert!(reaches(interface("::1", 0), "fe80::1"));
    }

    #[test]
    fn actions_come_out_in_order_with_their_bytes_and_leave_the_box_empty() {
        let mut out = Outbox::<&str, ()>::default();
        out.send(ConnId(2), b"one");
        out.notify("between");
        out.send(ConnId(2), b"");
        out.send(ConnId(4), b"two");
        let mut seen = Vec::new();
        out.drain_with(|action, bytes| {
            seen.push(match action {
                Action::Send { conn, .. } => format!("{conn} {}", String::from_utf8_lossy(bytes)),
                other => format!("{other:?}"),
            });
        });
        assert_eq!(seen, ["2 one", "Notify(\"between\")", "4 two"]);
        assert!(out.is_empty());
    }
}
