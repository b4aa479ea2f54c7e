//! Files, as those see them whom a fuzzed peer meets: what it has, what it says of that, and what they say of theirs.

use papo_proto::{
    disk::memory::MemoryDisk,
    wire::{
        codec::Text,
        peer::ToPeer,
        transfer::{Audience, Chunk, Hash, Offer, Reason, TransferId},
    },
};
use sha2::{Digest as _, Sha256};

use super::cursor::Cursor;

/// What the fuzzed peer has, and what it has not.
const PATHS: [&str; 4] = ["/home/small", "/home/big", "/home/tree", "/home/none"];
/// So much of a stream is remembered.
const STREAM_BYTES_MAX: usize = 1 << 20;

/// Puts there what the fuzzed peer has.
pub(super) fn put(files: &mut MemoryDisk) {
    files.put_file(PATHS[0], b"oi", true);
    files.put_file(PATHS[1], &[7; 300_000], false);
    files.put_directory(PATHS[2]);
    files.put_file("/home/tree/a", b"a", false);
    files.put_directory("/home/tree/b");
}

/// Something that may be sent.
pub(super) fn path(choices: &mut Cursor<'_>) -> String {
    choices.pick(&PATHS).to_owned()
}

/// The number of a transfer, as its person knows it.
pub(super) fn number(choices: &mut Cursor<'_>) -> u64 {
    u64::from(choices.byte() % 6)
}

/// A stream's bytes from its beginning, as far as they followed each other.
#[derive(Default)]
struct Stream(Vec<u8>);

impl Stream {
    fn on_chunk(&mut self, offset: u64, bytes: &[u8]) {
        let Some(offset) = usize::try_from(offset).ok().filter(|offset| *offset <= self.0.len()) else { return };
        self.0.truncate(offset);
        self.0.extend_from_slice(&bytes[..bytes.len().min(STREAM_BYTES_MAX - offset)]);
    }

    /// The hash of as many bytes, or of all.
    fn sum(&self, bytes: u64) -> Hash {
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX).min(self.0.len());
        Hash(Sha256::digest(&self.0[..bytes]).into())
    }
}

/// What of the fuzzed peer's files was heard, and what was said of the others'.
#[derive(Default)]
pub(super) struct Files {
    offered: Vec<TransferId>,
    heard: Stream,
    said: Stream,
}

impl Files {
    /// The fuzzed peer says something of a transfer.
    pub(super) fn hear(&mut self, message: &ToPeer) {
        if let ToPeer::Offer { transfer, .. } = message {
            self.offered.retain(|known| known != transfer);
            self.offered.push(*transfer);
        } else if let ToPeer::Chunk { offset, bytes, .. } = message {
            self.heard.on_chunk(*offset, bytes);
        }
    }

    /// Somebody says something of a transfer: mostly of one that is there.
    pub(super) fn next(&mut self, choices: &mut Cursor<'_>) -> ToPeer {
        let fresh = TransferId([choices.byte() % 4; 16]);
        let transfer = choices.any(self.offered.iter()).copied().filter(|_| choices.byte() < 0xc0).unwrap_or(fresh);
        let stream = u32::from(choices.byte() % 3);
        let (heard, said) = (self.heard.0.len() as u64, self.said.0.len() as u64);
        let offset = choices.pick(&[0, 0, 1, 2, said, heard, 9, 300_000, 1 << 20, 1 << 63, u64::MAX]);
        match choices.below(10) {
            0 | 1 => ToPeer::Offer { transfer: fresh, offer: offer(choices) },
            2 | 3 => ToPeer::Accept { transfer, stream, offset, prefix: self.heard.sum(offset) },
            4 | 5 => {
                let bytes = choices.bytes(40);
                self.said.on_chunk(offset, bytes);
                ToPeer::Chunk { stream, offset, bytes: Chunk::new(bytes).unwrap_or_default() }
            }
            6 => ToPeer::Credit { stream, up_to: offset },
            7 => ToPeer::End { stream, sha256: self.said.sum(offset) },
            8 => match choices.below(3) {
                0 => ToPeer::Whole { transfer },
                1 => ToPeer::Refuse { transfer, reason: choices.pick(Reason::ALL) },
                _ => ToPeer::Withdraw { transfer, reason: choices.pick(Reason::ALL) },
            },
            _ => ToPeer::Pause { transfer, paused: choices.flag() },
        }
    }
}

fn offer(choices: &mut Cursor<'_>) -> Offer {
    let called = choices.pick(&["x", "../x", "/x", "CON", ".x", "", "a\u{202e}b"]);
    Offer {
        name: Text::new(called).unwrap_or_default(),
        tree: choices.flag(),
        executable: choices.flag(),
        size: choices.pick(&[0, 2, 2, 9, 1 << 62, 1 << 63]),
        files: choices.pick(&[1, 1, 0, 2]),
        manifest: choices.pick(&[0, 0, 12, 24, u32::MAX]),
        audience: Audience::Private,
    }
}
