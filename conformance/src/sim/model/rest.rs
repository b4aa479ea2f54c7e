//! What holds when everything has come to rest.

use std::{collections::BTreeMap, time::Duration};

use papo_proto::{
    limits::Limits,
    names::Name,
    peer::{
        Notice, Request,
        interface::{PeerSeen, RoomSeen},
    },
    time::Time,
    wire::tracker::Status,
};

use super::{
    Found, Invariant, Rest,
    known::Known,
    messages::Messages,
    requests::{Asked, Done, Requests, Session},
};
use crate::{
    sim::cast::{PersonId, TrackerId},
    world::{NodeId, fact::Fact},
};

/// See the [module](self).
pub(super) const ONE_LINK_A_PAIR: Invariant =
    ("one link a pair", "at rest one connection stands between two who share a room, and never two between anyone");
/// See the [module](self).
pub(super) const PRESENCE: Invariant =
    ("presence", "at rest whoever wants to be logged in is, and everyone sees exactly those who are");
/// See the [module](self).
pub(super) const ROOMS_AS_KEPT: Invariant = (
    "rooms as kept",
    "at rest everyone sees rooms, owners, members in their order and capacities as the tracker keeps them",
);
/// See the [module](self).
pub(super) const EVERYTHING_ARRIVES: Invariant = (
    "everything arrives",
    "at rest what was said has been shown to everyone to whom it was said, and its author was told so, or told that not",
);
/// See the [module](self).
pub(super) const EVERYTHING_ANSWERED: Invariant =
    ("everything answered", "at rest no request has been open for longer than requests may take");

/// The last answers of a process, and when they were asked for.
#[derive(Debug, Default)]
struct Seen {
    /// The last list, until its outcome says whether it was whole.
    last: Option<Notice>,
    peers: Option<(Time, Vec<PeerSeen>)>,
    rooms: Option<(Time, Vec<RoomSeen>)>,
    users: BTreeMap<Name, (Time, Vec<PeerSeen>)>,
}

/// What people last saw.
#[derive(Debug, Default)]
pub(super) struct Answers {
    seen: BTreeMap<NodeId, Seen>,
    now: Time,
}

impl Answers {
    pub(super) fn on_told(&mut self, fact: &Fact, notice: &Notice) {
        self.now = fact.at;
        if matches!(notice, Notice::Peers { .. } | Notice::Rooms { .. } | Notice::Users { .. }) {
            self.seen.entry(fact.node).or_default().last = Some(notice.clone());
        }
    }

    /// A request is done. A list stands right before the outcome of its request.
    pub(super) fn on_done(&mut self, fact: &Fact, done: &Done) {
        let Some(seen) = self.seen.get_mut(&fact.node) else { return };
        let at = done.asked.at;
        match (&done.asked.request, seen.last.take()) {
            (Request::Peers { prefix }, Some(Notice::Peers { peers })) if prefix.is_empty() => {
                seen.peers = Some((at, peers));
            }
            (Request::Rooms { prefix }, Some(Notice::Rooms { rooms })) if prefix.is_empty() => {
                seen.rooms = Some((at, rooms));
            }
            (Request::Users { room: Some(room) }, Some(Notice::Users { users, .. })) => {
                seen.users.insert(room.clone(), (at, users));
            }
            _ => {}
        }
    }
}

/// All that can be looked at.
pub(super) struct View<'a> {
    pub(super) known: &'a Known,
    pub(super) requests: &'a Requests,
    pub(super) messages: &'a Messages,
    pub(super) answers: &'a Answers,
}

/// Checks what holds at rest.
pub(super) fn check(view: &View<'_>, rest: &Rest, found: &mut Found) {
    for &person in &rest.core {
        view.check_answered(person, found);
        view.check_session(person, found);
        view.check_seen(person, &rest.core, found);
        view.check_tally(person, found);
        view.check_shown(person, found);
        for &other in rest.core.iter().filter(|other| **other != person) {
            view.check_arrived(person, other, found);
        }
    }
    view.check_links(rest, found);
}

/// How long a request may take: whom it is about is asked for first; then it is asked or waited for; or a dial and a
/// handshake.
const fn request_max(limits: &Limits) -> Duration {
    Duration::from_millis(
        2 * limits.request_ms_max + limits.drain_ms_max + 2 * limits.dial_ms_max + 2 * limits.handshake_ms_max,
    )
}

impl View<'_> {
    /// Which account someone has a session with, and where.
    fn logged_in(&self, person: PersonId) -> Option<(TrackerId, &Name)> {
        let (_, process) = self.requests.running(person)?;
        let account = process.account.as_ref().filter(|_| process.session == Session::Up && !process.is_stopped())?;
        Some((self.known.who.cast.people[person].tracker?, account))
    }

    fn check_answered(&self, person: PersonId, found: &mut Found) {
        let Some((_, process)) = self.requests.running(person) else { return };
        let Some(Asked { at, request, .. }) = process.oldest_open() else { return };
        let limits = &self.known.who.cast.people[person].limits;
        found.check(self.answers.now.since(*at) <= request_max(limits), EVERYTHING_ANSWERED, || {
            format!("person {person} waits for an answer to {request:?} since {at:?}")
        });
    }

    fn check_session(&self, person: PersonId, found: &mut Found) {
        let Some((_, process)) = self.requests.running(person) else { return };
        found.check(process.session != Session::Away || process.is_stopped(), PRESENCE, || {
            format!("person {person} lost its tracker and is not logged in again")
        });
    }

    fn check_seen(&self, person: PersonId, core: &[PersonId], found: &mut Found) {
        let Some((tracker, account)) = self.logged_in(person) else { return };
        let Some((node, _)) = self.requests.running(person) else { return };
        let directory = &self.known.directories[tracker];
        let limits = &self.known.who.cast.people[person].limits;
        let Some(seen) = self.answers.seen.get(&node) else { return };
        let recent = |at: &Time| *at >= directory.changed;
        if let Some((_, peers)) =
            seen.peers.as_ref().filter(|(at, peers)| recent(at) && peers.len() < limits.contacts_max)
        {
            for &other in core {
                let Some((at, name)) = self.logged_in(other) else { continue };
                let there = peers.iter().any(|peer| peer.user == *name && peer.status != Status::Offline);
                found.check(at != tracker || there, PRESENCE, || {
                    format!("person {person} does not see person {other}, who is logged in as {name:?}")
                });
            }
        }
        if let Some((_, rooms)) =
            seen.rooms.as_ref().filter(|(at, rooms)| recent(at) && rooms.len() < limits.contacts_max)
        {
            let kept = directory.rooms.values().map(|room| {
                let members = room.members.iter().map(|(member, _)| member.clone()).collect();
                (room.name.clone(), (room.owner.clone(), room.capacity, members))
            });
            let kept = kept.collect::<BTreeMap<Name, (Name, u16, Vec<Name>)>>();
            let told = rooms
                .iter()
                .map(|room| (room.room.clone(), (room.owner.clone(), room.capacity, room.members.clone())))
                .collect::<BTreeMap<_, _>>();
            found.check(kept == told, ROOMS_AS_KEPT, || {
                format!("person {person} sees the rooms {told:?}, and the tracker keeps {kept:?}")
            });
        }
        for room in directory.rooms.values() {
            let Some((_, users)) = seen.users.get(&room.name).filter(|(at, _)| recent(at)) else { continue };
            let members = room.members.iter().map(|(member, _)| member).collect::<Vec<_>>();
            if members.contains(&account) {
                let told = users.iter().map(|user| &user.user).collect::<Vec<_>>();
                found.check(members == told, ROOMS_AS_KEPT, || {
                    format!("person {person} sees {told:?} in {:?}, and the tracker keeps {members:?}", room.name)
                });
            }
        }
    }

    /// What was acknowledged was told, and what is dropped as well.
    fn check_tally(&self, person: PersonId, found: &mut Found) {
        let Some((node, _)) = self.requests.running(person) else { return };
        let tally = self.messages.tally(node);
        found.check(tally.acknowledged == tally.delivered, EVERYTHING_ARRIVES, || {
            format!(
                "person {person} had {} acknowledgements and was told of {} deliveries",
                tally.acknowledged, tally.delivered
            )
        });
        found.check(tally.dropped <= tally.told_dropped, EVERYTHING_ARRIVES, || {
            format!(
                "{} messages of person {person} were dropped, and it was told of {}",
                tally.dropped, tally.told_dropped
            )
        });
    }

    /// What is on its disk was shown to it.
    fn check_shown(&self, person: PersonId, found: &mut Found) {
        if self.requests.running(person).is_none_or(|(_, process)| process.is_stopped()) {
            return;
        }
        for id in &self.known.disks[person].heard {
            let Some(message) = self.messages.message(id) else { continue };
            found.check(message.shown.contains(&self.known.who.keys[person]), EVERYTHING_ARRIVES, || {
                format!("person {person} keeps a message of person {} and was not shown it", message.author)
            });
        }
    }

    /// Nothing waits for somebody who can be reached.
    fn check_arrived(&self, person: PersonId, other: PersonId, found: &mut Found) {
        let key = &self.known.who.keys[other];
        let waiting = self.known.disks[person].waiting_for(key);
        let expected = self.can_talk(person, other) && self.someone_dials(person, other);
        found.check(waiting == 0 || !expected, EVERYTHING_ARRIVES, || {
            format!("{waiting} messages of person {person} wait for person {other}, who is there")
        });
    }

    /// Whether nothing keeps two from having a link: both have sessions with one tracker, know each other by their
    /// accounts, and do not refuse each other.
    fn can_talk(&self, one: PersonId, other: PersonId) -> bool {
        let (Some((here, mine)), Some((there, theirs))) = (self.logged_in(one), self.logged_in(other)) else {
            return false;
        };
        here == there && self.accepts(one, other, here, theirs) && self.accepts(other, one, here, mine)
    }

    /// Whether someone who has something for another has not been turned away, or the other dials.
    fn someone_dials(&self, person: PersonId, other: PersonId) -> bool {
        let (Some((tracker, mine)), Some((_, theirs))) = (self.logged_in(person), self.logged_in(other)) else {
            return false;
        };
        let called = self.requests.calls(other, mine) || self.share_room(tracker, mine, theirs);
        called || !self.requests.is_turned_away(person, theirs)
    }

    fn share_room(&self, tracker: TrackerId, one: &Name, other: &Name) -> bool {
        let has = |members: &[(Name, Time)], name: &Name| members.iter().any(|(member, _)| member == name);
        self.known.directories[tracker].rooms.values().any(|room| has(&room.members, one) && has(&room.members, other))
    }

    /// Whether someone talks to an account of its tracker: it has the pinned key, and neither is refused.
    fn accepts(&self, person: PersonId, other: PersonId, tracker: TrackerId, account: &Name) -> bool {
        let key = &self.known.who.keys[other];
        let directory = &self.known.directories[tracker];
        let current = directory.account(account).is_some_and(|account| account.keys.last() == Some(key));
        let disk = &self.known.disks[person];
        let held = self.requests.is_held(person, account);
        current && disk.is_pinned(account, key) && !disk.blocks(key) && !held
    }

    fn check_links(&self, rest: &Rest, found: &mut Found) {
        let count = |one: PersonId, other: PersonId| {
            let pair = (one.min(other), one.max(other));
            rest.links.iter().find(|(a, b, _)| (*a, *b) == pair).map_or(0, |(.., count)| *count)
        };
        for (one, other, count) in &rest.links {
            found.check(*count <= 1, ONE_LINK_A_PAIR, || {
                format!("{count} connections stand between person {one} and person {other}")
            });
        }
        for &one in &rest.core {
            for &other in rest.core.iter().filter(|other| **other > one) {
                let (Some((tracker, mine)), Some((_, theirs))) = (self.logged_in(one), self.logged_in(other)) else {
                    continue;
                };
                let share = self.share_room(tracker, mine, theirs);
                let linked = count(one, other) == 1;
                found.check(linked || !share || !self.can_talk(one, other), ONE_LINK_A_PAIR, || {
                    format!("person {one} and person {other} share a room and have no link")
                });
            }
        }
    }
}
