//! What the reactor counts, and what it says of those whom no machine ever sees.

use std::time::{Duration, Instant};

/// Connections that were turned away are logged this often at most.
const LOG_EVERY: Duration = Duration::from_secs(5);

/// What the reactor did so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Turns.
    pub turns: u64,
    /// Connections that were accepted.
    pub accepted: u64,
    /// Connections that were turned away, because there were too many or descriptors ran out.
    pub turned_away: u64,
    /// Connections that were closed as the longest queue, because all queues together were too long.
    pub crowded_out: u64,
}

impl Stats {
    /// What befell connections without any machine's doing: how often, and in words; only what did happen.
    pub fn mishaps(&self) -> impl Iterator<Item = (u64, &'static str)> {
        let all = [
            (self.turned_away, "turned away for want of room or descriptors"),
            (self.crowded_out, "cut off as the one to which most was queued"),
        ];
        all.into_iter().filter(|(count, _)| *count > 0)
    }
}

/// The counts, and when they were last told of.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) stats: Stats,
    logged: Option<Instant>,
    logged_turned_away: u64,
}

impl Tally {
    /// A connection was turned away.
    pub(crate) fn count_turned_away(&mut self, why: &str) {
        self.stats.turned_away += 1;
        let now = Instant::now();
        if self.logged.is_none_or(|logged| now.duration_since(logged) >= LOG_EVERY) {
            let count = self.stats.turned_away - self.logged_turned_away;
            log::warn!("{count} connections were turned away: {why}");
            self.logged = Some(now);
            self.logged_turned_away = self.stats.turned_away;
        }
    }
}
