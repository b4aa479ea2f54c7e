//! What goes out: bytes, dials, and calls on a network.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
};

use memchr::memmem::Finder;
use papo_proto::{
    identity::Key,
    machine::ConnId,
    peer::{Command, Notice, Request},
    wire::{beacon::Beacon, codec::Wire as _},
};

use super::{Found, Invariant, known::Known};
use crate::{
    sim::{
        cast::{Cast, LAN_PORT, MARK, PersonId, Role},
        hostile, older,
    },
    world::{
        NodeId,
        datagrams::{BROADCAST, is_near},
        fact::{Fact, What},
        resident::{Told, Wish},
    },
};

/// Nothing can be read on a wire.
pub(super) const SECRECY: Invariant =
    ("secrecy", "no name, room, text, status, password or identity key is on a wire in the clear");
/// Nobody is aimed at a third party.
pub(super) const NO_THIRD_PARTY: Invariant = (
    "no third party",
    "whoever dials, dials its tracker, someone who listens, whom its person named, or who called it",
);
/// A peer tells its networks that it is there, and nobody anything else.
pub(super) const CALLS: Invariant =
    ("calls", "a datagram is a beacon for all of a network, with nothing in it that is secret, and answers none");

/// See the [module](self).
pub(super) struct Wires {
    /// What must never be sent, and what to call it.
    secrets: Vec<(Finder<'static>, String)>,
    /// The longest of them.
    longest: usize,
    /// The end of what was sent on each connection, as far as a secret might begin there.
    tails: BTreeMap<(NodeId, ConnId), Vec<u8>>,
    /// Where somebody listens, or did.
    listening: BTreeSet<SocketAddr>,
    named: BTreeSet<(PersonId, SocketAddr)>,
    /// Who called, at the address and the port that may be dialled for that.
    callers: BTreeSet<(NodeId, SocketAddr)>,
    hostile: bool,
    /// Connections in plain text, on which names and texts may be read.
    plain: BTreeSet<(NodeId, ConnId)>,
}

impl Wires {
    pub(super) fn new(cast: &Cast) -> Self {
        // Identity keys cross the wire in the second and third message of a handshake, encrypted.
        let people = cast.people.iter().map(|person| (person.identity.key(), person.name.to_string()));
        let trackers = cast.trackers.iter().map(|tracker| (tracker.identity.key(), tracker.host_name.clone()));
        let keys = people.chain(trackers);
        let mut secrets = vec![(MARK.as_bytes().to_vec(), "something marked".to_owned())];
        secrets.extend(keys.map(|(key, name)| (key.0.to_vec(), format!("the key of {name}"))));
        // All but the mark of a password is random.
        secrets.extend(
            cast.people
                .iter()
                .map(|person| (person.password.0[MARK.len()..].to_vec(), format!("the password of {}", person.name))),
        );
        Self {
            longest: secrets.iter().map(|(secret, _)| secret.len()).max().unwrap_or_default(),
            secrets: secrets.iter().map(|(secret, what)| (Finder::new(secret).into_owned(), what.clone())).collect(),
            tails: BTreeMap::new(),
            listening: BTreeSet::new(),
            named: BTreeSet::new(),
            callers: BTreeSet::new(),
            hostile: false,
            plain: BTreeSet::new(),
        }
    }

    pub(super) fn on_new_device(&mut self, key: Key) {
        self.secrets.push((Finder::new(&key.0).into_owned(), format!("the key {key:?} of a new device")));
    }

    pub(super) fn note(&mut self, known: &Known, role: Role, fact: &Fact, found: &mut Found) {
        if role == Role::Hostile {
            // It says and dials what it likes.
            self.hostile = true;
            return;
        }
        if matches!(role, Role::Older(_)) {
            return;
        }
        match (role, &fact.what) {
            (_, What::Opened(conn, other)) if older::of_host(other.ip()).is_some() => {
                self.plain.insert((fact.node, *conn));
            }
            (_, What::Sent(conn, bytes)) => self.on_sent(role, fact.node, *conn, bytes, found),
            (_, What::Closed(conn, _) | What::Hung(conn)) => {
                self.tails.remove(&(fact.node, *conn));
                self.plain.remove(&(fact.node, *conn));
            }
            (_, What::Ended) => {
                self.tails.retain(|(node, _), _| *node != fact.node);
                self.callers.retain(|(node, _)| *node != fact.node);
            }
            (_, What::Told(Told::Peer(Notice::Ready { listen, .. }))) => {
                self.listening.insert(*listen);
            }
            (
                Role::Person(person),
                What::Asked(Wish::Peer(Command::Ask { request: Request::Connect { address }, .. })),
            ) => {
                self.named.insert((person, *address));
            }
            (Role::Person(person), What::Dialled(_, address)) => {
                let part = &known.who.cast.people[person];
                let tracker = part.tracker.map(|tracker| known.who.cast.trackers[tracker].address());
                // Whoever is hostile may claim to listen at any port of its own; that is told on.
                let claimed = self.hostile && address.ip() == hostile::HOST;
                let may = tracker == Some(*address)
                    || self.listening.contains(address)
                    || self.named.contains(&(person, *address))
                    || self.callers.contains(&(fact.node, *address))
                    || claimed;
                found.check(may, NO_THIRD_PARTY, || format!("person {person} dials {address}"));
            }
            (Role::Person(_), What::Heard(from, bytes)) => {
                if let Some(beacon) = Beacon::from_bytes(bytes).ok().filter(|_| is_near(from.ip())) {
                    self.callers.insert((fact.node, SocketAddr::new(from.ip(), beacon.port)));
                }
            }
            (_, What::Called(to, bytes, answers)) => {
                let is_for_all = *to == SocketAddr::new(BROADCAST.into(), LAN_PORT);
                let is_secret = self.secrets.iter().any(|(secret, _)| secret.find(bytes).is_some());
                let holds = is_for_all && !answers && !is_secret && Beacon::from_bytes(bytes).is_ok();
                found.check(holds, CALLS, || format!("{role:?} sends {bytes:?} to {to}, as an answer: {answers}"));
            }
            // Whom it lets in without a key it may dial where he came from, whatever he claims.
            (Role::Tracker(tracker), What::Dialled(_, address)) => {
                let may = older::of_host(address.ip()).is_some() && address.port() == older::PORT;
                found.check(may, NO_THIRD_PARTY, || format!("tracker {tracker} dials {address}"));
            }
            _ => {}
        }
    }

    fn on_sent(&mut self, role: Role, node: NodeId, conn: ConnId, bytes: &[u8], found: &mut Found) {
        let tail = self.tails.entry((node, conn)).or_default();
        tail.extend_from_slice(bytes);
        // The mark is the first; keys and passwords are told to nobody, in no dialect.
        let told = usize::from(self.plain.contains(&(node, conn)));
        for (secret, what) in &self.secrets[told..] {
            found.check(secret.find(tail).is_none(), SECRECY, || format!("{role:?} sends {what} in the clear"));
        }
        let over = tail.len().saturating_sub(self.longest - 1);
        tail.drain(..over);
    }
}
