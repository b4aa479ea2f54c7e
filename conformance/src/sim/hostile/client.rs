//! What a client can do to a tracker that has let it in, or is about to.

use std::{net::SocketAddr, time::Duration};

use papo_proto::{
    channel::Preface,
    machine::CloseHow,
    names::Name,
    wire::{
        codec::Wire as _,
        tracker::{
            Claimed, PROFILE_BYTES_MAX, PasswordHash, Prefix, Profile, STATUS_BYTES_MAX, Status, StatusText, ToTracker,
        },
    },
};

use super::{
    INTRUDER,
    line::{Beat, Part, Tamper},
    machine::{Hostile, Out},
};
use crate::sim::cast::{BYSTANDER, MARK, PEER_PORT, name};

/// Requests in one crowd.
const CROWD: usize = 200;
/// Passwords that are guessed at once.
const GUESSES: usize = 5;
/// Failures after which a tracker has heard enough, and some more.
const FAILURES: usize = 12;

impl Hostile {
    fn dial_tracker(&mut self, script: Vec<Beat>, out: &mut Out) {
        let to = self.luck.pick(&self.start.trackers).address;
        self.dial_as_nobody(to, Preface::Tracker, Part::Stranger, Tamper::None, script, out);
    }

    /// A connection of its own account's beside the session; the script follows the login.
    fn dial_account(&mut self, rest: Vec<Beat>, out: &mut Out) {
        let to = self.start.trackers[0].address;
        let (request, claimed) = (self.next_request(), self.claimed());
        let login = ToTracker::LoginKey { request, name: self.start.name.clone(), claimed };
        let mut script = vec![Beat::Sealed(login.to_bytes()), Beat::Wait(Duration::from_millis(500))];
        script.extend(rest);
        self.dial_as_itself(to, Preface::Tracker, Part::Stranger, script, out);
    }

    /// A name of a room or a person, or of nobody.
    fn any_name(&mut self) -> Name {
        match self.luck.below(4) {
            0 if !self.start.rooms.is_empty() => self.luck.pick(&self.start.rooms).clone(),
            1 => self.pick_name().unwrap_or_else(|| self.start.name.clone()),
            2 => name(&format!("{MARK}-{INTRUDER}-{}", self.luck.below(8))),
            _ => name(&format!("{INTRUDER}~{:08x}", self.luck.below(1 << 30))),
        }
    }
}

pub(super) fn before_login(node: &mut Hostile, out: &mut Out) {
    let script = (0..FAILURES).map(|_| {
        let request = node.next_request();
        let message = match node.luck.below(4) {
            0 => ToTracker::ListPeers { request, prefix: Prefix::default(), after: None },
            1 => ToTracker::Logout { request },
            2 => ToTracker::Join { request, name: node.any_name(), plaintext: false },
            _ => ToTracker::WhoisKey { request, key: node.next_key() },
        };
        Beat::Sealed(message.to_bytes())
    });
    let script = script.collect();
    node.dial_tracker(script, out);
}

pub(super) fn no_messages(node: &mut Hostile, out: &mut Out) {
    let message = match node.luck.below(3) {
        0 => vec![0],
        1 => node.next_bytes(600),
        // Longer than anything may be that is said before login.
        _ => vec![1; 4_000],
    };
    node.dial_tracker(vec![Beat::Sealed(message)], out);
}

/// Only names of people who have one already: it is not to take anyone's.
pub(super) fn look_alikes(node: &mut Hostile, out: &mut Out) {
    let told_of = node.member.told_of.iter().cloned().collect::<Vec<_>>();
    if told_of.is_empty() {
        let (request, person) = (node.next_request(), node.pick_name());
        let Some(name) = person else { return };
        return node.say_to_tracker(&ToTracker::WhoisName { request, name }, out);
    }
    let model = node.luck.pick(&told_of).clone();
    let text = match node.luck.below(3) {
        0 => model.as_str().replace('a', "\u{430}"),
        1 => model.as_str().to_uppercase(),
        _ => model.as_str().replace('o', "0").replace('l', "I").replace('a', "\u{ff41}"),
    };
    let (Ok(name), request) = (Name::new(&text), node.next_request()) else { return };
    if name.skeleton() != model.skeleton() {
        return;
    }
    let password = PasswordHash(node.luck.next_seed().0);
    let claimed = node.claimed();
    let message = ToTracker::Register { request, name, password, token: None, claimed };
    let to = node.start.trackers[0].address;
    let script = vec![Beat::Sealed(message.to_bytes())];
    node.dial_as_nobody(to, Preface::Tracker, Part::Stranger, Tamper::None, script, out);
}

pub(super) fn guesses(node: &mut Hostile, out: &mut Out) {
    let script = (0..GUESSES).filter_map(|_| {
        let (request, name) = (node.next_request(), node.pick_name()?);
        let password = PasswordHash(node.luck.next_seed().0);
        let claimed = node.claimed();
        let message = match node.luck.chance(0.8) {
            true => ToTracker::LoginPassword { request, name, password, claimed },
            false => ToTracker::LoginKey { request, name, claimed },
        };
        Some(Beat::Sealed(message.to_bytes()))
    });
    let script = script.collect();
    node.dial_tracker(script, out);
}

pub(super) fn log_in_twice(node: &mut Hostile, out: &mut Out) {
    let wait = node.next_wait(Duration::from_millis(1), Duration::from_secs(3));
    node.dial_account(vec![wait, Beat::Close(CloseHow::Abort)], out);
}

pub(super) fn requests(node: &mut Hostile, out: &mut Out) {
    for _ in 0..CROWD {
        let request = node.next_request();
        let message = match node.luck.below(3) {
            0 => ToTracker::ListPeers { request, prefix: Prefix::default(), after: None },
            1 => ToTracker::SetStatus { request, status: Status::Busy, text: StatusText::default() },
            _ => ToTracker::WhoisKey { request, key: node.next_key() },
        };
        node.say_to_tracker(&message, out);
    }
}

pub(super) fn meddling(node: &mut Hostile, out: &mut Out) {
    let mine = |name: &Name| super::is_of(name);
    let (request, name) = (node.next_request(), node.any_name());
    let is_in = node.member.rooms.values().any(|stay| stay.name == name);
    let message = match node.luck.below(7) {
        // Of a room in which it is, it might be the owner by now.
        0 if !is_in => ToTracker::Delete { request, name },
        1 if !is_in => ToTracker::Leave { request, name },
        2 if mine(&name) => {
            let capacity = *node.luck.pick(&[0, 1, 256, 257, u16::MAX]);
            ToTracker::Create { request, name, capacity, nonce: [6; 16], flags: *node.luck.pick(&[0, 1, 2, 0xff]) }
        }
        3 => ToTracker::SetStatus { request, status: Status::Offline, text: StatusText::default() },
        4 => ToTracker::WhoisName { request, name },
        5 => ToTracker::ListRooms { request, prefix: Prefix::default(), after: Some(name) },
        _ => ToTracker::Register {
            request,
            name,
            password: PasswordHash(node.luck.next_seed().0),
            token: None,
            claimed: node.claimed(),
        },
    };
    node.say_to_tracker(&message, out);
}

pub(super) fn third_parties(node: &mut Hostile, out: &mut Out) {
    let ports = [PEER_PORT, 22, 25, 80, 0];
    let claimed = ports.map(|port| SocketAddr::new(BYSTANDER, port));
    let message = ToTracker::Moved { claimed: Claimed::truncated(claimed.to_vec()) };
    node.say_to_tracker(&message, out);
    // And back, so that it can be dialled.
    if node.luck.chance(0.5) {
        let message = ToTracker::Moved { claimed: node.claimed() };
        node.say_to_tracker(&message, out);
    }
}

pub(super) fn graffiti(node: &mut Hostile, out: &mut Out) {
    let ugly = "\u{1b}[31m\n\u{202e}\u{7}";
    let fill = |most: usize| ugly.repeat(most / ugly.len());
    let (request, text) = (node.next_request(), StatusText::new(fill(STATUS_BYTES_MAX)).unwrap_or_default());
    node.say_to_tracker(&ToTracker::SetStatus { request, status: Status::Away, text }, out);
    let (request, text) = (node.next_request(), Profile::new(fill(PROFILE_BYTES_MAX)).unwrap_or_default());
    node.say_to_tracker(&ToTracker::SetProfile { request, text }, out);
}

pub(super) fn half_frame(node: &mut Hostile, out: &mut Out) {
    let Some(session) = node.session() else { return };
    let half = [&[0, 100][..], &node.next_bytes(40)].concat();
    node.add_beats(session, [Beat::Raw(half), Beat::Hush], out);
}

pub(super) fn slow_reader(node: &mut Hostile, out: &mut Out) {
    let Some(session) = node.session() else { return };
    node.add_beats(session, [Beat::Deaf], out);
    for _ in 0..CROWD {
        let request = node.next_request();
        node.say_to_tracker(&ToTracker::ListRooms { request, prefix: Prefix::default(), after: None }, out);
    }
}

/// The session or a link says nothing any more, whatever it is asked.
pub(super) fn mute(node: &mut Hostile, out: &mut Out) {
    let link = node.pick_link();
    if let Some(conn) = node.session().filter(|_| node.luck.chance(0.5)).or(link) {
        node.add_beats(conn, [Beat::Hush], out);
    }
}
