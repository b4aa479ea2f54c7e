//! What was said by whom to whom, and what was shown.

use std::collections::{BTreeMap, BTreeSet};

use papo_proto::{
    identity::Key,
    names::Name,
    peer::{
        Change, Note, Notice, Request,
        change::{Incoming, Realm},
        interface::Target,
        outbox::private_id,
    },
    wire::{
        peer::Scope,
        room::{Body, RoomId, SignedEntry},
    },
};

use super::{Found, Invariant, disk::Released, known::Known, order::Order};
use crate::{
    sim::{cast::PersonId, hostile::Learned},
    world::NodeId,
};

/// Nobody is told that a message is kept before it is.
pub(super) const KEPT_BEFORE_ACKNOWLEDGED: Invariant = (
    "kept before acknowledged",
    "a message is on its author's disk before it is said, and on its receiver's before it is shown or acknowledged",
);
/// Nothing is shown twice.
pub(super) const AT_MOST_ONCE: Invariant =
    ("at most once", "a message is said, shown to each and told to be delivered to each at most once");
/// Who a message is from.
pub(super) const TRUE_AUTHOR: Invariant =
    ("true author", "what is shown was said there by the person under whose name and key it is shown");
/// Who gets a message.
pub(super) const RECEIVERS_ONLY: Invariant =
    ("receivers only", "a message goes to all those, and only those, to whom it was said: members, or who is named");

/// Something that somebody of the cast said.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) author: PersonId,
    /// The key of the device on which it was said.
    key: Key,
    /// The room, with its name; none outside of rooms.
    pub(super) room: Option<(RoomId, Name)>,
    pub(super) scope: Option<Scope>,
    seq: u64,
    text: String,
    pub(super) receivers: BTreeSet<Key>,
    /// Accounts with a pinned key whom the author did not block, until it is told that this was said.
    able: Vec<Name>,
    entry: Option<SignedEntry>,
    /// The devices on which it was shown. A new device of the same person may be shown it again.
    pub(super) shown: BTreeSet<Key>,
    delivered: BTreeSet<Name>,
}

/// What was on its disk and what it told, of one process: how often.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Tally {
    /// Receivers had what waited for them.
    pub(super) acknowledged: usize,
    /// And it was told so.
    pub(super) delivered: usize,
    /// Receivers will not get what waited for them.
    pub(super) dropped: usize,
    /// And it was told so, or that nothing more was taken for them.
    pub(super) told_dropped: usize,
}

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct Messages {
    /// What people wanted to say, and whether they were told that it is said.
    asked: BTreeMap<String, (PersonId, Target, bool)>,
    said: BTreeMap<String, Message>,
    texts: BTreeSet<String>,
    /// Entries of nobody in the cast, by id.
    strange: BTreeSet<String>,
    order: Order,
    /// Who is in a room, as a process was last told.
    rosters: BTreeMap<(NodeId, Name), Vec<Name>>,
    /// Those for whom a process takes nothing more, until it says the next thing.
    refused: BTreeMap<NodeId, BTreeSet<Name>>,
    tallies: BTreeMap<NodeId, Tally>,
}

impl Messages {
    pub(super) fn message(&self, id: &str) -> Option<&Message> {
        self.said.get(id)
    }

    pub(super) fn tally(&self, node: NodeId) -> Tally {
        self.tallies.get(&node).copied().unwrap_or_default()
    }

    pub(super) fn on_asked(&mut self, person: PersonId, request: &Request) {
        if let Request::Say { to, text } = request {
            self.asked.entry(text.clone()).or_insert((person, to.clone(), false));
        }
    }

    /// A change is on someone's disk, and `released` waits no longer because of it.
    pub(super) fn on_kept(
        &mut self,
        known: &Known,
        person: PersonId,
        node: NodeId,
        change: &Change,
        released: &[Released],
        found: &mut Found,
    ) {
        match change {
            Change::EntrySaid { entry, receivers } => self.on_entry_said(known, person, entry, receivers, found),
            Change::PrivateSaid { message, receivers } => {
                let me = known.who.keys[person];
                let id = private_id(&me, message.log, message.seq);
                let text = message.text.as_str();
                let scope = Some(message.scope);
                let pinned = |user: &Name| {
                    receivers.len() == 1 && receivers.iter().all(|key| known.disks[person].is_pinned(user, key))
                };
                let fits = match (self.asked.get(text), message.scope) {
                    (Some((by, Target::All, _)), Scope::All) => *by == person,
                    (Some((by, Target::User(user), _)), Scope::Private) => *by == person && pinned(user),
                    _ => false,
                };
                found.check(fits, RECEIVERS_ONLY, || {
                    format!("person {person} says {text:?} to {receivers:?}, who are not whom it was asked to tell")
                });
                self.on_said(known, person, id, None, scope, message.seq, text, receivers, None, found);
            }
            Change::EntrySeen { entry, incoming } => self.on_entry_seen(known, person, entry, incoming, found),
            Change::PrivateSeen { author, incoming, .. } => {
                let strange = known.who.person(author).is_none();
                found.check(strange || self.said.contains_key(&incoming.id), TRUE_AUTHOR, || {
                    format!("person {person} keeps {:?}, which its author never said", incoming.text)
                });
                self.check_name(known, person, author, incoming, found);
            }
            Change::RoomEntered { record } => self.order.on_stay(&known.who.keys[person], record.id()),
            Change::RoomForgotten { room } => self.order.on_stay(&known.who.keys[person], *room),
            Change::Baseline { room, heads } => self.order.on_baseline(&known.who.keys[person], *room, heads),
            Change::ReceiverMoved { to, .. } => {
                for id in known.disks[person].waiting_ids(to) {
                    if let Some(message) = self.said.get_mut(id) {
                        message.receivers.insert(*to);
                    }
                }
            }
            _ => {}
        }
        for Released { id, receiver, acknowledged } in released {
            let tally = self.tallies.entry(node).or_default();
            if !acknowledged {
                tally.dropped += 1;
                continue;
            }
            tally.acknowledged += 1;
            let kept = known.who.person(receiver).is_none_or(|person| known.disks[person].has_heard(id));
            found.check(kept, KEPT_BEFORE_ACKNOWLEDGED, || {
                let text = self.said.get(id).map(|message| &message.text);
                format!("person {person} has an acknowledgement of {text:?} by {receiver:?}, who does not have it")
            });
        }
    }

    pub(super) fn on_told(
        &mut self,
        known: &Known,
        person: PersonId,
        node: NodeId,
        notice: &Notice,
        found: &mut Found,
    ) {
        match notice {
            Notice::Said { id, text, to, .. } => {
                let kept = known.disks[person].said.contains(id);
                found.check(kept, KEPT_BEFORE_ACKNOWLEDGED, || {
                    format!("person {person} is told that it said {text:?} before that is on its disk")
                });
                self.check_receivers(known, person, node, id, to, found);
                if let Some((_, _, told)) = self.asked.get_mut(text) {
                    found
                        .check(!*told, AT_MOST_ONCE, || format!("person {person} is told twice that it said {text:?}"));
                    *told = true;
                }
            }
            Notice::Message(incoming) => self.on_shown(known, person, incoming, found),
            Notice::Delivered { id, to } => self.on_delivered(known, person, node, id, to, found),
            Notice::Room { room, members, .. } => {
                self.rosters.insert((node, room.clone()), members.clone());
            }
            Notice::Note(Note::Dropped { user, count }) => {
                self.tallies.entry(node).or_default().told_dropped += count;
                self.refused.entry(node).or_default().insert(user.clone());
            }
            _ => {}
        }
    }

    fn on_entry_said(
        &mut self,
        known: &Known,
        person: PersonId,
        entry: &SignedEntry,
        receivers: &[Key],
        found: &mut Found,
    ) {
        let Body::Text { text } = &entry.entry.body;
        let (text, room) = (text.as_str(), entry.entry.room);
        let own = entry.entry.author == known.who.keys[person] && entry.verify();
        found.check(own, TRUE_AUTHOR, || format!("what person {person} says is not signed by its key: {text:?}"));
        let name = known.disks[person].rooms.get(&room).cloned();
        let fits = matches!(
            (self.asked.get(text), &name),
            (Some((by, Target::Room(asked), _)), Some(name)) if *by == person && asked == name
        );
        found.check(fits, TRUE_AUTHOR, || format!("person {person} says {text:?} in {name:?} and did not ask for it"));
        for key in receivers.iter().chain([&entry.entry.author]) {
            found.check(known.was_member(&room, key), RECEIVERS_ONLY, || {
                format!("{text:?} is said by or to {key:?}, who was never in {name:?}")
            });
        }
        self.order.on_entry_said(known, person, entry, found);
        let (id, seq) = (entry.entry.id().to_string(), entry.entry.seq);
        let place = name.map(|name| (room, name));
        self.on_said(known, person, id, place, None, seq, text, receivers, Some(entry.clone()), found);
    }

    #[expect(clippy::too_many_arguments, reason = "one message, with all that it is")]
    fn on_said(
        &mut self,
        known: &Known,
        author: PersonId,
        id: String,
        room: Option<(RoomId, Name)>,
        scope: Option<Scope>,
        seq: u64,
        text: &str,
        receivers: &[Key],
        entry: Option<SignedEntry>,
        found: &mut Found,
    ) {
        let new = self.texts.insert(text.to_owned()) && !self.said.contains_key(&id);
        found.check(new, AT_MOST_ONCE, || format!("person {author} says {text:?} twice"));
        let disk = &known.disks[author];
        let accounts = disk.pins.keys().filter(|id| id.0 != Realm::Lan && !disk.blocked.contains(id));
        let able = if room.is_some() { accounts.map(|(_, name)| name.clone()).collect() } else { Vec::new() };
        let message = Message {
            author,
            key: known.who.keys[author],
            room,
            scope,
            seq,
            text: text.to_owned(),
            receivers: receivers.iter().copied().collect(),
            able,
            entry,
            shown: BTreeSet::new(),
            delivered: BTreeSet::new(),
        };
        self.said.insert(id, message);
    }

    fn on_entry_seen(
        &mut self,
        known: &Known,
        person: PersonId,
        entry: &SignedEntry,
        incoming: &Incoming,
        found: &mut Found,
    ) {
        let author = entry.entry.author;
        let id = entry.entry.id().to_string();
        let true_to_it = match self.said.get(&id) {
            Some(message) => message.entry.as_ref() == Some(entry),
            // Verified once; others who get it get the same.
            None if known.who.person(&author).is_none() => !self.strange.insert(id.clone()) || entry.verify(),
            None => false,
        };
        found.check(true_to_it && id == incoming.id, TRUE_AUTHOR, || {
            format!("person {person} keeps {:?}, which {author:?} did not say so", incoming.text)
        });
        found.check(known.was_member(&entry.entry.room, &author), TRUE_AUTHOR, || {
            format!("person {person} keeps {:?} of {author:?}, who was never in that room", incoming.text)
        });
        self.check_name(known, person, &author, incoming, found);
        self.order.on_entry_seen(known, person, entry);
    }

    /// The name under which something is shown means the key that said it.
    fn check_name(&self, known: &Known, person: PersonId, author: &Key, incoming: &Incoming, found: &mut Found) {
        let Incoming { from, text, .. } = incoming;
        found.check(known.disks[person].is_pinned(from, author), TRUE_AUTHOR, || {
            format!("person {person} keeps {text:?} from {from:?}, for whom another key than {author:?} is pinned")
        });
    }

    fn on_shown(&mut self, known: &Known, person: PersonId, incoming: &Incoming, found: &mut Found) {
        let Incoming { id, from, text, .. } = incoming;
        found.check(known.disks[person].heard.contains(id), KEPT_BEFORE_ACKNOWLEDGED, || {
            format!("person {person} is shown {text:?} before it is on its disk")
        });
        // What somebody hostile says may come as often as it likes, and means nothing.
        let Some(message) = self.said.get_mut(id) else { return };
        let author = message.author;
        let same = message.text == *text
            && message.room.as_ref().map(|(_, name)| name) == incoming.room.as_ref()
            && message.scope == incoming.scope
            && author != person;
        found.check(same && known.stands_for(from, author, &message.key), TRUE_AUTHOR, || {
            format!(
                "person {person} is shown {text:?} from {from:?} in {:?}; person {author} said {:?} in {:?}",
                incoming.room, message.text, message.room
            )
        });
        let key = &known.who.keys[person];
        let meant = message.receivers.contains(key)
            && message.room.as_ref().is_none_or(|(room, _)| known.was_member(room, key));
        found.check(meant, RECEIVERS_ONLY, || format!("person {person} is shown {text:?}, which was not said to it"));
        let new = message.shown.insert(*key);
        found.check(new, AT_MOST_ONCE, || format!("person {person} is shown {text:?} twice"));
        match &message.room {
            Some((room, _)) => self.order.on_entry_shown(key, *room, incoming, found),
            None => self.order.on_private_shown(key, &message.key, message.seq, found),
        }
    }

    /// Somebody hostile has what somebody of the cast said.
    pub(super) fn on_learned(&mut self, known: &Known, learned: &Learned, found: &mut Found) {
        let Learned { id, to, by, room, text } = learned;
        let Some(message) = self.said.get(id) else {
            return found.check(false, KEPT_BEFORE_ACKNOWLEDGED, || {
                format!("somebody hostile has {text:?} by {by:?}, which is on no disk")
            });
        };
        let said_so =
            message.text == *text && message.room.as_ref().map(|(room, _)| room) == room.as_ref() && message.key == *by;
        found.check(said_so, TRUE_AUTHOR, || format!("somebody hostile has {text:?} by {by:?} in {room:?}"));
        let meant = message.receivers.contains(to) && room.is_none_or(|room| known.was_member(&room, to));
        found.check(meant, RECEIVERS_ONLY, || {
            format!("somebody hostile, as {to:?}, has {text:?}, which was not said to it")
        });
    }

    fn on_delivered(&mut self, known: &Known, person: PersonId, node: NodeId, id: &str, to: &Name, found: &mut Found) {
        self.tallies.entry(node).or_default().delivered += 1;
        let keys = known.disks[person].pinned_ever.get(to);
        // Somebody hostile may acknowledge what it does not keep.
        let kept = keys
            .into_iter()
            .flatten()
            .any(|key| known.who.person(key).is_none_or(|receiver| known.disks[receiver].has_heard(id)));
        found.check(kept, KEPT_BEFORE_ACKNOWLEDGED, || {
            format!("person {person} is told that {id} is delivered to {to:?}, who does not have it")
        });
        let Some(message) = self.said.get_mut(id).filter(|message| message.author == person) else {
            return found.check(false, TRUE_AUTHOR, || {
                format!("person {person} is told that {id} is delivered, which it did not say")
            });
        };
        let new = message.delivered.insert(to.clone());
        found.check(new, AT_MOST_ONCE, || format!("person {person} is told twice that {id} is delivered to {to:?}"));
    }

    /// Everyone who is in the room by what its author was told gets it, unless the author was told otherwise.
    fn check_receivers(
        &mut self,
        known: &Known,
        person: PersonId,
        node: NodeId,
        id: &str,
        to: &Target,
        found: &mut Found,
    ) {
        let refused = self.refused.remove(&node).unwrap_or_default();
        let Some(message) = self.said.get_mut(id) else { return };
        let able = std::mem::take(&mut message.able);
        let Target::Room(room) = to else { return };
        let members = self.rosters.get(&(node, room.clone()));
        for member in members.into_iter().flatten().filter(|member| able.contains(member) && !refused.contains(*member))
        {
            let keys = known.disks[person].pinned_ever.get(member);
            let gets = keys.into_iter().flatten().any(|key| message.receivers.contains(key));
            found.check(gets, RECEIVERS_ONLY, || {
                format!("person {person} says {:?} in {room:?}, and it does not go to {member:?}", message.text)
            });
        }
    }
}
