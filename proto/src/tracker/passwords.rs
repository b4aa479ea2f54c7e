//! Who may try a password, and when.
//!
//! An [`Attempt`] waits in the queue of its address until its delay is over and its turn has come, is under way on a
//! worker, and ends as right or wrong:
//!
//! ```text
//! queue ──▶ waiting ──next_started──▶ under way ──finish──▶ handle_right / handle_wrong
//! ```
//!
//! - **Fair**: networks take turns, and within a network its addresses, so a flood from one delays the others by one
//!   check each at most. When the queue is full, the last of the longest line makes room for who comes from elsewhere.
//! - **Delayed, never locked**: each wrong password doubles the delay of the account and of the network that it came
//!   from, up to the longest. An attempt waits for its own delay from the moment it came, never for those of others,
//!   so whoever knows the password gets in however many others guess. A right one forgets the account's delay and
//!   takes one step from the network's: an attacker who has an account can't wash its network clean with it.
//! - Names that nobody has are delayed like any other, so delays tell nothing.
//!
//! Invariant: what waits, what is under way and what is remembered are each bounded.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
    time::Duration,
};

use crate::{
    limits::{Limits, ms},
    machine::{ConnId, RequestId},
    names::Name,
    source::{Network, Source},
    time::Time,
    wire::tracker::{Claimed, PasswordHash, Token},
};

/// Wrong passwords that lie further back are forgotten.
const REMEMBERED: Duration = Duration::from_secs(15 * 60);

/// What an attempt is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Purpose {
    /// To log in.
    Login,
    /// To make an account.
    Register {
        /// Where registration asks for one.
        token: Option<Token>,
    },
}

/// One use of a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Whose.
    pub conn: ConnId,
    /// The request that it answers.
    pub request: u32,
    /// From where.
    pub source: Source,
    /// The account.
    pub name: Name,
    /// The password.
    pub password: PasswordHash,
    /// Where the session will say it listens.
    pub claimed: Claimed,
    /// What for.
    pub purpose: Purpose,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Suspect {
    Account(String),
    Network(Network),
}

/// Where an attempt came to wait.
#[derive(Debug, PartialEq, Eq)]
pub enum Queued {
    /// In the queue.
    Waits,
    /// In the queue, from which this one was taken in its place.
    Displaces(Attempt),
    /// Nowhere: the queue, or its address's part of it, is full.
    Refused,
}

/// The attempts of one address, by when their delay is over.
type Line = BTreeMap<(Time, u64), Attempt>;

/// The addresses of one network that have attempts waiting.
#[derive(Debug, Default)]
struct Lines {
    lines: BTreeMap<Source, Line>,
    /// The address that had the last turn.
    turn: Option<Source>,
}

#[derive(Debug)]
struct Wrongs {
    count: u32,
    last: Time,
    /// Its place in the order of forgetting.
    ticket: u64,
}

/// See the [module](self).
#[derive(Debug)]
pub struct Passwords {
    under_way_max: usize,
    waiting_max: usize,
    waiting_per_address_max: usize,
    delay_min: Duration,
    delay_max: Duration,
    remembered_max: usize,

    waiting: BTreeMap<Network, Lines>,
    waiting_len: usize,
    /// Where each connection's attempt waits; a connection has one at most.
    places: BTreeMap<ConnId, (Source, (Time, u64))>,
    /// The network that had the last turn.
    turn: Option<Network>,
    under_way: BTreeMap<RequestId, Attempt>,

    wrongs: BTreeMap<Suspect, Wrongs>,
    by_age: BTreeSet<(u64, Suspect)>,
    tickets: u64,
}

impl Passwords {
    /// Nobody has tried anything yet.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        Self {
            under_way_max: limits.password_checks_max.max(1),
            waiting_max: limits.password_queue_max,
            waiting_per_address_max: limits.password_queue_per_address_max,
            delay_min: ms(limits.password_delay_ms_min),
            delay_max: ms(limits.password_delay_ms_max),
            remembered_max: limits.password_delays_kept_max,
            waiting: BTreeMap::new(),
            waiting_len: 0,
            places: BTreeMap::new(),
            turn: None,
            under_way: BTreeMap::new(),
            wrongs: BTreeMap::new(),
            by_age: BTreeSet::new(),
            tickets: 0,
        }
    }

    /// Puts an attempt into the queue, if there is room or someone else takes too much of it.
    #[must_use]
    pub fn queue(&mut self, now: Time, attempt: Attempt) -> Queued {
        debug_assert!(!self.places.contains_key(&attempt.conn), "a connection tries one password at a time");
        let source = attempt.source;
        let of_source = self.line(source).map_or(0, Line::len);
        if of_source >= self.waiting_per_address_max {
            return Queued::Refused;
        }
        let mut displaced = None;
        if self.waiting_len >= self.waiting_max {
            displaced = self.take_last_of_the_longest(of_source);
            if displaced.is_none() {
                return Queued::Refused;
            }
        }
        let ready = now + self.delay(now, &attempt);
        let place = (ready, self.next_ticket());
        self.places.insert(attempt.conn, (source, place));
        self.waiting.entry(source.network()).or_default().lines.entry(source).or_default().insert(place, attempt);
        self.waiting_len += 1;
        displaced.map_or(Queued::Waits, Queued::Displaces)
    }

    /// Takes out the next attempt whose delay is over, if a check may begin. It is under way only once
    /// [`Self::start`] says so.
    pub fn next_ready(&mut self, now: Time) -> Option<Attempt> {
        if self.under_way.len() >= self.under_way_max {
            return None;
        }
        let is_ready = |line: &Line| line.first_key_value().is_some_and(|((ready, _), _)| *ready <= now);
        let network = next_turn(&self.waiting, self.turn, |lines| lines.lines.values().any(is_ready))?;
        self.turn = Some(network);
        let lines = self.waiting.get_mut(&network)?;
        let source = next_turn(&lines.lines, lines.turn, is_ready)?;
        lines.turn = Some(source);
        let (&place, _) = lines.lines.get(&source)?.first_key_value()?;
        self.take(source, place)
    }

    /// The attempt is being checked.
    pub fn start(&mut self, request: RequestId, attempt: Attempt) {
        self.under_way.insert(request, attempt);
    }

    /// Its check has ended.
    pub fn finish(&mut self, request: RequestId) -> Option<Attempt> {
        self.under_way.remove(&request)
    }

    /// The password was right.
    pub fn handle_right(&mut self, attempt: &Attempt) {
        self.forget(&Suspect::Account(attempt.name.folded().to_owned()));
        if let Some(wrongs) = self.wrongs.get_mut(&Suspect::Network(attempt.source.network())) {
            wrongs.count = wrongs.count.saturating_sub(1);
        }
    }

    /// The password, or the token, was wrong.
    pub fn handle_wrong(&mut self, now: Time, attempt: &Attempt) {
        let account = Suspect::Account(attempt.name.folded().to_owned());
        for suspect in [account, Suspect::Network(attempt.source.network())] {
            let count = self.count(now, &suspect).saturating_add(1);
            self.forget(&suspect);
            let ticket = self.next_ticket();
            self.by_age.insert((ticket, suspect.clone()));
            self.wrongs.insert(suspect, Wrongs { count, last: now, ticket });
        }
        while self.wrongs.len() > self.remembered_max {
            let Some((_, oldest)) = self.by_age.pop_first() else { break };
            self.wrongs.remove(&oldest);
        }
    }

    /// The connection is gone: what it has waiting is dropped. What is under way ends by itself.
    pub fn handle_gone(&mut self, conn: ConnId) {
        if let Some(&(source, place)) = self.places.get(&conn) {
            self.take(source, place);
        }
    }

    /// When the next attempt becomes ready, if a check may begin then.
    pub fn deadline(&self) -> Option<Time> {
        if self.under_way.len() >= self.under_way_max {
            return None;
        }
        let lines = self.waiting.values().flat_map(|lines| lines.lines.values());
        lines.filter_map(Line::first_key_value).map(|((ready, _), _)| *ready).min()
    }

    fn line(&self, source: Source) -> Option<&Line> {
        self.waiting.get(&source.network())?.lines.get(&source)
    }

    /// Takes the last attempt of the longest line out, if that is longer than `than`.
    fn take_last_of_the_longest(&mut self, than: usize) -> Option<Attempt> {
        let lines = self.waiting.values().flat_map(|lines| &lines.lines);
        let (&source, line) = lines.max_by_key(|(_, line)| line.len()).filter(|(_, line)| line.len() > than)?;
        let (&place, _) = line.last_key_value()?;
        self.take(source, place)
    }

    fn take(&mut self, source: Source, place: (Time, u64)) -> Option<Attempt> {
        let lines = self.waiting.get_mut(&source.network())?;
        let line = lines.lines.get_mut(&source)?;
        let attempt = line.remove(&place)?;
        if line.is_empty() {
            lines.lines.remove(&source);
        }
        if lines.lines.is_empty() {
            self.waiting.remove(&source.network());
        }
        self.waiting_len -= 1;
        self.places.remove(&attempt.conn);
        Some(attempt)
    }

    fn delay(&self, now: Time, attempt: &Attempt) -> Duration {
        let account = self.count(now, &Suspect::Account(attempt.name.folded().to_owned()));
        let network = self.count(now, &Suspect::Network(attempt.source.network()));
        match account.max(network) {
            0 => Duration::ZERO,
            wrongs => self.delay_min.saturating_mul(1 << (wrongs - 1).min(31)).min(self.delay_max),
        }
    }

    fn count(&self, now: Time, suspect: &Suspect) -> u32 {
        self.wrongs.get(suspect).filter(|wrongs| now - wrongs.last < REMEMBERED).map_or(0, |wrongs| wrongs.count)
    }

    fn forget(&mut self, suspect: &Suspect) {
        if let Some(wrongs) = self.wrongs.remove(suspect) {
            self.by_age.remove(&(wrongs.ticket, suspect.clone()));
        }
    }

    const fn next_ticket(&mut self) -> u64 {
        self.tickets += 1;
        self.tickets
    }
}

/// Whose turn it is, of those who are ready: the next one behind who had the last.
fn next_turn<K: Ord + Copy, V>(all: &BTreeMap<K, V>, last: Option<K>, is_ready: impl Fn(&V) -> bool) -> Option<K> {
    let after = last.map_or(Bound::Unbounded, Bound::Excluded);
    let until = last.map_or(Bound::Unbounded, Bound::Included);
    let mut turns = all.range((after, Bound::Unbounded)).chain(all.range((Bound::Unbounded, until)));
    turns.find(|(_, waiting)| is_ready(waiting)).map(|(&key, _)| key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> Limits {
        Limits {
            password_checks_max: 1,
            password_queue_max: 6,
            password_queue_per_address_max: 4,
            password_delay_ms_min: 250,
            password_delay_ms_max: 4_000,
            password_delays_kept_max: 4,
            ..Limits::default()
        }
    }

    fn at(ms: u64) -> Time {
        Time::after_start(Duration::from_millis(ms))
    }

    fn attempt(conn: u64, third: u8, name: &str) -> Attempt {
        Attempt {
            conn: ConnId(conn),
            request: 1,
            source: Source::of([10, 0, third, 7].into()),
            name: Name::new(name).expect("a valid name"),
            password: PasswordHash([0; 32]),
            claimed: Claimed::truncated(Vec::new()),
            purpose: Purpose::Login,
        }
    }

    /// Checks everything that is ready, one after the other; the connections in the order of their turns.
    fn work_off(passwords: &mut Passwords, now: Time) -> Vec<u64> {
        std::iter::from_fn(|| {
            let attempt = passwords.next_ready(now)?;
            let conn = attempt.conn;
            passwords.start(RequestId(1), attempt);
            assert_eq!(passwords.next_ready(now), None, "more under way than there may be");
            assert_eq!(passwords.deadline(), None, "a deadline that can't be met spins the reactor");
            passwords.finish(RequestId(1)).expect("it is under way");
            Some(conn.0)
        })
        .collect()
    }

    #[test]
    fn networks_take_turns_so_a_flood_delays_others_by_one_check() {
        let mut passwords = Passwords::new(&limits());
        for conn in 1..=4 {
            assert_eq!(passwords.queue(at(0), attempt(conn, 1, "ana")), Queued::Waits);
        }
        assert_eq!(passwords.queue(at(0), attempt(5, 2, "bia")), Queued::Waits);
        assert_eq!(work_off(&mut passwords, at(0)), [1, 5, 2, 3, 4]);
        assert_eq!((passwords.waiting_len, passwords.places.len(), passwords.waiting.len()), (0, 0, 0));
    }

    #[test]
    fn addresses_of_one_network_take_turns_within_those_of_the_network() {
        let of = |conn, third, host| Attempt {
            source: Source::of([10, 0, third, host].into()),
            ..attempt(conn, third, "ana")
        };
        let mut passwords = Passwords::new(&limits());
        for attempt in [of(1, 1, 1), of(2, 1, 1), of(3, 1, 1), of(4, 1, 2), of(5, 2, 1), of(6, 2, 1)] {
            assert_eq!(passwords.queue(at(0), attempt), Queued::Waits);
        }
        assert_eq!(work_off(&mut passwords, at(0)), [1, 5, 4, 6, 2, 3]);
    }

    #[test]
    fn the_queue_and_each_addresss_part_of_it_are_bounded() {
        let mut passwords = Passwords::new(&limits());
        for conn in 1..=4 {
            assert_eq!(passwords.queue(at(0), attempt(conn, 1, "ana")), Queued::Waits);
        }
        assert_eq!(passwords.queue(at(0), attempt(5, 1, "ana")), Queued::Refused, "a fifth of one address");
        assert_eq!(passwords.queue(at(0), attempt(5, 2, "ana")), Queued::Waits);
        assert_eq!(passwords.queue(at(0), attempt(6, 2, "ana")), Queued::Waits);
        for (conn, displaced) in [(7, 4), (8, 3)] {
            // A seventh altogether takes the place of the longest line's last.
            let expected = Queued::Displaces(attempt(displaced, 1, "ana"));
            assert_eq!(passwords.queue(at(0), attempt(conn, 3, "ana")), expected);
        }
        assert_eq!(passwords.queue(at(0), attempt(9, 3, "ana")), Queued::Refused, "no line is longer than its own");
        assert_eq!((passwords.waiting_len, passwords.places.len()), (6, 6));
        passwords.handle_gone(ConnId(6));
        assert_eq!(passwords.queue(at(0), attempt(9, 3, "ana")), Queued::Waits);
        assert_eq!(work_off(&mut passwords, at(0)), [1, 5, 7, 2, 8, 9]);
        assert_eq!((passwords.waiting_len, passwords.places.len(), passwords.waiting.len()), (0, 0, 0));
    }

    #[test]
    fn each_wrong_password_doubles_the_delay_up_to_the_longest() {
        let mut passwords = Passwords::new(&limits());
        let mut now = at(0);
        let mut waits = Vec::new();
        for _ in 0..7 {
            assert_eq!(passwords.queue(now, attempt(1, 1, "ana")), Queued::Waits);
            let ready = passwords.deadline().expect("one waits");
            waits.push((ready - now).as_millis());
            if let Some(before) = ready.since_start().checked_sub(Duration::from_nanos(1))
                && ready > now
            {
                assert_eq!(passwords.next_ready(Time::after_start(before)), None, "its delay is not over");
            }
            now = ready;
            let attempt = passwords.next_ready(now).expect("its delay is over");
            passwords.handle_wrong(now, &attempt);
        }
        assert_eq!(waits, [0, 250, 500, 1_000, 2_000, 4_000, 4_000]);
    }

    #[test]
    fn an_attempt_waits_for_its_own_delay_and_never_for_those_of_others() {
        let mut passwords = Passwords::new(&limits());
        for _ in 0..9 {
            passwords.handle_wrong(at(0), &attempt(1, 1, "ana"));
        }
        assert_eq!(passwords.queue(at(0), attempt(1, 1, "ana")), Queued::Waits);
        // The account's delay holds everywhere, and the network's for every account.
        for attempt in [attempt(2, 2, "ana"), attempt(3, 1, "bia"), attempt(4, 2, "bia")] {
            assert_eq!(passwords.queue(at(1_000), attempt), Queued::Waits);
        }
        assert_eq!(work_off(&mut passwords, at(1_000)), [4]);
        assert_eq!(work_off(&mut passwords, at(4_000)), [1]);
        assert_eq!(work_off(&mut passwords, at(5_000)), [2, 3]);
    }

    #[test]
    fn a_right_password_forgets_the_account_but_not_the_whole_network() {
        let mut passwords = Passwords::new(&limits());
        for _ in 0..3 {
            passwords.handle_wrong(at(0), &attempt(1, 1, "ana"));
        }
        passwords.handle_right(&attempt(1, 1, "ana"));
        let delay = |third, now| passwords.delay(now, &attempt(1, third, "ana")).as_millis();
        assert_eq!((delay(1, at(0)), delay(2, at(0))), (500, 0));
        assert_eq!(delay(1, at(0) + REMEMBERED), 0, "what lies far back is forgotten");
    }

    #[test]
    fn what_is_remembered_is_bounded_and_the_oldest_goes_first() {
        let mut passwords = Passwords::new(&limits());
        for (third, name) in [(1, "ana"), (2, "bia"), (3, "caio")] {
            passwords.handle_wrong(at(0), &attempt(1, third, name));
        }
        assert_eq!((passwords.wrongs.len(), passwords.by_age.len()), (4, 4));
        assert_eq!(passwords.delay(at(0), &attempt(1, 9, "ana")), Duration::ZERO);
        assert_eq!(passwords.delay(at(0), &attempt(1, 9, "bia")), Duration::from_millis(250));
    }
}
