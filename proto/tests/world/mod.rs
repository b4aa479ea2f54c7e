//! A small world in memory: machines, the connections between them, a disk for each, and time that jumps exactly to
//! the next deadline. Bytes arrive whole and at once, unless there is [weather](weather); what else goes wrong, a test
//! does by hand.

#![allow(dead_code, unreachable_pub, unused_imports, reason = "each test file uses its part of the world")]

pub mod files;
pub mod host;
pub mod lan;
mod nodes;
pub mod weather;
mod wires;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    net::SocketAddr,
    time::Duration,
};

use papo_proto::{
    machine::{Action, CloseHow, Closed, ConnId, Event, ListenerId, Machine, Outbox, PasswordCheck, PasswordOutcome},
    peer::Command,
    time::Time,
    tracker,
};

use nodes::Changes;
pub use nodes::{Kind, Node, NodeId, credentials, identity, name};
use wires::End;

/// Turns of one instant after which a world that does not come to rest is broken.
const TURNS_MAX: usize = 200_000;
/// So often may machines be due in one instant; a machine that is due more often makes no progress.
const DUES_MAX: usize = 2_000;

/// Either kind of command.
enum Step {
    Event(NodeId, u64, Event<'static, ()>),
    Command(NodeId, Command),
    TrackerCommand(NodeId, tracker::Command),
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

impl World {
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
