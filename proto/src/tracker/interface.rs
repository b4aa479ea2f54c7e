//! How a tracker and its host talk: what it starts from, what it is asked, what it tells.

use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use super::Directory;
use crate::{
    error::{Counters, Fault},
    identity::Identity,
    limits::Limits,
    machine::Refusal,
    names::Name,
    rng::Seed,
};

/// Who may make an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Registration {
    /// Everyone.
    Open,
    /// Whoever knows the token.
    Token(String),
    /// Nobody.
    Closed,
}

/// How often clients of the older systems are asked whether they are there, unless told otherwise.
pub const PING_INTERVAL_MS: u64 = 120_000;

/// What a tracker starts from.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Start {
    /// All that is random follows from it.
    pub seed: Seed,
    /// Its bounds.
    pub limits: Limits,
    /// Its identity.
    pub identity: Identity,
    /// Where it listens.
    pub listen: Vec<SocketAddr>,
    /// Who may make an account.
    pub registration: Registration,
    /// Whether clients of the older systems may come, in plain text.
    #[serde(default)]
    pub allow_plaintext: bool,
    /// How often such clients are asked whether they are there.
    #[serde(default = "ping_interval_ms")]
    pub ping_interval_ms: u64,
    /// Argon2id PHC string of no password: what unknown users are checked against, so that they cost the same.
    pub dummy_verifier: String,
    /// What was kept. A recording holds the changes that lead to it.
    pub state: Directory,
}

impl Start {
    /// A new tracker at which everyone may register, with the usual bounds.
    #[must_use]
    pub fn new(seed: Seed, identity: Identity, listen: Vec<SocketAddr>, dummy_verifier: String) -> Self {
        Self {
            seed,
            limits: Limits::DEFAULT,
            identity,
            listen,
            registration: Registration::Open,
            allow_plaintext: false,
            ping_interval_ms: ping_interval_ms(),
            dummy_verifier,
            state: Directory::default(),
        }
    }
}

const fn ping_interval_ms() -> u64 {
    PING_INTERVAL_MS
}

/// What a tracker's host may ask.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Say goodbye to every peer, flush, and report [`Notice::Stopped`].
    Shutdown,
    /// Report [`Notice::Counters`].
    Count,
}

/// What a tracker tells its host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Notice {
    /// It listens.
    Listening {
        /// Where, with the port that the system chose.
        address: SocketAddr,
    },
    /// It cannot listen there.
    ListenRefused {
        /// Where.
        address: SocketAddr,
        /// Why.
        reason: Refusal,
    },
    /// A session began.
    LoggedIn {
        /// Whose.
        name: Name,
        /// From where.
        from: SocketAddr,
    },
    /// A session ended.
    LoggedOut {
        /// Whose.
        name: Name,
    },
    /// A connection was refused or cut short.
    Fault {
        /// From where.
        from: IpAddr,
        /// Why.
        fault: Fault,
    },
    /// How things stand.
    Counters {
        /// How often each fault happened.
        counters: Counters,
        /// Connections now.
        connections: usize,
        /// Sessions now.
        sessions: usize,
        /// Accounts.
        users: usize,
        /// Rooms.
        rooms: usize,
    },
    /// Everything is said and kept; it may be dropped.
    Stopped,
}
