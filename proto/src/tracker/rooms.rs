//! What becomes of a room: made, joined, left, passed on, deleted. Whatever its people speak, it happens here.
//!
//! - **Ghosts**: the account of a plaintext client is in a room through a connection only. Where that is gone without
//!   having been seen to go (the tracker was restarted, or the room was imported), its member is a ghost: it keeps its
//!   place until someone needs that, or nobody but ghosts is left.
//!
//! Invariant: the epoch of a room rises by one with each change of its roster that is told.

use std::sync::Arc;

use super::{
    change::Change,
    directory::Account,
    login::room_message,
    machine::{Out, Tracker},
};
use crate::{
    identity::Key,
    machine::ConnId,
    names::Name,
    time::Time,
    wire::{
        codec::Wire as _,
        room::{CreationRecord, PLAINTEXT, RoomId},
        tracker::{Failure, FromTracker, RoomEvent},
    },
};

/// How a request without an answer of its own ended.
pub(super) type Outcome = Result<(), Failure>;

/// A room that someone wants.
pub(super) struct NewRoom {
    pub(super) name: Name,
    /// 0 for the usual.
    pub(super) capacity: u16,
    pub(super) nonce: [u8; 16],
    pub(super) flags: u8,
    /// Of whoever wants it.
    pub(super) owner: Key,
}

impl Tracker {
    /// Makes a room with `name` in it.
    pub(super) fn create(&mut self, name: &Name, room: NewRoom, out: &mut Out) -> Result<RoomId, Failure> {
        let NewRoom { name: room, capacity, nonce, flags, owner } = room;
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
        let record = CreationRecord { nonce, name: room, owner, tracker: self.identity.key(), flags };
        let id = record.id();
        self.commit(
            vec![
                Change::RoomAdded { record, owner: name.clone(), capacity, epoch: 0 },
                Change::MemberAdded { room: id, name: name.clone(), epoch: 1 },
            ],
            out,
        );
        self.note_changed(id);
        Ok(id)
    }

    /// Lets `name`, who is there through `conn`, into a room.
    pub(super) fn join(
        &mut self,
        now: Time,
        conn: ConnId,
        name: &Name,
        room: &Name,
        plaintext: bool,
        out: &mut Out,
    ) -> Result<RoomId, Failure> {
        let account = self.directory.account(name).ok_or(Failure::UnknownUser)?;
        let (id, room) = self.directory.room_named(room).ok_or(Failure::UnknownRoom)?;
        if room.has(name) {
            return Ok(id);
        }
        if room.record.is_plaintext() && !plaintext {
            return Err(Failure::PlaintextRoom);
        }
        let is_full = room.len() >= usize::from(room.capacity);
        let ghost = is_full.then(|| self.ghost_of(id).ok_or(Failure::RoomFull)).transpose()?;
        self.has_room_for_another(account)?;
        let others = room.members().filter(|&other| Some(other) != ghost.as_ref()).cloned().collect::<Vec<_>>();
        let heir = others.first().unwrap_or(name).clone();
        let passes = ghost.as_ref() == Some(&room.owner);
        let (mut epoch, mut changes, mut told) = (room.epoch, Vec::new(), Vec::new());
        if let Some(ghost) = ghost {
            epoch += 1;
            changes.push(Change::MemberRemoved { room: id, name: ghost.clone(), epoch });
            told.push((RoomEvent::Evicted, ghost));
        }
        epoch += 1;
        changes.push(Change::MemberAdded { room: id, name: name.clone(), epoch });
        told.push((RoomEvent::Joined, name.clone()));
        if passes {
            epoch += 1;
            changes.push(Change::OwnerChanged { room: id, owner: heir.clone(), epoch });
            told.push((RoomEvent::Owner, heir));
        }
        self.commit(changes, out);
        let receivers = others.iter().filter_map(|other| self.online.get(other.folded())).copied().collect();
        self.push_contact(now, name, receivers);
        let first = epoch + 1 - told.len() as u64;
        for (epoch, (what, user)) in (first..).zip(told) {
            self.push_room_change(&others, id, epoch, what, &user);
        }
        for other in &others {
            self.push_contact(now, other, vec![conn]);
        }
        self.note_changed(id);
        self.push_update(now, id, name);
        Ok(id)
    }

    /// Lets `name` leave a room for good.
    pub(super) fn leave(&mut self, now: Time, name: &Name, room: &Name, out: &mut Out) -> Outcome {
        let (id, room) = self.directory.room_named(room).ok_or(Failure::UnknownRoom)?;
        if !room.has(name) {
            return Err(Failure::NotMember);
        }
        self.take_out(now, name, id, RoomEvent::Left, out);
        Ok(())
    }

    /// Takes a member out of a room.
    pub(super) fn take_out(&mut self, now: Time, name: &Name, id: RoomId, what: RoomEvent, out: &mut Out) {
        let Some(room) = self.directory.room(&id) else { return };
        let members = room.members().cloned().collect::<Vec<_>>();
        let others = members.iter().filter(|&member| member != name).cloned().collect::<Vec<_>>();
        let heir = others.iter().find(|other| !self.is_ghost(other)).cloned();
        let epoch = room.epoch + 1;
        let passes = room.owner == *name;
        let mut changes = vec![Change::MemberRemoved { room: id, name: name.clone(), epoch }];
        let is_over = heir.is_none();
        let heir = heir.filter(|_| passes);
        if is_over {
            changes.push(Change::RoomRemoved { room: id });
        } else if let Some(heir) = &heir {
            changes.push(Change::OwnerChanged { room: id, owner: heir.clone(), epoch: epoch + 1 });
        }
        self.commit(changes, out);
        self.push_room_change(&members, id, epoch, what, name);
        if let Some(heir) = heir {
            self.push_room_change(&others, id, epoch + 1, RoomEvent::Owner, &heir);
        }
        self.note_changed(id);
        self.push_update(now, id, name);
    }

    /// Deletes a room that `name` owns.
    pub(super) fn delete(&mut self, name: &Name, room: &Name, out: &mut Out) -> Outcome {
        let (id, room) = self.directory.room_named(room).ok_or(Failure::UnknownRoom)?;
        if room.owner != *name {
            return Err(Failure::NotOwner);
        }
        let members = room.members().cloned().collect::<Vec<_>>();
        let (epoch, called) = (room.epoch + 1, room.name().clone());
        self.commit(vec![Change::RoomRemoved { room: id }], out);
        self.push_room_change(&members, id, epoch, RoomEvent::Deleted, name);
        self.note_changed(id);
        self.push_deletion(&members, id, &called, name);
        Ok(())
    }

    fn has_room_for_another(&self, account: &Account) -> Outcome {
        if account.rooms().len() < self.limits.rooms_per_user_max { Ok(()) } else { Err(Failure::TooManyRooms) }
    }

    /// Whether nothing holds a member in its rooms.
    fn is_ghost(&self, name: &Name) -> bool {
        let has_key = self.directory.account(name).is_some_and(|account| account.key.is_some());
        !has_key && !self.online.contains_key(name.folded())
    }

    /// The ghost that gives its place in a room; whoever owns it last.
    fn ghost_of(&self, id: RoomId) -> Option<Name> {
        let room = self.directory.room(&id)?;
        let ghosts = || room.members().filter(|member| self.is_ghost(member));
        ghosts().find(|&ghost| *ghost != room.owner).or_else(|| ghosts().next()).cloned()
    }

    /// Tells a member of its room as it is now; so the state after login need not tell it any more.
    pub(super) fn say_room(&mut self, conn: ConnId, id: RoomId) {
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
}
