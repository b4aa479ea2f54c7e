//! The tracker: accounts, rooms and presence.
//!
//! - [`change`]: what is kept, as an ordered log of changes.
//! - [`directory`]: users, rooms and memberships; applies changes deterministically and does nothing else.
//! - [`admission`]: how many connections come in, from where.
//! - [`passwords`]: who may try a password, and when.
//! - [`endpoints`]: which addresses of a session are passed on.
//! - [`session`]: one connection's life.
//! - [`plaintext`]: clients of the older systems.
//! - [`machine`]: the root that ties them together; what messages mean is in `login`, `requests` and `rooms`.
//! - [`interface`]: how it and its host talk.
//!
//! Invariant: the tracker never sees a message of a room or between two peers.

pub mod admission;
pub mod change;
mod connections;
pub mod directory;
pub mod endpoints;
pub mod interface;
mod login;
pub mod machine;
pub mod passwords;
pub mod plaintext;
mod requests;
mod rooms;
pub mod session;
mod speaking;
#[cfg(test)]
mod tests;

pub use change::Change;
pub use directory::{Directory, Inconsistent};
pub use interface::{Command, Notice, Registration, Start};
pub use machine::Tracker;
