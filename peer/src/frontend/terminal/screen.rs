//! What the thread that reads lines and the one that decides share: the prompt, the draft, whose turn it is.
//!
//! The prompt can change while a line is being typed: a question comes up, or a room is gone. Then the reading thread
//! is woken (SIGINT to it alone makes the line editor return), wipes the former prompt away, and goes on under the new
//! one with the same draft. A wake-up can miss the moment in which the editor listens; so it is repeated until the new
//! prompt stands.
//!
//! What moves has a row of its own below the line, which is a part of what the editor writes: it goes where the line
//! goes, and is gone when the line is entered.
//!
//! Invariant: nothing is printed between a wake-up and the new prompt, so that nothing but the former prompt is wiped.

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
    /// Lines that were entered, and those among them that have had their outcome.
    lines: u64,
    answered: u64,
    /// The printer is at work.
    printing: bool,
    /// The printer has to wait, for the editor was woken.
    held: bool,
    stop: bool,
    /// The thread, while its editor listens.
    reading: Option<Pthread>,
    returned: Option<Instant>,
    woken: Option<Instant>,
    words: Words,
    /// How far what moves is, in one row; empty where nothing does.
    progress: String,
    /// The editor has laid out a row for that.
    laid_out: bool,
    /// The line leaves no room for it.
    hidden: bool,
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
            lines: 0,
            answered: 0,
            printing: false,
            held: false,
            stop: false,
            reading: None,
            returned: None,
            woken: None,
            words: Words::default(),
            progress: String::new(),
            laid_out: false,
            hidden: false,
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

    /// How far what moves is: one row that fits the terminal, or nothing. Whether the editor has to write it anew.
    ///
    /// The row belongs to the line that is edited, so nothing that is printed can come between. The editor lays it out
    /// when that line changes; a first one would not appear before a key is pressed, so then it is woken.
    pub(crate) fn show_progress(&self, progress: &str) -> bool {
        let mut state = self.lock();
        if state.progress == progress {
            return false;
        }
        progress.clone_into(&mut state.progress);
        if state.laid_out {
            return true;
        }
        if state.reading.is_some() && !state.hidden && matches!(state.prompt, Prompt::Chat(_)) {
            state.wanted += 1;
            wake(&mut state);
        }
        false
    }

    /// A line has had its outcome: another one may be read.
    pub(crate) fn give_turn(&self) {
        let mut state = self.lock();
        state.answered = state.lines.min(state.answered + 1);
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

    /// No line is read any more, and nothing printed.
    pub(crate) fn stop(&self) {
        let mut state = self.lock();
        state.stop = true;
        self.changed.notify_all();
        wake(&mut state);
    }

    // The printing thread.

    /// Waits until something may be printed; nothing is woken until [`Self::printed`].
    pub(crate) fn may_print(&self) {
        let held = |state: &mut State| state.held && !state.stop;
        let mut state = self.changed.wait_while(self.lock(), held).unwrap_or_else(PoisonError::into_inner);
        state.printing = true;
    }

    /// It stands.
    pub(crate) fn printed(&self) {
        self.lock().printing = false;
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

    /// The line has changed, and the editor lays it out anew: the row of progress, where there is one and it `may` be.
    pub(crate) fn lay_out_progress(&self, may: bool) -> Option<String> {
        let mut state = self.lock();
        state.hidden = !may;
        state.laid_out = may && !state.progress.is_empty();
        state.laid_out.then(|| state.progress.clone())
    }

    /// The row of progress as it is now.
    pub(crate) fn progress(&self) -> String {
        self.lock().progress.clone()
    }

    /// The editor has returned; whether a row of progress may stand below the line.
    pub(crate) fn leave_progress(&self) -> bool {
        std::mem::take(&mut self.lock().laid_out)
    }

    /// The editor is about to listen: the prompt, and the text to begin with. `None` when it is to end.
    pub(crate) fn begin(&self) -> Option<(Prompt, (String, usize))> {
        let mut state = self.lock();
        state.held = false;
        self.changed.notify_all();
        if state.stop {
            return None;
        }
        state.followed = state.wanted;
        state.reading = Some(pthread_self());
        let draft = match &state.prompt {
            Prompt::Chat(_) => state.draft.clone(),
            Prompt::Password { .. } | Prompt::Confirm { .. } => (String::new(), 0),
        };
        Some((state.prompt.clone(), draft))
    }

    /// The editor has returned; whether it was `interrupted`.
    pub(crate) fn returned(&self, interrupted: bool) -> Returned {
        let mut state = self.lock();
        state.reading = None;
        state.returned = Some(Instant::now());
        let woken = interrupted && (state.stop || state.followed != state.wanted);
        let wipe = woken && state.held;
        if !wipe {
            state.held = false;
            self.changed.notify_all();
        }
        Returned { woken, wipe: wipe.then(|| state.draft.clone()) }
    }

    /// Takes the draft away, for a line that was entered or cleared; whether it was empty.
    pub(crate) fn clear_draft(&self) -> bool {
        let mut state = self.lock();
        let empty = state.draft.0.is_empty();
        state.draft = (String::new(), 0);
        empty
    }

    /// A line was entered, and is handed over after this.
    pub(crate) fn note_line(&self) {
        self.lock().lines += 1;
    }

    /// Waits until all lines have had their outcome, or the prompt has changed, or it took too long.
    pub(crate) fn wait_turn(&self) {
        let waits = |state: &mut State| state.answered < state.lines && !state.stop && state.followed == state.wanted;
        drop(self.changed.wait_timeout_while(self.lock(), TURN_MAX, waits));
    }
}

/// Why the editor has returned.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Returned {
    /// It was woken, for another prompt or to end.
    pub(crate) woken: bool,
    /// The prompt can be wiped away: it stands right above, with this text and the cursor there.
    pub(crate) wipe: Option<(String, usize)>,
}

/// Under the lock, so that the thread is still there. While something is being printed, only the end is worth it.
fn wake(state: &mut State) {
    let Some(thread) = state.reading else { return };
    if state.printing && !state.stop {
        return;
    }
    state.held = !state.printing;
    state.woken = Some(Instant::now());
    if let Err(error) = pthread_kill(thread, Signal::SIGINT) {
        log::debug!("the line editor can't be woken: {error}");
    }
}

#[cfg(test)]
mod tests {
    use papo_proto::peer::interface::Target;

    use super::*;

    fn screen() -> Screen {
        Screen::new(Prompt::Chat(Target::All))
    }

    /// As if the editor listened, in no thread that a wake-up could end.
    fn listen(screen: &Screen) -> (Prompt, (String, usize)) {
        let begun = screen.begin().expect("it goes on");
        screen.lock().reading = None;
        begun
    }

    #[test]
    fn a_row_of_progress_wakes_the_editor_once_and_is_written_anew_from_then_on() {
        let screen = screen();
        assert!(!screen.show_progress("1 %"), "between two lines nobody is woken");
        assert_eq!(screen.lock().wanted, 0);
        listen(&screen);
        assert_eq!(screen.lay_out_progress(true).as_deref(), Some("1 %"));
        assert!(!screen.show_progress("1 %"), "nothing has changed");
        assert!(screen.show_progress("2 %") && screen.progress() == "2 %");
        assert!(screen.show_progress(""), "the row is written empty");
        assert_eq!(screen.lay_out_progress(true), None);
        assert!(!screen.leave_progress() && screen.lock().wanted == 0);
    }

    #[test]
    fn where_the_line_leaves_no_room_nobody_is_woken_for_progress() {
        let screen = screen();
        screen.begin().expect("it goes on");
        assert_eq!(screen.lay_out_progress(false), None);
        assert!(!screen.show_progress("1 %") && screen.lock().wanted == 0);
        assert_eq!(screen.lay_out_progress(false), None);
        assert_eq!(screen.lay_out_progress(true).as_deref(), Some("1 %"), "as soon as there is room");
    }

    #[test]
    fn the_next_line_waits_for_as_many_outcomes_as_lines_were_entered() {
        let screen = screen();
        screen.give_turn();
        screen.note_line();
        let waits = |screen: &Screen| {
            let state = screen.lock();
            state.answered < state.lines
        };
        assert!(waits(&screen), "an outcome without a line counts for none");
        screen.give_turn();
        assert!(!waits(&screen));
        screen.wait_turn();
    }

    #[test]
    fn a_draft_stays_through_a_question_and_a_secret_is_never_kept() {
        let screen = screen();
        listen(&screen);
        screen.note_draft("hel", 3);
        screen.show_prompt(Prompt::Password {
            user: papo_proto::names::Name::new("ana").expect("valid"),
            register: false,
            again: false,
        });
        let (prompt, draft) = listen(&screen);
        assert!(matches!(prompt, Prompt::Password { .. }) && draft == (String::new(), 0) && screen.is_secret());
        screen.note_draft("secret", 6);
        screen.show_prompt(Prompt::Chat(Target::All));
        assert_eq!(listen(&screen).1, ("hel".to_owned(), 3));
        assert!(!screen.clear_draft() && screen.clear_draft());
    }

    #[test]
    fn a_line_that_was_entered_as_the_prompt_changed_is_no_wake_up() {
        let screen = screen();
        listen(&screen);
        screen.show_prompt(Prompt::Chat(Target::Room(papo_proto::names::Name::new("sala").expect("valid"))));
        assert_eq!(screen.returned(false), Returned { woken: false, wipe: None });
        assert!(screen.remind(), "the new prompt does not stand yet");
        listen(&screen);
        assert!(!screen.remind());
    }
}
