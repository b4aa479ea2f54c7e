//! The rows → what a peer starts from.

use papo_proto::{
    identity::Key,
    names::Name,
    peer::{
        State,
        change::{Incoming, LeftRoom, Realm, RoomLog, Unacknowledged},
    },
    time::Wall,
    wire::{
        codec::{Text, Wire as _},
        peer::{About, Have, PrivateMessage, Scope},
        room::{CreationRecord, EntryId, RoomId, Said, SignedEntry},
        tracker::Status,
    },
};
use rusqlite::{Connection, Row, ToSql};

use super::{
    apply::{NO_ROOM, status},
    transfers,
};

/// Why the rows can't be read.
#[derive(Debug)]
pub(super) enum LoadError {
    Sqlite(rusqlite::Error),
    /// A row that this program can't have written.
    Row(String),
}

impl From<rusqlite::Error> for LoadError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

pub(super) type Loaded<T> = Result<T, LoadError>;

/// Everything that is kept.
pub(super) fn state(from: &Connection, entries_known_max: usize, shown: u64) -> Loaded<State> {
    let number = |sql: &str| from.query_row(sql, [], |row| row.get::<_, i64>(0)).map(i64::cast_unsigned);
    Ok(State {
        log: number("SELECT log FROM self")?,
        trackers: rows(from, "SELECT address, key FROM trackers ORDER BY address", &[], |row| {
            Ok((row.get(0)?, key(row, 1)?))
        })?,
        pins: rows(from, "SELECT realm, name, key FROM pins ORDER BY realm, folded", &[], |row| {
            Ok((realm(row, 0)?, name(row, 1)?, key(row, 2)?))
        })?,
        verified: rows(from, "SELECT key FROM verified ORDER BY key", &[], |row| key(row, 0))?,
        blocked: rows(from, "SELECT realm, name FROM blocked ORDER BY realm, folded", &[], |row| {
            Ok((realm(row, 0)?, name(row, 1)?))
        })?,
        welcomed: rows(from, "SELECT realm, name FROM welcomed ORDER BY realm, folded", &[], |row| {
            Ok((realm(row, 0)?, name(row, 1)?))
        })?,
        about: about(from)?,
        rooms: rooms(from, entries_known_max)?,
        left: left(from)?,
        private_said: number("SELECT coalesce(max(seq), 0) FROM said WHERE room = ''")?,
        private_seen: followed(from, NO_ROOM)?,
        unacknowledged: unacknowledged(from)?,
        received: number("SELECT coalesce(max(number), 0) FROM received")?,
        unshown: rows(
            from,
            "SELECT number, id, author, room, scope, at, text, gap, plaintext FROM received WHERE number > ?1 ORDER BY number",
            &[&shown.cast_signed()],
            incoming,
        )?,
        transfers: transfers::load(from)?,
        transfers_numbered: number(transfers::LAST_NUMBER)?,
    })
}

pub(super) fn rows<T>(
    from: &Connection,
    sql: &str,
    values: &[&dyn ToSql],
    mut read: impl FnMut(&Row<'_>) -> Loaded<T>,
) -> Loaded<Vec<T>> {
    let mut statement = from.prepare(sql)?;
    let mut rows = statement.query(values)?;
    let mut read_rows = Vec::new();
    while let Some(row) = rows.next()? {
        read_rows.push(read(row)?);
    }
    Ok(read_rows)
}

pub(super) fn text(row: &Row<'_>, column: usize) -> Loaded<String> {
    Ok(row.get(column)?)
}

pub(super) fn unsigned(row: &Row<'_>, column: usize) -> Loaded<u64> {
    Ok(row.get::<_, i64>(column)?.cast_unsigned())
}

fn key_of(text: &str) -> Loaded<Key> {
    Key::from_fingerprint(text).ok_or_else(|| LoadError::Row("a key is not 64 hexadecimal digits".to_owned()))
}

pub(super) fn key(row: &Row<'_>, column: usize) -> Loaded<Key> {
    key_of(&text(row, column)?)
}

pub(super) fn name(row: &Row<'_>, column: usize) -> Loaded<Name> {
    Name::restored(&text(row, column)?).map_err(|error| LoadError::Row(format!("a name is not valid: {error}")))
}

pub(super) fn hash(row: &Row<'_>, column: usize) -> Loaded<[u8; 32]> {
    key(row, column).map(|key| key.0)
}

fn realm(row: &Row<'_>, column: usize) -> Loaded<Realm> {
    let text = text(row, column)?;
    if text == "lan" { Ok(Realm::Lan) } else { key_of(&text).map(Realm::Tracker) }
}

fn scope_of(text: &str) -> Loaded<Scope> {
    match text {
        "private" => Ok(Scope::Private),
        "all" => Ok(Scope::All),
        _ => Err(LoadError::Row("a scope is neither 'private' nor 'all'".to_owned())),
    }
}

fn about(from: &Connection) -> Loaded<About> {
    let mut kept = rows(from, "SELECT status, status_text, profile FROM self", &[], |row| {
        let word = text(row, 0)?;
        let status = Status::ALL.iter().find(|one| status(**one) == word && **one != Status::Offline);
        Ok(About {
            status: *status.ok_or_else(|| LoadError::Row("a status is none that can be set".to_owned()))?,
            status_text: bounded(row, 1)?,
            profile: bounded(row, 2)?,
        })
    })?;
    kept.pop().ok_or_else(|| LoadError::Row("nothing is known of oneself".to_owned()))
}

fn bounded<const MAX: usize>(row: &Row<'_>, column: usize) -> Loaded<Text<MAX>> {
    Text::new(text(row, column)?).map_err(|error| LoadError::Row(format!("a text is not valid: {error}")))
}

fn entry(bytes: &[u8]) -> Loaded<SignedEntry> {
    SignedEntry::from_bytes(bytes).map_err(|error| LoadError::Row(format!("an entry can't be read: {error}")))
}

fn rooms(from: &Connection, entries_known_max: usize) -> Loaded<Vec<RoomLog>> {
    let sql = "SELECT name, nonce, owner, tracker, flags FROM rooms ORDER BY entered";
    let records = rows(from, sql, &[], |row| {
        let nonce = papo_proto::hex::decode(&text(row, 1)?).and_then(|nonce| nonce.try_into().ok());
        Ok(CreationRecord {
            nonce: nonce.ok_or_else(|| LoadError::Row("a room's nonce is not 32 hexadecimal digits".to_owned()))?,
            name: name(row, 0)?,
            owner: key(row, 2)?,
            tracker: key(row, 3)?,
            flags: row.get(4)?,
        })
    })?;
    records.into_iter().map(|record| room(from, record, entries_known_max)).collect()
}

fn room(from: &Connection, record: CreationRecord, entries_known_max: usize) -> Loaded<RoomLog> {
    let room = record.id().to_string();
    let said = said(from, record.id())?;
    let mut known = rows(
        from,
        "SELECT id, signed FROM entries WHERE room = ?1 ORDER BY number DESC LIMIT ?2",
        &[&room, &i64::try_from(entries_known_max).unwrap_or(i64::MAX)],
        |row| {
            let signed = row.get::<_, Option<Vec<u8>>>(1)?;
            let parents = match signed {
                Some(bytes) => entry(&bytes)?.entry.parents.to_vec(),
                None => Vec::new(),
            };
            Ok((EntryId(hash(row, 0)?), parents))
        },
    )?;
    known.reverse();
    Ok(RoomLog { seen: followed(from, &room)?, said, known, record })
}

fn left(from: &Connection) -> Loaded<Vec<LeftRoom>> {
    let sql = "
        SELECT room FROM (SELECT room FROM said UNION SELECT room FROM followed)
        WHERE room != '' AND room NOT IN (SELECT room FROM rooms) ORDER BY room";
    let ids = rows(from, sql, &[], |row| Ok(RoomId(hash(row, 0)?)))?;
    ids.into_iter()
        .map(|room| Ok(LeftRoom { room, said: said(from, room)?, seen: followed(from, &room.to_string())? }))
        .collect()
}

/// This peer's last number in a room.
fn said(from: &Connection, room: RoomId) -> Loaded<u64> {
    let sql = "SELECT coalesce(max(seq), 0) FROM said WHERE room = ?1";
    Ok(from.query_row(sql, [room.to_string()], |row| row.get::<_, i64>(0))?.cast_unsigned())
}

fn followed(from: &Connection, room: &str) -> Loaded<Vec<(Key, Have)>> {
    rows(from, "SELECT author, log, seq FROM followed WHERE room = ?1 ORDER BY author", &[&room], |row| {
        Ok((key(row, 0)?, Have { log: unsigned(row, 1)?, seq: unsigned(row, 2)? }))
    })
}

fn unacknowledged(from: &Connection) -> Loaded<Vec<Unacknowledged>> {
    let receivers = |number: i64| {
        rows(from, "SELECT receiver FROM waiting WHERE said = ?1 ORDER BY receiver", &[&number], |row| key(row, 0))
    };
    let sql = "
        SELECT said.number, said.room, said.log, said.seq, said.scope, said.at, said.text, entries.signed
        FROM said LEFT JOIN entries ON entries.room = said.room AND entries.id = said.entry
        WHERE said.number IN (SELECT said FROM waiting)
        ORDER BY said.number";
    rows(from, sql, &[], |row| {
        let receivers = receivers(row.get(0)?)?;
        if text(row, 1)? != NO_ROOM {
            let signed = row.get::<_, Option<Vec<u8>>>(7)?;
            let signed = signed.ok_or_else(|| LoadError::Row("an entry that was said is missing".to_owned()))?;
            return Ok(Unacknowledged::Entry { entry: entry(&signed)?, receivers });
        }
        let message = PrivateMessage {
            log: unsigned(row, 2)?,
            seq: unsigned(row, 3)?,
            scope: scope_of(&text(row, 4)?)?,
            at: Wall(unsigned(row, 5)?),
            text: Said::new(text(row, 6)?)
                .map_err(|error| LoadError::Row(format!("a message is not valid: {error}")))?,
        };
        Ok(Unacknowledged::Private { message, receivers })
    })
}

fn incoming(row: &Row<'_>) -> Loaded<Incoming> {
    Ok(Incoming {
        number: unsigned(row, 0)?,
        id: text(row, 1)?,
        from: name(row, 2)?,
        room: row.get::<_, Option<String>>(3)?.is_some().then(|| name(row, 3)).transpose()?,
        scope: row.get::<_, Option<String>>(4)?.map(|scope| scope_of(&scope)).transpose()?,
        at: Wall(unsigned(row, 5)?),
        text: text(row, 6)?,
        gap: row.get(7)?,
        plaintext: row.get(8)?,
    })
}
