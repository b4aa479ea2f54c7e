//! What `papo-tracker` is made of, for itself and for whoever hosts a tracker in the same process (`papo --host`).
//!
//! - [`Hosting`]: a data directory, opened and checked, and the machine with everything that belongs to it.
//! - [`store`]: accounts, rooms and rosters in SQLite.
//! - [`migration`]: accounts and rooms of the older system's tracker, imported and exported.
//! - [`passwords`]: checked by Argon2id.
//! - [`settings`]: files that settings stand in, read alike by both programs.
//!
//! The tracker itself is [`papo_proto::tracker`]; the reactor that drives it is [`papo_runtime_mio`]. What is here only
//! connects them.
//!
//! Invariant: nothing is written to a database that is not this program's, is newer than it, or is damaged.

pub mod migration;
pub mod passwords;
pub mod settings;
pub mod store;

use std::{io, net::SocketAddr, path::Path, sync::Arc};

use papo_proto::{
    identity::{Identity, Key},
    limits::Limits,
    machine::Machine as _,
    record,
    tracker::{Command, Notice, Registration, Start, Tracker},
};
use papo_runtime_mio::{
    Control, Node, Recorder,
    data_dir::{DataDir, DataDirError},
    random_seed,
};
use store::{Database, DatabaseError};

/// The file of the data directory that holds the tracker's identity.
const IDENTITY: &str = "identity.key";
/// The file of the data directory that holds everything else.
const DATABASE: &str = "tracker.sqlite";

/// How a tracker is to be.
#[derive(Debug, Clone)]
pub struct HostingOptions {
    /// Where it listens.
    pub listen: Vec<SocketAddr>,
    /// Who may make an account.
    pub registration: Registration,
    /// Whether clients of the older systems may come, in plain text.
    pub allow_plaintext: bool,
    /// How often such clients are asked whether they are there.
    pub ping_interval_ms: u64,
    /// Its bounds.
    pub limits: Limits,
}

/// Why a tracker cannot be hosted: one sentence each.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The data directory cannot be used.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The database cannot be used.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// Argon2 does not work here.
    #[error("passwords cannot be checked here: {0}")]
    Passwords(#[from] passwords::Unusable),
}

/// A tracker that is ready to run. It has its data directory to itself from here on.
#[derive(Debug)]
pub struct Hosting {
    start: Start,
    database: Database,
    is_new: bool,
}

impl Hosting {
    /// Opens, or makes, the data directory `data` with the tracker's identity and database.
    ///
    /// # Errors
    /// When the directory cannot be used or another process uses it, or the database is newer than this program,
    /// damaged, or not its own. Nothing is overwritten then.
    pub fn open(data: &Path, options: HostingOptions) -> Result<Self, OpenError> {
        let dir = DataDir::open(data)?;
        let path = dir.path().join(DATABASE);
        let (secret, is_new) = dir.secret(IDENTITY)?;
        let (database, state) = Database::open(&path, dir)?;
        let identity = Identity::from_secret(&secret);
        let start = Start {
            limits: options.limits,
            registration: options.registration,
            allow_plaintext: options.allow_plaintext,
            ping_interval_ms: options.ping_interval_ms,
            state,
            ..Start::new(random_seed(), identity, options.listen, passwords::dummy(random_seed().0)?)
        };
        Ok(Self { start, database, is_new })
    }

    /// The tracker's identity key: what peers pin.
    #[must_use]
    pub fn key(&self) -> Key {
        self.start.identity.key()
    }

    /// Whether the identity was made just now.
    #[must_use]
    pub const fn is_new(&self) -> bool {
        self.is_new
    }

    /// Whether anyone has an account yet.
    #[must_use]
    pub fn has_accounts(&self) -> bool {
        self.start.state.accounts_len() > 0
    }

    /// What the tracker will start from.
    #[must_use]
    pub const fn start(&self) -> &Start {
        &self.start
    }

    /// Begins a recording in a new file. It will hold the tracker's keys.
    ///
    /// # Errors
    /// When the file exists or cannot be made or written.
    pub fn recorder(&self, path: &Path) -> io::Result<Recorder> {
        Recorder::create(path, &record::header::<Tracker>(&self.start))
    }

    /// The node to add to a reactor. `on_notice` hears what happens, and stops the node at [`Notice::Stopped`].
    #[must_use]
    pub fn node(
        self,
        on_notice: impl FnMut(Notice, &mut Control<Command>) + 'static,
        recorder: Option<Recorder>,
    ) -> Node<Tracker> {
        Node {
            machine: Tracker::start(self.start),
            store: Some(Box::new(self.database)),
            passwords: Some(Arc::new(passwords::check)),
            disk: None,
            on_notice: Box::new(on_notice),
            recorder,
        }
    }
}
