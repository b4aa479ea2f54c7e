//! Recordings of papo's machines and their replay.
//!
//! - [`replay`]: a recording in a file, and which machine it is of.
//! - [`scripts`]: the stories from which the committed recordings are made.
//! - `world`: the small world in memory in which they are played.
//!
//! What a recording is, and how it is compared, is [`papo_proto::record`]'s. The tests of this crate run the real
//! programs.

#[allow(dead_code)]
mod luck;
pub mod replay;
pub mod scripts;
#[allow(dead_code)]
pub mod sim;
#[allow(dead_code)]
mod world;
