//! What a client of the older system may be sent: it reads once, and takes what it has read for one object.
//!
//! A network may cut and glue as it likes; what is promised is how things are written.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    time::Duration,
};

use papo_proto::{machine::ConnId, names::Name, time::Time};
use serde_json::Value;

use super::{Found, Invariant, directory::Directory, known::Known};
use crate::{
    sim::{
        cast::{Role, TrackerId},
        older,
    },
    world::{
        NodeId,
        fact::{Fact, What},
        resident::Told,
    },
};

/// An object a write, short and apart.
pub(super) const ONE_OBJECT_A_READ: Invariant = (
    "one object a read",
    "each write to an older client is one whole object of 4096 bytes at most, 50 ms from every other one that it has not \
     read, and a push from every other one",
);
/// Nothing unasked.
pub(super) const ONLY_WHAT_IS_ASKED: Invariant = (
    "only what is asked",
    "an older client is sent as many answers as it asked for, and nothing besides but ROOM_UPDATE; its listener, PING",
);
/// What it is shown is so, or was.
pub(super) const AS_KEPT: Invariant = (
    "older clients see what is kept",
    "people in the lists of older clients have accounts, rooms are plaintext rooms, and whoever is shown in one is or was in it",
);
/// Answers come.
pub(super) const ANSWERED: Invariant =
    ("older clients are answered", "when nothing breaks any more, an older client has its answer in five seconds");

/// As much as such a client reads at once.
const READ_BYTES: usize = 4_096;
/// Two objects that stand nearer may be read at once.
const APART: Duration = Duration::from_millis(50);
/// After the last fault, sessions that died unnoticed are found out.
const RECOVERY_MAX: Duration = Duration::from_secs(45);

/// A tracker's connection to one of their hosts.
#[derive(Debug)]
struct Line {
    other: SocketAddr,
    /// The tracker dialled.
    dialled: bool,
    written: u64,
    answers: u64,
    last: Option<(Time, bool)>,
}

/// What a client told of a connection.
#[derive(Debug, Default)]
struct Client {
    asked: u64,
    read: u64,
    /// It asked for two things at once, the last time.
    glued: bool,
}

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct OlderClients {
    peace: Option<Time>,
    dialling: BTreeSet<(NodeId, ConnId)>,
    lines: BTreeMap<(NodeId, ConnId), Line>,
    /// By the client's end of each connection.
    clients: BTreeMap<SocketAddr, Client>,
}

impl OlderClients {
    /// There are some; nothing breaks for them from then on.
    pub(super) fn expect(&mut self, peace: Time) {
        self.peace = Some(peace);
    }

    pub(super) fn note(&mut self, known: &Known, role: Role, fact: &Fact, found: &mut Found) {
        let Some(peace) = self.peace else { return };
        match (role, &fact.what) {
            (Role::Tracker(_), What::Dialled(conn, _)) => {
                self.dialling.insert((fact.node, *conn));
            }
            (Role::Tracker(_), What::Opened(conn, other)) => {
                let place = (fact.node, *conn);
                let dialled = self.dialling.remove(&place);
                if older::of_host(other.ip()).is_some() {
                    self.lines.insert(place, Line { other: *other, dialled, written: 0, answers: 0, last: None });
                }
            }
            (Role::Tracker(tracker), What::Sent(conn, bytes)) => {
                self.on_written(known, tracker, (fact.node, *conn), fact.at, bytes, found);
            }
            (Role::Tracker(_), What::Closed(conn, _) | What::Hung(conn)) => {
                self.lines.remove(&(fact.node, *conn));
            }
            (Role::Tracker(_), What::Refused(id)) => {
                self.dialling.remove(&(fact.node, ConnId(*id)));
            }
            (Role::Tracker(_), What::Ended) => {
                self.lines.retain(|(node, _), _| *node != fact.node);
                self.dialling.retain(|(node, _)| *node != fact.node);
            }
            (Role::Older(client), What::Told(Told::Older(notice))) => match notice {
                older::Notice::Asked { local, asked, glued } => {
                    let client = self.clients.entry(*local).or_default();
                    (client.asked, client.glued) = (*asked, *glued);
                }
                older::Notice::Read { local, read } => self.clients.entry(*local).or_default().read = *read,
                older::Notice::Unanswered => {
                    found.check(fact.at < peace + RECOVERY_MAX, ANSWERED, || {
                        format!("older client {client} waits for an answer")
                    });
                }
                older::Notice::Pinged { .. } => {}
            },
            _ => {}
        }
    }

    fn on_written(
        &mut self,
        known: &Known,
        tracker: TrackerId,
        place: (NodeId, ConnId),
        at: Time,
        bytes: &[u8],
        found: &mut Found,
    ) {
        let Some(line) = self.lines.get_mut(&place) else { return };
        let text = || String::from_utf8_lossy(bytes).into_owned();
        let object = serde_json::from_slice::<Value>(bytes).ok().filter(Value::is_object);
        found.check(object.is_some() && bytes.len() <= READ_BYTES, ONE_OBJECT_A_READ, || {
            format!("{} bytes are written to older client {} at once: {}", bytes.len(), line.other, text())
        });
        let Some(object) = object else { return };
        if line.dialled {
            let is_ping = object == serde_json::json!({ "cmd": "PING" }) && line.written == 0;
            found.check(is_ping, ONLY_WHAT_IS_ASKED, || format!("a listener is told {}", text()));
            line.written += 1;
            return;
        }
        let push = object["status"] == "ROOM_UPDATE";
        let nothing = Client::default();
        let client = self.clients.get(&line.other).unwrap_or(&nothing);
        if let Some((last, last_push)) = line.last {
            // What was asked in one write may come in pieces; only what came together is known to belong together.
            let was_read = client.read >= line.written || (client.glued && at > last);
            let apart = at.since(last) >= APART;
            found.check(apart || (was_read && !push && !last_push), ONE_OBJECT_A_READ, || {
                format!("older client {} is sent {} {:?} after another", line.other, text(), at.since(last))
            });
        }
        (line.written, line.last) = (line.written + 1, Some((at, push)));
        line.answers += u64::from(!push);
        let known_status = push || object["status"] == "OK" || object["status"] == "ERROR";
        let asked = line.answers <= client.asked;
        found.check(known_status && asked, ONLY_WHAT_IS_ASKED, || {
            format!("older client {} is sent {} as answer {}", line.other, text(), line.answers)
        });
        let is_so = is_kept(&known.directories[tracker], &object);
        found.check(is_so, AS_KEPT, || format!("older client {} is told {}", line.other, text()));
    }
}

/// Whether what stands in an object is on the tracker's disk, or was.
fn is_kept(directory: &Directory, object: &Value) -> bool {
    let name = |text: &str| Name::new(text).ok();
    let peers = object["peers"].as_object();
    let peers_are = peers
        .is_none_or(|peers| peers.keys().all(|user| name(user).is_some_and(|user| directory.account(&user).is_some())));
    let is_room = |room: &Value| {
        let Some(called) = room["name"].as_str().and_then(name) else { return false };
        let shown = ["peer_owner", "peer_one", "peer_two"].iter().filter_map(|place| room[*place]["username"].as_str());
        let shown = shown.map(name).collect::<Vec<_>>();
        let mut pasts = directory.pasts().filter(|(_, past)| past.plaintext && past.name == called);
        pasts.any(|(_, past)| shown.iter().all(|user| user.as_ref().is_some_and(|user| past.was_member(user))))
    };
    let rooms = object["rooms"].as_object().into_iter().flat_map(|rooms| rooms.values());
    let one = object.get("room").filter(|room| !room.is_null());
    peers_are && rooms.chain(one).all(is_room)
}

#[cfg(test)]
#[path = "older_tests.rs"]
mod tests;
