//! A machine's timers: one ordered set, so that the deadline is its first element.
//!
//! Invariant: a key has at most one time, and popping a timer clears it, so a deadline that was acted upon is gone.

use std::collections::{BTreeMap, BTreeSet};

use crate::time::Time;

/// Timers named by `K`.
#[derive(Debug)]
pub struct Timers<K> {
    ordered: BTreeSet<(Time, K)>,
    times: BTreeMap<K, Time>,
}

impl<K: Ord + Copy> Default for Timers<K> {
    fn default() -> Self {
        Self { ordered: BTreeSet::new(), times: BTreeMap::new() }
    }
}

impl<K: Ord + Copy> Timers<K> {
    /// Sets the timer to go off at `at`, in place of any time that it had.
    pub fn set(&mut self, key: K, at: Time) {
        self.clear(key);
        self.ordered.insert((at, key));
        self.times.insert(key, at);
    }

    /// Sets the timer unless it already goes off earlier.
    pub fn set_earlier(&mut self, key: K, at: Time) {
        if self.times.get(&key).is_none_or(|&set| at < set) {
            self.set(key, at);
        }
    }

    /// Takes the timer back.
    pub fn clear(&mut self, key: K) {
        if let Some(at) = self.times.remove(&key) {
            self.ordered.remove(&(at, key));
        }
    }

    /// Takes the first timer that has gone off by `now`.
    pub fn pop_due(&mut self, now: Time) -> Option<K> {
        let &(at, key) = self.ordered.first()?;
        if at > now {
            return None;
        }
        self.clear(key);
        Some(key)
    }

    /// When the timer goes off.
    #[must_use]
    pub fn at(&self, key: K) -> Option<Time> {
        self.times.get(&key).copied()
    }

    /// When the first goes off.
    #[must_use]
    pub fn deadline(&self) -> Option<Time> {
        self.ordered.first().map(|&(at, _)| at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn secs(secs: u64) -> Time {
        Time::after_start(Duration::from_secs(secs))
    }

    #[test]
    fn timers_go_off_once_in_order_of_time() {
        let mut timers = Timers::default();
        timers.set('b', secs(2));
        timers.set('a', secs(3));
        timers.set('c', secs(9));
        timers.set('a', secs(1));
        timers.set_earlier('c', secs(5));
        timers.set_earlier('c', secs(7));
        assert_eq!(timers.deadline(), Some(secs(1)));
        assert_eq!(timers.pop_due(secs(0)), None);
        assert_eq!(timers.pop_due(secs(2)), Some('a'));
        assert_eq!(timers.pop_due(secs(2)), Some('b'));
        assert_eq!(timers.pop_due(secs(2)), None);
        assert_eq!(timers.at('c'), Some(secs(5)));
        timers.clear('c');
        assert_eq!(timers.deadline(), None);
    }
}
