//! Drawing: what a seeded stream is asked for.

use std::time::Duration;

use papo_proto::rng::{Seed, Stream};

/// A stream of random numbers for one purpose.
#[derive(Debug, Clone)]
pub(crate) struct Luck(Stream);

impl Luck {
    /// The stream of this seed for a purpose; `id` tells streams of one purpose apart.
    pub(crate) fn of(seed: &Seed, purpose: &str, id: u64) -> Self {
        Self(seed.stream(purpose, id))
    }

    /// Any number.
    pub(crate) fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// 32 bytes: a seed of something else.
    pub(crate) fn next_seed(&mut self) -> Seed {
        Seed(self.0.bytes())
    }

    /// From 0 to below `end`, which is not 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.0.next_u64() % end as u64).expect("it is below a usize")
    }

    /// From `first` to `last`, both possible.
    pub(crate) fn between(&mut self, first: u64, last: u64) -> u64 {
        first + self.0.next_u64() % (last - first + 1)
    }

    /// From `least` to `most`, both possible, with small ones as likely as large ones on a logarithmic scale.
    pub(crate) fn magnitude(&mut self, least: u64, most: u64) -> u64 {
        let (least_of, most_of) = ((least as f64 + 1.0).ln(), (most as f64 + 2.0).ln());
        let drawn = (least_of + (most_of - least_of) * self.0.unit()).exp() - 1.0;
        (drawn as u64).clamp(least, most)
    }

    /// From 0 to below 1.
    pub(crate) fn unit(&mut self) -> f64 {
        self.0.unit()
    }

    /// True so often, of all draws.
    pub(crate) fn chance(&mut self, share: f64) -> bool {
        self.0.unit() < share
    }

    /// One of several.
    pub(crate) fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }

    /// A duration in `shortest..=longest`, with short ones as likely as long ones on a logarithmic scale.
    pub(crate) fn duration(&mut self, shortest: Duration, longest: Duration) -> Duration {
        let ratio = longest.as_secs_f64() / shortest.as_secs_f64();
        shortest.mul_f64(ratio.powf(self.0.unit()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_stay_within_their_bounds_and_reach_them() {
        let mut luck = Luck::of(&Seed([1; 32]), "bounds", 0);
        let drawn = (0..1000).map(|_| luck.between(3, 5)).collect::<std::collections::BTreeSet<_>>();
        assert_eq!(drawn.into_iter().collect::<Vec<_>>(), [3, 4, 5]);
        let drawn = (0..1000).map(|_| luck.magnitude(0, 3)).collect::<std::collections::BTreeSet<_>>();
        assert_eq!(drawn.into_iter().collect::<Vec<_>>(), [0, 1, 2, 3]);
        let drawn = (0..1000).map(|_| luck.magnitude(2, 100_000)).collect::<Vec<_>>();
        assert!(drawn.iter().all(|number| (2..=100_000).contains(number)));
        assert!(drawn.iter().filter(|number| **number < 300).count() > 300);
        let (shortest, longest) = (Duration::from_millis(1), Duration::from_secs(10));
        let drawn = (0..1000).map(|_| luck.duration(shortest, longest)).collect::<Vec<_>>();
        assert!(drawn.iter().all(|wait| (shortest..=longest).contains(wait)));
        assert!(drawn.iter().filter(|wait| **wait < Duration::from_millis(100)).count() > 300);
        assert_eq!((0..1000).filter(|_| luck.chance(0.0)).count(), 0);
        assert_eq!((0..1000).filter(|_| luck.chance(1.0)).count(), 1000);
    }
}
