//! The session with the tracker, as far as it has state of its own.
//!
//! ```text
//!   Off ──login wanted──▶ Resolving ──▶ Dialling ──▶ Channel ──▶ LoggingIn ──▶ Up
//!    ▲                        ▲              │           │            │          │
//!    │                        └── Waiting ◀──┴───────────┴────────────┴── lost ──┘
//!    └── refused, replaced, logged out;   Confirming: the tracker's key waits for the person's word
//! ```
//!
//! It is on as long as the person wants to be logged in, and comes back by itself.

use std::{collections::BTreeMap, net::SocketAddr};

use super::{
    interface::{Credentials, Request, TrackerAddress},
    redial::Redial,
};
use crate::{
    channel::Channel,
    identity::Key,
    machine::{ConnId, RequestId},
    names::Name,
    time::Time,
    wire::{
        peer::About,
        room::RoomId,
        tracker::{Claimed, PeerRow, Profile, RoomRow, Status, StatusText},
    },
};

/// How far it has come.
#[derive(Debug)]
pub enum Stage {
    /// Nobody wants it.
    Off,
    /// The host name is looked up.
    Resolving(RequestId),
    /// The connection is being made; the addresses that are left to try.
    Dialling(ConnId, Vec<SocketAddr>),
    /// The handshake is under way.
    Channel(ConnId),
    /// The tracker's key waits for the person's word.
    Confirming(Key),
    /// Login was asked for.
    LoggingIn(ConnId),
    /// It stands.
    Up(ConnId),
    /// It is tried again later.
    Waiting,
}

/// What an answer of the tracker is for.
#[derive(Debug)]
pub enum Asked {
    /// The login itself.
    Login,
    /// Nothing but yes or no.
    Plain {
        /// The request that it answers.
        token: u64,
    },
    /// This peer is something else to others.
    Status {
        /// The request that it answers.
        token: u64,
        /// What.
        status: Status,
        /// In its own words.
        text: StatusText,
    },
    /// This peer says something else about itself.
    Profile {
        /// The request that it answers.
        token: u64,
        /// What.
        text: Profile,
    },
    /// The end of the session.
    Logout {
        /// The request that it answers.
        token: u64,
    },
    /// A room was made or entered.
    Enter {
        /// The request that it answers.
        token: u64,
        /// The room's name, if it is to be made.
        created: Option<Name>,
    },
    /// A room was left or deleted.
    Exit {
        /// The request that it answers.
        token: u64,
        /// Which.
        room: RoomId,
    },
    /// A list of peers, page by page.
    Peers {
        /// The request that it answers.
        token: u64,
        /// Only names that begin so.
        prefix: String,
        /// So far.
        rows: Vec<PeerRow>,
        /// Whether it is shown as the users of no room.
        as_users: bool,
    },
    /// A list of rooms, page by page.
    Rooms {
        /// The request that it answers.
        token: u64,
        /// Only names that begin so.
        prefix: String,
        /// So far.
        rows: Vec<RoomRow>,
    },
    /// About a user.
    Whois {
        /// The request that it answers.
        token: u64,
    },
    /// Who is that user, so that the request can go on.
    Find {
        /// The request that waits.
        token: u64,
        /// Whom it is about.
        user: Name,
        /// It.
        request: Request,
    },
    /// Where is someone for whom something waits.
    Look {
        /// Whom.
        user: Name,
    },
    /// Whether the name is listed that somebody gives itself in plain text.
    Listed {
        /// On this connection.
        conn: ConnId,
    },
    /// Whose key is that, so that a link can go on.
    Identify {
        /// The link.
        conn: ConnId,
    },
}

/// The session.
#[derive(Debug)]
pub struct Session {
    /// Where the tracker is.
    pub address: Option<TrackerAddress>,
    /// Its key, once a channel to it stood.
    pub key: Option<Key>,
    /// How far it has come.
    pub stage: Stage,
    /// The channel, while a connection stands.
    pub channel: Option<Channel>,
    /// How to log in.
    pub credentials: Option<Credentials>,
    /// The request that asked to log in, until it is answered.
    pub login_token: Option<u64>,
    /// Whether it has stood since it was asked for: a failure before is told as such, one after is a loss.
    pub stood: bool,
    /// The account, while and after it stood.
    pub account: Option<Name>,
    /// What the account says of itself, as far as the tracker has told or taken it.
    pub about: About,
    /// Where this peer said at login that it listens.
    pub claimed: Option<Claimed>,
    /// Whether the state after login is still coming in.
    pub syncing: bool,
    /// When something was last heard.
    pub heard: Time,
    /// Whether it is doubted, and until when something has to be heard.
    pub doubted: Option<Time>,
    /// Whether it is read.
    pub reading: bool,
    /// When to try again.
    pub redial: Redial,
    /// The number of the next question.
    pub next_request: u32,
    /// Questions that are not answered.
    pub asked: BTreeMap<u32, Asked>,
}

impl Session {
    /// A session that nobody wants yet.
    #[must_use]
    pub fn new(address: Option<TrackerAddress>, redial: Redial) -> Self {
        Self {
            address,
            key: None,
            stage: Stage::Off,
            channel: None,
            credentials: None,
            login_token: None,
            stood: false,
            account: None,
            about: About::default(),
            claimed: None,
            syncing: false,
            heard: Time::ZERO,
            doubted: None,
            reading: true,
            redial,
            next_request: 1,
            asked: BTreeMap::new(),
        }
    }

    /// `HOST:PORT` as the person gives it; an IPv6 address stands in brackets.
    #[must_use]
    pub fn address_text(&self) -> String {
        self.address.as_ref().map_or_else(String::new, |TrackerAddress { host, port, .. }| {
            if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
        })
    }

    /// The connection, if there is one.
    #[must_use]
    pub const fn conn(&self) -> Option<ConnId> {
        match self.stage {
            Stage::Dialling(conn, _) | Stage::Channel(conn) | Stage::LoggingIn(conn) | Stage::Up(conn) => Some(conn),
            Stage::Off | Stage::Resolving(_) | Stage::Confirming(_) | Stage::Waiting => None,
        }
    }

    /// Whether an attempt to make it stand is under way.
    #[must_use]
    pub const fn is_coming_up(&self) -> bool {
        match self.stage {
            Stage::Resolving(_) | Stage::Dialling(..) | Stage::Channel(_) | Stage::LoggingIn(_) => true,
            Stage::Up(_) => self.syncing,
            Stage::Off | Stage::Confirming(_) | Stage::Waiting => false,
        }
    }

    /// The connection, if the session stands and its state is complete.
    #[must_use]
    pub fn up(&self) -> Option<ConnId> {
        match self.stage {
            Stage::Up(conn) => (!self.syncing).then_some(conn),
            Stage::Off
            | Stage::Resolving(_)
            | Stage::Dialling(..)
            | Stage::Channel(_)
            | Stage::Confirming(_)
            | Stage::LoggingIn(_)
            | Stage::Waiting => None,
        }
    }
}
