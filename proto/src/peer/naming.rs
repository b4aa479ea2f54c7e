//! Who is who: names, keys and labels, and whose link a connection is.

use super::{
    change::{Change, Realm},
    interface::Note,
    link::Stage,
    machine::{Out, Peer, Timer},
    people::{PersonId, Shown},
};
use crate::{identity::Key, machine::ConnId, names::Name, time::Time, wire::tracker::Goodbye};

impl Peer {
    /// Where names hold for the present.
    pub(super) fn realm(&self) -> Realm {
        match (&self.session.account, self.session.key) {
            (Some(_), Some(key)) => Realm::Tracker(key),
            _ => Realm::Lan,
        }
    }

    /// The person by that name: an account before a label.
    pub(super) fn person_named(&self, name: &Name) -> Option<PersonId> {
        let of_realm = |realm| Some((realm, name.clone())).filter(|id| self.people.find(id).is_some());
        // Before the first login of this life, accounts are known by their pins.
        let anywhere = || self.people.iter().map(|(id, _)| id).find(|id| id.1 == *name).cloned();
        of_realm(self.realm()).or_else(|| of_realm(Realm::Lan)).or_else(anywhere)
    }

    /// Finds out who is at the other end, now or once the tracker has said so.
    pub(super) fn identify_link(&mut self, now: Time, conn: ConnId) {
        let realm = self.realm();
        let Some(link) = self.links.find(conn) else { return };
        let (Some(key), Stage::Greeting { hello: Some((name, tracker, _)), asked }) = (link.key, &link.stage) else {
            return;
        };
        let (asked, same_tracker, name) = (*asked, *tracker == self.session.key && tracker.is_some(), name.clone());
        let known = self.people.with_key(realm, &key).or_else(|| self.people.any_with_key(&key));
        if let Some(id) = known.cloned() {
            return self.on_link_up(now, conn, &id);
        }
        if self.session.account.is_none() && self.session.credentials.is_some() && tracker.is_some() {
            // Both have a tracker; this peer is about to log in there, and can ask it then.
            return;
        }
        if let (Realm::Tracker(_), true, false) = (realm, same_tracker, asked) {
            // Where the session does not stand, what was pinned before is all there is to go by; it was not found.
            if self.ask_identity(conn, key) {
                if let Some(link) = self.links.find_mut(conn)
                    && let Stage::Greeting { asked, .. } = &mut link.stage
                {
                    *asked = true;
                }
                return;
            }
        } else if asked {
            return;
        }
        let id = self.people.label(&name, &key);
        self.on_link_named(now, conn, key, &id);
    }

    /// The tracker said whose key a link has.
    pub(super) fn on_identity_known(&mut self, now: Time, conn: ConnId, name: &Name, out: &mut Out) {
        let Some(key) = self.links.find(conn).and_then(|link| link.key) else { return };
        let id = (self.realm(), name.clone());
        self.on_link_named(now, conn, key, &id);
        // What came behind its Hello was not read yet.
        self.on_link_bytes(now, conn, &[], out);
    }

    /// The tracker knows nobody with the key of a link: its name is no more than a label.
    pub(super) fn on_identity_unknown(&mut self, now: Time, conn: ConnId, out: &mut Out) {
        let Some(link) = self.links.find(conn) else { return };
        let (Some(key), Stage::Greeting { hello: Some((name, ..)), .. }) = (link.key, &link.stage) else { return };
        let id = self.people.label(name, &key);
        self.on_link_named(now, conn, key, &id);
        self.on_link_bytes(now, conn, &[], out);
    }

    fn on_link_named(&mut self, now: Time, conn: ConnId, key: Key, id: &PersonId) {
        match self.people.show_key(id, key) {
            Shown::Same => self.on_link_up(now, conn, id),
            Shown::First => {
                self.pin(id, key);
                self.on_link_up(now, conn, id);
            }
            Shown::ChangedBefore => self.refuse_link(conn, Goodbye::Disconnected),
            Shown::Changed { old } => {
                self.note(Note::KeyChanged { user: id.1.clone(), old, new: key });
                self.refuse_link(conn, Goodbye::Disconnected);
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
        self.timers.clear(Timer::Dial(old));
        if let Some(conn) = self.links.up(&old) {
            self.end_link(conn, Goodbye::Disconnected, out);
        }
    }

    /// A link that stood under a label belongs to an account.
    pub(super) fn adopt_link(&mut self, id: &PersonId, key: Key) {
        if self.people.find(id).and_then(super::people::Person::usable_key) != Some(key) {
            return;
        }
        if let Some(link) = self.links.up(&key).and_then(|conn| self.links.find_mut(conn)) {
            link.person = Some(id.clone());
        }
    }
}
