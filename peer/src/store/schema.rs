//! The tables. They are made to be read with `sqlite3` too: keys and ids are hexadecimal text, times are milliseconds
//! since the Unix epoch, and 64-bit numbers that SQLite has no sign for keep their bits.

/// Marks the file as a papo peer's.
pub(super) const APPLICATION_ID: i64 = 0x5061_706f;
/// The format that this program writes.
pub(super) const VERSION: i64 = STEPS.len() as i64;

/// What makes each format from the one before; the first from an empty database. A step that was released never changes.
pub(super) const STEPS: [&str; 6] = [CONVERSATIONS, TRANSFERS, ABOUT, SKIPPED, PLAINTEXT, WELCOMED];

const CONVERSATIONS: &str = "
-- The number of this peer's logs, drawn once.
CREATE TABLE self (log INTEGER NOT NULL) STRICT;

CREATE TABLE trackers (address TEXT PRIMARY KEY, key TEXT NOT NULL) STRICT;

-- A realm is a tracker's key, or 'lan'. `folded` is what makes two names the same.
CREATE TABLE pins (
    realm TEXT NOT NULL, folded TEXT NOT NULL, name TEXT NOT NULL, key TEXT NOT NULL, PRIMARY KEY (realm, folded)
) STRICT;
CREATE TABLE verified (key TEXT PRIMARY KEY) STRICT;
CREATE TABLE blocked (
    realm TEXT NOT NULL, folded TEXT NOT NULL, name TEXT NOT NULL, PRIMARY KEY (realm, folded)
) STRICT;

-- Rooms that this peer is in.
CREATE TABLE rooms (
    room TEXT PRIMARY KEY, name TEXT NOT NULL, nonce TEXT NOT NULL, owner TEXT NOT NULL, tracker TEXT NOT NULL,
    flags INTEGER NOT NULL, entered INTEGER NOT NULL
) STRICT;

-- How far each author's log was followed; the room is '' outside of rooms.
CREATE TABLE followed (
    room TEXT NOT NULL, author TEXT NOT NULL, log INTEGER NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (room, author)
) STRICT;

-- The logs of the rooms, in the order in which they became known here. `signed` has the entry's exact bytes; it is
-- NULL where only the entry's id is known, because it was said before this peer came.
CREATE TABLE entries (
    number INTEGER PRIMARY KEY AUTOINCREMENT, room TEXT NOT NULL, id TEXT NOT NULL, author TEXT, seq INTEGER,
    at INTEGER, text TEXT, signed BLOB, UNIQUE (room, id)
) STRICT;

-- What this peer said, in order: in a room an entry, outside of rooms ('') the message itself.
CREATE TABLE said (
    number INTEGER PRIMARY KEY AUTOINCREMENT, room TEXT NOT NULL, log INTEGER NOT NULL, seq INTEGER NOT NULL,
    entry TEXT, scope TEXT, at INTEGER NOT NULL, text TEXT
) STRICT;
CREATE INDEX said_by_place ON said (room, log, seq);

-- Who has not acknowledged it.
CREATE TABLE waiting (said INTEGER NOT NULL, receiver TEXT NOT NULL, PRIMARY KEY (said, receiver)) STRICT, WITHOUT ROWID;
CREATE INDEX waiting_by_receiver ON waiting (receiver);

-- What others said, in the order in which it is shown. How far it was shown is in the file `shown` beside this one.
CREATE TABLE received (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL, author TEXT NOT NULL, room TEXT, scope TEXT, at INTEGER NOT NULL,
    text TEXT NOT NULL, gap INTEGER NOT NULL
) STRICT;
";

const TRANSFERS: &str = "
-- Files and directories on their way, both ways. What comes to this peer has a state: 'offered', 'accepted', 'ended';
-- what goes from it has the path where it is, and what a scan of that gave. The audience is 'private', 'all', or a
-- room. `reason` says why it ended: what has arrived has none.
CREATE TABLE transfers (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, peer TEXT NOT NULL, user TEXT NOT NULL,
    name TEXT NOT NULL, tree INTEGER NOT NULL, executable INTEGER NOT NULL, size INTEGER NOT NULL,
    files INTEGER NOT NULL, manifest INTEGER NOT NULL, audience TEXT NOT NULL, paused INTEGER NOT NULL,
    path TEXT, scanned TEXT, state TEXT, keeps_executable INTEGER, whole TEXT, reason TEXT
) STRICT;

-- What has arrived of the manifest of a directory, in parts.
CREATE TABLE manifests (number INTEGER PRIMARY KEY, transfer INTEGER NOT NULL, bytes BLOB NOT NULL) STRICT;
CREATE INDEX manifests_by_transfer ON manifests (transfer, number);
";

const ABOUT: &str = "
-- What this peer says of itself where it has no tracker.
ALTER TABLE self ADD COLUMN status TEXT NOT NULL DEFAULT 'online';
ALTER TABLE self ADD COLUMN status_text TEXT NOT NULL DEFAULT '';
ALTER TABLE self ADD COLUMN profile TEXT NOT NULL DEFAULT '';
";

const SKIPPED: &str = "
-- How much of what goes from this peer is not sent: links, special files and the like.
ALTER TABLE transfers ADD COLUMN skipped INTEGER NOT NULL DEFAULT 0;
";

const PLAINTEXT: &str = "
-- Whether it came in plain text; an author without an account is then NAME@IP:PORT.
ALTER TABLE received ADD COLUMN plaintext INTEGER NOT NULL DEFAULT 0;
";

const WELCOMED: &str = "
-- Who was turned away, is welcome again, and is to be called.
CREATE TABLE welcomed (
    realm TEXT NOT NULL, folded TEXT NOT NULL, name TEXT NOT NULL, PRIMARY KEY (realm, folded)
) STRICT;
";
