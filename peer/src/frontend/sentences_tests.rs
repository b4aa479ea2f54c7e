//! Every sentence is one for people: nothing raw, and it says what to do.

use papo_proto::{
    disk::{DiskError, Skipped},
    error::Fault,
    wire::tracker::Failure,
};

use super::*;
use crate::frontend::commands::Verb;

fn name(text: &str) -> Name {
    Name::new(text).expect("valid")
}

/// What a stranger might give instead of a host name, and whatever else is no name.
pub(in crate::frontend) const HOSTILE: &str = "x\u{1b}[31m\u{202e}\n\u{2028}y";

pub(in crate::frontend) fn every_note() -> Vec<Note> {
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
        Note::OffersRefused { user, reason: papo_proto::wire::transfer::Reason::Busy },
    ]
}

pub(in crate::frontend) fn every_problem() -> Vec<Problem> {
    let (user, key) = (name("bia"), Key([1; 32]));
    let (tracker, address) = (HOSTILE.to_owned(), ([10, 0, 0, 2], 1).into());
    let refusals = [
        Refusal::Refused,
        Refusal::Unreachable,
        Refusal::TimedOut,
        Refusal::AddressInUse,
        Refusal::AddressNotAvailable,
        Refusal::Denied,
        Refusal::Exhausted,
        Refusal::Other,
    ];
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
        Problem::NotInRoom { room: name("sala") },
        Problem::UnknownUser { user: user.clone() },
        Problem::Oneself,
        Problem::AlreadyLinked { user: user.clone() },
        Problem::NotLinked { user: user.clone() },
        Problem::Blocked { user: user.clone() },
        Problem::KeyChanged { user: user.clone() },
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
    for reason in refusals {
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

pub(in crate::frontend) fn every_mistake() -> Vec<Mistake> {
    let typed = HOSTILE.to_owned();
    let mut all = vec![
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
    ];
    all.extend(Verb::ALL.iter().flat_map(|&verb| [Mistake::Usage(verb), Mistake::NoRoom(verb)]));
    all
}

pub(in crate::frontend) fn every_trouble() -> Vec<Trouble> {
    let (text, key) = (HOSTILE.to_owned(), Key([1; 32]));
    vec![
        Trouble::BadJson(text.clone()),
        Trouble::LineTooLong { max: 9 },
        Trouble::NotUtf8,
        Trouble::PasswordMissing { user: name("ana"), tracker: text.clone() },
        Trouble::NoPassword,
        Trouble::UnknownTracker { tracker: text.clone(), key },
        Trouble::PasswordsDiffer,
        Trouble::NotReached { user: name("bia"), seconds: 60 },
        Trouble::YesOrNo,
        Trouble::HostRefused(text),
        Trouble::NotShown(3),
    ]
}

pub(in crate::frontend) fn every_info() -> Vec<Info> {
    let (text, key, user) = (HOSTILE.to_owned(), Key([1; 32]), name("bia"));
    let mut all = vec![
        Info::Talking(Target::All),
        Info::Talking(Target::Room(name("sala"))),
        Info::RoomGone(name("sala")),
        Info::LateDelivery { to: user.clone(), text: text.clone() },
        Info::FirstSteps { tracker: true },
        Info::FirstSteps { tracker: false },
        Info::StatusSet { status: Status::Away, text: text.clone() },
        Info::StatusSet { status: Status::Online, text: String::new() },
        Info::ProfileSet { empty: true },
        Info::ProfileSet { empty: false },
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

/// Every sentence that there is, with what it is about.
fn everything() -> Vec<(String, String)> {
    let about = |thing: &dyn std::fmt::Debug, sentence: String| (format!("{thing:?}"), sentence);
    let mut all = Vec::new();
    all.extend(every_note().iter().map(|one| about(one, note(one))));
    all.extend(every_problem().iter().map(|one| about(one, problem(one))));
    all.extend(every_mistake().iter().map(|one| about(one, mistake(one))));
    all.extend(every_trouble().iter().map(|one| about(one, trouble(one))));
    all.extend(every_info().iter().flat_map(|one| info(one).into_iter().map(move |line| about(one, line))));
    for &what in RoomEvent::ALL {
        for user in [name("ana"), name("bia")] {
            let sentence = room_event(&name("sala"), what, &user, &[name("ana"), name("bia")], &name("ana"));
            all.push((format!("{what:?}"), sentence));
        }
    }
    all
}

#[test]
fn every_sentence_is_one_for_people() {
    for (about, sentence) in everything() {
        assert!(!sentence.is_empty() && !sentence.contains("  ") || about.starts_with("Help"), "{about}: {sentence}");
        for raw in ["Some(", "None", "Key(", "{ ", "Refusal", "Fault", "::", "Err("] {
            assert!(!sentence.contains(raw), "{about}: {sentence}");
        }
    }
}

#[test]
fn what_a_person_can_act_on_says_how() {
    let tracker = "10.0.0.9:6060".to_owned();
    assert_eq!(
        problem(&Problem::TrackerUnreachable { tracker: tracker.clone(), reason: Refusal::Refused }),
        "nothing answers at 10.0.0.9:6060: is papo-tracker running there?"
    );
    let key = Key([0xab; 32]);
    let unknown = trouble(&Trouble::UnknownTracker { tracker, key });
    assert!(unknown.contains(&format!("10.0.0.9:6060#{key}")) && unknown.contains("--trust-new"), "{unknown}");
}

#[test]
fn an_address_that_is_taken_names_the_option_that_gives_another() {
    let taken = |option| listen_refused("0.0.0.0:6060", Refusal::AddressInUse, option);
    assert_eq!(taken("--host"), "0.0.0.0:6060 is taken by another program: give another address with --host");
    assert!(taken("--listen").ends_with("--listen"));
}

#[test]
fn many_names_are_counted() {
    let many = (0..20).map(|number| name(&format!("n{number}"))).collect::<Vec<_>>();
    assert_eq!(names(&many), "n0, n1, n2, n3, n4, n5, n6, n7 and 12 more");
    assert_eq!(names(&many[..2]), "n0, n1");
}

#[test]
fn both_answers_are_understood_and_nothing_else() {
    assert_eq!(
        (yes_or_no(" Yes "), yes_or_no("sim"), yes_or_no("no"), yes_or_no("não")),
        (Some(true), Some(true), Some(false), Some(false))
    );
    assert_eq!((yes_or_no(""), yes_or_no("yess")), (None, None));
}
