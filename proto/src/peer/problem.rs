//! What a person should know, and why something could not be done: as facts, which a host turns into sentences.

use std::net::SocketAddr;

use serde::Serialize;

use crate::{
    disk::{DiskError, Skipped},
    error::Fault,
    identity::Key,
    machine::Refusal,
    names::Name,
    wire::{tracker::Failure, transfer::Reason},
};

/// Something that the person should know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Note {
    /// The connection to the tracker is lost; it is dialled again.
    TrackerLost {
        /// `HOST:PORT`.
        tracker: String,
        /// How long until then, in milliseconds.
        retry_ms: u64,
    },
    /// The account logged in elsewhere; this session ended and is not dialled again.
    Replaced,
    /// The tracker ends.
    TrackerQuit,
    /// A tracker's key was pinned on first use.
    TrackerPinned {
        /// `HOST:PORT`.
        tracker: String,
        /// Its key.
        key: Key,
    },
    /// Someone's key changed; nothing is exchanged until it is accepted.
    KeyChanged {
        /// Whose.
        user: Name,
        /// The pinned one.
        old: Key,
        /// The one shown now.
        new: Key,
    },
    /// Something said waits for receivers that are not linked.
    Waiting {
        /// Who.
        user: Name,
        /// How many messages.
        count: usize,
    },
    /// Something said will not reach a receiver: it left the room or is blocked.
    Dropped {
        /// Who.
        user: Name,
        /// How many messages.
        count: usize,
    },
    /// A link was cut short.
    LinkFault {
        /// With whom.
        user: Name,
        /// Where.
        address: Option<SocketAddr>,
        /// Why.
        fault: Fault,
    },
    /// Someone ended the link, or refused it, and takes none for now.
    Refused {
        /// Who.
        user: Name,
    },
    /// Connections from strangers were refused or cut short since this was last told.
    Strangers {
        /// How many.
        count: u64,
        /// Why the last one was.
        fault: Fault,
        /// Where it came from.
        address: SocketAddr,
    },
    /// Neighbours are not found: the port of the beacons cannot be had.
    LanRefused {
        /// Which.
        port: u16,
        /// Why.
        reason: Refusal,
    },
    /// A neighbour hosts a tracker, and this peer has none. Nothing is sent to it.
    TrackerOffered {
        /// Where.
        address: SocketAddr,
    },
    /// This peer may listen on another port than the usual one.
    OtherPort {
        /// The one that was taken.
        wanted: u16,
    },
    /// The key of someone was accepted.
    Trusted {
        /// Whose.
        user: Name,
        /// The key.
        key: Key,
    },
    /// Someone is not talked to any more, or again.
    Blocked {
        /// Whom.
        user: Name,
        /// Whether.
        blocked: bool,
    },
    /// Something within a directory is not sent: links, special files, names that are no text.
    Skipped {
        /// The directory.
        name: String,
        /// What.
        skipped: Skipped,
    },
    /// The other end holds a transfer, or lets it go on.
    TransferPaused {
        /// Its number.
        transfer: u64,
        /// The other end.
        user: Name,
        /// Whether it is held.
        paused: bool,
    },
    /// In a room of this peer's some speak plain text, and this peer does not: they do not hear each other.
    PlaintextRoom {
        /// Which.
        room: Name,
    },
    /// What was said to someone in plain text did not reach it.
    PlaintextLost {
        /// Whom.
        user: Name,
    },
    /// A program of an older system tells something of itself.
    PlaintextNotice {
        /// Where it comes from.
        address: SocketAddr,
        /// What, in its own words.
        text: String,
    },
    /// A program of an older system would send files in a form that can't be read safely; it was refused.
    PlaintextFile {
        /// Where it comes from.
        address: SocketAddr,
    },
    /// Someone offers what is not allowed, or more than is taken before what was offered is decided; it was refused.
    /// Told once a link.
    OffersRefused {
        /// Who.
        user: Name,
        /// Why.
        reason: Reason,
    },
}

/// Why something could not be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Problem {
    /// The tracker refused.
    Tracker {
        /// Why.
        failure: Failure,
    },
    /// Nothing answers there.
    TrackerUnreachable {
        /// `HOST:PORT`.
        tracker: String,
        /// Why.
        reason: Refusal,
    },
    /// The host name is not known.
    TrackerUnknownHost {
        /// The name.
        host: String,
    },
    /// What answers is no tracker, or the channel failed.
    TrackerFault {
        /// `HOST:PORT`.
        tracker: String,
        /// How.
        fault: Fault,
    },
    /// The tracker's key is not the pinned or the named one.
    TrackerKeyChanged {
        /// `HOST:PORT`.
        tracker: String,
        /// Expected.
        expected: Key,
        /// Shown.
        shown: Key,
    },
    /// The tracker's key is not known and was not confirmed.
    TrackerNotTrusted {
        /// `HOST:PORT`.
        tracker: String,
        /// Shown.
        key: Key,
    },
    /// That needs a tracker, and none was given.
    NoTracker,
    /// Another tracker can be taken only after logging out.
    TrackerInUse {
        /// `HOST:PORT`.
        tracker: String,
    },
    /// That needs a session with the tracker.
    NotLoggedIn,
    /// That needs a session with the tracker, which does not stand at present and is tried again.
    TrackerAway,
    /// The session ended or did not answer before it was done.
    TrackerSilent,
    /// Registering needs a password.
    PasswordMissing,
    /// This peer is not in that room.
    NotInRoom {
        /// Which.
        room: Name,
    },
    /// Nobody by that name is known.
    UnknownUser {
        /// Which.
        user: Name,
    },
    /// That is oneself.
    Oneself,
    /// A link to that peer stands.
    AlreadyLinked {
        /// Whom.
        user: Name,
    },
    /// No link to that peer stands.
    NotLinked {
        /// Whom.
        user: Name,
    },
    /// A peer cannot be reached.
    Unreachable {
        /// Where.
        address: SocketAddr,
        /// Why.
        reason: Refusal,
    },
    /// What answers there is no peer, or the channel failed.
    LinkFault {
        /// Where.
        address: SocketAddr,
        /// How.
        fault: Fault,
    },
    /// Someone is blocked here.
    Blocked {
        /// Whom.
        user: Name,
    },
    /// Someone's key changed and was not accepted.
    KeyChanged {
        /// Whose.
        user: Name,
    },
    /// Someone is there with a program of an older system, and plain text is not allowed.
    Plaintext {
        /// Who.
        user: Name,
    },
    /// With that one nothing but plain text can be exchanged.
    PlaintextOnly {
        /// Whom.
        user: Name,
    },
    /// There is no changed key to accept.
    NothingToTrust {
        /// Whose.
        user: Name,
    },
    /// Nothing was said.
    TextEmpty,
    /// The text is too long for one message.
    TextTooLong {
        /// Its length in bytes.
        bytes: usize,
        /// The longest that can be said.
        max: usize,
    },
    /// Too much waits for that receiver.
    TooMuchWaiting {
        /// Whom.
        user: Name,
    },
    /// Nobody is there to hear it.
    NobodyLinked,
    /// It took too long.
    TimedOut,
    /// Too many requests are under way.
    TooManyRequests,
    /// A number is out of its range.
    OutOfRange,
    /// No transfer that has not ended has that number.
    UnknownTransfer {
        /// The number.
        transfer: u64,
    },
    /// That can be done only to what is offered and was not decided.
    NotAnOffer {
        /// The transfer.
        transfer: u64,
    },
    /// That can be done only to what was accepted, or is sent.
    NotAccepted {
        /// The transfer.
        transfer: u64,
    },
    /// Too many transfers have not ended.
    TooManyTransfers {
        /// How many there may be.
        max: usize,
    },
    /// A file can't be sent.
    File {
        /// Its path.
        path: String,
        /// Why.
        error: DiskError,
    },
    /// A transfer can't be received.
    ReceivedFiles {
        /// The transfer.
        transfer: u64,
        /// Why.
        error: DiskError,
    },
    /// There is not enough room for what is offered.
    NoSpace {
        /// The transfer.
        transfer: u64,
        /// How many bytes it needs.
        needed: u64,
        /// How many are free.
        free: u64,
    },
    /// The program ends.
    Stopping,
}

impl Problem {
    /// The word for it in scripts: the `code` of an `error` event.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Tracker { failure } => match failure {
                Failure::BadCredentials => "bad_credentials",
                Failure::NameTaken => "name_taken",
                Failure::RegistrationClosed => "registration_closed",
                Failure::BadToken => "bad_token",
                Failure::NotLoggedIn => "not_logged_in",
                Failure::AlreadyLoggedIn => "already_logged_in",
                Failure::UnknownUser => "unknown_user",
                Failure::UnknownRoom => "unknown_room",
                Failure::RoomFull => "room_full",
                Failure::RoomExists => "room_exists",
                Failure::NotMember => "not_member",
                Failure::NotOwner => "not_owner",
                Failure::OutOfRange => "out_of_range",
                Failure::TooManyRooms => "too_many_rooms",
                Failure::Full => "full",
                Failure::Busy => "busy",
                Failure::PlaintextRoom => "plaintext_room",
            },
            Self::Plaintext { .. } => "plaintext",
            Self::PlaintextOnly { .. } => "plaintext_only",
            Self::TrackerUnreachable { .. } => "tracker_unreachable",
            Self::TrackerUnknownHost { .. } => "tracker_unknown_host",
            Self::TrackerFault { .. } => "tracker_fault",
            Self::TrackerKeyChanged { .. } => "tracker_key_changed",
            Self::TrackerNotTrusted { .. } => "tracker_not_trusted",
            Self::NoTracker => "no_tracker",
            Self::TrackerInUse { .. } => "tracker_in_use",
            Self::NotLoggedIn => "not_logged_in",
            Self::TrackerAway => "tracker_away",
            Self::TrackerSilent => "tracker_silent",
            Self::PasswordMissing => "password_missing",
            Self::NotInRoom { .. } => "not_in_room",
            Self::UnknownUser { .. } => "unknown_user",
            Self::Oneself => "oneself",
            Self::AlreadyLinked { .. } => "already_linked",
            Self::NotLinked { .. } => "not_linked",
            Self::Unreachable { .. } => "unreachable",
            Self::LinkFault { .. } => "link_fault",
            Self::Blocked { .. } => "blocked",
            Self::KeyChanged { .. } => "key_changed",
            Self::NothingToTrust { .. } => "nothing_to_trust",
            Self::TextEmpty => "text_empty",
            Self::TextTooLong { .. } => "text_too_long",
            Self::TooMuchWaiting { .. } => "too_much_waiting",
            Self::NobodyLinked => "nobody_linked",
            Self::TimedOut => "timed_out",
            Self::TooManyRequests => "too_many_requests",
            Self::OutOfRange => "out_of_range",
            Self::UnknownTransfer { .. } => "unknown_transfer",
            Self::NotAnOffer { .. } => "not_an_offer",
            Self::NotAccepted { .. } => "not_accepted",
            Self::TooManyTransfers { .. } => "too_many_transfers",
            Self::File { error, .. } | Self::ReceivedFiles { error, .. } => match error {
                DiskError::NotFound => "file_not_found",
                DiskError::Denied => "file_denied",
                DiskError::Full => "disk_full",
                DiskError::Changed => "file_changed",
                DiskError::NotAFile => "not_a_file",
                DiskError::TooMany => "too_large",
                DiskError::Tampered => "file_tampered",
                DiskError::Other => "disk_failed",
            },
            Self::NoSpace { .. } => "no_space",
            Self::Stopping => "stopping",
        }
    }
}
