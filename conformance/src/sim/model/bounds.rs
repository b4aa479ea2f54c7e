//! Bounds: what can be seen of them from outside.

use std::collections::{BTreeMap, BTreeSet};

use papo_proto::{
    limits::Limits,
    machine::ConnId,
    peer::{Change, change::Realm},
};

use super::{Found, Invariant, known::Known};
use crate::{
    sim::cast::{PersonId, Role},
    world::{
        NodeId,
        fact::{Fact, What},
    },
};

/// See the [module](self).
pub(super) const BOUNDS: Invariant = (
    "bounds",
    "connections, dials, commits under way, messages that wait, and people who are known stay below their limits",
);

/// What one process has under way.
#[derive(Debug, Default)]
struct Load {
    open: BTreeSet<ConnId>,
    /// Dials that are not decided.
    dialling: BTreeSet<ConnId>,
    /// Commits that are not durable yet.
    committing: usize,
    /// Connections and requests since all was durable.
    busy: usize,
}

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct Bounds {
    loads: BTreeMap<NodeId, Load>,
}

impl Bounds {
    pub(super) fn note(&mut self, known: &Known, role: Role, fact: &Fact, found: &mut Found) {
        let cast = &known.who.cast;
        let (limits, connections_max) = match role {
            Role::Tracker(tracker) => {
                let limits = &cast.trackers[tracker].limits;
                (limits, limits.connections_max)
            }
            Role::Person(person) => {
                let limits = &cast.people[person].limits;
                (limits, connections_max(limits))
            }
            _ => return,
        };
        let load = self.loads.entry(fact.node).or_default();
        match &fact.what {
            What::Dialled(conn, _) => {
                load.dialling.insert(*conn);
                let max = match role {
                    Role::Tracker(_) => limits.plaintext_dials_max,
                    _ => dials_max(limits),
                };
                found.check(load.dialling.len() <= max, BOUNDS, || {
                    format!("{role:?} has {} dials under way, of {max}", load.dialling.len())
                });
            }
            What::Refused(id) => {
                load.dialling.remove(&ConnId(*id));
            }
            What::Opened(conn, _) => {
                load.dialling.remove(conn);
                load.open.insert(*conn);
                load.busy += 1;
                // One more opens before it is turned away.
                found.check(load.open.len() <= connections_max + 1, BOUNDS, || {
                    format!("{role:?} has {} connections of {connections_max}", load.open.len())
                });
            }
            What::Closed(conn, _) | What::Hung(conn) => {
                load.open.remove(conn);
                load.dialling.remove(conn);
            }
            What::Asked(_) => load.busy += 1,
            What::Committing(..) => {
                load.committing += 1;
                let max = commits_max(role, limits, load);
                found.check(load.committing <= max, BOUNDS, || {
                    format!("{role:?} has {} commits under way, of {max}", load.committing)
                });
            }
            What::Durable(..) => {
                load.committing = load.committing.saturating_sub(1);
                if load.committing == 0 {
                    load.busy = load.open.len();
                }
            }
            What::Ended => {
                self.loads.remove(&fact.node);
            }
            _ => {}
        }
    }

    /// A change is on someone's disk.
    pub(super) fn on_kept(&self, known: &Known, person: PersonId, change: &Change, found: &mut Found) {
        let limits = &known.who.cast.people[person].limits;
        let disk = &known.disks[person];
        match change {
            Change::EntrySaid { receivers, .. } | Change::PrivateSaid { receivers, .. } => {
                for receiver in receivers {
                    let count = disk.waiting_for(receiver);
                    found.check(count <= limits.unacknowledged_max, BOUNDS, || {
                        format!(
                            "{count} messages of person {person} wait for {receiver:?}, of {}",
                            limits.unacknowledged_max
                        )
                    });
                }
            }
            Change::Pinned { realm, .. } => {
                let labels = disk.pins.keys().filter(|(realm, _)| *realm == Realm::Lan).count();
                let fits = disk.pins.len() <= limits.contacts_max
                    && (*realm != Realm::Lan || labels <= limits.contacts_max / 2);
                found.check(fits, BOUNDS, || {
                    format!("person {person} knows {} people, {labels} by labels", disk.pins.len())
                });
            }
            Change::RoomEntered { .. } => {
                let max = 2 * limits.rooms_per_user_max;
                found.check(disk.rooms.len() <= max, BOUNDS, || {
                    format!("person {person} is in {} rooms", disk.rooms.len())
                });
            }
            _ => {}
        }
    }
}

/// Links that stand, strangers, dials; those that wait for the disk to be closed, as many again; and one more.
const fn connections_max(limits: &Limits) -> usize {
    2 * (limits.links_max + limits.links_unknown_max + dials_max(limits))
}

/// Of people, by itself and by hand; of neighbours; and of the tracker.
const fn dials_max(limits: &Limits) -> usize {
    2 * limits.dials_max + limits.lan_dials_max + 1
}

/// How many commits may be under way: each holds an output back, and past so many nothing is read any more; what is
/// done and asked meanwhile comes on top.
fn commits_max(role: Role, limits: &Limits, load: &Load) -> usize {
    match role {
        Role::Tracker(_) => (limits.requests_waiting_max + 2) * (load.busy + 1),
        _ => limits.outputs_waiting_max + 2 * load.busy + 256,
    }
}
