//! The other end of a machine's connection: a real channel, so that a fuzzer gets past the handshake.

use std::{collections::VecDeque, sync::OnceLock};

use papo_proto::{
    channel::{Channel, Preface, StaticKey, Step},
    identity::{Identity, Key},
    limits::FRAME_BYTES_MAX,
    rng::Seed,
};

use super::cursor::Cursor;

/// The identity of a number. Each is made once: that costs more than most of what a story does.
pub(super) fn identity(number: u8) -> Identity {
    static MADE: [OnceLock<Identity>; 256] = [const { OnceLock::new() }; 256];
    MADE[usize::from(number)].get_or_init(|| Identity::from_secret(&[number; 32])).clone()
}

/// Somebody at the other end.
pub(super) struct Remote {
    channel: Channel,
    identity: Identity,
    is_established: bool,
    /// Whether it was dialled and has heard nothing.
    awaits_preface: bool,
    /// Sealed and not sent.
    later: Vec<u8>,
    /// What the machine said, and nobody looked at.
    pub(super) inbox: VecDeque<Vec<u8>>,
}

impl Remote {
    /// One who dials; appends what is said first to `out`.
    pub(super) fn dial(preface: Preface, number: u8, seed: &Seed, conn: u64, out: &mut Vec<u8>) -> Self {
        let (identity, statics) = (identity(number), StaticKey::draw(&mut seed.stream("static", conn)));
        let channel = Channel::dial(preface, identity.clone(), &statics, seed.stream("channel", conn), out);
        Self::new(channel, identity)
    }

    /// One who is dialled.
    pub(super) fn accept(preface: Preface, number: u8, seed: &Seed, conn: u64) -> Self {
        let (identity, statics) = (identity(number), StaticKey::draw(&mut seed.stream("static", conn)));
        let channel = Channel::accept(preface, identity.clone(), &statics, seed.stream("channel", conn));
        Self { awaits_preface: true, ..Self::new(channel, identity) }
    }

    const fn new(channel: Channel, identity: Identity) -> Self {
        Self {
            channel,
            identity,
            is_established: false,
            awaits_preface: false,
            later: Vec::new(),
            inbox: VecDeque::new(),
        }
    }

    /// Whether it is taken for a program of an older system: the machine has dialled it, and begins without a preface.
    pub(super) fn is_taken_for_older(&self, bytes: &[u8]) -> bool {
        self.awaits_preface && !bytes.starts_with(b"papo/")
    }

    /// Hears what the machine said; what is to be answered at once is appended to `out`. A machine always speaks the
    /// protocol.
    pub(super) fn hear(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        self.awaits_preface = false;
        self.channel.handle_bytes(bytes);
        while let Some(step) = self.channel.next_step(FRAME_BYTES_MAX, out).expect("a machine speaks the protocol") {
            match step {
                Step::Identified(_) => self.channel.confirm(out),
                Step::Established(_) => self.is_established = true,
                Step::Message(message) => self.inbox.push_back(message),
            }
        }
    }

    /// Says a message, if it can yet: what is to be sent now, together with what was kept back, or nothing where it is
    /// to be later.
    pub(super) fn say(&mut self, message: &[u8], later: bool) -> Option<Vec<u8>> {
        if !self.is_established || message.is_empty() {
            return None;
        }
        self.channel.seal(message, &mut self.later);
        Some(if later { Vec::new() } else { std::mem::take(&mut self.later) })
    }

    /// What was kept back, glued, but perhaps for its end.
    pub(super) fn say_rest(&mut self, choices: &mut Cursor<'_>) -> Vec<u8> {
        let cut = choices.below(64).min(self.later.len());
        let rest = self.later.split_off(self.later.len() - cut);
        std::mem::replace(&mut self.later, rest)
    }

    pub(super) fn key(&self) -> Key {
        self.identity.key()
    }

    pub(super) const fn identity(&self) -> &Identity {
        &self.identity
    }
}
