//! What the program does about what its tracker tells.

use std::{
    cell::Cell,
    io::{self, Write as _},
    net::SocketAddr,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use log::{debug, info, warn};
use papo_proto::{
    error::Counters,
    identity::Key,
    machine::Refusal,
    relay,
    tracker::{Command, Notice},
};
use papo_runtime_mio::{Control, Handle, Stats};

/// What the program knows of its tracker.
#[derive(Debug)]
pub(crate) struct Host {
    key: Key,
    /// Why it has to end.
    pub(crate) failed: Option<String>,
    counters: Counters,
    /// The sentence that was logged last.
    logged: String,
    /// Whether someone wants to see the counters though nothing has changed.
    pub(crate) asked: Arc<AtomicBool>,
    /// The tracker, once it is in the reactor.
    tracker: Option<Handle<Command>>,
    relays: Vec<Relay>,
}

/// A relay beside the tracker. It counts and ends with it.
#[derive(Debug)]
struct Relay {
    handle: Handle<relay::Command>,
    /// Whether its counters are to be shown though nothing has changed.
    asked: Rc<Cell<bool>>,
}

impl Host {
    pub(crate) fn new(key: Key) -> Self {
        let (counters, logged) = (Counters::default(), String::new());
        Self { key, failed: None, counters, logged, asked: Arc::default(), tracker: None, relays: Vec::new() }
    }

    /// The tracker is in the reactor.
    pub(crate) fn start(&mut self, tracker: Handle<Command>) {
        self.tracker = Some(tracker);
    }

    /// A relay stands beside it; `asked` tells it whether its counters are to be shown though nothing has changed.
    pub(crate) fn join(&mut self, handle: Handle<relay::Command>, asked: Rc<Cell<bool>>) {
        self.relays.push(Relay { handle, asked });
    }

    /// The program cannot do what it was started for.
    pub(crate) fn fail(&mut self, sentence: String) {
        self.failed.get_or_insert(sentence);
        if let Some(tracker) = &self.tracker
            && let Err(error) = tracker.try_send(Command::Shutdown)
        {
            debug!("the tracker does not take its end: {error}");
        }
    }

    /// Takes note of what the tracker tells.
    pub(crate) fn on_notice(&mut self, notice: Notice, control: &mut Control<Command>) {
        match notice {
            Notice::Listening { address } => self.say_listening(address),
            Notice::ListenRefused { address, reason } => {
                self.failed
                    .get_or_insert_with(|| refused("papo-tracker cannot listen on", address, reason, "--listen"));
                control.command(Command::Shutdown);
            }
            Notice::LoggedIn { name, from } => debug!("{name} logged in from {from}"),
            Notice::LoggedOut { name } => debug!("{name} logged out"),
            Notice::Fault { from, fault } => {
                self.counters.count(fault);
                debug!("{from}: {fault}");
            }
            Notice::Counters { counters, connections, sessions, users, rooms } => {
                let asked = self.asked.swap(false, Ordering::Relaxed);
                for relay in &self.relays {
                    relay.asked.set(relay.asked.get() || asked);
                }
                self.tell_relays(&relay::Command::Count);
                let sentence = format!(
                    "connections {connections}, sessions {sessions}, users {users}, rooms {rooms}; {}",
                    refused_or_cut(&counters, control.stats())
                );
                if asked || sentence != self.logged {
                    info!("{sentence}");
                    self.logged = sentence;
                }
            }
            Notice::Stopped => {
                info!("stopped; {}", refused_or_cut(&self.counters, control.stats()));
                control.stop();
                self.tell_relays(&relay::Command::Shutdown);
            }
        }
    }

    /// A relay that has ended, or has a thousand commands before it, needs no telling.
    fn tell_relays(&self, command: &relay::Command) {
        for relay in &self.relays {
            if let Err(error) = relay.handle.try_send(command.clone()) {
                debug!("a relay does not take {command:?}: {error}");
            }
        }
    }

    fn say_listening(&self, address: SocketAddr) {
        say(&format!("papo-tracker listens on {address}, fingerprint {}", self.key));
    }
}

/// Says where something listens, the one thing that is said on stdout. Nobody may be reading it; that is no reason to
/// stop.
pub(crate) fn say(sentence: &str) {
    let mut stdout = io::stdout().lock();
    if let Err(error) = stdout.write_all(format!("{sentence}\n").as_bytes()).and_then(|()| stdout.flush()) {
        warn!("nobody reads that {sentence}: {error}");
    }
}

/// Why an address that `option` names is not listened at.
pub(crate) fn refused(what: &str, address: SocketAddr, reason: Refusal, option: &str) -> String {
    let why = match reason {
        Refusal::AddressInUse => {
            format!("another program listens there: stop it, or choose another address with {option}")
        }
        Refusal::AddressNotAvailable => {
            format!("no interface of this host has that address: choose another with {option}")
        }
        Refusal::Denied => format!("this user may not: choose a port above 1023 with {option}"),
        Refusal::Exhausted => "descriptors or memory have run out".to_owned(),
        Refusal::Refused | Refusal::Unreachable | Refusal::TimedOut | Refusal::Other => "the system refuses".to_owned(),
    };
    format!("{what} {address}: {why}")
}

/// What the machine refused, and what it never saw.
fn refused_or_cut(counters: &Counters, stats: Stats) -> String {
    let mishaps = stats.mishaps().map(|(count, mishap)| format!("{count} {mishap}"));
    let counts = counters.iter().map(|(fault, count)| format!("{count} {fault}")).chain(mishaps).collect::<Vec<_>>();
    if counts.is_empty() {
        "nothing refused or cut".to_owned()
    } else {
        format!("refused or cut: {}", counts.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use papo_proto::error::Fault;

    use super::*;

    #[test]
    fn what_the_tracker_never_saw_is_counted_with_what_it_refused() {
        let mut counters = Counters::default();
        assert_eq!(refused_or_cut(&counters, Stats::default()), "nothing refused or cut");
        counters.count(Fault::Malformed);
        let stats = Stats { turned_away: 7, crowded_out: 2, ..Stats::default() };
        let told = format!(
            "refused or cut: 1 {}, 7 turned away for want of room or descriptors, \
             2 cut off as the one to which most was queued",
            Fault::Malformed
        );
        assert_eq!(refused_or_cut(&counters, stats), told);
    }
}
