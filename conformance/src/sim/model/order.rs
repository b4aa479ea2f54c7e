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

/// How far each person's log is followed, by number.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Clock(Vec<u64>);

impl Clock {
    fn new(people: usize) -> Self {
        Self(vec![0; people])
    }

    fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(&other.0) {
            *mine = (*mine).max(*theirs);
        }
    }

    fn raise(&mut self, author: Option<PersonId>, seq: u64) {
        if let Some(author) = author {
            self.0[author] = self.0[author].max(seq);
        }
    }

    /// Someone of whom this has less than the other.
    fn lacks(&self, other: &Self) -> Option<PersonId> {
        self.0.iter().zip(&other.0).position(|(mine, theirs)| mine < theirs)
    }
}

/// An entry that was said.
#[derive(Debug)]
struct Placed {
    /// Nobody of the cast when somebody hostile said it: its numbers mean nothing.
    author: Option<PersonId>,
    seq: u64,
    past: Clock,
}

/// What someone knows of one room.
#[derive(Debug)]
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
#[derive(Debug)]
pub(super) struct Order {
    people: usize,
    entries: BTreeMap<String, Placed>,
    rooms: BTreeMap<(PersonId, RoomId), Heard>,
    /// The last number outside of rooms that someone was shown of someone.
    outside: BTreeMap<(PersonId, PersonId), u64>,
}

impl Order {
    pub(super) const fn new(people: usize) -> Self {
        Self { people, entries: BTreeMap::new(), rooms: BTreeMap::new(), outside: BTreeMap::new() }
    }

    /// Someone came into a room, or left it: what it knew there does not count any more.
    pub(super) fn on_stay(&mut self, person: PersonId, room: RoomId) {
        let people = self.people;
        let heard = self.heard(person, room);
        (heard.seen, heard.count, heard.strangers) = (Clock::new(people), 0, false);
    }

    /// Someone said an entry.
    pub(super) fn on_entry_said(&mut self, known: &Known, person: PersonId, entry: &SignedEntry, found: &mut Found) {
        self.place(Some(person), entry);
        let (room, seq, parents) = (entry.entry.room, entry.entry.seq, entry.entry.parents.len());
        let past = self.entries.get(&entry.entry.id().to_string()).map(|placed| placed.past.clone());
        let known_max = known.who.cast.people[person].limits.entries_known_max;
        let heard = self.heard(person, room);
        // An entry names at most so many parents. After a restart no more heads are known than entries are kept. And
        // who floods a room with heads pushes others out.
        let complete = parents < papo_proto::wire::room::PARENTS_MAX && heard.count < known_max && !heard.strangers;
        if let Some(of) = past.filter(|_| complete).and_then(|past| past.lacks(&heard.seen)) {
            found.check(false, CAUSAL_ORDER, || {
                format!("person {person} said its number {seq} without naming what it had seen of person {of}")
            });
        }
        heard.seen.raise(Some(person), seq);
        heard.count += 1;
    }

    /// Someone keeps an entry of someone else's.
    pub(super) fn on_entry_seen(&mut self, known: &Known, person: PersonId, entry: &SignedEntry) {
        let author = known.who.person(&entry.entry.author);
        if !self.entries.contains_key(&entry.entry.id().to_string()) {
            self.place(None, entry);
        }
        let heard = self.heard(person, entry.entry.room);
        heard.seen.raise(author, entry.entry.seq);
        heard.strangers |= author.is_none();
        heard.count += 1;
    }

    /// A newcomer need not wait for these.
    pub(super) fn on_baseline(&mut self, person: PersonId, room: RoomId, heads: &[EntryId]) {
        let mut excused = Clock::new(self.people);
        for placed in heads.iter().filter_map(|head| self.entries.get(&head.to_string())) {
            excused.merge(&placed.past);
            excused.raise(placed.author, placed.seq);
        }
        let heard = self.heard(person, room);
        heard.excused.merge(&excused);
        heard.count += heads.len();
    }

    /// Someone is shown an entry of that room.
    pub(super) fn on_entry_shown(&mut self, person: PersonId, room: RoomId, incoming: &Incoming, found: &mut Found) {
        let people = self.people;
        let Some(Placed { author, seq, past }) = self.entries.get(&incoming.id) else { return };
        let heard = self.rooms.entry((person, room)).or_insert_with(|| Heard::new(people));
        if let Some(author) = *author {
            let (last, seq) = (heard.shown.0[author], *seq);
            found.check(last < seq, CAUSAL_ORDER, || {
                format!("person {person} is shown number {seq} of person {author} after number {last}")
            });
            let late = seq <= heard.followed.0[author] && seq > heard.excused.0[author];
            found.check(!late, CAUSAL_ORDER, || {
                format!("person {person} is shown {:?} of person {author} after what follows it", incoming.text)
            });
        }
        heard.shown.raise(*author, *seq);
        if incoming.gap {
            heard.excused.merge(past);
        }
        heard.followed.merge(past);
    }

    /// Someone is shown what someone said outside of rooms.
    pub(super) fn on_private_shown(&mut self, person: PersonId, author: PersonId, seq: u64, found: &mut Found) {
        let last = self.outside.insert((person, author), seq).unwrap_or_default();
        found.check(last < seq, CAUSAL_ORDER, || {
            format!("person {person} is shown number {seq} of person {author} outside of rooms after number {last}")
        });
    }

    fn place(&mut self, author: Option<PersonId>, entry: &SignedEntry) {
        let mut past = Clock::new(self.people);
        for placed in entry.entry.parents.iter().filter_map(|parent| self.entries.get(&parent.to_string())) {
            past.merge(&placed.past);
            past.raise(placed.author, placed.seq);
        }
        self.entries.insert(entry.entry.id().to_string(), Placed { author, seq: entry.entry.seq, past });
    }

    fn heard(&mut self, person: PersonId, room: RoomId) -> &mut Heard {
        let people = self.people;
        self.rooms.entry((person, room)).or_insert_with(|| Heard::new(people))
    }
}

impl Heard {
    fn new(people: usize) -> Self {
        let clock = || Clock::new(people);
        Self { seen: clock(), count: 0, strangers: false, shown: clock(), followed: clock(), excused: clock() }
    }
}
