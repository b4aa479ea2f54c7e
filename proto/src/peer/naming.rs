//! Who is who: names, keys and labels, and whose link a connection is.
//!
//! An account is known by its tracker's word, and by the key that was pinned for it. Whoever has no account where this
//! peer has one is known by its key alone; the name that it gives itself is a label. On a network without a tracker
//! the first of a name is shown by it; whenever that could be taken for someone else, the label ends with the key.
//!
//! Invariant: a name that a person gives means one key, and never a stranger's who only calls itself so.

use super::{
    change::{Change, Realm},
    interface::Note,
    link::{Link, Stage},
    machine::{Out, Peer, Timer},
    people::{Person, PersonId, Shown},
};
use crate::{
    error::Fault,
    identity::Key,
    machine::ConnId,
    names::Name,
    time::Time,
    wire::tracker::{Contact, Goodbye},
};

impl Peer {
    /// Where names hold for the present: among the accounts of the tracker, as soon as it is known which that is.
    pub(super) fn realm(&self) -> Realm {
        match (&self.session.account, self.session.key) {
            (Some(_), Some(key)) => Realm::Tracker(key),
            _ => self.home_realm().unwrap_or(Realm::Lan),
        }
    }

    /// The realm of the tracker where this peer is about to log in, if its key was accepted before.
    fn home_realm(&self) -> Option<Realm> {
        let address = self.session.address.as_ref().filter(|_| self.session.credentials.is_some())?;
        let key = address.key.or_else(|| self.trackers.get(&self.session.address_text()).copied());
        key.map(Realm::Tracker)
    }

    /// The person by that name: an account before a label.
    pub(super) fn person_named(&self, name: &Name) -> Option<PersonId> {
        let of_realm = |realm| Some((realm, name.clone())).filter(|id| self.people.find(id).is_some());
        let label = || {
            let (realm, name) = of_realm(Realm::Lan)?;
            // Where there are accounts, a label without its key might mean someone else.
            let distinct = self.session.address.is_none() || name.looks_like_label();
            distinct.then_some((realm, name))
        };
        of_realm(self.realm()).or_else(label)
    }

    /// Whose key that is: someone in a room with this peer before another, and an account here before anyone else.
    pub(super) fn person_with(&self, key: &Key) -> Option<PersonId> {
        let realm = self.realm();
        let rank = |id: &PersonId| {
            let online = self.people.find(id).is_some_and(|person| person.online);
            (id.0 == realm, self.shares_room(id), online)
        };
        let mut best = None;
        for id in self.people.ids_of(key) {
            if best.is_none_or(|best| rank(id) > rank(best)) {
                best = Some(id);
            }
        }
        best.cloned()
    }

    /// Whose link that is, if it can be told without asking: of several accounts with one key, the one that it names.
    fn person_at(&self, key: &Key, claimed: Option<&Name>) -> Option<PersonId> {
        let realm = self.realm();
        let named = claimed.map(|name| (realm, name.clone()));
        let named = named.filter(|id| self.people.find(id).is_some_and(|person| person.pinned == Some(*key)));
        named.or_else(|| self.person_with(key).filter(|id| id.0 == realm && realm != Realm::Lan))
    }

    /// A label for someone without an account here.
    fn label(&self, claimed: &Name, key: &Key) -> PersonId {
        let plain = self.session.address.is_none() && *claimed != self.me;
        self.people.label(claimed, key, plain)
    }

    /// Finds out who is at the other end, now or once the tracker has said so.
    pub(super) fn identify_link(&mut self, now: Time, conn: ConnId) {
        let Some(link) = self.links.find(conn) else { return };
        let (Some(key), Stage::Greeting { hello: Some((name, tracker, _)), asked }) = (link.key, &link.stage) else {
            return;
        };
        let same_tracker = tracker.is_some_and(|tracker| Realm::Tracker(tracker) == self.realm());
        let (asked, has_tracker, name) = (*asked, tracker.is_some(), name.clone());
        if let Some(id) = self.person_at(&key, same_tracker.then_some(&name)) {
            return self.on_link_up(now, conn, &id);
        }
        if asked || (has_tracker && self.session.is_coming_up()) {
            // The tracker is asked already, or can be asked soon.
            return;
        }
        if same_tracker && self.session.up().is_some() {
            if !self.ask_identity(conn, key) {
                return self.turn_away(conn, Goodbye::Busy, Fault::TooManyConnections);
            }
            if let Some(link) = self.links.find_mut(conn)
                && let Stage::Greeting { asked, .. } = &mut link.stage
            {
                *asked = true;
            }
            return;
        }
        // Where the session does not stand, what was pinned before is all there is to go by; it was not found.
        let id = self.label(&name, &key);
        self.on_link_named(now, conn, key, &id);
    }

    /// Links that waited for the session are named now.
    pub(super) fn identify_waiting(&mut self, now: Time, out: &mut Out) {
        if self.stopping {
            return;
        }
        let waiting = self.links.iter().filter(|(_, link)| !link.is_up()).map(|(conn, _)| conn);
        for conn in waiting.collect::<Vec<_>>() {
            self.identify_link(now, conn);
            // What came behind its Hello was not read yet.
            self.on_link_bytes(now, conn, &[], out);
        }
    }

    /// Links that stand under a label since the tracker was away may belong to accounts: its word adopts them.
    pub(super) fn identify_labelled(&mut self) {
        let labelled = |link: &&Link| link.is_up() && link.person.as_ref().is_some_and(|id| id.0 == Realm::Lan);
        let links =
            self.links.iter().filter(|(_, link)| labelled(link)).filter_map(|(conn, link)| Some((conn, link.key?)));
        for (conn, key) in links.collect::<Vec<_>>() {
            self.ask_identity(conn, key);
        }
    }

    /// The tracker said whose key a link has.
    pub(super) fn on_identity_known(&mut self, now: Time, conn: ConnId, contact: &Contact, out: &mut Out) {
        let Some(key) = self.links.find(conn).and_then(|link| link.key) else { return };
        if contact.name == self.me || contact.key != Some(key) {
            return self.on_identity_unknown(now, conn, out);
        }
        let id = (self.realm(), contact.name.clone());
        self.on_link_named(now, conn, key, &id);
        self.on_link_bytes(now, conn, &[], out);
    }

    /// The tracker knows nobody with the key of a link: its name is no more than a label.
    pub(super) fn on_identity_unknown(&mut self, now: Time, conn: ConnId, out: &mut Out) {
        let Some(link) = self.links.find(conn) else { return };
        let (Some(key), Stage::Greeting { hello: Some((name, ..)), .. }) = (link.key, &link.stage) else { return };
        let id = self.label(name, &key);
        self.on_link_named(now, conn, key, &id);
        self.on_link_bytes(now, conn, &[], out);
    }

    fn on_link_named(&mut self, now: Time, conn: ConnId, key: Key, id: &PersonId) {
        if !self.people.has_room_for(id) {
            return self.turn_away(conn, Goodbye::Busy, Fault::TooManyConnections);
        }
        match self.people.show_key(id, key) {
            Shown::Same => self.on_link_up(now, conn, id),
            Shown::First => {
                self.pin(id, key);
                self.on_link_up(now, conn, id);
            }
            Shown::ChangedBefore => self.turn_away(conn, Goodbye::Disconnected, Fault::UnexpectedKey),
            Shown::Changed { old } => {
                self.note(Note::KeyChanged { user: id.1.clone(), old, new: key });
                self.turn_away(conn, Goodbye::Disconnected, Fault::UnexpectedKey);
            }
        }
    }

    /// A key counts for a person from now on.
    pub(super) fn pin(&mut self, id: &PersonId, key: Key) {
        self.people.pin(id, key);
        self.changes.push(Change::Pinned { realm: id.0, name: id.1.clone(), key });
    }

    /// The tracker shows another key for someone than the pinned one.
    pub(super) fn on_key_changed(&mut self, id: &PersonId, old: Key, new: Key, out: &mut Out) {
        self.note(Note::KeyChanged { user: id.1.clone(), old, new });
        // Another account may have the same key and keep it.
        if self.person_with(&old).is_none_or(|other| other == *id) {
            self.timers.clear(Timer::Dial(old));
            self.miss_yielded(&old);
        }
        let link = self
            .links
            .up(&old)
            .filter(|conn| self.links.find(*conn).is_some_and(|link| link.person.as_ref() == Some(id)));
        if let Some(conn) = link {
            self.counters.count(Fault::UnexpectedKey);
            self.end_link(conn, Goodbye::Disconnected, out);
        }
    }

    /// A link that stood under a label, or under another account with the same key, belongs to an account.
    pub(super) fn adopt_link(&mut self, now: Time, id: &PersonId, key: Key) {
        let person = self.people.find(id);
        let online = person.is_some_and(|person| person.online);
        if person.and_then(Person::usable_key) != Some(key) {
            return;
        }
        let Some(conn) = self.links.up(&key) else { return };
        let Some(link) = self.links.find_mut(conn) else { return };
        if link.person.as_ref().is_none_or(|of| of != id && (of.0 != id.0 || online)) {
            link.person = Some(id.clone());
            self.greet_rooms(now, conn);
        }
    }
}
