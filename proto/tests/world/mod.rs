//! A small world in memory: machines, the connections between them, a disk for each, and time that jumps exactly to
//! the next deadline. Bytes arrive whole and at once, unless there is [weather](weather); what else goes wrong, a test
//! does by hand.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its part of the world")]

pub mod files;
pub mod host;
pub mod lan;
pub mod weather;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    net::SocketAddr,
    time::Duration,
};

use papo_proto::{
    disk::memory::MemoryDisk,
    identity::{Identity, Key},
    limits::Limits,
    machine::{
        Action, CloseHow, Closed, ConnId, Event, ListenerId, Machine, Outbox, PasswordCheck, PasswordOutcome, Refusal,
        Seq,
    },
    names::Name,
    peer::{
        self, Command, Notice, Peer, State,
        interface::{Credentials, TrackerAddress},
    },
    rng::Seed,
    time::{Time, Wall},
    tracker::{self, Registration, Tracker},
    wire::tracker::PasswordHash,
};

/// Turns of one instant after which a world that does not come to rest is broken.
const TURNS_MAX: usize = 200_000;
/// So often may machines be due in one instant; a machine that is due more often makes no progress.
const DUES_MAX: usize = 2_000;

/// Which machine.
pub type NodeId = usize;

/// The machine of a node, and what it has told its host.
#[allow(clippy::large_enum_variant, reason = "there are few of them")]
pub enum Kind {
    /// A peer.
    Peer {
        /// The machine; none while it is down.
        machine: Option<Box<Peer>>,
        /// What it told.
        notices: Vec<Notice>,
        /// What is on its disk.
        state: State,
        /// The number of the next request.
        next_token: u64,
        /// How it starts.
        start: Box<peer::Start>,
    },
    /// A tracker.
    Tracker {
        /// The machine; none while it is down.
        machine: Option<Box<Tracker>>,
        /// What it told.
        notices: Vec<tracker::Notice>,
        /// What is on its disk.
        state: Vec<tracker::Change>,
        /// How it starts.
        start: Box<tracker::Start>,
    },
}

/// One machine with its surroundings.
pub struct Node {
    /// The machine.
    pub kind: Kind,
    /// Commits wait while it is true.
    pub disk_stalls: bool,
    waiting_commits: Vec<(Seq, Changes)>,
    epoch: u64,
    /// Its files.
    pub files: MemoryDisk,
    /// What is asked of them waits while it is true.
    files_stall: bool,
    waiting_asks: VecDeque<files::Filed>,
    /// How many bytes it has sent.
    pub sent: u64,
}

enum Changes {
    Peer(Vec<peer::Change>),
    Tracker(Vec<tracker::Change>),
}

/// Either kind of command.
enum Step {
    Event(NodeId, u64, Event<'static, ()>),
    Command(NodeId, Command),
    TrackerCommand(NodeId, tracker::Command),
}

/// One end of a connection.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct End {
    node: NodeId,
    epoch: u64,
    conn: ConnId,
}

/// Everything.
pub struct World {
    /// The present.
    pub now: Time,
    nodes: Vec<Node>,
    queue: VecDeque<Step>,
    wires: BTreeMap<End, End>,
    /// Ends that their machine holds open.
    open: BTreeSet<End>,
    unread: BTreeMap<End, Vec<Event<'static, ()>>>,
    listeners: BTreeMap<SocketAddr, (NodeId, ListenerId)>,
    next_even: u64,
    next_port: u16,
    /// Bytes on any wire so far, to search in.
    pub tapped: Vec<u8>,
    /// Addresses at which nothing can be reached.
    pub unreachable: BTreeSet<SocketAddr>,
    /// How bytes travel, where that takes time.
    pub weather: Option<weather::Weather>,
    /// The networks of those who have any but the loopback interface.
    pub lan: lan::Lan,
}

impl Default for World {
    fn default() -> Self {
        Self {
            now: Time::ZERO,
            nodes: Vec::new(),
            queue: VecDeque::new(),
            wires: BTreeMap::new(),
            open: BTreeSet::new(),
            unread: BTreeMap::new(),
            listeners: BTreeMap::new(),
            next_even: 0,
            next_port: 40_000,
            tapped: Vec::new(),
            unreachable: BTreeSet::new(),
            weather: None,
            lan: lan::Lan::default(),
        }
    }
}

/// A name.
pub fn name(text: &str) -> Name {
    Name::new(text).expect("tests use valid names")
}

/// The identity of a number.
pub fn identity(number: u8) -> Identity {
    Identity::from_secret(&[number; 32])
}

impl World {
    /// Adds a peer that listens and has no tracker.
    pub fn peer(&mut self, number: u8, text: &str) -> NodeId {
        self.peer_with(number, text, |_| {})
    }

    /// Adds a peer that registers at a tracker.
    pub fn member(&mut self, number: u8, text: &str, tracker: NodeId) -> NodeId {
        self.member_with(number, text, tracker, |_| {})
    }

    /// Adds a peer that registers at a tracker, and whose start is changed first.
    pub fn member_with(
        &mut self,
        number: u8,
        text: &str,
        tracker: NodeId,
        change: impl FnOnce(&mut peer::Start),
    ) -> NodeId {
        let address = self.tracker_address(tracker);
        self.peer_with(number, text, |start| {
            start.tracker = Some(address);
            start.credentials = Some(credentials(text, "secret", true));
            change(start);
        })
    }

    /// Adds a peer whose start is changed first.
    pub fn peer_with(&mut self, number: u8, text: &str, change: impl FnOnce(&mut peer::Start)) -> NodeId {
        let mut start = peer::Start {
            seed: Seed([number; 32]),
            limits: Limits::DEFAULT,
            identity: identity(number),
            name: name(text),
            listen: "127.0.0.1:0".parse().expect("an address"),
            any_port: false,
            auto_accept: false,
            lan: None,
            tracker: None,
            trust_new: false,
            credentials: None,
            state: State { log: u64::from(number), ..State::default() },
        };
        change(&mut start);
        let state = start.state.clone();
        let kind = Kind::Peer { machine: None, notices: Vec::new(), state, next_token: 1, start: Box::new(start) };
        self.add(kind)
    }

    /// Adds a tracker.
    pub fn tracker(&mut self, number: u8) -> NodeId {
        self.tracker_at(number, "127.0.0.1:0".parse().expect("an address"))
    }

    /// Adds a tracker that listens there.
    pub fn tracker_at(&mut self, number: u8, listen: SocketAddr) -> NodeId {
        let start = tracker::Start {
            seed: Seed([number; 32]),
            limits: Limits::DEFAULT,
            identity: identity(number),
            listen: vec![listen],
            registration: Registration::Open,
            dummy_verifier: "nobody's".to_owned(),
            state: tracker::Directory::default(),
        };
        let kind = Kind::Tracker { machine: None, notices: Vec::new(), state: Vec::new(), start: Box::new(start) };
        self.add(kind)
    }

    fn add(&mut self, kind: Kind) -> NodeId {
        self.nodes.push(Node {
            kind,
            disk_stalls: false,
            waiting_commits: Vec::new(),
            epoch: 0,
            files: MemoryDisk::default(),
            files_stall: false,
            waiting_asks: VecDeque::new(),
            sent: 0,
        });
        let node = self.nodes.len() - 1;
        self.start(node);
        node
    }

    /// Starts a node from its disk; it comes to rest.
    pub fn start(&mut self, node: NodeId) {
        let this = &mut self.nodes[node];
        this.epoch += 1;
        let epoch = this.epoch;
        match &mut this.kind {
            Kind::Peer { machine, state, start, .. } => {
                let seed = Seed([start.seed.0[0] ^ (epoch as u8) << 4; 32]);
                *machine = Some(Box::new(Peer::start(peer::Start { state: state.clone(), seed, ..(**start).clone() })));
            }
            Kind::Tracker { machine, state, start, .. } => {
                let state = tracker::Directory::from_changes(&*state).expect("a consistent log");
                let start = tracker::Start { state, ..(**start).clone() };
                *machine = Some(Box::new(Tracker::start(start)));
            }
        }
        let wall = Wall(1_800_000_000_000).plus(self.now.since_start());
        self.queue.push_back(Step::Event(node, epoch, Event::Wall(wall)));
        let interfaces = self.lan.interfaces(node);
        self.queue.push_back(Step::Event(node, epoch, Event::Interfaces(interfaces)));
        self.settle();
    }

    /// Starts a node from its disk, listening where it did before.
    pub fn start_at(&mut self, node: NodeId, address: SocketAddr) {
        match &mut self.nodes[node].kind {
            Kind::Peer { start, .. } => start.listen = address,
            Kind::Tracker { start, .. } => start.listen = vec![address],
        }
        self.start(node);
    }

    /// Starts a peer from its disk; it logs in by its key.
    pub fn restart_by_key(&mut self, node: NodeId) {
        let Kind::Peer { start, .. } = &mut self.nodes[node].kind else { panic!("not a peer") };
        let name = start.name.clone();
        start.credentials = Some(Credentials { name, password: None, register: false, token: None });
        self.start(node);
    }

    /// A tracker that is down loses its rooms, as when an old copy of its disk is put back.
    pub fn forget_rooms(&mut self, node: NodeId) {
        let Kind::Tracker { state, .. } = &mut self.nodes[node].kind else { panic!("not a tracker") };
        state.retain(|change| {
            matches!(
                change,
                tracker::Change::AccountAdded { .. }
                    | tracker::Change::AccountKey { .. }
                    | tracker::Change::LastSeen { .. }
            )
        });
    }

    /// What two nodes send each other is kept back, or let through.
    pub fn delay_between(&mut self, one: NodeId, other: NodeId, delayed: bool) {
        self.delay_from(one, other, delayed);
        self.delay_from(other, one, delayed);
    }

    /// What one node sends another is kept back, or let through.
    pub fn delay_from(&mut self, from: NodeId, to: NodeId, delayed: bool) {
        let ends = self.wires.iter().filter(|(end, far)| (end.node, far.node) == (to, from)).map(|(end, _)| *end);
        for end in ends.filter(|end| self.open.contains(end)).collect::<Vec<_>>() {
            if delayed {
                self.unread.entry(end).or_default();
            } else {
                for event in self.unread.remove(&end).unwrap_or_default() {
                    self.queue.push_back(Step::Event(end.node, end.epoch, event));
                }
            }
        }
        self.settle();
    }

    /// Kills a node: nothing of it is left but its disk, and its connections are reset.
    pub fn kill(&mut self, node: NodeId) {
        let this = &mut self.nodes[node];
        this.epoch += 1;
        this.waiting_commits.clear();
        this.disk_stalls = false;
        this.waiting_asks.clear();
        this.files_stall = false;
        this.files.restart();
        match &mut this.kind {
            Kind::Peer { machine, state, notices, .. } => {
                *machine = None;
                // What was told was shown.
                let shown = notices.iter().filter_map(|notice| match notice {
                    Notice::Message(incoming) => Some(incoming.number),
                    _ => None,
                });
                if let Some(number) = shown.max() {
                    state.shown(number);
                }
            }
            Kind::Tracker { machine, .. } => *machine = None,
        }
        self.listeners.retain(|_, (of, _)| *of != node);
        self.lan.forget(node);
        let ends = self.open.iter().filter(|end| end.node == node).copied().collect::<Vec<_>>();
        for end in ends {
            self.close(end, Closed::Reset);
        }
        self.settle();
    }

    /// Cuts every connection between two nodes.
    pub fn cut_between(&mut self, one: NodeId, other: NodeId) {
        let ends = self.wires.iter().filter(|(a, b)| a.node == one && b.node == other).map(|(a, b)| (*a, *b));
        for (near, far) in ends.collect::<Vec<_>>() {
            for end in [near, far] {
                self.lose_under_way(end);
                self.arrive(end, Event::Closed { conn: end.conn, reason: Closed::Reset });
            }
        }
        self.settle();
    }

    /// One end closes: it hears nothing more, and the other hears of it behind what was sent.
    fn close(&mut self, near: End, reason: Closed) {
        self.unread.remove(&near);
        if self.open.remove(&near)
            && let Some(far) = self.wires.get(&near).copied()
        {
            if reason == Closed::Reset {
                self.lose_under_way(far);
            }
            self.arrive(far, Event::Closed { conn: far.conn, reason });
        }
    }

    /// A reset may overtake what was sent before it.
    fn lose_under_way(&mut self, end: End) {
        if let Some(weather) = &mut self.weather {
            weather.lose(end);
        }
    }

    /// Something is on its way to an end of a connection.
    fn arrive(&mut self, end: End, event: Event<'static, ()>) {
        match &mut self.weather {
            Some(weather) => weather.carry(self.now, end, event),
            None => self.deliver(end, event),
        }
    }

    /// Something comes to an end of a connection, now or once it is read again.
    fn deliver(&mut self, end: End, event: Event<'static, ()>) {
        match self.unread.get_mut(&end) {
            Some(waiting) => waiting.push(event),
            None => self.queue.push_back(Step::Event(end.node, end.epoch, event)),
        }
    }

    /// How many connections stand between two nodes.
    pub fn connections_between(&self, one: NodeId, other: NodeId) -> usize {
        let both = |a: &End, b: &End| self.open.contains(a) && self.open.contains(b);
        self.wires.iter().filter(|(a, b)| a.node == one && b.node == other && both(a, b)).count()
    }

    /// The key of a peer.
    pub fn key(&self, node: NodeId) -> Key {
        match &self.nodes[node].kind {
            Kind::Peer { start, .. } => start.identity.key(),
            Kind::Tracker { start, .. } => start.identity.key(),
        }
    }

    /// Where a node listens.
    pub fn listens_at(&self, node: NodeId) -> SocketAddr {
        *self.listeners.iter().find(|(_, (of, _))| *of == node).expect("it listens").0
    }

    fn tracker_address(&self, node: NodeId) -> TrackerAddress {
        let address = self.listens_at(node);
        TrackerAddress { host: address.ip().to_string(), port: address.port(), key: Some(self.key(node)) }
    }

    /// Keeps commits of a node waiting, or lets them through.
    pub fn stall_disk(&mut self, node: NodeId, stalls: bool) {
        self.nodes[node].disk_stalls = stalls;
        if !stalls {
            for (seq, changes) in std::mem::take(&mut self.nodes[node].waiting_commits) {
                self.write(node, seq, changes);
            }
        }
        self.settle();
    }

    fn write(&mut self, node: NodeId, seq: Seq, changes: Changes) {
        let this = &mut self.nodes[node];
        match (&mut this.kind, changes) {
            (Kind::Peer { state, .. }, Changes::Peer(changes)) => {
                for change in changes {
                    state.apply(&change, Limits::DEFAULT.entries_known_max);
                }
            }
            (Kind::Tracker { state, .. }, Changes::Tracker(changes)) => state.extend(changes),
            _ => unreachable!("a node commits changes of its own kind"),
        }
        self.queue.push_back(Step::Event(node, this.epoch, Event::Committed(seq)));
    }

    /// Writes what waits for the disk, and kills the node before it hears of it.
    pub fn commit_and_kill(&mut self, node: NodeId) {
        for (seq, changes) in std::mem::take(&mut self.nodes[node].waiting_commits) {
            self.write(node, seq, changes);
        }
        self.kill(node);
    }

    /// From now on, nothing that is sent on the connections of a node arrives there, and it says nothing.
    pub fn deafen(&mut self, node: NodeId) {
        let this = &mut self.nodes[node];
        this.epoch += 1;
        match &mut this.kind {
            Kind::Peer { machine, .. } => *machine = None,
            Kind::Tracker { machine, .. } => *machine = None,
        }
        self.listeners.retain(|_, (of, _)| *of != node);
        self.lan.forget(node);
    }

    /// The connections between two nodes vanish without either's noticing.
    pub fn lose_silently(&mut self, one: NodeId, other: NodeId) {
        let between = |a: &End, b: &End| (a.node, b.node) == (one, other) || (a.node, b.node) == (other, one);
        self.wires.retain(|a, b| !between(a, b));
    }

    /// The wall clock of a node jumps, as after a suspend.
    pub fn jump_wall(&mut self, node: NodeId) {
        let epoch = self.nodes[node].epoch;
        let wall = Wall(1_900_000_000_000).plus(self.now.since_start());
        self.queue.push_back(Step::Event(node, epoch, Event::Wall(wall)));
        self.settle();
    }

    /// A stranger connects to a node, says this, and then nothing more. All strangers share an address.
    pub fn garbage(&mut self, node: NodeId, bytes: &[u8]) {
        let (address, listener) =
            self.listeners.iter().find(|(_, (of, _))| *of == node).map(|(at, (_, by))| (*at, *by)).expect("it listens");
        self.next_even += 2;
        let (conn, epoch) = (ConnId(self.next_even), self.nodes[node].epoch);
        self.open.insert(End { node, epoch, conn });
        // From another address than any node's.
        let remote = SocketAddr::new([127, 0, 0, 66].into(), 9);
        let opened = Event::Opened { conn, listener: Some(listener), local: address, remote };
        self.queue.push_back(Step::Event(node, epoch, opened));
        self.queue.push_back(Step::Event(node, epoch, Event::Received { conn, bytes: bytes.to_vec().into() }));
        self.settle();
    }

    /// How many connections a node holds open.
    pub fn open_ends(&self, node: NodeId) -> usize {
        self.open.iter().filter(|end| end.node == node).count()
    }

    /// When a node wants to be woken.
    pub fn deadline(&self, node: NodeId) -> Option<Time> {
        match &self.nodes[node].kind {
            Kind::Peer { machine, .. } => machine.as_ref()?.deadline(),
            Kind::Tracker { machine, .. } => machine.as_ref()?.deadline(),
        }
    }

    /// Lets time pass, jumping exactly from deadline to deadline.
    pub fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        self.settle();
        let mut dues = 0;
        loop {
            let next = (0..self.nodes.len()).filter_map(|node| Some((self.deadline(node)?, node))).min();
            let arrives = self.weather.as_ref().and_then(weather::Weather::next_at).filter(|at| *at <= end);
            if let Some(at) = arrives.filter(|at| next.is_none_or(|(due, _)| *at < due)) {
                self.now = self.now.max(at);
                self.settle();
                continue;
            }
            let Some((at, node)) = next.filter(|(at, _)| *at <= end) else { break };
            dues = if at > self.now { 0 } else { dues + 1 };
            assert!(dues < DUES_MAX, "node {node} is due again and again");
            self.now = self.now.max(at);
            let epoch = self.nodes[node].epoch;
            self.queue.push_back(Step::Event(node, epoch, Event::Due));
            self.settle();
        }
        self.now = end;
    }

    /// Handles so much of what has happened: whether there was so much.
    pub fn settle_some(&mut self, steps: usize) -> bool {
        for _ in 0..steps {
            let Some(step) = self.queue.pop_front() else { return false };
            self.step(step);
        }
        true
    }

    /// Handles everything that has happened.
    pub fn settle(&mut self) {
        for _ in 0..TURNS_MAX {
            if let Some(step) = self.queue.pop_front() {
                self.step(step);
                continue;
            }
            let Some((end, event)) = self.weather.as_mut().and_then(|weather| weather.next_due(self.now)) else {
                return;
            };
            self.deliver(end, event);
        }
        panic!("the world does not come to rest");
    }

    fn step(&mut self, step: Step) {
        let (node, event) = match step {
            Step::Event(node, epoch, event) => {
                if self.nodes[node].epoch != epoch || !self.is_live(node, epoch, &event) {
                    return;
                }
                (node, Some(event))
            }
            Step::Command(node, command) => {
                return self.handle_peer(node, Event::Command(command));
            }
            Step::TrackerCommand(node, command) => {
                return self.handle_tracker(node, Event::Command(command));
            }
        };
        let Some(event) = event else { return };
        match &self.nodes[node].kind {
            Kind::Peer { .. } => {
                self.handle_peer(node, event.map_command(|()| unreachable!("commands are steps of their own")))
            }
            Kind::Tracker { .. } => {
                self.handle_tracker(node, event.map_command(|()| unreachable!("commands are steps of their own")))
            }
        }
    }

    /// Whether an event still concerns its connection; one that is not read keeps it.
    fn is_live(&mut self, node: NodeId, epoch: u64, event: &Event<'static, ()>) -> bool {
        match event {
            Event::Received { conn, .. } => {
                let end = End { node, epoch, conn: *conn };
                if let Some(waiting) = self.unread.get_mut(&end) {
                    waiting.push(event.clone());
                    return false;
                }
                self.open.contains(&end)
            }
            Event::Writable { conn, .. } | Event::Opened { conn, .. } => {
                self.open.contains(&End { node, epoch, conn: *conn })
            }
            Event::Closed { conn, .. } => self.open.remove(&End { node, epoch, conn: *conn }),
            _ => true,
        }
    }

    fn handle_peer(&mut self, node: NodeId, event: Event<'static, Command>) {
        let now = self.now;
        let Kind::Peer { machine: Some(machine), notices, .. } = &mut self.nodes[node].kind else { return };
        for (action, bytes) in told(now, machine.as_mut(), event, notices) {
            self.apply(node, action, bytes, Changes::Peer);
        }
    }

    fn handle_tracker(&mut self, node: NodeId, event: Event<'static, tracker::Command>) {
        let now = self.now;
        let Kind::Tracker { machine: Some(machine), notices, .. } = &mut self.nodes[node].kind else { return };
        for (action, bytes) in told(now, machine.as_mut(), event, notices) {
            self.apply(node, action, bytes, Changes::Tracker);
        }
    }

    fn apply<N, C>(&mut self, node: NodeId, action: Action<N, C>, bytes: Vec<u8>, wrap: fn(Vec<C>) -> Changes) {
        let epoch = self.nodes[node].epoch;
        let end = |conn| End { node, epoch, conn };
        match action {
            Action::Listen { listener, address } => {
                let port = if address.port() == 0 { self.next_port } else { address.port() };
                self.next_port += 1;
                let address = SocketAddr::new(address.ip(), port);
                for at in self.lan.listens_at(node, address) {
                    self.listeners.insert(at, (node, listener));
                }
                self.queue.push_back(Step::Event(node, epoch, Event::Listening { listener, address }));
            }
            Action::Connect { conn, address } => self.connect(end(conn), address),
            Action::Send { conn, .. } => {
                self.tapped.extend_from_slice(&bytes);
                self.nodes[node].sent += bytes.len() as u64;
                if let Some(far) = self.wires.get(&end(conn)).copied() {
                    for chunk in bytes.chunks(papo_proto::machine::RECEIVED_BYTES_MAX) {
                        self.arrive(far, Event::Received { conn: far.conn, bytes: chunk.to_vec().into() });
                    }
                }
            }
            Action::Close { id, how } => {
                if self.listeners.iter().any(|(_, (of, listener))| *of == node && listener.0 == id) {
                    self.listeners.retain(|_, (of, listener)| *of != node || listener.0 != id);
                }
                self.lan.close(node, id);
                let reason = if how == CloseHow::Flush { Closed::End } else { Closed::Reset };
                self.close(end(ConnId(id)), reason);
            }
            Action::WantWrite(conn) => {
                let bytes = papo_proto::machine::WRITABLE_BYTES_MAX;
                self.queue.push_back(Step::Event(node, epoch, Event::Writable { conn, bytes }));
            }
            Action::Reading(conn, true) => {
                for event in self.unread.remove(&end(conn)).unwrap_or_default() {
                    self.queue.push_back(Step::Event(node, epoch, event));
                }
            }
            Action::Reading(conn, false) => {
                self.unread.entry(end(conn)).or_default();
            }
            Action::Commit { seq, changes } => {
                if self.nodes[node].disk_stalls {
                    self.nodes[node].waiting_commits.push((seq, wrap(changes)));
                } else {
                    self.write(node, seq, wrap(changes));
                }
            }
            Action::CheckPassword { request, check } => {
                let outcome = match check {
                    PasswordCheck::Create { password, .. } => {
                        PasswordOutcome::Created(papo_proto::hex::encode(&password))
                    }
                    PasswordCheck::Verify { verifier, password } => {
                        if verifier == papo_proto::hex::encode(&password) {
                            PasswordOutcome::Matched
                        } else {
                            PasswordOutcome::Mismatched
                        }
                    }
                };
                self.queue.push_back(Step::Event(node, epoch, Event::PasswordChecked { request, outcome }));
            }
            Action::Resolve { request, host, port } => {
                let addresses = host.parse().map(|ip| SocketAddr::new(ip, port)).into_iter().collect();
                self.queue.push_back(Step::Event(node, epoch, Event::Resolved { request, addresses }));
            }
            Action::Bind { socket, address, .. } => {
                let answer = self.lan.bind(node, socket, address);
                self.queue.push_back(Step::Event(node, epoch, answer));
            }
            Action::Disk { request, ask } => self.file(node, files::Filed::Ask(request, ask)),
            Action::CloseFile(file) => self.file(node, files::Filed::Close(file)),
            Action::SendTo { to, .. } => self.carry_datagram(node, to, &bytes),
            Action::Notify(_) => unreachable!("notices are taken first"),
        }
    }

    fn connect(&mut self, near: End, address: SocketAddr) {
        let listening = self.listeners.get(&address).copied().filter(|_| !self.unreachable.contains(&address));
        let source = self.lan.on_dialled(self.now, near.node, address);
        let Some((node, listener)) = listening else {
            if self.lan.is_silent(address) {
                return;
            }
            let refused = Event::Refused { id: near.conn.0, reason: Refusal::Refused };
            return self.queue.push_back(Step::Event(near.node, near.epoch, refused));
        };
        self.next_even += 2;
        self.next_port = self.next_port.wrapping_add(1).max(40_000);
        let far = End { node, epoch: self.nodes[node].epoch, conn: ConnId(self.next_even) };
        let dialler = SocketAddr::new(source, self.next_port);
        self.wires.insert(near, far);
        self.wires.insert(far, near);
        self.open.extend([near, far]);
        let opened = Event::Opened { conn: far.conn, listener: Some(listener), local: address, remote: dialler };
        self.arrive(far, opened);
        let opened = Event::Opened { conn: near.conn, listener: None, local: dialler, remote: address };
        self.arrive(near, opened);
    }
}

/// How an account logs in.
pub fn credentials(text: &str, password: &str, register: bool) -> Credentials {
    Credentials { name: name(text), password: Some(PasswordHash::of(password)), register, token: None }
}

/// Hands an event to a machine: its notices are kept, the rest is to be done.
#[expect(clippy::type_complexity, reason = "actions with the bytes that they send")]
fn told<M: Machine>(
    now: Time,
    machine: &mut M,
    event: Event<'static, M::Command>,
    notices: &mut Vec<M::Notice>,
) -> Vec<(Action<M::Notice, M::Change>, Vec<u8>)> {
    let mut out = Outbox::default();
    machine.handle(now, event, &mut out);
    let mut rest = Vec::new();
    out.drain_with(|action, bytes| match action {
        Action::Notify(notice) => notices.push(notice),
        other => rest.push((other, bytes.to_vec())),
    });
    rest
}
