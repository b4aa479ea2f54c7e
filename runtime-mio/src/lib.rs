//! The reactor: one thread that connects papo's machines to sockets, a store and workers. It knows machines, not chat.
//!
//! A program makes a [`Reactor`], adds a [`Node`] for each machine, and runs it. It talks to a machine by the
//! [`Handle`] that it got, and hears its notices in [`Node::on_notice`].
//!
//! # A turn
//! 1. **Wait** until a socket, a worker or a command wakes it, or the first deadline passes. Readiness is noted.
//! 2. **Flush** what is queued to sockets that take it.
//! 3. **Wall** and **Interfaces** where they changed; **Due** to each machine whose deadline has passed.
//! 4. **Read** from sockets that have something, round robin: a bounded number of sockets, a bounded number of bytes
//!    or datagrams of each. A socket that has more goes to the end of the line.
//! 5. **Answers** of workers, then **commands**, a bounded number of each.
//! 6. **Writable** to connections that asked for it and whose queue is empty.
//! 7. **Flush** what the machines have just said.
//!
//! Each event is recorded, handled, its actions recorded, and applied at once, before the next event.
//!
//! # What holds
//! Invariant: mio is edge-triggered, so a socket is read and written until it says `WouldBlock`, or it stands in a
//! queue of the reactor that keeps the next wait from waiting. Nothing else keeps it awake: an idle reactor turns only
//! for its deadlines and a look at clock and interfaces every few seconds.
//!
//! Invariant: what cannot be done at once has a bound. A connection's queue ends at [`Options::out_bytes_max`],
//! all queues together at [`Options::queued_bytes_max`], accepted connections at [`Options::connections_max`], a turn's work at the constants of `reactor` and `sockets`; a
//! connection that is being closed is gone after [`FLUSH_MAX`].
//!
//! Invariant: nothing blocks the reactor's thread. Commits, Argon2, name lookup and files have threads of their own,
//! which answer through a waker.
//!
//! Invariant: machines share the reactor and nothing else. Each has its own ids, outbox, store and recording; they talk
//! through sockets like strangers.

mod clock;
mod connection;
pub mod data_dir;
mod datagrams;
pub mod diagnostics;
mod disk;
mod interfaces;
mod listener;
mod node;
mod reactor;
mod recorder;
mod sockets;
mod tally;
mod workers;

pub use connection::FLUSH_MAX;
pub use disk::Disk;
pub use node::{Control, Ended, Handle, Node, NotTaken, PasswordWork, Store, StoreError};
pub use reactor::{Fatal, Options, Reactor};
pub use recorder::Recorder;
pub use tally::Stats;

use papo_proto::rng::Seed;

/// A seed for a machine's start, from the system's generator.
///
/// # Panics
/// When the system has no randomness to give; then nothing secret can be made.
#[must_use]
pub fn random_seed() -> Seed {
    Seed(random_bytes().expect("the system's generator works once the system is up"))
}

fn random_bytes() -> Result<[u8; 32], getrandom::Error> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}
