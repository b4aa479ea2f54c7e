//! A tracker and its clients in one process: what each sends reaches the other, time jumps exactly from deadline to
//! deadline, and commits and password checks are answered when the test says so.
//!
//! The same invariants are checked after each event: no deadline that was worked off stays, nothing is read from a
//! connection that the tracker does not want to read, and nothing is sent to one that it closed.

mod limits;
mod liveness;
mod login;
mod plaintext;
mod plaintext_lines;
mod plaintext_liveness;
mod plaintext_rooms;
mod rooms;

use std::{borrow::Cow, collections::BTreeMap, collections::VecDeque, net::SocketAddr, time::Duration};

use super::{Change, Command, Directory, Notice, Registration, Start, Tracker};
use crate::{
    channel::{Channel, Preface, StaticKey, Step},
    error::Fault,
    identity::{Identity, Key},
    limits::Limits,
    machine::{
        Action, CloseHow, Closed, ConnId, DUE_TIMERS_MAX, Event, ListenerId, Machine as _, Outbox, PasswordCheck,
        PasswordOutcome, RequestId, Seq,
    },
    names::Name,
    rng::Seed,
    time::{Time, Wall},
    wire::{
        codec::{List, Text, Wire as _},
        frame,
        tracker::{Claimed, Contact, FromTracker, PasswordHash, ToTracker},
    },
};

/// The tracker's wall clock at the start.
const WALL: Wall = Wall(1_000_000);

/// What the stand-in for Argon2 makes of a password.
fn verifier(password: &PasswordHash) -> String {
    format!("phc {}", crate::hex::encode(&password.0))
}

fn name(text: &str) -> Name {
    Name::new(text).expect("a valid name")
}

fn text<const MAX: usize>(text: &str) -> Text<MAX> {
    Text::new(text).expect("a short text")
}

fn claimed(addresses: &[&str]) -> Claimed {
    List::truncated(addresses.iter().map(|address| address.parse().expect("an address")).collect())
}

struct Client {
    channel: Channel,
    inbox: VecDeque<FromTracker>,
    /// Bytes as they came, opened or not.
    bytes: usize,
    reading: bool,
    wants_write: bool,
    closed: Option<CloseHow>,
    /// Whether it speaks plain text, and what was written to it then.
    plain: Option<Vec<(Time, String)>>,
}

/// See the [module](self).
struct World {
    tracker: Tracker,
    out: Outbox<Notice, Change>,
    now: Time,
    clients: BTreeMap<ConnId, Client>,
    commits: VecDeque<(Seq, Vec<Change>)>,
    checks: VecDeque<(RequestId, PasswordCheck)>,
    notices: Vec<Notice>,
    listened: Vec<ListenerId>,
    /// Everything that was committed, in order.
    log: Vec<Change>,
    /// Whether commits are answered at once.
    commits_at_once: bool,
    /// Whether password checks are.
    checks_at_once: bool,
    /// Whether a connection that asks for it is told at once that there is room.
    writes_at_once: bool,
    conns: u64,
    /// Whom the tracker dialled, and has not let go.
    dialled: BTreeMap<ConnId, SocketAddr>,
}

/// A tracker that listens there.
fn start(listen: Vec<SocketAddr>) -> Start {
    Start::new(Seed([1; 32]), Identity::from_secret(&[200; 32]), listen, "phc of nothing".to_owned())
}

impl World {
    fn new() -> Self {
        Self::with(Limits::default(), Registration::Open, Vec::new())
    }

    fn with(limits: Limits, registration: Registration, state: Vec<Change>) -> Self {
        let start = start(vec!["127.0.0.1:0".parse().expect("an address")]);
        Self::of(Start { limits, registration, ..start }, state)
    }

    fn of(start: Start, state: Vec<Change>) -> Self {
        let directory = Directory::from_changes(&state).expect("a consistent state");
        let mut world = Self {
            tracker: Tracker::start(Start { state: directory, ..start }),
            out: Outbox::default(),
            now: Time::ZERO,
            clients: BTreeMap::new(),
            commits: VecDeque::new(),
            checks: VecDeque::new(),
            notices: Vec::new(),
            listened: Vec::new(),
            log: state,
            commits_at_once: true,
            checks_at_once: true,
            writes_at_once: true,
            conns: 0,
            dialled: BTreeMap::new(),
        };
        world.event(Event::Wall(WALL));
        world
    }

    // What happens.

    /// Gives the tracker one event and does what it asks, until nothing more is to be done at once.
    fn event(&mut self, event: Event<'_, Command>) {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            let due = matches!(event, Event::Due);
            self.tracker.handle(self.now, event, &mut self.out);
            if due {
                let deadline = self.tracker.deadline();
                let is_full = self.out.actions().len() >= DUE_TIMERS_MAX;
                assert!(is_full || deadline.is_none_or(|at| at > self.now), "a deadline in the past spins the reactor");
            }
            let mut out = std::mem::take(&mut self.out);
            out.drain_with(|action, bytes| self.apply(action, bytes, &mut events));
            if self.commits_at_once {
                events.extend(self.next_commit().map(Event::Committed));
            }
            if self.checks_at_once {
                events.extend(self.next_check());
            }
        }
    }

    fn apply(&mut self, action: Action<Notice, Change>, bytes: &[u8], events: &mut VecDeque<Event<'_, Command>>) {
        match action {
            Action::Listen { listener, address } => {
                self.listened.push(listener);
                events.push_back(Event::Listening { listener, address });
            }
            Action::Send { conn, .. } => {
                let client = self.clients.get_mut(&conn).expect("a connection that was opened");
                assert_eq!(client.closed, None, "sent to a closed connection");
                client.bytes += bytes.len();
                if let Some(writes) = &mut client.plain {
                    let text = String::from_utf8(bytes.to_vec()).expect("plain text");
                    return writes.push((self.now, text));
                }
                client.channel.handle_bytes(bytes);
                let mut answer = Vec::new();
                while let Some(step) = client.channel.next_step(usize::MAX, &mut answer).expect("valid frames") {
                    match step {
                        Step::Identified(_) => client.channel.confirm(&mut answer),
                        Step::Established(_) => {}
                        Step::Message(message) => {
                            client.inbox.push_back(FromTracker::from_bytes(&message).expect("a valid message"));
                        }
                    }
                }
                if !answer.is_empty() {
                    events.push_back(Event::Received { conn, bytes: Cow::Owned(answer) });
                }
            }
            Action::Close { id, how } => {
                if let Some(client) = self.clients.get_mut(&ConnId(id)) {
                    assert_eq!(client.closed, None, "closed twice");
                    client.closed = Some(how);
                    self.dialled.remove(&ConnId(id));
                    // What it still had to say is not heard.
                    events.retain(|event| !matches!(event, Event::Received { conn, .. } if conn.0 == id));
                } else {
                    let is_dialled = self.dialled.remove(&ConnId(id)).is_some();
                    assert!(is_dialled || self.listened.contains(&ListenerId(id)), "closed what was never opened");
                }
            }
            Action::Reading(conn, reading) => {
                let client = self.clients.get_mut(&conn).expect("a connection that was opened");
                assert_ne!(client.reading, reading, "Reading is set once");
                client.reading = reading;
            }
            Action::WantWrite(conn) if self.writes_at_once => {
                events.push_back(Event::Writable { conn, bytes: 64 * 1024 });
            }
            Action::WantWrite(conn) => {
                self.clients.get_mut(&conn).expect("a connection that was opened").wants_write = true;
            }
            Action::Commit { seq, changes } => self.commits.push_back((seq, changes)),
            Action::CheckPassword { request, check } => self.checks.push_back((request, check)),
            Action::Notify(notice) => self.notices.push(notice),
            Action::Connect { conn, address } => {
                self.dialled.insert(conn, address);
            }
            Action::Resolve { .. }
            | Action::Bind { .. }
            | Action::SendTo { .. }
            | Action::Disk { .. }
            | Action::CloseFile(_) => panic!("a tracker needs no names, datagrams or files"),
        }
    }

    fn next_commit(&mut self) -> Option<Seq> {
        let (seq, changes) = self.commits.pop_front()?;
        self.log.extend(changes);
        Some(seq)
    }

    /// Everything that waits becomes durable.
    fn commit(&mut self) {
        while let Some(seq) = self.next_commit() {
            self.event(Event::Committed(seq));
        }
    }

    fn next_check<'a>(&mut self) -> Option<Event<'a, Command>> {
        let (request, check) = self.checks.pop_front()?;
        let outcome = match check {
            PasswordCheck::Verify { verifier: kept, password } if kept == verifier(&PasswordHash(password)) => {
                PasswordOutcome::Matched
            }
            PasswordCheck::Verify { .. } => PasswordOutcome::Mismatched,
            PasswordCheck::Create { password, .. } => PasswordOutcome::Created(verifier(&PasswordHash(password))),
        };
        Some(Event::PasswordChecked { request, outcome })
    }

    /// Ends one password check.
    fn check(&mut self) {
        let event = self.next_check().expect("a check is under way");
        self.event(event);
    }

    /// Lets time pass, stopping exactly at each deadline.
    fn pass(&mut self, ms: u64) {
        let until = self.now + Duration::from_millis(ms);
        while let Some(deadline) = self.tracker.deadline().filter(|&at| at <= until) {
            self.now = self.now.max(deadline);
            self.event(Event::Due);
        }
        self.now = until;
    }

    // Clients.

    /// Opens a connection that says nothing.
    fn open(&mut self, remote: &str) -> ConnId {
        self.conns += 1;
        let conn = ConnId(self.conns * 2);
        let remote: SocketAddr = remote.parse().expect("an address");
        let seed = Seed([2; 32]);
        let identity = Identity::from_secret(&[1; 32]);
        let statics = StaticKey::draw(&mut seed.stream("static", conn.0));
        let channel = Channel::dial(Preface::Tracker, identity, &statics, seed.stream("unused", 0), &mut Vec::new());
        let client = Client {
            channel,
            inbox: VecDeque::new(),
            bytes: 0,
            reading: true,
            wants_write: false,
            closed: None,
            plain: None,
        };
        self.clients.insert(conn, client);
        let local = "127.0.0.1:6060".parse().expect("an address");
        let listener = self.listened.first().copied();
        self.event(Event::Opened { conn, listener, local, remote });
        conn
    }

    /// Opens a connection and establishes its channel for the identity of `secret`.
    fn connect(&mut self, remote: &str, secret: u8) -> ConnId {
        let conn = self.open(remote);
        let seed = Seed([2; 32]);
        let statics = StaticKey::draw(&mut seed.stream("static", conn.0));
        let mut hello = Vec::new();
        let identity = Identity::from_secret(&[secret; 32]);
        let channel = Channel::dial(Preface::Tracker, identity, &statics, seed.stream("channel", conn.0), &mut hello);
        self.client(conn).channel = channel;
        self.bytes(conn, &hello);
        conn
    }

    /// Connects from another host of one network and registers, with `pw NAME` for a password.
    fn register(&mut self, who: &str, secret: u8) -> ConnId {
        let conn = self.connect(&format!("10.0.0.{secret}:4000"), secret);
        self.send(conn, &register(1, who, &format!("pw {who}")));
        let first = self.show(conn).into_iter().next();
        assert_eq!(first, Some(format!("Welcome 1 {who}")));
        conn
    }

    fn client(&mut self, conn: ConnId) -> &mut Client {
        self.clients.get_mut(&conn).expect("a connection that was opened")
    }

    fn bytes(&mut self, conn: ConnId, bytes: &[u8]) {
        let client = self.client(conn);
        assert!(client.reading && client.closed.is_none(), "a driver does not read from it");
        self.event(Event::Received { conn, bytes: Cow::Borrowed(bytes) });
    }

    fn seal(&mut self, conn: ConnId, messages: &[ToTracker]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for message in messages {
            self.client(conn).channel.seal(&message.to_bytes(), &mut bytes);
        }
        bytes
    }

    fn send(&mut self, conn: ConnId, message: &ToTracker) {
        let bytes = self.seal(conn, std::slice::from_ref(message));
        self.bytes(conn, &bytes);
    }

    /// What a client has been told since the last look.
    fn take(&mut self, conn: ConnId) -> Vec<FromTracker> {
        self.client(conn).inbox.drain(..).collect()
    }

    /// The same, to be read.
    fn show(&mut self, conn: ConnId) -> Vec<String> {
        self.take(conn).iter().map(show).collect()
    }

    /// Sends a request; what the client is told up to and with its answer.
    fn ask(&mut self, conn: ConnId, message: &ToTracker) -> Vec<String> {
        self.send(conn, message);
        self.show(conn)
    }

    fn hang_up(&mut self, conn: ConnId) {
        assert_eq!(self.client(conn).closed.replace(CloseHow::Abort), None, "it is closed already");
        self.event(Event::Closed { conn, reason: Closed::End });
    }

    // Looking.

    fn closed(&self, conn: ConnId) -> Option<CloseHow> {
        self.clients[&conn].closed
    }

    fn faults(&mut self) -> Vec<Fault> {
        let notices = std::mem::take(&mut self.notices);
        notices
            .iter()
            .filter_map(|notice| if let Notice::Fault { fault, .. } = notice { Some(*fault) } else { None })
            .collect()
    }

    /// What the changes that were committed lead to is what the tracker has in memory.
    #[track_caller]
    fn check_log(&self) {
        let replayed = Directory::from_changes(&self.log).expect("a consistent log");
        assert_eq!(replayed.to_changes(), self.tracker.directory().to_changes());
    }
}

fn register(request: u32, who: &str, password: &str) -> ToTracker {
    ToTracker::Register {
        request,
        name: name(who),
        password: PasswordHash::of(password),
        token: None,
        claimed: claimed(&[]),
    }
}

fn login(request: u32, who: &str, password: &str) -> ToTracker {
    ToTracker::LoginPassword { request, name: name(who), password: PasswordHash::of(password), claimed: claimed(&[]) }
}

fn login_key(request: u32, who: &str) -> ToTracker {
    ToTracker::LoginKey { request, name: name(who), claimed: claimed(&[]) }
}

fn create(request: u32, room: &str, capacity: u16) -> ToTracker {
    ToTracker::Create { request, name: name(room), capacity, nonce: [7; 16], flags: 0 }
}

fn join(request: u32, room: &str) -> ToTracker {
    ToTracker::Join { request, name: name(room), plaintext: false }
}

fn leave(request: u32, room: &str) -> ToTracker {
    ToTracker::Leave { request, name: name(room) }
}

fn delete(request: u32, room: &str) -> ToTracker {
    ToTracker::Delete { request, name: name(room) }
}

fn key(secret: u8) -> Key {
    Identity::from_secret(&[secret; 32]).key()
}

fn names<'a>(names: impl IntoIterator<Item = &'a Name>) -> String {
    names.into_iter().map(Name::as_str).collect::<Vec<_>>().join(" ")
}

fn show_contact(contact: &Contact) -> String {
    let endpoints = contact.endpoints.iter().map(|endpoint| format!(" {endpoint}")).collect::<String>();
    format!("{} {:?}{endpoints}", contact.name, contact.status)
}

fn show(message: &FromTracker) -> String {
    match message {
        FromTracker::Ping { .. } => "Ping".to_owned(),
        FromTracker::Pong { nonce } => format!("Pong {nonce}"),
        FromTracker::Welcome { request, name, .. } => format!("Welcome {request} {name}"),
        FromTracker::Done { request } => format!("Done {request}"),
        FromTracker::Failed { request, failure } => format!("Failed {request} {failure:?}"),
        FromTracker::Peers { request, rows, more } => {
            let rows = rows.iter().map(|row| {
                let room = row.room.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
                format!("{} #{room}", show_contact(&row.contact))
            });
            format!("Peers {request} [{}] {more}", rows.collect::<Vec<_>>().join(", "))
        }
        FromTracker::Rooms { request, rows, more } => {
            let rows = rows
                .iter()
                .map(|row| format!("{} of {} [{}]/{}", row.name, row.owner, names(row.members.iter()), row.capacity));
            format!("Rooms {request} [{}] {more}", rows.collect::<Vec<_>>().join(", "))
        }
        FromTracker::Whois { request, contact, profile, plaintext } => {
            format!("Whois {request} {} {:?} {plaintext}", show_contact(contact), profile.as_str())
        }
        FromTracker::Contact { contact } => format!("Contact {}", show_contact(contact)),
        FromTracker::Room { room } => {
            let members = names(room.members.iter());
            format!("Room {} of {} [{members}]/{} @{}", room.record.name, room.owner, room.capacity, room.epoch)
        }
        FromTracker::RoomChanged { epoch, what, user, .. } => format!("{what:?} {user} @{epoch}"),
        FromTracker::Synced => "Synced".to_owned(),
        FromTracker::Bye { reason } => format!("Bye {reason:?}"),
    }
}
