//! What is on a tracker's disk, folded from its durable changes: accounts, rooms, rosters, and what became of them.

use std::collections::{BTreeMap, BTreeSet};

use papo_proto::{
    identity::Key,
    names::Name,
    time::Time,
    tracker::Change,
    wire::{
        room::RoomId,
        tracker::{Profile, Status, StatusText},
    },
};

use super::{Found, Invariant};
use crate::sim::older;

/// The changes that a tracker keeps follow from each other.
pub(super) const CONSISTENT: Invariant = (
    "directory consistent",
    "members are accounts, an owner is a member, capacities hold, epochs count, names are unique by what they look like",
);
/// What was confirmed stays.
pub(super) const NOTHING_LOST: Invariant =
    ("nothing lost", "a room or a membership ends only when somebody with the right asked for it");

/// What somebody may want a tracker to take away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Wanted {
    /// A membership.
    Leave,
    /// A room.
    Delete,
}

/// An account.
#[derive(Debug)]
pub(super) struct Account {
    pub(super) name: Name,
    /// Every key that it ever had; the last is its key now.
    pub(super) keys: Vec<Key>,
    /// What it shows of itself, and since when.
    pub(super) status: (Status, StatusText, Time),
    pub(super) profile: (Profile, Time),
    pub(super) plaintext: (bool, Time),
}

/// A room.
#[derive(Debug)]
pub(super) struct Room {
    pub(super) name: Name,
    pub(super) owner: Name,
    pub(super) capacity: u16,
    epoch: u64,
    /// In the order of standing, since when.
    pub(super) members: Vec<(Name, Time)>,
}

/// What is known of a room for ever.
#[derive(Debug)]
pub(super) struct Past {
    pub(super) name: Name,
    pub(super) added: Time,
    /// Clients of older systems may be in it.
    pub(super) plaintext: bool,
    /// Who was ever in it, and when it was in it no longer for the last time.
    members: BTreeMap<Name, Option<Time>>,
}

impl Past {
    /// Whether someone was ever in it.
    pub(super) fn was_member(&self, name: &Name) -> bool {
        self.members.contains_key(name)
    }

    /// When someone was in it for the last time, if it ever left.
    pub(super) fn left(&self, name: &Name) -> Option<Time> {
        self.members.get(name).copied().flatten()
    }
}

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct Directory {
    accounts: BTreeMap<Name, Account>,
    skeletons: BTreeSet<String>,
    pub(super) rooms: BTreeMap<RoomId, Room>,
    room_skeletons: BTreeSet<String>,
    past: BTreeMap<RoomId, Past>,
    touched: Vec<RoomId>,
    /// When rooms or rosters last changed.
    pub(super) changed: Time,
}

/// Whether one who had these keys has a wish open for a room of this name; it is taken.
type May<'a> = &'a mut dyn FnMut(&[Key], Wanted, &Name) -> bool;

impl Directory {
    pub(super) fn account(&self, name: &Name) -> Option<&Account> {
        self.accounts.get(name)
    }

    /// The names of accounts that ever had a key.
    pub(super) fn accounts_of<'a>(&'a self, key: &'a Key) -> impl Iterator<Item = &'a Name> {
        self.accounts.values().filter(|account| account.keys.contains(key)).map(|account| &account.name)
    }

    pub(super) fn past(&self, room: &RoomId) -> Option<&Past> {
        self.past.get(room)
    }

    /// Every room that ever was.
    pub(super) fn pasts(&self) -> impl Iterator<Item = (&RoomId, &Past)> {
        self.past.iter()
    }

    /// Whether an account that ever had this key was ever in that room.
    pub(super) fn was_member(&self, room: &RoomId, key: &Key) -> bool {
        let Some(past) = self.past.get(room) else { return false };
        self.accounts_of(key).any(|name| past.members.contains_key(name))
    }

    /// Whether `name` is in that room now.
    pub(super) fn is_member(&self, room: &RoomId, name: &Name) -> bool {
        self.rooms.get(room).is_some_and(|room| room.members.iter().any(|(member, _)| member == name))
    }

    /// A change is on the disk.
    pub(super) fn apply(&mut self, at: Time, change: &Change, may: May<'_>, found: &mut Found) {
        match change {
            Change::AccountAdded { name, key, .. } => {
                let free = self.skeletons.insert(name.skeleton());
                found.check(free, CONSISTENT, || format!("{name:?} looks like an account that is there"));
                self.accounts.insert(
                    name.clone(),
                    Account {
                        name: name.clone(),
                        keys: key.iter().copied().collect(),
                        status: (Status::default(), StatusText::default(), at),
                        profile: (Profile::default(), at),
                        plaintext: (false, at),
                    },
                );
            }
            Change::AccountKey { name, key } => self.edit(name, found, |account| account.keys.extend(*key)),
            Change::AccountStatus { name, status, text } => {
                self.edit(name, found, |account| account.status = (*status, text.clone(), at));
            }
            Change::AccountProfile { name, text } => {
                self.edit(name, found, |account| account.profile = (text.clone(), at));
            }
            Change::AccountPlaintext { name, open } => {
                self.edit(name, found, |account| account.plaintext = (*open, at));
            }
            Change::LastSeen { name, .. } => self.edit(name, found, |_| {}),
            Change::RoomAdded { record, owner, capacity, epoch } => {
                let (id, name) = (record.id(), record.name.clone());
                let free = self.room_skeletons.insert(name.skeleton()) && !self.past.contains_key(&id);
                found.check(free, CONSISTENT, || format!("the room {name:?} is or looks like one that is there"));
                let (owner, capacity, epoch) = (owner.clone(), *capacity, *epoch);
                let plaintext = record.is_plaintext();
                self.rooms.insert(id, Room { name: name.clone(), owner, capacity, epoch, members: Vec::new() });
                self.past.insert(id, Past { name, added: at, plaintext, members: BTreeMap::new() });
                self.touch(id, at);
            }
            Change::MemberAdded { room, name, epoch } => {
                let twice = self.is_member(room, name);
                found.check(!twice, CONSISTENT, || format!("{name:?} comes into {room:?} twice"));
                self.count(room, *epoch, at, found);
                if let (Some(kept), Some(past)) = (self.rooms.get_mut(room), self.past.get_mut(room)) {
                    kept.members.push((name.clone(), at));
                    past.members.entry(name.clone()).or_default();
                }
            }
            Change::MemberRemoved { room, name, epoch } => {
                let is_member = self.is_member(room, name);
                found.check(is_member, CONSISTENT, || format!("{name:?} leaves {room:?} without being in it"));
                self.count(room, *epoch, at, found);
                let keys = self.accounts.get(name).map_or(&[][..], |account| &account.keys);
                if let (Some(kept), Some(past)) = (self.rooms.get_mut(room), self.past.get_mut(room)) {
                    // Whoever has no key is in a room as long as he is there.
                    let asked = older::is_of(name) || may(keys, Wanted::Leave, &kept.name);
                    found.check(asked, NOTHING_LOST, || format!("{name:?} is taken out of {:?} unasked", kept.name));
                    kept.members.retain(|(member, _)| member != name);
                    past.members.insert(name.clone(), Some(at));
                }
            }
            Change::OwnerChanged { room, owner, epoch } => {
                self.count(room, *epoch, at, found);
                if let Some(kept) = self.rooms.get_mut(room) {
                    let passed =
                        older::is_of(&kept.owner) || !kept.members.iter().any(|(member, _)| *member == kept.owner);
                    found.check(passed, NOTHING_LOST, || {
                        format!("{:?} is taken from {:?}, who is still in it", kept.name, kept.owner)
                    });
                    kept.owner = owner.clone();
                }
            }
            Change::RoomRemoved { room } => {
                let Some(gone) = self.rooms.remove(room) else {
                    return found.check(false, CONSISTENT, || format!("{room:?} is removed and is not there"));
                };
                let keys = self.accounts.get(&gone.owner).map_or(&[][..], |account| &account.keys);
                let asked =
                    gone.members.is_empty() || older::is_of(&gone.owner) || may(keys, Wanted::Delete, &gone.name);
                found.check(asked, NOTHING_LOST, || format!("the room {:?} is removed unasked", gone.name));
                self.room_skeletons.remove(&gone.name.skeleton());
                if let Some(past) = self.past.get_mut(room) {
                    past.members.extend(gone.members.into_iter().map(|(name, _)| (name, Some(at))));
                }
                self.touch(*room, at);
            }
        }
    }

    /// What has to hold after each commit, of the rooms that it was about.
    pub(super) fn check(&mut self, found: &mut Found) {
        for id in std::mem::take(&mut self.touched) {
            let Some(room) = self.rooms.get(&id) else { continue };
            let name = &room.name;
            let owned = room.members.iter().any(|(member, _)| *member == room.owner);
            found.check(owned, CONSISTENT, || format!("{:?} owns {name:?} and is not in it", room.owner));
            let known = room.members.iter().all(|(member, _)| self.accounts.contains_key(member));
            found.check(known, CONSISTENT, || format!("someone in {name:?} has no account"));
            let fits = room.members.len() <= usize::from(room.capacity);
            found.check(fits, CONSISTENT, || {
                format!("{} are in {name:?}, which takes {}", room.members.len(), room.capacity)
            });
        }
    }

    fn edit(&mut self, name: &Name, found: &mut Found, change: impl FnOnce(&mut Account)) {
        match self.accounts.get_mut(name) {
            Some(account) => change(account),
            None => found.check(false, CONSISTENT, || format!("{name:?} changes and has no account")),
        }
    }

    /// The roster of a room changes, by one.
    fn count(&mut self, id: &RoomId, epoch: u64, at: Time, found: &mut Found) {
        match self.rooms.get_mut(id) {
            Some(room) => {
                found.check(epoch == room.epoch + 1, CONSISTENT, || {
                    format!("the epoch of {:?} goes from {} to {epoch}", room.name, room.epoch)
                });
                room.epoch = epoch;
                self.touch(*id, at);
            }
            None => found.check(false, CONSISTENT, || format!("the roster of {id:?} changes and it is not there")),
        }
    }

    fn touch(&mut self, room: RoomId, at: Time) {
        self.touched.push(room);
        self.changed = at;
    }
}
