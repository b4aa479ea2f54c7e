//! The real programs as a test sees them: built once, started with their own data, listened to, and ended.
//!
//! - [`programs`]: builds `papo-tracker` and `papo`, once, and says where they are.
//! - [`feed`]: what a program prints, as it prints it: wait for it, never sleep for it.
//! - [`process`]: one child process and its three pipes.
//! - [`tracker`], [`papo`]: a tracker, a peer.
//! - [`terminal`]: a peer at a terminal.
//! - [`capture`], [`proxy`]: everything that crosses the wire.
//! - [`grid`]: what that terminal shows.
//! - [`meter`]: a proxy that counts.
//! - [`wire`]: a proxy that delays, cuts and resets.
//! - [`raw`]: a client of a tracker that says what it likes.
//! - [`cpu`]: how much a process works.
//! - [`lan`]: a port by which peers of one test find each other.
//! - [`namespaces`]: hosts with networks of their own.
//! - [`crowd`]: a tracker's database with as many accounts as one likes.
//! - [`disk`]: a small disk that fills up.
//! - [`smtp`]: a mail server.
//! - [`older`]: a client of the older JSON system.
//!
//! Invariant: a test ends only processes that it started, waits only for events, and never longer than [`BOUND`].

pub(crate) mod capture;
mod cargo;
pub(crate) mod cpu;
pub(crate) mod crowd;
pub(crate) mod disk;
pub(crate) mod feed;
pub(crate) mod grid;
pub(crate) mod lan;
pub(crate) mod meter;
pub(crate) mod namespaces;
pub(crate) mod older;
pub(crate) mod papo;
pub(crate) mod process;
pub(crate) mod programs;
pub(crate) mod proxy;
pub(crate) mod raw;
pub(crate) mod recording;
pub(crate) mod smtp;
pub(crate) mod terminal;
pub(crate) mod tracker;
pub(crate) mod wire;

use std::time::Duration;

/// The longest wait for anything. Generous: two loaded cores run other tests beside this one.
pub(crate) const BOUND: Duration = Duration::from_secs(60);

/// Names that no other test and no other run uses, so that what one test sees cannot come from another.
pub(crate) fn unique(stem: &str) -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let nanos = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |now| now.subsec_nanos());
    format!("{stem}{:x}x{:x}x{}", std::process::id(), nanos, NEXT.fetch_add(1, Ordering::Relaxed))
}
