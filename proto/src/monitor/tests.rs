//! The monitor by itself, with answers that come in time, late, twice, from elsewhere, or not at all.

use std::{net::SocketAddr, time::Duration};

use super::{machine::Monitor, status::Thresholds, *};
use crate::{
    contract::Contract,
    limits::ms,
    machine::{Action, Event, Machine, Outbox, Refusal, RequestId, SocketId},
    time::Time,
};

const TARGET: &str = "127.0.0.1:12345";

/// A monitor and what it has told.
struct World {
    monitor: Monitor,
    contract: Contract,
    now: Time,
    asked: Option<(SocketId, SocketAddr)>,
    closed: Vec<u64>,
    resolving: Option<RequestId>,
    binding: Option<SocketId>,
    notices: Vec<Notice>,
}

fn start() -> Start {
    Start {
        limits: Limits::DEFAULT,
        host: "relay.example".to_owned(),
        port: 12345,
        interval_ms: 10_000,
        timeout_ms: 2_000,
        thresholds: Thresholds::DEFAULT,
        count: None,
        mails: None,
    }
}

impl World {
    fn new(start: Start) -> Self {
        let mut world = Self {
            monitor: Monitor::start(start),
            contract: Contract::default(),
            now: Time::ZERO,
            asked: None,
            closed: Vec::new(),
            resolving: None,
            binding: None,
            notices: Vec::new(),
        };
        world.tell(Event::Due);
        world
    }

    fn tell(&mut self, event: Event<'static, Command>) {
        self.contract.check_event(self.now, &event).expect("the tests keep the contract");
        let mut out = Outbox::default();
        self.monitor.handle(self.now, event, &mut out);
        out.drain_with(|action, bytes| {
            self.contract.check_action(&action).expect("the monitor keeps the contract");
            match action {
                Action::Resolve { request, host, port } => {
                    assert_eq!((host.as_str(), port), ("relay.example", 12345));
                    self.resolving = Some(request);
                }
                Action::Bind { socket, .. } => self.binding = Some(socket),
                Action::SendTo { socket, to, .. } => {
                    assert_eq!(bytes, b"ping");
                    self.asked = Some((socket, to));
                }
                Action::Close { id, .. } => self.closed.push(id),
                Action::Notify(notice) => self.notices.push(notice),
                other => panic!("{other:?}"),
            }
        });
    }

    /// Time passes, with a stop at each deadline.
    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(at) = self.monitor.deadline().filter(|&at| at <= end) {
            self.now = self.now.max(at);
            self.tell(Event::Due);
        }
        self.now = end;
    }

    /// The name is found, and the socket stands: it has asked.
    fn ask(&mut self) -> SocketId {
        let request = self.resolving.take().expect("it looks for the name");
        self.tell(Event::Resolved { request, addresses: vec![address(TARGET)] });
        let socket = self.binding.take().expect("it wants a socket");
        self.tell(Event::Bound { socket, address: address("0.0.0.0:5000") });
        assert_eq!(self.asked, Some((socket, address(TARGET))));
        socket
    }

    fn answer(&mut self, socket: SocketId, from: &str, bytes: &[u8]) {
        self.tell(Event::Datagram { socket, from: address(from), bytes: bytes.to_vec().into() });
    }

    fn measured(&mut self) -> Vec<(u64, &'static str, Option<u64>)> {
        let notices = std::mem::take(&mut self.notices);
        let measured = notices.into_iter().map(|notice| match notice {
            Notice::Measured(one) => (one.number, one.status.word(), one.latency_us),
            other => panic!("{other:?}"),
        });
        measured.collect()
    }
}

fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

#[test]
fn each_measurement_tells_how_long_the_answer_took_and_what_that_means() {
    let mut world = World::new(start());
    for (number, latency, word) in [(1, 8, "normal"), (2, 150, "slow"), (3, 350, "very_slow")] {
        let socket = world.ask();
        world.pass(ms(latency));
        world.answer(socket, TARGET, b"ping");
        assert_eq!(world.measured(), [(number, word, Some(latency * 1000))]);
        assert_eq!(world.closed.pop(), Some(socket.0), "nothing comes to this socket any more");
        world.pass(ms(9_999 - latency));
        assert_eq!(world.resolving, None);
        world.pass(ms(1));
    }
    world.ask();
    world.pass(ms(1_999));
    assert_eq!(world.measured(), []);
    world.pass(ms(1));
    assert_eq!(world.measured(), [(4, "inactive", None)]);
}

#[test]
fn what_comes_from_elsewhere_or_is_something_else_is_no_answer() {
    let mut world = World::new(start());
    let socket = world.ask();
    world.answer(socket, "127.0.0.2:12345", b"ping");
    world.answer(socket, TARGET, b"pong");
    world.tell(Event::Undeliverable { socket, to: address(TARGET) });
    assert_eq!(world.measured(), []);
    world.answer(socket, TARGET, b"ping");
    assert_eq!(world.measured(), [(1, "normal", Some(0))]);
}

#[test]
fn where_no_name_or_socket_is_found_it_is_inactive_and_asks_again_later() {
    let mut world = World::new(start());
    let request = world.resolving.take().expect("it looks for the name");
    world.tell(Event::Resolved { request, addresses: Vec::new() });
    assert_eq!(world.measured(), [(1, "inactive", None)]);
    world.pass(ms(10_000));
    let request = world.resolving.take().expect("it looks again");
    world.tell(Event::Resolved { request, addresses: vec![address(TARGET)] });
    let socket = world.binding.take().expect("it wants a socket");
    world.tell(Event::Refused { id: socket.0, reason: Refusal::Exhausted });
    assert_eq!(world.measured(), [(2, "inactive", None)]);
    assert!(world.closed.is_empty());
    world.pass(ms(10_000));
    let late = world.resolving.take().expect("it looks again");
    world.pass(ms(2_000));
    assert_eq!(world.measured(), [(3, "inactive", None)], "a name that is found too late is none");
    world.tell(Event::Resolved { request: late, addresses: vec![address(TARGET)] });
    assert_eq!(world.binding, None);
}

#[test]
fn the_next_measurement_waits_for_the_one_before_it() {
    let mut world = World::new(Start { interval_ms: 500, ..start() });
    world.ask();
    world.pass(ms(2_000));
    assert_eq!(world.measured(), [(1, "inactive", None)]);
    let socket = world.ask();
    world.answer(socket, TARGET, b"ping");
    assert_eq!(world.measured().len(), 1);
    world.pass(ms(500));
    world.ask();
}

#[test]
fn after_so_many_measurements_it_ends() {
    let mut world = World::new(Start { count: Some(1), ..start() });
    let socket = world.ask();
    world.answer(socket, TARGET, b"ping");
    assert_eq!(world.notices.pop(), Some(Notice::Stopped { mails_unsent: 0 }));
    assert_eq!((world.measured().len(), world.monitor.deadline()), (1, None));
}

#[test]
fn mails_never_stop_the_measuring_and_what_is_due_is_sent_before_it_ends() {
    let mut world = World::new(Start { mails: Some(MailsWanted::Every), ..start() });
    let socket = world.ask();
    world.answer(socket, TARGET, b"ping");
    assert!(matches!(world.notices[..], [Notice::Measured(_), Notice::Mail(Measurement { number: 1, .. })]));
    world.tell(Event::Command(Command::MailFailed("no".to_owned())));
    assert_eq!(world.notices.pop(), Some(Notice::MailFailed("no".to_owned())));
    world.pass(ms(1_000));
    assert!(matches!(world.notices.pop(), Some(Notice::Mail(_))), "it is tried again");
    world.pass(ms(9_000));
    let socket = world.ask();
    world.answer(socket, TARGET, b"ping");
    assert!(matches!(world.notices.pop(), Some(Notice::Measured(_))), "the mail is still under way");
    world.tell(Event::Command(Command::Stop));
    assert!(world.notices.iter().all(|notice| !matches!(notice, Notice::Stopped { .. })));
    world.notices.clear();
    world.tell(Event::Command(Command::MailSent));
    let numbers = |notices: &[Notice]| match notices {
        [Notice::MailSent(sent), Notice::Mail(next)] => (sent.number, next.number),
        other => panic!("{other:?}"),
    };
    assert_eq!(numbers(&std::mem::take(&mut world.notices)), (1, 2));
    world.tell(Event::Command(Command::MailSent));
    let last = [&world.notices[0], &world.notices[1]];
    assert!(matches!(last, [Notice::MailSent(Measurement { number: 2, .. }), Notice::Stopped { mails_unsent: 0 }]));
    world.tell(Event::Command(Command::MailSent));
    assert_eq!(world.notices.len(), 2, "no other mail was under way");
    world.pass(Duration::from_secs(100));
    assert_eq!(world.resolving, None, "it measures no more");
}

#[test]
fn a_mail_that_does_not_leave_at_the_end_is_given_up_and_told() {
    let mut world = World::new(Start { mails: Some(MailsWanted::Changes), ..start() });
    let socket = world.ask();
    world.answer(socket, TARGET, b"ping");
    world.tell(Event::Command(Command::Stop));
    world.pass(ms(9_999));
    assert!(matches!(world.notices.last(), Some(Notice::Mail(_))));
    world.pass(ms(1));
    assert_eq!(world.notices.pop(), Some(Notice::Stopped { mails_unsent: 1 }));
    assert_eq!(world.monitor.deadline(), None);
}

#[test]
fn mails_that_are_too_many_are_dropped_and_that_is_told() {
    let limits = Limits { mails_waiting_max: 2, ..Limits::DEFAULT };
    let mut world = World::new(Start { mails: Some(MailsWanted::Every), limits, ..start() });
    for number in 1..=3 {
        let socket = world.ask();
        world.answer(socket, TARGET, b"ping");
        let dropped = world.notices.iter().filter(|notice| matches!(notice, Notice::MailsDropped(1))).count();
        assert_eq!(dropped, usize::from(number == 3));
        world.pass(ms(10_000));
    }
}
