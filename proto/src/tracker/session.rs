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
//! - Where plain text is allowed, a connection that has said nothing has no deadline, and one that speaks a
//!   [`super::plaintext`] dialect has none before login and none while its password is checked; it stays `Anonymous` or
//!   `LoggedIn` then.
//! - It is **blocked** while its password is checked, while too many of its requests wait for a commit, while it has
//!   made the tracker tell others more than is fair, and while it does not read what it is told: what it says is then
//!   left in the channel, and it is not read. So questions are not answered faster than the answers are taken.
//!
//! Invariant: a session has one deadline, and none while it is checked or ending; a second timer says when one who has
//! talked too much is read again, a third when a frame that it began, logged in, must be whole, and a fourth when more
//! may be written to one that wants its objects spaced.

use std::{
    collections::VecDeque,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use super::plaintext::Objects;
use crate::{
    allowance::{Allowance, Rate},
    channel::Channel,
    identity::Key,
    limits::Limits,
    names::Name,
    plaintext::line::LineStream,
    time::Time,
    wire::{room::RoomId, tracker::Dialect},
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
        /// Until then; `None` where there is time.
        until: Option<Time>,
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

/// What is spoken on a connection. The first byte decides, once.
#[derive(Debug)]
pub enum Speech {
    /// papo's own protocol, or nothing yet.
    Papo(Channel),
    /// Objects in plain text.
    Json(Objects),
    /// A line in plain text.
    Line(LineStream),
}

/// One connection.
#[derive(Debug)]
pub struct Session {
    /// What is spoken.
    pub speech: Speech,
    /// The other end.
    pub remote: SocketAddr,
    /// Where it stands.
    pub phase: Phase,
    /// The identity at the other end, once the channel is established.
    pub key: Option<Key>,
    /// Where it can be dialled; only while it is logged in.
    pub endpoints: Vec<SocketAddr>,
    /// The last time that it said anything; of the dialects, that it was known to be there.
    pub heard: Time,
    /// When it was last counted among those who were seen last.
    pub noted: Time,
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
            speech: Speech::Papo(channel),
            remote,
            phase: Phase::Handshake,
            key: None,
            endpoints: Vec::new(),
            heard: now,
            noted: now,
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

    /// What is spoken.
    #[must_use]
    pub const fn dialect(&self) -> Dialect {
        match &self.speech {
            Speech::Papo(_) => Dialect::Papo,
            Speech::Json(_) => Dialect::Json,
            Speech::Line(_) => Dialect::Line,
        }
    }

    /// Whether what is spoken is papo's own protocol, or nothing yet.
    #[must_use]
    pub const fn is_native(&self) -> bool {
        matches!(self.speech, Speech::Papo(_))
    }

    /// What it speaks objects with, if it does.
    #[must_use]
    pub const fn objects(&mut self) -> Option<&mut Objects> {
        if let Speech::Json(objects) = &mut self.speech { Some(objects) } else { None }
    }

    /// Whether whoever is logged in can be reached, as far as is known.
    #[must_use]
    pub const fn is_present(&self) -> bool {
        match &self.speech {
            Speech::Papo(_) | Speech::Line(_) => true,
            Speech::Json(objects) => !objects.is_lost,
        }
    }

    /// How many bytes wait here for the rest of what they begin.
    #[must_use]
    pub const fn buffered(&self) -> usize {
        match &self.speech {
            Speech::Papo(channel) => channel.buffered(),
            Speech::Json(objects) => objects.buffered(),
            Speech::Line(line) => line.buffered(),
        }
    }

    /// Whether its password is queued, or under way.
    #[must_use]
    pub const fn is_checking(&self) -> bool {
        match &self.speech {
            Speech::Papo(_) => matches!(self.phase, Phase::Checking { .. }),
            Speech::Json(objects) => objects.is_checking,
            Speech::Line(_) => false,
        }
    }

    /// Whether it is over but for what is held.
    #[must_use]
    pub fn is_ending(&self) -> bool {
        self.phase == Phase::Ending
    }

    /// Whether it is not listened to at present.
    #[must_use]
    pub fn is_blocked(&self, now: Time, limits: &Limits) -> bool {
        self.is_checking()
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
        if !self.is_native() {
            return limits.plaintext_request_bytes_max;
        }
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
