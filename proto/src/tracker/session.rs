//! One connection's life, as the tracker keeps it.
//!
//! ```text
//! Handshake ──established──▶ Anonymous ──attempt queued──▶ Checking
//!                             ▲  │  ▲ ╰──────key fits─────╮   │ │
//!                             │  │  ╰──────wrong──────────┼───╯ │
//!                             │  │                        ▼     ▼ right
//!                             ╰──┼───────logout─────── LoggedIn
//!     any ──▶ Ending (a goodbye is held for its commit) ──▶ gone
//! ```
//!
//! - `Handshake` and `Anonymous` have a deadline each; the second stands still while a password is checked. `LoggedIn`
//!   is pinged after silence and given up after more of it.
//! - It is **blocked** while its password is checked, while too many of its requests wait for a commit, while it has
//!   made the tracker tell others more than is fair, and while it does not read what it is told: what it says is then
//!   left in the channel, and it is not read. So questions are not answered faster than the answers are taken.
//!
//! Invariant: a session has one deadline, and none while it is checked or ending; a second timer says when one who has
//! talked too much is read again, and a third when a frame that it began, logged in, must be whole.

use std::{
    collections::VecDeque,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use crate::{
    allowance::{Allowance, Rate},
    channel::Channel,
    identity::Key,
    limits::Limits,
    names::Name,
    time::Time,
    wire::room::RoomId,
};

/// So many messages at the wrong time, or wrong passwords, and a connection is closed.
pub const STRIKES_MAX: u8 = 8;

/// Where a session stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Phase {
    /// The channel is not established.
    Handshake,
    /// It is, and nobody has logged in.
    Anonymous {
        /// Until then.
        until: Time,
    },
    /// A password is queued, or under way.
    Checking {
        /// What is left to log in by, if the password is wrong.
        left: Duration,
    },
    /// Someone has.
    LoggedIn(Name),
    /// Nothing is heard or said any more; what was said is flushed, and the connection closed.
    Ending,
}

/// The longest that a session is not read for what it made the tracker tell others.
const QUIET_MAX: Duration = Duration::from_secs(5);

/// What a session has not been told of the state after its login.
#[derive(Debug, Default)]
pub struct Sync {
    /// Whom it shares a room with.
    pub contacts: VecDeque<Name>,
    /// Its rooms.
    pub rooms: VecDeque<RoomId>,
}

/// One connection.
#[derive(Debug)]
pub struct Session {
    /// Its channel.
    pub channel: Channel,
    /// The other end.
    pub remote: SocketAddr,
    /// Where it stands.
    pub phase: Phase,
    /// The identity at the other end, once the channel is established.
    pub key: Option<Key>,
    /// Where it can be dialled; only while it is logged in.
    pub endpoints: Vec<SocketAddr>,
    /// The last time that it said anything.
    pub heard: Time,
    /// Whether it said anything at all.
    pub spoke: bool,
    /// Whether the driver reads from it.
    pub reading: bool,
    /// Whether it logged out: then it is no intruder if it does not log in again.
    pub logged_out: bool,
    /// Requests whose answers are held.
    pub waiting: usize,
    /// Bytes of messages that are held.
    pub held_bytes: usize,
    /// What it was told since its connection last took everything.
    pub untaken_bytes: usize,
    /// Whether it is to be heard of when its connection has taken everything.
    pub wants_write: bool,
    /// What it may still make the tracker tell others.
    pushes: Allowance,
    /// Messages at the wrong time, and wrong passwords.
    pub strikes: u8,
    /// Bytes of its unfinished frame, and since when it holds one.
    pub unfinished: Option<(usize, Time)>,
    /// What is left to tell it.
    pub sync: Option<Sync>,
}

impl Session {
    /// A connection that has just opened.
    #[must_use]
    pub fn new(now: Time, channel: Channel, remote: SocketAddr) -> Self {
        Self {
            channel,
            remote,
            phase: Phase::Handshake,
            key: None,
            endpoints: Vec::new(),
            heard: now,
            spoke: false,
            reading: true,
            logged_out: false,
            waiting: 0,
            held_bytes: 0,
            untaken_bytes: 0,
            wants_write: false,
            pushes: Allowance::default(),
            strikes: 0,
            unfinished: None,
            sync: None,
        }
    }

    /// The address at the other end.
    #[must_use]
    pub fn ip(&self) -> IpAddr {
        self.remote.ip().to_canonical()
    }

    /// Whether it is on the tracker's own host, where loopback endpoints mean something.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.ip().is_loopback()
    }

    /// Who is logged in.
    #[must_use]
    pub const fn name(&self) -> Option<&Name> {
        if let Phase::LoggedIn(name) = &self.phase { Some(name) } else { None }
    }

    /// Whether its password is queued, or under way.
    #[must_use]
    pub const fn is_checking(&self) -> bool {
        matches!(self.phase, Phase::Checking { .. })
    }

    /// Whether it is over but for what is held.
    #[must_use]
    pub fn is_ending(&self) -> bool {
        self.phase == Phase::Ending
    }

    /// Whether it is not listened to at present.
    #[must_use]
    pub fn is_blocked(&self, now: Time, limits: &Limits) -> bool {
        matches!(self.phase, Phase::Checking { .. })
            || self.is_stuffed(limits)
            || self.waiting >= limits.requests_waiting_max
            || self.quiet_until(limits) > now
    }

    /// Whether it does not read what it is told.
    #[must_use]
    pub const fn is_stuffed(&self, limits: &Limits) -> bool {
        self.untaken_bytes >= limits.untaken_bytes_max
    }

    /// It has just made the tracker tell others `pushes` messages.
    pub fn charge(&mut self, now: Time, pushes: u64, limits: &Limits) {
        self.pushes.charge(now, pushes, rate(limits));
        self.pushes.forgive(now, QUIET_MAX, rate(limits));
    }

    /// It is not read until then for what it made the tracker tell others; in the past for all who are moderate.
    #[must_use]
    pub fn quiet_until(&self, limits: &Limits) -> Time {
        self.pushes.free_at(rate(limits))
    }

    /// The largest frame that it may send at this point.
    #[must_use]
    pub const fn frame_bytes_max(&self, limits: &Limits) -> usize {
        if let Phase::LoggedIn(_) = self.phase { limits.frame_bytes_max } else { limits.frame_before_login_bytes_max }
    }

    /// Whether it has still to be told of this room: changes of it need not be pushed then.
    #[must_use]
    pub fn is_unaware_of(&self, room: &RoomId) -> bool {
        self.sync.as_ref().is_some_and(|sync| sync.rooms.contains(room))
    }
}

/// What a session may make the tracker tell others.
const fn rate(limits: &Limits) -> Rate {
    Rate { per_s: limits.pushes_per_s_max, burst: limits.pushes_burst_max }
}
