//! Processes, disks and dials, with a machine that does what it is told to and notes what it hears.

use std::{
    cell::RefCell,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    rc::Rc,
    time::Duration,
};

use papo_proto::{
    error::Counters,
    machine::{Action, CloseHow, ConnId, Event, ListenerId, Machine, Outbox, RequestId, Seq},
    peer::{Change, Command},
    rng::Seed,
    time::Time,
    tracker,
    wire::room::RoomId,
};

use super::{
    NodeId, World,
    driven::{Effect, Node},
    fact::What,
    resident::{Kept, Resident, Told, Wish},
};

/// Notes what it hears; at each command it does the next thing that it was prepared to do.
#[derive(Default)]
struct Parrot {
    heard: Rc<RefCell<Vec<String>>>,
    prepared: Vec<Effect>,
    at_start: Vec<Effect>,
    due: Option<Time>,
}

impl Node for Parrot {
    fn handle(&mut self, now: Time, event: Event<'static, Wish>) -> Vec<Effect> {
        let told = match event {
            Event::Command(_) => {
                self.heard.borrow_mut().push("command".to_owned());
                return if self.prepared.is_empty() { Vec::new() } else { vec![self.prepared.remove(0)] };
            }
            Event::Interfaces(_) => return std::mem::take(&mut self.at_start),
            Event::Wall(_) => return Vec::new(),
            Event::Due => {
                self.due = None;
                format!("due at {}", now.since_start().as_millis())
            }
            Event::Opened { conn, .. } => format!("opened {conn}"),
            Event::Refused { id, reason } => format!("refused {id} {reason:?}"),
            Event::Received { bytes, .. } => format!("received {}", String::from_utf8_lossy(&bytes)),
            Event::Closed { conn, reason } => format!("closed {conn} {reason:?}"),
            Event::Committed(seq) => format!("committed {seq}"),
            other => format!("{other:?}"),
        };
        self.heard.borrow_mut().push(told);
        Vec::new()
    }

    fn deadline(&self) -> Option<Time> {
        self.due
    }

    fn kind(&self) -> &'static str {
        "parrot"
    }

    fn counters(&self) -> Counters {
        Counters::default()
    }

    fn recording(&self) -> &[u8] {
        &[]
    }
}

const fn host(number: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(10, 0, 0, number))
}

struct Stage {
    world: World,
    heard: Vec<Rc<RefCell<Vec<String>>>>,
}

impl Stage {
    fn new() -> Self {
        Self { world: World::new(&Seed([1; 32]), false), heard: Vec::new() }
    }

    fn start(&mut self, parrot: Parrot) -> NodeId {
        self.heard.push(Rc::clone(&parrot.heard));
        self.world.start_node(host(self.heard.len() as u8), Box::new(parrot), 1 << 20)
    }

    fn pass(&mut self, ms: u64) {
        let until = self.world.now() + Duration::from_millis(ms);
        while self.world.step(until) {}
    }

    fn command(&mut self, node: NodeId) {
        self.world.command(node, Wish::Peer(Command::Quit));
    }

    #[track_caller]
    fn check(&self, node: NodeId, heard: &[&str]) {
        assert_eq!(*self.heard[node].borrow(), heard);
    }

    /// How many commits of a machine are on its disk.
    fn durable(&mut self) -> usize {
        self.world.take_facts().iter().filter(|fact| matches!(fact.what, What::Durable(..))).count()
    }
}

const PORT: u16 = 7;

fn listening() -> Parrot {
    let address = SocketAddr::new(host(1), PORT);
    Parrot { at_start: vec![Effect::Listen { listener: ListenerId(1), address }], ..Parrot::default() }
}

fn dialling() -> Parrot {
    let connect = |id| Effect::Connect { conn: ConnId(id), address: SocketAddr::new(host(1), PORT) };
    Parrot { prepared: vec![connect(1), connect(3)], ..Parrot::default() }
}

fn committing(count: u64) -> Parrot {
    let commit = |seq| Effect::Commit { seq: Seq(seq), changes: Vec::<Kept>::new() };
    Parrot { at_start: (1..=count).map(commit).collect(), ..Parrot::default() }
}

#[test]
fn a_paused_process_hears_everything_later_and_in_order() {
    let mut stage = Stage::new();
    let parrot = stage.start(Parrot { due: Some(Time::ZERO + Duration::from_millis(5)), ..committing(2) });
    stage.pass(1);
    stage.world.pause(parrot, true);
    stage.command(parrot);
    stage.pass(1_000);
    stage.check(parrot, &[]);
    assert_eq!(stage.durable(), 2, "its disk went on");
    stage.world.pause(parrot, false);
    stage.pass(0);
    stage.check(parrot, &["command", "committed 1", "committed 2", "due at 1001"]);
}

#[test]
fn a_slow_process_hears_one_thing_after_the_other() {
    let mut stage = Stage::new();
    let parrot = stage.start(Parrot::default());
    stage.pass(1);
    stage.world.processes[parrot].slowness = Duration::from_millis(100);
    for _ in 0..3 {
        stage.command(parrot);
    }
    stage.pass(150);
    stage.check(parrot, &["command", "command"]);
    stage.pass(100);
    stage.check(parrot, &["command"; 3]);
}

#[test]
fn a_crash_keeps_as_many_commits_as_the_disk_is_granted() {
    for (survivors, kept) in [(0, 0), (1, 1), (2, 2), (usize::MAX, 3)] {
        let mut stage = Stage::new();
        let parrot = stage.start(committing(3));
        stage.pass(1);
        stage.world.kill(parrot, survivors);
        stage.pass(1_000);
        assert_eq!(stage.durable(), kept);
        stage.check(parrot, &[]);
    }
}

#[test]
fn a_stalled_disk_goes_on_where_it_was_and_one_that_refuses_ends_the_process() {
    let mut stage = Stage::new();
    let parrot = stage.start(committing(2));
    stage.world.stall_disk(host(1), true);
    stage.pass(1_000);
    assert_eq!(stage.durable(), 0);
    stage.world.stall_disk(host(1), false);
    stage.pass(1_000);
    stage.check(parrot, &["committed 1", "committed 2"]);

    let mut stage = Stage::new();
    let parrot = stage.start(committing(2));
    stage.world.host(host(1)).disk_refuses = true;
    stage.pass(1_000);
    assert!(!stage.world.processes[parrot].running);
    assert_eq!(stage.durable(), 0);
}

#[test]
fn a_dial_finds_whoever_listens_and_is_refused_where_nobody_does() {
    let mut stage = Stage::new();
    let listener = stage.start(listening());
    let dialler = stage.start(dialling());
    stage.pass(1);
    stage.command(dialler);
    stage.pass(100);
    stage.check(dialler, &["command", "opened 1"]);
    assert!(stage.heard[listener].borrow().contains(&"opened 2".to_owned()));
    stage.world.kill(listener, 0);
    stage.command(dialler);
    stage.pass(100);
    stage.check(dialler, &["command", "opened 1", "command", "closed 1 Reset", "refused 3 Refused"]);
}

#[test]
fn what_stands_in_the_way_of_a_dial_shows_as_it_does_in_the_kernel() {
    type Break = fn(&mut World);
    let cases: [(&str, Break); 5] = [
        ("refused 1 Refused", |world| world.host(host(1)).refuses = true),
        ("refused 1 TimedOut", |world| world.host(host(1)).deaf = true),
        ("refused 1 TimedOut", |world| world.with_net(|net, now| net.block(now, host(1), host(2), true))),
        ("refused 1 Unreachable", |world| world.host(host(2)).unreachable = true),
        ("refused 1 Exhausted", |world| world.host(host(2)).descriptors_left = Some(0)),
    ];
    for (told, fault) in cases {
        let mut stage = Stage::new();
        stage.start(listening());
        let dialler = stage.start(dialling());
        stage.pass(1);
        fault(&mut stage.world);
        stage.command(dialler);
        stage.pass(200_000);
        stage.check(dialler, &["command", told]);
    }
}

#[test]
fn without_descriptors_whoever_dials_is_turned_away_unheard() {
    let mut stage = Stage::new();
    let listener = stage.start(listening());
    let dialler = stage.start(dialling());
    stage.pass(1);
    stage.world.host(host(1)).descriptors_left = Some(0);
    stage.command(dialler);
    stage.pass(100);
    stage.check(dialler, &["command", "opened 1", "closed 1 Reset"]);
    assert!(!stage.heard[listener].borrow().iter().any(|told| told.starts_with("opened")));
}

#[test]
fn after_a_close_nothing_more_is_told_of_a_dial() {
    let mut stage = Stage::new();
    stage.start(listening());
    let mut parrot = dialling();
    parrot.prepared[1] = Effect::Close { id: 1, how: CloseHow::Abort };
    let dialler = stage.start(parrot);
    stage.pass(1);
    stage.command(dialler);
    stage.command(dialler);
    stage.pass(1_000);
    stage.check(dialler, &["command", "command"]);
}

#[test]
fn a_machine_that_is_due_again_and_again_is_found() {
    struct Restless;
    impl Node for Restless {
        fn handle(&mut self, _: Time, _: Event<'static, Wish>) -> Vec<Effect> {
            Vec::new()
        }
        fn deadline(&self) -> Option<Time> {
            Some(Time::ZERO)
        }
        fn kind(&self) -> &'static str {
            "restless"
        }
        fn counters(&self) -> Counters {
            Counters::default()
        }
        fn recording(&self) -> &[u8] {
            &[]
        }
    }
    let mut stage = Stage::new();
    stage.world.start_node(host(1), Box::new(Restless), 1);
    stage.pass(2);
    let facts = stage.world.take_facts();
    assert!(facts.iter().any(|fact| matches!(&fact.what, What::Broke(rule) if rule.starts_with("time stands still"))));
}

/// Breaks the contract, each number in its own way.
struct Rogue(u8);

impl Machine for Rogue {
    const KIND: &'static str = "rogue";
    type Start = u8;
    type Command = ();
    type Notice = ();
    type Change = ();

    fn start(how: u8) -> Self {
        Self(how)
    }

    fn handle(&mut self, _: Time, event: Event<'_, ()>, out: &mut Outbox<(), ()>) {
        if !matches!(event, Event::Wall(_)) {
            return;
        }
        let address = SocketAddr::new(host(1), PORT);
        match self.0 {
            0 => {
                out.push(Action::Listen { listener: ListenerId(1), address });
                out.push(Action::Connect { conn: ConnId(3), address });
                out.push(Action::Commit { seq: Seq(1), changes: vec![()] });
            }
            1 => out.push(Action::Listen { listener: ListenerId(2), address }),
            2 => {
                out.push(Action::Connect { conn: ConnId(3), address });
                out.push(Action::Resolve { request: RequestId(3), host: String::new(), port: 0 });
            }
            3 => out.send(ConnId(5), b"to nobody"),
            4 => {
                out.push(Action::Connect { conn: ConnId(1), address });
                out.close(ConnId(1), CloseHow::Flush);
                out.push(Action::WantWrite(ConnId(1)));
            }
            _ => out.push(Action::Commit { seq: Seq(2), changes: vec![()] }),
        }
    }

    fn deadline(&self) -> Option<Time> {
        None
    }
}

impl Resident for Rogue {
    fn command(_: Wish) {}

    fn told((): ()) -> Told {
        Told::Tracker(tracker::Notice::Stopped)
    }

    fn kept((): ()) -> Kept {
        Kept::Peer(Change::RoomForgotten { room: RoomId([0; 32]) })
    }

    fn counters(_: &Self) -> Counters {
        Counters::default()
    }
}

#[test]
fn a_machine_that_breaks_the_contract_is_found() {
    for (how, rule) in [
        (0, None),
        (1, Some("the machine's side: the id 2 cannot be new")),
        (2, Some("the machine's side: the id 3 cannot be new")),
        (3, Some("the machine's side: there is no connection 5")),
        (4, Some("the machine's side: there is no connection 1")),
        (5, Some("the machine's side: the commit 2 is not the next")),
    ] {
        let mut stage = Stage::new();
        stage.world.start::<Rogue>(host(1), how, 1 << 20);
        stage.pass(1);
        let facts = stage.world.take_facts();
        let broke = facts.iter().find_map(|fact| match &fact.what {
            What::Broke(rule) => Some(rule.as_str()),
            _ => None,
        });
        assert_eq!(broke, rule);
    }
}
