//! A machine in the reactor: with its outbox, store, commands and recording, and with its types erased.
//!
//! ```text
//!   running ──on_notice calls Control::stop──▶ stopped: its connections are flushed and closed, its commands refused,
//!                                              its commits awaited; it hears nothing more
//! ```

use std::{
    collections::VecDeque,
    convert::Infallible,
    error::Error,
    fmt, io,
    sync::{
        Arc,
        mpsc::{self, Receiver, SyncSender, TrySendError},
    },
};

use mio::Waker;
use papo_proto::{
    machine::{Action, Event, Machine, Outbox, PasswordCheck, PasswordOutcome, Seq},
    time::Time,
};

use crate::{
    disk::{self, Disk},
    reactor::Fatal,
    recorder::Recorder,
    sockets::Sockets,
    tally::Stats,
    workers::{Commits, Replies, Workers},
};

/// Commands that wait in a [`Handle`]; past it, senders wait too.
const COMMANDS_MAX: usize = 1024;

/// Why a store could not keep something.
pub type StoreError = Box<dyn Error + Send + Sync>;
/// What checks passwords; called on a worker thread.
pub type PasswordWork = dyn Fn(&PasswordCheck) -> PasswordOutcome + Send + Sync;

/// Keeps changes. It lives on a thread of its own.
pub trait Store<C>: Send + 'static {
    /// Makes changes durable, all or none, in order. Several commits that waited come as one.
    ///
    /// # Errors
    /// When they are not durable. That ends the reactor: see [`Fatal::Commit`].
    fn apply(&mut self, changes: &[C]) -> Result<(), StoreError>;
}

/// A machine and what belongs to it.
pub struct Node<M: Machine> {
    /// The machine, just started.
    pub machine: M,
    /// Keeps its changes. Without it, the machine must have none.
    pub store: Option<Box<dyn Store<M::Change>>>,
    /// Checks passwords; run on two worker threads. Without it, no password matches.
    pub passwords: Option<Arc<PasswordWork>>,
    /// Where its files are. Without it, everything that it asks of a disk is denied.
    pub disk: Option<Disk>,
    /// Hears its notices, on the reactor's thread: it must not block.
    #[expect(clippy::type_complexity, reason = "an alias would hide what a host is to write")]
    pub on_notice: Box<dyn FnMut(M::Notice, &mut Control<M::Command>)>,
    /// Writes its recording.
    pub recorder: Option<Recorder>,
}

impl<M: Machine> fmt::Debug for Node<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node").field("machine", &M::KIND).field("recorder", &self.recorder).finish_non_exhaustive()
    }
}

/// What a host may do from within [`Node::on_notice`].
#[derive(Debug)]
pub struct Control<C> {
    commands: VecDeque<C>,
    stopped: bool,
    stats: Stats,
}

impl<C> Control<C> {
    /// Gives a command to the machine that notified, ahead of those that wait in its handle. At most a few for each
    /// notice: they are not bounded otherwise.
    pub fn command(&mut self, command: C) {
        self.commands.push_back(command);
    }

    /// What the reactor did so far, for all its machines.
    #[must_use]
    pub const fn stats(&self) -> Stats {
        self.stats
    }

    /// The machine is done. What it has just done is still applied; then its connections are flushed and closed.
    pub const fn stop(&mut self) {
        self.stopped = true;
    }
}

/// The machine has ended and takes no more commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the machine has ended")]
pub struct Ended;

/// A command was not taken; it is handed back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotTaken<C> {
    /// Too many wait.
    #[error("too many commands wait")]
    Full(C),
    /// The machine has ended.
    #[error("the machine has ended")]
    Ended(C),
}

/// Gives commands to one machine, from any thread but the reactor's (which has [`Control`]).
#[derive(Debug)]
pub struct Handle<C> {
    commands: SyncSender<C>,
    waker: Arc<Waker>,
}

impl<C> Clone for Handle<C> {
    fn clone(&self) -> Self {
        Self { commands: self.commands.clone(), waker: Arc::clone(&self.waker) }
    }
}

impl<C> Handle<C> {
    /// Gives a command; waits while 1024 wait already.
    ///
    /// # Errors
    /// When the machine has ended.
    pub fn send(&self, command: C) -> Result<(), Ended> {
        self.commands.send(command).map_err(|_| Ended)?;
        self.wake();
        Ok(())
    }

    /// Gives a command if fewer than 1024 wait.
    ///
    /// # Errors
    /// Hands the command back when it is not taken.
    pub fn try_send(&self, command: C) -> Result<(), NotTaken<C>> {
        self.commands.try_send(command).map_err(|error| match error {
            TrySendError::Full(command) => NotTaken::Full(command),
            TrySendError::Disconnected(command) => NotTaken::Ended(command),
        })?;
        self.wake();
        Ok(())
    }

    fn wake(&self) {
        if let Err(error) = self.waker.wake() {
            log::error!("the reactor could not be woken: {error}");
        }
    }
}

/// What the reactor shares among its nodes.
pub(crate) struct Host<'a> {
    pub(crate) sockets: &'a mut Sockets,
    pub(crate) workers: &'a mut Workers,
}

/// A node without its types. Events that are no commands carry [`Infallible`] in their place.
pub(crate) trait Driven {
    /// Starts what the node needs besides the reactor's thread.
    fn start(&mut self, replies: &Replies) -> io::Result<()>;
    /// Hands an event to the machine and applies what it answers; nothing once it is stopped.
    fn handle(&mut self, now: Time, event: Event<'_, Infallible>, host: &mut Host<'_>) -> Result<(), Fatal>;
    /// Hands it the next command; false when none waits.
    fn handle_next_command(&mut self, now: Time, host: &mut Host<'_>) -> Result<bool, Fatal>;
    /// Whether its host gave it a command from within a notice.
    fn has_command(&self) -> bool;
    /// Tells it that its commits up to `seq` are durable.
    fn handle_committed(&mut self, now: Time, seq: Seq, host: &mut Host<'_>) -> Result<(), Fatal>;
    /// When it wants [`Event::Due`]; never once it is stopped.
    fn deadline(&self) -> Option<Time>;
    /// Whether it is stopped and everything that it wanted kept is kept.
    fn is_finished(&self) -> bool;
    /// Waits for its store to be closed, and for what it asked of its disk.
    fn finish(&mut self);
}

/// A node as it runs.
pub(crate) struct Running<M: Machine> {
    number: usize,
    machine: M,
    out: Outbox<M::Notice, M::Change>,
    /// Until it is started.
    store: Option<Box<dyn Store<M::Change>>>,
    /// From then on.
    commits: Option<Commits<M::Change>>,
    disk: Option<Disk>,
    /// Likewise.
    files: Option<disk::Running>,
    passwords: Option<Arc<PasswordWork>>,
    #[expect(clippy::type_complexity, reason = "as in Node")]
    on_notice: Box<dyn FnMut(M::Notice, &mut Control<M::Command>)>,
    recorder: Option<Recorder>,
    /// None once it is stopped, so that whoever waits to send is told.
    commands: Option<Receiver<M::Command>>,
    control: Control<M::Command>,
}

impl<M: Machine> Running<M>
where
    M::Change: Send + 'static,
{
    pub(crate) fn new(number: usize, node: Node<M>, waker: Arc<Waker>) -> (Self, Handle<M::Command>) {
        if let Some(recorder) = &node.recorder {
            assert_eq!(recorder.machine(), M::KIND, "a recording is begun with its own machine's header");
        }
        let (sender, commands) = mpsc::sync_channel(COMMANDS_MAX);
        let running = Self {
            number,
            machine: node.machine,
            out: Outbox::default(),
            store: node.store,
            commits: None,
            disk: node.disk,
            files: None,
            passwords: node.passwords,
            on_notice: node.on_notice,
            recorder: node.recorder,
            commands: Some(commands),
            control: Control { commands: VecDeque::new(), stopped: false, stats: Stats::default() },
        };
        (running, Handle { commands: sender, waker })
    }

    fn handle_any(&mut self, now: Time, event: Event<'_, M::Command>, host: &mut Host<'_>) -> Result<(), Fatal> {
        if self.control.stopped {
            return Ok(());
        }
        if let Some(recorder) = &mut self.recorder {
            recorder.write_event(now, &event)?;
        }
        self.machine.handle(now, event, &mut self.out);
        if self.out.is_empty() {
            return Ok(());
        }
        if let Some(recorder) = &mut self.recorder {
            recorder.write_actions(&self.out)?;
        }
        self.apply(host);
        if self.control.stopped {
            self.commands = None;
            self.control.commands.clear();
            host.sockets.close_all(self.number);
        }
        Ok(())
    }

    fn apply(&mut self, host: &mut Host<'_>) {
        let Self { number, out, commits, files, passwords, on_notice, control, .. } = self;
        let number = *number;
        control.stats = host.sockets.tally.stats;
        out.drain_with(|action, bytes| match action {
            Action::Listen { listener, address } => host.sockets.listen(number, listener, address),
            Action::Connect { conn, address } => host.sockets.connect(number, conn, address),
            Action::Send { conn, .. } => host.sockets.send(number, conn, bytes),
            Action::Close { id, how } => host.sockets.close(number, id, how),
            Action::WantWrite(conn) => host.sockets.want_write(number, conn),
            Action::Reading(conn, reading) => host.sockets.set_reading(number, conn, reading),
            Action::Commit { seq, changes } => {
                commits.as_mut().expect("whoever has something to keep has a store").send(seq, changes);
            }
            Action::CheckPassword { request, check } => {
                host.workers.check_password(number, request, check, passwords.as_ref());
            }
            Action::Resolve { request, host: name, port } => host.workers.resolve(number, request, name, port),
            Action::Bind { socket, address, broadcast } => host.sockets.bind(number, socket, address, broadcast),
            Action::SendTo { socket, to, .. } => host.sockets.send_to(number, socket, to, bytes),
            Action::Disk { request, ask } => match files {
                Some(files) => files.ask(request, ask),
                None => host.workers.deny(number, request),
            },
            Action::CloseFile(file) => {
                if let Some(files) = files {
                    files.close(file);
                }
            }
            Action::Notify(notice) => on_notice(notice, control),
        });
    }
}

impl<M: Machine> Driven for Running<M>
where
    M::Change: Send + 'static,
{
    fn start(&mut self, replies: &Replies) -> io::Result<()> {
        if let Some(store) = self.store.take() {
            self.commits = Some(Commits::start(self.number, store, replies.clone())?);
        }
        if let Some(disk) = self.disk.take() {
            self.files = Some(disk::Running::start(self.number, disk, replies.clone())?);
        }
        Ok(())
    }

    fn handle(&mut self, now: Time, event: Event<'_, Infallible>, host: &mut Host<'_>) -> Result<(), Fatal> {
        self.handle_any(now, event.map_command(|never| match never {}), host)
    }

    fn handle_next_command(&mut self, now: Time, host: &mut Host<'_>) -> Result<bool, Fatal> {
        let next = self.control.commands.pop_front();
        let next = next.or_else(|| self.commands.as_ref().and_then(|commands| commands.try_recv().ok()));
        let Some(command) = next else { return Ok(false) };
        self.handle_any(now, Event::Command(command), host)?;
        Ok(true)
    }

    fn has_command(&self) -> bool {
        !self.control.commands.is_empty()
    }

    fn handle_committed(&mut self, now: Time, seq: Seq, host: &mut Host<'_>) -> Result<(), Fatal> {
        if let Some(commits) = &mut self.commits {
            commits.handle_committed(seq);
        }
        self.handle_any(now, Event::Committed(seq), host)
    }

    fn deadline(&self) -> Option<Time> {
        if self.control.stopped { None } else { self.machine.deadline() }
    }

    fn is_finished(&self) -> bool {
        self.control.stopped && self.commits.as_ref().is_none_or(Commits::is_done)
    }

    fn finish(&mut self) {
        if let Some(commits) = &mut self.commits {
            commits.finish();
        }
        if let Some(files) = &mut self.files {
            files.finish();
        }
    }
}
