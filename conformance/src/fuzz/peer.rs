//! The peer, driven by anything that a driver may do, with a tracker and other peers that get past the handshake.
//!
//! Invariants, besides those of the driver: whatever others send, what the peer says is valid; a request has exactly one
//! outcome; what is shown, said or acknowledged is durable by then, an entry signed; what is received is numbered
//! without a gap; it starts again from whatever became durable.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use papo_proto::{
    channel::Preface,
    disk::DiskError,
    identity::Key,
    limits::Limits,
    machine::{Closed, ConnId, Event, Interface, Refusal, SocketId},
    peer::{
        Change, Command, Notice, Peer, Request, Start, State,
        interface::{Credentials, Lan, TrackerAddress},
        outbox::private_id,
    },
    plaintext::address_beacon::{self, ADDRESS_BEACON_PORT},
    rng::Seed,
    time::Wall,
    wire::{
        beacon::Beacon,
        codec::Wire as _,
        peer::{Have, ToPeer},
        tracker::{PasswordHash, ToTracker},
    },
};

use super::{
    cursor::{Cursor, seed_of},
    driver::{Driver, Question, STOPS_MAX},
    files,
    others::{self, ME, TRACKER, Who, address, named},
    remote::{Remote, identity},
};

/// So many operations tell a story.
const OPERATIONS_MAX: usize = 384;
/// Handshakes cost the most by far.
const HANDSHAKES_MAX: usize = 8;
/// Connections that say nothing worth while.
const STRANGERS_MAX: usize = 16;
/// Where beacons go.
const LAN_PORT: u16 = 9091;
/// Lives of one story.
const LIVES_MAX: u8 = 4;

/// An address with a network around it.
fn on_a_network(ip: IpAddr) -> Interface {
    let broadcast = match ip {
        IpAddr::V4(ip) => Some(Ipv4Addr::from_bits(ip.to_bits() | 0xff)),
        IpAddr::V6(_) => None,
    };
    Interface { prefix: 24, broadcast, ..Interface::alone(ip) }
}

/// Plays a story.
pub fn peer(data: &[u8]) {
    tell(data);
}

/// What a fuzzed peer said and told in a story.
#[derive(Default)]
pub(super) struct Told {
    pub(super) to_peers: Vec<ToPeer>,
    pub(super) beacons: Vec<Vec<u8>>,
    pub(super) notices: Vec<Notice>,
}

/// Plays a story, and hands on what was said in it.
pub(super) fn tell(data: &[u8]) -> Told {
    let mut choices = Cursor::new(data);
    let mut story = Story::new(&mut choices, seed_of(data));
    for _ in 0..OPERATIONS_MAX {
        let Some(operation) = choices.next_operation() else { break };
        story.play(operation, &mut choices);
        story.settle(&mut choices);
    }
    story.end()
}

/// Its bounds, and whether it speaks plain text.
fn limits(choices: &mut Cursor<'_>) -> (Limits, bool) {
    let tight = Limits {
        links_max: 3,
        links_unknown_max: 2,
        dials_max: 1,
        asks_max: 2,
        unacknowledged_max: 2,
        outputs_waiting_max: 3,
        entries_waiting_max: 1,
        entries_known_max: 4,
        contacts_max: 3,
        text_bytes_max: 16,
        frame_bytes_max: 4096,
        out_bytes_max: 16 * 1024,
        plaintext_links_max: 3,
        plaintext_waiting_bytes_max: 64,
        plaintext_object_bytes_max: 128,
        ..Limits::DEFAULT
    };
    let choice = choices.below(4);
    (if choice.is_multiple_of(2) { Limits::DEFAULT } else { tight }, choice >= 2)
}

/// Somebody at the other end of a connection.
struct Other {
    who: Who,
    remote: Option<Remote>,
}

struct Story {
    driver: Driver<Peer>,
    seed: Seed,
    start: Start,
    lives: u8,
    others: BTreeMap<ConnId, Other>,
    /// What the peer asked its tracker, and was not answered.
    asked: VecDeque<(ConnId, ToTracker)>,
    world: others::World,
    told: Told,
    /// Where a network hears what is called out.
    broadcasts: BTreeSet<IpAddr>,
    /// What is on the disk, and the ids of everything that was ever said.
    state: State,
    kept: BTreeSet<String>,
    /// The last number that was shown.
    shown: u64,
    /// The next request, and those without an outcome.
    token: u64,
    open: BTreeSet<u64>,
    handshakes: usize,
    strangers: usize,
    commits_at_once: bool,
    drains_at_once: bool,
    tracker_is_kind: bool,
    dials_succeed: bool,
    stopped: bool,
}

impl Story {
    fn new(choices: &mut Cursor<'_>, seed: Seed) -> Self {
        let (limits, allow_plaintext) = limits(choices);
        let flags = choices.byte();
        let key = choices.pick(&[Some(identity(TRACKER).key()), None, None, Some(identity(9).key())]);
        let credentials = choices.pick(&[
            Some(Credentials { name: named(ME), password: None, register: false, token: None }),
            Some(Credentials { name: named(ME), password: Some(PasswordHash([1; 32])), register: true, token: None }),
            None,
        ]);
        let state = State { log: 7, ..State::default() };
        let listen = if flags & 1 == 0 { address(6061) } else { SocketAddr::from(([0, 0, 0, 0], 6061)) };
        let start = Start {
            limits,
            any_port: flags & 2 == 0,
            lan: (flags & 128 != 0).then_some(Lan { port: LAN_PORT, hosts_tracker: None }),
            tracker: (flags & 0x1c != 0).then(|| TrackerAddress {
                host: "tracker.example".to_owned(),
                port: 6060,
                key,
            }),
            trust_new: flags & 32 == 0,
            allow_plaintext,
            credentials,
            ..Start::new(seed.clone(), identity(1), named(ME), listen, state.clone())
        };
        let mut driver = Driver::start(start.clone(), start.limits.out_bytes_max);
        files::put(&mut driver.files);
        let mut story = Self {
            driver,
            seed,
            start,
            lives: 1,
            others: BTreeMap::new(),
            asked: VecDeque::new(),
            world: others::World::default(),
            told: Told::default(),
            broadcasts: BTreeSet::new(),
            state,
            kept: BTreeSet::new(),
            shown: 0,
            token: 1,
            open: BTreeSet::new(),
            handshakes: 0,
            strangers: 0,
            commits_at_once: true,
            drains_at_once: true,
            tracker_is_kind: true,
            dials_succeed: true,
            stopped: false,
        };
        story.begin(choices, flags & 64 == 0);
        let flags = choices.byte();
        (story.commits_at_once, story.drains_at_once) = (flags & 1 == 0, flags & 2 == 0);
        (story.tracker_is_kind, story.dials_succeed) = (flags & 4 == 0, flags & 8 == 0);
        for number in 2..2 + (flags >> 4) % 3 {
            story.link(number, choices);
        }
        story
    }

    /// What a driver tells first.
    fn begin(&mut self, choices: &mut Cursor<'_>, listens: bool) {
        self.driver.tell(Event::Wall(Wall(1_800_000_000_000)));
        self.connect_to(&[address(1).ip(), [10, 0, 0, 1].into()]);
        self.driver.answer_listeners(listens);
        self.settle(choices);
    }

    /// The host has these addresses, each with a network around it.
    fn connect_to(&mut self, networks: &[IpAddr]) {
        let interfaces = networks.iter().map(|ip| on_a_network(*ip)).collect::<Vec<_>>();
        self.broadcasts = interfaces.iter().filter_map(|interface| interface.broadcast).map(IpAddr::V4).collect();
        self.driver.tell(Event::Interfaces(interfaces));
        self.hear_calls();
    }

    fn play(&mut self, operation: u8, choices: &mut Cursor<'_>) {
        match operation % 24 {
            0..=4 => {
                let request = others::request(choices);
                self.ask(request);
            }
            5..=9 => self.say(choices, operation % 24 == 9),
            10 => self.link(2 + choices.byte() % 4, choices),
            11 => self.open_stranger(choices),
            12 if self.start.allow_plaintext && choices.flag() => self.say_plainly(choices),
            12 => self.driver.send_noise(Preface::Peer, choices),
            13 => self.say_later(choices),
            14 => self.answer_tracker(choices),
            15 => self.answer_dial(choices),
            16 => self.driver.close_any(choices),
            17 => self.driver.meet_deadline(),
            18 => self.driver.pass_a_while(choices),
            19 => {
                self.commit();
                let error = choices.pick(&[None, None, None, Some(DiskError::Full), Some(DiskError::Other)]);
                self.driver.answer_disk(error);
            }
            20 => match choices.below(6) {
                0 => self.driver.tell(Event::Wall(Wall(u64::from(choices.short()) << 30))),
                1 => {
                    let ips = [address(1).ip(), SocketAddr::from(([10, 0, 0, choices.byte()], 0)).ip()];
                    self.connect_to(&ips[..=choices.below(2)]);
                }
                2 => self.driver.tell(Event::Due),
                3 | 4 => self.call(choices),
                _ => self.driver.answer_listeners(choices.flag()),
            },
            21 => self.command(choices),
            22 => self.driver.drain_any(choices),
            _ => {
                let flags = choices.byte();
                (self.commits_at_once, self.drains_at_once) = (flags & 1 == 0, flags & 2 == 0);
                (self.tracker_is_kind, self.dials_succeed) = (flags & 4 == 0, flags & 8 == 0);
                if flags & 0xf0 == 0xf0 {
                    self.restart(choices);
                }
            }
        }
    }

    /// Somebody calls out, or sends what only looks like it: from near or far, also as this peer itself.
    fn call(&mut self, choices: &mut Cursor<'_>) {
        let from = choices.pick(&[[10, 0, 0, 2], [10, 0, 0, 3], [10, 0, 0, 4], [127, 0, 0, 1], [203, 0, 113, 9]]);
        let port = choices.pick(&[6061, 6061, 6062, 6063, 1, 22]);
        let instance = u64::from(choices.byte());
        let tracker = choices.flag().then_some(6060);
        let mut bytes = Beacon { port, instance, tracker }.to_bytes();
        if choices.byte() > 0xf0 {
            bytes = choices.bytes(40).to_vec();
        }
        if self.start.allow_plaintext && choices.flag() {
            bytes = address_beacon::encode(from.into(), port).into_bytes();
        }
        self.driver.datagram(SocketAddr::from((from, LAN_PORT)), &bytes);
    }

    /// Somebody speaks as the programs of older systems do.
    fn say_plainly(&mut self, choices: &mut Cursor<'_>) {
        if choices.flag() {
            self.open_stranger(choices);
        }
        let conns = self.driver.wires.keys().copied().collect::<Vec<_>>();
        let Some(conn) = choices.any(conns.into_iter()) else { return };
        let bytes = others::plain_words(choices);
        self.driver.send(conn, &bytes);
    }

    // The host.

    fn ask(&mut self, request: Request) {
        let token = self.token;
        self.token += 1;
        self.open.insert(token);
        self.driver.tell(Event::Command(Command::Ask { token, request }));
    }

    fn command(&mut self, choices: &mut Cursor<'_>) {
        let command = match choices.byte() {
            0xff => Command::Quit,
            byte if byte % 3 == 0 => Command::Output { open: byte & 0x80 == 0 },
            byte => Command::TrustTracker {
                key: identity(if byte & 0x40 == 0 { TRACKER } else { 9 }).key(),
                accept: byte & 0x80 == 0,
            },
        };
        self.driver.tell(Event::Command(command));
    }

    fn commit(&mut self) {
        let Some((seq, changes)) = self.driver.commit() else { return };
        let me = self.start.identity.key();
        for change in &changes {
            match change {
                Change::EntrySaid { entry, .. } => {
                    self.kept.insert(entry.entry.id().to_string());
                }
                Change::PrivateSaid { message, .. } => {
                    self.kept.insert(private_id(&me, message.log, message.seq));
                }
                Change::EntrySeen { .. }
                | Change::PrivateSeen { .. }
                | Change::PlaintextSeen { .. }
                | Change::TrackerPinned { .. }
                | Change::Pinned { .. }
                | Change::Verified { .. }
                | Change::Described { .. }
                | Change::Blocked { .. }
                | Change::Welcomed { .. }
                | Change::RoomEntered { .. }
                | Change::RoomForgotten { .. }
                | Change::Baseline { .. }
                | Change::EntriesAcknowledged { .. }
                | Change::PrivateAcknowledged { .. }
                | Change::ReceiverDropped { .. }
                | Change::ReceiverMoved { .. }
                | Change::TransferOffered { .. }
                | Change::TransferAccepted { .. }
                | Change::TransferManifest { .. }
                | Change::TransferPaused { .. }
                | Change::TransferWhole { .. }
                | Change::TransferEnded { .. }
                | Change::TransferForgotten { .. } => {}
            }
            self.state.apply(change, self.start.limits.entries_known_max);
        }
        self.driver.tell(Event::Committed(seq));
    }

    /// The program is killed, and starts from what is on its disk.
    fn restart(&mut self, choices: &mut Cursor<'_>) {
        if self.lives >= LIVES_MAX {
            return;
        }
        self.lives += 1;
        let mut start = self.start.clone();
        start.seed.0[31] ^= self.lives;
        start.state = self.state.clone();
        let mut files = std::mem::take(&mut self.driver.files);
        files.restart();
        self.driver = Driver::start(start, self.start.limits.out_bytes_max);
        self.driver.files = files;
        self.others.clear();
        self.asked.clear();
        self.open.clear();
        self.stopped = false;
        self.begin(choices, true);
    }

    /// What was called out.
    fn hear_calls(&mut self) {
        for (to, beacon) in std::mem::take(&mut self.driver.calls) {
            assert!(self.broadcasts.contains(&to.ip()), "a datagram to {to}");
            if to.port() == ADDRESS_BEACON_PORT && self.start.allow_plaintext {
                assert!(address_beacon::decode(&beacon).is_some(), "the address and not one byte more");
                continue;
            }
            assert_eq!(to.port(), LAN_PORT, "a datagram to {to}");
            Beacon::from_bytes(&beacon).expect("a peer calls out valid beacons");
            self.told.beacons.push(beacon);
        }
    }

    fn hear_notices(&mut self) {
        for notice in std::mem::take(&mut self.driver.notices) {
            match &notice {
                Notice::Outcome { token, .. } => assert!(self.open.remove(token), "one outcome for each request"),
                Notice::Said { id, .. } => {
                    // What is said in plain text alone is not kept.
                    let plain = self.start.allow_plaintext && id.len() == 32;
                    assert!(plain || self.kept.contains(id), "said before it is durable");
                }
                Notice::Message(incoming) => {
                    assert!(incoming.number <= self.state.received, "shown before it is durable");
                    assert!(incoming.number <= self.shown + 1, "numbers have no gap");
                    self.shown = self.shown.max(incoming.number);
                    self.state.shown(incoming.number);
                }
                Notice::Stopped { unacknowledged } => {
                    assert!(!self.stopped, "it stops once");
                    assert!(self.driver.commits.is_empty(), "it stops when all is durable");
                    let waits = self.state.unacknowledged.is_empty();
                    assert_eq!(*unacknowledged == 0, waits, "what waits is on the disk");
                    self.stopped = true;
                }
                _ => {}
            }
            self.told.notices.push(notice);
        }
    }

    // The others.

    /// A connection of somebody who can speak, if any.
    fn any_other(&self, choices: &mut Cursor<'_>) -> Option<ConnId> {
        let speaks = |conn: &&ConnId| self.driver.wires.contains_key(conn);
        let conns = self.others.keys().filter(speaks).copied().collect::<Vec<_>>();
        choices.any(conns.into_iter())
    }

    /// Another peer dials, and says who it is.
    fn link(&mut self, number: u8, choices: &mut Cursor<'_>) {
        if self.handshakes == HANDSHAKES_MAX {
            return;
        }
        let Some(conn) = self.driver.accept(SocketAddr::from(([10, 0, 0, number], 4000))) else { return };
        self.handshakes += 1;
        let mut bytes = Vec::new();
        let remote = Remote::dial(Preface::Peer, number, &self.seed, conn.0, &mut bytes);
        self.others.insert(conn, Other { who: Who::Peer(number), remote: Some(remote) });
        self.driver.send(conn, &bytes);
        self.settle(choices);
        let hello = self.world.hello(number, choices);
        self.say_to(conn, &hello.to_bytes(), false);
    }

    fn open_stranger(&mut self, choices: &mut Cursor<'_>) {
        if self.strangers < STRANGERS_MAX {
            self.strangers += 1;
            self.driver.accept(SocketAddr::from(([10, 0, 1, choices.byte()], 4000)));
        }
    }

    fn answer_dial(&mut self, choices: &mut Cursor<'_>) {
        let dials = self
            .driver
            .ids_of(|question| matches!(question, Question::Connect(_) | Question::Resolve(_) | Question::Bind(_)));
        let Some(id) = choices.any(dials.into_iter()) else { return };
        let succeeds = choices.flag();
        self.answer(id, succeeds, choices);
    }

    /// A dial succeeds or not, a host name is known or not.
    fn answer(&mut self, id: u64, succeeds: bool, choices: &mut Cursor<'_>) {
        match self.driver.questions.get(&id).cloned() {
            Some(Question::Bind(at)) if succeeds => self.driver.bind(SocketId(id), at),
            Some(Question::Bind(_)) => {
                self.driver.answer(id, |request| Event::Refused { id: request.0, reason: Refusal::Denied });
            }
            // It answers in order.
            Some(Question::Disk) => drop(self.driver.answer_disk((!succeeds).then_some(DiskError::Other))),
            Some(Question::Resolve(port)) => {
                let (one, two) = (address(port), SocketAddr::from(([10, 0, 0, 100], port)));
                let addresses = if succeeds { vec![one, two] } else { Vec::new() };
                self.driver.answer(id, |request| Event::Resolved { request, addresses });
            }
            Some(Question::Connect(to)) if succeeds && self.handshakes < HANDSHAKES_MAX => {
                self.handshakes += 1;
                let conn = ConnId(id);
                let (who, preface) =
                    if to.port() == 6060 { (Who::Tracker, Preface::Tracker) } else { (Who::at(to), Preface::Peer) };
                // Now and then somebody else answers.
                let number = if choices.byte() < 0xf0 { who.number() } else { 9 };
                let remote = Remote::accept(preface, number, &self.seed, id);
                self.others.insert(conn, Other { who, remote: Some(remote) });
                self.driver.open(conn, address(50_000), to);
            }
            Some(Question::Connect(_)) => {
                self.driver.questions.remove(&id);
                let reason = choices.pick(&[Refusal::Refused, Refusal::TimedOut, Refusal::Exhausted]);
                self.driver.tell(Event::Refused { id, reason });
            }
            Some(Question::Listen(_) | Question::Password(_)) | None => {}
        }
    }

    /// Somebody says something that may make sense.
    fn say(&mut self, choices: &mut Cursor<'_>, later: bool) {
        let Some(conn) = self.any_other(choices) else { return };
        let Some(other) = self.others.get(&conn) else { return };
        let Some(remote) = &other.remote else { return };
        let message = match (choices.byte(), other.who) {
            (0xfa.., _) => choices.bytes(255).to_vec(),
            (_, Who::Tracker) => self.world.next_of_tracker(choices).to_bytes(),
            (_, Who::Peer(number)) => self.world.next_of_peer(number, remote.identity(), choices).to_bytes(),
        };
        self.say_to(conn, &message, later);
    }

    /// Somebody says what it kept back.
    fn say_later(&mut self, choices: &mut Cursor<'_>) {
        let Some(conn) = self.any_other(choices) else { return };
        let Some(remote) = self.others.get_mut(&conn).and_then(|other| other.remote.as_mut()) else { return };
        let bytes = remote.say_rest(choices);
        self.driver.send(conn, &bytes);
    }

    fn say_to(&mut self, conn: ConnId, message: &[u8], later: bool) {
        let remote = self.others.get_mut(&conn).and_then(|other| other.remote.as_mut());
        if let Some(bytes) = remote.and_then(|remote| remote.say(message, later)) {
            self.driver.send(conn, &bytes);
        }
    }

    /// The tracker answers the oldest question, as it should or not.
    fn answer_tracker(&mut self, choices: &mut Cursor<'_>) {
        let Some((conn, question)) = self.asked.pop_front() else { return };
        for message in self.world.answers(&question, choices) {
            self.say_to(conn, &message.to_bytes(), false);
        }
    }

    /// Everyone hears what was said to them; whether that was nothing.
    fn hear(&mut self) -> bool {
        let mut is_quiet = true;
        for (conn, bytes) in self.driver.next_said() {
            is_quiet = false;
            let Some(other) = self.others.get_mut(&conn) else { continue };
            let Some(remote) = &mut other.remote else { continue };
            if self.start.allow_plaintext && remote.is_taken_for_older(&bytes) {
                other.remote = None;
                continue;
            }
            let (mut answer, who) = (Vec::new(), other.who);
            remote.hear(&bytes, &mut answer);
            let key = remote.key();
            for message in std::mem::take(&mut remote.inbox) {
                match who {
                    Who::Tracker => {
                        let message = ToTracker::from_bytes(&message).expect("a peer sends valid messages");
                        self.asked.push_back((conn, message));
                    }
                    Who::Peer(number) => {
                        let message = ToPeer::from_bytes(&message).expect("a peer sends valid messages");
                        self.check_said(&key, &message);
                        self.world.hear(number, &message);
                        self.told.to_peers.push(message);
                    }
                }
            }
            self.driver.send(conn, &answer);
        }
        is_quiet
    }

    /// What another peer is told.
    fn check_said(&self, to: &Key, message: &ToPeer) {
        let followed = |seen: &[(Key, Have)], have: &Have| {
            let kept = seen.iter().find(|(author, _)| author == to).map(|(_, have)| *have).unwrap_or_default();
            kept.log != have.log || kept.seq >= have.seq
        };
        match message {
            ToPeer::Entry { entry } => {
                assert!(entry.verify() && entry.entry.author == self.start.identity.key(), "its own entries, signed");
                assert!(self.kept.contains(&entry.entry.id().to_string()), "sent before it is durable");
            }
            ToPeer::Private { message } => {
                let id = private_id(&self.start.identity.key(), message.log, message.seq);
                assert!(self.kept.contains(&id), "sent before it is durable");
            }
            ToPeer::PrivateAck { have } => {
                assert!(followed(&self.state.private_seen, have), "acknowledged before it is durable");
            }
            ToPeer::EntryAck { room, have } => {
                if let Some(kept) = self.state.rooms.iter().find(|kept| kept.record.id() == *room) {
                    assert!(followed(&kept.seen, have), "acknowledged before it is durable");
                }
            }
            ToPeer::Ping { .. }
            | ToPeer::Pong { .. }
            | ToPeer::Hello { .. }
            | ToPeer::RoomHello { .. }
            | ToPeer::Bye { .. }
            | ToPeer::Offer { .. }
            | ToPeer::Accept { .. }
            | ToPeer::Chunk { .. }
            | ToPeer::Credit { .. }
            | ToPeer::End { .. }
            | ToPeer::Whole { .. }
            | ToPeer::Pause { .. }
            | ToPeer::Refuse { .. }
            | ToPeer::Withdraw { .. }
            | ToPeer::About { .. } => {}
        }
    }

    /// What happens by itself, and what everyone was told.
    fn settle(&mut self, choices: &mut Cursor<'_>) {
        loop {
            let mut is_quiet = self.hear();
            if self.commits_at_once && !self.driver.commits.is_empty() {
                self.commit();
                is_quiet = false;
            }
            if self.commits_at_once && self.driver.answer_disk(None) {
                is_quiet = false;
            }
            if self.tracker_is_kind && !self.asked.is_empty() {
                self.answer_tracker(choices);
                is_quiet = false;
            }
            let asks = |question: &Question| {
                matches!(question, Question::Connect(_) | Question::Resolve(_) | Question::Bind(_))
            };
            if self.dials_succeed
                && let Some(&id) = self.driver.ids_of(asks).first()
            {
                self.answer(id, true, choices);
                is_quiet = false;
            }
            self.hear_calls();
            self.hear_notices();
            if is_quiet {
                break;
            }
        }
        self.driver.settle_wires(self.drains_at_once);
        self.hear();
        self.hear_notices();
        let (linked, limits) = (self.driver.wires.len(), &self.start.limits);
        // One to the tracker, one dial by hand for each request.
        let dials = limits.dials_max + limits.lan_dials_max;
        let bound = limits.links_max + limits.links_unknown_max + dials + 1 + self.open.len();
        assert!(linked <= bound, "{linked} connections where {bound} may be");
    }

    /// Nothing is reached any more, and time passes: then each request has its outcome, and memory and disk agree.
    fn end(mut self) -> Told {
        let choices = &mut Cursor::new(&[]);
        (self.commits_at_once, self.drains_at_once) = (true, true);
        (self.tracker_is_kind, self.dials_succeed) = (false, false);
        self.driver.tell(Event::Command(Command::Output { open: true }));
        for number in [TRACKER, 9] {
            let key = identity(number).key();
            self.driver.tell(Event::Command(Command::TrustTracker { key, accept: false }));
        }
        for _ in 0..4 {
            for conn in self.driver.wires.keys().copied().collect::<Vec<_>>() {
                self.driver.close(conn, Closed::Reset);
            }
            for id in self.driver.questions.keys().copied().collect::<Vec<_>>() {
                self.answer(id, false, choices);
            }
            self.settle(choices);
            self.driver.pass(self.driver.now + Duration::from_secs(16), 4 * STOPS_MAX);
            self.settle(choices);
        }
        assert!(self.open.is_empty(), "requests without an outcome: {:?}", self.open);
        assert!(self.driver.commits.is_empty());
        self.told
    }
}
