//! What is on a person's disk, folded from the durable changes of all of its processes.

use std::collections::{BTreeMap, BTreeSet};

use papo_proto::{
    identity::Key,
    names::Name,
    peer::{
        Change,
        change::Realm,
        outbox::{Place, private_id},
    },
    wire::room::RoomId,
};

/// Something that waits no longer for a receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Released {
    /// The message.
    pub(super) id: String,
    /// For whom it waited.
    pub(super) receiver: Key,
    /// Whether the receiver has it; else it will never get it.
    pub(super) acknowledged: bool,
}

/// By number: the ids of messages.
type Queue = BTreeMap<u64, String>;

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct Disk {
    pub(super) pins: BTreeMap<(Realm, Name), Key>,
    /// Every key that was ever pinned for a name.
    pub(super) pinned_ever: BTreeMap<Name, BTreeSet<Key>>,
    pub(super) trackers: BTreeMap<String, Key>,
    pub(super) blocked: BTreeSet<(Realm, Name)>,
    /// Rooms that it is in, with their names.
    pub(super) rooms: BTreeMap<RoomId, Name>,
    /// Ids of what others said.
    pub(super) heard: BTreeSet<String>,
    /// Ids of what others said to devices that are lost.
    pub(super) heard_before: BTreeSet<String>,
    /// Ids of what it said.
    pub(super) said: BTreeSet<String>,
    waiting: BTreeMap<Key, BTreeMap<Place, Queue>>,
}

impl Disk {
    /// Whether a key is that of somebody who is blocked.
    pub(super) fn blocks(&self, key: &Key) -> bool {
        self.blocked.iter().any(|id| self.pins.get(id) == Some(key))
    }

    /// Whether what others said is kept, or was on a device that is lost.
    pub(super) fn has_heard(&self, id: &str) -> bool {
        self.heard.contains(id) || self.heard_before.contains(id)
    }

    /// Whether some name means that key now.
    pub(super) fn is_pinned(&self, name: &Name, key: &Key) -> bool {
        self.pins.iter().any(|((_, pinned), of)| pinned == name && of == key)
    }

    /// How many messages wait for a receiver.
    pub(super) fn waiting_for(&self, receiver: &Key) -> usize {
        self.waiting.get(receiver).map_or(0, |places| places.values().map(BTreeMap::len).sum())
    }

    /// What waits for a receiver: ids.
    pub(super) fn waiting_ids<'a>(&'a self, receiver: &Key) -> impl Iterator<Item = &'a String> {
        self.waiting.get(receiver).into_iter().flat_map(BTreeMap::values).flat_map(BTreeMap::values)
    }

    /// A change is on the disk of whoever has the key `me`: what waits no longer because of it.
    pub(super) fn apply(&mut self, change: &Change, me: &Key) -> Vec<Released> {
        match change {
            Change::TrackerPinned { address, key } => {
                self.trackers.insert(address.clone(), *key);
            }
            Change::Pinned { realm, name, key } => {
                self.pins.insert((*realm, name.clone()), *key);
                self.pinned_ever.entry(name.clone()).or_default().insert(*key);
            }
            Change::Blocked { realm, name, blocked: true } => {
                self.blocked.insert((*realm, name.clone()));
            }
            Change::Blocked { realm, name, blocked: false } => {
                self.blocked.remove(&(*realm, name.clone()));
            }
            Change::RoomEntered { record } => {
                self.rooms.insert(record.id(), record.name.clone());
            }
            Change::RoomForgotten { room } => {
                self.rooms.remove(room);
                let receivers = self.waiting.keys().copied().collect::<Vec<_>>();
                let place = Some(*room);
                return receivers.iter().flat_map(|key| self.release(key, place, u64::MAX, false)).collect();
            }
            Change::EntrySaid { entry, receivers } => {
                let id = entry.entry.id().to_string();
                self.say(Some(entry.entry.room), entry.entry.seq, &id, receivers);
            }
            Change::PrivateSaid { message, receivers } => {
                self.say(None, message.seq, &private_id(me, message.log, message.seq), receivers);
            }
            Change::EntrySeen { incoming, .. }
            | Change::PrivateSeen { incoming, .. }
            | Change::PlaintextSeen { incoming } => {
                self.heard.insert(incoming.id.clone());
            }
            Change::EntriesAcknowledged { room, receiver, have } => {
                return self.release(receiver, Some(*room), have.seq, true);
            }
            Change::PrivateAcknowledged { receiver, have } => return self.release(receiver, None, have.seq, true),
            Change::ReceiverDropped { room, receiver } => return self.release(receiver, *room, u64::MAX, false),
            Change::ReceiverMoved { from, to } => {
                for (place, queue) in self.waiting.remove(from).unwrap_or_default() {
                    self.waiting.entry(*to).or_default().entry(place).or_default().extend(queue);
                }
            }
            Change::Verified { .. }
            | Change::Welcomed { .. }
            | Change::Described { .. }
            | Change::Baseline { .. }
            | Change::TransferOffered { .. }
            | Change::TransferAccepted { .. }
            | Change::TransferManifest { .. }
            | Change::TransferPaused { .. }
            | Change::TransferWhole { .. }
            | Change::TransferEnded { .. }
            | Change::TransferForgotten { .. } => {}
        }
        Vec::new()
    }

    fn say(&mut self, place: Place, seq: u64, id: &str, receivers: &[Key]) {
        self.said.insert(id.to_owned());
        for receiver in receivers {
            self.waiting.entry(*receiver).or_default().entry(place).or_default().insert(seq, id.to_owned());
        }
    }

    fn release(&mut self, receiver: &Key, place: Place, up_to: u64, acknowledged: bool) -> Vec<Released> {
        let Some(queue) = self.waiting.get_mut(receiver).and_then(|places| places.get_mut(&place)) else {
            return Vec::new();
        };
        let rest = queue.split_off(&up_to.saturating_add(1));
        let taken = std::mem::replace(queue, rest);
        let released = |id| Released { id, receiver: *receiver, acknowledged };
        // The last number of all would be left by the split; nobody counts so far.
        taken.into_values().map(released).collect()
    }
}
