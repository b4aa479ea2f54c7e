//! What measurements come to, taken together: the last of them, as many as a day has at the usual pace.

use std::collections::VecDeque;

use papo_proto::monitor::Measurement;

/// So many are remembered.
pub(crate) const REMEMBERED_MAX: usize = 8_640;

/// Latencies in microseconds; `None` where no answer came.
#[derive(Debug, Default)]
pub(crate) struct Statistics {
    latencies: VecDeque<Option<u64>>,
}

/// What they come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Summary {
    /// Those that are remembered.
    pub(crate) measured: usize,
    /// Those of them without an answer.
    pub(crate) lost: usize,
    /// The least, the middle one, and the one that one in a hundred passes, in microseconds; none without any answer.
    pub(crate) latencies: Option<[u64; 3]>,
}

impl Statistics {
    /// One more.
    pub(crate) fn add(&mut self, measurement: &Measurement) {
        if self.latencies.len() >= REMEMBERED_MAX {
            self.latencies.pop_front();
        }
        self.latencies.push_back(measurement.latency_us);
    }

    /// The last ones, the oldest first.
    pub(crate) fn last(&self, count: usize) -> impl Iterator<Item = Option<u64>> {
        self.latencies.iter().skip(self.latencies.len().saturating_sub(count)).copied()
    }

    /// All together.
    pub(crate) fn summary(&self) -> Summary {
        let mut answered = self.latencies.iter().flatten().copied().collect::<Vec<_>>();
        answered.sort_unstable();
        // The nearest rank: always a latency that was measured.
        let percentile = |hundredths: usize| answered.get((answered.len() * hundredths).div_ceil(100).max(1) - 1);
        let latencies = || Some([*answered.first()?, *percentile(50)?, *percentile(99)?]);
        Summary { measured: self.latencies.len(), lost: self.latencies.len() - answered.len(), latencies: latencies() }
    }
}

#[cfg(test)]
mod tests {
    use papo_proto::monitor::status::Thresholds;

    use super::*;

    fn of(latencies: impl IntoIterator<Item = Option<u64>>) -> Statistics {
        let mut statistics = Statistics::default();
        for (number, latency_us) in (1..).zip(latencies) {
            let status = Thresholds::DEFAULT.status_of(latency_us);
            statistics.add(&Measurement { number, status, latency_us });
        }
        statistics
    }

    #[test]
    fn percentiles_are_latencies_that_were_measured() {
        let summary = |statistics: Statistics| statistics.summary();
        let nothing = Summary { measured: 0, lost: 0, latencies: None };
        assert_eq!(summary(of([])), nothing);
        assert_eq!(summary(of([None])), Summary { measured: 1, lost: 1, ..nothing });
        let one = summary(of([Some(7)]));
        assert_eq!(one, Summary { measured: 1, lost: 0, latencies: Some([7, 7, 7]) });
        let hundred = summary(of((1..=100).rev().map(Some).chain([None])));
        assert_eq!(hundred, Summary { measured: 101, lost: 1, latencies: Some([1, 50, 99]) });
    }

    #[test]
    fn so_many_are_remembered_and_past_that_the_oldest_is_forgotten() {
        let full = of((1..=REMEMBERED_MAX as u64).map(Some));
        assert_eq!(full.summary().latencies.map(|[min, ..]| min), Some(1));
        let past = of((1..=REMEMBERED_MAX as u64 + 1).map(Some));
        assert_eq!((past.summary().measured, past.summary().latencies.map(|[min, ..]| min)), (REMEMBERED_MAX, Some(2)));
        assert_eq!(past.last(2).collect::<Vec<_>>(), [Some(REMEMBERED_MAX as u64), Some(REMEMBERED_MAX as u64 + 1)]);
    }
}
