//! One stream on its way out: from the blocks that are read to the chunks that are sent.
//!
//! Blocks are read a little ahead of what is sent, end where the stream is a multiple of their length, and are hashed as
//! they come. Where the receiver has a part already, reading begins at the last mark before it; what lies between is
//! hashed and not sent, and the hash is compared with the receiver's before anything goes out.
//!
//! Invariant: nothing is sent beyond the credit, or before the receiver's part is known to be this stream's.

use std::collections::VecDeque;

use super::position::{Marks, Position};
use crate::{
    disk::BLOCK_BYTES_MAX,
    machine::{ConnId, FileId},
    pieces,
    wire::transfer::{AHEAD_BYTES_MAX, CHUNK_BYTES_MAX, ChunkRef, Hash, Reason},
};

/// What an `Accept` asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// The link.
    pub conn: ConnId,
    /// The stream's number there.
    pub stream: u32,
    /// From where.
    pub offset: u64,
    /// The SHA-256 of what is before that.
    pub prefix: Hash,
}

/// One stream on its way out.
#[derive(Debug)]
pub struct Sending {
    wanted: Wanted,
    file: FileId,
    manifest: Vec<u8>,
    total: u64,
    marks: Marks,
    /// How far it was read, and hashed.
    read: Position,
    /// How far reading was asked for.
    asked: u64,
    /// Whether the receiver's part was compared.
    compared: bool,
    /// What was read and not sent.
    blocks: VecDeque<Vec<u8>>,
    /// How much of the first block was sent.
    taken: usize,
    sent: u64,
    credit: u64,
    ended: bool,
}

impl Sending {
    /// A stream of a source that was opened, with its note.
    ///
    /// # Errors
    /// When the receiver's part is not this stream's.
    pub fn new(wanted: Wanted, file: FileId, manifest: Vec<u8>, total: u64, note: &[u8]) -> Result<Self, Reason> {
        let marks = Marks::from_note(note);
        let read = marks.last_up_to(wanted.offset);
        let mut sending = Self {
            wanted,
            file,
            manifest,
            total,
            asked: read.offset(),
            marks,
            read,
            compared: false,
            blocks: VecDeque::new(),
            taken: 0,
            sent: wanted.offset,
            credit: wanted.offset.saturating_add(AHEAD_BYTES_MAX),
            ended: false,
        };
        sending.compare()?;
        Ok(sending)
    }

    /// Over which link, and which stream there.
    #[must_use]
    pub const fn stream(&self) -> (ConnId, u32) {
        (self.wanted.conn, self.wanted.stream)
    }

    /// The source.
    #[must_use]
    pub const fn file(&self) -> FileId {
        self.file
    }

    /// Whether the receiver's part is known to be this stream's.
    #[must_use]
    pub const fn is_compared(&self) -> bool {
        self.compared
    }

    /// How much the receiver has on its disk, as far as is known.
    #[must_use]
    pub const fn kept(&self) -> u64 {
        self.credit - AHEAD_BYTES_MAX
    }

    /// What to read next, while less than `ahead_max` is ahead of what was sent: an offset into the source's stream, and a length. What is of the
    /// manifest is taken from memory at once.
    ///
    /// # Errors
    /// When the receiver's part is not this stream's.
    pub fn next_read(&mut self, ahead_max: usize) -> Result<Option<(u64, usize)>, Reason> {
        while self.asked < self.total {
            let floor = if self.compared { self.sent } else { self.read.offset() };
            let block = BLOCK_BYTES_MAX as u64;
            let length = (block - self.asked % block).min(self.total - self.asked);
            // A part of a chunk is no chunk: with less ahead than one, nothing could be sent.
            if self.asked - floor >= ahead_max.max(CHUNK_BYTES_MAX) as u64 {
                break;
            }
            let from = self.asked;
            let manifest = self.manifest.len() as u64;
            if from >= manifest {
                self.asked += length;
                return Ok(Some((from - manifest, usize::try_from(length).expect("a block is short"))));
            }
            let to = manifest.min(from + length);
            self.asked = to;
            let part = usize::try_from(from).expect("within memory")..usize::try_from(to).expect("within memory");
            let bytes = self.manifest[part].to_vec();
            self.on_read(bytes)?;
        }
        Ok(None)
    }

    /// What was asked for was read. Returns a note to keep, where there is a new one.
    ///
    /// # Errors
    /// When the receiver's part is not this stream's.
    pub fn on_read(&mut self, mut bytes: Vec<u8>) -> Result<Option<Vec<u8>>, Reason> {
        if !self.compared {
            let before = self.wanted.offset - self.read.offset();
            let before = usize::try_from(before).unwrap_or(usize::MAX).min(bytes.len());
            self.read.advance(&bytes[..before]);
            bytes.drain(..before);
            self.compare()?;
        }
        self.read.advance(&bytes);
        if !bytes.is_empty() {
            self.blocks.push_back(bytes);
        }
        Ok(self.marks.keep(&self.read).then(|| self.marks.to_note()))
    }

    fn compare(&mut self) -> Result<(), Reason> {
        if self.read.offset() == self.wanted.offset {
            self.compared = true;
            if self.read.sum() != self.wanted.prefix {
                return Err(Reason::Changed);
            }
        }
        Ok(())
    }

    /// The receiver lets it be sent up to there.
    ///
    /// # Errors
    /// When that is farther than it can have it.
    pub fn on_credit(&mut self, up_to: u64) -> Result<(), Reason> {
        if up_to > self.sent.saturating_add(AHEAD_BYTES_MAX) {
            return Err(Reason::Invalid);
        }
        self.credit = self.credit.max(up_to);
        Ok(())
    }

    /// How long the next chunk is; 0 while there is none. Short ones go out only where nothing more can.
    #[must_use]
    pub fn next_chunk_bytes(&self) -> usize {
        if !self.compared {
            return 0;
        }
        let there = self.read.offset() - self.sent;
        let may = there.min(self.credit.saturating_sub(self.sent));
        let last = may < there || self.read.offset() == self.total;
        if may < CHUNK_BYTES_MAX as u64 && !last {
            return 0;
        }
        usize::try_from(may).unwrap_or(usize::MAX).min(CHUNK_BYTES_MAX)
    }

    /// Appends the message of the next chunk, of [`Self::next_chunk_bytes`].
    pub fn take_chunk(&mut self, out: &mut Vec<u8>) {
        let mut length = self.next_chunk_bytes();
        ChunkRef::encode_start(self.wanted.stream, self.sent, length, out);
        self.sent += length as u64;
        while length > 0 {
            let Some(block) = self.blocks.front() else { return };
            let part = length.min(block.len() - self.taken);
            pieces::append(out, &block[self.taken..self.taken + part]);
            length -= part;
            self.taken += part;
            if self.taken == block.len() {
                self.blocks.pop_front();
                self.taken = 0;
            }
        }
    }

    /// The hash of it all, once, when all was sent.
    pub fn take_end(&mut self) -> Option<Hash> {
        let all = self.compared && self.sent == self.total && self.read.offset() == self.total;
        (all && !std::mem::replace(&mut self.ended, true)).then(|| self.read.sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(length: usize) -> Vec<u8> {
        (0..length).map(|byte| (byte % 251) as u8).collect()
    }

    fn wanted(of: &[u8], offset: usize) -> Wanted {
        let mut before = Position::default();
        before.advance(&of[..offset]);
        Wanted { conn: ConnId(2), stream: 1, offset: offset as u64, prefix: before.sum() }
    }

    /// Reads what is asked for; the chunks that come out, as far as the credit goes.
    fn pump(sending: &mut Sending, source: &[u8], ahead: usize) -> Vec<(u64, Vec<u8>)> {
        let mut chunks = Vec::new();
        loop {
            let read = sending.next_read(ahead).expect("the same stream");
            if let Some((offset, length)) = read {
                let offset = usize::try_from(offset).expect("short");
                sending.on_read(source[offset..offset + length].to_vec()).expect("the same stream");
            }
            let mut sent = false;
            while sending.next_chunk_bytes() > 0 {
                let mut message = Vec::new();
                let length = sending.next_chunk_bytes();
                sending.take_chunk(&mut message);
                assert_eq!(message.len(), ChunkRef::START_BYTES + length);
                let chunk = ChunkRef::from_bytes(&message).expect("a chunk");
                assert_eq!(chunk.stream, 1);
                chunks.push((chunk.offset, chunk.bytes.to_vec()));
                sent = true;
            }
            if read.is_none() && !sent {
                return chunks;
            }
        }
    }

    #[test]
    fn from_every_offset_the_rest_is_sent_in_order_and_ends_with_the_hash_of_all() {
        let all = stream(2 * BLOCK_BYTES_MAX + 777);
        let mut whole = Position::default();
        whole.advance(&all);
        for manifest in [0, 1, 700, BLOCK_BYTES_MAX, BLOCK_BYTES_MAX + 5] {
            for offset in
                [0, 1, manifest, BLOCK_BYTES_MAX - 1, BLOCK_BYTES_MAX, BLOCK_BYTES_MAX + 1, all.len() - 1, all.len()]
            {
                let (head, source) = all.split_at(manifest);
                let want = wanted(&all, offset);
                let mut sending =
                    Sending::new(want, FileId(1), head.to_vec(), all.len() as u64, &[]).expect("the same");
                let chunks = pump(&mut sending, source, BLOCK_BYTES_MAX);
                let mut at = offset;
                for (begins, bytes) in chunks {
                    assert_eq!(begins, at as u64);
                    assert!(!bytes.is_empty() && bytes == all[at..at + bytes.len()]);
                    at += bytes.len();
                }
                assert_eq!(at, all.len(), "from {offset}");
                assert_eq!((sending.take_end(), sending.take_end()), (Some(whole.sum()), None));
            }
        }
    }

    #[test]
    fn no_more_is_sent_than_the_credit_and_no_more_read_than_the_bound() {
        let all = stream(3 << 20);
        let mut sending = Sending::new(wanted(&all, 0), FileId(1), vec![], all.len() as u64, &[]).expect("the same");
        let sum = |chunks: Vec<(u64, Vec<u8>)>| chunks.iter().map(|(_, bytes)| bytes.len() as u64).sum::<u64>();
        assert_eq!(sum(pump(&mut sending, &all, 2 * BLOCK_BYTES_MAX)), AHEAD_BYTES_MAX);
        assert_eq!(sending.asked, AHEAD_BYTES_MAX + 2 * BLOCK_BYTES_MAX as u64);
        sending.on_credit(AHEAD_BYTES_MAX + 5).expect("there is that much");
        assert_eq!(sum(pump(&mut sending, &all, 2 * BLOCK_BYTES_MAX)), 5);
        sending.on_credit(3).expect("an old one does no harm");
        assert_eq!((sending.next_chunk_bytes(), sending.kept()), (0, 5));
        assert_eq!(
            sending.on_credit(2 * AHEAD_BYTES_MAX + 6),
            Err(Reason::Invalid),
            "it cannot have what was not sent"
        );
        sending.on_credit(2 * AHEAD_BYTES_MAX + 5).expect("all that was sent");
    }

    #[test]
    fn another_beginning_is_not_gone_on_with() {
        let all = stream(BLOCK_BYTES_MAX + 10);
        let new = |want| Sending::new(want, FileId(1), vec![], all.len() as u64, &[]);
        let other = Wanted { prefix: Hash([1; 32]), ..wanted(&all, 0) };
        assert_eq!(new(other).map(drop), Err(Reason::Changed));
        let other = Wanted { prefix: Hash([1; 32]), ..wanted(&all, 5) };
        let mut sending = new(other).expect("not compared yet");
        let (_, length) = sending.next_read(BLOCK_BYTES_MAX).expect("not compared yet").expect("room for a block");
        assert_eq!((sending.on_read(all[..length].to_vec()), sending.next_chunk_bytes()), (Err(Reason::Changed), 0));
    }

    #[test]
    fn a_note_saves_reading_from_the_beginning() {
        let all = stream(3 << 20);
        let mut sending = Sending::new(wanted(&all, 0), FileId(1), vec![], all.len() as u64, &[]).expect("the same");
        let mut note = Vec::new();
        while let Some((offset, length)) = sending.next_read(usize::MAX >> 1).expect("the same") {
            let offset = usize::try_from(offset).expect("short");
            if let Some(kept) = sending.on_read(all[offset..offset + length].to_vec()).expect("the same") {
                note = kept;
            }
        }
        let want = wanted(&all, (2 << 20) + 7);
        let mut again = Sending::new(want, FileId(1), vec![], all.len() as u64, &note).expect("the same");
        assert_eq!(again.next_read(BLOCK_BYTES_MAX).expect("the same"), Some((2 << 20, BLOCK_BYTES_MAX)));
    }
}
