//! The tracker, driven by anything that a driver may do, with clients that get past the handshake, and old ones that
//! need none.
//!
//! Invariants, besides those of the driver: whatever clients send, what the tracker says is valid; a request has at most
//! one answer; an account, a key, a room, a roster is told of only once it is durable; what became durable is what the
//! tracker has in memory; it holds no more connections than it may.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    time::Duration,
};

use papo_proto::{
    channel::Preface,
    identity::Key,
    limits::Limits,
    machine::{ConnId, Event, Interface, PasswordCheck, PasswordOutcome, Refusal},
    names::Name,
    plaintext::{
        READ_BYTES,
        json::{REPLY_BYTES_MAX, stream::ObjectStream},
    },
    rng::Seed,
    time::Wall,
    tracker::{Change, Command, Directory, Notice, Registration, Start, Tracker, change::Verifier},
    wire::{
        codec::{List, Wire as _},
        room::{CreationRecord, RoomId},
        tracker::{
            Claimed, FromTracker, Goodbye, PasswordHash, Prefix, Profile, RoomEvent, Status, StatusText, ToTracker,
            Token,
        },
    },
};

use super::{
    cursor::{Cursor, seed_of},
    driver::{Driver, Question, STOPS_MAX},
    remote::{Remote, identity},
};

/// So many operations tell a story.
const OPERATIONS_MAX: usize = 384;
/// Handshakes cost the most by far.
const CLIENTS_MAX: usize = 6;
/// Connections that say nothing worth while.
const STRANGERS_MAX: usize = 24;
const TRACKER: u8 = 100;
const TOKEN: &str = "token";

const NAMES: [&str; 8] = ["ana", "bia", "caio", "dora", "ANA", "аna", "bıa", "0123456789abcdef0123456789abcdeé"];
const ROOMS: [&str; 6] = ["sala", "cozinha", "SALA", "ѕala", "x", "éééééééééééééééééééééééééééééééé"];

/// Plays a story.
pub fn tracker(data: &[u8]) {
    let mut choices = Cursor::new(data);
    let mut story = Story::new(&mut choices, seed_of(data));
    for _ in 0..OPERATIONS_MAX {
        let Some(operation) = choices.next_operation() else { break };
        story.play(operation, &mut choices);
        story.settle();
    }
    story.end();
}

/// What is different from story to story.
fn limits(choices: &mut Cursor<'_>) -> Limits {
    let tight = Limits {
        connections_max: 8,
        connections_per_address_max: 6,
        anonymous_per_address_max: 3,
        users_max: 4,
        rooms_max: 2,
        rooms_per_user_max: 1,
        room_capacity_max: 3,
        room_capacity_default: 2,
        requests_waiting_max: 2,
        pushes_burst_max: 8,
        pushes_per_s_max: 4,
        password_checks_max: 1,
        password_queue_max: 2,
        password_queue_per_address_max: 1,
        password_delays_kept_max: 1,
        unfinished_bytes_max: 600,
        frame_bytes_max: 4096,
        frame_before_login_bytes_max: 600,
        untaken_bytes_max: 512,
        plaintext_idle_max: 2,
        plaintext_request_bytes_max: 256,
        plaintext_pushes_max: 1,
        plaintext_dials_max: 1,
        plaintext_rows_max: 2,
        plaintext_rows_per_source_max: 1,
        out_bytes_max: 16 * 1024,
        ..Limits::DEFAULT
    };
    choices.pick(&[Limits::DEFAULT, tight])
}

fn name(choices: &mut Cursor<'_>) -> Name {
    Name::new(choices.pick(&NAMES)).expect("a valid name")
}

fn room(choices: &mut Cursor<'_>) -> Name {
    Name::new(choices.pick(&ROOMS)).expect("a valid name")
}

/// Three accounts with keys, two of them in a room.
fn state() -> Vec<Change> {
    let named = |text| Name::new(text).expect("a valid name");
    let account = |text, number| Change::AccountAdded {
        name: named(text),
        verifier: Verifier(verifier(&[number; 32])),
        key: Some(identity(number).key()),
        at: Wall(1),
    };
    let record = CreationRecord {
        nonce: [1; 16],
        name: named("sala"),
        owner: identity(1).key(),
        tracker: identity(TRACKER).key(),
        flags: 0,
    };
    let room = record.id();
    let added = |text, epoch| Change::MemberAdded { room, name: named(text), epoch };
    vec![
        account("ana", 1),
        account("bia", 2),
        account("caio", 3),
        Change::RoomAdded { record, owner: named("ana"), capacity: 3, epoch: 0 },
        added("ana", 1),
        added("bia", 2),
    ]
}

fn verifier(password: &[u8; 32]) -> String {
    format!("$of${}", papo_proto::hex::encode(password))
}

/// A client, as far as it is one.
#[derive(Default)]
struct Client {
    remote: Option<Remote>,
    /// The next request, and how often each was asked and not answered.
    request: u32,
    asked: BTreeMap<u32, usize>,
    /// What it was told in plain text.
    objects: ObjectStream,
    /// Whom it wanted to be last, in plain text.
    user: Option<&'static str>,
}

impl Client {
    /// What an old client is told is whole objects that it can read, or one line's answer.
    fn hear_plain(&mut self, bytes: &[u8]) {
        let text = str::from_utf8(bytes).expect("plain text is text");
        if !text.starts_with('{') {
            return assert!(text.len() <= READ_BYTES, "more than is read at once");
        }
        self.objects.push(bytes);
        while let Some(object) = self.objects.next_object(REPLY_BYTES_MAX).expect("objects that fit one read") {
            assert!(object.text("status").is_some(), "{object:?} has no status");
        }
        assert_eq!(self.objects.buffered(), 0, "half an object");
    }
}

/// What is durable, as far as the tracker may tell of it.
#[derive(Default)]
struct Durable {
    log: Vec<Change>,
    keys: BTreeMap<Name, BTreeSet<Option<Key>>>,
    epochs: BTreeMap<RoomId, u64>,
}

impl Durable {
    fn keep(&mut self, changes: Vec<Change>) {
        for change in &changes {
            match change {
                Change::AccountAdded { name, key, .. } | Change::AccountKey { name, key } => {
                    self.keys.entry(name.clone()).or_default().insert(*key);
                }
                Change::RoomAdded { record, epoch, .. } => {
                    self.epochs.insert(record.id(), *epoch);
                }
                Change::MemberAdded { room, epoch, .. }
                | Change::MemberRemoved { room, epoch, .. }
                | Change::OwnerChanged { room, epoch, .. } => {
                    self.epochs.insert(*room, *epoch);
                }
                Change::AccountStatus { .. }
                | Change::AccountProfile { .. }
                | Change::AccountPlaintext { .. }
                | Change::LastSeen { .. }
                | Change::RoomRemoved { .. } => {}
            }
        }
        self.log.extend(changes);
    }

    /// What a client is told.
    fn check(&self, message: &FromTracker) {
        match message {
            FromTracker::Welcome { name, .. } => {
                assert!(self.keys.contains_key(name), "welcomed to an account that is not durable");
            }
            FromTracker::Contact { contact } | FromTracker::Whois { contact, .. } => {
                let keys = self.keys.get(&contact.name);
                assert!(keys.is_some_and(|keys| keys.contains(&contact.key)), "told of a key that is not durable");
            }
            FromTracker::Room { room } => {
                let epoch = self.epochs.get(&room.record.id()).copied();
                assert!(epoch.is_some_and(|epoch| room.epoch <= epoch), "told of a roster that is not durable");
            }
            FromTracker::RoomChanged { room, epoch, what, .. } => {
                let ahead = u64::from(*what == RoomEvent::Deleted);
                let durable = self.epochs.get(room).copied();
                assert!(durable.is_some_and(|at| *epoch <= at + ahead), "told of a change that is not durable");
            }
            FromTracker::Ping { .. }
            | FromTracker::Pong { .. }
            | FromTracker::Done { .. }
            | FromTracker::Failed { .. }
            | FromTracker::Peers { .. }
            | FromTracker::Rooms { .. }
            | FromTracker::Synced
            | FromTracker::Bye { .. } => {}
        }
    }
}

struct Story {
    driver: Driver<Tracker>,
    seed: Seed,
    limits: Limits,
    clients: BTreeMap<ConnId, Client>,
    durable: Durable,
    handshakes: usize,
    strangers: usize,
    commits_at_once: bool,
    checks_at_once: bool,
    drains_at_once: bool,
    stopped: bool,
}

impl Story {
    fn new(choices: &mut Cursor<'_>, seed: Seed) -> Self {
        let limits = limits(choices);
        let registration =
            choices.pick(&[Registration::Open, Registration::Token(TOKEN.to_owned()), Registration::Closed]);
        let state = if choices.flag() { state() } else { Vec::new() };
        let flags = choices.byte();
        let start = Start {
            allow_plaintext: flags & 0x40 != 0,
            ping_interval_ms: 10_000,
            limits: limits.clone(),
            registration,
            state: Directory::from_changes(&state).expect("a consistent state"),
            ..Start::new(seed.clone(), identity(TRACKER), vec![address(6060)], verifier(&[0xff; 32]))
        };
        let mut durable = Durable::default();
        durable.keep(state);
        let mut story = Self {
            driver: Driver::start(start, limits.out_bytes_max),
            seed,
            limits,
            clients: BTreeMap::new(),
            durable,
            handshakes: 0,
            strangers: 0,
            commits_at_once: flags & 1 == 0,
            checks_at_once: flags & 2 == 0,
            drains_at_once: flags & 4 == 0,
            stopped: false,
        };
        story.driver.tell(Event::Wall(Wall(1_800_000_000_000)));
        story.driver.tell(Event::Interfaces(vec![Interface::alone(address(1).ip())]));
        story.driver.answer_listeners(flags & 8 == 0);
        // Some are there already.
        for number in 1..=(flags >> 4) % 4 {
            let Some(conn) = story.connect(number, choices) else { break };
            story.settle();
            let name = Name::new(NAMES[usize::from(number) - 1]).expect("a valid name");
            let login = ToTracker::LoginKey { request: 0, name, claimed: Claimed::truncated(vec![address(7000)]) };
            story.say(conn, login.to_bytes(), false);
            story.settle();
        }
        story
    }

    fn play(&mut self, operation: u8, choices: &mut Cursor<'_>) {
        match operation % 20 {
            0 => {
                let number = 1 + choices.byte() % 5;
                self.connect(number, choices);
            }
            1 => self.open_stranger(choices),
            2 => self.driver.send_noise(Preface::Tracker, choices),
            3..=8 => {
                let Some(conn) = choices.any(self.clients.keys().copied().collect::<Vec<_>>().into_iter()) else {
                    return;
                };
                if self.clients.get(&conn).is_some_and(|client| client.remote.is_none()) {
                    return self.say_plain(conn, choices);
                }
                let request = self.clients.get(&conn).map_or(0, |client| client.request);
                let message = message(choices, request);
                self.say(conn, message.to_bytes(), operation % 20 == 8);
            }
            9 => {
                let Some(conn) = self.driver.any_wire(choices) else { return };
                let bytes = choices.bytes(255).to_vec();
                self.say(conn, bytes, choices.flag());
            }
            10 => {
                let Some(conn) = self.driver.any_wire(choices) else { return };
                let Some(remote) = self.clients.get_mut(&conn).and_then(|client| client.remote.as_mut()) else {
                    return;
                };
                // What was kept back goes out.
                let bytes = remote.say_rest(choices);
                self.driver.send(conn, &bytes);
            }
            11 => self.driver.close_any(choices),
            12 => self.driver.meet_deadline(),
            13 => self.driver.pass_a_while(choices),
            14 => {
                let command = if choices.byte() == 0xff { Command::Shutdown } else { Command::Count };
                self.driver.tell(Event::Command(command));
            }
            15 => match choices.below(3) {
                0 => self.driver.tell(Event::Wall(Wall(u64::from(choices.short()) << 30))),
                1 => self.driver.tell(Event::Interfaces(vec![
                    Interface::alone(address(1).ip()),
                    Interface::alone(remote(choices).ip()),
                ])),
                // A timer that fires early.
                _ => self.driver.tell(Event::Due),
            },
            16 => {
                self.commit();
                self.answer_dial(choices);
            }
            17 => self.check_password(choices.pick(&[None, None, Some(true), Some(false)])),
            18 => self.driver.drain_any(choices),
            _ => {
                let flags = choices.byte();
                self.commits_at_once = flags & 1 == 0;
                self.checks_at_once = flags & 2 == 0;
                self.drains_at_once = flags & 4 == 0;
            }
        }
    }

    /// Somebody who will shake hands.
    fn connect(&mut self, number: u8, choices: &mut Cursor<'_>) -> Option<ConnId> {
        if self.handshakes == CLIENTS_MAX {
            return None;
        }
        let conn = self.driver.accept(remote(choices))?;
        self.handshakes += 1;
        let mut bytes = Vec::new();
        let remote = Remote::dial(Preface::Tracker, number, &self.seed, conn.0, &mut bytes);
        self.clients.insert(conn, Client { remote: Some(remote), ..Client::default() });
        self.driver.send(conn, &bytes);
        Some(conn)
    }

    fn open_stranger(&mut self, choices: &mut Cursor<'_>) {
        if self.strangers < STRANGERS_MAX
            && let Some(conn) = self.driver.accept(remote(choices))
        {
            self.strangers += 1;
            self.clients.insert(conn, Client::default());
        }
    }

    /// A client says something, now or later.
    fn say(&mut self, conn: ConnId, message: Vec<u8>, later: bool) {
        let Some(client) = self.clients.get_mut(&conn) else { return };
        let Some(bytes) = client.remote.as_mut().and_then(|remote| remote.say(&message, later)) else { return };
        if let Some(request) = ToTracker::from_bytes(&message).ok().as_ref().and_then(ToTracker::request) {
            *client.asked.entry(request).or_default() += 1;
            client.request = client.request.wrapping_add(1);
        }
        self.driver.send(conn, &bytes);
    }

    /// An old client says something.
    fn say_plain(&mut self, conn: ConnId, choices: &mut Cursor<'_>) {
        let kind = choices.below(14);
        let (mut who, room) = (choices.pick(&NAMES), choices.pick(&ROOMS));
        let Some(client) = self.clients.get_mut(&conn) else { return };
        if kind < 4 {
            client.user = Some(who);
        } else if choices.byte() < 0xe0 {
            // Mostly for itself.
            who = client.user.unwrap_or(who);
        }
        let password = papo_proto::hex::encode(&[choices.byte() % 4; 32]);
        let account = |cmd| {
            format!(r#"{{"cmd":"{cmd}","username":"{who}","password":"{password}","address":"127.0.0.1","port":7000}}"#)
        };
        let place = |cmd| format!(r#"{{"cmd":"{cmd}","room":"{room}","username":"{who}"}}"#);
        let said = match kind {
            0 | 1 => account("REGISTER"),
            2 | 3 => account("LOGIN"),
            4 => r#"{"cmd":"LIST_PEERS"}"#.to_owned(),
            5 => r#"{"cmd":"LIST_ROOMS"}"#.to_owned(),
            6 => place("CREATE_ROOM"),
            7 | 8 => place("JOIN_ROOM"),
            9 => place("LEAVE_ROOM"),
            10 => place("DELETE_ROOM"),
            11 => place("LOGOUT"),
            12 => format!("REGISTER 127.0.0.1 {} {who}", 7_000 + u16::from(choices.byte() % 4)),
            _ => "LIST".to_owned(),
        };
        // Whole, or its beginning, and the rest some other time.
        let length = if choices.byte() < 0xe0 { said.len() } else { choices.below(said.len()) };
        self.driver.send(conn, &said.as_bytes()[..length]);
    }

    /// Whoever is dialled listens or not, and answers or not.
    fn answer_dial(&mut self, choices: &mut Cursor<'_>) {
        let dials = self.driver.ids_of(|question| matches!(question, Question::Connect(_)));
        let Some(&id) = dials.first() else { return };
        let Some(Question::Connect(to)) = self.driver.questions.get(&id).cloned() else { return };
        if choices.flag() {
            let conn = ConnId(id);
            self.driver.open(conn, address(40_000), to);
            self.driver.send(conn, choices.pick(&[&br#"{"cmd":"PONG"}"#[..], b"{", b"x"]));
        } else {
            self.driver.answer(id, |request| Event::Refused { id: request.0, reason: Refusal::Refused });
        }
    }

    fn commit(&mut self) {
        if let Some((seq, changes)) = self.driver.commit() {
            self.durable.keep(changes);
            self.driver.tell(Event::Committed(seq));
        }
    }

    /// A password was checked, as it is or as the fuzzer wants it.
    fn check_password(&mut self, matches: Option<bool>) {
        let waiting = self.driver.ids_of(|question| matches!(question, Question::Password(_)));
        let Some(&id) = waiting.first() else { return };
        let Some(Question::Password(check)) = self.driver.questions.get(&id) else { return };
        let outcome = match check {
            PasswordCheck::Create { password, .. } => PasswordOutcome::Created(verifier(password)),
            PasswordCheck::Verify { verifier: kept, password } => {
                let is_right = *kept == verifier(password);
                if matches.unwrap_or(is_right) { PasswordOutcome::Matched } else { PasswordOutcome::Mismatched }
            }
        };
        self.driver.answer(id, |request| Event::PasswordChecked { request, outcome });
    }

    /// What happens by itself, and what everyone was told.
    fn settle(&mut self) {
        loop {
            let mut is_quiet = self.hear();
            if self.commits_at_once && !self.driver.commits.is_empty() {
                self.commit();
                is_quiet = false;
            }
            if self.checks_at_once
                && !self.driver.ids_of(|question| matches!(question, Question::Password(_))).is_empty()
            {
                self.check_password(None);
                is_quiet = false;
            }
            if is_quiet {
                break;
            }
        }
        self.driver.settle_wires(self.drains_at_once);
        self.hear();
        for notice in std::mem::take(&mut self.driver.notices) {
            if notice == Notice::Stopped {
                assert!(!self.stopped, "it stops once");
                self.stopped = true;
            }
        }
        assert!(self.driver.wires.len() <= self.limits.connections_max, "more connections than it may hold");
    }

    /// Everyone hears what was said to them; whether that was nothing.
    fn hear(&mut self) -> bool {
        let mut is_quiet = true;
        for (conn, bytes) in self.driver.next_said() {
            is_quiet = false;
            let Some(client) = self.clients.get_mut(&conn) else { continue };
            let Some(remote) = &mut client.remote else {
                client.hear_plain(&bytes);
                continue;
            };
            let mut answer = Vec::new();
            remote.hear(&bytes, &mut answer);
            while let Some(message) = remote.inbox.pop_front() {
                let message = FromTracker::from_bytes(&message).expect("a tracker sends valid messages");
                self.durable.check(&message);
                if let Some(request) = answered(&message) {
                    let asked = client.asked.get_mut(&request).filter(|asked| **asked > 0);
                    *asked.expect("each request has at most one answer") -= 1;
                }
            }
            self.driver.send(conn, &answer);
        }
        is_quiet
    }

    /// Everything that waits comes: then memory and disk agree.
    fn end(mut self) {
        (self.commits_at_once, self.checks_at_once, self.drains_at_once) = (true, true, true);
        self.settle();
        self.driver.pass(self.driver.now + Duration::from_secs(120), 2 * STOPS_MAX);
        self.settle();
        // Who is read again may say more.
        while !self.driver.commits.is_empty() {
            self.settle();
        }
        let kept = Directory::from_changes(&self.durable.log).expect("what is durable is consistent");
        assert_eq!(kept.to_changes(), self.driver.machine.directory().to_changes(), "memory and disk agree");
    }
}

fn address(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

fn remote(choices: &mut Cursor<'_>) -> SocketAddr {
    choices.pick(&[
        SocketAddr::from(([10, 0, 0, 1], 4000)),
        SocketAddr::from(([10, 0, 0, 2], 4000)),
        SocketAddr::from(([127, 0, 0, 1], 4000)),
        SocketAddr::from(([192, 0, 2, 1], 4000)),
        SocketAddr::from(([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1], 4000)),
    ])
}

/// Any message, of things that exist and things that don't.
fn message(choices: &mut Cursor<'_>, request: u32) -> ToTracker {
    let kind = choices.below(24);
    let request = if choices.byte() < 0xf0 { request } else { 7 };
    match kind {
        0 => ToTracker::Ping { nonce: 1 },
        1 => ToTracker::Pong { nonce: 1 },
        2 | 3 => ToTracker::Register {
            request,
            name: name(choices),
            password: PasswordHash([choices.byte() % 4; 32]),
            token: choices.flag().then(|| Token::new(TOKEN).expect("short")),
            claimed: claimed(choices),
        },
        4 | 5 => ToTracker::LoginPassword {
            request,
            name: name(choices),
            password: PasswordHash([choices.byte() % 4; 32]),
            claimed: claimed(choices),
        },
        6 | 7 => ToTracker::LoginKey { request, name: name(choices), claimed: claimed(choices) },
        8 => ToTracker::Logout { request },
        9 => ToTracker::Moved { claimed: claimed(choices) },
        10 => ToTracker::SetStatus {
            request,
            status: choices.pick(Status::ALL),
            text: StatusText::new(choices.text(16)).expect("short"),
        },
        11 => ToTracker::SetProfile { request, text: Profile::new(choices.text(16)).expect("short") },
        12 => ToTracker::SetPlaintext { request, open: choices.flag() },
        13 => ToTracker::ListPeers { request, prefix: prefix(choices), after: choices.flag().then(|| name(choices)) },
        14 => ToTracker::ListRooms { request, prefix: prefix(choices), after: choices.flag().then(|| room(choices)) },
        15 => ToTracker::WhoisName { request, name: name(choices) },
        16 => ToTracker::WhoisKey { request, key: identity(choices.byte() % 6).key() },
        17 | 18 => ToTracker::Create {
            request,
            name: room(choices),
            capacity: choices.pick(&[0, 1, 2, 32, 256, 257]),
            nonce: [choices.byte(); 16],
            flags: choices.byte() % 3,
        },
        19 | 20 => ToTracker::Join { request, name: room(choices), plaintext: choices.byte().is_multiple_of(2) },
        21 => ToTracker::Leave { request, name: room(choices) },
        22 => ToTracker::Delete { request, name: room(choices) },
        _ => ToTracker::Bye { reason: choices.pick(Goodbye::ALL) },
    }
}

fn claimed(choices: &mut Cursor<'_>) -> Claimed {
    let count = choices.below(4);
    List::truncated((0..count).map(|_| remote(choices)).collect())
}

fn prefix(choices: &mut Cursor<'_>) -> Prefix {
    Prefix::new(choices.pick(&["", "a", "s", "é"])).expect("short")
}

/// The request that a message answers.
const fn answered(message: &FromTracker) -> Option<u32> {
    match message {
        FromTracker::Welcome { request, .. }
        | FromTracker::Done { request }
        | FromTracker::Failed { request, .. }
        | FromTracker::Peers { request, .. }
        | FromTracker::Rooms { request, .. }
        | FromTracker::Whois { request, .. } => Some(*request),
        FromTracker::Ping { .. }
        | FromTracker::Pong { .. }
        | FromTracker::Contact { .. }
        | FromTracker::Room { .. }
        | FromTracker::RoomChanged { .. }
        | FromTracker::Synced
        | FromTracker::Bye { .. } => None,
    }
}
