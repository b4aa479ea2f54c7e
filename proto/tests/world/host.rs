//! A test as the host of a machine: what it asks for, and what it was told; and the places in which most stories begin.

use std::time::Duration;

use papo_proto::{
    peer::{Command, Notice, Problem, Request, State, interface::Target},
    tracker,
};

use super::{Kind, NodeId, Step, World, name};

/// The room of most stories.
pub fn sala() -> Target {
    Target::Room(name("sala"))
}

/// Someone.
pub fn user(text: &str) -> Target {
    Target::User(name(text))
}

/// A tracker and members who are all in one room.
pub fn in_a_room<const N: usize>(names: [&str; N]) -> (World, NodeId, [NodeId; N]) {
    let mut world = World::default();
    let tracker = world.tracker(100);
    let mut number = 0;
    let members = names.map(|text| {
        number += 1;
        world.member(number, text, tracker)
    });
    world.done(members[0], Request::Create { room: name("sala"), capacity: None, plaintext: false });
    for member in &members[1..] {
        world.done(*member, Request::Join { room: name("sala") });
    }
    world.pass(Duration::from_secs(2));
    (world, tracker, members)
}

impl World {
    /// A command to a peer; the world comes to rest.
    pub fn command(&mut self, node: NodeId, command: Command) {
        self.queue.push_back(Step::Command(node, command));
        self.settle();
    }

    /// A command to a tracker.
    pub fn command_tracker(&mut self, node: NodeId, command: tracker::Command) {
        self.queue.push_back(Step::TrackerCommand(node, command));
        self.settle();
    }

    /// Asks a peer for something; its number.
    pub fn ask(&mut self, node: NodeId, request: Request) -> u64 {
        let token = self.ask_unsettled(node, request);
        self.settle();
        token
    }

    /// How a request ended, if it has.
    pub fn outcome(&self, node: NodeId, token: u64) -> Option<Option<Problem>> {
        self.notices(node).iter().find_map(|notice| match notice {
            Notice::Outcome { token: of, problem } if *of == token => Some(problem.clone()),
            _ => None,
        })
    }

    /// Asks for something, and nothing is handled yet; its number.
    pub fn ask_unsettled(&mut self, node: NodeId, request: Request) -> u64 {
        let Kind::Peer { next_token, .. } = &mut self.nodes[node].kind else { panic!("not a peer") };
        let token = *next_token;
        *next_token += 1;
        self.queue.push_back(Step::Command(node, Command::Ask { token, request }));
        token
    }

    /// Asks for something that must be done at once.
    #[track_caller]
    pub fn done(&mut self, node: NodeId, request: Request) {
        let shown = format!("{request:?}");
        let token = self.ask(node, request);
        assert_eq!(self.outcome(node, token), Some(None), "{shown}");
    }

    /// Asks for something that must fail at once.
    #[track_caller]
    pub fn problem(&mut self, node: NodeId, request: Request) -> Problem {
        let shown = format!("{request:?}");
        let token = self.ask(node, request);
        self.outcome(node, token).flatten().unwrap_or_else(|| panic!("{shown} did not fail"))
    }

    /// Says something.
    #[track_caller]
    pub fn say(&mut self, node: NodeId, to: Target, text: &str) {
        self.done(node, Request::Say { to, text: text.to_owned() });
    }

    /// Says something whose outcome comes later.
    pub fn say_later(&mut self, node: NodeId, to: Target, text: &str) {
        self.ask(node, Request::Say { to, text: text.to_owned() });
    }

    /// Asks two peers at the same instant.
    pub fn ask_both(&mut self, one: (NodeId, Request), other: (NodeId, Request)) {
        for (node, request) in [one, other] {
            self.ask_unsettled(node, request);
        }
        self.settle();
    }

    /// What a peer has told its host.
    pub fn notices(&self, node: NodeId) -> &[Notice] {
        let Kind::Peer { notices, .. } = &self.nodes[node].kind else { panic!("not a peer") };
        notices
    }

    /// What a tracker has told its host.
    pub fn tracker_notices(&self, node: NodeId) -> &[tracker::Notice] {
        let Kind::Tracker { notices, .. } = &self.nodes[node].kind else { panic!("not a tracker") };
        notices
    }

    /// The texts that a peer was shown, each with its author.
    pub fn heard(&self, node: NodeId) -> Vec<String> {
        let shown = self.notices(node).iter().filter_map(|notice| match notice {
            Notice::Message(incoming) => Some(format!("{}: {}", incoming.from, incoming.text)),
            _ => None,
        });
        shown.collect()
    }

    /// Those who have acknowledged, in order.
    pub fn delivered(&self, node: NodeId) -> Vec<String> {
        let told = self.notices(node).iter().filter_map(|notice| match notice {
            Notice::Delivered { to, .. } => Some(to.to_string()),
            _ => None,
        });
        told.collect()
    }

    /// What is on the disk of a peer.
    pub fn state(&self, node: NodeId) -> &State {
        let Kind::Peer { state, .. } = &self.nodes[node].kind else { panic!("not a peer") };
        state
    }
}
