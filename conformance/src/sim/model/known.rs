//! Who is who, and what is on every disk.

use std::collections::BTreeMap;

use papo_proto::{
    identity::Key,
    names::{NAME_CHARS_MAX, Name},
    peer::Request,
    time::Time,
    tracker,
    wire::room::RoomId,
};

use super::{
    Found,
    directory::{Directory, Wanted},
    disk::Disk,
};
use crate::sim::cast::{Cast, PersonId, TrackerId};

/// Who takes part, by key.
pub(super) struct Who {
    pub(super) cast: Cast,
    /// Of people, on the device that each has now.
    pub(super) keys: Vec<Key>,
    /// On every device that each ever had.
    by_key: BTreeMap<Key, PersonId>,
}

impl Who {
    /// Whose key that is; nobody's of the cast when somebody hostile has it.
    pub(super) fn person(&self, key: &Key) -> Option<PersonId> {
        self.by_key.get(key).copied()
    }
}

/// See the [module](self).
pub(super) struct Known {
    pub(super) who: Who,
    pub(super) directories: Vec<Directory>,
    pub(super) disks: Vec<Disk>,
    /// What people asked their trackers to take away, and how often.
    wanted: BTreeMap<(PersonId, Wanted, Name), usize>,
}

impl Known {
    pub(super) fn new(cast: &Cast) -> Self {
        let keys = cast.people.iter().map(|person| person.identity.key()).collect::<Vec<_>>();
        let by_key = keys.iter().enumerate().map(|(person, key)| (*key, person)).collect();
        Self {
            directories: cast.trackers.iter().map(|_| Directory::default()).collect(),
            disks: cast.people.iter().map(|_| Disk::default()).collect(),
            who: Who { cast: cast.clone(), keys, by_key },
            wanted: BTreeMap::new(),
        }
    }

    /// Someone lost its device, and has another one: what is on its disk begins anew. What the old device had kept and
    /// acknowledged may still be told to others.
    pub(super) fn on_new_device(&mut self, person: PersonId, key: Key) {
        self.who.keys[person] = key;
        self.who.by_key.insert(key, person);
        let lost = std::mem::take(&mut self.disks[person]);
        self.disks[person].heard_before = lost.heard_before.into_iter().chain(lost.heard).collect();
    }

    pub(super) fn on_asked(&mut self, person: PersonId, request: &Request) {
        let (wanted, room) = match request {
            Request::Leave { room } => (Wanted::Leave, room),
            Request::Delete { room } => (Wanted::Delete, room),
            _ => return,
        };
        *self.wanted.entry((person, wanted, room.clone())).or_default() += 1;
    }

    /// A change is on a tracker's disk.
    pub(super) fn apply_tracker(&mut self, tracker: TrackerId, at: Time, change: &tracker::Change, found: &mut Found) {
        let (who, wanted) = (&self.who, &mut self.wanted);
        // Of the people who have had the account, one must have asked for it, and is taken at its word once.
        let mut may = |keys: &[Key], what: Wanted, room: &Name| {
            let people = keys.iter().map(|key| who.person(key)).collect::<Vec<_>>();
            // Somebody hostile may ask for whatever it likes, unseen.
            people.iter().any(Option::is_none)
                || people.iter().flatten().any(|person| match wanted.get_mut(&(*person, what, room.clone())) {
                    Some(count) if *count > 0 => {
                        *count -= 1;
                        true
                    }
                    _ => false,
                })
        };
        self.directories[tracker].apply(at, change, &mut may, found);
    }

    /// The tracker that keeps the roster of a room, if it ever did.
    pub(super) fn directory_of(&self, room: &RoomId) -> Option<&Directory> {
        self.directories.iter().find(|directory| directory.past(room).is_some())
    }

    /// Whether somebody with that key was ever in that room.
    pub(super) fn was_member(&self, room: &RoomId, key: &Key) -> bool {
        self.directory_of(room).is_some_and(|directory| directory.was_member(room, key))
    }

    /// Whether a name stands for someone, on a device with this key: its own, its account's, or a label of these.
    pub(super) fn stands_for(&self, name: &Name, person: PersonId, key: &Key) -> bool {
        let own = &self.who.cast.people[person].name;
        let accounts = self.directories.iter().flat_map(|directory| directory.accounts_of(key));
        std::iter::once(own).chain(accounts).any(|own| name == own || is_label(name, own, key))
    }
}

/// Whether a name is what someone is called where its own name might mean someone else: `name~KEY8`, or digits.
fn is_label(label: &Name, name: &Name, key: &Key) -> bool {
    let suffix = format!("~{}", key.short());
    let start = name.as_str().chars().take(NAME_CHARS_MAX - suffix.len()).collect::<String>();
    let digits = key.to_string().chars().take(NAME_CHARS_MAX).collect::<String>();
    [format!("{start}{suffix}"), digits].iter().any(|text| Name::new(text).as_ref() == Ok(label))
}
