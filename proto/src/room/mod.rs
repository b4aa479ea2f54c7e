//! A room's log of entries, as its members keep it.
//!
//! The roster is the tracker's ([`crate::tracker::directory`]); the log is the members' alone. What is kept here is
//! enough to put entries into causal order, to name parents, and to know how far each author was followed. Handing
//! entries on to others, history and search will stand on the same log.

pub mod log;

pub use log::{Log, Offer, Released};
