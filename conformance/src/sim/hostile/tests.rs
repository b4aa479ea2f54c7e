//! Each habit alone, in a small world with a tracker and three people who talk: whoever is wronged counts the right
//! fault, and goes on serving the honest.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    time::Duration,
};

use papo_proto::{
    error::Fault,
    limits::Limits,
    machine::Closed,
    peer::{
        self, Note, Peer, Request,
        interface::{Credentials, Target, TrackerAddress},
    },
    tracker::{self, Registration, Tracker},
};

use super::*;
use crate::{
    sim::cast::BYSTANDER,
    world::{NodeId, World, fact::What},
};

/// How long a node does what it does.
const WHILE: Duration = Duration::from_secs(60);
/// Long enough for whatever two honest people do.
const SOON: Duration = Duration::from_secs(20);

struct Scene {
    world: World,
    cast: Cast,
    tracker: NodeId,
    people: Vec<NodeId>,
    hostile: NodeId,
    /// What was told by whom.
    at_tracker: BTreeSet<Fault>,
    at_people: BTreeSet<Fault>,
    acted: BTreeMap<Habit, usize>,
    learned: Vec<(Option<RoomId>, String)>,
    shown: Vec<(NodeId, Name, String)>,
    outcomes: BTreeMap<u64, Option<peer::Problem>>,
}

impl Scene {
    fn new(number: u8, habits: &[Habit]) -> Self {
        let seed = Seed([number; 32]);
        let mut cast = Cast::draw(&seed, 3, &mut || Limits::DEFAULT);
        for person in &mut cast.people {
            person.tracker = Some(0);
        }
        let mut world = World::new(&seed, false);
        for tracker in &cast.trackers {
            world.name_host(&tracker.host_name, tracker.ip);
        }
        let part = &cast.trackers[0];
        let tracker = world.start::<Tracker>(
            part.ip,
            tracker::Start {
                seed: Seed([number ^ 0x80; 32]),
                limits: part.limits.clone(),
                identity: part.identity.clone(),
                listen: vec![part.address()],
                registration: Registration::Open,
                dummy_verifier: "$stand-in$nobody".to_owned(),
                state: tracker::Directory::default(),
            },
            Limits::DEFAULT.out_bytes_max,
        );
        let people = cast.people.iter().enumerate().map(|(index, person)| {
            let start = peer::Start {
                seed: Seed([number ^ 0x40 ^ u8::try_from(index).expect("three"); 32]),
                limits: person.limits.clone(),
                identity: person.identity.clone(),
                name: person.name.clone(),
                listen: SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), PEER_PORT),
                any_port: true,
                tracker: Some(TrackerAddress {
                    host: part.ip.to_string(),
                    port: part.address().port(),
                    key: Some(part.identity.key()),
                }),
                trust_new: false,
                credentials: Some(Credentials {
                    name: person.name.clone(),
                    password: Some(person.password.clone()),
                    register: true,
                    token: None,
                }),
                state: peer::State { log: person.log, ..peer::State::default() },
            };
            world.start::<Peer>(person.ip, start, Limits::DEFAULT.out_bytes_max)
        });
        let people = people.collect();
        let mut scene = Self {
            world,
            cast,
            tracker,
            people,
            hostile: 0,
            at_tracker: BTreeSet::new(),
            at_people: BTreeSet::new(),
            acted: BTreeMap::new(),
            learned: Vec::new(),
            shown: Vec::new(),
            outcomes: BTreeMap::new(),
        };
        scene.run(Duration::from_secs(2));
        let start = with_habits(&scene.cast, &seed, habits.to_vec());
        scene.hostile = scene.world.start::<Hostile>(HOST, start, Limits::DEFAULT.out_bytes_max);
        scene
    }

    fn run(&mut self, wait: Duration) {
        let until = self.world.now() + wait;
        while self.world.step(until) {
            self.note();
        }
    }

    fn note(&mut self) {
        for fact in self.world.take_facts() {
            match fact.what {
                What::Told(Told::Tracker(tracker::Notice::Fault { fault, from })) if from == HOST => {
                    self.at_tracker.insert(fault);
                }
                What::Told(Told::Peer(notice)) => self.note_peer(fact.node, notice),
                What::Told(Told::Hostile(Notice::Acted(habit))) => *self.acted.entry(habit).or_default() += 1,
                What::Told(Told::Hostile(Notice::Learned { room, text, .. })) => self.learned.push((room, text)),
                What::Broke(rule) => panic!("{}: {rule}", fact.node),
                What::Dialled(_, address) => assert_ne!(address.ip(), BYSTANDER, "{} dials it", fact.node),
                What::Ended => panic!("{} ended", fact.node),
                _ => {}
            }
        }
    }

    fn note_peer(&mut self, node: NodeId, notice: peer::Notice) {
        match notice {
            peer::Notice::Note(Note::Strangers { fault, .. } | Note::LinkFault { fault, .. }) => {
                self.at_people.insert(fault);
            }
            peer::Notice::Note(Note::KeyChanged { user, .. }) => panic!("{user} has changed"),
            peer::Notice::Message(message) => self.shown.push((node, message.from, message.text)),
            peer::Notice::Outcome { token, problem } => {
                self.outcomes.insert(token, problem);
            }
            _ => {}
        }
    }

    /// Asks for something, and waits until it is done.
    #[track_caller]
    fn done(&mut self, person: usize, request: Request) {
        let token = self.world.next_token();
        let command = peer::Command::Ask { token, request: request.clone() };
        self.world.command(self.people[person], Wish::Peer(command));
        let until = self.world.now() + SOON;
        while !self.outcomes.contains_key(&token) {
            assert!(self.world.step(until), "{request:?} is not answered");
            self.note();
        }
        assert_eq!(self.outcomes[&token], None, "{request:?}");
    }

    /// One says something, and the others are shown it, once, as the one's.
    #[track_caller]
    fn talk(&mut self, text: &str) {
        let room = self.cast.rooms[0].clone();
        self.done(0, Request::Say { to: Target::Room(room), text: text.to_owned() });
        self.run(SOON);
        for node in self.people.clone().into_iter().skip(1) {
            let by = &self.cast.people[0].name;
            let count = self.shown.iter().filter(|(at, from, said)| *at == node && from == by && said == text).count();
            assert_eq!(count, 1, "{node} was shown {text:?}");
        }
    }
}

/// The whole evening with somebody who has these habits; what was counted at the tracker and at the people.
#[track_caller]
fn play(number: u8, habits: &[Habit], rooms_are_open: bool) -> Scene {
    let mut scene = Scene::new(number, habits);
    let room = scene.cast.rooms[0].clone();
    scene.done(0, Request::Create { room: room.clone(), capacity: Some(if rooms_are_open { 8 } else { 3 }) });
    scene.done(1, Request::Join { room: room.clone() });
    scene.done(2, Request::Join { room });
    scene.talk("antes");
    scene.run(WHILE);
    // They find each other again while it goes on.
    for (one, other) in [(0, 1), (0, 2), (1, 2)] {
        scene.world.cut(scene.people[one], scene.people[other], Closed::Reset, true);
    }
    let (one, other) = (scene.cast.people[1].name.clone(), scene.cast.people[2].name.clone());
    scene.done(1, Request::Say { to: Target::User(other), text: "em segredo".to_owned() });
    scene.done(2, Request::Whois { user: one });
    scene.talk("depois");

    for habit in habits {
        let times = scene.acted.get(habit).copied().unwrap_or_default();
        assert!(times >= 3, "{habit:?} was done {times} times");
    }
    for (node, from, text) in &scene.shown {
        let marked = text.contains(INTRUSION);
        let is_a_persons = scene.cast.people.iter().any(|person| person.name == *from);
        assert!(!marked || !is_a_persons, "{node} takes {text:?} for {from}'s");
    }
    let secret = scene.learned.iter().any(|(_, text)| text == "em segredo");
    assert!(!secret, "a private message went to a third");
    if !rooms_are_open {
        assert!(!scene.learned.iter().any(|(room, _)| room.is_some()), "it was in no room: {:?}", scene.learned);
    }
    scene
}

/// Each habit, with the faults that it must make a tracker and people count.
const FAULTS: &[(Habit, &[Fault], &[Fault])] = {
    use Fault as F;
    &[
        (Habit::Garbage, &[F::NotPapo], &[F::NotPapo]),
        (Habit::OtherProtocols, &[F::NotPapo], &[F::NotPapo]),
        (Habit::Prefaces, &[F::NotPapo, F::WrongPreface, F::HandshakeTimeout], &[F::HandshakeTimeout]),
        (Habit::Frames, &[F::FrameTooLong, F::Handshake, F::HandshakeTimeout], &[F::FrameTooLong]),
        (Habit::ZeroPoints, &[F::Handshake], &[F::Handshake]),
        (Habit::Dribble, &[F::HandshakeTimeout], &[F::HandshakeTimeout]),
        (Habit::Silence, &[F::HandshakeTimeout], &[F::HandshakeTimeout]),
        (Habit::Flood, &[F::HandshakeTimeout], &[F::TooManyConnections]),
        (Habit::FickleHandshakes, &[F::Cut], &[F::Cut]),
        (Habit::Replay, &[], &[]),
        (Habit::BrokenHandshakes, &[F::NotPapo, F::Handshake, F::HandshakeTimeout], &[]),
        (Habit::BrokenFrames, &[F::Decrypt], &[]),
        (Habit::BeforeLogin, &[F::Unexpected], &[]),
        (Habit::NoMessages, &[F::Malformed, F::FrameTooLong], &[]),
        (Habit::LookAlikes, &[F::LoginTimeout], &[]),
        (Habit::Guesses, &[F::LoginTimeout], &[]),
        (Habit::LogInTwice, &[], &[]),
        (Habit::Requests, &[], &[]),
        (Habit::Meddling, &[], &[]),
        (Habit::ThirdParties, &[], &[]),
        (Habit::Graffiti, &[], &[]),
        (Habit::HalfFrame, &[F::FrameTimeout], &[]),
        (Habit::SlowReader, &[], &[]),
        (Habit::Mute, &[F::Silent], &[]),
        (Habit::Talk, &[], &[]),
        (Habit::HelloTwice, &[], &[F::Unexpected]),
        (Habit::FalseHello, &[], &[]),
        (Habit::BeforeHello, &[], &[F::Unexpected]),
        (Habit::Forgeries, &[], &[F::Forged]),
        (Habit::Hearsay, &[], &[F::Forged]),
        (Habit::ForeignRooms, &[], &[]),
        (Habit::Numbers, &[], &[]),
        (Habit::Orphans, &[], &[]),
        (Habit::Times, &[], &[]),
        (Habit::FalseAcks, &[], &[]),
        (Habit::PrivateNumbers, &[], &[]),
        (Habit::RoomHellos, &[], &[]),
        (Habit::Rekeys, &[], &[]),
        (Habit::NeverAcks, &[], &[]),
        (Habit::ByeAndOn, &[], &[]),
        (Habit::LinkTwice, &[], &[]),
        (Habit::DeafLinks, &[], &[]),
    ]
};

#[test]
fn each_habit_is_counted_and_the_honest_go_on() {
    for (number, (habit, at_tracker, at_people)) in FAULTS.iter().enumerate() {
        let scene = play(u8::try_from(number).expect("a few"), &[*habit], true);
        for fault in *at_tracker {
            assert!(scene.at_tracker.contains(fault), "{habit:?} and {fault:?}: {:?}", scene.at_tracker);
        }
        for fault in *at_people {
            assert!(scene.at_people.contains(fault), "{habit:?} and {fault:?}: {:?}", scene.at_people);
        }
    }
}
