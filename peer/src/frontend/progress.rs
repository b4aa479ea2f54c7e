//! How far transfers have come and how quickly they move: what a line of progress and a summary are made of.
//!
//! A machine tells offsets; here they get their names and a rate. The rate is that of the last few seconds, so that it
//! follows what happens, and what is left follows from it. A transfer that has not moved for a while is in no line.
//!
//! The time comes with each call. What is known is as much as the machine has transfers, and is dropped with each.

use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};

use papo_proto::{
    names::Name,
    peer::{Notice, interface::Phase},
};

use super::event::Event;

/// The time from which a rate is made.
const WINDOW: Duration = Duration::from_secs(4);
/// The least time that makes a rate.
const WINDOW_MIN: Duration = Duration::from_millis(200);
/// A transfer of which nothing was heard for so long moves no more.
const STILL: Duration = Duration::from_secs(8);
/// Where not everything is told: once for so many hundredths.
const STEP: u64 = 10;

/// All transfers that are known.
#[derive(Debug, Default)]
pub(crate) struct Transfers {
    known: BTreeMap<u64, Transfer>,
}

#[derive(Debug)]
struct Transfer {
    label: Option<Label>,
    total: u64,
    /// When it was heard of how far it is, the first time in this run, and how far it was.
    began: Option<(Instant, u64)>,
    /// The same lately, the oldest first; the last is how things stand.
    lately: VecDeque<(Instant, u64)>,
    /// It was told up to this step.
    told: Option<u64>,
}

/// What a transfer is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Label {
    /// It comes to this peer.
    pub(crate) incoming: bool,
    /// The other end.
    pub(crate) user: Name,
    /// What is transferred.
    pub(crate) name: String,
}

/// Something that moves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Moving {
    /// Its number.
    pub(crate) transfer: u64,
    /// What it is called, where that is known.
    pub(crate) label: Option<Label>,
    /// How much has arrived.
    pub(crate) done: u64,
    /// Of so much.
    pub(crate) total: u64,
    /// Bytes a second, lately.
    pub(crate) rate: u64,
}

/// What a transfer that has arrived was like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Summary {
    /// Its size.
    pub(crate) bytes: u64,
    /// How much of that was moved since this program was started, and how long it took; where that can be known.
    pub(crate) moved: Option<(u64, Duration)>,
}

impl Moving {
    /// How long the rest takes at this rate.
    pub(crate) fn left(&self) -> Option<Duration> {
        (self.rate > 0).then(|| Duration::from_secs(self.total.saturating_sub(self.done).div_ceil(self.rate)))
    }

    /// Hundredths that are done.
    pub(crate) fn percent(&self) -> u64 {
        percent(self.done, self.total)
    }
}

fn percent(done: u64, total: u64) -> u64 {
    let hundredths = u128::from(done.min(total)) * 100;
    u64::try_from(hundredths.checked_div(total.into()).unwrap_or(100)).unwrap_or(100)
}

impl Transfers {
    /// Takes notice of an event; what of it is told where not all progress is. What has arrived gets its summary.
    pub(crate) fn told(&mut self, now: Instant, event: Event) -> Option<Event> {
        let Event::Notice(notice) = event else { return Some(event) };
        let summary = self.learn(now, &notice);
        match (&notice, summary) {
            (Notice::Progress { transfer, .. }, _) => self.step(*transfer).map(Event::Progress),
            (Notice::Received { .. } | Notice::Sent { .. }, summary) => {
                Some(Event::Arrived { summary: summary.unwrap_or_default(), notice })
            }
            _ => Some(Event::Notice(notice)),
        }
    }

    /// Takes notice of something; the summary of what has arrived.
    pub(crate) fn learn(&mut self, now: Instant, notice: &Notice) -> Option<Summary> {
        match notice {
            Notice::Offer { transfer, from, name, size, .. } => {
                self.label(*transfer, true, from, name, *size);
            }
            Notice::Offered { transfer, to, name, size, .. } => {
                self.label(*transfer, false, to, name, *size);
            }
            Notice::Transfers { rows } => {
                for row in rows.iter().filter(|row| row.phase != Phase::Offered || row.incoming) {
                    self.label(row.transfer, row.incoming, &row.user, &row.name, row.total);
                }
            }
            Notice::Progress { transfer, done, total } => self.entry(*transfer).progress(now, *done, *total),
            Notice::Received { transfer, .. } | Notice::Sent { transfer, .. } => {
                return self.known.remove(transfer).map(|transfer| transfer.summary(now));
            }
            Notice::TransferEnded { transfer, .. } => drop(self.known.remove(transfer)),
            _ => {}
        }
        None
    }

    fn entry(&mut self, transfer: u64) -> &mut Transfer {
        self.known.entry(transfer).or_insert_with(|| Transfer {
            label: None,
            total: 0,
            began: None,
            lately: VecDeque::new(),
            told: None,
        })
    }

    fn label(&mut self, transfer: u64, incoming: bool, user: &Name, name: &str, total: u64) {
        let entry = self.entry(transfer);
        entry.label = Some(Label { incoming, user: user.clone(), name: name.to_owned() });
        entry.total = total;
    }

    /// How far a transfer is, if that is to be told.
    fn step(&mut self, transfer: u64) -> Option<Moving> {
        let entry = self.known.get_mut(&transfer)?;
        let moving = entry.moving(transfer)?;
        let step = moving.percent() / STEP;
        let first = entry.told.is_none();
        let further = entry.told.is_some_and(|told| told < step);
        entry.told = Some(step);
        (first || further).then_some(moving)
    }

    /// What moves, in the order of the numbers.
    pub(crate) fn moving(&self, now: Instant) -> Vec<Moving> {
        let moves = |entry: &Transfer| entry.lately.back().is_some_and(|&(at, _)| now.duration_since(at) < STILL);
        let moving = self.known.iter().filter(|(_, entry)| moves(entry));
        moving.filter_map(|(&transfer, entry)| entry.moving(transfer)).collect()
    }
}

impl Transfer {
    fn progress(&mut self, now: Instant, done: u64, total: u64) {
        self.total = total;
        if self.began.is_none_or(|(_, from)| done < from) {
            self.began = Some((now, done));
            self.lately.clear();
        }
        // After a pause it is begun anew, so that the pause does not slow the rate.
        if self.lately.back().is_some_and(|&(at, _)| now.duration_since(at) > WINDOW) {
            self.lately.clear();
        }
        self.lately.push_back((now, done));
        while self.lately.len() > 2 && now.duration_since(self.lately[1].0) >= WINDOW {
            self.lately.pop_front();
        }
    }

    fn moving(&self, transfer: u64) -> Option<Moving> {
        let (&(first, from), &(last, done)) = (self.lately.front()?, self.lately.back()?);
        let rate = rate(done.saturating_sub(from), last.duration_since(first));
        Some(Moving { transfer, label: self.label.clone(), done, total: self.total, rate })
    }

    fn summary(&self, now: Instant) -> Summary {
        let moved = self.began.map(|(at, from)| (self.total.saturating_sub(from), now.duration_since(at)));
        Summary { bytes: self.total, moved }
    }
}

/// Bytes a second; 0 where the time is too short to tell.
pub(crate) fn rate(bytes: u64, time: Duration) -> u64 {
    if time < WINDOW_MIN {
        return 0;
    }
    u64::try_from(u128::from(bytes) * 1000 / time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use papo_proto::wire::transfer::Hash;

    use super::*;

    const MB: u64 = 1_000_000;

    fn name(text: &str) -> Name {
        Name::new(text).expect("valid")
    }

    fn offered(transfer: u64, size: u64) -> Notice {
        let (to, name) = (name("bia"), "fotos".to_owned());
        Notice::Offered { transfer, to, name, tree: true, size, files: 2, waiting: false }
    }

    fn progress(transfer: u64, done: u64, total: u64) -> Notice {
        Notice::Progress { transfer, done, total }
    }

    fn sent(transfer: u64) -> Notice {
        Notice::Sent { transfer, to: name("bia"), name: "fotos".to_owned(), skipped: 0 }
    }

    struct Clock(Instant, Transfers);

    impl Clock {
        fn new() -> Self {
            Self(Instant::now(), Transfers::default())
        }

        fn at(&mut self, ms: u64, notice: Notice) -> Option<Event> {
            self.1.told(self.0 + Duration::from_millis(ms), Event::Notice(notice))
        }

        fn moving(&self, ms: u64) -> Vec<(u64, u64)> {
            let moving = self.1.moving(self.0 + Duration::from_millis(ms));
            moving.into_iter().map(|moving| (moving.transfer, moving.rate)).collect()
        }
    }

    #[test]
    fn the_rate_is_that_of_the_last_seconds_and_a_pause_does_not_slow_it() {
        let mut clock = Clock::new();
        clock.at(0, offered(7, 100 * MB));
        assert_eq!(clock.moving(0), []);
        clock.at(0, progress(7, 10 * MB, 100 * MB));
        assert_eq!(clock.moving(0), [(7, 0)], "one point has no rate");
        for second in 1..=10 {
            let speed = if second <= 5 { 1 } else { 3 };
            let done = 10 * MB + (1..=second).map(|at| if at <= 5 { MB } else { 3 * MB }).sum::<u64>();
            clock.at(second * 1000, progress(7, done, 100 * MB));
            assert!(second == 6 || second > 5 || clock.moving(second * 1000) == [(7, speed * MB)], "{second}");
        }
        assert_eq!(clock.moving(10_000), [(7, 3 * MB)]);
        assert_eq!(clock.moving(17_999), [(7, 3 * MB)]);
        assert_eq!(clock.moving(18_000), [], "it does not move any more");
        clock.at(60_000, progress(7, 30 * MB, 100 * MB));
        clock.at(61_000, progress(7, 32 * MB, 100 * MB));
        assert_eq!(clock.moving(61_000), [(7, 2 * MB)]);
        clock.at(62_000, sent(7));
        assert_eq!(clock.moving(62_000), []);
    }

    #[test]
    fn what_is_left_follows_from_the_rate() {
        let moving = |done, rate| Moving { transfer: 1, label: None, done, total: 100 * MB, rate };
        assert_eq!(moving(40 * MB, 7 * MB).left(), Some(Duration::from_secs(9)));
        assert_eq!(moving(40 * MB, 0).left(), None);
        assert_eq!(moving(100 * MB, MB).left(), Some(Duration::ZERO));
        assert_eq!(
            (moving(0, 0).percent(), moving(99_999_999, 0).percent(), moving(100 * MB, 0).percent()),
            (0, 99, 100)
        );
        assert_eq!((percent(0, 0), percent(u64::MAX, u64::MAX)), (100, 100));
    }

    #[test]
    fn where_not_all_is_told_the_beginning_each_tenth_and_the_end_are() {
        let mut clock = Clock::new();
        clock.at(0, offered(7, 1000));
        let mut told = Vec::new();
        for done in 35..=1000 {
            if let Some(Event::Progress(moving)) = clock.at(done, progress(7, done, 1000)) {
                assert_eq!(moving.label.map(|label| label.name), Some("fotos".to_owned()));
                told.push(moving.done);
            }
        }
        assert_eq!(told, [35, 100, 200, 300, 400, 500, 600, 700, 800, 900, 1000]);
        assert!(matches!(clock.at(0, progress(8, 0, 0)), Some(Event::Progress(Moving { label: None, .. }))));
        assert_eq!(clock.at(0, progress(8, 0, 0)), None, "nothing is told twice");
    }

    #[test]
    fn a_summary_tells_what_was_moved_in_this_run() {
        let mut clock = Clock::new();
        clock.at(0, offered(7, 5 * MB));
        clock.at(1000, progress(7, 2 * MB, 5 * MB));
        clock.at(3000, progress(7, 5 * MB, 5 * MB));
        let summary = |event| match event {
            Some(Event::Arrived { summary, .. }) => summary,
            other => panic!("{other:?}"),
        };
        let moved = Some((3 * MB, Duration::from_secs(3)));
        assert_eq!(summary(clock.at(4000, sent(7))), Summary { bytes: 5 * MB, moved });
        assert_eq!(summary(clock.at(4000, sent(7))), Summary::default(), "nothing was known of it");
        let received = Notice::Received {
            transfer: 9,
            from: name("bia"),
            path: "/x".to_owned(),
            sha256: Hash([0; 32]),
            renamed: 0,
        };
        clock.at(0, progress(9, 0, MB));
        assert_eq!(summary(clock.at(500, received)).moved, Some((MB, Duration::from_millis(500))));
    }

    #[test]
    fn what_has_ended_is_forgotten() {
        let mut clock = Clock::new();
        clock.at(0, offered(7, 5));
        clock.at(0, progress(7, 0, 5));
        clock.at(0, sent(7));
        assert!(clock.1.known.is_empty());
    }
}
