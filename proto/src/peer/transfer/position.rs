//! How far a stream has been hashed, in a form that survives the program.
//!
//! A [`Position`] is an offset and the state of SHA-256 there, so that whoever resumes at the offset need not read what
//! is before it. The receiver notes one with each block that it writes. The sender keeps [`Marks`], for it does not know
//! where the receiver will want to go on.
//!
//! Invariant: a position's sum is that of the stream's first `offset` bytes.

use std::{collections::VecDeque, fmt};

use sha2::{
    Digest as _, Sha256,
    digest::common::hazmat::{SerializableState as _, SerializedState},
};

use crate::{disk::NOTE_BYTES_MAX, wire::transfer::Hash};

/// The length of a written position.
pub const POSITION_BYTES: usize = 8 + size_of::<SerializedState<Sha256>>();

/// How far a stream has been hashed.
#[derive(Clone)]
pub struct Position {
    offset: u64,
    hash: Sha256,
}

impl Default for Position {
    fn default() -> Self {
        Self { offset: 0, hash: Sha256::new() }
    }
}

impl fmt::Debug for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Position({})", self.offset)
    }
}

impl Position {
    /// How many bytes were hashed.
    #[must_use]
    pub const fn offset(&self) -> u64 {
        self.offset
    }

    /// Hashes what follows.
    pub fn advance(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        self.offset += bytes.len() as u64;
    }

    /// The SHA-256 up to here.
    #[must_use]
    pub fn sum(&self) -> Hash {
        Hash(self.hash.clone().finalize().into())
    }

    /// Appends its [`POSITION_BYTES`].
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.offset.to_be_bytes());
        out.extend_from_slice(&self.hash.serialize());
    }

    /// What [`Self::encode`] wrote; `None` where it is something else.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (offset, state) = bytes.split_first_chunk()?;
        let hash = Sha256::deserialize(&SerializedState::<Sha256>::try_from(state).ok()?).ok()?;
        Some(Self { offset: u64::from_be_bytes(*offset), hash })
    }
}

/// Positions are marked where the offset is a multiple of this.
const MARK_BYTES: u64 = 1 << 20;
/// So far back every one is kept: a receiver that was cut off or killed goes on in there.
const NEAR_BYTES: u64 = 4 * MARK_BYTES;
/// Farther back, those at multiples of this are kept.
const SPARSE_BYTES: u64 = 8 * MARK_BYTES;
/// So far back: a receiver that lost power goes on in there.
const FAR_BYTES: u64 = 128 * MARK_BYTES;
const MARKS_MAX: u64 = NEAR_BYTES / MARK_BYTES + 1 + FAR_BYTES / SPARSE_BYTES;
const _: () = assert!(MARKS_MAX as usize * POSITION_BYTES <= NOTE_BYTES_MAX, "all marks fit a note");

/// Where the sender can begin to hash again.
#[derive(Debug, Default)]
pub struct Marks(VecDeque<Position>);

impl Marks {
    /// Keeps a position, if it is one to be kept: whether it is.
    pub fn keep(&mut self, position: &Position) -> bool {
        let at = position.offset;
        if !at.is_multiple_of(MARK_BYTES) || self.0.back().is_some_and(|last| last.offset >= at) {
            return false;
        }
        self.0.push_back(position.clone());
        self.0.retain(|mark| {
            let back = at - mark.offset;
            back <= NEAR_BYTES || (mark.offset.is_multiple_of(SPARSE_BYTES) && back < FAR_BYTES)
        });
        true
    }

    /// The last one that is not beyond an offset; the beginning, where there is none.
    #[must_use]
    pub fn last_up_to(&self, offset: u64) -> Position {
        self.0.iter().rev().find(|mark| mark.offset <= offset).cloned().unwrap_or_default()
    }

    /// All of them, for a note.
    #[must_use]
    pub fn to_note(&self) -> Vec<u8> {
        let mut note = Vec::with_capacity(self.0.len() * POSITION_BYTES);
        for mark in &self.0 {
            mark.encode(&mut note);
        }
        note
    }

    /// Those of a note; none where it is something else.
    #[must_use]
    pub fn from_note(note: &[u8]) -> Self {
        let marks = note.chunks(POSITION_BYTES).map(Position::decode).collect::<Option<VecDeque<_>>>();
        let rising = |marks: &VecDeque<Position>| {
            marks.iter().zip(marks.iter().skip(1)).all(|(one, next)| one.offset < next.offset)
        };
        Self(marks.filter(rising).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(bytes: &[u8]) -> Position {
        let mut position = Position::default();
        position.advance(bytes);
        position
    }

    #[test]
    fn a_written_position_goes_on_where_it_was() {
        let stream = (0..1000_u32).flat_map(u32::to_be_bytes).collect::<Vec<_>>();
        let whole = at(&stream).sum();
        assert_eq!(whole.0, <[u8; 32]>::from(Sha256::digest(&stream)));
        for cut in [0, 1, 63, 64, 65, 127, 128, 3999, 4000] {
            let mut note = Vec::new();
            at(&stream[..cut]).encode(&mut note);
            assert_eq!(note.len(), POSITION_BYTES);
            let mut position = Position::decode(&note).expect("as written");
            assert_eq!((position.offset(), position.sum()), (cut as u64, at(&stream[..cut]).sum()));
            position.advance(&stream[cut..]);
            assert_eq!(position.sum(), whole, "cut at {cut}");
        }
    }

    #[test]
    fn what_is_no_position_is_none() {
        let mut note = Vec::new();
        at(b"x").encode(&mut note);
        assert!(Position::decode(&[]).is_none());
        assert!(Position::decode(&note[1..]).is_none());
        note.push(0);
        assert!(Position::decode(&note).is_none());
        assert!(Position::decode(&[0xff; POSITION_BYTES]).is_none(), "a state that cannot be");
    }

    #[test]
    fn marks_stay_near_the_end_and_sparsely_far_back() {
        let mut marks = Marks::default();
        let mut position = Position::default();
        for block in 1..=800 {
            position.advance(&vec![0; 256 * 1024]);
            assert_eq!(marks.keep(&position), block % 4 == 0);
            assert!(!marks.keep(&position), "once");
        }
        let last = |offset: u64| marks.last_up_to(offset << 20).offset() >> 20;
        assert_eq!((last(200), last(199), last(196), last(195)), (200, 199, 196, 192));
        assert_eq!((last(137), last(80), last(79), last(u64::from(u32::MAX))), (136, 80, 0, 200));
        let again = Marks::from_note(&marks.to_note());
        assert_eq!(again.to_note(), marks.to_note());
        assert!(again.0.len() as u64 <= MARKS_MAX && again.to_note().len() <= NOTE_BYTES_MAX);
        assert_eq!(Marks::from_note(&marks.to_note()[1..]).0.len(), 0);
        let twice = [marks.to_note(), marks.to_note()].concat();
        assert_eq!(Marks::from_note(&twice).0.len(), 0, "they rise");
    }
}
