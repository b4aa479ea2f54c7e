//! The tracker's root: connections, deadlines, and the one queue through which everything is said.
//!
//! What a message means is decided in `login` (who someone is, and who is told of it) and
//! `requests` (what someone who is logged in may ask); this file brings messages to them and what they say to
//! the wire.
//!
//! Everything that is said, answers and pushes alike, waits in one [`Durable`] queue as plaintext until the changes that
//! were applied before it are committed, and is sealed when it is released; so nonces follow the order of release. Only
//! handshakes, which depend on nothing, are sent at once.
//!
//! Invariant: after each event all is released that may be, every connection that may be read has been read to the
//! end, and each session with a deadline has its timer.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use super::{
    Command, Notice, Registration, Start,
    admission::Gate,
    change::{Change, Verifier},
    directory::Directory,
    passwords::Passwords,
    session::{Phase, STRIKES_MAX, Session},
};
use crate::{
    channel::{Channel, Preface, StaticKey, Step},
    durable::Durable,
    error::{Counters, Fault},
    identity::Identity,
    limits::{Limits, MESSAGE_BYTES_MAX, ms},
    machine::{Action, CloseHow, Closed, ConnId, DUE_TIMERS_MAX, Event, ListenerId, Machine, OddIds, Outbox},
    names::Name,
    rng::{Seed, Stream},
    time::{Time, Wall},
    timers::Timers,
    wire::{
        codec::Wire as _,
        tracker::{Failure, FromTracker, Goodbye, ToTracker},
    },
};

/// The tracker's outbox.
pub(super) type Out = Outbox<Notice, Change>;

/// What waits in the queue.
#[derive(Debug)]
pub(super) enum Said {
    /// A message; `answers` when it is the one answer to a request.
    Message { conn: ConnId, bytes: Arc<[u8]>, answers: bool },
    /// More of the state after login follows when there is room for it.
    WantWrite(ConnId),
    /// The connection is closed behind what was said.
    Close(ConnId),
    /// For the host.
    Notice(Notice),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
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
    durable: Durable<Said>,
    /// Connections that this event has put past a bound.
    doomed: BTreeMap<ConnId, Fault>,
    timers: Timers<Timer>,
    seed: Seed,
    statics: StaticKey,
    jitter: Stream,
    pings: u64,
    wall: (Wall, Time),
    /// The addresses of this host.
    pub(super) here: Vec<IpAddr>,
    /// Where to listen, until it does.
    listen: Vec<SocketAddr>,
    listeners: BTreeMap<ListenerId, SocketAddr>,
    /// Bytes of unfinished frames, and who has held one since when.
    unfinished_bytes: usize,
    unfinished: BTreeSet<(Time, ConnId)>,
    counters: Counters,
    /// Messages that were said so far.
    said: u64,
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
                if self.listeners.contains_key(&listener) {
                    out.notify(Notice::Listening { address });
                }
            }
            Event::Refused { id, reason } => {
                if let Some(address) = self.listeners.remove(&ListenerId(id)) {
                    out.notify(Notice::ListenRefused { address, reason });
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
        debug_assert!(listener.is_some(), "a tracker does not dial");
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
        self.timers.set(Timer::Session(conn), now + ms(self.limits.handshake_ms_max));
    }

    fn on_received(&mut self, now: Time, conn: ConnId, bytes: &[u8], out: &mut Out) {
        let Some(session) = self.sessions.get_mut(&conn) else { return };
        if session.is_ending() {
            return;
        }
        session.heard = now;
        session.spoke = true;
        session.channel.handle_bytes(bytes);
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
        let Some(session) = self.drop_session(now, conn, out) else { return };
        let fault = match reason {
            Closed::SlowReader => Fault::SlowReader,
            Closed::End | Closed::Reset | Closed::Lost => Fault::Cut,
        };
        if session.spoke && !session.is_ending() {
            self.blame(session.ip(), fault, out);
        }
    }

    /// Works off what a connection has said, until that is all or the session is blocked.
    fn read(&mut self, now: Time, conn: ConnId, out: &mut Out) {
        self.runnable.remove(&conn);
        let mut progressed = false;
        loop {
            let Some(session) = self.sessions.get_mut(&conn) else { return };
            if session.is_ending() || session.is_blocked(now, &self.limits) {
                break;
            }
            let max = session.frame_bytes_max(&self.limits);
            let message = match out.send_with(conn, |bytes| session.channel.next_step(max, bytes)) {
                Ok(None) => break,
                Ok(Some(Step::Identified(_))) => unreachable!("only diallers identify"),
                Ok(Some(Step::Established(key))) => {
                    session.key = Some(key);
                    self.await_login(now, conn, ms(self.limits.login_ms_max));
                    continue;
                }
                Ok(Some(Step::Message(bytes))) => ToTracker::from_bytes(&bytes).map_err(|_| Fault::Malformed),
                Err(fault) => Err(fault),
            };
            let said = self.said;
            match message {
                Ok(message) => self.on_message(now, conn, message, out),
                Err(fault) => return self.cut(now, conn, fault, out),
            }
            // What is said to nobody costs the time of everyone, too.
            self.charge(now, conn, (self.said - said).max(1));
            progressed = true;
            self.release(out);
        }
        self.note_unfinished(now, conn, progressed, out);
        self.set_reading(now, conn, out);
    }

    /// A message has made the tracker say so much, or hear one more.
    fn charge(&mut self, now: Time, conn: ConnId, pushes: u64) {
        let Some(session) = self.sessions.get_mut(&conn) else { return };
        session.charge(now, pushes, &self.limits);
        let until = session.quiet_until(&self.limits);
        if until > now {
            self.timers.set(Timer::Quiet(conn), until);
        }
    }

    fn on_message(&mut self, now: Time, conn: ConnId, message: ToTracker, out: &mut Out) {
        if let ToTracker::Ping { nonce } = message {
            return self.say(conn, &FromTracker::Pong { nonce });
        }
        if let ToTracker::Pong { .. } = message {
            return;
        }
        if let ToTracker::Bye { .. } = message {
            self.drop_session(now, conn, out);
            return out.close(conn, CloseHow::Flush);
        }
        let Some(session) = self.sessions.get_mut(&conn) else { return };
        session.waiting += usize::from(message.request().is_some());
        match session.name().cloned() {
            Some(name) => self.on_request(now, conn, &name, message, out),
            None => self.on_anonymous(now, conn, message, out),
        }
    }

    /// A session's deadline has passed.
    fn on_session_due(&mut self, now: Time, conn: ConnId, out: &mut Out) {
        let Some(session) = self.sessions.get(&conn) else { return };
        match &session.phase {
            Phase::Handshake => self.cut(now, conn, Fault::HandshakeTimeout, out),
            Phase::Anonymous { .. } if session.logged_out => self.end(conn, Some(Goodbye::Quit)),
            Phase::Anonymous { .. } => self.cut(now, conn, Fault::LoginTimeout, out),
            Phase::LoggedIn(_) => self.on_silence(now, conn, out),
            Phase::Checking { .. } | Phase::Ending => {}
        }
    }

    /// Looks how long a session has been silent; pings it, or gives it up.
    fn on_silence(&mut self, now: Time, conn: ConnId, out: &mut Out) {
        let Some(session) = self.sessions.get_mut(&conn) else { return };
        let stuffed = session.is_stuffed(&self.limits);
        if !session.reading && !stuffed {
            // It is not heard because it is not listened to.
            session.heard = now;
        }
        let silent = now - session.heard;
        let (ping_after, given_up) = (ms(self.limits.ping_after_ms), ms(self.limits.silence_ms_max));
        if silent >= given_up {
            return self.cut(now, conn, if stuffed { Fault::SlowReader } else { Fault::Silent }, out);
        }
        let heard = session.heard;
        let wait = self.jitter.jittered(ping_after);
        let next = if silent >= ping_after / 2 {
            self.pings += 1;
            self.say(conn, &FromTracker::Ping { nonce: self.pings });
            now + wait
        } else {
            // Later than now: a wait is at least half of the silence after which a ping is due.
            heard + wait
        };
        self.timers.set(Timer::Session(conn), next.min(heard + given_up));
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
            if session.channel.is_established() {
                self.end(conn, Some(Goodbye::Quit));
            } else {
                self.drop_session(now, conn, out);
                out.close(conn, CloseHow::Abort);
            }
        }
        self.online.clear();
        if !seen.is_empty() {
            self.commit(seen, out);
        }
        self.tell(Notice::Stopped);
    }

    // What is said.

    /// Makes changes: applied at once, kept soon, and nothing is said of them before.
    pub(super) fn commit(&mut self, changes: Vec<Change>, out: &mut Out) {
        for change in &changes {
            self.directory.apply(change).expect("a change is checked against the directory before it is made");
        }
        let seq = self.durable.commit();
        out.push(Action::Commit { seq, changes });
    }

    /// Says something that nobody asked for.
    pub(super) fn say(&mut self, conn: ConnId, message: &FromTracker) {
        self.say_bytes(conn, message.to_bytes().into(), false);
    }

    /// Says the one answer to a request.
    pub(super) fn answer(&mut self, conn: ConnId, message: &FromTracker) {
        self.say_bytes(conn, message.to_bytes().into(), true);
    }

    /// Answers a request that did not work.
    pub(super) fn fail(&mut self, conn: ConnId, request: u32, failure: Failure) {
        self.answer(conn, &FromTracker::Failed { request, failure });
    }

    /// Says an encoded message.
    pub(super) fn say_bytes(&mut self, conn: ConnId, bytes: Arc<[u8]>, answers: bool) {
        debug_assert!(bytes.len() <= MESSAGE_BYTES_MAX, "a message fits its frame");
        let Some(session) = self.sessions.get_mut(&conn) else { return };
        if session.is_ending() || self.doomed.contains_key(&conn) {
            return;
        }
        self.said += 1;
        session.held_bytes += bytes.len();
        if session.held_bytes > self.limits.out_bytes_max {
            self.doomed.insert(conn, Fault::SlowReader);
        }
        self.durable.say(Said::Message { conn, bytes, answers });
    }

    /// Asks to be told when the connection has room for more, once what was said is released.
    pub(super) fn say_want_write(&mut self, conn: ConnId) {
        self.durable.say(Said::WantWrite(conn));
    }

    /// Tells the host what happened, once it has.
    pub(super) fn tell(&mut self, notice: Notice) {
        self.durable.say(Said::Notice(notice));
    }

    /// Ends a session: what was said, and a goodbye, are flushed first. The session's account must be logged out by
    /// the caller.
    pub(super) fn end(&mut self, conn: ConnId, goodbye: Option<Goodbye>) {
        if let Some(reason) = goodbye {
            self.say(conn, &FromTracker::Bye { reason });
        }
        let Some(session) = self.sessions.get_mut(&conn) else { return };
        session.phase = Phase::Ending;
        session.sync = None;
        session.endpoints = Vec::new();
        self.timers.clear(Timer::Session(conn));
        self.timers.clear(Timer::Frame(conn));
        self.passwords.handle_gone(conn);
        self.durable.say(Said::Close(conn));
    }

    /// Releases what may be said by now.
    fn release(&mut self, out: &mut Out) {
        while let Some(said) = self.durable.next_said() {
            match said {
                Said::Message { conn, bytes, answers } => {
                    let Some(session) = self.sessions.get_mut(&conn) else { continue };
                    session.held_bytes -= bytes.len();
                    session.untaken_bytes += bytes.len();
                    if answers {
                        session.waiting -= 1;
                        if session.channel.buffered() > 0 || !session.reading {
                            self.runnable.insert(conn);
                        }
                    }
                    out.send_with(conn, |sealed| session.channel.seal(&bytes, sealed));
                    if session.is_stuffed(&self.limits) {
                        want_write(session, conn, out);
                    }
                }
                Said::WantWrite(conn) => {
                    if let Some(session) = self.sessions.get_mut(&conn) {
                        want_write(session, conn, out);
                    }
                }
                Said::Close(conn) => {
                    if self.forget(conn).is_some() {
                        out.close(conn, CloseHow::Flush);
                    }
                }
                Said::Notice(notice) => out.notify(notice),
            }
        }
    }

    /// Brings everything to rest: see the invariant of this module.
    fn settle(&mut self, now: Time, out: &mut Out) {
        loop {
            self.start_checks(now, out);
            self.release(out);
            if let Some((conn, fault)) = self.doomed.pop_first() {
                self.cut(now, conn, fault, out);
            } else if let Some(&conn) = self.runnable.first() {
                self.read(now, conn, out);
            } else {
                break;
            }
        }
        match self.passwords.deadline() {
            Some(at) => self.timers.set(Timer::Passwords, at),
            None => self.timers.clear(Timer::Passwords),
        }
    }

    // Connections.

    /// The session may log in for so long.
    pub(super) fn await_login(&mut self, now: Time, conn: ConnId, left: Duration) {
        let Some(session) = self.sessions.get_mut(&conn) else { return };
        let until = now + left;
        session.phase = Phase::Anonymous { until };
        self.timers.set(Timer::Session(conn), until);
    }

    /// The session waits for its password; its deadline stands still.
    pub(super) fn await_check(&mut self, now: Time, conn: ConnId) {
        let Some(session) = self.sessions.get_mut(&conn) else { return };
        let Phase::Anonymous { until } = session.phase else { return };
        session.phase = Phase::Checking { left: until - now };
        self.timers.clear(Timer::Session(conn));
    }

    /// The session is alive as long as it is heard.
    pub(super) fn await_silence(&mut self, now: Time, conn: ConnId) {
        let wait = self.jitter.jittered(ms(self.limits.ping_after_ms));
        self.timers.set(Timer::Session(conn), now + wait);
    }

    /// A message at the wrong time, or a wrong password; after several the connection is closed.
    pub(super) fn strike(&mut self, conn: ConnId) {
        let Some(session) = self.sessions.get_mut(&conn) else { return };
        session.strikes += 1;
        if session.strikes >= STRIKES_MAX {
            let from = session.ip();
            self.counters.count(Fault::TooManyFailures);
            self.tell(Notice::Fault { from, fault: Fault::TooManyFailures });
            self.end(conn, None);
        }
    }

    /// Closes a connection for a fault of its own.
    fn cut(&mut self, now: Time, conn: ConnId, fault: Fault, out: &mut Out) {
        let Some(session) = self.drop_session(now, conn, out) else { return };
        self.blame(session.ip(), fault, out);
        out.close(conn, CloseHow::Abort);
    }

    /// Counts a fault and tells the host.
    pub(super) fn blame(&mut self, from: IpAddr, fault: Fault, out: &mut Out) {
        self.counters.count(fault);
        out.notify(Notice::Fault { from: from.to_canonical(), fault });
    }

    /// Takes a session out, and logs it out.
    fn drop_session(&mut self, now: Time, conn: ConnId, out: &mut Out) -> Option<Session> {
        let session = self.forget(conn)?;
        if let Some(name) = session.name() {
            self.on_offline(now, name, out);
        }
        Some(session)
    }

    /// Takes a session out of everything but the list of who is logged in.
    fn forget(&mut self, conn: ConnId) -> Option<Session> {
        let session = self.sessions.remove(&conn)?;
        self.timers.clear(Timer::Session(conn));
        self.timers.clear(Timer::Quiet(conn));
        self.timers.clear(Timer::Frame(conn));
        self.passwords.handle_gone(conn);
        self.gate.handle_gone(conn, session.ip());
        self.runnable.remove(&conn);
        self.doomed.remove(&conn);
        if let Some((bytes, since)) = session.unfinished {
            self.unfinished_bytes -= bytes;
            self.unfinished.remove(&(since, conn));
        }
        Some(session)
    }

    /// Counts what a connection holds of an unfinished frame; past the bound of all, those that have held one longest
    /// are closed.
    fn note_unfinished(&mut self, now: Time, conn: ConnId, progressed: bool, out: &mut Out) {
        let Some(session) = self.sessions.get_mut(&conn) else { return };
        let former = session.unfinished.take();
        if let Some((bytes, since)) = former {
            self.unfinished_bytes -= bytes;
            self.unfinished.remove(&(since, conn));
        }
        let bytes = session.channel.buffered();
        if bytes > 0 {
            let since = former.filter(|_| !progressed).map_or(now, |(_, since)| since);
            session.unfinished = Some((bytes, since));
            self.unfinished_bytes += bytes;
            self.unfinished.insert((since, conn));
        }
        // Before login there is a deadline for everything; what is not read cannot be late.
        let is_awaited = bytes > 0 && session.name().is_some() && !session.is_blocked(now, &self.limits);
        if !is_awaited {
            self.timers.clear(Timer::Frame(conn));
        } else if progressed || self.timers.at(Timer::Frame(conn)).is_none() {
            self.timers.set(Timer::Frame(conn), now + ms(self.limits.frame_ms_max));
        }
        while self.unfinished_bytes > self.limits.unfinished_bytes_max {
            let Some(&(_, longest)) = self.unfinished.first() else { break };
            self.cut(now, longest, Fault::UnfinishedBytes, out);
        }
    }

    /// A blocked session with unread bytes is not read; any other is.
    fn set_reading(&mut self, now: Time, conn: ConnId, out: &mut Out) {
        let Some(session) = self.sessions.get_mut(&conn) else { return };
        let blocked = session.is_blocked(now, &self.limits);
        let reading = if blocked { session.reading && session.channel.buffered() == 0 } else { true };
        if reading != session.reading {
            session.reading = reading;
            out.push(Action::Reading(conn, reading));
        }
    }

    // Looking.

    /// The wall clock.
    pub(super) fn wall_at(&self, now: Time) -> Wall {
        let (wall, at) = self.wall;
        wall.plus(now - at)
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

/// Asks, once, to be told when the connection has taken everything.
fn want_write(session: &mut Session, conn: ConnId, out: &mut Out) {
    if !std::mem::replace(&mut session.wants_write, true) {
        out.push(Action::WantWrite(conn));
    }
}
