//! The peer: a person's end of papo.
//!
//! - [`interface`]: how it and its host talk: requests, notices, problems.
//! - [`change`]: what is kept.
//! - [`people`], [`outbox`], [`link`], [`session`], [`discovery`], [`redial`]: its parts, each with state of its own.
//! - [`transfer`]: files and directories.
//! - [`plaintext`]: the programs of older systems.
//! - [`machine`]: the root that ties them together, with one file a subject: `tracking` (the tracker), `naming`
//!   (who is who), `linking` (other peers), `finding` (those on the
//!   same network), `about` (what people say of themselves), `trusting` (whom it talks to), `roster` (rooms), `talking` (messages), `asking` (the
//!   person's requests).
//!
//! Invariant: links and what is said over them do not depend on the tracker's being there.

mod about;
mod asking;
pub mod change;
pub mod discovery;
mod finding;
pub mod interface;
pub mod link;
mod linking;
mod liveness;
pub mod machine;
mod naming;
pub mod outbox;
pub mod people;
pub mod plaintext;
pub mod problem;
pub mod redial;
mod roster;
pub mod session;
mod talking;
mod tracking;
pub mod transfer;
mod trusting;

pub use change::{Change, State};
pub use interface::{Command, Notice, Request, Start};
pub use machine::Peer;
pub use problem::{Note, Problem};
