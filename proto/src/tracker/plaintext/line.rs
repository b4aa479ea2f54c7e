//! Clients that say one line, are answered, and are gone: who registered is listed from then on.
//!
//! A client registers before it listens, so it is first dialled a while later; the connection itself tells nothing of
//! whether it is there.

use std::{net::SocketAddr, time::Duration};

use super::{
    super::{
        connections::Heard,
        machine::{Out, Timer, Tracker},
        session::{Session, Speech},
    },
    Whom,
    rows::Row,
};
use crate::{
    error::Fault,
    machine::{Action, ConnId},
    names::Name,
    plaintext::{
        json::reply::PeerRow,
        line::{LineRequest, NoLine, REGISTERED, SILENCE, encode_rows},
    },
    source::Source,
    time::Time,
    wire::{
        codec::List,
        tracker::{Contact, Dialect, Status, StatusText},
    },
};

/// After a registration, and after one failure, before it is dialled.
const FIRST_AFTER: Duration = Duration::from_secs(5);
/// Between two calls, at most: its list is to stay true.
const EACH_AFTER: Duration = Duration::from_secs(30);

impl Tracker {
    /// Works off a line, if it is whole.
    pub(in super::super) fn hear_line(&mut self, now: Time, conn: ConnId, out: &mut Out) -> Result<Heard, Fault> {
        let Some(Session { speech: Speech::Line(line), .. }) = self.sessions.get(&conn) else {
            return Ok(Heard::Nothing);
        };
        if !line.has_ended() {
            self.timers.set(Timer::Session(conn), now + SILENCE);
            return Ok(Heard::Nothing);
        }
        self.on_line(now, conn, out);
        Ok(Heard::Message)
    }

    /// A line is whole.
    pub(in super::super) fn on_line(&mut self, now: Time, conn: ConnId, out: &mut Out) {
        let answer = match self.take_line(now, conn) {
            Some(Ok(answer)) => answer,
            Some(Err(_)) => {
                // Nothing is said to it, but no reset either, which would end such a client.
                if let Some(session) = self.sessions.get(&conn) {
                    self.blame(session.ip(), Fault::Malformed, out);
                }
                return self.end(conn, None);
            }
            None => return,
        };
        if let Some(session) = self.sessions.get_mut(&conn)
            && std::mem::replace(&mut session.reading, false)
        {
            // What it says further is of no interest, and whoever ends behind its line is still to be answered.
            out.push(Action::Reading(conn, false));
        }
        self.say_object(conn, answer, None);
        self.end(conn, None);
    }

    /// A connection has ended behind a line, which is whole by that.
    pub(in super::super) fn on_line_ended(&mut self, now: Time, conn: ConnId, out: &mut Out) {
        // What this one may still ask is answered by the same words whatever is kept.
        if let Some(Ok(answer)) = self.take_line(now, conn) {
            out.send(conn, answer.as_bytes());
        }
    }

    /// Does what a line wants; the answer. `None` where there is none to work off.
    fn take_line(&mut self, now: Time, conn: ConnId) -> Option<Result<String, NoLine>> {
        let session = self.sessions.get(&conn).filter(|session| !session.is_ending())?;
        let Speech::Line(line) = &session.speech else { return None };
        let source = session.ip();
        Some(line.request().map(|request| match request {
            LineRequest::Register { at, username } => {
                self.register_row(now, conn, at, username);
                REGISTERED.to_owned()
            }
            LineRequest::List => {
                let rows = self.line_rows(Source::of(source), source.is_loopback());
                encode_rows(rows.iter().map(|(at, username)| (*at, username.as_str())))
            }
        }))
    }

    fn register_row(&mut self, now: Time, conn: ConnId, at: SocketAddr, username: String) {
        let Some(source) = self.sessions.get(&conn).map(Session::ip) else { return };
        let at = SocketAddr::new(at.ip().to_canonical(), at.port());
        let endpoint = self.endpoint_of(conn, Some(&at.ip().to_string()), Some(at.port()));
        self.forget_row(at);
        if let Some(other) = self.plaintext.rows.add(at, Row::new(now, username, source, endpoint), &self.limits) {
            self.forget_row(other);
        }
        self.timers.set(Timer::Row(at), now + FIRST_AFTER);
    }

    /// A row is gone, or is another one.
    fn forget_row(&mut self, at: SocketAddr) {
        self.plaintext.probes.forget(Whom::Row(at));
        self.timers.clear(Timer::Row(at));
    }

    /// Whoever says he listens there let himself be dialled, or not.
    pub(super) fn on_row_probed(&mut self, now: Time, at: SocketAddr, answers: bool) {
        if self.plaintext.rows.note_probed(now, at, answers) {
            let wait = if answers { self.plaintext.ping_interval.min(EACH_AFTER) } else { FIRST_AFTER };
            self.timers.set(Timer::Row(at), now + wait.max(FIRST_AFTER));
        }
    }

    // Looking.

    /// Everyone who is there, as far as may be of interest: who registered from the asker's own address, then others
    /// who registered so, then those who are logged in; who was seen last first.
    fn line_rows(&self, source: Source, loopback: bool) -> Vec<(SocketAddr, String)> {
        let (own, others): (Vec<_>, Vec<_>) =
            self.plaintext.rows.latest().partition(|(_, row)| Source::of(row.source) == source);
        let registered = own.into_iter().chain(others).map(|(at, row)| (at, row.username.clone()));
        let logged_in = self.plaintext.seen.latest().filter_map(|conn| {
            let session = self.sessions.get(&conn).filter(|session| session.is_present())?;
            let endpoint = session.endpoints.iter().find(|endpoint| loopback || !endpoint.ip().is_loopback())?;
            Some((*endpoint, session.name()?.as_str().to_owned()))
        });
        // A row takes ten bytes at least, and all of them are read at once.
        registered.chain(logged_in).take(crate::plaintext::READ_BYTES / 10).collect()
    }

    /// Those who registered by a line under a name that nobody has, for the lists of others.
    pub(in super::super) fn row_contacts(
        &self,
        now: Time,
        prefix: &str,
        after: Option<&Name>,
        loopback: bool,
    ) -> impl Iterator<Item = (String, Contact)> {
        let named = self.plaintext.rows.named(prefix, after.map(Name::folded));
        named.filter_map(move |(folded, row)| Some((folded.to_owned(), self.row_contact(now, row, loopback)?)))
    }

    /// Whoever registered by a line under that name.
    pub(in super::super) fn row_contact_named(&self, now: Time, name: &Name, loopback: bool) -> Option<Contact> {
        let mut named = self.row_contacts(now, name.folded(), None, loopback);
        named.next().filter(|(folded, _)| folded == name.folded()).map(|(_, contact)| contact)
    }

    fn row_contact(&self, now: Time, row: &Row, loopback: bool) -> Option<Contact> {
        let name = row.name.clone().filter(|name| !self.directory.is_account_taken(name))?;
        let endpoint = row.endpoint.filter(|endpoint| loopback || !endpoint.ip().is_loopback());
        Some(Contact {
            name,
            key: None,
            dialect: Dialect::Line,
            status: Status::Online,
            status_text: StatusText::default(),
            endpoints: List::truncated(endpoint.into_iter().collect()),
            last_seen: self.wall_then(now, row.heard),
        })
    }

    /// The same for a client that speaks objects.
    pub(super) fn row_peers(&self, now: Time, loopback: bool) -> impl Iterator<Item = PeerRow> {
        self.row_contacts(now, "", None, loopback).map(|(_, contact)| {
            let endpoint = contact.endpoints.first();
            PeerRow {
                username: contact.name.clone(),
                address: endpoint.map(|endpoint| endpoint.ip().to_string()),
                port: endpoint.map(SocketAddr::port),
                connected: true,
                last_ping: contact.last_seen,
                room: None,
            }
        })
    }
}
