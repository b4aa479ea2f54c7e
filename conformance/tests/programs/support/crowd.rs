//! A tracker's database with many accounts in it, written by the tracker's own store: what thousands of registrations
//! would have led to, without their passwords being hashed.

use papo_proto::{
    identity::Identity,
    names::Name,
    time::Wall,
    tracker::{Change, change::Verifier},
    wire::room::CreationRecord,
};
use papo_runtime_mio::{Store as _, data_dir::DataDir};
use papo_tracker::store::Database;
use tempfile::TempDir;

use super::raw::{named, secret};

/// Changes of one commit.
const BATCH: usize = 10_000;
/// Members of each room.
const MEMBERS: u32 = 10;
/// A tracker's key; who makes rooms knows no better.
const NOBODY: [u8; 32] = [0x77; 32];

/// The name of the account of the identity of this number. One of four is written with more than ASCII.
pub(crate) fn name(number: u32) -> Name {
    named(&if number.is_multiple_of(4) { format!("joão-{number}-日本") } else { format!("someone-{number}") })
}

/// The database of a tracker with so many accounts, which log in by the keys of the identities from 0 on, and rooms of
/// ten of them each.
pub(crate) fn data(accounts: u32, rooms: u32) -> TempDir {
    let temp = tempfile::tempdir().expect("a temporary directory");
    let dir = DataDir::open(temp.path()).expect("it is new");
    let (mut database, _) = Database::open(&temp.path().join("tracker.sqlite"), dir).expect("it is new");
    let mut changes = (0..accounts).map(|number| {
        // As long as a real one, and the password of nobody.
        let verifier = Verifier(format!("$argon2id$v=19$m=19456,t=2,p=1${number:022}${number:043}"));
        let key = Some(Identity::from_secret(&secret(number)).key());
        Change::AccountAdded { name: name(number), verifier, key, at: Wall(1_800_000_000_000) }
    });
    let mut rooms = (0..rooms).flat_map(|room| room_of(room, accounts));
    loop {
        let batch = changes.by_ref().chain(rooms.by_ref()).take(BATCH).collect::<Vec<_>>();
        if batch.is_empty() {
            return temp;
        }
        database.apply(&batch).expect("there is room on the disk");
    }
}

fn room_of(room: u32, accounts: u32) -> Vec<Change> {
    let owner = room * MEMBERS % accounts;
    let mut nonce = [0; 16];
    nonce[..4].copy_from_slice(&room.to_be_bytes());
    let record = CreationRecord {
        nonce,
        name: named(&format!("room-{room}")),
        owner: Identity::from_secret(&secret(owner)).key(),
        tracker: papo_proto::identity::Key(NOBODY),
        flags: 0,
    };
    let id = record.id();
    let members = (0..MEMBERS).map(|member| Change::MemberAdded {
        room: id,
        name: name((owner + member) % accounts),
        epoch: u64::from(member) + 1,
    });
    let made = Change::RoomAdded { record, owner: name(owner), capacity: 32, epoch: 0 };
    [made].into_iter().chain(members).collect()
}
