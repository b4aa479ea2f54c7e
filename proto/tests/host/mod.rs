//! One machine with the least of a host around it, and a stranger who can say anything to it: half a frame, a false
//! signature, a message at the wrong time. Commits and passwords are answered at once, time jumps from deadline to
//! deadline.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its part of the host")]

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    net::SocketAddr,
    time::Duration,
};

use papo_proto::{
    channel::{Channel, Preface, StaticKey, Step},
    disk::memory::MemoryDisk,
    identity::Identity,
    limits::Limits,
    machine::{Action, Closed, ConnId, Event, ListenerId, Machine, Outbox, PasswordOutcome, Refusal, SocketId},
    names::Name,
    peer::{
        self, Command, Peer, Request, State,
        interface::{Credentials, TrackerAddress},
    },
    rng::Seed,
    time::{Time, Wall},
    tracker::{self, Tracker},
    wire::{
        codec::Wire,
        peer::{Have, ToPeer},
        tracker::{FromTracker, PasswordHash, ToTracker},
    },
};

/// A port that another program uses.
pub const TAKEN: u16 = 6099;

/// A name.
pub fn name(text: &str) -> Name {
    Name::new(text).expect("tests use valid names")
}

/// The identity of a number.
pub fn identity(number: u8) -> Identity {
    Identity::from_secret(&[number; 32])
}

fn address(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

/// See the [module](self).
pub struct Host<M: Machine> {
    pub machine: M,
    pub notices: Vec<M::Notice>,
    pub closed: BTreeSet<ConnId>,
    /// Whether it reads from a connection, where it ever said so.
    pub reading: BTreeMap<ConnId, bool>,
    /// Where host names lead.
    pub resolved: Vec<SocketAddr>,
    /// The datagrams that it has sent.
    pub datagrams: Vec<(SocketAddr, Vec<u8>)>,
    /// Its files.
    pub files: MemoryDisk,
    now: Time,
    sent: BTreeMap<ConnId, Vec<u8>>,
    dialled: Vec<ConnId>,
    listener: Option<ListenerId>,
    socket: Option<SocketId>,
    conns: u64,
    tokens: u64,
}

impl<M: Machine> Host<M> {
    pub fn start(start: M::Start) -> Self {
        let mut host = Self {
            machine: M::start(start),
            notices: Vec::new(),
            closed: BTreeSet::new(),
            reading: BTreeMap::new(),
            resolved: vec![address(6060)],
            datagrams: Vec::new(),
            files: MemoryDisk::default(),
            now: Time::ZERO,
            sent: BTreeMap::new(),
            dialled: Vec::new(),
            listener: None,
            socket: None,
            conns: 0,
            tokens: 0,
        };
        host.event(Event::Wall(Wall(1_800_000_000_000)));
        host
    }

    pub fn event(&mut self, event: Event<'static, M::Command>) {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            let mut out = Outbox::default();
            self.machine.handle(self.now, event, &mut out);
            out.drain_with(|action, bytes| match action {
                Action::Listen { listener, address } if address.port() == TAKEN => {
                    events.push_back(Event::Refused { id: listener.0, reason: Refusal::AddressInUse });
                }
                Action::Listen { listener, address } => {
                    self.listener = Some(listener);
                    events.push_back(Event::Listening { listener, address });
                }
                Action::Connect { conn, .. } => self.dialled.push(conn),
                Action::Send { conn, .. } => self.sent.entry(conn).or_default().extend_from_slice(bytes),
                Action::Close { id, .. } => drop(self.closed.insert(ConnId(id))),
                Action::WantWrite(conn) => events.push_back(Event::Writable { conn, bytes: 64 * 1024 }),
                Action::Reading(conn, reading) => drop(self.reading.insert(conn, reading)),
                Action::Commit { seq, .. } => events.push_back(Event::Committed(seq)),
                Action::CheckPassword { request, .. } => {
                    let outcome = PasswordOutcome::Created("kept".to_owned());
                    events.push_back(Event::PasswordChecked { request, outcome });
                }
                Action::Resolve { request, .. } => {
                    events.push_back(Event::Resolved { request, addresses: self.resolved.clone() });
                }
                Action::Bind { socket, address, .. } => {
                    self.socket = Some(socket);
                    events.push_back(Event::Bound { socket, address });
                }
                Action::Disk { request, ask } => {
                    events.push_back(Event::Disk { request, result: self.files.answer(ask) });
                }
                Action::CloseFile(file) => self.files.close(file),
                Action::SendTo { to, .. } => self.datagrams.push((to, bytes.to_vec())),
                Action::Notify(notice) => self.notices.push(notice),
            });
        }
    }

    /// Lets time pass, stopping exactly at each deadline.
    pub fn pass(&mut self, ms: u64) {
        let until = self.now + Duration::from_millis(ms);
        while let Some(deadline) = self.machine.deadline().filter(|&at| at <= until) {
            self.now = self.now.max(deadline);
            self.event(Event::Due);
        }
        self.now = until;
    }

    /// Someone connects and says nothing.
    pub fn accept(&mut self) -> ConnId {
        self.accept_from(1)
    }

    /// Someone connects from another host of this network.
    pub fn accept_from(&mut self, host: u8) -> ConnId {
        self.conns += 2;
        let conn = ConnId(self.conns);
        let remote = SocketAddr::from(([127, 0, 0, host], 9));
        self.event(Event::Opened { conn, listener: self.listener, local: address(6061), remote });
        conn
    }

    pub fn receive(&mut self, conn: ConnId, bytes: &[u8]) {
        assert!(self.reading.get(&conn) != Some(&false), "a driver does not read from it");
        self.event(Event::Received { conn, bytes: bytes.to_vec().into() });
    }

    pub fn close(&mut self, conn: ConnId, reason: Closed) {
        self.event(Event::Closed { conn, reason });
    }

    /// A datagram comes from another host of this network.
    pub fn datagram(&mut self, host: u8, bytes: &[u8]) {
        let socket = self.socket.expect("it has a socket");
        let from = SocketAddr::from(([127, 0, 0, host], 9091));
        self.event(Event::Datagram { socket, from, bytes: bytes.to_vec().into() });
    }

    /// What the machine has sent and nobody has taken.
    pub fn take_sent(&mut self, conn: ConnId) -> Vec<u8> {
        self.sent.remove(&conn).unwrap_or_default()
    }

    /// The connection that the machine asked for last, if it did.
    pub fn try_dialled(&mut self) -> Option<ConnId> {
        self.dialled.pop()
    }

    /// The connection that the machine asked for last.
    pub fn dialled(&mut self) -> ConnId {
        self.dialled.pop().expect("it has dialled")
    }

    /// The connection that the machine asked for last; it stands.
    pub fn open_dialled(&mut self) -> ConnId {
        let conn = self.dialled();
        self.event(Event::Opened { conn, listener: None, local: address(40_000), remote: address(6060) });
        conn
    }
}

impl Host<Tracker> {
    /// A tracker with the identity 100.
    pub fn tracker(limits: Limits) -> Self {
        let start = tracker::Start::new(Seed([100; 32]), identity(100), vec![address(0)], "nobody's".to_owned());
        Self::start(tracker::Start { limits, ..start })
    }

    /// A stranger who has registered.
    pub fn member(&mut self, number: u8) -> Stranger {
        let mut stranger = Stranger::dial(self, Preface::Tracker, number);
        let (name, password) = (name(&format!("n{number}")), PasswordHash::of("pw"));
        let claimed = papo_proto::wire::tracker::Claimed::truncated(Vec::new());
        stranger.say(self, &ToTracker::Register { request: 1, name, password, token: None, claimed });
        assert!(stranger.heard::<FromTracker>().iter().any(|said| matches!(said, FromTracker::Welcome { .. })));
        stranger
    }
}

impl Host<Peer> {
    /// A peer with the identity 1, whose start is changed first.
    pub fn peer(change: impl FnOnce(&mut peer::Start)) -> Self {
        let state = State { log: 1, ..State::default() };
        let mut start = peer::Start::new(Seed([1; 32]), identity(1), name("ana"), address(6061), state);
        change(&mut start);
        Self::start(start)
    }

    /// A peer that is about to log in at a tracker, which it expects to have the identity `expected`.
    pub fn peer_of_tracker(expected: u8, change: impl FnOnce(&mut peer::Start)) -> Self {
        Self::peer(|start| {
            let key = Some(identity(expected).key());
            start.tracker = Some(TrackerAddress { host: "127.0.0.1".to_owned(), port: 6060, key });
            let password = Some(PasswordHash::of("pw"));
            start.credentials = Some(Credentials { name: name("ana"), password, register: false, token: None });
            change(start);
        })
    }

    /// The tracker that this peer dials lets it in.
    pub fn log_in(&mut self) -> Stranger {
        let mut tracker = Stranger::answer(self, Preface::Tracker, 100);
        let asked = tracker.heard::<ToTracker>();
        let Some(ToTracker::LoginPassword { request, name, .. }) = asked.into_iter().next() else {
            panic!("it asks to log in")
        };
        let (seen, wall) = (address(40_000), Wall(1_800_000_000_000));
        tracker.say(self, &FromTracker::Welcome { request, name, seen, wall });
        tracker.say(self, &FromTracker::Synced);
        tracker
    }

    /// A stranger whose link is up.
    pub fn link(&mut self, number: u8) -> Stranger {
        let mut stranger = Stranger::dial(self, Preface::Peer, number);
        stranger.hello(self, number);
        assert!(!self.closed.contains(&stranger.conn), "it is a link");
        stranger
    }

    /// Asks for something; its number.
    pub fn ask(&mut self, request: Request) -> u64 {
        self.tokens += 1;
        self.event(Event::Command(Command::Ask { token: self.tokens, request }));
        self.tokens
    }
}

/// The other end of a connection, which does what a test says.
pub struct Stranger {
    pub conn: ConnId,
    channel: Channel,
    messages: Vec<Vec<u8>>,
}

impl Stranger {
    /// It dials the machine, and the channel stands.
    pub fn dial<M: Machine>(host: &mut Host<M>, preface: Preface, number: u8) -> Self {
        Self::dial_cut(host, preface, number, 0)
    }

    /// It dials the machine, and what it says first comes in two pieces.
    pub fn dial_cut<M: Machine>(host: &mut Host<M>, preface: Preface, number: u8, cut: usize) -> Self {
        let conn = host.accept();
        let mut first = Vec::new();
        let (statics, rng) = keys(number, conn);
        let channel = Channel::dial(preface, identity(number), &statics, rng, &mut first);
        let mut stranger = Self { conn, channel, messages: Vec::new() };
        let (begin, rest) = first.split_at(cut);
        host.receive(conn, begin);
        host.receive(conn, rest);
        stranger.exchange(host);
        stranger
    }

    /// The machine has dialled it, and the channel stands.
    pub fn answer<M: Machine>(host: &mut Host<M>, preface: Preface, number: u8) -> Self {
        let conn = host.open_dialled();
        let (statics, rng) = keys(number, conn);
        let channel = Channel::accept(preface, identity(number), &statics, rng);
        let mut stranger = Self { conn, channel, messages: Vec::new() };
        stranger.exchange(host);
        stranger
    }

    /// Takes what the machine has sent, and finishes the handshake.
    pub fn exchange<M: Machine>(&mut self, host: &mut Host<M>) {
        loop {
            let bytes = host.take_sent(self.conn);
            if bytes.is_empty() {
                return;
            }
            self.channel.handle_bytes(&bytes);
            let mut reply = Vec::new();
            // A test may end the conversation by a fault of the stranger's own.
            while let Ok(Some(step)) = self.channel.next_step(usize::MAX, &mut reply) {
                match step {
                    Step::Identified(_) => self.channel.confirm(&mut reply),
                    Step::Established(_) => {}
                    Step::Message(message) => self.messages.push(message),
                }
            }
            if !reply.is_empty() && !host.closed.contains(&self.conn) {
                host.receive(self.conn, &reply);
            }
        }
    }

    /// A message, sealed.
    pub fn seal(&mut self, message: &[u8]) -> Vec<u8> {
        let mut sealed = Vec::new();
        self.channel.seal(message, &mut sealed);
        sealed
    }

    /// Says something.
    pub fn say<M: Machine>(&mut self, host: &mut Host<M>, message: &impl Wire) {
        let sealed = self.seal(&message.to_bytes());
        host.receive(self.conn, &sealed);
        self.exchange(host);
    }

    /// Says who it is, to a peer.
    pub fn hello(&mut self, host: &mut Host<Peer>, number: u8) {
        let hello = ToPeer::Hello {
            name: name(&format!("n{number}")),
            tracker: None,
            have: Have::default(),
            instance: 0,
            port: 0,
        };
        self.say(host, &hello);
    }

    /// What it has been told since the last look.
    pub fn heard<W: Wire>(&mut self) -> Vec<W> {
        std::mem::take(&mut self.messages).iter().map(|bytes| W::from_bytes(bytes).expect("a valid message")).collect()
    }
}

fn keys(number: u8, conn: ConnId) -> (StaticKey, papo_proto::rng::Stream) {
    let seed = Seed([number; 32]);
    (StaticKey::draw(&mut seed.stream("static", conn.0)), seed.stream("channel", conn.0))
}
