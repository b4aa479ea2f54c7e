//! Connections: what they say, cut into messages, and how they end.

use std::{net::IpAddr, time::Duration};

use super::{
    Notice,
    machine::{Out, Timer, Tracker},
    plaintext::Whom,
    session::{Phase, STRIKES_MAX, Session, Speech},
};
use crate::{
    channel::Step,
    error::Fault,
    limits::ms,
    machine::{Action, CloseHow, ConnId},
    time::Time,
    wire::{
        codec::Wire as _,
        tracker::{Dialect, FromTracker, Goodbye, RoomEvent, ToTracker},
    },
};

/// What there was to hear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    /// Nothing that is whole.
    Nothing,
    /// The other end is known now.
    Greeting,
    /// A message, which was worked off.
    Message,
}

impl Tracker {
    /// Works off what a connection has said, until that is all or the session is blocked.
    pub(super) fn read(&mut self, now: Time, conn: ConnId, out: &mut Out) {
        self.runnable.remove(&conn);
        let mut progressed = false;
        loop {
            let Some(session) = self.sessions.get(&conn) else { return };
            if session.is_ending() || session.is_blocked(now, &self.limits) {
                break;
            }
            let dialect = session.dialect();
            let said = self.said;
            let heard = match dialect {
                Dialect::Papo => self.hear_message(now, conn, out),
                Dialect::Json => self.hear_object(now, conn, out),
                Dialect::Line => self.hear_line(now, conn, out),
            };
            match heard {
                Ok(Heard::Nothing) => break,
                Ok(Heard::Greeting) => continue,
                Ok(Heard::Message) => {}
                Err(fault) => return self.cut(now, conn, fault, out),
            }
            // What is said to nobody costs the time of everyone, too.
            self.charge(now, conn, (self.said - said).max(1));
            progressed = true;
            self.release(now, out);
        }
        self.note_unfinished(now, conn, progressed, out);
        self.set_reading(now, conn, out);
    }

    /// Works off the next message of papo's own protocol, if it is whole.
    fn hear_message(&mut self, now: Time, conn: ConnId, out: &mut Out) -> Result<Heard, Fault> {
        let Some(session) = self.sessions.get_mut(&conn) else { return Ok(Heard::Nothing) };
        let max = session.frame_bytes_max(&self.limits);
        let Speech::Papo(channel) = &mut session.speech else { return Ok(Heard::Nothing) };
        let bytes = match out.send_with(conn, |bytes| channel.next_step(max, bytes))? {
            None => return Ok(Heard::Nothing),
            Some(Step::Identified(_)) => unreachable!("only diallers identify"),
            Some(Step::Established(key)) => {
                session.key = Some(key);
                self.await_login(now, conn, ms(self.limits.login_ms_max));
                return Ok(Heard::Greeting);
            }
            Some(Step::Message(bytes)) => bytes,
        };
        let message = ToTracker::from_bytes(&bytes).map_err(|_| Fault::Malformed)?;
        self.on_message(now, conn, message, out);
        Ok(Heard::Message)
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
    pub(super) fn on_session_due(&mut self, now: Time, conn: ConnId, out: &mut Out) {
        let Some(session) = self.sessions.get(&conn) else { return };
        match &session.phase {
            Phase::Handshake => self.cut(now, conn, Fault::HandshakeTimeout, out),
            Phase::Anonymous { .. } if session.dialect() == Dialect::Line => self.on_line(now, conn, out),
            Phase::Anonymous { .. } if session.logged_out => self.end(conn, Some(Goodbye::Quit)),
            Phase::Anonymous { .. } => self.cut(now, conn, Fault::LoginTimeout, out),
            Phase::LoggedIn(_) if !session.is_native() => self.request_probe(now, Whom::Session(conn), out),
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

    /// The session may log in for so long.
    pub(super) fn await_login(&mut self, now: Time, conn: ConnId, left: Duration) {
        let Some(session) = self.sessions.get_mut(&conn) else { return };
        let until = now + left;
        session.phase = Phase::Anonymous { until: Some(until) };
        self.timers.set(Timer::Session(conn), until);
    }

    /// The session waits for its password; its deadline stands still.
    pub(super) fn await_check(&mut self, now: Time, conn: ConnId) {
        let Some(session) = self.sessions.get_mut(&conn) else { return };
        if let Some(objects) = session.objects() {
            objects.is_checking = true;
        }
        let Phase::Anonymous { until: Some(until) } = session.phase else { return };
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
    pub(super) fn cut(&mut self, now: Time, conn: ConnId, fault: Fault, out: &mut Out) {
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
    pub(super) fn drop_session(&mut self, now: Time, conn: ConnId, out: &mut Out) -> Option<Session> {
        let session = self.forget(conn)?;
        if let Some(name) = session.name() {
            if !session.is_native() {
                self.leave_plaintext_rooms(now, name, RoomEvent::Left, out);
            }
            self.on_offline(now, name, out);
        }
        Some(session)
    }

    /// Takes a session out of everything but the list of who is logged in.
    pub(super) fn forget(&mut self, conn: ConnId) -> Option<Session> {
        let session = self.sessions.remove(&conn)?;
        self.timers.clear(Timer::Session(conn));
        self.timers.clear(Timer::Quiet(conn));
        self.timers.clear(Timer::Frame(conn));
        self.timers.clear(Timer::Spaced(conn));
        self.plaintext.forget(conn);
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
        let bytes = session.buffered();
        if bytes > 0 {
            let since = former.filter(|_| !progressed).map_or(now, |(_, since)| since);
            session.unfinished = Some((bytes, since));
            self.unfinished_bytes += bytes;
            self.unfinished.insert((since, conn));
        }
        // Before login there is a deadline for everything; what is not read cannot be late.
        let has_begun = bytes > 0 && (session.name().is_some() || !session.is_native());
        let is_awaited = has_begun && !session.is_ending() && !session.is_blocked(now, &self.limits);
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
        let Some(session) = self.sessions.get_mut(&conn).filter(|session| !session.is_ending()) else { return };
        let blocked = session.is_blocked(now, &self.limits);
        let reading = if blocked { session.reading && session.buffered() == 0 } else { true };
        if reading != session.reading {
            session.reading = reading;
            out.push(Action::Reading(conn, reading));
        }
    }
}
