//! The network by itself: what is sent arrives, in order and once, or the end does.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

use papo_proto::{
    machine::{Closed, ConnId},
    rng::Seed,
    time::Time,
};

use super::net::{Climate, End, Motion, Net, Owner, Read};

/// Two hosts, one connection, and both ends read as they are told to.
struct Pair {
    net: Net,
    now: Time,
    agenda: BTreeMap<(Time, usize), (End, Motion)>,
    planned: usize,
    ends: [End; 2],
    heard: [Vec<u8>; 2],
    over: [Option<Closed>; 2],
    too_slow: bool,
    largest: usize,
    smallest: usize,
}

const fn host(number: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(10, 0, 0, number))
}

impl Pair {
    fn new(climate: Climate, out_bytes_max: usize) -> Self {
        let mut net = Net::new(Seed([1; 32]));
        net.climate = climate;
        let ends = [(Owner::Node(0), host(1), out_bytes_max), (Owner::Node(1), host(2), out_bytes_max)];
        let near = net.connect(ConnId(1), ends[0], ends[1]);
        net.accept(near.other(), ConnId(2));
        Self {
            net,
            now: Time::ZERO,
            agenda: BTreeMap::new(),
            planned: 0,
            ends: [near, near.other()],
            heard: [Vec::new(), Vec::new()],
            over: [None, None],
            too_slow: false,
            largest: 0,
            smallest: usize::MAX,
        }
    }

    fn send(&mut self, from: usize, bytes: &[u8]) {
        self.net.send(self.now, self.ends[from], bytes);
    }

    fn pass(&mut self, wait: Duration) {
        let until = self.now + wait;
        loop {
            for (at, end, motion) in std::mem::take(&mut self.net.planned) {
                self.planned += 1;
                self.agenda.insert((at, self.planned), (end, motion));
            }
            let Some(first) = self.agenda.first_entry().filter(|first| first.key().0 <= until) else { break };
            self.now = first.key().0.max(self.now);
            let (end, motion) = first.remove();
            self.happen(end, motion);
        }
        self.now = until;
    }

    fn happen(&mut self, end: End, motion: Motion) {
        let which = usize::from(end == self.ends[1]);
        match motion {
            Motion::Arrive => self.net.arrive(self.now, end),
            Motion::FlushOver => self.net.flush_over(self.now, end),
            Motion::GiveUp(first) => self.net.give_up(self.now, end, first),
            Motion::TooSlow => self.too_slow = true,
            Motion::Writable => {}
            Motion::Readable => match self.net.read(self.now, end) {
                Some(Read::Bytes(bytes)) => {
                    self.largest = self.largest.max(bytes.len());
                    self.smallest = self.smallest.min(bytes.len());
                    self.heard[which].extend(bytes);
                }
                Some(Read::Over(reason)) => self.over[which] = Some(reason),
                None => {}
            },
        }
    }
}

fn numbers(count: usize) -> Vec<u8> {
    (0..count).map(|number| (number % 251) as u8).collect()
}

const LONG: Duration = Duration::from_secs(600);

#[test]
fn bytes_are_cut_and_glued_and_arrive_in_order() {
    let climate = Climate { cut: 0.9, piece_max: 7, jitter: Duration::from_millis(50), ..Climate::CALM };
    let mut pair = Pair::new(climate, 1 << 20);
    let said = numbers(5_000);
    for chunk in said.chunks(100) {
        pair.send(0, chunk);
        pair.pass(Duration::from_millis(3));
    }
    pair.pass(LONG);
    assert_eq!(pair.heard, [Vec::<u8>::new(), said]);
    assert!(pair.smallest < 100 && pair.largest > 100, "{} to {}", pair.smallest, pair.largest);
}

#[test]
fn a_partition_holds_everything_back_and_loses_nothing() {
    let mut pair = Pair::new(Climate::CALM, 1 << 20);
    pair.net.block(pair.now, host(1), host(2), true);
    pair.net.block(pair.now, host(1), host(2), true);
    pair.send(0, b"there");
    pair.send(1, b"back");
    pair.pass(Duration::from_secs(60));
    assert_eq!(pair.heard, [b"back".to_vec(), Vec::new()], "it is one-way");
    pair.net.block(pair.now, host(1), host(2), false);
    pair.pass(Duration::from_secs(60));
    assert!(pair.heard[1].is_empty(), "another fault still blocks");
    pair.net.block(pair.now, host(1), host(2), false);
    pair.pass(Duration::from_secs(1));
    assert_eq!(pair.heard[1], b"there");
}

#[test]
fn who_waits_too_long_is_told_that_the_network_gave_up() {
    let mut pair = Pair::new(Climate::CALM, 1 << 20);
    pair.net.block(pair.now, host(1), host(2), true);
    pair.send(0, b"there");
    pair.pass(Duration::from_secs(899));
    assert_eq!(pair.over, [None, None]);
    pair.pass(Duration::from_secs(10));
    assert_eq!(pair.over, [Some(Closed::Lost), None], "the other hears nothing");
}

#[test]
fn a_clog_is_of_one_direction_of_one_stream() {
    let mut pair = Pair::new(Climate::CALM, 1 << 20);
    pair.net.clog(pair.now, pair.ends[0], true);
    pair.send(0, b"there");
    pair.send(1, b"back");
    pair.pass(LONG);
    assert_eq!(pair.heard, [b"back".to_vec(), Vec::new()]);
    pair.net.clog(pair.now, pair.ends[0], false);
    pair.pass(LONG);
    assert_eq!(pair.heard[1], b"there");
}

#[test]
fn who_does_not_read_fills_the_window_and_then_the_queue() {
    let mut pair = Pair::new(Climate { window: 1_000, ..Climate::CALM }, 500);
    pair.net.set_reading(pair.now, pair.ends[1], false);
    pair.send(0, &numbers(1_500));
    pair.pass(LONG);
    assert!(!pair.too_slow, "the window and the queue take it");
    assert_eq!(pair.net.queued(pair.ends[0]), 500);
    pair.send(0, b"!");
    pair.pass(LONG);
    assert!(pair.too_slow);
    pair.net.set_reading(pair.now, pair.ends[1], true);
    pair.pass(LONG);
    assert_eq!(pair.heard[1].len(), 1_501);
}

#[test]
fn a_flush_comes_after_what_was_said_and_an_abort_before() {
    let mut pair = Pair::new(Climate { window: 10, ..Climate::CALM }, 1 << 20);
    pair.send(0, &numbers(100));
    pair.net.flush(pair.now, pair.ends[0], Duration::from_secs(5));
    pair.pass(LONG);
    assert_eq!((pair.heard[1].len(), pair.over[1]), (100, Some(Closed::End)));

    let mut pair = Pair::new(Climate { window: 10, ..Climate::CALM }, 1 << 20);
    pair.send(0, &numbers(100));
    pair.net.abort(pair.now, pair.ends[0], Closed::Reset);
    pair.pass(LONG);
    assert_eq!((pair.heard[1].len(), pair.over[1]), (10, Some(Closed::Reset)));
}

#[test]
fn a_flush_that_takes_too_long_is_a_reset() {
    let mut pair = Pair::new(Climate { window: 10, ..Climate::CALM }, 1 << 20);
    pair.net.set_reading(pair.now, pair.ends[1], false);
    pair.send(0, &numbers(100));
    pair.net.flush(pair.now, pair.ends[0], Duration::from_secs(5));
    pair.pass(Duration::from_secs(6));
    pair.net.set_reading(pair.now, pair.ends[1], true);
    pair.pass(LONG);
    assert_eq!((pair.heard[1].len(), pair.over[1]), (10, Some(Closed::Reset)));
}

#[test]
fn a_connection_that_breaks_loses_what_is_under_way_and_tells_both() {
    let mut pair = Pair::new(Climate::CALM, 1 << 20);
    pair.send(0, b"lost");
    pair.net.break_off(pair.now, pair.ends[0], Closed::Reset, true);
    pair.send(0, b"behind a hole, before it is learned");
    pair.pass(LONG);
    assert_eq!(pair.heard, [Vec::<u8>::new(), Vec::new()]);
    assert_eq!(pair.over, [Some(Closed::Reset), Some(Closed::Reset)]);
}

#[test]
fn after_a_loss_of_power_the_other_end_learns_it_from_the_host_that_is_back() {
    let mut pair = Pair::new(Climate::CALM, 1 << 20);
    pair.net.vanish(pair.ends[1]);
    pair.net.darken(pair.now, host(2), true);
    pair.send(0, b"hello?");
    pair.pass(Duration::from_secs(60));
    assert_eq!(pair.over, [None, None], "nobody says anything");
    pair.net.darken(pair.now, host(2), false);
    pair.pass(Duration::from_secs(1));
    assert_eq!(pair.over, [Some(Closed::Reset), None]);
}

#[test]
fn a_slow_host_is_slow_in_both_directions() {
    let mut pair = Pair::new(Climate::CALM, 1 << 20);
    pair.net.slow(host(2), Some(Duration::from_secs(1)));
    pair.send(0, b"there");
    pair.send(1, b"back");
    pair.pass(Duration::from_millis(900));
    assert_eq!(pair.heard, [Vec::<u8>::new(), Vec::new()]);
    pair.pass(Duration::from_millis(200));
    assert_eq!(pair.heard, [b"back".to_vec(), b"there".to_vec()]);
}
