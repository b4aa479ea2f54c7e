//! Who may try a password, and when.
//!
//! An [`Attempt`] waits in the queue of its network until its delay is over and its turn has come, is under way on a
//! worker, and ends as right or wrong:
//!
//! ```text
//! queue ──▶ waiting ──next_started──▶ under way ──finish──▶ handle_right / handle_wrong
//! ```
//!
//! - **Fair**: networks take turns, so a flood from one delays the others by one check each at most.
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

use super::admission::Network;
use crate::{
    limits::{Limits, ms},
    machine::{ConnId, RequestId},
    names::Name,
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
    pub network: Network,
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
    waiting_per_network_max: usize,
    delay_min: Duration,
    delay_max: Duration,
    remembered_max: usize,

    /// Each network's attempts, by when their delay is over.
    waiting: BTreeMap<Network, BTreeMap<(Time, u64), Attempt>>,
    waiting_len: usize,
    /// Where each connection's attempt waits; a connection has one at most.
    places: BTreeMap<ConnId, (Network, (Time, u64))>,
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
            waiting_per_network_max: limits.password_queue_per_network_max,
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

    /// Puts an attempt into the queue; false when the queue, or its network's part of it, is full.
    #[must_use]
    pub fn queue(&mut self, now: Time, attempt: Attempt) -> bool {
        debug_assert!(!self.places.contains_key(&attempt.conn), "a connection tries one password at a time");
        let of_network = self.waiting.get(&attempt.network).map_or(0, BTreeMap::len);
        if self.waiting_len >= self.waiting_max || of_network >= self.waiting_per_network_max {
            return false;
        }
        let ready = now + self.delay(now, &attempt);
        let place = (ready, self.next_ticket());
        self.places.insert(attempt.conn, (attempt.network, place));
        self.waiting.entry(attempt.network).or_default().insert(place, attempt);
        self.waiting_len += 1;
        true
    }

    /// Takes out the next attempt whose delay is over, if a check may begin. It is under way only once
    /// [`Self::start`] says so.
    pub fn next_ready(&mut self, now: Time) -> Option<Attempt> {
        if self.under_way.len() >= self.under_way_max {
            return None;
        }
        let after = self.turn.map_or(Bound::Unbounded, Bound::Excluded);
        let until = self.turn.map_or(Bound::Unbounded, Bound::Included);
        let is_ready = |queue: &BTreeMap<(Time, u64), Attempt>| {
            queue.first_key_value().is_some_and(|((ready, _), _)| *ready <= now)
        };
        let mut turns =
            self.waiting.range((after, Bound::Unbounded)).chain(self.waiting.range((Bound::Unbounded, until)));
        let network = *turns.find(|(_, queue)| is_ready(queue))?.0;
        self.turn = Some(network);
        let (place, _) = self.waiting.get(&network)?.first_key_value()?;
        let place = *place;
        self.take(network, place)
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
        if let Some(wrongs) = self.wrongs.get_mut(&Suspect::Network(attempt.network)) {
            wrongs.count = wrongs.count.saturating_sub(1);
        }
    }

    /// The password, or the token, was wrong.
    pub fn handle_wrong(&mut self, now: Time, attempt: &Attempt) {
        let account = Suspect::Account(attempt.name.folded().to_owned());
        for suspect in [account, Suspect::Network(attempt.network)] {
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
        if let Some(&(network, place)) = self.places.get(&conn) {
            self.take(network, place);
        }
    }

    /// When the next attempt becomes ready, if a check may begin then.
    pub fn deadline(&self) -> Option<Time> {
        if self.under_way.len() >= self.under_way_max {
            return None;
        }
        self.waiting.values().filter_map(|queue| queue.first_key_value()).map(|((ready, _), _)| *ready).min()
    }

    fn take(&mut self, network: Network, place: (Time, u64)) -> Option<Attempt> {
        let queue = self.waiting.get_mut(&network)?;
        let attempt = queue.remove(&place)?;
        if queue.is_empty() {
            self.waiting.remove(&network);
        }
        self.waiting_len -= 1;
        self.places.remove(&attempt.conn);
        Some(attempt)
    }

    fn delay(&self, now: Time, attempt: &Attempt) -> Duration {
        let account = self.count(now, &Suspect::Account(attempt.name.folded().to_owned()));
        let network = self.count(now, &Suspect::Network(attempt.network));
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

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> Limits {
        Limits {
            password_checks_max: 1,
            password_queue_max: 6,
            password_queue_per_network_max: 4,
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
            network: Network::of([10, 0, third, 7].into()),
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
            assert!(passwords.queue(at(0), attempt(conn, 1, "ana")));
        }
        assert!(passwords.queue(at(0), attempt(5, 2, "bia")));
        assert_eq!(work_off(&mut passwords, at(0)), [1, 5, 2, 3, 4]);
        assert_eq!((passwords.waiting_len, passwords.places.len(), passwords.waiting.len()), (0, 0, 0));
    }

    #[test]
    fn the_queue_and_each_networks_part_of_it_are_bounded() {
        let mut passwords = Passwords::new(&limits());
        for conn in 1..=4 {
            assert!(passwords.queue(at(0), attempt(conn, 1, "ana")));
        }
        assert!(!passwords.queue(at(0), attempt(5, 1, "ana")), "a fifth of one network");
        assert!(passwords.queue(at(0), attempt(5, 2, "ana")));
        assert!(passwords.queue(at(0), attempt(6, 2, "ana")));
        assert!(!passwords.queue(at(0), attempt(7, 3, "ana")), "a seventh altogether");
        passwords.handle_gone(ConnId(6));
        assert!(passwords.queue(at(0), attempt(7, 3, "ana")));
        assert_eq!(work_off(&mut passwords, at(0)), [1, 5, 7, 2, 3, 4]);
    }

    #[test]
    fn each_wrong_password_doubles_the_delay_up_to_the_longest() {
        let mut passwords = Passwords::new(&limits());
        let mut now = at(0);
        let mut waits = Vec::new();
        for _ in 0..7 {
            assert!(passwords.queue(now, attempt(1, 1, "ana")));
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
        assert!(passwords.queue(at(0), attempt(1, 1, "ana")));
        assert!(passwords.queue(at(1_000), attempt(2, 2, "ana")), "the account's delay holds everywhere");
        assert!(passwords.queue(at(1_000), attempt(3, 1, "bia")), "and the network's for every account");
        assert!(passwords.queue(at(1_000), attempt(4, 2, "bia")));
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
