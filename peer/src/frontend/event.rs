//! What is shown: a notice of the peer, or something that the frontend itself has to say.

use std::path::PathBuf;

use papo_proto::{
    error::Counters,
    identity::Key,
    machine::Refusal,
    names::Name,
    peer::{Notice, Problem, interface::Target},
    relay::chat,
    wire::tracker::Status,
};
use papo_runtime_mio::Stats;

use super::{
    commands::{Mistake, Verb},
    progress::{Moving, Summary},
};

/// Something to be shown, once, in any of the three ways.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    /// The peer says it.
    Notice(Notice),
    /// The peer says that something has arrived, here or elsewhere.
    Arrived {
        /// How.
        notice: Notice,
        /// What it was like.
        summary: Summary,
    },
    /// How things stand.
    Counters {
        /// How often each fault happened.
        counters: Counters,
        /// Links that are up.
        links: usize,
        /// Messages that wait for receivers.
        unacknowledged: usize,
        /// What the reactor counted besides, of whom the peer never heard.
        stats: Stats,
    },
    /// How far a transfer has come, where only some of that is told.
    Progress(Moving),
    /// A request failed.
    Problem(Problem),
    /// A line was not understood.
    Mistake(Mistake),
    /// Someone did not answer a ping in time.
    Inactive(Name),
    /// The client of a relay says it.
    Relay(chat::Notice),
    /// Something else went wrong.
    Trouble(Trouble),
    /// Something else is worth knowing.
    Info(Info),
}

/// What goes wrong outside of the peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// A line that begins with `{` is none of the two objects.
    BadJson(BadObject),
    /// A line of input is too long.
    LineTooLong {
        /// The longest, in bytes.
        max: usize,
    },
    /// A line of input is not UTF-8.
    NotUtf8,
    /// The tracker wants a password, and none was given.
    PasswordMissing {
        /// Whose.
        user: Name,
        /// `HOST:PORT`.
        tracker: String,
    },
    /// The command needs a password, and there is nobody to ask for one.
    NoPassword,
    /// The tracker's key is not known, and there is nobody to ask.
    UnknownTracker {
        /// `HOST:PORT`.
        tracker: String,
        /// Its key.
        key: Key,
    },
    /// The two new passwords are not the same.
    PasswordsDiffer,
    /// Neither yes nor no.
    YesOrNo,
    /// Someone was not there in time.
    NotReached {
        /// Who.
        user: Name,
        /// How long it was waited for.
        seconds: u64,
    },
    /// The hosted tracker can't listen there.
    HostRefused {
        /// Where.
        address: String,
        /// Why.
        reason: Refusal,
    },
    /// There is no relay.
    RelayUnreachable(chat::Trouble),
    /// Nothing of the kind can be done by a relay.
    NotByRelay,
    /// What happened while nothing could be shown is lost: nothing that anyone said.
    NotShown(u64),
}

/// What is wrong with an object that was to be a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BadObject {
    /// The command in it is blank.
    NoCommand,
    /// What is to be a command begins otherwise.
    NoSlash,
    /// It is more than one thing.
    ManyFields,
    /// It is nothing.
    Empty,
    /// It is no such object, in the words of who reads JSON.
    Other(String),
}

impl Trouble {
    /// The word for it in scripts.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::BadJson(_) => "bad_json",
            Self::LineTooLong { .. } => "line_too_long",
            Self::NotUtf8 => "not_utf8",
            Self::PasswordMissing { .. } | Self::NoPassword => "password_missing",
            Self::UnknownTracker { .. } => "tracker_not_trusted",
            Self::PasswordsDiffer => "passwords_differ",
            Self::YesOrNo => "yes_or_no",
            Self::NotReached { .. } => "not_reached",
            Self::HostRefused { .. } => "host_refused",
            Self::RelayUnreachable(_) => "relay_unreachable",
            Self::NotByRelay => "not_by_relay",
            Self::NotShown(_) => "not_shown",
        }
    }
}

/// What is worth knowing, outside of the peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Info {
    /// The target is another one now.
    Talking(Target),
    /// The room that was the target is no more, or not for this peer.
    RoomGone(Name),
    /// Whoever the message waited for has it.
    LateDelivery {
        /// Who.
        to: Name,
        /// Its text.
        text: String,
    },
    /// What to do first.
    FirstSteps {
        /// There are rooms.
        tracker: bool,
    },
    /// This peer is that to others now.
    StatusSet {
        /// What.
        status: Status,
        /// In its own words.
        text: String,
    },
    /// It says something else about itself now.
    ProfileSet {
        /// That is nothing.
        empty: bool,
    },
    /// Its account is made.
    Registered,
    /// Its account is open to plaintext clients, or closed.
    PlaintextSet {
        /// It is open.
        open: bool,
    },
    /// Something is to be sent, as soon as its receiver is there.
    Sending {
        /// To whom.
        to: Name,
        /// How long it is waited for, in seconds.
        seconds: u64,
    },
    /// What others send is received.
    Receiving {
        /// Only from this one.
        from: Option<Name>,
    },
    /// What someone offers is left undecided, since another one's is waited for.
    NotForThis {
        /// Who.
        from: Name,
        /// What.
        name: String,
    },
    /// What is not done yet goes on with the next run.
    GoesOn,
    /// What was offered is accepted.
    Accepted(u64),
    /// A transfer is held here, or goes on.
    Held {
        /// Its number.
        transfer: u64,
        /// It is held.
        held: bool,
    },
    /// The tracker is dialled again and again.
    KeepsTrying,
    /// How to leave.
    HowToQuit,
    /// What can be done while one talks by a relay.
    RelayHelp,
    /// What a command does, or which there are.
    Help(Option<Verb>),
    /// A tracker with this key is not known: is it the right one?
    ConfirmTracker {
        /// `HOST:PORT`.
        tracker: String,
        /// Its key.
        key: Key,
    },
    /// A password is asked for.
    PasswordWanted {
        /// Whose.
        user: Name,
        /// For a new account.
        register: bool,
    },
    /// No password was given.
    PasswordSkipped,
    /// A tracker runs in this program.
    Hosting {
        /// Where others reach it.
        addresses: Vec<String>,
        /// Its key.
        key: Key,
    },
    /// Everything is written down, secrets among it.
    Recording(PathBuf),
}
