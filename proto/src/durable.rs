//! Durable before said: output waits for the commit of everything that it may depend on.
//!
//! A machine checks a change against its state and applies it in memory at once, hands it to [`Durable::commit`], and
//! passes *all* that it would say, reads and pushes too, through [`Durable::say`]. Each output carries the number of
//! the last change that was applied when it was made, and is released once that one is committed. Since the numbers
//! never fall, one queue in the order of saying is enough, and nothing overtakes anything.
//!
//! Built with the feature `canary`, it releases everything at once: a machine that says what it may not remember. That
//! is the rule that is broken on purpose to see whether the simulator finds it.
//!
//! Invariant: nothing is released whose number is above the last committed one.

use std::collections::VecDeque;

use crate::machine::Seq;

/// The commits under way, and the output `T` that waits for them.
#[derive(Debug)]
pub struct Durable<T> {
    applied: Seq,
    committed: Seq,
    held: VecDeque<(Seq, T)>,
}

impl<T> Default for Durable<T> {
    fn default() -> Self {
        Self { applied: Seq::NONE, committed: Seq::NONE, held: VecDeque::new() }
    }
}

impl<T> Durable<T> {
    /// The number for a commit whose changes have just been applied in memory.
    pub fn commit(&mut self) -> Seq {
        self.applied = self.applied.next();
        self.applied
    }

    /// Queues output behind everything that has been applied.
    pub fn say(&mut self, output: T) {
        self.held.push_back((self.applied, output));
    }

    /// Everything up to `seq` is durable.
    ///
    /// # Panics
    /// When it was never applied: then the driver broke the contract.
    pub fn handle_committed(&mut self, seq: Seq) {
        assert!(seq <= self.applied, "committed {seq} but applied only {}", self.applied);
        self.committed = self.committed.max(seq);
    }

    /// The next output that may be said now.
    pub fn next_said(&mut self) -> Option<T> {
        let &(seq, _) = self.held.front()?;
        if seq > self.committed && !crate::CANARY { None } else { self.held.pop_front().map(|(_, output)| output) }
    }

    /// How many outputs wait.
    #[must_use]
    pub fn held(&self) -> usize {
        self.held.len()
    }

    /// Whether every change is durable and everything was said.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.committed == self.applied && self.held.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_waits_for_what_was_applied_before_it_and_keeps_its_order() {
        let mut durable = Durable::default();
        durable.say("free");
        assert_eq!(durable.next_said(), Some("free"));
        let (first, second) = (durable.commit(), durable.commit());
        durable.say("a read, too");
        let third = durable.commit();
        durable.say("last");
        durable.handle_committed(first);
        assert_eq!(durable.next_said(), None);
        durable.handle_committed(second);
        assert_eq!(durable.next_said(), Some("a read, too"));
        assert_eq!(durable.next_said(), None);
        assert!(!durable.is_quiet());
        durable.handle_committed(third);
        assert_eq!(durable.next_said(), Some("last"));
        assert!(durable.is_quiet());
    }

    #[test]
    #[should_panic(expected = "committed 1 but applied only 0")]
    fn a_commit_that_was_never_asked_for_is_a_broken_driver() {
        Durable::<()>::default().handle_committed(Seq(1));
    }
}
