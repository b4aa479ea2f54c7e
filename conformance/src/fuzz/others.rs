//! Whom a fuzzed peer meets: a tracker and other peers that know the protocol, and say what a fuzzer wants.

use std::{collections::BTreeMap, net::SocketAddr};

use papo_proto::{
    identity::Identity,
    names::Name,
    peer::{
        Request,
        interface::{Credentials, Target},
    },
    time::Wall,
    wire::{
        codec::List,
        peer::{About, Have, PrivateMessage, Scope, ToPeer},
        room::{Body, CreationRecord, Entry, EntryId, PARENTS_MAX, Parents, Said},
        tracker::{
            Contact, Dialect, Failure, FromTracker, Goodbye, PasswordHash, PeerRow, Profile, RoomEvent, RoomRow,
            RoomState, Status, StatusText, ToTracker,
        },
    },
};

use super::{
    cursor::Cursor,
    files::{self, Files},
    remote::identity,
};

/// The fuzzed peer's name; its identity is number 1.
pub(super) const ME: &str = "ana";
/// The tracker's identity.
pub(super) const TRACKER: u8 = 100;
/// Whose number is 1, 2, …
const NAMES: [&str; 6] = [ME, "bia", "caio", "dora", "eva", "zé"];
const ROOMS: [&str; 3] = ["sala", "cozinha", "x"];

/// Who is at the other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    Tracker,
    /// The peer of that number.
    Peer(u8),
}

impl Who {
    /// Who listens there.
    pub(super) fn at(address: SocketAddr) -> Self {
        match address {
            SocketAddr::V4(address) => Self::Peer(address.ip().octets()[3]),
            SocketAddr::V6(_) => Self::Peer(2),
        }
    }

    pub(super) const fn number(self) -> u8 {
        match self {
            Self::Tracker => TRACKER,
            Self::Peer(number) => number,
        }
    }
}

/// A name that is one.
pub(super) fn named(text: &str) -> Name {
    Name::new(text).expect("a valid name")
}

pub(super) fn address(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

fn name(choices: &mut Cursor<'_>) -> Name {
    named(choices.pick(&NAMES))
}

fn room(choices: &mut Cursor<'_>) -> Name {
    named(choices.pick(&ROOMS))
}

fn target(choices: &mut Cursor<'_>) -> Target {
    match choices.below(3) {
        0 => Target::Room(room(choices)),
        1 => Target::User(name(choices)),
        _ => Target::All,
    }
}

/// Anything that a person may ask for.
pub(super) fn request(choices: &mut Cursor<'_>) -> Request {
    match choices.below(38) {
        0 => Request::Register(credentials(choices)),
        1 | 2 => Request::Login(credentials(choices)),
        3 => Request::Logout,
        4 => Request::Plaintext { open: choices.flag() },
        5 => Request::Peers { prefix: choices.text(3) },
        6 => Request::Users { room: choices.flag().then(|| room(choices)) },
        7 => Request::Rooms { prefix: choices.text(200) },
        8 => Request::Whois { user: name(choices) },
        9 => Request::Create {
            room: room(choices),
            capacity: choices.pick(&[None, Some(0), Some(2), Some(257)]),
            plaintext: false,
        },
        10 | 11 => Request::Join { room: room(choices) },
        12 => Request::Leave { room: room(choices) },
        13 => Request::Delete { room: room(choices) },
        14 => Request::Talk { to: target(choices) },
        15..=19 => Request::Say { to: target(choices), text: said(choices) },
        20 => Request::Connect { address: endpoint(choices) },
        21 => Request::Disconnect { user: name(choices) },
        22 => Request::Block { user: name(choices) },
        23 => Request::Unblock { user: name(choices) },
        24 => Request::Verify { user: name(choices) },
        25 => Request::Trust { user: name(choices) },
        26 => Request::Ping { user: name(choices) },
        27 => Request::Status {
            status: choices.pick(Status::ALL),
            text: StatusText::new(said(choices)).unwrap_or_default(),
        },
        28 => Request::Profile { text: Profile::new(said(choices)).unwrap_or_default() },
        29 | 30 => Request::Send { to: target(choices), path: files::path(choices) },
        31 | 32 => Request::Accept { transfer: files::number(choices) },
        33 => Request::Reject { transfer: files::number(choices) },
        34 => Request::Pause { transfer: files::number(choices) },
        35 => Request::Resume { transfer: files::number(choices) },
        36 => Request::Cancel { transfer: files::number(choices) },
        37 if choices.flag() => Request::Transfers,
        _ => Request::Drain,
    }
}

fn credentials(choices: &mut Cursor<'_>) -> Credentials {
    Credentials {
        name: name(choices),
        password: choices.flag().then_some(PasswordHash([1; 32])),
        register: choices.flag(),
        token: None,
    }
}

/// A text, short or long, empty or hostile.
fn said(choices: &mut Cursor<'_>) -> String {
    match choices.below(5) {
        0 => choices.text(32),
        1 => "x".repeat(12 * 1024 + choices.below(2)),
        2 => "\u{1b}[2J\n\u{202e}".to_owned(),
        _ => "olá".to_owned(),
    }
}

/// Where some peer listens, or nobody.
fn endpoint(choices: &mut Cursor<'_>) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, choices.pick(&[2, 3, 4, 1, 99])], 6061))
}

/// What the others know of each other.
#[derive(Default)]
pub(super) struct World {
    /// The rooms that exist, with their members and how often that changed.
    rooms: Vec<(CreationRecord, Vec<Name>, u64)>,
    /// By author: the last number in the present log of its entries, and of its private messages.
    said: BTreeMap<u8, (Have, Have)>,
    /// Entries, to be followed.
    entries: Vec<EntryId>,
    /// What the fuzzed peer asked last.
    nonce: u64,
    files: Files,
}

impl World {
    /// What a peer hears.
    pub(super) fn hear(&mut self, _number: u8, message: &ToPeer) {
        match message {
            ToPeer::Ping { nonce } => self.nonce = *nonce,
            ToPeer::Entry { entry } => self.entries.push(entry.entry.id()),
            ToPeer::Pong { .. }
            | ToPeer::Hello { .. }
            | ToPeer::RoomHello { .. }
            | ToPeer::EntryAck { .. }
            | ToPeer::Private { .. }
            | ToPeer::PrivateAck { .. }
            | ToPeer::Bye { .. }
            | ToPeer::About { .. } => {}
            ToPeer::Offer { .. }
            | ToPeer::Accept { .. }
            | ToPeer::Chunk { .. }
            | ToPeer::Credit { .. }
            | ToPeer::End { .. }
            | ToPeer::Whole { .. }
            | ToPeer::Pause { .. }
            | ToPeer::Refuse { .. }
            | ToPeer::Withdraw { .. } => self.files.hear(message),
        }
    }

    /// How a peer begins.
    pub(super) fn hello(&self, number: u8, choices: &mut Cursor<'_>) -> ToPeer {
        let name =
            if choices.byte() < 0xe0 { named(NAMES[usize::from(number - 1) % NAMES.len()]) } else { name(choices) };
        let tracker = choices.pick(&[Some(TRACKER), Some(TRACKER), None, Some(9)]);
        let tracker = tracker.map(|number| identity(number).key());
        ToPeer::Hello { name, tracker, have: have(choices), instance: 0, port: 0 }
    }

    /// What a peer says: mostly what it could.
    pub(super) fn next_of_peer(&mut self, number: u8, identity: &Identity, choices: &mut Cursor<'_>) -> ToPeer {
        match choices.below(24) {
            0 => ToPeer::Ping { nonce: 1 },
            1 => ToPeer::Pong { nonce: self.nonce },
            2 | 3 => self.hello(number, choices),
            4 | 5 => {
                let heads = List::truncated(self.heads(choices));
                ToPeer::RoomHello { room: self.record(choices).id(), have: have(choices), heads }
            }
            6..=9 => {
                let (room, parents) = (self.record(choices).id(), Parents::new(self.heads(choices)));
                let (entries, _) = self.said.entry(number).or_insert((FIRST, FIRST));
                let have = next(entries, choices);
                let author = if choices.byte() < 0xf0 { identity.key() } else { super::remote::identity(9).key() };
                let text = Said::new(said(choices)).unwrap_or_default();
                let entry = Entry {
                    room,
                    author,
                    log: have.log,
                    seq: have.seq,
                    parents,
                    at: Wall(5),
                    body: Body::Text { text },
                };
                let id = entry.id();
                if self.entries.len() < 64 {
                    self.entries.push(id);
                }
                let signature = identity.sign(papo_proto::identity::Context::Entry, &id.0);
                ToPeer::Entry { entry: papo_proto::wire::room::SignedEntry { entry, signature } }
            }
            10 => ToPeer::EntryAck { room: self.record(choices).id(), have: have(choices) },
            11 | 12 => {
                let (_, private) = self.said.entry(number).or_insert((FIRST, FIRST));
                let Have { log, seq } = next(private, choices);
                let scope = if choices.flag() { Scope::All } else { Scope::Private };
                let text = Said::new(said(choices)).unwrap_or_default();
                ToPeer::Private { message: PrivateMessage { log, seq, scope, at: Wall(5), text } }
            }
            13 | 14 => ToPeer::PrivateAck { have: have(choices) },
            16.. => self.files.next(choices),
            _ if choices.flag() => {
                let profile = Profile::new(choices.text(16)).unwrap_or_default();
                let about = About { status: choices.pick(Status::ALL), status_text: StatusText::default(), profile };
                ToPeer::About { about }
            }
            _ => ToPeer::Bye { reason: choices.pick(Goodbye::ALL) },
        }
    }

    fn heads(&self, choices: &mut Cursor<'_>) -> Vec<EntryId> {
        let count = choices.below(4).min(PARENTS_MAX);
        (0..count).map(|_| choices.any(self.entries.iter()).copied().unwrap_or(EntryId([3; 32]))).collect()
    }

    /// What a tracker says without being asked: anything.
    pub(super) fn next_of_tracker(&mut self, choices: &mut Cursor<'_>) -> FromTracker {
        let request = u32::from(choices.byte() % 16);
        match choices.below(16) {
            0 => FromTracker::Ping { nonce: 1 },
            1 => FromTracker::Pong { nonce: 1 },
            2 => FromTracker::Welcome { request, name: name(choices), seen: address(1), wall: Wall(5) },
            3 => FromTracker::Done { request },
            4 => FromTracker::Failed { request, failure: choices.pick(Failure::ALL) },
            5 => Self::peers(request, choices),
            6 => self.rooms(request, choices),
            7..=9 => FromTracker::Contact { contact: contact(choices) },
            10 | 11 => FromTracker::Room { room: self.state(choices) },
            12 | 13 => {
                let room = self.record(choices).id();
                let epoch = choices.byte().into();
                FromTracker::RoomChanged { room, epoch, what: choices.pick(RoomEvent::ALL), user: name(choices) }
            }
            14 => FromTracker::Synced,
            _ => FromTracker::Bye { reason: choices.pick(Goodbye::ALL) },
        }
    }

    /// How a tracker answers: as it should, unless the fuzzer wants something else.
    pub(super) fn answers(&mut self, question: &ToTracker, choices: &mut Cursor<'_>) -> Vec<FromTracker> {
        let Some(request) = question.request() else {
            return match question {
                ToTracker::Ping { nonce } => vec![FromTracker::Pong { nonce: *nonce }],
                _ => Vec::new(),
            };
        };
        if choices.byte() >= 0xf0 {
            let failure = choices.pick(Failure::ALL);
            return vec![FromTracker::Failed { request, failure }];
        }
        match question {
            ToTracker::Register { name, .. }
            | ToTracker::LoginPassword { name, .. }
            | ToTracker::LoginKey { name, .. } => {
                let mut answers =
                    vec![FromTracker::Welcome { request, name: name.clone(), seen: address(1), wall: Wall(5) }];
                for number in 2..2 + choices.byte() % 3 {
                    answers.push(FromTracker::Contact { contact: contact_of(number, choices) });
                }
                for _ in 0..choices.below(3) {
                    answers.push(FromTracker::Room { room: self.state(choices) });
                }
                answers.push(FromTracker::Synced);
                answers
            }
            ToTracker::Create { name, nonce, .. } => {
                let record = CreationRecord { nonce: *nonce, ..record(name) };
                self.rooms.push((record, vec![named(ME)], 1));
                let room = self.state_of(self.rooms.len() - 1);
                vec![FromTracker::Room { room }, FromTracker::Done { request }]
            }
            ToTracker::Join { name, .. } => {
                let room = self.join(name);
                vec![FromTracker::Room { room }, FromTracker::Done { request }]
            }
            ToTracker::Leave { name, .. } | ToTracker::Delete { name, .. } => {
                let left = self.rooms.iter().position(|(record, ..)| record.name == *name);
                let changed = left.map(|index| {
                    let (record, _, epoch) = self.rooms.remove(index);
                    let what = choices.pick(&[RoomEvent::Left, RoomEvent::Deleted]);
                    FromTracker::RoomChanged { room: record.id(), epoch: epoch + 1, what, user: named(ME) }
                });
                changed.into_iter().chain([FromTracker::Done { request }]).collect()
            }
            ToTracker::ListPeers { .. } => vec![Self::peers(request, choices)],
            ToTracker::ListRooms { .. } => vec![self.rooms(request, choices)],
            ToTracker::WhoisName { name, .. } => {
                let number = NAMES.iter().position(|known| named(known) == *name).map_or(2, |index| index as u8 + 1);
                let contact = Contact { name: name.clone(), ..contact_of(number, choices) };
                vec![whois(request, contact)]
            }
            ToTracker::WhoisKey { key, .. } => {
                let number = (1..=NAMES.len() as u8).find(|number| identity(*number).key() == *key);
                match number {
                    Some(number) => vec![whois(request, contact_of(number, choices))],
                    None => vec![FromTracker::Failed { request, failure: Failure::UnknownUser }],
                }
            }
            _ => vec![FromTracker::Done { request }],
        }
    }

    fn join(&mut self, name: &Name) -> RoomState {
        let index = self.rooms.iter().position(|(record, ..)| record.name == *name).unwrap_or_else(|| {
            self.rooms.push((record(name), vec![named("bia"), named("caio")], 2));
            self.rooms.len() - 1
        });
        let (_, members, epoch) = &mut self.rooms[index];
        if !members.contains(&named(ME)) {
            members.push(named(ME));
            *epoch += 1;
        }
        self.state_of(index)
    }

    fn state_of(&self, index: usize) -> RoomState {
        let (record, members, epoch) = &self.rooms[index];
        let (owner, members) = (members[0].clone(), List::truncated(members.clone()));
        RoomState { record: record.clone(), owner, capacity: 8, epoch: *epoch, members }
    }

    /// The state of a room, with whomever in it.
    fn state(&mut self, choices: &mut Cursor<'_>) -> RoomState {
        let name = room(choices);
        let mut state = self.join(&name);
        let present = choices.byte();
        if present >= 0xc0 {
            let members = (0..NAMES.len()).filter(|index| present >> index & 1 == 1).map(|index| named(NAMES[index]));
            state.members = List::truncated(members.collect());
            state.epoch = choices.byte().into();
        }
        state
    }

    /// A room that exists, or could.
    fn record(&self, choices: &mut Cursor<'_>) -> CreationRecord {
        match choices.any(self.rooms.iter()) {
            Some((record, ..)) if choices.byte() < 0xf0 => record.clone(),
            _ => record(&room(choices)),
        }
    }

    fn peers(request: u32, choices: &mut Cursor<'_>) -> FromTracker {
        let count = choices.below(4);
        let row = |choices: &mut Cursor<'_>| PeerRow {
            contact: contact(choices),
            room: choices.flag().then(|| room(choices)),
        };
        let rows = List::truncated((0..count).map(|_| row(choices)).collect());
        FromTracker::Peers { request, rows, more: choices.flag() }
    }

    fn rooms(&mut self, request: u32, choices: &mut Cursor<'_>) -> FromTracker {
        let count = choices.below(3);
        let rows = (0..count).map(|_| {
            let RoomState { record, owner, capacity, members, .. } = self.state(choices);
            RoomRow { name: record.name, owner, capacity, flags: record.flags, members }
        });
        FromTracker::Rooms { request, rows: List::truncated(rows.collect()), more: choices.flag() }
    }
}

const FIRST: Have = Have { log: 1, seq: 0 };

/// The next number, the same again, one too far, or the first of a new log.
fn next(have: &mut Have, choices: &mut Cursor<'_>) -> Have {
    match choices.byte() {
        0xff => return Have { log: have.log, seq: u64::MAX },
        0xf0.. => *have = Have { log: have.log + 1, seq: 1 },
        0xe0.. => have.seq += 2,
        0xd0.. => {}
        _ => have.seq += 1,
    }
    *have
}

/// What someone has of the fuzzed peer's messages.
fn have(choices: &mut Cursor<'_>) -> Have {
    let seq = match choices.byte() {
        0xff => u64::MAX,
        byte => u64::from(byte % 8),
    };
    Have { log: choices.pick(&[7, 7, 0, 8]), seq }
}

fn record(name: &Name) -> CreationRecord {
    let (owner, tracker) = (identity(2).key(), identity(TRACKER).key());
    CreationRecord { nonce: [1; 16], name: name.clone(), owner, tracker, flags: u8::from(name.as_str() == "x") }
}

/// What the programs of older systems say to a peer.
pub(super) fn plain_words(choices: &mut Cursor<'_>) -> Vec<u8> {
    let (name, room) = (choices.pick(&NAMES), choices.pick(&ROOMS));
    let text = choices.pick(&[
        "oi",
        "",
        "ação\n",
        "\u{202e}\u{1b}[2J",
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    ]);
    let words = match choices.byte() % 12 {
        0..=2 => format!(r#"{{"cmd":"HELLO","username":"{name}"}}"#),
        3 | 4 => format!(r#"{{"cmd":"MESSAGE","room":"{room}","username":"{name}","content":"oi"}}"#),
        5 => format!(r#"{{"cmd":"MESSAGE","room":null,"username":"{name}","content":"oi"}}"#),
        6 => r#"{"cmd":"PING"}{"cmd":"LEAVE"}"#.to_owned(),
        7 | 8 => format!("{name}: {text}\n"),
        9 => text.to_owned(),
        10 => "New peer discovered: ('10.0.0.2', 6061)".to_owned(),
        _ => "FILE x".to_owned(),
    };
    let kept = words.len() - if choices.flag() { 0 } else { choices.below(words.len() + 1) };
    words.into_bytes()[..kept].to_vec()
}

fn contact(choices: &mut Cursor<'_>) -> Contact {
    let number = 1 + choices.byte() % NAMES.len() as u8;
    contact_of(number, choices)
}

/// Someone as a tracker tells of it: mostly there, with its own key.
fn contact_of(number: u8, choices: &mut Cursor<'_>) -> Contact {
    let look = choices.byte();
    let key =
        if look >= 0xf0 { Some(identity(number + 6).key()) } else { (look < 0xe0).then(|| identity(number).key()) };
    let online = look & 3 != 3;
    let endpoints = if online { vec![SocketAddr::from(([10, 0, 0, number], 6061))] } else { Vec::new() };
    Contact {
        name: named(NAMES[usize::from(number - 1) % NAMES.len()]),
        key,
        // Some are there with an older program.
        dialect: if look & 0x0c == 0x0c { Dialect::Json } else { Dialect::Papo },
        status: if online { Status::Online } else { Status::Offline },
        status_text: StatusText::default(),
        endpoints: List::truncated(endpoints),
        last_seen: Wall(4),
    }
}

fn whois(request: u32, contact: Contact) -> FromTracker {
    FromTracker::Whois { request, contact, profile: Profile::default(), plaintext: false }
}
