//! Places: which of the transfers that can run does so next, and which gives its place up for it.
//!
//! Each way has so many places (`transfers_running_max`), and room for so long manifests. Whatever can run and has no
//! place stands in line. A free place goes to the person who has the fewest, and of that person to what has stood there
//! longest; nothing overtakes what does not fit yet. Where none is free, one is given up, and what had it goes to the end
//! of the line:
//!
//! - by whoever has most, as long as that leaves no fewer than the other one gets then: what was begun last;
//! - by something of which nothing has moved for `transfer_stalled_ms`: of these, what was begun last of whoever has most,
//!   and one in as long a time. So what stands in line gets on, although the others keep theirs, and they do not push
//!   each other out in turns while all of them stand still.
//!
//! What is all there, and what waits for its disk alone, keeps its place. Giving one up costs what a cut costs.
//!
//! Invariant: nothing gives up its place before something else waits for it.

use std::cmp::Reverse;

use super::{Live, Run, Transfers};
use crate::{
    identity::Key,
    limits::{Limits, ms},
    peer::machine::{Peer, Timer},
    time::Time,
};

/// Whether a place can be given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hold {
    /// It is free as soon as the disk has answered.
    Leaving,
    /// It can't.
    Firm,
    /// For someone who has fewer.
    Working,
    /// For anyone, when nothing has moved since then for too long.
    Moving(Time),
}

/// A transfer that has a place.
#[derive(Debug)]
struct Holder {
    number: u64,
    person: Key,
    manifest: usize,
    /// Counts those that were begun.
    turn: u64,
    hold: Hold,
}

/// A transfer that stands in line.
#[derive(Debug)]
struct Waiting {
    number: u64,
    person: Key,
    manifest: usize,
    /// Counts those that came to stand there.
    turn: u64,
}

/// The places of one way, and who stands in line for them.
#[derive(Debug)]
struct Places {
    holders: Vec<Holder>,
    line: Vec<Waiting>,
    /// When something last gave its place up because it had stalled.
    stalled_at: Time,
}

/// What happens next.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    /// It gets a place.
    Begin(u64),
    /// It gives its place up; because it stands still, or for someone who has fewer.
    GiveUp { number: u64, stalled: bool },
    /// Nothing, before then.
    Wait(Option<Time>),
}

impl Places {
    fn held_by(&self, person: &Key) -> usize {
        self.holders.iter().filter(|holder| holder.person == *person).count()
    }

    fn next_step(&self, now: Time, limits: &Limits) -> Step {
        let Some(next) = self.line.iter().min_by_key(|waiting| (self.held_by(&waiting.person), waiting.turn)) else {
            return Step::Wait(None);
        };
        let manifests = self.holders.iter().map(|holder| holder.manifest).sum::<usize>();
        let fits = manifests == 0 || manifests + next.manifest <= limits.manifests_bytes_max;
        if fits && self.holders.len() < limits.transfers_running_max {
            return Step::Begin(next.number);
        }
        if self.holders.iter().any(|holder| holder.hold == Hold::Leaving) {
            return Step::Wait(None);
        }
        let own = self.held_by(&next.person);
        let gives = |holder: &&Holder| holder.hold != Hold::Firm && self.held_by(&holder.person) > own + 1;
        if let Some(holder) = self.holders.iter().filter(gives).max_by_key(|of| (self.held_by(&of.person), of.turn)) {
            return Step::GiveUp { number: holder.number, stalled: false };
        }
        let stalls = self.holders.iter().filter_map(|holder| {
            let moved = match holder.hold {
                Hold::Moving(moved) => moved.max(self.stalled_at),
                // It will move, and may stall from then on.
                Hold::Working => now,
                Hold::Leaving | Hold::Firm => return None,
            };
            Some((moved + ms(limits.transfer_stalled_ms), holder))
        });
        // What has stalled comes before what may stall later.
        let order = |(at, of): &(Time, &Holder)| ((*at).max(now), Reverse((self.held_by(&of.person), of.turn)));
        match stalls.min_by_key(order) {
            Some((at, holder)) if at <= now => Step::GiveUp { number: holder.number, stalled: true },
            Some((at, _)) => Step::Wait(Some(at)),
            None => Step::Wait(None),
        }
    }
}

impl Live {
    /// What it is with its place; none where it has none.
    fn hold(&self) -> Option<Hold> {
        match &self.run {
            Run::Idle => None,
            Run::Closing => Some(Hold::Leaving),
            Run::Scanning(_) | Run::Opening(..) => Some(Hold::Working),
            Run::Sending(sending) if !sending.is_compared() => Some(Hold::Working),
            Run::Sending(_) => Some(Hold::Moving(self.moved)),
            Run::Receiving(_) if self.is_finishing() => Some(Hold::Firm),
            Run::Receiving(receiving) if receiving.stream.is_none() || receiving.is_opening() => Some(Hold::Working),
            Run::Receiving(_) => Some(Hold::Moving(self.moved)),
        }
    }
}

impl Transfers {
    /// How things stand with the places of one way. What can run and stood nowhere goes to the end of the line.
    fn places(&mut self, incoming: bool) -> Places {
        let stalled_at = self.stalled_at.get(&incoming).copied().unwrap_or_default();
        let mut places = Places { holders: Vec::new(), line: Vec::new(), stalled_at };
        for live in self.all.values_mut().filter(|live| live.is_incoming() == incoming) {
            let (number, person, manifest) = (live.kept.number, live.kept.with, live.kept.offer.manifest as usize);
            if let Some(hold) = live.hold() {
                places.holders.push(Holder { number, person, manifest, turn: live.turn.unwrap_or_default(), hold });
            } else if live.may_run() {
                let turn = *live.turn.get_or_insert_with(|| {
                    self.turns += 1;
                    self.turns
                });
                places.line.push(Waiting { number, person, manifest, turn });
            } else {
                live.turn = None;
            }
        }
        places
    }
}

impl Peer {
    /// Begins the runs for which there is room, and ends those that give their places up.
    pub(in crate::peer) fn run_transfers(&mut self, now: Time) {
        if self.stopping || !std::mem::take(&mut self.transfers.stirred) {
            return;
        }
        let mut next = None;
        for incoming in [true, false] {
            let at = self.give_places(now, incoming);
            next = [next, at].into_iter().flatten().min();
        }
        match next {
            Some(at) => self.timers.set(Timer::Places, at),
            None => self.timers.clear(Timer::Places),
        }
    }

    /// Something may have stood still for too long.
    pub(in crate::peer) const fn on_places_due(&mut self) {
        self.transfers.stirred = true;
    }

    /// Gives the places of one way to whom they belong. Returns when that may change by itself.
    fn give_places(&mut self, now: Time, incoming: bool) -> Option<Time> {
        loop {
            let places = self.transfers.places(incoming);
            match places.next_step(now, &self.limits) {
                Step::Begin(number) => {
                    self.transfers.turns += 1;
                    if let Some(live) = self.transfers.all.get_mut(&number) {
                        (live.turn, live.moved) = (Some(self.transfers.turns), now);
                    }
                    if incoming { self.begin_receiving(now, number) } else { self.begin_sending(number) }
                }
                Step::GiveUp { number, stalled } => {
                    if stalled {
                        self.transfers.stalled_at.insert(incoming, now);
                    }
                    self.give_up_place(number);
                }
                Step::Wait(at) => return at,
            }
        }
    }

    /// It goes on later. Whoever sends it asks to be told anew from where: what is on its way meanwhile is lost.
    fn give_up_place(&mut self, number: u64) {
        self.stop_run(number);
        let Some(live) = self.transfers.all.get_mut(&number) else { return };
        live.turn = None;
        if let (false, Some(conn)) = (live.is_incoming(), live.conn) {
            self.offer(conn, number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits =
        Limits { transfers_running_max: 4, transfer_stalled_ms: 10, manifests_bytes_max: 100, ..Limits::DEFAULT };

    fn at(ms: u64) -> Time {
        Time::ZERO + crate::limits::ms(ms)
    }

    /// Of whom each place is, in the order in which they were begun, and who stands in line. Numbers count both.
    fn places(holders: &[(u8, Hold)], line: &[u8]) -> Places {
        let numbered = |(index, person): (usize, u8)| (index as u64 + 1, Key([person; 32]));
        let holders = holders.iter().enumerate().map(|(index, (person, hold))| {
            let (number, person) = numbered((index, *person));
            Holder { number, person, manifest: 0, turn: number, hold: *hold }
        });
        let line = line.iter().enumerate().map(|(index, person)| {
            let (number, person) = numbered((index, *person));
            Waiting { number: 100 + number, person, manifest: 0, turn: 100 + number }
        });
        Places { holders: holders.collect(), line: line.collect(), stalled_at: Time::ZERO }
    }

    #[track_caller]
    fn check(now: u64, holders: &[(u8, Hold)], line: &[u8], expected: Step) {
        assert_eq!(places(holders, line).next_step(at(now), &LIMITS), expected);
    }

    const MOVES: Hold = Hold::Moving(Time::ZERO);

    #[test]
    fn a_free_place_goes_to_who_has_fewest_and_then_to_what_stood_longest() {
        check(0, &[], &[], Step::Wait(None));
        check(0, &[], &[1, 2], Step::Begin(101));
        check(0, &[(1, MOVES)], &[1, 2, 2], Step::Begin(102));
        check(0, &[(1, MOVES), (2, MOVES)], &[2, 1, 2], Step::Begin(101));
        check(0, &[(1, MOVES); 3], &[1], Step::Begin(101));
    }

    #[test]
    fn who_has_most_gives_a_place_up_as_long_as_that_evens_out() {
        let give = |number| Step::GiveUp { number, stalled: false };
        check(0, &[(1, MOVES); 4], &[2], give(4));
        check(0, &[(1, MOVES), (1, MOVES), (1, MOVES), (2, MOVES)], &[2], give(3));
        check(0, &[(1, MOVES), (1, MOVES), (2, MOVES), (2, MOVES)], &[2], Step::Wait(Some(at(10))));
        check(0, &[(1, MOVES), (1, Hold::Working), (1, Hold::Firm), (1, Hold::Firm)], &[2], give(2));
        check(0, &[(1, Hold::Firm); 4], &[2], Step::Wait(None));
        check(0, &[(1, MOVES), (2, MOVES), (3, MOVES), (4, MOVES)], &[5], Step::Wait(Some(at(10))));
        // Someone is about to leave: nobody else has to.
        check(0, &[(1, MOVES), (1, MOVES), (1, MOVES), (1, Hold::Leaving)], &[2], Step::Wait(None));
    }

    #[test]
    fn what_stands_still_gives_its_place_up_after_the_limit_and_one_in_as_long_a_time() {
        let give = |number| Step::GiveUp { number, stalled: true };
        let moved = |ms| (1, Hold::Moving(at(ms)));
        let still = [moved(0), moved(0), moved(3), moved(5)];
        check(9, &still, &[1], Step::Wait(Some(at(10))));
        check(10, &still, &[1], give(2));
        check(13, &still, &[1], give(3));
        check(20, &still, &[], Step::Wait(None));
        check(20, &[(1, Hold::Working); 4], &[1], Step::Wait(Some(at(30))));
        check(20, &[(1, Hold::Working), (1, Hold::Firm), moved(9), moved(11)], &[1], give(3));
        check(10, &[moved(0), moved(0), (2, MOVES), (3, MOVES)], &[2], give(2));
        let mut lately = places(&still, &[1]);
        lately.stalled_at = at(10);
        assert_eq!(lately.next_step(at(19), &LIMITS), Step::Wait(Some(at(20))));
        assert_eq!(lately.next_step(at(20), &LIMITS), give(4));
    }

    #[test]
    fn manifests_have_places_of_their_own_and_nothing_overtakes_what_does_not_fit() {
        let with = |held: usize, own: usize, line: &[u8]| {
            let mut places = places(&[(1, MOVES)], line);
            (places.holders[0].manifest, places.line[0].manifest) = (held, own);
            places.next_step(at(0), &LIMITS)
        };
        assert_eq!(with(60, 40, &[2]), Step::Begin(101));
        assert_eq!(with(60, 41, &[2]), Step::Wait(Some(at(10))));
        assert_eq!(with(60, 41, &[2, 3]), Step::Wait(Some(at(10))));
        assert_eq!(with(0, 101, &[2]), Step::Begin(101), "a longer one runs alone");
        assert_eq!(with(1, 101, &[2]), Step::Wait(Some(at(10))));
    }
}
