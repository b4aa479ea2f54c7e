//! Rooms with clients that speak JSON objects in them, alone and among natives.

use super::{
    plaintext::{account, msg, place, plain_world},
    *,
};
use crate::{
    tracker::change::Verifier,
    wire::{
        room::{CreationRecord, PLAINTEXT},
        tracker::Dialect,
    },
};

/// A room object as `(owner, one, two)`, by name; `-` for null.
fn shown(room: &serde_json::Value) -> String {
    if room.is_null() {
        return "null".to_owned();
    }
    let peer = |slot: &str| room[slot]["username"].as_str().unwrap_or("-").to_owned();
    format!(
        "{}: {} {} {}",
        room["name"].as_str().expect("a name"),
        peer("peer_owner"),
        peer("peer_one"),
        peer("peer_two")
    )
}

/// What a client was told, each as its status and its room.
fn told(world: &mut World, conn: ConnId) -> Vec<String> {
    world.pass(1_000);
    let objects = world.heard(conn);
    let objects = objects.iter().map(|text| serde_json::from_str::<serde_json::Value>(text).expect("an object"));
    objects.map(|it| format!("{} {}", it["status"].as_str().expect("a status"), shown(&it["room"]))).collect()
}

fn ask(world: &mut World, conn: ConnId, cmd: &str, who: &str) -> Vec<String> {
    world.bytes(conn, place(cmd, "sala", who).as_bytes());
    told(world, conn)
}

fn three() -> (World, [ConnId; 3]) {
    let mut world = plain_world();
    let conns = [("ana", 1), ("bia", 2), ("caio", 3)].map(|(who, host)| world.register_plain(who, host));
    (world, conns)
}

#[test]
fn three_at_most_meet_in_a_room_and_each_is_told_of_the_others() {
    let (mut world, [ana, bia, caio]) = three();
    let duda = world.register_plain("duda", 4);
    assert_eq!(ask(&mut world, ana, "CREATE_ROOM", "ana"), ["OK null"]);
    let again = world.ask_plain(ana, &place("CREATE_ROOM", "Sala", "ana"));
    assert_eq!(again, [msg("ERROR", "A sala 'Sala' já existe.")]);
    assert_eq!(ask(&mut world, bia, "JOIN_ROOM", "bia"), ["OK sala: ana bia -"]);
    assert_eq!(told(&mut world, ana), ["ROOM_UPDATE sala: ana bia -"]);
    assert_eq!(ask(&mut world, caio, "JOIN_ROOM", "caio"), ["OK sala: ana bia caio"]);
    for conn in [ana, bia] {
        assert_eq!(told(&mut world, conn), ["ROOM_UPDATE sala: ana bia caio"]);
    }
    let full = world.ask_plain(duda, &place("JOIN_ROOM", "sala", "duda"));
    assert_eq!(full, [msg("ERROR", "A sala 'sala' não existe ou está cheia.")]);
    assert_eq!(ask(&mut world, caio, "JOIN_ROOM", "caio"), ["OK sala: ana bia caio"], "again is fine");
    let not_own = world.ask_plain(bia, &place("DELETE_ROOM", "sala", "bia"));
    assert_eq!(not_own, [msg("ERROR", "A sala 'sala' não existe ou não pode ser deletada.")]);
    // The owner leaves: the next participant owns it.
    let left = world.ask_plain(ana, &place("LEAVE_ROOM", "sala", "ana"));
    assert_eq!(left, [msg("OK", "Usuário 'ana' saiu da sala 'sala'.")]);
    for conn in [bia, caio] {
        assert_eq!(told(&mut world, conn), ["ROOM_UPDATE sala: bia caio -"]);
    }
    let deleted = world.ask_plain(bia, &place("DELETE_ROOM", "sala", "bia"));
    assert_eq!(deleted, [msg("OK", "Sala 'sala' deletada com sucesso.")]);
    assert_eq!(told(&mut world, caio), ["ROOM_UPDATE null"]);
    assert_eq!(world.ask_plain(caio, r#"{"cmd":"LIST_ROOMS"}"#), [r#"{"status":"OK","rooms":{}}"#]);
    // The last one out ends a room.
    ask(&mut world, caio, "CREATE_ROOM", "caio");
    ask(&mut world, caio, "LEAVE_ROOM", "caio");
    assert_eq!(world.tracker.directory().rooms_len(), 0);
    world.check_log();
}

#[test]
fn whoever_closes_is_out_of_its_rooms_at_once_and_not_listed() {
    let (mut world, [ana, bia, _]) = three();
    ask(&mut world, ana, "CREATE_ROOM", "ana");
    ask(&mut world, bia, "JOIN_ROOM", "bia");
    world.heard(ana);
    let before = world.now;
    world.hang_up(ana);
    assert_eq!(world.now, before);
    assert_eq!(told(&mut world, bia), ["ROOM_UPDATE sala: bia - -"]);
    let [peers] = &world.ask_plain(bia, r#"{"cmd":"LIST_PEERS"}"#)[..] else { panic!("one object") };
    assert!(!peers.contains("\"ana\"") && peers.contains("\"room\":\"sala\""), "{peers}");
    world.check_log();
}

#[test]
fn natives_and_old_clients_see_each_other_in_lists_and_plaintext_rooms() {
    let mut world = plain_world();
    let ana = world.connect("10.0.0.1:4000", 1);
    world.send(
        ana,
        &ToTracker::Register {
            request: 1,
            name: name("ana"),
            password: PasswordHash::of("pw"),
            token: None,
            claimed: claimed(&["10.0.0.1:6061"]),
        },
    );
    world.show(ana);
    let [bia, caio] = [("bia", 2), ("caio", 3)].map(|(who, host)| world.register_plain(who, host));
    let of = |room: &str, flags| ToTracker::Create { request: 2, name: name(room), capacity: 5, nonce: [7; 16], flags };
    world.ask(ana, &of("segredo", 0));
    let hidden = world.ask_plain(bia, &place("JOIN_ROOM", "segredo", "bia"));
    assert_eq!(hidden, [msg("ERROR", "A sala 'segredo' não existe.")], "it was not made as a plaintext room");
    assert_eq!(world.ask_plain(bia, r#"{"cmd":"LIST_ROOMS"}"#), [r#"{"status":"OK","rooms":{}}"#]);
    let [peers] = &world.ask_plain(bia, r#"{"cmd":"LIST_PEERS"}"#)[..] else { panic!("one object") };
    let peers: serde_json::Value = serde_json::from_str(peers).expect("an object");
    assert_eq!(
        (&peers["peers"]["ana"]["port"], &peers["peers"]["ana"]["room"]),
        (&6061.into(), &serde_json::Value::Null)
    );
    assert_eq!((&peers["peers"]["bia"]["address"], &peers["peers"]["bia"]["port"]), (&"10.0.0.2".into(), &5000.into()));

    world.ask(ana, &of("sala", PLAINTEXT));
    assert_eq!(ask(&mut world, bia, "JOIN_ROOM", "bia"), ["OK sala: ana bia -"]);
    assert_eq!(world.show(ana), ["Contact bia Online 10.0.0.2:5000", "Joined bia @2"]);
    assert_eq!(ask(&mut world, caio, "JOIN_ROOM", "caio"), ["OK sala: ana bia caio"]);
    let Some(FromTracker::Contact { contact }) = world.take(ana).into_iter().next() else { panic!("a contact") };
    assert_eq!((contact.key, contact.dialect), (None, Dialect::Json));
    // A room of natives may be larger: whoever asks comes first, then those who are there.
    let duda = world.register_plain("duda", 4);
    assert_eq!(ask(&mut world, duda, "JOIN_ROOM", "duda"), ["OK sala: ana duda bia"]);
    world.heard(bia);
    // A native that comes and goes is told of, too.
    world.hang_up(ana);
    assert_eq!(
        told(&mut world, bia),
        ["ROOM_UPDATE sala: - bia caio"],
        "a native's membership survives its connection"
    );
    let ana = world.connect("10.0.0.1:4000", 1);
    world.send(ana, &ToTracker::LoginKey { request: 1, name: name("ana"), claimed: claimed(&["10.0.0.1:6061"]) });
    assert_eq!(told(&mut world, bia), ["ROOM_UPDATE sala: ana bia caio"]);
    world.show(ana);
    world.ask(ana, &leave(3, "sala"));
    assert_eq!(told(&mut world, bia), ["ROOM_UPDATE sala: bia caio duda"]);
    world.ask(ana, &ToTracker::Join { request: 4, name: name("sala"), plaintext: true });
    assert_eq!(told(&mut world, bia), ["ROOM_UPDATE sala: bia caio duda"]);
    world.hang_up(bia);
    let last = world.show(ana).into_iter().filter(|told| !told.starts_with("Contact")).collect::<Vec<_>>();
    assert_eq!(last[last.len() - 2..], ["Left bia @8", "Owner caio @9"]);
    world.check_log();
}

/// A room as it is stored when the tracker starts: `owner` and `others`, without keys.
fn stored(owner: &str, others: &[&str]) -> Vec<Change> {
    let record = CreationRecord {
        nonce: [7; 16],
        name: name("sala"),
        owner: Key([0; 32]),
        tracker: Identity::from_secret(&[200; 32]).key(),
        flags: PLAINTEXT,
    };
    let id = record.id();
    let everyone = std::iter::once(&owner).chain(others).copied();
    let accounts = everyone.clone().map(|who| Change::AccountAdded {
        name: name(who),
        verifier: Verifier(verifier(&PasswordHash::of("pw"))),
        key: None,
        at: Wall(1),
    });
    let mut changes = accounts.collect::<Vec<_>>();
    changes.push(Change::RoomAdded { record, owner: name(owner), capacity: 3, epoch: 0 });
    changes.extend((1..).zip(everyone).map(|(epoch, who)| Change::MemberAdded { room: id, name: name(who), epoch }));
    changes
}

fn restarted(owner: &str, others: &[&str]) -> World {
    let start = Start { allow_plaintext: true, ..start(vec!["127.0.0.1:0".parse().expect("an address")]) };
    World::of(start, stored(owner, others))
}

#[test]
fn members_without_a_session_are_null_and_give_their_place_to_whoever_needs_it() {
    let mut world = restarted("ana", &["bia", "caio"]);
    let duda = world.register_plain("duda", 4);
    world.bytes(duda, br#"{"cmd":"LIST_ROOMS"}"#);
    let [rooms] = &world.heard(duda)[..] else { panic!("one object") };
    assert!(rooms.contains(r#""peer_owner":null,"peer_one":null,"peer_two":null"#), "{rooms}");
    // One of those who were there comes back: it is where it was.
    let caio = world.open_plain("10.0.0.3:4000");
    world.ask_plain(caio, &account("LOGIN", "caio", "pw", 5000));
    assert_eq!(ask(&mut world, duda, "JOIN_ROOM", "duda"), ["OK sala: - caio duda"], "bia gave way");
    assert_eq!(told(&mut world, caio), ["ROOM_UPDATE sala: - caio duda"]);
    let elsa = world.register_plain("elsa", 5);
    assert_eq!(ask(&mut world, elsa, "JOIN_ROOM", "elsa"), ["OK sala: caio duda elsa"], "and the owner, too");
    let fabio = world.register_plain("fabio", 6);
    let full = world.ask_plain(fabio, &place("JOIN_ROOM", "sala", "fabio"));
    assert_eq!(full, [msg("ERROR", "A sala 'sala' não existe ou está cheia.")]);
    world.check_log();
}

#[test]
fn a_native_that_is_away_keeps_its_place_and_is_told_of_evictions() {
    let mut world = restarted("ana", &["bia"]);
    let native = world.register("nina", 9);
    let joined = world.ask(native, &ToTracker::Join { request: 2, name: name("sala"), plaintext: true });
    assert_eq!(joined.last().map(String::as_str), Some("Done 2"));
    let caio = world.register_plain("caio", 3);
    ask(&mut world, caio, "JOIN_ROOM", "caio");
    assert_eq!(world.show(native), ["Contact caio Online 10.0.0.3:5000", "Evicted bia @4", "Joined caio @5"],);
    world.hang_up(native);
    let duda = world.register_plain("duda", 4);
    ask(&mut world, duda, "JOIN_ROOM", "duda");
    let elsa = world.register_plain("elsa", 5);
    let full = world.ask_plain(elsa, &place("JOIN_ROOM", "sala", "elsa"));
    assert_eq!(full, [msg("ERROR", "A sala 'sala' não existe ou está cheia.")]);
    let (_, room) = world.tracker.directory().room_named(&name("sala")).expect("it is there");
    assert_eq!((names(room.members()), room.owner.as_str()), ("nina caio duda".to_owned(), "nina"));
    world.check_log();
}

#[test]
fn a_room_in_which_nobody_is_left_but_ghosts_ends() {
    let mut world = restarted("ana", &["bia"]);
    let caio = world.register_plain("caio", 3);
    ask(&mut world, caio, "JOIN_ROOM", "caio");
    ask(&mut world, caio, "LEAVE_ROOM", "caio");
    assert_eq!(world.tracker.directory().rooms_len(), 0);
    world.check_log();
}
