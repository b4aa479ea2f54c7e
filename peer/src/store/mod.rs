//! What a peer keeps, in SQLite: written change by change, read once at the start.
//!
//! - [`schema`]: the tables.
//! - [`apply`]: a change → its rows. All changes of a call are one transaction.
//! - [`load`]: the rows → the [`State`] that a peer starts from.
//! - [`transfers`]: both, for files and directories.
//! - [`shown`]: how far what was received has been shown.
//!
//! A database of an older version is brought up to this one when it is opened, in one transaction.
//!
//! Invariant: a database that this program does not understand is never written to.

mod apply;
mod load;
mod schema;
mod shown;
mod transfers;

use std::{
    fs::OpenOptions,
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use papo_proto::peer::{Change, State};
use rusqlite::{Connection, OpenFlags, TransactionBehavior, config::DbConfig};

pub(crate) use shown::Shown;

/// The format of the database that this program writes.
pub(crate) const FORMAT: i64 = schema::VERSION;

/// Why the store can't be used, in short; what a person is told of it is a sentence of the frontend's.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// Made by a later version.
    #[error("format {found} is newer")]
    Newer {
        /// The database.
        path: PathBuf,
        /// Its version.
        found: i64,
    },
    /// Another program's.
    #[error("not papo's")]
    Foreign(PathBuf),
    /// Its content can't be right.
    #[error("damaged: {reason}")]
    Corrupt {
        /// The database.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// Its disk is full.
    #[error("disk full")]
    Full(PathBuf),
    /// It can't be read or written.
    #[error("{reason}")]
    Unusable {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

impl StoreError {
    fn of(path: &Path, error: &rusqlite::Error) -> Self {
        let path = path.to_owned();
        match error {
            rusqlite::Error::SqliteFailure(failure, _) if failure.code == rusqlite::ErrorCode::DiskFull => {
                Self::Full(path)
            }
            rusqlite::Error::SqliteFailure(failure, _)
                if matches!(
                    failure.code,
                    rusqlite::ErrorCode::CannotOpen
                        | rusqlite::ErrorCode::PermissionDenied
                        | rusqlite::ErrorCode::ReadOnly
                        | rusqlite::ErrorCode::SystemIoFailure
                        | rusqlite::ErrorCode::DatabaseBusy
                        | rusqlite::ErrorCode::DatabaseLocked
                ) =>
            {
                Self::Unusable { path, reason: error.to_string() }
            }
            _ => Self::Corrupt { path, reason: error.to_string() },
        }
    }
}

/// The open database.
#[derive(Debug)]
pub(crate) struct PeerStore {
    connection: Connection,
    path: PathBuf,
}

impl PeerStore {
    /// Opens `peer.sqlite` in a data directory; makes it when it is missing, with the log number that `draw` gives.
    ///
    /// # Errors
    /// When it is not a whole database of papo of a known version, or can't be written.
    pub(crate) fn open(directory: &Path, draw: impl FnOnce() -> u64) -> Result<Self, StoreError> {
        let path = directory.join("peer.sqlite");
        let connection = open_connection(&path, draw)?;
        Ok(Self { connection, path })
    }

    /// What the changes so far have led to; `shown` is how far what was received has been shown.
    ///
    /// # Errors
    /// When a row makes no sense.
    pub(crate) fn load(&self, entries_known_max: usize, shown: u64) -> Result<State, StoreError> {
        load::state(&self.connection, entries_known_max, shown).map_err(|error| match error {
            load::LoadError::Sqlite(error) => StoreError::of(&self.path, &error),
            load::LoadError::Row(reason) => StoreError::Corrupt { path: self.path.clone(), reason },
        })
    }

    /// The number of the last message that was received; 0 for none.
    ///
    /// # Errors
    /// When the database can't be read.
    pub(crate) fn received(&self) -> Result<u64, StoreError> {
        let sql = "SELECT coalesce(max(number), 0) FROM received";
        let number = self.connection.query_row(sql, [], |row| row.get::<_, i64>(0));
        number.map(i64::cast_unsigned).map_err(|error| StoreError::of(&self.path, &error))
    }

    /// Keeps changes, all or none.
    ///
    /// # Errors
    /// When they can't be written; then nothing is kept.
    pub(crate) fn keep(&mut self, changes: &[Change]) -> Result<(), StoreError> {
        self.apply_all(changes).map_err(|error| StoreError::of(&self.path, &error))
    }

    fn apply_all(&mut self, changes: &[Change]) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for change in changes {
            apply::change(&transaction, change)?;
        }
        transaction.commit()
    }
}

fn open_connection(path: &Path, draw: impl FnOnce() -> u64) -> Result<Connection, StoreError> {
    let failed = |error: rusqlite::Error| StoreError::of(path, &error);
    make_private(path).map_err(|error| StoreError::Unusable { path: path.to_owned(), reason: error.to_string() })?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true).map_err(failed)?;
    connection.busy_timeout(std::time::Duration::from_secs(5)).map_err(failed)?;
    // Reads only, until it is known whose the file is.
    let number = |pragma: &str| connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
    let (application, version) = (number("application_id").map_err(failed)?, number("user_version").map_err(failed)?);
    let tables =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0)).map_err(failed)?;
    let fresh = application == 0 && version == 0 && tables == 0;
    if !fresh && application != schema::APPLICATION_ID {
        return Err(StoreError::Foreign(path.to_owned()));
    }
    if version > schema::VERSION {
        return Err(StoreError::Newer { path: path.to_owned(), found: version });
    }
    if !fresh {
        let check = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0)).map_err(failed)?;
        if check != "ok" {
            return Err(StoreError::Corrupt { path: path.to_owned(), reason: check.replace('\n', " ") });
        }
    }
    connection.pragma_update(None, "journal_mode", "WAL").map_err(failed)?;
    connection.pragma_update(None, "synchronous", "FULL").map_err(failed)?;
    connection.set_prepared_statement_cache_capacity(64);
    if version < schema::VERSION {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        for step in schema::STEPS.iter().skip(usize::try_from(version).unwrap_or(0)) {
            transaction.execute_batch(step).map_err(failed)?;
        }
        if fresh {
            transaction.execute("INSERT INTO self (log) VALUES (?1)", [draw().max(1).cast_signed()]).map_err(failed)?;
            transaction.pragma_update(None, "application_id", schema::APPLICATION_ID).map_err(failed)?;
        }
        transaction.pragma_update(None, "user_version", schema::VERSION).map_err(failed)?;
        transaction.commit().map_err(failed)?;
    }
    Ok(connection)
}

/// A missing database is made empty and for its owner alone; the files that SQLite adds beside it take after it.
fn make_private(path: &Path) -> io::Result<()> {
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    match made {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        Ok(_) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests;
