//! When to dial again what was lost.
//!
//! A [`Redial`] draws the waits; its owner keeps the timer. Waits double from the shortest to the longest, each drawn
//! from its upper half, so that peers that lost one tracker together do not return together. It never gives up.

use std::time::Duration;

use crate::{
    limits::{Limits, ms},
    rng::Stream,
};

/// The patience of one connection.
#[derive(Debug, Clone)]
pub struct Redial {
    min: Duration,
    max: Duration,
    /// The next wait before jitter.
    wait: Duration,
    failures: u32,
}

impl Redial {
    /// As after a success.
    #[must_use]
    pub const fn new(limits: &Limits) -> Self {
        let (min, max) = (ms(limits.redial_ms_min), ms(limits.redial_ms_max));
        Self { min, max, wait: min, failures: 0 }
    }

    /// The connection ended, or an attempt failed: the wait before the next attempt.
    pub fn next_wait(&mut self, rng: &mut Stream) -> Duration {
        let wait = rng.jittered(self.wait);
        self.wait = (self.wait * 2).min(self.max);
        self.failures = self.failures.saturating_add(1);
        wait
    }

    /// The connection stands again, or there is reason to hope.
    pub const fn reset(&mut self) {
        self.wait = self.min;
        self.failures = 0;
    }

    /// Attempts that failed since the last success.
    #[must_use]
    pub const fn failures(&self) -> u32 {
        self.failures
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Seed;

    #[test]
    fn waits_double_up_to_the_longest_and_a_success_makes_it_impatient_again() {
        let mut rng = Seed([1; 32]).stream("redial", 0);
        let mut redial = Redial::new(&Limits::DEFAULT);
        for full in [1, 2, 4, 8, 16, 30, 30] {
            let wait = redial.next_wait(&mut rng);
            assert!(wait >= Duration::from_secs(full) / 2 && wait <= Duration::from_secs(full), "{wait:?} of {full} s");
        }
        redial.reset();
        assert!(redial.next_wait(&mut rng) <= Duration::from_secs(1));
        assert_eq!(redial.failures(), 1);
    }
}
