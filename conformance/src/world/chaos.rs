//! Cuts and kills at random, then peace: everything that was confirmed has arrived, once and in order.

use std::{collections::BTreeMap, time::Duration};

use super::{NodeId, World};
use crate::scripts::{TRACKER, credentials, host, name, newcomer, tracker};
use papo_proto::{
    limits::Limits,
    peer::{self, Change, Peer, Request, interface::Target},
    rng::{Seed, Stream},
    tracker::{self, Tracker},
};

/// Who talks.
const NAMES: [&str; 3] = ["ana", "bia", "caio"];
/// Things that happen before peace.
const STEPS: usize = 120;
/// Until all is made up for: the longest waits before dialling again, several times over.
const PEACE: Duration = Duration::from_secs(240);

/// Steps that something may stay down.
const DOWN_MAX: usize = 6;

/// Someone over several lives of its program.
struct Person {
    lives: Vec<NodeId>,
    /// Killed, and started again after so many steps.
    down: Option<usize>,
    state: peer::State,
    shown: u64,
    said: u64,
}

impl Person {
    fn node(&self) -> NodeId {
        *self.lives.last().expect("everyone starts")
    }
}

struct Chaos {
    world: World,
    luck: Stream,
    trackers: Vec<NodeId>,
    kept: Vec<tracker::Change>,
    tracker_down: Option<usize>,
    people: Vec<Person>,
    lives: u8,
}

impl Chaos {
    fn start(seed: u8, more: u8) -> Self {
        let seed = Seed([[seed; 16], [more; 16]].concat().try_into().expect("32 bytes"));
        let mut chaos = Self {
            world: World::new(&seed),
            luck: seed.stream("chaos", 0),
            trackers: Vec::new(),
            kept: Vec::new(),
            tracker_down: None,
            people: Vec::new(),
            lives: 100,
        };
        chaos.start_tracker();
        for who in 0..NAMES.len() {
            let state = peer::State { log: who as u64 + 1, ..peer::State::default() };
            chaos.people.push(Person { lives: Vec::new(), down: None, state, shown: 0, said: 0 });
            chaos.start_person(who, true);
        }
        let sala = || name("sala");
        chaos.world.run(Duration::from_secs(2));
        chaos.ask(0, Request::Create { room: sala(), capacity: None });
        chaos.world.run(Duration::from_secs(1));
        chaos.ask(1, Request::Join { room: sala() });
        chaos.ask(2, Request::Join { room: sala() });
        chaos.world.run(Duration::from_secs(2));
        chaos
    }

    fn next_life(&mut self) -> u8 {
        self.lives = self.lives.wrapping_add(1);
        self.lives
    }

    fn start_tracker(&mut self) {
        let life = self.next_life();
        let node = self.world.start::<Tracker>(TRACKER.ip(), tracker(life, self.kept.clone()));
        self.trackers.push(node);
    }

    fn start_person(&mut self, who: usize, register: bool) {
        let life = self.next_life();
        let start = peer::Start {
            seed: Seed([life; 32]),
            credentials: Some(peer::interface::Credentials {
                password: credentials(NAMES[who], true).password.filter(|_| register),
                ..credentials(NAMES[who], register)
            }),
            state: self.people[who].state.clone(),
            ..newcomer(40 + who as u8, NAMES[who])
        };
        let node = self.world.start::<Peer>(host(2 + who as u8), start);
        self.people[who].lives.push(node);
    }

    /// Nobody types into a program that does not run.
    fn ask(&mut self, who: usize, request: Request) {
        if self.people[who].down.is_some() {
            return;
        }
        let token = self.world.next_token();
        self.world.command(self.people[who].node(), peer::Command::Ask { token, request });
    }

    fn draw(&mut self, below: usize) -> usize {
        (self.luck.next_u64() % below as u64) as usize
    }

    fn step(&mut self) {
        let who = self.draw(NAMES.len());
        match self.draw(20) {
            0..=9 => {
                for _ in 0..=self.draw(4) {
                    self.people[who].said += 1;
                    let text = format!("{} {}", NAMES[who], self.people[who].said);
                    self.ask(who, Request::Say { to: Target::Room(name("sala")), text });
                }
            }
            10..=13 => {
                let to = (who + 1 + self.draw(2)) % NAMES.len();
                self.people[who].said += 1;
                let text = format!("{} {} to {}", NAMES[who], self.people[who].said, NAMES[to]);
                self.ask(who, Request::Say { to: Target::User(name(NAMES[to])), text });
            }
            14..=15 => {
                let other = (who + 1) % NAMES.len();
                let (one, other) = (self.people[who].node(), self.people[other].node());
                self.world.cut(one, other);
            }
            16 => {
                let tracker = *self.trackers.last().expect("it was started");
                self.world.cut(self.people[who].node(), tracker);
            }
            17 if self.tracker_down.is_none() => {
                let tracker = *self.trackers.last().expect("it was started");
                self.world.kill(tracker);
                self.kept.extend(self.world.kept::<tracker::Change>(tracker));
                self.tracker_down = Some(self.draw(DOWN_MAX));
            }
            _ if self.people[who].down.is_none() => self.kill_person(who),
            _ => {}
        }
        self.pause();
        self.revive(false);
    }

    fn kill_person(&mut self, who: usize) {
        let down = self.draw(DOWN_MAX);
        let node = self.people[who].node();
        self.world.kill(node);
        let shown = shown_of(&self.world, node).last().map_or(0, |(number, ..)| *number);
        let person = &mut self.people[who];
        person.down = Some(down);
        person.shown = person.shown.max(shown);
        for change in self.world.kept::<Change>(node) {
            person.state.apply(&change, Limits::DEFAULT.entries_known_max);
        }
        let shown = person.shown;
        person.state.unshown.retain(|incoming| incoming.number > shown);
    }

    /// Starts what was down long enough; at the end, everything.
    fn revive(&mut self, all: bool) {
        let is_over = |down: &mut Option<usize>| match down {
            Some(0) => true,
            Some(steps) => {
                *steps -= 1;
                all
            }
            None => false,
        };
        if is_over(&mut self.tracker_down) {
            self.tracker_down = None;
            self.start_tracker();
        }
        for who in 0..NAMES.len() {
            if is_over(&mut self.people[who].down) {
                self.people[who].down = None;
                self.start_person(who, false);
            }
        }
    }

    fn pause(&mut self) {
        let scale = [1, 10, 300, 5_000][self.draw(4)];
        let wait = self.draw(10) * scale;
        self.world.run(Duration::from_millis(wait as u64));
    }
}

/// Number, author, id and text of what a machine showed.
fn shown_of(world: &World, node: NodeId) -> Vec<(u64, String, String, String)> {
    let messages = world.notices(node).iter().filter_map(|notice| notice.get("message"));
    messages
        .map(|message| {
            let text = |field: &str| message[field].as_str().unwrap_or_default().to_owned();
            (message["number"].as_u64().unwrap_or(0), text("from"), text("id"), text("text"))
        })
        .collect()
}

#[track_caller]
fn check(seed: u8, more: u8) {
    let mut chaos = Chaos::start(seed, more);
    for _ in 0..STEPS {
        chaos.step();
    }
    chaos.revive(true);
    chaos.world.run(PEACE);
    let world = &chaos.world;
    // What each confirmed, by place, in order.
    let mut said = BTreeMap::<(usize, Option<usize>), Vec<String>>::new();
    for (who, person) in chaos.people.iter().enumerate() {
        for notice in person.lives.iter().flat_map(|&node| world.notices(node)) {
            if let Some(notice) = notice.get("said") {
                let to = notice["to"]["user"].as_str().and_then(|to| NAMES.iter().position(|name| *name == to));
                said.entry((who, to)).or_default().push(notice["text"].as_str().unwrap_or_default().to_owned());
            }
        }
    }
    for (hearer, person) in chaos.people.iter().enumerate() {
        let shown = person.lives.iter().flat_map(|&node| shown_of(world, node)).collect::<Vec<_>>();
        let mut ids = shown.iter().map(|(_, _, id, _)| id).collect::<Vec<_>>();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), shown.len(), "seed {seed}/{more}: {} saw something twice", NAMES[hearer]);
        for (&(author, to), texts) in &said {
            if author == hearer || to.is_some_and(|to| to != hearer) {
                continue;
            }
            let private = to.is_some();
            let heard =
                shown.iter().filter(|(_, from, _, text)| from == NAMES[author] && text.contains(" to ") == private);
            let heard = heard.map(|(.., text)| text.clone()).collect::<Vec<_>>();
            // What was kept but not confirmed before a kill arrives too.
            let confirmed = heard.iter().filter(|text| texts.contains(text)).cloned().collect::<Vec<_>>();
            assert_eq!(&confirmed, texts, "seed {seed}/{more}: {} hears {}", NAMES[hearer], NAMES[author]);
        }
    }
    let confirmed = said.values().map(Vec::len).sum::<usize>();
    assert!(confirmed > STEPS / 2, "seed {seed}/{more}: only {confirmed} messages were confirmed");
    for (person, name) in chaos.people.iter().zip(NAMES) {
        let back = world.notices(person.node()).iter().any(|notice| notice.get("logged_in").is_some());
        assert!(back, "seed {seed}/{more}: {name} never came back");
    }
}

#[test]
fn whatever_is_cut_or_killed_all_that_was_confirmed_arrives_once_and_in_order() {
    let seeds = std::env::var("PAPO_CHAOS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(16u16);
    for seed in 0..seeds {
        let [more, seed] = seed.to_be_bytes();
        check(seed, more);
    }
}
