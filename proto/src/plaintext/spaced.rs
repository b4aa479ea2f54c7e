//! Objects for a program that takes what one read brings for one object: each is one write, and no two reach it
//! glued together.
//!
//! - A reply goes out at once when what it answers was asked after everything that was written so far, and that was a
//!   reply, too: whoever asks has read what came before. Else it waits for a pause.
//! - A push waits for a pause, and what follows it does: nobody can know when it is read.
//!
//! Invariant: they leave in the order in which they came, but that a push which another one has overtaken may be left
//! out.

use std::collections::VecDeque;

use super::paced::PAUSE;
use crate::time::Time;

/// How many objects had been written when something was asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Asked(u64);

#[derive(Debug)]
enum Kind<T> {
    Reply(Asked),
    Push(T),
}

/// Objects that wait to be written to one such program; a push is about a `T`.
#[derive(Debug)]
pub struct Spaced<T> {
    waiting: VecDeque<(String, Kind<T>)>,
    /// How much waits, in bytes.
    bytes: usize,
    written: u64,
    /// When something was written last, and whether that was a reply.
    last: Option<(Time, bool)>,
}

impl<T> Default for Spaced<T> {
    fn default() -> Self {
        Self { waiting: VecDeque::new(), bytes: 0, written: 0, last: None }
    }
}

/// What is to be written now, in one write.
#[derive(Debug, PartialEq, Eq)]
pub struct Write {
    /// The object.
    pub object: String,
    /// Whether it answers something.
    pub is_reply: bool,
}

impl<T> Spaced<T> {
    /// To be noted of a request when its first byte comes.
    #[must_use]
    pub const fn asked(&self) -> Asked {
        Asked(self.written)
    }

    /// Adds the answer to what was asked then.
    pub fn reply(&mut self, object: String, asked: Asked) {
        self.add(object, Kind::Reply(asked));
    }

    /// Adds something that nobody asked for.
    pub fn push(&mut self, object: String, about: T) {
        self.add(object, Kind::Push(about));
    }

    fn add(&mut self, object: String, kind: Kind<T>) {
        self.bytes += object.len();
        self.waiting.push_back((object, kind));
    }

    /// How many objects wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// How much waits, in bytes.
    #[must_use]
    pub const fn waiting_bytes(&self) -> usize {
        self.bytes
    }

    /// Leaves out the oldest push that waits and is about such; says whether there was one.
    pub fn leave_out(&mut self, is_such: impl Fn(&T) -> bool) -> bool {
        let is_old = |(_, kind): &(String, Kind<T>)| matches!(kind, Kind::Push(about) if is_such(about));
        let old = self.waiting.iter().position(is_old).and_then(|place| self.waiting.remove(place));
        self.bytes -= old.as_ref().map_or(0, |(object, _)| object.len());
        old.is_some()
    }

    /// What is to be written now; `None` where nothing may be, or waits.
    pub fn next_write(&mut self, now: Time) -> Option<Write> {
        self.deadline().filter(|&at| at <= now)?;
        let (object, kind) = self.waiting.pop_front()?;
        let is_reply = matches!(kind, Kind::Reply(_));
        self.bytes -= object.len();
        self.written += 1;
        self.last = Some((now, is_reply));
        Some(Write { object, is_reply })
    }

    /// When the next one may be written, in the past where it may be at once; `None` where nothing waits.
    #[must_use]
    pub fn deadline(&self) -> Option<Time> {
        let (_, kind) = self.waiting.front()?;
        let (at, after_reply) = self.last.unwrap_or((Time::ZERO, true));
        let has_read = match kind {
            Kind::Reply(asked) => after_reply && asked.0 == self.written,
            Kind::Push(_) => self.written == 0,
        };
        Some(if has_read { at } else { at + PAUSE })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::ms;

    fn at(since: u64) -> Time {
        Time::ZERO + ms(since)
    }

    /// Everything that is written, as time jumps from deadline to deadline.
    fn writes(spaced: &mut Spaced<u8>, mut now: Time) -> Vec<String> {
        let mut writes = Vec::new();
        while let Some(deadline) = spaced.deadline() {
            now = now.max(deadline);
            let write = spaced.next_write(now).expect("it is due");
            writes.push(format!("{} {}", now.since_start().as_millis(), write.object));
        }
        assert_eq!(spaced.waiting_bytes(), 0);
        writes
    }

    #[test]
    fn who_asks_after_each_reply_is_answered_at_once() {
        let mut spaced = Spaced::<u8>::default();
        for number in 0..3 {
            let asked = spaced.asked();
            spaced.reply(number.to_string(), asked);
            assert_eq!(writes(&mut spaced, at(7)), [format!("7 {number}")]);
        }
    }

    #[test]
    fn replies_to_what_was_asked_at_once_stand_apart() {
        let mut spaced = Spaced::<u8>::default();
        let asked = spaced.asked();
        for object in ["a", "b", "c"] {
            spaced.reply(object.to_owned(), asked);
        }
        assert_eq!((spaced.waiting(), spaced.waiting_bytes()), (3, 3));
        assert_eq!(writes(&mut spaced, at(7)), ["7 a", "57 b", "107 c"]);
    }

    #[test]
    fn nothing_stands_near_a_push() {
        let mut spaced = Spaced::<u8>::default();
        spaced.push("p".to_owned(), 1);
        spaced.push("q".to_owned(), 1);
        assert_eq!(writes(&mut spaced, at(7)), ["7 p", "57 q"]);
        // Asked long after the push, but who knows whether it was read.
        let asked = spaced.asked();
        spaced.reply("a".to_owned(), asked);
        assert_eq!(writes(&mut spaced, at(60)), ["107 a"]);
        spaced.push("r".to_owned(), 1);
        assert_eq!(writes(&mut spaced, at(110)), ["157 r"]);
        let asked = spaced.asked();
        spaced.reply("b".to_owned(), asked);
        assert_eq!(writes(&mut spaced, at(1_000)), ["1000 b"]);
    }

    #[test]
    fn a_reply_whose_question_crossed_another_reply_waits() {
        let mut spaced = Spaced::<u8>::default();
        let first = spaced.asked();
        let second = spaced.asked();
        spaced.reply("a".to_owned(), first);
        assert!(spaced.next_write(at(0)).is_some_and(|write| write.is_reply));
        spaced.reply("b".to_owned(), second);
        assert_eq!((spaced.next_write(at(49)), spaced.deadline()), (None, Some(at(50))));
        assert!(spaced.next_write(at(50)).is_some());
    }

    #[test]
    fn a_push_that_was_overtaken_can_be_left_out() {
        let mut spaced = Spaced::<u8>::default();
        for (object, about) in [("a", 1), ("b", 2), ("c", 1)] {
            spaced.push(object.to_owned(), about);
        }
        let asked = spaced.asked();
        spaced.reply("d".to_owned(), asked);
        assert!(spaced.leave_out(|about| *about == 1));
        assert!(!spaced.leave_out(|about| *about == 3));
        assert_eq!(writes(&mut spaced, at(0)), ["0 b", "50 c", "100 d"]);
    }
}
