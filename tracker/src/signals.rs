//! Signals become commands, and so does the time to count.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

use papo_proto::tracker::Command;
use papo_runtime_mio::Handle;
use signal_hook::{consts::SIGUSR1, iterator::Signals};

/// How often the counters are logged, when they have changed.
const COUNT_EVERY: Duration = Duration::from_secs(60);
/// Commands of signals that wait to be handed on.
const WAITING_MAX: usize = 64;

/// Hands signals on to the tracker, and asks it for its counters every minute.
pub(crate) fn listen(mut signals: Signals, handle: Handle<Command>, asked: Arc<AtomicBool>) -> io::Result<()> {
    let (sender, receiver) = sync_channel(WAITING_MAX);
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        let mut stopping = false;
        for signal in signals.forever() {
            if signal == SIGUSR1 {
                asked.store(true, Ordering::Relaxed);
                hand_on(&sender, Command::Count);
            } else if stopping || !hand_on(&sender, Command::Shutdown) {
                std::process::exit(128 + signal);
            } else {
                stopping = true;
            }
        }
    })?;
    thread::Builder::new().name("commands".to_owned()).spawn(move || send_commands(&receiver, &handle))?;
    Ok(())
}

/// Never blocks: the thread of the signals has to hear the next one.
fn hand_on(sender: &SyncSender<Command>, command: Command) -> bool {
    sender.try_send(command).is_ok()
}

fn send_commands(receiver: &Receiver<Command>, handle: &Handle<Command>) {
    let mut next_count = Instant::now() + COUNT_EVERY;
    loop {
        let command = match receiver.recv_timeout(next_count.saturating_duration_since(Instant::now())) {
            Ok(command) => command,
            Err(RecvTimeoutError::Timeout) => {
                next_count = Instant::now() + COUNT_EVERY;
                Command::Count
            }
            Err(RecvTimeoutError::Disconnected) => return,
        };
        if handle.send(command).is_err() {
            return;
        }
    }
}
