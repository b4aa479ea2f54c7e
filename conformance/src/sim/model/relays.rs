//! What a relay may tell whom.
//!
//! A stream has no texts in it, and a network cuts and glues as it likes. So over TCP what a relay writes is compared
//! with the stream of what its author said over one connection: each connection hears one stretch of it, in pieces.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    time::Duration,
};

use papo_proto::{machine::ConnId, relay::udp::PING, time::Time};

use super::{Found, Invariant};
use crate::{
    sim::{
        cast::Role,
        relayed::{LEAVE, Notice},
    },
    world::{
        NodeId,
        fact::{Fact, What},
        resident::Told,
    },
};

/// Never back.
pub(super) const NEVER_BACK: Invariant = ("never back", "a relay tells nobody what he said himself");
/// What is told was said.
pub(super) const AS_SAID: Invariant =
    ("relayed as said", "what a relay tells is ('IP', PORT) disse: and what the client with that address said");
/// Once, in order.
pub(super) const RELAYED_IN_ORDER: Invariant = (
    "relayed once and in order",
    "over TCP a connection hears what another said once, in the order in which it was said, and nothing left out",
);
/// Between joining and the end.
pub(super) const WHO_IS_THERE: Invariant = (
    "relayed to those who are there",
    "over TCP nobody is told anything before he joined or after he left, nor by a relay that has ended",
);
/// No amplifier.
pub(super) const NO_AMPLIFIER: Invariant =
    ("no amplifier", "an address that has not joined the relay for UDP is sent no more bytes than came from it");
/// Everyone hears it.
pub(super) const REACHES_ALL: Invariant = (
    "relayed to everyone",
    "when nothing breaks any more, what is said over TCP reaches every client that is connected in 20 s",
);

/// After the last fault, connections that died unnoticed are found out by what is said over them.
const RECOVERY_MAX: Duration = Duration::from_secs(30);
/// From saying to hearing.
const ARRIVAL_MAX: Duration = Duration::from_secs(20);

/// What was said at one address.
#[derive(Debug, Default)]
struct Author {
    /// Everything, with the word to leave.
    stream: String,
    /// Each text, and when.
    texts: BTreeMap<String, Time>,
}

/// A client's connection, as its relay has it.
#[derive(Debug)]
struct Line {
    remote: SocketAddr,
    since: Time,
    /// How much of each stream was told when it joined.
    floors: BTreeMap<SocketAddr, usize>,
    /// Where in each stream it may be, from what it was told.
    places: BTreeMap<SocketAddr, Vec<usize>>,
}

/// A client's connection, as it has it itself.
#[derive(Debug)]
struct Hearer {
    node: NodeId,
    heard: Vec<u8>,
    is_over: bool,
}

/// An address, as a relay for UDP knows it.
#[derive(Debug, Default)]
struct Address {
    joined: bool,
    got: usize,
    sent: usize,
}

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct Relays {
    peace: Time,
    now: Time,
    ended: BTreeSet<NodeId>,
    authors: BTreeMap<SocketAddr, Author>,
    hearers: BTreeMap<SocketAddr, Hearer>,
    lines: BTreeMap<(NodeId, ConnId), Line>,
    /// How much of each stream each relay has told anybody, at least.
    told: BTreeMap<(NodeId, SocketAddr), usize>,
    addresses: BTreeMap<(NodeId, SocketAddr), Address>,
}

impl Relays {
    /// Nothing breaks for them from then on.
    pub(super) fn expect(&mut self, peace: Time) {
        self.peace = peace;
    }

    pub(super) fn note(&mut self, role: Role, fact: &Fact, found: &mut Found) {
        self.now = fact.at;
        match (role, &fact.what) {
            (Role::TcpRelay, What::Opened(conn, remote)) => self.on_opened((fact.node, *conn), *remote),
            (Role::TcpRelay, What::Closed(conn, _) | What::Hung(conn)) => {
                self.lines.remove(&(fact.node, *conn));
            }
            (Role::TcpRelay, What::Sent(conn, bytes)) => self.on_written((fact.node, *conn), bytes, found),
            (Role::TcpRelay | Role::UdpRelay, What::Ended) => {
                self.ended.insert(fact.node);
                self.lines.retain(|(node, _), _| *node != fact.node);
            }
            (Role::UdpRelay, What::Heard(from, bytes)) => self.on_came((fact.node, *from), bytes),
            (Role::UdpRelay, What::Called(to, bytes, _)) => self.on_sent(fact.node, *to, bytes, found),
            (Role::Talker(_), What::Told(Told::Talker(notice))) => self.on_told(fact, notice),
            (Role::Talker(_), What::Ended) => {
                let of_node = self.hearers.values_mut().filter(|hearer| hearer.node == fact.node);
                of_node.for_each(|hearer| hearer.is_over = true);
            }
            _ => {}
        }
    }

    fn on_told(&mut self, fact: &Fact, notice: &Notice) {
        match notice {
            Notice::Joined(local) => {
                self.hearers.insert(*local, Hearer { node: fact.node, heard: Vec::new(), is_over: false });
            }
            Notice::Says(local, text) => {
                let author = self.authors.entry(*local).or_default();
                author.stream.push_str(text);
                author.texts.insert(text.clone(), fact.at);
            }
            Notice::Leaves(local) => self.authors.entry(*local).or_default().stream.push_str(LEAVE),
            Notice::Hears(local, bytes) => {
                if let Some(hearer) = self.hearers.get_mut(local) {
                    hearer.heard.extend_from_slice(bytes);
                }
            }
            Notice::Over(local) => {
                if let Some(hearer) = self.hearers.get_mut(local) {
                    hearer.is_over = true;
                }
            }
            Notice::Refused => {}
        }
    }

    // Over TCP.

    fn on_opened(&mut self, place: (NodeId, ConnId), remote: SocketAddr) {
        let told = self.told.iter().filter(|((node, _), _)| *node == place.0);
        let floors = told.map(|((_, author), told)| (*author, *told)).collect();
        self.lines.insert(place, Line { remote, since: self.now, floors, places: BTreeMap::new() });
    }

    fn on_written(&mut self, place: (NodeId, ConnId), bytes: &[u8], found: &mut Found) {
        let is_there = !self.ended.contains(&place.0) && self.lines.contains_key(&place);
        found.check(is_there, WHO_IS_THERE, || format!("a relay writes to {:?}, which is not there", place.1));
        let Some(line) = self.lines.get_mut(&place) else { return };
        let to = line.remote;
        let Some((from, piece)) = said_by(bytes) else {
            return found.check(false, AS_SAID, || format!("{to} is told {:?}", String::from_utf8_lossy(bytes)));
        };
        found.check(from != to, NEVER_BACK, || format!("{to} is told {piece:?}, which it said"));
        let stream = self.authors.get(&from).map_or("", |author| author.stream.as_str());
        found.check(stream.contains(piece), AS_SAID, || format!("{to} is told that {from} said {piece:?}"));
        let places = match line.places.get(&from) {
            Some(places) => places.clone(),
            None => {
                let floor = line.floors.get(&from).copied().unwrap_or(0);
                let starts = stream.char_indices().map(|(at, _)| at).filter(|at| *at >= floor);
                let starts = starts.filter(|at| stream[*at..].starts_with(piece)).collect::<Vec<_>>();
                found.check(!starts.is_empty() || !stream.contains(piece), WHO_IS_THERE, || {
                    format!("{to} is told {piece:?}, which {from} said before it joined")
                });
                starts
            }
        };
        let nowhere = places.is_empty();
        let places = places.into_iter().filter(|at| stream[*at..].starts_with(piece));
        let places = places.map(|at| at + piece.len()).collect::<Vec<_>>();
        found.check(nowhere || !places.is_empty() || !stream.contains(piece), RELAYED_IN_ORDER, || {
            format!("{to} is told {piece:?} by {from}, which is not what follows")
        });
        if let Some(least) = places.iter().min() {
            let told = self.told.entry((place.0, from)).or_default();
            *told = (*told).max(*least);
        }
        line.places.insert(from, places);
    }

    // Over UDP.

    fn on_came(&mut self, place: (NodeId, SocketAddr), bytes: &[u8]) {
        let address = self.addresses.entry(place).or_default();
        address.got += bytes.len();
        if bytes == LEAVE.as_bytes() {
            *address = Address::default();
        } else if bytes != PING && !bytes.is_empty() && std::str::from_utf8(bytes).is_ok() {
            address.joined = true;
        }
    }

    fn on_sent(&mut self, node: NodeId, to: SocketAddr, bytes: &[u8], found: &mut Found) {
        let address = self.addresses.entry((node, to)).or_default();
        address.sent += bytes.len();
        found.check(address.joined || address.sent <= address.got, NO_AMPLIFIER, || {
            format!("{to} is sent {} bytes for {}", address.sent, address.got)
        });
        if bytes == PING {
            return;
        }
        let said = said_by(bytes);
        let is_so = said
            .is_some_and(|(from, text)| self.authors.get(&from).is_some_and(|author| author.texts.contains_key(text)));
        found.check(is_so, AS_SAID, || format!("{to} is sent {:?}", String::from_utf8_lossy(bytes)));
        found.check(said.is_none_or(|(from, _)| from != to), NEVER_BACK, || format!("{to} is sent what it said"));
    }

    // At rest.

    /// Everyone who was connected when something was said, and still is, has heard it.
    pub(super) fn check_rest(&self, found: &mut Found) {
        let from = self.peace + RECOVERY_MAX;
        let since = |local: &SocketAddr| {
            let line = self.lines.values().find(|line| line.remote == *local)?;
            self.hearers.get(local).filter(|hearer| !hearer.is_over).map(|hearer| (line.since, hearer))
        };
        for (local, author) in &self.authors {
            let Some((author_since, _)) = since(local) else { continue };
            for (other, _) in self.hearers.iter().filter(|(other, _)| *other != local) {
                let Some((other_since, hearer)) = since(other) else { continue };
                let heard = stretches(&hearer.heard);
                let heard = heard.get(local).map_or("", String::as_str);
                for (text, at) in &author.texts {
                    let is_due = *at >= from && *at + ARRIVAL_MAX <= self.now;
                    let both_were_there = author_since.max(other_since) < *at;
                    found.check(!is_due || !both_were_there || heard.contains(text), REACHES_ALL, || {
                        format!("{other} has not heard {text:?}, which {local} said at {at:?}")
                    });
                }
            }
        }
    }
}

/// Who said what, by the exact shape of it.
fn said_by(bytes: &[u8]) -> Option<(SocketAddr, &str)> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (ip, rest) = text.strip_prefix("('")?.split_once("', ")?;
    let (port, said) = rest.split_once(") disse: ")?;
    let from = SocketAddr::new(ip.parse().ok()?, port.parse().ok()?);
    let is_exact = text.starts_with(&format!("('{}', {}) disse: ", from.ip(), from.port()));
    (is_exact && !said.is_empty()).then_some((from, said))
}

/// What somebody heard of everyone, without what stands before each piece.
fn stretches(heard: &[u8]) -> BTreeMap<SocketAddr, String> {
    let mut stretches = BTreeMap::<SocketAddr, String>::new();
    for piece in String::from_utf8_lossy(heard).split("('").skip(1) {
        if let Some((from, said)) = said_by(format!("('{piece}").as_bytes()) {
            stretches.entry(from).or_default().push_str(said);
        }
    }
    stretches
}

#[cfg(test)]
#[path = "relays_tests.rs"]
mod tests;
