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
        change::Realm,
        interface::{Credentials, Lan, Target, TrackerAddress},
    },
    tracker::{self, Tracker},
};

use super::*;
use crate::{
    sim::cast::{BYSTANDER, LAN_PORT},
    world::{NodeId, World, fact::What},
};

/// How long a node does what it does.
const WHILE: Duration = Duration::from_secs(40);
/// Long enough for whatever two honest people do.
const SOON: Duration = Duration::from_secs(20);

/// Who calls out and is not there is dialled again and again, which takes its time.
const LIMITS: Limits = Limits { lan_heard_max: 64, ..Limits::DEFAULT };

struct Scene {
    world: World,
    cast: Cast,
    tracker: NodeId,
    people: Vec<NodeId>,
    hostile: NodeId,
    acted: BTreeMap<Habit, usize>,
    learned: Vec<(Option<RoomId>, String)>,
    shown: Vec<(NodeId, Name, String)>,
    changed: BTreeSet<Name>,
    outcomes: BTreeMap<u64, Option<peer::Problem>>,
}

impl Scene {
    fn new(number: u8, habits: &[Habit]) -> Self {
        let seed = Seed([number; 32]);
        let mut cast = Cast::draw(&seed, 3, &mut || LIMITS);
        for person in &mut cast.people {
            person.tracker = Some(0);
        }
        let mut world = World::new(&seed, false);
        world.lan.is_there = true;
        for tracker in &cast.trackers {
            world.name_host(&tracker.host_name, tracker.ip);
        }
        let start = with_habits(&cast, &seed, habits.to_vec());
        let lies = habits.contains(&Habit::Lies);
        if lies {
            // Everyone takes it for a tracker.
            (cast.trackers[0].ip, cast.trackers[0].identity) = (HOST, start.identity.clone());
        }
        let part = &cast.trackers[0];
        let tracker = if lies {
            world.start::<Hostile>(HOST, start.clone(), Limits::DEFAULT.out_bytes_max)
        } else {
            let start = tracker::Start {
                limits: part.limits.clone(),
                ..tracker::Start::new(
                    Seed([number ^ 0x80; 32]),
                    part.identity.clone(),
                    vec![part.address()],
                    "$stand-in$nobody".to_owned(),
                )
            };
            world.start::<Tracker>(part.ip, start, Limits::DEFAULT.out_bytes_max)
        };
        // Where the tracker lies, they have met before.
        let realm = Realm::Tracker(part.identity.key());
        let pins = cast.people.iter().map(|person| (realm, person.name.clone(), person.identity.key()));
        let pins = if lies { pins.collect() } else { Vec::new() };
        let people = cast.people.iter().enumerate().map(|(index, person)| {
            let seed = Seed([number ^ 0x40 ^ u8::try_from(index).expect("three"); 32]);
            let listen = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), PEER_PORT);
            let state = peer::State { log: person.log, pins: pins.clone(), ..peer::State::default() };
            let start = peer::Start {
                limits: person.limits.clone(),
                any_port: true,
                lan: Some(Lan { port: LAN_PORT, hosts_tracker: None }),
                tracker: Some(TrackerAddress {
                    host: part.ip.to_string(),
                    port: part.address().port(),
                    key: Some(part.identity.key()),
                }),
                credentials: Some(Credentials {
                    name: person.name.clone(),
                    password: Some(person.password.clone()),
                    register: true,
                    token: None,
                }),
                ..peer::Start::new(seed, person.identity.clone(), person.name.clone(), listen, state)
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
            acted: BTreeMap::new(),
            learned: Vec::new(),
            shown: Vec::new(),
            changed: BTreeSet::new(),
            outcomes: BTreeMap::new(),
        };
        scene.run(Duration::from_secs(2));
        scene.hostile = match lies {
            true => scene.tracker,
            false => scene.world.start::<Hostile>(HOST, start, Limits::DEFAULT.out_bytes_max),
        };
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
                What::Told(Told::Peer(notice)) => self.note_peer(fact.node, notice),
                What::Told(Told::Hostile(Notice::Acted(habit))) => *self.acted.entry(habit).or_default() += 1,
                What::Told(Told::Hostile(Notice::Called { from, bytes })) => self.world.call(from, LAN_PORT, &bytes),
                What::Told(Told::Hostile(Notice::Learned(learned))) => self.learned.push((learned.room, learned.text)),
                What::Durable(_, changes) => changes.iter().for_each(|kept| self.check_pin(kept)),
                What::Broke(rule) => panic!("{}: {rule}", fact.node),
                What::Dialled(_, address) => assert_ne!(address.ip(), BYSTANDER, "{} dials it", fact.node),
                What::Ended => panic!("{} ended", fact.node),
                _ => {}
            }
        }
    }

    fn note_peer(&mut self, node: NodeId, notice: peer::Notice) {
        match notice {
            peer::Notice::Note(Note::KeyChanged { user, .. }) => {
                self.changed.insert(user);
            }
            peer::Notice::Message(message) => self.shown.push((node, message.from, message.text)),
            peer::Notice::Outcome { token, problem } => {
                self.outcomes.insert(token, problem);
            }
            _ => {}
        }
    }

    /// Nobody takes another key for a person's, whoever says so.
    fn check_pin(&self, kept: &Kept) {
        if let Kept::Peer(peer::Change::Pinned { realm: Realm::Tracker(_), name, key }) = kept {
            let person = self.cast.people.iter().find(|person| person.name == *name);
            assert!(person.is_none_or(|person| person.identity.key() == *key), "another key is pinned for {name}");
        }
    }

    /// Whether one of these processes counted a fault.
    fn counted(&self, nodes: &[NodeId], fault: Fault) -> bool {
        nodes.iter().any(|node| self.world.processes[*node].counters().of(fault) > 0)
    }

    /// Asks for something, and waits until it is answered.
    #[track_caller]
    fn outcome(&mut self, person: usize, request: Request) -> Option<peer::Problem> {
        let token = self.world.next_token();
        let command = peer::Command::Ask { token, request: request.clone() };
        self.world.command(self.people[person], Wish::Peer(command));
        let until = self.world.now() + SOON;
        while !self.outcomes.contains_key(&token) {
            assert!(self.world.step(until), "{request:?} is not answered");
            self.note();
        }
        self.outcomes[&token].clone()
    }

    /// Asks for something that must be done.
    #[track_caller]
    fn done(&mut self, person: usize, request: Request) {
        assert_eq!(self.outcome(person, request.clone()), None, "{request:?}");
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

/// An evening in an open room with somebody who has these habits.
#[track_caller]
fn play(number: u8, habits: &[Habit]) -> Scene {
    play_in(number, habits, 8)
}

/// The same in a room of some capacity: three are in it.
#[track_caller]
fn play_in(number: u8, habits: &[Habit], capacity: u16) -> Scene {
    let mut scene = Scene::new(number, habits);
    let room = scene.cast.rooms[0].clone();
    scene.done(0, Request::Create { room: room.clone(), capacity: Some(capacity), plaintext: false });
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

    for habit in habits.iter().filter(|habit| capacity > 3 || habit.needs() == habits::Needs::Nothing) {
        let times = scene.acted.get(habit).copied().unwrap_or_default();
        assert!(times >= 3, "{habit:?} was done {times} times");
    }
    for (node, from, text) in &scene.shown {
        let marked = text.contains(INTRUSION);
        let is_a_persons = scene.cast.people.iter().any(|person| person.name == *from);
        assert!(!marked || !is_a_persons, "{node} takes {text:?} for {from}'s");
    }
    assert_eq!(scene.changed, BTreeSet::new(), "nobody's key has changed");
    let secret = scene.learned.iter().any(|(_, text)| text == "em segredo");
    assert!(!secret, "a private message went to a third");
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
        (Habit::BrokenBeacons, &[], &[F::Malformed]),
        (Habit::Crowds, &[], &[]),
        (Habit::Echoes, &[], &[]),
        (Habit::Strays, &[], &[]),
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
        (Habit::Offers, &[], &[]),
        (Habit::Streams, &[], &[]),
        (Habit::Demands, &[], &[]),
        (Habit::Relays, &[], &[F::UnexpectedKey, F::Oneself]),
    ]
};

/// Plays each habit that needs this much.
fn play_all(needs: habits::Needs) {
    let rows = FAULTS.iter().enumerate().filter(|(_, (habit, ..))| habit.needs() == needs);
    for (number, (habit, at_tracker, at_people)) in rows {
        let scene = play(u8::try_from(number).expect("a few"), &[*habit]);
        for fault in *at_tracker {
            assert!(scene.counted(&[scene.tracker], *fault), "{habit:?}: a tracker counts no {fault:?}");
        }
        for fault in *at_people {
            assert!(scene.counted(&scene.people, *fault), "{habit:?}: nobody counts {fault:?}");
        }
    }
}

#[test]
fn what_strangers_do_is_counted_and_the_honest_go_on() {
    play_all(habits::Needs::Nothing);
}

#[test]
fn what_clients_do_is_counted_and_the_honest_go_on() {
    play_all(habits::Needs::Session);
}

#[test]
fn what_members_do_is_counted_and_the_honest_go_on() {
    play_all(habits::Needs::Links);
}

#[test]
fn every_habit_is_played_or_has_a_test_of_its_own() {
    let played = FAULTS.iter().map(|(habit, ..)| *habit).chain([Habit::Lies]).collect::<Vec<_>>();
    assert_eq!(played, Habit::ALL);
}

#[test]
fn who_is_in_no_room_learns_nothing_of_it_whatever_it_does() {
    let all = Habit::ALL.iter().copied().filter(|habit| *habit != Habit::Lies).collect::<Vec<_>>();
    let scene = play_in(200, &all, 3);
    assert!(!scene.learned.iter().any(|(room, _)| room.is_some()), "it was in no room: {:?}", scene.learned);
}

#[test]
fn what_a_tracker_says_replaces_no_key_and_leaves_no_question_open() {
    let (mut talked, mut changed) = (0, 0);
    for number in 0..4 {
        let mut scene = Scene::new(number, &[Habit::Lies]);
        let (room, other) = (scene.cast.rooms[0].clone(), scene.cast.people[1].name.clone());
        let address = SocketAddr::new(scene.cast.people[1].ip, PEER_PORT);
        for _ in 0..4 {
            let requests = [
                Request::Connect { address },
                Request::Say { to: Target::User(other.clone()), text: "ouves-me?".to_owned() },
                Request::Join { room: room.clone() },
                Request::Peers { prefix: String::new() },
                Request::Rooms { prefix: String::new() },
                Request::Users { room: None },
                Request::Whois { user: other.clone() },
                Request::Verify { user: other.clone() },
                Request::Ping { user: other.clone() },
            ];
            for request in requests {
                scene.outcome(0, request);
            }
            scene.run(SOON / 4);
        }
        assert!(scene.acted[&Habit::Lies] > 20);
        talked += scene.shown.iter().filter(|(_, _, text)| text == "ouves-me?").count();
        changed += scene.changed.len();
    }
    assert!(talked > 0, "until a key is said to have changed, they talk");
    assert!(changed > 0, "and that is told loudly");
}
