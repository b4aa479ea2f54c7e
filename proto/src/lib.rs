//! papo's state machines and wire formats, without I/O.
//!
//! A guided tour from the ground floor up:
//! - [`machine`]: the contract between a machine and its driver. Read this first.
//! - [`disk`]: what a machine may ask of its host's disk.
//! - [`time`], [`rng`], [`names`], [`identity`], [`limits`], [`error`]: what the machines are made of.
//! - [`source`]: who shares a bound with whom.
//! - [`pieces`]: how what is long is copied.
//! - [`timers`], [`allowance`], [`durable`]: a machine's deadline, how much someone may do, and how output waits for its
//!   commit.
//! - [`contract`]: both sides of the contract, checked from outside.
//! - [`record`]: recordings of a machine and their replay.
//! - [`escape`]: how a stranger's text is shown.
//! - [`wire`]: bytes ↔ typed messages.
//! - [`channel`]: one connection from its first byte: preface, handshake, sealed messages.
//! - [`room`]: a room's log of entries.
//! - [`tracker`]: accounts, rooms, presence.
//! - [`peer`]: a person's end: the session with the tracker, links, conversations.
//! - [`plaintext`]: what older programs speak. [`relay`]: what one says is passed on to all others.
//! - [`monitor`]: how quickly a relay answers, again and again.
//!
//! Invariant: nothing here opens a socket, a file, a thread or a clock, and nothing iterates a hash map. The list of
//! dependencies and `clippy.toml` are the fence.

// Tests may pick what they look at.
#![cfg_attr(not(test), warn(clippy::wildcard_enum_match_arm))]

/// Whether this was built with one rule broken on purpose: see [`durable`]. No program may be.
pub const CANARY: bool = cfg!(feature = "canary");

pub mod allowance;
pub mod channel;
pub mod contract;
pub mod disk;
pub mod durable;
pub mod error;
pub mod escape;
pub mod hex;
pub mod identity;
pub mod limits;
pub mod machine;
pub mod monitor;
pub mod names;
pub mod peer;
pub mod pieces;
pub mod plaintext;
pub mod record;
pub mod relay;
pub mod rng;
pub mod room;
pub mod source;
pub mod time;
pub mod timers;
pub mod tracker;
pub mod wire;
