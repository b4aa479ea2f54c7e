//! What must hold, whatever happens: a small model of what has been promised to whom, and the invariants.
//!
//! The model sees every [`Fact`] as it happens, and nothing else: neither the machines' insides nor the faults. What it
//! finds wrong is a [`Violation`], with the name of the invariant and a sentence.
//!
//! - [`known`]: who is who, and what is on every disk ([`directory`] a tracker's, [`disk`] a person's).
//! - [`promises`], [`requests`]: what a person was told that is done is done, and every request is answered once.
//! - [`messages`]: once, in order, by their authors, and kept before anyone says so.
//! - [`files`]: whole, and told of when they are.
//! - [`about`]: what people without a tracker say of themselves.
//! - [`trust`], [`wires`], [`bounds`]: pins, what can be read on a wire and who is dialled, and limits.
//! - [`older`]: what clients of the older system may be sent.
//! - [`relays`]: what relays may tell whom.
//! - [`rest`]: what holds when everything has come to rest.
//!
//! A new capability adds its facts to the fold that they belong to, and its invariant beside those of its kind.

mod about;
#[cfg(test)]
mod about_tests;
mod bounds;
mod directory;
mod disk;
mod files;
#[cfg(test)]
mod files_tests;
mod known;
mod messages;
mod older;
mod order;
mod promises;
mod relays;
mod requests;
mod rest;
#[cfg(test)]
mod stage;
#[cfg(test)]
mod tests;
mod trust;
mod wires;
#[cfg(test)]
mod wires_tests;

use papo_proto::{disk::memory::Node, identity::Key, peer, time::Time, tracker};

use self::{
    about::Abouts, bounds::Bounds, disk::Released, files::Files, known::Known, messages::Messages, older::OlderClients,
    relays::Relays, requests::Requests, rest::Answers, trust::Trust, wires::Wires,
};
use super::{
    cast::{Cast, PersonId, Role, TrackerId},
    hostile, relayed,
};
use crate::world::{
    fact::{Fact, What},
    resident::{Kept, Told, Wish},
};

/// An invariant: its name, and what it says.
pub(crate) type Invariant = (&'static str, &'static str);

/// Machines and their world keep to the contract.
const CONTRACT: Invariant = ("contract", "machines keep to the contract, and make progress");

/// Every invariant: its name, and what it says.
pub(crate) const INVARIANTS: &[Invariant] = &[
    CONTRACT,
    directory::CONSISTENT,
    directory::NOTHING_LOST,
    promises::KEPT_BEFORE_SAID,
    messages::KEPT_BEFORE_ACKNOWLEDGED,
    messages::AT_MOST_ONCE,
    messages::TRUE_AUTHOR,
    messages::RECEIVERS_ONLY,
    older::ONE_OBJECT_A_READ,
    older::ONLY_WHAT_IS_ASKED,
    older::AS_KEPT,
    older::ANSWERED,
    relays::NEVER_BACK,
    relays::AS_SAID,
    relays::RELAYED_IN_ORDER,
    relays::WHO_IS_THERE,
    relays::NO_AMPLIFIER,
    relays::REACHES_ALL,
    order::CAUSAL_ORDER,
    files::WHOLE_FILES,
    files::TOLD_WHEN_WHOLE,
    about::OWN_WORDS,
    trust::PINS_STAY,
    wires::SECRECY,
    wires::NO_THIRD_PARTY,
    wires::CALLS,
    bounds::BOUNDS,
    requests::ANSWERED_ONCE,
    requests::NOTHING_AFTER_THE_END,
    requests::SESSIONS_ALTERNATE,
    rest::ONE_LINK_A_PAIR,
    rest::PRESENCE,
    rest::ROOMS_AS_KEPT,
    rest::EVERYTHING_ARRIVES,
    files::FILES_ARRIVE,
    rest::EVERYTHING_ANSWERED,
];

/// A broken invariant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Violation {
    /// The invariant's name, from [`INVARIANTS`].
    pub(crate) invariant: &'static str,
    /// What was seen, in a sentence.
    pub(crate) told: String,
}

impl Violation {
    /// What the invariant says.
    pub(crate) fn sentence(&self) -> &'static str {
        let found = INVARIANTS.iter().find(|(name, _)| *name == self.invariant);
        found.map_or("no run ends in a panic, and each repeats itself", |(_, sentence)| sentence)
    }
}

/// What was found wrong.
#[derive(Debug, Default)]
struct Found(Vec<Violation>);

impl Found {
    /// Unless it holds, the invariant is broken.
    fn check(&mut self, holds: bool, (invariant, _): Invariant, told: impl FnOnce() -> String) {
        if !holds {
            self.0.push(Violation { invariant, told: told() });
        }
    }
}

/// How things stand when everything has come to rest.
#[derive(Debug, Clone)]
pub(crate) struct Rest {
    /// Those who are healthy and can reach each other and their tracker.
    pub(crate) core: Vec<PersonId>,
    /// How many connections stand between two of them, smaller number first.
    pub(crate) links: Vec<(PersonId, PersonId, usize)>,
}

/// The model.
pub(crate) struct Model {
    known: Known,
    requests: Requests,
    messages: Messages,
    files: Files,
    abouts: Abouts,
    trust: Trust,
    wires: Wires,
    bounds: Bounds,
    answers: Answers,
    older: OlderClients,
    relays: Relays,
    found: Found,
}

impl Model {
    pub(crate) fn new(cast: &Cast) -> Self {
        let known = Known::new(cast);
        Self {
            requests: Requests::default(),
            messages: Messages::default(),
            files: Files::default(),
            abouts: Abouts::default(),
            trust: Trust::default(),
            wires: Wires::new(cast),
            bounds: Bounds::default(),
            answers: Answers::default(),
            older: OlderClients::default(),
            relays: Relays::default(),
            known,
            found: Found::default(),
        }
    }

    /// Someone has lost its device and begins anew on another, with this key and an empty disk.
    pub(crate) fn note_new_device(&mut self, person: PersonId, key: Key) {
        self.known.on_new_device(person, key);
        self.files.on_new_device(person);
        self.abouts.on_new_device(person);
        self.wires.on_new_device(key);
    }

    /// These accounts were there before anything happened.
    pub(crate) fn note_accounts(&mut self, tracker: TrackerId, accounts: &[tracker::Change]) {
        for account in accounts {
            self.known.apply_tracker(tracker, Time::ZERO, account, &mut self.found);
        }
    }

    /// There are clients of the older system; nothing breaks for them from then on.
    pub(crate) fn expect_older(&mut self, peace: Time) {
        self.older.expect(peace);
    }

    /// There are relays; nothing breaks for them and their clients from then on.
    pub(crate) fn expect_relays(&mut self, peace: Time) {
        self.relays.expect(peace);
    }

    /// Someone has something that it may send.
    pub(crate) fn note_file(&mut self, name: &str, content: &[(String, Node)]) {
        self.files.on_had(name, content);
    }

    /// Something happened at someone.
    pub(crate) fn note(&mut self, role: Role, fact: &Fact) {
        if let What::Broke(rule) = &fact.what {
            self.found.check(false, CONTRACT, || format!("{role:?}: {rule}"));
        }
        if relayed::is_of(role) {
            return self.relays.note(role, fact, &mut self.found);
        }
        self.wires.note(&self.known, role, fact, &mut self.found);
        self.bounds.note(&self.known, role, fact, &mut self.found);
        self.older.note(&self.known, role, fact, &mut self.found);
        match (role, &fact.what) {
            (Role::Tracker(tracker), What::Durable(_, changes)) => {
                for kept in changes {
                    if let Kept::Tracker(change) = kept {
                        self.known.apply_tracker(tracker, fact.at, change, &mut self.found);
                    }
                }
                self.known.directories[tracker].check(&mut self.found);
            }
            (Role::Tracker(_), What::Told(Told::Tracker(notice))) => {
                self.requests.on_tracker_told(fact, notice, &mut self.found);
            }
            (Role::Person(person), What::Durable(_, changes)) => {
                for kept in changes {
                    if let Kept::Peer(change) = kept {
                        self.on_kept(person, fact, change);
                    }
                }
            }
            (Role::Person(person), What::Published(name, content)) => {
                self.files.on_published(person, name, content, &mut self.found);
            }
            (Role::Person(person), What::Started(_)) => self.requests.on_started(person, fact),
            (Role::Person(_), What::Ended) => self.requests.on_ended(fact),
            (Role::Person(person), What::Asked(Wish::Peer(command))) => self.on_asked(person, fact, command),
            (Role::Person(person), What::Told(Told::Peer(notice))) => self.on_told(person, fact, notice),
            (Role::Hostile, What::Told(Told::Hostile(hostile::Notice::Learned(learned)))) => {
                self.messages.on_learned(&self.known, learned, &mut self.found);
            }
            _ => {}
        }
    }

    /// Everything has come to rest; the core has just been asked for `/peers`, `/rooms` and `/users` of each room.
    pub(crate) fn check_rest(&mut self, rest: &Rest) {
        let Self { known, requests, messages, files, answers, relays, found, .. } = self;
        rest::check(&rest::View { known, requests, messages, answers }, rest, found);
        let linked = |one: PersonId, other: PersonId| {
            let pair = (one.min(other), one.max(other));
            rest.links.iter().any(|(a, b, count)| (*a.min(b), *a.max(b)) == pair && *count > 0)
        };
        files.check_rest(rest, linked, found);
        relays.check_rest(found);
    }

    /// What was found wrong since this was last asked.
    pub(crate) fn take_violations(&mut self) -> Vec<Violation> {
        std::mem::take(&mut self.found.0)
    }

    fn on_asked(&mut self, person: PersonId, fact: &Fact, command: &peer::Command) {
        self.requests.on_asked(&self.known, fact, command, &mut self.found);
        self.trust.on_asked(person, command);
        if let peer::Command::Ask { request, .. } = command {
            self.known.on_asked(person, request);
            self.messages.on_asked(person, request);
            self.abouts.on_asked(person, request);
        }
    }

    fn on_told(&mut self, person: PersonId, fact: &Fact, notice: &peer::Notice) {
        self.messages.on_told(&self.known, person, fact.node, notice, &mut self.found);
        self.answers.on_told(fact, notice);
        self.files.on_told(person, notice, &mut self.found);
        self.abouts.on_told(&self.known, person, notice, &mut self.found);
        let done = self.requests.on_told(fact, notice, &mut self.found);
        if let Some(done) = done {
            promises::check(&self.known, &self.requests, person, fact.node, &done, &mut self.found);
            self.abouts.on_done(&self.known, person, &done, &mut self.found);
            self.answers.on_done(fact, &done);
        } else if let peer::Notice::LoggedIn { user, .. } = notice {
            promises::check_login(&self.known, person, user, &mut self.found);
        }
    }

    fn on_kept(&mut self, person: PersonId, fact: &Fact, change: &peer::Change) {
        self.trust.on_kept(&self.known, person, change, &mut self.found);
        self.files.on_kept(&self.known, person, change);
        self.abouts.on_kept(person, fact.at, change);
        self.requests.on_kept(&self.known, fact, change);
        let released: Vec<Released> = self.known.disks[person].apply(change, &self.known.who.keys[person]);
        self.messages.on_kept(&self.known, person, fact.node, change, &released, &mut self.found);
        self.bounds.on_kept(&self.known, person, change, &mut self.found);
    }
}
