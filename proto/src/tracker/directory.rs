//! The directory: who has an account, which rooms there are, who is in which.
//!
//! It is what an ordered list of [`Change`]s leads to, and nothing else: [`Directory::apply`] takes one change, and
//! the same changes in the same order make the same directory, here and wherever a copy of the log will be followed.
//! Who may change what, who is connected, and who is told, is decided elsewhere.
//!
//! - A name is found by its folded form, and is taken when its skeleton is: two names that look alike can't both be
//!   accounts, or both be rooms. An account and a room may share a name.
//! - Members of a room stand in the order in which they came; rooms of a user in the order in which it joined them.
//!   Both follow from one count of memberships.
//!
//! Invariant: every member of a room is an account, and its rooms name that room.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::change::{Change, Verifier};
use crate::{
    identity::Key,
    names::Name,
    time::Wall,
    wire::{
        room::{CreationRecord, RoomId},
        tracker::{Profile, Status, StatusText},
    },
};

/// Why a change does not follow from the state that it meets. A stored log that says this is corrupt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Inconsistent {
    /// The name, or one that looks like it, is taken.
    #[error("an account's name is taken already")]
    UserTaken,
    /// No such account.
    #[error("there is no such account")]
    UnknownUser,
    /// The room, its name, or one that looks like it, exists.
    #[error("a room's name is taken already")]
    RoomTaken,
    /// No such room.
    #[error("there is no such room")]
    UnknownRoom,
    /// The user is in the room already.
    #[error("a member came in twice")]
    MemberTwice,
    /// The user is not in the room.
    #[error("someone left a room without being in it")]
    NotMember,
}

/// An account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// As it was registered.
    pub name: Name,
    /// Of its password.
    pub verifier: Verifier,
    /// Its identity key.
    pub key: Option<Key>,
    /// What it is to others while it is connected.
    pub status: Status,
    /// In its own words.
    pub status_text: StatusText,
    /// What it says about itself.
    pub profile: Profile,
    /// Whether plaintext clients may use it.
    pub plaintext: bool,
    /// When it was made.
    pub added: Wall,
    /// When it was last connected.
    pub last_seen: Wall,
    rooms: Vec<RoomId>,
}

impl Account {
    /// The rooms that it is in, in the order in which it joined them.
    #[must_use]
    pub fn rooms(&self) -> &[RoomId] {
        &self.rooms
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Member {
    name: Name,
    /// Where this membership stands among all that ever were.
    number: u64,
}

/// A room and its roster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Room {
    /// What makes it this room.
    pub record: CreationRecord,
    /// Who owns it now.
    pub owner: Name,
    /// How many it takes.
    pub capacity: u16,
    /// Counts the changes of its roster.
    pub epoch: u64,
    members: Vec<Member>,
}

impl Room {
    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &Name {
        &self.record.name
    }

    /// Who is in it, in the order of standing.
    pub fn members(&self) -> impl ExactSizeIterator<Item = &Name> {
        self.members.iter().map(|member| &member.name)
    }

    /// How many are in it.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether nobody is in it; so only until its creator is.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Whether `name` is in it.
    #[must_use]
    pub fn has(&self, name: &Name) -> bool {
        self.members().any(|member| member == name)
    }
}

/// See the [module](self). Written out, it is the changes that lead to it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Directory {
    accounts: BTreeMap<String, Account>,
    account_skeletons: BTreeSet<String>,
    /// Keys with the folded names of the accounts that have them.
    keys: BTreeSet<(Key, String)>,
    rooms: BTreeMap<RoomId, Room>,
    room_names: BTreeMap<String, RoomId>,
    room_skeletons: BTreeSet<String>,
    memberships: u64,
}

impl Directory {
    /// What `changes` lead to.
    ///
    /// # Errors
    /// When one does not follow from those before it.
    pub fn from_changes<'a>(changes: impl IntoIterator<Item = &'a Change>) -> Result<Self, Inconsistent> {
        let mut directory = Self::default();
        for change in changes {
            directory.apply(change)?;
        }
        Ok(directory)
    }

    /// Applies one change.
    ///
    /// # Errors
    /// When it does not follow from the present state; then nothing is changed.
    pub fn apply(&mut self, change: &Change) -> Result<(), Inconsistent> {
        match change {
            Change::AccountAdded { name, verifier, key, at } => self.add_account(name, verifier, *key, *at),
            Change::AccountKey { name, key } => self.set_key(name, *key),
            Change::AccountStatus { name, status, text } => self.edit(name, |account| {
                account.status = *status;
                account.status_text = text.clone();
            }),
            Change::AccountProfile { name, text } => self.edit(name, |account| account.profile = text.clone()),
            Change::AccountPlaintext { name, open } => self.edit(name, |account| account.plaintext = *open),
            Change::LastSeen { name, at } => self.edit(name, |account| account.last_seen = *at),
            Change::RoomAdded { record, owner, capacity, epoch } => self.add_room(record, owner, *capacity, *epoch),
            Change::MemberAdded { room, name, epoch } => self.add_member(*room, name, *epoch),
            Change::MemberRemoved { room, name, epoch } => self.remove_member(*room, name, *epoch),
            Change::OwnerChanged { room, owner, epoch } => {
                let room = self.rooms.get_mut(room).ok_or(Inconsistent::UnknownRoom)?;
                room.owner = owner.clone();
                room.epoch = *epoch;
                Ok(())
            }
            Change::RoomRemoved { room } => self.remove_room(*room),
        }
    }

    /// The account of that name.
    #[must_use]
    pub fn account(&self, name: &Name) -> Option<&Account> {
        self.accounts.get(name.folded())
    }

    /// Whether an account has that name or one that looks like it.
    #[must_use]
    pub fn is_account_taken(&self, name: &Name) -> bool {
        // What is the same looks the same.
        self.account_skeletons.contains(&name.skeleton())
    }

    /// The accounts that have that key, in the order of names.
    pub fn accounts_of<'a>(&'a self, key: &'a Key) -> impl Iterator<Item = &'a Account> {
        let having = self.keys.range((*key, String::new())..).take_while(move |(having, _)| having == key);
        having.filter_map(|(_, folded)| self.accounts.get(folded))
    }

    /// Every account, in the order of names.
    pub fn accounts(&self) -> impl Iterator<Item = &Account> {
        self.accounts.values()
    }

    /// How many accounts there are.
    #[must_use]
    pub fn accounts_len(&self) -> usize {
        self.accounts.len()
    }

    /// The room of that id.
    #[must_use]
    pub fn room(&self, id: &RoomId) -> Option<&Room> {
        self.rooms.get(id)
    }

    /// The room of that name.
    #[must_use]
    pub fn room_named(&self, name: &Name) -> Option<(RoomId, &Room)> {
        let id = *self.room_names.get(name.folded())?;
        Some((id, self.rooms.get(&id)?))
    }

    /// Whether a room has that name or one that looks like it.
    #[must_use]
    pub fn is_room_taken(&self, name: &Name) -> bool {
        self.room_skeletons.contains(&name.skeleton())
    }

    /// How many rooms there are.
    #[must_use]
    pub fn rooms_len(&self) -> usize {
        self.rooms.len()
    }

    /// The rooms whose folded names begin with `prefix` and stand after `after`, in the order of names.
    pub fn rooms_from(&self, prefix: &str, after: Option<&Name>) -> impl Iterator<Item = &Room> {
        page(&self.room_names, prefix, after).filter_map(|(_, id)| self.rooms.get(id))
    }

    /// Everyone else who is in a room with `name`, once each, in the order of names.
    #[must_use]
    pub fn sharing(&self, name: &Name) -> BTreeSet<&Name> {
        let rooms = self.account(name).map(Account::rooms).unwrap_or_default();
        rooms.iter().filter_map(|id| self.room(id)).flat_map(Room::members).filter(|&member| member != name).collect()
    }

    /// Changes that lead to this directory.
    #[must_use]
    pub fn to_changes(&self) -> Vec<Change> {
        let mut changes = Vec::new();
        for account in self.accounts.values() {
            let name = || account.name.clone();
            changes.push(Change::AccountAdded {
                name: name(),
                verifier: account.verifier.clone(),
                key: account.key,
                at: account.added,
            });
            if account.status != Status::default() || !account.status_text.as_str().is_empty() {
                let text = account.status_text.clone();
                changes.push(Change::AccountStatus { name: name(), status: account.status, text });
            }
            if !account.profile.as_str().is_empty() {
                changes.push(Change::AccountProfile { name: name(), text: account.profile.clone() });
            }
            if account.plaintext {
                changes.push(Change::AccountPlaintext { name: name(), open: true });
            }
            if account.last_seen != account.added {
                changes.push(Change::LastSeen { name: name(), at: account.last_seen });
            }
        }
        let mut memberships = Vec::new();
        for (&id, room) in &self.rooms {
            changes.push(Change::RoomAdded {
                record: room.record.clone(),
                owner: room.owner.clone(),
                capacity: room.capacity,
                epoch: room.epoch,
            });
            memberships.extend(room.members.iter().map(|member| (member.number, id, &member.name, room.epoch)));
        }
        memberships.sort_unstable_by_key(|&(number, ..)| number);
        changes.extend(memberships.into_iter().map(|(_, room, name, epoch)| Change::MemberAdded {
            room,
            name: name.clone(),
            epoch,
        }));
        changes
    }

    fn edit(&mut self, name: &Name, edit: impl FnOnce(&mut Account)) -> Result<(), Inconsistent> {
        self.accounts.get_mut(name.folded()).map(edit).ok_or(Inconsistent::UnknownUser)
    }

    fn add_account(
        &mut self,
        name: &Name,
        verifier: &Verifier,
        key: Option<Key>,
        at: Wall,
    ) -> Result<(), Inconsistent> {
        if !self.account_skeletons.insert(name.skeleton()) {
            return Err(Inconsistent::UserTaken);
        }
        if let Some(key) = key {
            self.keys.insert((key, name.folded().to_owned()));
        }
        let account = Account {
            name: name.clone(),
            verifier: verifier.clone(),
            key,
            status: Status::default(),
            status_text: StatusText::default(),
            profile: Profile::default(),
            plaintext: false,
            added: at,
            last_seen: at,
            rooms: Vec::new(),
        };
        self.accounts.insert(name.folded().to_owned(), account);
        Ok(())
    }

    fn set_key(&mut self, name: &Name, key: Option<Key>) -> Result<(), Inconsistent> {
        let account = self.accounts.get_mut(name.folded()).ok_or(Inconsistent::UnknownUser)?;
        if let Some(former) = std::mem::replace(&mut account.key, key) {
            self.keys.remove(&(former, name.folded().to_owned()));
        }
        if let Some(key) = key {
            self.keys.insert((key, name.folded().to_owned()));
        }
        Ok(())
    }

    fn add_room(
        &mut self,
        record: &CreationRecord,
        owner: &Name,
        capacity: u16,
        epoch: u64,
    ) -> Result<(), Inconsistent> {
        let (id, skeleton) = (record.id(), record.name.skeleton());
        if self.rooms.contains_key(&id) || self.room_skeletons.contains(&skeleton) {
            return Err(Inconsistent::RoomTaken);
        }
        if self.account(owner).is_none() {
            return Err(Inconsistent::UnknownUser);
        }
        self.room_names.insert(record.name.folded().to_owned(), id);
        self.room_skeletons.insert(skeleton);
        let room = Room { record: record.clone(), owner: owner.clone(), capacity, epoch, members: Vec::new() };
        self.rooms.insert(id, room);
        Ok(())
    }

    fn add_member(&mut self, id: RoomId, name: &Name, epoch: u64) -> Result<(), Inconsistent> {
        let room = self.rooms.get_mut(&id).ok_or(Inconsistent::UnknownRoom)?;
        let account = self.accounts.get_mut(name.folded()).ok_or(Inconsistent::UnknownUser)?;
        if room.has(name) {
            return Err(Inconsistent::MemberTwice);
        }
        self.memberships += 1;
        // As the account was registered, whatever the spelling of the change.
        room.members.push(Member { name: account.name.clone(), number: self.memberships });
        room.epoch = epoch;
        account.rooms.push(id);
        Ok(())
    }

    fn remove_member(&mut self, id: RoomId, name: &Name, epoch: u64) -> Result<(), Inconsistent> {
        let room = self.rooms.get_mut(&id).ok_or(Inconsistent::UnknownRoom)?;
        let account = self.accounts.get_mut(name.folded()).ok_or(Inconsistent::UnknownUser)?;
        let place = room.members().position(|member| member == name).ok_or(Inconsistent::NotMember)?;
        room.members.remove(place);
        room.epoch = epoch;
        account.rooms.retain(|room| *room != id);
        Ok(())
    }

    fn remove_room(&mut self, id: RoomId) -> Result<(), Inconsistent> {
        let room = self.rooms.remove(&id).ok_or(Inconsistent::UnknownRoom)?;
        self.room_names.remove(room.name().folded());
        self.room_skeletons.remove(&room.name().skeleton());
        for name in room.members() {
            if let Some(account) = self.accounts.get_mut(name.folded()) {
                account.rooms.retain(|room| *room != id);
            }
        }
        Ok(())
    }
}

impl Serialize for Directory {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_changes().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Directory {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_changes(&Vec::<Change>::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// What stands in a map of folded names behind `after` and begins with `prefix`, in the order of names.
pub(super) fn page<'a, T>(
    map: &'a BTreeMap<String, T>,
    prefix: &str,
    after: Option<&Name>,
) -> impl Iterator<Item = (&'a String, &'a T)> {
    let from = match after {
        Some(after) if after.folded() >= prefix => Bound::Excluded(after.folded()),
        Some(_) | None => Bound::Included(prefix),
    };
    let prefix = prefix.to_owned();
    map.range::<str, _>((from, Bound::Unbounded)).take_while(move |(folded, _)| folded.starts_with(&prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::new(text).expect("a valid name")
    }

    fn account(text: &str, key: u8) -> Change {
        let verifier = Verifier("phc".to_owned());
        Change::AccountAdded { name: name(text), verifier, key: Some(Key([key; 32])), at: Wall(1) }
    }

    fn record(text: &str) -> CreationRecord {
        CreationRecord { nonce: [1; 16], name: name(text), owner: Key([1; 32]), tracker: Key([9; 32]), flags: 0 }
    }

    fn room(text: &str, owner: &str) -> Change {
        Change::RoomAdded { record: record(text), owner: name(owner), capacity: 32, epoch: 0 }
    }

    fn member(text: &str, who: &str, epoch: u64) -> Change {
        Change::MemberAdded { room: record(text).id(), name: name(who), epoch }
    }

    fn directory(changes: &[Change]) -> Directory {
        Directory::from_changes(changes).expect("consistent changes")
    }

    fn populated() -> Directory {
        directory(&[
            account("Ana", 1),
            account("bia", 2),
            account("caio", 1),
            room("sala", "Ana"),
            room("cozinha", "bia"),
            member("cozinha", "bia", 1),
            member("sala", "ana", 1),
            member("sala", "bia", 2),
            member("cozinha", "ana", 2),
        ])
    }

    #[test]
    fn a_name_is_taken_by_case_and_by_look_alikes_for_accounts_and_rooms_apart() {
        let mut directory = directory(&[account("ana", 1), room("sala", "ana")]);
        for taken in ["ANA", "ａｎａ", "аnа"] {
            assert!(directory.is_account_taken(&name(taken)), "{taken}");
            assert_eq!(directory.apply(&account(taken, 2)), Err(Inconsistent::UserTaken));
        }
        for taken in ["Sala", "ѕala"] {
            assert!(directory.is_room_taken(&name(taken)), "{taken}");
            assert_eq!(directory.apply(&room(taken, "ana")), Err(Inconsistent::RoomTaken));
        }
        assert!(!directory.is_room_taken(&name("ana")) && !directory.is_account_taken(&name("sala")));
    }

    #[test]
    fn members_stand_in_the_order_in_which_they_came() {
        let directory = populated();
        let (id, sala) = directory.room_named(&name("SALA")).expect("it exists");
        assert_eq!(sala.members().map(Name::as_str).collect::<Vec<_>>(), ["Ana", "bia"]);
        assert_eq!((sala.epoch, sala.len(), sala.has(&name("caio"))), (2, 2, false));
        assert_eq!(directory.account(&name("bia")).expect("it exists").rooms(), [record("cozinha").id(), id]);
        assert_eq!(directory.sharing(&name("ana")), BTreeSet::from([&name("bia")]));
        assert!(directory.sharing(&name("caio")).is_empty());
    }

    #[test]
    fn a_key_leads_to_every_account_that_has_it_now() {
        let mut directory = populated();
        let named = |directory: &Directory, key| {
            directory.accounts_of(&Key([key; 32])).map(|account| account.name.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(named(&directory, 1), ["Ana", "caio"]);
        directory.apply(&Change::AccountKey { name: name("ana"), key: Some(Key([7; 32])) }).expect("consistent");
        assert_eq!((named(&directory, 1), named(&directory, 7)), (vec!["caio".to_owned()], vec!["Ana".to_owned()]));
    }

    #[test]
    fn leaving_and_deleting_take_every_trace_away() {
        let mut directory = populated();
        let id = record("sala").id();
        directory.apply(&Change::MemberRemoved { room: id, name: name("ana"), epoch: 3 }).expect("consistent");
        assert_eq!(
            directory.apply(&Change::MemberRemoved { room: id, name: name("ana"), epoch: 4 }),
            Err(Inconsistent::NotMember)
        );
        directory.apply(&Change::OwnerChanged { room: id, owner: name("bia"), epoch: 4 }).expect("consistent");
        let room = directory.room(&id).expect("it exists");
        assert_eq!((room.owner.as_str(), room.epoch), ("bia", 4));
        directory.apply(&Change::RoomRemoved { room: id }).expect("consistent");
        assert_eq!(directory.apply(&Change::RoomRemoved { room: id }), Err(Inconsistent::UnknownRoom));
        assert!(!directory.is_room_taken(&name("sala")));
        assert_eq!(directory.account(&name("bia")).expect("it exists").rooms(), [record("cozinha").id()]);
    }

    #[test]
    fn pages_begin_behind_a_name_and_keep_to_their_prefix() {
        let mut changes = vec![account("ana", 1)];
        changes.extend(["b1", "B2", "b3", "c1"].map(|text| room(text, "ana")));
        let directory = directory(&changes);
        let names = |prefix: &str, after: Option<&str>| {
            let after = after.map(name);
            directory.rooms_from(prefix, after.as_ref()).map(|room| room.name().to_string()).collect::<Vec<_>>()
        };
        assert_eq!(names("", None), ["b1", "B2", "b3", "c1"]);
        assert_eq!(names("b", Some("b1")), ["B2", "b3"]);
        assert_eq!(names("b", Some("a")), ["b1", "B2", "b3"]);
        assert_eq!(names("b", Some("c")), [""; 0]);
        assert_eq!(names("x", None), [""; 0]);
    }

    #[test]
    fn what_is_exported_leads_to_the_same_directory() {
        let mut directory = populated();
        let text = |text: &str| StatusText::new(text).expect("short");
        for change in [
            Change::AccountStatus { name: name("ana"), status: Status::Away, text: text("almoço") },
            Change::AccountProfile { name: name("bia"), text: Profile::new("olá").expect("short") },
            Change::AccountPlaintext { name: name("caio"), open: true },
            Change::LastSeen { name: name("ana"), at: Wall(77) },
            Change::MemberRemoved { room: record("sala").id(), name: name("ana"), epoch: 3 },
            Change::OwnerChanged { room: record("sala").id(), owner: name("bia"), epoch: 4 },
            member("sala", "caio", 5),
        ] {
            directory.apply(&change).expect("consistent");
        }
        let exported = directory.to_changes();
        let again = Directory::from_changes(&exported).expect("consistent");
        assert_eq!(again.to_changes(), exported);
        assert_eq!(again.accounts, directory.accounts);
        assert_eq!(again.keys, directory.keys);
    }

    #[test]
    fn a_change_that_does_not_follow_changes_nothing() {
        let mut directory = populated();
        let before = directory.to_changes();
        for (change, why) in [
            (member("sala", "ana", 9), Inconsistent::MemberTwice),
            (member("sala", "zé", 9), Inconsistent::UnknownUser),
            (member("nada", "ana", 9), Inconsistent::UnknownRoom),
            (room("nova", "zé"), Inconsistent::UnknownUser),
            (Change::LastSeen { name: name("zé"), at: Wall(1) }, Inconsistent::UnknownUser),
        ] {
            assert_eq!(directory.apply(&change), Err(why), "{change:?}");
        }
        assert_eq!(directory.to_changes(), before);
    }
}
