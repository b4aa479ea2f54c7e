//! Relays for plain text, one for TCP and one for UDP: what one client sends goes to all others, with who said it.
//!
//! ```text
//!   a ──"Olá!"──▶ relay ──"('127.0.0.1', 61536) disse: Olá!"──▶ b, c, …      never to a
//! ```
//!
//! - [`tcp`], [`udp`]: the two machines. Each knows its clients and nothing else.
//! - [`chat`]: a client of either, for whoever has no other.
//!
//! The format is older than papo (PROTOCOL.md, "Relays"): raw UTF-8 without a delimiter. Its clients read at most
//! [`READ_BYTES`] at once and die of bytes that are no text, so neither is ever sent.
//!
//! Invariant: nobody is sent more than his share, and an address that has not joined is sent no more than it sent.

pub mod chat;
pub mod tcp;
#[cfg(test)]
mod tests;
pub mod udp;

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

pub use self::{tcp::TcpRelay, udp::UdpRelay};
use crate::{
    allowance::Rate,
    limits::Limits,
    machine::{Outbox, Refusal},
    plaintext::{READ_BYTES, text::pieces},
};

/// What a client says to leave. It is never relayed.
const LEAVE: &str = "/sair";

/// What a relay starts from.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Start {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Its bounds.
    pub limits: Limits,
}

/// What a relay's host may ask.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// End, and report [`Notice::Stopped`].
    Shutdown,
    /// Report [`Notice::Counters`].
    Count,
}

/// What a relay tells its host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Notice {
    /// It listens.
    Listening {
        /// Where.
        address: SocketAddr,
    },
    /// It cannot listen there.
    ListenRefused {
        /// Where.
        address: SocketAddr,
        /// Why not.
        reason: Refusal,
    },
    /// What happened so far.
    Counters {
        /// Those who are there now.
        clients: usize,
        /// The counts.
        counters: Counters,
    },
    /// It has ended.
    Stopped,
}

/// Counted since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counters {
    /// Clients that came.
    pub joined: u64,
    /// Clients that left by themselves.
    pub left: u64,
    /// What was said, in pieces.
    pub messages: u64,
    /// Pieces that went to someone.
    pub deliveries: u64,
    /// Clients that were one too many, altogether or from one address.
    pub full: u64,
    /// Clients of whom nothing was heard for too long.
    pub idle: u64,
    /// Clients that did not read.
    pub slow: u64,
    /// Clients that cannot be reached any more.
    pub unreachable: u64,
    /// Datagrams that were no text.
    pub not_text: u64,
    /// Datagrams dropped because their sender sent too much.
    pub too_fast: u64,
    /// Datagrams dropped because their receiver was sent too much.
    pub too_much: u64,
}

type Out = Outbox<Notice, ()>;

/// What one client may say.
fn inflow(limits: &Limits) -> Rate {
    Rate { per_s: limits.relay_bytes_per_s_max, burst: limits.relay_burst_bytes_max }
}

/// What a client said, as the others are told: pieces of at most [`READ_BYTES`], each with who said it.
fn told(remote: SocketAddr, text: &str) -> impl Iterator<Item = String> {
    let prefix = format!("('{}', {}) disse: ", remote.ip().to_canonical(), remote.port());
    // The longest address takes 39 bytes.
    pieces(text, READ_BYTES - prefix.len()).map(move |piece| format!("{prefix}{piece}"))
}
