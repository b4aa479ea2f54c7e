//! The simulator: whole lives of trackers and peers in virtual time, under every fault, held to every promise.

pub(crate) mod cast;
pub(crate) mod model;
