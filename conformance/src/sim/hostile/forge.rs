//! What a member of the people's rooms can do to them.

use std::time::Duration;

use papo_proto::{
    channel::Preface,
    machine::ConnId,
    time::Wall,
    wire::{
        codec::{List, Wire as _},
        peer::{Have, ToPeer},
        room::{Body, EntryId, PARENTS_MAX, Parents, RoomId, SignedEntry},
        tracker::Goodbye,
    },
};

use super::{
    line::{Beat, Part, Tamper},
    machine::{Hostile, Out},
};

/// Entries that wait for what nobody said, at once.
const ORPHANS: usize = 60;
/// Rooms that do not exist, at once; now and then that is more than a link remembers.
const ROOM_HELLOS: usize = 600;
/// A key is replaced after 65,536 messages.
const REKEY_MESSAGES: usize = 66_000;
/// How often that is done: it costs more than all else together.
const REKEY_SHARE: f64 = 0.02;

impl Hostile {
    fn say_entry(&mut self, link: ConnId, entry: SignedEntry, out: &mut Out) {
        self.say_to_peer(link, &ToPeer::Entry { entry }, out);
    }

    /// A link to somebody under another identity, with a greeting of its own.
    fn dial_person(&mut self, script: Vec<Beat>, out: &mut Out) {
        if self.start.people.is_empty() {
            return;
        }
        let to = self.luck.pick(&self.start.people).address;
        self.dial_as_nobody(to, Preface::Peer, Part::Stranger, Tamper::None, script, out);
    }
}

pub(super) fn talk(node: &mut Hostile, out: &mut Out) {
    match node.pick_room().filter(|_| node.luck.chance(0.7)) {
        Some(room) => {
            let entry = node.next_entry(room).sign(&node.start.identity);
            node.spread(&entry, out);
        }
        None => {
            let Some(link) = node.pick_link() else { return };
            let message = node.next_private();
            node.say_to_peer(link, &ToPeer::Private { message }, out);
        }
    }
}

pub(super) fn hello_twice(node: &mut Hostile, out: &mut Out) {
    if let Some(link) = node.pick_link() {
        node.greet(link, out);
    }
}

/// Whoever has no tracker takes any name for a label, so there it claims the name of the one whom it dials.
pub(super) fn false_hello(node: &mut Hostile, out: &mut Out) {
    if node.start.people.is_empty() {
        return;
    }
    let to = node.luck.pick(&node.start.people).clone();
    let name = match to.has_account {
        true => node.luck.pick(&node.start.people).name.clone(),
        false => to.name,
    };
    let tracker = match node.luck.below(3) {
        0 => None,
        1 => Some(node.next_key()),
        _ => node.lines.values().find(|line| line.part == Part::Session).and_then(|line| line.key),
    };
    let have = Have { log: node.luck.next_u64(), seq: u64::MAX };
    let message = node.next_private();
    let script = vec![
        Beat::Sealed(ToPeer::Hello { name, tracker, have, instance: 0, port: 0 }.to_bytes()),
        node.next_wait(Duration::from_millis(1), Duration::from_secs(5)),
        Beat::Sealed(ToPeer::Private { message }.to_bytes()),
    ];
    node.dial_as_nobody(to.address, Preface::Peer, Part::Stranger, Tamper::None, script, out);
}

pub(super) fn before_hello(node: &mut Hostile, out: &mut Out) {
    let message = match node.luck.below(4) {
        0 => ToPeer::Ping { nonce: 1 },
        1 => ToPeer::Private { message: node.next_private() },
        2 => ToPeer::PrivateAck { have: Have { log: 1, seq: u64::MAX } },
        _ => ToPeer::RoomHello {
            room: RoomId(node.next_id().0),
            have: Have::default(),
            heads: List::truncated(Vec::new()),
        },
    };
    node.dial_person(vec![Beat::Sealed(message.to_bytes())], out);
}

pub(super) fn forgeries(node: &mut Hostile, out: &mut Out) {
    let (Some(link), Some(room)) = (node.pick_link(), node.pick_room()) else { return };
    let mut signed = node.next_entry(room).sign(&node.start.identity);
    if node.luck.chance(0.5) && !node.start.people.is_empty() {
        // Somebody else's name under its own signature.
        signed.entry.author = node.luck.pick(&node.start.people).key;
    } else {
        let byte = node.luck.below(64);
        signed.signature[byte] ^= 1;
    }
    node.say_entry(link, signed, out);
}

pub(super) fn hearsay(node: &mut Hostile, out: &mut Out) {
    let heard = node.member.heard.iter().cloned().collect::<Vec<_>>();
    let Some(link) = node.pick_link() else { return };
    if heard.is_empty() {
        return;
    }
    let mut signed = node.luck.pick(&heard).clone();
    if node.luck.chance(0.7) {
        let text = node.next_text();
        signed.entry.body = Body::Text { text };
    }
    node.say_entry(link, signed, out);
}

pub(super) fn foreign_rooms(node: &mut Hostile, out: &mut Out) {
    let Some(link) = node.pick_link() else { return };
    // One that never was, or one that it has heard of and may have left.
    let left = node.member.heard.iter().map(|entry| entry.entry.room).find(|id| !node.member.rooms.contains_key(id));
    let room = left.unwrap_or(RoomId(node.next_id().0));
    let entry = node.next_entry(room).sign(&node.start.identity);
    node.say_entry(link, entry, out);
}

pub(super) fn numbers(node: &mut Hostile, out: &mut Out) {
    let (Some(link), Some(room)) = (node.pick_link(), node.pick_room()) else { return };
    let mut entry = node.next_entry(room);
    match node.luck.below(4) {
        0 => entry.seq += node.luck.between(1, 1_000),
        1 => entry.seq = entry.seq.saturating_sub(1),
        2 => entry.log = node.next_log(),
        _ => (entry.log, entry.seq) = (node.next_log(), u64::MAX),
    }
    let signed = entry.sign(&node.start.identity);
    node.say_entry(link, signed.clone(), out);
    if node.luck.chance(0.5) {
        node.say_entry(link, signed, out);
    }
}

pub(super) fn orphans(node: &mut Hostile, out: &mut Out) {
    let (Some(link), Some(room)) = (node.pick_link(), node.pick_room()) else { return };
    for _ in 0..ORPHANS {
        let mut entry = node.next_entry(room);
        entry.parents = Parents::new((0..PARENTS_MAX).map(|_| EntryId(node.next_id().0)).collect());
        let signed = entry.sign(&node.start.identity);
        node.say_entry(link, signed, out);
    }
}

pub(super) fn times(node: &mut Hostile, out: &mut Out) {
    let Some(link) = node.pick_link() else { return };
    let at = Wall(*node.luck.pick(&[0, 1, u64::MAX / 2, u64::MAX]));
    if let Some(room) = node.pick_room() {
        let mut entry = node.next_entry(room);
        entry.at = at;
        let signed = entry.sign(&node.start.identity);
        node.spread(&signed, out);
    }
    let mut message = node.next_private();
    message.at = at;
    node.say_to_peer(link, &ToPeer::Private { message }, out);
}

pub(super) fn false_acks(node: &mut Hostile, out: &mut Out) {
    let Some(link) = node.pick_link() else { return };
    let author = node.lines.get(&link).and_then(|line| line.key);
    let heard = node.member.heard.iter().rev().find(|entry| Some(entry.entry.author) == author);
    let log = heard.map_or(1, |entry| entry.entry.log);
    let log = if node.luck.chance(0.5) { log } else { node.luck.next_u64() };
    let have = Have { log, seq: *node.luck.pick(&[0, 1, 1_000, u64::MAX]) };
    let room = node.pick_room().filter(|_| node.luck.chance(0.7)).unwrap_or(RoomId(node.next_id().0));
    node.say_to_peer(link, &ToPeer::EntryAck { room, have }, out);
    node.say_to_peer(link, &ToPeer::PrivateAck { have }, out);
    node.say_to_peer(link, &ToPeer::RoomHello { room, have, heads: List::truncated(Vec::new()) }, out);
}

pub(super) fn private_numbers(node: &mut Hostile, out: &mut Out) {
    let Some(link) = node.pick_link() else { return };
    let mut message = node.next_private();
    match node.luck.below(4) {
        0 => message.seq += node.luck.between(1, 1_000),
        1 => message.seq = 0,
        2 => message.log = node.next_log(),
        _ => (message.log, message.seq) = (node.next_log(), u64::MAX),
    }
    for _ in 0..2 {
        node.say_to_peer(link, &ToPeer::Private { message: message.clone() }, out);
    }
}

pub(super) fn room_hellos(node: &mut Hostile, out: &mut Out) {
    let Some(link) = node.pick_link() else { return };
    let known = node.pick_room().filter(|_| node.luck.chance(0.5));
    for _ in 0..ROOM_HELLOS {
        let room = known.unwrap_or(RoomId(node.next_id().0));
        let heads = List::truncated(vec![EntryId(node.next_id().0)]);
        let have = Have { log: node.luck.next_u64(), seq: node.luck.next_u64() };
        node.say_to_peer(link, &ToPeer::RoomHello { room, have, heads }, out);
    }
}

pub(super) fn rekeys(node: &mut Hostile, out: &mut Out) {
    let Some(link) = node.pick_link() else { return };
    if node.luck.chance(REKEY_SHARE) {
        for nonce in 0..REKEY_MESSAGES {
            node.say_to_peer(link, &ToPeer::Pong { nonce: nonce as u64 }, out);
        }
    }
    let message = node.next_private();
    node.say_to_peer(link, &ToPeer::Private { message }, out);
}

pub(super) fn bye_and_on(node: &mut Hostile, out: &mut Out) {
    let Some(link) = node.pick_link() else { return };
    // After some of these, a person would be left alone by it for good: that is its own affair.
    let reason = *node.luck.pick(Goodbye::ALL);
    node.say_bye(link, reason, out);
    let message = node.next_private();
    node.say_to_peer(link, &ToPeer::Private { message }, out);
    node.greet(link, out);
}

pub(super) fn link_twice(node: &mut Hostile, out: &mut Out) {
    let Some(key) = node.pick_link().and_then(|link| node.lines.get(&link)?.key) else { return };
    let Some(to) = node.start.people.iter().find(|person| person.key == key).map(|person| person.address) else {
        return;
    };
    node.dial_as_itself(to, Preface::Peer, Part::Link, Vec::new(), out);
}

pub(super) fn deaf_links(node: &mut Hostile, out: &mut Out) {
    let Some(link) = node.pick_link() else { return };
    node.add_beats(link, [Beat::Deaf], out);
}
