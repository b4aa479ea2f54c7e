//! Files and directories: a change → its rows, and the rows → what is kept of each transfer.

use papo_proto::{
    peer::{
        Change,
        change::{Arrival, Transfer, Way},
    },
    wire::{
        codec::Text,
        room::RoomId,
        transfer::{Audience, Hash, Offer, Reason, TransferId},
    },
};
use rusqlite::{Connection, Result, Row, Transaction, params};

use super::{
    apply::run,
    load::{LoadError, Loaded, hash, key, name, rows, text, unsigned},
};

/// The last number given to a transfer, also when nothing of that one is kept any more; 0 for none.
pub(super) const LAST_NUMBER: &str = "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'transfers'), 0)";

const OFFERED: &str = "offered";
const ACCEPTED: &str = "accepted";
const ENDED: &str = "ended";

const fn reason_word(reason: Reason) -> &'static str {
    match reason {
        Reason::Rejected => "rejected",
        Reason::Cancelled => "cancelled",
        Reason::Busy => "busy",
        Reason::Full => "full",
        Reason::Changed => "changed",
        Reason::Failed => "failed",
        Reason::Invalid => "invalid",
        Reason::Mismatch => "mismatch",
        Reason::OtherKey => "other_key",
    }
}

fn audience_word(audience: Audience) -> String {
    match audience {
        Audience::Private => "private".to_owned(),
        Audience::All => "all".to_owned(),
        Audience::Room(room) => room.to_string(),
    }
}

/// Applies a change of a transfer; others are none of its business.
pub(super) fn change(to: &Transaction<'_>, change: &Change) -> Result<()> {
    match change {
        Change::TransferOffered { transfer } => insert(to, transfer),
        Change::TransferAccepted { transfer, executable } => {
            drop_manifest(to, *transfer)?;
            run(
                to,
                "UPDATE transfers SET state = ?2, keeps_executable = ?3, whole = NULL, reason = NULL
                 WHERE number = ?1 AND state IS NOT NULL",
                params![transfer.cast_signed(), ACCEPTED, executable],
            )
        }
        Change::TransferManifest { transfer, bytes } => run(
            to,
            "INSERT INTO manifests (transfer, bytes) SELECT number, ?2 FROM transfers WHERE number = ?1 AND state = ?3",
            params![transfer.cast_signed(), bytes, ACCEPTED],
        ),
        Change::TransferPaused { transfer, paused } => {
            run(to, "UPDATE transfers SET paused = ?2 WHERE number = ?1", params![transfer.cast_signed(), paused])
        }
        Change::TransferWhole { transfer, sha256 } => run(
            to,
            "UPDATE transfers SET whole = ?2 WHERE number = ?1 AND state = ?3",
            params![transfer.cast_signed(), sha256.to_string(), ACCEPTED],
        ),
        Change::TransferEnded { transfer, reason } => {
            drop_manifest(to, *transfer)?;
            run(
                to,
                "UPDATE transfers SET state = iif(state IS NULL, NULL, ?3), reason = ?2 WHERE number = ?1",
                params![transfer.cast_signed(), reason.map(reason_word), ENDED],
            )
        }
        Change::TransferForgotten { transfer } => {
            drop_manifest(to, *transfer)?;
            run(to, "DELETE FROM transfers WHERE number = ?1", params![transfer.cast_signed()])
        }
        _ => Ok(()),
    }
}

fn drop_manifest(to: &Transaction<'_>, transfer: u64) -> Result<()> {
    run(to, "DELETE FROM manifests WHERE transfer = ?1", params![transfer.cast_signed()])
}

fn insert(to: &Transaction<'_>, transfer: &Transfer) -> Result<()> {
    let Transfer { number, id, with, user, offer, paused, way } = transfer;
    let Offer { name, tree, executable, size, files, manifest, audience } = offer;
    run(
        to,
        "INSERT INTO transfers
             (number, id, peer, user, name, tree, executable, size, files, manifest, audience, paused)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        params![
            number.cast_signed(),
            id.to_string(),
            with.to_string(),
            user.as_str(),
            name.as_str(),
            tree,
            executable,
            size.cast_signed(),
            files,
            manifest,
            audience_word(*audience),
            paused
        ],
    )?;
    match way {
        Way::Outgoing { path, scanned, skipped, ended } => run(
            to,
            "UPDATE transfers SET path = ?2, scanned = ?3, skipped = ?4, reason = ?5 WHERE number = ?1",
            params![number.cast_signed(), path, scanned.to_string(), skipped.cast_signed(), ended.map(reason_word)],
        ),
        Way::Incoming(arrival) => {
            let (state, keeps, manifest, whole, reason) = match arrival {
                Arrival::Offered => (OFFERED, None, &[][..], None, None),
                Arrival::Accepted { executable, manifest, whole } => {
                    (ACCEPTED, Some(executable), manifest.as_slice(), *whole, None)
                }
                Arrival::Ended(reason) => (ENDED, None, &[][..], None, *reason),
            };
            run(
                to,
                "UPDATE transfers SET state = ?2, keeps_executable = ?3, whole = ?4, reason = ?5 WHERE number = ?1",
                params![
                    number.cast_signed(),
                    state,
                    keeps,
                    whole.map(|whole| whole.to_string()),
                    reason.map(reason_word)
                ],
            )?;
            if manifest.is_empty() {
                return Ok(());
            }
            run(to, "INSERT INTO manifests (transfer, bytes) VALUES (?1, ?2)", params![number.cast_signed(), manifest])
        }
    }
}

/// All that are kept, in the order of their numbers.
pub(super) fn load(from: &Connection) -> Loaded<Vec<Transfer>> {
    let sql = "
        SELECT number, id, peer, user, name, tree, executable, size, files, manifest, audience, paused, path, scanned,
               state, keeps_executable, whole, reason, skipped
        FROM transfers ORDER BY number";
    rows(from, sql, &[], |row| transfer(from, row))
}

fn transfer(from: &Connection, row: &Row<'_>) -> Loaded<Transfer> {
    let number = unsigned(row, 0)?;
    let id = papo_proto::hex::decode(&text(row, 1)?).and_then(|id| id.try_into().ok());
    let wrong = |what: &str| LoadError::Row(format!("transfer {number} has {what}"));
    Ok(Transfer {
        number,
        id: TransferId(id.ok_or_else(|| wrong("an id that is not 32 hexadecimal digits"))?),
        with: key(row, 2)?,
        user: name(row, 3)?,
        offer: Offer {
            name: Text::new(text(row, 4)?).map_err(|_| wrong("too long a name"))?,
            tree: row.get(5)?,
            executable: row.get(6)?,
            size: unsigned(row, 7)?,
            files: row.get(8)?,
            manifest: row.get(9)?,
            audience: match text(row, 10)?.as_str() {
                "private" => Audience::Private,
                "all" => Audience::All,
                _ => Audience::Room(RoomId(hash(row, 10)?)),
            },
        },
        paused: row.get(11)?,
        way: way(from, number, row)?,
    })
}

fn way(from: &Connection, number: u64, row: &Row<'_>) -> Loaded<Way> {
    let wrong = |what: &str| LoadError::Row(format!("transfer {number} has {what}"));
    let reason = match row.get::<_, Option<String>>(17)? {
        Some(word) => {
            let known = Reason::ALL.iter().copied().find(|&reason| reason_word(reason) == word);
            Some(known.ok_or_else(|| wrong("an unknown reason"))?)
        }
        None => None,
    };
    Ok(match row.get::<_, Option<String>>(14)?.as_deref() {
        None => Way::Outgoing {
            path: text(row, 12)?,
            scanned: Hash(hash(row, 13)?),
            skipped: unsigned(row, 18)?,
            ended: reason,
        },
        Some(OFFERED) => Way::Incoming(Arrival::Offered),
        Some(ACCEPTED) => {
            let parts = rows(
                from,
                "SELECT bytes FROM manifests WHERE transfer = ?1 ORDER BY number",
                &[&number.cast_signed()],
                |part| Ok(part.get::<_, Vec<u8>>(0)?),
            )?;
            let whole = row.get::<_, Option<String>>(16)?.map(|_| hash(row, 16)).transpose()?;
            Way::Incoming(Arrival::Accepted {
                executable: row.get(15)?,
                manifest: parts.concat(),
                whole: whole.map(Hash),
            })
        }
        Some(ENDED) => Way::Incoming(Arrival::Ended(reason)),
        Some(_) => return Err(wrong("an unknown state")),
    })
}
