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
//! - **Datagrams**: [`Event::Bound`], [`Event::Datagram`], [`Event::Undeliverable`].
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
//! - A datagram is whole, or it does not arrive; it may arrive twice, late, or never. One that cannot be sent is dropped;
//!   where the network says that nobody hears at an address, `Undeliverable` may tell so.
//! - After [`Action::Close`] nothing more arrives for that id, not even `Closed`.
//! - Who has ended only its own direction ([`Closed::End`]) still gets what was said to it, and what the machine sends
//!   in answer to that very event.
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

mod action;
mod host;
mod ids;

use std::{borrow::Cow, fmt, net::SocketAddr};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

pub use action::{Action, CloseHow, Outbox};
pub use host::Interface;
pub use ids::{ConnId, FileId, ListenerId, OddIds, RequestId, Seq, SocketId};

use crate::{
    disk::{Answer, DiskError},
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
    /// Nobody hears datagrams at an address (ICMP port or host unreachable). Whoever can forge a source can forge this.
    Undeliverable {
        /// The socket from which something was sent there.
        socket: SocketId,
        /// The address.
        to: SocketAddr,
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
            Self::Undeliverable { socket, to } => Event::Undeliverable { socket, to },
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
