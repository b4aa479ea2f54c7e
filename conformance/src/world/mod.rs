//! The world in memory: machines, the network between them, a disk for each, and virtual time.
//!
//! What is to happen stands in one agenda, ordered by time and then by when it was put there. A [`World`] takes the
//! first of it, or the first deadline of a machine, sets its clock to exactly that, tells the machine, and turns the
//! machine's actions into what is to happen next. The committed recordings are played in it when all is well, and the
//! simulator breaks everything that can be broken:
//!
//! - [`dials`]: listeners, and how a connection comes to stand.
//! - [`datagrams`]: what is called out on a network, and how it fares.
//! - [`net`]: hosts, latencies, partitions, and streams that are cut and glued.
//! - [`files`]: what machines ask of the disks of their hosts.
//! - [`process`]: machines that are killed, paused and slow, with a disk each that may stall, refuse and lose.
//! - [`driven`]: a machine with its recording, held to its contract; [`resident`]: which machines there are.
//! - [`fact`]: what can be seen of all this.
//!
//! Invariant: nothing here knows a clock, a socket or a random number that does not follow from its seed, so the same
//! story gives the same facts and recordings, byte for byte.

pub(crate) mod datagrams;
mod dials;
pub(crate) mod driven;
pub(crate) mod fact;
mod files;
pub(crate) mod net;
#[cfg(test)]
mod net_tests;
pub(crate) mod process;
pub(crate) mod resident;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use papo_proto::{
    disk::Ask,
    machine::{
        CloseHow, Closed, ConnId, Event, FileId, ListenerId, PasswordCheck, PasswordOutcome, Refusal, RequestId,
        WRITABLE_BYTES_MAX,
    },
    rng::Seed,
    time::{Time, Wall},
};

use datagrams::Lan;
use dials::Arrival;
use driven::{Driven, Effect, Node};
use fact::{Fact, What};
use net::{End, Motion, Net, Owner, Read};
use process::{Host, Process};
use resident::{Resident, Wish};

use crate::luck::Luck;

/// The wall clock when the world begins: 2026-01-01, 12:00 UTC.
const WALL_AT_START: Wall = Wall(1_767_268_800_000);
/// How long a connection that was closed may take to write what is queued.
const FLUSH_MAX: Duration = Duration::from_secs(5);
/// A machine that is told of so much at one time makes no progress.
const TURNS_AT_ONCE_MAX: usize = 20_000;

/// Which process: a machine from its start to its end. A host that starts its program again has another.
pub(crate) type NodeId = usize;

/// Something that is going to happen.
#[derive(Debug)]
pub(crate) enum Happening {
    /// A machine is told.
    Tell { node: NodeId, event: Event<'static, Wish> },
    /// A dial reaches its address.
    Dial { from: Owner, ip: IpAddr, conn: ConnId, to: SocketAddr, since: Time },
    /// The answer to a dial reaches whoever dialled.
    Dialled { from: Owner, ip: IpAddr, conn: ConnId, to: SocketAddr, since: Time },
    /// Something happens to a stream.
    Move { end: End, motion: Motion },
    /// A machine's disk does what it was asked.
    Disk { node: NodeId, request: RequestId, ask: Ask },
    /// It closes what was open.
    CloseFile { node: NodeId, file: FileId },
    /// The first commit of a machine has reached its disk.
    Stored { node: NodeId },
    /// A process that was paused or busy goes on.
    Wake { node: NodeId },
}

/// Machines, and what is between them.
pub(crate) struct World {
    now: Time,
    agenda: BTreeMap<(Time, u64), Happening>,
    planned: u64,
    pub(crate) processes: Vec<Process>,
    /// Those that have not ended.
    running: BTreeSet<NodeId>,
    hosts: BTreeMap<IpAddr, Host>,
    listeners: BTreeMap<SocketAddr, (NodeId, ListenerId)>,
    pub(crate) net: Net,
    names: BTreeMap<String, IpAddr>,
    /// Dials that are not decided.
    dials: BTreeSet<(Owner, ConnId)>,
    /// Connections that the acceptor has not heard of yet.
    arrivals: BTreeMap<End, Arrival>,
    /// Dials and listeners that were refused and not told so yet.
    refused: BTreeSet<(NodeId, u64)>,
    /// The network on which datagrams travel.
    pub(crate) lan: Lan,
    ports: u64,
    strangers: u64,
    tokens: u64,
    turns_at_once: usize,
    seed: Seed,
    recorded: bool,
    facts: Vec<Fact>,
}

impl World {
    /// An empty world, in which all that is accidental follows from `seed`; machines are recorded if wanted.
    pub(crate) fn new(seed: &Seed, recorded: bool) -> Self {
        Self {
            now: Time::ZERO,
            agenda: BTreeMap::new(),
            planned: 0,
            processes: Vec::new(),
            running: BTreeSet::new(),
            hosts: BTreeMap::new(),
            listeners: BTreeMap::new(),
            net: Net::new(Luck::of(seed, "network", 0).next_seed()),
            names: BTreeMap::new(),
            dials: BTreeSet::new(),
            arrivals: BTreeMap::new(),
            refused: BTreeSet::new(),
            lan: Lan::new(seed),
            ports: 0,
            strangers: 0,
            tokens: 0,
            turns_at_once: 0,
            seed: seed.clone(),
            recorded,
            facts: Vec::new(),
        }
    }

    /// The present.
    pub(crate) const fn now(&self) -> Time {
        self.now
    }

    /// The surroundings of every process with this address, now and later.
    pub(crate) fn host(&mut self, ip: IpAddr) -> &mut Host {
        let seed = &self.seed;
        self.hosts.entry(ip).or_insert_with(|| Host::new(Luck::of(seed, &format!("host {ip}"), 0)))
    }

    /// Starts a machine on the host `ip`.
    pub(crate) fn start<M: Resident>(&mut self, ip: IpAddr, start: M::Start, out_bytes_max: usize) -> NodeId {
        let driven = Driven::<M>::start(start, self.recorded);
        self.start_node(ip, Box::new(driven), out_bytes_max)
    }

    fn start_node(&mut self, ip: IpAddr, machine: Box<dyn Node>, out_bytes_max: usize) -> NodeId {
        let node = self.processes.len();
        let offset = self.host(ip).wall_offset_ms;
        self.processes.push(Process::new(machine, ip, self.now, out_bytes_max));
        self.running.insert(node);
        self.see(node, What::Started(ip));
        self.tell(Duration::ZERO, node, Event::Wall(self.wall(offset)));
        self.tell(Duration::ZERO, node, Event::Interfaces(vec![self.lan.interface(ip)]));
        node
    }

    /// A host name that can be looked up.
    pub(crate) fn name_host(&mut self, name: &str, ip: IpAddr) {
        self.names.insert(name.to_owned(), ip);
    }

    /// Gives a machine a command now.
    pub(crate) fn command(&mut self, node: NodeId, wish: Wish) {
        if self.processes[node].running {
            self.tell(Duration::ZERO, node, Event::Command(wish));
        }
    }

    /// Names a request.
    pub(crate) const fn next_token(&mut self) -> u64 {
        self.tokens += 1;
        self.tokens
    }

    /// A stranger dials an address, and says what it says later.
    pub(crate) fn dial(&mut self, ip: IpAddr, to: SocketAddr) -> u64 {
        self.strangers += 1;
        let (from, conn) = (Owner::Stranger(self.strangers), ConnId(0));
        self.dials.insert((from, conn));
        self.plan(Duration::ZERO, Happening::Dial { from, ip, conn, to, since: self.now });
        self.strangers
    }

    /// A stranger says something.
    pub(crate) fn say(&mut self, stranger: u64, bytes: &[u8]) {
        if let Some(end) = self.net.end(Owner::Stranger(stranger), ConnId(0)) {
            self.net.send(self.now, end, bytes);
            self.take_motions();
        }
    }

    /// A stranger hangs up.
    pub(crate) fn hang_up(&mut self, stranger: u64) {
        if let Some(end) = self.net.end(Owner::Stranger(stranger), ConnId(0)) {
            self.net.flush(self.now, end, FLUSH_MAX);
            self.take_motions();
        }
    }

    /// What a stranger was told so far, and whether its connection still stands.
    pub(crate) fn told(&self, stranger: u64) -> (&[u8], bool) {
        self.net.told(Owner::Stranger(stranger), ConnId(0))
    }

    /// A machine's process ends at once, and its kernel says so to everyone who was connected to it. Of the commits
    /// that are under way to its disk, the first `survivors` arrive there.
    pub(crate) fn kill(&mut self, node: NodeId, survivors: usize) {
        if !self.processes[node].running {
            return;
        }
        for (seq, changes) in self.processes[node].end(survivors) {
            self.see(node, What::Durable(seq, changes));
        }
        self.running.remove(&node);
        let ip = self.processes[node].ip;
        self.host(ip).files.restart();
        self.see(node, What::Ended);
        self.listeners.retain(|_, (owner, _)| *owner != node);
        self.lan.forget(node);
        self.dials.retain(|(owner, _)| *owner != Owner::Node(node));
        for end in self.ends_of(node) {
            self.arrivals.remove(&end);
            self.net.abort(self.now, end, Closed::Reset);
        }
        self.take_motions();
    }

    /// Every connection of a process, with those that it has not heard of.
    fn ends_of(&self, node: NodeId) -> Vec<End> {
        let mut ends = self.net.ends_of(Owner::Node(node));
        ends.extend(self.arrivals.iter().filter(|(_, arrival)| arrival.node == node).map(|(end, _)| *end));
        ends
    }

    /// A host loses its power: as [`Self::kill`], but nobody is told, and nothing answers until it is given back.
    pub(crate) fn cut_power(&mut self, node: NodeId, survivors: usize) {
        let ip = self.processes[node].ip;
        for end in self.ends_of(node) {
            self.net.vanish(end);
        }
        self.kill(node, survivors);
        self.host(ip).files.lose_power();
        self.net.darken(self.now, ip, true);
        self.take_motions();
    }

    /// A host has power again.
    pub(crate) fn give_power(&mut self, ip: IpAddr) {
        if !self.net.has_power(ip) {
            self.net.darken(self.now, ip, false);
            self.take_motions();
        }
    }

    /// A process stops, or goes on and hears of everything that happened meanwhile.
    pub(crate) fn pause(&mut self, node: NodeId, paused: bool) {
        self.processes[node].paused = paused;
        self.plan_wake(node);
    }

    /// A disk takes no more commits, or goes on with those that wait.
    pub(crate) fn stall_disk(&mut self, ip: IpAddr, stalled: bool) {
        self.host(ip).disk_stalled = stalled;
        if !stalled {
            for node in self.running_at(ip) {
                self.plan(Duration::ZERO, Happening::Stored { node });
            }
        }
    }

    /// A host's wall clock jumps by so many milliseconds.
    pub(crate) fn jump_wall(&mut self, ip: IpAddr, by_ms: i64) {
        let host = self.host(ip);
        host.wall_offset_ms = host.wall_offset_ms.saturating_add(by_ms);
        let offset = host.wall_offset_ms;
        let wall = self.wall(offset);
        for node in self.running_at(ip) {
            self.tell(Duration::ZERO, node, Event::Wall(wall));
        }
    }

    /// Tells the processes of a host of its interfaces.
    pub(crate) fn show_interfaces(&mut self, ip: IpAddr, addresses: &[IpAddr]) {
        let interfaces = addresses.iter().map(|address| self.lan.interface(*address)).collect::<Vec<_>>();
        for node in self.running_at(ip) {
            self.tell(Duration::ZERO, node, Event::Interfaces(interfaces.clone()));
        }
    }

    /// The network ends the connections between two machines.
    pub(crate) fn cut(&mut self, one: NodeId, other: NodeId, reason: Closed, loses: bool) {
        for end in self.net.between(Owner::Node(one), Owner::Node(other)) {
            self.net.break_off(self.now, end, reason, loses);
        }
        self.take_motions();
    }

    /// Does something to the network that may set things in motion.
    pub(crate) fn with_net(&mut self, change: impl FnOnce(&mut Net, Time)) {
        change(&mut self.net, self.now);
        self.take_motions();
    }

    /// What was seen since this was last asked.
    pub(crate) fn take_facts(&mut self) -> Vec<Fact> {
        std::mem::take(&mut self.facts)
    }

    /// Does what comes next, if that is not after `until`.
    pub(crate) fn step(&mut self, until: Time) -> bool {
        let planned = self.agenda.first_key_value().map(|(&(at, _), _)| at);
        let running = self.running.iter().map(|node| (*node, &self.processes[*node]));
        let due = running.filter_map(|(node, process)| Some((process.deadline()?, node))).min();
        let due = due.map(|(at, node)| (at.max(self.now), node));
        match (planned, due) {
            (Some(at), due) if at <= until && due.is_none_or(|(due, _)| at <= due) => {
                self.advance(at);
                if let Some((_, happening)) = self.agenda.pop_first() {
                    self.happen(happening);
                }
                true
            }
            (_, Some((at, node))) if at <= until => {
                self.advance(at);
                self.handle(node, Event::Due);
                true
            }
            _ => {
                self.advance(until);
                false
            }
        }
    }

    /// The recording of a machine.
    pub(crate) fn recording(&self, node: NodeId) -> &[u8] {
        self.processes[node].recording()
    }

    /// Where a machine listens.
    pub(crate) fn listens_at(&self, node: NodeId) -> Option<SocketAddr> {
        self.listeners.iter().find(|(_, (owner, _))| *owner == node).map(|(address, _)| *address)
    }

    fn running_at(&self, ip: IpAddr) -> Vec<NodeId> {
        self.running.iter().copied().filter(|node| self.processes[*node].ip == ip).collect()
    }

    fn wall(&self, offset_ms: i64) -> Wall {
        let Wall(wall) = WALL_AT_START.plus(self.now.since_start());
        Wall(wall.saturating_add_signed(offset_ms))
    }

    fn advance(&mut self, to: Time) {
        if to > self.now {
            self.turns_at_once = 0;
            self.now = to;
        }
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Tell { node, event } => self.tell_now(node, event),
            Happening::Dial { from, ip, conn, to, since } => self.on_dial(from, ip, conn, to, since),
            Happening::Dialled { from, ip, conn, to, since } => self.on_dialled(from, ip, conn, to, since),
            Happening::Move { end, motion } => self.on_motion(end, motion),
            Happening::Disk { node, request, ask } => self.on_disk(node, request, ask),
            Happening::CloseFile { node, file } => self.on_close_file(node, file),
            Happening::Stored { node } => self.on_stored(node),
            Happening::Wake { node } => self.wake(node),
        }
    }

    /// Tells a machine something, unless its process is held up: then it is told when it goes on.
    fn tell_now(&mut self, node: NodeId, event: Event<'static, Wish>) {
        if self.processes[node].is_held(self.now) {
            self.hold(node, Happening::Tell { node, event });
        } else {
            self.deliver(node, event);
        }
    }

    /// Tells a machine something, unless it has closed what this is about.
    fn deliver(&mut self, node: NodeId, event: Event<'static, Wish>) {
        let is_wanted = match &event {
            Event::Opened { conn, .. } => self.net.end(Owner::Node(node), *conn).is_some(),
            Event::Refused { id, .. } => self.refused.remove(&(node, *id)),
            Event::Bound { socket, .. } | Event::Datagram { socket, .. } => self.lan.hears(node, *socket),
            _ => true,
        };
        if is_wanted {
            self.handle(node, event);
        }
    }

    fn hold(&mut self, node: NodeId, happening: Happening) {
        let was_awake = self.processes[node].wakes_at().is_none();
        self.processes[node].hold(happening);
        if was_awake {
            self.plan_wake(node);
        }
    }

    fn plan_wake(&mut self, node: NodeId) {
        if let Some(at) = self.processes[node].wakes_at() {
            self.plan(at.since(self.now), Happening::Wake { node });
        }
    }

    /// A process hears of what was held, one after the other.
    fn wake(&mut self, node: NodeId) {
        while let Some(held) = self.processes[node].next_held(self.now) {
            match held {
                Happening::Tell { event, .. } => self.deliver(node, event),
                Happening::Move { end, motion } => self.on_owner_motion(node, end, motion),
                other => self.plan(Duration::ZERO, other),
            }
        }
        self.plan_wake(node);
    }

    fn on_motion(&mut self, end: End, motion: Motion) {
        match motion {
            Motion::Arrive => self.net.arrive(self.now, end),
            Motion::FlushOver => self.net.flush_over(self.now, end),
            Motion::GiveUp(first) => self.net.give_up(self.now, end, first),
            Motion::Readable | Motion::Writable | Motion::TooSlow => match self.net.owner(end) {
                Some((Owner::Node(node), _)) if self.processes[node].is_held(self.now) => {
                    self.hold(node, Happening::Move { end, motion });
                }
                Some((Owner::Node(node), _)) => self.on_owner_motion(node, end, motion),
                // Strangers read everything at once.
                Some((Owner::Stranger(_), _)) => while self.net.read(self.now, end).is_some() {},
                None => {}
            },
        }
        self.take_motions();
    }

    /// Something happens to a stream that its owner is told of.
    fn on_owner_motion(&mut self, node: NodeId, end: End, motion: Motion) {
        if let Some(arrival) = self.arrivals.remove(&end) {
            self.accept(end, arrival);
        }
        let Some((_, conn)) = self.net.owner(end) else { return };
        match motion {
            Motion::Readable => match self.net.read(self.now, end) {
                Some(Read::Bytes(bytes)) => self.handle(node, Event::Received { conn, bytes: bytes.into() }),
                Some(Read::Over(reason)) => self.handle(node, Event::Closed { conn, reason }),
                None => {}
            },
            Motion::Writable => {
                if self.net.take_writable(end).is_some() {
                    self.handle(node, Event::Writable { conn, bytes: WRITABLE_BYTES_MAX });
                }
            }
            Motion::TooSlow => {
                self.net.abort(self.now, end, Closed::Reset);
                self.handle(node, Event::Closed { conn, reason: Closed::SlowReader });
            }
            Motion::Arrive | Motion::FlushOver | Motion::GiveUp(_) => {}
        }
    }

    fn on_stored(&mut self, node: NodeId) {
        let ip = self.processes[node].ip;
        if !self.processes[node].running || self.host(ip).disk_stalled {
            return;
        }
        if self.host(ip).disk_refuses {
            // A commit that fails ends the process, with nothing said that depends on it.
            return self.kill(node, 0);
        }
        let Some((seq, changes)) = self.processes[node].store_next() else { return };
        self.see(node, What::Durable(seq, changes));
        self.tell(Duration::ZERO, node, Event::Committed(seq));
        if self.processes[node].is_storing() {
            self.plan_store(node);
        }
    }

    fn plan_store(&mut self, node: NodeId) {
        let ip = self.processes[node].ip;
        let host = self.host(ip);
        let latency = host.next_commit_latency();
        self.plan(latency, Happening::Stored { node });
    }

    fn handle(&mut self, node: NodeId, event: Event<'static, Wish>) {
        if !self.processes[node].running {
            return;
        }
        self.turns_at_once += 1;
        if self.turns_at_once > TURNS_AT_ONCE_MAX {
            self.see(node, What::Broke(format!("time stands still; the last event is {event:?}")));
            self.turns_at_once = 0;
            self.advance(self.now + Duration::from_millis(1));
        }
        match &event {
            Event::Command(wish) => self.see(node, What::Asked(wish.clone())),
            Event::Closed { conn, reason } => self.see(node, What::Closed(*conn, *reason)),
            Event::Opened { conn, remote, .. } => self.see(node, What::Opened(*conn, *remote)),
            Event::Refused { id, .. } => self.see(node, What::Refused(*id)),
            Event::Datagram { from, bytes, .. } => self.see(node, What::Heard(*from, bytes.to_vec())),
            _ => {}
        }
        let is_called = matches!(event, Event::Datagram { .. });
        for effect in self.processes[node].handle(self.now, event) {
            if let Effect::SendTo { to, bytes, .. } = &effect {
                self.see(node, What::Called(*to, bytes.clone(), is_called));
            }
            self.apply(node, effect);
        }
        self.take_motions();
    }

    fn apply(&mut self, node: NodeId, effect: Effect) {
        let owner = Owner::Node(node);
        match effect {
            Effect::Listen { listener, address } => self.listen(node, listener, address),
            Effect::Connect { conn, address } => {
                self.see(node, What::Dialled(conn, address));
                let ip = self.processes[node].ip;
                self.dials.insert((owner, conn));
                if self.host(ip).descriptors_left == Some(0) {
                    return self.refuse(owner, conn, Refusal::Exhausted);
                }
                let delay = self.net.latency(ip, address.ip()) + self.net.climate.jitter / 2;
                self.plan(delay, Happening::Dial { from: owner, ip, conn, to: address, since: self.now });
            }
            Effect::Send { conn, bytes } => {
                if let Some(end) = self.net.end(owner, conn) {
                    self.net.send(self.now, end, &bytes);
                }
                self.see(node, What::Sent(conn, bytes));
            }
            Effect::Close { id, how } => {
                self.listeners.retain(|_, (owner, listener)| (*owner, listener.0) != (node, id));
                let is_undecided = self.dials.remove(&(owner, ConnId(id))) | self.refused.remove(&(node, id));
                self.lan.close(node, id);
                let end = self.net.end(owner, ConnId(id));
                if is_undecided || end.is_some() {
                    self.see(node, What::Hung(ConnId(id)));
                }
                if let Some(end) = end {
                    match how {
                        CloseHow::Flush => self.net.flush(self.now, end, FLUSH_MAX),
                        CloseHow::Abort => self.net.abort(self.now, end, Closed::Reset),
                    }
                }
            }
            Effect::WantWrite(conn) => {
                if let Some(end) = self.net.end(owner, conn) {
                    self.net.want_write(self.now, end);
                }
            }
            Effect::Reading(conn, on) => {
                if let Some(end) = self.net.end(owner, conn) {
                    self.net.set_reading(self.now, end, on);
                }
            }
            Effect::Commit { seq, changes } => {
                self.see(node, What::Committing(seq, changes.clone()));
                if self.processes[node].store_later(seq, changes) {
                    self.plan_store(node);
                }
            }
            Effect::CheckPassword { request, check } => {
                let ip = self.processes[node].ip;
                let wait = self.host(ip).password;
                self.tell(wait, node, Event::PasswordChecked { request, outcome: checked(&check) });
            }
            Effect::Resolve { request, host, port } => {
                let ip = self.processes[node].ip;
                let surroundings = self.host(ip);
                let (fails, wait) = (surroundings.resolver_fails, surroundings.resolver);
                let ip = host.parse().ok().or_else(|| self.names.get(&host).copied().filter(|_| !fails));
                let addresses = ip.into_iter().map(|ip| SocketAddr::new(ip, port)).collect();
                self.tell(wait, node, Event::Resolved { request, addresses });
            }
            Effect::Bind { socket, mut address } => {
                address.set_port(self.lan.bind(node, socket, address.port()));
                self.tell(Duration::ZERO, node, Event::Bound { socket, address });
            }
            Effect::SendTo { socket, to, bytes } => self.send_datagram(node, socket, to, &bytes),
            Effect::Disk { request, ask } => self.ask_disk(node, request, ask),
            Effect::CloseFile(file) => self.close_file(node, file),
            Effect::Notify(told) => self.see(node, What::Told(told)),
            Effect::Broke(rule) => self.see(node, What::Broke(rule)),
        }
    }

    fn take_motions(&mut self) {
        for (at, end, motion) in std::mem::take(&mut self.net.planned) {
            self.plan(at.since(self.now), Happening::Move { end, motion });
        }
    }

    fn see(&mut self, node: NodeId, what: What) {
        self.facts.push(Fact { at: self.now, node, what });
    }

    fn tell(&mut self, after: Duration, node: NodeId, event: Event<'static, Wish>) {
        self.plan(after, Happening::Tell { node, event });
    }

    fn plan(&mut self, after: Duration, happening: Happening) {
        self.planned += 1;
        self.agenda.insert((self.now + after, self.planned), happening);
    }
}

/// A stand-in for Argon2, which needs no strength here: the verifier names what it verifies.
pub(crate) fn verifier_of(password: &[u8; 32]) -> String {
    format!("$stand-in${}", papo_proto::hex::encode(password))
}

fn checked(check: &PasswordCheck) -> PasswordOutcome {
    match check {
        PasswordCheck::Create { password, .. } => PasswordOutcome::Created(verifier_of(password)),
        PasswordCheck::Verify { verifier, password } if *verifier == verifier_of(password) => PasswordOutcome::Matched,
        PasswordCheck::Verify { .. } => PasswordOutcome::Mismatched,
    }
}
