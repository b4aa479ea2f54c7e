//! Clients of the older JSON system, who are machines of the world: they listen, connect to a tracker, are silent until
//! their people log in, ask one thing after another, answer when the tracker asks whether they are there, or stop doing
//! so, and vanish and come back.
//!
//! What a reader of a run may count on: their names and rooms have [`OLDER`] in them and nothing of the cast's mark; they
//! ask for the next thing when the last was answered, but now and then for two at once, glued together; and all that they
//! read they tell by [`Notice`]. What they may be sent is the model's affair (`model::older`).

mod machine;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use papo_proto::{error::Counters, names::Name, rng::Seed};
use serde::{Deserialize, Serialize};

use super::cast::{BYSTANDER, Cast};
use crate::{
    luck::Luck,
    world::resident::{Kept, Resident, Told, Wish},
};
pub(crate) use machine::Older;

/// Stands in every name of theirs.
const OLDER: &str = "velho";
/// Where they listen.
pub(crate) const PORT: u16 = 5055;
/// In so many of the seeds a tracker lets them in.
const SHARE: f64 = 0.35;
/// How many there are then, at most.
const COUNT_MAX: usize = 4;

/// Whether a name is one of theirs.
pub(crate) fn is_of(name: &Name) -> bool {
    name.folded().contains(OLDER)
}

/// The host of one of them.
pub(crate) fn host(number: usize) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(10, 0, 3, u8::try_from(number + 1).expect("there are few")))
}

/// Which of them has that host.
pub(crate) fn of_host(ip: IpAddr) -> Option<usize> {
    (0..COUNT_MAX).find(|number| host(*number) == ip)
}

/// What one starts from.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Start {
    /// All that is accidental follows from it.
    pub(crate) seed: Seed,
    /// What it is called.
    pub(crate) name: String,
    /// The SHA-256 of its password, in hexadecimal digits.
    pub(crate) password: String,
    /// What one has to know to register, if it does.
    pub(crate) token: Option<String>,
    /// Where it listens.
    pub(crate) listen: SocketAddr,
    /// The address that it claims to have.
    pub(crate) claims: IpAddr,
    /// Its tracker.
    pub(crate) tracker: SocketAddr,
    /// Rooms that it makes and joins.
    pub(crate) rooms: Vec<String>,
    /// Its person logs in after so long, at most.
    pub(crate) silence_ms: u64,
    /// Between two things that it does, at most.
    pub(crate) pace_ms: u64,
    /// It answers at its listener no more from so long after its start on.
    pub(crate) deaf_after_ms: Option<u64>,
}

/// Older clients, and the tracker that lets them in.
#[derive(Debug, Clone)]
pub(crate) struct Company {
    /// Who.
    pub(crate) clients: Vec<Start>,
    /// How often their tracker asks whether they are there.
    pub(crate) ping_interval_ms: u64,
}

/// Draws whether there are any, and who.
pub(crate) fn draw(cast: &Cast, seed: &Seed) -> Option<Company> {
    let mut luck = Luck::of(seed, "older", 0);
    if !luck.chance(SHARE) {
        return None;
    }
    let tracker = &cast.trackers[0];
    let count = 1 + luck.below(COUNT_MAX);
    let rooms = (0..1 + luck.below(3)).map(|number| format!("{OLDER}-sala{number}")).collect::<Vec<_>>();
    let clients = (0..count).map(|number| Start {
        seed: luck.next_seed(),
        name: format!("{OLDER}{number}"),
        password: papo_proto::hex::encode(&luck.next_seed().0),
        token: tracker.token().filter(|_| luck.chance(0.7)).map(|token| token.as_str().to_owned()),
        listen: SocketAddr::new(host(number), PORT),
        claims: if luck.chance(0.25) { BYSTANDER } else { host(number) },
        tracker: tracker.address(),
        rooms: rooms.clone(),
        silence_ms: luck.magnitude(100, 180_000),
        pace_ms: luck.magnitude(300, 30_000),
        deaf_after_ms: luck.chance(0.3).then(|| luck.between(5_000, 200_000)),
    });
    let clients = clients.collect();
    Some(Company { clients, ping_interval_ms: luck.magnitude(1_000, 120_000) })
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
    /// It asked its tracker for something.
    Asked {
        /// Its end of the connection.
        local: SocketAddr,
        /// For so many things on it, all together.
        asked: u64,
        /// For two at once, the last time.
        glued: bool,
    },
    /// It read what its tracker wrote.
    Read {
        /// Its end of the connection.
        local: SocketAddr,
        /// So many objects on it, all together.
        read: u64,
    },
    /// It waits for an answer for too long.
    Unanswered,
    /// It was asked whether it is there.
    Pinged {
        /// It said so.
        answered: bool,
    },
}

impl Notice {
    /// What there is to be reached.
    pub(crate) const MARKS: &[&str] = &["asks", "reads", "waits in vain", "answers a ping", "is deaf to a ping"];

    /// Which of these it is.
    pub(crate) const fn mark(&self) -> &'static str {
        match self {
            Self::Asked { .. } => "asks",
            Self::Read { .. } => "reads",
            Self::Unanswered => "waits in vain",
            Self::Pinged { answered: true } => "answers a ping",
            Self::Pinged { answered: false } => "is deaf to a ping",
        }
    }
}

impl Resident for Older {
    fn command(wish: Wish) -> Command {
        panic!("{wish:?} is no command of an older client")
    }

    fn told(notice: Notice) -> Told {
        Told::Older(notice)
    }

    fn kept(change: Change) -> Kept {
        match change {}
    }

    fn counters(_machine: &Self) -> Counters {
        Counters::default()
    }
}
