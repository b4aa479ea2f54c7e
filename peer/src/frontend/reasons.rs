//! Why something failed, in a few words: the parts of [`super::sentences`] that stand for one fact each.

use papo_proto::{
    error::Fault,
    machine::Refusal,
    wire::tracker::{Failure, ROOM_CAPACITY_MAX},
};

/// How many people a room takes.
pub(crate) const CAPACITIES: &str = "a room takes 1 to 256 people";
const _: () = assert!(ROOM_CAPACITY_MAX == 256, "as the sentence says");
/// Why a dial or a listener did not come to be.
pub(crate) const fn refusal(reason: Refusal) -> &'static str {
    match reason {
        Refusal::Refused => "nothing listens there",
        Refusal::Unreachable => "no way leads there",
        Refusal::TimedOut => "it took too long",
        Refusal::AddressInUse => "another program uses that address",
        Refusal::AddressNotAvailable => "this machine has no such address",
        Refusal::Denied => "this program may not",
        Refusal::Exhausted => "the system has no connections left",
        Refusal::Other => "the system refuses",
    }
}

/// Why a tracker refused something.
pub(crate) const fn failure(failure: Failure) -> &'static str {
    match failure {
        Failure::BadCredentials => "the tracker refused: name or password are not right",
        Failure::NameTaken => "that name, or one that looks like it, is taken: choose another",
        Failure::RegistrationClosed => "this tracker takes no new accounts: ask whoever runs it",
        Failure::BadToken => {
            "this tracker asks newcomers for a token: give it with --token-file or PAPO_REGISTRATION_TOKEN"
        }
        Failure::NotLoggedIn => "log in first: /login, or /register for a new account",
        Failure::AlreadyLoggedIn => "you are logged in already: /logout first",
        Failure::UnknownUser => "the tracker knows nobody by that name",
        Failure::UnknownRoom => "there is no such room: /rooms lists them, /create makes one",
        Failure::RoomFull => "the room is full",
        Failure::RoomExists => "a room has that name, or one that looks like it: choose another",
        Failure::NotMember => "you are not in that room",
        Failure::NotOwner => "only the room's owner may do that",
        Failure::OutOfRange => CAPACITIES,
        Failure::TooManyRooms => "you are in as many rooms as one can be in: leave one first",
        Failure::Full => "the tracker is full",
        Failure::Busy => "too many try to log in just now: try again in a moment",
        Failure::PlaintextRoom => {
            "in that room some speak in plain text: start papo with --allow-plaintext if that is what you want"
        }
    }
}

/// Why a connection was cut short.
pub(crate) const fn fault(fault: Fault) -> &'static str {
    match fault {
        Fault::NotPapo => "it does not speak papo",
        Fault::WrongPreface => "it is another kind of program",
        Fault::FrameTooLong => "a message was too long",
        Fault::Handshake => "the handshake failed",
        Fault::BadIdentity => "its identity is false",
        Fault::Decrypt => "a message could not be decrypted",
        Fault::Malformed => "a message made no sense",
        Fault::Unexpected => "a message came at the wrong time",
        Fault::Forged => "a message was forged",
        Fault::UnexpectedKey => "its key is another than expected",
        Fault::HandshakeTimeout => "the handshake took too long",
        Fault::FrameTimeout => "a message took too long",
        Fault::LoginTimeout => "nobody logged in in time",
        Fault::TooManyFailures => "too much went wrong",
        Fault::SlowReader => "it reads too slowly",
        Fault::Silent => "nothing was heard for too long",
        Fault::Cut => "it broke off",
        Fault::TooManyFromAddress => "too many connections from one address",
        Fault::TooManyConnections => "too many connections",
        Fault::UnfinishedBytes => "it takes too much memory",
        Fault::Blocked => "you have blocked it",
        Fault::Oneself => "it is you",
        Fault::Refused => "it takes no link from you",
    }
}
