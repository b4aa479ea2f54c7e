//! What a peer keeps: pins, blocks, what is not acknowledged yet, how far every log was followed, and the log itself.

use serde::{Deserialize, Serialize};

use crate::{
    identity::Key,
    names::Name,
    time::Wall,
    wire::{
        peer::{Have, PrivateMessage, Scope},
        room::{CreationRecord, EntryId, RoomId, SignedEntry},
    },
};

/// The world in which a name means one person: the accounts of a tracker, or a network without one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Realm {
    /// The accounts of this tracker.
    Tracker(Key),
    /// Labels on a network without a tracker.
    Lan,
}

/// What was received, as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incoming {
    /// Counts what was received here, from 1 without a gap: how far it was shown is kept by this number.
    pub number: u64,
    /// The message's id, as its author knows it.
    pub id: String,
    /// The author's name when it came.
    pub from: Name,
    /// Where it was said; `None` outside of rooms.
    pub room: Option<Name>,
    /// To whom it was said, outside of rooms.
    pub scope: Option<Scope>,
    /// The author's wall clock.
    pub at: Wall,
    /// What was said.
    pub text: String,
    /// Something that it follows had not been seen.
    pub gap: bool,
}

/// One change of what a peer keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// A tracker's key was accepted.
    TrackerPinned {
        /// `HOST:PORT` as the person gives it.
        address: String,
        /// Its key.
        key: Key,
    },
    /// Someone's key was accepted, in place of any former one.
    Pinned {
        /// Where the name holds.
        realm: Realm,
        /// Who.
        name: Name,
        /// The key.
        key: Key,
    },
    /// The person compared the digits and found them equal, or took that back.
    Verified {
        /// Whose.
        key: Key,
        /// Whether.
        verified: bool,
    },
    /// Someone is talked to no longer, or again.
    Blocked {
        /// Where the name holds.
        realm: Realm,
        /// Who.
        name: Name,
        /// Whether.
        blocked: bool,
    },
    /// A room that this peer is in.
    RoomEntered {
        /// What makes it this room.
        record: CreationRecord,
    },
    /// A room that this peer is in no longer; what waits there is dropped.
    RoomForgotten {
        /// Which.
        room: RoomId,
    },
    /// Entries that a newcomer need not wait for.
    Baseline {
        /// The room.
        room: RoomId,
        /// Which.
        heads: Vec<EntryId>,
    },
    /// This peer said something in a room.
    EntrySaid {
        /// The entry.
        entry: SignedEntry,
        /// Who is to acknowledge it.
        receivers: Vec<Key>,
    },
    /// Someone else's entry.
    EntrySeen {
        /// The entry.
        entry: SignedEntry,
        /// How it is shown.
        incoming: Incoming,
    },
    /// This peer said something outside of rooms.
    PrivateSaid {
        /// The message.
        message: PrivateMessage,
        /// Who is to acknowledge it.
        receivers: Vec<Key>,
    },
    /// Someone else's message outside of rooms.
    PrivateSeen {
        /// Whose.
        author: Key,
        /// Its place in the author's log.
        have: Have,
        /// How it is shown.
        incoming: Incoming,
    },
    /// A receiver has everything of this peer's log in the room up to here.
    EntriesAcknowledged {
        /// The room.
        room: RoomId,
        /// Who.
        receiver: Key,
        /// Up to here.
        have: Have,
    },
    /// A receiver has everything that was said to it outside of rooms up to here.
    PrivateAcknowledged {
        /// Who.
        receiver: Key,
        /// Up to here.
        have: Have,
    },
    /// A receiver will not get what waits for it: it left the room, or (without a room) it is blocked.
    ReceiverDropped {
        /// The room, or what was said outside of rooms.
        room: Option<RoomId>,
        /// Who.
        receiver: Key,
    },
    /// What waits for a receiver waits for its new key.
    ReceiverMoved {
        /// The former key.
        from: Key,
        /// The accepted one.
        to: Key,
    },
}

/// What is kept of one room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomLog {
    /// What makes it this room.
    pub record: CreationRecord,
    /// This peer's own last number there; 0 for none.
    pub said: u64,
    /// How far each author's log was followed.
    pub seen: Vec<(Key, Have)>,
    /// The last entries that are known, oldest first, with their parents; at most `entries_known_max`.
    pub known: Vec<(EntryId, Vec<EntryId>)>,
}

/// Something said that is not acknowledged by all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unacknowledged {
    /// In a room.
    Entry {
        /// What.
        entry: SignedEntry,
        /// Who has not acknowledged it.
        receivers: Vec<Key>,
    },
    /// Outside of rooms.
    Private {
        /// What.
        message: PrivateMessage,
        /// Who has not acknowledged it.
        receivers: Vec<Key>,
    },
}

/// The stored state that a peer starts from: what the changes so far have led to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// The number of this peer's logs, drawn when its store was made; never 0.
    pub log: u64,
    /// Trackers, by address.
    pub trackers: Vec<(String, Key)>,
    /// Accepted keys.
    pub pins: Vec<(Realm, Name, Key)>,
    /// Keys whose digits were compared.
    pub verified: Vec<Key>,
    /// Who is not talked to.
    pub blocked: Vec<(Realm, Name)>,
    /// Rooms.
    pub rooms: Vec<RoomLog>,
    /// The last number of what this peer said outside of rooms; 0 for none.
    pub private_said: u64,
    /// How far each author was followed outside of rooms.
    pub private_seen: Vec<(Key, Have)>,
    /// In the order in which it was said.
    pub unacknowledged: Vec<Unacknowledged>,
    /// The last number given to something received; 0 for none.
    pub received: u64,
    /// What was received and kept, and may not have been shown before the program ended.
    pub unshown: Vec<Incoming>,
}
