//! Three peers and a tracker in bad weather: random requests, cuts, kills and stalls, and what has to hold through all
//! of it and after it. Each run follows from its number; a failure names it.

mod world;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use papo_proto::{
    peer::{Command, Note, Notice, Request, interface::Target},
    rng::{Seed, Stream},
};
use world::{NodeId, World, name, weather::Weather};

const RUNS: u64 = 200;
/// The number of a run that is to be looked at alone.
const ONLY: Option<u64> = None;
const STEPS: usize = 40;
const NAMES: [&str; 3] = ["ana", "bia", "carl"];
const ROOMS: [&str; 2] = ["sala", "copa"];

/// What may happen in a run: not everything happens in each, so that each thing is also seen without the others.
struct Kinds {
    leaving: bool,
    blocking: bool,
    disconnecting: bool,
    killing: bool,
    tracker: bool,
    stalling: bool,
    cutting: bool,
}

struct Storm {
    world: World,
    rng: Stream,
    kinds: Kinds,
    tracker: NodeId,
    peers: [NodeId; 3],
    up: [bool; 3],
    /// Requests that need no answer any more: whom they were asked was killed.
    excused: BTreeSet<(NodeId, u64)>,
    asked: Vec<(NodeId, u64, String)>,
    said: u64,
}

impl Storm {
    fn new(run: u64) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&run.to_be_bytes());
        let seed = Seed(bytes);
        let mut rng = seed.stream("storm", 0);
        let mut coin = || rng.next_u64().is_multiple_of(2);
        let kinds = Kinds {
            leaving: coin(),
            blocking: coin(),
            disconnecting: coin(),
            killing: coin(),
            tracker: coin(),
            stalling: coin(),
            cutting: coin(),
        };
        let mut world = World::default();
        let tracker = world.tracker(100);
        // Which key is the smaller decides much.
        let first = 1 + (rng.next_u64() % 90) as u8;
        let peers = [0, 1, 2].map(|index| world.member(first + index, NAMES[usize::from(index)], tracker));
        world.weather = Some(Weather::new(&seed, Duration::from_millis([1, 50, 1_000][(run % 3) as usize])));
        let mut storm = Self {
            world,
            rng,
            kinds,
            tracker,
            peers,
            up: [true; 3],
            excused: BTreeSet::new(),
            asked: Vec::new(),
            said: 0,
        };
        for room in ROOMS {
            storm.ask(0, Request::Create { room: name(room), capacity: None });
            storm.pass(3_000);
            storm.ask(1, Request::Join { room: name(room) });
        }
        storm.ask(2, Request::Join { room: name(ROOMS[0]) });
        storm.pass(3_000);
        storm
    }

    fn pick(&mut self, below: usize) -> usize {
        (self.rng.next_u64() % below as u64) as usize
    }

    fn pass(&mut self, ms_max: u64) {
        let ms = self.rng.next_u64() % ms_max;
        self.world.pass(Duration::from_millis(ms));
    }

    fn ask(&mut self, peer: usize, request: Request) {
        let shown = format!("{request:?}");
        let token = self.world.ask(self.peers[peer], request);
        self.asked.push((self.peers[peer], token, shown));
    }

    fn say(&mut self, peer: usize, to: Target) {
        self.said += 1;
        let text = format!("{:04}", self.said);
        self.ask(peer, Request::Say { to, text });
    }

    fn kill(&mut self, peer: usize) {
        let node = self.peers[peer];
        let open = self.asked.iter().filter(|(of, token, _)| *of == node && self.world.outcome(node, *token).is_none());
        self.excused.extend(open.map(|(of, token, _)| (*of, *token)));
        self.world.kill(node);
        self.up[peer] = false;
    }

    fn step(&mut self) {
        let (one, other) = (self.pick(3), self.pick(3));
        let room = name(ROOMS[self.pick(2)]);
        let user = name(NAMES[other]);
        let coin = self.pick(2) == 0;
        if !self.up[one] {
            if self.pick(3) == 0 {
                self.world.restart_by_key(self.peers[one]);
                self.up[one] = true;
            }
            return self.pass(2_000);
        }
        match self.pick(26) {
            0..8 => self.say(one, Target::Room(room)),
            8..11 => self.say(one, Target::User(user)),
            11 => self.say(one, Target::All),
            12 if self.kinds.leaving => self.ask(one, Request::Leave { room }),
            13 | 14 => self.ask(one, Request::Join { room }),
            15 if self.kinds.leaving => self.ask(one, Request::Create { room, capacity: None }),
            16 if self.kinds.disconnecting => self.ask(one, Request::Disconnect { user }),
            17 if self.up[other] => {
                let address = self.world.listens_at(self.peers[other]);
                self.ask(one, Request::Connect { address });
            }
            18 if self.kinds.killing => self.kill(one),
            19 if self.kinds.cutting => self.world.cut_between(self.peers[one], self.peers[other]),
            20 if self.kinds.cutting => self.world.cut_between(self.peers[one], self.tracker),
            21 if self.kinds.tracker => {
                let address = self.world.listens_at(self.tracker);
                self.world.kill(self.tracker);
                self.pass(20_000);
                self.world.start_at(self.tracker, address);
            }
            22 if self.kinds.stalling => {
                let stalls = self.pick(2) == 0;
                self.world.stall_disk(self.peers[one], stalls);
            }
            23 if self.kinds.blocking => {
                self.ask(one, if coin { Request::Block { user } } else { Request::Unblock { user } });
            }
            24 => self.ask(one, if coin { Request::Ping { user } } else { Request::Drain }),
            25 => {
                self.ask(one, if coin { Request::Peers { prefix: String::new() } } else { Request::Whois { user } });
            }
            _ => {}
        }
        let long = self.pick(8) == 0;
        self.pass(if long { 20_000 } else { 1_500 });
    }

    /// Everything is there again, everyone talks to everyone, and time passes.
    fn heal(&mut self) {
        for peer in 0..3 {
            self.world.stall_disk(self.peers[peer], false);
            if !self.up[peer] {
                self.world.restart_by_key(self.peers[peer]);
                self.up[peer] = true;
            }
        }
        self.world.pass(Duration::from_secs(60));
        for one in 0..3 {
            for other in (0..3).filter(|other| *other != one) {
                self.ask(one, Request::Unblock { user: name(NAMES[other]) });
            }
        }
        self.world.pass(Duration::from_secs(60));
        for one in 0..3 {
            for other in (0..3).filter(|other| *other != one) {
                self.say(one, Target::User(name(NAMES[other])));
            }
        }
        self.world.pass(Duration::from_secs(120));
    }

    /// What was shown to each: from each author and place, in order, nothing twice.
    fn check_shown(&self) {
        for receiver in self.peers {
            let mut last = BTreeMap::new();
            for notice in self.world.notices(receiver) {
                let Notice::Message(incoming) = notice else { continue };
                let place = (incoming.from.to_string(), incoming.room.clone());
                let former = last.insert(place.clone(), incoming.text.clone());
                assert!(former.is_none_or(|former| former < incoming.text), "{place:?}: {} is late", incoming.text);
            }
        }
    }

    /// What was said has arrived, or its author was told that it will not; and that only where there is a reason.
    fn check_arrived(&self) {
        for (author, author_node) in NAMES.iter().zip(self.peers) {
            for (receiver, node) in NAMES.iter().zip(self.peers) {
                if receiver == author {
                    continue;
                }
                let heard = self.world.notices(node).iter().filter_map(|notice| match notice {
                    // While the tracker is away, its name may be no more than a label.
                    Notice::Message(incoming) if incoming.from.as_str().split('~').next() == Some(author) => {
                        Some(incoming.text.clone())
                    }
                    _ => None,
                });
                let heard = heard.collect::<BTreeSet<_>>();
                let mut rosters = BTreeMap::new();
                let mut missing = 0;
                for notice in self.world.notices(author_node) {
                    match notice {
                        Notice::Room { room, members, .. } => {
                            rosters.insert(room.clone(), members.clone());
                        }
                        Notice::Said { to, text, .. } => {
                            let meant = match to {
                                Target::All => false,
                                Target::User(user) => user.as_str() == *receiver,
                                // Whoever is blocked gets nothing.
                                Target::Room(room) => {
                                    !self.kinds.blocking
                                        && rosters.get(room).is_some_and(|who| who.contains(&name(receiver)))
                                }
                            };
                            missing += usize::from(meant && !heard.contains(text));
                        }
                        Notice::Note(Note::Dropped { user, count }) if user.as_str() == *receiver => {
                            assert!(self.kinds.leaving || self.kinds.blocking, "dropped without a reason");
                            missing = missing.saturating_sub(*count);
                        }
                        _ => {}
                    }
                }
                assert_eq!(missing, 0, "from {author} to {receiver}");
            }
        }
    }

    fn check_outcomes(&self) {
        for (node, token, request) in &self.asked {
            let outcomes = self
                .world
                .notices(*node)
                .iter()
                .filter(|notice| matches!(notice, Notice::Outcome { token: of, .. } if of == token));
            let count = outcomes.count();
            let excused = self.excused.contains(&(*node, *token));
            assert!(count == 1 || (excused && count == 0), "{request} of {node} had {count} outcomes");
        }
    }

    fn check_links(&self) {
        for (index, one) in self.peers.iter().enumerate() {
            for other in &self.peers[..index] {
                let links = self.world.connections_between(*one, *other);
                assert_eq!(links, 1, "{one} and {other}");
            }
        }
    }

    /// Everyone sees the rooms as the tracker does.
    fn check_rosters(&mut self) {
        for (peer, node) in self.peers.into_iter().enumerate() {
            self.ask(peer, Request::Rooms { prefix: String::new() });
            self.world.pass(Duration::from_secs(10));
            let rooms = self.world.notices(node).iter().rev().find_map(|notice| match notice {
                Notice::Rooms { rooms } => Some(rooms.clone()),
                _ => None,
            });
            for room in rooms.expect("an answer") {
                self.ask(peer, Request::Users { room: Some(room.room.clone()) });
                let users = self.world.notices(node).iter().rev().find_map(|notice| match notice {
                    Notice::Users { room: Some(of), users } if *of == room.room => Some(users.clone()),
                    _ => None,
                });
                let seen = users.map(|users| users.into_iter().map(|user| user.user).collect::<Vec<_>>());
                assert_eq!(seen, room.joined.then_some(room.members), "{} as {node} sees it", room.room);
            }
        }
    }

    /// All end, and nothing is left to wait for.
    fn check_end(&mut self) {
        for node in self.peers {
            self.world.command(node, Command::Quit);
            let stopped = |notice: &Notice| matches!(notice, Notice::Stopped { .. });
            assert_eq!(self.world.notices(node).iter().filter(|notice| stopped(notice)).count(), 1);
            assert_eq!(self.world.deadline(node), None);
        }
    }
}

#[test]
fn through_any_storm_messages_stay_in_order_and_after_it_everything_has_arrived() {
    for run in ONLY.map_or(0..RUNS, |run| run..run + 1) {
        let told = Told(run);
        let mut storm = Storm::new(run);
        for _ in 0..STEPS {
            storm.step();
        }
        storm.check_shown();
        storm.heal();
        storm.check_shown();
        storm.check_arrived();
        storm.check_links();
        storm.check_rosters();
        storm.check_outcomes();
        storm.check_end();
        std::mem::forget(told);
    }
}

/// Names the run that failed.
struct Told(u64);

impl Drop for Told {
    fn drop(&mut self) {
        eprintln!("in run {}", self.0);
    }
}
