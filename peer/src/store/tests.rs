//! Changes go in, the store is opened anew, and the state comes out.

use std::fs;

use papo_proto::{
    identity::{Identity, Key},
    names::Name,
    peer::{
        Change, State,
        change::{Arrival, Incoming, LeftRoom, Realm, RoomLog, Transfer, Unacknowledged, Way},
    },
    time::Wall,
    wire::{
        codec::Text,
        peer::{About, Have, PrivateMessage, Scope},
        room::{Body, CreationRecord, Entry, EntryId, Parents, Said, SignedEntry},
        tracker::Status,
        transfer::{Audience, Hash, Offer, Reason, TransferId},
    },
};

use super::{PeerStore, Shown, StoreError};
use crate::frontend::sentences::{self, Language};

const LOG: u64 = u64::MAX - 4;

fn me() -> Identity {
    Identity::from_secret(&[1; 32])
}

fn name(text: &str) -> Name {
    Name::new(text).expect("valid")
}

fn record(nonce: u8) -> CreationRecord {
    CreationRecord { nonce: [nonce; 16], name: name("Sala"), owner: me().key(), tracker: Key([9; 32]), flags: 0 }
}

fn entry(author: &Identity, log: u64, seq: u64, parents: Vec<EntryId>) -> SignedEntry {
    let text = Said::new(format!("text {seq}")).expect("short");
    Entry {
        room: record(1).id(),
        author: author.key(),
        log,
        seq,
        parents: Parents::new(parents),
        at: Wall(1000 + seq),
        body: Body::Text { text },
    }
    .sign(author)
}

fn incoming(number: u64, room: Option<&str>) -> Incoming {
    Incoming {
        number,
        id: format!("id{number}"),
        from: name("Bia"),
        room: room.map(name),
        scope: room.is_none().then_some(Scope::Private),
        at: Wall(5),
        text: "olá\n\u{1b}[31m".to_owned(),
        gap: number == 2,
        plaintext: false,
    }
}

fn private(seq: u64) -> PrivateMessage {
    PrivateMessage { log: LOG, seq, scope: Scope::All, at: Wall(7), text: Said::new("psst").expect("short") }
}

/// A transfer; its `way` is what differs.
fn transfer(number: u64, way: Way) -> Transfer {
    let offer = Offer {
        name: Text::new(format!("fotos {number}")).expect("short"),
        tree: true,
        executable: number == 2,
        size: 1 << 62,
        files: 3,
        manifest: 77,
        audience: [Audience::Private, Audience::All, Audience::Room(record(1).id())][usize::from(number as u8 % 3)],
    };
    let id = TransferId([number as u8; 16]);
    Transfer { number, id, with: Key([7; 32]), user: name("Bia"), offer, paused: false, way }
}

fn outgoing() -> Way {
    Way::Outgoing { path: "/home/ana/fotos".to_owned(), scanned: Hash([4; 32]), skipped: 3, ended: None }
}

fn open(directory: &std::path::Path) -> PeerStore {
    PeerStore::open(directory, || LOG).expect("opens")
}

/// Applies changes in one go, and loads them from a store that was opened anew.
fn after(changes: &[Change]) -> State {
    let directory = tempfile::tempdir().expect("a directory");
    open(directory.path()).keep(changes).expect("applies");
    open(directory.path()).load(4096, u64::MAX / 2).expect("loads")
}

#[test]
fn a_new_store_has_a_log_number_that_stays() {
    let directory = tempfile::tempdir().expect("a directory");
    let first = PeerStore::open(directory.path(), || LOG).expect("opens").load(10, 0).expect("loads");
    assert_eq!(first, State { log: LOG, ..State::default() });
    let second = PeerStore::open(directory.path(), || 5).expect("opens").load(10, 0).expect("loads");
    assert_eq!(second.log, LOG);
    let mode = std::os::unix::fs::PermissionsExt::mode;
    let metadata = fs::metadata(directory.path().join("peer.sqlite")).expect("it is there");
    assert_eq!(mode(&metadata.permissions()) & 0o777, 0o600, "only its owner reads it");
}

#[test]
fn pins_trust_and_blocks_come_back_and_the_last_change_counts() {
    let (old, new, tracker) = (Key([2; 32]), Key([3; 32]), Key([9; 32]));
    let realm = Realm::Tracker(tracker);
    let state = after(&[
        Change::TrackerPinned { address: "t:6060".to_owned(), key: old },
        Change::TrackerPinned { address: "t:6060".to_owned(), key: tracker },
        Change::Pinned { realm, name: name("Bia"), key: old },
        Change::Pinned { realm, name: name("bia"), key: new },
        Change::Pinned { realm: Realm::Lan, name: name("bia"), key: old },
        Change::Verified { key: old, verified: true },
        Change::Verified { key: new, verified: true },
        Change::Verified { key: old, verified: false },
        Change::Blocked { realm, name: name("Caio"), blocked: true },
        Change::Blocked { realm, name: name("dora"), blocked: true },
        Change::Blocked { realm, name: name("CAIO"), blocked: false },
        Change::Welcomed { realm, name: name("Caio"), welcomed: true },
        Change::Welcomed { realm, name: name("eva"), welcomed: true },
        Change::Welcomed { realm, name: name("EVA"), welcomed: false },
    ]);
    assert_eq!(state.trackers, [("t:6060".to_owned(), tracker)]);
    assert_eq!(state.pins.len(), 2);
    assert!(state.pins.contains(&(realm, name("bia"), new)) && state.pins.contains(&(Realm::Lan, name("bia"), old)));
    assert_eq!(state.verified, [new]);
    assert_eq!(state.blocked, [(realm, name("dora"))]);
    assert_eq!(state.welcomed, [(realm, name("caio"))]);
}

#[test]
fn what_is_said_of_oneself_comes_back_at_its_bounds_and_as_the_state_has_it() {
    assert_eq!(after(&[]).about, About::default());
    for status in [Status::Online, Status::Away, Status::Busy] {
        let (status_text, profile) = (Text::new("é".repeat(128)).expect("fits"), Text::new("x\n".repeat(512)));
        let about = About { status, status_text, profile: profile.expect("fits") };
        let changes = [
            Change::Described { about: About { profile: Text::new("before").expect("short"), ..About::default() } },
            Change::Described { about: about.clone() },
        ];
        let mut kept = State::default();
        changes.iter().for_each(|change| kept.apply(change, 1));
        assert_eq!((after(&changes).about, kept.about), (about.clone(), about));
    }
}

#[test]
fn what_nobody_can_say_of_oneself_is_damage() {
    for wrong in
        ["status = 'offline'", "status = 'x'", "status_text = printf('%257c', 'x')", "profile = printf('%1025c', 'x')"]
    {
        let directory = tempfile::tempdir().expect("a directory");
        let store = open(directory.path());
        store.connection.execute(&format!("UPDATE self SET {wrong}"), []).expect("writes");
        assert!(matches!(store.load(1, 0), Err(StoreError::Corrupt { .. })), "{wrong}");
    }
}

#[test]
fn a_room_comes_back_with_its_logs_and_what_waits() {
    let (bia, caio) = (Identity::from_secret(&[2; 32]), Key([7; 32]));
    let head = EntryId([8; 32]);
    let room = record(1).id();
    let seen = entry(&bia, 4, 1, vec![head]);
    let (first, second) = (entry(&me(), LOG, 1, vec![seen.entry.id()]), entry(&me(), LOG, 2, vec![]));
    let state = after(&[
        Change::RoomEntered { record: record(1) },
        Change::Baseline { room, heads: vec![head] },
        Change::EntrySeen { entry: seen.clone(), incoming: incoming(1, Some("Sala")) },
        Change::EntrySaid { entry: first.clone(), receivers: vec![bia.key(), caio] },
        Change::PrivateSaid { message: private(1), receivers: vec![bia.key()] },
        Change::EntrySaid { entry: second.clone(), receivers: vec![bia.key(), caio] },
        Change::EntriesAcknowledged { room, receiver: bia.key(), have: Have { log: LOG, seq: 1 } },
        Change::EntriesAcknowledged { room, receiver: caio, have: Have { log: 3, seq: 9 } },
    ]);
    let known = vec![
        (head, vec![]),
        (seen.entry.id(), vec![head]),
        (first.entry.id(), vec![seen.entry.id()]),
        (second.entry.id(), vec![]),
    ];
    let seen = vec![(bia.key(), Have { log: 4, seq: 1 })];
    assert_eq!(state.rooms, [RoomLog { record: record(1), said: 2, seen, known }]);
    let mut both = vec![bia.key(), caio];
    both.sort();
    assert_eq!(
        state.unacknowledged,
        [
            Unacknowledged::Entry { entry: first, receivers: vec![caio] },
            Unacknowledged::Private { message: private(1), receivers: vec![bia.key()] },
            Unacknowledged::Entry { entry: second, receivers: both },
        ]
    );
}

#[test]
fn only_the_last_known_entries_are_loaded_oldest_first() {
    let directory = tempfile::tempdir().expect("a directory");
    let entries = (1..=5).map(|seq| entry(&me(), LOG, seq, vec![])).collect::<Vec<_>>();
    let said = entries.iter().map(|entry| Change::EntrySaid { entry: entry.clone(), receivers: vec![] });
    let changes = [Change::RoomEntered { record: record(1) }].into_iter().chain(said).collect::<Vec<_>>();
    open(directory.path()).keep(&changes).expect("applies");
    let state = open(directory.path()).load(2, 0).expect("loads");
    let known = state.rooms[0].known.iter().map(|(id, _)| *id).collect::<Vec<_>>();
    assert_eq!(known, [entries[3].entry.id(), entries[4].entry.id()]);
}

#[test]
fn a_baseline_that_is_said_again_gets_its_parents() {
    let bia = Identity::from_secret(&[2; 32]);
    let late = entry(&bia, 4, 1, vec![EntryId([8; 32])]);
    let state = after(&[
        Change::RoomEntered { record: record(1) },
        Change::Baseline { room: record(1).id(), heads: vec![late.entry.id()] },
        Change::EntrySeen { entry: late.clone(), incoming: incoming(1, Some("Sala")) },
        Change::Baseline { room: record(1).id(), heads: vec![late.entry.id()] },
    ]);
    assert_eq!(state.rooms[0].known, [(late.entry.id(), vec![EntryId([8; 32])])]);
}

#[test]
fn a_forgotten_room_drops_what_waits_and_its_numbers_go_on_when_it_is_entered_again() {
    let bia = Key([7; 32]);
    let enter = Change::RoomEntered { record: record(1) };
    let said = Change::EntrySaid { entry: entry(&me(), LOG, 1, vec![]), receivers: vec![bia] };
    let forget = Change::RoomForgotten { room: record(1).id() };
    let gone = after(&[enter.clone(), said.clone(), forget.clone()]);
    assert_eq!((gone.rooms.len(), gone.unacknowledged.len()), (0, 0));
    assert_eq!(gone.left, [LeftRoom { room: record(1).id(), said: 1, seen: vec![] }]);
    let again = after(&[enter.clone(), said, forget, enter]);
    assert_eq!((again.rooms[0].said, again.unacknowledged.len()), (1, 0));
    assert_eq!(again.left, []);
}

#[test]
fn what_waits_is_dropped_moved_and_acknowledged_for_the_right_receiver_only() {
    let (bia, caio, new) = (Key([5; 32]), Key([6; 32]), Key([7; 32]));
    let room = record(1).id();
    let changes = [
        Change::RoomEntered { record: record(1) },
        Change::EntrySaid { entry: entry(&me(), LOG, 1, vec![]), receivers: vec![bia, caio] },
        Change::PrivateSaid { message: private(1), receivers: vec![bia, caio] },
        Change::PrivateSaid { message: private(2), receivers: vec![bia] },
    ];
    let waiting = |more: Change| {
        let changes = changes.iter().cloned().chain([more]).collect::<Vec<_>>();
        let state = after(&changes);
        assert_eq!(state.private_said, 2);
        let list = state.unacknowledged.into_iter().map(|one| match one {
            Unacknowledged::Entry { receivers, .. } | Unacknowledged::Private { receivers, .. } => receivers,
        });
        list.collect::<Vec<_>>()
    };
    assert_eq!(
        waiting(Change::PrivateAcknowledged { receiver: bia, have: Have { log: LOG, seq: 1 } }),
        [vec![bia, caio], vec![caio], vec![bia]]
    );
    assert_eq!(
        waiting(Change::PrivateAcknowledged { receiver: bia, have: Have { log: LOG, seq: u64::MAX } }),
        [vec![bia, caio], vec![caio]]
    );
    assert_eq!(
        waiting(Change::ReceiverDropped { room: Some(room), receiver: bia }),
        [vec![caio], vec![bia, caio], vec![bia]]
    );
    assert_eq!(waiting(Change::ReceiverDropped { room: None, receiver: bia }), [vec![bia, caio], vec![caio]]);
    assert_eq!(waiting(Change::ReceiverMoved { from: bia, to: new }), [vec![caio, new], vec![caio, new], vec![new]]);
}

#[test]
fn what_was_kept_and_not_shown_comes_back_at_the_next_start_and_nothing_twice() {
    let directory = tempfile::tempdir().expect("a directory");
    let author = Key([5; 32]);
    let mut store = open(directory.path());
    let mut shown = Shown::open(directory.path(), 0).expect("opens");
    for number in 1..=3 {
        let have = Have { log: 1, seq: number };
        store.keep(&[Change::PrivateSeen { author, have, incoming: incoming(number, None) }]).expect("applies");
    }
    shown.note(2).expect("writes");
    shown.note(1).expect("never goes back");
    // Neither is closed in order: so it looks after a SIGKILL.
    std::mem::forget((store, shown));
    let store = open(directory.path());
    let shown = Shown::open(directory.path(), store.received().expect("reads")).expect("opens");
    let state = store.load(10, shown.number()).expect("loads");
    assert_eq!((state.received, state.unshown), (3, vec![incoming(3, None)]));
    assert_eq!(state.private_seen, [(author, Have { log: 1, seq: 3 })]);
}

#[test]
fn a_lost_or_foreign_note_of_what_was_shown_never_shows_a_whole_past_again() {
    let directory = tempfile::tempdir().expect("a directory");
    assert_eq!(Shown::open(directory.path(), 7).expect("opens").number(), 7);
    fs::write(directory.path().join("shown"), 900u64.to_be_bytes()).expect("writes");
    assert_eq!(Shown::open(directory.path(), 7).expect("opens").number(), 7);
    fs::write(directory.path().join("shown"), b"cut").expect("writes");
    assert_eq!(Shown::open(directory.path(), 7).expect("opens").number(), 7);
}

#[test]
fn changes_of_one_call_are_applied_all_or_none() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut store = open(directory.path());
    let seen = |number| Change::PrivateSeen {
        author: Key([5; 32]),
        have: Have { log: 1, seq: number },
        incoming: incoming(number, None),
    };
    store.keep(&[seen(1), seen(1)]).expect_err("a number is given once");
    assert_eq!(store.load(10, 0).expect("loads"), State { log: LOG, ..State::default() });
}

#[test]
fn a_database_that_is_not_understood_is_left_as_it_is() {
    let newer = |path: &std::path::Path| {
        drop(open(path.parent().expect("a directory")));
        let connection = rusqlite::Connection::open(path).expect("opens");
        connection.pragma_update(None, "user_version", super::schema::VERSION + 1).expect("writes");
    };
    let foreign = |path: &std::path::Path| {
        let connection = rusqlite::Connection::open(path).expect("opens");
        connection.execute_batch("CREATE TABLE mine (a)").expect("writes");
    };
    let garbage = |path: &std::path::Path| fs::write(path, [0x55; 8192]).expect("writes");
    let damaged = |path: &std::path::Path| {
        drop(open(path.parent().expect("a directory")));
        let mut bytes = fs::read(path).expect("reads");
        let length = bytes.len();
        bytes[4096..length - 4096].fill(0x55);
        fs::write(path, bytes).expect("writes");
    };
    type Spoil<'a> = &'a dyn Fn(&std::path::Path);
    let known = super::schema::VERSION;
    let cases: [(Spoil<'_>, &str); 4] = [
        (&newer, &format!("was written by a newer papo (format {}; this one knows {known})", known + 1)),
        (&foreign, "is not a database of papo"),
        (&garbage, "is damaged"),
        (&damaged, "is damaged"),
    ];
    for (spoil, sentence) in cases {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("peer.sqlite");
        spoil(&path);
        let before = fs::read(&path).expect("reads");
        let error = PeerStore::open(directory.path(), || LOG).expect_err("refused");
        let error = sentences::broken(Language::En, &error.into());
        assert!(error.contains(sentence) && error.contains("peer.sqlite") && !error.contains('\n'), "{error}");
        assert_eq!(fs::read(&path).expect("reads"), before, "{sentence}");
    }
}

#[test]
fn a_directory_in_the_way_is_one_clear_sentence() {
    let directory = tempfile::tempdir().expect("a directory");
    fs::create_dir(directory.path().join("peer.sqlite")).expect("made");
    let error = PeerStore::open(directory.path(), || LOG).expect_err("refused");
    assert!(matches!(error, StoreError::Unusable { .. }), "{error}");
}

#[test]
fn the_store_agrees_with_the_state_that_simulators_use_as_their_disk() {
    let (bia, caio) = (Identity::from_secret(&[2; 32]), Key([7; 32]));
    let room = record(1).id();
    let head = EntryId([8; 32]);
    let changes = [
        Change::TrackerPinned { address: "t:6060".to_owned(), key: caio },
        Change::Pinned { realm: Realm::Lan, name: name("bia"), key: bia.key() },
        Change::RoomEntered { record: record(1) },
        Change::Baseline { room, heads: vec![head] },
        Change::EntrySaid { entry: entry(&me(), LOG, 1, vec![head]), receivers: vec![caio, bia.key()] },
        Change::EntrySeen { entry: entry(&bia, 4, 1, vec![head]), incoming: incoming(1, Some("Sala")) },
        Change::PrivateSaid { message: private(1), receivers: vec![bia.key()] },
        Change::PrivateSaid { message: private(2), receivers: vec![] },
        Change::PrivateSeen { author: caio, have: Have { log: 1, seq: 3 }, incoming: incoming(2, None) },
        Change::EntrySaid { entry: entry(&me(), LOG, 2, vec![]), receivers: vec![caio] },
        Change::ReceiverMoved { from: bia.key(), to: Key([0xfe; 32]) },
        Change::EntriesAcknowledged { room, receiver: caio, have: Have { log: LOG, seq: 1 } },
        Change::Verified { key: caio, verified: true },
        Change::Blocked { realm: Realm::Lan, name: name("dora"), blocked: true },
        Change::RoomEntered { record: record(2) },
        Change::PrivateAcknowledged { receiver: Key([0xfe; 32]), have: Have { log: LOG, seq: 1 } },
        Change::ReceiverDropped { room: Some(room), receiver: caio },
        Change::RoomForgotten { room: record(2).id() },
    ];
    assert_agrees(&changes);
}

/// Store and state are the same after each change.
#[track_caller]
fn assert_agrees(changes: &[Change]) {
    let directory = tempfile::tempdir().expect("a directory");
    let mut store = open(directory.path());
    let mut memory = State { log: LOG, ..State::default() };
    for change in changes {
        store.keep(std::slice::from_ref(change)).expect("applies");
        memory.apply(change, 3);
        assert_eq!(store.load(3, 0).expect("loads"), memory, "after {change:?}");
    }
}

#[test]
fn the_store_agrees_with_the_state_about_transfers_both_ways_from_the_offer_to_the_end() {
    let offered = |number, way| Change::TransferOffered { transfer: transfer(number, way) };
    let half_way = Arrival::Accepted { executable: true, manifest: vec![1, 2], whole: Some(Hash([6; 32])) };
    let ended = |transfer, reason| Change::TransferEnded { transfer, reason };
    let mut changes = vec![
        offered(1, outgoing()),
        offered(2, Way::Incoming(Arrival::Offered)),
        offered(3, Way::Incoming(half_way)),
        offered(4, Way::Incoming(Arrival::Ended(Some(Reason::Busy)))),
        offered(
            5,
            Way::Outgoing { path: "/x".to_owned(), scanned: Hash([5; 32]), skipped: 0, ended: Some(Reason::OtherKey) },
        ),
        Change::TransferPaused { transfer: 1, paused: true },
        // What is not accepted has neither manifest nor hash.
        Change::TransferManifest { transfer: 2, bytes: vec![0; 3] },
        Change::TransferWhole { transfer: 2, sha256: Hash([1; 32]) },
        Change::TransferAccepted { transfer: 2, executable: false },
        Change::TransferManifest { transfer: 2, bytes: vec![9; 70_000] },
        Change::TransferManifest { transfer: 3, bytes: vec![3] },
        Change::TransferManifest { transfer: 2, bytes: vec![8] },
        Change::TransferPaused { transfer: 1, paused: false },
        Change::TransferWhole { transfer: 2, sha256: Hash([2; 32]) },
        // What goes from here can't be accepted here.
        Change::TransferAccepted { transfer: 1, executable: true },
        Change::TransferAccepted { transfer: 2, executable: true },
    ];
    changes.extend(Reason::ALL.iter().map(|&reason| ended(1, Some(reason))));
    changes.extend([ended(2, None), ended(3, Some(Reason::Full)), ended(99, None)]);
    // The last number is never given again.
    changes.extend([5, 1, 3].map(|transfer| Change::TransferForgotten { transfer }));
    assert_agrees(&changes);
    assert_eq!(after(&changes).transfers_numbered, 5);
}

#[test]
fn nothing_of_a_manifest_stays_when_its_transfer_has_ended_or_is_forgotten() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut store = open(directory.path());
    for number in [1, 2] {
        let offered = Change::TransferOffered { transfer: transfer(number, Way::Incoming(Arrival::Offered)) };
        let accepted = Change::TransferAccepted { transfer: number, executable: true };
        let manifest = Change::TransferManifest { transfer: number, bytes: vec![1; 9] };
        store.keep(&[offered, accepted, manifest]).expect("applies");
    }
    store.keep(&[Change::TransferEnded { transfer: 1, reason: None }]).expect("applies");
    store.keep(&[Change::TransferForgotten { transfer: 2 }]).expect("applies");
    let left = store.connection.query_row("SELECT count(*) FROM manifests", [], |row| row.get::<_, i64>(0));
    assert_eq!(left.expect("counts"), 0);
}

#[test]
fn a_database_of_the_first_format_is_brought_up_to_this_one_and_loses_nothing() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("peer.sqlite");
    let old = rusqlite::Connection::open(&path).expect("opens");
    old.execute_batch(super::schema::STEPS[0]).expect("SQL");
    old.execute_batch(
        "INSERT INTO self VALUES (5);
         INSERT INTO blocked VALUES ('lan', 'dora', 'Dora');
         INSERT INTO received VALUES (1, 'id1', 'Bia', NULL, 'all', 5, 'olá', 0);",
    )
    .expect("SQL");
    old.pragma_update(None, "application_id", super::schema::APPLICATION_ID).expect("writes");
    old.pragma_update(None, "user_version", 1).expect("writes");
    drop(old);
    for _ in 0..2 {
        let state = open(directory.path()).load(10, 0).expect("loads");
        assert_eq!((state.log, state.received, state.transfers_numbered), (5, 1, 0));
        assert_eq!(state.blocked, [(Realm::Lan, name("Dora"))]);
    }
    let mut store = open(directory.path());
    store.keep(&[Change::TransferOffered { transfer: transfer(1, outgoing()) }]).expect("applies");
    assert_eq!(store.load(10, 0).expect("loads").transfers, [transfer(1, outgoing())]);
    let version = store.connection.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0));
    assert_eq!(version.expect("reads"), super::schema::VERSION);
}

#[test]
fn of_a_transfer_of_the_second_format_nothing_was_left_out() {
    let directory = tempfile::tempdir().expect("a directory");
    let old = rusqlite::Connection::open(directory.path().join("peer.sqlite")).expect("opens");
    old.execute_batch(&super::schema::STEPS[..2].concat()).expect("SQL");
    let insert = format!(
        "INSERT INTO self VALUES (5);
         INSERT INTO transfers (number, id, peer, user, name, tree, executable, size, files, manifest, audience, paused,
                                path, scanned)
         VALUES (3, '{}', '{}', 'Bia', 'x', 0, 0, 1, 1, 0, 'private', 0, '/x', '{}');",
        "03".repeat(16),
        "07".repeat(32),
        "04".repeat(32)
    );
    old.execute_batch(&insert).expect("SQL");
    old.pragma_update(None, "application_id", super::schema::APPLICATION_ID).expect("writes");
    old.pragma_update(None, "user_version", 2).expect("writes");
    drop(old);
    let state = open(directory.path()).load(10, 0).expect("loads");
    assert_eq!((state.transfers.len(), state.transfers_numbered), (1, 3));
    let way = Way::Outgoing { path: "/x".to_owned(), scanned: Hash([4; 32]), skipped: 0, ended: None };
    assert_eq!((state.transfers[0].number, &state.transfers[0].way), (3, &way));
}

#[test]
fn an_acknowledgement_costs_the_same_however_much_was_ever_said() {
    let temp = tempfile::tempdir().expect("a temporary directory");
    let store = PeerStore::open(temp.path(), || LOG).expect("it opens");
    let mut plan = store.connection.prepare(&format!("EXPLAIN QUERY PLAN {}", super::apply::ACKNOWLEDGE)).expect("SQL");
    let steps = plan.query_map(["", "", "0", "0"], |row| row.get::<_, String>("detail")).expect("a plan");
    let steps = steps.collect::<Result<Vec<_>, _>>().expect("text");
    assert!(steps.iter().any(|step| step.contains("waiting USING") && step.contains("(receiver=?)")), "{steps:?}");
    assert!(steps.iter().any(|step| step == "SEARCH said USING INTEGER PRIMARY KEY (rowid=?)"), "{steps:?}");
}
