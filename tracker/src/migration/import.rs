//! Importing: what is not here yet comes here.

use std::{
    collections::BTreeMap,
    num::NonZeroUsize,
    path::Path,
    thread,
    time::{SystemTime, UNIX_EPOCH},
};

use papo_proto::{
    hex,
    identity::Identity,
    limits::Limits,
    machine::{PasswordCheck, PasswordOutcome},
    names::Name,
    time::Wall,
    tracker::{Change, Directory, change::Verifier},
    wire::{
        room::{CreationRecord, PLAINTEXT, RoomId},
        tracker::PasswordHash,
    },
};
use papo_runtime_mio::{Store as _, data_dir::DataDir, random_seed};

use super::{
    MigrationError,
    files::{NO_PASSWORD, OldFiles, OldPeer, OldRoom},
};
use crate::{DATABASE, IDENTITY, passwords, store::Database};

/// How many a room of the older system takes.
const CAPACITY: u16 = 3;

/// What an import came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Imported {
    /// Accounts that were made.
    pub accounts: usize,
    /// Rooms that were made.
    pub rooms: usize,
    /// What was left out, each with its reason.
    pub skipped: Vec<String>,
}

/// Imports the files in `from` into the data directory `data`, in one transaction.
///
/// # Errors
/// When either cannot be used, or a file is damaged; then nothing is imported.
pub fn import(data: &Path, from: &Path) -> Result<Imported, MigrationError> {
    let files = OldFiles::read(from)?;
    let dir = DataDir::open(data)?;
    let path = dir.path().join(DATABASE);
    let identity = Identity::from_secret(&dir.secret(IDENTITY)?.0);
    let (mut database, directory) = Database::open(&path, dir)?;
    let mut plan = Plan { directory, changes: Vec::new(), done: Imported::default() };
    plan.add_accounts(&files)?;
    plan.add_rooms(&files.rooms, &identity);
    if !plan.changes.is_empty() {
        database.apply(&plan.changes).map_err(MigrationError::NotStored)?;
    }
    Ok(plan.done)
}

/// What is to be changed, and what it leads to.
struct Plan {
    directory: Directory,
    changes: Vec<Change>,
    done: Imported,
}

impl Plan {
    fn change(&mut self, change: Change) {
        self.directory.apply(&change).expect("a change is checked before it is planned");
        self.changes.push(change);
    }

    fn skip(&mut self, what: &str, name: &str, why: &str) {
        self.done.skipped.push(format!("{what} {name}: {why}"));
    }

    fn add_accounts(&mut self, files: &OldFiles) -> Result<(), MigrationError> {
        let mut wanted = BTreeMap::new();
        for (username, password) in &files.users {
            match self.wanted(username, password, &wanted) {
                Ok((name, password)) => {
                    wanted.insert(name.skeleton(), (name, password));
                }
                Err(why) => self.skip("the account", username, why),
            }
        }
        let now = now();
        let wanted = wanted.into_values().collect::<Vec<_>>();
        let verifiers = verifiers(&wanted)?;
        for ((name, _), verifier) in wanted.into_iter().zip(verifiers) {
            self.change(Change::AccountAdded { name: name.clone(), verifier, key: None, at: now });
            if let Some(at) = files.peers.get(name.as_str()).and_then(OldPeer::seen) {
                self.change(Change::LastSeen { name, at });
            }
            self.done.accounts += 1;
        }
        Ok(())
    }

    /// An account that can be made, with its password.
    fn wanted(
        &self,
        username: &str,
        password: &str,
        others: &BTreeMap<String, (Name, PasswordHash)>,
    ) -> Result<(Name, PasswordHash), &'static str> {
        if password == NO_PASSWORD {
            return Err("its password was not exported");
        }
        let name = Name::new(username).map_err(|_| "this cannot be a name here")?;
        if name.looks_like_label() {
            return Err("this cannot be a name here");
        }
        if self.directory.is_account_taken(&name) {
            return Err("that name, or one that looks like it, is here already");
        }
        if others.contains_key(&name.skeleton()) {
            return Err("another one looks like it");
        }
        if self.directory.accounts_len() + others.len() >= Limits::DEFAULT.users_max {
            return Err("there are too many");
        }
        let is_plain = password.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        let bytes = hex::decode(password).filter(|_| is_plain).and_then(|bytes| bytes.try_into().ok());
        bytes.map(|bytes| (name, PasswordHash(bytes))).ok_or("its password is not 64 digits of lower-case hexadecimal")
    }

    fn add_rooms(&mut self, rooms: &BTreeMap<String, OldRoom>, identity: &Identity) {
        let mut nonces = random_seed().stream("room", 0);
        for (called, room) in rooms {
            match self.room(called, room) {
                Ok((name, members)) => {
                    let nonce = nonces.bytes();
                    let owner = papo_proto::identity::Key([0; 32]);
                    let record = CreationRecord { nonce, name, owner, tracker: identity.key(), flags: PLAINTEXT };
                    self.add_room(record, &members);
                }
                Err(why) => self.skip("the room", called, why),
            }
        }
    }

    fn add_room(&mut self, record: CreationRecord, members: &[Name]) {
        let id: RoomId = record.id();
        let owner = members[0].clone();
        self.change(Change::RoomAdded { record, owner, capacity: CAPACITY, epoch: 0 });
        for (epoch, name) in (1..).zip(members) {
            self.change(Change::MemberAdded { room: id, name: name.clone(), epoch });
        }
        self.done.rooms += 1;
    }

    /// A room that can be made, with those who come into it; whoever owns it first.
    fn room(&self, called: &str, room: &OldRoom) -> Result<(Name, Vec<Name>), &'static str> {
        let name = Name::new(called).map_err(|_| "this cannot be a name here")?;
        if self.directory.is_room_taken(&name) {
            return Err("that name, or one that looks like it, is here already");
        }
        if self.directory.rooms_len() >= Limits::DEFAULT.rooms_max {
            return Err("there are too many");
        }
        let mut members = Vec::new();
        for peer in [&room.peer_owner, &room.peer_one, &room.peer_two].into_iter().flatten() {
            let Ok(name) = Name::new(&peer.username) else { continue };
            if self.may_come(&name) && !members.contains(&name) {
                members.push(name);
            }
        }
        if members.is_empty() { Err("none of its people can be in it") } else { Ok((name, members)) }
    }

    /// Whether an account may be put into a plaintext room: whoever has a key says himself where he goes.
    fn may_come(&self, name: &Name) -> bool {
        let account = self.directory.account(name).filter(|account| account.key.is_none());
        account.is_some_and(|account| account.rooms().len() < Limits::DEFAULT.rooms_per_user_max)
    }
}

/// The verifiers of so many passwords, made on as many cores as there are.
fn verifiers(accounts: &[(Name, PasswordHash)]) -> Result<Vec<Verifier>, MigrationError> {
    let workers = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let each = accounts.len().div_ceil(workers).max(1);
    let parts = thread::scope(|scope| {
        let workers = accounts.chunks(each).map(|part| {
            scope.spawn(|| part.iter().map(|(_, password)| verifier(password)).collect::<Result<Vec<_>, _>>())
        });
        let workers = workers.collect::<Vec<_>>();
        workers.into_iter().map(|worker| worker.join().expect("hashing does not panic")).collect::<Vec<_>>()
    });
    let mut verifiers = Vec::with_capacity(accounts.len());
    for part in parts {
        verifiers.extend(part?);
    }
    Ok(verifiers)
}

fn verifier(password: &PasswordHash) -> Result<Verifier, MigrationError> {
    let salt = random_seed().stream("salt", 0).bytes();
    match passwords::check(&PasswordCheck::Create { password: password.0, salt }) {
        PasswordOutcome::Created(verifier) => Ok(Verifier(verifier)),
        PasswordOutcome::Matched | PasswordOutcome::Mismatched => {
            Err(MigrationError::NotStored("a password could not be hashed".into()))
        }
    }
}

fn now() -> Wall {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Wall(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
