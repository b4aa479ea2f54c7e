//! In which order things are said and shown.
//!
//! Each entry has a clock: how far it follows each author's log, by the parents that it names. Whoever is shown an
//! entry must not be shown later what that one follows, unless it was told of a gap; and whoever says something must
//! name, through its parents, everything that it had seen.
//!
//! A gap that was shown covers everything that the entry follows: what stands behind it names that entry and needs no
//! gap of its own. So does the baseline of a newcomer, which need not wait for what was said before it came.

use std::collections::BTreeMap;

use papo_proto::{
    identity::Key,
    peer::change::Incoming,
    wire::room::{EntryId, RoomId, SignedEntry},
};

use super::{Found, Invariant, known::Known};
use crate::sim::cast::PersonId;

/// See the [module](self).
pub(super) const CAUSAL_ORDER: Invariant = (
    "causal order",
    "an author's messages are shown as they were said, and nothing is shown after what follows it but behind a gap",
);

/// How far the log of each device of the cast is followed, by number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Clock(Vec<u64>);

impl Clock {
    fn of(&self, author: usize) -> u64 {
        self.0.get(author).copied().unwrap_or_default()
    }

    fn merge(&mut self, other: &Self) {
        self.0.resize(self.0.len().max(other.0.len()), 0);
        for (mine, theirs) in self.0.iter_mut().zip(&other.0) {
            *mine = (*mine).max(*theirs);
        }
    }

    fn raise(&mut self, author: Option<usize>, seq: u64) {
        if let Some(author) = author {
            self.0.resize(self.0.len().max(author + 1), 0);
            self.0[author] = self.0[author].max(seq);
        }
    }

    /// Someone of whom this has less than the other.
    fn lacks(&self, other: &Self) -> Option<usize> {
        other.0.iter().enumerate().position(|(author, theirs)| self.of(author) < *theirs)
    }
}

/// An entry that was said.
#[derive(Debug)]
struct Placed {
    /// Nobody of the cast when somebody hostile said it: its numbers mean nothing.
    author: Option<usize>,
    seq: u64,
    past: Clock,
}

/// What a device knows of one room.
#[derive(Debug, Default)]
struct Heard {
    /// What is on its disk since it came in, its own words too.
    seen: Clock,
    count: usize,
    /// Somebody hostile was heard there.
    strangers: bool,
    /// What it was shown.
    shown: Clock,
    /// What is followed by something that it was shown.
    followed: Clock,
    /// What it was told that it may not have seen.
    excused: Clock,
}

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct Order {
    /// The devices of the cast that said something, by their keys: where each stands in clocks.
    authors: BTreeMap<Key, usize>,
    entries: BTreeMap<String, Placed>,
    rooms: BTreeMap<(Key, RoomId), Heard>,
    /// The last number outside of rooms that a device was shown of another.
    outside: BTreeMap<(Key, Key), u64>,
}

impl Order {
    /// Someone came into a room, or left it: what it knew there does not count any more.
    pub(super) fn on_stay(&mut self, device: &Key, room: RoomId) {
        let heard = self.heard(device, room);
        (heard.seen, heard.count, heard.strangers) = (Clock::default(), 0, false);
    }

    /// Someone said an entry.
    pub(super) fn on_entry_said(&mut self, known: &Known, person: PersonId, entry: &SignedEntry, found: &mut Found) {
        let count = self.authors.len();
        let author = *self.authors.entry(entry.entry.author).or_insert(count);
        self.place(Some(author), entry);
        let (room, seq, parents) = (entry.entry.room, entry.entry.seq, entry.entry.parents.len());
        let past = self.entries.get(&entry.entry.id().to_string()).map(|placed| placed.past.clone());
        let known_max = known.who.cast.people[person].limits.entries_known_max;
        let heard = self.heard(&known.who.keys[person], room);
        // An entry names at most so many parents. After a restart no more heads are known than entries are kept. And
        // who floods a room with heads pushes others out.
        let complete = parents < papo_proto::wire::room::PARENTS_MAX && heard.count < known_max && !heard.strangers;
        if let Some(of) = past.filter(|_| complete).and_then(|past| past.lacks(&heard.seen)) {
            found.check(false, CAUSAL_ORDER, || {
                format!("person {person} said its number {seq} without naming what it had seen of author {of}")
            });
        }
        heard.seen.raise(Some(author), seq);
        heard.count += 1;
    }

    /// Someone keeps an entry of someone else's.
    pub(super) fn on_entry_seen(&mut self, known: &Known, person: PersonId, entry: &SignedEntry) {
        let author = self.authors.get(&entry.entry.author).copied();
        if !self.entries.contains_key(&entry.entry.id().to_string()) {
            self.place(None, entry);
        }
        let heard = self.heard(&known.who.keys[person], entry.entry.room);
        heard.seen.raise(author, entry.entry.seq);
        heard.strangers |= author.is_none();
        heard.count += 1;
    }

    /// A newcomer need not wait for these.
    pub(super) fn on_baseline(&mut self, device: &Key, room: RoomId, heads: &[EntryId]) {
        let mut excused = Clock::default();
        for placed in heads.iter().filter_map(|head| self.entries.get(&head.to_string())) {
            excused.merge(&placed.past);
            excused.raise(placed.author, placed.seq);
        }
        let heard = self.heard(device, room);
        heard.excused.merge(&excused);
        heard.count += heads.len();
    }

    /// Someone is shown an entry of that room.
    pub(super) fn on_entry_shown(&mut self, device: &Key, room: RoomId, incoming: &Incoming, found: &mut Found) {
        let Some(Placed { author, seq, past }) = self.entries.get(&incoming.id) else { return };
        let heard = self.rooms.entry((*device, room)).or_default();
        if let Some(author) = *author {
            let (last, seq) = (heard.shown.of(author), *seq);
            found.check(last < seq, CAUSAL_ORDER, || {
                format!("{device:?} is shown number {seq} of author {author} after number {last}")
            });
            let late = seq <= heard.followed.of(author) && seq > heard.excused.of(author);
            found.check(!late, CAUSAL_ORDER, || {
                format!("{device:?} is shown {:?} of author {author} after what follows it", incoming.text)
            });
        }
        heard.shown.raise(*author, *seq);
        if incoming.gap {
            heard.excused.merge(past);
        }
        heard.followed.merge(past);
    }

    /// Someone is shown what someone said outside of rooms.
    pub(super) fn on_private_shown(&mut self, device: &Key, author: &Key, seq: u64, found: &mut Found) {
        let last = self.outside.insert((*device, *author), seq).unwrap_or_default();
        found.check(last < seq, CAUSAL_ORDER, || {
            format!("{device:?} is shown number {seq} of {author:?} outside of rooms after number {last}")
        });
    }

    fn place(&mut self, author: Option<usize>, entry: &SignedEntry) {
        let mut past = Clock::default();
        for placed in entry.entry.parents.iter().filter_map(|parent| self.entries.get(&parent.to_string())) {
            past.merge(&placed.past);
            past.raise(placed.author, placed.seq);
        }
        self.entries.insert(entry.entry.id().to_string(), Placed { author, seq: entry.entry.seq, past });
    }

    fn heard(&mut self, device: &Key, room: RoomId) -> &mut Heard {
        self.rooms.entry((*device, room)).or_default()
    }
}
