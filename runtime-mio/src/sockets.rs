//! Every socket of the reactor, and what machines ask of them.
//!
//! Sockets live in a slab; a socket's key is its mio token. What a machine asked for and cannot have, or a connection
//! that ended, stays in the slab until the machine was told, so that closing an id and being told of its end can never
//! cross.
//!
//! Work that is to be done without waiting for an edge stands in one of three queues: `ready` (something to be read,
//! accepted or told), `dirty` (something to be written), `inviting` (to be told that it may write). A key in a queue
//! may be stale; then it does no harm, because a look at a socket that has nothing finds nothing.
//!
//! Invariant: a machine's id leads to at most one socket, and to none once the machine closed it.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap, VecDeque},
    convert::Infallible,
    net::SocketAddr,
    time::{Duration, Instant},
};

use mio::{Interest, Registry, Token, event::Event as Readiness, net::TcpStream};
use papo_proto::machine::{CloseHow, Closed, ConnId, Event, ListenerId, Refusal, SocketId, WRITABLE_BYTES_MAX};
use slab::Slab;

use crate::{
    connection::{Connection, DialOutcome, FLUSH_MAX, Phase, ReadOutcome, WriteOutcome, refusal},
    datagrams::{Datagrams, Heard},
    listener::{Accepted, Listener, Spare},
    reactor::Options,
    tally::Tally,
};

/// One look at a connection writes about this much.
const WRITE_BYTES_MAX: usize = 256 * 1024;
/// One look at a connection reads this often.
const READS_MAX: usize = 4;
/// One look at a socket for datagrams hears this many: they are short, and come in crowds.
const DATAGRAMS_MAX: usize = 16;
/// One look at a listener accepts this many.
const ACCEPTS_MAX: usize = 64;
/// One look at a listener turns away no more than this.
const TURNED_AWAY_AT_ONCE_MAX: usize = 256;
/// A listener that ran out of descriptors is looked at again after this.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// A socket and to whom it belongs.
struct Socket {
    /// Never used again, other than the key.
    serial: u64,
    node: usize,
    id: u64,
    in_ready: bool,
    in_dirty: bool,
    in_inviting: bool,
    /// When it must be gone, or is to be looked at again.
    timer: Option<Instant>,
    kind: Kind,
}

enum Kind {
    Listener(Listener),
    Connection(Connection),
    Datagrams(Datagrams),
    /// A dial, listener or socket that could not be; the machine is to be told.
    Refused(Refusal),
    /// A connection that is gone; the machine is to be told.
    Gone(Closed),
}

/// What a look at a socket came to.
pub(crate) enum Step<'a> {
    /// This node is to be told.
    Tell(usize, Event<'a, Infallible>),
    /// Nothing more for now.
    Rest,
}

/// The sockets of all nodes.
pub(crate) struct Sockets {
    registry: Registry,
    options: Options,
    slab: Slab<Socket>,
    keys: HashMap<(usize, u64), usize>,
    serials: u64,
    /// The last even id of each node.
    minted: Vec<u64>,
    connections: usize,
    closing: usize,
    /// What waits to be written to all of them.
    queued: usize,
    ready: VecDeque<usize>,
    dirty: VecDeque<usize>,
    inviting: VecDeque<usize>,
    /// Connections that must be gone by then and listeners that are to be looked at again, by time and serial.
    timers: BTreeMap<(Instant, u64), usize>,
    spare: Spare,
    pub(crate) tally: Tally,
}

impl Sockets {
    pub(crate) fn new(registry: Registry, options: Options) -> Self {
        Self {
            registry,
            options,
            slab: Slab::new(),
            keys: HashMap::new(),
            serials: 0,
            minted: Vec::new(),
            connections: 0,
            closing: 0,
            queued: 0,
            ready: VecDeque::new(),
            dirty: VecDeque::new(),
            inviting: VecDeque::new(),
            timers: BTreeMap::new(),
            spare: Spare::new(),
            tally: Tally::default(),
        }
    }

    pub(crate) fn add_node(&mut self) {
        self.minted.push(0);
    }

    // What machines ask for.

    pub(crate) fn listen(&mut self, node: usize, listener: ListenerId, address: SocketAddr) {
        let kind = match Listener::bind(address) {
            Ok(listener) => Kind::Listener(listener),
            Err(error) => Kind::Refused(refusal(&error)),
        };
        let key = self.insert(node, listener.0, kind);
        self.register(key);
        self.push_ready(key);
    }

    pub(crate) fn bind(&mut self, node: usize, socket: SocketId, address: SocketAddr, broadcast: bool) {
        let kind = match Datagrams::bind(address, broadcast) {
            Ok(datagrams) => Kind::Datagrams(datagrams),
            Err(error) => Kind::Refused(refusal(&error)),
        };
        let key = self.insert(node, socket.0, kind);
        self.register(key);
        self.push_ready(key);
    }

    pub(crate) fn send_to(&self, node: usize, socket: SocketId, to: SocketAddr, bytes: &[u8]) {
        let socket = self.keys.get(&(node, socket.0)).and_then(|&key| self.slab.get(key));
        if let Some(Socket { kind: Kind::Datagrams(datagrams), .. }) = socket {
            datagrams.send(to, bytes);
        }
    }

    pub(crate) fn connect(&mut self, node: usize, conn: ConnId, address: SocketAddr) {
        let dialled = if self.connections >= self.options.connections_max {
            Err(Refusal::Exhausted)
        } else {
            TcpStream::connect(address).map_err(|error| refusal(&error))
        };
        let kind = match dialled {
            Ok(stream) => Kind::Connection(Connection::new(stream, Phase::Dialling)),
            Err(reason) => Kind::Refused(reason),
        };
        let key = self.insert(node, conn.0, kind);
        self.register(key);
        self.push_ready(key);
    }

    pub(crate) fn send(&mut self, node: usize, conn: ConnId, bytes: &[u8]) {
        let Options { out_bytes_max: max, queued_bytes_max, .. } = self.options;
        let Some((key, connection)) = self.connection(node, conn) else { return };
        let before = connection.queued();
        connection.queue(bytes);
        let queued = connection.queued();
        self.queued += queued - before;
        if queued <= max && self.queued <= queued_bytes_max {
            self.push_dirty(key);
            return;
        }
        // It may be only what was said since the last flush.
        self.flush(key);
        if let Some((_, connection)) = self.connection(node, conn)
            && connection.queued() > max
        {
            connection.abort();
            self.set_gone(key, Closed::SlowReader);
        }
        while self.queued > queued_bytes_max {
            self.crowd_out();
        }
    }

    /// Ends the connection to which the most waits to be written: whoever takes what it is told has little there.
    fn crowd_out(&mut self) {
        let longest = self.slab.iter().filter_map(|(key, socket)| match &socket.kind {
            Kind::Connection(connection) => Some((connection.queued(), key)),
            Kind::Listener(_) | Kind::Datagrams(_) | Kind::Refused(_) | Kind::Gone(_) => None,
        });
        let (queued, key) = longest.max().unwrap_or_default();
        assert!(queued > 0, "what is queued waits for somebody");
        let Some(Socket { kind: Kind::Connection(connection), .. }) = self.slab.get(key) else { return };
        self.tally.stats.crowded_out += 1;
        connection.abort();
        match connection.phase {
            Phase::Closing { .. } => self.remove(key),
            Phase::Dialling | Phase::Open => self.set_gone(key, Closed::SlowReader),
        }
    }

    pub(crate) fn want_write(&mut self, node: usize, conn: ConnId) {
        let Some((key, connection)) = self.connection(node, conn) else { return };
        connection.wants_write = true;
        if connection.is_inviting() {
            self.push_inviting(key);
        }
    }

    pub(crate) fn set_reading(&mut self, node: usize, conn: ConnId, reading: bool) {
        let Some((key, connection)) = self.connection(node, conn) else { return };
        connection.reading = reading;
        if connection.wants_read() {
            self.push_ready(key);
        }
    }

    pub(crate) fn close(&mut self, node: usize, id: u64, how: CloseHow) {
        if let Some(&key) = self.keys.get(&(node, id)) {
            self.close_key(key, how);
        }
    }

    /// A node is done: everything of its is closed.
    pub(crate) fn close_all(&mut self, node: usize) {
        let keys = self.keys.iter().filter(|((of, _), _)| *of == node).map(|(_, &key)| key).collect::<Vec<_>>();
        for key in keys {
            self.close_key(key, CloseHow::Flush);
        }
    }

    fn close_key(&mut self, key: usize, how: CloseHow) {
        let Some(socket) = self.slab.get_mut(key) else { return };
        match (&mut socket.kind, how) {
            (Kind::Connection(connection), CloseHow::Abort) => {
                connection.abort();
                self.remove(key);
            }
            (Kind::Connection(connection), CloseHow::Flush) => {
                if connection.close() {
                    self.begin_closing(key);
                } else {
                    self.remove(key);
                }
            }
            (Kind::Listener(_) | Kind::Datagrams(_) | Kind::Refused(_) | Kind::Gone(_), _) => self.remove(key),
        }
    }

    /// The machine knows the connection no more; it has until `FLUSH_MAX` to end well.
    fn begin_closing(&mut self, key: usize) {
        let Some(socket) = self.slab.get(key) else { return };
        self.keys.remove(&(socket.node, socket.id));
        self.closing += 1;
        self.set_timer(key, FLUSH_MAX);
        self.push_dirty(key);
    }

    // What the reactor does.

    /// How many connections are being closed.
    pub(crate) const fn closing(&self) -> usize {
        self.closing
    }

    /// Whether something can be done without waiting.
    pub(crate) fn has_work(&self) -> bool {
        !(self.ready.is_empty() && self.dirty.is_empty() && self.inviting.is_empty())
    }

    /// When a connection must be gone, or a listener is to be looked at again.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.timers.first_key_value().map(|(&(at, _), _)| at)
    }

    /// Notes what mio says of a socket.
    pub(crate) fn handle_readiness(&mut self, readiness: &Readiness) {
        let Token(key) = readiness.token();
        let Some(socket) = self.slab.get_mut(key) else { return };
        let failed = readiness.is_error();
        let readable = readiness.is_readable() || readiness.is_read_closed() || failed;
        let writable = readiness.is_writable() || readiness.is_write_closed() || failed;
        match &mut socket.kind {
            Kind::Listener(listener) => {
                listener.readable |= readable;
                self.push_ready(key);
            }
            Kind::Datagrams(datagrams) => {
                datagrams.readable |= readable;
                datagrams.failed |= failed;
                self.push_ready(key);
            }
            Kind::Connection(connection) => {
                if connection.phase == Phase::Dialling {
                    self.push_ready(key);
                    return;
                }
                connection.readable |= readable;
                connection.writable |= writable;
                let (reads, invites) = (connection.wants_read(), connection.is_inviting());
                let writes = writable && connection.queued() > 0;
                if reads {
                    self.push_ready(key);
                }
                if writes {
                    self.push_dirty(key);
                }
                if invites {
                    self.push_inviting(key);
                }
            }
            Kind::Refused(_) | Kind::Gone(_) => {}
        }
    }

    /// Ends what was to be gone by now, and looks again at listeners that had to wait.
    pub(crate) fn handle_due(&mut self, now: Instant) {
        while let Some(entry) = self.timers.first_entry() {
            if entry.key().0 > now {
                return;
            }
            let key = entry.remove();
            let Some(socket) = self.slab.get_mut(key) else { continue };
            socket.timer = None;
            match &mut socket.kind {
                Kind::Connection(connection) => {
                    connection.abort();
                    self.remove(key);
                }
                Kind::Listener(listener) => {
                    listener.readable = true;
                    self.push_ready(key);
                }
                Kind::Datagrams(_) | Kind::Refused(_) | Kind::Gone(_) => {}
            }
        }
    }

    /// Writes what is queued, to each connection once.
    pub(crate) fn flush_all(&mut self) {
        for _ in 0..self.dirty.len() {
            let Some(key) = self.dirty.pop_front() else { return };
            if let Some(socket) = self.slab.get_mut(key) {
                socket.in_dirty = false;
                self.flush(key);
            }
        }
    }

    fn flush(&mut self, key: usize) {
        let Some(Socket { kind: Kind::Connection(connection), .. }) = self.slab.get_mut(key) else { return };
        let before = connection.queued();
        let outcome = connection.flush(WRITE_BYTES_MAX);
        self.queued -= before - connection.queued();
        match outcome {
            WriteOutcome::Blocked => {}
            WriteOutcome::More => self.push_dirty(key),
            WriteOutcome::Broken => match connection.phase {
                Phase::Closing { .. } => self.remove(key),
                Phase::Dialling | Phase::Open => {
                    if connection.wants_read() {
                        self.push_ready(key);
                    }
                }
            },
            WriteOutcome::Empty => {
                if connection.is_inviting() {
                    self.push_inviting(key);
                } else if connection.phase == (Phase::Closing { shut: false }) {
                    if connection.shut() {
                        self.push_ready(key);
                    } else {
                        self.remove(key);
                    }
                }
            }
        }
    }

    /// How many connections are to be told now that they may write.
    pub(crate) fn inviting(&self) -> usize {
        self.inviting.len()
    }

    /// Takes one of them.
    pub(crate) fn next_invitation(&mut self) -> Step<'static> {
        let Some(key) = self.inviting.pop_front() else { return Step::Rest };
        let Some(socket) = self.slab.get_mut(key) else { return Step::Rest };
        socket.in_inviting = false;
        let Kind::Connection(connection) = &mut socket.kind else { return Step::Rest };
        if !connection.is_inviting() {
            return Step::Rest;
        }
        connection.wants_write = false;
        Step::Tell(socket.node, Event::Writable { conn: ConnId(socket.id), bytes: WRITABLE_BYTES_MAX })
    }

    /// How many sockets have something to be read, accepted or told.
    pub(crate) fn ready(&self) -> usize {
        self.ready.len()
    }

    /// Takes one of them, to be looked at with [`Self::step`] and given back with [`Self::rest`].
    pub(crate) fn next_ready(&mut self) -> Option<usize> {
        let key = self.ready.pop_front()?;
        if let Some(socket) = self.slab.get_mut(key) {
            socket.in_ready = false;
        }
        Some(key)
    }

    /// Puts a socket that has more at the end of the line.
    pub(crate) fn rest(&mut self, key: usize) {
        let more = match self.slab.get(key).map(|socket| &socket.kind) {
            Some(Kind::Listener(listener)) => listener.readable || !listener.announced,
            Some(Kind::Datagrams(datagrams)) => datagrams.readable || !datagrams.announced,
            Some(Kind::Connection(connection)) => connection.wants_read(),
            Some(Kind::Refused(_) | Kind::Gone(_)) => true,
            None => false,
        };
        if more {
            self.push_ready(key);
        }
    }

    /// How many things one socket may tell in a turn: a crowd at a listener is let in quickly.
    pub(crate) fn steps_max(&self, key: usize) -> usize {
        match self.slab.get(key).map(|socket| &socket.kind) {
            Some(Kind::Listener(_)) => ACCEPTS_MAX,
            Some(Kind::Datagrams(_)) => DATAGRAMS_MAX,
            Some(Kind::Connection(_) | Kind::Refused(_) | Kind::Gone(_)) | None => READS_MAX,
        }
    }

    /// The next thing that a socket has to tell.
    pub(crate) fn step<'a>(&mut self, key: usize, buffer: &'a mut [u8]) -> Step<'a> {
        let Some(socket) = self.slab.get_mut(key) else { return Step::Rest };
        let (node, id) = (socket.node, socket.id);
        match &mut socket.kind {
            Kind::Refused(reason) => {
                let reason = *reason;
                self.remove(key);
                Step::Tell(node, Event::Refused { id, reason })
            }
            Kind::Gone(reason) => {
                let reason = *reason;
                self.remove(key);
                Step::Tell(node, Event::Closed { conn: ConnId(id), reason })
            }
            Kind::Listener(listener) if !listener.announced => {
                listener.announced = true;
                match listener.local_addr() {
                    Ok(address) => Step::Tell(node, Event::Listening { listener: ListenerId(id), address }),
                    Err(error) => {
                        self.remove(key);
                        Step::Tell(node, Event::Refused { id, reason: refusal(&error) })
                    }
                }
            }
            Kind::Listener(_) => self.accept(key, node, ListenerId(id)),
            Kind::Datagrams(datagrams) if !datagrams.announced => {
                datagrams.announced = true;
                match datagrams.local_addr() {
                    Ok(address) => Step::Tell(node, Event::Bound { socket: SocketId(id), address }),
                    Err(error) => {
                        self.remove(key);
                        Step::Tell(node, Event::Refused { id, reason: refusal(&error) })
                    }
                }
            }
            Kind::Datagrams(datagrams) => match datagrams.hear(buffer) {
                Heard::Datagram { from, length } => {
                    let bytes = Cow::Borrowed(&buffer[..length]);
                    Step::Tell(node, Event::Datagram { socket: SocketId(id), from, bytes })
                }
                Heard::Undeliverable { to } => Step::Tell(node, Event::Undeliverable { socket: SocketId(id), to }),
                Heard::Blocked => Step::Rest,
            },
            Kind::Connection(connection) => match connection.phase {
                Phase::Dialling => match connection.check_dial() {
                    DialOutcome::Waiting => Step::Rest,
                    DialOutcome::Connected { local, remote } => {
                        self.push_dirty(key);
                        Step::Tell(node, Event::Opened { conn: ConnId(id), listener: None, local, remote })
                    }
                    DialOutcome::Refused(reason) => {
                        self.remove(key);
                        Step::Tell(node, Event::Refused { id, reason })
                    }
                },
                Phase::Open => self.read(key, node, ConnId(id), buffer),
                Phase::Closing { shut } => {
                    if connection.readable
                        && let ReadOutcome::Ended(reason) = connection.read(buffer)
                        && (shut || reason != Closed::End)
                    {
                        self.remove(key);
                    }
                    Step::Rest
                }
            },
        }
    }

    fn read<'a>(&mut self, key: usize, node: usize, conn: ConnId, buffer: &'a mut [u8]) -> Step<'a> {
        let Some(Socket { kind: Kind::Connection(connection), .. }) = self.slab.get_mut(key) else {
            return Step::Rest;
        };
        if !connection.wants_read() {
            return Step::Rest;
        }
        match connection.read(buffer) {
            ReadOutcome::Blocked => Step::Rest,
            ReadOutcome::Bytes(length) => {
                Step::Tell(node, Event::Received { conn, bytes: Cow::Borrowed(&buffer[..length]) })
            }
            ReadOutcome::Ended(reason) => {
                // The other end may have ended only its own direction: it still gets what was said to it, and what is
                // said of its end.
                if reason != Closed::End {
                    self.remove(key);
                }
                Step::Tell(node, Event::Closed { conn, reason })
            }
        }
    }

    /// The machine has heard of what the last step told: a connection that has ended is written what is left to write,
    /// and gone.
    pub(crate) fn let_go(&mut self, key: usize) {
        let Some(Socket { kind: Kind::Connection(connection), .. }) = self.slab.get_mut(key) else { return };
        if !connection.is_over() {
            return;
        }
        if connection.queued() > 0 && connection.close() {
            self.begin_closing(key);
        } else {
            self.remove(key);
        }
    }

    /// Accepts one connection.
    fn accept(&mut self, key: usize, node: usize, id: ListenerId) -> Step<'static> {
        for _ in 0..TURNED_AWAY_AT_ONCE_MAX {
            let Some(Socket { kind: Kind::Listener(listener), .. }) = self.slab.get_mut(key) else {
                return Step::Rest;
            };
            match listener.accept(&mut self.spare) {
                Accepted::Stream { stream, local, remote } if self.connections < self.options.connections_max => {
                    self.minted[node] += 2;
                    let conn = ConnId(self.minted[node]);
                    let new = self.insert(node, conn.0, Kind::Connection(Connection::new(stream, Phase::Open)));
                    if self.register(new) {
                        self.tally.stats.accepted += 1;
                        return Step::Tell(node, Event::Opened { conn, listener: Some(id), local, remote });
                    }
                    self.remove(new);
                    self.tally.count_turned_away("the system does not watch more sockets");
                }
                Accepted::Stream { .. } => self.tally.count_turned_away("there are too many connections"),
                Accepted::TurnedAway => self.tally.count_turned_away("there are no descriptors left"),
                Accepted::Failed => {}
                Accepted::Blocked => return Step::Rest,
                Accepted::Exhausted => break,
            }
        }
        // No edge will come for what waits already, and going on at once would take all of a turn.
        if let Some(Socket { kind: Kind::Listener(listener), .. }) = self.slab.get_mut(key) {
            listener.readable = false;
            self.set_timer(key, ACCEPT_RETRY);
        }
        Step::Rest
    }

    // The slab and the queues.

    /// The open or dialling connection that a machine's id leads to.
    fn connection(&mut self, node: usize, conn: ConnId) -> Option<(usize, &mut Connection)> {
        let key = *self.keys.get(&(node, conn.0))?;
        match &mut self.slab.get_mut(key)?.kind {
            Kind::Connection(connection) => Some((key, connection)),
            Kind::Listener(_) | Kind::Datagrams(_) | Kind::Refused(_) | Kind::Gone(_) => None,
        }
    }

    fn insert(&mut self, node: usize, id: u64, kind: Kind) -> usize {
        self.connections += usize::from(matches!(kind, Kind::Connection(_)));
        self.serials += 1;
        let serial = self.serials;
        let (in_ready, in_dirty, in_inviting) = (false, false, false);
        let socket = Socket { serial, node, id, in_ready, in_dirty, in_inviting, timer: None, kind };
        let key = self.slab.insert(socket);
        let former = self.keys.insert((node, id), key);
        assert!(former.is_none(), "a machine uses no id twice ({id})");
        key
    }

    /// Lets mio watch a socket. False, and the machine is to be told, when the kernel refuses.
    fn register(&mut self, key: usize) -> bool {
        let Some(socket) = self.slab.get_mut(key) else { return false };
        let result = match &mut socket.kind {
            Kind::Listener(listener) => self.registry.register(listener.socket_mut(), Token(key), Interest::READABLE),
            Kind::Connection(connection) => {
                self.registry.register(connection.stream_mut(), Token(key), Interest::READABLE | Interest::WRITABLE)
            }
            Kind::Datagrams(datagrams) => {
                self.registry.register(datagrams.socket_mut(), Token(key), Interest::READABLE)
            }
            Kind::Refused(_) | Kind::Gone(_) => Ok(()),
        };
        let Err(error) = result else { return true };
        log::warn!("a socket cannot be watched: {error}");
        self.connections -= usize::from(matches!(socket.kind, Kind::Connection(_)));
        socket.kind = Kind::Refused(refusal(&error));
        false
    }

    /// The socket is dropped; the machine is to be told that the connection is gone.
    fn set_gone(&mut self, key: usize, reason: Closed) {
        let Some(socket) = self.slab.get_mut(key) else { return };
        if let Kind::Connection(connection) = &socket.kind {
            self.connections -= 1;
            self.queued -= connection.queued();
        }
        socket.kind = Kind::Gone(reason);
        self.push_ready(key);
    }

    fn remove(&mut self, key: usize) {
        let Some(socket) = self.slab.try_remove(key) else { return };
        if let Some(at) = socket.timer {
            self.timers.remove(&(at, socket.serial));
        }
        if let Kind::Connection(connection) = &socket.kind {
            self.connections -= 1;
            self.queued -= connection.queued();
            if matches!(connection.phase, Phase::Closing { .. }) {
                // A closing connection has no id any more; another socket may have come by it since.
                self.closing -= 1;
                return;
            }
        }
        self.keys.remove(&(socket.node, socket.id));
    }

    /// In place of any timer that it had.
    fn set_timer(&mut self, key: usize, wait: Duration) {
        let Some(socket) = self.slab.get_mut(key) else { return };
        let at = Instant::now() + wait;
        if let Some(former) = socket.timer.replace(at) {
            self.timers.remove(&(former, socket.serial));
        }
        self.timers.insert((at, socket.serial), key);
    }

    fn push_ready(&mut self, key: usize) {
        if let Some(socket) = self.slab.get_mut(key)
            && !std::mem::replace(&mut socket.in_ready, true)
        {
            self.ready.push_back(key);
        }
    }

    fn push_dirty(&mut self, key: usize) {
        if let Some(socket) = self.slab.get_mut(key)
            && !std::mem::replace(&mut socket.in_dirty, true)
        {
            self.dirty.push_back(key);
        }
    }

    fn push_inviting(&mut self, key: usize) {
        if let Some(socket) = self.slab.get_mut(key)
            && !std::mem::replace(&mut socket.in_inviting, true)
        {
            self.inviting.push_back(key);
        }
    }
}
