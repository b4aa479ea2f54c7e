//! The network of a world: hosts, what is between them, and the streams that cross it.
//!
//! A connection is two pipes. A pipe has a queue at its sender's driver, a flight, and an inbox at its receiver; flight
//! and inbox together are bounded by a window, as kernels bound them, so a reader that does not read fills the
//! sender's queue. What is sent is cut anywhere and glued again in the inbox.
//!
//! ```text
//!   send ─▶ queue ──window──▶ flight ──latency, partitions, clogs──▶ inbox ──Readable──▶ the machine
//! ```
//!
//! Streams are reliable: nothing in a pipe is lost, doubled or reordered while both ends live. They end in order, by a
//! reset that overtakes what is under way, or not at all: an end whose host lost power is gone, and the other learns
//! that only when it says something to a host that is back.
//!
//! Invariant: nothing here knows a machine. What is to happen later goes through [`Net::planned`].

use std::{
    collections::{BTreeMap, VecDeque},
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use papo_proto::{
    machine::{Closed, ConnId, RECEIVED_BYTES_MAX},
    rng::Seed,
    time::Time,
};

use super::NodeId;
use crate::luck::Luck;

/// How long a network tries to bring bytes through a partition before it tells their sender that it gave up.
const PATIENCE: Duration = Duration::from_secs(900);

/// What the network is like. Everything may be changed while it runs.
#[derive(Debug, Clone)]
pub(crate) struct Climate {
    /// From one host to another, at least.
    pub(crate) latency_min: Duration,
    /// And at most: each pair of hosts has its own in between.
    pub(crate) latency_max: Duration,
    /// What each piece may take longer, at most.
    pub(crate) jitter: Duration,
    /// How many of the pieces are cut shorter than they might be.
    pub(crate) cut: f64,
    /// A piece that is cut has at most so many bytes.
    pub(crate) piece_max: usize,
    /// What may be under way and unread on one pipe.
    pub(crate) window: usize,
}

impl Climate {
    /// A quiet network on one floor.
    pub(crate) const CALM: Self = Self {
        latency_min: Duration::from_micros(500),
        latency_max: Duration::from_millis(2),
        jitter: Duration::ZERO,
        cut: 0.25,
        piece_max: RECEIVED_BYTES_MAX,
        window: 4 * 1024 * 1024,
    };
}

/// Whose end it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Owner {
    /// A machine's.
    Node(NodeId),
    /// A stranger's, with its number.
    Stranger(u64),
}

/// One end of one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct End(usize);

impl End {
    /// The end at the other side.
    pub(crate) const fn other(self) -> Self {
        Self(self.0 ^ 1)
    }

    /// The number of its connection.
    const fn connection(self) -> u64 {
        (self.0 / 2) as u64
    }
}

/// What is under way.
#[derive(Debug)]
enum Segment {
    Bytes(Vec<u8>),
    Over(Closed),
}

/// How a pipe ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// It goes on.
    None,
    /// In order, after the queue.
    AfterQueue,
    /// Its end is under way.
    Departed,
}

/// One end, and the pipe that leads away from it.
#[derive(Debug)]
struct Half {
    owner: Owner,
    conn: ConnId,
    ip: IpAddr,
    /// Its owner has it and may use it.
    open: bool,
    /// Its host lost power: nobody is there, and nobody said so.
    vanished: bool,
    reading: bool,
    wants_write: bool,
    out_bytes_max: usize,
    queue: VecDeque<u8>,
    ending: Ending,
    flight: VecDeque<(Time, Segment)>,
    /// When the last of the flight arrives.
    last_at: Time,
    flight_bytes: usize,
    /// Nothing leaves the flight.
    clogged: bool,
    inbox: VecDeque<u8>,
    /// Comes after the inbox.
    over: Option<Closed>,
    /// Told when it stood.
    told: Vec<u8>,
}

/// What is to happen to an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Motion {
    /// The first of the flight towards it arrives.
    Arrive,
    /// Its owner may read.
    Readable,
    /// Its queue is empty and its owner wanted to know.
    Writable,
    /// A close that was to flush has taken too long.
    FlushOver,
    /// Its owner is told that it reads too slowly.
    TooSlow,
    /// The network gives up, if what is under way still is.
    GiveUp(Time),
}

/// What an owner reads.
pub(crate) enum Read {
    /// Bytes.
    Bytes(Vec<u8>),
    /// The end of it all.
    Over(Closed),
}

/// The network.
#[derive(Debug)]
pub(crate) struct Net {
    /// What it is like now.
    pub(crate) climate: Climate,
    /// What is to happen later; whoever owns the network takes it.
    pub(crate) planned: Vec<(Time, End, Motion)>,
    seed: Seed,
    halves: Vec<Half>,
    index: BTreeMap<(Owner, ConnId), End>,
    lucks: Vec<Luck>,
    /// Each pair of hosts has its own, drawn when it is first asked for.
    latencies: BTreeMap<(IpAddr, IpAddr), Duration>,
    /// Directions between hosts in which nothing passes, and by how many faults.
    blocked: BTreeMap<(IpAddr, IpAddr), usize>,
    /// Hosts to and from which everything takes longer.
    slowed: BTreeMap<IpAddr, Duration>,
    /// Hosts without power.
    dark: BTreeMap<IpAddr, usize>,
}

impl Net {
    pub(crate) fn new(seed: Seed) -> Self {
        Self {
            climate: Climate::CALM,
            planned: Vec::new(),
            seed,
            halves: Vec::new(),
            index: BTreeMap::new(),
            lucks: Vec::new(),
            latencies: BTreeMap::new(),
            blocked: BTreeMap::new(),
            slowed: BTreeMap::new(),
            dark: BTreeMap::new(),
        }
    }

    /// How long something takes between two hosts, now.
    pub(crate) fn latency(&mut self, from: IpAddr, to: IpAddr) -> Duration {
        let (low, high) = if from < to { (from, to) } else { (to, from) };
        let (seed, climate) = (&self.seed, &self.climate);
        let base = *self.latencies.entry((low, high)).or_insert_with(|| {
            Luck::of(seed, &format!("latency {low} {high}"), 0).duration(climate.latency_min, climate.latency_max)
        });
        base + [from, to].iter().filter_map(|host| self.slowed.get(host)).sum::<Duration>()
    }

    /// Whether anything passes from one host to another.
    pub(crate) fn passes(&self, from: IpAddr, to: IpAddr) -> bool {
        from == to || (!self.blocked.contains_key(&(from, to)) && self.has_power(from) && self.has_power(to))
    }

    pub(crate) fn has_power(&self, host: IpAddr) -> bool {
        !self.dark.contains_key(&host)
    }

    /// A connection stands: each end with its owner, host and bound. The acceptor names its end when it
    /// [accepts](Self::accept) it.
    pub(crate) fn connect(
        &mut self,
        conn: ConnId,
        dialler: (Owner, IpAddr, usize),
        acceptor: (Owner, IpAddr, usize),
    ) -> End {
        let number = self.halves.len() / 2;
        self.lucks.push(Luck::of(&self.seed, "pieces", number as u64));
        self.index.insert((dialler.0, conn), End(self.halves.len()));
        for (owner, ip, out_bytes_max) in [dialler, acceptor] {
            self.halves.push(Half {
                owner,
                conn,
                ip,
                open: true,
                vanished: false,
                reading: true,
                wants_write: false,
                out_bytes_max,
                queue: VecDeque::new(),
                ending: Ending::None,
                flight: VecDeque::new(),
                last_at: Time::ZERO,
                flight_bytes: 0,
                clogged: false,
                inbox: VecDeque::new(),
                over: None,
                told: Vec::new(),
            });
        }
        End(number * 2)
    }

    /// The acceptor takes its end by a number of its own.
    pub(crate) fn accept(&mut self, end: End, conn: ConnId) {
        let half = &mut self.halves[end.0];
        half.conn = conn;
        self.index.insert((half.owner, conn), end);
    }

    /// The open end that its owner knows by this number.
    pub(crate) fn end(&self, owner: Owner, conn: ConnId) -> Option<End> {
        self.index.get(&(owner, conn)).copied().filter(|end| self.halves[end.0].open)
    }

    /// Whose end it is, and by which number, while it is open.
    pub(crate) fn owner(&self, end: End) -> Option<(Owner, ConnId)> {
        let half = &self.halves[end.0];
        half.open.then_some((half.owner, half.conn))
    }

    /// Every open end of an owner.
    pub(crate) fn ends_of(&self, owner: Owner) -> Vec<End> {
        let of = self.index.range((owner, ConnId(0))..=(owner, ConnId(u64::MAX)));
        of.map(|(_, end)| *end).filter(|end| self.halves[end.0].open).collect()
    }

    /// The open ends of `one` whose other ends are `other`'s and open too.
    pub(crate) fn between(&self, one: Owner, other: Owner) -> Vec<End> {
        let far = |end: &End| self.owner(end.other()).is_some_and(|(owner, _)| owner == other);
        self.ends_of(one).into_iter().filter(far).collect()
    }

    /// Bytes that wait at a sender.
    #[cfg(test)]
    pub(crate) fn queued(&self, end: End) -> usize {
        self.halves[end.0].queue.len()
    }

    /// What an end was told over its life, for strangers.
    pub(crate) fn told(&self, owner: Owner, conn: ConnId) -> (&[u8], bool) {
        self.index.get(&(owner, conn)).map_or((&[], false), |end| {
            let half = &self.halves[end.0];
            (&half.told, half.open)
        })
    }

    /// Bytes to write.
    pub(crate) fn send(&mut self, now: Time, end: End, bytes: &[u8]) {
        let half = &mut self.halves[end.0];
        // Behind an end that is under way nothing comes any more: else there would be a hole in the stream.
        if !half.open || half.ending == Ending::Departed {
            return;
        }
        half.queue.extend(bytes);
        self.pump(now, end);
        let half = &mut self.halves[end.0];
        if half.queue.len() > half.out_bytes_max {
            self.plan(now, end, Motion::TooSlow);
        }
    }

    /// See [`papo_proto::machine::Action::WantWrite`].
    pub(crate) fn want_write(&mut self, now: Time, end: End) {
        self.halves[end.0].wants_write = true;
        self.pump(now, end);
    }

    /// Its owner's side of [`Motion::Writable`]: whether it is still wanted and true.
    pub(crate) fn take_writable(&mut self, end: End) -> Option<(Owner, ConnId)> {
        let half = &mut self.halves[end.0];
        let wanted = half.open && half.wants_write && half.queue.is_empty();
        half.wants_write &= !wanted;
        wanted.then_some((half.owner, half.conn))
    }

    /// See [`papo_proto::machine::Action::Reading`].
    pub(crate) fn set_reading(&mut self, now: Time, end: End, on: bool) {
        self.halves[end.0].reading = on;
        if on {
            self.plan(now, end, Motion::Readable);
        }
    }

    /// Its owner is done and what is queued is to be written first.
    pub(crate) fn flush(&mut self, now: Time, end: End, at_most: Duration) {
        self.forget(end);
        if self.halves[end.0].ending == Ending::None {
            self.halves[end.0].ending = Ending::AfterQueue;
        }
        self.pump(now, end);
        self.plan(now + at_most, end, Motion::FlushOver);
    }

    /// Its owner is done, at once.
    pub(crate) fn abort(&mut self, now: Time, end: End, reason: Closed) {
        self.forget(end);
        let half = &mut self.halves[end.0];
        half.queue.clear();
        self.end_pipe(now, end, reason);
    }

    /// The host of an end lost power: nobody is told.
    pub(crate) fn vanish(&mut self, end: End) {
        self.forget(end);
        let half = &mut self.halves[end.0];
        half.vanished = true;
        half.queue.clear();
        half.flight.clear();
        half.flight_bytes = 0;
    }

    /// The network itself ends a connection: both ends learn it, and of what is under way some is lost.
    pub(crate) fn break_off(&mut self, now: Time, end: End, reason: Closed, loses: bool) {
        for end in [end, end.other()] {
            if loses {
                let half = &mut self.halves[end.0];
                half.flight.clear();
                half.flight_bytes = 0;
            }
            self.halves[end.0].queue.clear();
            self.halves[end.0].ending = Ending::None;
            self.end_pipe(now, end, reason);
        }
    }

    /// What a motion that is due does, where the network alone is concerned.
    pub(crate) fn arrive(&mut self, now: Time, to: End) {
        let from = to.other();
        let (source, target) = (self.halves[from.0].ip, self.halves[to.0].ip);
        let passes = self.passes(source, target);
        let half = &mut self.halves[from.0];
        if half.clogged || half.flight.front().is_none_or(|(at, _)| *at > now) {
            return;
        }
        if !passes {
            let first = half.flight.front().map_or(now, |(at, _)| *at);
            self.plan(now + PATIENCE, from, Motion::GiveUp(first));
            return;
        }
        let Some((_, segment)) = half.flight.pop_front() else { return };
        if let Segment::Bytes(bytes) = &segment {
            half.flight_bytes -= bytes.len();
        }
        let receiver = &mut self.halves[to.0];
        if receiver.vanished {
            // The host is back and knows nothing of it.
            if self.halves[from.0].open {
                self.halves[from.0].over = Some(Closed::Reset);
                let delay = self.latency(target, source);
                self.plan(now + delay, from, Motion::Readable);
            }
        } else if receiver.open {
            match segment {
                Segment::Bytes(bytes) => receiver.inbox.extend(bytes),
                Segment::Over(reason) => receiver.over = receiver.over.or(Some(reason)),
            }
            self.plan(now, to, Motion::Readable);
        }
        self.pump(now, from);
    }

    /// What the owner of an end reads now: a chunk, or the end; `None` when there is nothing or it does not read.
    pub(crate) fn read(&mut self, now: Time, end: End) -> Option<Read> {
        let half = &mut self.halves[end.0];
        if !half.open || !half.reading {
            return None;
        }
        if half.inbox.is_empty() {
            let reason = half.over?;
            self.abort(now, end, Closed::Reset);
            return Some(Read::Over(reason));
        }
        let count = half.inbox.len().min(RECEIVED_BYTES_MAX);
        let bytes = half.inbox.drain(..count).collect::<Vec<_>>();
        if matches!(half.owner, Owner::Stranger(_)) {
            half.told.extend(&bytes);
        }
        if !half.inbox.is_empty() || half.over.is_some() {
            self.plan(now, end, Motion::Readable);
        }
        self.pump(now, end.other());
        Some(Read::Bytes(bytes))
    }

    /// A close that was to flush takes too long.
    pub(crate) fn flush_over(&mut self, now: Time, end: End) {
        if !self.halves[end.0].queue.is_empty() {
            self.abort(now, end, Closed::Reset);
        }
    }

    /// The network gives up on what an end said, if nothing of it has moved since.
    pub(crate) fn give_up(&mut self, now: Time, end: End, first: Time) {
        let half = &mut self.halves[end.0];
        if half.flight.front().is_some_and(|(at, _)| *at == first) {
            half.flight.clear();
            half.flight_bytes = 0;
            if half.open {
                half.over = Some(Closed::Lost);
                self.plan(now, end, Motion::Readable);
            }
        }
    }

    /// Stops or starts everything that one end says.
    pub(crate) fn clog(&mut self, now: Time, end: End, clogged: bool) {
        self.halves[end.0].clogged = clogged;
        if !clogged {
            self.move_on(now, end);
        }
    }

    /// Stops or starts everything that one host says to another. Several faults may stop it; it starts when none does.
    pub(crate) fn block(&mut self, now: Time, from: IpAddr, to: IpAddr, blocked: bool) {
        count(&mut self.blocked, (from, to), blocked);
        self.move_on_between(now, from, to);
    }

    /// Takes a host's power, or gives it back.
    pub(crate) fn darken(&mut self, now: Time, host: IpAddr, dark: bool) {
        count(&mut self.dark, host, dark);
        let all = (0..self.halves.len()).map(End).filter(|end| self.halves[end.0].ip == host).collect::<Vec<_>>();
        for end in all {
            self.move_on(now, end);
            self.move_on(now, end.other());
        }
    }

    /// Everything to and from a host takes longer, or as long as before.
    pub(crate) fn slow(&mut self, host: IpAddr, by: Option<Duration>) {
        match by {
            Some(by) => self.slowed.insert(host, by),
            None => self.slowed.remove(&host),
        };
    }

    fn move_on_between(&mut self, now: Time, from: IpAddr, to: IpAddr) {
        let is_between = |end: &End| self.halves[end.0].ip == from && self.halves[end.other().0].ip == to;
        for end in (0..self.halves.len()).map(End).filter(is_between).collect::<Vec<_>>() {
            self.move_on(now, end);
        }
    }

    /// What stood still goes on: each segment is sent again.
    fn move_on(&mut self, now: Time, end: End) {
        let delay = self.latency(self.halves[end.0].ip, self.halves[end.other().0].ip);
        let half = &mut self.halves[end.0];
        let at = now + delay;
        let mut arrivals = Vec::new();
        for (planned, _) in &mut half.flight {
            *planned = at.max(*planned);
            arrivals.push(*planned);
        }
        half.last_at = half.last_at.max(arrivals.last().copied().unwrap_or_default());
        for at in arrivals {
            self.plan(at, end.other(), Motion::Arrive);
        }
    }

    /// An end's owner is done with it.
    fn forget(&mut self, end: End) {
        let half = &mut self.halves[end.0];
        half.open = false;
        half.inbox.clear();
    }

    /// Moves what the window allows from the queue into flight, in pieces.
    fn pump(&mut self, now: Time, end: End) {
        loop {
            let unread = self.halves[end.other().0].inbox.len();
            let luck = &mut self.lucks[usize::try_from(end.connection()).expect("it is an index")];
            let half = &mut self.halves[end.0];
            let window = self.climate.window.saturating_sub(half.flight_bytes + unread);
            let mut count = half.queue.len().min(window).min(RECEIVED_BYTES_MAX);
            if count == 0 {
                break;
            }
            if luck.chance(self.climate.cut) {
                count = 1 + luck.below(count.min(self.climate.piece_max));
            }
            let piece = half.queue.drain(..count).collect::<Vec<_>>();
            half.flight_bytes += piece.len();
            self.depart(now, end, Segment::Bytes(piece));
        }
        let half = &mut self.halves[end.0];
        if !half.queue.is_empty() {
            return;
        }
        if half.ending == Ending::AfterQueue {
            self.end_pipe(now, end, Closed::End);
        } else if half.open && half.wants_write {
            self.plan(now, end, Motion::Writable);
        }
    }

    fn end_pipe(&mut self, now: Time, end: End, reason: Closed) {
        if std::mem::replace(&mut self.halves[end.0].ending, Ending::Departed) != Ending::Departed {
            self.depart(now, end, Segment::Over(reason));
        }
    }

    fn depart(&mut self, now: Time, end: End, segment: Segment) {
        let delay = self.latency(self.halves[end.0].ip, self.halves[end.other().0].ip);
        let luck = &mut self.lucks[usize::try_from(end.connection()).expect("it is an index")];
        let jitter = match self.climate.jitter {
            Duration::ZERO => Duration::ZERO,
            longest => longest.mul_f64(luck.below(1000) as f64 / 1000.0).mul_f64(luck.below(1000) as f64 / 1000.0),
        };
        let half = &mut self.halves[end.0];
        let at = half.last_at.max(now + delay + jitter);
        half.last_at = at;
        half.flight.push_back((at, segment));
        self.plan(at, end.other(), Motion::Arrive);
    }

    fn plan(&mut self, at: Time, end: End, motion: Motion) {
        self.planned.push((at, end, motion));
    }

    /// Another address for what a machine dials or accepts at.
    pub(crate) const fn ephemeral(host: IpAddr, number: u64) -> SocketAddr {
        SocketAddr::new(host, 32_768 + (number % 28_000) as u16)
    }
}

fn count<K: Ord>(of: &mut BTreeMap<K, usize>, key: K, more: bool) {
    if more {
        *of.entry(key).or_default() += 1;
    } else if let Some(number) = of.get_mut(&key) {
        *number -= 1;
        if *number == 0 {
            of.remove(&key);
        }
    }
}
