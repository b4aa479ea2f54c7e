//! The tracker: accounts, rooms and presence.
//!
//! - [`change`]: what is kept, as an ordered log of changes.
//! - [`directory`]: users, rooms and memberships; applies changes deterministically and does nothing else.
//! - [`admission`]: who may try a password, and when.
//! - [`session`]: one connection's life.
//! - [`machine`]: the root that ties them together.
//!
//! Invariant: the tracker never sees a message of a room or between two peers.

pub mod change;
pub mod interface;

pub use change::Change;
pub use interface::{Command, Notice, Registration, Start};
