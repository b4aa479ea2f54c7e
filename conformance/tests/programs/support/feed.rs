//! What a program prints, item by item, for those who wait for it.

use std::{
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Everything that came so far. One thread pushes, any number wait.
#[derive(Debug)]
pub(crate) struct Feed<T> {
    state: Mutex<State<T>>,
    moved: Condvar,
}

#[derive(Debug)]
struct State<T> {
    items: Vec<T>,
    ended: bool,
}

impl<T> Default for Feed<T> {
    fn default() -> Self {
        Self { state: Mutex::new(State { items: Vec::new(), ended: false }), moved: Condvar::new() }
    }
}

impl<T> Feed<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // A test that fails while it holds the lock poisons it; what is in there is still what came.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something came.
    pub(crate) fn push(&self, item: T) {
        self.lock().items.push(item);
        self.moved.notify_all();
    }

    /// Several things came at once.
    pub(crate) fn extend(&self, items: &[T])
    where
        T: Clone,
    {
        self.lock().items.extend_from_slice(items);
        self.moved.notify_all();
    }

    /// Nothing more will come.
    pub(crate) fn end(&self) {
        self.lock().ended = true;
        self.moved.notify_all();
    }

    /// Looks at everything so far, again whenever something came, until `look` has seen what it wants. `None` when the
    /// bound passed, or when the feed ended without it.
    pub(crate) fn wait<R>(&self, bound: Duration, mut look: impl FnMut(&[T]) -> Option<R>) -> Option<R> {
        let until = Instant::now() + bound;
        let mut state = self.lock();
        loop {
            if let Some(found) = look(&state.items) {
                return Some(found);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || state.ended {
                return None;
            }
            state = self.moved.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits until nothing more can come.
    pub(crate) fn wait_ended(&self, bound: Duration) -> bool {
        let until = Instant::now() + bound;
        let mut state = self.lock();
        while !state.ended {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            state = self.moved.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// Looks at everything so far.
    pub(crate) fn with<R>(&self, look: impl FnOnce(&[T]) -> R) -> R {
        look(&self.lock().items)
    }

    /// How much came so far.
    pub(crate) fn len(&self) -> usize {
        self.lock().items.len()
    }
}
