//! What people without a tracker say of themselves: what they keep of it, and what others are shown.

use std::collections::{BTreeMap, BTreeSet};

use papo_proto::{
    peer::{Change, Notice, Request},
    time::Time,
    wire::peer::About,
};

use super::{Found, Invariant, known::Known, requests::Done};
use crate::sim::cast::PersonId;

/// Nobody has words put into its mouth.
pub(super) const OWN_WORDS: Invariant = (
    "own words",
    "what somebody without a tracker says of itself is kept when it is told so, and others are shown nothing else",
);

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct Abouts {
    /// Every status and profile that somebody ever asked for.
    wished: BTreeMap<PersonId, BTreeSet<String>>,
    /// What is on each disk, and since when.
    kept: BTreeMap<PersonId, (About, Time)>,
}

impl Abouts {
    pub(super) fn on_new_device(&mut self, person: PersonId) {
        self.kept.remove(&person);
    }

    pub(super) fn on_asked(&mut self, person: PersonId, request: &Request) {
        let text = match request {
            Request::Status { text, .. } => text.as_str(),
            Request::Profile { text } => text.as_str(),
            _ => return,
        };
        self.wished.entry(person).or_default().insert(text.to_owned());
    }

    pub(super) fn on_kept(&mut self, person: PersonId, at: Time, change: &Change) {
        if let Change::Described { about } = change {
            self.kept.insert(person, (about.clone(), at));
        }
    }

    /// A request has its outcome. Where it was followed by others, what they asked for may be kept by then.
    pub(super) fn on_done(&self, known: &Known, person: PersonId, done: &Done, found: &mut Found) {
        if done.problem.is_some() || known.who.cast.people[person].tracker.is_some() {
            return;
        }
        let (about, at) = self.kept.get(&person).cloned().unwrap_or_default();
        let is_so = match &done.asked.request {
            Request::Status { status, text } => (about.status, &about.status_text) == (*status, text),
            Request::Profile { text } => about.profile == *text,
            _ => true,
        };
        found.check(is_so || at >= done.asked.at, OWN_WORDS, || {
            format!("person {person} is told that {:?} is done, and keeps {about:?}", done.asked.request)
        });
    }

    /// Someone is told about someone.
    pub(super) fn on_told(&self, known: &Known, person: PersonId, notice: &Notice, found: &mut Found) {
        let Notice::Whois { peer, key: Some(key), profile, .. } = notice else { return };
        let Some(of) = known.who.person(key).filter(|of| known.who.cast.people[*of].tracker.is_none()) else { return };
        let own = |text: &str| text.is_empty() || self.wished.get(&of).is_some_and(|wished| wished.contains(text));
        found.check(own(peer.status_text.as_str()) && own(profile.as_str()), OWN_WORDS, || {
            format!("person {person} is shown words of person {of} that it never said: {peer:?}, {profile:?}")
        });
    }
}
