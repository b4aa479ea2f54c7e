//! The wiring: data directory, store, machine, reactor, frontend, signals.
//!
//! The reactor has the main thread; the frontend and the signals have one each. The peer's notices go into the
//! frontend's inbox, what the frontend decides comes back through the peer's handle.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener},
    path::Path,
    sync::Arc,
    time::Duration,
};

use papo_proto::{
    disk::DiskError,
    identity::{Identity, Key},
    limits::Limits,
    machine::Machine as _,
    peer::{
        Change, Command, Notice, Peer, Problem, Start, State,
        interface::{Credentials, Lan, TrackerAddress},
    },
    record, tracker,
    tracker::{Registration, interface::PING_INTERVAL_MS},
};
use papo_runtime_mio::{
    Disk, Handle, Node, Options, Reactor, Recorder,
    data_dir::{DataDir, DataDirError},
    random_seed,
};
use papo_tracker::{Hosting, HostingOptions};

use crate::{
    args::{AutoAccept, Settings, Transfer},
    frontend::{
        Wiring,
        commands::Verb,
        errand::{
            Errand, Item,
            run::{self, Telling},
        },
        event::{Event, Info, Trouble},
        inbox::Inbox,
        paths::Paths,
        piped, running,
        sentences::{self, Broken, Language, files},
        session::{EXIT_FAILURE, EXIT_USAGE, Input, Session, Setup},
        terminal::{self, screen::Screen},
    },
    store::{PeerStore, Shown, StoreError},
};

/// An interactive program selects, and so stays far below 1024 descriptors.
const CONNECTIONS_MAX: usize = 800;
/// In the data directory: notes of what is sent.
const SENT_NOTES: &str = "sources";

/// Why the program could not start, or had to end.
#[derive(Debug)]
pub(crate) struct Failed {
    /// What a person is told.
    pub(crate) sentence: String,
    /// The exit code.
    pub(crate) code: u8,
}

impl Failed {
    /// Something broke; what is told of it in a language.
    pub(crate) fn of<E: Into<Broken>>(language: Language) -> impl Fn(E) -> Self + Copy {
        move |error| Self { sentence: sentences::broken(language, &error.into()), code: EXIT_FAILURE }
    }
}

/// How the program is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Face {
    /// By a person at a terminal.
    Terminal,
    /// By lines.
    Plain,
    /// By objects.
    Json,
    /// For one thing, from a shell.
    Task {
        /// Told by objects.
        json: bool,
        /// Told with bars.
        bars: bool,
    },
}

/// Runs until it is told to end. The exit code.
///
/// # Errors
/// When it can't start, or can't go on.
pub(crate) fn run(settings: Settings, transfer: Option<Transfer>, face: Face) -> Result<u8, Failed> {
    let (limits, language) = (Limits::default(), settings.language);
    let signals = running::signals(language)?;
    let paths = Paths::of_process().map_err(Failed::of(language))?;
    let directory = DataDir::open(&settings.data).map_err(|error| match (&error, &transfer) {
        (DataDirError::Locked { path }, Some(transfer)) => {
            Failed { sentence: files::busy(language, path, transfer), code: EXIT_FAILURE }
        }
        _ => Failed::of(language)(error),
    })?;
    let (secret, is_new) = directory.secret("identity.key").map_err(Failed::of(language))?;
    if settings.record.is_some() && !is_new && !settings.record_secrets {
        return Err(Failed { sentence: sentences::record_secrets(language, &settings.data), code: EXIT_USAGE });
    }
    let (store, shown, state) = open_store(directory.path(), &limits).map_err(Failed::of(language))?;
    let host = |address| Hosted::open(address, directory.path(), &settings, &limits);
    let hosting = settings.host.map(host).transpose()?;
    // A tracker that nobody has an account at can only be begun with.
    let first = hosting.as_ref().is_some_and(|hosted| settings.tracker.is_none() && !hosted.hosting.has_accounts());
    let register = settings.register || first;
    if register && settings.password.is_none() && face != Face::Terminal {
        return Err(Failed { sentence: sentences::register_needs_password(language).to_owned(), code: EXIT_USAGE });
    }
    let tracker = settings.tracker.clone().or_else(|| hosting.as_ref().map(|hosted| hosted.tracker.clone()));

    let errand = transfer.map(|transfer| errand(transfer, &paths, tracker.is_some(), language)).transpose()?;
    let setup = Setup {
        terminal: face == Face::Terminal,
        json: face == Face::Json,
        me: settings.user.clone(),
        tracker: tracker.is_some(),
        password: settings.password.clone(),
        token: settings.token.clone(),
        register: register && settings.password.is_none(),
        registering: register && settings.password.is_some(),
        paths: paths.clone(),
    };
    let credentials = (tracker.is_some() && !setup.register).then(|| Credentials {
        name: settings.user.clone(),
        password: settings.password.clone(),
        register,
        token: settings.token.clone(),
    });
    let identity = Identity::from_secret(&secret);
    let start = Start {
        limits: limits.clone(),
        any_port: settings.any_port,
        auto_accept: settings.auto_accept == AutoAccept::Verified,
        allow_plaintext: settings.allow_plaintext,
        lan: settings.lan_port.map(|port| Lan { port, hosts_tracker: hosting.as_ref().map(|hosted| hosted.listen) }),
        tracker,
        trust_new: settings.trust_new,
        credentials,
        ..Start::new(random_seed(), identity, settings.user.clone(), settings.listen, state)
    };
    let recorder = settings.record.as_deref().map(|path| record_into(path, &start, language)).transpose()?;

    let mut reactor = Reactor::new(Options {
        connections_max: CONNECTIONS_MAX,
        out_bytes_max: limits.out_bytes_max,
        queued_bytes_max: Options::QUEUED_BYTES_MAX,
    })
    .map_err(Failed::of(language))?;
    let session = Session::new(setup);
    let (inbox, screen) = (Arc::new(Inbox::default()), Arc::new(Screen::new(session.prompt())));
    if let Some(path) = &settings.record {
        inbox.push(Input::Show(Event::Info(Info::Recording(path.clone()))));
    }
    // The tracker first: it listens before it is dialled.
    let tracker = match hosting {
        Some(hosted) => Some(hosted.join(&mut reactor, &inbox, settings.record.as_deref())?),
        None => None,
    };
    let peer = reactor.add(Node {
        machine: Peer::start(start),
        store: Some(Box::new(store)),
        passwords: None,
        disk: Some(Disk { received: paths.of(&settings.received_dir), notes: directory.path().join(SENT_NOTES) }),
        on_notice: on_peer_notice(Arc::clone(&inbox), tracker),
        recorder,
    });
    let at_terminal = (face == Face::Terminal).then(|| Arc::clone(&screen));
    let signalled = running::listen_to_signals::<Session>(signals, at_terminal, Arc::clone(&inbox), peer.clone());
    let wiring = Wiring { session, inbox: Arc::clone(&inbox), machine: peer, language };
    let history = directory.path().join("history");
    let code = match (face, errand) {
        (Face::Task { json, bars }, Some(errand)) => {
            running::start(language, move || Ok(run::run(wiring, errand, Telling { json, bars }, io::stdout())))
        }
        (Face::Terminal, _) => running::start(language, move || {
            terminal::run(wiring, note_in(shown), Verb::ALL, &screen, settings.theme, history, paths)
        }),
        (Face::Plain | Face::Json | Face::Task { .. }, _) => {
            running::start(language, move || Ok(piped::run(wiring, note_in(shown), face == Face::Json, io::stdout())))
        }
    };
    let ran = reactor.run();
    inbox.end();
    let code = running::await_code(&code, &signalled, language);
    ran.map_err(Failed::of(language))?;
    code
}

fn open_store(directory: &Path, limits: &Limits) -> Result<(PeerStore, Shown, State), StoreError> {
    let store = PeerStore::open(directory, || random_seed().stream("log", 0).next_u64())?;
    let shown = Shown::open(directory, store.received()?)?;
    let state = store.load(limits.entries_known_max, shown.number())?;
    Ok((store, shown, state))
}

impl papo_runtime_mio::Store<Change> for PeerStore {
    fn apply(&mut self, changes: &[Change]) -> Result<(), papo_runtime_mio::StoreError> {
        Ok(self.keep(changes)?)
    }
}

fn record_into(path: &Path, start: &Start, language: Language) -> Result<Recorder, Failed> {
    Recorder::create(path, &record::header::<Peer>(start))
        .map_err(|error| Failed { sentence: sentences::record_refused(language, path, &error), code: EXIT_FAILURE })
}

/// Notes which messages were shown, so that none is shown again at the next start.
fn note_in(mut shown: Shown) -> impl FnMut(u64) + Send {
    move |number| {
        if let Err(error) = shown.note(number) {
            log::error!("how far messages were shown can't be noted: {error}");
        }
    }
}

type PeerNotices = Box<dyn FnMut(Notice, &mut papo_runtime_mio::Control<Command>)>;

/// Notices go into the inbox. When the peer has ended, the tracker beside it ends too.
fn on_peer_notice(inbox: Arc<Inbox>, tracker: Option<Handle<tracker::Command>>) -> PeerNotices {
    Box::new(move |notice, control| {
        if matches!(notice, Notice::Stopped { .. }) {
            control.stop();
            if let Some(tracker) = &tracker
                && tracker.try_send(tracker::Command::Shutdown).is_err()
            {
                log::debug!("the tracker has ended already");
            }
        }
        if let Notice::Counters { counters, links, unacknowledged } = notice {
            let stats = control.stats();
            return inbox.push(Input::Show(Event::Counters { counters, links, unacknowledged, stats }));
        }
        if inbox.push_notice(notice) {
            control.command(Command::Output { open: false });
        }
    })
}

// The tracker in the same program.

/// A tracker that is about to run here.
struct Hosted {
    hosting: Hosting,
    listen: SocketAddr,
    tracker: TrackerAddress,
    addresses: Vec<String>,
    language: Language,
}

impl Hosted {
    fn open(listen: SocketAddr, directory: &Path, settings: &Settings, limits: &Limits) -> Result<Self, Failed> {
        let language = settings.language;
        let listen = with_port(listen).map_err(|error| Failed {
            sentence: sentences::host_refused(language, &error.to_string()),
            code: EXIT_FAILURE,
        })?;
        let options = HostingOptions {
            listen: vec![listen],
            registration: Registration::Open,
            allow_plaintext: settings.allow_plaintext,
            ping_interval_ms: PING_INTERVAL_MS,
            limits: limits.clone(),
        };
        let hosting = Hosting::open(&directory.join("tracker"), options).map_err(Failed::of(language))?;
        let near = match listen.ip() {
            ip if !ip.is_unspecified() => ip,
            IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
        };
        let tracker = TrackerAddress { host: near.to_string(), port: listen.port(), key: Some(hosting.key()) };
        Ok(Self { addresses: addresses_of(listen), hosting, listen, tracker, language })
    }

    /// Adds the tracker to the reactor. It is recorded beside the peer, in a file of its own: `FILE.tracker`.
    fn join(
        self,
        reactor: &mut Reactor,
        inbox: &Arc<Inbox>,
        record: Option<&Path>,
    ) -> Result<Handle<tracker::Command>, Failed> {
        let path = record.map(|path| {
            let mut name = path.as_os_str().to_owned();
            name.push(".tracker");
            std::path::PathBuf::from(name)
        });
        let recorder = path.map(|path| {
            self.hosting.recorder(&path).map_err(|error| Failed {
                sentence: sentences::record_refused(self.language, &path, &error),
                code: EXIT_FAILURE,
            })
        });
        let recorder = recorder.transpose()?;
        let (inbox, key, addresses) = (Arc::clone(inbox), self.hosting.key(), self.addresses);
        Ok(reactor.add(self.hosting.node(
            move |notice, control| match notice {
                tracker::Notice::Listening { .. } => inbox.push(hosting(&addresses, key)),
                tracker::Notice::ListenRefused { address, reason } => {
                    let trouble = Trouble::HostRefused { address: address.to_string(), reason };
                    inbox.push(Input::Fail(Event::Trouble(trouble)));
                }
                tracker::Notice::Stopped => control.stop(),
                tracker::Notice::Fault { from, fault } => log::info!("{from}: {fault}"),
                tracker::Notice::LoggedIn { .. }
                | tracker::Notice::LoggedOut { .. }
                | tracker::Notice::Counters { .. } => {}
            },
            recorder,
        )))
    }
}

fn hosting(addresses: &[String], key: Key) -> Input {
    Input::Show(Event::Info(Info::Hosting { addresses: addresses.to_vec(), key }))
}

/// The peer beside it must know the port before the tracker listens: where any will do, one that is free is chosen.
fn with_port(listen: SocketAddr) -> io::Result<SocketAddr> {
    if listen.port() != 0 {
        return Ok(listen);
    }
    TcpListener::bind(listen)?.local_addr()
}

/// Where others reach a listener.
fn addresses_of(listen: SocketAddr) -> Vec<String> {
    if !listen.ip().is_unspecified() {
        return vec![listen.to_string()];
    }
    let interfaces = if_addrs::get_if_addrs().unwrap_or_else(|error| {
        log::warn!("the addresses of this machine can't be read: {error}");
        Vec::new()
    });
    let own = interfaces
        .iter()
        .map(if_addrs::Interface::ip)
        .filter(|ip| !ip.is_loopback() && ip.is_ipv4() == listen.is_ipv4());
    let own = own.map(|ip| SocketAddr::new(ip, listen.port()).to_string()).collect::<Vec<_>>();
    if own.is_empty() { vec![format!("127.0.0.1:{}", listen.port())] } else { own }
}

/// What a task is about, as it is at present.
fn errand(transfer: Transfer, paths: &Paths, tracker: bool, language: Language) -> Result<Errand, Failed> {
    match transfer {
        Transfer::Send { paths: given, to, wait } => {
            let items = given.iter().map(|path| item(&paths.of(path), language)).collect::<Result<Vec<_>, _>>()?;
            Ok(Errand::Send { items, to, wait: Duration::from_secs(wait), tracker })
        }
        Transfer::Receive { once, from } => Ok(Errand::Receive { once, from }),
    }
}

fn item(path: &Path, language: Language) -> Result<Item, Failed> {
    let refused = |error: DiskError| {
        let problem = Problem::File { path: path.to_string_lossy().into_owned(), error };
        Failed { sentence: sentences::problem(language, &problem), code: EXIT_FAILURE }
    };
    let found = std::fs::symlink_metadata(path).map_err(|error| {
        refused(if error.kind() == io::ErrorKind::NotFound { DiskError::NotFound } else { DiskError::Denied })
    })?;
    let name = path.file_name().and_then(|name| name.to_str()).ok_or_else(|| refused(DiskError::NotAFile))?;
    let text = path.to_str().ok_or_else(|| refused(DiskError::NotAFile))?;
    Ok(Item { path: text.to_owned(), name: name.to_owned(), tree: found.is_dir(), size: found.len() })
}
