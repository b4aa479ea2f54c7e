//! Exporting: accounts and plaintext rooms, as the older system keeps them.

use std::{collections::BTreeMap, path::Path};

use papo_proto::tracker::{
    Directory,
    directory::{Account, Room},
};
use papo_runtime_mio::data_dir::DataDir;
use serde_json::Value;

use super::{
    MigrationError,
    files::{NO_PASSWORD, OldFiles, OldPeer, OldRoom},
};
use crate::{DATABASE, store::Database};

/// Beside the owner.
const OTHERS: usize = 2;

/// What an export came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Exported {
    /// Accounts.
    pub accounts: usize,
    /// Plaintext rooms.
    pub rooms: usize,
    /// Rooms that are none of the older system's business.
    pub encrypted: usize,
}

/// Writes the files into `to`, from the data directory `data`.
///
/// # Errors
/// When either cannot be used.
pub fn export(data: &Path, to: &Path) -> Result<Exported, MigrationError> {
    if !data.join(DATABASE).exists() {
        return Err(MigrationError::NoData { path: data.to_owned() });
    }
    let dir = DataDir::open(data)?;
    let path = dir.path().join(DATABASE);
    let (_database, directory) = Database::open(&path, dir)?;
    let (files, exported) = exported(&directory);
    files.write(to)?;
    Ok(exported)
}

fn exported(directory: &Directory) -> (OldFiles, Exported) {
    let mut files = OldFiles::default();
    for account in directory.accounts() {
        let name = account.name.as_str().to_owned();
        // A hash by Argon2id does not give back what it was made of.
        files.users.insert(name.clone(), NO_PASSWORD.to_owned());
        files.peers.insert(name, peer(account));
    }
    let (plaintext, encrypted): (Vec<_>, Vec<_>) =
        directory.rooms_from("", None).partition(|room| room.record.is_plaintext());
    let named = plaintext.iter().map(|room| (room.name().as_str().to_owned(), old_room(directory, room)));
    files.rooms = named.collect::<BTreeMap<_, _>>();
    let exported = Exported { accounts: files.users.len(), rooms: plaintext.len(), encrypted: encrypted.len() };
    (files, exported)
}

fn old_room(directory: &Directory, room: &Room) -> OldRoom {
    let known = |name| directory.account(name).map(peer);
    let mut others = room.members().filter(|&member| *member != room.owner).take(OTHERS).filter_map(known);
    OldRoom {
        name: room.name().as_str().into(),
        peer_owner: known(&room.owner),
        peer_one: others.next(),
        peer_two: others.next(),
    }
}

fn peer(account: &Account) -> OldPeer {
    let seen = account.last_seen.to_string();
    OldPeer {
        username: account.name.as_str().to_owned(),
        // The older system's language reads an offset everywhere, and the letter for none only lately.
        last_ping: format!("{}+00:00", seen.trim_end_matches('Z')).into(),
        address: Value::Null,
        port: Value::Null,
        connected: false,
    }
}
