//! Pins: a key that was accepted stays until the person accepts another.

use std::collections::{BTreeMap, BTreeSet};

use papo_proto::{
    identity::Key,
    names::Name,
    peer::{Change, Command, Request, change::Realm},
};

use super::{Found, Invariant, known::Known};
use crate::sim::cast::PersonId;

/// See the [module](self).
pub(super) const PINS_STAY: Invariant = (
    "pins stay",
    "a pinned key is replaced only when its person trusts another, and the first one for an account is the account's",
);

/// What people accepted.
#[derive(Debug, Default)]
pub(super) struct Trust {
    /// How often someone said that it trusts a user.
    users: BTreeMap<(PersonId, Name), usize>,
    trackers: BTreeSet<(PersonId, Key)>,
}

impl Trust {
    pub(super) fn on_asked(&mut self, person: PersonId, command: &Command) {
        match command {
            Command::Ask { request: Request::Trust { user }, .. } => {
                *self.users.entry((person, user.clone())).or_default() += 1;
            }
            Command::TrustTracker { key, accept: true } => {
                self.trackers.insert((person, *key));
            }
            _ => {}
        }
    }

    /// A change is about to be on someone's disk.
    pub(super) fn on_kept(&mut self, known: &Known, person: PersonId, change: &Change, found: &mut Found) {
        let disk = &known.disks[person];
        match change {
            Change::Pinned { realm, name, key } => {
                if let Some(old) = disk.pins.get(&(*realm, name.clone())).filter(|old| *old != key) {
                    let trusted = self.users.get_mut(&(person, name.clone())).filter(|count| **count > 0);
                    found.check(trusted.is_some(), PINS_STAY, || {
                        format!("person {person} pins {key:?} for {name:?} in place of {old:?} unasked")
                    });
                    if let Some(count) = trusted {
                        *count -= 1;
                    }
                }
                let tracker = |realm: &Realm| {
                    known.who.cast.trackers.iter().position(|tracker| *realm == Realm::Tracker(tracker.identity.key()))
                };
                if let Some(tracker) = tracker(realm) {
                    let account = known.directories[tracker].account(name);
                    let of_account = account.is_some_and(|account| account.keys.contains(key));
                    found.check(of_account, PINS_STAY, || {
                        format!("person {person} pins {key:?} for the account {name:?}, which never had it")
                    });
                }
            }
            Change::TrackerPinned { address, key } => {
                let named = known.who.cast.people[person].tracker_address.as_ref().and_then(|address| address.key);
                let former = disk.trackers.get(address);
                // A key that the person named counts more than a pin.
                let fits = match named {
                    Some(named) => named == *key,
                    None => former.is_none() || former == Some(key) || self.trackers.contains(&(person, *key)),
                };
                found.check(fits, PINS_STAY, || {
                    format!("person {person} pins {key:?} for the tracker {address} in place of {former:?} unasked")
                });
            }
            _ => {}
        }
    }
}
