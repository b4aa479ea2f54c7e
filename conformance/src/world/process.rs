//! A process: a machine while it runs, what holds it up, and what is under way to its disk; and its host, which stays.

use std::{
    collections::{BTreeSet, VecDeque},
    net::IpAddr,
    time::Duration,
};

use papo_proto::{
    disk::memory::MemoryDisk,
    error::Counters,
    machine::{ConnId, Event, Seq},
    time::Time,
};

use super::{
    Happening,
    driven::{Effect, Node},
    resident::{Kept, Wish},
};
use crate::luck::Luck;

/// What surrounds every process of one address.
#[derive(Debug)]
pub(crate) struct Host {
    /// Until a commit has reached the disk, at least.
    pub(crate) commit_min: Duration,
    /// And at most.
    pub(crate) commit_max: Duration,
    /// No commit reaches the disk.
    pub(crate) disk_stalled: bool,
    /// The next commit fails.
    pub(crate) disk_refuses: bool,
    /// Its files.
    pub(crate) files: MemoryDisk,
    /// Until a file is read or written, at most.
    pub(crate) files_max: Duration,
    /// Until a password is checked.
    pub(crate) password: Duration,
    /// Until a name is looked up.
    pub(crate) resolver: Duration,
    /// Names are not found.
    pub(crate) resolver_fails: bool,
    /// How many more connections there may be; no bound when `None`.
    pub(crate) descriptors_left: Option<usize>,
    /// Its kernel refuses whoever dials it.
    pub(crate) refuses: bool,
    /// Its kernel does not answer whoever dials it.
    pub(crate) deaf: bool,
    /// Its kernel has no route to anywhere.
    pub(crate) unreachable: bool,
    /// Other programs listen there.
    pub(crate) taken_ports: BTreeSet<u16>,
    /// How far its wall clock is off.
    pub(crate) wall_offset_ms: i64,
    luck: Luck,
}

impl Host {
    pub(crate) fn new(luck: Luck) -> Self {
        Self {
            commit_min: Duration::from_millis(2),
            commit_max: Duration::from_millis(2),
            disk_stalled: false,
            disk_refuses: false,
            files: MemoryDisk::default(),
            files_max: Duration::from_millis(2),
            password: Duration::from_millis(15),
            resolver: Duration::from_millis(1),
            resolver_fails: false,
            descriptors_left: None,
            refuses: false,
            deaf: false,
            unreachable: false,
            taken_ports: BTreeSet::new(),
            wall_offset_ms: 0,
            luck,
        }
    }

    /// How long the next question about files takes.
    pub(crate) fn next_file_latency(&mut self) -> Duration {
        self.luck.duration(Duration::from_micros(100), self.files_max)
    }

    /// How long the next commit takes.
    pub(crate) fn next_commit_latency(&mut self) -> Duration {
        self.luck.duration(self.commit_min, self.commit_max)
    }
}

/// A machine while it runs.
pub(crate) struct Process {
    machine: Box<dyn Node>,
    /// Its host's address.
    pub(crate) ip: IpAddr,
    /// When it started: its own time is counted from here.
    since: Time,
    /// What may wait to be written to one connection.
    pub(crate) out_bytes_max: usize,
    /// It has not ended.
    pub(crate) running: bool,
    /// It stands still.
    pub(crate) paused: bool,
    /// What each event takes it; nothing when it is quick.
    pub(crate) slowness: Duration,
    busy_until: Time,
    held: VecDeque<Happening>,
    accepted: u64,
    storing: VecDeque<(Seq, Vec<Kept>)>,
    /// When the last question about files is answered.
    files_until: Time,
}

impl Process {
    pub(crate) fn new(machine: Box<dyn Node>, ip: IpAddr, since: Time, out_bytes_max: usize) -> Self {
        Self {
            machine,
            ip,
            since,
            out_bytes_max,
            running: true,
            paused: false,
            slowness: Duration::ZERO,
            busy_until: Time::ZERO,
            held: VecDeque::new(),
            accepted: 0,
            storing: VecDeque::new(),
            files_until: Time::ZERO,
        }
    }

    /// Whether it can be told nothing at present: it stands still, is busy, or has yet to hear of something else.
    pub(crate) fn is_held(&self, now: Time) -> bool {
        self.running && (self.paused || self.busy_until > now || !self.held.is_empty())
    }

    /// Keeps what it can't be told at present.
    pub(crate) fn hold(&mut self, happening: Happening) {
        self.held.push_back(happening);
    }

    /// The next thing that it was not told, if it can be told now.
    pub(crate) fn next_held(&mut self, now: Time) -> Option<Happening> {
        if self.paused || self.busy_until > now { None } else { self.held.pop_front() }
    }

    /// When it can be told what is held, unless somebody has to make it go on first.
    pub(crate) fn wakes_at(&self) -> Option<Time> {
        (self.running && !self.paused && !self.held.is_empty()).then_some(self.busy_until)
    }

    /// When it is due and can be told so, in the world's time.
    pub(crate) fn deadline(&self) -> Option<Time> {
        if !self.running || self.paused || !self.held.is_empty() {
            return None;
        }
        self.machine.deadline().map(|at| (self.since + at.since_start()).max(self.busy_until))
    }

    pub(crate) fn handle(&mut self, now: Time, event: Event<'static, Wish>) -> Vec<Effect> {
        self.busy_until = now + self.slowness;
        self.machine.handle(Time::after_start(now - self.since), event)
    }

    /// The number of a connection that it accepts.
    pub(crate) const fn next_accepted(&mut self) -> ConnId {
        self.accepted += 2;
        ConnId(self.accepted)
    }

    /// When a question about files is answered that takes so long: in the order of asking.
    pub(crate) fn files_turn(&mut self, now: Time, takes: Duration) -> Time {
        self.files_until = self.files_until.max(now) + takes;
        self.files_until
    }

    /// Takes a commit for the disk; whether the disk was idle.
    pub(crate) fn store_later(&mut self, seq: Seq, changes: Vec<Kept>) -> bool {
        self.storing.push_back((seq, changes));
        self.storing.len() == 1
    }

    /// The next commit is on the disk.
    pub(crate) fn store_next(&mut self) -> Option<(Seq, Vec<Kept>)> {
        self.storing.pop_front()
    }

    /// Whether more is under way to the disk.
    pub(crate) fn is_storing(&self) -> bool {
        !self.storing.is_empty()
    }

    /// It ends: what of its commits still reaches the disk.
    pub(crate) fn end(&mut self, survivors: usize) -> Vec<(Seq, Vec<Kept>)> {
        self.running = false;
        self.held.clear();
        let count = survivors.min(self.storing.len());
        let kept = self.storing.drain(..count).collect();
        self.storing.clear();
        kept
    }

    /// Which machine.
    pub(crate) fn kind(&self) -> &'static str {
        self.machine.kind()
    }

    /// How often it met each fault.
    pub(crate) fn counters(&self) -> Counters {
        self.machine.counters()
    }

    pub(crate) fn recording(&self) -> &[u8] {
        self.machine.recording()
    }
}
