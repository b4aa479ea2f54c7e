//! One or more of everything that there is a sentence about. What is listed is complete: a variant that is missing here
//! fails a test, and one that is new does not compile.

use papo_proto::{
    disk::{DiskError, Skipped},
    error::Fault,
    identity::Key,
    machine::Refusal,
    names::{BadName, Name},
    peer::{Note, Problem, interface::Target},
    relay::chat,
    wire::{
        tracker::{Failure, Status},
        transfer::Reason,
    },
};

use crate::{
    args::BadAddress,
    frontend::{
        commands::{Mistake, Verb},
        event::{BadObject, Info, Trouble},
    },
};

/// What a stranger might give instead of a host name, and whatever else is no name.
pub(crate) const HOSTILE: &str = "x\u{1b}[31m\u{202e}\n\u{2028}y";

/// Every reason of the system.
pub(crate) const REFUSALS: [Refusal; 8] = [
    Refusal::Refused,
    Refusal::Unreachable,
    Refusal::TimedOut,
    Refusal::AddressInUse,
    Refusal::AddressNotAvailable,
    Refusal::Denied,
    Refusal::Exhausted,
    Refusal::Other,
];

pub(crate) fn name(text: &str) -> Name {
    Name::new(text).expect("valid")
}

pub(crate) fn every_note() -> Vec<Note> {
    let (user, key) = (name("bia"), Key([1; 32]));
    vec![
        Note::TrackerLost { tracker: HOSTILE.to_owned(), retry_ms: 1500 },
        Note::Replaced,
        Note::TrackerQuit,
        Note::TrackerPinned { tracker: HOSTILE.to_owned(), key },
        Note::KeyChanged { user: user.clone(), old: key, new: Key([2; 32]) },
        Note::Waiting { user: user.clone(), count: 1 },
        Note::Waiting { user: user.clone(), count: 2 },
        Note::Dropped { user: user.clone(), count: 1 },
        Note::Dropped { user: user.clone(), count: 2 },
        Note::LinkFault { user: user.clone(), address: None, fault: Fault::Silent },
        Note::Refused { user: user.clone() },
        Note::Strangers { count: 1, fault: Fault::NotPapo, address: ([10, 0, 0, 2], 1).into() },
        Note::Strangers { count: 9, fault: Fault::Handshake, address: ([10, 0, 0, 2], 1).into() },
        Note::OtherPort { wanted: 6061 },
        Note::LanRefused { port: 9091, reason: Refusal::AddressInUse },
        Note::TrackerOffered { address: ([10, 0, 0, 2], 6060).into() },
        Note::Trusted { user: user.clone(), key },
        Note::Blocked { user: user.clone(), blocked: true },
        Note::Blocked { user: user.clone(), blocked: false },
        Note::Skipped {
            name: HOSTILE.to_owned(),
            skipped: Skipped { count: 3, named: vec![HOSTILE.to_owned(), "a".to_owned()] },
        },
        Note::Skipped { name: "a".to_owned(), skipped: Skipped { count: 1, named: vec!["b".to_owned()] } },
        Note::TransferPaused { transfer: 7, user: user.clone(), paused: true },
        Note::TransferPaused { transfer: 7, user: user.clone(), paused: false },
        Note::PlaintextRoom { room: name("xadrez") },
        Note::PlaintextLost { user: user.clone() },
        Note::PlaintextNotice { address: ([10, 0, 0, 2], 1).into(), text: HOSTILE.to_owned() },
        Note::PlaintextFile { address: ([10, 0, 0, 2], 1).into() },
        Note::OffersRefused { user: user.clone(), reason: Reason::Busy },
        Note::OffersRefused { user, reason: Reason::Invalid },
    ]
}

pub(crate) fn every_problem() -> Vec<Problem> {
    let (user, key) = (name("bia"), Key([1; 32]));
    let (tracker, address) = (HOSTILE.to_owned(), ([10, 0, 0, 2], 1).into());
    let errors = [
        DiskError::NotFound,
        DiskError::Denied,
        DiskError::Full,
        DiskError::Changed,
        DiskError::NotAFile,
        DiskError::TooMany,
        DiskError::Tampered,
        DiskError::Other,
    ];
    let mut all = errors.map(|error| Problem::File { path: HOSTILE.to_owned(), error }).to_vec();
    all.extend(errors.map(|error| Problem::ReceivedFiles { transfer: 7, error }));
    all.extend([
        Problem::TrackerUnknownHost { host: HOSTILE.to_owned() },
        Problem::TrackerKeyChanged { tracker: tracker.clone(), expected: key, shown: Key([2; 32]) },
        Problem::TrackerNotTrusted { tracker: tracker.clone(), key },
        Problem::UnknownTransfer { transfer: 7 },
        Problem::NotAnOffer { transfer: 7 },
        Problem::NotAccepted { transfer: 7 },
        Problem::TooManyTransfers { max: 9 },
        Problem::NoSpace { transfer: 7, needed: 2_000_000, free: 1 },
        Problem::NoTracker,
        Problem::TrackerInUse { tracker: tracker.clone() },
        Problem::NotLoggedIn,
        Problem::TrackerSilent,
        Problem::TrackerAway,
        Problem::PasswordMissing,
        Problem::NotInRoom { room: name("xadrez") },
        Problem::UnknownUser { user: user.clone() },
        Problem::Oneself,
        Problem::AlreadyLinked { user: user.clone() },
        Problem::NotLinked { user: user.clone() },
        Problem::Blocked { user: user.clone() },
        Problem::KeyChanged { user: user.clone() },
        Problem::Plaintext { user: user.clone() },
        Problem::PlaintextOnly { user: user.clone() },
        Problem::NothingToTrust { user: user.clone() },
        Problem::TextEmpty,
        Problem::TextTooLong { bytes: 20_000, max: 12_288 },
        Problem::TooMuchWaiting { user },
        Problem::NobodyLinked,
        Problem::TimedOut,
        Problem::TooManyRequests,
        Problem::OutOfRange,
        Problem::Stopping,
    ]);
    for reason in REFUSALS {
        all.push(Problem::TrackerUnreachable { tracker: tracker.clone(), reason });
        all.push(Problem::Unreachable { address, reason });
    }
    for &fault in Fault::ALL {
        all.push(Problem::TrackerFault { tracker: tracker.clone(), fault });
        all.push(Problem::LinkFault { address, fault });
    }
    all.extend(Failure::ALL.iter().map(|&failure| Problem::Tracker { failure }));
    all
}

pub(crate) fn every_mistake() -> Vec<Mistake> {
    let typed = HOSTILE.to_owned();
    let addresses = [
        BadAddress::Fingerprint,
        BadAddress::OpenBracket,
        BadAddress::NoColon,
        BadAddress::NoBrackets,
        BadAddress::Port,
        BadAddress::Host,
    ];
    let mut all = addresses.map(Mistake::Tracker).to_vec();
    all.extend([
        Mistake::UnknownCommand { typed: typed.clone(), nearest: None },
        Mistake::UnknownCommand { typed: typed.clone(), nearest: Some(Verb::Join) },
        Mistake::Name { typed: typed.clone(), why: BadName::Empty },
        Mistake::Name { typed: typed.clone(), why: BadName::TooLong },
        Mistake::Name { typed: typed.clone(), why: BadName::Character(' ') },
        Mistake::Name { typed: typed.clone(), why: BadName::Character('#') },
        Mistake::Name { typed: typed.clone(), why: BadName::Character('\u{1b}') },
        Mistake::Capacity(typed.clone()),
        Mistake::Address(typed.clone()),
        Mistake::Transfer(typed),
        Mistake::TooLong { max: 9 },
    ]);
    all.extend(Verb::ALL.iter().flat_map(|&verb| [Mistake::Usage(verb), Mistake::NoRoom(verb)]));
    all
}

pub(crate) fn every_trouble() -> Vec<Trouble> {
    let (text, key) = (HOSTILE.to_owned(), Key([1; 32]));
    vec![
        Trouble::BadJson(BadObject::NoCommand),
        Trouble::BadJson(BadObject::NoSlash),
        Trouble::BadJson(BadObject::ManyFields),
        Trouble::BadJson(BadObject::Empty),
        Trouble::BadJson(BadObject::Other(text.clone())),
        Trouble::LineTooLong { max: 9 },
        Trouble::NotUtf8,
        Trouble::PasswordMissing { user: name("ana"), tracker: text.clone() },
        Trouble::NoPassword,
        Trouble::UnknownTracker { tracker: text.clone(), key },
        Trouble::PasswordsDiffer,
        Trouble::NotReached { user: name("bia"), seconds: 60 },
        Trouble::YesOrNo,
        Trouble::HostRefused { address: text, reason: Refusal::Other },
        Trouble::NotShown(3),
        Trouble::RelayUnreachable(chat::Trouble::Silent),
        Trouble::NotByRelay,
    ]
}

pub(crate) fn every_info() -> Vec<Info> {
    let (text, key, user) = (HOSTILE.to_owned(), Key([1; 32]), name("bia"));
    let mut all = vec![
        Info::Talking(Target::All),
        Info::Talking(Target::Room(name("xadrez"))),
        Info::RoomGone(name("xadrez")),
        Info::LateDelivery { to: user.clone(), text: text.clone() },
        Info::FirstSteps { tracker: true },
        Info::FirstSteps { tracker: false },
        Info::StatusSet { status: Status::Away, text: text.clone() },
        Info::StatusSet { status: Status::Online, text: String::new() },
        Info::ProfileSet { empty: true },
        Info::ProfileSet { empty: false },
        Info::Registered,
        Info::PlaintextSet { open: true },
        Info::PlaintextSet { open: false },
        Info::Sending { to: name("bia"), seconds: 60 },
        Info::Receiving { from: None },
        Info::Receiving { from: Some(name("bia")) },
        Info::NotForThis { from: name("bia"), name: text.clone() },
        Info::GoesOn,
        Info::Accepted(7),
        Info::Held { transfer: 7, held: true },
        Info::Held { transfer: 7, held: false },
        Info::KeepsTrying,
        Info::HowToQuit,
        Info::Help(None),
        Info::RelayHelp,
        Info::ConfirmTracker { tracker: text.clone(), key },
        Info::PasswordWanted { user: user.clone(), register: true },
        Info::PasswordWanted { user, register: false },
        Info::PasswordSkipped,
        Info::Hosting { addresses: vec![text.clone()], key },
        Info::Recording(text.into()),
    ];
    all.extend(Verb::ALL.iter().map(|&verb| Info::Help(Some(verb))));
    all
}

/// Checks that a list has every variant of its type: the patterns are all that there are, or it does not compile.
macro_rules! complete {
    ($list:expr, $($pattern:pat),+ $(,)?) => {{
        let which = |one: &_| match one { $($pattern => stringify!($pattern),)+ };
        let found = $list.iter().map(which).collect::<std::collections::BTreeSet<_>>();
        for pattern in [$(stringify!($pattern)),+] {
            assert!(found.contains(pattern), "{pattern} is in no list");
        }
    }};
}

#[test]
fn every_list_is_complete() {
    complete!(
        every_note(),
        Note::TrackerLost { .. },
        Note::Replaced,
        Note::TrackerQuit,
        Note::TrackerPinned { .. },
        Note::KeyChanged { .. },
        Note::Waiting { .. },
        Note::Dropped { .. },
        Note::LinkFault { .. },
        Note::Refused { .. },
        Note::Strangers { .. },
        Note::LanRefused { .. },
        Note::TrackerOffered { .. },
        Note::OtherPort { .. },
        Note::Trusted { .. },
        Note::Blocked { .. },
        Note::Skipped { .. },
        Note::TransferPaused { .. },
        Note::PlaintextRoom { .. },
        Note::PlaintextLost { .. },
        Note::PlaintextNotice { .. },
        Note::PlaintextFile { .. },
        Note::OffersRefused { .. },
    );
    complete!(
        every_problem(),
        Problem::Tracker { .. },
        Problem::TrackerUnreachable { .. },
        Problem::TrackerUnknownHost { .. },
        Problem::TrackerFault { .. },
        Problem::TrackerKeyChanged { .. },
        Problem::TrackerNotTrusted { .. },
        Problem::NoTracker,
        Problem::Plaintext { .. },
        Problem::PlaintextOnly { .. },
        Problem::TrackerInUse { .. },
        Problem::NotLoggedIn,
        Problem::TrackerAway,
        Problem::TrackerSilent,
        Problem::PasswordMissing,
        Problem::NotInRoom { .. },
        Problem::UnknownUser { .. },
        Problem::Oneself,
        Problem::AlreadyLinked { .. },
        Problem::NotLinked { .. },
        Problem::Unreachable { .. },
        Problem::LinkFault { .. },
        Problem::Blocked { .. },
        Problem::KeyChanged { .. },
        Problem::NothingToTrust { .. },
        Problem::TextEmpty,
        Problem::TextTooLong { .. },
        Problem::TooMuchWaiting { .. },
        Problem::NobodyLinked,
        Problem::TimedOut,
        Problem::TooManyRequests,
        Problem::OutOfRange,
        Problem::UnknownTransfer { .. },
        Problem::NotAnOffer { .. },
        Problem::NotAccepted { .. },
        Problem::TooManyTransfers { .. },
        Problem::File { .. },
        Problem::ReceivedFiles { .. },
        Problem::NoSpace { .. },
        Problem::Stopping,
    );
    complete!(
        every_mistake(),
        Mistake::UnknownCommand { .. },
        Mistake::Usage(_),
        Mistake::Name { .. },
        Mistake::Capacity(_),
        Mistake::Address(_),
        Mistake::Tracker(_),
        Mistake::Transfer(_),
        Mistake::NoRoom(_),
        Mistake::TooLong { .. },
    );
    complete!(
        every_trouble(),
        Trouble::BadJson(_),
        Trouble::LineTooLong { .. },
        Trouble::NotUtf8,
        Trouble::PasswordMissing { .. },
        Trouble::NoPassword,
        Trouble::UnknownTracker { .. },
        Trouble::PasswordsDiffer,
        Trouble::YesOrNo,
        Trouble::NotReached { .. },
        Trouble::HostRefused { .. },
        Trouble::NotShown(_),
        Trouble::RelayUnreachable(_),
        Trouble::NotByRelay,
    );
    complete!(
        every_info(),
        Info::Talking(_),
        Info::RoomGone(_),
        Info::LateDelivery { .. },
        Info::FirstSteps { .. },
        Info::StatusSet { .. },
        Info::ProfileSet { .. },
        Info::Registered,
        Info::PlaintextSet { .. },
        Info::Sending { .. },
        Info::Receiving { .. },
        Info::NotForThis { .. },
        Info::GoesOn,
        Info::Accepted(_),
        Info::Held { .. },
        Info::KeepsTrying,
        Info::HowToQuit,
        Info::Help(_),
        Info::RelayHelp,
        Info::ConfirmTracker { .. },
        Info::PasswordWanted { .. },
        Info::PasswordSkipped,
        Info::Hosting { .. },
        Info::Recording(_),
    );
}
