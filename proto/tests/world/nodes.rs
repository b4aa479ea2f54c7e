//! The machines of a world, each with its disk: how they are added, start, and end.

use std::{collections::VecDeque, net::SocketAddr};

use papo_proto::{
    disk::memory::MemoryDisk,
    identity::{Identity, Key},
    limits::Limits,
    machine::{Closed, Event, Machine, Seq},
    names::Name,
    peer::{
        self, Notice, Peer, State,
        interface::{Credentials, TrackerAddress},
    },
    rng::Seed,
    time::{Time, Wall},
    tracker::{self, Registration, Tracker},
    wire::tracker::PasswordHash,
};

use super::{Step, World, files};

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
    pub(super) waiting_commits: Vec<(Seq, Changes)>,
    pub(super) epoch: u64,
    /// Its files.
    pub files: MemoryDisk,
    /// What is asked of them waits while it is true.
    pub(super) files_stall: bool,
    pub(super) waiting_asks: VecDeque<files::Filed>,
    /// What was asked of them, shortly.
    pub(super) asked: Vec<String>,
    /// How many bytes it has sent.
    pub sent: u64,
}

pub(super) enum Changes {
    Peer(Vec<peer::Change>),
    Tracker(Vec<tracker::Change>),
}

/// A name.
pub fn name(text: &str) -> Name {
    Name::new(text).expect("tests use valid names")
}

/// The identity of a number.
pub fn identity(number: u8) -> Identity {
    Identity::from_secret(&[number; 32])
}

/// How an account logs in.
pub fn credentials(text: &str, password: &str, register: bool) -> Credentials {
    Credentials { name: name(text), password: Some(PasswordHash::of(password)), register, token: None }
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

    /// Adds another device of an account, with a key of its own.
    pub fn new_device(&mut self, number: u8, text: &str, tracker: NodeId) -> NodeId {
        self.member_with(number, text, tracker, |start| start.credentials = Some(credentials(text, "secret", false)))
    }

    /// Adds a peer whose start is changed first.
    pub fn peer_with(&mut self, number: u8, text: &str, change: impl FnOnce(&mut peer::Start)) -> NodeId {
        let listen = "127.0.0.1:0".parse().expect("an address");
        let state = State { log: u64::from(number), ..State::default() };
        let mut start = peer::Start::new(Seed([number; 32]), identity(number), name(text), listen, state);
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
        let start = tracker::Start::new(Seed([number; 32]), identity(number), vec![listen], "nobody's".to_owned());
        let kind = Kind::Tracker { machine: None, notices: Vec::new(), state: Vec::new(), start: Box::new(start) };
        self.add(kind)
    }

    pub(super) fn add(&mut self, kind: Kind) -> NodeId {
        self.nodes.push(Node {
            kind,
            disk_stalls: false,
            waiting_commits: Vec::new(),
            epoch: 0,
            files: MemoryDisk::default(),
            files_stall: false,
            waiting_asks: VecDeque::new(),
            asked: Vec::new(),
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

    pub(super) fn tracker_address(&self, node: NodeId) -> TrackerAddress {
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

    pub(super) fn write(&mut self, node: NodeId, seq: Seq, changes: Changes) {
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

    /// The wall clock of a node jumps, as after a suspend.
    pub fn jump_wall(&mut self, node: NodeId) {
        let epoch = self.nodes[node].epoch;
        let wall = Wall(1_900_000_000_000).plus(self.now.since_start());
        self.queue.push_back(Step::Event(node, epoch, Event::Wall(wall)));
        self.settle();
    }

    /// When a node wants to be woken.
    pub fn deadline(&self, node: NodeId) -> Option<Time> {
        match &self.nodes[node].kind {
            Kind::Peer { machine, .. } => machine.as_ref()?.deadline(),
            Kind::Tracker { machine, .. } => machine.as_ref()?.deadline(),
        }
    }
}
