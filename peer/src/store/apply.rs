//! A change → its rows. Each is written so that a change applied to the same rows twice does no harm.

use papo_proto::{
    peer::{
        Change,
        change::{Incoming, Realm},
    },
    wire::{
        codec::Wire as _,
        peer::{Have, Scope},
        room::{Body, RoomId, SignedEntry},
        tracker::Status,
    },
};
use rusqlite::{Result, ToSql, Transaction, params};

use super::transfers;

/// What stands for a room outside of rooms.
pub(super) const NO_ROOM: &str = "";

pub(super) fn realm(realm: &Realm) -> String {
    match realm {
        Realm::Tracker(key) => key.to_string(),
        Realm::Lan => "lan".to_owned(),
    }
}

pub(super) const fn scope(scope: Scope) -> &'static str {
    match scope {
        Scope::Private => "private",
        Scope::All => "all",
    }
}

pub(super) const fn status(status: Status) -> &'static str {
    match status {
        Status::Online => "online",
        Status::Away => "away",
        Status::Busy => "busy",
        Status::Offline => "offline",
    }
}

fn place(room: Option<RoomId>) -> String {
    room.map_or_else(|| NO_ROOM.to_owned(), |room| room.to_string())
}

/// Applies one change.
pub(super) fn change(to: &Transaction<'_>, change: &Change) -> Result<()> {
    match change {
        Change::TrackerPinned { address, key } => {
            run(to, "INSERT OR REPLACE INTO trackers (address, key) VALUES (?1, ?2)", params![address, key.to_string()])
        }
        Change::Pinned { realm: place, name, key } => run(
            to,
            "INSERT OR REPLACE INTO pins (realm, folded, name, key) VALUES (?1, ?2, ?3, ?4)",
            params![realm(place), name.folded(), name.as_str(), key.to_string()],
        ),
        Change::Verified { key, verified: true } => {
            run(to, "INSERT OR IGNORE INTO verified (key) VALUES (?1)", params![key.to_string()])
        }
        Change::Verified { key, verified: false } => {
            run(to, "DELETE FROM verified WHERE key = ?1", params![key.to_string()])
        }
        Change::Blocked { realm: place, name, blocked: true } => run(
            to,
            "INSERT OR REPLACE INTO blocked (realm, folded, name) VALUES (?1, ?2, ?3)",
            params![realm(place), name.folded(), name.as_str()],
        ),
        Change::Blocked { realm: place, name, blocked: false } => {
            run(to, "DELETE FROM blocked WHERE realm = ?1 AND folded = ?2", params![realm(place), name.folded()])
        }
        Change::Welcomed { realm: place, name, welcomed: true } => run(
            to,
            "INSERT OR REPLACE INTO welcomed (realm, folded, name) VALUES (?1, ?2, ?3)",
            params![realm(place), name.folded(), name.as_str()],
        ),
        Change::Welcomed { realm: place, name, welcomed: false } => {
            run(to, "DELETE FROM welcomed WHERE realm = ?1 AND folded = ?2", params![realm(place), name.folded()])
        }
        Change::Described { about } => run(
            to,
            "UPDATE self SET status = ?1, status_text = ?2, profile = ?3",
            params![status(about.status), about.status_text.as_str(), about.profile.as_str()],
        ),
        Change::RoomEntered { record } => run(
            to,
            "INSERT INTO rooms (room, name, nonce, owner, tracker, flags, entered)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, (SELECT coalesce(max(entered), 0) + 1 FROM rooms))
             ON CONFLICT (room) DO NOTHING",
            params![
                record.id().to_string(),
                record.name.as_str(),
                papo_proto::hex::encode(&record.nonce),
                record.owner.to_string(),
                record.tracker.to_string(),
                record.flags
            ],
        ),
        Change::RoomForgotten { room } => {
            let room = room.to_string();
            run(to, "DELETE FROM waiting WHERE said IN (SELECT number FROM said WHERE room = ?1)", params![room])?;
            // Its logs stay: whoever comes back goes on where it was.
            run(to, "DELETE FROM rooms WHERE room = ?1", params![room])
        }
        Change::Baseline { room, heads } => heads.iter().try_for_each(|head| {
            run(
                to,
                "INSERT INTO entries (room, id) VALUES (?1, ?2) ON CONFLICT (room, id) DO NOTHING",
                params![room.to_string(), head.to_string()],
            )
        }),
        Change::EntrySaid { entry, receivers } => {
            insert_entry(to, entry)?;
            run(
                to,
                "INSERT INTO said (room, log, seq, entry, at) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![
                    entry.entry.room.to_string(),
                    entry.entry.log.cast_signed(),
                    entry.entry.seq.cast_signed(),
                    entry.entry.id().to_string(),
                    entry.entry.at.0.cast_signed()
                ],
            )?;
            wait_for(to, receivers)
        }
        Change::EntrySeen { entry, incoming } => {
            insert_entry(to, entry)?;
            let have = Have { log: entry.entry.log, seq: entry.entry.seq };
            follow(to, &entry.entry.room.to_string(), &entry.entry.author.to_string(), have)?;
            insert_received(to, incoming)
        }
        Change::PrivateSaid { message, receivers } => {
            run(
                to,
                "INSERT INTO said (room, log, seq, scope, at, text) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                params![
                    NO_ROOM,
                    message.log.cast_signed(),
                    message.seq.cast_signed(),
                    scope(message.scope),
                    message.at.0.cast_signed(),
                    message.text.as_str()
                ],
            )?;
            wait_for(to, receivers)
        }
        Change::PrivateSeen { author, have, incoming } => {
            follow(to, NO_ROOM, &author.to_string(), *have)?;
            insert_received(to, incoming)
        }
        Change::PlaintextSeen { incoming } => insert_received(to, incoming),
        Change::EntriesAcknowledged { room, receiver, have } => {
            acknowledge(to, &room.to_string(), &receiver.to_string(), *have)
        }
        Change::PrivateAcknowledged { receiver, have } => acknowledge(to, NO_ROOM, &receiver.to_string(), *have),
        Change::ReceiverDropped { room, receiver } => run(
            to,
            "DELETE FROM waiting WHERE receiver = ?1 AND said IN (SELECT number FROM said WHERE room = ?2)",
            params![receiver.to_string(), place(*room)],
        ),
        Change::ReceiverMoved { from, to: new } => {
            run(
                to,
                "INSERT OR IGNORE INTO waiting (said, receiver) SELECT said, ?2 FROM waiting WHERE receiver = ?1",
                params![from.to_string(), new.to_string()],
            )?;
            run(to, "DELETE FROM waiting WHERE receiver = ?1", params![from.to_string()])
        }
        Change::TransferOffered { .. }
        | Change::TransferAccepted { .. }
        | Change::TransferManifest { .. }
        | Change::TransferPaused { .. }
        | Change::TransferWhole { .. }
        | Change::TransferEnded { .. }
        | Change::TransferForgotten { .. } => transfers::change(to, change),
    }
}

pub(super) fn run(to: &Transaction<'_>, sql: &str, values: &[&dyn ToSql]) -> Result<()> {
    to.prepare_cached(sql)?.execute(values).map(drop)
}

/// Stores an entry; where only its id was known, completes it.
fn insert_entry(to: &Transaction<'_>, signed: &SignedEntry) -> Result<()> {
    let entry = &signed.entry;
    let Body::Text { text } = &entry.body;
    run(
        to,
        "INSERT INTO entries (room, id, author, seq, at, text, signed) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (room, id) DO UPDATE
         SET author = excluded.author, seq = excluded.seq, at = excluded.at, text = excluded.text,
             signed = excluded.signed",
        params![
            entry.room.to_string(),
            entry.id().to_string(),
            entry.author.to_string(),
            entry.seq.cast_signed(),
            entry.at.0.cast_signed(),
            text.as_str(),
            signed.to_bytes()
        ],
    )
}

/// The last inserted row of `said` waits for them.
fn wait_for(to: &Transaction<'_>, receivers: &[papo_proto::identity::Key]) -> Result<()> {
    let said = to.last_insert_rowid();
    receivers.iter().try_for_each(|receiver| {
        run(to, "INSERT OR IGNORE INTO waiting (said, receiver) VALUES (?1, ?2)", params![said, receiver.to_string()])
    })
}

fn follow(to: &Transaction<'_>, room: &str, author: &str, have: Have) -> Result<()> {
    run(
        to,
        "INSERT OR REPLACE INTO followed (room, author, log, seq) VALUES (?1, ?2, ?3, ?4)",
        params![room, author, have.log.cast_signed(), have.seq.cast_signed()],
    )
}

/// Looks at what waits for the receiver, of which there is little, and not at all that was ever said in the place.
pub(super) const ACKNOWLEDGE: &str = "
    DELETE FROM waiting WHERE receiver = ?1
    AND EXISTS (SELECT 1 FROM said WHERE number = waiting.said AND room = ?2 AND log = ?3 AND seq <= ?4)";

fn acknowledge(to: &Transaction<'_>, room: &str, receiver: &str, have: Have) -> Result<()> {
    // This peer's own numbers count from 1, so their order is that of signed integers; what claims more has it all.
    let seq = i64::try_from(have.seq).unwrap_or(i64::MAX);
    run(to, ACKNOWLEDGE, params![receiver, room, have.log.cast_signed(), seq])
}

fn insert_received(to: &Transaction<'_>, incoming: &Incoming) -> Result<()> {
    run(
        to,
        "INSERT INTO received (number, id, author, room, scope, at, text, gap, plaintext)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        params![
            incoming.number.cast_signed(),
            incoming.id,
            incoming.from.as_str(),
            incoming.room.as_ref().map(papo_proto::names::Name::as_str),
            incoming.scope.map(scope),
            incoming.at.0.cast_signed(),
            incoming.text,
            incoming.gap,
            incoming.plaintext
        ],
    )
}
