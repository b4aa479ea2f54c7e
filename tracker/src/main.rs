//! `papo-tracker`: hosts a tracker, by itself, until it is told to stop.
//!
//! On stdout stands one line for each address that it listens on, as soon as it does; everything else goes to stderr
//! through `log` (`RUST_LOG` says how much). Faults of remotes are logged one by one at `debug` only: at `info` stand
//! their counts, at most once a minute, so that nobody can fill a disk from afar.
//!
//! Signals: SIGTERM and SIGINT say goodbye to everyone and end the program; a second one ends it at once. SIGUSR1 logs
//! the counters. Exit codes: 0 fine, 1 failure, 2 usage.

mod args;

use std::{
    cell::RefCell,
    io::{self, Write as _},
    net::SocketAddr,
    process::ExitCode,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

use args::{Arguments, Settings};
use clap::Parser as _;
use log::{debug, error, info, warn};
use papo_proto::{
    error::Counters,
    identity::Key,
    limits::Limits,
    machine::Refusal,
    tracker::{Command, Notice},
};
use papo_runtime_mio::{Control, Handle, Options, Reactor, diagnostics};
use papo_tracker::{Hosting, HostingOptions};
use signal_hook::{
    consts::{SIGINT, SIGTERM, SIGUSR1},
    iterator::Signals,
};

/// How often the counters are logged, when they have changed.
const COUNT_EVERY: Duration = Duration::from_secs(60);
/// Connections that the reactor takes beyond the tracker's own bound, so that the tracker refuses and counts them.
const CONNECTIONS_SPARE: usize = 64;
/// Descriptors that are no connections: database, locks, listeners, wakers, recording, and what SQLite opens at times.
const DESCRIPTORS_KEPT: usize = 32;
/// Commands of signals that wait to be handed on.
const WAITING_MAX: usize = 64;

const _: () = assert!(!papo_proto::CANARY, "the canary breaks a rule on purpose; it is for the simulator alone");

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) if error.use_stderr() => {
            diagnostics::say_of_arguments(&error.to_string());
            return ExitCode::from(2);
        }
        Err(help) => help.exit(),
    };
    diagnostics::start("info", None);
    let settings = match arguments.into_settings() {
        Ok(settings) => settings,
        Err(wrong) => return fail(&wrong, 2),
    };
    match run(settings) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failed { sentence, code }) => fail(&sentence, code),
    }
}

fn fail(sentence: &dyn std::fmt::Display, code: u8) -> ExitCode {
    error!("{sentence}");
    ExitCode::from(code)
}

/// Why the program ends.
struct Failed {
    sentence: String,
    code: u8,
}

impl<E: std::error::Error> From<E> for Failed {
    fn from(error: E) -> Self {
        Self { sentence: error.to_string(), code: 1 }
    }
}

fn run(settings: Settings) -> Result<(), Failed> {
    // From the first moment on, so that a signal while it starts is not lost.
    let signals = Signals::new([SIGTERM, SIGINT, SIGUSR1])?;
    let limits = affordable(Limits::default());
    let options =
        Options { connections_max: limits.connections_max + CONNECTIONS_SPARE, out_bytes_max: limits.out_bytes_max };
    let hosting = HostingOptions { listen: settings.listen, registration: settings.registration, limits };
    let hosting = Hosting::open(&settings.data, hosting)?;
    let recorder = match &settings.record {
        None => None,
        Some(file) if !hosting.is_new() && !settings.record_secrets => {
            let (file, data) = (file.display(), settings.data.display());
            let sentence = format!(
                "{file} would hold the identity key of {data}, which is in use: say --record-secrets if that is meant"
            );
            return Err(Failed { sentence, code: 2 });
        }
        Some(file) => {
            let recorder = hosting.recorder(file).map_err(|error| Failed {
                sentence: format!("the recording {} cannot be made: {error}", file.display()),
                code: 1,
            })?;
            warn!("{} will hold keys and texts: give it to nobody who may not have them", file.display());
            Some(recorder)
        }
    };
    let host = Rc::new(RefCell::new(Host::new(hosting.key())));
    let asked = Arc::clone(&host.borrow().asked);
    let node = {
        let host = Rc::clone(&host);
        hosting.node(move |notice, control| host.borrow_mut().on_notice(notice, control), recorder)
    };
    let mut reactor = Reactor::new(options)?;
    let handle = reactor.add(node);
    listen_to_signals(signals, handle, asked)?;
    reactor.run()?;
    match host.borrow_mut().failed.take() {
        Some(sentence) => Err(Failed { sentence, code: 1 }),
        None => Ok(()),
    }
}

/// Takes as many descriptors as this process may have, since the usual 1,024 are fewer than a tracker's connections,
/// and no more connections than they are enough for: so each that is one too many is refused and counted, and the
/// database never goes without.
fn affordable(mut limits: Limits) -> Limits {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let descriptors = match getrlimit(Resource::RLIMIT_NOFILE) {
        Ok((present, most)) => match setrlimit(Resource::RLIMIT_NOFILE, most, most) {
            Ok(()) => most,
            Err(error) => {
                warn!("the limit of descriptors stays as it is: {error}");
                present
            }
        },
        Err(error) => {
            warn!("the limit of descriptors is not known: {error}");
            return limits;
        }
    };
    let affordable = usize::try_from(descriptors).unwrap_or(usize::MAX).saturating_sub(DESCRIPTORS_KEPT).max(1);
    if affordable < limits.connections_max {
        info!("this process may have {descriptors} descriptors, so {affordable} connections");
        limits.connections_max = affordable;
    }
    limits
}

// Notices.

/// What the program knows of its tracker.
struct Host {
    key: Key,
    /// Why it has to end.
    failed: Option<String>,
    counters: Counters,
    /// The sentence that was logged last.
    logged: String,
    /// Whether someone wants to see the counters though nothing has changed.
    asked: Arc<AtomicBool>,
}

impl Host {
    fn new(key: Key) -> Self {
        let (counters, logged) = (Counters::default(), String::new());
        Self { key, failed: None, counters, logged, asked: Arc::default() }
    }

    fn on_notice(&mut self, notice: Notice, control: &mut Control<Command>) {
        match notice {
            Notice::Listening { address } => self.say_listening(address),
            Notice::ListenRefused { address, reason } => {
                self.failed.get_or_insert_with(|| refused(address, reason));
                control.command(Command::Shutdown);
            }
            Notice::LoggedIn { name, from } => debug!("{name} logged in from {from}"),
            Notice::LoggedOut { name } => debug!("{name} logged out"),
            Notice::Fault { from, fault } => {
                self.counters.count(fault);
                debug!("{from}: {fault}");
            }
            Notice::Counters { counters, connections, sessions, users, rooms } => {
                let sentence = format!(
                    "connections {connections}, sessions {sessions}, users {users}, rooms {rooms}; {}",
                    refused_or_cut(&counters)
                );
                if self.asked.swap(false, Ordering::Relaxed) || sentence != self.logged {
                    info!("{sentence}");
                    self.logged = sentence;
                }
            }
            Notice::Stopped => {
                info!("stopped; {}", refused_or_cut(&self.counters));
                control.stop();
            }
        }
    }

    /// The one thing that is said on stdout. Nobody may be reading it; that is no reason to stop.
    fn say_listening(&self, address: SocketAddr) {
        let mut stdout = io::stdout().lock();
        let line = format!("papo-tracker listens on {address}, fingerprint {}\n", self.key);
        if let Err(error) = stdout.write_all(line.as_bytes()).and_then(|()| stdout.flush()) {
            warn!("nobody reads that it listens on {address}: {error}");
        }
    }
}

fn refused(address: SocketAddr, reason: Refusal) -> String {
    let why = match reason {
        Refusal::AddressInUse => "another program listens there: stop it, or choose another address with --listen",
        Refusal::AddressNotAvailable => "no interface of this host has that address: choose another with --listen",
        Refusal::Denied => "this user may not: choose a port above 1023 with --listen",
        Refusal::Exhausted => "descriptors or memory have run out",
        Refusal::Refused | Refusal::Unreachable | Refusal::TimedOut | Refusal::Other => "the system refuses",
    };
    format!("papo-tracker cannot listen on {address}: {why}")
}

fn refused_or_cut(counters: &Counters) -> String {
    let counts = counters.iter().map(|(fault, count)| format!("{count} {fault}")).collect::<Vec<_>>();
    if counts.is_empty() {
        "nothing refused or cut".to_owned()
    } else {
        format!("refused or cut: {}", counts.join(", "))
    }
}

// Signals.

/// Hands signals on to the tracker, and asks it for its counters every minute.
fn listen_to_signals(mut signals: Signals, handle: Handle<Command>, asked: Arc<AtomicBool>) -> io::Result<()> {
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
