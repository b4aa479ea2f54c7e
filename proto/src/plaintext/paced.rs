//! Raw text for a program that reads [`READ_BYTES`] at once and decodes what it got: half a character ends it.
//!
//! How much it finds when it reads, nobody can know. But whoever keeps up finds nothing when nothing was written for
//! a while, and then its next read begins with what is written next. So of what is written within one such pause, every
//! piece with a character beyond ASCII lies within the first [`READ_BYTES`]; what lies behind waits for the next pause.
//! A piece that is ASCII alone never waits, because any cut of it is text.

use std::{collections::VecDeque, time::Duration};

use super::READ_BYTES;
use crate::time::Time;

/// A pause: after it, whoever keeps up has read everything.
pub const PAUSE: Duration = Duration::from_millis(50);

/// Text that waits to be written to one such program.
#[derive(Debug, Default)]
pub struct Paced {
    pieces: VecDeque<String>,
    /// How much waits, in bytes.
    bytes: usize,
    /// Written since the last pause, in bytes.
    written: usize,
    /// When something was written last.
    written_at: Option<Time>,
}

impl Paced {
    /// Adds a piece behind what waits.
    ///
    /// # Panics
    /// When it is longer than [`READ_BYTES`].
    pub fn push(&mut self, piece: String) {
        assert!(piece.len() <= READ_BYTES, "a piece is read at once");
        self.bytes += piece.len();
        self.pieces.push_back(piece);
    }

    /// How much waits, in bytes.
    #[must_use]
    pub const fn waiting_bytes(&self) -> usize {
        self.bytes
    }

    /// What is to be written now, in one write; `None` where nothing may be, or waits.
    pub fn next_write(&mut self, now: Time) -> Option<String> {
        if self.pause_ends().is_none_or(|end| end <= now) {
            self.written = 0;
        }
        let room = READ_BYTES.saturating_sub(self.written);
        let piece = self.pieces.pop_front_if(|piece| piece.is_ascii() || piece.len() <= room)?;
        self.bytes -= piece.len();
        self.written += piece.len();
        self.written_at = Some(now);
        Some(piece)
    }

    /// When more may be written; `None` where nothing waits.
    #[must_use]
    pub fn deadline(&self) -> Option<Time> {
        if self.pieces.is_empty() { None } else { self.pause_ends() }
    }

    fn pause_ends(&self) -> Option<Time> {
        self.written_at.map(|at| at + PAUSE)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::plaintext::text::pieces;

    /// Everything that is written, with the time of each write; time jumps to each deadline.
    fn writes(paced: &mut Paced, mut now: Time) -> Vec<(Duration, String)> {
        let mut writes = Vec::new();
        loop {
            while let Some(write) = paced.next_write(now) {
                writes.push((now.since_start(), write));
            }
            match paced.deadline() {
                Some(at) => now = now.max(at),
                None => return writes,
            }
        }
    }

    #[test]
    fn ascii_never_waits() {
        let mut paced = Paced::default();
        for _ in 0..5 {
            paced.push("x".repeat(READ_BYTES));
        }
        assert_eq!(paced.waiting_bytes(), 5 * READ_BYTES);
        let written = writes(&mut paced, Time::ZERO);
        assert_eq!(written, vec![(Duration::ZERO, "x".repeat(READ_BYTES)); 5]);
        assert_eq!(paced.waiting_bytes(), 0);
    }

    #[test]
    fn a_reader_who_keeps_up_never_reads_half_a_character() {
        let mut paced = Paced::default();
        let text = "aé日🙂b".repeat(400);
        for piece in pieces(&text, 400) {
            paced.push(piece.to_owned());
        }
        let mut reads = BTreeMap::<Duration, String>::new();
        for (at, write) in writes(&mut paced, Time::ZERO) {
            *reads.entry(at).or_default() += &write;
        }
        assert!(reads.values().all(|read| read.len() <= READ_BYTES));
        let times = reads.keys().collect::<Vec<_>>();
        assert!(times.windows(2).all(|two| *two[1] - *two[0] >= PAUSE));
        assert_eq!(reads.into_values().collect::<String>(), text);
    }

    #[test]
    fn what_is_written_at_one_time_keeps_its_characters_within_one_read() {
        let mut paced = Paced::default();
        let now = Time::ZERO;
        for piece in [&"x".repeat(READ_BYTES - 2), "é", "y", "zé"] {
            paced.push(piece.to_owned());
        }
        assert_eq!(paced.next_write(now).map(|write| write.len()), Some(READ_BYTES - 2));
        assert_eq!(paced.next_write(now).as_deref(), Some("é"), "it ends just there");
        assert_eq!(paced.next_write(now).as_deref(), Some("y"));
        assert_eq!(paced.next_write(now), None, "it would be cut");
        assert_eq!(paced.deadline(), Some(now + PAUSE));
        assert_eq!(paced.next_write(now + PAUSE).as_deref(), Some("zé"));
        assert_eq!(paced.deadline(), None);
    }
}
