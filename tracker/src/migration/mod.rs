//! Moving from the older system's tracker, and back: its three files in a directory.
//!
//! - [`files`]: what they hold, read and written.
//! - [`mod@import`]: accounts and rooms that are not here yet, in one transaction.
//! - [`mod@export`]: accounts and plaintext rooms, without passwords.
//!
//! Both have the data directory to themselves, so no tracker runs on it meanwhile.
//!
//! Invariant: an import alters no account and no room that is here already, and no file of the older system.

pub mod export;
pub mod files;
pub mod import;

use std::{
    io,
    path::{Path, PathBuf},
};

pub use export::export;
pub use import::import;

use crate::{OpenError, passwords, store::DatabaseError};

/// Why nothing was imported or exported: one sentence each.
#[derive(Debug, thiserror::Error)]
pub enum MigrationError {
    /// The tracker's own data cannot be used.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// There is no tracker's data.
    #[error("{} holds no data of papo-tracker: name the right directory with --data", path.display())]
    NoData {
        /// The directory.
        path: PathBuf,
    },
    /// None of the files is there.
    #[error("{} holds neither users_db.json nor rooms_db.json nor peers_db.json", path.display())]
    NoFiles {
        /// The directory.
        path: PathBuf,
    },
    /// A file cannot be read or written.
    #[error("{} cannot be used: {error}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A file does not hold what it should.
    #[error("{} is damaged ({what}): nothing was imported, and it was left as it is", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        what: String,
    },
    /// The database did not take it.
    #[error("nothing was imported: {0}")]
    NotStored(Box<dyn std::error::Error + Send + Sync>),
}

impl From<DatabaseError> for MigrationError {
    fn from(error: DatabaseError) -> Self {
        Self::Open(error.into())
    }
}

impl From<papo_runtime_mio::data_dir::DataDirError> for MigrationError {
    fn from(error: papo_runtime_mio::data_dir::DataDirError) -> Self {
        Self::Open(error.into())
    }
}

impl From<passwords::Unusable> for MigrationError {
    fn from(error: passwords::Unusable) -> Self {
        Self::Open(error.into())
    }
}

/// A file in the directory.
fn file_error(path: &Path) -> impl Fn(io::Error) -> MigrationError + '_ {
    |error| MigrationError::File { path: path.to_owned(), error }
}
