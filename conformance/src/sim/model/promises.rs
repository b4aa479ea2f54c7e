//! What a person is told that is done has been done, on the tracker's disk.
//!
//! What was done may be undone by the same person before it hears of it, so each check asks whether it is so now or has
//! changed since it was asked for.

use papo_proto::{
    names::Name,
    peer::{Request, interface::Credentials},
    time::Time,
    wire::room::RoomId,
};

use super::{
    Found, Invariant,
    directory::Directory,
    known::Known,
    requests::{Asked, Done, Requests},
};
use crate::{sim::cast::PersonId, world::NodeId};

/// Confirmed means kept.
pub(super) const KEPT_BEFORE_SAID: Invariant = (
    "kept before said",
    "what a person is told that its tracker did is on the tracker's disk: accounts, rooms, memberships, what it shows",
);

/// A request has its outcome.
pub(super) fn check(
    known: &Known,
    requests: &Requests,
    person: PersonId,
    node: NodeId,
    done: &Done,
    found: &mut Found,
) {
    let part = &known.who.cast.people[person];
    let (None, Some(tracker)) = (&done.problem, part.tracker) else { return };
    let directory = &known.directories[tracker];
    let account = requests.process(node).and_then(|process| process.account.as_ref()).unwrap_or(&part.name);
    let Asked { at: since, request, rooms } = &done.asked;
    let since = *since;
    let kept = match request {
        Request::Register(Credentials { name, .. }) | Request::Login(Credentials { name, .. }) => {
            has_account(known, directory, person, name)
        }
        Request::Create { room, .. } => was_created(known, directory, person, room, since),
        // Whoever believes to be in a room already is told so without the tracker's word.
        Request::Join { room } => {
            known.disks[person].rooms.values().any(|name| name == room) || was_in(directory, account, room, since)
        }
        // By now another room may have the name.
        Request::Leave { .. } => !rooms.iter().any(|room| is_in_since_before(directory, account, room, since)),
        Request::Delete { .. } => !rooms.iter().any(|room| directory.rooms.contains_key(room)),
        Request::Status { status, text } => directory.account(account).is_some_and(|account| {
            (account.status.0, &account.status.1) == (*status, text) || account.status.2 >= since
        }),
        Request::Profile { text } => {
            directory.account(account).is_some_and(|account| account.profile.0 == *text || account.profile.1 >= since)
        }
        Request::Plaintext { open } => directory
            .account(account)
            .is_some_and(|account| account.plaintext.0 == *open || account.plaintext.1 >= since),
        _ => true,
    };
    found.check(kept, KEPT_BEFORE_SAID, || {
        format!("person {person} is told that {request:?} is done, and its tracker does not keep it")
    });
}

/// A person is told that it is logged in.
pub(super) fn check_login(known: &Known, person: PersonId, user: &Name, found: &mut Found) {
    let Some(tracker) = known.who.cast.people[person].tracker else { return };
    let kept = has_account(known, &known.directories[tracker], person, user);
    found.check(kept, KEPT_BEFORE_SAID, || {
        format!("person {person} is logged in as {user:?}, and its tracker does not keep that account for its key")
    });
}

fn has_account(known: &Known, directory: &Directory, person: PersonId, name: &Name) -> bool {
    directory.account(name).is_some_and(|account| account.keys.contains(&known.who.keys[person]))
}

/// Whether someone made a room of that name since then, still there or not.
fn was_created(known: &Known, directory: &Directory, person: PersonId, room: &Name, since: Time) -> bool {
    let key = &known.who.keys[person];
    directory.pasts().any(|(id, past)| past.name == *room && past.added >= since && directory.was_member(id, key))
}

/// Whether an account is in a room of that name, or has been since then.
fn was_in(directory: &Directory, account: &Name, room: &Name, since: Time) -> bool {
    directory.pasts().any(|(id, past)| {
        past.name == *room && (directory.is_member(id, account) || past.left(account).is_some_and(|at| at >= since))
    })
}

/// Whether an account is in that room and came into it before then.
fn is_in_since_before(directory: &Directory, account: &Name, room: &RoomId, then: Time) -> bool {
    let Some(room) = directory.rooms.get(room) else { return false };
    room.members.iter().any(|(member, since)| member == account && *since < then)
}
