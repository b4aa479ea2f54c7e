//! Rooms: who is in them by the tracker's word, and which links are ready for their entries.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    change::{Change, LeftRoom, Realm},
    interface::{Note, Notice, Problem},
    link::Early,
    machine::{Draining, Peer, Room, Timer},
    people::Person,
    session::Asked,
};
use crate::{
    identity::Key,
    machine::ConnId,
    names::Name,
    room::Log,
    time::Time,
    wire::{
        codec::List,
        peer::{Have, ToPeer},
        room::{EntryId, RoomId},
        tracker::{RoomEvent, RoomState},
    },
};

impl Peer {
    /// A room that this peer is in, whole.
    pub(super) fn on_room(&mut self, now: Time, state: RoomState) {
        let id = state.record.id();
        if Some(state.record.tracker) != self.session.key {
            return;
        }
        let asked =
            |asked: &Asked| matches!(asked, Asked::Enter { created: Some(name), .. } if *name == state.record.name);
        let created = self.session.asked.values().any(asked);
        if !self.rooms.contains_key(&id) {
            self.changes.push(Change::RoomEntered { record: state.record.clone() });
        }
        let (limits, left) = (&self.limits, self.left.remove(&id));
        let room = self.rooms.entry(id).or_insert_with(|| Room {
            record: state.record.clone(),
            owner: state.owner.clone(),
            capacity: state.capacity,
            epoch: 0,
            members: Vec::new(),
            roster_known: false,
            fresh: false,
            log: left.map_or_else(
                || Log::of_newcomer(limits, 0, &[]),
                |left| Log::of_newcomer(limits, left.said, &left.seen),
            ),
            arrivals: BTreeMap::new(),
        });
        let former = std::mem::replace(&mut room.members, state.members.to_vec());
        let was_known = std::mem::replace(&mut room.roster_known, true);
        room.fresh = true;
        (room.owner, room.capacity, room.epoch) = (state.owner, state.capacity, state.epoch);
        room.note_arrivals();
        let (name, members) = (room.record.name.clone(), room.members.clone());
        if was_known {
            let left = former.iter().filter(|user| !members.contains(user)).map(|user| (RoomEvent::Left, user));
            let joined = members.iter().filter(|user| !former.contains(user)).map(|user| (RoomEvent::Joined, user));
            for (what, user) in left.chain(joined) {
                let notice = Notice::Room { room: name.clone(), what, user: user.clone(), members: members.clone() };
                self.tell(notice);
            }
        } else {
            let what = if created { RoomEvent::Created } else { RoomEvent::Joined };
            self.tell(Notice::Room { room: name, what, user: self.me.clone(), members: members.clone() });
        }
        self.drop_strangers(id);
        for user in &members {
            self.on_member(now, id, user);
        }
        if !was_known {
            self.meet_partners(now, id);
        }
        self.ask_after(now, former.into_iter().filter(|user| !members.contains(user)).collect());
    }

    /// Those who are no members are out of the room: they may have left while this peer was away.
    fn drop_strangers(&mut self, id: RoomId) {
        let realm = self.realm();
        let Some(room) = self.rooms.get(&id) else { return };
        let keys = room.members.iter().filter_map(|user| self.people.find(&(realm, user.clone()))?.pinned);
        let keys = keys.collect::<BTreeSet<_>>();
        // Whoever is linked counts as well, though nothing waits for it: at its next stay it is to be greeted again.
        let others = self.outbox.receivers_in(id).chain(self.links.all_up().map(|(key, _)| key));
        for key in others.filter(|key| !keys.contains(key)).collect::<BTreeSet<_>>() {
            self.drop_receiver(id, key);
        }
    }

    pub(super) fn on_room_changed(&mut self, now: Time, id: RoomId, epoch: u64, what: RoomEvent, user: &Name) {
        let Some(room) = self.rooms.get_mut(&id) else { return };
        if epoch <= room.epoch {
            return;
        }
        room.epoch = epoch;
        match what {
            RoomEvent::Created | RoomEvent::Joined => {
                if !room.members.contains(user) {
                    room.members.push(user.clone());
                }
            }
            RoomEvent::Left | RoomEvent::Evicted => {
                room.members.retain(|member| member != user);
            }
            RoomEvent::Owner => room.owner = user.clone(),
            // Those who were in it are asked after, below.
            RoomEvent::Deleted => {}
        }
        room.note_arrivals();
        let over = match what {
            RoomEvent::Left | RoomEvent::Evicted => *user == self.me,
            RoomEvent::Deleted => true,
            RoomEvent::Created | RoomEvent::Joined | RoomEvent::Owner => false,
        };
        if over {
            self.forget_room(now, id, Some(what), user);
            return;
        }
        let (name, members) = (room.record.name.clone(), room.members.clone());
        self.tell(Notice::Room { room: name, what, user: user.clone(), members });
        match what {
            RoomEvent::Joined | RoomEvent::Created => self.on_member(now, id, user),
            RoomEvent::Left | RoomEvent::Evicted => {
                let person = self.people.find(&(self.realm(), user.clone()));
                if let Some(key) = person.and_then(|person| person.pinned) {
                    self.drop_receiver(id, key);
                }
                self.ask_after(now, vec![user.clone()]);
            }
            RoomEvent::Owner | RoomEvent::Deleted => {}
        }
    }

    /// This peer is in that room no longer.
    pub(super) fn forget_room(&mut self, now: Time, id: RoomId, what: Option<RoomEvent>, user: &Name) {
        let Some(room) = self.rooms.remove(&id) else { return };
        let plaintext = room.record.is_plaintext();
        self.timers.clear(Timer::Room(id));
        let (said, seen) = room.log.followed();
        if said > 0 || !seen.is_empty() {
            self.left.insert(id, LeftRoom { room: id, said, seen });
        }
        self.changes.push(Change::RoomForgotten { room: id });
        if what != Some(RoomEvent::Deleted) {
            // It stands, and is not this peer's to delete any more.
            let deleting = self.draining.extract_if(.., |_, what| *what == Draining::Delete(id));
            for (token, _) in deleting.collect::<Vec<_>>() {
                self.outcome(token, Some(Problem::NotInRoom { room: room.record.name.clone() }));
            }
        }
        if let Some(what) = what {
            let members = if what == RoomEvent::Deleted { Vec::new() } else { room.members.clone() };
            self.tell(Notice::Room { room: room.record.name, what, user: user.clone(), members });
        }
        for key in self.outbox.receivers_in(id).collect::<Vec<_>>() {
            let count = self.outbox.drop_place(&key, Some(id));
            self.note_dropped(key, count);
        }
        for (key, conn) in self.links.all_up().collect::<Vec<_>>() {
            if let Some(link) = self.links.find_mut(conn) {
                link.pause_room(id);
                // What came and waited for its turn goes with the log. Its author may not hear of this stay's end.
                if let Some(seq) = room.log.first_waiting(&key) {
                    link.note_missed(id, seq);
                }
            }
        }
        if plaintext {
            self.leave_partners(&room.members);
        }
        self.ask_after(now, room.members);
    }

    /// Of these the tracker may not tell any more: where something waits for them, it has to be asked.
    fn ask_after(&mut self, now: Time, users: Vec<Name>) {
        let realm = self.realm();
        for user in users {
            self.consider_dial(now, &(realm, user));
        }
    }

    /// Something said will not reach whoever has that key.
    pub(super) fn note_dropped(&mut self, key: Key, count: usize) {
        if let Some(link) = self.links.up(&key).and_then(|conn| self.links.find_mut(conn))
            && self.outbox.waiting(&key) == 0
        {
            link.in_flight = 0;
        }
        if let (Some((_, user)), true) = (self.person_with(&key), count > 0) {
            self.note(Note::Dropped { user, count });
        }
    }

    /// Someone is a member of a room: where a link to it stands, it is told that its entries are welcome.
    fn on_member(&mut self, now: Time, room: RoomId, user: &Name) {
        let id = (self.realm(), user.clone());
        let Some(key) = self.people.find(&id).and_then(Person::usable_key) else { return };
        match self.links.up(&key) {
            Some(conn) => self.greet_room(now, conn, room),
            None => self.consider_dial(now, &id),
        }
    }

    /// Greets a link in each room that is shared with it.
    pub(super) fn greet_rooms(&mut self, now: Time, conn: ConnId) {
        let Some((realm, user)) = self.links.find(conn).and_then(|link| link.person.clone()) else { return };
        if realm != self.realm() || realm == Realm::Lan {
            return;
        }
        let shared = self.rooms.iter().filter(|(_, room)| room.members.contains(&user)).map(|(id, _)| *id);
        for room in shared.collect::<Vec<_>>() {
            self.greet_room(now, conn, room);
        }
    }

    fn greet_room(&mut self, now: Time, conn: ConnId, id: RoomId) {
        let Some(link) = self.links.find_mut(conn) else { return };
        let (Some(key), Some((_, user))) = (link.key, link.person.clone()) else { return };
        let early = link.early_rooms.remove(&id);
        let Some(room) = self.rooms.get(&id) else { return };
        let have = room.log.have_of(&key);
        // Once a stay: who is greeted again may take it that what it missed was dropped.
        if link.greeted.insert(id) {
            // Not the present heads: what was said since it came, it is to wait for.
            let heads = room.arrivals.get(&user).map_or_else(Vec::new, |heads| heads.to_vec());
            self.say_to_peer(conn, ToPeer::RoomHello { room: id, have, heads: List::truncated(heads) });
        }
        match early {
            Some(Early::Hello { have, heads }) => self.on_room_hello(now, conn, id, have, heads),
            Some(Early::Paused) => self.on_place_ready(conn, Some(id), Have::default()),
            None => {}
        }
    }

    /// A link greets in a room: what was not taken there before is dropped, or comes again.
    pub(super) fn handle_room_hello(&mut self, now: Time, conn: ConnId, id: RoomId, have: Have, heads: Vec<EntryId>) {
        // Only now: a greeting that waited for the roster came before what was not taken meanwhile.
        if let Some(link) = self.links.find_mut(conn) {
            link.forget_missed(id);
        }
        self.on_room_hello(now, conn, id, have, heads);
    }

    fn on_room_hello(&mut self, now: Time, conn: ConnId, id: RoomId, have: Have, heads: Vec<EntryId>) {
        let Some(link) = self.links.find_mut(conn) else { return };
        let (Some(key), Some(person)) = (link.key, link.person.clone()) else { return };
        let member = self.rooms.get(&id).is_some_and(|room| room.has(&person));
        if !member {
            return link.note_early(id, Early::Hello { have, heads });
        }
        if let Some(room) = self.rooms.get_mut(&id) {
            let kept = room.log.take_baseline(key, &heads);
            if !kept.is_empty() {
                self.changes.push(Change::Baseline { room: id, heads: kept });
                self.release_entries(now, id);
            }
        }
        self.on_place_ready(conn, Some(id), have);
    }

    /// Whoever has that key is no member any more: what waits for it there is dropped.
    pub(super) fn drop_receiver(&mut self, room: RoomId, key: Key) {
        let count = self.outbox.drop_place(&key, Some(room));
        if count > 0 {
            self.changes.push(Change::ReceiverDropped { room: Some(room), receiver: key });
        }
        self.note_dropped(key, count);
        if let Some(link) = self.links.up(&key).and_then(|conn| self.links.find_mut(conn)) {
            link.pause_room(room);
        }
    }
}
