//! The peer: a person's end of papo.
//!
//! - [`interface`]: how it and its host talk: requests, notices, problems.
//! - [`change`]: what is kept.

pub mod change;
pub mod interface;

pub use change::{Change, State};
pub use interface::{Command, Note, Notice, Problem, Request, Start};
