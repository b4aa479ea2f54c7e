//! What travels takes its time, and arrives in other pieces than it was sent in. Each connection keeps its order; what
//! two connections bring has none.

use std::{collections::BTreeMap, time::Duration};

use papo_proto::{
    machine::{ConnId, Event},
    rng::{Seed, Stream},
    time::Time,
};

use super::End;

/// How bytes travel.
pub struct Weather {
    rng: Stream,
    delay_max: Duration,
    /// When the last of what is under way to an end arrives.
    last: BTreeMap<End, Time>,
    under_way: BTreeMap<(Time, u64), (End, Event<'static, ()>)>,
    counted: u64,
}

impl Weather {
    /// Delays of at most that much.
    pub fn new(seed: &Seed, delay_max: Duration) -> Self {
        let rng = seed.stream("weather", 0);
        Self { rng, delay_max, last: BTreeMap::new(), under_way: BTreeMap::new(), counted: 0 }
    }

    /// Takes something on its way.
    pub(super) fn carry(&mut self, now: Time, end: End, event: Event<'static, ()>) {
        if let Event::Received { conn, bytes } = &event
            && bytes.len() > 1
            && self.rng.next_u64().is_multiple_of(4)
        {
            let (first, second) = bytes.split_at(1 + self.rng.next_u64() as usize % (bytes.len() - 1));
            for piece in [first, second] {
                self.add(now, end, received(*conn, piece));
            }
        } else {
            self.add(now, end, event);
        }
    }

    fn add(&mut self, now: Time, end: End, event: Event<'static, ()>) {
        // Most of it is quick, some is slow.
        let unit = self.rng.unit();
        let at = now + self.delay_max.mul_f64(unit * unit * unit);
        let last = self.last.entry(end).or_default();
        *last = at.max(*last);
        self.counted += 1;
        self.under_way.insert((*last, self.counted), (end, event));
    }

    /// What is under way to an end is lost, perhaps.
    pub(super) fn lose(&mut self, end: End) {
        if self.rng.next_u64().is_multiple_of(2) {
            self.under_way.retain(|_, (to, event)| *to != end || !matches!(event, Event::Received { .. }));
        }
    }

    /// When the next thing arrives.
    pub fn next_at(&self) -> Option<Time> {
        self.under_way.first_key_value().map(|((at, _), _)| *at)
    }

    /// What arrives now.
    pub(super) fn next_due(&mut self, now: Time) -> Option<(End, Event<'static, ()>)> {
        let first = self.under_way.first_entry()?;
        (first.key().0 <= now).then(|| first.remove())
    }
}

fn received(conn: ConnId, bytes: &[u8]) -> Event<'static, ()> {
    Event::Received { conn, bytes: bytes.to_vec().into() }
}
