//! Rooms: making, joining, leaving, passing on, deleting, and what is told in which order.

use super::*;
use crate::{
    limits::MESSAGE_BYTES_MAX,
    tracker::change::Verifier,
    wire::{room::PLAINTEXT, tracker::RoomEvent},
};

/// A world with `who` logged in, each from its own host.
fn world_of<const N: usize>(who: [&str; N]) -> (World, [ConnId; N]) {
    let mut world = World::new();
    let mut secret = 0;
    let conns = who.map(|who| {
        secret += 1;
        world.register(who, secret)
    });
    (world, conns)
}

fn account(who: &str, secret: u8) -> Change {
    let verifier = Verifier(verifier(&PasswordHash::of("pw")));
    Change::AccountAdded { name: name(who), verifier, key: Some(key(secret)), at: WALL }
}

#[test]
fn a_creator_is_a_member_and_is_told_of_the_room_before_the_answer() {
    let (mut world, [ana]) = world_of(["ana"]);
    assert_eq!(world.ask(ana, &create(2, "Sala", 0)), ["Room Sala of ana [ana]/32 @1", "Done 2"]);
    assert_eq!(world.ask(ana, &create(3, "sala", 0)), ["Failed 3 RoomExists"]);
    assert_eq!(world.ask(ana, &create(4, "ѕala", 0)), ["Failed 4 RoomExists"]);
    let (id, room) = world.tracker.directory().room_named(&name("sala")).expect("it exists");
    let record = &room.record;
    assert_eq!((record.id(), record.owner, record.tracker, record.nonce), (id, key(1), key(200), [7; 16]));
    world.check_log();
}

#[test]
fn a_newcomer_is_announced_and_learns_who_is_there() {
    let (mut world, [ana, bia, caio]) = world_of(["ana", "bia", "caio"]);
    world.ask(ana, &create(2, "sala", 0));
    assert_eq!(world.ask(bia, &join(2, "SALA")), ["Contact ana Online", "Room sala of ana [ana bia]/32 @2", "Done 2"]);
    assert_eq!(world.show(ana), ["Contact bia Online", "Joined bia @2"]);
    world.hang_up(ana);
    world.show(bia);
    assert_eq!(
        world.ask(caio, &join(2, "sala")),
        ["Contact ana Offline", "Contact bia Online", "Room sala of ana [ana bia caio]/32 @3", "Done 2"]
    );
    assert_eq!(world.show(bia), ["Contact caio Online", "Joined caio @3"]);
    assert_eq!(world.ask(caio, &join(3, "sala")), ["Room sala of ana [ana bia caio]/32 @3", "Done 3"], "again is fine");
    assert_eq!(world.show(bia), [""; 0]);
    assert_eq!(world.ask(caio, &join(4, "nada")), ["Failed 4 UnknownRoom"]);
    world.check_log();
}

#[test]
fn a_plaintext_room_takes_in_only_who_says_that_it_means_it() {
    let (mut world, [ana, bia]) = world_of(["ana", "bia"]);
    let ToTracker::Create { request, name, capacity, nonce, .. } = create(2, "praça", 0) else { unreachable!() };
    world.ask(ana, &ToTracker::Create { request, name: name.clone(), capacity, nonce, flags: PLAINTEXT });
    assert_eq!(world.ask(bia, &join(2, "praça")), ["Failed 2 PlaintextRoom"]);
    assert_eq!(world.show(ana), [""; 0]);
    let room = "Room praça of ana [ana bia]/32 @2";
    let told = world.ask(bia, &ToTracker::Join { request: 3, name, plaintext: true });
    assert_eq!(told, ["Contact ana Online", room, "Done 3"]);
    assert_eq!(world.ask(bia, &join(4, "praça")), [room, "Done 4"], "it is in it");
    let other = ToTracker::Create { request: 5, name: super::name("quarto"), capacity, nonce, flags: 2 };
    assert_eq!(world.ask(bia, &other), ["Failed 5 OutOfRange"], "there is no such flag");
}

#[test]
fn a_room_passes_to_the_longest_standing_member_and_ends_with_the_last() {
    let (mut world, [ana, bia, caio]) = world_of(["ana", "bia", "caio"]);
    world.ask(ana, &create(2, "sala", 0));
    for conn in [caio, bia] {
        world.ask(conn, &join(2, "sala"));
    }
    world.show(caio);
    world.show(ana);
    assert_eq!(world.ask(ana, &leave(3, "sala")), ["Left ana @4", "Done 3"]);
    for conn in [bia, caio] {
        assert_eq!(world.show(conn), ["Left ana @4", "Owner caio @5"]);
    }
    assert_eq!(world.ask(ana, &leave(4, "sala")), ["Failed 4 NotMember"]);
    assert_eq!(world.ask(bia, &leave(4, "sala")), ["Left bia @6", "Done 4"]);
    assert_eq!(world.show(caio), ["Left bia @6"], "the owner stays");
    assert_eq!(world.ask(caio, &leave(4, "sala")), ["Left caio @7", "Done 4"]);
    assert_eq!(world.ask(caio, &leave(5, "sala")), ["Failed 5 UnknownRoom"]);
    assert_eq!(world.tracker.directory().rooms_len(), 0);
    world.check_log();
}

#[test]
fn only_the_owner_deletes_and_every_member_is_told() {
    let (mut world, [ana, bia]) = world_of(["ana", "bia"]);
    world.ask(ana, &create(2, "sala", 0));
    world.ask(bia, &join(2, "sala"));
    world.show(ana);
    assert_eq!(world.ask(bia, &delete(3, "sala")), ["Failed 3 NotOwner"]);
    assert_eq!(world.ask(bia, &delete(4, "nada")), ["Failed 4 UnknownRoom"]);
    assert_eq!(world.ask(ana, &delete(3, "sala")), ["Deleted ana @3", "Done 3"]);
    assert_eq!(world.show(bia), ["Deleted ana @3"]);
    assert_eq!(world.ask(bia, &create(5, "sala", 2)), ["Room sala of bia [bia]/2 @1", "Done 5"], "the name is free");
    world.check_log();
}

#[test]
fn a_room_takes_as_many_as_its_capacity_and_not_one_more() {
    let (mut world, [ana, bia, caio]) = world_of(["ana", "bia", "caio"]);
    assert_eq!(world.ask(ana, &create(2, "dois", 2))[1], "Done 2");
    assert_eq!(world.ask(bia, &join(2, "dois"))[2], "Done 2");
    assert_eq!(world.ask(caio, &join(2, "dois")), ["Failed 2 RoomFull"]);
    world.show(ana);
    assert_eq!(world.ask(ana, &create(3, "muitos", 257)), ["Failed 3 OutOfRange"]);
    assert_eq!(world.ask(ana, &create(4, "tantos", 256))[1], "Done 4");
    assert_eq!(world.ask(ana, &create(5, "um", 1))[1], "Done 5");
    assert_eq!(world.ask(bia, &join(5, "um")), ["Failed 5 RoomFull"]);
    let flags = ToTracker::Create { request: 6, name: name("x"), capacity: 0, nonce: [0; 16], flags: 2 };
    assert_eq!(world.ask(ana, &flags), ["Failed 6 OutOfRange"]);
}

#[test]
fn a_user_is_in_as_many_rooms_as_the_limit_and_not_one_more() {
    let limits = Limits { rooms_per_user_max: 2, rooms_max: 3, ..Limits::default() };
    let mut world = World::with(limits, Registration::Open, Vec::new());
    let (ana, bia, caio) = (world.register("ana", 1), world.register("bia", 2), world.register("caio", 3));
    assert_eq!(world.ask(ana, &create(2, "um", 0))[1], "Done 2");
    assert_eq!(world.ask(ana, &create(3, "dois", 0))[1], "Done 3");
    assert_eq!(world.ask(ana, &create(4, "tres", 0)), ["Failed 4 TooManyRooms"]);
    assert_eq!(world.ask(bia, &create(2, "tres", 0))[1], "Done 2");
    assert_eq!(world.ask(ana, &join(5, "tres")), ["Failed 5 TooManyRooms"]);
    assert_eq!(world.ask(caio, &create(2, "quatro", 0)), ["Failed 2 Full"]);
    assert_eq!(world.ask(ana, &leave(6, "um"))[1], "Done 6");
    assert_eq!(world.ask(ana, &join(7, "tres")).last().expect("answered"), "Done 7");
    world.check_log();
}

#[test]
fn rooms_are_listed_by_page_and_prefix_with_their_members() {
    let (mut world, [ana, bia]) = world_of(["ana", "bia"]);
    for (request, room) in [(2, "sala"), (3, "Cozinha"), (4, "sótão")] {
        world.ask(ana, &create(request, room, 0));
    }
    world.ask(bia, &join(2, "sala"));
    let mut list = |prefix: &str, after: Option<&str>| {
        world.ask(bia, &ToTracker::ListRooms { request: 9, prefix: text(prefix), after: after.map(name) }).remove(0)
    };
    assert_eq!(
        list("", None),
        "Rooms 9 [Cozinha of ana [ana]/32, sala of ana [ana bia]/32, sótão of ana [ana]/32] false"
    );
    assert_eq!(list("S", Some("sala")), "Rooms 9 [sótão of ana [ana]/32] false");
}

#[test]
fn a_page_ends_where_it_is_long_and_says_that_more_follows() {
    let mut state = vec![account("ana", 1)];
    state.extend((0..130).map(|index| account(&format!("m{index}-{}", "é".repeat(25)), 9)));
    let id = |room: u8| crate::wire::room::CreationRecord {
        nonce: [0; 16],
        name: name(&format!("sala{room}")),
        owner: key(1),
        tracker: key(200),
        flags: 0,
    };
    for room in 0..3 {
        state.push(Change::RoomAdded { record: id(room), owner: name("ana"), capacity: 256, epoch: 0 });
        state.extend((0..130).map(|index| Change::MemberAdded {
            room: id(room).id(),
            name: name(&format!("m{index}-{}", "é".repeat(25))),
            epoch: index + 1,
        }));
    }
    let mut world = World::with(Limits::default(), Registration::Open, state);
    let ana = world.connect("10.0.0.1:4000", 1);
    world.ask(ana, &login_key(1, "ana"));
    let (mut after, mut seen) = (None, Vec::new());
    loop {
        world.send(ana, &ToTracker::ListRooms { request: 2, prefix: text(""), after: after.clone() });
        let told = world.take(ana);
        let [page @ FromTracker::Rooms { rows, more, .. }] = &told[..] else { panic!("{told:?}") };
        assert!(page.to_bytes().len() <= 12 * 1024 + 16 && !rows.is_empty());
        assert!(rows.iter().all(|row| row.members.len() == 130), "no member is missing");
        seen.extend(rows.iter().map(|row| row.name.to_string()));
        after = rows.last().map(|row| row.name.clone());
        if !more {
            break;
        }
        assert_eq!(rows.len(), 1);
    }
    assert_eq!(seen, ["sala0", "sala1", "sala2"]);
}

#[test]
fn nothing_overtakes_a_change_that_is_not_committed_not_even_a_read() {
    let (mut world, [ana, bia]) = world_of(["ana", "bia"]);
    world.commits_at_once = false;
    world.send(ana, &create(2, "sala", 0));
    world.send(bia, &ToTracker::ListRooms { request: 2, prefix: text(""), after: None });
    world.send(bia, &ToTracker::Ping { nonce: 3 });
    assert_eq!((world.show(ana), world.show(bia)), (vec![], vec![]), "a read shows what is not kept yet");
    world.send(bia, &join(4, "sala"));
    let (first, _) =
        *world.commits.front().as_ref().map(|(seq, changes)| (*seq, changes.len())).as_ref().expect("two wait");
    world.commits.pop_front();
    world.event(Event::Committed(first));
    assert_eq!(world.show(ana), ["Room sala of ana [ana]/32 @1", "Done 2"]);
    assert_eq!(world.show(bia), ["Rooms 2 [sala of ana [ana]/32] false", "Pong 3"]);
    world.commit();
    assert_eq!(world.show(ana), ["Contact bia Online", "Joined bia @2"]);
    assert_eq!(world.show(bia), ["Contact ana Online", "Room sala of ana [ana bia]/32 @2", "Done 4"]);
}

#[test]
fn the_largest_room_is_told_in_one_message() {
    let mut state = vec![account("ana", 1)];
    let record = crate::wire::room::CreationRecord {
        nonce: [0; 16],
        name: name("sala"),
        owner: key(1),
        tracker: key(200),
        flags: 0,
    };
    state.push(Change::RoomAdded { record: record.clone(), owner: name("ana"), capacity: 256, epoch: 0 });
    let long = |index: u32| name(&char::from_u32(0x2_0000 + index).expect("an ideograph").to_string().repeat(32));
    for index in 0..255 {
        state.push(account(long(index).as_str(), 2));
        state.push(Change::MemberAdded { room: record.id(), name: long(index), epoch: u64::from(index) + 1 });
    }
    let mut world = World::with(Limits::default(), Registration::Open, state);
    let ana = world.connect("10.0.0.1:4000", 1);
    world.ask(ana, &login_key(1, "ana"));
    world.send(ana, &join(2, "sala"));
    let told = world.take(ana);
    assert_eq!(told.len(), 255 + 2);
    let FromTracker::Room { room } = &told[255] else { panic!("{:?}", told[255]) };
    assert_eq!((room.members.len(), room.epoch), (256, 256));
    assert!(told[255].to_bytes().len() <= MESSAGE_BYTES_MAX);
}

#[test]
fn a_long_state_goes_out_piece_by_piece_and_misses_no_change() {
    let record = |room: &str| crate::wire::room::CreationRecord {
        nonce: [0; 16],
        name: name(room),
        owner: key(1),
        tracker: key(200),
        flags: 0,
    };
    let mut state = vec![account("ana", 1), account("bia", 2)];
    for room in ["sala", "quarto"] {
        state.push(Change::RoomAdded { record: record(room), owner: name("ana"), capacity: 256, epoch: 0 });
        state.push(Change::MemberAdded { room: record(room).id(), name: name("ana"), epoch: 1 });
    }
    for index in 0..250 {
        let who = format!("m{index:03}");
        state.push(account(&who, 9));
        let status = Change::AccountStatus {
            name: name(&who),
            status: crate::wire::tracker::Status::Online,
            text: text(&"x".repeat(256)),
        };
        state.push(status);
        state.push(Change::MemberAdded { room: record("sala").id(), name: name(&who), epoch: index + 2 });
    }
    let mut world = World::with(Limits::default(), Registration::Open, state);
    world.writes_at_once = false;
    let bia = world.connect("10.0.0.2:4000", 2);
    world.ask(bia, &login_key(1, "bia"));
    let ana = world.connect("10.0.0.1:4000", 1);
    world.send(ana, &login_key(1, "ana"));
    let first = world.take(ana);
    assert!(world.client(ana).wants_write && first.len() > 100 && first.len() < 250, "{}", first.len());
    assert!(first.iter().map(|message| message.to_bytes().len() + 18).sum::<usize>() <= 64 * 1024);

    // A room changes of which it has not been told; another is told at once, since it asks for it.
    world.ask(bia, &join(2, "sala"));
    assert_eq!(world.show(ana), ["Contact bia Online"], "no change of a room that it does not know");
    assert_eq!(
        world.ask(ana, &join(3, "quarto")),
        ["Room quarto of ana [ana]/32 @1", "Done 3"].map(|line| line.replace("32", "256"))
    );
    world.client(ana).wants_write = false;
    world.event(Event::Writable { conn: ana, bytes: 64 * 1024 });
    let rest = world.take(ana);
    let [.., FromTracker::Room { room }, FromTracker::Synced] = &rest[..] else { panic!("{rest:?}") };
    assert_eq!((room.record.name.as_str(), room.members.len(), room.epoch), ("sala", 252, 252));
    let contacts = first.iter().chain(&rest).filter(|message| matches!(message, FromTracker::Contact { .. })).count();
    assert_eq!((contacts, world.client(ana).wants_write), (250, false));
    world.send(bia, &leave(3, "sala"));
    let told = world.take(ana);
    assert!(matches!(&told[..], [FromTracker::RoomChanged { epoch: 253, what: RoomEvent::Left, .. }]), "{told:?}");
}
