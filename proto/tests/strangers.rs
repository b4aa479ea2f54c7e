//! A peer and a stranger who says what he likes: how long he may take, how much he may leave behind.

mod host;

use host::{Host, Stranger};
use papo_proto::{
    channel::Preface,
    error::Fault,
    limits::Limits,
    machine::Event,
    peer::{Command, Note, Notice, Problem, Request},
    wire::{codec::Wire as _, peer::ToPeer, tracker::Goodbye},
};

const FRAME_MS: u64 = Limits::DEFAULT.frame_ms_max;

#[test]
fn a_frame_has_its_time_and_each_whole_one_gives_the_next_one_as_much() {
    let mut host = Host::peer(|_| {});
    let mut link = host.link(2);
    for _ in 0..3 {
        let sealed = link.seal(&ToPeer::Pong { nonce: 0 }.to_bytes());
        host.receive(link.conn, &sealed[..1]);
        host.pass(FRAME_MS - 1);
        host.receive(link.conn, &sealed[1..]);
    }
    // The rest of one and the beginning of the next in one piece.
    let (one, other) =
        (link.seal(&ToPeer::Pong { nonce: 0 }.to_bytes()), link.seal(&ToPeer::Pong { nonce: 0 }.to_bytes()));
    host.receive(link.conn, &one[..9]);
    host.pass(FRAME_MS - 1);
    host.receive(link.conn, &[&one[9..], &other[..9]].concat());
    host.pass(FRAME_MS - 1);
    assert!(host.closed.is_empty());
    host.receive(link.conn, &other[9..10]);
    host.pass(1);
    assert!(host.closed.contains(&link.conn), "another byte is no whole frame");
    assert_eq!(host.machine.counters().of(Fault::FrameTimeout), 1);
}

#[test]
fn what_is_not_read_is_not_late() {
    let mut host = Host::peer(|_| {});
    let mut link = host.link(2);
    let sealed = link.seal(&ToPeer::Pong { nonce: 0 }.to_bytes());
    host.receive(link.conn, &sealed[..1]);
    host.event(Event::Command(Command::Output { open: false }));
    assert!(!host.reading[&link.conn]);
    host.pass(2 * FRAME_MS);
    host.event(Event::Command(Command::Output { open: true }));
    host.receive(link.conn, &sealed[1..2]);
    host.pass(FRAME_MS - 1);
    assert!(host.closed.is_empty());
    host.pass(1);
    assert!(host.closed.contains(&link.conn));
}

#[test]
fn who_is_blocked_is_told_so_before_it_takes_the_link_for_one() {
    let mut host = Host::peer(|_| {});
    host.link(2);
    host.ask(Request::Block { user: host::name("n2") });
    let mut back = Stranger::dial(&mut host, Preface::Peer, 2);
    assert_eq!(back.heard::<ToPeer>(), [ToPeer::Bye { reason: Goodbye::Blocked }]);
}

#[test]
fn who_is_refused_a_link_is_told_and_does_not_dial_again_and_again() {
    let mut host = Host::peer(|_| {});
    let mut link = host.link(2);
    link.say(&mut host, &ToPeer::Bye { reason: Goodbye::Blocked });
    let refused = Notice::Note(Note::Refused { user: host::name("n2") });
    assert!(host.notices.contains(&refused), "{:?}", host.notices);
    host.notices.clear();
    // By hand it is tried, and the answer is told.
    let token = host.ask(Request::Connect { address: ([127, 0, 0, 1], 6060).into() });
    Stranger::answer(&mut host, Preface::Peer, 2).say(&mut host, &ToPeer::Bye { reason: Goodbye::Blocked });
    let problem = Some(Problem::LinkFault { address: ([127, 0, 0, 1], 6060).into(), fault: Fault::Refused });
    assert!(host.notices.contains(&Notice::Outcome { token, problem }), "{:?}", host.notices);
}
