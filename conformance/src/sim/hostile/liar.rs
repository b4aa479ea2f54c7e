//! A tracker that lies: whoever logs in is welcome, and is told whatever comes to its mind.
//!
//! A tracker can always refuse, forget, and keep people apart; that is its trade. What it must not bring about is that
//! somebody takes another key for a person's, breaks off what stands between people, or holds more than it may.

use std::net::SocketAddr;

use papo_proto::{
    machine::ConnId,
    names::Name,
    time::Wall,
    wire::{
        codec::{List, Wire as _},
        room::{CreationRecord, RoomId},
        tracker::{
            Contact, Dialect, Failure, FromTracker, Goodbye, PAGE_ROWS_MAX, PeerRow, Profile, ROOM_CAPACITY_MAX,
            RoomEvent, RoomRow, RoomState, Status, StatusText, ToTracker,
        },
    },
};

use super::{
    HOST, INTRUDER,
    line::Part,
    machine::{Hostile, Out},
};
use crate::sim::cast::{PEER_PORT, name};

/// Changes of rooms that nobody knows, at once.
const CHANGES: usize = 200;

impl Hostile {
    /// Says something as a tracker.
    fn say_as_tracker(&mut self, conn: ConnId, message: &FromTracker, out: &mut Out) {
        self.say(conn, &message.to_bytes(), out);
    }

    pub(super) fn on_client_message(&mut self, conn: ConnId, message: &[u8], out: &mut Out) {
        let Ok(message) = ToTracker::from_bytes(message) else { return };
        let answer = match message {
            ToTracker::Ping { nonce } => FromTracker::Pong { nonce },
            ToTracker::Register { request, name, .. }
            | ToTracker::LoginPassword { request, name, .. }
            | ToTracker::LoginKey { request, name, .. } => {
                if let Some(line) = self.lines.get_mut(&conn) {
                    line.greeted = true;
                }
                let (seen, wall) = (SocketAddr::new(HOST, 1), Wall(self.luck.next_u64()));
                self.say_as_tracker(conn, &FromTracker::Welcome { request, name, seen, wall }, out);
                FromTracker::Synced
            }
            ToTracker::ListPeers { request, .. } => self.crowd(request),
            ToTracker::ListRooms { request, .. } => self.rows(request),
            ToTracker::WhoisName { request, name } => self.false_whois(request, name),
            ToTracker::WhoisKey { request, .. } => {
                let name = self.any_person();
                self.false_whois(request, name)
            }
            ToTracker::Logout { request }
            | ToTracker::SetStatus { request, .. }
            | ToTracker::SetProfile { request, .. }
            | ToTracker::SetPlaintext { request, .. }
            | ToTracker::Create { request, .. }
            | ToTracker::Join { request, .. }
            | ToTracker::Leave { request, .. }
            | ToTracker::Delete { request, .. } => match self.luck.chance(0.5) {
                true => FromTracker::Done { request },
                false => FromTracker::Failed { request, failure: *self.luck.pick(Failure::ALL) },
            },
            ToTracker::Pong { .. } | ToTracker::Moved { .. } | ToTracker::Bye { .. } => return,
        };
        self.say_as_tracker(conn, &answer, out);
    }

    fn any_person(&mut self) -> Name {
        match self.pick_name().filter(|_| self.luck.chance(0.8)) {
            Some(name) => name,
            None => name(&format!("{INTRUDER}{}", self.luck.below(1 << 20))),
        }
    }

    /// Somebody under another's key, or whose endpoints are this node's.
    fn false_contact(&mut self, name: Name) -> Contact {
        let true_key = self.start.people.iter().find(|person| person.name == name).map(|person| person.key);
        let key = match self.luck.below(3) {
            0 => None,
            1 => true_key,
            _ => Some(self.next_key()),
        };
        Contact {
            name,
            key,
            dialect: *self.luck.pick(Dialect::ALL),
            status: *self.luck.pick(Status::ALL),
            status_text: StatusText::new("\u{1b}[2J").unwrap_or_default(),
            endpoints: List::truncated(vec![SocketAddr::new(HOST, PEER_PORT)]),
            last_seen: Wall(u64::MAX),
        }
    }

    fn false_whois(&mut self, request: u32, name: Name) -> FromTracker {
        FromTracker::Whois {
            request,
            contact: self.false_contact(name),
            profile: Profile::new("\u{202e}".repeat(300)).unwrap_or_default(),
            plaintext: true,
        }
    }

    /// Pages without end, always of the same names.
    fn crowd(&mut self, request: u32) -> FromTracker {
        let rows = (0..PAGE_ROWS_MAX).map(|_| {
            let name = self.any_person();
            PeerRow { contact: self.false_contact(name), room: None }
        });
        FromTracker::Peers { request, rows: List::truncated(rows.collect()), more: true }
    }

    fn rows(&mut self, request: u32) -> FromTracker {
        let rows = (0..PAGE_ROWS_MAX).map(|_| RoomRow {
            name: self.any_person(),
            owner: self.any_person(),
            capacity: 0,
            flags: 0xff,
            members: List::truncated(Vec::new()),
        });
        FromTracker::Rooms { request, rows: List::truncated(rows.collect()), more: true }
    }

    fn false_room(&mut self) -> RoomState {
        let room_name = match self.start.rooms.first().cloned().filter(|_| self.luck.chance(0.5)) {
            Some(known) => known,
            None => self.any_person(),
        };
        let record = CreationRecord {
            nonce: [self.luck.below(4) as u8; 16],
            name: room_name,
            owner: self.next_key(),
            tracker: if self.luck.chance(0.5) { self.start.identity.key() } else { self.next_key() },
            flags: 0,
        };
        let members = (0..1 + self.luck.below(ROOM_CAPACITY_MAX)).map(|_| self.any_person());
        let members = members.collect();
        RoomState {
            record,
            owner: self.any_person(),
            capacity: 1,
            epoch: *self.luck.pick(&[0, 1, u64::MAX]),
            members: List::truncated(members),
        }
    }
}

/// One more lie to everyone who is logged in here.
pub(super) fn lie(node: &mut Hostile, out: &mut Out) {
    let told = |line: &super::line::Line| line.part == Part::Client && line.greeted;
    let clients = node.lines.iter().filter(|(_, line)| told(line)).map(|(conn, _)| *conn).collect::<Vec<_>>();
    for conn in clients {
        let lie = match node.luck.below(9) {
            0 | 1 => {
                let name = node.any_person();
                FromTracker::Contact { contact: node.false_contact(name) }
            }
            2 | 3 => FromTracker::Room { room: node.false_room() },
            4 => {
                let what = *node.luck.pick(RoomEvent::ALL);
                for _ in 0..CHANGES {
                    let (room, user) = (RoomId(node.next_id().0), node.any_person());
                    let message = FromTracker::RoomChanged { room, epoch: u64::MAX, what, user };
                    node.say_as_tracker(conn, &message, out);
                }
                // And of one that it told of before.
                let room = node.false_room();
                let user = node.any_person();
                FromTracker::RoomChanged { room: room.record.id(), epoch: 0, what, user }
            }
            5 => FromTracker::Done { request: node.luck.below(100) as u32 },
            6 => node.crowd(0),
            7 => FromTracker::Synced,
            _ => FromTracker::Bye { reason: *node.luck.pick(Goodbye::ALL) },
        };
        node.say_as_tracker(conn, &lie, out);
    }
}
