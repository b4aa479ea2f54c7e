//! How a person or a script talks with a peer, or with a relay. One of three ways: a terminal, plain lines, or JSON lines.
//!
//! - [`commands`]: what is typed → a request.
//! - [`session`]: what is decided: targets, turns, questions, the end. Pure. For a relay: `crate::relay::session`.
//! - [`event`]: what is shown; [`sentences`]: every word of it; [`lines`], [`plain`], [`json`]: how it is written.
//! - [`paths`]: what is typed as a path; [`progress`]: how quickly files move.
//! - [`inbox`]: what waits to be handled, bounded.
//! - [`running`]: its thread, and the signals.
//! - [`piped`] and [`terminal`]: the two that read and write; [`errand`]: one thing to do, where nobody types.
//!
//! Invariant: text that comes from elsewhere reaches an output only through `papo_proto::escape`: [`lines`] are made of
//! its types alone, and [`json`] writes every string through it.

pub(crate) mod commands;
pub(crate) mod errand;
pub(crate) mod event;
#[cfg(test)]
mod forgery_tests;
pub(crate) mod inbox;
pub(crate) mod json;
pub(crate) mod lines;
pub(crate) mod paths;
pub(crate) mod piped;
pub(crate) mod plain;
pub(crate) mod progress;
pub(crate) mod running;
pub(crate) mod sentences;
pub(crate) mod session;
pub(crate) mod terminal;

use std::{
    io,
    sync::{Arc, mpsc::Receiver},
    time::Duration,
};

use papo_proto::names::Name;
use papo_runtime_mio::Handle;

use event::{Event, Trouble};
use inbox::{Inbox, Next, Waiting};
use sentences::Language;
use session::{EXIT_FAILURE, Effect, Input, Session};

/// The width of a terminal that does not tell it.
const COLUMNS_UNKNOWN: usize = 80;

/// Whoever decides what a line means, and what is shown of what happens. It is pure.
pub(crate) trait Conversation {
    /// What its machine says.
    type Notice: Waiting + Send + 'static;
    /// What its machine may be asked.
    type Command: Send + 'static;

    /// Takes what happened; what is to be done about it, in order.
    fn handle(&mut self, input: Input<Self::Notice>) -> Vec<Effect<Self::Command>>;

    /// What whoever uses this program is called at present.
    fn me(&self) -> &Name;

    /// Tells the machine whether what it says can be shown: it reads nothing meanwhile.
    fn output(open: bool) -> Self::Command;

    /// Tells the machine to end in order.
    fn quit() -> Self::Command;

    /// Asks the machine how things stand, where it can tell.
    fn count() -> Option<Self::Command>;
}

/// What every frontend is given.
#[derive(Debug)]
pub(crate) struct Wiring<S: Conversation = Session> {
    /// What decides.
    pub(crate) session: S,
    /// What waits to be handled.
    pub(crate) inbox: Arc<Inbox<S::Notice>>,
    /// Reaches the machine.
    pub(crate) machine: Handle<S::Command>,
    /// What the person is spoken to in.
    pub(crate) language: Language,
}

impl<S: Conversation> Wiring<S> {
    /// Waits until something happens: what is to be done then. `None` when nothing happened in time.
    ///
    /// # Errors
    /// How it ended, when nothing will happen any more.
    fn next_effects(&mut self, timeout: Option<Duration>) -> Result<Option<Vec<Effect<S::Command>>>, Ended> {
        let input = match self.inbox.next(timeout) {
            Next::Input(input) => *input,
            Next::Nothing => {
                self.reopen();
                return Ok(None);
            }
            Next::Ended => return Err(Ended { code: EXIT_FAILURE, abandoned: false }),
        };
        let mut effects = self.session.handle(input);
        let dropped = self.inbox.take_dropped();
        if dropped > 0 {
            effects.push(Effect::Show(Event::Trouble(Trouble::NotShown(dropped))));
        }
        Ok(Some(effects))
    }

    /// Tells the machine something. One that has ended needs no telling.
    fn tell(&self, command: S::Command) {
        if self.machine.send(command).is_err() {
            log::debug!("the machine has ended already");
        }
    }

    /// After something was taken from the inbox: lets the links be read again where they are not.
    fn reopen(&self) {
        self.inbox.open_if_drained(|| self.machine.try_send(S::output(true)).is_ok());
    }
}

/// How a frontend ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ended {
    /// The exit code.
    pub(crate) code: u8,
    /// It did not wait for the machine.
    pub(crate) abandoned: bool,
}

/// Reads the next line only when it is told to.
type Turns = Receiver<()>;

/// The number of the message that an event shows.
fn number_of(event: &event::Event) -> Option<u64> {
    match event {
        event::Event::Notice(papo_proto::peer::Notice::Message(incoming)) => Some(incoming.number),
        _ => None,
    }
}

/// Whether the terminal can't move its cursor, or is none.
pub(crate) fn is_dumb() -> bool {
    std::env::var("TERM").is_ok_and(|term| ["", "dumb", "cons25", "emacs"].contains(&term.as_str()))
}

/// How wide the terminal is at present.
pub(crate) fn columns() -> usize {
    match rustix::termios::tcgetwinsize(io::stdout()) {
        Ok(size) if size.ws_col > 0 => usize::from(size.ws_col),
        Ok(_) | Err(_) => COLUMNS_UNKNOWN,
    }
}

/// A broken pipe means that nobody wants to know any more.
pub(crate) fn is_closed(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::BrokenPipe
}
