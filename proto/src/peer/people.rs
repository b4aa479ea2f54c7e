//! Everyone whom this peer knows: names, keys, pins, blocks, addresses.
//!
//! A person is known by a name in a [`Realm`]. Its *pinned* key is the one that counts. Where another key is shown for
//! the name, that one is kept as *changed*, and nothing is exchanged until it is accepted.
//!
//! Invariant: a pin is only ever set by [`People::pin`], on first use or when the person accepts it.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
};

use super::{change::Realm, redial::Redial};
use crate::{
    identity::Key,
    limits::Limits,
    machine::ConnId,
    names::{NAME_CHARS_MAX, Name},
    time::Wall,
    wire::tracker::{Contact, Dialect, Status, StatusText},
};

/// Names a person.
pub type PersonId = (Realm, Name);

/// What a shown key means for a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// It is the pinned one.
    Same,
    /// No key was pinned yet.
    First,
    /// It is another than the pinned one, and was shown before.
    ChangedBefore,
    /// It is another than the pinned one.
    Changed {
        /// The pinned one.
        old: Key,
    },
}

/// One person.
#[derive(Debug)]
pub struct Person {
    /// As it writes its name.
    pub name: Name,
    /// The key that counts.
    pub pinned: Option<Key>,
    /// A key that was shown in its place and not accepted.
    pub changed: Option<Key>,
    /// Not talked to.
    pub blocked: bool,
    /// Through what it is there.
    pub dialect: Dialect,
    /// What it is to others.
    pub status: Status,
    /// In its own words.
    pub status_text: StatusText,
    /// Where it can be dialled.
    pub endpoints: Vec<SocketAddr>,
    /// When it was last connected.
    pub last_seen: Wall,
    /// Where a tracker told of it: whether it is connected there.
    pub online: bool,
    /// This person wants a link even where no room is shared.
    pub wanted: bool,
    /// It is welcome again, and has not been linked since.
    pub welcomed: bool,
    /// The link was ended on purpose, at either end; it is not dialled.
    pub held: bool,
    /// It was this end that ended it.
    pub dismissed: bool,
    /// The tracker is being asked where it is.
    pub looked_up: bool,
    /// The dial under way.
    pub dialling: Option<ConnId>,
    /// Which endpoint is next.
    pub next_endpoint: usize,
    /// When to try again.
    pub redial: Redial,
}

impl Person {
    fn new(name: Name, limits: &Limits) -> Self {
        Self {
            name,
            pinned: None,
            changed: None,
            blocked: false,
            dialect: Dialect::Papo,
            status: Status::Offline,
            status_text: StatusText::default(),
            endpoints: Vec::new(),
            last_seen: Wall::default(),
            online: false,
            wanted: false,
            welcomed: false,
            held: false,
            dismissed: false,
            looked_up: false,
            dialling: None,
            next_endpoint: 0,
            redial: Redial::new(limits),
        }
    }

    /// Whatever ended the link on purpose holds no more.
    pub const fn release(&mut self) {
        self.held = false;
        self.dismissed = false;
    }

    /// The key to talk to: pinned, not replaced, not blocked.
    #[must_use]
    pub fn usable_key(&self) -> Option<Key> {
        if self.blocked || self.changed.is_some() { None } else { self.pinned }
    }
}

/// Everyone.
#[derive(Debug)]
pub struct People {
    people: BTreeMap<PersonId, Person>,
    by_key: BTreeMap<Key, BTreeSet<PersonId>>,
    verified: BTreeSet<Key>,
    blocked: BTreeSet<PersonId>,
    /// What pinned labels look like, and whose that is.
    looks: BTreeMap<String, PersonId>,
    labels: usize,
    limits: Limits,
}

impl People {
    /// As they were kept.
    #[must_use]
    pub fn restored(limits: &Limits, pins: &[(Realm, Name, Key)], verified: &[Key], blocked: &[(Realm, Name)]) -> Self {
        let mut people = Self {
            people: BTreeMap::new(),
            by_key: BTreeMap::new(),
            verified: verified.iter().copied().collect(),
            blocked: BTreeSet::new(),
            looks: BTreeMap::new(),
            labels: 0,
            limits: limits.clone(),
        };
        for (realm, name, key) in pins {
            people.pin(&(*realm, name.clone()), *key);
        }
        for (realm, name) in blocked {
            people.set_blocked(&(*realm, name.clone()), true);
        }
        people
    }

    /// Whether someone can be made known: strangers, whom nobody vouches for, take at most half of the room.
    #[must_use]
    pub fn has_room_for(&self, id: &PersonId) -> bool {
        self.people.contains_key(id)
            || ((id.0 != Realm::Lan || self.labels < self.limits.contacts_max / 2)
                && (self.people.len() < self.limits.contacts_max || self.forgettable().is_some()))
    }

    fn forgettable(&self) -> Option<&PersonId> {
        let forgettable =
            |person: &Person| person.pinned.is_none() && !person.blocked && !person.wanted && person.dialling.is_none();
        self.people.iter().find(|(_, person)| forgettable(person)).map(|(id, _)| id)
    }

    /// The person, made known if it was not.
    pub fn entry(&mut self, id: &PersonId) -> &mut Person {
        if !self.people.contains_key(id)
            && self.people.len() >= self.limits.contacts_max
            && let Some(oldest) = self.forgettable().cloned()
        {
            self.people.remove(&oldest);
        }
        let limits = &self.limits;
        self.people.entry(id.clone()).or_insert_with(|| Person::new(id.1.clone(), limits))
    }

    /// The person, if known.
    #[must_use]
    pub fn find(&self, id: &PersonId) -> Option<&Person> {
        self.people.get(id)
    }

    /// The person, if known.
    pub fn find_mut(&mut self, id: &PersonId) -> Option<&mut Person> {
        self.people.get_mut(id)
    }

    /// Everyone, in the order of realms and names.
    pub fn iter(&self) -> impl Iterator<Item = (&PersonId, &Person)> {
        self.people.iter()
    }

    /// Everyone whose pinned key that is, accounts before labels.
    pub fn ids_of(&self, key: &Key) -> impl Iterator<Item = &PersonId> {
        self.by_key.get(key).into_iter().flatten()
    }

    /// Someone is not talked to any more, or again.
    pub fn set_blocked(&mut self, id: &PersonId, blocked: bool) {
        self.entry(id).blocked = blocked;
        if blocked {
            self.blocked.insert(id.clone());
        } else {
            self.blocked.remove(id);
        }
    }

    /// Whether this end has ended the link to someone with that key whom it knows by a label.
    #[must_use]
    pub fn is_key_dismissed(&self, key: &Key) -> bool {
        let labels = self.ids_of(key).filter(|id| id.0 == Realm::Lan);
        labels.filter_map(|id| self.people.get(id)).any(|person| person.dismissed)
    }

    /// Whether someone with that key, under whatever name, is blocked.
    #[must_use]
    pub fn is_key_blocked(&self, key: &Key) -> bool {
        let has = |person: &Person| person.pinned == Some(*key) || person.changed == Some(*key);
        self.blocked.iter().filter_map(|id| self.people.get(id)).any(has)
    }

    /// The key counts for that person from now on.
    pub fn pin(&mut self, id: &PersonId, key: Key) {
        let person = self.entry(id);
        let old = person.pinned.replace(key);
        person.changed = None;
        if id.0 == Realm::Lan && old.is_none() {
            self.labels += 1;
            self.looks.entry(id.1.skeleton()).or_insert_with(|| id.clone());
        }
        if let Some(old) = old
            && let Some(ids) = self.by_key.get_mut(&old)
        {
            ids.remove(id);
            if ids.is_empty() {
                self.by_key.remove(&old);
            }
        }
        self.by_key.entry(key).or_default().insert(id.clone());
    }

    /// What a key that is shown for a person means. A changed one is remembered.
    pub fn show_key(&mut self, id: &PersonId, key: Key) -> Shown {
        let person = self.entry(id);
        match person.pinned {
            None => Shown::First,
            Some(pinned) if pinned == key => {
                person.changed = None;
                Shown::Same
            }
            Some(old) => {
                if person.changed.replace(key) == Some(key) {
                    Shown::ChangedBefore
                } else {
                    Shown::Changed { old }
                }
            }
        }
    }

    /// Takes in what a tracker tells of someone, the key aside.
    pub fn handle_contact(&mut self, id: &PersonId, contact: &Contact) {
        let person = self.entry(id);
        person.name = contact.name.clone();
        person.dialect = contact.dialect;
        person.status = contact.status;
        person.status_text = contact.status_text.clone();
        person.last_seen = contact.last_seen;
        person.online = contact.status != Status::Offline;
        if !contact.endpoints.is_empty() && *person.endpoints != *contact.endpoints {
            person.endpoints = contact.endpoints.to_vec();
            person.next_endpoint = 0;
        }
    }

    /// Whether the digits of that key were compared.
    #[must_use]
    pub fn is_verified(&self, key: &Key) -> bool {
        self.verified.contains(key)
    }

    /// The person compared the digits of that key.
    pub fn set_verified(&mut self, key: Key) {
        self.verified.insert(key);
    }

    /// A label for someone without an account. `plain`: it is shown by its name alone, unless that looks like another's
    /// or like a label that has its key; else with its key behind it.
    #[must_use]
    pub fn label(&self, claimed: &Name, key: &Key, plain: bool) -> PersonId {
        let mut known = self.ids_of(key).filter(|id| id.0 == Realm::Lan);
        if let Some(id) = known.find(|id| plain || id.1.looks_like_label()) {
            return id.clone();
        }
        let free = |id: &PersonId| self.people.get(id).is_none_or(|person| person.pinned.is_none_or(|of| of == *key));
        let own = (Realm::Lan, claimed.clone());
        let distinct = self.looks.get(&claimed.skeleton()).is_none_or(|other| *other == own);
        if plain && distinct && free(&own) && !claimed.looks_like_label() {
            return own;
        }
        let suffix = format!("~{}", key.short());
        let start = claimed.as_str().chars().take(NAME_CHARS_MAX - suffix.len()).collect::<String>();
        let suffixed = Name::new(&format!("{start}{suffix}")).map(|name| (Realm::Lan, name));
        // Somebody may have made a key that begins as another one does.
        suffixed.ok().filter(free).unwrap_or_else(|| {
            let digits = key.to_string().chars().take(NAME_CHARS_MAX).collect::<String>();
            (Realm::Lan, Name::new(&digits).unwrap_or_else(|_| claimed.clone()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Key = Key([1; 32]);
    const TWO: Key = Key([2; 32]);

    fn ana() -> PersonId {
        (Realm::Lan, Name::new("ana").expect("valid"))
    }

    fn nobody() -> People {
        People::restored(&Limits { contacts_max: 2, ..Limits::DEFAULT }, &[], &[], &[])
    }

    #[test]
    fn a_pinned_key_is_never_replaced_by_a_shown_one() {
        let mut people = nobody();
        assert_eq!(people.show_key(&ana(), ONE), Shown::First);
        people.pin(&ana(), ONE);
        assert_eq!(people.show_key(&ana(), ONE), Shown::Same);
        assert_eq!(people.show_key(&ana(), TWO), Shown::Changed { old: ONE });
        assert_eq!(people.show_key(&ana(), TWO), Shown::ChangedBefore);
        let person = people.find(&ana()).expect("known");
        assert_eq!((person.pinned, person.usable_key()), (Some(ONE), None));
        people.pin(&ana(), TWO);
        assert_eq!(people.find(&ana()).and_then(Person::usable_key), Some(TWO));
        assert_eq!((people.ids_of(&ONE).next(), people.ids_of(&TWO).next()), (None, Some(&ana())));
    }

    #[test]
    fn a_second_of_one_name_is_labelled_with_its_key_and_so_is_who_looks_like_one_or_like_a_label() {
        let mut people = nobody();
        let name = ana().1;
        let label = |people: &People, text: &str, key: &Key| {
            people.label(&Name::new(text).expect("valid"), key, true).1.as_str().to_owned()
        };
        assert_eq!(label(&people, "ana", &ONE), "ana");
        assert_eq!(people.label(&name, &ONE, false).1.as_str(), "ana~01010101");
        people.pin(&ana(), ONE);
        assert_eq!(label(&people, "ana", &ONE), "ana");
        assert_eq!(label(&people, "ana", &TWO), "ana~02020202");
        assert_eq!(label(&people, "аnа", &TWO), "аnа~02020202");
        assert_eq!(label(&people, "bia~01010101", &TWO), "bia~01010101~02020202");
        assert_eq!(people.label(&name, &ONE, false).1.as_str(), "ana~01010101", "the plain one is not distinct enough");
        let mut alike = TWO;
        alike.0[31] = 9;
        people.pin(&people.label(&name, &alike, true), alike);
        assert_eq!(label(&people, "ana", &TWO), "02020202020202020202020202020202");
        let long = Name::new(&"é".repeat(32)).expect("valid");
        people.pin(&(Realm::Lan, long.clone()), ONE);
        assert_eq!(people.label(&long, &TWO, true).1.as_str().chars().count(), 32);
    }

    #[test]
    fn a_key_is_blocked_under_every_name() {
        let mut people = nobody();
        let account = (Realm::Tracker(Key([9; 32])), ana().1);
        people.pin(&account, ONE);
        people.show_key(&account, TWO);
        assert!(!people.is_key_blocked(&ONE));
        people.set_blocked(&account, true);
        assert!(people.is_key_blocked(&ONE) && people.is_key_blocked(&TWO));
        people.set_blocked(&account, false);
        assert!(!people.is_key_blocked(&ONE));
    }

    #[test]
    fn strangers_take_half_of_the_room_and_past_all_of_it_nobody_new_is_known() {
        let mut people = People::restored(&Limits { contacts_max: 4, ..Limits::DEFAULT }, &[], &[], &[]);
        let id = |realm, number: u8| (realm, Name::new(&format!("x{number}")).expect("valid"));
        let tracker = Realm::Tracker(TWO);
        for number in 0..2 {
            assert!(people.has_room_for(&id(Realm::Lan, number)));
            people.pin(&id(Realm::Lan, number), Key([number; 32]));
        }
        assert!(!people.has_room_for(&id(Realm::Lan, 2)) && people.has_room_for(&id(Realm::Lan, 1)));
        for number in 0..2 {
            assert!(people.has_room_for(&id(tracker, number)));
            people.pin(&id(tracker, number), Key([number; 32]));
        }
        assert!(!people.has_room_for(&id(tracker, 2)) && people.has_room_for(&id(tracker, 1)));
    }

    #[test]
    fn past_the_bound_someone_without_a_pin_is_forgotten_and_pins_are_kept() {
        let mut people = nobody();
        people.pin(&ana(), ONE);
        for name in ["b", "c", "d"] {
            people.entry(&(Realm::Lan, Name::new(name).expect("valid")));
        }
        assert_eq!(people.iter().map(|(id, _)| id.1.as_str()).collect::<Vec<_>>(), ["ana", "d"]);
    }
}
