//! What someone who is logged in may ask.
//!
//! Each request is checked against the directory, made into changes, applied, told to whom it concerns, and answered
//! last: what a request causes stands before its answer.
//!
//! Invariant: every request is answered exactly once.

use super::{
    change::Change,
    directory::{Account, Room, page},
    endpoints::endpoints,
    machine::{Out, Tracker},
    rooms::{NewRoom, Outcome},
    session::Session,
};
use crate::{
    machine::ConnId,
    names::Name,
    time::Time,
    wire::{
        codec::{List, Wire},
        tracker::{
            Contact, Failure, FromTracker, PAGE_ROWS_MAX, PeerRow, Prefix, Profile, RoomRow, Status, StatusText,
            ToTracker,
        },
    },
};

/// A page takes rows while it is no longer than this, and at least one.
const PAGE_BYTES_MAX: usize = 12 * 1024;

impl Tracker {
    /// A message of a session in which `name` is logged in.
    pub(super) fn on_request(&mut self, now: Time, conn: ConnId, name: &Name, message: ToTracker, out: &mut Out) {
        let (request, outcome) = match message {
            // The machine itself deals with these.
            ToTracker::Ping { .. } | ToTracker::Pong { .. } | ToTracker::Bye { .. } => return,
            ToTracker::Moved { claimed } => {
                let Some(session) = self.sessions.get_mut(&conn) else { return };
                let moved = endpoints(session.ip(), &claimed, &self.here);
                if moved != session.endpoints {
                    session.endpoints = moved;
                    self.push_presence(now, name);
                    self.push_updates_around(now, name);
                }
                return;
            }
            ToTracker::ListPeers { request, prefix, after } => {
                return self.list_peers(now, conn, request, &prefix, after.as_ref());
            }
            ToTracker::ListRooms { request, prefix, after } => {
                return self.list_rooms(conn, request, &prefix, after.as_ref());
            }
            ToTracker::WhoisName { request, name } => {
                let loopback = self.sessions.get(&conn).is_some_and(Session::is_loopback);
                if let Some(contact) = self.row_contact_named(now, &name, loopback) {
                    let profile = Profile::default();
                    let whois = FromTracker::Whois { request, contact, profile, plaintext: true };
                    return self.answer(conn, &whois);
                }
                let found = self.directory.account(&name);
                return self.answer_whois(now, conn, request, found.map(|account| account.name.clone()));
            }
            ToTracker::WhoisKey { request, key } => {
                let connected = |account: &&Account| self.online.contains_key(account.name.folded());
                let found = self.directory.accounts_of(&key).find(connected);
                let found = found.or_else(|| self.directory.accounts_of(&key).next());
                return self.answer_whois(now, conn, request, found.map(|account| account.name.clone()));
            }
            ToTracker::Register { request, .. }
            | ToTracker::LoginPassword { request, .. }
            | ToTracker::LoginKey { request, .. } => (request, Err(Failure::AlreadyLoggedIn)),
            ToTracker::Logout { request } => {
                self.log_out(now, conn, name, out);
                (request, Ok(()))
            }
            ToTracker::SetStatus { request, status, text } => (request, self.set_status(now, name, status, text, out)),
            ToTracker::SetProfile { request, text } => {
                self.commit(vec![Change::AccountProfile { name: name.clone(), text }], out);
                (request, Ok(()))
            }
            ToTracker::SetPlaintext { request, open } => {
                self.commit(vec![Change::AccountPlaintext { name: name.clone(), open }], out);
                (request, Ok(()))
            }
            ToTracker::Create { request, name: room, capacity, nonce, flags } => {
                let owner = self.key_of(conn).ok_or(Failure::NotLoggedIn);
                let made = owner
                    .and_then(|owner| self.create(name, NewRoom { name: room, capacity, nonce, flags, owner }, out));
                (request, made.map(|id| self.say_room(conn, id)))
            }
            ToTracker::Join { request, name: room, plaintext } => {
                (request, self.join(now, conn, name, &room, plaintext, out).map(|id| self.say_room(conn, id)))
            }
            ToTracker::Leave { request, name: room } => (request, self.leave(now, name, &room, out)),
            ToTracker::Delete { request, name: room } => (request, self.delete(name, &room, out)),
        };
        match outcome {
            Ok(()) => self.answer(conn, &FromTracker::Done { request }),
            Err(failure) => self.fail(conn, request, failure),
        }
    }

    fn set_status(&mut self, now: Time, name: &Name, status: Status, text: StatusText, out: &mut Out) -> Outcome {
        if status == Status::Offline {
            return Err(Failure::OutOfRange);
        }
        let account = self.directory.account(name).ok_or(Failure::UnknownUser)?;
        if account.status != status || account.status_text != text {
            self.commit(vec![Change::AccountStatus { name: name.clone(), status, text }], out);
            self.push_presence(now, name);
        }
        Ok(())
    }

    // Looking.

    fn list_peers(&mut self, now: Time, conn: ConnId, request: u32, prefix: &Prefix, after: Option<&Name>) {
        let loopback = self.sessions.get(&conn).is_some_and(Session::is_loopback);
        let prefix = folded(prefix);
        let rows = page(&self.online, &prefix, after).filter_map(|(_, conn)| {
            let session = self.sessions.get(conn).filter(|session| session.is_present())?;
            let account = self.directory.account(session.name()?)?;
            let contact = self.contact(now, account, loopback);
            // In a list the first address is enough; who wants to dial asks for the others.
            let endpoints = List::truncated(contact.endpoints.first().copied().into_iter().collect());
            let room = account.rooms().last().and_then(|id| self.directory.room(id));
            Some(PeerRow { contact: Contact { endpoints, ..contact }, room: room.map(|room| room.name().clone()) })
        });
        let mut rows = rows.take(PAGE_ROWS_MAX + 1).collect::<Vec<_>>();
        let lines = self.row_contacts(now, &prefix, after, loopback).take(PAGE_ROWS_MAX + 1);
        rows.extend(lines.map(|(_, contact)| PeerRow { contact, room: None }));
        rows.sort_by(|one, other| one.contact.name.cmp(&other.contact.name));
        let (rows, more) = fill(rows.into_iter());
        self.answer(conn, &FromTracker::Peers { request, rows, more });
    }

    fn list_rooms(&mut self, conn: ConnId, request: u32, prefix: &Prefix, after: Option<&Name>) {
        let prefix = folded(prefix);
        let (rows, more) = fill(self.directory.rooms_from(&prefix, after).map(room_row));
        self.answer(conn, &FromTracker::Rooms { request, rows, more });
    }

    fn answer_whois(&mut self, now: Time, conn: ConnId, request: u32, found: Option<Name>) {
        let loopback = self.sessions.get(&conn).is_some_and(Session::is_loopback);
        let Some(account) = found.and_then(|name| self.directory.account(&name)) else {
            return self.fail(conn, request, Failure::UnknownUser);
        };
        let contact = self.contact(now, account, loopback);
        let (profile, plaintext) = (account.profile.clone(), account.plaintext);
        self.answer(conn, &FromTracker::Whois { request, contact, profile, plaintext });
    }
}

/// A prefix as names are compared, where it could be the start of one.
fn folded(prefix: &Prefix) -> String {
    Name::new(prefix.as_str()).map_or_else(|_| prefix.as_str().to_owned(), |name| name.folded().to_owned())
}

/// A row of the list of rooms.
fn room_row(room: &Room) -> RoomRow {
    RoomRow {
        name: room.name().clone(),
        owner: room.owner.clone(),
        capacity: room.capacity,
        flags: room.record.flags,
        members: List::truncated(room.members().cloned().collect()),
    }
}

/// The rows of one page, and whether others follow.
fn fill<T: Wire>(rows: impl Iterator<Item = T>) -> (List<T, PAGE_ROWS_MAX>, bool) {
    let mut page = Vec::new();
    let mut bytes = 0;
    for row in rows {
        bytes += row.to_bytes().len();
        if page.len() == PAGE_ROWS_MAX || (bytes > PAGE_BYTES_MAX && !page.is_empty()) {
            return (List::truncated(page), true);
        }
        page.push(row);
    }
    (List::truncated(page), false)
}
