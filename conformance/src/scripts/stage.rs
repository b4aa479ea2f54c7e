//! A world with what its machines have told and kept, for scripts that wait for something and then go on.

use std::{net::IpAddr, ops, time::Duration};

use papo_proto::{
    limits::Limits,
    peer::{self, Notice},
    rng::Seed,
    tracker,
};

use crate::world::{
    NodeId, World,
    fact::What,
    resident::{Kept, Resident, Told, Wish},
};

/// What is known of one machine.
#[derive(Default)]
struct Seen {
    told: Vec<Told>,
    /// How much of it the script has waited for.
    taken: usize,
    kept: Vec<Kept>,
}

/// A recorded world.
pub(super) struct Stage {
    world: World,
    seen: Vec<Seen>,
}

impl ops::Deref for Stage {
    type Target = World;

    fn deref(&self) -> &World {
        &self.world
    }
}

impl ops::DerefMut for Stage {
    fn deref_mut(&mut self) -> &mut World {
        &mut self.world
    }
}

impl Stage {
    pub(super) fn new(seed: u8) -> Self {
        Self { world: World::new(&Seed([seed; 32]), true), seen: Vec::new() }
    }

    /// Starts a machine.
    pub(super) fn start<M: Resident>(&mut self, ip: IpAddr, start: M::Start) -> NodeId {
        self.seen.push(Seen::default());
        self.world.start::<M>(ip, start, Limits::DEFAULT.out_bytes_max)
    }

    /// A command to a peer.
    pub(super) fn ask(&mut self, node: NodeId, command: peer::Command) {
        self.world.command(node, Wish::Peer(command));
    }

    /// A command to a tracker.
    pub(super) fn ask_tracker(&mut self, node: NodeId, command: tracker::Command) {
        self.world.command(node, Wish::Tracker(command));
    }

    /// A command to any machine.
    pub(super) fn wish(&mut self, node: NodeId, wish: Wish) {
        self.world.command(node, wish);
    }

    /// A machine is killed; what was on its way to its disk is lost.
    pub(super) fn kill(&mut self, node: NodeId) {
        self.world.kill(node, 0);
        self.note();
    }

    /// Lets `wait` pass.
    pub(super) fn run(&mut self, wait: Duration) {
        let until = self.world.now() + wait;
        while self.world.step(until) {
            self.note();
        }
    }

    /// Runs until a machine tells its host what the script waits for, `within` at most.
    ///
    /// # Panics
    /// When it never does: then the script does not do what it says.
    #[track_caller]
    pub(super) fn wait<T>(&mut self, node: NodeId, within: Duration, of: impl Fn(&Told) -> Option<T>) -> T {
        let until = self.world.now() + within;
        loop {
            let seen = &mut self.seen[node];
            while seen.taken < seen.told.len() {
                seen.taken += 1;
                if let Some(found) = of(&seen.told[seen.taken - 1]) {
                    return found;
                }
            }
            assert!(self.world.now() < until, "machine {node} never told what was waited for: {:#?}", seen.told);
            self.world.step(until);
            self.note();
        }
    }

    /// As [`Self::wait`], for a notice of a peer.
    #[track_caller]
    pub(super) fn wait_peer<T>(&mut self, node: NodeId, within: Duration, of: impl Fn(&Notice) -> Option<T>) -> T {
        self.wait(node, within, |told| told.peer().and_then(&of))
    }

    /// What is on a machine's disk, in order.
    pub(super) fn kept(&self, node: NodeId) -> impl Iterator<Item = &Kept> {
        self.seen[node].kept.iter()
    }

    fn note(&mut self) {
        for fact in self.world.take_facts() {
            let seen = &mut self.seen[fact.node];
            match fact.what {
                What::Told(told) => seen.told.push(told),
                What::Durable(_, changes) => seen.kept.extend(changes),
                What::Broke(rule) => panic!("machine {}: {rule}", fact.node),
                _ => {}
            }
        }
    }
}
