//! Recordings of papo's machines and their replay.
//!
//! - [`replay`]: a recording in a file, and which machine it is of.
//!
//! What a recording is, and how it is compared, is [`papo_proto::record`]'s. The tests of this crate run the real
//! programs.

pub mod replay;
