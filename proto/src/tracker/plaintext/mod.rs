//! Clients of the older systems, in plain text (PROTOCOL.md, "Plaintext"); only where that is allowed.
//!
//! They share one directory, one list of who is there, and one queue of what is said with everybody else; here is what
//! is different for them:
//! - `objects`: what a connection keeps that speaks JSON objects.
//! - `requests`: what such a client may ask.
//! - `rooms`: rooms and people as such a client is told of them.
//! - `line`: clients that say one line, and `rows`: who registered so.
//! - `liveness`: dialling clients back, to see whether they are there.
//! - [`recency`]: who was seen last, for lists that are cut.
//!
//! Invariant: nobody is dialled but at the address that he came from, or, from this host, at one of its own.

mod line;
mod liveness;
mod objects;
pub mod recency;
mod requests;
mod rooms;
mod rows;

use std::{collections::BTreeSet, time::Duration};

use super::{
    Start,
    machine::{Out, Timer, Tracker},
    session::{Phase, Speech},
};
use crate::{
    error::Fault,
    limits::ms,
    machine::ConnId,
    plaintext::{
        json::{reply::Reply, sentence::Problem},
        line::LineStream,
    },
    rng::Stream,
    time::Time,
    wire::room::RoomId,
};
use liveness::Probes;
pub(super) use liveness::Whom;
pub use objects::Objects;
use recency::Recency;
use rows::Rows;

/// Nobody is asked more often whether he is there, whatever was told.
const PING_INTERVAL_MIN: Duration = Duration::from_secs(1);
/// Between two times that a session is counted among those who were seen last.
const NOTED_AFTER: Duration = Duration::from_secs(10);

/// What a tracker keeps of its plaintext clients beside their sessions.
#[derive(Debug)]
pub(super) struct Plaintext {
    is_allowed: bool,
    ping_interval: Duration,
    /// Connections without a deadline that are not logged in, or whose client does not answer. Ids grow, so the oldest
    /// comes first.
    idle: BTreeSet<ConnId>,
    /// Everyone who is logged in.
    seen: Recency<ConnId>,
    /// Plaintext rooms.
    changed: Recency<RoomId>,
    nonces: Stream,
    probes: Probes,
    rows: Rows,
}

impl Plaintext {
    pub(super) fn new(start: &Start) -> Self {
        let mut changed = Recency::default();
        for room in start.state.rooms_from("", None).filter(|room| room.record.is_plaintext()) {
            changed.touch(room.record.id());
        }
        Self {
            is_allowed: start.allow_plaintext,
            ping_interval: ms(start.ping_interval_ms).max(PING_INTERVAL_MIN),
            idle: BTreeSet::new(),
            seen: Recency::default(),
            changed,
            nonces: start.seed.stream("room", 0),
            probes: Probes::default(),
            rows: Rows::default(),
        }
    }

    /// Whether plain text is spoken here.
    pub(super) const fn is_allowed(&self) -> bool {
        self.is_allowed
    }

    /// A session is gone.
    pub(super) fn forget(&mut self, conn: ConnId) {
        self.idle.remove(&conn);
        self.seen.remove(conn);
        self.probes.forget(Whom::Session(conn));
    }
}

impl Tracker {
    /// What comes first on a connection decides what is spoken on it; whether it is to be heard at all.
    pub(super) fn on_first_bytes(&mut self, now: Time, conn: ConnId, bytes: &[u8], out: &mut Out) -> bool {
        let Some(session) = self.sessions.get_mut(&conn) else { return false };
        let is_line = bytes.first().is_some_and(|first| b"RPL".contains(first));
        let is_json = bytes.trim_ascii_start().first().map_or(self.plaintext.is_allowed, |&first| first == b'{');
        match (self.plaintext.is_allowed, is_json, is_line) {
            (true, true, _) => {
                session.phase = Phase::Anonymous { until: None };
                session.speech = Speech::Json(Objects::default());
                true
            }
            (true, false, true) => {
                session.phase = Phase::Anonymous { until: None };
                session.speech = Speech::Line(LineStream::default());
                true
            }
            (false, true, _) => {
                let from = session.ip();
                session.phase = Phase::Anonymous { until: None };
                session.speech = Speech::Json(Objects::default());
                self.blame(from, Fault::Plaintext, out);
                self.say_object(conn, Reply::Error(Problem::Closed).encode(), None);
                self.end(conn, None);
                false
            }
            (false, false, true) => {
                self.cut(now, conn, Fault::Plaintext, out);
                false
            }
            (allowed, false, false) => {
                if allowed {
                    // It was not known before that it speaks papo's own protocol, and may take no longer than others.
                    self.plaintext.idle.remove(&conn);
                    self.timers.set(Timer::Session(conn), now + ms(self.limits.handshake_ms_max));
                }
                true
            }
        }
    }

    /// The connection may stay without saying anything, until there are too many such.
    pub(super) fn wait_idly(&mut self, now: Time, conn: ConnId, out: &mut Out) {
        self.plaintext.idle.insert(conn);
        if self.plaintext.idle.len() > self.limits.plaintext_idle_max
            && let Some(&oldest) = self.plaintext.idle.first()
        {
            self.cut(now, oldest, Fault::TooManyConnections, out);
        }
    }

    /// Whoever is logged in was heard.
    pub(super) fn note_seen(&mut self, now: Time, conn: ConnId) {
        let Some(session) = self.sessions.get_mut(&conn).filter(|session| session.name().is_some()) else { return };
        if now - session.noted >= NOTED_AFTER || !self.plaintext.seen.has(conn) {
            session.noted = now;
            self.plaintext.seen.touch(conn);
        }
    }

    /// A client said what cannot be told apart: it is told so, and let go.
    fn dismiss(&mut self, now: Time, conn: ConnId, fault: Fault, out: &mut Out) {
        let Some(session) = self.sessions.get(&conn) else { return };
        let from = session.ip();
        self.blame(from, fault, out);
        self.log_out_plaintext(now, conn, out);
        self.say_object(conn, Reply::Error(Problem::Unsupported).encode(), None);
        self.end(conn, None);
    }
}
