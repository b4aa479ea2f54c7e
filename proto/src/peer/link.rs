//! The connections to other peers, and what each needs to know of itself.
//!
//! ```text
//!   Dialling ──opened──▶ Channel ──established──▶ Greeting ──Hello, known──▶ Up
//!   accepted ───────────────▲                        (may wait for the tracker to say who it is)
//! ```
//!
//! Invariant: at most one link of a key is up.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
};

use super::{outbox::Place, people::PersonId};
use crate::{
    channel::Channel,
    identity::Key,
    machine::ConnId,
    names::Name,
    source::Source,
    time::Time,
    wire::{
        peer::{About, Have},
        room::{EntryId, RoomId},
    },
};

/// Rooms in which a link may be ready before this peer knows of it.
const EARLY_ROOMS_MAX: usize = 512;

/// How far a connection has come.
#[derive(Debug)]
pub enum Stage {
    /// The connection does not stand yet.
    Dialling,
    /// The handshake is under way.
    Channel,
    /// The other end's key is known; its `Hello` or the tracker's word is awaited.
    Greeting {
        /// Its `Hello`, once it came: its name, and what it has of this peer's messages.
        hello: Option<(Name, Option<Key>, Have)>,
        /// Whether the tracker was asked who it is.
        asked: bool,
    },
    /// It is a link.
    Up,
}

/// How far this peer has sent in one place.
#[derive(Debug, Clone, Copy)]
pub struct Cursor {
    /// The last number sent.
    pub sent: u64,
}

/// How a room is ready that is not shared as far as this peer knows.
#[derive(Debug)]
pub enum Early {
    /// The other end said so, and the roster is not there yet.
    Hello {
        /// What it has.
        have: Have,
        /// Its heads.
        heads: Vec<EntryId>,
    },
    /// It was ready before one of the two left. It may have said so again, for its next stay, before this peer knew of
    /// the last one's end; so that is not waited for.
    Paused,
}

/// One connection to another peer.
#[derive(Debug)]
pub struct Link {
    /// How far it has come.
    pub stage: Stage,
    /// The channel, from the moment that the connection stands.
    pub channel: Option<Channel>,
    /// Whether this peer dialled.
    pub dialled: bool,
    /// The other end.
    pub remote: SocketAddr,
    /// The key that must be there.
    pub expected: Option<Key>,
    /// For whom it was dialled, and then whose link it is.
    pub person: Option<PersonId>,
    /// The key that is there.
    pub key: Option<Key>,
    /// Where the other end is as a neighbour, where it is one.
    pub neighbour: Option<SocketAddr>,
    /// Whether it was dialled because it was found there.
    pub found: bool,
    /// The request that asked for it.
    pub asked_by: Option<u64>,
    /// When something was last heard.
    pub heard: Time,
    /// Whether it is doubted, and until when something has to be heard.
    pub doubted: Option<Time>,
    /// Where the other end is ready for messages, and how far they were sent.
    pub cursors: BTreeMap<Place, Cursor>,
    /// Rooms in which the other end is ready, and this peer does not count it among the members.
    pub early_rooms: BTreeMap<RoomId, Early>,
    /// Rooms in which the other end was greeted, in its present stay there and this peer's.
    pub greeted: BTreeSet<RoomId>,
    /// Rooms of which an entry came when they were not shared: the first number that was not taken.
    missed: BTreeMap<RoomId, u64>,
    /// Bytes sent and not acknowledged, roughly: below a bound, messages go out at once; above it, in bulk turns.
    pub in_flight: usize,
    /// Whether a bulk turn is wanted, and whether it was asked for.
    pub wants_write: bool,
    /// Whether a bulk turn was asked for and has not come.
    pub awaits_turn: bool,
    /// Pings under way: nonce, request, when.
    pub pings: BTreeMap<u64, (u64, Time)>,
    /// What the other end says of itself.
    pub about: About,
    /// Whether it is read.
    pub reading: bool,
}

impl Link {
    /// A connection at its start.
    #[must_use]
    pub fn new(now: Time, stage: Stage, dialled: bool, remote: SocketAddr) -> Self {
        Self {
            stage,
            channel: None,
            dialled,
            remote,
            expected: None,
            person: None,
            key: None,
            neighbour: None,
            found: false,
            asked_by: None,
            heard: now,
            doubted: None,
            cursors: BTreeMap::new(),
            early_rooms: BTreeMap::new(),
            greeted: BTreeSet::new(),
            missed: BTreeMap::new(),
            in_flight: 0,
            wants_write: false,
            awaits_turn: false,
            pings: BTreeMap::new(),
            about: About::default(),
            reading: true,
        }
    }

    /// The other end is ready in a room that is not shared.
    pub fn note_early(&mut self, room: RoomId, early: Early) {
        if self.early_rooms.len() < EARLY_ROOMS_MAX || self.early_rooms.contains_key(&room) {
            self.early_rooms.insert(room, early);
        }
    }

    /// A room is not shared any more.
    pub fn pause_room(&mut self, room: RoomId) {
        self.greeted.remove(&room);
        if self.cursors.remove(&Some(room)).is_some() {
            self.note_early(room, Early::Paused);
        }
    }

    /// An entry of a room came: whether it may be taken. While the room is not shared it may not; and then nothing that
    /// follows it may, or an acknowledgement would cover what was not taken. Its author sends it again once it hears
    /// that the room is shared, unless it has dropped it: then it says [so](Self::forget_missed) before anything else.
    pub fn takes_entry(&mut self, room: RoomId, seq: u64, is_shared: bool) -> bool {
        let follows_missed = self.missed.get(&room).is_some_and(|first| *first < seq);
        if is_shared && !follows_missed {
            self.missed.remove(&room);
        } else if !is_shared && !follows_missed {
            self.note_missed(room, seq);
        }
        is_shared && !follows_missed
    }

    /// An entry of a room was not taken, or not kept when this peer left; nor is what follows it.
    pub fn note_missed(&mut self, room: RoomId, seq: u64) {
        if self.missed.len() < EARLY_ROOMS_MAX || self.missed.contains_key(&room) {
            self.missed.insert(room, seq);
        }
    }

    /// The other end greets anew in a room, so it has dropped what was not taken there.
    pub fn forget_missed(&mut self, room: RoomId) {
        self.missed.remove(&room);
    }

    /// Whether it is a link.
    #[must_use]
    pub const fn is_up(&self) -> bool {
        matches!(self.stage, Stage::Up)
    }
}

/// All connections to other peers.
#[derive(Debug, Default)]
pub struct Links {
    links: BTreeMap<ConnId, Link>,
    up: BTreeMap<Key, ConnId>,
    /// Links that gave way to another one, which is not up yet: nobody is told that they are lost.
    yielded: BTreeMap<Key, (PersonId, SocketAddr)>,
}

impl Links {
    /// Adds a connection.
    pub fn add(&mut self, conn: ConnId, link: Link) {
        self.links.insert(conn, link);
    }

    /// A connection.
    #[must_use]
    pub fn find(&self, conn: ConnId) -> Option<&Link> {
        self.links.get(&conn)
    }

    /// A connection.
    pub fn find_mut(&mut self, conn: ConnId) -> Option<&mut Link> {
        self.links.get_mut(&conn)
    }

    /// Takes a connection out.
    pub fn remove(&mut self, conn: ConnId) -> Option<Link> {
        let link = self.links.remove(&conn)?;
        if let Some(key) = link.key
            && self.up.get(&key) == Some(&conn)
        {
            self.up.remove(&key);
        }
        Some(link)
    }

    /// The link to a key.
    #[must_use]
    pub fn up(&self, key: &Key) -> Option<ConnId> {
        self.up.get(key).copied()
    }

    /// The connection is the link of its key from now on.
    ///
    /// # Panics
    /// When another is: the caller ends that one first.
    pub fn set_up(&mut self, conn: ConnId, key: Key) {
        if let Some(link) = self.links.get_mut(&conn) {
            link.stage = Stage::Up;
            let former = self.up.insert(key, conn);
            assert!(former.is_none_or(|former| former == conn), "one link a pair");
        }
    }

    /// A link gave way to another one of the same key.
    pub fn yielded(&mut self, key: Key, id: PersonId, address: SocketAddr) {
        if !self.up.contains_key(&key) {
            self.yielded.insert(key, (id, address));
        }
    }

    /// Takes what was noted of a link that gave way.
    pub fn take_yielded(&mut self, key: &Key) -> Option<(PersonId, SocketAddr)> {
        self.yielded.remove(key)
    }

    /// The links that want a bulk turn and have not asked for it; they count as having asked from now on.
    pub fn take_wanting(&mut self) -> Vec<ConnId> {
        let wanting = self.links.iter_mut().filter(|(_, link)| link.wants_write && !link.awaits_turn);
        wanting
            .map(|(conn, link)| {
                link.awaits_turn = true;
                *conn
            })
            .collect()
    }

    /// A bulk turn has come.
    pub fn on_turn(&mut self, conn: ConnId) {
        if let Some(link) = self.links.get_mut(&conn) {
            link.awaits_turn = false;
            link.wants_write = false;
        }
    }

    /// Every connection.
    pub fn iter(&self) -> impl Iterator<Item = (ConnId, &Link)> {
        self.links.iter().map(|(conn, link)| (*conn, link))
    }

    /// Every link that is up, with its key.
    pub fn all_up(&self) -> impl Iterator<Item = (Key, ConnId)> + '_ {
        self.up.iter().map(|(key, conn)| (*key, *conn))
    }

    /// Whether of two connections between the same two ends the new one stays: the one that the smaller key dialled,
    /// or of one dialler's the newer (PROTOCOL.md, "Links").
    #[must_use]
    pub fn newer_stays(me: &Key, other: &Key, former_dialled: bool, newer_dialled: bool) -> bool {
        former_dialled == newer_dialled || newer_dialled == (me < other)
    }

    /// Connections whose other end is not known yet.
    #[must_use]
    pub fn unknown(&self) -> usize {
        self.links.values().filter(|link| !link.dialled && !link.is_up()).count()
    }

    /// Which connection gives way to one from `newcomer` where there is no place left for one whose other end is not
    /// known: the oldest of the address that has the most of them. Nobody's, when the newcomer's would have as many.
    #[must_use]
    pub fn most_crowding(&self, newcomer: Source) -> Option<ConnId> {
        let mut counts = BTreeMap::<Source, (usize, ConnId)>::new();
        for (conn, link) in self.links.iter().filter(|(_, link)| !link.dialled && !link.is_up()) {
            counts.entry(Source::of(link.remote.ip())).or_insert((0, *conn)).0 += 1;
        }
        let own = counts.get(&newcomer).map_or(0, |(count, _)| *count);
        let (count, oldest) = counts.into_values().max()?;
        (count > own + 1).then_some(oldest)
    }

    /// Dials that do not stand yet.
    #[must_use]
    pub fn dialling(&self) -> usize {
        self.links.values().filter(|link| link.dialled && !link.is_up()).count()
    }

    /// Links, and dials on their way to be links.
    #[must_use]
    pub fn known(&self) -> usize {
        self.links.len() - self.unknown()
    }

    /// All connections.
    #[must_use]
    pub fn len(&self) -> usize {
        self.links.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.links.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(links: &mut Links, conn: u64, from: &str) {
        let remote = SocketAddr::new(from.parse().expect("an address"), 40_000);
        links.add(ConnId(conn), Link::new(Time::ZERO, Stage::Channel, false, remote));
    }

    #[test]
    fn the_oldest_of_the_address_with_the_most_gives_way_to_an_address_with_fewer() {
        let source = |ip: &str| Source::of(ip.parse().expect("an address"));
        let mut links = Links::default();
        assert_eq!(links.most_crowding(source("10.0.0.9")), None);
        accepted(&mut links, 2, "10.0.0.1");
        accepted(&mut links, 4, "10.0.0.2");
        assert_eq!(links.most_crowding(source("10.0.0.9")), None, "each has one, and the newcomer would have one");
        accepted(&mut links, 6, "10.0.0.2");
        assert_eq!(links.most_crowding(source("10.0.0.9")), Some(ConnId(4)));
        assert_eq!(links.most_crowding(source("10.0.0.1")), None, "it would have as many");
        assert_eq!(links.most_crowding(source("10.0.0.2")), None, "its own do not give way to it");
        links.set_up(ConnId(4), Key([1; 32]));
        assert_eq!(links.most_crowding(source("10.0.0.9")), None, "whose other end is known holds no such place");
    }

    #[test]
    fn of_two_connections_both_ends_keep_the_same_one() {
        let (low, high) = (Key([1; 32]), Key([2; 32]));
        // The low key's connection came first, then the high key's: as each end sees them.
        assert!(!Links::newer_stays(&low, &high, true, false));
        assert!(!Links::newer_stays(&high, &low, false, true));
        // The other way round.
        assert!(Links::newer_stays(&low, &high, false, true));
        assert!(Links::newer_stays(&high, &low, true, false));
        // One dialler twice: the newer.
        assert!(Links::newer_stays(&low, &high, true, true));
        assert!(Links::newer_stays(&high, &low, false, false));
    }
}
