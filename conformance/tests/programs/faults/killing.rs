//! kill -9 at random moments.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
        mpsc::{self, Sender},
    },
    thread,
    time::{Duration, Instant},
};

use nix::sys::signal::Signal;
use papo_proto::wire::tracker::{Failure, FromTracker};
use serde_json::Value;

use super::{
    Dice, by_form,
    model::{Is, Model},
    tell,
};
use crate::{
    conversation::{heard, ids_once, three_in_a_room},
    support::{
        BOUND,
        papo::{Papo, is, row, text, texts},
        raw::Raw,
        tracker::Tracker,
    },
};

/// Clients with rooms that are busy when the tracker is killed.
const BUSY: u32 = 5;
/// Clients that make one account after the other meanwhile.
const NEWCOMERS: u32 = 2;
/// The room of those who talk, which nobody else joins.
const SALA: &str = "sala";
/// The one who looks at what is left.
const AUDITOR: (&str, u32) = ("auditor", 90);
/// The first identity of newcomers.
const NEWCOMER: u32 = 1_000;
/// Lines that two say to one another before one of them is killed.
const LINES: usize = 60;
/// The longest random wait on top of a random number of answers: about two syncs of a disk.
const AIM_US: u64 = 4_000;

/// A client that makes rooms, joins those of others, leaves them, deletes its own, until the tracker is gone; `done`
/// hears of each answer.
fn be_busy(tracker: &Tracker, model: &Mutex<Model>, me: u32, mut dice: Dice, done: &Sender<()>) -> Option<()> {
    let model = || model.lock().unwrap_or_else(PoisonError::into_inner);
    let name = busy_name(me);
    let mut client = Raw::connect(tracker.address, me).ok()?;
    let FromTracker::Welcome { .. } = client.log_in_by_key(&name).ok()? else { panic!("{name} has an account") };
    for step in 0.. {
        let wish = dice.below(100);
        let room_of = |rooms: Vec<String>, dice: &mut Dice| dice.one_of(&rooms).cloned();
        let mut others = model().rooms_of_others(&name);
        others.retain(|room| room != SALA);
        let own = model().rooms_of(&name);
        let answer = if wish < 30 || (others.is_empty() && own.is_empty()) {
            let room = format!("{name}-{:x}-{step}", dice.below(u64::MAX));
            model().create(&name, &room, Is::Perhaps);
            let answer = client.create(&room).ok()?;
            model().create(&name, &room, if is_done(&answer) { Is::Yes } else { Is::No });
            answer
        } else if wish < 55 && !own.is_empty() {
            let room = room_of(own, &mut dice)?;
            model().delete(&room, Is::Perhaps);
            let answer = client.delete(&room).ok()?;
            assert!(is_done(&answer), "{name} owns {room}: {answer:?}");
            model().delete(&room, Is::No);
            answer
        } else if let Some(room) = room_of(others, &mut dice) {
            let joins = wish < 85;
            model().member(&name, &room, Is::Perhaps);
            let answer = if joins { client.join(&room) } else { client.leave(&room) }.ok()?;
            model().member(&name, &room, if joins && is_done(&answer) { Is::Yes } else { Is::No });
            answer
        } else {
            continue;
        };
        let expected = is_done(&answer)
            || matches!(
                answer,
                FromTracker::Failed {
                    failure: Failure::UnknownRoom | Failure::NotMember | Failure::TooManyRooms | Failure::RoomFull,
                    ..
                }
            );
        assert!(expected, "{name}: {answer:?}");
        // The test may have heard enough before the tracker is gone.
        let _ = done.send(());
    }
    None
}

fn is_done(answer: &FromTracker) -> bool {
    matches!(answer, FromTracker::Done { .. })
}

fn busy_name(me: u32) -> String {
    format!("busy{me}")
}

/// Makes accounts, one after the other, until the tracker is gone.
fn keep_coming(tracker: &Tracker, model: &Mutex<Model>, identities: &AtomicU32, done: &Sender<()>) -> Option<()> {
    let model = || model.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        let identity = NEWCOMER + identities.fetch_add(1, Ordering::Relaxed);
        let name = format!("new{identity}");
        let mut client = Raw::connect(tracker.address, identity).ok()?;
        model().account(&name, identity, Is::Perhaps);
        let welcome = client.register(&name, "pw").ok()?;
        assert!(matches!(welcome, FromTracker::Welcome { .. }), "{name} is free: {welcome:?}");
        model().account(&name, identity, Is::Yes);
        let _ = done.send(());
    }
}

#[test]
fn a_busy_tracker_killed_at_random_loses_nothing_that_it_confirmed() {
    let kills = by_form(12, 200);
    let mut dice = Dice::new();
    let mut tracker = Tracker::start();
    let mut model = Model::default();
    for (name, identity) in (1..=BUSY).map(|me| (busy_name(me), me)).chain([(AUDITOR.0.to_owned(), AUDITOR.1)]) {
        let mut client = Raw::connect(tracker.address, identity).expect("it listens");
        let welcome = client.register(&name, "pw").expect("it answers");
        assert!(matches!(welcome, FromTracker::Welcome { .. }), "{welcome:?}");
        model.account(&name, identity, Is::Yes);
    }
    // Three who talk all the while, in a room of their own.
    let mut people = three_in_a_room(&tracker);
    let sala = ["ana", "bia", "caio"];
    model.create(sala[0], SALA, Is::Yes);
    sala[1..].iter().for_each(|who| model.member(who, SALA, Is::Yes));

    let (identities, mut answers, mut slowest) = (AtomicU32::new(0), 0, Duration::ZERO);
    for kill in 0..=kills {
        let is_last = kill == kills;
        let aim = (BUSY as u64 + dice.below(250), Duration::from_micros(dice.below(AIM_US)));
        for one in &mut people {
            one.line(&format!("line {kill}"));
        }
        let shared = Mutex::new(std::mem::take(&mut model));
        thread::scope(|scope| {
            let (sender, done) = mpsc::channel();
            for me in 1..=BUSY {
                let (tracker, shared, done) = (&tracker, &shared, sender.clone());
                let dice = dice.of("busy", u64::from(me) << 32 | kill);
                scope.spawn(move || be_busy(tracker, shared, me, dice, &done));
            }
            for _ in 0..NEWCOMERS {
                let (tracker, shared, identities, done) = (&tracker, &shared, &identities, sender.clone());
                scope.spawn(move || keep_coming(tracker, shared, identities, &done));
            }
            let busy = (0..aim.0).try_for_each(|_| done.recv_timeout(BOUND));
            // No wait for anything: the moment itself is what is random.
            thread::sleep(aim.1);
            // They end with it, whatever they did until now.
            tracker.process.signal(if is_last { Signal::SIGTERM } else { Signal::SIGKILL });
            busy.expect("they are busy");
        });
        let status = tracker.process.wait();
        assert!(!is_last || status.code() == Some(0), "a busy tracker ends in order when it is asked to: {status}");
        answers += aim.0;
        let since = Instant::now();
        tracker.restart();
        slowest = slowest.max(since.elapsed());
        model = shared.into_inner().unwrap_or_else(PoisonError::into_inner);
        model.check(&tracker, AUDITOR, is_last);
    }
    let (accounts, rooms, memberships) = model.count();
    tell(format_args!(
        "{kills} kills of a tracker, more than {answers} answers confirmed before: {accounts} accounts, {rooms} rooms \
         and {memberships} memberships are left, none lost; listening again within {} ms",
        slowest.as_millis()
    ));

    // Whoever talked is back by itself, still in the room, and has heard everything once and in order.
    for one in &mut people {
        one.line("at last");
    }
    let lines = (0..=kills).map(|kill| format!("line {kill}")).chain(["at last".to_owned()]).collect::<Vec<_>>();
    for one in &mut people {
        one.wait_for_all("message", 2 * lines.len(), |_| true);
        ids_once(&one.events());
        for other in sala.iter().filter(|&other| *other != one.user()) {
            assert_eq!(heard(&one.events(), other), lines, "by {}", one.user());
        }
        // Its session is back when the tracker answers again; until then the question is refused.
        let until = Instant::now() + BOUND;
        let rooms = loop {
            let last = one.events().len();
            one.line("/rooms");
            let answer = one.wait("an answer", |events| {
                events.get(last..)?.iter().find(|event| is(event, "rooms") || is(event, "error")).cloned()
            });
            if is(&answer, "rooms") {
                break answer;
            }
            assert!(Instant::now() < until, "{answer}");
            one.wait_for("logged_in", |_| true);
        };
        let row = row(&rooms, "rooms", "room", SALA).expect("the room is kept");
        assert_eq!(texts(row, "members"), sala, "{row}");
    }
}

/// Someone who is killed now and then, with what each life has shown.
struct Person {
    papo: Papo,
    lives: Vec<Vec<Value>>,
    lines: usize,
}

impl Person {
    fn new(mut papo: Papo) -> Self {
        papo.line("/chat #sala");
        Self { papo, lives: Vec::new(), lines: 0 }
    }

    fn say(&mut self, count: usize) {
        for _ in 0..count {
            self.papo.line(&format!("{}", self.lines));
            self.lines += 1;
        }
    }

    /// Kills it and starts it again, with its key and what it has on its disk.
    fn die_and_be_back(&mut self) {
        self.papo.process.signal(Signal::SIGKILL);
        // All that it printed is read then.
        self.papo.process.wait();
        self.lives.push(self.papo.events());
        self.papo = self.papo.options().by_key().start();
        self.papo.line("/chat #sala");
    }

    fn events(&self) -> impl Iterator<Item = Vec<Value>> {
        self.lives.iter().cloned().chain([self.papo.events()])
    }

    /// The numbers of all lines that it has confirmed.
    fn said(&self) -> Vec<usize> {
        self.events().flatten().filter(|event| is(event, "said")).filter_map(|event| number(&event)).collect()
    }

    /// The numbers of all that it was shown, life after life. What was shown in the very moment of a kill may be shown
    /// once more, under the same id; nothing else may.
    #[track_caller]
    fn heard(&self) -> Vec<usize> {
        let mut all = Vec::<(String, usize)>::new();
        for life in self.events() {
            let shown = life.iter().filter(|event| is(event, "message"));
            let mut shown = shown.filter_map(|event| Some((text(event, "id").to_owned(), number(event)?))).peekable();
            shown.next_if(|first| all.last() == Some(first));
            for message in shown {
                assert!(!all.contains(&message), "{} was shown {message:?} twice", self.papo.user());
                all.push(message);
            }
        }
        all.into_iter().map(|(_, number)| number).collect()
    }
}

fn number(event: &Value) -> Option<usize> {
    text(event, "text").parse().ok()
}

#[test]
fn peers_killed_at_random_lose_no_message_that_was_confirmed() {
    let kills = by_form(8, 60);
    let mut dice = Dice::new();
    let tracker = Tracker::start();
    let [mut ana, mut bia] = ["ana", "bia"].map(|name| Papo::registered(name, &tracker));
    ana.create("sala");
    bia.join("sala");
    let mut people = [ana, bia].map(Person::new);
    for _ in 0..kills {
        for person in &mut people {
            person.say(LINES);
        }
        // Who is killed has confirmed some of it, or has heard some of it; or both are killed.
        let (who, both) = (usize::from(dice.below(2) == 0), dice.below(4) == 0);
        let (event, count) = (["said", "message"][usize::from(dice.below(2) == 0)], 1 + dice.below(LINES as u64));
        people[who].papo.wait_for_all(event, usize::try_from(count).expect("few"), |_| true);
        thread::sleep(Duration::from_micros(dice.below(AIM_US)));
        people[who].die_and_be_back();
        if both {
            people[1 - who].die_and_be_back();
        }
    }
    for person in &mut people {
        person.say(1);
    }
    let [ana, bia] = &people;
    let mut confirmed = 0;
    for (from, to) in [(ana, bia), (bia, ana)] {
        let last = (from.lines - 1).to_string();
        to.papo.wait_message(&last);
        let (said, heard) = (from.said(), to.heard());
        assert!(heard.is_sorted_by(|one, next| one < next), "not in order: {heard:?}");
        let lost = said.iter().filter(|number| heard.binary_search(number).is_err()).collect::<Vec<_>>();
        assert!(lost.is_empty(), "{lost:?} of {} were confirmed and are lost", from.papo.user());
        confirmed += said.len();
    }
    let lives = ana.lives.len() + bia.lives.len();
    tell(format_args!("{lives} kills of two who talk: {confirmed} messages confirmed, none lost, none doubled"));
}
