//! The log of one room, as far as a member needs it in memory.
//!
//! An entry from someone else is [offered](Log::offer). It is *ready* when its author's former entries and all of its
//! parents are known; else it *waits*. Waiting ends when what is missing arrives, or after `entry_wait_ms_max`, or when
//! too many wait: then it is released with its gap shown. So what a member sees is in causal order, and one who can't
//! be reached delays nobody for long.
//!
//! Invariants: an author's entries are released in the order of their numbers, each once. Everything is bounded:
//! known entries, heads, waiting entries.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::{
    identity::Key,
    limits::{Limits, ms},
    time::Time,
    wire::{
        peer::Have,
        room::{EntryId, PARENTS_MAX, Parents, SignedEntry},
    },
};

/// Heads that are kept; an entry names the newest [`PARENTS_MAX`] of them.
const HEADS_MAX: usize = 4 * PARENTS_MAX;

/// What became of an entry that was offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offer {
    /// It is here already.
    Known,
    /// It was taken; see what [`Log::next_released`] gives now.
    Taken,
}

/// An entry whose turn has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Released {
    /// The entry.
    pub entry: SignedEntry,
    /// Something that it follows is not known here.
    pub gap: bool,
}

#[derive(Debug)]
struct Waiting {
    id: EntryId,
    entry: SignedEntry,
    until: Time,
}

/// The log of one room.
#[derive(Debug)]
pub struct Log {
    /// Known entries, and the order in which they became known.
    known: BTreeSet<EntryId>,
    order: VecDeque<EntryId>,
    known_max: usize,
    /// Entries that no known entry names, oldest first.
    heads: Vec<EntryId>,
    said: u64,
    seen: BTreeMap<Key, Have>,
    /// In the order of their numbers, by author.
    waiting: BTreeMap<Key, VecDeque<Waiting>>,
    waiting_count: usize,
    waiting_max: usize,
    waiting_bytes: usize,
    waiting_bytes_max: usize,
    wait: std::time::Duration,
    /// This member has just come in: whose heads were taken as a starting point already. None for an old member.
    newcomer: Option<BTreeSet<Key>>,
}

impl Log {
    /// The log of a room that one has just come into. `said` and `seen` are from an earlier stay: one's last number
    /// there, and how far the others were followed.
    #[must_use]
    pub fn of_newcomer(limits: &Limits, said: u64, seen: &[(Key, Have)]) -> Self {
        Self {
            known: BTreeSet::new(),
            order: VecDeque::new(),
            known_max: limits.entries_known_max,
            heads: Vec::new(),
            said,
            seen: seen.iter().copied().collect(),
            waiting: BTreeMap::new(),
            waiting_count: 0,
            waiting_max: limits.entries_waiting_max,
            waiting_bytes: 0,
            waiting_bytes_max: limits.entries_waiting_bytes_max,
            wait: ms(limits.entry_wait_ms_max),
            newcomer: Some(BTreeSet::new()),
        }
    }

    /// The log as it was kept: `known` oldest first, with parents.
    #[must_use]
    pub fn restored(limits: &Limits, said: u64, seen: &[(Key, Have)], known: &[(EntryId, Vec<EntryId>)]) -> Self {
        let mut log = Self::of_newcomer(limits, said, seen);
        // Who has not heard or said anything is still as good as new.
        log.newcomer = (said == 0 && seen.is_empty()).then(BTreeSet::new);
        for (id, parents) in known {
            log.add(*id, parents);
        }
        log
    }

    /// What the next entry names as its parents: the newest heads.
    #[must_use]
    pub fn next_parents(&self) -> Parents {
        Parents::new(self.newest_heads())
    }

    /// The newest heads, at most [`PARENTS_MAX`], oldest first.
    #[must_use]
    pub fn newest_heads(&self) -> Vec<EntryId> {
        self.heads[self.heads.len().saturating_sub(PARENTS_MAX)..].to_vec()
    }

    /// The number of this member's next entry.
    #[must_use]
    pub const fn next_seq(&self) -> u64 {
        self.said + 1
    }

    /// This member said something.
    pub fn add_own(&mut self, entry: &SignedEntry) {
        debug_assert_eq!(entry.entry.seq, self.next_seq(), "one's own entries are numbered without a gap");
        self.said = entry.entry.seq;
        self.add(entry.entry.id(), &entry.entry.parents);
    }

    /// How far an author was followed.
    #[must_use]
    pub fn have_of(&self, author: &Key) -> Have {
        self.seen.get(author).copied().unwrap_or_default()
    }

    /// One's own last number, and how far every other author was followed.
    #[must_use]
    pub fn followed(&self) -> (u64, Vec<(Key, Have)>) {
        (self.said, self.seen.iter().map(|(author, have)| (*author, *have)).collect())
    }

    /// Someone else's entry, signature checked. `may_come` tells whether what it follows can still come from others.
    pub fn offer(&mut self, now: Time, entry: SignedEntry, may_come: bool) -> Offer {
        let author = entry.entry.author;
        let id = entry.entry.id();
        let seen = self.have_of(&author);
        // A newcomer may know an id from someone's heads and not have the entry: only the numbers tell.
        if entry.entry.log == seen.log && entry.entry.seq <= seen.seq {
            return Offer::Known;
        }
        let queue = self.waiting.entry(author).or_default();
        let after_last = queue
            .back()
            .is_none_or(|last| last.entry.entry.log != entry.entry.log || last.entry.entry.seq < entry.entry.seq);
        if !after_last {
            return Offer::Known;
        }
        let until = if may_come { now + self.wait } else { now };
        self.waiting_count += 1;
        self.waiting_bytes += entry.entry.weight();
        queue.push_back(Waiting { id, entry, until });
        Offer::Taken
    }

    /// A member that was here before names its heads: a newcomer need not wait for them. Those that are to be kept.
    pub fn take_baseline(&mut self, from: Key, heads: &[EntryId]) -> Vec<EntryId> {
        let Some(taken) = &mut self.newcomer else { return Vec::new() };
        if !taken.insert(from) {
            return Vec::new();
        }
        let unknown = heads.iter().copied().filter(|id| !self.known.contains(id)).collect::<Vec<_>>();
        for id in &unknown {
            self.remember(*id);
        }
        unknown
    }

    /// The next entry whose turn has come.
    pub fn next_released(&mut self, now: Time) -> Option<Released> {
        let complete = self.waiting.iter().find_map(|(author, queue)| {
            let first = queue.front()?;
            first.entry.entry.parents.iter().all(|parent| self.known.contains(parent)).then_some(*author)
        });
        // Nothing is complete: the one that has waited longest, if its time has run out or too many wait.
        let author = complete.or_else(|| {
            let crowded = self.waiting_count > self.waiting_max || self.waiting_bytes > self.waiting_bytes_max;
            let (until, author) =
                self.waiting.iter().filter_map(|(author, queue)| Some((queue.front()?.until, *author))).min()?;
            (crowded || until <= now).then_some(author)
        })?;
        let queue = self.waiting.get_mut(&author)?;
        let Waiting { id, entry, .. } = queue.pop_front()?;
        if queue.is_empty() {
            self.waiting.remove(&author);
        }
        self.waiting_count -= 1;
        self.waiting_bytes -= entry.entry.weight();
        self.seen.insert(author, Have { log: entry.entry.log, seq: entry.entry.seq });
        self.add(id, &entry.entry.parents);
        Some(Released { entry, gap: complete.is_none() })
    }

    /// Someone is not heard any more: what waits of it is dropped.
    pub fn forget_waiting(&mut self, author: &Key) {
        if let Some(queue) = self.waiting.remove(author) {
            self.waiting_count -= queue.len();
            self.waiting_bytes -= queue.iter().map(|waiting| waiting.entry.entry.weight()).sum::<usize>();
        }
    }

    /// The number of the first entry of someone's that waits for its turn.
    #[must_use]
    pub fn first_waiting(&self, author: &Key) -> Option<u64> {
        self.waiting.get(author)?.front().map(|first| first.entry.entry.seq)
    }

    /// When the first waiting entry is released at the latest.
    #[must_use]
    pub fn deadline(&self) -> Option<Time> {
        self.waiting.values().filter_map(|queue| queue.front()).map(|first| first.until).min()
    }

    fn add(&mut self, id: EntryId, parents: &[EntryId]) {
        self.heads.retain(|head| !parents.contains(head));
        self.heads.push(id);
        if self.heads.len() > HEADS_MAX {
            self.heads.remove(0);
        }
        self.remember(id);
    }

    fn remember(&mut self, id: EntryId) {
        if self.known.insert(id) {
            self.order.push_back(id);
        }
        while self.order.len() > self.known_max {
            if let Some(oldest) = self.order.pop_front() {
                self.known.remove(&oldest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        identity::Identity,
        time::Wall,
        wire::room::{Body, Entry, RoomId, Said},
    };
    use std::time::Duration;

    const NOW: Time = Time::ZERO;

    fn limits() -> Limits {
        Limits { entries_known_max: 64, entries_waiting_max: 4, ..Limits::DEFAULT }
    }

    struct Author {
        identity: Identity,
        seq: u64,
    }

    impl Author {
        fn new(number: u8) -> Self {
            Self { identity: Identity::from_secret(&[number; 32]), seq: 0 }
        }

        fn key(&self) -> Key {
            self.identity.key()
        }

        fn says(&mut self, parents: &[&SignedEntry]) -> SignedEntry {
            self.seq += 1;
            let parents = Parents::new(parents.iter().map(|entry| entry.entry.id()).collect());
            let body = Body::Text { text: Said::new(format!("{}", self.seq)).expect("short") };
            let (author, seq) = (self.key(), self.seq);
            Entry { room: RoomId([0; 32]), author, log: 1, seq, parents, at: Wall(0), body }.sign(&self.identity)
        }
    }

    fn offer(log: &mut Log, entry: &SignedEntry) -> Vec<(SignedEntry, bool)> {
        log.offer(NOW, entry.clone(), true);
        released(log, NOW)
    }

    fn released(log: &mut Log, now: Time) -> Vec<(SignedEntry, bool)> {
        std::iter::from_fn(|| log.next_released(now)).map(|released| (released.entry, released.gap)).collect()
    }

    #[test]
    fn an_entry_waits_for_its_parents_and_its_authors_later_entries_wait_behind_it() {
        let (mut ana, mut bia) = (Author::new(1), Author::new(2));
        let question = ana.says(&[]);
        let answer = bia.says(&[&question]);
        let more = bia.says(&[]);
        let mut log = Log::of_newcomer(&limits(), 0, &[]);
        assert_eq!(offer(&mut log, &answer), []);
        assert_eq!(offer(&mut log, &more), []);
        assert_eq!(log.deadline(), Some(NOW + ms(Limits::DEFAULT.entry_wait_ms_max)));
        let expected = [(question.clone(), false), (answer, false), (more, false)];
        assert_eq!(offer(&mut log, &question), expected);
        assert_eq!(log.deadline(), None);
        assert_eq!(log.have_of(&bia.key()), Have { log: 1, seq: 2 });
    }

    #[test]
    fn an_entry_that_waited_long_enough_is_released_with_its_gap_and_what_comes_late_is_still_taken() {
        let (mut ana, mut bia) = (Author::new(1), Author::new(2));
        let question = ana.says(&[]);
        let answer = bia.says(&[&question]);
        let mut log = Log::of_newcomer(&limits(), 0, &[]);
        assert_eq!(offer(&mut log, &answer), []);
        let until = log.deadline().expect("it waits");
        assert_eq!(released(&mut log, NOW + (until - NOW).saturating_sub(Duration::from_nanos(1))), []);
        assert_eq!(released(&mut log, until), [(answer, true)]);
        assert_eq!(offer(&mut log, &question), [(question, false)]);
    }

    #[test]
    fn nothing_waits_when_nobody_can_bring_what_is_missing() {
        let (mut ana, mut bia) = (Author::new(1), Author::new(2));
        let question = ana.says(&[]);
        let answer = bia.says(&[&question]);
        let mut log = Log::of_newcomer(&limits(), 0, &[]);
        log.offer(NOW, answer.clone(), false);
        assert_eq!(released(&mut log, NOW), [(answer, true)]);
    }

    #[test]
    fn doubles_are_known_whether_they_were_released_or_still_wait() {
        let (mut ana, mut bia) = (Author::new(1), Author::new(2));
        let question = ana.says(&[]);
        let answer = bia.says(&[&question]);
        let mut log = Log::of_newcomer(&limits(), 0, &[]);
        assert_eq!(log.offer(NOW, answer.clone(), true), Offer::Taken);
        assert_eq!(log.offer(NOW, answer, true), Offer::Known);
        assert_eq!(log.offer(NOW, question.clone(), true), Offer::Taken);
        assert_eq!(released(&mut log, NOW).len(), 2);
        assert_eq!(log.offer(NOW, question, true), Offer::Known);
    }

    #[test]
    fn at_the_bound_entries_wait_and_past_it_the_longest_waiting_is_released() {
        let (mut lost, mut bia) = (Author::new(1), Author::new(2));
        let missing = lost.says(&[]);
        let mut log = Log::of_newcomer(&limits(), 0, &[]);
        for _ in 0..4 {
            assert_eq!(offer(&mut log, &bia.says(&[&missing])), []);
        }
        let over = offer(&mut log, &bia.says(&[&missing]));
        assert_eq!(over.iter().map(|(entry, gap)| (entry.entry.seq, *gap)).collect::<Vec<_>>(), [(1, true)]);
    }

    #[test]
    fn entries_wait_up_to_a_bound_of_bytes_and_what_was_released_or_forgotten_counts_no_more() {
        let (mut lost, mut bia, mut caio) = (Author::new(1), Author::new(2), Author::new(3));
        let missing = lost.says(&[]);
        let first = bia.says(&[&missing]);
        let bytes = first.entry.weight();
        let limits = Limits { entries_waiting_max: 100, entries_waiting_bytes_max: 2 * bytes, ..Limits::DEFAULT };
        let mut log = Log::of_newcomer(&limits, 0, &[]);
        assert_eq!(offer(&mut log, &first), []);
        assert_eq!(offer(&mut log, &bia.says(&[&missing])), [], "at the bound");
        assert_eq!(offer(&mut log, &bia.says(&[&missing])), [(first, true)], "past it");
        log.forget_waiting(&bia.key());
        for _ in 0..2 {
            assert_eq!(offer(&mut log, &caio.says(&[&missing])), []);
        }
    }

    #[test]
    fn parents_are_what_nothing_known_follows_the_newest_first_kept() {
        let mut ana = Author::new(1);
        let mut others = (10..30).map(Author::new).collect::<Vec<_>>();
        let mut log = Log::of_newcomer(&limits(), 0, &[]);
        let root = ana.says(&[]);
        log.add_own(&root);
        assert_eq!(*log.next_parents(), [root.entry.id()]);
        let answers = others.iter_mut().map(|other| other.says(&[&root])).collect::<Vec<_>>();
        for answer in &answers {
            offer(&mut log, answer);
        }
        let newest = Parents::new(answers[4..].iter().map(|answer| answer.entry.id()).collect());
        assert_eq!(log.next_parents(), newest);
    }

    #[test]
    fn a_newcomer_takes_each_members_heads_once_and_an_old_member_never() {
        let (mut ana, mut bia) = (Author::new(1), Author::new(2));
        let old = ana.says(&[]);
        let mut log = Log::of_newcomer(&limits(), 0, &[]);
        assert_eq!(log.take_baseline(ana.key(), &[old.entry.id()]), [old.entry.id()]);
        assert_eq!(log.take_baseline(ana.key(), &[EntryId([9; 32])]), []);
        let answer = bia.says(&[&old]);
        assert_eq!(offer(&mut log, &answer), [(answer.clone(), false)]);
        assert_eq!(offer(&mut log, &old), [(old.clone(), false)], "what a head names is still taken when it comes");
        let mut restored = Log::restored(&limits(), 1, &[], &[]);
        assert_eq!(restored.take_baseline(ana.key(), &[old.entry.id()]), []);
    }

    #[test]
    fn a_restored_log_goes_on_where_it_stood() {
        let mut ana = Author::new(1);
        let (first, second) = (ana.says(&[]), ana.says(&[]));
        let known = [(first.entry.id(), vec![]), (second.entry.id(), vec![first.entry.id()])];
        let mut log = Log::restored(&limits(), 7, &[(ana.key(), Have { log: 1, seq: 2 })], &known);
        assert_eq!(log.next_seq(), 8);
        assert_eq!(*log.next_parents(), [second.entry.id()]);
        assert_eq!(log.offer(NOW, second, true), Offer::Known);
    }
}
