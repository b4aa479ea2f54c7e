//! How much someone may do: a rate in the long run, and a burst on top of it.
//!
//! What was done is kept as the time at which it is paid off, so an allowance is one number and needs no timer to fill.

use std::time::Duration;

use crate::time::Time;

/// A rate, in whatever is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Each second, in the long run.
    pub per_s: u64,
    /// At once.
    pub burst: u64,
}

impl Rate {
    /// How long so much takes.
    fn time_of(self, amount: u64) -> Duration {
        let nanos = u128::from(amount) * 1_000_000_000 / u128::from(self.per_s.max(1));
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

/// What is left to someone of a [`Rate`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Allowance {
    /// At this time, what was done is paid off.
    paid_at: Time,
}

impl Allowance {
    /// So much was done.
    pub fn charge(&mut self, now: Time, amount: u64, rate: Rate) {
        self.paid_at = self.paid_at.max(now) + rate.time_of(amount);
    }

    /// Nobody has to wait longer than that from now, whatever was done.
    pub fn forgive(&mut self, now: Time, wait_max: Duration, rate: Rate) {
        self.paid_at = self.paid_at.min(now + rate.time_of(rate.burst) + wait_max);
    }

    /// From this time on more may be done; in the past for all who are moderate.
    #[must_use]
    pub fn free_at(&self, rate: Rate) -> Time {
        Time::after_start(self.paid_at.since_start().saturating_sub(rate.time_of(rate.burst)))
    }

    /// Whether so much may be done now.
    #[must_use]
    pub fn affords(&self, now: Time, amount: u64, rate: Rate) -> bool {
        self.paid_at.since(now) + rate.time_of(amount) <= rate.time_of(rate.burst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::ms;

    const RATE: Rate = Rate { per_s: 10, burst: 20 };

    fn at(ms_since: u64) -> Time {
        Time::ZERO + ms(ms_since)
    }

    #[test]
    fn a_burst_is_afforded_to_the_last_and_then_the_rate() {
        let mut allowance = Allowance::default();
        let now = at(60_000);
        assert!(allowance.affords(now, 20, RATE) && !allowance.affords(now, 21, RATE));
        allowance.charge(now, 20, RATE);
        assert!(!allowance.affords(now, 1, RATE));
        assert!(!allowance.affords(at(60_099), 1, RATE) && allowance.affords(at(60_100), 1, RATE));
        assert_eq!(allowance.free_at(RATE), now, "the burst is used up just now");
        allowance.charge(now, 5, RATE);
        assert_eq!(allowance.free_at(RATE), at(60_500));
    }

    #[test]
    fn what_was_done_long_ago_counts_no_more_and_nothing_is_saved_past_the_burst() {
        let mut allowance = Allowance::default();
        allowance.charge(at(0), 20, RATE);
        assert!(allowance.affords(at(2_000), 20, RATE));
        assert!(!allowance.affords(at(1_000_000), 21, RATE));
    }

    #[test]
    fn nobody_waits_longer_than_is_said() {
        let mut allowance = Allowance::default();
        allowance.charge(at(0), u64::MAX, RATE);
        allowance.forgive(at(0), ms(3_000), RATE);
        assert_eq!(allowance.free_at(RATE), at(3_000));
    }
}
