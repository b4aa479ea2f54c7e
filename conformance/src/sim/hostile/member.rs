//! What it takes to be a member: an account, a session, rooms, links, and what is heard there.
//!
//! All of this is done as PROTOCOL.md says, so that the honest have no reason to turn it away before it begins.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    net::SocketAddr,
};

use papo_proto::{
    channel::Preface,
    identity::Key,
    machine::{CloseHow, ConnId},
    names::Name,
    peer::outbox::private_id,
    wire::{
        codec::{List, Wire as _},
        peer::{Have, PrivateMessage, Scope, ToPeer},
        room::{Body, Entry, EntryId, Parents, RoomId, Said, SignedEntry},
        tracker::{Claimed, Failure, FromTracker, Goodbye, RoomEvent, ToTracker},
    },
};

use super::{
    HOST, Habit, INTRUSION, Learned, Notice,
    line::Part,
    machine::{Hostile, Out},
};
use crate::sim::cast::PEER_PORT;

/// Entries of others that are remembered.
const HEARD_MAX: usize = 64;
/// How likely it tries to come into one more room, each time that it looks.
const JOIN: f64 = 0.5;
/// The number of its log.
const LOG: u64 = 0x0666;

/// What a member knows and counts.
#[derive(Default)]
pub(super) struct Member {
    /// The account was made.
    registered: bool,
    request: u32,
    /// The rooms that it is in, with who else is.
    pub(super) rooms: BTreeMap<RoomId, Stay>,
    /// People of whom it was told: their names are taken.
    pub(super) told_of: BTreeSet<Name>,
    /// The last of what others said in rooms.
    pub(super) heard: VecDeque<SignedEntry>,
    /// What it has said, in each room.
    said: BTreeMap<RoomId, (u64, Option<EntryId>)>,
    said_outside: u64,
    texts: u64,
    logs: u64,
}

/// A room that it is in.
pub(super) struct Stay {
    pub(super) members: BTreeSet<Name>,
    pub(super) name: Name,
}

impl Hostile {
    /// Where it says that it listens.
    pub(super) fn claimed(&self) -> Claimed {
        Claimed::truncated(vec![SocketAddr::new(HOST, PEER_PORT)])
    }

    /// The number of its next request.
    pub(super) const fn next_request(&mut self) -> u32 {
        self.member.request = self.member.request.wrapping_add(1);
        self.member.request
    }

    pub(super) fn look_after_session(&mut self, out: &mut Out) {
        if self.session().is_some() {
            if !self.start.rooms.is_empty() && self.luck.chance(JOIN) {
                let (request, name) = (self.next_request(), self.luck.pick(&self.start.rooms).clone());
                self.say_to_tracker(&ToTracker::Join { request, name, plaintext: false }, out);
            }
        } else if !self.lines.values().any(|line| line.part == Part::Session) {
            let to = self.start.trackers[0].address;
            self.dial_as_itself(to, Preface::Tracker, Part::Session, Vec::new(), out);
        }
    }

    /// Links to everyone to whom there is none.
    pub(super) fn look_after_links(&mut self, out: &mut Out) {
        let linked = self.lines.values().filter(|line| line.part == Part::Link).filter_map(|line| line.key);
        let linked = linked.collect::<BTreeSet<_>>();
        for person in self.start.people.clone() {
            if !linked.contains(&person.key) && self.luck.chance(0.5) {
                let conn = self.dial_as_itself(person.address, Preface::Peer, Part::Link, Vec::new(), out);
                if let Some(line) = self.lines.get_mut(&conn) {
                    line.key = Some(person.key);
                }
            }
        }
    }

    pub(super) fn log_in(&mut self, conn: ConnId, out: &mut Out) {
        let (request, name, password) = (self.next_request(), self.start.name.clone(), self.start.password.clone());
        let claimed = self.claimed();
        let message = match self.member.registered {
            false => ToTracker::Register { request, name, password, token: self.start.token.clone(), claimed },
            true => ToTracker::LoginPassword { request, name, password, claimed },
        };
        self.say(conn, &message.to_bytes(), out);
    }

    pub(super) fn greet(&mut self, conn: ConnId, out: &mut Out) {
        let message = self.hello();
        self.say_to_peer(conn, &message, out);
    }

    pub(super) fn hello(&self) -> ToPeer {
        let tracker = self.lines.values().find(|line| line.part == Part::Session).and_then(|line| line.key);
        ToPeer::Hello { name: self.start.name.clone(), tracker, have: Have::default(), instance: 0, port: 0 }
    }

    pub(super) fn on_tracker_message(&mut self, conn: ConnId, message: &[u8], out: &mut Out) {
        let Ok(message) = FromTracker::from_bytes(message) else { return };
        if self.lines.get(&conn).is_none_or(|line| line.part != Part::Session) {
            return;
        }
        match message {
            FromTracker::Ping { nonce } => {
                self.say(conn, &ToTracker::Pong { nonce }.to_bytes(), out);
            }
            FromTracker::Welcome { .. } => {
                self.member.registered = true;
                self.member.rooms.clear();
                if let Some(line) = self.lines.get_mut(&conn) {
                    line.greeted = true;
                }
            }
            FromTracker::Failed { failure: Failure::NameTaken, .. } if !self.member.registered => {
                self.member.registered = true;
                self.log_in(conn, out);
            }
            FromTracker::Contact { contact } => {
                self.member.told_of.insert(contact.name);
            }
            FromTracker::Whois { contact, .. } => {
                self.member.told_of.insert(contact.name);
            }
            FromTracker::Room { room } => {
                let (id, name) = (room.record.id(), room.record.name);
                let members = room.members.iter().cloned().collect();
                self.member.rooms.insert(id, Stay { members, name });
                for link in self.links() {
                    self.greet_room(link, id, out);
                }
            }
            FromTracker::RoomChanged { room, what, user, .. } => self.on_room_changed(room, what, user, out),
            FromTracker::Bye { .. } => self.close(conn, CloseHow::Flush, out),
            _ => {}
        }
    }

    fn on_room_changed(&mut self, room: RoomId, what: RoomEvent, user: Name, out: &mut Out) {
        let is_over = what == RoomEvent::Deleted
            || (matches!(what, RoomEvent::Left | RoomEvent::Evicted) && user == self.start.name);
        if is_over {
            self.member.rooms.remove(&room);
        } else if let Some(stay) = self.member.rooms.get_mut(&room) {
            match what {
                RoomEvent::Created | RoomEvent::Joined => {
                    stay.members.insert(user);
                    for link in self.links() {
                        self.greet_room(link, room, out);
                    }
                }
                RoomEvent::Left | RoomEvent::Evicted | RoomEvent::Deleted => {
                    stay.members.remove(&user);
                }
                RoomEvent::Owner => {}
            }
        }
    }

    fn greet_room(&mut self, link: ConnId, room: RoomId, out: &mut Out) {
        let heads = List::truncated(Vec::new());
        self.say_to_peer(link, &ToPeer::RoomHello { room, have: Have::default(), heads }, out);
    }

    pub(super) fn on_peer_message(&mut self, conn: ConnId, by: Key, message: &[u8], out: &mut Out) {
        let Ok(message) = ToPeer::from_bytes(message) else { return };
        let Some(line) = self.lines.get(&conn) else { return };
        let Some(to) = line.opening.as_ref().map(|opening| opening.identity.key()) else { return };
        let answers = line.part == Part::Link;
        match message {
            ToPeer::Ping { nonce } if answers => {
                self.say_to_peer(conn, &ToPeer::Pong { nonce }, out);
            }
            ToPeer::Hello { .. } => {
                if let Some(line) = self.lines.get_mut(&conn) {
                    line.greeted = true;
                }
                if answers {
                    for room in self.member.rooms.keys().copied().collect::<Vec<_>>() {
                        self.greet_room(conn, room, out);
                    }
                }
            }
            ToPeer::Entry { entry } => {
                let Entry { room, log, seq, body: Body::Text { text }, .. } = &entry.entry;
                let (room, have) = (*room, Have { log: *log, seq: *seq });
                let (id, text) = (entry.entry.id().to_string(), text.as_str().to_owned());
                out.notify(Notice::Learned(Learned { id, to, by, room: Some(room), text }));
                if self.member.heard.len() == HEARD_MAX {
                    self.member.heard.pop_front();
                }
                self.member.heard.push_back(entry);
                if answers && !self.has(Habit::NeverAcks) {
                    self.say_to_peer(conn, &ToPeer::EntryAck { room, have }, out);
                }
            }
            ToPeer::Private { message } => {
                let have = Have { log: message.log, seq: message.seq };
                let id = private_id(&by, have.log, have.seq);
                out.notify(Notice::Learned(Learned { id, to, by, room: None, text: message.text.into_string() }));
                if answers && !self.has(Habit::NeverAcks) {
                    self.say_to_peer(conn, &ToPeer::PrivateAck { have }, out);
                }
            }
            ToPeer::Offer { transfer, .. } => self.files.on_offer(transfer),
            ToPeer::Accept { transfer, stream, offset, .. } => self.files.on_accept(conn, transfer, stream, offset),
            ToPeer::Bye { .. } => self.close(conn, CloseHow::Flush, out),
            _ => {}
        }
    }

    // What it says.

    /// A text that nobody said before; now and then one that wants to be taken for something else.
    pub(super) fn next_text(&mut self) -> Said {
        self.member.texts += 1;
        let number = self.member.texts;
        let rest = match self.luck.below(6) {
            0 => "\u{1b}[2J\u{1b}]0;owned\u{7}".to_owned(),
            1 => format!("\n10:00 {}: forged", self.start.name),
            2 => "\u{202e}\u{2028}\u{85}".to_owned(),
            3 => "x".repeat(11_000),
            _ => String::new(),
        };
        Said::new(format!("{INTRUSION} {number} {rest}")).expect("it is below the bound")
    }

    /// One of the rooms that it is in.
    pub(super) fn pick_room(&mut self) -> Option<RoomId> {
        let rooms = self.member.rooms.keys().copied().collect::<Vec<_>>();
        if rooms.is_empty() { None } else { Some(*self.luck.pick(&rooms)) }
    }

    /// A log that it has not used yet.
    pub(super) const fn next_log(&mut self) -> u64 {
        self.member.logs += 1;
        LOG + self.member.logs
    }

    /// Its next entry in a room, as it should be.
    pub(super) fn next_entry(&mut self, room: RoomId) -> Entry {
        let text = self.next_text();
        let (seq, former) = self.member.said.entry(room).or_default();
        *seq += 1;
        Entry {
            room,
            author: self.start.identity.key(),
            log: LOG,
            seq: *seq,
            parents: Parents::new(former.iter().copied().collect()),
            at: papo_proto::time::Wall(1_767_268_800_000),
            body: Body::Text { text },
        }
    }

    /// Its next message outside of rooms, as it should be.
    pub(super) fn next_private(&mut self) -> PrivateMessage {
        self.member.said_outside += 1;
        PrivateMessage {
            log: LOG,
            seq: self.member.said_outside,
            scope: if self.luck.chance(0.5) { Scope::All } else { Scope::Private },
            at: papo_proto::time::Wall(1_767_268_800_000),
            text: self.next_text(),
        }
    }

    /// Says an entry to everyone to whom there is a link.
    pub(super) fn spread(&mut self, entry: &SignedEntry, out: &mut Out) {
        self.member.said.entry(entry.entry.room).or_default().1 = Some(entry.entry.id());
        for link in self.links() {
            self.say_to_peer(link, &ToPeer::Entry { entry: entry.clone() }, out);
        }
    }

    /// Says goodbye.
    pub(super) fn say_bye(&mut self, conn: ConnId, reason: Goodbye, out: &mut Out) {
        self.say_to_peer(conn, &ToPeer::Bye { reason }, out);
    }
}
