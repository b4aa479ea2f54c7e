//! What the tracker says, and when.
//!
//! Everything that is said, answers and pushes alike, waits in one [`Durable`](crate::durable::Durable) queue until the
//! changes that were applied before it are committed. Papo's own messages are sealed when they are released, so nonces
//! follow the order of release; objects of the plaintext dialect are spaced then.

use std::sync::Arc;

use super::{
    Change, Notice,
    machine::{Out, Timer, Tracker},
    session::{Phase, Session, Speech},
};
use crate::{
    error::Fault,
    limits::MESSAGE_BYTES_MAX,
    machine::{Action, CloseHow, ConnId},
    time::Time,
    wire::{
        codec::Wire as _,
        room::RoomId,
        tracker::{Failure, FromTracker, Goodbye},
    },
};

/// What waits in the queue.
#[derive(Debug)]
pub(super) enum Said {
    /// A message; `answers` when it is the one answer to a request.
    Message { conn: ConnId, bytes: Arc<[u8]>, answers: bool },
    /// An object in plain text: a push about a room, or else the one answer to a request.
    Object { conn: ConnId, object: String, about: Option<RoomId> },
    /// More of the state after login follows when there is room for it.
    WantWrite(ConnId),
    /// The connection is closed behind what was said.
    Close(ConnId),
    /// For the host.
    Notice(Notice),
}

impl Tracker {
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

    /// Says an encoded message, to whoever speaks that protocol.
    pub(super) fn say_bytes(&mut self, conn: ConnId, bytes: Arc<[u8]>, answers: bool) {
        debug_assert!(bytes.len() <= MESSAGE_BYTES_MAX, "a message fits its frame");
        if self.hold(conn, true, bytes.len()) {
            self.durable.say(Said::Message { conn, bytes, answers });
        }
    }

    /// Says an object, or rows, in plain text, to whoever speaks that: a push about a room, or else the answer to a
    /// request.
    pub(super) fn say_object(&mut self, conn: ConnId, object: String, about: Option<RoomId>) {
        if self.hold(conn, false, object.len()) {
            self.durable.say(Said::Object { conn, object, about });
        }
    }

    /// Counts what is to be said, if it can be.
    fn hold(&mut self, conn: ConnId, is_native: bool, bytes: usize) -> bool {
        let Some(session) = self.sessions.get_mut(&conn) else { return false };
        if session.is_ending() || self.doomed.contains_key(&conn) || session.is_native() != is_native {
            return false;
        }
        self.said += 1;
        session.held_bytes += bytes;
        if session.held_bytes > self.limits.out_bytes_max {
            self.doomed.insert(conn, Fault::SlowReader);
        }
        true
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
    pub(super) fn release(&mut self, now: Time, out: &mut Out) {
        while let Some(said) = self.durable.next_said() {
            match said {
                Said::Message { conn, bytes, answers } => {
                    let Some(session) = self.sessions.get_mut(&conn) else { continue };
                    session.held_bytes -= bytes.len();
                    session.untaken_bytes += bytes.len();
                    if answers {
                        session.waiting -= 1;
                        if session.buffered() > 0 || !session.reading {
                            self.runnable.insert(conn);
                        }
                    }
                    if let Speech::Papo(channel) = &mut session.speech {
                        out.send_with(conn, |sealed| channel.seal(&bytes, sealed));
                    }
                    if session.is_stuffed(&self.limits) {
                        want_write(session, conn, out);
                    }
                }
                Said::Object { conn, object, about } => {
                    let Some(session) = self.sessions.get_mut(&conn) else { continue };
                    session.held_bytes -= object.len();
                    match session.objects() {
                        Some(objects) => objects.say(object, about, self.limits.plaintext_pushes_max),
                        None => out.send(conn, object.as_bytes()),
                    }
                    self.write_objects(now, conn, out);
                }
                Said::WantWrite(conn) => {
                    if let Some(session) = self.sessions.get_mut(&conn) {
                        want_write(session, conn, out);
                    }
                }
                Said::Close(conn) => {
                    let Some(session) = self.sessions.get_mut(&conn) else { continue };
                    match session.objects() {
                        Some(objects) if objects.has_more() => objects.is_last = true,
                        Some(_) | None => self.close(conn, out),
                    }
                }
                Said::Notice(notice) => out.notify(notice),
            }
        }
    }

    /// Writes what objects may be written to a client by now.
    pub(super) fn write_objects(&mut self, now: Time, conn: ConnId, out: &mut Out) {
        let Some(session) = self.sessions.get_mut(&conn) else { return };
        while let Some(write) = session.objects().and_then(|objects| objects.next_write(now)) {
            out.send(conn, write.object.as_bytes());
            session.untaken_bytes += write.object.len();
            if write.is_reply {
                session.waiting = session.waiting.saturating_sub(1);
                self.runnable.insert(conn);
            }
        }
        if session.is_stuffed(&self.limits) {
            want_write(session, conn, out);
        }
        let Some(objects) = session.objects() else { return };
        match objects.deadline() {
            Some(at) => self.timers.set(Timer::Spaced(conn), at),
            None if objects.is_last => self.close(conn, out),
            None => self.timers.clear(Timer::Spaced(conn)),
        }
    }

    /// Closes a connection behind what was written.
    fn close(&mut self, conn: ConnId, out: &mut Out) {
        if self.forget(conn).is_some() {
            out.close(conn, CloseHow::Flush);
        }
    }

    /// Brings everything to rest: see the invariant of this module.
    pub(super) fn settle(&mut self, now: Time, out: &mut Out) {
        loop {
            self.start_checks(now, out);
            self.release(now, out);
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
}

/// Asks, once, to be told when the connection has taken everything.
fn want_write(session: &mut Session, conn: ConnId, out: &mut Out) {
    if !std::mem::replace(&mut session.wants_write, true) {
        out.push(Action::WantWrite(conn));
    }
}
