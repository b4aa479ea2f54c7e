//! Bytes ↔ typed messages, without state.
//!
//! - [`codec`]: how every field is written: fixed order, big-endian, length-prefixed.
//! - [`frame`]: the length before each message of a connection.
//! - [`tracker`]: what a peer and its tracker say to each other.
//! - [`room`]: the creation record and the entries of a room's log.
//! - [`peer`]: what two peers say to each other.
//! - [`beacon`]: what a peer calls out on its own network.
//! - [`transfer`]: what of a file transfer both ends and their disks speak of.
//!
//! Bytes are decoded once, into types that cannot be wrong; whoever holds a message need not check it again.
//! The formats are specified in PROTOCOL.md.

pub mod beacon;
pub mod codec;
pub mod frame;
pub mod peer;
pub mod room;
pub mod tracker;
pub mod transfer;
#[cfg(test)]
mod vectors;
