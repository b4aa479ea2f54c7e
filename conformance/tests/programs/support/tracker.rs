//! A real tracker with a data directory of its own.

use std::{
    ffi::OsStr,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::Instant,
};

use nix::sys::signal::Signal;
use papo_proto::error::Fault;
use tempfile::TempDir;

use super::{
    BOUND,
    process::{self, Process},
    programs,
};

/// A running tracker.
#[derive(Debug)]
pub(crate) struct Tracker {
    /// The process.
    pub(crate) process: Process,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// The fingerprint that it printed.
    pub(crate) fingerprint: String,
    data: Arc<TempDir>,
    extra: Vec<String>,
}

/// A tracker's command line, with nothing of the caller's environment that would change it.
pub(crate) fn command(data: &Path, listen: &str) -> Command {
    let mut command = Command::new(programs::tracker());
    command.args(["--listen", listen, "--data"]).arg(data);
    for variable in ["PAPO_PASSWORD", "RUST_LOG"] {
        command.env_remove(variable);
    }
    // Whatever it might keep beside its data directory stays in there too.
    command.env("HOME", data).env("XDG_CONFIG_HOME", data).env("XDG_DATA_HOME", data);
    command
}

impl Tracker {
    /// Starts one on a port that the system chooses.
    #[track_caller]
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// The same with further options.
    #[track_caller]
    pub(crate) fn start_with(extra: &[&dyn AsRef<OsStr>]) -> Self {
        let data = Arc::new(tempfile::tempdir().expect("a temporary directory"));
        let extra = extra.iter().map(|option| option.as_ref().to_string_lossy().into_owned()).collect::<Vec<_>>();
        Self::start_at("127.0.0.1:0", data, extra)
    }

    /// Starts one on a data directory that is there already.
    #[track_caller]
    pub(crate) fn start_on(data: impl Into<Arc<TempDir>>) -> Self {
        Self::start_at("127.0.0.1:0", data.into(), Vec::new())
    }

    /// The same with further options.
    #[track_caller]
    pub(crate) fn start_on_with(data: impl Into<Arc<TempDir>>, extra: &[&str]) -> Self {
        Self::start_at("127.0.0.1:0", data.into(), extra.iter().map(ToString::to_string).collect())
    }

    /// The same with a limit that a shell sets first; it has none when it is started again.
    #[track_caller]
    pub(crate) fn start_limited(data: impl Into<Arc<TempDir>>, limit: &str) -> Self {
        let data = data.into();
        let command = process::limited(&command(data.path(), "127.0.0.1:0"), limit);
        Self::start_command(command, data, Vec::new())
    }

    #[track_caller]
    fn start_at(listen: &str, data: Arc<TempDir>, extra: Vec<String>) -> Self {
        let mut command = command(data.path(), listen);
        command.args(&extra);
        Self::start_command(command, data, extra)
    }

    #[track_caller]
    fn start_command(mut command: Command, data: Arc<TempDir>, extra: Vec<String>) -> Self {
        let process = Process::start(&mut command);
        let line = process.wait_stdout("where it listens", |line| line.starts_with("papo-tracker listens on "));
        let rest = line.trim_start_matches("papo-tracker listens on ");
        let (address, fingerprint) = rest.split_once(", fingerprint ").expect("address and fingerprint");
        let address = address.parse().expect("an address");
        assert_eq!(fingerprint.len(), 64, "{line}");
        Self { process, address, fingerprint: fingerprint.to_owned(), data, extra }
    }

    /// Its data directory.
    pub(crate) fn data(&self) -> PathBuf {
        self.data.path().to_owned()
    }

    /// The same, for another tracker to be started on when this one has ended.
    pub(crate) fn shared_data(&self) -> Arc<TempDir> {
        Arc::clone(&self.data)
    }

    /// As `--tracker` takes it.
    pub(crate) fn spec(&self) -> String {
        format!("{}#{}", self.address, self.fingerprint)
    }

    /// Starts it again on the same port with the same data; it must have ended.
    #[track_caller]
    pub(crate) fn restart(&mut self) {
        let next = Self::start_at(&self.address.to_string(), Arc::clone(&self.data), self.extra.clone());
        assert_eq!((next.address, &next.fingerprint), (self.address, &self.fingerprint), "it is the same tracker");
        *self = next;
    }

    /// Asks it to end, as a service manager does; its exit code.
    #[track_caller]
    pub(crate) fn terminate(&mut self) -> i32 {
        self.process.signal(Signal::SIGTERM);
        self.process.wait_code()
    }

    /// Waits until so many connections at least were refused or cut for this reason; how many were.
    #[track_caller]
    pub(crate) fn wait_counter(&self, fault: Fault, least: u64) -> u64 {
        let until = Instant::now() + BOUND;
        loop {
            let counters = self.counters();
            let count = counter(&counters, fault);
            if count >= least {
                return count;
            }
            assert!(Instant::now() < until, "{fault}: {count}, not {least}\n{}", self.process.story());
        }
    }

    /// Its counters, asked for just now.
    #[track_caller]
    pub(crate) fn counters(&self) -> String {
        let before = self.process.stderr.len();
        self.process.signal(Signal::SIGUSR1);
        self.process
            .stderr
            .wait(BOUND, |lines| lines.get(before..)?.iter().find(|line| line.contains(", sessions ")).cloned())
            .unwrap_or_else(|| panic!("no counters came\n{}", self.process.story()))
    }
}

/// How often this happened, in a line of counters: `…: 3 SENTENCE, 1 SENTENCE`.
pub(crate) fn counter(counters: &str, fault: Fault) -> u64 {
    let sentence = fault.to_string();
    let counts = counters.rsplit_once(": ").map_or("", |(_, counts)| counts).split(", ");
    let mut counts = counts.filter_map(|count| count.split_once(' '));
    counts.find(|(_, said)| *said == sentence).and_then(|(count, _)| count.parse().ok()).unwrap_or(0)
}
