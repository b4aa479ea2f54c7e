//! The monitor of latency: it asks a relay by UDP whether it is there, again and again, and tells how long the answer
//! took and when that changes.
//!
//! - [`machine`]: one measurement after another.
//! - [`status`]: what a measurement means.
//! - [`mails`]: which mails are due, and when one that could not be sent is tried again.
//!
//! The question and the answer are the four bytes `ping` (PROTOCOL.md, "Relays"), with nothing that would tell one
//! answer from another. So each measurement has a socket of its own: what comes late, or twice, comes to a socket that
//! is closed.

pub mod machine;
pub mod mails;
pub mod status;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use self::machine::Monitor;
use self::{mails::MailsWanted, status::Status};
use crate::limits::Limits;

/// What a monitor starts from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    /// Its bounds.
    pub limits: Limits,
    /// A host name or an address.
    pub host: String,
    /// The port there.
    pub port: u16,
    /// From the beginning of a measurement to that of the next, in milliseconds.
    pub interval_ms: u64,
    /// An answer that takes longer is none, in milliseconds.
    pub timeout_ms: u64,
    /// What counts as slow.
    pub thresholds: status::Thresholds,
    /// It ends after so many measurements.
    pub count: Option<u64>,
    /// Of what mails are sent, if any are.
    pub mails: Option<MailsWanted>,
}

/// What a monitor's host may ask.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// The last mail that [`Notice::Mail`] asked for was sent.
    MailSent,
    /// It was not; why.
    MailFailed(String),
    /// Measure no more, send the mails that are due, and report [`Notice::Stopped`].
    Stop,
}

/// What a monitor tells its host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Notice {
    /// A measurement.
    Measured(Measurement),
    /// This is to be sent by mail; the next one follows when the host has said how it went.
    Mail(Measurement),
    /// The mail about this one has left.
    MailSent(Measurement),
    /// The last mail could not be sent, for this reason; it is tried again.
    MailFailed(String),
    /// Mails that waited were dropped, because too many did: so many.
    MailsDropped(u64),
    /// It has ended. So many mails were not sent.
    Stopped {
        /// Mails that are lost.
        mails_unsent: usize,
    },
}

/// What one question came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Measurement {
    /// Counted from 1.
    pub number: u64,
    /// What it means.
    pub status: Status,
    /// From the question to the answer, in microseconds, if there was one.
    pub latency_us: Option<u64>,
}
