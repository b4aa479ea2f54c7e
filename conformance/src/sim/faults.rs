//! Every kind of fault, in one table: what it is, how it is drawn, how it begins and how it ends.
//!
//! A new capability adds its faults here: a row of [`faults!`], and an arm in [`Fault::begin`] and, unless it is over
//! at once, in [`Fault::end`]. Each seed switches a third of them off and weighs the others anew, so that every fault is
//! also seen without the others, and often.

use std::{fmt, net::IpAddr, time::Duration};

use papo_proto::{disk::DiskError, machine::Closed, peer, rng::Seed};

use super::{
    cast::{Cast, PEER_PORT, Role, TRACKER_PORT},
    run::Run,
};
use crate::{luck::Luck, world::net::Owner};

macro_rules! faults {
    ($($(#[$doc:meta])* $kind:ident, $name:literal, $weight:literal;)*) => {
        /// What can break.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum Kind { $($(#[$doc])* $kind,)* }

        impl Kind {
            /// Every kind.
            pub(crate) const ALL: &'static [Self] = &[$(Self::$kind,)*];

            /// Its name in reports.
            pub(crate) const fn name(self) -> &'static str {
                match self { $(Self::$kind => $name,)* }
            }

            /// How often it comes, beside the others, before a seed weighs it anew.
            const fn weight(self) -> f64 {
                match self { $(Self::$kind => $weight,)* }
            }
        }
    };
}

faults! {
    /// Everything to and from a host takes longer.
    SlowHost, "slow host", 1.0;
    /// The pieces of every stream take unequally long.
    Jitter, "jitter", 0.5;
    /// Every stream is cut to crumbs.
    Crumbs, "crumbs", 0.5;
    /// Kernels take little ahead of what is read.
    TinyWindow, "tiny window", 0.5;
    /// What one says to the other on the streams of the moment stands still.
    Clog, "clog", 1.0;
    /// Nothing passes between two hosts.
    Partition, "partition", 2.0;
    /// Nothing passes from one host to another; the other way it does.
    OneWay, "one-way partition", 2.0;
    /// Nothing passes between one host and all others.
    Isolation, "isolation", 1.0;
    /// The connections between two are reset, in mid-frame, and what is under way is lost.
    Reset, "reset", 2.0;
    /// The connections between two end as if in order, in mid-frame, and what is under way is lost.
    EndInMidFrame, "end in mid-frame", 1.0;
    /// The network gives up on the connections between two.
    GivenUp, "given up", 1.0;
    /// A host refuses whoever dials it.
    Refusal, "refusal", 1.0;
    /// A host does not answer whoever dials it.
    Deafness, "deafness", 1.0;
    /// A host has no route to anywhere.
    NoRoute, "no route", 0.5;
    /// Two dial each other at the same instant.
    SimultaneousOpen, "simultaneous open", 1.0;
    /// A process is killed; what was on its way to the disk is lost.
    Crash, "crash", 2.0;
    /// A process is killed; of what was on its way to the disk, the first part arrives.
    TornCrash, "torn crash", 1.5;
    /// A process is killed; all that was on its way to the disk arrives, and nobody knows.
    LateCrash, "late crash", 1.0;
    /// A process is killed again and again as soon as it runs.
    CrashLoop, "crash loop", 0.5;
    /// A host loses its power: its connections are gone and nobody is told.
    PowerLoss, "power loss", 1.0;
    /// A process stands still, and its kernel goes on.
    Pause, "pause", 1.0;
    /// Each event takes a process a while.
    SlowProcess, "slow process", 0.5;
    /// A host sleeps: its process stands still, its network is away, and its clock has moved on when it is back.
    Suspend, "suspend", 1.0;
    /// Commits take long.
    SlowDisk, "slow disk", 1.0;
    /// No commit reaches the disk for a while.
    StalledDisk, "stalled disk", 1.0;
    /// The disk refuses a commit, which ends the process.
    RefusingDisk, "refusing disk", 1.0;
    /// There is no room for files.
    FullFiles, "full files", 1.0;
    /// A file cannot be read or written.
    FailingFiles, "failing files", 0.5;
    /// Files are read and written slowly.
    SlowFiles, "slow files", 1.0;
    /// Somebody changes a file that may be on its way.
    ChangedFile, "changed file", 0.5;
    /// The wall clock jumps ahead.
    ClockAhead, "clock ahead", 0.5;
    /// The wall clock jumps back.
    ClockBack, "clock back", 0.5;
    /// A process has no descriptors left.
    NoDescriptors, "no descriptors", 1.0;
    /// Names are not found.
    NoNames, "no names", 0.5;
    /// Names are found late.
    SlowNames, "slow names", 0.5;
    /// Passwords are checked slowly.
    SlowPasswords, "slow passwords", 0.5;
    /// Another program has taken the port when a process comes back.
    TakenPort, "taken port", 0.5;
    /// A host's interfaces go and come back.
    Interfaces, "interfaces", 0.5;
    /// Nobody reads what a peer shows.
    FullPipe, "full pipe", 1.0;
}

/// One fault of a run.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    pub(crate) kind: Kind,
    /// At whom.
    pub(crate) who: Role,
    /// And whom, where it is between two.
    pub(crate) other: Role,
    /// How bad it is, from 0 to 1.
    pub(crate) grade: f64,
    /// How long it lasts.
    pub(crate) lasts: Duration,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, who, other, grade, lasts } = self;
        write!(f, "{} at {who:?}", kind.name())?;
        if kind.is_between_two() {
            write!(f, " and {other:?}")?;
        }
        write!(f, " for {lasts:?}, grade {grade:.2}")
    }
}

/// Which faults a seed has, and how likely each is.
pub(crate) struct Swarm {
    weights: Vec<(Kind, f64)>,
}

impl Swarm {
    /// A third is off, the others are weighed anew.
    pub(crate) fn draw(seed: &Seed) -> Self {
        let mut luck = Luck::of(seed, "swarm", 0);
        let mut weights = Vec::new();
        for &kind in Kind::ALL {
            let factor = luck.duration(Duration::from_millis(200), Duration::from_secs(5)).as_secs_f64();
            if !luck.chance(1.0 / 3.0) {
                weights.push((kind, kind.weight() * factor));
            }
        }
        Self { weights }
    }

    /// The next fault of a run.
    pub(crate) fn next(&self, cast: &Cast, luck: &mut Luck) -> Option<Fault> {
        let kind = draw_kind(self.weights.iter().copied(), luck)?;
        let who = draw_role(cast, luck);
        let other = draw_other(cast, who, luck);
        let lasts = luck.duration(Duration::from_millis(20), Duration::from_secs(60));
        Some(Fault { kind, who: kind.at(who, cast, luck), other, grade: luck.unit(), lasts })
    }

    /// The next fault among machines that have neither disks nor names: of one of them, or between two.
    pub(crate) fn next_among(&self, roles: &[Role], luck: &mut Luck) -> Option<Fault> {
        let kind = draw_kind(self.weights.iter().copied().filter(|(kind, _)| kind.is_of_any_machine()), luck)?;
        let who = luck.below(roles.len());
        let other = (who + 1 + luck.below(roles.len() - 1)) % roles.len();
        let lasts = luck.duration(Duration::from_millis(20), Duration::from_secs(60));
        Some(Fault { kind, who: roles[who], other: roles[other], grade: luck.unit(), lasts })
    }
}

fn draw_kind(weights: impl Iterator<Item = (Kind, f64)> + Clone, luck: &mut Luck) -> Option<Kind> {
    let total = weights.clone().map(|(_, weight)| weight).sum::<f64>();
    let mut at = total * luck.unit();
    let (kind, _) = weights.into_iter().find(|(_, weight)| {
        at -= weight;
        at <= 0.0
    })?;
    Some(kind)
}

fn draw_role(cast: &Cast, luck: &mut Luck) -> Role {
    if luck.chance(0.25) {
        Role::Tracker(luck.below(cast.trackers.len()))
    } else {
        Role::Person(luck.below(cast.people.len()))
    }
}

fn draw_other(cast: &Cast, who: Role, luck: &mut Luck) -> Role {
    loop {
        let other = draw_role(cast, luck);
        if other != who {
            return other;
        }
    }
}

impl Kind {
    const fn is_between_two(self) -> bool {
        matches!(
            self,
            Self::Clog
                | Self::Partition
                | Self::OneWay
                | Self::Reset
                | Self::EndInMidFrame
                | Self::GivenUp
                | Self::SimultaneousOpen
        )
    }

    /// Some are of people only.
    fn at(self, who: Role, cast: &Cast, luck: &mut Luck) -> Role {
        match self {
            Self::FullPipe
            | Self::SimultaneousOpen
            | Self::FullFiles
            | Self::FailingFiles
            | Self::SlowFiles
            | Self::ChangedFile => Role::Person(luck.below(cast.people.len())),
            _ => who,
        }
    }

    /// Whether it strikes whatever runs on a host, or the network between two.
    const fn is_of_any_machine(self) -> bool {
        matches!(
            self,
            Self::SlowHost
                | Self::Clog
                | Self::Partition
                | Self::OneWay
                | Self::Isolation
                | Self::Reset
                | Self::EndInMidFrame
                | Self::GivenUp
                | Self::Refusal
                | Self::Deafness
                | Self::NoRoute
                | Self::Crash
                | Self::CrashLoop
                | Self::PowerLoss
                | Self::Pause
                | Self::SlowProcess
                | Self::Suspend
                | Self::NoDescriptors
        )
    }

    /// Whether it is of the whole network.
    const fn is_everywhere(self) -> bool {
        matches!(self, Self::Jitter | Self::Crumbs | Self::TinyWindow)
    }
}

impl Fault {
    /// Whether it keeps one of these from being healthy, while it lasts.
    pub(crate) fn concerns(&self, is_core: impl Fn(Role) -> bool) -> bool {
        if self.kind.is_everywhere() {
            true
        } else if self.kind.is_between_two() {
            is_core(self.who) && is_core(self.other)
        } else {
            is_core(self.who)
        }
    }

    /// It happens. `true` when it lasts and has to be ended.
    pub(crate) fn begin(&self, run: &mut Run) -> bool {
        let (who, other) = (run.ip(self.who), run.ip(self.other));
        match self.kind {
            Kind::SlowHost => {
                let by = Duration::from_millis(5).mul_f64(1.0 + self.grade * 600.0);
                run.world.with_net(|net, _| net.slow(who, Some(by)));
            }
            Kind::Jitter => run.world.net.climate.jitter = Duration::from_secs(3).mul_f64(self.grade.powi(3)),
            Kind::Crumbs => {
                let climate = &mut run.world.net.climate;
                climate.cut = 0.9;
                climate.piece_max = 1 + (self.grade * 40.0) as usize;
            }
            Kind::TinyWindow => run.world.net.climate.window = 64 + (self.grade * 4096.0) as usize,
            Kind::Clog => run.clog(self.who, self.other, true),
            Kind::Partition => {
                run.block(who, other, true);
                run.block(other, who, true);
            }
            Kind::OneWay => run.block(who, other, true),
            Kind::Isolation => run.isolate(who, true),
            Kind::Reset => return run.cut(self.who, self.other, Closed::Reset),
            Kind::EndInMidFrame => return run.cut(self.who, self.other, Closed::End),
            Kind::GivenUp => return run.cut(self.who, self.other, Closed::Lost),
            Kind::Refusal => run.world.host(who).refuses = true,
            Kind::Deafness => run.world.host(who).deaf = true,
            Kind::NoRoute => run.world.host(who).unreachable = true,
            Kind::SimultaneousOpen => {
                run.dial_each_other(self.who, self.other);
                return false;
            }
            Kind::Crash => run.kill(self.who, 0),
            Kind::TornCrash => run.kill(self.who, 1 + (self.grade * 3.0) as usize),
            Kind::LateCrash => run.kill(self.who, usize::MAX),
            Kind::CrashLoop => run.loop_in_crashes(self.who, 2 + (self.grade * 4.0) as usize),
            Kind::PowerLoss => run.cut_power(self.who, (self.grade * 3.0) as usize),
            Kind::Pause => run.pause(self.who, true),
            Kind::SlowProcess => run.slow_down(self.who, Duration::from_millis(20).mul_f64(self.grade.powi(2))),
            Kind::Suspend => {
                run.pause(self.who, true);
                run.isolate(who, true);
            }
            Kind::SlowDisk => {
                let host = run.world.host(who);
                host.commit_max = Duration::from_millis(5).mul_f64(1.0 + 400.0 * self.grade);
            }
            Kind::StalledDisk => run.world.stall_disk(who, true),
            Kind::RefusingDisk => run.world.host(who).disk_refuses = true,
            Kind::FullFiles => run.world.host(who).files.set_free((self.grade.powi(4) * 1e6) as u64),
            Kind::FailingFiles => {
                run.world.host(who).files.fail_next(DiskError::Other);
                return false;
            }
            Kind::SlowFiles => {
                run.world.host(who).files_max = Duration::from_millis(2).mul_f64(1.0 + 500.0 * self.grade.powi(2));
            }
            Kind::ChangedFile => return run.change_file(self.who, self.grade),
            Kind::ClockAhead => return run.jump_wall(self.who, self.jump_ms()),
            Kind::ClockBack => return run.jump_wall(self.who, -self.jump_ms()),
            Kind::NoDescriptors => run.world.host(who).descriptors_left = Some(0),
            Kind::NoNames => run.world.host(who).resolver_fails = true,
            Kind::SlowNames => run.world.host(who).resolver = Duration::from_secs(20).mul_f64(self.grade),
            Kind::SlowPasswords => run.world.host(who).password = Duration::from_secs(5).mul_f64(self.grade),
            Kind::TakenPort => {
                run.world.host(who).taken_ports.extend([PEER_PORT, TRACKER_PORT]);
                run.kill(self.who, 0);
            }
            Kind::Interfaces => run.world.show_interfaces(who, &[]),
            Kind::FullPipe => run.open_output(self.who, false),
        }
        true
    }

    /// It is over.
    pub(crate) fn end(&self, run: &mut Run) {
        let (who, other) = (run.ip(self.who), run.ip(self.other));
        match self.kind {
            Kind::SlowHost => run.world.with_net(|net, _| net.slow(who, None)),
            Kind::Jitter | Kind::Crumbs | Kind::TinyWindow => run.world.net.climate = run.climate.clone(),
            Kind::Clog => run.clog(self.who, self.other, false),
            Kind::Partition => {
                run.block(who, other, false);
                run.block(other, who, false);
            }
            Kind::OneWay => run.block(who, other, false),
            Kind::Isolation => run.isolate(who, false),
            Kind::Refusal => run.world.host(who).refuses = false,
            Kind::Deafness => run.world.host(who).deaf = false,
            Kind::NoRoute => run.world.host(who).unreachable = false,
            Kind::Crash | Kind::TornCrash | Kind::LateCrash | Kind::CrashLoop => run.revive(self.who),
            Kind::PowerLoss => {
                run.world.give_power(who);
                run.revive(self.who);
            }
            Kind::Pause => run.pause(self.who, false),
            Kind::SlowProcess => run.slow_down(self.who, Duration::ZERO),
            Kind::Suspend => {
                run.isolate(who, false);
                run.pause(self.who, false);
                let slept = i64::try_from(self.lasts.as_millis()).unwrap_or(i64::MAX);
                run.jump_wall(self.who, slept.max(2_000));
                run.world.show_interfaces(who, &[who]);
            }
            Kind::SlowDisk => run.world.host(who).commit_max = Duration::from_millis(2),
            Kind::StalledDisk => run.world.stall_disk(who, false),
            Kind::RefusingDisk => {
                run.world.host(who).disk_refuses = false;
                run.revive(self.who);
            }
            Kind::FullFiles => run.world.host(who).files.set_free(1 << 40),
            Kind::SlowFiles => run.world.host(who).files_max = Duration::from_millis(2),
            Kind::NoDescriptors => run.world.host(who).descriptors_left = None,
            Kind::NoNames => run.world.host(who).resolver_fails = false,
            Kind::SlowNames => run.world.host(who).resolver = Duration::from_millis(1),
            Kind::SlowPasswords => run.world.host(who).password = Duration::from_millis(15),
            Kind::TakenPort => {
                run.world.host(who).taken_ports.clear();
                run.revive(self.who);
            }
            Kind::Interfaces => run.world.show_interfaces(who, &[who]),
            Kind::FullPipe => run.open_output(self.who, true),
            // Over as soon as they happened.
            Kind::Reset
            | Kind::EndInMidFrame
            | Kind::GivenUp
            | Kind::SimultaneousOpen
            | Kind::FailingFiles
            | Kind::ChangedFile
            | Kind::ClockAhead
            | Kind::ClockBack => {}
        }
    }

    fn jump_ms(&self) -> i64 {
        2_000 + (self.grade.powi(3) * 1e9) as i64
    }
}

impl Run {
    fn block(&mut self, from: IpAddr, to: IpAddr, blocked: bool) {
        self.world.with_net(|net, now| net.block(now, from, to, blocked));
    }

    fn isolate(&mut self, host: IpAddr, isolated: bool) {
        for other in self.hosts() {
            if other != host {
                self.block(host, other, isolated);
                self.block(other, host, isolated);
            }
        }
    }

    fn clog(&mut self, from: Role, to: Role, clogged: bool) {
        let (Some(from), Some(to)) = (self.node(from), self.node(to)) else { return };
        self.world.with_net(|net, now| {
            for end in net.between(Owner::Node(from), Owner::Node(to)) {
                net.clog(now, end, clogged);
            }
        });
    }

    fn cut(&mut self, one: Role, other: Role, reason: Closed) -> bool {
        if let (Some(one), Some(other)) = (self.node(one), self.node(other)) {
            self.world.cut(one, other, reason, true);
        }
        false
    }

    fn kill(&mut self, who: Role, survivors: usize) {
        if let Some(node) = self.node(who) {
            self.world.kill(node, survivors);
        }
    }

    fn cut_power(&mut self, who: Role, survivors: usize) {
        if let Some(node) = self.node(who) {
            self.world.cut_power(node, survivors);
        }
    }

    fn pause(&mut self, who: Role, paused: bool) {
        if let Some(node) = self.node(who) {
            self.world.pause(node, paused);
        }
    }

    fn slow_down(&mut self, who: Role, by: Duration) {
        if let Some(node) = self.node(who) {
            self.world.processes[node].slowness = by;
        }
    }

    fn jump_wall(&mut self, who: Role, by_ms: i64) -> bool {
        let ip = self.ip(who);
        self.world.jump_wall(ip, by_ms);
        false
    }

    fn dial_each_other(&mut self, one: Role, other: Role) {
        let addresses = [self.listens_at(one), self.listens_at(other)];
        for (who, address) in [(one, addresses[1]), (other, addresses[0])] {
            if let (Role::Person(person), Some(address)) = (who, address) {
                self.ask(person, peer::Request::Connect { address });
            }
        }
    }

    fn change_file(&mut self, who: Role, grade: f64) -> bool {
        if let Role::Person(person) = who {
            self.change_one_file(person, grade);
        }
        false
    }

    fn open_output(&mut self, who: Role, open: bool) {
        if let Role::Person(person) = who {
            self.command(person, peer::Command::Output { open });
        }
    }
}
