//! What a peer keeps: pins, blocks, what is not acknowledged yet, how far every log was followed, and the log itself.

use serde::{Deserialize, Serialize};

use crate::{
    identity::Key,
    names::Name,
    time::Wall,
    wire::{
        peer::{About, Have, PrivateMessage, Scope},
        room::{CreationRecord, EntryId, RoomId, SignedEntry},
        transfer::{Hash, Offer, Reason, TransferId},
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
    /// It came in plain text: anybody on the way may have read or written it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub plaintext: bool,
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
    /// What this peer says of itself where it has no tracker.
    Described {
        /// All of it.
        about: About,
    },
    /// A room that this peer is in.
    RoomEntered {
        /// What makes it this room.
        record: CreationRecord,
    },
    /// A room that this peer is in no longer; what waits there is dropped. How far its logs were followed
    /// is kept.
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
    /// What someone said in plain text.
    PlaintextSeen {
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
    /// Someone who was turned away is welcome again, and is to be called; or has been linked since.
    Welcomed {
        /// Where the name holds.
        realm: Realm,
        /// Whose.
        name: Name,
        /// Whether.
        welcomed: bool,
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
    /// A transfer was offered, by this peer or to it.
    TransferOffered {
        /// What is kept of it.
        transfer: Transfer,
    },
    /// This peer takes a transfer.
    TransferAccepted {
        /// Its number.
        transfer: u64,
        /// Whether what is executable there is so here.
        executable: bool,
    },
    /// More of a transfer's manifest has arrived.
    TransferManifest {
        /// Its number.
        transfer: u64,
        /// What follows what was there.
        #[serde(with = "crate::hex::bytes")]
        bytes: Vec<u8>,
    },
    /// This peer holds a transfer, or lets it go on.
    TransferPaused {
        /// Its number.
        transfer: u64,
        /// Whether it is held.
        paused: bool,
    },
    /// All of a transfer has arrived and is as it was sent; it is about to be given its name.
    TransferWhole {
        /// Its number.
        transfer: u64,
        /// The SHA-256 of its stream.
        sha256: Hash,
    },
    /// A transfer has ended. What is kept of it from now on is what the other end may ask for again.
    TransferEnded {
        /// Its number.
        transfer: u64,
        /// How; `None` where it has arrived.
        reason: Option<Reason>,
    },
    /// Nothing of a transfer is needed any more.
    TransferForgotten {
        /// Its number.
        transfer: u64,
    },
}

/// What is kept of one transfer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transfer {
    /// Counts the transfers of this peer, both ways, from 1.
    pub number: u64,
    /// Names it for both ends.
    pub id: TransferId,
    /// The other end.
    pub with: Key,
    /// The other end's name when it was offered.
    pub user: Name,
    /// What it is.
    pub offer: Offer,
    /// Whether this peer holds it.
    pub paused: bool,
    /// Which way it goes, and how far it has come.
    pub way: Way,
}

/// Which way a transfer goes, and how far it has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// From this peer.
    Outgoing {
        /// Where it is.
        path: String,
        /// SHA-256 over what a scan gave: it is offered as long as another scan gives the same.
        scanned: Hash,
        /// How much of it is not sent: links, special files and the like.
        #[serde(default)]
        skipped: u64,
        /// Why it ended, where the receiver has not confirmed that.
        ended: Option<Reason>,
    },
    /// To this peer.
    Incoming(Arrival),
}

/// How far a transfer to this peer has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arrival {
    /// The person has not decided.
    Offered,
    /// It is taken.
    Accepted {
        /// Whether what is executable there is so here.
        executable: bool,
        /// What has arrived of its manifest.
        #[serde(with = "crate::hex::bytes")]
        manifest: Vec<u8>,
        /// The SHA-256 of its stream, once all of that is there and checked.
        whole: Option<Hash>,
    },
    /// It has ended: what the sender is told when it asks again. Without a reason it has arrived.
    Ended(Option<Reason>),
}

/// What is kept of one room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomLog {
    /// What makes it this room.
    pub record: CreationRecord,
    /// This peer's own last number there; 0 for none.
    #[serde(deserialize_with = "crate::limits::count")]
    pub said: u64,
    /// How far each author's log was followed.
    pub seen: Vec<(Key, Have)>,
    /// The last entries that are known, oldest first, with their parents; at most `entries_known_max`.
    pub known: Vec<(EntryId, Vec<EntryId>)>,
}

/// What is kept of a room that was left: the others have followed this peer's numbers, as it has followed theirs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftRoom {
    /// Which.
    pub room: RoomId,
    /// This peer's own last number there; 0 for none.
    #[serde(deserialize_with = "crate::limits::count")]
    pub said: u64,
    /// How far each author's log was followed.
    pub seen: Vec<(Key, Have)>,
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
    /// Who is to be called because it is welcome again.
    #[serde(default)]
    pub welcomed: Vec<(Realm, Name)>,
    /// What this peer says of itself where it has no tracker.
    #[serde(default)]
    pub about: About,
    /// Rooms.
    pub rooms: Vec<RoomLog>,
    /// Rooms that this peer was in: if it comes back, it goes on where it was.
    #[serde(default)]
    pub left: Vec<LeftRoom>,
    /// The last number of what this peer said outside of rooms; 0 for none.
    #[serde(deserialize_with = "crate::limits::count")]
    pub private_said: u64,
    /// How far each author was followed outside of rooms.
    pub private_seen: Vec<(Key, Have)>,
    /// In the order in which it was said.
    pub unacknowledged: Vec<Unacknowledged>,
    /// The last number given to something received; 0 for none.
    #[serde(deserialize_with = "crate::limits::count")]
    pub received: u64,
    /// What was received and kept, and may not have been shown before the program ended.
    pub unshown: Vec<Incoming>,
    /// Transfers, in the order of their numbers.
    #[serde(default)]
    pub transfers: Vec<Transfer>,
    /// The last number given to a transfer; 0 for none.
    #[serde(default, deserialize_with = "crate::limits::count")]
    pub transfers_numbered: u64,
}

impl State {
    /// The state after one more change: what a store does, in memory. `known_max` bounds each room's known entries.
    ///
    /// A store must agree with it; simulators use it as their disk.
    pub fn apply(&mut self, change: &Change, known_max: usize) {
        match change {
            Change::TrackerPinned { address, key } => {
                self.trackers.retain(|(of, _)| of != address);
                self.trackers.push((address.clone(), *key));
            }
            Change::Pinned { realm, name, key } => {
                self.pins.retain(|(of, pinned, _)| (of, pinned) != (realm, name));
                self.pins.push((*realm, name.clone(), *key));
            }
            Change::Verified { key, verified } => {
                self.verified.retain(|of| of != key);
                if *verified {
                    self.verified.push(*key);
                }
            }
            Change::Welcomed { realm, name, welcomed } => {
                self.welcomed.retain(|of| of != &(*realm, name.clone()));
                if *welcomed {
                    self.welcomed.push((*realm, name.clone()));
                }
            }
            Change::Blocked { realm, name, blocked } => {
                self.blocked.retain(|of| of != &(*realm, name.clone()));
                if *blocked {
                    self.blocked.push((*realm, name.clone()));
                }
            }
            Change::Described { about } => self.about = about.clone(),
            Change::RoomEntered { record } => {
                let id = record.id();
                let left = self.left.iter().position(|left| left.room == id).map(|index| self.left.remove(index));
                let (said, seen) = left.map_or((0, Vec::new()), |left| (left.said, left.seen));
                self.rooms.push(RoomLog { record: record.clone(), said, seen, known: Vec::new() });
            }
            Change::RoomForgotten { room } => {
                if let Some(index) = self.rooms.iter().position(|kept| kept.record.id() == *room) {
                    let RoomLog { said, seen, .. } = self.rooms.remove(index);
                    if said > 0 || !seen.is_empty() {
                        self.left.push(LeftRoom { room: *room, said, seen });
                    }
                }
                self.unacknowledged
                    .retain(|kept| !matches!(kept, Unacknowledged::Entry { entry, .. } if entry.entry.room == *room));
            }
            Change::Baseline { room, heads } => {
                for head in heads {
                    self.know(*room, *head, Vec::new(), known_max);
                }
            }
            Change::EntrySaid { entry, receivers } => {
                let (id, room, seq) = (entry.entry.id(), entry.entry.room, entry.entry.seq);
                if let Some(kept) = self.room_mut(room) {
                    kept.said = seq;
                }
                self.know(room, id, entry.entry.parents.to_vec(), known_max);
                if !receivers.is_empty() {
                    let (entry, receivers) = (entry.clone(), receivers.clone());
                    self.unacknowledged.push(Unacknowledged::Entry { entry, receivers });
                }
            }
            Change::EntrySeen { entry, incoming } => {
                let (author, log, seq) = (entry.entry.author, entry.entry.log, entry.entry.seq);
                if let Some(kept) = self.room_mut(entry.entry.room) {
                    kept.seen.retain(|(of, _)| *of != author);
                    kept.seen.push((author, Have { log, seq }));
                }
                self.know(entry.entry.room, entry.entry.id(), entry.entry.parents.to_vec(), known_max);
                self.receive(incoming);
            }
            Change::PrivateSaid { message, receivers } => {
                self.private_said = message.seq;
                if !receivers.is_empty() {
                    let (message, receivers) = (message.clone(), receivers.clone());
                    self.unacknowledged.push(Unacknowledged::Private { message, receivers });
                }
            }
            Change::PrivateSeen { author, have, incoming } => {
                self.private_seen.retain(|(of, _)| of != author);
                self.private_seen.push((*author, *have));
                self.receive(incoming);
            }
            Change::PlaintextSeen { incoming } => self.receive(incoming),
            Change::EntriesAcknowledged { room, receiver, have } => {
                self.release(receiver, |kept| match kept {
                    Unacknowledged::Entry { entry, .. } => entry.entry.room == *room && entry.entry.seq <= have.seq,
                    Unacknowledged::Private { .. } => false,
                });
            }
            Change::PrivateAcknowledged { receiver, have } => {
                self.release(receiver, |kept| match kept {
                    Unacknowledged::Entry { .. } => false,
                    Unacknowledged::Private { message, .. } => message.seq <= have.seq,
                });
            }
            Change::ReceiverDropped { room, receiver } => {
                self.release(receiver, |kept| match kept {
                    Unacknowledged::Entry { entry, .. } => Some(entry.entry.room) == *room,
                    Unacknowledged::Private { .. } => room.is_none(),
                });
            }
            Change::ReceiverMoved { from, to } => {
                for kept in &mut self.unacknowledged {
                    let (Unacknowledged::Entry { receivers, .. } | Unacknowledged::Private { receivers, .. }) = kept;
                    for receiver in receivers {
                        if receiver == from {
                            *receiver = *to;
                        }
                    }
                }
            }
            Change::TransferOffered { transfer } => {
                self.transfers_numbered = transfer.number;
                self.transfers.push(transfer.clone());
            }
            Change::TransferAccepted { transfer, executable } => {
                if let Some(arrival) = self.arrival_mut(*transfer) {
                    *arrival = Arrival::Accepted { executable: *executable, manifest: Vec::new(), whole: None };
                }
            }
            Change::TransferManifest { transfer, bytes } => {
                if let Some(Arrival::Accepted { manifest, .. }) = self.arrival_mut(*transfer) {
                    manifest.extend_from_slice(bytes);
                }
            }
            Change::TransferPaused { transfer, paused } => {
                if let Some(kept) = self.transfer_mut(*transfer) {
                    kept.paused = *paused;
                }
            }
            Change::TransferWhole { transfer, sha256 } => {
                if let Some(Arrival::Accepted { whole, .. }) = self.arrival_mut(*transfer) {
                    *whole = Some(*sha256);
                }
            }
            Change::TransferEnded { transfer, reason } => {
                if let Some(kept) = self.transfer_mut(*transfer) {
                    match &mut kept.way {
                        Way::Outgoing { ended, .. } => *ended = *reason,
                        Way::Incoming(arrival) => *arrival = Arrival::Ended(*reason),
                    }
                }
            }
            Change::TransferForgotten { transfer } => self.transfers.retain(|kept| kept.number != *transfer),
        }
    }

    /// What was received up to that number has been shown.
    pub fn shown(&mut self, number: u64) {
        self.unshown.retain(|incoming| incoming.number > number);
    }

    fn room_mut(&mut self, room: RoomId) -> Option<&mut RoomLog> {
        self.rooms.iter_mut().find(|kept| kept.record.id() == room)
    }

    fn transfer_mut(&mut self, number: u64) -> Option<&mut Transfer> {
        self.transfers.iter_mut().find(|kept| kept.number == number)
    }

    fn arrival_mut(&mut self, number: u64) -> Option<&mut Arrival> {
        match &mut self.transfer_mut(number)?.way {
            Way::Incoming(arrival) => Some(arrival),
            Way::Outgoing { .. } => None,
        }
    }

    fn know(&mut self, room: RoomId, id: EntryId, parents: Vec<EntryId>, known_max: usize) {
        if let Some(kept) = self.room_mut(room) {
            kept.known.push((id, parents));
            let over = kept.known.len().saturating_sub(known_max);
            kept.known.drain(..over);
        }
    }

    fn receive(&mut self, incoming: &Incoming) {
        self.received = incoming.number;
        self.unshown.push(incoming.clone());
    }

    fn release(&mut self, receiver: &Key, applies: impl Fn(&Unacknowledged) -> bool) {
        self.unacknowledged.retain_mut(|kept| {
            if applies(kept) {
                let (Unacknowledged::Entry { receivers, .. } | Unacknowledged::Private { receivers, .. }) = kept;
                receivers.retain(|of| of != receiver);
                return !receivers.is_empty();
            }
            true
        });
    }
}
