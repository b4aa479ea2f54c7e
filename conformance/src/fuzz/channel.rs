//! The channel: one end fed with anything, and two ends with somebody between them.
//!
//! Invariants: nothing panics; garbage is never somebody; who is established is who is there; what comes out of one end
//! is what went into the other, in order, or nothing; a fault is final, and comes only if somebody meddled.

use papo_proto::{
    channel::{Channel, Preface, StaticKey, Step},
    error::Fault,
    identity::Identity,
    limits::{FRAME_BYTES_MAX, MESSAGE_BYTES_MAX},
    rng::Seed,
};

use super::{
    cursor::{Cursor, seed_of},
    remote::identity,
};

/// So many operations tell a story.
const OPERATIONS_MAX: usize = 256;
/// What may be under way in one direction.
const WIRE_BYTES_MAX: usize = 256 * 1024;

/// Chooses between one end and two.
pub fn channel(data: &[u8]) {
    let mut choices = Cursor::new(data);
    let preface = choices.pick(&Preface::ALL);
    let seed = seed_of(data);
    match choices.below(4) {
        0 => alone(End::dialler(preface, &seed), &mut choices),
        1 => alone(End::acceptor(preface, &seed), &mut choices),
        _ => Pair::new(preface, &seed).play(&mut choices),
    }
}

const DIALLER: u8 = 1;
const ACCEPTOR: u8 = 2;

/// One end, and what it has said and heard.
struct End {
    channel: Channel,
    /// Who it is to be at the other end.
    other: Identity,
    out: Vec<u8>,
    is_established: bool,
    fault: Option<Fault>,
    sent: Vec<Vec<u8>>,
    heard: usize,
}

impl End {
    fn new(channel: Channel, other: u8, out: Vec<u8>) -> Self {
        let other = identity(other);
        Self { channel, other, out, is_established: false, fault: None, sent: Vec::new(), heard: 0 }
    }

    fn dialler(preface: Preface, seed: &Seed) -> Self {
        let statics = StaticKey::draw(&mut seed.stream("static", 1));
        let mut out = Vec::new();
        let channel = Channel::dial(preface, identity(DIALLER), &statics, seed.stream("channel", 1), &mut out);
        Self::new(channel, ACCEPTOR, out)
    }

    fn acceptor(preface: Preface, seed: &Seed) -> Self {
        let statics = StaticKey::draw(&mut seed.stream("static", 2));
        let channel = Channel::accept(preface, identity(ACCEPTOR), &statics, seed.stream("channel", 2));
        Self::new(channel, DIALLER, Vec::new())
    }

    /// Takes bytes, and every step that they lead to. `said` is what the other end has sealed.
    fn hear(&mut self, bytes: &[u8], said: &[Vec<u8>]) {
        self.channel.handle_bytes(bytes);
        loop {
            let step = self.channel.next_step(FRAME_BYTES_MAX, &mut self.out);
            if let Some(fault) = self.fault {
                assert_eq!(step, Err(fault), "a fault is final");
                return;
            }
            match step {
                Ok(None) => break,
                Ok(Some(Step::Identified(key))) => {
                    assert_eq!(key, self.other.key(), "somebody else was identified");
                    self.channel.confirm(&mut self.out);
                }
                Ok(Some(Step::Established(key))) => {
                    assert!(!self.is_established, "established twice");
                    assert_eq!(key, self.other.key(), "established with somebody else");
                    self.is_established = true;
                }
                Ok(Some(Step::Message(message))) => {
                    assert!(self.is_established, "a message before it was established");
                    assert_eq!(said.get(self.heard), Some(&message), "what was never said, or not in this place");
                    self.heard += 1;
                }
                Err(fault) => {
                    assert_eq!(self.channel.buffered(), 0, "nothing is kept after a fault");
                    self.fault = Some(fault);
                    return;
                }
            }
        }
        assert!(self.channel.buffered() < FRAME_BYTES_MAX + 2, "no more waits than one unfinished frame");
    }

    fn seal(&mut self, choices: &mut Cursor<'_>) {
        if self.fault.is_some() || !self.is_established {
            return;
        }
        let length = choices.pick(&[1, 2, 16, 100, 1_008, 1_009, 16 * 1024, MESSAGE_BYTES_MAX]);
        let message = vec![choices.byte(); length];
        self.channel.seal(&message, &mut self.out);
        self.sent.push(message);
    }
}

/// One end hears what a fuzzer makes of it: it may end in a fault, and is never established.
fn alone(mut end: End, choices: &mut Cursor<'_>) {
    if choices.flag() {
        end.hear(Preface::Tracker.line(), &[]);
    }
    loop {
        let bytes = choices.bytes(1_023);
        if bytes.is_empty() {
            break;
        }
        end.hear(bytes, &[]);
    }
    end.hear(choices.rest(), &[]);
    assert!(!end.is_established && !end.channel.is_established(), "garbage is nobody");
}

/// Two ends, the wires between them, and what somebody saw on them.
struct Pair {
    /// The dialler's, then the acceptor's.
    ends: [End; 2],
    /// From each end to the other.
    wires: [Vec<u8>; 2],
    seen: Vec<u8>,
    meddled: bool,
}

impl Pair {
    fn new(preface: Preface, seed: &Seed) -> Self {
        let ends = [End::dialler(preface, seed), End::acceptor(preface, seed)];
        Self { ends, wires: [Vec::new(), Vec::new()], seen: Vec::new(), meddled: false }
    }

    fn play(mut self, choices: &mut Cursor<'_>) {
        if choices.flag() {
            self.settle();
        }
        for _ in 0..OPERATIONS_MAX {
            let Some(operation) = choices.next_operation() else { break };
            let from = choices.below(2);
            self.collect();
            match operation % 9 {
                0 => self.carry(from, choices.below(2048)),
                1 => self.settle(),
                2 => self.ends[from].seal(choices),
                operation => self.meddle(operation, from, choices),
            }
            assert!(self.meddled || self.ends.iter().all(|end| end.fault.is_none()), "a fault of nobody's");
        }
        self.settle();
        if !self.meddled {
            for (end, other) in [(0, 1), (1, 0)] {
                assert!(self.ends[end].is_established, "nobody was in the way");
                assert_eq!(self.ends[end].heard, self.ends[other].sent.len(), "everything arrives");
            }
        }
    }

    /// What the ends have said goes onto the wires.
    fn collect(&mut self) {
        for from in 0..2 {
            let said = std::mem::take(&mut self.ends[from].out);
            if self.wires[from].len() + said.len() <= WIRE_BYTES_MAX {
                self.wires[from].extend_from_slice(&said);
            } else {
                self.meddled = true;
            }
        }
    }

    /// Some bytes of a wire arrive.
    fn carry(&mut self, from: usize, count: usize) {
        let count = count.min(self.wires[from].len());
        let bytes = self.wires[from].drain(..count).collect::<Vec<_>>();
        if !bytes.is_empty() {
            if self.seen.len() < WIRE_BYTES_MAX {
                self.seen.extend_from_slice(&bytes);
            }
            let [dialler, acceptor] = &mut self.ends;
            let (near, far) = if from == 0 { (dialler, acceptor) } else { (acceptor, dialler) };
            far.hear(&bytes, &near.sent);
        }
        self.collect();
    }

    /// Everything arrives.
    fn settle(&mut self) {
        self.collect();
        while let Some(from) = (0..2).find(|&from| !self.wires[from].is_empty()) {
            self.carry(from, usize::MAX);
        }
    }

    /// Somebody between the ends does something to a wire.
    fn meddle(&mut self, operation: u8, from: usize, choices: &mut Cursor<'_>) {
        let wire = &mut self.wires[from];
        let at = choices.below(wire.len().clamp(1, 65_535));
        let count = choices.below(256).min(wire.len().saturating_sub(at));
        let former = wire.clone();
        match operation {
            3 => {
                if let Some(byte) = wire.get_mut(at) {
                    *byte ^= choices.byte();
                }
            }
            4 => drop(wire.drain(at..at + count)),
            5 => {
                let copy = wire[at..at + count].to_vec();
                wire.splice(at..at, copy);
            }
            6 => drop(wire.splice(at..at, choices.bytes(255).iter().copied())),
            7 => wire.truncate(at),
            // What was seen before is said again, by whomever.
            _ => {
                let start = choices.below(self.seen.len().clamp(1, 65_535));
                let end = (start + choices.below(2048)).min(self.seen.len());
                wire.extend_from_slice(self.seen.get(start..end).unwrap_or_default());
            }
        }
        self.meddled |= *wire != former;
    }
}
