//! The proof of papo's machines: recordings and their replay, and the simulator.
//!
//! - [`fuzz`]: what takes anything, and what must hold whatever comes.
//! - [`replay`]: a recording in a file, and which machine it is of.
//! - [`scripts`]: the stories from which the committed recordings are made.
//! - [`sim`]: whole lives under every fault, held to every promise.
//! - `world`: where both are played, in memory and in virtual time; `luck`: what is drawn from a seed.
//!
//! What a recording is, and how it is compared, is [`papo_proto::record`]'s. The tests of this crate run the real
//! programs.

pub mod fuzz;
mod luck;
pub mod replay;
pub mod scripts;
pub mod sim;
mod world;
