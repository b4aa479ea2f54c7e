//! What people say of themselves: a status, and a profile.
//!
//! Of an account its tracker says that. Whoever no tracker tells it hears it over the link: on a network without a
//! tracker everyone, and elsewhere those who are known by a label only. What a peer without a tracker says it keeps, and
//! says again after a restart; once it has a tracker, what its account says there holds in its place.
//!
//! Invariant: at most one `About` of an end counts, the last; and none for somebody whom a tracker vouches for.

use super::{
    change::{Change, Realm},
    interface::Problem,
    link::Link,
    machine::Peer,
    session::Asked,
};
use crate::{
    machine::ConnId,
    time::Time,
    wire::{
        peer::{About, ToPeer},
        tracker::{Profile, Status, StatusText, ToTracker},
    },
};

impl Peer {
    pub(super) fn set_status(&mut self, now: Time, token: u64, status: Status, text: StatusText) {
        if status == Status::Offline {
            return self.outcome(token, Some(Problem::OutOfRange));
        }
        if self.session.address.is_none() {
            let about = About { status, status_text: text, ..self.own_about.clone() };
            return self.describe(token, about);
        }
        let asked = Asked::Status { token, status, text: text.clone() };
        self.ask_tracker(now, token, asked, |request| ToTracker::SetStatus { request, status, text });
    }

    pub(super) fn set_profile(&mut self, now: Time, token: u64, text: Profile) {
        if self.session.address.is_none() {
            let about = About { profile: text, ..self.own_about.clone() };
            return self.describe(token, about);
        }
        let asked = Asked::Profile { token, text: text.clone() };
        self.ask_tracker(now, token, asked, |request| ToTracker::SetProfile { request, text });
    }

    /// Without a tracker, this peer says that of itself from now on.
    fn describe(&mut self, token: u64, about: About) {
        if about != self.own_about {
            self.own_about = about.clone();
            self.changes.push(Change::Described { about });
            self.tell_about();
        }
        self.outcome(token, None);
    }

    /// The tracker has told or taken what this peer's account says of itself.
    pub(super) fn on_account_told(&mut self, mut about: About) {
        // Nobody is offline to its own tracker, and it is not for a tracker to have this peer say so.
        if about.status == Status::Offline {
            about.status = Status::Online;
        }
        if about != self.session.about {
            self.session.about = about;
            self.tell_about();
        }
    }

    /// What this peer says of itself at present.
    pub(super) const fn about(&self) -> &About {
        if self.session.address.is_none() { &self.own_about } else { &self.session.about }
    }

    /// What this peer says of itself is something else now.
    pub(super) fn tell_about(&mut self) {
        for conn in self.links.all_up().map(|(_, conn)| conn).collect::<Vec<_>>() {
            self.say_about(conn);
        }
    }

    /// A link stands: the other end is told what this peer says of itself, where that is worth a word.
    pub(super) fn introduce(&mut self, conn: ConnId) {
        if *self.about() != About::default() {
            self.say_about(conn);
        }
    }

    fn say_about(&mut self, conn: ConnId) {
        let known_by_label = |link: &Link| link.person.as_ref().is_some_and(|id| id.0 == Realm::Lan);
        if self.links.find(conn).is_some_and(known_by_label) {
            let about = self.about().clone();
            self.say_to_peer(conn, ToPeer::About { about });
        }
    }

    /// The other end says what it is.
    pub(super) fn on_about(&mut self, conn: ConnId, about: About) {
        if let Some(link) = self.links.find_mut(conn)
            && link.person.as_ref().is_some_and(|id| id.0 == Realm::Lan)
        {
            link.about = about;
        }
    }
}
