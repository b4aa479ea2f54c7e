//! Where a frontend runs: its thread, and the signals that it hears of.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, Receiver, RecvTimeoutError},
    },
    thread,
    time::{Duration, Instant},
};

use papo_runtime_mio::Handle;
use signal_hook::{
    consts::{SIGCONT, SIGHUP, SIGINT, SIGTERM, SIGUSR1},
    iterator::Signals,
};

use super::{
    Conversation, Ended,
    inbox::Inbox,
    sentences::{self, Language},
    session::{EXIT_FAILURE, Input},
    terminal::screen::Screen,
};
use crate::node::Failed;

/// Once a signal has asked for the end, the frontend has this long to write what it has.
const WRITE_MAX: Duration = Duration::from_secs(5);
/// How often it is looked whether a signal has come.
const LOOK: Duration = Duration::from_millis(50);

/// The signals that are heard, from the first moment on, so that none is lost while the program starts.
///
/// # Errors
/// When the system refuses.
pub(crate) fn signals(language: Language) -> Result<Signals, Failed> {
    Signals::new([SIGTERM, SIGINT, SIGHUP, SIGCONT, SIGUSR1]).map_err(Failed::of(language))
}

/// Lets a frontend run on a thread of its own; there the exit code comes from.
pub(crate) fn start(
    language: Language,
    frontend: impl FnOnce() -> rustyline::Result<Ended> + Send + 'static,
) -> Receiver<Result<u8, Failed>> {
    let (done, code) = mpsc::channel();
    thread::spawn(move || {
        let ended = match frontend() {
            // Nothing more is waited for.
            Ok(Ended { code, abandoned: true }) => std::process::exit(code.into()),
            Ok(Ended { code, abandoned: false }) => Ok(code),
            Err(error) => {
                Err(Failed { sentence: sentences::terminal_refused(language, &error.to_string()), code: EXIT_FAILURE })
            }
        };
        drop(done.send(ended));
    });
    code
}

/// The frontend writes what it has, as slowly as it is read; after a signal, for a short time only.
///
/// # Errors
/// When it could not run.
pub(crate) fn await_code(
    code: &Receiver<Result<u8, Failed>>,
    signalled: &AtomicBool,
    language: Language,
) -> Result<u8, Failed> {
    let mut end = None;
    loop {
        match code.recv_timeout(LOOK) {
            Ok(code) => return code,
            Err(RecvTimeoutError::Disconnected) => {
                return Err(Failed { sentence: sentences::frontend_failed(language).to_owned(), code: EXIT_FAILURE });
            }
            Err(RecvTimeoutError::Timeout) if signalled.load(Ordering::Relaxed) => {
                let end = *end.get_or_insert_with(|| Instant::now() + WRITE_MAX);
                if Instant::now() >= end {
                    // What was not written is not shown, and comes at the next start.
                    return Ok(EXIT_FAILURE);
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
}

/// Tells the frontend of signals, and the machine of those that end the program; whether one of them came. There is a
/// `screen` where a person sits at a terminal.
pub(crate) fn listen_to_signals<S: Conversation>(
    mut signals: Signals,
    screen: Option<Arc<Screen>>,
    inbox: Arc<Inbox<S::Notice>>,
    machine: Handle<S::Command>,
) -> Arc<AtomicBool> {
    let signalled = Arc::new(AtomicBool::new(false));
    let came = Arc::clone(&signalled);
    thread::spawn(move || {
        for signal in signals.forever() {
            match (signal, &screen) {
                (SIGCONT, Some(_)) => inbox.push(Input::Resumed),
                (SIGCONT, None) => {}
                // A machine with too many commands before this one is asked again by the next signal.
                (SIGUSR1, _) => drop(S::count().map(|count| machine.try_send(count))),
                // The line editor takes Ctrl-C as a key; here it comes while no line is read.
                (SIGINT, Some(screen)) => {
                    if !screen.was_woken() {
                        inbox.push(Input::Interrupt);
                    }
                }
                _ => {
                    came.store(true, Ordering::Relaxed);
                    inbox.push(Input::Signal { interrupt: signal == SIGINT });
                    // Also where the frontend can't hear it, because it waits for its output.
                    if machine.try_send(S::quit()).is_err() {
                        log::debug!("the machine has ended already");
                    }
                }
            }
        }
    });
    signalled
}
