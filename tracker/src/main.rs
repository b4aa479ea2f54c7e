//! `papo-tracker`: hosts a tracker, by itself, until it is told to stop.
//!
//! On stdout stands one line for each address that it listens on, as soon as it does; everything else goes to stderr
//! through `log` (`RUST_LOG` says how much). Faults of remotes are logged one by one at `debug` only: at `info` stand
//! their counts, at most once a minute, so that nobody can fill a disk from afar.
//!
//! Signals: SIGTERM and SIGINT say goodbye to everyone and end the program; a second one ends it at once. SIGUSR1 logs
//! the counters. `import` and `export` host nothing: they move accounts and rooms, and end. Exit codes: 0 fine, 1 failure, 2 usage.

mod args;
mod host;
mod relays;
mod signals;

use std::{cell::RefCell, io, path::Path, process::ExitCode, rc::Rc, sync::Arc};

use args::{Arguments, Errand, Settings};
use clap::Parser as _;
use host::{Host, say};
use log::{error, info, warn};
use papo_proto::limits::Limits;
use papo_runtime_mio::{Options, Reactor, diagnostics};
use papo_tracker::{
    Hosting, HostingOptions,
    migration::{self, export::Exported, import::Imported},
};
use signal_hook::{
    consts::{SIGINT, SIGTERM, SIGUSR1},
    iterator::Signals,
};

/// Connections that the reactor takes beyond the tracker's own bound, so that the tracker refuses and counts them.
const CONNECTIONS_SPARE: usize = 64;
/// Descriptors that are no connections: database, locks, listeners, wakers, recording, and what SQLite opens at times.
const DESCRIPTORS_KEPT: usize = 32;

/// No more is told of what an import left out.
const SKIPPED_TOLD_MAX: usize = 100;

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
    let done = match settings.errand.clone() {
        Some(errand) => run_errand(&errand, &settings.data),
        None => run(settings),
    };
    match done {
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

/// Moves accounts and rooms; what came of it is said on stdout, and what was left out on stderr.
fn run_errand(errand: &Errand, data: &Path) -> Result<(), Failed> {
    match errand {
        Errand::Import { from } => {
            let Imported { accounts, rooms, skipped } = migration::import(data, from)?;
            for (what, _) in skipped.iter().zip(0..SKIPPED_TOLD_MAX) {
                warn!("left out: {what}");
            }
            let skipped = skipped.len();
            say(&format!("imported: {accounts} accounts, {rooms} rooms; left out: {skipped}"));
        }
        Errand::Export { to } => {
            let Exported { accounts, rooms, encrypted } = migration::export(data, to)?;
            say(&format!(
                "exported: {accounts} accounts, {rooms} plaintext rooms; left out: {encrypted} encrypted rooms. \
                 Passwords are not exported, `!` stands in their place"
            ));
        }
    }
    Ok(())
}

fn run(settings: Settings) -> Result<(), Failed> {
    // From the first moment on, so that a signal while it starts is not lost.
    let signals = Signals::new([SIGTERM, SIGINT, SIGUSR1])?;
    let limits = affordable(Limits::default());
    let relayed = settings.relay_tcp.map_or(0, |_| limits.relay_clients_max);
    let options = Options {
        connections_max: limits.connections_max + relayed + CONNECTIONS_SPARE,
        out_bytes_max: limits.out_bytes_max,
        queued_bytes_max: Options::QUEUED_BYTES_MAX,
    };
    let hosting = HostingOptions {
        listen: settings.listen.clone(),
        registration: settings.registration.clone(),
        allow_plaintext: settings.allow_plaintext,
        ping_interval_ms: settings.ping_interval_ms,
        limits: limits.clone(),
    };
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
            let recorder = hosting.recorder(file).map_err(|error| not_recorded(file, &error))?;
            warn!("{} will hold keys and texts: give it to nobody who may not have them", file.display());
            Some(recorder)
        }
    };
    if settings.allow_plaintext {
        info!(
            "plain text is allowed: whoever is on the way can read what such clients say, their passwords' hashes too"
        );
    }
    let host = Rc::new(RefCell::new(Host::new(hosting.key())));
    let asked = Arc::clone(&host.borrow().asked);
    let node = {
        let host = Rc::clone(&host);
        hosting.node(move |notice, control| host.borrow_mut().on_notice(notice, control), recorder)
    };
    let mut reactor = Reactor::new(options)?;
    let handle = reactor.add(node);
    host.borrow_mut().start(handle.clone());
    relays::add(&mut reactor, &host, &settings, &limits).map_err(|(file, error)| not_recorded(&file, &error))?;
    signals::listen(signals, handle, asked)?;
    reactor.run()?;
    match host.borrow_mut().failed.take() {
        Some(sentence) => Err(Failed { sentence, code: 1 }),
        None => Ok(()),
    }
}

fn not_recorded(file: &Path, error: &io::Error) -> Failed {
    Failed { sentence: format!("the recording {} cannot be made: {error}", file.display()), code: 1 }
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
