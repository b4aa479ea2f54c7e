//! What the thread that reads lines and the one that decides share: the prompt, the draft, whose turn it is.
//!
//! The prompt can change while a line is being typed: a question comes up, or a room is gone. Then the reading thread
//! is woken (SIGINT to it alone makes the line editor return), and goes on under the new prompt with the same draft.
//! A wake-up can miss the moment in which the editor listens; so it is repeated until the new prompt stands.

use std::{
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use nix::sys::{
    pthread::{Pthread, pthread_kill, pthread_self},
    signal::Signal,
};

use super::completion::Words;
use crate::frontend::session::Prompt;

/// How long the next prompt waits for the outcome of the former line, so that it can name the new target.
const TURN_MAX: Duration = Duration::from_secs(1);
/// A signal that comes within this time after a wake-up is that wake-up.
const WAKE_ECHO: Duration = Duration::from_millis(300);

#[derive(Debug)]
struct State {
    prompt: Prompt,
    /// Counts the changes of the prompt.
    wanted: u64,
    /// The change that the editor has followed.
    followed: u64,
    draft: (String, usize),
    turn: bool,
    stop: bool,
    /// The thread, while its editor listens.
    reading: Option<Pthread>,
    returned: Option<Instant>,
    woken: Option<Instant>,
    words: Words,
}

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Screen {
    state: Mutex<State>,
    changed: Condvar,
}

impl Screen {
    /// Under its first prompt.
    pub(crate) fn new(prompt: Prompt) -> Self {
        let state = State {
            prompt,
            wanted: 0,
            followed: 0,
            draft: (String::new(), 0),
            turn: false,
            stop: false,
            reading: None,
            returned: None,
            woken: None,
            words: Words::default(),
        };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The names that were seen.
    pub(crate) fn words<R>(&self, with: impl FnOnce(&mut Words) -> R) -> R {
        with(&mut self.lock().words)
    }

    /// Whether what is typed must not be seen.
    pub(crate) fn is_secret(&self) -> bool {
        matches!(self.lock().prompt, Prompt::Password { .. })
    }

    /// The line as it is now. Only what is meant to be said is kept.
    pub(crate) fn note_draft(&self, line: &str, at: usize) {
        let mut state = self.lock();
        if state.followed == state.wanted && matches!(state.prompt, Prompt::Chat(_)) {
            state.draft = (line.to_owned(), at);
        }
    }

    // The deciding thread.

    /// The next line is for this.
    pub(crate) fn show_prompt(&self, prompt: Prompt) {
        let mut state = self.lock();
        state.prompt = prompt;
        state.wanted += 1;
        self.changed.notify_all();
        wake(&mut state);
    }

    /// Another line may be read.
    pub(crate) fn give_turn(&self) {
        self.lock().turn = true;
        self.changed.notify_all();
    }

    /// Wakes the reading thread if it has not followed yet; whether that must be tried again.
    pub(crate) fn remind(&self) -> bool {
        let mut state = self.lock();
        let behind = state.stop || state.followed != state.wanted;
        if behind {
            wake(&mut state);
        }
        behind
    }

    /// No line is read any more.
    pub(crate) fn stop(&self) {
        let mut state = self.lock();
        state.stop = true;
        self.changed.notify_all();
        wake(&mut state);
    }

    /// Whether a SIGINT that has just come is an echo of a wake-up.
    pub(crate) fn was_woken(&self) -> bool {
        self.lock().woken.is_some_and(|woken| woken.elapsed() < WAKE_ECHO)
    }

    /// Whether the editor listens.
    pub(crate) fn is_reading(&self) -> bool {
        self.lock().reading.is_some()
    }

    /// Whether something that was printed within `margin` before the editor returned may still be inside it.
    pub(crate) fn returned_within(&self, printed: Instant, margin: Duration) -> bool {
        let state = self.lock();
        state.reading.is_none() && state.returned.is_some_and(|returned| returned < printed + margin)
    }

    // The reading thread.

    /// The editor is about to listen: the prompt, and the text to begin with. `None` when it is to end.
    pub(crate) fn begin(&self) -> Option<(Prompt, (String, usize))> {
        let mut state = self.lock();
        if state.stop {
            return None;
        }
        state.followed = state.wanted;
        state.turn = false;
        state.reading = Some(pthread_self());
        let draft = match &state.prompt {
            Prompt::Chat(_) => state.draft.clone(),
            Prompt::Password { .. } | Prompt::Confirm { .. } => (String::new(), 0),
        };
        Some((state.prompt.clone(), draft))
    }

    /// The editor has returned. Whether it was woken for another prompt, or to end.
    pub(crate) fn returned(&self) -> bool {
        let mut state = self.lock();
        state.reading = None;
        state.returned = Some(Instant::now());
        state.stop || state.followed != state.wanted
    }

    /// Takes the draft away, for a line that was entered or cleared; whether it was empty.
    pub(crate) fn clear_draft(&self) -> bool {
        let mut state = self.lock();
        let empty = state.draft.0.is_empty();
        state.draft = (String::new(), 0);
        empty
    }

    /// Waits until another line may be read, or the prompt has changed, or it took too long.
    pub(crate) fn wait_turn(&self) {
        let waits = |state: &mut State| !state.turn && !state.stop && state.followed == state.wanted;
        drop(self.changed.wait_timeout_while(self.lock(), TURN_MAX, waits));
    }
}

/// Under the lock, so that the thread is still there.
fn wake(state: &mut State) {
    if let Some(thread) = state.reading {
        state.woken = Some(Instant::now());
        if let Err(error) = pthread_kill(thread, Signal::SIGINT) {
            log::debug!("the line editor can't be woken: {error}");
        }
    }
}
