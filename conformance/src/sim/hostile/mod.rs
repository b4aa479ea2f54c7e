//! The hostile node: somebody with an account, a host and no manners, who is another machine of the world.
//!
//! It does bad things one after the other, each from the table of [`habits`]. Which of them it has, how often it does
//! them, and everything that it says follow from its seed. What it does is either
//! - said to anyone by a stranger: bytes of no protocol ([`noise`]), broken and repeated handshakes ([`replay`]);
//! - called out on the network, in anybody's name ([`beacons`]);
//! - said to its tracker by a client that can log in ([`client`]);
//! - said over links by a member of the people's rooms ([`member`] is what it takes to be one; [`forge`] what such a
//!   member may try, [`files`] what with files);
//! - told to whoever takes it for a tracker ([`liar`]), or for somebody else ([`relay`]).
//!
//! Adding a habit is one row of the table and one function beside those of its kind.
//!
//! What a reader of a run may count on: it never dials anybody but the cast; it takes nobody's account or room name;
//! each text that it says has [`INTRUSION`] in it and is new; and whatever it is shown of what others say, it tells by
//! [`Notice::Learned`]. So nothing with the mark may ever be shown as a person's, and nothing may be learned that was
//! said where this node was not.

mod beacons;
mod client;
mod files;
mod forge;
mod habits;
mod liar;
mod line;
mod machine;
mod member;
mod noise;
mod relay;
mod replay;
#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use papo_proto::{
    error::Counters,
    identity::{Identity, Key},
    names::Name,
    rng::Seed,
    wire::{
        room::RoomId,
        tracker::{PasswordHash, Token},
    },
};
use serde::{Deserialize, Serialize};

use super::cast::{Cast, MARK, PEER_PORT, name};
use crate::{
    luck::Luck,
    world::resident::{Kept, Resident, Told, Wish},
};
pub(crate) use habits::Habit;
pub(crate) use machine::Hostile;

/// Stands in every text that it says.
pub(crate) const INTRUSION: &str = "intrusion";
/// Stands in every name that it takes.
const INTRUDER: &str = "intruder";
/// Its host.
pub(crate) const HOST: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 2, 66));
/// The shortest time between two things that one habit does, drawn anew for each node.
const PACE_MS: (u64, u64) = (300, 6_000);
/// How many of the habits a node has.
const HABIT_SHARE: f64 = 0.35;

/// Whether a name is one that the hostile node took.
pub(crate) fn is_of(name: &Name) -> bool {
    name.folded().contains(INTRUDER)
}

/// A tracker, as anybody knows it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct KnownTracker {
    pub(crate) address: SocketAddr,
}

/// A person, as a member of the same rooms knows it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct KnownPerson {
    pub(crate) name: Name,
    pub(crate) address: SocketAddr,
    pub(crate) key: Key,
    /// The person has an account at some tracker.
    pub(crate) has_account: bool,
}

/// What it starts from.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Start {
    /// All that is random follows from it.
    pub(crate) seed: Seed,
    /// Its account, at the first tracker.
    pub(crate) name: Name,
    pub(crate) identity: Identity,
    pub(crate) password: PasswordHash,
    /// What one has to know to register, if it does.
    pub(crate) token: Option<Token>,
    /// Whom it knows.
    pub(crate) trackers: Vec<KnownTracker>,
    pub(crate) people: Vec<KnownPerson>,
    /// Names of rooms of which it has heard.
    pub(crate) rooms: Vec<Name>,
    /// What it does.
    pub(crate) habits: Vec<Habit>,
    /// Between two things that one habit does, roughly.
    pub(crate) pace_ms: u64,
}

/// Draws who it is and what it does.
pub(crate) fn draw(cast: &Cast, seed: &Seed) -> Start {
    let mut luck = Luck::of(seed, "hostile", 0);
    let mut start = with_habits(cast, &luck.next_seed(), Vec::new());
    start.habits = Habit::ALL.iter().copied().filter(|_| luck.chance(HABIT_SHARE)).collect();
    if start.habits.is_empty() {
        start.habits.push(*luck.pick(Habit::ALL));
    }
    start.pace_ms = luck.between(PACE_MS.0, PACE_MS.1);
    start.token = cast.trackers[0].token().filter(|_| luck.chance(0.7));
    start
}

/// Somebody with these habits.
pub(crate) fn with_habits(cast: &Cast, seed: &Seed, habits: Vec<Habit>) -> Start {
    let mut luck = Luck::of(seed, "account", 0);
    let people = cast.people.iter().map(|person| KnownPerson {
        name: person.name.clone(),
        address: SocketAddr::new(person.ip, PEER_PORT),
        key: person.identity.key(),
        has_account: person.tracker.is_some(),
    });
    Start {
        seed: luck.next_seed(),
        name: name(&format!("{MARK}-{INTRUDER}")),
        identity: Identity::from_secret(&luck.next_seed().0),
        password: PasswordHash(luck.next_seed().0),
        token: cast.trackers[0].token(),
        trackers: cast.trackers.iter().map(|tracker| KnownTracker { address: tracker.address() }).collect(),
        people: people.collect(),
        rooms: cast.rooms.clone(),
        habits,
        pace_ms: PACE_MS.0,
    }
}

/// Nothing can be asked of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Command {}

/// It keeps nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) enum Change {}

/// What it tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) enum Notice {
    /// It did this once more.
    Acted(Habit),
    /// It was sent what somebody said.
    Learned(Learned),
    /// It calls this out on the network, as if from there.
    Called {
        /// The source that is to be seen.
        from: SocketAddr,
        /// What.
        bytes: Vec<u8>,
    },
}

/// Something that somebody said to this node, or let it have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Learned {
    /// As people and scripts name the message.
    pub(crate) id: String,
    /// Under which key this node had the link.
    pub(crate) to: Key,
    /// Who is at the other end.
    pub(crate) by: Key,
    /// The room; none outside of rooms.
    pub(crate) room: Option<RoomId>,
    pub(crate) text: String,
}

impl Resident for Hostile {
    fn command(wish: Wish) -> Command {
        panic!("{wish:?} is no command of a hostile node")
    }

    fn told(notice: Notice) -> Told {
        Told::Hostile(notice)
    }

    fn kept(change: Change) -> Kept {
        match change {}
    }

    /// What is a fault to others is its trade.
    fn counters(_machine: &Self) -> Counters {
        Counters::default()
    }
}
