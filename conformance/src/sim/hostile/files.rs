//! What somebody who is linked can do with files: offers that no one should take, streams that are not what was
//! offered, and answers that nobody is owed.
//!
//! Nothing that it sends ever has the hash that it says, so nothing of its may get a name anywhere.

use std::ops::Range;

use papo_proto::{
    machine::ConnId,
    wire::{
        codec::{Bytes, Text},
        peer::ToPeer,
        transfer::{Audience, CHUNK_BYTES_MAX, Hash, Offer, Reason, TransferId},
    },
};

use super::machine::{Hostile, Out};

/// What is sent to the end is no longer than this.
const WHOLE_MAX: u64 = 70_000;
/// Offers of one turn; now and then many more than anybody takes.
const OFFERS: usize = 3;
const OFFERS_MAX: usize = 200;
/// So much of each kind is remembered.
const IDS_MAX: usize = 16;
/// Names that must not be taken as they are.
const NAMES: &[&str] = &[
    "..",
    ".",
    "../x",
    "/etc/passwd",
    "a/b",
    "C:\\x",
    "CON",
    "nul.txt",
    ".bashrc",
    "-rf",
    "x.",
    "x ",
    "a\u{202e}b",
    "\u{1b}[2J",
    "\n",
    "papagaio-a.txt",
    "x",
];
/// Sizes at which sums and loops go wrong.
const SIZES: &[u64] = &[0, 1, 5, 300, 70_000, 1 << 40, 1 << 62, (1 << 62) + 1, 1 << 63, u64::MAX];

/// A stream that somebody opened by accepting.
#[derive(Debug, Clone, Copy)]
pub(super) struct Opened {
    conn: ConnId,
    stream: u32,
    offset: u64,
    /// How long it is, manifest and all, as it was offered.
    total: u64,
}

/// What it remembers of files.
#[derive(Debug, Default)]
pub(super) struct Files {
    /// With the length of its stream.
    offered: Vec<(TransferId, u64)>,
    heard: Vec<TransferId>,
    opened: Vec<Opened>,
}

impl Files {
    /// Somebody offers something.
    pub(super) fn on_offer(&mut self, transfer: TransferId) {
        remember(&mut self.heard, transfer);
    }

    /// Somebody accepts what it offered.
    pub(super) fn on_accept(&mut self, conn: ConnId, transfer: TransferId, stream: u32, offset: u64) {
        let offered = self.offered.iter().rfind(|(known, _)| *known == transfer);
        let total = offered.map_or(u64::MAX, |(_, total)| *total);
        remember(&mut self.opened, Opened { conn, stream, offset, total });
    }
}

/// The newest, and the oldest no more.
fn remember<T>(known: &mut Vec<T>, newest: T) {
    known.push(newest);
    let over = known.len().saturating_sub(IDS_MAX);
    known.drain(..over);
}

impl Hostile {
    fn next_transfer(&mut self) -> TransferId {
        let mut id = [0; 16];
        id.copy_from_slice(&self.luck.next_seed().0[..16]);
        TransferId(id)
    }

    fn next_hash(&mut self) -> Hash {
        Hash(self.luck.next_seed().0)
    }

    /// One of the transfers of which it knows, or none that there is.
    fn pick_transfer(&mut self) -> TransferId {
        let known = self
            .files
            .offered
            .iter()
            .map(|(transfer, _)| transfer)
            .chain(&self.files.heard)
            .copied()
            .collect::<Vec<_>>();
        if known.is_empty() || self.luck.chance(0.2) { self.next_transfer() } else { *self.luck.pick(&known) }
    }

    fn next_offer(&mut self) -> Offer {
        let small = self.luck.chance(0.5);
        let name = if small { "papagaio-intrusion" } else { *self.luck.pick(NAMES) };
        let tree = self.luck.chance(0.4);
        Offer {
            name: Text::new(name.to_owned()).expect("short"),
            tree,
            executable: self.luck.chance(0.5),
            size: if small { 1 + self.luck.below(WHOLE_MAX as usize) as u64 } else { *self.luck.pick(SIZES) },
            files: *self.luck.pick(&[1, 1, 0, 2, 65_536, u32::MAX]),
            manifest: if tree { *self.luck.pick(&[20, 0, 4_000, 4 << 20, u32::MAX]) } else { 0 },
            audience: Audience::Private,
        }
    }
}

/// Offers of what cannot be, under names that must not be, and many of them; some under an id that was used.
pub(super) fn offers(node: &mut Hostile, out: &mut Out) {
    let Some(link) = node.pick_link() else { return };
    let count = if node.luck.chance(0.05) { OFFERS_MAX } else { OFFERS };
    for _ in 0..count {
        let transfer = if node.luck.chance(0.1) { node.pick_transfer() } else { node.next_transfer() };
        let offer = node.next_offer();
        remember(&mut node.files.offered, (transfer, offer.stream_bytes()));
        node.say_to_peer(link, &ToPeer::Offer { transfer, offer }, out);
    }
}

/// Streams that were opened: with bytes that nobody offered, in another order, too many, or ended too soon; or just as
/// long as was offered, and with another hash than is said.
pub(super) fn streams(node: &mut Hostile, out: &mut Out) {
    offers(node, out);
    let Some(at) = node.files.opened.len().checked_sub(1) else { return };
    let Opened { conn, stream, offset, total } = node.files.opened[at];
    if total.saturating_sub(offset) <= WHOLE_MAX && node.luck.chance(0.5) {
        node.files.opened.remove(at);
        return stream_whole(node, conn, stream, offset..total, out);
    }
    let count = 1 + node.luck.below(4);
    let mut offset = offset;
    for _ in 0..count {
        let length = *node.luck.pick(&[1, 20, 300, CHUNK_BYTES_MAX]);
        let bytes = Bytes::new(node.next_bytes(length)).expect("no longer than a chunk may be");
        let wrong = node.luck.chance(0.1);
        let at = if wrong { node.luck.between(0, u64::MAX - 1) } else { offset };
        node.say_to_peer(conn, &ToPeer::Chunk { stream, offset: at, bytes }, out);
        offset = offset.wrapping_add(length as u64);
    }
    node.files.opened[at].offset = offset;
    if node.luck.chance(0.4) {
        let sha256 = node.next_hash();
        node.say_to_peer(conn, &ToPeer::End { stream, sha256 }, out);
        node.files.opened.remove(at);
    }
}

/// All that is missing of a stream, and its end with a hash that is none.
fn stream_whole(node: &mut Hostile, conn: ConnId, stream: u32, missing: Range<u64>, out: &mut Out) {
    let mut offset = missing.start;
    while offset < missing.end {
        let length = usize::try_from(missing.end - offset).expect("it is short").min(CHUNK_BYTES_MAX);
        let bytes = Bytes::new(vec![7; length]).expect("no longer than a chunk may be");
        node.say_to_peer(conn, &ToPeer::Chunk { stream, offset, bytes }, out);
        offset += length as u64;
    }
    let sha256 = node.next_hash();
    node.say_to_peer(conn, &ToPeer::End { stream, sha256 }, out);
}

/// Answers that nobody is owed: acceptances of what was not offered or from where nothing is, credit without end, and
/// words about transfers that are somebody else's.
pub(super) fn demands(node: &mut Hostile, out: &mut Out) {
    let Some(link) = node.pick_link() else { return };
    let (transfer, prefix) = (node.pick_transfer(), node.next_hash());
    let stream = *node.luck.pick(&[0, 1, 2, 3, u32::MAX]);
    let far = *node.luck.pick(SIZES);
    let message = match node.luck.below(7) {
        0 | 1 => ToPeer::Accept { transfer, stream, offset: far, prefix },
        2 => ToPeer::Credit { stream, up_to: far },
        3 => ToPeer::Whole { transfer },
        4 => ToPeer::Pause { transfer, paused: node.luck.chance(0.5) },
        5 => ToPeer::Refuse { transfer, reason: *node.luck.pick(Reason::ALL) },
        _ => ToPeer::Withdraw { transfer, reason: *node.luck.pick(Reason::ALL) },
    };
    node.say_to_peer(link, &message, out);
}
