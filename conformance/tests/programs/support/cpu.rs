//! How much a process works, where the system tells.

use std::{
    fs, thread,
    time::{Duration, Instant},
};

/// Hundredths of a second that a process has worked so far.
pub(crate) fn ticks(process: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let mut fields = stat.rsplit(')').next()?.split_whitespace().skip(11);
    Some(fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?)
}

/// How much of a core it takes while nothing else is waited for, in percent.
pub(crate) fn share(process: u32, during: Duration) -> Option<f64> {
    let (before, since) = (ticks(process)?, Instant::now());
    thread::sleep(during);
    Some((ticks(process)? - before) as f64 / since.elapsed().as_secs_f64())
}
