//! The real programs under fault: they are killed, starved, stopped, and badly connected, and keep what they promised.
//!
//! | file | fault | promise |
//! |---|---|---|
//! | [`killing`] | kill -9 at random moments, of a busy tracker and of busy peers | nothing that was confirmed is lost |
//! | [`restarting`] | kill -9 of a tracker with many accounts | it is back in a second |
//! | [`disk`] | a disk that fills up, a limit of file sizes | a sentence that names the disk, and nothing lost |
//! | [`descriptors`] | fewer descriptors than clients | hardly any work while it is full, and at once there again |
//! | [`readers`] | clients that never read | nobody else waits for them |
//! | [`pausing`] | SIGSTOP past the liveness bound | others notice in time, and nothing is lost or doubled |
//! | [`network`] | delay, resets, one byte a write | a conversation arrives whole, once and in order |
//!
//! Each has two forms: a short one that always runs, and a long one that `PAPO_FAULTS=long` asks for, with more rounds
//! and with the times that are promised (conformance/README.md has the command). Times are asserted in the long form
//! only: they mean something with optimised programs on a host that does nothing else.
//!
//! What is random follows from a seed, which a failing test prints; `PAPO_SEED` takes it again. The programs' own
//! timing does not follow from it, so the same seed is the same sequence of faults, not the same run.

mod descriptors;
mod disk;
mod killing;
mod model;
mod network;
mod pausing;
mod readers;
mod restarting;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use papo_proto::rng::{Seed, Stream};

/// What a loaded host may add to a promised time.
const LOADED: Duration = Duration::from_secs(10);

/// Whether the long form is asked for.
fn is_long() -> bool {
    std::env::var_os("PAPO_FAULTS").is_some_and(|form| form == "long")
}

/// What differs between the two forms.
pub(crate) fn by_form<T>(short: T, long: T) -> T {
    if is_long() { long } else { short }
}

/// How long something may take that is promised within a time of the programs' own: the rest is for a loaded host.
pub(crate) fn within(promised: Duration) -> Duration {
    promised + by_form(LOADED, Duration::ZERO)
}

/// Tells a figure that was measured; cargo shows it with `--nocapture`.
#[expect(clippy::print_stdout, reason = "figures are what the long form is for")]
pub(crate) fn tell(figure: std::fmt::Arguments<'_>) {
    println!("  {figure}");
}

/// The value below which 99 of 100 lie, and the median. Sorts.
pub(crate) fn p99_and_median(times: &mut [Duration]) -> (Duration, Duration) {
    times.sort_unstable();
    (times[times.len() * 99 / 100], times[times.len() / 2])
}

/// Where everything random of one test comes from. Tells its seed when the test fails.
#[derive(Debug)]
pub(crate) struct Dice {
    seed: u64,
    stream: Stream,
}

impl Dice {
    /// Those of a test: thrown anew in each run unless `PAPO_SEED` names a run.
    pub(crate) fn new() -> Self {
        let given = std::env::var("PAPO_SEED").ok().and_then(|seed| seed.parse().ok());
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_nanos());
        let seed = given.unwrap_or((now as u64) ^ u64::from(std::process::id()) << 40);
        Self { seed, stream: stream(seed, "dice", 0) }
    }

    /// Those of one thread of the test.
    fn of(&self, label: &str, id: u64) -> Self {
        Self { seed: self.seed, stream: stream(self.seed, label, id) }
    }

    /// Uniform among the numbers from 0 to one less than `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.stream.next_u64() % end
    }

    /// One of several.
    fn one_of<'a, T>(&mut self, all: &'a [T]) -> Option<&'a T> {
        let place = self.below(all.len().max(1) as u64);
        all.get(usize::try_from(place).expect("a place in memory"))
    }
}

fn stream(seed: u64, label: &str, id: u64) -> Stream {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_be_bytes());
    Seed(bytes).stream(label, id)
}

impl Drop for Dice {
    fn drop(&mut self) {
        if std::thread::panicking() {
            tell(format_args!("the same faults again: PAPO_SEED={}", self.seed));
        }
    }
}
