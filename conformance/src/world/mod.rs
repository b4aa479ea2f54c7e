//! A small world in memory: machines, the streams between them, and virtual time.
//!
//! What is to happen stands in one agenda, ordered by time and then by when it was put there. A [`World`] takes the
//! first of it, or the first deadline of a machine, sets its clock to exactly that, tells the machine, and turns the
//! machine's actions into what is to happen next: bytes arrive after the delay of their stream, commits are durable
//! and passwords checked after a while. Each machine's events and actions are recorded on the way.
//!
//! - [`driven`]: a machine with its recording.
//! - [`streams`]: connections, and what is on its way on them.
//!
//! Invariant: nothing here knows a clock, a socket or a random number that does not follow from its seed, so the same
//! script gives the same recordings, byte for byte.

pub(crate) mod driven;
pub(crate) mod streams;

#[cfg(test)]
mod chaos;

use std::{
    any::Any,
    collections::{BTreeMap, btree_map::Entry},
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use papo_proto::{
    machine::{
        Closed, Event, Machine, PasswordCheck, PasswordOutcome, RECEIVED_BYTES_MAX, Refusal, WRITABLE_BYTES_MAX,
    },
    rng::{Seed, Stream},
    time::{Time, Wall},
};
use serde_json::Value;

use driven::{Driven, Effect, Node};
use streams::{End, Held, Owner, Streams};

/// The wall clock when the world begins: 2026-01-01, 12:00 UTC.
const WALL_AT_START: Wall = Wall(1_767_268_800_000);
/// Until a commit is durable.
const COMMIT: Duration = Duration::from_millis(2);
/// Until a password is checked.
const PASSWORD: Duration = Duration::from_millis(15);
/// A machine that is due so often at one time makes no progress.
const DUE_AT_ONCE_MAX: usize = 10_000;

/// Which machine.
pub(crate) type NodeId = usize;
/// A command to a machine; it knows which type is its own.
pub(crate) type Wish = Box<dyn Any>;

/// Something that is going to happen.
enum Happening {
    /// A machine is told.
    Tell { node: NodeId, event: Event<'static, Wish> },
    /// A dial reaches its address.
    Dial { from: Owner, conn: u64, to: SocketAddr },
    /// Bytes reach an end.
    Bytes { to: End, bytes: Vec<u8> },
    /// An end that is read again learns what was held back.
    Resume { end: End },
    /// An end learns that the connection is over.
    Over { to: End, reason: Closed },
}

/// Machines, and what is between them.
pub(crate) struct World {
    now: Time,
    agenda: BTreeMap<(Time, u64), Happening>,
    planned: u64,
    nodes: Vec<Place>,
    listeners: BTreeMap<SocketAddr, (NodeId, papo_proto::machine::ListenerId)>,
    streams: Streams,
    names: BTreeMap<String, IpAddr>,
    ports: u16,
    luck: Stream,
    due_at_once: usize,
    tokens: u64,
}

/// A machine's place in the world.
struct Place {
    node: Box<dyn Node>,
    ip: IpAddr,
    /// When it started: its own time is counted from here.
    since: Time,
    /// The next even id.
    accepted: u64,
    running: bool,
}

impl World {
    /// An empty world, in which all that is accidental follows from `seed`.
    pub(crate) fn new(seed: &Seed) -> Self {
        Self {
            now: Time::ZERO,
            agenda: BTreeMap::new(),
            planned: 0,
            nodes: Vec::new(),
            listeners: BTreeMap::new(),
            streams: Streams::default(),
            names: BTreeMap::new(),
            ports: 40_000,
            luck: seed.stream("world", 0),
            due_at_once: 0,
            tokens: 0,
        }
    }

    /// Starts a machine on the host `ip`.
    pub(crate) fn start<M: Machine + 'static>(&mut self, ip: IpAddr, start: M::Start) -> NodeId
    where
        M::Command: 'static,
        M::Change: Clone,
    {
        let node = self.nodes.len();
        let driven = Box::new(Driven::<M>::start(start));
        self.nodes.push(Place { node: driven, ip, since: self.now, accepted: 0, running: true });
        self.tell(Duration::ZERO, node, Event::Wall(WALL_AT_START.plus(self.now.since_start())));
        self.tell(Duration::ZERO, node, Event::Interfaces(vec![ip]));
        node
    }

    /// A host name that can be looked up.
    pub(crate) fn name_host(&mut self, name: &str, ip: IpAddr) {
        self.names.insert(name.to_owned(), ip);
    }

    /// Gives a machine a command now.
    pub(crate) fn command<C: 'static>(&mut self, node: NodeId, command: C) {
        self.tell(Duration::ZERO, node, Event::Command(Box::new(command)));
    }

    /// Names a request.
    pub(crate) const fn next_token(&mut self) -> u64 {
        self.tokens += 1;
        self.tokens
    }

    /// A stranger dials an address, and says what it says later.
    pub(crate) fn dial(&mut self, from: IpAddr, to: SocketAddr) -> u64 {
        let stranger = self.streams.next_stranger();
        self.plan(Duration::ZERO, Happening::Dial { from: Owner::Stranger(from), conn: stranger, to });
        stranger
    }

    /// A stranger says something.
    pub(crate) fn say(&mut self, stranger: u64, bytes: &[u8]) {
        if let Some(end) = self.streams.end(Owner::STRANGER, stranger) {
            self.send(end, bytes);
        }
    }

    /// A stranger hangs up.
    pub(crate) fn hang_up(&mut self, stranger: u64) {
        if let Some(end) = self.streams.end(Owner::STRANGER, stranger) {
            self.close(end, Closed::End);
        }
    }

    /// What a stranger was told so far, and whether its connection still stands.
    pub(crate) fn told(&self, stranger: u64) -> (&[u8], bool) {
        self.streams.told(stranger)
    }

    /// A machine's process is killed: everyone who was connected to it learns that in time, it learns nothing.
    pub(crate) fn kill(&mut self, node: NodeId) {
        self.nodes[node].running = false;
        self.listeners.retain(|_, (owner, _)| *owner != node);
        for end in self.streams.ends_of(node) {
            self.close(end, Closed::Reset);
        }
    }

    /// Lets `wait` pass.
    pub(crate) fn run(&mut self, wait: Duration) {
        let until = self.now + wait;
        while self.step(until) {}
        self.now = until;
    }

    /// Runs until a machine has told its host something of this name, `within` at most.
    ///
    /// # Panics
    /// When it never does: then the script does not do what it says.
    #[track_caller]
    pub(crate) fn run_until(&mut self, node: NodeId, within: Duration, notice: &str) -> Value {
        let (until, mut seen) = (self.now + within, self.nodes[node].node.taken());
        loop {
            let notices = self.nodes[node].node.notices();
            if let Some(at) = notices[seen..].iter().position(|told| driven::name_of(told) == notice) {
                let found = notices[seen + at].clone();
                self.nodes[node].node.take(seen + at + 1);
                return found;
            }
            seen = notices.len();
            let told = || notices.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
            assert!(self.now < until, "machine {node} never told of {notice}:\n{}", told());
            if !self.step(until) {
                self.now = until;
            }
        }
    }

    /// The recording of a machine.
    pub(crate) fn recording(&self, node: NodeId) -> &[u8] {
        self.nodes[node].node.recording()
    }

    /// Everything that a machine knows to be durable, in order. What was on its way to the disk counts as lost.
    pub(crate) fn kept<C: 'static>(&self, node: NodeId) -> Vec<C> {
        *self.nodes[node].node.kept().downcast().expect("a script knows what its machines keep")
    }

    /// Everything that a machine has told its host.
    #[cfg(test)]
    pub(crate) fn notices(&self, node: NodeId) -> &[Value] {
        self.nodes[node].node.notices()
    }

    /// Cuts every connection between two machines, as a network does.
    #[cfg(test)]
    pub(crate) fn cut(&mut self, one: NodeId, other: NodeId) {
        for end in self.streams.ends_of(one) {
            if self.streams.owner(end.other()).is_some_and(|(owner, _)| owner == Owner::Node(other)) {
                for end in [end, end.other()] {
                    let delay = self.delay();
                    self.plan(delay, Happening::Over { to: end, reason: Closed::Lost });
                }
            }
        }
    }

    /// Does what comes next, if that is not after `until`.
    fn step(&mut self, until: Time) -> bool {
        let planned = self.agenda.first_key_value().map(|(&(at, _), _)| at);
        let due = self.nodes.iter().enumerate().filter(|(_, place)| place.running);
        let due = due.filter_map(|(node, place)| Some((place.since + place.node.deadline()?.since_start(), node)));
        let due = due.min().map(|(at, node)| (at.max(self.now), node));
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
                self.due_at_once += 1;
                assert!(self.due_at_once < DUE_AT_ONCE_MAX, "machine {node} is due again and again");
                self.handle(node, Event::Due);
                true
            }
            _ => false,
        }
    }

    fn advance(&mut self, to: Time) {
        if to > self.now {
            self.due_at_once = 0;
        }
        self.now = self.now.max(to);
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Tell { node, event } => self.handle(node, event),
            Happening::Dial { from, conn, to } => self.connect(from, conn, to),
            Happening::Bytes { to, bytes } => match self.streams.arrive(to, bytes) {
                Some((Owner::Node(node), conn, bytes)) => {
                    self.handle(node, Event::Received { conn, bytes: bytes.into() });
                }
                Some((Owner::Stranger(_), ..)) | None => {}
            },
            Happening::Resume { end } => self.resume(end),
            Happening::Over { to, reason } => {
                if let Some((Owner::Node(node), conn)) = self.streams.over(to, reason) {
                    self.handle(node, Event::Closed { conn, reason });
                }
            }
        }
    }

    /// Tells an end the first of what was held back, and then the next, unless it asks for another pause.
    fn resume(&mut self, end: End) {
        let Some((Owner::Node(node), conn)) = self.streams.owner(end) else { return };
        match self.streams.next_held(end) {
            Some(Held::Bytes(bytes)) => self.handle(node, Event::Received { conn, bytes: bytes.into() }),
            Some(Held::Over(reason)) => {
                self.streams.shut(end);
                self.handle(node, Event::Closed { conn, reason });
            }
            None => return,
        }
        self.plan(Duration::ZERO, Happening::Resume { end });
    }

    fn handle(&mut self, node: NodeId, event: Event<'static, Wish>) {
        let place = &mut self.nodes[node];
        if !place.running {
            return;
        }
        let now = Time::after_start(self.now - place.since);
        for effect in place.node.handle(now, event) {
            self.apply(node, effect);
        }
    }

    fn apply(&mut self, node: NodeId, effect: Effect) {
        let owner = Owner::Node(node);
        match effect {
            Effect::Listen { listener, address } => {
                let address = self.place_listener(node, address);
                let event = match self.listeners.entry(address) {
                    Entry::Occupied(_) => Event::Refused { id: listener.0, reason: Refusal::AddressInUse },
                    Entry::Vacant(place) => {
                        place.insert((node, listener));
                        Event::Listening { listener, address }
                    }
                };
                self.tell(Duration::ZERO, node, event);
            }
            Effect::Connect { conn, address } => {
                let delay = self.delay();
                self.plan(delay, Happening::Dial { from: owner, conn: conn.0, to: address });
            }
            Effect::Send { conn, bytes } => {
                if let Some(end) = self.streams.end(owner, conn.0) {
                    self.send(end, &bytes);
                }
            }
            Effect::Close { id, how } => {
                self.listeners.retain(|_, (owner, listener)| (*owner, listener.0) != (node, id));
                self.agenda.retain(|_, planned| {
                    !matches!(planned, Happening::Dial { from, conn, .. } if *from == owner && *conn == id)
                });
                if let Some(end) = self.streams.end(owner, id) {
                    self.close(end, how);
                }
            }
            Effect::WantWrite(conn) => {
                let event = Event::Writable { conn, bytes: WRITABLE_BYTES_MAX };
                self.tell(Duration::from_millis(1), node, event);
            }
            Effect::Reading(conn, on) => {
                if let Some(end) = self.streams.end(owner, conn.0) {
                    self.streams.set_reading(end, on);
                    self.plan(Duration::ZERO, Happening::Resume { end });
                }
            }
            Effect::Committed(seq) => self.tell(COMMIT, node, Event::Committed(seq)),
            Effect::CheckPassword { request, check } => {
                self.tell(PASSWORD, node, Event::PasswordChecked { request, outcome: checked(&check) });
            }
            Effect::Resolve { request, host, port } => {
                let ip = host.parse().ok().or_else(|| self.names.get(&host).copied());
                let addresses = ip.into_iter().map(|ip| SocketAddr::new(ip, port)).collect();
                let delay = self.delay();
                self.tell(delay, node, Event::Resolved { request, addresses });
            }
        }
    }

    /// Where a listener really stands: on its host, on a port of its own.
    fn place_listener(&mut self, node: NodeId, address: SocketAddr) -> SocketAddr {
        let port = if address.port() == 0 { self.next_port() } else { address.port() };
        SocketAddr::new(self.nodes[node].ip, port)
    }

    fn next_port(&mut self) -> u16 {
        self.ports += 1;
        self.ports
    }

    /// A dial arrives where somebody listens, or nobody.
    fn connect(&mut self, from: Owner, conn: u64, to: SocketAddr) {
        let ip = match from {
            Owner::Node(node) => self.nodes[node].ip,
            Owner::Stranger(ip) => ip,
        };
        let Some(&(acceptor, listener)) = self.listeners.get(&to) else {
            if let Owner::Node(node) = from {
                self.tell(Duration::ZERO, node, Event::Refused { id: conn, reason: Refusal::Refused });
            }
            return;
        };
        let (local, delay) = (SocketAddr::new(ip, self.next_port()), self.delay());
        self.nodes[acceptor].accepted += 2;
        let accepted = papo_proto::machine::ConnId(self.nodes[acceptor].accepted);
        self.streams.connect((from, conn), (Owner::Node(acceptor), accepted.0), delay);
        let opened = Event::Opened { conn: accepted, listener: Some(listener), local: to, remote: local };
        self.tell(Duration::ZERO, acceptor, opened);
        if let Owner::Node(node) = from {
            let conn = papo_proto::machine::ConnId(conn);
            self.tell(Duration::ZERO, node, Event::Opened { conn, listener: None, local, remote: to });
        }
    }

    /// Puts bytes on their way, whole or, as networks do, in pieces.
    fn send(&mut self, from: End, bytes: &[u8]) {
        let delay = self.streams.delay(from);
        let to = from.other();
        for chunk in bytes.chunks(RECEIVED_BYTES_MAX) {
            let cut = if self.luck.next_u64().is_multiple_of(4) {
                usize::try_from(self.luck.next_u64() % chunk.len() as u64).expect("less than a chunk")
            } else {
                0
            };
            for piece in [&chunk[..cut], &chunk[cut..]] {
                if !piece.is_empty() {
                    self.plan(delay, Happening::Bytes { to, bytes: piece.to_vec() });
                }
            }
        }
    }

    /// One end is done; the other learns it in time.
    fn close(&mut self, end: End, reason: impl Into<Ending>) {
        let Ending(reason) = reason.into();
        let delay = self.streams.delay(end);
        self.streams.shut(end);
        self.plan(delay, Happening::Over { to: end.other(), reason });
    }

    /// From half a millisecond to two.
    fn delay(&mut self) -> Duration {
        Duration::from_micros(500 + self.luck.next_u64() % 1_500)
    }

    fn tell(&mut self, after: Duration, node: NodeId, event: Event<'static, Wish>) {
        self.plan(after, Happening::Tell { node, event });
    }

    fn plan(&mut self, after: Duration, happening: Happening) {
        self.planned += 1;
        self.agenda.insert((self.now + after, self.planned), happening);
    }
}

/// How the other end sees that one is done.
struct Ending(Closed);

impl From<Closed> for Ending {
    fn from(closed: Closed) -> Self {
        Self(closed)
    }
}

impl From<papo_proto::machine::CloseHow> for Ending {
    fn from(how: papo_proto::machine::CloseHow) -> Self {
        Self(match how {
            papo_proto::machine::CloseHow::Flush => Closed::End,
            papo_proto::machine::CloseHow::Abort => Closed::Reset,
        })
    }
}

/// A stand-in for Argon2, which needs no strength here: the verifier names what it verifies.
fn checked(check: &PasswordCheck) -> PasswordOutcome {
    let verifier_of = |password: &[u8; 32]| format!("$stand-in${}", papo_proto::hex::encode(password));
    match check {
        PasswordCheck::Create { password, .. } => PasswordOutcome::Created(verifier_of(password)),
        PasswordCheck::Verify { verifier, password } if *verifier == verifier_of(password) => PasswordOutcome::Matched,
        PasswordCheck::Verify { .. } => PasswordOutcome::Mismatched,
    }
}
