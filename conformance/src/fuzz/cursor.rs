//! A fuzzer's bytes, read as choices.
//!
//! Whatever the bytes are, every choice is a valid one, and there is always another: past the end all are zero. A
//! target that goes on for as long as there are operations asks [`Cursor::next_operation`].

use papo_proto::rng::Seed;

/// What all keys of a story follow from. It follows from the whole input: a fuzzer that sees what is sealed in one story
/// can't say it in another.
pub(super) fn seed_of(data: &[u8]) -> Seed {
    let hash = data
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    let mut seed = [7; 32];
    seed[..8].copy_from_slice(&hash.to_be_bytes());
    Seed(seed)
}

/// Reads choices from the front.
#[derive(Debug)]
pub(super) struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Which operation comes next; `None` at the end.
    pub(super) const fn next_operation(&mut self) -> Option<u8> {
        let Some((&first, rest)) = self.0.split_first() else { return None };
        self.0 = rest;
        Some(first)
    }

    /// A byte.
    pub(super) fn byte(&mut self) -> u8 {
        self.next_operation().unwrap_or(0)
    }

    /// Yes or no.
    pub(super) fn flag(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    /// A number of two bytes.
    pub(super) fn short(&mut self) -> u16 {
        u16::from_be_bytes([self.byte(), self.byte()])
    }

    /// A number below `count`, which is not 0.
    pub(super) fn below(&mut self, count: usize) -> usize {
        usize::from(if count > 256 { self.short() } else { u16::from(self.byte()) }) % count
    }

    /// One of several.
    pub(super) fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())].clone()
    }

    /// One of those that are there now, if any.
    pub(super) fn any<T>(&mut self, mut from: impl ExactSizeIterator<Item = T>) -> Option<T> {
        if from.len() == 0 { None } else { from.nth(self.below(from.len())) }
    }

    /// As many bytes as a length in front says, `max` at most.
    pub(super) fn bytes(&mut self, max: usize) -> &'a [u8] {
        let length = self.below(max + 1).min(self.0.len());
        let (taken, rest) = self.0.split_at(length);
        self.0 = rest;
        taken
    }

    /// A text of at most `max` bytes.
    pub(super) fn text(&mut self, max: usize) -> String {
        let mut text = String::from_utf8_lossy(self.bytes(max)).into_owned();
        while text.len() > max {
            text.pop();
        }
        text
    }

    /// Everything that is left.
    pub(super) fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }
}
