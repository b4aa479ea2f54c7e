//! What someone who is logged in may ask.
//!
//! Each request is checked against the directory, made into changes, applied, told to whom it concerns, and answered
//! last: what a request causes stands before its answer.
//!
//! Invariant: every request is answered exactly once, and the epoch of a room rises by one with each change of its
//! roster that is told.

use std::sync::Arc;

use super::{
    change::Change,
    directory::{Account, Room, page},
    endpoints::endpoints,
    login::room_message,
    machine::{Out, Tracker},
    session::Session,
};
use crate::{
    machine::ConnId,
    names::Name,
    time::Time,
    wire::{
        codec::{List, Wire},
        room::{CreationRecord, PLAINTEXT, RoomId},
        tracker::{
            Contact, Failure, FromTracker, PAGE_ROWS_MAX, PeerRow, Prefix, RoomEvent, RoomRow, Status, StatusText,
            ToTracker,
        },
    },
};

/// A page takes rows while it is no longer than this, and at least one.
const PAGE_BYTES_MAX: usize = 12 * 1024;

/// How a request without an answer of its own ended.
type Outcome = Result<(), Failure>;

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
                (request, self.create(conn, name, room, capacity, nonce, flags, out))
            }
            ToTracker::Join { request, name: room, plaintext } => {
                (request, self.join(now, conn, name, &room, plaintext, out))
            }
            ToTracker::Leave { request, name: room } => (request, self.leave(name, &room, out)),
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

    // Rooms.

    #[expect(clippy::too_many_arguments, reason = "the fields of a message")]
    fn create(
        &mut self,
        conn: ConnId,
        name: &Name,
        room: Name,
        capacity: u16,
        nonce: [u8; 16],
        flags: u8,
        out: &mut Out,
    ) -> Outcome {
        let account = self.directory.account(name).ok_or(Failure::UnknownUser)?;
        let capacity = match usize::from(capacity) {
            0 => self.limits.room_capacity_default,
            capacity => capacity,
        };
        let in_range = capacity <= self.limits.room_capacity_max && flags & !PLAINTEXT == 0;
        let capacity = u16::try_from(capacity).ok().filter(|_| in_range).ok_or(Failure::OutOfRange)?;
        if self.directory.is_room_taken(&room) {
            return Err(Failure::RoomExists);
        }
        self.has_room_for_another(account)?;
        if self.directory.rooms_len() >= self.limits.rooms_max {
            return Err(Failure::Full);
        }
        let session = self.sessions.get(&conn);
        let owner = session.and_then(|session| session.key).ok_or(Failure::NotLoggedIn)?;
        let record = CreationRecord { nonce, name: room, owner, tracker: self.identity.key(), flags };
        let id = record.id();
        self.commit(
            vec![
                Change::RoomAdded { record, owner: name.clone(), capacity, epoch: 0 },
                Change::MemberAdded { room: id, name: name.clone(), epoch: 1 },
            ],
            out,
        );
        self.say_room(conn, id);
        Ok(())
    }

    fn join(&mut self, now: Time, conn: ConnId, name: &Name, room: &Name, plaintext: bool, out: &mut Out) -> Outcome {
        let account = self.directory.account(name).ok_or(Failure::UnknownUser)?;
        let (id, room) = self.directory.room_named(room).ok_or(Failure::UnknownRoom)?;
        if !room.has(name) {
            if room.record.is_plaintext() && !plaintext {
                return Err(Failure::PlaintextRoom);
            }
            if room.len() >= usize::from(room.capacity) {
                return Err(Failure::RoomFull);
            }
            self.has_room_for_another(account)?;
            let others = room.members().cloned().collect::<Vec<_>>();
            let epoch = room.epoch + 1;
            self.commit(vec![Change::MemberAdded { room: id, name: name.clone(), epoch }], out);
            let receivers = others.iter().filter_map(|other| self.online.get(other.folded())).copied().collect();
            self.push_contact(now, name, receivers);
            self.push_room_change(&others, id, epoch, RoomEvent::Joined, name);
            for other in &others {
                self.push_contact(now, other, vec![conn]);
            }
        }
        self.say_room(conn, id);
        Ok(())
    }

    fn leave(&mut self, name: &Name, room: &Name, out: &mut Out) -> Outcome {
        let (id, room) = self.directory.room_named(room).ok_or(Failure::UnknownRoom)?;
        if !room.has(name) {
            return Err(Failure::NotMember);
        }
        let members = room.members().cloned().collect::<Vec<_>>();
        let others = members.iter().filter(|&member| member != name).cloned().collect::<Vec<_>>();
        let epoch = room.epoch + 1;
        let passes = room.owner == *name;
        let mut changes = vec![Change::MemberRemoved { room: id, name: name.clone(), epoch }];
        let heir = others.first().filter(|_| passes);
        if others.is_empty() {
            changes.push(Change::RoomRemoved { room: id });
        } else if let Some(heir) = heir {
            changes.push(Change::OwnerChanged { room: id, owner: heir.clone(), epoch: epoch + 1 });
        }
        self.commit(changes, out);
        self.push_room_change(&members, id, epoch, RoomEvent::Left, name);
        if let Some(heir) = heir {
            self.push_room_change(&others, id, epoch + 1, RoomEvent::Owner, heir);
        }
        Ok(())
    }

    fn delete(&mut self, name: &Name, room: &Name, out: &mut Out) -> Outcome {
        let (id, room) = self.directory.room_named(room).ok_or(Failure::UnknownRoom)?;
        if room.owner != *name {
            return Err(Failure::NotOwner);
        }
        let members = room.members().cloned().collect::<Vec<_>>();
        let epoch = room.epoch + 1;
        self.commit(vec![Change::RoomRemoved { room: id }], out);
        self.push_room_change(&members, id, epoch, RoomEvent::Deleted, name);
        Ok(())
    }

    fn has_room_for_another(&self, account: &Account) -> Outcome {
        if account.rooms().len() < self.limits.rooms_per_user_max { Ok(()) } else { Err(Failure::TooManyRooms) }
    }

    /// Tells a member of its room as it is now; so the state after login need not tell it any more.
    fn say_room(&mut self, conn: ConnId, id: RoomId) {
        if let Some(sync) = self.sessions.get_mut(&conn).and_then(|session| session.sync.as_mut()) {
            sync.rooms.retain(|&room| room != id);
        }
        if let Some(message) = self.directory.room(&id).map(room_message) {
            self.say(conn, &message);
        }
    }

    /// Tells those of `names` who are connected, and know of the room, what happened in it.
    fn push_room_change(&mut self, names: &[Name], room: RoomId, epoch: u64, what: RoomEvent, user: &Name) {
        let message = FromTracker::RoomChanged { room, epoch, what, user: user.clone() };
        let bytes: Arc<[u8]> = message.to_bytes().into();
        for name in names {
            let Some((conn, session)) = self.session_of(name) else { continue };
            if !session.is_unaware_of(&room) {
                self.say_bytes(conn, bytes.clone(), false);
            }
        }
    }

    // Looking.

    fn list_peers(&mut self, now: Time, conn: ConnId, request: u32, prefix: &Prefix, after: Option<&Name>) {
        let loopback = self.sessions.get(&conn).is_some_and(Session::is_loopback);
        let prefix = folded(prefix);
        let rows = page(&self.online, &prefix, after).filter_map(|(_, conn)| {
            let account = self.directory.account(self.sessions.get(conn)?.name()?)?;
            let contact = self.contact(now, account, loopback);
            // In a list the first address is enough; who wants to dial asks for the others.
            let endpoints = List::truncated(contact.endpoints.first().copied().into_iter().collect());
            let room = account.rooms().last().and_then(|id| self.directory.room(id));
            Some(PeerRow { contact: Contact { endpoints, ..contact }, room: room.map(|room| room.name().clone()) })
        });
        let (rows, more) = fill(rows);
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
