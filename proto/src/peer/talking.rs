//! Messages: saying, sending, acknowledging, receiving, and putting entries into order.

use std::sync::Arc;

use super::{
    change::{Change, Incoming},
    interface::{Note, Notice, Problem, Target},
    machine::{Draining, Out, Peer, Room, Timer},
    outbox::{Message, Place, private_id},
    people::{Person, PersonId},
};
use crate::{
    error::Fault,
    identity::Key,
    machine::{Action, ConnId},
    names::Name,
    room::Offer,
    time::Time,
    wire::{
        peer::{About, Have, PrivateMessage, Scope, ToPeer},
        room::{Body, Entry, RoomId, Said, SignedEntry},
        tracker::Status,
    },
};

/// Above this much that is sent and not acknowledged, a link gets its messages in bulk turns.
const IN_FLIGHT_BYTES_MAX: usize = 256 * 1024;
/// What surrounds a text on its way, roughly.
const OVERHEAD_BYTES: usize = 256;
/// A request to say something is done when no linked receiver has more than this before it.
const CROWD: usize = 512;

impl Peer {
    /// What this peer has of someone's messages outside of rooms.
    pub(super) fn private_have(&self, author: &Key) -> Have {
        self.private_seen.get(author).copied().unwrap_or_default()
    }

    /// Checks a text.
    pub(super) fn check_text(&self, text: String) -> Result<Said, Problem> {
        let (bytes, max) = (text.len(), self.limits.text_bytes_max);
        if text.is_empty() {
            return Err(Problem::TextEmpty);
        }
        if bytes > max {
            return Err(Problem::TextTooLong { bytes, max });
        }
        Said::new(text).map_err(|_| Problem::TextTooLong { bytes, max })
    }

    /// The id of a room by name.
    pub(super) fn room_named(&self, name: &Name) -> Option<RoomId> {
        // Rooms of another tracker are kept for when this peer is back there.
        let named = self.rooms.iter().filter(|(_, room)| room.record.name == *name);
        named.max_by_key(|(_, room)| (room.fresh, room.roster_known)).map(|(id, _)| *id)
    }

    pub(super) fn say_in_room(&mut self, now: Time, token: u64, name: &Name, text: Said) {
        let Some(id) = self.room_named(name) else {
            return self.outcome(token, Some(Problem::NotInRoom { room: name.clone() }));
        };
        let realm = self.realm();
        let (author, log, at) = (self.identity.key(), self.log_number, self.wall_now(now));
        let Some(room) = self.rooms.get_mut(&id) else { return };
        if !room.roster_known {
            // After a restart the tracker has to say first who is to hear it.
            let problem = self.without_session();
            return self.outcome(token, Some(problem));
        }
        let seq = room.log.next_seq();
        let parents = room.log.next_parents();
        let shown = text.as_str().to_owned();
        let entry = Entry { room: id, author, log, seq, parents, at, body: Body::Text { text } }.sign(&self.identity);
        room.log.add_own(&entry);
        let members = room.members.iter().filter(|member| **member != self.me).cloned().collect::<Vec<_>>();
        let mut receivers = Vec::new();
        let mut waiting = Vec::new();
        for member in members {
            let person = self.people.find(&(realm, member.clone()));
            let Some(key) = person.filter(|person| !person.blocked).and_then(|person| person.pinned) else { continue };
            if self.outbox.waiting(&key) >= self.limits.unacknowledged_max {
                self.note(Note::Dropped { user: member, count: 1 });
                continue;
            }
            if self.links.up(&key).is_none() {
                waiting.push(member);
            }
            receivers.push(key);
        }
        self.changes.push(Change::EntrySaid { entry: entry.clone(), receivers: receivers.clone() });
        let to = Target::Room(name.clone());
        let message = Arc::new(Message::Entry(entry));
        self.say_in_plaintext_room(now, id, &shown);
        self.on_said(token, to, Some(id), &message, receivers, waiting, at, shown);
    }

    /// Why nothing can be said to someone.
    pub(super) fn hindrance(&self, person: &Person) -> Option<Problem> {
        let user = person.name.clone();
        match (person.blocked, person.changed, person.pinned) {
            (true, ..) => Some(Problem::Blocked { user }),
            (false, Some(_), _) => Some(Problem::KeyChanged { user }),
            (false, None, None) if person.takes_objects() => {
                (!self.allow_plaintext).then_some(Problem::Plaintext { user })
            }
            (false, None, None) => Some(Problem::UnknownUser { user }),
            (false, None, Some(key)) if self.outbox.waiting(&key) >= self.limits.unacknowledged_max => {
                Some(Problem::TooMuchWaiting { user })
            }
            (false, None, Some(_)) => None,
        }
    }

    pub(super) fn say_to_person(&mut self, now: Time, token: u64, id: &PersonId, text: Said) {
        let Some(person) = self.people.find(id) else { return };
        let user = person.name.clone();
        if person.takes_objects() {
            return self.say_to_older(now, token, id, text.into_string());
        }
        let (problem, pinned) = (self.hindrance(person), person.pinned);
        let (None, Some(key)) = (problem.clone(), pinned) else {
            return self.outcome(token, problem);
        };
        let person = self.people.entry(id);
        person.wanted = true;
        person.release();
        let waiting = if self.links.up(&key).is_none() { vec![user.clone()] } else { Vec::new() };
        self.say_outside(now, token, Target::User(user), Scope::Private, vec![key], waiting, text);
        self.consider_dial(now, id);
    }

    pub(super) fn say_to_all(&mut self, now: Time, token: u64, text: Said) {
        let max = self.limits.unacknowledged_max;
        let linked =
            self.links.all_up().map(|(key, conn)| (key, self.links.find(conn).and_then(|link| link.person.clone())));
        let (full, free) = linked.partition::<Vec<_>, _>(|(key, _)| self.outbox.waiting(key) >= max);
        let full = full.into_iter().filter_map(|(_, person)| person.map(|(_, user)| user)).collect::<Vec<_>>();
        let hearing = self.say_words_to_all(now, text.as_str());
        if free.is_empty() && hearing > 0 {
            self.tell_said(now, Target::All, text.as_str());
            return self.outcome(token, None);
        }
        if free.is_empty() {
            let problem = full.into_iter().next().map(|user| Problem::TooMuchWaiting { user });
            return self.outcome(token, problem.or(Some(Problem::NobodyLinked)));
        }
        for user in full {
            self.note(Note::Dropped { user, count: 1 });
        }
        let receivers = free.into_iter().map(|(key, _)| key).collect();
        self.say_outside(now, token, Target::All, Scope::All, receivers, Vec::new(), text);
    }

    #[expect(clippy::too_many_arguments, reason = "one message, with all that it is")]
    fn say_outside(
        &mut self,
        now: Time,
        token: u64,
        to: Target,
        scope: Scope,
        receivers: Vec<Key>,
        waiting: Vec<Name>,
        text: Said,
    ) {
        self.private_said += 1;
        let (at, shown) = (self.wall_now(now), text.as_str().to_owned());
        let message = PrivateMessage { log: self.log_number, seq: self.private_said, scope, at, text };
        self.changes.push(Change::PrivateSaid { message: message.clone(), receivers: receivers.clone() });
        let message = Arc::new(Message::Private(message));
        self.on_said(token, to, None, &message, receivers, waiting, at, shown);
    }

    #[expect(clippy::too_many_arguments, reason = "one message, with all that it is")]
    fn on_said(
        &mut self,
        token: u64,
        to: Target,
        place: Place,
        message: &Arc<Message>,
        receivers: Vec<Key>,
        waiting: Vec<Name>,
        at: crate::time::Wall,
        text: String,
    ) {
        let id = message.id(&self.identity.key());
        self.tell(Notice::Said { id, to, at, text, waiting });
        let mut crowded = false;
        for receiver in receivers {
            self.outbox.add(receiver, place, message.clone());
            if let Some(conn) = self.links.up(&receiver) {
                self.send_waiting(conn);
                crowded |= self.outbox.waiting(&receiver) > CROWD;
            }
        }
        if crowded {
            self.crowded.push_back(token);
        } else {
            self.outcome(token, None);
        }
    }

    /// Sends what waits for a link, as much as may be in flight; what is left goes out in bulk turns.
    pub(super) fn send_waiting(&mut self, conn: ConnId) {
        let room = self.links.find(conn).map_or(0, |link| IN_FLIGHT_BYTES_MAX.saturating_sub(link.in_flight));
        self.send_some(conn, room);
    }

    /// Sends what waits, as much as there is room for: how much room is left.
    fn send_some(&mut self, conn: ConnId, mut bytes_left: usize) -> usize {
        let Some(link) = self.links.find_mut(conn) else { return 0 };
        let Some(key) = link.key else { return 0 };
        for (place, cursor) in &mut link.cursors {
            while let Some(message) = self.outbox.next_after(&key, *place, cursor.sent) {
                let size = size_of_message(message);
                if size > bytes_left {
                    link.wants_write = true;
                    return 0;
                }
                bytes_left -= size;
                link.in_flight += size;
                cursor.sent = message.seq();
                let message = match &**message {
                    Message::Entry(entry) => ToPeer::Entry { entry: entry.clone() },
                    Message::Private(message) => ToPeer::Private { message: message.clone() },
                };
                self.said.push(super::machine::Output::ToPeer(conn, message));
            }
        }
        bytes_left
    }

    /// Asks for the bulk turns that are wanted.
    pub(super) fn ask_bulk_turns(&mut self, out: &mut Out) {
        for conn in self.links.take_wanting() {
            out.push(Action::WantWrite(conn));
        }
    }

    /// A bulk turn: what was said goes before what is sent of files.
    pub(super) fn handle_writable(&mut self, now: Time, conn: ConnId, bytes: usize, out: &mut Out) {
        self.links.on_turn(conn);
        let left = self.send_some(conn, bytes);
        self.send_chunks(now, conn, left, out);
    }

    /// A receiver has kept what was said in a place, up to `have`.
    pub(super) fn on_acknowledged(&mut self, conn: ConnId, receiver: Key, place: Place, have: Have) {
        if have.log != self.log_number {
            return;
        }
        let taken = self.outbox.acknowledge(&receiver, place, have.seq);
        if taken.is_empty() {
            return;
        }
        let author = self.identity.key();
        let to = self.links.find(conn).and_then(|link| link.person.clone());
        let freed = taken.iter().map(|message| size_of_message(message)).sum::<usize>();
        if let Some(link) = self.links.find_mut(conn) {
            // What was sent twice over two links is freed once; an empty queue sets it right.
            let empty = self.outbox.waiting(&receiver) == 0;
            link.in_flight = if empty { 0 } else { link.in_flight.saturating_sub(freed) };
        }
        self.changes.push(match place {
            Some(room) => Change::EntriesAcknowledged { room, receiver, have },
            None => Change::PrivateAcknowledged { receiver, have },
        });
        if let Some((_, to)) = to {
            for message in taken {
                self.tell(Notice::Delivered { id: message.id(&author), to: to.clone() });
            }
        }
    }

    /// A message of a link that stands.
    pub(super) fn on_message(&mut self, now: Time, conn: ConnId, message: ToPeer, out: &mut Out) {
        let Some(link) = self.links.find(conn) else { return };
        let (Some(key), Some(person)) = (link.key, link.person.clone()) else { return };
        match message {
            ToPeer::Ping { nonce } => self.say_to_peer(conn, ToPeer::Pong { nonce }),
            ToPeer::Pong { nonce } => self.on_pong(now, conn, nonce),
            ToPeer::RoomHello { room, have, heads } => self.handle_room_hello(now, conn, room, have, heads.into_vec()),
            ToPeer::Entry { entry } => self.on_entry(now, conn, key, &person, entry, out),
            ToPeer::EntryAck { room, have } => self.on_acknowledged(conn, key, Some(room), have),
            ToPeer::Private { message } => self.on_private(conn, key, &person, message),
            ToPeer::PrivateAck { have } => self.on_acknowledged(conn, key, None, have),
            ToPeer::Offer { .. }
            | ToPeer::Accept { .. }
            | ToPeer::Chunk { .. }
            | ToPeer::Credit { .. }
            | ToPeer::End { .. }
            | ToPeer::Whole { .. }
            | ToPeer::Pause { .. }
            | ToPeer::Refuse { .. }
            | ToPeer::Withdraw { .. } => self.on_transfer_message(now, conn, key, &person.1, message, out),
            ToPeer::About { about: About { status: Status::Offline, .. } }
            | ToPeer::Hello { .. }
            | ToPeer::Bye { .. } => {
                self.cut(now, conn, Fault::Unexpected, out);
            }
            ToPeer::About { about } => self.on_about(conn, about),
        }
    }

    fn on_private(&mut self, conn: ConnId, author: Key, person: &PersonId, message: PrivateMessage) {
        let seen = self.private_have(&author);
        if message.log == seen.log && message.seq <= seen.seq {
            self.acks.insert((conn, None), seen);
            return;
        }
        let have = Have { log: message.log, seq: message.seq };
        self.private_seen.insert(author, have);
        let incoming = Incoming {
            number: self.next_received(),
            id: private_id(&author, message.log, message.seq),
            from: person.1.clone(),
            room: None,
            scope: Some(message.scope),
            at: message.at,
            text: message.text.into_string(),
            gap: false,
            plaintext: false,
        };
        self.changes.push(Change::PrivateSeen { author, have, incoming: incoming.clone() });
        self.tell(Notice::Message(incoming));
        self.acks.insert((conn, None), have);
    }

    pub(super) fn next_received(&mut self) -> u64 {
        self.received += 1;
        self.received
    }

    fn on_entry(&mut self, now: Time, conn: ConnId, author: Key, person: &PersonId, entry: SignedEntry, out: &mut Out) {
        if entry.entry.author != author || !entry.verify() {
            return self.cut(now, conn, Fault::Forged, out);
        }
        let id = entry.entry.room;
        let realm = self.realm();
        // Someone who has just left may still have something under way; the roster decides.
        let is_shared = self.rooms.get(&id).is_some_and(|room| room.has(person));
        if !self.links.find_mut(conn).is_some_and(|link| link.takes_entry(id, entry.entry.seq, is_shared)) {
            return;
        }
        let Some(room) = self.rooms.get(&id) else { return };
        let may_come = room.members.iter().any(|member| {
            *member != person.1 && self.people.find(&(realm, member.clone())).is_some_and(|other| self.may_bring(other))
        });
        let Some(room) = self.rooms.get_mut(&id) else { return };
        if room.log.offer(now, entry, may_come) == Offer::Known {
            let have = room.log.have_of(&author);
            if have.log != 0 {
                self.acks.insert((conn, Some(id)), have);
            }
            return;
        }
        self.release_entries(now, id);
    }

    /// Whether what someone said can be expected soon: it is linked, or it is there and not known to be out of reach.
    fn may_bring(&self, person: &Person) -> bool {
        let Some(key) = person.usable_key() else { return false };
        self.links.up(&key).is_some() || (person.online && !person.held && person.redial.failures() < 2)
    }

    /// What waits for someone's former key waits for the accepted one, as far as that can hear it. Told before the new
    /// key is pinned.
    pub(super) fn move_waiting(&mut self, id: &PersonId, old: Key, new: Key) {
        let others = self.people.ids_of(&old).filter(|other| *other != id).cloned().collect::<Vec<_>>();
        if !others.is_empty() {
            // Another account keeps that key, and what waits for it; what only this one was to hear reaches nobody.
            let only = |room: &Room| room.has(id) && !others.iter().any(|other| room.has(other));
            let rooms = self.rooms.iter().filter(|(_, room)| only(room)).map(|(room, _)| *room);
            for room in rooms.collect::<Vec<_>>() {
                self.drop_receiver(room, old);
            }
            return;
        }
        // Whoever was known by the new key before has followed this peer's numbers with it: it would take what has a
        // lower one for known, and acknowledge what it never saw.
        let known = self.people.ids_of(&new).next().is_some();
        let sent = self.links.up(&new).and_then(|conn| self.links.find(conn)?.cursors.get(&None).copied());
        let followed = if known { sent.map_or(u64::MAX, |cursor| cursor.sent) } else { 0 };
        if self.outbox.first_in(&old, None).is_some_and(|seq| seq <= followed) {
            let count = self.outbox.drop_place(&old, None);
            self.changes.push(Change::ReceiverDropped { room: None, receiver: old });
            self.note_dropped(old, count);
        }
        self.outbox.move_receiver(&old, new);
        self.changes.push(Change::ReceiverMoved { from: old, to: new });
        self.renew_transfers(&old, new);
    }

    /// Entries of that author that wait for their turn are not shown any more; they may come again.
    pub(super) fn forget_waiting(&mut self, author: &Key) {
        for room in self.rooms.values_mut() {
            room.log.forget_waiting(author);
        }
    }

    /// Shows the entries whose turn has come.
    pub(super) fn release_entries(&mut self, now: Time, id: RoomId) {
        let realm = self.realm();
        loop {
            let Some(room) = self.rooms.get_mut(&id) else { return };
            let Some(released) = room.log.next_released(now) else {
                match room.log.deadline() {
                    Some(at) => self.timers.set(Timer::Room(id), at),
                    None => self.timers.clear(Timer::Room(id)),
                }
                return;
            };
            let (signed, gap) = (released.entry, released.gap);
            let name = room.record.name.clone();
            let author = signed.entry.author;
            let have = room.log.have_of(&author);
            let member = |id: &&PersonId| id.0 == realm && room.members.contains(&id.1);
            let person = self.people.ids_of(&author).find(member).cloned().or_else(|| self.person_with(&author));
            let Some((_, from)) = person else { continue };
            let Body::Text { text } = &signed.entry.body;
            let incoming = Incoming {
                number: self.received + 1,
                id: signed.entry.id().to_string(),
                from,
                room: Some(name),
                scope: None,
                at: signed.entry.at,
                text: text.as_str().to_owned(),
                gap,
                plaintext: false,
            };
            self.received += 1;
            self.changes.push(Change::EntrySeen { entry: signed, incoming: incoming.clone() });
            self.tell(Notice::Message(incoming));
            if let Some(conn) = self.links.up(&author) {
                self.acks.insert((conn, Some(id)), have);
            }
        }
    }

    /// Answers the requests that waited for a queue to shorten.
    pub(super) fn release_crowded(&mut self, _now: Time) {
        if self.crowded.is_empty() {
            return;
        }
        let crowd = self.links.all_up().any(|(key, _)| self.outbox.waiting(&key) > CROWD);
        if !crowd || self.stopping {
            for token in std::mem::take(&mut self.crowded) {
                self.outcome(token, None);
            }
        }
    }

    /// Goes on with the requests that waited for acknowledgements.
    pub(super) fn check_draining(&mut self, now: Time, out: &mut Out) {
        if self.draining.is_empty() {
            return;
        }
        let done = self.draining.iter().filter(|(_, what)| !self.is_draining(now, **what)).map(|(token, _)| *token);
        for token in done.collect::<Vec<_>>() {
            self.on_drained(now, token, out);
        }
    }

    /// Whether something that was said there is about to be acknowledged: its receiver is linked, or may be soon.
    fn is_draining(&self, now: Time, what: Draining) -> bool {
        let place = match what {
            Draining::All => None,
            Draining::Leave(room) | Draining::Delete(room) => Some(room),
        };
        if what == Draining::All && self.partners_wait() {
            return true;
        }
        self.outbox.receivers().any(|key| {
            let waits = match place {
                None => self.outbox.waiting(key) > 0,
                Some(room) => self.outbox.waiting_in(key, Some(room)) > 0,
            };
            let soon = || {
                let person = self.person_with(key).and_then(|id| self.people.find(&id));
                // Where it is not known whether it is there, the tracker's answer is waited for.
                let looked_up = || self.timers.at(Timer::Dial(*key)).is_some_and(|at| at <= now);
                person.is_some_and(|person| person.looked_up || self.may_bring(person) || looked_up())
            };
            waits && (self.links.up(key).is_some() || soon())
        })
    }
}

fn size_of_message(message: &Message) -> usize {
    let text = match message {
        Message::Entry(entry) => entry.entry.weight(),
        Message::Private(message) => message.text.as_str().len(),
    };
    text + OVERHEAD_BYTES
}
