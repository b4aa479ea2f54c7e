//! The reactor itself: its nodes and its turn. The [crate's page](crate) tells the turn in words.

use std::{
    convert::Infallible,
    io,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use mio::{Events, Poll, Token, Waker};
use papo_proto::{
    machine::{Event, Machine, RECEIVED_BYTES_MAX},
    time::Time,
};

use crate::{
    clock::{Clock, WallWatch, wall},
    interfaces::{self, Interfaces},
    node::{Driven, Handle, Host, Node, Running, StoreError},
    sockets::{Sockets, Step},
    tally::Stats,
    workers::{Answer, Workers},
};

/// The waker's token; no slab grows that far.
const WAKE: Token = Token(usize::MAX);
/// Readiness that one wait takes from the kernel.
const EVENTS_MAX: usize = 1024;
/// Sockets that one turn reads from.
const READS_A_TURN_MAX: usize = 256;
/// Bytes that one turn reads, about: what decrypting them takes is how late a timer may be.
const READ_BYTES_A_TURN_MAX: usize = 4 * 1024 * 1024;
/// Answers of workers that one turn hands on.
const ANSWERS_A_TURN_MAX: usize = 256;
/// Commands to each machine that one turn hands on.
const COMMANDS_A_TURN_MAX: usize = 64;

/// Bounds of a reactor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Connections of all machines together; more are turned away.
    pub connections_max: usize,
    /// Bytes that wait to be written to one connection; past it, the connection is closed.
    pub out_bytes_max: usize,
    /// Bytes that wait to be written to all connections together; past it, the one with the most is closed.
    pub queued_bytes_max: usize,
}

impl Options {
    /// What all queues together may hold unless there is reason for another bound: 64 connections that take nothing, as
    /// patiently as one may be waited for.
    pub const QUEUED_BYTES_MAX: usize = 256 * 1024 * 1024;
}

/// Why a reactor cannot go on. Nothing more is said once one of these happened.
#[derive(Debug, thiserror::Error)]
pub enum Fatal {
    /// A store could not keep something: what depends on it was not said, and must not be.
    #[error("what happened could not be stored: {0}")]
    Commit(#[source] StoreError),
    /// The recording cannot be written.
    #[error("the recording {} {}", path.display(), not_written(error))]
    Record {
        /// Its file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The system does not say what happens at the sockets, or gives no threads.
    #[error("the system fails: {0}")]
    System(#[source] io::Error),
}

fn not_written(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::StorageFull => "has filled its disk: make room there, or record elsewhere".to_owned(),
        _ => format!("cannot be written: {error}"),
    }
}

/// Several machines, and the one thread that drives them.
pub struct Reactor {
    poll: Poll,
    events: Events,
    waker: Arc<Waker>,
    clock: Clock,
    wall: WallWatch,
    interfaces: Interfaces,
    sockets: Sockets,
    workers: Workers,
    nodes: Vec<Box<dyn Driven>>,
    /// What is read, on its way to a machine.
    buffer: Vec<u8>,
    /// Answers or commands were left for the next turn.
    more: bool,
}

impl std::fmt::Debug for Reactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reactor")
            .field("nodes", &self.nodes.len())
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

impl Reactor {
    /// A reactor without machines. Their time begins now.
    ///
    /// # Errors
    /// When the system gives no descriptors.
    pub fn new(options: Options) -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKE)?);
        Ok(Self {
            sockets: Sockets::new(poll.registry().try_clone()?, options),
            events: Events::with_capacity(EVENTS_MAX),
            workers: Workers::new(Arc::clone(&waker)),
            waker,
            poll,
            clock: Clock::new(),
            wall: WallWatch::default(),
            interfaces: Interfaces::default(),
            nodes: Vec::new(),
            buffer: vec![0; RECEIVED_BYTES_MAX],
            more: false,
        })
    }

    /// Adds a machine. It hears of the world once the reactor runs; its commands may be queued before.
    ///
    /// # Panics
    /// When the node's recorder was begun for another kind of machine.
    pub fn add<M>(&mut self, node: Node<M>) -> Handle<M::Command>
    where
        M: Machine + 'static,
        M::Change: Send,
    {
        let (running, handle) = Running::new(self.nodes.len(), node, Arc::clone(&self.waker));
        self.sockets.add_node();
        self.nodes.push(Box::new(running));
        handle
    }

    /// Runs until every machine's host has called [`crate::Control::stop`], all is flushed (5 s at most) and all
    /// commits are done.
    ///
    /// # Errors
    /// At once, when a commit failed, a recording cannot be written, or the system fails.
    pub fn run(&mut self) -> Result<(), Fatal> {
        let result = self.run_nodes();
        if result.is_ok() {
            for node in &mut self.nodes {
                node.finish();
            }
        }
        self.nodes.clear();
        result
    }

    /// What it did so far.
    #[must_use]
    pub const fn stats(&self) -> &Stats {
        &self.sockets.tally.stats
    }

    fn run_nodes(&mut self) -> Result<(), Fatal> {
        self.workers.start().map_err(Fatal::System)?;
        for node in &mut self.nodes {
            node.start(self.workers.replies()).map_err(Fatal::System)?;
        }
        while !self.is_finished() {
            self.turn()?;
        }
        Ok(())
    }

    fn is_finished(&self) -> bool {
        self.nodes.iter().all(|node| node.is_finished()) && self.sockets.closing() == 0
    }

    fn turn(&mut self) -> Result<(), Fatal> {
        self.sockets.tally.stats.turns += 1;
        self.wait()?;
        self.sockets.flush_all();
        self.tell_of_the_host()?;
        self.tell_due()?;
        self.read()?;
        self.more = false;
        self.hand_on_answers()?;
        self.hand_on_commands()?;
        self.invite()?;
        self.sockets.flush_all();
        Ok(())
    }

    /// Waits for readiness, the waker, or the first deadline, and notes what became ready.
    fn wait(&mut self) -> Result<(), Fatal> {
        let timeout = if self.has_work() { Duration::ZERO } else { self.wait_max() };
        match self.poll.poll(&mut self.events, Some(timeout)) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            Err(error) => return Err(Fatal::System(error)),
        }
        for readiness in &self.events {
            if readiness.token() != WAKE {
                self.sockets.handle_readiness(readiness);
            }
        }
        Ok(())
    }

    fn has_work(&self) -> bool {
        self.more || self.sockets.has_work() || self.nodes.iter().any(|node| node.has_command())
    }

    /// How long there is nothing to do unless something happens. mio rounds it up, so nothing is due before its time.
    fn wait_max(&self) -> Duration {
        let now = self.clock.now();
        let machines = self.nodes.iter().filter_map(|node| node.deadline()).min();
        let until = machines.into_iter().chain([self.interfaces.deadline()]).min().unwrap_or(now);
        let sockets = self.sockets.deadline().map(|at| at.saturating_duration_since(Instant::now()));
        sockets.into_iter().chain([until.since(now)]).min().unwrap_or_default()
    }

    /// Clock and interfaces: at first, and when they changed.
    fn tell_of_the_host(&mut self) -> Result<(), Fatal> {
        let now = self.clock.now();
        if let Some(wall) = self.wall.check(now, wall()) {
            self.tell_all(|| Event::Wall(wall))?;
        }
        if let Some(addresses) = self.interfaces.check(now, interfaces::of_this_host) {
            self.tell_all(|| Event::Interfaces(addresses.clone()))?;
        }
        Ok(())
    }

    fn tell_all(&mut self, event: impl Fn() -> Event<'static, Infallible>) -> Result<(), Fatal> {
        (0..self.nodes.len()).try_for_each(|node| self.tell(node, event()))
    }

    fn tell_due(&mut self) -> Result<(), Fatal> {
        self.sockets.handle_due(Instant::now());
        for node in 0..self.nodes.len() {
            let now = self.clock.now();
            if self.nodes[node].deadline().is_some_and(|deadline| deadline <= now) {
                self.tell_at(now, node, Event::Due)?;
            }
        }
        Ok(())
    }

    fn read(&mut self) -> Result<(), Fatal> {
        let mut bytes_read = 0;
        for _ in 0..self.sockets.ready().min(READS_A_TURN_MAX) {
            if bytes_read >= READ_BYTES_A_TURN_MAX {
                break;
            }
            let Some(key) = self.sockets.next_ready() else { break };
            for _ in 0..self.sockets.steps_max(key) {
                let Step::Tell(node, event) = self.sockets.step(key, &mut self.buffer) else { break };
                if let Event::Received { bytes, .. } | Event::Datagram { bytes, .. } = &event {
                    bytes_read += bytes.len();
                }
                let mut host = Host { sockets: &mut self.sockets, workers: &mut self.workers };
                self.nodes[node].handle(self.clock.now(), event, &mut host)?;
                self.sockets.let_go(key);
            }
            self.sockets.rest(key);
        }
        Ok(())
    }

    fn hand_on_answers(&mut self) -> Result<(), Fatal> {
        for _ in 0..ANSWERS_A_TURN_MAX {
            let Some((node, answer)) = self.workers.next_answer() else { return Ok(()) };
            match answer {
                Answer::Committed(seq) => {
                    let mut host = Host { sockets: &mut self.sockets, workers: &mut self.workers };
                    self.nodes[node].handle_committed(self.clock.now(), seq, &mut host)?;
                }
                Answer::CommitFailed(error) => return Err(Fatal::Commit(error)),
                Answer::PasswordChecked { request, outcome } => {
                    self.tell(node, Event::PasswordChecked { request, outcome })?;
                }
                Answer::Disk { request, result } => self.tell(node, Event::Disk { request, result })?,
                Answer::Resolved { request, addresses } => self.tell(node, Event::Resolved { request, addresses })?,
            }
        }
        self.more = true;
        Ok(())
    }

    fn hand_on_commands(&mut self) -> Result<(), Fatal> {
        for node in &mut self.nodes {
            let mut host = Host { sockets: &mut self.sockets, workers: &mut self.workers };
            let mut taken = 0;
            while taken < COMMANDS_A_TURN_MAX && node.handle_next_command(self.clock.now(), &mut host)? {
                taken += 1;
            }
            self.more |= taken == COMMANDS_A_TURN_MAX;
        }
        Ok(())
    }

    fn invite(&mut self) -> Result<(), Fatal> {
        for _ in 0..self.sockets.inviting() {
            if let Step::Tell(node, event) = self.sockets.next_invitation() {
                self.tell(node, event)?;
            }
        }
        Ok(())
    }

    fn tell(&mut self, node: usize, event: Event<'_, Infallible>) -> Result<(), Fatal> {
        self.tell_at(self.clock.now(), node, event)
    }

    fn tell_at(&mut self, now: Time, node: usize, event: Event<'_, Infallible>) -> Result<(), Fatal> {
        let mut host = Host { sockets: &mut self.sockets, workers: &mut self.workers };
        self.nodes[node].handle(now, event, &mut host)
    }
}
