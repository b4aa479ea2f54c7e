//! The older system's files: users, rooms and peers, each one JSON object by name.
//!
//! Real files hold `{}` where a time should be and `null` where a port should be; both are read as nothing. They are
//! written as that system's language writes them: indented by two, and in ASCII.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs::{self, File},
    io::{self, Read as _, Write as _},
    path::Path,
};

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use papo_proto::time::Wall;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::{MigrationError, file_error};

/// No such file is longer, in bytes.
const FILE_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// By name, the SHA-256 of the password in hexadecimal, or [`NO_PASSWORD`].
pub const USERS: &str = "users_db.json";
/// By name, rooms.
pub const ROOMS: &str = "rooms_db.json";
/// By name, where users were seen last.
pub const PEERS: &str = "peers_db.json";
/// Stands where a password would.
pub const NO_PASSWORD: &str = "!";

/// Someone, as far as it is of interest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OldPeer {
    /// Who.
    #[serde(default)]
    pub username: String,
    /// ISO 8601, or something else.
    #[serde(default)]
    pub last_ping: Value,
    /// Where it listened.
    #[serde(default)]
    pub address: Value,
    /// The port there.
    #[serde(default)]
    pub port: Value,
    /// Whether it was connected.
    #[serde(default)]
    pub connected: bool,
}

impl OldPeer {
    /// When it was seen last, if that is known.
    #[must_use]
    pub fn seen(&self) -> Option<Wall> {
        let text = self.last_ping.as_str()?;
        let in_utc = || text.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp());
        let seen = text.parse::<Timestamp>().ok().or_else(in_utc)?;
        u64::try_from(seen.as_millisecond()).ok().map(Wall)
    }
}

/// A room.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OldRoom {
    /// Its name; that by which it is listed counts.
    #[serde(default)]
    pub name: Value,
    /// Who owns it.
    #[serde(default)]
    pub peer_owner: Option<OldPeer>,
    /// Another.
    #[serde(default)]
    pub peer_one: Option<OldPeer>,
    /// And another.
    #[serde(default)]
    pub peer_two: Option<OldPeer>,
}

/// All that the files hold.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct OldFiles {
    /// See [`USERS`].
    pub users: BTreeMap<String, String>,
    /// See [`ROOMS`].
    pub rooms: BTreeMap<String, OldRoom>,
    /// See [`PEERS`].
    pub peers: BTreeMap<String, OldPeer>,
}

impl OldFiles {
    /// Reads what there is: a file that is missing or empty holds nothing.
    ///
    /// # Errors
    /// When none is there, one cannot be read, or one does not hold what it should.
    pub fn read(directory: &Path) -> Result<Self, MigrationError> {
        let files = (read(&directory.join(USERS))?, read(&directory.join(ROOMS))?, read(&directory.join(PEERS))?);
        if let (None, None, None) = files {
            return Err(MigrationError::NoFiles { path: directory.to_owned() });
        }
        let (users, rooms, peers) = files;
        let (users, peers) = (users.unwrap_or_default(), peers.unwrap_or_default());
        Ok(Self { users, rooms: rooms.unwrap_or_default(), peers })
    }

    /// Writes all three, each in place of any that is there, whole or not at all.
    ///
    /// # Errors
    /// When one cannot be written.
    pub fn write(&self, directory: &Path) -> Result<(), MigrationError> {
        fs::create_dir_all(directory).map_err(file_error(directory))?;
        write(&directory.join(USERS), &self.users)?;
        write(&directory.join(ROOMS), &self.rooms)?;
        write(&directory.join(PEERS), &self.peers)
    }
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, MigrationError> {
    let mut text = Vec::new();
    match File::open(path) {
        Ok(file) => file.take(FILE_BYTES_MAX + 1).read_to_end(&mut text).map_err(file_error(path))?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(file_error(path)(error)),
    };
    let corrupt = |what: String| MigrationError::Corrupt { path: path.to_owned(), what };
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(corrupt(format!("it has more than {FILE_BYTES_MAX} bytes")));
    }
    if text.trim_ascii().is_empty() {
        return serde_json::from_str("{}").map(Some).map_err(|error| corrupt(error.to_string()));
    }
    serde_json::from_slice(&text).map(Some).map_err(|error| corrupt(error.to_string()))
}

fn write<T: Serialize>(path: &Path, content: &T) -> Result<(), MigrationError> {
    let text = serde_json::to_string_pretty(content).expect("texts and numbers are JSON");
    let unfinished = path.with_extension("json.new");
    let written = File::create(&unfinished).and_then(|mut file| {
        file.write_all(in_ascii(&text).as_bytes())?;
        file.sync_all()
    });
    written.and_then(|()| fs::rename(&unfinished, path)).map_err(file_error(path))
}

/// JSON with nothing but ASCII in it: other characters stand in its texts alone.
fn in_ascii(json: &str) -> String {
    let mut ascii = String::with_capacity(json.len());
    for character in json.chars() {
        if character.is_ascii() {
            ascii.push(character);
        } else {
            for unit in character.encode_utf16(&mut [0; 2]) {
                let _ = write!(ascii, "\\u{unit:04x}");
            }
        }
    }
    ascii
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_written_as_that_system_writes_them() {
        let temp = tempfile::tempdir().expect("a temporary directory");
        let ana = OldPeer {
            username: "joão🙂".to_owned(),
            last_ping: Value::from("2026-01-31T10:00:00.000+00:00"),
            address: Value::Null,
            port: Value::Null,
            connected: false,
        };
        let room = OldRoom { name: "sala".into(), peer_owner: Some(ana.clone()), peer_one: None, peer_two: None };
        let files = OldFiles {
            users: [("joão🙂".to_owned(), NO_PASSWORD.to_owned())].into(),
            rooms: [("sala".to_owned(), room)].into(),
            peers: [("joão🙂".to_owned(), ana)].into(),
        };
        files.write(temp.path()).expect("written");
        let text = |name| fs::read_to_string(temp.path().join(name)).expect("it is there");
        assert_eq!(text(USERS), "{\n  \"jo\\u00e3o\\ud83d\\ude42\": \"!\"\n}");
        assert!(text(ROOMS).contains("\n    \"peer_one\": null,\n"), "{}", text(ROOMS));
        assert_eq!(OldFiles::read(temp.path()).expect("read"), files);
        assert_eq!(fs::read_dir(temp.path()).expect("it is there").count(), 3, "nothing else is left");
    }

    #[test]
    fn what_is_missing_or_empty_holds_nothing_and_what_is_damaged_is_refused() {
        let temp = tempfile::tempdir().expect("a temporary directory");
        let read = || OldFiles::read(temp.path());
        assert!(matches!(read(), Err(MigrationError::NoFiles { .. })));
        fs::write(temp.path().join(USERS), " \n").expect("written");
        assert_eq!(read().expect("read"), OldFiles::default());
        for damaged in ["{", "[]", "{\"a\":1}", "{\"a\":\"b\"} x", "\u{feff}{}"] {
            fs::write(temp.path().join(USERS), damaged).expect("written");
            let error = read().expect_err("damaged").to_string();
            assert!(error.contains("users_db.json is damaged"), "{error}");
        }
    }

    #[test]
    fn real_files_have_times_and_ports_that_are_none() {
        let temp = tempfile::tempdir().expect("a temporary directory");
        let peer = |last_ping: &str| format!(r#"{{"last_ping": {last_ping}, "address": "127.0.0.1", "port": null}}"#);
        let seen = |last_ping: &str| {
            fs::write(temp.path().join(PEERS), format!(r#"{{"ana": {}}}"#, peer(last_ping))).expect("written");
            OldFiles::read(temp.path()).expect("read").peers["ana"].seen()
        };
        assert_eq!(seen("{}"), None);
        assert_eq!(seen("null"), None);
        assert_eq!(seen("\"yesterday\""), None);
        assert_eq!(seen("\"1960-01-01T00:00:00\""), None);
        for iso in ["1970-01-01T00:00:01.500000", "1970-01-01T00:00:01.5Z", "1970-01-01T01:00:01.5+01:00"] {
            assert_eq!(seen(&format!("\"{iso}\"")), Some(Wall(1_500)), "{iso}");
        }
    }
}
