//! Relays for plain text, and old clients who talk by them: one host runs a relay for TCP and one for UDP, and a few of
//! the clients of each say numbered texts, vanish and come back. What breaks for them is drawn from a stream of its own.
//!
//! What a reader of a run may count on: each client has a host of its own, has one connection or socket at a time, and
//! says nothing that looks like what a relay puts before a text. What they may be told is the model's affair
//! (`model::relays`).

mod machine;

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use papo_proto::{
    error::Counters,
    limits::Limits,
    relay::{self, TcpRelay, UdpRelay, chat::Protocol},
    rng::Seed,
    time::Time,
};
use serde::{Deserialize, Serialize};

use super::{
    cast::Role,
    faults::{Fault, Swarm},
};
use crate::{
    luck::Luck,
    world::{
        NodeId, World,
        resident::{Kept, Resident, Told, Wish},
    },
};
pub(crate) use machine::Talker;

/// In so many of the seeds there are relays.
const SHARE: f64 = 0.2;
/// How many clients each of the two has.
const CLIENTS: (u64, u64) = (2, 4);
/// Where both listen.
const RELAY: SocketAddr = SocketAddr::new(host(1), 12_345);
/// What a client says to leave.
pub(crate) const LEAVE: &str = "/sair";

const fn host(number: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(10, 0, 4, number))
}

/// Relays and their clients, and where their processes are.
#[derive(Debug, Clone)]
pub(crate) struct Company {
    limits: Limits,
    relays: [Option<NodeId>; 2],
    talkers: Vec<(Start, Option<NodeId>)>,
}

/// Draws whether there are any, and who.
pub(crate) fn draw(seed: &Seed) -> Option<Company> {
    let mut luck = Luck::of(seed, "relays", 0);
    if !luck.chance(SHARE) {
        return None;
    }
    let limits = Limits {
        relay_bytes_per_s_max: luck.magnitude(1_000, Limits::DEFAULT.relay_bytes_per_s_max),
        relay_burst_bytes_max: luck.magnitude(200, Limits::DEFAULT.relay_burst_bytes_max),
        ..Limits::DEFAULT
    };
    let mut protocols = Vec::new();
    for protocol in [Protocol::Tcp, Protocol::Udp] {
        protocols.extend((0..luck.between(CLIENTS.0, CLIENTS.1)).map(|_| protocol));
    }
    let talkers = protocols.into_iter().enumerate().map(|(number, protocol)| {
        let ip = host(u8::try_from(number + 2).expect("there are few"));
        let (seed, pace_ms) = (luck.next_seed(), luck.magnitude(300, 8_000));
        (Start { seed, number, life: 0, protocol, ip, relay: RELAY, pace_ms }, None)
    });
    let talkers = talkers.collect();
    Some(Company { limits, relays: [None; 2], talkers })
}

/// Whether it is one of them.
pub(crate) const fn is_of(role: Role) -> bool {
    matches!(role, Role::TcpRelay | Role::UdpRelay | Role::Talker(_))
}

impl Company {
    /// Everyone.
    pub(crate) fn roles(&self) -> Vec<Role> {
        let talkers = (0..self.talkers.len()).map(Role::Talker);
        [Role::TcpRelay, Role::UdpRelay].into_iter().chain(talkers).collect()
    }

    /// What breaks for them and when, from the first moment until the last.
    pub(crate) fn draw_faults(&self, seed: &Seed, first: Time, last: Time) -> Vec<(Time, Fault)> {
        let (swarm, mut luck) = (Swarm::draw(seed), Luck::of(seed, "relays", 1));
        let (roles, gap) = (self.roles(), luck.duration(Duration::from_secs(1), Duration::from_secs(30)));
        let (mut faults, mut at) = (Vec::new(), first);
        while at < last {
            faults.extend(swarm.next_among(&roles, &mut luck).map(|fault| (at, fault)));
            at = at + luck.duration(Duration::from_millis(10), gap * 2);
        }
        faults
    }

    /// The host of one of them.
    pub(crate) fn ip(&self, role: Role) -> IpAddr {
        if let Role::Talker(number) = role { self.talkers[number].0.ip } else { RELAY.ip() }
    }

    /// Where one of them was started last.
    pub(crate) fn node(&self, role: Role) -> Option<NodeId> {
        match role {
            Role::TcpRelay => self.relays[0],
            Role::UdpRelay => self.relays[1],
            Role::Talker(number) => self.talkers[number].1,
            _ => None,
        }
    }

    /// Starts one of them, again perhaps.
    pub(crate) fn start(&mut self, world: &mut World, role: Role) {
        let start = relay::Start { listen: RELAY, limits: self.limits.clone() };
        let out_bytes_max = self.limits.out_bytes_max;
        match role {
            Role::TcpRelay => self.relays[0] = Some(world.start::<TcpRelay>(RELAY.ip(), start, out_bytes_max)),
            Role::UdpRelay => self.relays[1] = Some(world.start::<UdpRelay>(RELAY.ip(), start, out_bytes_max)),
            Role::Talker(number) => {
                let (start, node) = &mut self.talkers[number];
                start.life += 1;
                *node = Some(world.start::<Talker>(start.ip, start.clone(), out_bytes_max));
            }
            _ => {}
        }
    }
}

/// What a client starts from.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Start {
    /// All that is accidental follows from it.
    pub(crate) seed: Seed,
    /// Which of them.
    pub(crate) number: usize,
    /// How often it was started.
    pub(crate) life: u64,
    /// What its relay speaks.
    pub(crate) protocol: Protocol,
    /// Its host.
    pub(crate) ip: IpAddr,
    /// Its relay.
    pub(crate) relay: SocketAddr,
    /// Between two things that it says, at most.
    pub(crate) pace_ms: u64,
}

/// Nothing can be asked of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Command {}

/// It keeps nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) enum Change {}

/// What it tells; each with its end of the connection, or its socket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) enum Notice {
    /// It can say something from now on.
    Joined(SocketAddr),
    /// It says a text that nobody has said before.
    Says(SocketAddr, String),
    /// It read this.
    Hears(SocketAddr, Vec<u8>),
    /// It says that it leaves.
    Leaves(SocketAddr),
    /// It says and hears nothing more there.
    Over(SocketAddr),
    /// Its relay is not there.
    Refused,
}

impl Notice {
    /// What there is to be reached.
    pub(crate) const MARKS: &[&str] = &["joins", "says", "hears", "leaves", "is gone", "finds no relay"];

    /// Which of these it is.
    pub(crate) const fn mark(&self) -> &'static str {
        match self {
            Self::Joined(_) => "joins",
            Self::Says(..) => "says",
            Self::Hears(..) => "hears",
            Self::Leaves(_) => "leaves",
            Self::Over(_) => "is gone",
            Self::Refused => "finds no relay",
        }
    }
}

impl Resident for Talker {
    fn command(wish: Wish) -> Command {
        panic!("{wish:?} is no command of an old client of a relay")
    }

    fn told(notice: Notice) -> Told {
        Told::Talker(notice)
    }

    fn kept(change: Change) -> Kept {
        match change {}
    }

    fn counters(_machine: &Self) -> Counters {
        Counters::default()
    }
}
