//! What this peer said and not everyone has acknowledged.
//!
//! For each receiver, by key: what waits outside of rooms, and what waits in each room, in the order of its numbers.
//! A link walks along these queues with a cursor of its own; an acknowledgement takes everything up to a number.
//!
//! Invariant: a message is here exactly as long as some receiver has not acknowledged it and still is one.

use std::{collections::BTreeMap, sync::Arc};

use sha2::{Digest as _, Sha256};

use crate::{
    identity::Key,
    wire::{
        peer::PrivateMessage,
        room::{RoomId, SignedEntry},
    },
};

/// Where something was said: in a room, or outside of rooms.
pub type Place = Option<RoomId>;

/// Something that waits for an acknowledgement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// Said in a room.
    Entry(SignedEntry),
    /// Said outside of rooms.
    Private(PrivateMessage),
}

impl Message {
    /// Its number in its log.
    #[must_use]
    pub const fn seq(&self) -> u64 {
        match self {
            Self::Entry(entry) => entry.entry.seq,
            Self::Private(message) => message.seq,
        }
    }

    /// The id under which this peer knows it.
    #[must_use]
    pub fn id(&self, author: &Key) -> String {
        match self {
            Self::Entry(entry) => entry.entry.id().to_string(),
            Self::Private(message) => private_id(author, message.log, message.seq),
        }
    }
}

/// The id of a message outside of rooms: the first 16 bytes of SHA-256(context ‖ author ‖ log ‖ seq), in hex.
#[must_use]
pub fn private_id(author: &Key, log: u64, seq: u64) -> String {
    let mut hash = Sha256::new();
    hash.update(b"papo/1 private message\n");
    hash.update(author.0);
    hash.update(log.to_be_bytes());
    hash.update(seq.to_be_bytes());
    crate::hex::encode(&hash.finalize()[..16])
}

/// The queues of all receivers.
#[derive(Debug, Default)]
pub struct Outbox {
    queues: BTreeMap<Key, BTreeMap<Place, BTreeMap<u64, Arc<Message>>>>,
}

impl Outbox {
    /// Queues a message for a receiver.
    pub fn add(&mut self, receiver: Key, place: Place, message: Arc<Message>) {
        self.queues.entry(receiver).or_default().entry(place).or_default().insert(message.seq(), message);
    }

    /// The receiver has everything up to `seq`: what that was, in order.
    pub fn acknowledge(&mut self, receiver: &Key, place: Place, seq: u64) -> Vec<Arc<Message>> {
        let Some(places) = self.queues.get_mut(receiver) else { return Vec::new() };
        let Some(queue) = places.get_mut(&place) else { return Vec::new() };
        let rest = queue.split_off(&seq.saturating_add(1));
        let taken = std::mem::replace(queue, rest);
        self.tidy(receiver);
        taken.into_values().collect()
    }

    /// The receiver will not get what waits for it there: how much that was.
    pub fn drop_place(&mut self, receiver: &Key, place: Place) -> usize {
        let dropped = self.queues.get_mut(receiver).and_then(|places| places.remove(&place)).map_or(0, |q| q.len());
        self.tidy(receiver);
        dropped
    }

    /// What waits for one key waits for another.
    pub fn move_receiver(&mut self, from: &Key, to: Key) {
        for (place, queue) in self.queues.remove(from).unwrap_or_default() {
            self.queues.entry(to).or_default().entry(place).or_default().extend(queue);
        }
    }

    /// The first message for a receiver above `seq`.
    #[must_use]
    pub fn next_after(&self, receiver: &Key, place: Place, seq: u64) -> Option<&Arc<Message>> {
        let above = seq.checked_add(1)?;
        self.queues.get(receiver)?.get(&place)?.range(above..).next().map(|(_, message)| message)
    }

    /// The number of the first message that waits for a receiver in one place.
    #[must_use]
    pub fn first_in(&self, receiver: &Key, place: Place) -> Option<u64> {
        self.queues.get(receiver)?.get(&place)?.keys().next().copied()
    }

    /// How much waits for a receiver.
    #[must_use]
    pub fn waiting(&self, receiver: &Key) -> usize {
        self.queues.get(receiver).map_or(0, |places| places.values().map(BTreeMap::len).sum())
    }

    /// How much waits for a receiver in one place.
    #[must_use]
    pub fn waiting_in(&self, receiver: &Key, place: Place) -> usize {
        self.queues.get(receiver).and_then(|places| places.get(&place)).map_or(0, BTreeMap::len)
    }

    /// Everyone for whom something waits.
    pub fn receivers(&self) -> impl Iterator<Item = &Key> {
        self.queues.keys()
    }

    /// Everyone for whom something waits in a room.
    pub fn receivers_in(&self, room: RoomId) -> impl Iterator<Item = Key> {
        self.queues.iter().filter(move |(_, places)| places.contains_key(&Some(room))).map(|(key, _)| *key)
    }

    /// How many messages wait for someone, each counted once for each receiver.
    #[must_use]
    pub fn len(&self) -> usize {
        self.queues.keys().map(|receiver| self.waiting(receiver)).sum()
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.queues.is_empty()
    }

    fn tidy(&mut self, receiver: &Key) {
        if let Some(places) = self.queues.get_mut(receiver) {
            places.retain(|_, queue| !queue.is_empty());
            if places.is_empty() {
                self.queues.remove(receiver);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        time::Wall,
        wire::{peer::Scope, room::Said},
    };

    const ANA: Key = Key([1; 32]);
    const BIA: Key = Key([2; 32]);

    fn message(seq: u64) -> Arc<Message> {
        let text = Said::new("x").expect("short");
        Arc::new(Message::Private(PrivateMessage { log: 1, seq, scope: Scope::Private, at: Wall(0), text }))
    }

    fn outbox(seqs: impl IntoIterator<Item = u64>) -> Outbox {
        let mut outbox = Outbox::default();
        for seq in seqs {
            outbox.add(ANA, None, message(seq));
        }
        outbox
    }

    #[test]
    fn an_acknowledgement_takes_everything_up_to_its_number_for_its_receiver_alone() {
        let mut outbox = outbox([1, 2, 5]);
        outbox.add(BIA, None, message(1));
        let taken = outbox.acknowledge(&ANA, None, 4);
        assert_eq!(taken.iter().map(|message| message.seq()).collect::<Vec<_>>(), [1, 2]);
        assert_eq!((outbox.waiting(&ANA), outbox.waiting(&BIA), outbox.len()), (1, 1, 2));
        assert_eq!(outbox.acknowledge(&ANA, None, u64::MAX).len(), 1);
        assert_eq!(outbox.acknowledge(&ANA, None, u64::MAX).len(), 0);
        outbox.acknowledge(&BIA, None, 1);
        assert!(outbox.is_empty());
    }

    #[test]
    fn a_cursor_walks_along_a_queue() {
        let outbox = outbox([3, 7]);
        assert_eq!(outbox.next_after(&ANA, None, 0).map(|message| message.seq()), Some(3));
        assert_eq!(outbox.next_after(&ANA, None, 3).map(|message| message.seq()), Some(7));
        assert!(outbox.next_after(&ANA, None, 7).is_none());
        assert!(outbox.next_after(&ANA, None, u64::MAX).is_none());
        assert!(outbox.next_after(&BIA, None, 0).is_none());
    }

    #[test]
    fn what_waits_can_move_to_another_key_or_be_dropped() {
        let mut outbox = outbox([1, 2]);
        outbox.move_receiver(&ANA, BIA);
        assert_eq!((outbox.waiting(&ANA), outbox.waiting_in(&BIA, None)), (0, 2));
        assert_eq!(outbox.drop_place(&BIA, None), 2);
        assert!(outbox.is_empty());
    }
}
