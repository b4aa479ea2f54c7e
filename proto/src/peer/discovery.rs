//! The neighbours: who calls out on this host's own networks, and whom of them to dial next.
//!
//! ```text
//!   heard ──chosen──▶ dialled ──link, or one stood──▶ known by key ──link ended──▶ heard
//!                        └──in vain──▶ waits, longer each time        (not heard for 20 s: forgotten)
//! ```
//!
//! A beacon is anybody's word, and its source may be forged. So it is believed in one thing only: that its source may be
//! dialled at the port that it names. The table is bounded, altogether and for each address; when it is full, someone
//! who was dialled in vain gives way. Whom to dial is drawn: first an address, then one of its ports, so that neither the
//! order nor the number of made-up neighbours decides.
//!
//! Invariant: nobody is dialled who is not on a network of this host, and at most one neighbour of an address at once.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use super::{interface::Lan, redial::Redial};
use crate::{
    identity::Key,
    limits::{Limits, ms},
    machine::{ConnId, Interface, SocketId},
    rng::{Seed, Stream},
    time::Time,
    wire::beacon::Beacon,
};

/// How long the larger instance leaves dialling to the smaller, so that two seldom dial each other at once.
const YIELD_MS: u64 = 2_000;

/// It is not looked more often than this for somebody to dial.
const LOOK: Duration = ms(200);

/// A network of this host on which the peer can be reached and calls out.
#[derive(Debug)]
struct Network {
    interface: Interface,
    broadcast: Ipv4Addr,
    instance: u64,
}

/// Someone who was heard.
#[derive(Debug)]
struct Neighbour {
    instance: u64,
    heard: Time,
    /// Since when it has that instance.
    since: Time,
    /// Whose key is there, once that is known.
    key: Option<Key>,
    dialling: Option<ConnId>,
    /// Not to be dialled before.
    due: Time,
    redial: Redial,
    /// It takes no link; a new instance is asked again.
    refused: bool,
    /// The host was told of it.
    told: bool,
}

/// What a beacon means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// Nothing: it is one's own, from elsewhere, or there is no place for it.
    Nothing,
    /// Somebody is there still.
    Again,
    /// Somebody is there who was not, or was started again.
    New,
    /// Where this key was, something was started again: a link to it may be dead.
    Restarted(Key),
}

/// See the [module](self).
#[derive(Debug)]
pub struct Discovery {
    /// What the host said.
    pub lan: Lan,
    /// Whether the socket was never asked for.
    pub is_new: bool,
    /// The socket, once it was asked for and unless it was refused.
    pub socket: Option<SocketId>,
    /// Whether it stands.
    pub bound: bool,
    seed: Seed,
    rng: Stream,
    limits: Limits,
    networks: Vec<Network>,
    neighbours: BTreeMap<SocketAddr, Neighbour>,
    /// Nobody gives way at present: of many newcomers only the first has to find that out.
    is_full: bool,
    /// Trackers that neighbours host, and when that was last heard.
    trackers: BTreeMap<SocketAddr, Time>,
    /// When it was last looked for somebody to dial.
    looked: Option<Time>,
}

impl Discovery {
    /// Nobody is heard yet.
    #[must_use]
    pub fn new(lan: Lan, seed: &Seed, limits: &Limits) -> Self {
        Self {
            lan,
            is_new: true,
            socket: None,
            bound: false,
            seed: seed.clone(),
            rng: seed.stream("discovery", 0),
            limits: limits.clone(),
            networks: Vec::new(),
            neighbours: BTreeMap::new(),
            is_full: false,
            trackers: BTreeMap::new(),
            looked: None,
        }
    }

    /// The host has these addresses: the peer calls out on those networks where its listener can be reached. Whoever is
    /// on none of them is forgotten.
    pub fn set_interfaces(&mut self, listen: SocketAddr, interfaces: &[Interface]) {
        let networks = interfaces.iter().filter(|one| reaches_listener(listen, one)).filter_map(|interface| {
            let network = network_number(interface)?;
            let instance = self.seed.stream("instance", network).next_u64().max(1);
            Some(Network { interface: *interface, broadcast: interface.broadcast?, instance })
        });
        self.networks = networks.collect();
        let networks = &self.networks;
        let near = |ip: IpAddr| networks.iter().any(|network| network.interface.reaches(ip));
        self.neighbours.retain(|address, _| near(address.ip()));
        self.trackers.retain(|address, _| near(address.ip()));
        self.is_full = false;
    }

    /// This peer's own number on the network of an address; 0 where it does not call.
    #[must_use]
    pub fn instance_for(&self, ip: IpAddr) -> u64 {
        self.networks.iter().find(|network| network.interface.reaches(ip)).map_or(0, |network| network.instance)
    }

    /// What to call out, and where: once on each network.
    #[must_use]
    pub fn beacons(&self, listen: SocketAddr) -> Vec<(SocketAddr, Beacon)> {
        let mut called = BTreeSet::new();
        let networks = self.networks.iter().filter(|network| called.insert(network.broadcast));
        let beacons = networks.map(|network| {
            let tracker = self.lan.hosts_tracker.filter(|tracker| reaches_listener(*tracker, &network.interface));
            let beacon = Beacon {
                port: listen.port(),
                instance: network.instance,
                tracker: tracker.map(|tracker| tracker.port()),
            };
            (SocketAddr::new(network.broadcast.into(), self.lan.port), beacon)
        });
        beacons.collect()
    }

    /// This host's address and the broadcast address on each network where it calls out.
    pub fn networks(&self) -> impl Iterator<Item = (Ipv4Addr, Ipv4Addr)> + '_ {
        self.networks.iter().filter_map(|network| match network.interface.address {
            IpAddr::V4(ip) => Some((ip, network.broadcast)),
            IpAddr::V6(_) => None,
        })
    }

    /// Whether a neighbour is known there.
    #[must_use]
    pub fn knows(&self, address: SocketAddr) -> bool {
        self.neighbours.contains_key(&address)
    }

    /// A beacon came from that address.
    pub fn handle_beacon(&mut self, now: Time, from: IpAddr, beacon: Beacon) -> Heard {
        let own = self.networks.iter().any(|network| network.instance == beacon.instance);
        if own || self.instance_for(from) == 0 {
            return Heard::Nothing;
        }
        self.note_heard(now, SocketAddr::new(from, beacon.port), beacon.instance)
    }

    /// Somebody who is linked, or about to be, says where it listens and which instance it is: as if it had called.
    pub fn handle_greeting(&mut self, now: Time, address: SocketAddr, instance: u64) {
        self.note_heard(now, address, instance);
    }

    fn note_heard(&mut self, now: Time, address: SocketAddr, instance: u64) -> Heard {
        let waits = self.instance_for(address.ip()) > instance;
        let due = if waits { now + self.rng.jittered(ms(YIELD_MS)) } else { now };
        let Some(known) = self.neighbours.get_mut(&address) else {
            if !self.makes_room(address.ip()) {
                return Heard::Nothing;
            }
            let redial = Redial::new(&self.limits);
            let neighbour = Neighbour {
                instance,
                heard: now,
                since: now,
                key: None,
                dialling: None,
                due,
                redial,
                refused: false,
                told: false,
            };
            self.neighbours.insert(address, neighbour);
            assert!(self.neighbours.len() <= self.limits.lan_heard_max, "someone gave way");
            return Heard::New;
        };
        known.heard = now;
        // Whoever forges beacons in turn with the true ones gets no more than this out of it.
        if known.instance == instance || now - known.since < ms(self.limits.lan_beacon_ms) {
            return Heard::Again;
        }
        (known.instance, known.since, known.refused) = (instance, now, false);
        known.due = due;
        known.redial.reset();
        known.key.take().map_or(Heard::New, Heard::Restarted)
    }

    /// Whether another neighbour can be remembered at an address, for which one may be forgotten that was dialled in vain.
    fn makes_room(&mut self, ip: IpAddr) -> bool {
        let here = self.neighbours.range(SocketAddr::new(ip, 0)..=SocketAddr::new(ip, u16::MAX));
        if here.clone().count() >= self.limits.lan_heard_per_address_max {
            let victims = here.filter(|(_, one)| one.is_in_vain()).map(|(address, _)| *address).collect::<Vec<_>>();
            return self.forget_one_of(&victims);
        }
        if self.neighbours.len() < self.limits.lan_heard_max {
            return true;
        }
        if !self.is_full {
            let victims = self.neighbours.iter().filter(|(_, one)| one.is_in_vain()).map(|(address, _)| *address);
            let victims = victims.collect::<Vec<_>>();
            self.is_full = !self.forget_one_of(&victims);
        }
        !self.is_full
    }

    fn forget_one_of(&mut self, victims: &[SocketAddr]) -> bool {
        pick(&mut self.rng, victims).is_some_and(|victim| self.neighbours.remove(victim).is_some())
    }

    /// When to look next for somebody to dial, where there is reason to: not at each of many beacons.
    #[must_use]
    pub fn next_look(&self, now: Time) -> Time {
        self.looked.map_or(now, |looked| now.max(looked + LOOK))
    }

    /// It is looked for somebody to dial.
    pub const fn on_look(&mut self, now: Time) {
        self.looked = Some(now);
    }

    /// Whom to dial now. `is_wanted` says whether a link to a key is.
    pub fn next_dial(&mut self, now: Time, is_wanted: impl Fn(&Key) -> bool) -> Option<SocketAddr> {
        let busy = self.neighbours.iter().filter(|(_, one)| one.dialling.is_some()).map(|(address, _)| address.ip());
        let busy = busy.collect::<BTreeSet<_>>();
        if busy.len() >= self.limits.lan_dials_max {
            return None;
        }
        let mut candidates = BTreeMap::<IpAddr, Vec<SocketAddr>>::new();
        for (address, neighbour) in &self.neighbours {
            if !busy.contains(&address.ip()) && neighbour.due <= now && neighbour.is_open(&is_wanted) {
                candidates.entry(address.ip()).or_default().push(*address);
            }
        }
        let candidates = candidates.into_values().collect::<Vec<_>>();
        let of_address = pick(&mut self.rng, &candidates)?;
        pick(&mut self.rng, of_address).copied()
    }

    /// When somebody is to be dialled next.
    pub fn due(&self, is_wanted: impl Fn(&Key) -> bool) -> Option<Time> {
        let open = self.neighbours.values().filter(|one| one.dialling.is_none() && one.is_open(&is_wanted));
        open.map(|one| one.due).min()
    }

    /// A neighbour is being dialled.
    pub fn on_dialled(&mut self, now: Time, address: SocketAddr, conn: ConnId) {
        if let Some(neighbour) = self.neighbours.get_mut(&address) {
            neighbour.dialling = Some(conn);
            neighbour.due = now + neighbour.redial.next_wait(&mut self.rng);
        }
    }

    /// That dial is over, whatever came of it.
    pub fn on_dial_over(&mut self, address: SocketAddr, conn: ConnId) {
        if let Some(neighbour) = self.neighbours.get_mut(&address)
            && neighbour.dialling == Some(conn)
        {
            neighbour.dialling = None;
            self.is_full = false;
        }
    }

    /// A neighbour has shown its key.
    pub fn on_identified(&mut self, address: SocketAddr, key: Key) {
        if let Some(neighbour) = self.neighbours.get_mut(&address) {
            neighbour.key = Some(key);
        }
    }

    /// A neighbour takes no link.
    pub fn on_refused(&mut self, address: SocketAddr) {
        if let Some(neighbour) = self.neighbours.get_mut(&address) {
            neighbour.refused = true;
        }
    }

    /// A link to a neighbour stands. Whether this is the first that is known of whoever has that key.
    pub fn on_linked(&mut self, address: SocketAddr, key: Key) -> bool {
        let known = self.with_key(&key).any(|one| one.told);
        if let Some(neighbour) = self.neighbours.get_mut(&address) {
            neighbour.key = Some(key);
            // That dial is over, for as long as its link may stand.
            neighbour.dialling = None;
            neighbour.told = true;
            neighbour.redial.reset();
            return !known;
        }
        false
    }

    /// Whoever has that key says that it ends.
    pub fn forget(&mut self, key: &Key) {
        self.neighbours.retain(|_, one| one.key != Some(*key));
        self.is_full = false;
    }

    /// Who was not heard for too long is forgotten.
    pub fn forget_silent(&mut self, now: Time) {
        let heard = |at: Time, limits: &Limits| now - at < ms(limits.lan_heard_ms_max);
        let limits = &self.limits;
        self.neighbours.retain(|_, one| one.dialling.is_some() || heard(one.heard, limits));
        self.trackers.retain(|_, at| heard(*at, limits));
        self.is_full = false;
    }

    /// Whether somebody with that key is there.
    #[must_use]
    pub fn hears(&self, key: &Key) -> bool {
        self.with_key(key).next().is_some()
    }

    fn with_key<'a>(&'a self, key: &'a Key) -> impl Iterator<Item = &'a Neighbour> {
        self.neighbours.values().filter(move |one| one.key.as_ref() == Some(key))
    }

    /// A neighbour says that it hosts a tracker. Whether that is new: one of each address, and of so many altogether.
    pub fn note_tracker(&mut self, now: Time, address: SocketAddr) -> bool {
        if let Some(heard) = self.trackers.get_mut(&address) {
            *heard = now;
            return false;
        }
        let another = self.trackers.keys().any(|other| other.ip() == address.ip());
        if another || self.trackers.len() >= self.limits.lan_trackers_max {
            return false;
        }
        self.trackers.insert(address, now);
        true
    }

    /// The trackers that neighbours host.
    pub fn trackers(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        self.trackers.keys().copied()
    }

    /// How many neighbours are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.neighbours.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.neighbours.is_empty()
    }
}

impl Neighbour {
    /// Whether it may be dialled at all.
    fn is_open(&self, is_wanted: impl Fn(&Key) -> bool) -> bool {
        !self.refused && self.key.as_ref().is_none_or(is_wanted)
    }

    /// Whether it was dialled, and nobody is known to be there.
    const fn is_in_vain(&self) -> bool {
        self.key.is_none() && self.dialling.is_none() && self.redial.failures() > 0
    }
}

/// Whether whoever is on an interface's network can dial what listens there.
fn reaches_listener(listen: SocketAddr, interface: &Interface) -> bool {
    listen.is_ipv4()
        && interface.address.is_ipv4()
        && (listen.ip().is_unspecified() || listen.ip() == interface.address)
}

/// Names a network: its first address and the length of its prefix.
fn network_number(interface: &Interface) -> Option<u64> {
    let IpAddr::V4(address) = interface.address else { return None };
    let prefix = u32::from(interface.prefix).min(32);
    let mask = u32::MAX.checked_shl(32 - prefix).unwrap_or(0);
    Some(u64::from(address.to_bits() & mask) << 8 | u64::from(prefix))
}

/// One of several.
fn pick<'a, T>(rng: &mut Stream, all: &'a [T]) -> Option<&'a T> {
    let count = u64::try_from(all.len()).ok().filter(|&count| count > 0)?;
    all.get(usize::try_from(rng.next_u64() % count).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits =
        Limits { lan_heard_max: 8, lan_heard_per_address_max: 3, lan_dials_max: 2, ..Limits::DEFAULT };
    /// A key that nobody has.
    const KEY: Key = Key([9; 32]);

    fn listen() -> SocketAddr {
        ([0, 0, 0, 0], 6061).into()
    }

    fn at(secs: u64) -> Time {
        Time::after_start(Duration::from_secs(secs))
    }

    fn lan(last: u8) -> Interface {
        let broadcast = Some(Ipv4Addr::new(10, 0, 0, 255));
        Interface { prefix: 24, broadcast, ..Interface::alone([10, 0, 0, last].into()) }
    }

    fn on_a_lan() -> Discovery {
        let wanted = Lan { port: 9091, hosts_tracker: None };
        let mut discovery = Discovery::new(wanted, &Seed([7; 32]), &LIMITS);
        discovery.set_interfaces(listen(), &[lan(1)]);
        discovery
    }

    fn hear(discovery: &mut Discovery, now: Time, last: u8, port: u16, instance: u64) -> Heard {
        discovery.handle_beacon(now, [10, 0, 0, last].into(), Beacon { port, instance, tracker: None })
    }

    /// Dials everyone who may be dialled; none comes to be.
    fn dial_all(discovery: &mut Discovery, now: Time) -> Vec<SocketAddr> {
        let mut dialled = Vec::new();
        while let Some(address) = discovery.next_dial(now, |_| true) {
            let conn = ConnId(dialled.len() as u64 * 2 + 1);
            discovery.on_dialled(now, address, conn);
            discovery.on_dial_over(address, conn);
            dialled.push(address);
        }
        dialled
    }

    #[test]
    fn neighbours_are_remembered_up_to_the_bound_of_an_address_and_no_further() {
        let mut discovery = on_a_lan();
        for port in 1..=3 {
            assert_eq!(hear(&mut discovery, at(0), 2, port, 7), Heard::New);
        }
        assert_eq!(hear(&mut discovery, at(0), 2, 4, 7), Heard::Nothing);
        assert_eq!(hear(&mut discovery, at(0), 2, 3, 7), Heard::Again, "who is remembered stays so");
        assert_eq!(hear(&mut discovery, at(0), 3, 1, 7), Heard::New, "another address has places of its own");
        assert_eq!(dial_all(&mut discovery, at(5)).len(), 4);
        assert_eq!(hear(&mut discovery, at(5), 2, 4, 7), Heard::New, "one that was dialled in vain gives way");
        assert_eq!(discovery.len(), 4);
    }

    #[test]
    fn neighbours_are_remembered_up_to_the_bound_and_who_is_known_never_gives_way() {
        let mut discovery = on_a_lan();
        for last in 2..10 {
            assert_eq!(hear(&mut discovery, at(0), last, 1, 7), Heard::New);
        }
        assert_eq!(hear(&mut discovery, at(0), 10, 1, 7), Heard::Nothing);
        assert_eq!(discovery.len(), 8);
        for last in 2..9 {
            discovery.on_identified(([10, 0, 0, last], 1).into(), KEY);
        }
        let dialled = dial_all(&mut discovery, at(5));
        assert_eq!(dialled.len(), 8);
        assert_eq!(hear(&mut discovery, at(5), 10, 1, 7), Heard::New);
        assert_eq!(hear(&mut discovery, at(5), 9, 1, 7), Heard::Nothing, "it gave way, and nobody else does");
        assert_eq!(discovery.len(), 8);
    }

    #[test]
    fn so_many_are_dialled_at_once_and_one_of_each_address() {
        let mut discovery = on_a_lan();
        for (last, port) in [(2, 1), (2, 2), (3, 1), (4, 1)] {
            hear(&mut discovery, at(0), last, port, 7);
        }
        let first = discovery.next_dial(at(5), |_| true).expect("someone");
        discovery.on_dialled(at(5), first, ConnId(1));
        let second = discovery.next_dial(at(5), |_| true).expect("someone else");
        assert_ne!(first.ip(), second.ip());
        discovery.on_dialled(at(5), second, ConnId(3));
        assert_eq!(discovery.next_dial(at(5), |_| true), None, "two are under way");
        discovery.on_dial_over(first, ConnId(3));
        assert_eq!(discovery.next_dial(at(5), |_| true), None, "that was another's");
        discovery.on_dial_over(first, ConnId(1));
        assert!(discovery.next_dial(at(5), |_| true).is_some_and(|third| third != first && third.ip() != second.ip()));
    }

    #[test]
    fn the_smaller_instance_dials_at_once_and_the_larger_a_little_later() {
        let mut discovery = on_a_lan();
        let own = discovery.instance_for([10, 0, 0, 9].into());
        hear(&mut discovery, at(0), 2, 1, own + 1);
        assert!(discovery.due(|_| true).is_some_and(|due| due == at(0)));
        let mut discovery = on_a_lan();
        hear(&mut discovery, at(0), 2, 1, own - 1);
        assert!(discovery.due(|_| true).is_some_and(|due| due >= at(1) && due <= at(2)));
        assert_eq!(hear(&mut discovery, at(0), 3, 1, own), Heard::Nothing, "oneself");
    }

    #[test]
    fn another_instance_is_a_new_start_but_not_at_every_beacon() {
        let mut discovery = on_a_lan();
        let address = SocketAddr::from(([10, 0, 0, 2], 1));
        hear(&mut discovery, at(0), 2, 1, 7);
        assert!(discovery.on_linked(address, KEY) && !discovery.on_linked(address, KEY), "it is told once");
        assert_eq!(hear(&mut discovery, at(4), 2, 1, 8), Heard::Again);
        assert!(discovery.hears(&KEY));
        assert_eq!(hear(&mut discovery, at(5), 2, 1, 8), Heard::Restarted(KEY));
        assert!(!discovery.hears(&KEY), "who is there now, is to be seen");
        discovery.on_refused(address);
        assert_eq!(discovery.next_dial(at(20), |_| true), None, "it takes no link");
        assert_eq!(hear(&mut discovery, at(20), 2, 1, 9), Heard::New);
        assert_eq!(discovery.next_dial(at(22), |_| true), Some(address), "but perhaps now");
    }

    #[test]
    fn who_is_silent_or_on_no_network_of_ours_any_more_is_forgotten() {
        let mut discovery = on_a_lan();
        hear(&mut discovery, at(0), 2, 1, 7);
        hear(&mut discovery, at(1), 3, 1, 7);
        assert!(discovery.note_tracker(at(0), ([10, 0, 0, 2], 6060).into()));
        discovery.forget_silent(at(20));
        assert_eq!((discovery.len(), discovery.trackers().count()), (1, 0));
        discovery.set_interfaces(listen(), &[]);
        assert!(discovery.is_empty());
        assert_eq!(hear(&mut discovery, at(21), 3, 1, 7), Heard::Nothing);
    }
}
