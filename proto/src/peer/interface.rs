//! How a peer and its host talk.
//!
//! A person's wish is a [`Request`] with a token; it is answered, sooner or later, by exactly one
//! [`Notice::Outcome`] with that token, after every other notice that belongs to it. The machine speaks no human
//! language: a host turns [`Note`]s and [`Problem`]s into sentences.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::change::{Incoming, State};
pub use super::problem::{Note, Problem};
use crate::{
    error::Counters,
    identity::{Identity, Key},
    limits::Limits,
    machine::Refusal,
    names::Name,
    rng::Seed,
    time::Wall,
    wire::{
        peer::Scope,
        tracker::{PasswordHash, Profile, RoomEvent, Status, StatusText, Token},
        transfer::{Hash, Reason},
    },
};

/// Which tracker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrackerAddress {
    /// A host name or an address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Its key, where the person named it. It counts more than a pin.
    pub key: Option<Key>,
}

/// How a session begins, besides the key that is tied to the account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credentials {
    /// The account.
    pub name: Name,
    /// Its password; without one, the key alone is tried.
    pub password: Option<PasswordHash>,
    /// Make the account instead of logging in. Needs a password.
    pub register: bool,
    /// For a tracker that asks for one.
    pub token: Option<Token>,
}

/// How a peer finds others on its own networks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lan {
    /// The UDP port of all beacons.
    pub port: u16,
    /// Where a tracker listens that the same program runs.
    pub hosts_tracker: Option<SocketAddr>,
}

/// What a peer starts from.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Start {
    /// All that is random follows from it.
    pub seed: Seed,
    /// Its bounds.
    pub limits: Limits,
    /// Its identity.
    pub identity: Identity,
    /// What it calls itself where there is no account.
    pub name: Name,
    /// Where it listens.
    pub listen: SocketAddr,
    /// Whether any other port will do when that one is taken.
    pub any_port: bool,
    /// How it finds others on its own networks, if it is to.
    #[serde(default)]
    pub lan: Option<Lan>,
    /// Its tracker.
    pub tracker: Option<TrackerAddress>,
    /// Pin an unknown tracker without asking.
    pub trust_new: bool,
    /// How to log in at the start.
    pub credentials: Option<Credentials>,
    /// Accept what people whose digits were compared send; nothing of it may be executed.
    pub auto_accept: bool,
    /// Speak in plain text with the programs of older systems, where the person and a room allow it.
    #[serde(default)]
    pub allow_plaintext: bool,
    /// What is kept.
    pub state: State,
}

impl Start {
    /// A peer that listens there and nowhere else, with the usual bounds: without a tracker, not to be found, and
    /// asking about everything.
    #[must_use]
    pub const fn new(seed: Seed, identity: Identity, name: Name, listen: SocketAddr, state: State) -> Self {
        Self {
            seed,
            limits: Limits::DEFAULT,
            identity,
            name,
            listen,
            any_port: false,
            lan: None,
            tracker: None,
            trust_new: false,
            credentials: None,
            auto_accept: false,
            allow_plaintext: false,
            state,
        }
    }
}

/// What the host may ask of a peer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// A person's wish.
    Ask {
        /// Names it.
        token: u64,
        /// What.
        request: Request,
    },
    /// The person confirmed the tracker's key that [`Notice::UnknownTracker`] showed, or did not.
    TrustTracker {
        /// As shown.
        key: Key,
        /// Whether.
        accept: bool,
    },
    /// Whether what arrives can be shown at present. While it can't, links are not read.
    Output {
        /// Whether.
        open: bool,
    },
    /// Report [`Notice::Counters`].
    Count,
    /// Say goodbye to all, flush, and report [`Notice::Stopped`].
    Quit,
}

/// A person's wish.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// Make an account, and log in.
    Register(Credentials),
    /// Log in.
    Login(Credentials),
    /// End the session with the tracker.
    Logout,
    /// Open or close the account to plaintext clients.
    Plaintext {
        /// Whether it is open.
        open: bool,
    },
    /// Everyone who is connected: answered by [`Notice::Peers`].
    Peers {
        /// Only names that begin so; empty for all.
        prefix: String,
    },
    /// Who is in a room, or in no room everyone: answered by [`Notice::Users`].
    Users {
        /// The room.
        room: Option<Name>,
    },
    /// All rooms: answered by [`Notice::Rooms`].
    Rooms {
        /// Only names that begin so; empty for all.
        prefix: String,
    },
    /// About someone: answered by [`Notice::Whois`].
    Whois {
        /// Whom.
        user: Name,
    },
    /// Make a room and be in it.
    Create {
        /// Its name.
        room: Name,
        /// How many it takes; none for the default.
        capacity: Option<u16>,
        /// Whether plaintext clients may take part.
        #[serde(default)]
        plaintext: bool,
    },
    /// Come into a room.
    Join {
        /// Which.
        room: Name,
    },
    /// Leave a room for good.
    Leave {
        /// Which.
        room: Name,
    },
    /// Delete a room.
    Delete {
        /// Which.
        room: Name,
    },
    /// Find out whether something can be said there.
    Talk {
        /// Where.
        to: Target,
    },
    /// Say something: answered by [`Notice::Said`] once it is kept.
    Say {
        /// To whom.
        to: Target,
        /// What. Longer than a message may be is a [`Problem::TextTooLong`].
        text: String,
    },
    /// Dial a peer by its address.
    Connect {
        /// Which.
        address: SocketAddr,
    },
    /// End the link to someone; it is not dialled again before `Connect` or something is said to it.
    Disconnect {
        /// Whom.
        user: Name,
    },
    /// Which trackers can be taken: answered by [`Notice::Trackers`].
    Trackers,
    /// Take a tracker; logging in or registering there is another wish.
    TakeTracker {
        /// Which.
        address: TrackerAddress,
    },
    /// Talk to someone no longer.
    Block {
        /// Whom.
        user: Name,
    },
    /// Talk to someone again.
    Unblock {
        /// Whom.
        user: Name,
    },
    /// The digits to compare with someone: answered by [`Notice::Digits`].
    Verify {
        /// With whom.
        user: Name,
    },
    /// Accept the key that someone was last seen with.
    Trust {
        /// Whose.
        user: Name,
    },
    /// Measure the time to someone and back: answered by [`Notice::Pinged`].
    Ping {
        /// To whom.
        user: Name,
    },
    /// Be this to others.
    Status {
        /// All but offline.
        status: Status,
        /// In one's own words.
        text: StatusText,
    },
    /// Say this about oneself.
    Profile {
        /// The profile.
        text: Profile,
    },
    /// Wait until all that was said is acknowledged by everyone who can be reached, `drain_ms_max` at most.
    Drain,
    /// Offer a file or a directory: answered by a [`Notice::Offered`] for each receiver. It waits for whoever is away.
    Send {
        /// To whom.
        to: Target,
        /// An absolute path.
        path: String,
    },
    /// Take what is offered.
    Accept {
        /// The number of its [`Notice::Offer`].
        transfer: u64,
    },
    /// Refuse what is offered.
    Reject {
        /// Its number.
        transfer: u64,
    },
    /// Hold a transfer, at either end.
    Pause {
        /// Its number.
        transfer: u64,
    },
    /// Let a transfer that was held here go on.
    Resume {
        /// Its number.
        transfer: u64,
    },
    /// End a transfer, at either end; what arrived of it is dropped.
    Cancel {
        /// Its number.
        transfer: u64,
    },
    /// All transfers that have not ended: answered by [`Notice::Transfers`].
    Transfers,
}

/// To whom something is said.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// To everyone whom this peer is linked to.
    All,
    /// To a room.
    Room(Name),
    /// To one person.
    User(Name),
}

/// A row of the list of peers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PeerSeen {
    /// Who.
    pub user: Name,
    /// Where; none while it is offline.
    pub address: Option<SocketAddr>,
    /// What it is to others.
    pub status: Status,
    /// In its own words.
    pub status_text: StatusText,
    /// The room that it joined last.
    pub room: Option<Name>,
    /// When it was last connected.
    pub last_seen: Wall,
    /// Whether a link to it stands.
    pub linked: bool,
    /// Whether it is not talked to.
    pub blocked: bool,
    /// Whether it is there with a program that speaks plain text.
    pub plaintext: bool,
}

/// A row of the list of rooms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RoomSeen {
    /// Its name.
    pub room: Name,
    /// Who owns it.
    pub owner: Name,
    /// In the order of standing.
    pub members: Vec<Name>,
    /// How many it takes.
    pub capacity: u16,
    /// Whether plaintext clients may take part.
    pub plaintext: bool,
    /// Whether this peer is in it.
    pub joined: bool,
}

/// A row of the list of transfers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TransferSeen {
    /// Its number.
    pub transfer: u64,
    /// Whether it comes to this peer.
    pub incoming: bool,
    /// The other end.
    pub user: Name,
    /// What it is called.
    pub name: String,
    /// Whether it is a directory.
    pub tree: bool,
    /// Its size in bytes.
    pub total: u64,
    /// How much of it has arrived.
    pub done: u64,
    /// How far it has come.
    pub phase: Phase,
}

/// How far a transfer has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The receiver has not decided.
    Offered,
    /// It waits for the other end, or for transfers before it.
    Waiting,
    /// It runs.
    Running,
    /// It is held.
    Paused {
        /// By this peer.
        here: bool,
        /// By the other end, as far as is known.
        there: bool,
    },
    /// All has arrived, and is checked and given its name.
    Checking,
}

/// What happened to a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PeerEvent {
    /// It was found.
    Found,
    /// A link to it stands.
    Linked,
    /// The link ended.
    Lost,
}

/// What a peer tells its host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Notice {
    /// It listens. Once.
    Ready {
        /// Its name.
        user: Name,
        /// Where, with the port that the system chose.
        listen: SocketAddr,
        /// Its key.
        key: Key,
    },
    /// It can't listen; nothing works.
    ListenRefused {
        /// Where.
        listen: SocketAddr,
        /// Why.
        reason: Refusal,
    },
    /// A session with the tracker stands, and its rooms are known.
    LoggedIn {
        /// The account.
        user: Name,
        /// `HOST:PORT`.
        tracker: String,
    },
    /// The session ended.
    LoggedOut,
    /// The tracker's key is not known: confirm it with [`Command::TrustTracker`].
    UnknownTracker {
        /// `HOST:PORT`.
        tracker: String,
        /// Its key.
        key: Key,
    },
    /// A login by key alone was not enough; the host asks for the password and requests [`Request::Login`], or the
    /// account does not exist and it requests [`Request::Register`].
    PasswordNeeded {
        /// The account.
        user: Name,
        /// `HOST:PORT`.
        tracker: String,
    },
    /// Answers [`Request::Peers`].
    Peers {
        /// In the order of names.
        peers: Vec<PeerSeen>,
    },
    /// Answers [`Request::Users`].
    Users {
        /// The room.
        room: Option<Name>,
        /// In the order of standing, or of names.
        users: Vec<PeerSeen>,
    },
    /// Answers [`Request::Rooms`].
    Rooms {
        /// In the order of names.
        rooms: Vec<RoomSeen>,
    },
    /// Answers [`Request::Trackers`].
    Trackers {
        /// `HOST:PORT` of the one that this peer has.
        taken: Option<String>,
        /// Where neighbours say that they host one.
        offered: Vec<SocketAddr>,
    },
    /// Answers [`Request::Whois`].
    Whois {
        /// Who.
        peer: PeerSeen,
        /// Its key, as the tracker or its link says.
        key: Option<Key>,
        /// The key that is pinned, where it is another.
        pinned: Option<Key>,
        /// Whether the digits were compared; for oneself there is nothing to compare.
        verified: bool,
        /// What it says about itself.
        profile: Profile,
        /// Whether its account is open to plaintext clients.
        plaintext: bool,
    },
    /// Something happened in a room of this peer's.
    Room {
        /// Its name.
        room: Name,
        /// What.
        what: RoomEvent,
        /// To whom, or by whom.
        user: Name,
        /// Who is in it now.
        members: Vec<Name>,
    },
    /// Something happened to a link.
    Peer {
        /// What.
        what: PeerEvent,
        /// With whom.
        user: Name,
        /// Where.
        address: Option<SocketAddr>,
        /// Whether nothing but plain text is spoken with it.
        plaintext: bool,
    },
    /// This peer said something, and it is kept.
    Said {
        /// The message's id.
        id: String,
        /// To whom.
        to: Target,
        /// When.
        at: Wall,
        /// What.
        text: String,
        /// Those to whom it goes when they are back.
        waiting: Vec<Name>,
    },
    /// Someone said something, and it is kept. To be shown once; then the host notes its number.
    Message(Incoming),
    /// A receiver has kept what this peer said.
    Delivered {
        /// The message's id.
        id: String,
        /// Who.
        to: Name,
    },
    /// Answers [`Request::Verify`].
    Digits {
        /// With whom.
        user: Name,
        /// Sixty, in groups of five.
        digits: String,
    },
    /// Answers [`Request::Ping`].
    Pinged {
        /// To whom.
        user: Name,
        /// There and back, in microseconds.
        us: u64,
    },
    /// Someone would send something; told again at the next start while it is undecided. To be answered by
    /// [`Request::Accept`] or [`Request::Reject`], if `accepted` is false.
    Offer {
        /// Its number here, never given to another one.
        transfer: u64,
        /// Who.
        from: Name,
        /// The room to whose members it is sent.
        room: Option<Name>,
        /// To whom it is sent, outside of rooms.
        scope: Option<Scope>,
        /// What it is called, made harmless.
        name: String,
        /// Whether it is a directory.
        tree: bool,
        /// Its size in bytes.
        size: u64,
        /// How many files it has.
        files: u32,
        /// Whether it was accepted at once, as [`Start::auto_accept`] says.
        accepted: bool,
    },
    /// What this peer sends is kept, and offered when its receiver is linked. One for each receiver.
    Offered {
        /// Its number here, never given to another one.
        transfer: u64,
        /// To whom.
        to: Name,
        /// What it is called.
        name: String,
        /// Whether it is a directory.
        tree: bool,
        /// Its size in bytes.
        size: u64,
        /// How many files it has.
        files: u32,
        /// Whether it waits for the receiver to come back.
        waiting: bool,
    },
    /// How far a transfer has come: when it begins or goes on, at most 10 times a second, and when all has arrived.
    Progress {
        /// Its number.
        transfer: u64,
        /// How much has arrived, in bytes, with what was there before.
        done: u64,
        /// Its size.
        total: u64,
    },
    /// Something has arrived whole and has its name. One for each transfer.
    Received {
        /// Its number.
        transfer: u64,
        /// From whom.
        from: Name,
        /// Where it is; of a directory, its top.
        path: String,
        /// Of a file, its SHA-256; of a directory, that of its stream.
        sha256: Hash,
        /// How many names in it were changed, its own included.
        renamed: u64,
    },
    /// A receiver has something whole. One for each transfer.
    Sent {
        /// Its number.
        transfer: u64,
        /// Who.
        to: Name,
        /// What it is called.
        name: String,
        /// How much of it was not sent: links, special files and the like.
        skipped: u64,
    },
    /// A transfer has ended, and nothing of it is kept.
    TransferEnded {
        /// Its number.
        transfer: u64,
        /// Whether it was coming to this peer.
        incoming: bool,
        /// The other end.
        user: Name,
        /// What it is called.
        name: String,
        /// Why.
        reason: Reason,
        /// Whether this end says so.
        by_us: bool,
    },
    /// Answers [`Request::Transfers`].
    Transfers {
        /// In the order of their numbers.
        rows: Vec<TransferSeen>,
    },
    /// How things stand: answers [`Command::Count`].
    Counters {
        /// How often each fault happened.
        counters: Counters,
        /// Links that are up.
        links: usize,
        /// Messages that wait for receivers.
        unacknowledged: usize,
    },
    /// Something that the person should know.
    Note(Note),
    /// Something failed that nobody asked for just now.
    Failed(Problem),
    /// A request is done, or not.
    Outcome {
        /// As asked.
        token: u64,
        /// What stood in its way.
        problem: Option<Problem>,
    },
    /// Everything is said and kept; it may be dropped.
    Stopped {
        /// Messages that wait for receivers; they are sent at the next start.
        unacknowledged: usize,
    },
}
