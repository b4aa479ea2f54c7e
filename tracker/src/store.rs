//! Accounts, rooms and rosters in SQLite, as `sqlite3 tracker.sqlite` shows them.
//!
//! | table | holds |
//! |---|---|
//! | `users` | accounts; `folded` is what makes a name the same as another |
//! | `rooms` | rooms with their creation records |
//! | `members` | who is in which room; `number` is the order of coming |
//!
//! Each batch of changes is one transaction, durable when it returns (WAL, `synchronous=FULL`). Before anything is
//! written when a database is opened, it is checked to be this program's, of a version that it knows, whole, and
//! consistent; one that is not is left as it is, byte for byte.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read as _},
    path::{Path, PathBuf},
    time::Duration,
};

use papo_proto::{
    hex,
    identity::Key,
    names::Name,
    time::Wall,
    tracker::{Change, Directory, change::Verifier},
    wire::{
        codec::Text,
        room::{CreationRecord, RoomId},
        tracker::Status,
    },
};
use papo_runtime_mio::{Store, StoreError, data_dir::DataDir};
use rusqlite::{
    Connection, ErrorCode, OpenFlags, Row, Transaction,
    config::DbConfig,
    params,
    types::{FromSqlError, Type},
};

/// `PRAGMA application_id`: "papt".
const APPLICATION: i32 = 0x7061_7074;
/// `PRAGMA user_version`: the version of the tables.
const VERSION: i32 = 1;
/// How every database of SQLite begins.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";
/// How long someone who looks into the database may hold it.
const BUSY_WAIT: Duration = Duration::from_secs(5);

const TABLES: &str = "
CREATE TABLE users (
    folded TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    verifier TEXT NOT NULL,
    key TEXT,
    status TEXT NOT NULL DEFAULT 'online',
    status_text TEXT NOT NULL DEFAULT '',
    profile TEXT NOT NULL DEFAULT '',
    plaintext INTEGER NOT NULL DEFAULT 0,
    added_ms INTEGER NOT NULL,
    last_seen_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE rooms (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    owner TEXT NOT NULL,
    capacity INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    record_nonce TEXT NOT NULL,
    record_owner_key TEXT NOT NULL,
    record_tracker_key TEXT NOT NULL,
    record_flags INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE members (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    room TEXT NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
    user TEXT NOT NULL REFERENCES users (folded),
    UNIQUE (room, user)
) STRICT;
CREATE INDEX members_user ON members (user);
";

/// Why a database cannot be used: one sentence each.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// It cannot be opened, read or written.
    #[error("the database {} cannot be used: {error}", path.display())]
    Unusable {
        /// Which.
        path: PathBuf,
        /// Why.
        error: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Its disk is full.
    #[error("the disk of {} is full: make room there, and start again; what was confirmed is kept", path.display())]
    Full {
        /// Which.
        path: PathBuf,
    },
    /// It was written by a newer program.
    #[error(
        "the database {} is of version {version}, and this papo-tracker knows versions up to {VERSION}: use a newer one",
        path.display()
    )]
    Newer {
        /// Which.
        path: PathBuf,
        /// Its version.
        version: i32,
    },
    /// It is damaged.
    #[error(
        "the database {} is damaged ({what}): it was left as it is; restore it from a copy, or give another --data",
        path.display()
    )]
    Corrupt {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// Another program made it.
    #[error("{} is not a database of papo-tracker: it was left as it is; give another --data", path.display())]
    NotOurs {
        /// Which.
        path: PathBuf,
    },
}

/// A tracker's database. It holds the lock of its data directory.
#[derive(Debug)]
pub struct Database {
    connection: Connection,
    path: PathBuf,
    _dir: DataDir,
}

/// A change does not fit what is stored.
#[derive(Debug, thiserror::Error)]
#[error("the database does not hold what is to be changed")]
struct OutOfStep;

impl Database {
    /// Opens the database at `path` in `dir`, or makes it; with it, what it holds.
    ///
    /// # Errors
    /// When it cannot be used; then it is left as it is.
    pub fn open(path: &Path, dir: DataDir) -> Result<(Self, Directory), DatabaseError> {
        let unusable = |error| DatabaseError::of_system(path, error);
        check_magic(path)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(unusable)?;
        // Until it is known to be sound, not even what a killed process left in the journal is moved into it.
        let keep_journal = |keep| connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, keep);
        keep_journal(true).and_then(|_| connection.busy_timeout(BUSY_WAIT)).map_err(unusable)?;
        let state = match check(&connection, path)? {
            Found::Nothing => Directory::default(),
            Found::Tables => load(&connection, path)?,
        };
        prepare(&connection).and_then(|_| keep_journal(false)).map_err(unusable)?;
        Ok((Self { connection, path: path.to_owned(), _dir: dir }, state))
    }
}

impl DatabaseError {
    /// What SQLite says of a database that is sound as far as is known.
    fn of_system(path: &Path, error: rusqlite::Error) -> Self {
        let path = path.to_owned();
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full { path },
            _ => Self::Unusable { path, error: error.into() },
        }
    }

    /// What SQLite, or what reads its rows, says of a database that nothing is known of: the system is at fault where
    /// SQLite says so, and else what is stored.
    fn of_content(path: &Path, error: StoreError) -> Self {
        match error.downcast::<rusqlite::Error>() {
            Ok(error) if error.sqlite_error_code().is_some_and(is_of_system) => Self::of_system(path, *error),
            Ok(error) => Self::Corrupt { path: path.to_owned(), what: error.to_string() },
            Err(error) => Self::Corrupt { path: path.to_owned(), what: error.to_string() },
        }
    }
}

/// Whether an error says nothing of what is stored.
const fn is_of_system(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::CannotOpen
            | ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::DiskFull
            | ErrorCode::OutOfMemory
            | ErrorCode::PermissionDenied
            | ErrorCode::ReadOnly
            | ErrorCode::SystemIoFailure
    )
}

impl Store<Change> for Database {
    fn apply(&mut self, changes: &[Change]) -> Result<(), StoreError> {
        let failed = |error: StoreError| match error.downcast::<rusqlite::Error>() {
            Ok(error) => DatabaseError::of_system(&self.path, *error).into(),
            Err(error) => error,
        };
        apply_all(&mut self.connection, changes).map_err(failed)
    }
}

enum Found {
    Nothing,
    Tables,
}

/// A file that is there begins like a database, or is empty. One that is not there is made, for its owner alone.
fn check_magic(path: &Path) -> Result<(), DatabaseError> {
    let unusable = |error: io::Error| DatabaseError::Unusable { path: path.to_owned(), error: error.into() };
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_) => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(unusable(error)),
    }
    let mut start = Vec::new();
    File::open(path).and_then(|file| file.take(16).read_to_end(&mut start)).map_err(unusable)?;
    if start.is_empty() || start == MAGIC {
        Ok(())
    } else {
        Err(DatabaseError::Corrupt { path: path.to_owned(), what: "it does not begin like a database".to_owned() })
    }
}

/// Looks whose it is, of what version, and whether it is whole. Only reads.
fn check(connection: &Connection, path: &Path) -> Result<Found, DatabaseError> {
    let failed = |error: rusqlite::Error| DatabaseError::of_content(path, error.into());
    let number = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i32>(0)).map_err(failed);
    let tables = number("SELECT count(*) FROM sqlite_schema")?;
    let (application, version) = (number("PRAGMA application_id")?, number("PRAGMA user_version")?);
    match (application, version) {
        (0, 0) if tables == 0 => return Ok(Found::Nothing),
        (APPLICATION, VERSION) => {}
        (APPLICATION, version) if version > VERSION => {
            return Err(DatabaseError::Newer { path: path.to_owned(), version });
        }
        _ => return Err(DatabaseError::NotOurs { path: path.to_owned() }),
    }
    let whole: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(failed)?;
    let what = || whole.lines().next().unwrap_or_default().to_owned();
    if whole == "ok" { Ok(Found::Tables) } else { Err(DatabaseError::Corrupt { path: path.to_owned(), what: what() }) }
}

fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    let version: i32 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if version == 0 {
        let tables =
            format!("BEGIN; {TABLES} PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {VERSION}; COMMIT;");
        connection.execute_batch(&tables)?;
    }
    Ok(())
}

// Reading.

fn load(connection: &Connection, path: &Path) -> Result<Directory, DatabaseError> {
    let mut directory = Directory::default();
    let mut read = |sql: &str, row_changes: fn(&Row<'_>) -> rusqlite::Result<Vec<Change>>| {
        let mut statement = connection.prepare(sql)?;
        for changes in statement.query_map([], row_changes)? {
            changes?.iter().try_for_each(|change| directory.apply(change))?;
        }
        Ok::<(), StoreError>(())
    };
    read("SELECT * FROM users ORDER BY folded", user_changes)
        .and_then(|()| read("SELECT * FROM rooms ORDER BY id", room_changes))
        .and_then(|()| read(MEMBERS, member_changes))
        .map_err(|error| DatabaseError::of_content(path, error))?;
    Ok(directory)
}

const MEMBERS: &str = "
SELECT members.room, users.name, rooms.epoch FROM members
LEFT JOIN users ON users.folded = members.user LEFT JOIN rooms ON rooms.id = members.room
ORDER BY members.number";

fn user_changes(row: &Row<'_>) -> rusqlite::Result<Vec<Change>> {
    let name = name(row, "name")?;
    let key = row.get::<_, Option<String>>("key")?.map(|key| bytes("key", &key).map(Key)).transpose()?;
    let (added, last_seen) = (wall(row, "added_ms")?, wall(row, "last_seen_ms")?);
    let (status, status_text) = (status(row)?, text(row, "status_text")?);
    let (profile, open) = (text(row, "profile")?, row.get("plaintext")?);
    let verifier = Verifier(row.get("verifier")?);
    // Most accounts are as they were made: for those one change is enough.
    let mut changes = vec![Change::AccountAdded { name: name.clone(), verifier, key, at: added }];
    if status != Status::default() || !status_text.as_str().is_empty() {
        changes.push(Change::AccountStatus { name: name.clone(), status, text: status_text });
    }
    if !profile.as_str().is_empty() {
        changes.push(Change::AccountProfile { name: name.clone(), text: profile });
    }
    if open {
        changes.push(Change::AccountPlaintext { name: name.clone(), open });
    }
    if last_seen != added {
        changes.push(Change::LastSeen { name, at: last_seen });
    }
    Ok(changes)
}

fn room_changes(row: &Row<'_>) -> rusqlite::Result<Vec<Change>> {
    let record = CreationRecord {
        nonce: column_bytes(row, "record_nonce")?,
        name: name(row, "name")?,
        owner: Key(column_bytes(row, "record_owner_key")?),
        tracker: Key(column_bytes(row, "record_tracker_key")?),
        flags: row.get("record_flags")?,
    };
    if record.id() != RoomId(column_bytes(row, "id")?) {
        return Err(bad("id", "a room's id is not that of its record"));
    }
    let (owner, capacity) = (name(row, "owner")?, row.get("capacity")?);
    Ok(vec![Change::RoomAdded { record, owner, capacity, epoch: natural(row, "epoch")? }])
}

fn member_changes(row: &Row<'_>) -> rusqlite::Result<Vec<Change>> {
    let room = RoomId(column_bytes(row, "room")?);
    Ok(vec![Change::MemberAdded { room, name: name(row, "name")?, epoch: natural(row, "epoch")? }])
}

fn bad(column: &'static str, why: impl ToString) -> rusqlite::Error {
    let why: Box<dyn std::error::Error + Send + Sync> = format!("{column}: {}", why.to_string()).into();
    rusqlite::Error::FromSqlConversionFailure(0, Type::Text, FromSqlError::Other(why).into())
}

fn name(row: &Row<'_>, column: &'static str) -> rusqlite::Result<Name> {
    Name::new(&row.get::<_, String>(column)?).map_err(|error| bad(column, error))
}

fn text<const MAX: usize>(row: &Row<'_>, column: &'static str) -> rusqlite::Result<Text<MAX>> {
    Text::new(row.get::<_, String>(column)?).map_err(|error| bad(column, error))
}

fn natural(row: &Row<'_>, column: &'static str) -> rusqlite::Result<u64> {
    u64::try_from(row.get::<_, i64>(column)?).map_err(|error| bad(column, error))
}

fn wall(row: &Row<'_>, column: &'static str) -> rusqlite::Result<Wall> {
    natural(row, column).map(Wall)
}

fn column_bytes<const N: usize>(row: &Row<'_>, column: &'static str) -> rusqlite::Result<[u8; N]> {
    bytes(column, &row.get::<_, String>(column)?)
}

fn bytes<const N: usize>(column: &'static str, text: &str) -> rusqlite::Result<[u8; N]> {
    let bytes = hex::decode(text).and_then(|bytes| bytes.try_into().ok());
    bytes.ok_or_else(|| bad(column, "not hexadecimal of the right length"))
}

fn status(row: &Row<'_>) -> rusqlite::Result<Status> {
    let text = row.get::<_, String>("status")?;
    let status = Status::ALL.iter().find(|status| status_name(**status) == text);
    status.copied().ok_or_else(|| bad("status", "unknown"))
}

// Writing.

fn apply_all(connection: &mut Connection, changes: &[Change]) -> Result<(), StoreError> {
    let transaction = connection.transaction()?;
    changes.iter().try_for_each(|change| apply(&transaction, change))?;
    Ok(transaction.commit()?)
}

fn apply(transaction: &Transaction<'_>, change: &Change) -> Result<(), StoreError> {
    let run = |sql: &str, params: &[&dyn rusqlite::ToSql]| transaction.prepare_cached(sql)?.execute(params);
    let rows = match change {
        Change::AccountAdded { name, verifier, key, at } => run(
            "INSERT INTO users (folded, name, verifier, key, added_ms, last_seen_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?5)",
            params![name.folded(), name.as_str(), verifier.0, key.map(|key| key.to_string()), integer(at.0)],
        ),
        Change::AccountKey { name, key } => {
            run("UPDATE users SET key = ?2 WHERE folded = ?1", params![name.folded(), key.map(|key| key.to_string())])
        }
        Change::AccountStatus { name, status, text } => run(
            "UPDATE users SET status = ?2, status_text = ?3 WHERE folded = ?1",
            params![name.folded(), status_name(*status), text.as_str()],
        ),
        Change::AccountProfile { name, text } => {
            run("UPDATE users SET profile = ?2 WHERE folded = ?1", params![name.folded(), text.as_str()])
        }
        Change::AccountPlaintext { name, open } => {
            run("UPDATE users SET plaintext = ?2 WHERE folded = ?1", params![name.folded(), open])
        }
        Change::LastSeen { name, at } => {
            run("UPDATE users SET last_seen_ms = ?2 WHERE folded = ?1", params![name.folded(), integer(at.0)])
        }
        Change::RoomAdded { record, owner, capacity, epoch } => run(
            "INSERT INTO rooms (id, name, owner, capacity, epoch, record_nonce, record_owner_key, record_tracker_key,
             record_flags) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            params![
                record.id().to_string(),
                record.name.as_str(),
                owner.as_str(),
                capacity,
                integer(*epoch),
                hex::encode(&record.nonce),
                record.owner.to_string(),
                record.tracker.to_string(),
                record.flags,
            ],
        ),
        Change::MemberAdded { room, name, epoch } => {
            run("INSERT INTO members (room, user) VALUES (?1, ?2)", params![room.to_string(), name.folded()])
                .and_then(|_| run(EPOCH, params![room.to_string(), integer(*epoch)]))
        }
        Change::MemberRemoved { room, name, epoch } => {
            run("DELETE FROM members WHERE room = ?1 AND user = ?2", params![room.to_string(), name.folded()])
                .and_then(|rows| Ok(rows.min(run(EPOCH, params![room.to_string(), integer(*epoch)])?)))
        }
        Change::OwnerChanged { room, owner, epoch } => run(
            "UPDATE rooms SET owner = ?2, epoch = ?3 WHERE id = ?1",
            params![room.to_string(), owner.as_str(), integer(*epoch)],
        ),
        Change::RoomRemoved { room } => run("DELETE FROM rooms WHERE id = ?1", params![room.to_string()]),
    }?;
    if rows == 1 { Ok(()) } else { Err(OutOfStep.into()) }
}

const EPOCH: &str = "UPDATE rooms SET epoch = ?2 WHERE id = ?1";

/// SQLite's integers are signed; neither epochs nor milliseconds come near the end of them.
fn integer(natural: u64) -> i64 {
    i64::try_from(natural).unwrap_or(i64::MAX)
}

const fn status_name(status: Status) -> &'static str {
    match status {
        Status::Online => "online",
        Status::Away => "away",
        Status::Busy => "busy",
        Status::Offline => "offline",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn name(text: &str) -> Name {
        Name::new(text).expect("a valid name")
    }

    fn record(text: &str) -> CreationRecord {
        CreationRecord { nonce: [1; 16], name: name(text), owner: Key([1; 32]), tracker: Key([9; 32]), flags: 1 }
    }

    fn account(text: &str) -> Change {
        let verifier = Verifier("$argon2id$".to_owned());
        Change::AccountAdded { name: name(text), verifier, key: Some(Key([3; 32])), at: Wall(5) }
    }

    /// One of every kind of change.
    fn a_life() -> Vec<Change> {
        let (sala, quarto) = (record("sala").id(), record("quarto").id());
        let text = "almoço";
        vec![
            account("Ana"),
            account("bia"),
            Change::AccountKey { name: name("bia"), key: None },
            Change::AccountStatus { name: name("ana"), status: Status::Away, text: Text::new(text).expect("short") },
            Change::AccountProfile { name: name("ana"), text: Text::new("olá").expect("short") },
            Change::AccountPlaintext { name: name("ana"), open: true },
            Change::LastSeen { name: name("ana"), at: Wall(99) },
            Change::RoomAdded { record: record("sala"), owner: name("Ana"), capacity: 256, epoch: 0 },
            Change::MemberAdded { room: sala, name: name("Ana"), epoch: 1 },
            Change::RoomAdded { record: record("quarto"), owner: name("bia"), capacity: 2, epoch: 0 },
            Change::MemberAdded { room: quarto, name: name("bia"), epoch: 1 },
            Change::MemberAdded { room: sala, name: name("bia"), epoch: 2 },
            Change::MemberAdded { room: quarto, name: name("Ana"), epoch: 2 },
            Change::MemberRemoved { room: sala, name: name("Ana"), epoch: 3 },
            Change::OwnerChanged { room: sala, owner: name("bia"), epoch: 4 },
            Change::MemberAdded { room: sala, name: name("Ana"), epoch: 5 },
        ]
    }

    struct Place {
        temp: tempfile::TempDir,
    }

    impl Place {
        fn new() -> Self {
            Self { temp: tempfile::tempdir().expect("a temporary directory") }
        }

        fn path(&self) -> PathBuf {
            self.temp.path().join("tracker.sqlite")
        }

        fn open(&self) -> Result<(Database, Directory), DatabaseError> {
            Database::open(&self.path(), DataDir::open(self.temp.path()).expect("nobody else uses it"))
        }

        /// A database with a life in it.
        fn filled() -> Self {
            let place = Self::new();
            let (mut database, state) = place.open().expect("a new one");
            assert_eq!(state, Directory::default());
            database.apply(&a_life()).expect("it is kept");
            place
        }

        /// It cannot be used for a reason whose sentence holds `part`, and is not touched.
        #[track_caller]
        fn check_refused(&self, part: &str) {
            let before = fs::read(self.path()).expect("it is there");
            let error = self.open().expect_err("it cannot be used").to_string();
            assert!(error.contains(part) && !error.contains('\n'), "{error}");
            assert!(fs::read(self.path()).expect("it is there") == before, "it was overwritten");
        }
    }

    #[test]
    fn every_change_is_there_after_it_is_opened_again() {
        let (_database, stored) = Place::filled().open().expect("it is sound");
        let expected = Directory::from_changes(&a_life()).expect("consistent");
        assert_eq!(stored.to_changes(), expected.to_changes());
        let ana = stored.account(&name("ana")).expect("it is kept");
        assert_eq!(ana.rooms(), [record("quarto").id(), record("sala").id()], "in the order of joining");
    }

    #[test]
    fn a_batch_is_kept_whole_or_not_at_all() {
        let place = Place::filled();
        let (mut database, before) = place.open().expect("it is sound");
        let room = record("nada").id();
        let batch = [account("caio"), Change::MemberRemoved { room, name: name("caio"), epoch: 1 }];
        assert!(database.apply(&batch).is_err());
        assert!(database.apply(&[account("bia")]).is_err(), "taken");
        drop(database);
        assert_eq!(place.open().expect("it is sound").1, before);
    }

    #[test]
    fn a_removed_room_takes_its_members_along() {
        let place = Place::filled();
        let (mut database, _) = place.open().expect("it is sound");
        database.apply(&[Change::RoomRemoved { room: record("sala").id() }]).expect("it is kept");
        drop(database);
        let (_, directory) = place.open().expect("it is sound");
        assert_eq!(directory.rooms_len(), 1);
        assert_eq!(directory.account(&name("bia")).expect("it is kept").rooms(), [record("quarto").id()]);
    }

    #[test]
    fn a_newer_database_is_refused() {
        let place = Place::filled();
        let connection = Connection::open(place.path()).expect("it opens");
        connection.pragma_update(None, "user_version", 7).expect("it is written");
        drop(connection);
        place.check_refused("is of version 7, and this papo-tracker knows versions up to 1: use a newer one");
    }

    #[test]
    fn another_programs_database_is_refused() {
        let place = Place::new();
        let connection = Connection::open(place.path()).expect("it opens");
        connection.execute_batch("CREATE TABLE theirs (x)").expect("it is written");
        drop(connection);
        place.check_refused("is not a database of papo-tracker");
    }

    #[test]
    fn a_damaged_database_is_refused_and_left_as_it_is() {
        let place = Place::filled();
        let whole = fs::read(place.path()).expect("it is there");
        fs::write(place.path(), &whole[..whole.len() / 2]).expect("it is written");
        place.check_refused("is damaged");
        let mut noise = whole.clone();
        noise[4096..].fill(0xa5);
        fs::write(place.path(), &noise).expect("it is written");
        place.check_refused("is damaged");
        fs::write(place.path(), b"not a database, but long enough to be one").expect("it is written");
        place.check_refused("it does not begin like a database");
        fs::write(place.path(), &whole).expect("it is written");
        assert!(place.open().is_ok(), "restored from a copy, it is used again");
    }

    #[test]
    fn rows_that_no_tracker_wrote_are_refused() {
        for (damage, part) in [
            ("UPDATE users SET name = 'a b' WHERE folded = 'ana'", "name"),
            ("UPDATE users SET key = 'zz' WHERE folded = 'ana'", "key"),
            ("UPDATE users SET status = 'x'", "status"),
            ("UPDATE rooms SET record_flags = 0", "a room's id is not that of its record"),
            ("PRAGMA foreign_keys = OFF; DELETE FROM users WHERE folded = 'ana'", "is damaged"),
            ("PRAGMA foreign_keys = OFF; DELETE FROM rooms WHERE owner = 'bia'", "is damaged"),
        ] {
            let place = Place::filled();
            let connection = Connection::open(place.path()).expect("it opens");
            connection.execute_batch(damage).expect("it is written");
            drop(connection);
            place.check_refused(part);
        }
    }

    #[cfg(unix)]
    #[test]
    fn the_database_is_for_its_owner_alone() {
        use std::os::unix::fs::MetadataExt as _;
        let place = Place::filled();
        assert_eq!(fs::metadata(place.path()).expect("it is there").mode() & 0o777, 0o600);
    }
}
