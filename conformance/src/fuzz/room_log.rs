//! A room's log: members who say, lose, repeat and reorder entries, leave, and start again.
//!
//! Invariants: an author's numbers rise; what is released without a gap follows only what is known, and what is
//! released with one misses something; nothing waits past its time, nor more of it than may; what a log says of itself
//! (heads, parents, how far it followed) is what was released.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use papo_proto::{
    identity::Key,
    limits::Limits,
    room::log::{Log, Offer},
    time::{Time, Wall},
    wire::{
        peer::Have,
        room::{Body, Entry, EntryId, PARENTS_MAX, Parents, RoomId, Said, SignedEntry},
    },
};

use super::cursor::Cursor;

/// So many operations tell a story.
const OPERATIONS_MAX: usize = 512;
/// Entries of a story.
const ENTRIES_MAX: usize = 256;
/// The member whose log it is.
const ME: Key = Key([0xee; 32]);
const AUTHORS: usize = 4;

/// Plays a story.
pub fn room_log(data: &[u8]) {
    let mut choices = Cursor::new(data);
    let limits = choices.pick(&[
        Limits::DEFAULT,
        Limits { entries_known_max: 16, entries_waiting_max: 3, ..Limits::DEFAULT },
        Limits { entries_known_max: 1, entries_waiting_max: 0, entry_wait_ms_max: 0, ..Limits::DEFAULT },
    ]);
    let mut story = Story::new(limits);
    for _ in 0..OPERATIONS_MAX {
        let Some(operation) = choices.next_operation() else { break };
        story.play(operation, &mut choices);
        story.look();
    }
    story.pass(Duration::from_secs(3_600));
    story.release();
    assert_eq!(story.log.deadline(), None, "nothing waits for ever");
}

struct Story {
    limits: Limits,
    log: Log,
    now: Time,
    /// Which log each author writes, and its last number.
    authors: [Have; AUTHORS],
    made: Vec<SignedEntry>,
    /// Everything that the log was ever told of: no less than it knows.
    told: BTreeSet<EntryId>,
    /// Known entries with their parents, oldest first: what a disk would keep.
    kept: Vec<(EntryId, Vec<EntryId>)>,
    /// Whether a restart found less on the disk than the log had known.
    forgot: bool,
    followed: BTreeMap<Key, Have>,
    waiting: usize,
}

impl Story {
    fn new(limits: Limits) -> Self {
        let log = Log::of_newcomer(&limits, 0, &[]);
        let authors = [Have { log: 1, seq: 0 }; AUTHORS];
        let (made, kept) = (Vec::new(), Vec::new());
        let (told, followed) = (BTreeSet::new(), BTreeMap::new());
        Self { limits, log, now: Time::ZERO, authors, made, told, kept, forgot: false, followed, waiting: 0 }
    }

    fn play(&mut self, operation: u8, choices: &mut Cursor<'_>) {
        match operation % 10 {
            0 | 1 => self.write(choices),
            2 | 3 => self.offer(choices),
            4 => self.release(),
            5 => {
                let passed = Duration::from_millis(choices.short().into());
                self.pass(passed);
            }
            6 => self.say(),
            7 => {
                let from = Key([choices.below(AUTHORS) as u8; 32]);
                let heads = self.ids(choices);
                for head in self.log.take_baseline(from, &heads) {
                    assert!(heads.contains(&head), "only what was named");
                    self.told.insert(head);
                    self.kept.push((head, Vec::new()));
                }
            }
            8 => self.leave(choices),
            _ => self.restart(),
        }
    }

    /// Ids of entries that were made, in any order, perhaps twice.
    fn ids(&self, choices: &mut Cursor<'_>) -> Vec<EntryId> {
        let count = choices.below(PARENTS_MAX + 1);
        (0..count).filter_map(|_| choices.any(self.made.iter())).map(|entry| entry.entry.id()).collect()
    }

    /// Someone writes an entry that has not arrived.
    fn write(&mut self, choices: &mut Cursor<'_>) {
        if self.made.len() >= ENTRIES_MAX {
            return;
        }
        let number = choices.below(AUTHORS);
        let mut parents = self.ids(choices);
        if choices.flag() {
            parents.push(EntryId([choices.byte(); 32]));
        }
        let author = &mut self.authors[number];
        author.seq += 1;
        let entry = entry(Key([number as u8; 32]), *author, Parents::new(parents));
        self.made.push(entry);
    }

    /// An entry arrives: a new one, or one that did before.
    fn offer(&mut self, choices: &mut Cursor<'_>) {
        let Some(entry) = choices.any(self.made.iter()).cloned() else { return };
        let (author, have) = (entry.entry.author, Have { log: entry.entry.log, seq: entry.entry.seq });
        let seen = self.log.have_of(&author);
        match self.log.offer(self.now, entry, choices.flag()) {
            Offer::Taken => {
                assert!(seen.log != have.log || seen.seq < have.seq, "what was followed is known");
                self.waiting += 1;
            }
            Offer::Known => {}
        }
        if choices.flag() {
            self.release();
        }
    }

    /// Everything whose turn has come.
    fn release(&mut self) {
        while let Some(released) = self.log.next_released(self.now) {
            self.waiting = self.waiting.checked_sub(1).expect("only what waits is released");
            let Entry { author, log, seq, .. } = released.entry.entry;
            let parents = released.entry.entry.parents.to_vec();
            let former = self.followed.insert(author, Have { log, seq }).unwrap_or_default();
            assert!(former.log != log || former.seq < seq, "numbers of an author rise");
            let all_told = parents.iter().all(|parent| self.told.contains(parent));
            assert!(released.gap || all_told, "without a gap, all is known that it follows");
            let forgot = self.forgot || self.told.len() > self.limits.entries_known_max;
            assert!(!released.gap || !all_told || forgot, "a gap where nothing is missing");
            self.know(released.entry.entry.id(), parents);
        }
        assert!(self.waiting <= self.limits.entries_waiting_max, "more waits than may");
        assert!(self.log.deadline().is_none_or(|at| at > self.now), "something waits past its time");
    }

    fn know(&mut self, id: EntryId, parents: Vec<EntryId>) {
        self.told.insert(id);
        self.kept.push((id, parents));
    }

    /// Time passes, with a stop at each deadline.
    fn pass(&mut self, passed: Duration) {
        let until = self.now + passed;
        while let Some(at) = self.log.deadline().filter(|&at| at <= until) {
            self.now = self.now.max(at);
            self.release();
        }
        self.now = until;
    }

    /// The member whose log it is says something.
    fn say(&mut self) {
        let (parents, seq) = (self.log.next_parents(), self.log.next_seq());
        let entry = entry(ME, Have { log: 1, seq }, parents);
        self.log.add_own(&entry);
        assert_eq!(self.log.next_seq(), seq + 1);
        assert_eq!(self.log.newest_heads().last(), Some(&entry.entry.id()), "the newest is a head");
        self.know(entry.entry.id(), entry.entry.parents.to_vec());
        if self.made.len() < ENTRIES_MAX {
            self.made.push(entry);
        }
    }

    /// Someone leaves: it is not heard any more, or comes back with a new store.
    fn leave(&mut self, choices: &mut Cursor<'_>) {
        let number = choices.below(AUTHORS);
        if choices.flag() {
            self.authors[number] = Have { log: self.authors[number].log + 1, seq: 0 };
        } else {
            self.release();
            let before = self.waiting;
            self.log.forget_waiting(&Key([number as u8; 32]));
            // How many that were only the log knows; what is left comes out below.
            let mut left = 0;
            self.now = self.now + Duration::from_secs(3_600);
            while let Some(released) = self.log.next_released(self.now) {
                let Entry { author, log, seq, .. } = released.entry.entry;
                assert_ne!(author, Key([number as u8; 32]), "what was forgotten is gone");
                self.followed.insert(author, Have { log, seq });
                self.know(released.entry.entry.id(), released.entry.entry.parents.to_vec());
                left += 1;
            }
            assert!(left <= before, "forgetting adds nothing");
            self.waiting = 0;
        }
    }

    /// The program starts again with what its disk has: what waited comes again.
    fn restart(&mut self) {
        let (said, seen) = self.log.followed();
        let over = self.kept.len().saturating_sub(self.limits.entries_known_max);
        self.forgot |= over > 0;
        self.kept.drain(..over);
        self.log = Log::restored(&self.limits, said, &seen, &self.kept);
        assert_eq!(self.log.followed(), (said, seen), "it goes on where it was");
        self.waiting = 0;
    }

    fn look(&self) {
        let heads = self.log.newest_heads();
        assert!(heads.len() <= PARENTS_MAX);
        assert!(heads.iter().all(|head| self.told.contains(head)), "a head is an entry that came");
        let parents = self.log.next_parents();
        assert!(parents.windows(2).all(|pair| pair[0] < pair[1]), "parents are sorted");
        let (_, followed) = self.log.followed();
        assert_eq!(followed.into_iter().collect::<BTreeMap<_, _>>(), self.followed);
    }
}

fn entry(author: Key, have: Have, parents: Parents) -> SignedEntry {
    let body = Body::Text { text: Said::default() };
    let entry = Entry { room: RoomId([1; 32]), author, log: have.log, seq: have.seq, parents, at: Wall(0), body };
    // Who offers an entry has checked its signature.
    SignedEntry { entry, signature: [0; 64] }
}
