//! What a seed decides before anything happens: who takes part, within which bounds, what they do and what breaks.
//!
//! Every decision is drawn beforehand, from a stream of its own purpose, and depends on nothing that happens. So a run
//! with some of them left out is still the same run otherwise, and a failure can be made small.

use std::{fmt, time::Duration};

use papo_proto::{disk::BLOCK_BYTES_MAX, limits::Limits, rng::Seed, time::Time, wire::tracker::ROOMS_PER_USER_MAX};
use serde::{Deserialize, Serialize};

use super::{
    cast::{Cast, PersonId},
    faults::{Fault, Swarm},
    hostile, older, relayed,
    workload::{Deed, Habits},
};
use crate::{luck::Luck, world::net::Climate};

/// The most people of a run.
pub const NODES_MAX: usize = 32;
/// The fewest.
pub const NODES_MIN: usize = 2;
/// In so many of the seeds somebody is hostile.
const HOSTILE_SHARE: f64 = 0.2;
/// In so many of the seeds all are on one network, and find each other there.
const LAN_SHARE: f64 = 0.4;
/// People start, make their accounts and rooms, before the first fault.
const CALM_AT_FIRST: Duration = Duration::from_secs(3);

/// For everyone's login, and again for the rooms.
const SETTLING: Duration = Duration::from_secs(1);

/// Which run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Options {
    /// From which everything follows.
    pub seed: u64,
    /// How many people; drawn where it is not said.
    pub nodes: Option<usize>,
    /// How long faults last, in simulated hours; drawn where it is not said.
    pub hours: Option<f64>,
}

/// Something that is done, or breaks.
#[derive(Debug, Clone)]
pub(crate) enum What {
    /// By somebody.
    Deed(Deed),
    /// By itself.
    Fault(Fault),
}

/// What happens when.
#[derive(Debug, Clone)]
pub(crate) struct Decision {
    pub(crate) at: Time,
    pub(crate) what: What,
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:9.3} s  ", self.at.since_start().as_secs_f64())?;
        match &self.what {
            What::Deed(deed) => {
                let mut text = format!("{deed:?}");
                if text.len() > 200 {
                    text.truncate(text.floor_char_boundary(200));
                    text.push('…');
                }
                f.write_str(&text)
            }
            What::Fault(fault) => write!(f, "{fault}"),
        }
    }
}

/// A run before it begins.
pub(crate) struct Plan {
    pub(crate) seed: Seed,
    pub(crate) cast: Cast,
    pub(crate) climate: Climate,
    /// In the order of time.
    pub(crate) decisions: Vec<Decision>,
    /// When faults end for those of the core.
    pub(crate) peace: Time,
    /// Who must have found together a minute later, whatever becomes of the others.
    pub(crate) core: Vec<PersonId>,
    /// Whether all are on one network and call out there, and how many of the calls are lost, doubled and late.
    pub(crate) lan: Option<[f64; 3]>,
    /// Somebody hostile, in a fifth of the seeds.
    pub(crate) hostile: Option<hostile::Start>,
    /// Clients of the older system, in a third of them.
    pub(crate) older: Option<older::Company>,
    /// Relays and their clients, in a fifth of them.
    pub(crate) relayed: Option<relayed::Company>,
}

impl Plan {
    /// Draws it.
    pub(crate) fn draw(options: &Options) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&options.seed.to_be_bytes());
        let seed = Seed(bytes);
        let mut luck = Luck::of(&seed, "topology", 0);
        let nodes = options.nodes.unwrap_or_else(|| draw_nodes(&mut luck)).clamp(NODES_MIN, NODES_MAX);
        let mut bounds = Luck::of(&seed, "limits", 0);
        let cast = Cast::draw(&seed, nodes, &mut || draw_limits(&mut bounds, nodes));
        let storm = luck.duration(Duration::from_secs(20), Duration::from_secs(600));
        let storm = options.hours.map_or(storm, |hours| Duration::from_secs_f64(hours.max(0.001) * 3600.0));
        let hostile = luck.chance(HOSTILE_SHARE).then(|| hostile::draw(&cast, &seed));
        let core = draw_core(&cast, &mut luck);
        let peace = Time::ZERO + CALM_AT_FIRST + storm;
        let mut decisions = draw_decisions(&seed, &cast, peace);
        let climate = draw_climate(&mut Luck::of(&seed, "climate", 0));
        let mut air = Luck::of(&seed, "lan", 0);
        let lan = air.chance(LAN_SHARE).then(|| std::array::from_fn(|_| air.unit() * 0.3));
        let older = older::draw(&cast, &seed);
        let relayed = relayed::draw(&seed);
        if let Some(company) = &relayed {
            let faults = company.draw_faults(&seed, Time::ZERO + CALM_AT_FIRST, peace);
            decisions.extend(faults.into_iter().map(|(at, fault)| Decision { at, what: What::Fault(fault) }));
            decisions.sort_by_key(|decision| decision.at);
        }
        Self { seed, cast, climate, decisions, peace, core, lan, hostile, older, relayed }
    }
}

/// Mostly few people: what goes wrong among many mostly does among few, and links are as many as the square.
fn draw_nodes(luck: &mut Luck) -> usize {
    let (fewest, most) = *luck.pick(&[(2, 3), (2, 6), (2, 6), (4, 10), (4, 10), (6, 14), (10, 32)]);
    fewest + luck.below(most - fewest + 1)
}

/// Most of the people of the first tracker, at least two.
fn draw_core(cast: &Cast, luck: &mut Luck) -> Vec<PersonId> {
    let members = (0..cast.people.len()).filter(|person| cast.people[*person].tracker == Some(0)).collect::<Vec<_>>();
    let core = members.iter().copied().filter(|_| luck.chance(0.75)).collect::<Vec<_>>();
    if core.len() < 2 { members } else { core }
}

fn draw_decisions(seed: &Seed, cast: &Cast, until: Time) -> Vec<Decision> {
    let mut decisions = Vec::new();
    let mut luck = Luck::of(seed, "workload", 0);
    let mut habits = Habits::draw(seed, cast);
    let mut at = Time::ZERO;
    for deeds in habits.settle_in(cast) {
        at = at + SETTLING;
        decisions.extend(deeds.into_iter().map(|deed| Decision { at, what: What::Deed(deed) }));
    }
    // A tenth of all seeds is busy, and most are not.
    let gap = luck.duration(Duration::from_millis(60), Duration::from_secs(2));
    while at < until {
        decisions.push(Decision { at, what: What::Deed(habits.next(cast, &mut luck)) });
        at = at + luck.duration(Duration::from_millis(1), gap * 2);
    }
    let mut luck = Luck::of(seed, "faults", 0);
    let swarm = Swarm::draw(seed);
    let gap = luck.duration(Duration::from_millis(500), Duration::from_secs(30));
    let mut at = Time::ZERO + CALM_AT_FIRST;
    while at < until {
        decisions.extend(swarm.next(cast, &mut luck).map(|fault| Decision { at, what: What::Fault(fault) }));
        at = at + luck.duration(Duration::from_millis(10), gap * 2);
    }
    decisions.sort_by_key(|decision| decision.at);
    decisions
}

fn draw_climate(luck: &mut Luck) -> Climate {
    let slow = luck.duration(Duration::from_micros(200), Duration::from_millis(150));
    Climate {
        latency_min: slow / 2,
        latency_max: slow * 2,
        jitter: if luck.chance(0.5) { Duration::ZERO } else { slow * 3 },
        cut: luck.unit(),
        piece_max: *luck.pick(&[1_400, 64, 65_536]),
        window: *luck.pick(&[4 << 20, 256 << 10, 64 << 10]),
    }
}

/// Bounds within which everything must hold as well.
fn draw_limits(luck: &mut Luck, nodes: usize) -> Limits {
    let mut limits = Limits::DEFAULT;
    let mut draw = |least: u64, most: u64| if luck.chance(0.7) { most } else { luck.magnitude(least, most) };
    limits.handshake_ms_max = draw(4_000, limits.handshake_ms_max);
    limits.login_ms_max = draw(4_000, limits.login_ms_max);
    limits.frame_ms_max = draw(4_000, limits.frame_ms_max);
    limits.ping_after_ms = draw(4_000, limits.ping_after_ms);
    limits.silence_ms_max = draw(2 * limits.ping_after_ms + 4_000, 35_000);
    limits.request_ms_max = draw(6_000, limits.request_ms_max);
    limits.redial_ms_min = draw(200, limits.redial_ms_min);
    limits.redial_ms_max = draw(3_000, limits.redial_ms_max);
    limits.dial_ms_max = draw(3_000, limits.dial_ms_max);
    limits.entry_wait_ms_max = draw(500, limits.entry_wait_ms_max);
    limits.drain_ms_max = draw(2_000, limits.drain_ms_max);
    limits.password_delay_ms_max = draw(500, limits.password_delay_ms_max);
    let mut draw = |least: usize, most: usize| usize::try_from(draw(least as u64, most as u64)).expect("it fits");
    limits.out_bytes_max = draw(256 << 10, limits.out_bytes_max);
    limits.requests_waiting_max = draw(4, limits.requests_waiting_max);
    limits.asks_max = draw(32, limits.asks_max);
    limits.outputs_waiting_max = draw(32, limits.outputs_waiting_max);
    limits.unacknowledged_max = draw(40, limits.unacknowledged_max);
    limits.entries_waiting_max = draw(8, limits.entries_waiting_max);
    limits.entries_known_max = draw(64, limits.entries_known_max);
    limits.rooms_per_user_max = draw(2, ROOMS_PER_USER_MAX);
    limits.room_capacity_default = draw(2, limits.room_capacity_default);
    limits.dials_max = draw(1, limits.dials_max);
    // Who calls out and is not there is dialled again and again, which takes its time.
    limits.lan_heard_max = draw(nodes, 256);
    limits.lan_heard_per_address_max = draw(1, limits.lan_heard_per_address_max);
    limits.lan_dials_max = draw(1, limits.lan_dials_max);
    limits.lan_trackers_max = draw(1, limits.lan_trackers_max);
    limits.password_checks_max = draw(1, limits.password_checks_max);
    limits.password_queue_max = draw(2, limits.password_queue_max);
    limits.password_queue_per_address_max = draw(1, limits.password_queue_per_address_max);
    limits.anonymous_per_address_max = draw(2, limits.anonymous_per_address_max);
    limits.rooms_max = draw(2, limits.rooms_max);
    limits.unfinished_bytes_max = draw(2_000, limits.unfinished_bytes_max);
    limits.frame_before_login_bytes_max = draw(700, limits.frame_before_login_bytes_max);
    limits.links_max = draw(nodes, limits.links_max);
    limits.links_unknown_max = draw(nodes, limits.links_unknown_max);
    limits.transfers_max = draw(4, limits.transfers_max);
    limits.transfers_running_max = draw(1, limits.transfers_running_max);
    limits.offers_per_person_max = draw(1, limits.offers_per_person_max);
    limits.transfers_ended_max = draw(4, limits.transfers_ended_max);
    limits.unsynced_bytes_max = draw(BLOCK_BYTES_MAX, limits.unsynced_bytes_max);
    limits
}
