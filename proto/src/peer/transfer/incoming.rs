//! One stream on its way in: from the chunks that come to the blocks that are written.
//!
//! What comes is hashed, first the manifest, then what goes to the stage, in blocks that carry the position at their end
//! as a note. Credit follows what is on the disk, so neither what waits for a slow one nor what would have to be sent
//! again is ever more than [`AHEAD_BYTES_MAX`].
//!
//! Invariant: what is taken is exactly what follows what was taken before, within the credit and the stream.

use std::collections::VecDeque;

use super::position::Position;
use crate::{
    disk::BLOCK_BYTES_MAX,
    machine::{ConnId, FileId},
    pieces,
    wire::transfer::{AHEAD_BYTES_MAX, Hash, Reason},
};

/// A part of the stage's stream that waits to be written.
#[derive(Debug, PartialEq, Eq)]
pub struct Block {
    /// Where in the stage's stream.
    pub offset: u64,
    /// What.
    pub bytes: Vec<u8>,
    /// The position at its end.
    pub note: Vec<u8>,
}

/// How far a stream has come that is all there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// It is not.
    Not,
    /// Being made durable.
    Syncing,
    /// It waits for the store to know.
    Keeping,
    /// Being given its name.
    Publishing,
}

/// One stream on its way in.
#[derive(Debug)]
pub struct Receiving {
    /// The link and the stream there, while there is one.
    pub stream: Option<(ConnId, u32)>,
    /// The stage, from the moment that it was asked for.
    pub file: Option<FileId>,
    /// Whether the stage is open.
    pub opened: bool,
    /// How many names in it were changed.
    pub renamed: u64,
    /// What becomes of it when it is whole.
    pub finish: Finish,
    manifest: u64,
    total: u64,
    /// How far it was taken, and hashed.
    taken: Position,
    /// What of the manifest was taken and not kept.
    head: Vec<u8>,
    /// What is being filled.
    block: Vec<u8>,
    /// The memory of blocks that were written: new memory for each would cost as much as the copying.
    spare: Vec<Vec<u8>>,
    full: VecDeque<Block>,
    /// Ends of what is being written, in the stream.
    writing: VecDeque<u64>,
    kept: u64,
    unsynced: u64,
    sum: Option<Hash>,
}

impl Receiving {
    /// A stream of which `head`, a part of its manifest, is kept.
    #[must_use]
    pub fn new(manifest: u64, total: u64, head: &[u8]) -> Self {
        let mut taken = Position::default();
        taken.advance(head);
        Self {
            stream: None,
            file: None,
            opened: false,
            renamed: 0,
            finish: Finish::Not,
            manifest,
            total,
            kept: taken.offset(),
            taken,
            head: Vec::new(),
            block: Vec::new(),
            spare: Vec::new(),
            full: VecDeque::new(),
            writing: VecDeque::new(),
            unsynced: 0,
            sum: None,
        }
    }

    /// The stage is open, with this note: goes on where that was, if nothing was taken yet.
    pub fn on_opened(&mut self, note: &[u8]) {
        self.opened = true;
        if self.stream.is_none()
            && let Some(position) = Position::decode(note)
            && (self.manifest..=self.total).contains(&position.offset())
        {
            self.kept = position.offset();
            self.taken = position;
        }
    }

    /// Whether the stage was asked for and is not open yet.
    #[must_use]
    pub const fn is_opening(&self) -> bool {
        self.file.is_some() && !self.opened
    }

    /// From where it is to come, and the hash of what is before that.
    #[must_use]
    pub fn resumes_at(&self) -> (u64, Hash) {
        (self.taken.offset(), self.taken.sum())
    }

    /// How much is on the disk.
    #[must_use]
    pub const fn kept(&self) -> u64 {
        self.kept
    }

    /// Up to where it may be sent.
    #[must_use]
    pub const fn credit(&self) -> u64 {
        self.kept.saturating_add(AHEAD_BYTES_MAX)
    }

    /// Whether the manifest has come.
    #[must_use]
    pub const fn has_manifest(&self) -> bool {
        self.taken.offset() >= self.manifest
    }

    /// A chunk came.
    ///
    /// # Errors
    /// When it does not follow what came before.
    pub fn on_chunk(&mut self, offset: u64, bytes: &[u8]) -> Result<(), Reason> {
        let end = offset.checked_add(bytes.len() as u64).ok_or(Reason::Invalid)?;
        if bytes.is_empty()
            || offset != self.taken.offset()
            || end > self.total.min(self.credit())
            || self.sum.is_some()
        {
            return Err(Reason::Invalid);
        }
        let of_manifest = usize::try_from(self.manifest.saturating_sub(offset)).unwrap_or(usize::MAX).min(bytes.len());
        let (head, mut rest) = bytes.split_at(of_manifest);
        self.taken.advance(head);
        self.head.extend_from_slice(head);
        while !rest.is_empty() {
            if self.block.capacity() == 0 {
                self.block = self.spare.pop().unwrap_or_default();
                let left = usize::try_from(self.total - self.taken.offset()).unwrap_or(usize::MAX);
                self.block.reserve_exact(left.min(BLOCK_BYTES_MAX));
            }
            let (part, more) = rest.split_at(rest.len().min(BLOCK_BYTES_MAX - self.block.len()));
            self.taken.advance(part);
            pieces::append(&mut self.block, part);
            if self.block.len() == BLOCK_BYTES_MAX {
                self.flush();
            }
            rest = more;
        }
        Ok(())
    }

    /// All was sent, and has this hash.
    ///
    /// # Errors
    /// When it was not, or has not.
    pub fn on_end(&mut self, sum: Hash) -> Result<(), Reason> {
        if self.taken.offset() != self.total || self.sum.replace(sum).is_some() {
            return Err(Reason::Invalid);
        }
        if self.taken.sum() != sum {
            return Err(Reason::Mismatch);
        }
        self.flush();
        Ok(())
    }

    /// What was begun is to be written.
    pub fn flush(&mut self) {
        if !self.block.is_empty() {
            let bytes = std::mem::take(&mut self.block);
            let offset = self.taken.offset() - self.manifest - bytes.len() as u64;
            let mut note = Vec::new();
            self.taken.encode(&mut note);
            self.full.push_back(Block { offset, bytes, note });
        }
    }

    /// What of the manifest is to be kept now: a good part of it, or its end.
    pub fn take_head(&mut self) -> Option<Vec<u8>> {
        if self.head.is_empty() || (self.head.len() < BLOCK_BYTES_MAX && !self.has_manifest()) {
            return None;
        }
        self.kept += self.head.len() as u64;
        Some(std::mem::take(&mut self.head))
    }

    /// The next block to write, once the stage is open.
    pub fn next_block(&mut self) -> Option<Block> {
        let block = if self.opened { self.full.pop_front() } else { None }?;
        self.writing.push_back(self.manifest + block.offset + block.bytes.len() as u64);
        Some(block)
    }

    /// The first of the blocks that are being written is on the disk; its memory comes back.
    pub fn on_written(&mut self, block: Vec<u8>) {
        self.spare.push(block);
        if let Some(end) = self.writing.pop_front() {
            self.unsynced += end - self.kept;
            self.kept = end;
        }
    }

    /// Whether so much was written that it has to be made durable; then it counts anew.
    pub const fn take_unsynced(&mut self, bytes_max: usize) -> bool {
        let over = self.unsynced >= bytes_max as u64;
        if over {
            self.unsynced = 0;
        }
        over
    }

    /// Its hash, when all of it is written.
    #[must_use]
    pub fn whole(&self) -> Option<Hash> {
        self.sum.filter(|_| self.opened && self.kept == self.total && self.writing.is_empty() && self.full.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(length: usize) -> Vec<u8> {
        (0..length).map(|byte| (byte % 251) as u8).collect()
    }

    fn sum(of: &[u8]) -> Hash {
        let mut position = Position::default();
        position.advance(of);
        position.sum()
    }

    fn receiving(manifest: usize, total: usize) -> Receiving {
        Receiving { opened: true, ..Receiving::new(manifest as u64, total as u64, &[]) }
    }

    #[test]
    fn what_comes_is_cut_into_blocks_that_know_where_they_end() {
        let all = stream(10 + BLOCK_BYTES_MAX + 5);
        for chunk in [1_000, 16_351] {
            let mut taking = receiving(10, all.len());
            for (number, bytes) in all.chunks(chunk).enumerate() {
                taking.on_chunk((number * chunk) as u64, bytes).expect("in order");
            }
            assert_eq!(taking.take_head().as_deref(), Some(&all[..10]));
            taking.on_end(sum(&all)).expect("all of it");
            for (offset, length) in [(0, BLOCK_BYTES_MAX), (BLOCK_BYTES_MAX, 5)] {
                let block = taking.next_block().expect("a block");
                let end = 10 + offset + length;
                assert_eq!((block.offset, &*block.bytes), (offset as u64, &all[10 + offset..end]));
                let position = Position::decode(&block.note).expect("a position");
                assert_eq!((position.offset(), position.sum()), (end as u64, sum(&all[..end])));
            }
            assert_eq!((taking.next_block(), taking.whole()), (None, None));
            taking.on_written(Vec::new());
            taking.on_written(Vec::new());
            assert_eq!((taking.kept(), taking.whole()), (all.len() as u64, Some(sum(&all))));
        }
    }

    #[test]
    fn what_does_not_follow_is_refused() {
        let all = stream(100);
        let begun = || {
            let mut taking = receiving(0, 100);
            taking.on_chunk(0, &all[..50]).expect("in order");
            taking
        };
        for (offset, bytes) in
            [(0, &all[..50]), (51, &all[51..60]), (49, &all[49..60]), (50, &all[..51]), (50, &[][..])]
        {
            assert_eq!(begun().on_chunk(offset, bytes), Err(Reason::Invalid), "{} at {offset}", bytes.len());
        }
        assert_eq!(begun().on_chunk(u64::MAX, &all[..1]), Err(Reason::Invalid));
        assert_eq!(begun().on_end(sum(&all)), Err(Reason::Invalid), "too early");
        let mut taking = begun();
        taking.on_chunk(50, &all[50..]).expect("in order");
        assert_eq!(taking.on_end(Hash([1; 32])), Err(Reason::Mismatch));
        assert_eq!(taking.on_end(sum(&all)), Err(Reason::Invalid), "twice");
    }

    #[test]
    fn no_more_is_taken_than_the_credit() {
        let all = stream(usize::try_from(AHEAD_BYTES_MAX).expect("small") + BLOCK_BYTES_MAX);
        let mut taking = receiving(0, all.len());
        let credit = usize::try_from(taking.credit()).expect("small");
        taking.on_chunk(0, &all[..credit - 1]).expect("within");
        assert_eq!(taking.on_chunk(credit as u64 - 1, &all[..2]), Err(Reason::Invalid));
        taking.on_chunk(credit as u64 - 1, &all[..1]).expect("up to it");
        assert!(taking.next_block().is_some());
        taking.on_written(Vec::new());
        assert_eq!(taking.credit(), AHEAD_BYTES_MAX + BLOCK_BYTES_MAX as u64);
        taking.on_chunk(credit as u64, &all[..BLOCK_BYTES_MAX]).expect("up to the new one");
    }

    #[test]
    fn the_memory_of_what_was_written_takes_what_comes_next() {
        let all = stream(3 * BLOCK_BYTES_MAX);
        let mut taking = receiving(0, all.len());
        let mut memory = None;
        for (number, bytes) in all.chunks(BLOCK_BYTES_MAX).enumerate() {
            taking.on_chunk((number * BLOCK_BYTES_MAX) as u64, bytes).expect("in order");
            let mut block = taking.next_block().expect("a block").bytes;
            assert_eq!(block, bytes);
            assert_eq!(*memory.get_or_insert(block.as_ptr()), block.as_ptr());
            block.clear();
            taking.on_written(block);
        }
    }

    #[test]
    fn a_note_is_gone_on_from_where_it_can_be() {
        let all = stream(100);
        let mut at = Position::default();
        at.advance(&all[..60]);
        let mut note = Vec::new();
        at.encode(&mut note);
        let opened = |manifest, total: usize, head: &[u8], note: &[u8]| {
            let mut taking = Receiving::new(manifest, total as u64, head);
            taking.on_opened(note);
            taking.resumes_at()
        };
        assert_eq!(opened(10, 100, &all[..10], &note), (60, sum(&all[..60])));
        assert_eq!(opened(10, 100, &all[..10], &[]), (10, sum(&all[..10])));
        assert_eq!(opened(10, 100, &all[..10], &note[1..]), (10, sum(&all[..10])));
        assert_eq!(opened(70, 100, &all[..70], &note).0, 70, "within the manifest");
        assert_eq!(opened(10, 59, &all[..10], &note).0, 10, "beyond the end");
    }
}
