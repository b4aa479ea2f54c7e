//! Dialling clients back, to see whether they are there.
//!
//! ```text
//! session due ──▶ waits for its turn ──▶ dialled ──open──▶ asked ──PONG──▶ there
//!                                           ╰───── refused, cut, late ────▶ lost
//! ```
//!
//! Whoever is lost is out of its rooms and not listed, and is asked again each time; when it answers, it is listed
//! again. Those who registered by a line are there when they let themselves be dialled, and are asked nothing. Nobody can aim this at a third party: only the address is dialled that the connection came from, or from
//! loopback also another one of this host, at ports that a person may listen on, and never the tracker itself.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    net::{IpAddr, SocketAddr},
};

use super::super::{
    change::Change,
    endpoints::PORT_MIN,
    machine::{Out, Timer, Tracker},
};
use crate::{
    limits::ms,
    machine::{Action, CloseHow, ConnId},
    plaintext::json::{peer::PeerMessage, stream::ObjectStream},
    time::Time,
    wire::tracker::RoomEvent,
};

/// The longest answer that is of interest, in bytes.
const ANSWER_BYTES_MAX: usize = 1024;

/// Whom the tracker wants to know to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in super::super) enum Whom {
    /// The client of a session.
    Session(ConnId),
    /// Whoever registered by a line, as listening there.
    Row(SocketAddr),
}

/// Who is being dialled, and who waits for it.
///
/// Invariant: each waits or is dialled once.
#[derive(Debug, Default)]
pub(super) struct Probes {
    waiting: VecDeque<Whom>,
    /// By the connection that was dialled: who it is, and what it said.
    dialled: BTreeMap<ConnId, (Whom, ObjectStream)>,
    /// Those who wait or are dialled.
    of: BTreeSet<Whom>,
}

impl Probes {
    /// Someone is gone; if he is dialled just now, what comes of that is nobody's.
    pub(super) fn forget(&mut self, whom: Whom) {
        if self.of.remove(&whom) {
            self.waiting.retain(|&waiting| waiting != whom);
        }
    }
}

impl Tracker {
    /// Where a client can be dialled that says it listens there.
    pub(super) fn endpoint_of(&self, conn: ConnId, claimed: Option<&str>, port: Option<u16>) -> Option<SocketAddr> {
        let seen = self.sessions.get(&conn)?.ip();
        let is_here = |ip: &IpAddr| ip.is_loopback() || self.here.contains(ip);
        let claimed = claimed.and_then(|text| text.parse::<IpAddr>().ok()).map(|ip| ip.to_canonical());
        let ip = claimed.filter(|ip| seen.is_loopback() && is_here(ip)).unwrap_or(seen);
        let endpoint = SocketAddr::new(ip, port.filter(|&port| port >= PORT_MIN)?);
        let is_own = is_here(&ip) && self.listeners.values().any(|listener| listener.port() == endpoint.port());
        (!is_own).then_some(endpoint)
    }

    /// It is time to see whether someone is there.
    pub(in super::super) fn request_probe(&mut self, now: Time, whom: Whom, out: &mut Out) {
        if let Whom::Session(conn) = whom {
            self.timers.set(Timer::Session(conn), now + self.plaintext.ping_interval);
        }
        if self.plaintext.probes.of.insert(whom) {
            self.plaintext.probes.waiting.push_back(whom);
            self.start_probes(now, out);
        }
    }

    fn start_probes(&mut self, now: Time, out: &mut Out) {
        while self.plaintext.probes.dialled.len() < self.limits.plaintext_dials_max {
            let Some(whom) = self.plaintext.probes.waiting.pop_front() else { break };
            let endpoint = match whom {
                Whom::Session(conn) => self.sessions.get(&conn).and_then(|session| session.endpoints.first()).copied(),
                Whom::Row(at) => self.plaintext.rows.endpoint(at),
            };
            let Some(address) = endpoint else {
                // Who cannot be dialled does not answer.
                self.plaintext.probes.of.remove(&whom);
                self.on_probed(now, whom, false, out);
                continue;
            };
            let conn = self.ids.next_conn();
            self.plaintext.probes.dialled.insert(conn, (whom, ObjectStream::default()));
            self.timers.set(Timer::Probe(conn), now + ms(self.limits.plaintext_answer_ms_max));
            out.push(Action::Connect { conn, address });
        }
    }

    /// Whom the tracker dialled listens.
    pub(in super::super) fn on_probe_opened(&mut self, now: Time, conn: ConnId, out: &mut Out) {
        match self.plaintext.probes.dialled.get(&conn) {
            Some((Whom::Session(_), _)) => out.send(conn, PeerMessage::Ping.encode().as_bytes()),
            Some((Whom::Row(_), _)) => {
                out.close(conn, CloseHow::Flush);
                self.finish_probe(now, conn, true, out);
            }
            None => {}
        }
    }

    /// Whom the tracker dialled says something.
    pub(in super::super) fn on_probe_received(&mut self, now: Time, conn: ConnId, bytes: &[u8], out: &mut Out) {
        let Some((_, stream)) = self.plaintext.probes.dialled.get_mut(&conn) else { return };
        stream.push(bytes);
        let answers = match stream.next_object(ANSWER_BYTES_MAX) {
            Ok(None) => return,
            Ok(Some(object)) => PeerMessage::decode(&object) == Some(PeerMessage::Pong),
            Err(_) => false,
        };
        out.close(conn, CloseHow::Flush);
        self.finish_probe(now, conn, answers, out);
    }

    /// Whom the tracker dialled does not listen, or has closed.
    pub(in super::super) fn on_probe_ended(&mut self, now: Time, conn: ConnId, out: &mut Out) {
        self.finish_probe(now, conn, false, out);
    }

    /// Whom the tracker dialled took too long.
    pub(in super::super) fn on_probe_timeout(&mut self, now: Time, conn: ConnId, out: &mut Out) {
        out.close(conn, CloseHow::Abort);
        self.finish_probe(now, conn, false, out);
    }

    fn finish_probe(&mut self, now: Time, conn: ConnId, answers: bool, out: &mut Out) {
        let Some((whom, _)) = self.plaintext.probes.dialled.remove(&conn) else { return };
        self.timers.clear(Timer::Probe(conn));
        if self.plaintext.probes.of.remove(&whom) {
            self.on_probed(now, whom, answers, out);
        }
        self.start_probes(now, out);
    }

    fn on_probed(&mut self, now: Time, whom: Whom, answers: bool, out: &mut Out) {
        match (whom, answers) {
            (Whom::Session(conn), true) => self.on_found(now, conn),
            (Whom::Session(conn), false) => self.on_lost(now, conn, out),
            (Whom::Row(at), answers) => self.on_row_probed(now, at, answers),
        }
    }

    /// A client answered.
    fn on_found(&mut self, now: Time, conn: ConnId) {
        let Some(session) = self.sessions.get_mut(&conn) else { return };
        session.heard = now;
        let was_lost = session.objects().is_some_and(|objects| std::mem::replace(&mut objects.is_lost, false));
        let Some(name) = session.name().cloned() else { return };
        self.plaintext.seen.touch(conn);
        if was_lost {
            self.plaintext.idle.remove(&conn);
            self.push_presence(now, &name);
            self.push_updates_around(now, &name);
        }
    }

    /// A client did not answer: it is gone as far as others are concerned, while its connection stays.
    fn on_lost(&mut self, now: Time, conn: ConnId, out: &mut Out) {
        let Some(session) = self.sessions.get_mut(&conn) else { return };
        let was_lost = session.objects().is_none_or(|objects| std::mem::replace(&mut objects.is_lost, true));
        let heard = session.heard;
        let Some(name) = session.name().cloned() else { return };
        self.leave_plaintext_rooms(now, &name, RoomEvent::Evicted, out);
        if !was_lost {
            let at = self.wall_then(now, heard);
            self.commit(vec![Change::LastSeen { name: name.clone(), at }], out);
            self.push_presence(now, &name);
            self.push_updates_around(now, &name);
            self.wait_idly(now, conn, out);
        }
    }

    /// Nobody is dialled any more.
    pub(in super::super) fn close_probes(&mut self, out: &mut Out) {
        for conn in std::mem::take(&mut self.plaintext.probes).dialled.into_keys() {
            self.timers.clear(Timer::Probe(conn));
            out.close(conn, CloseHow::Abort);
        }
    }
}
