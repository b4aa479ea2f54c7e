//! The terminal's own echo, which is off as long as papo runs.
//!
//! The line editor turns it off while it listens, and only then. What is typed ahead between two lines would be shown
//! by the terminal itself: a password for all to see, and anything else twice.

use std::io;

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

/// Gives the terminal back as it was, when it is dropped.
#[derive(Debug)]
pub(super) struct EchoOff {
    before: Option<Termios>,
}

impl EchoOff {
    /// From now on nothing is echoed.
    pub(super) fn begin() -> Self {
        let before = tcgetattr(io::stdin()).ok();
        turn_off();
        Self { before }
    }
}

impl Drop for EchoOff {
    fn drop(&mut self) {
        if let Some(before) = &self.before
            && let Err(error) = tcsetattr(io::stdin(), OptionalActions::Now, before)
        {
            log::debug!("the terminal can't be given back as it was: {error}");
        }
    }
}

/// Turns the echo off where somebody else has turned it on: a shell does, while papo is stopped.
pub(super) fn turn_off() {
    let Ok(mut modes) = tcgetattr(io::stdin()) else { return };
    if modes.local_modes.contains(LocalModes::ECHO) {
        modes.local_modes.remove(LocalModes::ECHO);
        if let Err(error) = tcsetattr(io::stdin(), OptionalActions::Now, &modes) {
            log::debug!("the terminal's echo can't be turned off: {error}");
        }
    }
}
