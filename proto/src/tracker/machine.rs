//! The tracker's root: connections, deadlines, and the one queue through which everything is said.
//!
//! What a message means is decided in `login` (who someone is, and who is told of it), `requests` (what someone who is
//! logged in may ask) and `rooms` (what becomes of a room); `connections` brings messages to them, and `speaking` what
//! they say to the wire. Only handshakes, which depend on nothing, are sent at once.
//!
//! Invariant: after each event all is released that may be, every connection that may be read has been read to the
//! end, and each session with a deadline has its timer.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, SocketAddr},
};

use super::{
    Command, Notice, Registration, Start,
    admission::Gate,
    change::{Change, Verifier},
    directory::Directory,
    passwords::Passwords,
    plaintext::{Plaintext, Whom},
    session::{Session, Speech},
    speaking::Said,
};
use crate::{
    channel::{Channel, Preface, StaticKey},
    durable::Durable,
    error::{Counters, Fault},
    identity::Identity,
    limits::{Limits, ms},
    machine::{Action, CloseHow, Closed, ConnId, DUE_TIMERS_MAX, Event, ListenerId, Machine, OddIds, Outbox},
    names::Name,
    rng::{Seed, Stream},
    time::{Time, Wall},
    timers::Timers,
    wire::tracker::{Dialect, Goodbye},
};

/// The tracker's outbox.
pub(super) type Out = Outbox<Notice, Change>;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// Listen, if nothing else happens first.
    Start,
    /// A delay at the password check is over.
    Passwords,
    /// A session's one deadline.
    Session(ConnId),
    /// A session that made the tracker tell others too much is read again.
    Quiet(ConnId),
    /// A session's frame is to be whole by then.
    Frame(ConnId),
    /// The next object may be written.
    Spaced(ConnId),
    /// Whoever was dialled has answered by then.
    Probe(ConnId),
    /// It is time to see whether someone who registered by a line is there.
    Row(SocketAddr),
}

/// The tracker. See [`crate::tracker`].
#[derive(Debug)]
pub struct Tracker {
    pub(super) limits: Limits,
    pub(super) identity: Identity,
    pub(super) registration: Registration,
    pub(super) dummy_verifier: Verifier,
    pub(super) directory: Directory,
    pub(super) passwords: Passwords,
    pub(super) sessions: BTreeMap<ConnId, Session>,
    /// Who is logged in, by folded name.
    pub(super) online: BTreeMap<String, ConnId>,
    pub(super) gate: Gate,
    pub(super) ids: OddIds,
    pub(super) salts: Stream,
    /// Connections with unread bytes that may be read again.
    pub(super) runnable: BTreeSet<ConnId>,
    pub(super) durable: Durable<Said>,
    /// Connections that this event has put past a bound.
    pub(super) doomed: BTreeMap<ConnId, Fault>,
    pub(super) timers: Timers<Timer>,
    seed: Seed,
    statics: StaticKey,
    pub(super) jitter: Stream,
    pub(super) pings: u64,
    wall: (Wall, Time),
    /// The addresses of this host.
    pub(super) here: Vec<IpAddr>,
    /// Where to listen, until it does.
    listen: Vec<SocketAddr>,
    pub(super) listeners: BTreeMap<ListenerId, SocketAddr>,
    /// Bytes of unfinished frames, and who has held one since when.
    pub(super) unfinished_bytes: usize,
    pub(super) unfinished: BTreeSet<(Time, ConnId)>,
    pub(super) counters: Counters,
    /// Messages that were said so far.
    pub(super) said: u64,
    /// What the older systems' clients need beside all that.
    pub(super) plaintext: Plaintext,
    stopping: bool,
}

impl Machine for Tracker {
    const KIND: &'static str = "tracker";
    type Start = Start;
    type Command = Command;
    type Notice = Notice;
    type Change = Change;

    fn start(start: Start) -> Self {
        let mut timers = Timers::default();
        timers.set(Timer::Start, Time::ZERO);
        Self {
            plaintext: Plaintext::new(&start),
            directory: start.state,
            passwords: Passwords::new(&start.limits),
            limits: start.limits,
            identity: start.identity,
            registration: start.registration,
            dummy_verifier: Verifier(start.dummy_verifier),
            sessions: BTreeMap::new(),
            online: BTreeMap::new(),
            gate: Gate::default(),
            ids: OddIds::default(),
            salts: start.seed.stream("salt", 0),
            runnable: BTreeSet::new(),
            durable: Durable::default(),
            doomed: BTreeMap::new(),
            timers,
            statics: StaticKey::draw(&mut start.seed.stream("static", 0)),
            jitter: start.seed.stream("ping", 0),
            seed: start.seed,
            pings: 0,
            wall: (Wall::default(), Time::ZERO),
            here: Vec::new(),
            listen: start.listen,
            listeners: BTreeMap::new(),
            unfinished_bytes: 0,
            unfinished: BTreeSet::new(),
            counters: Counters::default(),
            said: 0,
            stopping: false,
        }
    }

    fn handle(&mut self, now: Time, event: Event<'_, Command>, out: &mut Out) {
        self.on_start(out);
        match event {
            Event::Listening { listener, address } => {
                if let Some(known) = self.listeners.get_mut(&listener) {
                    *known = address;
                    out.notify(Notice::Listening { address });
                }
            }
            Event::Refused { id, reason } => {
                if let Some(address) = self.listeners.remove(&ListenerId(id)) {
                    out.notify(Notice::ListenRefused { address, reason });
                } else {
                    self.on_probe_ended(now, ConnId(id), out);
                }
            }
            Event::Opened { conn, listener, remote, .. } => self.on_opened(now, conn, listener, remote, out),
            Event::Received { conn, bytes } => self.on_received(now, conn, &bytes, out),
            Event::Writable { conn, bytes } => self.on_writable(now, conn, bytes),
            Event::Closed { conn, reason } => self.on_closed(now, conn, reason, out),
            Event::Due => {
                for _ in 0..DUE_TIMERS_MAX {
                    let Some(timer) = self.timers.pop_due(now) else { break };
                    match timer {
                        Timer::Start | Timer::Passwords => {}
                        Timer::Session(conn) => self.on_session_due(now, conn, out),
                        Timer::Quiet(conn) => {
                            self.runnable.insert(conn);
                        }
                        Timer::Frame(conn) => self.cut(now, conn, Fault::FrameTimeout, out),
                        Timer::Spaced(conn) => self.write_objects(now, conn, out),
                        Timer::Probe(conn) => self.on_probe_timeout(now, conn, out),
                        Timer::Row(at) => self.request_probe(now, Whom::Row(at), out),
                    }
                }
            }
            Event::Command(Command::Shutdown) => self.on_shutdown(now, out),
            Event::Command(Command::Count) => out.notify(self.count()),
            Event::Wall(wall) => self.wall = (wall, now),
            Event::Committed(seq) => self.durable.handle_committed(seq),
            Event::PasswordChecked { request, outcome } => self.on_password_checked(now, request, outcome, out),
            Event::Interfaces(interfaces) => self.here = interfaces.iter().map(|one| one.address).collect(),
            Event::Resolved { .. }
            | Event::Bound { .. }
            | Event::Datagram { .. }
            | Event::Undeliverable { .. }
            | Event::Disk { .. } => {}
        }
        self.settle(now, out);
    }

    fn deadline(&self) -> Option<Time> {
        self.timers.deadline()
    }
}

impl Tracker {
    /// What was kept so far, as it would be stored.
    #[must_use]
    pub const fn directory(&self) -> &Directory {
        &self.directory
    }

    /// How often each fault happened since the start.
    #[must_use]
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    fn on_start(&mut self, out: &mut Out) {
        self.timers.clear(Timer::Start);
        for address in std::mem::take(&mut self.listen) {
            let listener = self.ids.next_listener();
            self.listeners.insert(listener, address);
            out.push(Action::Listen { listener, address });
        }
    }

    fn on_opened(&mut self, now: Time, conn: ConnId, listener: Option<ListenerId>, remote: SocketAddr, out: &mut Out) {
        if listener.is_none() {
            return self.on_probe_opened(now, conn, out);
        }
        if self.stopping {
            return out.close(conn, CloseHow::Abort);
        }
        // Whose password is being checked has done its part.
        let idle = |conn: &ConnId| self.sessions.get(conn).is_some_and(|session| !session.is_checking());
        let oldest = self.gate.crowd(remote.ip(), &self.limits).find(idle);
        if let Some(oldest) = oldest {
            self.cut(now, oldest, Fault::TooManyFromAddress, out);
        }
        if let Err(fault) = self.gate.admit(conn, remote.ip(), &self.limits) {
            self.blame(remote.ip(), fault, out);
            return out.close(conn, CloseHow::Abort);
        }
        let rng = self.seed.stream("channel", conn.0);
        let channel = Channel::accept(Preface::Tracker, self.identity.clone(), &self.statics, rng);
        self.sessions.insert(conn, Session::new(now, channel, remote));
        if self.plaintext.is_allowed() {
            self.wait_idly(now, conn, out);
        } else {
            self.timers.set(Timer::Session(conn), now + ms(self.limits.handshake_ms_max));
        }
    }

    fn on_received(&mut self, now: Time, conn: ConnId, bytes: &[u8], out: &mut Out) {
        let Some(session) = self.sessions.get_mut(&conn) else {
            return self.on_probe_received(now, conn, bytes, out);
        };
        if session.is_ending() {
            return;
        }
        if !std::mem::replace(&mut session.spoke, true) && !self.on_first_bytes(now, conn, bytes, out) {
            return;
        }
        let Some(session) = self.sessions.get_mut(&conn) else { return };
        match &mut session.speech {
            Speech::Papo(channel) => {
                session.heard = now;
                channel.handle_bytes(bytes);
            }
            Speech::Json(objects) => objects.handle_bytes(bytes),
            Speech::Line(line) => {
                if line.push(bytes).is_err() {
                    return self.cut(now, conn, Fault::FrameTooLong, out);
                }
            }
        }
        self.note_seen(now, conn);
        self.runnable.insert(conn);
        self.read(now, conn, out);
    }

    /// A connection has taken everything: its other end reads, and may be read.
    fn on_writable(&mut self, now: Time, conn: ConnId, bytes: usize) {
        let Some(session) = self.sessions.get_mut(&conn) else { return };
        session.wants_write = false;
        if session.is_stuffed(&self.limits) {
            session.heard = now;
            self.runnable.insert(conn);
        }
        session.untaken_bytes = 0;
        self.continue_sync(now, conn, bytes);
    }

    fn on_closed(&mut self, now: Time, conn: ConnId, reason: Closed, out: &mut Out) {
        if reason == Closed::End {
            self.on_line_ended(now, conn, out);
        }
        let Some(session) = self.drop_session(now, conn, out) else { return self.on_probe_ended(now, conn, out) };
        let fault = match reason {
            Closed::SlowReader => Fault::SlowReader,
            Closed::End | Closed::Reset | Closed::Lost => Fault::Cut,
        };
        // Whoever says one line may end behind it.
        if session.spoke && !session.is_ending() && session.dialect() != Dialect::Line {
            self.blame(session.ip(), fault, out);
        }
    }

    fn on_shutdown(&mut self, now: Time, out: &mut Out) {
        if std::mem::replace(&mut self.stopping, true) {
            return;
        }
        for listener in std::mem::take(&mut self.listeners).into_keys() {
            out.push(Action::Close { id: listener.0, how: CloseHow::Abort });
        }
        let mut seen = Vec::new();
        for conn in self.sessions.keys().copied().collect::<Vec<_>>() {
            let Some(session) = self.sessions.get(&conn) else { continue };
            if let Some(name) = session.name() {
                seen.push(Change::LastSeen { name: name.clone(), at: self.wall_at(now) });
            }
            let is_established = match &session.speech {
                Speech::Papo(channel) => channel.is_established(),
                Speech::Json(_) | Speech::Line(_) => true,
            };
            if is_established {
                self.end(conn, Some(Goodbye::Quit));
            } else {
                self.drop_session(now, conn, out);
                out.close(conn, CloseHow::Abort);
            }
        }
        self.close_probes(out);
        self.online.clear();
        if !seen.is_empty() {
            self.commit(seen, out);
        }
        self.tell(Notice::Stopped);
    }
    // Looking.

    /// The wall clock.
    pub(super) fn wall_at(&self, now: Time) -> Wall {
        let (wall, at) = self.wall;
        wall.plus(now - at)
    }

    /// The wall clock then.
    pub(super) fn wall_then(&self, now: Time, then: Time) -> Wall {
        let passed = u64::try_from((now - then).as_millis()).unwrap_or(u64::MAX);
        Wall(self.wall_at(now).0.saturating_sub(passed))
    }

    /// Whether it is shutting down.
    pub(super) const fn is_stopping(&self) -> bool {
        self.stopping
    }

    /// The session of an account.
    pub(super) fn session_of(&self, name: &Name) -> Option<(ConnId, &Session)> {
        let conn = *self.online.get(name.folded())?;
        Some((conn, self.sessions.get(&conn)?))
    }

    fn count(&self) -> Notice {
        Notice::Counters {
            counters: self.counters.clone(),
            connections: self.sessions.len(),
            sessions: self.online.len(),
            users: self.directory.accounts_len(),
            rooms: self.directory.rooms_len(),
        }
    }
}
