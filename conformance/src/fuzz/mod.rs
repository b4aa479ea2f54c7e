//! Fuzz targets: what takes anything, and what must hold whatever comes.
//!
//! A target is a function of bytes that returns, or panics when something does not hold. [`TARGETS`] is the list of
//! all; `conformance/fuzz` runs each under libFuzzer, and a test replays the corpora committed there through the same
//! functions.
//!
//! - [`decoders`]: bytes and texts, into values and back; [`manifest`]: what a directory that is sent consists of.
//! - [`channel`]: one end fed with garbage, two ends with somebody between them.
//! - `room_log`: the log of a room, whatever arrives in whatever order.
//! - [`tracker`], [`peer`]: the root machines; `driver` drives them, `remote`, `others` and `files` are whom they meet.
//! - [`relays`]: the machines of the relays and of their client, and raw text.
//! - [`seeds`], `stories`: where fuzzing begins.
//! - `cursor`: a fuzzer's bytes as choices.

pub mod channel;
mod cursor;
pub mod decoders;
mod driver;
mod files;
pub mod manifest;
mod others;
pub mod peer;
mod relay_seeds;
pub mod relays;
mod remote;
pub mod room_log;
pub mod seeds;
mod stories;
pub mod tracker;

/// A target by its name: that of its binary, of its corpus, and of its function.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name.
    pub name: &'static str,
    /// Returns if everything holds.
    pub run: fn(&[u8]),
    /// How long it runs at least before a release.
    pub budget: Budget,
}

/// How long a target runs at least before a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Budget {
    /// 3 minutes: it has no state.
    Decoder,
    /// 20 minutes: what it can do depends on all that it did.
    Machine,
}

/// Every target.
pub const TARGETS: &[Target] = &[
    decoder("frames", decoders::frames),
    decoder("preface", decoders::preface),
    decoder("to_tracker", decoders::to_tracker),
    decoder("from_tracker", decoders::from_tracker),
    decoder("to_peer", decoders::to_peer),
    decoder("beacon", decoders::beacon),
    decoder("entries", decoders::entries),
    decoder("fields", decoders::fields),
    decoder("manifest", manifest::manifest),
    decoder("names", decoders::names),
    decoder("hexadecimal", decoders::hexadecimal),
    decoder("escaping", decoders::escaping),
    decoder("text_stream", relays::text_stream),
    decoder("tracker_recording", decoders::tracker_recording),
    decoder("peer_recording", decoders::peer_recording),
    machine("channel", channel::channel),
    machine("room_log", room_log::room_log),
    machine("tracker", tracker::tracker),
    machine("peer", peer::peer),
    machine("tcp_relay", relays::tcp_relay),
    machine("udp_relay", relays::udp_relay),
    machine("relay_chat", relays::relay_chat),
];

const fn decoder(name: &'static str, run: fn(&[u8])) -> Target {
    Target { name, run, budget: Budget::Decoder }
}

const fn machine(name: &'static str, run: fn(&[u8])) -> Target {
    Target { name, run, budget: Budget::Machine }
}
