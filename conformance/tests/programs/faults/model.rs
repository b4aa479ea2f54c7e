//! What a tracker has confirmed, as a small model, and the comparison with what it still knows.
//!
//! A request that was sent and not answered may have been done or not: the model then takes what it finds, once, and
//! holds the tracker to that from there on.

use std::collections::{BTreeMap, BTreeSet};

use papo_proto::{
    identity::{Identity, Key},
    wire::tracker::FromTracker,
};

use crate::support::{
    raw::{Raw, secret},
    tracker::Tracker,
};

/// Whether something is so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Is {
    Yes,
    No,
    /// It was asked for, and the answer never came.
    Perhaps,
}

/// A room, whose name is used once only.
#[derive(Debug)]
struct Room {
    owner: String,
    stands: Is,
    /// It was asked to be deleted: who is still told that it joined says nothing about now.
    deletion: bool,
    members: BTreeMap<String, Is>,
}

/// Everything that was confirmed, and what may be.
#[derive(Debug, Default)]
pub(super) struct Model {
    accounts: BTreeMap<String, (u32, Is)>,
    rooms: BTreeMap<String, Room>,
    /// Accounts that were not looked for yet.
    fresh: BTreeSet<String>,
}

impl Model {
    /// An account is asked for, or made.
    pub(super) fn account(&mut self, name: &str, identity: u32, is: Is) {
        self.accounts.insert(name.to_owned(), (identity, is));
        self.fresh.insert(name.to_owned());
    }

    /// Its owner asks for a room, or was told that it stands.
    pub(super) fn create(&mut self, owner: &str, room: &str, is: Is) {
        let members = BTreeMap::from([(owner.to_owned(), Is::Yes)]);
        let made = || Room { owner: owner.to_owned(), stands: is, deletion: false, members };
        self.rooms.entry(room.to_owned()).or_insert_with(made).stands = is;
    }

    /// Its owner asks for its end (`Perhaps`), or was told of it (`No`).
    pub(super) fn delete(&mut self, room: &str, is: Is) {
        if let Some(room) = self.rooms.get_mut(room) {
            room.stands = is;
            room.deletion = true;
        }
    }

    /// Someone is in a room, or not, or asks to be.
    pub(super) fn member(&mut self, who: &str, room: &str, is: Is) {
        let Some(room) = self.rooms.get_mut(room) else { return };
        room.members.insert(who.to_owned(), is);
        if is == Is::Yes && !room.deletion {
            // What someone is in was made, even if its owner never heard of it.
            room.stands = Is::Yes;
        }
    }

    /// Rooms that may stand, of everyone but `who`.
    pub(super) fn rooms_of_others(&self, who: &str) -> Vec<String> {
        self.named(|room| room.owner != who && room.stands != Is::No)
    }

    /// Rooms that stand, of `who`.
    pub(super) fn rooms_of(&self, who: &str) -> Vec<String> {
        self.named(|room| room.owner == who && room.stands == Is::Yes && !room.deletion)
    }

    fn named(&self, wanted: impl Fn(&Room) -> bool) -> Vec<String> {
        self.rooms.iter().filter(|(_, room)| wanted(room)).map(|(name, _)| name.clone()).collect()
    }

    /// How much is known: accounts, rooms, memberships.
    pub(super) fn count(&self) -> (usize, usize, usize) {
        let stand = self.rooms.values().filter(|room| room.stands == Is::Yes);
        let memberships = stand.clone().map(|room| room.members.values().filter(|is| **is == Is::Yes).count()).sum();
        (self.accounts.values().filter(|(_, is)| *is == Is::Yes).count(), stand.count(), memberships)
    }

    /// Compares with what the tracker says, all rooms and those accounts that were not compared yet (or all).
    #[track_caller]
    pub(super) fn check(&mut self, tracker: &Tracker, auditor: (&str, u32), all_accounts: bool) {
        let mut client = Raw::connect(tracker.address, auditor.1).expect("it is back");
        let welcome = client.log_in_by_key(auditor.0).expect("it answers");
        assert!(matches!(welcome, FromTracker::Welcome { .. }), "{welcome:?}");
        self.check_rooms(&client.rooms().expect("it lists its rooms"));
        let fresh = std::mem::take(&mut self.fresh);
        for (name, (identity, is)) in &mut self.accounts {
            if all_accounts || fresh.contains(name) {
                let key = Identity::from_secret(&secret(*identity)).key();
                check_account(&mut client, name, key, is);
            }
        }
    }

    #[track_caller]
    fn check_rooms(&mut self, told: &BTreeMap<String, (String, BTreeSet<String>)>) {
        for name in told.keys() {
            assert!(self.rooms.contains_key(name), "nobody ever asked for {name}");
        }
        for (name, room) in &mut self.rooms {
            let Some((owner, members)) = told.get(name) else {
                assert!(room.stands != Is::Yes, "{name} is lost");
                room.stands = Is::No;
                continue;
            };
            assert!(room.stands != Is::No, "{name} is back");
            assert_eq!(*owner, room.owner, "of {name}");
            for member in members {
                assert!(room.members.contains_key(member), "{member} never asked for {name}");
            }
            for (member, is) in &mut room.members {
                let is_told = members.contains(member);
                match is {
                    Is::Yes => assert!(is_told, "{member} is no more in {name}"),
                    Is::No => assert!(!is_told, "{member} is in {name} again"),
                    Is::Perhaps => *is = if is_told { Is::Yes } else { Is::No },
                }
            }
            // Who asked for its end, in vain, may ask again.
            (room.stands, room.deletion) = (Is::Yes, false);
        }
        // What is gone is known to be gone; a name is used once.
        self.rooms.retain(|_, room| room.stands != Is::No);
    }
}

#[track_caller]
fn check_account(client: &mut Raw, name: &str, key: Key, is: &mut Is) {
    match client.whois(name).expect("it answers") {
        FromTracker::Whois { contact, .. } => {
            assert_eq!(contact.key, Some(key), "the key of {name}");
            *is = Is::Yes;
        }
        FromTracker::Failed { failure, .. } => {
            assert!(*is != Is::Yes, "the account of {name} is lost: {failure:?}");
            *is = Is::No;
        }
        other => panic!("{other:?}"),
    }
}
