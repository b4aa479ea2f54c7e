//! Whom this peer talks to: blocking, comparing digits, accepting keys, and calling those who are welcome again.

use super::{
    change::Change,
    interface::{Note, Notice, Problem, Request},
    machine::{Out, Peer},
    people::PersonId,
};
use crate::{identity::verification_digits, names::Name, time::Time, wire::tracker::Goodbye};

impl Peer {
    pub(super) fn block(&mut self, now: Time, token: u64, user: Name, out: &mut Out) {
        let Some(id) = self.resolve(now, token, &user, Request::Block { user: user.clone() }) else { return };
        let person = self.people.entry(&id);
        let (pinned, changed, name, former) = (person.pinned, person.changed, person.name.clone(), person.blocked);
        if !former {
            self.people.set_blocked(&id, true);
            self.changes.push(Change::Blocked { realm: id.0, name: id.1.clone(), blocked: true });
            self.set_welcomed(&id, false);
            self.review_partner(&id, out);
            for key in [pinned, changed].into_iter().flatten() {
                if let Some(conn) = self.links.up(&key) {
                    self.end_link(conn, Goodbye::Blocked, out);
                }
                self.forget_waiting(&key);
                self.drop_waiting(key);
                self.end_transfers_with(&key);
            }
        }
        self.note(Note::Blocked { user: name, blocked: true });
        self.outcome(token, None);
    }

    /// Nothing that waits for a key is sent to it.
    fn drop_waiting(&mut self, key: crate::identity::Key) {
        let places = self.rooms.keys().map(|room| Some(*room)).chain([None]).collect::<Vec<_>>();
        let mut count = 0;
        for place in places {
            let dropped = self.outbox.drop_place(&key, place);
            if dropped > 0 {
                self.changes.push(Change::ReceiverDropped { room: place, receiver: key });
            }
            count += dropped;
        }
        self.note_dropped(key, count);
    }

    pub(super) fn unblock(&mut self, now: Time, token: u64, user: Name) {
        let Some(id) = self.person_named(&user) else {
            return self.outcome(token, Some(Problem::UnknownUser { user }));
        };
        let person = self.people.entry(&id);
        let name = person.name.clone();
        if person.blocked {
            self.people.set_blocked(&id, false);
            self.changes.push(Change::Blocked { realm: id.0, name: id.1.clone(), blocked: false });
            self.call_again(now, &id);
        }
        self.note(Note::Blocked { user: name, blocked: false });
        self.outcome(token, None);
    }

    /// Someone is welcome again. Whoever was turned away keeps away until it is called, now or after the next login.
    fn call_again(&mut self, now: Time, id: &PersonId) {
        let person = self.people.entry(id);
        person.release();
        person.wanted = true;
        person.redial.reset();
        self.set_welcomed(id, true);
        self.consider_dial(now, id);
    }

    /// Someone is to be called because it is welcome again, also after a restart; or that is over.
    pub(super) fn set_welcomed(&mut self, id: &PersonId, welcomed: bool) {
        let Some(person) = self.people.find_mut(id).filter(|person| person.welcomed != welcomed) else { return };
        person.welcomed = welcomed;
        self.changes.push(Change::Welcomed { realm: id.0, name: id.1.clone(), welcomed });
    }

    pub(super) fn verify(&mut self, now: Time, token: u64, user: Name) {
        let Some(id) = self.resolve(now, token, &user, Request::Verify { user: user.clone() }) else { return };
        let Some(person) = self.people.find(&id) else { return };
        let Some(key) = person.changed.or(person.pinned) else {
            let problem = match person.takes_objects() {
                true => Problem::PlaintextOnly { user },
                false => Problem::UnknownUser { user },
            };
            return self.outcome(token, Some(problem));
        };
        let digits = verification_digits(&self.identity.key(), &key);
        self.tell(Notice::Digits { user: person.name.clone(), digits });
        self.outcome(token, None);
    }

    /// Accepts a changed key; where none changed, the present one is vouched for.
    pub(super) fn trust(&mut self, now: Time, token: u64, user: Name) {
        let Some(id) = self.resolve(now, token, &user, Request::Trust { user: user.clone() }) else { return };
        let Some(person) = self.people.find(&id) else { return };
        let (pinned, changed, name) = (person.pinned, person.changed, person.name.clone());
        let Some(key) = changed.or(pinned) else {
            return self.outcome(token, Some(Problem::NothingToTrust { user: name }));
        };
        if let (Some(old), Some(new)) = (pinned, changed) {
            self.move_waiting(&id, old, new);
            self.pin(&id, new);
            // Whatever the former key wanted: it may have been turned away, too.
            self.call_again(now, &id);
            // It may have been linked as a stranger before.
            self.adopt_link(now, &id, new);
            if let Some(conn) = self.links.up(&new) {
                self.send_waiting(conn);
                self.offer_all(conn, &new);
            }
        } else if !self.people.is_verified(&key) {
            self.people.set_verified(key);
            self.changes.push(Change::Verified { key, verified: true });
        }
        self.note(Note::Trusted { user: name, key });
        self.outcome(token, None);
    }
}
