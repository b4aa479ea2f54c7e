//! Whether a connection is still alive: silence, doubt, frames that are not finished, steps that take too long.
//!
//! A connection that is silent is pinged and then given up. While something makes it doubtful (the wall clock jumped,
//! another address of this machine), it has to answer sooner. A frame that was begun must be finished in time, else
//! whoever sends a byte now and then would be heard, and say nothing. What this peer does not read on purpose can be
//! neither silent nor late.

use std::time::Duration;

use super::{
    interface::Notice,
    link::{Link, Stage},
    machine::{Out, Peer, Timer},
    session,
};
use crate::{
    error::Fault,
    limits::ms,
    machine::{CloseHow, ConnId, Refusal},
    time::Time,
    wire::{peer::ToPeer, tracker::ToTracker},
};

/// How long a connection that is doubted has to answer.
const GRACE_MS: u64 = 5_000;

impl Peer {
    /// Connections have 5 s to answer, and waits for the next attempt are cut short.
    pub(super) fn on_network_doubted(&mut self, now: Time) {
        for (_, conn) in self.links.all_up().collect::<Vec<_>>() {
            self.doubt_link(now, conn);
        }
        if let session::Stage::Up(conn) = self.session.stage {
            self.ping_tracker(conn);
            self.session.doubted = Some(now + ms(GRACE_MS));
            self.timers.set_earlier(Timer::Alive(conn), now + ms(GRACE_MS));
        }
        let soon = now + self.jitter.jittered(ms(self.limits.redial_ms_min));
        if self.timers.at(Timer::Tracker).is_some() {
            self.session.redial.reset();
            self.timers.set_earlier(Timer::Tracker, soon);
        }
        let keys = self.people.iter().filter_map(|(_, person)| person.usable_key()).collect::<Vec<_>>();
        for key in keys {
            if self.timers.at(Timer::Dial(key)).is_some() {
                self.timers.set_earlier(Timer::Dial(key), soon);
            }
        }
    }

    /// A connection has been silent for a while, or for too long.
    pub(super) fn on_alive_due(&mut self, now: Time, conn: ConnId, out: &mut Out) {
        let tracker = self.session.conn() == Some(conn);
        let (heard, doubted, reading) = if tracker {
            (&mut self.session.heard, &mut self.session.doubted, self.session.reading)
        } else {
            let Some(link) = self.links.find_mut(conn) else { return };
            (&mut link.heard, &mut link.doubted, link.reading)
        };
        if !reading {
            // What is not read on purpose can't be heard.
            (*heard, *doubted) = (now, None);
        }
        let (heard, doubted) = (*heard, *doubted);
        if now - heard >= self.patience(conn).1 || doubted.is_some_and(|until| until <= now) {
            return self.cut(now, conn, Fault::Silent, out);
        }
        if tracker {
            self.ping_tracker(conn);
        } else {
            self.ping_link(conn);
        }
        self.set_alive(now, conn, heard);
        if let Some(until) = doubted {
            self.timers.set_earlier(Timer::Alive(conn), until);
        }
    }

    /// Sets the next look at a connection that was last heard at `heard`.
    pub(super) fn set_alive(&mut self, now: Time, conn: ConnId, heard: Time) {
        let (ping_after, silence_max) = self.patience(conn);
        let next = now + self.jitter.jittered(ping_after);
        let last = heard + silence_max;
        self.timers.set(Timer::Alive(conn), if last > now { next.min(last) } else { next });
    }

    /// After which silence a connection is pinged, and after which it is given up.
    fn patience(&self, conn: ConnId) -> (Duration, Duration) {
        let limits = &self.limits;
        let (ping_after, silence_max) = if self.session.conn() == Some(conn) {
            (limits.ping_after_ms, limits.silence_ms_max)
        } else {
            (limits.link_ping_after_ms, limits.link_silence_ms_max)
        };
        (ms(ping_after), ms(silence_max))
    }

    /// A step of a connection took too long.
    pub(super) fn on_no_progress(&mut self, now: Time, conn: ConnId, out: &mut Out) {
        if self.session.conn() == Some(conn) {
            match self.session.stage {
                session::Stage::Channel(_) => self.cut(now, conn, Fault::HandshakeTimeout, out),
                session::Stage::LoggingIn(_) | session::Stage::Up(_) => self.cut(now, conn, Fault::Silent, out),
                session::Stage::Dialling(..)
                | session::Stage::Off
                | session::Stage::Resolving(_)
                | session::Stage::Confirming(_)
                | session::Stage::Waiting => {
                    out.close(conn, CloseHow::Abort);
                    self.on_tracker_refused(now, conn, Refusal::TimedOut, out);
                }
            }
        } else if self.links.find(conn).is_some_and(|link| matches!(link.stage, Stage::Dialling)) {
            out.close(conn, CloseHow::Abort);
            self.on_dial_failed(now, conn, Err(Refusal::TimedOut), out);
        } else {
            self.cut(now, conn, Fault::HandshakeTimeout, out);
        }
    }

    /// Bytes have come to a connection; whether a message was whole. Until the next one is, time runs.
    pub(super) fn time_frame(&mut self, now: Time, conn: ConnId, progressed: bool) {
        if !self.awaits_frame(conn) {
            self.timers.clear(Timer::Frame(conn));
        } else if progressed || self.timers.at(Timer::Frame(conn)).is_none() {
            self.timers.set(Timer::Frame(conn), now + ms(self.limits.frame_ms_max));
        }
    }

    pub(super) fn on_frame_due(&mut self, now: Time, conn: ConnId, out: &mut Out) {
        if self.awaits_frame(conn) {
            self.cut(now, conn, Fault::FrameTimeout, out);
        }
    }

    /// Whether a connection is in the middle of a frame, and is read. Before it is up, there is a deadline for everything.
    fn awaits_frame(&self, conn: ConnId) -> bool {
        let (channel, read) = if self.session.conn() == Some(conn) {
            (self.session.channel.as_ref(), self.session.reading && self.session.up().is_some())
        } else {
            let Some(link) = self.links.find(conn) else { return false };
            (link.channel.as_ref(), link.reading && link.is_up())
        };
        read && channel.is_some_and(|channel| channel.buffered() > 0)
    }

    /// Ends a connection for its fault.
    pub(super) fn cut(&mut self, now: Time, conn: ConnId, fault: Fault, out: &mut Out) {
        out.close(conn, CloseHow::Abort);
        if self.session.conn() == Some(conn) {
            self.on_tracker_lost(now, Some(fault), out);
        } else {
            self.on_link_lost(now, conn, Some(fault), out);
        }
    }

    /// A connection is gone, or is told goodbye: nothing of it is waited for.
    pub(super) fn clear_timers(&mut self, conn: ConnId) {
        for timer in [Timer::Progress(conn), Timer::Alive(conn), Timer::Frame(conn)] {
            self.timers.clear(timer);
        }
    }

    /// A link has 5 s to answer, or it is given up.
    pub(super) fn doubt_link(&mut self, now: Time, conn: ConnId) {
        let Some(link) = self.links.find_mut(conn) else { return };
        if link.doubted.is_none() {
            let until = now + ms(GRACE_MS);
            link.doubted = Some(until);
            self.timers.set_earlier(Timer::Alive(conn), until);
            self.ping_link(conn);
        }
    }

    fn ping_link(&mut self, conn: ConnId) {
        if self.links.find(conn).is_some_and(Link::is_up) {
            let nonce = self.nonces.next_u64();
            self.say_to_peer(conn, ToPeer::Ping { nonce });
        }
    }

    pub(super) fn on_pong(&mut self, now: Time, conn: ConnId, nonce: u64) {
        let Some(link) = self.links.find_mut(conn) else { return };
        let (Some((token, sent)), Some(id)) = (link.pings.remove(&nonce), link.person.clone()) else { return };
        if self.connecting.remove(&token).is_some() {
            let us = u64::try_from((now - sent).as_micros()).unwrap_or(u64::MAX);
            self.tell(Notice::Pinged { user: id.1, us });
            self.outcome(token, None);
        }
    }

    fn ping_tracker(&mut self, conn: ConnId) {
        let nonce = self.nonces.next_u64();
        self.say_to_tracker(conn, ToTracker::Ping { nonce });
    }
}
